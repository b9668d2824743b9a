//! The exchange of the month: one maker per underlying that quotes every option at what the real chain's volatility makes of it.

use crate::{
    audit::Audit,
    chains::{SYMBOLS, Snapshot},
    orders,
    path::Path,
    people::Person,
    replay::{Chain, key},
    tally::Tally,
    terms::{self, CORE, OPTION_DECIMALS, OPTION_TICKS, PERPETUAL_DECIMALS, asset, maker, perpetual},
};
use palisade_engine::{Engine, state::State};
use palisade_pricing::{OptionTerms, Volatility};
use palisade_types::{
    action::Action,
    event::MarginLevel,
    ids::{AssetId, MarketId},
    market::OptionContract,
    numbers::{Price, Size},
    quote::{Level, Quote},
    signing::VerifiedAction,
};
use std::sync::Arc;

/// What the maker shows on a side, in USD of the underlying: per option, and of the perpetual.
const OPTION_DEPTH_USD: f64 = 2e6;
const PERPETUAL_DEPTH_USD: f64 = 10e6;
/// Half the spread: parts of the price and of the forward of an option, and of the index of the perpetual.
const HALF_SPREAD_OF_PRICE: f64 = 0.03;
const HALF_SPREAD_OF_FORWARD: f64 = 0.0002;
const PERPETUAL_HALF_SPREAD: f64 = 0.0005;
/// How many accounts enter in one second.
const BATCH: usize = 40;
/// Seconds that liquidations get before the next price comes, and after how many the makers quote again.
const RESOLUTION_SECONDS: usize = 60;
const REQUOTE_SECONDS: usize = 5;

pub struct Venue {
    chain: Chain,
    path: Path,
    audit: Audit,
}

impl Venue {
    pub fn new(snapshots: Vec<Snapshot>, people: &[Person], seed: u64) -> Self {
        let mut chain = Chain::new(terms::genesis(people));
        let path = Path::new(snapshots, seed);
        // The first block pays the genesis out.
        let prices = path.prices(chain.time_ms() + 1_000);
        let first = chain.block(1_000, Some(&named(prices)), &[]);
        let mut audit = Audit::new(&chain.engine);
        audit.follow(&chain.engine, &first.events);
        Self { chain, path, audit }
    }

    pub const fn engine(&self) -> &Engine {
        &self.chain.engine
    }

    pub fn state(&self) -> &State {
        self.chain.engine.state()
    }

    pub fn time_ms(&self) -> u64 {
        self.chain.time_ms()
    }

    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The day's trading: everyone sends what its style says for the next expiry.
    pub fn enter(&mut self, people: &[Person], expiry_ms: u64, tally: &mut Tally) {
        // Twice, because options of a first block have no marks yet.
        for _ in 0..2 {
            self.block(1_000, true, &[], tally);
        }
        for chunk in people.chunks(BATCH) {
            let quotes = self.quotes();
            self.block(500, false, &quotes, tally);
            let mut sent = Vec::new();
            for person in chunk {
                let name = person.name();
                let account = key(&name).address();
                if person.is_portfolio() && !self.state().is_portfolio(account, CORE) {
                    let switch = Action::SetPortfolioMode { universe: CORE, enabled: true };
                    sent.push(self.chain.sign(&name, switch));
                }
                let orders = orders::of_the_day(self.state(), person, account, expiry_ms);
                if !orders.is_empty() {
                    sent.push(self.chain.sign(&name, Action::Place { orders }));
                }
            }
            self.block(500, true, &sent, tally);
        }
    }

    /// The next price, the makers' answer to it, and blocks until nobody is below maintenance.
    pub fn step(&mut self, step_ms: u64, tally: &mut Tally) {
        self.block(step_ms - 500, true, &[], tally);
        let quotes = self.quotes();
        self.block(500, false, &quotes, tally);
        for second in 1..=RESOLUTION_SECONDS {
            if !self.is_anyone_liquidatable() {
                return;
            }
            let quotes = if second.is_multiple_of(REQUOTE_SECONDS) { self.quotes() } else { Vec::new() };
            self.block(1_000, true, &quotes, tally);
        }
        tally.unresolved += 1;
    }

    /// The window before an expiry, and the blocks until everything of it is delivered.
    pub fn expire(&mut self, expiry_ms: u64, step_ms: u64, tally: &mut Tally) {
        while self.time_ms() < expiry_ms {
            let quotes = if (expiry_ms - self.time_ms()).is_multiple_of(60_000) { self.quotes() } else { Vec::new() };
            self.block(step_ms.min(expiry_ms - self.time_ms()), true, &quotes, tally);
        }
        for _ in 0..300 {
            if self.state().option_expiries().all(|(id, _)| id.expires_at_ms.get() > expiry_ms) {
                return;
            }
            self.block(1_000, true, &[], tally);
        }
        panic!("the options of {expiry_ms} were not delivered within five minutes");
    }

    fn is_anyone_liquidatable(&self) -> bool {
        self.state().margin_calls().any(|(_, level)| level == MarginLevel::Liquidatable)
    }

    fn block(&mut self, step_ms: u64, priced: bool, actions: &[Arc<VerifiedAction>], tally: &mut Tally) {
        let prices = self.path.prices(self.time_ms() + step_ms);
        let outcome = self.chain.block(step_ms, priced.then_some(&named(prices)), actions);
        self.audit.follow(&self.chain.engine, &outcome.events);
        tally.follow(self.chain.engine.state(), &outcome);
    }

    fn quotes(&mut self) -> Vec<Arc<VerifiedAction>> {
        let mut actions = Vec::new();
        for underlying in 0..SYMBOLS.len() {
            let name = maker(underlying);
            let mut quotes = vec![self.perpetual_quote(underlying)];
            quotes.extend(self.option_quotes(underlying));
            for batch in quotes.chunks(palisade_types::limits::BATCH_MAX) {
                actions.push(self.chain.sign(&name, Action::MassQuote { quotes: batch.to_vec() }));
            }
        }
        actions
    }

    fn perpetual_quote(&self, underlying: usize) -> Quote {
        let index = self.path.prices(self.time_ms())[underlying] as f64;
        let tick = 10i64.pow(2 + u32::from(PERPETUAL_DECIMALS[underlying]));
        let half_spread = index * PERPETUAL_HALF_SPREAD;
        let lots = PERPETUAL_DEPTH_USD * 1e8 / index * 10f64.powi(i32::from(PERPETUAL_DECIMALS[underlying]));
        quote(perpetual(underlying), index - half_spread, index + half_spread, tick, lots)
    }

    fn option_quotes(&self, underlying: usize) -> Vec<Quote> {
        let state = self.state();
        let of = |market: MarketId| state.market(market).and_then(|spec| spec.option().map(|option| (market, option)));
        state
            .option_expiries()
            .filter(|(id, _)| id.underlying == asset(underlying) && orders::is_quoted(id.expires_at_ms, self.time_ms()))
            .flat_map(|(id, record)| state.options_of(id).filter_map(of).map(move |option| (record.forward, option)))
            .filter_map(|(forward, (market, contract))| self.option_quote(underlying, forward, market, &contract))
            .collect()
    }

    fn option_quote(
        &self,
        underlying: usize,
        forward: Price,
        market: MarketId,
        contract: &OptionContract,
    ) -> Option<Quote> {
        let time_ms = contract.expires_at_ms.get() - self.time_ms();
        let years = time_ms as f64 / (365.0 * 86_400_000.0);
        let log_strike = (contract.strike.get() as f64 / forward.get() as f64).ln();
        let volatility = self.path.volatility(underlying, self.time_ms(), years, log_strike);
        let terms = OptionTerms { kind: contract.right, forward, strike: contract.strike, time_ms };
        let price = terms.price(Volatility::new((volatility * 1e12) as u64)).ok()?.to_price().ok()?.get() as f64;
        let half_spread = price * HALF_SPREAD_OF_PRICE + forward.get() as f64 * HALF_SPREAD_OF_FORWARD;
        let lots = OPTION_DEPTH_USD * 1e8 / forward.get() as f64 * 10f64.powi(i32::from(OPTION_DECIMALS[underlying]));
        Some(quote(market, price - half_spread, price + half_spread, OPTION_TICKS[underlying], lots))
    }
}

fn named(prices: [i64; SYMBOLS.len()]) -> [(AssetId, i64); SYMBOLS.len()] {
    std::array::from_fn(|place| (asset(place), prices[place]))
}

/// Bid and ask on the tick, outwards; no bid at nothing.
fn quote(market: MarketId, bid: f64, ask: f64, tick: i64, lots: f64) -> Quote {
    let size = Size::new((lots as u64).max(1));
    let bid = bid as i64 / tick * tick;
    let ask = (ask as i64 / tick + 1) * tick;
    Quote {
        market,
        bid: (bid > 0).then(|| Level { price: Price::new(bid), size }),
        ask: Some(Level { price: Price::new(ask), size }),
    }
}
