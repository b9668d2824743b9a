//! Whole validators on the deterministic runtime: the very node of production, a simulated network and clock.

mod agreement;
mod cluster;
mod crash;
mod damage;
pub mod exchange;
mod full_blocks;
pub mod pause;
mod process;
mod production;
mod service;
mod transport;
