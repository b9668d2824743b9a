//! What changed, for everyone who follows the chain. Fills, candles and order history are rebuilt from events
//! alone, so they carry all that these need.

mod liquidation;

pub use liquidation::{Liquidation, LiquidationMethod, MarginLevel, Payer};

use crate::{
    action::MarginMode,
    address::{AccountId, SignerId},
    agent::AgentScope,
    codec,
    hash::ActionId,
    ids::{AssetId, ClientOrderId, ComboId, MarketId, OrderId, TradeId, UniverseId},
    market::{MarketSpec, OptionKind},
    multi_leg::{BlockEnd, BlockQuote, BlockRequest, BlockTrade, Combo, ComboOrder, ComboOrderEnd, ComboTrade},
    numbers::{Amount, FundingIndex, FundingRate, Position, Price, Rate, Shares, Size, Usd},
    order::{OpenOrder, Side},
    pool::PoolFee,
    quote::ProtectionTerms,
    receipt::OrderResult,
    rejection::Rejection,
    synthetic::{DebtLiquidation, RedeemedDebt},
    time::TimeMs,
    trigger::TriggerOrder,
    twap::{Twap, TwapEnd},
    vault::Tranche,
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
    /// Two orders traded, or an order and a pool, which is the maker then and has the order number 0.
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
    FutureListed {
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
    /// An account's margin came to another level: a warning while it falls, an all-clear once it has risen.
    MarginCalled {
        account: AccountId,
        universe: UniverseId,
        /// The market of an isolated position; `None` for the cross margin.
        market: Option<MarketId>,
        level: MarginLevel,
        equity_usd: Usd,
        maintenance_usd: Usd,
    } = 61,
    /// A part of a position was closed by force.
    Liquidated(Liquidation) = 62,
    /// The universe paid what an account owed beyond its means.
    DeficitPaid { universe: UniverseId, account: AccountId, market: Option<MarketId>, payer: Payer, amount_usd: Usd } =
        63,
    /// A winner's position was closed against that of an account that owes more than it has.
    Deleveraged {
        market: MarketId,
        account: AccountId,
        /// Which way its closing trades.
        side: Side,
        size: Size,
        quote_usd: Usd,
        closed_pnl_usd: Usd,
        /// What the mark would have given beyond that.
        haircut_usd: Usd,
        /// Whose position was closed with it.
        bankrupt: AccountId,
    } = 64,
    /// Funds can leave the universe no longer, or again.
    GateChanged { universe: UniverseId, closed: bool } = 65,
    /// Collateral of an account that owes the universe was sold.
    CollateralSold {
        universe: UniverseId,
        account: AccountId,
        /// The backstop vault, the insurance fund or the fees.
        buyer: AccountId,
        asset: AssetId,
        amount: Amount,
        proceeds_usd: Usd,
    } = 66,
    /// A losing position paid in what it had lost, so that clearing can pay what winners have realised; the loss is in its
    /// cost no longer.
    LossSettled { market: MarketId, account: AccountId, amount_usd: Usd } = 67,
    /// An option was listed by rule.
    OptionListed {
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
        /// The price that its payoff is counted from.
        strike: Price,
        /// Call or put.
        right: OptionKind,
    } = 80,
    /// The marks of an expiry's options changed.
    SurfaceUpdated {
        /// In which universe.
        universe: UniverseId,
        /// Of options on what.
        underlying: AssetId,
        /// Of which expiry.
        expires_at_ms: TimeMs,
        /// The price for delivery then.
        forward: Price,
        /// The volatility at the forward, in parts per million.
        volatility: Rate,
    } = 81,
    /// The settlement price of an expiry's options was fixed.
    OptionsFixed {
        /// In which universe.
        universe: UniverseId,
        /// Of options on what.
        underlying: AssetId,
        /// Of which expiry.
        expires_at_ms: TimeMs,
        /// The price.
        price: Price,
        /// How much of the window was measured.
        measured_ms: u64,
    } = 82,
    /// An account chose how its options are margined in a universe.
    PortfolioModeSet { account: AccountId, universe: UniverseId, enabled: bool } = 83,
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
    /// A trigger waits.
    TriggerPlaced { trigger: TriggerOrder } = 30,
    /// A fill of its parent armed a trigger, or gave it more lots to work on.
    TriggerArmed { trigger: TriggerOrder } = 31,
    /// A trigger's price was reached: it is an order now, under the same number, or is refused next.
    TriggerFired {
        /// The trigger.
        trigger: TriggerOrder,
        /// The mark at which it fired.
        mark: Price,
    } = 32,
    /// A trigger left without firing.
    TriggerCanceled { trigger: TriggerOrder, reason: CancelReason } = 33,
    /// A trigger fired, and its order was refused.
    TriggerRejected { trigger: TriggerOrder, rejection: Rejection } = 34,
    /// A TWAP began.
    TwapStarted { twap: Twap } = 35,
    /// A slice of a TWAP was tried.
    TwapSlice {
        /// The TWAP after it.
        twap: Twap,
        /// Which slice, from 0.
        slice: u32,
        /// Lots that it was for.
        size: Size,
        /// What became of it.
        result: OrderResult,
    } = 36,
    /// A TWAP ended.
    TwapEnded { twap: Twap, reason: TwapEnd } = 37,
    /// An account set its market-maker protection, or took it off.
    ProtectionSet { account: AccountId, market: MarketId, terms: Option<ProtectionTerms> } = 38,
    /// Market-maker protection fired, or stopped refusing quotes because its owner reset it.
    ProtectionFrozen {
        account: AccountId,
        market: MarketId,
        /// Whether quotes are refused from now on.
        frozen: bool,
        /// Until when, unless until a reset.
        until_ms: Option<TimeMs>,
    } = 39,
    /// An account opened a sub-account.
    SubAccountCreated { master: AccountId, sub_account: AccountId, name: String } = 40,
    /// Funds left one universe and entered another.
    MovedBetweenUniverses {
        from_universe: UniverseId,
        to_universe: UniverseId,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
    } = 41,
    /// Somebody opened a universe.
    UniverseOpened { universe: UniverseId, name: String, collateral: AssetId, lister: AccountId } = 42,
    /// Somebody listed a market.
    MarketListed {
        /// Its terms.
        market: MarketSpec,
        /// Who.
        lister: AccountId,
        /// What was put in for it.
        deposit_usd: Usd,
    } = 43,
    /// Somebody opened a vault.
    VaultCreated { vault: AccountId, leader: AccountId, name: String } = 44,
    /// Shares of a vault were bought; the money moved by a transfer.
    VaultDeposited { vault: AccountId, account: AccountId, amount_usd: Usd, shares: Shares } = 45,
    /// Shares of a vault were redeemed; the money moved by transfers.
    VaultWithdrawn {
        vault: AccountId,
        account: AccountId,
        shares: Shares,
        /// What the shares were worth.
        value_usd: Usd,
        /// What of that the leader got.
        leader_part_usd: Usd,
    } = 46,
    /// A withdrawal waits for the vault's cash.
    VaultWithdrawalQueued { vault: AccountId, account: AccountId, shares: Shares } = 47,
    /// A withdrawal that waited was worth nothing when its turn came: its shares wait no longer, and are still their holder's.
    VaultWithdrawalDropped { vault: AccountId, account: AccountId, shares: Shares } = 52,
    /// A vault takes no deposits any more.
    VaultClosed { vault: AccountId } = 48,
    /// Shares of a backstop vault were bought; the money moved by a transfer.
    BackstopDeposited { universe: UniverseId, account: AccountId, tranche: Tranche, amount_usd: Usd, shares: Shares } =
        49,
    /// Shares of a backstop vault were redeemed; the money moved by a transfer.
    BackstopWithdrawn { universe: UniverseId, account: AccountId, tranche: Tranche, shares: Shares, value_usd: Usd } =
        50,
    /// A change of a backstop vault's equity was allocated to its tranches.
    BackstopSynced {
        universe: UniverseId,
        /// What the junior tranche is worth now.
        junior_usd: Usd,
        /// What the senior tranche is worth now.
        senior_usd: Usd,
    } = 51,
    /// Units of a synthetic were minted into a debt position, with collateral that came in for them.
    SyntheticMinted { asset: AssetId, account: AccountId, amount: Amount, collateral_usd: Usd, fee_usd: Usd } = 75,
    /// Units of a synthetic were burned by who owed them.
    SyntheticBurned {
        asset: AssetId,
        account: AccountId,
        amount: Amount,
        /// What is owed less.
        debt: Amount,
        /// Collateral that came back, because nothing is owed any more.
        returned_usd: Usd,
    } = 76,
    /// Units of a synthetic were burned for the index less the fee.
    SyntheticRedeemed {
        asset: AssetId,
        account: AccountId,
        amount: Amount,
        paid_usd: Usd,
        /// The positions that paid, in order.
        debts: Vec<RedeemedDebt>,
    } = 77,
    /// A part of a debt position was closed by force.
    DebtLiquidated(DebtLiquidation) = 78,
    /// What nobody owes of a synthetic any more is another amount than before: its holders bear it.
    ShortfallChanged {
        asset: AssetId,
        /// Units that nobody owes.
        shortfall: Amount,
        /// What the synthetic itself owes.
        debt: Amount,
        /// The collateral of that.
        collateral_usd: Usd,
    } = 79,
    /// Somebody opened the pool of a spot market; the first deposit follows.
    PoolCreated {
        market: MarketId,
        /// The address that holds the reserves.
        pool: AccountId,
        account: AccountId,
        fee: PoolFee,
        /// Shares of the first deposit that the pool keeps for good.
        locked: Shares,
    } = 70,
    /// Shares of a pool were bought; the assets moved by transfers.
    PoolDeposited { market: MarketId, account: AccountId, base: Amount, quote: Amount, shares: Shares } = 71,
    /// Shares of a pool were redeemed; the assets moved by transfers.
    PoolWithdrawn {
        market: MarketId,
        account: AccountId,
        base: Amount,
        quote: Amount,
        shares: Shares,
        /// Whether the account owed the universe and its shares were redeemed for it.
        forced: bool,
    } = 72,
    /// A pool traded: the trade of that number, with the pool as its maker, was told before.
    PoolTraded {
        market: MarketId,
        trade: TradeId,
        /// What the pool holds of the base now.
        base_reserve: Amount,
        /// What it holds of the quote now.
        quote_reserve: Amount,
    } = 73,
    /// Somebody asks for quotes for a block trade.
    BlockRequested { request: BlockRequest } = 90,
    /// A request for a block trade is open no longer; its quotes ended before it.
    BlockRequestEnded { request: BlockRequest, reason: BlockEnd } = 91,
    /// Somebody quotes for a block trade.
    BlockQuoted { quote: BlockQuote } = 92,
    /// A quote for a block trade is open no longer.
    BlockQuoteEnded { quote: BlockQuote, reason: BlockEnd } = 93,
    /// A block traded: the next trades are its legs, which touched no book and set no last price.
    BlockTraded(BlockTrade) = 94,
    /// Somebody registered a combo.
    ComboCreated { combo: Combo, creator: AccountId } = 95,
    /// A combo order was accepted, before it matched anything.
    ComboOrderAccepted {
        /// The order with its whole size.
        order: ComboOrder,
        /// The action that placed it.
        action: ActionId,
        /// Whether it may not rest.
        immediate_or_cancel: bool,
    } = 96,
    /// A combo order is open no longer.
    ComboOrderEnded {
        /// The order with what remained of it.
        order: ComboOrder,
        /// Why.
        reason: ComboOrderEnd,
    } = 97,
    /// Units of a combo traded. Between two combo orders the next trades are its legs, which touched no book and set no last
    /// price; against the books of the legs its trades came before.
    ComboTraded(ComboTrade) = 98,
    /// A combo is over, because a leg of it is.
    ComboEnded { combo: ComboId } = 99,
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
    /// A trigger that it belongs together with has fired.
    SiblingFilled = 10,
    /// Its parent order left without a fill.
    ParentCanceled = 11,
    /// The position that it would have closed has closed or turned.
    PositionClosed = 12,
    /// Its owner's market-maker protection fired.
    MarketMakerProtection = 13,
    /// A newer quote took its place.
    QuoteReplaced = 14,
    /// The market is over.
    Delisted = 20,
    /// Its vault needs the cash for a withdrawal.
    VaultWithdrawal = 23,
    /// Its owner is being liquidated.
    Liquidation = 26,
}

/// A fill, with everything that both sides' histories need.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Trade {
    /// Its number.
    pub id: TradeId,
    /// Where.
    pub market: MarketId,
    /// The maker's price; of a pool, the mean price of its lots, on the tick.
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
    /// Which order; [`OrderId::POOL`] of a pool.
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
