//! Funding: a sample of the premium in every 5 s of block time, and a step of the funding index at every full hour.
//! Rules: `docs/rules/funding.md`.
//!
//! Whoever changes a position pays what it owes: see [`crate::funding_payment`]. Here only the index moves. A step that
//! cannot be right is not made, and its universe halts: a wrong index would take money from one side of every position.

use super::audit::halt_universe;
use crate::{
    accounts::{margin, position},
    funding::{
        Depth, FUNDING_INTERVAL_MS, FUNDING_TERMS, IMPACT_LEVELS_MAX, IMPACT_ORDERS_MAX, hour_rate, hourly_cap,
        impact_price, index_step, largest_index_move, premium,
    },
    matching::is_over,
    perpetual::reduce_only_cut,
    state::{FundingRecord, Record, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::MarketId,
    market::{LinearTerms, MarketSpec},
    numbers::{FundingIndex, FundingRate, Price},
    order::Side,
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeMap;

/// Takes the samples and makes the steps that are due.
pub(super) fn run(work: &mut Work<'_>) {
    if work.state.chain().halted.is_some() {
        return;
    }
    let perpetuals: Vec<MarketId> = work.state.perpetuals().map(|market| market.id).collect();
    for id in perpetuals {
        let Some(market) = work.state.shared_market(id) else { continue };
        let Some(terms) = market.perpetual() else { continue };
        if work.state.universe(market.universe).is_none_or(|universe| universe.halted.is_some()) {
            continue;
        }
        if let Err(rejection) = work.attempt(|work| advance(work, &market, &terms)) {
            halt_universe(work, market.universe, &format!("funding of market {id}: {rejection}"));
        }
    }
}

fn advance(work: &mut Work<'_>, market: &MarketSpec, terms: &LinearTerms) -> Result<(), Rejection> {
    let now = work.time_ms;
    let index = work.state.index(terms.underlying).filter(|index| index.is_fresh(now)).map(|index| index.price);
    let before = work.state.funding(market.id).copied();
    let mut record = match before {
        Some(record) if record.is_hour_over(now) => Some(close_hour(work, market, terms, record, index)?),
        None if work.state.position_totals(market.id).long > 0 => {
            return Err(violation("positions are held and no funding index is kept".to_owned()));
        }
        _ => before,
    };
    if let Some(index) = index
        && record.is_none_or(|record| record.is_sample_due(now))
    {
        let premium = sample(work.state, market, terms, index, now);
        record = Some(match record {
            None => FundingRecord::first(premium, now),
            Some(record) => FundingRecord { premium, sampled_at_ms: now, ..record.measured_to(now)? },
        });
    }
    if let Some(record) = record.filter(|record| before != Some(*record)) {
        work.state.put(Record::Funding { id: market.id, record });
    }
    Ok(())
}

/// Moves the index by what the hour cost. An hour that nobody measured, or that ends on a stale index, costs nothing.
fn close_hour(
    work: &mut Work<'_>,
    market: &MarketSpec,
    terms: &LinearTerms,
    record: FundingRecord,
    index: Option<Price>,
) -> Result<FundingRecord, Rejection> {
    let record = record.measured_to(record.hour_end())?;
    if record.measured_ms > FUNDING_INTERVAL_MS {
        return Err(violation(format!("{} ms of an hour were measured", record.measured_ms)));
    }
    let cap = hourly_cap(terms.maximum_leverage);
    let (rate, index) = match index {
        Some(index) => (hour_rate(&FUNDING_TERMS, record.measured(), cap)?, index),
        None => (FundingRate::ZERO, work.state.index(terms.underlying).map_or(Price::ZERO, |index| index.price)),
    };
    let step = index_step(rate, index, market.size_decimals, record.carry)?;
    let largest = largest_index_move(cap, index, market.size_decimals)?;
    if step.units.unsigned_abs() > largest {
        return Err(violation(format!("a step of {} units per lot, the most is {largest}", step.units)));
    }
    let moved = record.index.checked_add(FundingIndex::new(step.units)).ok_or(Rejection::Overflow)?;
    work.emit(Event::FundingRateSet {
        market: market.id,
        rate,
        premium: record.measured().mean().unwrap_or_default(),
        index: moved,
        index_price: index,
        time_ms: record.hour_end(),
    });
    Ok(FundingRecord { index: moved, carry: step.carry, last_rate: rate, ..record }.with_hour(work.time_ms))
}

fn violation(invariant: String) -> Rejection {
    Rejection::InvariantViolated { invariant }
}

/// The premium of the book as it stands. A side whose impact price cannot be computed has none.
fn sample(state: &State, market: &MarketSpec, terms: &LinearTerms, index: Price, now: TimeMs) -> FundingRate {
    let mut owners = BTreeMap::new();
    let mut impact = |side| {
        let depth = collateralised_depth(state, market, side, now, &mut owners);
        impact_price(side, depth, terms.risk.impact_notional_usd.get(), market.size_decimals).ok().flatten()
    };
    let (bid, ask) = (impact(Side::Buy), impact(Side::Sell));
    premium(index, bid, ask)
}

/// The orders of a side that count, best first: their owners meet the initial requirement, their time is not over, and
/// what only reduces counts as far as it can.
fn collateralised_depth(
    state: &State,
    market: &MarketSpec,
    side: Side,
    now: TimeMs,
    owners: &mut BTreeMap<AccountId, bool>,
) -> Vec<Depth> {
    let mut levels: usize = 0;
    let mut level: Option<Price> = None;
    let mut depth = Vec::new();
    for record in state.book_side(market.id, side).take(IMPACT_ORDERS_MAX) {
        let order = &record.order;
        if level != Some(order.price) {
            level = Some(order.price);
            levels = levels.saturating_add(1);
        }
        if levels > IMPACT_LEVELS_MAX {
            break;
        }
        let is_covered = *owners
            .entry(order.account)
            .or_insert_with(|| margin(state, order.account, market.universe).is_ok_and(|m| m.check_initial().is_ok()));
        if !is_covered || is_over(order.time_in_force, now) {
            continue;
        }
        let lots = if order.reduce_only {
            reduce_only_cut(position(state, order.account, market.id), side, order.remaining)
        } else {
            order.remaining
        };
        depth.push(Depth { price: order.price, lots });
    }
    depth
}

#[cfg(test)]
#[path = "funding_tests.rs"]
mod tests;
