//! A small chain that never ran: six blocks over a real state database, certified by four real seats.
//!
//! | height | state |
//! | --- | --- |
//! | 1 | empty |
//! | 2 | a balance for each of 150 accounts, 120 open orders |
//! | 3 … 6 | at each height, some balances change and one order in seven closes |

use crate::proof::{
    BITMAP_CHUNK_BYTES, Certificate, Family, ProofBundle, ProofRequest, ReceiptProof, STATE_VALUE_BYTES_MAX,
    StateExclusion, StateInclusion, consensus_namespace,
};
use commonware_codec::{DecodeExt as _, Encode, EncodeSize, RangeCfg, Write};
use commonware_consensus::{
    simplex::{
        scheme::ed25519::Scheme,
        types::{Finalize, Proposal},
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Sha256, Signer as _, ed25519::PrivateKey, sha256::Digest};
use commonware_parallel::Sequential;
use commonware_runtime::{Runner as _, Supervisor as _, buffer::paged::CacheRef, deterministic};
use commonware_storage::{
    bmt,
    journal::contiguous::variable::Config as LogConfig,
    mmr::full::Config as MerkleConfig,
    qmdb::{
        current::{VariableConfig, ordered::variable},
        floor::Proportional,
    },
    translator::EightCap,
};
use commonware_utils::{NZU16, NZU64, NZUsize, non_empty, ordered::Set};
use palisade_types::{
    address::{AccountId, Ed25519Key, SignerId},
    block::{ConsensusContext, Header, OperationsRange},
    genesis::{ActionBudgetTerms, Genesis, Seat, StorageTerms},
    hash::{ActionId, BlockDigest, GenesisHash, Root, sha256},
    ids::{AssetId, Height, MarketId, Nonce, OrderId, SeatId, UniverseId},
    numbers::{Amount, Price, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    receipt::{Outcome, Receipt},
    state_key::{BalanceId, OrderRecord, StateKey, balance_key, encode_balance, encode_order, order_key},
    time::TimeMs,
};
use std::sync::LazyLock;

pub const CHAIN_ID: u64 = 1_337;
pub const HEIGHTS: u64 = 6;
const ACCOUNTS: u8 = 150;
const ORDERS: u64 = 120;
const RECEIPTS: u64 = 5;
/// Shifts a view above its height, as skipped views do.
const VIEWS_SKIPPED: u64 = 10;

/// The world that all tests look at; nothing changes it.
pub static WORLD: LazyLock<World> = LazyLock::new(World::build);

/// A proof before it is put into a bundle.
#[derive(Clone)]
pub enum RawProof {
    Inclusion(StateInclusion),
    Exclusion(StateExclusion),
    Receipt(ReceiptProof),
}

impl Write for RawProof {
    fn write(&self, buffer: &mut impl bytes::BufMut) {
        match self {
            Self::Inclusion(proof) => proof.write(buffer),
            Self::Exclusion(proof) => proof.write(buffer),
            Self::Receipt(proof) => proof.write(buffer),
        }
    }
}

impl EncodeSize for RawProof {
    fn encode_size(&self) -> usize {
        match self {
            Self::Inclusion(proof) => proof.encode_size(),
            Self::Exclusion(proof) => proof.encode_size(),
            Self::Receipt(proof) => proof.encode_size(),
        }
    }
}

/// What the database says about one request at one height.
#[derive(Clone)]
pub struct Shown {
    pub request: ProofRequest,
    pub value: Option<Vec<u8>>,
    pub proof: RawProof,
}

/// A state of the database.
struct State {
    root: Digest,
    shown: Vec<Shown>,
}

pub struct World {
    pub genesis: Genesis,
    /// From height 1.
    pub headers: Vec<Header>,
    /// By height, from 1.
    shown: Vec<Vec<Shown>>,
}

impl World {
    fn build() -> Self {
        let genesis = genesis(CHAIN_ID, 0..4);
        let states = deterministic::Runner::default().start(states);
        let mut headers: Vec<Header> = Vec::new();
        let mut shown = Vec::new();
        for (height, state) in (1..).zip(states) {
            let receipts = receipts(height);
            headers.push(header(&genesis, headers.last(), height, &state.root, &receipt_tree(&receipts).root()));
            let mut at_height = state.shown;
            at_height.extend(receipts.iter().zip(0..).map(|(receipt, index)| shown_receipt(&receipts, receipt, index)));
            shown.push(at_height);
        }
        Self { genesis, headers, shown }
    }

    pub fn header(&self, height: u64) -> &Header {
        &self.headers[index_of(height)]
    }

    /// What is shown for a request at a height.
    pub fn shown(&self, height: u64, request: &ProofRequest) -> &Shown {
        let mut at_height = self.shown[index_of(height)].iter();
        at_height.find(|shown| shown.request == *request).expect("a request that the world answers")
    }

    /// Everything shown at a height.
    pub fn all_shown(&self, height: u64) -> &[Shown] {
        &self.shown[index_of(height)]
    }

    /// The honest bundle for `shown` at `height`, certified at `certified`.
    pub fn bundle_of(&self, height: u64, certified: u64, shown: &Shown) -> ProofBundle {
        let headers = &self.headers[index_of(height)..=index_of(certified)];
        let certificate = certify(&self.genesis, self.header(certified), 0..4, 0..3);
        ProofBundle::new(shown.request.clone(), headers, &certificate, shown.value.as_deref(), &shown.proof)
    }

    /// The honest bundle for a request at `height`, certified at `certified`.
    pub fn bundle(&self, height: u64, certified: u64, request: &ProofRequest) -> ProofBundle {
        self.bundle_of(height, certified, self.shown(height, request))
    }
}

fn index_of(height: u64) -> usize {
    usize::try_from(height - 1).expect("a small height")
}

pub fn vote_key(seat: u8) -> PrivateKey {
    PrivateKey::decode(vec![seat + 1; 32]).expect("32 bytes are a seed")
}

pub fn public_bytes(key: &PrivateKey) -> Ed25519Key {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(key.public_key().as_ref());
    Ed25519Key(bytes)
}

pub fn genesis(chain_id: u64, seats: std::ops::Range<u8>) -> Genesis {
    let seats = seats.zip(0..).map(|(key, id)| Seat {
        id: SeatId::new(id),
        name: format!("seat {id}"),
        vote_key: public_bytes(&vote_key(key)),
        oracle_key: Ed25519Key([key; 32]),
    });
    Genesis {
        chain_id,
        name: "world".to_owned(),
        time_ms: TimeMs::new(1_000),
        seats: seats.collect(),
        assets: Vec::new(),
        universes: Vec::new(),
        markets: Vec::new(),
        balances: Vec::new(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms { initial: 1, per_usd_traded: 1, refill_interval_ms: 1, cancel_allowance: 1 },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

/// A certificate by `signers` of the committee of `keys`, over what `header` was proposed as.
pub fn certify(
    genesis: &Genesis,
    header: &Header,
    keys: std::ops::Range<u8>,
    signers: impl IntoIterator<Item = u8>,
) -> Certificate {
    certify_proposal(&consensus_namespace(&genesis.hash()), proposal(header), keys, signers)
}

pub fn proposal(header: &Header) -> Proposal<Digest> {
    let context = &header.context;
    let round = Round::new(Epoch::new(context.epoch), View::new(context.view));
    Proposal::new(round, View::new(context.parent_view), Digest::from(header.digest().0))
}

pub fn certify_proposal(
    namespace: &[u8],
    proposal: Proposal<Digest>,
    keys: std::ops::Range<u8>,
    signers: impl IntoIterator<Item = u8>,
) -> Certificate {
    let committee = Set::from_iter_dedup(keys.map(|key| vote_key(key).public_key()));
    let scheme = |key| Scheme::signer(namespace, committee.clone(), vote_key(key)).expect("a seat");
    let votes: Vec<_> = signers
        .into_iter()
        .map(|key| Finalize::sign(&scheme(key), proposal.clone()).expect("a signer signs"))
        .collect();
    let verifier = Scheme::verifier(namespace, committee.clone());
    Certificate::from_owned_finalizes(&verifier, non_empty![@votes], &Sequential).expect("a quorum")
}

fn header(genesis: &Genesis, parent: Option<&Header>, height: u64, state: &Digest, receipts: &Digest) -> Header {
    let digest = parent.map_or(BlockDigest([0xee; 32]), Header::digest);
    let named = if height == 1 { genesis.hash() } else { GenesisHash::default() };
    Header {
        chain_id: genesis.chain_id,
        protocol_version: 1,
        height: Height::new(height),
        parent: digest,
        context: ConsensusContext {
            epoch: 0,
            view: height + VIEWS_SKIPPED,
            leader: genesis.seats[0].vote_key,
            parent_view: height + VIEWS_SKIPPED - 1,
            parent: digest,
        },
        time_ms: TimeMs::new(1_000 + height * 250),
        body_root: Root([1; 32]),
        oracle_bundle_root: Root::default(),
        state_root: Root(state.0),
        operations_root: Root([2; 32]),
        operations_range: OperationsRange { start: 0, end: height },
        receipts_root: Root(receipts.0),
        events_root: Root([3; 32]),
        genesis_hash: named,
        beacon: Vec::new(),
    }
}

// Requests and records.

pub fn account(number: u8) -> AccountId {
    AccountId([number; 20])
}

pub fn balance_of(number: u8) -> ProofRequest {
    ProofRequest::Balance { universe: UniverseId::new(0), account: account(number), asset: AssetId::new(0) }
}

pub fn order_request(number: u64) -> ProofRequest {
    ProofRequest::Order { order: OrderId::new(number) }
}

pub fn receipt_request(height: u64, index: u64) -> ProofRequest {
    ProofRequest::Receipt { action: action_id(height, index) }
}

fn action_id(height: u64, index: u64) -> ActionId {
    ActionId(sha256(&[&height.to_be_bytes(), &index.to_be_bytes()]))
}

fn balance_id(number: u8) -> BalanceId {
    BalanceId { account: account(number), universe: UniverseId::new(0), asset: AssetId::new(0) }
}

pub fn balance_at(height: u64, number: u8) -> Amount {
    let changes = if u64::from(number) % 5 == 0 { i128::from(height) } else { 2 };
    Amount::new(i128::from(number) * 1_000 + changes)
}

pub fn order_record(number: u64) -> OrderRecord {
    let order = OpenOrder {
        id: OrderId::new(number),
        account: account(7),
        market: MarketId::new(0),
        side: Side::Buy,
        price: Price::new(1_000),
        remaining: Size::new(number),
        original: Size::new(number),
        reduce_only: false,
        time_in_force: TimeInForce::Gtc,
        client_order_id: None,
        priority: number,
        placed_at_ms: TimeMs::new(1_500),
    };
    OrderRecord { order, notional_usd: Usd::new(1_000 * i128::from(number)), hold: None }
}

/// The height at which an order closes, if it does.
pub fn closes_at(number: u64) -> Option<u64> {
    (3..=HEIGHTS).find(|height| number % 7 == *height)
}

pub fn receipts(height: u64) -> Vec<Receipt> {
    let receipt = |index| Receipt {
        action: action_id(height, index),
        signer: SignerId::Address(account(7)),
        account: account(7),
        nonce: Nonce::new(height * 100 + index),
        outcome: Outcome::Done,
    };
    (0..RECEIPTS).map(receipt).collect()
}

fn receipt_tree(receipts: &[Receipt]) -> bmt::Tree<Digest> {
    let mut builder = bmt::Builder::<Sha256>::new(receipts.len());
    for receipt in receipts {
        builder.add(&Digest::from(sha256(&[&receipt.encode()])));
    }
    builder.build()
}

fn shown_receipt(receipts: &[Receipt], receipt: &Receipt, index: u32) -> Shown {
    let siblings = receipt_tree(receipts).proof(index).expect("a receipt of the block");
    Shown {
        request: ProofRequest::Receipt { action: receipt.action },
        value: Some(receipt.encode()),
        proof: RawProof::Receipt(ReceiptProof { index, siblings }),
    }
}

// The database.

type Database =
    variable::Db<Family, deterministic::Context, Digest, Vec<u8>, Sha256, EightCap, BITMAP_CHUNK_BYTES, Sequential>;

async fn states(context: deterministic::Context) -> Vec<State> {
    let page_cache = CacheRef::new(NZU16!(1_024), NZUsize!(64));
    let config = VariableConfig {
        merkle_config: MerkleConfig {
            journal_partition: "merkle".to_owned(),
            metadata_partition: "merkle-pinned".to_owned(),
            items_per_blob: NZU64!(1_024),
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: "log".to_owned(),
            items_per_section: NZU64!(1_024),
            compression: None,
            codec_config: ((), (RangeCfg::from(0..=STATE_VALUE_BYTES_MAX), ())),
            page_cache,
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
        },
        grafted_metadata_partition: "grafted".to_owned(),
        translator: EightCap,
        init_cache: None,
        init_buffer: NZUsize!(4_096),
        init_concurrency: (),
    };
    let mut database = Database::init(context.child("database"), config, None).await.expect("an empty database");
    let mut states = Vec::new();
    for height in 1..=HEIGHTS {
        let mut batch = database.new_batch();
        for (key, value) in writes(height) {
            batch = batch.write(Digest::from(key.0), value);
        }
        let metadata = Some(height.to_le_bytes().to_vec());
        let batch = batch.merkleize(&database, metadata, &mut Proportional).await.expect("a batch");
        database = database.apply_batch(batch).await.expect("an applied batch");
        states.push(show(&database).await);
    }
    states
}

fn writes(height: u64) -> Vec<(StateKey, Option<Vec<u8>>)> {
    if height == 1 {
        return Vec::new();
    }
    let balance = |number| {
        let id = balance_id(number);
        (balance_key(&id), Some(encode_balance(&id, balance_at(height, number))))
    };
    let changed =
        (1..=ACCOUNTS).filter(|number| height == 2 || balance_at(height, *number) != balance_at(height - 1, *number));
    let opened = (1..=ORDERS)
        .filter(|_| height == 2)
        .map(|number| (order_key(OrderId::new(number)), Some(encode_order(&order_record(number)))));
    let closed = (1..=ORDERS)
        .filter(|number| closes_at(*number) == Some(height))
        .map(|number| (order_key(OrderId::new(number)), None));
    changed.map(balance).chain(opened).chain(closed).collect()
}

/// What is asked at every height.
pub fn state_requests() -> Vec<ProofRequest> {
    let balances = [1, 5, 75, 149, 150, 151, 200, 255].map(balance_of);
    let orders = [1, 3, 4, 5, 6, 7, 119, 120, 121, u64::MAX].map(order_request);
    balances.into_iter().chain(orders).collect()
}

async fn show(database: &Database) -> State {
    let mut shown = Vec::new();
    for request in state_requests() {
        let key = match request {
            ProofRequest::Balance { universe, account, asset } => balance_key(&BalanceId { account, universe, asset }),
            ProofRequest::Order { order } => order_key(order),
            ProofRequest::Receipt { .. } => unreachable!("receipts are not in the state"),
        };
        let key = Digest::from(key.0);
        let value = database.get(&key).await.expect("a readable database");
        let proof = match &value {
            Some(_) => RawProof::Inclusion(database.key_value_proof(key).await.expect("a present key")),
            None => RawProof::Exclusion(database.exclusion_proof(&key).await.expect("an absent key")),
        };
        shown.push(Shown { request, value, proof });
    }
    State { root: database.root(), shown }
}

/// The bytes of a proof.
pub fn proof_bytes(proof: &RawProof) -> Vec<u8> {
    proof.encode().to_vec()
}
