//! What the genesis (and later governance) says about assets, universes and markets.

use crate::{
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Price, Rate, Size, Usd},
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
    /// Its number: perpetuals 0, 1, …; spot 10000, 10001, …; its place in the list of its kind.
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
    } = 1,
}

impl MarketSpec {
    /// The terms of a perpetual, if it is one.
    pub const fn perpetual(&self) -> Option<PerpetualTerms> {
        match self.kind {
            MarketKind::Perpetual { underlying, maximum_leverage, open_interest_maximum, position_maximum } => {
                Some(PerpetualTerms { underlying, maximum_leverage, open_interest_maximum, position_maximum })
            }
            MarketKind::Spot { .. } => None,
        }
    }

    /// The assets of a spot market, if it is one.
    pub const fn spot(&self) -> Option<SpotTerms> {
        match self.kind {
            MarketKind::Spot { base, quote } => Some(SpotTerms { base, quote }),
            MarketKind::Perpetual { .. } => None,
        }
    }
}

/// The terms of a perpetual; see [`MarketKind::Perpetual`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerpetualTerms {
    /// The asset whose index it follows.
    pub underlying: AssetId,
    /// The reciprocal of the least initial margin fraction.
    pub maximum_leverage: u32,
    /// Most lots of open interest (one side).
    pub open_interest_maximum: Size,
    /// Most lots that one account may hold.
    pub position_maximum: Size,
}

/// The assets of a spot market; see [`MarketKind::Spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotTerms {
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
}
