//! Ed25519 keys and signatures under ZIP-215 rules.
//!
//! ZIP-215 fixes the edge cases of Ed25519 so that every implementation, and a batch, accept exactly the
//! same signatures: `s` must be below the group order, points may be encoded non-canonically, and the
//! equation is checked times the cofactor. A key of small order therefore accepts signatures that no one
//! made: an account that approves one as its agent has opened itself to everyone, as with a published key.

use crate::{
    address::{Ed25519Key, SignerId},
    envelope::{Envelope, Signature, SignedAction},
    signing::signing_hash,
};
use ed25519_consensus::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use rand_core::{CryptoRng, RngCore};
use std::fmt;

/// A signature that does not verify: wrong key, wrong content, or bytes that are no key or signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Ed25519 signature does not verify for {key:?}")]
pub struct InvalidSignature {
    /// The key that was stated.
    pub key: Ed25519Key,
}

/// Whether the bytes are a point of the curve: what a registry of keys asks before it takes one.
pub fn is_key(key: &Ed25519Key) -> bool {
    VerificationKey::try_from(*key.as_bytes()).is_ok()
}

/// Checks one signature.
pub fn verify(key: &Ed25519Key, message: &[u8], signature: &[u8; 64]) -> Result<(), InvalidSignature> {
    VerificationKey::try_from(*key.as_bytes())
        .and_then(|verifier| verifier.verify(&ed25519_consensus::Signature::from(*signature), message))
        .map_err(|_| InvalidSignature { key: *key })
}

/// Signatures to be checked together; none at all verify.
#[derive(Default)]
pub struct Batch(batch::Verifier);

impl Batch {
    /// Adds a signature.
    pub fn add(&mut self, key: &Ed25519Key, signature: &[u8; 64], message: &[u8]) {
        let key = VerificationKeyBytes::from(*key.as_bytes());
        self.0.queue((key, ed25519_consensus::Signature::from(*signature), message));
    }

    /// Whether all of them verify. `rng` must be unpredictable to the signers.
    pub fn verify<R: RngCore + CryptoRng>(self, rng: R) -> bool {
        self.0.verify(rng).is_ok()
    }
}

/// A secret key of an agent, of a seat's votes, or of a seat's prices.
#[derive(Clone)]
pub struct Ed25519SecretKey(SigningKey);

impl Ed25519SecretKey {
    /// Takes the 32-byte seed of a key; every value is one.
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        Self(SigningKey::from(seed))
    }

    /// Draws a key from the caller's entropy.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Self::from_bytes(seed)
    }

    /// The secret itself, to be stored; named so that a reviewer finds every place that takes it out.
    pub fn expose_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    pub fn public_key(&self) -> Ed25519Key {
        Ed25519Key(self.0.verification_key().to_bytes())
    }

    /// The key's name as a signer.
    pub fn signer_id(&self) -> SignerId {
        SignerId::Ed25519(self.public_key())
    }

    /// Signs any bytes, deterministically.
    pub fn sign_message(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Signs `envelope`, naming this key as its signer whatever it named before. Hyperliquid's forms know
    /// no Ed25519 keys: such an action does not verify.
    pub fn sign(&self, mut envelope: Envelope) -> SignedAction {
        envelope.signer = self.signer_id();
        let bytes = self.sign_message(&signing_hash(&envelope));
        SignedAction { envelope, signature: Signature::Ed25519 { bytes } }
    }
}

impl fmt::Debug for Ed25519SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Ed25519SecretKey(redacted, public {})", self.public_key())
    }
}
