use super::*;
use palisade_types::{address::AccountId, ids::OrderId, numbers::Size, time::TimeMs};

const MARKET: MarketId = MarketId::new(0);

fn order(id: u64, side: Side, price: i64, remaining: u64) -> OpenOrder {
    OpenOrder {
        id: OrderId::new(id),
        account: AccountId::default(),
        market: MARKET,
        side,
        price: Price::new(price),
        remaining: Size::new(remaining),
        original: Size::new(remaining),
        reduce_only: false,
        time_in_force: TimeInForce::Gtc,
        client_order_id: None,
        priority: id,
        placed_at_ms: TimeMs::new(0),
    }
}

const fn quote(side: Side, price: i64, size: u64) -> DesiredQuote {
    DesiredQuote { side, price: Price::new(price), size: Size::new(size) }
}

fn plan(resting: &[OpenOrder], desired: &[DesiredQuote]) -> Plan {
    let mut plan = Plan::default();
    plan.add_market(MARKET, resting, desired, 100);
    plan
}

/// What the book holds after the plan, as sorted (side, price, size).
fn applied(resting: &[OpenOrder], plan: &Plan) -> Vec<(Side, i64, u64)> {
    let mut book: Vec<(OrderId, Side, i64, u64)> =
        resting.iter().map(|order| (order.id, order.side, order.price.get(), order.remaining.get())).collect();
    for cancel in &plan.cancels {
        book.retain(|(id, ..)| OrderReference::Id(*id) != cancel.order);
    }
    for modify in &plan.modifies {
        let entry = book.iter_mut().find(|(id, ..)| OrderReference::Id(*id) == modify.order).expect("an open order");
        assert_eq!(entry.1, modify.replacement.side, "a modify keeps its side");
        *entry = (entry.0, entry.1, modify.replacement.price.get(), modify.replacement.size.get());
    }
    let placed = plan.places.iter().map(|place| (place.side, place.price.get(), place.size.get()));
    let mut all: Vec<_> = book.into_iter().map(|(_, side, price, size)| (side, price, size)).chain(placed).collect();
    all.sort_unstable();
    all
}

#[test]
fn an_empty_book_is_filled_and_a_right_one_left_alone() {
    let desired = [quote(Side::Buy, 100_000, 5), quote(Side::Sell, 100_100, 5)];
    let first = plan(&[], &desired);
    assert_eq!((first.places.len(), first.parts()), (2, 2));
    let resting = [order(1, Side::Buy, 100_001, 5), order(2, Side::Sell, 100_100, 4)];
    assert_eq!(plan(&resting, &desired), Plan::default(), "within tolerance");
}

#[test]
fn what_differs_is_moved_what_is_too_much_cancelled() {
    let resting = [
        order(1, Side::Buy, 99_000, 5),
        order(2, Side::Buy, 98_000, 5),
        order(3, Side::Sell, 101_000, 1),
        order(4, Side::Buy, 97_000, 5),
    ];
    let desired = [quote(Side::Buy, 99_500, 5), quote(Side::Sell, 101_000, 5), quote(Side::Sell, 102_000, 5)];
    let plan = plan(&resting, &desired);
    assert_eq!((plan.cancels.len(), plan.modifies.len(), plan.places.len()), (2, 2, 1));
    let expected = vec![(Side::Buy, 99_500, 5), (Side::Sell, 101_000, 5), (Side::Sell, 102_000, 5)];
    assert_eq!(applied(&resting, &plan), expected);
}

#[test]
fn quotes_never_meet_each_other_on_the_way() {
    for shift in [-5_000i64, 5_000] {
        let resting = [
            order(1, Side::Buy, 100_000, 5),
            order(2, Side::Buy, 99_000, 5),
            order(3, Side::Sell, 101_000, 5),
            order(4, Side::Sell, 102_000, 5),
        ];
        let desired: Vec<DesiredQuote> =
            resting.iter().map(|order| quote(order.side, order.price.get() + shift, 5)).collect();
        let plan = plan(&resting, &desired);
        assert_eq!(plan.modifies.len(), 4);
        let mut book: Vec<(OrderId, Side, i64)> = resting.iter().map(|o| (o.id, o.side, o.price.get())).collect();
        for modify in &plan.modifies {
            let entry = book.iter_mut().find(|(id, ..)| OrderReference::Id(*id) == modify.order).expect("open");
            entry.2 = modify.replacement.price.get();
            let bid = book.iter().filter(|(_, side, _)| *side == Side::Buy).map(|(.., price)| *price).max();
            let ask = book.iter().filter(|(_, side, _)| *side == Side::Sell).map(|(.., price)| *price).min();
            assert!(bid < ask, "crossed itself after {modify:?}: {book:?}");
        }
    }
}

#[test]
fn batches_are_of_an_allowed_length() {
    let desired: Vec<DesiredQuote> = (0..100).map(|level| quote(Side::Sell, 100_000 + level, 1)).collect();
    let actions = plan(&[], &desired).into_actions();
    assert_eq!(actions.len(), 3);
    assert!(actions.iter().all(Action::batch_is_valid));
}
