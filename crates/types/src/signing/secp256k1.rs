//! secp256k1 keys and recoverable signatures, by libsecp256k1.
//!
//! Accepted signatures are unique per (key, content, nonce): `s` in the lower half of the order, recovery id 0
//! or 1 (2 and 3 stand for an `r` that no honest signer meets). The signer is recovered, never trusted.

use crate::{
    address::{AccountId, SignerId},
    envelope::{Envelope, Signature, SignedAction},
    signing::{eip712::keccak256, signing_hash},
};
use rand_core::{CryptoRng, RngCore};
use secp256k1::{
    Message, PublicKey, SecretKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::fmt;

/// Half of the group order, big-endian: the largest `s` accepted.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// Why no signer can be told from a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// An Ed25519 signature.
    #[error("not a secp256k1 signature")]
    WrongScheme,
    /// The malleable twin of a signature.
    #[error("s is above half of the group order: negate it and flip the recovery id")]
    HighS,
    /// Recovery ids are 0 and 1.
    #[error("recovery id {found} is neither 0 nor 1")]
    RecoveryId {
        /// The id given.
        found: u8,
    },
    /// No key could have made it.
    #[error("no public key fits this signature")]
    NoKey,
    /// Text that is not 1 to 64 hexadecimal digits.
    #[error("{field} is not 1 to 64 hexadecimal digits")]
    Hex {
        /// `r` or `s`.
        field: &'static str,
    },
    /// `v` is 27 or 28, or the recovery id itself.
    #[error("v is {found}: expected 27, 28, 0 or 1")]
    V {
        /// The number given.
        found: u64,
    },
}

/// The address whose key signed `hash`.
pub fn recover(hash: &[u8; 32], signature: &Signature) -> Result<AccountId, RecoverError> {
    let Signature::Secp256k1 { compact, recovery_id } = signature else {
        return Err(RecoverError::WrongScheme);
    };
    if compact[32..] > HALF_ORDER[..] {
        return Err(RecoverError::HighS);
    }
    let recovery_id = match recovery_id {
        0 => RecoveryId::Zero,
        1 => RecoveryId::One,
        &found => return Err(RecoverError::RecoveryId { found }),
    };
    let signature = RecoverableSignature::from_compact(compact, recovery_id).map_err(|_| RecoverError::NoKey)?;
    let key = signature.recover_ecdsa(Message::from_digest(*hash)).map_err(|_| RecoverError::NoKey)?;
    Ok(address_of(&key))
}

/// Reads a signature as Ethereum and Hyperliquid clients write it: `r` and `s` as 1 to 64 hexadecimal digits
/// (they are not always padded), `0x` optional, and `v` as 27 or 28.
pub fn signature_from_rsv(r: &str, s: &str, v: u64) -> Result<Signature, RecoverError> {
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&word_from_hex(r, "r")?);
    compact[32..].copy_from_slice(&word_from_hex(s, "s")?);
    let recovery_id = match v {
        0 | 27 => 0,
        1 | 28 => 1,
        found => return Err(RecoverError::V { found }),
    };
    Ok(Signature::Secp256k1 { compact, recovery_id })
}

fn word_from_hex(text: &str, field: &'static str) -> Result<[u8; 32], RecoverError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.is_empty() || digits.len() > 64 {
        return Err(RecoverError::Hex { field });
    }
    let mut word = [0; 32];
    hex::decode_to_slice(format!("{digits:0>64}"), &mut word).map_err(|_| RecoverError::Hex { field })?;
    Ok(word)
}

/// The Ethereum address of a public key.
fn address_of(key: &PublicKey) -> AccountId {
    let digest = keccak256(&[&key.serialize_uncompressed()[1..]]);
    let mut bytes = [0; 20];
    bytes.copy_from_slice(&digest[12..]);
    AccountId(bytes)
}

/// Bytes that are no secret key: zero, or not below the group order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secp256k1 secret key: the number must be at least 1 and below the group order")]
pub struct InvalidSecretKey;

/// A secret key of an account or of an agent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secp256k1SecretKey(SecretKey);

impl Secp256k1SecretKey {
    /// Takes the 32 bytes of a key.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, InvalidSecretKey> {
        SecretKey::from_secret_bytes(bytes).map(Self).map_err(|_| InvalidSecretKey)
    }

    /// Draws a key from the caller's entropy.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        loop {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            // All but 2^-127 of the numbers are keys.
            if let Ok(key) = Self::from_bytes(bytes) {
                return key;
            }
        }
    }

    /// The secret itself, to be stored; named so that a reviewer finds every place that takes it out.
    pub fn expose_bytes(&self) -> [u8; 32] {
        self.0.to_secret_bytes()
    }

    /// The Ethereum address.
    pub fn address(&self) -> AccountId {
        address_of(&PublicKey::from_secret_key(&self.0))
    }

    /// The key's name as a signer.
    pub fn signer_id(&self) -> SignerId {
        SignerId::Address(self.address())
    }

    /// Signs 32 bytes, deterministically (RFC 6979) and with low s.
    pub fn sign_hash(&self, hash: &[u8; 32]) -> Signature {
        let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(*hash), &self.0);
        let (recovery_id, compact) = signature.serialize_compact();
        Signature::Secp256k1 { compact, recovery_id: recovery_id.to_u8() }
    }

    /// Signs `envelope` in the form of its payload, naming this key as its signer whatever it named before.
    pub fn sign(&self, mut envelope: Envelope) -> SignedAction {
        envelope.signer = self.signer_id();
        let signature = self.sign_hash(&signing_hash(&envelope));
        SignedAction { envelope, signature }
    }
}

impl fmt::Debug for Secp256k1SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secp256k1SecretKey(redacted, address {})", self.address())
    }
}

impl std::str::FromStr for Secp256k1SecretKey {
    type Err = InvalidSecretKey;

    /// Parses 64 hexadecimal digits, `0x` optional.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        let digits = text.strip_prefix("0x").unwrap_or(text);
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidSecretKey)?;
        Self::from_bytes(bytes)
    }
}
