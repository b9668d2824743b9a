//! Rebuilding what was damaged out of what was not.
//!
//! Blocks and certificates are the one thing a node cannot derive: if they are damaged they are wiped and
//! fetched from peers again, each checked against its certificate. Everything else follows from blocks:
//!
//! - the **state** by executing every block from the genesis into an empty database, comparing the roots of
//!   each with its header, until it is at the state the node had;
//! - the **receipts and events** by executing every block in memory and putting what is missing.

use crate::{
    block::NodeBlock,
    engine_cache::Executed,
    entropy::Blinding,
    results::{BlockResults, ResultsArchive, ResultsError},
    roots,
    status::Store,
    store::{DatabaseConfig, StateDb, StateKey, StateTarget, commit_metadata},
    verified,
    wiring::MarshalMailbox,
};
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_glue::stateful::db::ManagedDb as _;
use commonware_runtime::{Error as RuntimeError, Spawner};
use commonware_storage::{Context as StorageContext, qmdb::floor::Proportional};
use palisade_engine::{BlockInput, Engine, Rules};
use palisade_types::{genesis::Genesis, hash::Root, ids::Height};
use std::{collections::BTreeSet, sync::Arc};

/// Missing results that one pass looks for at most; what is left is found at the next start.
const MISSING_RESULTS_MAX: usize = 1 << 20;

/// Where blocks come from.
#[derive(Clone)]
pub struct RepairSource {
    /// What the chain starts from.
    pub genesis: Arc<Genesis>,
    /// Finalized blocks by height.
    pub marshal: MarshalMailbox,
    /// What blinds checks of signatures.
    pub blinding: Arc<Blinding>,
}

/// Why something damaged stays damaged.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A block that is needed is gone.
    #[error("block {height} is not in the block store")]
    BlockMissing {
        /// Its height.
        height: Height,
    },
    /// A finalized block that does not execute: the binary is not the one the chain runs on.
    #[error("finalized block {height} does not execute: {reason}")]
    Execution {
        /// Its height.
        height: Height,
        /// What the engine said.
        reason: String,
    },
    /// A rebuilt state whose root is not that of the header.
    #[error("block {height} commits to state {expected}, rebuilding gives {found}")]
    Root {
        /// Its height.
        height: Height,
        /// The header's.
        expected: Root,
        /// The rebuilt one.
        found: Root,
    },
    /// Nothing is known to be damaged, because the disk does not serve.
    #[error(
        "the disk failed at the store of {store:?}: {reason}. Nothing was changed: see to its space, its permissions and \
         the number of open files, and start again"
    )]
    Disk {
        /// Which store.
        store: Store,
        /// What the runtime said.
        reason: String,
    },
    /// The fresh store fails too.
    #[error("the fresh store fails: {0}")]
    Storage(String),
    /// The archive of results fails.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

/// An engine that follows the chain from the genesis, for repairs only.
struct Follower {
    engine: Engine,
    source: RepairSource,
    parent: palisade_types::hash::BlockDigest,
}

impl Follower {
    async fn new(source: RepairSource) -> Result<Self, RepairError> {
        let genesis = fetch(&source.marshal, Height::new(0)).await?;
        let engine = Engine::new(source.genesis.clone());
        Ok(Self { engine, source, parent: genesis.block_digest() })
    }

    async fn next(&mut self, height: Height) -> Result<(NodeBlock, Executed), RepairError> {
        let block = fetch(&self.source.marshal, height).await?;
        let failed = |reason: String| RepairError::Execution { height, reason };
        let content = verified::content(&block, &self.source.blinding, |_| None);
        let content = content.map_err(|error| failed(error.to_string()))?;
        let rules = Rules::at(content.protocol_version).map_err(|error| failed(error.to_string()))?;
        let input = BlockInput {
            height,
            time_ms: content.time_ms,
            parent: self.parent,
            oracle_bundle: content.oracle_bundle.as_ref(),
            actions: &content.actions,
        };
        let outcome = self.engine.execute(&rules, &input).map_err(|error| failed(error.to_string()))?;
        self.parent = block.block_digest();
        Ok((block, Executed { writes: outcome.writes, receipts: outcome.receipts, events: outcome.events }))
    }
}

async fn fetch(marshal: &MarshalMailbox, height: Height) -> Result<NodeBlock, RepairError> {
    let block = marshal.get_block(ConsensusHeight::new(height.get())).await;
    block.map(|block| block.inner().clone()).ok_or(RepairError::BlockMissing { height })
}

/// Wipes the state store and executes blocks into a fresh one until it is at `expected`.
pub async fn rebuild_state<E: Spawner + StorageContext>(
    context: E,
    config: DatabaseConfig,
    source: &RepairSource,
    expected: &StateTarget,
) -> Result<StateDb<E>, RepairError> {
    for partition in state_partitions(&config) {
        remove_partition(&context, &partition).await?;
    }
    let mut database = StateDb::<E>::init(context.child("rebuilt"), config, None).await.map_err(storage)?;
    let mut follower = Follower::new(source.clone()).await?;
    let mut height = Height::new(0);
    while database.sync_target() != *expected {
        height = height.next();
        let (block, executed) = follower.next(height).await?;
        let mut batch = database.new_batch();
        for write in executed.writes {
            batch = batch.write(StateKey::from(write.key), write.value);
        }
        let sealed =
            batch.merkleize(&database, Some(commit_metadata(height)), &mut Proportional).await.map_err(storage)?;
        let (found, committed) = (roots::to_root(&sealed.root()), block.header().state_root);
        if found != committed {
            return Err(RepairError::Root { height, expected: committed, found });
        }
        database = database.apply_batch(sealed).await.map_err(storage)?;
    }
    let (database, durable) = database.start_sync().await.map_err(storage)?;
    durable.await.map_err(storage)?;
    Ok(database)
}

/// Puts the results of every height up to `through` that lacks them.
pub async fn rebuild_results<E: StorageContext>(
    archive: &ResultsArchive<E>,
    source: &RepairSource,
    through: Height,
) -> Result<usize, RepairError> {
    let missing: BTreeSet<Height> = archive.missing(through, MISSING_RESULTS_MAX).await.into_iter().collect();
    let Some(last) = missing.last().copied() else { return Ok(0) };
    let mut follower = Follower::new(source.clone()).await?;
    let mut height = Height::new(0);
    while height < last {
        height = height.next();
        let (block, executed) = follower.next(height).await?;
        if missing.contains(&height) {
            let Executed { receipts, events, .. } = executed;
            archive.put(&BlockResults { height, digest: block.block_digest(), receipts, events }).await?;
        }
    }
    Ok(missing.len())
}

/// Every partition that the state database writes under `config`.
pub fn state_partitions(config: &DatabaseConfig) -> Vec<String> {
    let log = &config.journal_config.partition;
    let merkle = &config.merkle_config.journal_partition;
    let suffixes = ["", "_data", "_offsets", "-blobs", "-metadata", "_offsets-blobs", "_offsets-metadata"];
    let mut partitions: Vec<String> = suffixes.iter().map(|suffix| format!("{log}{suffix}")).collect();
    partitions.extend(suffixes.iter().map(|suffix| format!("{merkle}{suffix}")));
    partitions.push(config.merkle_config.metadata_partition.clone());
    partitions.push(config.grafted_metadata_partition.clone());
    partitions
}

/// Removes a partition; one that is not there is as good as removed.
pub async fn remove_partition<E: StorageContext>(context: &E, partition: &str) -> Result<(), RepairError> {
    match context.remove(partition, None).await {
        Ok(()) | Err(RuntimeError::PartitionMissing(_)) => Ok(()),
        Err(error) => Err(storage(error)),
    }
}

fn storage(error: impl std::fmt::Display) -> RepairError {
    RepairError::Storage(error.to_string())
}
