//! Synthetic assets: what a debt needs, what a unit is worth, and how units come and go. Rules page:
//! `docs/rules/synthetics.md`.
//!
//! Rules:
//! - The collateral of a position lies at an address of its own ([`AccountId::debt`]): a position can lose that and no more.
//! - Units are paid into custody when they are minted and out of it when they are burned.
//! - A unit stands for `all debts / all units`: one, unless some units are owed by nobody.
//! - Every rounding favours who stays: what is needed is rounded up, what is paid and what is owed less are rounded down.
//!
//! Invariants, audited:
//! - All units of a synthetic = all debts + its shortfall, and no shortfall is below zero (I2).
//! - A debt record's collateral is the balance of its address.

#[cfg(test)]
mod boundary_tests;
mod buy_back;
pub(crate) mod liquidation;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod serving_tests;
#[cfg(test)]
mod table;
mod takeover;

use crate::{
    ledger::Settlement,
    market_math::{RATE_ONE, quote_amount, quote_value_usd},
    mutant::{Mutant, is_planted},
    oracle::is_fresh_index,
    state::{DebtId, DebtRecord, IndexRecord, Record, RecordKey, State, SyntheticRecord},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    decimal::power_of_ten,
    ids::{AssetId, UniverseId},
    numbers::{Amount, Price, Rate, Usd},
    rejection::Rejection,
    synthetic::SyntheticSpec,
    time::TimeMs,
};

/// Positions that pay one redemption.
pub const REDEEMED_POSITIONS_MAX: usize = 16;

/// Positions that one redemption looks at.
pub const REDEMPTION_LOOKS_MAX: usize = 64;

/// A synthetic's terms with what every rule needs beside them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub spec: SyntheticSpec,
    /// The universe's collateral.
    pub collateral: AssetId,
    /// Smallest units of one unit.
    scale: i128,
}

/// What a position has and owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Debt {
    pub debt: Amount,
    /// What lies at its address, whoever paid it in.
    pub collateral_usd: Usd,
}

/// All units and all debts of a synthetic: what one stands for in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    pub supply: Amount,
    pub debt: Amount,
}

impl Units {
    /// What burning units lets debtors owe less, rounded down.
    pub(crate) fn debt_of(&self, units: Amount) -> Result<Amount, Rejection> {
        if self.supply <= Amount::ZERO {
            return Ok(Amount::ZERO);
        }
        if is_planted(Mutant::UnitsAtPar) {
            return Ok(units.min(self.debt));
        }
        multiply_divide_floor(units.get(), self.debt.get(), self.supply.get())
            .map(Amount::new)
            .ok_or(Rejection::Overflow)
    }

    /// The units whose burning lets debtors owe so much less, rounded up.
    pub(crate) fn units_of(&self, debt: Amount) -> Result<Amount, Rejection> {
        if self.debt <= Amount::ZERO {
            return Ok(Amount::ZERO);
        }
        if is_planted(Mutant::UnitsAtPar) {
            return Ok(debt);
        }
        multiply_divide_ceil(debt.get(), self.supply.get(), self.debt.get()).map(Amount::new).ok_or(Rejection::Overflow)
    }
}

impl Terms {
    /// The terms of a synthetic, or the rejection that it is none.
    pub(crate) fn of(state: &State, asset: AssetId) -> Result<Self, Rejection> {
        let spec = state.synthetic(asset).ok_or(Rejection::NotASynthetic { asset })?.spec;
        let universe = spec.universe;
        let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
        let decimals = state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.decimals;
        Ok(Self { spec, collateral, scale: power_of_ten(decimals).ok_or(Rejection::Overflow)? })
    }

    /// The synthetic's own address, which owes what was written off.
    pub(crate) fn own(&self) -> AccountId {
        AccountId::synthetic(self.spec.asset)
    }

    /// The index that it tracks, on which risk may be taken.
    pub(crate) fn fresh_index(&self, state: &State, now: TimeMs) -> Result<IndexRecord, Rejection> {
        let asset = self.spec.tracks;
        let index = state.index(asset).copied().filter(|_| is_fresh_index(state, asset, now));
        index.ok_or(Rejection::StaleIndex { asset })
    }

    /// Where the collateral of an account's position lies.
    pub(crate) fn purse(&self, account: AccountId) -> AccountId {
        AccountId::debt(account, self.spec.asset)
    }

    /// What an account has and owes.
    pub(crate) fn debt(&self, state: &State, account: AccountId) -> Debt {
        let balance = state.balance(self.purse(account), self.spec.universe, self.collateral);
        let debt = state.debt(self.spec.asset, account).map_or(Amount::ZERO, |record| record.debt);
        Debt { debt, collateral_usd: quote_value_usd(balance) }
    }

    /// All units and all debts.
    pub(crate) fn units(&self, state: &State) -> Units {
        let asset = self.spec.asset;
        Units { supply: state.supply(asset), debt: state.debt_totals(asset).debt }
    }

    /// The value of a debt, rounded up: what must be there.
    pub(crate) fn value_ceil_usd(&self, debt: Amount, price: Price) -> Result<Usd, Rejection> {
        let value = multiply_divide_ceil(debt.get(), i128::from(price.get()), self.scale);
        value.map(Usd::new).ok_or(Rejection::Overflow)
    }

    /// A part of the value of a debt, rounded by `divide` once.
    fn part_usd(
        &self,
        debt: Amount,
        price: Price,
        part: i128,
        divide: impl Fn(i128, i128, i128) -> Option<i128>,
    ) -> Result<Usd, Rejection> {
        let each = i128::from(price.get()).checked_mul(part).ok_or(Rejection::Overflow)?;
        let divisor = self.scale.checked_mul(RATE_ONE).ok_or(Rejection::Overflow)?;
        divide(debt.get(), each, divisor).map(Usd::new).ok_or(Rejection::Overflow)
    }

    /// What a debt needs at a ratio, rounded up once: collateral of whole units is enough exactly if it is no less.
    pub(crate) fn required_usd(&self, debt: Amount, price: Price, ratio: Rate) -> Result<Usd, Rejection> {
        self.part_usd(debt, price, i128::from(ratio.get()), multiply_divide_ceil)
    }

    /// The value of a debt and a part of it more, rounded up.
    pub(crate) fn value_with_usd(&self, debt: Amount, price: Price, penalty: Rate) -> Result<Usd, Rejection> {
        let part = RATE_ONE.checked_add(i128::from(penalty.get())).ok_or(Rejection::Overflow)?;
        self.part_usd(debt, price, part, multiply_divide_ceil)
    }

    /// The value of a debt less a part of it, rounded down.
    pub(crate) fn value_without_usd(&self, debt: Amount, price: Price, fee: Rate) -> Result<Usd, Rejection> {
        let part = RATE_ONE.checked_sub(i128::from(fee.get())).ok_or(Rejection::Overflow)?;
        self.part_usd(debt, price, part, multiply_divide_floor)
    }

    /// What minting an amount costs, rounded up.
    pub(crate) fn mint_fee_usd(&self, amount: Amount, price: Price) -> Result<Usd, Rejection> {
        self.part_usd(amount, price, i128::from(self.spec.mint_fee.get()), multiply_divide_ceil)
    }

    /// The most that collateral covers at a price, rounded down.
    fn covered(&self, collateral: Usd, price: Price) -> Result<Amount, Rejection> {
        let covered = multiply_divide_floor(collateral.get(), self.scale, i128::from(price.get()));
        covered.map(Amount::new).ok_or(Rejection::Overflow)
    }

    /// Refuses what new risk may not be taken with: at the higher of index and slow price.
    pub(crate) fn check_initial(&self, after: &Debt, index: &IndexRecord) -> Result<(), Rejection> {
        let required_usd = self.required_usd(after.debt, worst_price(index), self.spec.initial_ratio)?;
        let collateral_usd = after.collateral_usd;
        if collateral_usd < required_usd {
            return Err(Rejection::DebtCollateralNeeded { collateral_usd, required_usd });
        }
        Ok(())
    }

    /// Whether collateral and debt are far enough apart at the index.
    pub(crate) fn is_liquidatable(&self, debt: &Debt, price: Price) -> Result<bool, Rejection> {
        Ok(debt.collateral_usd < self.required_usd(debt.debt, price, self.spec.maintenance_ratio)?)
    }

    /// Positions that lack collateral at a price, the worst first; the synthetic's own is no one's.
    pub(crate) fn liquidatable<'a>(&self, state: &'a State, price: Price) -> impl Iterator<Item = AccountId> + use<'a> {
        let terms = *self;
        let own = terms.own();
        // The order is that of collateral over debt, so those below a ratio come first, at any price.
        let below = state.debts_by_ratio(terms.spec.asset).take_while(move |(account, record)| {
            let debt = Debt { debt: record.debt, collateral_usd: record.collateral_usd };
            *account == own || terms.is_liquidatable(&debt, price).unwrap_or(false)
        });
        below.map(|(account, _)| account).filter(move |account| *account != own)
    }

    /// Writes what an account owes after its money has moved. Nothing owed ends the position.
    pub(crate) fn put_debt(&self, state: &mut State, account: AccountId, debt: Amount) {
        let id = DebtId { asset: self.spec.asset, account };
        if debt.is_zero() {
            state.delete(RecordKey::Debt(id));
        } else {
            let collateral_usd = self.debt(state, account).collateral_usd;
            state.put(Record::Debt { id, record: DebtRecord { debt, collateral_usd } });
        }
    }

    /// Writes what nobody owes: all units less all debts, after both have changed.
    pub(crate) fn put_shortfall(&self, state: &mut State) -> Result<Amount, Rejection> {
        let units = self.units(state);
        let shortfall = units.supply.checked_sub(units.debt).ok_or(Rejection::Overflow)?;
        let asset = self.spec.asset;
        let record = *state.synthetic(asset).ok_or(Rejection::NotASynthetic { asset })?;
        if record.shortfall != shortfall {
            state.put(Record::Synthetic { id: asset, record: SyntheticRecord { shortfall, ..record } });
        }
        Ok(shortfall)
    }

    /// Gives the whole collateral of a position that ends back to its owner; returns how much.
    pub(crate) fn return_collateral(
        &self,
        settlement: &mut Settlement,
        account: AccountId,
        collateral_usd: Usd,
    ) -> Result<Usd, Rejection> {
        if !collateral_usd.is_zero() {
            settlement.transfer(self.purse(account), account, self.collateral, quote_amount(collateral_usd))?;
        }
        Ok(collateral_usd)
    }
}

/// The price at which new risk is judged: what is owed counts at the higher of index and slow price.
pub(crate) fn worst_price(index: &IndexRecord) -> Price {
    index.price.max(index.slow_price)
}

/// Refuses a halted universe: all that burning and adding collateral ask for.
pub(crate) fn check_running(state: &State, universe: UniverseId) -> Result<(), Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() { Err(Rejection::UniverseHalted { universe }) } else { Ok(()) }
}

/// Refuses a users' vault, whose money is one balance and its linear positions.
pub(crate) fn check_not_vault(state: &State, account: AccountId) -> Result<(), Rejection> {
    if state.vault(account).is_some() {
        return Err(Rejection::NotForVaults { what: "synthetics".to_owned() });
    }
    Ok(())
}

/// A debt position against what its synthetic asks of it, at the tracked index as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebtFigures {
    /// The value of the debt.
    pub value_usd: Usd,
    /// The collateral that minting and taking collateral out must leave.
    pub initial_usd: Usd,
    /// The collateral below which it is liquidated.
    pub maintenance_usd: Usd,
}

/// The figures of a debt, for readers; nothing without an index. A stale index counts as it is.
pub fn debt_figures(state: &State, asset: AssetId, debt: Amount) -> Result<Option<DebtFigures>, Rejection> {
    let terms = Terms::of(state, asset)?;
    let Some(index) = state.index(terms.spec.tracks) else { return Ok(None) };
    Ok(Some(DebtFigures {
        value_usd: terms.value_ceil_usd(debt, index.price)?,
        initial_usd: terms.required_usd(debt, worst_price(index), terms.spec.initial_ratio)?,
        maintenance_usd: terms.required_usd(debt, index.price, terms.spec.maintenance_ratio)?,
    }))
}

/// What an account's debt positions in a universe are worth to it at the indices, none less than nothing. `now` asks for
/// fresh ones.
pub(crate) fn equity_usd(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    now: Option<TimeMs>,
) -> Result<Usd, Rejection> {
    let mut sum = Usd::ZERO;
    for record in state.synthetics().filter(|record| record.spec.universe == universe) {
        let Some(owed) = state.debt(record.spec.asset, account) else { continue };
        let terms = Terms::of(state, record.spec.asset)?;
        let index = match now {
            Some(now) => Some(terms.fresh_index(state, now)?),
            None => state.index(record.spec.tracks).copied(),
        };
        let Some(index) = index else { continue };
        let value = terms.value_ceil_usd(owed.debt, index.price)?;
        let own = owed.collateral_usd.checked_sub(value).ok_or(Rejection::Overflow)?.max(Usd::ZERO);
        sum = sum.checked_add(own).ok_or(Rejection::Overflow)?;
    }
    Ok(sum)
}

/// What is wrong with a synthetic's sums, if anything is.
pub(crate) fn violation(state: &State, asset: AssetId) -> Option<(UniverseId, String)> {
    let record = state.synthetic(asset)?;
    let (supply, debt) = (state.supply(asset), state.debt_totals(asset).debt);
    let expected = debt.checked_add(record.shortfall);
    (expected != Some(supply) || record.shortfall < Amount::ZERO).then(|| {
        let shortfall = record.shortfall;
        let invariant =
            format!("I2: {supply} units of synthetic {asset} are there, {debt} are owed and {shortfall} by nobody");
        (record.spec.universe, invariant)
    })
}

/// What is wrong with a debt position, if anything is.
pub(crate) fn debt_violation(state: &State, id: DebtId) -> Option<(UniverseId, String)> {
    let record = state.debt(id.asset, id.account)?;
    let universe = state.synthetic(id.asset).map_or(UniverseId::new(0), |synthetic| synthetic.spec.universe);
    let there = Terms::of(state, id.asset).map_or(Usd::ZERO, |terms| terms.debt(state, id.account).collateral_usd);
    let (debt, recorded) = (record.debt, record.collateral_usd);
    (there != recorded || debt <= Amount::ZERO || recorded < Usd::ZERO).then(|| {
        let account = id.account;
        let invariant =
            format!("I2: {account} owes {debt} of synthetic {} with {recorded} recorded and {there} there", id.asset);
        (universe, invariant)
    })
}

/// The first violation of any synthetic, recomputed from the records.
pub(crate) fn first_violation(state: &State) -> Option<(UniverseId, String)> {
    let sums = state.synthetics().find_map(|record| {
        let asset = record.spec.asset;
        let owed = state.debts().filter(|(id, _)| id.asset == asset);
        let owed = owed.fold(0i128, |sum, (_, debt)| sum.saturating_add(debt.debt.get()));
        let kept = state.debt_totals(asset).debt;
        let unequal = || format!("I2: debts of synthetic {asset} sum to {owed}, {kept} is kept");
        let unequal = (owed != kept.get()).then(|| (record.spec.universe, unequal()));
        unequal.or_else(|| violation(state, asset))
    });
    sums.or_else(|| state.debts().find_map(|(id, _)| debt_violation(state, id)))
}

/// Moves what is left at a synthetic's own address to the insurance fund once it owes nothing and nothing is short.
fn sweep(work: &mut Work<'_>, terms: &Terms) -> Result<(), Rejection> {
    let left = terms.debt(work.state, terms.own()).collateral_usd;
    if left <= Usd::ZERO {
        return Ok(());
    }
    let universe = terms.spec.universe;
    let fund = AccountId::insurance(universe);
    crate::vaults::pay(work, universe, terms.collateral, terms.purse(terms.own()), &[(fund, left)])
}

#[cfg(test)]
#[path = "synthetics_tests.rs"]
mod tests;
