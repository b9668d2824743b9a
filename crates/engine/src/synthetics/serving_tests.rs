//! Who is served in a block and who is not, and what the book leaves of a debt.

use super::table::{run, spec, venue, venue_with};
use crate::testing::{Venue, scenario_on};

/// Sub-accounts that owe the least there may be, with the least for it: the first in line. Each has `units` of it left.
fn smallest(venue: &mut Venue, count: usize) -> Vec<String> {
    let people = ["alice", "bob", "carol", "dave"];
    let mut names = Vec::new();
    for number in 0..count {
        let (person, name) = (people[number % people.len()], format!("s{number}"));
        scenario_on(venue, &format!("{person} create-sub {name} -> created"));
        let sub = format!("{person}/{name}");
        scenario_on(venue, &format!("{person} fund {sub} USDC 200 -> done"));
        run(venue, &format!("{sub} mint 1 with 150"));
        names.push(sub);
    }
    names
}

/// It buys back within 0.5 % above the index, short of collateral or not: at 150 depositors would pay for who asks.
#[test]
fn the_vault_pays_nobody_the_penalty_for_its_own_debt() {
    let mut venue = venue_with(spec(), 0, 10_000);
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        price 121
        vault owes 10 with 1815
        alice sell pBTC/USDC 10000 @ 150 gtc      -> resting 10000
        price 146
        vault owes 10 with 2190
        book pBTC/USDC | 10000@150
        vault cash 9116.8
        ",
    );
}

/// Forty positions have too little for what is asked, and no vault takes them; who has enough comes after them.
#[test]
fn positions_that_nobody_can_serve_keep_nobody_waiting() {
    let mut venue = venue();
    let names = smallest(&mut venue, 40);
    run(
        &mut venue,
        "
        bob  mint 10 with 1600
        erin mint 20 with 20000
        erin sell pBTC/USDC 20000 @ 150.5 gtc     -> resting 20000
        price 140
        bob  owes 1.496 with 319.7000518
        ",
    );
    for name in names {
        run(&mut venue, &format!("{name} owes 1 with 150"));
    }
}

/// From each of the sixteen only all may be taken, which is more than is redeemed.
#[test]
fn small_redemptions_pass_over_positions_that_cannot_be_taken_in_part() {
    let mut venue = venue();
    let names = smallest(&mut venue, 16);
    run(
        &mut venue,
        "
        erin mint 10 with 3000
        erin sends dave 5
        dave redeem 0.5 least 49.75               -> done
        erin owes 9.5 with 2950.25
        dave has 4.5
        ",
    );
    for name in names {
        run(&mut venue, &format!("{name} owes 1 with 150"));
    }
}

/// A debt that is to be bought back whole, and a book that has not all of it.
#[test]
fn a_book_that_holds_too_little_leaves_the_minimum() {
    let mut venue = venue();
    run(
        &mut venue,
        "
        alice mint 10 with 1500
        bob   mint 10 with 5000
        bob   sell pBTC/USDC 9500 @ 145 gtc       -> resting 9500
        price 140
        alice owes 1 with 194.54325
        book pBTC/USDC | 500@145
        short 0
        ",
    );
    // Of the least that may be owed nothing can be bought but all.
    run(
        &mut venue,
        "
        carol mint 1 with 210
        price 190
        carol owes 1 with 210
        book pBTC/USDC | 500@145
        ",
    );
}

/// Ten thousand lots and a half: the half of the last one that no debt is left for is the owner's.
#[test]
fn a_part_of_a_lot_is_bought_with_the_whole_debt() {
    run(
        &mut venue(),
        "
        alice mint 10.0005 with 1510
        bob   mint 20 with 10000
        bob   sell pBTC/USDC 20000 @ 145 gtc      -> resting 20000
        price 140
        alice owes 0 with 0
        alice has 10.001
        alice cash 98548.34739925
        book pBTC/USDC | 9999@145
        short 0
        ",
    );
}

/// The collateral does for all but the last lot, so nothing is bought that would leave dust.
#[test]
fn collateral_that_does_not_do_for_the_last_lot_leaves_the_minimum() {
    run(
        &mut venue(),
        "
        alice mint 10.0005 with 1505.61
        bob   mint 20 with 10000
        bob   sell pBTC/USDC 20000 @ 150.5 gtc    -> resting 20000
        price 140
        alice owes 1.0005 with 150.635925
        price 140
        alice owes 1.0005 with 150.635925
        book pBTC/USDC | 11000@150.5
        short 0
        ",
    );
}
