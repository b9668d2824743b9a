//! Triggers, TWAPs, sub-accounts, vaults and universes in Hyperliquid's format, through the engine.

use super::tests::{limit, map, order, order_action, rejected, run, run_user, text, usdc};
use crate::testing::{BTC, COMPATIBLE, Venue, account_of, key_of, price, scenario_on};
use palisade_types::{
    address::AccountId,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload},
    hyperliquid::Value,
    ids::{OrderId, TwapId},
    numbers::{Amount, Size},
    receipt::{CancelResult, OrderResult, Outcome},
    rejection::Rejection,
    signing,
    trigger::TriggerLink,
};
use std::sync::Arc;

fn trigger(is_market: bool, trigger_price: &str, purpose: &str) -> Value {
    map(vec![(
        "trigger",
        map(vec![("isMarket", Value::Bool(is_market)), ("triggerPx", text(trigger_price)), ("tpsl", text(purpose))]),
    )])
}

/// A trigger that sells.
fn stop(size: &str, trigger_price: &str, purpose: &str) -> Value {
    order(0, false, trigger_price, size, trigger(true, trigger_price, purpose))
}

fn results(outcome: Outcome) -> Vec<OrderResult> {
    let Outcome::Orders { results } = outcome else { panic!("orders have results: {outcome:?}") };
    results
}

fn waiting(result: &OrderResult) -> (OrderId, bool) {
    let OrderResult::Waiting { order, armed, .. } = result else { panic!("it waits: {result:?}") };
    (*order, *armed)
}

/// The mark is 100, and erin, who signs in Hyperliquid's format, is long ten lots.
fn long() -> Venue {
    let mut venue = Venue::new();
    venue.set_index(BTC, price("100"));
    scenario_on(
        &mut venue,
        "
        erin buy BTC 10 @ 100 gtc                  -> resting 10
        bob  sell BTC 10 @ 100 gtc                 -> filled 10 for 1000
        ",
    );
    venue
}

#[test]
fn a_trigger_by_itself_waits_is_replaced_and_canceled() {
    let mut venue = long();
    let mixed = order_action(vec![stop("10", "90", "sl"), order(0, true, "95", "1", limit("Gtc"))], "na");
    let placed = results(run(&mut venue, &mixed));
    let (id, armed) = waiting(&placed[0]);
    assert!(armed && matches!(placed[1], OrderResult::Accepted { .. }), "{placed:?}");
    let replacement = order(0, false, "84", "4", trigger(false, "85", "sl"));
    let modify = map(vec![("oid", Value::Unsigned(id.get())), ("order", replacement)]);
    let modify = map(vec![("type", text("batchModify")), ("modifies", Value::Array(vec![modify]))]);
    assert_eq!(waiting(&results(run(&mut venue, &modify))[0]), (id, true));
    let now = venue.state().trigger(id).expect("it keeps its number").trigger;
    assert_eq!((now.trigger_price, now.limit, now.size), (price("85"), Some(price("84")), Size::new(4)));
    let cancels = Value::Array(vec![map(vec![("a", Value::Unsigned(0)), ("o", Value::Unsigned(id.get()))])]);
    let outcome = run(&mut venue, &map(vec![("type", text("cancel")), ("cancels", cancels)]));
    assert_eq!(outcome, Outcome::Cancels { results: vec![CancelResult::Canceled { order: id }] });
    assert_eq!(venue.state().triggers_of(account_of(COMPATIBLE)).count(), 0);
}

#[test]
fn a_replacement_that_is_refused_leaves_the_trigger_as_it_was() {
    let mut venue = long();
    let (id, _) = waiting(&results(run(&mut venue, &order_action(vec![stop("10", "90", "sl")], "na")))[0]);
    let before = venue.state().trigger(id).copied();
    let replaced = |venue: &mut Venue, oid: u64, order: Value| {
        let modify = map(vec![("type", text("modify")), ("oid", Value::Unsigned(oid)), ("order", order)]);
        let OrderResult::Rejected { rejection } = results(run(venue, &modify)).remove(0) else { panic!("refused") };
        rejection
    };
    let fires = replaced(&mut venue, id.get(), stop("10", "110", "sl"));
    assert!(matches!(fires, Rejection::TriggerWouldFire { .. }), "{fires:?}");
    let buys = order(0, true, "90", "10", trigger(true, "110", "sl"));
    assert_eq!(replaced(&mut venue, id.get(), buys), Rejection::ModifyChangesMarketOrSide);
    assert_eq!(replaced(&mut venue, 999, stop("10", "90", "sl")), Rejection::OrderNotOpen);
    assert_eq!(replaced(&mut venue, id.get(), order(0, false, "90", "10", limit("Gtc"))), Rejection::OrderNotOpen);
    assert_eq!(venue.state().trigger(id).copied(), before);
}

#[test]
fn groups_are_what_hyperliquid_means_by_them() {
    let mut venue = long();
    let parent = || order(0, true, "90", "5", limit("Gtc"));
    let attached = order_action(vec![parent(), stop("5", "120", "tp"), stop("5", "80", "sl")], "normalTpsl");
    let placed = results(run(&mut venue, &attached));
    assert_eq!([waiting(&placed[1]).1, waiting(&placed[2]).1], [false; 2], "they wait for a fill");
    let pair = order_action(vec![stop("5", "120", "tp"), stop("5", "80", "sl")], "normalTpsl");
    let placed = results(run(&mut venue, &pair));
    let link = venue.state().trigger(waiting(&placed[0]).0).expect("it waits").trigger.link;
    assert_eq!(link, TriggerLink::Sibling { sibling: waiting(&placed[1]).0 });
    let closing = order_action(vec![stop("0", "120", "tp"), stop("0", "80", "sl")], "positionTpsl");
    let placed = results(run(&mut venue, &closing));
    let closes = venue.state().trigger(waiting(&placed[1]).0).expect("it waits").trigger;
    assert_eq!((closes.link, closes.size), (TriggerLink::Position, Size::ZERO));
    let unpriced = order_action(vec![parent(), stop("5", "1e2", "tp")], "normalTpsl");
    let wrong_number = Rejection::InvalidNumber { field: "price".to_owned() };
    assert_eq!(rejected(run(&mut venue, &unpriced)), wrong_number, "a group stands or falls as a whole");
    let limits = order_action(vec![parent(), parent()], "normalTpsl");
    assert!(matches!(rejected(run(&mut venue, &limits)), Rejection::Unsupported { .. }));
}

fn twap(size: &str, minutes: u64) -> Value {
    let inner = map(vec![
        ("a", Value::Unsigned(0)),
        ("b", Value::Bool(true)),
        ("s", text(size)),
        ("r", Value::Bool(false)),
        ("m", Value::Unsigned(minutes)),
        ("t", Value::Bool(false)),
    ]);
    map(vec![("type", text("twapOrder")), ("twap", inner)])
}

fn twap_cancel(market: u64, twap: TwapId) -> Value {
    let (market, twap) = (Value::Unsigned(market), Value::Unsigned(twap.get()));
    map(vec![("type", text("twapCancel")), ("a", market), ("t", twap)])
}

#[test]
fn a_twap_runs_until_it_is_canceled_in_its_market() {
    let mut venue = long();
    let outcome = run(&mut venue, &twap("100", 5));
    let Outcome::Twap { twap: id } = outcome else { panic!("it runs: {outcome:?}") };
    let not_running = Rejection::TwapNotRunning { twap: id };
    assert_eq!(rejected(run(&mut venue, &twap_cancel(10_000, id))), not_running);
    assert_eq!(run(&mut venue, &twap_cancel(0, id)), Outcome::Done);
    assert_eq!(rejected(run(&mut venue, &twap_cancel(0, id))), not_running);
    assert_eq!(rejected(run(&mut venue, &twap("0.5", 5))), Rejection::InvalidSize { size_decimals: 0 });
    assert!(matches!(rejected(run(&mut venue, &twap("100", 4))), Rejection::OutOfRange { .. }));
}

fn sub_transfer(sub_account: AccountId, is_deposit: bool, micro_usd: u64) -> Value {
    map(vec![
        ("type", text("subAccountTransfer")),
        ("subAccountUser", text(&sub_account.to_string())),
        ("isDeposit", Value::Bool(is_deposit)),
        ("usd", Value::Unsigned(micro_usd)),
    ])
}

fn spot_transfer(sub_account: AccountId, token: &str, amount: &str) -> Value {
    map(vec![
        ("type", text("subAccountSpotTransfer")),
        ("subAccountUser", text(&sub_account.to_string())),
        ("isDeposit", Value::Bool(true)),
        ("token", text(token)),
        ("amount", text(amount)),
    ])
}

fn created(venue: &mut Venue, action: &Value) -> AccountId {
    let outcome = run(venue, action);
    let Outcome::AccountCreated { account } = outcome else { panic!("an account: {outcome:?}") };
    account
}

fn new_sub_account(venue: &mut Venue) -> AccountId {
    created(venue, &map(vec![("type", text("createSubAccount")), ("name", text("grid"))]))
}

#[test]
fn a_sub_account_is_paid_in_and_out_and_sends_by_its_masters_hand() {
    let mut venue = Venue::new();
    let (own, other) = (account_of(COMPATIBLE), account_of("bob"));
    let sub_account = new_sub_account(&mut venue);
    assert_eq!(run(&mut venue, &sub_transfer(sub_account, true, 7_000_000)), Outcome::Done);
    assert_eq!(run(&mut venue, &sub_transfer(sub_account, false, 2_500_000)), Outcome::Done);
    assert_eq!(usdc(&venue, sub_account), Amount::new(450_000_000));
    assert_eq!(run(&mut venue, &spot_transfer(sub_account, "BTC:0x00", "1.5")), Outcome::Done);
    assert_eq!(venue.state().balance(sub_account, crate::testing::CORE, BTC), Amount::new(150_000_000));
    let send = |to: AccountId, amount: &str| HyperliquidUserAction::SendAsset {
        destination: to.to_string(),
        source_dex: "spot".to_owned(),
        destination_dex: "spot".to_owned(),
        token: "USDC".to_owned(),
        amount: amount.to_owned(),
        from_sub_account: sub_account.to_string(),
    };
    assert_eq!(run_user(&mut venue, send(own, "1")), Outcome::Done);
    assert_eq!(run_user(&mut venue, send(other, "1")), Outcome::Done);
    assert_eq!(run_user(&mut venue, send(sub_account, "1")), Outcome::Done, "nothing to move");
    assert_eq!(usdc(&venue, sub_account), Amount::new(250_000_000));
    let stays = |amount: &str| HyperliquidUserAction::UsdClassTransfer {
        amount: format!("{amount} subaccount:{sub_account}"),
        to_perp: false,
    };
    assert_eq!(run_user(&mut venue, stays("2.5")), Outcome::Done);
    assert!(matches!(rejected(run_user(&mut venue, stays("2.6"))), Rejection::InsufficientBalance { .. }));
    let foreign = Rejection::NotYourSubAccount { sub_account: other };
    assert_eq!(rejected(run(&mut venue, &sub_transfer(other, false, 1))), foreign);
    let unknown = rejected(run(&mut venue, &spot_transfer(sub_account, "NOPE:0x00", "1")));
    assert!(matches!(unknown, Rejection::Unsupported { .. }), "{unknown:?}");
}

/// The signature covers the account as the vault; what does not is refused at admission.
#[test]
fn an_order_of_a_sub_account_names_it_as_the_vault() {
    let mut venue = long();
    let sub_account = new_sub_account(&mut venue);
    assert_eq!(run(&mut venue, &sub_transfer(sub_account, true, 1_000_000_000)), Outcome::Done);
    let action = order_action(vec![order(0, true, "90", "1", limit("Gtc"))], "na");
    let action_msgpack = action.encode().expect("small");
    let vault = Some(sub_account);
    let payload = Payload::HyperliquidL1 { source: HyperliquidSource::Mainnet, action_msgpack, vault };
    let envelope = Envelope { account: sub_account, ..venue.envelope(COMPATIBLE, payload) };
    let of_sub_account = Arc::new(signing::verify(key_of(COMPATIBLE).sign(envelope)).expect("own signatures verify"));
    let receipts = venue.block(&[of_sub_account], None).receipts;
    assert!(matches!(receipts[0].outcome, Outcome::Orders { .. }), "{receipts:?}");
    assert_eq!(venue.state().orders_of(sub_account).count(), 1);
}

#[test]
fn a_vault_is_opened_and_paid_into() {
    let mut venue = long();
    let create = |nonce: u64| {
        map(vec![
            ("type", text("createVault")),
            ("name", text("calm")),
            ("description", text("sells rallies")),
            ("initialUsd", Value::Unsigned(200_000_000)),
            ("nonce", Value::Unsigned(nonce)),
        ])
    };
    // The action names the nonce that the envelope will have.
    let next = venue.nonce().get() + 1;
    let vault = created(&mut venue, &create(next));
    assert_eq!(usdc(&venue, vault), Amount::new(20_000_000_000));
    let transfer = |is_deposit, usd| {
        map(vec![
            ("type", text("vaultTransfer")),
            ("vaultAddress", text(&vault.to_string())),
            ("isDeposit", Value::Bool(is_deposit)),
            ("usd", usd),
        ])
    };
    assert_eq!(run(&mut venue, &transfer(true, Value::Unsigned(50_000_000))), Outcome::Done);
    assert_eq!(usdc(&venue, vault), Amount::new(25_000_000_000));
    let float = Value::Float(5_000_000f64.to_bits());
    assert!(matches!(rejected(run(&mut venue, &transfer(false, float))), Rejection::SharesLocked { .. }));
    let small = rejected(run(&mut venue, &transfer(true, Value::Unsigned(1))));
    assert!(matches!(small, Rejection::BelowMinimumDeposit { .. }), "{small:?}");
}
