//! Key files against a real file system.

use super::*;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory of this test's own, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("palisade-keys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder of its own");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_private(path: &Path, text: &str) {
    create_private(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
}

const KINDS: [KeyKind; 4] = [KeyKind::User, KeyKind::Agent, KeyKind::Vote, KeyKind::Oracle];

#[test]
fn a_key_comes_back_as_it_was() {
    let folder = Folder::new();
    for kind in KINDS {
        let path = folder.file(&format!("{kind:?}.json"));
        let key = Key::generate(kind).expect("entropy");
        key.create(&path).expect("a new file");
        let loaded = Key::load_kind(&path, kind).expect("the file just written");
        assert_eq!(loaded.expose_bytes(), key.expose_bytes());
        assert_eq!(loaded.public(), key.public());
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let error = Key::load_kind(&path, other).expect_err("another kind");
            assert_eq!(error, KeyFileError::WrongKind { path: path.clone(), expected: other, found: kind });
        }
    }
}

#[cfg(unix)]
#[test]
fn a_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.file("key.json");
    Key::generate(KeyKind::Vote).expect("entropy").create(&path).expect("a new file");
    assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("own file");
    assert_eq!(Key::load(&path).expect_err("too open"), KeyFileError::TooOpen { path, mode: 0o640 });
}

#[test]
fn a_key_is_never_overwritten() {
    let folder = Folder::new();
    let path = folder.file("key.json");
    let key = Key::generate(KeyKind::User).expect("entropy");
    key.create(&path).expect("a new file");
    let other = Key::generate(KeyKind::User).expect("entropy");
    assert_eq!(other.create(&path), Err(KeyFileError::Exists { path: path.clone() }));
    assert_eq!(load_user(&path).expect("the first key").signer_id(), key.public());
}

#[test]
fn damaged_files_are_named() {
    let folder = Folder::new();
    let missing = folder.file("missing.json");
    assert_eq!(Key::load(&missing).expect_err("no file"), KeyFileError::NotFound { path: missing });
    let key = Key::generate(KeyKind::User).expect("entropy");
    let other = Key::generate(KeyKind::User).expect("entropy");
    let secret = hex::encode(key.expose_bytes());
    let swapped = format!(r#"{{"version":1,"kind":"user","public":"{}","secret":"0x{secret}"}}"#, other.public());
    let path = folder.file("swapped.json");
    write_private(&path, &swapped);
    let (stated, found) = (other.public(), key.public());
    assert_eq!(Key::load(&path).expect_err("swapped"), KeyFileError::PublicMismatch { path, stated, found });
    let good = swapped.replace(&other.public().to_string(), &key.public().to_string());
    let bad = [
        String::new(),
        good[..good.len() - 2].to_owned(),
        good.replace("\"version\":1", "\"version\":2"),
        good.replace("\"user\"", "\"wizard\""),
        good.replace("\"kind\"", "\"kind\":\"user\",\"kind\""),
        good.replace(&secret, &secret[2..]),
        good.replace(&secret, &"0".repeat(64)),
        good.replace('}', ",\"extra\":1}"),
        " ".repeat(5_000),
    ];
    for (index, text) in bad.iter().enumerate() {
        let path = folder.file(&format!("bad-{index}.json"));
        write_private(&path, text);
        let error = Key::load(&path).expect_err(text);
        assert!(matches!(error, KeyFileError::Malformed { .. }), "{index}: {error}");
        assert!(!error.to_string().contains(&secret[2..]), "the secret leaks: {error}");
    }
}

#[test]
fn seat_keys_sign_no_actions() {
    use palisade_types::{action::Action, address::AccountId, envelope::Payload, ids::Nonce, signing};
    for kind in KINDS {
        let key = Key::generate(kind).expect("entropy");
        let envelope = Envelope {
            chain_id: 1,
            signer: key.public(),
            account: AccountId::default(),
            nonce: Nonce::new(1),
            expires_after_ms: None,
            payload: Payload::Native { action: Action::CancelAll { market: None } },
        };
        match kind {
            KeyKind::User | KeyKind::Agent => {
                signing::verify(key.sign(envelope).expect("a signing key")).expect("its own signature");
            }
            KeyKind::Vote | KeyKind::Oracle => {
                assert_eq!(key.sign(envelope), Err(KeyFileError::SignsNoActions { kind }));
            }
        }
    }
}
