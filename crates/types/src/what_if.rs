//! What an account would need, asked with numbers instead of an account: the input and output of `palisade margin FILE` and of the
//! node's `palisade_margin`. Every number is a decimal text in US dollars unless its name says otherwise.

use crate::numbers::{Position, Price, Rate, Usd};
use serde::{Deserialize, Serialize};

/// An account, its positions and the prices to judge it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// Cash in the universe's collateral; may be negative.
    pub cash_usd: Usd,
    /// What open spot orders lock of it.
    #[serde(default)]
    pub held_usd: Usd,
    /// Other assets that back the positions.
    #[serde(default)]
    pub collateral: Vec<WhatIfCollateral>,
    /// Positions that are margined together.
    pub positions: Vec<WhatIfPosition>,
    /// The index of the quote asset; below 0.99 requirements rise.
    #[serde(default)]
    pub quote_index: Option<Price>,
}

/// An asset that backs positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfCollateral {
    /// A name for people.
    pub symbol: String,
    /// What is held of it, at the index.
    pub value_usd: Usd,
    /// What is held of it, at the slow price.
    pub slow_value_usd: Usd,
    /// What the universe holds of it in all.
    pub universe_value_usd: Usd,
    /// As in the asset's terms.
    pub initial_weight: Rate,
    /// As in the asset's terms.
    pub maintenance_weight: Rate,
    /// As in the asset's terms.
    pub full_weight_maximum_usd: Usd,
}

/// A position in a linear market and the market's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfPosition {
    /// A name for people; each once.
    pub market: String,
    /// Lots, long positive.
    pub lots: Position,
    /// A lot is 10^-size_decimals of the base.
    pub size_decimals: u8,
    /// What the lots cost (negative for a short, which was paid).
    pub cost_usd: Usd,
    /// The mark.
    pub mark: Price,
    /// The mark's slow price; the mark itself if left out.
    #[serde(default)]
    pub slow_mark: Option<Price>,
    /// The leverage chosen.
    pub leverage: u32,
    /// The market's maximum leverage.
    pub maximum_leverage: u32,
    /// One side's open interest.
    pub open_interest_usd: Usd,
    /// As in the market's risk terms.
    pub open_interest_lower_usd: Usd,
    /// As in the market's risk terms.
    pub open_interest_upper_usd: Usd,
    /// The index's variance, in parts per million squared per second.
    pub variance: i64,
    /// As in the market's risk terms.
    pub volatility_multiplier: Rate,
    /// The depth of the book that counts.
    pub depth_usd: Usd,
}

/// What the account has and needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfAnswer {
    /// One per position, in order.
    pub positions: Vec<WhatIfPositionAnswer>,
    /// What other assets count for initial margin.
    pub collateral_initial_usd: Usd,
    /// What other assets count for maintenance.
    pub collateral_maintenance_usd: Usd,
    /// What the account has, by the marks.
    pub equity_usd: Usd,
    /// What counts for new risk.
    pub initial_equity_usd: Usd,
    /// The initial requirement.
    pub initial_usd: Usd,
    /// The maintenance requirement.
    pub maintenance_usd: Usd,
    /// Equity less maintenance; below zero the account is liquidated.
    pub health_usd: Usd,
    /// What could leave.
    pub withdrawable_usd: Usd,
    /// `healthy`, `warned` (below 1.25 times maintenance), `called` (below 1.1) or `liquidatable`.
    pub level: crate::event::MarginLevel,
}

/// What one position needs, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfPositionAnswer {
    /// As asked.
    pub market: String,
    /// Its value at the mark.
    pub notional_usd: Usd,
    /// Profit at the mark.
    pub unrealised_usd: Usd,
    /// The part of it that counts for initial margin.
    pub counted_profit_usd: Usd,
    /// `1 / leverage`.
    pub by_leverage_usd: Usd,
    /// What the market's open interest asks.
    pub by_crowd_usd: Usd,
    /// What volatility asks.
    pub by_volatility_usd: Usd,
    /// What size adds to the largest of these.
    pub concentration_usd: Usd,
    /// What a quote asset below its peg adds.
    pub depeg_usd: Usd,
    /// The initial requirement.
    pub initial_usd: Usd,
    /// The maintenance requirement.
    pub maintenance_usd: Usd,
    /// The mark at which the account would be liquidated, all else unchanged.
    pub liquidation_price: Option<Price>,
}
