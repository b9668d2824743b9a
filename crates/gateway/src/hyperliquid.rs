//! Hyperliquid's API over a Palisade node: `POST /info`, `POST /exchange` and the WebSocket `/ws`.
//!
//! Its official Python client, ccxt and others trade here unmodified, with only the URL changed.
//! Rules:
//! - A translator, not an exchange: it checks shape and signature and maps names; margin, matching and nonces are
//!   the chain's answer.
//! - An answer to an order is given from its finalized receipt, never from acceptance into the mempool.
//! - Business errors are HTTP 200 with `status: "err"` or a per-order `error`, in the words that clients match
//!   ([`errors`]); 4xx bodies are plain text, because the Python client breaks on other JSON.
//! - Only strings and enum values that Hyperliquid's clients know are ever sent: some of them have no catch-all.
//! - Nothing is invented: what the chain does not have yet is empty, `null` or refused, as documented.

pub mod errors;
mod exchange;
pub mod format;
mod info;
mod socket;
mod venue;

#[cfg(test)]
pub use info::funding_delta;

use crate::{
    context::Context,
    http::{Peer, read_body, text_response, too_many},
    json,
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use errors::RequestError;
use palisade_types::hyperliquid::Value;
use std::sync::Arc;

/// The routes of this door.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/info", post(info_route))
        .route("/exchange", post(exchange_route))
        .route("/ws", get(socket::upgrade))
        .with_state(context)
}

async fn info_route(State(context): State<Arc<Context>>, peer: Peer, request: Request) -> Response {
    let body = match read_json(&context, &peer, request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    if let Err(error) = context.limiter.spend_weight(peer.address(), info::weight(&body)) {
        return too_many(&error);
    }
    match info::answer(&context, &body).await {
        Ok(answer) => {
            context.limiter.spend_weight_late(peer.address(), info::late_weight(&body, &answer));
            Json(answer).into_response()
        }
        Err(error) => error_response(&error),
    }
}

async fn exchange_route(State(context): State<Arc<Context>>, peer: Peer, request: Request) -> Response {
    let body = match read_json(&context, &peer, request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    if let Err(error) = context.limiter.spend_weight(peer.address(), exchange::weight(&body)) {
        return too_many(&error);
    }
    match exchange::execute(&context, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error_response(&error),
    }
}

async fn read_json(context: &Context, peer: &Peer, request: Request) -> Result<Value, Response> {
    let bytes = read_body(request, peer, &context.limits).await?;
    json::parse(&bytes).map_err(|error| error_response(&RequestError::Json { reason: error.to_string() }))
}

fn error_response(error: &RequestError) -> Response {
    text_response(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST), error.to_string())
}
