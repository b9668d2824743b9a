//! Net prices of structures: their tick, and how one is split onto the legs. Formulas: `docs/rules/combos.md`.
//!
//! A net price is for `10^D` units, `D` being the largest `size_decimals` of the legs. A leg's price enters it with the
//! weight `± ratio × 10^(D − size_decimals)`, so one tick of the leg moves it by its **step** `|weight| × tick`.
//!
//! Invariants:
//! - The leg with the smallest step, the first of equals, takes what the others leave, and that step is the tick of net prices. The
//!   others trade at their marks, rounded so that what is left is a whole number of that leg's ticks.
//! - A split adds up: the quotes of the legs sum to that of the net price, to the unit.

use crate::{
    legs::{Structure, StructureLeg},
    market_math::quote_usd,
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{Price, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// What net prices of a structure are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetTerms {
    /// Net prices are multiples of this.
    pub tick: Price,
    /// Net prices are for 10^size_decimals units.
    pub size_decimals: u8,
    /// The place of the leg that takes what the others leave.
    residual: usize,
    /// By how much a price of each leg enters, negative for a leg that is sold.
    weights: Vec<i128>,
}

impl NetTerms {
    /// Those of a structure.
    pub(crate) fn of(structure: &Structure) -> Result<Self, Rejection> {
        let decimals = structure.legs.iter().map(|leg| leg.market.size_decimals).max().unwrap_or(0);
        let weights: Vec<i128> = structure.legs.iter().map(|leg| weight(leg, decimals)).collect::<Result<_, _>>()?;
        let mut smallest: Option<(i128, usize)> = None;
        for (place, (leg, weight)) in structure.legs.iter().zip(&weights).enumerate() {
            let step = step(leg, *weight)?;
            if smallest.is_none_or(|(least, _)| step < least) {
                smallest = Some((step, place));
            }
        }
        let (tick, residual) = smallest.ok_or(Rejection::ZeroSize)?;
        let tick = i64::try_from(tick).map(Price::new).map_err(|_| Rejection::Overflow)?;
        Ok(Self { tick, size_decimals: decimals, residual, weights })
    }

    /// Refuses a net price off the tick.
    pub(crate) fn check_tick(&self, net: Price) -> Result<(), Rejection> {
        match net.get().checked_rem(self.tick.get()) {
            Some(0) => Ok(()),
            _ => Err(Rejection::OffTick { price: net, tick: self.tick }),
        }
    }

    /// What buying so many units at a net price costs, exactly; may be negative.
    pub(crate) fn quote_usd(&self, net: Price, units: Size) -> Result<Usd, Rejection> {
        quote_usd(net, units, self.size_decimals)
    }

    /// The limit, on the tick, with which a side of an order just takes units that cost a buyer so much: rounded up for a buyer,
    /// down for a seller.
    pub(crate) fn limit_for(&self, side: Side, quote_usd: Usd, units: Size) -> Result<Price, Rejection> {
        let scale = power_of_ten(self.size_decimals).ok_or(Rejection::Overflow)?;
        let tick = i128::from(self.tick.get());
        let tick_of_all = tick.checked_mul(i128::from(units.get())).ok_or(Rejection::Overflow)?;
        let ticks = match side {
            Side::Buy => multiply_divide_ceil(quote_usd.get(), scale, tick_of_all),
            Side::Sell => multiply_divide_floor(quote_usd.get(), scale, tick_of_all),
        };
        let price = ticks.and_then(|ticks| ticks.checked_mul(tick)).ok_or(Rejection::Overflow)?;
        i64::try_from(price).map(Price::new).map_err(|_| Rejection::Overflow)
    }

    /// Prices of the legs that add up to a net price, near their marks; refused if one is too far from its mark.
    pub(crate) fn split(&self, structure: &Structure, net: Price, marks: &[Price]) -> Result<Vec<Price>, Rejection> {
        self.check_tick(net)?;
        let mut left = i128::from(net.get());
        let mut prices = vec![Price::ZERO; structure.legs.len()];
        for (place, ((leg, mark), weight)) in structure.legs.iter().zip(marks).zip(&self.weights).enumerate() {
            if place == self.residual {
                continue;
            }
            let price = rounded(*mark, self.grid(leg, *weight)?)?;
            let part = weight.checked_mul(i128::from(price.get())).ok_or(Rejection::Overflow)?;
            left = left.checked_sub(part).ok_or(Rejection::Overflow)?;
            if let Some(slot) = prices.get_mut(place) {
                *slot = price;
            }
        }
        let weight = self.weights.get(self.residual).copied().ok_or(Rejection::Overflow)?;
        let price = left.checked_div(weight).ok_or(Rejection::Overflow)?;
        if price.checked_mul(weight) != Some(left) {
            return Err(Rejection::InvariantViolated {
                invariant: format!("the net price {net} leaves a whole number of ticks to the last leg"),
            });
        }
        if let Some(slot) = prices.get_mut(self.residual) {
            // Whatever does not fit is outside every band.
            *slot = Price::new(i64::try_from(price).unwrap_or(if price < 0 { i64::MIN } else { i64::MAX }));
        }
        structure.check_bands(marks, &prices)?;
        Ok(prices)
    }

    /// What the price of a leg other than the residual is rounded to: as many ticks as make its part of the net price a multiple of
    /// the net price's tick.
    fn grid(&self, leg: &StructureLeg, weight: i128) -> Result<i128, Rejection> {
        let tick = i128::from(self.tick.get());
        let common = greatest_common_divisor(tick, step(leg, weight)?);
        let ticks = tick.checked_div(common).ok_or(Rejection::Overflow)?;
        ticks.checked_mul(i128::from(leg.market.tick.get())).ok_or(Rejection::Overflow)
    }
}

fn weight(leg: &StructureLeg, decimals: u8) -> Result<i128, Rejection> {
    let finer = decimals.checked_sub(leg.market.size_decimals).ok_or(Rejection::Overflow)?;
    let size = power_of_ten(finer).and_then(|unit| unit.checked_mul(i128::from(leg.ratio)));
    let size = size.ok_or(Rejection::Overflow)?;
    match leg.side {
        Side::Buy => Ok(size),
        Side::Sell => size.checked_neg().ok_or(Rejection::Overflow),
    }
}

fn step(leg: &StructureLeg, weight: i128) -> Result<i128, Rejection> {
    weight.checked_abs().and_then(|size| size.checked_mul(i128::from(leg.market.tick.get()))).ok_or(Rejection::Overflow)
}

/// The multiple of `grid` nearest to a mark, halves up, at least one.
fn rounded(mark: Price, grid: i128) -> Result<Price, Rejection> {
    let half = grid.checked_div(2).ok_or(Rejection::Overflow)?;
    let raised = i128::from(mark.get()).checked_add(half).ok_or(Rejection::Overflow)?;
    let multiples = multiply_divide_floor(raised, 1, grid).ok_or(Rejection::Overflow)?.max(1);
    let price = multiples.checked_mul(grid).ok_or(Rejection::Overflow)?;
    i64::try_from(price).map(Price::new).map_err(|_| Rejection::Overflow)
}

/// Of two positive numbers.
pub(crate) fn greatest_common_divisor(mut larger: i128, mut smaller: i128) -> i128 {
    while smaller != 0 {
        let rest = larger.checked_rem(smaller).unwrap_or(0);
        (larger, smaller) = (smaller, rest);
    }
    larger
}

#[cfg(test)]
#[path = "net_price_tests.rs"]
mod tests;
