//! The key that a command signs with, and the account it signs for.

use crate::failure::UsageError;
use anyhow::{Result, bail};
use clap::Args;
use palisade_client::keys::Key;
use palisade_types::{
    action::Action,
    address::{AccountId, SignerId},
    envelope::{Envelope, Payload, SignedAction},
    ids::Nonce,
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};
use std::path::PathBuf;

/// Starts the text of an Ed25519 secret key.
const ED25519_PREFIX: &str = "ed25519:";

/// Which key a command uses.
#[derive(Args, Clone)]
pub struct KeyArgs {
    /// Secret key: 0x and 64 hexadecimal digits, or ed25519:0x… for an agent; best kept in the environment or in a file
    #[arg(long, env = "PALISADE_KEY", hide_env_values = true, value_name = "SECRET", global = true)]
    key: Option<String>,
    /// File written by `palisade keys new`; goes before --key
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// Account to act for, if the key is an agent's [default: the key's own]
    #[arg(long, value_name = "ADDRESS", global = true)]
    account: Option<AccountId>,
}

/// A key and the account it acts for.
pub struct Identity {
    /// The key.
    pub key: Key,
    /// The account.
    pub account: AccountId,
}

impl KeyArgs {
    /// Finds the key.
    pub fn identity(&self) -> Result<Identity> {
        let key = match (&self.key_file, &self.key) {
            (Some(path), _) => Key::load(path)?,
            (None, Some(text)) => parse_secret(text)?,
            (None, None) => bail!(UsageError("no key: give --key, --key-file or PALISADE_KEY".into())),
        };
        let account = match (self.account, key.public()) {
            (Some(account), _) | (None, SignerId::Address(account)) => account,
            (None, SignerId::Ed25519(_)) => {
                bail!(UsageError("an Ed25519 key is an agent's: name its --account".into()))
            }
        };
        Ok(Identity { key, account })
    }
}

/// A key from its text.
pub fn parse_secret(text: &str) -> Result<Key> {
    let (digits, is_ed25519) = match text.trim().strip_prefix(ED25519_PREFIX) {
        Some(rest) => (rest, true),
        None => (text.trim(), false),
    };
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), &mut bytes)
        .map_err(|_| UsageError("a secret key is 0x or ed25519:0x and 64 hexadecimal digits".into()))?;
    Ok(if is_ed25519 {
        Key::Agent(Ed25519SecretKey::from_bytes(bytes))
    } else {
        Key::User(Secp256k1SecretKey::from_bytes(bytes).map_err(|error| UsageError(error.to_string()))?)
    })
}

/// The text of a key, secret and all.
pub fn expose(key: &Key) -> String {
    match key {
        Key::User(key) => format!("0x{}", hex::encode(key.expose_bytes())),
        Key::Agent(key) | Key::Vote(key) | Key::Oracle(key) => {
            format!("{ED25519_PREFIX}0x{}", hex::encode(key.expose_bytes()))
        }
    }
}

impl Identity {
    /// Signs `action` in Palisade's own form.
    pub fn sign(
        &self,
        chain_id: u64,
        nonce: Nonce,
        expires_after_ms: Option<TimeMs>,
        action: Action,
    ) -> Result<SignedAction> {
        Ok(self.key.sign(Envelope {
            chain_id,
            signer: self.key.public(),
            account: self.account,
            nonce,
            expires_after_ms,
            payload: Payload::Native { action },
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_shown() {
        for text in [format!("0x{}", "11".repeat(32)), format!("ed25519:0x{}", "22".repeat(32))] {
            assert_eq!(expose(&parse_secret(&text).expect("a key")), text);
        }
        for text in ["", "0x11", "0xzz", "ed25519:", &"0".repeat(64), &"f".repeat(64)] {
            let error = parse_secret(text).expect_err(text);
            assert_eq!(crate::failure::exit_code(&error), 2, "{text}");
        }
    }
}
