//! The square root of a whole number, rounded down, as `u128::isqrt` has it but without a division.
//!
//! With the argument shifted to `m` in [2^126, 2^128) and `a = m / 2^128`: `y ≈ 1/√a` from a table and two steps of Newton,
//! `r ≈ a y` and the step `r + (m − r²) y / 2` that a division would make. What is left is a few units, found by squaring.

use crate::elementary::high;

/// Upper bits of `a` that choose the entry of the table; the highest two are not both zero.
const PLACE_BITS: u32 = 8;
const PLACE_MIN: usize = 1 << (PLACE_BITS - 2);
const PLACES: usize = (1 << PLACE_BITS) - PLACE_MIN;
/// `1/√a` in the middle of each place, Q15: within 2^-8 of it, relative to it.
const RECIPROCAL: [u16; PLACES] = reciprocals();
/// Units by which the last step can be off; see the test.
const UNITS_OFF_MAX: u32 = 8;

#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
const fn reciprocals() -> [u16; PLACES] {
    let mut table = [0; PLACES];
    let mut place = 0;
    while place < PLACES {
        // 2^30 / a, a being (place + ½) / 2^8.
        let square = (1u64 << (30 + PLACE_BITS + 1)) / (2 * (place + PLACE_MIN) as u64 + 1);
        let root = square.isqrt();
        table[place] = if root > u16::MAX as u64 { u16::MAX } else { root as u16 };
        place += 1;
    }
    table
}

/// `floor(√value)`.
#[inline]
pub(crate) fn root_floor(value: u128) -> u64 {
    if value == 0 {
        return 0;
    }
    // Even, so that it halves with the root.
    let shift = value.leading_zeros() & !1;
    let m = value << shift;
    root_of_shifted(m) >> (shift >> 1)
}

/// The root of a number of 127 or 128 bits: 64 bits.
#[inline]
fn root_of_shifted(m: u128) -> u64 {
    let a = (m >> 64) as u64; // Q64, from ¼ to 1.
    let place = ((a >> (64 - PLACE_BITS)) as usize).wrapping_sub(PLACE_MIN);
    // Q62, from 1 to 2.
    let mut y = (RECIPROCAL[place] as u64) << 47;
    for _ in 0..2 {
        // y (3 − a y²) / 2: y² is Q60 and at most 4, a y² Q60 and near 1.
        let near_one = high(a, high(y, y));
        y = high(y, (3u64 << 60).wrapping_sub(near_one)) << 3;
    }
    // √a, Q64, below 1 by more than what y is off.
    let r = high(a, y) << 2;
    // |m − r²| < 2^98, so 62 bits of it are left.
    let missing = (m.wrapping_sub((r as u128).wrapping_mul(r as u128)) as i128 >> 36) as i64;
    let step = ((missing as i128).wrapping_mul(y as i128) >> 91) as i64;
    settle(m, r.wrapping_add_signed(step))
}

/// The root from a number near it.
#[inline]
fn settle(m: u128, mut root: u64) -> u64 {
    let square = |root: u64| (root as u128).wrapping_mul(root as u128);
    for _ in 0..UNITS_OFF_MAX {
        if square(root) > m {
            root = root.wrapping_sub(1);
        } else if root < u64::MAX && square(root.wrapping_add(1)) <= m {
            root = root.wrapping_add(1);
        } else {
            return root;
        }
    }
    m.isqrt() as u64
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
