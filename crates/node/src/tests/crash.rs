//! Nodes that end at any moment and come back.

use super::{
    cluster::{Cluster, seeds},
    pause::Moment,
};
use crate::config::Pruning;
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic};
use commonware_utils::NZUsize;
use palisade_types::{hash::BlockDigest, ids::Height};
use rand_core_next::Rng as _;
use std::{collections::BTreeMap, time::Duration};

const PATIENCE: Duration = Duration::from_secs(1_200);
const ALL: [usize; 4] = [0, 1, 2, 3];

fn config(seed: u64) -> deterministic::Config {
    deterministic::Config::new().with_seed(seed).with_timeout(Some(PATIENCE))
}

fn run<F: Future<Output = ()>>(first_seed: u64, test: impl Fn(deterministic::Context) -> F) {
    for seed in seeds(first_seed) {
        deterministic::Runner::new(config(seed)).start(&test);
    }
}

/// Twenty times a random node is killed at a random moment and started again; one at a time, so the
/// chain never stops.
#[test]
fn a_node_killed_at_random_moments_catches_up() {
    run(1, |mut context| async move {
        let mut cluster = Cluster::new(context.child("cluster"), 4).await;
        cluster.start_all().await;
        for _ in 0..20 {
            let seat = (context.next_u64() % 4) as usize;
            for _ in 0..(context.next_u64() % 20) {
                cluster.send_action();
                context.sleep(Duration::from_millis(17)).await;
            }
            let moment = Duration::from_micros(context.next_u64() % 50_000);
            context.sleep(moment).await;
            cluster.kill(seat).await;
            let away = Duration::from_millis(context.next_u64() % 2_000);
            context.sleep(away).await;
            cluster.start(seat).await;
        }
        let height = ALL.iter().map(|seat| cluster.applied(*seat)).max().expect("four seats") + 5;
        cluster.wait_for(&ALL, height).await;
        cluster.assert_agree(&ALL, height).await;
        for seat in ALL {
            cluster.assert_state(seat).await;
            cluster.assert_results(seat, height).await;
            assert!(cluster.node(seat).status.damages().is_empty(), "a kill damages nothing");
        }
    });
}

/// With two of four down nothing is finalized, nothing forks, and the chain goes on when one returns.
#[test]
fn two_down_halt_the_chain_and_one_returning_continues_it() {
    run(2, |context| async move {
        let mut cluster = Cluster::new(context, 4).await;
        cluster.start_all().await;
        cluster.wait_for(&ALL, 10).await;
        cluster.kill(2).await;
        cluster.kill(3).await;
        cluster.context.sleep(Duration::from_secs(5)).await;
        let halted = cluster.applied(0);
        cluster.send_action();
        cluster.context.sleep(Duration::from_secs(20)).await;
        assert_eq!(cluster.applied(0), halted, "two of four finalize nothing");
        cluster.start(2).await;
        cluster.wait_for(&[0, 1, 2], halted + 10).await;
        cluster.start(3).await;
        cluster.wait_for(&ALL, halted + 20).await;
        cluster.assert_agree(&ALL, halted + 20).await;
    });
}

/// A node that was never there joins a chain of sixty blocks.
#[test]
fn a_node_that_joins_late_catches_up() {
    run(3, |context| async move {
        let mut cluster = Cluster::new(context, 4).await;
        for seat in 0..3 {
            cluster.start(seat).await;
        }
        for _ in 0..40 {
            cluster.send_action();
            cluster.context.sleep(Duration::from_millis(40)).await;
        }
        cluster.wait_for(&[0, 1, 2], 60).await;
        cluster.start(3).await;
        cluster.wait_for(&[3], 60).await;
        cluster.assert_agree(&ALL, 60).await;
        cluster.assert_results(3, 60).await;
        cluster.assert_state(3).await;
    });
}

/// What was seen before a crash of the whole machine must be there after it.
#[derive(Default)]
struct Witness {
    seen: BTreeMap<u64, BlockDigest>,
}

impl Witness {
    /// Notes every applied block and compares it with what was noted before.
    async fn look(&mut self, cluster: &Cluster) {
        for seat in ALL {
            let applied = cluster.applied(seat);
            for height in 1..=applied {
                if seat > 0 && self.seen.contains_key(&height) && height + 8 < applied {
                    continue;
                }
                let digest = cluster.block(seat, height).await.block_digest();
                let noted = *self.seen.entry(height).or_insert(digest);
                assert_eq!(noted, digest, "height {height} changed at seat {seat}");
            }
        }
    }
}

/// The machine of all four nodes fails again and again; whatever was not synced is lost.
#[test]
fn all_nodes_crash_at_random_moments_and_resume_where_they_were() {
    seeds(4).for_each(crash_all_nodes);
}

fn crash_all_nodes(seed: u64) {
    let mut witness = Witness::default();
    let mut checkpoint: Option<deterministic::Checkpoint> = None;
    for boot in 0..8u64 {
        let runner = match checkpoint.take() {
            Some(checkpoint) => deterministic::Runner::from(checkpoint),
            None => deterministic::Runner::new(config(seed)),
        };
        let (returned, next) = runner.start_and_recover(move |mut context| async move {
            let mut cluster = Cluster::new(context.child("cluster"), 4).await;
            cluster.skip_nonces(boot * 1_000);
            cluster.start_all().await;
            let start = witness.seen.last_key_value().map_or(0, |(height, _)| *height);
            for _ in 0..30 {
                cluster.send_action();
                context.sleep(Duration::from_millis(15)).await;
            }
            cluster.wait_for(&ALL, start + 5).await;
            let moment = Duration::from_micros(context.next_u64() % 300_000);
            context.sleep(moment).await;
            witness.look(&cluster).await;
            for seat in ALL {
                assert!(cluster.node(seat).status.damages().is_empty(), "boot {boot}: a crash damages nothing");
                cluster.assert_results(seat, cluster.applied(seat)).await;
            }
            witness
        });
        witness = returned;
        checkpoint = Some(next);
    }
    assert!(witness.seen.len() >= 40, "eight boots of five blocks each, found {}", witness.seen.len());
}

/// Kills and restarts while the log of state operations is pruned closely behind the tip.
#[test]
fn a_start_needs_nothing_that_was_pruned() {
    run(6, |mut context| async move {
        let mut cluster = Cluster::new(context.child("cluster"), 4).await;
        cluster.pruning = Pruning { interval_blocks: NZUsize!(8), retained_blocks: 4 };
        cluster.start_all().await;
        let oldest = |cluster: &Cluster| {
            let state = cluster.node(1).state.clone();
            async move { *state.read().await.bounds().start }
        };
        for round in 0..6u64 {
            for _ in 0..60 {
                cluster.send_action();
                context.sleep(Duration::from_millis(12)).await;
            }
            let seat = (context.next_u64() % 4) as usize;
            cluster.kill(seat).await;
            let away = Duration::from_millis(context.next_u64() % 3_000);
            context.sleep(away).await;
            cluster.start(seat).await;
            let height = cluster.applied((seat + 1) % 4) + 5;
            cluster.wait_for(&ALL, height).await;
            assert!(round < 5 || oldest(&cluster).await > 0, "the log was pruned");
        }
        for seat in ALL {
            assert!(cluster.node(seat).status.damages().is_empty());
            cluster.assert_state(seat).await;
        }
    });
}

/// The machine fails exactly between two steps of a finalized block.
#[test]
fn a_crash_between_capture_apply_and_finalized_loses_and_repeats_nothing() {
    for moment in [Moment::Captured, Moment::Applied, Moment::Told] {
        let runner = deterministic::Runner::new(config(5));
        let ((height, digest, archived), checkpoint) = runner.start_and_recover(move |context| async move {
            let mut cluster = Cluster::new(context, 4).await;
            cluster.start_all().await;
            for _ in 0..20 {
                cluster.send_action();
            }
            let pause = cluster.node(0).shared.pause.clone();
            pause.hold(moment, Height::new(7)).await;
            let archived = cluster.node(0).shared.results.last().await.expect("blocks were captured");
            let digest = cluster.block(0, archived.get()).await.block_digest();
            (archived.get(), digest, cluster.applied(0))
        });
        assert_eq!(archived + u64::from(moment != Moment::Told), height, "{moment:?}: held where it was asked to");
        deterministic::Runner::from(checkpoint).start(move |context| async move {
            let mut cluster = Cluster::new(context, 4).await;
            cluster.start_all().await;
            assert!(cluster.node(0).status.damages().is_empty(), "{moment:?}");
            cluster.wait_for(&ALL, height + 10).await;
            cluster.assert_agree(&ALL, height + 10).await;
            cluster.assert_results(0, height + 10).await;
            cluster.assert_state(0).await;
            let results = cluster.node(0).shared.results.get(Height::new(height)).await.expect("readable");
            assert_eq!(results.expect("archived").digest, digest, "{moment:?}");
        });
    }
}
