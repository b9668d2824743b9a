//! Actions in Hyperliquid's format, translated to ours once the market and so the lot is known.
//!
//! An order that does not translate fails alone, as its own result, without an event: it has no price or size yet.

use super::{Actor, Stop, approve_agent, cancel, modify, place, schedule_cancel, transfer, update_leverage};
use crate::work::Work;
use palisade_types::{
    action::ModifyRequest,
    address::{AccountId, SignerId},
    agent::AgentScope,
    decimal::parse_scaled,
    envelope::HyperliquidUserAction,
    hyperliquid::{self, L1Action},
    ids::{AssetId, UniverseId},
    numbers::Amount,
    order::OrderRequest,
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    time::TimeMs,
};

/// The universe that Hyperliquid's one clearing house stands for.
const CORE: UniverseId = UniverseId::new(0);
/// What an agent's name may end in, before the time in ms.
const VALID_UNTIL: &str = " valid_until ";

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, request: &hyperliquid::Request) -> Result<Outcome, Stop> {
    match request {
        hyperliquid::Request::L1(action) => l1(work, actor, action),
        hyperliquid::Request::User(action) => user(work, actor, action),
    }
}

fn l1(work: &mut Work<'_>, actor: &Actor, action: &L1Action) -> Result<Outcome, Stop> {
    if let Some(rejection) = action.refusal() {
        return Err(rejection.into());
    }
    match action {
        L1Action::Order { orders, .. } => {
            let results = orders.iter().map(|order| place_one(work, actor, order)).collect::<Result<_, _>>()?;
            Ok(Outcome::Orders { results })
        }
        L1Action::Cancel { cancels } | L1Action::CancelByCloid { cancels } => Ok(cancel::run(work, actor, cancels)),
        L1Action::Modify { modify } => Ok(Outcome::Orders { results: vec![modify_one(work, actor, modify)?] }),
        L1Action::BatchModify { modifies } => {
            let results = modifies.iter().map(|modify| modify_one(work, actor, modify)).collect::<Result<_, _>>()?;
            Ok(Outcome::Orders { results })
        }
        L1Action::ScheduleCancel { at_ms } => schedule_cancel::run(work, actor, *at_ms),
        L1Action::UpdateLeverage { market, leverage, margin_mode } => {
            update_leverage::run(work, actor, *market, *leverage, *margin_mode)
        }
        L1Action::Unsupported { feature } => Err(Rejection::Unsupported { feature: (*feature).to_owned() }.into()),
    }
}

fn translate(work: &Work<'_>, order: &hyperliquid::Order) -> Result<OrderRequest, Rejection> {
    let market = work.state.market(order.market).ok_or(Rejection::UnknownMarket { market: order.market })?;
    order.to_order_request(market.size_decimals)
}

fn place_one(work: &mut Work<'_>, actor: &Actor, order: &hyperliquid::Order) -> Result<OrderResult, Stop> {
    match translate(work, order) {
        Ok(request) => place::one(work, actor, &request),
        Err(rejection) => Ok(OrderResult::Rejected { rejection }),
    }
}

fn modify_one(work: &mut Work<'_>, actor: &Actor, modify: &hyperliquid::Modify) -> Result<OrderResult, Stop> {
    match translate(work, &modify.replacement) {
        Ok(replacement) => modify::one(work, actor, &ModifyRequest { order: modify.order, replacement }),
        Err(rejection) => Ok(OrderResult::Rejected { rejection }),
    }
}

fn user(work: &mut Work<'_>, actor: &Actor, action: &HyperliquidUserAction) -> Result<Outcome, Stop> {
    match action {
        HyperliquidUserAction::ApproveAgent { agent_address, agent_name } => {
            let (name, expires_at_ms) = split_valid_until(agent_name)?;
            let approval = approve_agent::Approval {
                agent: SignerId::Address(*agent_address),
                name: name.to_owned(),
                scope: AgentScope::Trade,
                expires_at_ms,
                approved_natively: false,
            };
            approve_agent::run(work, actor, approval)
        }
        HyperliquidUserAction::UsdSend { destination, amount } => {
            let collateral = work.state.universe(CORE).ok_or(Rejection::UnknownUniverse { universe: CORE })?;
            let asset = collateral.spec.collateral;
            send(work, actor, asset, destination, amount)
        }
        HyperliquidUserAction::SpotSend { destination, token, amount } => {
            let symbol = token.split(':').next().unwrap_or_default();
            let asset = work.state.assets().find(|asset| asset.symbol == symbol).map(|asset| asset.id);
            let unknown = || Rejection::Unsupported { feature: format!("token {symbol}") };
            send(work, actor, asset.ok_or_else(unknown)?, destination, amount)
        }
    }
}

fn send(work: &mut Work<'_>, actor: &Actor, asset: AssetId, destination: &str, amount: &str) -> Result<Outcome, Stop> {
    let invalid = |field: &str| Rejection::InvalidNumber { field: field.to_owned() };
    let to: AccountId = destination.parse().map_err(|_| invalid("destination"))?;
    let decimals = work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.decimals;
    let amount = parse_scaled(amount, decimals).map(Amount::new).map_err(|_| invalid("amount"))?;
    transfer::run(work, actor, to, &transfer::Movement { universe: CORE, asset, amount })
}

/// An agent's name, and when it ends if the name says so.
fn split_valid_until(name: &str) -> Result<(&str, Option<TimeMs>), Rejection> {
    match name.rsplit_once(VALID_UNTIL) {
        None => Ok((name, None)),
        Some((name, time)) => {
            let invalid = |_| Rejection::InvalidNumber { field: "valid_until".to_owned() };
            Ok((name, Some(TimeMs::new(time.parse().map_err(invalid)?))))
        }
    }
}

#[cfg(test)]
#[path = "hyperliquid_tests.rs"]
mod tests;
