//! The venue that clearing tests run on: two universes, five linear markets, a spot market, an asset that backs positions,
//! a fund and a vault in each universe; options and a synthetic, if they are asked for. One seat, so that prices are cheap to sign.

pub use super::books::DOLLAR;
use super::step::Step;
use palisade_engine::{BlockInput, BlockOutcome, Engine, InvalidBlock, Rules};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::{Envelope, Payload},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::BlockDigest,
    ids::{AssetId, MarketId, Nonce, SeatId, UniverseId},
    market::{
        AssetSpec, CollateralTerms, ExpiryCounts, MarketKind, MarketSpec, OptionSeriesSpec, RiskTerms, UniverseSpec,
    },
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    signing::{VerifiedAction, ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey, verify},
    synthetic::SyntheticSpec,
    time::TimeMs,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

pub const CHAIN_ID: u64 = 4_242;
pub const CORE: UniverseId = UniverseId::new(0);
pub const SIDE: UniverseId = UniverseId::new(1);
pub const USDC: AssetId = AssetId::new(0);
pub const BTC: AssetId = AssetId::new(1);
pub const ETH: AssetId = AssetId::new(2);
/// What is minted, if the terms have a synthetic: it follows BTC.
pub const MINTED: AssetId = AssetId::new(3);
pub const SPOT: MarketId = MarketId::new(10_000);
/// Its spot market.
pub const MINTED_SPOT: MarketId = MarketId::new(10_001);
pub const START_MS: u64 = 1_700_000_000_000;

/// What a run begins with; the first line of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// By name: USDC in the core universe, USDC in the other, thousandths of BTC in the core universe.
    pub funds: BTreeMap<String, [u64; 3]>,
    /// USDC of the insurance fund, by universe.
    pub insurance: [u64; 2],
    /// 1e-8 USDC more (or less) in the core universe's insurance fund.
    pub insurance_units: i64,
    /// USDC of the backstop vault, by universe.
    pub vault: [u64; 2],
    /// Whether margin adds for crowds, size and volatility.
    pub add_ons: bool,
    /// Most USD that the fund pays for one market; zero: everything.
    pub fund_cap: u64,
    /// The part of the vault that a market may use, in parts per million.
    pub vault_share: i64,
    /// Open interest in USD from which margin rises, and at which it is one; zero: never. Markets of the core universe.
    pub crowd: [u64; 2],
    /// Maker and taker fee, in parts per million.
    pub fees: [i64; 2],
    /// When the future expires, in ms after the start; zero: there is none.
    pub expiry_ms: u64,
    /// Whether options on BTC are listed in the core universe.
    pub options: bool,
    /// The synthetic of the core universe; none: there is none.
    pub synthetic: Option<SyntheticTerms>,
}

/// A synthetic that follows BTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyntheticTerms {
    /// Debt ceiling and minimum debt, in thousandths of a unit.
    pub bounds: [u64; 2],
    /// Collateral over the value of the debt, initial and maintenance, in parts per million.
    pub ratios: [i64; 2],
    /// Of the value of what is taken over, in parts per million.
    pub penalty: i64,
    /// For minting and for redeeming, in parts per million.
    pub fees: [i64; 2],
    /// Most USD that the fund pays for it.
    pub fund_cap: u64,
    /// The part of the vault that it may use, in parts per million.
    pub vault_share: i64,
}

impl SyntheticTerms {
    fn spec(&self) -> SyntheticSpec {
        let milli = |milli: u64| Amount::new(i128::from(milli) * DOLLAR / 1_000);
        SyntheticSpec {
            asset: MINTED,
            tracks: BTC,
            universe: CORE,
            market: Some(MINTED_SPOT),
            debt_ceiling: milli(self.bounds[0]),
            minimum_debt: milli(self.bounds[1]),
            initial_ratio: Rate::new(self.ratios[0]),
            maintenance_ratio: Rate::new(self.ratios[1]),
            liquidation_penalty: Rate::new(self.penalty),
            mint_fee: Rate::new(self.fees[0]),
            redemption_fee: Rate::new(self.fees[1]),
            backstop_share: Rate::new(self.vault_share),
            fund_claim_maximum_usd: usd(self.fund_cap),
        }
    }
}

pub struct World {
    pub engine: Engine,
    pub time_ms: u64,
    parent: BlockDigest,
    nonce: u64,
    prices: BTreeMap<AssetId, Price>,
}

/// A block that was signed and can be executed again.
pub struct Signed {
    height: palisade_types::ids::Height,
    pub time_ms: u64,
    parent: BlockDigest,
    bundle: Option<OracleBundle>,
    actions: Vec<Arc<VerifiedAction>>,
}

impl Signed {
    pub fn execute(&self, engine: &mut Engine) -> Result<BlockOutcome, InvalidBlock> {
        let rules = Rules::at(engine.next_protocol_version()).expect("a known version");
        let input = BlockInput {
            height: self.height,
            time_ms: TimeMs::new(self.time_ms),
            parent: self.parent,
            oracle_bundle: self.bundle.as_ref(),
            actions: &self.actions,
        };
        engine.execute(&rules, &input)
    }
}

impl Signed {
    /// The same block without its actions.
    pub fn without_actions(&self) -> Self {
        Self { bundle: self.bundle.clone(), actions: Vec::new(), ..*self }
    }

    /// An empty block right after this one.
    pub fn empty_child(&self) -> Self {
        let mut parent = self.parent;
        parent.0[31] ^= 1;
        Self { height: self.height.next(), time_ms: self.time_ms + 1, parent, bundle: None, actions: Vec::new() }
    }
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

fn oracle_key() -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes([101; 32])
}

fn asset(id: u32, symbol: &str, collateral: Option<CollateralTerms>) -> AssetSpec {
    AssetSpec { id: AssetId::new(id), symbol: symbol.to_owned(), decimals: 8, has_index: true, collateral }
}

fn usd(whole: u64) -> Usd {
    Usd::new(i128::from(whole) * DOLLAR)
}

impl Terms {
    fn risk(&self, universe: UniverseId) -> RiskTerms {
        let mut risk = RiskTerms { backstop_share: Rate::new(self.vault_share), ..RiskTerms::flat() };
        if self.fund_cap > 0 {
            risk.fund_claim_maximum_usd = usd(self.fund_cap);
        }
        if self.add_ons {
            risk.volatility_multiplier = Rate::new(3_000_000);
            risk.depth_minimum_usd = usd(200_000);
        }
        if self.crowd[1] > 0 && universe == CORE {
            (risk.open_interest_lower_usd, risk.open_interest_upper_usd) = (usd(self.crowd[0]), usd(self.crowd[1]));
        }
        risk
    }

    fn market(&self, id: u32, symbol: &str, universe: UniverseId, kind: MarketKind) -> MarketSpec {
        let is_eth = symbol.starts_with("ETH");
        MarketSpec {
            id: MarketId::new(id),
            symbol: symbol.to_owned(),
            universe,
            kind,
            size_decimals: if is_eth { 2 } else { 4 },
            tick: if is_eth { "0.1" } else { "1" }.parse().expect("a tick"),
            maker_fee: Rate::new(self.fees[0]),
            taker_fee: Rate::new(self.fees[1]),
            minimum_notional_usd: usd(10),
            maximum_notional_usd: usd(100_000_000),
            price_band: Rate::new(200_000),
            open_orders_per_account_max: 20,
        }
    }

    fn perpetual(&self, universe: UniverseId, underlying: AssetId, maximum_leverage: u32) -> MarketKind {
        MarketKind::Perpetual {
            underlying,
            maximum_leverage,
            open_interest_maximum: Size::new(1_000_000_000),
            position_maximum: Size::new(100_000_000),
            risk: self.risk(universe),
        }
    }

    /// The next day and the next Friday, two strikes on each side.
    fn options_on_btc(&self) -> OptionSeriesSpec {
        OptionSeriesSpec {
            universe: CORE,
            underlying: BTC,
            expiries: ExpiryCounts { daily: 1, weekly: 1, monthly: 0, quarterly: 0 },
            strikes_per_side: 2,
            default_volatility: Rate::new(800_000),
            volatility_move_per_second: Rate::new(50_000),
            size_decimals: 2,
            tick: "1".parse().expect("a tick"),
            maker_fee: Rate::new(self.fees[0].min(1_000)),
            taker_fee: Rate::new(self.fees[1].min(1_000)),
            fee_share_maximum: Rate::new(125_000),
            minimum_notional_usd: Usd::ZERO,
            maximum_notional_usd: usd(100_000_000),
            price_band: Rate::new(100_000),
            open_orders_per_account_max: 20,
            open_interest_maximum: Size::new(100_000_000),
            position_maximum: Size::new(10_000_000),
            risk: self.risk(CORE),
        }
    }

    pub fn genesis(&self) -> Genesis {
        let weights = CollateralTerms {
            initial_weight: Rate::new(800_000),
            maintenance_weight: Rate::new(900_000),
            full_weight_maximum_usd: usd(200_000),
        };
        let universe =
            |id, name: &str| UniverseSpec { id: UniverseId::new(id), name: name.to_owned(), collateral: USDC };
        let mut markets = vec![
            self.market(0, "BTC", CORE, self.perpetual(CORE, BTC, 50)),
            self.market(1, "ETH", CORE, self.perpetual(CORE, ETH, 10)),
            self.market(2, "BTC-SIDE", SIDE, self.perpetual(SIDE, BTC, 25)),
            self.market(10_000, "BTC/USDC", CORE, MarketKind::Spot { base: BTC, quote: USDC }),
        ];
        let mut assets = vec![asset(0, "USDC", None), asset(1, "BTC", Some(weights)), asset(2, "ETH", None)];
        if self.synthetic.is_some() {
            assets.push(AssetSpec { has_index: false, ..asset(MINTED.get(), "pBTC", None) });
            let kind = MarketKind::Spot { base: MINTED, quote: USDC };
            markets.push(self.market(MINTED_SPOT.get(), "pBTC/USDC", CORE, kind));
        }
        if self.expiry_ms > 0 {
            let kind = MarketKind::Future {
                underlying: BTC,
                expires_at_ms: TimeMs::new(START_MS + self.expiry_ms),
                maximum_leverage: 20,
                open_interest_maximum: Size::new(1_000_000_000),
                position_maximum: Size::new(100_000_000),
                risk: self.risk(CORE),
            };
            markets.push(self.market(MarketId::FIRST_FUTURE, "BTC-15NOV23", CORE, kind));
        }
        Genesis {
            chain_id: CHAIN_ID,
            name: "clearing".to_owned(),
            time_ms: TimeMs::new(START_MS),
            seats: vec![Seat {
                id: SeatId::new(0),
                name: "seat-0".to_owned(),
                vote_key: Ed25519SecretKey::from_bytes([1; 32]).public_key(),
                oracle_key: oracle_key().public_key(),
            }],
            assets,
            universes: vec![universe(0, "core"), universe(1, "side")],
            markets,
            balances: self.balances(),
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
            option_series: if self.options { vec![self.options_on_btc()] } else { Vec::new() },
            synthetics: self.synthetic.iter().map(SyntheticTerms::spec).collect(),
        }
    }

    fn balances(&self) -> Vec<GenesisBalance> {
        let dollars = |whole: u64| i128::from(whole) * DOLLAR;
        let mut all = Vec::new();
        for (name, [core, side, milli_btc]) in &self.funds {
            let owner = account(name);
            all.push((CORE, owner, USDC, dollars(*core)));
            all.push((SIDE, owner, USDC, dollars(*side)));
            all.push((CORE, owner, BTC, i128::from(*milli_btc) * 100_000));
        }
        for (universe, place) in [(CORE, 0), (SIDE, 1)] {
            let units = if place == 0 { i128::from(self.insurance_units) } else { 0 };
            all.push((universe, AccountId::insurance(universe), USDC, dollars(self.insurance[place]) + units));
            all.push((universe, AccountId::backstop(universe), USDC, dollars(self.vault[place])));
        }
        all.retain(|(.., amount)| *amount > 0);
        let balance = |(universe, account, asset, amount)| GenesisBalance {
            universe,
            account,
            asset,
            amount: Amount::new(amount),
        };
        all.into_iter().map(balance).collect()
    }
}

impl World {
    pub fn new(terms: &Terms) -> Self {
        let genesis = terms.genesis();
        genesis.check().expect("a sound genesis");
        let mut world = Self {
            engine: Engine::new(Arc::new(genesis)),
            time_ms: START_MS,
            parent: BlockDigest::default(),
            nonce: START_MS,
            prices: BTreeMap::new(),
        };
        let first = world.sign(&Step { advance_ms: 100, ..Step::default() });
        world.execute(&first).expect("the first block");
        world
    }

    /// Another world that goes on from here.
    pub fn branch(&self) -> Self {
        Self { engine: self.engine.clone(), prices: self.prices.clone(), ..*self }
    }

    /// Starts anew from the records that there are and some more.
    pub fn put_records(&mut self, more: impl Iterator<Item = palisade_engine::state::Record>) {
        let values: Vec<Vec<u8>> = self.engine.state().records().chain(more).map(|record| record.encode()).collect();
        let genesis = Arc::clone(self.engine.genesis());
        self.engine = Engine::from_records(genesis, values.into_iter()).expect("sound records");
    }

    /// The last price that a script gave of an asset.
    pub fn price(&self, asset: AssetId) -> Option<Price> {
        self.prices.get(&asset).copied()
    }

    /// The next block as a step says. Prices need a new second; a jump of time needs prices.
    pub fn sign(&mut self, step: &Step) -> Signed {
        for (asset, price) in &step.prices {
            self.prices.insert(*asset, *price);
            if price.get() == 0 {
                self.prices.remove(asset);
            }
        }
        let mut advance_ms = step.advance_ms.max(1);
        let bundle = if step.prices.is_empty() {
            advance_ms = advance_ms.min(1_000);
            None
        } else {
            let last = self.engine.state().chain().oracle_round.unwrap_or(0);
            advance_ms = advance_ms.max(((last + 1) * 1_000).saturating_sub(self.time_ms));
            Some(self.bundle(self.time_ms + advance_ms))
        };
        let time_ms = self.time_ms + advance_ms;
        let actions =
            step.actions.iter().map(|(name, action)| Arc::new(self.verified(name, action, time_ms))).collect();
        Signed { height: self.engine.height().next(), time_ms, parent: self.parent, bundle, actions }
    }

    pub fn execute(&mut self, block: &Signed) -> Result<BlockOutcome, InvalidBlock> {
        let outcome = block.execute(&mut self.engine)?;
        self.time_ms = block.time_ms;
        let number = u64::from_be_bytes(self.parent.0[..8].try_into().expect("eight bytes")).wrapping_add(1);
        self.parent.0[..8].copy_from_slice(&number.to_be_bytes());
        Ok(outcome)
    }

    fn bundle(&self, time_ms: u64) -> OracleBundle {
        let entries = self.prices.iter().map(|(asset, price)| OracleEntry { asset: *asset, price: *price }).collect();
        let vote = OracleVote {
            chain_id: CHAIN_ID,
            epoch: 0,
            round: time_ms / 1_000,
            seat: SeatId::new(0),
            time_ms: TimeMs::new(time_ms),
            entries,
        };
        OracleBundle { votes: vec![vote.sign(&oracle_key())] }
    }

    /// `alice` acts for herself, `alice>0x…` for an account that she controls.
    fn verified(&mut self, name: &str, action: &Action, time_ms: u64) -> VerifiedAction {
        let (signer, target) = name.split_once('>').map_or((name, None), |(signer, target)| (signer, Some(target)));
        self.nonce = (self.nonce + 1).max(time_ms);
        let key = key(signer);
        let envelope = Envelope {
            chain_id: CHAIN_ID,
            signer: key.signer_id(),
            account: target.map_or_else(|| key.address(), |target| target.parse().expect("an address")),
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action: action.clone() },
        };
        verify(key.sign(envelope)).expect("a good signature")
    }
}
