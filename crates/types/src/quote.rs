//! What market makers send: quotes, and the bounds at which they are withdrawn.
//!
//! The rules are in `docs/rules/orders.md`.

use crate::{
    ids::{MarketId, OrderId},
    numbers::{Price, Size},
    rejection::Rejection,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A price and a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// A positive multiple of the tick.
    pub price: Price,
    /// Lots; at least one.
    pub size: Size,
}

/// An account's bid and ask in a market; a side that is none is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Where.
    pub market: MarketId,
    /// What it buys.
    #[serde(default)]
    pub bid: Option<Level>,
    /// What it sells.
    #[serde(default)]
    pub ask: Option<Level>,
}

/// Lots traded as maker within a window beyond which an account's quotes in a market are withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectionTerms {
    /// The window's length.
    pub window_ms: u64,
    /// For how long new quotes are refused then; zero: until a reset.
    pub frozen_ms: u64,
    /// Most lots, both sides added up.
    pub size_limit: Size,
    /// Most lots by which one side may exceed the other.
    #[serde(default)]
    pub delta_limit: Option<Size>,
}

/// What became of a quote.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct QuoteResult {
    /// Of its bid.
    pub bid: QuoteSideResult,
    /// Of its ask.
    pub ask: QuoteSideResult,
}

/// What became of one side of a quote.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum QuoteSideResult {
    /// Nothing was asked for, and nothing was there.
    Nothing = 0,
    /// The former quote was cancelled, and none was asked for.
    Canceled {
        /// The former quote's number.
        order: OrderId,
    } = 1,
    /// It rests.
    Resting {
        /// Its number.
        order: OrderId,
    } = 2,
    /// It was refused; a former quote is gone all the same.
    Rejected {
        /// Why.
        rejection: Rejection,
    } = 3,
}

impl QuoteResult {
    /// Why its sides were refused, if they were.
    pub fn rejections(&self) -> impl Iterator<Item = &Rejection> {
        [&self.bid, &self.ask].into_iter().filter_map(|side| match side {
            QuoteSideResult::Rejected { rejection } => Some(rejection),
            QuoteSideResult::Nothing | QuoteSideResult::Canceled { .. } | QuoteSideResult::Resting { .. } => None,
        })
    }
}
