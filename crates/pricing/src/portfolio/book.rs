//! What is margined together, and what its parts are worth in a scenario.

use super::scenario::{PPM, VolatilityMove, VolatilityShock};
use crate::{
    black::{OptionKind, OptionTerms, Shape, TimeValue, root_years, total_volatility},
    error::PricingError,
    fixed::{Fixed, Q57, Q57_BITS, Volatility},
    scaled::Scaled,
};
use palisade_types::numbers::Price;
use serde::{Deserialize, Serialize};

/// Legs at most, of both kinds together.
pub const LEGS_MAX: usize = 10_000;

/// One expiry of the underlying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// The price for delivery then.
    pub forward: Price,
    /// Milliseconds until then.
    pub time_ms: u64,
}

/// Lots whose value follows a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearLeg {
    /// Which expiry's forward it follows, by place; none for perpetuals and the underlying itself.
    pub expiry: Option<usize>,
    /// Its price.
    pub price: Price,
    /// Lots, long positive.
    pub lots: i64,
}

/// Lots of an option. An option appears once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionLeg {
    /// Which expiry, by place.
    pub expiry: usize,
    /// Call or put.
    pub kind: OptionKind,
    /// The strike.
    pub strike: Price,
    /// What the surface says.
    pub volatility: Volatility,
    /// Lots, long positive.
    pub lots: i64,
}

/// The positions of an account in one underlying.
#[derive(Clone, Copy, Debug)]
pub struct Portfolio<'a> {
    /// A lot is 10^-`size_decimals` of the underlying.
    pub size_decimals: u8,
    /// The expiries that legs name.
    pub expiries: &'a [Expiry],
    /// Perpetuals, futures, collateral of the same underlying.
    pub linear: &'a [LinearLeg],
    /// Options.
    pub options: &'a [OptionLeg],
}

/// An option, ready to be priced many times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreparedOption {
    kind: OptionKind,
    forward: i64,
    strike: i64,
    /// `ln(F/K)`.
    pub log_moneyness: Q57,
    volatility: Volatility,
    root_years: Scaled,
    /// Total volatility after each move.
    totals: [u64; 3],
    /// The price before any move, in 1e-18 USD.
    price: i128,
}

/// 1e10: counts of [`Fixed`] in one of [`Price`].
const FIXED_PER_PRICE: Scaled = Scaled::new(10_000_000_000, 0);

impl PreparedOption {
    /// The option at a volatility.
    pub fn new(terms: &OptionTerms, volatility: Volatility) -> Result<Self, PricingError> {
        let (forward, strike) = terms.positive()?;
        let (root, shock) = (root_years(terms.time_ms), VolatilityShock::of(terms.time_ms));
        let total = |direction| total_volatility(shock.apply(volatility, direction), root).get().unsigned_abs();
        let mut prepared = Self {
            kind: terms.kind,
            forward: terms.forward.get(),
            strike: terms.strike.get(),
            log_moneyness: crate::black::log_ratio(forward, strike),
            volatility,
            root_years: root,
            totals: [VolatilityMove::Up, VolatilityMove::None, VolatilityMove::Down].map(total),
            price: 0,
        };
        prepared.price = prepared.unit_price(prepared.forward, Q57::ZERO, prepared.totals[1]);
        Ok(prepared)
    }

    /// USD per unit in 1e-18 at another forward, whose logarithm is `log_move` more, and total volatility.
    #[inline]
    fn unit_price(&self, forward: i64, log_move: Q57, total: u64) -> i128 {
        let x = self.log_moneyness.get().wrapping_add(log_move.get());
        let minimum = Scaled::new(forward.min(self.strike).unsigned_abs(), 0).times(FIXED_PER_PRICE);
        // Both prices are below 2^63.
        let gain = match self.kind {
            OptionKind::Call => forward.saturating_sub(self.strike),
            OptionKind::Put => self.strike.saturating_sub(forward),
        };
        let intrinsic = Fixed::from_price(Price::new(gain.max(0))).get();
        let value = match TimeValue::of(x.unsigned_abs(), total) {
            Shape::Nothing => return intrinsic,
            Shape::Everything => minimum,
            Shape::Between(parts) => minimum.times(parts.value()),
        };
        // At most 2^97 each.
        intrinsic.wrapping_add(value.to_binary(0) as i128)
    }

    /// What a unit gains in a scenario, in 1e-18 USD.
    #[inline]
    pub fn gain(&self, move_ppm: i64, log_move: Q57, direction: VolatilityMove) -> Result<i128, PricingError> {
        let forward = moved(self.forward, move_ppm)?;
        // Both prices are from 0 to 2^97.
        Ok(self.unit_price(forward, log_move, self.totals[direction as usize]).wrapping_sub(self.price))
    }

    /// What a unit gains where volatility is multiplied by a factor, Q57.
    pub fn gain_of_volatility(&self, factor: Q57) -> i128 {
        let factor = Scaled::new(factor.get().max(0).unsigned_abs(), (Q57_BITS as i32).wrapping_neg());
        let total = Scaled::from_volatility(self.volatility).times(self.root_years).times(factor).to_binary(Q57_BITS);
        let total = u64::try_from(total).unwrap_or(u64::MAX >> 1);
        self.unit_price(self.forward, Q57::ZERO, total).wrapping_sub(self.price)
    }

    /// `√τ`.
    pub fn root_years_q57(&self) -> Q57 {
        Q57::new(i64::try_from(self.root_years.to_binary(Q57_BITS)).unwrap_or(i64::MAX))
    }
}

/// A price after a move, rounded down.
#[inline]
fn moved(price: i64, move_ppm: i64) -> Result<i64, PricingError> {
    let out_of_range = PricingError::OutOfRange { what: "a moved price" };
    let factor = PPM.saturating_add(move_ppm);
    // In whole millions and what is left, so that 64 bits do: the factor is below 2^23, what is left below 2^20.
    let (whole, rest) = (price.div_euclid(PPM), price.rem_euclid(PPM));
    let moved =
        whole.checked_mul(factor).and_then(|moved| moved.checked_add(rest.wrapping_mul(factor).div_euclid(PPM)));
    moved.map(|price| price.max(1)).ok_or(out_of_range)
}

impl LinearLeg {
    /// What the lots gain in a move, in 1e-18 USD × lots.
    pub(crate) fn result(&self, move_ppm: i64) -> Result<i128, PricingError> {
        let out_of_range = PricingError::OutOfRange { what: "a scenario's result" };
        // Price counts 1e-8, a part per million of it 1e-14: 1e4 counts of 1e-18. The product is below 2^63 × 2^23 × 2^14.
        let unit = (self.price.get() as i128).wrapping_mul(move_ppm as i128).wrapping_mul(10_000);
        unit.checked_mul(self.lots as i128).ok_or(out_of_range)
    }
}
