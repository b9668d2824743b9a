//! What linear markets keep besides their mark: funding, and the settlement of futures.

use crate::funding::{FUNDING_INTERVAL_MS, MeasuredPremium, SAMPLE_HELD_MAX_MS, SAMPLE_INTERVAL_MS};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    numbers::{FundingIndex, FundingRate, Price, Usd},
    rejection::Rejection,
    time::TimeMs,
};

/// Funding of a perpetual market; there from its first sample on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FundingRecord {
    /// What one lot has paid since listing.
    pub index: FundingIndex,
    /// What the steps so far left undivided.
    pub carry: i128,
    /// The newest sample.
    pub premium: FundingRate,
    /// When it was taken.
    pub sampled_at_ms: TimeMs,
    /// Up to when samples are counted below.
    pub measured_to_ms: TimeMs,
    /// Σ premium × milliseconds of this hour.
    pub integral: i128,
    /// Σ milliseconds of this hour that a sample was held.
    pub measured_ms: u64,
    /// The hour that these are of, counted from 1970.
    pub hour: u64,
    /// What the last hour cost.
    pub last_rate: FundingRate,
}

/// The settlement of a future; there from shortly before its window on, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SettlementRecord {
    /// The index that is held.
    pub held_price: Price,
    /// When it was taken.
    pub held_taken_ms: TimeMs,
    /// Up to when indices are counted below.
    pub measured_to_ms: TimeMs,
    /// Σ index × milliseconds of the window.
    pub integral: i128,
    /// Σ milliseconds of the window that a fresh index was held.
    pub measured_ms: u64,
    /// In the window: the mark as it would be without what is known of the settlement.
    pub free_mark: Option<Price>,
    /// The settlement price, once it is fixed.
    pub price: Option<Price>,
    /// The block at which it was fixed.
    pub fixed_at_ms: TimeMs,
    /// Lots of the positions delivered so far.
    pub delivered_lots: i128,
    /// Their value at the settlement price, each rounded down.
    pub delivered_value_usd: Usd,
    /// Whether everything is delivered and the dust is gone.
    pub is_settled: bool,
}

/// A series of futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FutureSeriesRecord {
    /// When it lists next.
    pub due_ms: TimeMs,
}

/// The hour of a moment, counted from 1970.
pub(crate) const fn hour_of(time_ms: TimeMs) -> u64 {
    time_ms.get() / FUNDING_INTERVAL_MS
}

impl FundingRecord {
    /// The record of a market whose first sample is taken.
    pub(crate) const fn first(premium: FundingRate, now: TimeMs) -> Self {
        Self {
            index: FundingIndex::ZERO,
            carry: 0,
            premium,
            sampled_at_ms: now,
            measured_to_ms: now,
            integral: 0,
            measured_ms: 0,
            hour: hour_of(now),
            last_rate: FundingRate::ZERO,
        }
    }

    /// Whether a sample is due: none was taken in this 5 s of block time.
    pub(crate) const fn is_sample_due(&self, now: TimeMs) -> bool {
        self.sampled_at_ms.get() / SAMPLE_INTERVAL_MS < now.get() / SAMPLE_INTERVAL_MS
    }

    /// Whether a full hour has passed since the hour that is measured began.
    pub(crate) const fn is_hour_over(&self, now: TimeMs) -> bool {
        self.hour < hour_of(now)
    }

    /// The hour so far.
    pub const fn measured(&self) -> MeasuredPremium {
        MeasuredPremium { integral: self.integral, measured_ms: self.measured_ms }
    }

    /// With the newest sample counted up to `to`, as far as it may be held.
    pub(crate) fn measured_to(self, to: TimeMs) -> Result<Self, Rejection> {
        let end = to.min(self.sampled_at_ms.saturating_add(SAMPLE_HELD_MAX_MS));
        let measured = self.measured().with(self.premium, end.since(self.measured_to_ms))?;
        let MeasuredPremium { integral, measured_ms } = measured;
        Ok(Self { integral, measured_ms, measured_to_ms: to.max(self.measured_to_ms), ..self })
    }

    /// The end of the hour that is measured.
    pub(crate) const fn hour_end(&self) -> TimeMs {
        TimeMs::new(self.hour.saturating_add(1).saturating_mul(FUNDING_INTERVAL_MS))
    }

    /// With a new hour begun, measured from its beginning if the newest sample is still held.
    pub(crate) const fn with_hour(self, now: TimeMs) -> Self {
        let hour = hour_of(now);
        let begin = TimeMs::new(hour.saturating_mul(FUNDING_INTERVAL_MS));
        let measured_to_ms = if begin.get() > self.measured_to_ms.get() { begin } else { self.measured_to_ms };
        Self { integral: 0, measured_ms: 0, hour, measured_to_ms, ..self }
    }
}
