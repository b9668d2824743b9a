use super::*;

fn ask(text: &str) -> Result<Vec<Answer>, QuestionError> {
    answer(&serde_json::from_str::<Vec<Question>>(text).expect("questions"))
}

#[test]
fn a_volatility_gives_a_price_that_gives_the_volatility() {
    let option = r#""kind": "call", "forward": "100000", "strike": "110000", "time_ms": 2592000000"#;
    let at = ask(&format!(r#"[{{ {option}, "volatility": "0.55" }}]"#)).expect("an answer");
    // 100,000 Φ(d1) − 110,000 Φ(d2) with s = 0.55 √(30/365), by mpmath.
    let excess = at[0].greeks.price.get() - 2_764_665_161_366_194_820_489;
    assert!(excess.abs() < 3_000_000, "{}", at[0].greeks.price);
    let back = ask(&format!(r#"[{{ {option}, "price": "{}" }}]"#, at[0].greeks.price)).expect("an answer");
    assert_eq!(back[0].volatility.to_string(), "0.55");
}

#[test]
fn questions_without_an_answer_say_which() {
    let option = r#""kind": "put", "forward": "100", "strike": "90", "time_ms": 1000"#;
    let good = format!(r#"{{ {option}, "volatility": "1" }}"#);
    let error = QuestionError::VolatilityOrPrice { place: 1 };
    assert_eq!(ask(&format!("[{good}, {{ {option} }}]")), Err(error.clone()));
    assert_eq!(ask(&format!(r#"[{good}, {{ {option}, "volatility": "1", "price": "1" }}]"#)), Err(error));
    let above = ask(&format!(r#"[{{ {option}, "price": "90" }}]"#)).expect_err("no volatility");
    assert!(above.to_string().starts_with("question 0: a price of 90 reaches 90"), "{above}");
    assert!(serde_json::from_str::<Question>(&format!(r#"{{ {option}, "vol": "1" }}"#)).is_err());
    assert!(serde_json::from_str::<Question>(r#"{ "kind": "digital" }"#).is_err());
}
