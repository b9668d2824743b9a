//! Who is held back, by how much, and when no longer.

use super::{shortfall_usd, unreceived_usd};
use crate::testing::{CORE, PERP, Venue, account_of, check, scenario_on, usd};

fn held_back(venue: &Venue, name: &str) -> String {
    unreceived_usd(venue.state(), account_of(name), CORE).expect("in range").to_string()
}

fn shortfall(venue: &Venue) -> String {
    shortfall_usd(venue.state(), venue.state().market(PERP).expect("listed")).to_string()
}

/// Alice and erin are long of bob; the price rises; both sell to carol, who is new. Nobody has paid in anything.
fn winners_first() -> Venue {
    check(
        "
        index BTC 100
        alice buy BTC 10 @ 100 gtc cloid 1   -> resting 10
        bob sell BTC 10 @ 100 gtc            -> filled 10 for 1000
        dave buy BTC 20 @ 100 gtc cloid 1    -> resting 20
        bob sell BTC 20 @ 100 gtc            -> filled 20 for 2000
        index BTC 105 for 16000
        carol buy BTC 30 @ 105 gtc cloid 3   -> resting 30
        + alice sell BTC 10 @ 105 gtc        -> filled 10 for 1050
        + dave sell BTC 20 @ 105 gtc         -> filled 20 for 2100
        ",
    )
}

#[test]
fn profit_stays_until_somebody_has_paid_it_in() {
    let mut venue = winners_first();
    assert_eq!((held_back(&venue, "alice"), held_back(&venue, "dave")), ("50".to_owned(), "100".to_owned()));
    assert_eq!((held_back(&venue, "carol"), shortfall(&venue)), ("0".to_owned(), "150".to_owned()));
    scenario_on(
        &mut venue,
        "
        // 100000 were paid in and fees of 0.1 + 0.3675 went out: the profit of 50 stays.
        alice transfer bob USDC 99999.5326   -> refused insufficient_balance
        alice transfer bob USDC 99999.5325   -> done
        // It backs positions like all cash.
        alice buy BTC 1 @ 100 gtc cloid 4    -> resting 1
        alice cancel BTC 4                   -> canceled 1
        // Who lost closes: 150 are paid in.
        carol sell BTC 30 @ 105 gtc cloid 5  -> resting 30
        bob buy BTC 30 @ 105 gtc             -> filled 30 for 3150
        alice transfer bob USDC 50           -> done
        alice holds USDC 0 locked 0
        ",
    );
    assert_eq!((held_back(&venue, "dave"), shortfall(&venue)), ("0".to_owned(), "0".to_owned()));
}

#[test]
fn nobody_is_held_back_by_more_than_clearing_is_short_of() {
    let mut venue = winners_first();
    scenario_on(
        &mut venue,
        "
        carol sell BTC 24 @ 105 gtc cloid 5  -> resting 24
        bob buy BTC 24 @ 105 gtc             -> filled 24 for 2520
        ",
    );
    // 120 by closing, and a little that bob paid in as the slow mark went.
    let short = shortfall(&venue);
    assert!((usd("25")..=usd("30")).contains(&short.parse().expect("an amount")), "{short}");
    assert_eq!((held_back(&venue, "alice"), held_back(&venue, "dave")), (short.clone(), short));
}

#[test]
fn spot_and_vaults_are_ways_out_as_well() {
    let mut venue = winners_first();
    assert_eq!(held_back(&venue, "alice"), usd("50").to_string());
    scenario_on(
        &mut venue,
        "
        alice transfer carol USDC 99900      -> done
        alice open-vault carry 100           -> refused insufficient_balance
        alice buy BTC/USDC 1 @ 100 gtc       -> rejected insufficient_balance
        alice buy BTC/USDC 1 @ 99 gtc        -> resting 1
        ",
    );
}
