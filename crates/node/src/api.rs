//! What a node answers, in process: the [`NodeApi`] of gateways, agents and the JSON-RPC server.
//!
//! Rules:
//! - **Finalized only.** Answers come from the [`FinalView`], the archive of results and the stores of finalized
//!   blocks; the executing engine is never asked.
//! - **Any runtime may ask.** What touches storage or waits runs as a task of the node's own runtime; the caller only
//!   awaits the answer. When the node ends, callers get [`ApiError::Unavailable`].
//! - **Waiting is bounded** in time and in number.

use crate::{
    clock::NodeClock,
    final_view::{FinalView, ReceiptPlace},
    mempool::Mempool,
    metrics,
    node::Runtime,
    prover::{self, ProveError},
    receipt_index::ReceiptIndex,
    results::ResultsArchive,
    status::{Status as NodeStatus, Voting},
    store::StateStore,
    wiring::MarshalMailbox,
};
use async_trait::async_trait;
use commonware_macros::select;
use commonware_utils::sync::Mutex;
use palisade_client::{
    api::{
        AccountInfo, ApiError, BlockRequests, Book, ComboBook, Combos, Debts, FinalizedBlock, MarketInfo, NodeApi,
        PoolInfo, ReceiptInfo, SignerRole, Status, SyntheticInfo,
    },
    proof::{ProofBundle, ProofRequest},
    what_if::{MarginQuestion, WhatIf, WhatIfAnswer},
};
use palisade_engine::{rules::NEWEST_VERSION, what_if};
use palisade_types::{
    address::{AccountId, SignerId},
    envelope::SignedAction,
    genesis::Genesis,
    hash::{ActionId, BlockDigest, GenesisHash},
    ids::{ComboId, Height, MarketId, OrderId, UniverseId},
    market::AssetSpec,
    oracle::SignedOracleVote,
    order::{OpenOrder, OrderReference},
    rejection::Rejection,
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

pub mod answers;
pub mod products;

/// Longest that a request may wait.
pub const WAIT_MAX_MS: u64 = 60_000;
/// Most requests that wait or read from storage at a time.
pub const TASKS_MAX: usize = 4_096;
/// How long a count of peers is good for.
const PEERS_COUNTED_EVERY: Duration = Duration::from_secs(1);
/// How often a proof is tried again while its block has no certificate yet, and how many times.
const CERTIFICATE_RETRY: (Duration, u32) = (Duration::from_millis(50), 40);

/// The parts of a node that answers are made from.
pub struct NodeParts<E: Runtime> {
    /// What the chain starts from.
    pub genesis: Arc<Genesis>,
    /// The seat of this node, if it has one.
    pub seat: Option<u32>,
    /// The finalized state.
    pub view: FinalView,
    /// What waits for a block.
    pub mempool: Mempool,
    /// The state database.
    pub state: StateStore<E>,
    /// Receipts and events by height.
    pub results: ResultsArchive<E>,
    /// Where receipts are, by name.
    pub receipts: ReceiptIndex<E>,
    /// Finalized blocks and their certificates.
    pub marshal: MarshalMailbox,
    /// What the node says of itself.
    pub status: NodeStatus,
    /// What it takes for the time.
    pub clock: NodeClock,
}

impl<E: Runtime> Clone for NodeParts<E> {
    fn clone(&self) -> Self {
        Self {
            genesis: self.genesis.clone(),
            seat: self.seat,
            view: self.view.clone(),
            mempool: self.mempool.clone(),
            state: self.state.clone(),
            results: self.results.clone(),
            receipts: self.receipts.clone(),
            marshal: self.marshal.clone(),
            status: self.status.clone(),
            clock: self.clock,
        }
    }
}

/// The [`NodeApi`] of a running node. Clones share it.
pub struct LocalNode<E: Runtime>(Arc<Inner<E>>);

struct Inner<E: Runtime> {
    context: E,
    parts: NodeParts<E>,
    genesis_hash: GenesisHash,
    tasks: AtomicUsize,
    peers: Mutex<Option<(SystemTime, u32)>>,
    /// All markets as of a block: every subscription asks, and an option's greeks take time.
    markets: Mutex<Option<(BlockDigest, Arc<Vec<MarketInfo>>)>>,
}

impl<E: Runtime> Clone for LocalNode<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Counts a task for as long as it lives.
struct Running<E: Runtime>(Arc<Inner<E>>);

impl<E: Runtime> Drop for Running<E> {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<E: Runtime> LocalNode<E> {
    /// Answers from `parts`; waits and reads in tasks of `context`.
    pub fn new(context: E, parts: NodeParts<E>) -> Self {
        let genesis_hash = parts.genesis.hash();
        Self(Arc::new(Inner {
            context,
            parts,
            genesis_hash,
            tasks: AtomicUsize::new(0),
            peers: Mutex::default(),
            markets: Mutex::default(),
        }))
    }

    /// Runs `task` on the node's own runtime.
    async fn run<T, F, Fut>(&self, task: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner<E>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        if self.0.tasks.fetch_add(1, Ordering::Relaxed) >= TASKS_MAX {
            self.0.tasks.fetch_sub(1, Ordering::Relaxed);
            return Err(ApiError::Unavailable { reason: format!("more than {TASKS_MAX} requests are waiting") });
        }
        let running = Running(self.0.clone());
        let handle = self.0.context.child("api").spawn(move |_| async move { task(running.0.clone()).await });
        handle.await.unwrap_or_else(|_| Err(ApiError::Unavailable { reason: "the node is stopping".to_owned() }))
    }

    fn read<R>(&self, reader: impl FnOnce(&crate::final_view::View) -> R) -> Result<R, ApiError> {
        self.0.parts.view.read(reader).ok_or_else(starting)
    }
}

fn starting() -> ApiError {
    ApiError::Unavailable { reason: "the node is starting: its state is not loaded yet".to_owned() }
}

fn not_found(what: impl std::fmt::Display) -> ApiError {
    ApiError::NotFound { what: what.to_string() }
}

fn unavailable(error: impl std::fmt::Display) -> ApiError {
    ApiError::Unavailable { reason: error.to_string() }
}

/// What is on record and has numbers that do not fit is a fault of the engine, never of the request.
fn unanswerable(rejection: Rejection) -> ApiError {
    ApiError::Unavailable { reason: format!("its numbers have no answer: {rejection}") }
}

impl<E: Runtime> Inner<E> {
    /// The finalized block at `height`, from memory or from the stores; `None` if it is still to come.
    async fn block(&self, height: Height) -> Result<Option<Arc<FinalizedBlock>>, ApiError> {
        let (tip, recent) =
            self.parts.view.read(|view| (view.tip.header.height, view.block(height))).ok_or_else(starting)?;
        if height > tip {
            return Ok(None);
        }
        if recent.is_some() {
            return Ok(recent);
        }
        let block = prover::stored_block(&self.parts.marshal, height)
            .await
            .ok_or_else(|| not_found(format_args!("block {height}")))?;
        if height == Height::new(0) {
            return Ok(Some(Arc::new(FinalizedBlock {
                digest: block.block_digest(),
                header: block.header().clone(),
                receipts: Vec::new(),
                events: Vec::new(),
            })));
        }
        let results = self.parts.results.get(height).await;
        let results = results.map_err(unavailable)?;
        let Some(results) = results else {
            return Err(ApiError::Pruned { height, oldest: height.next() });
        };
        let intact = results.digest == block.block_digest()
            && results.receipts_root() == block.header().receipts_root
            && results.events_root() == block.header().events_root;
        if !intact {
            let reason = format!("the stored results of block {height} are damaged; a restart makes them anew");
            return Err(ApiError::Unavailable { reason });
        }
        Ok(Some(Arc::new(FinalizedBlock {
            digest: results.digest,
            header: block.header().clone(),
            receipts: results.receipts,
            events: results.events,
        })))
    }

    /// Asks `question` at every new height until it has an answer or the time is over.
    async fn wait<T, Fut>(
        self: Arc<Self>,
        wait_ms: u64,
        question: impl Fn(Arc<Self>) -> Fut + Send,
    ) -> Result<Option<T>, ApiError>
    where
        T: Send,
        Fut: Future<Output = Result<Option<T>, ApiError>> + Send,
    {
        let mut heights = self.parts.view.heights();
        let deadline = self.context.current() + Duration::from_millis(wait_ms.min(WAIT_MAX_MS));
        loop {
            heights.borrow_and_update();
            if let Some(answer) = question(self.clone()).await? {
                return Ok(Some(answer));
            }
            if wait_ms == 0 {
                return Ok(None);
            }
            select! {
                changed = heights.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                },
                _ = self.context.sleep_until(deadline) => return Ok(None),
            }
        }
    }

    /// The receipt of an action of a recent block.
    async fn recent_receipt(&self, action: ActionId) -> Result<Option<ReceiptInfo>, ApiError> {
        let place = self.parts.view.read(|view| view.receipt_place(&action)).ok_or_else(starting)?;
        match place {
            Some(place) => self.receipt_at(action, place).await.map(Some),
            None => Ok(None),
        }
    }

    /// The receipt of an action of any block that is indexed.
    async fn indexed_receipt(&self, action: ActionId) -> Result<Option<ReceiptInfo>, ApiError> {
        match self.parts.receipts.get(&action).await.map_err(unavailable)? {
            Some(place) => self.receipt_at(action, place).await.map(Some),
            None => Ok(None),
        }
    }

    async fn receipt_at(&self, action: ActionId, place: ReceiptPlace) -> Result<ReceiptInfo, ApiError> {
        let ReceiptPlace { height, index } = place;
        let block = self.block(height).await?.ok_or_else(|| not_found(format_args!("block {height}")))?;
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let receipt = block.receipts.get(position).cloned().ok_or_else(|| not_found(action))?;
        Ok(ReceiptInfo { height, time_ms: block.header.time_ms, index, receipt })
    }

    /// The receipt of an action, waited for if it is still to come. Of a recent block it is in memory; it may have become
    /// an indexed one while we waited.
    async fn receipt(self: Arc<Self>, action: ActionId, wait_ms: u64) -> Result<Option<ReceiptInfo>, ApiError> {
        if let Some(receipt) = self.recent_receipt(action).await? {
            return Ok(Some(receipt));
        }
        if let Some(receipt) = self.indexed_receipt(action).await? {
            return Ok(Some(receipt));
        }
        let question = move |inner: Arc<Self>| async move { inner.recent_receipt(action).await };
        if let Some(receipt) = self.clone().wait(wait_ms, question).await? {
            return Ok(Some(receipt));
        }
        let receipt = self.indexed_receipt(action).await?;
        if receipt.is_none() {
            self.check_indexed()?;
        }
        Ok(receipt)
    }

    /// That a receipt which was not found is nowhere: between what is indexed and what is known by name lies nothing.
    fn check_indexed(&self) -> Result<(), ApiError> {
        let named_from = self.parts.view.read(crate::final_view::View::named_from).ok_or_else(starting)?;
        let indexed = self.parts.receipts.height();
        if indexed.next() >= named_from {
            return Ok(());
        }
        Err(ApiError::Unavailable {
            reason: format!("receipts are being indexed after a start, at block {indexed} of {named_from}: ask again"),
        })
    }

    /// Where the receipt of an action is.
    async fn receipt_place(&self, action: &ActionId) -> Result<ReceiptPlace, ApiError> {
        let recent = self.parts.view.read(|view| view.receipt_place(action)).ok_or_else(starting)?;
        if let Some(place) = recent {
            return Ok(place);
        }
        let indexed = self.parts.receipts.get(action).await.map_err(unavailable)?;
        if indexed.is_none() {
            self.check_indexed()?;
        }
        indexed.ok_or_else(|| not_found(format_args!("the receipt of action {action}")))
    }

    async fn prove(&self, request: &ProofRequest) -> Result<ProofBundle, ApiError> {
        let parts = &self.parts;
        let (pause, attempts) = CERTIFICATE_RETRY;
        let mut attempt = 0u32;
        loop {
            let bundle = match (prover::state_key(request), request) {
                (Some(key), _) => prover::state_bundle(&parts.state, &parts.marshal, request.clone(), key).await,
                (None, ProofRequest::Receipt { action }) => {
                    let place = self.receipt_place(action).await?;
                    prover::receipt_bundle(&parts.results, &parts.marshal, request.clone(), place).await
                }
                (None, _) => return Err(not_found("a proof of that kind")),
            };
            match bundle {
                Ok(bundle) => return Ok(bundle),
                // The newest block may be applied a moment before a certificate is stored.
                Err(ProveError::NotCertified { .. } | ProveError::BlockMissing { .. }) if attempt < attempts => {
                    attempt = attempt.saturating_add(1);
                    self.context.sleep(pause).await;
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// How many peers are connected, counted at most once a second: it means reading every metric.
    fn peers_connected(&self) -> u32 {
        let now = self.context.current();
        let mut counted = self.peers.lock();
        let recent = counted.filter(|(at, _)| now.duration_since(*at).is_ok_and(|age| age < PEERS_COUNTED_EVERY));
        let (at, peers) = recent.unwrap_or_else(|| (now, metrics::connected_peers(&self.context.encode())));
        *counted = Some((at, peers));
        peers
    }

    fn status(&self) -> Result<Status, ApiError> {
        let parts = &self.parts;
        let peers_connected = self.peers_connected();
        let load = parts.mempool.load();
        let clock_ms = parts.clock.now_ms(&self.context);
        let answer = parts.view.read(|view| {
            let header = &view.tip.header;
            Status {
                chain_id: parts.genesis.chain_id,
                chain_name: parts.genesis.name.clone(),
                genesis_hash: self.genesis_hash,
                protocol_version: NEWEST_VERSION,
                height: header.height,
                digest: view.tip.digest,
                state_root: header.state_root,
                time_ms: header.time_ms,
                clock_ms,
                oldest_height: Height::new(1),
                seat_count: u32::try_from(parts.genesis.seats.len()).unwrap_or(u32::MAX),
                seat: parts.seat,
                voting: parts.status.voting() == Some(Voting::Votes),
                peers_connected,
                mempool_actions: load.actions as u64,
                mempool_own_actions: load.own as u64,
                chain_halted: view.state.chain().halted.is_some(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }
        });
        answer.ok_or_else(starting)
    }
}

#[async_trait]
impl<E: Runtime> NodeApi for LocalNode<E> {
    async fn status(&self) -> Result<Status, ApiError> {
        self.0.status()
    }

    async fn genesis(&self) -> Result<Arc<Genesis>, ApiError> {
        Ok(self.0.parts.genesis.clone())
    }

    async fn block(&self, height: Height, wait_ms: u64) -> Result<Arc<FinalizedBlock>, ApiError> {
        if let Some(block) = self.read(|view| view.block(height))? {
            return Ok(block);
        }
        let question = move |inner: Arc<Inner<E>>| async move { inner.block(height).await };
        let block = self.run(move |inner| inner.wait(wait_ms, question)).await?;
        block.ok_or_else(|| late(wait_ms, format_args!("block {height}")))
    }

    async fn block_actions(&self, height: Height) -> Result<Vec<SignedAction>, ApiError> {
        let known = self.read(|view| view.tip.header.height)?;
        if height > known {
            return Err(not_found(format_args!("block {height}")));
        }
        let block = self.run(move |inner| async move { Ok(prover::stored_block(&inner.parts.marshal, height).await) });
        let block = block.await?.ok_or_else(|| not_found(format_args!("block {height}")))?;
        Ok(block.body().actions.clone())
    }

    async fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError> {
        self.0.parts.mempool.submit(action)
    }

    async fn submit_oracle_vote(&self, vote: SignedOracleVote) -> Result<(), ApiError> {
        let submitted = self.0.parts.mempool.submit_vote(vote, self.0.parts.clock.now_ms(&self.0.context));
        submitted.map_err(|error| ApiError::InvalidRequest { reason: error.to_string() })
    }

    async fn receipt(&self, action: ActionId, wait_ms: u64) -> Result<ReceiptInfo, ApiError> {
        let receipt = self.run(move |inner| inner.receipt(action, wait_ms)).await?;
        receipt.ok_or_else(|| late(wait_ms, format_args!("the receipt of action {action}")))
    }

    async fn assets(&self) -> Result<Vec<AssetSpec>, ApiError> {
        self.read(|view| view.state.assets().cloned().collect())
    }

    async fn markets(&self) -> Result<Arc<Vec<MarketInfo>>, ApiError> {
        let known = self.0.markets.lock().clone();
        let (tip, markets) = self.read(|view| {
            let tip = view.tip.digest;
            let known = known.filter(|(at, _)| *at == tip).map(|(_, markets)| markets);
            (tip, known.unwrap_or_else(|| Arc::new(answers::markets(view))))
        })?;
        *self.0.markets.lock() = Some((tip, markets.clone()));
        Ok(markets)
    }

    async fn book(&self, market: MarketId, depth: u32) -> Result<Book, ApiError> {
        self.read(|view| answers::book(view, market, depth))?.ok_or_else(|| not_found(format_args!("market {market}")))
    }

    async fn account(&self, account: AccountId) -> Result<AccountInfo, ApiError> {
        self.read(|view| answers::account(view, &self.0.parts.genesis, account))?.map_err(unanswerable)
    }

    async fn open_orders(&self, account: AccountId) -> Result<Vec<OpenOrder>, ApiError> {
        self.read(|view| answers::open_orders(view, account))
    }

    async fn open_order(&self, account: AccountId, order: OrderReference) -> Result<OpenOrder, ApiError> {
        let found = self.read(|view| view.state.order_of(account, order).map(|record| record.order))?;
        found.ok_or_else(|| not_found("an open order of that account and name"))
    }

    async fn open_order_by_id(&self, order: OrderId) -> Result<OpenOrder, ApiError> {
        let found = self.read(|view| view.state.order(order).map(|record| record.order))?;
        found.ok_or_else(|| not_found(format_args!("open order {order}")))
    }

    async fn signer_role(&self, signer: SignerId) -> Result<SignerRole, ApiError> {
        self.read(|view| answers::signer_role(view, signer))
    }

    async fn margin(&self, question: WhatIf) -> Result<WhatIfAnswer, ApiError> {
        what_if::answer(&question).map_err(|error| ApiError::InvalidRequest { reason: error.to_string() })
    }

    async fn margin_question(&self, account: AccountId, universe: UniverseId) -> Result<MarginQuestion, ApiError> {
        let asked = self.read(|view| {
            let question = what_if::question(&view.state, account, universe)?;
            Ok::<_, Rejection>(MarginQuestion {
                question,
                left_out: what_if::left_out(&view.state, account, universe)?,
            })
        })?;
        asked.map_err(|rejection| match rejection {
            Rejection::UnknownUniverse { universe } => not_found(format_args!("universe {universe}")),
            rejection => unanswerable(rejection),
        })
    }

    async fn synthetics(&self) -> Result<Vec<SyntheticInfo>, ApiError> {
        self.read(products::synthetics)
    }

    async fn debts(&self, account: AccountId) -> Result<Debts, ApiError> {
        self.read(|view| products::debts(view, account))?.map_err(unanswerable)
    }

    async fn combos(&self, from: ComboId, limit: u32) -> Result<Combos, ApiError> {
        self.read(|view| products::combos(view, from, limit))
    }

    async fn combo_book(&self, combo: ComboId, depth: u32) -> Result<ComboBook, ApiError> {
        self.read(|view| products::combo_book(view, combo, depth))?.map_err(|rejection| match rejection {
            Rejection::UnknownCombo { combo } => not_found(format_args!("combo {combo}")),
            rejection => unanswerable(rejection),
        })
    }

    async fn block_requests(&self, account: AccountId) -> Result<BlockRequests, ApiError> {
        self.read(|view| products::block_requests(view, account))
    }

    async fn pool(&self, market: MarketId) -> Result<PoolInfo, ApiError> {
        let found = self.read(|view| products::pool(view, market))?;
        found.ok_or_else(|| not_found(format_args!("a liquidity pool of market {market}")))
    }

    async fn prove(&self, request: ProofRequest) -> Result<ProofBundle, ApiError> {
        self.run(move |inner| async move { inner.prove(&request).await }).await
    }
}

fn late(wait_ms: u64, what: impl std::fmt::Display) -> ApiError {
    if wait_ms == 0 { not_found(what) } else { ApiError::Timeout { timeout_ms: wait_ms.min(WAIT_MAX_MS) } }
}
