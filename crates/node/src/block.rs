//! The block as consensus sees it: a types-crate block with the traits that marshal and simplex want.
//!
//! [`NodeBlock`] is a decoded block together with its canonical bytes, its digest and its consensus
//! context in simplex's own types. It is only ever made by [`NodeBlock::new`] or by decoding, and both
//! check what must hold for *every* block, valid or not, because caches and archives are keyed by digest:
//!
//! - The digest covers the header alone, so a body that does not match the header's `body_root` is refused
//!   here. Otherwise a peer could bind a foreign body to an honest digest and poison a cache.
//! - The header's parent is the parent of its consensus context.
//! - The leader's key is a point on the curve.
//! - At most `BLOCK_BYTES_MAX` bytes, and one encoding per block: decoding what was encoded gives the
//!   same block, and nothing else decodes to it.
//!
//! Whether a block is *valid* (time, roots, admissible actions) is decided by the application.

use bytes::{BufMut, Bytes};
use commonware_codec::{
    Buf, Copying, DecodeExt as _, EncodeSize, Error as CodecError, RangeCfg, Read, Write, varint::MAX_U32_VARINT_SIZE,
};
use commonware_consensus::{
    Block as ConsensusBlock, BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context,
    types::{Epoch, Height as ConsensusHeight, Round, View},
};
use commonware_cryptography::{Digestible, ed25519, sha256};
pub use palisade_client::proof::consensus_namespace;
use palisade_types::{
    address::Ed25519Key,
    block::{Block, Body, ConsensusContext, Header, OperationsRange},
    codec::DecodeError,
    genesis::Genesis,
    hash::{BlockDigest, Root},
    ids::Height,
    limits::BLOCK_BYTES_MAX,
};
use std::sync::Arc;

/// A digest in the form that consensus uses.
pub type Digest = sha256::Digest;
/// The consensus context of a block in simplex's types.
pub type BlockContext = Context<Digest, ed25519::PublicKey>;

/// A block that cannot be named by its digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Not the canonical encoding of a block.
    #[error("undecodable block: {0}")]
    Decode(#[from] DecodeError),
    /// Longer than a block may be.
    #[error("a block of {found_bytes} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        found_bytes: usize,
    },
    /// The body is not the one that the header commits to.
    #[error("the header commits to body {expected}, the body is {found}")]
    BodyRoot {
        /// What the header says.
        expected: Root,
        /// What the body hashes to.
        found: Root,
    },
    /// The oracle bundle is not the one that the header commits to.
    #[error("the header commits to oracle bundle {expected}, the bundle is {found}")]
    OracleBundleRoot {
        /// What the header says.
        expected: Root,
        /// What the bundle hashes to.
        found: Root,
    },
    /// The parent of the header and of its consensus context differ.
    #[error("the header's parent is {header}, its context's is {context}")]
    ContextParent {
        /// The header's parent.
        header: BlockDigest,
        /// The context's parent.
        context: BlockDigest,
    },
    /// The leader is not an Ed25519 public key.
    #[error("leader {leader} is not an Ed25519 public key")]
    Leader {
        /// The bytes in its place.
        leader: Ed25519Key,
    },
}

/// A block, its bytes, its name and its place in consensus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NodeBlock(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    block: Block,
    context: BlockContext,
    digest: BlockDigest,
    encoded: Bytes,
}

impl PartialEq for NodeBlock {
    fn eq(&self, other: &Self) -> bool {
        self.0.encoded == other.0.encoded
    }
}

impl Eq for NodeBlock {}

impl NodeBlock {
    /// Checks what every block must satisfy and keeps its bytes.
    pub fn new(block: Block) -> Result<Self, BlockError> {
        let encoded = block.encode();
        Self::from_parts(block, Bytes::from(encoded))
    }

    /// Decodes canonical bytes.
    pub fn from_bytes(encoded: Bytes) -> Result<Self, BlockError> {
        let block = Block::decode(&encoded)?;
        Self::from_parts(block, encoded)
    }

    fn from_parts(block: Block, encoded: Bytes) -> Result<Self, BlockError> {
        if encoded.len() > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge { found_bytes: encoded.len() });
        }
        let header = &block.header;
        let body_root = block.body.root();
        if header.body_root != body_root {
            return Err(BlockError::BodyRoot { expected: header.body_root, found: body_root });
        }
        let oracle_bundle_root = block.body.oracle_bundle_root();
        if header.oracle_bundle_root != oracle_bundle_root {
            return Err(BlockError::OracleBundleRoot {
                expected: header.oracle_bundle_root,
                found: oracle_bundle_root,
            });
        }
        if header.parent != header.context.parent {
            return Err(BlockError::ContextParent { header: header.parent, context: header.context.parent });
        }
        let context = to_simplex(&header.context)?;
        let digest = header.digest();
        Ok(Self(Arc::new(Parts { block, context, digest, encoded })))
    }

    /// The block of height 0: what the empty database and the genesis file commit to.
    pub fn genesis(
        genesis: &Genesis,
        empty_operations_root: Root,
        empty_range: OperationsRange,
    ) -> Result<Self, BlockError> {
        let body = Body::default();
        let leader = genesis.seats.first().map_or(Ed25519Key::default(), |seat| seat.vote_key);
        let header = Header {
            chain_id: genesis.chain_id,
            protocol_version: 1,
            height: Height::new(0),
            parent: BlockDigest::default(),
            context: ConsensusContext { epoch: 0, view: 0, leader, parent_view: 0, parent: BlockDigest::default() },
            time_ms: genesis.time_ms,
            body_root: body.root(),
            oracle_bundle_root: body.oracle_bundle_root(),
            state_root: Root::default(),
            operations_root: empty_operations_root,
            operations_range: empty_range,
            receipts_root: Root::default(),
            events_root: Root::default(),
            genesis_hash: genesis.hash(),
            beacon: Vec::new(),
        };
        Self::new(Block { header, body })
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.0.block
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.0.block.header
    }

    /// Its body.
    pub fn body(&self) -> &Body {
        &self.0.block.body
    }

    /// Its name.
    pub fn block_digest(&self) -> BlockDigest {
        self.0.digest
    }

    /// Its canonical bytes.
    pub fn encoded(&self) -> &Bytes {
        &self.0.encoded
    }

    /// Its consensus context.
    pub fn block_context(&self) -> &BlockContext {
        &self.0.context
    }
}

/// A consensus digest from a block's name.
pub fn to_consensus(digest: BlockDigest) -> Digest {
    Digest::from(digest.0)
}

/// A block's name from a consensus digest.
pub fn from_consensus(digest: &Digest) -> BlockDigest {
    let mut bytes = [0u8; 32];
    bytes.copy_from_slice(digest.as_ref());
    BlockDigest(bytes)
}

/// A vote key in the form that consensus uses.
pub fn to_public_key(key: &Ed25519Key) -> Result<ed25519::PublicKey, BlockError> {
    ed25519::PublicKey::decode(Copying(key.0.as_slice())).map_err(|_| BlockError::Leader { leader: *key })
}

/// The header's form of simplex's context.
pub fn from_simplex(context: &BlockContext) -> ConsensusContext {
    let mut leader = [0u8; 32];
    leader.copy_from_slice(context.leader.as_ref());
    ConsensusContext {
        epoch: context.round.epoch().get(),
        view: context.round.view().get(),
        leader: Ed25519Key(leader),
        parent_view: context.parent.0.get(),
        parent: from_consensus(&context.parent.1),
    }
}

fn to_simplex(context: &ConsensusContext) -> Result<BlockContext, BlockError> {
    Ok(Context {
        round: Round::new(Epoch::new(context.epoch), View::new(context.view)),
        leader: to_public_key(&context.leader)?,
        parent: (View::new(context.parent_view), to_consensus(context.parent)),
    })
}

impl Write for NodeBlock {
    fn write(&self, buffer: &mut impl BufMut) {
        self.0.encoded.write(buffer);
    }
}

impl EncodeSize for NodeBlock {
    fn encode_size(&self) -> usize {
        self.0.encoded.encode_size()
    }
}

impl Read for NodeBlock {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let encoded = Bytes::read_cfg(buffer, &RangeCfg::from(0..=BLOCK_BYTES_MAX))?;
        Self::from_bytes(encoded).map_err(|error| CodecError::Wrapped("block", Box::new(error)))
    }
}

impl Digestible for NodeBlock {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        to_consensus(self.0.digest)
    }
}

impl Heightable for NodeBlock {
    fn height(&self) -> ConsensusHeight {
        ConsensusHeight::new(self.header().height.get())
    }
}

impl ConsensusBlock for NodeBlock {
    fn parent(&self) -> Digest {
        to_consensus(self.header().parent)
    }
}

impl CertifiableBlock for NodeBlock {
    type Context = BlockContext;

    fn context(&self) -> BlockContext {
        self.0.context.clone()
    }
}

impl BoundedBlock for NodeBlock {
    fn max_encode_size((): &()) -> usize {
        BLOCK_BYTES_MAX + MAX_U32_VARINT_SIZE
    }
}
