//! Hyperliquid's actions through the engine: what counts, and what each kind of wrong input answers.

use crate::testing::{COMPATIBLE, Venue, account_of, key_of, price};
use palisade_types::{
    address::AccountId,
    envelope::{HyperliquidSource, HyperliquidUserAction, Payload},
    hyperliquid::Value,
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Amount, Size},
    order::TimeInForce,
    receipt::{CancelResult, OrderResult, Outcome},
    rejection::{Inadmissible, Rejection},
    signing,
};
use std::sync::Arc;

pub(super) fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn limit(time_in_force: &str) -> Value {
    map(vec![("limit", map(vec![("tif", text(time_in_force))]))])
}

pub(super) fn order(market: u64, is_buy: bool, limit_price: &str, size: &str, kind: Value) -> Value {
    map(vec![
        ("a", Value::Unsigned(market)),
        ("b", Value::Bool(is_buy)),
        ("p", text(limit_price)),
        ("s", text(size)),
        ("r", Value::Bool(false)),
        ("t", kind),
    ])
}

pub(super) fn order_action(orders: Vec<Value>, grouping: &str) -> Value {
    map(vec![("type", text("order")), ("orders", Value::Array(orders)), ("grouping", text(grouping))])
}

pub(super) fn run(venue: &mut Venue, action: &Value) -> Outcome {
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
    let market = MarketId::new(99);
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
        (order(10_000, true, "100", "1", trigger), Rejection::NoMark { market: MarketId::new(10_000) }),
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
    for grouping in ["normalTpsl", "positionTpsl"] {
        assert!(matches!(run(&mut venue, &order_action(one(), grouping)), Outcome::Rejected { .. }));
    }
    let referrer = map(vec![("type", text("setReferrer")), ("code", text("X"))]);
    assert_eq!(run(&mut venue, &referrer), unsupported("setReferrer"));
    assert_eq!(run(&mut venue, &map(vec![("type", text("noop"))])), Outcome::Done);
    assert_eq!(venue.state().open_order_count(), 0);
}

#[test]
fn isolated_margin_is_set_and_moved() {
    let mut venue = Venue::new();
    let isolated = map(vec![
        ("type", text("updateLeverage")),
        ("asset", Value::Unsigned(0)),
        ("isCross", Value::Bool(false)),
        ("leverage", Value::Unsigned(3)),
    ]);
    assert_eq!(run(&mut venue, &isolated), Outcome::Done);
    let add = map(vec![
        ("type", text("updateIsolatedMargin")),
        ("asset", Value::Unsigned(0)),
        ("isBuy", Value::Bool(true)),
        ("ntli", Value::Unsigned(5_000_000)),
    ]);
    let market = MarketId::new(0);
    assert_eq!(rejected(run(&mut venue, &add)), Rejection::NoIsolatedPosition { market });
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

pub(super) fn run_user(venue: &mut Venue, action: HyperliquidUserAction) -> Outcome {
    let payload = Payload::HyperliquidUser { source: HyperliquidSource::Testnet, signature_chain_id: 0x66eee, action };
    let envelope = venue.envelope(COMPATIBLE, payload);
    let verified = Arc::new(signing::verify(key_of(COMPATIBLE).sign(envelope)).expect("own signatures verify"));
    venue.block(&[verified], None).receipts.remove(0).outcome
}

fn class_transfer(amount: &str) -> HyperliquidUserAction {
    HyperliquidUserAction::UsdClassTransfer { amount: amount.to_owned(), to_perp: true }
}

fn send_asset(to: AccountId, source: &str, target: &str, amount: &str) -> HyperliquidUserAction {
    HyperliquidUserAction::SendAsset {
        destination: to.to_string(),
        source_dex: source.to_owned(),
        destination_dex: target.to_owned(),
        token: "USDC:0x6d1e7cde53ba9467b783cb7c530ce054".to_owned(),
        amount: amount.to_owned(),
        from_sub_account: String::new(),
    }
}

pub(super) fn usdc(venue: &Venue, account: AccountId) -> Amount {
    venue.state().balance(account, UniverseId::new(0), AssetId::new(0))
}

pub(super) fn rejected(outcome: Outcome) -> Rejection {
    let Outcome::Rejected { rejection } = outcome else { panic!("must be refused: {outcome:?}") };
    rejection
}

/// Spot and perpetuals have one balance, so nothing moves; but whoever hears "ok" relies on the money being there.
#[test]
fn a_transfer_within_the_one_balance_is_checked_and_moves_nothing() {
    let mut venue = Venue::new();
    let own = account_of(COMPATIBLE);
    let before = usdc(&venue, own);
    for action in [
        class_transfer("5"),
        class_transfer("5.5"),
        class_transfer(&format!("5 subaccount:{own}")),
        send_asset(own, "", "spot", "5"),
        send_asset(own, "spot", "fut", "5"),
    ] {
        assert_eq!(run_user(&mut venue, action.clone()), Outcome::Done, "{action:?}");
    }
    let invalid = |field: &str| Rejection::InvalidNumber { field: field.to_owned() };
    let stranger = AccountId([9; 20]);
    let cases = [
        (class_transfer("five"), invalid("amount")),
        (class_transfer("5 "), invalid("amount")),
        (class_transfer("5 subaccount:0x1"), invalid("subaccount")),
        (class_transfer(&format!("5 subaccount:{stranger}")), Rejection::NotYourSubAccount { sub_account: stranger }),
        (class_transfer("0"), Rejection::AmountNotPositive { amount: Amount::ZERO }),
        (class_transfer("-1"), Rejection::AmountNotPositive { amount: Amount::new(-100_000_000) }),
        (send_asset(own, "", "", "0"), Rejection::AmountNotPositive { amount: Amount::ZERO }),
    ];
    for (action, expected) in cases {
        assert_eq!(rejected(run_user(&mut venue, action.clone())), expected, "{action:?}");
    }
    let too_much = rejected(run_user(&mut venue, class_transfer("99999999999")));
    assert!(matches!(too_much, Rejection::InsufficientBalance { .. }), "{too_much:?}");
    assert_eq!(usdc(&venue, own), before);
}

#[test]
fn an_asset_sent_to_another_account_arrives() {
    let mut venue = Venue::new();
    let (own, other) = (account_of(COMPATIBLE), account_of("bob"));
    let before = (usdc(&venue, own), usdc(&venue, other));
    assert_eq!(run_user(&mut venue, send_asset(other, "", "spot", "2.5")), Outcome::Done);
    let moved = Amount::new(250_000_000);
    let expected = (before.0.checked_sub(moved).expect("funded"), before.1.checked_add(moved).expect("small"));
    assert_eq!((usdc(&venue, own), usdc(&venue, other)), expected);
    let unsupported = |feature: &str| Rejection::Unsupported { feature: feature.to_owned() };
    let mut unknown_token = send_asset(other, "", "", "1");
    if let HyperliquidUserAction::SendAsset { token, .. } = &mut unknown_token {
        *token = "NOPE:0x00".to_owned();
    }
    let mut of_another = send_asset(other, "", "", "1");
    if let HyperliquidUserAction::SendAsset { from_sub_account, .. } = &mut of_another {
        *from_sub_account = other.to_string();
    }
    let cases = [
        (send_asset(other, "", "nowhere", "1"), unsupported("dex nowhere")),
        (unknown_token, unsupported("token NOPE")),
        (of_another, Rejection::NotYourSubAccount { sub_account: other }),
    ];
    for (action, rejection) in cases {
        assert_eq!(rejected(run_user(&mut venue, action.clone())), rejection, "{action:?}");
    }
    assert_eq!((usdc(&venue, own), usdc(&venue, other)), expected);
}

#[test]
fn settings_that_every_account_has_are_accepted_and_others_refused() {
    let mut venue = Venue::new();
    let (user, stranger) = (account_of(COMPATIBLE), AccountId([9; 20]));
    let set = |user, abstraction: &str| HyperliquidUserAction::UserSetAbstraction {
        user,
        abstraction: abstraction.to_owned(),
    };
    let builder =
        |rate: &str| HyperliquidUserAction::ApproveBuilderFee { max_fee_rate: rate.to_owned(), builder: stranger };
    let dex = |user, enabled| HyperliquidUserAction::UserDexAbstraction { user, enabled };
    for action in [set(user, "unifiedAccount"), dex(user, true), builder("0%")] {
        assert_eq!(run_user(&mut venue, action.clone()), Outcome::Done, "{action:?}");
    }
    let withdraw = HyperliquidUserAction::Withdraw { destination: user.to_string(), amount: "1".to_owned() };
    for action in [set(stranger, "unifiedAccount"), dex(stranger, true)] {
        let foreign = Rejection::NotYourSubAccount { sub_account: stranger };
        assert_eq!(rejected(run_user(&mut venue, action.clone())), foreign, "{action:?}");
    }
    for action in [set(user, "disabled"), dex(user, false), builder("0.01%"), withdraw] {
        let rejection = rejected(run_user(&mut venue, action.clone()));
        assert!(matches!(rejection, Rejection::Unsupported { .. }), "{action:?}: {rejection:?}");
    }
    let agent = |letter: &str| map(vec![("type", text("agentSetAbstraction")), ("abstraction", text(letter))]);
    assert_eq!(run(&mut venue, &agent("u")), Outcome::Done);
    assert!(matches!(rejected(run(&mut venue, &agent("i"))), Rejection::Unsupported { .. }));
}
