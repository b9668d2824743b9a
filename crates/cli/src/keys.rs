//! `palisade keys`: make and look at keys.

use crate::{
    output::{say, say_json},
    signer::{expose, parse_secret},
};
use anyhow::Result;
use clap::Subcommand;
use palisade_client::keys::{Key, KeyKind};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make and look at keys
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key from the system's randomness
    New {
        /// An Ed25519 agent key instead of an account key
        #[arg(long)]
        agent: bool,
        /// Write it to FILE, readable by its owner only, and print its public name alone; no file is ever overwritten
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print a key file, secret included
    Show {
        /// Written by `keys new --out` or `init`
        file: PathBuf,
    },
    /// Print the address or public key of a secret key or of a key file
    Address {
        /// A file, or 0x… or ed25519:0x…
        key: String,
    },
}

/// Runs it.
pub fn run(command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::New { agent, out } => {
            let key = Key::generate(if agent { KeyKind::Agent } else { KeyKind::User })?;
            match out {
                Some(path) => {
                    key.create(&path)?;
                    say(key.public());
                }
                None => show(&key)?,
            }
        }
        KeysCommand::Show { file } => show(&Key::load(&file)?)?,
        KeysCommand::Address { key } => {
            let is_file = Path::new(&key).is_file();
            say(if is_file { Key::load(Path::new(&key))? } else { parse_secret(&key)? }.public());
        }
    }
    Ok(())
}

fn show(key: &Key) -> Result<()> {
    say_json(&json!({ "kind": key.kind(), "public": key.public(), "secret_key": expose(key) }))
}
