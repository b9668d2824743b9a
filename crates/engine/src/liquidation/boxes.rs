//! The arithmetic of boxes: what a margin unit is worth at the present prices, and how far these may move before its next worse
//! level could begin.
//!
//! A unit is margined in two steps: [`holdings`] takes what matters from its records, prices left aside; [`price`] adds the
//! prices. The first is kept between blocks (`state/watch.rs`), so a unit that only prices moved needs the second alone.
//!
//! Options have edges of their own: [`super::option_boxes`].
//!
//! Why boxes are safe: a mark that moves against a position by `d` lowers `equity − c × maintenance` by at most
//! `lots × d × (1 + c × maintenance fraction)`; one that moves in its favour raises it, because `c × maintenance fraction < 1`.
//! A funding index that moves against it by `d` costs exactly `lots × d`. An index that falls by a part of itself takes at most that part of
//! what an asset counts for, and less of what a pool's shares do, which grow with its root. Rounding costs at most [`ROUNDING_UNITS`] per price.
//! The box's edges together cost no more than the slack, so wherever inside it the values are, the level is the same.

use super::{option_boxes, watch::Standing};
use crate::{
    accounts::{asset_value_usd, collateral_value},
    liquidity::{backing_shares, collateral_value as pool_collateral},
    margin::at_rest,
    market_math::{RATE_ONE, quote_value_usd, value_floor_usd},
    mutant::{Mutant, is_planted},
    options::portfolio::need,
    state::{Bounds, Edge, MarginUnit, PositionRecord, PriceKey, State, Watched},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId},
    numbers::{Amount, FundingIndex, Position, Rate, Usd},
    rejection::Rejection,
};

/// Units of 1e-8 USD that rounding may cost per price between a box's middle and its edge.
const ROUNDING_UNITS: i128 = 8;

/// A box spans this part of what the unit could lose by prices before its next level, so that small changes stay inside.
const BOX_SHARE: Rate = Rate::new(750_000);

/// A new box leaves one part in so many of the slack to funding: at 0.00125 % per hour, days of it.
const FUNDING_PARTS: i128 = 32;

/// What an old box leaves to funding stays as it is up to one part in so many of the slack, so that it is set rarely.
const FUNDING_PARTS_MIN: i128 = 4;

/// A value that can hurt a unit, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priced {
    price: i64,
    /// The funding index of a position's market.
    funding: i64,
    notional_usd: Usd,
    maintenance_usd: Usd,
}

/// What a unit's records say, prices left aside.
pub(crate) fn holdings(state: &State, unit: MarginUnit) -> Result<Watched, Rejection> {
    let universe = unit.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let standings = state.standings_of(unit.account);
    let mut edges = Vec::with_capacity(standings.len());
    let mut cost = Usd::ZERO;
    for standing in standings.iter().filter(|standing| !standing.position.is_empty()) {
        let is_of_unit = match unit.market {
            Some(market) => standing.is_isolated() && standing.market == market,
            None => !standing.is_isolated(),
        };
        let is_here = || state.market(standing.market).is_some_and(|market| market.universe == universe);
        if !is_of_unit || !is_here() {
            continue;
        }
        let at_zero = standing.position.with_owed_funding(FundingIndex::ZERO)?;
        cost = cost.checked_add(at_zero.entry_cost_usd).ok_or(Rejection::Overflow)?;
        let lots = standing.position.position.get();
        let key = if lots > 0 { PriceKey::MarkFalls } else { PriceKey::MarkRises };
        edges.push(Edge { key: key(standing.market), lots, bounds: Bounds::default() });
    }
    let forwards = option_boxes::forward_edges(state, &edges);
    edges.extend(forwards);
    let (cash, own) = own_funds(state, &unit, collateral)?;
    if unit.market.is_none() {
        edges.extend(backing_assets(state, &unit));
    }
    let base_usd = own.checked_sub(cost).ok_or(Rejection::Overflow)?;
    Ok(Watched { unit, base_usd, edges, is_in_debt: cash < Amount::ZERO, is_boxed: false })
}

/// The collateral that can be owed by the unit as such, and what of the quote backs the unit.
fn own_funds(state: &State, unit: &MarginUnit, collateral: AssetId) -> Result<(Amount, Usd), Rejection> {
    let MarginUnit { account, universe, market } = *unit;
    // Without a position, what a delivery left of the purse.
    if let Some(market) = market {
        let purse = state.balance(AccountId::isolated(account, market), universe, collateral);
        return Ok((Amount::ZERO, quote_value_usd(purse)));
    }
    let cash = state.balance(account, universe, collateral);
    let held = quote_value_usd(state.held(account, universe, collateral));
    Ok((cash, quote_value_usd(cash).checked_sub(held).ok_or(Rejection::Overflow)?))
}

/// The assets that may back a unit, themselves or as what a pool's shares are worth, with or without an index now; in order,
/// each once, because the box of a price ends in one place.
fn backing_assets(state: &State, unit: &MarginUnit) -> Vec<Edge> {
    let universe = unit.universe;
    let here = state.other_assets_of(unit.account).iter().filter(move |((of, _), _)| *of == universe);
    let backing = here.filter(|((_, asset), _)| state.asset(*asset).is_some_and(|spec| spec.collateral.is_some()));
    let mut assets: Vec<AssetId> = backing.map(|((_, asset), _)| *asset).collect();
    if state.holds_pool_shares(unit.account) {
        assets.extend(backing_shares(state, unit.account, universe).map(|(_, base, _)| base));
        assets.sort_unstable();
        assets.dedup();
    }
    let edge = |asset| Edge { key: PriceKey::IndexFalls(asset), lots: 0, bounds: Bounds::default() };
    assets.into_iter().map(edge).collect()
}

/// The same equity and maintenance that [`crate::accounts::margin`] and [`crate::accounts::isolated_margin`] find, which
/// look at initial margin too; a test compares them. `priced` is filled in order of the edges.
pub(super) fn price(state: &State, watched: &Watched, priced: &mut Vec<Priced>) -> Result<Standing, Rejection> {
    priced.clear();
    if is_portfolio(state, &watched.unit) {
        return price_portfolio(state, watched);
    }
    let mut equity_usd = watched.base_usd;
    let mut maintenance_usd = Usd::ZERO;
    let mut is_backed = false;
    let mut calls_short = None;
    for edge in &watched.edges {
        let one = match edge.key {
            PriceKey::MarkFalls(market) | PriceKey::MarkRises(market) if market.is_option() => {
                priced.push(option_boxes::price_mark(state, market, edge.lots)?);
                continue;
            }
            PriceKey::ForwardRises(market) => {
                let calls = calls_short.get_or_insert_with(|| option_boxes::calls_short(state, &watched.edges));
                priced.push(option_boxes::price_forward(state, calls, market, edge.lots)?);
                continue;
            }
            PriceKey::IndexFalls(asset) => {
                is_backed = true;
                price_asset(state, &watched.unit, asset)?
            }
            PriceKey::MarkFalls(market)
            | PriceKey::MarkRises(market)
            | PriceKey::FundingRises(market)
            | PriceKey::FundingFalls(market) => {
                let (one, unrealised_usd) = price_position(state, market, edge.lots)?;
                equity_usd = equity_usd.checked_add(unrealised_usd).ok_or(Rejection::Overflow)?;
                one
            }
        };
        maintenance_usd = maintenance_usd.checked_add(one.maintenance_usd).ok_or(Rejection::Overflow)?;
        priced.push(one);
    }
    if is_backed {
        let others = collateral_value(state, watched.unit.account, watched.unit.universe)?.maintenance_usd;
        equity_usd = equity_usd.checked_add(others).ok_or(Rejection::Overflow)?;
    }
    let linear =
        Standing { equity_usd, maintenance_usd, netted_usd: Usd::ZERO, has_positions: watched.has_positions() };
    option_boxes::with_options(linear, &option_boxes::margin(state, watched)?)
}

/// A portfolio: positions at their marks, and what they need together. No box fits it, so what each price could cost does not matter.
fn price_portfolio(state: &State, watched: &Watched) -> Result<Standing, Rejection> {
    let MarginUnit { account, universe, .. } = watched.unit;
    let held = watched.edges.iter().filter_map(|edge| match edge.key {
        PriceKey::MarkFalls(market) | PriceKey::MarkRises(market) => Some((market, edge.lots)),
        _ => None,
    });
    let mut equity_usd = watched.base_usd;
    for (market, lots) in held.clone() {
        let worth = if market.is_option() {
            let decimals = state.market(market).ok_or(Rejection::UnknownMarket { market })?.size_decimals;
            let mark = state.mark(market).ok_or(Rejection::NoFreshPrice { market })?.price;
            value_floor_usd(mark, i128::from(lots), decimals)?
        } else {
            price_position(state, market, lots)?.1
        };
        equity_usd = equity_usd.checked_add(worth).ok_or(Rejection::Overflow)?;
    }
    if watched.edges.iter().any(|edge| matches!(edge.key, PriceKey::IndexFalls(_))) {
        let others = collateral_value(state, account, universe)?.maintenance_usd;
        equity_usd = equity_usd.checked_add(others).ok_or(Rejection::Overflow)?;
    }
    let maintenance_usd = need(state, universe, held)?.maintenance_usd;
    Ok(Standing { equity_usd, maintenance_usd, netted_usd: Usd::ZERO, has_positions: watched.has_positions() })
}

/// Whether a unit is margined as a portfolio: then it has no box, and is looked at in every block.
pub(super) fn is_portfolio(state: &State, unit: &MarginUnit) -> bool {
    unit.market.is_none() && state.is_portfolio(unit.account, unit.universe)
}

/// A position as if it had cost nothing at a funding index of zero, with its profit.
fn price_position(state: &State, market: MarketId, lots: i64) -> Result<(Priced, Usd), Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let maximum_leverage = spec.maximum_leverage().ok_or(Rejection::NoLeverage { market })?;
    let mark = state.mark(market).ok_or(Rejection::NoFreshPrice { market })?.price;
    let index = state.funding_index(market);
    let position = PositionRecord { position: Position::new(lots), ..PositionRecord::default() };
    let position = position.with_owed_funding(index)?;
    let value = at_rest(&position, mark, spec.size_decimals, maximum_leverage)?;
    let priced = Priced {
        price: mark.get(),
        funding: index.get(),
        notional_usd: value.notional_usd,
        maintenance_usd: value.maintenance_usd,
    };
    Ok((priced, value.unrealised_usd))
}

/// An asset at its index, by its weight; worth nothing without one.
fn price_asset(state: &State, unit: &MarginUnit, asset: AssetId) -> Result<Priced, Rejection> {
    let nothing = Priced { price: 0, funding: 0, notional_usd: Usd::ZERO, maintenance_usd: Usd::ZERO };
    let (Some(spec), Some(index)) = (state.asset(asset), state.index(asset)) else { return Ok(nothing) };
    let Some(terms) = spec.collateral else { return Ok(nothing) };
    let amount = state.balance(unit.account, unit.universe, asset);
    let value = asset_value_usd(amount, spec.decimals, index.price)?.get();
    let weight = i128::from(terms.maintenance_weight.get());
    let mut counted = multiply_divide_ceil(value, weight, RATE_ONE).ok_or(Rejection::Overflow)?;
    // A share is worth the root of the price: it loses less than in proportion. What others do to its pool only raises it.
    if state.holds_pool_shares(unit.account) {
        for (market, base, shares) in backing_shares(state, unit.account, unit.universe) {
            if base == asset {
                let own = pool_collateral(state, market, shares)?.maintenance_usd.get();
                counted = counted.checked_add(own).and_then(|sum| sum.checked_add(1)).ok_or(Rejection::Overflow)?;
            }
        }
    }
    Ok(Priced { price: index.price.get(), notional_usd: Usd::new(counted), ..nothing })
}

impl Priced {
    /// A price whose whole move would add so much to maintenance.
    pub(super) const fn needing(price: i64, maintenance_usd: Usd) -> Self {
        Self { price, funding: 0, notional_usd: Usd::ZERO, maintenance_usd }
    }

    /// What a move over the whole price would cost, threshold included, rounded up.
    fn whole_usd(&self, threshold: Rate) -> Result<i128, Rejection> {
        let added = multiply_divide_ceil(self.maintenance_usd.get(), i128::from(threshold.get()), RATE_ONE);
        added.and_then(|added| self.notional_usd.get().checked_add(added)).ok_or(Rejection::Overflow)
    }

    /// Whether the price can move anywhere.
    const fn is_harmless(&self) -> bool {
        self.notional_usd.is_zero() && self.maintenance_usd.is_zero()
    }

    /// How far the price is inside a bound; negative outside.
    fn distance(&self, edge: &Edge) -> i128 {
        let distance = i128::from(edge.bounds.price).saturating_sub(i128::from(self.price));
        if edge.key.rises() { distance } else { distance.saturating_neg() }
    }

    /// How far the funding index is inside a bound; negative outside.
    fn funding_distance(&self, edge: &Edge) -> i128 {
        let distance = i128::from(edge.bounds.funding).saturating_sub(i128::from(self.funding));
        if edge.lots > 0 { distance } else { distance.saturating_neg() }
    }
}

/// The box that a unit needs.
pub(super) enum Boxing {
    /// The one that it has.
    Stays,
    /// A new one.
    Begins,
}

/// Finds the box for a unit that stands as `now` until `threshold` times its maintenance; a new one goes into `bounds`.
pub(super) fn fit(
    watched: &Watched,
    now: &Standing,
    priced: &[Priced],
    threshold: Rate,
    bounds: &mut Vec<Bounds>,
) -> Result<Boxing, Rejection> {
    let slack = slack(now, threshold, priced.len())?;
    let funding = if watched.is_boxed { funding_reserve(watched, priced) } else { None };
    if let Some(reserve) = funding
        && still_boxed(watched, priced, threshold, slack.saturating_sub(reserve))?
    {
        return Ok(Boxing::Stays);
    }
    let kept = funding.filter(|reserve| slack > 0 && reserve.saturating_mul(FUNDING_PARTS_MIN) <= slack);
    new_box(watched, priced, threshold, (slack, kept), bounds)?;
    Ok(Boxing::Begins)
}

/// What the unit may lose before its next level, rounding left aside.
fn slack(now: &Standing, threshold: Rate, prices: usize) -> Result<i128, Rejection> {
    let net = now.net()?;
    let needed = net.times(threshold)?;
    let rounding = ROUNDING_UNITS.saturating_mul(i128::try_from(prices).unwrap_or(i128::MAX).saturating_add(1));
    Ok(net.equity_usd.checked_sub(needed).ok_or(Rejection::Overflow)?.get().saturating_sub(rounding))
}

/// What funding may cost by the edges of the box; none if an index has left it.
fn funding_reserve(watched: &Watched, priced: &[Priced]) -> Option<i128> {
    let paying = |edge: &Edge| edge.lots != 0 && edge.key.funding().is_some();
    watched.edges.iter().zip(priced).filter(|(edge, _)| paying(edge)).try_fold(0i128, |sum, (edge, one)| {
        let distance = one.funding_distance(edge);
        (distance >= 0).then(|| sum.saturating_add(distance.saturating_mul(i128::from(edge.lots).abs())))
    })
}

/// Whether no price has left the box and with all prices at its edges the unit would not have lost more than `left`.
fn still_boxed(watched: &Watched, priced: &[Priced], threshold: Rate, left: i128) -> Result<bool, Rejection> {
    let mut left = left;
    for (edge, one) in watched.edges.iter().zip(priced) {
        let distance = one.distance(edge);
        if distance < 0 {
            return Ok(false);
        }
        let lost = multiply_divide_ceil(one.whole_usd(threshold)?, distance, i128::from(one.price.max(1)));
        left = left.saturating_sub(lost.ok_or(Rejection::Overflow)?);
    }
    Ok(left >= 0)
}

/// The same relative move of every price, each against the unit, that uses up [`BOX_SHARE`] of what funding leaves of the slack.
fn new_box(
    watched: &Watched,
    priced: &[Priced],
    threshold: Rate,
    (slack, kept_reserve): (i128, Option<i128>),
    bounds: &mut Vec<Bounds>,
) -> Result<(), Rejection> {
    bounds.clear();
    let new_reserve = slack.max(0).checked_div(FUNDING_PARTS).unwrap_or(0);
    let reserve = kept_reserve.unwrap_or(new_reserve);
    let left = slack.saturating_sub(reserve).max(0);
    let used = multiply_divide_floor(left, i128::from(BOX_SHARE.get()), RATE_ONE).ok_or(Rejection::Overflow)?;
    let mut whole: i128 = 0;
    for one in priced {
        whole = whole.saturating_add(one.whole_usd(threshold)?);
    }
    let widened = if is_planted(Mutant::BoxTooWide) { used.saturating_mul(4) } else { used };
    let edges = i128::try_from(watched.edges.len()).unwrap_or(i128::MAX);
    for (edge, one) in watched.edges.iter().zip(priced) {
        let price = i128::from(one.price);
        let distance = multiply_divide_floor(price, widened, whole.max(1)).ok_or(Rejection::Overflow)?;
        let bound = match edge.key {
            // At the edge of its level rounding alone may take it over: every price is outside.
            key if slack <= 0 => {
                if key.rises() {
                    0
                } else {
                    i128::from(i64::MAX)
                }
            }
            key if key.rises() => price.saturating_add(distance),
            // What costs nothing is never left.
            _ if one.is_harmless() => 0,
            _ => price.saturating_sub(distance),
        };
        let price = i64::try_from(bound.max(0)).unwrap_or(i64::MAX);
        let funding = if kept_reserve.is_some() {
            edge.bounds.funding
        } else {
            funding_bound(edge, one, new_reserve.checked_div(edges).unwrap_or(0))
        };
        bounds.push(Bounds { price, funding });
    }
    Ok(())
}

/// The funding index at which a position has paid `reserve` more.
fn funding_bound(edge: &Edge, one: &Priced, reserve: i128) -> i64 {
    let distance = reserve.checked_div(i128::from(edge.lots).abs()).unwrap_or(0);
    let index = i128::from(one.funding);
    let bound = if edge.lots > 0 { index.saturating_add(distance) } else { index.saturating_sub(distance) };
    // Beyond what an index can be there is nothing to watch for.
    i64::try_from(bound).unwrap_or(if edge.lots > 0 { i64::MAX } else { i64::MIN })
}
