//! Nodes agree, whoever is there.

use super::cluster::Cluster;
use commonware_runtime::{Clock as _, Runner as _, deterministic};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(300);

fn run<F: Future<Output = ()>>(test: impl FnOnce(deterministic::Context) -> F) {
    deterministic::Runner::timed(PATIENCE).start(test);
}

#[test]
fn four_nodes_finalize_blocks_with_actions_and_equal_roots() {
    run(|context| async move {
        let mut cluster = Cluster::new(context, 4).await;
        cluster.start_all().await;
        let mut sent = 0;
        while cluster.applied(0) < 50 {
            cluster.send_action();
            sent += 1;
            cluster.context.sleep(Duration::from_millis(30)).await;
        }
        cluster.wait_for(&[0, 1, 2, 3], 55).await;
        cluster.assert_agree(&[0, 1, 2, 3], 55).await;
        for seat in 0..4 {
            cluster.assert_state(seat).await;
            assert_eq!(cluster.assert_results(seat, 55).await, sent, "every action has one receipt at seat {seat}");
            assert!(cluster.node(seat).status.faults().is_empty());
        }
    });
}
