//! From a block's bytes to what the engine executes: every signature checked once, outside any lock.

use crate::{
    block::NodeBlock,
    engine_cache::{BlockContent, ExecuteError},
    entropy::Blinding,
};
use palisade_types::{
    envelope::SignedAction,
    signing::{self, VerifiedAction},
};
use std::sync::Arc;

/// Checks the signatures of a block's actions, but for those that `known` has checked before.
pub fn content(
    block: &NodeBlock,
    blinding: &Blinding,
    known: impl Fn(&SignedAction) -> Option<Arc<VerifiedAction>>,
) -> Result<BlockContent, ExecuteError> {
    let header = block.header();
    let signed = &block.body().actions;
    let mut actions: Vec<Option<Arc<VerifiedAction>>> = signed.iter().map(known).collect();
    let fresh: Vec<usize> = (0..signed.len()).filter(|index| actions[*index].is_none()).collect();
    let unchecked = fresh.iter().map(|index| signed[*index].clone()).collect();
    for (index, verdict) in fresh.into_iter().zip(signing::verify_batch(unchecked, blinding.factors())) {
        let action = verdict.map_err(|reason| ExecuteError::Signature { index, reason })?;
        actions[index] = Some(Arc::new(action));
    }
    Ok(BlockContent {
        protocol_version: header.protocol_version,
        height: header.height,
        time_ms: header.time_ms,
        oracle_bundle: block.body().oracle_bundle.clone(),
        actions: actions.into_iter().flatten().collect(),
    })
}
