//! The light client: believes a genesis file and nothing else.
//!
//! [`verify`] takes a proof bundle from anyone and says what it proves, or which check it fails. It has no
//! network, no clock and no state. The order of the checks is the order of trust:
//!
//! 1. the committee is the seats of the genesis, and votes are signed under the genesis' hash;
//! 2. the headers are of this chain, of its one epoch, contiguous, each the parent of the next;
//! 3. a quorum of distinct seats finalized the last header, and by that all before it;
//! 4. the Merkle proof leads from the value, or its absence, to a root of the first header;
//! 5. the value is the one that was asked for, by the full id that it carries.
//!
//! What a verified bundle does *not* say is that the block is recent: compare [`Verified::time_ms`] with a
//! clock.

use crate::proof::{ProofBundle, ProofRequest};
use palisade_types::{
    genesis::Genesis, hash::BlockDigest, ids::Height, numbers::Amount, receipt::Receipt, state_key::OrderRecord,
    time::TimeMs,
};

mod certificate;
mod committee;
mod decode;
mod error;
mod headers;
mod receipt;
mod state;

pub use error::{Part, VerifyError};

/// What a bundle proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was asked.
    pub request: ProofRequest,
    /// The block under whose roots it holds.
    pub height: Height,
    /// That block.
    pub digest: BlockDigest,
    /// That block's time.
    pub time_ms: TimeMs,
    /// The answer.
    pub value: ProvenValue,
}

/// A proven answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvenValue {
    /// The account holds this much, locked by orders or not.
    Balance {
        /// In smallest units of the asset.
        total: Amount,
    },
    /// The account holds none of the asset.
    NoBalance,
    /// The order is open.
    OpenOrder {
        /// The order and what it reserves.
        record: Box<OrderRecord>,
    },
    /// The order is not open: never placed, filled, or cancelled.
    OrderNotOpen,
    /// The action was included.
    Receipt {
        /// Its place among the block's receipts.
        index: u32,
        /// What became of it.
        receipt: Box<Receipt>,
    },
}

/// Checks a bundle against a genesis.
pub fn verify(genesis: &Genesis, bundle: &ProofBundle) -> Result<Verified, VerifyError> {
    let genesis_hash = genesis.hash();
    let committee = committee::of(genesis)?;
    let headers = headers::verify(genesis.chain_id, genesis_hash, bundle)?;
    let certificate = decode::certificate(&bundle.certificate, committee.len())?;
    certificate::verify(&committee, genesis_hash, headers.last(), &certificate)?;
    let proven = headers.first();
    let value = match &bundle.request {
        ProofRequest::Balance { universe, account, asset } => {
            state::balance(bundle, proven, *universe, *account, *asset)?
        }
        ProofRequest::Order { order } => state::order(bundle, proven, *order)?,
        ProofRequest::Receipt { action } => receipt::receipt(bundle, proven, *action)?,
    };
    Ok(Verified {
        request: bundle.request.clone(),
        height: proven.height,
        digest: proven.digest(),
        time_ms: proven.time_ms,
        value,
    })
}

#[cfg(test)]
mod tests;
