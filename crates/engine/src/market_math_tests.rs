use super::*;
use palisade_types::numbers::{Amount, Price, Rate, Size, Usd};
use proptest::prelude::*;

fn price(text: &str) -> Price {
    text.parse().expect("a test's price")
}

fn usd(text: &str) -> Usd {
    text.parse().expect("a test's amount")
}

#[test]
fn quotes_of_fills() {
    for (at, lots, size_decimals, quote) in [
        ("60000", 1, 5, "0.6"),
        ("60000.5", 100_000, 5, "60000.5"),
        ("0.001", 1, 5, "0.00000001"),
        ("0", 7, 0, "0"),
        ("-1.5", 2, 0, "-3"),
        ("92233720368.54775807", 1, 0, "92233720368.54775807"),
    ] {
        assert_eq!(quote_usd(price(at), Size::new(lots), size_decimals), Ok(usd(quote)), "{lots} lots at {at}");
    }
}

#[test]
fn a_quote_between_units_is_refused() {
    let refused = quote_usd(price("0.00099999"), Size::new(1), 5);
    assert!(matches!(refused, Err(Rejection::InvariantViolated { .. })), "{refused:?}");
}

#[test]
fn the_largest_price_times_the_largest_size_fits() {
    let largest = quote_usd(Price::MAX, Size::MAX, 0).expect("fits");
    assert_eq!(largest.get(), i128::from(i64::MAX) * i128::from(u64::MAX));
    assert_eq!(quote_usd(Price::MAX, Size::MAX, 39), Err(Rejection::Overflow), "a scale past i128");
}

#[test]
fn fees_round_up_and_rebates_down() {
    for (quote, rate, fee) in [
        ("100", "0.00045", "0.045"),
        ("0.00000001", "0.000001", "0.00000001"),
        ("0.00000001", "0", "0"),
        ("0.02", "0.000001", "0.00000002"),
        ("0.02000001", "0.000001", "0.00000003"),
        ("0.02000001", "-0.000001", "-0.00000002"),
        ("0.00000001", "-0.5", "0"),
    ] {
        let rate: Rate = rate.parse().expect("a test's rate");
        assert_eq!(fee_usd(usd(quote), rate), Ok(usd(fee)), "{rate} of {quote}");
    }
    assert_eq!(fee_usd(Usd::MAX, Rate::new(2_000_000)), Err(Rejection::Overflow));
}

#[test]
fn lots_and_amounts() {
    assert_eq!(base_amount(Size::new(3), 5, 8), Ok(Amount::new(3_000)));
    assert_eq!(base_amount(Size::new(3), 5, 5), Ok(Amount::new(3)));
    assert!(matches!(base_amount(Size::new(3), 5, 4), Err(Rejection::InvariantViolated { .. })));
    assert_eq!(base_amount(Size::MAX, 0, 18).map(Amount::get), Ok(i128::from(u64::MAX) * 10i128.pow(18)));
    assert_eq!(whole_lots(Amount::new(3_999), 5, 8), Ok(Size::new(3)));
    assert_eq!(whole_lots(Amount::new(-1), 5, 8), Ok(Size::ZERO));
    assert_eq!(whole_lots(Amount::MAX, 5, 8), Err(Rejection::Overflow));
}

#[test]
fn average_prices() {
    assert_eq!(average_price(usd("0.6"), Size::new(1), 5), Ok(Some(price("60000"))));
    assert_eq!(average_price(usd("2"), Size::new(3), 0), Ok(Some(price("0.66666666"))));
    assert_eq!(average_price(usd("2"), Size::ZERO, 0), Ok(None));
    assert_eq!(average_price(Usd::MAX, Size::new(1), 0), Err(Rejection::Overflow));
}

#[test]
fn limit_prices() {
    let tick = price("0.5");
    assert_eq!(check_limit_price(price("1.5"), tick), Ok(()));
    assert_eq!(check_limit_price(price("1.4"), tick), Err(Rejection::OffTick { price: price("1.4"), tick }));
    assert_eq!(check_limit_price(price("0"), tick), Err(Rejection::PriceNotPositive { price: price("0") }));
    assert_eq!(check_limit_price(price("-1"), tick), Err(Rejection::PriceNotPositive { price: price("-1") }));
    assert!(matches!(check_limit_price(price("1"), price("0")), Err(Rejection::InvariantViolated { .. })));
}

proptest! {
    /// Plain i128 division is the model: the ranges are chosen so that nothing overflows in it.
    #[test]
    fn values_and_fees_match_plain_division(
        unit_price in -1_000_000_000_000i64..1_000_000_000_000,
        lots in -1_000_000_000i64..1_000_000_000,
        size_decimals in 0u8..9,
        rate in -1_000_000i64..1_000_000,
    ) {
        let product = i128::from(unit_price) * i128::from(lots);
        let scale = 10i128.pow(u32::from(size_decimals));
        let floor = value_floor_usd(Price::new(unit_price), i128::from(lots), size_decimals).expect("fits").get();
        let ceil = value_ceil_usd(Price::new(unit_price), i128::from(lots), size_decimals).expect("fits").get();
        prop_assert!(floor * scale <= product && product < (floor + 1) * scale);
        prop_assert!((ceil - 1) * scale < product && product <= ceil * scale);
        let fee = fee_usd(Usd::new(product), Rate::new(rate)).expect("fits").get();
        let exact = product * i128::from(rate);
        prop_assert!((fee - 1) * RATE_ONE < exact && exact <= fee * RATE_ONE);
    }

    #[test]
    fn on_tick_quotes_add_up(ticks in 1i64..1_000_000, first in 0u64..1_000_000, second in 0u64..1_000_000, size_decimals in 0u8..7) {
        let at = Price::new(ticks * 10i64.pow(u32::from(size_decimals)));
        let quote = |lots| quote_usd(at, Size::new(lots), size_decimals).expect("on the tick").get();
        prop_assert_eq!(quote(first) + quote(second), quote(first + second));
        let whole = Size::new(first + second);
        if let Some(average) = average_price(Usd::new(quote(first + second)), whole, size_decimals).expect("fits") {
            prop_assert_eq!(average, at);
        }
    }

    #[test]
    fn lots_survive_the_way_to_amounts_and_back(lots in any::<u64>(), size_decimals in 0u8..10, more in 0u8..9) {
        let amount = base_amount(Size::new(lots), size_decimals, size_decimals + more).expect("fits");
        prop_assert_eq!(whole_lots(amount, size_decimals, size_decimals + more), Ok(Size::new(lots)));
    }
}
