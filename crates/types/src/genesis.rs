//! What a chain starts from: one JSON file, checked whole, named by the hash of its content.

use crate::{
    address::{AccountId, Ed25519Key},
    codec,
    hash::{GenesisHash, sha256},
    ids::{AssetId, SeatId, UniverseId},
    market::{AssetSpec, FutureSeriesSpec, MarketSpec, OptionSeriesSpec, UniverseSpec},
    numbers::Amount,
    synthetic::SyntheticSpec,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

mod check;
mod error;
mod synthetics;
pub use check::{check_listed_symbol, check_market_terms, check_universe_name};
pub use error::GenesisError;

/// The content of a genesis file.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The EIP-712 chain id; wallets show it.
    pub chain_id: u64,
    /// A name for people.
    pub name: String,
    /// The time of the genesis block.
    pub time_ms: TimeMs,
    /// The committee, in order of seat.
    pub seats: Vec<Seat>,
    /// Assets, in order of id. The first is the core collateral.
    pub assets: Vec<AssetSpec>,
    /// Universes, in order of id. The first is `core`.
    pub universes: Vec<UniverseSpec>,
    /// Markets: perpetuals in order of id, then spot in order of id.
    pub markets: Vec<MarketSpec>,
    /// What accounts hold at the start.
    pub balances: Vec<GenesisBalance>,
    /// Accounts that accept actions in Hyperliquid's format signed by their own key.
    pub hyperliquid_compatible: Vec<AccountId>,
    /// What anyone may draw; empty where funds are real.
    pub faucet: Vec<FaucetGrant>,
    /// How many actions an account may send.
    pub action_budget: ActionBudgetTerms,
    /// How the state database is laid out.
    pub storage: StorageTerms,
    /// Futures that are listed by rule.
    #[serde(default)]
    pub future_series: Vec<FutureSeriesSpec>,
    /// Options that are listed by rule.
    #[serde(default)]
    pub option_series: Vec<OptionSeriesSpec>,
    /// Assets that are minted against collateral.
    #[serde(default)]
    pub synthetics: Vec<SyntheticSpec>,
}

/// The epoch of every block, vote and certificate. The seats of the genesis are the only committee until committees
/// change; whatever is of another epoch is refused.
pub const EPOCH: u64 = 0;

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Its place in the list.
    pub id: SeatId,
    /// A name for people.
    pub name: String,
    /// The key that signs votes and names the node to its peers.
    pub vote_key: Ed25519Key,
    /// The key that signs prices.
    pub oracle_key: Ed25519Key,
}

/// An opening balance.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisBalance {
    /// In which universe.
    pub universe: UniverseId,
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// How much; positive.
    pub amount: Amount,
}

/// What the faucet gives for one claim.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaucetGrant {
    /// Into which universe.
    pub universe: UniverseId,
    /// Of what.
    pub asset: AssetId,
    /// How much for one claim; positive.
    pub amount: Amount,
    /// Least time between two claims of an account.
    pub interval_ms: u64,
}

/// How many actions an account may send: a price of spam in deposit, volume and time, not in fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionBudgetTerms {
    /// Orders, modifies and other parts of actions that a funded account has from the start.
    pub initial: u64,
    /// More of them per whole USD traded.
    pub per_usd_traded: u64,
    /// One more whenever this much time passes.
    pub refill_interval_ms: u64,
    /// Cancels may go this much beyond the rest (but to no more than twice of it).
    pub cancel_allowance: u64,
}

/// Consensus parameters of the state database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageTerms {
    /// Layout of the database: 1 = SHA-256 keys and hasher, MMR, ordered variable-length values, 32-byte chunks.
    pub layout: u32,
}

impl Genesis {
    /// The name of this genesis: SHA-256 of its canonical encoding, whatever the file's spacing was.
    pub fn hash(&self) -> GenesisHash {
        GenesisHash(sha256(&[&codec::encode(self)]))
    }

    /// Checks every rule that the engine relies on later.
    pub fn check(&self) -> Result<(), GenesisError> {
        check::check(self)
    }
}
