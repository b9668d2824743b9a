//! What winners gave is compared with the deficit before it stands.

use super::{Given, Terms};
use palisade_types::{
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
