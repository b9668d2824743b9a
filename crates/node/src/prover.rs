//! Proofs for those who trust nobody: the other half of the light client's verifier.
//!
//! Rules:
//! - **State proofs at the applied tip.** The database holds one state only, so a proof leads to the root of the
//!   newest applied block, whose height stands in the last commit.
//! - **One lock, one height.** Value, proof and height are read under one read lock; headers are fetched after.
//! - **Certificate of the first descendant that has one.** A block that was finalized as an ancestor may lack
//!   its own. Nodes may store different certificates of a block; each proves it.

use crate::{
    block::NodeBlock,
    final_view::ReceiptPlace,
    results::ResultsArchive,
    roots,
    store::{StateStore, StoreError},
    wiring::{FinalityCertificate, MarshalMailbox},
};
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_cryptography::sha256;
use commonware_runtime::Spawner;
use commonware_storage::Context as StorageContext;
use palisade_client::proof::{HEADERS_MAX, ProofBundle, ProofRequest, ReceiptProof, StateExclusion, StateInclusion};
use palisade_types::{
    block::Header,
    ids::Height,
    state_key::{BalanceId, StateKey, balance_key, order_key},
};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The state database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block is not in the block store.
    #[error("block {height} is not stored")]
    BlockMissing {
        /// Its height.
        height: Height,
    },
    /// No certificate yet for the block or for one of its descendants.
    #[error("no certificate is stored yet for block {height} or its descendants")]
    NotCertified {
        /// Its height.
        height: Height,
    },
    /// The receipts of the block are not in the archive.
    #[error("the receipts of block {height} are not stored: {reason}")]
    ReceiptsMissing {
        /// Its height.
        height: Height,
        /// What the archive said.
        reason: String,
    },
}

/// A value, or its absence, in the state database.
pub enum StateProof {
    /// The value and its proof.
    Present {
        /// The database value.
        value: Vec<u8>,
        /// That the key has it.
        proof: StateInclusion,
    },
    /// The proof that there is none.
    Absent(StateExclusion),
}

/// The key that a request about the state asks for.
pub fn state_key(request: &ProofRequest) -> Option<StateKey> {
    match *request {
        ProofRequest::Balance { universe, account, asset } => {
            Some(balance_key(&BalanceId { account, universe, asset }))
        }
        ProofRequest::Order { order } => Some(order_key(order)),
        ProofRequest::Receipt { .. } => None,
    }
}

/// Proves the value of `key`, or its absence, in the newest applied state.
pub async fn prove_state<E: Spawner + StorageContext>(
    store: &StateStore<E>,
    key: StateKey,
) -> Result<(Height, StateProof), StoreError> {
    let key = sha256::Digest::from(key.0);
    let database = store.read().await;
    let height = store_height(&database).await?;
    let value = database.get(&key).await.map_err(StoreError::read)?;
    let proof = match value {
        Some(value) => {
            let proof = database.key_value_proof(key).await.map_err(StoreError::read)?;
            StateProof::Present { value, proof }
        }
        None => StateProof::Absent(database.exclusion_proof(&key).await.map_err(StoreError::read)?),
    };
    Ok((height, proof))
}

async fn store_height<E: Spawner + StorageContext>(database: &crate::store::StateDb<E>) -> Result<Height, StoreError> {
    let metadata = database.get_metadata().await.map_err(StoreError::read)?;
    crate::store::commit_height(metadata.as_deref())
}

/// The headers from `height` to the first block that has a certificate, and that certificate.
pub async fn certified_headers(
    marshal: &MarshalMailbox,
    height: Height,
) -> Result<(Vec<Header>, FinalityCertificate), ProveError> {
    let mut headers = Vec::new();
    let mut next = height;
    while headers.len() < HEADERS_MAX {
        let block = stored_block(marshal, next).await.ok_or(if headers.is_empty() {
            ProveError::BlockMissing { height }
        } else {
            ProveError::NotCertified { height }
        })?;
        headers.push(block.header().clone());
        if let Some(certificate) = marshal.get_finalization(ConsensusHeight::new(next.get())).await {
            return Ok((headers, certificate));
        }
        next = next.next();
    }
    Err(ProveError::NotCertified { height })
}

/// A finalized block, if it is stored.
pub async fn stored_block(marshal: &MarshalMailbox, height: Height) -> Option<NodeBlock> {
    let block = marshal.get_block(ConsensusHeight::new(height.get())).await?;
    Some(block.inner().clone())
}

/// The bundle for a request about the state.
pub async fn state_bundle<E: Spawner + StorageContext>(
    store: &StateStore<E>,
    marshal: &MarshalMailbox,
    request: ProofRequest,
    key: StateKey,
) -> Result<ProofBundle, ProveError> {
    let (height, proof) = prove_state(store, key).await?;
    let (headers, certificate) = certified_headers(marshal, height).await?;
    Ok(match proof {
        StateProof::Present { value, proof } => ProofBundle::new(request, &headers, &certificate, Some(&value), &proof),
        StateProof::Absent(proof) => ProofBundle::new(request, &headers, &certificate, None, &proof),
    })
}

/// The bundle for the receipt at `place`.
pub async fn receipt_bundle<E: StorageContext>(
    results: &ResultsArchive<E>,
    marshal: &MarshalMailbox,
    request: ProofRequest,
    place: ReceiptPlace,
) -> Result<ProofBundle, ProveError> {
    let ReceiptPlace { height, index } = place;
    let missing = |reason: String| ProveError::ReceiptsMissing { height, reason };
    let results = results.get(height).await.map_err(|error| missing(error.to_string()))?;
    let receipts = results.ok_or_else(|| missing("pruned".to_owned()))?.receipts;
    let position = usize::try_from(index).unwrap_or(usize::MAX);
    let siblings = roots::merkle_proof(&receipts, position).ok_or_else(|| missing("too few".to_owned()))?;
    let value = receipts.get(position).ok_or_else(|| missing("too few".to_owned()))?.encode();
    let (headers, certificate) = certified_headers(marshal, height).await?;
    Ok(ProofBundle::new(request, &headers, &certificate, Some(&value), &ReceiptProof { index, siblings }))
}
