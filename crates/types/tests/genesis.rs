//! Each rule of a genesis file, broken alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    address::{AccountId, Ed25519Key},
    genesis::{Genesis, GenesisError as E},
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{
        CollateralTerms, FutureSeriesSpec, MarketKind, MarketSpec, OptionKind, OptionSeriesSpec, RiskTerms,
        UniverseSpec,
    },
    numbers::{Amount, Price, Rate, Size, Usd},
    synthetic::SyntheticSpec,
    time::TimeMs,
};
use std::{collections::BTreeSet, mem::discriminant};
use support::{
    genesis::{balance, genesis, key, option_series, perpetual, spot},
    synthetic_samples,
};

type Rule = (&'static str, fn(&mut Genesis), E);

fn perpetual_terms(genesis: &mut Genesis, leverage: u32, open_interest: u64, position: u64) {
    genesis.markets[0].kind = MarketKind::Perpetual {
        underlying: AssetId::new(1),
        maximum_leverage: leverage,
        open_interest_maximum: Size::new(open_interest),
        position_maximum: Size::new(position),
        risk: Default::default(),
    };
}

const ZERO: MarketId = MarketId::new(0);
const SPOT: MarketId = MarketId::new(10_000);
const FUTURE: MarketId = MarketId::new(110_000);

fn chain_rules() -> Vec<Rule> {
    let name = |text: &str| E::Name { what: "the chain's name", text: text.into() };
    let not_a_point = Ed25519Key([2; 32]);
    vec![
        ("chain id", |genesis| genesis.chain_id = 0, E::ChainIdZero),
        ("no name", |genesis| genesis.name = String::new(), name("")),
        ("a name of many lines", |genesis| genesis.name = "a\nb".into(), name("a\nb")),
        ("time", |genesis| genesis.time_ms = TimeMs::new(0), E::TimeZero),
        ("budget", |genesis| genesis.action_budget.initial = 0, E::BudgetInitial),
        ("refill", |genesis| genesis.action_budget.refill_interval_ms = 0, E::BudgetRefill),
        ("layout", |genesis| genesis.storage.layout = 2, E::StorageLayout { found: 2 }),
        ("no seats", |genesis| genesis.seats.clear(), E::SeatCount { found: 0 }),
        ("too many seats", |genesis| genesis.seats = vec![genesis.seats[0].clone(); 129], E::SeatCount { found: 129 }),
        (
            "seat number",
            |genesis| genesis.seats[1].id = SeatId::new(2),
            E::IdNotPlace { what: "seat", place: 1, expected: 1, found: 2 },
        ),
        (
            "seat name",
            |genesis| genesis.seats[0].name = "é".into(),
            E::Name { what: "the seat's name", text: "é".into() },
        ),
        (
            "one vote key twice",
            |genesis| genesis.seats[3].vote_key = key(0),
            E::SeatKeyTwice { seat: SeatId::new(3), key: key(0) },
        ),
        (
            "one key for two jobs",
            |genesis| genesis.seats[2].oracle_key = key(2),
            E::SeatKeyTwice { seat: SeatId::new(2), key: key(2) },
        ),
        (
            "a key that is no point",
            |genesis| genesis.seats[1].oracle_key = Ed25519Key([2; 32]),
            E::SeatKeyInvalid { seat: SeatId::new(1), key: not_a_point },
        ),
    ]
}

fn asset_rules() -> Vec<Rule> {
    let symbol = |text: &str| E::Symbol { what: "the asset symbol", text: text.into(), punctuation: "-_." };
    let universe = |id, name: &str| E::SymbolTwice { what: id, text: name.into() };
    vec![
        ("no assets", |genesis| genesis.assets.clear(), E::Missing { what: "assets" }),
        (
            "asset number",
            |genesis| genesis.assets[2].id = AssetId::new(5),
            E::IdNotPlace { what: "asset", place: 2, expected: 2, found: 5 },
        ),
        ("asset symbol", |genesis| genesis.assets[1].symbol = "B/C".into(), symbol("B/C")),
        ("asset symbol in other letters", |genesis| genesis.assets[1].symbol = "ВТС".into(), symbol("ВТС")),
        ("one symbol twice", |genesis| genesis.assets[1].symbol = "USDC".into(), universe("the asset symbol", "USDC")),
        (
            "decimals",
            |genesis| genesis.assets[2].decimals = 19,
            E::AssetDecimals { asset: AssetId::new(2), decimals: 19 },
        ),
        ("no universes", |genesis| genesis.universes.clear(), E::Missing { what: "universes" }),
        (
            "universe number",
            |genesis| genesis.universes[0].id = UniverseId::new(1),
            E::IdNotPlace { what: "universe", place: 0, expected: 0, found: 1 },
        ),
        (
            "first universe",
            |genesis| genesis.universes[0].name = "other".into(),
            E::FirstUniverseName { found: "other".into() },
        ),
        (
            "one universe twice",
            |genesis| {
                genesis.universes.push(UniverseSpec { id: UniverseId::new(1), ..genesis.universes[0].clone() });
            },
            universe("the universe name", "core"),
        ),
        (
            "core collateral",
            |genesis| genesis.universes[0].collateral = AssetId::new(1),
            E::FirstUniverseCollateral { found: AssetId::new(1) },
        ),
        (
            "collateral that is not there",
            |genesis| {
                let collateral = AssetId::new(9);
                genesis.universes.push(UniverseSpec { id: UniverseId::new(1), name: "x".into(), collateral });
            },
            E::UnknownAsset { what: "universe 1".into(), asset: AssetId::new(9) },
        ),
        (
            "collateral of other decimals",
            |genesis| genesis.assets[0].decimals = 6,
            E::NotEightDecimals { what: "universe 0".into(), asset: AssetId::new(0), decimals: 6 },
        ),
    ]
}

fn market_rules() -> Vec<Rule> {
    let unknown = |asset| E::UnknownAsset { what: "market 0".into(), asset: AssetId::new(asset) };
    vec![
        (
            "perpetual number",
            |genesis| genesis.markets[1].id = MarketId::new(2),
            E::IdNotPlace { what: "perpetual", place: 1, expected: 1, found: 2 },
        ),
        (
            "spot number",
            |genesis| genesis.markets[2].id = MarketId::new(2),
            E::IdNotPlace { what: "spot market", place: 0, expected: 10_000, found: 2 },
        ),
        ("order of kinds", |genesis| genesis.markets.swap(1, 2), E::PerpetualAfterSpot { market: MarketId::new(1) }),
        (
            "too many perpetuals",
            |genesis| genesis.markets = vec![genesis.markets[0].clone(); 10_001],
            E::TooManyMarkets { what: "perpetuals", found: 10_001, limit: 10_000 },
        ),
        (
            "market symbol",
            |genesis| genesis.markets[0].symbol = "B C".into(),
            E::Symbol { what: "the market symbol", text: "B C".into(), punctuation: "-_./" },
        ),
        (
            "one market symbol twice",
            |genesis| genesis.markets[2].symbol = "BTC".into(),
            E::SymbolTwice { what: "the market symbol", text: "BTC".into() },
        ),
        (
            "universe of a market",
            |genesis| genesis.markets[0].universe = UniverseId::new(1),
            E::UnknownUniverse { what: "market 0".into(), universe: UniverseId::new(1) },
        ),
        ("underlying", |genesis| genesis.markets[0].kind = perpetual(9), unknown(9)),
        (
            "underlying without index",
            |genesis| genesis.markets[0].kind = perpetual(3),
            E::NoIndex { market: ZERO, underlying: AssetId::new(3) },
        ),
        (
            "base",
            |genesis| genesis.markets[2].kind = spot(9, 0),
            E::UnknownAsset { what: "market 10000".into(), asset: AssetId::new(9) },
        ),
        (
            "base is quote",
            |genesis| genesis.markets[2].kind = spot(1, 1),
            E::BaseIsQuote { market: SPOT, asset: AssetId::new(1) },
        ),
        (
            "quote decimals",
            |genesis| genesis.markets[2].kind = spot(1, 2),
            E::NotEightDecimals { what: "market 10000".into(), asset: AssetId::new(2), decimals: 18 },
        ),
    ]
}

fn lot_and_tick_rules() -> Vec<Rule> {
    vec![
        (
            "lots below the asset's unit",
            |genesis| genesis.markets[3].size_decimals = 6,
            E::SizeDecimals { market: MarketId::new(10_001), size_decimals: 6, asset_decimals: 5 },
        ),
        (
            "tick of nothing",
            |genesis| genesis.markets[0].tick = Price::ZERO,
            E::Tick { market: ZERO, tick: Price::ZERO },
        ),
        (
            "negative tick",
            |genesis| genesis.markets[0].tick = Price::new(-100_000),
            E::Tick { market: ZERO, tick: Price::new(-100_000) },
        ),
        (
            "tick times lot",
            |genesis| genesis.markets[0].tick = Price::new(150_000),
            E::TickTimesLot { market: ZERO, tick: Price::new(150_000), size_decimals: 5 },
        ),
    ]
}

fn future(genesis: &Genesis, expires_at_ms: u64) -> MarketSpec {
    let kind = MarketKind::Future {
        underlying: AssetId::new(1),
        expires_at_ms: TimeMs::new(expires_at_ms),
        maximum_leverage: 10,
        open_interest_maximum: Size::new(10),
        position_maximum: Size::new(10),
        risk: Default::default(),
    };
    MarketSpec { id: FUTURE, symbol: "BTC-1JAN30".into(), kind, ..genesis.markets[0].clone() }
}

fn break_risk(genesis: &mut Genesis, break_it: fn(&mut RiskTerms)) {
    if let MarketKind::Perpetual { risk, .. } = &mut genesis.markets[0].kind {
        break_it(risk);
    }
}

fn break_collateral(genesis: &mut Genesis, break_it: fn(&mut CollateralTerms)) {
    let mut terms = CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: Usd::new(1),
    };
    break_it(&mut terms);
    genesis.assets[1].collateral = Some(terms);
}

fn risk_rules() -> Vec<Rule> {
    let risk = |what| E::Risk { market: ZERO, what };
    let collateral = |what| E::Collateral { asset: AssetId::new(1), what };
    vec![
        (
            "spot after future",
            |genesis| {
                let future = future(genesis, u64::MAX);
                genesis.markets.insert(3, future);
            },
            E::SpotAfterFuture { market: MarketId::new(10_001) },
        ),
        (
            "a future that is over",
            |genesis| genesis.markets.push(future(genesis, 1_700_000_000_000)),
            E::FutureExpired { market: FUTURE, expires_at_ms: TimeMs::new(1_700_000_000_000) },
        ),
        (
            "open interest bounds crossed",
            |genesis| break_risk(genesis, |risk| risk.open_interest_upper_usd = Usd::new(1)),
            risk("0 < open_interest_lower_usd <= open_interest_upper_usd"),
        ),
        (
            "no depth",
            |genesis| break_risk(genesis, |risk| risk.depth_minimum_usd = Usd::ZERO),
            risk("depth_minimum_usd > 0 and impact_notional_usd > 0"),
        ),
        (
            "volatility",
            |genesis| break_risk(genesis, |risk| risk.volatility_multiplier = Rate::new(20_000_001)),
            risk("0 <= volatility_multiplier <= 20"),
        ),
        (
            "backstop share above one",
            |genesis| break_risk(genesis, |risk| risk.backstop_share = Rate::new(1_000_001)),
            risk("0 <= backstop_share <= 1"),
        ),
        (
            "negative claim",
            |genesis| break_risk(genesis, |risk| risk.fund_claim_maximum_usd = Usd::new(-1)),
            risk("fund_claim_maximum_usd >= 0"),
        ),
        (
            "weights crossed",
            |genesis| break_collateral(genesis, |terms| terms.initial_weight = Rate::new(900_001)),
            collateral("0 <= initial_weight <= maintenance_weight"),
        ),
        (
            "weight of one",
            |genesis| break_collateral(genesis, |terms| terms.maintenance_weight = Rate::new(1_000_000)),
            collateral("maintenance_weight < 1"),
        ),
        (
            "no full weight",
            |genesis| break_collateral(genesis, |terms| terms.full_weight_maximum_usd = Usd::ZERO),
            collateral("full_weight_maximum_usd > 0"),
        ),
        (
            "collateral without index",
            |genesis| {
                break_collateral(genesis, |_| {});
                genesis.assets[3].collateral = genesis.assets[1].collateral.take();
            },
            E::Collateral { asset: AssetId::new(3), what: "it needs an index" },
        ),
    ]
}

fn series(underlying: u32) -> FutureSeriesSpec {
    FutureSeriesSpec {
        universe: UniverseId::new(0),
        underlying: AssetId::new(underlying),
        daily: 2,
        weekly: 2,
        size_decimals: 5,
        tick: Price::new(100_000_000),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(1_000_000_000),
        maximum_notional_usd: Usd::new(1_000_000_000_000_000),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 100,
        maximum_leverage: 20,
        open_interest_maximum: Size::new(1_000),
        position_maximum: Size::new(1_000),
        risk: Default::default(),
    }
}

fn series_with(genesis: &mut Genesis, change: fn(&mut FutureSeriesSpec)) {
    let mut terms = series(1);
    change(&mut terms);
    genesis.future_series = vec![series(2), terms];
}

#[test]
fn series_of_futures_are_valid() {
    let mut genesis = genesis();
    genesis.future_series = vec![series(2), series(1)];
    assert_eq!(genesis.check(), Ok(()));
    let text = serde_json::to_string(&genesis).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), genesis);
    let without =
        text.replace(&format!(r#","future_series":{}"#, serde_json::to_string(&genesis.future_series).unwrap()), "");
    assert_ne!(without, text);
    assert_eq!(serde_json::from_str::<Genesis>(&without).unwrap().future_series, []);
}

fn series_rules() -> Vec<Rule> {
    let (btc, first) = (AssetId::new(1), FUTURE);
    let expiries = |daily, weekly| E::FutureSeriesExpiries { underlying: btc, daily, weekly };
    vec![
        (
            "too many series",
            |genesis| genesis.future_series = vec![series(1); 33],
            E::TooManyMarkets { what: "future series", found: 33, limit: 32 },
        ),
        (
            "one underlying twice",
            |genesis| series_with(genesis, |terms| terms.underlying = AssetId::new(2)),
            E::FutureSeriesTwice { underlying: AssetId::new(2) },
        ),
        ("no expiries", |genesis| series_with(genesis, |terms| (terms.daily, terms.weekly) = (0, 0)), expiries(0, 0)),
        ("too many days", |genesis| series_with(genesis, |terms| terms.daily = 33), expiries(33, 2)),
        ("too many weeks", |genesis| series_with(genesis, |terms| terms.weekly = 53), expiries(2, 53)),
        (
            "unknown underlying of a series",
            |genesis| series_with(genesis, |terms| terms.underlying = AssetId::new(9)),
            E::UnknownAsset { what: "a future series".into(), asset: AssetId::new(9) },
        ),
        (
            "a series without index",
            |genesis| series_with(genesis, |terms| terms.underlying = AssetId::new(3)),
            E::NoIndex { market: first, underlying: AssetId::new(3) },
        ),
        (
            "unknown universe of a series",
            |genesis| series_with(genesis, |terms| terms.universe = UniverseId::new(1)),
            E::UnknownUniverse { what: "market 110000".into(), universe: UniverseId::new(1) },
        ),
        (
            "leverage of a series",
            |genesis| series_with(genesis, |terms| terms.maximum_leverage = 0),
            E::Leverage { market: first, maximum_leverage: 0 },
        ),
        (
            "tick of a series",
            |genesis| series_with(genesis, |terms| terms.tick = Price::ZERO),
            E::Tick { market: first, tick: Price::ZERO },
        ),
        (
            "a genesis at the end of time",
            |genesis| {
                genesis.time_ms = TimeMs::new(u64::MAX);
                series_with(genesis, |_| {});
            },
            E::FutureSeriesTooLate { underlying: AssetId::new(2) },
        ),
    ]
}

fn option_rules() -> Vec<Rule> {
    vec![
        (
            "two series of options on one underlying",
            |genesis| genesis.option_series = vec![option_series(AssetId::new(1)); 2],
            E::OptionSeriesTwice { underlying: AssetId::new(1) },
        ),
        (
            "a series of options without strikes",
            |genesis| {
                genesis.option_series =
                    vec![OptionSeriesSpec { strikes_per_side: 0, ..option_series(AssetId::new(1)) }];
            },
            E::OptionSeries { underlying: AssetId::new(1), what: "1 <= strikes_per_side <= 50" },
        ),
        (
            "an option among the markets",
            |genesis| {
                let (expires_at_ms, strike) = (TimeMs::new(genesis.time_ms.get() + 1), Price::new(100));
                let series = option_series(AssetId::new(1));
                genesis.markets.push(series.market(FUTURE, "BTC-X".into(), expires_at_ms, strike, OptionKind::Call));
            },
            E::OptionOutsideSeries { market: FUTURE },
        ),
    ]
}

fn term_rules() -> Vec<Rule> {
    let range =
        |minimum, maximum| E::NotionalRange { market: ZERO, minimum: Usd::new(minimum), maximum: Usd::new(maximum) };
    let lots = |what, lots| E::Cap { market: ZERO, what, lots: Size::new(lots) };
    let band = |rate| E::PriceBand { market: ZERO, price_band: Rate::new(rate) };
    vec![
        (
            "negative fee",
            |genesis| genesis.markets[0].maker_fee = Rate::new(-1),
            E::Fee { market: ZERO, what: "maker", fee: Rate::new(-1) },
        ),
        (
            "fee above a tenth",
            |genesis| genesis.markets[0].taker_fee = Rate::new(100_001),
            E::Fee { market: ZERO, what: "taker", fee: Rate::new(100_001) },
        ),
        (
            "negative minimum",
            |genesis| genesis.markets[0].minimum_notional_usd = Usd::new(-1),
            range(-1, 1_000_000_000_000_000),
        ),
        (
            "minimum above maximum",
            |genesis| genesis.markets[0].maximum_notional_usd = Usd::new(999_999_999),
            range(1_000_000_000, 999_999_999),
        ),
        (
            "no maximum",
            |genesis| {
                genesis.markets[0].minimum_notional_usd = Usd::ZERO;
                genesis.markets[0].maximum_notional_usd = Usd::ZERO;
            },
            range(0, 0),
        ),
        ("no band", |genesis| genesis.markets[0].price_band = Rate::ZERO, band(0)),
        ("too wide a band", |genesis| genesis.markets[0].price_band = Rate::new(1_000_001), band(1_000_001)),
        (
            "no open orders",
            |genesis| genesis.markets[0].open_orders_per_account_max = 0,
            E::NoOpenOrders { market: ZERO },
        ),
        ("no leverage", |genesis| perpetual_terms(genesis, 0, 1, 1), E::Leverage { market: ZERO, maximum_leverage: 0 }),
        (
            "too much leverage",
            |genesis| perpetual_terms(genesis, 201, 1, 1),
            E::Leverage { market: ZERO, maximum_leverage: 201 },
        ),
        ("no open interest", |genesis| perpetual_terms(genesis, 1, 0, 1), lots("open interest", 0)),
        ("too large a position", |genesis| perpetual_terms(genesis, 1, 1, 1 << 63), lots("position", 1 << 63)),
    ]
}

fn account_rules() -> Vec<Rule> {
    let (core, usdc, one) = (UniverseId::new(0), AssetId::new(0), AccountId([1; 20]));
    let whose = format!("the balance of {one}");
    let amount = |what| E::AmountNotPositive { what, asset: AssetId::new(0), amount: Amount::ZERO };
    let grant = || "a faucet grant".to_owned();
    vec![
        (
            "a synthetic of its own index",
            |genesis| genesis.synthetics = vec![SyntheticSpec { asset: AssetId::new(1), ..synthetic_samples::spec() }],
            E::Synthetic { asset: AssetId::new(1), what: "tracks names no synthetic" },
        ),
        (
            "balance in no universe",
            |genesis| genesis.balances[0].universe = UniverseId::new(7),
            E::UnknownUniverse { what: whose.clone(), universe: UniverseId::new(7) },
        ),
        (
            "balance of no asset",
            |genesis| genesis.balances[0].asset = AssetId::new(7),
            E::UnknownAsset { what: whose, asset: AssetId::new(7) },
        ),
        ("empty balance", |genesis| genesis.balances[1].amount = Amount::ZERO, amount("balance")),
        (
            "one balance twice",
            |genesis| genesis.balances.push(balance(1, 5)),
            E::BalanceTwice { account: one, universe: core, asset: usdc },
        ),
        (
            "balances beyond number",
            |genesis| genesis.balances.push(balance(3, i128::MAX)),
            E::BalanceSum { universe: core, asset: usdc },
        ),
        (
            "balance of the fee account",
            |genesis| genesis.balances[0].account = AccountId::fees(UniverseId::new(0)),
            E::SystemAccount { what: "a balance", account: AccountId::fees(core) },
        ),
        (
            "balance of a clearing account",
            |genesis| genesis.balances[0].account = AccountId::clearing(MarketId::new(10_001)),
            E::SystemAccount { what: "a balance", account: AccountId::clearing(MarketId::new(10_001)) },
        ),
        (
            "compatible clearing account",
            |genesis| genesis.hyperliquid_compatible[0] = AccountId::clearing(ZERO),
            E::SystemAccount { what: "hyperliquid_compatible", account: AccountId::clearing(ZERO) },
        ),
        (
            "compatible twice",
            |genesis| genesis.hyperliquid_compatible.push(AccountId([1; 20])),
            E::CompatibleTwice { account: one },
        ),
        (
            "faucet of no universe",
            |genesis| genesis.faucet[0].universe = UniverseId::new(7),
            E::UnknownUniverse { what: grant(), universe: UniverseId::new(7) },
        ),
        (
            "faucet of no asset",
            |genesis| genesis.faucet[0].asset = AssetId::new(7),
            E::UnknownAsset { what: grant(), asset: AssetId::new(7) },
        ),
        ("empty faucet", |genesis| genesis.faucet[0].amount = Amount::ZERO, amount("faucet grant")),
        ("one faucet twice", |genesis| genesis.faucet.push(genesis.faucet[0].clone()), E::FaucetTwice { asset: usdc }),
        ("endless faucet", |genesis| genesis.faucet[0].interval_ms = 0, E::FaucetInterval { asset: usdc }),
    ]
}

#[test]
fn a_genesis_that_keeps_every_rule_passes() {
    assert_eq!(genesis().check(), Ok(()));
}

#[test]
fn each_broken_rule_is_found() {
    let rules = [
        chain_rules(),
        asset_rules(),
        market_rules(),
        lot_and_tick_rules(),
        term_rules(),
        risk_rules(),
        series_rules(),
        option_rules(),
        account_rules(),
    ]
    .concat();
    let mut kinds = Vec::new();
    let mut messages = BTreeSet::new();
    for (rule, break_it, expected) in rules {
        let mut broken = genesis();
        break_it(&mut broken);
        assert_eq!(broken.check(), Err(expected.clone()), "{rule}");
        assert!(messages.insert(expected.to_string()), "{rule}: {expected} does not say which");
        if !kinds.contains(&discriminant(&expected)) {
            kinds.push(discriminant(&expected));
        }
    }
    // A new kind of error needs a genesis here that has it.
    assert_eq!(kinds.len(), include_str!("../src/genesis/error.rs").matches("#[error(").count());
}

#[test]
fn the_hash_names_the_content_not_the_file() {
    let pretty = serde_json::to_string_pretty(&genesis()).unwrap();
    let dense = serde_json::to_string(&genesis()).unwrap();
    let read = |text: &str| serde_json::from_str::<Genesis>(text).unwrap().hash();
    assert_eq!(read(&pretty), read(&dense));
    let other = Genesis { chain_id: 7778, ..genesis() };
    assert_ne!(other.hash(), genesis().hash());
    assert!(serde_json::from_str::<Genesis>(&dense.replacen('{', r#"{"surprise":1,"#, 1)).is_err());
}
