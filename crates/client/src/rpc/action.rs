//! A signed action in JSON: its canonical bytes, or its envelope and signature for those who have no
//! borsh encoder.

use crate::proof::{from_hex, to_hex};
use palisade_types::{
    codec,
    envelope::{Envelope, Signature, SignedAction},
    limits::ACTION_BYTES_MAX,
    oracle::SignedOracleVote,
};
use serde::{Deserialize, Serialize};

/// Largest encoded oracle vote: its entries, each 12 bytes, and room for the rest.
const ORACLE_VOTE_BYTES_MAX: usize = 32 * 1024;

/// Of [`super::method::SUBMIT`]: `action` alone, or `envelope` with `signature`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitParams {
    /// The canonical bytes of the signed action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Envelope>,
    /// 65 bytes `r ‖ s ‖ v` (v 0, 1, 27 or 28) of secp256k1, or 64 bytes of Ed25519.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Why parameters are no signed action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionFormError {
    /// Neither or both of the two forms.
    #[error("give either `action`, or `envelope` and `signature`")]
    Form,
    /// Not hexadecimal.
    #[error("`{field}` must be lower-case hexadecimal behind 0x")]
    NotHex {
        /// Which field.
        field: &'static str,
    },
    /// Hexadecimal that is no action or vote.
    #[error("`{field}` is undecodable: {error}")]
    Undecodable {
        /// Which field.
        field: &'static str,
        /// What the decoder said.
        error: codec::DecodeError,
    },
    /// A signature of no known length.
    #[error("`signature` has {found_bytes} bytes: 65 for secp256k1 (r ‖ s ‖ v), 64 for Ed25519")]
    SignatureLength {
        /// Its length.
        found_bytes: usize,
    },
    /// A recovery byte that is none.
    #[error("`signature` ends in {found}: v must be 0, 1, 27 or 28")]
    RecoveryByte {
        /// The byte.
        found: u8,
    },
}

impl SubmitParams {
    /// The form that programs use.
    pub fn from_action(action: &SignedAction) -> Self {
        Self { action: Some(to_hex(&action.encode())), ..Self::default() }
    }

    /// The action, whichever form it came in. Nothing is verified here.
    pub fn into_action(self) -> Result<SignedAction, ActionFormError> {
        match (self.action, self.envelope, self.signature) {
            (Some(text), None, None) => action_from_hex(&text),
            (None, Some(envelope), Some(signature)) => {
                Ok(SignedAction { envelope, signature: signature_from_hex(&signature)? })
            }
            _ => Err(ActionFormError::Form),
        }
    }
}

/// Reads the canonical bytes of a signed action.
pub fn action_from_hex(text: &str) -> Result<SignedAction, ActionFormError> {
    let bytes = bounded_hex("action", text, ACTION_BYTES_MAX)?;
    SignedAction::decode(&bytes).map_err(|error| ActionFormError::Undecodable { field: "action", error })
}

/// Reads the canonical bytes of a signed oracle vote.
pub fn vote_from_hex(text: &str) -> Result<SignedOracleVote, ActionFormError> {
    let bytes = bounded_hex("vote", text, ORACLE_VOTE_BYTES_MAX)?;
    codec::decode(&bytes, ORACLE_VOTE_BYTES_MAX).map_err(|error| ActionFormError::Undecodable { field: "vote", error })
}

/// Writes the canonical bytes of a signed oracle vote.
pub fn vote_to_hex(vote: &SignedOracleVote) -> String {
    to_hex(&codec::encode(vote))
}

/// Reads a signature as wallets give it.
pub fn signature_from_hex(text: &str) -> Result<Signature, ActionFormError> {
    let bytes = from_hex(text).ok_or(ActionFormError::NotHex { field: "signature" })?;
    if let Ok(bytes) = <[u8; 64]>::try_from(bytes.as_slice()) {
        return Ok(Signature::Ed25519 { bytes });
    }
    let compact = bytes.get(..64).and_then(|compact| <[u8; 64]>::try_from(compact).ok());
    let (Some(compact), Some(&[recovery_byte])) = (compact, bytes.get(64..)) else {
        return Err(ActionFormError::SignatureLength { found_bytes: bytes.len() });
    };
    let recovery_id = match recovery_byte {
        0 | 27 => 0,
        1 | 28 => 1,
        found => return Err(ActionFormError::RecoveryByte { found }),
    };
    Ok(Signature::Secp256k1 { compact, recovery_id })
}

/// Writes a signature as wallets give it.
pub fn signature_to_hex(signature: &Signature) -> String {
    match signature {
        Signature::Ed25519 { bytes } => to_hex(bytes),
        Signature::Secp256k1 { compact, recovery_id } => {
            to_hex(&[compact.as_slice(), &[recovery_id.saturating_add(27)]].concat())
        }
    }
}

fn bounded_hex(field: &'static str, text: &str, limit_bytes: usize) -> Result<Vec<u8>, ActionFormError> {
    let found_bytes = text.len() / 2;
    if found_bytes > limit_bytes.saturating_add(1) {
        let error = codec::DecodeError::TooLarge { found_bytes, limit_bytes };
        return Err(ActionFormError::Undecodable { field, error });
    }
    from_hex(text).ok_or(ActionFormError::NotHex { field })
}

#[cfg(test)]
mod tests;
