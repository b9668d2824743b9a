//! Who has what: balances by account, universe and asset, and what was paid in.
//!
//! What an isolated position has of its own is the balance of a derived address, its purse. Which part of an owner's cash
//! lies in a purse after a fill is margin's to say, which the auditor does not decide: then owner and purse are compared as one,
//! and the chain's division is taken over. A purse that nothing has touched must be as it was.

use super::{Asset, Auditor, Market, Objection, Universe, Who, ensure, who};
use palisade_engine::State;
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{MarketId, UniverseId},
};
use std::collections::{BTreeMap, BTreeSet};

/// Names a balance.
pub(super) type Account = (Who, Universe, Asset);

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub balances: BTreeMap<Account, i128>,
    /// What was paid in and not out.
    custody: BTreeMap<(Universe, Asset), i128>,
    /// Whose position in which market a purse belongs to.
    purses: BTreeMap<Who, (Who, Market)>,
    /// Owners between whose purses and cash this block has moved what no event tells.
    moved: BTreeSet<Who>,
    /// The transfers that the last events were.
    transfers: Vec<(Who, Who, i128)>,
    /// What a lister owes another universe, until the block says that it has moved.
    promised: Vec<(Who, Universe, i128)>,
}

pub(super) fn fees(universe: Universe) -> Who {
    who(AccountId::fees(UniverseId::new(universe)))
}

pub(super) fn insurance(universe: Universe) -> Who {
    who(AccountId::insurance(UniverseId::new(universe)))
}

pub(super) fn backstop(universe: Universe) -> Who {
    who(AccountId::backstop(UniverseId::new(universe)))
}

pub(super) fn clearing(market: Market) -> Who {
    who(AccountId::clearing(MarketId::new(market)))
}

pub(super) fn purse_of(owner: Who, market: Market) -> Who {
    who(AccountId::isolated(AccountId(owner), MarketId::new(market)))
}

impl Ledger {
    pub fn balance(&self, account: Who, universe: Universe, asset: Asset) -> i128 {
        self.balances.get(&(account, universe, asset)).copied().unwrap_or(0)
    }

    fn add(&mut self, account: Who, universe: Universe, asset: Asset, amount: i128) {
        *self.balances.entry((account, universe, asset)).or_default() += amount;
    }

    pub fn pay(&mut self, from: Who, to: Who, (universe, asset): (Universe, Asset), amount: i128) {
        self.add(from, universe, asset, -amount);
        self.add(to, universe, asset, amount);
    }

    /// What a position has of its own lies there from now on.
    pub fn open_purse(&mut self, owner: Who, market: Market) {
        self.purses.insert(purse_of(owner, market), (owner, market));
    }

    /// Units come into being, or cease to be.
    pub fn mint(&mut self, account: Who, universe: Universe, asset: Asset, amount: i128) {
        self.add(account, universe, asset, amount);
        *self.custody.entry((universe, asset)).or_default() += amount;
    }

    /// All there is of an asset, over all universes.
    pub fn supply(&self, asset: Asset) -> i128 {
        self.custody.iter().filter(|((_, of), _)| *of == asset).map(|(_, amount)| amount).sum()
    }

    /// Margin moves what it likes between an owner and the purses.
    pub fn purse_moves(&mut self, owner: Who) {
        self.moved.insert(owner);
    }

    /// Whether the division between an owner and the purses is not known.
    pub fn is_divided_unknown(&self, owner: Who) -> bool {
        self.moved.contains(&owner)
    }

    /// A market is gone; what lay in its purses has left them.
    pub fn forget_purses(&mut self, market: Market) {
        self.purses.retain(|_, (_, of)| *of != market);
    }

    /// Whether an address is that of a purse.
    pub fn is_purse(&self, account: Who) -> bool {
        self.purses.contains_key(&account)
    }

    fn owner(&self, account: Who) -> Who {
        self.purses.get(&account).map_or(account, |(owner, _)| *owner)
    }

    /// Whether the last events were these transfers, in order.
    pub fn was_paid(&self, payments: &[(Who, Who, i128)]) -> bool {
        self.transfers.ends_with(payments)
    }

    /// The next transfer is another's.
    pub fn forget_transfers(&mut self) {
        self.transfers.clear();
    }

    /// A lister has promised so much to a universe's backstop vault.
    pub fn promise(&mut self, from: Who, universe: Universe, amount: i128) {
        self.promised.push((from, universe, amount));
    }
}

impl Auditor {
    /// Money that moves by itself.
    pub(super) fn moved(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::Deposited { universe, account, asset, amount } => {
                let (universe, asset) = (universe.get(), asset.get());
                self.ledger.mint(who(*account), universe, asset, amount.get());
                ensure(amount.get() > 0, || "a deposit of nothing".to_owned())
            }
            Event::Transferred { universe, from, to, asset, amount } => {
                self.ledger.pay(who(*from), who(*to), (universe.get(), asset.get()), amount.get());
                self.ledger.transfers.push((who(*from), who(*to), amount.get()));
                ensure(amount.get() > 0, || "a transfer of nothing".to_owned())?;
                let left = self.ledger.balance(who(*from), universe.get(), asset.get());
                ensure(left >= 0, || format!("{from} sent more than there was: {left} is left"))?;
                self.check_collateral_left(who(*from))
            }
            Event::MovedBetweenUniverses { from_universe, to_universe, from, to, asset, amount } => {
                let (leaves, enters, asset) = (from_universe.get(), to_universe.get(), asset.get());
                ensure(!self.gated.contains(&leaves) && !self.gated.contains(&enters), || {
                    format!("{from} moved funds through a closed gate, {from_universe} to {to_universe}")
                })?;
                ensure(amount.get() > 0 && leaves != enters, || "a move of nothing".to_owned())?;
                self.ledger.add(who(*from), leaves, asset, -amount.get());
                self.ledger.add(who(*to), enters, asset, amount.get());
                *self.ledger.custody.entry((leaves, asset)).or_default() -= amount.get();
                *self.ledger.custody.entry((enters, asset)).or_default() += amount.get();
                if who(*to) == backstop(enters) {
                    self.ledger.promised.retain(|one| *one != (who(*from), enters, amount.get()));
                }
                let left = self.ledger.balance(who(*from), leaves, asset);
                ensure(left >= 0, || format!("{from} moved more than there was: {left} is left"))
            }
            Event::IsolatedMarginMoved { account, market, amount_usd } => {
                let universe = self.market(market.get())?.universe;
                let pot = (universe, self.quote_of(universe)?);
                ensure(self.is_isolated(who(*account), market.get()), || {
                    format!("{account} has no purse in {market}")
                })?;
                self.ledger.pay(who(*account), purse_of(who(*account), market.get()), pot, amount_usd.get());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Balances are the chain's, to the unit, and sum to what was paid in (I1).
    pub(super) fn compare_ledger(&mut self, state: &State) -> Result<(), Objection> {
        let chain: BTreeMap<Account, i128> = state
            .balances()
            .map(|(id, amount)| ((who(id.account), id.universe.get(), id.asset.get()), amount.get()))
            .collect();
        let ledger = &self.ledger;
        ensure(ledger.promised.is_empty(), || format!("promised and not moved: {:?}", ledger.promised))?;
        let fold = |balances: &BTreeMap<Account, i128>| {
            let mut sums: BTreeMap<Account, i128> = BTreeMap::new();
            for ((account, universe, asset), amount) in balances {
                let owner = ledger.owner(*account);
                let named = if ledger.moved.contains(&owner) { owner } else { *account };
                *sums.entry((named, *universe, *asset)).or_default() += amount;
            }
            sums.retain(|_, amount| *amount != 0);
            sums
        };
        let (theirs, ours) = (fold(&chain), fold(&ledger.balances));
        ensure(theirs == ours, || super::compare::difference("balances", &theirs, &ours))?;
        self.compare_custody(state, &chain)?;
        self.compare_purses(&chain)?;
        self.ledger.balances = chain;
        self.ledger.moved.clear();
        Ok(())
    }

    fn compare_custody(&self, state: &State, chain: &BTreeMap<Account, i128>) -> Result<(), Objection> {
        let mut sums: BTreeMap<(Universe, Asset), i128> = BTreeMap::new();
        for ((_, universe, asset), amount) in chain {
            *sums.entry((*universe, *asset)).or_default() += amount;
        }
        for (pot, paid_in) in &self.ledger.custody {
            let (universe, asset) = pot;
            let held = sums.remove(pot).unwrap_or(0);
            ensure(held == *paid_in, || {
                format!("asset {asset} of universe {universe}: {paid_in} were paid in, {held} are held")
            })?;
        }
        ensure(sums.values().all(|amount| *amount == 0), || format!("held and never paid in: {sums:?}"))?;
        let custody: BTreeMap<_, _> =
            state.custodies().map(|(id, amount)| ((id.universe.get(), id.asset.get()), amount.get())).collect();
        let mut own = self.ledger.custody.clone();
        own.retain(|pot, amount| *amount != 0 || custody.contains_key(pot));
        ensure(custody == own, || super::compare::difference("custody", &custody, &own))
    }

    /// A purse without a position is empty, or owes what a delivery took.
    fn compare_purses(&self, chain: &BTreeMap<Account, i128>) -> Result<(), Objection> {
        for (purse, (owner, market)) in &self.ledger.purses {
            let terms = self.market(*market)?;
            let there = chain.get(&(*purse, terms.universe, self.quote_of(terms.universe)?)).copied().unwrap_or(0);
            let is_held = self.positions.contains_key(&(*owner, *market));
            ensure(is_held || there == 0 || (there < 0 && terms.expires_at_ms.is_some()), || {
                format!("a purse in market {market} without a position holds {there}")
            })?;
        }
        Ok(())
    }
}
