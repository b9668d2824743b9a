//! Limits of orders at market: a distance from the mark, within the market's price band, on the tick.
//!
//! Rounding is always towards the mark, so a limit is never further away than was said.

use crate::{
    market_math::RATE_ONE,
    state::State,
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    decimal::power_of_ten,
    market::MarketSpec,
    numbers::{Price, Rate, Size},
    order::Side,
    rejection::Rejection,
    time::TimeMs,
};

/// A market's mark; markets without one have no triggers and no TWAPs.
pub(crate) fn mark_of(state: &State, market: &MarketSpec) -> Result<Price, Rejection> {
    if market.spot().is_some() {
        return Err(Rejection::NoMark { market: market.id });
    }
    state.mark(market.id).map(|record| record.price).ok_or(Rejection::NoFreshPrice { market: market.id })
}

/// When a future expired, if it did.
pub(crate) fn expired_at(market: &MarketSpec, now: TimeMs) -> Option<TimeMs> {
    market.expires_at_ms().filter(|expires_at_ms| *expires_at_ms <= now)
}

/// Refuses new orders in a halted universe or a market that is over.
pub(crate) fn check_running(state: &State, market: &MarketSpec, now: TimeMs) -> Result<(), Rejection> {
    if let Some(expired_at_ms) = expired_at(market, now) {
        return Err(Rejection::MarketExpired { market: market.id, expired_at_ms });
    }
    let universe = state.universe(market.universe).ok_or(Rejection::UnknownUniverse { universe: market.universe })?;
    if universe.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe: market.universe });
    }
    Ok(())
}

/// The limit of an order at market: `slippage` from the mark, or the price band if that is nearer.
pub(crate) fn market_limit(market: &MarketSpec, mark: Price, side: Side, slippage: Rate) -> Result<Price, Rejection> {
    let distance = i128::from(slippage.min(market.price_band).get());
    let units = i128::from(mark.get());
    let tick = i128::from(market.tick.get());
    let ticks = match side {
        Side::Buy => {
            let above = RATE_ONE.checked_add(distance).ok_or(Rejection::Overflow)?;
            multiply_divide_floor(units, above, RATE_ONE).and_then(|limit| multiply_divide_floor(limit, 1, tick))
        }
        Side::Sell => {
            let below = RATE_ONE.checked_sub(distance).ok_or(Rejection::Overflow)?;
            multiply_divide_ceil(units, below, RATE_ONE).and_then(|limit| multiply_divide_ceil(limit, 1, tick))
        }
    };
    let limit = ticks.and_then(|ticks| ticks.checked_mul(tick)).ok_or(Rejection::Overflow)?;
    i64::try_from(limit).map(Price::new).map_err(|_| Rejection::Overflow)
}

/// The most lots that one order may have at a price.
pub(crate) fn most_lots(market: &MarketSpec, price: Price) -> Result<Size, Rejection> {
    let scale = power_of_ten(market.size_decimals).ok_or(Rejection::Overflow)?;
    let lots = multiply_divide_floor(market.maximum_notional_usd.get(), scale, i128::from(price.get()));
    Ok(Size::new(lots.and_then(|lots| u64::try_from(lots).ok()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
#[path = "market_order_tests.rs"]
mod tests;
