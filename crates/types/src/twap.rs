//! An order that is worked in slices over time.
//!
//! The rules are in `docs/rules/orders.md`.

use crate::{
    address::AccountId,
    hash::ActionId,
    ids::{MarketId, TwapId},
    numbers::{Size, Usd},
    order::Side,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A TWAP as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwapRequest {
    /// The market; one with a mark.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Lots in all.
    pub size: Size,
    /// How long it runs.
    pub duration_minutes: u32,
    /// Whether the sizes of slices vary.
    #[serde(default)]
    pub randomize: bool,
    /// Fill at most what closes the position.
    #[serde(default)]
    pub reduce_only: bool,
}

/// A TWAP that runs, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Twap {
    /// Its number.
    pub id: TwapId,
    /// Whose.
    pub account: AccountId,
    /// What was asked.
    pub request: TwapRequest,
    /// The action that placed it.
    pub action: ActionId,
    /// Block time of its placing: its first slice is due from then on.
    pub started_at_ms: TimeMs,
    /// Lots filled so far.
    pub filled: Size,
    /// Sum of `price × lots` of these.
    pub filled_quote_usd: Usd,
}

/// Why a TWAP ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TwapEnd {
    /// All lots were filled.
    Filled = 0,
    /// Its time is over.
    TimeOver = 1,
    /// Its owner asked for it.
    Requested = 2,
    /// The dead man's switch fired.
    Scheduled = 3,
    /// Its market closed.
    MarketClosed = 4,
}
