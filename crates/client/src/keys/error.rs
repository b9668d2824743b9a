//! What can be wrong with a key file.

use super::KeyKind;
use palisade_types::address::SignerId;
use std::path::{Path, PathBuf};

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// No such file.
    #[error("no key file at {}", path.display())]
    NotFound {
        /// Where it should be.
        path: PathBuf,
    },
    /// A key is never overwritten.
    #[error("{} exists already: keys are never overwritten", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("{} has mode {mode:03o}, others can read it: chmod 600 it, or better, make a new key", path.display())]
    TooOpen {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key file.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// Where.
        path: PathBuf,
        /// What is wrong; never the content.
        reason: String,
    },
    /// A key for something else.
    #[error("{} holds a key of kind {found:?}, expected {expected:?}", path.display())]
    WrongKind {
        /// Where.
        path: PathBuf,
        /// Wanted.
        expected: KeyKind,
        /// Found.
        found: KeyKind,
    },
    /// The secret is that of another public key.
    #[error("{} states public key {stated}, its secret is that of {found}", path.display())]
    PublicMismatch {
        /// Where.
        path: PathBuf,
        /// What the file states.
        stated: SignerId,
        /// What its secret gives.
        found: SignerId,
    },
    /// A seat's key asked to sign an action.
    #[error("a key of kind {kind:?} signs no actions: use a user or agent key")]
    SignsNoActions {
        /// Its kind.
        kind: KeyKind,
    },
    /// The operating system gave no entropy.
    #[error("no entropy for a new key: {reason}")]
    NoEntropy {
        /// What it said.
        reason: String,
    },
    /// The file system failed.
    #[error("{}: {reason}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl KeyFileError {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), reason: error.to_string() }
    }
}
