//! A small exchange that tests drive block by block, with real signatures and real bundles.

use crate::auditor::Auditor;
use palisade_engine::{BlockInput, BlockOutcome, Engine, InvalidBlock, Rules};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::{Envelope, Payload},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::BlockDigest,
    ids::{AssetId, MarketId, Nonce, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    signing::{VerifiedAction, ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey, verify},
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};

pub const CHAIN_ID: u64 = 4_242;
pub const CORE: UniverseId = UniverseId::new(0);
pub const USDC: AssetId = AssetId::new(0);
pub const START_MS: u64 = 1_700_000_000_000;
const SEATS: u32 = 4;

/// What a test may choose about the exchange before it begins.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// USD by account name.
    pub funds: BTreeMap<String, Usd>,
    /// Maker and taker fee.
    pub fees: (Rate, Rate),
    /// Lots of open interest and position, of every perpetual.
    pub caps: Option<(u64, u64)>,
    /// What the insurance fund begins with.
    pub insurance: Usd,
    /// What the backstop vault begins with.
    pub vault: Usd,
}

pub struct Exchange {
    pub engine: Engine,
    pub auditor: Auditor,
    pub time_ms: u64,
    parent: BlockDigest,
    nonce: u64,
    /// By seat.
    indices: BTreeMap<AssetId, [Price; SEATS as usize]>,
}

pub fn key(name: &str) -> Secp256k1SecretKey {
    let mut seed = [7u8; 32];
    for (place, byte) in name.bytes().take(31).enumerate() {
        seed[place + 1] = byte;
    }
    Secp256k1SecretKey::from_bytes(seed).expect("far below the order of the curve")
}

pub fn account(name: &str) -> AccountId {
    key(name).address()
}

fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes([seat as u8 + 101; 32])
}

fn asset(id: u32, symbol: &str, has_index: bool) -> AssetSpec {
    AssetSpec { id: AssetId::new(id), symbol: symbol.to_owned(), decimals: 8, has_index, collateral: None }
}

fn market(id: u32, symbol: &str, setup: &Setup, kind: MarketKind, size_decimals: u8, tick: &str) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(id),
        symbol: symbol.to_owned(),
        universe: CORE,
        kind,
        size_decimals,
        tick: tick.parse().expect("a tick"),
        maker_fee: setup.fees.0,
        taker_fee: setup.fees.1,
        minimum_notional_usd: "10".parse().expect("an amount"),
        maximum_notional_usd: "10000000".parse().expect("an amount"),
        price_band: "0.5".parse().expect("a rate"),
        open_orders_per_account_max: 20,
    }
}

pub fn genesis(setup: &Setup) -> Genesis {
    let (open_interest, position) = setup.caps.unwrap_or((100_000_000, 50_000_000));
    let perpetual = |underlying, maximum_leverage| MarketKind::Perpetual {
        underlying: AssetId::new(underlying),
        maximum_leverage,
        open_interest_maximum: Size::new(open_interest),
        position_maximum: Size::new(position),
        risk: Default::default(),
    };
    let seat = |id: u32| Seat {
        id: SeatId::new(id),
        name: format!("seat-{id}"),
        vote_key: Ed25519SecretKey::from_bytes([id as u8 + 1; 32]).public_key(),
        oracle_key: oracle_key(id).public_key(),
    };
    Genesis {
        chain_id: CHAIN_ID,
        name: "perpetuals".to_owned(),
        time_ms: TimeMs::new(START_MS),
        seats: (0..SEATS).map(seat).collect(),
        assets: vec![asset(0, "USDC", false), asset(1, "BTC", true), asset(2, "ETH", true)],
        universes: vec![UniverseSpec { id: CORE, name: "core".to_owned(), collateral: USDC }],
        markets: vec![
            market(0, "BTC", setup, perpetual(1, 50), 5, "1"),
            market(1, "ETH", setup, perpetual(2, 10), 4, "0.1"),
            market(10_000, "BTC/USDC", setup, MarketKind::Spot { base: AssetId::new(1), quote: USDC }, 5, "1"),
        ],
        balances: setup
            .funds
            .iter()
            .map(|(name, usd)| (account(name), *usd))
            .chain([(AccountId::insurance(CORE), setup.insurance), (AccountId::backstop(CORE), setup.vault)])
            .filter(|(_, usd)| *usd > Usd::ZERO)
            .map(|(account, usd)| GenesisBalance {
                universe: CORE,
                account,
                asset: USDC,
                amount: Amount::new(usd.get()),
            })
            .collect(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 10_000_000,
            per_usd_traded: 1,
            refill_interval_ms: 1_000,
            cancel_allowance: 1_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

impl Exchange {
    pub fn new(setup: &Setup) -> Self {
        let genesis = genesis(setup);
        genesis.check().expect("a sound genesis");
        let mut exchange = Self {
            engine: Engine::new(Arc::new(genesis)),
            auditor: Auditor::default(),
            time_ms: START_MS,
            parent: BlockDigest::default(),
            nonce: START_MS,
            indices: BTreeMap::new(),
        };
        exchange.block(100, &[], &[]).expect("the first block");
        exchange
    }

    pub fn market(&self, symbol: &str) -> MarketSpec {
        self.engine.state().markets().find(|market| market.symbol == symbol).expect("a market of the test").clone()
    }

    /// Runs actions in one block, `step_ms` after its parent, with new prices if any are given.
    pub fn block(
        &mut self,
        step_ms: u64,
        prices: &[(AssetId, Price)],
        actions: &[(String, Action)],
    ) -> Result<BlockOutcome, InvalidBlock> {
        let bundle = (!prices.is_empty()).then(|| {
            self.indices.extend(prices.iter().map(|(asset, price)| (*asset, [*price; SEATS as usize])));
            self.bundle(self.time_ms + step_ms, |_| true)
        });
        self.block_with(step_ms, bundle.as_ref(), actions)
    }

    /// Runs actions in one block with any bundle.
    pub fn block_with(
        &mut self,
        step_ms: u64,
        bundle: Option<&OracleBundle>,
        actions: &[(String, Action)],
    ) -> Result<BlockOutcome, InvalidBlock> {
        let time_ms = self.time_ms + step_ms;
        let actions: Vec<Arc<VerifiedAction>> =
            actions.iter().map(|(name, action)| Arc::new(self.sign(name, action.clone()))).collect();
        let input = BlockInput {
            height: self.engine.height().next(),
            time_ms: TimeMs::new(time_ms),
            parent: self.parent,
            oracle_bundle: bundle,
            actions: &actions,
        };
        let rules = Rules::at(self.engine.next_protocol_version()).expect("a known version");
        let outcome = self.engine.execute(&rules, &input)?;
        self.time_ms = time_ms;
        self.parent.0[0] = self.parent.0[0].wrapping_add(1);
        self.auditor.follow(&outcome.events);
        self.auditor.check(self.engine.state());
        Ok(outcome)
    }

    /// Signed prices of all seats, taken at `time_ms`; a seat that does not `speak` abstains on everything.
    pub fn bundle(&self, time_ms: u64, speaks: impl Fn(u32) -> bool) -> OracleBundle {
        let entries = |seat: u32| {
            let prices = self.indices.iter();
            prices.map(|(asset, prices)| OracleEntry { asset: *asset, price: prices[seat as usize] }).collect()
        };
        let vote = |seat: u32| OracleVote {
            chain_id: CHAIN_ID,
            epoch: 0,
            round: time_ms / 1_000,
            seat: SeatId::new(seat),
            time_ms: TimeMs::new(time_ms),
            entries: if speaks(seat) { entries(seat) } else { Vec::new() },
        };
        OracleBundle { votes: (0..SEATS).map(|seat| vote(seat).sign(&oracle_key(seat))).collect() }
    }

    /// What each seat would say of an asset from now on.
    pub fn seats_say(&mut self, asset: AssetId, prices: &[i64; SEATS as usize]) {
        self.indices.insert(asset, prices.map(Price::new));
    }

    /// What all seats would say of an asset from now on.
    pub fn set_price(&mut self, asset: AssetId, price: &str) {
        self.indices.insert(asset, [price.parse().expect("a price"); SEATS as usize]);
    }

    fn sign(&mut self, name: &str, action: Action) -> VerifiedAction {
        self.nonce += 1;
        let key = key(name);
        let envelope = Envelope {
            chain_id: CHAIN_ID,
            signer: key.signer_id(),
            account: key.address(),
            nonce: Nonce::new(self.nonce.max(self.time_ms)),
            expires_after_ms: None,
            payload: Payload::Native { action },
        };
        self.nonce = self.nonce.max(self.time_ms);
        verify(key.sign(envelope)).expect("a good signature")
    }
}
