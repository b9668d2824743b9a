//! Whether a quorum of the committee finalized a block.
//!
//! Signatures are checked one by one and not as a batch: batching needs entropy, saves nothing that
//! matters here, and could not name the seat whose signature is bad. The rules are those of simplex: a
//! committee of `n` needs `n - floor((n - 1) / 3)` distinct seats, each over the encoded proposal under the finalize
//! namespace of this genesis.

use super::VerifyError;
use crate::proof::{Certificate, consensus_namespace};
use commonware_consensus::simplex::{scheme::Namespace, types::Subject};
use commonware_cryptography::{Verifier as _, certificate::Subject as _, ed25519::PublicKey};
use commonware_utils::{
    N3f1,
    ordered::{Quorum as _, Set},
};
use palisade_types::{
    address::Ed25519Key,
    block::Header,
    hash::{BlockDigest, GenesisHash},
};

/// Checks that `certificate` finalizes `header`.
pub(super) fn verify(
    committee: &Set<PublicKey>,
    genesis: GenesisHash,
    header: &Header,
    certificate: &Certificate,
) -> Result<(), VerifyError> {
    verify_subject(header, certificate)?;
    verify_quorum(committee, certificate)?;
    verify_signatures(committee, genesis, certificate)
}

/// The certificate must be about this block, in the round in which the block was proposed.
fn verify_subject(header: &Header, certificate: &Certificate) -> Result<(), VerifyError> {
    let proposal = &certificate.proposal;
    let (expected, found) = (header.digest(), BlockDigest(proposal.payload.0));
    if found != expected {
        return Err(VerifyError::CertificateForAnotherBlock { expected, found });
    }
    let (expected, found) = (header.context.epoch, proposal.round.epoch().get());
    if found != expected {
        return Err(VerifyError::CertificateEpoch { expected, found });
    }
    let (expected, found) = (header.context.view, proposal.round.view().get());
    if found != expected {
        return Err(VerifyError::CertificateView { expected, found });
    }
    let (expected, found) = (header.context.parent_view, proposal.parent.get());
    if found != expected {
        return Err(VerifyError::CertificateParentView { expected, found });
    }
    Ok(())
}

/// Signers are a bitmap over the committee, so they are distinct and of the committee by construction.
fn verify_quorum(committee: &Set<PublicKey>, certificate: &Certificate) -> Result<(), VerifyError> {
    let signers = &certificate.certificate.signers;
    let seats = committee.len();
    if signers.len() != seats {
        return Err(VerifyError::CommitteeSize { expected: seats, found: signers.len() });
    }
    // Decoding has made sure that there are as many signatures as signers.
    let found = signers.count().min(certificate.certificate.signatures.len());
    let required = usize::try_from(committee.quorum::<N3f1>()).unwrap_or(usize::MAX);
    if found < required {
        return Err(VerifyError::NoQuorum { found, required, seats });
    }
    Ok(())
}

fn verify_signatures(
    committee: &Set<PublicKey>,
    genesis: GenesisHash,
    certificate: &Certificate,
) -> Result<(), VerifyError> {
    let subject = Subject::Finalize { proposal: &certificate.proposal };
    let namespaces = Namespace::new(&consensus_namespace(&genesis));
    let (namespace, message) = (subject.namespace(&namespaces), subject.message());
    let signers = certificate.certificate.signers.iter();
    for (signer, signature) in signers.zip(&certificate.certificate.signatures) {
        let seats = committee.len();
        let key = committee
            .key(signer)
            .ok_or(VerifyError::CommitteeSize { expected: seats, found: certificate.certificate.signers.len() })?;
        let verifies = signature.get().is_some_and(|signature| key.verify(namespace, &message, signature));
        if !verifies {
            return Err(VerifyError::BadSignature { key: key_bytes(key) });
        }
    }
    Ok(())
}

fn key_bytes(key: &PublicKey) -> Ed25519Key {
    let mut bytes = [0u8; Ed25519Key::LENGTH];
    bytes.copy_from_slice(key.as_ref());
    Ed25519Key(bytes)
}
