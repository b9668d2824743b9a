//! Actions that move margin and funds, run orders over time, or open accounts.

use super::{DecodeError, Fields};
use crate::hyperliquid::{L1Action, Twap};

/// Decodes the action if it is one of these.
pub(super) fn decode(kind: &str, action: &Fields<'_>) -> Result<Option<L1Action>, DecodeError> {
    Ok(Some(match kind {
        "updateIsolatedMargin" => {
            action.only(&["type", "asset", "isBuy", "ntli"])?;
            // A position has one side here, so which one is meant says nothing; its type is checked all the same.
            action.flag("isBuy")?;
            L1Action::UpdateIsolatedMargin {
                market: action.market("asset")?,
                change_usd: action.signed_micro_usd("ntli")?,
            }
        }
        "twapOrder" => {
            action.only(&["type", "twap"])?;
            L1Action::TwapOrder { twap: twap(action)? }
        }
        "twapCancel" => {
            action.only(&["type", "a", "t"])?;
            L1Action::TwapCancel { market: action.market("a")?, twap: action.unsigned("t")? }
        }
        "createSubAccount" => {
            action.only(&["type", "name"])?;
            L1Action::CreateSubAccount { name: action.text("name")?.to_owned() }
        }
        "subAccountTransfer" => {
            action.only(&["type", "subAccountUser", "isDeposit", "usd"])?;
            L1Action::SubAccountTransfer {
                sub_account: action.address("subAccountUser")?,
                is_deposit: action.flag("isDeposit")?,
                amount_usd: action.micro_usd("usd")?,
            }
        }
        "subAccountSpotTransfer" => {
            action.only(&["type", "subAccountUser", "isDeposit", "token", "amount"])?;
            L1Action::SubAccountSpotTransfer {
                sub_account: action.address("subAccountUser")?,
                is_deposit: action.flag("isDeposit")?,
                token: action.text("token")?.to_owned(),
                amount: action.text("amount")?.to_owned(),
            }
        }
        "vaultTransfer" => {
            action.only(&["type", "vaultAddress", "isDeposit", "usd"])?;
            L1Action::VaultTransfer {
                vault: action.address("vaultAddress")?,
                is_deposit: action.flag("isDeposit")?,
                amount_usd: action.micro_usd("usd")?,
            }
        }
        "createVault" => {
            action.only(&["type", "name", "description", "initialUsd", "nonce"])?;
            L1Action::CreateVault {
                name: action.text("name")?.to_owned(),
                description: action.text("description")?.to_owned(),
                initial_usd: action.micro_usd("initialUsd")?,
                nonce: action.unsigned("nonce")?,
            }
        }
        "agentEnableDexAbstraction" => {
            action.only(&["type"])?;
            L1Action::AgentEnableDexAbstraction
        }
        "agentSetAbstraction" => {
            action.only(&["type", "abstraction"])?;
            L1Action::AgentSetAbstraction { abstraction: action.text("abstraction")?.to_owned() }
        }
        _ => return Ok(None),
    }))
}

fn twap(action: &Fields<'_>) -> Result<Twap, DecodeError> {
    let fields = Fields::of(action.required("twap")?, "the twap", "twap")?;
    fields.only(&["a", "b", "s", "r", "m", "t"])?;
    Ok(Twap {
        market: fields.market("a")?,
        is_buy: fields.flag("b")?,
        size: fields.text("s")?.to_owned(),
        reduce_only: fields.flag("r")?,
        minutes: fields.small("m")?,
        randomize: fields.flag("t")?,
    })
}
