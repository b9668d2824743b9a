//! Who an account is and who may sign for it.

use crate::hash::hex_bytes;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

hex_bytes!(
    /// An account: the 20-byte Ethereum address of its owner's secp256k1 key, or a derived address
    /// that no key has (sub-accounts, clearing accounts, the fee account).
    AccountId,
    20
);
hex_bytes!(
    /// An Ed25519 public key.
    Ed25519Key,
    32
);

impl AccountId {
    /// An address that no key can have been chosen for: the last 20 bytes of SHA-256 over a domain
    /// tag, what it is for, and its number.
    pub fn derived(purpose: &str, number: u64) -> Self {
        let digest = crate::hash::sha256(&[b"palisade/derived-account/", purpose.as_bytes(), &number.to_be_bytes()]);
        let mut bytes = [0u8; 20];
        bytes.copy_from_slice(&digest[12..]);
        Self(bytes)
    }

    /// The sub-account of `master` with that number: the last 20 bytes of SHA-256 over a domain tag, the master and
    /// the number.
    pub fn sub_account(master: Self, number: u64) -> Self {
        let digest = crate::hash::sha256(&[b"palisade/sub-account/", master.as_bytes(), &number.to_be_bytes()]);
        let mut bytes = [0u8; 20];
        bytes.copy_from_slice(&digest[12..]);
        Self(bytes)
    }

    /// The vault of `leader` with that number.
    pub fn vault(leader: Self, number: u64) -> Self {
        let digest = crate::hash::sha256(&[b"palisade/vault/", leader.as_bytes(), &number.to_be_bytes()]);
        let mut bytes = [0u8; 20];
        bytes.copy_from_slice(&digest[12..]);
        Self(bytes)
    }

    /// Where trading fees of a universe are posted.
    pub fn fees(universe: crate::ids::UniverseId) -> Self {
        Self::derived("fees", u64::from(universe.get()))
    }

    /// The account that a derivative market's realised profit and loss is posted against.
    pub fn clearing(market: crate::ids::MarketId) -> Self {
        Self::derived("clearing", u64::from(market.get()))
    }

    /// A universe's insurance fund.
    pub fn insurance(universe: crate::ids::UniverseId) -> Self {
        Self::derived("insurance", u64::from(universe.get()))
    }

    /// A universe's backstop vault, which takes over what the book cannot close.
    pub fn backstop(universe: crate::ids::UniverseId) -> Self {
        Self::derived("backstop", u64::from(universe.get()))
    }

    /// Where the reserves of a spot market's liquidity pool lie.
    pub fn pool(market: crate::ids::MarketId) -> Self {
        Self::derived("pool", u64::from(market.get()))
    }

    /// Where the collateral of `owner`'s isolated position in `market` lies.
    pub fn isolated(owner: Self, market: crate::ids::MarketId) -> Self {
        let digest =
            crate::hash::sha256(&[b"palisade/isolated-margin/", owner.as_bytes(), &market.get().to_be_bytes()]);
        let mut bytes = [0u8; 20];
        bytes.copy_from_slice(&digest[12..]);
        Self(bytes)
    }

    /// Where the collateral of what `owner` owes of a synthetic lies.
    pub fn debt(owner: Self, synthetic: crate::ids::AssetId) -> Self {
        let digest = crate::hash::sha256(&[b"palisade/debt/", owner.as_bytes(), &synthetic.get().to_be_bytes()]);
        let mut bytes = [0u8; 20];
        bytes.copy_from_slice(&digest[12..]);
        Self(bytes)
    }

    /// A synthetic itself, which owes what was written off.
    pub fn synthetic(asset: crate::ids::AssetId) -> Self {
        Self::derived("synthetic", u64::from(asset.get()))
    }
}

/// A key that signs actions: an account's own, or an agent's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SignerId {
    /// A secp256k1 key, named by its Ethereum address.
    Address(AccountId) = 0,
    /// An Ed25519 key: the agents' fast lane.
    Ed25519(Ed25519Key) = 1,
}

impl fmt::Display for SignerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(formatter, "{address}"),
            Self::Ed25519(key) => write!(formatter, "ed25519:{}", hex::encode(key.0)),
        }
    }
}

impl fmt::Debug for SignerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::str::FromStr for SignerId {
    type Err = crate::hash::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("ed25519:") {
            Some(key) => Ok(Self::Ed25519(key.parse()?)),
            None => Ok(Self::Address(text.parse()?)),
        }
    }
}

impl Serialize for SignerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
