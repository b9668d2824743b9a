//! Orders that wait for a price: stop-loss and take-profit.
//!
//! The rules are in `docs/rules/orders.md`.

use crate::{
    address::AccountId,
    hash::ActionId,
    ids::{ClientOrderId, MarketId, OrderId},
    numbers::{Price, Size},
    order::Side,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a trigger is for: with its side it says which move of the mark it waits for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TriggerPurpose {
    /// Trades once the mark has moved in favour of what it closes.
    TakeProfit = 0,
    /// Trades once the mark has moved against what it closes.
    StopLoss = 1,
}

/// Which move of the mark a trigger waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerDirection {
    /// It fires once the mark is at the trigger price or above.
    Rising,
    /// It fires once the mark is at the trigger price or below.
    Falling,
}

/// How the triggers of an action belong together.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TriggerGrouping {
    /// Each stands alone, and succeeds or fails alone.
    Single = 0,
    /// A take-profit and a stop-loss: when one fires, the other is cancelled.
    OneCancelsOther = 1,
    /// Children of the action's order: they wait for its fills and work on what was filled.
    Attached = 2,
    /// They close the position, whatever its size is when they fire.
    Position = 3,
}

/// A trigger as a client asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerRequest {
    /// The market; one with a mark.
    pub market: MarketId,
    /// What the order does once it fires.
    pub side: Side,
    /// Lots; zero only for [`TriggerGrouping::Position`], where it means all of them.
    pub size: Size,
    /// The mark it waits for; a positive multiple of the tick.
    pub trigger_price: Price,
    /// Take-profit or stop-loss.
    pub purpose: TriggerPurpose,
    /// The limit of the order it becomes, which then rests; none for an order at market.
    #[serde(default)]
    pub limit: Option<Price>,
    /// Fill at most what closes the position.
    #[serde(default)]
    pub reduce_only: bool,
    /// The client's own name for it, which the order it becomes keeps.
    #[serde(default)]
    pub client_order_id: Option<ClientOrderId>,
}

/// What a trigger hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum TriggerLink {
    /// Nothing.
    Alone = 0,
    /// The other of a pair, which may be gone.
    Sibling {
        /// Its number.
        sibling: OrderId,
    } = 1,
    /// An order.
    Parent {
        /// Its number.
        parent: OrderId,
        /// The other child, if there were two; it may be gone.
        sibling: Option<OrderId>,
        /// Lots of the parent filled so far; none yet: the trigger cannot fire.
        filled: Size,
        /// Whether the parent may still be filled.
        parent_open: bool,
    } = 2,
    /// The account's position in the market.
    Position = 3,
}

/// A trigger that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TriggerOrder {
    /// The engine's number, which the order it becomes keeps.
    pub id: OrderId,
    /// Who owns it.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// What the order does once it fires.
    pub side: Side,
    /// Lots asked for; zero for all of the position.
    pub size: Size,
    /// The mark it waits for.
    pub trigger_price: Price,
    /// Take-profit or stop-loss.
    pub purpose: TriggerPurpose,
    /// The limit of the order it becomes; none for one at market.
    pub limit: Option<Price>,
    /// Fill at most what closes the position.
    pub reduce_only: bool,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// What it hangs on.
    pub link: TriggerLink,
    /// The action that placed it.
    pub action: ActionId,
    /// Block time of its placing.
    pub placed_at_ms: TimeMs,
}

/// Which move of the mark an order of that side and purpose waits for.
pub const fn trigger_direction(side: Side, purpose: TriggerPurpose) -> TriggerDirection {
    match (side, purpose) {
        (Side::Sell, TriggerPurpose::TakeProfit) | (Side::Buy, TriggerPurpose::StopLoss) => TriggerDirection::Rising,
        (Side::Sell, TriggerPurpose::StopLoss) | (Side::Buy, TriggerPurpose::TakeProfit) => TriggerDirection::Falling,
    }
}

impl TriggerDirection {
    /// Whether a mark has made the move to `trigger_price`.
    pub fn is_crossed(self, trigger_price: Price, mark: Price) -> bool {
        match self {
            Self::Rising => mark >= trigger_price,
            Self::Falling => mark <= trigger_price,
        }
    }
}

impl TriggerRequest {
    /// Which move of the mark it waits for.
    pub const fn direction(&self) -> TriggerDirection {
        trigger_direction(self.side, self.purpose)
    }
}

impl TriggerOrder {
    /// Which move of the mark it waits for.
    pub const fn direction(&self) -> TriggerDirection {
        trigger_direction(self.side, self.purpose)
    }

    /// Whether it may fire: a child of an order waits for a fill of it first.
    pub const fn is_armed(&self) -> bool {
        match self.link {
            TriggerLink::Parent { filled, .. } => !filled.is_zero(),
            TriggerLink::Alone | TriggerLink::Sibling { .. } | TriggerLink::Position => true,
        }
    }

    /// The trigger that is cancelled when this one fires, unless it is gone.
    pub const fn sibling(&self) -> Option<OrderId> {
        match self.link {
            TriggerLink::Sibling { sibling } => Some(sibling),
            TriggerLink::Parent { sibling, .. } => sibling,
            TriggerLink::Alone | TriggerLink::Position => None,
        }
    }

    /// The order it hangs on.
    pub const fn parent(&self) -> Option<OrderId> {
        match self.link {
            TriggerLink::Parent { parent, .. } => Some(parent),
            TriggerLink::Alone | TriggerLink::Sibling { .. } | TriggerLink::Position => None,
        }
    }
}
