//! Perpetuals from the outside: blocks in, receipts, events and state out.

mod auditor;
mod crash;
mod exchange;
mod prices;
mod random;
mod scenarios;
mod script;
