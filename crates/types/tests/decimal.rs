//! Decimal text: exact both ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use palisade_types::{
    decimal::{DecimalError, parse_scaled, power_of_ten, scaled_to_string},
    numbers::{Amount, FundingRate, Position, Price, Rate, Size, Usd},
};
use proptest::prelude::*;

#[test]
fn text_is_read_exactly_or_not_at_all() {
    let cases = [
        ("0", 8, 0),
        ("-0", 8, 0),
        ("1", 8, 100_000_000),
        ("1.5", 8, 150_000_000),
        ("-1.00000001", 8, -100_000_001),
        ("00012.3400000000000", 2, 1234),
        ("170141183460469231731687303715884105727", 0, i128::MAX),
        ("1.0", 0, 1),
    ];
    for (text, decimals, expected) in cases {
        assert_eq!(parse_scaled(text, decimals), Ok(expected), "{text}");
    }
    for text in ["", "-", ".", "1.", ".1", "+1", "1e3", " 1", "1 ", "1_000", "1,5", "--1", "NaN", "inf", "0x1", "१"] {
        assert!(matches!(parse_scaled(text, 8), Err(DecimalError::Malformed { .. })), "{text:?}");
    }
    assert!(matches!(parse_scaled("1.23", 1), Err(DecimalError::TooPrecise { decimals: 1, .. })));
    let too_large = "170141183460469231731687303715884105728";
    assert!(matches!(parse_scaled(too_large, 0), Err(DecimalError::OutOfRange { .. })));
    assert!(matches!(parse_scaled(&"9".repeat(64), 0), Err(DecimalError::OutOfRange { .. })));
    assert!(matches!(parse_scaled(&"9".repeat(65), 0), Err(DecimalError::Malformed { .. })));
}

#[test]
fn numbers_are_written_in_their_shortest_form() {
    let cases =
        [(0, 8, "0"), (1, 8, "0.00000001"), (-1, 8, "-0.00000001"), (150, 2, "1.5"), (100, 2, "1"), (7, 0, "7")];
    for (value, decimals, expected) in cases {
        assert_eq!(scaled_to_string(value, decimals), expected);
    }
    assert_eq!(scaled_to_string(i128::MIN, 0), i128::MIN.to_string());
    assert_eq!((power_of_ten(38), power_of_ten(39)), (Some(10i128.pow(38)), None));
}

#[test]
fn each_quantity_has_its_own_scale_and_range() {
    assert_eq!("59000.5".parse(), Ok(Price::new(5_900_050_000_000)));
    assert_eq!("0.00035".parse(), Ok(Rate::new(350)));
    assert_eq!("-0.0000125".parse(), Ok(FundingRate::new(-12_500_000)));
    assert_eq!("-5".parse(), Ok(Position::new(-5)));
    assert!("92233720368.54775808".parse::<Price>().is_err());
    assert!("-1".parse::<Size>().is_err());
    assert!("1.5".parse::<Amount>().is_err());
    assert_eq!(Size::MAX.checked_add(Size::new(1)), None);
    assert_eq!(Size::ZERO.checked_sub(Size::new(1)), None);
    assert_eq!(Usd::new(i128::MIN).checked_neg(), None);
    assert_eq!(Position::new(i64::MIN).size(), Size::new(1 << 63));
}

proptest! {
    #[test]
    fn every_number_survives_its_text(value in (i128::MIN + 1)..=i128::MAX, decimals in 0u8..=38) {
        prop_assert_eq!(parse_scaled(&scaled_to_string(value, decimals), decimals), Ok(value));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}", digits in "-?[0-9]{0,45}\\.?[0-9]{0,45}", decimals in any::<u8>()) {
        for text in [text, digits] {
            if let Ok(value) = parse_scaled(&text, decimals) {
                prop_assert_eq!(parse_scaled(&scaled_to_string(value, decimals), decimals), Ok(value));
            }
        }
    }
}
