//! The edge cases of ECDSA and Ed25519 that project Wycheproof collected.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    address::{AccountId, Ed25519Key},
    envelope::Signature,
    hash::sha256,
    signing::{
        ed25519, eip712,
        secp256k1::{self, RecoverError},
    },
};
use serde_json::Value;
use support::json_zstd_file;

/// Signatures that are valid in mathematics and refused here: their `r` is a point whose x lies above the group
/// order, which only recovery ids 2 and 3 can say. No honest signer meets one (the chance is 2^-127).
const LARGE_X: [u64; 2] = [350, 471];

/// Signatures that RFC 8032 refuses and ZIP-215 accepts. 151: `R` encodes y = 1 with the sign bit of x set, although x
/// is 0; ZIP-215 reads such points. Only the key's owner can make one, because `R` is inside the hash.
const ACCEPTED_BY_ZIP_215: [u64; 1] = [151];

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn cases(file: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = file["testGroups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["tests"].as_array().unwrap().iter().map(move |test| (group, test)))
}

/// Whether either recovery id leads to `address`.
fn recovers(hash: &[u8; 32], compact: [u8; 64], address: &AccountId) -> bool {
    let recovered = [0, 1].map(|recovery_id| secp256k1::recover(hash, &Signature::Secp256k1 { compact, recovery_id }));
    recovered.iter().any(|found| found.as_ref() == Ok(address))
}

/// Whether libsecp256k1 itself finds the key with recovery id 2 or 3.
fn large_x_recovers(hash: &[u8; 32], compact: &[u8; 64], address: &AccountId) -> bool {
    use ::secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
    [RecoveryId::Two, RecoveryId::Three].into_iter().any(|recovery_id| {
        let signature = RecoverableSignature::from_compact(compact, recovery_id).unwrap();
        let recovered = signature.recover_ecdsa(::secp256k1::Message::from_digest(*hash));
        recovered.is_ok_and(|key| eip712::keccak256(&[&key.serialize_uncompressed()[1..]])[12..] == address.0)
    })
}

/// Wycheproof's signatures are DER and of either sign of `s`. Here a signature is 64 bytes with low `s`, so DER is
/// read by libsecp256k1's strict parser, a high `s` must be refused, and its low twin is judged.
#[test]
fn ecdsa_over_secp256k1() {
    let Some(file) = json_zstd_file("vectors/wycheproof/ecdsa_secp256k1_sha256_test.json.zst") else { return };
    let mut counts = (0, 0, 0);
    let mut refused = Vec::new();
    for (group, test) in cases(&file) {
        let key = bytes(&group["publicKey"]["uncompressed"]);
        let mut address = AccountId::default();
        address.0.copy_from_slice(&eip712::keccak256(&[&key[1..]])[12..]);
        let hash = sha256(&[&bytes(&test["msg"])]);
        let (id, valid) = (test["tcId"].as_u64().unwrap(), test["result"] == "valid");
        let Ok(mut signature) = ::secp256k1::ecdsa::Signature::from_der(&bytes(&test["sig"])) else {
            assert!(!valid, "case {id} is valid but no DER");
            counts.2 += 1;
            continue;
        };
        let compact = signature.serialize_compact();
        signature.normalize_s();
        let low = signature.serialize_compact();
        if low != compact {
            let refusal = secp256k1::recover(&hash, &Signature::Secp256k1 { compact, recovery_id: 0 });
            assert_eq!(refusal, Err(RecoverError::HighS), "case {id}");
        }
        match (valid, recovers(&hash, low, &address)) {
            (true, true) => counts.0 += 1,
            (true, false) => {
                assert!(large_x_recovers(&hash, &low, &address), "case {id} is refused for another reason");
                refused.push(id);
            }
            (false, accepted) => {
                assert!(!accepted, "case {id} is invalid: {test}");
                counts.1 += 1;
            }
        }
    }
    assert_eq!(refused, LARGE_X);
    assert!(counts.0 > 150 && counts.1 > 100 && counts.2 > 100, "{counts:?}");
}

#[test]
fn ed25519_under_zip_215() {
    let Some(file) = json_zstd_file("vectors/wycheproof/ed25519_test.json.zst") else { return };
    let mut counts = (0, 0);
    let mut accepted = Vec::new();
    for (group, test) in cases(&file) {
        let key: Ed25519Key = group["publicKey"]["pk"].as_str().unwrap().parse().unwrap();
        let (id, valid) = (test["tcId"].as_u64().unwrap(), test["result"] == "valid");
        // A signature here is 64 bytes by its type: others cannot be stated.
        let Ok(signature) = <[u8; 64]>::try_from(bytes(&test["sig"])) else {
            assert!(!valid, "case {id}");
            continue;
        };
        let holds = ed25519::verify(&key, &bytes(&test["msg"]), &signature).is_ok();
        match (valid, holds) {
            (true, _) => {
                assert!(holds, "case {id}: {test}");
                counts.0 += 1;
            }
            (false, true) => accepted.push(id),
            (false, false) => counts.1 += 1,
        }
    }
    assert_eq!(accepted, ACCEPTED_BY_ZIP_215);
    assert!(counts.0 >= 88 && counts.1 > 40, "{counts:?}");
}

/// ZIP-215's own edge: a key of order 1 with `R` of order 1 and `s` = 0 verifies for every message, encoded
/// canonically (1, 0…) or not (y = p + 1). `s` at or above the group order never does.
#[test]
fn small_order_keys_accept_what_no_one_signed() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_canonical = [0xff; 32];
    not_canonical[0] = 0xee;
    not_canonical[31] = 0x7f;
    for key in [identity, not_canonical] {
        for nonce_point in [identity, not_canonical] {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&nonce_point);
            assert!(ed25519::verify(&Ed25519Key(key), b"anything", &signature).is_ok());
            let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
            signature[32..].copy_from_slice(&order);
            assert!(ed25519::verify(&Ed25519Key(key), b"anything", &signature).is_err());
        }
    }
}
