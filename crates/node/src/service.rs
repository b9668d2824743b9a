//! A whole node: validator, mempool, gossip, readers' view and the API over them.
//!
//! This is what a binary starts. The network is handed in, so that tests run the same node over a simulated one.

use crate::{
    api::{LocalNode, NodeParts},
    application::Observer,
    config::NodeConfig,
    entropy::Blinding,
    final_view::FinalView,
    gossip,
    mempool::{Mempool, pool::PoolLimits},
    metrics::NodeMetrics,
    network::{Gossip, NetworkOf, Transport},
    node::{self, NodeExit, NodeHandle, Runtime, StartError},
};
use commonware_cryptography::Signer as _;
use commonware_runtime::Handle;
use palisade_types::genesis::Genesis;
use std::sync::Arc;

/// A running node with everything around it.
pub struct Service<E: Runtime> {
    /// The validator.
    pub node: NodeHandle<E>,
    /// What it answers.
    pub api: LocalNode<E>,
    /// What waits for a block.
    pub mempool: Mempool,
    tasks: Vec<Handle<()>>,
}

impl<E: Runtime> Service<E> {
    /// Ends the node at once, wherever it is, as a kill would.
    pub fn abort(&self) {
        self.node.abort();
        self.tasks.iter().for_each(Handle::abort);
    }

    /// Resolves when the node ends by itself.
    pub async fn exited(self) -> Option<NodeExit> {
        let exit = self.node.exited().await;
        self.tasks.iter().for_each(Handle::abort);
        exit
    }
}

/// Starts a node on `context` that tells `observers` what is final. Returns once it knows its state.
pub async fn start<E, T>(
    context: E,
    config: NodeConfig,
    network: NetworkOf<T>,
    gossip: Gossip<T::Tx, T::Rx>,
    mut observers: Vec<Arc<dyn Observer>>,
) -> Result<Service<E>, StartError>
where
    E: Runtime,
    T: Transport,
{
    let (genesis, clock) = (config.genesis.clone(), config.clock);
    let seat = seat_of(&genesis, &config);
    let view = FinalView::default();
    let blinding = Blinding::draw(&mut context.child("mempool_blinding"));
    let (mempool, outboxes) = Mempool::new(genesis.clone(), view.clone(), PoolLimits::default(), blinding);
    let metrics = Arc::new(NodeMetrics::register(&context.child("chain"), view.clone(), mempool.clone()));
    observers.push(metrics);
    let blocker = network.blocker.clone();
    let node = node::start::<E, T>(
        context.child("validator"),
        config,
        network,
        Arc::new(mempool.clone()),
        view.clone(),
        observers,
    )
    .await?;
    let tasks = gossip::start(&context.child("gossip"), &mempool, outboxes, gossip, blocker, clock).into();
    let parts = NodeParts {
        genesis,
        seat,
        view,
        mempool: mempool.clone(),
        state: node.state.clone(),
        results: node.shared.results.clone(),
        receipts: node.receipts.clone(),
        marshal: node.marshal.clone(),
        status: node.status.clone(),
        clock,
    };
    let api = LocalNode::new(context.child("readers"), parts);
    Ok(Service { node, api, mempool, tasks })
}

fn seat_of(genesis: &Genesis, config: &NodeConfig) -> Option<u32> {
    let own = config.vote_key.public_key();
    let seat = genesis.seats.iter().find(|seat| seat.vote_key.as_bytes().as_slice() == own.as_ref());
    seat.map(|seat| seat.id.get())
}
