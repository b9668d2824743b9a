//! The node that a command talks to.

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_client::{
    api::{ApiError, MarketInfo, NodeApi},
    rpc::RpcClient,
};
use palisade_types::{
    ids::{AssetId, MarketId},
    market::{AssetSpec, MarketSpec},
};
use std::sync::Arc;

/// Where a devnet serves its RPC.
pub const DEFAULT_URL: &str = "http://127.0.0.1:4200";

/// Which node to talk to.
#[derive(Args, Clone)]
pub struct RpcArgs {
    /// Address of a node or gateway
    #[arg(long, env = "PALISADE_RPC", value_name = "URL", default_value = DEFAULT_URL, global = true)]
    pub rpc: String,
}

impl RpcArgs {
    /// A client of that node; connects at the first call.
    pub fn client(&self) -> Result<Arc<RpcClient>> {
        Ok(Arc::new(RpcClient::new(&self.rpc)?))
    }
}

/// Runs one command's calls to their end.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime for network calls")?;
    runtime.block_on(work)
}

/// The market named by symbol or number.
pub async fn market(api: &dyn NodeApi, name: &str) -> Result<MarketInfo> {
    let number: Option<MarketId> = name.parse().ok().map(MarketId::new);
    let markets = api.markets().await?;
    let known = markets.iter().map(|market| market.spec.symbol.clone()).collect::<Vec<_>>().join(", ");
    let named = |market: &&MarketInfo| Some(market.spec.id) == number || market.spec.symbol.eq_ignore_ascii_case(name);
    markets.iter().find(named).cloned().with_context(|| format!("no market {name:?}; there are {known}"))
}

/// The asset named by symbol or number.
pub async fn asset(api: &dyn NodeApi, name: &str) -> Result<AssetSpec> {
    let number: Option<AssetId> = name.parse().ok().map(AssetId::new);
    let assets = api.assets().await?;
    let known = assets.iter().map(|asset| asset.symbol.clone()).collect::<Vec<_>>().join(", ");
    assets
        .into_iter()
        .find(|asset| Some(asset.id) == number || asset.symbol.eq_ignore_ascii_case(name))
        .with_context(|| format!("no asset {name:?}; there are {known}"))
}

/// All markets by number.
pub async fn market_specs(api: &dyn NodeApi) -> Result<Vec<MarketSpec>, ApiError> {
    Ok(api.markets().await?.iter().map(|market| market.spec.clone()).collect())
}
