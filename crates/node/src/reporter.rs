//! What consensus reports of others: faults that two signatures prove.
//!
//! Simplex tells its reporter every vote and certificate. Behind `AttributableReporter` only those arrive
//! whose signatures verify, so a fault recorded here can be shown to anyone.

use crate::{
    block::Digest,
    status::{Fault, FaultKind, Status},
    wiring::Scheme,
};
use commonware_actor::Feedback;
use commonware_consensus::{
    Reporter, Viewable as _,
    simplex::types::{Activity, Attributable as _},
};
use tracing::warn;

/// Records provable faults of peers and leaves everything else to others.
#[derive(Clone)]
pub struct FaultRecorder {
    status: Status,
}

impl FaultRecorder {
    /// Records into `status`.
    pub const fn new(status: Status) -> Self {
        Self { status }
    }
}

impl Reporter for FaultRecorder {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        let (kind, participant, view) = match &activity {
            Activity::ConflictingNotarize(fault) => (FaultKind::ConflictingNotarize, fault.signer(), fault.view()),
            Activity::ConflictingFinalize(fault) => (FaultKind::ConflictingFinalize, fault.signer(), fault.view()),
            Activity::NullifyFinalize(fault) => (FaultKind::NullifyFinalize, fault.signer(), fault.view()),
            _ => return Feedback::Ok,
        };
        let fault = Fault { participant: participant.get(), view: view.get(), kind };
        warn!(?fault, "a peer committed a provable fault");
        self.status.record_fault(fault);
        Feedback::Ok
    }
}
