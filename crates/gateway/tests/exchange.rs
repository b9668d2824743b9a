//! `POST /exchange`: what is accepted, in which words the rest is refused, and that nothing ever panics.

mod support;

use palisade_gateway::Limits;
use palisade_types::{envelope::HyperliquidUserAction, signing::secp256k1::Secp256k1SecretKey};
use serde_json::{Value, json};
use support::{
    Running,
    client::{Answer, post},
    signing::{How, MAINNET, approve_agent, body, body_with, key, order, place, sign_l1, signature_json, user_body},
    start,
};

const CLOID: &str = "0x0000000000000000000000000000beef";

async fn two_traders() -> (Running, Secp256k1SecretKey, Secp256k1SecretKey) {
    let (alice, bob) = (key(1), key(2));
    let running = start(&[alice.address(), bob.address()], Limits::devnet()).await;
    (running, alice, bob)
}

async fn exchange(running: &Running, body: &str) -> Value {
    let answer = post(running.address, "/exchange", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn error(running: &Running, body: &str) -> String {
    let answer = exchange(running, body).await;
    assert_eq!(answer["status"], "err", "{answer}");
    answer["response"].as_str().expect("a text").to_owned()
}

fn first_status(answer: &Value) -> Value {
    assert_eq!(answer["status"], "ok", "{answer}");
    answer["response"]["data"]["statuses"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_both_kinds_of_clients_rest_and_fill() {
    let (running, alice, bob) = two_traders().await;
    let sell = place(&[order(false, "100.5", "2", "Gtc", Some(CLOID))]);
    let answer = exchange(&running, &body(&alice, &sell, 1)).await;
    assert_eq!(first_status(&answer), json!({ "resting": { "oid": 1, "cloid": CLOID } }));
    let buy = place(&[order(true, "101", "0.5", "Ioc", None)]);
    let how = How { source: MAINNET, ..How::default() };
    let answer = exchange(&running, &body_with(&bob, &buy, 1, how)).await;
    assert_eq!(first_status(&answer), json!({ "filled": { "oid": 2, "totalSz": "0.5", "avgPx": "100.5" } }));

    let fills = format!(r#"{{"type":"userFills","user":"{}"}}"#, bob.address());
    let fills = post(running.address, "/info", fills).await.json();
    assert_eq!(fills[0]["oid"], 2, "history holds the block of an answer: {fills}");
    assert_eq!((fills[0]["side"].as_str(), fills[0]["crossed"].as_bool()), (Some("B"), Some(true)));
    assert_eq!(fills[0]["dir"], "Open Long");
    let user = alice.address();
    let status = format!(r#"{{"type":"orderStatus","user":"{user}","oid":"{CLOID}"}}"#);
    let status = post(running.address, "/info", status).await.json();
    assert_eq!(status["order"]["status"], "open");
    assert_eq!(status["order"]["order"]["sz"], "1.5");
    assert_eq!(status["order"]["order"]["origSz"], "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modify_and_cancel_have_their_own_shapes() {
    let (running, alice, _) = two_traders().await;
    let resting = place(&[order(true, "90", "1", "Gtc", Some(CLOID))]);
    exchange(&running, &body(&alice, &resting, 1)).await;
    let new = order(true, "91", "1", "Gtc", Some(CLOID));
    let modify = format!(r#"{{"type":"modify","oid":1,"order":{new}}}"#);
    assert_eq!(exchange(&running, &body(&alice, &modify, 2)).await["response"], json!({ "type": "default" }));
    let batch = format!(r#"{{"type":"batchModify","modifies":[{{"oid":"{CLOID}","order":{new}}}]}}"#);
    let answer = exchange(&running, &body(&alice, &batch, 3)).await;
    assert_eq!(first_status(&answer)["resting"]["cloid"], CLOID);
    let by_name = format!(r#"{{"type":"cancelByCloid","cancels":[{{"asset":0,"cloid":"{CLOID}"}}],"f":true}}"#);
    let answer = exchange(&running, &body(&alice, &by_name, 4)).await;
    assert_eq!(answer["response"], json!({ "type": "cancel", "data": { "statuses": ["success"] } }));
    let cancel = r#"{"type":"cancel","cancels":[{"a":0,"o":1},{"a":0,"o":99}]}"#;
    let answer = exchange(&running, &body(&alice, cancel, 5)).await;
    let gone = json!({ "error": "Order was never placed, already canceled, or filled." });
    assert_eq!(answer["response"]["data"]["statuses"], json!([gone, gone]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_agent_trades_for_its_account() {
    let (running, alice, _) = two_traders().await;
    let agent = key(9);
    let resting = place(&[order(true, "90", "1", "Gtc", None)]);
    let stranger = error(&running, &body(&agent, &resting, 1)).await;
    assert!(stranger.starts_with("User or API Wallet 0x"), "{stranger}");
    assert!(stranger.contains(&agent.address().to_string()), "the real address is one of the two: {stranger}");
    let approved = exchange(&running, &approve_agent(&alice, agent.address(), 2)).await;
    assert_eq!(approved, json!({ "status": "ok", "response": { "type": "default" } }));
    exchange(&running, &body(&agent, &resting, 3)).await;
    let query = format!(r#"{{"type":"openOrders","user":"{}"}}"#, alice.address());
    assert_eq!(post(running.address, "/info", query).await.json().as_array().map(Vec::len), Some(1));
    let query = format!(r#"{{"type":"userRole","user":"{}"}}"#, agent.address());
    let role = post(running.address, "/info", query).await.json();
    assert_eq!(role, json!({ "role": "agent", "data": { "user": alice.address().to_string() } }));
    let query = format!(r#"{{"type":"extraAgents","user":"{}"}}"#, alice.address());
    assert_eq!(post(running.address, "/info", query).await.json()[0]["address"], agent.address().to_string());
    running.node.exchange.lock().expect("no panic").retire(agent.address());
    let former = error(&running, &body(&agent, &resting, 4)).await;
    assert_eq!(former, format!("User or API Wallet {} does not exist.", agent.address()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_is_the_account_itself_is_tolerated_with_and_without_prefix() {
    let (running, alice, bob) = two_traders().await;
    let resting = place(&[order(true, "90", "1", "Gtc", None)]);
    let own = How { vault: Some(alice.address()), ..How::default() };
    let text = body_with(&alice, &resting, 1, own);
    first_status(&exchange(&running, &text).await);
    let bare = body_with(&alice, &resting, 2, own).replace("\"vaultAddress\":\"0x", "\"vaultAddress\":\"");
    first_status(&exchange(&running, &bare).await);
    let other = How { vault: Some(bob.address()), ..How::default() };
    let refused = error(&running, &body_with(&alice, &resting, 3, other)).await;
    assert_eq!(refused, format!("Vault not registered: {}", bob.address()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn business_errors_keep_their_words() {
    let (running, alice, _) = two_traders().await;
    let one = |text: String| place(&[text]);
    let table = [
        (one(order(true, "90.01", "1", "Gtc", None)), "Price must be divisible by tick size."),
        (one(order(true, "90", "0", "Gtc", None)), "Order has zero size."),
        (one(order(true, "90", "0.000001", "Gtc", None)), "Order has invalid size."),
        (one(order(true, "1e5", "1", "Gtc", None)), "Price is not a valid decimal number."),
        (one(order(true, "NaN", "1", "Gtc", None)), "Price is not a valid decimal number."),
        (one(order(true, "99999999999999999999", "1", "Gtc", None)), "Arithmetic overflow: the numbers are too large."),
        (one(order(true, "90", "1", "Ioc", None)), "Order could not immediately match against any resting orders."),
        (one(order(true, "90", "1", "Gtc", None).replace("\"a\":0", "\"a\":777")), "Invalid asset: 777."),
    ];
    for (nonce, (action, text)) in table.iter().enumerate() {
        let answer = exchange(&running, &body(&alice, action, nonce as u64 + 1)).await;
        assert_eq!(first_status(&answer), json!({ "error": text }), "{action}");
    }
    let mixed = place(&[order(true, "90.01", "1", "Gtc", None), order(true, "90", "1", "Gtc", None)]);
    let answer = exchange(&running, &body(&alice, &mixed, 100)).await;
    assert!(answer["response"]["data"]["statuses"][1]["resting"].is_object(), "each order alone: {answer}");
    let repeated = error(&running, &body(&alice, &mixed, 100)).await;
    assert_eq!(repeated, "Invalid nonce: duplicate nonce 100");
    let too_high = r#"{"type":"updateLeverage","asset":0,"isCross":false,"leverage":41}"#;
    let refused = error(&running, &body(&alice, too_high, 101)).await;
    assert_eq!(refused, "Invalid leverage value.");
    let cross = r#"{"type":"updateLeverage","asset":0,"isCross":true,"leverage":5}"#;
    assert_eq!(exchange(&running, &body(&alice, cross, 102)).await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chain_cannot_do_is_refused_at_once() {
    let (running, alice, _) = two_traders().await;
    let height = running.node.exchange.lock().expect("no panic").height();
    for kind in ["setReferrer", "reserveRequestWeight", "multiSig", "tokenDelegate", "spotDeploy"] {
        let text = error(&running, &body(&alice, &format!(r#"{{"type":"{kind}"}}"#), 1)).await;
        assert!(text.to_lowercase().starts_with(&kind.to_lowercase()), "{text}");
        assert!(text.contains("not supported"), "{text}");
    }
    for (kind, content) in [
        ("approveBuilderFee", format!(r#""maxFeeRate":"0.01%","builder":"{}","nonce":1"#, alice.address())),
        ("withdraw3", r#""destination":"0xAb","amount":"1","time":1"#.to_owned()),
        ("userDexAbstraction", format!(r#""user":"{}","enabled":false,"nonce":1"#, alice.address())),
        ("userSetAbstraction", format!(r#""user":"{}","abstraction":"disabled","nonce":1"#, alice.address())),
    ] {
        let action = format!(r#"{{"type":"{kind}",{content},"signatureChainId":"0x1","hyperliquidChain":"Mainnet"}}"#);
        let text = error(&running, &body(&alice, &action, 1)).await;
        assert!(text.starts_with(&format!("{kind} is not supported on this chain: ")), "{text}");
    }
    let portfolio = r#"{"type":"agentSetAbstraction","abstraction":"p"}"#;
    let text = error(&running, &body(&alice, portfolio, 1)).await;
    assert_eq!(text, "agentSetAbstraction is not supported on this chain: every account is unified");
    let resting = order(true, "90", "1", "Gtc", None);
    let priority = format!(r#"{{"type":"order","orders":[{resting}],"grouping":{{"p":5}}}}"#);
    assert!(error(&running, &body(&alice, &priority, 1)).await.contains("not supported"));
    let builder = format!(
        r#"{{"type":"order","orders":[{resting}],"grouping":"na","builder":{{"b":"{}","f":10}}}}"#,
        alice.address()
    );
    assert_eq!(error(&running, &body(&alice, &builder, 1)).await, "Builder fee is not supported.");
    assert_eq!(running.node.exchange.lock().expect("no panic").height(), height, "nothing reached the chain");
    let free = builder.replace("\"f\":10", "\"f\":0");
    first_status(&exchange(&running, &body(&alice, &free, 1)).await);
}

/// Of every user-signed action the fields are read and hashed as its clients do: another key would be recovered
/// otherwise, and that one is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_signed_actions_reach_the_chain_as_they_were_signed() {
    let (running, alice, bob) = two_traders().await;
    let (user, other) = (alice.address(), bob.address());
    let text = |text: &str| text.to_owned();
    let table = [
        (
            r#""amount":"5","toPerp":true"#.to_owned(),
            HyperliquidUserAction::UsdClassTransfer { amount: text("5"), to_perp: true },
        ),
        (
            format!(
                r#""destination":"{other}","sourceDex":"","destinationDex":"spot","token":"USDC:0x6d","amount":"1","fromSubAccount":"""#
            ),
            HyperliquidUserAction::SendAsset {
                destination: other.to_string(),
                source_dex: text(""),
                destination_dex: text("spot"),
                token: text("USDC:0x6d"),
                amount: text("1"),
                from_sub_account: text(""),
            },
        ),
        (
            format!(r#""maxFeeRate":"0%","builder":"{other}""#),
            HyperliquidUserAction::ApproveBuilderFee { max_fee_rate: text("0%"), builder: other },
        ),
        (
            format!(r#""user":"{user}","enabled":true"#),
            HyperliquidUserAction::UserDexAbstraction { user, enabled: true },
        ),
        (
            format!(r#""user":"{user}","abstraction":"unifiedAccount""#),
            HyperliquidUserAction::UserSetAbstraction { user, abstraction: text("unifiedAccount") },
        ),
    ];
    let done = json!({ "status": "ok", "response": { "type": "default" } });
    for (place, (content, action)) in table.iter().enumerate() {
        let nonce = place as u64 + 1;
        let content = format!(r#"{content},"nonce":{nonce}"#);
        let good = user_body(&alice, &content, action, nonce);
        assert_eq!(exchange(&running, &good).await, done, "{content}");
        let other_nonce =
            good.replace(&format!(r#""nonce":{nonce},"signatureChainId""#), r#""nonce":77,"signatureChainId""#);
        refused(&running, other_nonce).await;
        refused(&running, good.replace(&content, &format!(r#"{content},"more":1"#))).await;
        let without = content.split_once(',').map(|(_, rest)| rest).unwrap_or_default();
        refused(&running, good.replace(&content, without)).await;
        let resigned = good.replace("Testnet", "Mainnet");
        assert!(error(&running, &resigned).await.starts_with("User or API Wallet "), "{content}");
    }
    for harmless in [r#"{"type":"noop"}"#, r#"{"type":"agentSetAbstraction","abstraction":"u"}"#] {
        assert_eq!(exchange(&running, &body(&alice, harmless, harmless.len() as u64 + 100)).await, done);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oversize_and_empty_batches_are_refused_whole() {
    let (running, alice, _) = two_traders().await;
    let many = place(&vec![order(true, "90", "1", "Gtc", None); 41]);
    assert_eq!(error(&running, &body(&alice, &many, 1)).await, "A batch holds 1 to 40 parts, found 41.");
    assert_eq!(error(&running, &body(&alice, &place(&[]), 2)).await, "A batch holds 1 to 40 parts, found 0.");
    let full = place(&vec![order(true, "90", "1", "Gtc", None); 40]);
    let answer = exchange(&running, &body(&alice, &full, 3)).await;
    assert_eq!(answer["response"]["data"]["statuses"].as_array().map(Vec::len), Some(40));
}

async fn refused(running: &Running, body: impl AsRef<[u8]>) -> Answer {
    let answer = post(running.address, "/exchange", body).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert!(serde_json::from_str::<Value>(&answer.body).is_err(), "the Python client breaks on JSON: {answer:?}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_bodies_are_plain_text_errors() {
    let (running, alice, _) = two_traders().await;
    let good = body(&alice, &place(&[order(true, "90", "1", "Gtc", None)]), 1);
    for (text, status) in [
        (String::new(), 400),
        ("{".to_owned(), 400),
        ("[]".to_owned(), 422),
        ("null".to_owned(), 422),
        ("\"x\"".to_owned(), 422),
        ("{}".to_owned(), 422),
        (good.replace("\"nonce\":1,", ""), 422),
        (good.replace("\"nonce\":1,", "\"nonce\":1,\"nonce\":1,"), 400),
        (good.replace("\"nonce\":1,", "\"nonce\":\"1\","), 422),
        (good.replace("\"nonce\":1,", "\"nonce\":1.0,"), 422),
        (good.replace("\"nonce\":1,", "\"nonce\":-1,"), 422),
        (good.replace("\"nonce\":1,", "\"nonce\":99999999999999999999999,"), 400),
        (good.replace("\"nonce\":1,", "\"nonce\":NaN,"), 400),
        (good.replace("\"nonce\":1,", "\"nonce\":1,\"extra\":1,"), 422),
        (good.replace("\"expiresAfter\":null", "\"expiresAfter\":\"soon\""), 422),
        (good.replace("\"vaultAddress\":null", "\"vaultAddress\":\"0x12\""), 422),
        (good.replace("\"vaultAddress\":null", "\"vaultAddress\":7"), 422),
        (good.replace("\"v\":2", "\"v\":9"), 422),
        (good.replace("\"r\":\"0x", "\"r\":\"0xzz"), 422),
        (good.replace("\"r\":\"", "\"q\":\""), 422),
        (good.replace("\"type\":\"order\"", "\"type\":\"frobnicate\""), 422),
        (good.replace("\"type\":\"order\"", "\"type\":\"exercise\""), 422),
        (good.replace("\"type\":\"order\"", "\"type\":7"), 422),
        (good.replace("\"tif\":\"Gtc\"", "\"tif\":\"Never\""), 422),
        (good.replace("\"r\":false", "\"r\":false,\"z\":1"), 422),
        (good.replace("\"b\":true", "\"b\":\"true\""), 422),
        (good.replace("\"p\":\"90\"", "\"p\":90"), 422),
        (good.replace("\"a\":0", "\"a\":-1"), 422),
        (good.replace("\"a\":0", "\"a\":4294967296"), 422),
        (good.replace("\"grouping\":\"na\"", "\"grouping\":\"other\""), 422),
    ] {
        let answer = refused(&running, &text).await;
        assert_eq!(answer.status, status, "{text}\n{answer:?}");
    }
    refused(&running, b"\xff\xfe").await;
    refused(&running, format!("{{\"action\":{}", "[".repeat(50_000))).await;
    let huge = post(running.address, "/exchange", vec![b' '; Limits::devnet().body_bytes_max + 1]).await;
    assert_eq!(huge.status, 413);
    first_status(&exchange(&running, &good).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_may_lack_padding_but_not_be_malleable() {
    let (running, alice, _) = two_traders().await;
    let action = place(&[order(true, "90", "1", "Gtc", None)]);
    // About one signature in 128 has a leading zero digit in r or s.
    let nonce = (1..5_000u64)
        .find(|nonce| signature_json(&sign_l1(&alice, &action, *nonce, How::default())).len() < 153)
        .expect("one of many signatures is short");
    first_status(&exchange(&running, &body(&alice, &action, nonce)).await);

    let short = body(&alice, &action, 10_000);
    let parsed: Value = serde_json::from_str(&short).expect("JSON");
    let s = parsed["signature"]["s"].as_str().expect("a text").to_owned();
    let high = format!("0x{}", negated(s.trim_start_matches("0x")));
    let answer = refused(&running, short.replace(&s, &high)).await;
    assert!(answer.body.contains("above half of the group order"), "{answer:?}");
    let zero = refused(&running, short.replace(&s, "0x0")).await;
    assert_eq!(zero.status, 422);
    // Another action under the same signature recovers to a stranger.
    let other = short.replace("\"p\":\"90\"", "\"p\":\"91\"");
    assert!(error(&running, &other).await.starts_with("User or API Wallet "));
}

/// The group order minus a number of hexadecimal digits.
fn negated(digits: &str) -> String {
    const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let digits = format!("{digits:0>64}");
    let mut borrow = 0i32;
    let mut out = Vec::new();
    for (minuend, subtrahend) in ORDER.chars().rev().zip(digits.chars().rev()) {
        let value = |digit: char| digit.to_digit(16).expect("hexadecimal") as i32;
        let mut difference = value(minuend) - value(subtrahend) - borrow;
        borrow = i32::from(difference < 0);
        difference += 16 * borrow;
        out.push(char::from_digit(difference as u32, 16).expect("a digit"));
    }
    out.iter().rev().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_signed_bodies_must_say_what_was_signed() {
    let (running, alice, _) = two_traders().await;
    let good = approve_agent(&alice, key(9).address(), 5);
    for (from, to) in [
        ("\"Testnet\"", "\"Moonnet\""),
        ("\"0x66eee\"", "\"66eee\""),
        ("\"0x66eee\"", "421614"),
        ("\"nonce\":5,\"signatureChainId\"", "\"nonce\":6,\"signatureChainId\""),
        ("\"signatureChainId\"", "\"surplus\":1,\"signatureChainId\""),
        ("\"agentAddress\":\"0x", "\"agentAddress\":\"0xzz"),
    ] {
        assert_eq!(refused(&running, good.replace(from, to)).await.status, 422, "{from}");
    }
    let changed = error(&running, &good.replace("\"0x66eee\"", "\"0x1\"")).await;
    assert!(changed.starts_with("User or API Wallet "), "another chain id recovers to a stranger: {changed}");
    assert_eq!(exchange(&running, &good).await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_without_a_receipt_in_time_is_not_called_refused() {
    let alice = key(1);
    let limits = Limits { receipt_timeout_ms: 50, ..Limits::devnet() };
    let running = start(&[alice.address()], limits).await;
    running.node.exchange.lock().expect("no panic").silent = true;
    let text = error(&running, &body(&alice, &place(&[order(true, "90", "1", "Gtc", None)]), 1)).await;
    assert!(text.contains("accepted but is not final"), "{text}");
}

/// A generator of numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_damaged_body_does_more_than_be_refused() {
    let (running, alice, _) = two_traders().await;
    let bodies = [
        body(&alice, &place(&[order(true, "90", "1", "Gtc", Some(CLOID))]), 1),
        body(&alice, r#"{"type":"cancel","cancels":[{"a":0,"o":1}],"f":true}"#, 2),
        approve_agent(&alice, key(9).address(), 3),
    ];
    let pieces: [&[u8]; 12] =
        [b"{", b"}", b"[", b"]", b"\"", b",", b":", b"null", b"-1", b"1e999", b"\xf0\x9f", b"99999999999999999999"];
    let mut numbers = Numbers(7);
    for round in 0..1_500 {
        let mut text = bodies[round % bodies.len()].clone().into_bytes();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(text.len());
            match numbers.below(4) {
                0 => text[at] ^= 1 << numbers.below(8),
                1 => text.truncate(at.max(1)),
                2 => {
                    text.splice(at..at, pieces[numbers.below(pieces.len())].iter().copied());
                }
                _ => {
                    let end = (at + numbers.below(9)).min(text.len());
                    text.drain(at..end);
                    text.push(b'}');
                }
            }
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let answer = post(running.address, "/exchange", &text).await;
        let refused = match answer.status {
            200 => answer.json()["status"] == "err",
            400 | 422 => true,
            _ => false,
        };
        // Blanks that changed nothing, or letters of another case in hexadecimal, leave a body as good as it was.
        assert!(refused || answer.json()["status"] == "ok", "{shown}\n{answer:?}");
        assert!(answer.status < 500 && answer.status >= 200, "{shown}\n{answer:?}");
    }
    let open = running.node.exchange.lock().expect("no panic").open_orders(alice.address());
    for order in open {
        assert_eq!((order.price.to_string(), order.remaining.get()), ("90".to_owned(), 100_000), "never another order");
    }
}
