//! The archive of receipts and events by height: the only source of history.
//!
//! Rules:
//! - **Before the state.** A block's results are put and synced in `capture`, before its state is applied,
//!   so no applied block lacks its receipts, whatever moment the machine dies at.
//! - **Idempotent.** `capture` may run again after a crash; a height that is present is left as it is.
//! - **Its own retention.** Fills, candles and order status are rebuilt from here by gateway and indexer,
//!   so nothing here is pruned with the state.
//! - **Checked on the way out.** A record must decode, be of the height asked for, and hash to the roots of
//!   its header; the caller has the header.

use crate::{roots, status::Store, wiring::Storages};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use commonware_cryptography::sha256;
use commonware_glue::stateful::db::Shared;
use commonware_storage::{
    Context as StorageContext,
    archive::{Archive as _, Identifier, immutable},
};
use palisade_engine::mutant::{Mutant, is_planted};
use palisade_types::{
    codec::{self, DecodeError},
    event::Event,
    hash::{BlockDigest, Root},
    ids::Height,
    receipt::Receipt,
};

/// Largest encoded record. A block's weight bounds its receipts and events far below this.
pub const RESULTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What executing a block left behind.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockResults {
    /// Of which height.
    pub height: Height,
    /// Of which block.
    pub digest: BlockDigest,
    /// One per action, in the order of execution.
    pub receipts: Vec<Receipt>,
    /// In the order of the work.
    pub events: Vec<Event>,
}

impl BlockResults {
    /// The root of the receipts, as the header commits to it.
    pub fn receipts_root(&self) -> Root {
        roots::merkle_root(&self.receipts)
    }

    /// The root of the events, as the header commits to it.
    pub fn events_root(&self) -> Root {
        roots::merkle_root(&self.events)
    }
}

/// The archive failed.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Storage failed.
    #[error("the store of {0:?} failed: {1}")]
    Storage(Store, #[source] commonware_storage::archive::Error),
    /// A record is not what was put.
    #[error("the results of height {height} are undecodable: {error}")]
    Undecodable {
        /// The height asked for.
        height: Height,
        /// What the decoder said.
        error: DecodeError,
    },
    /// A record of another height.
    #[error("asked for the results of height {expected}, found those of {found}")]
    WrongHeight {
        /// Asked for.
        expected: Height,
        /// Found.
        found: Height,
    },
}

impl From<commonware_storage::archive::Error> for ResultsError {
    fn from(error: commonware_storage::archive::Error) -> Self {
        Self::Storage(Store::Results, error)
    }
}

/// Its indices are on disk, so that a long chain costs no memory.
type Archive<E> = immutable::Archive<E, sha256::Digest, Bytes>;

/// A shared handle to the archive.
pub struct ResultsArchive<E: StorageContext>(Shared<Archive<E>>);

impl<E: StorageContext> Clone for ResultsArchive<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: StorageContext> ResultsArchive<E> {
    /// Opens the archive that `storages` names.
    pub async fn open(context: E, storages: &Storages) -> Result<Self, ResultsError> {
        let archive = Archive::init(context, storages.results_archive()).await?;
        Ok(Self(Shared::new("results", archive)))
    }

    /// Puts a block's results and returns once they are durable. A height that is present stays as it is.
    pub async fn put(&self, results: &BlockResults) -> Result<(), ResultsError> {
        let (slot, archive) = self.0.write().await;
        let encoded = Bytes::from(codec::encode(results));
        let (height, digest) = (results.height.get(), sha256::Digest::from(results.digest.0));
        let archive = if is_planted(Mutant::LoseUnsyncedWrite) {
            archive.put(height, digest, &encoded).await?
        } else {
            archive.put_sync(height, digest, &encoded).await?
        };
        slot.put(archive);
        Ok(())
    }

    /// A block's results.
    pub async fn get(&self, height: Height) -> Result<Option<BlockResults>, ResultsError> {
        let archive = self.0.read().await;
        let Some(encoded) = archive.get(Identifier::Index(height.get())).await? else { return Ok(None) };
        let results: BlockResults =
            codec::decode(&encoded, RESULTS_BYTES_MAX).map_err(|error| ResultsError::Undecodable { height, error })?;
        if results.height != height {
            return Err(ResultsError::WrongHeight { expected: height, found: results.height });
        }
        Ok(Some(results))
    }

    /// The first heights in `1..=through` that are missing, at most `limit` of them.
    pub async fn missing(&self, through: Height, limit: usize) -> Vec<Height> {
        let archive = self.0.read().await;
        let mut missing = Vec::new();
        let mut height = 1;
        while height <= through.get() && missing.len() < limit {
            if matches!(archive.has(Identifier::Index(height)).await, Ok(true)) {
                // A run of present heights ends at the gap that the archive names.
                height = match archive.next_gap(height) {
                    (Some(end), _) => end.saturating_add(1),
                    (None, _) => height.saturating_add(1),
                };
            } else {
                missing.push(Height::new(height));
                height = height.saturating_add(1);
            }
        }
        missing
    }

    /// The highest height that has results.
    pub async fn last(&self) -> Option<Height> {
        self.0.read().await.last_index().map(Height::new)
    }
}
