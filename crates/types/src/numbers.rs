//! Fixed-point quantities. All arithmetic is checked: an overflow is a `None`, which the engine turns
//! into a rejection, never a wrap.
//!
//! | type | inner | counts |
//! | --- | --- | --- |
//! | [`Usd`] | i128 | 1e-8 US dollars |
//! | [`Price`] | i64 | 1e-8 US dollars per unit of the base |
//! | [`Size`] | u64 | lots of the market, unsigned |
//! | [`Position`] | i64 | lots of the market, long positive |
//! | [`Amount`] | i128 | smallest units of an asset (10^-decimals) |
//! | [`Shares`] | i128 | shares of a vault, never below zero |
//! | [`Rate`] | i64 | parts per million |
//! | [`FundingIndex`] | i64 | 1e-8 US dollars per lot |
//! | [`FundingRate`] | i64 | 1e-12, signed |
//!
//! `Usd`, `Price`, `Rate` and `FundingRate` read and show themselves as decimal text. `Size`, `Position`, `Amount`
//! and `Shares` are counts whose scale belongs to a market or an asset; in JSON they are decimal strings of the count.

use crate::decimal::{DecimalError, format_scaled, parse_scaled};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $decimals:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
        pub struct $name($inner);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);
            /// The largest representable value.
            pub const MAX: Self = Self(<$inner>::MAX);

            /// Wraps a count of the smallest unit.
            pub const fn new(count: $inner) -> Self {
                Self(count)
            }

            /// The count of the smallest unit.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// Whether there is none.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// The sum, unless it overflows.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// The difference, unless it overflows.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(difference) => Some(Self(difference)),
                    None => None,
                }
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
                let scaled = parse_scaled(text, $decimals)?;
                <$inner>::try_from(scaled)
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
                let text = <String as Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

quantity!(
    /// US dollars, in 1e-8.
    Usd, i128, 8
);
quantity!(
    /// US dollars per unit of the base asset, in 1e-8; negative only for combinations.
    Price, i64, 8
);
quantity!(
    /// Lots of a market. A lot is 10^-`size_decimals` of the base asset.
    Size, u64, 0
);
quantity!(
    /// Lots of a market held, long positive, short negative.
    Position, i64, 0
);
quantity!(
    /// Smallest units of an asset, 10^-decimals of it.
    Amount, i128, 0
);
quantity!(
    /// Shares of a vault or of a tranche; never below zero.
    Shares, i128, 0
);
quantity!(
    /// A fraction in parts per million.
    Rate, i64, 6
);
quantity!(
    /// A premium or a funding rate: a signed fraction, in 1e-12.
    FundingRate, i64, 12
);

quantity!(
    /// Cumulative funding of one lot, in 1e-8 US dollars: what a lot held long since the market's first day has paid.
    FundingIndex, i64, 8
);

impl Usd {
    /// The value with its sign turned, unless it overflows.
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(negated) => Some(Self(negated)),
            None => None,
        }
    }
}

impl Amount {
    /// The value with its sign turned, unless it overflows.
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(negated) => Some(Self(negated)),
            None => None,
        }
    }
}

impl Position {
    /// How many lots are held on whichever side.
    pub const fn size(self) -> Size {
        Size(self.0.unsigned_abs())
    }
}
