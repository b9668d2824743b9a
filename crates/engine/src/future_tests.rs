use super::*;
use crate::testing::price;
use palisade_types::numbers::{Amount, FundingIndex, Position};
use proptest::prelude::*;

/// The expiry in these tests.
const EXPIRY: TimeMs = TimeMs::new(1_000_000_000);

fn at(seconds_to_expiry: i64) -> TimeMs {
    TimeMs::new(EXPIRY.get().checked_add_signed(seconds_to_expiry * 1_000).expect("in range"))
}

fn index(value: Price, taken: i64) -> IndexRecord {
    IndexRecord { price: value, time_ms: at(taken), sources: 4, slow_price: value, variance: 0 }
}

/// Indices as (block's second, index) in order, the expiry at second 0: the record after the last of them.
fn record(indices: &[(i64, &str)]) -> SettlementRecord {
    let mut record: Option<SettlementRecord> = None;
    for (second, value) in indices {
        let index = index(price(value), *second);
        record = Some(match record {
            None => SettlementRecord::first(&index, EXPIRY, at(*second)),
            Some(record) => record.observed(&index, EXPIRY, at(*second)).expect("in range"),
        });
    }
    record.expect("at least one index")
}

/// An index voted again every 5 s, from one second to another.
fn steady(from: i64, to: i64, value: &'static str) -> Vec<(i64, &'static str)> {
    (from..to).step_by(5).map(|second| (second, value)).collect()
}

/// Name · indices · the second of the block that settles, with its index · settlement price and what was measured of the
/// window.
type Case = (&'static str, Vec<(i64, &'static str)>, (i64, IndexRecord), Option<&'static str>, u64);

fn check_settlements(cases: Vec<Case>) {
    for (name, indices, (second, last), expected, measured_s) in cases {
        let now = at(second);
        let record = record(&indices).observed(&last, EXPIRY, now).expect("in range");
        let found = record.settlement_price(Some(&last), EXPIRY, now);
        assert_eq!(found, Ok(expected.map(price)), "{name}");
        let measured = record.measured_to(EXPIRY, now).expect("in range").measured_ms;
        assert_eq!(measured, measured_s * 1_000, "{name}");
    }
}

#[test]
fn settlement_prices_of_a_measured_window() {
    let half_an_hour = |value| steady(-1_805, 0, value);
    let joined = |parts: &[Vec<(i64, &'static str)>]| parts.concat();
    check_settlements(vec![
        ("a steady index", half_an_hour("100"), (0, index(price("100"), 0)), Some("100"), 1_800),
        (
            "the block at the expiry does not count",
            half_an_hour("100"),
            (0, index(price("200"), 0)),
            Some("100"),
            1_800,
        ),
        (
            "half and half",
            joined(&[steady(-1_805, -900, "100"), steady(-900, 0, "104")]),
            (0, index(price("104"), 0)),
            Some("102"),
            1_800,
        ),
        (
            "10 % for 60 s in the middle: 100 × 10 % × 60 / 1800",
            joined(&[steady(-1_805, -600, "100"), steady(-600, -540, "110"), steady(-540, 0, "100")]),
            (0, index(price("100"), 0)),
            Some("100.33333333"),
            1_800,
        ),
        (
            "10 % for the last 60 s, and the last block delayed by an hour",
            joined(&[steady(-1_805, -60, "100"), steady(-60, 0, "110")]),
            (3_600, index(price("90"), 3_600)),
            Some("100.33333333"),
            1_800,
        ),
        (
            "before the window nothing counts",
            joined(&[steady(-3_600, -1_800, "1"), steady(-1_800, 0, "100")]),
            (0, index(price("100"), 0)),
            Some("100"),
            1_800,
        ),
        ("rounded down", steady(-1_805, 0, "0.00000003"), (0, index(price("1"), 0)), Some("0.00000003"), 1_800),
    ]);
}

#[test]
fn settlement_prices_with_gaps() {
    let joined = |parts: &[Vec<(i64, &'static str)>]| parts.concat();
    check_settlements(vec![
        (
            "a gap of ten minutes at the end: its first 10 s count, the rest is left out",
            joined(&[steady(-1_805, -1_200, "100"), steady(-1_200, -600, "104")]),
            (0, index(price("500"), 0)),
            // 600 s at 100, and 605 s at 104: the last vote, at −605, counts for 10 s.
            Some("102.00829875"),
            1_205,
        ),
        (
            "a gap in the middle",
            joined(&[steady(-1_805, -1_200, "100"), steady(-600, 0, "104")]),
            (0, index(price("104"), 0)),
            Some("101.99170124"),
            1_205,
        ),
        (
            "half of the window is enough",
            joined(&[steady(-1_805, -905, "100")]),
            (0, index(price("200"), 0)),
            Some("100"),
            900,
        ),
        (
            "less is not: the first index after",
            steady(-1_805, -910, "100"),
            (0, index(price("200"), 0)),
            Some("200"),
            895,
        ),
        (
            "an index from before does not end the wait",
            steady(-1_805, -910, "100"),
            (1, index(price("200"), -1)),
            None,
            895,
        ),
        ("nor does a stale one", steady(-1_805, -910, "100"), (60, index(price("200"), 49)), None, 895),
        ("a fresh one does", steady(-1_805, -910, "100"), (60, index(price("200"), 50)), Some("200"), 895),
        ("never measured", vec![(-1_860, "100")], (5, index(price("90"), 5)), Some("90"), 0),
        ("first seen within the window", steady(-1_000, 0, "100"), (0, index(price("50"), 0)), Some("100"), 1_000),
    ]);
    let waiting = record(&[(-1_860, "100")]);
    assert_eq!(waiting.settlement_price(None, EXPIRY, at(9)), Ok(None), "no index at all");
}

/// Seconds to the expiry, what was measured · the mark if the market's own is 110.
#[test]
fn marks_converge_to_the_settlement_price() {
    for (name, indices, second, expected) in [
        ("before the window", steady(-1_860, -1_800, "100"), -1_801, "110"),
        ("as the window begins", steady(-1_860, -1_800, "100"), -1_800, "110"),
        ("a third through", steady(-1_805, -1_200, "100"), -1_200, "106.66666666"),
        ("half through", steady(-1_805, -900, "100"), -900, "105"),
        ("a second before the end", steady(-1_805, -1, "100"), -1, "100.00555555"),
        ("half through, of which half was measured", steady(-1_805, -1_355, "100"), -900, "106.66666666"),
        ("nothing was measured", vec![(-1_860, "100")], -900, "110"),
        ("after the expiry, while the price is waited for", steady(-1_805, -910, "100"), 5, "110"),
    ] {
        let found = record(&indices).converged_mark(price("110"), EXPIRY, at(second));
        assert_eq!(found, Ok(price(expected)), "{name}");
    }
}

#[test]
fn payoffs_are_rounded_down() {
    for (name, lots, cost, at, value, paid) in [
        ("long with profit", 3, 290, "1", 300, 10),
        ("short with loss", -3, -290, "1", -300, -10),
        ("a long loses the fraction", 1, 0, "0.00000199", 1, 1),
        ("a short pays it", -1, 0, "0.00000199", -2, -2),
    ] {
        let held = PositionRecord {
            position: Position::new(lots),
            entry_cost_usd: Usd::new(cost * if at == "1" { 10_000 } else { 1 }),
            funding_index: FundingIndex::ZERO,
        };
        let unit = if at == "1" { 10_000 } else { 1 };
        let expected = (Usd::new(value * unit), Usd::new(paid * unit));
        assert_eq!(payoff(held, price(at), 2), Ok(expected), "{name}");
    }
    let vast = PositionRecord { entry_cost_usd: Usd::new(i128::MIN), ..PositionRecord::default() };
    assert_eq!(payoff(vast, price("1"), 2), Err(Rejection::Overflow));
}

proptest! {
    #![proptest_config(crate::testing::cases(300))]

    /// Against a model that looks at every second of the window.
    #[test]
    fn the_mean_is_the_sum_over_every_second(
        blocks in prop::collection::vec((1i64..200, 0i64..3, 1i64..1_000_000), 1..120), late in 0i64..100,
    ) {
        let mut second = -1_850;
        let mut indices: Vec<(i64, IndexRecord)> = Vec::new();
        for (step, age, value) in blocks {
            // A vote is no older than its block allows, and no older than the last one.
            second += step;
            let taken = (second - age).max(indices.last().map_or(i64::MIN, |(_, last)| {
                i64::try_from(last.time_ms.get()).expect("small") / 1_000 - 1_000_000 + 1
            }));
            indices.push((second, index(Price::new(value), taken)));
        }
        indices.retain(|(second, _)| *second < 0);
        prop_assume!(!indices.is_empty());
        let mut record = SettlementRecord::first(&indices[0].1, EXPIRY, at(indices[0].0));
        for (second, index) in &indices[1..] {
            record = record.observed(index, EXPIRY, at(*second)).expect("in range");
        }
        let record = record.measured_to(EXPIRY, at(late)).expect("in range");
        let (mut sum, mut seconds) = (0i128, 0u64);
        for second in -1_800i64..0 {
            let Some((_, held)) = indices.iter().rev().find(|(block, _)| *block <= second) else { continue };
            if at(second + 1) <= held.time_ms.saturating_add(INDEX_FRESH_MS) {
                sum += i128::from(held.price.get());
                seconds += 1;
            }
        }
        prop_assert_eq!(record.integral, sum * 1_000);
        prop_assert_eq!(record.measured_ms, seconds * 1_000);
    }

    /// Scenario 20: an index that is off by a part for a time moves the price by no more than their product.
    #[test]
    fn scenario_20_a_spike_moves_the_price_by_its_share_of_the_window(
        base in 1_000i64..10_000_000_000_000, percent in 1i64..50, from in -1_800i64..0, lasts in 1i64..300,
    ) {
        let spiked = base + base * percent / 100;
        let mut record = SettlementRecord::first(&index(Price::new(base), -1_805), EXPIRY, at(-1_805));
        for second in -1_804..0 {
            let value = if (from..from + lasts).contains(&second) { spiked } else { base };
            record = record.observed(&index(Price::new(value), second), EXPIRY, at(second)).expect("in range");
        }
        let settled = record.settlement_price(None, EXPIRY, at(0)).expect("in range").expect("measured");
        let moved = i128::from(settled.get()) - i128::from(base);
        prop_assert!(moved >= 0);
        prop_assert!(moved * 1_800 * 100 <= i128::from(base) * i128::from(percent) * i128::from(lasts));
    }

    /// Whatever is held and whatever it cost, delivery leaves in clearing what rounding left: never less than nothing, and
    /// less than one unit a position.
    #[test]
    fn deliveries_sum_to_zero_but_for_the_dust(
        lots in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 1..30), costs in prop::collection::vec(any::<i32>(), 31),
        settled in 1i64..10_000_000_000_000, size_decimals in 0u8..8,
    ) {
        let mut held: Vec<i64> = lots.clone();
        held.push(-lots.iter().sum::<i64>());
        let mut clearing: i128 = costs.iter().take(held.len()).map(|cost| -i128::from(*cost)).sum();
        let people = held.len() as i128;
        for (lots, cost) in held.into_iter().zip(costs) {
            let position = PositionRecord {
                position: Position::new(lots), entry_cost_usd: Usd::new(i128::from(cost)), funding_index: FundingIndex::ZERO,
            };
            let (_, paid) = payoff(position, Price::new(settled), size_decimals).expect("in range");
            clearing -= paid.get();
        }
        prop_assert!(Amount::new(clearing) >= Amount::ZERO && clearing < people, "{clearing}");
    }
}
