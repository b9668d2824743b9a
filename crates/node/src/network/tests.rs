//! That validators agree over authenticated connections, real sockets and real disks is a test of the binary: `kill.rs` of
//! `palisade`. A node on another network is another instantiation of all of consensus, minutes of compiling.

use super::connect;
use crate::{
    config::{NodeConfig, Peer},
    node::StartError,
    tests::cluster::{genesis, seat_keys},
};
use commonware_cryptography::Signer as _;
use commonware_runtime::{Network as _, Runner as _, Supervisor as _, deterministic};
use std::{net::SocketAddr, sync::Arc, time::Duration};

#[test]
fn a_port_in_use_is_one_clear_error() {
    deterministic::Runner::timed(Duration::from_secs(10)).start(|context| async move {
        let listen = SocketAddr::from(([127, 0, 0, 1], 30_000));
        let keys = seat_keys(4);
        let peers = vec![Peer { key: keys[0].public_key(), address: listen }];
        let config = NodeConfig::new(Arc::new(genesis(&keys)), keys[0].clone(), peers, listen, "seat-0");
        let _taken = context.bind(listen).await.expect("the address is free");
        match connect(context.child("network"), &config).await {
            Err(StartError::Listen { listen: found, .. }) => assert_eq!(found, listen),
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("the port is in use"),
        }
    });
}
