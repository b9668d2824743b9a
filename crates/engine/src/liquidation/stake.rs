//! A position as liquidation sees it, whatever it is in: what it is worth, and what closing it frees and costs.

use crate::{
    accounts::{exposure_at_rest, position},
    market_math::{value_ceil_usd, value_floor_usd},
    options::margin::isolated_requirement,
    state::{PositionRecord, State},
};
use palisade_types::{
    address::AccountId,
    market::MarketSpec,
    numbers::{Price, Usd},
    order::Side,
    rejection::Rejection,
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stake {
    /// What is held; owed funding is part of its cost.
    pub position: PositionRecord,
    /// The market's mark.
    pub mark: Price,
    /// Decimals of the market's lots.
    pub size_decimals: u8,
    /// Absolute value at the mark, rounded up.
    pub notional_usd: Usd,
    /// Profit at the mark, rounded down; of an option, its worth.
    pub unrealised_usd: Usd,
    /// What maintenance asks for it by itself, beside what it is worth.
    pub maintenance_usd: Usd,
    /// What closing it at the mark takes from what is judged ([`super::watch::Standing::level`]): of an option its premium, which
    /// a long brings (negative).
    pub closing_cost_usd: Usd,
    /// What closing it frees of what is judged.
    pub freed_usd: Usd,
}

impl Stake {
    /// The position of an account in a derivative market.
    pub(super) fn of(state: &State, account: AccountId, market: &MarketSpec) -> Result<Self, Rejection> {
        if market.option().is_some() {
            return Self::of_option(state, market, position(state, account, market.id));
        }
        let exposure = exposure_at_rest(state, account, market)?;
        let maintenance_usd = exposure.maintenance_usd()?;
        Ok(Self {
            position: exposure.position,
            mark: exposure.mark,
            size_decimals: exposure.size_decimals,
            notional_usd: exposure.notional_usd()?,
            unrealised_usd: exposure.unrealised_usd()?,
            maintenance_usd,
            closing_cost_usd: Usd::ZERO,
            freed_usd: maintenance_usd,
        })
    }

    fn of_option(state: &State, market: &MarketSpec, position: PositionRecord) -> Result<Self, Rejection> {
        let mark = state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?.price;
        let lots = i128::from(position.position.get());
        let unrealised_usd = value_floor_usd(mark, lots, market.size_decimals)?;
        let needed = isolated_requirement(state, market, position.position.get())?.maintenance_usd;
        let is_long = lots > 0;
        let closing_cost_usd = unrealised_usd.checked_neg().ok_or(Rejection::Overflow)?;
        let maintenance_usd = if is_long { Usd::ZERO } else { needed };
        let freed = if is_long { Some(Usd::ZERO) } else { needed.checked_add(closing_cost_usd) };
        Ok(Self {
            position,
            mark,
            size_decimals: market.size_decimals,
            notional_usd: value_ceil_usd(mark, i128::from(position.position.size().get()), market.size_decimals)?,
            unrealised_usd,
            maintenance_usd,
            closing_cost_usd,
            freed_usd: freed.ok_or(Rejection::Overflow)?,
        })
    }

    /// Which way closing the position trades.
    pub(super) const fn closing_side(&self) -> Side {
        if self.position.position.get() > 0 { Side::Sell } else { Side::Buy }
    }
}
