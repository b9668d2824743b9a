//! What a unit of each option gains in every case that a portfolio must survive.
//!
//! Worked out at the first question and kept until the expiry's forward or smile changes, so that ten thousand portfolios ask for
//! the price of a block's scenarios once. No part of the state: it follows from an expiry's record alone, whoever asks first. What a unit gains
//! from the slow forward on is worked out where somebody takes cash out of a portfolio, and kept likewise.

use crate::options::Pace;
use palisade_pricing::portfolio::OptionRisk;
use palisade_types::ids::MarketId;
use std::{collections::BTreeMap, sync::OnceLock};

/// By option; those that have a mark.
#[derive(Clone, Debug, Default)]
pub(super) struct OptionRisks(BTreeMap<MarketId, Kept>);

/// What was worked out of an option.
#[derive(Clone, Debug, Default)]
struct Kept {
    now: OnceLock<Box<OptionRisk>>,
    slow: OnceLock<Box<OptionRisk>>,
}

impl PartialEq for OptionRisks {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for OptionRisks {}

impl OptionRisks {
    /// The option's mark changed: what was known is over.
    pub fn renew(&mut self, option: MarketId) {
        self.0.insert(option, Kept::default());
    }

    /// The option has no mark any more.
    pub fn forget(&mut self, option: MarketId) {
        self.0.remove(&option);
    }

    /// The option's risk, worked out by `work_out` if nobody asked since it changed; `None` without a mark or a price.
    pub fn get(
        &self,
        option: MarketId,
        pace: Pace,
        work_out: impl FnOnce() -> Option<OptionRisk>,
    ) -> Option<&OptionRisk> {
        let kept = self.0.get(&option)?;
        let kept = match pace {
            Pace::Now => &kept.now,
            Pace::Slow => &kept.slow,
        };
        match kept.get() {
            Some(risk) => Some(risk),
            None => work_out().map(|risk| kept.get_or_init(|| Box::new(risk)).as_ref()),
        }
    }
}
