//! `POST /info`: what the chain is and was. One file per group of request types.
//!
//! Unknown keys are ignored here, because nothing is signed and clients pass their users' extra parameters through.

mod account;
mod fills;
mod market;
mod meta;
mod options;
mod orders;

pub use account::{clearinghouse_state, spot_state};
pub use fills::{fills_json, funding_delta};
pub use market::{LEVELS_MAX, interval_named, rounded_book};
pub use meta::{all_mids, asset_context, contexts, venue_meta};
pub use orders::frontend_orders;

use super::errors::RequestError;
use crate::{context::Context, json::ValueExt};
use palisade_types::{address::AccountId, hyperliquid::Value, market::MarketSpec};
use serde_json::{Value as Json, json};

/// What most requests answer with.
pub type Answer = Result<Json, RequestError>;

/// What a request costs before it is answered.
pub fn weight(body: &Value) -> u32 {
    match body.field("type").and_then(ValueExt::text).unwrap_or_default() {
        "l2Book" | "allMids" | "clearinghouseState" | "orderStatus" | "spotClearinghouseState" | "exchangeStatus" => 2,
        "userRole" => 60,
        _ => 20,
    }
}

/// What its answer costs on top.
pub fn late_weight(body: &Value, answer: &Json) -> u32 {
    let per_unit = match body.field("type").and_then(ValueExt::text).unwrap_or_default() {
        "candleSnapshot" => 60,
        "recentTrades"
        | "historicalOrders"
        | "userFills"
        | "userFillsByTime"
        | "fundingHistory"
        | "userFunding"
        | "userNonFundingLedgerUpdates"
        | "userTwapSliceFills" => 20,
        _ => return 0,
    };
    u32::try_from(answer.as_array().map_or(0, Vec::len) / per_unit).unwrap_or(u32::MAX)
}

/// Answers one request.
pub async fn answer(context: &Context, body: &Value) -> Answer {
    let Some(kind) = body.field("type").and_then(ValueExt::text) else {
        return Err(RequestError::shape("missing field `type`"));
    };
    match kind {
        "meta"
        | "metaAndAssetCtxs"
        | "allPerpMetas"
        | "perpDexs"
        | "spotMeta"
        | "spotMetaAndAssetCtxs"
        | "outcomeMeta"
        | "allMids"
        | "exchangeStatus" => meta::answer(context, kind, body).await,
        "optionMeta" | "optionMetaAndAssetCtxs" => options::answer(context, kind, body).await,
        "l2Book" | "recentTrades" | "candleSnapshot" | "fundingHistory" => market::answer(context, kind, body).await,
        "openOrders" | "frontendOpenOrders" | "orderStatus" | "historicalOrders" => {
            orders::answer(context, kind, body).await
        }
        "userFills" | "userFillsByTime" | "userFunding" | "userNonFundingLedgerUpdates" | "userTwapSliceFills" => {
            fills::answer(context, kind, body)
        }
        _ => account::answer(context, kind, body).await,
    }
}

/// The account that a request is about.
pub fn user(body: &Value) -> Result<AccountId, RequestError> {
    let text =
        body.field("user").and_then(ValueExt::text).ok_or_else(|| RequestError::shape("missing field `user`"))?;
    text.parse().map_err(|_| RequestError::shape("`user` must be an address: 0x and 40 hexadecimal digits"))
}

/// The market that `coin` names.
pub fn coin_market(context: &Context, body: &Value) -> Result<MarketSpec, RequestError> {
    let coin =
        body.field("coin").and_then(ValueExt::text).ok_or_else(|| RequestError::shape("missing field `coin`"))?;
    let directory = context.feed.directory();
    directory.by_coin(coin).cloned().ok_or_else(|| RequestError::shape(format!("unknown coin {:?}", cut(coin))))
}

/// An optional time in ms.
pub fn time_ms(body: &Value, key: &str) -> Result<Option<u64>, RequestError> {
    match body.field(key) {
        None => Ok(None),
        Some(value) => value
            .unsigned()
            .map(Some)
            .ok_or_else(|| RequestError::shape(format!("`{key}` must be a whole number of milliseconds"))),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Lists that are empty because the chain has nothing of the kind; see docs/hyperliquid.md.
fn nothing() -> Json {
    json!([])
}
