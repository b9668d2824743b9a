//! What-if answers, against numbers worked out by hand, and questions that have no answer.

use super::{WhatIfError, answer};
use crate::testing::usd;
use palisade_pricing::what_if::WhatIf;
use palisade_types::event::MarginLevel;

const QUESTION: &str = r#"{
    "cash_usd": "1000",
    "collateral": [{
        "symbol": "ETH", "value_usd": "1000", "slow_value_usd": "900", "universe_value_usd": "1000",
        "initial_weight": "0.8", "maintenance_weight": "0.9", "full_weight_maximum_usd": "1000000"
    }],
    "positions": [{
        "market": "BTC", "lots": "100000", "size_decimals": 5, "cost_usd": "10000", "mark": "10500", "slow_mark": "10200",
        "leverage": 10, "maximum_leverage": 40, "open_interest_usd": "0", "open_interest_lower_usd": "1000000",
        "open_interest_upper_usd": "2000000", "variance": 0, "volatility_multiplier": "3", "depth_usd": "5250"
    }]
}"#;

fn ask(text: &str) -> Result<palisade_pricing::what_if::WhatIfAnswer, String> {
    let question: WhatIf = serde_json::from_str(text).map_err(|error| error.to_string())?;
    answer(&question).map_err(|error| error.to_string())
}

/// One BTC bought at 10000, mark 10500: profit 500 of which the slow price confirms 200, and of that the book half; size adds
/// 1 % for a position twice the depth.
#[test]
fn every_part_of_the_requirement_is_told() {
    let answer = ask(QUESTION).expect("a good question");
    let position = &answer.positions[0];
    assert_eq!(position.notional_usd, usd("10500"));
    assert_eq!(position.unrealised_usd, usd("500"));
    assert_eq!(position.counted_profit_usd, usd("100"));
    assert_eq!(position.by_leverage_usd, usd("1050"));
    assert_eq!(position.concentration_usd, usd("105"));
    assert_eq!(position.initial_usd, usd("1155"));
    assert_eq!(position.maintenance_usd, usd("131.25"));
    assert_eq!(answer.equity_usd, usd("2400"), "cash, 0.9 of the ether, profit");
    assert_eq!(answer.initial_equity_usd, usd("1820"), "cash, 0.8 of the ether at the slow price, counted profit");
    assert_eq!(answer.health_usd, usd("2268.75"));
    assert_eq!(answer.level, MarginLevel::Healthy);
    let liquidation = position.liquidation_price.expect("leveraged").get();
    assert_eq!(liquidation, 820_253_164_556, "8202.53: 1900 + m - 10000 = m / 80");
}

#[test]
fn a_question_with_something_missing_doubled_or_absurd_is_refused() {
    let broken = |from: &str, to: &str| ask(&QUESTION.replacen(from, to, 1)).expect_err(to);
    assert!(broken(r#""cash_usd": "1000","#, "").contains("missing field `cash_usd`"));
    let twice = broken(r#""cash_usd": "1000","#, r#""cash_usd": "1000", "cash_usd": "1","#);
    assert!(twice.contains("duplicate field `cash_usd`"), "{twice}");
    assert!(broken(r#""market": "BTC","#, r#""market": "BTC", "colour": "red","#).contains("unknown field `colour`"));
    assert!(broken(r#""leverage": 10"#, r#""leverage": 41"#).contains("between 1 and maximum_leverage"));
    assert!(broken(r#""lots": "100000""#, r#""lots": "0""#).contains("other than zero"));
    assert!(broken(r#""mark": "10500""#, r#""mark": "-1""#).contains("positive"));
    assert!(broken(r#""initial_weight": "0.8""#, r#""initial_weight": "0.95""#).contains("weight"));
    let question: WhatIf = serde_json::from_str(QUESTION).expect("JSON");
    let mut two = question.clone();
    two.positions.push(question.positions[0].clone());
    assert_eq!(answer(&two), Err(WhatIfError::Twice { market: "BTC".into() }));
    let mut huge = question;
    huge.positions[0].cost_usd = palisade_types::numbers::Usd::MAX;
    huge.cash_usd = palisade_types::numbers::Usd::new(i128::MIN + 1);
    assert_eq!(answer(&huge), Err(WhatIfError::Overflow));
}

#[test]
fn a_real_account_as_a_question_has_the_margin_of_the_account() {
    let venue = crate::testing::check(
        "
        index BTC 100
        alice leverage BTC 7                 -> done
        alice buy BTC 50 @ 100 gtc cloid 1   -> resting 50
        bob sell BTC 50 @ 100 gtc            -> filled 50 for 5000
        index BTC 105 for 32000
        alice sell BTC/USDC 3 @ 120 gtc cloid 2 -> resting 3
        ",
    );
    for name in ["alice", "bob", "carol"] {
        let account = crate::testing::account_of(name);
        let real = crate::accounts::margin(venue.state(), account, crate::testing::CORE).expect("in range");
        let question = super::question(venue.state(), account, crate::testing::CORE).expect("a known universe");
        let answer = answer(&question).expect("a real account is a good question");
        assert_eq!(Ok(answer.equity_usd), real.equity_usd(), "{name}");
        assert_eq!(Ok(answer.initial_equity_usd), real.initial_equity_usd(), "{name}");
        assert_eq!((answer.initial_usd, answer.maintenance_usd), (real.initial_usd, real.maintenance_usd), "{name}");
        let text = serde_json::to_string(&question).expect("plain");
        assert_eq!(serde_json::from_str::<WhatIf>(&text).expect("its own text"), question);
    }
}
