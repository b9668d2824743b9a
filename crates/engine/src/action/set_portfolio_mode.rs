//! Choose how the account's options are margined in a universe: per expiry, or together with the perpetuals and futures that they
//! are on. Rules: `docs/rules/options.md`, Portfolio mode.
//!
//! A switch either way must leave the account with its initial requirement, open orders included. Vaults have no options and stay
//! as they are.

use super::{Actor, Stop};
use crate::{
    accounts::margin,
    state::{PortfolioModeId, Record, RecordKey},
    work::Work,
};
use palisade_types::{event::Event, ids::UniverseId, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, universe: UniverseId, enabled: bool) -> Result<Outcome, Stop> {
    let account = actor.account;
    let record = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe }.into());
    }
    if work.state.vault(account).is_some() {
        return Err(Rejection::NotForVaults { what: "portfolio margin".to_owned() }.into());
    }
    if work.state.is_portfolio(account, universe) == enabled {
        return Ok(Outcome::Done);
    }
    let id = PortfolioModeId { account, universe };
    if enabled {
        work.state.put(Record::PortfolioMode { id, record: work.time_ms });
    } else {
        work.state.delete(RecordKey::PortfolioMode(id));
    }
    margin(work.state, account, universe)?.check_initial()?;
    work.emit(Event::PortfolioModeSet { account, universe, enabled });
    Ok(Outcome::Done)
}
