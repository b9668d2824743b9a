//! What clearing costs: the margin of one account, a block in which the index moves, one in which it moves under portfolios of
//! options, one that ends an hour of funding, the blocks of a crash, and one in which winners are deleveraged. `CLEARING_FIGURE=n` measures the n-th alone, for a profiler.
//!
//! The states are made of records, as a start makes them. Limits measured in the same run: for margin the bare
//! multiplications and divisions of its formulas, for blocks one pass over as many 32-byte entries as there are accounts.
//! Times are those that the thread had a processor for. Writes its figures as JSON into the file that it is given.

#![allow(clippy::arithmetic_side_effects, clippy::float_arithmetic, reason = "a benchmark's own numbers, not money")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark reads clocks")]

#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod clock;

use palisade_engine::{
    BlockInput, Engine, Rules, accounts,
    state::{AccountRecord, BalanceId, CustodyId, PortfolioModeId, PositionId, PositionRecord, Record},
};
use palisade_types::{
    address::AccountId,
    event::{Event, MarginLevel},
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::{BlockDigest, sha256},
    ids::{AssetId, MarketId, SeatId, UniverseId},
    market::{AssetSpec, ExpiryCounts, MarketKind, MarketSpec, OptionSeriesSpec, RiskTerms, UniverseSpec},
    numbers::{Amount, FundingIndex, Position, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use std::{collections::BTreeMap, hint::black_box, sync::Arc, time::Duration};

const CORE: UniverseId = UniverseId::new(0);
const USDC: AssetId = AssetId::new(0);
const DOLLAR: i128 = 100_000_000;
const START: u64 = 1_760_000_000_000;
const PRICE: i64 = 100 * 100_000_000;
const MARKETS: u32 = 10;
const PEOPLE: u64 = 100_000;
const DOOMED: u64 = 10_000;
const WINNERS: u64 = 10_000;
const PORTFOLIOS: u64 = 10_000;
/// Options that each portfolio holds, beside the perpetual.
const PORTFOLIO_OPTIONS: u64 = 10;

fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"bench oracle", &seat.to_be_bytes()]))
}

fn seat(id: u32) -> Seat {
    let vote = Ed25519SecretKey::from_bytes(sha256(&[b"bench vote", &id.to_be_bytes()]));
    Seat {
        id: SeatId::new(id),
        name: format!("seat {id}"),
        vote_key: vote.public_key(),
        oracle_key: oracle_key(id).public_key(),
    }
}

fn market(id: u32) -> MarketSpec {
    MarketSpec {
        id: MarketId::new(id),
        symbol: format!("M{id}"),
        universe: CORE,
        kind: MarketKind::Perpetual {
            underlying: AssetId::new(id + 1),
            maximum_leverage: 20,
            open_interest_maximum: Size::new(1 << 60),
            position_maximum: Size::new(1 << 60),
            risk: Default::default(),
        },
        size_decimals: 2,
        tick: Price::new(10_000),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: Usd::new(DOLLAR),
        maximum_notional_usd: Usd::new(1_000_000_000 * DOLLAR),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 200,
    }
}

/// Options on the first market's underlying, with eight expiries.
fn series() -> OptionSeriesSpec {
    OptionSeriesSpec {
        universe: CORE,
        underlying: AssetId::new(1),
        expiries: ExpiryCounts { daily: 3, weekly: 3, monthly: 2, quarterly: 2 },
        strikes_per_side: 10,
        default_volatility: Rate::new(600_000),
        volatility_move_per_second: Rate::new(10_000),
        size_decimals: 2,
        tick: Price::new(1_000_000),
        maker_fee: Rate::new(300),
        taker_fee: Rate::new(300),
        fee_share_maximum: Rate::new(125_000),
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: Usd::new(1_000_000_000 * DOLLAR),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 200,
        open_interest_maximum: Size::new(1 << 60),
        position_maximum: Size::new(1 << 60),
        risk: RiskTerms::flat(),
    }
}

fn genesis(backstop_usd: i128, option_series: Vec<OptionSeriesSpec>) -> Genesis {
    let asset = |id: u32, has_index| AssetSpec {
        id: AssetId::new(id),
        symbol: format!("A{id}"),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let mut assets = vec![asset(0, false)];
    assets.extend((1..=MARKETS).map(|id| asset(id, true)));
    let capital = [(AccountId::insurance(CORE), 50_000_000), (AccountId::backstop(CORE), backstop_usd)];
    Genesis {
        chain_id: 7,
        name: "clearing".into(),
        time_ms: TimeMs::new(START),
        seats: (0..4).map(seat).collect(),
        assets,
        universes: vec![UniverseSpec { id: CORE, name: "core".into(), collateral: USDC }],
        markets: (0..MARKETS).map(market).collect(),
        balances: capital
            .into_iter()
            .map(|(account, usd)| GenesisBalance {
                universe: CORE,
                account,
                asset: USDC,
                amount: Amount::new(usd * DOLLAR),
            })
            .collect(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms { initial: 1, per_usd_traded: 0, refill_interval_ms: 1, cancel_allowance: 0 },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series,
        synthetics: Vec::new(),
    }
}

struct Chain {
    engine: Engine,
    blocks: u64,
}

impl Chain {
    fn block(&mut self, step_ms: u64, price: Option<i64>) -> (Duration, Vec<Event>) {
        self.blocks += 1;
        let time_ms = TimeMs::new(self.engine.time_ms().get() + step_ms);
        let bundle = price.map(|price| bundle(time_ms, price));
        let input = BlockInput {
            height: self.engine.height().next(),
            time_ms,
            parent: BlockDigest(sha256(&[&self.blocks.to_be_bytes()])),
            oracle_bundle: bundle.as_ref(),
            actions: &[],
        };
        let rules = Rules::at(1).expect("version 1");
        let start = clock::now();
        let outcome = self.engine.execute(&rules, &input).expect("a valid block");
        (clock::now().saturating_sub(start), outcome.events)
    }
}

fn bundle(time_ms: TimeMs, price: i64) -> OracleBundle {
    let entries: Vec<OracleEntry> =
        (1..=MARKETS).map(|asset| OracleEntry { asset: AssetId::new(asset), price: Price::new(price) }).collect();
    let vote = |seat: u32| OracleVote {
        chain_id: 7,
        epoch: 0,
        round: time_ms.get() / 1_000,
        seat: SeatId::new(seat),
        time_ms,
        entries: entries.clone(),
    };
    OracleBundle { votes: (0..4).map(|seat| vote(seat).sign(&oracle_key(seat))).collect() }
}

fn person(number: u64) -> AccountId {
    AccountId::derived("bench person", number)
}

/// A chain with more accounts than blocks could make: cash, and (market, lots) each, bought at the price.
fn chain(backstop_usd: i128, people: &[(i128, Vec<(u32, i64)>)]) -> Chain {
    chain_with_records(&seed(backstop_usd, Vec::new()), people, Vec::new())
}

/// A chain without people, after its first two prices.
fn seed(backstop_usd: i128, option_series: Vec<OptionSeriesSpec>) -> Chain {
    let genesis = genesis(backstop_usd, option_series);
    genesis.check().expect("a sound genesis");
    let mut seed = Chain { engine: Engine::new(Arc::new(genesis)), blocks: 0 };
    seed.block(1_000, Some(PRICE));
    seed
}

fn chain_with_records(seed: &Chain, people: &[(i128, Vec<(u32, i64)>)], others: Vec<Record>) -> Chain {
    let mut records: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut paid_in = seed.engine.state().custody(CORE, USDC).get();
    let mut put = |record: Record| {
        records.insert(record.key().database_key().to_vec(), record.encode());
    };
    for record in seed.engine.state().records().chain(others) {
        put(record);
    }
    for ((cash, positions), number) in people.iter().zip(0u64..) {
        let account = person(number);
        paid_in += cash;
        let record = AccountRecord {
            created_at_ms: TimeMs::new(START),
            actions_used: 0,
            volume_usd: Usd::ZERO,
            cancel_all_at_ms: None,
            hyperliquid_compatible: false,
        };
        put(Record::Account { id: account, record });
        put(Record::Balance { id: BalanceId { account, universe: CORE, asset: USDC }, record: Amount::new(*cash) });
        for (market, lots) in positions {
            let record = PositionRecord {
                position: Position::new(*lots),
                entry_cost_usd: Usd::new(i128::from(*lots) * i128::from(PRICE) / 100),
                funding_index: FundingIndex::ZERO,
            };
            put(Record::Position { id: PositionId { account, market: MarketId::new(*market) }, record });
        }
    }
    put(Record::Custody { id: CustodyId { universe: CORE, asset: USDC }, record: Amount::new(paid_in) });
    let genesis = Arc::clone(seed.engine.genesis());
    let engine = Engine::from_records(genesis, records.into_values()).expect("sound records");
    let mut chain = Chain { engine, blocks: seed.blocks };
    // The first block margins everyone and puts them into boxes.
    chain.block(100, None);
    chain
}

/// A population on one market: every account 100 lots of 1 unit long or short, with cash for `slack` parts per million of a move.
fn crowd(count: u64, slack_ppm: impl Fn(u64) -> i128) -> Vec<(i128, Vec<(u32, i64)>)> {
    let notional = i128::from(PRICE);
    (0..count)
        .map(|number| {
            let lots = if number % 2 == 0 { 100 } else { -100 };
            // Maintenance is 2.5 %; warnings begin at 1.25 times that.
            (notional * 31_250 / 1_000_000 + notional * slack_ppm(number) / 1_000_000, vec![(0, lots)])
        })
        .collect()
}

fn margin_figure() -> serde_json::Value {
    let positions: Vec<(u32, i64)> = (0..MARKETS).map(|market| (market, 100)).collect();
    let against: Vec<(u32, i64)> = (0..MARKETS).map(|market| (market, -100)).collect();
    let chain = chain(1_000, &[(1_000_000 * DOLLAR, positions), (1_000_000 * DOLLAR, against)]);
    let state = chain.engine.state();
    let account = person(0);
    let rounds = 200_000u32;
    let start = clock::now();
    for _ in 0..rounds {
        black_box(accounts::margin(black_box(state), account, CORE).expect("in range"));
    }
    let ours = clock::now().saturating_sub(start).as_nanos() as f64 / f64::from(rounds);
    let start = clock::now();
    let mut sum = 0i128;
    for _ in 0..rounds {
        for market in 0..MARKETS {
            let lots = black_box(100i128 + i128::from(market));
            let product = black_box(i128::from(PRICE)) * lots;
            sum = sum.wrapping_add(
                product.div_euclid(black_box(100)) + product / black_box(2_000) + product / black_box(4_000),
            );
        }
    }
    black_box(sum);
    let limit = clock::now().saturating_sub(start).as_nanos() as f64 / f64::from(rounds);
    serde_json::json!({ "what": "cross margin of 10 positions", "ours_us": ours / 1e3, "limit_us": limit / 1e3,
        "limit": "thirty 128-bit multiplications and divisions", "target_us": 1.0 })
}

/// Over 32-byte entries, one per account.
fn pass_us(entries: u64) -> f64 {
    let list: Vec<[u64; 4]> = (0..entries).map(|number| [number; 4]).collect();
    let start = clock::now();
    black_box(black_box(&list).iter().filter(|entry| entry[1] > entries).count());
    clock::now().saturating_sub(start).as_nanos() as f64 / 1e3
}

/// One account in ten leaves its box when the index falls by one per cent.
fn move_figure() -> serde_json::Value {
    let people = crowd(PEOPLE, |number| if number % 10 == 0 { 12_000 } else { 100_000 });
    let mut times = Vec::new();
    let mut margined = 0;
    for _ in 0..5 {
        let mut chain = chain(1_000_000, &people);
        chain.block(1_000, Some(PRICE));
        let (_, calm) = chain.block(1_900, Some(PRICE));
        let (time, events) = chain.block(2_000, Some(PRICE / 100 * 99));
        margined = events.iter().filter(|event| matches!(event, Event::MarginCalled { .. })).count();
        assert!(calm.iter().all(|event| !matches!(event, Event::MarginCalled { .. })));
        times.push(time.as_nanos() as f64 / 1e3);
    }
    times.sort_by(f64::total_cmp);
    serde_json::json!({ "what": format!("block with a 1 % move over {PEOPLE} accounts, a tenth near their boxes ({margined} called)"),
        "ours_us": times[2], "limit_us": pass_us(PEOPLE), "limit": "one pass over an entry per account", "target_us": 10_000.0 })
}

/// Everyone is margined as a portfolio of ten options over eight expiries and the perpetual when the index falls by one per cent.
fn portfolio_figure() -> serde_json::Value {
    let mut seed = seed(1_000_000, vec![series()]);
    seed.block(1_000, Some(PRICE));
    let options: Vec<u32> =
        seed.engine.state().markets().filter(|market| market.id.is_option()).map(|market| market.id.get()).collect();
    let holdings = |number: u64| {
        // Who comes after holds the other side of the same.
        let (pair, sign) = (number / 2, if number.is_multiple_of(2) { 1 } else { -1 });
        let mut held: BTreeMap<u32, i64> = BTreeMap::from([(0, sign * 50)]);
        for place in 0..PORTFOLIO_OPTIONS {
            let option = options[((pair * 7 + place * 37) % options.len() as u64) as usize];
            held.insert(option, sign * if place.is_multiple_of(2) { 40 } else { -30 });
        }
        held.into_iter().collect()
    };
    let people: Vec<(i128, Vec<(u32, i64)>)> =
        (0..PORTFOLIOS).map(|number| (100_000 * DOLLAR, holdings(number))).collect();
    let modes = (0..PORTFOLIOS).map(|number| Record::PortfolioMode {
        id: PortfolioModeId { account: person(number), universe: CORE },
        record: TimeMs::new(START),
    });
    let mut chain = chain_with_records(&seed, &people, modes.collect());
    chain.block(1_000, Some(PRICE));
    let mut times = Vec::new();
    for step in 1..=5 {
        let (time, _) = chain.block(2_000, Some(PRICE / 100 * (100 - step)));
        times.push(time.as_nanos() as f64 / 1e3);
    }
    times.sort_by(f64::total_cmp);
    serde_json::json!({ "what": format!("block with a 1 % move over {PORTFOLIOS} portfolios of {PORTFOLIO_OPTIONS} options and a perpetual ({} options listed)", options.len()),
        "ours_us": times[2], "limit_us": pass_us(PORTFOLIOS), "limit": "one pass over an entry per account", "target_us": 100_000.0 })
}

/// A full hour ends: the funding index of the market that everyone holds moves.
fn funding_figure() -> serde_json::Value {
    let people = crowd(PEOPLE, |number| if number % 10 == 0 { 12_000 } else { 100_000 });
    let mut times = Vec::new();
    for _ in 0..3 {
        let mut chain = chain(1_000_000, &people);
        chain.block(1_000, Some(PRICE));
        let (time, events) = chain.block(3_600_000, Some(PRICE));
        let moved = |event: &Event| matches!(event, Event::FundingRateSet { index, .. } if index.get() != 0);
        assert!(events.iter().any(moved), "funding is due");
        times.push(time.as_nanos() as f64 / 1e3);
    }
    times.sort_by(f64::total_cmp);
    serde_json::json!({ "what": format!("block that ends an hour of funding, {PEOPLE} accounts that owe it"),
        "ours_us": times[1], "limit_us": pass_us(PEOPLE), "limit": "one pass over an entry per account", "target_us": 10_000.0 })
}

/// A long is bankrupt, and neither book nor vault takes anything: it is closed against every short, pro rata.
fn deleverage_figure() -> serde_json::Value {
    let shorts = (0..WINNERS).map(|_| (i128::from(PRICE), vec![(0, -100)]));
    let whale = (i128::from(WINNERS) * i128::from(PRICE) / 20, vec![(0, i64::try_from(WINNERS).expect("small") * 100)]);
    let people: Vec<_> = std::iter::once(whale).chain(shorts).collect();
    let mut chain = chain(1, &people);
    chain.block(1_000, Some(PRICE));
    let (mut worst, mut deleveraged) = (Duration::ZERO, 0);
    for _ in 0..4 {
        let (time, events) = chain.block(1_900, Some(PRICE / 10 * 7));
        worst = worst.max(time);
        deleveraged += events.iter().filter(|event| matches!(event, Event::Deleveraged { .. })).count();
    }
    assert_eq!(deleveraged as u64, WINNERS, "everyone gave");
    serde_json::json!({ "what": format!("block in which a bankrupt account is closed against {WINNERS} winners"),
        "ours_us": worst.as_nanos() as f64 / 1e3, "limit_us": pass_us(WINNERS), "limit": "one pass over an entry per account",
        "target_us": 100_000.0 })
}

/// The index falls by 30 %: every long of a crowd of 20,000 is below maintenance at once.
/// The worst of those below maintenance come first: all hold the same, so by what they have.
struct WorstFirst {
    slack_ppm: BTreeMap<AccountId, i128>,
    last: i128,
}

impl WorstFirst {
    fn check(&mut self, events: &[Event]) {
        for event in events {
            let Event::Liquidated(liquidation) = event else { continue };
            // A second slice of somebody who has had a turn.
            let Some(slack) = self.slack_ppm.remove(&liquidation.account) else { continue };
            assert!(slack >= self.last, "{} had a turn before somebody worse", liquidation.account);
            self.last = slack;
        }
    }
}

fn crash_figure() -> serde_json::Value {
    let slack_ppm = |number: u64| if number.is_multiple_of(2) { i128::from(number % 997) * 20 } else { 500_000 };
    let people = crowd(2 * DOOMED, slack_ppm);
    let mut order =
        WorstFirst { slack_ppm: (0..2 * DOOMED).map(|number| (person(number), slack_ppm(number))).collect(), last: 0 };
    let mut chain = chain(1_000_000_000, &people);
    chain.block(1_000, Some(PRICE));
    let (first, events) = chain.block(1_900, Some(PRICE / 10 * 7));
    order.check(&events);
    let (mut worst, mut blocks, mut sum) = (first, 1u32, first);
    let below = |chain: &Chain| {
        chain.engine.state().margin_calls().filter(|(_, level)| *level == MarginLevel::Liquidatable).count()
    };
    let most = below(&chain) + 100;
    while below(&chain) > 0 && blocks < 2_000 {
        let (time, events) = chain.block(1_000, Some(PRICE / 10 * 7));
        order.check(&events);
        worst = worst.max(time);
        sum += time;
        blocks += 1;
    }
    assert_eq!(below(&chain), 0, "all resolved");
    serde_json::json!({ "what": format!("longest of {blocks} blocks after a fall of 30 % ({most} accounts below maintenance, worst first, all resolved, {} ms in all)", sum.as_millis()),
        "ours_us": worst.as_nanos() as f64 / 1e3, "limit_us": pass_us(2 * DOOMED), "limit": "one pass over an entry per account",
        "target_us": 100_000.0 })
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let file = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let figures = {
        let all = [margin_figure, move_figure, portfolio_figure, funding_figure, crash_figure, deleverage_figure];
        let wanted = std::env::var("CLEARING_FIGURE").ok().and_then(|wanted| wanted.parse::<usize>().ok());
        let figures = all.iter().enumerate().filter(|(place, _)| wanted.is_none_or(|wanted| wanted == *place));
        serde_json::Value::Array(figures.map(|(_, figure)| figure()).collect())
    };
    if let Some(file) = file {
        std::fs::write(&file, figures.to_string()).expect("the file can be written");
    }
    println!("{figures:#}");
}
