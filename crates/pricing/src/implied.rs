//! Implied volatility: the one volatility at which an option has a given price. The search and its sources:
//! docs/rules/pricing.md, Implied volatility.
//!
//! It always ends: every evaluation narrows a bracket that holds the solution, and a step that would leave it is replaced
//! by its middle.

use crate::{
    black::{OptionTerms, Shape, TimeValue, log_ratio, root_years},
    elementary::{ln_wide, q57_of_q80},
    error::PricingError,
    fixed::{Fixed, Q57, Q57_BITS, Volatility},
    normal::{density_of_bell, normal_tail, scaled_tail},
    root::root_floor,
    scaled::Scaled,
};

/// Evaluations at most; bisection alone needs fewer than twice the 63 bits of a total volatility.
pub const EVALUATIONS_MAX: u32 = 128;

/// A logarithm that is off by less than 2^-10 is off by about 2^-40 after the step, because steps are of fourth order.
const LAST_EXCESS: i64 = 1 << (Q57_BITS - 10);

/// Bits behind the point of the terms that correct a step.
const CORRECTION_BITS: u32 = 40;

/// Above this part of the minimum beyond the inflection, the line through it is no good start.
const LINEAR_MAX_Q63: u64 = 1 << 61;

/// √(2π), Q57.
const ROOT_TWO_PI: Q57 = Q57::new(361_243_205_234_704_742);

/// A solution and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solution {
    /// `σ √τ`.
    pub total: Q57,
    /// How often the value was computed.
    pub evaluations: u32,
}

impl OptionTerms {
    /// The volatility that gives `price`.
    pub fn implied_volatility(&self, price: Fixed) -> Result<Volatility, PricingError> {
        if price == self.intrinsic() {
            return self.positive().and(Ok(Volatility::ZERO));
        }
        let solution = self.search(price)?;
        let total = Scaled::new(solution.total.get().unsigned_abs(), (Q57_BITS as i32).wrapping_neg());
        let count = total.over(root_years(self.time_ms)).times(Scaled::new(1_000_000_000_000, 0)).to_binary(0);
        u64::try_from(count)
            .map(Volatility::new)
            .map_err(|_| PricingError::OutOfRange { what: "an implied volatility" })
    }

    /// The total volatility that gives `price`, which is not the intrinsic value.
    pub fn search(&self, price: Fixed) -> Result<Solution, PricingError> {
        let (forward, strike) = self.positive()?;
        let intrinsic = self.intrinsic();
        // min(F, K) < 2^97.
        let minimum = Fixed::from_price(self.forward.min(self.strike)).get();
        let value = price.get().saturating_sub(intrinsic.get());
        let rest = minimum.saturating_sub(value);
        if value <= 0 {
            return Err(PricingError::BelowIntrinsic { price, intrinsic });
        }
        if rest <= 0 {
            let maximum = Fixed::new(intrinsic.get().saturating_add(minimum));
            return Err(PricingError::AboveMaximum { price, maximum });
        }
        if self.time_ms == 0 {
            return Err(PricingError::NoTime { price, intrinsic });
        }
        let minimum = Scaled::from_count(minimum.unsigned_abs());
        let part = |amount: i128| Scaled::from_count(amount.unsigned_abs()).over(minimum);
        let x = log_ratio(forward, strike).get().unsigned_abs();
        Ok(Search::new(x, part(value), part(rest)).run())
    }
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    /// `|ln(F/K)|`, Q57.
    x: u64,
    /// Whether the solution lies above the inflection, where `M − V` is what is matched.
    high: bool,
    /// `ln` of what is matched, Q80.
    target: i128,
    /// Where to begin.
    start: i64,
}

/// What an evaluation says.
enum Verdict {
    /// The total volatility is too low to say more.
    TooLow,
    /// It is too high to say more.
    TooHigh,
    /// How to go on.
    Step {
        /// The relative step to take, Q57; above zero if the total volatility is too low.
        relative: i64,
        /// Whether it is small enough to be the last.
        last: bool,
    },
}

impl Search {
    /// For `V/M` and `1 − V/M`, both above zero.
    pub(crate) fn new(x: u64, value: Scaled, rest: Scaled) -> Self {
        // √(2|x|), Q57: the square is Q114.
        let inflection = root_floor((x as u128) << (Q57_BITS + 1));
        // T is at most ½ and falls; s_c ≤ √128 < 32.
        let half = 1u64 << 62;
        let at_inflection = half.saturating_sub(scaled_tail(inflection).unsigned_abs());
        let value_q63 = value.to_binary(63) as u64;
        let high = value_q63 > at_inflection;
        let target = ln_wide(if high { rest } else { value });
        let start = if !high {
            low_start(x, ln_wide(Scaled::new(at_inflection.max(1), -63)).wrapping_sub(target))
        } else if value_q63.saturating_sub(at_inflection) < LINEAR_MAX_Q63 {
            // At the inflection the slope is φ(0) and the curvature nothing.
            let beyond = Q57::new((value_q63.saturating_sub(at_inflection) >> 6) as i64);
            Q57::new(inflection as i64).saturating_add(beyond.saturating_mul(ROOT_TWO_PI)).get()
        } else {
            let rest_at_inflection = Scaled::new((1u64 << 63).saturating_sub(at_inflection), -63);
            let tail = normal_tail(Q57::new((inflection >> 1) as i64)).times(rest).over(rest_at_inflection);
            rough_tail_quantile(tail).saturating_mul(2)
        };
        Self { x, high, target, start }
    }

    /// Finds the total volatility.
    pub(crate) fn run(&self) -> Solution {
        // Below, h > 30 and V is nothing; above, V is everything.
        let (mut low, mut high) = ((self.x / 30) as i64, i64::MAX);
        let mut total = self.start.clamp(low.saturating_add(1), high.saturating_sub(1));
        for evaluations in 1..=EVALUATIONS_MAX {
            let (step, last) = match self.evaluate(total) {
                Verdict::TooLow => (i64::MAX, false),
                Verdict::TooHigh => (i64::MIN, false),
                Verdict::Step { relative, last } => (relative, last),
            };
            // s (1 + step), rounded towards s.
            let moved = (total as i128).wrapping_mul(step as i128).wrapping_div(1 << Q57_BITS);
            let proposed = i64::try_from((total as i128).wrapping_add(moved)).unwrap_or(i64::MAX);
            if last {
                return Solution { total: Q57::new(proposed.clamp(low, high)), evaluations };
            }
            if step > 0 {
                low = total;
            } else {
                high = total;
            }
            if high.saturating_sub(low) <= 2 {
                return Solution { total: Q57::new(low.saturating_add(1)), evaluations };
            }
            total = if proposed > low && proposed < high { proposed } else { middle(low, high) };
        }
        Solution { total: Q57::new(total), evaluations: EVALUATIONS_MAX }
    }

    /// Householder's step of fourth order on the logarithm of what is matched, relative to the total volatility.
    fn evaluate(&self, total: i64) -> Verdict {
        let parts = match TimeValue::of(self.x, total.unsigned_abs()) {
            Shape::Nothing => return Verdict::TooLow,
            Shape::Everything => return Verdict::TooHigh,
            Shape::Between(parts) => parts,
        };
        let matched = match (self.high, parts.near.get() < 0) {
            (false, _) => parts.value(),
            (true, true) => parts.complement(),
            (true, false) => Scaled::new((1u64 << 63).saturating_sub(parts.value().to_binary(63) as u64), -63),
        };
        if matched.is_zero() {
            return if self.high { Verdict::TooHigh } else { Verdict::TooLow };
        }
        let excess = ln_wide(matched).wrapping_sub(self.target);
        // P = s V' / V and, for M − V, its negative.
        let slope = Scaled::new(total.unsigned_abs(), (Q57_BITS as i32).wrapping_neg())
            .times(density_of_bell(parts.bell))
            .over(matched)
            .to_binary(CORRECTION_BITS);
        let slope = i128::try_from(slope).unwrap_or(i128::MAX).min(1 << 80);
        if slope == 0 {
            let too_high = (excess > 0) != self.high;
            return if too_high { Verdict::TooHigh } else { Verdict::TooLow };
        }
        let slope = if self.high { slope.wrapping_neg() } else { slope };
        let relative = self.step(&parts, total, excess, slope);
        let small = (LAST_EXCESS as i128) << (80 - Q57_BITS);
        let last = excess.abs() < small && relative.unsigned_abs() < LAST_EXCESS.unsigned_abs();
        Verdict::Step { relative, last }
    }

    fn step(&self, parts: &TimeValue, total: i64, excess: i128, slope: i128) -> i64 {
        let clamp = |value: i128| value.clamp(i64::MIN as i128, i64::MAX as i128) as i64;
        let product = |left: i128, right: i128| left.saturating_mul(right) >> CORRECTION_BITS;
        let narrow = |q57: Q57| (q57.get() >> (Q57_BITS - CORRECTION_BITS)) as i128;
        let (near, far, s) = (narrow(parts.near), narrow(parts.far), narrow(Q57::new(total)));
        let h = near.wrapping_add(s >> 1);
        // All below 2^24 in size, 2^64 with their fractions: sums of a few products fit.
        let q = product(near, far);
        let t = product(q, q).wrapping_sub(product(h, h).wrapping_mul(3)).wrapping_sub(product(s, s) >> 2);
        let mut second = q.wrapping_sub(slope);
        let mut third =
            t.wrapping_sub(product(slope, q).wrapping_mul(3)).wrapping_add(product(slope, slope).wrapping_mul(2));
        // ν = −f / P: Q80 / Q40, brought to Q57; |f| < 2^10, so 2^90 × 2^17 fits.
        let mut newton = excess.wrapping_neg().wrapping_shl(17).checked_div(slope).unwrap_or(0);
        if !self.high {
            // On 1 / ln V instead, which is nearly a parabola in s: the step times ln V / ln V*, both below −ln 2 near enough.
            let target = self.target >> (80 - CORRECTION_BITS);
            let log = excess.wrapping_add(self.target) >> (80 - CORRECTION_BITS);
            let (log, target) = (log.min(-1), target.min(-1));
            newton = clamp(newton) as i128;
            newton = newton.saturating_mul(log).checked_div(target).unwrap_or(0);
            let ratio = slope.wrapping_shl(CORRECTION_BITS).checked_div(log).unwrap_or(0);
            third = third
                .saturating_sub(product(second, ratio).saturating_mul(6))
                .saturating_add(product(ratio, ratio).saturating_mul(6));
            second = second.saturating_sub(ratio.saturating_mul(2));
        }
        let newton_q57 = clamp(newton);
        let sign = if newton > 0 || (newton == 0 && (excess < 0) != self.high) { 1 } else { -1 };
        if newton_q57.unsigned_abs() > 1 << Q57_BITS {
            // Further than s itself: the bracket decides, or Newton's step stays inside.
            return newton_q57;
        }
        let nu = (newton_q57 >> (Q57_BITS - CORRECTION_BITS)) as i128;
        let one = 1i128 << CORRECTION_BITS;
        let above = one.saturating_add(product(second, nu) >> 1);
        let below = one.saturating_add(product(second.saturating_add(product(third, nu).wrapping_div(6)), nu));
        // Far from the solution the correction may turn round: then the plain step.
        let quarter = one >> 2;
        if above < quarter || below < quarter {
            return newton_q57;
        }
        let corrected = (newton_q57 as i128).saturating_mul(above.min(one << 8)).checked_div(below).unwrap_or(0);
        let step = clamp(corrected);
        if step == 0 { sign } else { step }
    }
}

/// `√(2x² / (|x| + 4L))` with `L = ln(V_c / V)`, Q80.
fn low_start(x: u64, fall: i128) -> i64 {
    // |x| ≤ 2^6 and L < 2^8: Q57 of the sum is below 2^68.
    let fall = (fall.max(0) >> 23) as u128;
    let divisor = (x as u128).saturating_add(fall << 2).max(1);
    let square = (x as u128).wrapping_mul(x as u128).wrapping_shl(1).checked_div(divisor).unwrap_or(0);
    // Q57, below 2^65; as Q114 below 2^122.
    root_floor(square.wrapping_shl(Q57_BITS)) as i64
}

/// `z` with `Φ(−z)` near `tail` ≤ ½, within 0.003: Abramowitz and Stegun 26.2.22. Q57.
fn rough_tail_quantile(tail: Scaled) -> i64 {
    let fall = q57_of_q80(ln_wide(tail)).get().min(0).unsigned_abs();
    // t = √(−2 ln p): below √128.
    let t = Q57::new(root_floor((fall as u128) << (Q57_BITS + 1)) as i64);
    const A: [Q57; 2] = [Q57::ratio(230_753, 100_000), Q57::ratio(27_061, 100_000)];
    const B: [Q57; 2] = [Q57::ratio(99_229, 100_000), Q57::ratio(4_481, 100_000)];
    let above = A[0].saturating_add(A[1].saturating_mul(t)).get();
    let below = Q57::ONE.saturating_add(t.saturating_mul(B[0].saturating_add(B[1].saturating_mul(t)))).get();
    let part = ((above as i128) << Q57_BITS).checked_div(below as i128).unwrap_or(0);
    t.get().saturating_sub(part as i64).max(0)
}

/// Between, by size where the ends are far apart.
fn middle(low: i64, high: i64) -> i64 {
    if low < high >> 2 {
        let bits = |count: i64| 64u32.wrapping_sub(count.leading_zeros());
        let between = bits(low).wrapping_add(bits(high)) >> 1;
        let middle = 1i64.wrapping_shl(between.min(62));
        if middle > low && middle < high {
            return middle;
        }
    }
    low.saturating_add(high.saturating_sub(low) >> 1)
}

#[cfg(test)]
#[path = "implied_tests.rs"]
mod tests;
