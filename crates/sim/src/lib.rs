//! The chain under faults: whole nodes of production on a deterministic runtime, driven by seeds.
//!
//! A seed decides everything: what fails when, what clients ask for, in which order tasks run. So a seed that
//! breaks the chain breaks it again, and is a test from then on.
//!
//! - [`plan`]: what a seed does to the committee. [`venue`]: the exchange and the people of every run.
//! - [`world`]: seats that start, end and come back, and the network between them. [`storm`]: the faults.
//! - [`lie`], [`liar`], [`mouth`]: a seat that lies with its own key.
//! - [`people`]: what clients ask, well and badly. [`workload`]: how it is handed in.
//! - [`history`]: what is final, executed a second time by one engine that never turns back, and compared.
//! - [`auditor`]: a ledger and books of its own, which must agree after every block. [`boxes`]: who must be liquidated.
//! - [`run`]: one seed from start to verdict. [`campaign`]: many, on several threads, and their report.
//!
//! Rules: nothing here reads a clock or draws from anything but the seed; a check that fails is a [`Violation`]
//! with what was found; no check is softened while faults are active, only postponed.

pub mod auditor;
pub mod boxes;
pub mod campaign;
pub mod coverage;
pub mod history;
pub mod liar;
pub mod lie;
pub mod mouth;
mod order_of_work;
pub mod panics;
pub mod people;
pub mod plan;
pub mod run;
pub mod seat;
pub mod storm;
pub mod venue;
pub mod workload;
pub mod world;

/// What must never be, and was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {found}")]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    /// What was found, with operands.
    pub found: String,
}

impl Violation {
    /// A violation of `check`.
    pub fn new(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, found: found.into() }
    }
}
