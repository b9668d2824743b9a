//! The price for delivery at an expiry, from what trades in its universe.
//!
//! The **basis** is what marks say beyond the index: the perpetual's now, each future's at its expiry. Between two of these it is a
//! line in time, beyond the last it stays as it is. Without a perpetual it starts at zero; without anything it is zero. A future in its
//! window speaks with its free mark: what its mark knows of the settlement says nothing about the index at another time, and an
//! option of the same expiry converges by itself.
//!
//! Marks lie within a band around the index, so no book moves a forward further than that.

use crate::{state::State, wide::multiply_divide_floor};
use palisade_types::{
    ids::{AssetId, MarketId, UniverseId},
    numbers::Price,
    rejection::Rejection,
    time::TimeMs,
};

/// The basis of an underlying in a universe: `(milliseconds from now, 1e-8 USD)`, in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BasisCurve {
    index: Price,
    points: Vec<(u64, i64)>,
}

impl BasisCurve {
    /// What the marks of now say; `None` without an index.
    pub(crate) fn of(state: &State, universe: UniverseId, underlying: AssetId, now: TimeMs) -> Option<Self> {
        let index = state.index(underlying)?.price;
        let mut points: Vec<(u64, i64)> = Vec::new();
        for market in state.perpetuals().chain(state.live_futures()).filter(|market| market.universe == universe) {
            let Some(terms) = market.linear().filter(|terms| terms.underlying == underlying) else { continue };
            let Some(mark) = free_mark(state, market.id) else { continue };
            let ahead_ms = terms.expires_at_ms.map_or(0, |expires_at_ms| expires_at_ms.since(now));
            if terms.expires_at_ms.is_some() && ahead_ms == 0 {
                continue;
            }
            points.push((ahead_ms, mark.get().saturating_sub(index.get())));
        }
        points.sort_unstable();
        // Of several at one time the one with the smallest basis speaks.
        points.dedup_by_key(|(ahead_ms, _)| *ahead_ms);
        if points.first().is_none_or(|(ahead_ms, _)| *ahead_ms > 0) {
            points.insert(0, (0, 0));
        }
        Some(Self { index, points })
    }

    /// The forward so far ahead, rounded down; at least one unit.
    pub(crate) fn forward(&self, ahead_ms: u64) -> Result<Price, Rejection> {
        let forward = i128::from(self.index.get()).checked_add(self.basis(ahead_ms)?).ok_or(Rejection::Overflow)?;
        i64::try_from(forward.max(1)).map(Price::new).map_err(|_| Rejection::Overflow)
    }

    fn basis(&self, ahead_ms: u64) -> Result<i128, Rejection> {
        let after = self.points.partition_point(|(at_ms, _)| *at_ms <= ahead_ms);
        let before = after.checked_sub(1).and_then(|place| self.points.get(place));
        let (Some(&(from_ms, from)), next) = (before, self.points.get(after)) else { return Ok(0) };
        let Some(&(to_ms, to)) = next else { return Ok(i128::from(from)) };
        let span = i128::from(to_ms.saturating_sub(from_ms));
        let rise = i128::from(to).saturating_sub(i128::from(from));
        let moved = multiply_divide_floor(rise, i128::from(ahead_ms.saturating_sub(from_ms)), span.max(1));
        i128::from(from).checked_add(moved.ok_or(Rejection::Overflow)?).ok_or(Rejection::Overflow)
    }
}

/// A market's mark, without what is known of its settlement.
fn free_mark(state: &State, market: MarketId) -> Option<Price> {
    let free = state.settlement(market).and_then(|settlement| settlement.free_mark);
    free.or_else(|| state.mark(market).map(|mark| mark.price))
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
