//! Hyperliquid's format against what its clients really sent, and against hostile input.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    action::{ExecutionClass, MarginMode},
    address::{AccountId, SignerId},
    decimal::scaled_to_string,
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload, Signature, SignedAction},
    hyperliquid::{
        DecodeError, Grouping, L1Action, Request, Value, decode_l1, decode_value, l1_hash,
        msgpack::{DEPTH_MAX, MsgpackError},
        user_signed,
    },
    ids::{ClientOrderId, MarketId, Nonce, OrderId},
    numbers::{Price, Size},
    order::{OrderReference, Side, TimeInForce},
    rejection::{Inadmissible, Rejection},
    request,
    signing::{eip712, secp256k1, signing_hash, verify},
    time::TimeMs,
};
use proptest::prelude::*;
use support::json_file;

/// JSON as a gateway reads it: key order and the difference between `10` and `10.0` kept.
fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Negative(number),
            (None, None) => Value::Float(number.as_f64().unwrap().to_bits()),
        },
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), from_json(value))).collect())
        }
    }
}

fn parse(text: &str) -> Value {
    from_json(&serde_json::from_str(text).unwrap())
}

fn signature(json: &serde_json::Value) -> Signature {
    let (r, s) = (json["r"].as_str().unwrap(), json["s"].as_str().unwrap());
    secp256k1::signature_from_rsv(r, s, json["v"].as_u64().unwrap()).unwrap()
}

#[test]
fn the_official_clients_l1_signatures_recover_its_key() {
    let Some(vectors) = json_file("vectors/hyperliquid/signing_vectors.json") else { return };
    let address: AccountId = vectors["address"].as_str().unwrap().parse().unwrap();
    let cases = vectors["l1"].as_array().unwrap();
    assert_eq!(cases.len(), 14);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let msgpack = from_json(&case["action"]).encode().unwrap();
        assert_eq!(Value::decode(&msgpack).unwrap(), from_json(&case["action"]), "{name}");
        let vault: Option<AccountId> = case["vault"].as_str().map(|text| text.parse().unwrap());
        let expires_after = case["expires_after"].as_u64().map(TimeMs::new);
        let nonce = Nonce::new(case["nonce"].as_u64().unwrap());
        let connection = l1_hash::connection_id(&msgpack, nonce, vault.as_ref(), expires_after);
        assert_eq!(format!("0x{}", hex::encode(connection)), case["action_hash"].as_str().unwrap(), "{name}");
        for (source, network) in [(HyperliquidSource::Mainnet, "mainnet"), (HyperliquidSource::Testnet, "testnet")] {
            let signature = signature(&case[network]);
            assert_eq!(l1_hash::recover_signer(source, &connection, &signature), Ok(address), "{name} {network}");
            let envelope = Envelope {
                chain_id: 1,
                signer: SignerId::Address(address),
                account: vault.unwrap_or(address),
                nonce,
                expires_after_ms: expires_after,
                payload: Payload::HyperliquidL1 { source, action_msgpack: msgpack.clone(), vault },
            };
            let verdict = verify(SignedAction { envelope, signature });
            // "dummy" is a name of the client's own tests: a good signature under an action no one knows.
            match verdict {
                Ok(action) => assert_eq!(action.request().kind(), case["action"]["type"].as_str().unwrap()),
                Err(Inadmissible::Malformed { .. }) => assert!(name.starts_with("dummy"), "{name}"),
                Err(other) => panic!("{name} {network}: {other}"),
            }
        }
    }
}

#[test]
fn the_official_clients_user_signatures_recover_its_key() {
    let Some(vectors) = json_file("vectors/hyperliquid/signing_vectors.json") else { return };
    let address: AccountId = vectors["address"].as_str().unwrap().parse().unwrap();
    for case in vectors["user_signed"].as_array().unwrap() {
        let action = &case["action"];
        let (destination, amount) = (action["destination"].as_str().unwrap(), action["amount"].as_str().unwrap());
        let nonce = Nonce::new(action["time"].as_u64().unwrap());
        let source = HyperliquidSource::Testnet;
        let hash = match case["name"].as_str().unwrap() {
            "usdSend" => {
                let action = HyperliquidUserAction::UsdSend { destination: destination.into(), amount: amount.into() };
                user_signed::signing_hash(source, 0x66eee, &action, nonce)
            }
            "withdraw3" => user_signed::transaction_hash(
                source,
                0x66eee,
                "Withdraw",
                "string destination,string amount",
                &[eip712::string(destination), eip712::string(amount)],
                ("time", nonce),
            ),
            name => panic!("an unknown vector {name}"),
        };
        assert_eq!(secp256k1::recover(&hash, &signature(&case["signature"])), Ok(address));
    }
}

/// Made by eth_account 0.13 from the typed data that clients sign.
#[test]
fn user_signed_hashes_agree_with_an_independent_wallet() {
    let agent_address = AccountId([0x44; 20]);
    let approve = |name: &str| HyperliquidUserAction::ApproveAgent { agent_address, agent_name: name.into() };
    let send = HyperliquidUserAction::SpotSend {
        destination: "0xAbCd".into(),
        token: "USDC:0x6d1e7cde53ba9467b783cb7c530ce054".into(),
        amount: "1.5".into(),
    };
    let (mainnet, testnet) = (HyperliquidSource::Mainnet, HyperliquidSource::Testnet);
    let cases = [
        (testnet, 421_614, approve(""), "6611540d1fae5bbda1e1623e4bd41c63e39053d8fc7aac1e22e412a3559ff32c"),
        (mainnet, 0xa4b1, approve("bot"), "d7de4b6dad604029139b01beb9fa5c553592d9fc66fedcb222c62fe6a614bc43"),
        (mainnet, 0xa4b1, send, "634e79f997982380886e251bef3d0dbf7005061b2754085f9c714438489dcf11"),
    ];
    for (source, chain, action, hash) in cases {
        let found = user_signed::signing_hash(source, chain, &action, Nonce::new(1_700_000_000_123));
        assert_eq!(hex::encode(found), hash);
    }
}

/// Packed by msgpack 1.1 of Python, which the official client uses.
#[test]
fn every_form_is_packed_as_the_official_client_does() {
    let keyed = |value| Value::Map(vec![("k".into(), value)]);
    let many = Value::Map((0..17u64).map(|number| (number.to_string(), Value::Unsigned(number))).collect());
    let cases = [
        (Value::Negative(-1), "ff"),
        (Value::Negative(-32), "e0"),
        (Value::Negative(-33), "d0df"),
        (Value::Negative(-129), "d1ff7f"),
        (Value::Negative(-32_769), "d2ffff7fff"),
        (Value::Negative(-2_147_483_649), "d3ffffffff7fffffff"),
        (Value::Negative(i64::MIN), "d38000000000000000"),
        (Value::Unsigned(127), "7f"),
        (Value::Unsigned(128), "cc80"),
        (Value::Unsigned(256), "cd0100"),
        (Value::Unsigned(65_536), "ce00010000"),
        (Value::Unsigned(4_294_967_296), "cf0000000100000000"),
        (Value::Unsigned(u64::MAX), "cfffffffffffffffff"),
        (Value::Float(1.5f64.to_bits()), "cb3ff8000000000000"),
        (Value::Float(10f64.to_bits()), "cb4024000000000000"),
        (Value::Null, "c0"),
        (Value::Bool(true), "c3"),
        (Value::Bool(false), "c2"),
        (
            many,
            "de0011a13000a13101a13202a13303a13404a13505a13606a13707a13808a13909a231300aa231310ba231320ca231330da231340ea231350fa2313610",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(hex::encode(keyed(value).encode().unwrap()), format!("81a16b{expected}"));
    }
    let texts = [(31, "bf"), (32, "d920"), (255, "d9ff"), (256, "da0100")];
    for (length, head) in texts {
        let bytes = Value::String("y".repeat(length)).encode().unwrap();
        assert_eq!(hex::encode(&bytes[..bytes.len() - length]), head);
    }
    let lists = [(15, "9f"), (16, "dc0010")];
    for (length, head) in lists {
        let bytes = Value::Array(vec![Value::Unsigned(1); length]).encode().unwrap();
        assert_eq!(hex::encode(&bytes[..bytes.len() - length]), head);
    }
}

#[test]
fn msgpack_that_could_be_written_otherwise_is_refused() {
    let shorter = [
        "cc7f",
        "cd00ff",
        "ce0000ffff",
        "cf00000000ffffffff",
        "d0e0",
        "d001",
        "d1ff80",
        "d10001",
        "d2ffff8000",
        "d3ffffffff80000000",
        "d901ff",
        "da00ff",
        "db0000ffff",
        "dc000f",
        "dd0000ffff",
        "de000f",
        "df0000ffff",
    ];
    for text in shorter {
        assert!(
            matches!(Value::decode(&hex::decode(text).unwrap()), Err(MsgpackError::NotShortest { at: 0 })),
            "{text}"
        );
    }
    let cases = [
        ("", MsgpackError::Truncated { at: 0 }),
        ("a3ab", MsgpackError::Truncated { at: 2 }),
        ("ddffffffff", MsgpackError::Truncated { at: 5 }),
        ("0101", MsgpackError::Trailing { at: 1 }),
        ("c1", MsgpackError::UnusedType { byte: 0xc1, at: 0 }),
        ("c40100", MsgpackError::UnusedType { byte: 0xc4, at: 0 }),
        ("ca3f800000", MsgpackError::UnusedType { byte: 0xca, at: 0 }),
        ("d40000", MsgpackError::UnusedType { byte: 0xd4, at: 0 }),
        ("a1ff", MsgpackError::NotUtf8 { at: 0 }),
        ("8101c0", MsgpackError::KeyNotText { at: 1 }),
        ("82a16101a16102", MsgpackError::DuplicateKey { key: "a".into() }),
        ("cb7ff8000000000000", MsgpackError::NotFinite),
        ("cbfff0000000000000", MsgpackError::NotFinite),
    ];
    for (text, expected) in cases {
        assert_eq!(Value::decode(&hex::decode(text).unwrap()), Err(expected), "{text}");
    }
}

#[test]
fn nesting_and_size_are_bounded_both_ways() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    let bytes = nested(DEPTH_MAX).encode().unwrap();
    assert_eq!(Value::decode(&bytes), Ok(nested(DEPTH_MAX)));
    assert_eq!(nested(DEPTH_MAX + 1).encode(), Err(MsgpackError::TooDeep));
    assert_eq!(Value::decode(&[&[0x91], &bytes[..]].concat()), Err(MsgpackError::TooDeep));
    assert_eq!(Value::decode(&[0x91; 16_000]), Err(MsgpackError::TooDeep));
    assert_eq!(Value::decode(&[0; 16 * 1024 + 1]), Err(MsgpackError::TooLarge));
    assert_eq!(Value::String("x".repeat(20_000)).encode(), Err(MsgpackError::TooLarge));
    assert_eq!(Value::Float(f64::NAN.to_bits()).encode(), Err(MsgpackError::NotFinite));
    let twice = Value::Map(vec![("a".into(), Value::Null), ("a".into(), Value::Null)]);
    assert_eq!(twice.encode(), Err(MsgpackError::DuplicateKey { key: "a".into() }));
}

const ORDER: &str = r#"{"a":0,"b":true,"p":"59000.5","s":"0.01","r":false,"t":{"limit":{"tif":"Gtc"}},"c":"0x00000000000000000000000000000005"}"#;

fn order_action(order: &str) -> Value {
    parse(&format!(r#"{{"type":"order","orders":[{order}],"grouping":"na"}}"#))
}

fn decode(text: &str) -> Result<L1Action, DecodeError> {
    decode_value(&parse(text))
}

#[test]
fn an_order_becomes_a_request_of_the_engine() {
    let L1Action::Order { orders, grouping, builder } = decode_value(&order_action(ORDER)).unwrap() else {
        panic!("an order")
    };
    assert_eq!((grouping, builder), (Grouping::Na, None));
    let request = orders[0].to_order_request(5).unwrap();
    assert_eq!(request.market, MarketId::new(0));
    assert_eq!(
        (request.side, request.price, request.size),
        (Side::Buy, Price::new(5_900_050_000_000), Size::new(1000))
    );
    assert_eq!((request.time_in_force, request.reduce_only), (TimeInForce::Gtc, false));
    let mut cloid = [0; 16];
    cloid[15] = 5;
    assert_eq!(request.client_order_id, Some(ClientOrderId(cloid)));
}

#[test]
fn orders_that_the_engine_has_no_words_for_are_rejected() {
    let convert = |order: &str| match decode_value(&order_action(order)).unwrap() {
        L1Action::Order { orders, .. } => orders[0].to_order_request(5),
        other => panic!("{other:?}"),
    };
    let with = |from: &str, to: &str| convert(&ORDER.replace(from, to));
    assert_eq!(with("Gtc", "Alo").unwrap().time_in_force, TimeInForce::Alo);
    assert_eq!(with("Gtc", "Ioc").unwrap().time_in_force, TimeInForce::Ioc);
    assert_eq!(with("Gtc", "FrontendMarket").unwrap().time_in_force, TimeInForce::Ioc);
    let trigger = r#"{"trigger":{"isMarket":true,"triggerPx":"103","tpsl":"sl"}}"#;
    let kind = r#"{"limit":{"tif":"Gtc"}}"#;
    assert!(matches!(with(kind, trigger), Err(Rejection::Unsupported { .. })), "it is no limit order");
    let invalid = |field: &str| Err(Rejection::InvalidNumber { field: field.into() });
    for text in ["1e5", "", ".5", "5.", "+1", " 1", "NaN", "0x10", "1.123456789"] {
        assert_eq!(with("59000.5", text), invalid("price"), "{text}");
    }
    assert_eq!(with("59000.5", "100000000000"), Err(Rejection::Overflow));
    assert_eq!(with("0.01", "1e5"), invalid("size"));
    for text in ["0.000001", "-1", "184467440737096"] {
        assert_eq!(with("0.01", text), Err(Rejection::InvalidSize { size_decimals: 5 }), "{text}");
    }
    assert_eq!(with("0.01", "0.010000000").unwrap().size, Size::new(1000));
}

#[test]
fn orders_that_ccxt_rounded_convert_exactly() {
    let Some(vectors) = json_file("vectors/hyperliquid/ccxt_order_wire_rounding.json") else { return };
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let wire = &case["wire_order"];
        let L1Action::Order { orders, .. } = decode_value(&order_action(&wire.to_string())).unwrap() else {
            panic!("an order")
        };
        let result = orders[0].to_order_request(5);
        if let Some(trigger) = wire["t"].get("trigger") {
            let request = orders[0].to_trigger_request(5).unwrap();
            assert_eq!(request.trigger_price.to_string(), trigger["triggerPx"].as_str().unwrap(), "{case}");
            assert_eq!(request.limit.is_none(), trigger["isMarket"].as_bool().unwrap(), "{case}");
            continue;
        }
        let request = result.unwrap();
        assert_eq!(request.price.to_string(), wire["p"].as_str().unwrap(), "{case}");
        assert_eq!(scaled_to_string(i128::from(request.size.get()), 5), wire["s"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn cancels_modifies_and_leverage_decode() {
    let by_id = decode(r#"{"type":"cancel","cancels":[{"a":0,"o":82382}],"f":true}"#).unwrap();
    let L1Action::Cancel { cancels } = &by_id else { panic!("{by_id:?}") };
    assert_eq!(cancels[0].order, OrderReference::Id(OrderId::new(82_382)));
    let cloid = r#""0xa9b90000000000000000000000000001""#;
    let by_cloid = decode(&format!(r#"{{"type":"cancelByCloid","cancels":[{{"asset":3,"cloid":{cloid}}}]}}"#)).unwrap();
    let L1Action::CancelByCloid { cancels } = &by_cloid else { panic!("{by_cloid:?}") };
    assert_eq!(cancels[0].market, MarketId::new(3));
    assert!(matches!(cancels[0].order, OrderReference::Client(_)));
    for (oid, is_client) in [("12", false), (cloid, true)] {
        let one = decode(&format!(r#"{{"type":"modify","oid":{oid},"order":{ORDER}}}"#)).unwrap();
        let L1Action::Modify { modify } = &one else { panic!("{one:?}") };
        assert_eq!(matches!(modify.order, OrderReference::Client(_)), is_client);
        let many =
            decode(&format!(r#"{{"type":"batchModify","modifies":[{{"oid":{oid},"order":{ORDER}}}]}}"#)).unwrap();
        assert_eq!(many, L1Action::BatchModify { modifies: vec![modify.clone()] });
    }
    assert_eq!(decode(r#"{"type":"scheduleCancel"}"#), Ok(L1Action::ScheduleCancel { at_ms: None }));
    let at_ms = Some(TimeMs::new(123_456_789));
    assert_eq!(decode(r#"{"type":"scheduleCancel","time":123456789}"#), Ok(L1Action::ScheduleCancel { at_ms }));
    let leverage = decode(r#"{"type":"updateLeverage","asset":7,"isCross":false,"leverage":20}"#).unwrap();
    let expected =
        L1Action::UpdateLeverage { market: MarketId::new(7), leverage: 20, margin_mode: MarginMode::Isolated };
    assert_eq!(leverage, expected);
}

#[test]
fn what_is_known_but_unsupported_is_refused_with_a_receipt() {
    let unsupported = |feature: &str| Some(Rejection::Unsupported { feature: feature.into() });
    let refusal = |text: &str| decode(text).unwrap().refusal();
    assert_eq!(refusal(r#"{"type":"setReferrer","code":"X"}"#), unsupported("setReferrer"));
    assert_eq!(refusal(r#"{"type":"reserveRequestWeight","weight":1.5}"#), unsupported("reserveRequestWeight"));
    let grouped = |tail: &str| format!(r#"{{"type":"order","orders":[{ORDER}],{tail}}}"#);
    assert_eq!(refusal(&grouped(r#""grouping":"normalTpsl""#)), None);
    assert_eq!(refusal(&grouped(r#""grouping":"positionTpsl""#)), None);
    assert_eq!(refusal(&grouped(r#""grouping":{"p":3}"#)), unsupported("grouping by priority fee"));
    let builder = |fee| {
        grouped(&format!(r#""grouping":"na","builder":{{"b":"0x6530512a6c89c7cfcebc3ba7fcd9ada5f30827a6","f":{fee}}}"#))
    };
    assert_eq!(refusal(&builder(10)), unsupported("builder fee"));
    assert_eq!(refusal(&builder(0)), None);
    assert_eq!(refusal(&grouped(r#""grouping":"na""#)), None);
}

#[test]
fn actions_that_could_mean_something_else_are_malformed() {
    let unknown = |place, key: &str| DecodeError::UnknownKey { place, key: key.into() };
    let order_with = |from: &str, to: &str| decode_value(&order_action(&ORDER.replace(from, to))).unwrap_err();
    assert_eq!(order_with(r#""c":"#, r#""x":1,"c":"#), unknown("an order", "x"));
    assert_eq!(order_with(r#"{"tif":"Gtc"}"#, r#"{"tif":"Gtc","y":1}"#), unknown("a limit order", "y"));
    assert_eq!(
        decode(r#"{"type":"order","orders":[],"grouping":"na","f":true}"#).unwrap_err(),
        unknown("the action", "f")
    );
    assert!(matches!(order_with(r#""r":false,"#, ""), DecodeError::MissingKey { key: "r", .. }));
    for (from, to) in [
        (r#""a":0"#, r#""a":0.0"#),
        (r#""a":0"#, r#""a":-1"#),
        (r#""a":0"#, r#""a":4294967296"#),
        (r#""b":true"#, r#""b":1"#),
        (r#""p":"59000.5""#, r#""p":59000.5"#),
        ("Gtc", "gtc"),
        (r#"{"limit":{"tif":"Gtc"}}"#, "{}"),
        ("0x00000000000000000000000000000005", "0x05"),
        (r#""c":"0x00000000000000000000000000000005""#, r#""c":null"#),
    ] {
        assert!(matches!(order_with(from, to), DecodeError::Invalid { .. }), "{to}");
    }
    for text in [
        r#"{"type":"cancel","cancels":[{"a":0,"o":1}],"f":1}"#,
        r#"{"type":"cancel","cancels":{"a":0,"o":1}}"#,
        r#"{"type":"cancel","cancels":[[]]}"#,
        r#"{"type":"order","orders":[],"grouping":"NA"}"#,
        r#"{"type":1}"#,
        "[]",
    ] {
        assert!(matches!(decode(text), Err(DecodeError::Invalid { .. })), "{text}");
    }
    // Options are exercised by nobody: what they pay is paid at their expiry.
    for kind in ["dummy", "exercise"] {
        let text = format!(r#"{{"type":"{kind}"}}"#);
        assert_eq!(decode(&text), Err(DecodeError::UnknownAction { kind: kind.into() }));
    }
    assert!(matches!(decode_l1(&[0xc1]), Err(DecodeError::Msgpack(_))));
}

#[test]
fn both_forms_weigh_and_rank_the_same() {
    let request = |text: &str| request::Request::Hyperliquid(Request::L1(decode(text).unwrap()));
    let order = |tif| {
        let orders = format!("{},{}", ORDER.replace("Gtc", tif), ORDER.replace("Gtc", "Alo"));
        request(&format!(r#"{{"type":"order","orders":[{orders}],"grouping":"na"}}"#))
    };
    assert_eq!((order("Alo").execution_class(), order("Alo").weight()), (ExecutionClass::B, 5));
    assert_eq!((order("Gtc").execution_class(), order("Gtc").part_count()), (ExecutionClass::C, 2));
    let modify = request(&format!(r#"{{"type":"modify","oid":1,"order":{}}}"#, ORDER.replace("Gtc", "Alo")));
    assert_eq!((modify.execution_class(), modify.weight(), modify.is_cancel()), (ExecutionClass::B, 4, false));
    let cancel = request(r#"{"type":"cancel","cancels":[{"a":0,"o":1},{"a":0,"o":2}]}"#);
    assert_eq!((cancel.execution_class(), cancel.weight(), cancel.is_cancel()), (ExecutionClass::A, 3, true));
    assert_eq!((cancel.kind(), cancel.part_count()), ("cancel", 2));
    assert!(request(r#"{"type":"scheduleCancel"}"#).is_cancel());
}

fn wallet() -> secp256k1::Secp256k1SecretKey {
    secp256k1::Secp256k1SecretKey::from_bytes([5; 32]).unwrap()
}

fn l1_envelope(action: &str, account: AccountId, vault: Option<AccountId>) -> Envelope {
    let action_msgpack = parse(action).encode().unwrap();
    Envelope {
        chain_id: 1,
        signer: SignerId::Address(wallet().address()),
        account,
        nonce: Nonce::new(1_700_000_000_000),
        expires_after_ms: None,
        payload: Payload::HyperliquidL1 { source: HyperliquidSource::Mainnet, action_msgpack, vault },
    }
}

#[test]
fn the_vault_of_an_l1_action_is_the_account_or_nothing() {
    let (own, sub) = (wallet().address(), AccountId([6; 20]));
    let cancel = r#"{"type":"cancel","cancels":[{"a":0,"o":1}]}"#;
    let judge = |action, account, vault| verify(wallet().sign(l1_envelope(action, account, vault)));
    assert!(judge(cancel, own, None).is_ok());
    assert!(judge(cancel, sub, Some(sub)).is_ok());
    assert!(matches!(judge(cancel, own, Some(sub)), Err(Inadmissible::Malformed { .. })));
    let referrer = r#"{"type":"setReferrer","code":"X"}"#;
    assert!(judge(referrer, own, None).is_ok());
    assert!(matches!(judge(referrer, sub, Some(sub)), Err(Inadmissible::Malformed { .. })));
    let empty = judge(r#"{"type":"cancel","cancels":[]}"#, own, None);
    assert!(matches!(empty, Err(Inadmissible::BatchSize { found: 0, .. })));
}

#[test]
fn a_user_signed_action_is_its_own_accounts_and_never_expires() {
    let payload = Payload::HyperliquidUser {
        source: HyperliquidSource::Testnet,
        signature_chain_id: 421_614,
        action: HyperliquidUserAction::ApproveAgent { agent_address: AccountId([4; 20]), agent_name: String::new() },
    };
    let own = l1_envelope(r#"{"type":"noop"}"#, wallet().address(), None);
    let own = Envelope { payload, ..own };
    assert_eq!(verify(wallet().sign(own.clone())).unwrap().request().kind(), "approveAgent");
    let of_another = Envelope { account: AccountId([6; 20]), ..own.clone() };
    assert!(matches!(verify(wallet().sign(of_another)), Err(Inadmissible::UnknownSigner { .. })));
    let expiring = Envelope { expires_after_ms: Some(TimeMs::new(5)), ..own.clone() };
    assert!(matches!(verify(wallet().sign(expiring)), Err(Inadmissible::Malformed { .. })));
    let mut other_network = wallet().sign(own);
    if let Payload::HyperliquidUser { source, .. } = &mut other_network.envelope.payload {
        *source = HyperliquidSource::Mainnet;
    }
    assert!(matches!(verify(other_network), Err(Inadmissible::BadSignature { .. })));
}

#[test]
fn the_expiry_and_the_vault_are_inside_the_hash() {
    let cancel = r#"{"type":"cancel","cancels":[{"a":0,"o":1}]}"#;
    let plain = l1_envelope(cancel, AccountId([6; 20]), None);
    let vault = l1_envelope(cancel, AccountId([6; 20]), Some(AccountId([6; 20])));
    let expiring = Envelope { expires_after_ms: Some(TimeMs::new(0)), ..plain.clone() };
    let hashes = [signing_hash(&plain), signing_hash(&vault), signing_hash(&expiring)];
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        (0u64..300).prop_map(Value::Unsigned),
        (i64::MIN..0).prop_map(Value::Negative),
        (-300i64..0).prop_map(Value::Negative),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| Value::Float(number.to_bits())),
        ".{0,40}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::btree_map(".{0,6}", inner, 0..20)
                .prop_map(|entries| Value::Map(entries.into_iter().rev().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_survives_its_encoding(value in values()) {
        let bytes = value.encode().unwrap();
        prop_assert_eq!(Value::decode(&bytes).unwrap(), value);
    }

    #[test]
    fn whatever_decodes_has_no_other_encoding(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = Value::decode(&bytes) {
            prop_assert_eq!(value.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_broken_action_decodes_or_fails_but_never_panics(
        at in 0usize..200, mask in 1u8..=255, length in 0usize..200,
    ) {
        let mut bytes = order_action(ORDER).encode().unwrap();
        let at = at % bytes.len();
        bytes[at] ^= mask;
        let flipped = Value::decode(&bytes).map(|value| value.encode().unwrap());
        if let Ok(again) = flipped {
            prop_assert_eq!(&again, &bytes);
        }
        let _ = decode_l1(&bytes);
        let _ = decode_l1(&bytes[..length.min(bytes.len())]);
    }
}
