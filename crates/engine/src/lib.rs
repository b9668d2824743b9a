//! The clearing house: every rule that moves money.
//!
//! A block goes in, receipts, events and a write set come out: [`Engine::execute`]. The same parent and the
//! same block give the same writes on every node, from a cold start too.
//!
//! Rules of this crate:
//! - **Pure.** No clock, no I/O, no threads, no entropy, no floating point, no unordered map.
//! - **One way to change anything**: [`State`]'s `put` of a record, which keeps the derived indices and the undo
//!   journal. Failed actions, fill-or-kill orders and abandoned blocks are undone by the same journal.
//! - **Money moves by settlements**: lists of postings that sum to zero per asset, validated whole, then applied.
//! - **Everything that persists is a record** in a table, so a scan of the database rebuilds the engine.
//! - **Every loop is bounded** by a named constant; what is left over stays queued in state, in order.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod accounts;
mod action;
pub mod admission;
pub mod backstop;
pub mod blocks;
pub mod clearing;
pub mod combos;
mod engine;
pub mod execute;
mod fill;
mod follow;
pub mod funding;
mod funding_payment;
pub mod future;
mod isolated;
mod ledger;
pub mod legs;
pub mod liquidation;
pub mod liquidity;
pub mod listing;
pub mod margin;
pub mod mark;
pub mod market_math;
mod market_order;
mod matching;
#[doc(hidden)]
pub mod matching_core;
pub mod mutant;
mod net_price;
pub mod options;
pub mod oracle;
mod orders;
pub mod perpetual;
mod placement;
pub mod pool_curve;
mod pool_fill;
mod protection;
pub mod risk;
pub mod rules;
pub mod shares;
pub mod state;
pub mod synthetics;
pub mod tranches;
mod triggers;
mod twap;
pub mod vaults;
pub mod what_if;
mod wide;
mod work;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod multi_leg_random_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod testing;

pub use admission::Admission;
pub use engine::Engine;
pub use execute::{BlockInput, BlockOutcome, InvalidBlock};
pub use rules::{Rules, UnknownVersion};
pub use state::{State, StateError, Undo, Write};
