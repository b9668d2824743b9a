//! The types of the node's parts and the layout of its storage, in one place.
//!
//! Partition names are part of the data format: they begin with the node's prefix and never change.

use crate::{
    block::{Digest, NodeBlock},
    store::{DatabaseConfig, database_config},
};
use commonware_consensus::{
    marshal::{core, standard::Standard},
    simplex::{scheme::ed25519, types::Finalization},
};
use commonware_cryptography::certificate::Verifier as _;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::immutable;
use commonware_utils::{NZU64, NZUsize};
use std::{num::NonZeroUsize, sync::Arc};

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

/// Buffer of the vote log.
pub const VOTE_LOG_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 16);
/// Buffers of the archives.
pub const ARCHIVE_BUFFER_BYTES: NonZeroUsize = NZUsize!(1 << 18);

/// Where everything is kept.
#[derive(Clone)]
pub struct Storages {
    /// Begins every partition's name.
    pub prefix: String,
    /// Shared by all stores.
    pub page_cache: CacheRef,
}

impl Storages {
    /// The state database.
    pub fn database(&self) -> DatabaseConfig {
        database_config(&self.prefix, self.page_cache.clone())
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

    /// Every partition that must go when blocks or certificates are damaged: both archives, the position
    /// that marshal keeps, and the plan that was made from it. State and vote log stay.
    pub fn block_partitions(&self) -> Vec<String> {
        let mut partitions = Vec::new();
        for name in ["blocks", "certificates"] {
            let config = self.archive(name, ());
            partitions.extend([
                config.metadata_partition,
                config.freezer_table_partition,
                config.freezer_key_partition,
                config.freezer_value_partition,
                config.ordinal_partition,
            ]);
        }
        partitions.push(format!("{}-application-metadata", self.marshal()));
        partitions.push(format!("{}state_sync_metadata", self.sync_plan()));
        partitions
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
