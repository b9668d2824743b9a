//! An exchange for tests: a genesis with one spot market and one perpetual, people with funds, signed actions, signed
//! prices, and blocks that hold them. Everything is really signed and really executed.

use crate::{
    block::NodeBlock,
    engine_cache::BlockContent,
    entropy::Blinding,
    node::genesis_block,
    tests::cluster::{genesis as committee, seat_keys},
    validity::named_genesis,
};
use commonware_runtime::deterministic::Context;
use palisade_types::{
    action::{Action, CancelRequest},
    address::{AccountId, Ed25519Key, SignerId},
    block::{Block, Body, ConsensusContext, Header, OperationsRange},
    envelope::{Envelope, Payload, SignedAction},
    genesis::{Genesis, GenesisBalance},
    hash::{Root, sha256},
    ids::{AssetId, ClientOrderId, MarketId, Nonce, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote, SignedOracleVote},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    signing::{self, VerifiedAction, ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};
use std::sync::Arc;

/// A whole USD or BTC in its smallest units.
pub const WHOLE: i128 = 100_000_000;
pub const USDC: AssetId = AssetId::new(0);
pub const BTC: AssetId = AssetId::new(1);
pub const CORE: UniverseId = UniverseId::new(0);
pub const PERP: MarketId = MarketId::new(0);
pub const SPOT: MarketId = MarketId::new(10_000);
pub const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
pub const GENESIS_TIME: TimeMs = TimeMs::new(1_700_000_000_000);
const SEATS: usize = 4;

pub fn key_of(name: &str) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes(sha256(&[b"test key ", name.as_bytes()])).expect("a hash is a valid key")
}

pub fn account_of(name: &str) -> AccountId {
    key_of(name).address()
}

pub fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"oracle key ", &seat.to_be_bytes()]))
}

fn market(id: MarketId, symbol: &str, kind: MarketKind) -> MarketSpec {
    MarketSpec {
        id,
        symbol: symbol.to_owned(),
        universe: CORE,
        kind,
        size_decimals: 0,
        tick: Price::new(50_000_000),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(10 * WHOLE),
        maximum_notional_usd: Usd::new(10_000_000 * WHOLE),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 200,
    }
}

/// A committee of four; USDC and BTC; people with 100000 USDC and 1000 BTC each.
pub fn genesis() -> Genesis {
    let asset = |id, symbol: &str, has_index| AssetSpec {
        id,
        symbol: symbol.to_owned(),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let balance = |name: &str, asset, whole: i128| GenesisBalance {
        universe: CORE,
        account: account_of(name),
        asset,
        amount: Amount::new(whole * 100_000_000),
    };
    let perpetual = MarketKind::Perpetual {
        underlying: BTC,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(3_000),
        risk: Default::default(),
    };
    let mut genesis = committee(&seat_keys(SEATS));
    for (seat, number) in genesis.seats.iter_mut().zip(0..) {
        seat.oracle_key = oracle_key(number).public_key();
    }
    Genesis {
        time_ms: GENESIS_TIME,
        assets: vec![asset(USDC, "USDC", false), asset(BTC, "BTC", true)],
        markets: vec![
            market(PERP, "BTC", perpetual),
            market(SPOT, "BTC/USDC", MarketKind::Spot { base: BTC, quote: USDC }),
        ],
        balances: PEOPLE.iter().flat_map(|name| [balance(name, USDC, 100_000), balance(name, BTC, 1_000)]).collect(),
        ..genesis
    }
}

pub fn blinding() -> Arc<Blinding> {
    Arc::new(Blinding::new([9; 32]))
}

/// Signs what people ask, each time with a nonce that nobody used.
#[derive(Clone, Debug)]
pub struct Signers {
    nonce: u64,
}

impl Default for Signers {
    fn default() -> Self {
        Self { nonce: GENESIS_TIME.get() }
    }
}

impl Signers {
    pub fn sign(&mut self, name: &str, action: Action) -> SignedAction {
        self.sign_until(name, action, None)
    }

    pub fn sign_until(&mut self, name: &str, action: Action, expires_after_ms: Option<TimeMs>) -> SignedAction {
        self.nonce += 1;
        let key = key_of(name);
        key.sign(Envelope {
            chain_id: 1_337,
            signer: SignerId::Address(key.address()),
            account: key.address(),
            nonce: Nonce::new(self.nonce),
            expires_after_ms,
            payload: Payload::Native { action },
        })
    }

    /// Signed and checked.
    pub fn verified(&mut self, name: &str, action: Action) -> Arc<VerifiedAction> {
        Arc::new(signing::verify(self.sign(name, action)).expect("own signatures verify"))
    }
}

/// A spot order at `price` whole USD.
pub fn order(side: Side, price: i64, size: u64, client_order_id: Option<u8>) -> Action {
    Action::Place {
        orders: vec![OrderRequest {
            market: SPOT,
            side,
            price: Price::new(price * 100_000_000),
            size: Size::new(size),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: client_order_id.map(|byte| ClientOrderId([byte; 16])),
        }],
    }
}

pub fn cancel(client_order_id: u8) -> Action {
    let order = OrderReference::Client(ClientOrderId([client_order_id; 16]));
    Action::Cancel { cancels: vec![CancelRequest { market: SPOT, order }] }
}

/// A seat's vote for the price of BTC in whole USD.
pub fn vote(seat: u32, time_ms: TimeMs, price: i64) -> SignedOracleVote {
    let entries = vec![OracleEntry { asset: BTC, price: Price::new(price * 100_000_000) }];
    let round = time_ms.get() / 1_000;
    OracleVote { chain_id: 1_337, epoch: 0, round, seat: SeatId::new(seat), time_ms, entries }.sign(&oracle_key(seat))
}

pub fn bundle(time_ms: TimeMs, price: i64) -> OracleBundle {
    OracleBundle { votes: (0..3).map(|seat| vote(seat, time_ms, price)).collect() }
}

/// The block of height 0.
pub fn genesis_node_block(genesis: &Genesis) -> NodeBlock {
    genesis_block::<Context>(genesis).expect("the genesis is valid")
}

/// A child of `parent` 10 ms later. Its roots of results are not those of its execution: whoever needs them to be uses
/// whole nodes. `salt` tells siblings with equal content apart.
pub fn child(
    genesis: &Genesis,
    parent: &NodeBlock,
    actions: &[Arc<VerifiedAction>],
    oracle_bundle: Option<OracleBundle>,
    salt: u64,
) -> NodeBlock {
    let parent_header = parent.header();
    let step_ms = if oracle_bundle.is_some() { 1_000 } else { 10 };
    let body = Body { oracle_bundle, actions: actions.iter().map(|action| action.signed().clone()).collect() };
    let height = parent_header.height.next();
    let header = Header {
        chain_id: genesis.chain_id,
        protocol_version: 1,
        height,
        parent: parent.block_digest(),
        context: ConsensusContext {
            epoch: 0,
            view: parent_header.context.view + 1 + salt,
            leader: leader(genesis),
            parent_view: parent_header.context.view,
            parent: parent.block_digest(),
        },
        time_ms: parent_header.time_ms.saturating_add(step_ms),
        body_root: body.root(),
        oracle_bundle_root: body.oracle_bundle_root(),
        state_root: Root::default(),
        operations_root: Root::default(),
        operations_range: OperationsRange { start: 0, end: 1 },
        receipts_root: Root::default(),
        events_root: Root::default(),
        genesis_hash: named_genesis(height, genesis.hash()),
        beacon: Vec::new(),
    };
    NodeBlock::new(Block { header, body }).expect("a consistent block")
}

fn leader(genesis: &Genesis) -> Ed25519Key {
    genesis.seats[0].vote_key
}

/// What a block asks the engine to execute.
pub fn content(block: &NodeBlock) -> BlockContent {
    crate::verified::content(block, &blinding(), |_| None).expect("own signatures verify")
}

/// A view of the finalized state after block 1, and the engine that made it.
pub fn view_after_genesis() -> (crate::final_view::FinalView, Chain) {
    view_after(genesis())
}

/// The same of another genesis.
pub fn view_after(genesis: Genesis) -> (crate::final_view::FinalView, Chain) {
    let mut chain = Chain::of(genesis);
    let view = crate::final_view::FinalView::default();
    let tip = crate::final_view::Tip { digest: chain.tip.block_digest(), header: chain.tip.header().clone() };
    view.load(tip, chain.engine.state());
    chain.finalize(&view, &[], None);
    (view, chain)
}

/// A chain without consensus: one engine, one branch.
pub struct Chain {
    pub genesis: Arc<Genesis>,
    pub engine: palisade_engine::Engine,
    pub tip: NodeBlock,
}

impl Chain {
    pub fn of(genesis: Genesis) -> Self {
        let genesis = Arc::new(genesis);
        let tip = genesis_node_block(&genesis);
        Self { engine: palisade_engine::Engine::new(genesis.clone()), genesis, tip }
    }

    /// Executes the next block and shows it to the view.
    pub fn finalize(
        &mut self,
        view: &crate::final_view::FinalView,
        actions: &[Arc<VerifiedAction>],
        oracle_bundle: Option<OracleBundle>,
    ) -> crate::source::FinalizedBlock {
        let block = child(&self.genesis, &self.tip, actions, oracle_bundle, 0);
        let content = content(&block);
        let input = palisade_engine::BlockInput {
            height: content.height,
            time_ms: content.time_ms,
            parent: block.header().parent,
            oracle_bundle: content.oracle_bundle.as_ref(),
            actions: &content.actions,
        };
        let rules = palisade_engine::Rules::at(1).expect("version 1");
        let outcome = self.engine.execute(&rules, &input).expect("a valid block");
        let executed = crate::engine_cache::Executed {
            writes: outcome.writes,
            receipts: outcome.receipts,
            events: outcome.events,
        };
        view.advance(block.block_digest(), block.header(), &executed);
        self.tip = block.clone();
        crate::source::FinalizedBlock { block, executed: Arc::new(executed) }
    }
}
