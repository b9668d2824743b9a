//! Black-76: prices and greeks of European options on a forward, settled in USD, not discounted. Formulas, units, edges
//! and error bounds: docs/rules/pricing.md, Black-76.
//!
//! One number carries an option's price: its **time value**, which a call and a put of the same strike share. So put-call
//! parity holds in every last unit, and an option far out of the money keeps its digits.

use crate::{
    elementary::{ln_wide, q57_of_q80, sqrt_scaled},
    error::PricingError,
    fixed::{FIXED_ONE, Fixed, Q57, Q57_BITS, Volatility},
    normal::{DEVIATIONS_MAX, bell, density_of_bell, scaled_tail},
    scaled::Scaled,
};
pub use palisade_types::market::OptionKind;
use palisade_types::numbers::Price;
use serde::{Deserialize, Serialize};

/// A year of 365 days, as Deribit counts it.
pub const YEAR_MS: u64 = 31_536_000_000;
/// Longest time to expiry: 100 years.
pub const TIME_MS_MAX: u64 = 100 * YEAR_MS;

/// An option and what it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionTerms {
    /// Call or put.
    pub kind: OptionKind,
    /// The price of the underlying for delivery at expiry.
    pub forward: Price,
    /// The strike.
    pub strike: Price,
    /// Milliseconds to expiry.
    pub time_ms: u64,
}

/// A price and what it depends on. Units: docs/rules/pricing.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeks {
    /// USD per unit of the underlying.
    pub price: Fixed,
    /// USD per USD of the forward.
    pub delta: Fixed,
    /// Delta per USD of the forward.
    pub gamma: Fixed,
    /// USD per volatility point (0.01).
    pub vega: Fixed,
    /// USD per day that passes; zero or negative.
    pub theta: Fixed,
    /// USD per percentage point of interest, the spot price held.
    pub rho: Fixed,
}

/// The time value of an option over the smaller of forward and strike, and the parts that it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeValue {
    /// `h − s/2`.
    pub near: Q57,
    /// `h + s/2`.
    pub far: Q57,
    /// `e^(−near²/2)`.
    pub bell: Scaled,
    /// `T(|near|)`, Q63.
    pub near_tail: i64,
    /// `T(far)`, Q63.
    pub far_tail: i64,
}

/// What [`TimeValue::of`] finds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// No time value that any number here could hold.
    Nothing,
    /// All of it: total volatility is out of proportion.
    Everything,
    /// Something in between.
    Between(TimeValue),
}

/// One, Q63.
const ONE_Q63: u64 = 1 << 63;

impl TimeValue {
    /// For `|ln(F/K)| = x` and total volatility `s`.
    #[inline]
    pub(crate) fn of(x: u64, s: u64) -> Shape {
        if s == 0 {
            return Shape::Nothing;
        }
        #[expect(clippy::arithmetic_side_effects, reason = "s is not zero")]
        let h = ((x as u128) << Q57_BITS) / s as u128;
        // Beyond, V is below 1e-200 M: |x| ≤ 64, and h ≥ 32 leaves near above 31.
        if h >= DEVIATIONS_MAX.get().unsigned_abs() as u128 {
            return Shape::Nothing;
        }
        // Both below 2^62.
        Self::at((h as i64).wrapping_sub((s >> 1) as i64), s)
    }

    /// For `near` and total volatility `s`.
    #[inline]
    fn at(near: i64, s: u64) -> Shape {
        let far = near.saturating_add_unsigned(s);
        // far² − near² = 2|x| ≤ 128, so near is beyond 29 as well and what is left out below e^-440.
        if far >= DEVIATIONS_MAX.get() {
            return if near >= 0 { Shape::Nothing } else { Shape::Everything };
        }
        let near = Q57::new(near);
        Shape::Between(Self {
            near,
            far: Q57::new(far),
            bell: bell(near),
            near_tail: scaled_tail(near.get().unsigned_abs()),
            far_tail: scaled_tail(far.unsigned_abs()),
        })
    }

    /// `V / M`.
    #[inline]
    pub(crate) fn value(&self) -> Scaled {
        if self.near.get() >= 0 {
            let tails = self.near_tail.saturating_sub(self.far_tail).max(0);
            return self.bell.times(Scaled::new(tails.unsigned_abs(), -63));
        }
        let rest = self.complement().to_binary(63).min(ONE_Q63 as u128) as u64;
        Scaled::new(ONE_Q63.wrapping_sub(rest), -63)
    }

    /// `1 − V / M`, where `near` is below zero.
    #[inline]
    pub(crate) fn complement(&self) -> Scaled {
        // Each is at most ½.
        let tails = self.near_tail.unsigned_abs().wrapping_add(self.far_tail.unsigned_abs());
        self.bell.times(Scaled::new(tails, -63))
    }
}

/// An option's numbers in the forms that the formulas use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    /// `ln(F/K)`.
    pub log_moneyness: Q57,
    /// `min(F, K)` in 1e-18 USD.
    pub minimum: Scaled,
    /// `√τ`.
    pub root_years: Scaled,
    /// What exercising now would bring.
    pub intrinsic: Fixed,
}

/// 1 / √31,536,000,000, made from the year so that they cannot disagree; see the test.
const INVERSE_ROOT_YEAR_MS: Scaled = Scaled::new(13_615_272_733_763_989_247, -81);
/// 1e10: counts of [`Fixed`] in one of [`Price`].
const FIXED_PER_PRICE: Scaled = Scaled::new(10_000_000_000, 0);

/// `√τ` of a time in milliseconds.
#[inline]
pub fn root_years(time_ms: u64) -> Scaled {
    sqrt_scaled(time_ms).times(INVERSE_ROOT_YEAR_MS)
}

/// `σ √τ`, held at the end of the range.
#[inline]
pub fn total_volatility(volatility: Volatility, root_years: Scaled) -> Q57 {
    let total = Scaled::from_volatility(volatility).times(root_years).to_binary(Q57_BITS);
    Q57::new(i64::try_from(total).unwrap_or(i64::MAX))
}

/// `ln(numerator / denominator)` of two prices above zero.
#[inline]
pub(crate) fn log_ratio(numerator: u64, denominator: u64) -> Q57 {
    // Each is below 2^6 × 2^80.
    q57_of_q80(ln_wide(Scaled::new(numerator, 0)).wrapping_sub(ln_wide(Scaled::new(denominator, 0))))
}

impl OptionTerms {
    /// The terms, checked.
    pub(crate) fn positive(&self) -> Result<(u64, u64), PricingError> {
        match (u64::try_from(self.forward.get()), u64::try_from(self.strike.get())) {
            (Ok(forward @ 1..), Ok(strike @ 1..)) if self.time_ms <= TIME_MS_MAX => Ok((forward, strike)),
            (Ok(1..), Ok(1..)) => Err(PricingError::TimeTooLong { time_ms: self.time_ms, maximum_ms: TIME_MS_MAX }),
            _ => Err(PricingError::NotPositive { forward: self.forward, strike: self.strike }),
        }
    }

    /// `ln(K/F)`.
    pub fn log_strike(&self) -> Result<Q57, PricingError> {
        let (forward, strike) = self.positive()?;
        Ok(log_ratio(strike, forward))
    }

    #[inline]
    pub(crate) fn prepare(&self) -> Result<Prepared, PricingError> {
        let (forward, strike) = self.positive()?;
        Ok(Prepared {
            log_moneyness: log_ratio(forward, strike),
            minimum: Scaled::new(forward.min(strike), 0).times(FIXED_PER_PRICE),
            root_years: root_years(self.time_ms),
            intrinsic: self.intrinsic(),
        })
    }

    /// What exercising now would bring.
    pub fn intrinsic(&self) -> Fixed {
        let (forward, strike) = (Fixed::from_price(self.forward).get(), Fixed::from_price(self.strike).get());
        // Both are below 2^97.
        let gain = match self.kind {
            OptionKind::Call => forward.wrapping_sub(strike),
            OptionKind::Put => strike.wrapping_sub(forward),
        };
        Fixed::new(gain.max(0))
    }

    /// The price at a volatility: USD per unit of the underlying.
    #[inline]
    pub fn price(&self, volatility: Volatility) -> Result<Fixed, PricingError> {
        let prepared = self.prepare()?;
        let total = total_volatility(volatility, prepared.root_years);
        let shape = TimeValue::of(prepared.log_moneyness.get().unsigned_abs(), total.get().unsigned_abs());
        Ok(prepared.price(&shape))
    }

    /// The price and its greeks at a volatility.
    pub fn greeks(&self, volatility: Volatility) -> Result<Greeks, PricingError> {
        let prepared = self.prepare()?;
        let total = total_volatility(volatility, prepared.root_years);
        let shape = TimeValue::of(prepared.log_moneyness.get().unsigned_abs(), total.get().unsigned_abs());
        let price = prepared.price(&shape);
        let slope = match shape {
            Shape::Between(parts) => prepared.minimum.times(density_of_bell(parts.bell)),
            // Where nothing is left to happen, vega at the money still has its limit.
            Shape::Nothing if self.forward == self.strike => prepared.minimum.times(density_of_bell(bell(Q57::ZERO))),
            Shape::Nothing | Shape::Everything => Scaled::ZERO,
        };
        let out_of_range = |what| PricingError::OutOfRange { what };
        let usd = |value: Scaled, what| counted(value).ok_or(out_of_range(what));
        let vega = usd(slope.times(prepared.root_years).times(HUNDREDTH), "vega")?;
        let decay = slope.times(Scaled::from_volatility(volatility)).over(prepared.root_years).times(PER_730);
        let theta = usd(decay, "theta")?.checked_neg().ok_or(out_of_range("theta"))?;
        let gamma = match shape {
            Shape::Between(_) => self.gamma(slope, total).ok_or(out_of_range("gamma"))?,
            Shape::Nothing | Shape::Everything => Fixed::ZERO,
        };
        let years = prepared.root_years.times(prepared.root_years);
        let Sides { delta, strike_part } = self.sides(&prepared, &shape);
        let rho = usd(Scaled::from_count(strike_part.get().unsigned_abs()).times(years).times(HUNDREDTH), "rho")?;
        let rho = if self.kind == OptionKind::Put { rho.checked_neg().ok_or(out_of_range("rho"))? } else { rho };
        Ok(Greeks { price, delta, gamma, vega, theta, rho })
    }

    /// `M φ(a) / (F² s)`; the slope counts 1e-18 USD, the forward 1e-8 USD.
    fn gamma(&self, slope: Scaled, total: Q57) -> Option<Fixed> {
        let forward = Scaled::new(self.forward.get().unsigned_abs(), 0);
        // 1e-18 / (1e-8)² = 1e-2.
        let total = Scaled::new(total.get().unsigned_abs(), (Q57_BITS as i32).wrapping_neg());
        slope.over(forward).over(forward).over(total).times(HUNDREDTH).to_fixed()
    }
}

/// What an option's two probabilities make: delta, and the strike times the probability of exercise.
struct Sides {
    delta: Fixed,
    strike_part: Fixed,
}

/// 1/100.
const HUNDREDTH: Scaled = Scaled::new(1, 0).over(Scaled::new(100, 0));
/// 1 / (2 × 365).
const PER_730: Scaled = Scaled::new(1, 0).over(Scaled::new(730, 0));

/// A number that counts 1e-18 already.
fn counted(value: Scaled) -> Option<Fixed> {
    i128::try_from(value.to_binary(0)).ok().map(Fixed::new)
}

impl Prepared {
    /// Intrinsic plus time value.
    #[inline]
    pub(crate) fn price(&self, shape: &Shape) -> Fixed {
        let value = match shape {
            Shape::Nothing => return self.intrinsic,
            Shape::Everything => self.minimum,
            Shape::Between(parts) => self.minimum.times(parts.value()),
        };
        // At most M, below 2^97, as is the intrinsic value.
        Fixed::new(self.intrinsic.get().wrapping_add(value.to_binary(0) as i128))
    }
}

impl OptionTerms {
    fn sides(&self, prepared: &Prepared, shape: &Shape) -> Sides {
        let above = prepared.log_moneyness > Q57::ZERO;
        let strike = Fixed::from_price(self.strike).get();
        // Φ(d1) and K Φ(d2).
        let (probability, exercised) = match shape {
            Shape::Nothing if self.forward == self.strike => (FIXED_ONE / 2, strike / 2),
            Shape::Nothing => {
                if above {
                    (FIXED_ONE, strike)
                } else {
                    (0, 0)
                }
            }
            Shape::Everything => (FIXED_ONE, 0),
            Shape::Between(parts) => self.between(prepared, parts, above),
        };
        // Φ(d1) is from 0 to 1; K Φ(d2) from 0 to K < 2^97.
        match self.kind {
            OptionKind::Call => Sides { delta: Fixed::new(probability), strike_part: Fixed::new(exercised) },
            OptionKind::Put => Sides {
                delta: Fixed::new(probability.wrapping_sub(FIXED_ONE)),
                strike_part: Fixed::new(strike.wrapping_sub(exercised).max(0)),
            },
        }
    }

    /// `Φ(d1)` and `K Φ(d2)` in 1e-18: with `n = e^(−a²/2) T(|a|)` and `f = e^(−a²/2) T(b)`, both are `M n` or `M f` or what those leave.
    fn between(&self, prepared: &Prepared, parts: &TimeValue, above: bool) -> (i128, i128) {
        let tail = |tail: i64| parts.bell.times(Scaled::new(tail.unsigned_abs(), -63));
        let near = tail(parts.near_tail);
        let far_usd = prepared.minimum.times(tail(parts.far_tail));
        let inside = parts.near.get() < 0;
        let (forward, strike) = (Fixed::from_price(self.forward).get(), Fixed::from_price(self.strike).get());
        // Probabilities and amounts at most 1 and K: no difference leaves i128.
        if above {
            let of_forward = far_usd.over(Scaled::from_count(forward.unsigned_abs()));
            let near_usd = prepared.minimum.times(near).to_binary(0) as i128;
            let exercised = if inside { near_usd } else { strike.wrapping_sub(near_usd) };
            (FIXED_ONE.wrapping_sub(probability(of_forward)), exercised)
        } else {
            let near = probability(near);
            (if inside { FIXED_ONE.wrapping_sub(near) } else { near }, far_usd.to_binary(0) as i128)
        }
    }
}

/// A probability in 1e-18.
fn probability(value: Scaled) -> i128 {
    value.to_fixed().map_or(FIXED_ONE, |fixed| fixed.get().min(FIXED_ONE))
}

#[cfg(test)]
#[path = "black_tests.rs"]
mod tests;
