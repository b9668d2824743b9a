//! The state machine that consensus replicates: propose, process, capture, finalize.
//!
//! [`StateMachine`] is the application of `glue::stateful`. It executes nothing itself: every block goes
//! through the [`EngineCache`], and every root it names comes out of the batch that was executed.
//!
//! - **Propose** asks the [`ActionSource`](crate::source::ActionSource) for actions, leaves out what the parent's state does not admit,
//!   executes, and writes all roots into the header. More than [`UNFINALIZED_BLOCKS_MAX`] unfinalized blocks
//!   below it: it declines, so memory stays bounded while finality stalls.
//! - **Process** checks every commitment of a header: the rules of [`validity`], then, after execution, the
//!   receipts, events, canonical state and operations roots and the range. Its only wait is bounded: a block
//!   from more than 500 ms ahead of the local clock is held back until it is not. `None` is a verdict for
//!   ever, so it is given only for what is permanent; when storage fails the node stops.
//! - **Capture** puts receipts and events into the archive and syncs, before the state is applied.
//! - **Finalized** moves the cache and tells the source and the observers.
//!
//! Cancelling any of them at any await leaves nothing behind but a step in the cache that the next caller
//! rewinds.

use crate::{
    block::{BlockContext, NodeBlock, from_simplex},
    clock::NodeClock,
    engine_cache::{BlockContent, EngineCache, ExecuteError, Executed, UNFINALIZED_BLOCKS_MAX},
    final_view::{FinalView, Tip},
    metrics::EngineMetrics,
    results::{BlockResults, ResultsArchive},
    roots,
    source::{FinalizedBlock, Offer, Source},
    status::{Applied, Status},
    store::{SealedState, StateBatch, StateReader, StateStore, StateTarget, StoreError},
    validity, verified,
    wiring::MarshalMailbox,
};
use commonware_consensus::{marshal::ancestry::Ancestry, simplex::scheme::ed25519, types::Height as ConsensusHeight};
use commonware_glue::stateful::{Application, Finality, Input, Proposed};
use commonware_runtime::Spawner;
use commonware_storage::{Context as StorageContext, merkle::Location, qmdb::sync::Target};
use commonware_utils::non_empty_range;
use futures::StreamExt as _;
use palisade_engine::{
    InvalidBlock,
    mutant::{Mutant, is_planted},
    oracle::bundle_round,
};
use palisade_types::{
    block::{Block, Body, Header, OperationsRange},
    envelope::SignedAction,
    genesis::Genesis,
    hash::{BlockDigest, GenesisHash, Root},
    limits::BLOCK_BYTES_MAX,
    time::TimeMs,
};
use std::{sync::Arc, time::Duration};
use tracing::{debug, info, warn};

/// How far a block's time may lie ahead of a verifier's clock before the verifier waits.
pub const CLOCK_TOLERANCE_MS: u64 = 500;
/// How late receipts come with [`Mutant::ReceiptAfterApply`].
const LATE_RESULTS: Duration = Duration::from_millis(20);
/// Bytes of a block that are kept for everything but its actions.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Learns of finalized blocks in order of height: the read-only view, indexes, metrics.
pub trait Observer: Send + Sync + 'static {
    /// A block became final and its state is applied.
    fn finalized(&self, block: &FinalizedBlock);
}

/// What all clones of the state machine share.
pub struct Shared<E: Spawner + StorageContext> {
    /// What the chain starts from.
    pub genesis: Arc<Genesis>,
    /// Its name.
    pub genesis_hash: GenesisHash,
    /// The block of height 0.
    pub genesis_block: NodeBlock,
    /// The executing engine.
    pub cache: EngineCache,
    /// Receipts and events.
    pub results: ResultsArchive<E>,
    /// Finalized blocks by height.
    pub marshal: MarshalMailbox,
    /// What the node says of itself.
    pub status: Status,
    /// How long the engine works.
    pub metrics: EngineMetrics,
    /// What the node takes for the time.
    pub clock: NodeClock,
    /// The finalized state as readers see it.
    pub view: FinalView,
    /// Who wants to know of finalized blocks.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Where a test holds a finalized block half-way.
    #[cfg(test)]
    pub(crate) pause: crate::tests::pause::Pause,
}

/// The application of `glue::stateful`.
pub struct StateMachine<E: Spawner + StorageContext> {
    shared: Arc<Shared<E>>,
    source: Source,
}

impl<E: Spawner + StorageContext> Clone for StateMachine<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), source: self.source.clone() }
    }
}

impl<E: Spawner + StorageContext> Shared<E> {
    /// Loads the engine from `store` unless it is loaded: the latch that proposing and verifying await.
    ///
    /// # Panics
    /// If the state store cannot be read: a node that does not know its state must stop.
    pub async fn ensure_loaded(&self, store: &StateStore<E>) {
        let loaded = self
            .cache
            .ensure_loaded(
                store,
                |height| async move {
                    if height == self.genesis_block.header().height {
                        return Some(self.genesis_block.clone());
                    }
                    let block = self.marshal.get_block(ConsensusHeight::new(height.get())).await?;
                    Some(block.inner().clone())
                },
                |block, state| {
                    let tip = Tip { digest: block.block_digest(), header: block.header().clone() };
                    self.view.load(tip, state);
                },
            )
            .await;
        if let Err(error) = loaded {
            panic!("cannot load the engine: {error}");
        }
    }
}

impl<E: Spawner + StorageContext> Shared<E> {
    /// Puts a block's results into the archive and returns once they are on disk.
    ///
    /// # Panics
    /// If the archive cannot be written: a node that loses receipts must stop.
    async fn archive(&self, block: &NodeBlock, executed: &Executed) {
        let results = BlockResults {
            height: block.header().height,
            digest: block.block_digest(),
            receipts: executed.receipts.clone(),
            events: executed.events.clone(),
        };
        if let Err(error) = self.results.put(&results).await {
            panic!("cannot archive receipts: {error}");
        }
    }
}

/// A draft that was executed, on its way to a block.
struct Built<E: Spawner + StorageContext> {
    block: NodeBlock,
    sealed: SealedState<E>,
}

impl<E: Spawner + StorageContext> StateMachine<E> {
    /// A state machine over `shared` that proposes what `source` offers.
    pub const fn new(shared: Arc<Shared<E>>, source: Source) -> Self {
        Self { shared, source }
    }

    async fn build(
        &self,
        clock: &E,
        context: &BlockContext,
        ancestry: impl Ancestry<NodeBlock>,
        batch: StateBatch<E>,
    ) -> Option<Built<E>> {
        let parent = ancestry.peek()?.inner().clone();
        let unfinalized = self.shared.cache.unfinalized_above(parent.header().height);
        if unfinalized > UNFINALIZED_BLOCKS_MAX {
            warn!(unfinalized, "declining to propose: too many blocks are not final");
            return None;
        }
        let now_ms = self.shared.clock.now_ms(clock);
        let offer = self.source.offer(parent.header(), now_ms, BLOCK_BYTES_MAX.saturating_sub(HEADER_BYTES_MAX));
        self.shared.ensure_loaded(batch.store()).await;
        let mut content = self.admit(&parent, ancestry.clone(), now_ms, offer).await?;
        let draft = self.shared.cache.draft();
        let executed = self.execute_draft(&parent, ancestry, &mut content, &batch, draft).await?;
        let height = parent.header().height.next();
        let sealed = match batch.seal(height, executed).await {
            Ok(sealed) => sealed,
            Err(StoreError::Stale) => {
                debug!("the parent was abandoned while building on it");
                return None;
            }
            Err(error) => panic!("cannot compute the state root: {error}"),
        };
        let block = self.assemble(&parent, context, &content, &sealed)?;
        self.source.included(block.header(), &content);
        self.shared.cache.adopt(draft, block.block_digest());
        Some(Built { block, sealed })
    }

    /// What of an offer a child of `parent` may hold, decided on the state after `parent`: a round of prices newer than
    /// the last one, and the actions that are admissible one after the other.
    async fn admit(
        &self,
        parent: &NodeBlock,
        ancestry: impl Ancestry<NodeBlock>,
        now_ms: TimeMs,
        offer: Offer,
    ) -> Option<BlockContent> {
        let header = parent.header();
        let admitted = self.shared.cache.read_on(parent.block_digest(), ancestry, |engine| {
            let last_round = engine.state().chain().oracle_round;
            let round = offer.oracle_bundle.as_ref().and_then(bundle_round);
            let oracle_bundle = offer.oracle_bundle.clone().filter(|_| round > last_round);
            let (earliest, latest) = validity::time_bounds(header, oracle_bundle.as_ref());
            let time_ms = now_ms.clamp(earliest, latest);
            let mut admission = engine.admission(time_ms);
            let actions = offer.actions.iter().filter(|action| admission.admit(action).is_ok()).cloned().collect();
            BlockContent {
                protocol_version: engine.next_protocol_version(),
                height: header.height.next(),
                time_ms,
                oracle_bundle,
                actions,
            }
        });
        match admitted.await {
            Ok(content) => Some(content),
            Err(error) => {
                warn!(%error, "declining to propose");
                None
            }
        }
    }

    /// Executes the draft. What was admitted is admissible, so nothing should have to be taken out; but a leader that
    /// cannot propose stops the chain for a view, so whatever the engine objects to is left out until it does not.
    async fn execute_draft(
        &self,
        parent: &NodeBlock,
        ancestry: impl Ancestry<NodeBlock>,
        content: &mut BlockContent,
        batch: &StateBatch<E>,
        draft: BlockDigest,
    ) -> Option<Arc<Executed>> {
        loop {
            self.shared.ensure_loaded(batch.store()).await;
            let cache = &self.shared.cache;
            match cache.execute_on(parent.block_digest(), ancestry.clone(), content, draft).await {
                Ok(executed) => return Some(executed),
                Err(ExecuteError::Panicked { what }) if !content.actions.is_empty() => {
                    warn!(what, actions = content.actions.len(), "the engine panicked on a draft");
                    self.narrow_panic(content, &what);
                }
                Err(ExecuteError::Invalid(invalid))
                    if !content.actions.is_empty() || content.oracle_bundle.is_some() =>
                {
                    warn!(%invalid, "leaving out of a draft what the engine objects to");
                    leave_out(content, &invalid, parent.header());
                }
                Err(ExecuteError::NotLoaded) => {}
                Err(error) => {
                    stop_if_outdated(&error);
                    warn!(%error, "declining to propose");
                    return None;
                }
            }
        }
    }

    /// Halves a draft on which the engine panicked until a single action is left, and quarantines that one.
    fn narrow_panic(&self, content: &mut BlockContent, what: &str) {
        match content.actions.as_slice() {
            [culprit] => {
                self.source.refuse(culprit.id(), what);
                content.actions.clear();
            }
            many => {
                let half = many.len() / 2;
                content.actions.truncate(half);
            }
        }
    }

    fn assemble(
        &self,
        parent: &NodeBlock,
        context: &BlockContext,
        content: &BlockContent,
        sealed: &SealedState<E>,
    ) -> Option<NodeBlock> {
        let BlockContent { protocol_version, height, time_ms, ref oracle_bundle, ref actions } = *content;
        let actions = actions.iter().map(|action| action.signed().clone()).collect();
        let body = Body { oracle_bundle: oracle_bundle.clone(), actions };
        let roots = Commitments::of(sealed);
        let header = Header {
            chain_id: self.shared.genesis.chain_id,
            protocol_version,
            height,
            parent: parent.block_digest(),
            context: from_simplex(context),
            time_ms,
            body_root: body.root(),
            oracle_bundle_root: body.oracle_bundle_root(),
            state_root: roots.state,
            operations_root: roots.operations,
            operations_range: roots.range,
            receipts_root: roots.receipts,
            events_root: roots.events,
            genesis_hash: validity::named_genesis(height, self.shared.genesis_hash),
            beacon: Vec::new(),
        };
        match NodeBlock::new(Block { header, body }) {
            Ok(block) => Some(block),
            Err(error) => {
                warn!(%error, "declining to propose");
                None
            }
        }
    }

    /// Checks and executes a block; the error says what is wrong with it.
    async fn replay(
        &self,
        clock: &E,
        mut ancestry: impl Ancestry<NodeBlock>,
        batch: StateBatch<E>,
        finality: Finality,
    ) -> Result<SealedState<E>, Verdict> {
        let block = ancestry.next().await.ok_or(Verdict::Stopping)?.inner().clone();
        let from_parent = ancestry.clone();
        let parent = ancestry.next().await.ok_or(Verdict::Stopping)?.inner().clone();
        validity::check(&self.shared.genesis, self.shared.genesis_hash, &parent, &block)?;
        let known = |action: &SignedAction| self.source.verified(action);
        let content = verified::content(&block, self.shared.cache.blinding(), known)?;
        if finality == Finality::Candidate {
            wait_for_clock(clock, self.shared.clock, &block).await;
        }
        let executed = loop {
            self.shared.ensure_loaded(batch.store()).await;
            let cache = &self.shared.cache;
            let start = clock.current();
            let result =
                cache.execute_on(parent.block_digest(), from_parent.clone(), &content, block.block_digest()).await;
            self.shared.metrics.executed(clock, start, &result);
            match result {
                Err(ExecuteError::NotLoaded) => {}
                Err(error) => {
                    stop_if_outdated(&error);
                    return Err(error.into());
                }
                Ok(executed) => break executed,
            }
        };
        if finality == Finality::Candidate {
            self.source.included(block.header(), &content);
        }
        let sealed = match batch.seal(block.header().height, executed).await {
            Ok(sealed) => sealed,
            Err(StoreError::Stale) => return Err(Verdict::Abandoned),
            Err(error) => panic!("cannot compute the state root: {error}"),
        };
        let found = Commitments::of(&sealed);
        let committed = Commitments::named_by(block.header());
        if found != committed && !is_planted(Mutant::AcceptBadRoot) {
            return Err(Verdict::Commitments { committed: Box::new(committed), found: Box::new(found) });
        }
        Ok(sealed)
    }
}

/// Stops the node if the chain has moved to rules that this binary lacks: it can neither propose nor judge blocks.
fn stop_if_outdated(error: &ExecuteError) {
    if let ExecuteError::UnknownRules(unknown) = error {
        panic!("{unknown}");
    }
}

/// Takes out of a draft what the engine objects to: the one action it names, else the prices, else half the actions.
fn leave_out(content: &mut BlockContent, invalid: &InvalidBlock, parent: &Header) {
    match invalid {
        InvalidBlock::Inadmissible { index, .. } if *index < content.actions.len() => {
            content.actions.remove(*index);
        }
        _ if content.oracle_bundle.take().is_some() => {
            let (earliest, latest) = validity::time_bounds(parent, None);
            content.time_ms = content.time_ms.clamp(earliest, latest);
        }
        _ => {
            let half = content.actions.len() / 2;
            content.actions.truncate(half);
        }
    }
}

/// Everything that a header says about the result of executing its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
    state: Root,
    operations: Root,
    range: OperationsRange,
    receipts: Root,
    events: Root,
}

impl Commitments {
    /// What executing gave.
    fn of<E: Spawner + StorageContext>(sealed: &SealedState<E>) -> Self {
        let target = sealed.target();
        let executed = sealed.executed();
        Self {
            state: roots::to_root(&sealed.canonical_root()),
            operations: roots::to_root(&target.root),
            range: to_range(&target),
            receipts: roots::merkle_root(&executed.receipts),
            events: roots::merkle_root(&executed.events),
        }
    }

    /// What the header says.
    const fn named_by(header: &Header) -> Self {
        Self {
            state: header.state_root,
            operations: header.operations_root,
            range: header.operations_range,
            receipts: header.receipts_root,
            events: header.events_root,
        }
    }
}

/// A sync target's range in the form of the header.
pub fn to_range(target: &StateTarget) -> OperationsRange {
    OperationsRange { start: *target.range.start(), end: *target.range.end() }
}

/// The sync target that a header commits to. A range that cannot be is read as one that no batch has.
pub fn to_target(header: &Header) -> StateTarget {
    let OperationsRange { start, end } = header.operations_range;
    let root = roots::from_root(&header.operations_root);
    let (start, end) = if start < end { (start, end) } else { (u64::MAX - 1, u64::MAX) };
    Target::new(root, non_empty_range!(Location::new(start), Location::new(end)))
}

/// Why a block got no state.
#[derive(Debug, thiserror::Error)]
enum Verdict {
    #[error(transparent)]
    Header(#[from] validity::InvalidHeader),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error("the header commits to {committed:?}, executing gives {found:?}")]
    Commitments { committed: Box<Commitments>, found: Box<Commitments> },
    #[error("its branch was abandoned meanwhile")]
    Abandoned,
    #[error("the node is stopping")]
    Stopping,
}

/// Holds a block back until the local clock is within tolerance of its time. The rules bound a block's
/// time by its parent's and by a quorum's signed times, so the wait is bounded too.
async fn wait_for_clock(runtime: &impl commonware_runtime::Clock, clock: NodeClock, block: &NodeBlock) {
    let due = block.header().time_ms.saturating_sub(CLOCK_TOLERANCE_MS);
    let ahead_ms = due.since(clock.now_ms(runtime));
    if ahead_ms > 0 {
        runtime.sleep(Duration::from_millis(ahead_ms)).await;
    }
}

impl<E: Spawner + StorageContext> Application<E> for StateMachine<E> {
    type SigningScheme = ed25519::Scheme;
    type Context = BlockContext;
    type Block = NodeBlock;
    type Databases = StateStore<E>;
    type Captured = Arc<Executed>;
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &NodeBlock) -> StateTarget {
        to_target(block.header())
    }

    async fn genesis(&mut self) -> NodeBlock {
        self.shared.genesis_block.clone()
    }

    async fn propose(
        &mut self,
        (clock, context): (E, BlockContext),
        ancestry: impl Ancestry<NodeBlock>,
        batches: StateBatch<E>,
        _input: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let Built { block, sealed } = self.build(&clock, &context, ancestry, batches).await?;
        debug!(height = %block.header().height, digest = %block.block_digest(), "proposing");
        Some(Proposed { block, merkleized: sealed })
    }

    async fn process(
        &mut self,
        (clock, _context): (E, BlockContext),
        ancestry: impl Ancestry<NodeBlock>,
        batches: StateBatch<E>,
        finality: Finality,
    ) -> Option<SealedState<E>> {
        match self.replay(&clock, ancestry, batches, finality).await {
            Ok(sealed) => Some(sealed),
            Err(verdict) => {
                info!(%verdict, "block refused");
                None
            }
        }
    }

    async fn capture(
        &mut self,
        _context: (E, BlockContext),
        block: &NodeBlock,
        batches: &SealedState<E>,
        _readers: StateReader<E>,
    ) -> Arc<Executed> {
        let executed = batches.executed().clone();
        if !is_planted(Mutant::ReceiptAfterApply) {
            self.shared.archive(block, &executed).await;
        }
        #[cfg(test)]
        self.shared.pause.at(crate::tests::pause::Moment::Captured, block.header().height).await;
        executed
    }

    async fn finalized(
        &mut self,
        context: (E, BlockContext),
        block: &NodeBlock,
        executed: Arc<Executed>,
        _readers: StateReader<E>,
    ) {
        let (height, digest) = (block.header().height, block.block_digest());
        #[cfg(test)]
        self.shared.pause.at(crate::tests::pause::Moment::Applied, height).await;
        if is_planted(Mutant::ReceiptAfterApply) {
            // The state is not on disk before this hook returns, so what is stored here would still be in time.
            let (shared, block, executed) = (self.shared.clone(), block.clone(), executed.clone());
            context.0.child("late_results").spawn(move |clock| async move {
                clock.sleep(LATE_RESULTS).await;
                shared.archive(&block, &executed).await;
            });
        }
        self.shared.cache.finalized(digest, height);
        self.shared.status.set_applied(Applied { height, digest });
        self.shared.view.advance(digest, block.header(), &executed);
        let finalized = FinalizedBlock { block: block.clone(), executed };
        self.source.finalized(&finalized);
        for observer in &self.shared.observers {
            observer.finalized(&finalized);
        }
        #[cfg(test)]
        self.shared.pause.at(crate::tests::pause::Moment::Told, height).await;
    }
}
