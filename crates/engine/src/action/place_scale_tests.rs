//! Scales: the expansion by itself, then through the whole engine.

use super::Scale;
use crate::testing::{PERP, cases, check, price, scenario_on};
use palisade_types::{
    numbers::{Price, Rate, Size},
    order::Side,
};
use proptest::{prop_assert, prop_assert_eq, proptest};

#[test]
fn orders_lie_evenly_and_grow_evenly() {
    check(
        "
        index BTC 100
        alice scale buy BTC 100 from 90 to 99 orders 4 skew 2 -> resting 16, resting 22, resting 28, resting 34
        book BTC 34@99 28@96 22@93 16@90 |
        alice cancel-all                           -> canceled 4
        // prices between ticks move away from the other side: 90, 93.25, 96.5 …
        alice scale buy BTC 60 from 90 to 96.5 orders 3  -> resting 20, resting 20, resting 20
        alice scale sell BTC 60 from 101 to 107.5 orders 3 alo -> resting 20, resting 20, resting 20
        book BTC 20@96.5 20@93 20@90 | 20@101 20@104.5 20@107.5
        // downwards, and to the left
        bob   scale sell BTC 30 from 120 to 110 orders 2 skew 0.5 -> resting 20, resting 10
        book BTC 20@96.5 20@93 20@90 | 20@101 20@104.5 20@107.5 10@110 20@120
        // what crosses trades at once
        carol scale buy BTC 30 from 101 to 100 orders 2 -> filled 15 for 1515, resting 15
        ",
    );
}

#[test]
fn all_are_placed_or_none() {
    let mut venue = check(
        "
        index BTC 100
        bob   sell BTC 5 @ 101 gtc                 -> resting 5
        ",
    );
    let before = venue.comparable();
    scenario_on(
        &mut venue,
        "
        alice scale buy BTC 40 from 99 to 102 orders 4 alo -> refused would_match
        alice scale buy BTC 40 from 99 to 99.5 orders 1 -> refused out_of_range
        alice scale buy BTC 40 from 99 to 99.5 orders 21 -> refused out_of_range
        alice scale buy BTC 40 from 99 to 99.5 orders 0 -> refused out_of_range
        alice scale buy BTC 40 from 99 to 99.5 orders 4 skew 0.009 -> refused out_of_range
        alice scale buy BTC 40 from 99 to 99.5 orders 4 skew 101 -> refused out_of_range
        alice scale buy BTC 40 from 99.1 to 102 orders 4 -> refused off_tick
        alice scale buy BTC 40 from 99 to 0 orders 4 -> refused price_not_positive
        alice scale buy BTC 3 from 99 to 97 orders 4 -> refused zero_size
        alice scale buy BTC 40 from 160 to 97 orders 4 -> refused outside_price_band
        alice scale buy BTC 40 from 99 to 97 orders 4 reduce -> refused reduce_only_would_increase
        alice scale buy BTC 20000 from 99 to 97 orders 4 -> refused position_cap
        alice scale buy BTC/USDC 1200 from 99 to 97 orders 4 -> refused insufficient_balance
        ",
    );
    assert_eq!(venue.comparable(), before);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn sizes_sum_and_prices_stay_in_the_range(
        size in 1_u64..1_000_000_000, from in 1_i64..100_000, to in 1_i64..100_000, orders in 2_u8..=20,
        skew in 10_000_i64..=100_000_000, is_buy: bool,
    ) {
        let tick = price("0.5");
        let at = |ticks: i64| Price::new(ticks * tick.get());
        let scale = Scale {
            market: PERP,
            side: if is_buy { Side::Buy } else { Side::Sell },
            size: Size::new(size),
            price_from: at(from),
            price_to: at(to),
            orders,
            skew: Rate::new(skew),
            post_only: false,
            reduce_only: false,
        };
        let requests = scale.expand(tick).expect("in range");
        prop_assert_eq!(requests.len(), usize::from(orders));
        prop_assert_eq!(requests.iter().map(|request| request.size.get()).sum::<u64>(), size);
        prop_assert_eq!(requests[0].price, at(from));
        prop_assert_eq!(requests[requests.len() - 1].price, at(to));
        let (low, high) = (at(from.min(to)), at(from.max(to)));
        prop_assert!(requests.iter().all(|request| request.price >= low && request.price <= high));
        prop_assert!(requests.iter().all(|request| request.price.get() % tick.get() == 0));
        // Within one lot of the exact share, and so within two of the even growth.
        let lots = |place: usize| i128::from(requests[place].size.get());
        let (first, last, skew) = (lots(0), lots(requests.len() - 1), i128::from(skew));
        prop_assert!((last * 1_000_000 - first * skew).abs() <= 2_000_000 + 2 * skew);
    }
}
