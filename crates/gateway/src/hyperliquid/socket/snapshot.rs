//! What a subscription says by itself: at its start, and for account state again and again.

use super::subscription::Subscription;
use crate::{
    context::Context,
    hyperliquid::{
        errors::RequestError,
        format,
        info::{self, all_mids, asset_context, clearinghouse_state, contexts, frontend_orders, spot_state, venue_meta},
        venue::{Listing, Venue},
    },
};
use palisade_types::{address::AccountId, hyperliquid::Value, ids::MarketId};
use serde_json::{Value as Json, json};

/// Trades that a new follower gets.
const TRADES_MAX: usize = 10;
/// Funding payments that a new follower gets.
const FUNDINGS_MAX: usize = 500;

/// A message of a channel.
pub fn message(channel: &str, data: Json) -> Json {
    json!({ "channel": channel, "data": data })
}

/// What a new follower gets at once; `None` where nothing is due before something happens.
pub async fn initial(context: &Context, subscription: &Subscription) -> Result<Option<Json>, RequestError> {
    let directory = context.feed.directory();
    Ok(match subscription {
        Subscription::AllMids { venue } => {
            let markets = context.node.markets().await?;
            Some(message("allMids", json!({ "mids": all_mids(&markets, &directory, *venue) })))
        }
        Subscription::L2Book { .. } => book(context, subscription).await?,
        Subscription::Bbo { market } => {
            let book = context.node.book(*market, 1).await?;
            let decimals = directory.size_decimals(*market);
            Some(message("bbo", format::bbo(&book, &directory.coin(*market), decimals)))
        }
        Subscription::Trades { market } => {
            let history = context.feed.history();
            let trades = history.trades_newest_first(*market).take(TRADES_MAX);
            Some(message("trades", trades.map(|trade| format::trade(trade, &directory)).collect()))
        }
        Subscription::Candle { market, interval } => {
            let newest = context.feed.history().newest_candle(*market, *interval);
            newest.map(|candle| message("candle", format::candle(&candle, &directory)))
        }
        Subscription::ActiveAssetContext { market } => active_context(context, *market).await?,
        Subscription::UserFills { user, aggregate } => Some(user_fills(context, *user, *aggregate).await?),
        Subscription::UserFundings { user } => Some(user_fundings(context, *user)),
        Subscription::UserLedger { user } => Some(user_ledger(context, *user).await?),
        Subscription::ClearinghouseState { .. } | Subscription::SpotState { .. } | Subscription::WebData { .. } => {
            account_state(context, subscription).await?
        }
        Subscription::OrderUpdates { .. } | Subscription::UserEvents { .. } | Subscription::Notification { .. } => None,
    })
}

/// The present state of an account in the shape of its channel.
pub async fn account_state(context: &Context, subscription: &Subscription) -> Result<Option<Json>, RequestError> {
    let Some(user) = subscription.user() else { return Ok(None) };
    let directory = context.feed.directory();
    Ok(match subscription {
        Subscription::ClearinghouseState { venue, .. } => {
            let account = context.node.account(user).await?;
            let state = clearinghouse_state(&account, &directory, &context.feed.history(), *venue);
            let data = json!({ "dex": venue.name(), "user": user.to_string(), "clearinghouseState": state });
            Some(message("clearinghouseState", data))
        }
        Subscription::SpotState { .. } => {
            let account = context.node.account(user).await?;
            let data = json!({ "user": user.to_string(), "spotState": spot_state(&account, &directory) });
            Some(message("spotState", data))
        }
        Subscription::WebData { .. } => Some(message("webData2", web_data(context, user).await?)),
        _ => None,
    })
}

async fn web_data(context: &Context, user: AccountId) -> Result<Json, RequestError> {
    let directory = context.feed.directory();
    let account = context.node.account(user).await?;
    let orders = frontend_orders(context, user, Venue::Main).await?;
    let markets = context.node.markets().await?;
    Ok(json!({
        "user": user.to_string(),
        "clearinghouseState": clearinghouse_state(&account, &directory, &context.feed.history(), Venue::Main),
        "spotState": spot_state(&account, &directory),
        "openOrders": orders,
        "meta": venue_meta(context, Venue::Main),
        "assetCtxs": contexts(context, &markets, Listing::Perpetuals),
        "spotAssetCtxs": contexts(context, &markets, Listing::Spot),
        "serverTime": account.time_ms.get(),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "twapStates": [],
        "isVault": false,
        "agentAddress": null,
        "agentValidUntil": null,
    }))
}

/// A book as the subscription wants it.
pub async fn book(context: &Context, subscription: &Subscription) -> Result<Option<Json>, RequestError> {
    let Subscription::L2Book { market, significant_figures, mantissa } = subscription else { return Ok(None) };
    let directory = context.feed.directory();
    let Some(spec) = directory.market(*market) else { return Ok(None) };
    let number = |value: Option<u64>| value.map_or(Value::Null, Value::Unsigned);
    let options = Value::Map(vec![
        ("nSigFigs".to_owned(), number(*significant_figures)),
        ("mantissa".to_owned(), number(*mantissa)),
    ]);
    let book = info::rounded_book(context, spec, &options).await?;
    let shown = format::book(&book, &directory.coin(*market), spec.size_decimals, info::LEVELS_MAX);
    Ok(Some(message("l2Book", shown)))
}

/// A market's prices and figures; spot has a channel of its own, though one subscription type serves both.
async fn active_context(context: &Context, market: MarketId) -> Result<Option<Json>, RequestError> {
    let markets = context.node.markets().await?;
    Ok(markets.iter().find(|info| info.spec.id == market).map(|info| context_message(context, info)))
}

/// The message of `activeAssetCtx` for one market.
pub fn context_message(context: &Context, market: &palisade_client::api::MarketInfo) -> Json {
    let id = market.spec.id;
    let directory = context.feed.directory();
    let day = context.feed.history().day(id);
    let channel = if id.is_spot() { "activeSpotAssetCtx" } else { "activeAssetCtx" };
    message(channel, json!({ "coin": directory.coin(id), "ctx": asset_context(market, &day, &directory) }))
}

async fn user_fills(context: &Context, user: AccountId, aggregate: bool) -> Result<Json, RequestError> {
    let request = Value::Map(vec![
        ("type".to_owned(), Value::String("userFills".to_owned())),
        ("user".to_owned(), Value::String(user.to_string())),
        ("aggregateByTime".to_owned(), Value::Bool(aggregate)),
    ]);
    let fills = info::answer(context, &request).await?;
    Ok(message("userFills", json!({ "isSnapshot": true, "user": user.to_string(), "fills": fills })))
}

fn user_fundings(context: &Context, user: AccountId) -> Json {
    let directory = context.feed.directory();
    let history = context.feed.history();
    let fundings: Vec<Json> = history
        .funding_newest_first(&user)
        .take(FUNDINGS_MAX)
        .map(|payment| {
            let mut shown = info::funding_delta(payment, &directory);
            if let Some(object) = shown.as_object_mut() {
                object.remove("type");
                object.insert("time".to_owned(), payment.time.get().into());
            }
            shown
        })
        .collect();
    message("userFundings", json!({ "isSnapshot": true, "user": user.to_string(), "fundings": fundings }))
}

async fn user_ledger(context: &Context, user: AccountId) -> Result<Json, RequestError> {
    let request = Value::Map(vec![
        ("type".to_owned(), Value::String("userNonFundingLedgerUpdates".to_owned())),
        ("user".to_owned(), Value::String(user.to_string())),
    ]);
    let updates = info::answer(context, &request).await?;
    let data = json!({ "isSnapshot": true, "user": user.to_string(), "nonFundingLedgerUpdates": updates });
    Ok(message("userNonFundingLedgerUpdates", data))
}
