//! Ed25519 keys in the shapes that consensus wants.

use anyhow::{Context as _, Result};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519;
use palisade_types::{address::Ed25519Key, signing::ed25519::Ed25519SecretKey};

/// The key that signs consensus votes.
pub fn vote_key(key: &Ed25519SecretKey) -> Result<ed25519::PrivateKey> {
    ed25519::PrivateKey::decode(Copying(&key.expose_bytes())).context("the vote secret is not an Ed25519 key")
}

/// A validator's public key as the network names it.
pub fn peer_key(key: &Ed25519Key) -> Result<ed25519::PublicKey> {
    ed25519::PublicKey::decode(Copying(&key.0)).with_context(|| format!("{key} is not an Ed25519 public key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_codec::Encode as _;
    use commonware_cryptography::Signer as _;

    #[test]
    fn consensus_and_genesis_agree_on_the_public_key_of_a_secret() {
        let secret = Ed25519SecretKey::from_bytes([7; 32]);
        let public = vote_key(&secret).expect("a key").public_key();
        assert_eq!(public.encode().as_ref(), secret.public_key().0);
        assert_eq!(peer_key(&secret.public_key()).expect("a key"), public);
    }
}
