//! `palisade query`: read what is final.

use crate::{
    events::{self, EventsArgs},
    output::{say, say_json},
    products::{self, ProductCommand},
    rpc::{self, RpcArgs},
    show::{self, Names},
};
use anyhow::Result;
use clap::{Args, Subcommand};
use palisade_client::api::{AccountInfo, Book, FinalizedBlock, MarketInfo, NodeApi, Status};
use palisade_types::{address::AccountId, event::MarginLevel, hash::ActionId, ids::Height, market::MarketSpec};

/// Read what is final
#[derive(Args)]
pub struct QueryArgs {
    #[command(flatten)]
    rpc: RpcArgs,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: QueryCommand,
}

/// What to read.
#[derive(Subcommand)]
enum QueryCommand {
    /// The node's state of health
    Status,
    /// A block with its receipts and events
    Block {
        /// Its height [default: the newest]
        height: Option<u64>,
    },
    /// Events as they become final, one JSON object a line
    Events(EventsArgs),
    /// Balances, positions, margin and agents of an account
    Account {
        /// Its address
        account: AccountId,
    },
    /// Open orders of an account
    Orders {
        /// Its address
        account: AccountId,
    },
    /// A market's book
    Book {
        /// Symbol or number
        market: String,
        /// Levels a side
        #[arg(long, default_value_t = 10)]
        depth: u32,
    },
    /// All markets with their prices
    Markets,
    #[command(flatten)]
    Product(ProductCommand),
    /// The receipt of an action
    Receipt {
        /// Its id
        action: ActionId,
        /// How long to wait for it
        #[arg(long, value_name = "MS", default_value_t = 0)]
        wait_ms: u64,
    },
    /// The genesis; redirect it to a file, and compare its hash with one from a source you trust
    Genesis,
}

/// Runs it.
pub fn run(arguments: QueryArgs) -> Result<()> {
    rpc::block_on(query(arguments))
}

async fn query(arguments: QueryArgs) -> Result<()> {
    let client = arguments.rpc.client()?;
    let api: &dyn NodeApi = client.as_ref();
    let json = arguments.json;
    match arguments.command {
        QueryCommand::Status => print(json, &api.status().await?, show_status),
        QueryCommand::Block { height } => {
            let height = match height {
                Some(height) => Height::new(height),
                None => api.status().await?.height,
            };
            print(json, api.block(height, 0).await?.as_ref(), show_block)
        }
        QueryCommand::Events(arguments) => events::follow(api, arguments).await,
        QueryCommand::Account { account } => {
            let info = api.account(account).await?;
            let names = names(api).await?;
            print(json, &info, |info| show_account(info, &names))
        }
        QueryCommand::Orders { account } => {
            let orders = api.open_orders(account).await?;
            let names = names(api).await?;
            print(json, &orders, |orders| orders.iter().for_each(|order| say(names.order(order))))
        }
        QueryCommand::Book { market, depth } => {
            let spec = rpc::market(api, &market).await?.spec;
            print(json, &api.book(spec.id, depth).await?, |book| show_book(book, spec))
        }
        QueryCommand::Markets => print(json, api.markets().await?.as_slice(), show_markets),
        QueryCommand::Product(command) => products::query(api, json, command).await,
        QueryCommand::Receipt { action, wait_ms } => {
            let info = api.receipt(action, wait_ms).await?;
            let names = names(api).await?;
            print(json, &info, |info| {
                say(format_args!("action  {} of {} nonce {}", action, info.receipt.account, info.receipt.nonce));
                say(format_args!("block   {} at {}, place {}", info.height, info.time_ms, info.index));
                for line in show::outcome(&info.receipt.outcome, &names, &[]) {
                    say(format_args!("result  {line}"));
                }
            })
        }
        QueryCommand::Genesis => say_json(api.genesis().await?.as_ref()),
    }
}

/// Prints a value as JSON, or as people read it.
pub fn print<T: serde::Serialize + ?Sized>(json: bool, value: &T, show: impl FnOnce(&T)) -> Result<()> {
    if json {
        return say_json(&value);
    }
    show(value);
    Ok(())
}

/// Every market and asset, to read numbers by.
pub async fn names(api: &dyn NodeApi) -> Result<Names> {
    Ok(Names { markets: rpc::market_specs(api).await?, assets: api.assets().await? })
}

fn show_status(status: &Status) {
    let Status { chain_id, chain_name, genesis_hash, height, digest, state_root, time_ms, .. } = status;
    let seat = status.seat.map_or_else(|| "none".into(), |seat| seat.to_string());
    say(format_args!("chain        {chain_id} ({chain_name}), protocol {}", status.protocol_version));
    say(format_args!("genesis      {genesis_hash}"));
    say(format_args!("height       {height} at {time_ms}"));
    say(format_args!("block        {digest}"));
    say(format_args!("state root   {state_root}"));
    say(format_args!("history      from height {}", status.oldest_height));
    say(format_args!("seat         {seat} of {}, voting: {}", status.seat_count, status.voting));
    say(format_args!("peers        {}", status.peers_connected));
    say(format_args!("mempool      {} actions, {} of own clients", status.mempool_actions, status.mempool_own_actions));
    say(format_args!("halted       {}", status.chain_halted));
    say(format_args!("version      {}", status.version));
}

fn show_block(block: &FinalizedBlock) {
    let header = &block.header;
    say(format_args!("height      {} at {}", header.height, header.time_ms));
    say(format_args!("digest      {}", block.digest));
    say(format_args!("parent      {}", header.parent));
    say(format_args!(
        "view        {} of epoch {}, led by {}",
        header.context.view, header.context.epoch, header.context.leader
    ));
    say(format_args!("state root  {}", header.state_root));
    say(format_args!("receipts    {}", block.receipts.len()));
    for receipt in &block.receipts {
        let result = show::outcome(&receipt.outcome, &Names::default(), &[]).join("; ");
        say(format_args!("  {} {}: {result}", receipt.action, receipt.account));
    }
    say(format_args!("events      {}", block.events.len()));
}

fn show_account(info: &AccountInfo, names: &Names) {
    say(format_args!("account      {} at height {}", info.account, info.height));
    if !info.exists {
        say("             has never held anything");
    }
    for balance in &info.balances {
        let hold = names.amount(balance.asset, balance.hold);
        say(format_args!("balance      {}, of it on hold {hold}", names.amount(balance.asset, balance.total)));
    }
    for margin in &info.margins {
        say(format_args!(
            "margin       equity {}, initial {}, maintenance {}, withdrawable {}",
            margin.equity_usd, margin.initial_margin_usd, margin.maintenance_margin_usd, margin.withdrawable_usd
        ));
        let level = match margin.level {
            MarginLevel::Healthy => "healthy",
            MarginLevel::Warned => "warned",
            MarginLevel::Called => "called",
            MarginLevel::Liquidatable => "liquidatable",
        };
        let mode = if margin.portfolio { ", in portfolio mode" } else { "" };
        say(format_args!("             {level}{mode}"));
    }
    for position in &info.positions {
        say(format_args!(
            "position     {} {} worth {} at {}, unrealised {}, leverage {}",
            names.position(position.market, position.size),
            names.market(position.market),
            position.value_usd,
            show::price(position.mark),
            position.unrealised_pnl_usd,
            position.leverage
        ));
    }
    for (signer, agent) in &info.agents {
        let state = if agent.retired { "retired" } else { "live" };
        say(format_args!("agent        {signer} {:?} {:?} {state}", agent.name, agent.scope));
    }
    say(format_args!("hyperliquid  {}", if info.hyperliquid_compatible { "accepted" } else { "refused" }));
    if let Some(at_ms) = info.scheduled_cancel_ms {
        say(format_args!("cancels all  at {at_ms}"));
    }
    say(format_args!("budget       {} of {} actions used", info.actions_used, info.actions_cap));
}

fn show_book(book: &Book, spec: MarketSpec) {
    let (symbol, id) = (spec.symbol.clone(), spec.id);
    let names = Names { markets: vec![spec], assets: Vec::new() };
    say(format_args!("{symbol} at height {}", book.height));
    for level in book.asks.iter().rev() {
        say(format_args!("  ask {:>16} {:>16} in {}", level.price, names.size(id, level.size), level.orders));
    }
    for level in &book.bids {
        say(format_args!("  bid {:>16} {:>16} in {}", level.price, names.size(id, level.size), level.orders));
    }
}

fn show_markets(markets: &[MarketInfo]) {
    let header = ["market", "index", "mark", "bid", "ask", "last"];
    let [market, index, mark, bid, ask, last] = header;
    say(format_args!("    id {market:<10} {index:>16} {mark:>16} {bid:>16} {ask:>16} {last:>16}"));
    for info in markets {
        let [index, mark, bid, ask, last] =
            [info.index, info.mark, info.best_bid, info.best_ask, info.last].map(show::price);
        let (id, symbol) = (info.spec.id.get(), &info.spec.symbol);
        let halted = if info.halted { "  halted" } else { "" };
        say(format_args!("{id:>6} {symbol:<10} {index:>16} {mark:>16} {bid:>16} {ask:>16} {last:>16}{halted}"));
    }
}
