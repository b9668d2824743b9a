//! The price reporter of one seat: looks at the venues once a second and signs what it sees.
//!
//! Rules: one vote per round (`floor(time_ms / 1000)`), shortly after the round begins, so that all seats look at the
//! same second. An asset without enough good quotes is left out, which is an abstention, not a zero. The reporter knows
//! nothing of consensus: it hands votes to its node, which gossips them. A vote that could not be handed in is lost; the
//! next one is due in a second.

use crate::{
    clock,
    price::{PriceFeed, quote::consolidate},
};
use palisade_client::api::{ApiError, NodeApi};
use palisade_types::{
    ids::{AssetId, SeatId},
    limits::{ORACLE_ENTRIES_MAX, ORACLE_ROUND_MS},
    oracle::{OracleEntry, OracleVote},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use std::{sync::Arc, time::Duration};
use tracing::{info, warn};

/// How long after the start of a round the seat looks at the venues.
const LOOK_AFTER_MS: u64 = 20;
/// Rounds between two looks at the chain's epoch.
const EPOCH_CHECK_ROUNDS: u64 = 30;

/// What a reporter needs.
pub struct Reporter {
    /// The seat it speaks for.
    pub seat: SeatId,
    /// The seat's oracle key.
    pub key: Ed25519SecretKey,
    /// The chain.
    pub chain_id: u64,
    /// The assets with an index, in ascending order.
    pub assets: Vec<AssetId>,
    /// Where prices come from.
    pub feed: Arc<PriceFeed>,
    /// The seat's own node.
    pub api: Arc<dyn NodeApi>,
    /// By how much the chain's clock is behind this machine's.
    pub clock_behind_ms: u64,
}

impl Reporter {
    /// What this seat says at `now`; `None` if it knows no price at all.
    pub fn vote(&self, now: TimeMs, epoch: u64) -> Option<OracleVote> {
        let entries: Vec<OracleEntry> = self
            .assets
            .iter()
            .filter_map(|asset| {
                let price = consolidate(&self.feed.quotes(*asset, now), now, self.feed.venues_minimum(*asset))?;
                Some(OracleEntry { asset: *asset, price })
            })
            .take(ORACLE_ENTRIES_MAX)
            .collect();
        if entries.is_empty() {
            return None;
        }
        let round = now.get() / ORACLE_ROUND_MS;
        Some(OracleVote { chain_id: self.chain_id, epoch, round, seat: self.seat, time_ms: now, entries })
    }

    /// Reports until it is dropped.
    pub async fn run(self) {
        let mut epoch = 0;
        let mut trouble: Option<String> = None;
        loop {
            tokio::time::sleep(until_next_look(self.now())).await;
            let now = self.now();
            if (now.get() / ORACLE_ROUND_MS).is_multiple_of(EPOCH_CHECK_ROUNDS) {
                epoch = self.epoch().await.unwrap_or(epoch);
            }
            let Some(vote) = self.vote(now, epoch) else { continue };
            let outcome = self.api.submit_oracle_vote(vote.sign(&self.key)).await;
            let problem = outcome.err().map(|error| error.to_string());
            if problem != trouble {
                match &problem {
                    Some(problem) => warn!(seat = %self.seat, %problem, "price votes are not accepted"),
                    None => info!(seat = %self.seat, "price votes are accepted"),
                }
                trouble = problem;
            }
        }
    }

    /// The chain's time.
    fn now(&self) -> TimeMs {
        clock::now().saturating_sub(self.clock_behind_ms)
    }

    /// The epoch of the newest block.
    async fn epoch(&self) -> Result<u64, ApiError> {
        let height = self.api.status().await?.height;
        Ok(self.api.block(height, 0).await?.header.context.epoch)
    }
}

/// How long to wait until the next round has begun.
fn until_next_look(now: TimeMs) -> Duration {
    let into_ms = now.get() % ORACLE_ROUND_MS;
    let wait_ms =
        if into_ms < LOOK_AFTER_MS { LOOK_AFTER_MS - into_ms } else { ORACLE_ROUND_MS - into_ms + LOOK_AFTER_MS };
    Duration::from_millis(wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_looked_at_once() {
        let mut now = TimeMs::new(1_760_000_000_500);
        let mut rounds = Vec::new();
        for _ in 0..10 {
            let wait = until_next_look(now);
            now = now.saturating_add(u64::try_from(wait.as_millis()).expect("short"));
            assert_eq!(now.get() % ORACLE_ROUND_MS, LOOK_AFTER_MS);
            rounds.push(now.get() / ORACLE_ROUND_MS);
        }
        assert!(rounds.windows(2).all(|pair| pair[1] == pair[0] + 1), "{rounds:?}");
    }
}
