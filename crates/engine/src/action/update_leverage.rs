//! Set the leverage of a perpetual market. A change that needs more margin must be covered by it.

use super::{Actor, Stop};
use crate::{
    accounts::{exposure, margin_without},
    margin::Exposure,
    state::{MarginSetting, MarginSettingId, Record},
    work::Work,
};
use palisade_types::{action::MarginMode, event::Event, ids::MarketId, receipt::Outcome, rejection::Rejection};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    leverage: u32,
    margin_mode: MarginMode,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let spec = work.state.market(market).ok_or(Rejection::UnknownMarket { market })?.clone();
    let terms = spec.linear().ok_or(Rejection::NoLeverage { market })?;
    let universe = spec.universe;
    if work.state.universe(universe).is_none_or(|record| record.halted.is_some()) {
        return Err(Rejection::UniverseHalted { universe }.into());
    }
    if margin_mode == MarginMode::Isolated {
        return Err(Rejection::IsolatedMarginUnavailable.into());
    }
    if leverage == 0 || leverage > terms.maximum_leverage {
        return Err(Rejection::LeverageOutOfRange { leverage, maximum: terms.maximum_leverage }.into());
    }
    let at_risk = work.state.position(account, market).is_some() || work.state.open_totals(account, market).orders > 0;
    if at_risk {
        let here = exposure(work.state, account, &spec)?;
        let elsewhere = margin_without(work.state, account, spec.universe, Some(market))?;
        let before = elsewhere.with(&here.margin()?)?;
        elsewhere.with(&Exposure { leverage, ..here }.margin()?)?.check_order(&before)?;
    }
    let record = MarginSetting { leverage, mode: margin_mode };
    work.state.put(Record::MarginSetting { id: MarginSettingId { account, market }, record });
    work.emit(Event::LeverageUpdated { account, market, leverage, margin_mode });
    Ok(Outcome::Done)
}
