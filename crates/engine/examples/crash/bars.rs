//! Minute bars of the day, one series per market.

use crate::market::MARKETS;
use std::{collections::BTreeMap, path::Path};

pub const FILE: &str = "crash/2025-10-10_1m_bars_from_trades_55series.csv.zst";
const DAY_MS: u64 = 1_760_054_400_000;

/// A minute of one series, in 1e-8 USD.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
}

/// By market and minute of the day.
pub type Bars = Vec<BTreeMap<u64, Bar>>;

pub fn read(root: &Path) -> Option<Bars> {
    let file = std::fs::File::open(root.join(FILE)).ok()?;
    let text = String::from_utf8(zstd::decode_all(file).expect("the file is zstd")).expect("the file is text");
    let mut bars: Bars = vec![BTreeMap::new(); MARKETS.len()];
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [time, venue, symbol, open, high, low, close, ..] = fields[..] else { panic!("a bar: {line}") };
        let Some(place) = MARKETS.iter().position(|market| market.series == (venue, symbol)) else { continue };
        let price = |text: &str| (text.parse::<f64>().expect("a price") * 1e8).round() as i64;
        let minute = (time.parse::<u64>().expect("a time") - DAY_MS) / 60_000;
        let bar = Bar { open: price(open), high: price(high), low: price(low), close: price(close) };
        bars[place].insert(minute, bar);
    }
    Some(bars)
}

/// The price within a minute at `step` of `steps`: open, then the extreme against the close's direction, the other extreme,
/// and the close, on straight lines. A minute without trades keeps the close before it.
pub fn price(bars: &BTreeMap<u64, Bar>, minute: u64, step: u64, steps: u64) -> i64 {
    let Some(bar) = bars.get(&minute) else {
        return bars.range(..minute).next_back().map_or(1, |(_, bar)| bar.close);
    };
    let path = if bar.close < bar.open {
        [bar.open, bar.high, bar.low, bar.close]
    } else {
        [bar.open, bar.low, bar.high, bar.close]
    };
    let place = 3.0 * step as f64 / (steps - 1).max(1) as f64;
    let leg = (place.floor() as usize).min(2);
    let along = place - leg as f64;
    (path[leg] as f64 + (path[leg + 1] - path[leg]) as f64 * along).round() as i64
}
