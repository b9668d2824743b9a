//! From a block's bytes to what the engine executes: every signature checked once, outside any lock.

use crate::{
    block::NodeBlock,
    engine_cache::{BlockContent, ExecuteError},
    engine_placeholder::InvalidBlock,
};
use palisade_types::{envelope::SignedAction, rejection::Inadmissible};

pub use crate::engine_placeholder::VerifiedAction;

/// Checks one action's chain and signature.
pub fn action(chain_id: u64, action: &SignedAction) -> Result<VerifiedAction, Inadmissible> {
    let found = action.envelope.chain_id;
    if found != chain_id {
        return Err(Inadmissible::WrongChain { expected: chain_id, found });
    }
    Ok(VerifiedAction(action.clone()))
}

/// Checks the signatures of a block's actions.
pub fn content(block: &NodeBlock) -> Result<BlockContent, ExecuteError> {
    let header = block.header();
    let mut actions = Vec::with_capacity(block.body().actions.len());
    for (index, signed) in block.body().actions.iter().enumerate() {
        actions.push(action(header.chain_id, signed).map_err(|reason| ExecuteError::Signature { index, reason })?);
    }
    Ok(BlockContent {
        protocol_version: header.protocol_version,
        height: header.height,
        time_ms: header.time_ms,
        oracle_bundle: block.body().oracle_bundle.clone(),
        actions,
    })
}

/// The place of the action that makes a block invalid, if it is one action.
pub const fn offending_action(invalid: &InvalidBlock) -> Option<usize> {
    match invalid {
        InvalidBlock::Inadmissible { index, .. } => Some(*index),
    }
}
