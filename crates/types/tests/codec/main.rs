//! The codec: one encoding per value, and no bytes that make it panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]
#![allow(clippy::disallowed_methods, reason = "tests read files and the environment")]

mod pinned_encodings;
#[path = "../support/mod.rs"]
mod support;

use palisade_types::{
    action::Action,
    codec::{self, DecodeError},
    envelope::SignedAction,
    ids::OrderId,
    limits::ACTION_BYTES_MAX,
};
use proptest::prelude::*;
use support::samples::{payloads, samples, signed_action};

#[test]
fn every_sample_survives_encoding_and_json() {
    for sample in samples() {
        assert_eq!((sample.recode)(&sample.bytes).as_ref(), Ok(&sample.bytes), "{}", sample.name);
        if let Some((text, bytes)) = sample.json {
            assert_eq!(bytes, sample.bytes, "{}: {text}", sample.name);
        }
    }
}

#[test]
fn no_part_of_a_value_is_a_value() {
    for sample in samples() {
        for length in 0..sample.bytes.len() {
            assert!((sample.recode)(&sample.bytes[..length]).is_err(), "{} cut to {length}", sample.name);
        }
        let longer = [&sample.bytes[..], &[0]].concat();
        assert!((sample.recode)(&longer).is_err(), "{} with a byte more", sample.name);
    }
}

/// A changed bit gives no value, or another value with exactly these bytes: never a panic, never two encodings.
#[test]
fn every_changed_bit_is_another_value_or_none() {
    for sample in samples() {
        for at in 0..sample.bytes.len() {
            for bit in 0..8 {
                let mut changed = sample.bytes.clone();
                changed[at] ^= 1 << bit;
                if let Ok(again) = (sample.recode)(&changed) {
                    assert_eq!(again, changed, "{} byte {at} bit {bit}", sample.name);
                }
            }
        }
    }
}

#[test]
fn versions_and_sizes_are_checked_first() {
    let bytes = codec::encode(&OrderId::new(5));
    assert_eq!(codec::decode::<OrderId>(&[], 9), Err(DecodeError::Empty));
    assert_eq!(codec::decode::<OrderId>(&[0], 9), Err(DecodeError::UnknownVersion { found: 0 }));
    assert_eq!(codec::decode::<OrderId>(&bytes, 8), Err(DecodeError::TooLarge { found_bytes: 9, limit_bytes: 8 }));
    let large = vec![1; ACTION_BYTES_MAX + 1];
    assert!(matches!(SignedAction::decode(&large), Err(DecodeError::TooLarge { .. })));
}

/// Options are exercised by nobody: there is no such action, in JSON as in bytes.
#[test]
fn json_that_is_no_action_is_refused_by_name() {
    for (text, said) in [
        (r#"{"type":"exercise","market":1000000000,"lots":1}"#, "unknown variant `exercise`"),
        (r#"{"type":"claim_faucet","asset":0,"x":1}"#, "unknown field `x`"),
        (r#"{"type":"claim_faucet"}"#, "missing field `asset`"),
        ("{}", "missing field `type`"),
    ] {
        let refused = serde_json::from_str::<Action>(text).unwrap_err().to_string();
        assert!(refused.contains(said), "{text}: {refused}");
    }
}

/// A length that promises more than is there is no value; what it costs, borsh's first megabyte and no more, the fuzz
/// targets measure.
#[test]
fn a_promised_length_is_not_believed() {
    for signed in payloads().into_iter().map(signed_action) {
        let bytes = signed.encode();
        for at in 0..bytes.len().saturating_sub(4) {
            let mut changed = bytes.clone();
            changed[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            let _ = SignedAction::decode(&changed);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(which in any::<prop::sample::Index>(), body in prop::collection::vec(any::<u8>(), 0..300)) {
        let samples = samples();
        let sample = which.get(&samples);
        let bytes = [&[1], &body[..]].concat();
        if let Ok(again) = (sample.recode)(&bytes) {
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn spliced_values_never_panic(
        left in any::<prop::sample::Index>(), right in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
    ) {
        let samples = samples();
        let (left, right) = (left.get(&samples), right.get(&samples));
        let at = cut.index(left.bytes.len());
        let spliced = [&left.bytes[..at], &right.bytes[at.min(right.bytes.len())..]].concat();
        if let Ok(again) = (left.recode)(&spliced) {
            prop_assert_eq!(again, spliced);
        }
    }
}
