//! Intermediate products at any size: 64 significant bits and an exponent, all integers.
//!
//! A far option may be worth 1e-30 of its forward; as a count of a fixed unit it would have no digits left when its
//! logarithm is taken. Each operation is within 2^-63 of the exact result, relative to it.

use crate::fixed::{Fixed, Volatility};

/// `mantissa × 2^exponent`; the top bit of the mantissa is set unless the number is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    mantissa: u64,
    exponent: i32,
}

/// Exponents stay far inside i32: inputs have at most 128 bits, exponentials of at most 2^10 bits are multiplied a few times.
const TOP_BIT: u32 = 63;

impl Scaled {
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// `count × 2^exponent`, exactly.
    #[inline]
    pub const fn new(count: u64, exponent: i32) -> Self {
        if count == 0 {
            return Self::ZERO;
        }
        let shift = count.leading_zeros();
        Self { mantissa: count << shift, exponent: exponent.wrapping_sub(shift as i32) }
    }

    /// `count × 2^exponent`, with the bits below the upper 64 cut off.
    #[inline]
    pub const fn from_wide(count: u128, exponent: i32) -> Self {
        if count == 0 {
            return Self::ZERO;
        }
        let shift = count.leading_zeros();
        Self {
            mantissa: ((count << shift) >> 64) as u64,
            exponent: exponent.wrapping_add(64).wrapping_sub(shift as i32),
        }
    }

    /// A whole number, with the bits below the upper 64 cut off.
    #[inline]
    pub const fn from_count(count: u128) -> Self {
        match count >> 64 {
            0 => Self::new(count as u64, 0),
            _ => Self::from_wide(count, 0),
        }
    }

    /// A number that is not negative; a negative one counts as nothing.
    pub const fn from_fixed(value: Fixed) -> Self {
        if value.get() <= 0 {
            return Self::ZERO;
        }
        Self::from_wide(value.get() as u128, 0).times(Self::E_18)
    }

    /// A volatility.
    pub const fn from_volatility(volatility: Volatility) -> Self {
        Self::new(volatility.get(), 0).times(Self::E_12)
    }

    /// 1e-18.
    const E_18: Self = Self::new(1, 0).over(Self::new(1_000_000_000_000_000_000, 0));
    /// 1e-12.
    const E_12: Self = Self::new(1, 0).over(Self::new(1_000_000_000_000, 0));

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The mantissa: 2^63 and above, or zero.
    pub(crate) const fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// The exponent of the mantissa's lowest bit.
    pub(crate) const fn exponent(self) -> i32 {
        self.exponent
    }

    /// The product, rounded towards zero.
    #[inline]
    pub const fn times(self, other: Self) -> Self {
        let product = (self.mantissa as u128).wrapping_mul(other.mantissa as u128);
        let exponent = self.exponent.wrapping_add(other.exponent);
        if product == 0 {
            Self::ZERO
        } else if product >> 127 == 1 {
            Self { mantissa: (product >> 64) as u64, exponent: exponent.wrapping_add(64) }
        } else {
            Self { mantissa: (product >> TOP_BIT) as u64, exponent: exponent.wrapping_add(TOP_BIT as i32) }
        }
    }

    /// The quotient, rounded towards zero; nothing over anything, and anything over nothing, is nothing.
    #[inline]
    pub const fn over(self, other: Self) -> Self {
        if self.mantissa == 0 || other.mantissa == 0 {
            return Self::ZERO;
        }
        let exponent = self.exponent.wrapping_sub(other.exponent);
        // A dividend whose upper half is below the divisor has a quotient of 64 bits, which the processor divides at once.
        let (shift, dividend) = if self.mantissa < other.mantissa {
            (64, (self.mantissa as u128) << 64)
        } else {
            (TOP_BIT as i32, (self.mantissa as u128) << TOP_BIT)
        };
        #[expect(clippy::arithmetic_side_effects, reason = "the divisor was found not to be zero")]
        let quotient = (dividend / other.mantissa as u128) as u64;
        Self { mantissa: quotient, exponent: exponent.wrapping_sub(shift) }
    }

    /// The whole number of 2^-`bits` that is nearest, held at the end of the range.
    #[inline]
    pub const fn to_binary(self, bits: u32) -> u128 {
        let shift = self.exponent.wrapping_add(bits as i32);
        if shift >= 64 {
            // The mantissa has 64 bits.
            return if self.mantissa == 0 { 0 } else { u128::MAX };
        }
        if shift >= 0 {
            return (self.mantissa as u128) << shift;
        }
        let down = shift.wrapping_neg() as u32;
        if down > 64 {
            return 0;
        }
        // Half a unit: below 2^63, added to less than 2^64.
        (self.mantissa as u128).wrapping_add(1 << down.wrapping_sub(1)) >> down
    }

    /// The nearest decimal number; nothing if it does not fit.
    #[inline]
    pub const fn to_fixed(self) -> Option<Fixed> {
        let count = self.times(Self::new(1_000_000_000_000_000_000, 0)).to_binary(0);
        if count > i128::MAX as u128 { None } else { Some(Fixed::new(count as i128)) }
    }
}

#[cfg(test)]
#[path = "scaled_tests.rs"]
mod tests;
