use super::*;

/// Seconds since 1970 · name.
#[test]
fn names_of_days() {
    for (seconds, name) in [
        (0, "1JAN70"),
        (1_700_000_000, "14NOV23"),
        (1_709_164_800, "29FEB24"),
        (1_709_251_199, "29FEB24"),
        (1_709_251_200, "1MAR24"),
        (1_795_766_400, "27NOV26"),
        (1_798_185_600, "25DEC26"),
        (951_782_400, "29FEB00"),
        (4_107_542_400, "1MAR00"),
        (4_107_456_000, "28FEB00"),
        (253_402_300_799, "31DEC99"),
    ] {
        let time_ms = TimeMs::new(seconds * 1_000);
        let expected = if seconds == 253_402_300_799 { None } else { Some(name.to_owned()) };
        assert_eq!(expiry_name(time_ms), expected, "{seconds}");
    }
}

/// Every day for two centuries follows the day before.
#[test]
fn days_follow_each_other() {
    let mut before = date_of(TimeMs::new(0)).expect("in range");
    for day in 1..73_000u64 {
        let date = date_of(TimeMs::new(day * DAY_MS)).expect("in range");
        let next_day = Date { day: before.day + 1, ..before };
        let next_month = Date { month: before.month + 1, day: 1, ..before };
        let next_year = Date { year: before.year + 1, month: 0, day: 1 };
        assert!(date == next_day || date == next_month || date == next_year, "{before:?} {date:?}");
        before = date;
    }
    assert_eq!(before, Date { year: 2169, month: 10, day: 12 });
}

/// Tuesday 2023-11-14 22:13:20 UTC, and the moments around an expiry.
#[test]
fn expiries_of_a_series() {
    let names = |time_ms: u64, daily, weekly| -> Vec<String> {
        let expiries = expiries_after(TimeMs::new(time_ms), ExpiryCounts { daily, weekly, ..ExpiryCounts::default() });
        assert!(expiries.iter().all(|expiry| expiry.get() % DAY_MS == EXPIRY_OF_DAY_MS));
        expiries.iter().map(|expiry| expiry_name(*expiry).expect("in range")).collect()
    };
    let tuesday = 1_700_000_000_000;
    assert_eq!(names(tuesday, 2, 2), ["15NOV23", "16NOV23", "17NOV23", "24NOV23"]);
    assert_eq!(names(tuesday, 4, 1), ["15NOV23", "16NOV23", "17NOV23", "18NOV23"]);
    assert_eq!(names(tuesday, 0, 3), ["17NOV23", "24NOV23", "1DEC23"]);
    assert_eq!(names(tuesday, 1, 0), ["15NOV23"]);
    assert_eq!(names(tuesday, 0, 0), [""; 0]);
    let friday_at_eight = 1_700_208_000_000;
    assert_eq!(names(friday_at_eight - 1, 1, 1), ["17NOV23"]);
    assert_eq!(names(friday_at_eight, 1, 1), ["18NOV23", "24NOV23"]);
    assert_eq!(names(u64::MAX - 1, 1, 1), [""; 0], "the end of time has no expiries");
}

/// The last Fridays of months and quarters from the same Tuesday; a Friday that is of several kinds is listed once.
#[test]
fn expiries_of_months_and_quarters() {
    let names = |time_ms: u64, [daily, weekly, monthly, quarterly]: [u32; 4]| -> Vec<String> {
        let expiries = expiries_after(TimeMs::new(time_ms), ExpiryCounts { daily, weekly, monthly, quarterly });
        expiries.iter().map(|expiry| expiry_name(*expiry).expect("in range")).collect()
    };
    let tuesday = 1_700_000_000_000;
    assert_eq!(names(tuesday, [0, 0, 3, 0]), ["24NOV23", "29DEC23", "26JAN24"]);
    assert_eq!(names(tuesday, [0, 0, 0, 3]), ["29DEC23", "29MAR24", "28JUN24"]);
    assert_eq!(names(tuesday, [1, 2, 2, 1]), ["15NOV23", "17NOV23", "24NOV23", "29DEC23"]);
    assert_eq!(names(tuesday, [0, 0, 12, 8]).len(), 12 + 4, "four of the quarters are among the months");
}
