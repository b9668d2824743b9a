//! Actions that an account's own key signs as Hyperliquid's typed data: agents, funds, settings.
//!
//! A transfer between venues that share their balances moves nothing. It is an error all the same if there is not that
//! much to move, because whoever hears "ok" goes on to use the money.

use super::{
    super::{Actor, Stop, approve_agent, move_universe, transfer},
    funds::{CORE, acting_for, address, asset_named, collateral, invalid, movement, unsupported},
};
use crate::{accounts::spendable, work::Work};
use palisade_types::{
    address::{AccountId, SignerId},
    agent::AgentScope,
    envelope::HyperliquidUserAction,
    ids::{AssetId, UniverseId},
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

/// What an agent's name may end in, before the time in ms.
const VALID_UNTIL: &str = " valid_until ";
/// What an amount may end in, before the address whose balance is meant.
const SUB_ACCOUNT: &str = " subaccount:";

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, action: &HyperliquidUserAction) -> Result<Outcome, Stop> {
    if let Some(rejection) = action.refusal() {
        return Err(rejection.into());
    }
    match action {
        HyperliquidUserAction::ApproveAgent { agent_address, agent_name } => {
            approve(work, actor, *agent_address, agent_name)
        }
        HyperliquidUserAction::UsdSend { destination, amount } => {
            let asset = collateral(work)?;
            let to = address(destination, "destination")?;
            send(work, actor, asset, to, amount)
        }
        HyperliquidUserAction::SpotSend { destination, token, amount } => {
            let asset = asset_named(work, token)?;
            let to = address(destination, "destination")?;
            send(work, actor, asset, to, amount)
        }
        HyperliquidUserAction::UsdClassTransfer { amount, .. } => {
            let (amount, of) = match amount.split_once(SUB_ACCOUNT) {
                None => (amount.as_str(), actor.account),
                Some((amount, of)) => (amount, acting_for(work, actor, of)?),
            };
            let movement = movement(work, collateral(work)?, amount)?;
            stay(work, of, &movement)
        }
        HyperliquidUserAction::SendAsset { .. } => send_asset(work, actor, action),
        HyperliquidUserAction::UserDexAbstraction { user, .. }
        | HyperliquidUserAction::UserSetAbstraction { user, .. } => {
            acting_for(work, actor, &user.to_string())?;
            Ok(Outcome::Done)
        }
        HyperliquidUserAction::ApproveBuilderFee { .. } | HyperliquidUserAction::Withdraw { .. } => Ok(Outcome::Done),
    }
}

fn approve(work: &mut Work<'_>, actor: &Actor, agent: AccountId, name: &str) -> Result<Outcome, Stop> {
    let (name, expires_at_ms) = split_valid_until(name)?;
    let approval = approve_agent::Approval {
        agent: SignerId::Address(agent),
        name: name.to_owned(),
        scope: AgentScope::Trade,
        expires_at_ms,
        approved_natively: false,
    };
    approve_agent::run(work, actor, approval)
}

/// An agent's name, and when it ends if the name says so.
fn split_valid_until(name: &str) -> Result<(&str, Option<TimeMs>), Rejection> {
    match name.rsplit_once(VALID_UNTIL) {
        None => Ok((name, None)),
        Some((name, time)) => {
            let invalid = |_| invalid("valid_until");
            Ok((name, Some(TimeMs::new(time.parse().map_err(invalid)?))))
        }
    }
}

/// Within a universe an asset goes to another account; from one universe to another an account moves its own.
fn send_asset(work: &mut Work<'_>, actor: &Actor, action: &HyperliquidUserAction) -> Result<Outcome, Stop> {
    let HyperliquidUserAction::SendAsset { destination, source_dex, destination_dex, token, amount, from_sub_account } =
        action
    else {
        return Err(unsupported(action.kind().to_owned()).into());
    };
    let (source, target) = (universe_named(work, source_dex)?, universe_named(work, destination_dex)?);
    let asset = asset_named(work, token)?;
    let to = address(destination, "destination")?;
    let from = if from_sub_account.is_empty() { actor.account } else { acting_for(work, actor, from_sub_account)? };
    let movement = transfer::Movement { universe: source, ..movement(work, asset, amount)? };
    let sender = Actor { account: from, ..*actor };
    match (source == target, from == to) {
        (true, true) => stay(work, from, &movement),
        (true, false) => transfer::run(work, &sender, to, &movement),
        (false, true) => {
            let amount = movement.amount;
            move_universe::run(work, &sender, &move_universe::Move { from: source, to: target, asset, amount })
        }
        (false, false) => Err(unsupported("sendAsset to another account and universe at once".to_owned()).into()),
    }
}

/// The universe behind a name of a venue: one of its own name, unless it is one of those that stand for the core one.
fn universe_named(work: &Work<'_>, dex: &str) -> Result<UniverseId, Rejection> {
    match dex {
        "" | "spot" | "fut" => Ok(CORE),
        name => {
            let found = work.state.universes().find(|record| record.spec.name == name);
            found.map(|record| record.spec.id).ok_or_else(|| unsupported(format!("dex {name}")))
        }
    }
}

fn send(work: &mut Work<'_>, actor: &Actor, asset: AssetId, to: AccountId, amount: &str) -> Result<Outcome, Stop> {
    let movement = movement(work, asset, amount)?;
    transfer::run(work, actor, to, &movement)
}

/// A transfer within one balance: nothing moves, if there is that much that could.
fn stay(work: &Work<'_>, account: AccountId, movement: &transfer::Movement) -> Result<Outcome, Stop> {
    transfer::check(work, movement)?;
    let transfer::Movement { universe, asset, amount } = *movement;
    let available = spendable(work.state, account, universe, asset)?;
    if amount > available {
        return Err(Rejection::InsufficientBalance { asset, required: amount, available }.into());
    }
    Ok(Outcome::Done)
}
