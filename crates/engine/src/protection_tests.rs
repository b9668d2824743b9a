//! Market-maker protection: the window by itself against an exact one, then through the whole engine.

use crate::{
    state::{MakerFilled, ProtectionRecord},
    testing::{PERP, Venue, account_of, cases, check, scenario_on},
};
use palisade_types::{numbers::Size, order::Side, quote::ProtectionTerms, time::TimeMs};
use proptest::{collection::vec, prop_assert, proptest};

fn terms(window_ms: u64, size_limit: u64, delta_limit: Option<u64>) -> ProtectionTerms {
    ProtectionTerms {
        window_ms,
        frozen_ms: 5_000,
        size_limit: Size::new(size_limit),
        delta_limit: delta_limit.map(Size::new),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// Never later than an exact window that slides, and never for what is older than two windows.
    #[test]
    fn it_fires_no_later_than_a_sliding_window_and_forgets_after_two(
        fills in vec((0_u64..400, 1_u64..10, proptest::bool::ANY), 1..60), size in 5_u64..60, delta in 3_u64..40,
    ) {
        let window = 1_000;
        let mut record = ProtectionRecord::new(terms(window, size, Some(delta)));
        let mut now = 5_000_u64;
        let mut all: Vec<(u64, i64)> = Vec::new();
        for (wait, lots, bought) in fills {
            now += wait;
            let signed = i64::try_from(lots).expect("small") * if bought { 1 } else { -1 };
            all.push((now, signed));
            let side = if bought { Side::Buy } else { Side::Sell };
            record = record.counted(TimeMs::new(now), side, Size::new(lots));
            let since = |span: u64| all.iter().filter(move |(time, _)| now - time < span).map(|(_, lots)| *lots);
            let exceeds = |span: u64| {
                let total = since(span).map(i64::unsigned_abs).sum::<u64>();
                let net = since(span).sum::<i64>().unsigned_abs();
                (total > size, net > delta)
            };
            let (exact_size, exact_delta) = exceeds(window);
            prop_assert!(record.is_exceeded() || !(exact_size || exact_delta), "too late");
            let gross = since(2 * window).map(i64::unsigned_abs).sum::<u64>();
            prop_assert!(!record.is_exceeded() || gross > size || gross > delta, "for nothing that is young enough");
        }
    }
}

#[test]
fn a_later_bucket_forgets_the_older_ones() {
    let record = ProtectionRecord::new(terms(1_000, 10, None));
    let lots = Size::new(4);
    let first = record.counted(TimeMs::new(10_500), Side::Buy, lots);
    let second = first.counted(TimeMs::new(11_900), Side::Sell, lots);
    assert_eq!(second.before, MakerFilled { bought: lots, sold: Size::ZERO });
    assert_eq!(second.present, MakerFilled { bought: Size::ZERO, sold: lots });
    let third = second.counted(TimeMs::new(13_000), Side::Buy, lots);
    assert_eq!(third.before, MakerFilled::default());
}

#[test]
fn quotes_leave_once_too_much_was_traded_and_come_back_after_the_freeze() {
    check(
        "
        index BTC 100
        alice protect BTC window 1000 frozen 5000 size 10 -> done
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        book BTC | 5@101
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        alice buy BTC 1 @ 90 gtc                   -> resting 1
        bob   sell BTC 1 @ 99 ioc                  -> filled 1 for 99
        // eleven lots: both quotes are gone, the order stays
        book BTC 1@90 |
        alice quote BTC 5@99 5@101                 -> bid rejected quotes_frozen, ask rejected quotes_frozen
        alice quote BTC - -                        -> no bid, no ask
        alice buy BTC 1 @ 91 gtc                   -> resting 1
        advance 4900
        alice quote BTC 5@99 5@101                 -> bid rejected quotes_frozen, ask rejected quotes_frozen
        advance 100
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        // it counts from zero
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        book BTC 1@91 1@90 | 5@101
        ",
    );
}

#[test]
fn what_is_older_than_the_window_does_not_count() {
    check(
        "
        index BTC 100
        alice protect BTC window 500 frozen 0 size 6 -> done
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        advance 1000
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        book BTC | 5@101
        ",
    );
}

#[test]
fn a_freeze_without_end_waits_for_a_reset() {
    check(
        "
        index BTC 100
        alice protect BTC window 1000 frozen 0 size 100 delta 4 -> done
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 4 @ 99 ioc                  -> filled 4 for 396
        book BTC 1@99 | 5@101
        bob   sell BTC 1 @ 99 ioc                  -> filled 1 for 99
        book BTC |
        advance 8000
        alice quote BTC 5@99 -                     -> bid rejected quotes_frozen, no ask
        // new bounds do not end it
        alice protect BTC window 1000 frozen 0 size 100 -> done
        alice quote BTC 5@99 -                     -> bid rejected quotes_frozen, no ask
        bob   reset BTC                            -> done
        alice quote BTC 5@99 -                     -> bid rejected quotes_frozen, no ask
        alice reset BTC                            -> done
        alice quote BTC 5@99 -                     -> bid rests, no ask
        alice unprotect BTC                        -> done
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        ",
    );
}

#[test]
fn only_what_was_traded_as_maker_in_the_market_counts() {
    let venue = check(
        "
        index BTC 100
        alice protect BTC window 60000 frozen 0 size 4 -> done
        bob   sell BTC 9 @ 100 gtc                 -> resting 9
        alice buy BTC 9 @ 100 ioc                  -> filled 9 for 900
        alice sell BTC/USDC 9 @ 100 gtc            -> resting 9
        bob   buy BTC/USDC 9 @ 100 ioc             -> filled 9 for 900
        alice quote BTC 4@99 4@101                 -> bid rests, ask rests
        bob   sell BTC 4 @ 99 ioc                  -> filled 4 for 396
        book BTC | 4@101
        ",
    );
    let record = venue.state().protection(account_of("alice"), PERP).expect("it is set");
    assert_eq!(record.present.bought.get() + record.before.bought.get(), 4);
}

#[test]
fn refusals_change_nothing() {
    let mut venue = Venue::new();
    let before = venue.comparable();
    scenario_on(
        &mut venue,
        "
        alice protect BTC window 99 frozen 0 size 1      -> refused out_of_range
        alice protect BTC window 3600001 frozen 0 size 1 -> refused out_of_range
        alice protect BTC window 100 frozen 86400001 size 1 -> refused out_of_range
        alice protect BTC window 100 frozen 0 size 0     -> refused out_of_range
        alice protect BTC window 100 frozen 0 size 1 delta 0 -> refused out_of_range
        alice reset BTC                                  -> done
        alice unprotect BTC                              -> done
        ",
    );
    assert_eq!(venue.comparable(), before);
}
