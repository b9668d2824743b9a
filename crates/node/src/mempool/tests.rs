use super::{Ingested, Mempool, OFFERED_WEIGHT_MAX, pool::PoolLimits};
use crate::{
    block::NodeBlock,
    entropy::Blinding,
    final_view::FinalView,
    gossip::Outboxes,
    source::ActionSource as _,
    tests::exchange::{Chain, PEOPLE, Signers, bundle, cancel, child, content, order, view_after_genesis, vote},
};
use futures::FutureExt as _;
use palisade_client::api::ApiError;
use palisade_types::{
    action::Action,
    envelope::{Signature, SignedAction},
    limits::ACTION_BYTES_MAX,
    order::Side,
    rejection::Inadmissible,
    signing::VerifiedAction,
    time::TimeMs,
};
use std::{collections::VecDeque, sync::Arc};

struct Setup {
    mempool: Mempool,
    outboxes: Outboxes,
    view: FinalView,
    chain: Chain,
    signers: Signers,
}

fn setup() -> Setup {
    let (view, chain) = view_after_genesis();
    let blinding = Blinding::new([3; 32]);
    let (mempool, outboxes) = Mempool::new(chain.genesis.clone(), view.clone(), PoolLimits::default(), blinding);
    Setup { mempool, outboxes, view, chain, signers: Signers::default() }
}

impl Setup {
    fn buy(&mut self) -> SignedAction {
        self.signers.sign("alice", order(Side::Buy, 100, 1, None))
    }

    /// Whether a leader that builds on the tip has something to propose; else `None`.
    fn waits(&self) -> Option<()> {
        self.mempool.waiting(self.chain.tip.header()).now_or_never()
    }

    fn offered(&self) -> usize {
        let header = self.chain.tip.header();
        self.mempool.offer(header, header.time_ms.saturating_add(50), 1 << 20).actions.len()
    }
}

#[test]
fn a_submitted_action_waits_and_is_sent() {
    let mut setup = setup();
    let action = setup.buy();
    assert!(setup.waits().is_none(), "nothing waits yet");
    assert_eq!(setup.mempool.submit(action.clone()), Ok(action.id()));
    assert_eq!(setup.mempool.submit(action.clone()), Ok(action.id()), "handing it in again is no error");
    assert!(setup.waits().is_some());
    assert_eq!(setup.offered(), 1);
    let sent = setup.outboxes.actions.try_recv().expect("it is sent to the peers");
    assert_eq!(SignedAction::decode(&sent), Ok(action.clone()));
    assert!(setup.outboxes.actions.try_recv().is_err(), "and only once");
    let known = setup.mempool.verified(&action).expect("its signature was checked");
    assert_eq!(*known.signed(), action);
    let forged = SignedAction { signature: Signature::Ed25519 { bytes: [0; 64] }, ..action };
    assert!(setup.mempool.verified(&forged).is_none(), "the same content under another signature was not");
}

#[test]
fn inadmissible_actions_are_refused_with_their_reason() {
    let mut setup = setup();
    let good = setup.buy();
    let mut foreign = good.clone();
    foreign.envelope.chain_id = 9;
    let mut tampered = good.clone();
    tampered.envelope.nonce = palisade_types::ids::Nonce::new(good.envelope.nonce.get() + 1);
    let stranger = setup.signers.sign("nobody", order(Side::Buy, 100, 1, None));
    let late = setup.signers.sign_until("alice", order(Side::Buy, 100, 1, None), Some(TimeMs::new(5)));
    let refuse = |action: &SignedAction| match setup.mempool.submit(action.clone()) {
        Err(ApiError::Inadmissible { reason }) => reason,
        other => panic!("accepted: {other:?}"),
    };
    assert_eq!(refuse(&foreign), Inadmissible::WrongChain { expected: 1_337, found: 9 });
    assert!(matches!(refuse(&tampered), Inadmissible::BadSignature { .. }));
    assert!(matches!(refuse(&stranger), Inadmissible::UnknownAccount { .. }));
    assert!(matches!(refuse(&late), Inadmissible::Expired { .. }));
    assert_eq!(setup.mempool.load().actions, 0);
}

#[test]
fn what_is_final_is_forgotten_and_what_became_inadmissible_too() {
    let mut setup = setup();
    let (first, second) = (setup.buy(), setup.buy());
    for action in [&first, &second] {
        setup.mempool.submit(action.clone()).expect("admissible");
    }
    let verified = setup.mempool.verified(&first).expect("it waits");
    // A second envelope of the same signer with the same nonce: only one of the two can ever be included.
    let mut rival = second.envelope.clone();
    rival.expires_after_ms = Some(TimeMs::new(u64::MAX));
    let rival = crate::tests::exchange::key_of("alice").sign(rival);
    let rival = std::sync::Arc::new(palisade_types::signing::verify(rival).expect("own signature"));
    let finalized = setup.chain.finalize(&setup.view, &[verified, rival], None);
    setup.mempool.finalized(&finalized);
    assert_eq!(setup.mempool.load().actions, 0, "one was included, the other's nonce was used");
    let again = setup.mempool.submit(first);
    assert!(matches!(again, Err(ApiError::Inadmissible { reason: Inadmissible::NonceUsed { .. } })), "{again:?}");
}

/// A block of the full weight takes longer to make than a leader has on a busy machine, so nobody offers one.
#[test]
fn a_proposer_offers_less_than_a_block_may_weigh() {
    let mut setup = setup();
    let Action::Place { orders } = order(Side::Buy, 100, 1, None) else { unreachable!("an order is placed") };
    let batch = Action::Place { orders: vec![orders[0]; 40] };
    let weight = batch.weight();
    let waiting = 2 * OFFERED_WEIGHT_MAX / weight;
    for (_, person) in (0..waiting).zip(PEOPLE.iter().cycle()) {
        let signed = setup.signers.sign(person, batch.clone());
        setup.mempool.submit(signed).expect("there is room and budget");
    }
    assert_eq!(setup.offered() as u64, OFFERED_WEIGHT_MAX / weight);
}

#[test]
fn a_candidate_blocks_actions_are_not_offered_to_its_children() {
    let mut setup = setup();
    let action = setup.buy();
    setup.mempool.submit(action.clone()).expect("admissible");
    let verified = setup.mempool.verified(&action).expect("it waits");
    let block = child(&setup.chain.genesis, &setup.chain.tip, &[verified], None, 1);
    setup.mempool.included(block.header(), &content(&block));
    let time_ms = block.header().time_ms.saturating_add(50);
    assert!(setup.mempool.offer(block.header(), time_ms, 1 << 20).actions.is_empty());
    assert!(setup.mempool.waiting(block.header()).now_or_never().is_none());
    assert_eq!(setup.offered(), 1, "a rival of the block may hold it");
    let finalized = setup.chain.finalize(&setup.view, &[], None);
    setup.mempool.finalized(&finalized);
    assert_eq!(setup.offered(), 1, "the block that became final lacks it");
}

#[test]
fn a_peers_batch_is_taken_apart() {
    let mut setup = setup();
    let (first, second, known) = (setup.buy(), setup.buy(), setup.buy());
    setup.mempool.submit(known.clone()).expect("admissible");
    let stranger = setup.signers.sign("nobody", order(Side::Buy, 100, 1, None));
    let batch: Vec<Vec<u8>> = [&first, &second, &first, &known, &stranger].map(SignedAction::encode).into();
    assert_eq!(setup.mempool.ingest(&batch), Ingested { accepted: 2, known: 2, inadmissible: 1, fault: None });
    assert_eq!(setup.mempool.load().actions, 3);
    assert_eq!(setup.mempool.ingest(&batch), Ingested { accepted: 0, known: 4, inadmissible: 1, fault: None });
    assert!(setup.outboxes.actions.try_recv().is_ok(), "our own client's");
    assert!(setup.outboxes.actions.try_recv().is_err(), "what came from a peer is not passed on");
}

#[test]
fn what_no_honest_peer_sends_is_a_fault_and_nothing_else() {
    let mut setup = setup();
    let good = setup.buy();
    let mut foreign = setup.buy();
    foreign.envelope.chain_id = 9;
    let mut tampered = setup.buy();
    tampered.envelope.expires_after_ms = Some(TimeMs::new(u64::MAX));
    let cut = &good.encode()[..40];
    let long = vec![1; ACTION_BYTES_MAX + 1];
    for hostile in [foreign.encode(), tampered.encode(), cut.to_vec(), Vec::new(), long] {
        let ingested = setup.mempool.ingest(&[hostile]);
        assert!(ingested.fault.is_some() && ingested.accepted == 0, "{ingested:?}");
        assert_eq!(setup.mempool.load().actions, 0);
    }
    let mixed = setup.mempool.ingest(&[tampered.encode(), good.encode()]);
    assert!(mixed.fault.is_some());
    assert_eq!(mixed.accepted, 1, "a good action does not suffer from its neighbour");
}

#[test]
fn prices_are_offered_once_and_in_time() {
    let mut setup = setup();
    let now = setup.chain.tip.header().time_ms.saturating_add(20);
    for seat in 0..3 {
        setup.mempool.submit_vote(vote(seat, now, 100), now).expect("a good vote");
        assert!(setup.outboxes.votes.try_recv().is_ok());
    }
    assert!(setup.waits().is_some());
    let header = setup.chain.tip.header().clone();
    let offered = setup.mempool.offer(&header, now, 1 << 20).oracle_bundle.expect("a quorum");
    let much_later = now.saturating_add(60_000);
    assert!(setup.mempool.offer(&header, much_later, 1 << 20).oracle_bundle.is_some(), "block time cannot jump there");
    let finalized = setup.chain.finalize(&setup.view, &[], Some(offered));
    setup.mempool.finalized(&finalized);
    let header = setup.chain.tip.header().clone();
    assert!(setup.mempool.offer(&header, now, 1 << 20).oracle_bundle.is_none());
    assert!(setup.waits().is_none());
    let next = bundle(now.saturating_add(1_000), 101);
    for vote in next.votes {
        setup.mempool.ingest_vote(vote, now).expect("a good vote");
    }
    assert!(setup.waits().is_some(), "a newer round");
}

/// What waits goes into blocks of which each is final two heights later, as when nothing goes wrong.
struct Pipeline {
    setup: Setup,
    /// Not final yet, oldest first.
    open: VecDeque<(NodeBlock, Vec<Arc<VerifiedAction>>)>,
}

impl Pipeline {
    fn tip(&self) -> NodeBlock {
        self.open.back().map_or_else(|| self.setup.chain.tip.clone(), |(block, _)| block.clone())
    }

    /// A block on the tip with what is offered there, seen by the mempool.
    fn propose(&mut self, salt: u64) -> (NodeBlock, Vec<Arc<VerifiedAction>>) {
        let parent = self.tip();
        let header = parent.header();
        let actions = self.setup.mempool.offer(header, header.time_ms.saturating_add(10), 1 << 20).actions;
        let block = child(&self.setup.chain.genesis, &parent, &actions, None, salt);
        self.setup.mempool.included(block.header(), &content(&block));
        (block, actions)
    }

    /// One more block on the tip; those two below it are final now. How many receipts that gave.
    fn step(&mut self) -> usize {
        let proposed = self.propose(0);
        self.open.push_back(proposed);
        let Some((_, actions)) = (self.open.len() > 2).then(|| self.open.pop_front()).flatten() else { return 0 };
        let finalized = self.setup.chain.finalize(&self.setup.view, &actions, None);
        self.setup.mempool.finalized(&finalized);
        finalized.executed.receipts.len()
    }
}

/// A validator was stopped under load: the block that it proposed last died with actions that clients had been told were
/// taken, and younger ones of the same signers went into the next blocks until the older nonces were refused for ever.
#[test]
fn actions_of_a_block_that_died_are_not_shut_out_by_younger_ones() {
    let mut pipeline = Pipeline { setup: setup(), open: VecDeque::new() };
    let submit = |pipeline: &mut Pipeline, count: usize| {
        for _ in 0..count {
            let action = pipeline.setup.buy();
            pipeline.setup.mempool.submit(action).expect("admissible");
        }
    };
    submit(&mut pipeline, 10);
    let (_, dead) = pipeline.propose(1);
    assert_eq!(dead.len(), 10);
    let mut receipts = 0;
    for arrivals in [150, 50, 50, 50, 50, 50] {
        submit(&mut pipeline, arrivals);
        receipts += pipeline.step();
    }
    for _ in 0..4 {
        receipts += pipeline.step();
    }
    assert_eq!((receipts, pipeline.setup.mempool.load().actions), (410, 0), "each has its receipt");
}

/// A burst of cancels goes before orders that wait, but not so many at once that the orders are never taken.
#[test]
fn cancels_go_first_and_shut_nobody_out() {
    let mut pipeline = Pipeline { setup: setup(), open: VecDeque::new() };
    for _ in 0..5 {
        let action = pipeline.setup.buy();
        pipeline.setup.mempool.submit(action).expect("admissible");
    }
    for _ in 0..120 {
        let action = pipeline.setup.signers.sign("alice", cancel(9));
        pipeline.setup.mempool.submit(action).expect("admissible");
    }
    let receipts: usize = (0..5).map(|_| pipeline.step()).sum();
    assert_eq!((receipts, pipeline.setup.mempool.load().actions), (125, 0), "each has its receipt");
}
