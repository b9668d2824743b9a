//! Open an isolated universe with one perpetual market, for a deposit that stays in it (`docs/rules/universes.md`,
//! "Opening a universe").

use super::{Actor, Stop, create_sub_account::check_master, list_market, too_many};
use crate::{
    listing::{CORE, LISTED_UNIVERSES_MAX, check_deposit, check_market, invalid, next_perpetual},
    state::{ListingRecord, Record, State, UniverseRecord},
    work::Work,
};
use palisade_types::{
    event::Event,
    genesis::check_universe_name,
    ids::{AssetId, UniverseId},
    market::UniverseSpec,
    numbers::Usd,
    receipt::Outcome,
    rejection::Rejection,
    vault::PerpetualListing,
};

/// What is asked.
pub(super) struct Opening<'a> {
    pub name: &'a str,
    pub collateral: AssetId,
    pub market: &'a PerpetualListing,
    pub deposit_usd: Usd,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, opening: &Opening<'_>) -> Result<Outcome, Stop> {
    let Opening { name, collateral, market, deposit_usd } = *opening;
    let lister = actor.account;
    check_master(work.state, lister)?;
    check_universe(work.state, name, collateral)?;
    let universe = next_universe(work.state)?;
    let market = market.clone().into_spec(next_perpetual(work.state)?, universe);
    // First: the market's bounds are multiples of the deposit.
    check_deposit(work.state, lister, deposit_usd)?;
    check_market(work.state, &market, deposit_usd, work.time_ms)?;
    let spec = UniverseSpec { id: universe, name: name.to_owned(), collateral };
    work.state
        .put(Record::Universe { id: universe, record: UniverseRecord { spec, halted: None, gated_since_ms: None } });
    let record = ListingRecord { lister, deposit_usd: Usd::ZERO, markets: 0 };
    work.state.put(Record::Listing { id: universe, record });
    work.emit(Event::UniverseOpened { universe, name: name.to_owned(), collateral, lister });
    list_market::list(work, record, market, deposit_usd)?;
    Ok(Outcome::Done)
}

fn check_universe(state: &State, name: &str, collateral: AssetId) -> Result<(), Rejection> {
    check_universe_name(name).map_err(invalid)?;
    if state.universes().any(|universe| universe.spec.name == name) {
        return Err(Rejection::NameInUse { name: name.to_owned() });
    }
    if state.universe(CORE).is_none_or(|core| core.spec.collateral != collateral) {
        let reason = format!("universe {name}: its collateral must be that of the core universe");
        return Err(Rejection::InvalidListing { reason });
    }
    if state.listing_count() >= LISTED_UNIVERSES_MAX {
        return Err(too_many("opened universes", LISTED_UNIVERSES_MAX));
    }
    Ok(())
}

/// The number after the last one.
fn next_universe(state: &State) -> Result<UniverseId, Rejection> {
    let last = state.universes().map(|universe| universe.spec.id.get()).max();
    last.map_or(Some(0), |last| last.checked_add(1)).map(UniverseId::new).ok_or(Rejection::Overflow)
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
