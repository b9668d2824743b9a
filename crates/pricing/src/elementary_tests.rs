use super::*;
use crate::reference::rows;
use proptest::prelude::*;

/// What a number is more than `mantissa × 2^exponent` (80 bits), relative to it.
fn relative_excess(value: Scaled, mantissa: i128, exponent: i128) -> f64 {
    let shift = i128::from(value.exponent()) - exponent;
    assert!((15..=17).contains(&shift), "{value:?} is not near {mantissa} × 2^{exponent}");
    ((i128::from(value.mantissa()) << shift) - mantissa) as f64 / mantissa as f64
}

#[test]
fn exponentials_are_within_2_to_the_minus_61_below_one_and_2_to_the_minus_56_above() {
    let (mut falling, mut rising) = (0f64, 0f64);
    for [x, mantissa, exponent] in rows(include_str!("../tests/reference/exp.csv")) {
        let x = Q57::new(x as i64);
        let worst = if x > Q57::ZERO { &mut rising } else { &mut falling };
        *worst = worst.max(relative_excess(exp_scaled(x), mantissa, exponent).abs());
    }
    println!("exp: e^-y off by 2^{:.2}, e^x off by 2^{:.2}", falling.log2(), rising.log2());
    assert!(falling <= 2f64.powi(-61) && rising <= 2f64.powi(-56), "{falling:e} {rising:e}");
    assert_eq!(exp(Q57::ZERO), Ok(Fixed::new(1_000_000_000_000_000_000)));
    assert!(exp(Q57::ratio(46, 1)).is_ok());
    assert_eq!(exp(Q57::ratio(47, 1)), Err(PricingError::OutOfRange { what: "an exponential" }));
}

#[test]
fn logarithms_are_within_2_to_the_minus_57() {
    let (mut wide, mut rounded) = (0f64, 0f64);
    for [value, expected] in rows(include_str!("../tests/reference/ln.csv")) {
        let excess = ln_wide(Scaled::from_fixed(Fixed::new(value))) - expected;
        wide = wide.max(excess.abs() as f64 / 2f64.powi(80));
        let excess = (i128::from(ln(Fixed::new(value)).expect("positive").get()) << 23) - expected;
        rounded = rounded.max(excess.abs() as f64 / 2f64.powi(80));
    }
    println!("ln: off by 2^{:.2}, rounded 2^{:.2}", wide.log2(), rounded.log2());
    assert!(wide <= 2f64.powi(-59) && rounded <= 2f64.powi(-57), "{wide:e} {rounded:e}");
}

#[test]
fn what_has_no_logarithm_is_named() {
    for count in [0, -1, i128::MIN] {
        let argument = Fixed::new(count);
        assert_eq!(ln(argument), Err(PricingError::Undefined { function: "ln", argument }));
    }
}

proptest! {
    #[test]
    fn square_roots_are_exact_floors(square in 0..1u128 << 126) {
        let root = sqrt(square).expect("in range").get() as u128;
        prop_assert!(root * root <= square && square < (root + 1) * (root + 1));
    }

    #[test]
    fn scaled_square_roots_square_back(count in 1u64..) {
        let root = sqrt_scaled(count);
        let square = root.times(root);
        // The root is cut by less than 2^-63 of itself, its square by twice that and a cut.
        let excess = (1i128 << 64) - ((Scaled::new(count, 0).over(square).to_binary(64)) as i128);
        prop_assert!((-8..=0).contains(&excess), "{count}: {excess}");
    }

    #[test]
    fn exp_and_ln_undo_each_other(x in -40i64 << 57..40 << 57) {
        let back = q57_of_q80(ln_wide(exp_scaled(Q57::new(x))));
        prop_assert!((back.get() - x).abs() <= 4, "{x} {}", back.get());
    }

    #[test]
    fn ln_never_falls(count in 1i128..i128::MAX, step in 1i128..1_000_000) {
        // A unit of the mantissa more is worth less than the error: the order may be lost only within it.
        let more = count.saturating_add(step);
        prop_assert!(ln(Fixed::new(more)).expect("positive") >= ln(Fixed::new(count)).expect("positive").saturating_sub(Q57::new(1)));
    }
}
