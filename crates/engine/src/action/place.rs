//! Place orders; each succeeds or fails alone.

use super::{Actor, Stop, part};
use crate::{
    placement::{Placement, place},
    work::Work,
};
use palisade_types::{
    event::Event,
    order::OrderRequest,
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, orders: &[OrderRequest]) -> Result<Outcome, Stop> {
    let results = orders.iter().map(|order| one(work, actor, order)).collect::<Result<_, _>>()?;
    Ok(Outcome::Orders { results })
}

/// One order of a batch.
pub(super) fn one(work: &mut Work<'_>, actor: &Actor, request: &OrderRequest) -> Result<OrderResult, Stop> {
    let placement = Placement { account: actor.account, action: actor.action, request: *request, keeps_id: None };
    let result = part(work, request.market, |work| place(work, &placement))?;
    Ok(result.unwrap_or_else(|rejection| refused(work, actor, request, rejection)))
}

/// The result of a refused order, with its event.
pub(super) fn refused(work: &mut Work<'_>, actor: &Actor, request: &OrderRequest, rejection: Rejection) -> OrderResult {
    work.emit(Event::OrderRejected {
        account: actor.account,
        action: actor.action,
        market: request.market,
        side: request.side,
        price: request.price,
        size: request.size,
        client_order_id: request.client_order_id,
        rejection: rejection.clone(),
    });
    OrderResult::Rejected { rejection }
}
