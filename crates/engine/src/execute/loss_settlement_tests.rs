//! What losers pay in before they close, and what that leaves as it is.

use super::account_at;
use crate::{
    accounts::margin,
    clearing::{shortfall_usd, unreceived_usd},
    margin::AccountMargin,
    testing::{BTC, CORE, PERP, Venue, account_of, bundle, check, price, scenario_on, usd},
};
use palisade_types::{
    event::Event,
    numbers::{Price, Usd},
    time::TimeMs,
};

fn winner_first() -> Venue {
    check(
        "
        index BTC 100
        alice buy BTC 10 @ 100 gtc cloid 1   -> resting 10
        bob sell BTC 10 @ 100 gtc            -> filled 10 for 1000
        index BTC 105 for 16000
        carol buy BTC 10 @ 105 gtc cloid 3   -> resting 10
        + alice sell BTC 10 @ 105 gtc        -> filled 10 for 1050
        ",
    )
}

fn short_of(venue: &Venue) -> Usd {
    shortfall_usd(venue.state(), venue.state().market(PERP).expect("listed"))
}

fn of_bob(venue: &Venue) -> AccountMargin {
    margin(venue.state(), account_of("bob"), CORE).expect("in range")
}

/// A block with a price, a second later; what losers paid in.
fn paid_in(venue: &mut Venue, at: Price) -> Vec<Usd> {
    let time_ms = TimeMs::new(venue.engine.time_ms().get() + 1_000);
    let prices = bundle(BTC, &[at; 4], time_ms);
    let events = venue.block_at(time_ms, &[], Some(&prices)).expect("a quorum's bundle is valid").events;
    let paid = events.iter().filter_map(|event| match event {
        Event::LossSettled { account, amount_usd, .. } if *account == account_of("bob") => Some(*amount_usd),
        _ => None,
    });
    paid.collect()
}

#[test]
fn a_loser_pays_in_and_is_as_well_off_as_before() {
    let mut venue = winner_first();
    let mut paid = Usd::ZERO;
    for _ in 0..200 {
        let before = of_bob(&venue);
        for amount in paid_in(&mut venue, price("105")) {
            paid = paid.checked_add(amount).expect("in range");
            let after = of_bob(&venue);
            assert_eq!(after.equity_usd(), before.equity_usd());
            assert_eq!((after.initial_usd, after.maintenance_usd), (before.initial_usd, before.maintenance_usd));
            assert_eq!(after.free_usd(), before.free_usd());
        }
    }
    assert_eq!((paid, short_of(&venue)), (usd("50"), Usd::ZERO));
    assert_eq!(unreceived_usd(venue.state(), account_of("alice"), CORE), Ok(Usd::ZERO));
    scenario_on(
        &mut venue,
        "
        bob position BTC -10 cost -1050
        alice transfer bob USDC 100049.5325  -> done
        ",
    );
}

#[test]
fn a_wick_takes_nothing_in() {
    let mut venue = winner_first();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        carol buy BTC 1 @ 99.5 gtc cloid 7   -> resting 1
        dave sell BTC 1 @ 100.5 gtc cloid 8  -> resting 1
        ",
    );
    for _ in 0..200 {
        paid_in(&mut venue, price("100"));
    }
    // In the seconds of the wick the slow mark moved by 0.03 % each, and that much was taken of bob's 50. Carol, who bought at
    // the top, pays the rest.
    let position = venue.state().position(account_of("bob"), PERP).expect("still open");
    let taken = usd("-1000").checked_sub(position.entry_cost_usd).expect("in range");
    assert!(taken < usd("10"), "{taken}");
    assert_eq!(short_of(&venue), Usd::ZERO);
}

#[test]
fn an_isolated_position_pays_from_its_purse_and_no_more() {
    let mut venue = check(
        "
        index BTC 100
        bob leverage BTC 20 isolated         -> done
        alice buy BTC 10 @ 100 gtc cloid 1   -> resting 10
        bob sell BTC 10 @ 100 gtc            -> filled 10 for 1000
        index BTC 103 for 16000
        carol buy BTC 10 @ 103 gtc cloid 3   -> resting 10
        + alice sell BTC 10 @ 103 gtc        -> filled 10 for 1030
        ",
    );
    let own = venue.state().balance(account_of("bob"), CORE, crate::testing::USDC);
    for _ in 0..200 {
        paid_in(&mut venue, price("103"));
    }
    assert_eq!(venue.state().balance(account_of("bob"), CORE, crate::testing::USDC), own);
    assert_eq!(short_of(&venue), Usd::ZERO);
    scenario_on(&mut venue, "bob position BTC -10 cost -1030");
}

#[test]
fn everybodys_turn_comes() {
    // With many more holders than looks, places must not gather: eight parts of all addresses are each begun in.
    let mut parts = [0usize; 8];
    for height in 0..64u64 {
        let place = height.wrapping_mul(super::STRIDE);
        parts[usize::from(account_at(place).0[0] >> 5)] += 1;
    }
    assert!(parts.iter().all(|count| (4..=12).contains(count)), "{parts:?}");
}
