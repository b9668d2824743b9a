use super::*;

/// 2026-11-22 16:29:34.500 UTC, a Sunday.
const NOW_MS: u64 = 1_795_364_974_500;

#[test]
fn every_interval_holds_its_time_and_has_a_name() {
    for interval in Interval::ALL {
        for time_ms in [0, 1, NOW_MS, NOW_MS + 40 * DAY_MS] {
            let open = interval.open_ms(time_ms);
            let close = interval.close_ms(open);
            assert!(open <= time_ms && time_ms <= close, "{interval:?} {open} {time_ms} {close}");
            if open > 0 {
                assert_eq!(interval.open_ms(close + 1), close + 1, "{interval:?}: the next one begins right after");
            }
        }
        assert_eq!(Interval::parse(interval.name()), Some(interval));
    }
    assert_eq!(Interval::parse("7m"), None);
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    assert_eq!(Interval::Week.open_ms(NOW_MS), 1_794_787_200_000, "2026-11-16");
    assert_eq!(Interval::Month.open_ms(NOW_MS), 1_793_491_200_000, "2026-11-01");
    assert_eq!(Interval::Month.close_ms(1_793_491_200_000), 1_796_083_200_000 - 1, "2026-12-01");
    let leap = 1_709_164_800_000; // 2024-02-29
    assert_eq!(Interval::Month.open_ms(leap), 1_706_745_600_000, "2024-02-01");
    assert_eq!(Interval::Month.close_ms(1_706_745_600_000), 1_709_251_200_000 - 1, "2024-03-01");
    assert_eq!(Interval::Month.open_ms(1_704_067_200_000), 1_704_067_200_000, "2024-01-01");
}

#[test]
fn trades_build_candles_and_the_oldest_go_first() {
    let mut series = CandleSeries::default();
    let add = |series: &mut CandleSeries, time_ms: u64, price: i64, size: u64| {
        let price = Price::new(price);
        series.add(MarketId::new(0), TimeMs::new(time_ms), price, Size::new(size), Usd::new(7), 3);
    };
    for (offset, price, size) in [(0, 10, 1), (10, 30, 2), (20, 5, 3), (30, 20, 4)] {
        add(&mut series, NOW_MS + offset, price, size);
    }
    let candle = series.newest(Interval::MINUTE).expect("a candle");
    let prices = [candle.open, candle.high, candle.low, candle.close].map(Price::get);
    assert_eq!(prices, [10, 30, 5, 20]);
    assert_eq!((candle.volume.get(), candle.quote_usd.get(), candle.trades), (10, 28, 4));
    for minute in 1..=4 {
        add(&mut series, NOW_MS + minute * MINUTE_MS, 40, 1);
    }
    let all = series.range(Interval::MINUTE, 0, u64::MAX, 100);
    assert_eq!(all.len(), 3, "bounded");
    assert!(all.windows(2).all(|pair| pair[0].open_ms < pair[1].open_ms), "oldest first");
    assert_eq!(series.range(Interval::MINUTE, 0, u64::MAX, 2), all[1..]);
    assert!(series.range(Interval::MINUTE, 5, 4, 2).is_empty(), "an empty span is no error");
    assert_eq!(series.newest(Interval::Month).map(|candle| candle.trades), Some(8));
    assert_eq!(series.last_before(Interval::MINUTE, all[1].open_ms), Some(all[0]));
}
