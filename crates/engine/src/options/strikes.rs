//! Which strikes of an expiry are listed.
//!
//! Strikes are multiples of a step, a round number (1, 2, 2.5 or 5 times a power of ten) that is at most a part of the forward:
//! the longer the time to the expiry at its listing, the larger. An expiry keeps its step. Around the multiple nearest to the forward
//! so many strikes are listed on each side; as the forward moves more follow, without gaps, up to [`STRIKES_MAX`].

use palisade_types::{
    numbers::{Price, Rate},
    time::TimeMs,
};

/// Strikes of an expiry at most.
pub(crate) const STRIKES_MAX: i64 = 200;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How large a step may be, by the time left at listing: up to 3 days, up to 5 weeks, longer.
const STEPS: [(u64, Rate); 3] =
    [(3 * DAY_MS, Rate::new(10_000)), (35 * DAY_MS, Rate::new(25_000)), (u64::MAX, Rate::new(50_000))];

/// Strikes from the lowest to the highest, by a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ladder {
    pub step: Price,
    pub lowest: Price,
    pub highest: Price,
}

/// The largest round number that is at most the part of the forward that the time left allows; at least one unit.
pub(crate) fn step_of(forward: Price, ahead_ms: u64) -> Price {
    let part = STEPS.iter().find(|(up_to_ms, _)| ahead_ms <= *up_to_ms).map_or(50_000, |(_, part)| part.get());
    let largest = i128::from(forward.get()).saturating_mul(i128::from(part)).checked_div(1_000_000).unwrap_or(0);
    let mut best: i64 = 1;
    let mut power: i64 = 1;
    loop {
        // In halves, for 2.5.
        for halves in [2i64, 4, 5, 10] {
            let Some(step) = power.checked_mul(halves).and_then(|twice| twice.checked_div(2)) else {
                return Price::new(best);
            };
            let is_whole = halves != 5 || power > 1;
            if i128::from(step) > largest {
                return Price::new(best);
            }
            if is_whole {
                best = best.max(step);
            }
        }
        let Some(next) = power.checked_mul(10) else { return Price::new(best) };
        power = next;
    }
}

/// The strikes that are wanted around a forward.
pub(crate) fn wanted(forward: Price, step: Price, per_side: u32) -> Ladder {
    let step_units = step.get().max(1);
    let half = step_units.checked_div(2).unwrap_or(0);
    let nearest = forward.get().saturating_add(half).checked_div(step_units).unwrap_or(1).max(1);
    let side = i64::from(per_side);
    let at = |place: i64| Price::new(place.max(1).saturating_mul(step_units));
    Ladder { step, lowest: at(nearest.saturating_sub(side)), highest: at(nearest.saturating_add(side)) }
}

impl Ladder {
    /// How many strikes it has.
    pub(crate) fn count(&self) -> i64 {
        let span = self.highest.get().saturating_sub(self.lowest.get());
        span.checked_div(self.step.get().max(1)).unwrap_or(0).saturating_add(1)
    }

    /// The strike that is listed next to come nearer to what is wanted: first upwards, then downwards.
    pub(crate) fn next(&self, wanted: &Self) -> Option<Self> {
        if self.count() >= STRIKES_MAX {
            return None;
        }
        let step = self.step.get();
        if self.highest < wanted.highest {
            return self.highest.get().checked_add(step).map(|highest| Self { highest: Price::new(highest), ..*self });
        }
        let below = self.lowest.get().saturating_sub(step);
        (self.lowest > wanted.lowest && below > 0).then_some(Self { lowest: Price::new(below), ..*self })
    }
}

/// `BTC-27MAR26-60000-C` without its last letter; fractions of a strike follow a `d`.
pub(crate) fn name(asset: &str, expires_at_ms: TimeMs, strike: Price) -> Option<String> {
    let day = palisade_types::calendar::expiry_name(expires_at_ms)?;
    Some(format!("{asset}-{day}-{}", strike.to_string().replace('.', "d")))
}

#[cfg(test)]
#[path = "strikes_tests.rs"]
mod tests;
