//! Key files: one JSON object, readable by its owner alone.
//!
//! ```json
//! {"version":1,"kind":"agent","public":"ed25519:0x…","secret":"0x…"}
//! ```
//!
//! Rules:
//! - A file is created with mode 0600 and never overwritten; one that others can read is refused.
//! - The kind is checked on loading: a vote key never signs prices because of a mixed-up path.
//! - The public key is checked against the secret one, so that a damaged file does not become another key.
//! - No secret is ever printed: errors name the file and what is wrong with it.

use palisade_types::{
    address::SignerId,
    envelope::{Envelope, SignedAction},
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
};
use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
};

mod error;
pub use error::KeyFileError;

/// The layout of the file.
const VERSION: u32 = 1;
/// Longest key file.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// secp256k1: owns an account, or is an agent in Hyperliquid's format.
    User,
    /// Ed25519: acts for an account.
    Agent,
    /// Ed25519: signs a seat's votes and names its node to the peers.
    Vote,
    /// Ed25519: signs a seat's prices.
    Oracle,
}

/// A key with what it is for.
#[derive(Clone, Debug)]
pub enum Key {
    /// [`KeyKind::User`].
    User(Secp256k1SecretKey),
    /// [`KeyKind::Agent`].
    Agent(Ed25519SecretKey),
    /// [`KeyKind::Vote`].
    Vote(Ed25519SecretKey),
    /// [`KeyKind::Oracle`].
    Oracle(Ed25519SecretKey),
}

/// The content of a key file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    kind: KeyKind,
    public: SignerId,
    secret: String,
}

impl Key {
    /// Draws a key from the operating system's entropy.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyFileError> {
        loop {
            let mut bytes = [0u8; 32];
            OsRng.try_fill_bytes(&mut bytes).map_err(|error| KeyFileError::NoEntropy { reason: error.to_string() })?;
            // All but 2^-127 of the numbers are keys.
            if let Some(key) = Self::from_bytes(kind, bytes) {
                return Ok(key);
            }
        }
    }

    fn from_bytes(kind: KeyKind, bytes: [u8; 32]) -> Option<Self> {
        Some(match kind {
            KeyKind::User => Self::User(Secp256k1SecretKey::from_bytes(bytes).ok()?),
            KeyKind::Agent => Self::Agent(Ed25519SecretKey::from_bytes(bytes)),
            KeyKind::Vote => Self::Vote(Ed25519SecretKey::from_bytes(bytes)),
            KeyKind::Oracle => Self::Oracle(Ed25519SecretKey::from_bytes(bytes)),
        })
    }

    fn expose_bytes(&self) -> [u8; 32] {
        match self {
            Self::User(key) => key.expose_bytes(),
            Self::Agent(key) | Self::Vote(key) | Self::Oracle(key) => key.expose_bytes(),
        }
    }

    /// What it is for.
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::User(_) => KeyKind::User,
            Self::Agent(_) => KeyKind::Agent,
            Self::Vote(_) => KeyKind::Vote,
            Self::Oracle(_) => KeyKind::Oracle,
        }
    }

    /// Its public name.
    pub fn public(&self) -> SignerId {
        match self {
            Self::User(key) => key.signer_id(),
            Self::Agent(key) | Self::Vote(key) | Self::Oracle(key) => key.signer_id(),
        }
    }

    /// Signs an action, naming this key as its signer. Seat keys sign no actions.
    pub fn sign(&self, envelope: Envelope) -> Result<SignedAction, KeyFileError> {
        match self {
            Self::User(key) => Ok(key.sign(envelope)),
            Self::Agent(key) => Ok(key.sign(envelope)),
            Self::Vote(_) | Self::Oracle(_) => Err(KeyFileError::SignsNoActions { kind: self.kind() }),
        }
    }

    /// Writes a new key file.
    pub fn create(&self, path: &Path) -> Result<(), KeyFileError> {
        let io = |error| KeyFileError::io(path, error);
        let content = KeyFile {
            version: VERSION,
            kind: self.kind(),
            public: self.public(),
            secret: format!("0x{}", hex::encode(self.expose_bytes())),
        };
        let mut text = serde_json::to_string(&content).map_err(|error| io(error.into()))?;
        text.push('\n');
        let mut file = match create_private(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists { path: path.to_owned() });
            }
            opened => opened.map_err(io)?,
        };
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a key would be in the way of the next attempt; the first error is the one to report.
            let _ = fs::remove_file(path);
            return Err(io(error));
        }
        Ok(())
    }

    /// Loads a key file, whatever the key is for.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_private(path)?;
        let malformed = |reason: String| KeyFileError::Malformed { path: path.to_owned(), reason };
        let content: KeyFile = serde_json::from_str(&text).map_err(|error| malformed(describe(&error)))?;
        if content.version != VERSION {
            return Err(malformed(format!("version {}, this binary reads version {VERSION}", content.version)));
        }
        let mut bytes = [0u8; 32];
        let digits = content.secret.strip_prefix("0x").unwrap_or(&content.secret);
        hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| malformed("secret is not 32 bytes of hexadecimal".into()))?;
        let key =
            Self::from_bytes(content.kind, bytes).ok_or_else(|| malformed("secret is no secp256k1 key".into()))?;
        if key.public() != content.public {
            let (stated, found) = (content.public, key.public());
            return Err(KeyFileError::PublicMismatch { path: path.to_owned(), stated, found });
        }
        Ok(key)
    }

    /// Loads a key file that must hold a key of `kind`.
    pub fn load_kind(path: &Path, kind: KeyKind) -> Result<Self, KeyFileError> {
        let key = Self::load(path)?;
        if key.kind() != kind {
            return Err(KeyFileError::WrongKind { path: path.to_owned(), expected: kind, found: key.kind() });
        }
        Ok(key)
    }
}

/// Loads a user's key.
pub fn load_user(path: &Path) -> Result<Secp256k1SecretKey, KeyFileError> {
    match Key::load_kind(path, KeyKind::User)? {
        Key::User(key) => Ok(key),
        other => Err(KeyFileError::WrongKind { path: path.to_owned(), expected: KeyKind::User, found: other.kind() }),
    }
}

/// Loads an Ed25519 key of `kind`.
pub fn load_ed25519(path: &Path, kind: KeyKind) -> Result<Ed25519SecretKey, KeyFileError> {
    match Key::load_kind(path, kind)? {
        Key::Agent(key) | Key::Vote(key) | Key::Oracle(key) => Ok(key),
        Key::User(_) => Err(KeyFileError::WrongKind { path: path.to_owned(), expected: kind, found: KeyKind::User }),
    }
}

/// What serde said, without the text that it said it about: that may be the secret.
fn describe(error: &serde_json::Error) -> String {
    format!("no key file, at line {} column {}", error.line(), error.column())
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn read_private(path: &Path) -> Result<String, KeyFileError> {
    let io = |error| KeyFileError::io(path, error);
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(KeyFileError::NotFound { path: path.to_owned() });
        }
        opened => opened.map_err(io)?,
    };
    check_private(path, &file.metadata().map_err(io)?)?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_string(&mut text).map_err(io)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        let reason = format!("longer than {FILE_BYTES_MAX} bytes");
        return Err(KeyFileError::Malformed { path: path.to_owned(), reason });
    }
    Ok(text)
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_path: &Path, _metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(test)]
mod tests;
