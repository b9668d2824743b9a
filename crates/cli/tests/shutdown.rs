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
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use support::{Devnet, Folder, KEY, Process, Remote, run_ok, wait_for};

const OTHER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// Between two actions of a client.
const PAUSE: Duration = Duration::from_millis(10);
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

/// One of four validators is told to end while clients hand actions to it. Each that it has taken is final on the others,
/// though the node that took it is gone, and on itself once it is back.
///
/// What a node takes it sends on after 5 ms; a node that ended in between took actions with it.
#[test]
fn a_validator_that_ends_under_load_has_passed_on_what_it_took() {
    let _alone = alone();
    let folder = Folder::new("shutdown-one");
    let mut cluster = Cluster::start(&folder, 4, |_| {});
    let (url, other) = (cluster.url(0), Remote::new(&cluster.url(1)));
    let clients: Vec<_> = [KEY, OTHER_KEY].map(|key| spend(Honest::new(&url, key))).into();
    thread::sleep(Duration::from_secs(3));
    cluster.nodes[0].terminate();
    let status = cluster.nodes[0].wait(END_WAIT);
    assert!(status.success(), "{}", cluster.nodes[0].errors());
    let taken: Vec<ActionId> = clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
    assert!(taken.len() >= 50, "only {} actions were taken: no load", taken.len());
    let missing = |remote: &Remote, wait_ms| {
        let lost = |id: &&ActionId| remote.block_on(remote.api.receipt(**id, wait_ms)).is_err();
        taken.iter().filter(lost).count()
    };
    assert_eq!(missing(&other, 30_000), 0, "of {} actions that the node took, lost", taken.len());
    eprintln!("all of {} actions are final", taken.len());
    cluster.nodes[0] = cluster.node(&folder, 0);
    let back = Remote::new(&url);
    wait_for("the node", Duration::from_secs(60), || back.height());
    assert_eq!(missing(&back, 20_000), 0, "of {} actions, lost by the node that took them", taken.len());
}

/// Hands in orders until the node is gone; those that it took.
fn spend(mut client: Honest) -> thread::JoinHandle<Vec<ActionId>> {
    thread::spawn(move || {
        let remote = Remote::new(&client.url);
        let mut taken = Vec::new();
        loop {
            let signed = client.sign_order();
            match client.submit(&remote, signed) {
                Ok(id) => taken.push(id),
                // Whether it came in before the end, nobody has said.
                Err(ApiError::Unavailable { .. }) => return taken,
                Err(error) => panic!("{error}"),
            }
            thread::sleep(PAUSE);
        }
    })
}
