//! The application itself, driven as consensus may drive it: siblings in turn, and calls that are dropped.

use super::cluster::{Cluster, Queue, action};
use crate::{
    application::StateMachine,
    block::{BlockContext, NodeBlock},
    store::{SealedState, StateBatch, StateStore},
};
use commonware_consensus::{
    marshal::ancestry::{self, Ancestry},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digested, Digestible as _, Signer as _};
use commonware_glue::stateful::{Application as _, Finality, Input, db::DatabaseSet as _};
use commonware_runtime::{Clock as _, Runner as _, Supervisor as _, deterministic, reschedule};
use futures::Stream;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(600);

type Context = deterministic::Context;

/// A committee that stands still at some height, with two applications in hand: seat 1 builds blocks, seat 0
/// processes them and has never seen them before.
struct Bench {
    cluster: Cluster,
    parent: NodeBlock,
    next_view: u64,
}

impl Bench {
    async fn new(context: Context) -> Self {
        let mut cluster = Cluster::new(context, 4).await;
        cluster.start_all().await;
        cluster.wait_for(&[0, 1, 2, 3], 5).await;
        cluster.kill(2).await;
        cluster.kill(3).await;
        cluster.context.sleep(Duration::from_secs(5)).await;
        let height = cluster.applied(0).max(cluster.applied(1));
        cluster.wait_for(&[0, 1], height).await;
        let parent = cluster.block(0, height).await;
        Self { cluster, parent, next_view: 1_000_000 }
    }

    fn state(&self, seat: usize) -> StateStore<Context> {
        self.cluster.node(seat).state.clone()
    }

    fn application(&self, seat: usize, queue: Queue) -> StateMachine<Context> {
        StateMachine::new(self.cluster.node(seat).shared.clone(), Arc::new(queue))
    }

    /// Builds a child of the parent that holds the actions with these nonces.
    async fn child(&mut self, nonces: &[u64]) -> NodeBlock {
        let batch = self.state(1).new_batches().await;
        let parent = self.parent.clone();
        self.child_of(std::slice::from_ref(&parent), batch, nonces).await.0
    }

    /// Builds a child of the first of `ancestors` on `batch`.
    async fn child_of(
        &mut self,
        ancestors: &[NodeBlock],
        batch: StateBatch<Context>,
        nonces: &[u64],
    ) -> (NodeBlock, SealedState<Context>) {
        self.next_view += 1;
        let queue = Queue::default();
        nonces.iter().for_each(|nonce| queue.push(action(*nonce)));
        let context = BlockContext {
            round: Round::new(Epoch::zero(), View::new(self.next_view)),
            leader: self.cluster.keys[0].public_key(),
            parent: (ancestors[0].block_context().round.view(), ancestors[0].digest()),
        };
        let ancestry = ancestry::from_iter(ancestors.iter().map(digested));
        let clock = self.cluster.context.child("build");
        let input = Input { upstream: (), provider: () };
        let proposed = self.application(1, queue).propose((clock, context), ancestry, batch, input).await;
        let proposed = proposed.expect("a child is built");
        (proposed.block, proposed.merkleized)
    }

    /// Processes `block` as a candidate, as `Stateful` does.
    async fn process(&self, block: NodeBlock) -> Option<SealedState<Context>> {
        let ancestry = ancestry::from_iter([digested(&block), digested(&self.parent)]);
        let batch = self.state(0).new_batches().await;
        self.process_on(block, ancestry, batch).await
    }

    async fn process_on(
        &self,
        block: NodeBlock,
        ancestry: impl Ancestry<NodeBlock>,
        batch: StateBatch<Context>,
    ) -> Option<SealedState<Context>> {
        let context = (self.cluster.context.child("process"), block.block_context().clone());
        self.application(0, Queue::default()).process(context, ancestry, batch, Finality::Candidate).await
    }

    async fn assert_valid(&self, block: &NodeBlock) {
        let sealed = self.process(block.clone()).await.expect("a valid block");
        assert_eq!(crate::roots::to_root(&sealed.canonical_root()), block.header().state_root);
    }
}

fn digested(block: &NodeBlock) -> Digested<NodeBlock> {
    Digested::precomputed(block.clone(), block.digest())
}

#[test]
fn siblings_processed_in_turn_each_have_their_own_state() {
    deterministic::Runner::timed(PATIENCE).start(|context| async move {
        let mut bench = Bench::new(context).await;
        let (left, right) = (bench.child(&[9_001, 9_002]).await, bench.child(&[9_003]).await);
        assert_ne!(left.header().state_root, right.header().state_root);
        assert_eq!((left.body().actions.len(), right.body().actions.len()), (2, 1));
        for _ in 0..5 {
            bench.assert_valid(&left).await;
            bench.assert_valid(&right).await;
        }
    });
}

/// An ancestry whose every block takes a turn of the executor to come.
#[derive(Clone)]
struct Slow {
    blocks: VecDeque<Digested<NodeBlock>>,
    waited: bool,
}

impl Stream for Slow {
    type Item = Digested<NodeBlock>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.blocks.pop_front())
    }
}

impl Ancestry<NodeBlock> for Slow {
    fn peek(&self) -> Option<&Digested<NodeBlock>> {
        self.blocks.front()
    }
}

/// The engine stands on a sibling of the block's parent, so that the call awaits the block, its parent and the path,
/// and is dropped at each of these awaits in turn.
#[test]
fn a_call_dropped_at_any_await_leaves_a_working_application() {
    deterministic::Runner::timed(PATIENCE).start(|context| async move {
        let mut bench = Bench::new(context).await;
        let root = bench.parent.clone();
        let batch = bench.state(1).new_batches().await;
        let (left, left_built) = bench.child_of(std::slice::from_ref(&root), batch, &[9_001]).await;
        let left_state = bench.process(left.clone()).await.expect("a valid block");
        let mut dropped = 0;
        loop {
            let batch = StateStore::fork_batches(&left_built);
            let (block, _) = bench.child_of(&[left.clone(), root.clone()], batch, &[9_100 + dropped]).await;
            // Only a fresh block moves the engine: what was executed is remembered.
            let right = bench.child(&[9_500 + dropped]).await;
            bench.assert_valid(&right).await;
            let position = bench.cluster.node(0).shared.cache.position();
            assert_eq!(position.map(|(digest, _)| digest), Some(right.block_digest()));

            let blocks = [&block, &left, &root].map(digested).into();
            let batch = StateStore::fork_batches(&left_state);
            let mut call = Box::pin(bench.process_on(block.clone(), Slow { blocks, waited: false }, batch));
            let mut result = Poll::Pending;
            for _ in 0..=dropped {
                result = futures::poll!(&mut call);
                if result.is_ready() {
                    break;
                }
                reschedule().await;
            }
            drop(call);
            let finished = match result {
                Poll::Ready(sealed) => Some(sealed.expect("a valid block")),
                Poll::Pending => None,
            };
            bench.assert_valid(&right).await;
            let ancestry = ancestry::from_iter([&block, &left, &root].map(digested));
            let batch = StateStore::fork_batches(&left_state);
            let sealed = bench.process_on(block.clone(), ancestry, batch).await.expect("a valid block");
            assert_eq!(crate::roots::to_root(&sealed.canonical_root()), block.header().state_root);
            if finished.is_some() {
                break;
            }
            dropped += 1;
        }
        assert!(dropped >= 3, "the block, its parent and the path are awaited, found {dropped} awaits");
    });
}

/// Every commitment of a header is checked: change one, and the block is refused.
#[test]
fn a_block_with_one_wrong_commitment_is_refused() {
    deterministic::Runner::timed(PATIENCE).start(|context| async move {
        let mut bench = Bench::new(context).await;
        let good = bench.child(&[9_001]).await;
        bench.assert_valid(&good).await;
        type Change = fn(&mut palisade_types::block::Block);
        let changes: [(&str, Change); 12] = [
            ("state root", |block| block.header.state_root.0[0] ^= 1),
            ("operations root", |block| block.header.operations_root.0[0] ^= 1),
            ("range start", |block| block.header.operations_range.start += 1),
            ("range end", |block| block.header.operations_range.end += 1),
            ("empty range", |block| block.header.operations_range.end = 0),
            ("receipts root", |block| block.header.receipts_root.0[31] ^= 1),
            ("events root", |block| block.header.events_root.0[31] ^= 1),
            ("chain", |block| block.header.chain_id += 1),
            ("version", |block| block.header.protocol_version += 1),
            ("genesis hash", |block| block.header.genesis_hash.0[0] = 1),
            ("beacon", |block| block.header.beacon.push(0)),
            ("an action twice", |block| {
                let twice = block.body.actions[0].clone();
                block.body.actions.push(twice);
                block.header.body_root = block.body.root();
            }),
        ];
        for (what, change) in changes {
            let mut block = good.block().clone();
            change(&mut block);
            let block = NodeBlock::new(block).expect("it has a name");
            assert!(bench.process(block).await.is_none(), "wrong {what}");
        }
        bench.assert_valid(&good).await;
    });
}

/// Block time may not go back, stand still or jump, and a verifier waits for what is only ahead of its clock.
#[test]
fn block_time_is_bounded_and_a_verifier_waits_for_its_clock() {
    deterministic::Runner::timed(PATIENCE).start(|context| async move {
        let mut bench = Bench::new(context).await;
        let good = bench.child(&[]).await;
        let parent_time = bench.parent.header().time_ms;
        for time_ms in [parent_time.saturating_sub(1), parent_time, parent_time.saturating_add(1_001)] {
            let mut block = good.block().clone();
            block.header.time_ms = time_ms;
            let block = NodeBlock::new(block).expect("it has a name");
            assert!(bench.process(block).await.is_none(), "time {time_ms} on {parent_time}");
        }
        // The chain has stood still for seconds, so the most that a child may claim has long passed.
        let before = bench.cluster.context.current();
        bench.assert_valid(&good).await;
        assert_eq!(bench.cluster.context.current().duration_since(before).unwrap_or_default().as_millis() / 100, 0);
    });
}
