//! One seat as a process: everything of it lies below one task, so that ending the task ends it at any moment,
//! in the midst of starting too, as a kill does. Its disk stays, less what was not synced.

use crate::{
    history::{SharedHistory, Teller},
    liar::{Carries, SharedLiar},
    mouth::{Lips, Mouth},
    venue,
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::simulated::{Control, Manager, Oracle, Receiver};
use commonware_runtime::{Handle, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::channel::oneshot;
use futures::FutureExt as _;
use palisade_node::{
    api::LocalNode,
    application::Observer,
    config::NodeConfig,
    mempool::Mempool,
    network::{Gossip, Network, Transport, channels},
    node::StartError,
    service::{self, Service},
    status::Status,
    store::StateStore,
    wiring::MarshalMailbox,
};
use palisade_types::genesis::Genesis;
use std::sync::Arc;

/// The simulated network as a node sees it.
pub struct Simulated;

impl Transport for Simulated {
    type Tx = Mouth;
    type Rx = Receiver<ed25519::PublicKey>;
    type Directory = Manager<ed25519::PublicKey, Context>;
    type Blocker = Control<ed25519::PublicKey, Context>;
}

/// Pages of a node's cache: few, so that reads really read.
const PAGE_CACHE_PAGES: usize = 64;

/// What others may ask of a seat that runs.
#[derive(Clone)]
pub struct Running {
    /// Its answers.
    pub api: LocalNode<Context>,
    /// What waits in it.
    pub mempool: Mempool,
    /// Its state on disk.
    pub state: StateStore<Context>,
    /// Its blocks.
    pub marshal: MarshalMailbox,
    /// What it says of itself.
    pub status: Status,
    /// What its readers see.
    pub view: palisade_node::final_view::FinalView,
}

/// A seat's process.
pub struct Process {
    task: Handle<String>,
    started: Option<oneshot::Receiver<Result<Running, StartError>>>,
    running: Option<Running>,
    /// Whether a disk failed while it ran: then it may stop.
    pub disk_failed: bool,
}

/// What became of a process since it was looked at last.
pub enum Change {
    /// Nothing.
    None,
    /// It is ready.
    Started,
    /// It has ended, and says why.
    Ended(String),
}

impl Process {
    /// Starts `seat` on its disk.
    pub async fn start(
        context: Context,
        oracle: &Oracle<ed25519::PublicKey, Context>,
        seat: usize,
        genesis: Arc<Genesis>,
        history: SharedHistory,
        liar: Option<SharedLiar>,
    ) -> Self {
        let key = venue::vote_key(seat);
        let control = oracle.control(key.public_key());
        let mut pairs = Vec::new();
        // The votes have the first channel.
        let mut votes = None;
        for (channel, quota) in channels() {
            let (sender, receiver) = control.register(channel, quota).await.expect("the network outlives the seats");
            let votes = votes.get_or_insert_with(|| sender.clone()).clone();
            let lips = liar.clone().map(|liar| Lips { carries: Carries::of_channel(channel), votes, liar });
            pairs.push((Mouth::new(sender, lips), receiver));
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
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let mut config = NodeConfig::new(genesis, key, Vec::new(), listen, format!("seat-{seat}"));
        config.page_cache_pages = PAGE_CACHE_PAGES;
        let (ready, started) = oneshot::channel();
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::new(Teller::new(seat, history))];
        let task = context.spawn(move |context| async move {
            match service::start::<_, Simulated>(context.child("node"), config, network, gossip, observers).await {
                Ok(service) => {
                    let _ = ready.send(Ok(running(&service)));
                    service.exited().await.map_or_else(|| "panicked".to_owned(), |exit| format!("{} ended", exit.part))
                }
                Err(error) => {
                    let reason = format!("did not start: {error}");
                    let _ = ready.send(Err(error));
                    reason
                }
            }
        });
        Self { task, started: Some(started), running: None, disk_failed: false }
    }

    /// The seat, if it is ready.
    pub const fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// What became of it.
    pub fn look(&mut self) -> Change {
        if let Some(ended) = (&mut self.task).now_or_never() {
            return Change::Ended(ended.unwrap_or_else(|error| format!("its process ended: {error}")));
        }
        let Some(started) = self.started.as_mut() else { return Change::None };
        let Some(Ok(Ok(running))) = started.now_or_never() else { return Change::None };
        self.running = Some(running);
        self.started = None;
        Change::Started
    }

    /// Ends it wherever it is.
    pub async fn kill(self) {
        let Self { task, running, .. } = self;
        drop(running);
        task.abort();
        let _ = task.await;
    }
}

fn running(service: &Service<Context>) -> Running {
    Running {
        api: service.api.clone(),
        mempool: service.mempool.clone(),
        state: service.node.state.clone(),
        marshal: service.node.marshal.clone(),
        status: service.node.status.clone(),
        view: service.node.shared.view.clone(),
    }
}
