//! Perpetuals over real prices of 10 October 2025. Within forty minutes the minute closes of AVAX fell from 26.6 to 17.6 on the spot
//! venues that the index follows, and to 6.6 in the book of a perpetual: what happens to marks when a book runs empty.

use crate::exchange::{Exchange, Setup, account};
use palisade_engine::accounts;
use palisade_types::{
    action::Action,
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Price, Size},
    order::{OrderRequest, Side, TimeInForce},
};
use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

const BARS: &str = "crash/2025-10-10_1m_bars_from_trades_55series.csv.zst";
const FROM_MINUTE: u64 = 20 * 60 + 40;
const UNTIL_MINUTE: u64 = 22 * 60 + 20;
const DAY_MS: u64 = 1_760_054_400_000;
const UNDERLYING: AssetId = AssetId::new(2);
const MARKET: MarketId = MarketId::new(1);
/// The market's tick is 0.1 USD; a hundred AVAX are about as dear as the asset it was made for.
const UNITS: i64 = 100;

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    coinbase: Option<i64>,
    gemini: Option<i64>,
    perpetual: Option<i64>,
}

/// Closes by minute of the day, in 1e-8 USD of a hundred AVAX; none if the data is not on this machine.
fn minutes() -> Option<BTreeMap<u64, Minute>> {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(file) = std::fs::File::open(root.join(BARS)) else {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: PALISADE_DATA has no {BARS}; this test has checked NOTHING");
        return None;
    };
    let text = String::from_utf8(zstd::decode_all(file).expect("the file is zstd")).expect("the file is text");
    let mut minutes: BTreeMap<u64, Minute> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [open_time_ms, venue, symbol, _, _, _, close, ..] = fields[..] else { panic!("a bar: {line}") };
        let time_ms: u64 = open_time_ms.parse().expect("a time");
        let minute = minutes.entry((time_ms - DAY_MS) / 60_000).or_default();
        let place = match (venue, symbol) {
            ("coinbase", "AVAX-USD") => &mut minute.coinbase,
            ("gemini", "AVAXUSD") => &mut minute.gemini,
            ("binance-delivery", "AVAXUSD_PERP") => &mut minute.perpetual,
            _ => continue,
        };
        *place = Some(close.parse::<Price>().expect("a price").get() * UNITS);
    }
    Some(minutes)
}

fn order(side: Side, price: i64, lots: u64, time_in_force: TimeInForce) -> Action {
    let tick = 10_000_000;
    Action::Place {
        orders: vec![OrderRequest {
            market: MARKET,
            side,
            price: Price::new(price - price % tick),
            size: Size::new(lots),
            time_in_force,
            reduce_only: false,
            client_order_id: None,
        }],
    }
}

#[test]
fn the_tenth_of_october() {
    let Some(minutes) = minutes() else { return };
    let mut setup = Setup::default();
    for (name, usd) in [("maker", "10000000"), ("bull", "40000"), ("bear", "40000"), ("small", "3000")] {
        setup.funds.insert(name.to_owned(), usd.parse().expect("an amount"));
    }
    let mut exchange = Exchange::new(&setup);
    let mut last = Minute::default();
    let (mut lowest_mark, mut widest) = (i64::MAX, 0i64);
    for minute in FROM_MINUTE..UNTIL_MINUTE {
        let bar = minutes.get(&minute).copied().unwrap_or_default();
        last = Minute {
            coinbase: bar.coinbase.or(last.coinbase),
            gemini: bar.gemini.or(last.gemini),
            perpetual: bar.perpetual.or(last.perpetual),
        };
        let (Some(coinbase), Some(book)) = (last.coinbase, last.perpetual) else { continue };
        // Three honest seats of which one reads an illiquid venue, and one that reads the perpetual itself.
        let said = [coinbase, coinbase + coinbase / 10_000, last.gemini.unwrap_or(coinbase), book];
        let mut sorted = said;
        sorted.sort_unstable();
        for second in (0..60).step_by(5) {
            exchange.seats_say(UNDERLYING, &said);
            let bundle = exchange.bundle(exchange.time_ms + 5_000, |_| true);
            let actions = match second {
                0 => vec![("maker".to_owned(), Action::CancelAll { market: None })],
                5 => vec![
                    ("maker".to_owned(), order(Side::Buy, book - book / 500, 200_000, TimeInForce::Gtc)),
                    ("maker".to_owned(), order(Side::Sell, book + book / 500, 200_000, TimeInForce::Gtc)),
                ],
                10 => vec![("bull".to_owned(), order(Side::Buy, book + book / 100, 20_000, TimeInForce::Ioc))],
                20 => vec![("bear".to_owned(), order(Side::Sell, book - book / 100, 15_000, TimeInForce::Ioc))],
                30 => vec![("small".to_owned(), order(Side::Buy, book + book / 100, 2_000, TimeInForce::Ioc))],
                _ => Vec::new(),
            };
            exchange.block_with(5_000, Some(&bundle), &actions).expect("a valid block");
            let state = exchange.engine.state();
            let index = state.index(UNDERLYING).expect("set").price.get();
            assert_eq!(index, sorted[1], "the lower median at minute {minute}");
            let mark = state.mark(MARKET).expect("set").price.get();
            assert!((mark - index).abs() * 100 <= index * 3 + 100, "minute {minute}: mark {mark}, index {index}");
            lowest_mark = lowest_mark.min(mark);
            widest = widest.max((mark - index).abs() * 1_000_000 / index);
            for name in ["bull", "bear", "small", "maker"] {
                let margin = accounts::margin(state, account(name), UniverseId::new(0)).expect("in range");
                let plain = exchange.auditor.standing(state, account(name));
                assert_eq!(margin.equity_usd().map(|usd| usd.get()), Ok(plain.equity), "{name} at minute {minute}");
            }
        }
    }
    let trades = exchange.auditor.trades();
    let liquidations = exchange.auditor.liquidations();
    println!(
        "{trades} trades, {liquidations} liquidations, lowest mark {}, widest basis {widest} ppm",
        Price::new(lowest_mark)
    );
    assert!(trades > 100, "{trades} trades");
    assert_eq!(widest, 30_000, "the book left the index, and the band held");
    assert!(lowest_mark > 1_700 * 100_000_000, "the mark never followed the book: {lowest_mark}");
    assert!(liquidations > 0, "accounts fell below maintenance, as they would");
}
