//! Native JSON-RPC: the names, parameters and errors that client and server share, and the client.
//!
//! JSON-RPC 2.0 over `POST /rpc`. Parameters are named; unknown ones are refused. Every refusal of the node
//! travels whole, as an [`ApiError`](crate::api::ApiError) in the error's `data`, so [`RpcClient`] answers exactly as the node in
//! process would. `docs/rpc.md` is the reference for people.

pub mod action;
mod client;
mod error;
pub mod message;
pub mod method;
mod transport;

pub use client::RpcClient;
pub use error::RpcError;

/// Where the server listens for calls.
pub const PATH: &str = "/rpc";
/// Most calls in one batch.
pub const BATCH_CALLS_MAX: usize = 50;
/// Largest request body: a full batch of the largest actions.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest answer that the client reads.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest wait that a call may ask for.
pub const WAIT_MS_MAX: u64 = 30_000;
/// Most levels a side of a book.
pub const BOOK_DEPTH_MAX: u32 = 1_000;
/// Most combos in one answer.
pub const COMBOS_MAX: u32 = 1_000;
