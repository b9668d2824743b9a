//! Open orders: what they reserve, and how they come and go.

use crate::{
    market_math::{base_amount, fee_usd, quote_amount, quote_usd},
    state::{Hold, OrderRecord, Record, RecordKey, State},
    work::Work,
};
use palisade_types::{
    event::{CancelReason, Event},
    ids::OrderId,
    market::MarketSpec,
    numbers::{Size, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
};

/// The order with what it reserves: a spot buy locks its notional and the larger fee, a spot sell its base. An order
/// in a perpetual market reserves margin, which is derived from the notional.
pub(crate) fn with_reservation(state: &State, market: &MarketSpec, order: OpenOrder) -> Result<OrderRecord, Rejection> {
    let notional_usd = quote_usd(order.price, order.remaining, market.size_decimals)?;
    let Some(spot) = market.spot() else { return Ok(OrderRecord { order, notional_usd, hold: None }) };
    let (asset, amount) = match order.side {
        Side::Buy => {
            let fee = fee_usd(notional_usd, market.maker_fee.max(market.taker_fee))?.max(Usd::ZERO);
            (spot.quote, quote_amount(notional_usd.checked_add(fee).ok_or(Rejection::Overflow)?))
        }
        Side::Sell => {
            let decimals = state.asset(spot.base).ok_or(Rejection::UnknownAsset { asset: spot.base })?.decimals;
            (spot.base, base_amount(order.remaining, market.size_decimals, decimals)?)
        }
    };
    Ok(OrderRecord { order, notional_usd, hold: Some(Hold { universe: market.universe, asset, amount }) })
}

/// Puts an open order, or what remains of it; one without remaining lots leaves the book.
pub(crate) fn put(state: &mut State, market: &MarketSpec, order: OpenOrder, remaining: Size) -> Result<(), Rejection> {
    if remaining.is_zero() {
        state.delete(RecordKey::Order(order.id));
        return Ok(());
    }
    let record = with_reservation(state, market, OpenOrder { remaining, ..order })?;
    state.put(Record::Order { id: order.id, record });
    Ok(())
}

/// Takes an open order out of its book.
pub(crate) fn cancel(work: &mut Work<'_>, id: OrderId, reason: CancelReason) {
    if let Some(record) = work.state.order(id).copied() {
        work.state.delete(RecordKey::Order(id));
        work.emit(Event::OrderCanceled { order: record.order, reason });
    }
}
