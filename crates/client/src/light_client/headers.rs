//! The chain of headers from the block that is proven to the one that is certified.

use super::{VerifyError, decode};
use crate::proof::{HEADERS_MAX, ProofBundle};
use palisade_types::{block::Header, genesis::EPOCH, hash::GenesisHash, ids::Height};

/// At least one header, linked.
pub(super) struct Headers {
    first: Header,
    rest: Vec<Header>,
}

impl Headers {
    /// The block that the proof is about.
    pub(super) fn first(&self) -> &Header {
        &self.first
    }

    /// The block that the certificate is for.
    pub(super) fn last(&self) -> &Header {
        self.rest.last().unwrap_or(&self.first)
    }
}

/// Decodes and links the headers of a bundle.
pub(super) fn verify(chain_id: u64, genesis: GenesisHash, bundle: &ProofBundle) -> Result<Headers, VerifyError> {
    let count = || VerifyError::HeaderCount { found: bundle.headers.len(), limit: HEADERS_MAX };
    if bundle.headers.len() > HEADERS_MAX {
        return Err(count());
    }
    let mut decoded = bundle.headers.iter().enumerate().map(|(index, text)| decode::header(index, text));
    let first = decoded.next().ok_or_else(count)??;
    if first.height != bundle.height {
        return Err(VerifyError::WrongHeight { stated: bundle.height, found: first.height });
    }
    verify_alone(chain_id, genesis, &first)?;
    let mut headers = Headers { first, rest: Vec::new() };
    for header in decoded {
        let header = header?;
        verify_alone(chain_id, genesis, &header)?;
        verify_link(headers.last(), &header)?;
        headers.rest.push(header);
    }
    Ok(headers)
}

/// What holds for every header of this chain.
fn verify_alone(chain_id: u64, genesis: GenesisHash, header: &Header) -> Result<(), VerifyError> {
    let height = header.height;
    if header.chain_id != chain_id {
        return Err(VerifyError::WrongChain { height, expected: chain_id, found: header.chain_id });
    }
    let names_genesis = height <= Height::new(1);
    let expected = if names_genesis { genesis } else { GenesisHash::default() };
    if header.genesis_hash != expected {
        return Err(VerifyError::WrongGenesis { height, expected, found: header.genesis_hash });
    }
    if header.context.epoch != EPOCH {
        return Err(VerifyError::WrongEpoch { height, expected: EPOCH, found: header.context.epoch });
    }
    if header.parent != header.context.parent {
        return Err(VerifyError::ContextParent { height, header: header.parent, context: header.context.parent });
    }
    Ok(())
}

fn verify_link(parent: &Header, child: &Header) -> Result<(), VerifyError> {
    if parent.height.get().checked_add(1) != Some(child.height.get()) {
        return Err(VerifyError::HeightGap { previous: parent.height, found: child.height });
    }
    let parent_digest = parent.digest();
    if child.parent != parent_digest {
        return Err(VerifyError::BrokenChain { height: child.height, expected: parent_digest, found: child.parent });
    }
    if child.time_ms <= parent.time_ms {
        let (parent_ms, found_ms) = (parent.time_ms.get(), child.time_ms.get());
        return Err(VerifyError::TimeBackwards { height: child.height, parent_ms, found_ms });
    }
    Ok(())
}
