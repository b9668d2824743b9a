//! Cancel every open order and trigger of the account, or of one market: at most [`CANCEL_ALL_MAX`], orders by market and
//! number, then triggers, combo orders and block quotes (of one market: those with a leg in it); what is left takes another action.

use super::{Actor, Stop};
use crate::{blocks, combos, orders, state::State, triggers, work::Work};
use palisade_types::{
    address::AccountId,
    event::CancelReason,
    ids::{BlockQuoteId, MarketId, OrderId},
    multi_leg::{BlockEnd, ComboOrderEnd, Leg},
    receipt::{CancelResult, Outcome},
    rejection::Rejection,
};

/// Most orders that one action cancels; its weight in a block stands for as many.
const CANCEL_ALL_MAX: usize = 100;

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, market: Option<MarketId>) -> Result<Outcome, Stop> {
    let account = actor.account;
    let several = of_several_legs(work.state, account, market);
    let open: Vec<OrderId> = match market {
        Some(market) => {
            work.state.market(market).ok_or(Rejection::UnknownMarket { market })?;
            let orders = work.state.orders_of_in(account, market).map(|record| record.order.id);
            let triggers = work.state.triggers_of_in(account, market).map(|record| record.trigger.id);
            orders.chain(triggers).chain(several).take(CANCEL_ALL_MAX).collect()
        }
        None => {
            let orders = work.state.orders_of(account).map(|record| record.order.id);
            let triggers = work.state.triggers_of(account).map(|record| record.trigger.id);
            orders.chain(triggers).chain(several).take(CANCEL_ALL_MAX).collect()
        }
    };
    let results = open
        .into_iter()
        .map(|order| {
            orders::cancel(work, order, CancelReason::Requested);
            triggers::cancel(work, order, CancelReason::Requested);
            combos::end_order(work, order, ComboOrderEnd::Requested);
            blocks::end_quote(work, BlockQuoteId::new(order.get()), BlockEnd::Requested);
            CancelResult::Canceled { order }
        })
        .collect();
    Ok(Outcome::Cancels { results })
}

/// The account's combo orders and block quotes, by the numbers that they share with orders.
fn of_several_legs(state: &State, account: AccountId, market: Option<MarketId>) -> Vec<OrderId> {
    let is_meant = |legs: Option<&[Leg]>| {
        market.is_none_or(|market| legs.is_some_and(|legs| legs.iter().any(|leg| leg.market == market)))
    };
    let combos = state.combo_orders_of(account);
    let combos = combos.filter(|order| is_meant(state.combo(order.combo).map(|combo| combo.legs.as_slice())));
    let legs_of = |request| state.block_request(request).map(|request| request.terms.legs.as_slice());
    let quotes = state.block_quotes_of(account).filter(|quote| is_meant(legs_of(quote.terms.request)));
    combos.map(|order| order.id).chain(quotes.map(|quote| OrderId::new(quote.id.get()))).collect()
}
