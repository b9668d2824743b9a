//! The users' actions, one file per action.
//!
//! Rules:
//! - An error rejects the whole action, which is then reverted; parts of a batch fail alone, each under its own
//!   checkpoint.
//! - A violated invariant stops the whole action, wherever it is found.
//! - What the envelope allows was decided at admission, on the parent's state; only an agent that the same block
//!   retired earlier is turned away here.

mod accept_block;
mod add_debt_collateral;
pub(crate) mod approve_agent;
mod burn_synthetic;
mod cancel;
mod cancel_all;
mod cancel_block;
mod cancel_combo;
mod cancel_twap;
mod claim_faucet;
mod close_vault;
mod create_combo;
mod create_pool;
mod create_sub_account;
mod create_vault;
mod deposit_backstop;
mod deposit_pool;
mod deposit_vault;
mod hyperliquid;
mod list_market;
mod mass_quote;
mod mint_synthetic;
mod modify;
pub(crate) mod move_universe;
mod open_universe;
mod place;
mod place_combo;
mod place_scale;
mod place_triggers;
mod place_twap;
mod quote_block;
mod redeem_synthetic;
mod request_block;
mod revoke_agent;
mod schedule_cancel;
mod set_hyperliquid_compatibility;
mod set_market_maker_protection;
mod set_portfolio_mode;
mod transfer;
mod transfer_sub_account;
mod update_isolated_margin;
mod update_leverage;
mod withdraw_backstop;
mod withdraw_debt_collateral;
mod withdraw_pool;
mod withdraw_vault;

pub(crate) use create_sub_account::too_many;

use crate::{
    combos::ComboPlacement,
    liquidity::Reserves,
    work::{Work, is_violation},
};
use palisade_types::{
    action::Action,
    address::{AccountId, SignerId},
    hash::ActionId,
    ids::{MarketId, UniverseId},
    receipt::Outcome,
    rejection::Rejection,
    request::Request,
    signing::VerifiedAction,
};

/// Who acts, and by which action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    /// For whom.
    pub account: AccountId,
    /// The action's name.
    pub action: ActionId,
}

/// Why an action as a whole has no effect.
#[derive(Debug)]
pub(crate) struct Stop {
    /// The universe that it worked in, if that is known.
    pub universe: Option<UniverseId>,
    /// Why.
    pub rejection: Rejection,
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self { universe: None, rejection }
    }
}

/// Executes an admitted action.
pub(crate) fn execute(work: &mut Work<'_>, verified: &VerifiedAction) -> Result<Outcome, Stop> {
    let envelope = verified.envelope();
    let actor = Actor { account: envelope.account, action: verified.id() };
    if envelope.signer != SignerId::Address(work.state.group_of(envelope.account))
        && work.state.agent(envelope.signer).is_none_or(|agent| agent.retired)
    {
        return Err(Rejection::NotYourAgent { agent: envelope.signer }.into());
    }
    match verified.request() {
        Request::Native(action) => native(work, &actor, action),
        Request::Hyperliquid(request) => hyperliquid::run(work, &actor, request),
    }
}

/// Executes an action in our own format.
pub(crate) fn native(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::Place { orders } => place::run(work, actor, orders),
        Action::Cancel { cancels } => Ok(cancel::run(work, actor, cancels)),
        Action::Modify { modifies } => modify::run(work, actor, modifies),
        Action::CancelAll { market } => cancel_all::run(work, actor, *market),
        Action::ScheduleCancel { at_ms } => schedule_cancel::run(work, actor, *at_ms),
        Action::UpdateLeverage { market, leverage, margin_mode } => {
            update_leverage::run(work, actor, *market, *leverage, *margin_mode)
        }
        Action::UpdateIsolatedMargin { market, amount_usd } => {
            update_isolated_margin::run(work, actor, *market, *amount_usd)
        }
        Action::ApproveAgent { agent, name, scope, expires_at_ms } => {
            let approval = approve_agent::Approval {
                agent: *agent,
                name: name.clone(),
                scope: *scope,
                expires_at_ms: *expires_at_ms,
                approved_natively: true,
            };
            approve_agent::run(work, actor, approval)
        }
        Action::RevokeAgent { agent } => revoke_agent::run(work, actor, *agent),
        Action::Transfer { universe, to, asset, amount } => {
            let movement = transfer::Movement { universe: *universe, asset: *asset, amount: *amount };
            transfer::run(work, actor, *to, &movement)
        }
        Action::ClaimFaucet { asset } => claim_faucet::run(work, actor, *asset),
        Action::SetHyperliquidCompatibility { enabled } => set_hyperliquid_compatibility::run(work, actor, *enabled),
        other => special(work, actor, other),
    }
}

/// The actions of `docs/rules/orders.md`.
fn special(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::PlaceTriggers { parent, triggers, grouping } => {
            place_triggers::run(work, actor, parent.as_ref(), triggers, *grouping)
        }
        Action::PlaceTwap { twap } => place_twap::run(work, actor, twap),
        Action::CancelTwap { twap } => cancel_twap::run(work, actor, *twap),
        Action::PlaceScale { market, side, size, price_from, price_to, orders, skew, post_only, reduce_only } => {
            let scale = place_scale::Scale {
                market: *market,
                side: *side,
                size: *size,
                price_from: *price_from,
                price_to: *price_to,
                orders: *orders,
                skew: *skew,
                post_only: *post_only,
                reduce_only: *reduce_only,
            };
            place_scale::run(work, actor, &scale)
        }
        Action::SetMarketMakerProtection { market, terms } => {
            set_market_maker_protection::run(work, actor, *market, *terms)
        }
        Action::ResetMarketMakerProtection { market } => set_market_maker_protection::reset(work, actor, *market),
        Action::MassQuote { quotes } => mass_quote::run(work, actor, quotes),
        Action::SetPortfolioMode { universe, enabled } => set_portfolio_mode::run(work, actor, *universe, *enabled),
        Action::CreateSubAccount { name } => create_sub_account::run(work, actor, name),
        Action::TransferSubAccount { sub_account, universe, asset, amount, direction } => {
            let (sub_account, direction) = (*sub_account, *direction);
            let movement = transfer::Movement { universe: *universe, asset: *asset, amount: *amount };
            transfer_sub_account::run(work, actor, sub_account, direction, &movement)
        }
        _ => capital(work, actor, action),
    }
}

/// Executes an action that moves capital between universes, or into and out of vaults.
fn capital(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::MoveUniverse { from, to, asset, amount } => {
            let movement = move_universe::Move { from: *from, to: *to, asset: *asset, amount: *amount };
            move_universe::run(work, actor, &movement)
        }
        Action::OpenUniverse { name, collateral, market, deposit_usd } => {
            let (collateral, deposit_usd) = (*collateral, *deposit_usd);
            open_universe::run(work, actor, &open_universe::Opening { name, collateral, market, deposit_usd })
        }
        Action::ListMarket { universe, market, deposit_usd } => {
            list_market::run(work, actor, *universe, market, *deposit_usd)
        }
        Action::CreateVault { name, description, initial_usd } => {
            create_vault::run(work, actor, name, description, *initial_usd)
        }
        Action::DepositVault { vault, amount_usd } => deposit_vault::run(work, actor, *vault, *amount_usd),
        Action::WithdrawVault { vault, redemption } => withdraw_vault::run(work, actor, *vault, *redemption),
        Action::CloseVault { vault } => close_vault::run(work, actor, *vault),
        Action::DepositBackstop { universe, tranche, amount_usd } => {
            deposit_backstop::run(work, actor, *universe, *tranche, *amount_usd)
        }
        Action::WithdrawBackstop { universe, tranche, redemption } => {
            withdraw_backstop::run(work, actor, *universe, *tranche, *redemption)
        }
        _ => synthetic(work, actor, action),
    }
}

/// Executes an action of `docs/rules/synthetics.md`.
fn synthetic(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::MintSynthetic { asset, amount, collateral_usd } => {
            mint_synthetic::run(work, actor, *asset, *amount, *collateral_usd)
        }
        Action::BurnSynthetic { asset, amount } => burn_synthetic::run(work, actor, *asset, *amount),
        Action::AddDebtCollateral { asset, amount_usd } => add_debt_collateral::run(work, actor, *asset, *amount_usd),
        Action::WithdrawDebtCollateral { asset, amount_usd } => {
            withdraw_debt_collateral::run(work, actor, *asset, *amount_usd)
        }
        Action::RedeemSynthetic { asset, amount, minimum_usd } => {
            redeem_synthetic::run(work, actor, *asset, *amount, *minimum_usd)
        }
        _ => liquidity(work, actor, action),
    }
}

/// Executes an action on a spot market's liquidity pool.
fn liquidity(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::CreatePool { market, base, quote, fee } => {
            create_pool::run(work, actor, *market, Reserves { base: *base, quote: *quote }, *fee)
        }
        Action::DepositPool { market, base_maximum, quote_maximum, shares_minimum } => {
            let most = Reserves { base: *base_maximum, quote: *quote_maximum };
            deposit_pool::run(work, actor, *market, most, *shares_minimum)
        }
        Action::WithdrawPool { market, shares, base_minimum, quote_minimum } => {
            let least = Reserves { base: *base_minimum, quote: *quote_minimum };
            withdraw_pool::run(work, actor, *market, *shares, least)
        }
        _ => multi_leg(work, actor, action),
    }
}

/// Executes an action on several markets at once.
fn multi_leg(work: &mut Work<'_>, actor: &Actor, action: &Action) -> Result<Outcome, Stop> {
    match action {
        Action::RequestBlock { block } => request_block::run(work, actor, block),
        Action::QuoteBlock { quote } => quote_block::run(work, actor, quote),
        Action::AcceptBlock { request, quote } => accept_block::run(work, actor, *request, *quote),
        Action::CancelBlockRequest { request } => cancel_block::request(work, actor, *request),
        Action::CancelBlockQuote { quote } => cancel_block::quote(work, actor, *quote),
        Action::CreateCombo { legs } => create_combo::run(work, actor, legs),
        Action::PlaceCombo { combo, side, price, lots, time_in_force } => {
            let (combo, side, price, lots) = (*combo, *side, *price, *lots);
            let placement = ComboPlacement { combo, side, price, lots, time_in_force: *time_in_force };
            place_combo::run(work, actor, &placement)
        }
        Action::CancelCombo { order } => cancel_combo::run(work, actor, *order),
        // Everything else is above.
        _ => Err(Rejection::Unsupported { feature: action.kind().to_owned() }.into()),
    }
}

/// Runs one part of a batch: a rejection stays with the part, a violated invariant stops the action.
fn part<T>(
    work: &mut Work<'_>,
    market: MarketId,
    piece: impl FnOnce(&mut Work<'_>) -> Result<T, Rejection>,
) -> Result<Result<T, Rejection>, Stop> {
    match work.attempt(piece) {
        Err(rejection) if is_violation(&rejection) => {
            Err(Stop { universe: work.state.market(market).map(|spec| spec.universe), rejection })
        }
        result => Ok(result),
    }
}
