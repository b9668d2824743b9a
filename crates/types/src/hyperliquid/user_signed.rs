//! The hash of a user-signed action: typed data under the domain `HyperliquidSignTransaction`, whose chain id is
//! whatever the wallet was on.
//!
//! Strings (`destination`, `token`, `amount`) are hashed byte for byte as posted, so their case matters;
//! addresses are not strings.

use crate::{
    address::AccountId,
    envelope::{HyperliquidSource, HyperliquidUserAction, Signature},
    ids::Nonce,
    signing::{
        eip712::{self, Word},
        secp256k1::{self, RecoverError},
    },
};

/// The text `hyperliquidChain` that clients sign.
pub const fn chain_name(source: HyperliquidSource) -> &'static str {
    match source {
        HyperliquidSource::Mainnet => "Mainnet",
        HyperliquidSource::Testnet => "Testnet",
    }
}

/// What is signed for a transaction of type `HyperliquidTransaction:<name>`: `types` is the text of the fields
/// after `hyperliquidChain` and before the nonce, `nonce_name` is `nonce` or `time`.
pub fn transaction_hash(
    source: HyperliquidSource,
    signature_chain_id: u64,
    name: &str,
    types: &str,
    fields: &[Word],
    (nonce_name, nonce): (&str, Nonce),
) -> [u8; 32] {
    let domain = eip712::domain_separator_with_zero_contract("HyperliquidSignTransaction", "1", signature_chain_id);
    let type_text = format!("HyperliquidTransaction:{name}(string hyperliquidChain,{types},uint64 {nonce_name})");
    let mut words = Vec::with_capacity(fields.len().saturating_add(2));
    words.push(eip712::string(chain_name(source)));
    words.extend_from_slice(fields);
    words.push(eip712::unsigned(nonce.get()));
    eip712::signing_hash(&domain, &eip712::struct_hash(&type_text, &words))
}

/// What is signed for `action` with `nonce` (its `nonce` or `time`).
pub fn signing_hash(
    source: HyperliquidSource,
    signature_chain_id: u64,
    action: &HyperliquidUserAction,
    nonce: Nonce,
) -> [u8; 32] {
    let hash = |name, types, fields: &[Word], nonce_name| {
        transaction_hash(source, signature_chain_id, name, types, fields, (nonce_name, nonce))
    };
    match action {
        HyperliquidUserAction::ApproveAgent { agent_address, agent_name } => hash(
            "ApproveAgent",
            "address agentAddress,string agentName",
            &[eip712::address(agent_address), eip712::string(agent_name)],
            "nonce",
        ),
        HyperliquidUserAction::UsdSend { destination, amount } => hash(
            "UsdSend",
            "string destination,string amount",
            &[eip712::string(destination), eip712::string(amount)],
            "time",
        ),
        HyperliquidUserAction::SpotSend { destination, token, amount } => hash(
            "SpotSend",
            "string destination,string token,string amount",
            &[eip712::string(destination), eip712::string(token), eip712::string(amount)],
            "time",
        ),
    }
}

/// Who signed.
pub fn recover_signer(
    source: HyperliquidSource,
    signature_chain_id: u64,
    action: &HyperliquidUserAction,
    nonce: Nonce,
    signature: &Signature,
) -> Result<AccountId, RecoverError> {
    secp256k1::recover(&signing_hash(source, signature_chain_id, action, nonce), signature)
}
