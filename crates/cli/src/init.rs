//! `palisade init`: write the genesis and one folder per validator.

use crate::{
    genesis,
    layout::{self, Addresses, SeatKeys},
    output::say,
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use palisade_agents::clock;
use palisade_types::{genesis::Genesis, ids::SeatId, limits::SEATS_MAX};
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// First port of a devnet: the trading interfaces.
pub const PORT: u16 = 4200;
/// Validators listen for each other from this many ports above it.
const PEER_PORTS: u16 = 100;
/// Validators serve their RPC from this many ports above it.
const RPC_PORTS: u16 = 300;

/// Write the genesis and one folder per validator
#[derive(Args)]
pub struct InitArgs {
    /// Folder to write to; must not hold a chain already
    #[arg(long, value_name = "DIR", default_value = "palisade-data")]
    pub data_dir: PathBuf,
    /// Validators; 3f+1 of them bear f faulty ones
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=SEATS_MAX as i64))]
    pub seats: u16,
    /// EIP-712 chain id
    #[arg(long, default_value_t = genesis::CHAIN_ID)]
    pub chain_id: u64,
    /// Name of the chain
    #[arg(long, default_value = "palisade-devnet")]
    pub name: String,
    /// Address that validators listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Validators listen for each other from PORT+100, for clients from PORT+300
    #[arg(long, value_name = "PORT", default_value_t = PORT, value_parser = clap::value_parser!(u16).range(1..=60_000))]
    pub base_port: u16,
}

/// Runs it.
pub fn run(arguments: &InitArgs) -> Result<()> {
    let addresses = addresses(arguments.host, arguments.base_port, arguments.seats);
    let genesis = create(&arguments.data_dir, arguments.chain_id, &arguments.name, arguments.seats, &addresses, 0)?;
    say(format_args!("chain      {} ({})", genesis.chain_id, genesis.name));
    say(format_args!("genesis    {}", genesis.hash()));
    say(format_args!("           {}", arguments.data_dir.join(layout::GENESIS_FILE).display()));
    for (index, rpc) in addresses.rpc.iter().enumerate() {
        let folder = layout::node_path(&arguments.data_dir, index);
        say(format_args!("seat {index}     palisade node --data-dir {}   # RPC http://{rpc}", folder.display()));
    }
    Ok(())
}

/// Writes a new chain below `folder`, whose clock is so far behind this machine's.
pub fn create(
    folder: &Path,
    chain_id: u64,
    name: &str,
    seats: u16,
    addresses: &Addresses,
    clock_behind_ms: u64,
) -> Result<Genesis> {
    if folder.join(layout::GENESIS_FILE).exists() || layout::node_path(folder, 0).exists() {
        bail!("{} holds a chain already: choose another folder or remove it", folder.display());
    }
    let keys: Vec<SeatKeys> = (0..seats).map(|_| SeatKeys::generate()).collect::<Result<_>>()?;
    let seats = keys.iter().zip(0u32..).map(|(keys, id)| keys.seat(SeatId::new(id), format!("seat-{id}"))).collect();
    let time_ms = clock::now().saturating_sub(clock_behind_ms);
    let genesis = genesis::devnet_genesis(chain_id, name, time_ms, seats);
    genesis.check().context("the genesis written here must obey its own rules")?;
    layout::write_folders(folder, &genesis, &keys, addresses, clock_behind_ms)?;
    Ok(genesis)
}

/// Where `seats` validators listen.
pub fn addresses(host: IpAddr, base_port: u16, seats: u16) -> Addresses {
    let list = |first: u16| {
        (0..seats).map(|seat| SocketAddr::from((host, base_port.saturating_add(first).saturating_add(seat)))).collect()
    };
    Addresses { peers: list(PEER_PORTS), rpc: list(RPC_PORTS) }
}
