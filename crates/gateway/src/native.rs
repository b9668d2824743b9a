//! The native door: JSON-RPC 2.0 at `POST /rpc`, health at `GET /health`. `docs/rpc.md` is its reference.
//!
//! Rules:
//! - **Strict.** The body is JSON of one request or of a bounded batch; every request has an id; parameters are
//!   named, typed, and unknown or repeated ones are refused. Each member of a batch succeeds or fails alone.
//! - **Bounded.** Body size, batch length, calls at once, calls that wait at once, time to send a body and time
//!   to answer all have limits, and each limit has its own answer.
//! - **No browser by accident.** The content type must be JSON, which a foreign page cannot send without the
//!   server's consent, and no such consent is given.
//! - **A failure inside is one answer.** A panic below is caught, logged, and answered as an internal error.

use axum::{
    Router,
    routing::{get, post},
};
use palisade_client::{api::NodeApi, rpc::PATH};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

mod dispatch;
mod health;
mod http;

/// Requests served at once; more are told to come back. One whose body is still on its way is not served yet.
pub const REQUESTS_AT_ONCE_MAX: usize = 256;
/// Bytes of all bodies that are held at once, received in part or served; what goes beyond is told to come back. Counted
/// as they come, so that a body which drips takes what it has sent and nobody's turn.
const BODIES_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Calls that wait for a block or receipt at once; fewer than requests, so that waiting never shuts the door.
pub const WAITS_AT_ONCE_MAX: usize = 192;
/// Time for a client to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a whole request, batches included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What every request shares.
struct Native {
    node: Arc<dyn NodeApi>,
    requests: Semaphore,
    body_bytes: Semaphore,
    waits: Semaphore,
}

impl Native {
    fn new(node: Arc<dyn NodeApi>) -> Arc<Self> {
        Arc::new(Self {
            node,
            requests: Semaphore::new(REQUESTS_AT_ONCE_MAX),
            body_bytes: Semaphore::new(BODIES_BYTES_MAX),
            waits: Semaphore::new(WAITS_AT_ONCE_MAX),
        })
    }
}

/// The routes of the native door over a node.
pub fn router(node: Arc<dyn NodeApi>) -> Router {
    routes(Native::new(node))
}

fn routes(native: Arc<Native>) -> Router {
    Router::new().route(PATH, post(http::rpc)).route("/health", get(health::health)).with_state(native)
}

#[cfg(test)]
mod tests;
