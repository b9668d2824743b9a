//! Put both assets into a liquidity pool, in the proportion of its reserves (`docs/rules/pools.md`, "Depositing").

use super::{Actor, Stop};
use crate::{
    accounts::margin_to_leave,
    liquidity::{POOL_DEPOSIT_MINIMUM_USD, Reserves, check_margin_kept, deposit, deposit_for, pool, reserves, spot_of},
    market_math::quote_value_usd,
    market_order::check_running,
    work::Work,
};
use palisade_types::{
    ids::MarketId,
    numbers::{Amount, Shares},
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    most: Reserves,
    shares_minimum: Shares,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let market = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let spot = spot_of(&market)?;
    check_running(work.state, &market, work.time_ms)?;
    let record = pool(work.state, market.id)?;
    if let Some(amount) = [most.base, most.quote].into_iter().find(|amount| *amount <= Amount::ZERO) {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    let (brought, shares) = deposit_for(&market, &record, reserves(work.state, &market, spot), most)?;
    if shares <= Shares::ZERO || shares < shares_minimum {
        let minimum = shares_minimum.max(Shares::new(1));
        return Err(Rejection::PoolSharesBelowMinimum { shares, minimum }.into());
    }
    let amount = quote_value_usd(brought.quote);
    if amount < POOL_DEPOSIT_MINIMUM_USD {
        return Err(Rejection::BelowMinimumDeposit { amount, minimum: POOL_DEPOSIT_MINIMUM_USD }.into());
    }
    let before = margin_to_leave(work.state, account, market.universe)?;
    deposit(work, &market, account, brought, shares)
        .map_err(|rejection| Stop { universe: Some(market.universe), rejection })?;
    check_margin_kept(work.state, account, market.universe, &before)?;
    Ok(Outcome::Done)
}
