//! Perpetuals from the outside: blocks in, receipts, events and state out.

mod auditor;
mod exchange;
mod random;
mod scenarios;
mod script;
