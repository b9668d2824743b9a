//! The mark of a perpetual: the price at which positions are valued and margin is required.
//!
//! `target = median(index + EMA150s(mid − index), median(best bid, best ask, last trade), index)`; without a
//! two-sided book the target is the index. The mark moves from its last value towards the target by at most
//! [`MARK_MOVE_PER_SECOND`], and is then brought within [`MARK_BAND`] around the index, which comes last and therefore always holds:
//! whoever owns the book for a moment can move the mark neither fast nor far, and a crash of the index pulls it along.
//!
//! The average weighs by elapsed time: over `dt` the weight of the past is `exp(−dt / 150 s)`, so how many blocks
//! a span was cut into does not matter. `mid − index` is cut to the band before it enters. Without a two-sided book it counts as
//! zero, and it starts at zero. Marks are updated at every new index, and otherwise once [`MARK_INTERVAL_MS`] has passed.
//!
//! Integers only: prices in 1e-8 USD, the average in 1e-8 USD with 32 binary places, weights with 63 binary places,
//! each product rounded down. The mark need not lie on the tick.

use crate::{
    market_math::RATE_ONE,
    state::MarkRecord,
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    numbers::{Price, Rate, Usd},
    rejection::Rejection,
    time::TimeMs,
};

/// The time constant of the average of `mid − index`.
pub const BASIS_TIME_CONSTANT_MS: u64 = 150_000;
/// How far the mark may lie from the index, as a part of the index.
pub const MARK_BAND: Rate = Rate::new(30_000);
/// How far the mark may move within a second, as a part of the mark.
pub const MARK_MOVE_PER_SECOND: Rate = Rate::new(5_000);
/// How far a slow price may move within a second, as a part of itself (Mango v4's stable price: 0.03 %/s).
pub const SLOW_MOVE_PER_SECOND: Rate = Rate::new(300);

/// The longest time that a slow price moves for at once: a pause confirms no price.
pub const SLOW_ELAPSED_MS_MAX: u64 = 10_000;

/// Marks are not updated more often than this unless an index changed.
pub const MARK_INTERVAL_MS: u64 = 1_000;

const MILLISECONDS_PER_SECOND: i128 = 1_000;
const BASIS_FRACTION_BITS: u32 = 32;
/// One, as a weight.
pub(crate) const WEIGHT_ONE: u64 = 1 << 63;
/// `floor(exp(−1 ms / 150 s) × 2^63)`.
const WEIGHT_PER_MS: u64 = 9_223_310_547_912_826_810;
/// After this many time constants the past weighs less than the last binary place.
const TIME_CONSTANTS_REMEMBERED: u64 = 44;

/// What the book says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookTop {
    /// The highest buy.
    pub best_bid: Option<Price>,
    /// The lowest sell.
    pub best_ask: Option<Price>,
    /// The price of the last fill.
    pub last_trade: Option<Price>,
}

/// Whether a mark is due: at a new index, or once [`MARK_INTERVAL_MS`] has passed.
pub fn is_due(previous: Option<&MarkRecord>, index_changed: bool, now: TimeMs) -> bool {
    previous.is_none_or(|record| index_changed || now.since(record.time_ms) >= MARK_INTERVAL_MS)
}

/// The mark at `now`. The book is the one that stood since the last block.
pub fn next_mark(
    previous: Option<&MarkRecord>,
    index: Price,
    book: &BookTop,
    now: TimeMs,
) -> Result<MarkRecord, Rejection> {
    let Some(previous) = previous else {
        return Ok(MarkRecord {
            price: index,
            basis_average: 0,
            time_ms: now,
            slow_price: index,
            volatility_fraction: Rate::ZERO,
            market_fraction: Rate::ZERO,
            depeg_addition: Rate::ZERO,
            depth_usd: Usd::ZERO,
        });
    };
    let elapsed_ms = now.since(previous.time_ms);
    let band = part_of(index, MARK_BAND, 1)?;
    let index_units = i128::from(index.get());
    let (sample, spot) = match (book.best_bid, book.best_ask) {
        (Some(bid), Some(ask)) => {
            let middle = middle(bid, ask);
            let basis = middle.saturating_sub(index_units).clamp(band.saturating_neg(), band);
            (basis, Some(book.last_trade.map_or(middle, |last| median(units(bid), units(ask), units(last)))))
        }
        _ => (0, None),
    };
    let basis_average = next_average(previous.basis_average, sample, elapsed_ms)?;
    let basis = basis_average >> BASIS_FRACTION_BITS;
    let target = spot.map_or(index_units, |spot| median(index_units.saturating_add(basis), spot, index_units));
    let step = part_of(previous.price, MARK_MOVE_PER_SECOND, elapsed_ms)?
        .checked_div(MILLISECONDS_PER_SECOND)
        .ok_or(Rejection::Overflow)?
        .max(i128::from(elapsed_ms > 0));
    let mark = within(target, units(previous.price), step);
    let mark = within(mark, index_units, band);
    let mark = i64::try_from(mark.max(1)).map_err(|_| Rejection::Overflow)?;
    let price = Price::new(mark);
    let slow_price = next_slow_price(previous.slow_price, price, elapsed_ms)?;
    Ok(MarkRecord { price, basis_average, time_ms: now, slow_price, ..*previous })
}

/// `slow` moved towards `price` by at most [`SLOW_MOVE_PER_SECOND`], for at most [`SLOW_ELAPSED_MS_MAX`].
pub fn next_slow_price(slow: Price, price: Price, elapsed_ms: u64) -> Result<Price, Rejection> {
    let elapsed_ms = elapsed_ms.min(SLOW_ELAPSED_MS_MAX);
    let step = part_of(slow, SLOW_MOVE_PER_SECOND, elapsed_ms)?
        .checked_div(MILLISECONDS_PER_SECOND)
        .ok_or(Rejection::Overflow)?
        .max(i128::from(elapsed_ms > 0));
    i64::try_from(within(units(price), units(slow), step)).map(Price::new).map_err(|_| Rejection::Overflow)
}

fn units(price: Price) -> i128 {
    i128::from(price.get())
}

/// The middle of the book, rounded down to 1e-8 USD.
fn middle(bid: Price, ask: Price) -> i128 {
    units(bid).saturating_add(units(ask)) >> 1
}

/// `price × rate × times`, rounded up, in the units of the price.
fn part_of(price: Price, rate: Rate, times: u64) -> Result<i128, Rejection> {
    let weight = i128::from(rate.get()).checked_mul(i128::from(times)).ok_or(Rejection::Overflow)?;
    multiply_divide_ceil(units(price), weight, RATE_ONE).ok_or(Rejection::Overflow)
}

fn within(value: i128, centre: i128, distance: i128) -> i128 {
    value.clamp(centre.saturating_sub(distance), centre.saturating_add(distance))
}

fn median(first: i128, second: i128, third: i128) -> i128 {
    let (low, high) = if first <= second { (first, second) } else { (second, first) };
    third.clamp(low, high)
}

/// The average after `sample` held for `elapsed_ms`: `sample + (average − sample) × exp(−elapsed / 150 s)`.
fn next_average(average: i128, sample: i128, elapsed_ms: u64) -> Result<i128, Rejection> {
    let sample = sample.checked_mul(1 << BASIS_FRACTION_BITS).ok_or(Rejection::Overflow)?;
    let distance = average.checked_sub(sample).ok_or(Rejection::Overflow)?;
    let kept = multiply_divide_floor(distance, i128::from(weight_of_past(elapsed_ms)), i128::from(WEIGHT_ONE))
        .ok_or(Rejection::Overflow)?;
    sample.checked_add(kept).ok_or(Rejection::Overflow)
}

/// `exp(−elapsed / 150 s)` with 63 binary places, by repeated squaring.
pub(crate) fn weight_of_past(elapsed_ms: u64) -> u64 {
    if elapsed_ms > BASIS_TIME_CONSTANT_MS.saturating_mul(TIME_CONSTANTS_REMEMBERED) {
        return 0;
    }
    let mut weight = WEIGHT_ONE;
    let mut power = WEIGHT_PER_MS;
    let mut remaining = elapsed_ms;
    while remaining > 0 {
        if remaining & 1 == 1 {
            weight = multiply_weights(weight, power);
        }
        power = multiply_weights(power, power);
        remaining >>= 1;
    }
    weight
}

/// The product of two weights of at most one, rounded down; it is at most one and so fits.
const fn multiply_weights(left: u64, right: u64) -> u64 {
    ((left as u128).saturating_mul(right as u128) >> 63) as u64
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
