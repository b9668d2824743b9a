//! Option mathematics: prices and greeks of European options on a forward, implied volatility, volatility surfaces and
//! the scenarios of portfolio margin. The engine, the market maker, the interfaces and `palisade price` ask it.
//!
//! Rules of this crate:
//! - **Pure.** No clock, no I/O, no threads, no entropy, no state: functions over plain inputs.
//! - **Integers.** The same inputs give the same bits on every machine. Formats are in [`fixed`] and [`scaled`].
//! - **Stated errors.** Every function says how far from the true value it may be; tests compare with 60-digit references.
//! - **Total.** Every input has an answer or a [`PricingError`] that names its operands.
//!
//! In the kernels sums and products whose range is proven beside them are written `wrapping_…`: they never wrap.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::float_arithmetic))]

pub mod black;
pub mod elementary;
pub mod error;
pub mod fixed;
pub mod implied;
pub mod normal;
pub mod portfolio;
pub mod question;
#[cfg(test)]
mod reference;
mod root;
pub mod scaled;
pub mod surface;
#[rustfmt::skip]
mod tables;
pub mod what_if;

pub use black::{Greeks, OptionKind, OptionTerms};
pub use error::PricingError;
pub use fixed::{Fixed, Q57, Volatility};
