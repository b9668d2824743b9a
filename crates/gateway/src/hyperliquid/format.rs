//! Numbers, orders and fills in the shapes of Hyperliquid's wire format.
//!
//! Prices, sizes and amounts are decimal strings, exact, without exponent or trailing zeros.

use super::errors::canceled_status;
use crate::history::{Candle, Directory, Fill, MarketTrade, OrderRecord, OrderStatus, TriggerRefusal, TriggerTerms};
use palisade_client::api::{Book, BookLevel, MarketInfo};
use palisade_types::{
    decimal::scaled_to_string,
    event::LiquidationMethod,
    ids::MarketId,
    numbers::{Position, Price, Size},
    order::{OpenOrder, Side, TimeInForce},
    trigger::TriggerPurpose,
};
use serde_json::{Value as Json, json};

/// The collateral of the main venue.
pub const USDC: &str = "USDC";

/// Lots as a decimal number of the base asset.
pub fn size(lots: Size, spec_decimals: u8) -> String {
    scaled_to_string(i128::from(lots.get()), spec_decimals)
}

/// Lots with a sign as a decimal number of the base asset.
pub fn position(lots: Position, spec_decimals: u8) -> String {
    scaled_to_string(i128::from(lots.get()), spec_decimals)
}

/// `B` (bid) or `A` (ask).
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}

/// The middle of the best bid and ask, rounded towards the bid.
pub fn mid(market: &MarketInfo) -> Option<Price> {
    let (bid, ask) = (market.best_bid?, market.best_ask?);
    let sum = i128::from(bid.get()).checked_add(i128::from(ask.get()))?;
    i64::try_from(sum / 2).ok().map(Price::new)
}

/// The best known price of a market: its mark, else its index (which is no price of an option), else its last trade, else the
/// middle of its book.
pub fn reference_price(market: &MarketInfo) -> Option<Price> {
    let index = market.index.filter(|_| !market.spec.id.is_option());
    market.mark.or(index).or(market.last).or_else(|| mid(market))
}

/// One book level.
pub fn level(level: &BookLevel, size_decimals: u8) -> Json {
    json!({ "px": level.price.to_string(), "sz": size(level.size, size_decimals), "n": level.orders })
}

/// A book, best levels first.
pub fn book(book: &Book, coin: &str, size_decimals: u8, depth: usize) -> Json {
    let levels = |side: &[BookLevel]| -> Vec<Json> {
        side.iter().take(depth).map(|entry| level(entry, size_decimals)).collect()
    };
    json!({ "coin": coin, "time": book.time_ms.get(), "levels": [levels(&book.bids), levels(&book.asks)] })
}

/// The best bid and ask.
pub fn bbo(book: &Book, coin: &str, size_decimals: u8) -> Json {
    let best = |side: &[BookLevel]| side.first().map(|entry| level(entry, size_decimals));
    json!({ "coin": coin, "time": book.time_ms.get(), "bbo": [best(&book.bids), best(&book.asks)] })
}

/// A trade as everyone sees it.
pub fn trade(trade: &MarketTrade, directory: &Directory) -> Json {
    json!({
        "coin": directory.coin(trade.market),
        "side": side(trade.taker_side),
        "px": trade.price.to_string(),
        "sz": size(trade.size, directory.size_decimals(trade.market)),
        "time": trade.time.get(),
        "hash": trade.action.to_string(),
        "tid": trade.id.get(),
        "users": [trade.buyer.to_string(), trade.seller.to_string()],
    })
}

/// A candle.
pub fn candle(candle: &Candle, directory: &Directory) -> Json {
    json!({
        "t": candle.open_ms,
        "T": candle.interval.close_ms(candle.open_ms),
        "s": directory.coin(candle.market),
        "i": candle.interval.name(),
        "o": candle.open.to_string(),
        "c": candle.close.to_string(),
        "h": candle.high.to_string(),
        "l": candle.low.to_string(),
        "v": size(candle.volume, directory.size_decimals(candle.market)),
        "n": candle.trades,
    })
}

/// A fill as its account sees it.
pub fn fill(fill: &Fill, directory: &Directory) -> Json {
    let decimals = directory.size_decimals(fill.market);
    let mut json = json!({
        "coin": directory.coin(fill.market),
        "px": fill.price.to_string(),
        "sz": size(fill.size, decimals),
        "side": side(fill.side),
        "time": fill.time.get(),
        "startPosition": position(fill.start_position, decimals),
        "dir": direction(fill),
        "closedPnl": fill.closed_pnl_usd.to_string(),
        "hash": fill.action.to_string(),
        "oid": fill.order.get(),
        "crossed": fill.crossed,
        "fee": fill.fee_usd.to_string(),
        "feeToken": USDC,
        "tid": fill.trade.get(),
        "twapId": fill.twap.map(|twap| twap.get()),
    });
    if let (Some(client), Some(object)) = (fill.client_order_id, json.as_object_mut()) {
        object.insert("cloid".to_owned(), client.to_string().into());
    }
    if let (Some(liquidation), Some(object)) = (fill.liquidation, json.as_object_mut()) {
        let liquidation = json!({
            "liquidatedUser": liquidation.account.to_string(),
            "markPx": liquidation.mark.to_string(),
            "method": liquidation_method(liquidation.method),
        });
        object.insert("liquidation".to_owned(), liquidation);
    }
    json
}

/// How a position was closed by force. Hyperliquid knows `market` and `backstop`; what winners take over has a direction
/// of its own there.
const fn liquidation_method(method: LiquidationMethod) -> &'static str {
    match method {
        LiquidationMethod::Book | LiquidationMethod::Hedge => "market",
        LiquidationMethod::Backstop | LiquidationMethod::Deleverage => "backstop",
    }
}

/// What a fill did to the position.
fn direction(fill: &Fill) -> &'static str {
    if fill.liquidation.is_some_and(|liquidation| liquidation.method == LiquidationMethod::Deleverage) {
        return "Auto-Deleveraging";
    }
    if fill.is_settlement {
        return "Settlement";
    }
    if fill.market.is_spot() {
        return match fill.side {
            Side::Buy => "Buy",
            Side::Sell => "Sell",
        };
    }
    let start = i128::from(fill.start_position.get());
    let size = i128::from(fill.size.get());
    match fill.side {
        Side::Buy if start >= 0 => "Open Long",
        Side::Buy if start + size <= 0 => "Close Short",
        Side::Buy => "Short > Long",
        Side::Sell if start <= 0 => "Open Short",
        Side::Sell if start - size >= 0 => "Close Long",
        Side::Sell => "Long > Short",
    }
}

/// An order with the fields that every endpoint has.
pub fn basic_order(order: &OpenOrder, directory: &Directory) -> Json {
    let decimals = directory.size_decimals(order.market);
    let mut json = json!({
        "coin": directory.coin(order.market),
        "side": side(order.side),
        "limitPx": order.price.to_string(),
        "sz": size(order.remaining, decimals),
        "oid": order.id.get(),
        "timestamp": order.placed_at_ms.get(),
        "origSz": size(order.original, decimals),
        "reduceOnly": order.reduce_only,
    });
    if let (Some(client), Some(object)) = (order.client_order_id, json.as_object_mut()) {
        object.insert("cloid".to_owned(), client.to_string().into());
    }
    json
}

/// An order with everything that Hyperliquid's own page wants to know; `children` wait for its first fill.
pub fn frontend_order(record: &OrderRecord, children: Vec<Json>, directory: &Directory) -> Json {
    let mut json = basic_order(&record.order, directory);
    let trigger = record.trigger;
    let tif = match record.order.time_in_force {
        _ if trigger.is_some() => None,
        _ if record.immediate_or_cancel => Some("Ioc"),
        TimeInForce::Alo => Some("Alo"),
        TimeInForce::Ioc | TimeInForce::Fok => Some("Ioc"),
        TimeInForce::Gtc | TimeInForce::Gtt { .. } => Some("Gtc"),
    };
    let price = trigger.map_or_else(|| "0.0".to_owned(), |trigger| trigger.price.to_string());
    if let Some(object) = json.as_object_mut() {
        object.insert("triggerCondition".to_owned(), trigger_condition(trigger).into());
        object.insert("isTrigger".to_owned(), trigger.is_some().into());
        object.insert("triggerPx".to_owned(), price.into());
        object.insert("children".to_owned(), children.into());
        object.insert("isPositionTpsl".to_owned(), trigger.is_some_and(|trigger| trigger.of_position).into());
        object.insert("orderType".to_owned(), order_type(trigger).into());
        object.insert("tif".to_owned(), tif.into());
        object.entry("cloid").or_insert(Json::Null);
    }
    json
}

fn trigger_condition(trigger: Option<TriggerTerms>) -> String {
    match trigger {
        None => "N/A".to_owned(),
        Some(trigger) => format!("Price {} {}", if trigger.rising { "above" } else { "below" }, trigger.price),
    }
}

const fn order_type(trigger: Option<TriggerTerms>) -> &'static str {
    match trigger {
        None => "Limit",
        Some(TriggerTerms { purpose: TriggerPurpose::StopLoss, at_market: true, .. }) => "Stop Market",
        Some(TriggerTerms { purpose: TriggerPurpose::StopLoss, .. }) => "Stop Limit",
        Some(TriggerTerms { purpose: TriggerPurpose::TakeProfit, at_market: true, .. }) => "Take Profit Market",
        Some(TriggerTerms { purpose: TriggerPurpose::TakeProfit, .. }) => "Take Profit Limit",
    }
}

/// The word for where an order stands.
pub const fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Open => "open",
        OrderStatus::Filled => "filled",
        OrderStatus::Canceled(reason) => canceled_status(reason),
        OrderStatus::Triggered => "triggered",
        OrderStatus::Rejected(refusal) => match refusal {
            TriggerRefusal::Margin => "perpMarginRejected",
            TriggerRefusal::ReduceOnly => "reduceOnlyRejected",
            TriggerRefusal::NoLiquidity => "marketOrderNoLiquidityRejected",
            TriggerRefusal::MinimumNotional => "minTradeNtlRejected",
            TriggerRefusal::NoPrice => "oracleRejected",
            TriggerRefusal::PositionCap => "perpMaxPositionRejected",
            TriggerRefusal::OpenInterestCap => "openInterestIncreaseRejected",
            TriggerRefusal::Other => "rejected",
        },
    }
}

/// An order and where it stands, for queries.
pub fn order_with_status(record: &OrderRecord, directory: &Directory) -> Json {
    json!({
        "order": frontend_order(record, Vec::new(), directory),
        "status": status(record.status),
        "statusTimestamp": record.status_time.get(),
    })
}

/// An order and where it stands, for pushes.
pub fn order_update(record: &OrderRecord, directory: &Directory) -> Json {
    json!({
        "order": basic_order(&record.order, directory),
        "status": status(record.status),
        "statusTimestamp": record.status_time.get(),
    })
}

/// The number of the coin that clients call a spot market's index.
pub fn spot_index(id: MarketId) -> u32 {
    id.get().saturating_sub(MarketId::FIRST_SPOT)
}
