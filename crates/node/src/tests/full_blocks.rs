//! Blocks that are as large as blocks may be.

use super::cluster::Cluster;
use commonware_runtime::{Runner as _, deterministic};
use palisade_types::limits::{BLOCK_ACTIONS_MAX, BLOCK_BYTES_MAX};
use std::time::Duration;

const ACTIONS: usize = 12_000;

/// More actions wait than a block can hold: blocks are filled up to their size, travel, and are agreed on.
#[test]
fn full_blocks_travel_and_are_agreed_on() {
    deterministic::Runner::timed(Duration::from_secs(300)).start(|context| async move {
        let mut cluster = Cluster::new(context, 4).await;
        for _ in 0..ACTIONS {
            cluster.send_action();
        }
        cluster.start_all().await;
        let (mut height, mut included, mut largest) = (0, 0, 0);
        while included < ACTIONS {
            height += 1;
            cluster.wait_for(&[0, 1, 2, 3], height).await;
            let block = cluster.block(0, height).await;
            included += block.body().actions.len();
            largest = largest.max(block.encoded().len());
            assert!(block.encoded().len() <= BLOCK_BYTES_MAX);
            assert!(block.body().actions.len() <= BLOCK_ACTIONS_MAX);
        }
        assert_eq!(included, ACTIONS, "every action once");
        assert!(largest > BLOCK_BYTES_MAX * 9 / 10, "a full block has about 2 MiB, the largest had {largest}");
        cluster.assert_agree(&[0, 1, 2, 3], height).await;
        assert_eq!(cluster.assert_results(3, height).await, ACTIONS);
    });
}
