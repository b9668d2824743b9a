//! Double entry: how money moves.
//!
//! An action yields one [`Settlement`]: a list of postings that is validated whole and then applied once, so
//! no intermediate balance is ever seen.
//!
//! Invariants:
//! - Postings sum to zero per asset, but for deposits, which the custody entry takes with them: per universe and
//!   asset, balances = custody (I1).
//! - A posting that takes from an account leaves it at zero or more, unless the settlement is a perpetual's:
//!   realised losses may exceed the cash of an account (margin bounds that), and a clearing account owes what winners
//!   have realised and losers have not.

use crate::{
    mutant::{Mutant, is_planted},
    state::{AccountRecord, BalanceId, CustodyId, Record, RecordKey, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{AssetId, UniverseId},
    numbers::{Amount, Usd},
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeMap;

/// Whether a settlement may leave an account owing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdraft {
    /// Never: deposits, transfers, spot.
    Refused,
    /// Yes: realised profit and loss of perpetuals.
    Allowed,
}

/// A net movement of money within one universe.
#[derive(Debug)]
pub(crate) struct Settlement {
    universe: UniverseId,
    overdraft: Overdraft,
    postings: BTreeMap<(AssetId, AccountId), Amount>,
    deposits: BTreeMap<AssetId, Amount>,
}

impl Settlement {
    /// A settlement of nothing.
    pub(crate) fn new(universe: UniverseId, overdraft: Overdraft) -> Self {
        Self { universe, overdraft, postings: BTreeMap::new(), deposits: BTreeMap::new() }
    }

    /// Moves `amount` (negative: the other way) between two accounts.
    pub(crate) fn transfer(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Rejection> {
        self.post(from, asset, amount.checked_neg().ok_or(Rejection::Overflow)?)?;
        self.post(to, asset, amount)
    }

    /// Brings `amount` into custody for an account.
    pub(crate) fn deposit(&mut self, to: AccountId, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        add_to(self.deposits.entry(asset).or_default(), amount)?;
        self.post(to, asset, amount)
    }

    /// Takes `amount` out of custody from an account.
    pub(crate) fn withdraw(&mut self, from: AccountId, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        self.deposit(from, asset, amount.checked_neg().ok_or(Rejection::Overflow)?)
    }

    fn post(&mut self, account: AccountId, asset: AssetId, amount: Amount) -> Result<(), Rejection> {
        add_to(self.postings.entry((asset, account)).or_default(), amount)
    }

    /// Validates the whole and applies it.
    pub(crate) fn apply(self, state: &mut State) -> Result<(), Rejection> {
        let checked = self.checked(state)?;
        // After this point the settlement succeeds.
        checked.write(state);
        Ok(())
    }

    fn checked(&self, state: &State) -> Result<Checked, Rejection> {
        Ok(Checked { balances: self.checked_balances(state)?, custodies: self.checked_custodies(state)? })
    }

    fn checked_balances(&self, state: &State) -> Result<Vec<(BalanceId, Amount)>, Rejection> {
        let mut sums: BTreeMap<AssetId, Amount> = BTreeMap::new();
        let mut balances = Vec::with_capacity(self.postings.len());
        for (&(asset, account), &change) in &self.postings {
            add_to(sums.entry(asset).or_default(), change)?;
            let available = state.balance(account, self.universe, asset);
            let after = available.checked_add(change).ok_or(Rejection::Overflow)?;
            if self.overdraft == Overdraft::Refused && change < Amount::ZERO && after < Amount::ZERO {
                let required = change.checked_neg().ok_or(Rejection::Overflow)?;
                return Err(Rejection::InsufficientBalance { asset, required, available });
            }
            balances.push((BalanceId { account, universe: self.universe, asset }, after));
        }
        for (asset, sum) in sums {
            if sum != self.deposits.get(&asset).copied().unwrap_or_default() {
                let invariant = format!("I1: postings of asset {asset} sum to {sum} beyond what was deposited");
                return Err(Rejection::InvariantViolated { invariant });
            }
        }
        Ok(balances)
    }

    fn checked_custodies(&self, state: &State) -> Result<Vec<(CustodyId, Amount)>, Rejection> {
        self.deposits
            .iter()
            .map(|(&asset, &change)| {
                let id = CustodyId { universe: self.universe, asset };
                let available = state.custody(self.universe, asset);
                let after = available.checked_add(change).ok_or(Rejection::Overflow)?;
                // Profit that nobody has paid in yet can be owned, but there is nothing to take out.
                if change < Amount::ZERO && after < Amount::ZERO {
                    let required = change.checked_neg().ok_or(Rejection::Overflow)?;
                    return Err(Rejection::InsufficientBalance { asset, required, available });
                }
                Ok((id, after))
            })
            .collect()
    }
}

/// A validated settlement, as the records that it leaves.
struct Checked {
    balances: Vec<(BalanceId, Amount)>,
    custodies: Vec<(CustodyId, Amount)>,
}

impl Checked {
    fn write(self, state: &mut State) {
        let dropped = usize::from(is_planted(Mutant::DropOnePosting) && self.balances.len() > 2);
        let written = self.balances.len().saturating_sub(dropped);
        for (id, amount) in self.balances.into_iter().take(written) {
            if amount.is_zero() {
                state.delete(RecordKey::Balance(id));
            } else {
                state.put(Record::Balance { id, record: amount });
            }
        }
        for (id, amount) in self.custodies {
            if amount.is_zero() {
                state.delete(RecordKey::Custody(id));
            } else {
                state.put(Record::Custody { id, record: amount });
            }
        }
    }
}

/// Moves funds from one universe to another: what leaves custody of the one enters custody of the other, per asset.
/// Both settlements are validated before either is applied; they touch different universes, so neither sees the other.
pub(crate) fn apply_between(leaving: &Settlement, entering: &Settlement, state: &mut State) -> Result<(), Rejection> {
    let mut sums: BTreeMap<AssetId, Amount> = leaving.deposits.clone();
    for (&asset, &amount) in &entering.deposits {
        add_to(sums.entry(asset).or_default(), amount)?;
    }
    let balanced = leaving.universe != entering.universe && sums.values().all(|sum| sum.is_zero());
    if !balanced {
        let invariant = format!(
            "I1: what leaves universe {} enters universe {}, found {sums:?}",
            leaving.universe, entering.universe
        );
        return Err(Rejection::InvariantViolated { invariant });
    }
    let (left, entered) = (leaving.checked(state)?, entering.checked(state)?);
    // After this point both succeed.
    left.write(state);
    entered.write(state);
    Ok(())
}

fn add_to(total: &mut Amount, change: Amount) -> Result<(), Rejection> {
    *total = total.checked_add(change).ok_or(Rejection::Overflow)?;
    Ok(())
}

/// Brings funds into the chain for an account, which exists from then on.
pub(crate) fn deposit(
    work: &mut Work<'_>,
    universe: UniverseId,
    account: AccountId,
    asset: AssetId,
    amount: Amount,
) -> Result<(), Rejection> {
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.deposit(account, asset, amount)?;
    settlement.apply(work.state)?;
    ensure_account(work.state, account, work.time_ms);
    work.emit(Event::Deposited { universe, account, asset, amount });
    Ok(())
}

/// Makes an account exist.
pub(crate) fn ensure_account(state: &mut State, account: AccountId, now: TimeMs) {
    if state.account(account).is_none() {
        let record = AccountRecord {
            created_at_ms: now,
            actions_used: 0,
            volume_usd: Usd::ZERO,
            cancel_all_at_ms: None,
            hyperliquid_compatible: false,
        };
        state.put(Record::Account { id: account, record });
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
