//! EIP-712 hashing: the few types that are signed here, as 32-byte words.
//!
//! `hash = keccak256(0x19 ‖ 0x01 ‖ domain separator ‖ struct hash)`, where a struct hash is the keccak256 of the
//! type's hash and one word per field: numbers and addresses left-padded, strings and bytes hashed.

use crate::address::AccountId;
use sha3::{Digest as _, Keccak256};

/// One encoded field.
pub type Word = [u8; 32];

const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId)";
const DOMAIN_WITH_CONTRACT_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/// Keccak-256 of the concatenation of `parts`.
pub fn keccak256(parts: &[&[u8]]) -> Word {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A `uint8` … `uint256` field.
pub fn unsigned(number: u64) -> Word {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// An `address` field.
pub fn address(account: &AccountId) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(account.as_bytes());
    word
}

/// A `string` field.
pub fn string(text: &str) -> Word {
    keccak256(&[text.as_bytes()])
}

/// A `bytes` field.
pub fn bytes(content: &[u8]) -> Word {
    keccak256(&[content])
}

/// The hash of a struct: its type as text and its fields in order.
pub fn struct_hash(type_text: &str, fields: &[Word]) -> Word {
    keccak256(&[&string(type_text), fields.as_flattened()])
}

/// The separator of a domain without a contract.
pub fn domain_separator(name: &str, version: &str, chain_id: u64) -> Word {
    struct_hash(DOMAIN_TYPE, &[string(name), string(version), unsigned(chain_id)])
}

/// The separator of a domain whose verifying contract is the zero address.
pub fn domain_separator_with_zero_contract(name: &str, version: &str, chain_id: u64) -> Word {
    let zero = address(&AccountId::default());
    struct_hash(DOMAIN_WITH_CONTRACT_TYPE, &[string(name), string(version), unsigned(chain_id), zero])
}

/// What is signed.
pub fn signing_hash(domain: &Word, content: &Word) -> Word {
    keccak256(&[&[0x19, 0x01], domain, content])
}
