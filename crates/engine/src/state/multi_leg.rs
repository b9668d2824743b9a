//! Block requests and quotes, combos and their orders: what is derived from their records, and how it is read.
//!
//! Rules:
//! - Derived as all indices are: from records alone, sets only.
//! - A quote hangs on an open request, and a combo order on a registered combo: whoever ends one ends the other.

use super::{
    State,
    indices::{BookPlace, Derived, Indices, Timer, both, toggle},
};
use palisade_types::{
    address::AccountId,
    ids::{BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId},
    multi_leg::{BlockQuote, BlockRequest, Combo, ComboOrder, Leg},
    order::Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything derived from these records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MultiLeg {
    requests_by_account: BTreeSet<(AccountId, BlockRequestId)>,
    requests_by_maker: BTreeSet<(AccountId, BlockRequestId)>,
    quotes_by_account: BTreeSet<(AccountId, BlockQuoteId)>,
    quotes_by_request: BTreeSet<(BlockRequestId, BlockQuoteId)>,
    combos_by_legs: BTreeSet<(Vec<Leg>, ComboId)>,
    combos_by_market: BTreeSet<(MarketId, ComboId)>,
    books: BTreeMap<(ComboId, Side), BTreeSet<BookPlace>>,
    orders_by_account: BTreeSet<(AccountId, OrderId)>,
}

const FIRST_QUOTE: BlockQuoteId = BlockQuoteId::new(0);
const FIRST_ORDER: OrderId = OrderId::new(0);

impl Derived<BlockRequestId> for BlockRequest {
    fn derive(indices: &mut Indices, id: &BlockRequestId, before: Option<&Self>, after: Option<&Self>) {
        for (request, change) in both(before, after) {
            toggle(&mut indices.multi_leg.requests_by_account, (request.account, *id), change);
            for maker in &request.terms.makers {
                toggle(&mut indices.multi_leg.requests_by_maker, (*maker, *id), change);
            }
            toggle(&mut indices.timers, (request.terms.expires_at_ms, Timer::BlockRequestEnd(*id)), change);
        }
    }
}

impl Derived<BlockQuoteId> for BlockQuote {
    fn derive(indices: &mut Indices, id: &BlockQuoteId, before: Option<&Self>, after: Option<&Self>) {
        for (quote, change) in both(before, after) {
            toggle(&mut indices.multi_leg.quotes_by_account, (quote.account, *id), change);
            toggle(&mut indices.multi_leg.quotes_by_request, (quote.terms.request, *id), change);
            toggle(&mut indices.timers, (quote.terms.expires_at_ms, Timer::BlockQuoteEnd(*id)), change);
        }
    }
}

impl Derived<ComboId> for Combo {
    fn derive(indices: &mut Indices, id: &ComboId, before: Option<&Self>, after: Option<&Self>) {
        for (combo, change) in both(before, after) {
            toggle(&mut indices.multi_leg.combos_by_legs, (combo.legs.clone(), *id), change);
            for leg in &combo.legs {
                toggle(&mut indices.multi_leg.combos_by_market, (leg.market, *id), change);
            }
        }
    }
}

impl Derived<OrderId> for ComboOrder {
    fn derive(indices: &mut Indices, id: &OrderId, before: Option<&Self>, after: Option<&Self>) {
        for (order, change) in both(before, after) {
            toggle(&mut indices.multi_leg.orders_by_account, (order.account, *id), change);
            let name = (order.combo, order.side);
            let book = indices.multi_leg.books.entry(name).or_default();
            toggle(book, BookPlace::at(order.side, order.price, id.get(), *id), change);
            if book.is_empty() {
                indices.multi_leg.books.remove(&name);
            }
        }
    }
}

impl State {
    /// An open block request.
    pub fn block_request(&self, id: BlockRequestId) -> Option<&BlockRequest> {
        self.tables.block_requests.get(&id)
    }

    /// Every open block request, in order.
    pub fn block_requests(&self) -> impl Iterator<Item = &BlockRequest> {
        self.tables.block_requests.values()
    }

    /// An account's open block requests, in order.
    pub fn block_requests_of(&self, account: AccountId) -> impl Iterator<Item = &BlockRequest> {
        let places = self.indices.multi_leg.requests_by_account.range((account, BlockRequestId::new(0))..);
        places.take_while(move |(owner, _)| *owner == account).filter_map(|(_, id)| self.block_request(*id))
    }

    /// Open block requests that name an account as a maker, the newest first.
    pub fn block_requests_for(&self, maker: AccountId) -> impl Iterator<Item = &BlockRequest> {
        let (first, last) = (BlockRequestId::new(0), BlockRequestId::new(u64::MAX));
        let places = self.indices.multi_leg.requests_by_maker.range((maker, first)..=(maker, last));
        places.rev().filter_map(|(_, id)| self.block_request(*id))
    }

    /// An open block quote.
    pub fn block_quote(&self, id: BlockQuoteId) -> Option<&BlockQuote> {
        self.tables.block_quotes.get(&id)
    }

    /// The open quotes for a block request, in order.
    pub fn block_quotes_for(&self, request: BlockRequestId) -> impl Iterator<Item = &BlockQuote> {
        let places = self.indices.multi_leg.quotes_by_request.range((request, FIRST_QUOTE)..);
        places.take_while(move |(of, _)| *of == request).filter_map(|(_, id)| self.block_quote(*id))
    }

    /// An account's open block quotes, in order.
    pub fn block_quotes_of(&self, account: AccountId) -> impl Iterator<Item = &BlockQuote> {
        let places = self.indices.multi_leg.quotes_by_account.range((account, FIRST_QUOTE)..);
        places.take_while(move |(owner, _)| *owner == account).filter_map(|(_, id)| self.block_quote(*id))
    }

    /// A registered combo.
    pub fn combo(&self, id: ComboId) -> Option<&Combo> {
        self.tables.combos.get(&id)
    }

    /// Every registered combo, in order.
    pub fn combos(&self) -> impl Iterator<Item = &Combo> {
        self.tables.combos.values()
    }

    /// Combos from a number on, in order.
    pub fn combos_from(&self, first: ComboId) -> impl Iterator<Item = &Combo> {
        self.tables.combos.range(first..).map(|(_, combo)| combo)
    }

    /// The combo of exactly these legs.
    pub fn combo_of(&self, legs: &[Leg]) -> Option<ComboId> {
        let first = (legs.to_vec(), ComboId::new(0));
        self.indices.multi_leg.combos_by_legs.range(first..).next().filter(|(of, _)| of == legs).map(|(_, id)| *id)
    }

    /// The first combo that has a leg in a market.
    pub(crate) fn first_combo_in(&self, market: MarketId) -> Option<ComboId> {
        let places = &self.indices.multi_leg.combos_by_market;
        places.range((market, ComboId::new(0))..).next().filter(|(of, _)| *of == market).map(|(_, id)| *id)
    }

    /// An open combo order.
    pub fn combo_order(&self, id: OrderId) -> Option<&ComboOrder> {
        self.tables.combo_orders.get(&id)
    }

    /// Every open combo order, in order of number.
    pub fn combo_orders(&self) -> impl Iterator<Item = &ComboOrder> {
        self.tables.combo_orders.values()
    }

    /// One side of a combo's book, best first.
    pub fn combo_book_side(&self, combo: ComboId, side: Side) -> impl Iterator<Item = &ComboOrder> {
        let book = self.indices.multi_leg.books.get(&(combo, side));
        book.into_iter().flatten().filter_map(|place| self.combo_order(place.order))
    }

    /// An account's open combo orders, by number.
    pub fn combo_orders_of(&self, account: AccountId) -> impl Iterator<Item = &ComboOrder> {
        let places = self.indices.multi_leg.orders_by_account.range((account, FIRST_ORDER)..);
        places.take_while(move |(owner, _)| *owner == account).filter_map(|(_, id)| self.combo_order(*id))
    }
}
