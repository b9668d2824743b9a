//! The matching core without the block around it, so that a benchmark can time it alone: actions run one after the
//! other, under the undo journal, without signatures, admission, order of work, audit or write set.
//!
//! Invariant: whatever was run is turned back when the core is dropped, so nothing can be traded past a block.

use crate::{
    Engine,
    action::{self, Actor},
    state::State,
    work::{Work, WorkCheckpoint},
};
use palisade_types::{
    action::Action, address::AccountId, event::Event, hash::ActionId, receipt::Outcome, rejection::Rejection,
};

/// Actions without a block; see the module.
pub struct MatchingCore<'a> {
    work: Work<'a>,
    start: WorkCheckpoint,
}

impl<'a> MatchingCore<'a> {
    /// Begins on the engine's newest block, at its time.
    pub fn new(engine: &'a mut Engine) -> Self {
        let time_ms = engine.time_ms();
        let (state, genesis) = engine.parts_mut();
        let work = Work::new(state, genesis, time_ms);
        let start = work.checkpoint();
        Self { work, start }
    }

    /// Runs one action of an account.
    pub fn run(&mut self, account: AccountId, action: &Action) -> Result<Outcome, Rejection> {
        let actor = Actor { account, action: ActionId::default() };
        action::native(&mut self.work, &actor, action).map_err(|stop| stop.rejection)
    }

    /// The exchange as it stands.
    pub const fn state(&self) -> &State {
        self.work.state
    }

    /// What happened so far.
    pub fn events(&self) -> &[Event] {
        &self.work.events
    }
}

impl Drop for MatchingCore<'_> {
    fn drop(&mut self) {
        self.work.revert_to(self.start);
    }
}

#[cfg(test)]
#[path = "matching_core_tests.rs"]
mod tests;
