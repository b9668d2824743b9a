//! Four real validators under load, killed with `kill -9` at random moments.
//!
//! Every restarted node catches up; with two of four down nothing is finalized, and the chain goes on when one of
//! them returns; afterwards all four have the same blocks, and every receipt that a client was ever given.
//!
//! `PALISADE_KILLS` is the number of kills (few by default, so that the whole suite stays short), `PALISADE_SEED` repeats a run.

#![allow(clippy::print_stderr, reason = "a run says what it killed, and its seed")]

mod support;

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use support::{Folder, Process, Remote, free_base_port, run_ok, url, wait_for};

const SEATS: usize = 4;
const KILLS_DEFAULT: u64 = 4;
/// Every so many kills, two nodes are down at once.
const PAIR_EVERY: u64 = 4;
const CATCH_UP: Duration = Duration::from_secs(90);

/// A xorshift generator: a run is repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.roll(most_ms)));
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number: {text}")))
}

struct Cluster {
    folder: Folder,
    data: String,
    nodes: Vec<Process>,
    remotes: Vec<Remote>,
    urls: Vec<String>,
}

impl Cluster {
    fn start() -> Self {
        let folder = Folder::new("kill");
        let port = free_base_port();
        let data = folder.join("chain").to_string_lossy().into_owned();
        run_ok(&["init", "--data-dir", &data, "--base-port", &port.to_string()]);
        let urls: Vec<String> = (port + 300..port + 304).map(url).collect();
        let remotes = urls.iter().map(|url| Remote::new(url)).collect();
        let mut cluster = Self { folder, data, nodes: Vec::new(), remotes, urls };
        cluster.nodes = (0..SEATS).map(|seat| cluster.node(seat)).collect();
        for remote in &cluster.remotes {
            wait_for("the first blocks", Duration::from_secs(60), || remote.height().filter(|height| *height > 0));
        }
        cluster
    }

    fn node(&self, seat: usize) -> Process {
        let folder = format!("{}/node-{seat}", self.data);
        Process::start(self.folder.path(), &format!("node-{seat}"), &["node", "--data-dir", &folder])
    }

    fn highest(&self) -> u64 {
        self.remotes.iter().filter_map(Remote::height).max().expect("a node that answers")
    }

    /// Starts a killed node again and waits until it has what the others had.
    fn restart(&mut self, seat: usize) {
        self.nodes[seat] = self.node(seat);
    }

    fn catches_up(&mut self, seat: usize, target: u64) {
        wait_for(&format!("seat {seat} at height {target}"), CATCH_UP, || {
            assert!(self.nodes[seat].is_running(), "seat {seat} ended: {}", tail(&self.nodes[seat].errors()));
            self.remotes[seat].height().filter(|height| *height >= target)
        });
    }

    /// The newest height goes up.
    fn goes_on(&self) {
        let before = self.highest();
        wait_for("a new block", CATCH_UP, || (self.highest() > before).then_some(()));
    }

    fn kill_one(&mut self, dice: &mut Dice) {
        let seat = usize::try_from(dice.roll(4)).expect("small");
        self.nodes[seat].kill();
        dice.pause(3_000);
        let target = self.highest();
        self.restart(seat);
        self.catches_up(seat, target);
        eprintln!("seat {seat} was killed, caught up to {target}");
    }

    fn kill_two(&mut self, dice: &mut Dice) {
        let first = usize::try_from(dice.roll(4)).expect("small");
        let second = (first + 1 + usize::try_from(dice.roll(3)).expect("small")) % SEATS;
        self.nodes[first].kill();
        dice.pause(500);
        self.nodes[second].kill();
        // What was on its way may still be finalized; then nothing can be.
        std::thread::sleep(Duration::from_secs(2));
        let halted = self.highest();
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(self.highest(), halted, "two of four must not finalize anything");
        self.restart(second);
        self.goes_on();
        let target = self.highest();
        self.restart(first);
        self.catches_up(first, target);
        self.catches_up(second, target);
        eprintln!("seats {first} and {second} were killed: halted at {halted}, went on, caught up to {target}");
    }

    /// All nodes have the same blocks at all heights that all of them have.
    fn agrees(&self) -> u64 {
        let common = self.remotes.iter().map(|remote| remote.height().expect("a node")).min().expect("four nodes");
        let step = (common / 200).max(1);
        for height in (1..=common).rev().step_by(usize::try_from(step).expect("small")) {
            let digests: Vec<Option<String>> = self.remotes.iter().map(|remote| remote.digest(height)).collect();
            assert!(digests[0].is_some(), "no block at height {height}");
            assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "a fork at height {height}: {digests:?}");
        }
        common
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[test]
fn receipts_survive_kills_and_nodes_catch_up() {
    let kills = setting("PALISADE_KILLS").unwrap_or(KILLS_DEFAULT);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos();
    let seed = setting("PALISADE_SEED").unwrap_or(u64::try_from(clock % u128::from(u64::MAX)).expect("small")).max(1);
    eprintln!("{kills} kills; repeat with PALISADE_SEED={seed}");
    let mut dice = Dice(seed);
    let mut cluster = Cluster::start();
    let journal = cluster.folder.join("journal").to_string_lossy().into_owned();
    let rpc = cluster.urls.join(",");
    let load = ["load", "--rpc", &rpc, "--rate", "40", "--duration", "0", "--journal", &journal, "--wait-ms", "15000"];
    let mut load = Process::start(cluster.folder.path(), "load", &load);
    let mut done = 0;
    while done < kills {
        dice.pause(4_000);
        assert!(load.is_running(), "the load ended: {}", load.errors());
        if done % PAIR_EVERY == PAIR_EVERY - 2 && done + 2 <= kills {
            cluster.kill_two(&mut dice);
            done += 2;
        } else {
            cluster.kill_one(&mut dice);
            done += 1;
        }
    }
    cluster.goes_on();
    load.interrupt();
    assert!(load.wait(Duration::from_secs(60)).success(), "{}", load.errors());
    let target = cluster.highest();
    for seat in 0..SEATS {
        cluster.catches_up(seat, target);
    }
    let common = cluster.agrees();
    let given = fs::read_to_string(&journal).expect("a journal").lines().count();
    assert!(given > 100, "only {given} receipts were given: the load did nothing");
    for url in &cluster.urls {
        run_ok(&["load", "--rpc", url, "--check", &journal]);
    }
    eprintln!("{kills} kills, {common} blocks, {given} receipts: all four nodes have all of them");
}
