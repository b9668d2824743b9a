//! Open the liquidity pool of a spot market (`docs/rules/pools.md`, "Opening").

use super::{Actor, Stop};
use crate::{
    accounts::margin_to_leave,
    liquidity::{
        POOL_INITIAL_BASE_MINIMUM, POOL_INITIAL_QUOTE_MINIMUM, Reserves, check_margin_kept, check_room, create, spot_of,
    },
    market_order::check_running,
    pool_curve::Curve,
    state::{LiquidityPoolRecord, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    ids::MarketId,
    market::{MarketSpec, SpotTerms},
    numbers::{Amount, Shares},
    order::Side,
    pool::PoolFee,
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    brought: Reserves,
    fee: PoolFee,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let market = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let spot = spot_of(&market)?;
    check_running(work.state, &market, work.time_ms)?;
    if work.state.liquidity_pool(market.id).is_some() {
        return Err(Rejection::PoolExists { market: market.id }.into());
    }
    check_minimum(spot, brought)?;
    check_room(&market, Reserves { base: Amount::ZERO, quote: Amount::ZERO }, brought)?;
    check_inside_book(work.state, &market, spot, brought, fee)?;
    let before = margin_to_leave(work.state, account, market.universe)?;
    let record = LiquidityPoolRecord { fee, created_at_ms: work.time_ms, shares: Shares::ZERO };
    create(work, &market, account, record, brought)
        .map_err(|rejection| Stop { universe: Some(market.universe), rejection })?;
    check_margin_kept(work.state, account, market.universe, &before)?;
    Ok(Outcome::AccountCreated { account: AccountId::pool(market.id) })
}

fn check_minimum(spot: SpotTerms, brought: Reserves) -> Result<(), Rejection> {
    for (asset, amount, minimum) in
        [(spot.base, brought.base, POOL_INITIAL_BASE_MINIMUM), (spot.quote, brought.quote, POOL_INITIAL_QUOTE_MINIMUM)]
    {
        if amount < minimum {
            return Err(Rejection::BelowPoolMinimum { asset, amount, minimum });
        }
    }
    Ok(())
}

/// Refuses a first price that an open order crosses: its owner would have had the better trade.
fn check_inside_book(
    state: &State,
    market: &MarketSpec,
    spot: SpotTerms,
    brought: Reserves,
    fee: PoolFee,
) -> Result<(), Rejection> {
    let decimals = state.asset(spot.base).ok_or(Rejection::UnknownAsset { asset: spot.base })?.decimals;
    let curve = Curve::new(market, decimals, fee.rate(), brought.base, brought.quote).ok_or(Rejection::Overflow)?;
    let best = |side| state.best_order(market.id, side).map(|record| record.order.price);
    if let (Some(quote), Some(best)) = (curve.price(Side::Buy), best(Side::Buy))
        && quote <= best
    {
        return Err(Rejection::PoolCrossesBook { quote, best });
    }
    if let (Some(quote), Some(best)) = (curve.price(Side::Sell), best(Side::Sell))
        && quote >= best
    {
        return Err(Rejection::PoolCrossesBook { quote, best });
    }
    Ok(())
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
