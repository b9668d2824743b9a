//! Deribit's own numbers as a reference: what its tickers said of ten options in July 2021, and its chains of February 2026.
//! Each test prints a table of errors.

#![allow(clippy::arithmetic_side_effects, clippy::float_arithmetic)]
// The pure crate's rules: a test may read recorded data.
#![allow(clippy::disallowed_methods)]

use palisade_pricing::{Greeks, OptionKind, OptionTerms, Volatility};
use palisade_types::numbers::Price;
use std::{io::Write as _, path::PathBuf};

const TICKERS: &str = "options/deribit_ticker_greeks_2021-07-22_89rows.csv";
const CHAINS: &str = "options/deribit_chain_2026-02-03_08_BTC_ETH.csv.zst";

/// Past what the test runner keeps to itself of tests that pass: the errors are the point.
macro_rules! say {
    ($($text:tt)*) => {
        let _ = writeln!(std::io::stderr(), $($text)*);
    };
}

/// A file of the data folder; says loudly that nothing is tested if it is not there.
fn data(name: &str) -> Option<String> {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(bytes) = std::fs::read(root.join(name)) else {
        say!("\nSKIPPED: PALISADE_DATA has no {name}; this test has checked NOTHING");
        return None;
    };
    let bytes = if name.ends_with(".zst") { zstd::decode_all(&bytes[..]).expect("zstd") } else { bytes };
    Some(String::from_utf8(bytes).expect("text"))
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

fn price(text: &str) -> Price {
    Price::new((number(text) * 1e8).round() as i64)
}

fn kind(text: &str) -> OptionKind {
    match text {
        "C" | "call" => OptionKind::Call,
        "P" | "put" => OptionKind::Put,
        other => panic!("{other} is no kind of option"),
    }
}

fn float(value: palisade_pricing::Fixed) -> f64 {
    value.get() as f64 / 1e18
}

/// Errors of one kind, in the order in which they came.
#[derive(Default)]
struct Errors(Vec<f64>);

impl Errors {
    fn line(&self, name: &str, bound: f64) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
        format!("{name:>6} {:>11.2e} {:>11.2e} {:>11.2e} {bound:>9.0e}", at(0.5), at(0.95), at(1.0))
    }
}

const HEADER: &str = "          median         95%       worst     bound";

#[test]
fn tickers_of_july_2021() {
    let Some(text) = data(TICKERS) else { return };
    let names = ["mark", "delta", "gamma", "vega", "theta", "rho"];
    let bounds = [5e-6, 2e-5, 1e-5, 5e-3, 5e-2, 5e-3];
    let mut errors: [Errors; 6] = Default::default();
    let mut beyond = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let volatility = Volatility::new((number(fields[8]) * 1e10).round() as u64);
        let option = OptionTerms {
            kind: kind(fields[4]),
            forward: price(fields[5]),
            strike: price(fields[3]),
            time_ms: fields[2].parse::<u64>().expect("ms") - fields[0].parse::<u64>().expect("ms"),
        };
        let Greeks { price, delta, gamma, vega, theta, rho } = option.greeks(volatility).expect("greeks");
        let ours =
            [float(price) / number(fields[5]), float(delta), float(gamma), float(vega), float(theta), float(rho)];
        let theirs = [fields[7], fields[13], fields[14], fields[15], fields[16], fields[17]].map(number);
        for place in 0..ours.len() {
            let error = (ours[place] - theirs[place]).abs();
            errors[place].0.push(error);
            // They give the volatility to a hundredth of a point: half of one is worth this much of the mark.
            let rounding = if place == 0 { float(vega) * 0.005 / number(fields[5]) } else { 0.0 };
            if error > bounds[place] + rounding {
                beyond.push((fields[1].to_owned(), names[place], error - rounding));
            }
        }
    }
    say!("{} tickers\n{HEADER}", errors[0].0.len());
    for place in 0..names.len() {
        say!("{}", errors[place].line(names[place], bounds[place]));
    }
    say!("beyond: {beyond:#?}");
    assert_eq!(errors[0].0.len(), 89);
    // Far in the money they hold the mark to a grid of its own, and the marks of two more rows are older than their volatility.
    beyond.retain(|(name, what, _)| {
        *what != "mark" || !["ETH-27AUG21-4000-P", "BTC-24JUN22-15000-C"].contains(&&name[..])
    });
    assert!(beyond.len() <= 2 && beyond.iter().all(|(_, what, by)| *what == "mark" && *by <= 7e-6), "{beyond:?}");
}

#[test]
fn chains_of_february_2026() {
    let Some(text) = data(CHAINS) else { return };
    let (mut marks, mut deltas, mut implied) = (Errors::default(), Errors::default(), Errors::default());
    let mut refused = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (now, expiry) = (milliseconds(fields[0]), milliseconds(fields[6]));
        let (mark, volatility) = (number(fields[10]), number(fields[14]));
        let option = OptionTerms {
            kind: kind(fields[4]),
            forward: price(fields[2]),
            strike: price(fields[5]),
            time_ms: expiry - now,
        };
        let greeks = option.greeks(Volatility::new((volatility * 1e12).round() as u64)).expect("greeks");
        marks.0.push((float(greeks.price) / number(fields[2]) - mark).abs());
        deltas.0.push((float(greeks.delta) - number(fields[15])).abs());
        // Where a coin's 1e-8 is worth little volatility, their mark gives their volatility back.
        if float(greeks.vega) / number(fields[2]) > 2e-4 {
            let usd = palisade_pricing::Fixed::new((mark * number(fields[2]) * 1e18) as i128);
            match option.implied_volatility(usd) {
                Ok(back) => implied.0.push((back.get() as f64 / 1e12 - volatility).abs()),
                Err(_) => refused += 1,
            }
        }
    }
    say!("{} rows\n{HEADER}", marks.0.len());
    say!("{}\n{}", marks.line("mark", 5e-5), deltas.line("delta", 1e-3));
    say!("{}  ({} rows, {refused} refused)", implied.line("vol", 2e-3), implied.0.len());
    let median = |errors: &Errors| {
        let mut sorted = errors.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    assert!(marks.0.len() > 40_000, "{}", marks.0.len());
    assert!(median(&marks) <= 5e-5 && median(&deltas) <= 1e-3 && median(&implied) <= 2e-3);
}

/// Milliseconds since 1970 of `2026-02-03T04:29:35.033992+00:00`.
fn milliseconds(text: &str) -> u64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days from civil: years begin in March, so that the leap day is the last.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
    let fraction = if text.as_bytes()[19] == b'.' { part(20, 23) } else { 0 };
    u64::try_from(seconds * 1000 + fraction).expect("after 1970")
}
