//! A second opinion of every finalized block: a ledger and books with their own plain types, which know nothing but the
//! genesis, the blocks and their events.
//!
//! What it holds itself: balances, positions, open orders, used nonces, used budget, traded volume. What it checks:
//!
//! - **Inputs**: no nonce twice, no action past its expiry, a quorum of distinct seats behind every price.
//! - **Order of work**: receipts are in the order that the rules say and no proposer can choose.
//! - **Trades**: the maker was first in line, the quote is price times lots, the fees are what the terms say.
//! - **State**: after the block the chain's tables say what this ledger says, to the unit, and money is conserved.
//!
//! It is slow and simple on purpose: maps, scans, and no arithmetic but sums and one division.

use crate::{
    order_of_work::order_of_work,
    venue::{BTC, USDC},
};
use palisade_engine::State;
use palisade_types::{
    block::Block,
    event::{Event, Trade, TradeSide},
    genesis::Genesis,
    market::MarketSpec,
    oracle::OracleBundle,
    order::{OpenOrder, Side},
    receipt::Receipt,
    signing::VerifiedAction,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Who = [u8; 20];
type What = u32;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Resting {
    owner: Who,
    market: What,
    buys: bool,
    price: i64,
    lots: u64,
    place: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    lots: i64,
    cost: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DueIndex {
    price: i64,
    honest_least: i64,
    honest_most: i64,
}

/// What the auditor believes.
#[derive(Debug)]
pub struct Auditor {
    genesis: Arc<Genesis>,
    deposits: BTreeMap<What, i128>,
    balances: BTreeMap<(Who, What), i128>,
    positions: BTreeMap<(Who, What), Held>,
    orders: BTreeMap<u64, Resting>,
    volumes: BTreeMap<Who, i128>,
    parts_used: BTreeMap<Who, u64>,
    nonces: BTreeSet<(String, u64)>,
    oracle_round: Option<u64>,
    /// The seat that may sign anything.
    liar: Option<usize>,
    /// Of this block's prices: what the index must become, and between which honest prices.
    due_indices: BTreeMap<What, DueIndex>,
}

/// Where the chain and the auditor disagree.
pub type Objection = String;

fn who(account: palisade_types::address::AccountId) -> Who {
    account.0
}

fn ensure(holds: bool, objection: impl FnOnce() -> String) -> Result<(), Objection> {
    if holds { Ok(()) } else { Err(objection()) }
}

impl Auditor {
    /// An auditor of a chain that has not begun.
    pub fn new(genesis: Arc<Genesis>, liar: Option<usize>) -> Self {
        Self {
            genesis,
            deposits: BTreeMap::new(),
            balances: BTreeMap::new(),
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            volumes: BTreeMap::new(),
            parts_used: BTreeMap::new(),
            nonces: BTreeSet::new(),
            oracle_round: None,
            liar,
            due_indices: BTreeMap::new(),
        }
    }

    /// Follows a finalized block.
    pub fn follow(
        &mut self,
        block: &Block,
        actions: &[Arc<VerifiedAction>],
        receipts: &[Receipt],
        events: &[Event],
    ) -> Result<(), Objection> {
        self.inputs(block, actions)?;
        self.receipts(block, actions, receipts)?;
        for event in events {
            self.event(event)?;
        }
        ensure(self.due_indices.is_empty(), || format!("prices that made no index: {:?}", self.due_indices))
    }

    fn inputs(&mut self, block: &Block, actions: &[Arc<VerifiedAction>]) -> Result<(), Objection> {
        for action in actions {
            let envelope = action.envelope();
            let fresh = self.nonces.insert((envelope.signer.to_string(), envelope.nonce.get()));
            ensure(fresh, || format!("nonce {} of {} was used before", envelope.nonce, envelope.signer))?;
            let late = envelope.expires_after_ms.is_some_and(|last| last < block.header.time_ms);
            ensure(!late, || format!("action {} is in a block after its expiry", action.id()))?;
            let used = self.parts_used.entry(who(envelope.account)).or_default();
            *used = used.saturating_add(action.request().part_count() as u64);
        }
        let Some(bundle) = &block.body.oracle_bundle else { return Ok(()) };
        let seats: BTreeSet<u32> = bundle.votes.iter().map(|signed| signed.vote.seat.get()).collect();
        let needed = self.genesis.seats.len() * 2 / 3 + 1;
        ensure(seats.len() >= needed && seats.len() == bundle.votes.len(), || {
            format!("prices of {} seats, {needed} are needed", seats.len())
        })?;
        let round = bundle.votes.first().map(|signed| signed.vote.round);
        ensure(round > self.oracle_round, || format!("round {round:?} after {:?}", self.oracle_round))?;
        self.oracle_round = round;
        for asset in [BTC.get()] {
            if let Some(due) = self.due_index(bundle, asset, needed) {
                self.due_indices.insert(asset, due);
            }
        }
        Ok(())
    }

    /// What the votes make of an asset's index: the lower median, if there is a quorum of prices.
    fn due_index(&self, bundle: &OracleBundle, asset: What, needed: usize) -> Option<DueIndex> {
        let given =
            bundle.votes.iter().flat_map(|signed| signed.vote.entries.iter().map(|entry| (&signed.vote, entry)));
        let given: Vec<(usize, i64)> = given
            .filter(|(_, entry)| entry.asset.get() == asset)
            .map(|(vote, entry)| (vote.seat.get() as usize, entry.price.get()))
            .collect();
        let mut prices: Vec<i64> = given.iter().map(|(_, price)| *price).collect();
        prices.sort_unstable();
        let honest = || given.iter().filter(|(seat, _)| Some(*seat) != self.liar).map(|(_, price)| *price);
        let (honest_least, honest_most) = (honest().min()?, honest().max()?);
        (prices.len() >= needed).then(|| DueIndex { price: prices[(prices.len() - 1) / 2], honest_least, honest_most })
    }

    fn index(&mut self, asset: What, price: i64) -> Result<(), Objection> {
        let due = self.due_indices.remove(&asset).ok_or_else(|| format!("an index of asset {asset} without votes"))?;
        ensure(price == due.price, || format!("an index of {price}, the votes say {due:?}"))?;
        ensure((due.honest_least..=due.honest_most).contains(&price), || {
            format!("an index of {price} that no honest seat stands for: {due:?}")
        })
    }

    fn receipts(
        &mut self,
        block: &Block,
        actions: &[Arc<VerifiedAction>],
        receipts: &[Receipt],
    ) -> Result<(), Objection> {
        let due = order_of_work(&block.header.parent.0, actions);
        let found: Vec<_> = receipts.iter().map(|receipt| receipt.action).collect();
        ensure(due == found, || "the receipts are not in the order of work".to_owned())?;
        Ok(())
    }

    fn pay(&mut self, from: Who, to: Who, asset: What, amount: i128) {
        *self.balances.entry((from, asset)).or_default() -= amount;
        *self.balances.entry((to, asset)).or_default() += amount;
    }

    fn event(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::Deposited { account, asset, amount, .. } => {
                *self.balances.entry((who(*account), asset.get())).or_default() += amount.get();
                *self.deposits.entry(asset.get()).or_default() += amount.get();
            }
            Event::Transferred { from, to, asset, amount, .. } => {
                ensure(amount.get() > 0, || "a transfer of nothing".to_owned())?;
                self.pay(who(*from), who(*to), asset.get(), amount.get());
            }
            Event::OrderRested { order } => {
                self.orders.insert(order.id.get(), resting(order));
            }
            Event::OrderCanceled { order, .. } => {
                self.orders.remove(&order.id.get());
            }
            Event::OrderFilled { order } => {
                let left = self.orders.get(&order.id.get()).map_or(0, |resting| resting.lots);
                ensure(left == 0, || format!("order {} is filled but has {left} lots left", order.id))?;
            }
            Event::Traded(trade) => self.trade(trade)?,
            Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => {
                return Err(format!("the engine stopped itself: {invariant}"));
            }
            Event::IndexUpdated { asset, price, .. } => self.index(asset.get(), price.get())?,
            _ => {}
        }
        Ok(())
    }

    fn trade(&mut self, trade: &Trade) -> Result<(), Objection> {
        self.first_in_line(trade)?;
        let market = self.genesis.markets.iter().find(|market| market.id == trade.market);
        let market = market.ok_or_else(|| format!("a trade in unknown market {}", trade.market))?.clone();
        let quote = i128::from(trade.price.get()) * i128::from(trade.size.get());
        ensure(quote == trade.quote_usd.get(), || format!("trade {} is worth {quote}", trade.id))?;
        self.fee(&market, &trade.maker, quote, market.maker_fee.get())?;
        self.fee(&market, &trade.taker, quote, market.taker_fee.get())?;
        let (buyer, seller) = match trade.taker_side {
            Side::Buy => (&trade.taker, &trade.maker),
            Side::Sell => (&trade.maker, &trade.taker),
        };
        if trade.market.is_spot() {
            self.pay(who(buyer.account), who(seller.account), USDC.get(), quote);
            self.pay(who(seller.account), who(buyer.account), BTC.get(), i128::from(trade.size.get()) * 100_000_000);
        } else {
            self.change_position(trade, buyer, true)?;
            self.change_position(trade, seller, false)?;
        }
        for side in [&trade.maker, &trade.taker] {
            *self.volumes.entry(who(side.account)).or_default() += quote;
        }
        let maker = self.orders.get_mut(&trade.maker.order.get()).ok_or("the maker is in no book")?;
        maker.lots = maker.lots.checked_sub(trade.size.get()).ok_or("the maker gives more than it has")?;
        if maker.lots == 0 {
            self.orders.remove(&trade.maker.order.get());
        }
        Ok(())
    }

    fn first_in_line(&self, trade: &Trade) -> Result<(), Objection> {
        let buys = trade.taker_side == Side::Sell;
        let rank = |order: &Resting| (if buys { -order.price } else { order.price }, order.place);
        let market = trade.market.get();
        let line = self.orders.iter().filter(|(_, order)| order.market == market && order.buys == buys);
        let first = line.min_by_key(|(_, order)| rank(order));
        let is_first =
            first.is_some_and(|(id, order)| *id == trade.maker.order.get() && order.price == trade.price.get());
        ensure(is_first, || format!("trade {} is with {}, first in line is {first:?}", trade.id, trade.maker.order))
    }

    fn fee(&mut self, market: &MarketSpec, side: &TradeSide, quote: i128, rate: i64) -> Result<(), Objection> {
        let due = (quote * i128::from(rate) + 999_999) / 1_000_000;
        ensure(due == side.fee_usd.get(), || format!("a fee of {}, due are {due}", side.fee_usd))?;
        let fees = palisade_types::address::AccountId::fees(market.universe);
        self.pay(who(side.account), who(fees), USDC.get(), due);
        Ok(())
    }

    /// Closing takes its share of the cost, rounded up; opening adds the quote to it.
    fn change_position(&mut self, trade: &Trade, side: &TradeSide, buys: bool) -> Result<(), Objection> {
        let (price, size) = (i128::from(trade.price.get()), trade.size.get() as i64);
        let sign = if buys { 1 } else { -1 };
        let key = (who(side.account), trade.market.get());
        let held = self.positions.entry(key).or_default();
        ensure(held.lots == side.start_position.get(), || format!("a position of {} before the fill", held.lots))?;
        let closing = if held.lots * sign < 0 { size.min(held.lots.abs()) } else { 0 };
        let mut gain = 0;
        if closing > 0 {
            let (share, whole) = (held.cost * i128::from(closing), i128::from(held.lots.abs()));
            let released = share.div_euclid(whole) + i128::from(share.rem_euclid(whole) != 0);
            gain = -i128::from(sign) * price * i128::from(closing) - released;
            held.cost -= released;
            held.lots += sign * closing;
        }
        held.cost += i128::from(sign) * price * i128::from(size - closing);
        held.lots += sign * (size - closing);
        if held.lots == 0 {
            self.positions.remove(&key);
        }
        ensure(gain == side.closed_pnl_usd.get(), || format!("a profit of {}, due are {gain}", side.closed_pnl_usd))?;
        let clearing = palisade_types::address::AccountId::clearing(trade.market);
        self.pay(who(clearing), who(side.account), USDC.get(), gain);
        Ok(())
    }

    /// Compares everything that is held with the chain's own tables.
    pub fn compare(&self, state: &State) -> Result<(), Objection> {
        let balances: BTreeMap<_, _> =
            state.balances().map(|(id, amount)| ((who(id.account), id.asset.get()), amount.get())).collect();
        let own: BTreeMap<_, _> = self.balances.iter().filter(|(_, amount)| **amount != 0).collect();
        ensure(balances.iter().eq(own), || difference("balances", &balances, &self.balances))?;
        let held = |record: &palisade_engine::state::PositionRecord| Held {
            lots: record.position.get(),
            cost: record.entry_cost_usd.get(),
        };
        let positions: BTreeMap<_, _> =
            state.positions().map(|(id, record)| ((who(id.account), id.market.get()), held(record))).collect();
        ensure(positions == self.positions, || difference("positions", &positions, &self.positions))?;
        let mut orders = BTreeMap::new();
        for market in &self.genesis.markets {
            for side in [Side::Buy, Side::Sell] {
                orders.extend(state.book_side(market.id, side).map(|r| (r.order.id.get(), resting(&r.order))));
            }
        }
        ensure(orders == self.orders, || difference("open orders", &orders, &self.orders))?;
        for (asset, paid_in) in &self.deposits {
            let total: i128 = balances.iter().filter(|((_, of), _)| of == asset).map(|(_, amount)| amount).sum();
            ensure(total == *paid_in, || format!("asset {asset}: {paid_in} were paid in, {total} are held"))?;
        }
        self.compare_accounts(state)
    }

    fn compare_accounts(&self, state: &State) -> Result<(), Objection> {
        for (account, record) in state.accounts() {
            let used = self.parts_used.get(&who(account)).copied().unwrap_or(0);
            ensure(record.actions_used == used, || {
                format!("{account} is charged {} parts of actions, sent {used}", record.actions_used)
            })?;
            let volume = self.volumes.get(&who(account)).copied().unwrap_or(0);
            ensure(record.volume_usd.get() == volume, || format!("volume of {account} is {volume}"))?;
        }
        Ok(())
    }
}

fn resting(order: &OpenOrder) -> Resting {
    Resting {
        owner: who(order.account),
        market: order.market.get(),
        buys: order.side == Side::Buy,
        price: order.price.get(),
        lots: order.remaining.get(),
        place: order.priority,
    }
}

fn difference<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug + Default>(
    what: &str,
    chain: &BTreeMap<K, V>,
    own: &BTreeMap<K, V>,
) -> String {
    let keys: BTreeSet<&K> = chain.keys().chain(own.keys()).collect();
    let nothing = V::default();
    let wrong = keys.into_iter().find(|key| chain.get(key).unwrap_or(&nothing) != own.get(key).unwrap_or(&nothing));
    let (theirs, ours) = wrong.map_or((None, None), |key| (chain.get(key), own.get(key)));
    format!("{what} differ at {wrong:?}: the chain says {theirs:?}, the auditor {ours:?}")
}
