//! What changed, for everyone who follows the chain. Fills, candles and order history are rebuilt from events
//! alone, so they carry all that these need.

use crate::{
    action::MarginMode,
    address::{AccountId, SignerId},
    agent::AgentScope,
    codec,
    hash::ActionId,
    ids::{AssetId, ClientOrderId, MarketId, OrderId, TradeId, UniverseId},
    numbers::{Amount, FundingIndex, FundingRate, Position, Price, Size, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One change. Events of a block are in the order of the work; discriminants are never reused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case")]
#[repr(u8)]
pub enum Event {
    /// Funds entered the chain: genesis or faucet.
    Deposited { universe: UniverseId, account: AccountId, asset: AssetId, amount: Amount } = 0,
    /// Funds moved between accounts.
    Transferred { universe: UniverseId, from: AccountId, to: AccountId, asset: AssetId, amount: Amount } = 1,
    /// An order was accepted, before it matched anything. `remaining` is its whole size.
    OrderAccepted {
        /// The order before it matched; an IOC or FOK order, which never rests, is shown here too.
        order: OpenOrder,
        /// The action that placed it.
        action: ActionId,
        /// Whether it may not rest.
        immediate_or_cancel: bool,
    } = 2,
    /// An order came to rest in the book with what remains of it.
    OrderRested { order: OpenOrder } = 3,
    /// An order left without (further) fills.
    OrderCanceled {
        /// The order with what remained of it.
        order: OpenOrder,
        /// Why.
        reason: CancelReason,
    } = 4,
    /// An order was filled whole.
    OrderFilled {
        /// The order with nothing remaining.
        order: OpenOrder,
    } = 5,
    /// An order of a batch was refused.
    OrderRejected {
        account: AccountId,
        action: ActionId,
        market: MarketId,
        side: Side,
        price: Price,
        size: Size,
        client_order_id: Option<ClientOrderId>,
        rejection: Rejection,
    } = 6,
    /// Two orders traded.
    Traded(Trade) = 7,
    /// A key may act for an account.
    AgentApproved {
        account: AccountId,
        agent: SignerId,
        name: String,
        scope: AgentScope,
        expires_at_ms: Option<TimeMs>,
    } = 8,
    /// A key may no longer act for an account.
    AgentRetired { account: AccountId, agent: SignerId } = 9,
    /// An account's leverage in a market changed.
    LeverageUpdated { account: AccountId, market: MarketId, leverage: u32, margin_mode: MarginMode } = 10,
    /// A dead man's switch was set or switched off.
    CancelScheduled { account: AccountId, at_ms: Option<TimeMs> } = 11,
    /// A quorum of seats set an index.
    IndexUpdated {
        /// Of what.
        asset: AssetId,
        /// The lower median of the bundle's votes for it.
        price: Price,
        /// The lower median of these votes' times.
        time_ms: TimeMs,
        /// Seats that voted for it.
        sources: u32,
    } = 12,
    /// A market's mark changed.
    MarkUpdated { market: MarketId, mark: Price } = 13,
    /// A universe stopped after a violated invariant.
    UniverseHalted {
        /// Which.
        universe: UniverseId,
        /// What was violated, with its operands: for people, to be reported.
        invariant: String,
    } = 14,
    /// The chain stopped after a violated invariant.
    ChainHalted { invariant: String } = 15,
    /// An account opted into or out of Hyperliquid's format.
    HyperliquidCompatibilitySet { account: AccountId, enabled: bool } = 16,
    /// A future was listed by rule.
    MarketListed {
        /// Its number.
        market: MarketId,
        /// Its name.
        symbol: String,
        /// Its universe.
        universe: UniverseId,
        /// The asset whose index it follows.
        underlying: AssetId,
        /// When it is settled.
        expires_at_ms: TimeMs,
    } = 22,
    /// The price at which a future's positions are delivered.
    SettlementPriceFixed {
        /// Which.
        market: MarketId,
        /// The mean of the index over the window, or the first index after the expiry.
        price: Price,
        /// How much of the window was measured.
        measured_ms: u64,
    } = 23,
    /// A position in a future was settled in cash.
    Delivered {
        /// Whose.
        account: AccountId,
        /// Where.
        market: MarketId,
        /// The settlement price.
        price: Price,
        /// What was held.
        position: Position,
        /// What it paid (negative: cost), in the universe's collateral.
        payoff_usd: Usd,
    } = 24,
    /// The last position of a future was delivered.
    MarketSettled {
        /// Which.
        market: MarketId,
        /// What rounding left, which the insurance fund has.
        dust_usd: Usd,
    } = 25,
    /// The owner moved collateral into an isolated position (negative: out of it).
    IsolatedMarginMoved { account: AccountId, market: MarketId, amount_usd: Usd } = 60,
    /// A full hour was paid for.
    FundingRateSet {
        /// Where.
        market: MarketId,
        /// What the hour cost longs (negative: shorts), of the index price.
        rate: FundingRate,
        /// The mean premium that it comes from.
        premium: FundingRate,
        /// What one lot has paid since listing, this hour included.
        index: FundingIndex,
        /// The price of the underlying that the rate was taken of.
        index_price: Price,
        /// The full hour that ended.
        time_ms: TimeMs,
    } = 20,
    /// A position paid (negative: received) the funding that it owed.
    FundingPaid {
        /// Whose.
        account: AccountId,
        /// Where.
        market: MarketId,
        /// What was paid, in the universe's collateral.
        amount_usd: Usd,
        /// The position that owed it.
        position: Position,
        /// The market's funding index from which it was owed.
        from_index: FundingIndex,
        /// The market's funding index up to which it is paid.
        index: FundingIndex,
    } = 21,
}

/// Why an order left the book or was cut short. Each maps to one order status of the trading interfaces.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CancelReason {
    /// Its owner cancelled it.
    Requested = 0,
    /// A modify replaced it.
    Modified = 1,
    /// An IOC's remainder.
    ImmediateOrCancel = 2,
    /// It met an order of its own account group.
    SelfTrade = 3,
    /// Its owner no longer meets initial margin.
    Margin = 4,
    /// Reduce-only, and nothing is left to reduce.
    ReduceOnly = 5,
    /// Its time is over.
    Expired = 6,
    /// The dead man's switch fired.
    Scheduled = 7,
    /// Its match took too many steps.
    MatchStepLimit = 8,
    /// The open-interest or position cap was met.
    Cap = 9,
    /// The market is over.
    Delisted = 20,
}

/// A fill, with everything that both sides' histories need.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Trade {
    /// Its number.
    pub id: TradeId,
    /// Where.
    pub market: MarketId,
    /// The maker's price.
    pub price: Price,
    /// Lots.
    pub size: Size,
    /// `price × size`, exact.
    pub quote_usd: Usd,
    /// What the taker did.
    pub taker_side: Side,
    /// The resting side.
    pub maker: TradeSide,
    /// The incoming side.
    pub taker: TradeSide,
}

/// One side of a fill.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TradeSide {
    /// Whose order.
    pub account: AccountId,
    /// Which order.
    pub order: OrderId,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// Fee paid, in the quote asset.
    pub fee_usd: Usd,
    /// Position before the fill (perpetuals), or zero.
    pub start_position: Position,
    /// Profit realised by the fill before fees (perpetuals), or zero.
    pub closed_pnl_usd: Usd,
}

impl Event {
    /// The canonical bytes: the leaf of the events tree.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
}
