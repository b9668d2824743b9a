//! Requests that are none: each has its code, none reaches the node, none ends the server.

use super::*;

const INVALID_PARAMS: i64 = -32_602;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_REQUEST: i64 = -32_600;
const PARSE_ERROR: i64 = -32_700;

async fn assert_refused(server: &Server, body: impl Into<Bytes>, code: i64) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let (status, answer) = server.post(body).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!(answer["error"]["code"], code, "{shown}: {answer}");
    assert_eq!(answer["jsonrpc"], "2.0");
    assert!(answer.get("result").is_none(), "{shown}: {answer}");
}

#[tokio::test]
async fn what_is_no_json_is_a_parse_error() {
    let server = Server::start().await;
    let bodies: [&[u8]; 8] = [b"", b"{", b"nope", b"{'id':1}", b"[1,", b"\xff\xfe", b"{}{}", b"NaN"];
    for body in bodies {
        assert_refused(&server, body.to_vec(), PARSE_ERROR).await;
    }
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_no_request_is_an_invalid_request() {
    let server = Server::start().await;
    let bodies = [
        "{}",
        "1",
        "null",
        "\"text\"",
        "[]",
        r#"{"jsonrpc":"1.0","id":1,"method":"palisade_status"}"#,
        r#"{"id":1,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":1e400,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"palisade_status"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status","method":"palisade_assets"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status","extra":1}"#,
    ];
    for body in bodies {
        assert_refused(&server, body, INVALID_REQUEST).await;
    }
    let long_id = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"palisade_status"}}"#, "x".repeat(129));
    assert_refused(&server, long_id, INVALID_REQUEST).await;
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn nesting_bombs_are_refused() {
    let server = Server::start().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let bomb = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let (status, answer) = server.post(bomb.clone()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer["error"]["code"].is_i64() || answer[0]["error"]["code"].is_i64(), "{answer}");
        let inside = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"palisade_book","params":{{"market":{bomb}}}}}"#);
        assert_refused(&server, inside, INVALID_PARAMS).await;
    }
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn unknown_methods_are_refused() {
    let server = Server::start().await;
    for method in ["", "status", "palisade_Status", "eth_call", "palisade_status "] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        assert_refused(&server, body, METHOD_NOT_FOUND).await;
    }
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0);
}

const OPTION: &str = r#"{"kind":"call","forward":"100","strike":"110","time_ms":2592000000,"volatility":"0.5"}"#;

#[tokio::test]
async fn parameters_of_another_shape_are_refused() {
    let server = Server::start().await;
    let action = palisade_client::proof::to_hex(&fake::action().encode());
    let upper = format!("0x{}", action[2..].to_uppercase());
    let calls = [
        ("palisade_status", r#"{"extra":1}"#.to_owned()),
        ("palisade_status", "[]".to_owned()),
        ("palisade_status", "1".to_owned()),
        ("palisade_book", "[3,5]".to_owned()),
        ("palisade_book", "{}".to_owned()),
        ("palisade_book", r#"{"market":-1}"#.to_owned()),
        ("palisade_book", r#"{"market":"0"}"#.to_owned()),
        ("palisade_book", r#"{"market":1.0}"#.to_owned()),
        ("palisade_book", r#"{"market":4294967296}"#.to_owned()),
        ("palisade_book", r#"{"market":1,"market":2}"#.to_owned()),
        ("palisade_book", r#"{"market":1,"depth":0}"#.to_owned()),
        ("palisade_book", r#"{"market":1,"depth":1001}"#.to_owned()),
        ("palisade_book", r#"{"market":1,"Depth":5}"#.to_owned()),
        ("palisade_block", r#"{"height":1,"wait_ms":30001}"#.to_owned()),
        ("palisade_account", r#"{"account":"0x00"}"#.to_owned()),
        ("palisade_account", r#"{"account":"alice"}"#.to_owned()),
        ("palisade_openOrder", format!(r#"{{"account":"0x{}","order":5}}"#, "00".repeat(20))),
        ("palisade_openOrder", format!(r#"{{"account":"0x{}","order":{{"id":5,"client":6}}}}"#, "00".repeat(20))),
        ("palisade_prove", r#"{"request":{"type":"moon"}}"#.to_owned()),
        ("palisade_prove", r#"{"request":{"type":"order","order":1,"extra":1}}"#.to_owned()),
        ("palisade_combos", r#"{"limit":0}"#.to_owned()),
        ("palisade_combos", r#"{"limit":1001}"#.to_owned()),
        ("palisade_combos", r#"{"from":-1}"#.to_owned()),
        ("palisade_combos", r#"{"market":0}"#.to_owned()),
        ("palisade_price", "{}".to_owned()),
        ("palisade_price", "[]".to_owned()),
        ("palisade_price", format!(r#"{{"questions":[{OPTION}],"questions":[]}}"#)),
        ("palisade_price", format!(r#"{{"questions":[{}]}}"#, OPTION.replace(r#""strike":"110","#, ""))),
        ("palisade_price", format!(r#"{{"questions":[{}]}}"#, OPTION.replace(r#""call""#, r#""call","kind":"put""#))),
        ("palisade_price", format!(r#"{{"questions":[{}]}}"#, OPTION.replace(r#""call""#, r#""call","colour":1"#))),
        ("palisade_price", format!(r#"{{"questions":[{}]}}"#, OPTION.replace(r#""0.5""#, "0.5"))),
        ("palisade_portfolioMargin", "{}".to_owned()),
        ("palisade_portfolioMargin", r#"{"question":{"expiries":[]}}"#.to_owned()),
        ("palisade_portfolioMargin", r#"{"question":{"size_decimals":2,"size_decimals":2,"expiries":[]}}"#.to_owned()),
        ("palisade_portfolioMargin", r#"{"question":{"size_decimals":2,"expiries":[],"portfolio":true}}"#.to_owned()),
        ("palisade_margin", r#"{"question":{"positions":[]}}"#.to_owned()),
        ("palisade_margin", r#"{"question":{"cash_usd":"1","positions":[],"portfolio":"yes"}}"#.to_owned()),
        ("palisade_margin", r#"{"question":{"cash_usd":"1","positions":[]},"left_out":[]}"#.to_owned()),
        ("palisade_marginQuestion", r#"{"account":"alice","universe":0}"#.to_owned()),
        ("palisade_submit", "{}".to_owned()),
        ("palisade_submit", r#"{"action":"0x"}"#.to_owned()),
        ("palisade_submit", format!(r#"{{"action":"{action}00"}}"#)),
        ("palisade_submit", format!(r#"{{"action":"{}"}}"#, &action[2..])),
        ("palisade_submit", format!(r#"{{"action":"{upper}"}}"#)),
        ("palisade_submit", format!(r#"{{"action":"{action}","signature":"0x00"}}"#)),
        ("palisade_submitOracleVote", r#"{"vote":"0x01"}"#.to_owned()),
    ];
    for (method, params) in calls {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        assert_refused(&server, body, INVALID_PARAMS).await;
    }
    assert_eq!(server.fake.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn only_json_by_post_is_served() {
    let server = Server::start().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"palisade_status"}"#;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let (status, _) = server.send(Method::POST, PATH, content_type, body).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    let (status, answer) = server.send(Method::POST, PATH, "Application/JSON; charset=utf-8", body).await;
    assert_eq!((status, &answer["result"]["height"]), (StatusCode::OK, &Value::from(12)));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (status, _) = server.send(method, PATH, "application/json", body).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let (status, _) = server.send(Method::POST, "/nothing", "application/json", body).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
