//! Options as an outsider reads them: marks by their expiry's record, margin by the formulas of the rules page in plain arithmetic.

use super::books::{Books, ceil, floor, scale};
use palisade_pricing::portfolio::{Expiry as Expiring, LinearLeg, OptionLeg, Portfolio};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketSpec, OptionContract, OptionKind},
    numbers::Price,
    order::Side,
    time::TimeMs,
};
use std::collections::BTreeMap;

/// Universe, underlying, expiry.
pub type Expiry = (UniverseId, AssetId, TimeMs);

/// Legs of one underlying that are margined together.
#[derive(Default)]
struct Legs {
    expiries: Vec<(TimeMs, Expiring)>,
    linear: Vec<(u8, LinearLeg)>,
    options: Vec<(u8, OptionLeg)>,
    /// What the options are worth, and the long ones among them.
    worth: i128,
    longs: i128,
    /// What the markets of linear legs ask beyond the grid.
    beyond: Pair,
}

/// What positions on one underlying need together, and what the options among them are worth.
#[derive(Clone, Copy, Debug, Default)]
struct Together {
    initial: i128,
    maintenance: i128,
    worth: i128,
}

/// What the options of an account are worth and need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptionsWorth {
    pub value: i128,
    pub initial: i128,
    pub position_initial: i128,
    pub maintenance: i128,
    /// What is needed more at the slow forwards: it counts where something leaves.
    pub unconfirmed: i128,
}

/// An option with lots of it.
#[derive(Clone, Copy)]
struct Leg {
    contract: OptionContract,
    mark: i128,
    lots: i128,
}

/// Initial and maintenance.
type Pair = (i128, i128);

/// Lots held, and lots offered with what they would bring.
type Offering = (i128, (i128, i128));

pub fn expiry_of(market: &MarketSpec) -> Option<Expiry> {
    let contract = market.option()?;
    Some((market.universe, contract.underlying, contract.expires_at_ms))
}

pub fn payoff(contract: &OptionContract, settled: i128) -> i128 {
    let strike = i128::from(contract.strike.get());
    match contract.right {
        OptionKind::Call => (settled - strike).max(0),
        OptionKind::Put => (strike - settled).max(0),
    }
}

/// What a unit short needs beyond its mark, in millionths of 1e-8 USD.
fn short_unit(leg: &Leg, forward: i128) -> Pair {
    let strike = i128::from(leg.contract.strike.get());
    let beyond = match leg.contract.right {
        OptionKind::Call => (strike - forward).max(0),
        OptionKind::Put => (forward - strike).max(0),
    };
    let initial = (150_000 * forward - 1_000_000 * beyond).max(130_000 * forward);
    match leg.contract.right {
        OptionKind::Call => (initial, 90_000 * forward),
        OptionKind::Put => {
            let maintenance = 90_000 * forward.max(leg.mark);
            let most = 1_000_000 * (strike - leg.mark);
            // 1.05 of what is in millionths: a multiple of a hundredth, and `forward` or the mark times 90,000 is one.
            (initial.max(maintenance / 100 * 105).min(most), maintenance.min(most))
        }
    }
}

/// What the legs of an expiry need together beyond what they are worth; rounded up.
fn requirement(legs: &[Leg], forward: i128, unit: i128) -> Pair {
    let (mut isolated, mut value, mut calls) = ((0, 0), 0, 0);
    for leg in legs {
        value += 1_000_000 * leg.mark * leg.lots;
        let (initial, maintenance) =
            if leg.lots > 0 { (1_000_000 * leg.mark, 1_000_000 * leg.mark) } else { short_unit(leg, forward) };
        isolated.0 += initial * leg.lots.abs();
        isolated.1 += maintenance * leg.lots.abs();
        if leg.contract.right == OptionKind::Call {
            calls += leg.lots;
        }
    }
    let settled = std::iter::once(0).chain(legs.iter().map(|leg| i128::from(leg.contract.strike.get())));
    let worst = settled.map(|at| legs.iter().map(|leg| payoff(&leg.contract, at) * leg.lots).sum::<i128>()).min();
    let lost = -1_000_000 * worst.unwrap_or(0);
    let unpaired = (-calls).max(0) * forward;
    let up = |millionths: i128| ceil(millionths, 1_000_000 * unit);
    let initial = (isolated.0 - value).min(lost + 1_200_000 * unpaired);
    (up(initial), up((isolated.1 - value).min(lost + 1_100_000 * unpaired)))
}

impl Books {
    /// Whether it is known what a future or an option pays: then it needs nothing.
    fn is_fixed(&self, market: MarketId) -> bool {
        match expiry_of(&self.markets[&market]) {
            Some(expiry) => self.expiries.get(&expiry).is_some_and(|record| record.settlement_price().is_some()),
            None => self.fixed.contains(&market),
        }
    }

    /// What one option position is worth and needs by itself; `None` while a mark is missing.
    pub fn option_alone(&self, market: MarketId, lots: i128) -> Option<OptionsWorth> {
        self.expiry_worth(&[(market, lots, (0, 0))]).map(|(worth, _)| worth)
    }

    /// All options of an account in a universe, with its open orders.
    pub fn options_worth(&self, account: AccountId, universe: UniverseId) -> Option<OptionsWorth> {
        let mut expiries: BTreeMap<Expiry, BTreeMap<MarketId, Offering>> = BTreeMap::new();
        for (market, held) in self.held_by(account) {
            if let Some(expiry) = expiry_of(&self.markets[&market]).filter(|expiry| expiry.0 == universe)
                && !self.is_isolated(account, market)
            {
                expiries.entry(expiry).or_default().entry(market).or_default().0 = held.lots;
            }
        }
        let mut reserved = 0;
        for order in self.orders.get(&account).into_iter().flatten().filter(|order| !order.reduce_only) {
            let spec = &self.markets[&order.market];
            let Some(expiry) = expiry_of(spec).filter(|expiry| expiry.0 == universe) else { continue };
            let lots = i128::from(order.remaining.get());
            let notional = i128::from(order.price.get()) * lots / scale(spec);
            let leg = expiries.entry(expiry).or_default().entry(order.market).or_default();
            match order.side {
                Side::Buy => reserved += notional,
                Side::Sell => leg.1 = (leg.1.0 + lots, leg.1.1 + notional),
            }
        }
        let mut all = OptionsWorth::default();
        for legs in expiries.into_values() {
            let legs: Vec<(MarketId, i128, (i128, i128))> =
                legs.into_iter().map(|(market, (lots, sold))| (market, lots, sold)).collect();
            let (worth, if_sold) = self.expiry_worth(&legs)?;
            let needed = (worth.position_initial - worth.value).max(if_sold);
            all.value += worth.value;
            all.initial += worth.value + needed;
            all.position_initial += worth.position_initial;
            all.maintenance += worth.maintenance;
            all.unconfirmed += worth.unconfirmed;
        }
        all.initial += reserved;
        Some(all)
    }

    /// Legs of one expiry as (option, lots, lots offered and for how much); also what they would need beyond their worth once these are
    /// sold, and beyond what they bring: their limits, and no more than their marks.
    fn expiry_worth(&self, legs: &[(MarketId, i128, (i128, i128))]) -> Option<(OptionsWorth, i128)> {
        let spec = &self.markets[&legs.first()?.0];
        let unit = scale(spec);
        let forward = *self.forwards.get(&expiry_of(spec)?)?;
        let slow_forward = i128::from(self.expiries.get(&expiry_of(spec)?)?.slow_forward.get());
        let is_fixed = self.is_fixed(spec.id);
        let of = |sold: bool, is_slow: bool| -> Option<(i128, Pair)> {
            let (mut value, mut all) = (0, Vec::new());
            for (market, lots, (offered, _)) in legs {
                let mark = self.marks.get(market)?;
                let mark = i128::from(if is_slow { mark.slow_price } else { mark.price }.get());
                let lots = if sold { lots - offered } else { *lots };
                value += floor(mark * lots, unit);
                all.push(Leg { contract: self.markets[market].option()?, mark, lots });
            }
            all.retain(|leg| leg.lots != 0);
            let forward = if is_slow { slow_forward } else { forward };
            Some((value, if is_fixed { (-value, -value) } else { requirement(&all, forward, unit) }))
        };
        let (value, (initial, maintenance)) = of(false, false)?;
        let (_, (at_slow, _)) = of(false, true)?;
        let unconfirmed = (at_slow - initial).max(0);
        let (position_initial, maintenance) = (value + initial, value + maintenance);
        let (_, (if_sold, _)) = of(true, false)?;
        let brought: i128 = legs
            .iter()
            .map(|(market, _, (offered, limits))| Some(self.value(*market, *offered)?.min(*limits)))
            .sum::<Option<i128>>()?;
        let worth = OptionsWorth { value, initial: position_initial, position_initial, maintenance, unconfirmed };
        Some((worth, if_sold - brought))
    }

    /// What positions need together, initial and maintenance.
    pub fn together(&self, positions: &[(MarketId, i128)]) -> Option<Pair> {
        let all = self.by_underlying(positions, false)?;
        Some((all.values().map(|of| of.initial).sum(), all.values().map(|of| of.maintenance).sum()))
    }

    /// What they need more beyond what their options are worth at slow prices, underlying by underlying.
    pub fn unconfirmed_together(&self, positions: &[(MarketId, i128)]) -> Option<i128> {
        let (now, slow) = (self.by_underlying(positions, false)?, self.by_underlying(positions, true)?);
        let in_cash = |of: &Together| of.initial - of.worth;
        Some(now.iter().map(|(underlying, of)| (in_cash(&slow[underlying]) - in_cash(of)).max(0)).sum())
    }

    /// The scenarios are the mathematics' own, which has tests of its own.
    fn by_underlying(&self, positions: &[(MarketId, i128)], is_slow: bool) -> Option<BTreeMap<AssetId, Together>> {
        let mut underlyings: BTreeMap<AssetId, Legs> = BTreeMap::new();
        for (market, lots) in positions.iter().filter(|(market, _)| !self.is_fixed(*market)) {
            let spec = &self.markets[market];
            let legs = underlyings.entry(spec.derivative()?.underlying).or_default();
            let mark = self.marks.get(market)?;
            let price = if is_slow { mark.slow_price } else { mark.price };
            if spec.option().is_some() {
                let value = floor(i128::from(price.get()) * lots, scale(spec));
                legs.worth += value;
                legs.longs += if *lots > 0 { value } else { 0 };
            } else {
                let more = self.beyond_grid(*market, *lots)?;
                legs.beyond = (legs.beyond.0 + more.0, legs.beyond.1 + more.1);
            }
            let lots = i64::try_from(*lots).ok()?;
            let Some((contract, id)) = spec.option().zip(expiry_of(spec)) else {
                let expiry = spec.expires_at_ms().map(|at_ms| {
                    legs.expiries
                        .push((at_ms, Expiring { forward: price, time_ms: at_ms.get().saturating_sub(self.time_ms) }));
                    legs.expiries.len() - 1
                });
                legs.linear.push((spec.size_decimals, LinearLeg { expiry, price, lots }));
                continue;
            };
            let record = self.expiries.get(&id)?;
            let slice = record.slice?;
            let terms = record.terms(&contract, &slice);
            let found = legs.expiries.iter().position(|(at_ms, _)| *at_ms == id.2);
            let place = found.unwrap_or(legs.expiries.len());
            let forward = if is_slow { record.slow_forward } else { record.forward };
            let expiring = (id.2, Expiring { forward, time_ms: slice.time_ms() });
            if found.is_some() {
                legs.expiries[place] = expiring;
            } else {
                legs.expiries.push(expiring);
            }
            let volatility = slice.volatility(terms.log_strike().ok()?);
            let (kind, strike) = (contract.right, contract.strike);
            legs.options.push((spec.size_decimals, OptionLeg { expiry: place, kind, strike, volatility, lots }));
        }
        let mut all = BTreeMap::new();
        for (underlying, legs) in underlyings {
            let steps = legs.linear.iter().map(|(step, _)| *step).chain(legs.options.iter().map(|(step, _)| *step));
            let finest = steps.max().unwrap_or(0);
            let times = |step: u8, lots: i64| lots * 10i64.pow(u32::from(finest - step));
            let linear: Vec<LinearLeg> =
                legs.linear.iter().map(|(step, leg)| LinearLeg { lots: times(*step, leg.lots), ..*leg }).collect();
            let options: Vec<OptionLeg> =
                legs.options.iter().map(|(step, leg)| OptionLeg { lots: times(*step, leg.lots), ..*leg }).collect();
            let expiries: Vec<Expiring> = legs.expiries.iter().map(|(_, expiry)| *expiry).collect();
            let portfolio =
                Portfolio { size_decimals: finest, expiries: &expiries, linear: &linear, options: &options };
            let quote = self
                .indices
                .get(&AssetId::new(0))
                .map_or(Price::new(100_000_000), |index| index.price.min(index.slow_price));
            let margin = portfolio.margin(quote).ok()?;
            let are_longs_alone = linear.is_empty() && options.iter().all(|leg| leg.lots > 0);
            let most = if are_longs_alone { legs.longs } else { i128::MAX };
            let initial = margin.initial_usd.get().min(most) + legs.beyond.0;
            let maintenance = margin.maintenance_usd.get().min(most) + legs.beyond.1;
            all.insert(underlying, Together { initial, maintenance, worth: legs.worth });
        }
        Some(all)
    }
}
