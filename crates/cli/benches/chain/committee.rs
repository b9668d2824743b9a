//! Four whole nodes in one process, as `palisade devnet` runs them: each on a thread and a runtime of its own, with real
//! sockets and real files.

use crate::terms::{CHAIN_ID, MARKETS, MIDDLE_USD, SEATS, UNIT, oracle_key};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_runtime::{Runner as _, Supervisor as _, tokio as production};
use commonware_utils::channel::oneshot;
use futures::{executor::block_on, future};
use palisade_client::api::NodeApi as _;
use palisade_node::{
    api::LocalNode,
    application::Observer,
    config::{NodeConfig, Peer},
    final_view::FinalView,
    network::{self, Authenticated},
    service,
    source::FinalizedBlock,
    wiring::MarshalMailbox,
};
use palisade_types::{
    genesis::Genesis,
    ids::{AssetId, Height, SeatId},
    numbers::Price,
    oracle::{OracleEntry, OracleVote},
    time::TimeMs,
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

/// As `palisade devnet` and `palisade node` have.
const WORKER_THREADS: usize = 2;
const ROUND: Duration = Duration::from_secs(1);
/// Farthest that an index strays from the middle, in USD.
const INDEX_MOVES_USD: i64 = 20;

/// A running seat.
pub struct Seat {
    pub api: LocalNode<production::Context>,
    pub view: FinalView,
    pub marshal: MarshalMailbox,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

pub struct Committee {
    pub seats: Vec<Seat>,
    reporting: Arc<AtomicBool>,
    reporter: JoinHandle<()>,
}

/// Passes on what becomes final.
struct Teller(mpsc::Sender<FinalizedBlock>);

impl Observer for Teller {
    fn finalized(&self, block: &FinalizedBlock) {
        // Nobody listens any more at the end.
        let _ = self.0.send(block.clone());
    }
}

pub fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    u64::try_from(elapsed.as_millis()).expect("a time of this era")
}

/// The vote key that the genesis names for a seat.
fn vote_key(seat: u32) -> ed25519::PrivateKey {
    let secret = [u8::try_from(seat).expect("few seats") + 1; 32];
    ed25519::PrivateKey::decode(Copying(secret.as_slice())).expect("any 32 bytes are a secret")
}

fn free_addresses() -> Vec<SocketAddr> {
    let listen = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let listeners: Vec<TcpListener> = (0..SEATS).map(listen).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address")).collect()
}

impl Committee {
    /// Starts all seats below `folder`; what seat 0 finalizes comes out of the receiver.
    pub fn start(folder: &Path, genesis: &Arc<Genesis>) -> (Self, mpsc::Receiver<FinalizedBlock>) {
        let addresses = free_addresses();
        let peers: Vec<Peer> = (0..SEATS)
            .zip(&addresses)
            .map(|(seat, address)| Peer { key: vote_key(seat).public_key(), address: *address })
            .collect();
        let (tell, told) = mpsc::channel();
        let mut starting = Vec::new();
        for (seat, address) in (0..SEATS).zip(addresses) {
            let config = NodeConfig::new(genesis.clone(), vote_key(seat), peers.clone(), address, "palisade");
            let observers: Vec<Arc<dyn Observer>> =
                if seat == 0 { vec![Arc::new(Teller(tell.clone()))] } else { Vec::new() };
            starting.push(spawn(folder.join(format!("seat-{seat}")), config, observers));
        }
        let seats: Vec<Seat> = starting.into_iter().map(|seat| seat()).collect();
        let reporting = Arc::new(AtomicBool::new(true));
        let apis = seats.iter().map(|seat| seat.api.clone()).collect();
        let still = reporting.clone();
        let reporter = thread::spawn(move || report(apis, &still));
        (Self { seats, reporting, reporter }, told)
    }

    /// The lowest height that all seats have applied.
    pub fn common_height(&self) -> Height {
        let tips = self.seats.iter().filter_map(|seat| seat.view.tip());
        tips.map(|(height, _)| height).min().expect("a committee has seats")
    }

    /// Ends all seats.
    pub fn stop(self) {
        self.reporting.store(false, Ordering::Relaxed);
        self.reporter.join().expect("the reporter ended well");
        for Seat { api, stop, thread, .. } in self.seats {
            drop(api);
            let _ = stop.send(());
            thread.join().expect("the seat ended well");
        }
    }
}

/// Starts a seat; what is returned waits until it knows its state.
fn spawn(storage: std::path::PathBuf, config: NodeConfig, observers: Vec<Arc<dyn Observer>>) -> impl FnOnce() -> Seat {
    let (ready, started) = mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = production::Config::new().with_storage_directory(storage).with_worker_threads(WORKER_THREADS);
        production::Runner::new(runtime).start(|context| async move {
            let connected = network::connect(context.child("network"), &config).await.expect("the port is free");
            let service = service::start::<_, Authenticated<production::Context>>(
                context.child("node"),
                config,
                connected.network,
                connected.gossip,
                observers,
            );
            let service = service.await.expect("the node starts");
            let parts = (service.api.clone(), service.node.shared.view.clone(), service.node.marshal.clone());
            ready.send(parts).expect("somebody waits");
            let ended = Box::pin(service.exited());
            match future::select(ended, stopped).await {
                future::Either::Left((exit, _)) => panic!("the seat ended by itself: {exit:?}"),
                future::Either::Right(_) => {}
            }
        });
    });
    move || {
        let (api, view, marshal) = started.recv().expect("the seat starts");
        Seat { api, view, marshal, stop, thread }
    }
}

/// Every seat's price votes, once a second; the indices never stand still.
fn report(apis: Vec<LocalNode<production::Context>>, still: &AtomicBool) {
    let mut offset_usd = 0;
    while still.load(Ordering::Relaxed) {
        offset_usd = (offset_usd + 7) % INDEX_MOVES_USD;
        let time_ms = now_ms();
        let price = Price::new((MIDDLE_USD + offset_usd - INDEX_MOVES_USD / 2) * UNIT);
        let entry = |asset| OracleEntry { asset: AssetId::new(asset), price };
        for (seat, api) in (0..SEATS).zip(&apis) {
            let vote = OracleVote {
                chain_id: CHAIN_ID,
                epoch: 0,
                round: time_ms / 1_000,
                seat: SeatId::new(seat),
                time_ms: TimeMs::new(time_ms),
                entries: (1..=MARKETS).map(entry).collect(),
            };
            // A vote that is not taken is lost, as a reporter's is.
            let _ = block_on(api.submit_oracle_vote(vote.sign(&oracle_key(seat))));
        }
        thread::sleep(ROUND);
    }
}
