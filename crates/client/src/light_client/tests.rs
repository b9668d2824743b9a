//! The verifier against real Commonware objects: a QMDB on the deterministic runtime, a committee that really
//! signs, and forgeries of every part.

mod accepted;
mod fixture;
mod forged;
mod mutations;
mod world;
