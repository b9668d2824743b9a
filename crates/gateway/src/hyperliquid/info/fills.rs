//! An account's past: `userFills`, `userFillsByTime`, `userFunding`, `userNonFundingLedgerUpdates`,
//! `userTwapSliceFills`.

use super::{Answer, RequestError, nothing, time_ms, user};
use crate::{
    context::Context,
    history::{Directory, Fill, FundingPayment, History, LedgerDelta, LedgerEntry},
    hyperliquid::{
        format::{self, USDC},
        venue::CORE,
    },
    json::ValueExt,
};
use palisade_types::{
    address::AccountId,
    decimal::scaled_to_string,
    hash::ActionId,
    hyperliquid::Value,
    ids::{AssetId, UniverseId},
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
            Ok(within.take(LEDGER_ENTRIES_MAX).map(|entry| ledger_json(entry, &directory, &history)).collect())
        }
        "userFunding" => {
            let from_ms = time_ms(body, "startTime")?.unwrap_or(0);
            let to_ms = time_ms(body, "endTime")?.unwrap_or(u64::MAX);
            let history = context.feed.history();
            let payments = history.funding_newest_first(&account);
            let within = payments.filter(|payment| (from_ms..=to_ms).contains(&payment.time.get()));
            Ok(within.take(LEDGER_ENTRIES_MAX).map(|payment| funding_json(payment, &directory)).collect())
        }
        "userTwapSliceFills" => {
            let fills = newest_fills(context, account, |fill| fill.twap.is_some());
            let shown =
                |fill: &Fill| Some(json!({ "fill": format::fill(fill, &directory), "twapId": fill.twap?.get() }));
            Ok(fills.iter().filter_map(shown).collect())
        }
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

/// A universe as a venue: the core one is the main one.
fn dex_name(universe: UniverseId, history: &History) -> String {
    if universe == CORE { String::new() } else { history.universe_name(universe) }
}

fn funding_json(payment: &FundingPayment, directory: &Directory) -> Json {
    json!({
        "time": payment.time.get(),
        "hash": ActionId::default().to_string(),
        "delta": funding_delta(payment, directory),
    })
}

/// A funding payment: `usdc` is what came in, `fundingRate` the sum over the `nSamples` hours that it is for.
pub fn funding_delta(payment: &FundingPayment, directory: &Directory) -> Json {
    let received = payment.amount_usd.checked_neg().unwrap_or(Usd::MAX);
    json!({
        "type": "funding",
        "coin": directory.coin(payment.market),
        "usdc": received.to_string(),
        "szi": format::position(payment.position, directory.size_decimals(payment.market)),
        "fundingRate": payment.rate.to_string(),
        "nSamples": payment.hours,
    })
}

fn vault_withdrawal_json(vault: AccountId, account: AccountId, value_usd: Usd, leader_part_usd: Usd) -> Json {
    let net = value_usd.checked_sub(leader_part_usd).unwrap_or(Usd::ZERO);
    json!({
        "type": "vaultWithdraw",
        "vault": vault.to_string(),
        "user": account.to_string(),
        "requestedUsd": value_usd.to_string(),
        "commission": leader_part_usd.to_string(),
        "closingCost": Usd::ZERO.to_string(),
        "basis": Usd::ZERO.to_string(),
        "netWithdrawnUsd": net.to_string(),
        "usdc": net.to_string(),
    })
}

fn ledger_json(entry: &LedgerEntry, directory: &Directory, history: &History) -> Json {
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
        LedgerDelta::Liquidation { market, size, value_usd, is_isolated } => json!({
            "type": "liquidation",
            "liquidatedNtlPos": value_usd.to_string(),
            // What the account was worth at that moment is not told.
            "accountValue": Usd::ZERO.to_string(),
            "leverageType": if *is_isolated { "Isolated" } else { "Cross" },
            "liquidatedPositions": [{
                "coin": directory.coin(*market),
                "szi": format::position(*size, directory.size_decimals(*market)),
            }],
        }),
        LedgerDelta::Move { from_universe, to_universe, from, to, asset, amount } => json!({
            "type": "send",
            "user": from.to_string(),
            "destination": to.to_string(),
            "sourceDex": dex_name(*from_universe, history),
            "destinationDex": dex_name(*to_universe, history),
            "token": symbol(asset),
            "amount": amount_text(asset, amount),
            "usdcValue": if symbol(asset) == USDC { amount_text(asset, amount) } else { Usd::ZERO.to_string() },
            "fee": Usd::ZERO.to_string(),
            "nativeTokenFee": Usd::ZERO.to_string(),
            "nonce": null,
            "feeToken": "",
        }),
        LedgerDelta::VaultDeposited { vault, amount_usd } => {
            json!({ "type": "vaultDeposit", "vault": vault.to_string(), "usdc": amount_usd.to_string() })
        }
        LedgerDelta::VaultWithdrawn { vault, account, value_usd, leader_part_usd } => {
            vault_withdrawal_json(*vault, *account, *value_usd, *leader_part_usd)
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
