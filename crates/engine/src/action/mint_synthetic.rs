//! Mint units of a synthetic against collateral (`docs/rules/synthetics.md`, "Minting").

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement},
    market_math::quote_amount,
    mutant::{Mutant, is_planted},
    synthetics::{Debt, Terms, check_not_vault},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::AssetId,
    numbers::{Amount, Usd},
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    asset: AssetId,
    amount: Amount,
    collateral_usd: Usd,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let terms = Terms::of(work.state, asset)?;
    let universe = terms.spec.universe;
    check_open(work.state, universe)?;
    check_not_vault(work.state, account)?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    if collateral_usd < Usd::ZERO {
        return Err(Rejection::AmountNotPositive { amount: quote_amount(collateral_usd) }.into());
    }
    let index = terms.fresh_index(work.state, work.time_ms)?;
    check_room(work, &terms, amount)?;
    let before = terms.debt(work.state, account);
    let after = Debt {
        debt: before.debt.checked_add(amount).ok_or(Rejection::Overflow)?,
        collateral_usd: before.collateral_usd.checked_add(collateral_usd).ok_or(Rejection::Overflow)?,
    };
    let minimum = terms.spec.minimum_debt;
    if after.debt < minimum {
        return Err(Rejection::DebtBelowMinimum { debt: after.debt, minimum }.into());
    }
    terms.check_initial(&after, &index)?;
    let fee_usd = terms.mint_fee_usd(amount, index.price)?;
    let required = quote_amount(collateral_usd.checked_add(fee_usd).ok_or(Rejection::Overflow)?);
    let available = spendable(work.state, account, universe, terms.collateral)?;
    if required > available {
        return Err(Rejection::InsufficientBalance { asset: terms.collateral, required, available }.into());
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(account, terms.purse(account), terms.collateral, quote_amount(collateral_usd))?;
    settlement.transfer(account, AccountId::fees(universe), terms.collateral, quote_amount(fee_usd))?;
    settlement.deposit(account, asset, amount)?;
    settlement.apply(work.state).map_err(|rejection| Stop { universe: Some(universe), rejection })?;
    terms.put_debt(work.state, account, after.debt);
    work.emit(Event::SyntheticMinted { asset, account, amount, collateral_usd, fee_usd });
    Ok(Outcome::Done)
}

/// Refuses to mint beyond the ceiling, and while some units are owed by nobody: a new debtor would owe for units that are
/// worth less than the debt.
fn check_room(work: &Work<'_>, terms: &Terms, amount: Amount) -> Result<(), Rejection> {
    let asset = terms.spec.asset;
    let shortfall = work.state.synthetic(asset).map_or(Amount::ZERO, |record| record.shortfall);
    if shortfall > Amount::ZERO {
        return Err(Rejection::SyntheticShort { asset, shortfall });
    }
    let ceiling = terms.spec.debt_ceiling;
    let debt = terms.units(work.state).debt.checked_add(amount).ok_or(Rejection::Overflow)?;
    if debt > ceiling && !is_planted(Mutant::MintBeyondTheCeiling) {
        Err(Rejection::DebtCeiling { asset, debt, ceiling })
    } else {
        Ok(())
    }
}
