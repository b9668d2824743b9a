//! Synthetic assets and who owes them (`docs/rules/synthetics.md`).
//!
//! Rules:
//! - A debt record exists as long as anything is owed. Its collateral is the balance of the position's own address
//!   ([`AccountId::debt`]); the copy in the record is what positions are sorted by.
//! - Positions of a synthetic are kept in order of collateral over debt. The collateral is dollars and the debt one asset, so that
//!   order holds at every price, and whoever is below some ratio at some price is a beginning of it.

use super::{
    State,
    indices::{Derived, Indices, both, toggle},
    records::CustodyId,
    standing::{Change, shift_i128},
};
use crate::wide::compare_products;
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    address::AccountId,
    ids::AssetId,
    numbers::{Amount, Usd},
    synthetic::SyntheticSpec,
};
use std::cmp::Ordering;

/// A synthetic and its standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SyntheticRecord {
    /// Its terms.
    pub spec: SyntheticSpec,
    /// Units that nobody owes: all units less all debts. Never below zero.
    pub shortfall: Amount,
    /// What the insurance fund has paid for it.
    pub fund_claimed_usd: Usd,
}

/// Names a debt position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct DebtId {
    /// Of which synthetic; first, so that a synthetic's positions lie together.
    pub asset: AssetId,
    /// Who owes.
    pub account: AccountId,
}

/// A debt position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DebtRecord {
    /// What is owed, in smallest units; positive.
    pub debt: Amount,
    /// The collateral that lies at the position's address.
    pub collateral_usd: Usd,
}

/// Sums over a synthetic's positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebtTotals {
    /// All that is owed.
    pub debt: Amount,
    /// All collateral.
    pub collateral_usd: Usd,
}

/// A place in the order of positions: the least collateral over debt comes first. At equal ratios the smaller address does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DebtPlace {
    debt: Amount,
    collateral_usd: Usd,
    account: AccountId,
}

impl DebtPlace {
    const fn of(account: AccountId, record: &DebtRecord) -> Self {
        Self { debt: record.debt, collateral_usd: record.collateral_usd, account }
    }
}

impl Ord for DebtPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        // c / d against c' / d' is c × d' against c' × d; debts are positive, and collateral is never negative.
        let ratio = compare_products(
            (self.collateral_usd.get(), other.debt.get()),
            (other.collateral_usd.get(), self.debt.get()),
        );
        ratio
            .unwrap_or(Ordering::Equal)
            .then_with(|| self.account.cmp(&other.account))
            .then_with(|| self.debt.cmp(&other.debt))
    }
}

impl PartialOrd for DebtPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Derived<AssetId> for SyntheticRecord {
    fn derive(indices: &mut Indices, id: &AssetId, before: Option<&Self>, after: Option<&Self>) {
        if before.is_some() == after.is_some() {
            return;
        }
        let own = AccountId::synthetic(*id);
        for (_, change) in both(before, after) {
            toggle(&mut indices.system_accounts, own, change);
            toggle(&mut indices.system_accounts, AccountId::debt(own, *id), change);
        }
    }
}

impl Derived<DebtId> for DebtRecord {
    fn derive(indices: &mut Indices, id: &DebtId, before: Option<&Self>, after: Option<&Self>) {
        let places = indices.debt_places.entry(id.asset).or_default();
        let totals = indices.debt_totals.entry(id.asset).or_default();
        for (record, change) in both(before, after) {
            toggle(places, DebtPlace::of(id.account, record), change);
            totals.debt = Amount::new(shift_i128(totals.debt.get(), record.debt.get(), change));
            totals.collateral_usd =
                Usd::new(shift_i128(totals.collateral_usd.get(), record.collateral_usd.get(), change));
        }
        if places.is_empty() {
            indices.debt_places.remove(&id.asset);
            indices.debt_totals.remove(&id.asset);
        }
        // The synthetic's own address is the system's whether it owes anything or not.
        if before.is_some() != after.is_some() && id.account != AccountId::synthetic(id.asset) {
            let change = if after.is_some() { Change::Add } else { Change::Remove };
            toggle(&mut indices.system_accounts, AccountId::debt(id.account, id.asset), change);
        }
    }
}

impl Derived<CustodyId> for Amount {
    fn derive(indices: &mut Indices, id: &CustodyId, before: Option<&Self>, after: Option<&Self>) {
        let supply = indices.supplies.entry(id.asset).or_default();
        for (amount, change) in both(before, after) {
            *supply = Self::new(shift_i128(supply.get(), amount.get(), change));
        }
        if supply.is_zero() {
            indices.supplies.remove(&id.asset);
        }
    }
}

impl State {
    /// A synthetic; `None` if the asset is none.
    pub fn synthetic(&self, asset: AssetId) -> Option<&SyntheticRecord> {
        self.tables.synthetics.get(&asset)
    }

    /// Every synthetic, in order of asset.
    pub fn synthetics(&self) -> impl Iterator<Item = &SyntheticRecord> {
        self.tables.synthetics.values()
    }

    /// What an account owes of a synthetic; `None` for nothing.
    pub fn debt(&self, asset: AssetId, account: AccountId) -> Option<&DebtRecord> {
        self.tables.debts.get(&DebtId { asset, account })
    }

    /// What an account owes, in order of synthetic.
    pub fn debts_of(&self, account: AccountId) -> impl Iterator<Item = (AssetId, &DebtRecord)> {
        self.synthetics().filter_map(move |record| Some((record.spec.asset, self.debt(record.spec.asset, account)?)))
    }

    /// Every debt position, in order of synthetic and address.
    pub fn debts(&self) -> impl Iterator<Item = (DebtId, &DebtRecord)> {
        self.tables.debts.iter().map(|(id, record)| (*id, record))
    }

    /// A synthetic's positions, the least collateral over debt first.
    pub fn debts_by_ratio(&self, asset: AssetId) -> impl Iterator<Item = (AccountId, DebtRecord)> {
        let places = self.indices.debt_places.get(&asset).into_iter().flatten();
        places.map(|place| (place.account, DebtRecord { debt: place.debt, collateral_usd: place.collateral_usd }))
    }

    /// Sums over a synthetic's positions.
    pub fn debt_totals(&self, asset: AssetId) -> DebtTotals {
        self.indices.debt_totals.get(&asset).copied().unwrap_or_default()
    }

    /// All there is of an asset, over all universes.
    pub fn supply(&self, asset: AssetId) -> Amount {
        self.indices.supplies.get(&asset).copied().unwrap_or_default()
    }
}
