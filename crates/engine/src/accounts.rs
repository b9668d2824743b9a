//! What an account may still spend, and its margin: the state as [`crate::margin`] sees it.

use crate::{
    margin::{AccountMargin, Exposure, OpenOrders, default_leverage},
    market_math::{quote_amount, quote_value_usd},
    state::{MarketStanding, PositionRecord, State},
};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Usd},
    rejection::Rejection,
};

/// Positions and open orders of an account in one perpetual market.
pub fn exposure(state: &State, account: AccountId, market: &MarketSpec) -> Result<Exposure, Rejection> {
    exposure_of(state, &state.standing(account, market.id), market)
}

fn exposure_of(state: &State, standing: &MarketStanding, market: &MarketSpec) -> Result<Exposure, Rejection> {
    let terms = market.linear().ok_or(Rejection::NoLeverage { market: market.id })?;
    let mark = state.mark(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?.price;
    let totals = &standing.totals;
    Ok(Exposure {
        position: standing.position,
        buys: OpenOrders { lots: totals.buy_size, notional_usd: totals.buy_notional_usd },
        sells: OpenOrders { lots: totals.sell_size, notional_usd: totals.sell_notional_usd },
        leverage: leverage_of(standing, terms.maximum_leverage),
        maximum_leverage: terms.maximum_leverage,
        size_decimals: market.size_decimals,
        fee: market.maker_fee.max(market.taker_fee),
        mark,
    })
}

/// The leverage an account has in a market: what it chose, else the default.
pub fn leverage(state: &State, account: AccountId, market: &MarketSpec) -> u32 {
    let maximum = market.linear().map_or(1, |terms| terms.maximum_leverage);
    leverage_of(&state.standing(account, market.id), maximum)
}

fn leverage_of(standing: &MarketStanding, maximum: u32) -> u32 {
    standing.setting.map_or_else(|| default_leverage(maximum), |setting| setting.leverage).min(maximum).max(1)
}

/// An account's position; an empty one if it holds none.
pub(crate) fn position(state: &State, account: AccountId, market: MarketId) -> PositionRecord {
    state.position(account, market).copied().unwrap_or_default()
}

/// An account's margin in a universe, one market left out.
pub(crate) fn margin_without(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    left_out: Option<MarketId>,
) -> Result<AccountMargin, Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    let collateral = record.spec.collateral;
    let standings = state.standings_of(account).iter().filter(|standing| Some(standing.market) != left_out);
    let exposures = standings.filter(|standing| standing.counts()).filter_map(|standing| {
        let market = state.market(standing.market)?;
        market.linear()?;
        (market.universe == universe).then(|| exposure_of(state, standing, market))
    });
    AccountMargin::of(
        state.balance(account, universe, collateral),
        state.held(account, universe, collateral),
        exposures,
    )
}

/// An account's margin in a universe.
pub fn margin(state: &State, account: AccountId, universe: UniverseId) -> Result<AccountMargin, Rejection> {
    margin_without(state, account, universe, None)
}

/// What an account may spend of an asset or send away: what it holds and no order locks, and of the collateral only
/// what its positions and orders do not need. Negative if they need more than there is.
pub fn spendable(state: &State, account: AccountId, universe: UniverseId, asset: AssetId) -> Result<Amount, Rejection> {
    let record = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.spec.collateral == asset {
        let margin = margin(state, account, universe)?;
        let own_usd = quote_value_usd(state.balance(account, universe, asset))
            .checked_sub(quote_value_usd(state.held(account, universe, asset)))
            .and_then(|free| free.checked_add(margin.unrealised_usd.min(Usd::ZERO)))
            .and_then(|free| free.checked_sub(margin.initial_usd))
            .ok_or(Rejection::Overflow)?;
        return Ok(quote_amount(own_usd));
    }
    let balance = state.balance(account, universe, asset);
    balance.checked_sub(state.held(account, universe, asset)).ok_or(Rejection::Overflow)
}
