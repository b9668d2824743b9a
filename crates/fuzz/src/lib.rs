//! What the fuzzers run, as plain functions of bytes, so that `cargo test` replays every kept input without a fuzzer.
//!
//! A target panics on a finding. Rules:
//! - "Does not panic" is not enough: what decodes encodes to the very same bytes, and decoding takes no more memory
//!   than [`memory::FACTOR`] times its input.
//! - A target is deterministic and single-threaded: the same bytes take the same path.
//! - Inputs that once failed are kept in `regressions/`; seeds are made from the project's own samples by [`seeds`].

pub mod clearing;
mod decoders;
mod files;
mod hyperliquid;
pub mod machine;
mod memory;
mod proofs;
pub mod seeds;
mod support;

/// A fuzz target: its name, and what it does with bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its binary and of its folder of inputs.
    pub name: &'static str,
    /// Panics on a finding.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "codec", run: decoders::codec },
    Target { name: "envelope", run: decoders::envelope },
    Target { name: "block", run: decoders::block },
    Target { name: "gossip", run: decoders::gossip },
    Target { name: "state_records", run: decoders::state_records },
    Target { name: "genesis", run: files::genesis },
    Target { name: "price_file", run: files::price_file },
    Target { name: "key_file", run: files::key_file },
    Target { name: "hyperliquid", run: hyperliquid::json },
    Target { name: "msgpack", run: hyperliquid::msgpack },
    Target { name: "proofs", run: proofs::mutations },
    Target { name: "proof_bundle", run: proofs::bundle },
    Target { name: "engine", run: machine::run },
    Target { name: "clearing", run: clearing::run },
];

/// Runs the target of that name.
///
/// # Panics
/// If the input is a finding, or no target has that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.run)(bytes);
}
