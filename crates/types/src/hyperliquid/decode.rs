//! From msgpack to a typed action, strictly: every key is either known, on the allow-list, or refused by name.

use super::{Builder, Grouping, L1Action, LimitTimeInForce, Modify, Order, OrderKind, TriggerPurpose, Value};
use crate::{
    action::{CancelRequest, MarginMode},
    ids::OrderId,
    order::OrderReference,
    time::TimeMs,
};

mod fields;
mod funds;

pub use fields::DecodeError;
use fields::{Fields, cut};

/// Action types that Hyperliquid knows and this chain does not: they get a receipt, not silence.
const UNSUPPORTED: [&str; 15] = [
    "topUpIsolatedOnlyMargin",
    "subAccountModify",
    "vaultDistribute",
    "vaultModify",
    "setReferrer",
    "registerReferrer",
    "reserveRequestWeight",
    "evmUserModify",
    "userOutcome",
    "multiSig",
    "spotDeploy",
    "perpDeploy",
    "CSignerAction",
    "CValidatorAction",
    "claimRewards",
];

/// Decodes the msgpack of an L1 action.
pub fn decode_l1(action_msgpack: &[u8]) -> Result<L1Action, DecodeError> {
    decode_value(&Value::decode(action_msgpack)?)
}

/// Decodes an L1 action.
pub fn decode_value(value: &Value) -> Result<L1Action, DecodeError> {
    let action = Fields::of(value, "the action", "")?;
    let kind = action.text("type")?;
    match kind {
        "order" => order_action(&action),
        "cancel" => {
            action.only(&["type", "cancels", "f"])?;
            fast_flag(&action)?;
            Ok(L1Action::Cancel { cancels: action.list("cancels", cancel)? })
        }
        "cancelByCloid" => {
            action.only(&["type", "cancels", "f"])?;
            fast_flag(&action)?;
            Ok(L1Action::CancelByCloid { cancels: action.list("cancels", cancel_by_cloid)? })
        }
        "modify" => {
            action.only(&["type", "oid", "order"])?;
            Ok(L1Action::Modify { modify: modify_fields(&action)? })
        }
        "batchModify" => {
            action.only(&["type", "modifies"])?;
            Ok(L1Action::BatchModify { modifies: action.list("modifies", modify)? })
        }
        "scheduleCancel" => {
            action.only(&["type", "time"])?;
            let at_ms = action.optional("time").map(|_| action.unsigned("time")).transpose()?;
            Ok(L1Action::ScheduleCancel { at_ms: at_ms.map(TimeMs::new) })
        }
        "updateLeverage" => {
            action.only(&["type", "asset", "isCross", "leverage"])?;
            let margin_mode = if action.flag("isCross")? { MarginMode::Cross } else { MarginMode::Isolated };
            Ok(L1Action::UpdateLeverage {
                market: action.market("asset")?,
                leverage: action.small("leverage")?,
                margin_mode,
            })
        }
        "noop" => action.only(&["type"]).map(|()| L1Action::Noop),
        _ => match funds::decode(kind, &action)? {
            Some(decoded) => Ok(decoded),
            None => unsupported(kind),
        },
    }
}

fn unsupported(kind: &str) -> Result<L1Action, DecodeError> {
    match UNSUPPORTED.iter().find(|name| **name == kind) {
        Some(feature) => Ok(L1Action::Unsupported { feature }),
        None => Err(DecodeError::UnknownAction { kind: cut(kind) }),
    }
}

fn order_action(action: &Fields<'_>) -> Result<L1Action, DecodeError> {
    action.only(&["type", "orders", "grouping", "builder"])?;
    let grouping = match action.required("grouping")? {
        Value::String(text) if text == "na" => Grouping::Na,
        Value::String(text) if text == "normalTpsl" => Grouping::NormalTpsl,
        Value::String(text) if text == "positionTpsl" => Grouping::PositionTpsl,
        value @ Value::Map(_) => {
            let fields = Fields::of(value, "the grouping", "grouping")?;
            fields.only(&["p"])?;
            Grouping::Priority { number: fields.unsigned("p")? }
        }
        _ => return Err(action.invalid("grouping", "na, normalTpsl, positionTpsl or {p}")),
    };
    let builder = match action.optional("builder") {
        Some(value) => {
            let fields = Fields::of(value, "the builder", "builder")?;
            fields.only(&["b", "f"])?;
            let address = fields.text("b")?.parse().map_err(|_| fields.invalid("b", "an address"))?;
            Some(Builder { address, fee_tenths_of_basis_point: fields.unsigned("f")? })
        }
        None => None,
    };
    Ok(L1Action::Order { orders: action.list("orders", order)?, grouping, builder })
}

fn order(value: &Value) -> Result<Order, DecodeError> {
    let fields = Fields::of(value, "an order", "orders")?;
    fields.only(&["a", "b", "p", "s", "r", "t", "c"])?;
    Ok(Order {
        market: fields.market("a")?,
        is_buy: fields.flag("b")?,
        price: fields.text("p")?.to_owned(),
        size: fields.text("s")?.to_owned(),
        reduce_only: fields.flag("r")?,
        kind: order_kind(fields.required("t")?)?,
        client_order_id: fields.optional("c").map(|_| fields.client_order_id("c")).transpose()?,
    })
}

fn order_kind(value: &Value) -> Result<OrderKind, DecodeError> {
    let fields = Fields::of(value, "an order's type", "t")?;
    fields.only(&["limit", "trigger"])?;
    match (fields.optional("limit"), fields.optional("trigger")) {
        (Some(limit), None) => {
            let limit = Fields::of(limit, "a limit order", "limit")?;
            limit.only(&["tif"])?;
            let time_in_force = match limit.text("tif")? {
                "Gtc" => LimitTimeInForce::Gtc,
                "Ioc" => LimitTimeInForce::Ioc,
                "Alo" => LimitTimeInForce::Alo,
                "FrontendMarket" => LimitTimeInForce::FrontendMarket,
                _ => return Err(limit.invalid("tif", "Gtc, Ioc, Alo or FrontendMarket")),
            };
            Ok(OrderKind::Limit { time_in_force })
        }
        (None, Some(trigger)) => {
            let trigger = Fields::of(trigger, "a trigger order", "trigger")?;
            trigger.only(&["isMarket", "triggerPx", "tpsl"])?;
            let purpose = match trigger.text("tpsl")? {
                "tp" => TriggerPurpose::TakeProfit,
                "sl" => TriggerPurpose::StopLoss,
                _ => return Err(trigger.invalid("tpsl", "tp or sl")),
            };
            let trigger_price = trigger.text("triggerPx")?.to_owned();
            Ok(OrderKind::Trigger { is_market: trigger.flag("isMarket")?, trigger_price, purpose })
        }
        _ => Err(DecodeError::Invalid { place: "an order", key: "t", expected: "either limit or trigger" }),
    }
}

fn cancel(value: &Value) -> Result<CancelRequest, DecodeError> {
    let fields = Fields::of(value, "a cancel", "cancels")?;
    fields.only(&["a", "o"])?;
    Ok(CancelRequest { market: fields.market("a")?, order: OrderReference::Id(OrderId::new(fields.unsigned("o")?)) })
}

fn cancel_by_cloid(value: &Value) -> Result<CancelRequest, DecodeError> {
    let fields = Fields::of(value, "a cancel", "cancels")?;
    fields.only(&["asset", "cloid"])?;
    Ok(CancelRequest {
        market: fields.market("asset")?,
        order: OrderReference::Client(fields.client_order_id("cloid")?),
    })
}

fn modify(value: &Value) -> Result<Modify, DecodeError> {
    let fields = Fields::of(value, "a modify", "modifies")?;
    fields.only(&["oid", "order"])?;
    modify_fields(&fields)
}

fn modify_fields(fields: &Fields<'_>) -> Result<Modify, DecodeError> {
    let reference = match fields.required("oid")? {
        Value::Unsigned(number) => OrderReference::Id(OrderId::new(*number)),
        _ => OrderReference::Client(fields.client_order_id("oid")?),
    };
    Ok(Modify { order: reference, replacement: order(fields.required("order")?)? })
}

/// `f`, "fast cancel": ignored, because every cancel is fast here; its type is checked all the same.
fn fast_flag(fields: &Fields<'_>) -> Result<(), DecodeError> {
    fields.optional("f").map(|_| fields.flag("f")).transpose().map(|_| ())
}
