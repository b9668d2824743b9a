//! Gossip over a simulated network, with peers that misbehave.

use super::{ALLOWANCE_MAX, ALLOWANCE_PER_SECOND, Allowances, BATCH_BYTES, decode_batch, encode_batch};
use crate::{
    clock::NodeClock,
    entropy::Blinding,
    final_view::FinalView,
    mempool::{Mempool, pool::PoolLimits},
    network::{GOSSIP_BYTES_MAX, Gossip},
    tests::exchange::{Chain, Signers, bundle, order, view_after_genesis, vote},
};
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _, Recipients, Sender as _,
    simulated::{self, Link, Oracle},
};
use commonware_runtime::{Clock as _, Metrics as _, Quota, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{NZU32, NZUsize, ordered::Set};
use palisade_types::{codec, envelope::SignedAction, order::Side, time::TimeMs};
use std::{sync::Arc, time::Duration};

type Tx = simulated::Sender<ed25519::PublicKey, deterministic::Context>;
type Rx = simulated::Receiver<ed25519::PublicKey>;

const QUOTA: u32 = 1_000;

fn key(seed: u64) -> ed25519::PublicKey {
    ed25519::PrivateKey::from_seed(seed).public_key()
}

#[test]
fn batches_are_read_back_and_nothing_else_is() {
    let mut signers = Signers::default();
    let actions: Vec<Arc<[u8]>> =
        (0..3).map(|_| signers.sign("alice", order(Side::Buy, 100, 1, None)).encode().into()).collect();
    let message = encode_batch(&actions);
    let read = decode_batch(&message).expect("our own message");
    assert!(read.iter().zip(&actions).all(|(read, sent)| read.as_slice() == &sent[..]));
    for cut in 0..message.len() {
        assert!(decode_batch(&message[..cut]).is_err(), "cut at {cut}");
    }
    let longer = [message.as_slice(), &[0]].concat();
    assert!(decode_batch(&longer).is_err());
    assert!(decode_batch(&vec![1; GOSSIP_BYTES_MAX + 1]).is_err());
    let bomb = [1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    assert!(decode_batch(&bomb).is_err(), "a count of 2^32 actions allocates nothing");
    assert!(decode_batch(&codec::encode(&vec![vec![0u8; 17_000]])).is_err(), "an action that is too long");
}

#[test]
fn an_allowance_runs_out_and_comes_back() {
    let mut allowances = Allowances::default();
    let (peer, other) = (key(1), key(2));
    let now = TimeMs::new(1_000_000);
    assert!(allowances.draw(&peer, ALLOWANCE_MAX, now));
    assert!(!allowances.draw(&peer, 1, now));
    assert!(allowances.draw(&other, 1, now), "one peer's cost is not another's");
    let later = now.saturating_add(1_000);
    assert!(allowances.draw(&peer, ALLOWANCE_PER_SECOND, later));
    assert!(!allowances.draw(&peer, 1, later));
    assert!(allowances.draw(&peer, 1, later.saturating_add(3_600_000)));
    assert!(allowances.draw(&peer, ALLOWANCE_MAX - 1, later.saturating_add(3_600_000)), "never more than the whole");
    assert!(!allowances.draw(&peer, 1, later.saturating_add(3_600_000)));
}

struct Node {
    mempool: Mempool,
    view: FinalView,
    chain: Chain,
}

struct World {
    context: deterministic::Context,
    oracle: Oracle<ed25519::PublicKey, deterministic::Context>,
}

impl World {
    async fn new(context: deterministic::Context, peers: u64) -> Self {
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: u32::try_from(GOSSIP_BYTES_MAX).expect("fits"),
                max_peers_per_set: NZUsize!(8),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        let _ = oracle.manager().track(0, Set::from_iter_dedup((0..peers).map(key)));
        let world = Self { context, oracle };
        let link = Link {
            latency: Duration::from_millis(3),
            jitter: Duration::ZERO,
            success_rate: commonware_utils::probability!(1.0),
        };
        for from in 0..peers {
            for to in (0..peers).filter(|to| *to != from) {
                world.oracle.add_link(key(from), key(to), link.clone()).await.expect("a free link");
            }
        }
        world
    }

    async fn channels(&self, peer: u64) -> Gossip<Tx, Rx> {
        let control = self.oracle.control(key(peer));
        let quota = Quota::per_second(NZU32!(QUOTA));
        let actions = control.register(0, quota).await.expect("the network runs");
        let oracle = control.register(1, quota).await.expect("the network runs");
        Gossip { actions, oracle }
    }

    /// An honest node's gossip.
    async fn node(&self, peer: u64) -> Node {
        let (view, chain) = view_after_genesis();
        let blinding = Blinding::new([peer as u8; 32]);
        let (mempool, outboxes) = Mempool::new(chain.genesis.clone(), view.clone(), PoolLimits::default(), blinding);
        let gossip = self.channels(peer).await;
        let context = self.context.child("gossip").with_attribute("peer", peer);
        let control = self.oracle.control(key(peer));
        drop(super::start(&context, &mempool, outboxes, gossip, control, NodeClock::default()));
        Node { mempool, view, chain }
    }

    async fn blocked(&self) -> Vec<(ed25519::PublicKey, ed25519::PublicKey)> {
        self.oracle.blocked().await.expect("the network runs")
    }
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(deterministic::Context) -> F) {
    deterministic::Runner::timed(Duration::from_secs(120)).start(test);
}

#[test]
fn what_a_client_hands_in_reaches_every_node() {
    run(|context| async move {
        let world = World::new(context, 3).await;
        let nodes = [world.node(0).await, world.node(1).await, world.node(2).await];
        let mut signers = Signers::default();
        for _ in 0..500 {
            let action = signers.sign("alice", order(Side::Buy, 100, 1, None));
            nodes[0].mempool.submit(action).expect("admissible");
        }
        let now = NodeClock::default().now_ms(&world.context);
        for seat in 0..3 {
            nodes[1].mempool.ingest_vote(vote(seat, now, 100), now).expect("a good vote");
        }
        nodes[1].mempool.submit_vote(vote(3, now, 100), now).expect("a good vote");
        world.context.sleep(Duration::from_millis(200)).await;
        for node in &nodes {
            assert_eq!(node.mempool.load().actions, 500);
        }
        assert!(world.blocked().await.is_empty());
        let encoded = world.context.encode();
        assert!(encoded.contains("gossip_actions_received_total"), "metrics are registered: {encoded}");
    });
}

#[test]
fn a_peer_that_sends_rubbish_is_blocked_and_nothing_else_happens() {
    let mut signers = Signers::default();
    let mut forged = signers.sign("alice", order(Side::Buy, 100, 1, None));
    forged.envelope.expires_after_ms = Some(TimeMs::new(u64::MAX));
    let forged = encode_batch(&[forged.encode().into()]);
    for rubbish in [vec![0xff; 100], Vec::new(), codec::encode(&vec![vec![0u8; 17_000]]), forged] {
        run(|context| async move {
            let world = World::new(context, 3).await;
            let (honest, other) = (world.node(0).await, world.node(1).await);
            let mut hostile = world.channels(2).await;
            hostile.actions.0.send(Recipients::One(key(0)), rubbish, false);
            world.context.sleep(Duration::from_millis(100)).await;
            assert_eq!(world.blocked().await, [(key(0), key(2))]);
            assert_eq!(honest.mempool.load().actions, 0);
            let action = Signers::default().sign("bob", order(Side::Sell, 100, 1, None));
            other.mempool.submit(action).expect("admissible");
            world.context.sleep(Duration::from_millis(100)).await;
            assert_eq!(honest.mempool.load().actions, 1, "others are heard");
        });
    }
}

#[test]
fn a_wrong_oracle_vote_blocks_and_a_late_one_does_not() {
    run(|context| async move {
        let world = World::new(context, 3).await;
        let _honest = world.node(0).await;
        let mut late = world.channels(1).await;
        let mut wrong = world.channels(2).await;
        let now = NodeClock::default().now_ms(&world.context).saturating_add(1_000_000);
        late.oracle.0.send(Recipients::One(key(0)), codec::encode(&vote(0, now, 100)), false);
        let mut forged = vote(0, NodeClock::default().now_ms(&world.context), 100);
        forged.signature[0] ^= 1;
        wrong.oracle.0.send(Recipients::One(key(0)), codec::encode(&forged), false);
        world.context.sleep(Duration::from_millis(100)).await;
        assert_eq!(world.blocked().await, [(key(0), key(2))]);
    });
}

/// A peer that repeats itself uses up what it may cost and is ignored for a while, while others are heard.
#[test]
fn a_flood_of_repetitions_costs_the_peer() {
    run(|context| async move {
        let world = World::new(context, 3).await;
        let (honest, other) = (world.node(0).await, world.node(1).await);
        let mut flood = world.channels(2).await;
        let mut signers = Signers::default();
        let actions: Vec<Arc<[u8]>> =
            (0..200).map(|_| signers.sign("alice", order(Side::Buy, 100, 1, None)).encode().into()).collect();
        let message = encode_batch(&actions);
        assert!(message.len() < BATCH_BYTES);
        for _ in 0..700 {
            flood.actions.0.send(Recipients::One(key(0)), message.clone(), false);
            world.context.sleep(Duration::from_millis(2)).await;
        }
        let fresh = signers.sign("carol", order(Side::Buy, 90, 1, None));
        flood.actions.0.send(Recipients::One(key(0)), encode_batch(&[fresh.encode().into()]), false);
        let honest_action = signers.sign("bob", order(Side::Sell, 110, 1, None));
        other.mempool.submit(honest_action).expect("admissible");
        world.context.sleep(Duration::from_millis(100)).await;
        assert_eq!(honest.mempool.load().actions, 201, "the flood's 200, and bob's, but not carol's");
        assert!(world.blocked().await.is_empty(), "an expensive peer is not a faulty one");
        world.context.sleep(Duration::from_secs(5)).await;
        flood.actions.0.send(Recipients::One(key(0)), encode_batch(&[fresh.encode().into()]), false);
        world.context.sleep(Duration::from_millis(100)).await;
        assert_eq!(honest.mempool.load().actions, 202, "time brings the allowance back");
    });
}

#[test]
fn lost_actions_are_sent_again() {
    run(|context| async move {
        let world = World::new(context, 2).await;
        let mut sender = world.node(0).await;
        let action: SignedAction = Signers::default().sign("alice", order(Side::Buy, 100, 1, None));
        sender.mempool.submit(action).expect("admissible");
        world.context.sleep(Duration::from_millis(50)).await;
        // The other node was not there when it was sent.
        let receiver = world.node(1).await;
        world.context.sleep(Duration::from_secs(3)).await;
        assert_eq!(receiver.mempool.load().actions, 0, "block time has not moved on");
        for _ in 0..3 {
            let next_ms = sender.chain.tip.header().time_ms.saturating_add(1_000);
            sender.chain.finalize(&sender.view, &[], Some(bundle(next_ms, 100)));
        }
        world.context.sleep(Duration::from_secs(3)).await;
        assert_eq!(receiver.mempool.load().actions, 1);
    });
}
