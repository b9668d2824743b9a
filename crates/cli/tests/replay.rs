//! Real prices: recorded bars of several venues go in at one end, the index comes out at the other.
//!
//! A devnet replays the bars at one recorded minute per two seconds; a follower reads every block over RPC and compares
//! each index with the median of the venues' closes of that minute, computed here from the file alone.

mod support;

use palisade_client::api::NodeApi as _;
use palisade_types::{event::Event, ids::Height};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use support::{Devnet, Folder, Remote};

const MINUTE_MS: u64 = 60_000;
const REPLAYED_MINUTE_MS: u64 = 2_000;
/// Recorded minutes that are compared: the fall and the way back. The client tests replay 200 minutes through the same binary.
const MINUTES: u64 = 35;
/// Minutes of the day before the comparison begins: 20:45 UTC, five minutes before the crash of 10 October 2025.
const CRASH_MINUTE: u64 = 20 * 60 + 45;
/// One tick: prices count in 1e-8 USD, and every market's tick is larger.
const TICK: i128 = 1;
/// One minute in so many may lack its index.
const MISSED_SHARE: u64 = 10;

/// Closes in 1e-8 USD by (base, minute).
type Closes = BTreeMap<(String, u64), Vec<i128>>;

/// An independent reading of the file: of its bars against USD and USDT, as integers.
fn closes(text: &str, bases: &BTreeSet<String>) -> Closes {
    let mut closes = Closes::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (minute, symbol, close) = (fields[0].parse().expect("a time"), fields[2], fields[6]);
        let plain = symbol.replace("_PERP", "").replace('-', "");
        let base = plain.strip_suffix("USDT").or(plain.strip_suffix("USD"));
        if let Some(base) = base.filter(|base| bases.contains(*base)) {
            closes.entry((base.to_owned(), minute)).or_default().push(scaled(close));
        }
    }
    closes
}

fn scaled(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("00000000".chars()).take(8).collect();
    whole.parse::<i128>().expect("digits") * 100_000_000 + digits.parse::<i128>().expect("digits")
}

/// Twice the median, so that the mean of two closes stays whole.
fn twice_median(closes: &[i128]) -> i128 {
    let mut sorted = closes.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { 2 * sorted[middle] } else { sorted[middle - 1] + sorted[middle] }
}

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let file = folder.join("crash/2025-10-10_1m_bars_from_trades_55series.csv.zst");
    file.is_file().then_some(file)
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).expect("a file");
    if path.extension().is_some_and(|extension| extension == "zst") {
        zstd::stream::read::Decoder::new(file).and_then(|mut file| file.read_to_string(&mut text)).expect("bars");
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).expect("bars");
    }
    text
}

/// Bars that the project makes itself: three venues, one silent every seventh minute, prices that jump.
fn made_up_bars(path: &Path, minutes: u64) {
    let mut text = String::from("open_time_ms,venue,symbol,open,high,low,close,volume,trades\n");
    for minute in 0..minutes {
        let time = minute * MINUTE_MS;
        for (venue, symbol, cents) in [
            ("one", "BTC-USD", 11_700_000 + minute * 3_131 % 90_000),
            ("two", "BTCUSDT", 11_700_100 + minute * 7_919 % 90_000),
            ("three", "BTCUSD_PERP", 11_699_900 + minute * 104_729 % 90_000),
        ] {
            if venue != "three" || minute % 7 != 0 {
                text.push_str(&format!("{time},{venue},{symbol},1,1,1,{}.{:02},1,1\n", cents / 100, cents % 100));
            }
        }
    }
    fs::write(path, text).expect("written");
}

/// Replays `file` from its minute number `skipped` on and compares `minutes` of it; how many comparisons were made.
fn compare(name: &str, file: &Path, skipped: u64, minutes: u64) -> usize {
    let folder = Folder::new(name);
    let (path, minute_ms) = (file.to_string_lossy().into_owned(), REPLAYED_MINUTE_MS.to_string());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs() * 1_000;
    let started_ms = (clock - skipped * REPLAYED_MINUTE_MS).to_string();
    let devnet = Devnet::start(
        &folder,
        &["--prices", &path, "--price-minute-ms", &minute_ms, "--price-start-ms", &started_ms, "--no-market-maker"],
    );
    let prices = devnet.description()["prices"].clone();
    let number = |name: &str| prices[name].as_u64().expect("a number");
    let (start, first) = (number("start_ms"), number("first_minute_ms"));
    assert_eq!((number("minute_ms"), prices["source"].as_str()), (REPLAYED_MINUTE_MS, Some("replay")));
    let remote = Remote::new(&devnet.url());
    let assets = remote.block_on(remote.api.assets()).expect("assets");
    let covered: BTreeSet<String> = prices["assets"]
        .as_array()
        .expect("assets")
        .iter()
        .map(|name| name.as_str().expect("text").to_owned())
        .collect();
    let expected = closes(&read(file), &covered);
    let mut seen: BTreeSet<(String, u64)> = BTreeSet::new();
    let limit = Duration::from_millis(minutes * REPLAYED_MINUTE_MS) + Duration::from_secs(60);
    let started = Instant::now();
    let mut height = 1;
    loop {
        assert!(started.elapsed() < limit, "the replay is too slow: {} comparisons", seen.len());
        let block = remote.block_on(remote.api.block(Height::new(height), 5_000)).expect("the next block");
        height += 1;
        for event in &block.events {
            let Event::IndexUpdated { asset, price, time_ms, .. } = event else { continue };
            let symbol = &assets[usize::try_from(asset.get()).expect("small")].symbol;
            if !covered.contains(symbol) || time_ms.get() < start {
                continue;
            }
            let minute = (time_ms.get() - start) / REPLAYED_MINUTE_MS;
            if minute >= skipped + minutes {
                return finish(&expected, &seen, first + skipped * MINUTE_MS, minutes);
            }
            let key = (symbol.clone(), first + minute * MINUTE_MS);
            let closes = expected.get(&key).unwrap_or_else(|| panic!("an index of {key:?}, where no venue traded"));
            let apart = (2 * i128::from(price.get()) - twice_median(closes)).abs();
            assert!(apart <= 2 * TICK, "{key:?}: index {price}, closes {closes:?}");
            seen.insert(key);
        }
    }
}

/// Every minute in which a venue traded must have been seen, of every asset; but for the minutes of which nothing was: while
/// the machine is busy elsewhere an oracle round may pass without a quorum, and an older round is never made up for.
fn finish(expected: &Closes, seen: &BTreeSet<(String, u64)>, first: u64, minutes: u64) -> usize {
    // The devnet came up somewhere in the first minutes.
    let from = seen.iter().map(|(_, minute)| *minute).min().expect("comparisons");
    assert!(from < first + 5 * MINUTE_MS, "the first index came late: {from}");
    let shown: BTreeSet<u64> = seen.iter().map(|(_, minute)| *minute).collect();
    let traded: BTreeSet<u64> = expected.keys().map(|(_, minute)| *minute).collect();
    let missed = traded.range(from..first + minutes * MINUTE_MS).filter(|minute| !shown.contains(*minute)).count();
    assert!(missed as u64 <= minutes / MISSED_SHARE, "{missed} of {minutes} minutes have no index at all");
    let missing: Vec<_> = expected.keys().filter(|key| shown.contains(&key.1) && !seen.contains(*key)).collect();
    assert!(missing.is_empty(), "{} indices never came: {:?}", missing.len(), &missing[..missing.len().min(5)]);
    seen.len()
}

#[test]
fn made_up_bars_become_the_index() {
    let folder = Folder::new("bars");
    let file = folder.join("bars.csv");
    made_up_bars(&file, 30);
    let compared = compare("replay-made-up", &file, 3, 12);
    assert!(compared >= 10, "only {compared} comparisons");
}

#[test]
fn the_index_is_the_median_of_the_venues_through_the_crash_of_10_october_2025() {
    let Some(file) = data() else {
        eprintln!("SKIPPED: no recorded bars; set PALISADE_DATA to the folder that holds them");
        return;
    };
    let compared = compare("replay-recorded", &file, CRASH_MINUTE, MINUTES + 5);
    eprintln!("{compared} indices of {MINUTES} recorded minutes equal the median of their venues");
    assert!(compared as u64 >= MINUTES, "only {compared} comparisons");
}
