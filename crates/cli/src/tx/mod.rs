//! `palisade tx`: sign an action, send it, wait for its receipt and print it.
//!
//! Sizes and amounts are decimal numbers of the asset, prices are US dollars; what is not a whole number of lots or of the
//! asset's smallest unit is refused before anything is signed.

mod action;

use crate::{
    output::{progress, say, say_json},
    rpc::{self, RpcArgs},
    show::{self, Names},
    signer::KeyArgs,
};
use action::ActionCommand;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use palisade_agents::clock;
use palisade_client::{
    api::{ApiError, NodeApi, ReceiptInfo},
    nonce::NonceSource,
};
use palisade_types::{action::Action, hash::ActionId, ids::MarketId, order::OrderReference};

/// Sign an action, send it and wait for its receipt
#[derive(Args)]
pub struct TxArgs {
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Print the receipt as JSON
    #[arg(long, global = true)]
    json: bool,
    /// How long to wait for the receipt
    #[arg(long, value_name = "MS", default_value_t = 20_000, global = true)]
    wait_ms: u64,
    /// The action counts only if it is in a block within this time
    #[arg(long, value_name = "MS", default_value_t = 60_000, global = true)]
    expires_in_ms: u64,
    #[command(subcommand)]
    command: ActionCommand,
}

/// Runs it.
pub fn run(arguments: TxArgs) -> Result<()> {
    rpc::block_on(send(arguments))
}

async fn send(arguments: TxArgs) -> Result<()> {
    let identity = arguments.key.identity()?;
    let api = arguments.rpc.client()?;
    let action = arguments.command.action(api.as_ref(), identity.account).await?;
    let chain_id = api.status().await?.chain_id;
    let expires_after_ms = clock::now().saturating_add(arguments.expires_in_ms);
    let markets = part_markets(&action);
    let signed = identity.sign(chain_id, NonceSource::new().next(), Some(expires_after_ms), action)?;
    let id = api.submit(signed).await?;
    progress(format_args!("sent {id}, waiting for its receipt"));
    let receipt = wait_for_receipt(api.as_ref(), id, arguments.wait_ms).await?;
    if arguments.json {
        say_json(&receipt)?;
    } else {
        let names = Names { markets: rpc::market_specs(api.as_ref()).await?, assets: api.assets().await? };
        say(format_args!("action  {id}"));
        say(format_args!("block   {} at {}", receipt.height, receipt.time_ms));
        for line in show::outcome(&receipt.receipt.outcome, &names, &markets) {
            say(format_args!("result  {line}"));
        }
    }
    if show::is_refused(&receipt.receipt.outcome) {
        bail!(
            "action {id} had no effect: {}",
            show::outcome(&receipt.receipt.outcome, &Names::default(), &[]).join("; ")
        );
    }
    Ok(())
}

/// Asks until the receipt is there or the time is over.
pub async fn wait_for_receipt(api: &dyn NodeApi, id: ActionId, wait_ms: u64) -> Result<ReceiptInfo> {
    let deadline = clock::now().saturating_add(wait_ms);
    loop {
        let left_ms = deadline.since(clock::now());
        match api.receipt(id, left_ms.min(10_000)).await {
            Ok(receipt) => return Ok(receipt),
            Err(ApiError::Timeout { .. } | ApiError::NotFound { .. }) if left_ms > 0 => {}
            Err(ApiError::Timeout { .. } | ApiError::NotFound { .. }) => {
                bail!("no receipt for {id} within {wait_ms} ms: it may still come; `palisade query receipt {id}`")
            }
            Err(error) => return Err(error).with_context(|| format!("waiting for the receipt of {id}")),
        }
    }
}

/// The market of each part of an order action.
fn part_markets(action: &Action) -> Vec<MarketId> {
    match action {
        Action::Place { orders } => orders.iter().map(|order| order.market).collect(),
        Action::Modify { modifies } => modifies.iter().map(|modify| modify.replacement.market).collect(),
        _ => Vec::new(),
    }
}

/// An order by number or by the client's own name.
fn order_reference(text: &str) -> Result<OrderReference, String> {
    match text.parse::<u64>() {
        Ok(number) => Ok(OrderReference::Id(palisade_types::ids::OrderId::new(number))),
        Err(_) => text.parse().map(OrderReference::Client).map_err(|_| {
            format!("{text:?} is neither an order number nor a client order id (0x and 32 hexadecimal digits)")
        }),
    }
}
