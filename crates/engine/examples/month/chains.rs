//! Whole option chains of Deribit, four a day: the index and the volatility of every strike.

use std::{collections::BTreeMap, path::Path};

pub const FILE: &str = "options/deribit_chain_2026-02-03_08_BTC_ETH.csv.zst";
/// Underlyings, in order of asset.
pub const SYMBOLS: [&str; 2] = ["BTC", "ETH"];

/// Volatilities of one expiry by `ln(strike / forward)`, ascending.
pub struct Smile {
    pub years: f64,
    points: Vec<(f64, f64)>,
}

/// One underlying at one time.
pub struct Chain {
    /// USD.
    pub index: f64,
    smiles: Vec<Smile>,
}

/// Both underlyings at one time.
pub type Snapshot = [Chain; 2];

/// What the columns that matter say.
struct Row {
    time: String,
    expiry: String,
    underlying: usize,
    index: f64,
    years: f64,
    log_strike: f64,
    volatility: f64,
    is_out_of_the_money: bool,
}

fn row(line: &str, columns: &BTreeMap<&str, usize>) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').collect();
    let text = |name: &str| fields[columns[name]];
    let number = |name: &str| text(name).parse::<f64>().unwrap_or_else(|_| panic!("{name} of {line}"));
    let (forward, strike) = (number("underlying"), number("strike"));
    Some(Row {
        time: text("timestamp").to_owned(),
        expiry: text("expiry_datetime").to_owned(),
        underlying: SYMBOLS.iter().position(|symbol| *symbol == text("currency"))?,
        index: number("index_price"),
        years: number("time_to_maturity"),
        log_strike: (strike / forward).ln(),
        volatility: number("implied_volatility"),
        is_out_of_the_money: (text("option_type") == "call") == (strike >= forward),
    })
}

/// By time, or `None` where the data are not.
pub fn read(root: &Path) -> Option<Vec<Snapshot>> {
    let file = std::fs::File::open(root.join(FILE)).ok()?;
    let text = String::from_utf8(zstd::decode_all(file).expect("the file is zstd")).expect("the file is text");
    let mut lines = text.lines();
    let columns: BTreeMap<&str, usize> = lines.next().expect("a header").split(',').zip(0..).collect();
    let mut times: BTreeMap<String, [BTreeMap<String, Vec<Row>>; 2]> = BTreeMap::new();
    for row in lines.filter_map(|line| row(line, &columns)) {
        let chains = times.entry(row.time.clone()).or_default();
        chains[row.underlying].entry(row.expiry.clone()).or_default().push(row);
    }
    Some(times.into_values().map(|chains| chains.map(chain)).collect())
}

fn chain(expiries: BTreeMap<String, Vec<Row>>) -> Chain {
    let indices: Vec<f64> = expiries.values().flatten().map(|row| row.index).collect();
    Chain {
        index: indices.iter().sum::<f64>() / indices.len() as f64,
        smiles: expiries.into_values().filter_map(smile).collect(),
    }
}

fn smile(rows: Vec<Row>) -> Option<Smile> {
    let years = rows.first()?.years;
    let mut points: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row.is_out_of_the_money && (0.05..5.0).contains(&row.volatility))
        .map(|row| (row.log_strike, row.volatility))
        .collect();
    points.sort_by(|left, right| left.0.total_cmp(&right.0));
    (points.len() >= 5).then_some(Smile { years, points })
}

impl Smile {
    /// On straight lines between the strikes, flat beyond them.
    fn volatility(&self, log_strike: f64) -> f64 {
        let after = self.points.partition_point(|(at, _)| *at < log_strike);
        let (Some(low), Some(high)) = (after.checked_sub(1).map(|place| self.points[place]), self.points.get(after))
        else {
            return self.points[after.min(self.points.len() - 1)].1;
        };
        low.1 + (high.1 - low.1) * (log_strike - low.0) / (high.0 - low.0).max(1e-9)
    }
}

impl Chain {
    /// Of the expiry whose time is nearest in proportion.
    pub fn volatility(&self, years: f64, log_strike: f64) -> f64 {
        let apart = |smile: &Smile| (smile.years.max(1e-4) / years.max(1e-4)).ln().abs();
        let nearest = self.smiles.iter().min_by(|left, right| apart(left).total_cmp(&apart(right)));
        nearest.expect("a chain has expiries").volatility(log_strike)
    }
}
