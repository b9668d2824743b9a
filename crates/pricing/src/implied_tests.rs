use super::*;
use crate::black::OptionKind;
use palisade_types::numbers::Price;
use proptest::prelude::*;
use std::io::Write as _;

/// Numbers without a pattern, the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between two numbers, evenly in their logarithms.
    fn between(&mut self, least: f64, most: f64) -> f64 {
        least * (most / least).powf(self.part())
    }
}

/// How far the volatility that comes back may be: 1e-6, or what a unit of the price and the price's own error are worth
/// in volatility.
fn tolerance(option: &OptionTerms, volatility: Volatility) -> f64 {
    let vega = option.greeks(volatility).expect("greeks").vega.get() as f64 * 100.0;
    let minimum = option.forward.min(option.strike).get() as f64 * 1e10;
    1e-6f64.max((1.0 + 2e-17 * minimum) / vega)
}

/// Prices options and asks for their volatilities; returns evaluations in all and at most, the worst error where the price
/// can tell, and how often it could.
fn round_trips(points: u64, seed: u64) -> (u64, u32, f64, u64) {
    let mut numbers = Numbers(seed);
    let (mut evaluations, mut most, mut worst, mut told) = (0u64, 0u32, 0f64, 0u64);
    for _ in 0..points {
        let forward = numbers.between(1e8, 1e14);
        let (time_ms, volatility) = (numbers.between(1e3, 1e12), numbers.between(1e10, 5e12));
        let total = volatility / 1e12 * (time_ms / 31_536e6).sqrt();
        let strike = (forward * (total * (numbers.part() * 11.0 - 5.5)).exp()).clamp(1.0, 9e18);
        let kind = if numbers.next() & 1 == 0 { OptionKind::Call } else { OptionKind::Put };
        let (forward, strike) = (Price::new(forward as i64), Price::new(strike as i64));
        let option = OptionTerms { kind, forward, strike, time_ms: time_ms as u64 };
        let volatility = Volatility::new(volatility as u64);
        let price = option.price(volatility).expect("a price");
        let back = match option.implied_volatility(price) {
            Ok(back) => back,
            // All of the minimum but less than half a unit.
            Err(PricingError::AboveMaximum { .. }) => continue,
            Err(error) => panic!("{option:?} {volatility} {price}: {error}"),
        };
        if price == option.intrinsic() {
            assert_eq!(back, Volatility::ZERO);
            continue;
        }
        let solution = option.search(price).expect("a solution");
        evaluations += u64::from(solution.evaluations);
        most = most.max(solution.evaluations);
        let error = (back.get() as f64 - volatility.get() as f64).abs() / 1e12;
        let tolerance = tolerance(&option, volatility);
        if tolerance <= 1e-6 {
            told += 1;
            worst = worst.max(error);
            assert!(error <= tolerance, "{option:?} {volatility} came back as {back}, {error:e} > {tolerance:e}");
        } else {
            // The price cannot tell the volatility: then what came back has the same price.
            let again = option.price(back).expect("a price").get();
            let vega = option.greeks(back).expect("greeks").vega.get() as f64 * 100.0;
            let slack = 2.0 + 4e-17 * option.forward.min(option.strike).get() as f64 * 1e10 + vega * 1e-12;
            assert!((again - price.get()).abs() as f64 <= slack, "{option:?} {volatility} {back}: {price} {again}");
        }
    }
    (evaluations, most, worst, told)
}

/// `PALISADE_GRID_POINTS` widens it: `make fuzz` asks for two million.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told how long to run")]
fn volatility_comes_back_from_its_price() {
    let points = std::env::var("PALISADE_GRID_POINTS").map_or(20_000, |text| text.parse().expect("a number"));
    let (evaluations, most, worst, told) = round_trips(points, 76);
    // Past what the test runner keeps to itself of tests that pass.
    let _ = writeln!(
        std::io::stderr(),
        "round trip: {points} options, {told} with a price that tells 1e-6: worst {worst:.2e}; evaluations: mean {:.2}, at most {most}",
        evaluations as f64 / told as f64
    );
    assert!(told * 2 > points, "{told}");
    assert!(most <= 12, "{most} evaluations");
}

/// Every price strictly between the bounds has a solution that gives it back, whatever the numbers.
#[test]
fn every_price_between_the_bounds_has_its_volatility() {
    let mut numbers = Numbers(1973);
    let mut most = 0;
    for round in 0..20_000u64 {
        let mut price = || numbers.between(1.0, 9.2e18) as i64;
        let forward = Price::new(price());
        let strike = if round % 3 == 0 { forward } else { Price::new(price()) };
        let kind = if round % 2 == 0 { OptionKind::Call } else { OptionKind::Put };
        let option = OptionTerms { kind, forward, strike, time_ms: numbers.between(1.0, 3e12) as u64 };
        let minimum = Fixed::from_price(forward.min(strike)).get();
        let value = match round % 4 {
            0 => 1,
            1 => minimum - 1,
            2 => numbers.between(1.0, minimum as f64) as i128,
            _ => minimum - numbers.between(1.0, minimum as f64) as i128,
        };
        let value = value.clamp(1, minimum - 1);
        let solution = option.search(Fixed::new(option.intrinsic().get() + value)).expect("a solution");
        most = most.max(solution.evaluations);
        assert!(solution.evaluations < EVALUATIONS_MAX, "{option:?} {value}");
        // What the solution is worth, with one unit of total volatility to each side.
        let x = option.prepare().expect("terms").log_moneyness.get().unsigned_abs();
        let worth = |total: i64| match TimeValue::of(x, total.unsigned_abs()) {
            Shape::Nothing => 0.0,
            Shape::Everything => minimum as f64,
            Shape::Between(parts) => {
                parts.value().times(Scaled::from_count(minimum.unsigned_abs())).to_binary(0) as f64
            }
        };
        let total = solution.total.get();
        let slack = 2.0 + minimum as f64 * 1e-16 + value as f64 * 1e-12;
        let step = 4 + (total >> 45);
        assert!(worth(total.saturating_sub(step)) <= value as f64 + slack, "{option:?} {value} {solution:?}");
        assert!(worth(total.saturating_add(step)) >= value as f64 - slack, "{option:?} {value} {solution:?}");
    }
    println!("extremes: at most {most} evaluations");
}

#[test]
fn prices_outside_the_bounds_are_refused_with_them() {
    let call = OptionTerms {
        kind: OptionKind::Call,
        forward: Price::new(110_00000000),
        strike: Price::new(100_00000000),
        time_ms: 86_400_000,
    };
    let usd = |text: &str| text.parse::<Fixed>().expect("USD");
    let (price, intrinsic) = (usd("9.999999999999999999"), usd("10"));
    assert_eq!(call.implied_volatility(price), Err(PricingError::BelowIntrinsic { price, intrinsic }));
    assert_eq!(call.implied_volatility(intrinsic), Ok(Volatility::ZERO));
    let price = usd("110");
    assert_eq!(call.implied_volatility(price), Err(PricingError::AboveMaximum { price, maximum: price }));
    assert!(call.implied_volatility(usd("109.999999999999999999")).is_ok());
    let put = OptionTerms { kind: OptionKind::Put, ..call };
    let maximum = usd("100");
    assert_eq!(put.implied_volatility(maximum), Err(PricingError::AboveMaximum { price: maximum, maximum }));
    for price in [Fixed::new(i128::MIN), Fixed::new(-1)] {
        let intrinsic = Fixed::ZERO;
        assert_eq!(put.implied_volatility(price), Err(PricingError::BelowIntrinsic { price, intrinsic }));
    }
    let expired = OptionTerms { time_ms: 0, ..call };
    let price = usd("10.5");
    assert_eq!(expired.implied_volatility(price), Err(PricingError::NoTime { price, intrinsic: usd("10") }));
    assert_eq!(expired.implied_volatility(usd("10")), Ok(Volatility::ZERO));
}

proptest! {
    #[test]
    fn a_higher_price_never_needs_less_volatility(
        forward in 1_000_000i64..10_000_000_000_000, moneyness in 10i64..1_000, time_ms in 1_000u64..100_000_000_000,
        part in 1u64..1_000_000, step in 1u64..1_000,
    ) {
        let strike = Price::new(forward / 100 * moneyness);
        let option = OptionTerms { kind: OptionKind::Put, forward: Price::new(forward), strike, time_ms };
        let minimum = Fixed::from_price(option.forward.min(strike)).get();
        let at = |part: u64| option.implied_volatility(Fixed::new(option.intrinsic().get() + minimum / 1_001_000 * i128::from(part)));
        let (less, more) = (at(part).expect("between"), at(part + step).expect("between"));
        prop_assert!(less <= more, "{less} {more}");
    }
}
