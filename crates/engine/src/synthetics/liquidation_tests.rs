//! Debts that lack collateral: each way that they are taken over, who bears what, and that whoever lacks any is found.

use super::super::table::{
    TOKEN, TOKEN_SPOT, UNIT, action, check_found, index, refused, run, spec, terms, units, venue, venue_with, worth,
};
use crate::{
    execute::BlockOutcome,
    testing::{BTC, CORE, USDC, Venue, account_of, bundle, cases, price, scenario_on, usd},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::{Event, Payer},
    numbers::{Amount, Price, Rate, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    rejection::Rejection,
    synthetic::{DebtLiquidation, DebtLiquidationMethod, SyntheticSpec},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeMap;

/// Sets the index in a block of its own, for its events.
fn priced(venue: &mut Venue, at: Price) -> BlockOutcome {
    let time_ms = venue.engine.time_ms().saturating_add(1_000);
    let bundle = bundle(BTC, &[at; 4], time_ms);
    venue.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid")
}

fn liquidations(outcome: &BlockOutcome) -> Vec<DebtLiquidation> {
    let all = outcome.events.iter();
    all.filter_map(|event| if let Event::DebtLiquidated(done) = event { Some(*done) } else { None }).collect()
}

#[test]
fn whoever_has_enough_is_left_alone_to_the_unit() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500\nprice 120\nalice owes 10 with 1500");
    assert_eq!(terms(venue.state()).liquidatable(venue.state(), price("120.00000001")).count(), 1);
    run(&mut venue, "price 120.00000001\nalice owes 0 with 0\nalice has 10");
}

#[test]
fn the_vault_takes_over_with_the_penalty_and_the_owner_keeps_the_rest() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500");
    let done = liquidations(&priced(&mut venue, price("121")));
    let expected = DebtLiquidation {
        asset: TOKEN,
        account: account_of("alice"),
        method: DebtLiquidationMethod::Backstop,
        debt: units("10"),
        collateral_usd: usd("1306.8"),
        added_usd: usd("508.2"),
        returned_usd: usd("193.2"),
        index: price("121"),
    };
    assert_eq!(done, [expected]);
    run(
        &mut venue,
        "
        vault owes 10 with 1815
        vault cash 9491.8
        alice owes 0 with 0
        alice cash 98692.2
        short 0
        ",
    );
}

#[test]
fn the_vault_takes_no_more_than_its_share() {
    let share = Rate::new(50_000);
    let mut venue = venue_with(SyntheticSpec { backstop_share: share, ..spec() }, 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500\nprice 121");
    let (owed, left) = (terms(venue.state()).debt(venue.state(), AccountId::backstop(CORE)), Amount::new(UNIT * 10));
    // 500 USD of its own back 60.5 USD each.
    assert_eq!(owed.debt, units("8.26446280"));
    assert!(owed.collateral_usd.get() - owed.debt.get() * 121 <= 500 * UNIT);
    let alice = terms(venue.state()).debt(venue.state(), account_of("alice"));
    assert_eq!(alice.debt.get() + owed.debt.get(), left.get());
    // A vault without capital takes nothing.
    run(&mut venue_with(spec(), 0, 0), "alice mint 10 with 1500\nprice 121\nalice owes 10 with 1500");
}

#[test]
fn the_vault_buys_back_close_to_the_index_and_gets_everything_when_it_owes_nothing() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        price 121
        vault owes 10 with 1815
        alice sell pBTC/USDC 5000 @ 121 gtc       -> resting 5000
        alice sell pBTC/USDC 5000 @ 122 gtc       -> resting 5000
        price 121
        vault owes 5 with 1209.78825
        price 122
        vault owes 0 with 0
        short 0
        alice has 0
        ",
    );
    assert_eq!(venue.state().supply(TOKEN), Amount::ZERO);
    // 9491.8 of cash, 1815 of collateral, less 605 and 610 and the taker's 0.035 %.
    run(&mut venue, "vault cash 10091.37475");
}

#[test]
fn the_vault_fills_its_own_position_up() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500\nprice 121\nvault owes 10 with 1815\nvault cash 9491.8");
    // 1.25 × 1460 > 1815.
    run(&mut venue, "price 146\nvault owes 10 with 2190\nvault cash 9116.8");
}

#[test]
fn the_book_closes_the_slice_that_restores() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        bob   mint 10 with 3000
        bob   sell pBTC/USDC 10000 @ 125 gtc      -> resting 10000
        ",
    );
    let done = liquidations(&priced(&mut venue, price("121")));
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].method, done[0].debt), (DebtLiquidationMethod::Book, units("6.199")));
    assert_eq!((done[0].collateral_usd, done[0].returned_usd), (usd("775.14620625"), Usd::ZERO));
    run(
        &mut venue,
        "
        alice owes 3.801 with 724.85379375
        book pBTC/USDC | 3801@125
        short 0
        ",
    );
}

#[test]
fn the_book_is_not_paid_more_than_the_penalty() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        bob   mint 10 with 3000
        bob   sell pBTC/USDC 10000 @ 131 gtc      -> resting 10000
        price 121
        alice owes 10 with 1500
        price 121.5
        alice owes 3.68 with 671.790228
        ",
    );
}

/// What the position has for a unit that it owes is the most it pays, so that what is left is no worse off.
#[test]
fn buying_in_the_book_never_lowers_the_ratio() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        bob   mint 10 with 5000
        bob   sell pBTC/USDC 2000 @ 148 gtc       -> resting 2000
        bob   sell pBTC/USDC 8000 @ 150.5 gtc     -> resting 8000
        price 148.5
        alice owes 8 with 1203.8964
        price 150.4
        alice owes 8 with 1203.8964
        ",
    );
}

#[test]
fn a_position_that_a_price_jumps_through_is_written_off_and_the_fund_pays_what_it_may() {
    let mut venue = venue_with(spec(), 1_000, 0);
    run(&mut venue, "alice mint 10 with 1500\nalice sends dave 10\nbob mint 10 with 5000");
    let outcome = priced(&mut venue, price("200"));
    let done = liquidations(&outcome);
    assert_eq!(done.len(), 1);
    assert_eq!((done[0].method, done[0].debt), (DebtLiquidationMethod::WrittenOff, units("10")));
    assert_eq!((done[0].collateral_usd, done[0].returned_usd), (usd("1500"), Usd::ZERO));
    let paid = outcome.events.iter().find_map(|event| match event {
        Event::DeficitPaid { account, payer: Payer::Insurance, amount_usd, .. } => Some((*account, *amount_usd)),
        _ => None,
    });
    assert_eq!(paid, Some((AccountId::synthetic(TOKEN), usd("500"))), "the deficit, to the unit");
    run(
        &mut venue,
        "
        alice owes 0 with 0
        own owes 10 with 2000
        fund cash 500
        short 0
        price 250
        own owes 8 with 2000
        fund cash 500
        short 2
        ",
    );
}

#[test]
fn holders_bear_a_shortfall_in_equal_parts_and_nobody_else_does() {
    let mut venue = venue_with(spec(), 1_000, 0);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        alice sends dave 10
        bob   mint 10 with 5000
        price 200
        price 250
        short 2
        carol mint 1 with 1000                -> refused synthetic_short
        dave  redeem 5 least 0                -> done
        own owes 3.5 with 880.625
        dave  cash 101119.375
        short 1.5
        bob   burn 5                          -> done
        bob   owes 5.4925 with 5000
        ",
    );
    // A unit stood for 0.9 of a debt, and for a little more once the fee of a redemption had healed a part.
    let shortfall = venue.state().synthetic(TOKEN).expect("a synthetic").shortfall;
    assert_eq!(shortfall, units("0.985"));
    let refusal = refused(&mut venue, "carol", "mint 1 with 1000");
    assert!(matches!(refusal, Rejection::SyntheticShort { asset: TOKEN, .. }), "{refusal:?}");
    assert_eq!(worth(&venue, "erin"), 100_000 * UNIT);
    run(&mut venue, "fund cash 500\nerin cash 100000");
}

#[test]
fn a_price_that_falls_again_heals_the_shortfall_and_leaves_the_rest_to_the_fund() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        alice sends dave 10
        bob   mint 10 with 5000
        price 300
        own owes 5 with 1500
        short 5
        price 200
        own owes 7.5 with 1500
        short 2.5
        price 150
        own owes 10 with 1500
        short 0
        price 100
        own owes 10 with 1500
        dave redeem 10 least 995              -> done
        own owes 0 with 505
        price 100
        own owes 0 with 0
        fund cash 505
        ",
    );
}

#[test]
fn the_vault_takes_what_was_written_off_at_its_value() {
    let mut venue = venue_with(spec(), 1_000, 10_000);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        bob   mint 10 with 5000
        price 160
        alice owes 0 with 0
        own owes 0 with 0
        vault owes 10 with 2400
        vault cash 9200
        fund cash 900
        short 0
        ",
    );
}

#[test]
fn without_any_other_debtor_units_pay_what_is_there() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        alice sends dave 10
        price 300
        own owes 5 with 1500
        dave redeem 10 least 0                -> done
        dave cash 101492.5
        dave has 0
        own owes 0 with 7.5
        short 0
        ",
    );
}

/// Also not whoever was due when the index was new.
#[test]
fn more_than_a_block_may_do_is_done_in_the_next_the_worst_first_and_not_on_an_old_index() {
    let mut venue = venue_with(spec(), 0, 100_000);
    let mut names = Vec::new();
    for person in ["alice", "bob", "carol", "dave", "erin"] {
        for number in 0..10 {
            scenario_on(&mut venue, &format!("{person} create-sub s{number} -> created"));
            scenario_on(&mut venue, &format!("{person} fund {person}/s{number} USDC 1000 -> done"));
            names.push(format!("{person}/s{number}"));
        }
    }
    for (place, name) in names.iter().enumerate() {
        run(&mut venue, &format!("{name} mint 1 with {}", 200 - place));
    }
    let collateral = |outcome: &BlockOutcome| -> Vec<i128> {
        let done = liquidations(outcome).into_iter().filter(|one| one.account != AccountId::synthetic(TOKEN));
        done.map(|one| (one.collateral_usd.get() + one.returned_usd.get()) / UNIT).collect()
    };
    let first = collateral(&priced(&mut venue, price("165")));
    assert_eq!(first, (151..151 + 32).collect::<Vec<i128>>());
    assert!(collateral(&venue.block_after(11_000)).is_empty());
    assert!(!index(&venue).is_fresh(venue.engine.time_ms()));
    let second = collateral(&priced(&mut venue, price("165")));
    assert_eq!(second, (151 + 32..=200).collect::<Vec<i128>>());
}

#[derive(Clone, Debug)]
enum Step {
    Mint {
        who: usize,
        amount: i128,
        collateral: i128,
    },
    Burn {
        who: usize,
        amount: i128,
    },
    Add {
        who: usize,
        amount: i128,
    },
    Take {
        who: usize,
        amount: i128,
    },
    Redeem {
        who: usize,
        amount: i128,
    },
    Send {
        who: usize,
        to: usize,
        amount: i128,
    },
    /// In cents.
    Price {
        cents: i64,
    },
    Ask {
        who: usize,
        lots: u64,
        permille: i64,
    },
}

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn steps() -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE.len();
    let amount = || prop_oneof![1 => 1i128..30, 4 => UNIT..9 * UNIT, 1 => UNIT..60 * UNIT];
    let dollars = || prop_oneof![1 => 0i128..30, 4 => 100 * UNIT..1_600 * UNIT, 1 => 50 * UNIT..6_000 * UNIT];
    // Around where it began, and jumps through positions and back.
    let cents =
        prop_oneof![4 => 9_000i64..12_500, 2 => 12_500i64..16_000, 1 => 16_000i64..40_000, 1 => 3_000i64..9_000];
    prop_oneof![
        6 => (who(), amount(), dollars()).prop_map(|(who, amount, collateral)| Step::Mint { who, amount, collateral }),
        2 => (who(), amount()).prop_map(|(who, amount)| Step::Burn { who, amount }),
        1 => (who(), dollars()).prop_map(|(who, amount)| Step::Add { who, amount }),
        2 => (who(), dollars()).prop_map(|(who, amount)| Step::Take { who, amount }),
        3 => (who(), amount()).prop_map(|(who, amount)| Step::Redeem { who, amount }),
        2 => (who(), who(), amount()).prop_map(|(who, to, amount)| Step::Send { who, to, amount }),
        6 => cents.prop_map(|cents| Step::Price { cents }),
        3 => (who(), 100u64..9_000, 900i64..1_080).prop_map(|(who, lots, permille)| Step::Ask { who, lots, permille }),
    ]
}

/// Leads to units that nobody owes, with others who owe and hold.
fn short_first() -> Vec<Step> {
    vec![
        Step::Mint { who: 0, amount: 40 * UNIT, collateral: 6_000 * UNIT },
        Step::Send { who: 0, to: 1, amount: 20 * UNIT },
        Step::Mint { who: 1, amount: 9 * UNIT, collateral: 4_000 * UNIT },
        Step::Mint { who: 2, amount: 5 * UNIT, collateral: 6_000 * UNIT },
        Step::Price { cents: 20_000 },
    ]
}

/// Everything that the step's block did.
fn play(venue: &mut Venue, step: &Step) -> BlockOutcome {
    let text = |amount: i128| Usd::new(amount).to_string();
    let (who, words) = match step {
        Step::Mint { who, amount, collateral } => (who, format!("mint {} with {}", text(*amount), text(*collateral))),
        Step::Burn { who, amount } => (who, format!("burn {}", text(*amount))),
        Step::Add { who, amount } => (who, format!("add {}", text(*amount))),
        Step::Take { who, amount } => (who, format!("take {}", text(*amount))),
        Step::Redeem { who, amount } => (who, format!("redeem {} least 0", text(*amount))),
        Step::Send { who, to, amount } => (who, format!("sends {} {}", PEOPLE[*to], text(*amount))),
        Step::Price { cents } => {
            return priced(venue, Price::new(cents * 1_000_000));
        }
        Step::Ask { who, lots, permille } => {
            let order = ask(index(venue).price, Size::new(*lots), *permille);
            let signed = venue.sign(PEOPLE[*who], order);
            return venue.block(&[signed], None);
        }
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    let action = action(venue, &words).expect("an action");
    let signed = venue.sign(PEOPLE[*who], action);
    venue.block(&[signed], None)
}

fn ask(at: Price, size: Size, permille: i64) -> Action {
    let halves = at.get() / 50_000_000 * permille / 1_000;
    let order = OrderRequest {
        market: TOKEN_SPOT,
        side: Side::Sell,
        price: Price::new(halves.max(1) * 50_000_000),
        size,
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    Action::Place { orders: vec![order] }
}

/// What a block that set a price leaves: everyone who does not cover the debt is dealt with, and what nobody owes is the
/// deficit to one unit (I8).
fn check_losses(venue: &Venue, outcome: &BlockOutcome, has_vault: bool) {
    let state = venue.state();
    let terms = terms(state);
    let at = index(venue).price;
    for (id, record) in state.debts() {
        let value = terms.value_ceil_usd(record.debt, at).expect("in range");
        assert!(record.collateral_usd >= value, "{} does not cover its debt and was not written off", id.account);
    }
    let own = terms.debt(state, AccountId::synthetic(TOKEN));
    let short = state.synthetic(TOKEN).expect("a synthetic").shortfall;
    if !short.is_zero() {
        let covered = own.collateral_usd.get() * UNIT / i128::from(at.get());
        // Each handover to the vault rounds once more.
        let most = i128::from(has_vault) * 2;
        assert!((0..=most).contains(&(covered - own.debt.get())), "{} of {covered} are owed", own.debt);
    }
    let paid = outcome.events.iter().filter_map(|event| match event {
        Event::DeficitPaid { account, amount_usd, .. } if *account == AccountId::synthetic(TOKEN) => Some(*amount_usd),
        _ => None,
    });
    for amount in paid {
        assert!(amount <= usd("500"));
    }
}

proptest! {
    #![proptest_config(cases(120))]

    /// Random lives of a synthetic under prices that jump, with a book, a vault and a fund. After every block the audit holds
    /// (the venue sees to that); whoever lacks collateral is found; and nobody outside pays: a bystander nothing, the fund no
    /// more than its claim, the vault no more than its share at a time.
    #[test]
    fn losses_stay_with_the_synthetic(
        list in prop::collection::vec(steps(), 1..45),
        vault in prop_oneof![Just(0i128), Just(20_000)],
        short in any::<bool>(),
    ) {
        let mut venue = venue_with(spec(), 2_000, vault);
        let first = if short { short_first() } else { Vec::new() };
        for step in first.iter().chain(&list) {
            let outcome = play(&mut venue, step);
            check_found(venue.state(), index(&venue).price);
            if matches!(step, Step::Price { .. }) {
                check_losses(&venue, &outcome, vault > 0);
            }
            prop_assert_eq!(venue.state().balance(account_of("erin"), CORE, USDC), units("100000"));
            let claimed = venue.state().synthetic(TOKEN).expect("a synthetic").fund_claimed_usd;
            prop_assert!(claimed <= usd("500"));
            let fund = venue.state().balance(AccountId::insurance(CORE), CORE, USDC);
            prop_assert!(fund >= units("1500"), "{fund}");
        }
    }
}

/// What the random lives are worth: each way that a debt ends is on their way.
#[test]
fn random_lives_reach_every_end_of_a_debt() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..60 {
        let list = prop::collection::vec(steps(), 20..45).new_tree(&mut runner).expect("a list").current();
        let mut venue = venue_with(spec(), 2_000, i128::from(round % 2) * 20_000);
        let first = if round % 3 == 0 { Vec::new() } else { short_first() };
        for event in first.iter().chain(&list).flat_map(|step| play(&mut venue, step).events) {
            let name = match event {
                Event::DebtLiquidated(done) => format!("{:?}", done.method),
                Event::SyntheticMinted { .. } => "minted".to_owned(),
                Event::SyntheticBurned { account, .. } if account == AccountId::backstop(CORE) => "unwound".to_owned(),
                Event::SyntheticBurned { amount, debt, .. } if amount != debt => "burned while short".to_owned(),
                Event::SyntheticBurned { .. } => "burned".to_owned(),
                Event::SyntheticRedeemed { debts, .. } if debts.len() > 1 => "redeemed from several".to_owned(),
                Event::SyntheticRedeemed { .. } => "redeemed".to_owned(),
                Event::ShortfallChanged { shortfall, .. } if shortfall.is_zero() => "healed".to_owned(),
                Event::ShortfallChanged { .. } => "short".to_owned(),
                Event::DeficitPaid { .. } => "paid by the fund".to_owned(),
                _ => continue,
            };
            *seen.entry(name).or_default() += 1;
        }
    }
    for name in [
        "Book",
        "Backstop",
        "WrittenOff",
        "minted",
        "unwound",
        "burned",
        "burned while short",
        "redeemed",
        "redeemed from several",
        "healed",
        "short",
        "paid by the fund",
    ] {
        assert!(seen.contains_key(name), "{name}: {seen:?}");
    }
}
