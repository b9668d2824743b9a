//! February 2026, compressed: 28 daily expiries of options on BTC and ETH over 600 accounts, along the index of real option chains.
//! Writes what happened to `docs/reports/options-2026-02.md`; `make month` runs it.
//!
//! Assumptions are stated in the report's text ([`report`]) and are the constants of [`path`], [`terms`] and [`people`]. Nothing is
//! tuned to an outcome: the run fails if an invariant breaks, whatever the figures are.

#![allow(clippy::arithmetic_side_effects, clippy::float_arithmetic, reason = "a simulation's own numbers, not money")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example reads files and the environment")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example speaks to a person, and stops if it cannot go on"
)]

mod audit;
mod chains;
mod orders;
mod path;
mod people;
#[path = "../replay/mod.rs"]
mod replay;
mod report;
mod tally;
mod terms;
mod venue;

use std::path::PathBuf;
use tally::Tally;
use venue::Venue;

/// Days, each with an expiry at 08:00 UTC.
const DAYS: u64 = 28;
const DAY_MS: u64 = 86_400_000;
/// 1 February 2026, 08:00 UTC.
const FIRST_EXPIRY_MS: u64 = 1_769_932_800_000;
/// A day's trading begins so long after the expiry before it.
const OPENING_MS: u64 = 600_000;
/// How long before an expiry its window begins.
const WINDOW_MS: u64 = 1_800_000;
/// Between two prices, outside the windows and inside.
const STEP_MS: u64 = 900_000;
const WINDOW_STEP_MS: u64 = 5_000;

fn main() {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Some(snapshots) = chains::read(&root) else {
        println!("SKIPPED: PALISADE_DATA has no {}; nothing was replayed and no report written", chains::FILE);
        return;
    };
    let seed = std::env::args().nth(1).map_or(20_260_201, |text| text.parse().expect("a seed is a number"));
    let people = people::make(seed);
    let mut venue = Venue::new(snapshots, &people, seed);
    let mut tally = Tally::new(&venue);
    for day in 0..DAYS {
        let expiry_ms = FIRST_EXPIRY_MS + day * DAY_MS;
        venue.enter(&people, expiry_ms, &mut tally);
        while venue.time_ms() + STEP_MS < expiry_ms - WINDOW_MS {
            venue.step(STEP_MS, &mut tally);
        }
        venue.step(expiry_ms - WINDOW_MS - venue.time_ms(), &mut tally);
        venue.expire(expiry_ms, WINDOW_STEP_MS, &mut tally);
        if day + 1 < DAYS {
            venue.step(expiry_ms + OPENING_MS - venue.time_ms(), &mut tally);
        }
        println!("day {:>2}: {}", day + 1, tally.line(&venue));
    }
    let text = report::write(&venue, &people, &tally, seed);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reports/options-2026-02.md");
    std::fs::write(&path, &text).expect("the report can be written");
    println!("{text}");
}
