//! One venue's quote, and how several become one price.
//!
//! Rules: a quote that is older than [`QUOTE_AGE_MAX_MS`], from the future, crossed, not positive, or absurdly wide or
//! large does not count. The price is the median of the mids; of an even count, the mean of the two in the middle,
//! rounded down to 1e-8 USD. No venue is dropped for disagreeing: the median already bounds what it can do, and in a
//! crash the venue that disagrees may be the one that is right.

use palisade_types::{numbers::Price, time::TimeMs};

/// A quote of this age no longer says what a thing costs.
pub const QUOTE_AGE_MAX_MS: u64 = 10_000;
/// A quote may lie this far ahead of the reader's clock.
pub const QUOTE_AHEAD_MAX_MS: u64 = 1_000;
/// Nothing that is traded costs more: 1,000,000,000 USD.
const PRICE_MAX: i64 = 1_000_000_000 * 100_000_000;
/// A spread wider than one part in this of the mid is no market.
const SPREAD_FRACTION_MIN: i128 = 5;

/// What one venue shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Best bid; equal to the ask for a venue that shows trades only.
    pub bid: Price,
    /// Best ask.
    pub ask: Price,
    /// When it was true.
    pub time_ms: TimeMs,
}

/// Why a quote does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum QuoteFault {
    /// Older than [`QUOTE_AGE_MAX_MS`].
    #[error("quote is {age_ms} ms old, more than {QUOTE_AGE_MAX_MS}")]
    Stale { age_ms: u64 },
    /// Ahead of the clock.
    #[error("quote is {ahead_ms} ms ahead of the clock, more than {QUOTE_AHEAD_MAX_MS}")]
    Ahead { ahead_ms: u64 },
    /// The bid is above the ask.
    #[error("bid {bid:?} is above ask {ask:?}")]
    Crossed { bid: Price, ask: Price },
    /// Not positive, too large, or too wide.
    #[error("bid {bid:?} and ask {ask:?} are absurd")]
    Absurd { bid: Price, ask: Price },
}

impl Quote {
    /// A quote of a venue that shows one price.
    pub const fn single(price: Price, time_ms: TimeMs) -> Self {
        Self { bid: price, ask: price, time_ms }
    }

    /// The mid, if the quote counts at `now`; rounded down.
    pub fn mid(&self, now: TimeMs) -> Result<Price, QuoteFault> {
        let age_ms = now.since(self.time_ms);
        if age_ms > QUOTE_AGE_MAX_MS {
            return Err(QuoteFault::Stale { age_ms });
        }
        let ahead_ms = self.time_ms.since(now);
        if ahead_ms > QUOTE_AHEAD_MAX_MS {
            return Err(QuoteFault::Ahead { ahead_ms });
        }
        let (bid, ask) = (self.bid, self.ask);
        if bid > ask {
            return Err(QuoteFault::Crossed { bid, ask });
        }
        let spread = i128::from(ask.get()) - i128::from(bid.get());
        if bid.get() <= 0 || ask.get() > PRICE_MAX || spread * SPREAD_FRACTION_MIN > i128::from(ask.get()) {
            return Err(QuoteFault::Absurd { bid, ask });
        }
        Ok(middle(bid, ask))
    }
}

/// One price of many quotes, or `None` if fewer than `venues_minimum` count.
pub fn consolidate(quotes: &[Quote], now: TimeMs, venues_minimum: usize) -> Option<Price> {
    let mut mids: Vec<Price> = quotes.iter().filter_map(|quote| quote.mid(now).ok()).collect();
    if mids.len() < venues_minimum.max(1) {
        return None;
    }
    mids.sort_unstable();
    median_of_sorted(&mids)
}

/// The median of prices in ascending order; of an even count the mean of the middle two, rounded down.
pub fn median_of_sorted(prices: &[Price]) -> Option<Price> {
    let upper = prices.len() / 2;
    let high = *prices.get(upper)?;
    if prices.len() % 2 == 1 {
        return Some(high);
    }
    Some(middle(*prices.get(upper.checked_sub(1)?)?, high))
}

/// Half way from `low` to `high`, rounded down.
fn middle(low: Price, high: Price) -> Price {
    let sum = i128::from(low.get()) + i128::from(high.get());
    let half = i64::try_from(sum.div_euclid(2)).expect("the mean of two i64 is an i64");
    Price::new(half)
}

#[cfg(test)]
#[path = "quote_tests.rs"]
mod tests;
