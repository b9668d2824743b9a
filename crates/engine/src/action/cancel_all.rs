//! Cancel every open order of the account, or of one market: at most [`CANCEL_ALL_MAX`], by market and number; what is
//! left takes another action.

use super::{Actor, Stop};
use crate::{orders, work::Work};
use palisade_types::{
    event::CancelReason,
    ids::{MarketId, OrderId},
    receipt::{CancelResult, Outcome},
    rejection::Rejection,
};

/// Most orders that one action cancels; its weight in a block stands for as many.
const CANCEL_ALL_MAX: usize = 100;

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, market: Option<MarketId>) -> Result<Outcome, Stop> {
    let open: Vec<OrderId> = match market {
        Some(market) => {
            work.state.market(market).ok_or(Rejection::UnknownMarket { market })?;
            let orders = work.state.orders_of_in(actor.account, market);
            orders.take(CANCEL_ALL_MAX).map(|record| record.order.id).collect()
        }
        None => work.state.orders_of(actor.account).take(CANCEL_ALL_MAX).map(|record| record.order.id).collect(),
    };
    let results = open
        .into_iter()
        .map(|order| {
            orders::cancel(work, order, CancelReason::Requested);
            CancelResult::Canceled { order }
        })
        .collect();
    Ok(Outcome::Cancels { results })
}
