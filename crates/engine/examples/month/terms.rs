//! The venue of the month: one universe, a perpetual and a series of options on each underlying.

use crate::{
    chains::SYMBOLS,
    path::START_MS,
    people::Person,
    replay::{DOLLAR, key, seats},
};
use palisade_types::{
    address::AccountId,
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, StorageTerms},
    ids::{AssetId, MarketId, UniverseId},
    market::{AssetSpec, ExpiryCounts, MarketKind, MarketSpec, OptionSeriesSpec, RiskTerms, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    time::TimeMs,
};

pub const CORE: UniverseId = UniverseId::new(0);
pub const USDC: AssetId = AssetId::new(0);
/// What the fund and the backstop vault have, in USD.
pub const FUND_USD: i128 = 1_000_000;
pub const BACKSTOP_USD: i128 = 5_000_000;
/// What each maker has.
const MAKER_USD: i128 = 2_000_000_000;
/// Decimals of a lot, by underlying: of perpetuals and of options.
pub const PERPETUAL_DECIMALS: [u8; 2] = [5, 4];
pub const OPTION_DECIMALS: [u8; 2] = [2, 1];
/// Ticks of options, in 1e-8 USD.
pub const OPTION_TICKS: [i64; 2] = [100_000_000, 10_000_000];

pub const fn asset(underlying: usize) -> AssetId {
    AssetId::new(underlying as u32 + 1)
}

pub const fn perpetual(underlying: usize) -> MarketId {
    MarketId::new(underlying as u32)
}

pub fn maker(underlying: usize) -> String {
    format!("maker {}", SYMBOLS[underlying])
}

fn perpetual_spec(underlying: usize) -> MarketSpec {
    MarketSpec {
        id: perpetual(underlying),
        symbol: SYMBOLS[underlying].into(),
        universe: CORE,
        kind: MarketKind::Perpetual {
            underlying: asset(underlying),
            maximum_leverage: 25,
            open_interest_maximum: Size::new(1 << 60),
            position_maximum: Size::new(1 << 60),
            risk: RiskTerms {
                backstop_share: Rate::new(330_000),
                fund_claim_maximum_usd: Usd::new(FUND_USD / 2 * DOLLAR),
                ..RiskTerms::flat()
            },
        },
        size_decimals: PERPETUAL_DECIMALS[underlying],
        tick: Price::new(10i64.pow(2 + u32::from(PERPETUAL_DECIMALS[underlying]))),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(450),
        minimum_notional_usd: Usd::new(DOLLAR),
        maximum_notional_usd: Usd::new(1_000_000_000 * DOLLAR),
        price_band: Rate::new(200_000),
        open_orders_per_account_max: 100,
    }
}

fn series(underlying: usize) -> OptionSeriesSpec {
    OptionSeriesSpec {
        universe: CORE,
        underlying: asset(underlying),
        expiries: ExpiryCounts { daily: 2, weekly: 2, monthly: 0, quarterly: 0 },
        strikes_per_side: 5,
        default_volatility: Rate::new(550_000),
        volatility_move_per_second: Rate::new(10_000),
        size_decimals: OPTION_DECIMALS[underlying],
        tick: Price::new(OPTION_TICKS[underlying]),
        maker_fee: Rate::new(300),
        taker_fee: Rate::new(300),
        fee_share_maximum: Rate::new(125_000),
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::new(1_000_000_000 * DOLLAR),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 100,
        open_interest_maximum: Size::new(1 << 60),
        position_maximum: Size::new(1 << 60),
        risk: RiskTerms {
            backstop_share: Rate::new(100_000),
            fund_claim_maximum_usd: Usd::new(FUND_USD / 10 * DOLLAR),
            ..RiskTerms::flat()
        },
    }
}

fn balances(people: &[Person]) -> Vec<GenesisBalance> {
    let usdc = |account: AccountId, dollars: i128| GenesisBalance {
        universe: CORE,
        account,
        asset: USDC,
        amount: Amount::new(dollars * DOLLAR),
    };
    let mut balances: Vec<GenesisBalance> =
        people.iter().map(|person| usdc(key(&person.name()).address(), person.equity_usd)).collect();
    balances.extend((0..SYMBOLS.len()).map(|underlying| usdc(key(&maker(underlying)).address(), MAKER_USD)));
    balances.push(usdc(AccountId::insurance(CORE), FUND_USD));
    balances.push(usdc(AccountId::backstop(CORE), BACKSTOP_USD));
    balances
}

pub fn genesis(people: &[Person]) -> Genesis {
    let asset_spec = |id: AssetId, symbol: &str, has_index| AssetSpec {
        id,
        symbol: symbol.into(),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let underlyings = 0..SYMBOLS.len();
    let mut assets = vec![asset_spec(USDC, "USDC", false)];
    assets.extend(underlyings.clone().map(|place| asset_spec(asset(place), SYMBOLS[place], true)));
    Genesis {
        chain_id: 20_260_201,
        name: "February 2026".into(),
        time_ms: TimeMs::new(START_MS - 1_000),
        seats: seats(),
        assets,
        universes: vec![UniverseSpec { id: CORE, name: "core".into(), collateral: USDC }],
        markets: underlyings.clone().map(perpetual_spec).collect(),
        balances: balances(people),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 100_000_000,
            per_usd_traded: 0,
            refill_interval_ms: 1_000,
            cancel_allowance: 100_000_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: underlyings.map(series).collect(),
        synthetics: Vec::new(),
    }
}
