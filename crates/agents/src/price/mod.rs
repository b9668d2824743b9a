//! What prices are, before anyone signs them.
//!
//! A [`PriceFeed`] answers one question: which quotes do the venues show for an asset at a moment. Recorded bars answer
//! for the assets they cover; the synthetic world answers for all others. [`quote::consolidate`] makes one price of them.
//!
//! Invariant: every answer is a function of the feed's settings and the moment asked for, never of who asks or how
//! often, so all seats of a devnet see the same world.

pub mod bars;
pub mod quote;
pub mod replay;
pub mod synthetic;

use palisade_types::{ids::AssetId, numbers::Price, time::TimeMs};
use quote::Quote;
use replay::Replay;
use std::collections::BTreeMap;
use synthetic::SyntheticWorld;

/// Where a seat's quotes come from.
#[derive(Clone, Debug)]
pub struct PriceFeed {
    synthetic: SyntheticWorld,
    replay: Option<Replay>,
}

impl PriceFeed {
    /// A wholly synthetic world around `anchors`.
    pub const fn synthetic(seed: u64, anchors: BTreeMap<AssetId, Price>) -> Self {
        Self { synthetic: SyntheticWorld::new(seed, anchors), replay: None }
    }

    /// The same, with recorded bars in place of the synthetic path where there are any.
    pub fn with_replay(self, replay: Replay) -> Self {
        Self { replay: Some(replay), ..self }
    }

    /// What the venues show for `asset` at `now`; nothing if no venue has a price.
    pub fn quotes(&self, asset: AssetId, now: TimeMs) -> Vec<Quote> {
        match &self.replay {
            Some(replay) if replay.covers(asset) => replay.quotes(asset, now),
            _ => self.synthetic.quotes(asset, now),
        }
    }

    /// How many venues an index needs. Recorded assets may have a single venue, which then is the index; a missing
    /// venue of the synthetic world would be a fault.
    pub fn venues_minimum(&self, asset: AssetId) -> usize {
        match &self.replay {
            Some(replay) if replay.covers(asset) => 1,
            _ => 2,
        }
    }
}
