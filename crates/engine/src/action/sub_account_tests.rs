//! Sub-accounts through the engine: who may act for them, where money goes, and with whom they do not trade.

use crate::testing::{COMPATIBLE, CORE, PERP, SPOT, USDC, Venue, account_of, key_of, price};
use palisade_types::{
    action::{Action, TransferDirection},
    address::AccountId,
    agent::AgentScope,
    envelope::{Envelope, HyperliquidSource, Payload},
    event::{CancelReason, Event},
    hash::sha256,
    hyperliquid::Value,
    ids::{AssetId, MarketId, UniverseId},
    limits::SUB_ACCOUNTS_PER_MASTER_MAX,
    numbers::{Amount, Size},
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
    rejection::{Inadmissible, Rejection},
    signing::{self, VerifiedAction, ed25519::Ed25519SecretKey},
};
use std::sync::Arc;

const UNIT: i128 = 100_000_000;

fn create(name: &str) -> Action {
    Action::CreateSubAccount { name: name.to_owned() }
}

fn created(venue: &mut Venue, master: &str, name: &str) -> AccountId {
    match venue.act(master, create(name)).outcome {
        Outcome::AccountCreated { account } => account,
        outcome => panic!("{outcome:?}"),
    }
}

fn transfer(sub_account: AccountId, whole: i128, direction: TransferDirection) -> Action {
    let amount = Amount::new(whole * UNIT);
    Action::TransferSubAccount { sub_account, universe: CORE, asset: USDC, amount, direction }
}

fn order(market: MarketId, side: Side, limit: &str, lots: u64) -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market,
            side,
            price: price(limit),
            size: Size::new(lots),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

fn verdict(venue: &Venue, action: &VerifiedAction) -> Result<(), Inadmissible> {
    venue.engine.admission(venue.engine.time_ms().saturating_add(10)).admit(action)
}

/// The result of an outcome's one order.
fn only(outcome: &Outcome) -> &OrderResult {
    match outcome {
        Outcome::Orders { results } if results.len() == 1 => &results[0],
        outcome => panic!("{outcome:?}"),
    }
}

/// What the one order of an outcome did: lots filled, lots resting.
fn filled_and_resting(outcome: &Outcome) -> (u64, u64) {
    match only(outcome) {
        OrderResult::Accepted { filled, resting, .. } => (filled.get(), resting.get()),
        result => panic!("{result:?}"),
    }
}

#[test]
fn a_sub_account_has_an_address_that_is_known_before() {
    let mut venue = Venue::new();
    let alice = account_of("alice");
    for (number, name) in ["hedges", "carry"].into_iter().enumerate() {
        let account = created(&mut venue, "alice", name);
        assert_eq!(account, AccountId::sub_account(alice, number as u64));
        assert!(venue.state().account(account).is_some(), "it exists at once");
        assert_eq!(venue.state().controller(account), Some(alice));
        assert_eq!(venue.state().group_of(account), alice);
    }
    let names: Vec<String> = venue.state().sub_accounts_of(alice).map(|(_, record)| record.name.clone()).collect();
    assert_eq!(names, ["hedges", "carry"], "in order of creation");
    assert_eq!(venue.state().sub_accounts_of(account_of("bob")).count(), 0);
    assert_ne!(AccountId::sub_account(alice, 0), AccountId::sub_account(account_of("bob"), 0));
    // Pinned: the address is consensus.
    let pinned = AccountId::sub_account(AccountId([1; 20]), 2).to_string();
    assert_eq!(pinned, "0xbcecf6c08a3c2ed5a708e16960286359f6ac62b1");
}

#[test]
fn names_and_numbers_are_bounded() {
    let mut venue = Venue::new();
    let alice = account_of("alice");
    let first = created(&mut venue, "alice", "0");
    let again = venue.refused("alice", alice, create("0"));
    assert_eq!(again, Rejection::NameInUse { name: "0".to_owned() });
    assert_eq!(venue.refused("alice", alice, create("")), Rejection::NameInUse { name: String::new() });
    let limit_bytes = 64;
    for name in ["x".repeat(65), "tab\t".to_owned(), "h\u{e9}".to_owned()] {
        assert_eq!(venue.refused("alice", alice, create(&name)), Rejection::InvalidName { limit_bytes });
    }
    assert_eq!(venue.refused("alice", first, create("nested")), Rejection::NotAMaster { account: first });
    let compatible = Action::SetHyperliquidCompatibility { enabled: true };
    assert_eq!(venue.refused("alice", first, compatible), Rejection::NotAMaster { account: first });
    for number in 1..SUB_ACCOUNTS_PER_MASTER_MAX {
        created(&mut venue, "alice", &number.to_string());
    }
    let limit = SUB_ACCOUNTS_PER_MASTER_MAX as u32;
    let rejection = venue.refused("alice", alice, create("more"));
    assert_eq!(rejection, Rejection::TooMany { what: "sub-accounts of one account".to_owned(), limit });
    // Names are unique per master, and the bound is each master's own.
    created(&mut venue, "bob", "0");
}

#[test]
fn money_goes_both_ways_and_no_further_than_it_is_free() {
    use TransferDirection::{Deposit, Withdraw};
    let mut venue = Venue::new();
    let (alice, bob) = (account_of("alice"), account_of("bob"));
    let sub = created(&mut venue, "alice", "hedges");
    let whole = |venue: &Venue, account| venue.state().balance(account, CORE, USDC).get() / UNIT;
    assert_eq!(venue.act("alice", transfer(sub, 1_000, Deposit)).outcome, Outcome::Done);
    assert_eq!(venue.act("alice", transfer(sub, 400, Withdraw)).outcome, Outcome::Done);
    assert_eq!((whole(&venue, alice), whole(&venue, sub)), (99_400, 600));
    let short = |required: i128, available: i128| Rejection::InsufficientBalance {
        asset: USDC,
        required: Amount::new(required * UNIT),
        available: Amount::new(available * UNIT),
    };
    assert_eq!(venue.refused("alice", alice, transfer(sub, 601, Withdraw)), short(601, 600));
    assert_eq!(venue.refused("alice", alice, transfer(sub, 99_401, Deposit)), short(99_401, 99_400));
    let stranger = venue.refused("bob", bob, transfer(sub, 1, Withdraw));
    assert_eq!(stranger, Rejection::NotYourSubAccount { sub_account: sub });
    let not_one = venue.refused("alice", alice, transfer(bob, 1, Withdraw));
    assert_eq!(not_one, Rejection::NotYourSubAccount { sub_account: bob });
    // A sub-account does not reach into its master.
    let reached = venue.refused("alice", sub, transfer(sub, 1, Deposit));
    assert_eq!(reached, Rejection::NotYourSubAccount { sub_account: sub });
    for amount in [0, -1] {
        let rejection = venue.refused("alice", alice, transfer(sub, amount, Deposit));
        assert_eq!(rejection, Rejection::AmountNotPositive { amount: Amount::new(amount * UNIT) });
    }
    let other = |universe, asset, amount| Action::TransferSubAccount {
        sub_account: sub,
        universe,
        asset,
        amount,
        direction: Deposit,
    };
    let (universe, asset, one) = (UniverseId::new(9), AssetId::new(9), Amount::new(1));
    assert_eq!(venue.refused("alice", alice, other(universe, USDC, one)), Rejection::UnknownUniverse { universe });
    assert_eq!(venue.refused("alice", alice, other(CORE, asset, one)), Rejection::UnknownAsset { asset });
    let huge = venue.refused("alice", alice, other(CORE, USDC, Amount::MAX));
    assert!(matches!(huge, Rejection::InsufficientBalance { .. }), "{huge:?}");
    // The master sends what the sub-account holds to anyone.
    let send = Action::Transfer { universe: CORE, to: bob, asset: USDC, amount: Amount::new(600 * UNIT) };
    assert_eq!(venue.act_for("alice", sub, send).outcome, Outcome::Done);
    assert_eq!((whole(&venue, bob), whole(&venue, sub)), (100_600, 0));
}

#[test]
fn positions_of_a_sub_account_are_margined_alone() {
    use TransferDirection::{Deposit, Withdraw};
    let mut venue = Venue::new();
    let sub = created(&mut venue, "alice", "hedges");
    venue.act("alice", transfer(sub, 100, Deposit));
    venue.set_index(AssetId::new(1), price("100"));
    // Alice has 99,900 USDC, which do not help the sub-account.
    let outcome = venue.act_for("alice", sub, order(PERP, Side::Buy, "100", 100)).outcome;
    let refused = matches!(only(&outcome), OrderResult::Rejected { rejection: Rejection::InsufficientMargin { .. } });
    assert!(refused, "{outcome:?}");
    let placed = venue.act_for("alice", sub, order(PERP, Side::Buy, "100", 10)).outcome;
    assert_eq!(filled_and_resting(&placed), (0, 10));
    venue.act("bob", order(PERP, Side::Sell, "100", 10));
    assert_eq!(venue.state().position(sub, PERP).expect("filled").position.get(), 10);
    assert!(venue.state().position(account_of("alice"), PERP).is_none());
    // 1000 of notional at 20x needs 50.
    let rejection = venue.refused("alice", account_of("alice"), transfer(sub, 51, Withdraw));
    assert!(matches!(rejection, Rejection::InsufficientBalance { .. }), "{rejection:?}");
    assert_eq!(venue.act("alice", transfer(sub, 49, Withdraw)).outcome, Outcome::Done);
}

#[test]
fn a_group_does_not_trade_with_itself() {
    let mut venue = Venue::new();
    let (first, second) = (created(&mut venue, "alice", "a"), created(&mut venue, "alice", "b"));
    let others = created(&mut venue, "bob", "a");
    for sub in [first, second] {
        venue.act("alice", transfer(sub, 1_000, TransferDirection::Deposit));
    }
    venue.act("bob", transfer(others, 1_000, TransferDirection::Deposit));
    let give = |to| Action::Transfer { universe: CORE, to, asset: AssetId::new(1), amount: Amount::new(9 * UNIT) };
    venue.act("alice", give(first));
    venue.act("bob", give(others));
    // Best first: a sibling and the master rest before a stranger's sub-account.
    let rests = |outcome: Outcome| assert_eq!(filled_and_resting(&outcome).1, 1);
    rests(venue.act_for("alice", first, order(SPOT, Side::Sell, "100", 1)).outcome);
    rests(venue.act("alice", order(SPOT, Side::Sell, "100.5", 1)).outcome);
    rests(venue.act_for("bob", others, order(SPOT, Side::Sell, "101", 1)).outcome);
    let buy = venue.sign_for("alice", second, order(SPOT, Side::Buy, "101", 1));
    let outcome = venue.block(&[buy], None);
    assert_eq!(filled_and_resting(&outcome.receipts[0].outcome), (1, 0));
    let canceled = |event: &Event| match event {
        Event::OrderCanceled { order, reason: CancelReason::SelfTrade } => Some(order.account),
        _ => None,
    };
    let owners: Vec<AccountId> = outcome.events.iter().filter_map(canceled).collect();
    assert_eq!(owners, [first, account_of("alice")]);
    let traded = outcome.events.iter().find_map(|event| match event {
        Event::Traded(trade) => Some((trade.maker.account, trade.taker.account)),
        _ => None,
    });
    assert_eq!(traded, Some((others, second)), "another master's sub-account is a stranger");
}

fn agent_key(name: &str) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"agent of ", name.as_bytes()]))
}

fn approve(name: &str, scope: AgentScope) -> Action {
    let agent = agent_key(name).signer_id();
    Action::ApproveAgent { agent, name: name.to_owned(), scope, expires_at_ms: None }
}

fn by_agent(venue: &mut Venue, name: &str, account: AccountId, action: Action) -> Arc<VerifiedAction> {
    let key = agent_key(name);
    let signer = key.signer_id();
    let envelope = Envelope { signer, account, ..venue.envelope("alice", Payload::Native { action }) };
    Arc::new(signing::verify(key.sign(envelope)).expect("own signatures verify"))
}

#[test]
fn the_master_and_its_agents_act_for_a_sub_account_and_nobody_else_does() {
    let mut venue = Venue::new();
    let (alice, sub) = (account_of("alice"), created(&mut venue, "alice", "hedges"));
    venue.act("alice", approve("trader", AgentScope::Trade));
    venue.act("alice", approve("guard", AgentScope::CancelOnly));
    venue.act("bob", approve("stranger", AgentScope::Trade));
    venue.act_for("alice", sub, approve("own", AgentScope::Trade));
    let buy = || order(SPOT, Side::Buy, "100", 1);
    let send = || Action::Transfer { universe: CORE, to: account_of("bob"), asset: USDC, amount: Amount::new(1) };
    let mut by = |name: &str, account: AccountId, action: Action| {
        let signed = by_agent(&mut venue, name, account, action);
        verdict(&venue, &signed)
    };
    let out_of_scope = |name: &str, kind: &str| {
        Err(Inadmissible::OutOfScope { signer: agent_key(name).signer_id(), kind: kind.into() })
    };
    let unknown =
        |name: &str, account| Err(Inadmissible::UnknownSigner { signer: agent_key(name).signer_id(), account });
    assert_eq!(by("trader", sub, buy()), Ok(()));
    assert_eq!(by("trader", sub, send()), out_of_scope("trader", "transfer"));
    assert_eq!(by("trader", alice, create("b")), out_of_scope("trader", "create_sub_account"));
    let withdraw = transfer(sub, 1, TransferDirection::Withdraw);
    assert_eq!(by("trader", alice, withdraw), out_of_scope("trader", "transfer_sub_account"));
    assert_eq!(by("guard", sub, buy()), out_of_scope("guard", "place"));
    assert_eq!(by("guard", sub, Action::CancelAll { market: None }), Ok(()));
    assert_eq!(by("own", sub, buy()), Ok(()));
    assert_eq!(by("own", alice, buy()), unknown("own", alice));
    assert_eq!(by("stranger", sub, buy()), unknown("stranger", sub));
    let by_bob = venue.sign_for("bob", sub, buy());
    let signer = key_of("bob").signer_id();
    assert_eq!(verdict(&venue, &by_bob), Err(Inadmissible::UnknownSigner { signer, account: sub }));
    let by_alice = venue.sign_for("alice", sub, send());
    assert_eq!(verdict(&venue, &by_alice), Ok(()));
}

#[test]
fn an_agent_that_the_same_block_retires_acts_no_more_for_a_sub_account() {
    let mut venue = Venue::new();
    let sub = created(&mut venue, "alice", "hedges");
    venue.act("alice", approve("trader", AgentScope::Trade));
    let agent = agent_key("trader").signer_id();
    let late = by_agent(&mut venue, "trader", sub, order(SPOT, Side::Buy, "100", 1));
    // Class A comes before class C, whatever the order in the block.
    let revoke = venue.sign("alice", Action::RevokeAgent { agent });
    let receipts = venue.block(&[late, revoke], None).receipts;
    let refused = receipts.iter().find(|receipt| receipt.account == sub).expect("one receipt per action");
    assert_eq!(refused.outcome, Outcome::Rejected { rejection: Rejection::NotYourAgent { agent } });
}

/// The format names no account but the vault: an order that a master signed for itself must not count for its
/// sub-account in an envelope that somebody else put around it.
#[test]
fn a_hyperliquid_signature_counts_for_the_account_that_it_covers_alone() {
    let mut venue = Venue::new();
    let (sub, others) = (created(&mut venue, COMPATIBLE, "hedges"), created(&mut venue, "alice", "hedges"));
    let text = |text: &str| text.to_owned();
    let cancel = Value::Map(vec![(text("a"), Value::Unsigned(0)), (text("o"), Value::Unsigned(1))]);
    let cancels = (text("cancels"), Value::Array(vec![cancel]));
    let action = Value::Map(vec![(text("type"), Value::String(text("cancel"))), cancels]);
    let mut wrapped = |name: &str, vault: Option<AccountId>, account: AccountId| {
        let action_msgpack = action.encode().expect("small");
        let payload = Payload::HyperliquidL1 { source: HyperliquidSource::Mainnet, action_msgpack, vault };
        let envelope = Envelope { account, ..venue.envelope(name, payload) };
        let signed = signing::verify(key_of(name).sign(envelope)).expect("own signatures verify");
        verdict(&venue, &signed)
    };
    let master = account_of(COMPATIBLE);
    assert_eq!(wrapped(COMPATIBLE, None, master), Ok(()));
    assert_eq!(wrapped(COMPATIBLE, Some(master), master), Ok(()));
    assert_eq!(wrapped(COMPATIBLE, Some(sub), sub), Ok(()), "the master opted in for it");
    assert_eq!(wrapped(COMPATIBLE, None, sub), Err(Inadmissible::AccountNotSigned { account: sub }));
    // A master that did not opt in has not for its sub-accounts.
    let signer = key_of("alice").signer_id();
    assert_eq!(wrapped("alice", Some(others), others), Err(Inadmissible::HyperliquidFormRefused { signer }));
}
