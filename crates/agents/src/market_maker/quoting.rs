//! Which quotes a market should show, as a function of what the chain says; no I/O.
//!
//! Levels lie around the index, wider and larger outwards. Inventory moves them: long shifts both sides down, so that
//! the next fill is more likely to reduce. Past the inventory limit, or when margin is short, the side that would add
//! to the position is left out. Prices are rounded away from the index to what other venues' clients can represent (five
//! significant figures, or whole dollars), which is always a multiple of the tick as well.

use palisade_types::{
    market::MarketSpec,
    numbers::{Position, Price, Size, Usd},
    order::Side,
};

const MILLION: i128 = 1_000_000;

/// How a market maker quotes; the same for all markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteTerms {
    /// Quotes per side.
    pub levels: u32,
    /// Distance of the first level from the index, in millionths.
    pub half_spread_ppm: i64,
    /// Distance between levels, in millionths; doubles with each level.
    pub step_ppm: i64,
    /// Shift of all levels at the full inventory limit, in millionths.
    pub skew_ppm: i64,
    /// Value of the first level; level n has n times as much.
    pub level_usd: Usd,
    /// Inventory value at which the adding side is left out.
    pub inventory_limit_usd: Usd,
}

impl Default for QuoteTerms {
    fn default() -> Self {
        Self {
            levels: 5,
            half_spread_ppm: 500,
            step_ppm: 400,
            skew_ppm: 400,
            level_usd: Usd::new(20_000 * 100_000_000),
            inventory_limit_usd: Usd::new(2_000_000 * 100_000_000),
        }
    }
}

/// What the account can still bear in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Lots held (perpetuals), or base held less what the maker wants to hold (spot).
    pub inventory: Position,
    /// Most lots that all bids together may ask for.
    pub bid_lots: Size,
    /// Most lots that all asks together may ask for.
    pub ask_lots: Size,
    /// How much of the usual size to show, in millionths; 0 leaves only the side that reduces.
    pub appetite_ppm: i64,
}

/// A quote that should be in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesiredQuote {
    /// Bid or ask.
    pub side: Side,
    /// A multiple of the tick.
    pub price: Price,
    /// At least the market's minimum.
    pub size: Size,
}

/// The quotes of one market, each side best first.
pub fn desired_quotes(spec: &MarketSpec, index: Price, capacity: Capacity, terms: &QuoteTerms) -> Vec<DesiredQuote> {
    let inventory_usd = value_usd(spec, index, capacity.inventory.size());
    let limit = terms.inventory_limit_usd.get().max(1);
    let signed_usd = if capacity.inventory.get() < 0 { -inventory_usd } else { inventory_usd };
    let skew_ppm = i128::from(terms.skew_ppm) * signed_usd.clamp(-limit, limit) / limit;
    let mut quotes = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        let reduces = match side {
            Side::Buy => capacity.inventory.get() < 0,
            Side::Sell => capacity.inventory.get() > 0,
        };
        let adds_too_much = !reduces && (inventory_usd >= limit || capacity.appetite_ppm == 0);
        if !adds_too_much {
            quotes.extend(side_quotes(spec, index, side, reduces, skew_ppm, capacity, terms));
        }
    }
    quotes
}

fn side_quotes(
    spec: &MarketSpec,
    index: Price,
    side: Side,
    reduces: bool,
    skew_ppm: i128,
    capacity: Capacity,
    terms: &QuoteTerms,
) -> Vec<DesiredQuote> {
    let (mut lots_left, sign) = match side {
        Side::Buy => (capacity.bid_lots.get(), -1),
        Side::Sell => (capacity.ask_lots.get(), 1),
    };
    if reduces && capacity.appetite_ppm == 0 {
        lots_left = lots_left.min(capacity.inventory.size().get());
    }
    let appetite_ppm = if reduces { MILLION } else { i128::from(capacity.appetite_ppm) };
    let mut quotes: Vec<DesiredQuote> = Vec::new();
    for level in 0..terms.levels.min(16) {
        let away_ppm = i128::from(terms.half_spread_ppm) + i128::from(terms.step_ppm) * ((1i128 << level) - 1);
        let exact = i128::from(index.get()) * (MILLION + sign * away_ppm - skew_ppm) / MILLION;
        let Some(price) = representable(spec, exact, side) else { continue };
        let wanted_usd = terms.level_usd.get() * i128::from(level + 1) * appetite_ppm / MILLION;
        let value = wanted_usd.min(spec.maximum_notional_usd.get());
        let lots = u64::try_from(value * lots_per_unit(spec) / i128::from(price.get())).unwrap_or(0).min(lots_left);
        let size = Size::new(lots);
        if lots == 0 || value_usd(spec, price, size) < spec.minimum_notional_usd.get() {
            continue;
        }
        if quotes.last().is_some_and(|last| last.price == price) {
            continue;
        }
        lots_left -= lots;
        quotes.push(DesiredQuote { side, price, size });
    }
    quotes
}

/// `10^size_decimals`.
pub const fn lots_per_unit(spec: &MarketSpec) -> i128 {
    10i128.pow(spec.size_decimals as u32)
}

/// `price × size` in 1e-8 USD, rounded down.
pub fn value_usd(spec: &MarketSpec, price: Price, size: Size) -> i128 {
    i128::from(price.get()) * i128::from(size.get()) / lots_per_unit(spec)
}

/// The next price away from the index that has at most five significant figures or is a whole dollar amount, and is a
/// multiple of the tick.
fn representable(spec: &MarketSpec, exact: i128, side: Side) -> Option<Price> {
    const DOLLAR: i128 = 100_000_000;
    if exact <= 0 {
        return None;
    }
    let figures_step = 10i128.pow(exact.ilog10().saturating_sub(4)).min(DOLLAR);
    let tick = i128::from(spec.tick.get()).max(1);
    let step = figures_step.div_euclid(tick).max(1) * tick;
    let down = exact.div_euclid(step) * step;
    let price = match side {
        Side::Sell if down < exact => down + step,
        _ => down,
    };
    i64::try_from(price).ok().filter(|price| *price > 0).map(Price::new)
}

#[cfg(test)]
#[path = "quoting_tests.rs"]
mod tests;
