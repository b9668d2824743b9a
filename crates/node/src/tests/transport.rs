//! The production network: authenticated, encrypted connections instead of simulated links.

use super::cluster::{Queue, action, genesis, seat_keys};
use crate::{
    config::{NodeConfig, Peer},
    final_view::FinalView,
    network::{Authenticated, Connected, connect, join},
    node::{self, StartError},
};
use commonware_cryptography::Signer as _;
use commonware_runtime::{Clock as _, Network as _, Runner as _, Supervisor as _, deterministic};
use std::{net::SocketAddr, sync::Arc, time::Duration};

fn address(seat: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 30_000 + seat as u16))
}

fn config(seat: usize) -> NodeConfig {
    let keys = seat_keys(4);
    let peers = keys.iter().enumerate().map(|(seat, key)| Peer { key: key.public_key(), address: address(seat) });
    let mut config = NodeConfig::new(
        Arc::new(genesis(&keys)),
        keys[seat].clone(),
        peers.collect(),
        address(seat),
        format!("seat-{seat}"),
    );
    config.page_cache_pages = 64;
    config
}

#[test]
fn validators_agree_over_authenticated_connections() {
    deterministic::Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut nodes = Vec::new();
        for seat in 0..4 {
            let context = context.child("seat").with_attribute("index", seat);
            let config = config(seat);
            let Connected { network, gossip, task } = join(context.child("network"), &config);
            let queue = Queue::default();
            queue.push(action(1 + seat as u64));
            let node = node::start::<_, Authenticated<_>, _>(
                context.child("node"),
                config,
                network,
                queue,
                FinalView::default(),
                Vec::new(),
            );
            nodes.push((node.await.expect("the node starts"), gossip, task));
        }
        let applied = |node: &node::NodeHandle<_>| node.status.applied().map_or(0, |applied| applied.height.get());
        while nodes.iter().any(|(node, _, _)| applied(node) < 10) {
            context.sleep(Duration::from_millis(50)).await;
        }
        let height = commonware_consensus::types::Height::new(10);
        let mut digests = Vec::new();
        for (node, _, _) in &nodes {
            let block = node.marshal.get_block(height).await.expect("the block is stored");
            digests.push(block.inner().block_digest());
        }
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
    });
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    deterministic::Runner::timed(Duration::from_secs(10)).start(|context| async move {
        let _taken = context.bind(address(0)).await.expect("the address is free");
        match connect(context.child("network"), &config(0)).await {
            Err(StartError::Listen { listen, .. }) => assert_eq!(listen, address(0)),
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("the port is in use"),
        }
    });
}
