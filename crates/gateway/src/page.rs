//! The status page at `/`: whether the chain moves and what trades on it, for a person with a browser.
//!
//! The server writes the page with the present figures, so that it says something without scripts; a small script
//! then asks `/status.json` again and again. No framework, no third party, and every value is written as text,
//! never as markup.

use crate::{context::Context, http::text_response, hyperliquid::format};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use palisade_client::api::ApiError;
use serde_json::{Value, json};
use std::sync::Arc;

const TEMPLATE: &str = include_str!("page/page.html");
const STATUS_MARK: &str = "/*STATUS*/null";
const TRADES_SHOWN: usize = 20;
const BLOCKS_SHOWN: usize = 20;
/// Nothing but the page's own style and script, and questions to its own server.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and what it asks.
pub fn router(context: Arc<Context>) -> Router {
    Router::new().route("/", get(page)).route("/status.json", get(status)).with_state(context)
}

async fn page(State(context): State<Arc<Context>>) -> Response {
    match figures(&context).await {
        Ok(figures) => {
            // "<" cannot end the script element when it is escaped.
            let embedded = figures.to_string().replace('<', "\\u003c");
            let mut response = Html(TEMPLATE.replacen(STATUS_MARK, &embedded, 1)).into_response();
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
            response
        }
        Err(error) => text_response(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

async fn status(State(context): State<Arc<Context>>) -> Response {
    match figures(&context).await {
        Ok(figures) => Json(figures).into_response(),
        Err(error) => text_response(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

async fn figures(context: &Context) -> Result<Value, ApiError> {
    let status = context.node.status().await?;
    let markets = context.node.markets().await?;
    let directory = context.feed.directory();
    let history = context.feed.history();
    let optional = |price: Option<palisade_types::numbers::Price>| price.map(|price| price.to_string());
    let market_rows: Vec<Value> = markets
        .iter()
        .map(|market| {
            let day = history.day(market.spec.id);
            json!({
                "coin": directory.coin(market.spec.id),
                "symbol": market.spec.symbol,
                "index": optional(market.index),
                "mark": optional(market.mark),
                "bid": optional(market.best_bid),
                "ask": optional(market.best_ask),
                "last": optional(market.last),
                "volume": day.quote_usd.to_string(),
                "openInterest": format::size(market.open_interest, market.spec.size_decimals),
                "halted": market.halted,
            })
        })
        .collect();
    let mut trades: Vec<_> =
        markets.iter().flat_map(|market| history.trades_newest_first(market.spec.id).take(TRADES_SHOWN)).collect();
    trades.sort_by_key(|trade| std::cmp::Reverse(trade.id));
    trades.truncate(TRADES_SHOWN);
    let trade_rows: Vec<Value> = trades.into_iter().map(|trade| format::trade(trade, &directory)).collect();
    let block_rows: Vec<Value> = history
        .blocks_newest_first()
        .take(BLOCKS_SHOWN)
        .map(|block| {
            json!({
                "height": block.height.get(),
                "time": block.time.get(),
                "digest": block.digest.to_string(),
                "actions": block.actions,
                "trades": block.trades,
            })
        })
        .collect();
    Ok(json!({
        "chain": status.chain_name,
        "chainId": status.chain_id,
        "version": status.version,
        "genesis": status.genesis_hash.to_string(),
        "height": status.height.get(),
        "time": status.time_ms.get(),
        "stateRoot": status.state_root.to_string(),
        "seats": status.seat_count,
        "peers": status.peers_connected,
        "voting": status.voting,
        "mempool": status.mempool_actions,
        "halted": status.chain_halted,
        "historyHeight": history.height().get(),
        "markets": market_rows,
        "trades": trade_rows,
        "blocks": block_rows,
    }))
}
