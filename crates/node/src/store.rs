//! The authenticated state database: one QMDB `current::ordered::variable` behind our own database set.
//!
//! The set is a newtype around [`Shared`] whose batches carry a clone of the handle. The application
//! needs the handle inside `process` and `propose`, because after state sync the very first block is
//! applied before anyone who subscribed to the databases is served; a node that could only scan through
//! its subscription would wait for itself.
//!
//! Rules:
//! - **Fixed by genesis.** Hash (SHA-256), Merkle family (MMR), chunk size, key length, floor policy
//!   (proportional) and the value bound are consensus parameters: change one and every root changes.
//! - **Keys are spread evenly.** A key is SHA-256(table tag ‖ canonical id); `EightCap` indexes its first
//!   eight bytes. Structured keys share prefixes and were measured a hundred times slower.
//! - **A commit carries its height** as metadata, so a scan knows which block it has read.
//! - **Damage is repaired, not hidden.** A store that does not open at the state its block commits to is
//!   named in the log and in the node's status, wiped, and fetched again from peers at exactly that
//!   target; every fetched operation is checked against the committed root.

use crate::{
    status::{Damage, Status},
    wiring::StateResolver,
};
use commonware_cryptography::{Sha256, sha256};
use commonware_glue::stateful::db::{
    AttachableResolver as _, AttachableResolverSet, Anchor, Barrier, DatabaseSet, ManagedDb, Reader, Shared,
    StateSyncDb as _, StateSyncSet, SyncEngineConfig, TipUpdate, Unmerkleized as _,
};
use commonware_parallel::Sequential;
use commonware_runtime::{Spawner, buffer::paged::CacheRef};
use commonware_storage::{
    Context as StorageContext,
    journal::contiguous::variable::Config as LogConfig,
    merkle::full::Config as MerkleConfig,
    mmr,
    qmdb::{
        any::ordered::variable::Operation,
        current::{VariableConfig, ordered::variable},
        sync::Target,
    },
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize, channel::ring};
use futures::StreamExt as _;
use palisade_types::ids::Height;
use std::num::{NonZeroU64, NonZeroUsize};

/// Largest value of the state database. Engine records are far smaller; the bound keeps a hostile
/// state-sync peer from making a node allocate.
pub const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Largest encoded operation: tag, key, value with its length, next key.
pub const STATE_OPERATION_BYTES_MAX: usize = 1 + 32 + 5 + STATE_VALUE_BYTES_MAX + 32;
/// Operations served and fetched per state-sync request, so that a response is about as large as a block.
pub const SYNC_OPERATIONS_MAX: NonZeroU64 = NZU64!(32);
/// Bytes of a bitmap chunk: equal to the digest, the layout with the smallest proofs.
pub const BITMAP_CHUNK_BYTES: usize = 32;

/// The Merkle family of the operations log.
pub type Family = mmr::Family;
/// A key: SHA-256 of a table tag and a canonical id.
pub type StateKey = sha256::Digest;
/// A canonical, versioned value that carries its full id.
pub type StateValue = Vec<u8>;
/// The state database.
pub type StateDb<E> =
    variable::Db<Family, E, StateKey, StateValue, Sha256, EightCap, BITMAP_CHUNK_BYTES, Sequential>;
/// An operation of the state database's log.
pub type StateOperation = Operation<Family, StateKey, StateValue>;
/// The root and range of operations that a header commits to, enough to sync the database from peers.
pub type StateTarget = Target<Family, sha256::Digest>;
/// A read-only view of the database.
pub type StateReader<E> = Reader<StateDb<E>>;
/// How operations are decoded: keys have one length, values are bounded.
pub type StateCodec = ((), (commonware_codec::RangeCfg<usize>, ()));

type Inner<E> = Shared<StateDb<E>>;

/// The decoding rules of [`StateOperation`].
pub fn state_codec() -> StateCodec {
    ((), (commonware_codec::RangeCfg::from(0..=STATE_VALUE_BYTES_MAX), ()))
}

/// What the store needs to open, and to repair itself.
pub struct StateStoreConfig<E: Spawner + StorageContext> {
    /// Layout of the database on disk.
    pub database: VariableConfig<EightCap, StateCodec, Sequential>,
    /// Fetches operations from peers when the local ones are damaged.
    pub resolver: StateResolver<E>,
    /// Where damage and repairs are reported.
    pub status: Status,
    /// Prefix of every partition of the database.
    pub partition_prefix: String,
}

impl<E: Spawner + StorageContext> Clone for StateStoreConfig<E> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            resolver: self.resolver.clone(),
            status: self.status.clone(),
            partition_prefix: self.partition_prefix.clone(),
        }
    }
}

/// Layout of the database under `partition_prefix`.
pub fn database_config(
    partition_prefix: &str,
    page_cache: CacheRef,
) -> VariableConfig<EightCap, StateCodec, Sequential> {
    const WRITE_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 20);
    const REPLAY_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 20);
    VariableConfig {
        merkle_config: MerkleConfig {
            journal_partition: format!("{partition_prefix}-state-merkle"),
            metadata_partition: format!("{partition_prefix}-state-merkle-metadata"),
            items_per_blob: NZU64!(1 << 16),
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{partition_prefix}-state-log"),
            items_per_section: NZU64!(1 << 14),
            compression: None,
            codec_config: state_codec(),
            page_cache,
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
        },
        grafted_metadata_partition: format!("{partition_prefix}-state-grafted"),
        translator: EightCap,
        init_cache: Some(NZUsize!(1 << 16)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}

/// The pace of a state sync.
pub const fn sync_config() -> SyncEngineConfig {
    SyncEngineConfig {
        fetch_batch_size: SYNC_OPERATIONS_MAX,
        apply_batch_size: NZU64!(1024),
        max_outstanding_requests: NZUsize!(8),
    }
}

/// The one database of the chain, shared between consensus and readers.
pub struct StateStore<E: Spawner + StorageContext>(Inner<E>);

impl<E: Spawner + StorageContext> Clone for StateStore<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A record as it lies in the database.
pub type StateRecord = (StateKey, StateValue);

impl<E: Spawner + StorageContext> StateStore<E> {
    /// Read access; see [`Shared::read`] for the discipline of the lock.
    pub async fn read(&self) -> commonware_glue::stateful::db::ReadGuard<'_, StateDb<E>> {
        self.0.read().await
    }

    /// Every record, with the height of the block whose state it is. The order of the records means
    /// nothing: keys are hashes.
    ///
    /// The read lock is held for the whole scan, so no block is applied meanwhile.
    pub async fn scan(&self) -> Result<(Height, Vec<StateRecord>), StoreError> {
        let database = self.0.read().await;
        let metadata = database.get_metadata().await.map_err(StoreError::read)?;
        let height = commit_height(metadata.as_deref())?;
        let mut records = Vec::new();
        let mut stream = std::pin::pin!(database.stream_range(..));
        while let Some(record) = stream.next().await {
            records.push(record.map_err(StoreError::read)?);
        }
        Ok((height, records))
    }
}

/// A database that answers with something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Reading failed: a checksum, a missing file, an undecodable operation.
    #[error("the state store cannot be read: {reason}")]
    Unreadable {
        /// What storage said.
        reason: String,
    },
    /// A commit whose metadata is not a height.
    #[error("the last commit of the state store carries {found_bytes} bytes of metadata, expected 8")]
    CommitMetadata {
        /// Length of what was found.
        found_bytes: usize,
    },
}

impl StoreError {
    /// Names a failure of storage.
    pub fn read(error: impl std::fmt::Display) -> Self {
        Self::Unreadable { reason: error.to_string() }
    }
}

/// The metadata of the commit of the block at `height`.
pub fn commit_metadata(height: Height) -> StateValue {
    height.get().to_le_bytes().to_vec()
}

/// The height in a commit's metadata; the empty database has none and stands for genesis.
fn commit_height(metadata: Option<&[u8]>) -> Result<Height, StoreError> {
    let Some(bytes) = metadata else { return Ok(Height::new(0)) };
    let bytes: [u8; 8] =
        bytes.try_into().map_err(|_| StoreError::CommitMetadata { found_bytes: bytes.len() })?;
    Ok(Height::new(u64::from_le_bytes(bytes)))
}

/// A batch over some block's state, with the handle of the store it belongs to.
pub struct StateBatch<E: Spawner + StorageContext> {
    batch: <Inner<E> as DatabaseSet<E>>::Unmerkleized,
    store: StateStore<E>,
}

impl<E: Spawner + StorageContext> StateBatch<E> {
    /// The store under the batch. Its applied state may be an ancestor's.
    pub fn store(&self) -> &StateStore<E> {
        &self.store
    }

    /// Applies a block's net writes and computes the new roots.
    pub async fn seal(
        self,
        height: Height,
        writes: impl IntoIterator<Item = (StateKey, Option<StateValue>)>,
    ) -> Result<SealedState<E>, StoreError> {
        let Self { mut batch, store } = self;
        for (key, value) in writes {
            batch = batch.write(key, value);
        }
        let batch = batch.with_metadata(commit_metadata(height));
        let sealed = batch.merkleize().await.map_err(StoreError::read)?;
        Ok(SealedState { sealed, store })
    }
}

/// A block's merkleized state, not yet applied.
pub struct SealedState<E: Spawner + StorageContext> {
    sealed: <Inner<E> as DatabaseSet<E>>::Merkleized,
    store: StateStore<E>,
}

impl<E: Spawner + StorageContext> Clone for SealedState<E> {
    fn clone(&self) -> Self {
        Self { sealed: self.sealed.clone(), store: self.store.clone() }
    }
}

impl<E: Spawner + StorageContext> SealedState<E> {
    /// The root under which a current value, or its absence, is proven.
    pub fn canonical_root(&self) -> sha256::Digest {
        self.sealed.deref_root()
    }

    /// What a syncing peer needs: the root of the operations and their range.
    pub fn target(&self) -> StateTarget {
        self.sealed.deref_target()
    }
}

/// The three commitments of a merkleized batch, read through its inherent methods.
trait Commitments {
    fn deref_root(&self) -> sha256::Digest;
    fn deref_target(&self) -> StateTarget;
}

impl<E: Spawner + StorageContext> Commitments for <Inner<E> as DatabaseSet<E>>::Merkleized {
    fn deref_root(&self) -> sha256::Digest {
        (**self).root()
    }

    fn deref_target(&self) -> StateTarget {
        Target::new(
            self.ops_root(),
            commonware_utils::non_empty_range!(self.sync_boundary(), self.bounds().tip.size),
        )
    }
}
