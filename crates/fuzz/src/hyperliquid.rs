//! Hyperliquid's format: JSON to msgpack to hash, by our own path and by an independent one.
//!
//! The second path is `serde_json` with key order kept, then `rmp-serde`, then Keccak of `sha3`: nothing of ours but the
//! layout of the tail. Both must hash alike whatever our reader accepts.

use crate::memory::bounded;
use palisade_gateway::json;
use palisade_types::{
    address::AccountId,
    hyperliquid::{Value, decode_l1, decode_value, l1_hash},
    ids::Nonce,
    time::TimeMs,
};
use sha3::{Digest as _, Keccak256};

/// A client's action as JSON.
pub fn json(bytes: &[u8]) {
    let Ok(value) = bounded(bytes, json::parse) else { return };
    let again = serde_json::to_vec(&json::to_json(&value)).expect("JSON");
    assert_eq!(json::parse(&again).expect("its own JSON"), value, "a value does not survive its JSON");
    let Ok(packed) = value.encode() else { return };
    let other: serde_json::Value = serde_json::from_slice(bytes).expect("what our reader accepts is JSON");
    assert_eq!(packed, rmp_serde::to_vec(&other).expect("JSON packs"), "two ways of packing differ");
    compare_hashes(&packed, bytes.len() as u64);
    assert_eq!(decode_value(&value), decode_l1(&packed), "two ways of decoding differ");
}

/// An action as a block carries it: one encoding, and one meaning.
pub fn msgpack(bytes: &[u8]) {
    let Ok(value) = bounded(bytes, Value::decode) else { return };
    assert_eq!(value.encode().as_deref(), Ok(bytes), "msgpack with two encodings");
    assert_eq!(decode_value(&value), decode_l1(bytes), "two ways of decoding differ");
}

fn compare_hashes(packed: &[u8], number: u64) {
    let vault = AccountId([0xab; 20]);
    for vault in [None, Some(&vault)] {
        for expires_after_ms in [None, Some(number)] {
            let mut hash = Keccak256::new();
            hash.update(packed);
            hash.update(number.to_be_bytes());
            match vault {
                Some(vault) => {
                    hash.update([1]);
                    hash.update(vault.0);
                }
                None => hash.update([0]),
            }
            if let Some(expires_after_ms) = expires_after_ms {
                hash.update([0]);
                hash.update(expires_after_ms.to_be_bytes());
            }
            let expected: [u8; 32] = hash.finalize().into();
            let expires_after_ms = expires_after_ms.map(TimeMs::new);
            assert_eq!(l1_hash::connection_id(packed, Nonce::new(number), vault, expires_after_ms), expected);
        }
    }
}
