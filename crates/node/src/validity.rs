//! The rules of a block that its header and its parent's decide, without executing anything.
//!
//! They are permanent: a block that breaks one is invalid for everyone and for ever, so a verifier may
//! answer at once. What depends on a clock or on what a node has received is not here; it only delays. Which
//! rules version a block must follow is in its parent's state, so the engine cache checks it.

use crate::block::NodeBlock;
use palisade_types::{
    block::Header,
    genesis::Genesis,
    hash::{BlockDigest, GenesisHash},
    ids::Height,
    limits::{ACTION_BYTES_MAX, BLOCK_ACTIONS_MAX, BLOCK_TIME_STEP_MAX_MS, BLOCK_TIME_STEP_MIN_MS},
    oracle::OracleBundle,
    time::TimeMs,
};

/// A rule that a block breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// A block of another chain.
    #[error("chain {found}, this is chain {expected}")]
    ChainId {
        /// This chain.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// Not the parent's height + 1.
    #[error("height {found}, expected {expected}")]
    Height {
        /// The parent's + 1.
        expected: Height,
        /// The block's.
        found: Height,
    },
    /// Built on another block.
    #[error("parent {found}, expected {expected}")]
    Parent {
        /// The block below it.
        expected: BlockDigest,
        /// What the header names.
        found: BlockDigest,
    },
    /// The genesis is named at height 1 and nowhere else.
    #[error("genesis hash {found}, expected {expected}")]
    GenesisHash {
        /// What belongs there.
        expected: GenesisHash,
        /// What is there.
        found: GenesisHash,
    },
    /// A beacon before there is one.
    #[error("a beacon of {found_bytes} bytes, expected none")]
    Beacon {
        /// Its length.
        found_bytes: usize,
    },
    /// Time outside the bounds that parent and oracle bundle set.
    #[error("time {found}, expected {earliest} to {latest}")]
    Time {
        /// First allowed.
        earliest: TimeMs,
        /// Last allowed.
        latest: TimeMs,
        /// The block's.
        found: TimeMs,
    },
    /// Too many actions.
    #[error("{found} actions, more than {BLOCK_ACTIONS_MAX}")]
    Actions {
        /// How many.
        found: usize,
    },
    /// An action that is too long.
    #[error("action {index} has {found_bytes} bytes, more than {ACTION_BYTES_MAX}")]
    ActionSize {
        /// Its place.
        index: usize,
        /// Its length.
        found_bytes: usize,
    },
}

/// Checks a block against its parent's header.
pub fn check(
    genesis: &Genesis,
    genesis_hash: GenesisHash,
    parent: &NodeBlock,
    block: &NodeBlock,
) -> Result<(), InvalidHeader> {
    let header = block.header();
    let parent_header = parent.header();
    if header.chain_id != genesis.chain_id {
        return Err(InvalidHeader::ChainId { expected: genesis.chain_id, found: header.chain_id });
    }
    if header.height != parent_header.height.next() {
        return Err(InvalidHeader::Height { expected: parent_header.height.next(), found: header.height });
    }
    if header.parent != parent.block_digest() {
        return Err(InvalidHeader::Parent { expected: parent.block_digest(), found: header.parent });
    }
    let expected = named_genesis(header.height, genesis_hash);
    if header.genesis_hash != expected {
        return Err(InvalidHeader::GenesisHash { expected, found: header.genesis_hash });
    }
    if !header.beacon.is_empty() {
        return Err(InvalidHeader::Beacon { found_bytes: header.beacon.len() });
    }
    let (earliest, latest) = time_bounds(parent_header, block.body().oracle_bundle.as_ref());
    if header.time_ms < earliest || header.time_ms > latest {
        return Err(InvalidHeader::Time { earliest, latest, found: header.time_ms });
    }
    check_actions(block)
}

/// What the header at `height` says of the genesis.
pub fn named_genesis(height: Height, genesis_hash: GenesisHash) -> GenesisHash {
    if height <= Height::new(1) { genesis_hash } else { GenesisHash::default() }
}

/// First and last time that a child of `parent` with this bundle may have. Only a quorum's bundle can
/// lift the upper bound, so no single leader can jump time.
pub fn time_bounds(parent: &Header, bundle: Option<&OracleBundle>) -> (TimeMs, TimeMs) {
    let earliest = parent.time_ms.saturating_add(BLOCK_TIME_STEP_MIN_MS);
    let anchor = bundle.and_then(median_time).map_or(parent.time_ms, |median| median.max(parent.time_ms));
    (earliest, anchor.saturating_add(BLOCK_TIME_STEP_MAX_MS))
}

/// The lower median of the votes' times: at least one honest seat signed a time at or after it.
fn median_time(bundle: &OracleBundle) -> Option<TimeMs> {
    let mut times: Vec<TimeMs> = bundle.votes.iter().map(|signed| signed.vote.time_ms).collect();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

fn check_actions(block: &NodeBlock) -> Result<(), InvalidHeader> {
    let actions = &block.body().actions;
    if actions.len() > BLOCK_ACTIONS_MAX {
        return Err(InvalidHeader::Actions { found: actions.len() });
    }
    for (index, action) in actions.iter().enumerate() {
        let found_bytes = action.encode().len();
        if found_bytes > ACTION_BYTES_MAX {
            return Err(InvalidHeader::ActionSize { index, found_bytes });
        }
    }
    Ok(())
}
