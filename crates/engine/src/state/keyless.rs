//! Accounts that no key has: who acts for them.
//!
//! Rules: `docs/rules/sub-accounts.md`; vaults are in [`super::pools`].
//!
//! Invariants:
//! - Whoever acts for such an account has a key: controllers are never keyless themselves, so one look-up decides.
//! - Where there are no such accounts, the look-up is into an empty map.

use super::{
    State,
    indices::{Derived, Indices, both, toggle},
    standing::Change,
};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::address::AccountId;

/// A sub-account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SubAccountRecord {
    /// Who acts for it.
    pub master: AccountId,
    /// Its place among the sub-accounts of its master, from 0.
    pub number: u64,
    /// Its name, unique among them.
    pub name: String,
}

impl Derived<AccountId> for SubAccountRecord {
    fn derive(indices: &mut Indices, id: &AccountId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            toggle(&mut indices.sub_accounts, (record.master, record.number, *id), change);
            indices.change_controller(*id, record.master, change);
        }
    }
}

impl Indices {
    pub(super) fn change_controller(&mut self, account: AccountId, controller: AccountId, change: Change) {
        match change {
            Change::Add => self.controllers.insert(account, controller),
            Change::Remove => self.controllers.remove(&account),
        };
    }
}

impl State {
    /// Who acts for an account that no key has; `None` for accounts with a key of their own.
    pub fn controller(&self, account: AccountId) -> Option<AccountId> {
        self.indices.controllers.get(&account).copied()
    }

    /// The group that an account belongs to, named by the account that acts for all of it.
    pub fn group_of(&self, account: AccountId) -> AccountId {
        self.controller(account).unwrap_or(account)
    }

    /// A sub-account.
    pub fn sub_account(&self, account: AccountId) -> Option<&SubAccountRecord> {
        self.tables.sub_accounts.get(&account)
    }

    /// The sub-accounts of a master, in order of creation.
    pub fn sub_accounts_of(&self, master: AccountId) -> impl Iterator<Item = (AccountId, &SubAccountRecord)> {
        let first = (master, 0, AccountId::default());
        let places = self.indices.sub_accounts.range(first..).take_while(move |(owner, ..)| *owner == master);
        places.filter_map(|(.., account)| Some((*account, self.tables.sub_accounts.get(account)?)))
    }
}

#[cfg(test)]
#[path = "keyless_tests.rs"]
mod tests;
