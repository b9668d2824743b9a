//! Stores that are damaged, missing, or somebody else's.

use super::cluster::{Cluster, KILLED, genesis, seat_keys};
use crate::{
    block::consensus_namespace,
    node::StartError,
    receipt_index::ReceiptIndex,
    recovery::{self, IdentityError},
    repair::{RepairError, state_partitions},
    status::{Status, Store, Voting},
    wiring::{Scheme, Storages},
};
use commonware_cryptography::Signer as _;
use commonware_runtime::{
    Blob as _, Clock as _, Runner as _, Storage as _, Supervisor as _, WriteOptions,
    deterministic::{self, FaultConfig},
};
use commonware_utils::{NZUsize, ordered::Set, probability};
use std::{sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(600);
const ALL: [usize; 4] = [0, 1, 2, 3];

fn run<F: Future<Output = ()>>(test: impl FnOnce(deterministic::Context) -> F) {
    deterministic::Runner::timed(PATIENCE).start(test);
}

fn storages(seat: usize) -> Storages {
    Storages::new(format!("seat-{seat}"), NZUsize!(1))
}

/// A committee that has agreed on thirty blocks with actions; seat 3 is down.
async fn grown(context: deterministic::Context) -> Cluster {
    let mut cluster = Cluster::new(context, 4).await;
    cluster.start_all().await;
    while cluster.applied(3) < 30 {
        cluster.send_action();
        cluster.context.sleep(Duration::from_millis(25)).await;
    }
    cluster.kill(3).await;
    cluster
}

/// Overwrites most of every file of `partitions`; returns how many files there were.
async fn scribble(context: &deterministic::Context, partitions: &[String]) -> usize {
    let mut files = 0;
    for partition in partitions {
        for name in context.scan(partition).await.unwrap_or_default() {
            let (blob, size) = context.open(partition, &name).await.expect("the file opens");
            if size < 64 {
                continue;
            }
            let garbage = vec![0xA5u8; usize::try_from(size / 2).expect("a test file is small")];
            blob.write_at(32, garbage, WriteOptions::SYNC).await.expect("the file is written");
            files += 1;
        }
    }
    files
}

async fn remove(context: &deterministic::Context, partitions: &[String]) {
    for partition in partitions {
        let _ = context.remove(partition, None).await;
    }
}

/// Starts seat 3, which must name damage to `store` and be whole again, and checks it against the others.
async fn start_repaired(cluster: &mut Cluster, store: Store) {
    cluster.start(3).await;
    let damages = cluster.node(3).status.damages();
    assert!(!damages.is_empty(), "the damage is named");
    assert!(damages.iter().all(|damage| damage.store == store), "{damages:?}");
    let height = cluster.applied(0) + 10;
    cluster.wait_for(&ALL, height).await;
    assert!(cluster.node(3).status.damages().iter().all(|damage| damage.repaired), "it is repaired");
    cluster.assert_agree(&ALL, height).await;
    cluster.assert_results(3, height).await;
    cluster.assert_state(3).await;
}

#[test]
fn a_missing_state_store_is_rebuilt_from_the_blocks() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        remove(&cluster.context, &state_partitions(&storages(3).database())).await;
        start_repaired(&mut cluster, Store::State).await;
    });
}

#[test]
fn a_scribbled_state_store_is_rebuilt_from_the_blocks() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let files = scribble(&cluster.context, &state_partitions(&storages(3).database())).await;
        assert!(files > 0, "there is something to damage");
        start_repaired(&mut cluster, Store::State).await;
    });
}

#[test]
fn a_scribbled_store_of_receipts_is_made_again() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let files = scribble(&cluster.context, &storages(3).results_partitions()).await;
        assert!(files > 0, "there is something to damage");
        start_repaired(&mut cluster, Store::Results).await;
    });
}

#[test]
fn a_missing_store_of_receipts_is_made_again() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        remove(&cluster.context, &storages(3).results_partitions()).await;
        start_repaired(&mut cluster, Store::Results).await;
    });
}

#[test]
fn a_scribbled_index_of_receipts_is_made_again() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let receipts = cluster.receipts(0, 25).await;
        // Without its commit record an index is as good as missing.
        let [_, places @ ..] = storages(3).receipt_index_partitions();
        let files = scribble(&cluster.context, &places).await;
        assert!(files > 0, "there is something to damage");
        start_repaired(&mut cluster, Store::ReceiptIndex).await;
        cluster.assert_indexed(3, &receipts).await;
    });
}

#[test]
fn a_missing_index_of_receipts_is_made_again() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let receipts = cluster.receipts(0, 25).await;
        remove(&cluster.context, &storages(3).receipt_index_partitions()).await;
        cluster.start(3).await;
        let height = cluster.applied(0) + 10;
        cluster.wait_for(&ALL, height).await;
        cluster.assert_indexed(3, &receipts).await;
    });
}

#[test]
fn scribbled_blocks_are_fetched_from_peers_again() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let blocks = storages(3).block_archive();
        let files = scribble(&cluster.context, &[blocks.freezer_value_partition]).await;
        assert!(files > 0, "there is something to damage");
        start_repaired(&mut cluster, Store::Blocks).await;
        assert_eq!(cluster.node(3).status.voting(), Some(Voting::Votes), "its vote log was whole");
    });
}

#[test]
fn a_node_without_its_vote_log_follows_and_says_so() {
    for scribbled in [false, true] {
        run(|context| async move {
            let mut cluster = grown(context).await;
            let log = storages(3).vote_log(0);
            if scribbled {
                assert!(scribble(&cluster.context, &[log]).await > 0, "there is a log to damage");
            } else {
                remove(&cluster.context, &[log]).await;
            }
            cluster.start(3).await;
            let voting = cluster.node(3).status.voting();
            assert!(matches!(voting, Some(Voting::VoteLogLost { .. })), "scribbled {scribbled}: {voting:?}");
            let height = cluster.applied(0) + 10;
            cluster.wait_for(&ALL, height).await;
            cluster.assert_agree(&ALL, height).await;
            // With one more down three nodes run, of which two vote: had the third voted, the chain would go on.
            cluster.kill(2).await;
            cluster.context.sleep(Duration::from_secs(3)).await;
            let halted = cluster.applied(0);
            cluster.context.sleep(Duration::from_secs(20)).await;
            assert_eq!(cluster.applied(0), halted, "a node without its vote log votes no more");
            // It stays so after a restart.
            cluster.kill(3).await;
            cluster.start(3).await;
            assert!(matches!(cluster.node(3).status.voting(), Some(Voting::VoteLogLost { .. })));
        });
    }
}

/// A full disk, too many open files: nothing is damaged, so nothing may be wiped and no vote log given up.
#[test]
fn a_disk_that_does_not_serve_is_no_damage() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        for seat in ALL {
            cluster.kill(seat).await;
        }
        let (storages, status) = (storages(3), Status::default());
        let stores = recovery::open_blocks(&cluster.context, &storages, &status).await.expect("a whole disk");
        let past = stores.past(&status).await.expect("a whole disk");
        drop(stores);
        cluster.context.sleep(KILLED).await;
        *cluster.context.storage_fault_config().write() = FaultConfig::default().open(probability!(1.0));

        let blocks = recovery::open_blocks(&cluster.context, &storages, &status).await.map(|_| ());
        assert!(matches!(blocks, Err(RepairError::Disk { .. })), "{blocks:?}");
        let index = ReceiptIndex::open(&cluster.context, &storages, &status).await.map(|_| ());
        assert!(index.is_err());
        let seats = Set::from_iter_dedup(cluster.keys.iter().map(|key| key.public_key()));
        let namespace = consensus_namespace(&cluster.genesis.hash());
        let scheme = Scheme::member(&namespace, seats, &cluster.keys[3].public_key()).expect("a seat");
        let (log, cache) = (storages.vote_log(0), storages.page_cache.clone());
        let voting = recovery::check_vote_log(cluster.context.child("log"), &log, &scheme, cache, past).await;
        assert!(matches!(voting, Err(RepairError::Disk { store: Store::Votes, .. })), "{voting:?}");
        assert_eq!(status.damages(), []);

        *cluster.context.storage_fault_config().write() = FaultConfig::default();
        cluster.start_all().await;
        for seat in ALL {
            assert_eq!(cluster.node(seat).status.damages(), []);
            assert_eq!(cluster.node(seat).status.voting(), Some(Voting::Votes));
        }
    });
}

#[test]
fn the_data_folder_of_another_chain_or_seat_is_refused() {
    run(|context| async move {
        let mut cluster = grown(context).await;
        let right = cluster.genesis.clone();
        let mut other = genesis(&cluster.keys);
        other.name = "another".to_owned();
        cluster.genesis = Arc::new(other);
        let refused = cluster.try_start(3).await;
        assert!(matches!(refused, Err(StartError::Identity(IdentityError::Genesis { .. }))), "{refused:?}");
        cluster.genesis = right;

        let own = cluster.keys[3].clone();
        cluster.keys[3] = cluster.keys[2].clone();
        let refused = cluster.try_start_as(3, own.public_key()).await;
        assert!(matches!(refused, Err(StartError::Identity(IdentityError::Key { .. }))), "{refused:?}");

        cluster.keys[3] = seat_keys(9)[8].clone();
        let refused = cluster.try_start_as(3, own.public_key()).await;
        assert!(matches!(refused, Err(StartError::NoSeat { .. })), "{refused:?}");

        cluster.keys[3] = own;
        cluster.start(3).await;
        let height = cluster.applied(0) + 5;
        cluster.wait_for(&ALL, height).await;
    });
}
