//! The WebSocket: acknowledgements, snapshots, pushes in the order of the work, posts, errors and limits.

mod support;

use palisade_gateway::Limits;
use palisade_types::{
    event::{Event, MarginLevel},
    ids::{MarketId, UniverseId},
    numbers::Usd,
};
use serde_json::{Value, json};
use support::{
    Running,
    client::{Socket, post},
    signing::{body, key, order, place},
    start,
};

const CLOID: &str = "0x0000000000000000000000000000beef";

async fn started(limits: Limits) -> (Running, Socket) {
    let running = start(&[key(1).address(), key(2).address()], limits).await;
    let socket = Socket::connect(running.address).await;
    (running, socket)
}

fn user() -> String {
    key(1).address().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_acknowledged_in_normal_form() {
    let (_running, mut socket) = started(Limits::devnet()).await;
    socket.send(r#"{"method":"ping"}"#).await;
    assert_eq!(socket.next().await, Some(json!({ "channel": "pong" })));
    let table = [
        (r#"{"type":"allMids"}"#.to_owned(), json!({ "type": "allMids", "dex": null })),
        (
            r#"{"type":"l2Book","coin":"BTC"}"#.to_owned(),
            json!({ "type": "l2Book", "coin": "BTC", "nSigFigs": null, "mantissa": null, "fast": false }),
        ),
        (
            format!(r#"{{"type":"userFills","user":"{}"}}"#, user().to_uppercase().replace("0X", "0x")),
            json!({ "type": "userFills", "user": user(), "aggregateByTime": false }),
        ),
        (
            format!(r#"{{"type":"clearinghouseState","user":"{}"}}"#, user()),
            json!({ "type": "clearinghouseState", "user": user(), "dex": "" }),
        ),
        (
            format!(r#"{{"type":"spotState","user":"{}","isPortfolioMargin":true}}"#, user()),
            json!({ "type": "spotState", "user": user(), "ignorePortfolioMargin": false }),
        ),
        (
            r#"{"type":"candle","coin":"BTC","interval":"1m"}"#.to_owned(),
            json!({ "type": "candle", "coin": "BTC", "interval": "1m" }),
        ),
        (r#"{"type":"bbo","coin":"@1"}"#.to_owned(), json!({ "type": "bbo", "coin": "@1" })),
    ];
    for (wanted, normal) in table {
        socket.send(format!(r#"{{"method":"subscribe","subscription":{wanted}}}"#)).await;
        let acknowledged = socket.channel("subscriptionResponse").await;
        assert_eq!(acknowledged, json!({ "method": "subscribe", "subscription": normal }));
        socket.send(format!(r#"{{"method":"subscribe","subscription":{wanted}}}"#)).await;
        let error = socket.channel("error").await;
        assert!(error.as_str().is_some_and(|text| text.starts_with("Already subscribed: {")), "{error}");
        socket.send(format!(r#"{{"method":"unsubscribe","subscription":{wanted},"id":"x"}}"#)).await;
        let acknowledged = socket.channel("subscriptionResponse").await;
        assert_eq!(acknowledged, json!({ "method": "unsubscribe", "subscription": normal }));
        socket.send(format!(r#"{{"method":"unsubscribe","subscription":{wanted}}}"#)).await;
        let error = socket.channel("error").await;
        assert!(error.as_str().is_some_and(|text| text.starts_with("Already unsubscribed: {")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_come_at_once() {
    let (running, mut socket) = started(Limits::devnet()).await;
    post(running.address, "/exchange", body(&key(1), &place(&[order(false, "101", "1", "Gtc", None)]), 1)).await;
    post(running.address, "/exchange", body(&key(2), &place(&[order(true, "101", "0.4", "Ioc", None)]), 1)).await;
    let user = user();
    let table = [
        (r#"{"type":"allMids"}"#.to_owned(), "allMids", "/mids/BTC"),
        (r#"{"type":"l2Book","coin":"BTC"}"#.to_owned(), "l2Book", "/levels/1/0/px"),
        (r#"{"type":"bbo","coin":"BTC"}"#.to_owned(), "bbo", "/bbo/1/px"),
        (r#"{"type":"trades","coin":"BTC"}"#.to_owned(), "trades", "/0/px"),
        (r#"{"type":"candle","coin":"BTC","interval":"1d"}"#.to_owned(), "candle", "/c"),
        (r#"{"type":"activeAssetCtx","coin":"BTC"}"#.to_owned(), "activeAssetCtx", "/ctx/markPx"),
        (r#"{"type":"activeAssetCtx","coin":"@1"}"#.to_owned(), "activeSpotAssetCtx", "/ctx/markPx"),
        (format!(r#"{{"type":"userFills","user":"{user}"}}"#), "userFills", "/fills/0/px"),
        (
            format!(r#"{{"type":"clearinghouseState","user":"{user}"}}"#),
            "clearinghouseState",
            "/clearinghouseState/withdrawable",
        ),
        (format!(r#"{{"type":"spotState","user":"{user}"}}"#), "spotState", "/spotState/balances/0/total"),
        (format!(r#"{{"type":"webData2","user":"{user}"}}"#), "webData2", "/openOrders/0/oid"),
    ];
    for (wanted, channel, pointer) in table {
        let acknowledged = socket.subscribe(&wanted).await;
        assert_eq!(acknowledged["channel"], "subscriptionResponse", "{wanted}: {acknowledged}");
        let snapshot = socket.channel(channel).await;
        assert!(snapshot.pointer(pointer).is_some_and(|value| !value.is_null()), "{wanted}: {snapshot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn margin_calls_reach_who_is_called_and_nobody_else() {
    let (running, mut socket) = started(Limits::devnet()).await;
    socket.subscribe(&format!(r#"{{"type":"notification","user":"{}"}}"#, user())).await;
    let call = |number, market, level, equity| Event::MarginCalled {
        account: key(number).address(),
        universe: UniverseId::new(0),
        market,
        level,
        equity_usd: Usd::new(equity),
        maintenance_usd: Usd::new(20_000_000_000),
    };
    running.node.tell(vec![
        call(2, None, MarginLevel::Liquidatable, 1),
        call(1, None, MarginLevel::Warned, 24_950_000_000),
        call(1, Some(MarketId::new(0)), MarginLevel::Called, 21_000_000_000),
    ]);
    for told in [
        "Cross margin is below 1.25 times its maintenance requirement: equity 249.5 USD, maintenance 200 USD.",
        "The isolated position in BTC is below 1.1 times its maintenance requirement: add collateral or reduce now: \
         equity 210 USD, maintenance 200 USD.",
    ] {
        assert_eq!(socket.channel("notification").await, json!({ "notification": told }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_come_in_the_order_of_the_work_and_before_the_answer() {
    let (running, mut socket) = started(Limits::devnet()).await;
    let seller = body(&key(2), &place(&[order(false, "101", "1", "Gtc", None)]), 1);
    post(running.address, "/exchange", seller).await;
    for kind in ["orderUpdates", "userEvents"] {
        socket.subscribe(&format!(r#"{{"type":"{kind}","user":"{}"}}"#, user())).await;
    }
    let buy = body(&key(1), &place(&[order(true, "101", "1", "Gtc", Some(CLOID))]), 1);
    socket.send(format!(r#"{{"method":"post","id":7,"request":{{"type":"action","payload":{buy}}}}}"#)).await;
    let opened = socket.next().await.expect("open");
    assert_eq!(opened["channel"], "orderUpdates");
    assert_eq!(
        (opened["data"][0]["status"].as_str(), opened["data"][0]["order"]["cloid"].as_str()),
        (Some("open"), Some(CLOID))
    );
    let filled = socket.next().await.expect("a fill");
    assert_eq!(filled["channel"], "user");
    assert_eq!(filled["data"]["fills"][0]["cloid"], CLOID);
    let done = socket.next().await.expect("the end");
    assert_eq!((done["channel"].as_str(), done["data"][0]["status"].as_str()), (Some("orderUpdates"), Some("filled")));
    let answer = socket.next().await.expect("the answer");
    assert_eq!(answer["channel"], "post");
    assert_eq!(answer["data"]["id"], 7);
    assert_eq!(answer["data"]["response"]["type"], "action");
    assert_eq!(answer["data"]["response"]["payload"]["response"]["data"]["statuses"][0]["filled"]["cloid"], CLOID);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn market_data_follows_each_block() {
    let (running, mut socket) = started(Limits::devnet()).await;
    for kind in ["l2Book", "bbo", "trades"] {
        socket.subscribe(&format!(r#"{{"type":"{kind}","coin":"BTC"}}"#)).await;
        socket.channel(kind).await;
    }
    post(running.address, "/exchange", body(&key(1), &place(&[order(false, "101", "1", "Gtc", None)]), 1)).await;
    socket.book_with_best_ask("1").await;
    assert_eq!(socket.channel("bbo").await["bbo"], json!([null, { "px": "101", "sz": "1", "n": 1 }]));
    post(running.address, "/exchange", body(&key(2), &place(&[order(true, "101", "0.4", "Ioc", None)]), 1)).await;
    socket.book_with_best_ask("0.6").await;
    let trades = socket.channel("trades").await;
    assert_eq!((trades[0]["side"].as_str(), trades[0]["sz"].as_str()), (Some("B"), Some("0.4")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_and_prices_are_pushed_again_though_nothing_happens() {
    let (_running, mut socket) = started(Limits { market_push_ms: 100, ..Limits::devnet() }).await;
    for (channel, wanted) in [
        ("l2Book", r#"{"type":"l2Book","coin":"BTC"}"#),
        ("allMids", r#"{"type":"allMids"}"#),
        ("activeAssetCtx", r#"{"type":"activeAssetCtx","coin":"BTC"}"#),
    ] {
        socket.subscribe(wanted).await;
        for _ in 0..3 {
            socket.channel(channel).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_state_is_pushed_again_and_again() {
    let (_running, mut socket) = started(Limits { account_push_ms: 100, ..Limits::devnet() }).await;
    socket.subscribe(&format!(r#"{{"type":"clearinghouseState","user":"{}"}}"#, user())).await;
    for _ in 0..3 {
        let state = socket.channel("clearinghouseState").await;
        assert_eq!(state["user"], user());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_answer_questions_and_refusals() {
    let (_running, mut socket) = started(Limits::devnet()).await;
    let ask = |id: u64, request: &str| format!(r#"{{"method":"post","id":{id},"request":{request}}}"#);
    socket.send(ask(1, r#"{"type":"info","payload":{"type":"meta"}}"#)).await;
    let answer = socket.channel("post").await;
    assert_eq!((answer["id"].as_u64(), answer["response"]["payload"]["type"].as_str()), (Some(1), Some("meta")));
    assert_eq!(answer["response"]["payload"]["data"]["universe"][0]["name"], "BTC");
    socket.send(ask(2, r#"{"type":"info","payload":{"type":"nope"}}"#)).await;
    let answer = socket.channel("post").await;
    assert_eq!((answer["id"].as_u64(), answer["response"]["type"].as_str()), (Some(2), Some("error")));
    socket.send(ask(3, r#"{"type":"other","payload":{}}"#)).await;
    assert_eq!(socket.channel("post").await["response"]["type"], "error");
    let stranger = body(&key(8), &place(&[order(true, "90", "1", "Gtc", None)]), 1);
    socket.send(ask(4, &format!(r#"{{"type":"action","payload":{stranger}}}"#))).await;
    let answer = socket.channel("post").await;
    assert_eq!(answer["response"]["payload"]["status"], "err");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_answered_and_the_connection_lives() {
    let (_running, mut socket) = started(Limits::devnet()).await;
    for text in [
        "",
        "{",
        "[]",
        "{}",
        "null",
        r#"{"type":"allMids"}"#,
        r#"{"method":"dance"}"#,
        r#"{"method":"subscribe"}"#,
        r#"{"method":"subscribe","subscription":7}"#,
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"NOPE"}}"#,
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":77}}"#,
        r#"{"method":"subscribe","subscription":{"type":"orderUpdates","user":"me"}}"#,
        r#"{"method":"subscribe","method":"subscribe"}"#,
        r#"{"method":"post","request":{}}"#,
    ] {
        socket.send(text).await;
        let message = socket.next().await.expect("an open connection");
        assert_eq!(message["channel"], "error", "{text}: {message}");
    }
    socket.send("[".repeat(10_000)).await;
    assert_eq!(socket.next().await.map(|message| message["channel"].clone()), Some(Value::from("error")));
    socket.send(r#"{"method":"ping"}"#).await;
    assert_eq!(socket.next().await, Some(json!({ "channel": "pong" })));
    socket.send(" ".repeat(Limits::devnet().body_bytes_max + 1)).await;
    assert_eq!(socket.next().await, None, "an oversize message ends the connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_per_address_and_per_connection() {
    let limits = Limits {
        sockets_per_address: 2,
        subscriptions_per_address: 2,
        users_per_socket: 1,
        messages_per_minute: 6,
        ..Limits::devnet()
    };
    let (running, mut first) = started(limits).await;
    let second = Socket::connect(running.address).await;
    let refused = Socket::try_connect(running.address).await.err().expect("two are the limit");
    assert!(refused.contains("429"), "{refused}");
    drop(second);

    let follow = |number: u8| format!(r#"{{"type":"userEvents","user":"{}"}}"#, key(number).address());
    assert_eq!(first.subscribe(&follow(1)).await["channel"], "subscriptionResponse");
    let error = first.subscribe(&follow(2)).await;
    assert_eq!(error["data"], "Cannot track more than 1 total users.");
    let more = format!(r#"{{"type":"orderUpdates","user":"{}"}}"#, user());
    assert_eq!(first.subscribe(&more).await["channel"], "subscriptionResponse");
    let error = first.subscribe(r#"{"type":"allMids"}"#).await;
    assert_eq!(error["data"], "Cannot subscribe to more than 2 channels.");
    for _ in 0..2 {
        first.send(r#"{"method":"ping"}"#).await;
        assert_eq!(first.next().await, Some(json!({ "channel": "pong" })));
    }
    first.send(r#"{"method":"ping"}"#).await;
    let error = first.next().await.expect("an answer");
    assert!(error["data"].as_str().is_some_and(|text| text.starts_with("rate limited")), "{error}");
}
