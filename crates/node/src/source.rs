//! What a proposer puts into a block, and who learns what became final.
//!
//! Consensus does not know the mempool. It asks an [`ActionSource`] for actions when it leads, and tells it
//! what it learned: which actions no block may hold, and which blocks are final.

use crate::{block::NodeBlock, engine_cache::Executed};
use palisade_types::{block::Header, envelope::SignedAction, hash::ActionId, oracle::OracleBundle, time::TimeMs};
use std::{future::Future, sync::Arc};

/// What a source offers for a block.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// Prices, if a quorum's round waits.
    pub oracle_bundle: Option<OracleBundle>,
    /// Actions, those most worth including first.
    pub actions: Vec<SignedAction>,
}

/// A finalized block whose state has been applied.
#[derive(Clone, Debug)]
pub struct FinalizedBlock {
    /// The block.
    pub block: NodeBlock,
    /// What executing it gave.
    pub executed: Arc<Executed>,
}

/// The mempool as consensus sees it. Clones share one state.
pub trait ActionSource: Clone + Send + Sync + 'static {
    /// Resolves once an action or an oracle round waits for a block.
    fn waiting(&self) -> impl Future<Output = ()> + Send;

    /// Offers content for a child of `parent` at `time_ms`, at most `limit_bytes` when encoded. Nothing is
    /// removed: the block may never be final.
    fn offer(&self, parent: &Header, time_ms: TimeMs, limit_bytes: usize) -> Offer;

    /// An action that must not be offered again: inadmissible on the parent's state, or the engine
    /// panicked on it.
    fn refuse(&self, action: ActionId, reason: &str);

    /// A block became final: its actions need not be offered again. Called in order of height.
    fn finalized(&self, block: &FinalizedBlock);
}
