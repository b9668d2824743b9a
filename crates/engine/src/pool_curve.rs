//! The curve of a liquidity pool: what it asks and offers for so many lots (`docs/rules/pools.md`, "Quotes").
//!
//! A pool with reserves of `x` units of the base and `y` of the quote trades along `x × y = constant`, and keeps a fee of what
//! its takers pay, or would get, in the quote. Sides are the taker's.
//!
//! Rules:
//! - A trade's price lies on the market's tick, rounded against the taker, so its quote is exact, as of any trade.
//! - The lots of a trade are those whose **own** price, each lot by itself in turn, is within the bound; their common price is
//!   never beyond it, because each lot is dearer than the one before.
//! - What leaves a range has no price: the pool does not offer it.
//!
//! Invariants:
//! - `x × y` never falls.
//! - Nobody trades at a better price than the first lot's. No way along the curve is cheaper than the curve without its fee; what
//!   splitting an order can save is in the rules ("path").

use crate::{
    market_math::RATE_ONE,
    mutant::{Mutant, is_planted},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    decimal::power_of_ten,
    market::MarketSpec,
    numbers::{Amount, Price, Rate, Size, Usd},
    order::Side,
};

/// Most units that a pool holds of an asset, so that its products stay in range: 10^28.
pub const POOL_RESERVE_MAX: Amount = Amount::new(10i128.pow(28));

/// A pool between two trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Units of the base.
    base: i128,
    /// Units of the quote, 1e-8 USD.
    quote: i128,
    /// Units of the base in a lot.
    lot: i128,
    /// Price of a tick.
    tick: i128,
    /// What a lot costs at one tick: a whole number of 1e-8 USD.
    tick_quote: i128,
    /// The fraction that is not the pool's fee, in parts per million.
    kept: i128,
}

/// Lots that a pool trades at once, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolTrade {
    /// How many.
    pub lots: Size,
    /// The price of all of them, on the tick.
    pub price: Price,
    /// `price × lots`, exact.
    pub quote_usd: Usd,
}

impl Curve {
    /// A market's pool with these reserves; `None` if the market's numbers leave their range, which no listed market's do.
    pub fn new(market: &MarketSpec, base_decimals: u8, fee: Rate, base: Amount, quote: Amount) -> Option<Self> {
        let tick = i128::from(market.tick.get());
        let kept = RATE_ONE.checked_sub(i128::from(fee.get()))?;
        let tick_quote = tick.checked_div(power_of_ten(market.size_decimals)?)?;
        let lot = power_of_ten(base_decimals.checked_sub(market.size_decimals)?)?;
        let is_sound = base.get() > 0 && quote.get() > 0 && tick_quote > 0 && lot > 0 && kept > 0;
        is_sound.then_some(Self { base: base.get(), quote: quote.get(), lot, tick, tick_quote, kept })
    }

    /// The price of the first lot; `None` if there is none to be had, or for nothing.
    pub fn price(&self, side: Side) -> Option<Price> {
        self.on_tick(self.lot_ticks(side, 1)?)
    }

    /// The trade of at most `wanted` lots whose own prices are within `bound`, if there is one.
    pub fn trade(&self, side: Side, bound: Price, wanted: Size) -> Option<PoolTrade> {
        let bound_ticks = i128::from(bound.get()).checked_div_euclid(self.tick)?;
        let lots = self.lots_within(side, bound_ticks, i128::from(wanted.get()));
        let ticks = self.all_ticks(side, lots)?;
        let quote = ticks.checked_mul(self.tick_quote)?.checked_mul(lots)?;
        // The last lots may be too much for the quote's range; a pool as large as that trades less at once.
        if side == Side::Buy && self.quote.checked_add(quote)? > POOL_RESERVE_MAX.get() {
            return None;
        }
        Some(PoolTrade {
            lots: Size::new(u64::try_from(lots).ok()?),
            price: self.on_tick(ticks)?,
            quote_usd: Usd::new(quote),
        })
    }

    /// The most lots, of `wanted`, whose own prices are within the bound: prices get worse from lot to lot, so halving finds it.
    fn lots_within(&self, side: Side, bound_ticks: i128, wanted: i128) -> i128 {
        let there = match side {
            Side::Buy => self.base.saturating_sub(1),
            Side::Sell => POOL_RESERVE_MAX.get().saturating_sub(self.base),
        };
        let most = wanted.min(there.checked_div(self.lot).unwrap_or(0));
        let fits = |lots: i128| {
            self.lot_ticks(side, lots).is_some_and(|ticks| match side {
                Side::Buy => ticks <= bound_ticks,
                Side::Sell => ticks >= bound_ticks,
            })
        };
        if most <= 0 || !fits(1) {
            return 0;
        }
        if fits(most) {
            return most;
        }
        let (mut fitting, mut beyond): (i128, i128) = (1, most);
        // As many halvings as a size has bits.
        for _ in 0..u64::BITS {
            let middle = fitting.saturating_add(beyond) >> 1;
            if middle <= fitting {
                break;
            }
            if fits(middle) {
                fitting = middle;
            } else {
                beyond = middle;
            }
        }
        fitting
    }

    /// The price in ticks of the `number`-th lot by itself, counted from 1, after those before it: against the taker. `None` if
    /// it is not there, or worth less than a tick.
    fn lot_ticks(&self, side: Side, number: i128) -> Option<i128> {
        let before = number.checked_sub(1)?.checked_mul(self.lot)?;
        match side {
            Side::Buy => {
                let here = self.base.checked_sub(before)?;
                let left = here.checked_sub(self.lot).filter(|left| *left > 0)?;
                let quote = multiply_divide_ceil(self.quote, self.base, here)?;
                let paid = multiply_divide_ceil(quote, gross(self.lot)?, left.checked_mul(self.kept)?)?;
                multiply_divide_ceil(paid, 1, self.tick_quote)
            }
            Side::Sell => {
                let here = self.base.checked_add(before)?;
                let grown = here.checked_add(self.lot)?;
                let quote = multiply_divide_floor(self.quote, self.base, here)?;
                let got = multiply_divide_floor(quote, self.lot.checked_mul(self.kept)?, gross(grown)?)?;
                multiply_divide_floor(got, 1, self.tick_quote).filter(|ticks| *ticks > 0)
            }
        }
    }

    /// The common price in ticks of the first `lots`, against the taker.
    fn all_ticks(&self, side: Side, lots: i128) -> Option<i128> {
        if lots <= 0 {
            return None;
        }
        let base = lots.checked_mul(self.lot)?;
        let tick_of_all = self.tick_quote.checked_mul(lots)?;
        let to_taker = is_planted(Mutant::PoolRoundsToTheTaker);
        match side {
            Side::Buy => {
                let left = self.base.checked_sub(base).filter(|left| *left > 0)?;
                let paid = multiply_divide_ceil(self.quote, gross(base)?, left.checked_mul(self.kept)?)?;
                if to_taker {
                    return multiply_divide_floor(paid, 1, tick_of_all);
                }
                multiply_divide_ceil(paid, 1, tick_of_all)
            }
            Side::Sell => {
                let grown = self.base.checked_add(base)?;
                let got = multiply_divide_floor(self.quote, base.checked_mul(self.kept)?, gross(grown)?)?;
                if to_taker {
                    return multiply_divide_ceil(got, 1, tick_of_all);
                }
                multiply_divide_floor(got, 1, tick_of_all).filter(|ticks| *ticks > 0)
            }
        }
    }

    fn on_tick(&self, ticks: i128) -> Option<Price> {
        i64::try_from(ticks.checked_mul(self.tick)?).ok().map(Price::new)
    }
}

/// `units` in millionths, as fees are counted.
const fn gross(units: i128) -> Option<i128> {
    units.checked_mul(RATE_ONE)
}

#[cfg(test)]
#[path = "pool_curve_tests.rs"]
mod tests;
