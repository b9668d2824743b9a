//! The backstop vault takes debts over, with collateral worth them and the penalty, within the part of its capital that the
//! synthetic may use and lose.
//!
//! What it owes is a position like anyone's, with its own collateral, and it adds from its cash what new risk would need. So
//! a synthetic can cost the vault what lies there and no more.

use super::{Debt, Terms, equity_usd, worst_price};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement},
    liquidation::backstop_capital,
    market_math::{RATE_ONE, quote_amount, quote_value_usd},
    state::{IndexRecord, State},
    wide::multiply_divide_floor,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    numbers::{Amount, Rate, Usd},
    rejection::Rejection,
    synthetic::{DebtLiquidation, DebtLiquidationMethod},
};

/// A debt on its way to the vault.
#[derive(Clone, Copy, Debug)]
struct Handover<'a> {
    terms: &'a Terms,
    index: &'a IndexRecord,
    /// What its owner has and owes.
    owed: Debt,
    /// What the vault is paid beyond the value, of it.
    penalty: Rate,
    /// What the vault owes already.
    own: Debt,
}

impl Handover<'_> {
    /// Collateral that goes with a part of the debt: its value and the penalty, at most its part of the collateral.
    fn taken_usd(&self, debt: Amount) -> Result<Usd, Rejection> {
        let part = multiply_divide_floor(self.owed.collateral_usd.get(), debt.get(), self.owed.debt.get());
        let part = part.map(Usd::new).ok_or(Rejection::Overflow)?;
        Ok(self.terms.value_with_usd(debt, self.index.price, self.penalty)?.min(part))
    }

    /// What the vault owes afterwards, and what it must add for it.
    fn after(&self, debt: Amount) -> Result<(Debt, Usd), Rejection> {
        let overflow = || Rejection::Overflow;
        let owed = self.own.debt.checked_add(debt).ok_or_else(overflow)?;
        let there = self.own.collateral_usd.checked_add(self.taken_usd(debt)?).ok_or_else(overflow)?;
        let required = self.terms.required_usd(owed, worst_price(self.index), self.terms.spec.initial_ratio)?;
        let added_usd = required.checked_sub(there).ok_or_else(overflow)?.max(Usd::ZERO);
        let collateral_usd = there.checked_add(added_usd).ok_or_else(overflow)?;
        Ok((Debt { debt: owed, collateral_usd }, added_usd))
    }

    /// Whether what the vault adds is there, and what it could lose is within its share.
    fn fits(&self, debt: Amount, fence: &Fence) -> Result<bool, Rejection> {
        let (after, added_usd) = self.after(debt)?;
        let value = self.terms.value_ceil_usd(after.debt, self.index.price)?;
        let at_stake = after.collateral_usd.checked_sub(value).ok_or(Rejection::Overflow)?;
        Ok(added_usd <= fence.free_usd && at_stake <= fence.share_usd)
    }
}

/// What bounds what the vault owes.
struct Fence {
    /// Cash that it may spend.
    free_usd: Usd,
    /// The most of its own that may lie in the position.
    share_usd: Usd,
}

impl Fence {
    fn of(state: &State, terms: &Terms) -> Result<Self, Rejection> {
        let universe = terms.spec.universe;
        let vault = AccountId::backstop(universe);
        let free = spendable(state, vault, universe, terms.collateral)?.max(Amount::ZERO);
        let capital = backstop_capital(state, universe, terms.collateral)?;
        let capital = capital.checked_add(equity_usd(state, vault, universe, None)?).ok_or(Rejection::Overflow)?;
        let share = multiply_divide_floor(capital.get(), i128::from(terms.spec.backstop_share.get()), RATE_ONE);
        Ok(Self { free_usd: quote_value_usd(free), share_usd: share.map(Usd::new).ok_or(Rejection::Overflow)? })
    }
}

/// Hands as much of a debt to the vault as its capital allows. The vault's own debt it can only add collateral to.
pub(super) fn run(
    work: &mut Work<'_>,
    terms: &Terms,
    index: &IndexRecord,
    account: AccountId,
    penalty: Rate,
) -> Result<(), Rejection> {
    let vault = AccountId::backstop(terms.spec.universe);
    let owed = terms.debt(work.state, account);
    let own = if account == vault { Debt::default() } else { terms.debt(work.state, vault) };
    let handover = Handover { terms, index, owed, penalty, own };
    let fence = Fence::of(work.state, terms)?;
    if account == vault {
        return fill_up(work, &Handover { own: owed, ..handover }, &fence, vault);
    }
    let debt = without_dust(work.state, terms, account, owed.debt, capacity(&handover, &fence)?);
    if debt.is_zero() {
        return Ok(());
    }
    let taken_usd = handover.taken_usd(debt)?;
    let (after, added_usd) = handover.after(debt)?;
    let left = owed.debt.checked_sub(debt).ok_or(Rejection::Overflow)?;
    let rest_usd = owed.collateral_usd.checked_sub(taken_usd).ok_or(Rejection::Overflow)?;
    let mut settlement = Settlement::new(terms.spec.universe, Overdraft::Refused);
    let purse = terms.purse(vault);
    settlement.transfer(terms.purse(account), purse, terms.collateral, quote_amount(taken_usd))?;
    settlement.transfer(vault, purse, terms.collateral, quote_amount(added_usd))?;
    // The synthetic's own rest stays for what nobody owes.
    let returned_usd = if left.is_zero() && account != terms.own() {
        terms.return_collateral(&mut settlement, account, rest_usd)?
    } else {
        Usd::ZERO
    };
    settlement.apply(work.state)?;
    terms.put_debt(work.state, account, left);
    terms.put_debt(work.state, vault, after.debt);
    work.emit(Event::DebtLiquidated(DebtLiquidation {
        asset: terms.spec.asset,
        account,
        method: DebtLiquidationMethod::Backstop,
        debt,
        collateral_usd: taken_usd,
        added_usd,
        returned_usd,
        index: index.price,
    }));
    Ok(())
}

/// Adds to the vault's own position what new risk would need, if the vault may.
fn fill_up(work: &mut Work<'_>, own: &Handover<'_>, fence: &Fence, vault: AccountId) -> Result<(), Rejection> {
    let idle = Handover { owed: Debt { debt: Amount::new(1), collateral_usd: Usd::ZERO }, ..*own };
    let (after, added_usd) = idle.after(Amount::ZERO)?;
    if added_usd <= Usd::ZERO || !idle.fits(Amount::ZERO, fence)? {
        return Ok(());
    }
    let terms = own.terms;
    crate::vaults::pay(work, terms.spec.universe, terms.collateral, vault, &[(terms.purse(vault), added_usd)])?;
    terms.put_debt(work.state, vault, after.debt);
    Ok(())
}

/// The most of a debt that fits.
fn capacity(handover: &Handover<'_>, fence: &Fence) -> Result<Amount, Rejection> {
    let (mut low, mut high) = (0i128, handover.owed.debt.get());
    // Half of what is left is settled in each step: as many steps as an amount has bits.
    for _ in 0..i128::BITS {
        if low >= high {
            break;
        }
        let middle = high.saturating_sub(high.saturating_sub(low) >> 1);
        if handover.fits(Amount::new(middle), fence)? {
            low = middle;
        } else {
            high = middle.saturating_sub(1);
        }
    }
    Ok(Amount::new(low))
}

/// What is taken so that nobody but the system is left owing less than the minimum.
fn without_dust(state: &State, terms: &Terms, account: AccountId, owed: Amount, fitting: Amount) -> Amount {
    if fitting >= owed || state.is_system_account(account) || account == terms.own() {
        return fitting;
    }
    let above = owed.get().saturating_sub(terms.spec.minimum_debt.get());
    Amount::new(fitting.get().min(above).max(0))
}
