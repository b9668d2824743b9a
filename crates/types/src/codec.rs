//! The canonical codec: a version byte, then borsh.
//!
//! Borsh has one encoding per value: fixed-width little-endian integers, length-prefixed sequences,
//! ordered maps. [`decode`] refuses what borsh alone would let pass: unknown versions and trailing
//! bytes. Every top-level thing that is hashed, signed or stored goes through this module, so a
//! change of any layout needs a new version and shows in the pinned-encoding test.

use borsh::{BorshDeserialize, BorshSerialize};

/// The version byte that this binary writes.
pub const VERSION: u8 = 1;

/// Room for most values, an open order among them, so that encoding does not grow its buffer step by step.
const CAPACITY_BYTES: usize = 192;

/// Bytes that are not the canonical encoding of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No bytes at all, where at least a version byte was due.
    #[error("empty input: expected a version byte")]
    Empty,
    /// A version that this binary does not know.
    #[error("unknown encoding version {found}, this binary reads version {VERSION}")]
    UnknownVersion {
        /// The byte found.
        found: u8,
    },
    /// More bytes than the value may have.
    #[error("{found_bytes} bytes, more than the limit of {limit_bytes}")]
    TooLarge {
        /// Bytes given.
        found_bytes: usize,
        /// Bytes allowed.
        limit_bytes: usize,
    },
    /// Bytes that do not decode to the expected shape, or that continue after it.
    #[error("malformed encoding: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
}

/// Encodes `value` behind the version byte.
///
/// # Panics
/// Never for the types of this crate: writing to memory does not fail, and no collection exceeds 2^32 entries.
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CAPACITY_BYTES);
    bytes.push(VERSION);
    borsh::to_writer(&mut bytes, value).expect("a value of at most 2^32 entries encodes into memory");
    bytes
}

/// Decodes what [`encode`] wrote, refusing anything longer than `limit_bytes`.
pub fn decode<T: BorshDeserialize>(bytes: &[u8], limit_bytes: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit_bytes {
        return Err(DecodeError::TooLarge { found_bytes: bytes.len(), limit_bytes });
    }
    let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if version != VERSION {
        return Err(DecodeError::UnknownVersion { found: version });
    }
    borsh::from_slice(body).map_err(|error| DecodeError::Malformed { reason: error.to_string() })
}
