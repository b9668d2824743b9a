//! Structures: which legs go together, how many units caps leave room for, and what is judged over all legs at once. The rest of what
//! several trades do to accounts is tested through block trades and combos.

use super::Structure;
use crate::testing::{
    BTC, PERP, SPOT, USDC, Venue, account_of, genesis,
    multi_leg::{FINE, FUTURE, NEXT, venue},
    option_genesis, price, scenario_on,
};
use palisade_types::{
    ids::{MarketId, UniverseId},
    limits::BLOCK_LEGS,
    market::{MarketSpec, UniverseSpec},
    multi_leg::{Leg, LegsFault},
    numbers::Size,
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
fn legs_of_two_universes_do_not_go_together() {
    let universe = UniverseId::new(1);
    let mut genesis = genesis();
    genesis.universes.push(UniverseSpec { id: universe, name: "side".to_owned(), collateral: USDC });
    let there = MarketSpec { id: NEXT, symbol: "NEXT".to_owned(), universe, ..genesis.markets[0].clone() };
    genesis.markets.insert(1, there);
    let venue = Venue::with(genesis);
    let fault = LegsFault::OtherUniverse { market: NEXT };
    let both = [leg(PERP, Side::Buy, 1), leg(NEXT, Side::Sell, 1)];
    assert_eq!(of(&venue, &both).err(), Some(Rejection::InvalidLegs { fault }));
    assert!(of(&venue, &both[1..]).is_ok(), "each goes by itself");
}

/// The usual venue with options at 100: a call of 100 is worth 0.8 and trades in tenths.
fn option_venue() -> Venue {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

/// A thousand coins against calls on as many.
#[test]
fn an_option_may_be_a_leg_of_a_block() {
    scenario_on(
        &mut option_venue(),
        "
        alice rfq buy BTC*1 sell BTC-15NOV23-100-C*10 lots 1000   -> requested
        bob offer alice 1 sell 1000 at 100,20                     -> refused leg_outside_band
        bob offer alice 1 sell 1000 at 100,1                      -> quoted
        alice accept alice 1 bob 1                                -> done
        alice position BTC 1000 cost 100000
        alice position BTC-15NOV23-100-C -10000 cost 0
        bob position BTC -1000 cost -100000
        bob position BTC-15NOV23-100-C 10000 cost 0
        // the premium of 1000; 3.5 bp and 1 bp of the coins, 3 bp of the forward from each side
        alice holds USDC 100935
        bob holds USDC 98960
        ",
    );
}

/// The same as a combo: its net price is that of ten units, because a lot of the option is a tenth.
#[test]
fn an_option_may_be_a_leg_of_a_combo() {
    scenario_on(
        &mut option_venue(),
        "
        alice combo buy BTC*1 sell BTC-15NOV23-100-C*10   -> combo 1
        bob spread 1 sell 50 @ 990 gtc                    -> resting 50
        alice spread 1 buy 20 @ 990 gtc                   -> filled 20 for 1980
        alice position BTC 20 cost 2000
        alice position BTC-15NOV23-100-C -200 cost 0
        bob position BTC -20 cost -2000
        bob position BTC-15NOV23-100-C 200 cost 0
        // 10 for the combo, a premium of 20; fees of 0.7 and 0.2, and 0.6 from each side
        alice holds USDC 100008.7
        bob holds USDC 99979.2
        spreads 1 | 30@990
        ",
    );
}

/// What a leg realises and clearing has not received pays no premium of another: the seller could take it out at once.
#[test]
fn unreceived_profit_of_a_leg_pays_no_premium() {
    scenario_on(
        &mut option_venue(),
        "
        alice leverage BTC 40                                     -> done
        alice buy BTC 1000 @ 100 gtc                              -> resting 1000
        carol sell BTC 1000 @ 100 gtc                             -> filled 1000 for 100000
        alice transfer dave USDC 96000                            -> done
        alice holds USDC 3990
        index BTC 110 for 16000
        // 10000 are realised, of which nobody has paid anything in, and 9900 are paid
        alice rfq sell BTC*1 buy BTC-15NOV23-100-C*10 lots 1000   -> requested
        bob offer alice 1 sell 1000 at 110,9.9                    -> quoted
        alice accept alice 1 bob 1                                -> refused premium_uncovered
        alice position BTC 1000 cost 100000
        alice end-rfq alice 1                                     -> done
        // 2970 are hers, fees included
        alice rfq sell BTC*1 buy BTC-15NOV23-100-C*3 lots 1000    -> requested
        bob offer alice 1 sell 1000 at 110,9.9                    -> quoted
        alice accept alice 1 bob 1                                -> done
        alice position BTC 0
        alice position BTC-15NOV23-100-C 3000 cost 0
        bob position BTC-15NOV23-100-C -3000 cost 0
        ",
    );
}

/// What a cross leg realises hides that an isolated one took cash; whoever is below initial margin opens none all the same.
#[test]
fn realised_profit_does_not_hide_what_an_isolated_leg_takes() {
    scenario_on(
        &mut venue(),
        "
        index BTC 100
        alice leverage BTC 40                             -> done
        alice leverage NEXT 40                            -> done
        alice leverage FUTURE 40 isolated                 -> done
        alice rfq buy BTC*1 sell NEXT*1 lots 1000         -> requested
        bob offer alice 1 sell 1000 net 0                 -> quoted
        alice accept alice 1 bob 1                        -> done
        alice transfer carol USDC 94900                   -> done
        alice holds USDC 5030
        index BTC 140 for 16000
        // 40000 are realised, 1633 go into the purse, 1750 of maintenance are freed: health is no lower, but 3348 are left
        // where 3500 are required
        alice rfq sell BTC*50 buy FUTURE*23 lots 20       -> requested
        bob offer alice 1 sell 20 at 140,140              -> quoted
        alice accept alice 1 bob 1                        -> refused insufficient_margin
        alice end-rfq alice 1                             -> done
        // without the isolated leg it stands
        alice rfq sell BTC*50 lots 20                     -> requested
        bob offer alice 1 sell 20 at 140                  -> quoted
        alice accept alice 1 bob 1                        -> done
        alice position BTC 0
        ",
    );
}
