//! Replace open orders; each is atomic: if the new order is rejected, the old one stays.
//!
//! The order keeps its number. It keeps its place in the queue only if nothing but its size changes, downwards;
//! else it goes in as a new order would and may match at once.

use super::{Actor, Stop, part, place::refused};
use crate::{
    market_math::quote_usd,
    orders,
    placement::{Placement, place},
    state::RecordKey,
    work::Work,
};
use palisade_types::{
    action::ModifyRequest,
    event::{CancelReason, Event},
    market::MarketSpec,
    numbers::Size,
    numbers::Usd,
    order::{OpenOrder, OrderRequest},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, modifies: &[ModifyRequest]) -> Result<Outcome, Stop> {
    let results = modifies.iter().map(|modify| one(work, actor, modify)).collect::<Result<_, _>>()?;
    Ok(Outcome::Orders { results })
}

/// One modify of a batch.
pub(super) fn one(work: &mut Work<'_>, actor: &Actor, modify: &ModifyRequest) -> Result<OrderResult, Stop> {
    let result = part(work, modify.replacement.market, |work| replace(work, actor, modify))?;
    Ok(result.unwrap_or_else(|rejection| refused(work, actor, &modify.replacement, rejection)))
}

fn replace(work: &mut Work<'_>, actor: &Actor, modify: &ModifyRequest) -> Result<OrderResult, Rejection> {
    let old = work.state.order_of(actor.account, modify.order).ok_or(Rejection::OrderNotOpen)?.order;
    let mut request = modify.replacement;
    if request.market != old.market || request.side != old.side {
        return Err(Rejection::ModifyChangesMarketOrSide);
    }
    request.client_order_id = request.client_order_id.or(old.client_order_id);
    let market = work.state.shared_market(old.market).ok_or(Rejection::UnknownMarket { market: old.market })?;
    if only_shrinks(&old, &request) {
        return shrink(work, actor, &market, &old, &request);
    }
    work.state.delete(RecordKey::Order(old.id));
    work.emit(Event::OrderCanceled { order: old, reason: CancelReason::Modified });
    let placement = Placement { account: actor.account, action: actor.action, request, keeps_id: Some(old.id) };
    place(work, &placement)
}

/// Whether the replacement is the same order but for fewer (or as many) lots.
fn only_shrinks(old: &OpenOrder, request: &OrderRequest) -> bool {
    request.size <= old.remaining
        && request.price == old.price
        && request.time_in_force == old.time_in_force
        && request.reduce_only == old.reduce_only
        && request.client_order_id == old.client_order_id
}

/// Takes lots off an order in its place. Less of the same needs no money and cannot match.
fn shrink(
    work: &mut Work<'_>,
    actor: &Actor,
    market: &MarketSpec,
    old: &OpenOrder,
    request: &OrderRequest,
) -> Result<OrderResult, Rejection> {
    if request.size.is_zero() {
        return Err(Rejection::ZeroSize);
    }
    if work.state.universe(market.universe).is_none_or(|universe| universe.halted.is_some()) {
        return Err(Rejection::UniverseHalted { universe: market.universe });
    }
    let notional = quote_usd(request.price, request.size, market.size_decimals)?;
    if notional < market.minimum_notional_usd && !request.reduce_only {
        return Err(Rejection::BelowMinimumNotional { notional, minimum: market.minimum_notional_usd });
    }
    let order = OpenOrder { remaining: request.size, original: request.size, ..*old };
    orders::put(work.state, market, order, order.remaining)?;
    work.emit(Event::OrderCanceled { order: *old, reason: CancelReason::Modified });
    work.emit(Event::OrderAccepted { order, action: actor.action, immediate_or_cancel: false });
    work.emit(Event::OrderRested { order });
    Ok(OrderResult::Accepted {
        order: order.id,
        client_order_id: order.client_order_id,
        filled: Size::ZERO,
        filled_quote_usd: Usd::ZERO,
        resting: order.remaining,
        remainder_canceled: None,
    })
}
