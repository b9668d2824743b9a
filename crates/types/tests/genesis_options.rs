//! Rules of a genesis about series of options: each broken alone is found, and named.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    genesis::{Genesis, GenesisError as E},
    ids::{AssetId, MarketId, UniverseId},
    market::{ExpiryCounts, OptionSeriesSpec},
    numbers::{Price, Rate, Size},
};
use support::genesis::{genesis, option_series as series};

/// A name, what breaks it, and what the check says.
type Rule = (&'static str, fn(&mut OptionSeriesSpec), E);

const BTC: AssetId = AssetId::new(1);
const FIRST: MarketId = MarketId::new(MarketId::FIRST_OPTION);

#[test]
fn series_of_options_are_valid_and_optional() {
    let mut genesis = genesis();
    let plain = genesis.clone();
    genesis.option_series = vec![series(BTC)];
    assert_eq!(genesis.check(), Ok(()));
    assert_ne!(genesis.hash(), plain.hash());
    let text = serde_json::to_string(&genesis).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), genesis);
    let part = format!(r#","option_series":{}"#, serde_json::to_string(&genesis.option_series).unwrap());
    assert_eq!(serde_json::from_str::<Genesis>(&text.replace(&part, "")).unwrap(), plain);
}

#[test]
fn each_rule_is_checked() {
    let terms = |what| E::OptionSeries { underlying: BTC, what };
    let expiries = "at least one expiry, daily <= 8, weekly <= 8, monthly <= 12, quarterly <= 8";
    let rules: Vec<Rule> = vec![
        ("no expiries", |terms| terms.expiries = ExpiryCounts::default(), terms(expiries)),
        ("too many days", |terms| terms.expiries.daily = 9, terms(expiries)),
        ("too many weeks", |terms| terms.expiries.weekly = 9, terms(expiries)),
        ("too many months", |terms| terms.expiries.monthly = 13, terms(expiries)),
        ("too many quarters", |terms| terms.expiries.quarterly = 9, terms(expiries)),
        ("no strikes", |terms| terms.strikes_per_side = 0, terms("1 <= strikes_per_side <= 50")),
        ("too many strikes", |terms| terms.strikes_per_side = 51, terms("1 <= strikes_per_side <= 50")),
        ("no volatility", |terms| terms.default_volatility = Rate::ZERO, terms("0.01 <= default_volatility <= 5")),
        (
            "a surface that never moves",
            |terms| terms.volatility_move_per_second = Rate::ZERO,
            terms("0 < volatility_move_per_second <= 0.1"),
        ),
        (
            "a fee above the premium",
            |terms| terms.fee_share_maximum = Rate::new(1_000_001),
            terms("0 <= fee_share_maximum <= 1"),
        ),
        ("a fee", |terms| terms.taker_fee = Rate::new(-1), E::Fee { market: FIRST, what: "taker", fee: Rate::new(-1) }),
        ("a tick", |terms| terms.tick = Price::ZERO, E::Tick { market: FIRST, tick: Price::ZERO }),
        (
            "a tick times a lot",
            |terms| terms.tick = Price::new(1),
            E::TickTimesLot { market: FIRST, tick: Price::new(1), size_decimals: 2 },
        ),
        (
            "a cap",
            |terms| terms.position_maximum = Size::ZERO,
            E::Cap { market: FIRST, what: "position", lots: Size::ZERO },
        ),
        (
            "an underlying without index",
            |terms| terms.underlying = AssetId::new(3),
            E::NoIndex { market: FIRST, underlying: AssetId::new(3) },
        ),
        (
            "an unknown underlying",
            |terms| terms.underlying = AssetId::new(9),
            E::UnknownAsset { what: "an option series".into(), asset: AssetId::new(9) },
        ),
        (
            "an unknown universe",
            |terms| terms.universe = UniverseId::new(9),
            E::UnknownUniverse { what: "an option series".into(), universe: UniverseId::new(9) },
        ),
    ];
    for (name, change, expected) in rules {
        let mut genesis = genesis();
        let mut terms = series(BTC);
        change(&mut terms);
        genesis.option_series = vec![terms];
        assert_eq!(genesis.check(), Err(expected), "{name}");
    }
    let mut genesis = genesis();
    genesis.option_series = vec![series(BTC), series(BTC)];
    assert_eq!(genesis.check(), Err(E::OptionSeriesTwice { underlying: BTC }));
    genesis.option_series = vec![series(BTC); 17];
    assert!(matches!(genesis.check(), Err(E::TooManyMarkets { what: "option series", found: 17, limit: 16 })));
}
