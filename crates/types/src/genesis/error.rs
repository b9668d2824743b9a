//! What can be wrong with a genesis file: one variant per rule, with the operands that broke it.

use crate::{
    address::{AccountId, Ed25519Key},
    ids::{AssetId, MarketId, SeatId, UniverseId},
    limits::{NAME_BYTES_MAX, SEATS_MAX},
    numbers::{Amount, Price, Rate, Size, Usd},
    time::TimeMs,
};

/// A rule that a genesis file breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Chain id 0 names no chain.
    #[error("chain_id is 0: choose a number that no other chain has")]
    ChainIdZero,
    /// Terms of a synthetic that break a rule.
    #[error("synthetic {asset}: {what} must hold")]
    Synthetic {
        /// Which.
        asset: AssetId,
        /// The rule.
        what: &'static str,
    },
    /// A name for people.
    #[error("{what} {text:?} must be 1 to {NAME_BYTES_MAX} printable ASCII characters")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        text: String,
    },
    /// A symbol that clients parse.
    #[error("{what} {text:?} must be 1 to {NAME_BYTES_MAX} letters, digits or {punctuation:?}")]
    Symbol {
        /// What it names.
        what: &'static str,
        /// The symbol.
        text: String,
        /// The other characters that it may have.
        punctuation: &'static str,
    },
    /// A symbol or name that was given twice.
    #[error("{what} {text:?} is given twice")]
    SymbolTwice {
        /// What it names.
        what: &'static str,
        /// The symbol.
        text: String,
    },
    /// An id that is not its place in the list.
    #[error("{what} at place {place} has id {found}, expected {expected}")]
    IdNotPlace {
        /// Of what.
        what: &'static str,
        /// Its place in the list, from 0.
        place: usize,
        /// What the id must be there.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A genesis time of 0.
    #[error("time_ms is 0: state the time of the genesis block")]
    TimeZero,
    /// Too few or too many seats.
    #[error("{found} seats: a committee has 1 to {SEATS_MAX}")]
    SeatCount {
        /// How many there are.
        found: usize,
    },
    /// Bytes that are no Ed25519 key.
    #[error("seat {seat}: {key} is no Ed25519 public key")]
    SeatKeyInvalid {
        /// Whose.
        seat: SeatId,
        /// The bytes.
        key: Ed25519Key,
    },
    /// A key that another seat, or the same seat for another job, has.
    #[error("seat {seat}: key {key} is in use already; every seat needs two keys of its own")]
    SeatKeyTwice {
        /// Whose.
        seat: SeatId,
        /// The key.
        key: Ed25519Key,
    },
    /// A list that must not be empty.
    #[error("{what} are missing: at least one is needed")]
    Missing {
        /// Of what.
        what: &'static str,
    },
    /// Too fine a unit.
    #[error("asset {asset}: {decimals} decimals, the most is 18")]
    AssetDecimals {
        /// Which.
        asset: AssetId,
        /// What is stated.
        decimals: u8,
    },
    /// The first universe is always called so.
    #[error("the first universe is called {found:?}, it must be \"core\"")]
    FirstUniverseName {
        /// What is stated.
        found: String,
    },
    /// The first asset is the core collateral.
    #[error("the first universe's collateral is asset {found}, it must be asset 0")]
    FirstUniverseCollateral {
        /// What is stated.
        found: AssetId,
    },
    /// An asset that does not exist.
    #[error("{what} names asset {asset}, which does not exist")]
    UnknownAsset {
        /// What names it.
        what: String,
        /// Which.
        asset: AssetId,
    },
    /// A universe that does not exist.
    #[error("{what} names universe {universe}, which does not exist")]
    UnknownUniverse {
        /// What names it.
        what: String,
        /// Which.
        universe: UniverseId,
    },
    /// Collateral and quote assets count 1e-8 USD.
    #[error("{what}: asset {asset} has {decimals} decimals, collateral and quote assets have 8")]
    NotEightDecimals {
        /// What uses it.
        what: String,
        /// Which.
        asset: AssetId,
        /// Its decimals.
        decimals: u8,
    },
    /// A perpetual after a spot market in the list.
    #[error("market {market}: perpetuals come before spot markets")]
    PerpetualAfterSpot {
        /// Which.
        market: MarketId,
    },
    /// A spot market after a future in the list.
    #[error("market {market}: spot markets come before futures")]
    SpotAfterFuture {
        /// Which.
        market: MarketId,
    },
    /// A future that is over before the chain begins.
    #[error("market {market}: it expires at {expires_at_ms}, not after the genesis time")]
    FutureExpired {
        /// Which.
        market: MarketId,
        /// What is stated.
        expires_at_ms: TimeMs,
    },
    /// Two series of one underlying: their markets would have the same names.
    #[error("future_series names underlying {underlying} twice")]
    FutureSeriesTwice {
        /// Which.
        underlying: AssetId,
    },
    /// No expiries, or more than a series may have.
    #[error(
        "the future series of asset {underlying} has {daily} daily and {weekly} weekly expiries: it needs one, and may have 32 and 52"
    )]
    FutureSeriesExpiries {
        /// Of what.
        underlying: AssetId,
        /// What is stated.
        daily: u32,
        /// What is stated.
        weekly: u32,
    },
    /// A genesis so late that no expiry has a name.
    #[error("the future series of asset {underlying} has no expiry after the genesis time")]
    FutureSeriesTooLate {
        /// Of what.
        underlying: AssetId,
    },
    /// Two series of one underlying in a universe: their markets would have the same names.
    #[error("option_series names underlying {underlying} twice")]
    OptionSeriesTwice {
        /// Which.
        underlying: AssetId,
    },
    /// Terms of a series of options outside their bounds.
    #[error("the option series of asset {underlying} must keep {what}")]
    OptionSeries {
        /// Of what.
        underlying: AssetId,
        /// The rule.
        what: &'static str,
    },
    /// An option among the markets: only a series lists options.
    #[error("market {market} is an option: options are listed by option_series")]
    OptionOutsideSeries {
        /// Which.
        market: MarketId,
    },
    /// Risk terms outside their bounds.
    #[error("market {market}: risk must keep {what}")]
    Risk {
        /// Which.
        market: MarketId,
        /// The rule.
        what: &'static str,
    },
    /// Collateral terms outside their bounds.
    #[error("asset {asset} as collateral: {what}")]
    Collateral {
        /// Which.
        asset: AssetId,
        /// The rule.
        what: &'static str,
    },
    /// More markets than ids of that kind.
    #[error("{found} {what}: ids are left for {limit}")]
    TooManyMarkets {
        /// Of what kind.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many ids there are.
        limit: usize,
    },
    /// A perpetual on an asset that the oracle does not publish.
    #[error("market {market}: asset {underlying} has no index to follow")]
    NoIndex {
        /// Which market.
        market: MarketId,
        /// Which asset.
        underlying: AssetId,
    },
    /// A spot market of an asset against itself.
    #[error("market {market}: base and quote are both asset {asset}")]
    BaseIsQuote {
        /// Which market.
        market: MarketId,
        /// Which asset.
        asset: AssetId,
    },
    /// A lot that is smaller than the asset's unit.
    #[error("market {market}: {size_decimals} size decimals, its base asset has {asset_decimals}")]
    SizeDecimals {
        /// Which.
        market: MarketId,
        /// What is stated.
        size_decimals: u8,
        /// What the base asset has.
        asset_decimals: u8,
    },
    /// A tick that is not positive.
    #[error("market {market}: tick {tick} is not positive")]
    Tick {
        /// Which.
        market: MarketId,
        /// What is stated.
        tick: Price,
    },
    /// A fill whose quote amount would not be exact.
    #[error("market {market}: tick {tick} times a lot of 10^-{size_decimals} is no whole number of 1e-8 USD")]
    TickTimesLot {
        /// Which.
        market: MarketId,
        /// Its tick.
        tick: Price,
        /// Its lot.
        size_decimals: u8,
    },
    /// A fee outside its range.
    #[error("market {market}: {what} fee {fee} is not between 0 and 0.1")]
    Fee {
        /// Which.
        market: MarketId,
        /// Maker or taker.
        what: &'static str,
        /// What is stated.
        fee: Rate,
    },
    /// Bounds of an order's value that no order meets, or a negative one.
    #[error("market {market}: order value from {minimum} to {maximum} USD: state 0 <= minimum <= maximum, maximum > 0")]
    NotionalRange {
        /// Which.
        market: MarketId,
        /// What is stated.
        minimum: Usd,
        /// What is stated.
        maximum: Usd,
    },
    /// A price band outside its range.
    #[error("market {market}: price band {price_band} is not above 0 and at most 1")]
    PriceBand {
        /// Which.
        market: MarketId,
        /// What is stated.
        price_band: Rate,
    },
    /// No account could have an order.
    #[error("market {market}: open_orders_per_account_max is 0")]
    NoOpenOrders {
        /// Which.
        market: MarketId,
    },
    /// A maximum leverage outside its range.
    #[error("market {market}: maximum leverage {maximum_leverage} is not between 1 and 200")]
    Leverage {
        /// Which.
        market: MarketId,
        /// What is stated.
        maximum_leverage: u32,
    },
    /// A cap of zero lots, or of more than a position can hold.
    #[error("market {market}: {what} maximum of {lots} lots is not between 1 and 2^63 - 1")]
    Cap {
        /// Which.
        market: MarketId,
        /// Of open interest or of a position.
        what: &'static str,
        /// What is stated.
        lots: Size,
    },
    /// An amount that is not positive.
    #[error("{what} of asset {asset}: amount {amount} is not positive")]
    AmountNotPositive {
        /// Balance or faucet grant.
        what: &'static str,
        /// Of what.
        asset: AssetId,
        /// What is stated.
        amount: Amount,
    },
    /// Two opening balances for the same thing.
    #[error("the balance of {account} in universe {universe}, asset {asset}, is given twice")]
    BalanceTwice {
        /// Whose.
        account: AccountId,
        /// Where.
        universe: UniverseId,
        /// Of what.
        asset: AssetId,
    },
    /// Opening balances that do not fit their number together.
    #[error("the balances of asset {asset} in universe {universe} add up to more than 2^127 - 1 units")]
    BalanceSum {
        /// Where.
        universe: UniverseId,
        /// Of what.
        asset: AssetId,
    },
    /// A fee or clearing account where a person's is meant.
    #[error("{what}: {account} belongs to the system, it cannot be given anything")]
    SystemAccount {
        /// What names it.
        what: &'static str,
        /// Which.
        account: AccountId,
    },
    /// An account listed twice.
    #[error("hyperliquid_compatible names {account} twice")]
    CompatibleTwice {
        /// Which.
        account: AccountId,
    },
    /// Two grants for one asset: a claim names only the asset.
    #[error("the faucet grants asset {asset} twice")]
    FaucetTwice {
        /// Which.
        asset: AssetId,
    },
    /// A faucet without end.
    #[error("the faucet of asset {asset} has interval_ms 0: anyone could draw without end")]
    FaucetInterval {
        /// Which.
        asset: AssetId,
    },
    /// No account could ever act.
    #[error("action_budget.initial is 0: no account could send its first action")]
    BudgetInitial,
    /// A refill that never waits.
    #[error("action_budget.refill_interval_ms is 0: state the time for one action more")]
    BudgetRefill,
    /// A database layout that this binary does not have.
    #[error("storage.layout is {found}, this binary has 1")]
    StorageLayout {
        /// What is stated.
        found: u32,
    },
}
