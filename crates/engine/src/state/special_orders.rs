//! Triggers, TWAPs, quotes and market-maker protection: their records, what is derived from them, and how it is read.
//!
//! Rules:
//! - Derived as all indices are: from records alone, sets and counts only.
//! - **Watched** are the pairs (account, market) to which a fill or a cancel may mean more than itself. While there are
//!   none, nothing is looked up at a fill; see [`crate::follow`].

use super::{
    State,
    indices::{Derived, Indices, Timer, both, toggle},
    records::PositionId,
    standing::Change,
};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    address::AccountId,
    ids::{ClientOrderId, MarketId, OrderId, TwapId},
    numbers::{Price, Size},
    order::{OrderReference, Side},
    quote::ProtectionTerms,
    time::TimeMs,
    trigger::{TriggerDirection, TriggerLink, TriggerOrder},
    twap::Twap,
};
use std::collections::{BTreeMap, BTreeSet};

/// A trigger, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TriggerRecord {
    /// The trigger.
    pub trigger: TriggerOrder,
    /// Whether its price was reached: it fires when its turn comes, wherever the mark is then.
    pub due: bool,
}

/// A TWAP, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TwapRecord {
    /// The TWAP.
    pub twap: Twap,
    /// When its next slice is due.
    pub next_slice_ms: TimeMs,
}

/// Lots that an account traded as maker in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MakerFilled {
    /// Lots bought.
    pub bought: Size,
    /// Lots sold.
    pub sold: Size,
}

/// For how long quotes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Freeze {
    /// Until its owner resets it.
    UntilReset = 0,
    /// Until a time, or a reset before.
    Until {
        /// From when quotes count again.
        time_ms: TimeMs,
    } = 1,
}

/// An account's market-maker protection in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProtectionRecord {
    /// Its bounds.
    pub terms: ProtectionTerms,
    /// The number of the bucket that `present` counts in: `floor(time / window)`.
    pub bucket: u64,
    /// What was traded in it.
    pub present: MakerFilled,
    /// What was traded in the one before.
    pub before: MakerFilled,
    /// Whether quotes are refused.
    pub frozen: Option<Freeze>,
}

/// Names market-maker protection.
pub type ProtectionId = PositionId;

/// Names a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct QuoteId {
    /// Whose.
    pub account: AccountId,
    /// In which market.
    pub market: MarketId,
    /// Bid or ask.
    pub side: Side,
}

/// Why a pair of account and market is followed: how many records of each kind ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowReasons {
    /// Triggers that wait for fills of an order.
    pub children: u32,
    /// Triggers that close a position.
    pub position_triggers: u32,
    /// Market-maker protection: one or none.
    pub protections: u32,
    /// Quotes.
    pub quotes: u32,
}

/// A place in the line of a price: smaller is reached earlier.
type PricePlace = (MarketId, TriggerDirection, i64, OrderId);

/// Everything derived from these records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SpecialOrders {
    /// Armed triggers that are not due, in the order in which a moving mark reaches them.
    by_price: BTreeSet<PricePlace>,
    due: BTreeSet<(MarketId, OrderId)>,
    triggers_by_account: BTreeSet<(AccountId, MarketId, OrderId)>,
    triggers_by_market: BTreeSet<(MarketId, OrderId)>,
    /// Apart from the orders' names: a trigger that fires leaves its number and its name to an order, in one block and
    /// so in any order of records.
    triggers_by_client_id: BTreeSet<(AccountId, ClientOrderId, OrderId)>,
    /// Parents that may still be filled, with their children.
    children: BTreeSet<(OrderId, OrderId)>,
    twaps_by_account: BTreeSet<(AccountId, TwapId)>,
    twaps_by_market: BTreeSet<(MarketId, TwapId)>,
    /// Market-maker protections by market.
    protected: BTreeSet<(MarketId, AccountId)>,
    followed: BTreeMap<(AccountId, MarketId), FollowReasons>,
}

const FIRST_ORDER: OrderId = OrderId::new(0);
const LAST_ORDER: OrderId = OrderId::new(u64::MAX);

/// The rank of a price in its direction: reached earlier, smaller.
const fn rank(direction: TriggerDirection, price: Price) -> i64 {
    match direction {
        TriggerDirection::Rising => price.get(),
        TriggerDirection::Falling => price.get().saturating_neg(),
    }
}

fn count(total: &mut u32, change: Change) {
    *total = match change {
        Change::Add => total.saturating_add(1),
        Change::Remove => total.saturating_sub(1),
    };
}

impl SpecialOrders {
    fn change_trigger(&mut self, record: &TriggerRecord, change: Change) {
        let trigger = &record.trigger;
        let (account, market, id) = (trigger.account, trigger.market, trigger.id);
        toggle(&mut self.triggers_by_account, (account, market, id), change);
        toggle(&mut self.triggers_by_market, (market, id), change);
        if let Some(client_order_id) = trigger.client_order_id {
            toggle(&mut self.triggers_by_client_id, (account, client_order_id, id), change);
        }
        if record.due {
            toggle(&mut self.due, (market, id), change);
        } else if trigger.is_armed() {
            let direction = trigger.direction();
            toggle(&mut self.by_price, (market, direction, rank(direction, trigger.trigger_price), id), change);
        }
        match trigger.link {
            TriggerLink::Parent { parent, parent_open: true, .. } => {
                toggle(&mut self.children, (parent, id), change);
                self.change_reasons(account, market, |reasons| count(&mut reasons.children, change));
            }
            TriggerLink::Position => {
                self.change_reasons(account, market, |reasons| count(&mut reasons.position_triggers, change))
            }
            TriggerLink::Alone | TriggerLink::Sibling { .. } | TriggerLink::Parent { .. } => {}
        }
    }

    fn change_reasons(&mut self, account: AccountId, market: MarketId, update: impl FnOnce(&mut FollowReasons)) {
        let reasons = self.followed.entry((account, market)).or_default();
        update(reasons);
        if *reasons == FollowReasons::default() {
            self.followed.remove(&(account, market));
        }
    }
}

/// In a box, so that no other record takes as much room as a trigger.
impl Derived<OrderId> for Box<TriggerRecord> {
    fn derive(indices: &mut Indices, _: &OrderId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            indices.special_orders.change_trigger(record, change);
        }
    }
}

impl Derived<TwapId> for TwapRecord {
    fn derive(indices: &mut Indices, id: &TwapId, before: Option<&Self>, after: Option<&Self>) {
        for (record, change) in both(before, after) {
            toggle(&mut indices.special_orders.twaps_by_account, (record.twap.account, *id), change);
            toggle(&mut indices.special_orders.twaps_by_market, (record.twap.request.market, *id), change);
            toggle(&mut indices.timers, (record.next_slice_ms, Timer::TwapSlice(*id)), change);
        }
    }
}

impl Derived<ProtectionId> for ProtectionRecord {
    fn derive(indices: &mut Indices, id: &ProtectionId, before: Option<&Self>, after: Option<&Self>) {
        if before.is_some() != after.is_some() {
            let change = if after.is_some() { Change::Add } else { Change::Remove };
            toggle(&mut indices.special_orders.protected, (id.market, id.account), change);
            let protections = u32::from(after.is_some());
            indices.special_orders.change_reasons(id.account, id.market, |reasons| reasons.protections = protections);
        }
    }
}

/// Quotes.
impl Derived<QuoteId> for OrderId {
    fn derive(indices: &mut Indices, id: &QuoteId, before: Option<&Self>, after: Option<&Self>) {
        for (_, change) in both(before, after) {
            indices.special_orders.change_reasons(id.account, id.market, |reasons| count(&mut reasons.quotes, change));
        }
    }
}

impl State {
    /// A trigger that waits.
    pub fn trigger(&self, id: OrderId) -> Option<&TriggerRecord> {
        self.tables.triggers.get(&id).map(Box::as_ref)
    }

    /// Every trigger, in order of number.
    pub fn triggers(&self) -> impl Iterator<Item = &TriggerRecord> {
        self.tables.triggers.values().map(Box::as_ref)
    }

    /// An account's trigger by whichever name.
    pub fn trigger_of(&self, account: AccountId, reference: OrderReference) -> Option<&TriggerRecord> {
        let id = match reference {
            OrderReference::Id(id) => id,
            OrderReference::Client(client_order_id) => self.trigger_by_client_id(account, client_order_id)?,
        };
        self.trigger(id).filter(|record| record.trigger.account == account)
    }

    fn trigger_by_client_id(&self, account: AccountId, client_order_id: ClientOrderId) -> Option<OrderId> {
        let span = (account, client_order_id, FIRST_ORDER)..=(account, client_order_id, LAST_ORDER);
        self.indices.special_orders.triggers_by_client_id.range(span).next().map(|(.., id)| *id)
    }

    /// The open order or trigger that an account named so.
    pub fn named(&self, account: AccountId, client_order_id: ClientOrderId) -> Option<OrderId> {
        let order = self.order_by_client_id(account, client_order_id);
        order.or_else(|| self.trigger_by_client_id(account, client_order_id))
    }

    /// An account's triggers, by market and number.
    pub fn triggers_of(&self, account: AccountId) -> impl Iterator<Item = &TriggerRecord> {
        let places = self.indices.special_orders.triggers_by_account.range((account, MarketId::new(0), FIRST_ORDER)..);
        places.take_while(move |(owner, ..)| *owner == account).filter_map(|(_, _, id)| self.trigger(*id))
    }

    /// An account's triggers in one market, by number.
    pub fn triggers_of_in(&self, account: AccountId, market: MarketId) -> impl Iterator<Item = &TriggerRecord> {
        let span = (account, market, FIRST_ORDER)..=(account, market, LAST_ORDER);
        self.indices.special_orders.triggers_by_account.range(span).filter_map(|(_, _, id)| self.trigger(*id))
    }

    /// The first trigger of a market, by number.
    pub(crate) fn first_trigger_in(&self, market: MarketId) -> Option<OrderId> {
        let span = (market, FIRST_ORDER)..=(market, LAST_ORDER);
        self.indices.special_orders.triggers_by_market.range(span).next().map(|(_, id)| *id)
    }

    /// The first TWAP of a market, by number.
    pub(crate) fn first_twap_in(&self, market: MarketId) -> Option<TwapId> {
        let span = (market, TwapId::new(0))..=(market, TwapId::new(u64::MAX));
        self.indices.special_orders.twaps_by_market.range(span).next().map(|(_, id)| *id)
    }

    /// Whether any trigger waits anywhere.
    pub(crate) fn has_triggers(&self) -> bool {
        !self.tables.triggers.is_empty()
    }

    /// Armed triggers of a market that a mark has reached and that are not due yet: those reached first come first.
    pub(crate) fn crossed_triggers(&self, market: MarketId, mark: Price) -> impl Iterator<Item = OrderId> {
        [TriggerDirection::Rising, TriggerDirection::Falling].into_iter().flat_map(move |direction| {
            let first = (market, direction, i64::MIN, FIRST_ORDER);
            let last = (market, direction, rank(direction, mark), LAST_ORDER);
            self.indices.special_orders.by_price.range(first..=last).map(|(.., id)| *id)
        })
    }

    /// Due triggers of a market, by number.
    pub(crate) fn due_triggers(&self, market: MarketId) -> impl Iterator<Item = OrderId> {
        let span = (market, FIRST_ORDER)..=(market, LAST_ORDER);
        self.indices.special_orders.due.range(span).map(|(_, id)| *id)
    }

    /// Triggers that wait for further fills of an order.
    pub(crate) fn children_of(&self, parent: OrderId) -> impl Iterator<Item = OrderId> {
        let span = (parent, FIRST_ORDER)..=(parent, LAST_ORDER);
        self.indices.special_orders.children.range(span).map(|(_, id)| *id)
    }

    /// A TWAP that runs.
    pub fn twap(&self, id: TwapId) -> Option<&TwapRecord> {
        self.tables.twaps.get(&id)
    }

    /// An account's TWAPs, by number.
    pub fn twaps_of(&self, account: AccountId) -> impl Iterator<Item = &TwapRecord> {
        let places = self.indices.special_orders.twaps_by_account.range((account, TwapId::new(0))..);
        places.take_while(move |(owner, _)| *owner == account).filter_map(|(_, id)| self.twap(*id))
    }

    /// An account's market-maker protection in a market.
    pub fn protection(&self, account: AccountId, market: MarketId) -> Option<&ProtectionRecord> {
        self.tables.protections.get(&ProtectionId { account, market })
    }

    /// The first account, in order, that has market-maker protection in a market.
    pub(crate) fn first_protected(&self, market: MarketId) -> Option<AccountId> {
        let from = self.indices.special_orders.protected.range((market, AccountId::default())..);
        from.take_while(|(of, _)| *of == market).map(|(_, account)| *account).next()
    }

    /// The order that is an account's quote.
    pub fn quote(&self, id: QuoteId) -> Option<OrderId> {
        self.tables.quotes.get(&id).copied()
    }

    /// Every quote, in order.
    pub fn quotes(&self) -> impl Iterator<Item = (QuoteId, OrderId)> {
        self.tables.quotes.iter().map(|(id, order)| (*id, *order))
    }

    /// Whether any pair of account and market is followed.
    pub(crate) fn follows_any(&self) -> bool {
        !self.indices.special_orders.followed.is_empty()
    }

    /// Why an account is followed in a market; nothing, if it is not.
    pub(crate) fn follow_reasons(&self, account: AccountId, market: MarketId) -> FollowReasons {
        self.indices.special_orders.followed.get(&(account, market)).copied().unwrap_or_default()
    }
}
