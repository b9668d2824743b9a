//! An account's past: `userFills`, `userFillsByTime`, `userFunding`, `userNonFundingLedgerUpdates`,
//! `userTwapSliceFills`.

use super::{Answer, RequestError, nothing, time_ms, user};
use crate::{
    context::Context,
    history::{Directory, Fill, LedgerDelta, LedgerEntry},
    hyperliquid::format::{self, USDC},
    json::ValueExt,
};
use palisade_types::{
    address::AccountId,
    decimal::scaled_to_string,
    hash::ActionId,
    hyperliquid::Value,
    ids::AssetId,
    numbers::{Amount, Price, Usd},
};
use serde_json::{Value as Json, json};

const FILLS_MAX: usize = 2_000;
const LEDGER_ENTRIES_MAX: usize = 2_000;

pub fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    let account = user(body)?;
    let directory = context.feed.directory();
    match kind {
        "userFills" => {
            let fills = newest_fills(context, account, |_| true);
            Ok(fills_json(&fills, aggregated(body)?, &directory))
        }
        "userFillsByTime" => {
            let from_ms =
                time_ms(body, "startTime")?.ok_or_else(|| RequestError::shape("missing field `startTime`"))?;
            let to_ms = time_ms(body, "endTime")?.unwrap_or(u64::MAX);
            let fills = newest_fills(context, account, |fill| (from_ms..=to_ms).contains(&fill.time.get()));
            Ok(fills_json(&fills, aggregated(body)?, &directory))
        }
        "userNonFundingLedgerUpdates" => {
            let from_ms = time_ms(body, "startTime")?.unwrap_or(0);
            let to_ms = time_ms(body, "endTime")?.unwrap_or(u64::MAX);
            let history = context.feed.history();
            let entries = history.ledger_newest_first(&account);
            let within = entries.filter(|entry| (from_ms..=to_ms).contains(&entry.time.get()));
            Ok(within.take(LEDGER_ENTRIES_MAX).map(|entry| ledger_json(entry, &directory)).collect())
        }
        // Neither funding nor TWAP orders exist on this chain yet.
        _ => Ok(nothing()),
    }
}

fn newest_fills(context: &Context, account: AccountId, wanted: impl Fn(&Fill) -> bool) -> Vec<Fill> {
    let history = context.feed.history();
    history.fills_newest_first(&account).filter(|fill| wanted(fill)).take(FILLS_MAX).cloned().collect()
}

fn aggregated(body: &Value) -> Result<bool, RequestError> {
    match body.field("aggregateByTime").map(ValueExt::boolean) {
        None => Ok(false),
        Some(Some(flag)) => Ok(flag),
        Some(None) => Err(RequestError::shape("`aggregateByTime` must be true or false")),
    }
}

/// Fills in the order given; `aggregate` puts those of one order in one block together, newest first.
pub fn fills_json(fills: &[Fill], aggregate: bool, directory: &Directory) -> Json {
    if !aggregate {
        return fills.iter().map(|fill| format::fill(fill, directory)).collect();
    }
    let mut joined: Vec<Fill> = Vec::new();
    for fill in fills {
        match joined.last().and_then(|newer| join(newer, fill)) {
            Some(both) => {
                joined.pop();
                joined.push(both);
            }
            None => joined.push(fill.clone()),
        }
    }
    joined.iter().map(|fill| format::fill(fill, directory)).collect()
}

/// Two fills of one order in one block as one, at their average price rounded down; `None` if they are not such.
fn join(newer: &Fill, older: &Fill) -> Option<Fill> {
    if newer.order != older.order || newer.time != older.time || newer.crossed != older.crossed {
        return None;
    }
    let size = newer.size.checked_add(older.size)?;
    let value = |fill: &Fill| i128::from(fill.price.get()).checked_mul(i128::from(fill.size.get()));
    let price = value(newer)?.checked_add(value(older)?)?.checked_div(i128::from(size.get()))?;
    Some(Fill {
        price: Price::new(i64::try_from(price).ok()?),
        size,
        closed_pnl_usd: newer.closed_pnl_usd.checked_add(older.closed_pnl_usd)?,
        fee_usd: newer.fee_usd.checked_add(older.fee_usd)?,
        ..older.clone()
    })
}

fn ledger_json(entry: &LedgerEntry, directory: &Directory) -> Json {
    let amount_text = |asset: &AssetId, amount: &Amount| {
        let decimals = directory.asset(*asset).map_or(8, |spec| spec.decimals);
        scaled_to_string(amount.get(), decimals)
    };
    let symbol = |asset: &AssetId| directory.asset(*asset).map_or_else(String::new, |spec| spec.symbol.clone());
    let delta = match &entry.delta {
        LedgerDelta::Deposit { asset, amount } if symbol(asset) == USDC => {
            json!({ "type": "deposit", "usdc": amount_text(asset, amount) })
        }
        LedgerDelta::Deposit { asset, amount } => {
            json!({ "type": "spotGenesis", "token": symbol(asset), "amount": amount_text(asset, amount) })
        }
        LedgerDelta::Transfer { from, to, asset, amount } if symbol(asset) == USDC => json!({
            "type": "internalTransfer",
            "usdc": amount_text(asset, amount),
            "user": from.to_string(),
            "destination": to.to_string(),
            "fee": Usd::ZERO.to_string(),
        }),
        LedgerDelta::Transfer { from, to, asset, amount } => json!({
            "type": "spotTransfer",
            "token": symbol(asset),
            "amount": amount_text(asset, amount),
            "user": from.to_string(),
            "destination": to.to_string(),
            "fee": Usd::ZERO.to_string(),
            "nativeTokenFee": Usd::ZERO.to_string(),
            "nonce": null,
        }),
    };
    json!({ "time": entry.time.get(), "hash": ActionId::default().to_string(), "delta": delta })
}
