use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn products_and_quotients_are_within_one_unit(left in 1u64.., right in 1u64.., up in -40i32..40, down in -40i32..40) {
        let (a, b) = (Scaled::new(left, up), Scaled::new(right, down));
        let product = a.times(b);
        let exact = u128::from(left) * u128::from(right);
        let shift = product.exponent - up - down;
        prop_assert!(product.mantissa >= 1 << 63);
        let floor = if shift >= 0 { exact >> shift } else { exact << -shift };
        prop_assert_eq!(u128::from(product.mantissa), floor);
        let quotient = a.over(b);
        // q b ≤ a < (q + 1) b, in mantissas.
        let shift = (a.exponent - b.exponent - quotient.exponent) as u32;
        let dividend = u128::from(a.mantissa) << shift;
        let below = u128::from(quotient.mantissa) * u128::from(b.mantissa);
        prop_assert!(quotient.mantissa >= 1 << 63);
        prop_assert!(below <= dividend && dividend - below < u128::from(b.mantissa));
    }

    #[test]
    fn counts_come_back(count in any::<u64>(), exponent in 0u32..60) {
        prop_assert_eq!(Scaled::new(count, -(exponent as i32)).to_binary(exponent), u128::from(count));
        let value = Scaled::from_wide(u128::from(count) << exponent, 0);
        prop_assert_eq!(value, Scaled::new(count, exponent as i32));
    }
}

#[test]
fn nothing_stays_nothing() {
    let one = Scaled::new(1, 0);
    assert!(Scaled::ZERO.times(one).is_zero());
    assert!(Scaled::ZERO.over(one).is_zero());
    assert!(one.over(Scaled::ZERO).is_zero());
    assert_eq!(Scaled::ZERO.to_binary(57), 0);
    assert_eq!(Scaled::from_fixed(Fixed::new(-5)), Scaled::ZERO);
}

#[test]
fn halves_round_up_and_far_numbers_saturate() {
    assert_eq!(Scaled::new(1, -1).to_binary(0), 1);
    assert_eq!(Scaled::new(1, -2).to_binary(0), 0);
    assert_eq!(Scaled::new(3, -200).to_binary(0), 0);
    assert_eq!(Scaled::new(1, 200).to_binary(0), u128::MAX);
    assert_eq!(Scaled::new(1, 126).to_fixed(), None);
}
