//! Prices from outside: what a seat's reporter signs and what a block carries.

use crate::{
    address::Ed25519Key,
    codec,
    ids::{AssetId, SeatId},
    numbers::Price,
    signing::ed25519::{self, Ed25519SecretKey, InvalidSignature},
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One seat's view of the world in one round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OracleVote {
    /// The chain it is meant for.
    pub chain_id: u64,
    /// The epoch whose committee the seat belongs to.
    pub epoch: u64,
    /// `floor(time_ms / 1000)`.
    pub round: u64,
    /// Whose view.
    pub seat: SeatId,
    /// When it was taken.
    pub time_ms: TimeMs,
    /// Prices in strictly ascending order of asset; an asset that is left out is an abstention.
    pub entries: Vec<OracleEntry>,
}

/// One asset's price in a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OracleEntry {
    /// The asset.
    pub asset: AssetId,
    /// Its price; positive.
    pub price: Price,
}

/// A vote with the signature of the seat's oracle key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedOracleVote {
    /// What was signed.
    pub vote: OracleVote,
    /// Ed25519 over `"palisade/oracle-vote/" ‖ encoded vote`.
    pub signature: [u8; 64],
}

/// The votes that a block carries: distinct seats, one round, at least a quorum.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OracleBundle {
    /// In strictly ascending order of seat.
    pub votes: Vec<SignedOracleVote>,
}

/// What the signed bytes of a vote begin with: no other signed content of this chain does.
const VOTE_DOMAIN: &[u8] = b"palisade/oracle-vote/";

impl OracleVote {
    /// The bytes that the seat's oracle key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        [VOTE_DOMAIN, &codec::encode(self)].concat()
    }

    /// Signs the vote with the seat's oracle key.
    pub fn sign(self, key: &Ed25519SecretKey) -> SignedOracleVote {
        let signature = key.sign_message(&self.signing_bytes());
        SignedOracleVote { vote: self, signature }
    }
}

impl SignedOracleVote {
    /// Checks the signature under `key`, the oracle key of the seat that the vote names.
    pub fn verify(&self, key: &Ed25519Key) -> Result<(), InvalidSignature> {
        ed25519::verify(key, &self.vote.signing_bytes(), &self.signature)
    }
}

/// Seats that must take part among `seats`: `n - floor((n - 1) / 3)`.
pub const fn quorum(seats: usize) -> usize {
    seats.saturating_sub(seats.saturating_sub(1) / 3)
}
