//! Where each action's receipt is, found by the action's name: on disk, for the whole life of the chain.
//!
//! Rules:
//! - **Derived.** Everything here follows from the archive of results. An index that does not open is named in the
//!   status, wiped and made again, as one that is missing is.
//! - **Behind the chain, never in its way.** A follower puts the receipts of finalized blocks; agreement does not wait
//!   for it. The readers' view knows the receipts of every block that is not indexed yet, so nothing is missing in
//!   between.
//! - **Bounded memory.** Table, keys and places are on disk: a long chain costs no memory.
//! - **One commit.** The height through which receipts are indexed and the checkpoint of the store are one record. What
//!   was put after it is dropped at the next start and put again.

use crate::{
    disk::StoreFault,
    final_view::{FinalView, ReceiptPlace},
    repair::remove_partition,
    results::{ResultsArchive, ResultsError},
    status::{Damage, Status, Store},
    wiring::Storages,
};
use commonware_cryptography::sha256;
use commonware_glue::stateful::db::Shared;
use commonware_storage::{
    Context as StorageContext,
    freezer::{self, Checkpoint, Freezer},
    metadata::{self, Metadata},
};
use commonware_utils::sequence::U64;
use palisade_types::{hash::ActionId, ids::Height, receipt::Receipt};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tracing::{error, warn};

/// Blocks between two commits: so many are read again after a crash. Tests have short chains.
const BLOCKS_PER_COMMIT: u64 = if cfg!(test) { 16 } else { 256 };
/// The one key of the commit record.
const COMMIT: U64 = U64::new(0);

/// The index failed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptIndexError {
    /// The store of places failed.
    #[error("the index of receipts failed: {0}")]
    Places(#[from] freezer::Error),
    /// The commit record failed.
    #[error("the commit record of the index of receipts failed: {0}")]
    Commit(#[from] metadata::Error),
    /// The archive that it is made from failed.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The archive that it is made from lacks a block that is final.
    #[error("the archive lacks the receipts of finalized block {height}")]
    ResultsMissing {
        /// Its height.
        height: Height,
    },
}

/// Height, and place in the block.
type Place = (u64, u32);
/// The height through which all receipts are indexed, and how far the store of places had come.
type Commit = (u64, Checkpoint);

struct Inner<E: StorageContext> {
    places: Freezer<E, sha256::Digest, Place>,
    commits: Metadata<E, U64, Commit>,
}

/// A shared handle to the index.
pub struct ReceiptIndex<E: StorageContext> {
    inner: Shared<Inner<E>>,
    height: Arc<AtomicU64>,
}

impl<E: StorageContext> Clone for ReceiptIndex<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), height: self.height.clone() }
    }
}

fn key(action: &ActionId) -> sha256::Digest {
    sha256::Digest::from(action.0)
}

impl<E: StorageContext> ReceiptIndex<E> {
    /// Opens the index that `storages` names; wipes it if it is damaged.
    pub async fn open(context: &E, storages: &Storages, status: &Status) -> Result<Self, ReceiptIndexError> {
        let reason = match Self::try_open(context, storages).await {
            Ok(index) => return Ok(index),
            Err(error) if matches!(StoreFault::of(&error), StoreFault::Disk(_)) => return Err(error),
            Err(error) => error.to_string(),
        };
        warn!(reason, "the index of receipts is damaged: making it again from the archive");
        status.report(Damage { store: Store::ReceiptIndex, reason, repaired: false });
        for partition in storages.receipt_index_partitions() {
            if let Err(error) = remove_partition(context, &partition).await {
                warn!(%error, partition, "a part of the damaged index cannot be removed");
            }
        }
        let index = Self::try_open(context, storages).await?;
        status.repaired(Store::ReceiptIndex);
        Ok(index)
    }

    async fn try_open(context: &E, storages: &Storages) -> Result<Self, ReceiptIndexError> {
        let config = metadata::Config { partition: storages.receipt_index_commits(), codec_config: ((), ()) };
        let commits = Metadata::<E, U64, Commit>::init(context.child("receipt_index_commits"), config).await?;
        let commit = commits.get(&COMMIT).copied();
        let (height, checkpoint) = commit.map_or((0, None), |(height, checkpoint)| (height, Some(checkpoint)));
        let places = Freezer::init(context.child("receipt_index"), storages.receipt_index(), checkpoint).await?;
        let inner = Shared::new("receipt_index", Inner { places, commits });
        Ok(Self { inner, height: Arc::new(AtomicU64::new(height)) })
    }

    /// The height through which all receipts are indexed.
    pub fn height(&self) -> Height {
        Height::new(self.height.load(Ordering::Acquire))
    }

    /// Where the receipt of `action` is, if it is indexed.
    pub async fn get(&self, action: &ActionId) -> Result<Option<ReceiptPlace>, ReceiptIndexError> {
        let inner = self.inner.read().await;
        let place = inner.places.get(freezer::Identifier::Key(&key(action))).await?;
        Ok(place.map(|(height, index)| ReceiptPlace { height: Height::new(height), index }))
    }

    /// Puts the places of the receipts of the block at `height`, the next one; commits every so many blocks.
    async fn put(&self, height: Height, receipts: &[Receipt]) -> Result<(), ReceiptIndexError> {
        let (slot, mut inner) = self.inner.write().await;
        for (place, receipt) in (0u32..).zip(receipts) {
            (inner.places, _) = inner.places.put(key(&receipt.action), &(height.get(), place)).await?;
        }
        if height.get().is_multiple_of(BLOCKS_PER_COMMIT) {
            let checkpoint;
            (inner.places, checkpoint) = inner.places.sync().await?;
            inner.commits = inner.commits.put_sync(COMMIT, (height.get(), checkpoint)).await?;
        }
        slot.put(inner);
        self.height.store(height.get(), Ordering::Release);
        Ok(())
    }
}

/// Keeps the index at the newest finalized block, for as long as the view lives. Ends only with a failure of storage.
pub async fn follow<E: StorageContext>(index: ReceiptIndex<E>, view: FinalView, results: ResultsArchive<E>) {
    let mut heights = view.heights();
    loop {
        let tip = (*heights.borrow_and_update()).unwrap_or_default();
        if let Err(error) = catch_up(&index, &view, &results, tip).await {
            error!(%error, "the index of receipts stops");
            return;
        }
        if heights.changed().await.is_err() {
            return;
        }
    }
}

async fn catch_up<E: StorageContext>(
    index: &ReceiptIndex<E>,
    view: &FinalView,
    results: &ResultsArchive<E>,
    tip: Height,
) -> Result<(), ReceiptIndexError> {
    while index.height() < tip {
        let height = index.height().next();
        match view.read(|view| view.block(height)).flatten() {
            Some(block) => index.put(height, &block.receipts).await?,
            None => {
                let stored = results.get(height).await?.ok_or(ReceiptIndexError::ResultsMissing { height })?;
                index.put(height, &stored.receipts).await?;
            }
        }
        view.forget_names(height);
    }
    Ok(())
}
