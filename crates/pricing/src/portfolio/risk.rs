//! What one unit of an option gains in every case that a portfolio must survive.
//!
//! It depends on the option alone, so it is worked out once for all who hold it: a portfolio's results are sums of lots times these.

use super::{
    book::{Expiry, LEGS_MAX, LinearLeg, OptionLeg, Portfolio, PreparedOption},
    margin::PortfolioMargin,
    scenario::{GRID, GRID_LOGS, SCENARIOS, VolatilityMove, log_of_move},
};
use crate::{
    black::{OptionKind, OptionTerms},
    error::PricingError,
    fixed::{Q57, Volatility},
};
use palisade_types::numbers::Price;

/// How far an expiry's forward may part from the others.
pub(super) const BASIS_MOVES_PPM: [i64; 2] = [45_000, -45_000];
const BASIS_LOGS: [Q57; 2] = [log_of_move(BASIS_MOVES_PPM[0]), log_of_move(BASIS_MOVES_PPM[1])];
/// Moneyness at which the skew moves fully.
const SKEW_REACH: Q57 = Q57::ratio(3, 10);
const SKEW_CAP: Q57 = Q57::ratio(25, 100);
const SKEW_FALL: Q57 = Q57::ratio(10, 100);
const SKEW_LEAST: Q57 = Q57::ratio(5, 100);

/// What a unit of an option gains, in 1e-18 USD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRisk {
    /// In each scenario of the grid.
    pub(super) grid: [i128; SCENARIOS],
    /// When its expiry's forward alone moves, up and down.
    pub(super) basis: [i128; 2],
    /// When the smile turns and when it bends.
    pub(super) skew: [i128; 2],
}

impl OptionRisk {
    /// Of an option at a volatility.
    pub fn of(terms: &OptionTerms, volatility: Volatility) -> Result<Self, PricingError> {
        let option = PreparedOption::new(terms, volatility)?;
        let mut grid = [0; SCENARIOS];
        for ((gain, scenario), log) in grid.iter_mut().zip(&GRID).zip(GRID_LOGS) {
            *gain = option.gain(scenario.move_ppm, log, scenario.volatility)?;
        }
        let mut basis = [0; BASIS_MOVES_PPM.len()];
        for ((gain, move_ppm), log) in basis.iter_mut().zip(BASIS_MOVES_PPM).zip(BASIS_LOGS) {
            *gain = option.gain(move_ppm, log, VolatilityMove::None)?;
        }
        let cap = SKEW_CAP.saturating_sub(SKEW_FALL.saturating_mul(option.root_years_q57())).max(SKEW_LEAST);
        // k = ln(K/F); its part of the reach, from −1 to 1.
        let k = Q57::ZERO.saturating_sub(option.log_moneyness);
        let k = k.clamp(Q57::ZERO.saturating_sub(SKEW_REACH), SKEW_REACH);
        let part = Q57::ratio(k.get(), SKEW_REACH.get());
        let skew = [part, Q57::new(part.get().saturating_abs())]
            .map(|part| option.gain_of_volatility(Q57::ONE.saturating_add(cap.saturating_mul(part))));
        Ok(Self { grid, basis, skew })
    }
}

/// Lots of an option whose risk is known. An option appears once.
#[derive(Clone, Copy, Debug)]
pub struct PricedLeg<'a> {
    /// Which expiry, by place.
    pub expiry: usize,
    /// Call or put.
    pub kind: OptionKind,
    /// The strike.
    pub strike: Price,
    /// Lots, long positive.
    pub lots: i64,
    /// What a unit gains.
    pub risk: &'a OptionRisk,
}

/// A portfolio whose options are priced.
#[derive(Clone, Copy, Debug)]
pub struct PricedPortfolio<'a> {
    /// A lot is 10^-`size_decimals` of the underlying.
    pub size_decimals: u8,
    /// The expiries that legs name.
    pub expiries: &'a [Expiry],
    /// Perpetuals, futures, collateral of the same underlying.
    pub linear: &'a [LinearLeg],
    /// Options.
    pub options: &'a [PricedLeg<'a>],
}

impl OptionLeg {
    /// What it is, at its expiry.
    pub(super) fn terms(&self, expiries: &[Expiry]) -> Result<OptionTerms, PricingError> {
        let unknown = PricingError::OutOfRange { what: "the place of an expiry" };
        let Expiry { forward, time_ms } = *expiries.get(self.expiry).ok_or(unknown)?;
        Ok(OptionTerms { kind: self.kind, forward, strike: self.strike, time_ms })
    }
}

/// Bounds the work that a portfolio may ask for.
pub(super) fn check_count(options: usize, linear: usize) -> Result<(), PricingError> {
    if options.saturating_add(linear) > LEGS_MAX {
        return Err(PricingError::OutOfRange { what: "the number of legs" });
    }
    Ok(())
}

impl Portfolio<'_> {
    /// Results, losses and requirements; `quote_index` is the price of the asset that collateral and profit are paid in.
    pub fn margin(&self, quote_index: Price) -> Result<PortfolioMargin, PricingError> {
        check_count(self.options.len(), self.linear.len())?;
        let risk = |leg: &OptionLeg| OptionRisk::of(&leg.terms(self.expiries)?, leg.volatility);
        let risks = self.options.iter().map(risk).collect::<Result<Vec<_>, _>>()?;
        let price = |(leg, risk): (&OptionLeg, _)| {
            let OptionLeg { expiry, kind, strike, lots, .. } = *leg;
            PricedLeg { expiry, kind, strike, lots, risk }
        };
        let options: Vec<PricedLeg<'_>> = self.options.iter().zip(&risks).map(price).collect();
        let Self { size_decimals, expiries, linear, .. } = *self;
        PricedPortfolio { size_decimals, expiries, linear, options: &options }.margin(quote_index)
    }
}
