//! When and why a long-running command ends.

use crate::logging;
use palisade_client::api::NodeApi;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Time that actions which clients were told are taken have to become final before the nodes that took them end. A message that
/// got lost is sent again after 2 s of block time, and must then find its way into a block.
const SETTLE_WAIT: Duration = Duration::from_secs(10);
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

/// Written to find out whether a disk can be written, and taken away again.
const PROBE_FILE: &str = ".probe";
/// More than what a file system keeps beside its blocks for small files.
const PROBE_BYTES: usize = 64 * 1024;

/// Waits until nothing that clients have handed to `nodes` waits for a block. Bounded: a chain may stand still, and by then
/// everything was passed on.
pub async fn settle<'a>(nodes: impl Iterator<Item = &'a dyn NodeApi> + Clone) {
    let deadline = Instant::now() + SETTLE_WAIT;
    loop {
        sleep(SETTLE_POLL).await;
        let mut waiting = 0u64;
        for node in nodes.clone() {
            waiting = waiting.saturating_add(node.status().await.map_or(0, |status| status.mempool_own_actions));
        }
        if waiting == 0 || Instant::now() >= deadline {
            return;
        }
    }
}

/// Why the node with this storage ended: what it said, or what its panic said, and whether the disk is why. The libraries
/// below tell a failed write from a full disk in the log at best.
pub fn reason(said: Option<String>, storage: &Path) -> String {
    let reason = match (logging::first_panic(), said) {
        (Some(panic), _) => panic.to_owned(),
        (None, Some(reason)) => reason,
        (None, None) => "it ended without a word; see the log".into(),
    };
    match try_to_write(storage) {
        Ok(()) => reason,
        Err(error) => format!("{} cannot be written: {error}: {reason}", storage.display()),
    }
}

/// Writes a file to `folder` and takes it away again.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(PROBE_FILE);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&[0; PROBE_BYTES])?;
        file.sync_all()
    });
    // What is left of it would be in nobody's way, and the next try overwrites it.
    let _ = fs::remove_file(path);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_the_reason_is_named_and_another_is_not() {
        let folder = std::env::temp_dir().join(format!("palisade-probe-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        assert!(!reason(Some("its network ended".into()), &folder).contains("cannot be written"));
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "the probe is taken away");
        fs::remove_dir_all(&folder).expect("removed");
        let said = reason(Some("its network ended".into()), &folder);
        assert!(said.contains("cannot be written: No such file"), "{said}");
    }
}
