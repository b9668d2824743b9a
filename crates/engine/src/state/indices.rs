//! What is derived from the records and never stored: books, lookups, totals and timers.
//!
//! Rules:
//! - Derived from records alone, by [`Indices::replace`] alone.
//! - Commutative: sets and sums only, so records may arrive in any order (a scan, a write set).
//! - An entry with nothing in it is removed, so that equal records give equal indices.

use super::{
    records::{BalanceId, CustodyId, OrderRecord, PositionId},
    tables::Record,
};
use palisade_types::{
    address::{AccountId, SignerId},
    ids::{AssetId, ClientOrderId, MarketId, OrderId, UniverseId},
    numbers::{Amount, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    time::TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// A place in a book: smaller is served earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BookPlace {
    /// The price for sells, its negation for buys: the best comes first.
    rank: i64,
    /// The place in the queue at that price.
    priority: u64,
    /// The order.
    pub order: OrderId,
}

impl BookPlace {
    /// Where the order stands in its book.
    pub fn of(order: &OpenOrder) -> Self {
        let price = order.price.get();
        let rank = match order.side {
            Side::Buy => price.saturating_neg(),
            Side::Sell => price,
        };
        Self { rank, priority: order.priority, order: order.id }
    }
}

/// What is due at a time. Kinds are handled in this order at equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A good-till-time order ends.
    OrderExpiry(OrderId),
    /// An agent ends.
    AgentExpiry(SignerId),
    /// A dead man's switch fires.
    CancelAll(AccountId),
}

/// Sums over an account's open orders in one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenTotals {
    /// Open orders.
    pub orders: u32,
    /// Lots bid for by orders that are not reduce-only.
    pub buy_size: Size,
    /// `price × size` of these.
    pub buy_notional_usd: Usd,
    /// Lots offered by orders that are not reduce-only.
    pub sell_size: Size,
    /// `price × size` of these.
    pub sell_notional_usd: Usd,
}

/// Sums over the positions of one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PositionTotals {
    /// Lots held long: the open interest.
    pub long: u128,
    /// Lots held short; equal to `long` by I2.
    pub short: u128,
}

/// Everything derived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Indices {
    pub(super) books: BTreeMap<(MarketId, Side), BTreeSet<BookPlace>>,
    pub(super) orders_by_account: BTreeSet<(AccountId, MarketId, OrderId)>,
    pub(super) orders_by_client_id: BTreeSet<(AccountId, ClientOrderId, OrderId)>,
    pub(super) open_totals: BTreeMap<PositionId, OpenTotals>,
    pub(super) holds: BTreeMap<BalanceId, Amount>,
    pub(super) timers: BTreeSet<(TimeMs, Timer)>,
    pub(super) agents_by_account: BTreeSet<(AccountId, SignerId)>,
    pub(super) position_totals: BTreeMap<MarketId, PositionTotals>,
    pub(super) balance_totals: BTreeMap<CustodyId, Amount>,
    pub(super) system_accounts: BTreeSet<AccountId>,
}

/// Whether a contribution comes or goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
}

impl Indices {
    /// Accounts for a record's replacement.
    pub(super) fn replace(&mut self, before: Option<&Record>, after: Option<&Record>) {
        if let Some(record) = before {
            self.change(record, Change::Remove);
        }
        if let Some(record) = after {
            self.change(record, Change::Add);
        }
    }

    fn change(&mut self, record: &Record, change: Change) {
        match record {
            Record::Order { record, .. } => self.change_order(record, change),
            Record::Agent { id, record } if !record.retired => {
                toggle(&mut self.agents_by_account, (record.account, *id), change);
                if let Some(time_ms) = record.expires_at_ms {
                    toggle(&mut self.timers, (time_ms, Timer::AgentExpiry(*id)), change);
                }
            }
            Record::Account { id, record } => {
                if let Some(time_ms) = record.cancel_all_at_ms {
                    toggle(&mut self.timers, (time_ms, Timer::CancelAll(*id)), change);
                }
            }
            Record::Universe { id, .. } => toggle(&mut self.system_accounts, AccountId::fees(*id), change),
            Record::Market { id, .. } => toggle(&mut self.system_accounts, AccountId::clearing(*id), change),
            Record::Position { id, record } => {
                let size = u128::from(record.position.size().get());
                let (long, short) = if record.position.get() > 0 { (size, 0) } else { (0, size) };
                let totals = self.position_totals.entry(id.market).or_default();
                totals.long = shift_u128(totals.long, long, change);
                totals.short = shift_u128(totals.short, short, change);
                if *totals == PositionTotals::default() {
                    self.position_totals.remove(&id.market);
                }
            }
            Record::Balance { id, record } => {
                let custody = CustodyId { universe: id.universe, asset: id.asset };
                shift_amount(&mut self.balance_totals, custody, *record, change);
            }
            _ => {}
        }
    }

    fn change_order(&mut self, record: &OrderRecord, change: Change) {
        let order = &record.order;
        let book = self.books.entry((order.market, order.side)).or_default();
        toggle(book, BookPlace::of(order), change);
        if book.is_empty() {
            self.books.remove(&(order.market, order.side));
        }
        toggle(&mut self.orders_by_account, (order.account, order.market, order.id), change);
        if let Some(client_order_id) = order.client_order_id {
            toggle(&mut self.orders_by_client_id, (order.account, client_order_id, order.id), change);
        }
        if let TimeInForce::Gtt { expires_at_ms } = order.time_in_force {
            toggle(&mut self.timers, (expires_at_ms, Timer::OrderExpiry(order.id)), change);
        }
        if let Some(hold) = record.hold {
            let id = BalanceId { account: order.account, universe: hold.universe, asset: hold.asset };
            shift_amount(&mut self.holds, id, hold.amount, change);
        }
        self.change_open_totals(record, change);
    }

    fn change_open_totals(&mut self, record: &OrderRecord, change: Change) {
        let order = &record.order;
        let id = PositionId { account: order.account, market: order.market };
        let totals = self.open_totals.entry(id).or_default();
        totals.orders = match change {
            Change::Add => totals.orders.saturating_add(1),
            Change::Remove => totals.orders.saturating_sub(1),
        };
        if !order.reduce_only {
            let (size, notional_usd) = match order.side {
                Side::Buy => (&mut totals.buy_size, &mut totals.buy_notional_usd),
                Side::Sell => (&mut totals.sell_size, &mut totals.sell_notional_usd),
            };
            *size = Size::new(match change {
                Change::Add => size.get().saturating_add(order.remaining.get()),
                Change::Remove => size.get().saturating_sub(order.remaining.get()),
            });
            *notional_usd = Usd::new(shift_i128(notional_usd.get(), record.notional_usd.get(), change));
        }
        if totals.orders == 0 {
            self.open_totals.remove(&id);
        }
    }

    /// What the open orders of an account lock of one asset.
    pub(super) fn held(&self, account: AccountId, universe: UniverseId, asset: AssetId) -> Amount {
        self.holds.get(&BalanceId { account, universe, asset }).copied().unwrap_or_default()
    }
}

fn toggle<T: Ord>(set: &mut BTreeSet<T>, entry: T, change: Change) {
    match change {
        Change::Add => set.insert(entry),
        Change::Remove => set.remove(&entry),
    };
}

/// Sums saturate instead of failing: a record that would push a total out of range is refused by the ledger
/// and by the market's caps before it is put, and the audit recomputes the totals from the records.
fn shift_i128(total: i128, part: i128, change: Change) -> i128 {
    match change {
        Change::Add => total.saturating_add(part),
        Change::Remove => total.saturating_sub(part),
    }
}

fn shift_u128(total: u128, part: u128, change: Change) -> u128 {
    match change {
        Change::Add => total.saturating_add(part),
        Change::Remove => total.saturating_sub(part),
    }
}

fn shift_amount<K: Ord + Copy>(totals: &mut BTreeMap<K, Amount>, key: K, amount: Amount, change: Change) {
    let total = totals.entry(key).or_default();
    *total = Amount::new(shift_i128(total.get(), amount.get(), change));
    if total.is_zero() {
        totals.remove(&key);
    }
}
