//! Hyperliquid's own funding: rates of 2023 recomputed from the premiums it published, and premiums of a snapshot
//! recomputed from impact prices.

use palisade_engine::funding::{FUNDING_TERMS, FundingTerms, premium};
use palisade_types::numbers::{FundingRate, Price};
use std::{io::Write as _, path::PathBuf};

const HISTORY: &str = "funding/hyperliquid_funding_history.csv";
const SNAPSHOT: &str = "funding/hyperliquid_asset_ctxs_premium_snapshot.csv";
const RATES: usize = 1_038;
/// One published rate belongs to no rule.
const RATES_REPRODUCED_MIN: usize = 1_037;
const PREMIUMS: usize = 179;
/// Published rates have 8 decimals, published premiums 10.
const RATE_TOLERANCE: i64 = 10_000;
const PREMIUM_TOLERANCE: i64 = 1_000;

/// The rows of a file without its head; none if the data is not on this machine.
fn rows(name: &str) -> Option<Vec<Vec<String>>> {
    let root = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join(name)) else {
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: PALISADE_DATA has no {name}; this test has checked NOTHING");
        return None;
    };
    Some(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn rate(text: &str) -> FundingRate {
    text.parse().expect("a decimal number")
}

/// The rules of the time: see the table in `docs/rules/funding.md`.
fn terms(regime: &str) -> FundingTerms {
    match regime {
        "A" => FundingTerms { clamp: rate("0.0003"), parts: 1, ..FUNDING_TERMS },
        "B" => FundingTerms { clamp: rate("0.0003"), ..FUNDING_TERMS },
        "C" => FundingTerms { interest: FundingRate::ZERO, clamp: FundingRate::ZERO, ..FUNDING_TERMS },
        "D" => FUNDING_TERMS,
        other => panic!("regime {other}"),
    }
}

#[test]
fn hyperliquids_published_rates_are_reproduced() {
    let Some(rows) = rows(HISTORY) else { return };
    assert_eq!(rows.len(), RATES);
    let reproduced = rows
        .iter()
        .filter(|row| {
            let [_, _, published, premium, regime, ..] = &row[..] else { panic!("a rate: {row:?}") };
            let found = terms(regime).rate(rate(premium)).expect("in range");
            (found.get() - rate(published).get()).abs() <= RATE_TOLERANCE
        })
        .count();
    println!("{reproduced} of {RATES} rates reproduced to 1e-8");
    assert!(reproduced >= RATES_REPRODUCED_MIN, "{reproduced} of {RATES}");
}

#[test]
fn hyperliquids_premiums_are_reproduced() {
    let Some(rows) = rows(SNAPSHOT) else { return };
    let mut compared = 0;
    for row in rows {
        let [dex, asset, index, _, _, bid, ask, published, ..] = &row[..] else { panic!("an asset: {row:?}") };
        if !dex.is_empty() || published.is_empty() {
            continue;
        }
        let at = |text: &str| text.parse::<Price>().expect("a price");
        let found = premium(at(index), Some(at(bid)), Some(at(ask)));
        assert!((found.get() - rate(published).get()).abs() <= PREMIUM_TOLERANCE, "asset {asset}: {found} {published}");
        compared += 1;
    }
    println!("{compared} premiums reproduced to 1e-9");
    assert_eq!(compared, PREMIUMS);
}
