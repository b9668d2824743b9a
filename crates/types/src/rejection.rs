//! Why the chain says no. A closed set with operands: codes are consensus, are never reused, and each
//! message says what to do.
//!
//! [`Inadmissible`] is decided on the parent's state and the block's bytes alone; a block that contains an
//! inadmissible action is invalid. [`Rejection`] is everything found later: the action is included,
//! consumes its nonce and budget, leaves a receipt and changes nothing else.

use crate::{
    address::{AccountId, SignerId},
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, MarketId, Nonce, OrderId, TwapId, UniverseId},
    multi_leg::{LegsFault, MakerFault},
    numbers::{Amount, Position, Price, Shares, Size, Usd},
    order::Side,
    time::TimeMs,
    trigger::TriggerGrouping,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Why an action may not be in the next block at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "code", rename_all = "snake_case")]
#[repr(u16)]
pub enum Inadmissible {
    /// Signed for another chain.
    #[error("signed for chain {found}, this is chain {expected}")]
    WrongChain { expected: u64, found: u64 } = 1,
    /// The signature does not match the stated signer.
    #[error("signature does not verify for {signer}: sign the exact content with that key")]
    BadSignature { signer: SignerId } = 2,
    /// Malformed content, for example msgpack that is not a known action.
    #[error("malformed action: {reason}")]
    Malformed { reason: String } = 3,
    /// Too many or no parts in a batch.
    #[error("a batch holds 1 to {limit} parts, found {found}")]
    BatchSize {
        /// Parts given: orders, cancels or modifies.
        found: u32,
        /// [`crate::limits::BATCH_MAX`].
        limit: u32,
    } = 4,
    /// The signer is neither the account nor an agent of it.
    #[error("{signer} is not an agent of {account}: approve it first")]
    UnknownSigner { signer: SignerId, account: AccountId } = 5,
    /// The agent was revoked, replaced or has expired.
    #[error("agent {signer} was revoked or has expired: approve a new key")]
    AgentRetired { signer: SignerId } = 6,
    /// The agent's scope does not cover the action.
    #[error("agent {signer} may not send {kind}: its scope does not cover it")]
    OutOfScope {
        /// The agent.
        signer: SignerId,
        /// [`crate::request::Request::kind`] of the action.
        kind: String,
    } = 7,
    /// The nonce was used.
    #[error("nonce {nonce} was used by this signer already")]
    NonceUsed { nonce: Nonce } = 8,
    /// The nonce is not above the smallest one kept.
    #[error("nonce {nonce} is too low: use one above {smallest_kept}")]
    NonceTooLow {
        /// The nonce given.
        nonce: Nonce,
        /// The smallest of the signer's [`crate::limits::NONCES_KEPT`] kept ones: whether a nonce below it was used is
        /// no longer known.
        smallest_kept: Nonce,
    } = 9,
    /// The nonce is too far from block time.
    #[error(
        "nonce {nonce} is not within 2 days before and 1 day after block time {block_time_ms}: use the present time in ms"
    )]
    NonceOutOfWindow {
        /// The nonce given, read as milliseconds since 1970.
        nonce: Nonce,
        /// The time of the block that would include the action.
        block_time_ms: TimeMs,
    } = 10,
    /// `expires_after_ms` has passed.
    #[error("action expired at {expires_after_ms}, block time is {block_time_ms}")]
    Expired { expires_after_ms: TimeMs, block_time_ms: TimeMs } = 11,
    /// No budget left.
    #[error("too many cumulative requests sent: {used} of {cap} used; trade or wait")]
    BudgetExhausted {
        /// Parts of actions that the account has sent so far.
        used: u64,
        /// What it has been granted so far: initial, by volume and by time; for cancels with their allowance.
        cap: u64,
    } = 12,
    /// The account has never held anything.
    #[error("account {account} does not exist: deposit first")]
    UnknownAccount { account: AccountId } = 13,
    /// Hyperliquid's format, and neither a natively approved agent nor an account that opted in.
    #[error("{signer} may not use Hyperliquid's format here: approve an agent under the Palisade domain, or opt in")]
    HyperliquidFormRefused { signer: SignerId } = 14,
    /// The chain is halted; only cancels count.
    #[error("the chain is halted: only cancels are accepted")]
    ChainHalted = 15,
    /// Larger than an action may be.
    #[error("{found_bytes} bytes, more than the {limit_bytes} that an action may have")]
    TooLarge { found_bytes: u64, limit_bytes: u64 } = 16,
    /// A signature in Hyperliquid's format does not say which account it is for.
    #[error("the signature is not for account {account}: sign with it as the vault address")]
    AccountNotSigned { account: AccountId } = 80,
}

/// Why an included action, or one part of it, had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "code", rename_all = "snake_case")]
#[repr(u16)]
pub enum Rejection {
    /// No such market.
    #[error("unknown market {market}")]
    UnknownMarket { market: MarketId } = 1,
    /// No such asset.
    #[error("unknown asset {asset}")]
    UnknownAsset { asset: AssetId } = 2,
    /// No such universe.
    #[error("unknown universe {universe}")]
    UnknownUniverse { universe: UniverseId } = 3,
    /// The price is not positive.
    #[error("price {price} must be positive")]
    PriceNotPositive { price: Price } = 4,
    /// The price is no multiple of the tick.
    #[error("price {price} must be divisible by the tick size {tick}")]
    OffTick { price: Price, tick: Price } = 5,
    /// The size is zero.
    #[error("order has zero size")]
    ZeroSize = 6,
    /// The size is no whole number of lots, or has more lots than exist.
    #[error("order has invalid size: at most {size_decimals} decimals")]
    InvalidSize { size_decimals: u8 } = 7,
    /// Less than the market's minimum.
    #[error("order value {notional} is below the minimum of {minimum}")]
    BelowMinimumNotional { notional: Usd, minimum: Usd } = 8,
    /// More than the market's maximum.
    #[error("order value {notional} is above the maximum of {maximum}")]
    AboveMaximumNotional { notional: Usd, maximum: Usd } = 9,
    /// Too far from the reference price.
    #[error("price {price} is too far from the reference price {reference}")]
    OutsidePriceBand {
        /// The limit price.
        price: Price,
        /// The mark, or the last trade where there is no mark.
        reference: Price,
    } = 10,
    /// The account has too many open orders here.
    #[error("{open} open orders, the limit of this market is {limit}")]
    TooManyOpenOrders { open: u32, limit: u32 } = 11,
    /// The client order id names an open order already.
    #[error("the client order id is in use by open order {order}")]
    ClientOrderIdInUse { order: OrderId } = 12,
    /// A post-only order would have matched.
    #[error("post-only order would have immediately matched, best opposite price was {best_opposite}")]
    WouldMatch { best_opposite: Price } = 13,
    /// An IOC order found nothing.
    #[error("order could not immediately match against any resting order")]
    NothingToMatch = 14,
    /// A FOK order could not be filled whole.
    #[error("fill-or-kill order could not be filled whole: {available} of {wanted} lots")]
    NotFillable {
        /// Lots of the order.
        wanted: Size,
        /// Lots that could have been filled at once within its price, margin and the match step limit.
        available: Size,
    } = 15,
    /// Initial margin would not be met.
    #[error("insufficient margin: {required} required, {available} available")]
    InsufficientMargin {
        /// Initial margin of the account with the order.
        required: Usd,
        /// The account's equity that counts for it; may be negative.
        available: Usd,
    } = 16,
    /// Not enough of an asset.
    #[error("insufficient balance of asset {asset}: {required} required, {available} available")]
    InsufficientBalance {
        /// What is short.
        asset: AssetId,
        /// Units needed, fees included.
        required: Amount,
        /// Units held and not locked.
        available: Amount,
    } = 17,
    /// A reduce-only order on no opposite position.
    #[error("reduce-only order would increase the position of {position} lots")]
    ReduceOnlyWouldIncrease { position: Position } = 18,
    /// Reduce-only on a spot market.
    #[error("spot market {market} has no positions to reduce")]
    ReduceOnlyOnSpot { market: MarketId } = 19,
    /// The open-interest cap is reached.
    #[error("open interest of market {market} is at its cap of {cap} lots")]
    OpenInterestCap { market: MarketId, cap: Size } = 20,
    /// The position cap is reached.
    #[error("position would exceed the cap of {cap} lots")]
    PositionCap { cap: Size } = 21,
    /// The order is not open: never placed, already cancelled, or filled.
    #[error("order was never placed, already canceled, or filled")]
    OrderNotOpen = 22,
    /// The order rests in another market or on another side than the replacement.
    #[error("a modify keeps market and side: cancel and place instead")]
    ModifyChangesMarketOrSide = 23,
    /// The GTT or schedule time is not ahead of block time.
    #[error("time {time_ms} is not at least {minimum_ahead_ms} ms after block time {block_time_ms}")]
    TimeNotAhead {
        /// The time asked for.
        time_ms: TimeMs,
        /// The time of the block.
        block_time_ms: TimeMs,
        /// Least distance: none for GTT orders, [`crate::limits::SCHEDULE_CANCEL_AHEAD_MIN_MS`] for scheduled cancels.
        minimum_ahead_ms: u64,
    } = 24,
    /// Leverage out of range.
    #[error("leverage {leverage} is not between 1 and {maximum}")]
    LeverageOutOfRange { leverage: u32, maximum: u32 } = 25,
    /// Leverage on a market without margin.
    #[error("market {market} has no leverage")]
    NoLeverage { market: MarketId } = 26,
    /// The agent key was an agent before, or is an account.
    #[error("{agent} was an agent before or is an account: create a fresh key")]
    AgentNotFresh { agent: SignerId } = 29,
    /// The account has too many agents.
    #[error("an account has at most {limit} agents: revoke one first")]
    TooManyAgents { limit: u32 } = 30,
    /// No such agent of this account.
    #[error("{agent} is no agent of this account")]
    NotYourAgent { agent: SignerId } = 31,
    /// A name is too long or not printable ASCII.
    #[error("a name has at most {limit_bytes} printable ASCII characters")]
    InvalidName { limit_bytes: u32 } = 32,
    /// A transfer of nothing or less.
    #[error("amount {amount} must be positive")]
    AmountNotPositive { amount: Amount } = 33,
    /// A transfer to oneself or to an account of the system.
    #[error("{to} cannot receive transfers")]
    InvalidRecipient { to: AccountId } = 34,
    /// No faucet for this asset.
    #[error("this chain has no faucet for asset {asset}")]
    NoFaucet { asset: AssetId } = 35,
    /// The faucet was drawn too recently.
    #[error("faucet may be drawn again at {next_ms}")]
    FaucetTooSoon { next_ms: TimeMs } = 36,
    /// No fresh index or mark, so no new risk.
    #[error("market {market} has no fresh price: only reducing orders are accepted")]
    NoFreshPrice { market: MarketId } = 37,
    /// The universe is halted after a violated invariant.
    #[error("universe {universe} is halted: only cancels are accepted")]
    UniverseHalted { universe: UniverseId } = 38,
    /// A number left its range.
    #[error("arithmetic overflow: the numbers are too large")]
    Overflow = 39,
    /// An invariant was violated inside the action; it was reverted and the universe halted.
    #[error("internal invariant violated: {invariant}; the action was reverted")]
    InvariantViolated {
        /// Which, with its operands: for people, to be reported.
        invariant: String,
    } = 40,
    /// Known in Hyperliquid's format, but not supported (yet).
    #[error("{feature} is not supported")]
    Unsupported {
        /// An action type, a grouping, or a field with its value, in Hyperliquid's words.
        feature: String,
    } = 41,
    /// A number that is no decimal number in a Hyperliquid order.
    #[error("{field} is not a valid decimal number")]
    InvalidNumber {
        /// `price` or `size`.
        field: String,
    } = 42,
    /// Trading is over.
    #[error("market {market} expired at {expired_at_ms}: trade another expiry")]
    MarketExpired { market: MarketId, expired_at_ms: TimeMs } = 60,
    /// No position with a purse of its own.
    #[error("no isolated position in market {market}: switch it to isolated margin first")]
    NoIsolatedPosition { market: MarketId } = 100,
    /// What would be left is less than the position needs.
    #[error("the isolated position in market {market} would lack {short_usd} of its initial margin: take out less")]
    IsolatedMarginNeeded {
        /// Where.
        market: MarketId,
        /// What would be lacking, negative.
        short_usd: Usd,
    } = 101,
    /// A premium that would be paid with what the account only hopes to have.
    #[error(
        "premium and fee of {required} must be paid in cash, {available} are there: unrealised or unreceived profit does not pay premiums"
    )]
    PremiumUncovered {
        /// What the fill costs.
        required: Usd,
        /// Cash that no order locks and clearing has received.
        available: Usd,
    } = 130,
    /// A trigger or TWAP where there is no mark.
    #[error("market {market} has no mark: triggers and TWAPs work on perpetuals and futures")]
    NoMark { market: MarketId } = 70,
    /// A trigger that would fire at once.
    #[error("trigger price {trigger_price} is on the wrong side of {reference}: it would fire at once")]
    TriggerWouldFire {
        /// The trigger price given.
        trigger_price: Price,
        /// The mark; for a child, the price at which its parent would trade.
        reference: Price,
    } = 71,
    /// A grouping with other parts than it has.
    #[error(
        "grouping {grouping:?}: single takes triggers alone, one_cancels_other a take-profit and a stop-loss, attached an \
         order and one or both of these, position one or both of these"
    )]
    WrongTriggerGroup { grouping: TriggerGrouping } = 72,
    /// A member of a group in another market or on the wrong side.
    #[error(
        "grouped triggers are in one market and on one side, opposite to the parent or position, children of at most \
         the parent's size; market {market} {side:?} does not fit"
    )]
    WrongTriggerSide {
        /// The member's market.
        market: MarketId,
        /// The member's side.
        side: Side,
    } = 73,
    /// The account has too many triggers here.
    #[error("{waiting} triggers wait, the limit of an account in a market is {limit}: cancel some first")]
    TooManyTriggers { waiting: u32, limit: u32 } = 74,
    /// A child whose parent was refused or left without a fill.
    #[error("the parent order was not placed: no fill of it can be waited for")]
    ParentNotOpen = 75,
    /// A number outside its range.
    #[error("{field} {value} is not between {minimum} and {maximum}")]
    OutOfRange {
        /// The field's name.
        field: String,
        /// What was given.
        value: i64,
        /// The least allowed.
        minimum: i64,
        /// The most allowed.
        maximum: i64,
    } = 76,
    /// No such TWAP of this account.
    #[error("twap {twap} of this account does not run: never placed, ended, or canceled")]
    TwapNotRunning { twap: TwapId } = 77,
    /// The account has too many TWAPs.
    #[error("{running} TWAPs run, the limit of an account is {limit}: cancel one first")]
    TooManyTwaps { running: u32, limit: u32 } = 78,
    /// Market-maker protection fired.
    #[error("market-maker protection refuses quotes in market {market} {}: reset it or wait", until(.until_ms))]
    QuotesFrozen {
        /// Where.
        market: MarketId,
        /// Until when; none: until a reset.
        until_ms: Option<TimeMs>,
    } = 79,
    /// The account named is no sub-account of the one that acts.
    #[error("{sub_account} is no sub-account of this account: create it, or act for its master")]
    NotYourSubAccount { sub_account: AccountId } = 80,
    /// As many as there may be.
    #[error("at most {limit} {what}")]
    TooMany {
        /// Of what, and where the bound holds.
        what: String,
        /// How many.
        limit: u32,
    } = 81,
    /// The name is taken or empty.
    #[error("the name {name:?} is empty or in use: choose another")]
    NameInUse { name: String } = 82,
    /// A sub-account or a vault asked for what only an account with a key of its own can have.
    #[error("{account} is a sub-account or a vault and cannot have its own: act for its master")]
    NotAMaster { account: AccountId } = 83,
    /// Nothing leaves or enters the universe until a loss is allocated.
    #[error("universe {universe} is gated until a loss is allocated: try again later")]
    UniverseGated { universe: UniverseId } = 84,
    /// A move from a universe to itself.
    #[error("the funds are in universe {universe} already")]
    SameUniverse { universe: UniverseId } = 85,
    /// An asset that is worth nothing to the universe's margin.
    #[error("universe {universe} does not take asset {asset}: move its collateral or an asset with collateral terms")]
    AssetNotAccepted { universe: UniverseId, asset: AssetId } = 86,
    /// Terms that no market may have.
    #[error("the listing is invalid: {reason}")]
    InvalidListing {
        /// The rule and what broke it, as a genesis would be told.
        reason: String,
    } = 87,
    /// Terms that a market may have, but not one that anyone lists.
    #[error("{what} of {found} is outside the bound of {limit} for listings")]
    ListingBound {
        /// Of what.
        what: String,
        /// What was asked, in its own unit.
        found: Amount,
        /// The bound.
        limit: Amount,
    } = 88,
    /// The universe was opened by somebody else, or by the genesis.
    #[error("universe {universe} was not opened by this account: open one")]
    NotYourUniverse { universe: UniverseId } = 89,
    /// No such vault.
    #[error("{vault} is no vault")]
    UnknownVault { vault: AccountId } = 90,
    /// Only the leader may.
    #[error("vault {vault} is led by another account")]
    NotYourVault { vault: AccountId } = 91,
    /// The vault takes no deposits any more.
    #[error("vault {vault} is closed: only withdrawals are accepted")]
    VaultClosed { vault: AccountId } = 92,
    /// Shares that are worth next to nothing: they are neither sold nor paid.
    #[error(
        "shares of vault {vault} are worth next to nothing: none are sold; redeem more at once, or when they are worth more"
    )]
    VaultInsolvent { vault: AccountId } = 93,
    /// Less than a deposit may be.
    #[error("a deposit of {amount} is below the minimum of {minimum}")]
    BelowMinimumDeposit { amount: Usd, minimum: Usd } = 94,
    /// The shares were bought too recently.
    #[error("these shares are locked until {until_ms}")]
    SharesLocked { until_ms: TimeMs } = 95,
    /// More than is held and not waiting to be paid, or nothing.
    #[error("{required} shares asked for, {available} can be redeemed")]
    InsufficientShares { required: Shares, available: Shares } = 96,
    /// The leader must stay in.
    #[error("the leader would hold {held} shares and must hold {required}")]
    LeaderShareTooSmall { held: Shares, required: Shares } = 97,
    /// A vault's money is one balance and its linear positions.
    #[error("a vault cannot use {what}: it trades linear markets with cross margin")]
    NotForVaults { what: String } = 98,
    /// Withdrawals wait for the vault's cash, or it is closed.
    #[error("vault {vault} owes withdrawals or is closed: it may only reduce")]
    VaultMustReduce { vault: AccountId } = 99,
    /// An asset that nobody mints.
    #[error("asset {asset} is no synthetic")]
    NotASynthetic { asset: AssetId } = 120,
    /// Nothing is owed.
    #[error("this account owes none of synthetic {asset}: mint first")]
    NoDebt { asset: AssetId } = 121,
    /// A debt too small to be worth its place.
    #[error("{debt} would be owed, a position owes at least {minimum} or nothing")]
    DebtBelowMinimum { debt: Amount, minimum: Amount } = 122,
    /// As much as there may be.
    #[error("{debt} of synthetic {asset} would be owed in all, the ceiling is {ceiling}")]
    DebtCeiling { asset: AssetId, debt: Amount, ceiling: Amount } = 123,
    /// Too little for what is owed.
    #[error("collateral would be {collateral_usd}, what is owed needs {required_usd}: add collateral or owe less")]
    DebtCollateralNeeded { collateral_usd: Usd, required_usd: Usd } = 124,
    /// No fresh index of what a synthetic tracks.
    #[error(
        "asset {asset} has no fresh index: of synthetics that track it, burning and adding collateral are accepted"
    )]
    StaleIndex { asset: AssetId } = 125,
    /// Burning more than is owed.
    #[error("burning {required} asked for, {owed} close the position")]
    MoreThanOwed { required: Amount, owed: Amount } = 126,
    /// Units that nobody owes: whoever minted now would bear others' loss.
    #[error("nobody owes {shortfall} of synthetic {asset}: none is minted until that is made good")]
    SyntheticShort { asset: AssetId, shortfall: Amount } = 127,
    /// A position that owes more than it has and was not dealt with yet.
    #[error("a loss of synthetic {asset} is not allocated yet: try again later")]
    SyntheticLossPending { asset: AssetId } = 128,
    /// Less than was asked for, or nothing.
    #[error("the redemption would pay {paid_usd}, asked for is at least {minimum_usd}")]
    RedemptionBelowMinimum { paid_usd: Usd, minimum_usd: Usd } = 129,
    /// The market has no pool.
    #[error("market {market} has no pool: create one")]
    UnknownPool { market: MarketId } = 110,
    /// The market has a pool already.
    #[error("market {market} has a pool: deposit into it")]
    PoolExists { market: MarketId } = 111,
    /// A pool of something else than a spot market.
    #[error("market {market} is no spot market: only these have pools")]
    NotASpotMarket { market: MarketId } = 112,
    /// Less than a pool begins with.
    #[error("{amount} of asset {asset} is below the {minimum} that a pool begins with")]
    BelowPoolMinimum { asset: AssetId, amount: Amount, minimum: Amount } = 113,
    /// More than a pool may hold.
    #[error("the pool would hold {amount} of asset {asset}, the limit is {limit}")]
    PoolTooLarge { asset: AssetId, amount: Amount, limit: Amount } = 114,
    /// A deposit would buy fewer shares than asked for.
    #[error("the deposit would buy {shares} shares, at least {minimum} are asked for: allow more or try again")]
    PoolSharesBelowMinimum { shares: Shares, minimum: Shares } = 115,
    /// A withdrawal would bring less than asked for.
    #[error(
        "the shares would bring {amount} of asset {asset}, at least {minimum} is asked for: allow less or try again"
    )]
    PoolAmountBelowMinimum { asset: AssetId, amount: Amount, minimum: Amount } = 116,
    /// A pool would begin with a quote that an open order crosses.
    #[error(
        "the pool would quote {quote}, and an open order is at {best}: bring amounts whose price is inside the book"
    )]
    PoolCrossesBook { quote: Price, best: Price } = 117,
    /// No such open request, or not this account's.
    #[error("block request {request} is not open: never made, traded, canceled, over, or of another account")]
    BlockRequestNotOpen { request: BlockRequestId } = 140,
    /// No such open quote, or not for this request, or not this account's.
    #[error("block quote {quote} is not open: never made, traded, canceled, over, or another's")]
    BlockQuoteNotOpen { quote: BlockQuoteId } = 141,
    /// The request names others, or is the account's own.
    #[error("block request {request} does not ask this account for quotes")]
    NotAsked { request: BlockRequestId } = 142,
    /// Legs that do not go together.
    #[error("the legs are invalid: {fault}")]
    InvalidLegs { fault: LegsFault } = 143,
    /// Both sides belong to one owner.
    #[error("{account} belongs to the same owner: nobody trades with oneself")]
    SameOwner { account: AccountId } = 144,
    /// The other side of the block cannot trade it.
    #[error("the maker {maker} cannot trade the block: {fault}")]
    MakerFails {
        /// Who quoted.
        maker: AccountId,
        /// What is in the way.
        fault: MakerFault,
    } = 145,
    /// No such combo, or over.
    #[error("unknown combo {combo}: create it; one with an expired leg is over")]
    UnknownCombo { combo: ComboId } = 146,
    /// A leg would trade too far from its mark, or at no positive price.
    #[error("the leg in market {market} would trade at {price}, too far from its mark {mark}")]
    LegOutsideBand {
        /// Which leg.
        market: MarketId,
        /// Its price.
        price: Price,
        /// The mark.
        mark: Price,
    } = 147,
    /// The request says what its owner does, and the quote does the same.
    #[error("the request is to {side:?}: quote the other side")]
    WrongQuoteSide {
        /// What the request's owner wants to do.
        side: Side,
    } = 148,
}

/// The end of a freeze, for its message.
fn until(until_ms: &Option<TimeMs>) -> String {
    until_ms.map_or_else(|| "until a reset".to_owned(), |until_ms| format!("until {until_ms}"))
}
