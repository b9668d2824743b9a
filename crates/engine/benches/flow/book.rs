//! The books as nothing but ordered maps: what no engine can do without, and so the limit of what one can reach.

use palisade_engine::{State, state::BookPlace};
use palisade_types::{
    event::Event,
    ids::MarketId,
    order::{OpenOrder, Side},
};
use std::collections::BTreeMap;

pub type Books = BTreeMap<(MarketId, Side), BTreeMap<BookPlace, OpenOrder>>;

/// A change of a book.
#[derive(Clone, Copy, Debug)]
pub enum BookChange {
    Insert(OpenOrder),
    Remove(OpenOrder),
}

impl BookChange {
    /// Makes the change; returns whether there was something to change.
    pub fn apply(&self, books: &mut Books) -> bool {
        match self {
            Self::Insert(order) => {
                let book = books.entry((order.market, order.side)).or_default();
                book.insert(BookPlace::of(order), *order).is_none()
            }
            Self::Remove(order) => books
                .get_mut(&(order.market, order.side))
                .is_some_and(|book| book.remove(&BookPlace::of(order)).is_some()),
        }
    }
}

/// All open orders.
pub fn books(state: &State) -> Books {
    let mut books = Books::new();
    for market in state.markets() {
        for side in [Side::Buy, Side::Sell] {
            let orders = state.book_side(market.id, side).map(|record| record.order);
            books.insert((market.id, side), orders.map(|order| (BookPlace::of(&order), order)).collect());
        }
    }
    books
}

/// The changes that events tell of, made to `books` on the way.
pub fn changes(events: &[Event], books: &mut Books) -> Vec<BookChange> {
    let told = events.iter().filter_map(|event| match event {
        Event::OrderRested { order } => Some(BookChange::Insert(*order)),
        Event::OrderCanceled { order, .. } | Event::OrderFilled { order } => Some(BookChange::Remove(*order)),
        _ => None,
    });
    told.filter(|change| change.apply(books)).collect()
}
