use super::*;
use crate::testing::price;
use proptest::prelude::*;

fn rate(text: &str) -> FundingRate {
    text.parse().expect("a decimal number")
}

/// Index, impact bid, impact ask · premium.
#[test]
fn premiums() {
    for (name, index, bid, ask, expected) in [
        ("a book around the index", "100", "99.9", "100.1", "0"),
        ("bids above the index", "100", "100.5", "100.7", "0.005"),
        ("asks below the index", "100", "99.1", "99.3", "-0.007"),
        ("towards zero", "3", "4", "5", "0.333333333333"),
        ("towards zero below, too", "3", "1", "2", "-0.333333333333"),
        ("no bids to trade with", "100", "", "99", "-0.01"),
        ("no asks to trade with", "100", "101", "", "0.01"),
        ("no book", "100", "", "", "0"),
        ("a crossed book counts both sides", "100", "102", "99", "0.01"),
    ] {
        let side = |text: &str| (!text.is_empty()).then(|| price(text));
        assert_eq!(premium(price(index), side(bid), side(ask)), rate(expected), "{name}");
    }
    assert_eq!(premium(Price::new(1), Some(Price::MAX), None), PREMIUM_MAX);
    assert_eq!(premium(Price::MAX, None, Some(Price::new(1))).get(), 1 - PREMIUM_MAX.get());
    assert_eq!(premium(Price::ZERO, None, None), FundingRate::ZERO);
}

/// Mean premium · an eighth of today's eight-hour rate.
#[test]
fn rates() {
    for (name, mean, expected) in [
        ("near the index: the interest", "0", "0.0000125"),
        ("within the clamp", "0.0005", "0.0000125"),
        ("the clamp's lower edge", "-0.0004", "0.0000125"),
        ("above", "0.0014", "0.0001125"),
        ("below", "-0.0014", "-0.0001125"),
        ("just below the edge it begins to fall", "-0.0005", "0"),
        ("towards zero", "0.000600000001", "0.0000125"),
    ] {
        assert_eq!(FUNDING_TERMS.rate(rate(mean)), Ok(rate(expected)), "{name}");
    }
    let plain = FundingTerms { interest: FundingRate::ZERO, clamp: FundingRate::ZERO, parts: 1 };
    for extreme in [FundingRate::MAX, FundingRate::new(i64::MIN)] {
        assert_eq!(plain.rate(extreme), Ok(extreme));
    }
    assert_eq!(FundingTerms { parts: 0, ..plain }.rate(FundingRate::ZERO), Err(Rejection::Overflow));
}

#[test]
fn caps_by_leverage() {
    for (leverage, cap) in [(1, "0.04"), (3, "0.04"), (9, "0.04"), (10, "0.0375"), (40, "0.009375"), (200, "0.001875")]
    {
        assert_eq!(hourly_cap(leverage), rate(cap), "{leverage}");
    }
    assert_eq!(hourly_cap(0), HOURLY_RATE_MAX);
    assert_eq!(hourly_cap(u32::MAX), FundingRate::new(87));
}

/// Samples as (premium, ms held) · what the hour costs at a cap of 0.9375 %.
#[test]
fn an_hour_is_paid_for_as_far_as_it_was_measured() {
    for (name, samples, expected) in [
        ("no sample", &[][..], "0"),
        ("a whole hour", &[("0.0014", 3_600_000)][..], "0.0001125"),
        ("a sixth of it", &[("0.0014", 600_000)][..], "0.00001875"),
        ("weighed by time: 0.2 % for 5 s, else nothing", &[("0", 3_595_000), ("0.002", 5_000)][..], "0.0000125"),
        ("half and half", &[("0.0028", 1_800_000), ("0", 1_800_000)][..], "0.0001125"),
        ("the cap", &[("0.5", 3_600_000)][..], "0.009375"),
        ("the cap below", &[("-0.5", 3_600_000)][..], "-0.009375"),
        ("more than an hour is an hour", &[("0.0014", 7_200_000)][..], "0.0001125"),
    ] {
        let measured = samples.iter().fold(MeasuredPremium::default(), |sum, (premium, held_ms)| {
            sum.with(rate(premium), *held_ms).expect("in range")
        });
        assert_eq!(hour_rate(&FUNDING_TERMS, measured, hourly_cap(40)), Ok(rate(expected)), "{name}");
    }
}

/// Side, orders as (price, lots), notional, size decimals · impact price.
#[test]
fn impact_prices() {
    let orders = [("100", 10), ("99", 10), ("90", 100)];
    for (name, side, depth, notional, size_decimals, expected) in [
        ("within the best order", Side::Buy, &orders[..], "1000", 0, Some("100")),
        ("into the second: (1000 + 990) / 20", Side::Buy, &orders[..], "1990", 0, Some("99.5")),
        ("whole lots: (1000 + 99) / 11", Side::Buy, &orders[..], "1001", 0, Some("99.90909090")),
        ("asks are rounded up", Side::Sell, &orders[..], "1001", 0, Some("99.90909091")),
        ("lots of a hundredth", Side::Buy, &orders[..], "10", 2, Some("100")),
        ("all there is", Side::Buy, &orders[..], "10990", 0, Some("91.58333333")),
        ("more than there is", Side::Buy, &orders[..], "10990.00000001", 0, None),
        ("no book", Side::Buy, &[][..], "1", 0, None),
        ("no notional, no price", Side::Buy, &orders[..], "0", 0, None),
    ] {
        let depth = depth.iter().map(|(at, lots)| Depth { price: price(at), lots: Size::new(*lots) });
        let notional: palisade_types::numbers::Usd = notional.parse().expect("a decimal number");
        let found = impact_price(side, depth, notional.get(), size_decimals);
        assert_eq!(found, Ok(expected.map(price)), "{name}");
    }
}

/// A lot worth 0.00001 USD owes 1.25e-10 USD an hour, an eightieth of a unit: nothing for 79 hours, a unit in the 80th.
#[test]
fn what_a_step_leaves_is_carried() {
    let mut carry = 0;
    let mut moved = Vec::new();
    for hour in 1..=170 {
        let step = index_step(rate("0.0000125"), price("0.00001"), 0, carry).expect("in range");
        carry = step.carry;
        if step.units != 0 {
            moved.push((hour, step.units));
        }
    }
    assert_eq!(moved, [(80, 1), (160, 1)]);
    assert_eq!(carry, 10 * 12_500_000 * 1_000);
    let back = index_step(rate("-0.0000125"), price("0.00001"), 0, carry).expect("in range");
    assert_eq!(back, IndexStep { units: 0, carry: 9 * 12_500_000 * 1_000 });
}

proptest! {
    #![proptest_config(crate::testing::cases(2_000))]

    /// The index never strays from the exact sum by a unit, and no step passes the bound.
    #[test]
    fn steps_are_exact_and_bounded(
        hours in prop::collection::vec((-40_000_000_000i64..=40_000_000_000, 1i64..1_000_000_000_000_000), 1..50),
        size_decimals in 0u8..8,
    ) {
        let divisor = 10i128.pow(12 + u32::from(size_decimals));
        let (mut exact, mut index, mut carry) = (0i128, 0i128, 0i128);
        for (units, at) in hours {
            let step = index_step(FundingRate::new(units), Price::new(at), size_decimals, carry).expect("in range");
            let bound = largest_index_move(HOURLY_RATE_MAX, Price::new(at), size_decimals).expect("in range");
            prop_assert!(step.units.unsigned_abs() <= bound);
            exact += i128::from(units) * i128::from(at);
            index += i128::from(step.units);
            carry = step.carry;
            prop_assert_eq!(index * divisor + carry, exact);
            prop_assert!(carry.abs() < divisor);
        }
    }

    /// Rates never exceed the cap, rise with the premium, and mirror: longs and shorts are treated alike around the interest.
    #[test]
    fn rates_are_capped_and_monotone(
        low in -1_000_000_000_000i64..1_000_000_000_000, more in 0i64..1_000_000_000_000, leverage in 1u32..201,
        measured_ms in 1u64..=FUNDING_INTERVAL_MS,
    ) {
        let cap = hourly_cap(leverage);
        let at = |units: i64| {
            let measured = MeasuredPremium::default().with(FundingRate::new(units), measured_ms).expect("in range");
            hour_rate(&FUNDING_TERMS, measured, cap).expect("in range").get()
        };
        prop_assert!(at(low).abs() <= cap.get());
        prop_assert!(at(low) <= at(low + more));
        // Mirrored at the interest: the mean premium 2 × interest − x pays 2 × interest − F8(x).
        let mirrored = FUNDING_TERMS.rate(FundingRate::new(200_000_000 - low)).expect("in range").get();
        let here = FUNDING_TERMS.rate(FundingRate::new(low)).expect("in range").get();
        prop_assert!((here + mirrored - 25_000_000).abs() <= 1);
    }

    /// The impact price lies between the best and the worst order that it took.
    #[test]
    fn impact_prices_lie_in_the_book(
        levels in prop::collection::vec((1i64..1_000_000_000_000, 1u64..1_000_000), 1..20), notional in 1i128..1_000_000_000_000_000,
    ) {
        let depth = levels.iter().map(|(at, lots)| Depth { price: Price::new(*at), lots: Size::new(*lots) });
        let total: i128 = levels.iter().map(|(at, lots)| i128::from(*at) * i128::from(*lots)).sum();
        let found = impact_price(Side::Buy, depth, notional, 0).expect("in range");
        prop_assert_eq!(found.is_some(), total >= notional);
        if let Some(found) = found {
            let prices = levels.iter().map(|(at, _)| *at);
            prop_assert!(found.get() >= prices.clone().min().expect("levels"));
            prop_assert!(found.get() <= prices.max().expect("levels"));
        }
    }
}
