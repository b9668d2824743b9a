//! Orders, triggers and TWAPs in Hyperliquid's format. Rules of what waits: `docs/rules/orders.md`.
//!
//! - `na`: each order stands alone, limit order or trigger.
//! - `normalTpsl`: a limit order and the triggers that hang on it, in this order; two triggers alone cancel each other.
//! - `positionTpsl`: triggers that close the position.
//!
//! An order that does not translate fails alone, as its own result, without an event: it has no price or size yet. In a
//! group, which stands or falls as a whole, it fails the group.

use super::super::{Actor, Stop, cancel_twap, modify, part, place, place_triggers, place_twap};
use crate::{
    triggers::{self, Arrival},
    work::Work,
};
use palisade_types::{
    action::ModifyRequest,
    event::CancelReason,
    hyperliquid::{Grouping, Modify, Order, Twap},
    ids::{MarketId, TwapId},
    order::OrderReference,
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    trigger::{TriggerGrouping, TriggerRequest},
};

pub(super) fn place_all(
    work: &mut Work<'_>,
    actor: &Actor,
    orders: &[Order],
    grouping: Grouping,
) -> Result<Outcome, Stop> {
    let triggers = |work: &Work<'_>, orders: &[Order]| -> Result<Vec<TriggerRequest>, Rejection> {
        orders.iter().map(|order| order.to_trigger_request(size_decimals(work, order.market)?)).collect()
    };
    match (grouping, orders) {
        (Grouping::NormalTpsl, [parent, children @ ..]) if !parent.is_trigger() => {
            let request = parent.to_order_request(size_decimals(work, parent.market)?)?;
            let children = triggers(work, children)?;
            place_triggers::run(work, actor, Some(&request), &children, TriggerGrouping::Attached)
        }
        (Grouping::NormalTpsl, _) => {
            let pair = triggers(work, orders)?;
            place_triggers::run(work, actor, None, &pair, TriggerGrouping::OneCancelsOther)
        }
        (Grouping::PositionTpsl, _) => {
            let closing = triggers(work, orders)?;
            place_triggers::run(work, actor, None, &closing, TriggerGrouping::Position)
        }
        (Grouping::Na | Grouping::Priority { .. }, _) => {
            let results = orders.iter().map(|order| place_one(work, actor, order)).collect::<Result<_, _>>()?;
            Ok(Outcome::Orders { results })
        }
    }
}

fn size_decimals(work: &Work<'_>, market: MarketId) -> Result<u8, Rejection> {
    work.state.market(market).map(|spec| spec.size_decimals).ok_or(Rejection::UnknownMarket { market })
}

fn place_one(work: &mut Work<'_>, actor: &Actor, order: &Order) -> Result<OrderResult, Stop> {
    let decimals = size_decimals(work, order.market);
    if order.is_trigger() {
        match decimals.and_then(|decimals| order.to_trigger_request(decimals)) {
            Ok(request) => place_triggers::one(work, actor, &request),
            Err(rejection) => Ok(OrderResult::Rejected { rejection }),
        }
    } else {
        match decimals.and_then(|decimals| order.to_order_request(decimals)) {
            Ok(request) => place::one(work, actor, &request),
            Err(rejection) => Ok(OrderResult::Rejected { rejection }),
        }
    }
}

pub(super) fn modify_all(work: &mut Work<'_>, actor: &Actor, modifies: &[Modify]) -> Result<Outcome, Stop> {
    let results = modifies.iter().map(|modify| modify_one(work, actor, modify)).collect::<Result<_, _>>()?;
    Ok(Outcome::Orders { results })
}

fn modify_one(work: &mut Work<'_>, actor: &Actor, modify: &Modify) -> Result<OrderResult, Stop> {
    let replacement = &modify.replacement;
    let decimals = size_decimals(work, replacement.market);
    if replacement.is_trigger() {
        let result = match decimals.and_then(|decimals| replacement.to_trigger_request(decimals)) {
            Ok(request) => part(work, request.market, |work| replace_trigger(work, actor, modify.order, request))?,
            Err(rejection) => Err(rejection),
        };
        return Ok(result.unwrap_or_else(|rejection| OrderResult::Rejected { rejection }));
    }
    match decimals.and_then(|decimals| replacement.to_order_request(decimals)) {
        Ok(replacement) => modify::one(work, actor, &ModifyRequest { order: modify.order, replacement }),
        Err(rejection) => Ok(OrderResult::Rejected { rejection }),
    }
}

/// Puts another trigger in the place of one that waits, under its number and hanging on what it hung on. If the new one
/// is refused, the old one stays.
fn replace_trigger(
    work: &mut Work<'_>,
    actor: &Actor,
    reference: OrderReference,
    mut request: TriggerRequest,
) -> Result<OrderResult, Rejection> {
    let found = work.state.trigger_of(actor.account, reference).map(|record| record.trigger);
    let old = found.ok_or(Rejection::OrderNotOpen)?;
    if request.market != old.market || request.side != old.side {
        return Err(Rejection::ModifyChangesMarketOrSide);
    }
    request.client_order_id = request.client_order_id.or(old.client_order_id);
    triggers::cancel(work, old.id, CancelReason::Modified);
    let Actor { account, action } = *actor;
    let arrival = Arrival { account, action, request: &request, id: old.id, link: old.link, reference: None };
    let trigger = triggers::wait(work, &arrival)?;
    let (client_order_id, armed) = (trigger.client_order_id, trigger.is_armed());
    Ok(OrderResult::Waiting { order: trigger.id, client_order_id, armed })
}

pub(super) fn start_twap(work: &mut Work<'_>, actor: &Actor, twap: &Twap) -> Result<Outcome, Stop> {
    let request = twap.to_twap_request(size_decimals(work, twap.market)?)?;
    place_twap::run(work, actor, &request)
}

/// Ends a TWAP of that market.
pub(super) fn cancel_twap(work: &mut Work<'_>, actor: &Actor, market: MarketId, twap: u64) -> Result<Outcome, Stop> {
    let twap = TwapId::new(twap);
    if work.state.twap(twap).is_some_and(|record| record.twap.request.market != market) {
        return Err(Rejection::TwapNotRunning { twap }.into());
    }
    cancel_twap::run(work, actor, twap)
}
