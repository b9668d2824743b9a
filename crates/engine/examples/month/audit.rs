//! What must hold after every block, recomputed from records and events with plain sums.

use crate::terms::{CORE, OPTION_DECIMALS, USDC, asset};
use palisade_engine::Engine;
use palisade_types::{
    event::Event,
    ids::{AssetId, MarketId},
    market::OptionKind,
    numbers::{Position, Price, Usd},
};
use std::collections::BTreeMap;

/// Blocks between two looks at every record.
const FULL_EVERY: u64 = 20;

/// What an option pays by, as its listing said.
struct Contract {
    underlying: AssetId,
    expires_at_ms: u64,
    strike: i128,
    right: OptionKind,
}

/// The books as an outsider keeps them.
pub struct Audit {
    /// What was paid in.
    pub money: i128,
    blocks: u64,
    /// Lots delivered of markets that are being settled, and what they were paid.
    delivered: BTreeMap<MarketId, (i128, i128)>,
    contracts: BTreeMap<MarketId, Contract>,
    settled: BTreeMap<(AssetId, u64), i128>,
    /// Every index, with its block time.
    indices: BTreeMap<AssetId, Vec<(u64, i64)>>,
    /// Expiries settled, and the furthest of their prices from a plain mean, in 1e-8 parts.
    pub fixed: u64,
    pub furthest_e8: i128,
    /// Deliveries whose payoff was recomputed.
    pub deliveries: u64,
    /// Most that rounding left in one option, in 1e-8 USD.
    pub dust: i128,
}

impl Audit {
    pub fn new(engine: &Engine) -> Self {
        Self {
            money: engine.state().custody(CORE, USDC).get(),
            blocks: 0,
            delivered: BTreeMap::new(),
            contracts: BTreeMap::new(),
            settled: BTreeMap::new(),
            indices: BTreeMap::new(),
            fixed: 0,
            furthest_e8: 0,
            deliveries: 0,
            dust: 0,
        }
    }

    pub fn follow(&mut self, engine: &Engine, events: &[Event]) {
        let now_ms = engine.time_ms().get();
        for event in events {
            match event {
                Event::IndexUpdated { asset, price, .. } => {
                    self.indices.entry(*asset).or_default().push((now_ms, price.get()));
                }
                Event::OptionsFixed { underlying, expires_at_ms, price, .. } => {
                    self.check_fixed(*underlying, expires_at_ms.get(), *price);
                }
                Event::OptionListed { market, underlying, expires_at_ms, strike, right, .. } => {
                    let contract = Contract {
                        underlying: *underlying,
                        expires_at_ms: expires_at_ms.get(),
                        strike: i128::from(strike.get()),
                        right: *right,
                    };
                    self.contracts.insert(*market, contract);
                }
                Event::Delivered { market, price, position, payoff_usd, .. } => {
                    self.check_delivered(*market, *price, *position, *payoff_usd);
                }
                Event::MarketSettled { market, dust_usd } => {
                    let (lots, paid) = self.delivered.remove(market).unwrap_or_default();
                    assert_eq!(lots, 0, "I2: every lot of {market} had another side");
                    assert_eq!(paid, -dust_usd.get(), "what {market} paid is what it received, but for its dust");
                    self.dust = self.dust.max(dust_usd.get());
                }
                Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => panic!("{invariant}"),
                _ => {}
            }
        }
        self.blocks += 1;
        if self.blocks.is_multiple_of(FULL_EVERY) {
            self.check(engine);
        }
    }

    /// I1 and I2 over every record.
    pub fn check(&self, engine: &Engine) {
        let state = engine.state();
        let sum: i128 = state.balances().map(|(_, amount)| amount.get()).sum();
        assert_eq!(sum, self.money, "I1: the money of the universe");
        assert_eq!(state.custody(CORE, USDC).get(), self.money);
        let mut lots: BTreeMap<MarketId, i128> = BTreeMap::new();
        for (id, record) in state.positions() {
            *lots.entry(id.market).or_default() += i128::from(record.position.get());
        }
        for (market, (delivered, _)) in &self.delivered {
            *lots.entry(*market).or_default() += delivered;
        }
        assert!(lots.values().all(|sum| *sum == 0), "I2: {lots:?}");
    }

    /// The settlement price against the mean of the half hour's indices by how long each was the last one.
    fn check_fixed(&mut self, underlying: AssetId, expiry_ms: u64, price: Price) {
        let begin_ms = expiry_ms - crate::WINDOW_MS;
        let list = &self.indices[&underlying];
        let mut sum = 0i128;
        for (place, (from, index)) in list.iter().enumerate() {
            let until = list.get(place + 1).map_or(u64::MAX, |next| next.0).min(expiry_ms);
            let from = (*from).max(begin_ms);
            sum += i128::from(*index) * i128::from(until.saturating_sub(from));
        }
        let mean = sum / i128::from(crate::WINDOW_MS);
        let apart = (i128::from(price.get()) - mean).abs() * 100_000_000 / mean;
        assert!(apart <= 10_000, "the settlement price {price} is not the mean of its window, {mean}");
        self.settled.insert((underlying, expiry_ms), i128::from(price.get()));
        self.fixed += 1;
        self.furthest_e8 = self.furthest_e8.max(apart);
        self.indices.entry(underlying).or_default().retain(|(at, _)| *at + crate::DAY_MS > expiry_ms);
    }

    /// What a holder was paid: the worth of the option at the settlement price, rounded down.
    fn check_delivered(&mut self, market: MarketId, price: Price, position: Position, payoff_usd: Usd) {
        let contract = &self.contracts[&market];
        let settled = self.settled[&(contract.underlying, contract.expires_at_ms)];
        let unit = match contract.right {
            OptionKind::Call => (settled - contract.strike).max(0),
            OptionKind::Put => (contract.strike - settled).max(0),
        };
        assert_eq!(i128::from(price.get()), unit, "what a unit of {market} pays");
        let place =
            (0..OPTION_DECIMALS.len()).find(|place| asset(*place) == contract.underlying).expect("an underlying");
        let lots = i128::from(position.get());
        let paid = (unit * lots).div_euclid(10i128.pow(u32::from(OPTION_DECIMALS[place])));
        assert_eq!(payoff_usd.get(), paid, "what {lots} lots of {market} pay");
        let entry = self.delivered.entry(market).or_default();
        entry.0 += lots;
        entry.1 += paid;
        self.deliveries += 1;
    }
}
