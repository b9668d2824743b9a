//! Triggers that the block's mark has reached become orders.
//!
//! Two steps, each bounded: crossed triggers become due, at most [`TRIGGERS_DUE_PER_BLOCK_MAX`], those that the mark reached
//! first in each market; due ones fire in order of number, at most [`TRIGGERS_PER_BLOCK_MAX`]. Due is state, so what is
//! left over fires in a later block. A market with a stale index, or in a halted universe or chain, takes part in neither.

use crate::{follow, market_order::expired_at, state::State, triggers, work::Work};
use palisade_types::{
    ids::{MarketId, OrderId},
    limits::{TRIGGERS_DUE_PER_BLOCK_MAX, TRIGGERS_PER_BLOCK_MAX},
    market::MarketSpec,
    numbers::Price,
    time::TimeMs,
};

/// Marks what is crossed as due, and fires what is due.
pub(super) fn run(work: &mut Work<'_>) {
    if !work.state.has_triggers() || work.state.chain().halted.is_some() {
        return;
    }
    let markets: Vec<(MarketId, Price)> =
        work.state.markets().filter_map(|market| open_mark(work.state, market, work.time_ms)).collect();
    let crossed: Vec<OrderId> = markets
        .iter()
        .flat_map(|&(market, mark)| work.state.crossed_triggers(market, mark))
        .take(TRIGGERS_DUE_PER_BLOCK_MAX)
        .collect();
    for id in crossed {
        triggers::set_due(work, id);
    }
    let mut due: Vec<(OrderId, Price)> = markets
        .iter()
        .flat_map(|&(market, mark)| {
            work.state.due_triggers(market).take(TRIGGERS_PER_BLOCK_MAX).map(move |id| (id, mark))
        })
        .collect();
    due.sort_unstable();
    due.truncate(TRIGGERS_PER_BLOCK_MAX);
    for (id, mark) in due {
        if is_running(work.state, id) {
            triggers::fire(work, id, mark);
            follow::run(work);
        }
    }
}

/// Whether a trigger's universe still runs: the one before it may have halted it.
fn is_running(state: &State, id: OrderId) -> bool {
    let market = state.trigger(id).and_then(|record| state.market(record.trigger.market));
    market.is_some_and(|market| state.universe(market.universe).is_some_and(|universe| universe.halted.is_none()))
}

/// A market's mark, if triggers may fire there now.
fn open_mark(state: &State, market: &MarketSpec, now: TimeMs) -> Option<(MarketId, Price)> {
    let terms = market.derivative()?;
    let is_fresh = state.index(terms.underlying).is_some_and(|index| index.is_fresh(now));
    let is_running = state.universe(market.universe).is_some_and(|universe| universe.halted.is_none());
    let mark = state.mark(market.id)?.price;
    (is_fresh && is_running && expired_at(market, now).is_none()).then_some((market.id, mark))
}
