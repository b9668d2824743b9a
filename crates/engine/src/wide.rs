//! Multiplication then division of 128-bit integers without losing the 256-bit product between them.
//!
//! Rules: the divisor is positive, the result is exact but for the rounding that the function is named after, and a
//! result outside i128 is `None`. Floor rounds towards negative infinity, ceil towards positive infinity: which
//! side gains is the caller's choice and is stated there.

use std::cmp::Ordering;

/// `floor(left × right / divisor)`.
pub fn multiply_divide_floor(left: i128, right: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    if let Some((quotient, _)) = of_small(left, right, divisor) {
        return Some(i128::from(quotient));
    }
    if let Some(product) = left.checked_mul(right) {
        return product.checked_div_euclid(divisor);
    }
    let (quotient, remainder) =
        divide_wide(multiply_wide(left.unsigned_abs(), right.unsigned_abs()), divisor.unsigned_abs())?;
    if (left < 0) == (right < 0) {
        return i128::try_from(quotient).ok();
    }
    let magnitude = if remainder == 0 { quotient } else { quotient.checked_add(1)? };
    0i128.checked_sub_unsigned(magnitude)
}

/// `ceil(left × right / divisor)`.
pub fn multiply_divide_ceil(left: i128, right: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    if let Some((quotient, remainder)) = of_small(left, right, divisor) {
        return i128::from(quotient).checked_add(i128::from(remainder != 0));
    }
    if let Some(product) = left.checked_mul(right) {
        let floor = product.checked_div_euclid(divisor)?;
        let exact = product.checked_rem_euclid(divisor)? == 0;
        return if exact { Some(floor) } else { floor.checked_add(1) };
    }
    let (quotient, remainder) =
        divide_wide(multiply_wide(left.unsigned_abs(), right.unsigned_abs()), divisor.unsigned_abs())?;
    if (left < 0) != (right < 0) {
        return 0i128.checked_sub_unsigned(quotient);
    }
    let magnitude = if remainder == 0 { quotient } else { quotient.checked_add(1)? };
    i128::try_from(magnitude).ok()
}

/// Both roundings of `left × right / divisor`, down and up, for one division where the numbers are small.
pub fn multiply_divide_both(left: i128, right: i128, divisor: i128) -> Option<(i128, i128)> {
    if divisor <= 0 {
        return None;
    }
    if let Some((quotient, remainder)) = of_small(left, right, divisor) {
        let quotient = i128::from(quotient);
        return Some((quotient, quotient.checked_add(i128::from(remainder != 0))?));
    }
    Some((multiply_divide_floor(left, right, divisor)?, multiply_divide_ceil(left, right, divisor)?))
}

/// Euclidean quotient and remainder of a product where all numbers fit 64 bits, as nearly all do: a multiplication and a
/// division of the machine instead of 128-bit ones.
#[inline]
fn of_small(left: i128, right: i128, divisor: i128) -> Option<(i64, i64)> {
    let (left, right) = (i64::try_from(left).ok()?, i64::try_from(right).ok()?);
    let (product, divisor) = (left.checked_mul(right)?, i64::try_from(divisor).ok()?);
    Some((product.checked_div_euclid(divisor)?, product.checked_rem_euclid(divisor)?))
}

/// How `left.0 × left.1` compares with `right.0 × right.1`, exactly; `None` if a factor is negative.
pub fn compare_products(left: (i128, i128), right: (i128, i128)) -> Option<Ordering> {
    let product =
        |(one, other): (i128, i128)| Some(multiply_wide(u128::try_from(one).ok()?, u128::try_from(other).ok()?));
    Some(product(left)?.cmp(&product(right)?))
}

/// `floor(√(left × right))`; `None` if a factor is negative.
pub fn root_of_product_floor(left: i128, right: i128) -> Option<i128> {
    let square = multiply_wide(u128::try_from(left).ok()?, u128::try_from(right).ok()?);
    if square.high == 0 {
        return i128::try_from(square.low.isqrt()).ok();
    }
    let mut root = 0u128;
    // Factors have 127 bits, so the root has no more: each bit stays if its square is not too large.
    for bit in (0..u128::BITS).rev() {
        let longer = root | (1 << bit);
        if multiply_wide(longer, longer) <= square {
            root = longer;
        }
    }
    i128::try_from(root).ok()
}

/// A 256-bit product as two halves, the high one first: they compare as the numbers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wide {
    high: u128,
    low: u128,
}

const HALF_BITS: u32 = 64;
const HALF_MASK: u128 = (1 << HALF_BITS) - 1;

/// Schoolbook multiplication on 64-bit halves; no step can overflow, hence the wrapping forms never wrap.
const fn multiply_wide(left: u128, right: u128) -> Wide {
    let (left_high, left_low) = (left >> HALF_BITS, left & HALF_MASK);
    let (right_high, right_low) = (right >> HALF_BITS, right & HALF_MASK);
    let low = left_low.wrapping_mul(right_low);
    let middle = left_high.wrapping_mul(right_low).wrapping_add(low >> HALF_BITS);
    let cross = left_low.wrapping_mul(right_high).wrapping_add(middle & HALF_MASK);
    let high = left_high.wrapping_mul(right_high).wrapping_add(middle >> HALF_BITS).wrapping_add(cross >> HALF_BITS);
    Wide { high, low: (cross << HALF_BITS) | (low & HALF_MASK) }
}

/// Binary long division; `None` if the quotient does not fit 128 bits.
fn divide_wide(dividend: Wide, divisor: u128) -> Option<(u128, u128)> {
    if dividend.high >= divisor {
        return None;
    }
    let mut remainder = dividend.high;
    let mut quotient = 0u128;
    for bit in (0..u128::BITS).rev() {
        let carry = remainder >> 127;
        remainder = (remainder << 1) | ((dividend.low >> bit) & 1);
        quotient <<= 1;
        if carry == 1 || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, remainder))
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
