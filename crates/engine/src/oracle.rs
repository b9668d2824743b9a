//! Prices from the seats: which bundle a block may carry, and what index it makes.
//!
//! A bundle holds the votes of distinct seats on one round (`floor(time_ms / 1000)`) that is newer than the last one
//! included, at least the quorum `n − floor((n − 1) / 3)` of them, each signed by the seat's oracle key and taken
//! within [block time − 3 s, block time + 0.5 s]. A bundle that breaks any rule makes its block invalid; a block without
//! one is valid and lets the index age.
//!
//! The index of an asset is the **lower median** of the seats' prices, so that the f liars that a quorum may contain
//! are never a majority, whatever the proposer leaves out. Seats may abstain on an asset; below a quorum of prices
//! it keeps its old value and time. Age is elapsed block time since the signed time, never a count of blocks.

use crate::{
    mutant::{Mutant, is_planted},
    state::{IndexRecord, State},
};
use palisade_types::{
    genesis::Seat,
    ids::{AssetId, SeatId},
    limits::{ORACLE_ENTRIES_MAX, ORACLE_ROUND_MS, ORACLE_VOTE_FUTURE_MS, ORACLE_VOTE_PAST_MS},
    market::AssetSpec,
    numbers::Price,
    oracle::{OracleBundle, OracleVote, quorum},
    time::TimeMs,
};
use std::collections::BTreeMap;

/// An index at most this old is fresh: only then may new risk be taken on it.
pub const INDEX_FRESH_MS: u64 = 10_000;

impl IndexRecord {
    /// Elapsed block time since it was taken; zero if it was taken ahead of block time.
    pub const fn age_ms(&self, now: TimeMs) -> u64 {
        now.since(self.time_ms)
    }

    /// Whether new risk may be taken on it.
    pub const fn is_fresh(&self, now: TimeMs) -> bool {
        self.age_ms(now) <= INDEX_FRESH_MS
    }
}

/// Whether an asset has an index on which risk may be taken and accounts liquidated.
pub fn is_fresh_index(state: &State, asset: AssetId, now: TimeMs) -> bool {
    state.index(asset).is_some_and(|index| index.is_fresh(now))
}

/// Why a block may not carry a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too few votes.
    #[error("{found} votes, the quorum is {quorum}")]
    BelowQuorum { found: usize, quorum: usize },
    /// Seats repeated or out of order.
    #[error("seat {seat} does not follow seat {previous}: votes are in strictly ascending order of seat")]
    SeatOrder { previous: SeatId, seat: SeatId },
    /// No such seat.
    #[error("seat {seat} is not in the committee")]
    UnknownSeat { seat: SeatId },
    /// Signed for another chain.
    #[error("seat {seat} voted for chain {found}, this is chain {expected}")]
    WrongChain { seat: SeatId, found: u64, expected: u64 },
    /// Signed for another epoch.
    #[error("seat {seat} voted in epoch {found}, this is epoch {expected}")]
    WrongEpoch { seat: SeatId, found: u64, expected: u64 },
    /// Votes of different rounds.
    #[error("seat {seat} voted in round {found}, the bundle is of round {expected}")]
    MixedRounds { seat: SeatId, found: u64, expected: u64 },
    /// The round is not the one of the vote's time.
    #[error("seat {seat} signed round {round} at {time_ms}")]
    RoundMismatch { seat: SeatId, round: u64, time_ms: TimeMs },
    /// No newer than what was included already.
    #[error("round {round} is not newer than round {last} of an earlier block")]
    OldRound { round: u64, last: u64 },
    /// Too far from block time.
    #[error("seat {seat} signed at {time_ms}, too far from block time {block_time_ms}")]
    OutOfTime { seat: SeatId, time_ms: TimeMs, block_time_ms: TimeMs },
    /// Too many entries.
    #[error("seat {seat} gave {found} prices, more than {limit}")]
    TooManyEntries { seat: SeatId, found: usize, limit: usize },
    /// Assets repeated or out of order.
    #[error("seat {seat}: asset {asset} does not follow asset {previous}")]
    EntryOrder { seat: SeatId, previous: AssetId, asset: AssetId },
    /// An asset without index.
    #[error("seat {seat}: asset {asset} has no index")]
    NoIndex { seat: SeatId, asset: AssetId },
    /// A price of zero or less.
    #[error("seat {seat}: price {price} of asset {asset} must be positive")]
    PriceNotPositive { seat: SeatId, asset: AssetId, price: Price },
    /// Not signed by the seat's oracle key.
    #[error("the signature of seat {seat} does not verify")]
    BadSignature { seat: SeatId },
}

/// What a bundle is checked against.
#[derive(Clone, Copy, Debug)]
pub struct BundleContext<'a> {
    /// This chain.
    pub chain_id: u64,
    /// The block's epoch.
    pub epoch: u64,
    /// The block's time.
    pub block_time_ms: TimeMs,
    /// The round of the last bundle included, if any.
    pub last_round: Option<u64>,
    /// The committee, in order of seat.
    pub seats: &'a [Seat],
    /// All assets, in order of id.
    pub assets: &'a [AssetSpec],
}

/// Votes that a bundle of a committee of `seats` needs, and prices that an index needs.
pub fn bundle_quorum(seats: usize) -> usize {
    quorum(seats).saturating_sub(usize::from(is_planted(Mutant::BundleBelowQuorum)))
}

/// Checks every rule of a bundle. Cheap rules come first: no signature is verified in a bundle that is wrong otherwise.
pub fn verify_bundle(bundle: &OracleBundle, context: &BundleContext<'_>) -> Result<(), BundleError> {
    let quorum = bundle_quorum(context.seats.len());
    if bundle.votes.len() < quorum.max(1) {
        return Err(BundleError::BelowQuorum { found: bundle.votes.len(), quorum });
    }
    let mut previous: Option<SeatId> = None;
    let round = bundle.votes.first().map_or(0, |signed| signed.vote.round);
    for signed in &bundle.votes {
        let seat = signed.vote.seat;
        if let Some(previous) = previous
            && seat <= previous
        {
            return Err(BundleError::SeatOrder { previous, seat });
        }
        previous = Some(seat);
        verify_vote(&signed.vote, round, context)?;
    }
    for signed in &bundle.votes {
        let seat = signed.vote.seat;
        let registered = registered_seat(context.seats, seat).ok_or(BundleError::UnknownSeat { seat })?;
        signed.verify(&registered.oracle_key).map_err(|_| BundleError::BadSignature { seat })?;
    }
    Ok(())
}

fn registered_seat(seats: &[Seat], seat: SeatId) -> Option<&Seat> {
    usize::try_from(seat.get()).ok().and_then(|place| seats.get(place)).filter(|registered| registered.id == seat)
}

fn verify_vote(vote: &OracleVote, round: u64, context: &BundleContext<'_>) -> Result<(), BundleError> {
    let seat = vote.seat;
    if registered_seat(context.seats, seat).is_none() {
        return Err(BundleError::UnknownSeat { seat });
    }
    if vote.chain_id != context.chain_id {
        return Err(BundleError::WrongChain { seat, found: vote.chain_id, expected: context.chain_id });
    }
    if vote.epoch != context.epoch {
        return Err(BundleError::WrongEpoch { seat, found: vote.epoch, expected: context.epoch });
    }
    if vote.round != round {
        return Err(BundleError::MixedRounds { seat, found: vote.round, expected: round });
    }
    if vote.time_ms.get().checked_div(ORACLE_ROUND_MS) != Some(vote.round) {
        return Err(BundleError::RoundMismatch { seat, round: vote.round, time_ms: vote.time_ms });
    }
    if let Some(last) = context.last_round
        && vote.round <= last
    {
        return Err(BundleError::OldRound { round: vote.round, last });
    }
    let block_time_ms = context.block_time_ms;
    let earliest = block_time_ms.saturating_sub(ORACLE_VOTE_PAST_MS);
    let latest = block_time_ms.saturating_add(ORACLE_VOTE_FUTURE_MS);
    if vote.time_ms < earliest || vote.time_ms > latest {
        return Err(BundleError::OutOfTime { seat, time_ms: vote.time_ms, block_time_ms });
    }
    verify_entries(vote, context.assets)
}

fn verify_entries(vote: &OracleVote, assets: &[AssetSpec]) -> Result<(), BundleError> {
    let seat = vote.seat;
    if vote.entries.len() > ORACLE_ENTRIES_MAX {
        let found = vote.entries.len();
        return Err(BundleError::TooManyEntries { seat, found, limit: ORACLE_ENTRIES_MAX });
    }
    let mut previous: Option<AssetId> = None;
    for entry in &vote.entries {
        let asset = entry.asset;
        if let Some(previous) = previous
            && asset <= previous
        {
            return Err(BundleError::EntryOrder { seat, previous, asset });
        }
        previous = Some(asset);
        let known = usize::try_from(asset.get()).ok().and_then(|place| assets.get(place));
        if !known.is_some_and(|spec| spec.id == asset && spec.has_index) {
            return Err(BundleError::NoIndex { seat, asset });
        }
        if entry.price.get() <= 0 {
            return Err(BundleError::PriceNotPositive { seat, asset, price: entry.price });
        }
    }
    Ok(())
}

/// The round of a verified bundle.
pub fn bundle_round(bundle: &OracleBundle) -> Option<u64> {
    bundle.votes.first().map(|signed| signed.vote.round)
}

/// The lower median of the signed times: block time may lie at most 1 s after it, even if the parent is older.
pub fn bundle_median_time(bundle: &OracleBundle) -> Option<TimeMs> {
    lower_median(bundle.votes.iter().map(|signed| signed.vote.time_ms).collect())
}

/// The indices that a verified bundle makes, in order of asset: those with a quorum of prices.
pub fn indices(bundle: &OracleBundle, seats: usize) -> BTreeMap<AssetId, IndexRecord> {
    let mut given: BTreeMap<AssetId, (Vec<Price>, Vec<TimeMs>)> = BTreeMap::new();
    for signed in &bundle.votes {
        for entry in &signed.vote.entries {
            let (prices, times) = given.entry(entry.asset).or_default();
            prices.push(entry.price);
            times.push(signed.vote.time_ms);
        }
    }
    let enough = bundle_quorum(seats).max(1);
    given
        .into_iter()
        .filter(|(_, (prices, _))| prices.len() >= enough)
        .filter_map(|(asset, (prices, times))| {
            let sources = u32::try_from(prices.len()).ok()?;
            let (price, time_ms) = (lower_median(prices)?, lower_median(times)?);
            Some((asset, IndexRecord { price, time_ms, sources, slow_price: price, variance: 0 }))
        })
        .collect()
}

/// The middle of the sorted values; of an even count, the lower of the two in the middle.
fn lower_median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)?.checked_div(2)?).copied()
}

#[cfg(test)]
#[path = "oracle_tests.rs"]
mod tests;
