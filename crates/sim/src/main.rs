//! `palisade-sim`: campaigns of the simulation, the replay of one seed, and the hunt for planted faults.

#![allow(clippy::print_stdout, reason = "a report on standard output is what this binary is for")]

use anyhow::{Result, bail};
use clap::Parser;
use palisade_engine::mutant::Mutant;
use palisade_sim::{campaign::Campaign, panics, run};
use std::{env, process::Command, thread};

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
    /// Plants this fault first; needs the feature `mutants`.
    #[arg(long)]
    mutant: Option<String>,
    /// Plants each fault in turn, in a process of its own; each must be found within `--seeds`.
    #[arg(long)]
    mutants: bool,
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
    // RUST_LOG=palisade_node=info shows what the nodes say, in the order of the simulation.
    if env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
    }
    let replayed = thread::Builder::new().name(panics::THREAD_NAME.to_owned()).spawn(move || run::run(seed))?;
    let Ok(report) = replayed.join() else { bail!("the simulation itself panicked") };
    for line in &report.trace {
        println!("{line}");
    }
    println!("seed {seed}: {} blocks, digest of the trace {}", report.blocks, report.auditor);
    match report.violation {
        Some(violation) => bail!("seed {seed}: {violation}"),
        None => Ok(()),
    }
}

#[cfg(feature = "mutants")]
fn plant(name: &str) -> Result<()> {
    let Some(mutant) = Mutant::ALL.into_iter().find(|mutant| mutant.name() == name) else {
        bail!("no mutant is called {name}; there are: {}", Mutant::ALL.map(Mutant::name).join(", "));
    };
    if palisade_engine::mutant::plant(mutant) { Ok(()) } else { bail!("another mutant was planted before") }
}

#[cfg(not(feature = "mutants"))]
fn plant(name: &str) -> Result<()> {
    bail!("this binary has no mutant {name}: build it with `--features mutants`")
}

/// How a seed of this campaign is run again.
fn replay_command(seed: u64, mutant: Option<&str>) -> String {
    match mutant {
        None => format!("cargo run --package palisade-sim -- --replay {seed}"),
        Some(name) => {
            format!("cargo run --package palisade-sim --features mutants -- --mutant {name} --replay {seed}")
        }
    }
}

/// Plants every fault in a process of its own and counts the seeds until it is found.
fn hunt(arguments: &Arguments) -> Result<()> {
    println!("commit {}, at most {} seeds for each mutant", commit(), arguments.seeds);
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        let Arguments { seeds, first, jobs, .. } = arguments;
        let output = Command::new(env::current_exe()?)
            .args(["--mutant", mutant.name(), "--seeds", &seeds.to_string()])
            .args(["--first", &first.to_string(), "--jobs", &jobs.to_string()])
            .env("RUST_BACKTRACE", "0")
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        match said.lines().find(|line| line.contains(" FAILED: ")) {
            Some(line) if !output.status.success() => {
                let shown: String = line.chars().take(200).collect();
                let tried = said.lines().rev().find_map(|line| line.split(" seeds, ").next()?.parse::<u64>().ok());
                println!("{:<24} caught, seeds run: {}", mutant.name(), tried.unwrap_or(0));
                println!("  {shown}");
                println!("  {}", said.lines().find(|line| line.contains("replay:")).unwrap_or_default().trim());
            }
            _ => {
                println!("{:<24} NOT caught", mutant.name());
                missed.push(mutant.name());
            }
        }
    }
    if missed.is_empty() { Ok(()) } else { bail!("not caught within {} seeds: {}", arguments.seeds, missed.join(", ")) }
}

fn campaign(arguments: &Arguments) -> Result<()> {
    let seeds = (arguments.seeds > 0).then_some(arguments.seeds);
    let Arguments { first, jobs, failures_max, .. } = *arguments;
    println!("commit {}, seeds from {first}, {jobs} threads", commit());
    let summary = Campaign { first, seeds, jobs, failures_max }.run(|report, so_far| {
        if let Some(violation) = &report.violation {
            println!("seed {} FAILED: {violation}", report.seed);
            println!("  replay: {}", replay_command(report.seed, arguments.mutant.as_deref()));
        } else if so_far.seeds.is_multiple_of(10) {
            println!("{} seeds, {} blocks", so_far.seeds, so_far.blocks);
        }
    })?;
    println!("{summary}");
    println!("replay any of them: {}", replay_command(first, arguments.mutant.as_deref()));
    if !summary.failures.is_empty() {
        bail!("{} of {} seeds failed", summary.failures.len(), summary.seeds);
    }
    if summary.blocks < arguments.blocks_min {
        bail!("{} finalized blocks, the campaign asks for {}", summary.blocks, arguments.blocks_min);
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.mutants {
        return hunt(&arguments);
    }
    if let Some(name) = &arguments.mutant {
        plant(name)?;
    }
    match arguments.replay {
        Some(seed) => replay(seed),
        None => campaign(&arguments),
    }
}
