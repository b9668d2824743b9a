//! What a proposer puts into a block, and who learns what became final.
//!
//! Consensus does not know the mempool. It asks an [`ActionSource`] for actions when it leads, and tells it
//! what it learned: which actions no block may hold, and which blocks are final.

use crate::{
    block::NodeBlock,
    engine_cache::{BlockContent, Executed},
};
use async_trait::async_trait;
use palisade_types::{
    block::Header, envelope::SignedAction, hash::ActionId, oracle::OracleBundle, signing::VerifiedAction, time::TimeMs,
};
use std::sync::Arc;

/// What a source offers for a block.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// Prices, if a quorum's round waits.
    pub oracle_bundle: Option<OracleBundle>,
    /// Actions, those most worth including first.
    pub actions: Vec<Arc<VerifiedAction>>,
}

/// A finalized block whose state has been applied.
#[derive(Clone, Debug)]
pub struct FinalizedBlock {
    /// The block.
    pub block: NodeBlock,
    /// What executing it gave.
    pub executed: Arc<Executed>,
}

/// A source as the parts of a node share it. Not a type parameter: each would have the whole of consensus compiled once more.
pub type Source = Arc<dyn ActionSource>;

/// The mempool as consensus sees it.
#[async_trait]
pub trait ActionSource: Send + Sync + 'static {
    /// Resolves once an action or an oracle round waits for a child of `parent`.
    async fn waiting(&self, parent: &Header);

    /// Offers content for a child of `parent` proposed at `now_ms` by the local clock, at most `limit_bytes` when
    /// encoded. Nothing is removed: the block may never be final.
    fn offer(&self, parent: &Header, now_ms: TimeMs, limit_bytes: usize) -> Offer;

    /// The action with its signature checked, if it was checked on arrival.
    fn verified(&self, action: &SignedAction) -> Option<Arc<VerifiedAction>>;

    /// An action that must not be offered again: the engine panicked on it.
    fn refuse(&self, action: ActionId, reason: &str);

    /// A block that is not final yet holds this content: it need not be offered for blocks on top of it.
    fn included(&self, header: &Header, content: &BlockContent);

    /// A block became final: its actions need not be offered again. Called in order of height.
    fn finalized(&self, block: &FinalizedBlock);
}
