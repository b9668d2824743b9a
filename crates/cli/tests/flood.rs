//! Floods on loopback against a whole devnet: what strangers throw at the gateway costs bounded memory, and honest orders
//! keep their latency.
//!
//! Each flood is bounded in count and time, the honest client is measured before and while it goes on. Latency is held
//! to [`LATENCY_FACTOR`] times the unloaded median, memory of the devnet (four nodes, gateway and agents in one process)
//! to [`MEMORY_GROWTH_KIB`] above what it had before the flood. Long, and only of meaning on a machine that is not busy
//! with something else: run by `make flood`.

#![allow(clippy::print_stderr, reason = "a run says what it measured")]

mod support;

use palisade_client::api::NodeApi as _;
use palisade_types::{
    action::Action,
    envelope::{Envelope, Payload},
    ids::Nonce,
    signing::secp256k1::Secp256k1SecretKey,
};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use support::{Devnet, Folder, KEY, Remote, wait_for};

const LATENCY_FACTOR: u32 = 3;
/// A median below this is noise of the scheduler, not of the chain.
const LATENCY_FLOOR: Duration = Duration::from_millis(50);
/// 4,096 connections at 64 KiB each are a quarter of it.
const MEMORY_GROWTH_KIB: u64 = 1 << 20;
const ORDERS: usize = 40;
const CONNECTIONS: usize = 10_000;
const SLOW_BODIES: usize = 2_000;
const SOCKETS: usize = 90;

/// The honest client: one order after the other, from a connection of its own for each call.
struct Honest {
    remote: Remote,
    key: Secp256k1SecretKey,
    chain_id: u64,
    nonce: u64,
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(elapsed.as_millis()).expect("small")
}

impl Honest {
    fn new(url: &str, key: &str) -> Self {
        let remote = Remote::new(url);
        let chain_id = remote.block_on(remote.api.status()).expect("a running devnet").chain_id;
        Self { remote, key: key.parse().expect("a key"), chain_id, nonce: now_ms() }
    }

    /// Median time from sending a cancel-all to its final receipt: it goes the way of any order, and changes nothing.
    fn latency(&mut self) -> Duration {
        let mut times: Vec<Duration> = (0..ORDERS).map(|_| self.order()).collect();
        times.sort_unstable();
        times[ORDERS / 2]
    }

    fn order(&mut self) -> Duration {
        self.nonce = (self.nonce + 1).max(now_ms());
        let signed = self.key.sign(Envelope {
            chain_id: self.chain_id,
            signer: self.key.signer_id(),
            account: self.key.address(),
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action: Action::CancelAll { market: None } },
        });
        let started = Instant::now();
        let id = self.remote.block_on(self.remote.api.submit(signed)).expect("an honest action is taken in");
        self.remote.block_on(self.remote.api.receipt(id, 20_000)).expect("and has a receipt");
        started.elapsed()
    }
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux says how much memory is used");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

/// Threads of strangers, who stop when told to.
struct Strangers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Strangers {
    /// Each thread calls `work` with its number until it is told to stop; `work` says how much it did.
    fn start<S: Send + 'static>(
        threads: usize,
        begin: impl Fn(usize) -> S,
        work: impl Fn(&mut S) -> usize + Send + Copy + 'static,
    ) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..threads)
            .map(|number| {
                let (stop, done, mut state) = (Arc::clone(&stop), Arc::clone(&done), begin(number));
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        done.fetch_add(work(&mut state), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Self { stop, done, threads }
    }

    fn wait_until(&self, what: &str, count: usize) {
        wait_for(what, Duration::from_secs(120), || (self.done.load(Ordering::Relaxed) >= count).then_some(()));
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a stranger does not panic"));
        self.done.load(Ordering::Relaxed)
    }
}

/// Strangers come from addresses of their own, as they would from a network: 127.0.0.2 and up are this machine too, but
/// only the target's address matters here, so the default source is enough.
fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
    Some(stream)
}

struct Flood {
    devnet: Devnet,
    honest: Honest,
    unloaded: Duration,
    before_kib: u64,
    _folder: Folder,
}

impl Flood {
    fn prepare(name: &str) -> Self {
        let folder = Folder::new(name);
        let devnet = Devnet::start(&folder, &["--no-market-maker"]);
        let mut honest = Honest::new(&devnet.url(), KEY);
        honest.latency();
        let unloaded = honest.latency();
        let before_kib = resident_kib(devnet.process.id());
        Self { devnet, honest, unloaded, before_kib, _folder: folder }
    }

    /// Measures while the flood goes on, and holds it to the bounds.
    fn judge(&mut self, what: &str) {
        let flooded = self.honest.latency();
        let growth_kib = resident_kib(self.devnet.process.id()).saturating_sub(self.before_kib);
        let allowed = (self.unloaded * LATENCY_FACTOR).max(LATENCY_FLOOR);
        eprintln!(
            "{what}: median {flooded:?}, unloaded {:?}, allowed {allowed:?}; memory {} MiB before, {} MiB more, \
             allowed {} MiB",
            self.unloaded,
            self.before_kib >> 10,
            growth_kib >> 10,
            MEMORY_GROWTH_KIB >> 10
        );
        assert!(flooded <= allowed, "{what}: honest orders took {flooded:?}, unloaded {:?}", self.unloaded);
        assert!(growth_kib <= MEMORY_GROWTH_KIB, "{what}: {growth_kib} KiB more memory");
        assert!(self.devnet.process.is_running(), "{what}: {}", self.devnet.process.errors());
    }
}

/// Before the gateway let idle connections give way, the first 4,096 held every place for 30 s and honest orders
/// waited for them.
#[test]
#[ignore = "long: make flood"]
fn connections_opened_and_left() {
    let mut flood = Flood::prepare("flood-connections");
    let port = flood.devnet.port;
    let per_thread = CONNECTIONS / 4;
    let strangers = Strangers::start(
        4,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            if held.len() >= per_thread {
                thread::sleep(Duration::from_millis(20));
                return 0;
            }
            held.extend(connect(port));
            1
        },
    );
    strangers.wait_until("ten thousand connections", CONNECTIONS);
    flood.judge("10,000 connections opened and left");
    assert!(strangers.end() >= CONNECTIONS);
}

#[test]
#[ignore = "long: make flood"]
fn bodies_that_drip() {
    let mut flood = Flood::prepare("flood-bodies");
    let port = flood.devnet.port;
    let head = "POST /rpc HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    let exchange_head =
        "POST /exchange HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
    let strangers = Strangers::start(
        4,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            held.retain_mut(|stream| stream.write_all(b" ").is_ok());
            while held.len() < SLOW_BODIES / 4 {
                let Some(mut stream) = connect(port) else { break };
                let head = if held.len() % 2 == 0 { head } else { exchange_head };
                if stream.write_all(head.as_bytes()).is_ok() {
                    held.push(stream);
                }
            }
            thread::sleep(Duration::from_millis(500));
            held.len()
        },
    );
    strangers.wait_until("slow bodies", SLOW_BODIES);
    flood.judge("2,000 bodies of a byte per half second");
    strangers.end();
}

#[test]
#[ignore = "long: make flood"]
fn headers_without_end() {
    let mut flood = Flood::prepare("flood-headers");
    let port = flood.devnet.port;
    let line = format!("x-filler: {}\r\n", "y".repeat(8_000));
    let line: &'static str = line.leak();
    let strangers = Strangers::start(
        4,
        |_| (),
        move |()| {
            let Some(mut stream) = connect(port) else { return 0 };
            let mut sent = stream.write_all(b"GET / HTTP/1.1\r\n");
            for _ in 0..256 {
                sent = sent.and_then(|()| stream.write_all(line.as_bytes()));
            }
            let mut answer = [0; 64];
            let _ = stream.read(&mut answer);
            1
        },
    );
    strangers.wait_until("huge headers", 500);
    flood.judge("headers of two megabytes");
    strangers.end();
}

/// A text frame of a client; its mask is zero.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("short");
    let mut frame = vec![0x81, 0xfe];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn websocket(port: u16) -> Option<TcpStream> {
    let mut stream = connect(port)?;
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
              sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    (&answer[9..] == b"101").then_some(stream)
}

#[test]
#[ignore = "long: make flood"]
fn subscription_storms() {
    let mut flood = Flood::prepare("flood-sockets");
    let port = flood.devnet.port;
    let strangers = Strangers::start(
        4,
        |_| Vec::new(),
        move |held: &mut Vec<TcpStream>| {
            while held.len() < SOCKETS / 4 {
                let Some(stream) = websocket(port) else { break };
                held.push(stream);
            }
            let mut sent = 0;
            // They subscribe to everything, unsubscribe, and never read.
            held.retain_mut(|stream| {
                for coin in ["BTC", "ETH", "SOL", "PURR/USDC", "NONE"] {
                    for kind in ["l2Book", "trades", "bbo", "activeAssetCtx"] {
                        for method in ["subscribe", "unsubscribe", "subscribe"] {
                            let text = format!(
                                "{{\"method\":\"{method}\",\"subscription\":{{\"type\":\"{kind}\",\"coin\":\"{coin}\"}}}}"
                            );
                            if stream.write_all(&frame(&text)).is_err() {
                                return false;
                            }
                            sent += 1;
                        }
                    }
                }
                true
            });
            thread::sleep(Duration::from_millis(50));
            sent
        },
    );
    strangers.wait_until("subscriptions", 20_000);
    flood.judge("88 sockets that subscribe, unsubscribe and never read");
    strangers.end();
}

/// Accounts that were never funded have no budget: what they sign is refused before it is kept.
#[test]
#[ignore = "long: make flood"]
fn accounts_without_budget() {
    let mut flood = Flood::prepare("flood-budget");
    let (url, chain_id) = (flood.devnet.url(), flood.honest.chain_id);
    let begin = move |number: usize| {
        let mut secret = [9; 32];
        secret[31] = u8::try_from(number + 1).expect("small");
        let key = Secp256k1SecretKey::from_bytes(secret).expect("a key");
        (Remote::new(&url), key, now_ms())
    };
    let strangers = Strangers::start(4, begin, move |(remote, key, nonce)| {
        *nonce += 1;
        let signed = key.sign(Envelope {
            chain_id,
            signer: key.signer_id(),
            account: key.address(),
            nonce: Nonce::new(*nonce),
            expires_after_ms: None,
            payload: Payload::Native { action: Action::CancelAll { market: None } },
        });
        assert!(remote.block_on(remote.api.submit(signed)).is_err(), "an account without budget is refused");
        // A quarter of a thousand per thread and second: a flood, and not a measure of how many cores the machine has.
        thread::sleep(Duration::from_millis(4));
        1
    });
    strangers.wait_until("refusals", 1_000);
    flood.judge("accounts without budget");
    strangers.end();
}
