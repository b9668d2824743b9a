//! Dead man's switch: cancel every order of the account at a time, unless set anew before.

use super::{Actor, Stop};
use crate::{
    state::{AccountRecord, Record},
    work::Work,
};
use palisade_types::{
    event::Event, limits::SCHEDULE_CANCEL_AHEAD_MIN_MS, receipt::Outcome, rejection::Rejection, time::TimeMs,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, at_ms: Option<TimeMs>) -> Result<Outcome, Stop> {
    let earliest = work.time_ms.saturating_add(SCHEDULE_CANCEL_AHEAD_MIN_MS);
    if let Some(time_ms) = at_ms.filter(|at_ms| *at_ms < earliest) {
        return Err(Rejection::TimeNotAhead {
            time_ms,
            block_time_ms: work.time_ms,
            minimum_ahead_ms: SCHEDULE_CANCEL_AHEAD_MIN_MS,
        }
        .into());
    }
    if let Some(record) = work.state.account(actor.account).copied() {
        let record = AccountRecord { cancel_all_at_ms: at_ms, ..record };
        work.state.put(Record::Account { id: actor.account, record });
    }
    work.emit(Event::CancelScheduled { account: actor.account, at_ms });
    Ok(Outcome::Done)
}
