//! Both JSON forms give the same action, and nothing else gives any.

use super::*;
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::Payload,
    ids::Nonce,
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
};

fn envelope() -> Envelope {
    let key = Ed25519SecretKey::from_bytes([7; 32]);
    Envelope {
        chain_id: 9,
        signer: key.signer_id(),
        account: AccountId([1; 20]),
        nonce: Nonce::new(1_700_000_000_000),
        expires_after_ms: None,
        payload: Payload::Native { action: Action::CancelAll { market: None } },
    }
}

#[test]
fn bytes_and_json_give_the_same_action() {
    let user = Secp256k1SecretKey::from_bytes([3; 32]).expect("a valid key");
    for action in [Ed25519SecretKey::from_bytes([7; 32]).sign(envelope()), user.sign(envelope())] {
        assert_eq!(SubmitParams::from_action(&action).into_action(), Ok(action.clone()));
        let params = SubmitParams {
            action: None,
            envelope: Some(action.envelope.clone()),
            signature: Some(signature_to_hex(&action.signature)),
        };
        let text = serde_json::to_string(&params).expect("params are JSON");
        let params: SubmitParams = serde_json::from_str(&text).expect("its own JSON");
        assert_eq!(params.into_action(), Ok(action));
    }
}

#[test]
fn a_recovery_byte_is_read_in_both_conventions() {
    let compact = "11".repeat(64);
    for (byte, recovery_id) in [("00", 0), ("01", 1), ("1b", 0), ("1c", 1)] {
        let signature = Signature::Secp256k1 { compact: [0x11; 64], recovery_id };
        assert_eq!(signature_from_hex(&format!("0x{compact}{byte}")), Ok(signature));
    }
    assert_eq!(signature_from_hex(&format!("0x{compact}02")), Err(ActionFormError::RecoveryByte { found: 2 }));
}

#[test]
fn other_forms_are_refused() {
    let action = Ed25519SecretKey::from_bytes([7; 32]).sign(envelope());
    let both = SubmitParams { envelope: Some(envelope()), ..SubmitParams::from_action(&action) };
    assert_eq!(both.into_action(), Err(ActionFormError::Form));
    assert_eq!(SubmitParams::default().into_action(), Err(ActionFormError::Form));
    let unsigned = SubmitParams { envelope: Some(envelope()), ..SubmitParams::default() };
    assert_eq!(unsigned.into_action(), Err(ActionFormError::Form));
    assert_eq!(signature_from_hex("0x00"), Err(ActionFormError::SignatureLength { found_bytes: 1 }));
    assert_eq!(signature_from_hex("00"), Err(ActionFormError::NotHex { field: "signature" }));
    let huge = format!("0x{}", "00".repeat(ACTION_BYTES_MAX + 2));
    assert!(matches!(action_from_hex(&huge), Err(ActionFormError::Undecodable { .. })));
    let text = to_hex(&action.encode());
    assert_eq!(action_from_hex(&text.to_uppercase()), Err(ActionFormError::NotHex { field: "action" }));
    assert!(matches!(action_from_hex(&format!("{text}00")), Err(ActionFormError::Undecodable { .. })));
}
