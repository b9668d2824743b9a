//! Recorded bars played back as if they happened now.
//!
//! The first recorded minute begins at `start_ms` of this machine's clock; each minute then lasts `minute_ms`, and its
//! closes are what the venues show for exactly that long. A minute without a bar has no quotes: the venue was silent
//! then, and so it is now. When the recording ends, its assets have no price any more.

use crate::price::{
    bars::{BarHistory, MINUTE_MS},
    quote::Quote,
};
use palisade_types::{ids::AssetId, numbers::Price, time::TimeMs};
use std::collections::{BTreeMap, BTreeSet};

/// When a replay plays which minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaySchedule {
    /// When the first recorded minute begins, on this machine's clock.
    pub start_ms: TimeMs,
    /// How long a recorded minute lasts.
    pub minute_ms: u64,
    /// The start of the first recorded minute.
    pub first_minute_ms: TimeMs,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Replay {
    schedule: ReplaySchedule,
    closes: BTreeMap<AssetId, BTreeMap<u64, Vec<Price>>>,
}

impl Replay {
    /// Plays what `history` holds of `symbols`; `None` if it holds nothing of them.
    pub fn new(
        history: &BarHistory,
        symbols: &BTreeMap<AssetId, String>,
        start_ms: TimeMs,
        minute_ms: u64,
    ) -> Option<Self> {
        let bases: BTreeSet<String> = symbols.values().cloned().collect();
        let first_minute_ms = TimeMs::new(history.first_minute_ms(&bases)?);
        let closes = symbols
            .iter()
            .map(|(asset, symbol)| (*asset, history.closes_usd(symbol)))
            .filter(|(_, closes)| !closes.is_empty())
            .collect();
        Some(Self { schedule: ReplaySchedule { start_ms, minute_ms: minute_ms.max(1), first_minute_ms }, closes })
    }

    /// When it plays which minute.
    pub const fn schedule(&self) -> ReplaySchedule {
        self.schedule
    }

    /// Whether the recording holds anything of `asset`.
    pub fn covers(&self, asset: AssetId) -> bool {
        self.closes.contains_key(&asset)
    }

    /// The assets it holds.
    pub fn assets(&self) -> impl Iterator<Item = AssetId> + '_ {
        self.closes.keys().copied()
    }

    /// The closes of the minute that plays at `now`.
    pub fn quotes(&self, asset: AssetId, now: TimeMs) -> Vec<Quote> {
        let minute = self.schedule.recorded_minute_ms(now);
        let closes = minute.and_then(|minute| self.closes.get(&asset)?.get(&minute.get()));
        closes.into_iter().flatten().map(|close| Quote::single(*close, now)).collect()
    }
}

impl ReplaySchedule {
    /// The recorded minute that plays at `now`; `None` before the start.
    pub fn recorded_minute_ms(&self, now: TimeMs) -> Option<TimeMs> {
        let elapsed_ms = now.get().checked_sub(self.start_ms.get())?;
        let recorded_ms = (elapsed_ms / self.minute_ms).checked_mul(MINUTE_MS)?;
        Some(self.first_minute_ms.saturating_add(recorded_ms))
    }
}
