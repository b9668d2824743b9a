use super::{PortfolioAnswer, PortfolioQuestion, answer};
use crate::portfolio::{Portfolio, WorstCase};
use palisade_types::numbers::Usd;

/// A covered call: one bitcoin, a call sold against it.
const COVERED: &str = r#"{ "size_decimals": 2,
  "expiries": [ { "forward": "100000", "time_ms": 2592000000 } ],
  "linear": [ { "expiry": null, "price": "100000", "lots": 100 } ],
  "options": [ { "expiry": 0, "kind": "call", "strike": "110000", "volatility": "0.55", "lots": -100 } ] }"#;

fn ask(text: &str) -> PortfolioAnswer {
    answer(&serde_json::from_str(text).expect("a question")).expect("an answer")
}

#[test]
fn an_answer_is_the_portfolios_margin_scenario_by_scenario() {
    let question: PortfolioQuestion = serde_json::from_str(COVERED).expect("a question");
    let told = ask(COVERED);
    let PortfolioQuestion { size_decimals, quote_index, expiries, linear, options } = &question;
    let portfolio = Portfolio { size_decimals: *size_decimals, expiries, linear, options };
    let margin = portfolio.margin(*quote_index).expect("in range");
    assert_eq!(told.scenarios.iter().map(|one| one.result_usd).collect::<Vec<_>>(), margin.results_usd);
    assert_eq!((told.initial_usd, told.maintenance_usd), (margin.initial_usd, margin.maintenance_usd));
    let WorstCase::Scenario(place) = told.worst else { panic!("a covered call falls with its coin: {:?}", told.worst) };
    let worst = &told.scenarios[place];
    assert_eq!(worst.move_ppm, -180_000);
    assert_eq!(told.core_loss_usd, Usd::new(-worst.result_usd.get()));
    // The call outside portfolio mode: 15 % of the forward less 10 % out of the money is below 13 %.
    assert_eq!(told.standard[0].initial_usd, "13000".parse().expect("dollars"));
    assert_eq!(told.standard[0].maintenance_usd, "9000".parse().expect("dollars"));
}

#[test]
fn text_goes_there_and_back() {
    let told = ask(COVERED);
    let text = serde_json::to_string(&told).expect("plain");
    assert_eq!(serde_json::from_str::<PortfolioAnswer>(&text).expect("its own text"), told);
    assert!(text.contains(r#""volatility":"up""#), "{text}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let broken = |from: &str, to: &str| {
        let text = COVERED.replacen(from, to, 1);
        match serde_json::from_str::<PortfolioQuestion>(&text) {
            Ok(question) => answer(&question).expect_err(to).to_string(),
            Err(error) => error.to_string(),
        }
    };
    assert!(broken(r#""kind": "call""#, r#""kind": "digital""#).contains("unknown variant"));
    assert!(broken(r#""lots": -100"#, r#""lots": 0.5"#).contains("invalid type"));
    assert!(broken(r#""expiry": 0"#, r#""expiry": 3"#).contains("the place of an expiry"));
    assert!(broken(r#""strike": "110000""#, r#""strike": "-1""#).contains("-1"));
    assert!(broken(r#""size_decimals": 2,"#, "").contains("missing field `size_decimals`"));
    assert!(broken(r#""lots": 100"#, r#""lots": 100, "colour": "red""#).contains("unknown field `colour`"));
}
