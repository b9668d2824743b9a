//! Debts that lack collateral: who is found, and who takes them over (`docs/rules/synthetics.md`, "Liquidation").
//!
//! One step of a block, after margin's liquidations and before any user action, per synthetic with a fresh index:
//!
//! 1. the backstop vault buys back a part of what it owes, close to the index;
//! 2. positions below the maintenance ratio are served, the worst first, at most [`DEBT_LIQUIDATIONS_PER_BLOCK_MAX`] over all
//!    synthetics; one that nothing can be done for is none of these. One that still covers its debt: the book, then the vault. One
//!    that does not is written off: the synthetic itself owes it from then on, with its collateral;
//! 3. the synthetic's own debt is what its collateral covers at the index, once the insurance fund has paid what it may. The
//!    rest is nobody's debt: the holders of the units bear it, and nobody else does.
//!
//! Nothing is remembered from one block to the next: who is in line is the beginning of the order that the state keeps.
//!
//! Invariants: a step leaves the ledger balanced (I1, I2); the deficit that is written off = what the fund pays + the value of
//! what nobody owes, to one unit (I8).

use super::{Terms, buy_back, sweep, takeover};
use crate::{
    ledger::{Overdraft, Settlement},
    market_math::{RATE_ONE, quote_amount, quote_value_usd},
    state::{IndexRecord, Record, SyntheticRecord},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, Payer},
    ids::AssetId,
    numbers::{Amount, Price, Rate, Usd},
    rejection::Rejection,
    synthetic::{DebtLiquidation, DebtLiquidationMethod},
};

/// Debt positions in one block that something is done for.
pub const DEBT_LIQUIDATIONS_PER_BLOCK_MAX: usize = 32;

/// Debt positions looked at in one block: whom neither the book nor the vault can serve keeps those behind from neither.
pub const DEBT_LOOKS_PER_BLOCK_MAX: usize = 256;

/// How far above the index the vault buys back what it took over.
const BUY_BACK_BAND: Rate = Rate::new(5_000);

/// The step of a block.
pub(crate) fn run(work: &mut Work<'_>) {
    let mut assets: Vec<AssetId> = work.state.synthetics().map(|record| record.spec.asset).collect();
    // Nobody is first in every block.
    let height = usize::try_from(work.state.height().get()).unwrap_or(0);
    let first = height.checked_rem(assets.len()).unwrap_or(0);
    assets.rotate_left(first);
    let mut left = Left { served: DEBT_LIQUIDATIONS_PER_BLOCK_MAX, looks: DEBT_LOOKS_PER_BLOCK_MAX };
    for asset in assets {
        let Ok(terms) = Terms::of(work.state, asset) else { continue };
        let is_halted = work.state.universe(terms.spec.universe).is_none_or(|record| record.halted.is_some());
        let Ok(index) = terms.fresh_index(work.state, work.time_ms) else { continue };
        if is_halted {
            continue;
        }
        // What cannot be bought now is asked for again in the next block, and so is what is out of range.
        let _ = work.attempt(|work| unwind(work, &terms, &index));
        serve(work, &terms, &index, &mut left);
        let _ = work.attempt(|work| settle_own(work, &terms, &index));
    }
}

/// What a block may still do.
struct Left {
    /// Positions that change.
    served: usize,
    /// Positions that are looked at.
    looks: usize,
}

/// Works on whoever lacks collateral, the worst first.
fn serve(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord, left: &mut Left) {
    let line: Vec<AccountId> = terms.liquidatable(work.state, index.price).take(left.looks).collect();
    for account in line {
        if left.served == 0 {
            return;
        }
        left.looks = left.looks.saturating_sub(1);
        let before = work.state.checkpoint();
        let _ = work.attempt(|work| step(work, terms, index, account));
        if work.state.checkpoint() != before {
            left.served = left.served.saturating_sub(1);
        }
    }
}

/// The vault buys back what it owes.
fn unwind(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord) -> Result<(), Rejection> {
    let account = AccountId::backstop(terms.spec.universe);
    let Some(owed) = work.state.debt(terms.spec.asset, account).copied() else { return Ok(()) };
    let bound = buy_back::above(index.price, BUY_BACK_BAND)?;
    if let Some(bought) = buy_back::run(work, terms, account, owed.debt, bound)? {
        let (asset, amount, debt) = (terms.spec.asset, bought.amount, bought.debt);
        work.emit(Event::SyntheticBurned { asset, account, amount, debt, returned_usd: bought.returned_usd });
    }
    Ok(())
}

/// Works on one position.
fn step(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord, account: AccountId) -> Result<(), Rejection> {
    let owed = terms.debt(work.state, account);
    if owed.collateral_usd < terms.value_ceil_usd(owed.debt, index.price)? {
        return write_off(work, terms, index, account);
    }
    // The vault has bought what it buys, close to the index ([`unwind`]): nobody is paid the penalty for what it owes.
    if account != AccountId::backstop(terms.spec.universe) {
        // What the book cannot do does not keep the vault from it.
        let _ = work.attempt(|work| buy_slice(work, terms, index, account));
    }
    let after = terms.debt(work.state, account);
    if !after.debt.is_zero() && terms.is_liquidatable(&after, index.price)? {
        let penalty = terms.spec.liquidation_penalty;
        let _ = work.attempt(|work| takeover::run(work, terms, index, account, penalty));
    }
    Ok(())
}

/// Buys the slice that restores a position in the book, at no more than the index and the penalty.
fn buy_slice(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord, account: AccountId) -> Result<(), Rejection> {
    let bound = buy_back::above(index.price, terms.spec.liquidation_penalty)?;
    let wanted = slice(work, terms, index, account, bound)?;
    if let Some(bought) = buy_back::run(work, terms, account, wanted, bound)? {
        work.emit(Event::DebtLiquidated(DebtLiquidation {
            asset: terms.spec.asset,
            account,
            method: DebtLiquidationMethod::Book,
            debt: bought.debt,
            collateral_usd: bought.spent_usd,
            added_usd: Usd::ZERO,
            returned_usd: bought.returned_usd,
            index: index.price,
        }));
        if !bought.rest.is_zero() {
            let (from, asset) = (terms.purse(account), terms.spec.asset);
            let universe = terms.spec.universe;
            work.emit(Event::Transferred { universe, from, to: account, asset, amount: bought.rest });
        }
    }
    Ok(())
}

/// The least debt whose repayment at `bound` leaves the initial ratio at the index; all of it if none does or if less than the
/// minimum would be left.
///
/// Repaying `x` of a debt `D` at `q` with collateral `C`: `C − q x ≥ r p (D − x)`, so `x ≥ (r p D − C) / (r p − q)`.
fn slice(
    work: &Work<'_>,
    terms: &Terms,
    index: &IndexRecord,
    account: AccountId,
    bound: Price,
) -> Result<Amount, Rejection> {
    let overflow = || Rejection::Overflow;
    let owed = terms.debt(work.state, account);
    let required = terms.required_usd(owed.debt, index.price, terms.spec.initial_ratio)?;
    let lacking = required.checked_sub(owed.collateral_usd).ok_or_else(overflow)?.max(Usd::ZERO);
    let ratio = i128::from(terms.spec.initial_ratio.get());
    let freed = multiply_divide_floor(i128::from(index.price.get()), ratio, RATE_ONE).ok_or_else(overflow)?;
    let gained = freed.checked_sub(i128::from(bound.get())).ok_or_else(overflow)?;
    if gained <= 0 {
        return Ok(owed.debt);
    }
    let wanted = multiply_divide_ceil(lacking.get(), terms.scale, gained).map(Amount::new).ok_or_else(overflow)?;
    let left = owed.debt.checked_sub(wanted).ok_or_else(overflow)?;
    Ok(if left < terms.spec.minimum_debt { owed.debt } else { wanted })
}

/// Debt and collateral of a position that covers its debt no more become the synthetic's own.
fn write_off(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord, account: AccountId) -> Result<(), Rejection> {
    let own = terms.own();
    let (owed, before) = (terms.debt(work.state, account), terms.debt(work.state, own));
    let debt = before.debt.checked_add(owed.debt).ok_or(Rejection::Overflow)?;
    let mut settlement = Settlement::new(terms.spec.universe, Overdraft::Refused);
    let collateral = quote_amount(owed.collateral_usd);
    settlement.transfer(terms.purse(account), terms.purse(own), terms.collateral, collateral)?;
    settlement.apply(work.state)?;
    terms.put_debt(work.state, account, Amount::ZERO);
    terms.put_debt(work.state, own, debt);
    work.emit(Event::DebtLiquidated(DebtLiquidation {
        asset: terms.spec.asset,
        account,
        method: DebtLiquidationMethod::WrittenOff,
        debt: owed.debt,
        collateral_usd: owed.collateral_usd,
        added_usd: Usd::ZERO,
        returned_usd: Usd::ZERO,
        index: index.price,
    }));
    Ok(())
}

/// Makes the synthetic's own debt what its collateral covers at the index, after the fund has paid; lets the vault take it
/// over at its value. What the collateral covers beyond it heals the shortfall first, and is the fund's when there is none.
fn settle_own(work: &mut Work<'_>, terms: &Terms, index: &IndexRecord) -> Result<(), Rejection> {
    let (asset, own) = (terms.spec.asset, terms.own());
    let record = *work.state.synthetic(asset).ok_or(Rejection::NotASynthetic { asset })?;
    let before = terms.debt(work.state, own);
    let nominal = before.debt.checked_add(record.shortfall).ok_or(Rejection::Overflow)?;
    if nominal.is_zero() {
        return sweep(work, terms);
    }
    pay_deficit(work, terms, nominal, index)?;
    let collateral_usd = terms.debt(work.state, own).collateral_usd;
    let debt = terms.covered(collateral_usd, index.price)?.min(nominal);
    if debt != before.debt || collateral_usd != before.collateral_usd {
        terms.put_debt(work.state, own, debt);
        let shortfall = terms.put_shortfall(work.state)?;
        if shortfall != record.shortfall {
            work.emit(Event::ShortfallChanged { asset, shortfall, debt, collateral_usd });
        }
    }
    if !debt.is_zero() {
        let _ = work.attempt(|work| takeover::run(work, terms, index, own, Rate::ZERO));
    }
    Ok(())
}

/// The insurance fund pays what the synthetic's own collateral lacks for `nominal`, as far as it has it and may.
fn pay_deficit(work: &mut Work<'_>, terms: &Terms, nominal: Amount, index: &IndexRecord) -> Result<(), Rejection> {
    let (asset, own, universe) = (terms.spec.asset, terms.own(), terms.spec.universe);
    let record = *work.state.synthetic(asset).ok_or(Rejection::NotASynthetic { asset })?;
    let overflow = || Rejection::Overflow;
    let there = terms.debt(work.state, own).collateral_usd;
    let deficit = terms.value_ceil_usd(nominal, index.price)?.checked_sub(there).ok_or_else(overflow)?;
    let room = terms.spec.fund_claim_maximum_usd.checked_sub(record.fund_claimed_usd).ok_or_else(overflow)?;
    let fund = AccountId::insurance(universe);
    let funds = quote_value_usd(work.state.balance(fund, universe, terms.collateral));
    let amount_usd = deficit.min(room).min(funds);
    if amount_usd <= Usd::ZERO {
        return Ok(());
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(fund, terms.purse(own), terms.collateral, quote_amount(amount_usd))?;
    settlement.apply(work.state)?;
    let fund_claimed_usd = record.fund_claimed_usd.checked_add(amount_usd).ok_or_else(overflow)?;
    work.state.put(Record::Synthetic { id: asset, record: SyntheticRecord { fund_claimed_usd, ..record } });
    work.emit(Event::DeficitPaid { universe, account: own, market: None, payer: Payer::Insurance, amount_usd });
    Ok(())
}

#[cfg(test)]
#[path = "liquidation_tests.rs"]
mod tests;
