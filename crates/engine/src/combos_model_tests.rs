//! Combos beside a naive model: lists of orders, one unit at a time, the better of the own book and the books of the legs.
//!
//! The structure is one lot of BTC bought and two of NEXT sold. Prices are in half dollars. Nobody runs out of money here: what a lack
//! of it does is told by scenarios.

use crate::testing::{
    PERP, Venue, account_of, combo_at,
    multi_leg::{NEXT, venue},
    runs, scenario_on,
};
use palisade_types::{
    action::{Action, CancelRequest},
    ids::{MarketId, OrderId},
    multi_leg::ComboTimeInForce,
    numbers::{Price, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::Outcome,
};
use proptest::{prelude::*, strategy::ValueTree};
use std::collections::BTreeMap;

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const HALF: i64 = 50_000_000;
/// Lots of the legs in a unit: bought, sold.
const LEGS: [(MarketId, i64, Side); 2] = [(PERP, 1, Side::Buy), (NEXT, 2, Side::Sell)];
/// Orders of a leg that are looked at.
const LOOKED_AT: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Resting {
    id: u64,
    owner: usize,
    side: Side,
    price: i64,
    size: i64,
}

/// Books of the combo and of its legs, each in order of arrival, and what everybody holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    spreads: Vec<Resting>,
    legs: [Vec<Resting>; 2],
    held: BTreeMap<(usize, usize), i64>,
}

#[derive(Clone, Debug)]
enum Operation {
    Leg { owner: usize, leg: usize, side: Side, price: i64, size: i64 },
    Spread { owner: usize, side: Side, price: i64, size: i64, kind: ComboTimeInForce },
    CancelLeg { pick: usize },
    CancelSpread { pick: usize },
}

fn crosses(side: Side, limit: i64, price: i64) -> bool {
    if side == Side::Buy { price <= limit } else { price >= limit }
}

/// The places of a book's side, best first.
fn line(book: &[Resting], side: Side) -> Vec<usize> {
    let mut places: Vec<usize> = (0..book.len()).filter(|place| book[*place].side == side).collect();
    places.sort_by_key(|place| (if side == Side::Buy { -book[*place].price } else { book[*place].price }, *place));
    places
}

fn signed(side: Side, value: i64) -> i64 {
    if side == Side::Buy { value } else { -value }
}

fn turned(side: Side, with: Side) -> Side {
    if with == Side::Buy { side } else { side.opposite() }
}

/// Of each leg, the lots taken from each place in its book.
type Taken = [Vec<(usize, i64)>; 2];

impl Model {
    fn hold(&mut self, owner: usize, leg: usize, side: Side, lots: i64) {
        *self.held.entry((owner, leg)).or_default() += signed(side, lots);
    }

    /// What one unit costs a buyer in the books of the legs, and the lots taken from each place; none if they do not hold it.
    fn implied(&self, taker: usize, side: Side) -> Option<(i64, Taken)> {
        let mut cost = 0;
        let mut taken: Taken = Default::default();
        for (leg, (_, ratio, leg_side)) in LEGS.iter().enumerate() {
            let mut missing = *ratio;
            let book_side = turned(*leg_side, side).opposite();
            for place in line(&self.legs[leg], book_side).into_iter().take(LOOKED_AT) {
                let order = &self.legs[leg][place];
                if order.owner == taker || missing == 0 {
                    continue;
                }
                let lots = missing.min(order.size);
                cost += signed(*leg_side, order.price * lots);
                missing -= lots;
                taken[leg].push((place, lots));
            }
            if missing > 0 {
                return None;
            }
        }
        Some((cost, taken))
    }

    fn take_implied(&mut self, taker: usize, side: Side, taken: &[Vec<(usize, i64)>; 2]) {
        for (leg, (_, ratio, leg_side)) in LEGS.iter().enumerate() {
            let own_side = turned(*leg_side, side);
            let ahead = line(&self.legs[leg], own_side.opposite());
            let last = taken[leg].last().expect("a unit has lots").0;
            let reached = ahead.iter().position(|place| *place == last).expect("it is in line");
            for (place, lots) in &taken[leg] {
                let maker = self.legs[leg][*place].owner;
                self.legs[leg][*place].size -= lots;
                self.hold(maker, leg, own_side.opposite(), *lots);
            }
            // Own orders before the last one that was met were in the way.
            for place in &ahead[..reached] {
                if self.legs[leg][*place].owner == taker {
                    self.legs[leg][*place].size = 0;
                }
            }
            self.legs[leg].retain(|order| order.size > 0);
            self.hold(taker, leg, own_side, *ratio);
        }
    }

    /// Units filled, what a buyer paid for them, units that rest; none if it was refused.
    fn spread(
        &mut self,
        id: u64,
        owner: usize,
        (side, price, size): (Side, i64, i64),
        kind: ComboTimeInForce,
    ) -> Option<(i64, i64, i64)> {
        let before = self.clone();
        let (mut left, mut paid) = (size, 0);
        while left > 0 {
            let own = line(&self.spreads, side.opposite()).first().copied();
            let own = own.filter(|place| crosses(side, price, self.spreads[*place].price));
            let implied = self.implied(owner, side).filter(|(cost, _)| crosses(side, price, *cost));
            let worse = |cost: i64, place: usize| {
                let at = self.spreads[place].price;
                if side == Side::Buy { cost >= at } else { cost <= at }
            };
            match (own, implied) {
                (None, None) => break,
                (Some(place), implied) if implied.as_ref().is_none_or(|(cost, _)| worse(*cost, place)) => {
                    let maker = self.spreads[place].clone();
                    if maker.owner == owner {
                        self.spreads.remove(place);
                        continue;
                    }
                    self.spreads[place].size -= 1;
                    self.spreads.retain(|order| order.size > 0);
                    for (leg, (_, ratio, leg_side)) in LEGS.iter().enumerate() {
                        self.hold(owner, leg, turned(*leg_side, side), *ratio);
                        self.hold(maker.owner, leg, turned(*leg_side, side.opposite()), *ratio);
                    }
                    paid += maker.price;
                }
                (_, Some((cost, taken))) => {
                    self.take_implied(owner, side, &taken);
                    paid += cost;
                }
                (Some(_), None) => unreachable!("nothing is implied, so the own book is met"),
            }
            left -= 1;
        }
        if kind == ComboTimeInForce::Fok && left > 0 {
            *self = before;
            return None;
        }
        let rests = if kind == ComboTimeInForce::Gtc { left } else { 0 };
        if rests > 0 {
            self.spreads.push(Resting { id, owner, side, price, size: rests });
        }
        Some((size - left, paid, rests))
    }
}

fn side() -> impl Strategy<Value = Side> {
    any::<bool>().prop_map(|buys| if buys { Side::Buy } else { Side::Sell })
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        3 => Just(ComboTimeInForce::Gtc),
        1 => Just(ComboTimeInForce::Ioc),
        1 => Just(ComboTimeInForce::Fok),
    ];
    let leg = (0..PEOPLE.len(), 0..2_usize, side(), 0_i64..8, 1_i64..=6).prop_map(|(owner, leg, side, away, size)| {
        // Bids up to 100.5, asks from 99.5: some cross and are refused, being post-only.
        let price = if side == Side::Buy { 201 - away } else { 199 + away };
        Operation::Leg { owner, leg, side, price, size }
    });
    let spread = (0..PEOPLE.len(), side(), -208_i64..=-192, 1_i64..=6, kind)
        .prop_map(|(owner, side, price, size, kind)| Operation::Spread { owner, side, price, size, kind });
    prop_oneof![
        5 => leg,
        5 => spread,
        1 => any::<usize>().prop_map(|pick| Operation::CancelLeg { pick }),
        1 => any::<usize>().prop_map(|pick| Operation::CancelSpread { pick }),
    ]
}

/// How often each way of being filled was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    own: u64,
    implied: u64,
}

fn apply(venue: &mut Venue, model: &mut Model, operation: &Operation, seen: &mut Seen) {
    match *operation {
        Operation::Leg { owner, leg, side, price, size } => {
            let id = venue.state().chain().next_order;
            let best = line(&model.legs[leg], side.opposite()).first().copied();
            let refused = best.is_some_and(|place| crosses(side, price, model.legs[leg][place].price));
            let order = OrderRequest {
                market: LEGS[leg].0,
                side,
                price: Price::new(price * HALF),
                size: Size::new(size as u64),
                time_in_force: TimeInForce::Alo,
                reduce_only: false,
                client_order_id: None,
            };
            venue.act(PEOPLE[owner], Action::Place { orders: vec![order] });
            if !refused {
                model.legs[leg].push(Resting { id, owner, side, price, size });
            }
        }
        Operation::Spread { owner, side, price, size, kind } => {
            let id = venue.state().chain().next_order;
            let combo = combo_at(venue, "1");
            let expected = model.spread(id, owner, (side, price, size), kind);
            let (price, lots) = (Price::new(price * HALF), Size::new(size as u64));
            let action = Action::PlaceCombo { combo, side, price, lots, time_in_force: kind };
            let signed = venue.sign(PEOPLE[owner], action);
            let block = venue.block(&[signed], None);
            let found = match &block.receipts[0].outcome {
                Outcome::Rejected { .. } => None,
                Outcome::ComboOrder { filled, filled_quote_usd, resting, .. } => {
                    let quote = i64::try_from(filled_quote_usd.get()).expect("small");
                    assert_eq!(quote % HALF, 0);
                    Some((filled.get() as i64, quote / HALF, resting.get() as i64))
                }
                outcome => panic!("{outcome:?}"),
            };
            assert_eq!(found, expected, "{operation:?}");
            for event in &block.events {
                if let palisade_types::event::Event::ComboTraded(trade) = event {
                    *(if trade.maker.is_some() { &mut seen.own } else { &mut seen.implied }) += 1;
                }
            }
        }
        Operation::CancelLeg { pick } => {
            let leg = pick % 2;
            if !model.legs[leg].is_empty() {
                let place = pick / 2 % model.legs[leg].len();
                let gone = model.legs[leg].remove(place);
                let order = OrderReference::Id(OrderId::new(gone.id));
                let cancels = vec![CancelRequest { market: LEGS[leg].0, order }];
                venue.act(PEOPLE[gone.owner], Action::Cancel { cancels });
            }
        }
        Operation::CancelSpread { pick } => {
            if !model.spreads.is_empty() {
                let place = pick % model.spreads.len();
                let gone = model.spreads.remove(place);
                venue.act(PEOPLE[gone.owner], Action::CancelCombo { order: OrderId::new(gone.id) });
            }
        }
    }
    compare(venue, model);
}

fn compare(venue: &Venue, model: &Model) {
    let state = venue.state();
    let combo = combo_at(venue, "1");
    for side in [Side::Buy, Side::Sell] {
        let expected = |book: &[Resting]| -> Vec<(u64, i64)> {
            line(book, side).into_iter().map(|place| (book[place].id, book[place].size)).collect()
        };
        let book = state.combo_book_side(combo, side);
        let book: Vec<(u64, i64)> = book.map(|order| (order.id.get(), order.remaining.get() as i64)).collect();
        assert_eq!(book, expected(&model.spreads), "the combo's {side:?} side");
        for (leg, (market, ..)) in LEGS.iter().enumerate() {
            let book = state.book_side(*market, side);
            let book: Vec<(u64, i64)> =
                book.map(|record| (record.order.id.get(), record.order.remaining.get() as i64)).collect();
            assert_eq!(book, expected(&model.legs[leg]), "the {side:?} side of {market}");
        }
    }
    let (bid, ask) = (state.combo_book_side(combo, Side::Buy).next(), state.combo_book_side(combo, Side::Sell).next());
    if let (Some(bid), Some(ask)) = (bid, ask) {
        assert!(bid.price < ask.price, "the combo's book is crossed: {bid:?} {ask:?}");
    }
    for (owner, name) in PEOPLE.iter().enumerate() {
        for (leg, (market, ..)) in LEGS.iter().enumerate() {
            let held = state.position(account_of(name), *market).map_or(0, |record| record.position.get());
            assert_eq!(held, model.held.get(&(owner, leg)).copied().unwrap_or(0), "{name} in {market}");
        }
    }
}

fn run(operations: &[Operation]) -> Seen {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100\nerin combo buy BTC*1 sell NEXT*2 -> combo 1");
    let (mut model, mut seen) = (Model::default(), Seen::default());
    for operation in operations {
        apply(&mut venue, &mut model, operation, &mut seen);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs(40)))]

    #[test]
    fn combos_match_as_the_model_does(operations in proptest::collection::vec(operation(), 1..60)) {
        run(&operations);
    }
}

/// The property above would hold of a combo that never trades: that it does is shown here, on fixed operations.
#[test]
fn the_model_sees_fills_of_both_kinds() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = Seen::default();
    for _ in 0..6 {
        let operations = proptest::collection::vec(operation(), 60).new_tree(&mut runner).expect("a tree").current();
        let one = run(&operations);
        (seen.own, seen.implied) = (seen.own + one.own, seen.implied + one.implied);
    }
    println!("{seen:?}");
    assert!(seen.own > 10 && seen.implied > 10, "{seen:?}");
}
