//! How cost grows with the committee: 4, 7, 16 and 31 whole nodes on the deterministic runtime, with links of 50 ms and
//! nothing lost. Blocks and latency are in simulated time; processor time does not count there, so these are figures of
//! the protocol, not of a machine. Bytes are those of the channels' payloads, as senders hand them to the network.
//!
//! Writes its figures as JSON into the file that it is given.

#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../engine/benches/flow/terms.rs"]
mod terms;

use commonware_actor::{Feedback, Unreliable};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    CheckedSender, LimitedSender, Manager as _, Recipients,
    simulated::{self, Control, Link, Manager, Oracle, Receiver, Sender},
};
use commonware_runtime::{
    Clock as _, IoBufs, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{self, Context},
};
use commonware_utils::{NZUsize, ordered::Set, probability};
use palisade_client::api::NodeApi as _;
use palisade_node::{
    api::LocalNode,
    clock::NodeClock,
    config::NodeConfig,
    network::{Gossip, Network, Transport, channels, message_bytes_max},
    service::{self, Service},
};
use palisade_types::{
    action::Action,
    address::Ed25519Key,
    envelope::{Envelope, Payload, SignedAction},
    genesis::{Genesis, Seat},
    hash::sha256,
    ids::{AssetId, Nonce, SeatId},
    numbers::{Price, Size},
    oracle::{OracleEntry, OracleVote},
    order::{OrderRequest, Side, TimeInForce},
    signing::secp256k1::Secp256k1SecretKey,
    time::TimeMs,
};
use serde_json::{Value, json};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use terms::{CHAIN_ID, Kind, MARKETS, MIDDLE_USD, START_MS, UNIT, genesis, oracle_key};

const COMMITTEES: [usize; 4] = [4, 7, 16, 31];
const LINK: Link = Link { latency: DELAY, jitter: Duration::ZERO, success_rate: probability!(1.0) };
const DELAY: Duration = Duration::from_millis(50);
const PEOPLE: usize = 200;
const ACTIONS_PER_SECOND: u64 = 200;
const TICK: Duration = Duration::from_millis(10);
const WARM_UP_SECONDS: u64 = 5;
const SECONDS: u64 = 20;
/// Of so many actions, one is waited for.
const SAMPLED: u64 = 10;
const RECEIPT_WAIT_MS: u64 = 20_000;
const CHANNELS: [&str; 7] =
    ["votes", "certificates", "certificate fetch", "block fetch", "blocks", "actions", "oracle"];

/// Bytes sent, by channel.
type Bytes = Arc<[AtomicU64; 7]>;

/// A sender that counts what it sends.
#[derive(Clone, Debug)]
struct Counting<S> {
    inner: S,
    channel: usize,
    bytes: Bytes,
}

/// The same for one message.
struct CheckedCounting<C> {
    inner: C,
    channel: usize,
    bytes: Bytes,
}

impl<S: LimitedSender> LimitedSender for Counting<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a>
        = CheckedCounting<S::Checked<'a>>
    where
        Self: 'a;

    fn check(&mut self, recipients: Recipients<Self::PublicKey>) -> Result<Self::Checked<'_>, SystemTime> {
        let (channel, bytes) = (self.channel, self.bytes.clone());
        self.inner.check(recipients).map(|inner| CheckedCounting { inner, channel, bytes })
    }
}

impl<C: CheckedSender> CheckedSender for CheckedCounting<C> {
    type PublicKey = C::PublicKey;

    fn recipients(&self) -> Vec<Self::PublicKey> {
        self.inner.recipients()
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        let message: IoBufs = message.into();
        let sent = message.len() * self.inner.recipients().len();
        self.bytes[self.channel].fetch_add(sent as u64, Ordering::Relaxed);
        self.inner.send(message, priority)
    }
}

struct Simulated;

impl Transport for Simulated {
    type Tx = Counting<Sender<ed25519::PublicKey, Context>>;
    type Rx = Receiver<ed25519::PublicKey>;
    type Directory = Manager<ed25519::PublicKey, Context>;
    type Blocker = Control<ed25519::PublicKey, Context>;
}

fn vote_key(seat: usize) -> ed25519::PrivateKey {
    let secret = [u8::try_from(seat).expect("few seats") + 1; 32];
    ed25519::PrivateKey::decode(Copying(secret.as_slice())).expect("any 32 bytes are a secret")
}

fn person(place: usize) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes(sha256(&[b"growth", &place.to_be_bytes()])).expect("a hash is a valid key")
}

fn exchange(seats: usize) -> Genesis {
    let seat = |(index, id): (usize, u32)| {
        let mut vote = [0u8; 32];
        vote.copy_from_slice(vote_key(index).public_key().as_ref());
        Seat {
            id: SeatId::new(id),
            name: format!("seat-{id}"),
            vote_key: Ed25519Key(vote),
            oracle_key: oracle_key(id).public_key(),
        }
    };
    let mut genesis = genesis(Kind::Perpetual, (0..PEOPLE).map(|place| person(place).address()));
    genesis.seats = (0..seats).zip(0u32..).map(seat).collect();
    genesis.balances.sort_by_key(|balance| (balance.universe, balance.account, balance.asset));
    genesis.check().expect("a sound genesis");
    genesis
}

/// Order `number`: it rests, away from the middle, so that books grow and nothing trades.
fn order(people: &[Secp256k1SecretKey], number: u64) -> SignedAction {
    let dice = sha256(&[b"order", &number.to_be_bytes()]);
    let key = &people[usize::try_from(number).expect("few orders") % PEOPLE];
    let side = if dice[0].is_multiple_of(2) { Side::Buy } else { Side::Sell };
    let distance = 1 + i64::from(dice[1] % 50);
    let price_usd = if side == Side::Buy { MIDDLE_USD - distance } else { MIDDLE_USD + distance };
    let order = OrderRequest {
        market: Kind::Perpetual.market(u32::from(dice[2]) % MARKETS),
        side,
        price: Price::new(price_usd * UNIT),
        size: Size::new(1 + u64::from(dice[3] % 20)),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    key.sign(Envelope {
        chain_id: CHAIN_ID,
        signer: key.signer_id(),
        account: key.address(),
        nonce: Nonce::new(START_MS + number + 1),
        expires_after_ms: None,
        payload: Payload::Native { action: Action::Place { orders: vec![order] } },
    })
}

/// The network of `seats`, all linked.
async fn network(context: &Context, seats: usize) -> Oracle<ed25519::PublicKey, Context> {
    let config = simulated::Config {
        max_size: message_bytes_max(seats),
        max_peers_per_set: NonZeroUsize::new(seats).expect("a committee has seats"),
        disconnect_on_block: true,
        tracked_peer_sets: NZUsize!(1),
    };
    let (network, oracle) = simulated::Network::new(context.child("network"), config);
    network.start();
    let keys: Vec<ed25519::PublicKey> = (0..seats).map(|seat| vote_key(seat).public_key()).collect();
    let _ = oracle.manager().track(0, Set::from_iter_dedup(keys.iter().cloned()));
    for from in &keys {
        for to in keys.iter().filter(|to| *to != from) {
            oracle.add_link(from.clone(), to.clone(), LINK).await.expect("links of a new network are free");
        }
    }
    oracle
}

async fn start(
    context: &Context,
    oracle: &Oracle<ed25519::PublicKey, Context>,
    genesis: &Arc<Genesis>,
    seat: usize,
    bytes: &Bytes,
) -> Service<Context> {
    let control = oracle.control(vote_key(seat).public_key());
    let mut pairs = Vec::new();
    for (channel, (number, quota)) in channels().into_iter().enumerate() {
        let (inner, receiver) = control.register(number, quota).await.expect("the network runs");
        pairs.push((Counting { inner, channel, bytes: bytes.clone() }, receiver));
    }
    let mut pairs = pairs.into_iter();
    let mut next = || pairs.next().expect("as many channels as fields");
    let network = Network {
        votes: next(),
        certificates: next(),
        certificate_fetch: next(),
        block_fetch: next(),
        blocks: next(),
        directory: oracle.manager(),
        blocker: control,
    };
    let gossip = Gossip { actions: next(), oracle: next() };
    let listen = "127.0.0.1:1".parse().expect("an address");
    let config = NodeConfig::new(genesis.clone(), vote_key(seat), Vec::new(), listen, format!("seat-{seat}"));
    let context = context.child("seat").with_attribute("index", seat);
    service::start::<_, Simulated>(context, config, network, gossip, Vec::new()).await.expect("the node starts")
}

/// Every seat's prices of this second.
async fn report(apis: &[LocalNode<Context>], now: TimeMs) {
    let price = Price::new((MIDDLE_USD + i64::try_from(now.get() / 1_000 % 7).expect("small")) * UNIT);
    let entries: Vec<OracleEntry> =
        (1..=MARKETS).map(|asset| OracleEntry { asset: AssetId::new(asset), price }).collect();
    for (id, api) in (0u32..).zip(apis) {
        let vote = OracleVote {
            chain_id: CHAIN_ID,
            epoch: 0,
            round: now.get() / 1_000,
            seat: SeatId::new(id),
            time_ms: now,
            entries: entries.clone(),
        };
        // A vote that comes twice in a round is not taken.
        let _ = api.submit_oracle_vote(vote.sign(&oracle_key(id))).await;
    }
}

/// What a committee did in the window.
struct Grown {
    seats: usize,
    blocks: u64,
    actions: u64,
    action_bytes: u64,
    bytes: [u64; 7],
    latencies: Vec<Duration>,
}

fn height(api: &Service<Context>) -> u64 {
    api.node.status.applied().map_or(0, |applied| applied.height.get())
}

/// Runs a committee of `seats` under the load.
async fn run(context: Context, seats: usize) -> Grown {
    let genesis = Arc::new(exchange(seats));
    let oracle = network(&context, seats).await;
    let bytes: Bytes = Arc::default();
    let mut nodes = Vec::new();
    for seat in 0..seats {
        nodes.push(start(&context, &oracle, &genesis, seat, &bytes).await);
    }
    let apis: Vec<LocalNode<Context>> = nodes.iter().map(|node| node.api.clone()).collect();
    let people: Vec<Secp256k1SecretKey> = (0..PEOPLE).map(person).collect();
    while height(&nodes[0]) == 0 {
        context.sleep(TICK).await;
    }
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let (mut first_height, mut action_bytes, mut number, mut round) = (0, 0, 0u64, 0);
    let ticks_per_second = 1_000 / u64::try_from(TICK.as_millis()).expect("short");
    for tick in 0..(WARM_UP_SECONDS + SECONDS) * ticks_per_second {
        if tick == WARM_UP_SECONDS * ticks_per_second {
            first_height = height(&nodes[0]);
            bytes.iter().for_each(|channel| channel.store(0, Ordering::Relaxed));
            latencies.lock().expect("nobody panics").clear();
            action_bytes = 0;
        }
        let now = NodeClock::default().now_ms(&context);
        if now.get() / 1_000 > round {
            round = now.get() / 1_000;
            report(&apis, now).await;
        }
        for _ in 0..ACTIONS_PER_SECOND / ticks_per_second {
            let action = order(&people, number);
            action_bytes += action.encode().len() as u64;
            let api = apis[usize::try_from(number).expect("few actions") % seats].clone();
            let id = api.submit(action).await.expect("admissible");
            if number.is_multiple_of(SAMPLED) {
                let (latencies, sent) = (latencies.clone(), context.current());
                context.child("client").spawn(move |context| async move {
                    api.receipt(id, RECEIPT_WAIT_MS).await.expect("a receipt in time");
                    let waited = context.current().duration_since(sent).expect("time goes on");
                    latencies.lock().expect("nobody panics").push(waited);
                });
            }
            number += 1;
        }
        context.sleep(TICK).await;
    }
    let bytes = std::array::from_fn(|channel| bytes[channel].load(Ordering::Relaxed));
    let blocks = height(&nodes[0]) - first_height;
    let mut latencies = std::mem::take(&mut *latencies.lock().expect("nobody panics"));
    latencies.sort_unstable();
    Grown { seats, blocks, actions: SECONDS * ACTIONS_PER_SECOND, action_bytes, bytes, latencies }
}

fn lines(grown: &Grown) -> [Value; 2] {
    let Grown { seats, blocks, actions, action_bytes, bytes, latencies } = grown;
    let (seats_f, actions_f) = (*seats as f64, *actions as f64);
    let per_action_and_seat = |bytes: u64| bytes as f64 / actions_f / seats_f;
    let by_channel: Vec<String> = CHANNELS
        .iter()
        .zip(bytes)
        .filter(|(_, bytes)| **bytes > 0)
        .map(|(name, bytes)| format!("{name} {:.0}", per_action_and_seat(*bytes)))
        .collect();
    let latency = latencies.get(latencies.len() / 2).map_or(0, Duration::as_millis);
    let delay_s = DELAY.as_secs_f64();
    [
        json!({
            "what": format!("{seats} seats, simulated, links of 50 ms: pace under {ACTIONS_PER_SECOND} actions/s (latency {latency} ms)"),
            "value": *blocks as f64 / SECONDS as f64, "unit": "blocks/s", "better": "higher",
            "limit": 1.0 / (2.0 * delay_s), "limit_what": "two message delays per block",
        }),
        json!({
            "what": format!("{seats} seats: sent per action and seat ({})", by_channel.join(", ")),
            "value": per_action_and_seat(bytes.iter().sum()), "unit": "bytes", "better": "lower",
            "limit": per_action_and_seat(*action_bytes) * (seats_f - 1.0),
            "limit_what": "each action once to each other seat",
        }),
    ]
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let argument = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    // Run without a file, as a test run does, it only shows that it works.
    let committees = if argument.is_some() { &COMMITTEES[..] } else { &COMMITTEES[..1] };
    let mut figures = Vec::new();
    for seats in committees {
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(START_MS);
        let config = deterministic::Config::new().with_seed(1).with_start_time(start).with_timeout(None);
        let grown = deterministic::Runner::new(config).start(|context| run(context, *seats));
        figures.extend(lines(&grown));
        println!("{seats} seats: {} blocks, {:?}", grown.blocks, grown.bytes);
    }
    let figures = Value::from(figures);
    if let Some(file) = argument {
        std::fs::write(&file, figures.to_string()).expect("the file can be written");
    }
    println!("{figures:#}");
}
