//! Let a key act for the account.
//!
//! An agent key is never accepted twice, because its nonces may have been forgotten: records of past agents stay. An
//! agent approved under a name in use replaces the older one.

use super::{Actor, Stop};
use crate::{
    state::{Record, State},
    work::Work,
};
use palisade_types::{
    address::SignerId,
    agent::{Agent, AgentScope},
    event::Event,
    limits::{AGENTS_PER_ACCOUNT_MAX, NAME_BYTES_MAX},
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

/// The least time between a block and the end of an agent approved in it.
const EXPIRY_AHEAD_MIN_MS: u64 = 1;

/// A key, and what it may do.
pub(super) struct Approval {
    pub agent: SignerId,
    pub name: String,
    pub scope: AgentScope,
    pub expires_at_ms: Option<TimeMs>,
    pub approved_natively: bool,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, approval: Approval) -> Result<Outcome, Stop> {
    let Approval { agent, name, scope, expires_at_ms, approved_natively } = approval;
    check_name(&name)?;
    if !is_fresh(work.state, agent) {
        return Err(Rejection::AgentNotFresh { agent }.into());
    }
    if let Some(time_ms) = expires_at_ms.filter(|expires_at_ms| *expires_at_ms <= work.time_ms) {
        return Err(Rejection::TimeNotAhead {
            time_ms,
            block_time_ms: work.time_ms,
            minimum_ahead_ms: EXPIRY_AHEAD_MIN_MS,
        }
        .into());
    }
    let replaced = work.state.agents_of(actor.account).find(|(_, other)| other.name == name).map(|(key, _)| key);
    let agents = work.state.agents_of(actor.account).count();
    if replaced.is_none() && agents >= AGENTS_PER_ACCOUNT_MAX {
        let limit = u32::try_from(AGENTS_PER_ACCOUNT_MAX).unwrap_or(u32::MAX);
        return Err(Rejection::TooManyAgents { limit }.into());
    }
    if let Some(replaced) = replaced {
        retire(work, replaced);
    }
    let record =
        Agent { account: actor.account, name: name.clone(), scope, expires_at_ms, approved_natively, retired: false };
    work.state.put(Record::Agent { id: agent, record });
    work.emit(Event::AgentApproved { account: actor.account, agent, name, scope, expires_at_ms });
    Ok(Outcome::Done)
}

fn check_name(name: &str) -> Result<(), Rejection> {
    let printable = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if name.len() > NAME_BYTES_MAX || !printable {
        let limit_bytes = u32::try_from(NAME_BYTES_MAX).unwrap_or(u32::MAX);
        return Err(Rejection::InvalidName { limit_bytes });
    }
    Ok(())
}

/// Whether a key was never an agent and is no account.
fn is_fresh(state: &State, agent: SignerId) -> bool {
    let is_account = match agent {
        SignerId::Address(address) => state.account(address).is_some(),
        SignerId::Ed25519(_) => false,
    };
    state.agent(agent).is_none() && !is_account
}

/// Ends an agent.
pub(crate) fn retire(work: &mut Work<'_>, agent: SignerId) {
    if let Some(record) = work.state.agent(agent).filter(|record| !record.retired).cloned() {
        let account = record.account;
        work.state.put(Record::Agent { id: agent, record: Agent { retired: true, ..record } });
        work.emit(Event::AgentRetired { account, agent });
    }
}
