//! Why there is no price. A closed set; every kind names the numbers that caused it.

use crate::fixed::Fixed;
use palisade_types::numbers::Price;

/// An input that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// A forward or a strike that is zero or negative.
    #[error("forward {forward} and strike {strike} must be above zero")]
    NotPositive {
        /// The forward.
        forward: Price,
        /// The strike.
        strike: Price,
    },
    /// More than [`crate::black::TIME_MS_MAX`].
    #[error("{time_ms} ms to expiry are more than the {maximum_ms} that can be priced")]
    TimeTooLong {
        /// What was asked.
        time_ms: u64,
        /// What is possible.
        maximum_ms: u64,
    },
    /// An option is worth at least what exercising it now would bring.
    #[error("a price of {price} is below the intrinsic value {intrinsic}: no volatility gives it")]
    BelowIntrinsic {
        /// The price.
        price: Fixed,
        /// The least.
        intrinsic: Fixed,
    },
    /// A call is worth less than the forward, a put less than the strike.
    #[error("a price of {price} reaches {maximum}, which no volatility gives")]
    AboveMaximum {
        /// The price.
        price: Fixed,
        /// The bound that every price stays below.
        maximum: Fixed,
    },
    /// Without time, no volatility changes the price.
    #[error("a price of {price} above the intrinsic value {intrinsic} needs time, and the option has expired")]
    NoTime {
        /// The price.
        price: Fixed,
        /// What it is worth.
        intrinsic: Fixed,
    },
    /// A logarithm or a square root of a number that has none, or a probability outside 0 to 1.
    #[error("{function} is not defined at {argument}")]
    Undefined {
        /// Which function.
        function: &'static str,
        /// Of what.
        argument: Fixed,
    },
    /// A result that its type cannot hold.
    #[error("{what} does not fit its range")]
    OutOfRange {
        /// Which result.
        what: &'static str,
    },
}
