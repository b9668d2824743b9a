//! From a receipt to the answer that clients read.

use super::Refusal;
use crate::{
    history::Directory,
    hyperliquid::{
        errors::{rejection_text, remainder_text},
        format,
    },
};
use palisade_types::{
    decimal::{power_of_ten, scaled_to_string},
    hyperliquid::{Grouping, L1Action},
    ids::{ClientOrderId, MarketId, OrderId},
    numbers::{Size, Usd},
    receipt::{CancelResult, OrderResult, Outcome},
};
use serde_json::{Value as Json, json};

/// The answer to an action without parts.
pub fn plain(outcome: &Outcome) -> Result<Json, Refusal> {
    match outcome {
        Outcome::Rejected { rejection } => Err(Refusal::Business(rejection_text(rejection))),
        Outcome::Done
        | Outcome::Orders { .. }
        | Outcome::Cancels { .. }
        | Outcome::Twap { .. }
        | Outcome::Quotes { .. }
        | Outcome::AccountCreated { .. }
        | Outcome::BlockRequested { .. }
        | Outcome::BlockQuoted { .. }
        | Outcome::Combo { .. }
        | Outcome::ComboOrder { .. } => Ok(json!({ "status": "ok", "response": { "type": "default" } })),
    }
}

/// The answer to an L1 action.
pub fn of(action: &L1Action, outcome: &Outcome, directory: &Directory) -> Result<Json, Refusal> {
    match (action, outcome) {
        (L1Action::Modify { .. }, Outcome::Orders { results }) => match results.first() {
            Some(OrderResult::Rejected { rejection }) => Err(Refusal::Business(rejection_text(rejection))),
            _ => plain(&Outcome::Done),
        },
        (_, Outcome::Orders { results }) => {
            let markets = markets(action);
            let statuses: Vec<Json> = results
                .iter()
                .enumerate()
                .map(|(place, result)| {
                    let market = markets.get(place).copied().unwrap_or_default();
                    match result {
                        OrderResult::Waiting { order, client_order_id, armed } => {
                            waiting_status(action, *order, *client_order_id, *armed)
                        }
                        _ => order_status(result, directory.size_decimals(market)),
                    }
                })
                .collect();
            Ok(with_statuses("order", &statuses))
        }
        (_, Outcome::Cancels { results }) => {
            let statuses: Vec<Json> = results.iter().map(cancel_status).collect();
            Ok(with_statuses("cancel", &statuses))
        }
        (_, Outcome::AccountCreated { account }) => {
            Ok(json!({ "status": "ok", "response": { "type": action.kind(), "data": account.to_string() } }))
        }
        (_, Outcome::Twap { twap }) => Ok(with_status("twapOrder", json!({ "running": { "twapId": twap.get() } }))),
        (L1Action::TwapCancel { .. }, Outcome::Done) => Ok(with_status("twapCancel", "success".into())),
        (L1Action::TwapOrder { .. } | L1Action::TwapCancel { .. }, Outcome::Rejected { rejection }) => {
            Ok(with_status(action.kind(), json!({ "error": rejection_text(rejection) })))
        }
        // What Hyperliquid's format cannot ask for is answered as done.
        _ => plain(outcome),
    }
}

fn with_statuses(kind: &str, statuses: &[Json]) -> Json {
    json!({ "status": "ok", "response": { "type": kind, "data": { "statuses": statuses } } })
}

fn with_status(kind: &str, status: Json) -> Json {
    json!({ "status": "ok", "response": { "type": kind, "data": { "status": status } } })
}

/// The market of each part, in order.
fn markets(action: &L1Action) -> Vec<MarketId> {
    match action {
        L1Action::Order { orders, .. } => orders.iter().map(|order| order.market).collect(),
        L1Action::BatchModify { modifies } => modifies.iter().map(|modify| modify.replacement.market).collect(),
        _ => Vec::new(),
    }
}

fn order_status(result: &OrderResult, size_decimals: u8) -> Json {
    let (order, client, filled, quote, resting, canceled) = match result {
        OrderResult::Rejected { rejection } => return json!({ "error": rejection_text(rejection) }),
        OrderResult::Waiting { .. } => return "waitingForTrigger".into(),
        OrderResult::Accepted { order, client_order_id, filled, filled_quote_usd, resting, remainder_canceled } => {
            (order, client_order_id, *filled, *filled_quote_usd, *resting, *remainder_canceled)
        }
    };
    let mut inner = named(*order, *client);
    if !resting.is_zero() {
        return json!({ "resting": inner });
    }
    if filled.is_zero() {
        return json!({ "error": remainder_text(canceled) });
    }
    if let Some(object) = inner.as_object_mut() {
        object.insert("totalSz".to_owned(), format::size(filled, size_decimals).into());
        object.insert("avgPx".to_owned(), average_price(filled, quote, size_decimals).into());
    }
    json!({ "filled": inner })
}

/// A trigger by itself answers like an order that rests, with its number; one of a group with what it waits for.
fn waiting_status(action: &L1Action, order: OrderId, client: Option<ClientOrderId>, armed: bool) -> Json {
    match action {
        L1Action::Order { grouping: Grouping::NormalTpsl | Grouping::PositionTpsl, .. } if armed => {
            "waitingForTrigger".into()
        }
        L1Action::Order { grouping: Grouping::NormalTpsl | Grouping::PositionTpsl, .. } => "waitingForFill".into(),
        _ => json!({ "resting": named(order, client) }),
    }
}

fn named(order: OrderId, client: Option<ClientOrderId>) -> Json {
    let mut json = json!({ "oid": order.get() });
    if let (Some(client), Some(object)) = (client, json.as_object_mut()) {
        object.insert("cloid".to_owned(), client.to_string().into());
    }
    json
}

/// Quote per unit of base, rounded down at the eighth decimal.
fn average_price(filled: Size, quote: Usd, size_decimals: u8) -> String {
    let price = power_of_ten(size_decimals)
        .and_then(|scale| quote.get().checked_mul(scale))
        .and_then(|scaled| scaled.checked_div(i128::from(filled.get())));
    scaled_to_string(price.unwrap_or(0), 8)
}

fn cancel_status(result: &CancelResult) -> Json {
    match result {
        CancelResult::Canceled { .. } => "success".into(),
        CancelResult::Rejected { rejection } => json!({ "error": rejection_text(rejection) }),
    }
}

#[cfg(test)]
mod tests;
