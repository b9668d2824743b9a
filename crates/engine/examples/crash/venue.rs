//! The exchange of the replay: blocks of really signed actions, prices from four seats, one maker per market.

use crate::{
    bars::{self, Bars},
    market::{CAPITAL_KUSD, MARKETS, UNIVERSES, spec},
    population::Person,
    replay::{Chain, DOLLAR, key, seats},
    report::Tally,
};
use palisade_engine::{BlockOutcome, Engine};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    event::Event,
    genesis::{ActionBudgetTerms, Genesis, GenesisBalance, StorageTerms},
    ids::{AssetId, MarketId, UniverseId},
    market::{AssetSpec, UniverseSpec},
    numbers::{Amount, Price, Size},
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
    signing::VerifiedAction,
    time::TimeMs,
};
use std::sync::Arc;

const CHAIN_ID: u64 = 20_251_010;
const START_MS: u64 = 1_760_128_700_000;
const USDC: AssetId = AssetId::new(0);
/// Levels that a maker shows on a side, within 2 % of the index.
const LEVELS: i64 = 10;

pub struct Venue {
    chain: Chain,
    last: Vec<i64>,
    minute_ago: Vec<i64>,
}

pub fn person(number: usize) -> String {
    format!("person-{number}")
}

pub fn maker(market: usize) -> String {
    format!("maker-{market}")
}

fn genesis(people: &[Person]) -> Genesis {
    let usdc = |universe: u32, account: AccountId, dollars: i128| GenesisBalance {
        universe: UniverseId::new(universe),
        account,
        asset: USDC,
        amount: Amount::new(dollars * DOLLAR),
    };
    let mut balances: Vec<GenesisBalance> = Vec::new();
    for person_of in people {
        let universe = MARKETS[person_of.market].universe;
        balances.push(usdc(universe, key(&person(person_of.number)).address(), person_of.equity_usd));
    }
    for (place, market) in MARKETS.iter().enumerate() {
        balances.push(usdc(market.universe, key(&maker(place)).address(), 200_000_000));
    }
    for (universe, (fund, backstop)) in CAPITAL_KUSD.iter().enumerate() {
        let id = UniverseId::new(universe as u32);
        balances.push(usdc(universe as u32, AccountId::insurance(id), fund * 1_000));
        balances.push(usdc(universe as u32, AccountId::backstop(id), backstop * 1_000));
    }
    let asset = |id: u32, symbol: &str, has_index| AssetSpec {
        id: AssetId::new(id),
        symbol: symbol.into(),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let mut assets = vec![asset(0, "USDC", false)];
    assets.extend(MARKETS.iter().zip(1u32..).map(|(market, id)| asset(id, market.symbol, true)));
    Genesis {
        chain_id: CHAIN_ID,
        name: "10 October 2025".into(),
        time_ms: TimeMs::new(START_MS),
        seats: seats(),
        assets,
        universes: (0u32..)
            .zip(UNIVERSES)
            .map(|(id, name)| UniverseSpec { id: UniverseId::new(id), name: name.into(), collateral: USDC })
            .collect(),
        markets: (0..MARKETS.len()).map(spec).collect(),
        balances,
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
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

impl Venue {
    pub fn new(bars: &Bars) -> Self {
        let people = crate::population::make(std::env::args().nth(1).map_or(20_251_010, |text| text.parse().unwrap()));
        let last: Vec<i64> = bars.iter().map(|bars| bars::price(bars, crate::MINUTES.start, 0, 12)).collect();
        let mut venue = Self { chain: Chain::new(genesis(&people)), minute_ago: last.clone(), last };
        venue.block(1_000, true, Vec::new());
        venue
    }

    pub const fn engine(&self) -> &Engine {
        &self.chain.engine
    }

    /// Everyone takes the position that they came for, against the makers.
    pub fn open(&mut self, people: &[Person], bars: &Bars, tally: &mut Tally) {
        self.last = bars.iter().map(|bars| bars::price(bars, crate::MINUTES.start, 0, 12)).collect();
        for chunk in people.chunks(100) {
            let mut actions = self.quotes(5.0);
            self.block(1_000, true, std::mem::take(&mut actions));
            let mut wanted = Vec::new();
            for person_of in chunk {
                let name = person(person_of.number);
                let market = MarketId::new(person_of.market as u32);
                let margin_mode = if person_of.is_isolated { MarginMode::Isolated } else { MarginMode::Cross };
                let leverage = Action::UpdateLeverage { market, leverage: person_of.leverage, margin_mode };
                wanted.push(self.chain.sign(&name, leverage));
                wanted.push(self.chain.sign(&name, self.entry(person_of)));
            }
            let outcome = self.block(1_000, false, wanted);
            tally.opened += outcome
                .receipts
                .iter()
                .filter(|receipt| matches!(&receipt.outcome, Outcome::Orders { results } if results.iter().any(|result| matches!(result, OrderResult::Accepted { filled, .. } if filled.get() > 0))))
                .count();
        }
    }

    fn entry(&self, person_of: &Person) -> Action {
        let market = &MARKETS[person_of.market];
        let index = i128::from(self.last[person_of.market]);
        let notional = person_of.equity_usd * i128::from(person_of.leverage) * DOLLAR * 85 / 100;
        let lots = notional * 10i128.pow(u32::from(market.size_decimals)) / index;
        let (side, price) =
            if person_of.is_long { (Side::Buy, index * 1_003 / 1_000) } else { (Side::Sell, index * 997 / 1_000) };
        place(person_of.market, side, price, lots.max(1), TimeInForce::Ioc)
    }

    /// One price update: makers quote anew, then the block with the next prices.
    pub fn step(&mut self, bars: &Bars, minute: u64, step: u64, step_ms: u64) -> Vec<Event> {
        if step == 0 {
            self.minute_ago.clone_from(&self.last);
        }
        self.last = bars.iter().map(|bars| bars::price(bars, minute, step, 60_000 / step_ms)).collect();
        let quotes = self.quotes(1.0);
        // Only a block with prices may lie more than a second after its parent.
        let quoted_after_ms = 500;
        let mut events = self.block(step_ms - quoted_after_ms, true, Vec::new()).events;
        events.extend(self.block(quoted_after_ms, false, quotes).events);
        events
    }

    /// Makers cancel everything and show `depth × factor` within 2 % of the index, less by the square of the last minute's
    /// move over half a per cent.
    fn quotes(&mut self, factor: f64) -> Vec<Arc<VerifiedAction>> {
        let mut actions = Vec::new();
        for (place_of, market) in MARKETS.iter().enumerate() {
            let name = maker(place_of);
            actions.push(self.chain.sign(&name, Action::CancelAll { market: None }));
            let index = i128::from(self.last[place_of]);
            let moved = (self.last[place_of] as f64 / self.minute_ago[place_of] as f64 - 1.0).abs();
            let calm = 1.0 / (1.0 + (moved / 0.005).powi(2));
            let depth = (market.depth_musd * 1_000_000 * DOLLAR) as f64 * calm * factor;
            let lots = depth / LEVELS as f64 * 10f64.powi(i32::from(market.size_decimals)) / index as f64;
            let mut orders = Vec::new();
            for level in 0..LEVELS {
                let away = index * i128::from(20 * level + 5) / 10_000;
                for (side, price) in [(Side::Buy, index - away), (Side::Sell, index + away)] {
                    if let Action::Place { orders: one } =
                        place(place_of, side, price, (lots as i128).max(1), TimeInForce::Gtc)
                    {
                        orders.extend(one);
                    }
                }
            }
            actions.push(self.chain.sign(&name, Action::Place { orders }));
        }
        actions
    }

    fn block(&mut self, step_ms: u64, priced: bool, actions: Vec<Arc<VerifiedAction>>) -> BlockOutcome {
        let prices: Vec<(AssetId, i64)> = (1..).map(AssetId::new).zip(self.last.iter().copied()).collect();
        self.chain.block(step_ms, priced.then_some(&prices), &actions)
    }
}

fn place(market: usize, side: Side, price: i128, lots: i128, time_in_force: TimeInForce) -> Action {
    let tick = i128::from(spec(market).tick.get());
    Action::Place {
        orders: vec![OrderRequest {
            market: MarketId::new(market as u32),
            side,
            price: Price::new((price - price % tick) as i64),
            size: Size::new(lots as u64),
            time_in_force,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}
