//! A validator: every part, in the order in which they must start.
//!
//! ```text
//! peers ── simplex ── Deferred ── Paced ── Stateful ── StateMachine ── EngineCache
//!             │           │                   │             └── archive of receipts, observers
//!          reporter    marshal ───────────────┘  (finalized blocks in order, acknowledged when durable)
//! ```
//!
//! The order: identity, archives, vote log; marshal and `Stateful` are made; the node subscribes to the
//! databases *before* marshal and simplex start, so that the first thing `Stateful` does is to hand them
//! over; then everything starts, the engine is loaded from a scan, missing receipts are made again, and the
//! node is ready. Proposing and verifying await the same latch, whoever comes first loads.
//!
//! All tasks are children of one task. Ending that one ends the node, at any moment: this is how tests kill
//! it. Nothing here knows which runtime it is on.

use crate::{
    application::{Observer, Shared, StateMachine, to_range},
    block::{BlockError, Digest, NodeBlock, consensus_namespace, to_public_key},
    config::{NodeConfig, Pruning},
    engine_cache::EngineCache,
    entropy::Blinding,
    final_view::FinalView,
    history,
    metrics::EngineMetrics,
    network::{NetworkOf, Transport},
    pacing::Paced,
    receipt_index::{self, ReceiptIndex, ReceiptIndexError},
    recovery::{self, BlockStores, IdentityError},
    repair::{self, RepairError, RepairSource},
    reporter::FaultRecorder,
    results::ResultsArchive,
    roots,
    source::Source,
    status::{Damage, Status, Store, Voting},
    store::{NoStateSync, StateStore, StateStoreConfig},
    wiring::{ARCHIVE_BUFFER_BYTES, MarshalMailbox, Scheme, Storages, VOTE_LOG_BUFFER_BYTES, Variant},
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{
        self,
        core::{Actor as MarshalActor, Floor as MarshalFloor},
        resolver::p2p as marshal_resolver,
        standard::Deferred,
    },
    simplex::{
        self,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
        scheme::reporter::AttributableReporter,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _, Sha256, Signer as _, certificate::ConstantProvider, ed25519};
use commonware_glue::stateful::{
    Config as StatefulConfig, PruneConfig, Stateful, SyncPlan,
    db::{DatabaseSet as _, SyncEngineConfig},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_utils::{NZDuration, NZU64, NZUsize, channel::oneshot, ordered::Set};
use futures::future::select_all;
use palisade_types::{block::OperationsRange, genesis::Genesis, hash::Root};
use rand_core_next::CryptoRng;
use std::{
    net::SocketAddr,
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tracing::{error, info, warn};

/// The only epoch there is: an epoch that ended without a next committee would stop the chain.
const EPOCH: Epoch = Epoch::new(palisade_types::genesis::EPOCH);
const EPOCH_BLOCKS: NonZeroU64 = NonZeroU64::MAX;
const MAILBOX_SIZE: NonZeroUsize = NZUsize!(1_024);
/// Blocks applied but not yet acknowledged as durable.
const PENDING_ACKNOWLEDGEMENTS_MAX: NonZeroUsize = NZUsize!(16);
/// Views behind the finalized one in which late votes are still compared for faults.
const VIEW_RETENTION: ViewDelta = ViewDelta::new(256);

/// Everything a runtime must offer to run a node.
pub trait Runtime: Spawner + Clock + Storage + Metrics + CryptoRng {}
impl<E: Spawner + Clock + Storage + Metrics + CryptoRng> Runtime for E {}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address to listen on is taken or not ours.
    #[error("cannot listen on {listen}: {reason}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the runtime said.
        reason: String,
    },
    /// The key has no seat.
    #[error("vote key {key} has no seat in the genesis")]
    NoSeat {
        /// The key.
        key: String,
    },
    /// A seat's key in the genesis is not a key.
    #[error("the genesis is invalid: {0}")]
    Genesis(#[from] BlockError),
    /// The data folder belongs to another chain or key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A store is damaged and could not be repaired.
    #[error("a damaged store could not be repaired: {0}")]
    Repair(#[from] RepairError),
    /// The index of receipts does not open, even when it is new.
    #[error(transparent)]
    ReceiptIndex(#[from] ReceiptIndexError),
    /// A part of the node ended while it was starting; the log says why.
    #[error("the node ended while it was starting")]
    Ended,
}

/// A part of the node that ended, which ends the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeExit {
    /// Which part.
    pub part: &'static str,
}

/// A running node.
pub struct NodeHandle<E: Runtime> {
    /// What all parts of the application share: engine, receipts, genesis.
    pub shared: Arc<Shared<E>>,
    /// The state database, for proofs.
    pub state: StateStore<E>,
    /// Finalized blocks and their certificates.
    pub marshal: MarshalMailbox,
    /// Where receipts are, by the names of their actions.
    pub receipts: ReceiptIndex<E>,
    /// What the node says of itself.
    pub status: Status,
    /// The signature scheme that certificates verify under.
    pub scheme: Scheme,
    task: Handle<NodeExit>,
}

impl<E: Runtime> NodeHandle<E> {
    /// Ends the node at once, wherever it is, as a kill would.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Resolves when the node ends by itself.
    pub async fn exited(self) -> Option<NodeExit> {
        self.task.await.ok()
    }
}

/// Starts a validator on `context` that proposes what `source` offers, keeps `view` at the newest finalized block
/// and tells `observers` what is final. Returns once the node knows its state.
pub async fn start<E, T>(
    context: E,
    config: NodeConfig,
    network: NetworkOf<T>,
    source: Source,
    view: FinalView,
    observers: Vec<Arc<dyn Observer>>,
) -> Result<NodeHandle<E>, StartError>
where
    E: Runtime,
    T: Transport,
{
    let (ready, started) = oneshot::channel();
    let task = context.spawn(move |context| async move {
        let (parts, handle) = match assemble::<E, T>(&context, config, network, Ends { source, view, observers }).await
        {
            Ok(assembled) => assembled,
            Err(error) => {
                let _ = ready.send(Err(error));
                return NodeExit { part: "start" };
            }
        };
        let _ = ready.send(Ok(handle));
        let (names, tasks): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let (_, index, _) = select_all(tasks).await;
        let exit = NodeExit { part: names[index] };
        error!(part = exit.part, "a part of the node ended");
        exit
    });
    let Started { shared, state, marshal, receipts, status, scheme } =
        started.await.map_err(|_| StartError::Ended)??;
    Ok(NodeHandle { shared, state, marshal, receipts, status, scheme, task })
}

struct Started<E: Runtime> {
    shared: Arc<Shared<E>>,
    state: StateStore<E>,
    marshal: MarshalMailbox,
    receipts: ReceiptIndex<E>,
    status: Status,
    scheme: Scheme,
}

type Parts = Vec<(&'static str, Handle<()>)>;

/// What the genesis and the key decide.
struct Committee {
    scheme: Scheme,
    follower: Scheme,
    own_key: ed25519::PublicKey,
}

impl Committee {
    fn new(genesis: &Genesis, vote_key: &ed25519::PrivateKey) -> Result<Self, StartError> {
        let namespace = consensus_namespace(&genesis.hash());
        let seats = genesis.seats.iter().map(|seat| to_public_key(&seat.vote_key)).collect::<Result<Vec<_>, _>>()?;
        let participants = Set::from_iter_dedup(seats);
        let own_key = vote_key.public_key();
        let no_seat = || StartError::NoSeat { key: own_key.to_string() };
        let scheme = Scheme::signer(&namespace, participants.clone(), vote_key.clone()).ok_or_else(no_seat)?;
        let follower = Scheme::member(&namespace, participants, &own_key).ok_or_else(no_seat)?;
        Ok(Self { scheme, follower, own_key })
    }
}

/// The block of height 0 of a chain.
pub fn genesis_block<E: Runtime>(genesis: &Genesis) -> Result<NodeBlock, BlockError> {
    let empty = StateStore::<E>::initial_sync_targets();
    let range: OperationsRange = to_range(&empty);
    let root: Root = roots::to_root(&empty.root);
    NodeBlock::genesis(genesis, root, range)
}

/// What was opened and checked before any actor exists.
struct Opened<E: Runtime> {
    storages: Storages,
    stores: BlockStores<E>,
    results: ResultsArchive<E>,
    receipts: ReceiptIndex<E>,
    voting: Voting,
}

async fn open<E: Runtime>(
    context: &E,
    config: &NodeConfig,
    committee: &Committee,
    status: &Status,
) -> Result<Opened<E>, StartError> {
    let pages = NonZeroUsize::new(config.page_cache_pages).unwrap_or(NonZeroUsize::MIN);
    let storages = Storages::new(config.partition_prefix.clone(), pages);
    let genesis_hash = config.genesis.hash();
    recovery::check_identity(context.child("identity"), &storages.prefix, genesis_hash, &committee.own_key).await?;
    let (log, cache) = (storages.vote_log(EPOCH.get()), storages.page_cache.clone());
    let stores = recovery::open_blocks(context, &storages, status).await?;
    let past = stores.past(status).await?;
    let results = recovery::open_results(context, &storages, &stores, status).await?;
    let receipts = ReceiptIndex::open(context, &storages, status).await?;
    let voting = recovery::check_vote_log(context.child("vote_log"), &log, &committee.scheme, cache, past).await?;
    status.set_voting(voting.clone());
    Ok(Opened { storages, stores, results, receipts, voting })
}

/// What the caller handed in besides the configuration.
struct Ends {
    source: Source,
    view: FinalView,
    observers: Vec<Arc<dyn Observer>>,
}

async fn assemble<E, T>(
    context: &E,
    config: NodeConfig,
    network: NetworkOf<T>,
    ends: Ends,
) -> Result<(Parts, Started<E>), StartError>
where
    E: Runtime,
    T: Transport,
{
    let status = Status::default();
    let committee = Committee::new(&config.genesis, &config.vote_key)?;
    let genesis_block = genesis_block::<E>(&config.genesis)?;
    let Opened { storages, stores, results, receipts, voting } = open(context, &config, &committee, &status).await?;
    let votes = voting == Voting::Votes;
    let scheme = if votes { committee.scheme } else { committee.follower };
    let log = if votes { storages.vote_log(EPOCH.get()) } else { storages.observer_log(EPOCH.get()) };

    let plan = SyncPlan::init(context.child("plan"), storages.sync_plan()).await;
    let genesis_digested = Digested::precomputed(genesis_block.clone(), genesis_block.digest());
    let provider = ConstantProvider::new(scheme.clone());
    let marshal_config = marshal_config(&storages, provider, plan.marshal_start(genesis_digested));
    let (marshal_actor, marshal, floor) = MarshalActor::<_, Variant, _, _, _, _, _>::init(
        context.child("marshal"),
        stores.certificates,
        stores.blocks,
        marshal_config,
    )
    .await;

    let source = ends.source.clone();
    let (shared, repair) = share(context, &config, &genesis_block, results, &marshal, &status, ends);
    let machine = StateMachine::new(shared.clone(), source.clone());
    let database = StateStoreConfig { database: storages.database(), repair: repair.clone(), status: status.clone() };
    let (stateful, application) = Stateful::new(
        context.child("stateful"),
        stateful_config(machine, database, (marshal.clone(), floor), plan, config.pruning),
    );
    let paced = Paced::new(application.clone(), source, config.clock);
    let epocher = FixedEpocher::new(EPOCH_BLOCKS);
    let deferred = Deferred::new(context.child("deferred"), paced, marshal.clone(), epocher);

    // The request for the databases is in Stateful's mailbox before anything else can be.
    let subscriber = application.clone();
    let mut databases = Box::pin(subscriber.subscribe_databases());
    let requested = futures::poll!(&mut databases);

    let NetworkParts { block_buffer, broadcast, fetcher, rest } =
        start_dissemination::<E, T>(context, &committee.own_key, network);
    let mut parts: Parts = vec![("broadcast", broadcast)];
    parts.push(("marshal", marshal_actor.start(application, block_buffer, fetcher)));
    parts.push(("stateful", stateful.start()));
    let engine =
        Simplex { scheme: scheme.clone(), genesis: genesis_block.digest(), log, storages, status: status.clone() };
    parts.push(("simplex", engine.start::<E, T>(context, &config, deferred, rest)));

    let state = match requested {
        Poll::Ready(state) => state,
        Poll::Pending => databases.await,
    };
    make_ready(context, &shared, &state, &repair).await?;
    parts.push(("receipt_index", start_index(context, &shared, receipts.clone())));
    info!(height = ?shared.cache.position().map(|(_, height)| height), ?voting, "the node is ready");
    Ok((parts, Started { shared, state, marshal, receipts, status, scheme }))
}

/// What the parts of the node have in common, and where lost receipts are made again from.
fn share<E: Runtime>(
    context: &E,
    config: &NodeConfig,
    genesis_block: &NodeBlock,
    results: ResultsArchive<E>,
    marshal: &MarshalMailbox,
    status: &Status,
    ends: Ends,
) -> (Arc<Shared<E>>, RepairSource) {
    let blinding = Arc::new(Blinding::draw(&mut context.child("blinding")));
    let repair = RepairSource { genesis: config.genesis.clone(), marshal: marshal.clone(), blinding: blinding.clone() };
    let shared = Shared {
        genesis: config.genesis.clone(),
        genesis_hash: config.genesis.hash(),
        genesis_block: genesis_block.clone(),
        cache: EngineCache::new(config.genesis.clone(), blinding),
        results,
        marshal: marshal.clone(),
        status: status.clone(),
        metrics: EngineMetrics::register(context),
        clock: config.clock,
        view: ends.view,
        observers: ends.observers,
        #[cfg(test)]
        pause: crate::tests::pause::Pause::default(),
    };
    (Arc::new(shared), repair)
}

/// Starts what keeps the index of receipts at the newest finalized block. The archive is whole by now.
fn start_index<E: Runtime>(context: &E, shared: &Shared<E>, index: ReceiptIndex<E>) -> Handle<()> {
    let (view, results) = (shared.view.clone(), shared.results.clone());
    context.child("receipts").spawn(move |_| receipt_index::follow(index, view, results))
}

/// Loads the engine, and what readers want of the past.
async fn make_ready<E: Runtime>(
    context: &E,
    shared: &Shared<E>,
    state: &StateStore<E>,
    repair: &RepairSource,
) -> Result<(), StartError> {
    shared.ensure_loaded(state).await;
    restore_results(shared, repair).await?;
    let (view, results, marshal) = (shared.view.clone(), shared.results.clone(), shared.marshal.clone());
    context.child("recall").spawn(move |_| history::recall(view, results, marshal));
    Ok(())
}

fn stateful_config<E: Runtime>(
    application: StateMachine<E>,
    db_config: StateStoreConfig,
    marshal: (MarshalMailbox, MarshalFloor),
    plan: SyncPlan<E, Scheme, Variant>,
    pruning: Pruning,
) -> StatefulConfig<E, StateMachine<E>, Variant, NoStateSync, Sequential> {
    StatefulConfig {
        application,
        db_config,
        provider: (),
        marshal,
        mailbox_size: MAILBOX_SIZE,
        plan,
        resolvers: NoStateSync,
        sync_config: SyncEngineConfig {
            fetch_batch_size: NZU64!(1),
            apply_batch_size: NZU64!(1),
            max_outstanding_requests: NZUsize!(1),
        },
        prune_config: Some(PruneConfig {
            maintenance_interval: pruning.interval_blocks,
            retained_marshal_blocks: pruning.retained_blocks,
            retained_qmdb_blocks: pruning.retained_blocks,
        }),
        strategy: Sequential,
    }
}

/// Makes the receipts of applied blocks that are missing. A crash leaves none out, because receipts are synced
/// before the state is applied: what is missing was lost.
async fn restore_results<E: Runtime>(shared: &Shared<E>, repair: &RepairSource) -> Result<(), StartError> {
    // The engine may stand on a candidate by now; the view stands on what is applied.
    let Some((height, _)) = shared.view.tip() else { return Ok(()) };
    let restored = repair::rebuild_results(&shared.results, repair, height).await?;
    if restored > 0 {
        warn!(restored, "receipts of finalized blocks were lost and made again");
        let reason = format!("the receipts of {restored} applied blocks were missing");
        shared.status.report(Damage { store: Store::Results, reason, repaired: false });
    }
    shared.status.repaired(Store::Results);
    Ok(())
}

fn marshal_config(
    storages: &Storages,
    provider: ConstantProvider<Scheme, Epoch>,
    start: marshal::Start<Scheme, Digest, Digested<NodeBlock>>,
) -> marshal::Config<ConstantProvider<Scheme, Epoch>, FixedEpocher, Sequential, NodeBlock, Digested<NodeBlock>> {
    marshal::Config {
        provider,
        epocher: FixedEpocher::new(EPOCH_BLOCKS),
        start,
        partition_prefix: storages.marshal(),
        mailbox_size: MAILBOX_SIZE,
        view_retention: VIEW_RETENTION,
        prunable_items_per_section: NZU64!(256),
        page_cache: storages.page_cache.clone(),
        replay_buffer: ARCHIVE_BUFFER_BYTES,
        key_write_buffer: ARCHIVE_BUFFER_BYTES,
        value_write_buffer: ARCHIVE_BUFFER_BYTES,
        block_codec_config: (),
        max_repair: NZUsize!(64),
        max_pending_acks: PENDING_ACKNOWLEDGEMENTS_MAX,
        strategy: Sequential,
    }
}

/// The channels that are left for simplex.
struct SimplexNetwork<T: Transport> {
    votes: (T::Tx, T::Rx),
    certificates: (T::Tx, T::Rx),
    fetch: (T::Tx, T::Rx),
    blocker: T::Blocker,
}

type Fetcher = (
    commonware_consensus::marshal::resolver::handler::Receiver<Digest>,
    marshal_resolver::Mailbox<Digest, ed25519::PublicKey>,
);

struct NetworkParts<T: Transport> {
    block_buffer: buffered::Mailbox<ed25519::PublicKey, NodeBlock>,
    broadcast: Handle<()>,
    fetcher: Fetcher,
    rest: SimplexNetwork<T>,
}

/// Starts what carries blocks: the broadcast of new ones, and the fetching of missing ones.
fn start_dissemination<E, T>(context: &E, own_key: &ed25519::PublicKey, network: NetworkOf<T>) -> NetworkParts<T>
where
    E: Runtime,
    T: Transport,
{
    let fetcher = marshal_resolver::init(
        context.child("block_fetch"),
        marshal_resolver::Config {
            public_key: own_key.clone(),
            peer_provider: network.directory.clone(),
            blocker: network.blocker.clone(),
            mailbox_size: MAILBOX_SIZE,
            fetch_timeout: NZDuration!(Duration::from_secs(2)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        network.block_fetch,
    );
    let (engine, block_buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: own_key.clone(),
            mailbox_size: MAILBOX_SIZE,
            deque_size: 16,
            priority: true,
            codec_config: (),
            peer_provider: network.directory,
            strategy: Sequential,
        },
    );
    let broadcast = engine.start(network.blocks);
    let rest = SimplexNetwork {
        votes: network.votes,
        certificates: network.certificates,
        fetch: network.certificate_fetch,
        blocker: network.blocker,
    };
    NetworkParts { block_buffer, broadcast, fetcher, rest }
}

/// What simplex needs besides the network.
struct Simplex {
    scheme: Scheme,
    genesis: Digest,
    log: String,
    storages: Storages,
    status: Status,
}

/// The application as simplex sees it.
type Automaton<E> =
    Deferred<E, Scheme, Paced<commonware_glue::stateful::Mailbox<E, StateMachine<E>>>, NodeBlock, FixedEpocher>;

impl Simplex {
    fn start<E, T>(
        self,
        context: &E,
        config: &NodeConfig,
        automaton: Automaton<E>,
        network: SimplexNetwork<T>,
    ) -> Handle<()>
    where
        E: Runtime,
        T: Transport,
    {
        let reporter = AttributableReporter::new(
            context.child("reporter"),
            self.scheme.clone(),
            Reporters::from((automaton.clone(), FaultRecorder::new(self.status))),
            Sequential,
            true,
        );
        let timeouts = config.timeouts;
        let engine = simplex::Engine::new(
            context.child("simplex"),
            simplex::Config {
                scheme: self.scheme,
                elector: RoundRobin::<Sha256>::default(),
                blocker: network.blocker,
                automaton: automaton.clone(),
                relay: automaton,
                reporter,
                track_historical_votes: true,
                strategy: Sequential,
                partition: self.log,
                mailbox_size: MAILBOX_SIZE,
                epoch: EPOCH,
                floor: Floor::Genesis(self.genesis),
                replay_buffer: VOTE_LOG_BUFFER_BYTES,
                write_buffer: VOTE_LOG_BUFFER_BYTES,
                page_cache: self.storages.page_cache,
                leader_timeout: timeouts.leader,
                certification_timeout: timeouts.certification,
                timeout_retry: timeouts.retry,
                view_retention: VIEW_RETENTION,
                skip: SkipPolicy::Enabled {
                    timeout: (timeouts.certification + timeouts.retry) * 2,
                    budget: simplex::SkipBudget::Participants,
                },
                fetch_timeout: NZDuration!(Duration::from_secs(2)),
                fetch_retry_delay: Duration::from_millis(250),
                forward: ForwardPolicy::Disabled,
            },
        );
        engine.start(network.votes, network.certificates, network.fetch)
    }
}
