//! From scenarios to requirements. Formulas: docs/rules/portfolio-margin.md.

use super::{
    risk::{BASIS_MOVES_PPM, OptionRisk, PricedLeg, PricedPortfolio, check_count},
    scenario::{GRID, PPM, SCENARIOS},
};
use crate::{
    black::{OptionKind, root_years},
    error::PricingError,
    fixed::{Q57, Q57_BITS},
};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{Price, Usd},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Part of the core loss that maintenance asks for.
const MAINTENANCE_PPM: i128 = 800_000;
/// What maintenance asks for a naked short, of the forward.
const NAKED_MAINTENANCE_PPM: i128 = 3_000;
/// What initial margin asks for it beyond that.
const NAKED_INITIAL_PPM: i128 = 2_000;
/// The part of a basis move that counts without time, and the most that counts.
const BASIS_FACTOR: Q57 = Q57::ratio(1, 2);
const BASIS_FACTOR_MAX: Q57 = Q57::ratio(2, 1);
/// The quote asset's index below which its holders' requirements rise, in 1e-8 USD, and how fast.
const PEG: i64 = 99_000_000;
const DEPEG_RISE: i128 = 4;
const PRICE_ONE: i128 = 100_000_000;
/// 1e10 counts of 1e-18 USD in one of 1e-8.
const PER_USD: i128 = 10_000_000_000;

/// Which future is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorstCase {
    /// A scenario of the grid, by place.
    Scenario(usize),
    /// Forwards part.
    Basis,
    /// The smile turns or bends.
    Skew,
    /// Nothing loses.
    None,
}

/// What a portfolio could lose and needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioMargin {
    /// The weighted result of each scenario of [`GRID`], rounded down.
    pub results_usd: Vec<Usd>,
    /// What parting forwards cost, rounded up.
    pub basis_loss_usd: Usd,
    /// What a turning smile costs, rounded up.
    pub skew_loss_usd: Usd,
    /// The largest of all losses, zero if there is none.
    pub core_loss_usd: Usd,
    /// Where it comes from.
    pub worst: WorstCase,
    /// The charge on naked shorts in initial margin.
    pub naked_initial_usd: Usd,
    /// The charge on naked shorts in maintenance margin.
    pub naked_maintenance_usd: Usd,
    /// Initial margin.
    pub initial_usd: Usd,
    /// Maintenance margin.
    pub maintenance_usd: Usd,
}

const OUT_OF_RANGE: PricingError = PricingError::OutOfRange { what: "a portfolio's margin" };
const RESULT_OUT_OF_RANGE: PricingError = PricingError::OutOfRange { what: "a scenario's result" };

fn add(left: i128, right: i128) -> Result<i128, PricingError> {
    left.checked_add(right).ok_or(OUT_OF_RANGE)
}

/// `amount × numerator / denominator`, rounded up; the denominator is above zero.
fn part_up(amount: i128, numerator: i128, denominator: i128) -> Result<i128, PricingError> {
    let product = amount.checked_mul(numerator).ok_or(OUT_OF_RANGE)?;
    let floor = product.checked_div_euclid(denominator).ok_or(OUT_OF_RANGE)?;
    let exact = product.checked_rem_euclid(denominator) == Some(0);
    if exact { Ok(floor) } else { add(floor, 1) }
}

/// The part of a result that counts, rounded down; most scenarios count whole.
fn weighted(result: i128, weight_ppm: i64) -> Result<i128, PricingError> {
    if weight_ppm == PPM {
        return Ok(result);
    }
    let product = result.checked_mul(weight_ppm as i128).ok_or(OUT_OF_RANGE)?;
    Ok(product.div_euclid(PPM as i128))
}

impl PricedPortfolio<'_> {
    /// Results, losses and requirements; `quote_index` is the price of the asset that collateral and profit are paid in.
    pub fn margin(&self, quote_index: Price) -> Result<PortfolioMargin, PricingError> {
        check_count(self.options.len(), self.linear.len())?;
        // Counts of 1e-18 USD × lots in 1e-8 USD.
        let unit = power_of_ten(self.size_decimals).and_then(|lots| lots.checked_mul(PER_USD)).ok_or(OUT_OF_RANGE)?;
        let mut results_usd = Vec::with_capacity(SCENARIOS);
        let (mut core, mut worst) = (0, WorstCase::None);
        for (place, scenario) in GRID.iter().enumerate() {
            let mut sum = self.sum(|_| true, |risk| risk.grid[place])?;
            for leg in self.linear {
                sum = add(sum, leg.result(scenario.move_ppm)?)?;
            }
            let usd = sum.checked_div_euclid(unit).ok_or(OUT_OF_RANGE)?;
            let weighted = weighted(usd, scenario.weight_ppm)?;
            results_usd.push(Usd::new(weighted));
            if weighted.saturating_neg() > core {
                (core, worst) = (weighted.saturating_neg(), WorstCase::Scenario(place));
            }
        }
        let basis = part_up(self.basis_loss()?, 1, unit)?;
        let skew = part_up(self.skew_loss()?, 1, unit)?;
        for (loss, case) in [(basis, WorstCase::Basis), (skew, WorstCase::Skew)] {
            if loss > core {
                (core, worst) = (loss, case);
            }
        }
        let naked = self.naked_notional()?;
        let per_ppm =
            power_of_ten(self.size_decimals).and_then(|lots| lots.checked_mul(PPM as i128)).ok_or(OUT_OF_RANGE)?;
        let naked_maintenance = part_up(naked, NAKED_MAINTENANCE_PPM, per_ppm)?;
        let naked_initial = part_up(naked, NAKED_MAINTENANCE_PPM.saturating_add(NAKED_INITIAL_PPM), per_ppm)?;
        let missing = (PEG.saturating_sub(quote_index.get()).max(0) as i128).saturating_mul(DEPEG_RISE);
        let initial = add(part_up(core, PRICE_ONE.saturating_add(missing), PRICE_ONE)?, naked_initial)?;
        let maintenance = add(part_up(core, MAINTENANCE_PPM, PPM as i128)?, naked_maintenance)?;
        Ok(PortfolioMargin {
            results_usd,
            basis_loss_usd: Usd::new(basis),
            skew_loss_usd: Usd::new(skew),
            core_loss_usd: Usd::new(core),
            worst,
            naked_initial_usd: Usd::new(naked_initial),
            naked_maintenance_usd: Usd::new(naked_maintenance),
            initial_usd: Usd::new(initial),
            maintenance_usd: Usd::new(maintenance),
        })
    }

    /// Σ over expiries of the factor times the worse of two moves of that forward alone, in 1e-18 USD × lots; never below zero.
    fn basis_loss(&self) -> Result<i128, PricingError> {
        let mut loss = 0;
        for place in std::iter::once(None).chain((0..self.expiries.len()).map(Some)) {
            let mut worse = 0i128;
            for (direction, move_ppm) in BASIS_MOVES_PPM.into_iter().enumerate() {
                let mut sum = self.sum(|leg| Some(leg.expiry) == place, |risk| risk.basis[direction])?;
                for leg in self.linear.iter().filter(|leg| leg.expiry == place) {
                    sum = add(sum, leg.result(move_ppm)?)?;
                }
                worse = worse.max(sum.checked_neg().ok_or(OUT_OF_RANGE)?);
            }
            let factor = place.and_then(|place| self.expiries.get(place)).map_or(BASIS_FACTOR, |expiry| {
                let root = root_years(expiry.time_ms);
                let years = Q57::new(i64::try_from(root.times(root).to_binary(Q57_BITS)).unwrap_or(i64::MAX));
                BASIS_FACTOR.saturating_add(years.saturating_add(years)).min(BASIS_FACTOR_MAX)
            });
            loss = add(loss, scaled_up(worse, factor)?)?;
        }
        Ok(loss)
    }

    /// The larger of two sums over expiries of what a turn and a bend of the smile do there, in 1e-18 USD × lots.
    fn skew_loss(&self) -> Result<i128, PricingError> {
        let mut losses = [0i128; 2];
        for place in 0..self.expiries.len() {
            for (direction, loss) in losses.iter_mut().enumerate() {
                let sum = self.sum(|leg| leg.expiry == place, |risk| risk.skew[direction])?;
                *loss = add(*loss, sum.checked_abs().ok_or(OUT_OF_RANGE)?)?;
            }
        }
        Ok(losses[0].max(losses[1]))
    }

    /// Σ lots × what a unit gains, over some option legs, in 1e-18 USD × lots.
    #[inline]
    fn sum(
        &self,
        of: impl Fn(&PricedLeg<'_>) -> bool,
        gain: impl Fn(&OptionRisk) -> i128,
    ) -> Result<i128, PricingError> {
        let legs = self.options.iter().filter(|leg| of(leg));
        legs.map(|leg| gain(leg.risk).checked_mul(leg.lots as i128).ok_or(RESULT_OUT_OF_RANGE))
            .try_fold(0, |sum, result| add(sum, result?))
    }

    /// Σ forward × lots short, by expiry, strike and kind, in 1e-8 USD × lots.
    fn naked_notional(&self) -> Result<i128, PricingError> {
        let mut net: BTreeMap<(usize, Price, OptionKind), i128> = BTreeMap::new();
        for leg in self.options {
            let lots = net.entry((leg.expiry, leg.strike, leg.kind)).or_default();
            *lots = add(*lots, leg.lots as i128)?;
        }
        net.iter().filter(|(_, lots)| **lots < 0).try_fold(0, |sum, ((place, _, _), lots)| {
            let forward = self.expiries.get(*place).ok_or(OUT_OF_RANGE)?.forward.get() as i128;
            add(sum, forward.checked_mul(lots.saturating_neg()).ok_or(OUT_OF_RANGE)?)
        })
    }
}

/// `amount × factor`, rounded up; neither is below zero.
fn scaled_up(amount: i128, factor: Q57) -> Result<i128, PricingError> {
    // 2^-57 counts in two halves, so that large amounts fit: the lower bits of the amount first.
    let factor = factor.get() as i128;
    let mask = (1i128 << Q57_BITS).wrapping_sub(1);
    let low = (amount & mask).wrapping_mul(factor);
    let high = (amount >> Q57_BITS).checked_mul(factor).ok_or(OUT_OF_RANGE)?;
    add(high, add(low >> Q57_BITS, i128::from(low & mask != 0))?)
}
