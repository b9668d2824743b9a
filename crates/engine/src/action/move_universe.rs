//! Move the account's own funds to another universe (`docs/rules/universes.md`, "Moving funds").
//!
//! Invariant: per asset the sum of balances over both universes stays, and custody goes with the funds.

use super::{Actor, Stop};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement, apply_between},
    mutant::{Mutant, is_planted},
    state::State,
    work::Work,
};
use palisade_types::{
    event::Event,
    ids::{AssetId, UniverseId},
    numbers::Amount,
    receipt::Outcome,
    rejection::Rejection,
};

/// What goes where.
pub(super) struct Move {
    pub from: UniverseId,
    pub to: UniverseId,
    pub asset: AssetId,
    pub amount: Amount,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, movement: &Move) -> Result<Outcome, Stop> {
    let Move { from, to, asset, amount } = *movement;
    let account = actor.account;
    check_open(work.state, from)?;
    check_open(work.state, to)?;
    if from == to {
        return Err(Rejection::SameUniverse { universe: from }.into());
    }
    check_accepted(work.state, to, asset)?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    let available = spendable(work.state, account, from, asset)?;
    if amount > available {
        return Err(Rejection::InsufficientBalance { asset, required: amount, available }.into());
    }
    let mut leaving = Settlement::new(from, Overdraft::Refused);
    leaving.withdraw(account, asset, amount)?;
    let mut entering = Settlement::new(to, Overdraft::Refused);
    entering.deposit(account, asset, amount)?;
    apply_between(&leaving, &entering, work.state).map_err(|rejection| Stop { universe: Some(from), rejection })?;
    let (from_universe, to_universe) = (from, to);
    work.emit(Event::MovedBetweenUniverses { from_universe, to_universe, from: account, to: account, asset, amount });
    Ok(Outcome::Done)
}

/// Refuses a universe that is unknown, halted, or gated by a loss that nobody has borne yet.
pub(crate) fn check_open(state: &State, universe: UniverseId) -> Result<(), Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe });
    }
    if record.gated_since_ms.is_some() && !is_planted(Mutant::SkipTheGate) {
        return Err(Rejection::UniverseGated { universe });
    }
    Ok(())
}

/// Refuses an asset that is worth nothing to the universe's margin.
fn check_accepted(state: &State, universe: UniverseId, asset: AssetId) -> Result<(), Rejection> {
    let terms = state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?;
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.spec.collateral == asset || terms.collateral.is_some() {
        Ok(())
    } else {
        Err(Rejection::AssetNotAccepted { universe, asset })
    }
}

#[cfg(test)]
#[path = "move_universe_tests.rs"]
mod tests;
