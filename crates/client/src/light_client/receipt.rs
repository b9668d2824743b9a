//! Receipts under a receipts root.

use super::{Part, ProvenValue, VerifyError, decode};
use crate::proof::{ProofBundle, RECEIPT_BYTES_MAX, ReceiptProof};
use commonware_cryptography::{Sha256, sha256};
use palisade_types::{
    block::Header,
    codec,
    hash::{ActionId, sha256 as hash},
    receipt::Receipt,
};

/// Largest encoded receipt proof: a place, a count of leaves, and at most 32 siblings.
const PROOF_BYTES_MAX: usize = 2 * 1024;

/// The receipt of an action.
pub(super) fn receipt(bundle: &ProofBundle, header: &Header, expected: ActionId) -> Result<ProvenValue, VerifyError> {
    let text = bundle.value.as_ref().ok_or(VerifyError::ReceiptMissing)?;
    let bytes = decode::bytes(Part::Value, text, RECEIPT_BYTES_MAX)?;
    let receipt: Receipt =
        codec::decode(&bytes, RECEIPT_BYTES_MAX).map_err(|error| VerifyError::NoReceipt { error })?;
    if receipt.action != expected {
        return Err(VerifyError::WrongReceipt { expected, found: receipt.action });
    }
    let ReceiptProof { index, siblings } = decode::value(Part::Proof, &bundle.proof, PROOF_BYTES_MAX, &())?;
    let leaf = sha256::Digest::from(hash(&[&bytes]));
    let root = sha256::Digest::from(header.receipts_root.0);
    siblings.verify_element_inclusion::<Sha256>(&leaf, index, &root).map_err(|_| VerifyError::NotInReceipts {
        height: header.height,
        index,
        root: header.receipts_root,
    })?;
    Ok(ProvenValue::Receipt { index, receipt: Box::new(receipt) })
}
