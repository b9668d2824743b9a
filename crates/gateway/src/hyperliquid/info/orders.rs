//! Orders: `openOrders`, `frontendOpenOrders`, `orderStatus`, `historicalOrders`.
//!
//! Open orders are the node's; what became of others is history's.

use super::{Answer, RequestError, user};
use crate::{
    context::Context,
    history::{OrderRecord, OrderStatus, trigger_record},
    hyperliquid::{format, venue::Venue},
    json::ValueExt,
};
use palisade_client::api::ApiError;
use palisade_types::{
    address::AccountId,
    hash::ActionId,
    hyperliquid::Value,
    ids::OrderId,
    order::{OpenOrder, OrderReference},
};
use serde_json::{Value as Json, json};

const HISTORICAL_ORDERS_MAX: usize = 2_000;

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    let account = user(body)?;
    let directory = context.feed.directory();
    match kind {
        "openOrders" => {
            let venue = Venue::named(body)?;
            let orders = open_orders(context, account).await?;
            let shown = orders.iter().filter(|record| venue.shows(record.order.market));
            Ok(shown.map(|record| format::basic_order(&record.order, &directory)).collect())
        }
        "frontendOpenOrders" => frontend_orders(context, account, Venue::named(body)?).await,
        "orderStatus" => order_status(context, account, body).await,
        _ => {
            let history = context.feed.history();
            let orders = history.accounts().orders_newest_first(&account).take(HISTORICAL_ORDERS_MAX);
            Ok(orders.map(|record| format::order_with_status(record, &directory)).collect())
        }
    }
}

/// An account's open orders and the triggers that wait, newest first.
async fn open_orders(context: &Context, account: AccountId) -> Result<Vec<OrderRecord>, RequestError> {
    let orders = context.node.open_orders(account).await?;
    let triggers = context.node.account(account).await?.triggers;
    let waiting = triggers.iter().map(|trigger| trigger_record(trigger, OrderStatus::Open, trigger.placed_at_ms));
    let mut records: Vec<OrderRecord> = orders.into_iter().map(resting_record).chain(waiting).collect();
    // What a trigger waited for is known to history alone once it has become an order.
    let history = context.feed.history();
    for record in records.iter_mut().filter(|record| record.trigger.is_none()) {
        record.trigger = history.accounts().order(record.order.id).and_then(|known| known.trigger);
    }
    records.sort_unstable_by_key(|record| std::cmp::Reverse(record.order.id));
    Ok(records)
}

/// The record of an order that the node shows as open.
fn resting_record(order: OpenOrder) -> OrderRecord {
    OrderRecord {
        order,
        trigger: None,
        immediate_or_cancel: false,
        action: ActionId::default(),
        status: OrderStatus::Open,
        status_time: order.placed_at_ms,
    }
}

/// An account's open orders, newest first. Triggers that wait for the first fill of an order are shown inside it.
pub async fn frontend_orders(context: &Context, account: AccountId, venue: Venue) -> Answer {
    let directory = context.feed.directory();
    let orders = open_orders(context, account).await?;
    let parent_of = |record: &OrderRecord| {
        let parent = record.trigger.and_then(|trigger| trigger.waits_for)?;
        orders.iter().any(|other| other.order.id == parent).then_some(parent)
    };
    let shown = orders.iter().filter(|record| venue.shows(record.order.market) && parent_of(record).is_none());
    Ok(shown
        .map(|record| {
            let children = orders.iter().filter(|child| parent_of(child) == Some(record.order.id));
            let children = children.map(|child| format::frontend_order(child, Vec::new(), &directory)).collect();
            format::frontend_order(record, children, &directory)
        })
        .collect())
}

async fn order_status(context: &Context, account: AccountId, body: &Value) -> Answer {
    let reference = order_reference(body)?;
    let directory = context.feed.directory();
    let known = context.feed.history().accounts().account_order(account, reference).cloned();
    let record = match known {
        Some(record) => Some(record),
        None => unremembered(context, account, reference).await?,
    };
    Ok(match record {
        Some(record) => json!({ "status": "order", "order": format::order_with_status(&record, &directory) }),
        None => Json::from_iter([("status", "unknownOid")]),
    })
}

/// An order or trigger that is open but older than history.
async fn unremembered(
    context: &Context,
    account: AccountId,
    reference: OrderReference,
) -> Result<Option<OrderRecord>, RequestError> {
    match context.node.open_order(account, reference).await {
        Ok(order) => return Ok(Some(resting_record(order))),
        Err(ApiError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let triggers = context.node.account(account).await?.triggers;
    let found = triggers.iter().find(|trigger| match reference {
        OrderReference::Id(id) => trigger.id == id,
        OrderReference::Client(client) => trigger.client_order_id == Some(client),
    });
    Ok(found.map(|trigger| trigger_record(trigger, OrderStatus::Open, trigger.placed_at_ms)))
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
