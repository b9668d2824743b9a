//! Register a combo (`docs/rules/combos.md`, "Registering").

use super::{Actor, Stop};
use crate::{combos, work::Work};
use palisade_types::{multi_leg::Leg, receipt::Outcome};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, legs: &[Leg]) -> Result<Outcome, Stop> {
    let (combo, is_mirrored) = combos::create(work, actor.account, legs)?;
    Ok(Outcome::Combo { combo, is_mirrored })
}
