//! What a node checks of its own stores before it takes part.
//!
//! - **Identity.** A data folder belongs to one genesis and one key, noted at its first start. Another
//!   genesis or key is refused with one line, before anything is written.
//! - **Votes.** The log of own votes is what keeps a node from voting twice differently. If it is missing or
//!   unreadable while there are finalized blocks, or ends long before the newest certificate, the node may
//!   have voted and cannot know what: it runs without voting, and says so, until an operator gives it a new
//!   key. (Storage cuts a log at the first byte that does not check, so damage shows as a log that ends early.)
//! - **Blocks and certificates.** If their archives do not open, or the newest blocks do not decode, do not
//!   have the digest they are filed under or do not chain, they are wiped with everything that was derived
//!   from their position and fetched from peers again. The vote log stays.
//! - **Only what is damaged.** A disk that does not serve is not damage ([`crate::disk`]): nothing is wiped, the vote log
//!   is not given up, and the node does not start.
//! - **Results.** If the archive of receipts does not open, or the newest records do not have the roots of
//!   their headers, it is wiped; missing records are made again by executing the blocks.

use crate::{
    block::{Digest, NodeBlock},
    disk::StoreFault,
    repair::{RepairError, remove_partition},
    results::ResultsArchive,
    status::{Damage, Status, Store, Voting},
    wiring::{BlockArchive, CertificateArchive, Scheme, Storages, VOTE_LOG_BUFFER_BYTES},
};
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_consensus::{Viewable as _, simplex::types::Artifact};
use commonware_cryptography::{Digestible as _, certificate::Verifier as _, ed25519};
use commonware_runtime::{Error as RuntimeError, ReadOptions, buffer::paged::CacheRef};
use commonware_storage::{
    Context as StorageContext,
    archive::{Archive as _, Identifier},
    journal::segmented::variable,
    metadata::{self, Metadata},
};
use commonware_utils::sequence::FixedBytes;
use palisade_types::{hash::GenesisHash, ids::Height};
use std::sync::Arc;
use tracing::{error, warn};

/// A whole log reaches at least to this many views before the newest certificate: votes are synced before they
/// are sent, but a certificate may reach the archive a few views before the log.
const VOTE_LOG_SLACK_VIEWS: u64 = 16;

/// Newest heights whose blocks and results are read at a start; older damage is found when it is read.
pub const VERIFIED_HEIGHTS: u64 = 1_024;
/// Actions in the blocks that are read at a start; full blocks are as slow to read as they were to execute.
const VERIFIED_ACTIONS: usize = 20_000;

const GENESIS_KEY: FixedBytes<1> = FixedBytes::new([0]);
const VOTE_KEY: FixedBytes<1> = FixedBytes::new([1]);

/// A data folder that belongs to another chain or seat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Another chain's.
    #[error(
        "the data folder belongs to the chain with genesis {stored}, this is {given}: use another data folder or the right genesis file"
    )]
    Genesis {
        /// Noted at the first start.
        stored: GenesisHash,
        /// Given now.
        given: GenesisHash,
    },
    /// Another seat's.
    #[error("the data folder belongs to vote key {stored}, this is {given}: use another data folder or the right key")]
    Key {
        /// Noted at the first start.
        stored: String,
        /// Given now.
        given: String,
    },
    /// The note itself cannot be read or written.
    #[error("the identity of the data folder cannot be read: {reason}")]
    Unreadable {
        /// What storage said.
        reason: String,
    },
}

/// Compares the data folder's identity with the one given, and notes it at the first start.
pub async fn check_identity<E: StorageContext>(
    context: E,
    prefix: &str,
    genesis: GenesisHash,
    key: &ed25519::PublicKey,
) -> Result<(), IdentityError> {
    let unreadable = |error: metadata::Error| IdentityError::Unreadable { reason: error.to_string() };
    let config = metadata::Config { partition: format!("{prefix}-identity"), codec_config: () };
    let mut store = Metadata::<E, FixedBytes<1>, FixedBytes<32>>::init(context, config).await.map_err(unreadable)?;
    if let Some(stored) = store.get(&GENESIS_KEY)
        && stored.as_ref() != genesis.as_bytes()
    {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(stored.as_ref());
        return Err(IdentityError::Genesis { stored: GenesisHash(bytes), given: genesis });
    }
    let own = key.encode();
    if let Some(stored) = store.get(&VOTE_KEY) {
        if stored.as_ref() != own.as_ref() {
            let stored = ed25519::PublicKey::decode(Copying(stored.as_ref()))
                .map_or_else(|_| "unreadable".to_owned(), |key| key.to_string());
            return Err(IdentityError::Key { stored, given: key.to_string() });
        }
        return Ok(());
    }
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(own.as_ref());
    store = store.put_sync(GENESIS_KEY, FixedBytes::new(*genesis.as_bytes())).await.map_err(unreadable)?;
    store.put_sync(VOTE_KEY, FixedBytes::new(bytes)).await.map_err(unreadable)?;
    Ok(())
}

/// What a node must have voted on, judged by everything but its vote log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing: it is new.
    None,
    /// It has or had finalized blocks, the newest certificate being of this view (0 if it is lost).
    FinalizedView(u64),
}

/// Whether the node may vote, given its vote log and its past.
pub async fn check_vote_log<E: StorageContext>(
    context: E,
    partition: &str,
    scheme: &Scheme,
    page_cache: CacheRef,
    past: Past,
) -> Result<Voting, RepairError> {
    let lost = |reason: String| {
        error!(reason, "the log of own votes is lost: following without voting");
        Ok(Voting::VoteLogLost { reason })
    };
    match context.scan(partition).await {
        Ok(blobs) if !blobs.is_empty() => {}
        Ok(_) | Err(RuntimeError::PartitionMissing(_)) if past == Past::None => return Ok(Voting::Votes),
        Ok(_) | Err(RuntimeError::PartitionMissing(_)) => return lost("it is missing".to_owned()),
        Err(error) => return lost(content(Store::Votes, StoreFault::of(&error))?),
    }
    match (read_vote_log(context, partition, scheme, page_cache).await, past) {
        (Err(fault), _) => lost(content(Store::Votes, fault)?),
        (Ok(newest), Past::FinalizedView(finalized)) if newest.saturating_add(VOTE_LOG_SLACK_VIEWS) < finalized => {
            lost(format!("it ends at view {newest}, view {finalized} is final"))
        }
        (Ok(_), Past::FinalizedView(_) | Past::None) => Ok(Voting::Votes),
    }
}

/// What is wrong with a store's content; an error if its disk does not serve.
fn content(store: Store, fault: StoreFault) -> Result<String, RepairError> {
    match fault {
        StoreFault::Content(reason) => Ok(reason),
        StoreFault::Disk(reason) => Err(RepairError::Disk { store, reason }),
    }
}

/// The newest view that the log knows.
async fn read_vote_log<E: StorageContext>(
    context: E,
    partition: &str,
    scheme: &Scheme,
    page_cache: CacheRef,
) -> Result<u64, StoreFault> {
    let config = variable::Config {
        partition: partition.to_owned(),
        compression: None,
        codec_config: scheme.certificate_codec_config(),
        page_cache,
        write_buffer: VOTE_LOG_BUFFER_BYTES,
    };
    let log = variable::Journal::<E, Artifact<Scheme, Digest>>::init(context, config)
        .await
        .map_err(|error| StoreFault::of(&error))?;
    let mut replay = log
        .replay(0, 0, VOTE_LOG_BUFFER_BYTES, ReadOptions::DONT_CACHE)
        .await
        .map_err(|error| StoreFault::of(&error))?;
    let mut newest = 0;
    while let Some(artifact) = replay.next().await {
        let (_, _, _, artifact) = artifact.map_err(|error| StoreFault::of(&error))?;
        newest = newest.max(artifact.view().get());
    }
    Ok(newest)
}

/// The opened archives of blocks and certificates.
pub struct BlockStores<E: StorageContext> {
    /// Finalized blocks by height.
    pub blocks: BlockArchive<E>,
    /// Their certificates by height.
    pub certificates: CertificateArchive<E>,
}

impl<E: StorageContext> BlockStores<E> {
    /// The highest finalized height that is stored.
    pub fn last(&self) -> Height {
        Height::new(self.blocks.last_index().unwrap_or(0))
    }

    /// What the stores say of the node's past. Wiped stores do not make a node new.
    pub async fn past(&self, status: &Status) -> Result<Past, RepairError> {
        if self.last() == Height::new(0) && status.damages().is_empty() {
            return Ok(Past::None);
        }
        let Some(last) = self.certificates.last_index() else { return Ok(Past::FinalizedView(0)) };
        let newest = match self.certificates.get(Identifier::Index(last)).await {
            Ok(newest) => newest,
            Err(error) => {
                content(Store::Certificates, StoreFault::of(&error))?;
                None
            }
        };
        Ok(Past::FinalizedView(newest.map_or(0, |certificate| certificate.view().get())))
    }
}

/// Opens blocks and certificates; wipes and opens them again if they are damaged.
pub async fn open_blocks<E: StorageContext>(
    context: &E,
    storages: &Storages,
    status: &Status,
) -> Result<BlockStores<E>, RepairError> {
    let (store, fault) = match open_block_stores(context, storages).await {
        Ok(stores) => match verify_blocks(&stores).await {
            Ok(()) => return Ok(stores),
            Err(fault) => (Store::Blocks, fault),
        },
        Err(found) => found,
    };
    let damage = Damage { store, reason: content(store, fault)?, repaired: false };
    error!(store = ?damage.store, reason = damage.reason, "a block store is damaged: fetching blocks from peers again");
    status.report(damage);
    for partition in storages.block_partitions() {
        remove_partition(context, &partition).await?;
    }
    let stores = open_block_stores(context, storages).await;
    let stores =
        stores.map_err(|(_, StoreFault::Disk(reason) | StoreFault::Content(reason))| RepairError::Storage(reason))?;
    status.repaired(store);
    Ok(stores)
}

async fn open_block_stores<E: StorageContext>(
    context: &E,
    storages: &Storages,
) -> Result<BlockStores<E>, (Store, StoreFault)> {
    let certificates = CertificateArchive::init(context.child("certificates"), storages.certificate_archive())
        .await
        .map_err(|error| (Store::Certificates, StoreFault::of(&error)))?;
    let blocks = BlockArchive::init(context.child("blocks"), storages.block_archive())
        .await
        .map_err(|error| (Store::Blocks, StoreFault::of(&error)))?;
    Ok(BlockStores { blocks, certificates })
}

async fn verify_blocks<E: StorageContext>(stores: &BlockStores<E>) -> Result<(), StoreFault> {
    let wrong = |what: String| Err(StoreFault::Content(what));
    let last = stores.last().get();
    let mut child: Option<Arc<NodeBlock>> = None;
    let mut actions = 0usize;
    for height in (last.saturating_sub(VERIFIED_HEIGHTS)..=last).rev() {
        if actions > VERIFIED_ACTIONS {
            break;
        }
        let found = stores.blocks.get(Identifier::Index(height)).await.map_err(|error| StoreFault::of(&error))?;
        let Some(block) = found else {
            child = None;
            continue;
        };
        if block.header().height.get() != height {
            return wrong(format!("block {height} is filed wrongly: it has height {}", block.header().height));
        }
        if let Some(child) = &child
            && child.header().parent != block.block_digest()
        {
            return wrong(format!("block {height} is not the parent of block {}", child.header().height));
        }
        actions = actions.saturating_add(block.body().actions.len());
        let certificate = stores.certificates.get(Identifier::Index(height)).await;
        match certificate {
            Ok(Some(finalization)) if finalization.proposal.payload != block.digest() => {
                return wrong(format!("the certificate of height {height} is of another block"));
            }
            Ok(_) => {}
            Err(error) => return Err(StoreFault::of(&error)),
        }
        child = Some(block);
    }
    Ok(())
}

/// Opens the archive of receipts; wipes it if it is damaged. What is missing is made again later.
pub async fn open_results<E: StorageContext>(
    context: &E,
    storages: &Storages,
    stores: &BlockStores<E>,
    status: &Status,
) -> Result<ResultsArchive<E>, RepairError> {
    let fault = match ResultsArchive::open(context.child("results"), storages).await {
        Ok(archive) => match verify_results(&archive, stores).await {
            Ok(()) => return Ok(archive),
            Err(fault) => fault,
        },
        Err(error) => StoreFault::of(&error),
    };
    let reason = content(Store::Results, fault)?;
    warn!(reason, "the store of receipts is damaged: making it again from the blocks");
    status.report(Damage { store: Store::Results, reason, repaired: false });
    for partition in storages.results_partitions() {
        remove_partition(context, &partition).await?;
    }
    Ok(ResultsArchive::open(context.child("results"), storages).await?)
}

async fn verify_results<E: StorageContext>(
    archive: &ResultsArchive<E>,
    stores: &BlockStores<E>,
) -> Result<(), StoreFault> {
    let last = archive.last().await.unwrap_or_default().get();
    let mut actions = 0usize;
    for height in (last.saturating_sub(VERIFIED_HEIGHTS).max(1)..=last).rev() {
        if actions > VERIFIED_ACTIONS {
            break;
        }
        let Some(results) = archive.get(Height::new(height)).await.map_err(|error| StoreFault::of(&error))? else {
            continue;
        };
        let Ok(Some(block)) = stores.blocks.get(Identifier::Index(height)).await else { continue };
        actions = actions.saturating_add(block.body().actions.len());
        let header = block.header();
        if results.digest != block.block_digest()
            || results.receipts_root() != header.receipts_root
            || results.events_root() != header.events_root
        {
            let reason = format!("the results of height {height} are not those that its header commits to");
            return Err(StoreFault::Content(reason));
        }
    }
    Ok(())
}
