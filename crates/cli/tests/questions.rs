//! `palisade margin FILE` and `palisade price FILE`: the examples of the rules pages have answers, and a file that cannot be meant is
//! refused with its place and the code of a wrong command line.

mod support;

use serde_json::Value;
use std::fs;
use support::{Folder, run_ok, run_refused};

const MARGIN: &str = include_str!("../../../docs/rules/margin.md");
const PORTFOLIO_MARGIN: &str = include_str!("../../../docs/rules/portfolio-margin.md");
const PRICING: &str = include_str!("../../../docs/rules/pricing.md");

/// The JSON on a page, in order.
fn examples(page: &str) -> Vec<&str> {
    page.split("```json\n").skip(1).filter_map(|block| block.split("\n```").next()).collect()
}

/// A command that answers files.
struct Asker {
    folder: Folder,
    command: &'static [&'static str],
}

impl Asker {
    fn new(name: &str, command: &'static [&'static str]) -> Self {
        Self { folder: Folder::new(name), command }
    }

    fn with_file<R>(&self, text: &str, run: impl FnOnce(&[&str]) -> R) -> R {
        let path = self.folder.join("question.json");
        fs::write(&path, text).expect("written");
        let path = path.to_string_lossy().into_owned();
        let arguments: Vec<&str> = self.command.iter().copied().chain([path.as_str()]).collect();
        run(&arguments)
    }

    fn answer(&self, text: &str) -> Value {
        let out = self.with_file(text, run_ok);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// `from · to · what is said` of a good text.
    fn refuses(&self, good: &str, cases: &[(&str, &str, &str)]) {
        for (from, to, said) in cases {
            assert!(good.contains(from), "{from}");
            let line = self.with_file(&good.replacen(from, to, 1), |arguments| run_refused(arguments, 2));
            assert!(line.contains("question.json") && line.contains(said), "{to}: {line}");
        }
    }
}

#[test]
fn margin_answers_an_account_and_names_what_is_wrong() {
    let asker = Asker::new("margin", &["margin"]);
    let [linear, options] = examples(MARGIN)[..] else { panic!("two examples") };
    let told = asker.answer(linear);
    assert_eq!(told["positions"][0]["market"], "BTC");
    assert_eq!(told["level"], "healthy");
    let told = asker.answer(options);
    assert_eq!(told["portfolios"][0]["margin"]["scenarios"].as_array().map(Vec::len), Some(35));
    assert_eq!(told["initial_usd"], told["portfolios"][0]["margin"]["initial_usd"]);
    let cases = [
        (r#""cash_usd": "1000","#, "", "missing field `cash_usd`"),
        (r#""cash_usd": "1000","#, r#""cash_usd": "1000", "cash_usd": "1","#, "duplicate field `cash_usd`"),
        (r#""cash_usd": "1000","#, r#""cash_usd": "1000", "colour": "red","#, "unknown field `colour`"),
        (r#""cash_usd": "1000","#, r#""cash_usd": 1000,"#, "invalid type"),
        (r#""leverage": 10"#, r#""leverage": 41"#, "leverage must be between 1 and maximum_leverage"),
    ];
    asker.refuses(linear, &cases);
    let cases = [
        (r#""volatility": "0.55","#, "", "volatility must be given in portfolio mode"),
        (r#""strike": "110000","#, "", "missing field `strike`"),
        (r#""strike": "110000","#, r#""strike": "110000", "strike": "1","#, "duplicate field `strike`"),
        (r#""expiry": 0"#, r#""expiry": 7"#, "expiry must be the place of one of the expiries"),
    ];
    asker.refuses(options, &cases);
    asker.refuses("{", &[("{", "", "EOF")]);
    let absent = asker.folder.join("absent.json").to_string_lossy().into_owned();
    assert!(
        run_refused(&["margin", &absent], 1).contains("cannot read"),
        "a file that is not there is no wrong question"
    );
}

#[test]
fn margin_answers_a_portfolio_and_names_what_is_wrong() {
    let asker = Asker::new("portfolio", &["margin", "--portfolio"]);
    let [covered] = examples(PORTFOLIO_MARGIN)[..] else { panic!("one example") };
    let told = asker.answer(covered);
    assert_eq!(told["scenarios"].as_array().map(Vec::len), Some(35));
    assert_eq!(told["standard"][0]["initial_usd"], "13000");
    let cases = [
        (r#""size_decimals": 2,"#, "", "missing field `size_decimals`"),
        (r#""size_decimals": 2,"#, r#""size_decimals": 2, "size_decimals": 2,"#, "duplicate field `size_decimals`"),
        (r#""expiry": 0"#, r#""expiry": 3"#, "the place of an expiry"),
        (r#""lots": -100"#, r#""lots": -0.5"#, "invalid type"),
    ];
    asker.refuses(covered, &cases);
}

#[test]
fn price_answers_options_and_names_what_is_wrong() {
    let asker = Asker::new("price", &["price"]);
    let [list] = examples(PRICING)[..] else { panic!("one example") };
    let told = asker.answer(list);
    assert_eq!(told[0]["volatility"], "0.55");
    for member in ["price", "delta", "gamma", "vega", "theta", "rho", "intrinsic"] {
        assert!(told[1][member].is_string(), "{member}: {told}");
    }
    let cases = [
        (r#""strike": "110000","#, "", "missing field `strike`"),
        (r#""strike": "110000","#, r#""strike": "110000", "strike": "1","#, "duplicate field `strike`"),
        (
            r#""strike": "90000","#,
            r#""strike": "90000", "volatility": "1","#,
            "question 1: give either a volatility or a price",
        ),
        (r#""price": "1500""#, r#""price": "-1""#, "question 1: a price of -1"),
        (r#""strike": "90000","#, r#""strike": "0","#, "question 1: forward 100000 and strike 0 must be above zero"),
    ];
    asker.refuses(list, &cases);
}
