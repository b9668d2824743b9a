//! A committee in one process: start, kill, restart, wait, compare.

use crate::{
    block::NodeBlock,
    config::{NodeConfig, Pruning},
    engine_cache::BlockContent,
    final_view::{FinalView, ReceiptPlace},
    network::{Network, Transport, channels, message_bytes_max},
    node::{self, NodeHandle, StartError},
    source::{ActionSource, FinalizedBlock, Offer},
};
use async_trait::async_trait;
use commonware_consensus::types::Height as ConsensusHeight;
use commonware_cryptography::{Signer as _, ed25519};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Control, Link, Manager, Oracle, Receiver, Sender},
};
use commonware_runtime::{Clock as _, Supervisor as _, deterministic::Context};
use commonware_utils::{
    NZUsize,
    ordered::Set,
    probability,
    sync::{Mutex, Notify},
};
use palisade_types::{
    action::Action,
    address::{AccountId, Ed25519Key},
    block::Header,
    envelope::{Envelope, Payload, SignedAction},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::{ActionId, BlockDigest},
    ids::{AssetId, Height, Nonce, SeatId, UniverseId},
    market::{AssetSpec, UniverseSpec},
    numbers::Amount,
    signing::{self, VerifiedAction, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};
use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

const CHAIN_ID: u64 = 1_337;
/// Between the seeds of one test, so that no two tests run with the same.
const SEEDS_APART: u64 = 1_000;

/// After its first task has ended, a node's other tasks end within this: only then are its files closed.
pub const KILLED: Duration = Duration::from_millis(50);

/// The simulated network.
pub struct Simulated;

impl Transport for Simulated {
    type Tx = Sender<ed25519::PublicKey, Context>;
    type Rx = Receiver<ed25519::PublicKey>;
    type Directory = Manager<ed25519::PublicKey, Context>;
    type Blocker = Control<ed25519::PublicKey, Context>;
}

/// A queue of one account's actions, by nonce, in the place of a mempool. Clones share it.
#[derive(Clone, Default)]
pub struct Queue {
    waiting: Arc<Mutex<BTreeMap<Nonce, Arc<VerifiedAction>>>>,
    notify: Arc<Notify>,
}

impl Queue {
    pub fn push(&self, action: Arc<VerifiedAction>) {
        self.waiting.lock().insert(action.envelope().nonce, action);
        self.notify.notify_waiters();
    }
}

#[async_trait]
impl ActionSource for Queue {
    async fn waiting(&self, _parent: &Header) {
        loop {
            let notified = self.notify.notified();
            if !self.waiting.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }

    fn offer(&self, _parent: &Header, _now_ms: TimeMs, limit_bytes: usize) -> Offer {
        let mut bytes = 0;
        let waiting = self.waiting.lock();
        let fits = |action: &&Arc<VerifiedAction>| {
            bytes += action.size_bytes();
            bytes <= limit_bytes
        };
        Offer { oracle_bundle: None, actions: waiting.values().take_while(fits).cloned().collect() }
    }

    fn verified(&self, action: &SignedAction) -> Option<Arc<VerifiedAction>> {
        self.waiting.lock().get(&action.envelope.nonce).filter(|known| known.signed() == action).cloned()
    }

    fn refuse(&self, action: ActionId, _reason: &str) {
        self.waiting.lock().retain(|_, waiting| waiting.id() != action);
    }

    fn included(&self, _header: &Header, _content: &BlockContent) {}

    fn finalized(&self, block: &FinalizedBlock) {
        let mut waiting = self.waiting.lock();
        for action in &block.block.body().actions {
            waiting.remove(&action.envelope.nonce);
        }
    }
}

/// A committee.
pub struct Cluster {
    pub context: Context,
    pub oracle: Oracle<ed25519::PublicKey, Context>,
    pub genesis: Arc<Genesis>,
    pub keys: Vec<ed25519::PrivateKey>,
    pub nodes: Vec<Option<NodeHandle<Context>>>,
    pub queues: Vec<Queue>,
    pub pruning: Pruning,
    starts: u64,
    nonce: u64,
}

/// The seeds that a test of random moments runs with: `first`, and as many as `PALISADE_SEEDS` says in all. A seed is the
/// whole of what is random, so a failing one fails again.
pub fn seeds(first: u64) -> impl Iterator<Item = u64> {
    let count = std::env::var("PALISADE_SEEDS")
        .map_or(1, |text| text.parse::<u64>().unwrap_or_else(|_| panic!("PALISADE_SEEDS is not a number: {text:?}")));
    (0..count).map(move |step| first + step * SEEDS_APART).inspect(|seed| println!("seed {seed}"))
}

/// Keys of seats 0 to `seats` - 1.
pub fn seat_keys(seats: usize) -> Vec<ed25519::PrivateKey> {
    (0..seats).map(|seat| ed25519::PrivateKey::from_seed(100 + seat as u64)).collect()
}

/// The key of the one account that acts.
pub fn user() -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes([7; 32]).expect("a key")
}

/// A genesis for `keys`.
pub fn genesis(keys: &[ed25519::PrivateKey]) -> Genesis {
    let public = |key: &ed25519::PrivateKey| {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(key.public_key().as_ref());
        Ed25519Key(bytes)
    };
    let seats = keys.iter().enumerate().map(|(index, key)| Seat {
        id: SeatId::new(index as u32),
        name: format!("seat-{index}"),
        vote_key: public(key),
        oracle_key: public(&ed25519::PrivateKey::from_seed(500 + index as u64)),
    });
    let genesis = Genesis {
        chain_id: CHAIN_ID,
        name: "test".to_owned(),
        time_ms: TimeMs::new(1),
        seats: seats.collect(),
        assets: vec![AssetSpec {
            id: AssetId::new(0),
            symbol: "USDC".to_owned(),
            decimals: 8,
            has_index: false,
            collateral: None,
        }],
        universes: vec![UniverseSpec { id: UniverseId::new(0), name: "core".to_owned(), collateral: AssetId::new(0) }],
        markets: Vec::new(),
        balances: vec![GenesisBalance {
            universe: UniverseId::new(0),
            account: user().address(),
            asset: AssetId::new(0),
            amount: Amount::new(1_000_000_000_000),
        }],
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 1_000_000,
            per_usd_traded: 1,
            refill_interval_ms: 10_000,
            cancel_allowance: 100_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    };
    genesis.check().expect("a valid genesis");
    genesis
}

/// A signed transfer of one unit.
pub fn action(nonce: u64) -> Arc<VerifiedAction> {
    let key = user();
    let signed = key.sign(Envelope {
        chain_id: CHAIN_ID,
        signer: key.signer_id(),
        account: key.address(),
        nonce: Nonce::new(nonce),
        expires_after_ms: None,
        payload: Payload::Native {
            action: Action::Transfer {
                universe: UniverseId::new(0),
                to: AccountId([9; 20]),
                asset: AssetId::new(0),
                amount: Amount::new(1),
            },
        },
    });
    Arc::new(signing::verify(signed).expect("a good signature"))
}

impl Cluster {
    /// A committee of `seats` with all links up and no node running.
    pub async fn new(context: Context, seats: usize) -> Self {
        let keys = seat_keys(seats);
        let genesis = Arc::new(genesis(&keys));
        let (network, oracle) = simulated::Network::new(
            context.child("network"),
            simulated::Config {
                max_size: message_bytes_max(seats),
                max_peers_per_set: NonZeroUsize::new(seats).expect("a committee has seats"),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
        );
        network.start();
        let participants = keys.iter().map(|key| key.public_key());
        let _ = oracle.manager().track(0, Set::from_iter_dedup(participants));
        let mut cluster = Self {
            context,
            oracle,
            genesis,
            nodes: keys.iter().map(|_| None).collect(),
            queues: keys.iter().map(|_| Queue::default()).collect(),
            keys,
            pruning: Pruning::default(),
            starts: 0,
            nonce: 0,
        };
        cluster.link_all().await;
        cluster
    }

    async fn link_all(&mut self) {
        let link = Link {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(2),
            success_rate: probability!(1.0),
        };
        for from in &self.keys {
            for to in self.keys.iter().filter(|to| to.public_key() != from.public_key()) {
                let linked = self.oracle.add_link(from.public_key(), to.public_key(), link.clone()).await;
                linked.expect("links of a new network are free");
            }
        }
    }

    /// What seat `seat` is told.
    pub fn config(&self, seat: usize) -> NodeConfig {
        let listen = "127.0.0.1:1".parse().expect("an address");
        let mut config =
            NodeConfig::new(self.genesis.clone(), self.keys[seat].clone(), Vec::new(), listen, format!("seat-{seat}"));
        config.page_cache_pages = 64;
        config.pruning = self.pruning;
        config
    }

    /// Starts seat `seat` on its own storage.
    pub async fn try_start(&mut self, seat: usize) -> Result<(), StartError> {
        self.try_start_as(seat, self.keys[seat].public_key()).await
    }

    /// Starts seat `seat` on its own storage, known to the network by `name`.
    pub async fn try_start_as(&mut self, seat: usize, name: ed25519::PublicKey) -> Result<(), StartError> {
        self.starts += 1;
        let context = self.context.child("seat").with_attribute("index", seat).with_attribute("start", self.starts);
        let control = self.oracle.control(name);
        let mut pairs = Vec::new();
        for (channel, quota) in channels() {
            pairs.push(control.register(channel, quota).await.expect("the network runs"));
        }
        let mut pairs = pairs.into_iter();
        let mut next = || pairs.next().expect("seven channels");
        let network = Network {
            votes: next(),
            certificates: next(),
            certificate_fetch: next(),
            block_fetch: next(),
            blocks: next(),
            directory: self.oracle.manager(),
            blocker: control,
        };
        let source = Arc::new(self.queues[seat].clone());
        let handle = node::start::<Context, Simulated>(
            context,
            self.config(seat),
            network,
            source,
            FinalView::default(),
            Vec::new(),
        )
        .await?;
        self.nodes[seat] = Some(handle);
        Ok(())
    }

    pub async fn start(&mut self, seat: usize) {
        self.try_start(seat).await.expect("the node starts");
    }

    pub async fn start_all(&mut self) {
        for seat in 0..self.keys.len() {
            self.start(seat).await;
        }
    }

    /// Ends seat `seat` wherever it is.
    pub async fn kill(&mut self, seat: usize) {
        if let Some(node) = self.nodes[seat].take() {
            node.abort();
            let _ = node.exited().await;
            self.context.sleep(KILLED).await;
        }
    }

    /// Offers a new action to every mempool and returns its name.
    pub fn send_action(&mut self) -> ActionId {
        self.nonce += 1;
        let action = action(self.nonce);
        for queue in &self.queues {
            queue.push(action.clone());
        }
        action.id()
    }

    /// Begins new actions above `nonce`, so that they differ from those of an earlier boot.
    pub fn skip_nonces(&mut self, nonce: u64) {
        self.nonce = self.nonce.max(nonce);
    }

    pub fn node(&self, seat: usize) -> &NodeHandle<Context> {
        self.nodes[seat].as_ref().expect("the node runs")
    }

    /// The newest height whose state seat `seat` has applied.
    pub fn applied(&self, seat: usize) -> u64 {
        self.nodes[seat].as_ref().and_then(|node| node.status.applied()).map_or(0, |applied| applied.height.get())
    }

    /// Waits until each of `seats` has applied `height`.
    pub async fn wait_for(&self, seats: &[usize], height: u64) {
        while seats.iter().any(|seat| self.applied(*seat) < height) {
            self.context.sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn block(&self, seat: usize, height: u64) -> NodeBlock {
        let block = self.node(seat).marshal.get_block(ConsensusHeight::new(height)).await;
        block.unwrap_or_else(|| panic!("seat {seat} has no block {height}")).inner().clone()
    }

    /// Panics unless `seats` have the same blocks, with the same roots, from 1 to `height`.
    pub async fn assert_agree(&self, seats: &[usize], height: u64) {
        for height in 1..=height {
            let mut digests: Vec<BlockDigest> = Vec::new();
            for seat in seats {
                digests.push(self.block(*seat, height).await.block_digest());
            }
            assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "fork at height {height}: {digests:?}");
        }
    }

    /// Panics unless the receipts of every block from 1 to `height` are archived with the header's roots.
    pub async fn assert_results(&self, seat: usize, height: u64) -> usize {
        let mut receipts = 0;
        for height in 1..=height {
            let found = self.node(seat).shared.results.get(Height::new(height)).await.expect("the archive is readable");
            let results = found.unwrap_or_else(|| panic!("seat {seat} lacks the receipts of {height}"));
            let block = self.block(seat, height).await;
            assert_eq!(results.receipts_root(), block.header().receipts_root);
            assert_eq!(results.events_root(), block.header().events_root);
            receipts += results.receipts.len();
        }
        receipts
    }

    /// The names and places of the receipts that `seat` has archived up to `height`.
    pub async fn receipts(&self, seat: usize, height: u64) -> Vec<(ActionId, ReceiptPlace)> {
        let mut places = Vec::new();
        for height in (1..=height).map(Height::new) {
            let results = self.node(seat).shared.results.get(height).await.expect("readable").expect("archived");
            let named = results.receipts.iter().zip(0u32..);
            places.extend(named.map(|(receipt, index)| (receipt.action, ReceiptPlace { height, index })));
        }
        assert!(!places.is_empty(), "there are receipts");
        places
    }

    /// Panics unless `seat` finds these receipts in its index.
    pub async fn assert_indexed(&self, seat: usize, receipts: &[(ActionId, ReceiptPlace)]) {
        for (action, place) in receipts {
            let found = self.node(seat).receipts.get(action).await.expect("the index is readable");
            assert_eq!(found, Some(*place), "{action} at seat {seat}");
        }
    }

    /// Panics unless the state database of `seat` has the roots that its newest applied block commits to.
    pub async fn assert_state(&self, seat: usize) {
        let node = self.node(seat);
        let (height, root) = {
            let database = node.state.read().await;
            let metadata = database.get_metadata().await.expect("readable").expect("a block is applied");
            let bytes: [u8; 8] = metadata.as_slice().try_into().expect("a height");
            (u64::from_le_bytes(bytes), crate::roots::to_root(&database.root()))
        };
        assert_eq!(self.block(seat, height).await.header().state_root, root, "state of seat {seat} at {height}");
    }
}
