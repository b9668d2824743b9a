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
    /// Its number: perpetuals 0, 1, …; spot 10000, 10001, …; futures 110000, …; its place in the list of its kind.
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
        match self.kind {
            MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum, risk } => {
                Some(LinearTerms {
                    underlying,
                    expires_at_ms: None,
                    maximum_leverage,
                    open_interest_maximum,
                    position_maximum,
                    risk,
                })
            }
            MarketKind::Future {
                underlying,
                expires_at_ms,
                maximum_leverage,
                open_interest_maximum,
                position_maximum,
                risk,
            } => Some(LinearTerms {
                underlying,
                expires_at_ms: Some(expires_at_ms),
                maximum_leverage,
                open_interest_maximum,
                position_maximum,
                risk,
            }),
            MarketKind::Spot { .. } => None,
        }
    }

    /// The maximum leverage of a linear market.
    pub const fn maximum_leverage(&self) -> Option<u32> {
        match self.kind {
            MarketKind::Perpetual { maximum_leverage, .. } | MarketKind::Future { maximum_leverage, .. } => {
                Some(maximum_leverage)
            }
            MarketKind::Spot { .. } => None,
        }
    }

    /// The assets of a spot market, if it is one.
    pub const fn spot(&self) -> Option<SpotTerms> {
        match self.kind {
            MarketKind::Spot { base, quote } => Some(SpotTerms { base, quote }),
            MarketKind::Perpetual { .. } | MarketKind::Future { .. } => None,
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
    /// Most lots of open interest (one side).
    pub open_interest_maximum: Size,
    /// Most lots that one account may hold.
    pub position_maximum: Size,
    /// Add-ons of margin and the order of losses.
    pub risk: RiskTerms,
}

/// The assets of a spot market; see [`MarketKind::Spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotTerms {
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
}
