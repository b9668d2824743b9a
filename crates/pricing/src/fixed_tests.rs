use super::*;
use proptest::prelude::*;

#[test]
fn prices_convert_exactly_and_back() {
    for count in [0, 1, -1, 123_456_789, i64::MAX, i64::MIN] {
        let fixed = Fixed::from_price(Price::new(count));
        assert_eq!(fixed.get(), i128::from(count) * 10_000_000_000);
        assert_eq!(fixed.to_price(), Ok(Price::new(count)));
    }
    assert_eq!(Fixed::new(4_999_999_999).to_price(), Ok(Price::new(0)));
    assert_eq!(Fixed::new(5_000_000_000).to_price(), Ok(Price::new(1)));
    assert_eq!(Fixed::new(-5_000_000_000).to_price(), Ok(Price::new(-1)));
    assert_eq!(Fixed::new(i128::MAX).to_price(), Err(PricingError::OutOfRange { what: "a price" }));
}

#[test]
fn decimals_are_read_and_shown_exactly() {
    let half: Volatility = "0.55".parse().expect("a volatility");
    assert_eq!(half.get(), 550_000_000_000);
    assert_eq!(half.to_string(), "0.55");
    assert!("-0.1".parse::<Volatility>().is_err());
    assert!("0.0000000000001".parse::<Volatility>().is_err());
    assert_eq!(serde_json::to_string(&Fixed::new(-1)).expect("JSON"), "\"-0.000000000000000001\"");
}

#[test]
fn binary_numbers_stay_in_their_range() {
    assert_eq!(Q57::from_fixed(Fixed::new(FIXED_ONE)), Ok(Q57::ONE));
    assert_eq!(Q57::ratio(-1, 2).to_fixed(), Fixed::new(-FIXED_ONE / 2));
    assert!(Q57::from_fixed(Fixed::new(64 * FIXED_ONE)).is_err());
    assert!(Q57::from_fixed(Fixed::new(i128::MIN)).is_err());
    assert_eq!(Q57::new(i64::MAX).saturating_mul(Q57::ratio(-2, 1)), Q57::new(i64::MIN));
}

proptest! {
    #[test]
    fn binary_and_decimal_agree(count in -63 * FIXED_ONE..63 * FIXED_ONE) {
        let back = Q57::from_fixed(Fixed::new(count)).expect("in range").to_fixed();
        // Half of 2^-57 is 3.5 units, and half a unit of the way back.
        prop_assert!((back.get() - count).abs() <= 4, "{count} {back:?}");
    }
}
