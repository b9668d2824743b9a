//! Prices from outside: what a seat's reporter signs and what a block carries.

use crate::{
    ids::{AssetId, SeatId},
    numbers::Price,
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

/// Seats that must take part among `seats`: `n - floor((n - 1) / 3)`.
pub const fn quorum(seats: usize) -> usize {
    seats.saturating_sub(seats.saturating_sub(1) / 3)
}
