//! The clearing house on 10 October 2025: real minute bars, a seeded population of leveraged accounts, three universes.
//! Writes what happened to `docs/reports/crash-2025-10-10.md`; `make crash` runs it.
//!
//! Assumptions are stated in the report's text ([`report`]) and are the constants of [`population`] and [`market`]. Nothing is
//! tuned to an outcome: the run fails if an invariant breaks, whatever the figures are.

#![allow(clippy::arithmetic_side_effects, clippy::float_arithmetic, reason = "a simulation's own numbers, not money")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example reads files and the environment")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example speaks to a person, and stops if it cannot go on"
)]

mod audit;
mod bars;
mod market;
mod population;
#[path = "../replay/mod.rs"]
mod replay;
mod report;
mod venue;

use report::Tally;
use std::path::PathBuf;
use venue::Venue;

/// Minutes of the day that are replayed, 20:40 to 22:20 UTC.
const MINUTES: std::ops::Range<u64> = (20 * 60 + 40)..(22 * 60 + 20);
/// Block time between two price updates.
const STEP_MS: u64 = 5_000;

fn main() {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Some(bars) = bars::read(&root) else {
        println!("SKIPPED: PALISADE_DATA has no {}; nothing was replayed and no report written", bars::FILE);
        return;
    };
    let seed = std::env::args().nth(1).map_or(20_251_010, |text| text.parse().expect("a seed is a number"));
    let mut venue = Venue::new(&bars);
    let people = population::make(seed);
    let mut tally = Tally::default();
    venue.open(&people, &bars, &mut tally);
    let opened = audit::take(&venue);
    for minute in MINUTES {
        for step in 0..(60_000 / STEP_MS) {
            let events = venue.step(&bars, minute, step, STEP_MS);
            tally.follow(&events);
            audit::check(&venue, &opened);
        }
    }
    for _ in 0..60 {
        let events = venue.step(&bars, MINUTES.end - 1, 0, STEP_MS);
        tally.follow(&events);
    }
    audit::check(&venue, &opened);
    let text = report::write(&venue, &people, &tally, &opened, seed);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reports/crash-2025-10-10.md");
    std::fs::write(&path, &text).expect("the report can be written");
    println!("{text}");
}
