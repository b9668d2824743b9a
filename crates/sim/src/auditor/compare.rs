//! Everything that is held, against the chain's own tables, after every block.

use super::{Auditor, Held, Market, Objection, Who, ensure, ledger::clearing, trading::resting, who, worth::Unit};
use palisade_engine::{State, state::PositionId};
use palisade_types::{
    action::MarginMode,
    address::AccountId,
    event::MarginLevel,
    ids::{AssetId, MarketId, UniverseId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

impl Auditor {
    /// Compares everything that is held with the chain's own tables.
    pub fn compare(&mut self, state: &State) -> Result<(), Objection> {
        self.compare_markets(state)?;
        self.compare_options(state)?;
        self.compare_positions(state)?;
        self.compare_orders(state)?;
        self.compare_special(state)?;
        self.compare_ledger(state)?;
        self.check_fences()?;
        self.check_zero_sums(state)?;
        self.compare_pools(state)?;
        self.compare_synthetics(state)?;
        self.compare_liquidity(state)?;
        self.compare_structures(state)?;
        self.compare_liquidations(state)?;
        self.compare_accounts(state)
    }

    fn compare_markets(&self, state: &State) -> Result<(), Objection> {
        let listed: BTreeSet<Market> = state.markets().map(|market| market.id.get()).collect();
        let own: BTreeSet<Market> = self.terms.markets.keys().copied().collect();
        ensure(listed == own, || format!("markets are {listed:?}, the auditor has {own:?}"))?;
        for market in &listed {
            let mark = state.mark(MarketId::new(*market)).map(|record| i128::from(record.price.get()));
            let is_option = MarketId::new(*market).is_option();
            ensure(is_option || mark == self.mark_of(*market), || format!("market {market} is marked at {mark:?}"))?;
            let index = i128::from(state.funding_index(MarketId::new(*market)).get());
            ensure(index == self.funding_index(*market), || {
                format!("the funding index of market {market} is {index}")
            })?;
        }
        for universe in state.universes() {
            let (id, gated) = (universe.spec.id.get(), universe.gated_since_ms.is_some());
            ensure(gated == self.gated.contains(&id), || format!("the gate of universe {id} is closed: {gated}"))?;
            ensure(universe.halted.is_none(), || format!("universe {id} is halted"))?;
        }
        Ok(())
    }

    fn compare_positions(&self, state: &State) -> Result<(), Objection> {
        let held = |record: &palisade_engine::state::PositionRecord| Held {
            lots: record.position.get().into(),
            cost: record.entry_cost_usd.get(),
            index: record.funding_index.get().into(),
        };
        let positions: BTreeMap<(Who, Market), Held> =
            state.positions().map(|(id, record)| ((who(id.account), id.market.get()), held(record))).collect();
        ensure(positions == self.positions, || difference("positions", &positions, &self.positions))?;
        for ((account, market), (leverage, isolated)) in &self.settings {
            let setting = state.margin_setting(AccountId(*account), MarketId::new(*market));
            let told = setting.map(|setting| (setting.leverage, setting.mode == MarginMode::Isolated));
            ensure(told == Some((*leverage, *isolated)), || {
                format!("{account:?} margins market {market} by {told:?}")
            })?;
        }
        Ok(())
    }

    fn compare_orders(&self, state: &State) -> Result<(), Objection> {
        let orders: BTreeMap<_, _> = state
            .accounts()
            .flat_map(|(account, _)| state.orders_of(account))
            .map(|record| (record.order.id.get(), resting(&record.order)))
            .collect();
        ensure(orders == self.orders, || difference("open orders", &orders, &self.orders))?;
        ensure(orders.len() == state.open_order_count(), || format!("{} orders are open", state.open_order_count()))?;
        let owners: BTreeSet<Who> = orders.values().map(|order| order.owner).collect();
        for owner in owners {
            for universe in self.terms.quotes.keys() {
                for asset in self.terms.assets.keys() {
                    let told = state.held(AccountId(owner), UniverseId::new(*universe), AssetId::new(*asset)).get();
                    let own = self.locked(owner, *universe, *asset);
                    ensure(told == own, || format!("orders of {owner:?} hold {told} of asset {asset}, due are {own}"))?;
                }
            }
        }
        Ok(())
    }

    /// What of everyone's cash is held back, because a market's clearing account has paid it and not received it.
    fn held_back(&self, state: &State, market: Market, universe: u32) -> i128 {
        let vault = AccountId(super::ledger::backstop(universe));
        let accounts: BTreeSet<AccountId> = state.accounts().map(|(account, _)| account).chain([vault]).collect();
        let id = |account| PositionId { account, market: MarketId::new(market) };
        accounts.into_iter().map(|account| state.unreceived(id(account)).get()).sum()
    }

    /// I2: per market lots sum to zero, and what positions cost and owe is what clearing has.
    fn check_zero_sums(&self, state: &State) -> Result<(), Objection> {
        for (market, terms) in self.terms.markets.iter().filter(|(_, terms)| terms.underlying.is_some()) {
            let (mut lots, mut cost) = (0, 0);
            for (_, held) in self.positions.iter().filter(|((_, of), _)| of == market) {
                lots += held.lots;
                cost += held.cost + held.lots * (self.funding_index(*market) - held.index);
            }
            let cleared = self.ledger.balance(clearing(*market), terms.universe, self.quote_of(terms.universe)?);
            // I4: what clearing is short of is held back from those whom it paid.
            let short = (-cleared).max(0);
            let held_back = self.held_back(state, *market, terms.universe);
            ensure(held_back >= short && (short > 0 || held_back == 0), || {
                format!("clearing of market {market} is short of {short}, {held_back} are held back")
            })?;
            let delivering = self.settlements.contains_key(market);
            ensure((lots == 0 && cost + cleared == 0) || delivering, || {
                format!("market {market}: lots sum to {lots}, costs to {cost}, clearing has {cleared}")
            })?;
        }
        Ok(())
    }

    fn compare_liquidations(&self, state: &State) -> Result<(), Objection> {
        let calls: BTreeMap<Unit, MarginLevel> = state
            .margin_calls()
            .map(|(unit, level)| {
                ((who(unit.account), unit.universe.get(), unit.market.map(|market| market.get())), level)
            })
            .collect();
        ensure(calls == self.liquidations.calls, || {
            format!("margin calls are {calls:?}, the auditor has {:?}", self.liquidations.calls)
        })?;
        for (market, claimed) in &self.liquidations.claims {
            let told = state.fund_claim(MarketId::new(*market)).get();
            ensure(told == *claimed, || format!("the fund has paid {told} for market {market}, due are {claimed}"))?;
        }
        Ok(())
    }

    fn compare_accounts(&self, state: &State) -> Result<(), Objection> {
        for (account, record) in state.accounts() {
            let used = self.inputs.parts_used.get(&who(account)).copied().unwrap_or(0);
            ensure(record.actions_used == used, || {
                format!("{account} is charged {} parts of actions, sent {used}", record.actions_used)
            })?;
            let volume = self.volumes.get(&who(account)).copied().unwrap_or(0);
            ensure(record.volume_usd.get() == volume, || format!("volume of {account} is {volume}"))?;
        }
        Ok(())
    }

    /// The units below maintenance, found by looking at everyone, are those that the chain's own look at everyone finds. For blocks without actions: these come
    /// after liquidation, and may leave somebody below who is found in the next block.
    pub fn compare_liquidatable(&mut self, scanned: &BTreeSet<Unit>) -> Result<(), Objection> {
        let Some(own) = self.liquidatable() else { return Ok(()) };
        self.note("auditor: who is below maintenance");
        let told: BTreeSet<Unit> = scanned.iter().filter(|unit| !self.is_exempt(**unit)).copied().collect();
        ensure(told == own, || format!("below maintenance are {told:?}, the auditor finds {own:?}"))
    }
}

/// The first place where two tables differ.
pub(super) fn difference<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    chain: &BTreeMap<K, V>,
    own: &BTreeMap<K, V>,
) -> String {
    let keys: BTreeSet<&K> = chain.keys().chain(own.keys()).collect();
    let wrong = keys.into_iter().find(|key| chain.get(key) != own.get(key));
    let (theirs, ours) = wrong.map_or((None, None), |key| (chain.get(key), own.get(key)));
    format!("{what} differ at {wrong:?}: the chain says {theirs:?}, the auditor {ours:?}")
}
