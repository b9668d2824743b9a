//! What a debt needs, and how units come and go; who lacks collateral is in `synthetics/liquidation_tests.rs`, a naive model in
//! `synthetics/model_tests.rs`.

use super::{
    REDEEMED_POSITIONS_MAX, Units, debt_violation,
    table::{TOKEN, UNIT, act, genesis_with, index, refused, run, spec, units, venue, venue_with, worth},
    violation,
};
use crate::{
    action::{self, Actor},
    backstop::current,
    execute::audit_for_tests,
    state::{DebtId, DebtRecord, IndexRecord, Record, SyntheticRecord, UniverseRecord},
    testing::{BTC, CORE, USDC, Venue, account_of, cases, price, scenario_on, usd},
    work::Work,
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::Event,
    hash::ActionId,
    ids::UniverseId,
    numbers::{Amount, Price, Rate, Usd},
    receipt::Outcome,
    rejection::Rejection,
    synthetic::SyntheticSpec,
};
use proptest::prelude::*;

#[test]
fn units_are_minted_and_burned() {
    run(
        &mut venue(),
        "
        alice mint 10 with 1500           -> done
        alice owes 10 with 1500
        alice has 10
        alice cash 98499
        fees cash 1
        short 0
        alice add 100                     -> done
        alice owes 10 with 1600
        alice take 100                    -> done
        alice take 0.00000001             -> refused debt_collateral_needed
        alice mint 2 with 0               -> refused debt_collateral_needed
        alice burn 4                      -> done
        alice owes 6 with 1500
        alice mint 4 with 0               -> done
        fees cash 1.4
        alice burn 9.5                    -> refused debt_below_minimum
        alice burn 10.00000001            -> refused more_than_owed
        alice burn 10                     -> done
        alice owes 0 with 0
        alice has 0
        alice cash 99998.6
        ",
    );
}

/// What readers are told is where the rules draw their lines.
#[test]
fn readers_are_told_what_a_debt_needs() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500 -> done");
    let owed: Vec<_> = venue.state().debts_of(account_of("alice")).map(|(asset, record)| (asset, *record)).collect();
    assert_eq!(owed, [(TOKEN, DebtRecord { debt: units("10"), collateral_usd: usd("1500") })]);
    assert_eq!(venue.state().debts_of(account_of("bob")).count(), 0);
    let left_out = crate::what_if::left_out(venue.state(), account_of("alice"), CORE);
    let debt = palisade_pricing::what_if::LeftOut::Debt { asset: "pBTC".to_owned() };
    assert_eq!(left_out, Ok(vec![debt]), "a question of margin says nothing of it");
    let figures = |debt| super::debt_figures(venue.state(), TOKEN, debt);
    let expected =
        super::DebtFigures { value_usd: usd("1000"), initial_usd: usd("1500"), maintenance_usd: usd("1250") };
    assert_eq!(figures(units("10")), Ok(Some(expected)));
    let least =
        super::DebtFigures { value_usd: Usd::new(100), initial_usd: Usd::new(150), maintenance_usd: Usd::new(125) };
    assert_eq!(figures(Amount::new(1)), Ok(Some(least)));
    let none = super::debt_figures(venue.state(), USDC, units("10"));
    assert_eq!(none, Err(Rejection::NotASynthetic { asset: USDC }));
}

#[test]
fn a_position_owes_as_much_as_its_minter_sold() {
    run(
        &mut venue(),
        "
        alice mint 10 with 1500           -> done
        alice sends bob 4                 -> done
        alice burn 10                     -> refused insufficient_balance
        alice burn 6                      -> done
        alice owes 4 with 1500
        bob   burn 4                      -> refused no_debt
        bob   sends alice 4               -> done
        alice burn 4                      -> done
        alice cash 99999
        ",
    );
}

#[test]
fn redemption_takes_from_who_has_the_least_collateral_for_it() {
    run(
        &mut venue(),
        "
        alice mint 10 with 1500               -> done
        bob   mint 10 with 2000               -> done
        carol mint 10 with 3000               -> done
        alice sends dave 10
        bob   sends dave 10
        dave  redeem 4 least 398.00000001     -> refused redemption_below_minimum
        dave  redeem 4 least 398              -> done
        alice owes 6 with 1102
        dave  cash 100398
        dave  redeem 8 least 0                -> done
        alice owes 0 with 0
        alice cash 99004
        bob   owes 8 with 1801
        dave  cash 101194
        dave  has 8
        ",
    );
}

/// Positions of dust would fill the few that a redemption looks at, for next to nothing.
#[test]
fn redemption_leaves_no_dust() {
    run(
        &mut venue(),
        "
        bob   mint 8 with 1801                -> done
        carol mint 10 with 3000               -> done
        bob   sends dave 8
        dave  redeem 7.5 least 0              -> done
        bob   owes 1 with 1104.5
        carol owes 9.5 with 2950.25
        dave  cash 100746.25
        dave  redeem 0.5 least 0              -> done
        carol owes 9 with 2900.5
        ",
    );
    run(
        &mut venue(),
        "
        alice mint 1 with 150                 -> done
        alice sends bob 1
        bob   redeem 0.5 least 0              -> refused redemption_below_minimum
        bob   redeem 1 least 0                -> done
        bob   cash 100099.5
        alice owes 0 with 0
        alice cash 99900.4
        ",
    );
}

#[test]
fn a_redemption_looks_at_few_positions_and_burns_no_more_than_they_pay() {
    let mut venue = venue();
    for (person, count) in [("alice", 10), ("bob", 7)] {
        for number in 0..count {
            let name = format!("s{number}");
            scenario_on(&mut venue, &format!("{person} create-sub {name} -> created"));
            let sub = format!("{person}/{name}");
            scenario_on(&mut venue, &format!("{person} fund {sub} USDC 200 -> done"));
            run(&mut venue, &format!("{sub} mint 1 with 150"));
            run(&mut venue, &format!("{sub} sends dave 1"));
        }
    }
    assert_eq!(venue.state().debts().count(), REDEEMED_POSITIONS_MAX + 1);
    run(
        &mut venue,
        "
        dave redeem 17 least 0                -> done
        dave has 1
        dave cash 101592
        dave redeem 1 least 0                 -> done
        ",
    );
    assert_eq!(venue.state().debts().count(), 0);
    assert_eq!(venue.state().supply(TOKEN), Amount::ZERO);
}

#[test]
fn new_risk_is_judged_at_the_higher_of_index_and_slow_price() {
    run(
        &mut venue(),
        "
        alice mint 10 with 1500               -> done
        price 50
        alice take 10                         -> refused debt_collateral_needed
        alice mint 1 with 100                 -> refused debt_collateral_needed
        price 110
        alice mint 1 with 0                   -> refused debt_collateral_needed
        alice mint 1 with 314.99999999        -> refused debt_collateral_needed
        alice mint 1 with 315                 -> done
        ",
    );
}

#[test]
fn an_old_index_lets_debts_shrink_only() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 2000\nalice sends bob 2");
    venue.advance(11_000);
    let stale = Rejection::StaleIndex { asset: BTC };
    assert_eq!(refused(&mut venue, "alice", "mint 1 with 1000"), stale);
    assert_eq!(refused(&mut venue, "alice", "take 1"), stale);
    assert_eq!(refused(&mut venue, "bob", "redeem 1 least 0"), stale);
    run(&mut venue, "alice add 1 -> done\nalice burn 1 -> done\nalice owes 9 with 2001");
}

#[test]
fn every_refusal_says_what_was_asked_and_what_there_is() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500\nalice sends bob 5");
    let mut refusal = |name: &str, words: &str| refused(&mut venue, name, words);
    let not_positive = |amount| Rejection::AmountNotPositive { amount: Amount::new(amount) };
    for words in ["mint 0 with 10", "burn 0", "add 0", "take 0", "redeem 0 least 0"] {
        assert_eq!(refusal("alice", words), not_positive(0), "{words}");
    }
    for words in ["mint 1 with -0.00000001", "burn -0.00000001", "add -0.00000001", "take -0.00000001"] {
        assert_eq!(refusal("alice", words), not_positive(-1), "{words}");
    }
    let minimum = units("1");
    assert_eq!(refusal("carol", "mint 0.5 with 100"), Rejection::DebtBelowMinimum { debt: units("0.5"), minimum });
    assert_eq!(refusal("alice", "burn 9.5"), Rejection::DebtBelowMinimum { debt: units("0.5"), minimum });
    assert_eq!(refusal("alice", "burn 11"), Rejection::MoreThanOwed { required: units("11"), owed: units("10") });
    let (debt, ceiling) = (units("1001"), units("1000"));
    assert_eq!(refusal("carol", "mint 991 with 99000"), Rejection::DebtCeiling { asset: TOKEN, debt, ceiling });
    let needed = |collateral, required| Rejection::DebtCollateralNeeded {
        collateral_usd: usd(collateral),
        required_usd: usd(required),
    };
    assert_eq!(refusal("carol", "mint 2 with 299.99999999"), needed("299.99999999", "300"));
    assert_eq!(refusal("alice", "take 2000"), needed("-500", "1500"));
    let short = |asset, required: &str, available: &str| Rejection::InsufficientBalance {
        asset,
        required: units(required),
        available: units(available),
    };
    assert_eq!(refusal("carol", "mint 2 with 100000"), short(USDC, "100000.2", "100000"));
    assert_eq!(refusal("alice", "add 98499.00000001"), short(USDC, "98499.00000001", "98499"));
    assert_eq!(refusal("alice", "burn 8"), short(TOKEN, "8", "5"));
    assert_eq!(refusal("bob", "redeem 6 least 0"), short(TOKEN, "6", "5"));
    for words in ["burn 1", "add 1", "take 1"] {
        assert_eq!(refusal("bob", words), Rejection::NoDebt { asset: TOKEN }, "{words}");
    }
    let below = Rejection::RedemptionBelowMinimum { paid_usd: usd("99.5"), minimum_usd: usd("100") };
    assert_eq!(refusal("bob", "redeem 1 least 100"), below);
    let action = Action::MintSynthetic { asset: BTC, amount: Amount::new(1), collateral_usd: Usd::ZERO };
    assert_eq!(venue.refused("alice", account_of("alice"), action), Rejection::NotASynthetic { asset: BTC });
}

/// Runs actions on a state that no rule would leave, which is turned back afterwards.
fn with_state(venue: &mut Venue, records: Vec<Record>, then: impl FnOnce(&mut Work<'_>)) {
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut work = Work::new(state, genesis, now);
    for record in records {
        work.state.put(record);
    }
    then(&mut work);
    state.revert_to(start);
}

fn attempt(work: &mut Work<'_>, name: &str, action: &Action) -> Result<Outcome, Rejection> {
    let actor = Actor { account: account_of(name), action: ActionId::default() };
    work.attempt(|work| action::native(work, &actor, action).map_err(|stop| stop.rejection))
}

#[test]
fn a_halted_universe_moves_nothing_and_a_gated_one_lets_debts_shrink() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 2000");
    let asset = TOKEN;
    let growing = [
        Action::MintSynthetic { asset, amount: units("1"), collateral_usd: usd("500") },
        Action::WithdrawDebtCollateral { asset, amount_usd: usd("1") },
        Action::RedeemSynthetic { asset, amount: units("1"), minimum_usd: Usd::ZERO },
    ];
    let shrinking = [
        Action::BurnSynthetic { asset, amount: units("1") },
        Action::AddDebtCollateral { asset, amount_usd: usd("1") },
    ];
    let universe = venue.state().universe(CORE).expect("the core universe").clone();
    let halted = UniverseRecord { halted: Some("x".to_owned()), ..universe.clone() };
    with_state(&mut venue, vec![Record::Universe { id: CORE, record: halted }], |work| {
        for action in growing.iter().chain(&shrinking) {
            let halted = Err(Rejection::UniverseHalted { universe: CORE });
            assert_eq!(attempt(work, "alice", action), halted, "{action:?}");
        }
    });
    let gated = UniverseRecord { gated_since_ms: Some(venue.engine.time_ms()), ..universe };
    with_state(&mut venue, vec![Record::Universe { id: CORE, record: gated }], |work| {
        for action in &growing {
            let gated = Err(Rejection::UniverseGated { universe: CORE });
            assert_eq!(attempt(work, "alice", action), gated, "{action:?}");
        }
        for action in &shrinking {
            assert_eq!(attempt(work, "alice", action), Ok(Outcome::Done), "{action:?}");
        }
    });
}

/// Else whoever redeems first would be paid in full, and the loss would be of who stays.
#[test]
fn nobody_redeems_before_a_loss_is_allocated() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500\nbob mint 10 with 5000");
    let risen = Record::Index { id: BTC, record: IndexRecord { price: price("151"), ..index(&venue) } };
    with_state(&mut venue, vec![risen], |work| {
        let redeem = Action::RedeemSynthetic { asset: TOKEN, amount: units("1"), minimum_usd: Usd::ZERO };
        assert_eq!(attempt(work, "bob", &redeem), Err(Rejection::SyntheticLossPending { asset: TOKEN }));
    });
}

#[test]
fn an_agent_trades_with_synthetics_and_a_vault_does_not() {
    let mut venue = venue();
    scenario_on(&mut venue, "alice open-vault carry 5000 -> created");
    let vault = venue.state().vaults_led_by(account_of("alice")).next().expect("a vault").0;
    let mint = Action::MintSynthetic { asset: TOKEN, amount: units("1"), collateral_usd: usd("500") };
    // Whoever leads a vault trades for it, so the leader's key is admitted for it.
    let refused = venue.refused("alice", vault, mint);
    assert_eq!(refused, Rejection::NotForVaults { what: "synthetics".to_owned() });
}

#[test]
fn nobody_pays_into_a_position_but_its_owner() {
    let mut venue = venue();
    let purse = AccountId::debt(account_of("alice"), TOKEN);
    let pay = |to, amount: &str| Action::Transfer { universe: CORE, to, asset: USDC, amount: units(amount) };
    // Before there is a position its address is one like any other: what lies there becomes collateral.
    assert_eq!(venue.act("bob", pay(purse, "50")).outcome, Outcome::Done);
    run(&mut venue, "alice mint 10 with 1450 -> done\nalice owes 10 with 1500");
    let own = AccountId::synthetic(TOKEN);
    for to in [purse, own, AccountId::debt(own, TOKEN)] {
        assert_eq!(venue.refused("bob", account_of("bob"), pay(to, "1")), Rejection::InvalidRecipient { to });
    }
    run(&mut venue, "alice burn 10 -> done\nalice cash 100049");
}

#[test]
fn events_tell_what_moved() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500\nalice sends bob 10");
    let redeem = Action::RedeemSynthetic { asset: TOKEN, amount: units("10"), minimum_usd: Usd::ZERO };
    let signed = venue.sign("bob", redeem);
    let events = venue.block(&[signed], None).events;
    let found = events.iter().find_map(|event| match event {
        Event::SyntheticRedeemed { account, amount, paid_usd, debts, .. } => Some((account, amount, paid_usd, debts)),
        _ => None,
    });
    let (account, amount, paid_usd, debts) = found.expect("it was redeemed");
    assert_eq!((*account, *amount, *paid_usd), (account_of("bob"), units("10"), usd("995")));
    assert_eq!(debts.len(), 1);
    assert_eq!((debts[0].account, debts[0].debt), (account_of("alice"), units("10")));
    assert_eq!((debts[0].paid_usd, debts[0].returned_usd), (usd("995"), usd("505")));
}

/// A synthetic without an index of its own backs no positions, and the genesis says so.
#[test]
fn a_synthetic_backs_positions_by_an_index_of_its_own_alone() {
    let mut genesis = genesis_with(spec(), 0, 0);
    let terms = palisade_types::market::CollateralTerms {
        initial_weight: Rate::new(500_000),
        maintenance_weight: Rate::new(600_000),
        full_weight_maximum_usd: usd("1000000"),
    };
    genesis.assets[2].collateral = Some(terms);
    assert!(genesis.check().is_err());
    genesis.assets[2].has_index = true;
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    run(&mut venue, "alice mint 10 with 1500");
    let value = |venue: &Venue| crate::accounts::collateral_value(venue.state(), account_of("alice"), CORE);
    assert_eq!(value(&venue).expect("in range").maintenance_usd, Usd::ZERO, "the tracked index is not its own");
    venue.set_index(TOKEN, price("90"));
    assert_eq!(value(&venue).expect("in range").maintenance_usd, usd("540"));
}

/// Supply is counted over all universes, so that units that were moved are still owed.
#[test]
fn units_that_move_to_another_universe_are_owed_still() {
    let mut genesis = genesis_with(SyntheticSpec { market: None, ..spec() }, 0, 0);
    genesis.assets[2].has_index = true;
    genesis.assets[2].collateral = Some(palisade_types::market::CollateralTerms {
        initial_weight: Rate::new(500_000),
        maintenance_weight: Rate::new(600_000),
        full_weight_maximum_usd: usd("1000000"),
    });
    let other = UniverseId::new(1);
    let mut spec = genesis.universes[0].clone();
    (spec.id, spec.name) = (other, "other".to_owned());
    genesis.universes.push(spec);
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    run(&mut venue, "alice mint 10 with 1500");
    let asset = TOKEN;
    let moved = Action::MoveUniverse { from: CORE, to: other, asset, amount: units("4") };
    assert_eq!(venue.act("alice", moved).outcome, Outcome::Done);
    assert_eq!(venue.state().supply(TOKEN), units("10"));
    run(&mut venue, "alice burn 7 -> refused insufficient_balance\nalice burn 6 -> done");
}

/// Each of these would let somebody redeem what nobody paid for.
#[test]
fn the_audit_sees_units_that_nobody_owes_and_collateral_that_is_not_there() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500");
    let id = DebtId { asset: TOKEN, account: account_of("alice") };
    let debt = *venue.state().debt(TOKEN, id.account).expect("it was minted");
    let synthetic = *venue.state().synthetic(TOKEN).expect("a synthetic");
    let owes = |debt: DebtRecord| Record::Debt { id, record: debt };
    let less = owes(DebtRecord { debt: Amount::new(debt.debt.get() - 1), ..debt });
    let more = owes(DebtRecord { collateral_usd: Usd::new(debt.collateral_usd.get() + 1), ..debt });
    let shortfall = Amount::new(1);
    let short = Record::Synthetic { id: TOKEN, record: SyntheticRecord { shortfall, ..synthetic } };
    for (damage, sums, position) in [(less, true, false), (more, false, true), (short, true, false)] {
        with_state(&mut venue, vec![damage.clone()], |work| {
            let found = audit_for_tests(work.state).unwrap_or_default();
            assert!(found.starts_with("I2: "), "{damage:?}: {found}");
            // What is asked after every action that changes either.
            assert_eq!(violation(work.state, TOKEN).is_some(), sums, "{damage:?}");
            assert_eq!(debt_violation(work.state, id).is_some(), position, "{damage:?}");
        });
    }
    assert_eq!(audit_for_tests(venue.state()), None);
}

#[test]
fn what_the_vault_owes_is_a_part_of_its_worth() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500");
    let worth = |venue: &Venue| {
        let (record, _) = current(venue.state(), CORE, venue.engine.time_ms()).expect("fresh prices");
        record.tranches.total_usd().expect("in range")
    };
    assert_eq!(worth(&venue), usd("10000"));
    run(&mut venue, "price 121\nvault owes 10 with 1815");
    assert_eq!(worth(&venue), usd("10096.8"), "it has the penalty");
    venue.advance(11_000);
    let stale = current(venue.state(), CORE, venue.engine.time_ms()).expect_err("without a price nobody knows");
    assert_eq!(stale, Rejection::StaleIndex { asset: BTC });
}

proptest! {
    #![proptest_config(cases(500))]

    /// Whatever units stand for, burning them lets nobody owe less than they stand for, and what closes a debt closes it.
    #[test]
    fn units_and_debts_are_rounded_against_who_burns(debt in 1i128..10_000, short in 0i128..10_000, part in 1i128..10_000) {
        let all = Units { supply: Amount::new(debt + short), debt: Amount::new(debt) };
        let owed = Amount::new(part.min(debt));
        let closing = all.units_of(owed).expect("in range");
        prop_assert_eq!(all.debt_of(closing), Ok(owed));
        prop_assert!(closing <= all.supply);
        prop_assert!(all.debt_of(Amount::new(closing.get() - 1)).expect("in range") < owed);
        // Nobody who stays stands for less: all debts over all units do not fall.
        let (left, units) = (debt - owed.get(), debt + short - closing.get());
        prop_assert!(left * (debt + short) >= debt * units);
    }
}

/// What an attacker does at a price that does not move.
#[derive(Clone, Debug)]
enum Move {
    Mint { amount: i128, collateral: i128 },
    Burn { amount: i128 },
    Add { amount: i128 },
    Take { amount: i128 },
    Redeem { amount: i128 },
}

fn moves() -> impl Strategy<Value = Move> {
    let amount = || prop_oneof![1i128..40, UNIT - 3..UNIT + 3, UNIT..6 * UNIT];
    let dollars = || prop_oneof![Just(0i128), 1i128..40, 100 * UNIT..900 * UNIT];
    prop_oneof![
        3 => (amount(), dollars()).prop_map(|(amount, collateral)| Move::Mint { amount, collateral }),
        3 => amount().prop_map(|amount| Move::Burn { amount }),
        1 => dollars().prop_map(|amount| Move::Add { amount }),
        2 => dollars().prop_map(|amount| Move::Take { amount }),
        4 => amount().prop_map(|amount| Move::Redeem { amount }),
    ]
}

fn play(venue: &mut Venue, made: &Move) {
    let text = |amount: i128| Usd::new(amount).to_string();
    let words = match made {
        Move::Mint { amount, collateral } => format!("mint {} with {}", text(*amount), text(*collateral)),
        Move::Burn { amount } => format!("burn {}", text(*amount)),
        Move::Add { amount } => format!("add {}", text(*amount)),
        Move::Take { amount } => format!("take {}", text(*amount)),
        Move::Redeem { amount } => format!("redeem {} least 0", text(*amount)),
    };
    act(venue, "bob", &words);
}

/// Collateral over debt of everyone else, to see that it never falls.
fn ratios(venue: &Venue) -> Vec<(AccountId, i128, i128)> {
    let all = venue.state().debts().filter(|(id, _)| id.account != account_of("bob"));
    all.map(|(id, record)| (id.account, record.collateral_usd.get(), record.debt.get())).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    /// Minting, redeeming others and oneself, and grinding on dust gain nothing while the price stands, with or without fees,
    /// and take from nobody's ratio.
    #[test]
    fn nobody_gains_by_going_round(list in prop::collection::vec(moves(), 1..40), at in 3i64..30_000_000_000, free in any::<bool>()) {
        let fee = |rate| if free { Rate::ZERO } else { Rate::new(rate) };
        let spec = SyntheticSpec { mint_fee: fee(1_000), redemption_fee: fee(5_000), ..spec() };
        let mut venue = Venue::with(genesis_with(spec, 0, 0));
        venue.set_index(BTC, Price::new(at));
        run(&mut venue, "alice mint 5 with 5000\ncarol mint 1 with 2000\ndave mint 3 with 9000");
        run(&mut venue, "alice sends bob 5\ndave sends bob 2");
        for made in &list {
            let (before, others) = (worth(&venue, "bob"), ratios(&venue));
            play(&mut venue, made);
            prop_assert!(worth(&venue, "bob") <= before, "{made:?}");
            for (account, collateral, debt) in others {
                let Some(after) = venue.state().debt(TOKEN, account) else { continue };
                prop_assert!(after.collateral_usd.get() * debt >= collateral * after.debt.get(), "{made:?}");
            }
        }
    }
}

/// A sub-account and its master are as one person: what one mints the other redeems.
#[test]
fn redeeming_oneself_through_another_account_costs_the_fee_of_minting() {
    let mut venue = venue();
    scenario_on(&mut venue, "alice create-sub other -> created");
    for _ in 0..5 {
        run(&mut venue, "alice mint 10 with 1500\nalice sends alice/other 10\nalice/other redeem 10 least 0");
    }
    let sum = worth(&venue, "alice") + worth(&venue, "alice/other");
    assert_eq!(sum, 100_000 * UNIT - 5 * UNIT, "five times the fee of minting");
    assert_eq!(venue.state().supply(TOKEN), Amount::ZERO);
}
