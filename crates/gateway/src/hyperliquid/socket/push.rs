//! What a finalized block says to a subscriber.

use super::{
    snapshot::{self, context_message, message},
    subscription::Subscription,
};
use crate::{
    context::Context,
    history::{AccountMessage, BlockUpdate, Fill, FundingPayment, MarginCall, OrderRecord},
    hyperliquid::{
        errors::RequestError,
        format,
        info::{LEVELS_MAX, all_mids, fills_json, funding_delta},
    },
};
use palisade_types::{
    address::AccountId,
    event::{Liquidation, MarginLevel},
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Subscriptions with the last message of those that are sent only when they change.
pub type Subscriptions = BTreeMap<Subscription, Option<Json>>;

/// Everything that one block says, in the order in which it is sent: first what happened to followed accounts, as it
/// happened, then market data, then account state.
pub async fn messages(
    context: &Context,
    subscriptions: &mut Subscriptions,
    update: &BlockUpdate,
) -> Result<Vec<Json>, RequestError> {
    let mut out = account_events(context, subscriptions, update);
    for (subscription, last) in subscriptions.iter_mut() {
        market_data(context, subscription, last, update, &mut out).await?;
        if subscription.user().is_some_and(|user| update.touched.contains(&user)) {
            out.extend(snapshot::account_state(context, subscription).await?);
        }
    }
    Ok(out)
}

/// Account state again, whether it changed or not: clients share these channels and wait for the next push.
pub async fn account_states(context: &Context, subscriptions: &Subscriptions) -> Result<Vec<Json>, RequestError> {
    let mut out = Vec::new();
    for subscription in subscriptions.keys() {
        out.extend(snapshot::account_state(context, subscription).await?);
    }
    Ok(out)
}

/// Books, prices and figures again, as Hyperliquid does: a client that began to wait after the last change gets them.
pub async fn market_states(context: &Context, subscriptions: &Subscriptions) -> Result<Vec<Json>, RequestError> {
    let mut out = Vec::new();
    for subscription in subscriptions.keys() {
        if matches!(
            subscription,
            Subscription::AllMids { .. } | Subscription::L2Book { .. } | Subscription::ActiveAssetContext { .. }
        ) {
            out.extend(snapshot::initial(context, subscription).await?);
        }
    }
    Ok(out)
}

fn account_events(context: &Context, subscriptions: &Subscriptions, update: &BlockUpdate) -> Vec<Json> {
    let users: BTreeSet<AccountId> = subscriptions.keys().filter_map(Subscription::user).collect();
    let mut out = Vec::new();
    for user in users {
        for event in update.accounts.get(&user).into_iter().flatten() {
            match event {
                AccountMessage::Orders(records) => {
                    if subscriptions.contains_key(&Subscription::OrderUpdates { user }) {
                        out.push(order_updates(context, records));
                    }
                }
                AccountMessage::Fills(fills) => fill_messages(context, subscriptions, user, fills, &mut out),
                AccountMessage::Funding(payment) => funding_messages(context, subscriptions, user, payment, &mut out),
                AccountMessage::Liquidated(liquidation) => {
                    if subscriptions.contains_key(&Subscription::UserEvents { user }) {
                        out.push(message("user", json!({ "liquidation": liquidation_json(liquidation) })));
                    }
                }
                AccountMessage::MarginCalled(call) => {
                    if subscriptions.contains_key(&Subscription::Notification { user }) {
                        let text = margin_call_text(call, context);
                        out.push(message("notification", json!({ "notification": text })));
                    }
                }
            }
        }
    }
    out
}

fn funding_messages(
    context: &Context,
    subscriptions: &Subscriptions,
    user: AccountId,
    payment: &FundingPayment,
    out: &mut Vec<Json>,
) {
    let mut shown = funding_delta(payment, &context.feed.directory());
    if let Some(object) = shown.as_object_mut() {
        object.remove("type");
        object.insert("time".to_owned(), payment.time.get().into());
    }
    if subscriptions.contains_key(&Subscription::UserEvents { user }) {
        out.push(message("user", json!({ "funding": shown })));
    }
    if subscriptions.contains_key(&Subscription::UserFundings { user }) {
        out.push(message("userFundings", json!({ "user": user.to_string(), "fundings": [shown] })));
    }
}

fn liquidation_json(liquidation: &Liquidation) -> Json {
    json!({
        "lid": 0,
        "liquidator": AccountId::default().to_string(),
        "liquidated_user": liquidation.account.to_string(),
        "liquidated_ntl_pos": liquidation.quote_usd.to_string(),
        "liquidated_account_value": "0.0",
    })
}

/// Hyperliquid has one channel for what a person should read.
fn margin_call_text(call: &MarginCall, context: &Context) -> String {
    let what = match call.market {
        None => "Cross margin".to_owned(),
        Some(market) => format!("The isolated position in {}", context.feed.directory().coin(market)),
    };
    let level = match call.level {
        MarginLevel::Healthy => "is healthy again",
        MarginLevel::Warned => "is below 1.25 times its maintenance requirement",
        MarginLevel::Called => "is below 1.1 times its maintenance requirement: add collateral or reduce now",
        MarginLevel::Liquidatable => "is below its maintenance requirement and is being liquidated",
    };
    format!("{what} {level}: equity {} USD, maintenance {} USD.", call.equity_usd, call.maintenance_usd)
}

fn order_updates(context: &Context, records: &[OrderRecord]) -> Json {
    let directory = context.feed.directory();
    message("orderUpdates", records.iter().map(|record| format::order_update(record, &directory)).collect())
}

fn fill_messages(
    context: &Context,
    subscriptions: &Subscriptions,
    user: AccountId,
    fills: &[Fill],
    out: &mut Vec<Json>,
) {
    let directory = context.feed.directory();
    let shown: Json = fills.iter().map(|fill| format::fill(fill, &directory)).collect();
    if subscriptions.contains_key(&Subscription::UserEvents { user }) {
        out.push(message("user", json!({ "fills": shown })));
    }
    if subscriptions.contains_key(&Subscription::UserFills { user, aggregate: false }) {
        out.push(message("userFills", json!({ "user": user.to_string(), "fills": shown })));
    }
    if subscriptions.contains_key(&Subscription::UserFills { user, aggregate: true }) {
        let newest_first: Vec<Fill> = fills.iter().rev().cloned().collect();
        let joined = fills_json(&newest_first, true, &directory);
        out.push(message("userFills", json!({ "user": user.to_string(), "fills": joined })));
    }
}

async fn market_data(
    context: &Context,
    subscription: &Subscription,
    last: &mut Option<Json>,
    update: &BlockUpdate,
    out: &mut Vec<Json>,
) -> Result<(), RequestError> {
    let directory = context.feed.directory();
    match subscription {
        Subscription::AllMids { venue } => {
            let Some(markets) = &update.markets else { return Ok(()) };
            let mids = message("allMids", json!({ "mids": all_mids(markets, &directory, *venue) }));
            send_if_new(mids, last, out);
        }
        Subscription::L2Book { market, significant_figures: None, .. } => {
            let Some(book) = update.books.get(market) else { return Ok(()) };
            let (coin, decimals) = (directory.coin(*market), directory.size_decimals(*market));
            out.push(message("l2Book", format::book(book, &coin, decimals, LEVELS_MAX)));
        }
        Subscription::L2Book { market, .. } if update.changed_books.contains(market) => {
            out.extend(snapshot::book(context, subscription).await?);
        }
        Subscription::Bbo { market } => {
            let Some(book) = update.books.get(market) else { return Ok(()) };
            let shown = format::bbo(book, &directory.coin(*market), directory.size_decimals(*market));
            // Its time alone is no news.
            if last.as_ref() != shown.get("bbo") {
                *last = shown.get("bbo").cloned();
                out.push(message("bbo", shown));
            }
        }
        Subscription::Trades { market } => {
            let Some(trades) = update.trades.get(market) else { return Ok(()) };
            out.push(message("trades", trades.iter().map(|trade| format::trade(trade, &directory)).collect()));
        }
        Subscription::Candle { market, interval } if update.trades.contains_key(market) => {
            let newest = context.feed.history().newest_candle(*market, *interval);
            out.extend(newest.map(|candle| message("candle", format::candle(&candle, &directory))));
        }
        Subscription::ActiveAssetContext { market } => {
            let markets = update.markets.as_deref().map(Vec::as_slice).unwrap_or_default();
            if let Some(info) = markets.iter().find(|info| info.spec.id == *market) {
                send_if_new(context_message(context, info), last, out);
            }
        }
        _ => {}
    }
    Ok(())
}

fn send_if_new(message: Json, last: &mut Option<Json>, out: &mut Vec<Json>) {
    if last.as_ref() != Some(&message) {
        *last = Some(message.clone());
        out.push(message);
    }
}
