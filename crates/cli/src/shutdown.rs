//! When and why a long-running command ends.

use crate::logging;
use palisade_client::api::NodeApi;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time that actions which clients were told are taken have to become final before the nodes that took them end.
const SETTLE_WAIT: Duration = Duration::from_secs(3);
/// Between two looks. The first look comes after as long, in which a node passes on what it took last.
const SETTLE_POLL: Duration = Duration::from_millis(100);

/// Resolves at Ctrl-C or a request to terminate.
pub async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Waits until nothing that `nodes` have taken waits for a block. Bounded: others may hand in actions for ever, a chain may
/// stand still, and by then everything was passed on.
pub async fn settle<'a>(nodes: impl Iterator<Item = &'a dyn NodeApi> + Clone) {
    let deadline = Instant::now() + SETTLE_WAIT;
    loop {
        sleep(SETTLE_POLL).await;
        let mut waiting = 0u64;
        for node in nodes.clone() {
            waiting = waiting.saturating_add(node.status().await.map_or(0, |status| status.mempool_actions));
        }
        if waiting == 0 || Instant::now() >= deadline {
            return;
        }
    }
}

/// Why a node ended: what it said, or what its panic said.
pub fn reason(said: Option<String>) -> String {
    match (logging::first_panic(), said) {
        (Some(panic), _) => panic.to_owned(),
        (None, Some(reason)) => reason,
        (None, None) => "it ended without a word; see the log".into(),
    }
}
