//! First inputs for each target, made of the project's own values: a fuzzer that starts from what decodes gets
//! behind the first check at once.

use crate::{decoders::SAMPLES, proofs::HONEST, support};
use palisade_engine::state::Record;
use palisade_node::gossip::encode_batch;
use palisade_types::{
    block::{Block, Body},
    codec,
    oracle::{OracleBundle, SignedOracleVote},
};
use std::{path::PathBuf, sync::Arc};

/// The seeds of the target of that name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "codec" => {
            (0u16..).zip(SAMPLES.iter()).map(|(at, sample)| [&at.to_be_bytes(), &sample.bytes[..]].concat()).collect()
        }
        "envelope" => actions(),
        "block" => blocks(),
        "gossip" => gossip(),
        "state_records" => state_records(),
        "genesis" => vec![serde_json::to_vec(&support::genesis::genesis()).expect("JSON")],
        "price_file" => vec![
            b"open_time_ms,venue,symbol,close\n60000,a,BTCUSDT,100.5\n60000,b,USDTUSD,0.999\n".to_vec(),
            b"venue,pair,open_time_ms,x,close\nb,ETH-USD_PERP,120000,,1.895e-05\n".to_vec(),
        ],
        "key_file" => keys(),
        "hyperliquid" => HYPERLIQUID.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "msgpack" => {
            let values = HYPERLIQUID.iter().map(|text| palisade_gateway::json::parse(text.as_bytes()).expect("JSON"));
            values.map(|value| value.encode().expect("small")).collect()
        }
        "proof_bundle" => HONEST.bundles.iter().map(|bundle| serde_json::to_vec(bundle).expect("JSON")).collect(),
        "proofs" => (0u8..8).map(|first| choices(first, 512)).collect(),
        "engine" => (0u8..8).map(|first| choices(first, 1_024)).collect(),
        "clearing" => (0u8..3).map(|first| choices(first, 4_096)).collect(),
        other => unreachable!("no target is named {other}"),
    }
}

/// Writes the seeds of a target into the folder that `PALISADE_FUZZ_SEEDS` names, if it does.
pub fn write_if_asked(target: &str) {
    let Some(folder) = std::env::var_os("PALISADE_FUZZ_SEEDS").map(PathBuf::from) else { return };
    for (number, seed) in of(target).iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a writable folder of seeds");
    }
}

/// One text per form that clients send.
const HYPERLIQUID: &[&str] = &[
    r#"{"type":"order","orders":[{"a":0,"b":true,"p":"100.5","s":"0.01","r":false,"t":{"limit":{"tif":"Gtc"}},"c":"0x000000000000000000000000000000c1"}],"grouping":"na"}"#,
    r#"{"type":"order","orders":[{"a":1,"b":false,"p":"1","s":"2","r":true,"t":{"trigger":{"isMarket":true,"triggerPx":"3","tpsl":"sl"}}}],"grouping":"normalTpsl","builder":{"b":"0x1111111111111111111111111111111111111111","f":10}}"#,
    r#"{"type":"cancel","cancels":[{"a":0,"o":77}],"f":true}"#,
    r#"{"type":"cancelByCloid","cancels":[{"asset":0,"cloid":"0x000000000000000000000000000000c1"}]}"#,
    r#"{"type":"modify","oid":77,"order":{"a":0,"b":true,"p":"1","s":"1","r":false,"t":{"limit":{"tif":"Alo"}}}}"#,
    r#"{"type":"batchModify","modifies":[{"oid":"0x000000000000000000000000000000c1","order":{"a":0,"b":true,"p":"1","s":"1","r":false,"t":{"limit":{"tif":"Ioc"}}}}]}"#,
    r#"{"type":"scheduleCancel","time":1700000000000}"#,
    r#"{"type":"updateLeverage","asset":0,"isCross":true,"leverage":5}"#,
    r#"{"type":"noop","a":[null,-1,-129,1.5,1e3,18446744073709551615,"é",{}]}"#,
];

fn actions() -> Vec<Vec<u8>> {
    support::samples::payloads().into_iter().map(|payload| support::samples::signed_action(payload).encode()).collect()
}

fn sample(name: &str) -> Vec<u8> {
    SAMPLES.iter().find(|sample| sample.name == name).map(|sample| sample.bytes.clone()).expect("a sample of that name")
}

/// A block whose header does not fit its body, and one whose header does.
fn blocks() -> Vec<Vec<u8>> {
    let bytes = sample("Block");
    let mut fitting = Block::decode(&bytes).expect("a sample");
    fitting.header.body_root = fitting.body.root();
    fitting.header.oracle_bundle_root = fitting.body.oracle_bundle_root();
    fitting.header.parent = fitting.header.context.parent;
    fitting.header.context.leader = support::genesis::key(1);
    let mut empty = fitting.clone();
    empty.body = Body::default();
    empty.header.body_root = empty.body.root();
    empty.header.oracle_bundle_root = empty.body.oracle_bundle_root();
    vec![bytes, fitting.encode(), empty.encode()]
}

fn gossip() -> Vec<Vec<u8>> {
    let shared: Vec<Arc<[u8]>> = actions().into_iter().map(Arc::from).collect();
    let bundle: OracleBundle = codec::decode(&sample("OracleBundle"), 1 << 20).expect("a sample");
    let votes = bundle.votes.iter().map(|vote: &SignedOracleVote| codec::encode(vote));
    [encode_batch(&shared), encode_batch(&[]), sample("OracleBundle")].into_iter().chain(votes).collect()
}

/// The state of a small exchange, and single records.
fn state_records() -> Vec<Vec<u8>> {
    let framed = |value: &Vec<u8>| [&u16::try_from(value.len()).expect("small").to_be_bytes(), &value[..]].concat();
    let values: Vec<Vec<u8>> = crate::machine::sample_records().iter().map(Record::encode).collect();
    let mut seeds: Vec<Vec<u8>> = values.iter().map(framed).collect();
    seeds.push(values.iter().flat_map(framed).collect());
    seeds
}

fn keys() -> Vec<Vec<u8>> {
    use palisade_types::signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey};
    let ed25519 = Ed25519SecretKey::from_bytes([7; 32]).signer_id();
    let secp256k1 = Secp256k1SecretKey::from_bytes([7; 32]).expect("a key").signer_id();
    let secret = "07".repeat(32);
    [("user", secp256k1), ("agent", ed25519), ("vote", ed25519), ("oracle", ed25519)]
        .map(|(kind, public)| {
            format!(r#"{{"version":1,"kind":"{kind}","public":"{public}","secret":"0x{secret}"}}"#).into_bytes()
        })
        .into()
}

/// Bytes that choose differently everywhere: a linear congruence that begins far from those of other `first`.
pub fn choices(first: u8, length: usize) -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(u32::from(first).wrapping_mul(0x9e37_79b9)), next)
        .map(|state| state.to_be_bytes()[0])
        .take(length)
        .collect()
}
