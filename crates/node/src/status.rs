//! What a node says about itself: whether it votes, what it found damaged, who misbehaved.
//!
//! One small shared record, written by the parts that learn something and read by health checks, metrics
//! and tests. It decides nothing.

use commonware_utils::sync::Mutex;
use palisade_types::{hash::BlockDigest, ids::Height};
use std::{collections::VecDeque, sync::Arc};

/// Most faults of peers that are kept; older ones are in the log.
pub const FAULTS_KEPT: usize = 256;

/// A store that can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The authenticated state database.
    State,
    /// The archive of finalized blocks.
    Blocks,
    /// The archive of finality certificates.
    Certificates,
    /// The archive of receipts and events.
    Results,
    /// The index of receipts by the names of their actions.
    ReceiptIndex,
    /// The log of own votes.
    Votes,
}

/// What was found wrong with a store at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which store.
    pub store: Store,
    /// What storage said.
    pub reason: String,
    /// Whether it has been repaired since.
    pub repaired: bool,
}

/// Whether this node takes part in agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voting {
    /// It votes with its seat.
    Votes,
    /// It follows: its key has no seat.
    NoSeat,
    /// It follows: it has blocks, so it may have voted, but cannot tell what.
    VoteLogLost {
        /// What is wrong with the log.
        reason: String,
    },
}

/// A provable fault of a peer, as reported by consensus after the signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The seat's place in the committee.
    pub participant: u32,
    /// The view in which it happened.
    pub view: u64,
    /// Which of the three faults.
    pub kind: FaultKind,
}

/// The faults that two signatures prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Two notarize votes in one view.
    ConflictingNotarize,
    /// Two finalize votes in one view.
    ConflictingFinalize,
    /// A nullify and a finalize vote in one view.
    NullifyFinalize,
}

/// A finalized block that the node has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its height.
    pub height: Height,
    /// Its name.
    pub digest: BlockDigest,
}

#[derive(Debug, Default)]
struct Record {
    voting: Option<Voting>,
    damages: Vec<Damage>,
    faults: VecDeque<Fault>,
    applied: Option<Applied>,
}

/// A shared handle to the record.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<Record>>);

impl Status {
    /// Notes damage.
    pub fn report(&self, damage: Damage) {
        self.0.lock().damages.push(damage);
    }

    /// Notes that a store is whole again.
    pub fn repaired(&self, store: Store) {
        for damage in self.0.lock().damages.iter_mut().filter(|damage| damage.store == store) {
            damage.repaired = true;
        }
    }

    /// What was found damaged since the start.
    pub fn damages(&self) -> Vec<Damage> {
        self.0.lock().damages.clone()
    }

    /// Notes whether the node votes.
    pub fn set_voting(&self, voting: Voting) {
        self.0.lock().voting = Some(voting);
    }

    /// Whether the node votes; `None` until it knows.
    pub fn voting(&self) -> Option<Voting> {
        self.0.lock().voting.clone()
    }

    /// Notes a peer's fault.
    pub fn record_fault(&self, fault: Fault) {
        let mut record = self.0.lock();
        if record.faults.len() == FAULTS_KEPT {
            record.faults.pop_front();
        }
        record.faults.push_back(fault);
    }

    /// Faults of peers, oldest first.
    pub fn faults(&self) -> Vec<Fault> {
        self.0.lock().faults.iter().cloned().collect()
    }

    /// Notes that a finalized block's state was applied.
    pub fn set_applied(&self, applied: Applied) {
        self.0.lock().applied = Some(applied);
    }

    /// The newest finalized block whose state was applied.
    pub fn applied(&self) -> Option<Applied> {
        self.0.lock().applied
    }
}
