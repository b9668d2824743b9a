use super::{multiply_divide_both, multiply_divide_ceil, multiply_divide_floor, root_of_product_floor};
use proptest::prelude::*;
use std::cmp::Ordering;

/// A magnitude as base 2^32 digits, least first: slow, obvious, and nothing like the code under test.
fn digits(mut value: u128) -> Vec<u32> {
    let mut out = Vec::new();
    while value > 0 {
        out.push((value & 0xffff_ffff) as u32);
        value >>= 32;
    }
    out
}

fn product(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut out = vec![0u32; left.len() + right.len()];
    for (i, a) in left.iter().enumerate() {
        let mut carry = 0u64;
        for (j, b) in right.iter().enumerate() {
            let sum = u64::from(*a) * u64::from(*b) + u64::from(out[i + j]) + carry;
            out[i + j] = sum as u32;
            carry = sum >> 32;
        }
        out[i + right.len()] = carry as u32;
    }
    while out.last() == Some(&0) {
        out.pop();
    }
    out
}

fn compare(left: &[u32], right: &[u32]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.iter().rev().cmp(right.iter().rev()))
}

/// Compares `left.0 × left.1` with `right.0 × right.1`, signs included.
fn compare_products(left: (i128, i128), right: (i128, i128)) -> Ordering {
    let signed = |(a, b): (i128, i128)| {
        let magnitude = product(&digits(a.unsigned_abs()), &digits(b.unsigned_abs()));
        let negative = !magnitude.is_empty() && (a < 0) != (b < 0);
        (negative, magnitude)
    };
    match (signed(left), signed(right)) {
        ((false, l), (false, r)) => compare(&l, &r),
        ((true, l), (true, r)) => compare(&r, &l),
        ((true, _), (false, _)) => Ordering::Less,
        ((false, _), (true, _)) => Ordering::Greater,
    }
}

#[test]
fn known_quotients() {
    let max = i128::MAX;
    for (left, right, divisor, floor, ceil) in [
        (7, 3, 2, Some(10), Some(11)),
        (-7, 3, 2, Some(-11), Some(-10)),
        (0, -3, 2, Some(0), Some(0)),
        (max, max, max, Some(max), Some(max)),
        (max, -max, max, Some(-max), Some(-max)),
        (i128::MIN, 2, 2, Some(i128::MIN), Some(i128::MIN)),
        (i128::MIN, -1, 1, None, None),
        (i128::MIN, -2, 2, None, None),
        (max, max, max - 1, None, None),
        (
            max,
            2,
            3,
            Some(113_427_455_640_312_821_154_458_202_477_256_070_484),
            Some(113_427_455_640_312_821_154_458_202_477_256_070_485),
        ),
        (
            -max,
            2,
            3,
            Some(-113_427_455_640_312_821_154_458_202_477_256_070_485),
            Some(-113_427_455_640_312_821_154_458_202_477_256_070_484),
        ),
        (1, 1, 0, None, None),
        (1, 1, -1, None, None),
    ] {
        assert_eq!(multiply_divide_floor(left, right, divisor), floor, "floor({left} × {right} / {divisor})");
        assert_eq!(multiply_divide_ceil(left, right, divisor), ceil, "ceil({left} × {right} / {divisor})");
        assert_eq!(multiply_divide_both(left, right, divisor), floor.zip(ceil), "{left} × {right} / {divisor}");
    }
}

/// Numbers of every length, so that both the short and the wide path are taken often.
fn any_length() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0u32..127).prop_map(|(value, shift)| value >> shift)
}

proptest! {
    #![proptest_config(crate::testing::cases(4_000))]

    #[test]
    fn quotients_enclose_the_product(left in any_length(), right in any_length(), divisor in any_length()) {
        let divisor = divisor.checked_abs().unwrap_or(i128::MAX).max(1);
        let both = multiply_divide_floor(left, right, divisor).zip(multiply_divide_ceil(left, right, divisor));
        prop_assert_eq!(multiply_divide_both(left, right, divisor), both);
        if let Some(floor) = multiply_divide_floor(left, right, divisor) {
            prop_assert_ne!(compare_products((floor, divisor), (left, right)), Ordering::Greater);
            if let Some(next) = floor.checked_add(1) {
                prop_assert_eq!(compare_products((next, divisor), (left, right)), Ordering::Greater);
            }
        } else {
            // Out of range above or below.
            let above = compare_products((i128::MAX, divisor), (left, right)) == Ordering::Less;
            let below = compare_products((i128::MIN, divisor), (left, right)) == Ordering::Greater;
            prop_assert!(above || below);
        }
        if let Some(ceil) = multiply_divide_ceil(left, right, divisor) {
            prop_assert_ne!(compare_products((ceil, divisor), (left, right)), Ordering::Less);
            if let Some(lower) = ceil.checked_sub(1) {
                prop_assert_eq!(compare_products((lower, divisor), (left, right)), Ordering::Less);
            }
        } else {
            let above = compare_products((i128::MAX, divisor), (left, right)) == Ordering::Less;
            let below = compare_products((i128::MIN, divisor), (left, right)) == Ordering::Greater;
            prop_assert!(above || below);
        }
    }
}

#[test]
fn known_roots() {
    let max = i128::MAX;
    for (left, right, root) in [
        (0, 5, Some(0)),
        (1, 1, Some(1)),
        (2, 4, Some(2)),
        (3, 3, Some(3)),
        (1 << 64, 1 << 64, Some(1 << 64)),
        ((1 << 64) - 1, (1 << 64) + 1, Some((1 << 64) - 1)),
        (max, max, Some(max)),
        (max, max - 1, Some(max - 1)),
        (max, 1, Some(13_043_817_825_332_782_212)),
        (-1, 4, None),
        (4, -1, None),
    ] {
        assert_eq!(root_of_product_floor(left, right), root, "{left} {right}");
    }
}

proptest! {
    #[test]
    fn a_root_is_the_largest_whose_square_is_not_more(left in 0..=i128::MAX, right in 0..=i128::MAX, shift in 0u32..127) {
        let (left, right) = (left >> shift, right >> (shift / 2));
        let root = root_of_product_floor(left, right).expect("not negative");
        prop_assert_ne!(compare_products((root, root), (left, right)), Ordering::Greater);
        if root < i128::MAX {
            prop_assert_eq!(compare_products((root + 1, root + 1), (left, right)), Ordering::Greater);
        }
    }

    #[test]
    fn products_compare_as_the_plain_ones_do(
        a in 0..=i128::MAX, b in 0..=i128::MAX, c in 0..=i128::MAX, d in 0..=i128::MAX, shift in 0u32..120,
    ) {
        let (left, right) = ((a >> shift, b), (c, d >> shift));
        prop_assert_eq!(super::compare_products(left, right), Some(compare_products(left, right)));
        prop_assert_eq!(super::compare_products(left, (left.1, left.0)), Some(Ordering::Equal));
        prop_assert_eq!(super::compare_products((-1, 1), right), None);
    }
}
