//! Net prices: ticks and splits by hand, then that every split adds up.

use super::{NetTerms, greatest_common_divisor};
use crate::{
    legs::{Structure, StructureLeg},
    testing::{CORE, cases, genesis, price},
};
use palisade_types::{
    ids::MarketId,
    market::MarketSpec,
    numbers::{Price, Size},
    order::Side,
    rejection::Rejection,
};
use proptest::prelude::*;
use std::sync::Arc;

fn leg(side: Side, ratio: u32, tick: &str, size_decimals: u8) -> StructureLeg {
    let market = genesis().markets.remove(0);
    StructureLeg {
        market: Arc::new(MarketSpec { tick: price(tick), size_decimals, ..market }),
        side,
        ratio,
        forward: None,
    }
}

fn structure(legs: Vec<StructureLeg>) -> Structure {
    let numbered = legs.into_iter().zip(0..).map(|(leg, number)| {
        let market = MarketSpec { id: MarketId::new(number), ..leg.market.as_ref().clone() };
        StructureLeg { market: Arc::new(market), ..leg }
    });
    Structure { universe: CORE, legs: numbered.collect() }
}

fn prices(text: &[&str]) -> Vec<Price> {
    text.iter().map(|text| price(text)).collect()
}

#[test]
fn a_spread_of_equal_lots_is_the_difference_and_the_first_leg_takes_the_rest() {
    let spread = structure(vec![leg(Side::Sell, 1, "0.5", 0), leg(Side::Buy, 1, "0.5", 0)]);
    let terms = NetTerms::of(&spread).expect("in range");
    assert_eq!((terms.tick, terms.size_decimals), (price("0.5"), 0));
    // Marks between ticks: the second leg trades at 120.5, the nearest tick.
    let marks = prices(&["100.1", "120.4"]);
    assert_eq!(terms.split(&spread, price("20"), &marks), Ok(prices(&["100.5", "120.5"])));
    assert_eq!(terms.split(&spread, price("-3.5"), &marks), Ok(prices(&["124", "120.5"])));
    assert_eq!(
        terms.split(&spread, price("20.3"), &marks),
        Err(Rejection::OffTick { price: price("20.3"), tick: price("0.5") })
    );
    // The band is 50 %: the first leg would trade at 150.5 or at 49.5, then at nothing.
    for (net, at) in [("-30.5", "151"), ("71", "49.5"), ("121", "-0.5")] {
        let refused = Rejection::LegOutsideBand { market: MarketId::new(0), price: price(at), mark: price("100.1") };
        assert_eq!(terms.split(&spread, price(net), &marks), Err(refused), "{net}");
    }
    assert!(terms.split(&spread, price("70"), &marks).is_ok(), "50.5 is half of it");
}

#[test]
fn finer_lots_weigh_more_and_the_smallest_step_takes_the_rest() {
    // One lot of 1 against 100 lots of 0.01; D = 2, so prices are for 100 units: 100 × 100 × first − 100 × second.
    let legs = structure(vec![leg(Side::Buy, 1, "0.5", 0), leg(Side::Sell, 100, "0.2", 2)]);
    let terms = NetTerms::of(&legs).expect("in range");
    assert_eq!((terms.weights.clone(), terms.residual), (vec![100, -100], 1));
    assert_eq!((terms.tick, terms.size_decimals), (price("20"), 2));
    // The first leg's grid: 100 × 0.5 = 50 and 20 have a common divisor of 10, so 2 ticks.
    let split = terms.split(&legs, price("120"), &prices(&["100.6", "100"]));
    assert_eq!(split, Ok(prices(&["101", "99.8"])));
    // 7 units: 7 × 101 − 700 × 99.8 / 100 = 8.4 = 120 × 7 / 100.
    assert_eq!(terms.quote_usd(price("120"), Size::new(7)), legs.quote_usd(&prices(&["101", "99.8"]), Size::new(7)));
}

#[test]
fn ratios_without_a_divisor_leave_a_coarser_grid_and_still_add_up() {
    let legs = structure(vec![leg(Side::Buy, 2, "0.5", 0), leg(Side::Sell, 3, "0.5", 0)]);
    let terms = NetTerms::of(&legs).expect("in range");
    assert_eq!(terms.tick, price("1"));
    // The second leg's step of 1.5 meets 1 every two ticks.
    let split = terms.split(&legs, price("-99"), &prices(&["100", "100.4"])).expect("in the bands");
    assert_eq!(split, prices(&["100.5", "100"]));
}

#[test]
fn common_divisors() {
    for (one, other, common) in [(0, 6, 6), (6, 0, 6), (12, 18, 6), (7, 13, 1), (5, 5, 5)] {
        assert_eq!(greatest_common_divisor(one, other), common);
    }
}

fn any_leg() -> impl Strategy<Value = (bool, u32, i64, u8, i64)> {
    // Ticks in 1e-5 USD and up to two decimals of lots keep every quote whole; marks are far above any grid.
    (any::<bool>(), 1_u32..=9, 1_i64..=20, 0_u8..=2, 500_000_i64..900_000)
}

proptest! {
    #![proptest_config(cases(512))]

    /// Whatever the ticks, lots and ratios: a net price on the tick near the marks' own splits into prices on the ticks that add up
    /// to it exactly, and so do the quotes of any number of units.
    #[test]
    fn every_split_adds_up(
        legs in proptest::collection::vec(any_leg(), 2..=12),
        away in -2_i64..=2,
        units in 1_u64..1_000_000,
    ) {
        let market = genesis().markets.remove(0);
        let made = legs.iter().map(|(buys, ratio, tick, size_decimals, _)| StructureLeg {
            market: Arc::new(MarketSpec {
                tick: Price::new(tick * 1_000),
                size_decimals: *size_decimals,
                ..market.clone()
            }),
            side: if *buys { Side::Buy } else { Side::Sell },
            ratio: *ratio,
            forward: None,
        });
        let legs_made = structure(made.collect());
        let marks: Vec<Price> = legs.iter().map(|(.., mark)| Price::new(mark * 100_000_000 + 777)).collect();
        let terms = NetTerms::of(&legs_made).expect("in range");
        let at_marks: i128 = terms.weights.iter().zip(&marks).map(|(weight, mark)| weight * i128::from(mark.get())).sum();
        let tick = i128::from(terms.tick.get());
        let ticks = at_marks.div_euclid(tick) + i128::from(away);
        let net = Price::new(i64::try_from(ticks * tick).expect("in range"));
        let split = terms.split(&legs_made, net, &marks).expect("it is near the marks");
        let sum: i128 = terms.weights.iter().zip(&split).map(|(weight, price)| weight * i128::from(price.get())).sum();
        prop_assert_eq!(sum, i128::from(net.get()));
        for (leg, price) in legs_made.legs.iter().zip(&split) {
            prop_assert_eq!(price.get() % leg.market.tick.get(), 0);
            prop_assert!(price.get() > 0);
        }
        let units = Size::new(units);
        prop_assert_eq!(terms.quote_usd(net, units).expect("whole"), legs_made.quote_usd(&split, units).expect("whole"));
    }
}
