//! What became of an included action. Every included action has exactly one receipt.

use crate::{
    address::{AccountId, SignerId},
    codec,
    hash::ActionId,
    ids::{BlockQuoteId, BlockRequestId, ClientOrderId, ComboId, Nonce, OrderId, TwapId},
    multi_leg::ComboOrderEnd,
    numbers::{Size, Usd},
    quote::QuoteResult,
    rejection::Rejection,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What became of one included action.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// The action's name.
    pub action: ActionId,
    /// Who signed.
    pub signer: SignerId,
    /// For whom.
    pub account: AccountId,
    /// With which nonce.
    pub nonce: Nonce,
    /// The result.
    pub outcome: Outcome,
}

/// The result of an action.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// It had no effect but on nonce and budget.
    Rejected {
        /// Why.
        rejection: Rejection,
    } = 0,
    /// Done as asked.
    Done = 1,
    /// One result per order or modify, in order.
    Orders {
        /// The results.
        results: Vec<OrderResult>,
    } = 2,
    /// One result per cancel, in order.
    Cancels {
        /// The results.
        results: Vec<CancelResult>,
    } = 3,
    /// A TWAP runs.
    Twap {
        /// Its number.
        twap: TwapId,
    } = 10,
    /// One result per quote, in order.
    Quotes {
        /// The results.
        results: Vec<QuoteResult>,
    } = 11,
    /// Done, and there is an account now that the engine named.
    AccountCreated {
        /// Its address.
        account: AccountId,
    } = 40,
    /// A request for a block trade is open.
    BlockRequested {
        /// Its number.
        request: BlockRequestId,
    } = 70,
    /// A quote for a block trade is open.
    BlockQuoted {
        /// Its number.
        quote: BlockQuoteId,
    } = 71,
    /// There is a combo of these legs, now or from before.
    Combo {
        /// Its number.
        combo: ComboId,
        /// Whether buying what was asked for is selling the combo.
        is_mirrored: bool,
    } = 72,
    /// A combo order was accepted. What it did at once, and whether it rests now.
    ComboOrder {
        /// Its number.
        order: OrderId,
        /// Units filled at once.
        filled: Size,
        /// What these cost in all (a sale: brought), before fees; may be negative.
        filled_quote_usd: Usd,
        /// Units that rest; zero if none.
        resting: Size,
        /// Why a remainder neither filled nor rests.
        remainder_canceled: Option<ComboOrderEnd>,
    } = 73,
}

/// What became of one order of a batch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum OrderResult {
    /// No effect.
    Rejected {
        /// Why.
        rejection: Rejection,
    } = 0,
    /// Accepted. What it did at once, and whether it rests now.
    Accepted {
        /// The engine's number.
        order: OrderId,
        /// The client's own name for it.
        client_order_id: Option<ClientOrderId>,
        /// Lots filled at once.
        filled: Size,
        /// Sum of price × size of these fills.
        filled_quote_usd: Usd,
        /// Lots that rest in the book; zero if none.
        resting: Size,
        /// Why a remainder neither filled nor rests.
        remainder_canceled: Option<crate::event::CancelReason>,
    } = 1,
    /// A trigger waits.
    Waiting {
        /// The engine's number, which the order it becomes keeps.
        order: OrderId,
        /// The client's own name for it.
        client_order_id: Option<ClientOrderId>,
        /// Whether it waits for the mark alone; if not, it waits for a fill of its parent first.
        armed: bool,
    } = 2,
}

/// What became of one cancel of a batch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum CancelResult {
    /// No effect.
    Rejected {
        /// Why.
        rejection: Rejection,
    } = 0,
    /// Cancelled.
    Canceled {
        /// The engine's number.
        order: OrderId,
    } = 1,
}

impl Receipt {
    /// The canonical bytes: the leaf of the receipts tree.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
}
