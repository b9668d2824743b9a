//! Hyperliquid's actions through the engine: what counts, and what each kind of wrong input answers.

use crate::testing::{COMPATIBLE, Venue, account_of, key_of, price};
use palisade_types::{
    envelope::{HyperliquidSource, Payload},
    hyperliquid::Value,
    numbers::Size,
    order::TimeInForce,
    receipt::{CancelResult, OrderResult, Outcome},
    rejection::{Inadmissible, Rejection},
    signing,
};
use std::sync::Arc;

fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn limit(time_in_force: &str) -> Value {
    map(vec![("limit", map(vec![("tif", text(time_in_force))]))])
}

fn order(market: u64, is_buy: bool, limit_price: &str, size: &str, kind: Value) -> Value {
    map(vec![
        ("a", Value::Unsigned(market)),
        ("b", Value::Bool(is_buy)),
        ("p", text(limit_price)),
        ("s", text(size)),
        ("r", Value::Bool(false)),
        ("t", kind),
    ])
}

fn order_action(orders: Vec<Value>, grouping: &str) -> Value {
    map(vec![("type", text("order")), ("orders", Value::Array(orders)), ("grouping", text(grouping))])
}

fn run(venue: &mut Venue, action: &Value) -> Outcome {
    let action_msgpack = action.encode().expect("small");
    let payload = Payload::HyperliquidL1 { source: HyperliquidSource::Mainnet, action_msgpack, vault: None };
    let envelope = venue.envelope(COMPATIBLE, payload);
    let verified = Arc::new(signing::verify(key_of(COMPATIBLE).sign(envelope)).expect("own signatures verify"));
    venue.block(&[verified], None).receipts.remove(0).outcome
}

/// One order's result.
fn run_order(venue: &mut Venue, order: Value) -> OrderResult {
    let outcome = run(venue, &order_action(vec![order], "na"));
    let Outcome::Orders { mut results } = outcome else { panic!("orders have results: {outcome:?}") };
    results.remove(0)
}

#[test]
fn orders_are_read_in_the_markets_lots() {
    let mut venue = Venue::new();
    // BTCm/USDC has lots of 10^-3.
    let result = run_order(&mut venue, order(10_001, true, "100.5", "0.25", limit("Gtc")));
    let OrderResult::Accepted { order: id, resting, .. } = result else { panic!("{result:?}") };
    assert_eq!(resting, Size::new(250));
    let placed = venue.state().order(id).expect("it rests").order;
    assert_eq!((placed.price, placed.time_in_force), (price("100.5"), TimeInForce::Gtc));
    let replacement = order(10_001, true, "100", "0.3", limit("Alo"));
    let modify = map(vec![("type", text("modify")), ("oid", Value::Unsigned(id.get())), ("order", replacement)]);
    let outcome = run(&mut venue, &modify);
    assert!(matches!(&outcome, Outcome::Orders { results } if results.len() == 1), "{outcome:?}");
    let modified = venue.state().order(id).expect("it keeps its number").order;
    assert_eq!((modified.remaining, modified.time_in_force), (Size::new(300), TimeInForce::Alo));
    let cancels = Value::Array(vec![map(vec![("a", Value::Unsigned(10_001)), ("o", Value::Unsigned(id.get()))])]);
    let outcome = run(&mut venue, &map(vec![("type", text("cancel")), ("cancels", cancels)]));
    assert_eq!(outcome, Outcome::Cancels { results: vec![CancelResult::Canceled { order: id }] });
    assert_eq!(venue.state().orders_of(account_of(COMPATIBLE)).count(), 0);
}

#[test]
fn wrong_orders_fail_alone_with_their_own_reason() {
    let mut venue = Venue::new();
    let trigger = map(vec![(
        "trigger",
        map(vec![("isMarket", Value::Bool(true)), ("triggerPx", text("90")), ("tpsl", text("sl"))]),
    )]);
    let number = |field: &str| Rejection::InvalidNumber { field: field.to_owned() };
    let size = |size_decimals| Rejection::InvalidSize { size_decimals };
    let market = palisade_types::ids::MarketId::new(99);
    let cases = [
        (order(99, true, "100", "1", limit("Gtc")), Rejection::UnknownMarket { market }),
        (order(10_000, true, "1e2", "1", limit("Gtc")), number("price")),
        (order(10_000, true, "NaN", "1", limit("Gtc")), number("price")),
        (order(10_000, true, "99999999999999", "1", limit("Gtc")), Rejection::Overflow),
        (order(10_000, true, "100", "one", limit("Gtc")), number("size")),
        (order(10_000, true, "100", "0.5", limit("Gtc")), size(0)),
        (order(10_001, true, "100", "0.0005", limit("Gtc")), size(3)),
        (order(10_001, true, "100", "-1", limit("Gtc")), size(3)),
        (order(10_000, true, "100", "0", limit("Gtc")), Rejection::ZeroSize),
        (order(10_000, true, "100", "1", trigger), Rejection::TriggerOrdersUnavailable),
        (order(10_000, true, "100", "1", limit("FrontendMarket")), Rejection::NothingToMatch),
    ];
    for (order, expected) in cases {
        let shown = format!("{order:?}");
        let outcome =
            run(&mut venue, &order_action(vec![order, self::order(10_000, true, "90", "1", limit("Gtc"))], "na"));
        let Outcome::Orders { results } = outcome else { panic!("orders have results: {outcome:?}") };
        assert_eq!(results[0], OrderResult::Rejected { rejection: expected }, "{shown}");
        assert!(matches!(results[1], OrderResult::Accepted { .. }), "the other order is not touched");
    }
}

#[test]
fn what_is_not_supported_is_refused_whole() {
    let mut venue = Venue::new();
    let unsupported =
        |feature: &str| Outcome::Rejected { rejection: Rejection::Unsupported { feature: feature.to_owned() } };
    let one = || vec![order(10_000, true, "90", "1", limit("Gtc"))];
    for (grouping, feature) in [("normalTpsl", "grouping normalTpsl"), ("positionTpsl", "grouping positionTpsl")] {
        assert_eq!(run(&mut venue, &order_action(one(), grouping)), unsupported(feature));
    }
    let noop = map(vec![("type", text("noop"))]);
    assert_eq!(run(&mut venue, &noop), unsupported("noop"));
    let isolated = map(vec![
        ("type", text("updateLeverage")),
        ("asset", Value::Unsigned(0)),
        ("isCross", Value::Bool(false)),
        ("leverage", Value::Unsigned(3)),
    ]);
    assert_eq!(run(&mut venue, &isolated), Outcome::Done);
    assert_eq!(venue.state().open_order_count(), 0);
}

#[test]
fn a_batch_of_none_or_too_many_never_becomes_an_action() {
    let mut venue = Venue::new();
    for count in [0usize, 41] {
        let orders = vec![order(10_000, true, "90", "1", limit("Gtc")); count];
        let action_msgpack = order_action(orders, "na").encode().expect("small");
        let payload = Payload::HyperliquidL1 { source: HyperliquidSource::Testnet, action_msgpack, vault: None };
        let envelope = venue.envelope(COMPATIBLE, payload);
        let refused = signing::verify(key_of(COMPATIBLE).sign(envelope));
        let found = u32::try_from(count).expect("small");
        assert_eq!(refused, Err(Inadmissible::BatchSize { found, limit: 40 }));
    }
}
