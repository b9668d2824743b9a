//! When and why a long-running command ends.

use crate::logging;

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

/// Why a node ended: what it said, or what its panic said.
pub fn reason(said: Option<String>) -> String {
    match (logging::first_panic(), said) {
        (Some(panic), _) => panic.to_owned(),
        (None, Some(reason)) => reason,
        (None, None) => "it ended without a word; see the log".into(),
    }
}
