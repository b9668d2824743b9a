use super::{root_floor, root_of_shifted};
use proptest::prelude::*;

#[test]
fn roots_at_the_edges_are_those_of_the_library() {
    let powers = (0..128).map(|bit| 1u128 << bit);
    let squares = [1u64, 2, 3, 0xFFFF_FFFF, 1 << 32, u64::MAX - 1, u64::MAX].map(|root| root as u128 * root as u128);
    for value in powers.chain(squares).chain([0, u128::MAX]) {
        for value in [value.saturating_sub(1), value, value.saturating_add(1)] {
            assert_eq!(root_floor(value) as u128, value.isqrt(), "{value}");
        }
    }
}

/// The ends and the middles of all places of the table.
#[test]
fn every_place_of_the_table_is_good_enough() {
    for place in 64u128..256 {
        for offset in [0u128, 1, (1 << 119) - 1, 1 << 119, (1 << 120) - 1] {
            let value = (place << 120) + offset;
            assert_eq!(root_of_shifted(value) as u128, value.isqrt(), "{value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn roots_are_those_of_the_library(value: u128, shift in 0u32..128) {
        let value = value >> shift;
        prop_assert_eq!(root_floor(value) as u128, value.isqrt());
    }

    /// Around squares, where one unit decides.
    #[test]
    fn roots_of_squares_are_exact(root: u64) {
        let square = root as u128 * root as u128;
        prop_assert_eq!(root_floor(square), root);
        if root > 0 {
            prop_assert_eq!(root_floor(square - 1), root - 1);
        }
    }
}
