//! The genesis that `devnet` and `init` write: a small exchange with test funds.
//!
//! Prices follow Hyperliquid's rules so that its clients can name every price: a perpetual's tick is 10^-(6 -
//! size decimals), a spot market's 10^-(8 - size decimals). `tick × lot` is therefore 1e-6 or 1e-8 USD, always a whole
//! number of 1e-8.

use crate::dev_keys;
use palisade_types::{
    address::AccountId,
    genesis::{ActionBudgetTerms, FaucetGrant, Genesis, GenesisBalance, Seat, StorageTerms},
    ids::{AssetId, MarketId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    time::TimeMs,
};
use std::collections::BTreeMap;

/// The chain id of a devnet, unless another is asked for.
pub const CHAIN_ID: u64 = 52_577;
/// Accounts with funds for the load generator.
pub const LOAD_ACCOUNTS: u64 = 64;

const CORE: UniverseId = UniverseId::new(0);
const USDC: AssetId = AssetId::new(0);
const DOLLAR: i128 = 100_000_000;
const MAKER_FEE: Rate = Rate::new(150);
const TAKER_FEE: Rate = Rate::new(450);
const PRICE_BAND: Rate = Rate::new(200_000);

/// An asset of the devnet.
struct Listed {
    symbol: &'static str,
    decimals: u8,
    /// Where its synthetic price starts, in 1e-8 USD; zero for no index.
    anchor: i64,
}

const fn listed(symbol: &'static str, decimals: u8, anchor: i64) -> Listed {
    Listed { symbol, decimals, anchor }
}

/// In order of asset id: collateral, what markets trade, then what has an index only.
const ASSETS: &[Listed] = &[
    listed("USDC", 8, 0),
    listed("PURR", 5, 20_000_000),
    listed("BTC", 8, 117_000 * 100_000_000),
    listed("ETH", 8, 4_000 * 100_000_000),
    listed("SOL", 8, 200 * 100_000_000),
    listed("AAVE", 8, 270 * 100_000_000),
    listed("ADA", 8, 80_000_000),
    listed("ATOM", 8, 405_000_000),
    listed("AVAX", 8, 2_800_000_000),
    listed("BCH", 8, 570 * 100_000_000),
    listed("DOGE", 8, 25_000_000),
    listed("DOT", 8, 410_000_000),
    listed("LINK", 8, 2_200_000_000),
    listed("LTC", 8, 130 * 100_000_000),
    listed("POL", 8, 23_600_000),
    listed("UNI", 8, 790_000_000),
    listed("XRP", 8, 280_000_000),
];

/// A perpetual: underlying, size decimals, maximum leverage, most open interest and most held by one account, in units.
const PERPETUALS: &[(&str, u8, u32, u64, u64)] =
    &[("BTC", 5, 40, 10_000, 2_000), ("ETH", 4, 25, 200_000, 40_000), ("SOL", 2, 20, 5_000_000, 1_000_000)];

/// A spot market against USDC: base and size decimals.
const SPOTS: &[(&str, u8)] = &[("PURR", 0), ("BTC", 5), ("ETH", 4)];

/// The genesis of a devnet with these validators.
pub fn devnet_genesis(chain_id: u64, name: &str, time_ms: TimeMs, seats: Vec<Seat>) -> Genesis {
    let assets = ASSETS.iter().zip(0u32..).map(|(asset, id)| AssetSpec {
        id: AssetId::new(id),
        symbol: asset.symbol.into(),
        decimals: asset.decimals,
        has_index: asset.anchor > 0,
        collateral: None,
    });
    let perpetuals = PERPETUALS.iter().zip(0u32..).map(|(terms, id)| perpetual(MarketId::new(id), terms));
    let spots = SPOTS.iter().zip(MarketId::FIRST_SPOT..).map(|(terms, id)| spot(MarketId::new(id), terms));
    let funded = dev_keys::funded().map(|key| key.address());
    Genesis {
        chain_id,
        name: name.into(),
        time_ms,
        seats,
        assets: assets.collect(),
        universes: vec![UniverseSpec { id: CORE, name: "core".into(), collateral: USDC }],
        markets: perpetuals.chain(spots).collect(),
        balances: balances(&funded),
        hyperliquid_compatible: sorted(funded.to_vec()),
        faucet: vec![
            FaucetGrant { universe: CORE, asset: USDC, amount: Amount::new(10_000 * DOLLAR), interval_ms: 60_000 },
            FaucetGrant { universe: CORE, asset: asset("PURR"), amount: units("PURR", 10_000), interval_ms: 60_000 },
        ],
        action_budget: ActionBudgetTerms {
            initial: 1_000_000,
            per_usd_traded: 1,
            refill_interval_ms: 10,
            cancel_allowance: 1_000_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
    }
}

/// Where the synthetic prices of `genesis` start, by asset; assets that this binary does not know start at one dollar.
pub fn price_anchors(genesis: &Genesis) -> BTreeMap<AssetId, Price> {
    let anchor = |symbol: &str| ASSETS.iter().find(|asset| asset.symbol == symbol).map_or(100_000_000, |a| a.anchor);
    let indexed = genesis.assets.iter().filter(|asset| asset.has_index);
    indexed.map(|asset| (asset.id, Price::new(anchor(&asset.symbol).max(1)))).collect()
}

fn balances(funded: &[AccountId]) -> Vec<GenesisBalance> {
    let mut rows: Vec<(AccountId, &str, u64)> = Vec::new();
    for account in funded {
        rows.extend([(*account, "USDC", 1_000_000), (*account, "PURR", 1_000_000)]);
        rows.extend([(*account, "BTC", 10), (*account, "ETH", 200)]);
    }
    let maker = dev_keys::market_maker().address();
    rows.extend([(maker, "USDC", 100_000_000), (maker, "PURR", 100_000_000)]);
    rows.extend([(maker, "BTC", 1_000), (maker, "ETH", 20_000)]);
    rows.extend((0..LOAD_ACCOUNTS).map(|number| (dev_keys::load(number).address(), "USDC", 100_000)));
    let mut balances: Vec<GenesisBalance> = rows
        .into_iter()
        .map(|(account, symbol, count)| GenesisBalance {
            universe: CORE,
            account,
            asset: asset(symbol),
            amount: units(symbol, count),
        })
        .collect();
    balances.sort_by_key(|balance| (balance.universe, balance.account, balance.asset));
    balances
}

fn perpetual(id: MarketId, terms: &(&str, u8, u32, u64, u64)) -> MarketSpec {
    let (symbol, size_decimals, maximum_leverage, open_interest, position) = *terms;
    let lots = |units: u64| Size::new(units * 10u64.pow(u32::from(size_decimals)));
    MarketSpec {
        id,
        symbol: symbol.into(),
        kind: MarketKind::Perpetual {
            underlying: asset(symbol),
            maximum_leverage,
            open_interest_maximum: lots(open_interest),
            position_maximum: lots(position),
            risk: Default::default(),
        },
        tick: power_of_ten_price(2 + size_decimals),
        ..market_terms(size_decimals)
    }
}

fn spot(id: MarketId, terms: &(&str, u8)) -> MarketSpec {
    let (symbol, size_decimals) = *terms;
    MarketSpec {
        id,
        symbol: format!("{symbol}/USDC"),
        kind: MarketKind::Spot { base: asset(symbol), quote: USDC },
        tick: power_of_ten_price(size_decimals),
        ..market_terms(size_decimals)
    }
}

/// What all markets of the devnet share.
fn market_terms(size_decimals: u8) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(0),
        symbol: String::new(),
        universe: CORE,
        kind: MarketKind::Spot { base: USDC, quote: USDC },
        size_decimals,
        tick: Price::ZERO,
        maker_fee: MAKER_FEE,
        taker_fee: TAKER_FEE,
        minimum_notional_usd: Usd::new(10 * DOLLAR),
        maximum_notional_usd: Usd::new(10_000_000 * DOLLAR),
        price_band: PRICE_BAND,
        open_orders_per_account_max: 1_000,
    }
}

/// `10^exponent` of 1e-8 USD.
fn power_of_ten_price(exponent: u8) -> Price {
    Price::new(10i64.pow(u32::from(exponent)))
}

fn place(symbol: &str) -> usize {
    ASSETS.iter().position(|asset| asset.symbol == symbol).expect("the tables of this file name listed assets only")
}

fn asset(symbol: &str) -> AssetId {
    AssetId::new(u32::try_from(place(symbol)).expect("a short table"))
}

fn units(symbol: &str, count: u64) -> Amount {
    Amount::new(i128::from(count) * 10i128.pow(u32::from(ASSETS[place(symbol)].decimals)))
}

fn sorted(mut accounts: Vec<AccountId>) -> Vec<AccountId> {
    accounts.sort_unstable();
    accounts
}

#[cfg(test)]
#[path = "genesis_tests.rs"]
mod tests;
