//! Vaults of users and tranches of the backstop vaults: how many shares a deposit buys, what they are worth to who leaves, who
//! waits, and who bears a change of the backstop's equity. The price of a share is never lowered by who comes or goes.

use super::{
    Auditor, Objection, Universe, Who, ensure,
    ledger::{backstop, insurance},
    numbers::{floor, part_down, part_up},
    who,
};
use palisade_engine::State;
use palisade_types::{address::AccountId, event::Event, ids::UniverseId, vault::Tranche};
use std::collections::{BTreeMap, VecDeque};

/// Vaults are in the universe that the chain began with.
const CORE: Universe = 0;
/// Shares that every pool counts and nobody holds.
const VIRTUAL_SHARES: i128 = 1_000_000;
/// The leader's part of a profit, and senior's of a gain, in parts per million.
const LEADER_PART: i128 = 100_000;
const SENIOR_PART: i128 = 300_000;
/// How long shares are locked after a deposit.
const VAULT_LOCK_MS: u64 = 86_400_000;
const BACKSTOP_LOCK_MS: u64 = 4 * 86_400_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Holding {
    shares: i128,
    cost: i128,
    waiting: i128,
    locked_until_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Vault {
    leader: Who,
    shares: i128,
    holders: BTreeMap<Who, Holding>,
    queue: VecDeque<(Who, i128)>,
    is_closed: bool,
    is_new: bool,
}

/// What a tranche is worth, and what it has lost and not got back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TrancheWorth {
    value: i128,
    owed: i128,
    shares: i128,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Capital {
    junior: i128,
    senior: i128,
    for_good: i128,
    locked_until_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Backstop {
    junior: TrancheWorth,
    senior: TrancheWorth,
    holders: BTreeMap<Who, Capital>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pools {
    vaults: BTreeMap<Who, Vault>,
    backstops: BTreeMap<Universe, Backstop>,
}

/// A pool of shares and what they are worth, as whoever comes or goes counts it.
fn counted(shares: i128, value: i128) -> (i128, i128) {
    (shares + VIRTUAL_SHARES, value.max(0) + 1)
}

/// Shares that a deposit buys, rounded down.
fn bought(deposit: i128, shares: i128, value: i128) -> i128 {
    let (shares, value) = counted(shares, value);
    floor(deposit * shares, value)
}

/// What shares are worth, rounded down.
fn redeemed(part: i128, shares: i128, value: i128) -> i128 {
    let (shares, value) = counted(shares, value);
    floor(part * value, shares)
}

/// The price of a share is no lower after than before.
fn check_price(before: (i128, i128), after: (i128, i128)) -> Result<(), Objection> {
    let ((shares, value), (shares_after, value_after)) = (counted(before.0, before.1), counted(after.0, after.1));
    ensure(value_after * shares >= value * shares_after, || {
        format!("a share was worth {value} / {shares} and is worth {value_after} / {shares_after}")
    })
}

impl Backstop {
    fn tranche(&mut self, tranche: Tranche) -> &mut TrancheWorth {
        match tranche {
            Tranche::Junior => &mut self.junior,
            Tranche::Senior => &mut self.senior,
        }
    }

    /// Junior loses first; a gain refills what was lost, senior's first, and is then shared.
    fn allocate(&mut self, change: i128) {
        let (junior, senior) = (&mut self.junior, &mut self.senior);
        if change < 0 {
            let of_junior = (-change).min(junior.value);
            let of_senior = (-change - of_junior).min(senior.value);
            for (tranche, loss) in [(junior, of_junior), (senior, of_senior)] {
                tranche.value -= loss;
                tranche.owed += loss;
            }
            return;
        }
        let mut left = change;
        for tranche in [&mut *senior, &mut *junior] {
            if tranche.shares > 0 {
                let back = left.min(tranche.owed);
                tranche.value += back;
                tranche.owed -= back;
                left -= back;
            }
        }
        let of_senior = match (junior.shares > 0, senior.shares > 0) {
            (true, true) => part_down(left, SENIOR_PART),
            (false, true) => left,
            (_, false) => 0,
        };
        senior.value += of_senior;
        junior.value += left - of_senior;
    }

    /// With the change up to an equity allocated.
    fn at_equity(&self, equity: i128) -> Self {
        let mut after = self.clone();
        after.allocate(equity - self.junior.value - self.senior.value);
        after
    }
}

impl Auditor {
    pub(super) fn pooled(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::VaultCreated { vault, leader, .. } => {
                let new = Vault { leader: who(*leader), is_new: true, ..Vault::default() };
                self.groups.insert(who(*vault), who(*leader));
                let before = self.pools.vaults.insert(who(*vault), new);
                ensure(before.is_none(), || format!("vault {vault} is opened twice"))
            }
            Event::VaultDeposited { vault, account, amount_usd, shares } => {
                self.vault_deposited(who(*vault), who(*account), amount_usd.get(), shares.get())
            }
            Event::VaultWithdrawn { vault, account, shares, value_usd, leader_part_usd } => {
                self.vault_withdrawn(who(*vault), who(*account), shares.get(), (value_usd.get(), leader_part_usd.get()))
            }
            Event::VaultWithdrawalQueued { vault, account, shares } => {
                let now_ms = self.now_ms;
                let (vault, account, shares) = (self.vault(who(*vault))?, who(*account), shares.get());
                let is_closed = vault.is_closed;
                let holding = vault.holders.entry(account).or_default();
                ensure(holding.waiting == 0 && shares > 0 && shares <= holding.shares, || {
                    format!("{shares} shares wait of {holding:?}")
                })?;
                ensure(is_closed || holding.locked_until_ms <= now_ms, || format!("locked shares wait: {holding:?}"))?;
                holding.waiting = shares;
                vault.queue.push_back((account, shares));
                Ok(())
            }
            Event::VaultWithdrawalDropped { vault, account, shares } => {
                self.withdrawal_dropped(who(*vault), who(*account), shares.get())
            }
            Event::VaultClosed { vault } => {
                let was_closed = std::mem::replace(&mut self.vault(who(*vault))?.is_closed, true);
                ensure(!was_closed, || format!("vault {vault} is closed twice"))
            }
            event => self.backstopped(event),
        }
    }

    /// Whether it is a vault that is closed, or that somebody waits to be paid by.
    pub(super) fn must_reduce(&self, account: Who) -> bool {
        self.pools.vaults.get(&account).is_some_and(|vault| vault.is_closed || !vault.queue.is_empty())
    }

    fn vault(&mut self, vault: Who) -> Result<&mut Vault, Objection> {
        self.pools.vaults.get_mut(&vault).ok_or_else(|| format!("vault {vault:?} was never opened"))
    }

    fn vault_deposited(&mut self, vault: Who, account: Who, amount: i128, shares: i128) -> Result<(), Objection> {
        let is_paid = self.ledger.was_paid(&[(account, vault, amount)]);
        ensure(is_paid, || format!("shares of a vault for {amount} that were not paid"))?;
        let open = !self.gated.contains(&CORE) && !self.pools.vaults.get(&vault).is_some_and(|vault| vault.is_closed);
        ensure(open, || "a deposit into a vault that is closed, or through a closed gate".to_owned())?;
        let worth = self.vault_worth(vault, CORE).ok_or("a vault without prices takes a deposit")?;
        let now_ms = self.now_ms;
        let pool = self.vault(vault)?;
        // The money is there already.
        let (before, value) = if std::mem::take(&mut pool.is_new) { (0, 0) } else { (pool.shares, worth.1 - amount) };
        let due = bought(amount, before, value);
        ensure(shares == due && shares > 0, || format!("{amount} bought {shares} shares, due are {due} of {before}"))?;
        check_price((before, value), (before + shares, value + amount))?;
        pool.shares += shares;
        let holding = pool.holders.entry(account).or_default();
        holding.shares += shares;
        holding.cost += amount;
        holding.locked_until_ms = now_ms + VAULT_LOCK_MS;
        self.note("auditor: the price of a vault's shares");
        Ok(())
    }

    fn vault_withdrawn(
        &mut self,
        vault: Who,
        account: Who,
        shares: i128,
        (value, leader_part): (i128, i128),
    ) -> Result<(), Objection> {
        ensure(!self.gated.contains(&CORE), || "a vault pays through a closed gate".to_owned())?;
        let worth = self.vault_worth(vault, CORE).ok_or("a vault without prices pays")?;
        let now_ms = self.now_ms;
        let pool = self.vault(vault)?;
        // The money has left already.
        let (before, low) = (pool.shares, worth.0 + value);
        let due = redeemed(shares, before, low);
        ensure(value == due && value > 0, || format!("{shares} shares are worth {value}, due are {due}"))?;
        check_price((before, low), (before - shares, low - value))?;
        let (is_closed, is_leader) = (pool.is_closed, account == pool.leader);
        let waited = pool.queue.front().copied();
        let holding = pool.holders.entry(account).or_default();
        match waited {
            Some((first, left)) => {
                ensure(first == account && shares <= left, || format!("{account:?} is paid before {first:?}"))?;
                holding.waiting -= shares;
                pool.queue.pop_front();
                if left > shares {
                    pool.queue.push_front((first, left - shares));
                }
            }
            None => ensure(is_closed || holding.locked_until_ms <= now_ms, || {
                format!("locked shares are paid: {holding:?}")
            })?,
        }
        let released = floor(holding.cost * shares, holding.shares);
        let due = if is_leader { 0 } else { part_up((value - released).max(0), LEADER_PART) };
        ensure(leader_part == due, || format!("the leader gets {leader_part} of {value}, due are {due}"))?;
        let leader = pool.leader;
        holding.shares -= shares;
        holding.cost -= released;
        ensure(holding.shares >= 0, || format!("{shares} shares are paid, there were fewer: {holding:?}"))?;
        if holding.shares == 0 {
            pool.holders.remove(&account);
        }
        pool.shares -= shares;
        let mut payments = vec![(vault, account, value - leader_part), (vault, leader, leader_part)];
        payments.retain(|(.., amount)| *amount > 0);
        ensure(self.ledger.was_paid(&payments), || format!("{value} were not paid as {payments:?}"))?;
        self.note("auditor: the price of a withdrawal from a vault");
        Ok(())
    }

    /// The first in line is worth nothing, and waits no longer; its shares stay where they are.
    fn withdrawal_dropped(&mut self, vault: Who, account: Who, shares: i128) -> Result<(), Objection> {
        let worth = self.vault_worth(vault, CORE).ok_or("a vault without prices drops a withdrawal")?;
        let pool = self.vault(vault)?;
        let value = redeemed(shares, pool.shares, worth.0);
        ensure(value == 0, || format!("{shares} shares that are worth {value} are dropped"))?;
        let first = pool.queue.pop_front();
        ensure(first == Some((account, shares)), || format!("{account:?} is dropped before {first:?}"))?;
        pool.holders.entry(account).or_default().waiting -= shares;
        self.note("auditor: a withdrawal that is worth nothing");
        Ok(())
    }

    fn backstopped(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::BackstopSynced { universe, junior_usd, senior_usd } => {
                self.synced(universe.get(), junior_usd.get(), senior_usd.get())
            }
            Event::BackstopDeposited { universe, account, tranche, amount_usd, shares } => {
                self.capital_paid_in(universe.get(), who(*account), *tranche, (amount_usd.get(), shares.get()))
            }
            Event::BackstopWithdrawn { universe, account, tranche, shares, value_usd } => {
                self.capital_paid_out(universe.get(), who(*account), *tranche, (value_usd.get(), shares.get()))
            }
            _ => Ok(()),
        }
    }

    fn synced(&mut self, universe: Universe, junior: i128, senior: i128) -> Result<(), Objection> {
        let worth = self.vault_worth(backstop(universe), universe);
        let pool = self.pools.backstops.entry(universe).or_default();
        // What was allocated is the change of the sum, unless more was lost than there was.
        let after = pool.at_equity(worth.map_or(junior + senior, |(low, _)| low));
        ensure((after.junior.value, after.senior.value) == (junior, senior), || {
            format!("the tranches of universe {universe} are worth {junior} and {senior}, due are {after:?}")
        })?;
        *pool = after;
        if worth.is_some() {
            self.note("auditor: the equity of a backstop vault");
        }
        Ok(())
    }

    fn capital_paid_in(
        &mut self,
        universe: Universe,
        account: Who,
        tranche: Tranche,
        (amount, shares): (i128, i128),
    ) -> Result<(), Objection> {
        ensure(!self.gated.contains(&universe), || "capital comes through a closed gate".to_owned())?;
        if account == insurance(universe) {
            return self.orphans_adopted(universe, tranche, (amount, shares));
        }
        let vault = backstop(universe);
        let is_paid = self.ledger.was_paid(&[(account, vault, amount)]);
        if !is_paid {
            self.ledger.promise(account, universe, amount);
        }
        let equity = self.vault_worth(vault, universe).map(|(_, high)| if is_paid { high - amount } else { high });
        let now_ms = self.now_ms;
        let pool = self.pools.backstops.entry(universe).or_default();
        let low = *pool.tranche(tranche);
        match equity {
            Some(equity) => {
                let high = *pool.at_equity(equity).tranche(tranche);
                let due = bought(amount, high.shares, high.value);
                ensure(shares == due, || format!("{amount} bought {shares} shares of {tranche:?}, due are {due}"))?;
            }
            None => {
                let most = bought(amount, low.shares, low.value);
                ensure(shares <= most, || format!("{amount} bought {shares} shares of {tranche:?}, at most {most}"))?;
            }
        }
        let after = TrancheWorth { value: low.value + amount, shares: low.shares + shares, ..low };
        check_price((low.shares, low.value), (after.shares, after.value))?;
        *pool.tranche(tranche) = after;
        let holding = pool.holders.entry(account).or_default();
        match tranche {
            Tranche::Junior => holding.junior += shares,
            Tranche::Senior => holding.senior += shares,
        }
        if is_paid {
            holding.locked_until_ms = now_ms + BACKSTOP_LOCK_MS;
        } else {
            holding.for_good += shares;
        }
        self.note("auditor: the price of a tranche's shares");
        Ok(())
    }

    /// What nobody holds shares of becomes the fund's, at the first price.
    fn orphans_adopted(
        &mut self,
        universe: Universe,
        tranche: Tranche,
        (amount, shares): (i128, i128),
    ) -> Result<(), Objection> {
        let now_ms = self.now_ms;
        let pool = self.pools.backstops.entry(universe).or_default();
        let before = *pool.tranche(tranche);
        ensure(before.shares == 0 && before.value == amount && shares == bought(amount, 0, 0), || {
            format!("the fund adopts {amount} of {before:?} as {shares} shares")
        })?;
        *pool.tranche(tranche) = TrancheWorth { value: amount, owed: 0, shares };
        let holding = pool.holders.entry(insurance(universe)).or_default();
        match tranche {
            Tranche::Junior => holding.junior += shares,
            Tranche::Senior => holding.senior += shares,
        }
        holding.locked_until_ms = now_ms + BACKSTOP_LOCK_MS;
        Ok(())
    }

    fn capital_paid_out(
        &mut self,
        universe: Universe,
        account: Who,
        tranche: Tranche,
        (value, shares): (i128, i128),
    ) -> Result<(), Objection> {
        ensure(!self.gated.contains(&universe), || "capital leaves through a closed gate".to_owned())?;
        let is_paid = self.ledger.was_paid(&[(backstop(universe), account, value)]);
        ensure(is_paid, || format!("a tranche's shares are redeemed for {value} that were not paid"))?;
        let now_ms = self.now_ms;
        let pool = self.pools.backstops.entry(universe).or_default();
        let before = *pool.tranche(tranche);
        let due = redeemed(shares, before.shares, before.value);
        ensure(value == due && value > 0, || {
            format!("{shares} shares of {tranche:?} are paid {value}, due are {due}")
        })?;
        let kept = before.shares - shares;
        let owed = floor(before.owed * kept, before.shares);
        *pool.tranche(tranche) = TrancheWorth { value: before.value - value, owed, shares: kept };
        check_price((before.shares, before.value), (kept, before.value - value))?;
        let holding = pool.holders.entry(account).or_default();
        ensure(holding.locked_until_ms <= now_ms, || format!("locked capital is paid out: {holding:?}"))?;
        match tranche {
            Tranche::Junior => holding.junior -= shares,
            Tranche::Senior => holding.senior -= shares,
        }
        ensure(holding.junior >= holding.for_good && holding.senior >= 0, || {
            format!("too much is redeemed: {holding:?}")
        })?;
        if (holding.junior, holding.senior) == (0, 0) {
            pool.holders.remove(&account);
        }
        Ok(())
    }

    pub(super) fn compare_pools(&self, state: &State) -> Result<(), Objection> {
        for (account, record) in state.vaults() {
            let own = self.pools.vaults.get(&who(account)).ok_or_else(|| format!("vault {account} opened itself"))?;
            let told = (record.shares.get(), record.closed, record.queue_next - record.queue_first);
            let kept = (own.shares, own.is_closed, own.queue.len() as u64);
            ensure(told == kept, || format!("vault {account} is {told:?}, the auditor has {kept:?}"))?;
            let held: i128 = own.holders.values().map(|holding| holding.shares).sum();
            ensure(held == own.shares, || format!("holders of vault {account} have {held} shares of {}", own.shares))?;
            let holders: BTreeMap<Who, Holding> = state
                .vault_holders(account)
                .map(|(holder, record)| {
                    let locked_until_ms = record.locked_until_ms.get();
                    let (shares, waiting) = (record.shares.get(), record.waiting.get());
                    (who(holder), Holding { shares, cost: record.cost_usd.get(), waiting, locked_until_ms })
                })
                .collect();
            ensure(holders == own.holders, || super::compare::difference("vault shares", &holders, &own.holders))?;
        }
        for (universe, own) in &self.pools.backstops {
            self.compare_backstop(state, UniverseId::new(*universe), own)?;
        }
        let (told, kept) = (state.backstops().count(), self.pools.backstops.len());
        ensure(told <= kept, || format!("{told} backstop vaults have shares, {kept} are known"))
    }

    fn compare_backstop(&self, state: &State, universe: UniverseId, own: &Backstop) -> Result<(), Objection> {
        let record = state.backstop(universe);
        let worth = |value: palisade_engine::tranches::TrancheValue, shares: palisade_types::numbers::Shares| {
            TrancheWorth { value: value.value_usd.get(), owed: value.owed_usd.get(), shares: shares.get() }
        };
        let told =
            (worth(record.tranches.junior, record.junior_shares), worth(record.tranches.senior, record.senior_shares));
        ensure(told == (own.junior, own.senior), || format!("tranches of {universe} are {told:?}, due are {own:?}"))?;
        let holders: BTreeMap<Who, Capital> = state
            .backstop_holders(universe)
            .map(|(holder, record)| {
                let (junior, senior, for_good) =
                    (record.junior.get(), record.senior.get(), record.junior_for_good.get());
                (who(holder), Capital { junior, senior, for_good, locked_until_ms: record.locked_until_ms.get() })
            })
            .collect();
        ensure(holders == own.holders, || super::compare::difference("capital", &holders, &own.holders))?;
        let sums = own.holders.values().fold((0, 0), |sum, one| (sum.0 + one.junior, sum.1 + one.senior));
        ensure(sums == (own.junior.shares, own.senior.shares), || format!("holders of {universe} have {sums:?} shares"))
    }

    /// A sub-account belongs to the group of its master.
    pub(super) fn sub_account_created(&mut self, master: AccountId, sub_account: AccountId) -> Result<(), Objection> {
        let before = self.groups.insert(who(sub_account), who(master));
        ensure(before.is_none() && master != sub_account, || format!("sub-account {sub_account} is opened twice"))
    }
}
