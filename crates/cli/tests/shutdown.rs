//! A graceful shutdown under load loses nothing: what a node has acknowledged is final, on it after its restart and on the
//! others before.

#![allow(clippy::print_stderr, reason = "a run says what it measured")]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/honest.rs"]
mod honest;
mod support;

use cluster::Cluster;
use honest::Honest;
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_types::hash::ActionId;
use std::{
    collections::VecDeque,
    fs,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use support::{Devnet, Folder, KEY, Process, Remote, run_ok, wait_for};

const OTHER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// Between two actions of a client.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the load goes on after one of several nodes has ended.
const LOAD_AFTER: Duration = Duration::from_secs(2);
/// From the signal to the end.
const END_WAIT: Duration = Duration::from_secs(20);

/// Both tests load the machine and wait for blocks: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All four validators at once are told to end while forty actions per second arrive: every receipt that a client was given
/// is there after a restart.
#[test]
fn a_devnet_that_ends_under_load_keeps_every_receipt() {
    let _alone = alone();
    let folder = Folder::new("shutdown");
    let mut devnet = Devnet::start(&folder, &[]);
    let journal = folder.join("journal").to_string_lossy().into_owned();
    let url = devnet.url();
    let load = ["load", "--rpc", &url, "--rate", "40", "--duration", "0", "--journal", &journal, "--wait-ms", "5000"];
    let load = Process::start(folder.path(), "load", &load);
    let given = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    wait_for("receipts", Duration::from_secs(60), || (given() >= 100).then_some(()));
    let asked = Instant::now();
    devnet.process.terminate();
    let status = devnet.process.wait(END_WAIT);
    assert!(status.success(), "{}", devnet.process.errors());
    eprintln!("ended {:?} after it was asked to, {} receipts were given", asked.elapsed(), given());
    drop(load);
    fs::remove_file(folder.join("devnet.out")).expect("the output of the first run");
    devnet.process = Devnet::spawn(folder.path(), &devnet.data, devnet.port, &[]);
    devnet.wait_until_up(folder.path());
    run_ok(&["load", "--rpc", &url, "--check", &journal]);
}

/// One of four validators is told to end while clients hand actions to it and to others. Each that any of them has taken is
/// final on the others, though one node is gone, and on that one once it is back.
///
/// What a node takes it sends on after 5 ms; a node that ended in between took actions with it. And the block that it had
/// proposed last died with what it held: that was kept back until younger nonces of the same signers had shut it out.
#[test]
fn a_validator_that_ends_under_load_loses_nothing_that_any_node_took() {
    let _alone = alone();
    let folder = Folder::new("shutdown-one");
    let mut cluster = Cluster::start(&folder, 4, |_| {});
    let (url, other) = (cluster.url(0), Remote::new(&cluster.url(1)));
    // A node without a way to the others can take an action and not pass it on, while younger ones go through the others.
    let connected = |seat: u16| {
        let remote = Remote::new(&cluster.url(seat));
        remote.block_on(remote.api.status()).is_ok_and(|status| status.peers_connected == 3)
    };
    wait_for("all connections", Duration::from_secs(60), || (0..4).all(connected).then_some(()));
    let over = Arc::new(AtomicBool::new(false));
    let all: Vec<(u16, String)> = (0..4).map(|seat| (seat, cluster.url(seat))).collect();
    // One client knows the node that ends and no other; one hands every node a part of its actions.
    let clients: Vec<_> = [(KEY, &all[..1]), (OTHER_KEY, &all[..])]
        .map(|(key, nodes)| spend(Honest::new(&url, key), nodes.to_vec(), over.clone()))
        .into();
    thread::sleep(Duration::from_secs(3));
    let asked = Instant::now();
    cluster.nodes[0].terminate();
    let status = cluster.nodes[0].wait(END_WAIT);
    assert!(status.success(), "{}", cluster.nodes[0].errors());
    eprintln!("ended {:?} after it was asked to", asked.elapsed());
    thread::sleep(LOAD_AFTER);
    over.store(true, Ordering::Relaxed);
    let taken: Vec<Taken> = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
    assert!(taken.len() >= 200, "only {} actions were taken: no load", taken.len());
    assert_eq!(lost(&other, &taken, asked, 30_000), Vec::<String>::new(), "of {} actions that nodes took", taken.len());
    eprintln!("all of {} actions are final", taken.len());
    cluster.nodes[0] = cluster.node(&folder, 0);
    let back = Remote::new(&url);
    wait_for("the node", Duration::from_secs(60), || back.height());
    assert_eq!(lost(&back, &taken, asked, 20_000), Vec::<String>::new(), "by the node that ended, of {}", taken.len());
}

/// An action that a node has said it took.
struct Taken {
    id: ActionId,
    seat: u16,
    at: Instant,
}

/// Those of which a node has no receipt, with who took them when. Once one has not come for so long, none is waited for.
fn lost(remote: &Remote, taken: &[Taken], asked: Instant, wait_ms: u64) -> Vec<String> {
    let mut lost = Vec::new();
    for Taken { id, seat, at } in taken {
        let wait_ms = if lost.is_empty() { wait_ms } else { 0 };
        if remote.block_on(remote.api.receipt(*id, wait_ms)).is_err() {
            let ms = at.saturating_duration_since(asked).as_millis();
            let ms_before = asked.saturating_duration_since(*at).as_millis();
            lost.push(format!("seat {seat}, {ms} ms after and {ms_before} ms before the signal"));
        }
    }
    lost
}

/// Hands in orders, one node after the other, until the load is over or no node is left; those that were taken.
fn spend(mut client: Honest, nodes: Vec<(u16, String)>, over: Arc<AtomicBool>) -> thread::JoinHandle<Vec<Taken>> {
    thread::spawn(move || {
        let mut nodes: VecDeque<_> = nodes.into_iter().map(|(seat, url)| (seat, Remote::new(&url))).collect();
        let mut taken = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let Some((seat, node)) = nodes.pop_front() else { break };
            let signed = client.sign_order();
            match client.submit(&node, signed) {
                Ok(id) => {
                    taken.push(Taken { id, seat, at: Instant::now() });
                    nodes.push_back((seat, node));
                }
                // Whether it came in before the end, nobody has said.
                Err(ApiError::Unavailable { .. }) => {}
                Err(ApiError::MempoolFull { .. }) => nodes.push_back((seat, node)),
                Err(error) => panic!("{error}"),
            }
            thread::sleep(PAUSE);
        }
        taken
    })
}
