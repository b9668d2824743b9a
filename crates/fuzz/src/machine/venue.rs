//! The exchange that every input starts from, and its prices.

use super::actions::{self, Person};
use crate::support;
use arbitrary::{Result, Unstructured};
use palisade_engine::Engine;
use palisade_types::{
    address::AccountId,
    genesis::{Genesis, GenesisBalance},
    ids::{AssetId, MarketId, UniverseId},
    market::{CollateralTerms, MarketKind, MarketSpec, RiskTerms, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use std::sync::{Arc, LazyLock};

const CORE: UniverseId = UniverseId::new(0);
pub const SIDE: UniverseId = UniverseId::new(1);
pub const COLLATERAL: AssetId = AssetId::new(0);
/// Tick of every market of the genesis: one dollar.
pub const TICK: i64 = 100_000_000;
/// The perpetual of the other universe.
pub const SIDE_PERPETUAL: MarketId = MarketId::new(2);
/// When the future ends, after the start.
const EXPIRY_MS: u64 = 40_000;
const DOLLAR: i128 = 100_000_000;

/// By person: USDC in the core universe, USDC in the other, and BTC in 1e-8.
const FUNDS: [(i128, i128, i128); 5] =
    [(100_000, 20_000, 1_000_000_000), (100_000, 0, 0), (2_000, 500, 50_000_000), (500, 0, 0), (120, 100, 20_000_000)];

/// The types crate's genesis with people who can trade, most of them with little, a second universe, a future that ends soon, funds
/// that a gap can exhaust, and BTC as collateral.
pub static START: LazyLock<(Arc<Genesis>, Engine)> = LazyLock::new(|| {
    let mut genesis = support::genesis::genesis();
    genesis.universes.push(UniverseSpec { id: SIDE, name: "side".into(), collateral: COLLATERAL });
    genesis.assets[1].collateral = Some(CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: Usd::new(5_000 * DOLLAR),
    });
    let risk = RiskTerms { fund_claim_maximum_usd: Usd::new(400 * DOLLAR), ..RiskTerms::flat() };
    let perpetual = |underlying| MarketKind::Perpetual {
        underlying: AssetId::new(underlying),
        maximum_leverage: 50,
        open_interest_maximum: Size::new(1_000_000_000),
        position_maximum: Size::new(100_000_000),
        risk,
    };
    let template = genesis.markets[0].clone();
    genesis.markets[0].kind = perpetual(1);
    let volatile =
        RiskTerms { volatility_multiplier: Rate::new(3_000_000), depth_minimum_usd: Usd::new(20_000 * DOLLAR), ..risk };
    genesis.markets[1].kind = MarketKind::Perpetual {
        underlying: AssetId::new(2),
        maximum_leverage: 10,
        open_interest_maximum: Size::new(1_000_000_000),
        position_maximum: Size::new(100_000_000),
        risk: volatile,
    };
    let future = MarketKind::Future {
        underlying: AssetId::new(1),
        expires_at_ms: genesis.time_ms.saturating_add(EXPIRY_MS),
        maximum_leverage: 20,
        open_interest_maximum: Size::new(1_000_000_000),
        position_maximum: Size::new(100_000_000),
        risk,
    };
    let more = [
        (SIDE_PERPETUAL, "BTC-SIDE", SIDE, perpetual(1)),
        (MarketId::new(MarketId::FIRST_FUTURE), "BTC-15NOV23", CORE, future),
    ];
    let spec = |(id, symbol, universe, kind): (MarketId, &str, UniverseId, MarketKind)| MarketSpec {
        id,
        symbol: symbol.into(),
        universe,
        kind,
        ..template.clone()
    };
    genesis.markets.extend(more.into_iter().map(spec));
    genesis.markets.sort_by_key(|market| market.id);
    genesis.markets.iter_mut().for_each(|market| market.price_band = Rate::new(200_000));
    genesis.balances = balances();
    genesis.hyperliquid_compatible = actions::people().iter().take(2).map(Person::account).collect();
    genesis.check().expect("a genesis that keeps every rule");
    let genesis = Arc::new(genesis);
    (genesis.clone(), Engine::new(genesis))
});

fn balances() -> Vec<GenesisBalance> {
    let fund = |universe: UniverseId, account: AccountId, asset: u32, amount: i128| GenesisBalance {
        universe,
        account,
        asset: AssetId::new(asset),
        amount: Amount::new(amount),
    };
    let mut all = Vec::new();
    for (person, (core, side, bitcoin)) in actions::people().iter().zip(FUNDS) {
        let account = person.account();
        all.push(fund(CORE, account, 0, core * DOLLAR));
        all.push(fund(SIDE, account, 0, side * DOLLAR));
        all.push(fund(CORE, account, 1, bitcoin));
        all.push(fund(CORE, account, 3, 1_000_000));
    }
    for (universe, insurance, vault) in [(CORE, 1_000, 3_000), (SIDE, 100, 500)] {
        all.push(fund(universe, AccountId::insurance(universe), 0, insurance * DOLLAR));
        all.push(fund(universe, AccountId::backstop(universe), 0, vault * DOLLAR));
    }
    all.retain(|balance| balance.amount > Amount::ZERO);
    all
}

/// Prices of USDC, BTC and ETH, in 1e-8 USD.
#[derive(Clone, Copy)]
pub struct Prices([i64; 3]);

const HOME: Prices = Prices([100_000_000, 100_000_000_000, 20_000_000_000]);

impl Default for Prices {
    fn default() -> Self {
        HOME
    }
}

impl Prices {
    /// Mostly a little, sometimes far; a dollar is seldom none.
    pub fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        for place in 1..3 {
            let span: i64 = *choices.choose(&[1_000, 1_000, 5_000, 20_000, 80_000, 400_000])?;
            let change = i128::from(choices.int_in_range(-span..=span)?);
            let (price, home) = (i128::from(self.0[place]), i128::from(HOME.0[place]));
            let moved = price + price * change / 1_000_000;
            // Back to where it began, or lots would grow too small.
            let moved = if moved > home * 4 || moved < home / 4 { home } else { moved };
            self.0[place] = i64::try_from(moved).unwrap_or(HOME.0[place]);
        }
        self.0[0] = if choices.ratio(1, 25)? { choices.int_in_range(88_000_000..=103_000_000)? } else { HOME.0[0] };
        Ok(())
    }
}

/// The prices, signed by every seat.
pub fn bundle(time_ms: TimeMs, prices: &Prices) -> OracleBundle {
    let (genesis, _) = &*START;
    let entries = || {
        let entry = |(asset, price): (u32, i64)| OracleEntry { asset: AssetId::new(asset), price: Price::new(price) };
        (0u32..).zip(prices.0).map(entry).collect()
    };
    let votes = genesis.seats.iter().zip(100u8..).map(|(seat, key)| {
        let vote = OracleVote {
            chain_id: genesis.chain_id,
            epoch: 0,
            round: time_ms.get() / 1_000,
            seat: seat.id,
            time_ms,
            entries: entries(),
        };
        vote.sign(&Ed25519SecretKey::from_bytes([key; 32]))
    });
    OracleBundle { votes: votes.collect() }
}
