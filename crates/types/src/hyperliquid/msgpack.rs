//! Msgpack, the part of it that JSON documents become, in exactly one way.
//!
//! A [`Value`] keeps the order of keys and the difference between `10` and `10.0`, because both are hashed.
//! Encoding uses the smallest form of every number and length, as the official Python client's library does;
//! decoding refuses any other, so that equal values have equal bytes and equal bytes equal values.
//! Bounds hold both ways: nesting of at most [`DEPTH_MAX`], at most [`ACTION_BYTES_MAX`] bytes, string keys
//! without duplicates, finite floats.

use crate::limits::ACTION_BYTES_MAX;
use std::collections::BTreeSet;

mod reader;
mod writer;

/// Most maps and arrays inside each other.
pub const DEPTH_MAX: usize = 16;

/// A JSON document as msgpack sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from 0.
    Unsigned(u64),
    /// A whole number below 0. A number from 0 in here is encoded as if it were `Unsigned`.
    Negative(i64),
    /// The bits of a 64-bit floating point number: what JSON writes with a point or an exponent.
    Float(u64),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// Keys and values in the order received.
    Map(Vec<(String, Value)>),
}

/// Why bytes or a value are not msgpack that counts here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MsgpackError {
    /// The bytes end inside a value.
    #[error("msgpack ends at byte {at}, inside a value")]
    Truncated {
        /// Where.
        at: usize,
    },
    /// Bytes go on after the value.
    #[error("msgpack has bytes after the value, from byte {at}")]
    Trailing {
        /// Where.
        at: usize,
    },
    /// A number or a length could be written shorter.
    #[error("msgpack at byte {at} is not in its shortest form")]
    NotShortest {
        /// Where.
        at: usize,
    },
    /// Binary, extension and 32-bit float types do not come from JSON.
    #[error("msgpack type {byte:#04x} at byte {at} is not used")]
    UnusedType {
        /// Its first byte.
        byte: u8,
        /// Where.
        at: usize,
    },
    /// A text that is not UTF-8.
    #[error("msgpack text at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Where.
        at: usize,
    },
    /// A key that is not a text.
    #[error("msgpack key at byte {at} is not a text")]
    KeyNotText {
        /// Where.
        at: usize,
    },
    /// A key twice in one map.
    #[error("key {key:?} occurs twice")]
    DuplicateKey {
        /// The key, cut to 40 characters.
        key: String,
    },
    /// Not a number, or infinite.
    #[error("a floating point number is not finite")]
    NotFinite,
    /// Too many maps and arrays inside each other.
    #[error("nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// Too many bytes.
    #[error("more than {ACTION_BYTES_MAX} bytes")]
    TooLarge,
}

impl Value {
    /// The value's only encoding.
    pub fn encode(&self) -> Result<Vec<u8>, MsgpackError> {
        writer::encode(self)
    }

    /// Decodes what [`Value::encode`] wrote, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MsgpackError> {
        reader::decode(bytes)
    }

    /// The value under `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Whether the bits stand for a finite number: the exponent is not all ones.
const fn is_finite(bits: u64) -> bool {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    bits & EXPONENT != EXPONENT
}

fn check_keys(entries: &[(String, Value)]) -> Result<(), MsgpackError> {
    let mut seen = BTreeSet::new();
    for (key, _) in entries {
        if !seen.insert(key.as_str()) {
            return Err(MsgpackError::DuplicateKey { key: key.chars().take(40).collect() });
        }
    }
    Ok(())
}
