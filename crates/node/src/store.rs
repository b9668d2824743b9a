//! The authenticated state database: one QMDB `current::ordered::variable` behind our own database set.
//!
//! The set is a newtype around [`Shared`] whose batches carry a clone of the handle. The application
//! needs the handle inside `process` and `propose`, because a start may apply the first
//! block before anyone who subscribed to the databases is served; a node that could only scan through its
//! subscription would wait for itself.
//!
//! Rules:
//! - **Fixed by genesis.** Hash (SHA-256), Merkle family (MMR), chunk size, key length, floor policy
//!   (proportional) and the value bound are consensus parameters: change one and every root changes.
//! - **Keys are spread evenly.** A key is SHA-256(table tag ‖ canonical id); `EightCap` indexes its first
//!   eight bytes. Structured keys share prefixes and were measured a hundred times slower.
//! - **A commit carries its height** as metadata, so a scan knows which block it has read.
//! - **Damage is repaired, not hidden.** A store that does not open at the state its block commits to is
//!   named in the log and in the node's status, wiped, and rebuilt by executing the finalized blocks
//!   again; each rebuilt state must have the roots of its header.

use crate::{
    disk::StoreFault,
    engine_cache::Executed,
    repair::{self, RepairSource},
    status::{Damage, Status, Store},
};
use commonware_codec::RangeCfg;
use commonware_cryptography::{Digest as DigestTrait, Sha256, sha256};
use commonware_glue::stateful::db::{
    Anchor, AttachableResolverSet, Barrier, DatabaseSet, InitError, ManagedDb, ReadGuard, Reader, Shared, StateSyncSet,
    SyncEngineConfig, TipUpdate, Unmerkleized as _,
};
use commonware_parallel::Sequential;
use commonware_runtime::{Spawner, buffer::paged::CacheRef};
use commonware_storage::{
    Context as StorageContext,
    journal::contiguous::variable::Config as LogConfig,
    mmr::{Location, full::Config as MerkleConfig},
    qmdb::{
        Error as QmdbError,
        any::ordered::variable::Operation,
        current::{VariableConfig, ordered::variable},
        sync::Target,
    },
    translator::EightCap,
};
use commonware_utils::{NZU64, NZUsize, bitmap::Readable as _, channel::ring, non_empty_range};
pub use palisade_client::proof::{BITMAP_CHUNK_BYTES, Family, STATE_VALUE_BYTES_MAX};
use palisade_types::ids::Height;
use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};
use tracing::{error, info};

/// A key: SHA-256 of a table tag and a canonical id.
pub type StateKey = sha256::Digest;
/// A canonical, versioned value that carries its full id.
pub type StateValue = Vec<u8>;
/// The state database.
pub type StateDb<E> = variable::Db<Family, E, StateKey, StateValue, Sha256, EightCap, BITMAP_CHUNK_BYTES, Sequential>;
/// An operation of the state database's log.
pub type StateOperation = Operation<Family, StateKey, StateValue>;
/// The root and range of operations that a header commits to, enough to sync the database from peers.
pub type StateTarget = Target<Family, sha256::Digest>;
/// A read-only view of the database.
pub type StateReader<E> = Reader<StateDb<E>>;
/// How operations are decoded: keys have one length, values are bounded.
pub type StateCodec = ((), (RangeCfg<usize>, ()));

type Inner<E> = Shared<StateDb<E>>;

/// The decoding rules of [`StateOperation`].
pub fn state_codec() -> StateCodec {
    ((), (RangeCfg::from(0..=STATE_VALUE_BYTES_MAX), ()))
}

/// The layout of the database on disk.
pub type DatabaseConfig = VariableConfig<EightCap, StateCodec, Sequential>;

/// What the store needs to open, and to repair itself.
pub struct StateStoreConfig {
    /// Layout of the database on disk.
    pub database: DatabaseConfig,
    /// Where blocks come from when the state must be rebuilt.
    pub repair: RepairSource,
    /// Where damage and repairs are reported.
    pub status: Status,
}

/// Pruning drops whole files; tests have small ones, so that there is something to drop.
const OPERATIONS_PER_FILE: NonZeroU64 = if cfg!(test) { NZU64!(64) } else { NZU64!(1 << 14) };
const NODES_PER_FILE: NonZeroU64 = if cfg!(test) { NZU64!(128) } else { NZU64!(1 << 16) };

/// Operations that a scan reads at a time.
const SCAN_OPERATIONS: NonZeroU64 = NZU64!(1 << 13);

/// Keys that a start remembers per page of the cache, while it builds the index of the log. A key is written again
/// whenever its neighbour in the order of keys changes, and a start that has forgotten it reads it again: half of
/// all operations, each at a random place. With the pages of production: two million keys, 90 MB until the index stands.
const REMEMBERED_PER_PAGE: NonZeroUsize = NZUsize!(128);

/// Layout of the database under `partition_prefix`; `pages` is the size of the cache.
pub fn database_config(partition_prefix: &str, page_cache: CacheRef, pages: NonZeroUsize) -> DatabaseConfig {
    const WRITE_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 20);
    const REPLAY_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 20);
    VariableConfig {
        merkle_config: MerkleConfig {
            journal_partition: format!("{partition_prefix}-state-tree"),
            metadata_partition: format!("{partition_prefix}-state-nodes"),
            items_per_blob: NODES_PER_FILE,
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{partition_prefix}-state-log"),
            items_per_section: OPERATIONS_PER_FILE,
            compression: None,
            codec_config: state_codec(),
            page_cache,
            write_buffer: WRITE_BUFFER_BYTES,
            replay_buffer: REPLAY_BUFFER_BYTES,
        },
        grafted_metadata_partition: format!("{partition_prefix}-state-grafted"),
        translator: EightCap,
        init_cache: Some(pages.saturating_mul(REMEMBERED_PER_PAGE)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
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
    pub async fn read(&self) -> ReadGuard<'_, StateDb<E>> {
        self.0.read().await
    }

    /// Every record, with the height of the block whose state it is. The order of the records means
    /// nothing.
    ///
    /// The log is read from end to end and what is still current is kept: to follow the keys in their order is a read at
    /// a random place for each. The read lock is held for the whole scan, so no block is
    /// applied meanwhile.
    pub async fn scan(&self) -> Result<(Height, Vec<StateRecord>), StoreError> {
        let database = self.0.read().await;
        let metadata = database.get_metadata().await.map_err(StoreError::read)?;
        let height = commit_height(metadata.as_deref())?;
        let current = database.bitmap();
        let end = database.bounds().end;
        let mut next = (*database.bounds().start).max(current.pruned_bits());
        let mut records = Vec::new();
        while next < *end {
            let read = database.ops_historical_proof(end, Location::new(next), SCAN_OPERATIONS).await;
            let (_, operations) = read.map_err(StoreError::read)?;
            for operation in operations {
                if let Operation::Update(update) = operation
                    && current.get_bit(next)
                {
                    records.push((update.key, update.value));
                }
                next = next.saturating_add(1);
            }
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
    /// A batch whose branch was abandoned while it was worked on.
    #[error("the batch's branch was abandoned")]
    Stale,
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
pub(crate) fn commit_height(metadata: Option<&[u8]>) -> Result<Height, StoreError> {
    let Some(bytes) = metadata else { return Ok(Height::new(0)) };
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| StoreError::CommitMetadata { found_bytes: bytes.len() })?;
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

    /// Applies a block's net writes and computes the new roots. The results of the execution travel
    /// with the sealed state, so that whoever applies it can archive them.
    pub async fn seal(self, height: Height, executed: Arc<Executed>) -> Result<SealedState<E>, StoreError> {
        let Self { mut batch, store } = self;
        for write in &executed.writes {
            batch = batch.write(StateKey::from(write.key), write.value.clone());
        }
        let batch = batch.with_metadata(commit_metadata(height));
        let sealed = batch.merkleize().await.map_err(|error| match error {
            QmdbError::StaleBatch | QmdbError::StaleRead => StoreError::Stale,
            error => StoreError::read(error),
        })?;
        Ok(SealedState { sealed, store, executed })
    }
}

/// A block's merkleized state, not yet applied, and the results that came with it.
pub struct SealedState<E: Spawner + StorageContext> {
    sealed: <Inner<E> as DatabaseSet<E>>::Merkleized,
    store: StateStore<E>,
    executed: Arc<Executed>,
}

impl<E: Spawner + StorageContext> Clone for SealedState<E> {
    fn clone(&self) -> Self {
        Self { sealed: self.sealed.clone(), store: self.store.clone(), executed: self.executed.clone() }
    }
}

impl<E: Spawner + StorageContext> SealedState<E> {
    /// The root under which a current value, or its absence, is proven.
    pub fn canonical_root(&self) -> sha256::Digest {
        (*self.sealed).root()
    }

    /// What a syncing peer needs: the root of the operations and their range.
    pub fn target(&self) -> StateTarget {
        let range = non_empty_range!(self.sealed.sync_boundary(), self.sealed.bounds().tip.size);
        Target::new(self.sealed.ops_root(), range)
    }

    /// What executing the block gave.
    pub fn executed(&self) -> &Arc<Executed> {
        &self.executed
    }
}

impl<E: Spawner + StorageContext> DatabaseSet<E> for StateStore<E> {
    type Unmerkleized = StateBatch<E>;
    type Merkleized = SealedState<E>;
    type Readers = StateReader<E>;
    type Config = StateStoreConfig;
    type SyncTargets = StateTarget;

    async fn init(context: E, config: StateStoreConfig, expected: Option<StateTarget>) -> Self {
        let opened =
            <StateDb<E> as ManagedDb<E>>::init(context.child("database"), config.database.clone(), expected.clone())
                .await;
        let (damage, expected) = match (opened, expected) {
            (Ok(database), _) => return Self(Shared::new("state", database)),
            (Err(damage), Some(expected)) => (damage, expected),
            (Err(damage), None) => panic!("the state store does not open: {damage}"),
        };
        if let InitError::Database(error) = &damage
            && let StoreFault::Disk(reason) = StoreFault::of(error)
        {
            panic!("the disk failed at the state store, nothing was changed: {reason}");
        }
        error!(%damage, "the state store is damaged: rebuilding it from the block store");
        config.status.report(Damage { store: Store::State, reason: damage.to_string(), repaired: false });
        let database = match repair::rebuild_state(context, config.database, &config.repair, &expected).await {
            Ok(database) => database,
            Err(reason) => panic!("the state store is damaged ({damage}) and cannot be rebuilt: {reason}"),
        };
        info!("the state store was rebuilt and equals the state of the finalized block");
        config.status.repaired(Store::State);
        Self(Shared::new("state", database))
    }

    fn initial_sync_targets() -> StateTarget {
        <Inner<E> as DatabaseSet<E>>::initial_sync_targets()
    }

    async fn new_batches(&self) -> StateBatch<E> {
        StateBatch { batch: self.0.new_batches().await, store: self.clone() }
    }

    fn fork_batches(parent: &SealedState<E>) -> StateBatch<E> {
        StateBatch { batch: <Inner<E> as DatabaseSet<E>>::fork_batches(&parent.sealed), store: parent.store.clone() }
    }

    fn matches_sync_targets(batches: &SealedState<E>, targets: &StateTarget) -> bool {
        <Inner<E> as DatabaseSet<E>>::matches_sync_targets(&batches.sealed, targets)
    }

    fn readers(&self) -> StateReader<E> {
        <Inner<E> as DatabaseSet<E>>::readers(&self.0)
    }

    async fn apply(&self, batches: SealedState<E>) {
        <Inner<E> as DatabaseSet<E>>::apply(&self.0, batches.sealed).await;
    }

    async fn finalize(&self) -> Barrier {
        <Inner<E> as DatabaseSet<E>>::finalize(&self.0).await
    }

    async fn prune(&self, targets: &StateTarget) {
        <Inner<E> as DatabaseSet<E>>::prune(&self.0, targets).await;
    }

    async fn committed_targets(&self) -> StateTarget {
        <Inner<E> as DatabaseSet<E>>::committed_targets(&self.0).await
    }
}

/// Stands where a state-sync resolver would be. A node joins by executing finalized blocks, so no plan
/// ever asks for state sync; the wiring of `Stateful` wants a resolver all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStateSync;

/// State sync was asked of a node that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this node joins by executing blocks, it does not sync state")]
pub struct StateSyncUnsupported;

impl<E: Spawner + StorageContext> AttachableResolverSet<StateStore<E>> for NoStateSync {
    async fn attach_databases(&self, _databases: StateStore<E>) {}
}

impl<E: Spawner + StorageContext> StateSyncSet<E, NoStateSync> for StateStore<E> {
    type Error = StateSyncUnsupported;

    async fn sync<D: DigestTrait>(
        _context: E,
        _config: StateStoreConfig,
        _sources: NoStateSync,
        _anchor: Anchor<D>,
        _targets: StateTarget,
        _tip_updates: ring::Receiver<TipUpdate<D, StateTarget>>,
        _sync_config: SyncEngineConfig,
    ) -> Result<(Self, Anchor<D>), StateSyncUnsupported> {
        Err(StateSyncUnsupported)
    }
}
