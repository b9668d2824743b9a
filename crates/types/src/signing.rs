//! From an envelope to the 32 bytes that are signed, and from a signed action to a verified one.
//!
//! **Native form.** One EIP-712 hash serves both kinds of keys: a secp256k1 key signs it as a wallet does
//! (`eth_signTypedData_v4`), an Ed25519 key signs the same 32 bytes. The typed data is
//!
//! ```text
//! domain  EIP712Domain(string name,string version,uint256 chainId)
//!         name "Palisade", version "1", chainId = envelope.chain_id
//! type    Action(address account,uint64 nonce,uint64 expiresAfter,string kind,bytes action)
//!         account       envelope.account
//!         nonce         envelope.nonce
//!         expiresAfter  envelope.expires_after_ms, or 0 for none
//!         kind          Action::kind() of the action: "place", "transfer", …
//!         action        the canonical bytes of the action: version byte 1, then borsh
//! ```
//!
//! so a JavaScript wallet signs it with
//!
//! ```text
//! wallet.signTypedData(
//!   { name: "Palisade", version: "1", chainId },
//!   { Action: [ { name: "account", type: "address" }, { name: "nonce", type: "uint64" },
//!               { name: "expiresAfter", type: "uint64" }, { name: "kind", type: "string" },
//!               { name: "action", type: "bytes" } ] },
//!   { account, nonce, expiresAfter: 0n, kind, action })
//! ```
//!
//! and splits the 65 bytes `r ‖ s ‖ v` into `compact = r ‖ s` and `recovery_id = v - 27`. The signer is not
//! a field: a secp256k1 signature recovers it, an Ed25519 signature hashes it.
//!
//! **Hyperliquid's forms** are hashed as its clients do: see [`crate::hyperliquid`].
//!
//! Invariants: a [`VerifiedAction`] exists only if the stated signer signed exactly that content; one
//! envelope has one signing hash, and no two envelopes that verify share a signature but those that differ
//! in what Hyperliquid's forms leave unsigned (chain id and, without a vault, account), which admission
//! pins from the parent state.

use crate::{
    address::SignerId,
    codec,
    envelope::{Envelope, Payload, Signature, SignedAction},
    hash::{ActionId, sha256},
    hyperliquid::{self, L1Action, l1_hash, user_signed},
    limits::{ACTION_BYTES_MAX, BATCH_MAX},
    rejection::Inadmissible,
    request::Request,
    time::TimeMs,
};
use rand_core::{CryptoRng, RngCore};

pub mod ed25519;
pub mod eip712;
pub mod secp256k1;

/// The name in our EIP-712 domain.
pub const DOMAIN_NAME: &str = "Palisade";
/// The version in our EIP-712 domain.
pub const DOMAIN_VERSION: &str = "1";
/// The EIP-712 type of a native action.
pub const ACTION_TYPE: &str = "Action(address account,uint64 nonce,uint64 expiresAfter,string kind,bytes action)";

/// The 32 bytes that the signer of `envelope` signs, in the form that its payload states.
pub fn signing_hash(envelope: &Envelope) -> [u8; 32] {
    match &envelope.payload {
        Payload::Native { action } => {
            let domain = eip712::domain_separator(DOMAIN_NAME, DOMAIN_VERSION, envelope.chain_id);
            let expires_after = envelope.expires_after_ms.map_or(0, TimeMs::get);
            let content = eip712::struct_hash(
                ACTION_TYPE,
                &[
                    eip712::address(&envelope.account),
                    eip712::unsigned(envelope.nonce.get()),
                    eip712::unsigned(expires_after),
                    eip712::string(action.kind()),
                    eip712::bytes(&codec::encode(action)),
                ],
            );
            eip712::signing_hash(&domain, &content)
        }
        Payload::HyperliquidL1 { source, action_msgpack, vault, .. } => {
            let connection =
                l1_hash::connection_id(action_msgpack, envelope.nonce, vault.as_ref(), envelope.expires_after_ms);
            l1_hash::agent_signing_hash(*source, &connection)
        }
        Payload::HyperliquidUser { source, signature_chain_id, action } => {
            user_signed::signing_hash(*source, *signature_chain_id, action, envelope.nonce)
        }
    }
}

/// An action whose signature was checked, with its content decoded. Only [`verify`] and [`verify_batch`]
/// make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAction {
    id: ActionId,
    signed: SignedAction,
    request: Request,
    size_bytes: usize,
}

impl VerifiedAction {
    /// The action's name.
    pub const fn id(&self) -> ActionId {
        self.id
    }

    /// What was signed.
    pub const fn envelope(&self) -> &Envelope {
        &self.signed.envelope
    }

    /// What was signed, with its signature.
    pub const fn signed(&self) -> &SignedAction {
        &self.signed
    }

    /// What was signed, with its signature.
    pub fn into_signed(self) -> SignedAction {
        self.signed
    }

    /// What is asked, decoded.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The length of the canonical encoding, signature included.
    pub const fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}

/// Checks shape, size and signature of one action.
///
/// Nothing here looks at state: whether the signer may act for the account, whether the chain id, the nonce
/// and the expiry fit, is decided at admission.
pub fn verify(signed: SignedAction) -> Result<VerifiedAction, Inadmissible> {
    let checked = check_content(signed)?;
    match checked.signed.signature {
        Signature::Secp256k1 { .. } => verify_secp256k1(checked),
        Signature::Ed25519 { .. } => verify_ed25519(checked),
    }
}

/// Like [`verify`] for many: the Ed25519 signatures in one batch, which costs half as much as one by one;
/// only if the batch fails are they checked alone, to find the culprits. `rng` blinds the batch and must be
/// unpredictable to the signers; the verdicts do not depend on it.
pub fn verify_batch<R: RngCore + CryptoRng>(
    actions: Vec<SignedAction>,
    rng: R,
) -> Vec<Result<VerifiedAction, Inadmissible>> {
    let checked: Vec<Result<Checked, Inadmissible>> = actions.into_iter().map(check_content).collect();
    let mut batch = ed25519::Batch::default();
    for action in checked.iter().flatten() {
        if let Some((key, bytes)) = action.ed25519_parts() {
            batch.add(key, bytes, &action.hash);
        }
    }
    let batch_holds = batch.verify(rng);
    checked
        .into_iter()
        .map(|checked| {
            let checked = checked?;
            match checked.signed.signature {
                Signature::Secp256k1 { .. } => verify_secp256k1(checked),
                Signature::Ed25519 { .. } if batch_holds && checked.ed25519_parts().is_some() => Ok(checked.into()),
                Signature::Ed25519 { .. } => verify_ed25519(checked),
            }
        })
        .collect()
}

/// An action of the right shape, before its signature is looked at.
struct Checked {
    id: ActionId,
    signed: SignedAction,
    request: Request,
    size_bytes: usize,
    hash: [u8; 32],
}

impl Checked {
    fn ed25519_parts(&self) -> Option<(&crate::address::Ed25519Key, &[u8; 64])> {
        match (&self.signed.envelope.signer, &self.signed.signature) {
            (SignerId::Ed25519(key), Signature::Ed25519 { bytes }) => Some((key, bytes)),
            _ => None,
        }
    }

    fn bad_signature(&self) -> Inadmissible {
        Inadmissible::BadSignature { signer: self.signed.envelope.signer }
    }
}

impl From<Checked> for VerifiedAction {
    fn from(checked: Checked) -> Self {
        let Checked { id, signed, request, size_bytes, hash: _ } = checked;
        Self { id, signed, request, size_bytes }
    }
}

fn verify_secp256k1(checked: Checked) -> Result<VerifiedAction, Inadmissible> {
    match (checked.signed.envelope.signer, secp256k1::recover(&checked.hash, &checked.signed.signature)) {
        (SignerId::Address(stated), Ok(recovered)) if stated == recovered => Ok(checked.into()),
        _ => Err(checked.bad_signature()),
    }
}

fn verify_ed25519(checked: Checked) -> Result<VerifiedAction, Inadmissible> {
    match checked.ed25519_parts() {
        Some((key, bytes)) if ed25519::verify(key, &checked.hash, bytes).is_ok() => Ok(checked.into()),
        _ => Err(checked.bad_signature()),
    }
}

/// Decodes and checks all that needs neither state nor signature.
fn check_content(signed: SignedAction) -> Result<Checked, Inadmissible> {
    let envelope_bytes = codec::encode(&signed.envelope);
    let size_bytes = envelope_bytes.len().saturating_add(signed.signature.encoded_bytes());
    if size_bytes > ACTION_BYTES_MAX {
        return Err(Inadmissible::TooLarge { found_bytes: size_bytes as u64, limit_bytes: ACTION_BYTES_MAX as u64 });
    }
    let request = decode_request(&signed.envelope)?;
    let parts = request.batch_length();
    if !(1..=BATCH_MAX).contains(&parts) {
        return Err(Inadmissible::BatchSize { found: parts as u32, limit: BATCH_MAX as u32 });
    }
    let hash = signing_hash(&signed.envelope);
    Ok(Checked { id: ActionId(sha256(&[&envelope_bytes])), signed, request, size_bytes, hash })
}

fn decode_request(envelope: &Envelope) -> Result<Request, Inadmissible> {
    let malformed = |reason: &str| Inadmissible::Malformed { reason: reason.to_owned() };
    match &envelope.payload {
        Payload::Native { action } => {
            // 0 stands for "none" in the typed data, so a stated 0 would share its signature with none.
            if envelope.expires_after_ms == Some(TimeMs::new(0)) {
                return Err(malformed("expires_after_ms is 0: leave it out for no expiry"));
            }
            Ok(Request::Native(action.clone()))
        }
        Payload::HyperliquidL1 { action_msgpack, vault, .. } => {
            let action = hyperliquid::decode_l1(action_msgpack)
                .map_err(|error| Inadmissible::Malformed { reason: error.to_string() })?;
            if vault.is_some() && action.is_hashed_without_vault() {
                return Err(malformed("this action is hashed without a vault: leave it out"));
            }
            if vault.is_some_and(|vault| vault != envelope.account) {
                return Err(malformed("the vault that was signed is not the account of the envelope"));
            }
            if matches!(action, L1Action::CreateVault { nonce, .. } if nonce != envelope.nonce.get()) {
                return Err(malformed("the nonce inside the action is not the one that was signed"));
            }
            Ok(Request::Hyperliquid(hyperliquid::Request::L1(action)))
        }
        Payload::HyperliquidUser { action, .. } => {
            if envelope.expires_after_ms.is_some() {
                return Err(malformed("user-signed actions carry no expiry"));
            }
            if envelope.signer != SignerId::Address(envelope.account) {
                return Err(Inadmissible::UnknownSigner { signer: envelope.signer, account: envelope.account });
            }
            Ok(Request::Hyperliquid(hyperliquid::Request::User(action.clone())))
        }
    }
}
