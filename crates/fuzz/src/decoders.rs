//! Bytes from peers, clients and the disk in our own encoding: whatever decodes encodes to the same bytes.

use crate::{
    memory::bounded,
    support::samples::{Sample, samples},
};
use bytes::Bytes;
use palisade_engine::{
    State,
    state::{Record, StateError},
};
use palisade_node::{
    block::NodeBlock,
    gossip::{ORACLE_VOTE_BYTES_MAX, decode_batch, encode_batch},
};
use palisade_types::{
    block::Block,
    codec,
    envelope::SignedAction,
    oracle::{OracleBundle, SignedOracleVote},
    signing,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// One sample per type and variant; its type is what a decoder is chosen by.
pub static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(samples);

/// Two bytes choose a type, the rest is decoded as one.
pub fn codec(bytes: &[u8]) {
    let Some(([high, low], body)) = bytes.split_first_chunk::<2>() else { return };
    let Some(sample) = SAMPLES.get(usize::from(u16::from_be_bytes([*high, *low]))) else { return };
    if let Ok(again) = bounded(body, sample.recode) {
        assert_eq!(again, body, "{} has two encodings of one value", sample.name);
    }
}

/// An action as a client or a peer sends it: one encoding, and a verdict that does not depend on when it is given.
pub fn envelope(bytes: &[u8]) {
    let Ok(signed) = bounded(bytes, SignedAction::decode) else { return };
    assert_eq!(signed.encode(), bytes, "an action with two encodings");
    let id = signed.id();
    let verdict = signing::verify(signed.clone());
    assert_eq!(verdict.as_ref().err(), signing::verify(signed).err().as_ref());
    if let Ok(verified) = verdict {
        let again = verified.into_signed();
        assert_eq!((again.id(), again.encode()), (id, bytes.to_vec()));
    }
}

/// A block as a peer sends it and as the archive holds it.
pub fn block(bytes: &[u8]) {
    if let Ok(block) = bounded(bytes, Block::decode) {
        assert_eq!(block.encode(), bytes, "a block with two encodings");
        assert_eq!(block.body.root(), block.body.clone().root());
    }
    let shared = Bytes::copy_from_slice(bytes);
    if let Ok(block) = NodeBlock::from_bytes(shared) {
        assert_eq!(block.encoded().as_ref(), bytes);
        assert_eq!(block.block_digest(), block.header().digest());
        let again = NodeBlock::new(block.block().clone()).expect("what was decoded is a block");
        assert_eq!(again, block);
    }
}

/// The messages of both gossip channels, and the bundle that votes become.
pub fn gossip(bytes: &[u8]) {
    if let Ok(batch) = bounded(bytes, decode_batch) {
        let shared: Vec<Arc<[u8]>> = batch.iter().map(|action| Arc::from(action.as_slice())).collect();
        assert_eq!(encode_batch(&shared), bytes, "a batch with two encodings");
        batch.iter().for_each(|action| envelope(action));
    }
    if let Ok(vote) = bounded(bytes, |bytes| codec::decode::<SignedOracleVote>(bytes, ORACLE_VOTE_BYTES_MAX)) {
        assert_eq!(codec::encode(&vote), bytes, "an oracle vote with two encodings");
    }
    if let Ok(bundle) = bounded(bytes, |bytes| codec::decode::<OracleBundle>(bytes, 1 << 20)) {
        assert_eq!(codec::encode(&bundle), bytes, "an oracle bundle with two encodings");
    }
}

/// Values of the state database, each behind its length as a big-endian u16: a scan is refused whole or is the state
/// that has these very records.
pub fn state_records(bytes: &[u8]) {
    let values = split(bytes);
    for value in &values {
        if let Ok(record) = bounded(value, Record::decode) {
            assert_eq!(record.encode(), *value, "a record with two encodings");
        }
    }
    match State::from_records(values.iter().cloned()) {
        Ok(state) => {
            let found: BTreeSet<Vec<u8>> = state.records().map(|record| record.encode()).collect();
            assert_eq!(found, values.iter().cloned().collect(), "a scan and the state made of it differ");
            let backwards = State::from_records(values.into_iter().rev()).expect("the same records");
            assert_eq!(backwards, state, "the order of a scan shows in the state");
        }
        Err(StateError::Malformed { .. } | StateError::Duplicate { .. } | StateError::NoChainRecord) => {}
        Err(error @ StateError::Misnamed { .. }) => panic!("a scan has no names to differ from: {error}"),
    }
}

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, left) = rest.split_at(length);
        parts.push(part.to_vec());
        bytes = left;
    }
    parts
}
