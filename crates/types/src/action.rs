//! What a trader can ask of the chain.
//!
//! Discriminants and field order are consensus: new variants get new numbers, old ones are never reused.

use crate::{
    address::{AccountId, SignerId},
    agent::AgentScope,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId, TwapId, UniverseId},
    limits::BATCH_MAX,
    multi_leg::{BlockQuoteTerms, BlockTerms, ComboTimeInForce, Leg},
    numbers::{Amount, Price, Rate, Shares, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    pool::PoolFee,
    quote::{ProtectionTerms, Quote},
    time::TimeMs,
    trigger::{TriggerGrouping, TriggerRequest},
    twap::TwapRequest,
    vault::{PerpetualListing, Redemption, Tranche},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One request, signed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum Action {
    /// Place orders; each succeeds or fails alone.
    Place {
        /// At most [`BATCH_MAX`].
        orders: Vec<OrderRequest>,
    } = 0,
    /// Cancel open orders; each succeeds or fails alone.
    Cancel {
        /// At most [`BATCH_MAX`].
        cancels: Vec<CancelRequest>,
    } = 1,
    /// Replace open orders; each is atomic: if the new order is rejected, the old one stays.
    Modify {
        /// At most [`BATCH_MAX`].
        modifies: Vec<ModifyRequest>,
    } = 2,
    /// Cancel every open order of the account, or of one market.
    CancelAll {
        /// Only this market.
        market: Option<MarketId>,
    } = 3,
    /// Dead man's switch: cancel every order of the account at a time, unless set anew before.
    ScheduleCancel {
        /// When; `None` switches it off.
        at_ms: Option<TimeMs>,
    } = 4,
    /// Set the leverage of a perpetual market.
    UpdateLeverage {
        /// The market.
        market: MarketId,
        /// From 1 to the market's maximum.
        leverage: u32,
        /// Cross or isolated.
        margin_mode: MarginMode,
    } = 5,
    /// Let a key act for the account.
    ApproveAgent {
        /// The key; one that was never an agent before.
        agent: SignerId,
        /// Its name; empty for the one unnamed agent. An older agent of that name is replaced.
        name: String,
        /// What it may do.
        scope: AgentScope,
        /// From when it is no longer accepted.
        expires_at_ms: Option<TimeMs>,
    } = 6,
    /// End an agent.
    RevokeAgent {
        /// The key.
        agent: SignerId,
    } = 7,
    /// Move an asset to another account of the same universe.
    Transfer {
        /// The universe in which both balances are.
        universe: UniverseId,
        /// Who gets it.
        to: AccountId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    } = 8,
    /// Draw test funds; only where the genesis says so.
    ClaimFaucet {
        /// What.
        asset: AssetId,
    } = 9,
    /// Accept or refuse actions signed in Hyperliquid's format by the account's own key. Such a
    /// signature names no chain, so a body signed for another chain could be replayed here.
    SetHyperliquidCompatibility {
        /// Whether they count.
        enabled: bool,
    } = 10,
    /// Add collateral to an isolated position, or take some out.
    UpdateIsolatedMargin {
        /// The market.
        market: MarketId,
        /// What goes in; negative: out.
        amount_usd: Usd,
    } = 11,
    /// Place orders that wait for a price.
    PlaceTriggers {
        /// The order that [`TriggerGrouping::Attached`] hangs on; none for the other groupings.
        parent: Option<OrderRequest>,
        /// At most [`BATCH_MAX`], the parent included.
        triggers: Vec<TriggerRequest>,
        /// How they belong together.
        grouping: TriggerGrouping,
    } = 20,
    /// Work an order in slices over time.
    PlaceTwap {
        /// What is asked.
        twap: TwapRequest,
    } = 21,
    /// End a TWAP; what it filled stands.
    CancelTwap {
        /// Which.
        twap: TwapId,
    } = 22,
    /// Place limit orders over a range of prices: all of them or none.
    PlaceScale {
        /// The market.
        market: MarketId,
        /// Buy or sell.
        side: Side,
        /// Lots in all.
        size: Size,
        /// The price of the first order.
        price_from: Price,
        /// The price of the last.
        price_to: Price,
        /// How many orders; see [`crate::limits::SCALE_ORDERS`].
        orders: u8,
        /// The size of the last order over that of the first; see [`crate::limits::SCALE_SKEW`].
        skew: Rate,
        /// Whether they may only add liquidity.
        post_only: bool,
        /// Fill at most what closes the position.
        reduce_only: bool,
    } = 23,
    /// Set or take off the bounds at which the account's quotes in a market are withdrawn.
    SetMarketMakerProtection {
        /// The market.
        market: MarketId,
        /// The bounds; none takes them off.
        terms: Option<ProtectionTerms>,
    } = 24,
    /// Quote again after market-maker protection fired; counts from zero.
    ResetMarketMakerProtection {
        /// The market.
        market: MarketId,
    } = 25,
    /// Set quotes; each side succeeds or fails alone.
    MassQuote {
        /// At most [`BATCH_MAX`].
        quotes: Vec<Quote>,
    } = 26,
    /// Open an account without a key of its own that this account acts for.
    CreateSubAccount {
        /// 1 to 64 printable ASCII characters, unique among the account's sub-accounts.
        name: String,
    } = 30,
    /// Move an asset between this account and a sub-account of it.
    TransferSubAccount {
        /// Which.
        sub_account: AccountId,
        /// The universe in which both balances are.
        universe: UniverseId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
        /// Which way.
        direction: TransferDirection,
    } = 31,
    /// Move the account's own funds to another universe.
    MoveUniverse {
        /// Where they are.
        from: UniverseId,
        /// Where they go.
        to: UniverseId,
        /// What.
        asset: AssetId,
        /// How much; positive.
        amount: Amount,
    } = 32,
    /// Open an isolated universe with one perpetual market.
    OpenUniverse {
        /// Its name, of no other universe.
        name: String,
        /// That of the core universe.
        collateral: AssetId,
        /// The market's terms, within the bounds of listings.
        market: PerpetualListing,
        /// What the lister puts in for good.
        deposit_usd: Usd,
    } = 33,
    /// List a further perpetual market in a universe that this account opened.
    ListMarket {
        /// Which.
        universe: UniverseId,
        /// The market's terms, within the bounds of listings.
        market: PerpetualListing,
        /// What the lister puts in for good.
        deposit_usd: Usd,
    } = 34,
    /// Open a vault that this account trades for.
    CreateVault {
        /// 1 to 64 printable ASCII characters, unique among the leader's vaults.
        name: String,
        /// At most 256 printable ASCII characters.
        description: String,
        /// The leader's first deposit.
        initial_usd: Usd,
    } = 35,
    /// Buy shares of a vault.
    DepositVault {
        /// Which.
        vault: AccountId,
        /// For how much.
        amount_usd: Usd,
    } = 36,
    /// Redeem shares of a vault, at once or when it has the cash.
    WithdrawVault {
        /// Which.
        vault: AccountId,
        /// How much.
        redemption: Redemption,
    } = 37,
    /// Close a vault that this account leads: it takes no deposits any more and only reduces.
    CloseVault {
        /// Which.
        vault: AccountId,
    } = 38,
    /// Put capital into a universe's backstop vault.
    DepositBackstop {
        /// Which universe's.
        universe: UniverseId,
        /// Into which share class.
        tranche: Tranche,
        /// How much.
        amount_usd: Usd,
    } = 39,
    /// Take capital out of a universe's backstop vault.
    WithdrawBackstop {
        /// Which universe's.
        universe: UniverseId,
        /// From which share class.
        tranche: Tranche,
        /// How much.
        redemption: Redemption,
    } = 40,
    /// Choose how the account's options are margined in a universe: per expiry, or together with what they are on.
    SetPortfolioMode {
        /// Where.
        universe: UniverseId,
        /// Together or not.
        enabled: bool,
    } = 61,
    /// Mint units of a synthetic against collateral, into one's own debt position.
    MintSynthetic {
        /// Which.
        asset: AssetId,
        /// How much, in smallest units; positive.
        amount: Amount,
        /// Collateral that goes in with it; may be none.
        collateral_usd: Usd,
    } = 55,
    /// Burn units of a synthetic to owe less; who owes nothing any more gets the collateral back.
    BurnSynthetic {
        /// Which.
        asset: AssetId,
        /// How much, in smallest units; positive.
        amount: Amount,
    } = 56,
    /// Put collateral into one's own debt position.
    AddDebtCollateral {
        /// Of which synthetic.
        asset: AssetId,
        /// How much; positive.
        amount_usd: Usd,
    } = 57,
    /// Take collateral out of one's own debt position.
    WithdrawDebtCollateral {
        /// Of which synthetic.
        asset: AssetId,
        /// How much; positive.
        amount_usd: Usd,
    } = 58,
    /// Burn units of a synthetic for the index less the fee, paid by the positions with the least collateral.
    RedeemSynthetic {
        /// Which.
        asset: AssetId,
        /// How much, in smallest units, at most; positive.
        amount: Amount,
        /// The least payment that is accepted.
        minimum_usd: Usd,
    } = 59,
    /// Open the liquidity pool of a spot market; the two amounts are its first price.
    CreatePool {
        /// Which; one without a pool.
        market: MarketId,
        /// What goes in of the base.
        base: Amount,
        /// What goes in of the quote.
        quote: Amount,
        /// What the pool charges, for good.
        fee: PoolFee,
    } = 50,
    /// Put both assets into a pool, in the proportion of its reserves.
    DepositPool {
        /// Of which market.
        market: MarketId,
        /// Most that goes in of the base.
        base_maximum: Amount,
        /// Most that goes in of the quote.
        quote_maximum: Amount,
        /// Least shares to be had for it.
        shares_minimum: Shares,
    } = 51,
    /// Redeem shares of a pool for their part of both reserves.
    WithdrawPool {
        /// Of which market.
        market: MarketId,
        /// How many.
        shares: Shares,
        /// Least that comes out of the base.
        base_minimum: Amount,
        /// Least that comes out of the quote.
        quote_minimum: Amount,
    } = 52,
    /// Ask for quotes for a block trade.
    RequestBlock {
        /// What is asked for, and of whom.
        block: BlockTerms,
    } = 70,
    /// Quote for a block trade; takes the place of the account's former quote for that request and side.
    QuoteBlock {
        /// The quote.
        quote: BlockQuoteTerms,
    } = 71,
    /// Trade a block at a quote for the account's own request: all legs or none.
    AcceptBlock {
        /// The request.
        request: BlockRequestId,
        /// The quote.
        quote: BlockQuoteId,
    } = 72,
    /// End a block request.
    CancelBlockRequest {
        /// Which.
        request: BlockRequestId,
    } = 73,
    /// End a block quote.
    CancelBlockQuote {
        /// Which.
        quote: BlockQuoteId,
    } = 74,
    /// Register a combo, unless there is one of these legs.
    CreateCombo {
        /// See [`crate::limits::COMBO_LEGS`].
        legs: Vec<Leg>,
    } = 75,
    /// Trade a combo at a net price: every unit with all its legs or not at all.
    PlaceCombo {
        /// Which.
        combo: ComboId,
        /// Buy or sell.
        side: Side,
        /// The worst net price accepted; a multiple of the combo's tick, may be negative or zero.
        price: Price,
        /// Units wanted; at least one.
        lots: Size,
        /// How long it works.
        time_in_force: ComboTimeInForce,
    } = 76,
    /// Cancel a combo order.
    CancelCombo {
        /// Which.
        order: OrderId,
    } = 77,
}

/// Which way money goes between an account and one that belongs to it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TransferDirection {
    /// From the account that acts.
    Deposit = 0,
    /// To the account that acts.
    Withdraw = 1,
}

/// How a position is margined.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MarginMode {
    /// All collateral of the account backs all its positions.
    Cross = 0,
    /// A position has its own collateral.
    Isolated = 1,
}

/// An order to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// The market it rests in.
    pub market: MarketId,
    /// Which.
    pub order: OrderReference,
}

/// An order to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModifyRequest {
    /// Which.
    pub order: OrderReference,
    /// What takes its place; same market and side as before.
    pub replacement: OrderRequest,
}

/// The class in which an action is executed: A before B before C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionClass {
    /// Cancels, transfers, agents, leverage: nothing that adds or takes liquidity.
    A,
    /// Post-only orders.
    B,
    /// Everything else.
    C,
}

impl Action {
    /// The class of the action's most aggressive part; a modify is classed by its new order.
    pub fn execution_class(&self) -> ExecutionClass {
        let class_of = |order: &OrderRequest| match order.time_in_force {
            TimeInForce::Alo => ExecutionClass::B,
            _ => ExecutionClass::C,
        };
        match self {
            Self::Place { orders } => orders.iter().map(class_of).max().unwrap_or(ExecutionClass::A),
            Self::Modify { modifies } => {
                modifies.iter().map(|modify| class_of(&modify.replacement)).max().unwrap_or(ExecutionClass::A)
            }
            Self::PlaceTriggers { parent, .. } => parent.as_ref().map_or(ExecutionClass::A, class_of),
            Self::PlaceScale { post_only: false, .. } => ExecutionClass::C,
            // Who comes in takes turns with the orders that would pay the fees; who goes, goes first, as cancels do.
            Self::CreatePool { .. } | Self::DepositPool { .. } => ExecutionClass::C,
            Self::PlaceScale { .. } | Self::MassQuote { .. } | Self::QuoteBlock { .. } => ExecutionClass::B,
            Self::AcceptBlock { .. } | Self::PlaceCombo { .. } => ExecutionClass::C,
            _ => ExecutionClass::A,
        }
    }

    /// How many orders, cancels or modifies its batch holds: 0 for an empty one, 1 for what is no batch.
    pub const fn batch_length(&self) -> usize {
        match self {
            Self::Place { orders } => orders.len(),
            Self::Cancel { cancels } => cancels.len(),
            Self::Modify { modifies } => modifies.len(),
            Self::PlaceTriggers { parent: Some(_), triggers, .. } => triggers.len().saturating_add(1),
            Self::PlaceTriggers { triggers, .. } => triggers.len(),
            Self::MassQuote { quotes } => quotes.len(),
            _ => 1,
        }
    }

    /// How many orders, cancels or modifies it holds; at least 1.
    pub fn part_count(&self) -> usize {
        match self {
            Self::PlaceScale { orders, .. } => usize::from(*orders).clamp(1, BATCH_MAX),
            _ => self.batch_length().max(1),
        }
    }

    /// Whether its batch, if it has one, is of an allowed length.
    pub fn batch_is_valid(&self) -> bool {
        (1..=BATCH_MAX).contains(&self.batch_length())
    }

    /// Whether it only cancels: such actions draw on the account's cancel allowance.
    pub const fn is_cancel(&self) -> bool {
        matches!(
            self,
            Self::Cancel { .. }
                | Self::CancelAll { .. }
                | Self::ScheduleCancel { .. }
                | Self::CancelTwap { .. }
                | Self::CancelBlockRequest { .. }
                | Self::CancelBlockQuote { .. }
                | Self::CancelCombo { .. }
        )
    }

    /// Its share of the block's weight: 1 for the action, 2 per order, trigger or TWAP, 1 per cancel, 3 per modify and
    /// per quote, which is two of each; a cancel-all counts 100, and so does a withdrawal from a vault,
    /// which may cancel as much; a listing counts 50; a redemption of a synthetic counts 32: 16 positions that pay and those it
    /// passes over; a block request counts its quotes, an acceptance these and its legs, a combo order as eight orders. Fill steps
    /// are bounded per order and therefore inside these figures.
    pub fn weight(&self) -> u64 {
        let parts = self.part_count() as u64;
        1u64.saturating_add(match self {
            Self::Place { .. } | Self::PlaceTriggers { .. } | Self::PlaceScale { .. } | Self::PlaceTwap { .. } => {
                parts.saturating_mul(2)
            }
            Self::Cancel { .. } => parts,
            Self::Modify { .. } | Self::MassQuote { .. } => parts.saturating_mul(3),
            Self::CancelAll { .. } | Self::WithdrawVault { .. } => 100,
            Self::OpenUniverse { .. } | Self::ListMarket { .. } => 50,
            Self::RedeemSynthetic { .. } => 32,
            Self::RequestBlock { .. } | Self::CancelBlockRequest { .. } => 32,
            Self::AcceptBlock { .. } => 40,
            Self::PlaceCombo { .. } => 16,
            _ => 1,
        })
    }

    /// A short name for logs and typed signing.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Place { .. } => "place",
            Self::Cancel { .. } => "cancel",
            Self::Modify { .. } => "modify",
            Self::CancelAll { .. } => "cancel_all",
            Self::ScheduleCancel { .. } => "schedule_cancel",
            Self::UpdateLeverage { .. } => "update_leverage",
            Self::ApproveAgent { .. } => "approve_agent",
            Self::RevokeAgent { .. } => "revoke_agent",
            Self::Transfer { .. } => "transfer",
            Self::ClaimFaucet { .. } => "claim_faucet",
            Self::SetHyperliquidCompatibility { .. } => "set_hyperliquid_compatibility",
            Self::UpdateIsolatedMargin { .. } => "update_isolated_margin",
            Self::PlaceTriggers { .. } => "place_triggers",
            Self::PlaceTwap { .. } => "place_twap",
            Self::CancelTwap { .. } => "cancel_twap",
            Self::PlaceScale { .. } => "place_scale",
            Self::SetMarketMakerProtection { .. } => "set_market_maker_protection",
            Self::ResetMarketMakerProtection { .. } => "reset_market_maker_protection",
            Self::MassQuote { .. } => "mass_quote",
            Self::CreateSubAccount { .. } => "create_sub_account",
            Self::TransferSubAccount { .. } => "transfer_sub_account",
            Self::MoveUniverse { .. } => "move_universe",
            Self::OpenUniverse { .. } => "open_universe",
            Self::ListMarket { .. } => "list_market",
            Self::CreateVault { .. } => "create_vault",
            Self::DepositVault { .. } => "deposit_vault",
            Self::WithdrawVault { .. } => "withdraw_vault",
            Self::CloseVault { .. } => "close_vault",
            Self::DepositBackstop { .. } => "deposit_backstop",
            Self::WithdrawBackstop { .. } => "withdraw_backstop",
            Self::SetPortfolioMode { .. } => "set_portfolio_mode",
            Self::MintSynthetic { .. } => "mint_synthetic",
            Self::BurnSynthetic { .. } => "burn_synthetic",
            Self::AddDebtCollateral { .. } => "add_debt_collateral",
            Self::WithdrawDebtCollateral { .. } => "withdraw_debt_collateral",
            Self::RedeemSynthetic { .. } => "redeem_synthetic",
            Self::CreatePool { .. } => "create_pool",
            Self::DepositPool { .. } => "deposit_pool",
            Self::WithdrawPool { .. } => "withdraw_pool",
            Self::RequestBlock { .. } => "request_block",
            Self::QuoteBlock { .. } => "quote_block",
            Self::AcceptBlock { .. } => "accept_block",
            Self::CancelBlockRequest { .. } => "cancel_block_request",
            Self::CancelBlockQuote { .. } => "cancel_block_quote",
            Self::CreateCombo { .. } => "create_combo",
            Self::PlaceCombo { .. } => "place_combo",
            Self::CancelCombo { .. } => "cancel_combo",
        }
    }
}
