//! Orders: `openOrders`, `frontendOpenOrders`, `orderStatus`, `historicalOrders`.
//!
//! Open orders are the node's; what became of others is history's.

use super::{Answer, RequestError, main_venue, user};
use crate::{
    context::Context,
    history::{OrderRecord, OrderStatus},
    hyperliquid::format,
    json::ValueExt,
};
use palisade_client::api::ApiError;
use palisade_types::{address::AccountId, hash::ActionId, hyperliquid::Value, ids::OrderId, order::OrderReference};
use serde_json::{Value as Json, json};

const HISTORICAL_ORDERS_MAX: usize = 2_000;

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    let account = user(body)?;
    let directory = context.feed.directory();
    match kind {
        "openOrders" => {
            main_venue(body)?;
            let orders = context.node.open_orders(account).await?;
            Ok(orders.iter().rev().map(|order| format::basic_order(order, &directory)).collect())
        }
        "frontendOpenOrders" => {
            main_venue(body)?;
            frontend_orders(context, account).await
        }
        "orderStatus" => order_status(context, account, body).await,
        _ => {
            let history = context.feed.history();
            let orders = history.accounts().orders_newest_first(&account).take(HISTORICAL_ORDERS_MAX);
            Ok(orders.map(|record| format::order_with_status(record, &directory)).collect())
        }
    }
}

/// An account's open orders, newest first.
pub async fn frontend_orders(context: &Context, account: AccountId) -> Answer {
    let directory = context.feed.directory();
    let orders = context.node.open_orders(account).await?;
    Ok(orders.iter().rev().map(|order| format::frontend_order(order, false, &directory)).collect())
}

async fn order_status(context: &Context, account: AccountId, body: &Value) -> Answer {
    let reference = order_reference(body)?;
    let directory = context.feed.directory();
    let known = context.feed.history().accounts().account_order(account, reference).cloned();
    let record = match known {
        Some(record) => Some(record),
        None => match context.node.open_order(account, reference).await {
            Ok(order) => Some(OrderRecord {
                order,
                immediate_or_cancel: false,
                action: ActionId::default(),
                status: OrderStatus::Open,
                status_time: order.placed_at_ms,
            }),
            Err(ApiError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
    };
    Ok(match record {
        Some(record) => json!({ "status": "order", "order": format::order_with_status(&record, &directory) }),
        None => Json::from_iter([("status", "unknownOid")]),
    })
}

/// `oid`: a number, or a client order id as text.
fn order_reference(body: &Value) -> Result<OrderReference, RequestError> {
    let oid = body.field("oid").ok_or_else(|| RequestError::shape("missing field `oid`"))?;
    if let Some(number) = oid.unsigned() {
        return Ok(OrderReference::Id(OrderId::new(number)));
    }
    oid.text()
        .and_then(|text| text.parse().ok())
        .map(OrderReference::Client)
        .ok_or_else(|| RequestError::shape("`oid` must be an order number or a client order id (0x and 32 digits)"))
}
