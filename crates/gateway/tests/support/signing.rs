//! Bodies as clients sign and post them.

use palisade_gateway::json;
use palisade_types::{
    address::AccountId,
    envelope::{HyperliquidSource, HyperliquidUserAction, Signature},
    hyperliquid::{l1_hash, user_signed},
    ids::Nonce,
    signing::secp256k1::Secp256k1SecretKey,
    time::TimeMs,
};

pub const TESTNET: HyperliquidSource = HyperliquidSource::Testnet;
pub const MAINNET: HyperliquidSource = HyperliquidSource::Mainnet;

pub fn key(number: u8) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes([number; 32]).expect("a valid key")
}

/// How a body is signed.
#[derive(Clone, Copy)]
pub struct How {
    pub source: HyperliquidSource,
    pub vault: Option<AccountId>,
    pub expires_after_ms: Option<u64>,
}

impl Default for How {
    fn default() -> Self {
        Self { source: TESTNET, vault: None, expires_after_ms: None }
    }
}

/// `{"r","s","v"}` as the official Python client writes it: without leading zeros.
pub fn signature_json(signature: &Signature) -> String {
    let Signature::Secp256k1 { compact, recovery_id } = signature else { panic!("a secp256k1 signature") };
    let word = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let trimmed = digits.trim_start_matches('0');
        format!("0x{}", if trimmed.is_empty() { "0" } else { trimmed })
    };
    let v = 27 + recovery_id;
    format!(r#"{{"r":"{}","s":"{}","v":{v}}}"#, word(&compact[..32]), word(&compact[32..]))
}

/// The signature of an L1 action given as JSON text.
pub fn sign_l1(key: &Secp256k1SecretKey, action: &str, nonce: u64, how: How) -> Signature {
    let msgpack = json::parse(action.as_bytes()).expect("valid JSON").encode().expect("valid msgpack");
    let expires = how.expires_after_ms.map(TimeMs::new);
    let connection = l1_hash::connection_id(&msgpack, Nonce::new(nonce), how.vault.as_ref(), expires);
    key.sign_hash(&l1_hash::agent_signing_hash(how.source, &connection))
}

/// A whole body.
pub fn body(key: &Secp256k1SecretKey, action: &str, nonce: u64) -> String {
    body_with(key, action, nonce, How::default())
}

/// A whole body, signed otherwise.
pub fn body_with(key: &Secp256k1SecretKey, action: &str, nonce: u64, how: How) -> String {
    let signature = signature_json(&sign_l1(key, action, nonce, how));
    let vault = how.vault.map_or("null".to_owned(), |vault| format!("\"{vault}\""));
    let expires = how.expires_after_ms.map_or("null".to_owned(), |time| time.to_string());
    format!(
        r#"{{"action":{action},"nonce":{nonce},"signature":{signature},"vaultAddress":{vault},"expiresAfter":{expires}}}"#
    )
}

/// The body of an agent's approval, its name left out as the official client does for the unnamed one.
pub fn approve_agent(key: &Secp256k1SecretKey, agent: AccountId, nonce: u64) -> String {
    let action = HyperliquidUserAction::ApproveAgent { agent_address: agent, agent_name: String::new() };
    let hash = user_signed::signing_hash(TESTNET, 0x66eee, &action, Nonce::new(nonce));
    let signature = signature_json(&key.sign_hash(&hash));
    format!(
        r#"{{"action":{{"type":"approveAgent","agentAddress":"{agent}","nonce":{nonce},"signatureChainId":"0x66eee","hyperliquidChain":"Testnet"}},"nonce":{nonce},"signature":{signature}}}"#
    )
}

/// The body of a user-signed action: its type and content as JSON text, and what that content is.
pub fn user_body(key: &Secp256k1SecretKey, content: &str, action: &HyperliquidUserAction, nonce: u64) -> String {
    let signature =
        signature_json(&key.sign_hash(&user_signed::signing_hash(TESTNET, 0x66eee, action, Nonce::new(nonce))));
    format!(
        r#"{{"action":{{"type":"{}",{content},"signatureChainId":"0x66eee","hyperliquidChain":"Testnet"}},"nonce":{nonce},"signature":{signature},"vaultAddress":null}}"#,
        action.kind()
    )
}

/// One limit order as JSON text.
pub fn order(is_buy: bool, price: &str, size: &str, tif: &str, cloid: Option<&str>) -> String {
    let cloid = cloid.map_or(String::new(), |cloid| format!(r#","c":"{cloid}""#));
    format!(r#"{{"a":0,"b":{is_buy},"p":"{price}","s":"{size}","r":false,"t":{{"limit":{{"tif":"{tif}"}}}}{cloid}}}"#)
}

/// An action that places these orders.
pub fn place(orders: &[String]) -> String {
    format!(r#"{{"type":"order","orders":[{}],"grouping":"na"}}"#, orders.join(","))
}
