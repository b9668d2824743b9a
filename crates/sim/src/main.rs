//! `palisade-sim`: campaigns of the simulation, and the replay of one seed.

#![allow(clippy::print_stdout, reason = "a report on standard output is what this binary is for")]

use anyhow::{Result, bail};
use clap::Parser;
use palisade_sim::{campaign::Campaign, panics, run};
use std::{process::Command, thread};

/// Runs the chain under faults that seeds decide, and says what was found.
#[derive(Debug, Parser)]
#[command(name = "palisade-sim", version)]
struct Arguments {
    /// How many seeds to run; 0 goes on until a seed fails or the process is ended.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Finalized blocks that the campaign must reach to count.
    #[arg(long, default_value_t = 0)]
    blocks_min: u64,
    /// Failing seeds after which the campaign ends.
    #[arg(long, default_value_t = 1)]
    failures_max: usize,
    /// Runs this seed alone and prints what happened.
    #[arg(long)]
    replay: Option<u64>,
}

fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).map_or_else(
        || "unknown".to_owned(),
        |text| if text.trim().is_empty() { "unknown".to_owned() } else { text.trim().to_owned() },
    )
}

fn replay(seed: u64) -> Result<()> {
    panics::install();
    let replayed = thread::Builder::new().name(panics::THREAD_NAME.to_owned()).spawn(move || run::run(seed))?;
    let Ok(report) = replayed.join() else { bail!("the simulation itself panicked") };
    for line in &report.trace {
        println!("{line}");
    }
    println!("seed {seed}: {} blocks, trace {}", report.blocks, report.auditor);
    match report.violation {
        Some(violation) => bail!("seed {seed}: {violation}"),
        None => Ok(()),
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.replay {
        return replay(seed);
    }
    let seeds = (arguments.seeds > 0).then_some(arguments.seeds);
    let Arguments { first, jobs, failures_max, .. } = arguments;
    println!("commit {}, seeds from {first}, {jobs} threads", commit());
    let summary = Campaign { first, seeds, jobs, failures_max }.run(|report, so_far| {
        if let Some(violation) = &report.violation {
            println!("seed {} FAILED: {violation}", report.seed);
            println!("  replay: cargo run --package palisade-sim -- --replay {}", report.seed);
        } else if so_far.seeds.is_multiple_of(10) {
            println!("{} seeds, {} blocks", so_far.seeds, so_far.blocks);
        }
    })?;
    println!("{summary}");
    if !summary.failures.is_empty() {
        bail!("{} of {} seeds failed", summary.failures.len(), summary.seeds);
    }
    if summary.blocks < arguments.blocks_min {
        bail!("{} finalized blocks, the campaign asks for {}", summary.blocks, arguments.blocks_min);
    }
    Ok(())
}
