//! Set, take off or reset the bounds at which the account's quotes in a market are withdrawn; see `docs/rules/orders.md`.
//!
//! New bounds count from zero and leave a freeze as it is; only a reset, or no bounds at all, ends one early. A market that is over
//! gets no new ones, because those of an option are taken off with it; one that is gone keeps none that its owner could not take off.

use super::{Actor, Stop};
use crate::{
    market_order::expired_at,
    state::{ProtectionId, ProtectionRecord, Record, RecordKey},
    work::Work,
};
use palisade_types::{
    event::Event,
    ids::MarketId,
    limits::{PROTECTION_FROZEN_MS_MAX, PROTECTION_WINDOW_MS},
    quote::ProtectionTerms,
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    market: MarketId,
    terms: Option<ProtectionTerms>,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    let id = ProtectionId { account, market };
    let unknown = Rejection::UnknownMarket { market };
    let known = work.state.market(market).map(|spec| expired_at(spec, work.time_ms));
    match terms {
        None if known.is_none() && work.state.protection(account, market).is_none() => return Err(unknown.into()),
        None => work.state.delete(RecordKey::Protection(id)),
        Some(terms) => {
            if let Some(expired_at_ms) = known.ok_or(unknown)? {
                return Err(Rejection::MarketExpired { market, expired_at_ms }.into());
            }
            check(&terms)?;
            let frozen = work.state.protection(account, market).and_then(|record| record.frozen);
            work.state
                .put(Record::Protection { id, record: ProtectionRecord { frozen, ..ProtectionRecord::new(terms) } });
        }
    }
    work.emit(Event::ProtectionSet { account, market, terms });
    Ok(Outcome::Done)
}

/// Lets quotes in again, and counts from zero.
pub(super) fn reset(work: &mut Work<'_>, actor: &Actor, market: MarketId) -> Result<Outcome, Stop> {
    work.state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let account = actor.account;
    if let Some(record) = work.state.protection(account, market).copied() {
        let id = ProtectionId { account, market };
        work.state.put(Record::Protection { id, record: ProtectionRecord::new(record.terms) });
        work.emit(Event::ProtectionFrozen { account, market, frozen: false, until_ms: None });
    }
    Ok(Outcome::Done)
}

fn check(terms: &ProtectionTerms) -> Result<(), Rejection> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let check = |field: &str, value: u64, minimum: u64, maximum: u64| {
        if (minimum..=maximum).contains(&value) {
            return Ok(());
        }
        let (value, minimum, maximum) = (number(value), number(minimum), number(maximum));
        Err(Rejection::OutOfRange { field: field.to_owned(), value, minimum, maximum })
    };
    check("window_ms", terms.window_ms, *PROTECTION_WINDOW_MS.start(), *PROTECTION_WINDOW_MS.end())?;
    check("frozen_ms", terms.frozen_ms, 0, PROTECTION_FROZEN_MS_MAX)?;
    check("size_limit", terms.size_limit.get(), 1, u64::MAX)?;
    terms.delta_limit.map_or(Ok(()), |limit| check("delta_limit", limit.get(), 1, u64::MAX))
}
