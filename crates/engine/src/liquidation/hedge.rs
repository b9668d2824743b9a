//! A portfolio below maintenance is hedged before anything of it is closed: perpetuals are traded into the book against its delta.
//! Closing options costs their spread, and the leg that frees most by itself may be the hedge of another.
//!
//! - Per underlying of its options, in the universe's first perpetual on it, so many lots as would leave no delta; no more than
//!   a share of the book's depth per block, and no further from the mark than [`HEDGE_BAND`].
//! - Only if the portfolio then needs less by more than the trade costs in fees.
//!
//! What is left below maintenance afterwards is closed as ever, in the same step.

use super::{
    BOOK_STEPS_MAX,
    boxes::is_portfolio,
    slice::{depth_lots, opening_order},
    watch::markets_of,
};
use crate::{
    accounts::position,
    market_math::{RATE_ONE, fee_usd, value_ceil_usd},
    matching,
    options::portfolio::need,
    state::{MarginUnit, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    decimal::power_of_ten,
    event::{Event, Liquidation, LiquidationMethod},
    ids::{AssetId, MarketId},
    market::MarketSpec,
    numbers::{Price, Rate, Size, Usd},
    order::Side,
    rejection::Rejection,
};
use std::collections::BTreeMap;

/// How far from the mark a hedge may trade: 1 %.
pub const HEDGE_BAND: Rate = Rate::new(10_000);

/// One, in the counts of a delta.
const DELTA_ONE: i128 = palisade_pricing::fixed::FIXED_ONE;

/// Hedges a portfolio, as far as that helps.
pub(super) fn run(work: &mut Work<'_>, unit: MarginUnit) -> Result<(), Rejection> {
    if !is_portfolio(work.state, &unit) {
        return Ok(());
    }
    for (underlying, delta_units) in deltas(work.state, &unit)? {
        let perpetuals = work.state.perpetuals().filter(|market| market.universe == unit.universe);
        let market = perpetuals
            .filter(|market| market.perpetual().is_some_and(|terms| terms.underlying == underlying))
            .find(|market| !work.state.standing(unit.account, market.id).is_isolated())
            .map(|market| market.id);
        if let Some(market) = market {
            hedge(work, unit, market, delta_units)?;
        }
    }
    Ok(())
}

/// The delta of a unit per underlying of its options, in 1e-18 units of it: what the linear positions and the options together gain
/// per dollar that all prices rise. What is fixed already gains nothing.
fn deltas(state: &State, unit: &MarginUnit) -> Result<BTreeMap<AssetId, i128>, Rejection> {
    let mut deltas: BTreeMap<AssetId, (i128, bool)> = BTreeMap::new();
    for market in markets_of(state, unit) {
        let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
        let Some(terms) = spec.derivative().filter(|_| !state.is_fixed(spec)) else { continue };
        let per_unit = delta_of(state, spec)?;
        let lots = i128::from(position(state, unit.account, market).position.get());
        let scale = power_of_ten(spec.size_decimals).ok_or(Rejection::Overflow)?;
        let delta = multiply_divide_floor(lots, per_unit, scale).ok_or(Rejection::Overflow)?;
        let (sum, has_options) = deltas.entry(terms.underlying).or_default();
        *sum = sum.checked_add(delta).ok_or(Rejection::Overflow)?;
        *has_options |= spec.option().is_some();
    }
    Ok(deltas.into_iter().filter(|(_, (_, has_options))| *has_options).map(|(id, (delta, _))| (id, delta)).collect())
}

/// The delta of a unit of a market, in 1e-18.
fn delta_of(state: &State, spec: &MarketSpec) -> Result<i128, Rejection> {
    if spec.option().is_none() {
        return Ok(DELTA_ONE);
    }
    let (terms, volatility) = state.priced_option(spec).ok_or(Rejection::NoFreshPrice { market: spec.id })?;
    Ok(terms.greeks(volatility).map_err(|_| Rejection::Overflow)?.delta.get())
}

fn hedge(work: &mut Work<'_>, unit: MarginUnit, market: MarketId, delta_units: i128) -> Result<(), Rejection> {
    let spec = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let Some(mark) = work.state.mark(market).map(|record| record.price) else { return Ok(()) };
    let side = if delta_units > 0 { Side::Sell } else { Side::Buy };
    let scale = power_of_ten(spec.size_decimals).ok_or(Rejection::Overflow)?;
    let wanted = multiply_divide_floor(delta_units.abs(), scale, DELTA_ONE).ok_or(Rejection::Overflow)?;
    let wanted = Size::new(u64::try_from(wanted).map_err(|_| Rejection::Overflow)?);
    let lots = wanted.min(depth_lots(work.state, &spec, mark, side)?);
    if lots.is_zero() || !helps(work.state, &unit, &spec, mark, side, lots)? {
        return Ok(());
    }
    let before = position(work.state, unit.account, market);
    let mut order = opening_order(work, unit.account, &spec, side, limit(&spec, mark, side)?, lots)?;
    let matched = matching::run_forced(work, &spec, &mut order, BOOK_STEPS_MAX)?;
    if matched.filled.is_zero() {
        return Ok(());
    }
    let effect = before.after_quote(side, matched.filled, matched.filled_quote_usd)?;
    work.emit(Event::Liquidated(Liquidation {
        account: unit.account,
        universe: unit.universe,
        market,
        is_isolated: false,
        method: LiquidationMethod::Hedge,
        side,
        size: matched.filled,
        quote_usd: matched.filled_quote_usd,
        fee_usd: Usd::ZERO,
        closed_pnl_usd: effect.realised_usd,
        mark,
        start_position: before.position,
    }));
    Ok(())
}

/// Whether the portfolio needs less with the lots traded, by more than they cost in fees.
fn helps(
    state: &State,
    unit: &MarginUnit,
    spec: &MarketSpec,
    mark: Price,
    side: Side,
    lots: Size,
) -> Result<bool, Rejection> {
    let traded = i64::try_from(lots.get()).map_err(|_| Rejection::Overflow)?;
    let traded = if side == Side::Buy { traded } else { traded.checked_neg().ok_or(Rejection::Overflow)? };
    let held: Vec<(MarketId, i64)> = markets_of(state, unit)
        .into_iter()
        .map(|market| (market, position(state, unit.account, market).position.get()))
        .collect();
    let mut hedged = held.clone();
    match hedged.iter_mut().find(|(market, _)| *market == spec.id) {
        Some((_, lots)) => *lots = lots.checked_add(traded).ok_or(Rejection::Overflow)?,
        None => hedged.push((spec.id, traded)),
    }
    let now = need(state, unit.universe, held)?.maintenance_usd;
    let then = need(state, unit.universe, hedged)?.maintenance_usd;
    let fee = fee_usd(value_ceil_usd(mark, i128::from(lots.get()), spec.size_decimals)?, spec.taker_fee)?;
    Ok(then.checked_add(fee).ok_or(Rejection::Overflow)? < now)
}

/// The mark and the band beyond it, on the tick, rounded towards the mark.
fn limit(spec: &MarketSpec, mark: Price, side: Side) -> Result<Price, Rejection> {
    let units = i128::from(mark.get());
    let band = multiply_divide_floor(units, i128::from(HEDGE_BAND.get()), RATE_ONE).ok_or(Rejection::Overflow)?;
    let tick = i128::from(spec.tick.get());
    let ticks = match side {
        Side::Buy => multiply_divide_floor(units.saturating_add(band), 1, tick),
        Side::Sell => multiply_divide_ceil(units.saturating_sub(band).max(1), 1, tick),
    };
    let price = ticks.and_then(|ticks| ticks.checked_mul(tick)).and_then(|price| i64::try_from(price).ok());
    price.map(Price::new).ok_or(Rejection::Overflow)
}
