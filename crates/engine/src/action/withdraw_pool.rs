//! Redeem shares of a liquidity pool for their part of both reserves (`docs/rules/pools.md`, "Withdrawing").

use super::{Actor, Stop};
use crate::{
    accounts::margin_to_leave,
    liquidity::{Reserves, check_margin_kept, redeem, spot_of},
    market_order::check_running,
    work::Work,
};
use palisade_types::{ids::MarketId, numbers::Shares, receipt::Outcome, rejection::Rejection};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    shares: Shares,
    least: Reserves,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let market = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let spot = spot_of(&market)?;
    check_running(work.state, &market, work.time_ms)?;
    let before = margin_to_leave(work.state, account, market.universe)?;
    let paid = redeem(work, &market, account, shares, false)
        .map_err(|rejection| Stop { universe: Some(market.universe), rejection })?;
    for (asset, amount, minimum) in [(spot.base, paid.base, least.base), (spot.quote, paid.quote, least.quote)] {
        if amount < minimum {
            return Err(Rejection::PoolAmountBelowMinimum { asset, amount, minimum }.into());
        }
    }
    check_margin_kept(work.state, account, market.universe, &before)?;
    Ok(Outcome::Done)
}
