//! The types crate's own test data: one value per type and variant, and a genesis that keeps every rule.

#![allow(dead_code, reason = "the test data of another crate, of which a part is used here")]
#![allow(clippy::unwrap_used, reason = "samples are the project's own values, which encode")]

#[path = "../../types/tests/support/clearing_samples.rs"]
pub mod clearing_samples;
#[path = "../../types/tests/support/genesis.rs"]
pub mod genesis;
#[path = "../../types/tests/support/multi_leg_samples.rs"]
pub mod multi_leg_samples;
#[path = "../../types/tests/support/order_samples.rs"]
pub mod order_samples;
#[path = "../../types/tests/support/samples.rs"]
pub mod samples;
#[path = "../../types/tests/support/synthetic_samples.rs"]
pub mod synthetic_samples;
