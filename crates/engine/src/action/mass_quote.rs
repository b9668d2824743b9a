//! Set quotes: at most one per market and side, post-only, each side alone; see `docs/rules/orders.md`.
//!
//! Both former sides leave before a new one is placed, so that a new bid never meets the own old ask.

use super::{Actor, Stop, part, place};
use crate::{
    placement::{self, Placement},
    protection::withdraw,
    state::{QuoteId, Record},
    work::Work,
};
use palisade_types::{
    event::CancelReason,
    ids::{MarketId, OrderId},
    order::{OrderRequest, Side, TimeInForce},
    quote::{Level, Quote, QuoteResult, QuoteSideResult},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
};

/// What became of a side's former quote.
#[derive(Clone, Copy, Debug)]
enum Former {
    /// There was none.
    None,
    /// It left.
    Gone(OrderId),
    /// It is what is asked for, and keeps its place.
    Kept(OrderId),
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, quotes: &[Quote]) -> Result<Outcome, Stop> {
    let results = quotes.iter().map(|quote| one(work, actor, quote)).collect::<Result<_, _>>()?;
    Ok(Outcome::Quotes { results })
}

fn one(work: &mut Work<'_>, actor: &Actor, quote: &Quote) -> Result<QuoteResult, Stop> {
    let market = quote.market;
    let bid_id = QuoteId { account: actor.account, market, side: Side::Buy };
    let ask_id = QuoteId { side: Side::Sell, ..bid_id };
    let former_bid = leave(work, bid_id, quote.bid);
    let former_ask = leave(work, ask_id, quote.ask);
    Ok(QuoteResult {
        bid: come(work, actor, bid_id, quote.bid, former_bid)?,
        ask: come(work, actor, ask_id, quote.ask, former_ask)?,
    })
}

fn leave(work: &mut Work<'_>, id: QuoteId, level: Option<Level>) -> Former {
    let Some(order) = work.state.quote(id).and_then(|order| work.state.order(order)).map(|record| record.order) else {
        return Former::None;
    };
    if level.is_some_and(|level| level.price == order.price && level.size == order.remaining) {
        return Former::Kept(order.id);
    }
    let reason = if level.is_some() { CancelReason::QuoteReplaced } else { CancelReason::Requested };
    withdraw(work, id, reason);
    Former::Gone(order.id)
}

fn come(
    work: &mut Work<'_>,
    actor: &Actor,
    id: QuoteId,
    level: Option<Level>,
    former: Former,
) -> Result<QuoteSideResult, Stop> {
    let level = match (level, former) {
        (_, Former::Kept(order)) => return Ok(QuoteSideResult::Resting { order }),
        (None, Former::Gone(order)) => return Ok(QuoteSideResult::Canceled { order }),
        (None, Former::None) => return Ok(QuoteSideResult::Nothing),
        (Some(level), _) => level,
    };
    let request = OrderRequest {
        market: id.market,
        side: id.side,
        price: level.price,
        size: level.size,
        time_in_force: TimeInForce::Alo,
        reduce_only: false,
        client_order_id: None,
    };
    Ok(match part(work, id.market, |work| rest(work, actor, id, &request))? {
        Ok(order) => QuoteSideResult::Resting { order },
        Err(rejection) => {
            place::refused(work, actor, &request, rejection.clone());
            QuoteSideResult::Rejected { rejection }
        }
    })
}

fn rest(work: &mut Work<'_>, actor: &Actor, id: QuoteId, request: &OrderRequest) -> Result<OrderId, Rejection> {
    check_not_frozen(work, actor, id.market)?;
    let placement = Placement { account: actor.account, action: actor.action, request: *request, keeps_id: None };
    match placement::place(work, &placement)? {
        OrderResult::Accepted { order, .. } => {
            work.state.put(Record::Quote { id, record: order });
            Ok(order)
        }
        OrderResult::Rejected { rejection } => Err(rejection),
        OrderResult::Waiting { .. } => {
            Err(Rejection::InvariantViolated { invariant: "a post-only order waits for no price".to_owned() })
        }
    }
}

fn check_not_frozen(work: &Work<'_>, actor: &Actor, market: MarketId) -> Result<(), Rejection> {
    let protection = work.state.protection(actor.account, market);
    protection.map_or(Ok(()), |record| record.check_quotes(market, work.time_ms))
}

#[cfg(test)]
#[path = "mass_quote_tests.rs"]
mod tests;
