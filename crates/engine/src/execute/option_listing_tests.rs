use super::*;
use crate::testing::{BTC, Venue, option_genesis, price};

fn live(venue: &Venue) -> Vec<String> {
    let options = venue.state().markets().filter(|market| market.option().is_some());
    options.map(|market| format!("{} {}", market.id, market.symbol)).collect()
}

/// Block 1 is of Tuesday, 14 November 2023, 22:13 UTC: without an index nothing is listed; with one, the next day (step 1) and the
/// next Friday (step 1 up to three days ahead), first the strike at the forward, then two above, then two below.
#[test]
fn a_series_lists_expiries_and_strikes_around_the_forward() {
    let mut venue = Venue::with(option_genesis());
    assert_eq!(live(&venue), [""; 0]);
    venue.set_index(BTC, price("100"));
    let listed = live(&venue);
    assert_eq!(listed.len(), 2 * 5 * 2, "{listed:?}");
    assert_eq!(listed[0], "1000000000 BTC-15NOV23-100-C");
    assert_eq!(listed[1], "1000000001 BTC-15NOV23-100-P");
    assert_eq!(listed[2], "1000000002 BTC-17NOV23-100-C");
    let of_day = |day: &str, right: &str| -> Vec<String> {
        let ends = format!("-{right}");
        let names = listed.iter().filter_map(|name| name.split(' ').nth(1));
        let strikes =
            names.filter_map(|name| name.strip_prefix(&format!("BTC-{day}-"))?.strip_suffix(&ends).map(str::to_owned));
        strikes.collect()
    };
    assert_eq!(of_day("15NOV23", "C"), ["100", "101", "102", "99", "98"]);
    assert_eq!(of_day("17NOV23", "P"), ["100", "101", "102", "99", "98"]);
    venue.set_index(BTC, price("100"));
    assert_eq!(live(&venue).len(), 20, "each is listed once");
    // The mark follows the index, and two strikes above are missing.
    venue.keep_index(BTC, price("102"), 8_000);
    let listed = live(&venue);
    assert_eq!(listed.len(), 20 + 2 * 2 * 2, "{listed:?}");
    assert!(listed.iter().any(|name| name.ends_with("BTC-15NOV23-104-P")));
    assert!(listed.iter().any(|name| name.ends_with("BTC-15NOV23-98-C")), "what is listed stays");
}

/// Marks are there from the block after the listing on, at the default volatility without books: a day and ten hours, at the money,
/// 0.6 × √(0.0268 years) × 100 × 0.3989.
#[test]
fn marks_come_from_the_surface() {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    let option = MarketId::new(MarketId::FIRST_OPTION);
    assert!(venue.state().mark(option).is_none());
    venue.block(&[], None);
    let call = venue.state().mark(option).expect("a mark").price;
    let put = venue.state().mark(MarketId::new(MarketId::FIRST_OPTION + 1)).expect("a mark").price;
    assert_eq!(call, put, "at the money both are worth the same");
    // 9 hours 46 minutes 38.98 s ahead: 100 × erf(0.6 × √years / √8).
    assert_eq!(call, price("0.79967917"));
}
