//! `palisade node`: one validator in the foreground, with its reporter and its RPC.

use crate::{
    layout::NodeFolder,
    logging,
    output::progress,
    prices::{self, PriceArgs},
    runner::{self, RunningNode},
    shutdown,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use palisade_gateway::{Gateway, GatewayConfig, Limits};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::info;

/// Run one validator in the foreground
#[derive(Args)]
pub struct NodeArgs {
    /// The node's folder, written by `init` or `devnet`
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Serve clients here instead of at rpc_listen of node.toml; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS")]
    rpc_listen: Option<SocketAddr>,
    /// Do not report prices for the seat: another process does
    #[arg(long)]
    no_reporter: bool,
    #[command(flatten)]
    prices: PriceArgs,
}

/// Runs it until a signal, or until the node ends by itself.
pub fn run(arguments: &NodeArgs) -> Result<()> {
    logging::to_stderr();
    let folder = NodeFolder::open(&arguments.data_dir)?;
    let prices = arguments.prices.load(&folder.genesis, 0, folder.file.clock_behind_ms)?;
    let mut node = runner::start(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime of the gateway")?;
    let outcome = runtime.block_on(async {
        let mut config = GatewayConfig {
            listen: arguments.rpc_listen.unwrap_or(folder.file.rpc_listen),
            limits: Limits::public(),
            metrics: Some(Arc::clone(&node.metrics)),
        };
        // Clients on the same host share one address.
        if config.listen.ip().is_loopback() {
            config.limits = Limits::devnet();
        }
        let gateway = Gateway::bind(config, Arc::clone(&node.api)).await?;
        info!(seat = %folder.seat, rpc = %gateway.address(), "serving");
        progress(format_args!("seat {} serves http://{}; Ctrl-C ends it", folder.seat, gateway.address()));
        if !arguments.no_reporter {
            tokio::spawn(prices::reporter(&folder, prices.feed, Arc::clone(&node.api)).run());
        }
        let ended = serve(gateway, &mut node, &folder.storage()).await;
        info!("stopping");
        ended
    });
    runtime.shutdown_background();
    node.stop();
    match outcome? {
        Some(reason) => bail!("the node stopped: {reason}"),
        None => Ok(()),
    }
}

/// Serves until a signal (`None`) or the node's own end.
async fn serve(gateway: Gateway, node: &mut RunningNode, storage: &Path) -> Result<Option<String>> {
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.run(async move {
        let _ = stopping.await;
    }));
    let reason = tokio::select! {
        () = shutdown::signal() => None,
        reason = &mut node.ended => Some(shutdown::reason(reason.ok(), storage)),
    };
    drop(stop);
    serving.await.context("the gateway panicked")?;
    if reason.is_none() {
        shutdown::settle(std::iter::once(node.api.as_ref())).await;
    }
    Ok(reason)
}
