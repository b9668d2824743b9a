use super::*;
use crate::reference::{excess_e18, rows};
use proptest::prelude::*;

#[test]
fn the_distribution_is_within_one_unit_and_the_scaled_tail_within_2_to_the_minus_60() {
    let (mut of_cdf, mut of_density, mut of_tail) = (0f64, 0f64, 0f64);
    for [z, cdf, density, tail] in rows(include_str!("../tests/reference/normal.csv")) {
        let z = Q57::new(z as i64);
        of_cdf = of_cdf.max(excess_e18(normal_cdf(z).get(), cdf).abs());
        of_density = of_density.max(excess_e18(normal_density(z).get(), density).abs());
        let excess = (i128::from(scaled_tail(z.get().unsigned_abs())) << 17) - tail;
        of_tail = of_tail.max(excess.abs() as f64 / 2f64.powi(80));
    }
    println!(
        "normal: cdf off by {of_cdf:.3}e-18, density by {of_density:.3}e-18, scaled tail by 2^{:.2}",
        of_tail.log2()
    );
    assert!(of_cdf <= 1.0 && of_density <= 1.0 && of_tail <= 2f64.powi(-60), "{of_cdf} {of_density} {of_tail:e}");
}

#[test]
fn the_ends_are_zero_and_one() {
    for z in [DEVIATIONS_MAX, Q57::new(i64::MAX)] {
        assert_eq!(normal_cdf(z), Fixed::new(FIXED_ONE));
        assert_eq!(normal_density(z), Fixed::ZERO);
    }
    assert_eq!(normal_cdf(Q57::new(i64::MIN)), Fixed::ZERO);
    assert_eq!(normal_cdf(Q57::ZERO), Fixed::new(FIXED_ONE / 2));
}

proptest! {
    #[test]
    fn both_sides_add_up_to_one(z in any::<i64>()) {
        let (left, right) = (normal_cdf(Q57::new(z)), normal_cdf(Q57::new(z.saturating_neg())));
        prop_assert!((left.get() + right.get() - FIXED_ONE).abs() <= 1);
    }

    /// Across the seams of the pieces too.
    #[test]
    fn the_scaled_tail_falls(z in 0u64..(32 << 57) - (1 << 40), step in 1u64..1 << 40) {
        prop_assert!(scaled_tail(z + step) <= scaled_tail(z) + 8);
    }
}
