//! `palisade verify`: believe a genesis file and nothing else.

use crate::{
    failure::{UsageError, VerificationError},
    layout,
    output::{say, say_json},
    rpc::{self, RpcArgs},
    show::Names,
};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use palisade_agents::clock;
use palisade_client::{
    api::NodeApi as _,
    light_client::{ProvenValue, Verified, verify},
    proof::{ProofBundle, ProofRequest},
};
use palisade_types::{
    address::AccountId,
    genesis::Genesis,
    hash::ActionId,
    ids::{AssetId, OrderId, UniverseId},
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Fetch a proof, or read one, and verify it against a genesis file alone; exit code 3 if it does not hold
#[derive(Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    rpc: RpcArgs,
    /// The genesis you trust; nothing else is believed
    #[arg(long, value_name = "FILE", global = true)]
    genesis: Option<PathBuf>,
    /// Verify a bundle saved by --out, without any network
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Save the proof bundle
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,
    /// Refuse a proof whose block is older than this by this machine's clock
    #[arg(long, value_name = "SECONDS", global = true)]
    max_age: Option<u64>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<VerifyCommand>,
}

/// What to verify.
#[derive(Subcommand)]
enum VerifyCommand {
    /// What an account holds of an asset, or that it holds none
    Balance {
        /// The account
        #[arg(long)]
        account: AccountId,
        /// Symbol or number, as in the genesis
        #[arg(long, default_value = "USDC")]
        asset: String,
        /// The universe
        #[arg(long, default_value_t = 0)]
        universe: u32,
    },
    /// An open order, or that it is not open
    Order {
        /// Its number
        #[arg(long)]
        order: u64,
    },
    /// The receipt of an action
    Receipt {
        /// The action's id
        #[arg(long)]
        action: ActionId,
    },
}

/// Runs it.
pub fn run(arguments: VerifyArgs) -> Result<()> {
    let Some(path) = &arguments.genesis else {
        bail!(UsageError("name the --genesis FILE that you trust".into()));
    };
    let genesis = layout::read_genesis(path)?;
    let bundle = match (&arguments.bundle, &arguments.command) {
        (Some(path), None) => read_bundle(path)?,
        (None, Some(command)) => fetch(&arguments.rpc, command.request(&genesis)?)?,
        _ => bail!(UsageError("say what to verify: balance, order, receipt, or --bundle FILE".into())),
    };
    if let Some(path) = &arguments.out {
        layout::write_json(path, &bundle)?;
    }
    let verified = verify(&genesis, &bundle).map_err(|error| VerificationError(error.to_string()))?;
    if let Some(command) = &arguments.command {
        let asked = command.request(&genesis)?;
        if verified.request != asked {
            bail!(VerificationError(format!("the node proved {:?} instead of {asked:?}", verified.request)));
        }
    }
    let age_ms = clock::now().since(verified.time_ms);
    if arguments.max_age.is_some_and(|seconds| age_ms > seconds.saturating_mul(1_000)) {
        bail!(VerificationError(format!("the proof holds, but its block is {} s old", age_ms / 1_000)));
    }
    report(&genesis, &verified, age_ms, arguments.json)
}

impl VerifyCommand {
    fn request(&self, genesis: &Genesis) -> Result<ProofRequest> {
        Ok(match self {
            Self::Balance { account, asset, universe } => ProofRequest::Balance {
                universe: UniverseId::new(*universe),
                account: *account,
                asset: asset_in(genesis, asset)?,
            },
            Self::Order { order } => ProofRequest::Order { order: OrderId::new(*order) },
            Self::Receipt { action } => ProofRequest::Receipt { action: *action },
        })
    }
}

fn asset_in(genesis: &Genesis, name: &str) -> Result<AssetId> {
    let number: Option<AssetId> = name.parse().ok().map(AssetId::new);
    let found = genesis.assets.iter().find(|asset| Some(asset.id) == number || asset.symbol.eq_ignore_ascii_case(name));
    match found {
        Some(asset) => Ok(asset.id),
        None => bail!(UsageError(format!("the genesis has no asset {name:?}"))),
    }
}

fn fetch(rpc: &RpcArgs, request: ProofRequest) -> Result<ProofBundle> {
    let client = rpc.client()?;
    rpc::block_on(async move { Ok(client.prove(request).await?) })
}

/// A bundle that is no bundle is a proof that does not hold.
fn read_bundle(path: &Path) -> Result<ProofBundle> {
    let bytes = std::fs::read(path).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| VerificationError(format!("{} is no proof bundle: {error}", path.display())).into())
}

fn report(genesis: &Genesis, verified: &Verified, age_ms: u64, json: bool) -> Result<()> {
    let names = Names { markets: genesis.markets.clone(), assets: genesis.assets.clone() };
    let what = describe(&verified.request, &verified.value, &names);
    if json {
        return say_json(&json!({
            "verified": true,
            "chain_id": genesis.chain_id,
            "genesis_hash": genesis.hash(),
            "height": verified.height,
            "block": verified.digest,
            "time_ms": verified.time_ms,
            "age_ms": age_ms,
            "request": verified.request,
            "value": what,
        }));
    }
    say(format_args!("verified  {what}"));
    say(format_args!("at        height {}, {} s ago, block {}", verified.height, age_ms / 1_000, verified.digest));
    say(format_args!("under     genesis {} of chain {}", genesis.hash(), genesis.chain_id));
    Ok(())
}

fn describe(request: &ProofRequest, value: &ProvenValue, names: &Names) -> String {
    let held = |text: String| match request {
        ProofRequest::Balance { universe, account, .. } => format!("{account} holds {text} in universe {universe}"),
        _ => text,
    };
    match (value, request) {
        (ProvenValue::Balance { total }, ProofRequest::Balance { asset, .. }) => held(names.amount(*asset, *total)),
        (ProvenValue::Balance { total }, _) => held(total.to_string()),
        (ProvenValue::NoBalance, _) => held("none of the asset".into()),
        (ProvenValue::OpenOrder { record }, _) => format!("{} of {}", names.order(&record.order), record.order.account),
        (ProvenValue::OrderNotOpen, ProofRequest::Order { order }) => format!("order {order} is not open"),
        (ProvenValue::OrderNotOpen, _) => "the order is not open".into(),
        (ProvenValue::Receipt { index, receipt }, _) => {
            let result = crate::show::outcome(&receipt.outcome, names, &[]).join("; ");
            format!("action {} of {} is at place {index}: {result}", receipt.action, receipt.account)
        }
    }
}
