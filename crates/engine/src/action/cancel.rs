//! Cancel open orders and triggers; each succeeds or fails alone. Works in halted universes too.

use super::Actor;
use crate::{orders, triggers, work::Work};
use palisade_types::{
    action::CancelRequest,
    event::CancelReason,
    receipt::{CancelResult, Outcome},
    rejection::Rejection,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, cancels: &[CancelRequest]) -> Outcome {
    Outcome::Cancels { results: cancels.iter().map(|request| one(work, actor, request)).collect() }
}

fn one(work: &mut Work<'_>, actor: &Actor, request: &CancelRequest) -> CancelResult {
    let found = work.state.order_of(actor.account, request.order).map(|record| record.order);
    match found.filter(|order| order.market == request.market) {
        Some(order) => {
            orders::cancel(work, order.id, CancelReason::Requested);
            CancelResult::Canceled { order: order.id }
        }
        None => cancel_trigger(work, actor, request),
    }
}

fn cancel_trigger(work: &mut Work<'_>, actor: &Actor, request: &CancelRequest) -> CancelResult {
    let found = work.state.trigger_of(actor.account, request.order).map(|record| record.trigger);
    match found.filter(|trigger| trigger.market == request.market) {
        Some(trigger) => {
            triggers::cancel(work, trigger.id, CancelReason::Requested);
            CancelResult::Canceled { order: trigger.id }
        }
        None => CancelResult::Rejected { rejection: Rejection::OrderNotOpen },
    }
}
