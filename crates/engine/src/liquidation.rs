//! Liquidation: who cannot carry their positions any more, and who takes them over. Rules page:
//! `docs/rules/liquidation.md`.
//!
//! One path, in the block and before any user action, so nobody races anybody:
//!
//! 0. the backstop vault works off what it holds ([`backstop`]), first, so that whatever its sales cost is looked at in the same block;
//! 1. the engine finds the margin units whose level changed ([`watch`]) and says so;
//! 2. of those below maintenance it takes the worst of each universe first, at most [`LIQUIDATIONS_PER_BLOCK_MAX`] per block ([`turns`]);
//! 3. each step of a unit is one atomic change: cancel its orders; hedge a portfolio's delta ([`hedge`]); close the smallest slice that restores it into the book
//!    ([`slice`]); hand the rest to the backstop vault ([`backstop`]); let fund and fees pay a deficit ([`deficit`]);
//!    close what is left against the winners ([`deleverage`]).
//!
//! A unit is only worked on while every index it depends on is fresh and its universe runs; until then it waits in line.
//! Work left over stays in state as the unit's level and is taken up by the next block.
//!
//! Invariants: a step never leaves a gap in the ledger (I1, I2); what winners lose is the deficit to the unit (I8), or the step is
//! turned back and its universe stops; no step makes a healthy unit liquidatable.

mod backstop;
mod boxes;
mod collateral;
mod deficit;
mod deleverage;
mod hedge;
mod option_boxes;
mod slice;
mod stake;
mod transfer;
mod turns;
pub(crate) mod watch;

pub(crate) use backstop::capital as backstop_capital;
#[cfg(test)]
pub(crate) use boxes::holdings;
pub use watch::scan;

use crate::{
    execute::halt_universe,
    future::is_over,
    liquidation::{
        stake::Stake,
        turns::Turns,
        watch::{Standing, standing},
    },
    orders,
    state::{MarginUnit, Record, RecordKey, UniverseRecord},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event, MarginLevel},
    ids::{MarketId, OrderId, UniverseId},
    numbers::{Rate, Usd},
    rejection::Rejection,
};
use std::collections::BTreeSet;

/// Margin units in one block for which something was done.
pub const LIQUIDATIONS_PER_BLOCK_MAX: usize = 100;

/// Steps in one block that changed nothing; a few more if very many universes have somebody in line.
pub const IDLE_STEPS_PER_BLOCK_MAX: usize = 100;

/// Orders of a unit cancelled in one block.
pub const ORDERS_CANCELED_PER_STEP_MAX: usize = 100;

/// Times that winners' positions are closed for others' losses in one block; each looks at every position of a market.
pub const DELEVERAGES_PER_BLOCK_MAX: usize = 4;

/// Book steps of one slice.
pub const BOOK_STEPS_MAX: u32 = 32;

/// What a slice restores beyond the maintenance requirement, as a part of it.
pub const RESTORED_BUFFER: Rate = Rate::new(100_000);

/// Below this part of its maintenance requirement a unit is handed over whole (Hyperliquid: two thirds).
pub const TAKEOVER_BELOW: Rate = Rate::new(666_667);

/// What a liquidated account pays the fund, of what was closed, as far as it has it.
pub const LIQUIDATION_FEE: Rate = Rate::new(5_000);

/// What the backstop vault is paid for taking a position over, of its value at the mark, as far as the account has it.
pub const BACKSTOP_DISCOUNT: Rate = Rate::new(10_000);

/// The leverage at which the backstop vault margins what it took over.
pub const BACKSTOP_LEVERAGE: u32 = 10;

/// The part of a book's depth that a slice may take in one block.
pub const DEPTH_SHARE_MAX: Rate = Rate::new(250_000);

/// How far an account with that much is from liquidation; `netted_usd` is the part of both that options meet by what they are worth.
pub fn level_of(equity_usd: Usd, maintenance_usd: Usd, netted_usd: Usd) -> Result<MarginLevel, Rejection> {
    Standing { equity_usd, maintenance_usd, netted_usd, has_positions: true }.level()
}

/// The step of a block that margins whoever must be margined, and liquidates.
pub(crate) fn run(work: &mut Work<'_>) {
    backstop::unwind(work);
    let below = watch::run(work);
    let mut owing: BTreeSet<MarginUnit> =
        below.iter().filter(|(_, standing)| standing.equity_usd < Usd::ZERO).map(|(unit, _)| *unit).collect();
    let mut turns = Turns::of(work.state, &below);
    while let Some(unit) = turns.take(work) {
        let (seen, allowed) = (work.events.len(), turns.deleverages());
        let mut deleverages = allowed;
        // A step that is out of range leaves no trace; the unit stays in line.
        let done = work.attempt(|work| step(work, unit, &mut deleverages));
        if let Err(Rejection::InvariantViolated { invariant }) = &done {
            halt_universe(work, unit.universe, invariant);
        }
        turns.end(work.events.len() > seen, allowed.saturating_sub(deleverages));
        // Rounding may take a unit below zero that had nothing left.
        match standing(work.state, unit) {
            Ok(now) if now.equity_usd < Usd::ZERO => {
                owing.insert(unit);
            }
            Ok(_) => {
                owing.remove(&unit);
            }
            Err(_) => {}
        }
    }
    release_vaults(work);
    settle_gates(work, &owing);
}

/// What a vault took over after its own turn, and the cash that went into that purse, may have restored it: then it leaves the
/// line at once.
fn release_vaults(work: &mut Work<'_>) {
    let is_vault = |unit: &MarginUnit| unit.account == AccountId::backstop(unit.universe);
    let called = work.state.margin_calls().filter(|(_, level)| *level == MarginLevel::Liquidatable);
    let vaults: Vec<MarginUnit> = called.map(|(unit, _)| unit).filter(is_vault).collect();
    for unit in vaults {
        let _ = work.attempt(|work| is_below(work, unit));
    }
}

/// Works on one unit until it is healthy or this block can do no more for it.
fn step(work: &mut Work<'_>, unit: MarginUnit, deleverages: &mut usize) -> Result<(), Rejection> {
    // Whoever has recovered since keeps the orders.
    if !is_below(work, unit)? || !cancel_orders(work, unit) || !is_below(work, unit)? {
        return Ok(());
    }
    hedge::run(work, unit)?;
    if !is_below(work, unit)? {
        return Ok(());
    }
    let before = standing(work.state, unit)?;
    if before.equity_usd > Usd::ZERO && !before.is_far_below()? && slice::close_into_book(work, unit)? {
        return is_below(work, unit).map(|_| ());
    }
    backstop::take_over(work, unit)?;
    collateral::sell(work, unit, AccountId::backstop(unit.universe))?;
    let after = standing(work.state, unit)?;
    if after.equity_usd < Usd::ZERO || (after.equity_usd.is_zero() && after.has_positions) {
        resolve_deficit(work, unit, deleverages)?;
    }
    is_below(work, unit).map(|_| ())
}

/// A unit that owes more than it has: fund and fees pay, winners bear the rest.
fn resolve_deficit(work: &mut Work<'_>, unit: MarginUnit, deleverages: &mut usize) -> Result<(), Rejection> {
    deficit::pay(work, unit)?;
    // What fund and fees gave for its collateral can be more than was missing: collateral counts less than it brings.
    if standing(work.state, unit)?.equity_usd > Usd::ZERO {
        return Ok(());
    }
    // Paid in full, positions are worth nothing to the unit and may be handed over at the mark.
    for market in watch::markets_of(work.state, &unit) {
        backstop::take_over_in(work, unit, market)?;
    }
    // What rounding took when a part was handed over is not the winners' either.
    deficit::pay(work, unit)?;
    while standing(work.state, unit)?.has_positions && *deleverages > 0 {
        *deleverages = deleverages.saturating_sub(1);
        if !deleverage::run(work, unit)? {
            break;
        }
    }
    Ok(())
}

/// Cancels the unit's open orders; whether all are gone.
fn cancel_orders(work: &mut Work<'_>, unit: MarginUnit) -> bool {
    let all: Vec<OrderId> = work
        .state
        .orders_of(unit.account)
        .filter(|record| watch::is_of_unit(work.state, &unit, record.order.market))
        .map(|record| record.order.id)
        .take(ORDERS_CANCELED_PER_STEP_MAX.saturating_add(1))
        .collect();
    for order in all.iter().take(ORDERS_CANCELED_PER_STEP_MAX) {
        orders::cancel(work, *order, CancelReason::Liquidation);
    }
    all.len() <= ORDERS_CANCELED_PER_STEP_MAX
}

/// Whether the unit is still below maintenance; if not, it leaves the line.
fn is_below(work: &mut Work<'_>, unit: MarginUnit) -> Result<bool, Rejection> {
    let now = standing(work.state, unit)?;
    if now.level()? < MarginLevel::Liquidatable {
        watch::set_level(work, unit, &now)?;
        // Whatever restored it, it needs a box again.
        work.state.touch(unit.account);
        return Ok(false);
    }
    Ok(true)
}

/// Closes the gate of a universe in which someone owes more than they have, and opens it when nobody does.
fn settle_gates(work: &mut Work<'_>, owing: &BTreeSet<MarginUnit>) {
    let owing: BTreeSet<UniverseId> = owing.iter().map(|unit| unit.universe).collect();
    let is_due = |record: &&UniverseRecord| owing.contains(&record.spec.id) != record.gated_since_ms.is_some();
    let due: Vec<UniverseRecord> = work.state.universes().filter(is_due).cloned().collect();
    for record in due {
        let universe = record.spec.id;
        let closed = record.gated_since_ms.is_none();
        let record = UniverseRecord { gated_since_ms: closed.then_some(work.time_ms), ..record };
        work.state.put(Record::Universe { id: universe, record });
        work.emit(Event::GateChanged { universe, closed });
    }
}

/// Takes a unit's entry off the line of those that are not healthy.
fn forget(work: &mut Work<'_>, unit: MarginUnit) {
    work.state.delete(RecordKey::MarginCall(unit));
}

/// The market in which the unit's position is judged first: the largest maintenance requirement, or if the unit owes more
/// than it has, the largest loss.
fn first_market(work: &Work<'_>, unit: MarginUnit) -> Result<Option<MarketId>, Rejection> {
    let standing = standing(work.state, unit)?;
    let by_loss = standing.equity_usd <= Usd::ZERO;
    let mut best: Option<(Usd, MarketId)> = None;
    for market in watch::markets_of(work.state, &unit) {
        let Some(spec) = work.state.market(market) else { continue };
        // A future that is over has no book, and is delivered at its settlement price: only a loss is dealt with before.
        if !by_loss && is_over(spec, work.time_ms) {
            continue;
        }
        let stake = Stake::of(work.state, unit.account, spec)?;
        let weight =
            if by_loss { stake.unrealised_usd.checked_neg().ok_or(Rejection::Overflow)? } else { stake.freed_usd };
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, market));
        }
    }
    Ok(best.map(|(_, market)| market))
}

#[cfg(test)]
#[path = "liquidation_tests.rs"]
mod tests;
