//! What a price and a number of lots are worth.
//!
//! Units: a price counts 1e-8 USD per whole unit of the base, a lot is 10^-`size_decimals` of the base, so
//! `price × lots / 10^size_decimals` counts 1e-8 USD. A market's tick × lot is a whole number of 1e-8 USD, so the quote of a
//! fill on the tick is exact; [`quote_usd`] refuses anything else instead of rounding it. Marks and indices lie between
//! ticks: [`value_floor_usd`] and [`value_ceil_usd`] say in their names whom the rounding favours.
//!
//! `|i64| × u64 < 2^127`, so the product of a price and a size always fits i128; everything else is checked.

use crate::wide::{multiply_divide_both, multiply_divide_ceil, multiply_divide_floor};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{Amount, Price, Rate, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// One whole, in the parts per million that [`Rate`] counts.
pub const RATE_ONE: i128 = 1_000_000;

/// Decimals of every quote and collateral asset, so that its smallest unit is the 1e-8 USD that [`Usd`] counts.
pub const QUOTE_DECIMALS: u8 = 8;

fn scale(decimals: u8) -> Result<i128, Rejection> {
    power_of_ten(decimals).ok_or(Rejection::Overflow)
}

/// The exact quote amount of a fill; the price must lie on the market's tick.
pub fn quote_usd(price: Price, lots: Size, size_decimals: u8) -> Result<Usd, Rejection> {
    let product = i128::from(price.get()).checked_mul(i128::from(lots.get())).ok_or(Rejection::Overflow)?;
    let scale = scale(size_decimals)?;
    let quotient = multiply_divide_floor(product, 1, scale).ok_or(Rejection::Overflow)?;
    if quotient.checked_mul(scale) != Some(product) {
        return Err(Rejection::InvariantViolated {
            invariant: format!("the quote of {lots} lots at {price} is a whole number of 1e-8 USD"),
        });
    }
    Ok(Usd::new(quotient))
}

/// The value of a signed number of lots, rounded down: never more than it is worth to its holder.
pub fn value_floor_usd(price: Price, signed_lots: i128, size_decimals: u8) -> Result<Usd, Rejection> {
    multiply_divide_floor(i128::from(price.get()), signed_lots, scale(size_decimals)?)
        .map(Usd::new)
        .ok_or(Rejection::Overflow)
}

/// The value of a signed number of lots, rounded up: never less than what must be covered.
pub fn value_ceil_usd(price: Price, signed_lots: i128, size_decimals: u8) -> Result<Usd, Rejection> {
    multiply_divide_ceil(i128::from(price.get()), signed_lots, scale(size_decimals)?)
        .map(Usd::new)
        .ok_or(Rejection::Overflow)
}

/// The value of a signed number of lots, rounded down and rounded up.
pub fn value_bounds_usd(price: Price, signed_lots: i128, size_decimals: u8) -> Result<(Usd, Usd), Rejection> {
    multiply_divide_both(i128::from(price.get()), signed_lots, scale(size_decimals)?)
        .map(|(floor, ceil)| (Usd::new(floor), Usd::new(ceil)))
        .ok_or(Rejection::Overflow)
}

/// A fee on a quote amount, rounded up: the universe gains. A negative rate is a rebate, whose size is thus rounded down.
pub fn fee_usd(quote: Usd, rate: Rate) -> Result<Usd, Rejection> {
    multiply_divide_ceil(quote.get(), i128::from(rate.get()), RATE_ONE).map(Usd::new).ok_or(Rejection::Overflow)
}

/// A USD amount in units of a quote asset: the same count, because such assets have [`QUOTE_DECIMALS`] decimals.
pub const fn quote_amount(usd: Usd) -> Amount {
    Amount::new(usd.get())
}

/// An amount of a quote asset in USD: the same count.
pub const fn quote_value_usd(amount: Amount) -> Usd {
    Usd::new(amount.get())
}

/// The base asset in `lots`, exactly. An asset has at least as many decimals as its market's lots.
pub fn base_amount(lots: Size, size_decimals: u8, asset_decimals: u8) -> Result<Amount, Rejection> {
    let extra = lot_scale(size_decimals, asset_decimals)?;
    i128::from(lots.get()).checked_mul(extra).map(Amount::new).ok_or(Rejection::Overflow)
}

/// Whole lots in an amount of the base asset, rounded down: never more than is there. Nothing or less is no lot.
pub fn whole_lots(amount: Amount, size_decimals: u8, asset_decimals: u8) -> Result<Size, Rejection> {
    let extra = lot_scale(size_decimals, asset_decimals)?;
    let lots = amount.get().max(0).checked_div(extra).ok_or(Rejection::Overflow)?;
    u64::try_from(lots).map(Size::new).map_err(|_| Rejection::Overflow)
}

fn lot_scale(size_decimals: u8, asset_decimals: u8) -> Result<i128, Rejection> {
    let extra = asset_decimals.checked_sub(size_decimals).ok_or_else(|| Rejection::InvariantViolated {
        invariant: format!("a lot of 10^-{size_decimals} is a whole amount of an asset with {asset_decimals} decimals"),
    })?;
    scale(extra)
}

/// The volume-weighted mean price of `lots` that cost `quote`, rounded down to 1e-8 USD; for display, never for
/// settlement. None for no lots.
pub fn average_price(quote: Usd, lots: Size, size_decimals: u8) -> Result<Option<Price>, Rejection> {
    if lots.is_zero() {
        return Ok(None);
    }
    let mean =
        multiply_divide_floor(quote.get(), scale(size_decimals)?, i128::from(lots.get())).ok_or(Rejection::Overflow)?;
    i64::try_from(mean).map(|price| Some(Price::new(price))).map_err(|_| Rejection::Overflow)
}

/// `lots` with the sign of the side: bought lots count up, sold lots down.
pub const fn signed_lots(side: Side, lots: Size) -> i128 {
    match side {
        Side::Buy => lots.get() as i128,
        Side::Sell => (lots.get() as i128).saturating_neg(),
    }
}

/// Whether `price` may be a limit on this market: positive and a multiple of its tick.
pub fn check_limit_price(price: Price, tick: Price) -> Result<(), Rejection> {
    if price.get() <= 0 {
        return Err(Rejection::PriceNotPositive { price });
    }
    match price.get().checked_rem(tick.get()) {
        Some(0) => Ok(()),
        Some(_) => Err(Rejection::OffTick { price, tick }),
        None => Err(Rejection::InvariantViolated { invariant: "a market's tick is positive".to_owned() }),
    }
}

#[cfg(test)]
#[path = "market_math_tests.rs"]
mod tests;
