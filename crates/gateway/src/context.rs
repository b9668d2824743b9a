//! What every door of the gateway shares.

use crate::{config::Limits, history::Feed, rate::Limiter};
use palisade_client::api::NodeApi;
use std::sync::Arc;
use tokio::sync::watch;

/// The node, the history that follows it, and the limits.
pub struct Context {
    /// The node.
    pub node: Arc<dyn NodeApi>,
    /// What happened and what happens.
    pub feed: Arc<Feed>,
    /// What each address uses.
    pub limiter: Arc<Limiter>,
    /// How much is borne.
    pub limits: Limits,
    /// The chain that envelopes are made for.
    pub chain_id: u64,
    /// Turns true when the gateway stops; whatever has no end of its own ends then.
    pub stopping: watch::Receiver<bool>,
}

/// Returns once the gateway stops.
pub async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Without its sender the gateway is gone as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
