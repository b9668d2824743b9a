//! Shares of vaults, and what anyone may list.

use crate::{
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketKind, MarketSpec, RiskTerms},
    numbers::{Price, Rate, Shares, Size, Usd},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// How much of a holding is redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum Redemption {
    /// All of it.
    All = 0,
    /// So many shares.
    Shares {
        /// How many; positive.
        shares: Shares,
    } = 1,
    /// As many shares as are worth so much.
    Value {
        /// How much, before a leader's part; positive.
        amount_usd: Usd,
    } = 2,
}

/// A share class of a backstop vault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Tranche {
    /// Loses first and earns more.
    Junior = 0,
    /// Loses what junior cannot bear.
    Senior = 1,
}

/// The terms of a perpetual market that somebody lists: a [`MarketSpec`] without what the chain decides.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerpetualListing {
    /// `BTC`, …; of no other market.
    pub symbol: String,
    /// The asset whose index it follows.
    pub underlying: AssetId,
    /// A lot is 10^-size_decimals of the underlying.
    pub size_decimals: u8,
    /// Prices are multiples of this.
    pub tick: Price,
    /// Fee on resting orders' fills.
    pub maker_fee: Rate,
    /// Fee on incoming orders' fills.
    pub taker_fee: Rate,
    /// Least `price × size` of an order that does not only reduce.
    pub minimum_notional_usd: Usd,
    /// Most `price × size` of one order.
    pub maximum_notional_usd: Usd,
    /// How far a limit price may lie on the aggressive side of the reference price.
    pub price_band: Rate,
    /// Most open orders of one account.
    pub open_orders_per_account_max: u32,
    /// Initial margin fraction = 1 / leverage.
    pub maximum_leverage: u32,
    /// Most lots of open interest (one side).
    pub open_interest_maximum: Size,
    /// Most lots that one account may hold.
    pub position_maximum: Size,
    /// What margin adds for crowds, size and volatility, and who bears losses.
    pub risk: RiskTerms,
}

impl PerpetualListing {
    /// The market as it would be stored.
    pub fn into_spec(self, id: MarketId, universe: UniverseId) -> MarketSpec {
        MarketSpec {
            id,
            symbol: self.symbol,
            universe,
            kind: MarketKind::Perpetual {
                underlying: self.underlying,
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
