//! Trade a block at a quote: all legs or none (`docs/rules/block-trades.md`).

use super::{Actor, Stop};
use crate::{blocks, work::Work};
use palisade_types::{
    ids::{BlockQuoteId, BlockRequestId},
    receipt::Outcome,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    request: BlockRequestId,
    quote: BlockQuoteId,
) -> Result<Outcome, Stop> {
    let legs = work.state.block_request(request).and_then(|open| open.terms.legs.first().map(|leg| leg.market));
    let universe = legs.and_then(|market| work.state.market(market)).map(|market| market.universe);
    blocks::accept(work, actor.account, request, quote).map_err(|rejection| Stop { universe, rejection })?;
    Ok(Outcome::Done)
}
