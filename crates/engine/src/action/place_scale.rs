//! Place limit orders over a range of prices, all of them or none; the formulas are in `docs/rules/orders.md`.

use super::{Actor, Stop};
use crate::{
    market_math::{RATE_ONE, check_limit_price},
    placement::{Placement, place},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    ids::MarketId,
    limits::{SCALE_ORDERS, SCALE_SKEW},
    numbers::{Price, Rate, Size},
    order::{OrderRequest, Side, TimeInForce},
    receipt::Outcome,
    rejection::Rejection,
};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub market: MarketId,
    pub side: Side,
    pub size: Size,
    pub price_from: Price,
    pub price_to: Price,
    pub orders: u8,
    pub skew: Rate,
    pub post_only: bool,
    pub reduce_only: bool,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, scale: &Scale) -> Result<Outcome, Stop> {
    let market = work.state.market(scale.market).ok_or(Rejection::UnknownMarket { market: scale.market })?;
    let (universe, tick) = (market.universe, market.tick);
    let requests = scale.expand(tick)?;
    let mut results = Vec::with_capacity(requests.len());
    for request in requests {
        let placement = Placement { account: actor.account, action: actor.action, request, keeps_id: None };
        results.push(place(work, &placement).map_err(|rejection| Stop { universe: Some(universe), rejection })?);
    }
    Ok(Outcome::Orders { results })
}

impl Scale {
    /// The orders, first to last.
    fn expand(&self, tick: Price) -> Result<Vec<OrderRequest>, Rejection> {
        self.check(tick)?;
        let last = i128::from(self.orders).checked_sub(1).ok_or(Rejection::Overflow)?;
        let total = self.weight_until(last).ok_or(Rejection::Overflow)?;
        let mut placed: i128 = 0;
        let mut requests = Vec::with_capacity(usize::from(self.orders));
        for place in 0..=last {
            let until = self.weight_until(place).ok_or(Rejection::Overflow)?;
            let sum = multiply_divide_floor(i128::from(self.size.get()), until, total).ok_or(Rejection::Overflow)?;
            let size = sum.checked_sub(placed).and_then(|size| u64::try_from(size).ok()).ok_or(Rejection::Overflow)?;
            placed = sum;
            requests.push(OrderRequest {
                market: self.market,
                side: self.side,
                price: self.price_at(place, last, tick).ok_or(Rejection::Overflow)?,
                size: Size::new(size),
                time_in_force: if self.post_only { TimeInForce::Alo } else { TimeInForce::Gtc },
                reduce_only: self.reduce_only,
                client_order_id: None,
            });
        }
        Ok(requests)
    }

    fn check(&self, tick: Price) -> Result<(), Rejection> {
        check_limit_price(self.price_from, tick)?;
        check_limit_price(self.price_to, tick)?;
        if !SCALE_ORDERS.contains(&self.orders) {
            return Err(Rejection::OutOfRange {
                field: "orders".to_owned(),
                value: i64::from(self.orders),
                minimum: i64::from(*SCALE_ORDERS.start()),
                maximum: i64::from(*SCALE_ORDERS.end()),
            });
        }
        if !SCALE_SKEW.contains(&self.skew.get()) {
            return Err(Rejection::OutOfRange {
                field: "skew in parts per million".to_owned(),
                value: self.skew.get(),
                minimum: *SCALE_SKEW.start(),
                maximum: *SCALE_SKEW.end(),
            });
        }
        Ok(())
    }

    /// The price of an order, rounded to the tick, away from the other side.
    fn price_at(&self, place: i128, last: i128, tick: Price) -> Option<Price> {
        let from = i128::from(self.price_from.get());
        let tick = i128::from(tick.get());
        let way = i128::from(self.price_to.get()).checked_sub(from)?.checked_div(tick)?;
        let steps = match self.side {
            Side::Buy => multiply_divide_floor(way, place, last)?,
            Side::Sell => multiply_divide_ceil(way, place, last)?,
        };
        i64::try_from(from.checked_add(steps.checked_mul(tick)?)?).ok().map(Price::new)
    }

    /// The weights of the orders up to and with a place, added up: with `n` orders, `(n − 1) + (skew − 1) × i` for the
    /// one at place `i`.
    fn weight_until(&self, place: i128) -> Option<i128> {
        let last = i128::from(self.orders).checked_sub(1)?;
        let count = place.checked_add(1)?;
        let slope = i128::from(self.skew.get()).checked_sub(RATE_ONE)?;
        let even = last.checked_mul(RATE_ONE)?.checked_mul(count)?;
        let triangle = place.checked_mul(count)?.checked_div(2)?;
        even.checked_add(slope.checked_mul(triangle)?)
    }
}

#[cfg(test)]
#[path = "place_scale_tests.rs"]
mod tests;
