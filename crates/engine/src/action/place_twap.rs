//! Work an order in slices over time; see `docs/rules/orders.md`.

use super::{Actor, Stop};
use crate::{twap, work::Work};
use palisade_types::{receipt::Outcome, twap::TwapRequest};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, request: &TwapRequest) -> Result<Outcome, Stop> {
    let twap = twap::start(work, actor.account, actor.action, request)?;
    Ok(Outcome::Twap { twap })
}
