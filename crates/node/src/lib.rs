//! A Palisade validator: agreement, storage, recovery, and what readers see.
//!
//! The crate glues one pure function, the engine, to a Byzantine-fault-tolerant log of blocks. It does all
//! I/O through `commonware-runtime`'s traits, so that the very same node runs on the deterministic runtime
//! in tests and on tokio in production.
//!
//! - [`block`]: a block in consensus's terms. [`validity`]: the rules that need no execution.
//! - [`engine_cache`]: the one executing engine and its path through the forks.
//! - [`application`]: propose, process, capture, finalize. [`pacing`]: when to propose.
//! - [`store`], [`results`]: the authenticated state and the archive of receipts and events. [`receipt_index`]: where
//!   each action's receipt is.
//! - [`mempool`], [`oracle_pool`], [`gossip`]: what waits for a block and how it gets around.
//! - [`final_view`], [`api`], [`prover`]: what readers see, and proofs of it. [`metrics`]: what is counted.
//! - [`recovery`], [`repair`]: what a node checks at a start and how it mends what is damaged.
//! - [`node`]: all parts of a validator in order; [`service`]: a whole node with mempool and API. [`network`]: the channels between validators.

pub mod api;
pub mod application;
pub mod block;
pub mod clock;
pub mod config;
mod disk;
pub mod engine_cache;
pub mod entropy;
pub mod final_view;
pub mod gossip;
pub mod history;
pub mod mempool;
pub mod metrics;
pub mod network;
pub mod node;
pub mod oracle_pool;
pub mod pacing;
pub mod prover;
pub mod receipt_index;
pub mod recovery;
pub mod repair;
mod reporter;
pub mod results;
pub mod roots;
pub mod service;
pub mod source;
pub mod status;
pub mod store;
pub mod validity;
pub mod verified;
pub mod wiring;

#[cfg(test)]
mod tests;
