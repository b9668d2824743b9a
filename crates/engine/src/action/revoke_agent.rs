//! End an agent.

use super::{Actor, Stop, approve_agent::retire};
use crate::work::Work;
use palisade_types::{address::SignerId, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, agent: SignerId) -> Result<Outcome, Stop> {
    let is_own = work.state.agent(agent).is_some_and(|record| record.account == actor.account && !record.retired);
    if !is_own {
        return Err(Rejection::NotYourAgent { agent }.into());
    }
    retire(work, agent);
    Ok(Outcome::Done)
}
