//! What orders that wait for a price, and orders worked over time, leave in history.

use super::{Applier, OrderRecord, OrderStatus};
use crate::history::accounts::{TriggerRefusal, TriggerTerms};
use palisade_types::{
    event::Event,
    ids::{OrderId, TwapId},
    order::{OpenOrder, TimeInForce},
    receipt::OrderResult,
    rejection::Rejection,
    time::TimeMs,
    trigger::{TriggerDirection, TriggerLink, TriggerOrder},
};
use std::collections::BTreeMap;

/// The orders of a block that are slices of TWAPs.
pub fn slices(events: &[Event]) -> BTreeMap<OrderId, TwapId> {
    let slice = |event: &Event| match event {
        Event::TwapSlice { twap, result: OrderResult::Accepted { order, .. }, .. } => Some((*order, twap.id)),
        _ => None,
    };
    events.iter().filter_map(slice).collect()
}

/// A trigger as a record among an account's orders: what it asks for, with its trigger price where it has no limit.
pub fn trigger_record(trigger: &TriggerOrder, status: OrderStatus, time: TimeMs) -> OrderRecord {
    let order = OpenOrder {
        id: trigger.id,
        account: trigger.account,
        market: trigger.market,
        side: trigger.side,
        price: trigger.limit.unwrap_or(trigger.trigger_price),
        remaining: trigger.size,
        original: trigger.size,
        reduce_only: trigger.reduce_only,
        time_in_force: TimeInForce::Gtc,
        client_order_id: trigger.client_order_id,
        priority: trigger.id.get(),
        placed_at_ms: trigger.placed_at_ms,
    };
    let terms = TriggerTerms {
        price: trigger.trigger_price,
        purpose: trigger.purpose,
        rising: trigger.direction() == TriggerDirection::Rising,
        at_market: trigger.limit.is_none(),
        of_position: trigger.link == TriggerLink::Position,
        waits_for: if trigger.is_armed() { None } else { trigger.parent() },
    };
    OrderRecord {
        order,
        trigger: Some(terms),
        immediate_or_cancel: trigger.limit.is_none(),
        action: trigger.action,
        status,
        status_time: time,
    }
}

/// The name of what a trigger's order was refused for.
fn refusal(rejection: &Rejection) -> TriggerRefusal {
    match rejection {
        Rejection::InsufficientMargin { .. } => TriggerRefusal::Margin,
        Rejection::ReduceOnlyWouldIncrease { .. } => TriggerRefusal::ReduceOnly,
        Rejection::NothingToMatch => TriggerRefusal::NoLiquidity,
        Rejection::BelowMinimumNotional { .. } => TriggerRefusal::MinimumNotional,
        Rejection::NoFreshPrice { .. } => TriggerRefusal::NoPrice,
        Rejection::PositionCap { .. } => TriggerRefusal::PositionCap,
        Rejection::OpenInterestCap { .. } => TriggerRefusal::OpenInterestCap,
        _ => TriggerRefusal::Other,
    }
}

impl Applier<'_> {
    /// Something happened to a trigger. That it was armed changes what it waits for, which is no news to clients.
    pub(super) fn trigger(&mut self, event: &Event, trigger: &TriggerOrder) {
        let status = match event {
            Event::TriggerFired { .. } => OrderStatus::Triggered,
            Event::TriggerCanceled { reason, .. } => OrderStatus::Canceled(*reason),
            Event::TriggerRejected { rejection, .. } => OrderStatus::Rejected(refusal(rejection)),
            _ => OrderStatus::Open,
        };
        let record = trigger_record(trigger, status, self.update.time);
        if matches!(event, Event::TriggerArmed { .. }) {
            self.update.touched.insert(trigger.account);
            self.history.accounts.set_order(record);
        } else {
            self.set_and_tell(record);
        }
    }
}

#[cfg(test)]
mod tests;
