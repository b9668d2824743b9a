//! A genesis that keeps every rule.

use palisade_types::{
    address::{AccountId, Ed25519Key},
    genesis::{ActionBudgetTerms, FaucetGrant, Genesis, GenesisBalance, Seat, StorageTerms},
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{AssetSpec, ExpiryCounts, MarketKind, MarketSpec, OptionSeriesSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};

pub fn key(number: u8) -> Ed25519Key {
    Ed25519SecretKey::from_bytes([number; 32]).public_key()
}

fn asset(id: u32, symbol: &str, decimals: u8, has_index: bool) -> AssetSpec {
    AssetSpec { id: AssetId::new(id), symbol: symbol.into(), decimals, has_index, collateral: None }
}

fn market(id: u32, symbol: &str, kind: MarketKind) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(id),
        symbol: symbol.into(),
        universe: UniverseId::new(0),
        kind,
        size_decimals: 5,
        tick: Price::new(100_000_000),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(1_000_000_000),
        maximum_notional_usd: Usd::new(1_000_000_000_000_000),
        price_band: Rate::new(50_000),
        open_orders_per_account_max: 1000,
    }
}

pub fn perpetual(underlying: u32) -> MarketKind {
    MarketKind::Perpetual {
        underlying: AssetId::new(underlying),
        maximum_leverage: 50,
        open_interest_maximum: Size::new(1_000_000_000),
        position_maximum: Size::new(100_000_000),
        risk: Default::default(),
    }
}

pub fn spot(base: u32, quote: u32) -> MarketKind {
    MarketKind::Spot { base: AssetId::new(base), quote: AssetId::new(quote) }
}

fn seat(number: u8) -> Seat {
    Seat {
        id: SeatId::new(u32::from(number)),
        name: format!("seat {number}"),
        vote_key: key(number),
        oracle_key: key(number + 100),
    }
}

pub fn balance(account: u8, amount: i128) -> GenesisBalance {
    GenesisBalance {
        universe: UniverseId::new(0),
        account: AccountId([account; 20]),
        asset: AssetId::new(0),
        amount: Amount::new(amount),
    }
}

pub fn genesis() -> Genesis {
    Genesis {
        chain_id: 7777,
        name: "test net".into(),
        time_ms: TimeMs::new(1_700_000_000_000),
        seats: (0..4).map(seat).collect(),
        assets: vec![
            asset(0, "USDC", 8, true),
            asset(1, "BTC", 8, true),
            asset(2, "ETH", 18, true),
            asset(3, "DOG", 5, false),
        ],
        universes: vec![UniverseSpec { id: UniverseId::new(0), name: "core".into(), collateral: AssetId::new(0) }],
        markets: vec![
            market(0, "BTC", perpetual(1)),
            market(1, "ETH", perpetual(2)),
            market(10_000, "BTC/USDC", spot(1, 0)),
            market(10_001, "DOG/USDC", spot(3, 0)),
        ],
        balances: vec![balance(1, 500), balance(2, 600)],
        hyperliquid_compatible: vec![AccountId([1; 20])],
        faucet: vec![FaucetGrant {
            universe: UniverseId::new(0),
            asset: AssetId::new(0),
            amount: Amount::new(1_000_000_000_000),
            interval_ms: 60_000,
        }],
        action_budget: ActionBudgetTerms {
            initial: 10_000,
            per_usd_traded: 1,
            refill_interval_ms: 10_000,
            cancel_allowance: 100_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

/// A series of options that keeps every rule.
pub fn option_series(underlying: AssetId) -> OptionSeriesSpec {
    OptionSeriesSpec {
        universe: UniverseId::new(0),
        underlying,
        expiries: ExpiryCounts { daily: 2, weekly: 2, monthly: 2, quarterly: 1 },
        strikes_per_side: 5,
        default_volatility: Rate::new(600_000),
        volatility_move_per_second: Rate::new(10_000),
        size_decimals: 2,
        tick: Price::new(100_000_000),
        maker_fee: Rate::new(300),
        taker_fee: Rate::new(300),
        fee_share_maximum: Rate::new(125_000),
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::new(1_000_000_000_000_000),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 100,
        open_interest_maximum: Size::new(1_000),
        position_maximum: Size::new(1_000),
        risk: Default::default(),
    }
}
