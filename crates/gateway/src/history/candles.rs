//! Candles of every interval that Hyperliquid knows, built from trades.
//!
//! An interval without a trade has no candle. Weeks begin on Monday, months on the first, in UTC.

use palisade_types::{
    ids::MarketId,
    numbers::{Price, Size, Usd},
    time::TimeMs,
};
use std::collections::BTreeMap;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// 1970-01-01 was a Thursday; the Monday before it lies three days back.
const MONDAY_OFFSET_MS: u64 = 3 * DAY_MS;

/// The span of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// A whole number of milliseconds, aligned to 1970.
    Fixed {
        /// How long.
        milliseconds: u64,
        /// Its name on the wire.
        name: &'static str,
    },
    /// Seven days from Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Interval {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::fixed(MINUTE_MS, "1m"),
        Self::fixed(3 * MINUTE_MS, "3m"),
        Self::fixed(5 * MINUTE_MS, "5m"),
        Self::fixed(15 * MINUTE_MS, "15m"),
        Self::fixed(30 * MINUTE_MS, "30m"),
        Self::fixed(HOUR_MS, "1h"),
        Self::fixed(2 * HOUR_MS, "2h"),
        Self::fixed(4 * HOUR_MS, "4h"),
        Self::fixed(8 * HOUR_MS, "8h"),
        Self::fixed(12 * HOUR_MS, "12h"),
        Self::fixed(DAY_MS, "1d"),
        Self::fixed(3 * DAY_MS, "3d"),
        Self::Week,
        Self::Month,
    ];
    /// The shortest, from which day statistics are summed.
    pub const MINUTE: Self = Self::ALL[0];

    const fn fixed(milliseconds: u64, name: &'static str) -> Self {
        Self::Fixed { milliseconds, name }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed { name, .. } => name,
            Self::Week => "1w",
            Self::Month => "1M",
        }
    }

    /// The interval of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.name() == name)
    }

    /// When the candle that holds `time_ms` begins.
    pub fn open_ms(self, time_ms: u64) -> u64 {
        match self {
            Self::Fixed { milliseconds, .. } => time_ms - time_ms % milliseconds,
            Self::Week => {
                let shifted = time_ms + MONDAY_OFFSET_MS;
                (shifted - shifted % (7 * DAY_MS)).saturating_sub(MONDAY_OFFSET_MS)
            }
            Self::Month => month_bounds_ms(time_ms).0,
        }
    }

    /// The last millisecond of the candle that begins at `open_ms`.
    pub fn close_ms(self, open_ms: u64) -> u64 {
        match self {
            Self::Fixed { milliseconds, .. } => open_ms + milliseconds - 1,
            Self::Week => open_ms + 7 * DAY_MS - 1,
            Self::Month => month_bounds_ms(open_ms).1 - 1,
        }
    }
}

/// First millisecond of the calendar month that holds `time_ms`, and of the next.
fn month_bounds_ms(time_ms: u64) -> (u64, u64) {
    let day = time_ms / DAY_MS;
    // Days of the 400-year cycle that begins on 0000-03-01: leap days then fall at the end of each counted year.
    let shifted = day + 719_468;
    let cycle = shifted / 146_097;
    let day_of_cycle = shifted % 146_097;
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5;
    let length = match month {
        // March to January alternate around July and August; February is the last counted month.
        0 | 2 | 4 | 5 | 7 | 9 | 10 => 31,
        1 | 3 | 6 | 8 => 30,
        _ => {
            let year = year_of_cycle + cycle * 400 + 1;
            if (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400) { 29 } else { 28 }
        }
    };
    let first = day - day_of_month;
    (first * DAY_MS, (first + length) * DAY_MS)
}

/// What traded in one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Whose.
    pub market: MarketId,
    /// How long.
    pub interval: Interval,
    /// Its first millisecond.
    pub open_ms: u64,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Lots traded.
    pub volume: Size,
    /// Sum of price × size.
    pub quote_usd: Usd,
    /// Number of trades.
    pub trades: u32,
}

/// One market's candles of every interval.
#[derive(Clone, Debug, Default)]
pub struct CandleSeries {
    by_interval: BTreeMap<Interval, BTreeMap<u64, Candle>>,
}

impl CandleSeries {
    /// Adds a trade to the candle of each interval and drops what exceeds `kept`.
    pub fn add(&mut self, market: MarketId, time: TimeMs, price: Price, size: Size, quote_usd: Usd, kept: usize) {
        for interval in Interval::ALL {
            let open_ms = interval.open_ms(time.get());
            let series = self.by_interval.entry(interval).or_default();
            let candle = series.entry(open_ms).or_insert(Candle {
                market,
                interval,
                open_ms,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: Size::ZERO,
                quote_usd: Usd::ZERO,
                trades: 0,
            });
            candle.high = candle.high.max(price);
            candle.low = candle.low.min(price);
            candle.close = price;
            candle.volume = candle.volume.checked_add(size).unwrap_or(Size::MAX);
            candle.quote_usd = candle.quote_usd.checked_add(quote_usd).unwrap_or(Usd::MAX);
            candle.trades = candle.trades.saturating_add(1);
            while series.len() > kept {
                series.pop_first();
            }
        }
    }

    /// Candles that begin within the given times, oldest first, at most the last `limit`.
    pub fn range(&self, interval: Interval, from_ms: u64, to_ms: u64, limit: usize) -> Vec<Candle> {
        let Some(series) = self.by_interval.get(&interval) else { return Vec::new() };
        if from_ms > to_ms {
            return Vec::new();
        }
        let mut candles: Vec<_> = series.range(from_ms..=to_ms).rev().take(limit).map(|(_, candle)| *candle).collect();
        candles.reverse();
        candles
    }

    /// The newest candle of an interval.
    pub fn newest(&self, interval: Interval) -> Option<Candle> {
        self.by_interval.get(&interval)?.last_key_value().map(|(_, candle)| *candle)
    }

    /// The last candle of an interval that begins before `before_ms`.
    pub fn last_before(&self, interval: Interval, before_ms: u64) -> Option<Candle> {
        self.by_interval.get(&interval)?.range(..before_ms).next_back().map(|(_, candle)| *candle)
    }
}

#[cfg(test)]
mod tests;
