use super::*;
use crate::reference::{excess_e18, rows};
use proptest::prelude::*;

fn terms(kind: OptionKind, forward: i64, strike: i64, time_ms: u64) -> OptionTerms {
    OptionTerms { kind, forward: Price::new(forward), strike: Price::new(strike), time_ms }
}

#[test]
fn the_year_and_its_root_agree() {
    let square = INVERSE_ROOT_YEAR_MS.times(INVERSE_ROOT_YEAR_MS).times(Scaled::new(YEAR_MS, 0));
    assert!((1 - (square.to_binary(62) as i128 >> 62)).abs() <= 1, "{square:?}");
    let excess = square.to_binary(62) as i128 - (1 << 62);
    assert!(excess.abs() <= 4, "{excess}");
}

/// Prices within 2e-17 of the smaller of forward and strike and a unit; delta within 1e-17 and 5e-18 over the
/// total volatility; the others within 1e-12 of themselves, 1e-18 over the total volatility, and two units.
#[test]
fn prices_and_greeks_match_the_references() {
    let mut worst = [("price", 0f64), ("delta", 0.0), ("gamma", 0.0), ("vega", 0.0), ("theta", 0.0), ("rho", 0.0)];
    for [forward, strike, time_ms, volatility, call, put, delta, gamma, vega, theta, rho] in
        rows(include_str!("../tests/reference/black.csv"))
    {
        let volatility = Volatility::new(volatility as u64);
        let of = |kind| terms(kind, forward as i64, strike as i64, time_ms as u64).greeks(volatility).expect("greeks");
        let (c, p) = (of(OptionKind::Call), of(OptionKind::Put));
        let minimum = forward.min(strike) as f64 * 1e10;
        let mut note = |place: usize, value: Fixed, expected: i128, bound: f64| {
            let error = excess_e18(value.get(), expected).abs() / bound;
            worst[place].1 = worst[place].1.max(error);
            assert!(error <= 1.0, "{}: {value} {expected} {forward} {strike} {time_ms} {volatility}", worst[place].0);
        };
        let years = time_ms as f64 / YEAR_MS as f64;
        let total = volatility.get() as f64 / 1e12 * years.sqrt();
        let relative = |expected: i128| (expected as f64 / 1e6).abs() * (1e-15 + 1e-15 / total) + 2.0;
        note(0, c.price, call, minimum * 2e-17 + 1.0);
        note(0, p.price, put, minimum * 2e-17 + 1.0);
        note(1, c.delta, delta, 10.0 + 5.0 / total);
        note(1, p.delta, delta - 10i128.pow(24), 10.0 + 5.0 / total);
        note(2, c.gamma, gamma, relative(gamma));
        note(3, c.vega, vega, relative(vega));
        note(4, c.theta, theta, relative(theta));
        note(5, c.rho, rho, relative(rho) + strike as f64 * 1e8 * years * (1e-17 + 5e-18 / total));
        assert_eq!((c.gamma, c.vega, c.theta), (p.gamma, p.vega, p.theta));
    }
    for (name, error) in worst {
        println!("black: {name} off by {error:.3} of its bound");
    }
}

#[test]
fn edges_are_defined() {
    let day = 86_400_000;
    let half = Volatility::new(500_000_000_000);
    let one = Fixed::new(FIXED_ONE);
    for (kind, forward, strike, delta) in [
        (OptionKind::Call, 110, 100, FIXED_ONE),
        (OptionKind::Call, 100, 110, 0),
        (OptionKind::Call, 100, 100, FIXED_ONE / 2),
        (OptionKind::Put, 110, 100, 0),
        (OptionKind::Put, 100, 110, -FIXED_ONE),
        (OptionKind::Put, 100, 100, -FIXED_ONE / 2),
    ] {
        for (time_ms, volatility) in [(0, half), (day, Volatility::ZERO), (0, Volatility::ZERO)] {
            let option = terms(kind, forward, strike, time_ms);
            let greeks = option.greeks(volatility).expect("greeks");
            assert_eq!(greeks.price, option.intrinsic());
            assert_eq!(greeks.delta, Fixed::new(delta), "{option:?}");
            assert_eq!((greeks.gamma, greeks.theta), (Fixed::ZERO, Fixed::ZERO));
            assert_eq!(greeks.vega > Fixed::ZERO, forward == strike && time_ms > 0, "{option:?}");
        }
    }
    // A volatility out of all proportion: a call is worth the forward, a put the strike.
    let wild = Volatility::new(u64::MAX);
    let call = terms(OptionKind::Call, 100, 1_000_000, TIME_MS_MAX).greeks(wild).expect("greeks");
    assert_eq!((call.price, call.delta), (Fixed::from_price(Price::new(100)), one));
    let put = terms(OptionKind::Put, 100, 1_000_000, TIME_MS_MAX).greeks(wild).expect("greeks");
    assert_eq!((put.price, put.delta), (Fixed::from_price(Price::new(1_000_000)), Fixed::ZERO));
    // The furthest strikes that there are.
    let far = terms(OptionKind::Call, 1, i64::MAX, 1).greeks(half).expect("greeks");
    assert_eq!((far.price, far.delta, far.vega), (Fixed::ZERO, Fixed::ZERO, Fixed::ZERO));
    let deep = terms(OptionKind::Call, i64::MAX, 1, 1).greeks(half).expect("greeks");
    assert_eq!((deep.price, deep.delta), (terms(OptionKind::Call, i64::MAX, 1, 1).intrinsic(), one));
}

#[test]
fn what_has_no_price_is_named() {
    let half = Volatility::new(500_000_000_000);
    for (forward, strike) in [(0, 1), (1, 0), (-1, 1), (1, i64::MIN)] {
        let option = terms(OptionKind::Call, forward, strike, 1);
        let error = PricingError::NotPositive { forward: option.forward, strike: option.strike };
        assert_eq!(option.price(half), Err(error));
        assert_eq!(option.greeks(half), Err(error));
        assert_eq!(option.implied_volatility(Fixed::ZERO), Err(error));
    }
    let late = terms(OptionKind::Put, 1, 1, TIME_MS_MAX + 1);
    assert_eq!(late.price(half), Err(PricingError::TimeTooLong { time_ms: TIME_MS_MAX + 1, maximum_ms: TIME_MS_MAX }));
}

/// What rounding may cost: 2e-17 of a price each and a unit.
fn slack(prices: &[Price]) -> i128 {
    prices.iter().map(|price| Fixed::from_price(*price).get() / 50_000_000_000_000_000 + 2).sum()
}

proptest! {
    #[test]
    fn call_less_put_is_forward_less_strike(
        forward in 1i64.., strike in 1i64.., time_ms in 0..=TIME_MS_MAX, volatility in any::<u64>(),
    ) {
        let price = |kind| terms(kind, forward, strike, time_ms).price(Volatility::new(volatility)).expect("a price").get();
        let difference = (i128::from(forward) - i128::from(strike)) * 10_000_000_000;
        prop_assert_eq!(price(OptionKind::Call) - price(OptionKind::Put), difference);
    }

    #[test]
    fn prices_stay_between_their_bounds(
        forward in 1i64.., strike in 1i64.., time_ms in 0..=TIME_MS_MAX, volatility in any::<u64>(),
    ) {
        let option = terms(OptionKind::Call, forward, strike, time_ms);
        let price = option.price(Volatility::new(volatility)).expect("a price");
        prop_assert!(price >= option.intrinsic() && price <= Fixed::from_price(option.forward));
    }

    #[test]
    fn a_call_falls_and_is_convex_in_its_strike(
        forward in 1_000_000i64..10_000_000_000_000, moneyness in 20i64..500, width in 1i64..1_000_000_000,
        time_ms in 1_000u64..100_000_000_000, volatility in 1_000_000_000u64..5_000_000_000_000,
    ) {
        let middle = forward / 100 * moneyness + width;
        let price = |strike: i64| {
            terms(OptionKind::Call, forward, strike, time_ms).price(Volatility::new(volatility)).expect("a price").get()
        };
        let (low, at, high) = (price(middle - width), price(middle), price(middle + width));
        let slack = slack(&[Price::new(forward), Price::new(middle + width)]);
        prop_assert!(low >= at - slack && at >= high - slack, "{low} {at} {high}");
        prop_assert!(low - 2 * at + high >= -2 * slack, "{low} {at} {high}");
        // A strike that is higher by w makes a call cheaper by at most w.
        prop_assert!(low - at <= i128::from(width) * 10_000_000_000 + slack);
    }

    #[test]
    fn prices_rise_with_volatility_and_time(
        forward in 1_000_000i64..10_000_000_000_000, moneyness in 20i64..500, time_ms in 1_000u64..100_000_000_000,
        volatility in 1_000_000_000u64..5_000_000_000_000, more in 1u64..1_000_000_000_000, later in 1u64..10_000_000_000,
    ) {
        let strike = forward / 100 * moneyness;
        let price = |time_ms, volatility| {
            terms(OptionKind::Put, forward, strike, time_ms).price(Volatility::new(volatility)).expect("a price").get()
        };
        let slack = slack(&[Price::new(forward.min(strike))]);
        let now = price(time_ms, volatility);
        prop_assert!(price(time_ms, volatility + more) >= now - slack);
        prop_assert!(price(time_ms + later, volatility) >= now - slack);
    }

    /// Delta, vega and theta are what prices nearby say.
    #[test]
    fn greeks_are_the_slopes_of_the_price(
        forward in 10_000_000_000i64..10_000_000_000_000, deviations in -30i64..30,
        time_ms in 10_000_000u64..100_000_000_000, volatility in 100_000_000_000u64..2_000_000_000_000,
    ) {
        let total = volatility as f64 / 1e12 * (time_ms as f64 / YEAR_MS as f64).sqrt();
        let strike = (forward as f64 * (total * deviations as f64 / 10.0).exp()) as i64;
        let at = |forward: i64, time_ms: u64, volatility: u64| {
            let price = terms(OptionKind::Call, forward, strike, time_ms).price(Volatility::new(volatility)).expect("a price");
            price.get() as f64 / 1e18
        };
        let greeks = terms(OptionKind::Call, forward, strike, time_ms).greeks(Volatility::new(volatility)).expect("greeks");
        let float = |value: Fixed| value.get() as f64 / 1e18;
        let usd = forward as f64 / 1e8;
        let step = (forward as f64 * total * 1e-4) as i64;
        let delta = (at(forward + step, time_ms, volatility) - at(forward - step, time_ms, volatility)) / (2.0 * step as f64 / 1e8);
        prop_assert!((delta - float(greeks.delta)).abs() < 1e-6, "{delta} {}", greeks.delta);
        let step = volatility / 10_000;
        let vega = (at(forward, time_ms, volatility + step) - at(forward, time_ms, volatility - step)) / (2.0 * step as f64 / 1e10);
        prop_assert!((vega - float(greeks.vega)).abs() < 1e-6 * usd, "{vega} {}", greeks.vega);
        let step = time_ms / 10_000;
        let theta = (at(forward, time_ms - step, volatility) - at(forward, time_ms + step, volatility)) / (2.0 * step as f64 / 86_400_000.0);
        prop_assert!((theta - float(greeks.theta)).abs() < 1e-5 * float(greeks.theta).abs() + 1e-6, "{theta} {}", greeks.theta);
    }
}
