//! The rules of a genesis file. The engine relies on every one of them and checks none again.

use super::{Genesis, GenesisError, synthetics};
use crate::{
    address::AccountId,
    calendar::{expiries_after, expiry_name},
    decimal::power_of_ten,
    ids::{AssetId, MarketId, UniverseId},
    limits::{NAME_BYTES_MAX, SEATS_MAX},
    market::{AssetSpec, ExpiryCounts, MarketKind, MarketSpec, OptionKind, OptionSeriesSpec, RiskTerms, UniverseSpec},
    numbers::{Amount, Rate, Size, Usd},
    signing::ed25519,
    time::TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// Assets that stand for US dollars count 1e-8 of one.
const USD_DECIMALS: u8 = 8;
const ASSET_DECIMALS_MAX: u8 = 18;
/// 10%.
pub(super) const FEE_MAX: Rate = Rate::new(100_000);
/// 100%.
const PRICE_BAND_MAX: Rate = Rate::new(1_000_000);
const LEVERAGE_MAX: u32 = 200;
pub(super) const WHOLE: Rate = Rate::new(1_000_000);
const VOLATILITY_MULTIPLIER_MAX: Rate = Rate::new(20_000_000);
/// Ids of perpetuals end where those of spot markets begin, and those before the ids of other schemes.
const PERPETUALS_MAX: usize = MarketId::FIRST_SPOT as usize;
const SPOT_MARKETS_MAX: usize = 90_000;
/// Series of futures, and how many expiries of each kind one may have listed.
const FUTURE_SERIES_MAX: usize = 32;
const DAILY_EXPIRIES_MAX: u32 = 32;
const WEEKLY_EXPIRIES_MAX: u32 = 52;
/// Series of options, their expiries of each kind, and strikes on each side of the forward.
const OPTION_SERIES_MAX: usize = 16;
const OPTION_EXPIRIES: [u32; 4] = [8, 8, 12, 8];
const STRIKES_PER_SIDE_MAX: u32 = 50;
/// 1 % to 500 %.
const DEFAULT_VOLATILITY: std::ops::RangeInclusive<i64> = 10_000..=5_000_000;
/// Up to 10 % a second.
const VOLATILITY_MOVE: std::ops::RangeInclusive<i64> = 1..=100_000;
const FUTURES_MAX: usize = (MarketId::FUTURES_END - MarketId::FIRST_FUTURE) as usize;
const ASSET_PUNCTUATION: &str = "-_.";
const MARKET_PUNCTUATION: &str = "-_./";
const LISTED_PUNCTUATION: &str = "_";

pub(super) fn check(genesis: &Genesis) -> Result<(), GenesisError> {
    check_chain(genesis)?;
    check_seats(genesis)?;
    check_assets(&genesis.assets)?;
    check_universes(genesis)?;
    check_market_numbers(&genesis.markets)?;
    for market in &genesis.markets {
        check_market(genesis, market)?;
    }
    check_future_series(genesis)?;
    check_option_series(genesis)?;
    synthetics::check(genesis)?;
    let system = system_accounts(genesis);
    check_balances(genesis, &system)?;
    check_compatible(genesis, &system)?;
    check_faucet(genesis)
}

fn check_chain(genesis: &Genesis) -> Result<(), GenesisError> {
    if genesis.chain_id == 0 {
        return Err(GenesisError::ChainIdZero);
    }
    check_name("the chain's name", &genesis.name)?;
    if genesis.time_ms.get() == 0 {
        return Err(GenesisError::TimeZero);
    }
    if genesis.action_budget.initial == 0 {
        return Err(GenesisError::BudgetInitial);
    }
    if genesis.action_budget.refill_interval_ms == 0 {
        return Err(GenesisError::BudgetRefill);
    }
    match genesis.storage.layout {
        1 => Ok(()),
        found => Err(GenesisError::StorageLayout { found }),
    }
}

fn check_seats(genesis: &Genesis) -> Result<(), GenesisError> {
    let found = genesis.seats.len();
    if !(1..=SEATS_MAX).contains(&found) {
        return Err(GenesisError::SeatCount { found });
    }
    check_places("seat", 0, genesis.seats.iter().map(|seat| seat.id.get()))?;
    let mut keys = BTreeSet::new();
    for seat in &genesis.seats {
        check_name("the seat's name", &seat.name)?;
        for key in [seat.vote_key, seat.oracle_key] {
            if !ed25519::is_key(&key) {
                return Err(GenesisError::SeatKeyInvalid { seat: seat.id, key });
            }
            if !keys.insert(key) {
                return Err(GenesisError::SeatKeyTwice { seat: seat.id, key });
            }
        }
    }
    Ok(())
}

fn check_assets(assets: &[AssetSpec]) -> Result<(), GenesisError> {
    if assets.is_empty() {
        return Err(GenesisError::Missing { what: "assets" });
    }
    check_places("asset", 0, assets.iter().map(|asset| asset.id.get()))?;
    check_symbols("the asset symbol", assets.iter().map(|asset| &asset.symbol), ASSET_PUNCTUATION)?;
    if let Some(asset) = assets.iter().find(|asset| asset.decimals > ASSET_DECIMALS_MAX) {
        return Err(GenesisError::AssetDecimals { asset: asset.id, decimals: asset.decimals });
    }
    assets.iter().try_for_each(check_collateral)
}

fn check_universes(genesis: &Genesis) -> Result<(), GenesisError> {
    let universes = &genesis.universes;
    let core = universes.first().ok_or(GenesisError::Missing { what: "universes" })?;
    check_places("universe", 0, universes.iter().map(|universe| universe.id.get()))?;
    check_symbols("the universe name", universes.iter().map(|universe| &universe.name), ASSET_PUNCTUATION)?;
    if core.name != "core" {
        return Err(GenesisError::FirstUniverseName { found: core.name.clone() });
    }
    if core.collateral != AssetId::new(0) {
        return Err(GenesisError::FirstUniverseCollateral { found: core.collateral });
    }
    for universe in universes {
        check_usd_asset(genesis, universe.collateral, || format!("universe {}", universe.id))?;
    }
    Ok(())
}

fn check_market_numbers(markets: &[MarketSpec]) -> Result<(), GenesisError> {
    let is_perpetual = |market: &&MarketSpec| market.perpetual().is_some();
    let perpetual_count = markets.iter().take_while(is_perpetual).count();
    let (perpetuals, others) = markets.split_at(perpetual_count);
    if let Some(market) = others.iter().find(is_perpetual) {
        return Err(GenesisError::PerpetualAfterSpot { market: market.id });
    }
    let is_spot = |market: &&MarketSpec| market.spot().is_some();
    let (spot, futures) = others.split_at(others.iter().take_while(is_spot).count());
    if let Some(market) = futures.iter().find(is_spot) {
        return Err(GenesisError::SpotAfterFuture { market: market.id });
    }
    for (what, found, limit) in [
        ("perpetuals", perpetuals.len(), PERPETUALS_MAX),
        ("spot markets", spot.len(), SPOT_MARKETS_MAX),
        ("futures", futures.len(), FUTURES_MAX),
    ] {
        if found > limit {
            return Err(GenesisError::TooManyMarkets { what, found, limit });
        }
    }
    check_places("perpetual", 0, perpetuals.iter().map(|market| market.id.get()))?;
    check_places("spot market", MarketId::FIRST_SPOT, spot.iter().map(|market| market.id.get()))?;
    check_places("future", MarketId::FIRST_FUTURE, futures.iter().map(|market| market.id.get()))?;
    check_symbols("the market symbol", markets.iter().map(|market| &market.symbol), MARKET_PUNCTUATION)
}

fn check_market(genesis: &Genesis, market: &MarketSpec) -> Result<(), GenesisError> {
    universe(genesis, market.universe, || format!("market {}", market.id))?;
    check_market_terms(market, genesis.time_ms, |id| genesis.assets.get(id.get() as usize))
}

/// Every rule about one market's terms, whoever lists it: all but its number, its universe and that its symbol is its own.
pub fn check_market_terms<'a>(
    market: &MarketSpec,
    now: TimeMs,
    asset: impl Fn(AssetId) -> Option<&'a AssetSpec>,
) -> Result<(), GenesisError> {
    let id = market.id;
    let what = || format!("market {id}");
    let asset = |id| asset(id).ok_or_else(|| GenesisError::UnknownAsset { what: what(), asset: id });
    let base = match market.kind {
        MarketKind::Spot { base, quote } => {
            if base == quote {
                return Err(GenesisError::BaseIsQuote { market: id, asset: base });
            }
            check_usd_decimals(asset(quote)?, what)?;
            asset(base)?
        }
        MarketKind::Option { .. } => return Err(GenesisError::OptionOutsideSeries { market: id }),
        MarketKind::Future { expires_at_ms, .. } if expires_at_ms <= now => {
            return Err(GenesisError::FutureExpired { market: id, expires_at_ms });
        }
        MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum, risk }
        | MarketKind::Future {
            underlying,
            maximum_leverage,
            open_interest_maximum,
            position_maximum,
            risk,
            expires_at_ms: _,
        } => {
            let base = asset(underlying)?;
            if !base.has_index {
                return Err(GenesisError::NoIndex { market: id, underlying });
            }
            if !(1..=LEVERAGE_MAX).contains(&maximum_leverage) {
                return Err(GenesisError::Leverage { market: id, maximum_leverage });
            }
            check_cap(id, "open interest", open_interest_maximum)?;
            check_cap(id, "position", position_maximum)?;
            check_risk(id, &risk)?;
            base
        }
    };
    check_steps(market, base)?;
    check_order_bounds(market)
}

/// The terms of a series, as those of its first market.
fn check_future_series(genesis: &Genesis) -> Result<(), GenesisError> {
    let found = genesis.future_series.len();
    if found > FUTURE_SERIES_MAX {
        return Err(GenesisError::TooManyMarkets { what: "future series", found, limit: FUTURE_SERIES_MAX });
    }
    let mut seen = BTreeSet::new();
    for series in &genesis.future_series {
        let underlying = series.underlying;
        if !seen.insert(underlying) {
            return Err(GenesisError::FutureSeriesTwice { underlying });
        }
        let counts = (series.daily <= DAILY_EXPIRIES_MAX, series.weekly <= WEEKLY_EXPIRIES_MAX);
        if counts != (true, true) || (series.daily == 0 && series.weekly == 0) {
            let (daily, weekly) = (series.daily, series.weekly);
            return Err(GenesisError::FutureSeriesExpiries { underlying, daily, weekly });
        }
        let symbol = asset(genesis, underlying, || "a future series".to_owned())?.symbol.clone();
        let first = expiries_after(genesis.time_ms, series.counts()).first().copied();
        let expires_at_ms = first.ok_or(GenesisError::FutureSeriesTooLate { underlying })?;
        let day = expiry_name(expires_at_ms).ok_or(GenesisError::FutureSeriesTooLate { underlying })?;
        let market = series.market(MarketId::new(MarketId::FIRST_FUTURE), format!("{symbol}-{day}"), expires_at_ms);
        check_market(genesis, &market)?;
        check_symbols("the market symbol", std::iter::once(&market.symbol), MARKET_PUNCTUATION)?;
    }
    Ok(())
}

/// The terms of a series of options, as those of a first market.
fn check_option_series(genesis: &Genesis) -> Result<(), GenesisError> {
    let found = genesis.option_series.len();
    if found > OPTION_SERIES_MAX {
        return Err(GenesisError::TooManyMarkets { what: "option series", found, limit: OPTION_SERIES_MAX });
    }
    let mut seen = BTreeSet::new();
    for series in &genesis.option_series {
        let OptionSeriesSpec { underlying, universe: of, .. } = *series;
        if !seen.insert((of, underlying)) {
            return Err(GenesisError::OptionSeriesTwice { underlying });
        }
        check_option_bounds(series)?;
        let what = || "an option series".to_owned();
        universe(genesis, of, what)?;
        let base = asset(genesis, underlying, what)?;
        let id = MarketId::new(MarketId::FIRST_OPTION);
        if !base.has_index {
            return Err(GenesisError::NoIndex { market: id, underlying });
        }
        check_symbols("the asset symbol", std::iter::once(&base.symbol), LISTED_PUNCTUATION)?;
        let market = series.market(id, base.symbol.clone(), genesis.time_ms, series.tick, OptionKind::Call);
        check_cap(id, "open interest", series.open_interest_maximum)?;
        check_cap(id, "position", series.position_maximum)?;
        check_risk(id, &series.risk)?;
        check_steps(&market, base)?;
        check_order_bounds(&market)?;
    }
    Ok(())
}

fn check_option_bounds(series: &OptionSeriesSpec) -> Result<(), GenesisError> {
    let wrong = |what| Err(GenesisError::OptionSeries { underlying: series.underlying, what });
    let ExpiryCounts { daily, weekly, monthly, quarterly } = series.expiries;
    let counts = [daily, weekly, monthly, quarterly];
    if counts == [0; 4] || counts.iter().zip(OPTION_EXPIRIES).any(|(count, most)| *count > most) {
        return wrong("at least one expiry, daily <= 8, weekly <= 8, monthly <= 12, quarterly <= 8");
    }
    if !(1..=STRIKES_PER_SIDE_MAX).contains(&series.strikes_per_side) {
        return wrong("1 <= strikes_per_side <= 50");
    }
    if !DEFAULT_VOLATILITY.contains(&series.default_volatility.get()) {
        return wrong("0.01 <= default_volatility <= 5");
    }
    if !VOLATILITY_MOVE.contains(&series.volatility_move_per_second.get()) {
        return wrong("0 < volatility_move_per_second <= 0.1");
    }
    if series.fee_share_maximum < Rate::ZERO || series.fee_share_maximum > WHOLE {
        return wrong("0 <= fee_share_maximum <= 1");
    }
    Ok(())
}

/// Lot and tick.
fn check_steps(market: &MarketSpec, base: &AssetSpec) -> Result<(), GenesisError> {
    let &MarketSpec { id, size_decimals, tick, .. } = market;
    if size_decimals > base.decimals {
        return Err(GenesisError::SizeDecimals { market: id, size_decimals, asset_decimals: base.decimals });
    }
    if tick.get() <= 0 {
        return Err(GenesisError::Tick { market: id, tick });
    }
    let whole = power_of_ten(size_decimals).and_then(|lots_per_unit| i128::from(tick.get()).checked_rem(lots_per_unit));
    if whole == Some(0) { Ok(()) } else { Err(GenesisError::TickTimesLot { market: id, tick, size_decimals }) }
}

/// Fees and what one order may be.
fn check_order_bounds(market: &MarketSpec) -> Result<(), GenesisError> {
    let id = market.id;
    for (what, fee) in [("maker", market.maker_fee), ("taker", market.taker_fee)] {
        if !(Rate::ZERO..=FEE_MAX).contains(&fee) {
            return Err(GenesisError::Fee { market: id, what, fee });
        }
    }
    let (minimum, maximum) = (market.minimum_notional_usd, market.maximum_notional_usd);
    if minimum.get() < 0 || maximum.get() <= 0 || minimum > maximum {
        return Err(GenesisError::NotionalRange { market: id, minimum, maximum });
    }
    let price_band = market.price_band;
    if price_band <= Rate::ZERO || price_band > PRICE_BAND_MAX {
        return Err(GenesisError::PriceBand { market: id, price_band });
    }
    if market.open_orders_per_account_max == 0 {
        return Err(GenesisError::NoOpenOrders { market: id });
    }
    Ok(())
}

fn check_cap(market: MarketId, what: &'static str, lots: Size) -> Result<(), GenesisError> {
    // A position is signed: it holds one bit less than a size.
    if lots.is_zero() || i64::try_from(lots.get()).is_err() {
        return Err(GenesisError::Cap { market, what, lots });
    }
    Ok(())
}

fn check_risk(market: MarketId, risk: &RiskTerms) -> Result<(), GenesisError> {
    let wrong = |what| Err(GenesisError::Risk { market, what });
    if risk.open_interest_lower_usd <= Usd::ZERO || risk.open_interest_upper_usd < risk.open_interest_lower_usd {
        return wrong("0 < open_interest_lower_usd <= open_interest_upper_usd");
    }
    if risk.depth_minimum_usd <= Usd::ZERO || risk.impact_notional_usd <= Usd::ZERO {
        return wrong("depth_minimum_usd > 0 and impact_notional_usd > 0");
    }
    if risk.volatility_multiplier < Rate::ZERO || risk.volatility_multiplier > VOLATILITY_MULTIPLIER_MAX {
        return wrong("0 <= volatility_multiplier <= 20");
    }
    if risk.backstop_share < Rate::ZERO || risk.backstop_share > WHOLE {
        return wrong("0 <= backstop_share <= 1");
    }
    if risk.fund_claim_maximum_usd < Usd::ZERO {
        return wrong("fund_claim_maximum_usd >= 0");
    }
    Ok(())
}

fn check_collateral(asset: &AssetSpec) -> Result<(), GenesisError> {
    let Some(terms) = asset.collateral else { return Ok(()) };
    let wrong = |what| Err(GenesisError::Collateral { asset: asset.id, what });
    if !asset.has_index {
        return wrong("it needs an index");
    }
    if terms.initial_weight < Rate::ZERO || terms.initial_weight > terms.maintenance_weight {
        return wrong("0 <= initial_weight <= maintenance_weight");
    }
    if terms.maintenance_weight >= WHOLE {
        return wrong("maintenance_weight < 1");
    }
    if terms.full_weight_maximum_usd <= Usd::ZERO {
        return wrong("full_weight_maximum_usd > 0");
    }
    Ok(())
}

/// Accounts that no person has.
fn system_accounts(genesis: &Genesis) -> BTreeSet<AccountId> {
    let fees = genesis.universes.iter().flat_map(|universe| {
        [AccountId::fees(universe.id), AccountId::insurance(universe.id), AccountId::backstop(universe.id)]
    });
    let clearing = genesis.markets.iter().map(|market| AccountId::clearing(market.id));
    let spot = genesis.markets.iter().filter(|market| market.spot().is_some());
    let pools = spot.map(|market| AccountId::pool(market.id));
    fees.chain(clearing).chain(pools).chain(synthetics::system_accounts(genesis)).collect()
}

fn check_balances(genesis: &Genesis, system: &BTreeSet<AccountId>) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    let mut sums: BTreeMap<(UniverseId, AssetId), Amount> = BTreeMap::new();
    for balance in &genesis.balances {
        let what = || format!("the balance of {}", balance.account);
        let (universe_id, asset_id) = (balance.universe, balance.asset);
        universe(genesis, universe_id, what)?;
        asset(genesis, asset_id, what)?;
        check_amount("balance", asset_id, balance.amount)?;
        let is_capital =
            [AccountId::insurance(universe_id), AccountId::backstop(universe_id)].contains(&balance.account);
        if system.contains(&balance.account) && !is_capital {
            return Err(GenesisError::SystemAccount { what: "a balance", account: balance.account });
        }
        if !seen.insert((universe_id, balance.account, asset_id)) {
            let account = balance.account;
            return Err(GenesisError::BalanceTwice { account, universe: universe_id, asset: asset_id });
        }
        let sum = sums.entry((universe_id, asset_id)).or_default();
        *sum = sum
            .checked_add(balance.amount)
            .ok_or(GenesisError::BalanceSum { universe: universe_id, asset: asset_id })?;
    }
    Ok(())
}

fn check_compatible(genesis: &Genesis, system: &BTreeSet<AccountId>) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for &account in &genesis.hyperliquid_compatible {
        if system.contains(&account) {
            return Err(GenesisError::SystemAccount { what: "hyperliquid_compatible", account });
        }
        if !seen.insert(account) {
            return Err(GenesisError::CompatibleTwice { account });
        }
    }
    Ok(())
}

fn check_faucet(genesis: &Genesis) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for grant in &genesis.faucet {
        let what = || "a faucet grant".to_owned();
        universe(genesis, grant.universe, what)?;
        asset(genesis, grant.asset, what)?;
        check_amount("faucet grant", grant.asset, grant.amount)?;
        if !seen.insert(grant.asset) {
            return Err(GenesisError::FaucetTwice { asset: grant.asset });
        }
        if grant.interval_ms == 0 {
            return Err(GenesisError::FaucetInterval { asset: grant.asset });
        }
    }
    Ok(())
}

fn check_amount(what: &'static str, asset: AssetId, amount: Amount) -> Result<(), GenesisError> {
    if amount.get() > 0 { Ok(()) } else { Err(GenesisError::AmountNotPositive { what, asset, amount }) }
}

pub(super) fn asset(genesis: &Genesis, id: AssetId, what: impl Fn() -> String) -> Result<&AssetSpec, GenesisError> {
    genesis.assets.get(id.get() as usize).ok_or_else(|| GenesisError::UnknownAsset { what: what(), asset: id })
}

pub(super) fn universe(
    genesis: &Genesis,
    id: UniverseId,
    what: impl Fn() -> String,
) -> Result<&UniverseSpec, GenesisError> {
    let unknown = || GenesisError::UnknownUniverse { what: what(), universe: id };
    genesis.universes.get(id.get() as usize).ok_or_else(unknown)
}

fn check_usd_asset(genesis: &Genesis, id: AssetId, what: impl Fn() -> String) -> Result<(), GenesisError> {
    check_usd_decimals(asset(genesis, id, &what)?, what)
}

fn check_usd_decimals(asset: &AssetSpec, what: impl Fn() -> String) -> Result<(), GenesisError> {
    let &AssetSpec { id, decimals, .. } = asset;
    if decimals == USD_DECIMALS {
        return Ok(());
    }
    Err(GenesisError::NotEightDecimals { what: what(), asset: id, decimals })
}

fn check_places(what: &'static str, first: u32, ids: impl Iterator<Item = u32>) -> Result<(), GenesisError> {
    for (place, found) in ids.enumerate() {
        let expected = u64::from(first).saturating_add(place as u64);
        if u64::from(found) != expected {
            return Err(GenesisError::IdNotPlace { what, place, expected, found: u64::from(found) });
        }
    }
    Ok(())
}

fn check_name(what: &'static str, text: &str) -> Result<(), GenesisError> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && (1..=NAME_BYTES_MAX).contains(&text.len()) {
        return Ok(());
    }
    Err(GenesisError::Name { what, text: text.to_owned() })
}

fn check_symbols<'a>(
    what: &'static str,
    symbols: impl Iterator<Item = &'a String>,
    punctuation: &'static str,
) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for symbol in symbols {
        check_symbol(what, symbol, punctuation)?;
        if !seen.insert(symbol) {
            return Err(GenesisError::SymbolTwice { what, text: symbol.clone() });
        }
    }
    Ok(())
}

fn check_symbol(what: &'static str, symbol: &str, punctuation: &'static str) -> Result<(), GenesisError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || punctuation.contains(letter);
    if symbol.chars().all(allowed) && (1..=NAME_BYTES_MAX).contains(&symbol.len()) {
        return Ok(());
    }
    Err(GenesisError::Symbol { what, text: symbol.to_owned(), punctuation })
}

/// Whether a text may be the symbol of a market that anyone lists: without the signs by which spot markets and futures are
/// named, so that nobody takes the name of one.
pub fn check_listed_symbol(symbol: &str) -> Result<(), GenesisError> {
    check_symbol("the market symbol", symbol, LISTED_PUNCTUATION)
}

/// Whether a text may be a universe's name.
pub fn check_universe_name(name: &str) -> Result<(), GenesisError> {
    check_symbol("the universe name", name, ASSET_PUNCTUATION)
}
