//! Options outside portfolio mode: the isolated formula of each short, or what an expiry can lose, whichever is less.
//! Formulas: docs/rules/portfolio-margin.md, Outside portfolio mode.

use super::{book::Portfolio, risk::check_count, scenario::PPM};
use crate::{black::OptionKind, error::PricingError, fixed::Fixed};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{Price, Usd},
};

/// Of the forward, for a short at the money.
const SHORT_INITIAL_PPM: i128 = 150_000;
/// At least this much of the forward.
const SHORT_INITIAL_LEAST_PPM: i128 = 130_000;
/// Maintenance, of the forward and, for puts, of the mark.
const SHORT_MAINTENANCE_PPM: i128 = 90_000;
/// Initial margin of a short put is at least this part of its maintenance.
const PUT_INITIAL_OF_MAINTENANCE_PPM: i128 = 1_050_000;
/// What a unit of calls short beyond the calls long needs, of the forward.
const UNPAIRED_INITIAL_PPM: i128 = 1_200_000;
const UNPAIRED_MAINTENANCE_PPM: i128 = 1_100_000;
/// 1e-18 USD in 1e-8 USD.
const PER_USD: i128 = 10_000_000_000;

const OUT_OF_RANGE: PricingError = PricingError::OutOfRange { what: "the margin of an expiry's options" };

/// What options need; whoever asks says whether what they are worth is part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// Initial margin.
    pub initial_usd: Usd,
    /// Maintenance margin.
    pub maintenance_usd: Usd,
}

/// Initial and maintenance, in 1e-18 USD a unit or times lots.
#[derive(Clone, Copy, Default)]
struct Pair {
    initial: i128,
    maintenance: i128,
}

impl Pair {
    /// In USD, rounded up.
    fn in_usd(self, size_decimals: u8) -> Result<Requirement, PricingError> {
        let lots = lots_unit(size_decimals)?;
        Ok(Requirement { initial_usd: up(self.initial, lots), maintenance_usd: up(self.maintenance, lots) })
    }
}

/// A part of what is not below zero, rounded up.
fn part(amount: i128, ppm: i128) -> Result<i128, PricingError> {
    let product = amount.checked_mul(ppm).ok_or(OUT_OF_RANGE)?;
    Ok(product.saturating_add(PPM as i128).saturating_sub(1).div_euclid(PPM as i128))
}

/// An option position at its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedLeg {
    /// Call or put.
    pub kind: OptionKind,
    /// The strike.
    pub strike: Price,
    /// What a unit is worth.
    pub mark: Fixed,
    /// Lots, long positive.
    pub lots: i64,
}

impl MarkedLeg {
    /// What the position needs by itself, its value at the mark included: the most that it adds to what its expiry needs.
    pub fn requirement(&self, forward: Price, size_decimals: u8) -> Result<Requirement, PricingError> {
        self.isolated(forward)?.in_usd(size_decimals)
    }

    /// The isolated formula: longs need what they are worth, shorts theirs beyond it.
    fn isolated(&self, forward: Price) -> Result<Pair, PricingError> {
        let lots = self.lots.unsigned_abs() as i128;
        let unit = if self.lots > 0 {
            Pair { initial: self.mark.get(), maintenance: self.mark.get() }
        } else {
            short_unit(self.kind, forward, self.strike, self.mark)?
        };
        Ok(Pair { initial: times(unit.initial, lots)?, maintenance: times(unit.maintenance, lots)? })
    }
}

fn times(unit: i128, lots: i128) -> Result<i128, PricingError> {
    unit.checked_mul(lots).ok_or(OUT_OF_RANGE)
}

fn add(left: i128, right: i128) -> Result<i128, PricingError> {
    left.checked_add(right).ok_or(OUT_OF_RANGE)
}

/// Counts of 1e-18 USD × lots in 1e-8 USD.
fn lots_unit(size_decimals: u8) -> Result<i128, PricingError> {
    power_of_ten(size_decimals).and_then(|lots| lots.checked_mul(PER_USD)).ok_or(OUT_OF_RANGE)
}

/// An amount, rounded up.
fn up(amount: i128, unit: i128) -> Usd {
    Usd::new(amount.saturating_add(unit.saturating_sub(1)).div_euclid(unit))
}

/// What a unit of short options adds to an expiry's maintenance at most, in parts per million: of each of their marks that rises,
/// of the forward per short, and of the forward per call short beyond the calls long.
pub const SHORT_MARK_SLOPE_PPM: i64 = 1_090_000;
/// See [`SHORT_MARK_SLOPE_PPM`].
pub const SHORT_FORWARD_SLOPE_PPM: i64 = 90_000;
/// See [`SHORT_MARK_SLOPE_PPM`].
pub const UNPAIRED_FORWARD_SLOPE_PPM: i64 = 1_100_000;

/// What the options of one expiry need outside portfolio mode beyond what they are worth, rounded up once: longs exactly nothing. Below
/// zero only for what they certainly pay.
pub fn requirement(forward: Price, size_decimals: u8, legs: &[MarkedLeg]) -> Result<Requirement, PricingError> {
    let (_, beyond) = value_and_needs(forward, legs)?;
    beyond.in_usd(size_decimals)
}

/// What the options of one expiry are worth and what they need beyond it, exactly.
fn value_and_needs(forward: Price, legs: &[MarkedLeg]) -> Result<(i128, Pair), PricingError> {
    let mut isolated = Pair::default();
    let mut value = 0;
    let mut calls = 0i128;
    for leg in legs {
        value = add(value, times(leg.mark.get(), leg.lots as i128)?)?;
        let own = leg.isolated(forward)?;
        isolated.initial = add(isolated.initial, own.initial)?;
        isolated.maintenance = add(isolated.maintenance, own.maintenance)?;
        if leg.kind == OptionKind::Call {
            calls = add(calls, leg.lots as i128)?;
        }
    }
    let unpaired = calls.saturating_neg().max(0);
    let forward = Fixed::from_price(forward).get();
    let lost = worst_payoff(legs)?.checked_neg().ok_or(OUT_OF_RANGE)?;
    let smaller = |formula: i128, ppm| -> Result<i128, PricingError> {
        let beyond = formula.checked_sub(value).ok_or(OUT_OF_RANGE)?;
        Ok(beyond.min(add(lost, times(part(forward, ppm)?, unpaired)?)?))
    };
    let initial = smaller(isolated.initial, UNPAIRED_INITIAL_PPM)?;
    Ok((value, Pair { initial, maintenance: smaller(isolated.maintenance, UNPAIRED_MAINTENANCE_PPM)? }))
}

/// What a unit short needs beyond its mark.
fn short_unit(kind: OptionKind, forward: Price, strike: Price, mark: Fixed) -> Result<Pair, PricingError> {
    let usd = |price: Price| Fixed::from_price(price).get();
    let (forward, strike, mark) = (usd(forward), usd(strike), mark.get());
    let beyond = match kind {
        OptionKind::Call => strike.saturating_sub(forward),
        OptionKind::Put => forward.saturating_sub(strike),
    };
    let by_moneyness = part(forward, SHORT_INITIAL_PPM)?.saturating_sub(beyond.max(0));
    let initial = by_moneyness.max(part(forward, SHORT_INITIAL_LEAST_PPM)?);
    match kind {
        OptionKind::Call => Ok(Pair { initial, maintenance: part(forward, SHORT_MAINTENANCE_PPM)? }),
        OptionKind::Put => {
            let maintenance = part(forward.max(mark), SHORT_MAINTENANCE_PPM)?;
            let initial = initial.max(part(maintenance, PUT_INITIAL_OF_MAINTENANCE_PPM)?);
            // A put cannot lose more than its strike, so a hedge never needs more than its legs alone.
            let most = strike.saturating_sub(mark);
            Ok(Pair { initial: initial.min(most), maintenance: maintenance.min(most) })
        }
    }
}

impl Portfolio<'_> {
    /// What the options of one expiry need outside portfolio mode, what they are worth included; linear legs are margined by themselves.
    pub fn expiry_requirement(&self, place: usize) -> Result<Requirement, PricingError> {
        let expiry = self.expiries.get(place).ok_or(OUT_OF_RANGE)?;
        check_count(self.options.len(), self.linear.len())?;
        let mut legs = Vec::new();
        for leg in self.options.iter().filter(|leg| leg.expiry == place) {
            let mark = leg.terms(self.expiries)?.price(leg.volatility)?;
            legs.push(MarkedLeg { kind: leg.kind, strike: leg.strike, mark, lots: leg.lots });
        }
        let (value, beyond) = value_and_needs(expiry.forward, &legs)?;
        let whole = Pair { initial: add(value, beyond.initial)?, maintenance: add(value, beyond.maintenance)? };
        let Requirement { initial_usd, maintenance_usd } = whole.in_usd(self.size_decimals)?;
        Ok(Requirement { initial_usd: initial_usd.max(Usd::ZERO), maintenance_usd: maintenance_usd.max(Usd::ZERO) })
    }
}

/// The least that options pay if they settle at zero or at one of their strikes, which are above it, in 1e-18 USD × lots. Between
/// strikes a payoff is a line, so no price below the highest strike pays less.
///
/// One sweep upwards: each strike adds its lots to the slope, because there a call begins to pay and a put ends. In 1e-8 USD × lots:
/// steps on the way may be 1e10 times what the answer may be.
fn worst_payoff(legs: &[MarkedLeg]) -> Result<i128, PricingError> {
    let mut by_strike: Vec<(i128, i128)> =
        legs.iter().map(|leg| (leg.strike.get() as i128, leg.lots as i128)).collect();
    by_strike.sort_unstable();
    let (mut payoff, mut slope, mut settled) = (0i128, 0i128, 0i128);
    for put in legs.iter().filter(|leg| leg.kind == OptionKind::Put) {
        payoff = add(payoff, times(put.strike.get() as i128, put.lots as i128)?)?;
        slope = slope.checked_sub(put.lots as i128).ok_or(OUT_OF_RANGE)?;
    }
    let mut worst = payoff;
    for (strike, lots) in by_strike {
        payoff = add(payoff, times(slope, strike.saturating_sub(settled))?)?;
        worst = worst.min(payoff);
        slope = add(slope, lots)?;
        settled = strike;
    }
    times(worst, PER_USD)
}

#[cfg(test)]
#[path = "standard_tests.rs"]
mod tests;
