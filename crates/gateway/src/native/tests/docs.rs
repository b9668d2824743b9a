//! The reference for people names every method and limit, and its examples work.

use super::*;
use palisade_client::{
    rpc::{
        BATCH_CALLS_MAX, BOOK_DEPTH_MAX, COMBOS_MAX, WAIT_MS_MAX,
        action::SubmitParams,
        message::{ID_BYTES_MAX, Request as Call},
        method,
    },
    what_if::{LEGS_MAX, PRICES_MAX},
};
use palisade_types::signing;

const REFERENCE: &str = include_str!("../../../../../docs/rpc.md");

fn examples() -> Vec<String> {
    let blocks = REFERENCE.split("```json request\n").skip(1);
    blocks.filter_map(|block| block.split("\n```").next()).map(str::to_owned).collect()
}

#[test]
fn every_method_and_limit_is_named() {
    let methods = [
        method::STATUS,
        method::GENESIS,
        method::BLOCK,
        method::BLOCK_ACTIONS,
        method::SUBMIT,
        method::SUBMIT_ORACLE_VOTE,
        method::RECEIPT,
        method::ASSETS,
        method::MARKETS,
        method::BOOK,
        method::ACCOUNT,
        method::OPEN_ORDERS,
        method::OPEN_ORDER,
        method::OPEN_ORDER_BY_ID,
        method::SIGNER_ROLE,
        method::MARGIN,
        method::MARGIN_QUESTION,
        method::PORTFOLIO_MARGIN,
        method::PRICE,
        method::SYNTHETICS,
        method::DEBTS,
        method::COMBOS,
        method::COMBO_BOOK,
        method::BLOCK_REQUESTS,
        method::POOL,
        method::PROVE,
    ];
    for method in methods {
        assert!(REFERENCE.contains(&format!("| `{method}` |")), "{method}");
    }
    let limits = [
        format!("1 to {BATCH_CALLS_MAX} calls"),
        format!("at most {ID_BYTES_MAX} bytes"),
        format!("at most {WAITS_AT_ONCE_MAX} of them"),
        format!("at most {},000 ms", WAIT_MS_MAX / 1_000),
        format!("1 to {},000, 20", BOOK_DEPTH_MAX / 1_000),
        format!("1 to {},000, 100", COMBOS_MAX / 1_000),
        format!("at most {},000 options", PRICES_MAX / 1_000),
        format!("at most {},000 legs", LEGS_MAX / 1_000),
    ];
    for limit in limits {
        assert!(REFERENCE.contains(&limit), "{limit}");
    }
}

#[tokio::test]
async fn every_example_is_answered() {
    let server = Server::start().await;
    let examples = examples();
    assert!(examples.len() >= 5, "found {} examples", examples.len());
    for example in examples {
        let (status, answer) = server.post(example.clone()).await;
        assert_eq!(status, StatusCode::OK);
        let answers = answer.as_array().cloned().unwrap_or_else(|| vec![answer.clone()]);
        for answer in answers {
            assert!(answer.get("result").is_some(), "{example}: {answer}");
        }
    }
}

#[test]
fn the_signed_example_is_signed() {
    let example = examples().into_iter().find(|example| example.contains(method::SUBMIT)).expect("a submit example");
    let call: Call = serde_json::from_str(&example).expect("a request");
    let params: SubmitParams = serde_json::from_str(call.params.expect("parameters").get()).expect("parameters");
    let action = params.into_action().expect("an action");
    let verified = signing::verify(action).expect("a valid signature");
    assert!(REFERENCE.contains(&verified.id().to_string()), "the receipt example asks for {}", verified.id());
}
