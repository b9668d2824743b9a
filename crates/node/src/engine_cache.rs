//! The one executing engine of a node, and the path of blocks it stands on.
//!
//! The engine holds the whole exchange in memory and moves by executing a block or by undoing one.
//! Consensus asks for blocks on any branch: two siblings in turn, a block the node has left, a block whose
//! branch it never saw. [`EngineCache::execute_on`] moves the engine to the parent and executes.
//!
//! - **One lock, never held across an await.** Blocks of a missing path are fetched first; then the lock is
//!   taken, the engine rewinds to the common ancestor, executes the path again, executes the block, and the
//!   lock is released. If another caller moved the engine meanwhile so that the fetched path no longer
//!   connects, the caller fetches again.
//! - **Always at a block it can name.** Every step of the path has a name: the digest of a block, or for a
//!   block under construction a token nobody else can know. A dropped future leaves at most such a step
//!   behind, and the next caller rewinds it.
//! - **Undo is kept as long as it may be needed.** The path begins at `base`. When a block is finalized, its
//!   undo and everything below is dropped only if the engine stands on that branch; else the base stays
//!   until the engine has come over. Finalizing a block that the engine has left moves nothing.
//! - **Results are memoised by digest** until their height is final, so a block is executed once however
//!   often it is asked for.
//! - **A panic is contained.** The engine that panicked is thrown away and the caller told; the next caller
//!   loads a new one from the database, which holds the state of the newest applied block.

use crate::{
    block::NodeBlock,
    entropy::Blinding,
    store::{StateRecord, StateStore, StoreError},
    verified,
};
use commonware_consensus::marshal::ancestry::Ancestry;
use commonware_runtime::Spawner;
use commonware_storage::Context as StorageContext;
use commonware_utils::sync::{AsyncMutex, Mutex};
use futures::StreamExt as _;
use palisade_engine::{
    BlockInput, Engine, InvalidBlock, Rules, State, StateError, Undo, UnknownVersion, Write,
    mutant::{Mutant, is_planted},
};
use palisade_types::{
    event::Event,
    genesis::Genesis,
    hash::{BlockDigest, sha256},
    ids::Height,
    oracle::OracleBundle,
    receipt::Receipt,
    rejection::Inadmissible,
    signing::VerifiedAction,
    time::TimeMs,
};
use std::{
    collections::BTreeMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Most unfinalized blocks above the finalized one that a proposer builds on.
pub const UNFINALIZED_BLOCKS_MAX: u64 = 64;
/// Most results that are remembered; the lowest heights go first.
const RESULTS_REMEMBERED_MAX: usize = 96;

/// What executing a block gives, independent of where it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The net changes of the state.
    pub writes: Vec<Write>,
    /// One per action, in the order of execution.
    pub receipts: Vec<Receipt>,
    /// In the order of the work.
    pub events: Vec<Event>,
}

/// What a block asks the engine to execute.
#[derive(Clone, Debug)]
pub struct BlockContent {
    /// The rules it is executed under.
    pub protocol_version: u32,
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// Its prices.
    pub oracle_bundle: Option<OracleBundle>,
    /// Its actions, signatures checked.
    pub actions: Vec<Arc<VerifiedAction>>,
}

/// Why a block was not executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The block breaks a rule, whoever asks.
    #[error("invalid block: {0}")]
    Invalid(#[from] InvalidBlock),
    /// An action's signature or form is wrong.
    #[error("action {index} is inadmissible: {reason}")]
    Signature {
        /// Its place in the block.
        index: usize,
        /// Why.
        reason: Inadmissible,
    },
    /// A version of the rules that this binary does not have.
    #[error(transparent)]
    UnknownRules(#[from] UnknownVersion),
    /// The branch left the finalized chain below what is kept.
    #[error("block {digest} at height {height} is not on the finalized chain")]
    Abandoned {
        /// The first block that is not.
        digest: BlockDigest,
        /// Its height.
        height: Height,
    },
    /// The ancestry ended before a block that the engine knows: the node is stopping.
    #[error("the ancestry ended below {digest}")]
    AncestryEnded {
        /// The block whose parent did not come.
        digest: BlockDigest,
    },
    /// The engine panicked; it is loaded anew before the next block.
    #[error("the engine panicked: {what}")]
    Panicked {
        /// The panic's message.
        what: String,
    },
    /// No engine is loaded.
    #[error("the engine is not loaded")]
    NotLoaded,
}

/// The engine cannot be built from the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is not what the engine wrote.
    #[error("the state store does not hold a state: {0}")]
    Record(#[from] StateError),
    /// The block whose state the database holds is not in the block store.
    #[error("the block store lacks block {height}, whose state the state store holds")]
    BlockMissing {
        /// Its height.
        height: Height,
    },
}

/// A block the engine has executed, and how to undo it.
struct Step {
    digest: BlockDigest,
    height: Height,
    undo: Undo,
}

/// A finalized block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    digest: BlockDigest,
    height: Height,
}

struct Loaded {
    engine: Engine,
    /// The block below the first step.
    base: Point,
    /// From the base's child to where the engine stands.
    path: Vec<Step>,
    /// The newest finalized block; at or above the base.
    finalized: Point,
}

#[derive(Default)]
struct Inner {
    loaded: Option<Loaded>,
    results: BTreeMap<BlockDigest, (Height, Arc<Executed>)>,
    drafts: u64,
}

/// The engine of a node, shared by proposing, verifying, recovering and finalizing.
pub struct EngineCache {
    genesis: Arc<Genesis>,
    blinding: Arc<Blinding>,
    inner: Mutex<Inner>,
    loading: AsyncMutex<()>,
}

/// A block of the route with its actions checked.
struct RouteBlock {
    digest: BlockDigest,
    parent: BlockDigest,
    content: BlockContent,
}

/// What is under the lock when a route is tried.
enum Standing {
    /// The engine knows the block on which these newest blocks of the route build, if any.
    Connected { start: BlockDigest, missing: usize },
    /// The engine knows none of them: an older ancestor is needed.
    Disconnected,
    /// The route has gone below everything that is kept without meeting the finalized chain.
    Abandoned(ExecuteError),
}

impl EngineCache {
    /// A cache without an engine; [`Self::ensure_loaded`] loads it.
    pub fn new(genesis: Arc<Genesis>, blinding: Arc<Blinding>) -> Self {
        Self { genesis, blinding, inner: Mutex::default(), loading: AsyncMutex::new(()) }
    }

    /// What blinds checks of signatures.
    pub fn blinding(&self) -> &Blinding {
        &self.blinding
    }

    /// Loads the engine from the database unless one is loaded. `finalized_block` gives the finalized block at a
    /// height; `first_reader` sees the loaded state before anyone can execute on it.
    pub async fn ensure_loaded<E, F>(
        &self,
        store: &StateStore<E>,
        finalized_block: impl FnOnce(Height) -> F,
        first_reader: impl FnOnce(&NodeBlock, &State),
    ) -> Result<(), LoadError>
    where
        E: Spawner + StorageContext,
        F: Future<Output = Option<NodeBlock>>,
    {
        if self.is_loaded() {
            return Ok(());
        }
        let _loading = self.loading.lock().await;
        if self.is_loaded() {
            return Ok(());
        }
        let (height, records) = store.scan().await?;
        let block = finalized_block(height).await.ok_or(LoadError::BlockMissing { height })?;
        self.load(&block, records, first_reader)
    }

    /// Builds the engine that stands on `block` from the database's records.
    pub fn load(
        &self,
        block: &NodeBlock,
        records: Vec<StateRecord>,
        first_reader: impl FnOnce(&NodeBlock, &State),
    ) -> Result<(), LoadError> {
        let values = records.into_iter().map(|(_, value)| value);
        let engine = Engine::from_records(self.genesis.clone(), values)?;
        first_reader(block, engine.state());
        let base = Point { digest: block.block_digest(), height: block.header().height };
        self.inner.lock().loaded = Some(Loaded { engine, base, path: Vec::new(), finalized: base });
        Ok(())
    }

    /// Whether an engine is loaded.
    pub fn is_loaded(&self) -> bool {
        self.inner.lock().loaded.is_some()
    }

    /// Executes a block named `name` on `parent`. `ancestry` yields `parent` and its ancestors, newest
    /// first, and is only read if the engine does not know the parent.
    pub async fn execute_on(
        &self,
        parent: BlockDigest,
        ancestry: impl Ancestry<NodeBlock>,
        content: &BlockContent,
        name: BlockDigest,
    ) -> Result<Arc<Executed>, ExecuteError> {
        if let Some(executed) = self.remembered(name, content.height) {
            return Ok(executed);
        }
        self.work_on(parent, ancestry, |inner, loaded| {
            if let Some((_, executed)) = inner.results.get(&name) {
                return Ok(executed.clone());
            }
            let executed = Arc::new(loaded.step(parent, content, name)?);
            inner.remember(name, content.height, executed.clone());
            Ok(executed)
        })
        .await
    }

    /// Reads the engine as it stands on `parent`: what a proposer must know before it builds.
    pub async fn read_on<R>(
        &self,
        parent: BlockDigest,
        ancestry: impl Ancestry<NodeBlock>,
        mut reader: impl FnMut(&Engine) -> R + Send,
    ) -> Result<R, ExecuteError> {
        self.work_on(parent, ancestry, |_, loaded| Ok(reader(&loaded.engine))).await
    }

    /// Moves the engine to `parent` and does `work` there, all under one lock. Ancestors that the engine lacks are
    /// fetched before, without the lock.
    async fn work_on<R>(
        &self,
        parent: BlockDigest,
        mut ancestry: impl Ancestry<NodeBlock>,
        mut work: impl FnMut(&mut Inner, &mut Loaded) -> Result<R, ExecuteError> + Send,
    ) -> Result<R, ExecuteError> {
        let mut route: Vec<RouteBlock> = Vec::new();
        loop {
            if let Some(result) = self.attempt(parent, &route, &mut work)? {
                return Ok(result);
            }
            let wanted = route.last().map_or(parent, |block| block.parent);
            let ancestor = ancestry.next().await.ok_or(ExecuteError::AncestryEnded { digest: wanted })?;
            let block = ancestor.inner();
            let (digest, height) = (block.block_digest(), block.header().height);
            if digest != wanted {
                return Err(ExecuteError::Abandoned { digest, height });
            }
            let content = verified::content(block, &self.blinding, |_| None)?;
            route.push(RouteBlock { digest, parent: block.header().parent, content });
        }
    }

    /// A name for a block under construction. No block has it, and no other draft.
    pub fn draft(&self) -> BlockDigest {
        let mut inner = self.inner.lock();
        inner.drafts = inner.drafts.wrapping_add(1);
        BlockDigest(sha256(&[b"palisade/draft/", &inner.drafts.to_be_bytes()]))
    }

    /// Gives a draft the name of the block it became.
    pub fn adopt(&self, draft: BlockDigest, digest: BlockDigest) {
        let mut inner = self.inner.lock();
        let Some(loaded) = inner.loaded.as_mut() else { return };
        if let Some(step) = loaded.path.iter_mut().find(|step| step.digest == draft) {
            step.digest = digest;
        }
        if let Some(result) = inner.results.remove(&draft) {
            inner.results.insert(digest, result);
        }
    }

    /// Notes that a block is final: undo below it goes if the engine stands on its branch.
    pub fn finalized(&self, digest: BlockDigest, height: Height) {
        let mut inner = self.inner.lock();
        inner.results.retain(|_, (result_height, _)| *result_height > height);
        if let Some(loaded) = inner.loaded.as_mut()
            && height > loaded.finalized.height
        {
            loaded.finalized = Point { digest, height };
            loaded.trim();
        }
    }

    /// How many blocks a child of a block at `parent` would lie above the newest finalized block; none if nothing is
    /// loaded yet, because then nothing is known of it.
    pub fn unfinalized_above(&self, parent: Height) -> u64 {
        let inner = self.inner.lock();
        let above = |loaded: &Loaded| parent.get().saturating_add(1).saturating_sub(loaded.finalized.height.get());
        inner.loaded.as_ref().map_or(0, above)
    }

    /// Where the engine stands, if one is loaded.
    pub fn position(&self) -> Option<(BlockDigest, Height)> {
        let inner = self.inner.lock();
        let Point { digest, height } = inner.loaded.as_ref()?.position();
        Some((digest, height))
    }

    fn remembered(&self, name: BlockDigest, height: Height) -> Option<Arc<Executed>> {
        let inner = self.inner.lock();
        let of_a_fork = || inner.results.values().find(|(of, _)| *of == height && is_planted(Mutant::ReadForkState));
        inner.results.get(&name).or_else(of_a_fork).map(|(_, executed)| executed.clone())
    }

    /// Moves to `parent` along `route` (newest first) and works there; `None` if the route does not connect yet.
    fn attempt<R>(
        &self,
        parent: BlockDigest,
        route: &[RouteBlock],
        work: &mut impl FnMut(&mut Inner, &mut Loaded) -> Result<R, ExecuteError>,
    ) -> Result<Option<R>, ExecuteError> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let mut loaded = inner.loaded.take().ok_or(ExecuteError::NotLoaded)?;
        let (start, missing) = match loaded.standing(parent, route) {
            Standing::Connected { start, missing } => (start, missing),
            Standing::Disconnected => {
                inner.loaded = Some(loaded);
                return Ok(None);
            }
            Standing::Abandoned(error) => {
                inner.loaded = Some(loaded);
                return Err(error);
            }
        };
        // An engine that panics is dropped with the closure's frame; one that does not is put back.
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let result = loaded.walk(start, &route[..missing]).and_then(|()| work(inner, &mut loaded));
            loaded.trim();
            (loaded, result)
        }));
        match unwound {
            Ok((loaded, result)) => {
                inner.loaded = Some(loaded);
                result.map(Some)
            }
            Err(panic) => Err(ExecuteError::Panicked { what: panic_message(&*panic) }),
        }
    }
}

impl Inner {
    fn remember(&mut self, name: BlockDigest, height: Height, executed: Arc<Executed>) {
        if self.results.len() >= RESULTS_REMEMBERED_MAX {
            let lowest = self.results.iter().min_by_key(|(_, (height, _))| *height).map(|(digest, _)| *digest);
            if let Some(digest) = lowest {
                self.results.remove(&digest);
            }
        }
        self.results.insert(name, (height, executed));
    }
}

impl Loaded {
    fn knows(&self, digest: BlockDigest) -> bool {
        self.base.digest == digest || self.path.iter().any(|step| step.digest == digest)
    }

    fn position(&self) -> Point {
        self.path.last().map_or(self.base, |step| Point { digest: step.digest, height: step.height })
    }

    /// How much of the route is needed now: the engine may have come over to a part of it meanwhile, or the
    /// finalized chain may have grown into it.
    fn standing(&self, parent: BlockDigest, route: &[RouteBlock]) -> Standing {
        let starts = std::iter::once(parent).chain(route.iter().map(|block| block.parent));
        if let Some((missing, start)) = starts.enumerate().find(|(_, start)| self.knows(*start)) {
            return Standing::Connected { start, missing };
        }
        match route.last() {
            Some(lowest) if lowest.content.height <= self.base.height => {
                let (digest, height) = (lowest.digest, lowest.content.height);
                Standing::Abandoned(ExecuteError::Abandoned { digest, height })
            }
            _ => Standing::Disconnected,
        }
    }

    /// Rewinds to `start` and executes the route (newest first in the slice).
    fn walk(&mut self, start: BlockDigest, route: &[RouteBlock]) -> Result<(), ExecuteError> {
        self.rewind(start);
        route.iter().rev().try_for_each(|block| self.step(block.parent, &block.content, block.digest).map(drop))
    }

    fn rewind(&mut self, target: BlockDigest) {
        while self.path.last().is_some_and(|step| step.digest != target) {
            if let Some(step) = self.path.pop() {
                self.engine.revert(step.undo);
            }
        }
    }

    fn step(
        &mut self,
        parent: BlockDigest,
        content: &BlockContent,
        name: BlockDigest,
    ) -> Result<Executed, ExecuteError> {
        // Only a version that the state asks for and this binary lacks is the binary's fault.
        let (expected, found) = (self.engine.next_protocol_version(), content.protocol_version);
        if found != expected {
            return Err(InvalidBlock::WrongVersion { expected, found }.into());
        }
        let rules = Rules::at(found)?;
        let input = BlockInput {
            height: content.height,
            time_ms: content.time_ms,
            parent,
            oracle_bundle: content.oracle_bundle.as_ref(),
            actions: &content.actions,
        };
        let outcome = self.engine.execute(&rules, &input)?;
        #[cfg(test)]
        poison::trip(content);
        self.path.push(Step { digest: name, height: content.height, undo: outcome.undo });
        Ok(Executed { writes: outcome.writes, receipts: outcome.receipts, events: outcome.events })
    }

    /// Drops undo at and below the finalized block if the engine stands on its branch.
    fn trim(&mut self) {
        let finalized = self.finalized;
        if let Some(position) = self.path.iter().position(|step| step.digest == finalized.digest) {
            self.path.drain(..=position);
            self.base = finalized;
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
pub mod poison;
#[cfg(test)]
mod tests;
