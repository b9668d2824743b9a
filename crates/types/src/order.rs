//! What an order asks for.

use crate::{
    address::AccountId,
    ids::{ClientOrderId, MarketId, OrderId},
    numbers::{Price, Size},
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Which way an order trades.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Side {
    /// Takes base, gives quote.
    Buy = 0,
    /// Gives base, takes quote.
    Sell = 1,
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How long an order works and what it may do on arrival.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum TimeInForce {
    /// Good till cancelled: matches what it can, then rests.
    Gtc = 0,
    /// Immediate or cancel: matches what it can, the remainder is cancelled.
    Ioc = 1,
    /// Add liquidity only (post-only): rejected if it would match anything.
    Alo = 2,
    /// Fill or kill: filled whole at once, or nothing happens at all.
    Fok = 3,
    /// Good till time: GTC that the engine cancels once block time reaches `expires_at_ms`.
    Gtt {
        /// When the engine cancels it.
        expires_at_ms: TimeMs,
    } = 4,
}

/// A limit order as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// The market.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// The worst price accepted; a positive multiple of the market's tick.
    pub price: Price,
    /// Lots wanted; at least one.
    pub size: Size,
    /// How long it works.
    pub time_in_force: TimeInForce,
    /// Fill at most what closes the position.
    #[serde(default)]
    pub reduce_only: bool,
    /// The client's own name for it.
    #[serde(default)]
    pub client_order_id: Option<ClientOrderId>,
}

/// An open order as the client names it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum OrderReference {
    /// By the engine's number.
    Id(OrderId) = 0,
    /// By the client's own name.
    Client(ClientOrderId) = 1,
}

/// An order that rests in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The engine's number.
    pub id: OrderId,
    /// Who owns it.
    pub account: AccountId,
    /// Where it rests.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// Lots still to fill; at least one.
    pub remaining: Size,
    /// Lots first asked for.
    pub original: Size,
    /// Fill at most what closes the position.
    pub reduce_only: bool,
    /// How long it works; never IOC or FOK, which do not rest.
    pub time_in_force: TimeInForce,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// Its place in the queue at its price: smaller is earlier. Equal to `id` but for orders that a
    /// modify moved to the end of the queue under the same number.
    pub priority: u64,
    /// Block time of acceptance.
    pub placed_at_ms: TimeMs,
}
