//! Files that people hand to a node: genesis, recorded prices, keys.

use crate::memory::bounded;
use palisade_agents::price::bars::BarHistory;
use palisade_client::keys::Key;
use palisade_types::{codec, genesis::Genesis};
use std::{fs, path::PathBuf, sync::LazyLock};
use tempfile::TempDir;

/// The folder in which decoders that read from paths find their input.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// A genesis: its JSON and its encoding name the same chain, and its rules are checked without a panic.
pub fn genesis(bytes: &[u8]) {
    let Ok(genesis) = bounded(bytes, |bytes| serde_json::from_slice::<Genesis>(bytes)) else { return };
    let text = serde_json::to_vec(&genesis).expect("a genesis is JSON");
    let again: Genesis = serde_json::from_slice(&text).expect("its own JSON");
    assert_eq!(again, genesis);
    let encoded = codec::encode(&genesis);
    let decoded: Genesis = codec::decode(&encoded, encoded.len()).expect("its own encoding");
    assert_eq!(decoded.hash(), genesis.hash());
    assert_eq!(decoded.check(), genesis.check());
}

/// Recorded bars: what is read has only positive prices at whole minutes.
pub fn price_file(bytes: &[u8]) {
    let path = written("bars.csv", bytes);
    let Ok(history) = bounded(bytes, |_| BarHistory::load(&[path])) else { return };
    for base in ["BTC", "ETH", "USDT", "USDC"] {
        for (minute_ms, closes) in history.closes_usd(base) {
            assert!(minute_ms.is_multiple_of(60_000));
            assert!(closes.iter().all(|close| close.get() >= 0), "{base} at {minute_ms}: {closes:?}");
        }
    }
}

/// A key file: what is read, written again, is the same key for the same purpose.
pub fn key_file(bytes: &[u8]) {
    let path = written("key.json", bytes);
    let Ok(key) = bounded(bytes, |_| Key::load(&path)) else { return };
    let again_path = FOLDER.path().join("again.json");
    let _ = fs::remove_file(&again_path);
    key.create(&again_path).expect("a new file");
    let again = Key::load(&again_path).expect("its own file");
    assert_eq!((again.kind(), again.public()), (key.kind(), key.public()));
}

/// A file that its owner alone can read.
fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("a writable folder");
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("an own file");
    path
}
