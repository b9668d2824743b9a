//! Following the chain: reads finalized blocks in order, applies them to history and tells everyone who listens.

use super::{
    apply::{BlockUpdate, History},
    directory::Directory,
};
use crate::config::HistoryLimits;
use palisade_client::api::{ApiError, FinalizedBlock, NodeApi};
use palisade_types::{
    event::Event,
    ids::{AssetId, Height, UniverseId},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};
use tokio::sync::{broadcast, watch};

/// Updates that a slow listener may lag behind before it is cut off.
const UPDATES_MAX: usize = 1_024;
/// How long one question for the next block waits.
const BLOCK_WAIT_MS: u64 = 2_000;
/// Pause after an error of the node.
const RETRY_MS: u64 = 200;
/// Levels of a pushed book.
pub const BOOK_DEPTH: u32 = 20;
/// Behind the node by more than this, history counts as catching up and nobody waits for it.
const CATCHING_UP_BLOCKS: u64 = 64;

/// Why a gateway cannot follow its node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The node does not answer what the gateway needs to start.
    #[error("the node does not answer: {0}")]
    Node(#[from] ApiError),
}

/// History with those who listen to it.
pub struct Feed {
    node: Arc<dyn NodeApi>,
    history: RwLock<History>,
    directory: RwLock<Arc<Directory>>,
    /// Decimals of the sizes of options, by universe and underlying.
    option_decimals: BTreeMap<(UniverseId, AssetId), u8>,
    updates: broadcast::Sender<Arc<BlockUpdate>>,
    applied: watch::Sender<Height>,
    limits: HistoryLimits,
}

impl Feed {
    /// Reads what assets and markets there are; history is empty until [`Feed::follow`] runs.
    pub async fn new(node: Arc<dyn NodeApi>, limits: HistoryLimits) -> Result<Self, FeedError> {
        let directory = read_directory(node.as_ref()).await?;
        let mut history = History::new(limits);
        history.learn_markets(&directory);
        let mut option_decimals = BTreeMap::new();
        // A node without its genesis knows universes by number, and nothing of options that are gone.
        if let Ok(genesis) = node.genesis().await {
            for universe in &genesis.universes {
                history.learn_universe(universe.id, universe.name.clone());
            }
            for series in &genesis.option_series {
                option_decimals.insert((series.universe, series.underlying), series.size_decimals);
            }
        }
        Ok(Self {
            node,
            history: RwLock::new(history),
            directory: RwLock::new(Arc::new(directory)),
            option_decimals,
            updates: broadcast::channel(UPDATES_MAX).0,
            applied: watch::channel(Height::new(0)).0,
            limits,
        })
    }

    /// History for a moment: never hold it across an await.
    pub fn history(&self) -> RwLockReadGuard<'_, History> {
        self.history.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What assets and markets there are.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What every later block changes.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<BlockUpdate>> {
        self.updates.subscribe()
    }

    /// Returns once history holds `height`, or after `timeout`, or at once while it is far behind.
    pub async fn wait_for(&self, height: Height, timeout: Duration) {
        let mut applied = self.applied.subscribe();
        if height.get().saturating_sub(applied.borrow().get()) > CATCHING_UP_BLOCKS {
            return;
        }
        // A timeout is no error: the caller answers from the node and history follows.
        let _ = tokio::time::timeout(timeout, applied.wait_for(|applied| *applied >= height)).await;
    }

    /// Follows the chain until the task is dropped.
    pub async fn follow(&self) {
        let mut live = false;
        let mut next = self.first_height().await;
        loop {
            match self.node.block(next, BLOCK_WAIT_MS).await {
                Ok(block) => {
                    self.learn_options(&block);
                    let mut update = self.history.write().unwrap_or_else(PoisonError::into_inner).apply(&block);
                    if !live {
                        live = self.is_newest(next).await;
                    }
                    if live {
                        self.complete(&mut update).await;
                        // Nobody listening is no error.
                        let _ = self.updates.send(Arc::new(update));
                    }
                    self.applied.send_replace(next);
                    next = next.next();
                }
                Err(ApiError::Pruned { oldest, .. }) if oldest > next => next = oldest,
                Err(ApiError::Timeout { .. } | ApiError::NotFound { .. }) => {
                    live = true;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, height = next.get(), "the node does not give the next block");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }

    /// Learns the names of options where they are listed: those that were settled since are on no list of the node.
    fn learn_options(&self, block: &FinalizedBlock) {
        let listed: Vec<_> = block
            .events
            .iter()
            .filter_map(|event| match event {
                Event::OptionListed { market, symbol, universe, underlying, .. } => {
                    let size_decimals = self.option_decimals.get(&(*universe, *underlying)).copied()?;
                    Some((*market, symbol, size_decimals))
                }
                _ => None,
            })
            .collect();
        if listed.is_empty() {
            return;
        }
        let directory = {
            let mut known = self.directory.write().unwrap_or_else(PoisonError::into_inner);
            let directory = Arc::make_mut(&mut known);
            for (market, symbol, size_decimals) in listed {
                directory.learn_option(market, symbol, size_decimals);
            }
            Arc::clone(&known)
        };
        self.history.write().unwrap_or_else(PoisonError::into_inner).learn_markets(&directory);
    }

    async fn first_height(&self) -> Height {
        loop {
            match self.node.status().await {
                Ok(status) => {
                    let bounded = status.height.get().saturating_sub(self.limits.blocks);
                    return Height::new(status.oldest_height.get().max(bounded).max(1));
                }
                Err(error) => {
                    tracing::warn!(%error, "the node does not give its status");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }

    async fn is_newest(&self, height: Height) -> bool {
        self.node.status().await.is_ok_and(|status| status.height <= height)
    }

    /// Adds present books and prices, and notices new markets.
    async fn complete(&self, update: &mut BlockUpdate) {
        if let Ok(markets) = self.node.markets().await {
            let known = self.directory();
            if markets.iter().map(|market| market.spec.id).ne(known.markets().map(|spec| spec.id))
                && let Ok(directory) = read_directory(self.node.as_ref()).await
            {
                let directory = directory.after(&known);
                self.history.write().unwrap_or_else(PoisonError::into_inner).learn_markets(&directory);
                *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
            }
            update.markets = Some(markets);
        }
        for market in update.changed_books.clone() {
            if let Ok(book) = self.node.book(market, BOOK_DEPTH).await {
                update.books.insert(market, Arc::new(book));
            }
        }
    }
}

async fn read_directory(node: &dyn NodeApi) -> Result<Directory, ApiError> {
    let assets = node.assets().await?;
    let markets = node.markets().await?;
    Ok(Directory::new(assets, markets.iter().map(|market| market.spec.clone())))
}
