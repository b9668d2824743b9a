//! What the genesis (and later governance) says about assets, universes and markets.

use crate::{
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Price, Rate, Size, Usd},
    time::TimeMs,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// An asset that can be held, or that an index follows.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// Its number: its place in the list.
    pub id: AssetId,
    /// `USDC`, `BTC`, …
    pub symbol: String,
    /// Smallest unit = 10^-decimals; 0 to 18. The quote asset of a market has 8, so that one unit is 1e-8 USD.
    pub decimals: u8,
    /// Whether the oracle publishes an index for it.
    pub has_index: bool,
    /// How it backs positions; `None` if it does not. The universe's own collateral asset always does, at its face.
    #[serde(default)]
    pub collateral: Option<CollateralTerms>,
}

/// How much of an asset's value backs positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollateralTerms {
    /// The part of its value that counts for initial margin, at the lower of index and slow price.
    pub initial_weight: Rate,
    /// The part of its value that counts for maintenance margin, at the index.
    pub maintenance_weight: Rate,
    /// Once a universe holds more than this, what counts for initial margin falls in inverse proportion to what it holds;
    /// maintenance stays, or anybody could liquidate others by paying in.
    pub full_weight_maximum_usd: Usd,
}

/// A unit of risk isolation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniverseSpec {
    /// Its number: its place in the list.
    pub id: UniverseId,
    /// `core`, …
    pub name: String,
    /// The asset that margin is posted in and profit is paid in.
    pub collateral: AssetId,
}

/// A market's permanent terms.
///
/// `tick × lot` is a whole number of 1e-8 USD, so that every fill's quote amount is exact.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSpec {
    /// Its number: perpetuals 0, 1, …; spot 10000, 10001, …; futures 110000, …; options 1000000000, …; its place in the
    /// list of its kind.
    pub id: MarketId,
    /// `BTC`, `BTC/USDC`, …
    pub symbol: String,
    /// The universe it belongs to.
    pub universe: UniverseId,
    /// What is traded.
    pub kind: MarketKind,
    /// A lot is 10^-size_decimals of the base asset.
    pub size_decimals: u8,
    /// Prices are multiples of this.
    pub tick: Price,
    /// Fee on resting orders' fills, of the quote amount, rounded up.
    pub maker_fee: Rate,
    /// Fee on incoming orders' fills, of the quote amount, rounded up.
    pub taker_fee: Rate,
    /// Least `price × size` of an order that does not only reduce.
    pub minimum_notional_usd: Usd,
    /// Most `price × size` of one order.
    pub maximum_notional_usd: Usd,
    /// How far a limit price may lie on the aggressive side of the reference price (mark, else last trade).
    pub price_band: Rate,
    /// Most open orders of one account here.
    pub open_orders_per_account_max: u32,
}

/// What a market trades.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum MarketKind {
    /// One asset against another, delivered at once.
    Spot {
        /// What is bought and sold.
        base: AssetId,
        /// What is paid; has 8 decimals.
        quote: AssetId,
    } = 0,
    /// A linear perpetual on an index, settled in the universe's collateral.
    Perpetual {
        /// The asset whose index it follows.
        underlying: AssetId,
        /// Initial margin fraction = 1 / leverage; maintenance is half the initial fraction at this maximum.
        maximum_leverage: u32,
        /// Most lots of open interest (one side).
        open_interest_maximum: Size,
        /// Most lots that one account may hold.
        position_maximum: Size,
        /// What margin adds for crowds, size and volatility, and who bears losses.
        #[serde(default)]
        risk: RiskTerms,
    } = 1,
    /// A linear future on an index, settled in cash at its expiry.
    Future {
        /// The asset whose index it follows.
        underlying: AssetId,
        /// When it is settled.
        expires_at_ms: TimeMs,
        /// As of a perpetual.
        maximum_leverage: u32,
        /// Most lots of open interest (one side).
        open_interest_maximum: Size,
        /// Most lots that one account may hold.
        position_maximum: Size,
        /// As of a perpetual.
        #[serde(default)]
        risk: RiskTerms,
    } = 2,
    /// A European option on an index, paid for when it is traded, settled in cash at its expiry. Only series list options.
    Option {
        /// The asset whose index it follows.
        underlying: AssetId,
        /// When it is settled.
        expires_at_ms: TimeMs,
        /// The price that its payoff is counted from.
        strike: Price,
        /// Call or put.
        right: OptionKind,
        /// Most of a premium that a fee may take.
        fee_share_maximum: Rate,
        /// As of a perpetual.
        open_interest_maximum: Size,
        /// As of a perpetual.
        position_maximum: Size,
        /// As of a perpetual; only the vault's share and the fund's claim matter.
        #[serde(default)]
        risk: RiskTerms,
    } = 3,
}

/// The right to buy or to sell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum OptionKind {
    /// Pays what the settlement price is above the strike.
    Call = 0,
    /// Pays what the settlement price is below the strike.
    Put = 1,
}

impl OptionKind {
    /// The last letter of an option's name.
    pub const fn letter(self) -> char {
        match self {
            Self::Call => 'C',
            Self::Put => 'P',
        }
    }
}

/// Futures that are listed by rule; see `docs/rules/futures.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FutureSeriesSpec {
    /// The universe of its markets.
    pub universe: UniverseId,
    /// The asset whose index they follow; its symbol begins their names.
    pub underlying: AssetId,
    /// How many of the next daily expiries are listed.
    pub daily: u32,
    /// How many of the next expiries on Fridays are listed.
    pub weekly: u32,
    /// As of a market.
    pub size_decimals: u8,
    /// As of a market.
    pub tick: Price,
    /// As of a market.
    pub maker_fee: Rate,
    /// As of a market.
    pub taker_fee: Rate,
    /// As of a market.
    pub minimum_notional_usd: Usd,
    /// As of a market.
    pub maximum_notional_usd: Usd,
    /// As of a market.
    pub price_band: Rate,
    /// As of a market.
    pub open_orders_per_account_max: u32,
    /// As of a perpetual.
    pub maximum_leverage: u32,
    /// As of a perpetual.
    pub open_interest_maximum: Size,
    /// As of a perpetual.
    pub position_maximum: Size,
    /// As of a perpetual.
    #[serde(default)]
    pub risk: RiskTerms,
}

impl FutureSeriesSpec {
    /// Which expiries are listed.
    pub const fn counts(&self) -> ExpiryCounts {
        ExpiryCounts { daily: self.daily, weekly: self.weekly, monthly: 0, quarterly: 0 }
    }

    /// The market of the series that expires then.
    pub const fn market(&self, id: MarketId, symbol: String, expires_at_ms: TimeMs) -> MarketSpec {
        MarketSpec {
            id,
            symbol,
            universe: self.universe,
            kind: MarketKind::Future {
                underlying: self.underlying,
                expires_at_ms,
                maximum_leverage: self.maximum_leverage,
                open_interest_maximum: self.open_interest_maximum,
                position_maximum: self.position_maximum,
                risk: self.risk,
            },
            size_decimals: self.size_decimals,
            tick: self.tick,
            maker_fee: self.maker_fee,
            taker_fee: self.taker_fee,
            minimum_notional_usd: self.minimum_notional_usd,
            maximum_notional_usd: self.maximum_notional_usd,
            price_band: self.price_band,
            open_orders_per_account_max: self.open_orders_per_account_max,
        }
    }
}

/// Options that are listed by rule; see `docs/rules/options.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSeriesSpec {
    /// The universe of its markets.
    pub universe: UniverseId,
    /// The asset whose index they follow; its symbol begins their names.
    pub underlying: AssetId,
    /// Which expiries are listed.
    pub expiries: ExpiryCounts,
    /// Strikes on each side of the forward.
    pub strikes_per_side: u32,
    /// The volatility of a surface that nobody quoted yet.
    pub default_volatility: Rate,
    /// How far a volatility may move within a second.
    pub volatility_move_per_second: Rate,
    /// As of a market.
    pub size_decimals: u8,
    /// As of a market.
    pub tick: Price,
    /// Fee on resting orders' fills, of the forward's value.
    pub maker_fee: Rate,
    /// Fee on incoming orders' fills, of the forward's value.
    pub taker_fee: Rate,
    /// Most of a premium that a fee may take.
    pub fee_share_maximum: Rate,
    /// As of a market.
    pub minimum_notional_usd: Usd,
    /// As of a market.
    pub maximum_notional_usd: Usd,
    /// How far a limit price may lie on the aggressive side of the mark, as a part of the forward.
    pub price_band: Rate,
    /// As of a market.
    pub open_orders_per_account_max: u32,
    /// As of a perpetual.
    pub open_interest_maximum: Size,
    /// As of a perpetual.
    pub position_maximum: Size,
    /// As of a perpetual; only the vault's share and the fund's claim matter.
    #[serde(default)]
    pub risk: RiskTerms,
}

/// How many of the next expiries of each kind are listed; one that is of two kinds counts for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiryCounts {
    /// Every day.
    pub daily: u32,
    /// Fridays.
    pub weekly: u32,
    /// The last Friday of a month.
    #[serde(default)]
    pub monthly: u32,
    /// The last Friday of March, June, September and December.
    #[serde(default)]
    pub quarterly: u32,
}

impl OptionSeriesSpec {
    /// The market of the series with these terms.
    pub const fn market(
        &self,
        id: MarketId,
        symbol: String,
        expires_at_ms: TimeMs,
        strike: Price,
        right: OptionKind,
    ) -> MarketSpec {
        MarketSpec {
            id,
            symbol,
            universe: self.universe,
            kind: MarketKind::Option {
                underlying: self.underlying,
                expires_at_ms,
                strike,
                right,
                fee_share_maximum: self.fee_share_maximum,
                open_interest_maximum: self.open_interest_maximum,
                position_maximum: self.position_maximum,
                risk: self.risk,
            },
            size_decimals: self.size_decimals,
            tick: self.tick,
            maker_fee: self.maker_fee,
            taker_fee: self.taker_fee,
            minimum_notional_usd: self.minimum_notional_usd,
            maximum_notional_usd: self.maximum_notional_usd,
            price_band: self.price_band,
            open_orders_per_account_max: self.open_orders_per_account_max,
        }
    }
}

/// What margin adds in a linear market beyond `1 / leverage`, and how its losses are borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskTerms {
    /// Open interest (one side, in USD) from which the initial fraction begins to rise.
    pub open_interest_lower_usd: Usd,
    /// Open interest at which the initial fraction is one.
    pub open_interest_upper_usd: Usd,
    /// Depth of the book counts as at least this much.
    pub depth_minimum_usd: Usd,
    /// How much is bought and sold, in thought, to find the impact prices of funding.
    pub impact_notional_usd: Usd,
    /// Standard deviations over the margin period of risk that the initial fraction covers; zero leaves them out.
    pub volatility_multiplier: Rate,
    /// The part of the backstop vault that this market may use and lose.
    pub backstop_share: Rate,
    /// Most that the insurance fund pays for this market.
    pub fund_claim_maximum_usd: Usd,
}

/// A bound that no market reaches.
const UNBOUNDED_USD: Usd = Usd::new(1_000_000_000_000_000 * 100_000_000);

impl RiskTerms {
    /// Nothing added: `1 / leverage` alone decides; a fifth of the backstop and all of the fund may be used.
    pub const fn flat() -> Self {
        Self {
            open_interest_lower_usd: UNBOUNDED_USD,
            open_interest_upper_usd: UNBOUNDED_USD,
            depth_minimum_usd: UNBOUNDED_USD,
            impact_notional_usd: Usd::new(10_000 * 100_000_000),
            volatility_multiplier: Rate::ZERO,
            backstop_share: Rate::new(200_000),
            fund_claim_maximum_usd: UNBOUNDED_USD,
        }
    }
}

impl Default for RiskTerms {
    fn default() -> Self {
        Self::flat()
    }
}

impl MarketSpec {
    /// The terms of a perpetual, if it is one.
    pub const fn perpetual(&self) -> Option<LinearTerms> {
        match self.linear() {
            Some(terms) if terms.expires_at_ms.is_none() => Some(terms),
            _ => None,
        }
    }

    /// The terms of a perpetual or a future, if it is either.
    pub const fn linear(&self) -> Option<LinearTerms> {
        let Some(terms) = self.derivative() else { return None };
        let Some(maximum_leverage) = self.maximum_leverage() else { return None };
        Some(LinearTerms {
            underlying: terms.underlying,
            expires_at_ms: terms.expires_at_ms,
            maximum_leverage,
            risk: terms.risk,
        })
    }

    /// What all markets have in which positions are held: perpetuals, futures and options.
    pub const fn derivative(&self) -> Option<DerivativeTerms> {
        let (underlying, expires_at_ms, open_interest_maximum, position_maximum, risk) = match self.kind {
            MarketKind::Perpetual { underlying, open_interest_maximum, position_maximum, risk, .. } => {
                (underlying, None, open_interest_maximum, position_maximum, risk)
            }
            MarketKind::Future { underlying, expires_at_ms, open_interest_maximum, position_maximum, risk, .. }
            | MarketKind::Option { underlying, expires_at_ms, open_interest_maximum, position_maximum, risk, .. } => {
                (underlying, Some(expires_at_ms), open_interest_maximum, position_maximum, risk)
            }
            MarketKind::Spot { .. } => return None,
        };
        Some(DerivativeTerms { underlying, expires_at_ms, open_interest_maximum, position_maximum, risk })
    }

    /// The terms of an option, if it is one.
    pub const fn option(&self) -> Option<OptionContract> {
        match self.kind {
            MarketKind::Option { underlying, expires_at_ms, strike, right, fee_share_maximum, .. } => {
                Some(OptionContract { underlying, expires_at_ms, strike, right, fee_share_maximum })
            }
            MarketKind::Spot { .. } | MarketKind::Perpetual { .. } | MarketKind::Future { .. } => None,
        }
    }

    /// The maximum leverage of a linear market.
    pub const fn maximum_leverage(&self) -> Option<u32> {
        match self.kind {
            MarketKind::Perpetual { maximum_leverage, .. } | MarketKind::Future { maximum_leverage, .. } => {
                Some(maximum_leverage)
            }
            MarketKind::Spot { .. } | MarketKind::Option { .. } => None,
        }
    }

    /// When the market ends, if it does.
    pub const fn expires_at_ms(&self) -> Option<TimeMs> {
        match self.kind {
            MarketKind::Future { expires_at_ms, .. } | MarketKind::Option { expires_at_ms, .. } => Some(expires_at_ms),
            MarketKind::Spot { .. } | MarketKind::Perpetual { .. } => None,
        }
    }

    /// The assets of a spot market, if it is one.
    pub const fn spot(&self) -> Option<SpotTerms> {
        match self.kind {
            MarketKind::Spot { base, quote } => Some(SpotTerms { base, quote }),
            MarketKind::Perpetual { .. } | MarketKind::Future { .. } | MarketKind::Option { .. } => None,
        }
    }
}

/// The terms of a linear market; see [`MarketKind::Perpetual`] and [`MarketKind::Future`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearTerms {
    /// The asset whose index it follows.
    pub underlying: AssetId,
    /// When it is settled; never, if it is a perpetual.
    pub expires_at_ms: Option<TimeMs>,
    /// The reciprocal of the least initial margin fraction.
    pub maximum_leverage: u32,
    /// Add-ons of margin and the order of losses.
    pub risk: RiskTerms,
}

/// What all markets have in which positions are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerivativeTerms {
    /// The asset whose index it follows.
    pub underlying: AssetId,
    /// When it is settled; never, if it is a perpetual.
    pub expires_at_ms: Option<TimeMs>,
    /// Most lots of open interest (one side).
    pub open_interest_maximum: Size,
    /// Most lots that one account may hold.
    pub position_maximum: Size,
    /// Add-ons of margin and the order of losses.
    pub risk: RiskTerms,
}

/// The terms of an option; see [`MarketKind::Option`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionContract {
    /// The asset whose index it follows.
    pub underlying: AssetId,
    /// When it is settled.
    pub expires_at_ms: TimeMs,
    /// The price that its payoff is counted from.
    pub strike: Price,
    /// Call or put.
    pub right: OptionKind,
    /// Most of a premium that a fee may take.
    pub fee_share_maximum: Rate,
}

/// The assets of a spot market; see [`MarketKind::Spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotTerms {
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
}
