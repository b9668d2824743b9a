//! The doors through which people and programs reach a node: Hyperliquid's API, native JSON-RPC and a status page.
//!
//! Rules of this crate:
//! - It sees a node only as [`palisade_client::api::NodeApi`], in process or over RPC; never the engine.
//! - It holds no state that matters: everything is rebuilt from finalized blocks, so any number of gateways can
//!   stand over any node.
//! - Whatever comes in is hostile until parsed: bodies, nesting, rates, connections and queues are bounded.

pub mod config;
mod context;
pub mod history;
mod http;
pub mod hyperliquid;
pub mod json;
pub mod native;
mod page;
mod places;
mod rate;
mod server;

pub use config::{GatewayConfig, HistoryLimits, Limits, MetricsSource};
pub use server::{Gateway, GatewayError};
