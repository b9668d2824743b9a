//! Recorded one-minute bars: CSV files, plain or compressed (`.zst`), of several venues.
//!
//! A file names its columns in its first line; `open_time_ms`, `venue`, `close` and `symbol` (or `pair`) are needed,
//! others are ignored. A symbol is a base and a quote currency (`BTCUSD`, `BTC-USDT`, `ETHUSD_PERP`); only closes
//! against USD, USDT and USDC count. A stablecoin's own series against USD, where the files hold one, converts what is
//! quoted in it at the last close known by then; where they hold none, it counts as one dollar.
//!
//! Invariant: a history holds at most one close per venue, symbol and minute; the file named last wins.

use palisade_types::numbers::Price;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Error, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// The span of a bar.
pub const MINUTE_MS: u64 = 60_000;
/// Prices count in 10^-8 USD.
const DECIMALS: i32 = 8;
/// Largest exponent of a written price, and most digits on each side of its point.
const EXPONENT_MAX: i32 = 30;
const DIGITS_MAX: usize = 40;
/// Longest line. A small compressed file may hold a line of any length.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Why bars cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BarsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A column is missing.
    #[error("{}: no column {column:?} in its first line; needed are open_time_ms, venue, symbol (or pair) and close", path.display())]
    MissingColumn { path: PathBuf, column: &'static str },
    /// A line is not a bar.
    #[error("{}: line {line}: {what}", path.display())]
    Malformed { path: PathBuf, line: usize, what: String },
    /// Nothing in them.
    #[error("the price files hold no bars against USD, USDT or USDC")]
    Empty,
}

/// What a price is quoted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum QuoteCurrency {
    Usd,
    Usdt,
    Usdc,
}

/// One venue's market.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    venue: String,
    symbol: String,
}

/// By start of the minute and series: what the close is quoted in, and the close.
type Closes = BTreeMap<(u64, Series), (QuoteCurrency, Price)>;

/// All closes of some files, by base currency.
#[derive(Clone, Debug, Default)]
pub struct BarHistory {
    /// By base currency.
    closes: BTreeMap<String, Closes>,
}

impl BarHistory {
    /// Reads `files` in the order given.
    pub fn load(files: &[PathBuf]) -> Result<Self, BarsError> {
        let mut history = Self::default();
        for path in files {
            let unreadable = |source| BarsError::Unreadable { path: path.clone(), source };
            let file = File::open(path).map_err(unreadable)?;
            if path.extension().is_some_and(|extension| extension == "zst") {
                history.read(path, zstd::stream::read::Decoder::new(file).map_err(unreadable)?)?;
            } else {
                history.read(path, file)?;
            }
        }
        if history.closes.is_empty() { Err(BarsError::Empty) } else { Ok(history) }
    }

    /// The start of the first minute that any of `bases` has.
    pub fn first_minute_ms(&self, bases: &BTreeSet<String>) -> Option<u64> {
        let firsts = self.closes.iter().filter(|(base, _)| bases.contains(*base));
        firsts.filter_map(|(_, closes)| closes.keys().next().map(|(minute, _)| *minute)).min()
    }

    /// The closes of `base` in US dollars by start of minute, one per venue and symbol.
    pub fn closes_usd(&self, base: &str) -> BTreeMap<u64, Vec<Price>> {
        let tether = self.dollar_rates("USDT");
        let circle = self.dollar_rates("USDC");
        let mut minutes: BTreeMap<u64, Vec<Price>> = BTreeMap::new();
        for ((minute, _), (quote, close)) in self.closes.get(base).into_iter().flatten() {
            let rate = match quote {
                QuoteCurrency::Usd => None,
                QuoteCurrency::Usdt => tether.range(..=minute).next_back(),
                QuoteCurrency::Usdc => circle.range(..=minute).next_back(),
            };
            let close = rate.map_or(Some(*close), |(_, rate)| converted(*close, *rate));
            minutes.entry(*minute).or_default().extend(close);
        }
        minutes
    }

    /// What a stablecoin cost in dollars, by minute: the median of its direct closes.
    fn dollar_rates(&self, stablecoin: &str) -> BTreeMap<u64, Price> {
        let mut minutes: BTreeMap<u64, Vec<Price>> = BTreeMap::new();
        for ((minute, _), (quote, close)) in self.closes.get(stablecoin).into_iter().flatten() {
            if *quote == QuoteCurrency::Usd {
                minutes.entry(*minute).or_default().push(*close);
            }
        }
        minutes
            .into_iter()
            .filter_map(|(minute, mut closes)| {
                closes.sort_unstable();
                super::quote::median_of_sorted(&closes).map(|rate| (minute, rate))
            })
            .collect()
    }

    fn read(&mut self, path: &Path, source: impl Read) -> Result<(), BarsError> {
        let mut source = BufReader::new(source);
        let unreadable = |source| BarsError::Unreadable { path: path.to_path_buf(), source };
        let header = next_line(&mut source).map_err(unreadable)?.unwrap_or_default();
        let columns = Columns::find(path, &header)?;
        let mut number = 1usize;
        while let Some(line) = next_line(&mut source).map_err(unreadable)? {
            number = number.saturating_add(1);
            if !line.is_empty() {
                self.add(&columns, &line).map_err(|what| BarsError::Malformed {
                    path: path.to_path_buf(),
                    line: number,
                    what,
                })?;
            }
        }
        Ok(())
    }

    fn add(&mut self, columns: &Columns, line: &str) -> Result<(), String> {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |index: usize| fields.get(index).copied().ok_or_else(|| format!("no field {}", index + 1));
        let symbol = field(columns.symbol)?;
        let Some((base, quote)) = split_symbol(symbol) else { return Ok(()) };
        let minute_ms: u64 =
            field(columns.open_time_ms)?.parse().map_err(|error| format!("open_time_ms is no number: {error}"))?;
        if !minute_ms.is_multiple_of(MINUTE_MS) {
            return Err(format!("open_time_ms {minute_ms} is not the start of a minute"));
        }
        let close = parse_price(field(columns.close)?)?;
        let series = Series { venue: field(columns.venue)?.to_owned(), symbol: symbol.to_owned() };
        self.closes.entry(base).or_default().insert((minute_ms, series), (quote, close));
        Ok(())
    }
}

/// The next line without its end, if there is one.
fn next_line(source: &mut impl BufRead) -> Result<Option<String>, Error> {
    let mut line = String::new();
    // One byte more than the longest line with its two bytes of end, so that a longer one is told from it.
    source.take(LINE_BYTES_MAX.saturating_add(3)).read_line(&mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let ended = line.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line = ended.unwrap_or(&line);
    if u64::try_from(line.len()).unwrap_or(u64::MAX) > LINE_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, format!("a line is longer than {LINE_BYTES_MAX} bytes")));
    }
    Ok(Some(line.to_owned()))
}

/// Where the needed columns are.
struct Columns {
    open_time_ms: usize,
    venue: usize,
    symbol: usize,
    close: usize,
}

impl Columns {
    fn find(path: &Path, header: &str) -> Result<Self, BarsError> {
        let place = |name: &str| header.split(',').position(|column| column.trim() == name);
        let needed = |column: &'static str, place: Option<usize>| {
            place.ok_or_else(|| BarsError::MissingColumn { path: path.to_path_buf(), column })
        };
        Ok(Self {
            open_time_ms: needed("open_time_ms", place("open_time_ms"))?,
            venue: needed("venue", place("venue"))?,
            symbol: needed("symbol", place("symbol").or_else(|| place("pair")))?,
            close: needed("close", place("close"))?,
        })
    }
}

/// `BTC-USD`, `BTCUSDT`, `BTCUSD_PERP` -> base and quote; `None` for any other quote.
fn split_symbol(symbol: &str) -> Option<(String, QuoteCurrency)> {
    let upper = symbol.trim().to_ascii_uppercase();
    let spot = upper.strip_suffix("_PERP").unwrap_or(&upper);
    let joined: String = spot.chars().filter(char::is_ascii_alphanumeric).collect();
    let quotes = [("USDT", QuoteCurrency::Usdt), ("USDC", QuoteCurrency::Usdc), ("USD", QuoteCurrency::Usd)];
    let (base, quote) = quotes.iter().find_map(|(suffix, quote)| Some((joined.strip_suffix(suffix)?, *quote)))?;
    if base.is_empty() { None } else { Some((base.to_owned(), quote)) }
}

/// A positive price, plain (`0.25`) or with an exponent (`1.895e-05`), as spreadsheets and scripts write small numbers;
/// digits past 1e-8 are cut off.
fn parse_price(text: &str) -> Result<Price, String> {
    let malformed = || format!("close {text:?} is not a decimal number");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| malformed())?),
        None => (text, 0),
    };
    if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent) {
        return Err(malformed());
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= DIGITS_MAX && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(malformed());
    }
    let mut value: i128 = 0;
    let kept = i32::try_from(whole.len()).map_err(|_| malformed())? + exponent + DECIMALS;
    let all = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat(b'0'));
    for digit in all.take(usize::try_from(kept.max(0)).map_err(|_| malformed())?) {
        value = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(digit - b'0'))).ok_or_else(malformed)?;
    }
    match i64::try_from(value) {
        Ok(value) if value > 0 => Ok(Price::new(value)),
        _ => Err(format!("close {text} is not positive, below 1e-8 or too large")),
    }
}

/// A price quoted in something that costs `rate`, in dollars, rounded down.
fn converted(price: Price, rate: Price) -> Option<Price> {
    let product = i128::from(price.get()) * i128::from(rate.get());
    i64::try_from(product / 100_000_000).ok().map(Price::new)
}

#[cfg(test)]
#[path = "bars_tests.rs"]
mod tests;
