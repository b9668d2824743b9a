//! Actions that Hyperliquid knows and this chain refuses, and why.

use super::Refusal;
use crate::hyperliquid::errors::rejection_text;
use palisade_types::rejection::Rejection;

/// Why actions of this type are refused whatever they ask, if so.
pub fn always(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "setReferrer" | "registerReferrer" => "there are no referrals",
        "topUpIsolatedOnlyMargin" => "use updateIsolatedMargin",
        "subAccountModify" | "vaultModify" | "vaultDistribute" => "names and terms stay what they were made with",
        "reserveRequestWeight" => "request weight is not for sale",
        "tokenDelegate" | "claimRewards" => "there is no staking here",
        "convertToMultiSigUser" | "multiSig" => "multi-signature accounts do not exist yet",
        "evmUserModify" => "there is no EVM yet",
        "userOutcome" => "there are no outcome markets",
        "spotDeploy" | "perpDeploy" | "CSignerAction" | "CValidatorAction" => "this is Hyperliquid's own governance",
        _ => return None,
    })
}

/// Why what an action of this type asks is refused, where only some of it is.
fn sometimes(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "approveBuilderFee" => "builders charge no fee here; approve 0%, or send orders without a builder",
        "withdraw3" => "there is no bridge yet",
        "userDexAbstraction" | "userSetAbstraction" | "agentSetAbstraction" => "every account is unified",
        _ => return None,
    })
}

/// The answer to an action that is refused before it is sent on.
pub fn refused(kind: &str, rejection: &Rejection) -> Refusal {
    match sometimes(kind) {
        Some(reason) => because(kind, reason),
        None => Refusal::Business(rejection_text(rejection)),
    }
}

/// The answer to an action of a type that is refused.
pub fn because(kind: &str, reason: &str) -> Refusal {
    Refusal::Business(format!("{kind} is not supported on this chain: {reason}"))
}
