//! Actions in Hyperliquid's format, translated to ours once markets and assets, and so lots and units, are known.

use super::{
    Actor, Stop, cancel, create_sub_account, create_vault, deposit_vault, schedule_cancel, update_isolated_margin,
    update_leverage, withdraw_vault,
};
use crate::work::Work;
use palisade_types::{
    hyperliquid::{self, L1Action},
    receipt::Outcome,
    rejection::Rejection,
    vault::Redemption,
};

mod funds;
mod orders;
mod user;

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, request: &hyperliquid::Request) -> Result<Outcome, Stop> {
    match request {
        hyperliquid::Request::L1(action) => l1(work, actor, action),
        hyperliquid::Request::User(action) => user::run(work, actor, action),
    }
}

fn l1(work: &mut Work<'_>, actor: &Actor, action: &L1Action) -> Result<Outcome, Stop> {
    if let Some(rejection) = action.refusal() {
        return Err(rejection.into());
    }
    match action {
        L1Action::Order { orders, grouping, .. } => orders::place_all(work, actor, orders, *grouping),
        L1Action::Cancel { cancels } | L1Action::CancelByCloid { cancels } => Ok(cancel::run(work, actor, cancels)),
        L1Action::Modify { modify } => orders::modify_all(work, actor, std::slice::from_ref(modify)),
        L1Action::BatchModify { modifies } => orders::modify_all(work, actor, modifies),
        L1Action::ScheduleCancel { at_ms } => schedule_cancel::run(work, actor, *at_ms),
        L1Action::UpdateLeverage { market, leverage, margin_mode } => {
            update_leverage::run(work, actor, *market, *leverage, *margin_mode)
        }
        // Every account is unified, so the one setting that is not refused is what it has.
        L1Action::Noop | L1Action::AgentEnableDexAbstraction | L1Action::AgentSetAbstraction { .. } => {
            Ok(Outcome::Done)
        }
        L1Action::UpdateIsolatedMargin { market, change_usd } => {
            update_isolated_margin::run(work, actor, *market, *change_usd)
        }
        L1Action::Unsupported { feature } => Err(Rejection::Unsupported { feature: (*feature).to_owned() }.into()),
        _ => account(work, actor, action),
    }
}

/// Actions that open accounts, move funds between them, or run orders over time.
fn account(work: &mut Work<'_>, actor: &Actor, action: &L1Action) -> Result<Outcome, Stop> {
    match action {
        L1Action::TwapOrder { twap } => orders::start_twap(work, actor, twap),
        L1Action::TwapCancel { market, twap } => orders::cancel_twap(work, actor, *market, *twap),
        L1Action::CreateSubAccount { name } => create_sub_account::run(work, actor, name),
        L1Action::SubAccountTransfer { sub_account, is_deposit, amount_usd } => {
            funds::sub_account_transfer(work, actor, *sub_account, *is_deposit, *amount_usd)
        }
        L1Action::SubAccountSpotTransfer { sub_account, is_deposit, token, amount } => {
            funds::sub_account_spot_transfer(work, actor, *sub_account, *is_deposit, (token, amount))
        }
        L1Action::CreateVault { name, description, initial_usd, .. } => {
            create_vault::run(work, actor, name, description, *initial_usd)
        }
        L1Action::VaultTransfer { vault, is_deposit: true, amount_usd } => {
            deposit_vault::run(work, actor, *vault, *amount_usd)
        }
        L1Action::VaultTransfer { vault, is_deposit: false, amount_usd } => {
            withdraw_vault::run(work, actor, *vault, Redemption::Value { amount_usd: *amount_usd })
        }
        _ => Err(Rejection::Unsupported { feature: action.kind().to_owned() }.into()),
    }
}

#[cfg(test)]
#[path = "hyperliquid_groups_tests.rs"]
mod groups_tests;
#[cfg(test)]
#[path = "hyperliquid_tests.rs"]
mod tests;
