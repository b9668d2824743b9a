//! Place orders that wait for a price; see `docs/rules/orders.md`.
//!
//! Triggers that stand alone succeed or fail alone. Every other grouping is placed whole or not at all, but for a parent
//! order that is refused: then its result says why, and its children were not placed for want of it.

use super::{Actor, Stop, part, place};
use crate::{
    accounts::position,
    market_order::mark_of,
    state::State,
    triggers::{Arrival, wait},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::OrderId,
    numbers::{Price, Size},
    order::{OrderRequest, Side},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    trigger::{TriggerGrouping, TriggerLink, TriggerRequest},
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    parent: Option<&OrderRequest>,
    triggers: &[TriggerRequest],
    grouping: TriggerGrouping,
) -> Result<Outcome, Stop> {
    check_group(parent, triggers, grouping)?;
    let results = match (grouping, parent, triggers) {
        (TriggerGrouping::Single, ..) => {
            triggers.iter().map(|trigger| one(work, actor, trigger)).collect::<Result<_, _>>()?
        }
        (TriggerGrouping::Attached, Some(parent), [first, ..]) => {
            let reference = fill_price(work.state, parent, first)?;
            let parent_result = place::one(work, actor, parent)?;
            let children = match parent_result {
                OrderResult::Accepted { order, filled, resting, .. } if !(filled.is_zero() && resting.is_zero()) => {
                    let parent_open = !resting.is_zero();
                    let link = |sibling| TriggerLink::Parent { parent: order, sibling, filled, parent_open };
                    group(work, actor, triggers, Some(reference), link)?
                }
                _ => triggers.iter().map(|trigger| refused(work, actor, trigger, Rejection::ParentNotOpen)).collect(),
            };
            std::iter::once(parent_result).chain(children).collect()
        }
        (TriggerGrouping::Position, ..) => {
            check_closes(work.state, actor.account, triggers)?;
            group(work, actor, triggers, None, |_| TriggerLink::Position)?
        }
        (TriggerGrouping::OneCancelsOther | TriggerGrouping::Attached, ..) => {
            check_not_with_position(work.state, actor.account, triggers)?;
            let link = |sibling: Option<OrderId>| {
                sibling.map_or(TriggerLink::Alone, |sibling| TriggerLink::Sibling { sibling })
            };
            group(work, actor, triggers, None, link)?
        }
    };
    Ok(Outcome::Orders { results })
}

/// One trigger that stands alone.
pub(super) fn one(work: &mut Work<'_>, actor: &Actor, request: &TriggerRequest) -> Result<OrderResult, Stop> {
    let result = part(work, request.market, |work| {
        let id = work.take_order_number()?;
        let Actor { account, action } = *actor;
        wait(work, &Arrival { account, action, request, id, link: TriggerLink::Alone, reference: None })
    })?;
    Ok(match result {
        Ok(trigger) => {
            OrderResult::Waiting { order: trigger.id, client_order_id: trigger.client_order_id, armed: true }
        }
        Err(rejection) => refused(work, actor, request, rejection),
    })
}

/// One or two triggers that belong together; `link` is given the other's number.
fn group(
    work: &mut Work<'_>,
    actor: &Actor,
    triggers: &[TriggerRequest],
    reference: Option<Price>,
    link: impl Fn(Option<OrderId>) -> TriggerLink,
) -> Result<Vec<OrderResult>, Rejection> {
    let numbers = triggers.iter().map(|_| work.take_order_number()).collect::<Result<Vec<_>, _>>()?;
    let mut results = Vec::with_capacity(triggers.len());
    for (request, &id) in triggers.iter().zip(&numbers) {
        let sibling = numbers.iter().copied().find(|other| *other != id);
        let Actor { account, action } = *actor;
        let trigger = wait(work, &Arrival { account, action, request, id, link: link(sibling), reference })?;
        let armed = trigger.is_armed();
        results.push(OrderResult::Waiting { order: id, client_order_id: trigger.client_order_id, armed });
    }
    Ok(results)
}

/// The result of a refused trigger, with its event.
fn refused(work: &mut Work<'_>, actor: &Actor, request: &TriggerRequest, rejection: Rejection) -> OrderResult {
    work.emit(Event::OrderRejected {
        account: actor.account,
        action: actor.action,
        market: request.market,
        side: request.side,
        price: request.limit.unwrap_or(request.trigger_price),
        size: request.size,
        client_order_id: request.client_order_id,
        rejection: rejection.clone(),
    });
    OrderResult::Rejected { rejection }
}

/// Whether the parts are those that the grouping has, and fit together.
fn check_group(
    parent: Option<&OrderRequest>,
    triggers: &[TriggerRequest],
    grouping: TriggerGrouping,
) -> Result<(), Rejection> {
    let has_parent = grouping == TriggerGrouping::Attached;
    let counts = match grouping {
        TriggerGrouping::Single => 1..=triggers.len(),
        TriggerGrouping::OneCancelsOther => 2..=2,
        TriggerGrouping::Attached | TriggerGrouping::Position => 1..=2,
    };
    if parent.is_some() != has_parent || !counts.contains(&triggers.len()) {
        return Err(Rejection::WrongTriggerGroup { grouping });
    }
    if grouping == TriggerGrouping::Single {
        return Ok(());
    }
    if let [first, second] = triggers {
        if first.purpose == second.purpose {
            return Err(Rejection::WrongTriggerGroup { grouping });
        }
        if first.market != second.market || first.side != second.side {
            return Err(Rejection::WrongTriggerSide { market: second.market, side: second.side });
        }
    }
    let stray = triggers.iter().find(|trigger| {
        parent.is_some_and(|parent| {
            trigger.market != parent.market || trigger.side == parent.side || trigger.size > parent.size
        })
    });
    stray.map_or(Ok(()), |stray| Err(Rejection::WrongTriggerSide { market: stray.market, side: stray.side }))
}

/// The price at which a parent would trade now.
fn fill_price(state: &State, parent: &OrderRequest, child: &TriggerRequest) -> Result<Price, Rejection> {
    let market = state.market(child.market).ok_or(Rejection::UnknownMarket { market: child.market })?;
    let mark = mark_of(state, market)?;
    Ok(match parent.side {
        Side::Buy => parent.price.min(mark),
        Side::Sell => parent.price.max(mark),
    })
}

/// Refuses triggers of a position that would not close it.
fn check_closes(state: &State, account: AccountId, triggers: &[TriggerRequest]) -> Result<(), Rejection> {
    for trigger in triggers {
        let market = state.market(trigger.market).ok_or(Rejection::UnknownMarket { market: trigger.market })?;
        mark_of(state, market)?;
        let held = position(state, account, trigger.market);
        if held.reducible(trigger.side, Size::MAX).is_zero() {
            return Err(Rejection::ReduceOnlyWouldIncrease { position: held.position });
        }
    }
    Ok(())
}

/// Refuses a pair on the side of the position that is held.
fn check_not_with_position(state: &State, account: AccountId, triggers: &[TriggerRequest]) -> Result<(), Rejection> {
    let stray = triggers.iter().find(|trigger| {
        let held = position(state, account, trigger.market);
        !held.is_empty() && held.reducible(trigger.side, Size::MAX).is_zero()
    });
    stray.map_or(Ok(()), |stray| Err(Rejection::WrongTriggerSide { market: stray.market, side: stray.side }))
}
