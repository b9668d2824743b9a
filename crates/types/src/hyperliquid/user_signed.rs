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

/// The typed data of an action without `hyperliquidChain` and nonce: its name, the types and values of its fields, and
/// what it calls its nonce.
struct TypedData {
    name: &'static str,
    types: &'static str,
    fields: Vec<Word>,
    nonce_name: &'static str,
}

fn typed_data(action: &HyperliquidUserAction) -> TypedData {
    let flag = |flag: bool| eip712::unsigned(u64::from(flag));
    let (name, types, fields, nonce_name) = match action {
        HyperliquidUserAction::ApproveAgent { agent_address, agent_name } => (
            "ApproveAgent",
            "address agentAddress,string agentName",
            vec![eip712::address(agent_address), eip712::string(agent_name)],
            "nonce",
        ),
        HyperliquidUserAction::UsdSend { destination, amount } => {
            ("UsdSend", "string destination,string amount", strings(&[destination, amount]), "time")
        }
        HyperliquidUserAction::SpotSend { destination, token, amount } => (
            "SpotSend",
            "string destination,string token,string amount",
            strings(&[destination, token, amount]),
            "time",
        ),
        HyperliquidUserAction::UsdClassTransfer { amount, to_perp } => {
            ("UsdClassTransfer", "string amount,bool toPerp", vec![eip712::string(amount), flag(*to_perp)], "nonce")
        }
        HyperliquidUserAction::SendAsset {
            destination,
            source_dex,
            destination_dex,
            token,
            amount,
            from_sub_account,
        } => (
            "SendAsset",
            "string destination,string sourceDex,string destinationDex,string token,string amount,string fromSubAccount",
            strings(&[destination, source_dex, destination_dex, token, amount, from_sub_account]),
            "nonce",
        ),
        HyperliquidUserAction::Withdraw { destination, amount } => {
            ("Withdraw", "string destination,string amount", strings(&[destination, amount]), "time")
        }
        HyperliquidUserAction::ApproveBuilderFee { max_fee_rate, builder } => (
            "ApproveBuilderFee",
            "string maxFeeRate,address builder",
            vec![eip712::string(max_fee_rate), eip712::address(builder)],
            "nonce",
        ),
        HyperliquidUserAction::UserDexAbstraction { user, enabled } => {
            ("UserDexAbstraction", "address user,bool enabled", vec![eip712::address(user), flag(*enabled)], "nonce")
        }
        HyperliquidUserAction::UserSetAbstraction { user, abstraction } => (
            "UserSetAbstraction",
            "address user,string abstraction",
            vec![eip712::address(user), eip712::string(abstraction)],
            "nonce",
        ),
    };
    TypedData { name, types, fields, nonce_name }
}

fn strings(texts: &[&String]) -> Vec<Word> {
    texts.iter().map(|text| eip712::string(text)).collect()
}

/// What is signed for `action` with `nonce` (its `nonce` or `time`).
pub fn signing_hash(
    source: HyperliquidSource,
    signature_chain_id: u64,
    action: &HyperliquidUserAction,
    nonce: Nonce,
) -> [u8; 32] {
    let TypedData { name, types, fields, nonce_name } = typed_data(action);
    transaction_hash(source, signature_chain_id, name, types, &fields, (nonce_name, nonce))
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
