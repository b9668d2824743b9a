use super::*;

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

const NOW: TimeMs = TimeMs::new(1_000_000);

fn quote(bid: &str, ask: &str, age_ms: u64) -> Quote {
    Quote { bid: price(bid), ask: price(ask), time_ms: NOW.saturating_sub(age_ms) }
}

#[test]
fn the_median_of_an_odd_count_is_one_of_the_quotes() {
    let quotes = [quote("3", "3", 0), quote("1", "1", 0), quote("100", "100", 0)];
    assert_eq!(consolidate(&quotes, NOW, 2), Some(price("3")));
}

#[test]
fn the_median_of_an_even_count_is_the_mean_of_the_middle_rounded_down() {
    let quotes = [quote("1.00000001", "1.00000001", 0), quote("1", "1", 0)];
    assert_eq!(consolidate(&quotes, NOW, 2), Some(price("1")));
}

#[test]
fn quotes_that_cannot_be_true_do_not_count() {
    let faults = [
        (quote("1", "1", QUOTE_AGE_MAX_MS + 1), QuoteFault::Stale { age_ms: QUOTE_AGE_MAX_MS + 1 }),
        (quote("2", "1", 0), QuoteFault::Crossed { bid: price("2"), ask: price("1") }),
        (quote("-1", "1", 0), QuoteFault::Absurd { bid: price("-1"), ask: price("1") }),
        (quote("0", "0", 0), QuoteFault::Absurd { bid: price("0"), ask: price("0") }),
        (quote("1", "2", 0), QuoteFault::Absurd { bid: price("1"), ask: price("2") }),
        (
            quote("2000000000", "2000000000", 0),
            QuoteFault::Absurd { bid: price("2000000000"), ask: price("2000000000") },
        ),
    ];
    for (quote, fault) in faults {
        assert_eq!(quote.mid(NOW), Err(fault));
    }
    let ahead = Quote::single(price("1"), NOW.saturating_add(QUOTE_AHEAD_MAX_MS + 1));
    assert_eq!(ahead.mid(NOW), Err(QuoteFault::Ahead { ahead_ms: QUOTE_AHEAD_MAX_MS + 1 }));
}

#[test]
fn a_quote_at_the_age_limit_still_counts() {
    assert_eq!(quote("1", "1.1", QUOTE_AGE_MAX_MS).mid(NOW), Ok(price("1.05")));
}

#[test]
fn too_few_venues_make_no_price() {
    assert_eq!(consolidate(&[quote("1", "1", 0), quote("1", "1", 20_000)], NOW, 2), None);
    assert_eq!(consolidate(&[], NOW, 0), None);
}

#[test]
fn a_minority_of_liars_stays_between_the_honest() {
    let quotes = [quote("10", "10", 0), quote("11", "11", 0), quote("12", "12", 0), quote("900000", "900000", 0)];
    let median = consolidate(&quotes, NOW, 2).expect("four venues");
    assert!(median >= price("10") && median <= price("12"));
}
