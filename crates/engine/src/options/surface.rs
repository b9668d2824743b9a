//! Volatilities of an underlying's options, from what their books say. Fit, band and absence of arbitrage:
//! `docs/rules/volatility-surface.md`; what counts as a quote is decided here.
//!
//! - A quote is the middle of a book with both sides, of the option of its strike that is out of the money: the other one's price
//!   is mostly intrinsic value, which says nothing. An ask above twice the bid says nothing either.
//! - It counts by the lots that both sides have in front, up to [`WEIGHT_MAX`]. Orders that only reduce are passed over: they reserve
//!   nothing and name lots that they may not have.
//! - A volatility moves at most by the series' pace times the time since the last fit, which counts up to [`ELAPSED_MS_MAX`].
//!
//! So whoever owns the books for a moment moves the marks neither fast nor through an arbitrage, and without books the last
//! surface stays. Forwards come from [`super::forward`].

use super::forward::BasisCurve;
use crate::{
    mark::next_slow_price,
    oracle::is_fresh_index,
    state::{OptionExpiryId, OptionExpiryRecord, State},
};
use palisade_pricing::{
    Fixed, OptionTerms, Volatility,
    surface::{ExpiryQuotes, Quote, SurfaceTerms, refit},
};
use palisade_types::{
    ids::MarketId,
    market::{OptionKind, OptionSeriesSpec},
    numbers::{Price, Rate},
    order::{OpenOrder, Side},
    rejection::Rejection,
    time::TimeMs,
};

/// The most that the size of a quote counts, in lots.
pub const WEIGHT_MAX: u32 = 10_000;
/// Orders of a side that are looked at for a quote.
pub const QUOTE_ORDERS_MAX: usize = 16;
/// The longest time that a volatility's pace is counted over.
pub const ELAPSED_MS_MAX: u64 = 10_000;

/// Counts of [`Volatility`] in one of [`Rate`].
const VOLATILITY_PER_RATE: u64 = 1_000_000;

/// A volatility that is stated in parts per million; a negative one is none.
fn volatility_of(rate: Rate) -> Volatility {
    Volatility::new(u64::try_from(rate.get()).unwrap_or(0).saturating_mul(VOLATILITY_PER_RATE))
}

/// An expiry on its way to a new slice.
struct Expiry {
    id: OptionExpiryId,
    record: OptionExpiryRecord,
    quotes: Vec<Quote>,
}

/// The records of all expiries of a series that are not over, as they are now; nothing without an index.
pub(crate) fn refitted(
    state: &State,
    series: &OptionSeriesSpec,
    now: TimeMs,
) -> Result<Vec<(OptionExpiryId, OptionExpiryRecord)>, Rejection> {
    let Some(curve) = BasisCurve::of(state, series.universe, series.underlying, now) else { return Ok(Vec::new()) };
    let is_fresh = is_fresh_index(state, series.underlying, now);
    let mut expiries = Vec::new();
    for (id, record) in expiries_of(state, series) {
        let ahead_ms = id.expires_at_ms.since(now);
        if ahead_ms > 0 {
            let record = with_forward(record, (curve.forward(ahead_ms)?, is_fresh), id.expires_at_ms, now)?;
            let quotes = quotes(state, id, record.forward, ahead_ms);
            expiries.push(Expiry { id, record, quotes });
        }
    }
    let elapsed_ms = expiries.iter().map(|expiry| now.since(expiry.record.as_of_ms)).max().unwrap_or(0);
    let inputs: Vec<ExpiryQuotes<'_>> = expiries
        .iter()
        .map(|expiry| ExpiryQuotes {
            time_ms: expiry.id.expires_at_ms.since(now),
            last: expiry.record.slice,
            quotes: &expiry.quotes,
        })
        .collect();
    let slices = refit(&inputs, &terms(series, elapsed_ms)).map_err(|_| Rejection::Overflow)?;
    let fitted = expiries.into_iter().zip(slices);
    Ok(fitted
        .map(|(Expiry { id, record, .. }, slice)| {
            (id, OptionExpiryRecord { slice: Some(slice), as_of_ms: now, ..record })
        })
        .collect())
}

/// The expiries of a series, in order of time.
pub(crate) fn expiries_of<'a>(
    state: &'a State,
    series: &OptionSeriesSpec,
) -> impl Iterator<Item = (OptionExpiryId, OptionExpiryRecord)> + 'a {
    let (universe, underlying) = (series.universe, series.underlying);
    let all = state.option_expiries().filter(move |(id, _)| id.universe == universe && id.underlying == underlying);
    all.map(|(id, record)| (id, *record))
}

/// With the forward of now, and the slow one that follows it while the index is fresh: inside the window what is measured of the settlement
/// price is part of both.
fn with_forward(
    record: OptionExpiryRecord,
    (free, is_fresh): (Price, bool),
    expires_at_ms: TimeMs,
    now: TimeMs,
) -> Result<OptionExpiryRecord, Rejection> {
    let forward = match record.settlement {
        Some(settlement) => settlement.converged_mark(free, expires_at_ms, now)?,
        None => free,
    };
    let elapsed_ms = if is_fresh { now.since(record.as_of_ms) } else { 0 };
    let slow_forward = next_slow_price(record.slow_forward, forward, elapsed_ms)?;
    Ok(OptionExpiryRecord { forward, slow_forward, ..record })
}

fn terms(series: &OptionSeriesSpec, elapsed_ms: u64) -> SurfaceTerms {
    let pace = volatility_of(series.volatility_move_per_second).get();
    let band = pace.saturating_mul(elapsed_ms.min(ELAPSED_MS_MAX)).checked_div(1_000).unwrap_or(0);
    SurfaceTerms { band: Volatility::new(band), default: volatility_of(series.default_volatility) }
}

/// What the books of an expiry's options say, in order of number.
fn quotes(state: &State, id: OptionExpiryId, forward: Price, ahead_ms: u64) -> Vec<Quote> {
    state.options_of(id).filter_map(|option| quote(state, option, forward, ahead_ms)).collect()
}

fn quote(state: &State, option: MarketId, forward: Price, ahead_ms: u64) -> Option<Quote> {
    let contract = state.market(option)?.option()?;
    let is_out = match contract.right {
        OptionKind::Call => contract.strike >= forward,
        OptionKind::Put => contract.strike < forward,
    };
    if !is_out {
        return None;
    }
    let bid = front(state, option, Side::Buy)?;
    let ask = front(state, option, Side::Sell)?;
    if ask.price.get() > bid.price.get().saturating_mul(2) {
        return None;
    }
    let twice = Fixed::from_price(bid.price).checked_add(Fixed::from_price(ask.price))?;
    let terms = OptionTerms { kind: contract.right, forward, strike: contract.strike, time_ms: ahead_ms };
    let volatility = terms.implied_volatility(Fixed::new(twice.get() >> 1)).ok()?;
    let lots = bid.remaining.min(ask.remaining).get();
    Some(Quote {
        log_moneyness: terms.log_strike().ok()?,
        volatility,
        weight: u32::try_from(lots).unwrap_or(WEIGHT_MAX).min(WEIGHT_MAX),
    })
}

/// The first order of a side that counts.
fn front(state: &State, option: MarketId, side: Side) -> Option<&OpenOrder> {
    let mut orders = state.book_side(option, side).take(QUOTE_ORDERS_MAX).map(|record| &record.order);
    orders.find(|order| !order.reduce_only)
}

#[cfg(test)]
#[path = "surface_tests.rs"]
mod tests;
