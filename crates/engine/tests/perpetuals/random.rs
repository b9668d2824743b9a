//! Thousands of random actions against the engine, with an auditor who knows only events, and with every block
//! executed twice, turned back, followed by a reader and rebuilt from its records.

use crate::{
    auditor::{Auditor, Standing},
    exchange::{CORE, Exchange, Setup, USDC, account},
};
use palisade_engine::{BlockOutcome, Engine, State};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    event::Event,
    ids::{AssetId, MarketId},
    market::MarketSpec,
    numbers::{Amount, Price, Rate, Size},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};

const NAMES: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
const STEPS: u32 = 1_500;

/// SplitMix64: enough for choices, and the same everywhere.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low) as u64) as i64
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }
}

struct Run {
    exchange: Exchange,
    choices: Choices,
    prices: BTreeMap<AssetId, i64>,
    reader: State,
    rejections: BTreeMap<String, u32>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut setup = Setup {
            fees: (Rate::new(150), Rate::new(450)),
            // Small enough to be reached: 12 BTC or 120 ETH of open interest, 4 or 40 of one account.
            caps: Some((1_200_000, 400_000)),
            ..Setup::default()
        };
        for (name, thousands) in NAMES.iter().zip([3, 10, 30, 60, 100, 1_000]) {
            setup.funds.insert((*name).to_owned(), format!("{thousands}000").parse().expect("an amount"));
        }
        let mut exchange = Exchange::new(&setup);
        exchange.auditor.knows_spot(MarketId::new(10_000), AssetId::new(1), 1_000);
        let prices = BTreeMap::from([(AssetId::new(1), 6_000_000_000_000), (AssetId::new(2), 200_000_000_000)]);
        let reader = exchange.engine.state().clone();
        Self { exchange, choices: Choices(seed), prices, reader, rejections: BTreeMap::new() }
    }

    fn market(&mut self) -> MarketSpec {
        let symbol = self.choices.one_of(&["BTC", "BTC", "BTC", "ETH", "ETH", "BTC/USDC"]);
        self.exchange.market(symbol)
    }

    fn order(&mut self, market: &MarketSpec) -> OrderRequest {
        let underlying = match market.perpetual() {
            Some(terms) => terms.underlying,
            None => AssetId::new(1),
        };
        let index = self.prices.get(&underlying).copied().expect("a price");
        let spread = if self.choices.below(20) == 0 { 400_000 } else { 4_000 };
        let offset = self.choices.between(-spread, spread);
        let raw = index + (i128::from(index) * i128::from(offset) / 1_000_000) as i64;
        let price = raw - raw % market.tick.get();
        let size = match self.choices.below(10) {
            0 => self.choices.below(2_000_000),
            1 => self.choices.below(40),
            _ => self.choices.below(150_000),
        };
        let tif = self.choices.below(10);
        OrderRequest {
            market: market.id,
            side: self.choices.one_of(&[Side::Buy, Side::Sell]),
            price: Price::new(price),
            size: Size::new(size),
            time_in_force: match tif {
                0 | 1 => TimeInForce::Ioc,
                2 => TimeInForce::Alo,
                3 => TimeInForce::Fok,
                4 => TimeInForce::Gtt {
                    expires_at_ms: TimeMs::new(self.exchange.time_ms + 1 + self.choices.below(8_000)),
                },
                _ => TimeInForce::Gtc,
            },
            reduce_only: self.choices.below(6) == 0,
            client_order_id: None,
        }
    }

    fn action(&mut self, name: &str) -> Action {
        let open: Vec<_> = self.exchange.engine.state().orders_of(account(name)).map(|record| record.order).collect();
        match self.choices.below(20) {
            0 | 1 if !open.is_empty() => {
                let order = self.choices.one_of(&open);
                Action::Cancel {
                    cancels: vec![CancelRequest { market: order.market, order: OrderReference::Id(order.id) }],
                }
            }
            2..=4 if !open.is_empty() => {
                let order = self.choices.one_of(&open);
                let market = self.exchange.engine.state().market(order.market).expect("a market").clone();
                let mut replacement = OrderRequest { side: order.side, ..self.order(&market) };
                if self.choices.below(3) == 0 {
                    replacement.price = order.price;
                    replacement.time_in_force = order.time_in_force;
                    replacement.reduce_only = order.reduce_only;
                    replacement.size = Size::new(self.choices.below(order.remaining.get() + 2));
                }
                Action::Modify { modifies: vec![ModifyRequest { order: OrderReference::Id(order.id), replacement }] }
            }
            5 => Action::UpdateLeverage {
                market: self.market().id,
                leverage: self.choices.below(60) as u32,
                margin_mode: MarginMode::Cross,
            },
            6 => Action::Transfer {
                universe: CORE,
                to: account(self.choices.one_of(&NAMES)),
                asset: USDC,
                amount: Amount::new(i128::from(self.choices.below(5_000)) * 100_000_000 + 1),
            },
            7 => Action::CancelAll { market: None },
            _ => {
                let count = 1 + self.choices.below(3);
                Action::Place {
                    orders: (0..count)
                        .map(|_| {
                            let market = self.market();
                            self.order(&market)
                        })
                        .collect(),
                }
            }
        }
    }

    /// A walk of the indices: mostly small steps, sometimes a jump.
    fn move_prices(&mut self) -> Vec<(AssetId, Price)> {
        let jump = if self.choices.below(30) == 0 { 40_000 } else { 1_500 };
        let Self { prices, choices, .. } = self;
        for price in prices.values_mut() {
            let change = choices.between(-jump, jump + 1);
            *price = (*price + (i128::from(*price) * i128::from(change) / 1_000_000) as i64).max(1_000_000);
        }
        prices.iter().map(|(asset, price)| (*asset, Price::new(*price))).collect()
    }

    fn step(&mut self) {
        let prices_due = self.choices.below(4) == 0;
        let (step_ms, prices) =
            if prices_due { (1_000, self.move_prices()) } else { (1 + self.choices.below(400), Vec::new()) };
        let count = self.choices.one_of(&[0, 1, 1, 1, 1, 4]);
        let actions: Vec<(String, Action)> = (0..count)
            .map(|_| {
                let name = self.choices.one_of(&NAMES);
                (name.to_owned(), self.action(name))
            })
            .collect();
        let before = self.exchange.engine.clone();
        let outcome = self.exchange.block(step_ms, &prices, &actions).expect("a valid block");
        self.count_rejections(&outcome);
        if let [(name, action)] = &actions[..] {
            self.check_margin(before.state(), name, action, &outcome);
        }
        self.check_engine(&before, outcome);
    }

    fn count_rejections(&mut self, outcome: &BlockOutcome) {
        let mut count = |rejection: &Rejection| {
            let text = format!("{rejection:?}");
            let name = text.split([' ', '(']).next().unwrap_or_default().to_owned();
            assert!(name != "InvariantViolated" && name != "Overflow", "{text}");
            *self.rejections.entry(name).or_default() += 1;
        };
        for receipt in &outcome.receipts {
            match &receipt.outcome {
                Outcome::Rejected { rejection } => count(rejection),
                Outcome::Orders { results } => {
                    for result in results {
                        if let OrderResult::Rejected { rejection } = result {
                            count(rejection);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// I5 by plain arithmetic, for blocks of one action: whoever's last fill opened meets initial margin afterwards; an
    /// order that came to rest untouched is reserved for; money that left was free.
    fn check_margin(&self, before: &State, name: &str, action: &Action, outcome: &BlockOutcome) {
        let state = self.exchange.engine.state();
        let auditor = &self.exchange.auditor;
        for (account, opened) in last_fills(&outcome.events) {
            if opened {
                let Standing { equity, position_initial, .. } = auditor.standing(state, account);
                assert!(equity >= position_initial, "{account} opened with {equity} for {position_initial}");
            }
        }
        let who = account(name);
        let standing = auditor.standing(state, who);
        let traded = outcome.events.iter().any(|event| matches!(event, Event::Traded(_)));
        let done = outcome.receipts.iter().any(|receipt| matches!(receipt.outcome, Outcome::Done));
        let at_risk_more = standing.initial > auditor.standing(before, who).initial;
        let placed_alone = matches!(action, Action::Place { orders } if orders.len() == 1);
        let marks_stood = before.markets().all(|market| before.mark(market.id) == state.mark(market.id));
        let leverage = matches!(action, Action::UpdateLeverage { .. }) && done;
        if marks_stood && !traded && at_risk_more && (placed_alone || leverage) {
            assert!(standing.equity >= standing.initial, "{name} reserves {standing:?}");
        }
        if matches!(action, Action::Transfer { .. }) && done {
            assert!(standing.equity >= standing.initial, "{name} sent away {standing:?}");
        }
    }

    /// The same block on the same parent does the same; undone, it leaves the parent; a reader of the writes and a cold
    /// start from the records arrive at the same state.
    fn check_engine(&mut self, before: &Engine, outcome: BlockOutcome) {
        let BlockOutcome { writes, undo, .. } = outcome;
        let state = self.exchange.engine.state();
        self.reader.apply_writes(&writes).expect("own writes");
        assert!(self.reader == *state, "a reader follows");
        let mut turned_back = self.exchange.engine.clone();
        turned_back.revert(undo);
        assert!(turned_back.state() == before.state(), "a block turned back leaves no trace");
        if self.choices.below(40) == 0 {
            let values = state.records().map(|record| record.encode());
            let genesis = Arc::clone(self.exchange.engine.genesis());
            let cold = Engine::from_records(genesis, values).expect("own records");
            assert!(cold.state() == state, "a cold start arrives at the same state");
        }
    }
}

/// Who traded, and whether the last fill of each opened or turned a perpetual position.
fn last_fills(events: &[Event]) -> BTreeMap<palisade_types::address::AccountId, bool> {
    let mut last = BTreeMap::new();
    for event in events {
        let Event::Traded(trade) = event else { continue };
        if trade.market.is_spot() {
            continue;
        }
        for (side, direction) in [(&trade.taker, trade.taker_side), (&trade.maker, trade.taker_side.opposite())] {
            let lots = trade.size.get() as i128;
            let signed = if direction == Side::Buy { lots } else { -lots };
            let start = i128::from(side.start_position.get());
            let after = start + signed;
            let reduces = after.abs() < start.abs() && (after == 0 || (after > 0) == (start > 0));
            last.insert(side.account, !reduces);
        }
    }
    last
}

fn run_seed(seed: u64) -> (Auditor, BTreeMap<String, u32>) {
    let mut run = Run::new(seed);
    for _ in 0..STEPS {
        run.step();
    }
    (run.exchange.auditor, run.rejections)
}

/// `usual`, or as many as `PALISADE_FUZZ_CASES` says, but not fewer: fewer would not reach every rule.
fn seeds(usual: u64) -> u64 {
    let Some(text) = std::env::var_os("PALISADE_FUZZ_CASES") else { return usual };
    let asked: Option<u64> = text.to_str().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| panic!("PALISADE_FUZZ_CASES is not a number: {text:?}")).max(usual)
}

/// Every seed keeps the books; together they reach the rules that the test is about, so it cannot pass by doing nothing.
#[test]
fn random_trading_keeps_the_books() {
    let mut rejections: BTreeMap<String, u32> = BTreeMap::new();
    let mut trades = 0;
    for seed in 1..=seeds(4) {
        let (auditor, found) = run_seed(seed);
        trades += auditor.trades();
        for (name, count) in found {
            *rejections.entry(name).or_default() += count;
        }
    }
    println!("{trades} trades; rejections: {rejections:?}");
    assert!(trades > 1_000, "{trades} trades");
    for name in [
        "InsufficientMargin",
        "InsufficientBalance",
        "ReduceOnlyWouldIncrease",
        "PositionCap",
        "NotFillable",
        "WouldMatch",
        "NothingToMatch",
        "LeverageOutOfRange",
        "BelowMinimumNotional",
    ] {
        assert!(rejections.contains_key(name), "{name} never happened: {rejections:?}");
    }
}
