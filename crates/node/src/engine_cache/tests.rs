//! The cache over real blocks on many branches: whatever moves it has made, what it gives is what a fresh engine gives
//! that executes the block's ancestors in order and nothing else.

use super::{EngineCache, ExecuteError, Executed, UNFINALIZED_BLOCKS_MAX};
use crate::{
    block::NodeBlock,
    store::{StateKey, StateRecord},
    tests::exchange::{
        GENESIS_TIME, PEOPLE, Signers, blinding, bundle, cancel, child, content, genesis, genesis_node_block, order,
    },
};
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_cryptography::{Digested, Digestible as _};
use futures::{FutureExt as _, Stream, executor::block_on, task::noop_waker};
use palisade_engine::{BlockInput, Engine, Rules, State};
use palisade_types::{genesis::Genesis, hash::BlockDigest, order::Side, signing::VerifiedAction};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// What happens at one poll of an ancestry.
type Hook = Arc<dyn Fn(usize) -> bool + Send + Sync>;

/// Ancestors that arrive only when the hook lets them: it is told how many were polled for so far.
#[derive(Clone)]
struct Slow {
    blocks: std::collections::VecDeque<Digested<NodeBlock>>,
    polls: usize,
    hook: Hook,
}

impl Stream for Slow {
    type Item = Digested<NodeBlock>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.polls += 1;
        if (self.hook)(self.polls) {
            Poll::Ready(self.blocks.pop_front())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

impl Ancestry<NodeBlock> for Slow {
    fn peek(&self) -> Option<&Digested<NodeBlock>> {
        self.blocks.front()
    }
}

/// Every block that was made, with what a fresh engine says of it.
struct Forest {
    genesis: Arc<Genesis>,
    root: NodeBlock,
    blocks: BTreeMap<BlockDigest, NodeBlock>,
    signers: Signers,
    salt: u64,
}

impl Forest {
    fn new() -> Self {
        let genesis = Arc::new(genesis());
        genesis.check().expect("the test genesis is valid");
        let root = genesis_node_block(&genesis);
        let blocks = BTreeMap::from([(root.block_digest(), root.clone())]);
        Self { genesis, root, blocks, signers: Signers::default(), salt: 0 }
    }

    /// A cache that stands on the genesis block.
    fn cache(&self) -> EngineCache {
        let cache = EngineCache::new(self.genesis.clone(), blinding());
        cache.load(&self.root, Vec::new(), |_, _| {}).expect("nothing is a state");
        cache
    }

    /// A child of `parent` with these actions.
    fn grow(&mut self, parent: &NodeBlock, actions: &[Arc<VerifiedAction>]) -> NodeBlock {
        self.salt += 1;
        let block = child(&self.genesis, parent, actions, None, self.salt);
        self.blocks.insert(block.block_digest(), block.clone());
        block
    }

    /// A child of `parent` in which one person trades.
    fn trade(&mut self, parent: &NodeBlock, person: usize, price: i64, size: u64) -> NodeBlock {
        let side = if person.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let tag = self.salt as u8;
        let name = PEOPLE[person % PEOPLE.len()];
        let mut actions = vec![self.signers.verified(name, order(side, price, size, Some(tag)))];
        if size.is_multiple_of(3) {
            actions.push(self.signers.verified(name, cancel(tag.wrapping_sub(1))));
        }
        self.grow(parent, &actions)
    }

    fn parent(&self, block: &NodeBlock) -> NodeBlock {
        self.blocks[&block.header().parent].clone()
    }

    /// The block and its ancestors, newest first, without the genesis block.
    fn line(&self, block: &NodeBlock) -> Vec<NodeBlock> {
        let mut line = Vec::new();
        let mut next = block.clone();
        while next.block_digest() != self.root.block_digest() {
            line.push(next.clone());
            next = self.parent(&next);
        }
        line
    }

    fn digested(&self, block: &NodeBlock) -> std::collections::VecDeque<Digested<NodeBlock>> {
        let digested = |block: NodeBlock| Digested::precomputed(block.clone(), block.digest());
        self.line(block).into_iter().chain([self.root.clone()]).map(digested).collect()
    }

    /// The block and its ancestors, all there.
    fn ancestry(&self, block: &NodeBlock) -> Slow {
        self.slow(block, |_| true)
    }

    fn slow(&self, block: &NodeBlock, hook: impl Fn(usize) -> bool + Send + Sync + 'static) -> Slow {
        Slow { blocks: self.digested(block), polls: 0, hook: Arc::new(hook) }
    }

    /// What a fresh engine makes of the block: its results and the state after it.
    fn truth(&self, block: &NodeBlock) -> (Executed, State) {
        let mut engine = Engine::new(self.genesis.clone());
        let mut last = Executed { writes: Vec::new(), receipts: Vec::new(), events: Vec::new() };
        for block in self.line(block).iter().rev() {
            let content = content(block);
            let input = BlockInput {
                height: content.height,
                time_ms: content.time_ms,
                parent: block.header().parent,
                oracle_bundle: content.oracle_bundle.as_ref(),
                actions: &content.actions,
            };
            let outcome = engine.execute(&Rules::at(1).expect("version 1"), &input).expect("a valid block");
            last = Executed { writes: outcome.writes, receipts: outcome.receipts, events: outcome.events };
        }
        (last, engine.state().clone())
    }

    /// What the database would hold after the block.
    fn database(&self, block: &NodeBlock) -> Vec<StateRecord> {
        let mut database: BTreeMap<[u8; 32], Vec<u8>> = BTreeMap::new();
        for block in self.line(block).iter().rev() {
            for write in self.truth(block).0.writes {
                match write.value {
                    Some(value) => database.insert(write.key, value),
                    None => database.remove(&write.key),
                };
            }
        }
        database.into_iter().map(|(key, value)| (StateKey::from(key), value)).collect()
    }

    fn execute(&self, cache: &EngineCache, block: &NodeBlock) -> Result<Arc<Executed>, ExecuteError> {
        let parent = self.parent(block);
        let content = content(block);
        let ancestry = self.ancestry(&parent);
        let executed = cache.execute_on(parent.block_digest(), ancestry, &content, block.block_digest());
        executed.now_or_never().expect("nothing is waited for")
    }

    fn state_on(&self, cache: &EngineCache, block: &NodeBlock) -> Result<State, ExecuteError> {
        block_on(cache.read_on(block.block_digest(), self.ancestry(block), |engine| engine.state().clone()))
    }

    /// The cache gives what a fresh engine gives.
    fn assert_right(&self, cache: &EngineCache, block: &NodeBlock) {
        let (executed, state) = self.truth(block);
        assert_eq!(*self.execute(cache, block).expect("a valid block"), executed);
        assert_eq!(self.state_on(cache, block).expect("a known branch"), state);
    }
}

fn depth(cache: &EngineCache) -> usize {
    cache.inner.lock().loaded.as_ref().map_or(0, |loaded| loaded.path.len())
}

#[test]
fn two_siblings_processed_alternately() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let (mut left, mut right) = (first.clone(), first);
    let cache = forest.cache();
    for step in 0..20 {
        left = forest.trade(&left, step, 100 + step as i64, 1 + step as u64);
        right = forest.trade(&right, step + 1, 90, 2);
        forest.assert_right(&cache, &left);
        forest.assert_right(&cache, &right);
        // Back to the older side, which the engine has left, and without the memory of results.
        assert_eq!(forest.state_on(&cache, &left).expect("a known branch"), forest.truth(&left).1);
    }
    assert_ne!(forest.truth(&left).1, forest.truth(&right).1, "the branches differ");
}

#[test]
fn the_sibling_that_the_engine_is_not_on_is_finalized() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let left = forest.trade(&first, 0, 100, 3);
    let right = forest.trade(&first, 1, 101, 2);
    let cache = forest.cache();
    for block in [&first, &left, &right] {
        forest.execute(&cache, block).expect("a valid block");
    }
    let on_right = cache.position();
    cache.finalized(first.block_digest(), first.header().height);
    cache.finalized(left.block_digest(), left.header().height);
    assert_eq!(cache.position(), on_right, "finalizing moves nothing");
    let child_of_left = forest.trade(&left, 2, 99, 1);
    forest.assert_right(&cache, &child_of_left);
    assert_eq!(depth(&cache), 1, "undo at and below the finalized block is dropped once the engine is on its branch");
    let child_of_right = forest.trade(&right, 3, 99, 1);
    let abandoned = forest.execute(&cache, &child_of_right);
    assert!(matches!(abandoned, Err(ExecuteError::Abandoned { .. })), "{abandoned:?}");
    forest.assert_right(&cache, &child_of_left);
}

#[test]
fn prices_and_trades_survive_changes_of_branch() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let cache = forest.cache();
    let priced = child(&forest.genesis, &first, &[], Some(bundle(GENESIS_TIME.saturating_add(1_000), 100)), 7);
    forest.blocks.insert(priced.block_digest(), priced.clone());
    let plain = forest.trade(&first, 0, 100, 1);
    for _ in 0..3 {
        forest.assert_right(&cache, &priced);
        forest.assert_right(&cache, &plain);
    }
}

#[test]
fn a_panic_leaves_a_working_cache() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let second = forest.trade(&first, 0, 100, 1);
    let cache = forest.cache();
    forest.assert_right(&cache, &first);
    cache.finalized(first.block_digest(), first.header().height);
    let panicked: Result<(), _> = block_on(
        cache.read_on(first.block_digest(), forest.ancestry(&first), |_| panic!("an invariant that nobody thought of")),
    );
    let what = "an invariant that nobody thought of".to_owned();
    assert_eq!(panicked, Err(ExecuteError::Panicked { what }));
    assert!(!cache.is_loaded(), "an engine that panicked is not used again");
    assert_eq!(forest.execute(&cache, &second), Err(ExecuteError::NotLoaded));
    cache.load(&first, forest.database(&first), |_, _| {}).expect("the database holds a state");
    forest.assert_right(&cache, &second);
}

/// The engine panics half-way through a block, with its tables changed already.
#[test]
fn a_poisoned_block_fails_alone() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let (good, bad) = (forest.trade(&first, 0, 100, 1), forest.trade(&first, 1, 100, 2));
    let below_bad = forest.trade(&bad, 2, 100, 1);
    let cache = forest.cache();
    forest.assert_right(&cache, &good);
    super::poison::set(Some(bad.body().actions[0].id()));
    for block in [&bad, &below_bad] {
        let panicked = forest.execute(&cache, block);
        assert!(matches!(panicked, Err(ExecuteError::Panicked { .. })), "{panicked:?}");
        assert!(!cache.is_loaded());
        cache.load(&forest.root, Vec::new(), |_, _| {}).expect("nothing is a state");
        forest.assert_right(&cache, &good);
    }
    super::poison::set(None);
    forest.assert_right(&cache, &below_bad);
}

#[test]
fn an_invalid_block_leaves_no_trace() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let action = forest.signers.verified("alice", order(Side::Buy, 100, 1, None));
    let good = forest.grow(&first, std::slice::from_ref(&action));
    let bad = forest.grow(&good, &[action]);
    let cache = forest.cache();
    forest.assert_right(&cache, &good);
    let invalid = forest.execute(&cache, &bad);
    assert!(matches!(invalid, Err(ExecuteError::Invalid(_))), "{invalid:?}");
    forest.assert_right(&cache, &good);
}

/// A future is dropped at each of its awaits in turn; then the same work is done again.
#[test]
fn cancellation_at_every_await() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let (mut left, mut right) = (first.clone(), first);
    for step in 0..4 {
        left = forest.trade(&left, step, 100, 1);
        right = forest.trade(&right, step + 1, 100, 2);
    }
    let (left_tip, right_tip) = (forest.trade(&left, 0, 101, 1), forest.trade(&right, 1, 99, 3));
    let waker = noop_waker();
    for cancel_after in 0..12 {
        let cache = forest.cache();
        forest.assert_right(&cache, &left);
        let gate = forest.slow(&right, |polls| polls % 2 == 0);
        let tip = content(&right_tip);
        let mut future = Box::pin(cache.execute_on(right.block_digest(), gate, &tip, right_tip.block_digest()));
        let mut finished = false;
        for _ in 0..cancel_after {
            finished |= future.poll_unpin(&mut Context::from_waker(&waker)).is_ready();
            if finished {
                break;
            }
        }
        drop(future);
        assert!(cache.position().is_some(), "the engine stands on a block it knows");
        forest.assert_right(&cache, &left_tip);
        forest.assert_right(&cache, &right_tip);
    }
}

/// While a caller fetches ancestors, another caller finalizes the very blocks that it is fetching.
#[test]
fn the_finalized_chain_grows_into_a_route() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let mut tip = first;
    for step in 0..5 {
        tip = forest.trade(&tip, step, 100, 1);
    }
    let next = forest.trade(&tip, 1, 100, 1);
    let forest = Arc::new(forest);
    for meeting in 1..=6 {
        let cache = Arc::new(forest.cache());
        let (others, other_cache, other_tip) = (forest.clone(), cache.clone(), tip.clone());
        let gate = forest.slow(&tip, move |polls| {
            if polls == meeting {
                for block in others.line(&other_tip).iter().rev() {
                    others.execute(&other_cache, block).expect("a valid block");
                    other_cache.finalized(block.block_digest(), block.header().height);
                }
            }
            true
        });
        let content = content(&next);
        let executed = block_on(cache.execute_on(tip.block_digest(), gate, &content, next.block_digest()));
        assert_eq!(executed.as_deref(), Ok(&forest.truth(&next).0), "met at poll {meeting}");
    }
}

#[test]
fn unfinalized_blocks_are_counted_and_memory_is_given_back() {
    let mut forest = Forest::new();
    let unloaded = EngineCache::new(forest.genesis.clone(), blinding());
    assert_eq!(unloaded.unfinalized_above(palisade_types::ids::Height::new(5_000)), 0, "nothing is known yet");
    let cache = forest.cache();
    let mut tip = forest.root.clone();
    for _ in 0..=UNFINALIZED_BLOCKS_MAX {
        assert!(cache.unfinalized_above(tip.header().height) <= UNFINALIZED_BLOCKS_MAX + 1);
        tip = forest.grow(&tip, &[]);
        forest.execute(&cache, &tip).expect("a valid block");
    }
    assert!(cache.unfinalized_above(tip.header().height) > UNFINALIZED_BLOCKS_MAX, "a proposer declines");
    assert_eq!(depth(&cache), UNFINALIZED_BLOCKS_MAX as usize + 1);
    cache.finalized(tip.block_digest(), tip.header().height);
    assert_eq!(depth(&cache), 0);
    assert!(cache.inner.lock().results.is_empty(), "results at and below the finalized height are forgotten");
}

#[test]
fn a_draft_becomes_a_block() {
    let mut forest = Forest::new();
    let first = forest.grow(&forest.root.clone(), &[]);
    let cache = forest.cache();
    forest.assert_right(&cache, &first);
    let block = forest.trade(&first, 0, 100, 1);
    let draft = cache.draft();
    let executed = block_on(cache.execute_on(first.block_digest(), forest.ancestry(&first), &content(&block), draft));
    cache.adopt(draft, block.block_digest());
    assert_eq!(cache.position(), Some((block.block_digest(), block.header().height)));
    assert_eq!(forest.execute(&cache, &block), executed);
    forest.assert_right(&cache, &block);
}

/// A random walk: blocks grow anywhere above the finalized one, the engine is asked for any of them, any branch may be
/// finalized, and a cold start from the database may replace the engine at any time.
#[derive(Clone, Debug)]
enum Move {
    Grow { place: usize, person: usize, price: i64, size: u64 },
    Execute { place: usize },
    Read { place: usize },
    Finalize { place: usize },
    ColdStart,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let place = 0usize..64;
    prop::collection::vec(
        prop_oneof![
            4 => (place.clone(), 0usize..4, 95i64..105, 1u64..9)
                .prop_map(|(place, person, price, size)| Move::Grow { place, person, price, size }),
            3 => place.clone().prop_map(|place| Move::Execute { place }),
            3 => place.clone().prop_map(|place| Move::Read { place }),
            1 => place.prop_map(|place| Move::Finalize { place }),
            1 => Just(Move::ColdStart),
        ],
        1..40,
    )
}

struct Walk {
    forest: Forest,
    cache: EngineCache,
    finalized: NodeBlock,
    /// The finalized block and everything that descends from it.
    living: Vec<NodeBlock>,
}

impl Walk {
    fn pick(&self, place: usize) -> NodeBlock {
        self.living[place % self.living.len()].clone()
    }

    fn take(&mut self, step: &Move) {
        match *step {
            Move::Grow { place, person, price, size } => {
                let parent = self.pick(place);
                let block = self.forest.trade(&parent, person, price, size);
                self.living.push(block);
            }
            Move::Execute { place } => {
                let block = self.pick(place);
                if block != self.finalized {
                    let executed = self.forest.execute(&self.cache, &block).expect("a living block");
                    assert_eq!(*executed, self.forest.truth(&block).0);
                }
            }
            Move::Read { place } => {
                let block = self.pick(place);
                let state = self.forest.state_on(&self.cache, &block).expect("a living block");
                assert_eq!(state, self.forest.truth(&block).1);
            }
            Move::Finalize { place } => self.finalize(place),
            Move::ColdStart => {
                let records = self.forest.database(&self.finalized);
                let truth = self.forest.truth(&self.finalized).1;
                let compare = |_: &NodeBlock, state: &State| assert_eq!(*state, truth, "cold equals hot");
                self.cache.load(&self.finalized, records, compare).expect("the database holds a state");
            }
        }
    }

    /// Finalizes the line from the finalized block to some living one.
    fn finalize(&mut self, place: usize) {
        let target = self.pick(place);
        let floor = self.finalized.header().height;
        let line = self.forest.line(&target);
        for block in line.iter().rev().filter(|block| block.header().height > floor) {
            self.cache.finalized(block.block_digest(), block.header().height);
        }
        self.finalized = target.clone();
        let digest = target.block_digest();
        let living = std::mem::take(&mut self.living);
        self.living = living
            .into_iter()
            .filter(|block| {
                let mut line = self.forest.line(block).into_iter();
                block.block_digest() == digest || line.any(|ancestor| ancestor.block_digest() == digest)
            })
            .collect();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_random_walk_over_forks_always_gives_what_a_fresh_engine_gives(steps in moves()) {
        let mut forest = Forest::new();
        let first = forest.grow(&forest.root.clone(), &[]);
        let cache = forest.cache();
        forest.execute(&cache, &first).expect("a valid block");
        cache.finalized(first.block_digest(), first.header().height);
        let mut walk = Walk { forest, cache, finalized: first.clone(), living: vec![first] };
        for step in &steps {
            walk.take(step);
        }
    }
}
