//! What a devnet says of itself: a page for people, a file for programs.

use super::Devnet;
use crate::{dev_keys, layout, output::say};
use anyhow::Result;
use serde_json::json;

/// The funded keys, with their text.
fn accounts() -> [(String, String); 2] {
    dev_keys::funded().map(|key| (key.address().to_string(), format!("0x{}", hex::encode(key.expose_bytes()))))
}

/// Writes `devnet.json`.
pub fn write(devnet: &Devnet) -> Result<()> {
    let accounts = accounts().map(|(address, secret_key)| json!({ "address": address, "secret_key": secret_key }));
    let nodes: Vec<_> = devnet
        .folders
        .iter()
        .map(|folder| json!({ "seat": folder.seat, "data_dir": folder.path, "peer_listen": folder.file.peer_listen }))
        .collect();
    let description = json!({
        "rpc_url": format!("http://{}", devnet.address),
        "ws_url": format!("ws://{}/ws", devnet.address),
        "accounts": accounts,
        "market_maker": (!devnet.arguments.no_market_maker).then(|| dev_keys::market_maker().address()),
        "genesis": devnet.folder.path().join(layout::GENESIS_FILE),
        "genesis_hash": devnet.genesis.hash(),
        "chain_id": devnet.genesis.chain_id,
        "nodes": nodes,
        "prices": devnet.prices.description,
        "pid": std::process::id(),
    });
    layout::write_json(&devnet.folder.description(), &description)
}

/// Prints where everything is.
pub fn print(devnet: &Devnet) {
    let address = devnet.address;
    let genesis = devnet.folder.path().join(layout::GENESIS_FILE);
    say("Palisade devnet is up. Ctrl-C ends it; its data is kept.");
    say("");
    say(format_args!("  status page     http://{address}/"));
    say(format_args!("  Hyperliquid     http://{address}   (base URL of SDK and ccxt; POST /info, /exchange)"));
    say(format_args!("  WebSocket       ws://{address}/ws"));
    say(format_args!("  native JSON-RPC http://{address}/rpc"));
    say(format_args!("  metrics         http://{address}/metrics"));
    say("");
    say(format_args!("  chain           {} ({})", devnet.genesis.chain_id, devnet.genesis.name));
    say(format_args!("  genesis         {} {}", genesis.display(), devnet.genesis.hash()));
    say(format_args!("  validators      {}", devnet.genesis.seats.len()));
    say(format_args!("  prices          {}", devnet.prices.summary));
    say(format_args!("  data, log       {}, {}", devnet.folder.path().display(), devnet.folder.log().display()));
    say(format_args!("  for programs    {}", devnet.folder.description().display()));
    say("");
    say("  funded accounts (known to everyone: for tests only)");
    let accounts = accounts();
    for (account, secret_key) in &accounts {
        say(format_args!("    {account}  {secret_key}"));
    }
    say("");
    say("  try");
    let rpc = format!("--rpc http://{address}");
    say(format_args!("    palisade query markets {rpc}"));
    if let Some((account, secret_key)) = accounts.first() {
        say(format_args!(
            "    palisade tx order --market BTC --side buy --price 120000 --size 0.01 --tif ioc {rpc} --key {secret_key}"
        ));
        let proof = "palisade verify balance --account";
        say(format_args!("    {proof} {account} --genesis {} {rpc}", genesis.display()));
    }
}
