//! Floods on loopback: what strangers, and a validator gone bad, throw at the nodes costs bounded memory, and honest orders
//! keep their latency.
//!
//! Each flood is bounded in count and time, and runs alone. Honest orders are measured right before it and while it goes on, each
//! over a connection of its own from sending to its final receipt. The medians may differ by [`LATENCY_FACTOR`]; if they
//! differ by more, they are measured once more after the flood, so that a machine that has become busy with something
//! else is not taken for it. Memory is the peak of the resident set while the flood goes on, above what it was before;
//! each test states what it allows and of which limits that is the sum.

#![allow(clippy::print_stderr, reason = "a run says what it measured")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/honest.rs"]
mod honest;
#[path = "support/hostile_seat.rs"]
mod hostile_seat;
#[path = "support/strangers.rs"]
mod strangers;
mod support;

use cluster::Cluster;
use honest::Honest;
use hostile_seat::HostileSeat;
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_types::{genesis::Genesis, rejection::Inadmissible};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use strangers::{Strangers, connect, frame, websocket};
use support::{Devnet, Folder, KEY, Process, Remote, loud, wait_for};

const LATENCY_FACTOR: u32 = 3;
/// Below this, medians differ by the scheduler's mood: a block takes about 50 ms on a machine that does nothing else, and a
/// validator that shares two cores with the flood itself may wait for several turns of 10 ms and more.
const LATENCY_FLOOR: Duration = Duration::from_millis(150);
/// What nodes, gateway and their history may grow by themselves in the minute that a test takes: 1,024 recent blocks, and
/// what the allocator keeps of what was used for a moment.
const OWN_GROWTH_MIB: u64 = 100;
const ORDERS: usize = 40;
const THREADS: usize = 4;
const CONNECTIONS: usize = 10_000;
const SLOW_BODIES: usize = 2_000;
const SLOW_BODY_BYTES: usize = 60_000;
const SOCKETS: usize = 88;
/// Open files that ten thousand connections need at both ends.
const FILES: u64 = 12_000;

/// One flood at a time: another would be measured as its effect.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A figure of `/proc/PID/status`, in KiB.
fn memory_kib(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux says how much memory is used");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

/// What is flooded, and who is honest.
struct Flood<'a> {
    processes: Vec<&'a mut Process>,
    honest: Honest,
    unloaded: Duration,
    before_kib: u64,
}

impl<'a> Flood<'a> {
    fn prepare(processes: Vec<&'a mut Process>, url: &str) -> Self {
        let mut honest = Honest::new(url, KEY);
        // The first orders find cold caches.
        honest.median(ORDERS / 4);
        let unloaded = honest.median(ORDERS);
        let before_kib = processes.iter().map(|process| memory_kib(process.id(), "VmRSS:")).sum();
        for process in &processes {
            // The peak counts from here on.
            fs::write(format!("/proc/{}/clear_refs", process.id()), "5").expect("our own process");
        }
        Self { processes, honest, unloaded, before_kib }
    }

    /// Measures while the flood goes on, ends it, and holds it to the bounds.
    fn judge(mut self, what: &str, allowed_mib: u64, strangers: Strangers) {
        let before = strangers.done();
        let flooded = self.honest.median(ORDERS);
        let meanwhile = strangers.done() - before;
        let peak_kib: u64 = self.processes.iter().map(|process| memory_kib(process.id(), "VmHWM:")).sum();
        let growth_mib = peak_kib.saturating_sub(self.before_kib) >> 10;
        let total = strangers.end();
        if flooded > self.allowed() {
            self.unloaded = self.unloaded.max(self.honest.median(ORDERS));
        }
        eprintln!(
            "FLOOD {what}: {total} times, {meanwhile} while measured; median {flooded:?}, unloaded {:?}, allowed {:?}; \
             memory {} MiB before, {growth_mib} more at the peak, allowed {allowed_mib}",
            self.unloaded,
            self.allowed(),
            self.before_kib >> 10,
        );
        assert!(flooded <= self.allowed(), "{what}: honest orders took {flooded:?}, unloaded {:?}", self.unloaded);
        assert!(growth_mib <= allowed_mib, "{what}: {growth_mib} MiB more memory, allowed {allowed_mib}");
        for process in &mut self.processes {
            assert!(process.is_running(), "{what}: {}", process.errors());
        }
    }

    fn allowed(&self) -> Duration {
        (self.unloaded * LATENCY_FACTOR).max(LATENCY_FLOOR)
    }
}

/// Whether ten thousand connections can be opened here at all.
fn files_suffice() -> bool {
    let limits = fs::read_to_string("/proc/self/limits").expect("Linux tells limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit of files");
    let soft = line.split_whitespace().nth(3).expect("a soft limit");
    let enough = soft == "unlimited" || soft.parse::<u64>().is_ok_and(|files| files >= FILES);
    if !enough {
        loud(&format!("SKIPPED: {soft} open files are allowed, {FILES} are needed (ulimit -n); NOTHING was checked"));
    }
    enough
}

/// Before the gateway let idle connections give way, the first 4,096 held every place for 30 s and honest orders
/// waited for them. Memory: 4,096 places of 64 KiB for what is read.
#[test]
fn connections_opened_and_left() {
    let _alone = alone();
    if !files_suffice() {
        return;
    }
    let folder = Folder::new("flood-connections");
    let mut devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (port, url) = (devnet.port, devnet.url());
    let flood = Flood::prepare(vec![&mut devnet.process], &url);
    let strangers = Strangers::start(
        THREADS,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            if held.len() >= CONNECTIONS / THREADS {
                thread::sleep(Duration::from_millis(20));
                return 0;
            }
            let opened = connect(port);
            let count = usize::from(opened.is_some());
            held.extend(opened);
            count
        },
    );
    strangers.wait_until("ten thousand connections", CONNECTIONS);
    flood.judge("connections opened and left", OWN_GROWTH_MIB + 256, strangers);
}

/// Memory: the 128 MiB that all bodies of `/rpc` may take, 1,000 bodies of `/exchange` of up to 128 KiB, and 64 KiB for what
/// is read of each of 2,000 connections.
#[test]
fn bodies_that_drip() {
    let _alone = alone();
    let folder = Folder::new("flood-bodies");
    let mut devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (port, url) = (devnet.port, devnet.url());
    let flood = Flood::prepare(vec![&mut devnet.process], &url);
    let beginning = |path: &str| {
        let head = "host: x\r\ncontent-type: application/json\r\ncontent-length: 100000";
        format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n{}", " ".repeat(SLOW_BODY_BYTES))
    };
    let beginnings = [beginning("/rpc"), beginning("/exchange")];
    let strangers = Strangers::start(
        THREADS,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            held.retain_mut(|stream| stream.write_all(b" ").is_ok());
            let before = held.len();
            // Those that were cut off come again.
            while held.len() < SLOW_BODIES / THREADS {
                let Some(mut stream) = connect(port) else { break };
                let beginning = &beginnings[held.len() % 2];
                if stream.write_all(beginning.as_bytes()).is_err() {
                    break;
                }
                held.push(stream);
            }
            let opened = held.len() - before;
            thread::sleep(Duration::from_millis(500));
            opened
        },
    );
    strangers.wait_until("slow bodies", SLOW_BODIES);
    flood.judge("bodies that drip", OWN_GROWTH_MIB + 128 + 125 + 125, strangers);
}

/// Memory: four heads at a time of 64 KiB are nothing.
#[test]
fn headers_without_end() {
    let _alone = alone();
    let folder = Folder::new("flood-headers");
    let mut devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (port, url) = (devnet.port, devnet.url());
    let flood = Flood::prepare(vec![&mut devnet.process], &url);
    let line = format!("x-filler: {}\r\n", "y".repeat(8_000));
    let strangers = Strangers::start(
        THREADS,
        |_| (),
        move |()| {
            let Some(mut stream) = connect(port) else { return 0 };
            let mut sent = stream.write_all(b"GET / HTTP/1.1\r\n");
            for _ in 0..256 {
                sent = sent.and_then(|()| stream.write_all(line.as_bytes()));
            }
            let _ = stream.read(&mut [0; 64]);
            // A flood, and not a measure of how many cores the machine has.
            thread::sleep(Duration::from_millis(10));
            1
        },
    );
    strangers.wait_until("huge headers", 500);
    flood.judge("headers of two megabytes", OWN_GROWTH_MIB, strangers);
}

/// They subscribe to everything, unsubscribe, and never read. Memory: less than a megabyte is queued for a socket before it
/// is closed.
#[test]
fn subscription_storms() {
    let _alone = alone();
    let folder = Folder::new("flood-sockets");
    let mut devnet = Devnet::start(&folder, &["--no-market-maker"]);
    let (port, url) = (devnet.port, devnet.url());
    let flood = Flood::prepare(vec![&mut devnet.process], &url);
    let mut frames = Vec::new();
    for coin in ["BTC", "ETH", "SOL", "PURR/USDC", "NONE"] {
        for kind in ["l2Book", "trades", "bbo", "activeAssetCtx"] {
            for method in ["subscribe", "unsubscribe", "subscribe"] {
                frames.push(frame(&format!(
                    r#"{{"method":"{method}","subscription":{{"type":"{kind}","coin":"{coin}"}}}}"#
                )));
            }
        }
    }
    let strangers = Strangers::start(
        THREADS,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            while held.len() < SOCKETS / THREADS {
                let Some(stream) = websocket(port) else { break };
                held.push(stream);
            }
            let mut sent = 0;
            held.retain_mut(|stream| {
                let written = frames.iter().take_while(|frame| stream.write_all(frame).is_ok()).count();
                sent += written;
                written == frames.len()
            });
            thread::sleep(Duration::from_millis(200));
            sent
        },
    );
    strangers.wait_until("subscriptions", 20_000);
    flood.judge("sockets that subscribe and never read", OWN_GROWTH_MIB + 88, strangers);
}

/// A validator of the committee sends the largest messages there are on every channel, and strangers without a key write
/// garbage to the ports of the others. The seat is blocked, and the three others go on; they are measured without the
/// fourth before, because a chain with a seat away is slower by itself.
#[test]
fn a_peer_that_sends_garbage_of_the_largest_size() {
    let _alone = alone();
    let folder = Folder::new("flood-garbage");
    let mut cluster = Cluster::start(&folder, 3, |_| {});
    let (url, ports) = (cluster.url(0), [0, 1, 2].map(|seat| cluster.peer_port(seat)));
    let mut nodes = std::mem::take(&mut cluster.nodes);
    let flood = Flood::prepare(nodes.iter_mut().collect(), &url);
    let seat = HostileSeat::start(&cluster, 3);
    let garbage = vec![0xff; 1 << 20];
    let strangers = Strangers::start(
        THREADS,
        |number| number,
        move |number| {
            *number += 1;
            let Some(mut stream) = connect(ports[*number % ports.len()]) else { return 0 };
            let _ = stream.write_all(&garbage);
            thread::sleep(Duration::from_millis(10));
            1
        },
    );
    strangers.wait_until("garbage", 100);
    wait_for("the seat's messages", Duration::from_secs(60), || (seat.sent() > 0).then_some(()));
    flood.judge("garbage of the largest size", OWN_GROWTH_MIB, strangers);
    let sent = seat.sent();
    seat.end();
    // It had one connection to each, and none after it was blocked.
    assert!(sent < 1_000, "the hostile seat was listened to: {sent} messages");
    let genesis: Genesis = serde_json::from_str(&fs::read_to_string(cluster.genesis()).expect("a file")).expect("JSON");
    let hostile = genesis.seats[3].vote_key.to_string();
    let hostile = hostile.rsplit("0x").next().expect("hexadecimal digits");
    // Which of the nodes it reached before it was cut off is chance.
    let names = |node: &Process| node.errors().lines().any(|line| line.contains("WARN") && line.contains(hostile));
    let naming = nodes.iter().filter(|node| names(node)).count();
    assert!(naming > 0, "nobody says who sent garbage");
    eprintln!("the hostile seat sent {sent} messages and is named by {naming} nodes");
}

/// An account that has used up its budget, and accounts that never had one, sign as fast as they may. What they send is
/// refused before it is kept.
#[test]
fn accounts_without_budget() {
    let _alone = alone();
    let folder = Folder::new("flood-budget");
    let mut cluster = Cluster::start(&folder, 4, |genesis| {
        genesis["action_budget"] = serde_json::json!({
            "initial": 400, "per_usd_traded": 0, "refill_interval_ms": 3_600_000, "cancel_allowance": 400
        });
    });
    let url = cluster.url(0);
    let spender = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    exhaust(&mut Honest::new(&url, spender));
    let flood = Flood::prepare(cluster.nodes.iter_mut().collect(), &url);
    let begin = move |number: usize| {
        let key = match number {
            0 => spender.to_owned(),
            _ => format!("0x{number:064x}"),
        };
        (Honest::new(&url, &key), Remote::new(&url))
    };
    let strangers = Strangers::start(THREADS, begin, |(account, remote)| {
        let signed = account.sign_order();
        let refused = account.submit(remote, signed);
        assert!(matches!(refused, Err(ApiError::Inadmissible { .. })), "{refused:?}");
        // A quarter of a thousand per thread and second: a flood, and not a measure of how many cores the machine has.
        thread::sleep(Duration::from_millis(4));
        1
    });
    strangers.wait_until("refusals", 1_000);
    flood.judge("accounts without budget", OWN_GROWTH_MIB, strangers);
}

/// Orders until there is no budget left.
fn exhaust(account: &mut Honest) {
    let remote = Remote::new(&account.url);
    for _ in 0..100 {
        let signed = account.sign_orders(40);
        match account.submit(&remote, signed) {
            // The budget is that of the newest final state.
            Ok(id) => drop(remote.block_on(remote.api.receipt(id, 20_000))),
            Err(ApiError::Inadmissible { reason }) => {
                assert!(matches!(reason, Inadmissible::BudgetExhausted { .. }), "{reason}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the budget has no end");
}
