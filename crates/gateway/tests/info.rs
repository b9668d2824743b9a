//! `POST /info`, the status page and the limits of HTTP.

mod support;

use palisade_gateway::Limits;
use palisade_types::address::AccountId;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{
    Running,
    client::{get, post, raw},
    signing::{body, key, order, place},
    start, start_over,
};

const USER: AccountId = AccountId([0xAB; 20]);

async fn info(running: &Running, request: &str) -> Value {
    let answer = post(running.address, "/info", request).await;
    assert_eq!(answer.status, 200, "{request}: {answer:?}");
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_in_lists_are_ids() {
    let running = start(&[USER], Limits::devnet()).await;
    let meta = info(&running, r#"{"type":"meta","dex":""}"#).await;
    assert_eq!(meta["universe"][0], json!({"name":"BTC","szDecimals":5,"maxLeverage":40,"marginTableId":40}));
    assert_eq!(meta["marginTables"][0][0], 40);
    assert_eq!(meta["collateralToken"], 0);
    let futures = info(&running, r#"{"type":"meta","dex":"fut"}"#).await;
    assert_eq!(info(&running, r#"{"type":"allPerpMetas"}"#).await, json!([meta, futures]));

    let spot = info(&running, r#"{"type":"spotMeta"}"#).await;
    for (place, token) in spot["tokens"].as_array().expect("a list").iter().enumerate() {
        assert_eq!(token["index"], place, "clients index tokens by place");
        for field in ["name", "szDecimals", "weiDecimals", "tokenId", "isCanonical"] {
            assert!(!token[field].is_null(), "{field} must be there: {token}");
        }
    }
    assert_eq!(spot["tokens"][0]["name"], "USDC");
    let names: Vec<_> = spot["universe"].as_array().expect("a list").iter().map(|pair| pair["name"].clone()).collect();
    assert_eq!(names, ["PURR/USDC", "@1"]);
    assert_eq!(spot["universe"][1]["tokens"], json!([2, 0]));

    let contexts = info(&running, r#"{"type":"metaAndAssetCtxs"}"#).await;
    assert_eq!(contexts[0], meta);
    assert_eq!(contexts[1][0]["markPx"], "117000.5");
    assert_eq!(contexts[1][0]["oraclePx"], "117000");
    assert_eq!(contexts[1][0]["midPx"], Value::Null);
    let spot_contexts = info(&running, r#"{"type":"spotMetaAndAssetCtxs"}"#).await;
    assert_eq!(spot_contexts[1].as_array().map(Vec::len), Some(2));
    assert_eq!(spot_contexts[1][1]["coin"], "@1");
    assert_eq!(info(&running, r#"{"type":"allMids"}"#).await, json!({"BTC": "117000.5"}));
}

/// The first builder's venue has place 1, so its assets' ids are 110000 and up; one that is over keeps its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dated_futures_are_a_venue_of_their_own() {
    let alice = key(1);
    let running = start(&[alice.address()], Limits::devnet()).await;
    post(running.address, "/exchange", body(&alice, &place(&[order(true, "90", "1", "Gtc", None)]), 1)).await;
    let future = order(true, "95", "1", "Gtc", None).replace("\"a\":0", "\"a\":110001");
    post(running.address, "/exchange", body(&alice, &place(&[future]), 2)).await;

    let venues = info(&running, r#"{"type":"perpDexs"}"#).await;
    assert_eq!((venues[0].clone(), venues[1]["name"].as_str()), (Value::Null, Some("fut")));
    assert_eq!(venues.as_array().map(Vec::len), Some(2));
    let answer = info(&running, r#"{"type":"metaAndAssetCtxs","dex":"fut"}"#).await;
    let over = json!({"name":"fut:BTC-8JAN27","szDecimals":5,"maxLeverage":20,"marginTableId":20,"isDelisted":true});
    let listed = json!({"name":"fut:BTC-15JAN28","szDecimals":5,"maxLeverage":20,"marginTableId":20});
    assert_eq!(answer[0]["universe"], json!([over, listed]));
    assert_eq!(answer[1].as_array().map(Vec::len), Some(2));
    assert_eq!((answer[1][1]["funding"].as_str(), answer[1][1]["oraclePx"].as_str()), (Some("0.0"), Some("117000")));
    let mids = info(&running, r#"{"type":"allMids","dex":"fut"}"#).await;
    assert_eq!(mids, json!({"fut:BTC-8JAN27": "117000.5", "fut:BTC-15JAN28": "117000.5"}));
    let book = info(&running, r#"{"type":"l2Book","coin":"fut:BTC-15JAN28"}"#).await;
    assert_eq!((book["coin"].as_str(), &book["levels"][0][0]["px"]), (Some("fut:BTC-15JAN28"), &json!("95")));
    assert_eq!(info(&running, r#"{"type":"fundingHistory","coin":"fut:BTC-15JAN28","startTime":0}"#).await, json!([]));

    let coins = |orders: Value| -> Vec<String> {
        let orders = orders.as_array().expect("a list").clone();
        orders.iter().map(|order| order["coin"].as_str().expect("a text").to_owned()).collect()
    };
    for kind in ["openOrders", "frontendOpenOrders"] {
        let of = |dex: &str| format!(r#"{{"type":"{kind}","user":"{}"{dex}}}"#, alice.address());
        let all = ["fut:BTC-15JAN28", "BTC"];
        assert_eq!(coins(info(&running, &of("")).await), all, "who does not know the venue must see its orders");
        assert_eq!(coins(info(&running, &of(r#","dex":"""#)).await), all);
        assert_eq!(coins(info(&running, &of(r#","dex":"fut""#)).await), ["fut:BTC-15JAN28"]);
    }
    let state = format!(r#"{{"type":"clearinghouseState","user":"{}","dex":"fut"}}"#, alice.address());
    assert_eq!(info(&running, &state).await["marginSummary"]["accountValue"], "1000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_have_the_shapes_that_clients_need() {
    let running = start(&[USER], Limits::devnet()).await;
    let user =
        |kind: &str| format!(r#"{{"type":"{kind}","user":"{}"}}"#, USER.to_string().to_uppercase().replace("0X", "0x"));
    let state = info(&running, &user("clearinghouseState")).await;
    assert_eq!(state["marginSummary"]["accountValue"], "1000");
    assert_eq!(state["assetPositions"], json!([]));
    let spot = info(&running, &user("spotClearinghouseState")).await;
    assert_eq!(spot["balances"][0], json!({"coin":"USDC","token":0,"total":"1000","hold":"0","entryNtl":"0.0"}));
    assert_eq!(info(&running, &user("userAbstraction")).await, "unifiedAccount");
    assert_eq!(info(&running, &user("userRole")).await, json!({"role":"user"}));
    assert_eq!(info(&running, &user("userRateLimit")).await["nRequestsCap"], 10_000);
    let fees = info(&running, &user("userFees")).await;
    assert_eq!((fees["userCrossRate"].as_str(), fees["userAddRate"].as_str()), (Some("0.00045"), Some("0.00015")));
    for kind in
        ["openOrders", "frontendOpenOrders", "historicalOrders", "userFills", "userFunding", "userVaultEquities"]
    {
        assert_eq!(info(&running, &user(kind)).await, json!([]), "{kind}");
    }
    for kind in ["subAccounts", "userToMultiSigSigners", "userDexAbstraction"] {
        assert_eq!(info(&running, &user(kind)).await, Value::Null, "{kind}");
    }
    let unknown = format!(r#"{{"type":"orderStatus","user":"{USER}","oid":5}}"#);
    assert_eq!(info(&running, &unknown).await, json!({"status":"unknownOid"}));
    let stranger = format!(r#"{{"type":"clearinghouseState","user":"{}"}}"#, AccountId([7; 20]));
    assert_eq!(info(&running, &stranger).await["marginSummary"]["accountValue"], "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_trades_and_candles_follow_the_trading() {
    let (alice, bob) = (key(1), key(2));
    let running = start(&[alice.address(), bob.address()], Limits::devnet()).await;
    let orders = ["101.5", "101.2", "100.9"].map(|price| order(false, price, "1", "Gtc", None));
    post(running.address, "/exchange", body(&alice, &place(&orders), 1)).await;
    let book = info(&running, r#"{"type":"l2Book","coin":"BTC"}"#).await;
    assert_eq!(book["levels"][1][0], json!({"px":"100.9","sz":"1","n":1}));
    assert_eq!(book["levels"][0], json!([]));
    let rounded = info(&running, r#"{"type":"l2Book","coin":"BTC","nSigFigs":3,"mantissa":null}"#).await;
    assert_eq!(rounded["levels"][1], json!([{"px":"101","sz":"1","n":1},{"px":"102","sz":"2","n":2}]));

    post(running.address, "/exchange", body(&bob, &place(&[order(true, "101.3", "1.5", "Ioc", None)]), 1)).await;
    let trades = info(&running, r#"{"type":"recentTrades","coin":"BTC"}"#).await;
    assert_eq!(trades.as_array().map(Vec::len), Some(2));
    assert_eq!(trades[0]["px"], "101.2", "newest first");
    assert_eq!(trades[0]["users"], json!([bob.address().to_string(), alice.address().to_string()]));
    let request = r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"1h","startTime":0}}"#;
    let candles = info(&running, request).await;
    let candle = &candles[0];
    assert_eq!(
        (candle["o"].as_str(), candle["c"].as_str(), candle["v"].as_str()),
        (Some("100.9"), Some("101.2"), Some("1.5"))
    );
    assert_eq!((candle["s"].as_str(), candle["i"].as_str(), candle["n"].as_u64()), (Some("BTC"), Some("1h"), Some(2)));
    let context = info(&running, r#"{"type":"metaAndAssetCtxs"}"#).await[1][0].clone();
    assert_eq!((context["dayNtlVlm"].as_str(), context["dayBaseVlm"].as_str()), (Some("151.5"), Some("1.5")));
    let joined = format!(r#"{{"type":"userFills","user":"{}","aggregateByTime":true}}"#, bob.address());
    let joined = info(&running, &joined).await;
    assert_eq!((joined[0]["sz"].as_str(), joined[0]["px"].as_str()), (Some("1.5"), Some("101")));
    assert_eq!(joined.as_array().map(Vec::len), Some(1));
    let by_time = format!(r#"{{"type":"userFillsByTime","user":"{}","startTime":0,"endTime":null}}"#, bob.address());
    assert_eq!(info(&running, &by_time).await.as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_requests_are_plain_text_422() {
    let running = start(&[USER], Limits::devnet()).await;
    for request in [
        "{}",
        "[]",
        r#"{"type":7}"#,
        r#"{"type":"frobnicate"}"#,
        r#"{"type":"openOrders"}"#,
        r#"{"type":"openOrders","user":"0x12"}"#,
        r#"{"type":"openOrders","user":5}"#,
        r#"{"type":"meta","dex":"other"}"#,
        r#"{"type":"l2Book"}"#,
        r#"{"type":"l2Book","coin":"NOPE"}"#,
        r#"{"type":"l2Book","coin":"BTC","nSigFigs":9}"#,
        r#"{"type":"l2Book","coin":"BTC","nSigFigs":4,"mantissa":5}"#,
        r#"{"type":"fundingHistory","coin":"BTC"}"#,
        r#"{"type":"fundingHistory","coin":"NOPE","startTime":0}"#,
        r#"{"type":"fundingHistory","coin":"BTC","startTime":"now"}"#,
        r#"{"type":"candleSnapshot","coin":"BTC"}"#,
        r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"7m","startTime":0}}"#,
        r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"1m","startTime":-1}}"#,
        r#"{"type":"orderStatus","user":"0x0000000000000000000000000000000000000000","oid":-1}"#,
        r#"{"type":"orderStatus","user":"0x0000000000000000000000000000000000000000","oid":"0x1"}"#,
    ] {
        let answer = post(running.address, "/info", request).await;
        assert_eq!(answer.status, 422, "{request}: {answer:?}");
        assert!(answer.head.contains("text/plain"), "{answer:?}");
        assert!(answer.body.starts_with("Failed to deserialize the JSON body into the target type"), "{answer:?}");
    }
    assert_eq!(post(running.address, "/info", "{\"type\":\"meta\",}").await.status, 400);
    assert_eq!(get(running.address, "/info").await.status, 405);
    assert_eq!(get(running.address, "/nowhere").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_asks_too_much_waits() {
    let limits = Limits { weight_per_minute: 60, ..Limits::devnet() };
    let running = start(&[USER], limits).await;
    for _ in 0..3 {
        assert_eq!(post(running.address, "/info", r#"{"type":"meta"}"#).await.status, 200);
    }
    let answer = post(running.address, "/info", r#"{"type":"meta"}"#).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.head.to_lowercase().contains("retry-after: "), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_of_any_origin_may_ask_and_the_page_says_something() {
    let running = start(&[USER], Limits::devnet()).await;
    let preflight = b"OPTIONS /info HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://example.com\r\n\r\n";
    let answer = raw(running.address, preflight).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(answer.head.to_lowercase().contains("access-control-allow-origin: *"), "{answer:?}");
    let page = get(running.address, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("117000.5"), "figures are there without a script");
    assert!(page.body.contains("memory \\u003cscript>"), "names cannot end the script");
    assert!(page.head.to_lowercase().contains("content-security-policy"));
    let status = get(running.address, "/status.json").await.json();
    assert_eq!(status["markets"][0]["coin"], "BTC");
    assert_eq!(get(running.address, "/metrics").await.body, "palisade_up 1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_over_the_same_node_tells_the_same_past() {
    let (alice, bob) = (key(1), key(2));
    let first = start(&[alice.address(), bob.address()], Limits::devnet()).await;
    post(first.address, "/exchange", body(&alice, &place(&[order(false, "101", "2", "Gtc", None)]), 1)).await;
    post(first.address, "/exchange", body(&bob, &place(&[order(true, "101", "0.5", "Ioc", None)]), 1)).await;
    post(first.address, "/exchange", body(&alice, r#"{"type":"cancel","cancels":[{"a":0,"o":1}]}"#, 2)).await;
    let second = start_over(first.node.clone(), Limits::devnet()).await;
    let started = Instant::now();
    while get(second.address, "/status.json").await.json()["historyHeight"] != 3 {
        assert!(started.elapsed() < Duration::from_secs(10), "history catches up");
    }
    for request in [
        format!(r#"{{"type":"userFills","user":"{}"}}"#, bob.address()),
        format!(r#"{{"type":"historicalOrders","user":"{}"}}"#, alice.address()),
        format!(r#"{{"type":"orderStatus","user":"{}","oid":1}}"#, alice.address()),
        r#"{"type":"recentTrades","coin":"BTC"}"#.to_owned(),
        r#"{"type":"candleSnapshot","req":{"coin":"BTC","interval":"1m","startTime":0}}"#.to_owned(),
    ] {
        let told = info(&first, &request).await;
        assert_ne!(told, json!([]), "{request}");
        assert_eq!(info(&second, &request).await, told, "{request}");
    }
}
