//! Burn units of a synthetic for the index less the fee (`docs/rules/synthetics.md`, "Redeeming").
//!
//! The positions with the least collateral over debt pay, at most [`REDEEMED_POSITIONS_MAX`] of the first
//! [`REDEMPTION_LOOKS_MAX`]; what they cannot stays with the holder. No position's ratio falls by it: it pays no more than the
//! part of its collateral that backed what it owes less.

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement},
    market_math::quote_amount,
    mutant::{Mutant, is_planted},
    state::IndexRecord,
    synthetics::{Debt, REDEEMED_POSITIONS_MAX, REDEMPTION_LOOKS_MAX, Terms},
    wide::multiply_divide_floor,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::AssetId,
    numbers::{Amount, Rate, Usd},
    receipt::Outcome,
    rejection::Rejection,
    synthetic::RedeemedDebt,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    asset: AssetId,
    amount: Amount,
    minimum_usd: Usd,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let terms = Terms::of(work.state, asset)?;
    let universe = terms.spec.universe;
    check_open(work.state, universe)?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    let index = terms.fresh_index(work.state, work.time_ms)?;
    let available = spendable(work.state, account, universe, asset)?;
    if amount > available {
        return Err(Rejection::InsufficientBalance { asset, required: amount, available }.into());
    }
    let units = terms.units(work.state);
    let debts = hits(work, &terms, &index, units.debt_of(amount)?)?;
    let (mut debt, mut paid_usd) = (Amount::ZERO, Usd::ZERO);
    for hit in &debts {
        debt = debt.checked_add(hit.debt).ok_or(Rejection::Overflow)?;
        paid_usd = paid_usd.checked_add(hit.paid_usd).ok_or(Rejection::Overflow)?;
    }
    if paid_usd <= Usd::ZERO || paid_usd < minimum_usd {
        return Err(Rejection::RedemptionBelowMinimum { paid_usd, minimum_usd: minimum_usd.max(Usd::new(1)) }.into());
    }
    let burned = units.units_of(debt)?;
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.withdraw(account, asset, burned)?;
    for hit in &debts {
        settlement.transfer(terms.purse(hit.account), account, terms.collateral, quote_amount(hit.paid_usd))?;
        terms.return_collateral(&mut settlement, hit.account, hit.returned_usd)?;
    }
    settlement.apply(work.state).map_err(|rejection| Stop { universe: Some(universe), rejection })?;
    for hit in &debts {
        let owed = terms.debt(work.state, hit.account).debt;
        let left = owed.checked_sub(hit.debt).ok_or(Rejection::Overflow)?;
        terms.put_debt(work.state, hit.account, left);
    }
    terms.put_shortfall(work.state)?;
    work.emit(Event::SyntheticRedeemed { asset, account, amount: burned, paid_usd, debts });
    Ok(Outcome::Done)
}

/// The positions that pay for `wanted` of debt, the least collateral over debt first.
fn hits(work: &Work<'_>, terms: &Terms, index: &IndexRecord, wanted: Amount) -> Result<Vec<RedeemedDebt>, Rejection> {
    let mut left = wanted;
    let mut found = Vec::new();
    for (account, record) in work.state.debts_by_ratio(terms.spec.asset).take(REDEMPTION_LOOKS_MAX) {
        let owed = Debt { debt: record.debt, collateral_usd: record.collateral_usd };
        if owed.collateral_usd < terms.value_ceil_usd(owed.debt, index.price)? {
            // Others would be paid in full before this loss is anybody's.
            return Err(Rejection::SyntheticLossPending { asset: terms.spec.asset });
        }
        let debt = takeable(work, terms, account, owed.debt, left)?;
        if !debt.is_zero() {
            found.push(hit(terms, index, account, &owed, debt)?);
            left = left.checked_sub(debt).ok_or(Rejection::Overflow)?;
        }
        // Who has nothing to give, owing the least there may be, is none of them.
        if left.is_zero() || found.len() == REDEEMED_POSITIONS_MAX {
            break;
        }
    }
    Ok(found)
}

/// What of a debt a redemption takes: all of it, or what leaves the least debt, so that nobody makes positions of dust by
/// redeeming. What the system owes may be taken to any part.
fn takeable(
    work: &Work<'_>,
    terms: &Terms,
    account: AccountId,
    owed: Amount,
    wanted: Amount,
) -> Result<Amount, Rejection> {
    if wanted >= owed {
        return Ok(owed);
    }
    if work.state.is_system_account(account) {
        return Ok(wanted);
    }
    let above = owed.checked_sub(terms.spec.minimum_debt).ok_or(Rejection::Overflow)?;
    Ok(wanted.min(above).max(Amount::ZERO))
}

/// What one position pays: the index less the fee, at most its part of the collateral, rounded down; what is left of one that
/// owes nothing any more is its owner's, and the synthetic's own stays for what nobody owes.
fn hit(
    terms: &Terms,
    index: &IndexRecord,
    account: AccountId,
    owed: &Debt,
    debt: Amount,
) -> Result<RedeemedDebt, Rejection> {
    let part =
        multiply_divide_floor(owed.collateral_usd.get(), debt.get(), owed.debt.get()).ok_or(Rejection::Overflow)?;
    let fee = if is_planted(Mutant::RedeemWithoutFee) { Rate::ZERO } else { terms.spec.redemption_fee };
    let paid_usd = terms.value_without_usd(debt, index.price, fee)?.min(Usd::new(part));
    let ends = debt == owed.debt && account != terms.own();
    let rest_usd = owed.collateral_usd.checked_sub(paid_usd).ok_or(Rejection::Overflow)?;
    Ok(RedeemedDebt { account, debt, paid_usd, returned_usd: if ends { rest_usd } else { Usd::ZERO } })
}
