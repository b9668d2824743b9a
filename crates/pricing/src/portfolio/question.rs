//! Questions about portfolios: the input and output of `palisade margin --portfolio FILE`. Prices and dollars are decimal text,
//! lots and places whole numbers.

use super::{
    book::{Expiry, LinearLeg, OptionLeg, Portfolio},
    margin::WorstCase,
    scenario::{GRID, VolatilityMove},
};
use crate::error::PricingError;
use palisade_types::numbers::{Price, Usd};
use serde::{Deserialize, Serialize};

/// The positions of an account in one underlying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioQuestion {
    /// A lot is 10^-`size_decimals` of the underlying.
    pub size_decimals: u8,
    /// The index of the asset that profit is paid in.
    #[serde(default = "one_usd")]
    pub quote_index: Price,
    /// The expiries that legs name by place, from 0.
    pub expiries: Vec<Expiry>,
    /// Perpetuals, futures, collateral of the same underlying.
    #[serde(default)]
    pub linear: Vec<LinearLeg>,
    /// Options.
    #[serde(default)]
    pub options: Vec<OptionLeg>,
}

const fn one_usd() -> Price {
    Price::new(100_000_000)
}

/// What the portfolio could lose and needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortfolioAnswer {
    /// Every scenario, in the order of the grid.
    pub scenarios: Vec<ScenarioAnswer>,
    /// Which future is the worst.
    pub worst: WorstCase,
    /// What parting forwards cost.
    pub basis_loss_usd: Usd,
    /// What a turning smile costs.
    pub skew_loss_usd: Usd,
    /// The largest of all losses.
    pub core_loss_usd: Usd,
    /// The charge on naked shorts in initial margin.
    pub naked_initial_usd: Usd,
    /// The same in maintenance margin.
    pub naked_maintenance_usd: Usd,
    /// The initial requirement.
    pub initial_usd: Usd,
    /// The maintenance requirement.
    pub maintenance_usd: Usd,
    /// What the options of each expiry would need outside portfolio mode.
    pub standard: Vec<StandardAnswer>,
}

/// What one scenario would bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioAnswer {
    /// What every price moves by, in parts per million of itself.
    pub move_ppm: i64,
    /// Where volatility goes.
    pub volatility: VolatilityMove,
    /// The part of the result that counts, in parts per million.
    pub weight_ppm: i64,
    /// That part.
    pub result_usd: Usd,
}

/// An expiry outside portfolio mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandardAnswer {
    /// Its place.
    pub expiry: usize,
    /// Initial margin of its options.
    pub initial_usd: Usd,
    /// Maintenance margin of its options.
    pub maintenance_usd: Usd,
}

/// Answers a question.
pub fn answer(question: &PortfolioQuestion) -> Result<PortfolioAnswer, PricingError> {
    let portfolio = Portfolio {
        size_decimals: question.size_decimals,
        expiries: &question.expiries,
        linear: &question.linear,
        options: &question.options,
    };
    let margin = portfolio.margin(question.quote_index)?;
    let scenarios = GRID.iter().zip(&margin.results_usd).map(|(scenario, result_usd)| ScenarioAnswer {
        move_ppm: scenario.move_ppm,
        volatility: scenario.volatility,
        weight_ppm: scenario.weight_ppm,
        result_usd: *result_usd,
    });
    let standard = (0..question.expiries.len()).map(|expiry| {
        let needed = portfolio.expiry_requirement(expiry)?;
        Ok(StandardAnswer { expiry, initial_usd: needed.initial_usd, maintenance_usd: needed.maintenance_usd })
    });
    Ok(PortfolioAnswer {
        scenarios: scenarios.collect(),
        worst: margin.worst,
        basis_loss_usd: margin.basis_loss_usd,
        skew_loss_usd: margin.skew_loss_usd,
        core_loss_usd: margin.core_loss_usd,
        naked_initial_usd: margin.naked_initial_usd,
        naked_maintenance_usd: margin.naked_maintenance_usd,
        initial_usd: margin.initial_usd,
        maintenance_usd: margin.maintenance_usd,
        standard: standard.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
