//! One expiry: total variance by log-moneyness, and whether it is free of butterflies.

use crate::{
    black::{OptionTerms, root_years},
    error::PricingError,
    fixed::{Fixed, Q57, Q57_BITS, Volatility},
    root::root_floor,
    scaled::Scaled,
};
use borsh::{BorshDeserialize, BorshSerialize};

/// Bits behind the point of everything here.
pub(super) const BITS: u32 = 50;
/// One.
pub(super) const ONE: i64 = 1 << BITS;
/// Bits behind the point of a way between two slices.
pub(super) const STEP_BITS: u32 = 12;
/// Steepest wing; Lee's bound is 2.
pub(super) const SLOPE_MAX: i64 = ONE / 10 * 19;

/// A raw SVI slice by its wing slopes, Q50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Slice {
    /// The time to expiry that total variance is for.
    pub(super) time_ms: u64,
    pub(super) level: i64,
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) centre: i64,
    pub(super) width: i64,
}

/// Total variance and its slopes at a point.
pub(super) struct Point {
    pub w: i64,
    pub slope: i64,
    curve: i128,
}

/// `left × right`, Q50, rounded down; the caller knows that it fits.
pub(super) const fn times(left: i64, right: i64) -> i64 {
    ((left as i128).wrapping_mul(right as i128) >> BITS) as i64
}

/// `√`, Q50 of Q50 not below zero.
pub(super) fn root(value: i64) -> i64 {
    root_floor((value.unsigned_abs() as u128) << BITS) as i64
}

/// `σ² τ`, Q50, held at 4096.
pub(super) fn total_variance(volatility: Volatility, time_ms: u64) -> i64 {
    let total = Scaled::from_volatility(volatility).times(root_years(time_ms));
    i64::try_from(total.times(total).to_binary(BITS)).unwrap_or(i64::MAX).min(ONE << 12)
}

impl Slice {
    /// The same volatility at every strike.
    pub fn flat(volatility: Volatility, time_ms: u64) -> Self {
        let level = total_variance(volatility, time_ms).max(1);
        Self { time_ms, level, left: 0, right: 0, centre: 0, width: ONE / 10 }
    }

    /// The time to expiry that it is for.
    pub const fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The volatility at a log-moneyness.
    pub fn volatility(&self, log_moneyness: Q57) -> Volatility {
        let w = self.at(log_moneyness.get() >> (Q57_BITS - BITS)).w;
        // Q50 as Q114 has a root in Q57.
        let total = Scaled::new(root_floor((w.max(0) as u128) << 64), (Q57_BITS as i32).wrapping_neg());
        let count = total.over(root_years(self.time_ms)).times(Scaled::new(1_000_000_000_000, 0)).to_binary(0);
        Volatility::new(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// The price of an option of the expiry, at the volatility that the slice has for it.
    pub fn price(&self, terms: &OptionTerms) -> Result<Fixed, PricingError> {
        terms.price(self.volatility(terms.log_strike()?))
    }

    /// The same volatilities at a later moment.
    pub fn aged(&self, time_ms: u64) -> Self {
        if time_ms >= self.time_ms || self.time_ms == 0 {
            return Self { time_ms, ..*self };
        }
        let part = |value: i64| {
            (value as i128).wrapping_mul(time_ms as i128).checked_div(self.time_ms as i128).unwrap_or(0) as i64
        };
        Self { time_ms, level: part(self.level), left: part(self.left), right: part(self.right), ..*self }
    }

    /// All of total variance times a factor, Q50; slopes stay within their bound.
    pub(super) fn scaled(&self, factor: i64) -> Self {
        let slope = |slope: i64| times(slope, factor).min(SLOPE_MAX);
        let level = (self.level as i128).wrapping_mul(factor as i128) >> BITS;
        const LEVEL_MAX: i128 = (ONE as i128) << 12;
        let level = level.clamp(-LEVEL_MAX, LEVEL_MAX) as i64;
        Self { level, left: slope(self.left), right: slope(self.right), ..*self }
    }

    /// The point on the line to `target` that is `step` of 2^[`STEP_BITS`] parts away.
    pub(super) fn towards(&self, target: &Self, step: i64) -> Self {
        let blend = |from: i64, to: i64| {
            let moved = (to as i128).wrapping_sub(from as i128).wrapping_mul(step as i128) >> STEP_BITS;
            (from as i128).wrapping_add(moved) as i64
        };
        Self {
            time_ms: target.time_ms,
            level: blend(self.level, target.level),
            left: blend(self.left, target.left),
            right: blend(self.right, target.right),
            centre: blend(self.centre, target.centre),
            width: blend(self.width, target.width),
        }
    }

    /// Total variance and its slopes at `k`, within ±64.
    pub(super) fn at(&self, k: i64) -> Point {
        let distance = k.saturating_sub(self.centre);
        let square = |value: i64| (value as i128).wrapping_mul(value as i128) as u128;
        // Both below 2^57: the sum of squares is below 2^115.
        let hypotenuse = (root_floor(square(distance).wrapping_add(square(self.width))) as i64).max(1);
        let tilt = self.right.wrapping_sub(self.left) >> 1;
        let bend = self.right.wrapping_add(self.left) >> 1;
        let w = self.level.saturating_add(times(tilt, distance)).saturating_add(times(bend, hypotenuse));
        let over = |numerator: i128| numerator.checked_div(hypotenuse as i128).unwrap_or(0);
        let cosine = over((distance as i128) << BITS) as i64;
        let sine = over((self.width as i128) << BITS) as i64;
        // (right + left)/2 × width² / r³ = bend × sine² / r.
        let curve = over((times(bend, times(sine, sine)) as i128) << BITS);
        Point { w, slope: tilt.wrapping_add(times(bend, cosine)), curve }
    }
}

impl Point {
    /// Gatheral's `g` at `k`, Q50: the density's sign.
    pub(super) fn butterfly(&self, k: i64) -> i128 {
        if self.w <= 0 {
            return -1;
        }
        let per_variance =
            |left: i64, right: i64| (left as i128).wrapping_mul(right as i128).checked_div(self.w as i128).unwrap_or(0);
        // |k| ≤ 4, |w'| ≤ 2 and w ≥ 2^-50: below 2^54, 2^104 with fractions; squares would not fit, so they are held.
        let tilt = (ONE as i128).wrapping_sub(per_variance(k, self.slope) >> 1);
        let tilt = tilt.clamp(-(1 << 62), 1 << 62);
        let first = tilt.wrapping_mul(tilt) >> BITS;
        let second = per_variance(self.slope, self.slope) >> 2;
        let third = times(self.slope, self.slope) as i128 >> 4;
        first.wrapping_sub(second).wrapping_sub(third).wrapping_add(self.curve >> 1)
    }
}
