//! A block: a header that names everything, and a body that the header commits to.
//!
//! A block's digest is SHA-256 of its encoded header. The body's parts are committed by `body_root`; the
//! results of executing it by the state, receipts and events roots, which every verifier recomputes.

use crate::{
    codec::{self, DecodeError},
    envelope::SignedAction,
    hash::{BlockDigest, GenesisHash, Root, sha256},
    ids::Height,
    limits::BLOCK_BYTES_MAX,
    oracle::OracleBundle,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The consensus round in which a block was proposed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ConsensusContext {
    /// The epoch.
    pub epoch: u64,
    /// The view within the epoch.
    pub view: u64,
    /// The proposer's vote key.
    pub leader: crate::address::Ed25519Key,
    /// The view of the parent.
    pub parent_view: u64,
    /// The parent.
    pub parent: BlockDigest,
}

/// The part of a block that is hashed, certified and kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Header {
    /// The chain.
    pub chain_id: u64,
    /// The rules under which the block was executed.
    pub protocol_version: u32,
    /// The parent's height + 1.
    pub height: Height,
    /// The parent's digest; the genesis block's parent is all zeros.
    pub parent: BlockDigest,
    /// The round it was proposed in.
    pub context: ConsensusContext,
    /// Block time.
    pub time_ms: TimeMs,
    /// SHA-256 of the encoded body.
    pub body_root: Root,
    /// SHA-256 of the encoded oracle bundle, zero if there is none.
    pub oracle_bundle_root: Root,
    /// Root of the current values of the state: what balance and order proofs lead to.
    pub state_root: Root,
    /// Root of the log of state operations: what state sync is checked against.
    pub operations_root: Root,
    /// First and one-past-last operation that `operations_root` covers and sync needs.
    pub operations_range: OperationsRange,
    /// Root of the receipts.
    pub receipts_root: Root,
    /// Root of the events.
    pub events_root: Root,
    /// The genesis, at height 1 (and in the genesis block); zero elsewhere.
    pub genesis_hash: GenesisHash,
    /// The random beacon's signature; empty until the beacon exists.
    pub beacon: Vec<u8>,
}

/// A range of positions in the log of state operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OperationsRange {
    /// First position needed.
    pub start: u64,
    /// One past the last position.
    pub end: u64,
}

/// The part of a block that is executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// Prices, if a quorum of seats spoke.
    pub oracle_bundle: Option<OracleBundle>,
    /// Actions in the proposer's order, which does not matter: the engine orders them.
    pub actions: Vec<SignedAction>,
}

/// A whole block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// What is certified.
    pub header: Header,
    /// What is executed.
    pub body: Body,
}

impl Header {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// SHA-256 of the canonical bytes.
    pub fn digest(&self) -> BlockDigest {
        BlockDigest(sha256(&[&self.encode()]))
    }
}

impl Body {
    /// What `body_root` of the header must be.
    pub fn root(&self) -> Root {
        Root(sha256(&[&codec::encode(self)]))
    }

    /// What `oracle_bundle_root` of the header must be.
    pub fn oracle_bundle_root(&self) -> Root {
        match &self.oracle_bundle {
            Some(bundle) => Root(sha256(&[&codec::encode(bundle)])),
            None => Root::default(),
        }
    }
}

impl Block {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes canonical bytes of at most [`BLOCK_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, BLOCK_BYTES_MAX)
    }
}
