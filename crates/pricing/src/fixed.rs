//! The numbers that go in and come out.
//!
//! | type | inner | counts |
//! | --- | --- | --- |
//! | [`Fixed`] | i128 | 1e-18 of anything: USD, ratios, greeks |
//! | [`Volatility`] | u64 | 1e-12 per square root of a year; 1 is 100 % |
//! | [`Q57`] | i64 | 2^-57: logarithms, total volatility, standard deviations |
//!
//! Decimal where people and JSON look, so that nothing changes on the way; binary inside, where a division is a shift.

use crate::error::PricingError;
use palisade_types::{
    decimal::{DecimalError, format_scaled, parse_scaled},
    numbers::Price,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Decimals of [`Fixed`].
pub const FIXED_DECIMALS: u8 = 18;
/// Decimals of [`Volatility`].
pub const VOLATILITY_DECIMALS: u8 = 12;
/// One, in the counts of [`Fixed`].
pub const FIXED_ONE: i128 = 1_000_000_000_000_000_000;
/// One count of [`Price`], in the counts of [`Fixed`].
pub(crate) const FIXED_PER_PRICE: i128 = 10_000_000_000;

macro_rules! decimal {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $decimals:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name($inner);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);

            /// Wraps a count of the smallest unit.
            pub const fn new(count: $inner) -> Self {
                Self(count)
            }

            /// The count of the smallest unit.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The sum, unless it overflows.
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, unless it overflows.
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                format_scaled(formatter, i128::from(self.0), $decimals)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = DecimalError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$inner>::try_from(parse_scaled(text, $decimals)?)
                    .map(Self)
                    .map_err(|_| DecimalError::OutOfRange { text: text.chars().take(40).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

decimal!(
    /// Anything, in 1e-18.
    Fixed, i128, FIXED_DECIMALS
);
decimal!(
    /// Standard deviation of the logarithm over a year, in 1e-12.
    Volatility, u64, VOLATILITY_DECIMALS
);

impl Fixed {
    /// A price, exactly.
    pub const fn from_price(price: Price) -> Self {
        // |i64| × 1e10 < 2^97.
        Self((price.get() as i128).wrapping_mul(FIXED_PER_PRICE))
    }

    /// The nearest price in 1e-8 USD, halves away from zero.
    pub fn to_price(self) -> Result<Price, PricingError> {
        const HALF: i128 = FIXED_PER_PRICE / 2;
        let half = if self.0 < 0 { -HALF } else { HALF };
        let nearest = self.0.saturating_add(half).checked_div(FIXED_PER_PRICE);
        nearest
            .and_then(|count| i64::try_from(count).ok())
            .map(Price::new)
            .ok_or(PricingError::OutOfRange { what: "a price" })
    }

    /// The value with its sign turned, unless it overflows.
    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }
}

/// A binary fixed-point number, in 2^-57: about 7e-18, up to ±64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Q57(i64);

/// Bits of [`Q57`] behind the point.
pub const Q57_BITS: u32 = 57;

impl Q57 {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1 << Q57_BITS);

    /// Wraps a count of 2^-57.
    pub const fn new(count: i64) -> Self {
        Self(count)
    }

    /// The count of 2^-57.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `numerator / denominator`, towards zero; over zero it is zero. For constants: the caller knows that it fits.
    pub const fn ratio(numerator: i64, denominator: i64) -> Self {
        match ((numerator as i128) << Q57_BITS).checked_div(denominator as i128) {
            Some(quotient) => Self(quotient as i64),
            None => Self::ZERO,
        }
    }

    /// The nearest number, halves away from zero.
    pub fn from_fixed(value: Fixed) -> Result<Self, PricingError> {
        let out_of_range = PricingError::OutOfRange { what: "a binary number" };
        // Within ±64 the shifted count is below 2^64 × 2^57 = 2^121.
        let count = i64::try_from(value.0 >> 6).map_err(|_| out_of_range).and(Ok(value.0))?;
        let shifted = count.checked_shl(Q57_BITS).ok_or(out_of_range)?;
        let half = if count < 0 { -FIXED_ONE / 2 } else { FIXED_ONE / 2 };
        let nearest = shifted.checked_add(half).and_then(|sum| sum.checked_div(FIXED_ONE));
        nearest.and_then(|bits| i64::try_from(bits).ok()).map(Self).ok_or(out_of_range)
    }

    /// The nearest decimal number.
    pub const fn to_fixed(self) -> Fixed {
        // 2^63 × 1e18 < 2^123; the shift rounds down after half a unit was added.
        Fixed(((self.0 as i128).wrapping_mul(FIXED_ONE).wrapping_add(1 << (Q57_BITS - 1))) >> Q57_BITS)
    }

    /// The sum, held at the ends of the range.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, rounded down and held at the ends of the range.
    pub const fn saturating_mul(self, other: Self) -> Self {
        let product = (self.0 as i128).wrapping_mul(other.0 as i128) >> Q57_BITS;
        if product > i64::MAX as i128 {
            Self(i64::MAX)
        } else if product < i64::MIN as i128 {
            Self(i64::MIN)
        } else {
            Self(product as i64)
        }
    }
}

impl fmt::Debug for Q57 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Q57({})", self.to_fixed())
    }
}

#[cfg(test)]
#[path = "fixed_tests.rs"]
mod tests;
