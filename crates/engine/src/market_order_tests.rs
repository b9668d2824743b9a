//! Limits at market: never further than said, on the tick, within the band.

use super::{market_limit, most_lots};
use crate::testing::{PERP, cases, genesis, price};
use palisade_types::{
    market::MarketSpec,
    numbers::{Price, Rate, Size},
    order::Side,
};
use proptest::{prop_assert, proptest};

fn market(tick: i64, band: i64) -> MarketSpec {
    let spec = genesis().markets.into_iter().find(|market| market.id == PERP).expect("there is a perpetual");
    MarketSpec { tick: Price::new(tick), price_band: Rate::new(band), ..spec }
}

#[test]
fn a_limit_is_rounded_towards_the_mark_and_kept_within_the_band() {
    let spec = market(50_000_000, 500_000);
    let limit =
        |mark: &str, side, slippage| market_limit(&spec, price(mark), side, Rate::new(slippage)).expect("small");
    assert_eq!(limit("100", Side::Buy, 100_000), price("110"));
    assert_eq!(limit("100", Side::Sell, 100_000), price("90"));
    assert_eq!(limit("92.7", Side::Sell, 100_000), price("83.5"));
    assert_eq!(limit("92.7", Side::Buy, 100_000), price("101.5"));
    let narrow = market(50_000_000, 20_000);
    let limit = |side| market_limit(&narrow, price("100"), side, Rate::new(100_000)).expect("small");
    assert_eq!((limit(Side::Buy), limit(Side::Sell)), (price("102"), price("98")));
}

#[test]
fn the_most_lots_of_an_order_are_worth_no_more_than_the_maximum() {
    let spec = market(50_000_000, 500_000);
    assert_eq!(most_lots(&spec, price("83.5")), Ok(Size::new(119_760)));
    assert_eq!(most_lots(&spec, Price::new(1)), Ok(Size::new(1_000_000_000_000_000)));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn limits_lie_on_the_tick_and_no_further_than_said(
        mark in 1_000_i64..1_000_000_000_000, tick in 1_i64..1_000, slippage in 0_i64..200_000, band in 1_i64..900_000,
    ) {
        let spec = market(tick, band);
        let distance = i128::from(slippage.min(band));
        let of = |limit: Price| i128::from(limit.get()) * 1_000_000;
        let buy = market_limit(&spec, Price::new(mark), Side::Buy, Rate::new(slippage)).expect("in range");
        prop_assert!(of(buy) <= i128::from(mark) * (1_000_000 + distance) && buy.get() % tick == 0);
        prop_assert!(of(buy) + i128::from(tick + 1) * 1_000_000 > i128::from(mark) * (1_000_000 + distance));
        let sell = market_limit(&spec, Price::new(mark), Side::Sell, Rate::new(slippage)).expect("in range");
        prop_assert!(of(sell) >= i128::from(mark) * (1_000_000 - distance) && sell.get() % tick == 0);
        prop_assert!(of(sell) - i128::from(tick + 1) * 1_000_000 < i128::from(mark) * (1_000_000 - distance));
    }
}
