//! What trading looks at of one account, in one place: per market its position, the sums of its open orders and its
//! leverage; its open orders; what spot orders lock. Margin walks this once instead of asking five tables.
//!
//! Rules:
//! - Derived from the records alone, like every index, and commutative.
//! - Sorted lists: an account has few markets and few assets, so a list beats a tree.
//! - An entry with nothing in it is removed, so that equal records give equal standings.

use super::records::{Hold, MarginSetting, OrderRecord, PositionRecord};
use palisade_types::{
    action::MarginMode,
    ids::{AssetId, MarketId, OrderId, UniverseId},
    numbers::{Amount, FundingIndex, Position, Size, Usd},
    order::Side,
};

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

/// An account in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketStanding {
    /// The market.
    pub market: MarketId,
    /// The leverage and margin mode that the account chose, if it did.
    pub setting: Option<MarginSetting>,
    /// What is held; an empty position if nothing is.
    pub position: PositionRecord,
    /// Sums over the open orders.
    pub totals: OpenTotals,
}

/// An account as trading sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// By market.
    markets: Vec<MarketStanding>,
    /// By market and number.
    orders: Vec<(MarketId, OrderId)>,
    /// What the open orders lock, by universe and asset.
    holds: Vec<((UniverseId, AssetId), Amount)>,
    /// What is held of assets other than the first, the quote, which need a price to back anything.
    assets: Vec<((UniverseId, AssetId), Amount)>,
}

/// Whether a contribution comes or goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It comes.
    Add,
    /// It goes.
    Remove,
}

impl MarketStanding {
    /// An account without anything in the market.
    pub const fn empty(market: MarketId) -> Self {
        Self {
            market,
            setting: None,
            position: PositionRecord {
                position: Position::ZERO,
                entry_cost_usd: Usd::ZERO,
                funding_index: FundingIndex::ZERO,
            },
            totals: OpenTotals {
                orders: 0,
                buy_size: Size::ZERO,
                buy_notional_usd: Usd::ZERO,
                sell_size: Size::ZERO,
                sell_notional_usd: Usd::ZERO,
            },
        }
    }
}

impl MarketStanding {
    /// Whether the position has its own collateral.
    pub fn is_isolated(&self) -> bool {
        self.setting.is_some_and(|setting| setting.mode == MarginMode::Isolated)
    }

    /// Whether there is a position or an open order; a leverage alone weighs nothing.
    pub const fn counts(&self) -> bool {
        self.totals.orders > 0 || !self.position.is_empty()
    }
}

impl Standing {
    /// Whether nothing is left to keep.
    pub(super) fn is_empty(&self) -> bool {
        self.markets.is_empty() && self.orders.is_empty() && self.holds.is_empty() && self.assets.is_empty()
    }

    /// Markets in which the account holds or offers anything, or chose its leverage; in order.
    pub(super) fn markets(&self) -> &[MarketStanding] {
        &self.markets
    }

    /// The account in one market.
    pub(super) fn market(&self, market: MarketId) -> Option<&MarketStanding> {
        let place = self.markets.binary_search_by_key(&market, |standing| standing.market).ok()?;
        self.markets.get(place)
    }

    /// The numbers of the open orders, by market and number.
    pub(super) fn orders(&self) -> &[(MarketId, OrderId)] {
        &self.orders
    }

    /// The numbers of the open orders in one market.
    pub(super) fn orders_in(&self, market: MarketId) -> &[(MarketId, OrderId)] {
        let first = self.orders.partition_point(|(of, _)| *of < market);
        let rest = self.orders.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|(of, _)| *of == market)).unwrap_or_default()
    }

    /// What the open orders lock of one asset.
    pub(super) fn held(&self, universe: UniverseId, asset: AssetId) -> Amount {
        let place = self.holds.binary_search_by_key(&(universe, asset), |(id, _)| *id);
        place.ok().and_then(|place| self.holds.get(place)).map_or(Amount::ZERO, |(_, amount)| *amount)
    }

    /// What is held of assets other than the quote, by universe and asset.
    pub(super) fn assets(&self) -> &[((UniverseId, AssetId), Amount)] {
        &self.assets
    }

    /// Accounts for what is held of an asset other than the quote.
    pub(super) fn set_asset(&mut self, universe: UniverseId, asset: AssetId, amount: Option<Amount>) {
        let id = (universe, asset);
        match (self.assets.binary_search_by_key(&id, |(id, _)| *id), amount) {
            (Ok(place), Some(amount)) => {
                if let Some((_, held)) = self.assets.get_mut(place) {
                    *held = amount;
                }
            }
            (Ok(place), None) => {
                self.assets.remove(place);
            }
            (Err(place), Some(amount)) => {
                make_room(&mut self.assets);
                self.assets.insert(place, (id, amount));
            }
            (Err(_), None) => {}
        }
    }

    /// Changes the account in one market.
    pub(super) fn update_market(&mut self, market: MarketId, update: impl FnOnce(&mut MarketStanding)) {
        match self.markets.binary_search_by_key(&market, |standing| standing.market) {
            Ok(place) => {
                if let Some(standing) = self.markets.get_mut(place) {
                    update(standing);
                    if *standing == MarketStanding::empty(market) {
                        self.markets.remove(place);
                    }
                }
            }
            Err(place) => {
                let mut standing = MarketStanding::empty(market);
                update(&mut standing);
                if standing != MarketStanding::empty(market) {
                    make_room(&mut self.markets);
                    self.markets.insert(place, standing);
                }
            }
        }
    }

    /// Accounts for an open order that comes, goes, or stays with other lots.
    pub(super) fn replace_order(&mut self, before: Option<&OrderRecord>, after: Option<&OrderRecord>) {
        let place = |record: &OrderRecord| (record.order.market, record.order.id);
        if before.map(place) != after.map(place) {
            if let Some(record) = before
                && let Ok(found) = self.orders.binary_search(&place(record))
            {
                self.orders.remove(found);
            }
            if let Some(record) = after
                && let Err(free) = self.orders.binary_search(&place(record))
            {
                make_room(&mut self.orders);
                self.orders.insert(free, place(record));
            }
        }
        match (before, after) {
            (Some(before), Some(after)) if before.order.market == after.order.market => {
                self.update_market(before.order.market, |standing| {
                    standing.totals.change(before, Change::Remove);
                    standing.totals.change(after, Change::Add);
                });
            }
            _ => {
                for (record, change) in [(before, Change::Remove), (after, Change::Add)] {
                    if let Some(record) = record {
                        self.update_market(record.order.market, |standing| standing.totals.change(record, change));
                    }
                }
            }
        }
        for (record, change) in [(before, Change::Remove), (after, Change::Add)] {
            if let Some(hold) = record.and_then(|record| record.hold) {
                self.change_hold(&hold, change);
            }
        }
    }

    fn change_hold(&mut self, hold: &Hold, change: Change) {
        let id = (hold.universe, hold.asset);
        let place = match self.holds.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => place,
            Err(place) => {
                self.holds.insert(place, (id, Amount::ZERO));
                place
            }
        };
        if let Some((_, total)) = self.holds.get_mut(place) {
            *total = Amount::new(shift_i128(total.get(), hold.amount.get(), change));
            if total.is_zero() {
                self.holds.remove(place);
            }
        }
    }
}

impl OpenTotals {
    fn change(&mut self, record: &OrderRecord, change: Change) {
        let order = &record.order;
        self.orders = match change {
            Change::Add => self.orders.saturating_add(1),
            Change::Remove => self.orders.saturating_sub(1),
        };
        if order.reduce_only {
            return;
        }
        let (size, notional_usd) = match order.side {
            Side::Buy => (&mut self.buy_size, &mut self.buy_notional_usd),
            Side::Sell => (&mut self.sell_size, &mut self.sell_notional_usd),
        };
        *size = Size::new(match change {
            Change::Add => size.get().saturating_add(order.remaining.get()),
            Change::Remove => size.get().saturating_sub(order.remaining.get()),
        });
        *notional_usd = Usd::new(shift_i128(notional_usd.get(), record.notional_usd.get(), change));
    }
}

/// Room for one more, and an eighth for what may follow: a list that doubled would be half empty, ten thousand times over.
fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() >> 3).saturating_add(1));
    }
}

/// Sums saturate instead of failing: a record that would push a total out of range is refused by the ledger
/// and by the market's caps before it is put, and the full audit recomputes the sums of balances.
pub(super) fn shift_i128(total: i128, part: i128, change: Change) -> i128 {
    match change {
        Change::Add => total.saturating_add(part),
        Change::Remove => total.saturating_sub(part),
    }
}
