use super::*;
use crate::price::{quote::consolidate, replay::Replay};
use palisade_types::{ids::AssetId, time::TimeMs};
use std::io::Write;

const MINUTE: u64 = 1_760_054_400_000;
const BTC: AssetId = AssetId::new(2);

fn history(text: &str) -> Result<BarHistory, BarsError> {
    let mut history = BarHistory::default();
    history.read(Path::new("bars.csv"), text.as_bytes())?;
    Ok(history)
}

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

const THREE_VENUES: &str = "open_time_ms,venue,symbol,open,high,low,close,volume,trades
1760054400000,coinbase,BTC-USD,1,1,1,121000.5,1,1
1760054400000,binance,BTCUSDT,1,1,1,121001,1,1
1760054400000,binance-delivery,BTCUSD_PERP,1,1,1,121010.123456789,1,1
1760054400000,binance,ETHBTC,1,1,1,0.03,1,1
1760054460000,coinbase,BTC-USD,1,1,1,121100,1,1
";

#[test]
fn symbols_of_all_venues_meet_in_one_asset() {
    let closes = history(THREE_VENUES).expect("good bars").closes_usd("BTC");
    let first = &closes[&MINUTE];
    assert_eq!(first.len(), 3);
    assert!(first.contains(&price("121010.12345678")));
    assert_eq!(closes[&(MINUTE + 60_000)], vec![price("121100")]);
}

#[test]
fn prices_are_read_plain_and_with_an_exponent() {
    for (text, same) in [
        ("1.895e-05", "0.00001895"),
        ("1.2345678912e-3", "0.00123456"),
        ("2.5E1", "25"),
        ("117003.123456789", "117003.12345678"),
        ("5", "5"),
        ("0.00000001", "0.00000001"),
    ] {
        assert_eq!(parse_price(text), Ok(price(same)), "{text}");
    }
}

#[test]
fn a_stablecoin_is_converted_by_its_own_price() {
    let text = "open_time_ms,venue,pair,open,high,low,close,volume_base,trades
1760054400000,kraken,USDTUSD,1,1,1,0.5,1,
1760054400000,binance_us,BTCUSDT,1,1,1,100000,1,
1760054460000,binance_us,BTCUSDT,1,1,1,100000,1,
1760054400000,coinbase,BTCUSDC,1,1,1,100000,1,
";
    let closes = history(text).expect("good bars").closes_usd("BTC");
    assert_eq!(closes[&MINUTE].iter().max(), Some(&price("100000")), "USDC has no series: it counts as a dollar");
    assert_eq!(closes[&MINUTE].iter().min(), Some(&price("50000")));
    assert_eq!(closes[&(MINUTE + 60_000)], vec![price("50000")], "the last known rate holds");
}

#[test]
fn each_minute_is_played_for_its_time_and_not_longer() {
    let history = history(THREE_VENUES).expect("good bars");
    let symbols = BTreeMap::from([(BTC, "BTC".to_owned()), (AssetId::new(9), "DOGE".to_owned())]);
    let start = TimeMs::new(5_000);
    let replay = Replay::new(&history, &symbols, start, 2_000).expect("BTC is in the files");
    let index = |now: u64| consolidate(&replay.quotes(BTC, TimeMs::new(now)), TimeMs::new(now), 1);
    assert_eq!(index(4_999), None);
    assert_eq!(index(5_000), Some(price("121001")));
    assert_eq!(index(6_999), Some(price("121001")));
    assert_eq!(index(7_000), Some(price("121100")));
    assert_eq!(index(9_000), None, "the recording is over");
    assert!(replay.covers(BTC) && !replay.covers(AssetId::new(9)));
}

#[test]
fn a_file_that_is_not_bars_is_refused_with_its_place() {
    let refused = |text: &str| history(text).expect_err("must be refused").to_string();
    assert_eq!(
        refused("timestamp,open,high,low,close\n"),
        "bars.csv: no column \"open_time_ms\" in its first line; needed are open_time_ms, venue, symbol (or pair) and close"
    );
    let header = "open_time_ms,venue,symbol,close\n";
    for (row, what) in [
        ("x,a,BTCUSD,1", "open_time_ms is no number"),
        ("1760054400001,a,BTCUSD,1", "not the start of a minute"),
        ("1760054400000,a,BTCUSD,NaN", "is not a decimal number"),
        ("1760054400000,a,BTCUSD,-1", "is not a decimal number"),
        ("1760054400000,a,BTCUSD,1e", "is not a decimal number"),
        ("1760054400000,a,BTCUSD,1e99", "is not a decimal number"),
        ("1760054400000,a,BTCUSD,0", "is not positive"),
        ("1760054400000,a,BTCUSD,9e20", "too large"),
        ("1760054400000,a,BTCUSD", "no field 4"),
    ] {
        let message = refused(&format!("{header}{row}\n"));
        assert!(message.contains("line 2") && message.contains(what), "{row}: {message}");
    }
}

#[test]
fn compressed_and_plain_files_read_the_same() {
    let folder = std::env::temp_dir().join(format!("palisade-bars-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let (plain, packed) = (folder.join("bars.csv"), folder.join("bars.csv.zst"));
    std::fs::write(&plain, THREE_VENUES).expect("written");
    let bytes = zstd::encode_all(THREE_VENUES.as_bytes(), 1).expect("compressed");
    File::create(&packed).and_then(|mut file| file.write_all(&bytes)).expect("written");
    let from_plain = BarHistory::load(&[plain]).expect("plain").closes_usd("BTC");
    let from_packed = BarHistory::load(&[packed]).expect("packed").closes_usd("BTC");
    assert_eq!(from_plain, from_packed);
    let missing = BarHistory::load(&[folder.join("absent.csv")]).expect_err("no such file");
    assert!(matches!(missing, BarsError::Unreadable { .. }));
    std::fs::remove_dir_all(folder).expect("removed");
}

/// A small compressed file may hold one line of a gigabyte, and lines were read whole, whatever their length. Found by
/// asking of every reader of files how much memory it may take.
#[test]
fn a_line_without_end_is_refused_before_it_is_read() {
    /// Says `x` for ever, and counts.
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            buffer.fill(b'x');
            self.0 += buffer.len() as u64;
            assert!(self.0 < 1 << 20, "a megabyte of one line was read");
            Ok(buffer.len())
        }
    }
    let header = "open_time_ms,venue,symbol,close\n";
    for start in ["", header] {
        let error = BarHistory::default().read(Path::new("bars.csv"), start.as_bytes().chain(Endless(0)));
        assert!(error.expect_err("too long").to_string().contains("longer than 65536 bytes"));
    }
    let longest = format!("{header}60000,{},BTCUSD,1\r\n", "v".repeat(65_536 - 15));
    assert!(history(&longest).is_ok());
    assert!(history(&longest.replace(",v", ",vv")).is_err(), "a byte more");
}
