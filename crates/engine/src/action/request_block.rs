//! Ask for quotes for a block trade (`docs/rules/block-trades.md`).

use super::{Actor, Stop};
use crate::{blocks, work::Work};
use palisade_types::{multi_leg::BlockTerms, receipt::Outcome};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, block: &BlockTerms) -> Result<Outcome, Stop> {
    let request = blocks::request(work, actor.account, block)?;
    Ok(Outcome::BlockRequested { request })
}
