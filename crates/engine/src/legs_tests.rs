//! Structures: which legs go together, and how many units caps leave room for. What several trades do to accounts is tested
//! through block trades and combos.

use super::{Structure, reduces};
use crate::testing::{
    PERP, SPOT, Venue, account_of,
    multi_leg::{FINE, FUTURE, NEXT, venue},
    scenario_on,
};
use palisade_types::{
    ids::MarketId,
    limits::BLOCK_LEGS,
    multi_leg::{Leg, LegsFault},
    numbers::{Position, Size},
    order::Side,
    rejection::Rejection,
};

fn leg(market: MarketId, side: Side, ratio: u32) -> Leg {
    Leg { market, side, ratio }
}

fn of(venue: &Venue, legs: &[Leg]) -> Result<Structure, Rejection> {
    Structure::of(venue.state(), legs, &BLOCK_LEGS)
}

#[test]
fn legs_are_different_derivatives_of_one_universe() {
    let venue = venue();
    let invalid = |fault| Some(Rejection::InvalidLegs { fault });
    let buy = |market| leg(market, Side::Buy, 1);
    let many = vec![buy(PERP); 13];
    let cases: [(&[Leg], Option<Rejection>); 8] = [
        (&[], invalid(LegsFault::Count { found: 0, minimum: 1, maximum: 12 })),
        (&many, invalid(LegsFault::Count { found: 13, minimum: 1, maximum: 12 })),
        (&[buy(PERP), buy(NEXT), buy(PERP)], invalid(LegsFault::Repeated { market: PERP })),
        (&[buy(PERP), buy(SPOT)], invalid(LegsFault::NoDerivative { market: SPOT })),
        (&[buy(MarketId::new(77))], Some(Rejection::UnknownMarket { market: MarketId::new(77) })),
        (
            &[buy(PERP), leg(NEXT, Side::Sell, 0)],
            Some(Rejection::OutOfRange { field: "ratio".to_owned(), value: 0, minimum: 1, maximum: 1_000_000 }),
        ),
        (
            &[leg(PERP, Side::Sell, 1_000_001)],
            Some(Rejection::OutOfRange { field: "ratio".to_owned(), value: 1_000_001, minimum: 1, maximum: 1_000_000 }),
        ),
        (&[buy(PERP), buy(NEXT), buy(FINE), buy(FUTURE)], None),
    ];
    for (legs, expected) in cases {
        assert_eq!(of(&venue, legs).err(), expected, "{legs:?}");
    }
}

#[test]
fn position_caps_count_open_orders_and_let_reductions_pass() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 500 @ 100 gtc   -> resting 500
        bob sell BTC 500 @ 100 gtc    -> filled 500 for 50000
        alice buy BTC 200 @ 90 gtc    -> resting 200
        ",
    );
    let spread = of(&venue, &[leg(PERP, Side::Buy, 3), leg(NEXT, Side::Sell, 7)]).expect("they go together");
    let within = |name, side| {
        let most = Size::new(1_000_000);
        let (units, by) = spread.within_positions(venue.state(), account_of(name), side, most).expect("in range");
        (units.get(), by.map(|leg| leg.market.id))
    };
    // 3000 − 500 − 200 = 2300 lots are 766 units here, and 3000 lots short are 428 there.
    assert_eq!(within("alice", Side::Buy), (428, Some(NEXT)));
    // Selling 3500 lots gets her to −3000.
    assert_eq!(within("alice", Side::Sell), (428, Some(NEXT)));
    let one = of(&venue, &[leg(PERP, Side::Buy, 3)]).expect("it goes");
    let within = |name, side, most| {
        let found = one.within_positions(venue.state(), account_of(name), side, Size::new(most)).expect("in range");
        (found.0.get(), found.1.map(|leg| leg.market.id))
    };
    assert_eq!(within("alice", Side::Buy, 800), (766, Some(PERP)));
    assert_eq!(within("alice", Side::Sell, 2_000), (1_166, Some(PERP)));
    assert_eq!(within("bob", Side::Sell, 2_000), (833, Some(PERP)));
    assert_eq!(within("bob", Side::Sell, 833), (833, None), "enough room is no bound");
}

#[test]
fn open_interest_leaves_room_for_closing() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice leverage BTC 40          -> done
        bob leverage BTC 40            -> done
        carol leverage BTC 40          -> done
        alice buy BTC 2900 @ 100 gtc   -> resting 2900
        bob sell BTC 2900 @ 100 gtc    -> filled 2900 for 290000
        carol buy BTC 2090 @ 100 gtc   -> resting 2090
        dave sell BTC 1000 @ 100 gtc   -> filled 1000 for 100000
        erin sell BTC 1090 @ 100 gtc   -> filled 1090 for 109000
        ",
    );
    let spread = of(&venue, &[leg(NEXT, Side::Buy, 1), leg(PERP, Side::Sell, 4)]).expect("they go together");
    let within = |buyer, seller, units| {
        let (buyer, seller) = (account_of(buyer), account_of(seller));
        let found = spread.within_open_interest(venue.state(), buyer, seller, Size::new(units)).expect("in range");
        (found.0.get(), found.1.map(|leg| leg.market.id))
    };
    // Of 5000 lots 10 are left. The structure's buyer sells here: alice closes 2900 lots against whoever buys.
    assert_eq!(within("alice", "dave", 500), (500, None));
    assert_eq!(within("dave", "erin", 1_000), (275, Some(PERP)), "erin closes 1090 and 10 are new: 1100 / 4");
    assert_eq!(within("dave", "alice", 9), (2, Some(PERP)), "dave sells more and alice buys more: 10 / 4");
}

#[test]
fn smaller_on_the_same_side_is_a_reduction() {
    let cases = [
        (10, 5, true),
        (10, 0, true),
        (10, 10, false),
        (10, 11, false),
        (10, -1, false),
        (10, -9, false),
        (-10, -9, true),
        (-10, 1, false),
        (0, 0, false),
        (0, 1, false),
    ];
    for (before, after, expected) in cases {
        assert_eq!(reduces(Position::new(before), Position::new(after)), expected, "{before} to {after}");
    }
}
