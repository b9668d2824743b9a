//! What is due by block time, in (time, id) order.
//!
//! At most [`TIMERS_PER_BLOCK_MAX`] steps per block, each at most one order, trigger, slice, agent, quote, or request with its quotes;
//! the rest stays due. An order past its time is never matched meanwhile, a block request or quote past its time is not traded, and an
//! agent past its time is not admitted.

use crate::{
    action::approve_agent::retire,
    blocks, combos, orders,
    state::{AccountRecord, Record, State, Timer},
    triggers, twap,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    limits::TIMERS_PER_BLOCK_MAX,
    multi_leg::{BlockEnd, ComboOrderEnd},
    time::TimeMs,
    twap::TwapEnd,
};

/// When the next timer is due, if any is set.
pub fn next_due(state: &State) -> Option<TimeMs> {
    state.next_timer(TimeMs::new(u64::MAX)).map(|(due_ms, _)| due_ms)
}

/// Handles what is due.
pub(super) fn run(work: &mut Work<'_>) {
    for _ in 0..TIMERS_PER_BLOCK_MAX {
        let Some((_, timer)) = work.state.next_timer(work.time_ms) else { return };
        match timer {
            Timer::OrderExpiry(order) => orders::cancel(work, order, CancelReason::Expired),
            Timer::AgentExpiry(agent) => retire(work, agent),
            Timer::CancelAll(account) => cancel_next(work, account),
            Timer::TwapSlice(twap) => twap::run_slice(work, twap),
            Timer::BlockQuoteEnd(quote) => blocks::end_quote(work, quote, BlockEnd::Expired),
            Timer::BlockRequestEnd(request) => blocks::end_request(work, request, BlockEnd::Expired),
        }
    }
}

/// One order, trigger, TWAP, combo order or block quote of the account, or the end of the switch.
fn cancel_next(work: &mut Work<'_>, account: AccountId) {
    let first = work.state.orders_of(account).next().map(|record| record.order.id);
    if let Some(order) = first {
        orders::cancel(work, order, CancelReason::Scheduled);
        return;
    }
    let first = work.state.triggers_of(account).next().map(|record| record.trigger.id);
    if let Some(trigger) = first {
        triggers::cancel(work, trigger, CancelReason::Scheduled);
        return;
    }
    let first = work.state.twaps_of(account).next().map(|record| record.twap.id);
    if let Some(id) = first {
        twap::end(work, id, TwapEnd::Scheduled);
        return;
    }
    let first = work.state.combo_orders_of(account).next().map(|order| order.id);
    if let Some(order) = first {
        combos::end_order(work, order, ComboOrderEnd::Scheduled);
        return;
    }
    let first = work.state.block_quotes_of(account).next().map(|quote| quote.id);
    if let Some(quote) = first {
        blocks::end_quote(work, quote, BlockEnd::Scheduled);
        return;
    }
    if let Some(record) = work.state.account(account).copied() {
        let record = AccountRecord { cancel_all_at_ms: None, ..record };
        work.state.put(Record::Account { id: account, record });
        work.emit(Event::CancelScheduled { account, at_ms: None });
    }
}
