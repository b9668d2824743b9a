//! What an account would need, asked with numbers instead of an account: the input and output of `palisade margin FILE` and of the
//! node's `palisade_margin`. Every number is a decimal text in US dollars unless its name says otherwise. The shapes alone: the
//! engine answers, with the functions that margin real accounts.

use crate::{fixed::Volatility, portfolio::question::PortfolioAnswer};
use palisade_types::{
    event::MarginLevel,
    market::OptionKind,
    numbers::{Position, Price, Rate, Usd},
};
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
    /// Positions in perpetuals and futures that are margined together.
    pub positions: Vec<WhatIfPosition>,
    /// The expiries that options and futures name by place, from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<WhatIfExpiry>,
    /// Options, margined by expiry or, in portfolio mode, with what they are on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<WhatIfOption>,
    /// Whether the account is in portfolio mode; then positions need their `underlying` and options a `volatility`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub portfolio: bool,
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
    /// What it is on, for portfolio mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlying: Option<String>,
    /// Which expiry a future ends with, by place; none for perpetuals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<usize>,
}

/// One expiry of an underlying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfExpiry {
    /// Of what: a name for people.
    pub underlying: String,
    /// The price for delivery then.
    pub forward: Price,
    /// The slow price that follows it; the forward itself if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_forward: Option<Price>,
    /// Milliseconds until then.
    pub time_ms: u64,
}

/// A position in an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfOption {
    /// A name for people; each once.
    pub market: String,
    /// Which expiry, by place.
    pub expiry: usize,
    /// `call` or `put`.
    pub kind: OptionKind,
    /// The strike.
    pub strike: Price,
    /// Lots, long positive.
    pub lots: Position,
    /// A lot is 10^-size_decimals of the underlying, for all options of an expiry.
    pub size_decimals: u8,
    /// What the surface says for the strike; 1 is 100 % a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility: Option<Volatility>,
    /// What a unit is worth; what the volatility makes of it if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Price>,
    /// What a unit is worth at the slow forward; what the volatility makes of it if left out, or without one the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_mark: Option<Price>,
}

/// A real account as a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginQuestion {
    /// What it holds that is margined together.
    pub question: WhatIf,
    /// What it has beside that and is no part of the question.
    pub left_out: Vec<LeftOut>,
}

/// What the question of an account leaves out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LeftOut {
    /// Open orders of a market, which reserve initial margin beyond that of positions.
    OpenOrders {
        /// Where.
        market: String,
    },
    /// A position with collateral of its own, margined by itself.
    IsolatedPosition {
        /// Where.
        market: String,
    },
    /// A future of a portfolio whose settlement price is fixed: it is no leg any more, and will be delivered.
    FixedFuture {
        /// Which.
        market: String,
    },
    /// What is owed of a synthetic, with collateral of its own.
    Debt {
        /// Of which.
        asset: String,
    },
}

/// What the account has and needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfAnswer {
    /// One per position, in order. In portfolio mode what each would need by itself.
    pub positions: Vec<WhatIfPositionAnswer>,
    /// One per option, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<WhatIfOptionAnswer>,
    /// One per expiry of options, in order: what they are worth and need outside portfolio mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<WhatIfExpiryAnswer>,
    /// In portfolio mode one per underlying, by name: every scenario, the worst one, and what the whole needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub portfolios: Vec<WhatIfPortfolioAnswer>,
    /// What options are worth at their marks, a part of equity; negative if shorts outweigh longs.
    #[serde(default)]
    pub options_value_usd: Usd,
    /// What options, and portfolios, need more at slow prices: it counts where cash leaves.
    #[serde(default)]
    pub unconfirmed_need_usd: Usd,
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
    pub level: MarginLevel,
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
    /// The mark at which the account would be liquidated, all else unchanged; none in portfolio mode, where no one price decides.
    pub liquidation_price: Option<Price>,
}

/// What one option is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfOptionAnswer {
    /// As asked.
    pub market: String,
    /// What a unit is worth.
    pub mark: Price,
    /// What the lots are worth; negative for a short.
    pub value_usd: Usd,
}

/// What the options of one expiry are worth and need outside portfolio mode; in cash they need the requirement less the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfExpiryAnswer {
    /// Its place.
    pub expiry: usize,
    /// What they are worth.
    pub value_usd: Usd,
    /// The initial requirement.
    pub initial_usd: Usd,
    /// The maintenance requirement.
    pub maintenance_usd: Usd,
    /// What they need more, in cash, at the slow forward: it counts where cash leaves.
    #[serde(default)]
    pub unconfirmed_need_usd: Usd,
}

/// What everything on one underlying needs together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhatIfPortfolioAnswer {
    /// Of what.
    pub underlying: String,
    /// Every part of what the grid asks; places of expiries count those of this underlying alone.
    pub margin: PortfolioAnswer,
    /// What the markets of perpetuals and futures ask beyond the grid, for initial margin.
    pub beyond_grid_initial_usd: Usd,
    /// The same for maintenance.
    pub beyond_grid_maintenance_usd: Usd,
    /// The initial requirement: both, and of longs alone at most what they are worth.
    pub initial_usd: Usd,
    /// The maintenance requirement.
    pub maintenance_usd: Usd,
    /// What is needed more, beyond what options are worth, at slow prices: it counts where cash leaves.
    #[serde(default)]
    pub unconfirmed_need_usd: Usd,
}
