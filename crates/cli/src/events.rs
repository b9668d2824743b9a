//! `palisade query events`: what happens, as it becomes final; one JSON object a line.

use crate::{failure::UsageError, output::say};
use anyhow::Result;
use clap::Args;
use palisade_client::api::{ApiError, NodeApi};
use palisade_types::{address::AccountId, event::Event, ids::Height};
use serde_json::json;

/// How long one call waits for the next block.
const WAIT_MS: u64 = 10_000;

/// What to follow.
#[derive(Args)]
pub struct EventsArgs {
    /// Only events that name this account
    #[arg(long)]
    account: Option<AccountId>,
    /// Only events of these kinds, such as margin_called, liquidated, deleveraged
    #[arg(long, value_name = "KIND", num_args = 1..)]
    kind: Vec<String>,
    /// The first block [default: the next one]
    #[arg(long, value_name = "HEIGHT")]
    from: Option<u64>,
    /// The last block [default: go on until Ctrl-C]
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
}

/// Prints events until the last block that is asked for.
pub async fn follow(api: &dyn NodeApi, arguments: EventsArgs) -> Result<()> {
    check_kinds(&arguments.kind)?;
    let mut height = match arguments.from {
        Some(height) => Height::new(height),
        None => api.status().await?.height.next(),
    };
    let account = arguments.account.map(|account| account.to_string());
    while arguments.to.is_none_or(|last| height.get() <= last) {
        let block = match api.block(height, WAIT_MS).await {
            Ok(block) => block,
            Err(ApiError::Timeout { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        for event in &block.events {
            let event = serde_json::to_value(event)?;
            let kind = event.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
            let is_wanted = arguments.kind.is_empty() || arguments.kind.iter().any(|wanted| wanted == kind);
            if is_wanted && account.as_ref().is_none_or(|account| names(&event, account)) {
                say(json!({ "height": height, "time_ms": block.header.time_ms, "event": event }));
            }
        }
        height = height.next();
    }
    Ok(())
}

/// Whether any field, however deep, is the account.
fn names(value: &serde_json::Value, account: &str) -> bool {
    match value {
        serde_json::Value::String(text) => text == account,
        serde_json::Value::Array(items) => items.iter().any(|item| names(item, account)),
        serde_json::Value::Object(fields) => fields.values().any(|field| names(field, account)),
        _ => false,
    }
}

/// Refuses a kind that no event has: waiting for it would never end.
fn check_kinds(kinds: &[String]) -> Result<()> {
    for kind in kinds {
        // An event of a known kind lacks its fields here; the reader's words for an unknown one name those there are.
        let refused = serde_json::from_value::<Event>(json!({ "type": kind })).err().map(|error| error.to_string());
        if let Some(refused) = refused.filter(|refused| refused.starts_with("unknown variant")) {
            return Err(UsageError(format!("no kind of event: {refused}")).into());
        }
    }
    Ok(())
}
