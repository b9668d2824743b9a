//! Which quotes an option should show: one a side around what a smile of the maker's own says; no I/O.
//!
//! The volatility depends on how many standard deviations the strike is from the forward, as smiles of crypto do: a level, a slope
//! (puts cost more) and a curvature. It is the maker's opinion; the chain makes its surface of the quotes. Inventory shifts
//! the price by a part of the spread, and past the limit the side that would add is left out.

use super::quoting::{Capacity, DesiredQuote, lots_per_unit};
use palisade_client::api::OptionInfo;
use palisade_pricing::{OptionTerms, Volatility};
use palisade_types::{
    market::{MarketSpec, OptionContract},
    numbers::{Price, Size},
    order::Side,
    time::TimeMs,
};

/// Milliseconds of a year of 365 days.
const YEAR_MS: f64 = 31_536_000_000.0;
/// At the forward.
const LEVEL: f64 = 0.52;
/// Per standard deviation, taken at the level.
const SLOPE: f64 = -0.03;
const CURVATURE: f64 = 0.025;
const VOLATILITY_RANGE: std::ops::RangeInclusive<f64> = 0.2..=2.0;
/// Half of the spread: this part of the price, and this part of the forward.
const HALF_SPREAD_OF_PRICE: f64 = 0.02;
const HALF_SPREAD_OF_FORWARD: f64 = 0.000_05;
/// What a quote controls of the underlying.
const QUOTE_USD: f64 = 25_000.0;
/// So many quotes may be held on one side before it is left out.
const INVENTORY_QUOTES: f64 = 20.0;

/// The volatility that the maker believes in.
fn volatility(contract: &OptionContract, forward: Price, time_ms: u64) -> f64 {
    let root_years = (time_ms as f64 / YEAR_MS).sqrt().max(1e-6);
    let moneyness = (contract.strike.get() as f64 / forward.get() as f64).ln();
    let deviations = (moneyness / (LEVEL * root_years)).clamp(-5.0, 5.0);
    let volatility = LEVEL + SLOPE * deviations + CURVATURE * deviations * deviations;
    volatility.clamp(*VOLATILITY_RANGE.start(), *VOLATILITY_RANGE.end())
}

/// The quotes of one option; none if its price cannot be computed.
pub fn desired_quotes(spec: &MarketSpec, option: &OptionInfo, now: TimeMs, capacity: Capacity) -> Vec<DesiredQuote> {
    let Some(contract) = spec.option() else { return Vec::new() };
    let time_ms = contract.expires_at_ms.since(now);
    let terms = OptionTerms { kind: contract.right, forward: option.forward, strike: contract.strike, time_ms };
    let believed = Volatility::new((volatility(&contract, option.forward, time_ms) * 1e12) as u64);
    let Some(price) = terms.price(believed).and_then(|price| price.to_price()).ok() else { return Vec::new() };
    let (price, forward) = (price.get() as f64, option.forward.get() as f64);
    let half_spread = price * HALF_SPREAD_OF_PRICE + forward * HALF_SPREAD_OF_FORWARD;
    let size = QUOTE_USD * 1e8 / forward * lots_per_unit(spec) as f64;
    let held = capacity.inventory.get() as f64 / (size * INVENTORY_QUOTES).max(1.0);
    let middle = price - half_spread * held.clamp(-1.0, 1.0);
    let mut quotes = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        let adds = match side {
            Side::Buy => held >= 0.0,
            Side::Sell => held <= 0.0,
        };
        if adds && (held.abs() >= 1.0 || capacity.appetite_ppm == 0) {
            continue;
        }
        let limit = match side {
            Side::Buy => on_tick(spec, (middle - half_spread).floor(), false),
            Side::Sell => on_tick(spec, (middle + half_spread).ceil(), true),
        };
        let lots = (size * if adds { capacity.appetite_ppm as f64 / 1e6 } else { 1.0 }) as u64;
        if let Some(price) = limit.filter(|_| lots > 0) {
            quotes.push(DesiredQuote { side, price, size: Size::new(lots) });
        }
    }
    quotes
}

/// A price on the tick, away from the middle; none if it would be nothing.
fn on_tick(spec: &MarketSpec, units: f64, up: bool) -> Option<Price> {
    let tick = spec.tick.get().max(1);
    let units = units as i64;
    let ticks = if up { units.saturating_add(tick.saturating_sub(1)).div_euclid(tick) } else { units.div_euclid(tick) };
    let price = ticks.saturating_mul(tick);
    (price > 0).then_some(Price::new(price))
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
