//! What a gateway is told at its start: where to listen and how much it bears.

use std::{net::SocketAddr, sync::Arc};

/// Writes a node's metrics in Prometheus' text format.
pub type MetricsSource = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything a gateway is told at its start.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How much it bears.
    pub limits: Limits,
    /// What `/metrics` answers; without it `/metrics` is not found.
    pub metrics: Option<MetricsSource>,
}

/// How much a gateway bears, in all and from one address. Every queue and store of this crate is bounded by one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request weight that one address may spend per minute.
    pub weight_per_minute: u32,
    /// Open connections in all.
    pub connections_max: usize,
    /// Open WebSockets from one address.
    pub sockets_per_address: u32,
    /// Subscriptions from one address, over all its WebSockets.
    pub subscriptions_per_address: u32,
    /// Distinct users that one WebSocket may follow.
    pub users_per_socket: usize,
    /// Messages from one address per minute, over all its WebSockets.
    pub messages_per_minute: u32,
    /// Requests of one WebSocket that wait for their answer.
    pub posts_in_flight: usize,
    /// Largest request body and WebSocket message.
    pub body_bytes_max: usize,
    /// Time for a request's body; its headers, and a kept connection between two requests, have three times as much.
    pub receive_timeout_ms: u64,
    /// Time for an action to be finalized before the client is told to look later.
    pub receipt_timeout_ms: u64,
    /// A WebSocket over which nothing came or went for this long is closed.
    pub socket_idle_ms: u64,
    /// Books, prices and figures are pushed this often even if nothing changed: clients wait for the next push.
    pub market_push_ms: u64,
    /// Account state is pushed this often even if nothing changed.
    pub account_push_ms: u64,
    /// What is remembered.
    pub history: HistoryLimits,
}

/// How much history a gateway keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Blocks that a start reads back at most.
    pub blocks: u64,
    /// Fills of one account.
    pub fills_per_account: usize,
    /// Fills in all.
    pub fills: usize,
    /// Orders of one account.
    pub orders_per_account: usize,
    /// Orders in all.
    pub orders: usize,
    /// Ledger entries (deposits, transfers) of one account.
    pub ledger_entries_per_account: usize,
    /// Ledger entries in all.
    pub ledger_entries: usize,
    /// Funding payments of one account.
    pub funding_payments_per_account: usize,
    /// Funding payments in all, and positions whose payments are summed up.
    pub funding_payments: usize,
    /// Hours of funding of one market.
    pub funding_hours_per_market: usize,
    /// Trades of one market.
    pub trades_per_market: usize,
    /// Candles of one market and interval.
    pub candles_per_interval: usize,
    /// Blocks shown on the status page.
    pub recent_blocks: usize,
}

impl HistoryLimits {
    /// The figures of Hyperliquid's documentation for one account and market, and about 1 GiB in all.
    pub const fn standard() -> Self {
        Self {
            blocks: 2_000_000,
            fills_per_account: 10_000,
            fills: 1_000_000,
            orders_per_account: 2_000,
            orders: 1_000_000,
            ledger_entries_per_account: 2_000,
            ledger_entries: 200_000,
            funding_payments_per_account: 2_000,
            funding_payments: 200_000,
            funding_hours_per_market: 10_000,
            trades_per_market: 1_000,
            candles_per_interval: 5_000,
            recent_blocks: 50,
        }
    }
}

impl Limits {
    /// Hyperliquid's documented limits.
    pub const fn public() -> Self {
        Self {
            weight_per_minute: 1_200,
            connections_max: 4_096,
            sockets_per_address: 100,
            subscriptions_per_address: 1_000,
            users_per_socket: 10,
            messages_per_minute: 2_000,
            posts_in_flight: 100,
            body_bytes_max: 128 * 1024,
            receive_timeout_ms: 10_000,
            receipt_timeout_ms: 10_000,
            socket_idle_ms: 60_000,
            market_push_ms: 1_000,
            account_push_ms: 3_000,
            history: HistoryLimits::standard(),
        }
    }

    /// For a chain on one machine, where all clients share one address.
    pub const fn devnet() -> Self {
        Self { weight_per_minute: 1_200_000, messages_per_minute: 2_000_000, users_per_socket: 100, ..Self::public() }
    }
}
