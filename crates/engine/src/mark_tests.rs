use super::*;
use proptest::prelude::*;

fn price(text: &str) -> Price {
    text.parse().expect("a test's price")
}

fn record_at(price: Price) -> MarkRecord {
    next_mark(None, price, &BookTop::default(), TimeMs::new(0)).expect("the first mark is the index")
}

fn record(mark: &str, basis: i128, time_ms: u64) -> MarkRecord {
    MarkRecord {
        price: price(mark),
        basis_average: basis << BASIS_FRACTION_BITS,
        time_ms: TimeMs::new(time_ms),
        ..record_at(price(mark))
    }
}

fn book(bid: &str, ask: &str, last: &str) -> BookTop {
    let read = |text: &str| (!text.is_empty()).then(|| price(text));
    BookTop { best_bid: read(bid), best_ask: read(ask), last_trade: read(last) }
}

/// `exp(−t / 150 s) × 2^63`, computed with 60 decimal digits elsewhere.
#[test]
fn weights_of_the_past() {
    for (elapsed_ms, exact) in [
        (0u64, 9_223_372_036_854_775_808u64),
        (1, 9_223_310_547_912_826_810),
        (100, 9_217_225_171_346_370_443),
        (1_000, 9_162_087_399_048_403_766),
        (30_000, 7_551_458_333_652_510_043),
        (150_000, 3_393_088_950_634_442_637),
        (600_000, 168_931_951_563_480_718),
        (3_600_000, 348_194_703),
        (6_000_000, 39),
        (6_600_001, 0),
        (u64::MAX, 0),
    ] {
        let found = weight_of_past(elapsed_ms);
        // Each squaring doubles the error of one unit, so elapsed_ms bounds it; the relative error stays below 1e-12.
        assert!(found <= exact && exact - found <= elapsed_ms.min(exact / 100_000_000) + 40, "{elapsed_ms}: {found}");
    }
}

/// Index, book, elapsed ms, mark before and its basis in 1e-8 · the mark.
#[test]
fn marks() {
    for (name, index, (bid, ask, last), elapsed_ms, (before, basis), mark) in [
        ("no book: the index", "100", ("", "", ""), 1_000, ("100", 0), "100"),
        ("one side is no book", "100", ("99", "", "98"), 1_000, ("100", 0), "100"),
        ("book around the index", "100", ("99.9", "100.1", "100"), 1_000, ("100", 0), "100"),
        (
            "no last trade: the middle; the average has hardly begun",
            "100",
            ("100.8", "101", ""),
            1_000,
            ("100", 0),
            "100.00598004",
        ),
        (
            "an average above, a book above: the lower of both",
            "100",
            ("100.2", "100.4", "100.3"),
            1_000,
            ("100", 50_000_000),
            "100.3",
        ),
        (
            "the book below and the average above: the index",
            "100",
            ("99.2", "99.4", "99.3"),
            1_000,
            ("100", 50_000_000),
            "100",
        ),
        (
            "a last trade outside the book counts as its edge",
            "100",
            ("100.1", "100.2", "90"),
            1_000,
            ("100", 50_000_000),
            "100.1",
        ),
        ("a jump of the index is followed at half a percent a second", "102", ("", "", ""), 1_000, ("100", 0), "100.5"),
        ("by elapsed time", "102", ("", "", ""), 200, ("100", 0), "100.1"),
        ("but never left by more than the band", "110", ("", "", ""), 1_000, ("100", 0), "106.7"),
        ("downwards too", "90", ("", "", ""), 1_000, ("100", 0), "92.7"),
        ("no time, no move", "100.5", ("", "", ""), 0, ("100", 0), "100"),
        ("the least move is a unit", "0.00000009", ("", "", ""), 1, ("0.00000008", 0), "0.00000009"),
    ] {
        let next = next_mark(
            Some(&record(before, basis, 5_000)),
            price(index),
            &book(bid, ask, last),
            TimeMs::new(5_000 + elapsed_ms),
        )
        .expect("in range");
        assert_eq!(next.price, price(mark), "{name}");
        assert_eq!(next.time_ms.get(), 5_000 + elapsed_ms, "{name}");
    }
}

#[test]
fn the_first_mark_is_the_index() {
    let first = next_mark(None, price("60000"), &book("1", "2", "3"), TimeMs::new(9)).expect("in range");
    assert_eq!(first, record("60000", 0, 9));
}

#[test]
fn when_marks_are_due() {
    let last = record("1", 0, 5_000);
    for (previous, index_changed, now_ms, due) in [
        (None, false, 5_000, true),
        (Some(&last), false, 5_999, false),
        (Some(&last), true, 5_001, true),
        (Some(&last), false, 6_000, true),
    ] {
        assert_eq!(is_due(previous, index_changed, TimeMs::new(now_ms)), due);
    }
}

/// An attacker who owns the whole book for a minute moves the mark by far less than the band.
#[test]
fn a_minute_of_a_bought_book_moves_the_mark_by_about_one_percent() {
    let index = price("100");
    let mut mark = next_mark(None, index, &BookTop::default(), TimeMs::new(0)).expect("in range");
    for second in 1..=60 {
        mark =
            next_mark(Some(&mark), index, &book("149", "150", "150"), TimeMs::new(second * 1_000)).expect("in range");
    }
    // 3 % × (1 − exp(−60/150)) = 0.98904 %
    assert_eq!(mark.price, price("100.98903986"));
}

/// Prices at the ends of their range neither panic nor wrap.
#[test]
fn extreme_prices() {
    let one = Price::new(1);
    for index in [one, Price::MAX] {
        for before in [one, Price::MAX] {
            for (bid, ask) in [(one, one), (one, Price::MAX), (Price::MAX, Price::MAX)] {
                for elapsed_ms in [0, 1, 1_000, u64::MAX] {
                    let previous = MarkRecord { basis_average: 0, time_ms: TimeMs::new(0), ..record_at(before) };
                    let top = BookTop { best_bid: Some(bid), best_ask: Some(ask), last_trade: Some(one) };
                    match next_mark(Some(&previous), index, &top, TimeMs::new(elapsed_ms)) {
                        Ok(next) => assert!(next.price.get() > 0),
                        Err(rejection) => assert_eq!(rejection, Rejection::Overflow),
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(2_000))]

    #[test]
    fn marks_keep_their_bounds(
        index in 1i64..10_000_000_000_000, before in 1i64..10_000_000_000_000, basis in -1_000_000i64..1_000_000,
        bid in prop::option::of(1i64..10_000_000_000_000), spread in 1i64..1_000_000_000,
        last in prop::option::of(1i64..10_000_000_000_000), elapsed_ms in 0u64..10_000,
    ) {
        let previous = MarkRecord {
            basis_average: i128::from(basis) << BASIS_FRACTION_BITS, time_ms: TimeMs::new(0), ..record_at(Price::new(before))
        };
        let top = BookTop {
            best_bid: bid.map(Price::new), best_ask: bid.map(|bid| Price::new(bid + spread)), last_trade: last.map(Price::new),
        };
        let next = next_mark(Some(&previous), Price::new(index), &top, TimeMs::new(elapsed_ms)).expect("in range");
        let mark = next.price.get();
        prop_assert!(mark > 0);
        // Band, in exact fractions: |mark − index| ≤ ceil(3 % of index).
        prop_assert!(i128::from((mark - index).abs()) * 100 < i128::from(index) * 3 + 100);
        // Rate of change, unless the band pulled: |mark − before| ≤ 0.5 %/s, rounded up to a unit.
        let in_band = |value: i64| i128::from((value - index).abs()) * 100 <= i128::from(index) * 3;
        if in_band(before) {
            let most = i128::from(before) * 5 * i128::from(elapsed_ms) / 1_000_000 + 2;
            prop_assert!(i128::from((mark - before).abs()) <= most, "{before} -> {mark}");
        }
        // The average never leaves what it was made of.
        let band = i128::from(index) * 3 / 100 + 1;
        let bound = band.max(i128::from(basis.abs())) + 1;
        prop_assert!((next.basis_average >> BASIS_FRACTION_BITS).abs() <= bound);
    }

    /// Cutting a span into blocks does not change the average beyond its last places.
    #[test]
    fn averages_weigh_time_not_blocks(
        start in -1_000_000_000i64..1_000_000_000, sample in -1_000_000_000i64..1_000_000_000,
        parts in prop::collection::vec(0u64..5_000, 1..40),
    ) {
        let begin = i128::from(start) << BASIS_FRACTION_BITS;
        let whole = next_average(begin, i128::from(sample), parts.iter().sum()).expect("in range");
        let mut cut = begin;
        for part in parts {
            cut = next_average(cut, i128::from(sample), part).expect("in range");
        }
        prop_assert!((whole - cut).abs() < 1 << 24, "off by {} / 2^32", whole - cut);
    }
}
