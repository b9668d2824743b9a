//! The genesis that `devnet` and `init` write: a small exchange with test funds, in two universes of risk. `core` has the
//! majors, their spot markets and dated futures; `alts` has two perpetuals whose losses stay where they are made.
//!
//! Prices follow Hyperliquid's rules so that its clients can name every price: a perpetual's tick is 10^-(6 -
//! size decimals), a spot market's 10^-(8 - size decimals). `tick × lot` is therefore 1e-6 or 1e-8 USD, always a whole
//! number of 1e-8.

use crate::dev_keys;
use palisade_types::{
    address::AccountId,
    genesis::{ActionBudgetTerms, FaucetGrant, Genesis, GenesisBalance, Seat, StorageTerms},
    ids::{AssetId, MarketId, UniverseId},
    market::{
        AssetSpec, CollateralTerms, ExpiryCounts, FutureSeriesSpec, MarketKind, MarketSpec, OptionSeriesSpec,
        RiskTerms, UniverseSpec,
    },
    numbers::{Amount, Price, Rate, Size, Usd},
    synthetic::SyntheticSpec,
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
/// The universe of the smaller coins.
const ALTS: UniverseId = UniverseId::new(1);
/// Capital of each universe's insurance fund and backstop vault, in whole USD.
const FUND_USD: u64 = 1_000_000;
const BACKSTOP_USD: u64 = 5_000_000;

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

/// In order of asset id: collateral, what markets trade, what has an index only, then what is minted.
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
    listed("pBTC", 8, 0),
];

/// A linear market: universe, underlying, size decimals, maximum leverage, most open interest and most held by one account
/// in units, and the open interest (in millions of USD) from which margin rises until it is a hundred per cent at the tenfold.
struct Linear {
    universe: UniverseId,
    symbol: &'static str,
    size_decimals: u8,
    maximum_leverage: u32,
    open_interest: u64,
    position: u64,
    crowded_from_musd: i128,
}

const fn linear(
    universe: UniverseId,
    symbol: &'static str,
    (size_decimals, maximum_leverage): (u8, u32),
    (open_interest, position): (u64, u64),
    crowded_from_musd: i128,
) -> Linear {
    Linear { universe, symbol, size_decimals, maximum_leverage, open_interest, position, crowded_from_musd }
}

/// Perpetuals, in order of id.
const PERPETUALS: &[Linear] = &[
    linear(CORE, "BTC", (5, 40), (10_000, 2_000), 500),
    linear(CORE, "ETH", (4, 25), (200_000, 40_000), 300),
    linear(CORE, "SOL", (2, 20), (5_000_000, 1_000_000), 200),
    linear(ALTS, "AVAX", (2, 10), (1_000_000, 200_000), 5),
    linear(ALTS, "DOGE", (0, 10), (100_000_000, 20_000_000), 5),
];

/// Series of dated futures: the next two days and the next two Fridays.
const FUTURES: &[Linear] =
    &[linear(CORE, "BTC", (5, 20), (5_000, 1_000), 200), linear(CORE, "ETH", (4, 20), (100_000, 20_000), 100)];

/// A series of options: underlying, size decimals, tick in cents, and what one account and all of them may hold in units.
struct Options {
    symbol: &'static str,
    size_decimals: u8,
    tick_cents: i64,
    open_interest: u64,
    position: u64,
}

/// Options on the majors: two days, two Fridays, two months and a quarter ahead, eleven strikes and more each.
const OPTIONS: &[Options] = &[
    Options { symbol: "BTC", size_decimals: 2, tick_cents: 100, open_interest: 10_000, position: 1_000 },
    Options { symbol: "ETH", size_decimals: 1, tick_cents: 10, open_interest: 200_000, position: 20_000 },
];
const OPTION_FEE: Rate = Rate::new(300);

/// What backs positions beside dollars: initial and maintenance weight in parts per million, and the value (in millions of
/// USD) up to which a universe counts it so.
const COLLATERAL: &[(&str, i64, i64, i128)] = &[("BTC", 850_000, 900_000, 200), ("ETH", 800_000, 870_000, 100)];

/// A spot market against USDC: base and size decimals.
const SPOTS: &[(&str, u8)] = &[("PURR", 0), ("BTC", 5), ("ETH", 4), ("pBTC", 5)];

/// Synthetics, each with a spot market: what is minted, and whose index it follows.
const SYNTHETICS: &[(&str, &str)] = &[("pBTC", "BTC")];

/// The genesis of a devnet with these validators.
pub fn devnet_genesis(chain_id: u64, name: &str, time_ms: TimeMs, seats: Vec<Seat>) -> Genesis {
    let assets = ASSETS.iter().zip(0u32..).map(|(asset, id)| AssetSpec {
        id: AssetId::new(id),
        symbol: asset.symbol.into(),
        decimals: asset.decimals,
        has_index: asset.anchor > 0,
        collateral: collateral(asset.symbol),
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
        universes: vec![
            UniverseSpec { id: CORE, name: "core".into(), collateral: USDC },
            UniverseSpec { id: ALTS, name: "alts".into(), collateral: USDC },
        ],
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
        future_series: FUTURES.iter().map(future_series).collect(),
        option_series: OPTIONS.iter().map(option_series).collect(),
        synthetics: SYNTHETICS.iter().map(|(symbol, tracks)| synthetic(symbol, tracks)).collect(),
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
    rows.push((dev_keys::vault_leader().address(), "USDC", 2_000_000));
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
    for universe in [CORE, ALTS] {
        for (account, count) in
            [(AccountId::insurance(universe), FUND_USD), (AccountId::backstop(universe), BACKSTOP_USD)]
        {
            balances.push(GenesisBalance { universe, account, asset: USDC, amount: units("USDC", count) });
        }
    }
    balances.push(GenesisBalance { universe: ALTS, account: maker, asset: USDC, amount: units("USDC", 10_000_000) });
    balances.extend(funded.iter().map(|account| GenesisBalance {
        universe: ALTS,
        account: *account,
        asset: USDC,
        amount: units("USDC", 100_000),
    }));
    balances.sort_by_key(|balance| (balance.universe, balance.account, balance.asset));
    balances
}

fn perpetual(id: MarketId, terms: &Linear) -> MarketSpec {
    MarketSpec {
        id,
        symbol: terms.symbol.into(),
        universe: terms.universe,
        kind: MarketKind::Perpetual {
            underlying: asset(terms.symbol),
            maximum_leverage: terms.maximum_leverage,
            open_interest_maximum: lots(terms.open_interest, terms.size_decimals),
            position_maximum: lots(terms.position, terms.size_decimals),
            risk: risk(terms),
        },
        tick: power_of_ten_price(2 + terms.size_decimals),
        ..market_terms(terms.size_decimals)
    }
}

fn future_series(terms: &Linear) -> FutureSeriesSpec {
    let MarketSpec { maker_fee, taker_fee, minimum_notional_usd, maximum_notional_usd, .. } =
        market_terms(terms.size_decimals);
    FutureSeriesSpec {
        universe: terms.universe,
        underlying: asset(terms.symbol),
        daily: 2,
        weekly: 2,
        size_decimals: terms.size_decimals,
        tick: power_of_ten_price(2 + terms.size_decimals),
        maker_fee,
        taker_fee,
        minimum_notional_usd,
        maximum_notional_usd,
        price_band: PRICE_BAND,
        open_orders_per_account_max: 1_000,
        maximum_leverage: terms.maximum_leverage,
        open_interest_maximum: lots(terms.open_interest, terms.size_decimals),
        position_maximum: lots(terms.position, terms.size_decimals),
        risk: risk(terms),
    }
}

fn option_series(terms: &Options) -> OptionSeriesSpec {
    OptionSeriesSpec {
        universe: CORE,
        underlying: asset(terms.symbol),
        expiries: ExpiryCounts { daily: 2, weekly: 2, monthly: 2, quarterly: 1 },
        strikes_per_side: 5,
        default_volatility: Rate::new(550_000),
        volatility_move_per_second: Rate::new(10_000),
        size_decimals: terms.size_decimals,
        tick: Price::new(terms.tick_cents * 1_000_000),
        maker_fee: OPTION_FEE,
        taker_fee: OPTION_FEE,
        fee_share_maximum: Rate::new(125_000),
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::new(10_000_000 * DOLLAR),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 100,
        open_interest_maximum: lots(terms.open_interest, terms.size_decimals),
        position_maximum: lots(terms.position, terms.size_decimals),
        risk: RiskTerms {
            backstop_share: Rate::new(100_000),
            fund_claim_maximum_usd: Usd::new(100_000 * DOLLAR),
            ..RiskTerms::flat()
        },
    }
}

const fn lots(units: u64, size_decimals: u8) -> Size {
    Size::new(units * 10u64.pow(size_decimals as u32))
}

/// Margin rises with the crowd and with volatility; a position beyond a million dollars of depth pays for its size.
const fn risk(terms: &Linear) -> RiskTerms {
    let crowded_from = terms.crowded_from_musd * 1_000_000 * DOLLAR;
    RiskTerms {
        open_interest_lower_usd: Usd::new(crowded_from),
        open_interest_upper_usd: Usd::new(10 * crowded_from),
        depth_minimum_usd: Usd::new(1_000_000 * DOLLAR),
        impact_notional_usd: Usd::new(20_000 * DOLLAR),
        volatility_multiplier: Rate::new(3_000_000),
        backstop_share: Rate::new(250_000),
        fund_claim_maximum_usd: Usd::new(500_000 * DOLLAR),
    }
}

fn collateral(symbol: &str) -> Option<CollateralTerms> {
    let (_, initial, maintenance, full_musd) = COLLATERAL.iter().find(|(listed, ..)| *listed == symbol)?;
    Some(CollateralTerms {
        initial_weight: Rate::new(*initial),
        maintenance_weight: Rate::new(*maintenance),
        full_weight_maximum_usd: Usd::new(full_musd * 1_000_000 * DOLLAR),
    })
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

/// 150 % collateral, liquidated below 125 %; the ceiling is a thousand units, the least debt a thousandth of one.
fn synthetic(symbol: &str, tracks: &str) -> SyntheticSpec {
    let place = SPOTS.iter().zip(MarketId::FIRST_SPOT..).find(|((base, _), _)| *base == symbol);
    SyntheticSpec {
        asset: asset(symbol),
        tracks: asset(tracks),
        universe: CORE,
        market: place.map(|(_, id)| MarketId::new(id)),
        debt_ceiling: units(symbol, 1_000),
        minimum_debt: Amount::new(units(symbol, 1).get() / 1_000),
        initial_ratio: Rate::new(1_500_000),
        maintenance_ratio: Rate::new(1_250_000),
        liquidation_penalty: Rate::new(80_000),
        mint_fee: Rate::new(1_000),
        redemption_fee: Rate::new(5_000),
        backstop_share: Rate::new(100_000),
        fund_claim_maximum_usd: Usd::new(200_000 * DOLLAR),
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
