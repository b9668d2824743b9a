//! Matching against a model so plain that its rightness can be seen: one list of orders, searched from the start.

use crate::testing::{SPOT, Venue, account_of, runs};
use palisade_types::{
    action::{Action, CancelRequest},
    address::AccountId,
    event::Event,
    ids::OrderId,
    numbers::{Price, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
};
use proptest::prelude::*;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// A resting order of the model; the list is in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resting {
    id: OrderId,
    owner: usize,
    side: Side,
    price: i64,
    size: u64,
}

/// Maker, taker, price, size.
type ModelTrade = (usize, usize, i64, u64);

#[derive(Clone, Debug, Default)]
struct Model {
    orders: Vec<Resting>,
    trades: Vec<ModelTrade>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Refused,
    Accepted { filled: u64, resting: u64 },
}

#[derive(Clone, Debug)]
enum Operation {
    Place { owner: usize, side: Side, price: i64, size: u64, time_in_force: TimeInForce },
    Cancel { pick: usize },
}

impl Model {
    fn best(&self, side: Side, limit: i64) -> Option<usize> {
        let crossing = self.orders.iter().enumerate().filter(|(_, order)| match side {
            Side::Buy => order.side == Side::Sell && order.price <= limit,
            Side::Sell => order.side == Side::Buy && order.price >= limit,
        });
        let rank = |order: &Resting| if side == Side::Buy { order.price } else { -order.price };
        // The first of equals: the earliest.
        crossing.min_by_key(|(place, order)| (rank(order), *place)).map(|(place, _)| place)
    }

    fn place(&mut self, id: OrderId, owner: usize, side: Side, price: i64, size: u64, kind: TimeInForce) -> Expected {
        let before = self.clone();
        let crosses = self.best(side, price).is_some();
        if (kind == TimeInForce::Alo && crosses) || (kind == TimeInForce::Ioc && !crosses) {
            return Expected::Refused;
        }
        let mut left = size;
        while left > 0 {
            let Some(place) = self.best(side, price) else { break };
            let maker = self.orders[place].clone();
            if maker.owner == owner {
                self.orders.remove(place);
                continue;
            }
            let traded = left.min(maker.size);
            self.trades.push((maker.owner, owner, maker.price, traded));
            left -= traded;
            if traded == maker.size {
                self.orders.remove(place);
            } else {
                self.orders[place].size -= traded;
            }
        }
        if kind == TimeInForce::Fok && left > 0 {
            *self = before;
            return Expected::Refused;
        }
        let rests = left > 0 && !matches!(kind, TimeInForce::Ioc | TimeInForce::Fok);
        if rests {
            self.orders.push(Resting { id, owner, side, price, size: left });
        }
        Expected::Accepted { filled: size - left, resting: if rests { left } else { 0 } }
    }

    /// Both sides, best first.
    fn book(&self, side: Side) -> Vec<(OrderId, u64)> {
        let mut orders: Vec<&Resting> = self.orders.iter().filter(|order| order.side == side).collect();
        orders.sort_by_key(|order| if side == Side::Buy { -order.price } else { order.price });
        orders.into_iter().map(|order| (order.id, order.size)).collect()
    }
}

/// Prices in half dollars, the market's tick.
fn engine_price(halves: i64) -> Price {
    Price::new(halves * 50_000_000)
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        4 => Just(TimeInForce::Gtc),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Alo),
        1 => Just(TimeInForce::Fok),
    ];
    let place = (0..PEOPLE.len(), any::<bool>(), 196i64..=204, 1u64..=9, kind).prop_map(
        |(owner, is_buy, price, size, time_in_force)| Operation::Place {
            owner,
            side: if is_buy { Side::Buy } else { Side::Sell },
            price,
            size,
            time_in_force,
        },
    );
    prop_oneof![6 => place, 1 => any::<usize>().prop_map(|pick| Operation::Cancel { pick })]
}

fn person_of(account: AccountId) -> usize {
    PEOPLE.iter().position(|name| account_of(name) == account).expect("one of the people")
}

fn apply(venue: &mut Venue, model: &mut Model, operation: &Operation) {
    match *operation {
        Operation::Place { owner, side, price, size, time_in_force } => {
            let order = OrderRequest {
                market: SPOT,
                side,
                price: engine_price(price),
                size: Size::new(size),
                time_in_force,
                reduce_only: false,
                client_order_id: None,
            };
            let id = OrderId::new(venue.state().chain().next_order);
            let traded_before = model.trades.len();
            let expected = model.place(id, owner, side, price, size, time_in_force);
            let signed = venue.sign(PEOPLE[owner], Action::Place { orders: vec![order] });
            let outcome = venue.block(&[signed], None);
            let Outcome::Orders { results } = &outcome.receipts[0].outcome else { panic!("orders have results") };
            let found = match &results[0] {
                OrderResult::Rejected { .. } => Expected::Refused,
                OrderResult::Waiting { .. } => panic!("a limit order waits for no price"),
                OrderResult::Accepted { filled, resting, .. } => {
                    Expected::Accepted { filled: filled.get(), resting: resting.get() }
                }
            };
            assert_eq!(found, expected, "{operation:?}");
            let trades: Vec<ModelTrade> = outcome
                .events
                .iter()
                .filter_map(|event| match event {
                    Event::Traded(trade) => Some((
                        person_of(trade.maker.account),
                        person_of(trade.taker.account),
                        trade.price.get() / 50_000_000,
                        trade.size.get(),
                    )),
                    _ => None,
                })
                .collect();
            assert_eq!(trades, model.trades[traded_before..]);
        }
        Operation::Cancel { pick } => {
            if model.orders.is_empty() {
                return;
            }
            let gone = model.orders.remove(pick % model.orders.len());
            let cancel = CancelRequest { market: SPOT, order: OrderReference::Id(gone.id) };
            venue.act(PEOPLE[gone.owner], Action::Cancel { cancels: vec![cancel] });
        }
    }
    for side in [Side::Buy, Side::Sell] {
        let book: Vec<(OrderId, u64)> =
            venue.state().book_side(SPOT, side).map(|record| (record.order.id, record.order.remaining.get())).collect();
        assert_eq!(book, model.book(side));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs(40)))]

    #[test]
    fn the_engine_matches_as_the_model_does(operations in proptest::collection::vec(operation(), 1..60)) {
        let mut venue = Venue::new();
        let mut model = Model::default();
        for operation in &operations {
            apply(&mut venue, &mut model, operation);
        }
    }
}
