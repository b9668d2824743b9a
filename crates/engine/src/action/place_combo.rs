//! Trade a combo at a net price (`docs/rules/combos.md`).

use super::{Actor, Stop};
use crate::{
    combos::{self, ComboPlacement},
    work::Work,
};
use palisade_types::receipt::Outcome;

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, placement: &ComboPlacement) -> Result<Outcome, Stop> {
    let universe = work.state.combo(placement.combo).map(|combo| combo.universe);
    combos::place(work, actor.account, actor.action, placement).map_err(|rejection| Stop { universe, rejection })
}
