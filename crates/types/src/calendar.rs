//! Days of the Gregorian calendar in UTC, as far as names and expiries of futures and options need them.

use crate::{market::ExpiryCounts, time::TimeMs};

/// A day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Futures and options of a series expire this long after midnight: 08:00 UTC.
pub const EXPIRY_OF_DAY_MS: u64 = 8 * 60 * 60 * 1_000;

const MONTHS: [(&str, u64); 12] = [
    ("JAN", 31),
    ("FEB", 28),
    ("MAR", 31),
    ("APR", 30),
    ("MAY", 31),
    ("JUN", 30),
    ("JUL", 31),
    ("AUG", 31),
    ("SEP", 30),
    ("OCT", 31),
    ("NOV", 30),
    ("DEC", 31),
];
const FEBRUARY: usize = 1;
const DAYS_PER_WEEK: u64 = 7;
/// From the last Friday of a month to that of the next there are 28 or 35 days.
const DAYS_PER_MONTH_MAX: u64 = 35;
const DAYS_PER_QUARTER_MAX: u64 = 98;
const MONTHS_PER_QUARTER: usize = 3;
/// March, June, September, December, from 0.
const LAST_OF_QUARTER: usize = 2;
/// 1970-01-02 was a Friday.
const FIRST_FRIDAY: u64 = 1;
/// Years that are counted through, for a date whose name is asked for.
const YEARS_MAX: u64 = 1_000;

/// A day by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// From 1970.
    pub year: u64,
    /// From 0.
    pub month: usize,
    /// From 1.
    pub day: u64,
}

/// The day of a moment; `None` after the year 2969.
pub fn date_of(time_ms: TimeMs) -> Option<Date> {
    let mut left = time_ms.get() / DAY_MS;
    for past in 0..YEARS_MAX {
        let year = past.saturating_add(1970);
        for (month, (_, days)) in MONTHS.iter().enumerate() {
            let days = days.saturating_add(u64::from(month == FEBRUARY && is_leap_year(year)));
            if left < days {
                return Some(Date { year, month, day: left.saturating_add(1) });
            }
            left = left.saturating_sub(days);
        }
    }
    None
}

const fn is_leap_year(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The name of an expiry's day: `27NOV26`, without a leading zero.
pub fn expiry_name(expires_at_ms: TimeMs) -> Option<String> {
    let Date { year, month, day } = date_of(expires_at_ms)?;
    let (name, _) = MONTHS.get(month)?;
    Some(format!("{day}{name}{:02}", year % 100))
}

/// The first expiries at 08:00 UTC after a moment: so many of each kind, in order.
pub fn expiries_after(time_ms: TimeMs, counts: ExpiryCounts) -> Vec<TimeMs> {
    let ExpiryCounts { daily, weekly, monthly, quarterly } = counts;
    let mut left = [daily, weekly, monthly, quarterly];
    let today = time_ms.get() / DAY_MS;
    let mut expiries = Vec::new();
    for day in today..today.saturating_add(days_within(counts)) {
        let midnight = day.checked_mul(DAY_MS);
        let Some(expiry) = midnight.and_then(|midnight| midnight.checked_add(EXPIRY_OF_DAY_MS)).map(TimeMs::new) else {
            break;
        };
        if expiry <= time_ms {
            continue;
        }
        let is_listed = kinds_of(day).into_iter().zip(&mut left).fold(false, |is_listed, (is_kind, left)| {
            let counts = is_kind && *left > 0;
            *left = left.saturating_sub(u32::from(is_kind));
            is_listed || counts
        });
        if is_listed {
            expiries.push(expiry);
        }
    }
    expiries
}

/// So many days from today hold all expiries that are asked for.
fn days_within(counts: ExpiryCounts) -> u64 {
    let span =
        |count: u32, days: u64| if count == 0 { 0 } else { u64::from(count).saturating_add(1).saturating_mul(days) };
    let spans = [
        span(counts.daily, 1),
        span(counts.weekly, DAYS_PER_WEEK),
        span(counts.monthly, DAYS_PER_MONTH_MAX),
        span(counts.quarterly, DAYS_PER_QUARTER_MAX),
    ];
    spans.into_iter().max().unwrap_or(0).saturating_add(1)
}

/// Which kinds of expiries a day has: daily, weekly, monthly, quarterly.
fn kinds_of(day: u64) -> [bool; 4] {
    let is_friday = day % DAYS_PER_WEEK == FIRST_FRIDAY;
    let month_of =
        |day: u64| day.checked_mul(DAY_MS).and_then(|midnight| date_of(TimeMs::new(midnight))).map(|date| date.month);
    let month = month_of(day);
    let is_monthly = is_friday && month_of(day.saturating_add(DAYS_PER_WEEK)) != month;
    let is_quarterly = is_monthly && month.is_some_and(|month| month % MONTHS_PER_QUARTER == LAST_OF_QUARTER);
    [true, is_friday, is_monthly, is_quarterly]
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
