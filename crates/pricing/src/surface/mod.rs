//! The implied volatility surface of an underlying: one SVI slice an expiry, fitted to quotes, free of arbitrage, moving no
//! faster than a band. Rules: docs/rules/volatility-surface.md.

mod fit;
mod refit;
mod slice;

pub use refit::{ExpiryQuotes, SurfaceTerms, refit};
pub use slice::Slice;

use crate::fixed::{Q57, Volatility};

/// What somebody quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// `ln(K/F)`.
    pub log_moneyness: Q57,
    /// The volatility of the mid price.
    pub volatility: Volatility,
    /// How much it counts against the others; zero not at all.
    pub weight: u32,
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
