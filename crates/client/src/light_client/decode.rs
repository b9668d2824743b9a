//! From text to values, strictly: lower-case hexadecimal, bounded, nothing after the value, and the one
//! encoding of it, so that no two texts mean the same thing.

use super::{Part, VerifyError};
use crate::proof::{Certificate, HEADER_BYTES_MAX, from_hex};
use commonware_codec::{Decode, Encode};
use palisade_types::{block::Header, codec};

/// The bytes of `part`.
pub(super) fn bytes(part: Part, text: &str, limit_bytes: usize) -> Result<Vec<u8>, VerifyError> {
    let found_bytes = text.len().saturating_sub(2) / 2;
    if found_bytes > limit_bytes {
        return Err(VerifyError::TooLarge { part, found_bytes, limit_bytes });
    }
    from_hex(text).ok_or(VerifyError::NotHex { part })
}

/// A value of Commonware's codec.
pub(super) fn value<T: Decode + Encode>(
    part: Part,
    text: &str,
    limit_bytes: usize,
    config: &T::Cfg,
) -> Result<T, VerifyError> {
    let bytes = bytes(part, text, limit_bytes)?;
    let value = T::decode_cfg(bytes.clone(), config)
        .map_err(|error| VerifyError::Undecodable { part, reason: error.to_string() })?;
    if value.encode() != bytes {
        return Err(VerifyError::NotCanonical { part });
    }
    Ok(value)
}

/// A header.
pub(super) fn header(index: usize, text: &str) -> Result<Header, VerifyError> {
    let part = Part::Header { index };
    let bytes = bytes(part, text, HEADER_BYTES_MAX)?;
    let header: Header = codec::decode(&bytes, HEADER_BYTES_MAX)
        .map_err(|error| VerifyError::Undecodable { part, reason: error.to_string() })?;
    if header.encode() != bytes {
        return Err(VerifyError::NotCanonical { part });
    }
    Ok(header)
}

/// A certificate of a committee of that many seats.
pub(super) fn certificate(text: &str, seats: usize) -> Result<Certificate, VerifyError> {
    let limit_bytes = Certificate::max_encode_size(u32::try_from(seats).unwrap_or(u32::MAX));
    value(Part::Certificate, text, limit_bytes, &seats)
}
