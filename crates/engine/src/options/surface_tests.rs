use super::*;
use crate::{
    state::OptionExpiryId,
    testing::{BTC, CORE, PERP, Venue, option_genesis, price, scenario_on},
};
use palisade_pricing::Q57;

fn venue() -> Venue {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

/// The volatility at the money of the expiry on Wednesday, in parts per million.
fn volatility(venue: &Venue) -> i64 {
    let id = OptionExpiryId { universe: CORE, underlying: BTC, expires_at_ms: TimeMs::new(1_700_035_200_000) };
    let slice = venue.state().option_expiry(id).and_then(|record| record.slice).expect("it was fitted");
    i64::try_from(slice.volatility(Q57::ZERO).get() / VOLATILITY_PER_RATE).expect("in range")
}

/// A book that says twice the default moves the surface by a percent a second, no faster; when it is gone the surface stays.
#[test]
fn the_surface_follows_books_at_its_pace() {
    let mut venue = venue();
    assert!((volatility(&venue) - 600_000).abs() < 100);
    // In the money: what it says is not heard.
    scenario_on(&mut venue, "alice buy BTC-15NOV23-98-C 10 @ 4.5 gtc -> resting 10");
    scenario_on(&mut venue, "bob sell BTC-15NOV23-98-C 10 @ 4.6 gtc -> resting 10");
    venue.keep_index(BTC, price("100"), 8_000);
    assert!((volatility(&venue) - 600_000).abs() < 100);
    // 120 % for 9 hours 46 minutes: 1.6. One side alone is no quote, and neither is an ask of more than twice the bid.
    scenario_on(&mut venue, "alice buy BTC-15NOV23-100-C 10 @ 1.59 gtc cloid 1 -> resting 10");
    scenario_on(&mut venue, "bob sell BTC-15NOV23-100-C 10 @ 3.19 gtc cloid 1 -> resting 10");
    venue.keep_index(BTC, price("100"), 8_000);
    assert!((volatility(&venue) - 600_000).abs() < 100);
    scenario_on(&mut venue, "bob sell BTC-15NOV23-100-C 10 @ 1.61 gtc cloid 2 -> resting 10");
    let mut before = volatility(&venue);
    for _ in 0..4 {
        venue.set_index(BTC, price("100"));
        let now = volatility(&venue);
        assert!(now > before + 3_000 && now <= before + 10_200, "{before} {now}");
        before = now;
    }
    scenario_on(&mut venue, "alice cancel-all -> canceled 2");
    let kept = volatility(&venue);
    venue.keep_index(BTC, price("100"), 60_000);
    assert!((volatility(&venue) - kept).abs() < 100);
}

/// With one lot held, reduce-only orders of 10000 lots counted whole beside what others really offered, and reserved nothing.
#[test]
fn orders_that_only_reduce_are_no_quotes() {
    let mut venue = venue();
    scenario_on(&mut venue, "carol buy BTC-15NOV23-100-C 1 @ 0.8 gtc -> resting 1");
    scenario_on(&mut venue, "dave sell BTC-15NOV23-100-C 1 @ 0.8 gtc -> filled 1 for 0.08");
    scenario_on(&mut venue, "carol sell BTC-15NOV23-100-C 10000 @ 1.61 gtc reduce -> resting 10000");
    scenario_on(&mut venue, "dave buy BTC-15NOV23-100-C 10000 @ 1.59 gtc reduce -> resting 10000");
    venue.keep_index(BTC, price("100"), 8_000);
    assert!((volatility(&venue) - 600_000).abs() < 100);
    // What stands behind them is heard.
    scenario_on(&mut venue, "alice buy BTC-15NOV23-100-C 10 @ 1.58 gtc -> resting 10");
    scenario_on(&mut venue, "bob sell BTC-15NOV23-100-C 10 @ 1.62 gtc -> resting 10");
    venue.keep_index(BTC, price("100"), 8_000);
    assert!(volatility(&venue) > 610_000);
}

/// The slow forward follows the forward by 0.03 % of itself per second, and so do the marks made of it; they meet when it has caught up.
#[test]
fn slow_forwards_follow_at_the_pace_of_slow_prices() {
    let mut venue = venue();
    let id = OptionExpiryId { universe: CORE, underlying: BTC, expires_at_ms: TimeMs::new(1_700_035_200_000) };
    let record = |venue: &Venue| *venue.state().option_expiry(id).expect("it is listed");
    let option = venue.state().options_of(id).next().expect("it has some");
    assert_eq!(record(&venue).slow_forward, price("100"));
    let mut slow = record(&venue);
    for _ in 0..3 {
        venue.set_index(BTC, price("103"));
        let now = record(&venue);
        assert!(now.forward > now.slow_forward, "with the mark: {}", now.forward);
        let elapsed_ms = i64::try_from(now.as_of_ms.since(slow.as_of_ms)).expect("in range");
        let most = slow.slow_forward.get() * 3 * elapsed_ms / 10_000_000;
        let moved = now.slow_forward.get() - slow.slow_forward.get();
        assert!((most..=most + 1).contains(&moved), "{moved} of {most}");
        let mark = venue.state().mark(option).expect("a mark");
        let contract = venue.state().market(option).and_then(|market| market.option()).expect("an option");
        assert_eq!(Some(mark.slow_price), now.slow_mark_price(&contract));
        assert_ne!(mark.slow_price, mark.price);
        slow = now;
    }
    venue.keep_index(BTC, price("103"), 120_000);
    let mark = venue.state().mark(option).expect("a mark");
    assert_eq!((record(&venue).slow_forward, mark.slow_price), (price("103"), mark.price));
}

/// One price and then silence, or a pause of three minutes: slow forwards and slow marks move for as long as the index is fresh, and for
/// ten seconds at once.
#[test]
fn neither_silence_nor_a_pause_confirms_a_wick() {
    let mut venue = venue();
    let id = OptionExpiryId { universe: CORE, underlying: BTC, expires_at_ms: TimeMs::new(1_700_035_200_000) };
    let slow = |venue: &Venue| {
        let record = *venue.state().option_expiry(id).expect("it is listed");
        let mark = *venue.state().mark(PERP).expect("a mark");
        assert!(record.forward > price("105") && mark.price > price("105"), "{record:?} {mark:?}");
        [record.slow_forward, mark.slow_price]
    };
    venue.set_index(BTC, price("110"));
    venue.advance(60_000);
    let after_silence = slow(&venue);
    // A second, ten of a fresh index, and rounding: at most 0.03 % each.
    assert!(after_silence.iter().all(|slow| *slow > price("100.2") && *slow < price("100.4")), "{after_silence:?}");
    venue.skip(180_000, BTC, price("110"));
    let after_pause = slow(&venue);
    assert!(after_pause.iter().all(|slow| *slow > price("100.4") && *slow < price("100.75")), "{after_pause:?}");
}
