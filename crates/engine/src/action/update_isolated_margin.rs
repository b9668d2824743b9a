//! Add collateral to an isolated position, or take some out: what goes in must be free, what stays must meet the initial
//! requirement.

use super::{Actor, Stop};
use crate::{
    accounts::{isolated_margin, spendable},
    isolated::move_from_purse,
    market_math::quote_amount,
    work::Work,
};
use palisade_types::{event::Event, ids::MarketId, numbers::Usd, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, market: MarketId, amount_usd: Usd) -> Result<Outcome, Stop> {
    let account = actor.account;
    let spec = work.state.market(market).ok_or(Rejection::UnknownMarket { market })?.clone();
    spec.linear().ok_or(Rejection::NoLeverage { market })?;
    let universe = spec.universe;
    let record = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe }.into());
    }
    let collateral = record.spec.collateral;
    if !work.state.standing(account, market).is_isolated() || work.state.position(account, market).is_none() {
        return Err(Rejection::NoIsolatedPosition { market }.into());
    }
    let amount = quote_amount(amount_usd);
    if amount.is_zero() {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    if amount_usd > Usd::ZERO {
        let available = spendable(work.state, account, universe, collateral)?;
        if amount > available {
            return Err(Rejection::InsufficientBalance { asset: collateral, required: amount, available }.into());
        }
    }
    move_from_purse(work.state, account, &spec, amount.checked_neg().ok_or(Rejection::Overflow)?)?;
    if amount_usd < Usd::ZERO {
        let margin = isolated_margin(work.state, account, &spec)?;
        let available = margin.withdrawable_after_usd()?;
        if available < Usd::ZERO {
            return Err(Rejection::IsolatedMarginNeeded { market, short_usd: available }.into());
        }
    }
    work.emit(Event::IsolatedMarginMoved { account, market, amount_usd });
    Ok(Outcome::Done)
}
