//! What a node is told: who it is, whom it talks to, where it keeps its data, what chain it is on.
//!
//! Everything that must be equal on all nodes is in the genesis; everything here may differ from node to
//! node. The data folder belongs to the runtime: a tokio runner is given a storage directory, and each
//! node's partitions lie below it under [`NodeConfig::partition_prefix`].

use crate::clock::NodeClock;
use commonware_cryptography::ed25519;
use commonware_utils::NZUsize;
use palisade_types::genesis::Genesis;
use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

/// A validator that this node may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its vote key, as in the genesis.
    pub key: ed25519::PublicKey,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How long consensus waits before it gives up on a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the leader's block. Above the pace of empty blocks.
    pub leader: Duration,
    /// For the votes on it.
    pub certification: Duration,
    /// Before a vote to skip the view is sent again.
    pub retry: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            leader: Duration::from_millis(1_000),
            certification: Duration::from_millis(2_000),
            retry: Duration::from_millis(1_000),
        }
    }
}

/// How much of the log of state operations is kept. Blocks, certificates and receipts are always kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Blocks between two prunings.
    pub interval_blocks: NonZeroUsize,
    /// Blocks below the newest whose states a start can still go back to.
    pub retained_blocks: usize,
}

impl Default for Pruning {
    fn default() -> Self {
        Self { interval_blocks: NZUsize!(1_024), retained_blocks: 4_096 }
    }
}

/// What a node needs to run.
#[derive(Clone)]
pub struct NodeConfig {
    /// What the chain starts from; equal on all nodes.
    pub genesis: Arc<Genesis>,
    /// The seat's vote key. It also names the node to its peers.
    pub vote_key: ed25519::PrivateKey,
    /// The other validators. Those of the genesis that are missing here cannot be dialled but may dial us.
    pub peers: Vec<Peer>,
    /// Where to listen for peers.
    pub listen: SocketAddr,
    /// Begins the name of every partition of this node, so that several nodes may share one storage.
    pub partition_prefix: String,
    /// Consensus timeouts; equal on all nodes by convention, not by rule.
    pub timeouts: Timeouts,
    /// How much of the log of state operations is kept.
    pub pruning: Pruning,
    /// Pages of the shared page cache, 4 KiB each.
    pub page_cache_pages: usize,
    /// What it takes for the time.
    pub clock: NodeClock,
}

impl NodeConfig {
    /// A node with the usual timeouts and a page cache of 64 MiB.
    pub fn new(
        genesis: Arc<Genesis>,
        vote_key: ed25519::PrivateKey,
        peers: Vec<Peer>,
        listen: SocketAddr,
        partition_prefix: impl Into<String>,
    ) -> Self {
        Self {
            genesis,
            vote_key,
            peers,
            listen,
            partition_prefix: partition_prefix.into(),
            timeouts: Timeouts::default(),
            pruning: Pruning::default(),
            page_cache_pages: 16 * 1024,
            clock: NodeClock::default(),
        }
    }
}
