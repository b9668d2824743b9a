//! Isolated positions: each has a purse of its own, and can lose no more than what is in it.
//! Rules page: `docs/rules/margin.md`.
//!
//! The position stays under its owner's name; its purse is the balance of a derived account
//! ([`AccountId::isolated`]), so the ledger's invariants cover it. The owner's other positions know nothing of either,
//! but open orders in the market reserve from the owner's cross margin what they may ask for beyond the purse.
//!
//! After a fill:
//! - a position that was opened, grew or turned takes from the owner's cash what its purse lacks for the initial requirement; one
//!   that turned gives back what cash it does not need;
//! - a position that shrank gives back the closed part's share of the purse and what it realised, but keeps the
//!   initial requirement of the rest;
//! - a position that is closed gives back everything. What an owner's own trade lost beyond the purse is the owner's; what
//!   the backstop vault lost beyond it stays in the purse, as a deficit like anyone's.
//!
//! What goes into a purse leaves the cross margin, which it can pay no loss of any more, and what does not go into it may leave after a
//! switch: both are judged by what counts where cash leaves ([`AccountMargin::confirmed_equity_usd`]).
//!
//! Invariant: only cash leaves a purse. Profit that is not realised may back the position there, as it may anywhere, but never
//! makes a purse pay out more than lies in it.

use crate::{
    accounts::{isolated_margin, position, with_unconfirmed_need},
    ledger::{Overdraft, Settlement},
    margin::AccountMargin,
    market_math::quote_amount,
    state::{PositionRecord, State},
    wide::multiply_divide_ceil,
};
use palisade_types::{
    address::AccountId,
    ids::UniverseId,
    market::MarketSpec,
    numbers::{Amount, Position, Usd},
    rejection::Rejection,
};

/// What a fill did to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// There is more of it, or as much; also where there was nothing.
    Grown,
    /// There is less of it.
    Shrunk,
    /// It is on the other side.
    Turned,
    /// It is gone.
    Closed,
}

impl Change {
    fn of(before: Position, after: Position) -> Self {
        if after.is_zero() {
            return Self::Closed;
        }
        if !before.is_zero() && (after.get() > 0) != (before.get() > 0) {
            return Self::Turned;
        }
        if after.size() < before.size() { Self::Shrunk } else { Self::Grown }
    }
}

/// Moves cash between an isolated position's purse and its owner after a fill; `before` is the position before it.
pub(crate) fn settle_purse(
    state: &mut State,
    account: AccountId,
    market: &MarketSpec,
    before: PositionRecord,
) -> Result<(), Rejection> {
    let after = position(state, account, market.id);
    let margin = isolated_margin(state, account, market)?;
    let surplus = margin.initial_equity_usd()?.checked_sub(margin.position_initial_usd).ok_or(Rejection::Overflow)?;
    let returned = match Change::of(before.position, after.position) {
        Change::Closed if account == AccountId::backstop(market.universe) => margin.balance_usd.max(Usd::ZERO),
        Change::Closed => margin.balance_usd,
        Change::Shrunk => {
            let kept = multiply_divide_ceil(
                margin.balance_usd.get().max(0),
                i128::from(after.position.size().get()),
                i128::from(before.position.size().get()),
            );
            let kept = kept.map(Usd::new).ok_or(Rejection::Overflow)?;
            margin.balance_usd.checked_sub(kept).ok_or(Rejection::Overflow)?.min(surplus).max(Usd::ZERO)
        }
        Change::Turned => surplus.min(margin.withdrawable_usd()?),
        Change::Grown => surplus.min(Usd::ZERO),
    };
    move_from_purse(state, account, market, quote_amount(returned))
}

/// Moves into the purse of a position that was cross until now what it lacks for the initial requirement.
pub(crate) fn fill_new_purse(state: &mut State, account: AccountId, market: &MarketSpec) -> Result<(), Rejection> {
    if position(state, account, market.id).is_empty() {
        // Nothing stays there, not even what somebody sent to its address.
        return settle_purse(state, account, market, PositionRecord::default());
    }
    let margin = isolated_margin(state, account, market)?;
    let surplus = margin.confirmed_equity_usd()?.checked_sub(margin.position_initial_usd).ok_or(Rejection::Overflow)?;
    move_from_purse(state, account, market, quote_amount(surplus.min(Usd::ZERO)))
}

/// Moves cash out of a purse to its owner; negative: into it.
pub(crate) fn move_from_purse(
    state: &mut State,
    account: AccountId,
    market: &MarketSpec,
    amount: Amount,
) -> Result<(), Rejection> {
    if amount.is_zero() {
        return Ok(());
    }
    let universe = market.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    settlement.transfer(AccountId::isolated(account, market.id), account, collateral, amount)?;
    settlement.apply(state)
}

/// Whether the owner can afford what a fill of an isolated position, or a switch, did to the cross margin: what was taken for the purse
/// was there in cash and is not needed elsewhere, or nothing was taken.
pub(crate) fn check_fill(
    state: &State,
    account: AccountId,
    market: &MarketSpec,
    after: &AccountMargin,
    before: &AccountMargin,
) -> Result<(), Rejection> {
    if after.balance_usd >= before.balance_usd {
        return Ok(());
    }
    check_taken(state, account, market.universe, after)
}

/// Whether what was taken for purses was there in cash and is not needed elsewhere; `after` is the owner's margin without it.
pub(crate) fn check_taken(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    after: &AccountMargin,
) -> Result<(), Rejection> {
    let cash = after.balance_usd.checked_sub(after.held_usd).ok_or(Rejection::Overflow)?;
    if cash < Usd::ZERO {
        let available = after.initial_equity_usd()?;
        return Err(Rejection::InsufficientMargin { required: after.position_initial_usd, available });
    }
    with_unconfirmed_need(state, account, universe, *after)?.check_confirmed()
}

/// The margin of an isolated position, before a fill; none if there is no such position.
pub(crate) fn purse(
    state: &State,
    account: AccountId,
    market: &MarketSpec,
) -> Result<Option<AccountMargin>, Rejection> {
    let standing = state.standing(account, market.id);
    if !standing.is_isolated() || standing.position.is_empty() {
        return Ok(None);
    }
    isolated_margin(state, account, market).map(Some)
}

/// Whether the purse can carry what fills left in it, by the rule of cross margin: its owner's cash, which nobody asks for what a
/// part sold below the mark has lost, says nothing of it.
pub(crate) fn check_purse(
    state: &State,
    account: AccountId,
    market: &MarketSpec,
    before: Option<&AccountMargin>,
    reduces: bool,
) -> Result<(), Rejection> {
    match purse(state, account, market)? {
        Some(after) => after.check_fill(before.unwrap_or(&AccountMargin::default()), reduces),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "isolated_tests.rs"]
mod tests;
