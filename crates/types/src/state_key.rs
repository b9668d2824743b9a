//! Where a record lies in the state database, and how the records that outsiders prove are laid out.
//!
//! Rules:
//! - **A key is SHA-256(table tag ‖ canonical id)**, so keys are spread evenly whatever the ids are.
//! - **A value is version ‖ table tag ‖ id ‖ record.** A scan of the
//!   database therefore tells what each value is, and whoever verifies a proof sees that the value belongs
//!   to the id that was asked for and not merely to some key.
//! - **Tags are consensus:** a table keeps its number for ever, and a number is never reused.
//!
//! Balances and orders are defined here and not in the engine, because the light client decodes them.

use crate::{
    address::AccountId,
    codec::{self, DecodeError},
    hash::sha256,
    ids::{AssetId, OrderId, UniverseId},
    numbers::{Amount, Usd},
    order::OpenOrder,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Largest encoded record: a full nonce set with room to spare.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;

crate::hash::hex_bytes!(
    /// The key of a record in the state database.
    StateKey,
    32
);

/// The tables of the state.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Table {
    /// The chain's own standing; its only id is `()`.
    Chain = 1,
    /// Assets.
    Asset = 2,
    /// Universes.
    Universe = 3,
    /// Markets' terms.
    Market = 4,
    /// What a market did last.
    MarketState = 5,
    /// Index prices.
    Index = 6,
    /// Marks of perpetual markets.
    Mark = 7,
    /// Accounts that ever held anything.
    Account = 8,
    /// Agents, past ones included.
    Agent = 9,
    /// Nonces that signers have used.
    Nonces = 10,
    /// Who holds what; never zero.
    Balance = 11,
    /// What was paid in and not out; never zero.
    Custody = 12,
    /// Positions; never of zero size.
    Position = 13,
    /// Leverage and margin mode that an account chose.
    MarginSetting = 14,
    /// Open orders.
    Order = 15,
    /// When an account last drew from the faucet.
    FaucetClaim = 16,
    /// Margin units that are not healthy.
    MarginCall = 40,
    /// What the insurance fund has paid for a market.
    FundClaim = 41,
    /// Profit that clearing has paid and not received yet.
    Unreceived = 42,
    /// Funding of perpetuals.
    Funding = 20,
    /// Triggers that wait.
    Trigger = 24,
    /// TWAPs that run.
    Twap = 25,
    /// Market-maker protection.
    Protection = 26,
    /// Which orders are quotes.
    Quote = 27,
    /// Sub-accounts.
    SubAccount = 30,
    /// Users' vaults.
    Vault = 31,
    /// Who holds how many shares of a vault; never nothing.
    VaultShare = 32,
    /// Withdrawals that wait for a vault's cash.
    VaultWithdrawal = 33,
    /// Tranches of backstop vaults.
    Backstop = 34,
    /// Who holds how many shares of a backstop vault; never nothing.
    BackstopShare = 35,
    /// Universes that somebody opened.
    Listing = 36,
    /// How far the settlement of a future is.
    Settlement = 21,
    /// When a series of futures lists next.
    FutureSeries = 22,
    /// Expiries of options: forward, surface, settlement.
    OptionExpiry = 60,
    /// When a series of options lists next.
    OptionSeries = 61,
    /// Who margins options together with what they are on, and since when.
    PortfolioMode = 62,
    /// Synthetic assets.
    Synthetic = 55,
    /// Debt positions; never of nothing.
    Debt = 56,
    /// Liquidity pools of spot markets.
    LiquidityPool = 50,
    /// Who holds how many shares of a liquidity pool; never nothing.
    PoolShare = 51,
    /// Requests for block trades.
    BlockRequest = 70,
    /// Quotes for block trades.
    BlockQuote = 71,
    /// Combos.
    Combo = 72,
    /// Open orders for combos.
    ComboOrder = 73,
}

/// Names a balance. Its record is an [`Amount`]: all that is held, locked by orders or not; never zero.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct BalanceId {
    /// Who; first, so that an account's balances lie together.
    pub account: AccountId,
    /// In which universe.
    pub universe: UniverseId,
    /// Of what.
    pub asset: AssetId,
}

/// An open order with what it reserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OrderRecord {
    /// The order.
    pub order: OpenOrder,
    /// `price × remaining`, exact.
    pub notional_usd: Usd,
    /// What it locks of its owner's balance; spot orders only.
    pub hold: Option<Hold>,
}

/// A lock on a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Hold {
    /// In which universe.
    pub universe: UniverseId,
    /// Of what.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
}

/// Bytes that are not a record of the wanted table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the canonical encoding of any record of that shape.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    /// A record of another table.
    #[error("a record of table {found:?}, expected one of table {expected:?}")]
    WrongTable {
        /// The table that was asked for.
        expected: Table,
        /// The table that the record names.
        found: Table,
    },
}

impl Table {
    /// The number that keys and values of the table begin with.
    pub const fn tag(self) -> u8 {
        self as u8
    }
}

/// The key of the record of `table` whose canonical (borsh) id is `id_bytes`.
pub fn database_key(table: Table, id_bytes: &[u8]) -> StateKey {
    StateKey(sha256(&[&[table.tag()], id_bytes]))
}

/// The key of the record of `table` named by `id`.
///
/// # Panics
/// Never: writing an id to memory does not fail.
pub fn key_of<I: BorshSerialize>(table: Table, id: &I) -> StateKey {
    database_key(table, &borsh::to_vec(id).expect("an id encodes into memory"))
}

/// The key of a balance.
pub fn balance_key(id: &BalanceId) -> StateKey {
    key_of(Table::Balance, id)
}

/// The key of an open order.
pub fn order_key(id: OrderId) -> StateKey {
    key_of(Table::Order, &id)
}

/// The value of a record: version ‖ table tag ‖ id ‖ record.
pub fn encode_record<I: BorshSerialize, R: BorshSerialize>(table: Table, id: &I, record: &R) -> Vec<u8> {
    codec::encode(&(table, id, record))
}

/// Decodes a value that must be a record of `table`.
pub fn decode_record<I: BorshDeserialize, R: BorshDeserialize>(
    table: Table,
    bytes: &[u8],
) -> Result<(I, R), RecordError> {
    if bytes.len() > RECORD_BYTES_MAX {
        let (found_bytes, limit_bytes) = (bytes.len(), RECORD_BYTES_MAX);
        return Err(DecodeError::TooLarge { found_bytes, limit_bytes }.into());
    }
    // The table is looked at first, so that a record of another shape is named and not just malformed.
    let found: Table = codec::decode(bytes.get(..2).unwrap_or(bytes), RECORD_BYTES_MAX)?;
    if found != table {
        return Err(RecordError::WrongTable { expected: table, found });
    }
    let (_, id, record): (Table, I, R) = codec::decode(bytes, RECORD_BYTES_MAX)?;
    Ok((id, record))
}

/// The value of a balance.
pub fn encode_balance(id: &BalanceId, total: Amount) -> Vec<u8> {
    encode_record(Table::Balance, id, &total)
}

/// The value of an open order.
pub fn encode_order(record: &OrderRecord) -> Vec<u8> {
    encode_record(Table::Order, &record.order.id, record)
}

#[cfg(test)]
mod tests;
