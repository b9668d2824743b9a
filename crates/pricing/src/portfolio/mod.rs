//! Margin of portfolios with options: what a set of positions could lose. Rules, units and what follows from the shape:
//! docs/rules/portfolio-margin.md.

pub mod book;
pub mod margin;
pub mod question;
pub mod risk;
pub mod scenario;
pub mod standard;

pub use book::{Expiry, LinearLeg, OptionLeg, Portfolio};
pub use margin::{PortfolioMargin, WorstCase};
pub use risk::{OptionRisk, PricedLeg, PricedPortfolio};

#[cfg(test)]
#[path = "portfolio_tests.rs"]
mod tests;
