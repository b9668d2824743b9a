//! Honest bundles are accepted, and say what the state says.

use super::world::*;
use crate::{
    light_client::{ProvenValue, verify},
    proof::{ProofBundle, ProofRequest},
};
use commonware_codec::{Decode as _, DecodeExt as _};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use palisade_types::{ids::Height, signing::ed25519::Ed25519SecretKey};

/// What the world's tables say, without any proof.
fn expected(height: u64, request: &ProofRequest) -> ProvenValue {
    match request {
        ProofRequest::Balance { account, .. } => {
            let number = account.0[0];
            if height >= 2 && number <= 150 {
                ProvenValue::Balance { total: balance_at(height, number) }
            } else {
                ProvenValue::NoBalance
            }
        }
        ProofRequest::Order { order } => {
            let number = order.get();
            let open = height >= 2 && number <= 120 && closes_at(number).is_none_or(|closes| closes > height);
            if open {
                ProvenValue::OpenOrder { record: Box::new(order_record(number)) }
            } else {
                ProvenValue::OrderNotOpen
            }
        }
        ProofRequest::Receipt { action } => {
            let receipts = receipts(height);
            let found = receipts.iter().zip(0..).find(|(receipt, _)| receipt.action == *action);
            let (receipt, index) = found.expect("a receipt of that height");
            ProvenValue::Receipt { index, receipt: Box::new(receipt.clone()) }
        }
    }
}

#[test]
fn every_answer_at_every_height_is_proven() {
    let mut proven = 0;
    for height in 1..=HEIGHTS {
        for certified in height..=HEIGHTS {
            for shown in WORLD.all_shown(height) {
                let bundle = WORLD.bundle_of(height, certified, shown);
                let verified = verify(&WORLD.genesis, &bundle).expect("an honest bundle");
                assert_eq!(verified.value, expected(height, &shown.request));
                assert_eq!(verified.request, shown.request);
                assert_eq!(verified.height, Height::new(height));
                assert_eq!(verified.digest, WORLD.header(height).digest());
                assert_eq!(verified.time_ms, WORLD.header(height).time_ms);
                proven += 1;
            }
        }
    }
    assert_eq!(proven, 21 * (state_requests().len() + 5));
}

#[test]
fn a_bundle_survives_json() {
    for shown in WORLD.all_shown(4) {
        let bundle = WORLD.bundle_of(4, 6, shown);
        let text = serde_json::to_string(&bundle).expect("JSON");
        let read: ProofBundle = serde_json::from_str(&text).expect("its own JSON");
        assert_eq!(read, bundle);
        assert!(verify(&WORLD.genesis, &read).is_ok());
        let extra = text.replacen('{', "{\"extra\":1,", 1);
        assert!(serde_json::from_str::<ProofBundle>(&extra).is_err());
    }
}

#[test]
fn any_quorum_will_do() {
    let request = balance_of(5);
    for signers in [vec![0, 1, 2], vec![1, 2, 3], vec![3, 0, 2], vec![3, 2, 1, 0]] {
        let certificate = certify(&WORLD.genesis, WORLD.header(3), 0..4, signers);
        let shown = WORLD.shown(3, &request);
        let headers = std::slice::from_ref(WORLD.header(3));
        let bundle = ProofBundle::new(request.clone(), headers, &certificate, shown.value.as_deref(), &shown.proof);
        assert!(verify(&WORLD.genesis, &bundle).is_ok());
    }
}

#[test]
fn one_seat_is_a_committee() {
    let genesis = genesis(CHAIN_ID, 0..1);
    let mut header = WORLD.header(3).clone();
    header.chain_id = genesis.chain_id;
    let certificate = certify(&genesis, &header, 0..1, [0]);
    let shown = WORLD.shown(3, &balance_of(5));
    let bundle = ProofBundle::new(
        shown.request.clone(),
        std::slice::from_ref(&header),
        &certificate,
        shown.value.as_deref(),
        &shown.proof,
    );
    assert!(verify(&genesis, &bundle).is_ok());
}

/// A vote key file holds a seed; both libraries must make the same key of it.
#[test]
fn both_ed25519_libraries_make_the_same_key() {
    for byte in 0..32u8 {
        let ours = Ed25519SecretKey::from_bytes([byte; 32]);
        let theirs = PrivateKey::decode(vec![byte; 32]).expect("32 bytes are a seed");
        assert_eq!(ours.public_key(), public_bytes(&theirs));
        let key = commonware_cryptography::ed25519::PublicKey::decode_cfg(ours.public_key().0.to_vec(), &());
        assert_eq!(key.expect("a public key"), theirs.public_key());
    }
}
