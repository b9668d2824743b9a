//! `GET /health`: 200 while the node follows a chain that moves, 503 with the reason otherwise.

use super::{Native, http::json};
use axum::{extract::State, http::StatusCode, response::Response};
use futures::FutureExt as _;
use palisade_client::api::Status;
use serde::Serialize;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Time for the node to say how it is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// A newest block older than this means that the chain stands still or the node is behind. Idle chains make a
/// block every quarter of a second.
const BLOCK_AGE_MAX_MS: u64 = 30_000;

/// The answer.
#[derive(Serialize)]
struct Health {
    healthy: bool,
    /// Why not.
    reason: Option<String>,
    /// How old the newest finalized block is.
    block_age_ms: Option<u64>,
    status: Option<Status>,
}

pub(super) async fn health(State(native): State<Arc<Native>>) -> Response {
    let answer = timeout(STATUS_TIMEOUT, AssertUnwindSafe(native.node.status()).catch_unwind()).await;
    let health = match answer {
        Ok(Ok(Ok(status))) => judge(status),
        Ok(Ok(Err(error))) => unhealthy(error.to_string()),
        Ok(Err(_)) => unhealthy("the node failed to say how it is".to_owned()),
        Err(_) => unhealthy(format!("the node did not answer within {} ms", STATUS_TIMEOUT.as_millis())),
    };
    let status = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &health)
}

fn judge(status: Status) -> Health {
    let block_age_ms = status.clock_ms.since(status.time_ms);
    let reason = if status.chain_halted {
        Some("the chain is halted".to_owned())
    } else if block_age_ms > BLOCK_AGE_MAX_MS {
        Some(format!("the newest finalized block is {block_age_ms} ms old"))
    } else {
        None
    };
    Health { healthy: reason.is_none(), reason, block_age_ms: Some(block_age_ms), status: Some(status) }
}

fn unhealthy(reason: String) -> Health {
    Health { healthy: false, reason: Some(reason), block_age_ms: None, status: None }
}
