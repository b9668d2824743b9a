//! Settlement of dated futures: the mean of the index over the last half hour, and what the mark makes of it on the way.
//! Rules: `docs/rules/futures.md`.
//!
//! The index counts as it was held, by elapsed time: how many blocks a span was cut into does not matter, nor who
//! proposed them. An index that is too old counts for nothing. Prices and payoffs are rounded down: what is left goes to the
//! insurance fund, and is never negative.

use crate::{
    market_math::{value_ceil_usd, value_floor_usd},
    mutant::{Mutant, is_planted},
    oracle::INDEX_FRESH_MS,
    state::{IndexRecord, PositionRecord, SettlementRecord},
    wide::multiply_divide_floor,
};
use palisade_types::{
    market::MarketSpec,
    numbers::{Price, Usd},
    rejection::Rejection,
    time::TimeMs,
};

/// The span before the expiry that the settlement price is the mean of.
pub const SETTLEMENT_WINDOW_MS: u64 = 30 * 60 * 1_000;
/// How long before the window the index is looked at, so that the one held as it begins is known.
pub const OBSERVED_AHEAD_MS: u64 = 60_000;
/// Of the window, at least so much must have been measured; otherwise the first index after the expiry is the price.
pub const MEASURED_MIN_MS: u64 = SETTLEMENT_WINDOW_MS / 2;

/// How long delivery waits for the liquidation of those who cannot pay.
pub const DELIVERY_WAIT_MAX_MS: u64 = 60 * 60 * 1_000;

/// When the window of a future begins.
pub const fn window_start(expires_at_ms: TimeMs) -> TimeMs {
    expires_at_ms.saturating_sub(SETTLEMENT_WINDOW_MS)
}

/// Whether a future's index is to be looked at.
pub fn is_observed(expires_at_ms: TimeMs, now: TimeMs) -> bool {
    now.saturating_add(OBSERVED_AHEAD_MS) >= window_start(expires_at_ms)
}

/// Whether a market is over: nothing trades in it any more.
pub fn is_over(market: &MarketSpec, now: TimeMs) -> bool {
    market.expires_at_ms().is_some_and(|expires_at_ms| expires_at_ms <= now)
}

/// What a position is paid at a settlement price: its value rounded down, less its cost.
pub fn payoff(position: PositionRecord, price: Price, size_decimals: u8) -> Result<(Usd, Usd), Rejection> {
    let value = if is_planted(Mutant::RoundPayoffUp) { value_ceil_usd } else { value_floor_usd };
    let value_usd = value(price, i128::from(position.position.get()), size_decimals)?;
    let payoff_usd = value_usd.checked_sub(position.entry_cost_usd).ok_or(Rejection::Overflow)?;
    Ok((value_usd, payoff_usd))
}

impl SettlementRecord {
    /// The record of a future whose window is near, or began unseen.
    pub(crate) fn first(index: &IndexRecord, expires_at_ms: TimeMs, now: TimeMs) -> Self {
        Self {
            held_price: index.price,
            held_taken_ms: index.time_ms,
            measured_to_ms: window_start(expires_at_ms).max(now),
            integral: 0,
            measured_ms: 0,
            free_mark: None,
            price: None,
            fixed_at_ms: TimeMs::new(0),
            delivered_lots: 0,
            delivered_value_usd: Usd::ZERO,
            is_settled: false,
        }
    }

    /// The record of an option whose delivery begins: what a unit pays, and how much is delivered.
    pub(crate) const fn of_option(paid: Price, now: TimeMs) -> Self {
        Self {
            held_price: paid,
            held_taken_ms: now,
            measured_to_ms: now,
            integral: 0,
            measured_ms: 0,
            free_mark: None,
            price: Some(paid),
            fixed_at_ms: now,
            delivered_lots: 0,
            delivered_value_usd: Usd::ZERO,
            is_settled: false,
        }
    }

    /// With the held index counted up to `now`, as far as the window reaches and the index was fresh.
    pub(crate) fn measured_to(self, expires_at_ms: TimeMs, now: TimeMs) -> Result<Self, Rejection> {
        let to = now.min(expires_at_ms);
        let end = to.min(self.held_taken_ms.saturating_add(INDEX_FRESH_MS));
        let span_ms = end.since(self.measured_to_ms);
        let part = i128::from(self.held_price.get()).checked_mul(i128::from(span_ms)).ok_or(Rejection::Overflow)?;
        Ok(Self {
            integral: self.integral.checked_add(part).ok_or(Rejection::Overflow)?,
            measured_ms: self.measured_ms.checked_add(span_ms).ok_or(Rejection::Overflow)?,
            measured_to_ms: self.measured_to_ms.max(to),
            ..self
        })
    }

    /// With the index of a block: if it is another one, the held one is counted and this one is held from now on.
    pub(crate) fn observed(self, index: &IndexRecord, expires_at_ms: TimeMs, now: TimeMs) -> Result<Self, Rejection> {
        if (index.price, index.time_ms) == (self.held_price, self.held_taken_ms) {
            return Ok(self);
        }
        let measured = self.measured_to(expires_at_ms, now)?;
        Ok(Self { held_price: index.price, held_taken_ms: index.time_ms, ..measured })
    }

    /// The mark on the way: what the settlement price will be if the rest of the window is measured at `free_mark`. Outside
    /// of the window it is that mark.
    pub fn converged_mark(&self, free_mark: Price, expires_at_ms: TimeMs, now: TimeMs) -> Result<Price, Rejection> {
        let remaining_ms = expires_at_ms.since(now);
        if remaining_ms == 0 || remaining_ms >= SETTLEMENT_WINDOW_MS {
            return Ok(free_mark);
        }
        let measured = self.measured_to(expires_at_ms, now)?;
        let rest = i128::from(free_mark.get()).checked_mul(i128::from(remaining_ms)).ok_or(Rejection::Overflow)?;
        let sum = measured.integral.checked_add(rest).ok_or(Rejection::Overflow)?;
        let weight = i128::from(measured.measured_ms).saturating_add(i128::from(remaining_ms));
        price_of(sum, weight)
    }

    /// The settlement price at a block at or after the expiry; `None` while it is waited for.
    pub(crate) fn settlement_price(
        &self,
        index: Option<&IndexRecord>,
        expires_at_ms: TimeMs,
        now: TimeMs,
    ) -> Result<Option<Price>, Rejection> {
        let measured = self.measured_to(expires_at_ms, now)?;
        if measured.measured_ms >= MEASURED_MIN_MS {
            return price_of(measured.integral, i128::from(measured.measured_ms)).map(Some);
        }
        let first = index.filter(|index| index.time_ms >= expires_at_ms && index.is_fresh(now));
        Ok(first.map(|index| index.price))
    }
}

/// `sum / weight`, rounded down; a mean of positive prices is positive.
fn price_of(sum: i128, weight: i128) -> Result<Price, Rejection> {
    let mean = multiply_divide_floor(sum, 1, weight).ok_or(Rejection::Overflow)?;
    i64::try_from(mean).map(Price::new).map_err(|_| Rejection::Overflow)
}

#[cfg(test)]
#[path = "future_tests.rs"]
mod tests;
