//! The end of futures and options: the index is watched in the last half hour, then the price is fixed, orders and combos are
//! cancelled, positions delivered. Rules: `docs/rules/futures.md`.
//!
//! At most [`EXPIRY_STEPS_PER_BLOCK`] cancels and deliveries per block; the rest stays in line. The price is fixed once, so who is
//! delivered when makes no difference.

mod options;

pub(super) use options::observe as observe_options;

use super::audit::halt_universe;
use crate::{
    accounts::collateral_account,
    clearing, combos,
    future::{DELIVERY_WAIT_MAX_MS, is_observed, payoff},
    isolated::move_from_purse,
    ledger::{Overdraft, Settlement},
    liquidation::watch::{markets_of, standing},
    market_math::{quote_amount, quote_value_usd},
    orders,
    state::{MarkRecord, PositionId, Record, RecordKey, SettlementRecord, State},
    triggers,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event, MarginLevel},
    ids::{AssetId, MarketId, OrderId},
    market::MarketSpec,
    numbers::{Amount, Price, Usd},
    order::Side,
    rejection::Rejection,
    time::TimeMs,
};

/// Orders cancelled and positions delivered in one block.
pub const EXPIRY_STEPS_PER_BLOCK: u32 = 1_000;

/// Counts the indices that were held so far, once this block's are set and before marks are made of them.
pub(super) fn observe(work: &mut Work<'_>) {
    for (_, id) in live_by_expiry(work.state, |expires_at_ms| is_observed(expires_at_ms, work.time_ms)) {
        let Some(market) = work.state.shared_market(id) else { continue };
        if let Err(rejection) = work.attempt(|work| observe_one(work, &market)) {
            halt_universe(work, market.universe, &format!("the settlement of market {id}: {rejection}"));
        }
    }
}

fn live_by_expiry(state: &State, is_meant: impl Fn(TimeMs) -> bool) -> Vec<(TimeMs, MarketId)> {
    let mut futures: Vec<(TimeMs, MarketId)> = state
        .live_futures()
        .filter_map(|market| market.linear()?.expires_at_ms.map(|expires_at_ms| (expires_at_ms, market.id)))
        .filter(|(expires_at_ms, _)| is_meant(*expires_at_ms))
        .collect();
    futures.sort_unstable();
    futures
}

fn observe_one(work: &mut Work<'_>, market: &MarketSpec) -> Result<(), Rejection> {
    let Some((terms, expires_at_ms)) = market.linear().and_then(|terms| Some((terms, terms.expires_at_ms?))) else {
        return Ok(());
    };
    let Some(index) = work.state.index(terms.underlying) else { return Ok(()) };
    let before = work.state.settlement(market.id).copied();
    let record = match before {
        Some(record) if record.price.is_some() => return Ok(()),
        Some(record) => record.observed(index, expires_at_ms, work.time_ms)?,
        None => SettlementRecord::first(index, expires_at_ms, work.time_ms),
    };
    if before != Some(record) {
        work.state.put(Record::Settlement { id: market.id, record });
    }
    Ok(())
}

/// The mark that the next one is made of: in the window, the one without what is known of the settlement. `None` once the
/// settlement price is the mark.
pub(super) fn free_mark(state: &State, market: MarketId, mark: Option<MarkRecord>) -> Option<Option<MarkRecord>> {
    let Some(record) = state.settlement(market) else { return Some(mark) };
    if record.price.is_some() {
        return None;
    }
    Some(mark.map(|mark| MarkRecord { price: record.free_mark.unwrap_or(mark.price), ..mark }))
}

/// Keeps a new mark aside and lets it converge to the settlement price while the window runs.
pub(super) fn converge(work: &mut Work<'_>, market: MarketId, mark: MarkRecord) -> Result<MarkRecord, Rejection> {
    let expires_at_ms = work.state.market(market).and_then(MarketSpec::linear).and_then(|terms| terms.expires_at_ms);
    let (Some(expires_at_ms), Some(record)) = (expires_at_ms, work.state.settlement(market).copied()) else {
        return Ok(mark);
    };
    let price = record.converged_mark(mark.price, expires_at_ms, work.time_ms)?;
    let record = SettlementRecord { free_mark: Some(mark.price), ..record };
    work.state.put(Record::Settlement { id: market, record });
    Ok(MarkRecord { price, ..mark })
}

/// Settles the futures and options that are over.
pub(super) fn run(work: &mut Work<'_>) {
    if work.state.chain().halted.is_some() {
        return;
    }
    let mut steps = EXPIRY_STEPS_PER_BLOCK;
    run_futures(work, &mut steps);
    options::run(work, &mut steps);
}

fn run_futures(work: &mut Work<'_>, steps: &mut u32) {
    for (expires_at_ms, id) in live_by_expiry(work.state, |expires_at_ms| expires_at_ms <= work.time_ms) {
        let Some(market) = work.state.shared_market(id) else { continue };
        if work.state.universe(market.universe).is_none_or(|universe| universe.halted.is_some()) {
            continue;
        }
        if let Err(rejection) = work.attempt(|work| settle(work, &market, expires_at_ms, steps)) {
            halt_universe(work, market.universe, &format!("the settlement of market {id}: {rejection}"));
        }
        if *steps == 0 {
            return;
        }
    }
}

fn settle(work: &mut Work<'_>, market: &MarketSpec, expires_at_ms: TimeMs, steps: &mut u32) -> Result<(), Rejection> {
    let price = fix_price(work, market, expires_at_ms)?;
    if !clear_orders(work, market, steps) {
        return Ok(());
    }
    let Some(price) = price else { return Ok(()) };
    let Some(record) = work.state.settlement(market.id) else { return Ok(()) };
    if waits_for_losses(work, market.id, record.fixed_at_ms) {
        return Ok(());
    }
    if deliver_all(work, market, price, steps)? {
        let record = work.state.settlement(market.id).copied();
        finish(work, market)?;
        if let Some(record) = record {
            let record = SettlementRecord { delivered_value_usd: Usd::ZERO, is_settled: true, ..record };
            work.state.put(Record::Settlement { id: market.id, record });
        }
    }
    Ok(())
}

/// Cancels what is open in a market that is over, as far as the block's steps go; whether all is gone.
pub(super) fn clear_orders(work: &mut Work<'_>, market: &MarketSpec, steps: &mut u32) -> bool {
    while let Some(order) = first_order(work.state, market.id) {
        if *steps == 0 {
            return false;
        }
        *steps = steps.saturating_sub(1);
        orders::cancel(work, order, CancelReason::Delisted);
    }
    while triggers::has_any_in(work.state, market.id) {
        if *steps == 0 {
            return false;
        }
        *steps = steps.saturating_sub(1);
        triggers::end_next_in(work, market.id, CancelReason::Delisted);
    }
    while let Some(combo) = work.state.first_combo_in(market.id) {
        if *steps == 0 {
            return false;
        }
        *steps = steps.saturating_sub(1);
        combos::end_next(work, combo);
    }
    true
}

/// Delivers positions of a market at what a unit pays, as far as the block's steps go; whether none is left.
pub(super) fn deliver_all(
    work: &mut Work<'_>,
    market: &MarketSpec,
    price: Price,
    steps: &mut u32,
) -> Result<bool, Rejection> {
    while let Some(account) = work.state.first_holder(market.id) {
        if *steps == 0 {
            return Ok(false);
        }
        *steps = steps.saturating_sub(1);
        deliver(work, market, price, account)?;
    }
    Ok(true)
}

/// Whether somebody cannot pay what the settlement price costs, so that delivery waits until liquidation has dealt with it:
/// once everybody is delivered, no winner is left who could bear a loss. The liquidation of the block that fixed the price
/// is always waited for: before it nobody has looked.
pub(super) fn waits_for_losses(work: &Work<'_>, market: MarketId, fixed_at_ms: TimeMs) -> bool {
    let state = &*work.state;
    let waited_ms = work.time_ms.since(fixed_at_ms);
    let cannot_pay = |unit| {
        markets_of(state, &unit).contains(&market)
            && standing(state, unit).is_ok_and(|standing| standing.equity_usd < Usd::ZERO)
    };
    let mut below = state.margin_calls().filter(|(_, level)| *level == MarginLevel::Liquidatable);
    waited_ms == 0 || (waited_ms < DELIVERY_WAIT_MAX_MS && below.any(|(unit, _)| cannot_pay(unit)))
}

fn first_order(state: &State, market: MarketId) -> Option<OrderId> {
    let first = |side| state.best_order(market, side).map(|record| record.order.id);
    first(Side::Buy).or_else(|| first(Side::Sell))
}

/// The settlement price, which becomes the mark when it is fixed; `None` while it is waited for.
fn fix_price(work: &mut Work<'_>, market: &MarketSpec, expires_at_ms: TimeMs) -> Result<Option<Price>, Rejection> {
    let Some(record) = work.state.settlement(market.id).copied() else { return Ok(None) };
    if record.price.is_some() {
        return Ok(record.price);
    }
    let terms = market.linear().ok_or(Rejection::NoLeverage { market: market.id })?;
    let index = work.state.index(terms.underlying);
    let Some(price) = record.settlement_price(index, expires_at_ms, work.time_ms)? else { return Ok(None) };
    let record = record.measured_to(expires_at_ms, work.time_ms)?;
    let record = SettlementRecord { price: Some(price), fixed_at_ms: work.time_ms, ..record };
    work.state.put(Record::Settlement { id: market.id, record });
    work.emit(Event::SettlementPriceFixed { market: market.id, price, measured_ms: record.measured_ms });
    if let Some(mark) = work.state.mark(market.id).copied() {
        let mark_record = MarkRecord { price, slow_price: price, time_ms: work.time_ms, ..mark };
        work.state.put(Record::Mark { id: market.id, record: mark_record });
        if mark.price != price {
            work.emit(Event::MarkUpdated { market: market.id, mark: price });
        }
    }
    Ok(Some(price))
}

/// Pays one position out and ends it.
fn deliver(work: &mut Work<'_>, market: &MarketSpec, price: Price, account: AccountId) -> Result<(), Rejection> {
    let collateral = collateral_of(work.state, market)?;
    let id = PositionId { account, market: market.id };
    let position = work.state.position(account, market.id).copied().unwrap_or_default();
    let record = work.state.settlement(market.id).copied().ok_or(Rejection::UnknownMarket { market: market.id })?;
    let (value_usd, payoff_usd) = payoff(position, price, market.size_decimals)?;
    let purse = collateral_account(work.state, account, market.id);
    let mut settlement = Settlement::new(market.universe, Overdraft::Allowed);
    settlement.transfer(AccountId::clearing(market.id), purse, collateral, quote_amount(payoff_usd))?;
    clearing::apply(work.state, market, settlement, &[(account, payoff_usd)])?;
    work.state.delete(RecordKey::Position(id));
    let lots = i128::from(position.position.get());
    let record = SettlementRecord {
        delivered_lots: record.delivered_lots.checked_add(lots).ok_or(Rejection::Overflow)?,
        delivered_value_usd: record.delivered_value_usd.checked_add(value_usd).ok_or(Rejection::Overflow)?,
        ..record
    };
    work.state.put(Record::Settlement { id: market.id, record });
    if purse != account {
        // What is missing in a purse is no one else's: it stays there.
        let left = work.state.balance(purse, market.universe, collateral).max(Amount::ZERO);
        move_from_purse(work.state, account, market, left)?;
    }
    work.emit(Event::Delivered { account, market: market.id, price, position: position.position, payoff_usd });
    Ok(())
}

fn collateral_of(state: &State, market: &MarketSpec) -> Result<AssetId, Rejection> {
    let universe = market.universe;
    Ok(state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral)
}

/// Gives what rounding left in a market's clearing account to the insurance fund.
pub(super) fn finish(work: &mut Work<'_>, market: &MarketSpec) -> Result<(), Rejection> {
    let collateral = collateral_of(work.state, market)?;
    let record = work.state.settlement(market.id).copied().ok_or(Rejection::UnknownMarket { market: market.id })?;
    let clearing_account = AccountId::clearing(market.id);
    let dust = work.state.balance(clearing_account, market.universe, collateral);
    let values = record.delivered_value_usd;
    if dust < Amount::ZERO || dust.get().checked_add(values.get()) != Some(0) || record.delivered_lots != 0 {
        return Err(Rejection::InvariantViolated {
            invariant: format!(
                "I2: {} lots worth {values} were delivered and {dust} is left in clearing",
                record.delivered_lots
            ),
        });
    }
    let mut settlement = Settlement::new(market.universe, Overdraft::Refused);
    settlement.transfer(clearing_account, AccountId::insurance(market.universe), collateral, dust)?;
    clearing::apply(work.state, market, settlement, &[])?;
    work.emit(Event::MarketSettled { market: market.id, dust_usd: quote_value_usd(dust) });
    Ok(())
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
