//! What a node answers, in process or over JSON-RPC.
//!
//! Every answer comes from finalized blocks only and says at which height it holds. The trait is object safe, so a
//! gateway holds an `Arc<dyn NodeApi>` and does not know whether the node is in its own process.

use crate::{
    proof::{ProofBundle, ProofRequest},
    what_if::{
        self, MarginQuestion, PortfolioAnswer, PortfolioQuestion, PriceAnswer, PriceQuestion, WhatIf, WhatIfAnswer,
    },
};
use async_trait::async_trait;
use palisade_pricing::{Greeks, Volatility};
use palisade_types::{
    action::MarginMode,
    address::{AccountId, SignerId},
    agent::Agent,
    envelope::SignedAction,
    event::{Event, MarginLevel},
    genesis::Genesis,
    hash::{ActionId, BlockDigest, GenesisHash, Root},
    ids::{AssetId, ComboId, Height, MarketId, OrderId, UniverseId},
    market::{AssetSpec, MarketSpec},
    multi_leg::{BlockQuote, BlockRequest, Combo},
    numbers::{Amount, FundingRate, Position, Price, Shares, Size, Usd},
    oracle::SignedOracleVote,
    order::{OpenOrder, OrderReference},
    pool::PoolFee,
    receipt::Receipt,
    rejection::Inadmissible,
    synthetic::SyntheticSpec,
    time::TimeMs,
    trigger::TriggerOrder,
    twap::Twap,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ApiError {
    /// The request itself is wrong.
    #[error("invalid request: {reason}")]
    InvalidRequest { reason: String },
    /// The action may not be included.
    #[error("{reason}")]
    Inadmissible { reason: Inadmissible },
    /// The mempool is full, or this account's share of it.
    #[error("too many pending actions: {pending} of {limit}; wait for receipts")]
    MempoolFull { pending: u64, limit: u64 },
    /// The history asked for was pruned.
    #[error("height {height} was pruned, the oldest kept is {oldest}")]
    Pruned { height: Height, oldest: Height },
    /// Not known (yet).
    #[error("not found: {what}")]
    NotFound { what: String },
    /// Nothing happened in time.
    #[error("no answer within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
    /// The node is starting, stopping or catching up.
    #[error("node unavailable: {reason}")]
    Unavailable { reason: String },
}

/// A node's state of health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub chain_id: u64,
    pub chain_name: String,
    pub genesis_hash: GenesisHash,
    pub protocol_version: u32,
    /// The newest finalized block.
    pub height: Height,
    pub digest: BlockDigest,
    pub state_root: Root,
    /// When the newest finalized block was made.
    pub time_ms: TimeMs,
    /// What the node takes for the time.
    pub clock_ms: TimeMs,
    /// The oldest height whose receipts and events are kept.
    pub oldest_height: Height,
    pub seat_count: u32,
    /// The seat of this node, if it has one.
    pub seat: Option<u32>,
    /// Whether it votes; a node whose consensus log is gone does not.
    pub voting: bool,
    pub peers_connected: u32,
    /// Actions that wait for a block.
    pub mempool_actions: u64,
    /// How many of them clients of this node have handed in.
    pub mempool_own_actions: u64,
    /// Whether the chain is halted after a violated invariant.
    pub chain_halted: bool,
    pub version: String,
}

/// A finalized block with what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalizedBlock {
    pub digest: BlockDigest,
    pub header: palisade_types::block::Header,
    /// In the order of execution.
    pub receipts: Vec<Receipt>,
    /// In the order of the work.
    pub events: Vec<Event>,
}

/// A receipt and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptInfo {
    pub height: Height,
    pub time_ms: TimeMs,
    /// Its place among the block's receipts.
    pub index: u32,
    pub receipt: Receipt,
}

/// A market with its present prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketInfo {
    pub spec: MarketSpec,
    pub index: Option<Price>,
    pub index_time_ms: Option<TimeMs>,
    pub mark: Option<Price>,
    pub last: Option<Price>,
    pub best_bid: Option<Price>,
    pub best_ask: Option<Price>,
    /// Lots of one side (perpetuals).
    pub open_interest: Size,
    /// Of a perpetual, from its first sample on.
    pub funding: Option<FundingInfo>,
    /// Of an option, from its first mark on.
    pub option: Option<OptionInfo>,
    pub halted: bool,
}

/// What an option's mark is made of, and what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionInfo {
    /// The price for delivery at the expiry.
    pub forward: Price,
    /// What the surface says for the strike.
    pub volatility: Volatility,
    /// Per unit of the underlying.
    pub greeks: Greeks,
}

/// What a perpetual's funding comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingInfo {
    /// What an hour would cost longs (negative: shorts) at the mean premium of the running hour so far.
    pub rate: FundingRate,
    /// The newest sample of the premium.
    pub premium: FundingRate,
    /// What the last full hour cost.
    pub last_rate: FundingRate,
}

/// Orders at one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookLevel {
    pub price: Price,
    pub size: Size,
    pub orders: u32,
}

/// A market's book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    pub market: MarketId,
    pub height: Height,
    pub time_ms: TimeMs,
    /// Best first.
    pub bids: Vec<BookLevel>,
    /// Best first.
    pub asks: Vec<BookLevel>,
}

/// What an account holds of one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceInfo {
    pub universe: UniverseId,
    pub asset: AssetId,
    pub total: Amount,
    /// Locked by open spot orders.
    pub hold: Amount,
}

/// A position in a perpetual or a future at the present mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionInfo {
    pub market: MarketId,
    pub size: Position,
    /// What was paid for it: the sum of its fills' quotes less what was realised; negative for a short.
    pub cost_usd: Usd,
    pub mark: Option<Price>,
    /// `size × mark`, positive.
    pub value_usd: Usd,
    pub unrealised_pnl_usd: Usd,
    pub initial_margin_usd: Usd,
    pub maintenance_margin_usd: Usd,
    /// The mark at which what backs the position meets maintenance margin, others unchanged.
    pub liquidation_price: Option<Price>,
    pub leverage: u32,
    /// Whether the account's collateral backs it, or its own.
    pub margin_mode: MarginMode,
    /// Its own collateral, if it is isolated; else zero.
    pub collateral_usd: Usd,
    /// Funding that it owes (negative: is owed) and will pay when it changes; part of its unrealised loss.
    pub owed_funding_usd: Usd,
}

/// Cross margin of an account in one universe; isolated positions are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginInfo {
    pub universe: UniverseId,
    /// How far it was from liquidation when the engine last looked at it: what the newest margin call said.
    pub level: MarginLevel,
    /// Whether options and what they are on are margined together.
    pub portfolio: bool,
    /// Collateral plus unrealised profit and loss.
    pub equity_usd: Usd,
    /// Of positions and open orders.
    pub initial_margin_usd: Usd,
    /// Of positions.
    pub maintenance_margin_usd: Usd,
    pub withdrawable_usd: Usd,
    pub positions_value_usd: Usd,
}

/// A sub-account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubAccountInfo {
    pub account: AccountId,
    pub name: String,
}

/// A user's vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultInfo {
    pub leader: AccountId,
    pub name: String,
    pub description: String,
    pub created_at_ms: TimeMs,
    /// Whether it takes no deposits any more.
    pub closed: bool,
    /// What all its shares would be redeemed for now.
    pub value_usd: Usd,
    /// Its largest holders, at most 100, the largest first.
    pub holders: Vec<VaultStakeInfo>,
}

/// Shares of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultStakeInfo {
    pub vault: AccountId,
    pub account: AccountId,
    /// What they would be redeemed for now, a leader's part included.
    pub value_usd: Usd,
    /// What they cost.
    pub cost_usd: Usd,
    pub locked_until_ms: TimeMs,
}

/// Shares of a spot market's liquidity pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStakeInfo {
    pub market: MarketId,
    pub shares: Shares,
    /// What they would bring of the base now.
    pub base: Amount,
    /// What they would bring of the quote now.
    pub quote: Amount,
}

/// Everything about an account but its orders that rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    pub account: AccountId,
    pub height: Height,
    pub time_ms: TimeMs,
    /// Whether it ever held anything.
    pub exists: bool,
    pub balances: Vec<BalanceInfo>,
    pub positions: Vec<PositionInfo>,
    pub margins: Vec<MarginInfo>,
    pub agents: Vec<(SignerId, Agent)>,
    pub leverages: Vec<(MarketId, u32)>,
    /// Triggers that wait, in order of number.
    pub triggers: Vec<TriggerOrder>,
    /// TWAPs that run, in order of number.
    pub twaps: Vec<Twap>,
    /// Who acts for it, if it has no key of its own.
    pub controller: Option<AccountId>,
    /// Its sub-accounts, in order of creation.
    pub sub_accounts: Vec<SubAccountInfo>,
    /// What vault it is, if it is one.
    pub vault: Option<VaultInfo>,
    /// Its shares of vaults, in order of the vault's address.
    pub vault_stakes: Vec<VaultStakeInfo>,
    /// Its shares of liquidity pools, in order of market.
    pub pool_stakes: Vec<PoolStakeInfo>,
    pub hyperliquid_compatible: bool,
    pub scheduled_cancel_ms: Option<TimeMs>,
    pub actions_used: u64,
    pub actions_cap: u64,
    pub traded_usd: Usd,
}

/// A synthetic asset and how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticInfo {
    /// Its terms, the ceiling of all debts among them.
    pub spec: SyntheticSpec,
    /// All units that there are.
    pub supply: Amount,
    /// All that is owed.
    pub debt: Amount,
    /// Units that nobody owes.
    pub shortfall: Amount,
    /// The collateral of all debts.
    pub collateral_usd: Usd,
    /// What the insurance fund has paid for it.
    pub fund_claimed_usd: Usd,
    /// Of the asset that it tracks.
    pub index: Option<Price>,
    pub index_time_ms: Option<TimeMs>,
}

/// What an account owes of one synthetic, and what backs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtInfo {
    pub asset: AssetId,
    /// Smallest units owed.
    pub debt: Amount,
    pub collateral_usd: Usd,
    /// What the debt asks for; none before the tracked asset has an index.
    pub needs: Option<DebtNeeds>,
}

/// What a debt is worth and asks for at the tracked index as it is, stale or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtNeeds {
    /// The value of the debt.
    pub value_usd: Usd,
    /// Collateral that minting and taking collateral out must leave, at the higher of index and slow price.
    pub initial_usd: Usd,
    /// Collateral below which the position is liquidated.
    pub maintenance_usd: Usd,
}

/// An account's debts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debts {
    pub account: AccountId,
    pub height: Height,
    pub time_ms: TimeMs,
    /// In order of asset.
    pub debts: Vec<DebtInfo>,
}

/// What the books of a combo's legs offer at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpliedLevel {
    /// The net price, on the combo's tick, at which a limit just takes it.
    pub price: Price,
    /// Units.
    pub size: Size,
    /// What a buyer of these units pays, exactly; negative if it is paid.
    pub quote_usd: Usd,
}

/// A combo with the best of its own book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComboInfo {
    pub combo: Combo,
    /// A net price.
    pub best_bid: Option<Price>,
    /// A net price.
    pub best_ask: Option<Price>,
}

/// Combos in order of number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Combos {
    pub height: Height,
    pub time_ms: TimeMs,
    pub combos: Vec<ComboInfo>,
    /// Where to go on, if there are more.
    pub next: Option<ComboId>,
}

/// A combo's own book, and what the books of its legs offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComboBook {
    pub combo: Combo,
    pub height: Height,
    pub time_ms: TimeMs,
    /// Its own bids at net prices, best first; sizes are units.
    pub bids: Vec<BookLevel>,
    /// Its own asks, best first.
    pub asks: Vec<BookLevel>,
    /// What sellers of units find in the books of the legs; none while the combo cannot trade.
    pub implied_bid: Option<ImpliedLevel>,
    /// What buyers of units find there.
    pub implied_ask: Option<ImpliedLevel>,
}

/// An open request for a block trade with the quotes that are open for it, in order of number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequestInfo {
    pub request: BlockRequest,
    pub quotes: Vec<BlockQuote>,
}

/// Open requests for block trades that concern an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequests {
    pub account: AccountId,
    pub height: Height,
    pub time_ms: TimeMs,
    /// Those that it made, in order of number.
    pub made: Vec<BlockRequestInfo>,
    /// Those that name it as a maker, the newest first, at most 100.
    pub naming: Vec<BlockRequestInfo>,
}

/// A spot market's liquidity pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolInfo {
    pub market: MarketId,
    pub height: Height,
    pub time_ms: TimeMs,
    pub fee: PoolFee,
    pub created_at_ms: TimeMs,
    /// Reserve of the base.
    pub base: Amount,
    /// Reserve of the quote.
    pub quote: Amount,
    /// All shares.
    pub shares: Shares,
    /// Quote over base, without a fee, rounded down.
    pub price: Option<Price>,
    /// What whoever sells one lot gets for it.
    pub bid: Option<Price>,
    /// What whoever buys one lot pays for it.
    pub ask: Option<Price>,
}

/// Who a key acts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum SignerRole {
    /// An account's own key.
    Account { hyperliquid_compatible: bool },
    /// A live agent.
    Agent { agent: Agent },
    /// A former agent.
    Retired,
    /// Neither.
    Unknown,
}

/// What a node does for those who read and trade.
#[async_trait]
pub trait NodeApi: Send + Sync + 'static {
    /// The node's state of health.
    async fn status(&self) -> Result<Status, ApiError>;
    /// The genesis it runs.
    async fn genesis(&self) -> Result<Arc<Genesis>, ApiError>;
    /// The finalized block at `height`; waits up to `wait_ms` for it if it is still to come.
    async fn block(&self, height: Height, wait_ms: u64) -> Result<Arc<FinalizedBlock>, ApiError>;
    /// The encoded actions of the finalized block at `height`.
    async fn block_actions(&self, height: Height) -> Result<Vec<SignedAction>, ApiError>;
    /// Checks and queues an action and gossips it. Acceptance here is no promise; the receipt is.
    async fn submit(&self, action: SignedAction) -> Result<ActionId, ApiError>;
    /// Hands in a seat's oracle vote.
    async fn submit_oracle_vote(&self, vote: SignedOracleVote) -> Result<(), ApiError>;
    /// The receipt of an action; waits up to `wait_ms` for it.
    async fn receipt(&self, action: ActionId, wait_ms: u64) -> Result<ReceiptInfo, ApiError>;
    /// All assets.
    async fn assets(&self) -> Result<Vec<AssetSpec>, ApiError>;
    /// All markets with their prices, as of the newest finalized block; shared by all who ask.
    async fn markets(&self) -> Result<Arc<Vec<MarketInfo>>, ApiError>;
    /// One book, at most `depth` levels a side.
    async fn book(&self, market: MarketId, depth: u32) -> Result<Book, ApiError>;
    /// An account.
    async fn account(&self, account: AccountId) -> Result<AccountInfo, ApiError>;
    /// An account's open orders in order of id.
    async fn open_orders(&self, account: AccountId) -> Result<Vec<OpenOrder>, ApiError>;
    /// One open order of an account.
    async fn open_order(&self, account: AccountId, order: OrderReference) -> Result<OpenOrder, ApiError>;
    /// One open order by number alone.
    async fn open_order_by_id(&self, order: OrderId) -> Result<OpenOrder, ApiError>;
    /// Who a key acts for.
    async fn signer_role(&self, signer: SignerId) -> Result<SignerRole, ApiError>;
    /// What an account of numbers would need; looks nothing up.
    async fn margin(&self, question: WhatIf) -> Result<WhatIfAnswer, ApiError>;
    /// What an account holds in a universe, as a question for [`NodeApi::margin`]: change it and ask.
    async fn margin_question(&self, account: AccountId, universe: UniverseId) -> Result<MarginQuestion, ApiError>;
    /// What options are worth; looks nothing up.
    async fn price(&self, questions: Vec<PriceQuestion>) -> Result<Vec<PriceAnswer>, ApiError> {
        what_if::prices(&questions)
    }
    /// What a portfolio could lose and needs; looks nothing up.
    async fn portfolio_margin(&self, question: PortfolioQuestion) -> Result<PortfolioAnswer, ApiError> {
        what_if::portfolio_margin(&question)
    }
    /// Every synthetic with its sums.
    async fn synthetics(&self) -> Result<Vec<SyntheticInfo>, ApiError>;
    /// What an account owes of synthetics.
    async fn debts(&self, account: AccountId) -> Result<Debts, ApiError>;
    /// At most `limit` combos from a number on.
    async fn combos(&self, from: ComboId, limit: u32) -> Result<Combos, ApiError>;
    /// A combo's own book, at most `depth` levels a side, and what the books of its legs offer.
    async fn combo_book(&self, combo: ComboId, depth: u32) -> Result<ComboBook, ApiError>;
    /// Open requests for block trades that an account made or that name it, with their quotes.
    async fn block_requests(&self, account: AccountId) -> Result<BlockRequests, ApiError>;
    /// A spot market's liquidity pool.
    async fn pool(&self, market: MarketId) -> Result<PoolInfo, ApiError>;
    /// A proof under a finality certificate.
    async fn prove(&self, request: ProofRequest) -> Result<ProofBundle, ApiError>;
}
