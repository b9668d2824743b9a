//! End a block request or a block quote. Works in halted universes too.

use super::{Actor, Stop};
use crate::{blocks, work::Work};
use palisade_types::{
    ids::{BlockQuoteId, BlockRequestId},
    multi_leg::BlockEnd,
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn request(work: &mut Work<'_>, actor: &Actor, request: BlockRequestId) -> Result<Outcome, Stop> {
    if work.state.block_request(request).is_none_or(|open| open.account != actor.account) {
        return Err(Rejection::BlockRequestNotOpen { request }.into());
    }
    blocks::end_request(work, request, BlockEnd::Requested);
    Ok(Outcome::Done)
}

pub(super) fn quote(work: &mut Work<'_>, actor: &Actor, quote: BlockQuoteId) -> Result<Outcome, Stop> {
    if work.state.block_quote(quote).is_none_or(|open| open.account != actor.account) {
        return Err(Rejection::BlockQuoteNotOpen { quote }.into());
    }
    blocks::end_quote(work, quote, BlockEnd::Requested);
    Ok(Outcome::Done)
}
