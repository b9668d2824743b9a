//! Burn units of a synthetic to owe less (`docs/rules/synthetics.md`, "Burning"): at any age of the index.

use super::{Actor, Stop};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement},
    synthetics::{Terms, check_running},
    work::Work,
};
use palisade_types::{
    event::Event,
    ids::AssetId,
    numbers::{Amount, Usd},
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, asset: AssetId, amount: Amount) -> Result<Outcome, Stop> {
    let account = actor.account;
    let terms = Terms::of(work.state, asset)?;
    let universe = terms.spec.universe;
    check_running(work.state, universe)?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    if work.state.debt(asset, account).is_none() {
        return Err(Rejection::NoDebt { asset }.into());
    }
    let before = terms.debt(work.state, account);
    let units = terms.units(work.state);
    let debt = units.debt_of(amount)?;
    if debt > before.debt {
        return Err(Rejection::MoreThanOwed { required: amount, owed: units.units_of(before.debt)? }.into());
    }
    // Units that stand for less than the smallest debt.
    if debt.is_zero() {
        return Err(Rejection::AmountNotPositive { amount: debt }.into());
    }
    let left = before.debt.checked_sub(debt).ok_or(Rejection::Overflow)?;
    let minimum = terms.spec.minimum_debt;
    if !left.is_zero() && left < minimum {
        return Err(Rejection::DebtBelowMinimum { debt: left, minimum }.into());
    }
    // What rounding would burn for nothing stays with its holder.
    let burned = units.units_of(debt)?;
    let available = spendable(work.state, account, universe, asset)?;
    if burned > available {
        return Err(Rejection::InsufficientBalance { asset, required: burned, available }.into());
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.withdraw(account, asset, burned)?;
    let returned_usd = if left.is_zero() {
        terms.return_collateral(&mut settlement, account, before.collateral_usd)?
    } else {
        Usd::ZERO
    };
    settlement.apply(work.state).map_err(|rejection| Stop { universe: Some(universe), rejection })?;
    terms.put_debt(work.state, account, left);
    terms.put_shortfall(work.state)?;
    work.emit(Event::SyntheticBurned { asset, account, amount: burned, debt, returned_usd });
    Ok(Outcome::Done)
}
