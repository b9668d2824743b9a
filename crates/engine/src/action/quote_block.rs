//! Quote for a block trade (`docs/rules/block-trades.md`).

use super::{Actor, Stop};
use crate::{blocks, work::Work};
use palisade_types::{multi_leg::BlockQuoteTerms, receipt::Outcome};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, quote: &BlockQuoteTerms) -> Result<Outcome, Stop> {
    let quote = blocks::quote(work, actor.account, quote)?;
    Ok(Outcome::BlockQuoted { quote })
}
