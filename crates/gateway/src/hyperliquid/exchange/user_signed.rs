//! Actions that an account's own key signs as typed data: agents, funds, settings.
//!
//! The body states the network name and the chain id that were signed; both are free, because wallets sign on
//! whatever chain they are on. Whether such an action counts at all is the chain's replay policy.

use super::{Body, Refusal, unsupported::refused};
use crate::{context::Context, hyperliquid::errors::RequestError, json::ValueExt};
use palisade_types::{
    address::SignerId,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload},
    hyperliquid::{Value, user_signed::recover_signer},
};

/// Actions that are typed data: the keys that they have besides those of every such action, and what they call their
/// nonce.
const USER_SIGNED: [(&str, &[&str], &str); 9] = [
    ("approveAgent", &["agentAddress", "agentName"], "nonce"),
    ("usdSend", &["destination", "amount"], "time"),
    ("spotSend", &["destination", "token", "amount"], "time"),
    ("usdClassTransfer", &["amount", "toPerp"], "nonce"),
    ("sendAsset", &["destination", "sourceDex", "destinationDex", "token", "amount", "fromSubAccount"], "nonce"),
    ("withdraw3", &["destination", "amount"], "time"),
    ("approveBuilderFee", &["maxFeeRate", "builder"], "nonce"),
    ("userDexAbstraction", &["user", "enabled"], "nonce"),
    ("userSetAbstraction", &["user", "abstraction"], "nonce"),
];

/// Whether actions of this type are typed data that this chain knows.
pub fn is_user_signed(kind: &str) -> bool {
    USER_SIGNED.iter().any(|(name, ..)| *name == kind)
}

/// Reads a user-signed action and puts it into its signer's envelope.
pub fn envelope(context: &Context, body: &Body<'_>) -> Result<Envelope, Refusal> {
    if body.expires_after_ms.is_some() {
        return Err(Refusal::Business("expiresAfter is not supported on user-signed actions.".to_owned()));
    }
    let source = source(body.action)?;
    let signature_chain_id = signature_chain_id(body.action)?;
    let action = action(body)?;
    if let Some(rejection) = action.refusal() {
        return Err(refused(body.kind, &rejection));
    }
    let signer = recover_signer(source, signature_chain_id, &action, body.nonce, &body.signature)
        .map_err(|error| RequestError::shape(format!("`signature`: {error}")))?;
    if body.vault.is_some_and(|vault| vault != signer) {
        return Err(Refusal::Business("A user-signed action acts for its signer: leave vaultAddress out.".to_owned()));
    }
    Ok(Envelope {
        chain_id: context.chain_id,
        signer: SignerId::Address(signer),
        account: signer,
        nonce: body.nonce,
        expires_after_ms: None,
        payload: Payload::HyperliquidUser { source, signature_chain_id, action },
    })
}

fn source(action: &Value) -> Result<HyperliquidSource, RequestError> {
    match action.field("hyperliquidChain").and_then(ValueExt::text) {
        Some("Mainnet") => Ok(HyperliquidSource::Mainnet),
        Some("Testnet") => Ok(HyperliquidSource::Testnet),
        _ => Err(RequestError::shape("`hyperliquidChain` must be Mainnet or Testnet")),
    }
}

fn signature_chain_id(action: &Value) -> Result<u64, RequestError> {
    action
        .field("signatureChainId")
        .and_then(ValueExt::text)
        .and_then(|text| text.strip_prefix("0x"))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| RequestError::shape("`signatureChainId` must be a hexadecimal number such as \"0x66eee\""))
}

fn action(body: &Body<'_>) -> Result<HyperliquidUserAction, RequestError> {
    let unknown = || RequestError::shape(format!("unknown action type {:?}", cut(body.kind)));
    let (_, fields, nonce_key) = USER_SIGNED.iter().find(|(name, ..)| *name == body.kind).ok_or_else(unknown)?;
    let known = ["type", "signatureChainId", "hyperliquidChain", nonce_key];
    let keys = body.action.entries().unwrap_or_default().iter().map(|(key, _)| key.as_str());
    if let Some(key) = keys.into_iter().find(|key| !known.contains(key) && !fields.contains(key)) {
        return Err(RequestError::shape(format!("the action has the unknown key {:?}", cut(key))));
    }
    let stated = body.action.field(nonce_key).and_then(ValueExt::unsigned);
    if stated != Some(body.nonce.get()) {
        return Err(RequestError::shape(format!("`action.{nonce_key}` must be equal to `nonce`")));
    }
    typed(body.kind, body.action)?.ok_or_else(unknown)
}

/// The action's content; `None` if its type is none of [`USER_SIGNED`].
fn typed(kind: &str, action: &Value) -> Result<Option<HyperliquidUserAction>, RequestError> {
    let text = |key: &str| {
        let text = action.field(key).and_then(ValueExt::text);
        text.map(str::to_owned).ok_or_else(|| RequestError::shape(format!("`{key}` must be a text")))
    };
    let address =
        |key: &str| text(key)?.parse().map_err(|_| RequestError::shape(format!("`{key}` must be an address")));
    let flag = |key: &str| {
        let flag = action.field(key).and_then(ValueExt::boolean);
        flag.ok_or_else(|| RequestError::shape(format!("`{key}` must be true or false")))
    };
    let (destination, amount) = (|| text("destination"), || text("amount"));
    Ok(Some(match kind {
        "approveAgent" => HyperliquidUserAction::ApproveAgent {
            agent_address: address("agentAddress")?,
            // Clients leave the name of the unnamed agent out and sign an empty one.
            agent_name: action.field("agentName").map_or(Ok(String::new()), |_| text("agentName"))?,
        },
        "usdSend" => HyperliquidUserAction::UsdSend { destination: destination()?, amount: amount()? },
        "spotSend" => {
            HyperliquidUserAction::SpotSend { destination: destination()?, token: text("token")?, amount: amount()? }
        }
        "usdClassTransfer" => HyperliquidUserAction::UsdClassTransfer { amount: amount()?, to_perp: flag("toPerp")? },
        "sendAsset" => HyperliquidUserAction::SendAsset {
            destination: destination()?,
            source_dex: text("sourceDex")?,
            destination_dex: text("destinationDex")?,
            token: text("token")?,
            amount: amount()?,
            from_sub_account: text("fromSubAccount")?,
        },
        "withdraw3" => HyperliquidUserAction::Withdraw { destination: destination()?, amount: amount()? },
        "approveBuilderFee" => {
            HyperliquidUserAction::ApproveBuilderFee { max_fee_rate: text("maxFeeRate")?, builder: address("builder")? }
        }
        "userDexAbstraction" => {
            HyperliquidUserAction::UserDexAbstraction { user: address("user")?, enabled: flag("enabled")? }
        }
        "userSetAbstraction" => {
            HyperliquidUserAction::UserSetAbstraction { user: address("user")?, abstraction: text("abstraction")? }
        }
        _ => return Ok(None),
    }))
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
