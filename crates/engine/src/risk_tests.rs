//! Add-ons of margin, against numbers worked out by hand and against plain properties.

use super::{
    concentration_usd, counted_profit_usd, crowd_fraction, depth_now, depth_of_side, next_depth, next_variance,
    volatility_fraction,
};
use crate::testing::{PERP, Venue, cases, price, scenario_on, usd};
use palisade_types::{
    ids::AssetId,
    market::{LinearTerms, RiskTerms},
    numbers::{Price, Rate, Usd},
    order::Side,
};
use proptest::prelude::*;

fn terms() -> LinearTerms {
    LinearTerms {
        underlying: AssetId::new(1),
        expires_at_ms: None,
        maximum_leverage: 20,
        risk: RiskTerms {
            open_interest_lower_usd: usd("1000000"),
            open_interest_upper_usd: usd("2000000"),
            depth_minimum_usd: usd("1000"),
            volatility_multiplier: Rate::new(3_000_000),
            ..RiskTerms::flat()
        },
    }
}

#[test]
fn a_crowded_side_needs_more_from_everyone() {
    for (open_interest, fraction) in
        [("0", 0), ("1000000", 0), ("1000000.00000001", 50_001), ("1500000", 525_000), ("2000000", 1_000_000)]
    {
        assert_eq!(crowd_fraction(&terms(), usd(open_interest)), Ok(Rate::new(fraction)), "{open_interest}");
    }
}

/// 1 % within a second once: 1e8 ppm² per second, of which `1 - exp(-1/600)` enters the average.
#[test]
fn a_move_raises_the_fraction_and_time_lowers_it() {
    let after = next_variance(0, price("100"), price("101"), 1_000).expect("in range");
    assert_eq!(after, 166_528);
    // 3 x sqrt(166528 x 30) = 6705.5 parts per million.
    assert_eq!(volatility_fraction(&terms(), after), Rate::new(6_708));
    let later = next_variance(after, price("101"), price("101"), 600_000).expect("in range");
    assert_eq!(later, 61_263, "a factor of e after 600 s");
}

#[test]
fn how_a_span_is_cut_does_not_matter_to_a_calm_market() {
    let whole = next_variance(1_000_000, price("100"), price("100"), 60_000).expect("in range");
    let cut = (0..60)
        .fold(1_000_000, |variance, _| next_variance(variance, price("100"), price("100"), 1_000).expect("in range"));
    assert!((whole - cut).abs() <= 60, "{whole} {cut}");
}

#[test]
fn a_position_beyond_the_book_pays_for_its_slippage() {
    for (notional, addition) in [("1000", "0"), ("2000", "20"), ("11000", "1100"), ("1000000", "500000")] {
        assert_eq!(concentration_usd(usd(notional), usd("1000")), Ok(usd(addition)), "{notional}");
    }
}

#[test]
fn profit_counts_as_far_as_slow_price_and_book_confirm_it() {
    for (at_mark, at_slow, notional, counted) in
        [("-5", "90", "10", "-5"), ("100", "40", "10", "40"), ("100", "-40", "10", "0"), ("100", "100", "4000", "25")]
    {
        assert_eq!(counted_profit_usd(usd(at_mark), usd(at_slow), usd(notional), usd("1000")), Ok(usd(counted)));
    }
}

/// A wall of orders counts only after it stood, and no longer once it is gone.
#[test]
fn depth_is_slow_to_rise_and_quick_to_fall() {
    let flash = next_depth(&terms(), usd("1000"), usd("1000000"), 1_000).expect("in range");
    assert!(flash < usd("8000"), "{flash}");
    assert_eq!(next_depth(&terms(), flash, usd("2000"), 1_000), Ok(usd("2000")));
    assert_eq!(next_depth(&terms(), flash, usd("0"), 1_000), Ok(usd("1000")), "never below the minimum");
}

/// With one lot held, reduce-only orders of any size counted whole, so that nothing at stake voided what depth bounds: the size of a
/// liquidation's slice, of a hedge and of the vault's sales.
#[test]
fn orders_that_only_reduce_are_no_depth() {
    let mut venue = Venue::new();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 1 @ 100 gtc                -> resting 1
        bob   sell BTC 1 @ 100 gtc               -> filled 1 for 100
        alice sell BTC 1000 @ 100.5 gtc reduce   -> resting 1000
        bob   buy BTC 1000 @ 99.5 gtc reduce     -> resting 1000
        carol sell BTC 7 @ 101 gtc               -> resting 7
        carol buy BTC 5 @ 99 gtc                 -> resting 5
        ",
    );
    let market = venue.state().market(PERP).expect("it is listed");
    let depth = |side| depth_of_side(venue.state(), market, side, price("100"));
    assert_eq!((depth(Side::Buy), depth(Side::Sell)), (Ok(usd("495")), Ok(usd("707"))));
    assert_eq!(depth_now(venue.state(), market, price("100")), Ok(usd("495")));
}

proptest! {
    #![proptest_config(cases(500))]

    /// More open interest, size or volatility never asks for less.
    #[test]
    fn additions_are_monotone(
        small in 0i128..10_000_000_000_000_000, more in 0i128..10_000_000_000_000_000, depth in 1i128..1_000_000_000_000_000,
        variance in 0i64..10_000_000_000, rise in 0i64..1_000_000_000,
    ) {
        let large = Usd::new(small + more);
        let small = Usd::new(small);
        prop_assert!(crowd_fraction(&terms(), small).unwrap() <= crowd_fraction(&terms(), large).unwrap());
        let depth = Usd::new(depth);
        prop_assert!(concentration_usd(small, depth).unwrap() <= concentration_usd(large, depth).unwrap());
        prop_assert!(volatility_fraction(&terms(), variance) <= volatility_fraction(&terms(), variance + rise));
    }

    #[test]
    fn variance_stays_in_range(
        variance in 0i64..10_000_000_000, before in 1i64.., after in 1i64.., elapsed_ms in 0u64..100_000_000,
    ) {
        if let Ok(next) = next_variance(variance, Price::new(before), Price::new(after), elapsed_ms) {
            prop_assert!((0..=10_000_000_000).contains(&next));
        }
    }
}
