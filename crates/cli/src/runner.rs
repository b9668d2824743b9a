//! One validator on an OS thread and a runtime of its own.
//!
//! The thread ends when it is told to, when a part of the node ends, or when one panics; whoever waits for [`RunningNode::ended`]
//! hears of all three. Ending is abrupt by design: a node must bear a kill at any moment, so there is no other way to stop it; what clients
//! were told is taken is waited for before ([`crate::shutdown::settle`]).

use crate::{layout::NodeFolder, logging, node_keys};
use anyhow::{Context as _, Result, anyhow, bail};
use commonware_runtime::{Metrics as _, Runner as _, Supervisor as _, tokio as production};
use futures::future::{self, Either};
use palisade_client::api::NodeApi;
use palisade_gateway::MetricsSource;
use palisade_node::{
    clock::NodeClock,
    config::{NodeConfig, Peer},
    network::{self, Authenticated},
    service,
};
use palisade_types::genesis::Genesis;
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// Threads of a node's runtime, besides the one that drives it.
const WORKER_THREADS: usize = 2;
/// Begins the names of a node's partitions.
const PARTITION_PREFIX: &str = "palisade";
/// Held while a node uses its folder.
const LOCK_FILE: &str = ".lock";

/// A node that knows its state and takes part.
pub struct RunningNode {
    /// What it answers.
    pub api: Arc<dyn NodeApi>,
    /// What it counts.
    pub metrics: MetricsSource,
    /// Resolves when it ends by itself: with the reason, or closed if it panicked.
    pub ended: oneshot::Receiver<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// What the thread hands back once the node runs.
struct Started {
    api: Arc<dyn NodeApi>,
    metrics: MetricsSource,
}

impl RunningNode {
    /// Ends it and waits until it has let go of its folder.
    pub fn stop(self) {
        let Self { stop, thread, api, metrics, .. } = self;
        logging::ending();
        // What readers hold would keep the storage open.
        drop((api, metrics));
        let _ = stop.send(());
        let _ = thread.join();
    }
}

/// Starts the node of `folder` and waits until it knows its state.
pub fn start(folder: &NodeFolder) -> Result<RunningNode> {
    let lock = lock(&folder.path)?;
    let config = config(folder)?;
    let storage = folder.storage();
    let (ready, started) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let (report_end, ended) = oneshot::channel();
    let thread = thread::Builder::new()
        .name(format!("seat-{}", folder.seat))
        .spawn(move || {
            let _lock = lock;
            if let Some(reason) = run(storage, config, &ready, stopped) {
                let _ = report_end.send(reason);
            }
        })
        .context("cannot start a thread")?;
    match started.recv() {
        Ok(Ok(Started { api, metrics })) => Ok(RunningNode { api, metrics, ended, stop, thread }),
        Ok(Err(error)) => Err(error.context(format!("seat {}", folder.seat))),
        Err(_) => bail!("seat {}: {}", folder.seat, logging::first_panic().unwrap_or("the node ended while starting")),
    }
}

/// Runs a node on this thread; `None` if it was told to stop, else why it ended.
fn run(
    storage: PathBuf,
    config: NodeConfig,
    ready: &std::sync::mpsc::Sender<Result<Started>>,
    stopped: oneshot::Receiver<()>,
) -> Option<String> {
    let runtime = production::Config::new().with_storage_directory(storage).with_worker_threads(WORKER_THREADS);
    production::Runner::new(runtime).start(|context| async move {
        let assembled = async {
            let connected = network::connect(context.child("network"), &config).await?;
            let (network, gossip, task) = (connected.network, connected.gossip, connected.task);
            let service = service::start::<_, Authenticated<production::Context>>(
                context.child("node"),
                config,
                network,
                gossip,
                Vec::new(),
            )
            .await?;
            anyhow::Ok((service, task))
        };
        let (service, network) = match assembled.await {
            Ok(assembled) => assembled,
            Err(error) => {
                let _ = ready.send(Err(error));
                return None;
            }
        };
        let counted = context.child("exposition");
        let started = Started { api: Arc::new(service.api.clone()), metrics: Arc::new(move || counted.encode()) };
        let _ = ready.send(Ok(started));
        let node = Box::pin(service.exited());
        match future::select(future::select(node, network), stopped).await {
            Either::Right(_) => None,
            Either::Left((Either::Left((exit, _)), _)) => {
                Some(exit.map_or_else(|| "the node was ended".into(), |exit| format!("its {} ended", exit.part)))
            }
            Either::Left((Either::Right(_), _)) => Some("its network ended".into()),
        }
    })
}

fn config(folder: &NodeFolder) -> Result<NodeConfig> {
    let peers = folder.file.peers.iter().map(|peer| {
        let seat = folder.genesis.seats.iter().find(|seat| seat.vote_key == peer.vote_key);
        seat.with_context(|| format!("peer {} of node.toml has no seat in the genesis", peer.vote_key))?;
        Ok(Peer { key: node_keys::peer_key(&peer.vote_key)?, address: peer.address })
    });
    let genesis: Arc<Genesis> = Arc::new(folder.genesis.clone());
    let peers = peers.collect::<Result<_>>()?;
    let key = node_keys::vote_key(&folder.keys.vote)?;
    let mut config = NodeConfig::new(genesis, key, peers, folder.file.peer_listen, PARTITION_PREFIX);
    config.clock = NodeClock::behind(folder.file.clock_behind_ms);
    Ok(config)
}

/// Two nodes in one folder would sign twice with one key.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK_FILE);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(anyhow!("{} is in use by another process", folder.display())),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
