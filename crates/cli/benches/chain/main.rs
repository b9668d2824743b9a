//! How much the whole chain bears: four seats of production in one process on this machine, sixty seconds of a flow of
//! single orders and sixty of actions of forty orders; then what each part of the work costs per action, measured by
//! itself on the very blocks of the run, beside the processor time that the run took in all.
//!
//! Writes its figures as JSON into the file that it is given.

mod committee;
mod cpu;
#[path = "../../../engine/benches/flow/random.rs"]
mod random;
mod shares;
#[path = "../../../engine/benches/flow/terms.rs"]
mod terms;
mod traders;

use committee::{Committee, now_ms};
use futures::executor::block_on;
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_engine::State;
use palisade_node::source::FinalizedBlock;
use palisade_types::{action::Action, block::Header, genesis::Genesis, hash::ActionId, time::TimeMs};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};
use terms::{Kind, genesis};
use traders::{ACCOUNTS, Traders};

const WARM_UP: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(10);
/// Actions of a phase whose blocks are kept for the measurements of its parts.
const KEPT_ACTIONS: usize = 10_000;
/// Longest wait for what has been sent to become final, or for seats that lag.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long is waited for news when enough is on its way.
const NEWS_WAIT: Duration = Duration::from_millis(1);
const SETUP_OUTSTANDING_MAX: usize = 1_000;

/// What is asked of the chain.
#[derive(Clone, Copy)]
pub struct Load {
    /// Orders, cancels or modifies per action.
    parts: usize,
    /// Most actions that were sent and are not final.
    outstanding_max: usize,
    seconds: u64,
    /// Operations per second that the project wants.
    target: f64,
}

/// Counts of a window of time.
#[derive(Default)]
pub struct Counts {
    pub actions: u64,
    pub parts: u64,
    pub refused: u64,
    pub blocks: u64,
    pub block_bytes: u64,
    pub sent: u64,
    pub signing: Duration,
    /// The traders' choices and book-keeping.
    pub trading: Duration,
    pub latencies: Vec<Duration>,
    pub seconds: f64,
    /// Processor time of the whole process.
    pub cpu: Duration,
}

/// The state before a phase and its first blocks.
pub struct Kept {
    pub tip: palisade_node::final_view::Tip,
    pub state: State,
    pub blocks: Vec<FinalizedBlock>,
}

impl Kept {
    pub fn actions(&self) -> usize {
        self.blocks.iter().map(|block| block.block.body().actions.len()).sum()
    }
}

struct Venue {
    committee: Committee,
    told: mpsc::Receiver<FinalizedBlock>,
    traders: Traders,
    outstanding: HashMap<ActionId, Instant>,
    next_seat: usize,
    counts: Counts,
    kept: Option<Kept>,
}

impl Venue {
    fn start(folder: &Path, genesis: &Arc<Genesis>, traders: Traders) -> Self {
        let (committee, told) = Committee::start(folder, genesis);
        let (outstanding, counts) = (HashMap::new(), Counts::default());
        Self { committee, told, traders, outstanding, next_seat: 0, counts, kept: None }
    }

    fn note(&mut self, finalized: FinalizedBlock) {
        let (now, counts) = (Instant::now(), &mut self.counts);
        counts.blocks += 1;
        counts.block_bytes += finalized.block.encoded().len() as u64;
        for receipt in &finalized.executed.receipts {
            let (parts, refused) = traders::parts(&receipt.outcome);
            counts.actions += 1;
            counts.parts += parts;
            counts.refused += refused;
            counts.latencies.extend(self.outstanding.remove(&receipt.action).map(|sent| now - sent));
        }
        let start = cpu::thread();
        self.traders.see(&finalized.executed.events);
        self.counts.trading += cpu::thread() - start;
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.actions() < KEPT_ACTIONS) {
            kept.blocks.push(finalized);
        }
    }

    /// Takes in what is final; waits a moment for it if nothing is to be sent.
    fn listen(&mut self, wait: bool) {
        if wait && let Ok(block) = self.told.recv_timeout(NEWS_WAIT) {
            self.note(block);
        }
        while let Ok(block) = self.told.try_recv() {
            self.note(block);
        }
    }

    fn send(&mut self, choose: impl FnOnce(&mut Traders) -> (usize, Action)) {
        let start = cpu::thread();
        let (person, action) = choose(&mut self.traders);
        let chosen = cpu::thread();
        let signed = self.traders.sign(person, action);
        self.counts.signing += cpu::thread() - chosen;
        self.counts.trading += chosen - start;
        self.counts.sent += 1;
        let id = signed.id();
        self.outstanding.insert(id, Instant::now());
        self.next_seat = (self.next_seat + 1) % self.committee.seats.len();
        match block_on(self.committee.seats[self.next_seat].api.submit(signed)) {
            Ok(_) => {}
            // Lost to this run; the window counts what is final.
            Err(ApiError::MempoolFull { .. }) => drop(self.outstanding.remove(&id)),
            Err(error) => panic!("an action of the flow is refused: {error}"),
        }
    }

    /// Waits until everything that was sent is final on every seat; how long that took.
    fn settle(&mut self) -> Duration {
        let start = Instant::now();
        while !self.outstanding.is_empty() || self.committee.common_height() < self.tip().height {
            assert!(start.elapsed() < PATIENCE, "{} actions have no receipt", self.outstanding.len());
            self.listen(true);
        }
        start.elapsed()
    }

    fn tip(&self) -> Header {
        self.committee.seats[0].view.read(|view| view.tip.header.clone()).expect("the seat runs")
    }

    fn set_up(&mut self) {
        for fill in [Traders::resting_of, Traders::positions_of] {
            for person in 0..ACCOUNTS {
                self.send(|traders| fill(traders, person));
                self.listen(false);
                while self.outstanding.len() >= SETUP_OUTSTANDING_MAX {
                    self.listen(true);
                }
            }
            self.settle();
        }
    }

    /// Processor time of a block without actions, in microseconds.
    fn idle_block_us(&mut self) -> f64 {
        self.counts = Counts::default();
        let start = cpu::process();
        thread::sleep(IDLE);
        self.listen(false);
        (cpu::process() - start).as_secs_f64() * 1e6 / self.counts.blocks.max(1) as f64
    }

    /// Sends as much as the chain bears, and counts what becomes final after a warm-up.
    fn bear(&mut self, load: Load) -> (Counts, Kept) {
        let seat = &self.committee.seats[0].view;
        let before = seat.read(|view| (view.tip.clone(), view.state.clone())).expect("the seat runs");
        self.kept = Some(Kept { tip: before.0, state: before.1, blocks: Vec::new() });
        let start = Instant::now();
        let mut window: Option<(Instant, Duration)> = None;
        loop {
            match window {
                None if start.elapsed() >= WARM_UP => {
                    self.counts = Counts::default();
                    window = Some((Instant::now(), cpu::process()));
                }
                Some((begun, cpu_before)) if begun.elapsed() >= Duration::from_secs(load.seconds) => {
                    let mut counts = std::mem::take(&mut self.counts);
                    counts.seconds = begun.elapsed().as_secs_f64();
                    counts.cpu = cpu::process() - cpu_before;
                    self.settle();
                    let mut kept = self.kept.take().expect("it was made above");
                    // A block between the snapshot and its first sight may be told twice over.
                    kept.blocks.retain(|block| block.block.header().height > kept.tip.header.height);
                    return (counts, kept);
                }
                _ => {}
            }
            let enough = self.outstanding.len() >= load.outstanding_max;
            self.listen(enough);
            if !enough {
                self.send(|traders| traders.choose(load.parts));
            }
        }
    }
}

fn median_ms(latencies: &mut [Duration], per_mille: usize) -> f64 {
    latencies.sort_unstable();
    let last = latencies.len().saturating_sub(1);
    latencies.get(last * per_mille / 1_000).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// The line of the report for what the chain bears. The limit is the processor: what two cores could do if they did nothing
/// but the parts that are known to be needed.
fn line(load: Load, counts: &mut Counts, needed_us: f64) -> Value {
    let (unit, done) = if load.parts == 1 { ("actions/s", counts.actions) } else { ("orders/s", counts.parts) };
    let value = done as f64 / counts.seconds;
    let processors = thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
    let per_action = done as f64 / counts.actions.max(1) as f64;
    let (half, most) = (median_ms(&mut counts.latencies, 500), median_ms(&mut counts.latencies, 990));
    json!({
        "what": format!(
            "whole chain, four seats, {:.0} s, {}: {} blocks, latency {half:.0} ms (99 %: {most:.0} ms), {:.1} % of the orders refused",
            counts.seconds,
            if load.parts == 1 { "one order per action".to_owned() } else {
                format!("up to {} orders per action ({per_action:.1} on average)", load.parts)
            },
            counts.blocks,
            100.0 * counts.refused as f64 / counts.parts.max(1) as f64,
        ),
        "value": value, "unit": unit, "better": "higher", "target": load.target,
        "limit": processors * 1e6 / needed_us * per_action,
        "limit_what": format!("{processors} processors that do nothing but the limits below ({needed_us:.0} µs per action)"),
    })
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let argument = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    // Run without a file, as a test run does, it only shows that it works.
    let seconds = if argument.is_some() { 60 } else { 5 };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a writable folder");
    let traders = Traders::new();
    let mut genesis = genesis(Kind::Perpetual, traders.accounts());
    genesis.time_ms = TimeMs::new(now_ms());
    genesis.balances.sort_by_key(|balance| (balance.universe, balance.account, balance.asset));
    genesis.check().expect("a sound genesis");
    let genesis = Arc::new(genesis);
    let mut venue = Venue::start(folder.path(), &genesis, traders);
    venue.set_up();
    println!("set up: {} orders rest at height {}", venue.traders.resting(), venue.tip().height);
    let idle_block_us = venue.idle_block_us();
    let loads = [
        Load { parts: 1, outstanding_max: 2_000, seconds, target: 3_000.0 },
        Load { parts: 40, outstanding_max: 300, seconds, target: 12_000.0 },
    ];
    let mut phases: Vec<(Load, Counts, Kept)> = Vec::new();
    for load in loads {
        let (counts, kept) = venue.bear(load);
        println!("{} actions, {} orders in {:.1} s", counts.actions, counts.parts, counts.seconds);
        phases.push((load, counts, kept));
    }
    let marshal = venue.committee.seats[0].marshal.clone();
    venue.committee.stop();
    let mut lines = Vec::new();
    let mut details = Vec::new();
    for (load, mut counts, kept) in phases {
        let shares = shares::measure(folder.path(), &genesis, &marshal, &kept, &counts, idle_block_us);
        let needed_us = shares.iter().map(|share| share.limit_us).sum();
        lines.push(line(load, &mut counts, needed_us));
        details.push(shares::report(load.parts, &counts, &shares));
    }
    let figures = json!({ "lines": lines, "shares": details });
    if let Some(file) = argument {
        std::fs::write(&file, figures.to_string()).expect("the file can be written");
    }
    println!("{figures:#}");
}
