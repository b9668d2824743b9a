//! What a node still knows of its past after a start: the newest blocks, whole.

use crate::{final_view::FinalView, prover, results::ResultsArchive, wiring::MarshalMailbox};
use commonware_storage::Context as StorageContext;
use palisade_client::api::FinalizedBlock;
use palisade_types::ids::Height;
use std::sync::Arc;
use tracing::{info, warn};

/// Fills the view with what the archive holds, newest first, until it is full or the archive has no more. The chain goes
/// on meanwhile.
pub async fn recall<E: StorageContext>(view: FinalView, results: ResultsArchive<E>, marshal: MarshalMailbox) {
    let Some((tip, _)) = view.tip() else { return };
    let mut height = tip;
    let mut recalled = 0u64;
    while height > Height::new(0) {
        let results = match results.get(height).await {
            Ok(Some(results)) => results,
            Ok(None) => break,
            Err(error) => {
                warn!(%error, "the archive of results is not whole");
                break;
            }
        };
        let Some(block) = prover::stored_block(&marshal, height).await else { break };
        let more = view.recall(Arc::new(FinalizedBlock {
            digest: results.digest,
            header: block.header().clone(),
            receipts: results.receipts,
            events: results.events,
        }));
        if !more {
            break;
        }
        recalled = recalled.saturating_add(1);
        height = Height::new(height.get().saturating_sub(1));
    }
    info!(recalled, "recalled finalized blocks");
}
