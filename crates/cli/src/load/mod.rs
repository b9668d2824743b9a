//! `palisade load`: traders in bulk, with real signatures.
//!
//! Actions leave at a fixed rate whether or not earlier ones were answered (an open loop), each signed by one of the load
//! accounts and sent to one of the nodes; the answer is its receipt. What a node was down for is counted, not retried. With
//! `--journal` every receipt that was given is written down at once, so that `--check` can prove later that none of them
//! is lost, whatever happened to the nodes.

mod journal;
mod report;
mod trader;

use crate::{
    failure::UsageError,
    genesis::LOAD_ACCOUNTS,
    output::{progress, say, say_json},
    rpc,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use journal::Journal;
use palisade_client::{
    api::{ApiError, NodeApi},
    rpc::RpcClient,
};
use report::{Outcome, Tally};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc};
use trader::{Market, Trader};

/// Most actions that wait for their receipts at a time.
const IN_FLIGHT_MAX: usize = 1_024;
/// How long to wait for the chain to answer at the start.
const START_WAIT: Duration = Duration::from_secs(20);

/// Send signed actions at a fixed rate and measure what becomes of them
#[derive(Args)]
pub struct LoadArgs {
    /// Address of a node; several spread the load
    #[arg(long, env = "PALISADE_RPC", value_name = "URL", default_value = rpc::DEFAULT_URL, value_delimiter = ',')]
    rpc: Vec<String>,
    /// Accounts that trade; a devnet's genesis funds 64
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=LOAD_ACCOUNTS))]
    accounts: u64,
    /// Actions per second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// Seconds to run; 0 runs until Ctrl-C
    #[arg(long, default_value_t = 10)]
    duration: u64,
    /// Seed of what is traded
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long to wait for a receipt
    #[arg(long, value_name = "MS", default_value_t = 20_000)]
    wait_ms: u64,
    /// Append every receipt that was given
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Send nothing; ask for every receipt of a journal again and compare; exit code 3 if one is lost or differs
    #[arg(long, value_name = "FILE", conflicts_with = "journal")]
    check: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(arguments: LoadArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime for network calls")?;
    runtime.block_on(async move {
        let nodes = arguments.rpc.iter().map(|url| Ok(Arc::new(RpcClient::new(url)?))).collect::<Result<Vec<_>>>()?;
        let Some(first) = nodes.first() else { bail!(UsageError("name at least one --rpc".into())) };
        match &arguments.check {
            Some(path) => {
                let checked = journal::check(path, first.as_ref()).await?;
                say(format_args!("checked   {checked} receipts, all still there and equal"));
                Ok(())
            }
            None => generate(&arguments, nodes).await,
        }
    })
}

async fn generate(arguments: &LoadArgs, nodes: Vec<Arc<RpcClient>>) -> Result<()> {
    let (chain_id, markets) = wait_for_prices(&nodes).await?;
    let journal = arguments.journal.as_deref().map(Journal::open).transpose()?;
    let traders: Vec<Arc<Trader>> =
        (0..arguments.accounts).map(|number| Arc::new(Trader::new(number, arguments.accounts, chain_id))).collect();
    let nodes: Vec<Arc<dyn NodeApi>> = nodes.into_iter().map(|node| node as Arc<dyn NodeApi>).collect();
    let (outcomes, received) = mpsc::channel(IN_FLIGHT_MAX);
    let collector = tokio::spawn(collect(received, journal));
    let started = Instant::now();
    let wait_ms = arguments.wait_ms;
    let sending = async {
        let permits = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let markets = Arc::new(markets);
        for number in 0u64.. {
            let after = due_after(number, arguments.rate);
            if arguments.duration > 0 && after >= Duration::from_secs(arguments.duration) {
                break;
            }
            tokio::time::sleep_until((started + after).into()).await;
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
            let trader = Arc::clone(&traders[place(number, traders.len())]);
            let node = Arc::clone(&nodes[place(number, nodes.len())]);
            let (markets, outcomes, seed) = (Arc::clone(&markets), outcomes.clone(), arguments.seed);
            tokio::spawn(async move {
                let outcome = trader.act(node.as_ref(), &markets, seed, number, wait_ms).await;
                let _ = outcomes.send(outcome).await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = sending => {}
        _ = tokio::signal::ctrl_c() => progress("stopping: waiting for receipts that are due"),
    }
    drop(outcomes);
    let (tally, problem) = collector.await.context("the collector of receipts ended early")?;
    let elapsed = started.elapsed();
    if arguments.json {
        say_json(&tally.json(elapsed))?;
    } else {
        tally.lines(elapsed).into_iter().for_each(say);
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    if tally.receipts() == 0 {
        bail!("not one receipt was given");
    }
    Ok(())
}

/// Takes in what became of each action; writes receipts down before it counts them.
async fn collect(
    mut received: mpsc::Receiver<Outcome>,
    mut journal: Option<Journal>,
) -> (Tally, Option<anyhow::Error>) {
    let mut tally = Tally::default();
    let mut problem = None;
    let mut shown = Instant::now();
    while let Some(outcome) = received.recv().await {
        if let (Some(journal), Some(receipt)) = (&mut journal, outcome.receipt())
            && let Err(error) = journal.append(receipt)
        {
            problem.get_or_insert(error);
        }
        tally.add(&outcome);
        if shown.elapsed() >= Duration::from_secs(1) {
            progress(tally.progress());
            shown = Instant::now();
        }
    }
    (tally, problem)
}

/// The chain's id, and its perpetual markets that have a price; waits for the first prices of a young chain.
async fn wait_for_prices(nodes: &[Arc<RpcClient>]) -> Result<(u64, Vec<Market>)> {
    let started = Instant::now();
    loop {
        let mut problem = None;
        for node in nodes {
            match prices(node).await {
                Ok((chain_id, markets)) if !markets.is_empty() => return Ok((chain_id, markets)),
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        if started.elapsed() >= START_WAIT {
            match problem {
                Some(error) => return Err(error.into()),
                None => bail!("no market has a price after {} s: are reporters running?", START_WAIT.as_secs()),
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn prices(node: &RpcClient) -> Result<(u64, Vec<Market>), ApiError> {
    let chain_id = node.status().await?.chain_id;
    let markets = node.markets().await?;
    let perpetuals = markets.iter().filter(|market| market.spec.perpetual().is_some() && !market.halted);
    let priced = perpetuals.filter_map(|market| Some(Market { index: market.index?, spec: market.spec.clone() }));
    Ok((chain_id, priced.collect()))
}

/// `number` modulo `length`, which is not zero.
fn place(number: u64, length: usize) -> usize {
    let length = u64::try_from(length.max(1)).unwrap_or(u64::MAX);
    usize::try_from(number % length).unwrap_or(0)
}

/// When the `number`-th of `rate` events per second is due; exact to the nanosecond, so that no rate drifts.
fn due_after(number: u64, rate: u64) -> Duration {
    let nanoseconds = u128::from(number) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}
