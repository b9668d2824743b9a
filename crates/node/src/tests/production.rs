//! The production runtime: four nodes on threads of their own, real sockets, real files, real clocks.

use super::cluster::{Queue, action, genesis, seat_keys};
use crate::{
    config::{NodeConfig, Peer},
    final_view::FinalView,
    network::{Authenticated, connect},
    node::{self, NodeHandle},
};
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_cryptography::Signer as _;
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, tokio};
use palisade_types::{hash::BlockDigest, ids::Height, time::TimeMs};
use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

const SEATS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);

/// What all threads of a run share.
struct Run {
    folder: PathBuf,
    addresses: Vec<SocketAddr>,
    genesis: Arc<palisade_types::genesis::Genesis>,
    /// Heights to reach before ending.
    height: u64,
    arrived: AtomicUsize,
}

fn free_addresses() -> Vec<SocketAddr> {
    let listeners: Vec<TcpListener> =
        (0..SEATS).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address")).collect()
}

fn config(run: &Run, seat: usize) -> NodeConfig {
    let keys = seat_keys(SEATS);
    let peers = keys.iter().zip(&run.addresses).map(|(key, address)| Peer { key: key.public_key(), address: *address });
    let peers = peers.collect();
    NodeConfig::new(run.genesis.clone(), keys[seat].clone(), peers, run.addresses[seat], "node")
}

/// Runs one seat until all have reached the height; returns the names of the blocks from 1.
fn run_seat(run: &Run, seat: usize, nonce: u64) -> Vec<BlockDigest> {
    let storage = run.folder.join(format!("seat-{seat}"));
    let runtime = tokio::Config::new().with_storage_directory(storage).with_worker_threads(1);
    tokio::Runner::new(runtime).start(|context| async move {
        let config = config(run, seat);
        let connected = connect(context.child("network"), &config).await.expect("the port is free");
        let queue = Queue::default();
        let node: NodeHandle<tokio::Context> = node::start::<_, Authenticated<tokio::Context>, _>(
            context.child("node"),
            config,
            connected.network,
            queue.clone(),
            FinalView::default(),
            Vec::new(),
        )
        .await
        .expect("the node starts");
        let started = Instant::now();
        let mut arrived = false;
        let mut nonce = nonce;
        while run.arrived.load(Ordering::SeqCst) < SEATS {
            assert!(started.elapsed() < PATIENCE, "seat {seat} is at {:?}", node.status.applied());
            let applied = node.status.applied().map_or(0, |applied| applied.height.get());
            if !arrived && applied >= run.height {
                arrived = true;
                run.arrived.fetch_add(1, Ordering::SeqCst);
            }
            queue.push(action(nonce));
            nonce += 1;
            context.sleep(Duration::from_millis(20)).await;
        }
        let mut digests = Vec::new();
        for height in 1..=run.height {
            let block = node.marshal.get_block(ConsensusHeight::new(height)).await.expect("the block is stored");
            let results = node.shared.results.get(Height::new(height)).await.expect("readable").expect("archived");
            assert_eq!(results.digest, block.inner().block_digest());
            digests.push(results.digest);
        }
        assert!(node.status.damages().is_empty(), "{:?}", node.status.damages());
        digests
    })
}

/// Runs all seats in `folder` up to `height`, then ends them at once; returns the names of the blocks.
fn run_all(
    folder: &Path,
    genesis: &Arc<palisade_types::genesis::Genesis>,
    height: u64,
    nonce: u64,
) -> Vec<BlockDigest> {
    let run = Arc::new(Run {
        folder: folder.to_owned(),
        addresses: free_addresses(),
        genesis: genesis.clone(),
        height,
        arrived: AtomicUsize::new(0),
    });
    let threads: Vec<_> = (0..SEATS)
        .map(|seat| {
            let run = run.clone();
            std::thread::spawn(move || run_seat(&run, seat, nonce + 10_000 * seat as u64))
        })
        .collect();
    let chains: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("the seat ran")).collect();
    assert!(chains.windows(2).all(|pair| pair[0] == pair[1]), "the seats agree");
    chains.into_iter().next().expect("four seats")
}

#[test]
fn four_nodes_on_real_disks_and_sockets_agree_and_resume() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now_ms = u64::try_from(now.as_millis()).expect("a time in ms");
    let mut genesis = genesis(&seat_keys(SEATS));
    genesis.time_ms = TimeMs::new(now_ms);
    let genesis = Arc::new(genesis);
    let first = run_all(folder.path(), &genesis, 12, now_ms);
    let second = run_all(folder.path(), &genesis, 30, now_ms + 1_000_000);
    assert_eq!(first.as_slice(), &second[..first.len()], "a restart keeps what was final");
}
