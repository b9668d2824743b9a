//! Exponential, logarithm and square root of integers. Methods and error bounds: docs/rules/pricing.md, Functions.

use crate::{
    error::PricingError,
    fixed::{Fixed, Q57, Q57_BITS},
    root::root_floor,
    scaled::Scaled,
    tables::{EXP_COARSE, EXP_FINE, LN_2_Q80, LN_2_Q114, LN_OF_RECIPROCAL, LN_RECIPROCAL, LOG2_E_Q62},
};

/// Bits behind the point of the exponent that [`exp_of_minus`] takes: the square of a [`Q57`] has as many.
pub const SQUARE_BITS: u32 = 2 * Q57_BITS;

/// The upper half of a product of 64-bit numbers.
#[inline]
pub(crate) const fn high(left: u64, right: u64) -> u64 {
    ((left as u128).wrapping_mul(right as u128) >> 64) as u64
}

/// `e^(−y)` for `y` in Q114, below 2^12: within 2^-61 of it, relative to it.
#[inline]
pub fn exp_of_minus(y: u128) -> Scaled {
    // y < 2^126, so its upper half is Q50 below 2^62; times Q62 is Q112. Both factors are cut, so k is never too large.
    let k = (((y >> 64).wrapping_mul(LOG2_E_Q62 as u128)) >> 112) as u32;
    // k ≤ y / ln 2, so nothing is borrowed, and what is left is below ln 2 + 2^-40: 64 bits behind the point hold it.
    let rest = (y.wrapping_sub((k as u128).wrapping_mul(LN_2_Q114)) >> (SQUARE_BITS - 64)) as u64;
    let coarse = EXP_COARSE[(rest >> 58) as usize];
    let fine = EXP_FINE[((rest >> 52) & 63) as usize];
    let product = ((coarse as u128).wrapping_mul(fine as u128) >> 63) as u64;
    // e^(−f) = 1 − (f − f²/2 + f³/6 − f⁴/24) for f < 2^-12, Q64; what is left out is below 2^-66.
    let f = rest & ((1 << 52) - 1);
    let square = high(f, f);
    let cube = high(square, f);
    let fourth = high(square, square);
    const SIXTH: u64 = (1 << 63) / 3;
    const TWENTY_FOURTH: u64 = (1 << 61) / 3;
    let fall = f.wrapping_sub(square >> 1).wrapping_add(high(cube, SIXTH)).wrapping_sub(high(fourth, TWENTY_FOURTH));
    Scaled::new(product.wrapping_sub(high(product, fall)), (k as i32).wrapping_neg().wrapping_sub(63))
}

/// `e^x`; from about 46.58 on it does not fit.
pub fn exp(x: Q57) -> Result<Fixed, PricingError> {
    exp_scaled(x).to_fixed().ok_or(PricingError::OutOfRange { what: "an exponential" })
}

/// `e^x`, within 2^-56 of it, relative to it.
pub fn exp_scaled(x: Q57) -> Scaled {
    let inverse = exp_of_minus((x.get().unsigned_abs() as u128) << Q57_BITS);
    if x.get() > 0 { Scaled::new(1, 0).over(inverse) } else { inverse }
}

/// `ln value` of what is not zero, Q80: within 2^-59.
#[inline]
pub(crate) const fn ln_wide(value: Scaled) -> i128 {
    let mantissa = value.mantissa();
    // The mantissa is m in [1, 2), Q63; m × c = 1 + r for c near 1/m, with |r| ≤ 2^-8.
    let place = ((mantissa >> 56) & 127) as usize;
    let product = (mantissa as u128).wrapping_mul(LN_RECIPROCAL[place] as u128);
    let r = ((product as i128).wrapping_sub(1 << 126) >> 56) as i64; // Q70
    // ln(1 + r) = r (1 − r/2 + r²/3 − … + r⁶/7); what is left out is below 2^-66. Coefficients are Q62.
    const ONE: i64 = 1 << 62;
    let coefficients = [ONE / 6, ONE / 5, ONE / 4, ONE / 3, ONE / 2, ONE];
    let (mut series, mut next) = (ONE / 7, 0usize);
    while next < coefficients.len() {
        series = coefficients[next].wrapping_sub(multiply(r, series, 70));
        next = next.wrapping_add(1);
    }
    let of_mantissa = (LN_OF_RECIPROCAL[place] as i128).wrapping_add(((r as i128).wrapping_mul(series as i128)) >> 69);
    let power = value.exponent().wrapping_add(63) as i128;
    // |power| < 2^12 and ln 2 is Q80 below 2^80.
    power.wrapping_mul(LN_2_Q80).wrapping_add(of_mantissa << 17)
}

/// `left × right / 2^shift`, rounded down; the caller knows that it fits.
#[inline]
pub(crate) const fn multiply(left: i64, right: i64, shift: u32) -> i64 {
    ((left as i128).wrapping_mul(right as i128) >> shift) as i64
}

/// Q80 to the nearest Q57; the caller knows that it fits.
#[inline]
pub(crate) const fn q57_of_q80(wide: i128) -> Q57 {
    Q57::new((wide.wrapping_add(1 << 22) >> 23) as i64)
}

/// `ln value`, within 2^-57.
pub fn ln(value: Fixed) -> Result<Q57, PricingError> {
    if value.get() <= 0 {
        return Err(PricingError::Undefined { function: "ln", argument: value });
    }
    Ok(q57_of_q80(ln_wide(Scaled::from_fixed(value))))
}

/// The square root of a Q114, rounded down.
pub fn sqrt(square: u128) -> Result<Q57, PricingError> {
    i64::try_from(root_floor(square)).map(Q57::new).map_err(|_| PricingError::OutOfRange { what: "a square root" })
}

/// The square root of a whole number, within 2^-62 of it, relative to it.
#[inline]
pub fn sqrt_scaled(count: u64) -> Scaled {
    if count == 0 {
        return Scaled::ZERO;
    }
    // An even shift to 127 or 128 bits leaves a root of 64.
    let shift = 64u32.wrapping_add(count.leading_zeros() & !1);
    let root = root_floor((count as u128) << shift);
    Scaled::new(root, ((shift >> 1) as i32).wrapping_neg())
}

#[cfg(test)]
#[path = "elementary_tests.rs"]
mod tests;
