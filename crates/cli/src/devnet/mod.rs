//! `palisade devnet`: a whole exchange on this machine, from one command.
//!
//! Four validators, each with its folder, thread and runtime as on machines of their own; one more runtime for the price
//! reporters, the market maker, the trading interfaces and the status page. The folders are those of `palisade init`, so
//! `palisade node` can continue them.

mod folder;
mod summary;

use crate::{
    dev_keys, init,
    layout::{self, NodeFolder},
    logging,
    output::progress,
    prices::{self, PriceArgs, Prices},
    runner::{self, RunningNode},
    shutdown,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use folder::DevnetFolder;
use futures::future::select_all;
use palisade_agents::{
    market_maker::{MarketMaker, quoting::QuoteTerms},
    vault,
};
use palisade_client::{api::NodeApi, keys::Key};
use palisade_gateway::{Gateway, GatewayConfig, Limits};
use palisade_types::{genesis::Genesis, ids::Height, numbers::Usd};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::{info, warn};

/// How long the chain may take to make its first block and its first prices.
const START_WAIT: Duration = Duration::from_secs(60);
/// What the devnet's vault opens with, and the value of its first quote, in 1e-8 USD.
const VAULT_INITIAL_USD: i128 = 1_000_000 * 100_000_000;
const VAULT_LEVEL_USD: i128 = 5_000 * 100_000_000;
/// From the start of the process until somebody reports prices.
const REPORT_DELAY_MS: u64 = 2_000;

/// Run a whole exchange on this machine: validators, prices, a market maker, the trading interfaces and a status page
#[derive(Args)]
pub struct DevnetArgs {
    /// Where to keep its data; kept between runs
    #[arg(long, value_name = "DIR", default_value = "devnet-data")]
    pub data_dir: PathBuf,
    /// Start over: forget what DIR holds. Refuses a folder that is no devnet's
    #[arg(long)]
    pub fresh: bool,
    /// Port of the trading interfaces; validators use PORT+100 and up
    #[arg(long, default_value_t = init::PORT, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub port: u16,
    /// Validators of a new devnet
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub seats: u16,
    /// Set the chain's clock to this time of day (UTC), which was less than a day ago: a new devnet begins then, and one that is
    /// there goes on then, as after an outage. 07:58 to see options and futures expire at 08:00
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day_ms)]
    pub time: Option<u64>,
    /// Leave the books to others
    #[arg(long)]
    pub no_market_maker: bool,
    #[command(flatten)]
    pub prices: PriceArgs,
}

/// A time of day in milliseconds.
fn time_of_day_ms(text: &str) -> Result<u64, String> {
    let malformed = || format!("{text:?} is no time of day like 07:50");
    let (hours, minutes) = text.split_once(':').ok_or_else(malformed)?;
    let number =
        |text: &str, below: u64| text.parse::<u64>().ok().filter(|number| *number < below).ok_or_else(malformed);
    Ok((number(hours, 24)? * 60 + number(minutes, 60)?) * 60_000)
}

/// Runs it until a signal, or until a part of it ends.
pub fn run(arguments: DevnetArgs) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    check_port(address)?;
    let folder = DevnetFolder::open(&arguments.data_dir, arguments.fresh)?;
    logging::to_file(&folder.log())?;
    let addresses = init::addresses(address.ip(), arguments.port, arguments.seats);
    let genesis = folder.chain(arguments.seats, &addresses, arguments.time)?;
    let folders = (0..genesis.seats.len())
        .map(|index| NodeFolder::open(&layout::node_path(folder.path(), index)))
        .collect::<Result<Vec<_>>>()?;
    let clock_behind_ms = folders.first().map_or(0, |folder| folder.file.clock_behind_ms);
    let prices = arguments.prices.load(&genesis, REPORT_DELAY_MS, clock_behind_ms)?;
    progress("starting the validators");
    let mut nodes = Vec::with_capacity(folders.len());
    for folder in &folders {
        nodes.push(runner::start(folder)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime of gateway and agents")?;
    let devnet = Devnet { arguments, folder, genesis, folders, prices, address };
    let outcome = runtime.block_on(devnet.serve(&mut nodes));
    progress("stopping");
    runtime.shutdown_background();
    nodes.into_iter().for_each(RunningNode::stop);
    match outcome? {
        Some(reason) => bail!("the devnet stopped: {reason}"),
        None => Ok(()),
    }
}

/// Everything that is decided before the first node runs.
struct Devnet {
    arguments: DevnetArgs,
    folder: DevnetFolder,
    genesis: Genesis,
    folders: Vec<NodeFolder>,
    prices: Prices,
    address: SocketAddr,
}

impl Devnet {
    /// Starts agents and gateway, says where everything is, and waits for the end: `None` for a signal, else why.
    async fn serve(&self, nodes: &mut [RunningNode]) -> Result<Option<String>> {
        let first = nodes.first().context("a devnet has at least one node")?;
        let (api, metrics) = (Arc::clone(&first.api), Arc::clone(&first.metrics));
        for (node, folder) in nodes.iter().zip(&self.folders) {
            let feed = Arc::clone(&self.prices.feed);
            tokio::spawn(prices::reporter(folder, feed, Arc::clone(&node.api)).run());
        }
        let config = GatewayConfig { listen: self.address, limits: Limits::devnet(), metrics: Some(metrics) };
        let gateway = Gateway::bind(config, Arc::clone(&api)).await?;
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(gateway.run(async move {
            let _ = stopping.await;
        }));
        tokio::select! {
            ready = wait_until_trading(api.as_ref()) => ready?,
            () = shutdown::signal() => return Ok(None),
            reason = first_end(nodes, &self.folders) => return Ok(Some(reason)),
        }
        let maker = (!self.arguments.no_market_maker).then(|| {
            let key = dev_keys::market_maker();
            let account = key.address();
            tokio::spawn(MarketMaker::new(Arc::clone(&api), account, Key::User(key), QuoteTerms::default()).run())
        });
        let leader = (!self.arguments.no_market_maker).then(|| tokio::spawn(lead_vault(Arc::clone(&api))));
        summary::write(self)?;
        summary::print(self);
        info!(address = %self.address, "the devnet is up");
        let reason = tokio::select! {
            () = shutdown::signal() => None,
            reason = first_end(nodes, &self.folders) => Some(reason),
        };
        drop(stop);
        serving.await.context("the gateway panicked")?;
        for agent in maker.into_iter().chain(leader) {
            agent.abort();
        }
        if reason.is_none() {
            shutdown::settle(nodes.iter().map(|node| node.api.as_ref())).await;
        }
        Ok(reason)
    }
}

/// Opens the devnet's vault and makes a market with its money, wider and smaller than the market maker.
async fn lead_vault(api: Arc<dyn NodeApi>) {
    let leader = dev_keys::vault_leader();
    let terms = QuoteTerms { half_spread_ppm: 900, level_usd: Usd::new(VAULT_LEVEL_USD), ..QuoteTerms::default() };
    match vault::first_of(api.as_ref(), &leader, "devnet", Usd::new(VAULT_INITIAL_USD)).await {
        Ok(vault) => MarketMaker::new(api, vault, Key::User(leader), terms).run().await,
        Err(error) => warn!(%error, "the devnet's vault does not trade"),
    }
}

/// Why the first node to end ended.
async fn first_end(nodes: &mut [RunningNode], folders: &[NodeFolder]) -> String {
    let (said, index, _) = select_all(nodes.iter_mut().map(|node| &mut node.ended)).await;
    let storage = folders.get(index).map(NodeFolder::storage).unwrap_or_default();
    format!("seat {index}: {}", shutdown::reason(said.ok(), &storage))
}

/// Waits for a block, and for a price of every market.
async fn wait_until_trading(api: &dyn NodeApi) -> Result<()> {
    let started = Instant::now();
    progress("waiting for the first blocks and prices");
    loop {
        let height = api.status().await?.height;
        let markets = api.markets().await?;
        if height > Height::new(0) && markets.iter().all(|market| market.index.is_some()) {
            return Ok(());
        }
        if started.elapsed() > START_WAIT {
            bail!("no block with prices after {} s, height is {height}; see the log", START_WAIT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One clear line before anything has been started or deleted.
fn check_port(address: SocketAddr) -> Result<()> {
    let bound = TcpListener::bind(address);
    bound.map(drop).with_context(|| format!("cannot listen on {address}; choose another port with --port"))
}
