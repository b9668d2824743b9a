//! What boxes must know of options. `N`, the maintenance of an expiry less what its options are worth, is what must be there beside
//! them; levels look at it alone ([`Standing::level`]).
//!
//! `N` is the smaller of two sums, so it rises by no more than the larger of their rises:
//! - the isolated formulas rise by at most 1.09 of what the marks of shorts rise by, and 0.09 of the forward's rise per unit short;
//! - what the expiry can lose does not depend on marks, and rises by 1.1 of the forward's rise per call short beyond the calls long.
//!
//! Longs add nothing to either. So a box has an edge above the mark of every short, and one above the forward of every expiry with
//! shorts, under the number of the first of them.
//!
//! Once a settlement price is fixed no price of the expiry moves any more, and its options need nothing. What they asked for before
//! at the very same prices was no less than that, so a box that was right then stays right.

use super::{boxes::Priced, watch::Standing};
use crate::{
    market_math::{RATE_ONE, value_ceil_usd},
    mutant::{Mutant, is_planted},
    options::margin::{OptionsMargin, of_positions},
    state::{Bounds, Edge, OptionExpiryId, PriceKey, State, Watched},
    wide::multiply_divide_ceil,
};
use palisade_pricing::portfolio::standard::{
    SHORT_FORWARD_SLOPE_PPM, SHORT_MARK_SLOPE_PPM, UNPAIRED_FORWARD_SLOPE_PPM,
};
use palisade_types::{ids::MarketId, market::OptionKind, numbers::Usd, rejection::Rejection};
use std::collections::BTreeMap;

/// The edges above forwards that the option positions among `edges` need.
pub(super) fn forward_edges(state: &State, edges: &[Edge]) -> Vec<Edge> {
    let mut expiries: Vec<(OptionExpiryId, Edge)> = Vec::new();
    if is_planted(Mutant::ForwardUnwatched) {
        return Vec::new();
    }
    for (market, lots) in options_among(edges).filter(|(_, lots)| *lots < 0) {
        let Some(expiry) = state.market(market).and_then(OptionExpiryId::of) else { continue };
        match expiries.iter_mut().find(|(of, _)| *of == expiry) {
            Some((_, edge)) => edge.lots = edge.lots.saturating_add(lots),
            None => {
                let edge = Edge { key: PriceKey::ForwardRises(market), lots, bounds: Bounds::default() };
                expiries.push((expiry, edge));
            }
        }
    }
    expiries.into_iter().map(|(_, edge)| edge).collect()
}

/// The option positions among edges.
pub(super) fn options_among(edges: &[Edge]) -> impl Iterator<Item = (MarketId, i64)> {
    edges.iter().filter_map(|edge| match edge.key {
        PriceKey::MarkFalls(market) | PriceKey::MarkRises(market) if market.is_option() => Some((market, edge.lots)),
        _ => None,
    })
}

/// What all options of a unit are worth and need; nothing if it has none.
pub(super) fn margin(state: &State, watched: &Watched) -> Result<OptionsMargin, Rejection> {
    if options_among(&watched.edges).next().is_none() {
        return Ok(OptionsMargin::default());
    }
    of_positions(state, watched.unit.universe, options_among(&watched.edges))
}

/// A standing with what options add to it.
pub(super) fn with_options(standing: Standing, options: &OptionsMargin) -> Result<Standing, Rejection> {
    let add = |left: Usd, right: Usd| left.checked_add(right).ok_or(Rejection::Overflow);
    Ok(Standing {
        equity_usd: add(standing.equity_usd, options.value_usd)?,
        maintenance_usd: add(standing.maintenance_usd, options.maintenance_usd)?,
        netted_usd: add(standing.netted_usd, options.netted_usd)?,
        ..standing
    })
}

/// What the mark of an option position can cost: a long's nothing.
pub(super) fn price_mark(state: &State, market: MarketId, lots: i64) -> Result<Priced, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let mark = state.mark(market).ok_or(Rejection::NoFreshPrice { market })?.price;
    let short = i128::from(lots.min(0)).saturating_neg();
    let value_usd = value_ceil_usd(mark, short, spec.size_decimals)?;
    Ok(Priced::needing(mark.get(), part(value_usd, SHORT_MARK_SLOPE_PPM)?))
}

/// Calls short less calls long among edges, by expiry.
pub(super) fn calls_short(state: &State, edges: &[Edge]) -> BTreeMap<OptionExpiryId, i128> {
    let mut short = BTreeMap::new();
    for (option, lots) in options_among(edges) {
        let Some(spec) = state.market(option) else { continue };
        let is_call = spec.option().is_some_and(|contract| contract.right == OptionKind::Call);
        if let Some(expiry) = OptionExpiryId::of(spec).filter(|_| is_call) {
            let sum: &mut i128 = short.entry(expiry).or_default();
            *sum = sum.saturating_sub(i128::from(lots));
        }
    }
    short
}

/// What the forward of an expiry can cost; `market` is one of its options.
pub(super) fn price_forward(
    state: &State,
    calls_short: &BTreeMap<OptionExpiryId, i128>,
    market: MarketId,
    short: i64,
) -> Result<Priced, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let expiry = OptionExpiryId::of(spec).ok_or(Rejection::UnknownMarket { market })?;
    let forward = state.option_expiry(expiry).ok_or(Rejection::NoFreshPrice { market })?.forward;
    let unpaired = calls_short.get(&expiry).copied().unwrap_or(0).max(0);
    let value = |lots: i128, slope: i64| part(value_ceil_usd(forward, lots, spec.size_decimals)?, slope);
    let isolated = value(i128::from(short).abs(), SHORT_FORWARD_SLOPE_PPM)?;
    Ok(Priced::needing(forward.get(), isolated.max(value(unpaired, UNPAIRED_FORWARD_SLOPE_PPM)?)))
}

fn part(value: Usd, ppm: i64) -> Result<Usd, Rejection> {
    multiply_divide_ceil(value.get(), i128::from(ppm), RATE_ONE).map(Usd::new).ok_or(Rejection::Overflow)
}
