//! The shared vocabulary of Palisade: what a trader signs, what a block holds, what the engine answers.
//!
//! Rules of this crate:
//! - **Pure.** No clock, no I/O, no threads, no floating point, no entropy but what a caller hands in.
//! - **One encoding per value.** Everything that is hashed, signed or stored is encoded by [`codec`]:
//!   borsh behind a version byte, decoded strictly (no trailing bytes, no unordered maps), so equal
//!   values have equal bytes and equal bytes have equal values.
//! - **Closed sets.** Actions, events and rejections are enums whose discriminants are never reused.
//! - **Newtypes with units.** A price cannot be added to a size; what a number counts is in its type.

#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

pub mod action;
pub mod address;
pub mod agent;
pub mod block;
pub mod calendar;
pub mod codec;
pub mod decimal;
pub mod envelope;
pub mod event;
pub mod genesis;
pub mod hash;
pub mod hyperliquid;
pub mod ids;
pub mod limits;
pub mod market;
pub mod multi_leg;
pub mod numbers;
pub mod oracle;
pub mod order;
pub mod pool;
pub mod quote;
pub mod receipt;
pub mod rejection;
pub mod request;
pub mod signing;
pub mod state_key;
pub mod synthetic;
pub mod time;
pub mod trigger;
pub mod twap;
pub mod vault;
