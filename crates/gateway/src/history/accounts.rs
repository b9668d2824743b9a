//! What accounts did: their fills, orders, deposits and transfers, each bounded per account and in all.
//!
//! The stores share one shape, [`AccountLog`]: a queue per account and one queue over all accounts in order of
//! arrival, so that the globally oldest entry is always the front of its account's queue.

use palisade_types::{
    address::AccountId,
    event::{CancelReason, LiquidationMethod, Trade, TradeSide},
    hash::ActionId,
    ids::{AssetId, ClientOrderId, MarketId, OrderId, TradeId, TwapId, UniverseId},
    numbers::{Amount, FundingRate, Position, Price, Size, Usd},
    order::{OpenOrder, OrderReference, Side},
    time::TimeMs,
    trigger::TriggerPurpose,
};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// One side of a trade, as its account sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Whose.
    pub account: AccountId,
    /// The trade's number; the other side has the same.
    pub trade: TradeId,
    /// Where.
    pub market: MarketId,
    /// Which order.
    pub order: OrderId,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// Bought or sold.
    pub side: Side,
    /// At what price.
    pub price: Price,
    /// Lots.
    pub size: Size,
    /// Block time.
    pub time: TimeMs,
    /// Position before.
    pub start_position: Position,
    /// Profit realised before fees.
    pub closed_pnl_usd: Usd,
    /// Fee paid.
    pub fee_usd: Usd,
    /// Whether it took liquidity.
    pub crossed: bool,
    /// The taker's action; zero if no action caused it.
    pub action: ActionId,
    /// The TWAP whose slice it is of.
    pub twap: Option<TwapId>,
    /// The liquidation that it is part of.
    pub liquidation: Option<FillLiquidation>,
    /// Whether the position was settled because its market is over.
    pub is_settlement: bool,
}

/// Of a fill that a liquidation brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillLiquidation {
    /// Who was liquidated.
    pub account: AccountId,
    /// The mark at the time.
    pub mark: Price,
    /// Who took the position over.
    pub method: LiquidationMethod,
}

impl Fill {
    /// One side's view of a trade.
    pub fn new(trade: &Trade, side: &TradeSide, crossed: bool, time: TimeMs, action: ActionId) -> Self {
        Self {
            twap: None,
            account: side.account,
            trade: trade.id,
            market: trade.market,
            order: side.order,
            client_order_id: side.client_order_id,
            side: if crossed { trade.taker_side } else { trade.taker_side.opposite() },
            price: trade.price,
            size: trade.size,
            time,
            start_position: side.start_position,
            closed_pnl_usd: side.closed_pnl_usd,
            fee_usd: side.fee_usd,
            crossed,
            action,
            liquidation: None,
            is_settlement: false,
        }
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderStatus {
    /// In the book, or on its way through a match.
    Open,
    /// Filled whole.
    Filled,
    /// Gone without (further) fills.
    Canceled(CancelReason),
    /// The price that it waited for was reached.
    Triggered,
    /// The price that it waited for was reached, and its order was refused.
    Rejected(TriggerRefusal),
}

/// Why the order that a trigger became was refused, as far as it has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerRefusal {
    /// Too little margin.
    Margin,
    /// Nothing to reduce.
    ReduceOnly,
    /// Nobody to trade with.
    NoLiquidity,
    /// Too little to trade.
    MinimumNotional,
    /// No price to trade at.
    NoPrice,
    /// The position would be too large.
    PositionCap,
    /// There would be too much open interest.
    OpenInterestCap,
    /// Something else.
    Other,
}

/// What makes an order one that waits, or waited, for a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerTerms {
    /// The mark that it waits for.
    pub price: Price,
    /// Take-profit or stop-loss.
    pub purpose: TriggerPurpose,
    /// Whether it waits for a rise.
    pub rising: bool,
    /// Whether it becomes an order at market.
    pub at_market: bool,
    /// Whether it closes the position.
    pub of_position: bool,
    /// The order whose fill it waits for first, while that has none.
    pub waits_for: Option<OrderId>,
}

/// An order and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order with what remains of it.
    pub order: OpenOrder,
    /// If it waits for a price, or did.
    pub trigger: Option<TriggerTerms>,
    /// Whether it was never to rest.
    pub immediate_or_cancel: bool,
    /// The action that placed it; zero if the record began later.
    pub action: ActionId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Since when.
    pub status_time: TimeMs,
}

/// Funding that a position paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundingPayment {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Block time.
    pub time: TimeMs,
    /// What was paid; negative: received.
    pub amount_usd: Usd,
    /// The position that owed it.
    pub position: Position,
    /// The sum of the rates of the hours that it is for, as far as history knows them.
    pub rate: FundingRate,
    /// How many hours it is for, as far as history knows them.
    pub hours: u32,
}

/// What a position has paid in funding; negative: received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FundingPaid {
    /// Ever, as far as history reaches.
    pub all_usd: Usd,
    /// Since the position was opened.
    pub since_open_usd: Usd,
}

/// Funds that came, went or arrived from another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Whose.
    pub account: AccountId,
    /// Block time.
    pub time: TimeMs,
    /// What happened.
    pub delta: LedgerDelta,
}

/// What happened to funds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerDelta {
    /// They entered the chain.
    Deposit { asset: AssetId, amount: Amount },
    /// A position was closed by force.
    Liquidation { market: MarketId, size: Position, value_usd: Usd, is_isolated: bool },
    /// They went from one universe to another.
    Move {
        from_universe: UniverseId,
        to_universe: UniverseId,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
    },
    /// They bought shares of a vault.
    VaultDeposited { vault: AccountId, amount_usd: Usd },
    /// They came out of a vault.
    VaultWithdrawn { vault: AccountId, account: AccountId, value_usd: Usd, leader_part_usd: Usd },
    /// They moved between accounts.
    Transfer { from: AccountId, to: AccountId, asset: AssetId, amount: Amount },
}

/// Entries in order of arrival, bounded per account and in all.
#[derive(Clone, Debug)]
pub struct AccountLog<T> {
    by_account: HashMap<AccountId, VecDeque<(u64, T)>>,
    arrivals: VecDeque<(u64, AccountId)>,
    next: u64,
    per_account: usize,
    total: usize,
}

impl<T: Clone> AccountLog<T> {
    /// An empty log.
    pub fn new(per_account: usize, total: usize) -> Self {
        Self { by_account: HashMap::new(), arrivals: VecDeque::new(), next: 0, per_account, total }
    }

    /// Adds an entry and returns what had to go.
    pub fn push(&mut self, account: AccountId, entry: T) -> Vec<T> {
        let number = self.next;
        self.next += 1;
        let queue = self.by_account.entry(account).or_default();
        queue.push_back((number, entry));
        let mut gone = Vec::new();
        while queue.len() > self.per_account {
            gone.extend(queue.pop_front().map(|(_, entry)| entry));
        }
        self.arrivals.push_back((number, account));
        while self.arrivals.len() > self.total {
            gone.extend(self.pop_oldest());
        }
        gone
    }

    /// Drops the oldest arrival; nothing if its account's own bound dropped it before.
    fn pop_oldest(&mut self) -> Option<T> {
        let (number, account) = self.arrivals.pop_front()?;
        let queue = self.by_account.get_mut(&account)?;
        if queue.front().map(|(front, _)| *front) != Some(number) {
            return None;
        }
        let entry = queue.pop_front().map(|(_, entry)| entry);
        if queue.is_empty() {
            self.by_account.remove(&account);
        }
        entry
    }

    /// An account's entries, newest first.
    pub fn newest_first(&self, account: &AccountId) -> impl Iterator<Item = &T> {
        self.by_account.get(account).into_iter().flat_map(|queue| queue.iter().rev().map(|(_, entry)| entry))
    }
}

/// Fills, orders and ledger entries of all accounts.
#[derive(Clone, Debug)]
pub struct AccountHistory {
    pub(super) fills: AccountLog<Fill>,
    pub(super) ledger: AccountLog<LedgerEntry>,
    pub(super) funding: AccountLog<FundingPayment>,
    funding_paid: BTreeMap<(AccountId, MarketId), FundingPaid>,
    funding_paid_max: usize,
    order_log: AccountLog<OrderId>,
    orders: HashMap<OrderId, OrderRecord>,
    by_client: HashMap<(AccountId, ClientOrderId), OrderId>,
}

impl AccountHistory {
    /// Nothing yet.
    pub fn new(limits: &crate::config::HistoryLimits) -> Self {
        Self {
            fills: AccountLog::new(limits.fills_per_account, limits.fills),
            ledger: AccountLog::new(limits.ledger_entries_per_account, limits.ledger_entries),
            funding: AccountLog::new(limits.funding_payments_per_account, limits.funding_payments),
            funding_paid: BTreeMap::new(),
            funding_paid_max: limits.funding_payments,
            order_log: AccountLog::new(limits.orders_per_account, limits.orders),
            orders: HashMap::new(),
            by_client: HashMap::new(),
        }
    }

    /// Adds a funding payment. Sums beyond the bound are not kept.
    pub fn add_funding(&mut self, payment: FundingPayment) {
        let key = (payment.account, payment.market);
        if self.funding_paid.len() < self.funding_paid_max || self.funding_paid.contains_key(&key) {
            let paid = self.funding_paid.entry(key).or_default();
            let plus = |sum: Usd| sum.checked_add(payment.amount_usd).unwrap_or(sum);
            *paid = FundingPaid { all_usd: plus(paid.all_usd), since_open_usd: plus(paid.since_open_usd) };
        }
        self.funding.push(payment.account, payment);
    }

    /// A position begins anew.
    pub fn restart_funding(&mut self, account: AccountId, market: MarketId) {
        if let Some(paid) = self.funding_paid.get_mut(&(account, market)) {
            paid.since_open_usd = Usd::ZERO;
        }
    }

    /// What an account's position in a market has paid.
    pub fn funding_paid(&self, account: AccountId, market: MarketId) -> FundingPaid {
        self.funding_paid.get(&(account, market)).copied().unwrap_or_default()
    }

    /// Writes an order's present state; a record that is new takes its place among its account's.
    pub fn set_order(&mut self, record: OrderRecord) {
        let (id, account, client) = (record.order.id, record.order.account, record.order.client_order_id);
        if let Some(client) = client {
            self.by_client.insert((account, client), id);
        }
        if self.orders.insert(id, record).is_some() {
            return;
        }
        for gone in self.order_log.push(account, id) {
            let Some(record) = self.orders.remove(&gone) else { continue };
            let Some(client) = record.order.client_order_id else { continue };
            let key = (record.order.account, client);
            if self.by_client.get(&key) == Some(&gone) {
                self.by_client.remove(&key);
            }
        }
    }

    /// An order by number.
    pub fn order(&self, id: OrderId) -> Option<&OrderRecord> {
        self.orders.get(&id)
    }

    /// An account's order as its client names it; of several with one client id, the newest.
    pub fn account_order(&self, account: AccountId, reference: OrderReference) -> Option<&OrderRecord> {
        let id = match reference {
            OrderReference::Id(id) => id,
            OrderReference::Client(client) => *self.by_client.get(&(account, client))?,
        };
        self.orders.get(&id).filter(|record| record.order.account == account)
    }

    /// An account's orders, newest first.
    pub fn orders_newest_first(&self, account: &AccountId) -> impl Iterator<Item = &OrderRecord> {
        self.order_log.newest_first(account).filter_map(|id| self.orders.get(id))
    }
}

#[cfg(test)]
mod tests;
