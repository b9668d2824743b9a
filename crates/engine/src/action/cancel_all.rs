//! Cancel every open order and trigger of the account, or of one market: at most [`CANCEL_ALL_MAX`], orders by market and
//! number, then triggers; what is left takes another action.

use super::{Actor, Stop};
use crate::{orders, triggers, work::Work};
use palisade_types::{
    event::CancelReason,
    ids::{MarketId, OrderId},
    receipt::{CancelResult, Outcome},
    rejection::Rejection,
};

/// Most orders that one action cancels; its weight in a block stands for as many.
const CANCEL_ALL_MAX: usize = 100;

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, market: Option<MarketId>) -> Result<Outcome, Stop> {
    let account = actor.account;
    let open: Vec<OrderId> = match market {
        Some(market) => {
            work.state.market(market).ok_or(Rejection::UnknownMarket { market })?;
            let orders = work.state.orders_of_in(account, market).map(|record| record.order.id);
            let triggers = work.state.triggers_of_in(account, market).map(|record| record.trigger.id);
            orders.chain(triggers).take(CANCEL_ALL_MAX).collect()
        }
        None => {
            let orders = work.state.orders_of(account).map(|record| record.order.id);
            let triggers = work.state.triggers_of(account).map(|record| record.trigger.id);
            orders.chain(triggers).take(CANCEL_ALL_MAX).collect()
        }
    };
    let results = open
        .into_iter()
        .map(|order| {
            orders::cancel(work, order, CancelReason::Requested);
            triggers::cancel(work, order, CancelReason::Requested);
            CancelResult::Canceled { order }
        })
        .collect();
    Ok(Outcome::Cancels { results })
}
