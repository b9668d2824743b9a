//! Vaults, their holders, and universes that somebody opened (`docs/rules/vaults.md`, `docs/rules/universes.md`).
//!
//! Invariants:
//! - The shares of a vault, or of a tranche, are the sum of its holders'.
//! - A withdrawal that waits is part of its holder's shares until it is paid, or dropped because it is worth nothing.
//! - Numbers in a vault's queue run from `queue_first` to before `queue_next`; a number whose record is gone was paid or dropped.

use super::{
    State,
    indices::{Derived, Indices, both, toggle},
};
use crate::tranches::Tranches;
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    address::AccountId,
    ids::UniverseId,
    numbers::{Shares, Usd},
    time::TimeMs,
    vault::Tranche,
};

/// A user's vault.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VaultRecord {
    /// Who trades for it.
    pub leader: AccountId,
    /// Its place among the leader's vaults, from 0.
    pub number: u64,
    /// Its name, unique among them.
    pub name: String,
    /// What it is for, in the leader's words.
    pub description: String,
    /// When it was opened.
    pub created_at_ms: TimeMs,
    /// Whether it takes no deposits any more.
    pub closed: bool,
    /// All shares.
    pub shares: Shares,
    /// The first number in the queue of withdrawals.
    pub queue_first: u64,
    /// The number of the next withdrawal that has to wait.
    pub queue_next: u64,
    /// When the queue is tried next.
    pub retry_at_ms: TimeMs,
}

/// Names a holding of a vault's shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct VaultShareId {
    /// Of which vault; first, so that a vault's holders lie together.
    pub vault: AccountId,
    /// Whose.
    pub account: AccountId,
}

/// A holding of a vault's shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VaultShareRecord {
    /// How many.
    pub shares: Shares,
    /// What they cost: deposits, less what was released by redemptions.
    pub cost_usd: Usd,
    /// Until when none can be redeemed.
    pub locked_until_ms: TimeMs,
    /// How many of them wait to be paid.
    pub waiting: Shares,
}

/// Names a withdrawal that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct VaultWithdrawalId {
    /// From which vault.
    pub vault: AccountId,
    /// Its place.
    pub number: u64,
}

/// A withdrawal that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VaultWithdrawalRecord {
    /// Whose.
    pub account: AccountId,
    /// How many shares are left to pay.
    pub shares: Shares,
}

/// The tranches of a backstop vault as they were at the last sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BackstopRecord {
    /// What they are worth.
    pub tranches: Tranches,
    /// All shares of the junior tranche.
    pub junior_shares: Shares,
    /// All shares of the senior tranche.
    pub senior_shares: Shares,
}

/// Names a holding of a backstop vault's shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct BackstopShareId {
    /// Of which universe's vault; first, so that a vault's holders lie together.
    pub universe: UniverseId,
    /// Whose.
    pub account: AccountId,
}

/// A holding of a backstop vault's shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BackstopShareRecord {
    /// Junior shares, those for good included.
    pub junior: Shares,
    /// Senior shares.
    pub senior: Shares,
    /// Junior shares that a lister put in for good.
    pub junior_for_good: Shares,
    /// Until when none can be redeemed.
    pub locked_until_ms: TimeMs,
}

/// A universe that somebody opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ListingRecord {
    /// Who may list markets in it.
    pub lister: AccountId,
    /// What was put in for good, for all of its markets.
    pub deposit_usd: Usd,
    /// How many markets were listed.
    pub markets: u32,
}

impl VaultRecord {
    /// Whether withdrawals wait.
    pub const fn owes(&self) -> bool {
        self.queue_first < self.queue_next
    }

    /// Whether it may only reduce its positions: withdrawals wait, or it is closed.
    pub const fn must_reduce(&self) -> bool {
        self.owes() || self.closed
    }
}

impl BackstopRecord {
    /// All shares of a tranche.
    pub const fn shares(&self, tranche: Tranche) -> Shares {
        match tranche {
            Tranche::Junior => self.junior_shares,
            Tranche::Senior => self.senior_shares,
        }
    }
}

impl Derived<AccountId> for VaultRecord {
    fn derive(indices: &mut Indices, id: &AccountId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            toggle(&mut indices.vaults_by_leader, (record.leader, record.number, *id), change);
            indices.change_controller(*id, record.leader, change);
            if record.owes() {
                toggle(&mut indices.vault_queues, (record.retry_at_ms, *id), change);
            }
        }
    }
}

impl Derived<VaultShareId> for VaultShareRecord {
    fn derive(indices: &mut Indices, id: &VaultShareId, before: Option<&Self>, after: Option<&Self>) {
        for (_, change) in both(before, after) {
            toggle(&mut indices.vaults_by_holder, (id.account, id.vault), change);
        }
    }
}

impl Derived<BackstopShareId> for BackstopShareRecord {
    fn derive(indices: &mut Indices, id: &BackstopShareId, before: Option<&Self>, after: Option<&Self>) {
        for (_, change) in both(before, after) {
            toggle(&mut indices.backstops_by_holder, (id.account, id.universe), change);
        }
    }
}

impl Derived<VaultWithdrawalId> for VaultWithdrawalRecord {}
impl Derived<UniverseId> for BackstopRecord {}
impl Derived<UniverseId> for ListingRecord {}

impl State {
    /// A user's vault.
    pub fn vault(&self, account: AccountId) -> Option<&VaultRecord> {
        self.tables.vaults.get(&account)
    }

    /// Every vault, in order of address.
    pub fn vaults(&self) -> impl Iterator<Item = (AccountId, &VaultRecord)> {
        self.tables.vaults.iter().map(|(id, record)| (*id, record))
    }

    /// The vaults that an account leads, in order of creation.
    pub fn vaults_led_by(&self, leader: AccountId) -> impl Iterator<Item = (AccountId, &VaultRecord)> {
        let first = (leader, 0, AccountId::default());
        let places = self.indices.vaults_by_leader.range(first..).take_while(move |(owner, ..)| *owner == leader);
        places.filter_map(|(.., vault)| Some((*vault, self.tables.vaults.get(vault)?)))
    }

    /// What an account holds of a vault; nothing if it has no record.
    pub fn vault_share(&self, vault: AccountId, account: AccountId) -> VaultShareRecord {
        self.tables.vault_shares.get(&VaultShareId { vault, account }).copied().unwrap_or_default()
    }

    /// A vault's holders, in order of address.
    pub fn vault_holders(&self, vault: AccountId) -> impl Iterator<Item = (AccountId, VaultShareRecord)> {
        let first = VaultShareId { vault, account: AccountId::default() };
        let holdings = self.tables.vault_shares.range(first..).take_while(move |(id, _)| id.vault == vault);
        holdings.map(|(id, record)| (id.account, *record))
    }

    /// The vaults of which an account holds shares, in order of address.
    pub fn vaults_held_by(&self, account: AccountId) -> impl Iterator<Item = (AccountId, VaultShareRecord)> {
        let first = (account, AccountId::default());
        let places = self.indices.vaults_by_holder.range(first..).take_while(move |(holder, _)| *holder == account);
        places.map(move |(_, vault)| (*vault, self.vault_share(*vault, account)))
    }

    /// A withdrawal that waits.
    pub fn vault_withdrawal(&self, vault: AccountId, number: u64) -> Option<&VaultWithdrawalRecord> {
        self.tables.vault_withdrawals.get(&VaultWithdrawalId { vault, number })
    }

    /// The first vault whose queue is due by `time_ms`.
    pub fn next_vault_queue(&self, time_ms: TimeMs) -> Option<AccountId> {
        self.indices.vault_queues.first().filter(|(due_ms, _)| *due_ms <= time_ms).map(|(_, vault)| *vault)
    }

    /// The tranches of a universe's backstop vault; empty before the first deposit.
    pub fn backstop(&self, universe: UniverseId) -> BackstopRecord {
        self.tables.backstops.get(&universe).copied().unwrap_or_default()
    }

    /// Every backstop vault with a record, in order of universe.
    pub fn backstops(&self) -> impl Iterator<Item = (UniverseId, &BackstopRecord)> {
        self.tables.backstops.iter().map(|(id, record)| (*id, record))
    }

    /// What an account holds of a universe's backstop vault; nothing if it has no record.
    pub fn backstop_share(&self, universe: UniverseId, account: AccountId) -> BackstopShareRecord {
        self.tables.backstop_shares.get(&BackstopShareId { universe, account }).copied().unwrap_or_default()
    }

    /// A backstop vault's holders, in order of address.
    pub fn backstop_holders(&self, universe: UniverseId) -> impl Iterator<Item = (AccountId, BackstopShareRecord)> {
        let first = BackstopShareId { universe, account: AccountId::default() };
        let holdings = self.tables.backstop_shares.range(first..).take_while(move |(id, _)| id.universe == universe);
        holdings.map(|(id, record)| (id.account, *record))
    }

    /// The universes of whose backstop vault an account holds shares, in order.
    pub fn backstops_held_by(&self, account: AccountId) -> impl Iterator<Item = (UniverseId, BackstopShareRecord)> {
        let first = (account, UniverseId::new(0));
        let places = self.indices.backstops_by_holder.range(first..).take_while(move |(holder, _)| *holder == account);
        places.map(move |(_, universe)| (*universe, self.backstop_share(*universe, account)))
    }

    /// Who opened a universe; `None` for those of the genesis.
    pub fn listing(&self, universe: UniverseId) -> Option<&ListingRecord> {
        self.tables.listings.get(&universe)
    }

    /// How many universes were opened.
    pub fn listing_count(&self) -> usize {
        self.tables.listings.len()
    }
}
