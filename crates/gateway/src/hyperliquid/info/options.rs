//! Options: `optionMeta` and `optionMetaAndAssetCtxs`, which Hyperliquid does not have.
//!
//! Options are on no venue: their numbers are sparse and grow for ever, and clients know `universe` by place. So each entry names
//! its own `assetId`, which `order`, `cancel` and `modify` take like any other; books, trades and candles are asked for by `name`.
//! Entries are in order of number; whoever keeps them must go by `assetId`, because settled options leave.

use super::{Answer, RequestError, asset_context};
use crate::{
    context::Context,
    hyperliquid::venue::{CORE, Listing},
};
use palisade_client::api::MarketInfo;
use palisade_types::{hyperliquid::Value, market::MarketSpec};
use serde_json::{Value as Json, json};

pub async fn answer(context: &Context, kind: &str, _: &Value) -> Answer {
    let markets = context.node.markets().await?;
    let options: Vec<&MarketInfo> =
        markets.iter().filter(|market| Listing::of(market.spec.id) == Listing::Options).collect();
    let directory = context.feed.directory();
    let listed: Vec<Json> = options
        .iter()
        .filter_map(|market| {
            let underlying = directory.asset(market.spec.option()?.underlying)?;
            listed(&market.spec, &underlying.symbol)
        })
        .collect();
    let meta = json!({ "universe": listed, "collateralToken": 0 });
    match kind {
        "optionMeta" => Ok(meta),
        "optionMetaAndAssetCtxs" => {
            let history = context.feed.history();
            let contexts: Vec<Json> = options
                .iter()
                .map(|market| with_greeks(asset_context(market, &history.day(market.spec.id), &directory), market))
                .collect();
            Ok(json!([meta, contexts]))
        }
        _ => Err(RequestError::shape("unknown request type")),
    }
}

fn listed(spec: &MarketSpec, underlying: &str) -> Option<Json> {
    let contract = spec.option()?;
    Some(json!({
        "name": spec.symbol,
        "assetId": spec.id.get(),
        "szDecimals": spec.size_decimals,
        "tickSize": spec.tick.to_string(),
        "underlying": underlying,
        "optionType": contract.right,
        "strike": contract.strike.to_string(),
        "expiration": contract.expires_at_ms.get(),
        "core": spec.universe == CORE,
    }))
}

/// What a mark is made of: the forward, the volatility in percent, and the greeks of a unit (theta per day, vega and rho per point).
fn with_greeks(context: Json, market: &MarketInfo) -> Json {
    let mut context = context;
    let (Some(object), Some(option)) = (context.as_object_mut(), market.option) else { return context };
    let greeks = option.greeks;
    object.insert("forwardPx".to_owned(), option.forward.to_string().into());
    // 1e-12 of one are 1e-10 of a percent.
    let percent = palisade_types::decimal::scaled_to_string(i128::from(option.volatility.get()), 10);
    object.insert("markIv".to_owned(), percent.into());
    object.insert(
        "greeks".to_owned(),
        json!({
            "delta": greeks.delta.to_string(),
            "gamma": greeks.gamma.to_string(),
            "vega": greeks.vega.to_string(),
            "theta": greeks.theta.to_string(),
            "rho": greeks.rho.to_string(),
        }),
    );
    context
}
