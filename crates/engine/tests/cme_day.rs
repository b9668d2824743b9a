//! A real day, order by order: CME ESH4 on 25 December 2023, through the matching core beside a naive model.
//!
//! The feed tells what became of the exchange's own book: orders that came, moved and left. Between the first and the
//! last message of a match, and before the opening, it shows bids above offers, which a book that matches can never
//! hold. So bids and offers go into two markets that never meet, which changes nothing about either side's levels: the
//! test is of places, levels and sums in the book under a real flow; matching has models of its own.

use palisade_engine::{BlockInput, Engine, Rules, State, matching_core::MatchingCore};
use palisade_types::{
    action::{Action, CancelRequest, ModifyRequest},
    address::AccountId,
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::BlockDigest,
    ids::{AssetId, Height, MarketId, OrderId, SeatId, UniverseId},
    market::{AssetSpec, MarketKind, MarketSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc};

const DAY: &str = "orderflow/cme_ESH4_mbo_20231225.csv.zst";
const LEVELS_COMPARED: usize = 5;
const ORDERS_LEFT: usize = 11_217;
const BEST_BID: &str = "4810.00";
const BEST_OFFER: &str = "4810.25";
/// A point of the index is 1e9 in the file and 1e8 here.
const FILE_UNITS_PER_UNIT: i64 = 10;
const UNIT: i64 = 100_000_000;
const START_MS: u64 = 1_700_000_000_000;
const CORE: UniverseId = UniverseId::new(0);
const QUOTE: AssetId = AssetId::new(0);
const BASE: AssetId = AssetId::new(1);
/// Nobody may have more open orders than the market allows, so the day's orders are shared out.
const PEOPLE: u64 = 64;
const OPEN_ORDERS_MAX: u32 = 1_000;

/// What the feed says of one order.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: u8,
    side: Side,
    price: Price,
    lots: u64,
    order: u64,
}

/// The day's changes of the book; none if the data is not on this machine. Trades and fills (`T`, `F`) change nothing:
/// what they do to orders comes in messages of its own.
fn messages() -> Option<Vec<Message>> {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = std::fs::File::open(root.join(DAY)) else {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: PALISADE_DATA has no {DAY}; this test has checked NOTHING");
        return None;
    };
    let text = String::from_utf8(zstd::decode_all(file).expect("the file is zstd")).expect("the file is text");
    let message = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, _, _, kind, side, price, lots, order, _] = fields[..] else { panic!("a message: {line}") };
        let price: i64 = price.parse().expect("a price");
        Message {
            kind: kind.as_bytes()[0],
            side: if side == "B" { Side::Buy } else { Side::Sell },
            price: Price::new(price / FILE_UNITS_PER_UNIT),
            lots: lots.parse().expect("a size"),
            order: order.parse().expect("an order"),
        }
    };
    Some(text.lines().skip(1).map(message).filter(|message| !b"TF".contains(&message.kind)).collect())
}

/// Orders by the feed's number, and lots by level: so plain that its rightness can be seen.
#[derive(Default)]
struct Model {
    orders: BTreeMap<u64, (Side, Price, u64)>,
    levels: BTreeMap<(Side, Price), u64>,
}

impl Model {
    fn follow(&mut self, message: &Message) {
        if message.kind != b'A' {
            let (side, price, lots) = self.orders.remove(&message.order).expect("the feed names known orders");
            assert!(message.kind == b'M' || lots == message.lots, "a cancel takes the whole order: {message:?}");
            let level = self.levels.get_mut(&(side, price)).expect("an order has a level");
            *level -= lots;
            if *level == 0 {
                self.levels.remove(&(side, price));
            }
        }
        if message.kind != b'C' {
            let known = self.orders.insert(message.order, (message.side, message.price, message.lots));
            assert_eq!(known, None, "{message:?}");
            *self.levels.entry((message.side, message.price)).or_default() += message.lots;
        }
    }

    fn top(&self, side: Side) -> Vec<(Price, u64)> {
        let all = self.levels.iter().filter(|((of, _), _)| *of == side).map(|((_, price), lots)| (*price, *lots));
        match side {
            Side::Buy => all.rev().take(LEVELS_COMPARED).collect(),
            Side::Sell => all.take(LEVELS_COMPARED).collect(),
        }
    }
}

const fn market_of(side: Side) -> MarketId {
    match side {
        Side::Buy => MarketId::new(MarketId::FIRST_SPOT),
        Side::Sell => MarketId::new(MarketId::FIRST_SPOT + 1),
    }
}

/// The best levels of one side of the engine's book.
fn top(state: &State, side: Side) -> Vec<(Price, u64)> {
    let mut levels: Vec<(Price, u64)> = Vec::new();
    for record in state.book_side(market_of(side), side) {
        let (price, lots) = (record.order.price, record.order.remaining.get());
        let is_full = levels.len() == LEVELS_COMPARED;
        match levels.last_mut() {
            Some((last, sum)) if *last == price => *sum += lots,
            _ if is_full => break,
            _ => levels.push((price, lots)),
        }
    }
    levels
}

fn person(order: u64) -> AccountId {
    AccountId([u8::try_from(order % PEOPLE).expect("few people") + 1; 20])
}

fn market(side: Side) -> MarketSpec {
    MarketSpec {
        id: market_of(side),
        symbol: format!("ES{side:?}/USDC"),
        universe: CORE,
        kind: MarketKind::Spot { base: BASE, quote: QUOTE },
        size_decimals: 0,
        tick: Price::new(UNIT / 4),
        maker_fee: Rate::new(0),
        taker_fee: Rate::new(0),
        minimum_notional_usd: Usd::new(10 * i128::from(UNIT)),
        maximum_notional_usd: Usd::new(10_000_000 * i128::from(UNIT)),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: OPEN_ORDERS_MAX,
    }
}

fn genesis() -> Genesis {
    let seat = |id: u32| {
        let seed = u8::try_from(id).expect("few seats");
        Seat {
            id: SeatId::new(id),
            name: format!("seat-{id}"),
            vote_key: Ed25519SecretKey::from_bytes([seed + 1; 32]).public_key(),
            oracle_key: Ed25519SecretKey::from_bytes([seed + 101; 32]).public_key(),
        }
    };
    let asset =
        |id, symbol: &str| AssetSpec { id, symbol: symbol.to_owned(), decimals: 8, has_index: false, collateral: None };
    let funds = |account, asset| GenesisBalance {
        universe: CORE,
        account,
        asset,
        amount: Amount::new(1_000_000_000_000 * i128::from(UNIT)),
    };
    Genesis {
        chain_id: 4_810,
        name: "one day".to_owned(),
        time_ms: TimeMs::new(START_MS),
        seats: (0..4).map(seat).collect(),
        assets: vec![asset(QUOTE, "USDC"), asset(BASE, "ES")],
        universes: vec![UniverseSpec { id: CORE, name: "core".to_owned(), collateral: QUOTE }],
        markets: vec![market(Side::Buy), market(Side::Sell)],
        balances: (0..PEOPLE).flat_map(|of| [funds(person(of), QUOTE), funds(person(of), BASE)]).collect(),
        hyperliquid_compatible: Vec::new(),
        faucet: Vec::new(),
        action_budget: ActionBudgetTerms {
            initial: 1_000,
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

/// The engine after its first block.
fn engine() -> Engine {
    let genesis = genesis();
    genesis.check().expect("a sound genesis");
    let mut engine = Engine::new(Arc::new(genesis));
    let first = BlockInput {
        height: Height::new(1),
        time_ms: TimeMs::new(START_MS + 1_000),
        parent: BlockDigest::default(),
        oracle_bundle: None,
        actions: &[],
    };
    engine.execute(&Rules::at(1).expect("version 1 is known"), &first).expect("the first block");
    engine
}

/// What the message asks of the engine.
fn action(message: &Message, numbers: &BTreeMap<u64, OrderId>) -> Action {
    let market = market_of(message.side);
    let request = OrderRequest {
        market,
        side: message.side,
        price: message.price,
        size: Size::new(message.lots),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    let order = || OrderReference::Id(numbers[&message.order]);
    match message.kind {
        b'A' => Action::Place { orders: vec![request] },
        b'C' => Action::Cancel { cancels: vec![CancelRequest { market, order: order() }] },
        b'M' => Action::Modify { modifies: vec![ModifyRequest { order: order(), replacement: request }] },
        kind => panic!("a message of kind {}", char::from(kind)),
    }
}

#[test]
fn the_top_of_the_book_is_that_of_a_naive_model_all_day() {
    let Some(messages) = messages() else { return };
    let mut engine = engine();
    let mut core = MatchingCore::new(&mut engine);
    let mut model = Model::default();
    let mut numbers: BTreeMap<u64, OrderId> = BTreeMap::new();
    for (place, message) in messages.iter().enumerate() {
        model.follow(message);
        let outcome = core.run(person(message.order), &action(message, &numbers)).expect("no invariant breaks");
        match outcome {
            Outcome::Orders { results } => {
                let [OrderResult::Accepted { order, resting, .. }] = results[..] else {
                    panic!("message {place}, {message:?}: {results:?}")
                };
                assert_eq!(resting.get(), message.lots, "message {place}");
                numbers.insert(message.order, order);
            }
            Outcome::Cancels { results } => {
                assert!(matches!(results[..], [CancelResult::Canceled { .. }]), "message {place}: {results:?}");
                numbers.remove(&message.order);
            }
            other => panic!("message {place}: {other:?}"),
        }
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(top(core.state(), side), model.top(side), "message {place}, {message:?}");
        }
    }
    assert_eq!((core.state().open_order_count(), model.orders.len()), (ORDERS_LEFT, ORDERS_LEFT));
    let best = |side| core.state().best_order(market_of(side), side).map(|record| record.order.price);
    assert_eq!(best(Side::Buy), BEST_BID.parse().ok());
    assert_eq!(best(Side::Sell), BEST_OFFER.parse().ok());
}
