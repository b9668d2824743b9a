//! One executing exchange: a genesis and the state that its blocks made.

use crate::{
    admission::Admission,
    execute::{self, BlockInput, BlockOutcome, InvalidBlock},
    rules::Rules,
    state::{State, StateError, Undo},
};
use palisade_types::{genesis::Genesis, ids::Height, time::TimeMs};
use std::sync::Arc;

/// The exchange in memory, moved by executing blocks and by turning them back.
#[derive(Clone, Debug)]
pub struct Engine {
    genesis: Arc<Genesis>,
    state: State,
}

impl Engine {
    /// The state before block 1.
    pub fn new(genesis: Arc<Genesis>) -> Self {
        Self { genesis, state: State::default() }
    }

    /// Rebuilds the engine from the values of a database scan, in any order; none are the state before block 1.
    pub fn from_records(genesis: Arc<Genesis>, values: impl Iterator<Item = Vec<u8>>) -> Result<Self, StateError> {
        Ok(Self { genesis, state: State::from_records(values)? })
    }

    /// What the chain started from.
    pub fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// The exchange.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The exchange, to be damaged.
    #[cfg(test)]
    pub(crate) const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The exchange, to be changed under its journal, and what it started from.
    pub(crate) fn parts_mut(&mut self) -> (&mut State, &Genesis) {
        (&mut self.state, &self.genesis)
    }

    /// The newest executed block.
    pub fn height(&self) -> Height {
        self.state.height()
    }

    /// Its time; before block 1, the genesis time.
    pub fn time_ms(&self) -> TimeMs {
        execute::parent_time(&self.state, &self.genesis)
    }

    /// The rules that the next block must be executed under.
    pub fn next_protocol_version(&self) -> u32 {
        execute::next_protocol_version(&self.state)
    }

    /// Decides which actions may be in a child of the newest block.
    pub fn admission(&self, block_time_ms: TimeMs) -> Admission<'_> {
        Admission::new(&self.state, &self.genesis, block_time_ms)
    }

    /// Executes a child of the newest block. On an error the engine is exactly as before.
    pub fn execute(&mut self, rules: &Rules, block: &BlockInput<'_>) -> Result<BlockOutcome, InvalidBlock> {
        execute::execute(&mut self.state, &self.genesis, rules, block)
    }

    /// Turns the newest executed block back; blocks are turned back in reverse order of execution.
    pub fn revert(&mut self, undo: Undo) {
        self.state.revert_block(undo);
    }
}
