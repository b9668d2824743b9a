//! What is derived from the records and never stored: books, lookups, standings, totals and timers.
//!
//! Rules:
//! - Derived from records alone, by [`Indices::replace`] alone.
//! - Commutative: sets and sums only, so records may arrive in any order (a scan, a write set).
//! - An entry with nothing in it is removed, so that equal records give equal indices.

use super::{
    debts::{DebtPlace, DebtTotals},
    linear_records::{FundingRecord, FutureSeriesRecord, SettlementRecord},
    multi_leg::MultiLeg,
    option_records::{OptionExpiryId, OptionExpiryRecord, OptionSeriesRecord, PortfolioModeId},
    option_risks::OptionRisks,
    records::{
        AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, IndexRecord, MarginSetting, MarginUnit,
        MarkRecord, MarketState, NonceSet, OrderRecord, PositionId, PositionRecord, UniverseRecord,
    },
    special_orders::SpecialOrders,
    standing::{Change, Standing, shift_i128},
    watch::Watch,
};
use palisade_types::{
    action::MarginMode,
    address::{AccountId, SignerId},
    agent::Agent,
    event::MarginLevel,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ClientOrderId, MarketId, OrderId, TwapId, UniverseId},
    market::{AssetSpec, MarketSpec},
    numbers::{Amount, Price, Shares, Usd},
    order::{OpenOrder, Side, TimeInForce},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

/// The first asset: what margin counts in.
const QUOTE: AssetId = AssetId::new(0);

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
        Self::at(order.side, order.price, order.priority, order.id)
    }

    /// The place of an order of that side and price.
    pub(super) const fn at(side: Side, price: Price, priority: u64, order: OrderId) -> Self {
        let rank = match side {
            Side::Buy => price.get().saturating_neg(),
            Side::Sell => price.get(),
        };
        Self { rank, priority, order }
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
    /// A TWAP's next slice is due.
    TwapSlice(TwapId),
    /// A block quote ends.
    BlockQuoteEnd(BlockQuoteId),
    /// A block request ends.
    BlockRequestEnd(BlockRequestId),
}

/// Sums over the positions of one market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PositionTotals {
    /// Lots held long: the open interest.
    pub long: u128,
    /// Lots held short; equal to `long` by I2.
    pub short: u128,
}

/// What was realised in a market while its clearing account was short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unreceived {
    /// By whom.
    pub accounts: BTreeSet<AccountId>,
    /// In all.
    pub total_usd: Usd,
}

/// Everything derived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Indices {
    pub(super) books: BTreeMap<(MarketId, Side), BTreeSet<BookPlace>>,
    pub(super) standings: BTreeMap<AccountId, Standing>,
    pub(super) orders_by_client_id: BTreeSet<(AccountId, ClientOrderId, OrderId)>,
    pub(super) timers: BTreeSet<(TimeMs, Timer)>,
    pub(super) agents_by_account: BTreeSet<(AccountId, SignerId)>,
    pub(super) position_totals: BTreeMap<MarketId, PositionTotals>,
    pub(super) balance_totals: BTreeMap<CustodyId, Amount>,
    pub(super) system_accounts: BTreeSet<AccountId>,
    /// Who acts for an account that no key has: the master of a sub-account, the leader of a vault.
    pub(super) controllers: BTreeMap<AccountId, AccountId>,
    /// Sub-accounts by master and number.
    pub(super) sub_accounts: BTreeSet<(AccountId, u64, AccountId)>,
    /// Vaults by leader and number.
    pub(super) vaults_by_leader: BTreeSet<(AccountId, u64, AccountId)>,
    /// Vaults with withdrawals that wait, by when they are tried next.
    pub(super) vault_queues: BTreeSet<(TimeMs, AccountId)>,
    /// Vaults of which an account holds shares.
    pub(super) vaults_by_holder: BTreeSet<(AccountId, AccountId)>,
    /// Universes of whose backstop vault an account holds shares.
    pub(super) backstops_by_holder: BTreeSet<(AccountId, UniverseId)>,
    /// Liquidity pools of which an account holds shares.
    pub(super) pools_by_holder: BTreeSet<(AccountId, MarketId)>,
    /// The sum of all holders' shares, by pool.
    pub(super) pool_share_totals: BTreeMap<MarketId, Shares>,
    /// Futures that are listed, by number.
    pub(super) listed_futures: BTreeSet<MarketId>,
    /// Futures that are settled, by number.
    pub(super) settled_futures: BTreeSet<MarketId>,
    /// Futures that are listed and not settled.
    pub(super) live_futures: BTreeSet<MarketId>,
    /// Options by expiry.
    pub(super) options: BTreeMap<OptionExpiryId, BTreeSet<MarketId>>,
    /// Expiries of options once more: their options' marks follow from them.
    pub(super) option_expiries: BTreeMap<OptionExpiryId, OptionExpiryRecord>,
    /// Marks of options.
    pub(super) option_marks: BTreeMap<MarketId, MarkRecord>,
    /// What portfolios could lose with options.
    pub(super) option_risks: OptionRisks,
    /// Markets' terms once more, to be held while the state changes.
    pub(super) markets: BTreeMap<MarketId, Arc<MarketSpec>>,
    /// Who holds positions in a market.
    pub(super) holders: BTreeMap<MarketId, BTreeSet<AccountId>>,
    /// Profits that clearing has not received; only of markets that are short.
    pub(super) unreceived: BTreeMap<MarketId, Unreceived>,
    /// Debt positions by synthetic, the least collateral over debt first.
    pub(super) debt_places: BTreeMap<AssetId, BTreeSet<DebtPlace>>,
    /// Sums over them.
    pub(super) debt_totals: BTreeMap<AssetId, DebtTotals>,
    /// What there is of an asset, over all universes.
    pub(super) supplies: BTreeMap<AssetId, Amount>,
    /// Which accounts must be margined again; no part of the state.
    pub(super) watch: Watch,
    pub(super) special_orders: SpecialOrders,
    pub(super) multi_leg: MultiLeg,
}

/// A record that something is derived from; nothing, unless it says what.
pub(super) trait Derived<Id> {
    /// Accounts for its replacement: `before` goes, `after` comes.
    fn derive(_: &mut Indices, _: &Id, _: Option<&Self>, _: Option<&Self>) {}
}

impl Derived<()> for ChainRecord {}
impl Derived<AssetId> for AssetSpec {}
impl Derived<MarketId> for MarketState {}
impl Derived<AssetId> for IndexRecord {}
impl Derived<MarketId> for MarkRecord {}
impl Derived<SignerId> for NonceSet {}
impl Derived<MarketId> for FundingRecord {}
impl Derived<u32> for FutureSeriesRecord {}
impl Derived<u32> for OptionSeriesRecord {}
impl Derived<FaucetClaimId> for TimeMs {}
impl Derived<MarginUnit> for MarginLevel {
    /// A box ends where the next level after the recorded one could begin.
    fn derive(indices: &mut Indices, id: &MarginUnit, _: Option<&Self>, _: Option<&Self>) {
        indices.watch.touch(id.account);
    }
}
impl Derived<PortfolioModeId> for TimeMs {
    fn derive(indices: &mut Indices, id: &PortfolioModeId, _: Option<&Self>, _: Option<&Self>) {
        indices.watch.touch(id.account);
    }
}
impl Derived<MarketId> for Usd {}
impl Derived<PositionId> for Usd {
    fn derive(indices: &mut Indices, id: &PositionId, before: Option<&Self>, after: Option<&Self>) {
        let of_market = indices.unreceived.entry(id.market).or_default();
        for (amount_usd, change) in both(before, after) {
            of_market.total_usd = Self::new(shift_i128(of_market.total_usd.get(), amount_usd.get(), change));
        }
        if after.is_some() {
            of_market.accounts.insert(id.account)
        } else {
            of_market.accounts.remove(&id.account)
        };
        if of_market.accounts.is_empty() {
            indices.unreceived.remove(&id.market);
        }
    }
}
#[cfg(test)]
impl Derived<AccountId> for super::records::TestAccount {}

impl Derived<OrderId> for OrderRecord {
    fn derive(indices: &mut Indices, _: &OrderId, before: Option<&Self>, after: Option<&Self>) {
        indices.replace_order(before, after);
    }
}

impl Derived<PositionId> for PositionRecord {
    fn derive(indices: &mut Indices, id: &PositionId, before: Option<&Self>, after: Option<&Self>) {
        let totals = indices.position_totals.entry(id.market).or_default();
        for (record, change) in both(before, after) {
            let size = u128::from(record.position.size().get());
            let (long, short) = if record.position.get() > 0 { (size, 0) } else { (0, size) };
            totals.long = shift_u128(totals.long, long, change);
            totals.short = shift_u128(totals.short, short, change);
        }
        if *totals == PositionTotals::default() {
            indices.position_totals.remove(&id.market);
        }
        if before.is_some() != after.is_some() {
            let holders = indices.holders.entry(id.market).or_default();
            if after.is_some() {
                holders.insert(id.account)
            } else {
                holders.remove(&id.account)
            };
            if holders.is_empty() {
                indices.holders.remove(&id.market);
            }
        }
        indices.watch.touch(id.account);
        let position = after.copied().unwrap_or_default();
        indices.update_standing(id.account, |standing| {
            standing.update_market(id.market, |market| market.position = position);
        });
    }
}

impl Derived<PositionId> for MarginSetting {
    fn derive(indices: &mut Indices, id: &PositionId, before: Option<&Self>, after: Option<&Self>) {
        indices.watch.touch(id.account);
        for (_, change) in both(before, after).filter(|(setting, _)| setting.mode == MarginMode::Isolated) {
            toggle(&mut indices.system_accounts, AccountId::isolated(id.account, id.market), change);
        }
        indices.update_standing(id.account, |standing| {
            standing.update_market(id.market, |market| market.setting = after.copied());
        });
    }
}

impl Derived<BalanceId> for Amount {
    fn derive(indices: &mut Indices, id: &BalanceId, before: Option<&Self>, after: Option<&Self>) {
        let custody = CustodyId { universe: id.universe, asset: id.asset };
        let total = indices.balance_totals.entry(custody).or_default();
        for (amount, change) in both(before, after) {
            *total = Self::new(shift_i128(total.get(), amount.get(), change));
        }
        if total.is_zero() {
            indices.balance_totals.remove(&custody);
        }
        indices.watch.touch(id.account);
        if id.asset != QUOTE {
            indices.update_standing(id.account, |standing| standing.set_asset(id.universe, id.asset, after.copied()));
        }
    }
}

impl Derived<SignerId> for Agent {
    fn derive(indices: &mut Indices, id: &SignerId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after).filter(|(record, _)| !record.retired) {
            toggle(&mut indices.agents_by_account, (record.account, *id), change);
            if let Some(time_ms) = record.expires_at_ms {
                toggle(&mut indices.timers, (time_ms, Timer::AgentExpiry(*id)), change);
            }
        }
    }
}

impl Derived<AccountId> for AccountRecord {
    fn derive(indices: &mut Indices, id: &AccountId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            if let Some(time_ms) = record.cancel_all_at_ms {
                toggle(&mut indices.timers, (time_ms, Timer::CancelAll(*id)), change);
            }
        }
    }
}

impl Derived<UniverseId> for UniverseRecord {
    fn derive(indices: &mut Indices, id: &UniverseId, before: Option<&Self>, after: Option<&Self>) {
        for (_, change) in both(before, after) {
            for account in [AccountId::fees(*id), AccountId::insurance(*id), AccountId::backstop(*id)] {
                toggle(&mut indices.system_accounts, account, change);
            }
        }
    }
}

impl Derived<MarketId> for Box<MarketSpec> {
    fn derive(indices: &mut Indices, id: &MarketId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            toggle(&mut indices.system_accounts, AccountId::clearing(*id), change);
            // From the first day, so that nothing lies there when the pool is opened.
            if record.spot().is_some() {
                toggle(&mut indices.system_accounts, AccountId::pool(*id), change);
            }
            if id.is_future() {
                toggle(&mut indices.listed_futures, *id, change);
            }
        }
        indices.update_live_future(*id);
        match after {
            Some(market) => indices.markets.insert(*id, Arc::new(market.as_ref().clone())),
            None => indices.markets.remove(id),
        };
        for (market, change) in both(before, after) {
            let Some(expiry) = OptionExpiryId::of(market) else { continue };
            let options = indices.options.entry(expiry).or_default();
            toggle(options, *id, change);
            if options.is_empty() {
                indices.options.remove(&expiry);
            }
        }
        indices.update_option_mark(*id);
    }
}

impl Derived<OptionExpiryId> for Box<OptionExpiryRecord> {
    fn derive(indices: &mut Indices, id: &OptionExpiryId, before: Option<&Self>, after: Option<&Self>) {
        match after {
            Some(record) => indices.option_expiries.insert(*id, **record),
            None => indices.option_expiries.remove(id),
        };
        // A longer ladder and a measured index change the record and no mark.
        if before.zip(after).is_some_and(|(before, after)| before.marks_as(after)) {
            return;
        }
        let options: Vec<MarketId> = indices.options.get(id).into_iter().flatten().copied().collect();
        for option in options {
            indices.update_option_mark(option);
        }
    }
}

impl Derived<MarketId> for SettlementRecord {
    fn derive(indices: &mut Indices, id: &MarketId, _: Option<&Self>, after: Option<&Self>) {
        let change = if after.is_some_and(|record| record.is_settled) { Change::Add } else { Change::Remove };
        toggle(&mut indices.settled_futures, *id, change);
        indices.update_live_future(*id);
    }
}

impl Indices {
    /// A future is live as long as it is listed and not settled, whichever record comes first.
    fn update_live_future(&mut self, id: MarketId) {
        let is_live = self.listed_futures.contains(&id) && !self.settled_futures.contains(&id);
        toggle(&mut self.live_futures, id, if is_live { Change::Add } else { Change::Remove });
    }

    /// An option has a mark as long as it is listed and its expiry is on record, whichever comes first.
    fn update_option_mark(&mut self, id: MarketId) {
        if !id.is_option() {
            return;
        }
        let market = self.markets.get(&id);
        let contract = market.and_then(|market| market.option().zip(OptionExpiryId::of(market)));
        let mark = contract.and_then(|(contract, expiry)| self.option_expiries.get(&expiry)?.mark(&contract));
        match mark {
            Some(mark) => {
                self.option_marks.insert(id, mark);
                self.option_risks.renew(id);
            }
            None => {
                self.option_marks.remove(&id);
                self.option_risks.forget(id);
            }
        }
    }

    /// Accounts for a record's replacement.
    pub(super) fn replace<Id, R: Derived<Id>>(&mut self, id: &Id, before: Option<&R>, after: Option<&R>) {
        R::derive(self, id, before, after);
    }

    /// An account as trading sees it.
    pub(super) fn standing(&self, account: AccountId) -> Option<&Standing> {
        self.standings.get(&account)
    }

    fn update_standing(&mut self, account: AccountId, update: impl FnOnce(&mut Standing)) {
        match self.standings.entry(account) {
            Entry::Occupied(mut place) => {
                update(place.get_mut());
                if place.get().is_empty() {
                    place.remove();
                }
            }
            Entry::Vacant(place) => {
                let mut standing = Standing::default();
                update(&mut standing);
                if !standing.is_empty() {
                    place.insert(standing);
                }
            }
        }
    }

    fn replace_order(&mut self, before: Option<&OrderRecord>, after: Option<&OrderRecord>) {
        // What a spot order locks is not there for positions.
        for record in before.into_iter().chain(after).filter(|record| record.hold.is_some()) {
            self.watch.touch(record.order.account);
        }
        match (before, after) {
            (Some(before), Some(after)) if same_but_lots(&before.order, &after.order) => {}
            _ => {
                for (record, change) in both(before, after) {
                    self.change_place(&record.order, change);
                }
            }
        }
        match (before, after) {
            (Some(old), Some(new)) if old.order.account != new.order.account => {
                self.update_standing(old.order.account, |standing| standing.replace_order(before, None));
                self.update_standing(new.order.account, |standing| standing.replace_order(None, after));
            }
            (Some(record), _) | (None, Some(record)) => {
                self.update_standing(record.order.account, |standing| standing.replace_order(before, after));
            }
            (None, None) => {}
        }
    }

    /// Where an order is found, apart from its account's standing.
    fn change_place(&mut self, order: &OpenOrder, change: Change) {
        let book = self.books.entry((order.market, order.side)).or_default();
        toggle(book, BookPlace::of(order), change);
        if book.is_empty() {
            self.books.remove(&(order.market, order.side));
        }
        if let Some(client_order_id) = order.client_order_id {
            toggle(&mut self.orders_by_client_id, (order.account, client_order_id, order.id), change);
        }
        if let TimeInForce::Gtt { expires_at_ms } = order.time_in_force {
            toggle(&mut self.timers, (expires_at_ms, Timer::OrderExpiry(order.id)), change);
        }
    }
}

/// Whether an order is found in the same places as another: nothing that they are sorted by differs.
fn same_but_lots(one: &OpenOrder, other: &OpenOrder) -> bool {
    one.account == other.account
        && one.market == other.market
        && one.side == other.side
        && BookPlace::of(one) == BookPlace::of(other)
        && one.client_order_id == other.client_order_id
        && one.time_in_force == other.time_in_force
}

/// What goes, then what comes.
pub(super) fn both<'a, R>(before: Option<&'a R>, after: Option<&'a R>) -> impl Iterator<Item = (&'a R, Change)> {
    let gone = before.map(|record| (record, Change::Remove));
    gone.into_iter().chain(after.map(|record| (record, Change::Add)))
}

pub(super) fn toggle<T: Ord>(set: &mut BTreeSet<T>, entry: T, change: Change) {
    match change {
        Change::Add => set.insert(entry),
        Change::Remove => set.remove(&entry),
    };
}

fn shift_u128(total: u128, part: u128, change: Change) -> u128 {
    match change {
        Change::Add => total.saturating_add(part),
        Change::Remove => total.saturating_sub(part),
    }
}
