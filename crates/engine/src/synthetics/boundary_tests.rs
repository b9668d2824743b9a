//! Places where a rule of liquidation turns into the next: the worth of a unit while some units are owed by nobody, a position that
//! covers its debt to the unit, and the least that anyone is left owing.

use super::table::{TOKEN, run, spec, units, venue, venue_with};
use crate::testing::{BTC, CORE, Venue, account_of, bundle, price, usd};
use palisade_types::{
    address::AccountId,
    event::Event,
    numbers::{Rate, Usd},
    synthetic::{DebtLiquidation, DebtLiquidationMethod, SyntheticSpec},
};

/// Sets the index in a block of its own; what was taken over in it.
fn liquidated_at(venue: &mut Venue, at: &str) -> Vec<DebtLiquidation> {
    let time_ms = venue.engine.time_ms().saturating_add(1_000);
    let bundle = bundle(BTC, &[price(at); 4], time_ms);
    let outcome = venue.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid");
    let all = outcome.events.iter();
    all.filter_map(|event| if let Event::DebtLiquidated(done) = event { Some(*done) } else { None }).collect()
}

/// 13.65853658 of 20 units are owed: at 410 and 8 % more a unit is worth 302.41 to who owes, and not 442.80. What it costs to retire a
/// debt is bounded, not the price of a unit that stands for less.
#[test]
fn while_short_a_unit_is_bought_for_what_it_stands_for() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        alice sends dave 10
        bob   mint 10 with 5000
        price 410
        own   owes 3.65853658 with 1500
        short 6.34146342
        dave  sell pBTC/USDC 1000 @ 302.5 gtc      -> resting 1000
        price 410
        bob   owes 10 with 5000
        dave  sell pBTC/USDC 1000 @ 302 gtc        -> resting 1000
        price 410
        bob   owes 9.31707318 with 4697.8943
        book pBTC/USDC | 1000@302.5
        ",
    );
}

#[test]
fn a_position_that_covers_its_debt_to_the_unit_is_not_written_off() {
    let mut venue = venue();
    run(&mut venue, "alice mint 10 with 1500\nalice sends dave 10\nbob mint 10 with 5000");
    assert_eq!(liquidated_at(&mut venue, "150"), [], "without a book and a vault nobody takes it over");
    run(
        &mut venue,
        "
        alice owes 10 with 1500
        own   owes 0 with 0
        dave  redeem 5 least 746.25           -> done
        alice owes 5 with 753.75
        short 0
        ",
    );
    let done = liquidated_at(&mut venue, "150.75000001");
    assert_eq!(done.iter().map(|one| one.method).collect::<Vec<_>>(), [DebtLiquidationMethod::WrittenOff]);
    run(&mut venue, "alice owes 0 with 0\nown owes 4.99999999 with 753.75\nshort 0.00000001");
}

#[test]
fn the_vault_takes_over_what_covers_its_debt_to_the_unit() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(&mut venue, "alice mint 10 with 1500");
    let expected = DebtLiquidation {
        asset: TOKEN,
        account: account_of("alice"),
        method: DebtLiquidationMethod::Backstop,
        debt: units("10"),
        collateral_usd: usd("1500"),
        added_usd: usd("750"),
        returned_usd: Usd::ZERO,
        index: price("150"),
    };
    assert_eq!(liquidated_at(&mut venue, "150"), [expected], "all of the collateral, though the penalty is more");
}

#[test]
fn the_fund_pays_nothing_for_what_is_covered_to_the_unit() {
    let mut venue = venue_with(spec(), 1_000, 0);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        price 160
        own  owes 10 with 1600
        fund cash 900
        price 160
        own  owes 10 with 1600
        fund cash 900
        price 160.00000001
        own  owes 10 with 1600.0000001
        fund cash 899.9999999
        ",
    );
}

/// A vault with room for 9.5008 of 10 takes 9: with the rest a position of dust would be left.
#[test]
fn a_takeover_leaves_the_least_debt() {
    let mut venue = venue_with(spec(), 0, 5_748);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        price 121
        vault owes 9 with 1633.5
        alice owes 1 with 323.88
        ",
    );
    // With room for half of what is the least, nothing.
    let mut venue = venue_with(spec(), 0, 303);
    run(&mut venue, "alice mint 1 with 150\nprice 121\nalice owes 1 with 150\nvault owes 0 with 0");
}

/// What the system owes may be taken to any part.
#[test]
fn a_takeover_of_the_synthetics_own_debt_leaves_any_part() {
    let mut venue = venue_with(SyntheticSpec { backstop_share: Rate::new(100_000), ..spec() }, 0, 400);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        price 160
        vault owes 0.5 with 120
        own   owes 8.875 with 1420
        ",
    );
    assert!(venue.state().debt(TOKEN, AccountId::backstop(CORE)).is_some_and(|owed| owed.debt < spec().minimum_debt));
}

/// At 125 and the penalty exactly two of three restore the position: the one that is left is the least that may be.
#[test]
fn a_slice_leaves_the_least_debt_or_nothing() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 3 with 457.5
        bob   mint 10 with 5000
        bob   sell pBTC/USDC 10000 @ 130 gtc       -> resting 10000
        price 125
        alice owes 1 with 197.409
        ",
    );
    let mut venue = venue_with(SyntheticSpec { minimum_debt: units("1.00000001"), ..spec() }, 0, 0);
    run(
        &mut venue,
        "
        alice mint 3 with 457.5
        bob   mint 10 with 5000
        bob   sell pBTC/USDC 10000 @ 130 gtc       -> resting 10000
        price 125
        alice owes 0 with 0
        ",
    );
}
