//! TWAPs: the schedule by itself, then through the whole engine.

use super::{CATCH_UP_MAX, RANDOM_SPREAD, random_part, wanted};
use crate::{
    execute::BlockOutcome,
    testing::{BTC, PERP, Venue, account_of, bundle, cases, check, price, scenario_on},
};
use palisade_types::{
    action::Action,
    event::Event,
    hash::ActionId,
    ids::TwapId,
    numbers::{Size, Usd},
    order::Side,
    receipt::{OrderResult, Outcome},
    time::TimeMs,
    twap::{Twap, TwapEnd, TwapRequest},
};
use proptest::{prop_assert, prop_assert_eq, proptest};

fn twap(size: u64, duration_minutes: u32, randomize: bool) -> Twap {
    Twap {
        id: TwapId::new(7),
        account: account_of("alice"),
        request: TwapRequest {
            market: PERP,
            side: Side::Buy,
            size: Size::new(size),
            duration_minutes,
            randomize,
            reduce_only: false,
        },
        action: ActionId::default(),
        started_at_ms: TimeMs::new(0),
        filled: Size::ZERO,
        filled_quote_usd: Usd::ZERO,
    }
}

#[test]
fn slices_keep_to_the_schedule_and_catch_up_at_three_times_the_pace() {
    let plain = twap(100, 5, false);
    assert_eq!(wanted(&plain, 0), Some(Size::new(10)));
    assert_eq!(wanted(&plain, 1), Some(Size::new(20)));
    assert_eq!(wanted(&plain, 2), Some(Size::new(30)));
    assert_eq!(wanted(&plain, 9), Some(Size::new(30)), "three times ten");
    let ahead = Twap { filled: Size::new(40), ..plain };
    assert_eq!(wanted(&ahead, 2), Some(Size::ZERO));
    assert_eq!(wanted(&ahead, 4), Some(Size::new(10)));
    // 101 lots in ten slices: eleven are the normal size
    assert_eq!(wanted(&twap(101, 5, false), 9), Some(Size::new(33)));
}

#[test]
fn random_parts_stay_within_their_spread_and_differ() {
    let parts: Vec<i128> = (0..1_000).map(|slice| random_part(TwapId::new(7), slice).expect("it is small")).collect();
    let spread = i128::from(RANDOM_SPREAD.get());
    assert!(parts.iter().all(|part| (-spread..=spread).contains(part)));
    assert!(parts.iter().any(|part| *part < -spread / 2) && parts.iter().any(|part| *part > spread / 2));
    assert_ne!(random_part(TwapId::new(8), 0), Some(parts[0]), "another TWAP has other parts");
    // Pinned: every node must find the same.
    assert_eq!(parts[..3], [PINNED[0], PINNED[1], PINNED[2]]);
}

const PINNED: [i128; 3] = [-92_714, -84_534, 160_587];

proptest! {
    #![proptest_config(cases(64))]

    /// Whatever is filled of the slices, they stay within what was asked for and within the catch-up bound; filled whole,
    /// they end on the last slice with everything.
    #[test]
    fn slices_add_up(size in 1_u64..10_000_000, minutes in 5_u32..60, randomize: bool, missed in 0_u32..8) {
        let mut run = twap(size, minutes, randomize);
        let slices = u64::from(minutes) * 2;
        for slice in 0..minutes * 2 {
            let lots = wanted(&run, slice).expect("in range");
            prop_assert!(lots.get() <= size.div_ceil(slices) * u64::try_from(CATCH_UP_MAX).expect("small"));
            // A few slices find nothing; there is time to catch up.
            if slice % 11 >= missed {
                run.filled = Size::new(run.filled.get() + lots.get());
            }
            prop_assert!(run.filled.get() <= size);
        }
        if missed == 0 {
            prop_assert_eq!(run.filled.get(), size);
        }
    }
}

#[test]
fn slices_trade_every_half_minute_and_make_up_for_what_was_missed() {
    check(
        "
        index BTC 100
        bob   sell BTC 1000 @ 101 gtc              -> resting 1000
        alice twap buy BTC 100 5                   -> runs
        alice twaps 0 of 100
        index BTC 100
        alice twaps 10 of 100
        // the second slice finds a stale index
        advance 30000
        alice twaps 10 of 100
        index BTC 100
        advance 26000
        index BTC 100
        alice twaps 10 of 100
        advance 3000
        alice twaps 30 of 100
        alice position BTC 30 cost 3030
        alice end-twap alice 1                     -> done
        alice twaps
        alice end-twap alice 1                     -> refused twap_not_running
        ",
    );
}

#[test]
fn a_slice_pays_at_most_three_percent_more_than_the_mark() {
    check(
        "
        index BTC 100
        bob   sell BTC 4 @ 103 gtc                 -> resting 4
        bob   sell BTC 1000 @ 103.5 gtc            -> resting 1000
        alice twap buy BTC 100 5                   -> runs
        advance 500
        alice twaps 4 of 100
        alice position BTC 4 cost 412
        ",
    );
}

#[test]
fn refusals_change_nothing() {
    let mut venue = check("alice twap buy BTC 100 5 -> refused no_fresh_price");
    scenario_on(&mut venue, "index BTC 100");
    let before = venue.comparable();
    scenario_on(
        &mut venue,
        "
        alice twap buy BTC/USDC 100 5              -> refused no_mark
        alice twap buy BTC 100 4                   -> refused out_of_range
        alice twap buy BTC 100 1441                -> refused out_of_range
        alice twap buy BTC 0 5                     -> refused zero_size
        alice twap buy BTC 9 5                     -> refused below_minimum_notional
        alice twap buy BTC 9 5 reduce              -> refused reduce_only_would_increase
        alice end-twap alice 1                     -> refused twap_not_running
        ",
    );
    assert_eq!(venue.comparable(), before);
    for _ in 0..10 {
        scenario_on(&mut venue, "alice twap buy BTC 100 1440 -> refused below_minimum_notional");
        scenario_on(&mut venue, "alice twap buy BTC 100 5 -> runs");
    }
    scenario_on(
        &mut venue,
        "
        alice twap buy BTC 100 5                   -> refused too_many_twaps
        bob   end-twap alice 1                     -> refused twap_not_running
        // the dead man's switch ends them
        alice schedule-cancel 6000                 -> done
        advance 6100
        alice twaps
        ",
    );
}

fn second_with_index(venue: &mut Venue, value: &str) -> BlockOutcome {
    let time_ms = venue.engine.time_ms().saturating_add(1_000);
    let prices = bundle(BTC, &[price(value); 4], time_ms);
    venue.block_at(time_ms, &[], Some(&prices)).expect("a valid block")
}

fn run_to_the_end(request: TwapRequest, offered: &str) -> (Vec<(u32, u64, OrderResult)>, Twap, TwapEnd) {
    let mut venue = check(offered);
    let Outcome::Twap { twap } = venue.act("alice", Action::PlaceTwap { twap: request }).outcome else {
        panic!("it starts")
    };
    let mut tried = Vec::new();
    for _ in 0..400 {
        for event in second_with_index(&mut venue, "100").events {
            match event {
                Event::TwapSlice { slice, size, result, .. } => tried.push((slice, size.get(), result)),
                Event::TwapEnded { twap, reason } => return (tried, twap, reason),
                _ => {}
            }
        }
    }
    panic!("twap {twap} does not end")
}

#[test]
fn it_ends_when_all_is_filled_or_its_time_is_over() {
    let request = twap(1_000, 5, false).request;
    let (tried, twap, reason) = run_to_the_end(request, "index BTC 100\nbob sell BTC 2000 @ 100 gtc -> resting 2000");
    assert_eq!((twap.filled.get(), reason), (1_000, TwapEnd::Filled));
    assert_eq!(twap.filled_quote_usd, crate::testing::usd("100000"));
    assert_eq!(tried.iter().map(|(slice, size, _)| (*slice, *size)).collect::<Vec<_>>(), {
        (0..10).map(|slice| (slice, 100)).collect::<Vec<_>>()
    });
    let (tried, twap, reason) = run_to_the_end(request, "index BTC 100\nbob sell BTC 30 @ 100 gtc -> resting 30");
    assert_eq!((twap.filled.get(), reason, tried.len()), (30, TwapEnd::TimeOver, 10));
    assert!(tried.iter().all(|(_, size, _)| *size <= 300));
}

#[test]
fn a_randomised_one_fills_the_same_whole_in_other_parts() {
    let request = twap(1_000, 5, true).request;
    let (tried, twap, reason) = run_to_the_end(request, "index BTC 100\nbob sell BTC 2000 @ 100 gtc -> resting 2000");
    assert_eq!((twap.filled.get(), reason), (1_000, TwapEnd::Filled));
    assert!(tried.iter().any(|(_, size, _)| *size != 100));
}
