//! List a further perpetual market in a universe that the account opened (`docs/rules/universes.md`, "Opening a universe").

use super::{Actor, Stop, move_universe::check_open, too_many};
use crate::{
    listing::{LISTED_MARKETS_PER_UNIVERSE_MAX, check_deposit, check_market, lock_deposit, next_perpetual},
    state::{ListingRecord, Record},
    work::Work,
};
use palisade_types::{
    event::Event, ids::UniverseId, market::MarketSpec, numbers::Usd, receipt::Outcome, rejection::Rejection,
    vault::PerpetualListing,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    universe: UniverseId,
    market: &PerpetualListing,
    deposit_usd: Usd,
) -> Result<Outcome, Stop> {
    check_open(work.state, universe)?;
    let listing = work.state.listing(universe).filter(|listing| listing.lister == actor.account);
    let listing = *listing.ok_or(Rejection::NotYourUniverse { universe })?;
    if listing.markets >= LISTED_MARKETS_PER_UNIVERSE_MAX {
        return Err(too_many("markets in an opened universe", LISTED_MARKETS_PER_UNIVERSE_MAX as usize).into());
    }
    let market = market.clone().into_spec(next_perpetual(work.state)?, universe);
    check_deposit(work.state, actor.account, deposit_usd)?;
    check_market(work.state, &market, deposit_usd, work.time_ms)?;
    list(work, listing, market, deposit_usd)?;
    Ok(Outcome::Done)
}

/// Lists what was checked; its universe exists.
pub(super) fn list(
    work: &mut Work<'_>,
    listing: ListingRecord,
    market: MarketSpec,
    deposit_usd: Usd,
) -> Result<(), Rejection> {
    let (universe, lister) = (market.universe, listing.lister);
    lock_deposit(work, lister, universe, deposit_usd)?;
    let record = ListingRecord {
        lister,
        deposit_usd: listing.deposit_usd.checked_add(deposit_usd).ok_or(Rejection::Overflow)?,
        markets: listing.markets.checked_add(1).ok_or(Rejection::Overflow)?,
    };
    work.state.put(Record::Listing { id: universe, record });
    work.state.put(Record::Market { id: market.id, record: Box::new(market.clone()) });
    work.emit(Event::MarketListed { market, lister, deposit_usd });
    Ok(())
}
