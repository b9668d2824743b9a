//! Every reason for which an action may not be in a block, and the budget's and nonces' bounds.

use super::budget_caps;
use crate::testing::{
    CHAIN_ID, COMPATIBLE, CORE, GENESIS_TIME, SPOT, USDC, Venue, account_of, genesis, key_of, price, usd,
};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode},
    address::SignerId,
    agent::AgentScope,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload},
    hash::sha256,
    ids::{Nonce, OrderId, TwapId},
    limits::{AGENTS_PER_ACCOUNT_MAX, NONCE_FUTURE_MS, NONCE_PAST_MS, NONCES_KEPT},
    numbers::{Amount, Rate, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    quote::Quote,
    receipt::Outcome,
    rejection::{Inadmissible, Rejection},
    signing::{self, VerifiedAction, ed25519::Ed25519SecretKey},
    time::TimeMs,
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
    twap::TwapRequest,
};
use std::sync::Arc;

fn buy() -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market: SPOT,
            side: Side::Buy,
            price: price("100"),
            size: Size::new(1),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

fn cancel() -> Action {
    Action::Cancel { cancels: vec![CancelRequest { market: SPOT, order: OrderReference::Id(OrderId::new(1)) }] }
}

fn agent_key(name: &str) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"agent key ", name.as_bytes()]))
}

/// An action for `account`, signed by an agent's key.
fn by_agent(venue: &mut Venue, agent: &str, account: &str, action: Action) -> Arc<VerifiedAction> {
    let key = agent_key(agent);
    let envelope = Envelope { signer: key.signer_id(), ..venue.envelope(account, Payload::Native { action }) };
    Arc::new(signing::verify(key.sign(envelope)).expect("own signatures verify"))
}

fn approve(
    venue: &mut Venue,
    account: &str,
    agent: &str,
    name: &str,
    scope: AgentScope,
    ahead_ms: Option<u64>,
) -> Outcome {
    let expires_at_ms = ahead_ms.map(|ahead_ms| venue.engine.time_ms().saturating_add(ahead_ms));
    let action =
        Action::ApproveAgent { agent: agent_key(agent).signer_id(), name: name.to_owned(), scope, expires_at_ms };
    venue.act(account, action).outcome
}

fn verdict(venue: &Venue, action: &VerifiedAction) -> Result<(), Inadmissible> {
    venue.engine.admission(venue.engine.time_ms().saturating_add(10)).admit(action)
}

fn sign(venue: &mut Venue, change: impl FnOnce(&mut Envelope)) -> Arc<VerifiedAction> {
    let mut envelope = venue.envelope("alice", Payload::Native { action: buy() });
    change(&mut envelope);
    Arc::new(signing::verify(key_of("alice").sign(envelope)).expect("own signatures verify"))
}

#[test]
fn chain_expiry_and_account() {
    let mut venue = Venue::new();
    let other_chain = sign(&mut venue, |envelope| envelope.chain_id = 1);
    let expected = Inadmissible::WrongChain { expected: CHAIN_ID, found: 1 };
    assert_eq!(verdict(&venue, &other_chain), Err(expected));
    let now = venue.engine.time_ms().saturating_add(10);
    let last_moment = sign(&mut venue, |envelope| envelope.expires_after_ms = Some(now));
    assert_eq!(verdict(&venue, &last_moment), Ok(()));
    let expires_after_ms = now.saturating_sub(1);
    let expired = sign(&mut venue, |envelope| envelope.expires_after_ms = Some(expires_after_ms));
    let expected = Inadmissible::Expired { expires_after_ms, block_time_ms: now };
    assert_eq!(verdict(&venue, &expired), Err(expected));
    let stranger = venue.sign("stranger", buy());
    assert_eq!(verdict(&venue, &stranger), Err(Inadmissible::UnknownAccount { account: account_of("stranger") }));
    let foreign = sign(&mut venue, |envelope| envelope.account = account_of("bob"));
    let signer = key_of("alice").signer_id();
    assert_eq!(verdict(&venue, &foreign), Err(Inadmissible::UnknownSigner { signer, account: account_of("bob") }));
}

/// One of each action that only somebody who trades may send.
fn special_orders() -> Vec<Action> {
    let market = crate::testing::PERP;
    let (side, size, price) = (Side::Buy, Size::new(100), price("100"));
    let trigger = TriggerRequest {
        market,
        side,
        size,
        trigger_price: price,
        purpose: TriggerPurpose::StopLoss,
        limit: None,
        reduce_only: false,
        client_order_id: None,
    };
    let twap = TwapRequest { market, side, size, duration_minutes: 5, randomize: false, reduce_only: false };
    vec![
        Action::PlaceTriggers { parent: None, triggers: vec![trigger], grouping: TriggerGrouping::Single },
        Action::PlaceTwap { twap },
        Action::PlaceScale {
            market,
            side,
            size,
            price_from: price,
            price_to: price,
            orders: 2,
            skew: Rate::new(1_000_000),
            post_only: true,
            reduce_only: false,
        },
        Action::SetMarketMakerProtection { market, terms: None },
        Action::ResetMarketMakerProtection { market },
        Action::MassQuote { quotes: vec![Quote { market, bid: None, ask: None }] },
    ]
}

#[test]
fn an_agent_acts_within_its_scope_until_it_ends() {
    let mut venue = Venue::new();
    let early = by_agent(&mut venue, "a1", "alice", buy());
    assert!(matches!(verdict(&venue, &early), Err(Inadmissible::UnknownSigner { .. })));
    assert_eq!(approve(&mut venue, "alice", "a1", "trader", AgentScope::Trade, None), Outcome::Done);
    assert_eq!(approve(&mut venue, "alice", "a2", "guard", AgentScope::CancelOnly, Some(2_000)), Outcome::Done);
    assert_eq!(verdict(&venue, &early), Ok(()));
    let for_bob = by_agent(&mut venue, "a1", "bob", buy());
    assert!(matches!(verdict(&venue, &for_bob), Err(Inadmissible::UnknownSigner { .. })));
    let leverage = Action::UpdateLeverage { market: crate::testing::PERP, leverage: 2, margin_mode: MarginMode::Cross };
    let owners = [
        Action::Transfer { universe: CORE, to: account_of("bob"), asset: USDC, amount: Amount::new(1) },
        Action::ClaimFaucet { asset: USDC },
        Action::SetHyperliquidCompatibility { enabled: true },
        Action::RevokeAgent { agent: agent_key("a2").signer_id() },
        Action::ApproveAgent {
            agent: agent_key("a9").signer_id(),
            name: String::new(),
            scope: AgentScope::Trade,
            expires_at_ms: None,
        },
    ];
    for action in owners {
        let kind = action.kind().to_owned();
        let signed = by_agent(&mut venue, "a1", "alice", action);
        let signer = agent_key("a1").signer_id();
        assert_eq!(verdict(&venue, &signed), Err(Inadmissible::OutOfScope { signer, kind }));
    }
    let cases = [(buy(), true, false), (leverage, true, false), (cancel(), true, true)];
    let special = special_orders().into_iter().map(|action| (action, true, false));
    let end = (Action::CancelTwap { twap: TwapId::new(1) }, true, true);
    for (action, trader, guard) in cases.into_iter().chain(special).chain([end]) {
        for (agent, allowed) in [("a1", trader), ("a2", guard)] {
            let signed = by_agent(&mut venue, agent, "alice", action.clone());
            assert_eq!(verdict(&venue, &signed).is_ok(), allowed, "{agent} {}", action.kind());
        }
    }
    let late = by_agent(&mut venue, "a2", "alice", cancel());
    venue.advance(1_980);
    assert_eq!(verdict(&venue, &late), Err(Inadmissible::AgentRetired { signer: agent_key("a2").signer_id() }));
    venue.advance(100);
    assert!(venue.state().agent(agent_key("a2").signer_id()).expect("records stay").retired);
    assert_eq!(venue.state().agents_of(account_of("alice")).count(), 1);
}

#[test]
fn agent_keys_are_fresh_names_replace_and_numbers_are_bounded() {
    let mut venue = Venue::new();
    let rejected = |rejection| Outcome::Rejected { rejection };
    let id = |name: &str| agent_key(name).signer_id();
    assert_eq!(approve(&mut venue, "alice", "a1", "bot", AgentScope::Trade, None), Outcome::Done);
    let again = approve(&mut venue, "bob", "a1", "bot", AgentScope::Trade, None);
    assert_eq!(again, rejected(Rejection::AgentNotFresh { agent: id("a1") }));
    assert_eq!(approve(&mut venue, "alice", "a2", "bot", AgentScope::Trade, None), Outcome::Done);
    let replaced = by_agent(&mut venue, "a1", "alice", buy());
    assert_eq!(verdict(&venue, &replaced), Err(Inadmissible::AgentRetired { signer: id("a1") }));
    let back = approve(&mut venue, "alice", "a1", "bot", AgentScope::Trade, None);
    assert_eq!(back, rejected(Rejection::AgentNotFresh { agent: id("a1") }));
    let account = Action::ApproveAgent {
        agent: SignerId::Address(account_of("carol")),
        name: "carol".to_owned(),
        scope: AgentScope::Trade,
        expires_at_ms: None,
    };
    let agent = SignerId::Address(account_of("carol"));
    assert_eq!(venue.act("alice", account).outcome, rejected(Rejection::AgentNotFresh { agent }));
    for name in ["x".repeat(65), "tab\t".to_owned(), "ümlaut".to_owned()] {
        let outcome = approve(&mut venue, "alice", "a3", &name, AgentScope::Trade, None);
        assert_eq!(outcome, rejected(Rejection::InvalidName { limit_bytes: 64 }));
    }
    let past = approve(&mut venue, "alice", "a3", "past", AgentScope::Trade, Some(0));
    assert!(matches!(past, Outcome::Rejected { rejection: Rejection::TimeNotAhead { .. } }), "{past:?}");
    for number in 1..AGENTS_PER_ACCOUNT_MAX {
        let name = format!("n{number}");
        assert_eq!(approve(&mut venue, "alice", &name, &name, AgentScope::Trade, None), Outcome::Done);
    }
    let one_more = approve(&mut venue, "alice", "a4", "more", AgentScope::Trade, None);
    assert_eq!(one_more, rejected(Rejection::TooManyAgents { limit: 16 }));
    assert_eq!(approve(&mut venue, "alice", "a5", "n1", AgentScope::Trade, None), Outcome::Done);
    let revoke = |venue: &mut Venue, name: &str| venue.act("alice", Action::RevokeAgent { agent: id(name) }).outcome;
    assert_eq!(revoke(&mut venue, "a5"), Outcome::Done);
    assert_eq!(revoke(&mut venue, "a5"), rejected(Rejection::NotYourAgent { agent: id("a5") }));
    assert_eq!(revoke(&mut venue, "zz"), rejected(Rejection::NotYourAgent { agent: id("zz") }));
}

#[test]
fn an_agent_revoked_earlier_in_the_block_does_nothing() {
    let mut venue = Venue::new();
    approve(&mut venue, "alice", "a1", "bot", AgentScope::Trade, None);
    let agent = agent_key("a1").signer_id();
    let order = by_agent(&mut venue, "a1", "alice", buy());
    let revoke = venue.sign("alice", Action::RevokeAgent { agent });
    let receipts = venue.block(&[order, revoke], None).receipts;
    let outcomes: Vec<_> = receipts.into_iter().map(|receipt| receipt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Rejected { rejection: Rejection::NotYourAgent { agent } }]);
    assert_eq!(venue.state().open_order_count(), 0);
}

#[test]
fn nonces_are_fresh_in_their_window_and_above_what_was_forgotten() {
    let mut venue = Venue::new();
    let now = venue.engine.time_ms().saturating_add(10);
    let with_nonce = |venue: &mut Venue, nonce: u64| sign(venue, |envelope| envelope.nonce = Nonce::new(nonce));
    for (nonce, allowed) in [
        (now.get() - NONCE_PAST_MS, true),
        (now.get() - NONCE_PAST_MS - 1, false),
        (now.get() + NONCE_FUTURE_MS, true),
        (now.get() + NONCE_FUTURE_MS + 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let action = with_nonce(&mut venue, nonce);
        let result = verdict(&venue, &action);
        assert_eq!(result.is_ok(), allowed, "{nonce} {result:?}");
    }
    let base = now.get() - 10_000;
    let first = with_nonce(&mut venue, base);
    venue.block(std::slice::from_ref(&first), None);
    assert_eq!(verdict(&venue, &first), Err(Inadmissible::NonceUsed { nonce: Nonce::new(base) }));
    let lower = with_nonce(&mut venue, base - 1);
    assert_eq!(verdict(&venue, &lower), Ok(()), "the set is not full");
    let others: Vec<_> = (1..NONCES_KEPT as u64).map(|step| with_nonce(&mut venue, base + step)).collect();
    venue.block(&others, None);
    let expected = Inadmissible::NonceTooLow { nonce: Nonce::new(base - 1), smallest_kept: Nonce::new(base) };
    assert_eq!(verdict(&venue, &lower), Err(expected));
    let next = with_nonce(&mut venue, base + 5_000);
    venue.block(&[next], None);
    let kept = venue.state().nonces(key_of("alice").signer_id()).expect("she signed").kept().len();
    assert_eq!(kept, NONCES_KEPT);
    assert!(matches!(verdict(&venue, &first), Err(Inadmissible::NonceTooLow { .. })), "forgotten, but below the floor");
}

#[test]
fn one_nonce_counts_once_within_a_block() {
    let mut venue = Venue::new();
    let action = venue.sign("alice", buy());
    let nonce = action.envelope().nonce;
    let time_ms = venue.engine.time_ms().saturating_add(10);
    let refused = venue.block_at(time_ms, &[action.clone(), action], None).map(|_| ());
    let reason = Inadmissible::NonceUsed { nonce };
    assert_eq!(refused, Err(crate::InvalidBlock::Inadmissible { index: 1, reason }));
}

#[test]
fn budget_is_charged_for_rejected_actions_too_and_cancels_have_an_allowance() {
    let mut small = genesis();
    small.action_budget.initial = 3;
    small.action_budget.cancel_allowance = 2;
    small.action_budget.per_usd_traded = 0;
    let mut venue = Venue::with(small);
    let rejected = Action::Transfer { universe: CORE, to: account_of("alice"), asset: USDC, amount: Amount::new(1) };
    for _ in 0..2 {
        assert!(matches!(venue.act("alice", rejected.clone()).outcome, Outcome::Rejected { .. }));
    }
    let Action::Place { orders } = buy() else { unreachable!() };
    let two = venue.sign("alice", Action::Place { orders: vec![orders[0]; 2] });
    assert_eq!(verdict(&venue, &two), Err(Inadmissible::BudgetExhausted { used: 2, cap: 3 }));
    venue.act("alice", buy());
    let one = venue.sign("alice", buy());
    assert_eq!(verdict(&venue, &one), Err(Inadmissible::BudgetExhausted { used: 3, cap: 3 }));
    venue.act("alice", cancel());
    venue.act("alice", cancel());
    let sixth = venue.sign("alice", cancel());
    assert_eq!(verdict(&venue, &sixth), Err(Inadmissible::BudgetExhausted { used: 5, cap: 5 }));
    venue.advance(10_000);
    assert_eq!(verdict(&venue, &sixth), Ok(()), "time refills");
    assert!(matches!(verdict(&venue, &one), Err(Inadmissible::BudgetExhausted { used: 5, cap: 4 })));
}

#[test]
fn budget_is_earned_by_volume_and_cancels_never_exceed_twice_the_cap() {
    let terms = genesis();
    let mut record = *Venue::new().state().account(account_of("alice")).expect("funded");
    let now = record.created_at_ms;
    record.volume_usd = usd("2500.99");
    let caps = budget_caps(&terms, Some(&record), now);
    assert_eq!((caps.any, caps.cancels), (12_500, 25_000));
    record.volume_usd = usd("1000000");
    let caps = budget_caps(&terms, Some(&record), now.saturating_add(20_500));
    assert_eq!((caps.any, caps.cancels), (1_010_002, 1_110_002));
    let caps = budget_caps(&terms, None, TimeMs::new(u64::MAX));
    assert_eq!((caps.any, caps.cancels), (10_000, 20_000));
}

fn l1(venue: &mut Venue, account: &str, signer: &str, msgpack: Vec<u8>) -> Arc<VerifiedAction> {
    let payload = Payload::HyperliquidL1 { source: HyperliquidSource::Testnet, action_msgpack: msgpack, vault: None };
    let key = key_of(signer);
    let envelope = Envelope { signer: key.signer_id(), ..venue.envelope(account, payload) };
    Arc::new(signing::verify(key.sign(envelope)).expect("own signatures verify"))
}

/// `{"type":"cancel","cancels":[{"a":10000,"o":1}]}`
fn cancel_msgpack() -> Vec<u8> {
    let mut bytes = vec![0x82, 0xa4];
    bytes.extend(b"type");
    bytes.push(0xa6);
    bytes.extend(b"cancel");
    bytes.push(0xa7);
    bytes.extend(b"cancels");
    bytes.extend([0x91, 0x82, 0xa1, b'a', 0xcd, 0x27, 0x10, 0xa1, b'o', 0x01]);
    bytes
}

fn user_signed(venue: &mut Venue, account: &str, action: HyperliquidUserAction) -> Arc<VerifiedAction> {
    let payload = Payload::HyperliquidUser { source: HyperliquidSource::Mainnet, signature_chain_id: 421_614, action };
    let envelope = venue.envelope(account, payload);
    Arc::new(signing::verify(key_of(account).sign(envelope)).expect("own signatures verify"))
}

#[test]
fn hyperliquids_form_counts_only_by_opt_in_or_from_agents_approved_natively() {
    let mut venue = Venue::new();
    let own = l1(&mut venue, COMPATIBLE, COMPATIBLE, cancel_msgpack());
    assert_eq!(verdict(&venue, &own), Ok(()));
    let refused = l1(&mut venue, "alice", "alice", cancel_msgpack());
    let signer = key_of("alice").signer_id();
    assert_eq!(verdict(&venue, &refused), Err(Inadmissible::HyperliquidFormRefused { signer }));
    let native = Action::ApproveAgent {
        agent: key_of("alices agent").signer_id(),
        name: "bot".to_owned(),
        scope: AgentScope::Trade,
        expires_at_ms: None,
    };
    venue.act("alice", native);
    let by_agent = l1(&mut venue, "alice", "alices agent", cancel_msgpack());
    assert_eq!(verdict(&venue, &by_agent), Ok(()), "a key that no other chain knows");
    let receipts = venue.block(&[by_agent], None).receipts;
    assert!(matches!(receipts[0].outcome, Outcome::Cancels { .. }));
    venue.act("alice", Action::SetHyperliquidCompatibility { enabled: true });
    assert_eq!(verdict(&venue, &refused), Ok(()));
    venue.act("alice", Action::SetHyperliquidCompatibility { enabled: false });
    assert!(verdict(&venue, &refused).is_err());
}

#[test]
fn an_agent_approved_in_hyperliquids_form_counts_while_the_account_opts_in() {
    let mut venue = Venue::new();
    let approve = HyperliquidUserAction::ApproveAgent {
        agent_address: account_of("erins agent"),
        agent_name: format!("bot valid_until {}", GENESIS_TIME.get() + 60_000),
    };
    let refused = user_signed(&mut venue, "alice", approve.clone());
    assert!(matches!(verdict(&venue, &refused), Err(Inadmissible::HyperliquidFormRefused { .. })));
    let signed = user_signed(&mut venue, COMPATIBLE, approve);
    assert_eq!(venue.block(&[signed], None).receipts[0].outcome, Outcome::Done);
    let agent = venue.state().agent(key_of("erins agent").signer_id()).expect("approved");
    assert_eq!((agent.name.as_str(), agent.approved_natively), ("bot", false));
    assert_eq!(agent.expires_at_ms, Some(GENESIS_TIME.saturating_add(60_000)));
    let by_agent = l1(&mut venue, COMPATIBLE, "erins agent", cancel_msgpack());
    assert_eq!(verdict(&venue, &by_agent), Ok(()));
    venue.act(COMPATIBLE, Action::SetHyperliquidCompatibility { enabled: false });
    assert!(matches!(verdict(&venue, &by_agent), Err(Inadmissible::HyperliquidFormRefused { .. })));
}

#[test]
fn hyperliquids_fund_movements_move_funds_of_accounts_that_opted_in() {
    let mut venue = Venue::new();
    let outcome = |venue: &mut Venue, action: HyperliquidUserAction| {
        let signed = user_signed(venue, COMPATIBLE, action);
        venue.block(&[signed], None).receipts.remove(0).outcome
    };
    let to = account_of("zoe");
    let usd_send =
        |amount: &str| HyperliquidUserAction::UsdSend { destination: to.to_string(), amount: amount.to_owned() };
    let spot_send = |token: &str| HyperliquidUserAction::SpotSend {
        destination: to.to_string(),
        token: token.to_owned(),
        amount: "0.5".to_owned(),
    };
    assert_eq!(outcome(&mut venue, usd_send("12.5")), Outcome::Done);
    assert_eq!(outcome(&mut venue, spot_send("BTC:0x11")), Outcome::Done);
    assert_eq!(venue.state().balance(to, CORE, USDC), Amount::new(1_250_000_000));
    assert_eq!(venue.state().balance(to, CORE, crate::testing::BTC), Amount::new(50_000_000));
    for (action, code) in [
        (usd_send("1e3"), "InvalidNumber"),
        (usd_send("-1"), "AmountNotPositive"),
        (usd_send("0.000000001"), "InvalidNumber"),
        (spot_send("DOGE:0x11"), "Unsupported"),
        (HyperliquidUserAction::UsdSend { destination: "0x12".to_owned(), amount: "1".to_owned() }, "InvalidNumber"),
    ] {
        let outcome = outcome(&mut venue, action);
        assert!(format!("{outcome:?}").contains(code), "{outcome:?}");
    }
}
