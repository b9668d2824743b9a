//! Hyperliquid's actions that move funds and margin, run orders over time or open accounts: decoding and hashes.
//!
//! Hashes were made by hyperliquid-python-sdk 0.24.0 with the key of 32 bytes 01; ccxt 4.5.90 makes the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use palisade_types::{
    address::{AccountId, SignerId},
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload},
    hyperliquid::{DecodeError, L1Action, Request, Twap, Value, decode_value, l1_hash, user_signed},
    ids::{MarketId, Nonce},
    numbers::{Size, Usd},
    order::Side,
    rejection::{Inadmissible, Rejection},
    request,
    signing::{secp256k1::Secp256k1SecretKey, verify},
    trigger::TriggerPurpose,
};

const NONCE: Nonce = Nonce::new(1_700_000_000_123);
const VAULT: &str = "0x1719884eb866cb12b2287399b15f7db5e7d775ea";

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

fn decode(text: &str) -> Result<L1Action, DecodeError> {
    decode_value(&parse(text))
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn vault() -> AccountId {
    VAULT.parse().unwrap()
}

fn vault_transfer(usd: &str) -> String {
    format!(r#"{{"type":"vaultTransfer","vaultAddress":"{VAULT}","isDeposit":false,"usd":{usd}}}"#)
}

const TWAP: &str = r#"{"type":"twapOrder","twap":{"a":0,"b":true,"s":"0.5","r":false,"m":30,"t":true}}"#;

#[test]
fn margin_and_funds_decode() {
    let (market, sub_account, is_deposit) = (MarketId::new(0), vault(), true);
    let twap = Twap { market, is_buy: true, size: "0.5".into(), reduce_only: false, minutes: 30, randomize: true };
    let sub = format!(r#""subAccountUser":"{VAULT}","isDeposit":true"#);
    let cases = [
        (
            r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":true,"ntli":10500000}"#.to_owned(),
            L1Action::UpdateIsolatedMargin { market, change_usd: usd("10.5") },
        ),
        (
            r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":false,"ntli":-1}"#.to_owned(),
            L1Action::UpdateIsolatedMargin { market, change_usd: usd("-0.000001") },
        ),
        (TWAP.to_owned(), L1Action::TwapOrder { twap }),
        (r#"{"type":"twapCancel","a":0,"t":77}"#.to_owned(), L1Action::TwapCancel { market, twap: 77 }),
        (r#"{"type":"createSubAccount","name":"grid"}"#.to_owned(), L1Action::CreateSubAccount { name: "grid".into() }),
        (
            format!(r#"{{"type":"subAccountTransfer",{sub},"usd":1500000}}"#),
            L1Action::SubAccountTransfer { sub_account, is_deposit, amount_usd: usd("1.5") },
        ),
        (
            format!(r#"{{"type":"subAccountSpotTransfer",{sub},"token":"PURR:0xc1","amount":"1.5"}}"#),
            L1Action::SubAccountSpotTransfer {
                sub_account,
                is_deposit,
                token: "PURR:0xc1".into(),
                amount: "1.5".into(),
            },
        ),
        (
            r#"{"type":"createVault","name":"a","description":"b","initialUsd":100000000,"nonce":5}"#.to_owned(),
            L1Action::CreateVault { name: "a".into(), description: "b".into(), initial_usd: usd("100"), nonce: 5 },
        ),
        (r#"{"type":"noop"}"#.to_owned(), L1Action::Noop),
        (r#"{"type":"agentEnableDexAbstraction"}"#.to_owned(), L1Action::AgentEnableDexAbstraction),
        (
            r#"{"type":"agentSetAbstraction","abstraction":"u"}"#.to_owned(),
            L1Action::AgentSetAbstraction { abstraction: "u".into() },
        ),
    ];
    for (text, expected) in cases {
        let decoded = decode(&text).unwrap();
        assert_eq!(decoded, expected, "{text}");
        assert!(text.contains(&format!(r#""type":"{}""#, decoded.kind())), "{text}");
    }
}

/// ccxt writes the amount of a vault's withdrawal as its user gave it, so as a float if it was one.
#[test]
fn a_float_counts_if_it_is_a_whole_number() {
    let decoded = |text: &str| match decode(&vault_transfer(text)) {
        Ok(L1Action::VaultTransfer { amount_usd, .. }) => Some(amount_usd),
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    };
    let micro = |count: i128| Some(Usd::new(count * 100));
    let cases = [
        ("0", micro(0)),
        ("0.0", micro(0)),
        ("10", micro(10)),
        ("10.0", micro(10)),
        ("1.0", micro(1)),
        ("10500000.0", micro(10_500_000)),
        ("1e15", micro(1_000_000_000_000_000)),
        ("18446744073709549568.0", micro(18_446_744_073_709_549_568)),
        ("18446744073709551616.0", None),
        ("0.5", None),
        ("10.5", None),
        ("-1.0", None),
        ("-1", None),
        ("5e-324", None),
        ("1e300", None),
        ("\"10\"", None),
    ];
    for (text, expected) in cases {
        assert_eq!(decoded(text), expected, "{text}");
    }
    let negative_zero = Value::Float((-0.0f64).to_bits());
    let Value::Map(mut entries) = parse(&vault_transfer("1")) else { panic!("a map") };
    entries[3].1 = negative_zero;
    assert!(matches!(decode_value(&Value::Map(entries)), Err(DecodeError::Invalid { key: "usd", .. })));
}

#[test]
fn whole_floats_are_exact_wherever_they_are() {
    for exponent in 0..64 {
        for offset in [0u64, 1, 2] {
            let Some(number) = 1u64.checked_shl(exponent).and_then(|power| power.checked_sub(offset)) else { continue };
            #[allow(clippy::cast_precision_loss, reason = "what the cast makes of it is the test")]
            let float = number as f64;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates above 2^64")]
            let back = float as u64;
            let Value::Map(mut entries) = parse(&vault_transfer("1")) else { panic!("a map") };
            entries[3].1 = Value::Float(float.to_bits());
            let decoded = decode_value(&Value::Map(entries));
            if float >= 18_446_744_073_709_551_616.0 {
                assert!(decoded.is_err(), "{number}");
                continue;
            }
            let Ok(L1Action::VaultTransfer { amount_usd, .. }) = decoded else { panic!("{number}: {decoded:?}") };
            assert_eq!(amount_usd.get(), i128::from(back) * 100, "{number}");
        }
    }
}

#[test]
fn wrong_margin_and_funds_are_malformed() {
    let sub = |tail: &str| format!(r#"{{"type":"subAccountTransfer",{tail}}}"#);
    let invalid = [
        r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":1,"ntli":1}"#.to_owned(),
        r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":true,"ntli":1.0}"#.to_owned(),
        r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":true,"ntli":9223372036854775808}"#.to_owned(),
        TWAP.replace("30", "-1"),
        TWAP.replace("30", "4294967296"),
        TWAP.replace(r#""0.5""#, "0.5"),
        r#"{"type":"twapOrder","twap":[]}"#.to_owned(),
        r#"{"type":"twapCancel","a":0,"t":"77"}"#.to_owned(),
        r#"{"type":"createSubAccount","name":5}"#.to_owned(),
        sub(r#""subAccountUser":"0x17","isDeposit":true,"usd":1"#),
        sub(&format!(r#""subAccountUser":"{VAULT}","isDeposit":"yes","usd":1"#)),
    ];
    for text in invalid {
        assert!(matches!(decode(&text), Err(DecodeError::Invalid { .. })), "{text}: {:?}", decode(&text));
    }
    let unknown = [
        TWAP.replace(r#""t":true"#, r#""t":true,"x":1"#),
        r#"{"type":"noop","x":1}"#.to_owned(),
        r#"{"type":"createSubAccount","name":"a","nonce":5}"#.to_owned(),
        vault_transfer(r#"1,"f":true"#),
    ];
    for text in unknown {
        assert!(matches!(decode(&text), Err(DecodeError::UnknownKey { .. })), "{text}");
    }
    let missing = TWAP.replace(r#","m":30"#, "");
    assert!(matches!(decode(&missing), Err(DecodeError::MissingKey { key: "m", place: "the twap" })));
}

#[test]
fn l1_hashes_are_the_clients() {
    let cases = [
        (vault_transfer("10.5"), "0ff1551e4e3c0fea883c9184dd0ab24138f504c7a342993f4e2aceaa5ac36360"),
        (vault_transfer("10500000.0"), "3455ab4142e9a0808c9aac914b8767b4ac2d654a9f49cc75380ad277726338ef"),
        (TWAP.to_owned(), "78acb2c6ee710d33a276d9dc6c2f06441dcf7cf7a8193dafbec27e8ae1c968ce"),
        (
            r#"{"type":"updateIsolatedMargin","asset":0,"isBuy":true,"ntli":-10500000}"#.to_owned(),
            "3fd9a49640ad1fd5087cd7a7b7d4d3771d6f14c615ca629f43026390e974835d",
        ),
        (
            format!(r#"{{"type":"createVault","name":"a","description":"b","initialUsd":100000000,"nonce":{NONCE}}}"#),
            "7b982e54f5b9ca7458e27b9b1b1bf0c72a45452f2f121a90d3504e4c3ee32d06",
        ),
        (
            format!(
                r#"{{"type":"subAccountSpotTransfer","subAccountUser":"{VAULT}","isDeposit":true,"token":"PURR:0xc1fb593aeffbeb02f85e0308e9956a90","amount":"1.5"}}"#
            ),
            "523b4547867fe35d0dab11851ef523b9f50adedd6540f5c1b0c294a7a6949746",
        ),
    ];
    for (text, expected) in cases {
        let hash = l1_hash::connection_id(&parse(&text).encode().unwrap(), NONCE, None, None);
        assert_eq!(hex::encode(hash), expected, "{text}");
    }
}

fn user_actions() -> Vec<(HyperliquidUserAction, [&'static str; 2])> {
    let user: AccountId = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1".parse().unwrap();
    vec![
        (
            HyperliquidUserAction::UsdClassTransfer {
                amount: "1.5 subaccount:0x1719884EB866cb12b2287399b15f7db5e7d775ea".into(),
                to_perp: true,
            },
            [
                "12b63ddb44eb4d240df463f9a3e78b7f4d5160a0fae8bfad4c3f9f27a7f05830",
                "65e61d5fbd61fd0495540e449864124c0d6364348a528827ca66ad6c340b63f5",
            ],
        ),
        (
            HyperliquidUserAction::SendAsset {
                destination: "0x2222222222222222222222222222222222222222".into(),
                source_dex: String::new(),
                destination_dex: "spot".into(),
                token: "USDC:0x6d1e7cde53ba9467b783cb7c530ce054".into(),
                amount: "1.5".into(),
                from_sub_account: String::new(),
            },
            [
                "b5852422b9d9977f27c5a665c9e448234b26b7f0cad3b545fa2b2d7ac243e9e7",
                "11dc1de7df352de217fa899ba9870230d16c3d5425eb3143565ce7719ae9d01e",
            ],
        ),
        (
            HyperliquidUserAction::Withdraw { destination: "0xAbCd".into(), amount: "2.0".into() },
            [
                "e8f007b647b48b0ab1168015c2521dc558a7fb8757ec2578bddd112d575265f6",
                "874e5c14aef5bfe4e28fc9ff6811255038cd7771a4e7a24286cef0a67ee6c138",
            ],
        ),
        (
            HyperliquidUserAction::ApproveBuilderFee {
                max_fee_rate: "0.01%".into(),
                builder: "0x6530512A6c89C7cfCEbC3BA7fcD9aDa5f30827a6".parse().unwrap(),
            },
            [
                "11d721953e6042a8eeaa7f83f9be88f820491c687b61112b84fcabb36ef5c58f",
                "fccc1d77847495801a89ed94e484751f6871c7937dce3bad80b5d4584284bb3b",
            ],
        ),
        (
            HyperliquidUserAction::UserDexAbstraction { user, enabled: true },
            [
                "c30e27f3fd6474b95f932eb1687cb04804adfca4e7c8121f3b278356f88d9e17",
                "c742a8e2927d0f3fb894bfcca41b574a06c94471752fc85bce08929d75b5caec",
            ],
        ),
        (
            HyperliquidUserAction::UserSetAbstraction { user, abstraction: "unifiedAccount".into() },
            [
                "d16d78a96d7ea88659aaadf89a0251d033c708dda4c625a80b254dc24827fc4d",
                "a9eeafabb01b15de0368fecfdbb7009443a84f27c607ea3fbd55d7e4973c11a6",
            ],
        ),
    ]
}

#[test]
fn user_signed_hashes_are_the_clients() {
    for (action, hashes) in user_actions() {
        for (source, expected) in [HyperliquidSource::Mainnet, HyperliquidSource::Testnet].into_iter().zip(hashes) {
            let hash = user_signed::signing_hash(source, 0x66eee, &action, NONCE);
            assert_eq!(hex::encode(hash), expected, "{action:?} {source:?}");
        }
        let request = Request::User(action.clone());
        assert_eq!((request.kind(), request.batch_length()), (action.kind(), 1));
    }
}

#[test]
fn what_no_state_allows_is_refused_and_what_changes_nothing_is_not() {
    let user = AccountId([1; 20]);
    let builder = |rate: &str| HyperliquidUserAction::ApproveBuilderFee { max_fee_rate: rate.into(), builder: user };
    let set = |abstraction: &str| HyperliquidUserAction::UserSetAbstraction { user, abstraction: abstraction.into() };
    let dex = |enabled| HyperliquidUserAction::UserDexAbstraction { user, enabled };
    let refused = [
        builder("0.01%"),
        builder("0.001%"),
        builder(""),
        builder("%"),
        builder("0"),
        builder(".%"),
        set("disabled"),
        set("portfolioMargin"),
        set(""),
        dex(false),
        HyperliquidUserAction::Withdraw { destination: String::new(), amount: String::new() },
    ];
    for action in refused {
        assert!(matches!(action.refusal(), Some(Rejection::Unsupported { .. })), "{action:?}");
    }
    for action in [builder("0%"), builder("0.0%"), builder("0.000%"), set("unifiedAccount"), dex(true)] {
        assert_eq!(action.refusal(), None, "{action:?}");
    }
    let agent = |letter| decode(&format!(r#"{{"type":"agentSetAbstraction","abstraction":"{letter}"}}"#)).unwrap();
    assert_eq!(agent("u").refusal(), None);
    assert!(agent("i").refusal().is_some() && agent("p").refusal().is_some());
    assert_eq!(L1Action::Noop.refusal(), None);
}

#[test]
fn a_twap_cancel_only_cancels() {
    let request = |text: &str| request::Request::Hyperliquid(Request::L1(decode(text).unwrap()));
    assert!(request(r#"{"type":"twapCancel","a":0,"t":77}"#).is_cancel());
    assert!(!request(TWAP).is_cancel());
}

#[test]
fn a_new_vaults_nonce_is_the_one_that_was_signed() {
    let wallet = Secp256k1SecretKey::from_bytes([5; 32]).unwrap();
    let judge = |inner: u64| {
        let text = format!(r#"{{"type":"createVault","name":"a","description":"b","initialUsd":1,"nonce":{inner}}}"#);
        let action_msgpack = parse(&text).encode().unwrap();
        verify(wallet.sign(Envelope {
            chain_id: 1,
            signer: SignerId::Address(wallet.address()),
            account: wallet.address(),
            nonce: NONCE,
            expires_after_ms: None,
            payload: Payload::HyperliquidL1 { source: HyperliquidSource::Mainnet, action_msgpack, vault: None },
        }))
    };
    assert!(judge(NONCE.get()).is_ok());
    assert!(matches!(judge(NONCE.get() + 1), Err(Inadmissible::Malformed { .. })));
}

fn order(kind: &str) -> palisade_types::hyperliquid::Order {
    let text = format!(
        r#"{{"type":"order","orders":[{{"a":0,"b":false,"p":"59000","s":"0.5","r":true,"t":{kind}}}],"grouping":"na"}}"#
    );
    let L1Action::Order { mut orders, .. } = decode(&text).unwrap() else { panic!("an order") };
    orders.remove(0)
}

#[test]
fn a_trigger_becomes_a_request_of_the_engine() {
    let with = |is_market: bool, price: &str, purpose: &str| {
        let kind = format!(r#"{{"trigger":{{"isMarket":{is_market},"triggerPx":"{price}","tpsl":"{purpose}"}}}}"#);
        order(&kind).to_trigger_request(1)
    };
    let stop = with(true, "60000.5", "sl").unwrap();
    assert_eq!((stop.side, stop.size, stop.reduce_only), (Side::Sell, Size::new(5), true));
    assert_eq!((stop.trigger_price.to_string().as_str(), stop.limit), ("60000.5", None));
    assert_eq!(stop.purpose, TriggerPurpose::StopLoss);
    let limit = with(false, "70000", "tp").unwrap();
    assert_eq!(
        (limit.limit.map(|price| price.to_string()), limit.purpose),
        (Some("59000".into()), TriggerPurpose::TakeProfit)
    );
    let invalid = Err(Rejection::InvalidNumber { field: "price".into() });
    assert_eq!(with(true, "1e5", "sl"), invalid);
    let no_trigger = order(r#"{"limit":{"tif":"Gtc"}}"#);
    assert!(matches!(no_trigger.to_trigger_request(1), Err(Rejection::Unsupported { .. })));
    assert!(!no_trigger.is_trigger());
}

#[test]
fn a_twap_becomes_a_request_of_the_engine() {
    let L1Action::TwapOrder { twap } = decode(TWAP).unwrap() else { panic!("a twap") };
    let request = twap.to_twap_request(1).unwrap();
    assert_eq!((request.side, request.size, request.duration_minutes), (Side::Buy, Size::new(5), 30));
    assert_eq!((request.randomize, request.reduce_only), (true, false));
    assert_eq!(twap.to_twap_request(0), Err(Rejection::InvalidSize { size_decimals: 0 }));
}
