//! Triggers: orders that wait for the mark. The rules are in `docs/rules/orders.md`.
//!
//! Invariants:
//! - A trigger reserves nothing; when it fires it is placed and checked like any order, under its own number.
//! - Of two siblings at most one becomes an order: the other is cancelled before the order is placed, in one attempt.
//! - Client order ids are unique among an account's open orders and triggers together.

use crate::{
    accounts::position,
    execute::halt_universe,
    market_math::{check_limit_price, quote_usd},
    market_order::{check_running, mark_of, market_limit, most_lots},
    orders,
    placement::{Placement, place},
    state::{Record, RecordKey, State, TriggerRecord},
    twap,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    hash::ActionId,
    ids::{MarketId, OrderId},
    limits::TRIGGERS_PER_ACCOUNT_MAX,
    market::MarketSpec,
    numbers::{Price, Rate, Size},
    order::{OrderRequest, Side, TimeInForce},
    rejection::Rejection,
    time::TimeMs,
    trigger::{TriggerLink, TriggerOrder, TriggerRequest},
    twap::TwapEnd,
};

/// How far from the mark an order of a trigger without limit may trade.
pub(crate) const TRIGGER_SLIPPAGE: Rate = Rate::new(100_000);

/// A trigger on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// Whose.
    pub account: AccountId,
    /// The action that asks for it.
    pub action: ActionId,
    /// What is asked.
    pub request: &'a TriggerRequest,
    /// Its number, which was taken for it.
    pub id: OrderId,
    /// What it hangs on.
    pub link: TriggerLink,
    /// The price at which it must not fire, if not the mark.
    pub reference: Option<Price>,
}

/// Checks a trigger and lets it wait.
pub(crate) fn wait(work: &mut Work<'_>, arrival: &Arrival<'_>) -> Result<TriggerOrder, Rejection> {
    check(work.state, arrival, work.time_ms)?;
    let Arrival { account, action, request, id, link, .. } = *arrival;
    let trigger = TriggerOrder {
        id,
        account,
        market: request.market,
        side: request.side,
        size: request.size,
        trigger_price: request.trigger_price,
        purpose: request.purpose,
        limit: request.limit,
        reduce_only: request.reduce_only || link == TriggerLink::Position,
        client_order_id: request.client_order_id,
        link,
        action,
        placed_at_ms: work.time_ms,
    };
    put(work, trigger);
    work.emit(Event::TriggerPlaced { trigger });
    Ok(trigger)
}

fn put(work: &mut Work<'_>, trigger: TriggerOrder) {
    let due = work.state.trigger(trigger.id).is_some_and(|record| record.due);
    work.state.put(Record::Trigger { id: trigger.id, record: Box::new(TriggerRecord { trigger, due }) });
}

fn check(state: &State, arrival: &Arrival<'_>, now: TimeMs) -> Result<(), Rejection> {
    let Arrival { account, request, link, reference, .. } = *arrival;
    let market = state.market(request.market).ok_or(Rejection::UnknownMarket { market: request.market })?;
    let mark = mark_of(state, market)?;
    check_running(state, market, now)?;
    check_limit_price(request.trigger_price, market.tick)?;
    if let Some(limit) = request.limit {
        check_limit_price(limit, market.tick)?;
    }
    check_size(market, request, link == TriggerLink::Position)?;
    let reference = reference.unwrap_or(mark);
    if request.direction().is_crossed(request.trigger_price, reference) {
        return Err(Rejection::TriggerWouldFire { trigger_price: request.trigger_price, reference });
    }
    if let Some(client_order_id) = request.client_order_id
        && let Some(order) = state.named(account, client_order_id)
    {
        return Err(Rejection::ClientOrderIdInUse { order });
    }
    let waiting = state.triggers_of_in(account, market.id).count();
    if waiting >= TRIGGERS_PER_ACCOUNT_MAX {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        return Err(Rejection::TooManyTriggers { waiting: number(waiting), limit: number(TRIGGERS_PER_ACCOUNT_MAX) });
    }
    Ok(())
}

fn check_size(market: &MarketSpec, request: &TriggerRequest, closes_position: bool) -> Result<(), Rejection> {
    if request.size.is_zero() {
        return if closes_position { Ok(()) } else { Err(Rejection::ZeroSize) };
    }
    let price = request.limit.unwrap_or(request.trigger_price);
    let notional = quote_usd(price, request.size, market.size_decimals)?;
    if notional < market.minimum_notional_usd && !request.reduce_only && !closes_position {
        return Err(Rejection::BelowMinimumNotional { notional, minimum: market.minimum_notional_usd });
    }
    if notional > market.maximum_notional_usd && !closes_position {
        return Err(Rejection::AboveMaximumNotional { notional, maximum: market.maximum_notional_usd });
    }
    Ok(())
}

/// A trigger's price was reached: it fires when its turn comes, wherever the mark is then.
pub(crate) fn set_due(work: &mut Work<'_>, id: OrderId) {
    if let Some(trigger) = work.state.trigger(id).map(|record| record.trigger) {
        work.state.put(Record::Trigger { id, record: Box::new(TriggerRecord { trigger, due: true }) });
    }
}

/// Takes a trigger away.
pub(crate) fn cancel(work: &mut Work<'_>, id: OrderId, reason: CancelReason) {
    if let Some(trigger) = work.state.trigger(id).map(|record| record.trigger) {
        work.state.delete(RecordKey::Trigger(id));
        work.emit(Event::TriggerCanceled { trigger, reason });
    }
}

/// Whether a market has triggers or TWAPs.
pub(crate) fn has_any_in(state: &State, market: MarketId) -> bool {
    state.first_trigger_in(market).is_some() || state.first_twap_in(market).is_some()
}

/// Ends one trigger, or else one TWAP, of a market that closes.
pub(crate) fn end_next_in(work: &mut Work<'_>, market: MarketId, reason: CancelReason) {
    if let Some(id) = work.state.first_trigger_in(market) {
        cancel(work, id, reason);
    } else if let Some(id) = work.state.first_twap_in(market) {
        twap::end(work, id, TwapEnd::MarketClosed);
    }
}

/// Lets a trigger become the order that it asks for. A refused order leaves its sibling and its parent as they were.
pub(crate) fn fire(work: &mut Work<'_>, id: OrderId, mark: Price) {
    let Some(trigger) = work.state.trigger(id).map(|record| record.trigger) else { return };
    work.state.delete(RecordKey::Trigger(id));
    work.emit(Event::TriggerFired { trigger, mark });
    if let Err(rejection) = work.attempt(|work| become_order(work, &trigger, mark)) {
        if let Rejection::InvariantViolated { invariant } = &rejection
            && let Some(universe) = work.state.market(trigger.market).map(|market| market.universe)
        {
            halt_universe(work, universe, invariant);
        }
        work.emit(Event::TriggerRejected { trigger, rejection });
    }
}

fn become_order(work: &mut Work<'_>, trigger: &TriggerOrder, mark: Price) -> Result<(), Rejection> {
    let market = work.state.shared_market(trigger.market).ok_or(Rejection::UnknownMarket { market: trigger.market })?;
    if let Some(sibling) = trigger.sibling() {
        cancel(work, sibling, CancelReason::SiblingFilled);
    }
    if let Some(parent) = trigger.parent() {
        orders::cancel(work, parent, CancelReason::SiblingFilled);
    }
    let (price, time_in_force) = match trigger.limit {
        Some(limit) => (limit, TimeInForce::Gtc),
        None => (market_limit(&market, mark, trigger.side, TRIGGER_SLIPPAGE)?, TimeInForce::Ioc),
    };
    let request = OrderRequest {
        market: trigger.market,
        side: trigger.side,
        price,
        size: working_size(work.state, &market, trigger, price)?,
        time_in_force,
        reduce_only: trigger.reduce_only,
        client_order_id: trigger.client_order_id,
    };
    place(work, &Placement { account: trigger.account, action: trigger.action, request, keeps_id: Some(trigger.id) })?;
    Ok(())
}

/// The lots that a trigger trades if it fires now. One that closes a position is cut to what one order may have.
fn working_size(state: &State, market: &MarketSpec, trigger: &TriggerOrder, price: Price) -> Result<Size, Rejection> {
    match trigger.link {
        TriggerLink::Alone | TriggerLink::Sibling { .. } => Ok(trigger.size),
        TriggerLink::Parent { filled, .. } => Ok(trigger.size.min(filled)),
        TriggerLink::Position => {
            let asked = if trigger.size.is_zero() { Size::MAX } else { trigger.size };
            let held = position(state, trigger.account, trigger.market).reducible(trigger.side, asked);
            Ok(held.min(most_lots(market, price)?))
        }
    }
}

/// A parent was filled by `lots`: its children have more to work on.
pub(crate) fn parent_filled(work: &mut Work<'_>, parent: OrderId, lots: Size) {
    let children: Vec<OrderId> = work.state.children_of(parent).collect();
    for child in children {
        let Some(mut trigger) = work.state.trigger(child).map(|record| record.trigger) else { continue };
        if let TriggerLink::Parent { filled, .. } = &mut trigger.link {
            *filled = Size::new(filled.get().saturating_add(lots.get()));
            put(work, trigger);
            work.emit(Event::TriggerArmed { trigger });
        }
    }
}

/// A parent left the book: children without a fill to work on go with it.
pub(crate) fn parent_left(work: &mut Work<'_>, parent: OrderId) {
    let children: Vec<OrderId> = work.state.children_of(parent).collect();
    for child in children {
        let Some(mut trigger) = work.state.trigger(child).map(|record| record.trigger) else { continue };
        match &mut trigger.link {
            TriggerLink::Parent { filled, parent_open, .. } if !filled.is_zero() => {
                *parent_open = false;
                put(work, trigger);
            }
            _ => cancel(work, child, CancelReason::ParentCanceled),
        }
    }
}

/// A position changed: triggers that would close it leave if there is nothing left on their side.
pub(crate) fn position_moved(work: &mut Work<'_>, account: AccountId, market: MarketId) {
    let held = position(work.state, account, market);
    let closes_nothing = |side: Side| held.reducible(side, Size::MAX).is_zero();
    let over: Vec<OrderId> = work
        .state
        .triggers_of_in(account, market)
        .map(|record| &record.trigger)
        .filter(|trigger| trigger.link == TriggerLink::Position && closes_nothing(trigger.side))
        .map(|trigger| trigger.id)
        .collect();
    for id in over {
        cancel(work, id, CancelReason::PositionClosed);
    }
}

#[cfg(test)]
#[path = "triggers_tests.rs"]
mod tests;
