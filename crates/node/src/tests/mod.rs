//! Whole validators on the deterministic runtime: the very node of production, a simulated network and clock.

mod agreement;
pub mod cluster;
mod crash;
mod damage;
pub mod exchange;
mod full_blocks;
pub mod pause;
mod process;
mod service;
