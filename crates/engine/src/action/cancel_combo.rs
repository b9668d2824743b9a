//! Cancel a combo order. Works in halted universes too.

use super::{Actor, Stop};
use crate::{combos, work::Work};
use palisade_types::{ids::OrderId, multi_leg::ComboOrderEnd, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, order: OrderId) -> Result<Outcome, Stop> {
    if work.state.combo_order(order).is_none_or(|open| open.account != actor.account) {
        return Err(Rejection::OrderNotOpen.into());
    }
    combos::end_order(work, order, ComboOrderEnd::Requested);
    Ok(Outcome::Done)
}
