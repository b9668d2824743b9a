//! Applying a finalized block: the one writer of history and the origin of every push.

use super::{
    accounts::{AccountHistory, Fill, LedgerDelta, LedgerEntry, OrderRecord, OrderStatus},
    candles::{Candle, Interval},
    markets::{BlockSummary, DayStatistics, MarketHistory, MarketTrade},
};
use crate::config::HistoryLimits;
use palisade_client::api::{Book, FinalizedBlock, MarketInfo};
use palisade_types::{
    address::AccountId,
    event::{Event, Trade, TradeSide},
    hash::ActionId,
    ids::{Height, MarketId, OrderId},
    numbers::Size,
    order::{OpenOrder, OrderReference},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// What an account's subscribers are told of a block, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountMessage {
    /// Orders changed their state.
    Orders(Vec<OrderRecord>),
    /// Fills happened.
    Fills(Vec<Fill>),
}

/// What one block changed, as pushes need it.
#[derive(Clone, Debug, Default)]
pub struct BlockUpdate {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: TimeMs,
    /// What each account's subscribers are told, in order.
    pub accounts: BTreeMap<AccountId, Vec<AccountMessage>>,
    /// Accounts whose balances, positions or settings may have changed.
    pub touched: BTreeSet<AccountId>,
    /// Trades by market, in order.
    pub trades: BTreeMap<MarketId, Vec<MarketTrade>>,
    /// Markets whose book may have changed.
    pub changed_books: BTreeSet<MarketId>,
    /// Whether an index or a mark moved.
    pub prices_changed: bool,
    /// Present books of the changed markets; only filled for live blocks.
    pub books: BTreeMap<MarketId, Arc<Book>>,
    /// Present prices of all markets; only filled for live blocks.
    pub markets: Option<Arc<Vec<MarketInfo>>>,
}

/// Everything remembered.
#[derive(Clone, Debug)]
pub struct History {
    limits: HistoryLimits,
    height: Height,
    time: TimeMs,
    accounts: AccountHistory,
    markets: BTreeMap<MarketId, MarketHistory>,
    blocks: VecDeque<BlockSummary>,
}

impl History {
    /// Nothing yet.
    pub fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            height: Height::new(0),
            time: TimeMs::new(0),
            accounts: AccountHistory::new(&limits),
            markets: BTreeMap::new(),
            blocks: VecDeque::new(),
        }
    }

    /// The newest block applied.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Fills, orders and ledger entries.
    pub fn accounts(&self) -> &AccountHistory {
        &self.accounts
    }

    /// An account's fills, newest first.
    pub fn fills_newest_first(&self, account: &AccountId) -> impl Iterator<Item = &Fill> {
        self.accounts.fills.newest_first(account)
    }

    /// An account's deposits and transfers, newest first.
    pub fn ledger_newest_first(&self, account: &AccountId) -> impl Iterator<Item = &LedgerEntry> {
        self.accounts.ledger.newest_first(account)
    }

    /// A market's newest trades, newest first.
    pub fn trades_newest_first(&self, market: MarketId) -> impl Iterator<Item = &MarketTrade> {
        self.markets.get(&market).into_iter().flat_map(|history| history.trades.iter().rev())
    }

    /// A market's candles that begin within the given times, oldest first, at most the last `limit`.
    pub fn candles(&self, market: MarketId, interval: Interval, from_ms: u64, to_ms: u64, limit: usize) -> Vec<Candle> {
        self.markets
            .get(&market)
            .map(|history| history.candles.range(interval, from_ms, to_ms, limit))
            .unwrap_or_default()
    }

    /// A market's newest candle.
    pub fn newest_candle(&self, market: MarketId, interval: Interval) -> Option<Candle> {
        self.markets.get(&market)?.candles.newest(interval)
    }

    /// A market's last 24 hours.
    pub fn day(&self, market: MarketId) -> DayStatistics {
        self.markets.get(&market).map(|history| history.day(self.time)).unwrap_or_default()
    }

    /// The newest blocks, newest first.
    pub fn blocks_newest_first(&self) -> impl Iterator<Item = &BlockSummary> {
        self.blocks.iter().rev()
    }

    /// Writes one block into history and says what changed.
    pub fn apply(&mut self, block: &FinalizedBlock) -> BlockUpdate {
        self.height = block.header.height;
        self.time = block.header.time_ms;
        let update = BlockUpdate { height: self.height, time: self.time, ..BlockUpdate::default() };
        let mut applier = Applier { history: self, update };
        for event in &block.events {
            applier.event(event);
        }
        for receipt in &block.receipts {
            applier.update.touched.insert(receipt.account);
        }
        let update = applier.update;
        self.blocks.push_back(BlockSummary {
            height: update.height,
            time: update.time,
            digest: block.digest,
            actions: block.receipts.len(),
            trades: update.trades.values().map(Vec::len).sum(),
        });
        while self.blocks.len() > self.limits.recent_blocks {
            self.blocks.pop_front();
        }
        update
    }
}

/// A block on its way into history.
struct Applier<'a> {
    history: &'a mut History,
    update: BlockUpdate,
}

impl Applier<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::OrderAccepted { order, action, immediate_or_cancel } => {
                self.accepted(order, *action, *immediate_or_cancel);
            }
            Event::OrderRested { order } => self.rested(order),
            Event::OrderCanceled { order, reason } => self.ended(order, OrderStatus::Canceled(*reason)),
            Event::OrderFilled { order } => self.ended(order, OrderStatus::Filled),
            Event::Traded(trade) => self.traded(trade),
            Event::Deposited { account, asset, amount, .. } => {
                self.ledger(*account, LedgerDelta::Deposit { asset: *asset, amount: *amount });
            }
            Event::Transferred { from, to, asset, amount, .. } => {
                let delta = LedgerDelta::Transfer { from: *from, to: *to, asset: *asset, amount: *amount };
                self.ledger(*from, delta.clone());
                self.ledger(*to, delta);
            }
            Event::IndexUpdated { .. } | Event::MarkUpdated { .. } => self.update.prices_changed = true,
            Event::AgentApproved { account, .. }
            | Event::AgentRetired { account, .. }
            | Event::LeverageUpdated { account, .. }
            | Event::CancelScheduled { account, .. }
            | Event::HyperliquidCompatibilitySet { account, .. }
            | Event::OrderRejected { account, .. }
            | Event::ProtectionSet { account, .. }
            | Event::ProtectionFrozen { account, .. } => {
                self.update.touched.insert(*account);
            }
            Event::FundingPaid { account, .. } | Event::Delivered { account, .. } => {
                self.update.touched.insert(*account);
            }
            Event::FundingRateSet { .. } | Event::GateChanged { .. } => {}
            Event::IsolatedMarginMoved { account, .. }
            | Event::MarginCalled { account, .. }
            | Event::DeficitPaid { account, .. }
            | Event::Deleveraged { account, .. }
            | Event::CollateralSold { account, .. } => {
                self.update.touched.insert(*account);
            }
            Event::Liquidated(liquidation) => {
                self.update.touched.insert(liquidation.account);
            }
            Event::TriggerPlaced { trigger }
            | Event::TriggerArmed { trigger }
            | Event::TriggerFired { trigger, .. }
            | Event::TriggerCanceled { trigger, .. }
            | Event::TriggerRejected { trigger, .. } => {
                self.update.touched.insert(trigger.account);
            }
            Event::TwapStarted { twap } | Event::TwapSlice { twap, .. } | Event::TwapEnded { twap, .. } => {
                self.update.touched.insert(twap.account);
            }
            Event::SubAccountCreated { master, sub_account, .. } => {
                self.update.touched.extend([*master, *sub_account]);
            }
            Event::MovedBetweenUniverses { from, to, asset, amount, .. } => {
                let delta = LedgerDelta::Transfer { from: *from, to: *to, asset: *asset, amount: *amount };
                self.ledger(*from, delta.clone());
                if from != to {
                    self.ledger(*to, delta);
                }
            }
            Event::UniverseOpened { lister, .. } | Event::MarketListed { lister, .. } => {
                self.update.touched.insert(*lister);
            }
            Event::VaultCreated { vault, leader: account, .. }
            | Event::VaultDeposited { vault, account, .. }
            | Event::VaultWithdrawn { vault, account, .. }
            | Event::VaultWithdrawalQueued { vault, account, .. } => {
                self.update.touched.extend([*vault, *account]);
            }
            Event::VaultClosed { vault: account }
            | Event::BackstopDeposited { account, .. }
            | Event::BackstopWithdrawn { account, .. } => {
                self.update.touched.insert(*account);
            }
            Event::BackstopSynced { .. } => {}
            Event::FutureListed { .. }
            | Event::SettlementPriceFixed { .. }
            | Event::MarketSettled { .. }
            | Event::UniverseHalted { .. }
            | Event::ChainHalted { .. } => {}
        }
    }

    fn accepted(&mut self, order: &OpenOrder, action: ActionId, immediate_or_cancel: bool) {
        self.set_and_tell(OrderRecord {
            order: *order,
            immediate_or_cancel,
            action,
            status: OrderStatus::Open,
            status_time: self.update.time,
        });
    }

    /// An order came to rest. It was announced whole when it was accepted, so only a smaller remainder is news.
    fn rested(&mut self, order: &OpenOrder) {
        self.update.changed_books.insert(order.market);
        let mut record = self.record_of(order);
        record.status = OrderStatus::Open;
        if order.remaining < order.original {
            self.set_and_tell(record);
        } else {
            self.history.accounts.set_order(record);
        }
    }

    fn ended(&mut self, order: &OpenOrder, status: OrderStatus) {
        self.update.changed_books.insert(order.market);
        let mut record = self.record_of(order);
        record.status = status;
        record.status_time = self.update.time;
        if status == OrderStatus::Filled {
            record.order.remaining = Size::ZERO;
        }
        self.set_and_tell(record);
    }

    fn traded(&mut self, trade: &Trade) {
        let (time, action) = (self.update.time, self.action_of(trade.taker.order));
        let market_trade = MarketTrade::new(trade, time, action);
        let limits = self.history.limits;
        let market = self.history.markets.entry(trade.market).or_default();
        market.add(&market_trade, trade.quote_usd, limits.trades_per_market, limits.candles_per_interval);
        self.update.trades.entry(trade.market).or_default().push(market_trade);
        self.update.changed_books.insert(trade.market);
        for (side, crossed) in [(&trade.taker, true), (&trade.maker, false)] {
            self.fill(trade, side, crossed, action);
        }
        self.partly_filled(&trade.maker, trade.size);
    }

    fn fill(&mut self, trade: &Trade, side: &TradeSide, crossed: bool, action: ActionId) {
        let fill = Fill::new(trade, side, crossed, self.update.time, action);
        self.history.accounts.fills.push(side.account, fill.clone());
        self.update.touched.insert(side.account);
        let messages = self.update.accounts.entry(side.account).or_default();
        match messages.last_mut() {
            Some(AccountMessage::Fills(fills)) => fills.push(fill),
            _ => messages.push(AccountMessage::Fills(vec![fill])),
        }
    }

    /// A resting order got smaller; if nothing is left, its `OrderFilled` follows and says so.
    fn partly_filled(&mut self, maker: &TradeSide, size: Size) {
        let reference = OrderReference::Id(maker.order);
        let Some(record) = self.history.accounts.account_order(maker.account, reference) else { return };
        let mut record = record.clone();
        record.order.remaining = record.order.remaining.checked_sub(size).unwrap_or(Size::ZERO);
        record.status_time = self.update.time;
        if record.order.remaining.is_zero() {
            self.history.accounts.set_order(record);
        } else {
            self.set_and_tell(record);
        }
    }

    fn ledger(&mut self, account: AccountId, delta: LedgerDelta) {
        self.update.touched.insert(account);
        self.history.accounts.ledger.push(account, LedgerEntry { account, time: self.update.time, delta });
    }

    /// The record of an order with its present figures; made anew if history does not reach back to its start.
    fn record_of(&self, order: &OpenOrder) -> OrderRecord {
        match self.history.accounts.order(order.id) {
            Some(record) => OrderRecord { order: *order, ..record.clone() },
            None => OrderRecord {
                order: *order,
                immediate_or_cancel: false,
                action: ActionId::default(),
                status: OrderStatus::Open,
                status_time: order.placed_at_ms,
            },
        }
    }

    fn action_of(&self, order: OrderId) -> ActionId {
        self.history.accounts.order(order).map(|record| record.action).unwrap_or_default()
    }

    fn set_and_tell(&mut self, record: OrderRecord) {
        let account = record.order.account;
        self.history.accounts.set_order(record.clone());
        self.update.touched.insert(account);
        let messages = self.update.accounts.entry(account).or_default();
        match messages.last_mut() {
            Some(AccountMessage::Orders(orders)) => orders.push(record),
            _ => messages.push(AccountMessage::Orders(vec![record])),
        }
    }
}

#[cfg(test)]
mod tests;
