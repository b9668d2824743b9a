//! The prices that seats have signed and no block holds yet.
//!
//! Rules:
//! - **Checked once, on arrival**: chain, committee epoch, seat, round, time, order and sign of the entries,
//!   then the signature of the seat's oracle key.
//! - **First vote of a seat in a round counts.** A second, different one is refused, so that what a proposer
//!   holds does not depend on who spoke last.
//! - **Bounded**: the newest [`ROUNDS_KEPT`] rounds, one vote per seat in each.
//! - **Local clock only to refuse.** A vote far from the local clock is refused here; whether it is valid in a
//!   block is decided by the block's time alone.

use commonware_utils::sync::Mutex;
use palisade_engine::oracle::bundle_quorum;
use palisade_types::{
    address::Ed25519Key,
    genesis::{EPOCH, Genesis},
    ids::{AssetId, Height, SeatId},
    limits::{ORACLE_ENTRIES_MAX, ORACLE_ROUND_MS, ORACLE_VOTE_FUTURE_MS, ORACLE_VOTE_PAST_MS},
    numbers::Price,
    oracle::{OracleBundle, OracleVote, SignedOracleVote},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Rounds of which votes are kept.
pub const ROUNDS_KEPT: usize = 4;
/// How far a vote's time may lie from the local clock. A clock may be off by as much as block time may be.
pub const CLOCK_SKEW_MAX_MS: u64 = 3_000;

/// Why a vote does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OracleVoteError {
    /// For another chain.
    #[error("oracle vote for chain {found}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: u64,
        /// The vote's.
        found: u64,
    },
    /// Of another committee.
    #[error("oracle vote for epoch {found}, the committee is that of epoch {expected}")]
    WrongEpoch {
        /// The committee's.
        expected: u64,
        /// The vote's.
        found: u64,
    },
    /// No such seat.
    #[error("there is no seat {seat}")]
    UnknownSeat {
        /// What the vote says.
        seat: SeatId,
    },
    /// The round does not follow from the time.
    #[error("oracle round {found} does not follow from {time_ms}: expected {expected}")]
    WrongRound {
        /// What follows.
        expected: u64,
        /// What the vote says.
        found: u64,
        /// The vote's time.
        time_ms: TimeMs,
    },
    /// Too far from the present.
    #[error("oracle vote of {time_ms}, the clock says {now_ms}")]
    NotNow {
        /// The vote's time.
        time_ms: TimeMs,
        /// The local clock.
        now_ms: TimeMs,
    },
    /// No entry, or too many.
    #[error("oracle vote with {found} entries, allowed are 1 to {limit}")]
    EntryCount {
        /// How many.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// Not in strictly ascending order of asset, or an asset without an index.
    #[error("oracle entry for asset {asset} is out of order or has no index")]
    Entry {
        /// Where.
        asset: AssetId,
    },
    /// A price that is not positive.
    #[error("oracle price {price} of asset {asset} is not positive")]
    Price {
        /// Whose.
        asset: AssetId,
        /// What.
        price: Price,
    },
    /// The signature is not the seat's.
    #[error("the signature is not that of the oracle key of seat {seat}")]
    BadSignature {
        /// Whose it should be.
        seat: SeatId,
    },
    /// Older than anything kept.
    #[error("oracle round {round} is over, the oldest kept is {oldest}")]
    Stale {
        /// The vote's.
        round: u64,
        /// The oldest kept.
        oldest: u64,
    },
    /// The seat has spoken in this round.
    #[error("seat {seat} has spoken in round {round}")]
    Repeated {
        /// Who.
        seat: SeatId,
        /// When.
        round: u64,
    },
}

impl OracleVoteError {
    /// Whether an honest peer never forwards such a vote: it is wrong whatever the clock and the pool say.
    pub const fn is_fault(&self) -> bool {
        !matches!(self, Self::NotNow { .. } | Self::Stale { .. } | Self::Repeated { .. } | Self::WrongEpoch { .. })
    }
}

#[derive(Debug, Default)]
struct Rounds {
    votes: BTreeMap<u64, BTreeMap<SeatId, SignedOracleVote>>,
    /// The newest round that a finalized block carried.
    used: Option<u64>,
    /// The newest round that an unfinalized block carries, and that block's height.
    in_flight: Option<(u64, Height)>,
}

/// The votes that wait. Clones share one state.
#[derive(Clone, Debug)]
pub struct OraclePool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    chain_id: u64,
    seats: Vec<Ed25519Key>,
    indexed: BTreeSet<AssetId>,
    rounds: Mutex<Rounds>,
}

impl OraclePool {
    /// An empty pool for the committee of `genesis`.
    pub fn new(genesis: &Genesis) -> Self {
        let indexed = genesis.assets.iter().filter(|asset| asset.has_index).map(|asset| asset.id).collect();
        Self(Arc::new(Shared {
            chain_id: genesis.chain_id,
            seats: genesis.seats.iter().map(|seat| seat.oracle_key).collect(),
            indexed,
            rounds: Mutex::default(),
        }))
    }

    /// Checks a vote and keeps it.
    pub fn insert(&self, signed: SignedOracleVote, now_ms: TimeMs) -> Result<(), OracleVoteError> {
        let vote = &signed.vote;
        let key = self.check_form(vote)?;
        if vote.time_ms.since(now_ms) > CLOCK_SKEW_MAX_MS || now_ms.since(vote.time_ms) > CLOCK_SKEW_MAX_MS {
            return Err(OracleVoteError::NotNow { time_ms: vote.time_ms, now_ms });
        }
        self.check_place(vote)?;
        signed.verify(&key).map_err(|_| OracleVoteError::BadSignature { seat: vote.seat })?;
        let mut rounds = self.0.rounds.lock();
        rounds.votes.entry(vote.round).or_default().entry(vote.seat).or_insert(signed);
        while rounds.votes.len() > ROUNDS_KEPT {
            rounds.votes.pop_first();
        }
        Ok(())
    }

    /// Whether a quorum's round waits that no block holds.
    pub fn has_work(&self) -> bool {
        let rounds = self.0.rounds.lock();
        let in_flight = rounds.in_flight.map(|(round, _)| round);
        self.newest_quorum(&rounds, rounds.used.max(in_flight)).is_some()
    }

    /// The votes of the newest round with a quorum that no finalized block holds. Whether an unfinalized
    /// ancestor holds it is for the proposer to find out on its parent's state.
    pub fn bundle(&self) -> Option<OracleBundle> {
        let rounds = self.0.rounds.lock();
        let round = self.newest_quorum(&rounds, rounds.used)?;
        let votes = rounds.votes.get(&round)?.values().cloned().collect();
        Some(OracleBundle { votes })
    }

    /// Notes that an unfinalized block at `height` carries `bundle`.
    pub fn mark_in_flight(&self, height: Height, bundle: &OracleBundle) {
        let Some(round) = bundle.votes.first().map(|signed| signed.vote.round) else { return };
        let mut rounds = self.0.rounds.lock();
        rounds.in_flight = rounds.in_flight.max(Some((round, height)));
    }

    /// Moves on to the finalized block at `height`: if it carries a bundle, that round and older ones are over.
    pub fn finalized(&self, height: Height, bundle: Option<&OracleBundle>) {
        let mut rounds = self.0.rounds.lock();
        rounds.in_flight = rounds.in_flight.filter(|(_, flight_height)| *flight_height > height);
        if let Some(round) = bundle.and_then(|bundle| bundle.votes.first()).map(|signed| signed.vote.round) {
            rounds.used = rounds.used.max(Some(round));
            rounds.votes.retain(|kept, _| *kept > round);
        }
    }

    fn newest_quorum(&self, rounds: &Rounds, after: Option<u64>) -> Option<u64> {
        let needed = bundle_quorum(self.0.seats.len());
        let newest = rounds.votes.iter().rev().find(|(_, votes)| votes.len() >= needed).map(|(round, _)| *round)?;
        (Some(newest) > after).then_some(newest)
    }

    fn check_form(&self, vote: &OracleVote) -> Result<Ed25519Key, OracleVoteError> {
        let shared = &*self.0;
        if vote.chain_id != shared.chain_id {
            return Err(OracleVoteError::WrongChain { expected: shared.chain_id, found: vote.chain_id });
        }
        if vote.epoch != EPOCH {
            return Err(OracleVoteError::WrongEpoch { expected: EPOCH, found: vote.epoch });
        }
        let place = usize::try_from(vote.seat.get()).unwrap_or(usize::MAX);
        let key = *shared.seats.get(place).ok_or(OracleVoteError::UnknownSeat { seat: vote.seat })?;
        let expected = vote.time_ms.get() / ORACLE_ROUND_MS;
        if vote.round != expected {
            return Err(OracleVoteError::WrongRound { expected, found: vote.round, time_ms: vote.time_ms });
        }
        let limit = ORACLE_ENTRIES_MAX.min(shared.indexed.len());
        if vote.entries.is_empty() || vote.entries.len() > limit {
            return Err(OracleVoteError::EntryCount { found: vote.entries.len(), limit });
        }
        let mut before = None;
        for entry in &vote.entries {
            if before >= Some(entry.asset) || !shared.indexed.contains(&entry.asset) {
                return Err(OracleVoteError::Entry { asset: entry.asset });
            }
            if entry.price <= Price::ZERO {
                return Err(OracleVoteError::Price { asset: entry.asset, price: entry.price });
            }
            before = Some(entry.asset);
        }
        Ok(key)
    }

    fn check_place(&self, vote: &OracleVote) -> Result<(), OracleVoteError> {
        let rounds = self.0.rounds.lock();
        let oldest_kept = if rounds.votes.len() < ROUNDS_KEPT { None } else { rounds.votes.keys().next().copied() };
        let oldest = oldest_kept.max(rounds.used.map(|used| used.saturating_add(1))).unwrap_or(0);
        if vote.round < oldest {
            return Err(OracleVoteError::Stale { round: vote.round, oldest });
        }
        let spoken = rounds.votes.get(&vote.round).is_some_and(|votes| votes.contains_key(&vote.seat));
        if spoken {
            return Err(OracleVoteError::Repeated { seat: vote.seat, round: vote.round });
        }
        Ok(())
    }
}

/// The part of a bundle whose votes a block of `time_ms` may carry, if that is still a quorum.
pub fn timely(bundle: OracleBundle, time_ms: TimeMs, seats: usize) -> Option<OracleBundle> {
    let earliest = time_ms.saturating_sub(ORACLE_VOTE_PAST_MS);
    let latest = time_ms.saturating_add(ORACLE_VOTE_FUTURE_MS);
    let votes: Vec<_> = bundle
        .votes
        .into_iter()
        .filter(|signed| signed.vote.time_ms >= earliest && signed.vote.time_ms <= latest)
        .collect();
    (votes.len() >= bundle_quorum(seats)).then_some(OracleBundle { votes })
}

#[cfg(test)]
mod tests;
