//! The methods: names and parameters, strict on both sides.

use crate::{
    proof::ProofRequest,
    what_if::{PortfolioQuestion, PriceQuestion, WhatIf},
};
use palisade_types::{
    address::{AccountId, SignerId},
    hash::ActionId,
    ids::{ComboId, Height, MarketId, OrderId, UniverseId},
    order::OrderReference,
};
use serde::{Deserialize, Serialize};

/// The node's state of health.
pub const STATUS: &str = "palisade_status";
/// The genesis it runs.
pub const GENESIS: &str = "palisade_genesis";
/// A finalized block with receipts and events.
pub const BLOCK: &str = "palisade_block";
/// The signed actions of a finalized block.
pub const BLOCK_ACTIONS: &str = "palisade_blockActions";
/// Hands in a signed action.
pub const SUBMIT: &str = "palisade_submit";
/// Hands in a seat's oracle vote.
pub const SUBMIT_ORACLE_VOTE: &str = "palisade_submitOracleVote";
/// The receipt of an action.
pub const RECEIPT: &str = "palisade_receipt";
/// All assets.
pub const ASSETS: &str = "palisade_assets";
/// All markets.
pub const MARKETS: &str = "palisade_markets";
/// One book.
pub const BOOK: &str = "palisade_book";
/// One account.
pub const ACCOUNT: &str = "palisade_account";
/// An account's open orders.
pub const OPEN_ORDERS: &str = "palisade_openOrders";
/// One open order of an account.
pub const OPEN_ORDER: &str = "palisade_openOrder";
/// One open order by number alone.
pub const OPEN_ORDER_BY_ID: &str = "palisade_openOrderById";
/// Who a key acts for.
pub const SIGNER_ROLE: &str = "palisade_signerRole";
/// What an account of numbers would need.
pub const MARGIN: &str = "palisade_margin";
/// An account as a question for [`MARGIN`].
pub const MARGIN_QUESTION: &str = "palisade_marginQuestion";
/// What options are worth.
pub const PRICE: &str = "palisade_price";
/// What a portfolio could lose and needs.
pub const PORTFOLIO_MARGIN: &str = "palisade_portfolioMargin";
/// All synthetics.
pub const SYNTHETICS: &str = "palisade_synthetics";
/// What an account owes of synthetics.
pub const DEBTS: &str = "palisade_debts";
/// Combos in order of number.
pub const COMBOS: &str = "palisade_combos";
/// One combo's book.
pub const COMBO_BOOK: &str = "palisade_comboBook";
/// Open requests for block trades of an account.
pub const BLOCK_REQUESTS: &str = "palisade_blockRequests";
/// One liquidity pool.
pub const POOL: &str = "palisade_pool";
/// A proof under a finality certificate.
pub const PROVE: &str = "palisade_prove";

/// No parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Of [`BLOCK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockParams {
    /// Which.
    pub height: Height,
    /// How long to wait for it.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Of [`BLOCK_ACTIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockActionsParams {
    /// Which.
    pub height: Height,
}

/// Of [`SUBMIT_ORACLE_VOTE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OracleVoteParams {
    /// The canonical bytes of the signed vote.
    pub vote: String,
}

/// Of [`RECEIPT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptParams {
    /// Whose.
    pub action: ActionId,
    /// How long to wait for it.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Of [`BOOK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookParams {
    /// Whose.
    pub market: MarketId,
    /// Most levels a side.
    #[serde(default = "default_depth")]
    pub depth: u32,
}

const fn default_depth() -> u32 {
    20
}

/// Of [`ACCOUNT`], [`OPEN_ORDERS`], [`DEBTS`] and [`BLOCK_REQUESTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountParams {
    /// Which.
    pub account: AccountId,
}

/// Of [`OPEN_ORDER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenOrderParams {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub order: OrderReference,
}

/// Of [`OPEN_ORDER_BY_ID`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderIdParams {
    /// Which.
    pub order: OrderId,
}

/// Of [`SIGNER_ROLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerParams {
    /// Which.
    pub signer: SignerId,
}

/// Of [`MARGIN`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginParams {
    /// What is asked.
    pub question: WhatIf,
}

/// Of [`MARGIN_QUESTION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginQuestionParams {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub universe: UniverseId,
}

/// Of [`PRICE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceParams {
    /// What is asked.
    pub questions: Vec<PriceQuestion>,
}

/// Of [`PORTFOLIO_MARGIN`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioMarginParams {
    /// What is asked.
    pub question: PortfolioQuestion,
}

/// Of [`COMBOS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombosParams {
    /// The first that may be meant.
    #[serde(default = "first_combo")]
    pub from: ComboId,
    /// Most combos.
    #[serde(default = "default_combos")]
    pub limit: u32,
}

const fn first_combo() -> ComboId {
    ComboId::new(0)
}

const fn default_combos() -> u32 {
    100
}

/// Of [`COMBO_BOOK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComboBookParams {
    /// Whose.
    pub combo: ComboId,
    /// Most levels a side.
    #[serde(default = "default_depth")]
    pub depth: u32,
}

/// Of [`POOL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolParams {
    /// Of which market.
    pub market: MarketId,
}

/// Of [`PROVE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveParams {
    /// What.
    pub request: ProofRequest,
}

/// The answer to a call that has nothing to say but that it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Always true: a refusal is an error.
    pub accepted: bool,
}
