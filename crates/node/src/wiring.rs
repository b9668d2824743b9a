//! The types of the node's parts and the layout of its storage, in one place.
//!
//! Partition names are part of the data format: they begin with the node's prefix and never change.

use crate::{
    block::{Digest, NodeBlock},
    results::RESULTS_BYTES_MAX,
    store::{DatabaseConfig, database_config},
};
use commonware_codec::RangeCfg;
use commonware_consensus::{
    marshal::{core, standard::Standard},
    simplex::{scheme::ed25519, types::Finalization},
};
use commonware_cryptography::certificate::Verifier as _;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{archive::immutable, freezer};
use commonware_utils::{NZU16, NZU64, NZUsize};
use std::{
    num::{NonZeroU16, NonZeroUsize},
    sync::Arc,
};

/// The signature scheme of votes: attributable and deterministic.
pub type Scheme = ed25519::Scheme;
/// How blocks travel: whole.
pub type Variant = Standard<NodeBlock>;
/// The handle of the actor that orders finalized blocks.
pub type MarshalMailbox = core::Mailbox<Scheme, Variant>;
/// A certificate that a block is final.
pub type FinalityCertificate = Finalization<Scheme, Digest>;
/// Finalized blocks by height, never pruned.
pub type BlockArchive<E> = immutable::Archive<E, Digest, Arc<NodeBlock>>;
/// Certificates by height, never pruned.
pub type CertificateArchive<E> = immutable::Archive<E, Digest, FinalityCertificate>;

/// A page of the cache.
const PAGE_BYTES: NonZeroU16 = NZU16!(4_096);
/// Buffer of the vote log.
pub const VOTE_LOG_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 16);
/// Buffers of the archives.
pub const ARCHIVE_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 18);

/// Where everything is kept.
#[derive(Clone)]
pub struct Storages {
    /// Begins every partition's name.
    pub prefix: String,
    /// Pages of the cache.
    pub pages: NonZeroUsize,
    /// Shared by all stores.
    pub page_cache: CacheRef,
}

impl Storages {
    /// Partitions that begin with `prefix`, and so many pages of cache for all of them.
    pub fn new(prefix: String, pages: NonZeroUsize) -> Self {
        Self { prefix, pages, page_cache: CacheRef::new(PAGE_BYTES, pages) }
    }

    /// The state database.
    pub fn database(&self) -> DatabaseConfig {
        database_config(&self.prefix, self.page_cache.clone(), self.pages)
    }

    /// The log of own votes in `epoch`.
    pub fn vote_log(&self, epoch: u64) -> String {
        format!("{}-votes-{epoch}", self.prefix)
    }

    /// What a node that lost its vote log writes instead; it never holds a vote of its own.
    pub fn observer_log(&self, epoch: u64) -> String {
        format!("{}-observed-{epoch}", self.prefix)
    }

    /// The prefix of marshal's own partitions.
    pub fn marshal(&self) -> String {
        format!("{}-marshal", self.prefix)
    }

    /// The prefix of the record whether the state was synced.
    pub fn sync_plan(&self) -> String {
        format!("{}-plan-", self.prefix)
    }

    /// The archive of finalized blocks.
    pub fn block_archive(&self) -> immutable::Config<()> {
        self.archive("blocks", ())
    }

    /// The archive of certificates.
    pub fn certificate_archive(
        &self,
    ) -> immutable::Config<
        <<Scheme as commonware_cryptography::certificate::Verifier>::Certificate as commonware_codec::Read>::Cfg,
    > {
        self.archive("certificates", Scheme::certificate_codec_config_unbounded())
    }

    /// The archive of receipts and events.
    pub fn results_archive(&self) -> immutable::Config<RangeCfg<usize>> {
        self.archive("results", RangeCfg::from(0..=RESULTS_BYTES_MAX))
    }

    /// The index of receipts by the names of their actions.
    pub fn receipt_index(&self) -> freezer::Config<((), ())> {
        let prefix = format!("{}-receipts", self.prefix);
        freezer::Config {
            key_partition: format!("{prefix}-key"),
            key_write_buffer: ARCHIVE_BUFFER_BYTES,
            key_page_cache: self.page_cache.clone(),
            value_partition: format!("{prefix}-value"),
            value_compression: None,
            value_write_buffer: ARCHIVE_BUFFER_BYTES,
            value_target_size: 1 << 30,
            table_partition: format!("{prefix}-table"),
            table_initial_size: 65_536,
            table_resize_frequency: 4,
            table_resize_chunk_size: 16_384,
            table_replay_buffer: ARCHIVE_BUFFER_BYTES,
            codec_config: ((), ()),
        }
    }

    /// How far the index of receipts has come.
    pub fn receipt_index_commits(&self) -> String {
        format!("{}-receipts-metadata", self.prefix)
    }

    /// Every partition of the index of receipts.
    pub fn receipt_index_partitions(&self) -> [String; 4] {
        let config = self.receipt_index();
        [self.receipt_index_commits(), config.key_partition, config.value_partition, config.table_partition]
    }

    /// Every partition that must go when blocks or certificates are damaged: both archives, the position
    /// that marshal keeps, and the plan that was made from it. State and vote log stay.
    pub fn block_partitions(&self) -> Vec<String> {
        let mut partitions: Vec<String> =
            ["blocks", "certificates"].into_iter().flat_map(|name| self.archive_partitions(name)).collect();
        partitions.push(format!("{}-application-metadata", self.marshal()));
        partitions.push(format!("{}state_sync_metadata", self.sync_plan()));
        partitions
    }

    /// Every partition of the archive of receipts and events.
    pub fn results_partitions(&self) -> [String; 5] {
        self.archive_partitions("results")
    }

    fn archive_partitions(&self, name: &str) -> [String; 5] {
        let config = self.archive(name, ());
        [
            config.metadata_partition,
            config.freezer_table_partition,
            config.freezer_key_partition,
            config.freezer_value_partition,
            config.ordinal_partition,
        ]
    }

    fn archive<C>(&self, name: &str, codec_config: C) -> immutable::Config<C> {
        let prefix = format!("{}-{name}", self.prefix);
        immutable::Config {
            metadata_partition: format!("{prefix}-metadata"),
            freezer_table_partition: format!("{prefix}-table"),
            freezer_table_initial_size: 4_096,
            freezer_table_resize_frequency: 4,
            freezer_table_resize_chunk_size: 4_096,
            freezer_key_partition: format!("{prefix}-key"),
            freezer_key_page_cache: self.page_cache.clone(),
            freezer_value_partition: format!("{prefix}-value"),
            freezer_value_target_size: 1 << 30,
            freezer_value_compression: Some(3),
            ordinal_partition: format!("{prefix}-ordinal"),
            items_per_section: NZU64!(65_536),
            freezer_key_write_buffer: ARCHIVE_BUFFER_BYTES,
            freezer_value_write_buffer: ARCHIVE_BUFFER_BYTES,
            ordinal_write_buffer: ARCHIVE_BUFFER_BYTES,
            replay_buffer: ARCHIVE_BUFFER_BYTES,
            codec_config,
        }
    }
}
