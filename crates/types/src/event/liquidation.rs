//! Margin calls and positions closed by force, as events tell of them.

use crate::{
    address::AccountId,
    ids::{MarketId, UniverseId},
    numbers::{Position, Price, Size, Usd},
    order::Side,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// How far an account is from liquidation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MarginLevel {
    /// At least 1.25 times its maintenance requirement.
    Healthy = 0,
    /// Below 1.25 times.
    Warned = 1,
    /// Below 1.1 times.
    Called = 2,
    /// Below the requirement: it is being liquidated.
    Liquidatable = 3,
}

/// Who took over the part of a position that was closed by force.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LiquidationMethod {
    /// Orders in the book.
    Book = 0,
    /// The backstop vault.
    Backstop = 1,
    /// Winning positions of the other side.
    Deleverage = 2,
    /// Orders in the book of a perpetual, against what the delta of a portfolio would lose; nothing is closed by it.
    Hedge = 3,
}

/// Who pays for what an account cannot.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Payer {
    /// The universe's insurance fund.
    Insurance = 0,
    /// The fees that the universe has earned.
    Fees = 1,
}

/// A part of a position that was closed by force.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Liquidation {
    /// Whose.
    pub account: AccountId,
    /// In which universe.
    pub universe: UniverseId,
    /// In which market.
    pub market: MarketId,
    /// Whether the position had its own collateral.
    pub is_isolated: bool,
    /// Who took it over.
    pub method: LiquidationMethod,
    /// Which way the closing trades.
    pub side: Side,
    /// Lots closed.
    pub size: Size,
    /// What was paid for them.
    pub quote_usd: Usd,
    /// What went to the insurance fund.
    pub fee_usd: Usd,
    /// Profit realised before fees.
    pub closed_pnl_usd: Usd,
    /// The mark at the time.
    pub mark: Price,
    /// Position before.
    pub start_position: Position,
}
