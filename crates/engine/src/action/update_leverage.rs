//! Set the leverage of a linear market, and whether its position has its own collateral. A change that needs more margin
//! must be covered by it, on both sides of a switch.

use super::{Actor, Stop};
use crate::{
    accounts::{isolated_margin, margin},
    isolated::{self, move_from_purse},
    margin::AccountMargin,
    state::{MarginSetting, MarginSettingId, Record, State},
    work::Work,
};
use palisade_types::{
    action::MarginMode, address::AccountId, event::Event, ids::MarketId, market::MarketSpec, numbers::Amount,
    receipt::Outcome, rejection::Rejection,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    leverage: u32,
    margin_mode: MarginMode,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let spec = work.state.market(market).ok_or(Rejection::UnknownMarket { market })?.clone();
    let terms = spec.linear().ok_or(Rejection::NoLeverage { market })?;
    let universe = spec.universe;
    if work.state.universe(universe).is_none_or(|record| record.halted.is_some()) {
        return Err(Rejection::UniverseHalted { universe }.into());
    }
    if margin_mode == MarginMode::Isolated && work.state.vault(account).is_some() {
        return Err(Rejection::NotForVaults { what: "isolated margin".to_owned() }.into());
    }
    if leverage == 0 || leverage > terms.maximum_leverage {
        return Err(Rejection::LeverageOutOfRange { leverage, maximum: terms.maximum_leverage }.into());
    }
    let was_isolated = work.state.standing(account, market).is_isolated();
    let at_risk = work.state.position(account, market).is_some()
        || work.state.open_totals(account, market).orders > 0
        || (was_isolated && !purse_balance(work.state, account, &spec)?.is_zero());
    let before = if at_risk { Some(margin(work.state, account, spec.universe)?) } else { None };
    let record = MarginSetting { leverage, mode: margin_mode };
    work.state.put(Record::MarginSetting { id: MarginSettingId { account, market }, record });
    if let Some(before) = before {
        let is_isolated = margin_mode == MarginMode::Isolated;
        settle_switch(work, account, &spec, was_isolated, is_isolated)?;
        let after = margin(work.state, account, spec.universe)?;
        if was_isolated == is_isolated {
            check_same_mode(work, account, &spec, &before, &after)?;
        } else {
            isolated::check_fill(work.state, account, &spec, &after, &before)?;
            after.check_initial()?;
        }
    }
    work.emit(Event::LeverageUpdated { account, market, leverage, margin_mode });
    Ok(Outcome::Done)
}

/// What lies in the purse of a market: something may, or may be missing, also where there is no position any more.
fn purse_balance(state: &State, account: AccountId, market: &MarketSpec) -> Result<Amount, Rejection> {
    let universe = market.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    Ok(state.balance(AccountId::isolated(account, market.id), universe, collateral))
}

/// Moves the collateral that a switch of modes takes along: into a new purse what the position lacks for the initial requirement,
/// or all of a purse back to its owner, what is missing in it included.
fn settle_switch(
    work: &mut Work<'_>,
    account: AccountId,
    market: &MarketSpec,
    was_isolated: bool,
    is_isolated: bool,
) -> Result<(), Rejection> {
    match (was_isolated, is_isolated) {
        (false, true) => isolated::fill_new_purse(work.state, account, market),
        (true, false) => {
            let amount = purse_balance(work.state, account, market)?;
            move_from_purse(work.state, account, market, amount)
        }
        _ => Ok(()),
    }
}

/// A lower leverage must be covered: by the cross margin, or by the purse.
fn check_same_mode(
    work: &Work<'_>,
    account: AccountId,
    market: &MarketSpec,
    before: &AccountMargin,
    after: &AccountMargin,
) -> Result<(), Rejection> {
    after.check_order(before)?;
    if work.state.standing(account, market.id).is_isolated() {
        isolated_margin(work.state, account, market)?.check_initial()?;
    }
    Ok(())
}
