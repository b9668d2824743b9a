//! What a proof bundle holds.

use palisade_types::{
    address::AccountId,
    hash::ActionId,
    ids::{AssetId, Height, OrderId, UniverseId},
};
use serde::{Deserialize, Serialize};

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
