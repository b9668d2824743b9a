//! Applying a finalized block: the one writer of history and the origin of every push.

use super::{
    accounts::{AccountHistory, Fill, FundingPaid, FundingPayment, LedgerDelta, LedgerEntry, OrderRecord, OrderStatus},
    candles::{Candle, Interval},
    directory::Directory,
    markets::{BlockSummary, DayStatistics, FundingHour, FundingSpan, MarketHistory, MarketTrade},
};
use crate::config::HistoryLimits;
use palisade_client::api::{Book, FinalizedBlock, MarketInfo};
use palisade_types::{
    address::AccountId,
    event::{Event, Liquidation, MarginLevel, Trade, TradeSide},
    hash::ActionId,
    ids::{Height, MarketId, OrderId, TwapId, UniverseId},
    numbers::{Position, Price, Size, Usd},
    order::{OpenOrder, OrderReference, Side},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

mod clearing;
mod pools;
mod special;

pub use special::trigger_record;

/// What an account's subscribers are told of a block, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountMessage {
    /// Orders changed their state.
    Orders(Vec<OrderRecord>),
    /// Fills happened.
    Fills(Vec<Fill>),
    /// A position paid or received funding.
    Funding(FundingPayment),
    /// A part of a position was closed by force.
    Liquidated(Liquidation),
    /// The account's margin came to another level.
    MarginCalled(MarginCall),
}

/// An account's margin came to another level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginCall {
    /// The market of an isolated position; `None` for the cross margin.
    pub market: Option<MarketId>,
    /// The level.
    pub level: MarginLevel,
    /// What backs the positions.
    pub equity_usd: Usd,
    /// What they need.
    pub maintenance_usd: Usd,
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
    size_decimals: BTreeMap<MarketId, u8>,
    universe_names: BTreeMap<UniverseId, String>,
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
            size_decimals: BTreeMap::new(),
            universe_names: BTreeMap::new(),
        }
    }

    /// Learns how many decimals the lots of each market have.
    pub fn learn_markets(&mut self, directory: &Directory) {
        self.size_decimals = directory.all_size_decimals().collect();
    }

    /// Learns what a universe is called.
    pub fn learn_universe(&mut self, universe: UniverseId, name: String) {
        self.universe_names.insert(universe, name);
    }

    /// What a universe is called, or its number if that is not known.
    pub fn universe_name(&self, universe: UniverseId) -> String {
        self.universe_names.get(&universe).cloned().unwrap_or_else(|| universe.to_string())
    }

    fn size_decimals(&self, market: MarketId) -> u8 {
        self.size_decimals.get(&market).copied().unwrap_or(0)
    }

    /// The newest block applied.
    pub fn height(&self) -> Height {
        self.height
    }

    /// The time of the newest block applied.
    pub fn time(&self) -> TimeMs {
        self.time
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

    /// An account's funding payments, newest first.
    pub fn funding_newest_first(&self, account: &AccountId) -> impl Iterator<Item = &FundingPayment> {
        self.accounts.funding.newest_first(account)
    }

    /// What an account's position in a market has paid in funding.
    pub fn funding_paid(&self, account: AccountId, market: MarketId) -> FundingPaid {
        self.accounts.funding_paid(account, market)
    }

    /// The full hours of a market's funding, oldest first.
    pub fn funding_hours(&self, market: MarketId) -> impl Iterator<Item = &FundingHour> {
        self.markets.get(&market).into_iter().flat_map(|history| history.funding.iter())
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
        let mut applier = Applier {
            history: self,
            update,
            slices: special::slices(&block.events),
            forced: clearing::forced(&block.events),
            unnumbered_fills: 0,
            vault_payments: pools::vault_payments(&block.events),
        };
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
    /// Whose positions the block closed into which book by force, at which mark; the events that say so come after the fills.
    forced: BTreeMap<(AccountId, MarketId), Price>,
    /// Fills so far that are no trades of the book.
    unnumbered_fills: u64,
    /// Who paid whom for shares of a vault; the events that say so come after the transfers.
    vault_payments: BTreeSet<(AccountId, AccountId)>,
    /// Which orders of the block are slices of a TWAP; the events that say so come after their fills.
    slices: BTreeMap<OrderId, TwapId>,
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
            // A vault's own event says more of the same.
            Event::Transferred { from, to, .. } if self.vault_payments.contains(&(*from, *to)) => {
                self.update.touched.extend([*from, *to]);
            }
            Event::Transferred { from, to, asset, amount, .. } => {
                let delta = LedgerDelta::Transfer { from: *from, to: *to, asset: *asset, amount: *amount };
                self.ledger(*from, delta.clone());
                self.ledger(*to, delta);
            }
            Event::IndexUpdated { .. } | Event::MarkUpdated { .. } | Event::SurfaceUpdated { .. } => {
                self.update.prices_changed = true;
            }
            Event::AgentApproved { account, .. }
            | Event::AgentRetired { account, .. }
            | Event::LeverageUpdated { account, .. }
            | Event::CancelScheduled { account, .. }
            | Event::HyperliquidCompatibilitySet { account, .. }
            | Event::IsolatedMarginMoved { account, .. }
            | Event::PortfolioModeSet { account, .. }
            | Event::OrderRejected { account, .. }
            | Event::ProtectionSet { account, .. }
            | Event::ProtectionFrozen { account, .. } => {
                self.update.touched.insert(*account);
            }
            Event::FundingRateSet { market, rate, premium, index, time_ms, .. } => {
                let hour = FundingHour { time: *time_ms, rate: *rate, premium: *premium, index: *index };
                let kept = self.history.limits.funding_hours_per_market;
                self.history.markets.entry(*market).or_default().add_funding(hour, kept);
                self.update.prices_changed = true;
            }
            Event::TriggerPlaced { trigger }
            | Event::TriggerArmed { trigger }
            | Event::TriggerFired { trigger, .. }
            | Event::TriggerCanceled { trigger, .. }
            | Event::TriggerRejected { trigger, .. } => self.trigger(event, trigger),
            Event::TwapStarted { twap } | Event::TwapSlice { twap, .. } | Event::TwapEnded { twap, .. } => {
                self.update.touched.insert(twap.account);
            }
            _ => self.clearing_house(event),
        }
    }

    /// Events of the clearing house: funds between universes and vaults, funding, margin calls, liquidations, deliveries.
    fn clearing_house(&mut self, event: &Event) {
        match event {
            Event::SubAccountCreated { .. }
            | Event::MovedBetweenUniverses { .. }
            | Event::UniverseOpened { .. }
            | Event::MarketListed { .. }
            | Event::VaultCreated { .. }
            | Event::VaultDeposited { .. }
            | Event::VaultWithdrawn { .. }
            | Event::VaultWithdrawalQueued { .. }
            | Event::VaultWithdrawalDropped { .. }
            | Event::VaultClosed { .. }
            | Event::BackstopDeposited { .. }
            | Event::BackstopWithdrawn { .. }
            | Event::SyntheticMinted { .. }
            | Event::SyntheticBurned { .. }
            | Event::SyntheticRedeemed { .. }
            | Event::DebtLiquidated(_) => self.pools(event),
            Event::FundingPaid { account, market, amount_usd, position, from_index, index } => {
                let span = FundingSpan { from: *from_index, to: *index };
                self.funding(*account, *market, *amount_usd, *position, span);
            }
            Event::MarginCalled { .. }
            | Event::Liquidated(_)
            | Event::DeficitPaid { .. }
            | Event::Deleveraged { .. }
            | Event::CollateralSold { .. }
            | Event::LossSettled { .. }
            | Event::Delivered { .. } => self.clearing(event),
            // The rest is told elsewhere, or changes no account.
            _ => {}
        }
    }

    fn accepted(&mut self, order: &OpenOrder, action: ActionId, immediate_or_cancel: bool) {
        self.set_and_tell(OrderRecord {
            order: *order,
            // One that waited for a price keeps its number, and what it waited for.
            trigger: self.history.accounts.order(order.id).and_then(|record| record.trigger),
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
        let liquidation = self.liquidation_of(trade);
        let twap = self.slices.get(&side.order).copied();
        self.add_fill(Fill { liquidation, twap, ..Fill::new(trade, side, crossed, self.update.time, action) });
    }

    /// A position paid (negative: received) what it owed. Positions pay when they are touched, for all hours since.
    fn funding(
        &mut self,
        account: AccountId,
        market: MarketId,
        amount_usd: Usd,
        position: Position,
        span: FundingSpan,
    ) {
        let (rate, hours) =
            self.history.markets.get(&market).map(|history| history.funding_over(span)).unwrap_or_default();
        let payment = FundingPayment { account, market, time: self.update.time, amount_usd, position, rate, hours };
        self.history.accounts.add_funding(payment.clone());
        self.update.touched.insert(account);
        self.update.accounts.entry(account).or_default().push(AccountMessage::Funding(payment));
    }

    fn add_fill(&mut self, fill: Fill) {
        let side = if fill.side == Side::Buy { 1 } else { -1 };
        let after = i128::from(fill.start_position.get()) + side * i128::from(fill.size.get());
        let start = i128::from(fill.start_position.get());
        if start == 0 || start.signum() != after.signum() {
            self.history.accounts.restart_funding(fill.account, fill.market);
        }
        self.history.accounts.fills.push(fill.account, fill.clone());
        self.update.touched.insert(fill.account);
        let messages = self.update.accounts.entry(fill.account).or_default();
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
                trigger: None,
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
