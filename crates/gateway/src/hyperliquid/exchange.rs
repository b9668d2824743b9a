//! `POST /exchange`: from a signed body to a finalized result.
//!
//! Rules:
//! - The action is hashed as received and decoded strictly; the body around it, which nothing signs, may have no
//!   unknown keys either, since a misspelt `expiresAfter` would change what the sender meant.
//! - What the chain cannot do is refused here in clear words and costs the sender nothing; everything else is sent
//!   on and answered from its receipt.
//! - Whoever gets an answer finds history up to date with it and its pushes already on their way.

mod reply;
mod signer;
mod unsupported;
mod user_signed;

use super::errors::{RequestError, inadmissible_text, submit_text};
use crate::{context::Context, json::ValueExt};
use palisade_client::api::{ApiError, ReceiptInfo};
use palisade_types::{
    address::AccountId,
    envelope::{Envelope, Payload, Signature, SignedAction},
    hyperliquid::{L1Action, Request, Value, decode_value, l1_hash::is_hashed_without_vault},
    ids::Nonce,
    limits::BATCH_MAX,
    rejection::Inadmissible,
    signing::secp256k1::signature_from_rsv,
    time::TimeMs,
};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How long an answer waits for history to hold its block; history is normally there first.
const HISTORY_WAIT: Duration = Duration::from_secs(2);
/// The keys that a body may have.
const BODY_KEYS: [&str; 5] = ["action", "nonce", "signature", "vaultAddress", "expiresAfter"];
/// Lists whose length is a batch's.
const BATCH_KEYS: [&str; 3] = ["orders", "cancels", "modifies"];

/// Why there is no result: a wrong request, or the answer "no".
pub enum Refusal {
    /// Answered with a 4xx or 5xx status.
    Request(RequestError),
    /// Answered with `status: "err"`.
    Business(String),
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// The body, taken apart.
pub struct Body<'a> {
    action: &'a Value,
    kind: &'a str,
    nonce: Nonce,
    signature: Signature,
    vault: Option<AccountId>,
    expires_after_ms: Option<TimeMs>,
}

/// What a request costs: 1, and 1 more per 40 orders.
pub fn weight(body: &Value) -> u32 {
    let action = body.field("action");
    let list = action.and_then(|action| BATCH_KEYS.iter().find_map(|key| action.field(key)));
    let length = match list {
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    };
    1u32.saturating_add(u32::try_from(length / 40).unwrap_or(u32::MAX))
}

/// Does what the body asks, and answers when it is final.
pub async fn execute(context: &Context, body: &Value) -> Result<Json, RequestError> {
    match perform(context, body).await {
        Ok(answer) => Ok(answer),
        Err(Refusal::Business(text)) => Ok(json!({ "status": "err", "response": text })),
        Err(Refusal::Request(error)) => Err(error),
    }
}

async fn perform(context: &Context, body: &Value) -> Result<Json, Refusal> {
    let body = read_body(body)?;
    if let Some(reason) = unsupported::always(body.kind) {
        return Err(unsupported::because(body.kind, reason));
    }
    if user_signed::is_user_signed(body.kind) {
        let envelope = user_signed::envelope(context, &body)?;
        let receipt = submit(context, envelope, body.signature).await?;
        return reply::plain(&receipt.receipt.outcome);
    }
    let action = decode_value(body.action).map_err(|error| RequestError::shape(error.to_string()))?;
    if let Some(rejection) = action.refusal() {
        return Err(unsupported::refused(body.kind, &rejection));
    }
    check_batch(&action)?;
    let envelope = l1_envelope(context, &body).await?;
    let receipt = submit(context, envelope, body.signature).await?;
    reply::of(&action, &receipt.receipt.outcome, &context.feed.directory())
}

fn check_batch(action: &L1Action) -> Result<(), Refusal> {
    let found = Request::L1(action.clone()).batch_length();
    if (1..=BATCH_MAX).contains(&found) {
        return Ok(());
    }
    let (found, limit) = (u32::try_from(found).unwrap_or(u32::MAX), u32::try_from(BATCH_MAX).unwrap_or(u32::MAX));
    Err(Refusal::Business(inadmissible_text(&Inadmissible::BatchSize { found, limit })))
}

fn read_body(body: &Value) -> Result<Body<'_>, RequestError> {
    let entries = body.entries().ok_or_else(|| RequestError::shape("the body must be an object"))?;
    if let Some((key, _)) = entries.iter().find(|(key, _)| !BODY_KEYS.contains(&key.as_str())) {
        return Err(RequestError::shape(format!("unknown field {:?}", key.chars().take(40).collect::<String>())));
    }
    let required = |key: &str| body.field(key).ok_or_else(|| RequestError::shape(format!("missing field `{key}`")));
    let action = required("action")?;
    let kind = action.field("type").and_then(ValueExt::text);
    let nonce = required("nonce")?.unsigned();
    let expires_after_ms = match body.field("expiresAfter").map(ValueExt::unsigned) {
        None => None,
        Some(Some(time_ms)) => Some(TimeMs::new(time_ms)),
        Some(None) => return Err(RequestError::shape("`expiresAfter` must be a whole number of milliseconds")),
    };
    Ok(Body {
        action,
        kind: kind.ok_or_else(|| RequestError::shape("`action` must be an object with a text `type`"))?,
        nonce: Nonce::new(nonce.ok_or_else(|| RequestError::shape("`nonce` must be a whole number"))?),
        signature: signature(required("signature")?)?,
        // Clients hash some actions without the vault that they name: nothing signs it, so it means nothing.
        vault: vault(body)?.filter(|_| !kind.is_some_and(is_hashed_without_vault)),
        expires_after_ms,
    })
}

fn vault(body: &Value) -> Result<Option<AccountId>, RequestError> {
    let Some(value) = body.field("vaultAddress") else { return Ok(None) };
    let address = value.text().and_then(|text| text.parse().ok());
    address.map(Some).ok_or_else(|| RequestError::shape("`vaultAddress` must be an address: 40 hexadecimal digits"))
}

fn signature(value: &Value) -> Result<Signature, RequestError> {
    let entries = value.entries().unwrap_or_default();
    if entries.len() != 3 {
        return Err(RequestError::shape("`signature` must be an object of r, s and v"));
    }
    let word = |key: &str| {
        let text = value.field(key).and_then(ValueExt::text);
        text.ok_or_else(|| RequestError::shape(format!("`signature.{key}` must be a text of hexadecimal digits")))
    };
    let v = value.field("v").and_then(ValueExt::unsigned);
    let v = v.ok_or_else(|| RequestError::shape("`signature.v` must be 27 or 28"))?;
    signature_from_rsv(word("r")?, word("s")?, v).map_err(|error| RequestError::shape(format!("`signature`: {error}")))
}

/// Puts an L1 action into the envelope of the account that it is for: the signer's, or the vault or sub-account that the
/// body names and the signature covers. Whether the signer may act for that one is the chain's to say.
async fn l1_envelope(context: &Context, body: &Body<'_>) -> Result<Envelope, Refusal> {
    let action_msgpack = body.action.encode().map_err(|error| RequestError::shape(error.to_string()))?;
    let found = signer::find(context, body, &action_msgpack).await?;
    Ok(Envelope {
        chain_id: context.chain_id,
        signer: found.signer,
        account: body.vault.unwrap_or(found.account),
        nonce: body.nonce,
        expires_after_ms: body.expires_after_ms,
        payload: Payload::HyperliquidL1 { source: found.source, action_msgpack, vault: body.vault },
    })
}

/// Why an action was not taken, in the words for whom it was sent.
fn refuse(envelope: &Envelope, error: ApiError) -> Refusal {
    if let Payload::HyperliquidL1 { vault: Some(vault), .. } = &envelope.payload
        && let ApiError::Inadmissible {
            reason: Inadmissible::UnknownSigner { .. } | Inadmissible::UnknownAccount { .. },
        } = &error
    {
        return Refusal::Business(format!("Vault not registered: {vault}"));
    }
    match submit_text(&error) {
        Some(text) => Refusal::Business(text),
        None => Refusal::Request(error.into()),
    }
}

/// Sends an action to the node and waits until it is final and history holds it.
async fn submit(context: &Context, envelope: Envelope, signature: Signature) -> Result<ReceiptInfo, Refusal> {
    let signed = SignedAction { envelope: envelope.clone(), signature };
    let id = context.node.submit(signed).await.map_err(|error| refuse(&envelope, error))?;
    match context.node.receipt(id, context.limits.receipt_timeout_ms).await {
        Ok(receipt) => {
            context.feed.wait_for(receipt.height, HISTORY_WAIT).await;
            Ok(receipt)
        }
        // The action may still be included, so this must not look like a refusal.
        Err(ApiError::Timeout { timeout_ms }) => Err(Refusal::Business(format!(
            "The action {id} was accepted but is not final after {timeout_ms} ms: look for its orders before sending it again."
        ))),
        Err(error) => Err(refuse(&envelope, error)),
    }
}
