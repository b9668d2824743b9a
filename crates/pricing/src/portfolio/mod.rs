//! Margin of portfolios with options: what a set of positions could lose. Rules, units and what follows from the shape:
//! docs/rules/portfolio-margin.md.

pub mod book;
pub mod margin;
pub mod question;
pub mod scenario;
pub mod standard;

pub use book::{Expiry, LinearLeg, OptionLeg, Portfolio};
pub use margin::{PortfolioMargin, WorstCase};

#[cfg(test)]
#[path = "portfolio_tests.rs"]
mod tests;
