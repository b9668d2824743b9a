//! Blocks: what makes them invalid, timers, halts, and a change of rules.

use crate::{
    Engine, InvalidBlock, Rules,
    execute::{BlockInput, FULL_AUDIT_INTERVAL_BLOCKS, InvalidBlock as Invalid},
    rules::Migration,
    state::{PositionId, Record, RecordKey, ScheduledUpgrade, State, TestAccount},
    testing::{BTC, CORE, GENESIS_TIME, PERP, SPOT, USDC, Venue, account_of, bundle, check, genesis, price},
};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode},
    address::AccountId,
    event::Event,
    hash::{BlockDigest, sha256},
    ids::{Height, OrderId},
    limits::{BLOCK_ACTIONS_MAX, BLOCK_WEIGHT_MAX},
    numbers::{Amount, Position, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::Outcome,
    rejection::{Inadmissible, Rejection},
    time::TimeMs,
};
use std::sync::Arc;

fn spot_buy(size: u64) -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market: SPOT,
            side: Side::Buy,
            price: price("100"),
            size: Size::new(size),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

fn input<'a>(height: u64, time_ms: u64) -> BlockInput<'a> {
    BlockInput {
        height: Height::new(height),
        time_ms: TimeMs::new(time_ms),
        parent: BlockDigest::default(),
        oracle_bundle: None,
        actions: &[],
    }
}

#[test]
fn block_one_applies_the_genesis_allocation() {
    let mut venue = Venue::before_genesis(genesis());
    assert_eq!(venue.engine.height(), Height::new(0));
    assert_eq!(venue.engine.time_ms(), GENESIS_TIME);
    let action = venue.sign("alice", spot_buy(1));
    let refused = venue.block_at(GENESIS_TIME.saturating_add(5), &[action], None);
    let reason = Inadmissible::UnknownAccount { account: account_of("alice") };
    assert_eq!(refused.map(|_| ()), Err(Invalid::Inadmissible { index: 0, reason }));
    let outcome = venue.block(&[], None);
    let deposits = outcome.events.iter().filter(|event| matches!(event, Event::Deposited { .. })).count();
    assert_eq!(deposits, 10);
    assert_eq!(venue.state().custody(CORE, USDC), Amount::new(500_000 * 100_000_000));
    assert_eq!(venue.state().balance_total(CORE, BTC), Amount::new(5_000 * 100_000_000));
    assert_eq!(venue.engine.height(), Height::new(1));
}

#[test]
fn a_block_of_another_height_version_or_time_is_invalid() {
    let mut venue = Venue::new();
    let rules = venue.rules.clone();
    let now = venue.engine.time_ms().get();
    let mut check = |block: BlockInput<'_>, expected: InvalidBlock| {
        assert_eq!(venue.engine.execute(&rules, &block).map(|_| ()), Err(expected));
    };
    let (expected, found) = (Height::new(2), Height::new(3));
    check(input(3, now + 1), Invalid::WrongHeight { expected, found });
    let (earliest, latest) = (TimeMs::new(now + 1), TimeMs::new(now + 1_000));
    check(input(2, now), Invalid::WrongTime { found: TimeMs::new(now), earliest, latest });
    check(input(2, now + 1_001), Invalid::WrongTime { found: TimeMs::new(now + 1_001), earliest, latest });
    assert!(Rules::at(0).is_err() && Rules::at(2).is_err());
    let other = Rules::of_test(2, Migration { records_per_block: 1, step: move_accounts });
    let block = input(2, now + 1);
    assert_eq!(venue.engine.execute(&other, &block).map(|_| ()), Err(Invalid::WrongVersion { expected: 1, found: 2 }));
    assert!(venue.engine.execute(&rules, &input(2, now + 1_000)).is_ok());
}

#[test]
fn a_block_has_a_bound_on_actions_and_on_weight() {
    let mut venue = Venue::new();
    let one = venue.sign("alice", spot_buy(1));
    let many = vec![one; BLOCK_ACTIONS_MAX + 1];
    let time_ms = venue.engine.time_ms().saturating_add(10);
    let found = many.len();
    let refused = venue.block_at(time_ms, &many, None).map(|_| ());
    assert_eq!(refused, Err(Invalid::TooManyActions { found, limit: BLOCK_ACTIONS_MAX }));
    let Action::Place { orders } = spot_buy(1) else { unreachable!() };
    let batch = venue.sign("alice", Action::Place { orders: vec![orders[0]; 40] });
    let heavy = vec![batch; 741];
    let refused = venue.block_at(time_ms, &heavy, None).map(|_| ());
    assert_eq!(refused, Err(Invalid::TooHeavy { found: 741 * 81, limit: BLOCK_WEIGHT_MAX }));
}

#[test]
fn only_a_quorums_bundle_jumps_time_and_sets_the_index() {
    let mut venue = Venue::new();
    let jump = venue.engine.time_ms().saturating_add(3_600_000);
    let three = bundle(BTC, &[price("100"), price("101"), price("99")], jump);
    let outcome = venue.block_at(jump.saturating_add(1_000), &[], Some(&three)).expect("a quorum of three in four");
    assert!(outcome.events.iter().any(|event| {
        matches!(event, Event::IndexUpdated { asset: BTC, price: index, sources: 3, .. } if *index == price("100"))
    }));
    assert!(outcome.events.iter().any(|event| matches!(event, Event::MarkUpdated { market: PERP, .. })));
    let later = jump.saturating_add(2_000);
    let two = bundle(BTC, &[price("100"), price("101")], later);
    assert!(matches!(venue.block_at(later, &[], Some(&two)), Err(Invalid::Bundle(_))));
    assert!(matches!(venue.block_at(later, &[], Some(&three)), Err(Invalid::Bundle(_))), "the round is used");
    let late = bundle(BTC, &[price("100"); 4], later);
    let too_late = later.saturating_add(1_001);
    assert!(matches!(venue.block_at(too_late, &[], Some(&late)), Err(Invalid::WrongTime { .. })));
}

#[test]
fn a_dead_mans_switch_cancels_everything_at_its_time_unless_moved() {
    check(
        "
        alice schedule-cancel 4999            -> refused time_not_ahead
        alice buy BTC/USDC 1 @ 100 gtc        -> resting 1
        alice buy BTCm/USDC 1000 @ 99 gtc     -> resting 1000
        bob   buy BTC/USDC 1 @ 98 gtc         -> resting 1
        alice schedule-cancel 5010            -> done
        advance 3000
        alice schedule-cancel 9000            -> done
        advance 3000
        book BTC/USDC 1@100 1@98 |
        advance 6000
        book BTC/USDC 1@98 |
        book BTCm/USDC |
        alice holds USDC 100000
        alice buy BTC/USDC 1 @ 100 gtc        -> resting 1
        alice schedule-cancel 5010            -> done
        alice schedule-cancel off             -> done
        advance 6000
        book BTC/USDC 1@100 1@98 |
        ",
    );
}

#[test]
fn transfers_and_the_faucet() {
    check(
        "
        alice transfer bob USDC 10          -> done
        alice transfer alice USDC 10        -> refused invalid_recipient
        alice transfer bob USDC 0           -> refused amount_not_positive
        alice transfer bob USDC -1          -> refused amount_not_positive
        alice transfer bob BTC 1000.1       -> refused insufficient_balance
        alice transfer bob BTC 1000000000000000000000000000000 -> refused insufficient_balance
        alice transfer zoe BTC 1000         -> done
        zoe   holds BTC 1000
        alice holds BTC 0
        alice faucet BTC                    -> refused no_faucet
        alice faucet USDC                   -> done
        alice faucet USDC                   -> refused faucet_too_soon
        newcomer faucet USDC                -> done
        newcomer holds USDC 1000
        newcomer buy BTC/USDC 1 @ 100 gtc   -> resting 1
        advance 5000
        alice faucet USDC                   -> done
        alice holds USDC 101990
        ",
    );
    let mut venue = Venue::new();
    let (universe, asset) = (palisade_types::ids::UniverseId::new(7), palisade_types::ids::AssetId::new(7));
    let transfer =
        |universe, asset| Action::Transfer { universe, to: account_of("bob"), asset, amount: Amount::new(1) };
    let rejected = |rejection| Outcome::Rejected { rejection };
    let unknown = rejected(Rejection::UnknownUniverse { universe });
    assert_eq!(venue.act("alice", transfer(universe, USDC)).outcome, unknown);
    assert_eq!(venue.act("alice", transfer(CORE, asset)).outcome, rejected(Rejection::UnknownAsset { asset }));
    let market = palisade_types::ids::MarketId::new(7);
    let outcome = venue.act("alice", Action::CancelAll { market: Some(market) }).outcome;
    assert_eq!(outcome, rejected(Rejection::UnknownMarket { market }));
    for to in [AccountId::fees(CORE), AccountId::clearing(PERP), AccountId::default()] {
        let transfer = Action::Transfer { universe: CORE, to, asset: USDC, amount: Amount::new(1) };
        let rejection = Rejection::InvalidRecipient { to };
        assert_eq!(venue.act("alice", transfer).outcome, Outcome::Rejected { rejection });
    }
}

#[test]
fn lanes_run_cancels_first_then_post_only_then_takers() {
    check(
        "
        alice sell BTC/USDC 5 @ 100 gtc cloid 1  -> resting 5
        // whatever order the proposer chose, alice is out before bob takes
        bob   buy BTC/USDC 5 @ 101 ioc           -> filled 5 for 505
        + alice cancel BTC/USDC 1                -> canceled 1
        + carol sell BTC/USDC 5 @ 101 alo        -> resting 5
        book BTC/USDC |
        ",
    );
}

#[test]
fn accounts_are_shuffled_by_the_parent_and_take_turns() {
    let first_of = |parent: u8| {
        let mut venue = Venue::new();
        let mut actions = Vec::new();
        for name in ["alice", "bob", "carol"] {
            for _ in 0..2 {
                actions.push(venue.sign(name, spot_buy(1)));
            }
        }
        let block = BlockInput {
            parent: BlockDigest([parent; 32]),
            actions: &actions,
            ..input(2, venue.engine.time_ms().get() + 1)
        };
        let receipts = venue.engine.execute(&venue.rules.clone(), &block).expect("valid").receipts;
        let accounts: Vec<AccountId> = receipts.iter().map(|receipt| receipt.account).collect();
        assert_eq!(accounts[..3], accounts[3..], "one action per account and pass");
        let rank = |account: &AccountId| sha256(&[&[parent; 32], &[2], account.as_bytes()]);
        assert!(accounts[..3].is_sorted_by_key(rank));
        assert!(receipts[0].nonce < receipts[3].nonce);
        accounts[0]
    };
    let firsts: std::collections::BTreeSet<AccountId> = (0..20).map(first_of).collect();
    assert_eq!(firsts.len(), 3, "everyone is first sometimes");
}

/// Changes the state behind the ledger's back.
fn corrupt(venue: &mut Venue, record: Record) {
    venue.engine.state_mut().put(record);
    venue.engine.state_mut().finish_block();
}

#[test]
fn an_invariant_violated_inside_an_action_reverts_it_and_halts_its_universe() {
    let mut venue = check(
        "
        index BTC 100
        alice buy BTC/USDC 3 @ 100 gtc cloid 1 -> resting 3
        ",
    );
    let id = PositionId { account: account_of("erin"), market: PERP };
    let record = crate::state::PositionRecord {
        position: Position::new(1),
        entry_cost_usd: Usd::ZERO,
        funding_index: Default::default(),
    };
    corrupt(&mut venue, Record::Position { id, record });
    let order = |side, size| OrderRequest {
        market: PERP,
        side,
        price: price("100"),
        size: Size::new(size),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    let rules = venue.rules.clone();
    let mut run = |name: &str, action: Action| {
        let signed = venue.sign(name, action);
        let block = BlockInput {
            actions: &[signed],
            ..input(venue.engine.height().next().get(), venue.engine.time_ms().get() + 1)
        };
        venue.engine.execute(&rules, &block).expect("valid")
    };
    run("alice", Action::Place { orders: vec![order(Side::Buy, 5)] });
    let outcome = run("bob", Action::Place { orders: vec![order(Side::Sell, 2)] });
    let Outcome::Rejected { rejection: Rejection::InvariantViolated { invariant } } = &outcome.receipts[0].outcome
    else {
        panic!("{:?}", outcome.receipts);
    };
    assert!(invariant.starts_with("I2"), "{invariant}");
    assert!(
        matches!(outcome.events.as_slice(), [Event::UniverseHalted { universe: CORE, .. }]),
        "{:?}",
        outcome.events
    );
    let refused = run("bob", Action::Place { orders: vec![order(Side::Sell, 2)] });
    assert!(format!("{:?}", refused.receipts[0].outcome).contains("UniverseHalted"));
    let refused =
        run("bob", Action::Transfer { universe: CORE, to: account_of("alice"), asset: USDC, amount: Amount::new(1) });
    assert!(format!("{:?}", refused.receipts[0].outcome).contains("UniverseHalted"));
    let leverage = Action::UpdateLeverage { market: PERP, leverage: 2, margin_mode: MarginMode::Cross };
    let refused = run("bob", leverage);
    assert!(format!("{:?}", refused.receipts[0].outcome).contains("UniverseHalted"));
    let canceled = run("alice", Action::CancelAll { market: None });
    let Outcome::Cancels { results } = &canceled.receipts[0].outcome else { panic!("{canceled:?}") };
    assert_eq!(results.len(), 2, "cancels always work");
    assert!(venue.state().chain().halted.is_none());
}

/// Empty blocks until the full audit finds what is wrong.
fn halted_by_the_full_audit(venue: &mut Venue) -> String {
    let rules = venue.rules.clone();
    loop {
        let block = input(venue.engine.height().next().get(), venue.engine.time_ms().get() + 1);
        let outcome = venue.engine.execute(&rules, &block).expect("valid");
        let halted = outcome.events.iter().find_map(|event| match event {
            Event::ChainHalted { invariant } => Some(invariant.clone()),
            _ => None,
        });
        let height = venue.engine.height().get();
        if let Some(invariant) = halted {
            assert_eq!(height, FULL_AUDIT_INTERVAL_BLOCKS);
            return invariant;
        }
        assert!(height < FULL_AUDIT_INTERVAL_BLOCKS, "nothing found");
    }
}

/// Balances still sum to custody, but a market without positions owes.
#[test]
fn clearing_that_owes_without_positions_halts_the_chain() {
    let mut venue = Venue::new();
    for (account, amount) in [(AccountId::clearing(PERP), -1), (AccountId::fees(CORE), 1)] {
        let id = crate::state::BalanceId { account, universe: CORE, asset: USDC };
        corrupt(&mut venue, Record::Balance { id, record: Amount::new(amount) });
    }
    let invariant = halted_by_the_full_audit(&mut venue);
    assert!(invariant.starts_with("I2"), "{invariant}");
}

/// All sums are right, but margin would be taken for a position that the account does not have.
#[test]
fn a_standing_that_is_not_the_record_halts_the_chain() {
    let held = crate::state::PositionRecord {
        position: Position::new(1),
        entry_cost_usd: Usd::ZERO,
        funding_index: Default::default(),
    };
    for (name, position, expected) in
        [("alice", crate::state::PositionRecord::default(), "the standing of"), ("carol", held, "3 positions stand")]
    {
        let mut venue = check(
            "
            index BTC 100
            alice buy BTC 4 @ 100 gtc   -> resting 4
            bob   sell BTC 4 @ 100 gtc  -> filled 4 for 400
            ",
        );
        venue.engine.state_mut().corrupt_standing(account_of(name), PERP, position);
        let invariant = halted_by_the_full_audit(&mut venue);
        assert!(invariant.starts_with(expected), "{invariant}");
    }
}

#[test]
fn a_full_audit_that_fails_halts_the_chain_for_all_but_cancels() {
    let mut venue = check("alice buy BTC/USDC 3 @ 100 gtc cloid 1 -> resting 3");
    let id = crate::state::CustodyId { universe: CORE, asset: BTC };
    corrupt(&mut venue, Record::Custody { id, record: Amount::new(1) });
    let invariant = halted_by_the_full_audit(&mut venue);
    assert!(invariant.starts_with("I1"), "{invariant}");
    let rules = venue.rules.clone();
    let refused = venue.sign("bob", spot_buy(1));
    let time_ms = venue.engine.time_ms();
    assert_eq!(venue.engine.admission(time_ms).admit(&refused), Err(Inadmissible::ChainHalted));
    let cancel = CancelRequest { market: SPOT, order: OrderReference::Id(OrderId::new(1)) };
    let cancel = venue.sign("alice", Action::Cancel { cancels: vec![cancel] });
    let actions: [Arc<_>; 1] = [cancel];
    let block = BlockInput { actions: &actions, ..input(venue.engine.height().next().get(), time_ms.get() + 1) };
    venue.engine.execute(&rules, &block).expect("cancels are admissible");
    assert_eq!(venue.state().open_order_count(), 0);
}

/// The test's migration: what accounts used moves to a record of its own, in order of account.
fn move_accounts(state: &mut State, cursor: Option<Vec<u8>>, records: usize) -> Option<Vec<u8>> {
    let done: Option<AccountId> = cursor.map(|bytes| AccountId(bytes.try_into().expect("20 bytes")));
    let next: Vec<(AccountId, u64)> = state
        .accounts()
        .filter(|(account, _)| done.is_none_or(|done| *account > done))
        .take(records)
        .map(|(account, record)| (account, record.actions_used))
        .collect();
    for &(id, actions_used) in &next {
        state.put(Record::TestAccount { id, record: TestAccount { actions_used, moved: true } });
    }
    if next.len() < records { None } else { next.last().map(|(account, _)| account.0.to_vec()) }
}

#[test]
fn a_scheduled_change_of_rules_migrates_in_bounded_steps_that_turn_back() {
    let mut venue = check("alice buy BTC/USDC 3 @ 100 gtc -> resting 3");
    let upgrade_height = venue.engine.height().get() + 3;
    let mut chain = venue.state().chain().clone();
    chain.scheduled_upgrade = Some(ScheduledUpgrade { version: 2, height: Height::new(upgrade_height) });
    corrupt(&mut venue, Record::Chain { id: (), record: chain });
    let first = venue.rules.clone();
    let second = Rules::of_test(2, Migration { records_per_block: 2, step: move_accounts });
    let mut undos = Vec::new();
    let mut snapshots = vec![venue.state().clone()];
    for _ in 0..8 {
        let height = venue.engine.height().next().get();
        let rules = if height < upgrade_height { &first } else { &second };
        assert_eq!(venue.engine.next_protocol_version(), rules.version());
        let block = input(height, venue.engine.time_ms().get() + 1);
        let other = if height < upgrade_height { &second } else { &first };
        assert!(matches!(venue.engine.execute(other, &block), Err(Invalid::WrongVersion { .. })));
        // A node that starts from disk in the middle of the migration goes on where it was.
        let values: Vec<_> = venue.state().records().map(|record| record.encode()).collect();
        let mut cold = Engine::from_records(Arc::new(genesis()), values.into_iter()).expect("own records");
        let cold_outcome = cold.execute(rules, &block).expect("valid");
        let outcome = venue.engine.execute(rules, &block).expect("valid");
        assert_eq!(outcome.writes, cold_outcome.writes);
        let moved = outcome.writes.iter().filter(|write| matches!(write.name, RecordKey::TestAccount(_))).count();
        assert!(moved <= 2, "bounded per block");
        undos.push(outcome.undo);
        snapshots.push(venue.state().clone());
    }
    assert_eq!(venue.state().tables_for_tests().test_accounts.len(), venue.state().accounts().count());
    assert_eq!(venue.state().tables_for_tests().test_accounts[&account_of("alice")].actions_used, 1);
    assert!(venue.state().chain().migration.is_none());
    for undo in undos.into_iter().rev() {
        assert_eq!(Some(venue.state()), snapshots.last());
        snapshots.pop();
        venue.engine.revert(undo);
    }
    assert_eq!(Some(venue.state()), snapshots.last());
}
