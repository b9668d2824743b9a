//! What a node counts. Prometheus metrics in the runtime's own registry, next to those of consensus and p2p.
//!
//! Rules: a metric is registered once and kept for as long as the part that counts lives; names say what is
//! counted and in which unit; nothing decides anything by a metric.

use crate::{
    application::Observer,
    engine_cache::{ExecuteError, Executed},
    final_view::FinalView,
    mempool::Mempool,
    source::FinalizedBlock,
};
use commonware_runtime::{
    Clock, Metrics,
    telemetry::metrics::{Counter, Gauge, GaugeExt as _, Histogram, HistogramExt as _, MetricsExt as _},
};
use commonware_utils::sync::Mutex;
use palisade_types::{receipt::Outcome, time::TimeMs};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Seconds from one block to the next.
const BLOCK_INTERVAL_SECONDS: [f64; 11] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 5.0, 60.0];
/// Seconds that executing a block takes.
const EXECUTION_SECONDS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
/// Actions in a block.
const BLOCK_ACTIONS: [f64; 9] = [0.0, 1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 20_000.0];

/// What gossip counts.
#[derive(Clone)]
pub struct GossipMetrics {
    /// Actions sent to the peers.
    pub actions_sent: Counter,
    /// Actions of peers that found a place.
    pub actions_received: Counter,
    /// Oracle votes of peers that were kept.
    pub votes_received: Counter,
    /// Bytes of action messages sent.
    pub bytes_sent: Counter,
    /// Messages of peers without allowance.
    pub messages_ignored: Counter,
    /// Peers blocked for what they gossiped.
    pub peers_blocked: Counter,
}

impl GossipMetrics {
    /// Registers the metrics.
    pub fn register<E: Metrics>(context: &E) -> Self {
        Self {
            actions_sent: context.counter("actions_sent", "Actions sent to the peers"),
            actions_received: context.counter("actions_received", "Actions of peers that found a place"),
            votes_received: context.counter("votes_received", "Oracle votes of peers that were kept"),
            bytes_sent: context.counter("bytes_sent", "Bytes of action messages sent"),
            messages_ignored: context.counter("messages_ignored", "Messages of peers without allowance"),
            peers_blocked: context.counter("peers_blocked", "Peers blocked for what they gossiped"),
        }
    }
}

/// What a node counts of the finalized chain, and levels sampled at each block.
pub struct NodeMetrics {
    view: FinalView,
    mempool: Mempool,
    /// Time of the block before, to count the interval.
    parent_time_ms: Mutex<Option<TimeMs>>,
    height: Gauge,
    block_time_ms: Gauge,
    block_interval_seconds: Histogram,
    block_actions: Histogram,
    actions: Counter,
    actions_rejected: Counter,
    events: Counter,
    open_orders: Gauge,
    mempool_actions: Gauge,
    mempool_bytes: Gauge,
}

impl NodeMetrics {
    /// Registers the metrics.
    pub fn register<E: Metrics>(context: &E, view: FinalView, mempool: Mempool) -> Self {
        Self {
            view,
            mempool,
            parent_time_ms: Mutex::default(),
            height: context.gauge("height", "Height of the newest finalized block"),
            block_time_ms: context.gauge("block_time_ms", "Time of the newest finalized block, ms since 1970"),
            block_interval_seconds: context.histogram(
                "block_interval_seconds",
                "Block time from parent to child",
                BLOCK_INTERVAL_SECONDS,
            ),
            block_actions: context.histogram("block_actions", "Actions in a finalized block", BLOCK_ACTIONS),
            actions: context.counter("actions", "Actions in finalized blocks"),
            actions_rejected: context.counter("actions_rejected", "Actions in finalized blocks rejected whole"),
            events: context.counter("events", "Events of finalized blocks"),
            open_orders: context.gauge("open_orders", "Open orders after the newest finalized block"),
            mempool_actions: context.gauge("mempool_actions", "Actions that wait for a block"),
            mempool_bytes: context.gauge("mempool_bytes", "Encoded bytes of the actions that wait for a block"),
        }
    }
}

impl Observer for NodeMetrics {
    fn finalized(&self, finalized: &FinalizedBlock) {
        let header = finalized.block.header();
        let executed = &finalized.executed;
        let _ = self.height.try_set(header.height.get());
        let _ = self.block_time_ms.try_set(header.time_ms.get());
        if let Some(parent_time_ms) = self.parent_time_ms.lock().replace(header.time_ms) {
            let interval = Duration::from_millis(header.time_ms.since(parent_time_ms));
            self.block_interval_seconds.observe(interval.as_secs_f64());
        }
        let rejected = executed.receipts.iter().filter(|receipt| matches!(receipt.outcome, Outcome::Rejected { .. }));
        self.block_actions.observe(f64::from(u32::try_from(executed.receipts.len()).unwrap_or(u32::MAX)));
        self.actions.inc_by(executed.receipts.len() as u64);
        self.actions_rejected.inc_by(rejected.count() as u64);
        self.events.inc_by(executed.events.len() as u64);
        let load = self.mempool.load();
        let _ = self.mempool_actions.try_set(load.actions);
        let _ = self.mempool_bytes.try_set(load.bytes);
        let _ = self.open_orders.try_set(self.view.read(|view| view.state.open_order_count()).unwrap_or_default());
    }
}

/// How long the engine works.
pub struct EngineMetrics {
    execution_seconds: Histogram,
    panics: Counter,
}

impl EngineMetrics {
    /// Registers the metrics.
    pub fn register<E: Metrics>(context: &E) -> Self {
        let help = "Seconds from asking for a block's execution to its result, changes of branch included";
        Self {
            execution_seconds: context.histogram("engine_execution_seconds", help, EXECUTION_SECONDS),
            panics: context.counter("engine_panics", "Panics of the engine that were caught"),
        }
    }

    /// Counts an execution that began at `start` and is over now.
    pub fn executed(&self, clock: &impl Clock, start: SystemTime, result: &Result<Arc<Executed>, ExecuteError>) {
        self.execution_seconds.observe_between(start, clock.current());
        if matches!(result, Err(ExecuteError::Panicked { .. })) {
            self.panics.inc();
        }
    }
}

/// How many peers are connected, read from the metrics of the p2p layer: it keeps one sample per connection.
pub fn connected_peers(encoded: &str) -> u32 {
    let connected = encoded.lines().filter(|line| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        !line.starts_with('#') && name.ends_with("_tracker_directory_connected")
    });
    u32::try_from(connected.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::connected_peers;

    #[test]
    fn peers_are_counted_by_their_samples() {
        let encoded = "\
# HELP network_p2p_tracker_directory_connected Unix timestamp in milliseconds when each connected peer became active.
# TYPE network_p2p_tracker_directory_connected gauge
network_p2p_tracker_directory_connected{peer=\"86de\"} 1795368637880
network_p2p_tracker_directory_connected{peer=\"9a65\"} 1795368635625
network_p2p_tracker_directory_tracked 3
runtime_tasks_running{name=\"network_p2p_tracker_directory_connected\"} 1
";
        assert_eq!(connected_peers(encoded), 2);
        assert_eq!(connected_peers(""), 0);
    }
}
