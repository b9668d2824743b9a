//! What happened, rebuilt from finalized blocks and kept in memory within bounds: fills, orders, trades, candles,
//! deposits and transfers.
//!
//! Rules:
//! - The only source is the feed of finalized blocks, in order of height; the same blocks give the same history.
//! - Readers take a short read lock and clone what they need; the follower is the only writer.
//! - Everything is bounded by [`crate::config::HistoryLimits`]; the oldest goes first. An open order whose record
//!   went is still known to the node, so callers fall back to it.
//! - Each block becomes one [`BlockUpdate`] that drives every WebSocket; it is sent before the height counts as
//!   applied, so whoever waits for a height finds the pushes already on their way.

mod accounts;
mod apply;
mod candles;
mod directory;
mod feed;
mod markets;

pub use accounts::{
    AccountHistory, Fill, FillLiquidation, FundingPaid, FundingPayment, LedgerDelta, LedgerEntry, OrderRecord,
    OrderStatus, TriggerRefusal, TriggerTerms,
};
pub use apply::{AccountMessage, BlockUpdate, History, MarginCall, trigger_record};
pub use candles::{Candle, Interval};
pub use directory::Directory;
pub use feed::{Feed, FeedError};
pub use markets::{BlockSummary, DayStatistics, FundingHour, MarketTrade};
