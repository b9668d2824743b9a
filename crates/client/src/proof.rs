//! What a proof bundle holds, byte for byte: the contract between the node that proves and the light
//! client that verifies.
//!
//! A bundle is JSON for people and tools, and every part that is verified is a canonical encoding in
//! lower-case hexadecimal behind `0x`. [`crate::light_client`] decodes strictly: one text per value, no
//! trailing bytes, nothing above the limits below.
//!
//! | field | encoding |
//! | --- | --- |
//! | `headers` | [`Header::encode`] each: the block at `height` and its descendants up to the first one that has a certificate |
//! | `certificate` | [`Certificate`]: simplex finalization of the last header, Ed25519 |
//! | `value` of a balance or order | the database value, see [`palisade_types::state_key`]; absent if the proof is an exclusion |
//! | `proof` of a present balance or order | [`StateInclusion`]: the QMDB key-value proof under the header's `state_root` |
//! | `proof` of an absent one | [`StateExclusion`]: the QMDB exclusion proof under the same root |
//! | `value` of a receipt | [`palisade_types::receipt::Receipt::encode`] |
//! | `proof` of a receipt | [`ReceiptProof`]: the place as a big-endian u32, then the `bmt` proof under `receipts_root` |
//!
//! Commonware values are encoded by `commonware_codec`, our own by [`palisade_types::codec`]. A receipt's
//! leaf is SHA-256 of its encoding.
//!
//! The node uses the constants and types of this module for its database and its votes, so that neither side can
//! drift from the other.

use bytes::BufMut;
use commonware_codec::{Buf, Encode, EncodeSize, Error as CodecError, FixedSize, Read, ReadExt as _, Write};
use commonware_consensus::simplex::{scheme::ed25519::Scheme, types::Finalization};
use commonware_cryptography::sha256;
use commonware_storage::{
    bmt, mmr,
    qmdb::{
        any::value::VariableEncoding,
        current::ordered::proof::constant::{ExclusionProof, KeyValueProof},
    },
};
use palisade_types::{
    address::AccountId,
    block::Header,
    hash::{ActionId, GenesisHash},
    ids::{AssetId, Height, OrderId, UniverseId},
};
use serde::{Deserialize, Serialize};

/// Bytes of a chunk of the state database's activity bitmap: equal to the digest, the layout with the
/// smallest proofs. A consensus parameter.
pub const BITMAP_CHUNK_BYTES: usize = 32;
/// Largest value of the state database. Engine records are far smaller; the bound keeps a hostile peer or
/// prover from making anyone allocate.
pub const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Most digests in a state proof: a path and the peaks of 2^64 operations.
pub const STATE_PROOF_DIGESTS_MAX: usize = 128;
/// Most headers from a block to its first descendant with a certificate. A proposer declines above 64
/// unfinalized blocks, so an honest bundle is far shorter.
pub const HEADERS_MAX: usize = 256;
/// Largest encoded header.
pub const HEADER_BYTES_MAX: usize = 4 * 1024;
/// Largest encoded receipt.
pub const RECEIPT_BYTES_MAX: usize = 64 * 1024;

/// The Merkle family of the state database's operations.
pub type Family = mmr::Family;
/// How values of the state database are encoded.
pub type StateEncoding = VariableEncoding<Vec<u8>>;
/// Proof that a key has a value under a state root.
pub type StateInclusion = KeyValueProof<Family, sha256::Digest, sha256::Digest, BITMAP_CHUNK_BYTES>;
/// Proof that a key has no value under a state root.
pub type StateExclusion = ExclusionProof<Family, sha256::Digest, StateEncoding, sha256::Digest, BITMAP_CHUNK_BYTES>;
/// A finality certificate.
pub type Certificate = Finalization<Scheme, sha256::Digest>;

/// What is to be proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProofRequest {
    /// A balance (or that there is none).
    Balance { universe: UniverseId, account: AccountId, asset: AssetId },
    /// An open order (or that it is not open).
    Order { order: OrderId },
    /// The receipt of an action.
    Receipt { action: ActionId },
}

/// A self-contained proof: hexadecimal fields are encodings that the light client decodes strictly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    /// What is proven.
    pub request: ProofRequest,
    /// The block whose roots the proof leads to.
    pub height: Height,
    /// Encoded headers from that block to the first descendant that has a certificate, in order of height.
    pub headers: Vec<String>,
    /// The encoded finality certificate of the last header.
    pub certificate: String,
    /// The value proven: an encoded state record or receipt; absent for an exclusion.
    pub value: Option<String>,
    /// The encoded Merkle proof.
    pub proof: String,
}

impl ProofBundle {
    /// Puts a bundle together. `headers` begin with the block at whose roots `proof` leads, and `certificate`
    /// finalizes the last of them; `proof` is an encoded [`StateInclusion`], [`StateExclusion`] or [`ReceiptProof`].
    pub fn new(
        request: ProofRequest,
        headers: &[Header],
        certificate: &Certificate,
        value: Option<&[u8]>,
        proof: &impl Encode,
    ) -> Self {
        Self {
            request,
            height: headers.first().map_or_else(Height::default, |header| header.height),
            headers: headers.iter().map(|header| to_hex(&header.encode())).collect(),
            certificate: to_hex(&certificate.encode()),
            value: value.map(to_hex),
            proof: to_hex(&proof.encode()),
        }
    }
}

/// The proof that a receipt is at its place under a receipts root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptProof {
    /// The place among the block's receipts.
    pub index: u32,
    /// The siblings on the way up.
    pub siblings: bmt::Proof<sha256::Digest>,
}

impl Write for ReceiptProof {
    fn write(&self, buffer: &mut impl BufMut) {
        self.index.write(buffer);
        self.siblings.write(buffer);
    }
}

impl EncodeSize for ReceiptProof {
    fn encode_size(&self) -> usize {
        u32::SIZE.saturating_add(self.siblings.encode_size())
    }
}

impl Read for ReceiptProof {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        const RECEIPTS_PROVEN: usize = 1;
        let index = u32::read(buffer)?;
        let siblings = bmt::Proof::read_cfg(buffer, &RECEIPTS_PROVEN)?;
        Ok(Self { index, siblings })
    }
}

/// The bytes that votes of a chain are signed under, so that no vote of another chain counts.
pub fn consensus_namespace(genesis: &GenesisHash) -> Vec<u8> {
    [b"palisade/consensus/".as_slice(), genesis.as_bytes()].concat()
}

/// Lower-case hexadecimal behind `0x`: the one text of these bytes.
pub fn to_hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Reads what [`to_hex`] writes and nothing else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(digits).ok()
}
