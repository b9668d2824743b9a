//! A validator of the committee that sends nothing but garbage of the largest size on every channel it has.

use crate::cluster::Cluster;
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519;
use commonware_p2p::{Recipients, Sender};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, tokio as production};
use palisade_client::keys::{KeyKind, load_ed25519};
use palisade_node::{
    config::{NodeConfig, Peer},
    network::{self, Connected, GOSSIP_BYTES_MAX, Gossip, Network},
};
use palisade_types::genesis::Genesis;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Between two rounds of garbage.
const PAUSE: Duration = Duration::from_millis(20);

pub struct HostileSeat {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

impl HostileSeat {
    /// Takes the place of a validator that does not run.
    pub fn start(cluster: &Cluster, seat: u16) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (config, storage) = (config(cluster, seat), PathBuf::from(format!("{}/hostile", cluster.data)));
        let (stopping, counter) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            let runtime = production::Config::new().with_storage_directory(storage).with_worker_threads(1);
            production::Runner::new(runtime).start(|context| async move {
                let connected = network::connect(context.child("network"), &config).await;
                let Connected { network, gossip, task } = connected.expect("the seat's port is free");
                let Network { votes, certificates, certificate_fetch, block_fetch, blocks, directory, blocker } =
                    network;
                let Gossip { actions, oracle } = gossip;
                let mut channels =
                    [votes, certificates, certificate_fetch, block_fetch, blocks, actions, oracle].map(|pair| pair.0);
                let largest = usize::try_from(network::message_bytes_max(config.genesis.seats.len()));
                let largest = largest.expect("a message fits in memory");
                assert!(largest >= GOSSIP_BYTES_MAX);
                while !stopping.load(Ordering::Relaxed) {
                    for channel in &mut channels {
                        let reached = channel.send(Recipients::All, vec![0xff; largest], false);
                        counter.fetch_add(reached.len(), Ordering::Relaxed);
                    }
                    context.sleep(PAUSE).await;
                }
                drop((directory, blocker, task));
            });
        });
        Self { stop, sent, thread }
    }

    /// Messages that the network took, one for each peer.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the hostile seat does not panic");
    }
}

fn config(cluster: &Cluster, seat: u16) -> NodeConfig {
    let folder = format!("{}/node-{seat}", cluster.data);
    let genesis: Genesis =
        serde_json::from_slice(&fs::read(format!("{folder}/genesis.json")).expect("a genesis")).expect("JSON");
    let secret = load_ed25519(Path::new(&format!("{folder}/vote.key.json")), KeyKind::Vote).expect("a key");
    let key = ed25519::PrivateKey::decode(Copying(&secret.expose_bytes())).expect("a key");
    let address = |seat: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, cluster.peer_port(seat)));
    let peers = genesis.seats.iter().zip(0u16..).map(|(entry, other)| Peer {
        key: ed25519::PublicKey::decode(Copying(&entry.vote_key.0)).expect("a key"),
        address: address(other),
    });
    let peers = peers.collect();
    NodeConfig::new(Arc::new(genesis), key, peers, address(seat), "hostile")
}
