//! Trades of several markets at once: block trades by request for quote, and combos.
//!
//! A **structure** is a list of legs; one unit of it is `ratio` lots of each. Its **net price** is what buying
//! `10^size_decimals` units costs, `size_decimals` being the largest of its legs': for legs with equal lots that is the
//! signed sum of `ratio × price`. The rules are in `docs/rules/block-trades.md` and `docs/rules/combos.md`.

use crate::{
    address::AccountId,
    ids::{BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId, TradeId, UniverseId},
    numbers::{Price, Size, Usd},
    order::Side,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A part of a structure.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The market.
    pub market: MarketId,
    /// What buying the structure does here.
    pub side: Side,
    /// Lots in one unit; see [`crate::limits::LEG_RATIO`].
    pub ratio: u32,
}

/// A block trade as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockTerms {
    /// See [`crate::limits::BLOCK_LEGS`].
    pub legs: Vec<Leg>,
    /// What is wanted; none keeps it open, so that makers quote both sides.
    #[serde(default)]
    pub side: Option<Side>,
    /// Units; at least one.
    pub lots: Size,
    /// Who may quote, at most [`crate::limits::BLOCK_MAKERS_MAX`]; none: anyone.
    #[serde(default)]
    pub makers: Vec<AccountId>,
    /// When it ends; see [`crate::limits::BLOCK_REQUEST_MS_MAX`].
    pub expires_at_ms: TimeMs,
}

/// An open request for a block trade.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockRequest {
    /// Its number, and that of the block trade.
    pub id: BlockRequestId,
    /// Who asks.
    pub account: AccountId,
    /// For what.
    pub terms: BlockTerms,
    /// Block time of its making.
    pub placed_at_ms: TimeMs,
}

/// What a block trades at.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum BlockPrice {
    /// A net price, split onto the legs by their marks when it trades.
    Net {
        /// May be negative or zero.
        price: Price,
    } = 0,
    /// A price for each leg, in the request's order.
    Legs {
        /// As many as there are legs.
        prices: Vec<Price>,
    } = 1,
}

/// A quote for a block trade as a maker gives it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockQuoteTerms {
    /// For which request.
    pub request: BlockRequestId,
    /// What the maker does.
    pub side: Side,
    /// At which price.
    pub price: BlockPrice,
    /// Units, at most those of the request; traded whole or not at all.
    pub lots: Size,
    /// When it ends, unless its request does before.
    pub expires_at_ms: TimeMs,
}

/// An open quote for a block trade.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockQuote {
    /// Its number.
    pub id: BlockQuoteId,
    /// Who quotes.
    pub account: AccountId,
    /// What.
    pub terms: BlockQuoteTerms,
    /// Block time of its making.
    pub placed_at_ms: TimeMs,
}

/// Why a block request or quote is open no longer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum BlockEnd {
    /// It traded.
    Traded = 0,
    /// Its time is over.
    Expired = 1,
    /// Its owner canceled it.
    Requested = 2,
    /// Its owner's dead man's switch fired.
    Scheduled = 3,
    /// A newer quote took its place.
    Replaced = 4,
    /// The request that the quote was for ended.
    RequestEnded = 5,
}

/// A block that traded.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockTrade {
    /// The request, whose number names the block.
    pub request: BlockRequestId,
    /// The quote that was accepted.
    pub quote: BlockQuoteId,
    /// What the request's owner, the taker, did.
    pub taker_side: Side,
    /// Who asked.
    pub taker: AccountId,
    /// Who quoted.
    pub maker: AccountId,
    /// Units.
    pub lots: Size,
    /// What the buyer pays for all, before fees; may be negative.
    pub quote_usd: Usd,
    /// The trade of the first leg; those of the others follow it.
    pub first_trade: TradeId,
    /// How many.
    pub trades: u32,
}

/// A registered structure with books of its own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Combo {
    /// Its number.
    pub id: ComboId,
    /// The universe of all its legs.
    pub universe: UniverseId,
    /// By market, ratios without a common divisor, the first bought.
    pub legs: Vec<Leg>,
    /// Net prices are multiples of this.
    pub tick: Price,
    /// Net prices are for 10^size_decimals units.
    pub size_decimals: u8,
}

/// How long a combo order works.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ComboTimeInForce {
    /// Matches what it can, then rests.
    Gtc = 0,
    /// Matches what it can, the remainder is canceled.
    Ioc = 1,
    /// Filled whole at once, or nothing happens at all.
    Fok = 2,
}

/// An order for units of a combo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ComboOrder {
    /// Its number, and its place in the queue at its price: smaller is earlier.
    pub id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Of which combo.
    pub combo: ComboId,
    /// Buy or sell.
    pub side: Side,
    /// Its limit, a net price.
    pub price: Price,
    /// Units still to fill.
    pub remaining: Size,
    /// Units first asked for.
    pub original: Size,
    /// Block time of acceptance.
    pub placed_at_ms: TimeMs,
}

/// Why a combo order is open no longer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ComboOrderEnd {
    /// It was filled whole.
    Filled = 0,
    /// Its owner canceled it.
    Requested = 1,
    /// An IOC's remainder.
    ImmediateOrCancel = 2,
    /// It met an order of its own account group.
    SelfTrade = 3,
    /// Its owner could not afford the fill.
    Margin = 4,
    /// A cap of a leg was met: open interest, or its owner's position.
    Cap = 5,
    /// Its match took too many steps.
    StepLimit = 6,
    /// A leg would have traded too far from its mark.
    OutsideBand = 7,
    /// Its owner's dead man's switch fired.
    Scheduled = 8,
    /// A leg of the combo is over.
    Delisted = 9,
    /// Its owner is a vault that may only reduce.
    MustReduce = 10,
}

/// One side of a combo trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ComboSide {
    /// Whose order.
    pub account: AccountId,
    /// Which order.
    pub order: OrderId,
}

/// Units of a combo that traded.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ComboTrade {
    /// Of which combo.
    pub combo: ComboId,
    /// What the incoming order did.
    pub taker_side: Side,
    /// The incoming order.
    pub taker: ComboSide,
    /// The resting order; none if the legs' books were met.
    pub maker: Option<ComboSide>,
    /// Units.
    pub lots: Size,
    /// What the buyer paid for all, before fees; may be negative.
    pub quote_usd: Usd,
    /// The first of the trades that it is made of; the others follow it.
    pub first_trade: TradeId,
    /// How many.
    pub trades: u32,
}

/// Why legs do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum LegsFault {
    /// Too few or too many.
    #[error("{found} legs, allowed are {minimum} to {maximum}")]
    Count {
        /// Legs given.
        found: u32,
        /// The least.
        minimum: u32,
        /// The most.
        maximum: u32,
    } = 0,
    /// Two legs in one market.
    #[error("market {market} is in two legs")]
    Repeated {
        /// Which.
        market: MarketId,
    } = 1,
    /// A leg of another universe than the first.
    #[error("market {market} is in another universe than the first leg")]
    OtherUniverse {
        /// Which.
        market: MarketId,
    } = 2,
    /// A market without positions.
    #[error("market {market} has no positions and cannot be a leg")]
    NoDerivative {
        /// Which.
        market: MarketId,
    } = 3,
    /// Another number of prices than of legs.
    #[error("{found} prices for {legs} legs")]
    Prices {
        /// Prices given.
        found: u32,
        /// Legs of the request.
        legs: u32,
    } = 4,
}

/// What keeps the maker of a quote from trading it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MakerFault {
    /// It cannot afford it.
    #[error("not enough margin")]
    Margin = 0,
    /// Its position would exceed a cap.
    #[error("a position would exceed its cap")]
    PositionCap = 1,
    /// It is a vault that may only reduce.
    #[error("a vault that may only reduce")]
    MustReduce = 2,
}
