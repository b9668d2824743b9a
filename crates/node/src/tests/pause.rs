//! Holds a node at the half-way points of a finalized block, so that a test can end it exactly there.

use commonware_utils::sync::{Mutex, Notify};
use palisade_types::ids::Height;
use std::sync::Arc;

/// The steps at which a finalized block is half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Receipts are archived, the state is not applied.
    Captured,
    /// The state is applied, nobody was told.
    Applied,
    /// Everybody was told, consensus has no acknowledgement.
    Told,
}

/// Where to hold; nowhere unless a test says so.
#[derive(Clone, Debug, Default)]
pub struct Pause {
    target: Arc<Mutex<Option<(Moment, Height)>>>,
    reached: Arc<Notify>,
}

impl Pause {
    /// Holds at `moment` of the first block at or above `height`, and resolves when it is held.
    pub async fn hold(&self, moment: Moment, height: Height) {
        let reached = self.reached.notified();
        *self.target.lock() = Some((moment, height));
        reached.await;
    }

    /// Called by the node; does not return where it is held.
    pub async fn at(&self, moment: Moment, height: Height) {
        let held = self.target.lock().is_some_and(|(target, from)| target == moment && height >= from);
        if held {
            self.reached.notify_waiters();
            std::future::pending::<()>().await;
        }
    }
}
