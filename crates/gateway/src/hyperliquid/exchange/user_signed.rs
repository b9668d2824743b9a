//! Actions that an account's own key signs as typed data: approving agents and moving funds.
//!
//! The body states the network name and the chain id that were signed; both are free, because wallets sign on
//! whatever chain they are on. Whether such an action counts at all is the chain's replay policy.

use super::{Body, Refusal};
use crate::{context::Context, hyperliquid::errors::RequestError, json::ValueExt};
use palisade_types::{
    address::SignerId,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload},
    hyperliquid::{Value, user_signed::recover_signer},
};

/// Whether actions of this type are typed data that this chain knows.
pub fn is_user_signed(kind: &str) -> bool {
    matches!(kind, "approveAgent" | "usdSend" | "spotSend")
}

/// Why an action that Hyperliquid knows is refused here at once.
pub fn unsupported(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "approveBuilderFee" => "builders charge no fee here; send orders without a builder",
        "setReferrer" | "registerReferrer" => "there are no referrals",
        "updateIsolatedMargin" | "topUpIsolatedOnlyMargin" => "positions have cross margin only",
        "usdClassTransfer" => "spot and perpetuals share one account, so there is nothing to move between them",
        "sendAsset" => "use usdSend or spotSend",
        "withdraw3" => "there is no bridge yet",
        "twapOrder" | "twapCancel" => "TWAP orders do not exist yet",
        "createSubAccount" | "subAccountModify" | "subAccountTransfer" | "subAccountSpotTransfer" => {
            "sub-accounts do not exist yet"
        }
        "createVault" | "vaultTransfer" | "vaultModify" | "vaultDistribute" => "vaults do not exist yet",
        "userDexAbstraction" | "userSetAbstraction" | "agentEnableDexAbstraction" | "agentSetAbstraction" => {
            "every account is unified"
        }
        "reserveRequestWeight" => "request weight is not for sale",
        "tokenDelegate" | "claimRewards" => "there is no staking here",
        "convertToMultiSigUser" | "multiSig" => "multi-signature accounts do not exist yet",
        "evmUserModify" => "there is no EVM yet",
        "userOutcome" => "there are no outcome markets",
        "spotDeploy" | "perpDeploy" | "CSignerAction" | "CValidatorAction" => "this is Hyperliquid's own governance",
        _ => return None,
    })
}

/// Reads a user-signed action and puts it into its signer's envelope.
pub fn envelope(context: &Context, body: &Body<'_>) -> Result<Envelope, Refusal> {
    if body.expires_after_ms.is_some() {
        return Err(Refusal::Business("expiresAfter is not supported on user-signed actions.".to_owned()));
    }
    let source = source(body.action)?;
    let signature_chain_id = signature_chain_id(body.action)?;
    let action = action(body)?;
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
    let (fields, nonce_key): (&[&str], _) = match body.kind {
        "approveAgent" => (&["agentAddress", "agentName"], "nonce"),
        "usdSend" => (&["destination", "amount"], "time"),
        _ => (&["destination", "token", "amount"], "time"),
    };
    let known = ["type", "signatureChainId", "hyperliquidChain", nonce_key];
    let keys = body.action.entries().unwrap_or_default().iter().map(|(key, _)| key.as_str());
    if let Some(key) = keys.into_iter().find(|key| !known.contains(key) && !fields.contains(key)) {
        return Err(RequestError::shape(format!("the action has the unknown key {:?}", cut(key))));
    }
    let stated = body.action.field(nonce_key).and_then(ValueExt::unsigned);
    if stated != Some(body.nonce.get()) {
        return Err(RequestError::shape(format!("`action.{nonce_key}` must be equal to `nonce`")));
    }
    let text = |key: &str| {
        let text = body.action.field(key).and_then(ValueExt::text);
        text.map(str::to_owned).ok_or_else(|| RequestError::shape(format!("`{key}` must be a text")))
    };
    Ok(match body.kind {
        "approveAgent" => HyperliquidUserAction::ApproveAgent {
            agent_address: text("agentAddress")?
                .parse()
                .map_err(|_| RequestError::shape("`agentAddress` must be an address"))?,
            // Clients leave the name of the unnamed agent out and sign an empty one.
            agent_name: body.action.field("agentName").map_or(Ok(String::new()), |_| text("agentName"))?,
        },
        "usdSend" => HyperliquidUserAction::UsdSend { destination: text("destination")?, amount: text("amount")? },
        _ => HyperliquidUserAction::SpotSend {
            destination: text("destination")?,
            token: text("token")?,
            amount: text("amount")?,
        },
    })
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
