//! Node folders: what `init` writes, `devnet` makes four of, and `node` runs.
//!
//! ```text
//! D/genesis.json          what the chain starts from
//! D/node-0/node.toml      configuration, for people; paths are relative to the folder
//! D/node-0/genesis.json   its own copy, so that a folder can move to another machine
//! D/node-0/vote.key.json  signs votes and names the node; readable by the owner only
//! D/node-0/oracle.key.json  signs prices; readable by the owner only
//! D/node-0/storage/       the chain's data; belongs to the node alone
//! ```
//!
//! Invariant: a folder is complete or `init` has failed; nothing here overwrites keys or data that exist.

use anyhow::{Context as _, Result, bail};
use palisade_client::keys::{Key, KeyKind, load_ed25519};
use palisade_types::{
    address::Ed25519Key,
    genesis::{Genesis, Seat},
    ids::SeatId,
    signing::ed25519::Ed25519SecretKey,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Name of the genesis file in every folder.
pub const GENESIS_FILE: &str = "genesis.json";
/// Name of the configuration file of a node.
pub const CONFIG_FILE: &str = "node.toml";
/// Name of the file with the key that signs votes.
pub const VOTE_KEY_FILE: &str = "vote.key.json";
/// Name of the file with the key that signs prices.
pub const ORACLE_KEY_FILE: &str = "oracle.key.json";
/// Name of the folder with a node's data.
pub const STORAGE_FOLDER: &str = "storage";

/// What `node.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// Where to listen for other validators.
    pub peer_listen: SocketAddr,
    /// Where to serve the RPC, the trading interfaces and `/metrics`.
    pub rpc_listen: SocketAddr,
    /// Genesis file, relative to the folder.
    pub genesis: PathBuf,
    /// File with the key that signs votes, relative to the folder.
    pub vote_key: PathBuf,
    /// File with the key that signs prices, relative to the folder.
    pub oracle_key: PathBuf,
    /// Data, relative to the folder.
    pub storage: PathBuf,
    /// By how much the chain's clock is behind this machine's: a devnet that plays another hour of the day
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_behind_ms: u64,
    /// The other validators.
    #[serde(default)]
    pub peers: Vec<PeerEntry>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Another validator in `node.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerEntry {
    /// Its vote key, as in the genesis.
    pub vote_key: Ed25519Key,
    /// Where it listens for validators.
    pub address: SocketAddr,
}

/// A seat's secret keys.
pub struct SeatKeys {
    /// Signs votes and names the node to its peers.
    pub vote: Ed25519SecretKey,
    /// Signs prices.
    pub oracle: Ed25519SecretKey,
}

impl SeatKeys {
    /// Fresh keys from the operating system's randomness.
    pub fn generate() -> Result<Self> {
        match (Key::generate(KeyKind::Vote)?, Key::generate(KeyKind::Oracle)?) {
            (Key::Vote(vote), Key::Oracle(oracle)) => Ok(Self { vote, oracle }),
            _ => bail!("a key of another kind than asked for was made"),
        }
    }

    /// Reads both key files of a node folder.
    fn load(folder: &Path, file: &NodeFile) -> Result<Self> {
        Ok(Self {
            vote: load_ed25519(&folder.join(&file.vote_key), KeyKind::Vote)?,
            oracle: load_ed25519(&folder.join(&file.oracle_key), KeyKind::Oracle)?,
        })
    }

    /// Writes both key files. Fails if one exists: a secret is never overwritten.
    fn create(&self, folder: &Path) -> Result<()> {
        Key::Vote(self.vote.clone()).create(&folder.join(VOTE_KEY_FILE))?;
        Key::Oracle(self.oracle.clone()).create(&folder.join(ORACLE_KEY_FILE))?;
        Ok(())
    }

    /// What the genesis says of the seat.
    pub fn seat(&self, id: SeatId, name: String) -> Seat {
        Seat { id, name, vote_key: self.vote.public_key(), oracle_key: self.oracle.public_key() }
    }
}

/// A complete node folder, read and checked.
pub struct NodeFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Its configuration.
    pub file: NodeFile,
    /// Its genesis.
    pub genesis: Genesis,
    /// Its keys.
    pub keys: SeatKeys,
    /// Its seat.
    pub seat: SeatId,
}

impl NodeFolder {
    /// Reads a folder and checks that its key has a seat in its genesis.
    pub fn open(path: &Path) -> Result<Self> {
        let file = read_config(path)?;
        let genesis = read_genesis(&path.join(&file.genesis))?;
        let keys = SeatKeys::load(path, &file)?;
        let vote_key = keys.vote.public_key();
        let Some(seat) = genesis.seats.iter().find(|seat| seat.vote_key == vote_key) else {
            bail!("wrong key: vote key {vote_key} of {} has no seat in the genesis", path.display());
        };
        let oracle_key = keys.oracle.public_key();
        if seat.oracle_key != oracle_key {
            bail!("wrong key: oracle key {oracle_key} of {} is not that of seat {}", path.display(), seat.id);
        }
        let seat = seat.id;
        Ok(Self { path: path.to_path_buf(), file, genesis, keys, seat })
    }

    /// The folder of its data.
    pub fn storage(&self) -> PathBuf {
        self.path.join(&self.file.storage)
    }
}

/// Where the validators of a committee listen, in order of seat.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// For each other.
    pub peers: Vec<SocketAddr>,
    /// For clients.
    pub rpc: Vec<SocketAddr>,
}

/// Writes one folder per seat below `parent`, and the genesis itself.
pub fn write_folders(
    parent: &Path,
    genesis: &Genesis,
    keys: &[SeatKeys],
    addresses: &Addresses,
    clock_behind_ms: u64,
) -> Result<()> {
    create_folder(parent)?;
    for (index, keys) in keys.iter().enumerate() {
        let folder = node_path(parent, index);
        create_folder(&folder)?;
        write_json(&folder.join(GENESIS_FILE), genesis)?;
        keys.create(&folder)?;
        write_config(&folder, &node_file(genesis, addresses, clock_behind_ms, index)?)?;
    }
    // Last, because it is what says that the folders are complete.
    write_json(&parent.join(GENESIS_FILE), genesis)
}

/// The configuration of seat `index`.
pub fn node_file(genesis: &Genesis, addresses: &Addresses, clock_behind_ms: u64, index: usize) -> Result<NodeFile> {
    let own = |list: &[SocketAddr]| list.get(index).copied().context("an address for every seat");
    let others = genesis.seats.iter().zip(&addresses.peers).enumerate().filter(|(other, _)| *other != index);
    Ok(NodeFile {
        peer_listen: own(&addresses.peers)?,
        rpc_listen: own(&addresses.rpc)?,
        genesis: GENESIS_FILE.into(),
        vote_key: VOTE_KEY_FILE.into(),
        oracle_key: ORACLE_KEY_FILE.into(),
        storage: STORAGE_FOLDER.into(),
        clock_behind_ms,
        peers: others.map(|(_, (seat, address))| PeerEntry { vote_key: seat.vote_key, address: *address }).collect(),
    })
}

/// Reads `node.toml`.
pub fn read_config(folder: &Path) -> Result<NodeFile> {
    let path = folder.join(CONFIG_FILE);
    if !path.exists() {
        bail!("{} is no node folder: it has no {CONFIG_FILE}; make one with `palisade init`", folder.display());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))
}

/// Writes `node.toml`.
pub fn write_config(folder: &Path, file: &NodeFile) -> Result<()> {
    let text = format!(
        "# A Palisade validator. Paths are relative to this folder. See docs/operate.md.\n{}",
        toml::to_string_pretty(file)?
    );
    write_file(&folder.join(CONFIG_FILE), text.as_bytes())
}

/// The folder of seat `index`.
pub fn node_path(parent: &Path, index: usize) -> PathBuf {
    parent.join(format!("node-{index}"))
}

/// Reads a genesis file and checks all its rules.
pub fn read_genesis(path: &Path) -> Result<Genesis> {
    let genesis: Genesis = read_json(path, "genesis")?;
    genesis.check().with_context(|| format!("{} is not a valid genesis", path.display()))?;
    Ok(genesis)
}

/// Reads a JSON file.
pub fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {what} {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{what} {} is malformed", path.display()))
}

/// Writes a JSON file for people.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_file(path, &text)
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create folder {}", path.display()))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    // A crash in between leaves the old file or the new one, never half of one.
    let draft = path.with_extension("tmp");
    let written = fs::File::create(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, path)).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
#[path = "layout_tests.rs"]
pub mod tests;
