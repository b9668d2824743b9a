//! Who gives how much, and that it is compared with the deficit before it stands.

use super::{Given, Terms, Winner, hedged_lots, share_out};
use crate::{
    liquidation::stake::Stake,
    testing::{BTC, Venue, account_of, option_genesis, price, scenario_on},
};
use palisade_types::{
    address::AccountId,
    numbers::{Size, Usd},
    order::Side,
    rejection::Rejection,
};

#[test]
fn winners_give_the_deficit_to_one_unit_or_the_step_does_not_stand() {
    let terms = |side, quote| Terms {
        side,
        value: Usd::new(1_000),
        quote: Usd::new(quote),
        all: Size::new(7),
        deficit: Usd::new(50),
    };
    let given = |lots, quote, haircut| Given { lots, quote, haircut };
    let long = terms(Side::Sell, 1_050);
    let short = terms(Side::Buy, 950);
    for (terms, sound) in [
        (long, given(7, 1_050, 50)),
        (short, given(7, 950, 50)),
        // 3 of 7 lots: 428.57 at the mark, 21.43 of the deficit.
        (long, given(3, 450, 21)),
        (short, given(3, 407, 21)),
        (long, given(0, 0, 0)),
    ] {
        assert_eq!(terms.check(&sound), Ok(()), "{sound:?}");
    }
    for (terms, unsound) in [
        // The deficit twice, not at all, or in words alone.
        (long, given(7, 1_100, 50)),
        (short, given(7, 900, 50)),
        (long, given(7, 1_000, 50)),
        (short, given(7, 1_000, 0)),
        (long, given(7, 1_050, 0)),
        (long, given(3, 460, 21)),
        // More lots than there were.
        (long, given(8, 1_200, 57)),
    ] {
        let refused = terms.check(&unsound);
        assert!(matches!(refused, Err(Rejection::InvariantViolated { .. })), "{unsound:?}: {refused:?}");
    }
}

/// Lots free and hedged, profit × leverage · lots given of 100.
#[test]
fn winners_give_pro_rata_and_hedges_come_after_all_that_is_free() {
    type Row = (u64, u64, i128, u64);
    let cases: [(&str, &[Row]); 6] = [
        ("by profit times leverage", &[(500, 0, 3_000, 75), (500, 0, 1_000, 25)]),
        ("the rest goes to the heaviest", &[(500, 0, 2_000, 67), (500, 0, 1_000, 33)]),
        ("as far as there is room", &[(10, 0, 9_000, 10), (500, 0, 1_000, 90)]),
        ("what is hedged is taken last", &[(10, 500, 9_000, 10), (200, 0, 1_000, 90)]),
        ("and then pro rata, too", &[(10, 500, 3_000, 70), (10, 500, 1_000, 30)]),
        ("without profit by size, after the winners", &[(20, 0, 5, 20), (300, 0, 0, 60), (100, 0, 0, 20)]),
    ];
    for (name, rows) in cases {
        let mut winners: Vec<Winner> = rows
            .iter()
            .zip(1u8..)
            .map(|(&(free, hedged, weight, _), place)| {
                let account = AccountId::derived("winner", u64::from(place));
                Winner { account, free, hedged, weight, taken: 0 }
            })
            .collect();
        assert_eq!(share_out(&mut winners, Size::new(100)), Size::new(100), "{name}");
        let given: Vec<u64> = winners.iter().map(|winner| winner.taken).collect();
        let wanted: Vec<u64> = rows.iter().map(|(.., given)| *given).collect();
        assert_eq!(given, wanted, "{name}");
    }
}

/// A put beside a long, a call beside a short and options against each other are hedges; what points the same way is none.
#[test]
fn options_hedge_and_are_hedged() {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    scenario_on(
        &mut venue,
        "
        carol sell BTC 30 @ 100 gtc                -> resting 30
        alice buy BTC 20 @ 100 gtc                 -> filled 20 for 2000
        bob   buy BTC 10 @ 100 gtc                 -> filled 10 for 1000
        dave  sell BTC-15NOV23-100-P 150 @ 0.8 gtc -> resting 150
        alice buy BTC-15NOV23-100-P 150 @ 0.8 gtc  -> filled 150 for 12
        dave  sell BTC-15NOV23-100-C 500 @ 0.8 gtc -> resting 500
        bob   buy BTC-15NOV23-100-C 300 @ 0.8 gtc  -> filled 300 for 24
        carol buy BTC-15NOV23-100-C 200 @ 0.8 gtc  -> filled 200 for 16
        ",
    );
    for (name, market, hedged) in [
        // Lots of one unit, options of a tenth.
        ("alice", "BTC", 15),
        ("alice", "BTC-15NOV23-100-P", 150),
        ("bob", "BTC", 0),
        ("bob", "BTC-15NOV23-100-C", 0),
        ("carol", "BTC", 20),
        ("carol", "BTC-15NOV23-100-C", 200),
        ("dave", "BTC-15NOV23-100-C", 150),
        ("dave", "BTC-15NOV23-100-P", 150),
    ] {
        let state = venue.state();
        let spec = state.markets().find(|spec| spec.symbol == market).expect("it is listed");
        let stake = Stake::of(state, account_of(name), spec).expect("in range");
        assert_eq!(hedged_lots(state, account_of(name), spec, BTC, &stake), hedged, "{name} in {market}");
    }
}
