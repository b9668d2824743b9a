//! End a TWAP; what it filled stands. Works in halted universes too.

use super::{Actor, Stop};
use crate::{twap, work::Work};
use palisade_types::{ids::TwapId, receipt::Outcome, rejection::Rejection, twap::TwapEnd};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, id: TwapId) -> Result<Outcome, Stop> {
    if work.state.twap(id).is_none_or(|record| record.twap.account != actor.account) {
        return Err(Rejection::TwapNotRunning { twap: id }.into());
    }
    twap::end(work, id, TwapEnd::Requested);
    Ok(Outcome::Done)
}
