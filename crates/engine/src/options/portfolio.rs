//! Portfolio mode: the positions of an account on one underlying, options and linear ones, margined together by what the whole could
//! lose. Formulas: `docs/rules/portfolio-margin.md`.
//!
//! - All underlyings of a universe are summed: nothing is offset between them.
//! - Linear legs follow their mark; a future's with the expiry of options that end with it, if there are any. What leverage, crowd, volatility
//!   and depth of its market ask of such a leg beyond what the grid asks of it alone comes on top, hedged or not.
//! - Longs alone need at most what they are worth.
//! - Assets that back positions are no legs: they count by their weights, as ever.
//! - Where cash leaves, the more counts of what is needed beyond what options are worth, at the marks and at slow prices
//!   ([`unconfirmed_need_usd`]).
//! - Options and futures whose settlement price is fixed are no legs: no price moves what they pay, so they hedge nothing.
//! - Lots of different markets are brought to the finest of their steps.

use crate::{
    margin::MAINTENANCE_DIVISOR,
    market_math::{RATE_ONE, fee_usd, value_ceil_usd, value_floor_usd},
    mutant::{Mutant, is_planted},
    options::Pace,
    risk::{concentration_usd, market_fraction},
    state::{OptionExpiryId, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_pricing::portfolio::{
    Expiry, LinearLeg, PortfolioMargin, PricedLeg, PricedPortfolio,
    scenario::{GRID, PPM},
};
use palisade_types::{
    decimal::power_of_ten,
    ids::{AssetId, MarketId, UniverseId},
    market::{LinearTerms, MarketSpec},
    numbers::{Price, Rate, Usd},
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeMap;

/// The price of the quote asset where it has no index.
pub(crate) const PAR: Price = Price::new(100_000_000);

/// What the grid asks of a linear leg by itself, of its value: the edge of its core, and the part of that which maintenance asks for.
const OUTRIGHT_INITIAL: Rate = Rate::new(180_000);
/// See [`OUTRIGHT_INITIAL`].
const OUTRIGHT_MAINTENANCE: Rate = Rate::new(144_000);

/// What portfolios need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortfolioNeed {
    pub initial_usd: Usd,
    pub maintenance_usd: Usd,
}

impl PortfolioNeed {
    pub(crate) fn with(self, other: Self) -> Result<Self, Rejection> {
        let sum = |left: Usd, right: Usd| left.checked_add(right).ok_or(Rejection::Overflow);
        Ok(Self {
            initial_usd: sum(self.initial_usd, other.initial_usd)?,
            maintenance_usd: sum(self.maintenance_usd, other.maintenance_usd)?,
        })
    }
}

/// A portfolio under construction.
#[derive(Default)]
struct Legs<'a> {
    size_decimals: u8,
    expiries: Vec<(Option<TimeMs>, Expiry)>,
    linear: Vec<(u8, LinearLeg)>,
    options: Vec<(u8, PricedLeg<'a>)>,
    /// What the markets of linear legs ask beyond the grid.
    beyond_grid: PortfolioNeed,
    /// What options are worth, and the long ones among them.
    worth_usd: Usd,
    longs_usd: Usd,
}

/// What an underlying needs, and what the options on it are worth.
struct OfUnderlying {
    need: PortfolioNeed,
    worth_usd: Usd,
}

/// What the positions of an account need together in a universe: `(market, lots)`, each market once.
pub(crate) fn need(
    state: &State,
    universe: UniverseId,
    positions: impl IntoIterator<Item = (MarketId, i64)>,
) -> Result<PortfolioNeed, Rejection> {
    let underlyings = by_underlying(state, universe, positions, Pace::Now)?;
    underlyings.values().try_fold(PortfolioNeed::default(), |sum, of| sum.with(of.need))
}

/// What positions need more, beyond what their options are worth, at slow prices: per underlying `max(0, N at slow prices − N)`, with
/// `N` the initial requirement less that worth.
pub(crate) fn unconfirmed_need_usd(
    state: &State,
    universe: UniverseId,
    positions: impl Iterator<Item = (MarketId, i64)> + Clone,
) -> Result<Usd, Rejection> {
    let mut unconfirmed = Usd::ZERO;
    if is_planted(Mutant::PortfoliosLossCanLeave) {
        return Ok(unconfirmed);
    }
    let now = by_underlying(state, universe, positions.clone(), Pace::Now)?;
    let slow = by_underlying(state, universe, positions, Pace::Slow)?;
    for (now, slow) in now.values().zip(slow.values()) {
        let more = beyond_usd(slow)?.checked_sub(beyond_usd(now)?).ok_or(Rejection::Overflow)?;
        unconfirmed = unconfirmed.checked_add(more.max(Usd::ZERO)).ok_or(Rejection::Overflow)?;
    }
    Ok(unconfirmed)
}

/// The initial requirement beyond what the options are worth.
fn beyond_usd(of: &OfUnderlying) -> Result<Usd, Rejection> {
    of.need.initial_usd.checked_sub(of.worth_usd).ok_or(Rejection::Overflow)
}

fn by_underlying(
    state: &State,
    universe: UniverseId,
    positions: impl IntoIterator<Item = (MarketId, i64)>,
    pace: Pace,
) -> Result<BTreeMap<AssetId, OfUnderlying>, Rejection> {
    let mut underlyings: BTreeMap<AssetId, Legs<'_>> = BTreeMap::new();
    for (market, lots) in positions {
        let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
        let Some(terms) = spec.derivative().filter(|_| spec.universe == universe && lots != 0) else { continue };
        underlyings.entry(terms.underlying).or_default().add(state, spec, lots, pace)?;
    }
    let quote = state.universe(universe).and_then(|record| state.index(record.spec.collateral));
    let quote_index = quote.map_or(PAR, |index| index.price.min(index.slow_price));
    let margins = underlyings.into_iter().map(|(underlying, legs)| {
        let worth_usd = legs.worth_usd;
        Ok((underlying, OfUnderlying { need: legs.margin(quote_index)?, worth_usd }))
    });
    margins.collect()
}

impl<'a> Legs<'a> {
    fn add(&mut self, state: &'a State, spec: &MarketSpec, lots: i64, pace: Pace) -> Result<(), Rejection> {
        let market = spec.id;
        let no_price = || Rejection::NoFreshPrice { market };
        let price = || state.mark(market).map(|mark| pace.of(mark.price, mark.slow_price)).ok_or_else(no_price);
        let Some(contract) = spec.option() else {
            if state.is_fixed(spec) {
                return Ok(());
            }
            let price = price()?;
            let expiry = spec.expires_at_ms().map(|expires_at_ms| {
                let time_ms = expires_at_ms.since(state.time_ms());
                self.place_of(expires_at_ms, Expiry { forward: price, time_ms })
            });
            let terms = spec.linear().ok_or(Rejection::NoLeverage { market })?;
            let beyond = beyond_grid(&asked_of(state, spec, &terms, lots)?)?;
            self.beyond_grid = self.beyond_grid.with(beyond)?;
            self.linear.push((spec.size_decimals, LinearLeg { expiry, price, lots }));
            self.size_decimals = self.size_decimals.max(spec.size_decimals);
            return Ok(());
        };
        let id = OptionExpiryId::of(spec).ok_or(Rejection::UnknownMarket { market })?;
        let record = state.option_expiry(id).ok_or_else(no_price)?;
        if record.settlement_price().is_some() {
            return Ok(());
        }
        let slice = record.slice.ok_or_else(no_price)?;
        let risk = state.option_risk(market, pace).ok_or(Rejection::Overflow)?;
        let worth_usd = value_floor_usd(price()?, i128::from(lots), spec.size_decimals)?;
        self.worth_usd = self.worth_usd.checked_add(worth_usd).ok_or(Rejection::Overflow)?;
        self.longs_usd = self.longs_usd.checked_add(worth_usd.max(Usd::ZERO)).ok_or(Rejection::Overflow)?;
        let forward = pace.of(record.forward, record.slow_forward);
        let expiry = self.place_of(id.expires_at_ms, Expiry { forward, time_ms: slice.time_ms() });
        let leg = PricedLeg { expiry, kind: contract.right, strike: contract.strike, lots, risk };
        self.options.push((spec.size_decimals, leg));
        self.size_decimals = self.size_decimals.max(spec.size_decimals);
        Ok(())
    }

    /// The place of an expiry; options, which come after futures, say what its forward is.
    fn place_of(&mut self, expires_at_ms: TimeMs, expiry: Expiry) -> usize {
        let found = self.expiries.iter().position(|(at_ms, _)| *at_ms == Some(expires_at_ms));
        match found.and_then(|place| self.expiries.get_mut(place).map(|kept| (place, kept))) {
            Some((place, kept)) => {
                kept.1 = expiry;
                place
            }
            None => {
                self.expiries.push((Some(expires_at_ms), expiry));
                self.expiries.len().saturating_sub(1)
            }
        }
    }

    fn margin(self, quote_index: Price) -> Result<PortfolioNeed, Rejection> {
        let are_longs_alone = self.linear.is_empty() && self.options.iter().all(|(_, leg)| leg.lots > 0);
        let finest = self.size_decimals;
        let lots_of = |decimals: u8, lots: i64| lots_at(decimals, lots, finest);
        let mut linear = Vec::with_capacity(self.linear.len());
        for (decimals, leg) in self.linear {
            linear.push(LinearLeg { lots: lots_of(decimals, leg.lots)?, ..leg });
        }
        let mut options = Vec::with_capacity(self.options.len());
        for (decimals, leg) in self.options {
            options.push(PricedLeg { lots: lots_of(decimals, leg.lots)?, ..leg });
        }
        let expiries: Vec<Expiry> = self.expiries.into_iter().map(|(_, expiry)| expiry).collect();
        let portfolio =
            PricedPortfolio { size_decimals: finest, expiries: &expiries, linear: &linear, options: &options };
        let margin = portfolio.margin(quote_index).map_err(|_| Rejection::Overflow)?;
        let forgotten = if is_planted(Mutant::TailsForgotten) { of_tails_usd(&margin) } else { Usd::ZERO };
        let needed = |all: Usd| all.checked_sub(forgotten).ok_or(Rejection::Overflow);
        let of_grid = PortfolioNeed {
            initial_usd: needed(margin.initial_usd)?,
            maintenance_usd: needed(margin.maintenance_usd)?,
        };
        bounded(of_grid, are_longs_alone.then_some(self.longs_usd), self.beyond_grid)
    }
}

/// A linear leg and what its market asks of it.
pub(crate) struct Asked {
    pub notional_usd: Usd,
    pub maximum_leverage: u32,
    /// The least initial fraction, for crowd and volatility.
    pub market_fraction: Rate,
    pub depth_usd: Usd,
    pub depeg_addition: Rate,
}

/// What the market of a linear leg asks of it now.
fn asked_of(state: &State, spec: &MarketSpec, terms: &LinearTerms, lots: i64) -> Result<Asked, Rejection> {
    let mark = state.mark(spec.id).ok_or(Rejection::NoFreshPrice { market: spec.id })?;
    Ok(Asked {
        notional_usd: value_ceil_usd(mark.price, i128::from(lots).abs(), spec.size_decimals)?,
        maximum_leverage: terms.maximum_leverage,
        market_fraction: market_fraction(state, spec, terms)?,
        depth_usd: mark.depth_usd.max(terms.risk.depth_minimum_usd),
        depeg_addition: mark.depeg_addition,
    })
}

/// What the market of a linear leg asks beyond what the grid asks of the leg alone: else whoever margins a perpetual as a portfolio would
/// leave crowd, volatility and depth behind. What others in the market stand for is no hedge's to offset.
pub(crate) fn beyond_grid(asked: &Asked) -> Result<PortfolioNeed, Rejection> {
    let notional = asked.notional_usd;
    let by_leverage = |divisor: i128| {
        multiply_divide_ceil(notional.get(), 1, i128::from(asked.maximum_leverage).saturating_mul(divisor))
            .map(Usd::new)
    };
    let beyond = |asked: Option<Usd>, grid: Rate| -> Result<Usd, Rejection> {
        let by_grid = multiply_divide_floor(notional.get(), i128::from(grid.get()), RATE_ONE).map(Usd::new);
        let beyond = asked.zip(by_grid).and_then(|(asked, by_grid)| asked.checked_sub(by_grid));
        Ok(beyond.ok_or(Rejection::Overflow)?.max(Usd::ZERO))
    };
    let by_market = fee_usd(notional, asked.market_fraction)?;
    let initial = by_leverage(1).map(|by_leverage| by_leverage.max(by_market));
    let by_size = concentration_usd(notional, asked.depth_usd)?;
    let initial_usd = beyond(initial, OUTRIGHT_INITIAL)?.checked_add(by_size).ok_or(Rejection::Overflow)?;
    let unpegged = fee_usd(initial_usd, asked.depeg_addition)?;
    Ok(PortfolioNeed {
        initial_usd: initial_usd.checked_add(unpegged).ok_or(Rejection::Overflow)?,
        maintenance_usd: beyond(by_leverage(MAINTENANCE_DIVISOR), OUTRIGHT_MAINTENANCE)?,
    })
}

/// What the grid asks, bounded where longs are alone by what they are worth, with what it leaves out.
pub(crate) fn bounded(
    of_grid: PortfolioNeed,
    longs_usd: Option<Usd>,
    beyond: PortfolioNeed,
) -> Result<PortfolioNeed, Rejection> {
    // Rounded up scenario by scenario, and with what a smile that turns could bring, longs would need more than they can lose.
    let most = longs_usd.unwrap_or(Usd::MAX);
    let bounded = PortfolioNeed {
        initial_usd: of_grid.initial_usd.min(most),
        maintenance_usd: of_grid.maintenance_usd.max(Usd::ZERO).min(most),
    };
    bounded.with(beyond)
}

/// Lots of one step in lots of a finer one.
pub(crate) fn lots_at(size_decimals: u8, lots: i64, finest: u8) -> Result<i64, Rejection> {
    let factor = power_of_ten(finest.saturating_sub(size_decimals)).ok_or(Rejection::Overflow)?;
    let lots = i128::from(lots).checked_mul(factor).and_then(|lots| i64::try_from(lots).ok());
    lots.ok_or(Rejection::Overflow)
}

/// What a requirement has of the tails alone, beyond the core of the grid and the contingencies.
fn of_tails_usd(margin: &PortfolioMargin) -> Usd {
    let core = GRID.iter().zip(&margin.results_usd).filter(|(scenario, _)| scenario.weight_ppm >= PPM);
    let losses = core.map(|(_, result)| Usd::new(result.get().saturating_neg()));
    let contingencies = [margin.basis_loss_usd, margin.skew_loss_usd, Usd::ZERO];
    let without = losses.chain(contingencies).max().unwrap_or(Usd::ZERO);
    Usd::new(margin.core_loss_usd.get().saturating_sub(without.get()))
}

#[cfg(test)]
#[path = "portfolio_tests.rs"]
mod tests;
