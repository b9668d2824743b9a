//! The WebSocket `/ws`: subscriptions, and requests ("posts") that would else go over HTTP.
//!
//! Rules:
//! - A subscription is acknowledged in normal form, gets a snapshot where one makes sense, then whatever each
//!   finalized block changes, in the order in which it changed.
//! - An order's updates and fills are sent before the answer to the post that caused them.
//! - A client that cannot keep up, sends nothing but noise or goes silent is closed; it never slows down others.

mod push;
mod session;
mod snapshot;
mod subscription;

use crate::{
    context::Context,
    http::{Peer, too_many},
};
use axum::{
    extract::{State, WebSocketUpgrade},
    response::Response,
};
use std::sync::Arc;

/// Turns a request into a WebSocket, if its address may have one more.
pub async fn upgrade(State(context): State<Arc<Context>>, peer: Peer, request: WebSocketUpgrade) -> Response {
    match context.limiter.open_socket(peer.address()) {
        Err(error) => too_many(&error),
        Ok(permit) => {
            let bytes_max = context.limits.body_bytes_max;
            request
                .max_message_size(bytes_max)
                .max_frame_size(bytes_max)
                .on_upgrade(move |socket| session::run(context, peer, permit, socket))
        }
    }
}
