//! Days of the Gregorian calendar in UTC, as far as names and expiries of futures need them.

use crate::time::TimeMs;

/// A day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Futures of a series expire this long after midnight: 08:00 UTC.
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

/// The name of a future's day: `27NOV26`, without a leading zero.
pub fn expiry_name(expires_at_ms: TimeMs) -> Option<String> {
    let Date { year, month, day } = date_of(expires_at_ms)?;
    let (name, _) = MONTHS.get(month)?;
    Some(format!("{day}{name}{:02}", year % 100))
}

/// The first expiries at 08:00 UTC after a moment: `daily` of them, and `weekly` of those on Fridays, in order.
pub fn expiries_after(time_ms: TimeMs, daily: u32, weekly: u32) -> Vec<TimeMs> {
    let (mut daily_left, mut weekly_left) = (daily, weekly);
    let today = time_ms.get() / DAY_MS;
    let mut expiries = Vec::new();
    let days = u64::from(daily).saturating_add(u64::from(weekly).saturating_add(1).saturating_mul(DAYS_PER_WEEK));
    for day in today..today.saturating_add(days.saturating_add(1)) {
        let midnight = day.checked_mul(DAY_MS);
        let Some(expiry) = midnight.and_then(|midnight| midnight.checked_add(EXPIRY_OF_DAY_MS)).map(TimeMs::new) else {
            break;
        };
        if expiry <= time_ms {
            continue;
        }
        let is_friday = day % DAYS_PER_WEEK == FIRST_FRIDAY;
        if daily_left > 0 || (is_friday && weekly_left > 0) {
            expiries.push(expiry);
        }
        daily_left = daily_left.saturating_sub(1);
        weekly_left = weekly_left.saturating_sub(u32::from(is_friday));
    }
    expiries
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
