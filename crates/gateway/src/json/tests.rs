use super::*;

fn error(text: &str) -> String {
    parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn order_and_number_kinds_are_kept() {
    let value = parse(br#"{"b":10,"a":10.0,"c":-3,"d":[null,true,"\u00e9"]}"#).expect("valid");
    let expected = Value::Map(vec![
        ("b".into(), Value::Unsigned(10)),
        ("a".into(), Value::Float(10.0f64.to_bits())),
        ("c".into(), Value::Negative(-3)),
        ("d".into(), Value::Array(vec![Value::Null, Value::Bool(true), Value::String("\u{e9}".into())])),
    ]);
    assert_eq!(value, expected);
    assert_eq!(parse(b"18446744073709551615").expect("u64"), Value::Unsigned(u64::MAX));
    assert_eq!(parse(b"-9223372036854775808").expect("i64"), Value::Negative(i64::MIN));
}

#[test]
fn malformed_texts_are_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "NaN",
        "Infinity",
        "-Infinity",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "'a'",
        "{a:1}",
        "1 2",
        "{} x",
        "\"\\x\"",
        "\"\u{1}\"",
        "\"\\ud800\"",
    ] {
        error(text);
    }
    assert!(parse(b"\"\xff\"").is_err(), "not UTF-8");
}

#[test]
fn numbers_that_would_change_their_kind_are_refused() {
    for text in [
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "-0",
        "-0.0",
        "1e300",
        "123456789012345678901234567890",
    ] {
        assert!(error(text).contains("out of range"), "{text}: {}", error(text));
    }
}

#[test]
fn duplicate_keys_are_refused_at_any_depth() {
    assert!(error(r#"{"a":1,"a":1}"#).contains("duplicate key \"a\""));
    assert!(error(r#"[{"x":{"a":1,"\u0061":2}}]"#).contains("duplicate key \"a\""));
}

#[test]
fn bombs_are_refused() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    parse(deep(DEPTH_MAX).as_bytes()).expect("the deepest allowed");
    assert!(error(&deep(DEPTH_MAX + 1)).contains("nested deeper"));
    assert!(error(&deep(100_000)).contains("nested deeper"));
    assert!(error(&"{\"a\":".repeat(1_000)).contains("nested deeper"));
    let wide = format!("[{}]", vec!["1"; VALUES_MAX].join(","));
    assert!(error(&wide).contains("more than"));
}

#[test]
fn absent_and_null_are_the_same() {
    let value = parse(br#"{"a":null,"b":"x"}"#).expect("valid");
    assert_eq!(value.field("a"), None);
    assert_eq!(value.field("z"), None);
    assert_eq!(value.field("b").and_then(ValueExt::text), Some("x"));
    assert_eq!(Value::Null.field("a"), None);
    assert_eq!(to_json(&value), serde_json::json!({"a": null, "b": "x"}));
}
