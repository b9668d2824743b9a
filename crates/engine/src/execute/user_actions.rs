//! The users' actions of a block: each leaves exactly one receipt, and nothing else if it is rejected.

use super::{BlockInput, audit, order};
use crate::{
    action, follow,
    mutant::{Mutant, is_planted},
    state::{AccountRecord, Record},
    work::{Work, WorkCheckpoint},
};
use palisade_types::{
    ids::UniverseId,
    receipt::{Outcome, Receipt},
    rejection::Rejection,
    signing::VerifiedAction,
};

/// Executes the block's actions in the engine's order.
pub(super) fn run(work: &mut Work<'_>, block: &BlockInput<'_>) -> Vec<Receipt> {
    order::of(block.actions, block.parent)
        .into_iter()
        .filter_map(|index| block.actions.get(index))
        .map(|action| execute(work, action))
        .collect()
}

fn execute(work: &mut Work<'_>, action: &VerifiedAction) -> Receipt {
    let checkpoint = work.checkpoint();
    let result = run_and_check(work, action, checkpoint);
    let outcome = result.unwrap_or_else(|stop| {
        work.revert_to(checkpoint);
        if is_planted(Mutant::RejectionCostsNothing) {
            give_back_budget(work, action);
        }
        if let Rejection::InvariantViolated { invariant } = &stop.rejection {
            audit::halt_universe(work, stop.universe.unwrap_or(UniverseId::new(0)), invariant);
        }
        Outcome::Rejected { rejection: stop.rejection }
    });
    let envelope = action.envelope();
    Receipt { action: action.id(), signer: envelope.signer, account: envelope.account, nonce: envelope.nonce, outcome }
}

/// The action, what it brings about, and the audit of both.
fn run_and_check(work: &mut Work<'_>, action: &VerifiedAction, since: WorkCheckpoint) -> Result<Outcome, action::Stop> {
    let outcome = action::execute(work, action)?;
    follow::run(work);
    match audit::check_changed(work.state, since.state()) {
        None => Ok(outcome),
        Some(violation) => Err(action::Stop {
            universe: Some(violation.universe),
            rejection: Rejection::InvariantViolated { invariant: violation.invariant },
        }),
    }
}

/// What [`Mutant::RejectionCostsNothing`] does.
fn give_back_budget(work: &mut Work<'_>, action: &VerifiedAction) {
    let (id, parts) = (action.envelope().account, u64::try_from(action.request().part_count()).unwrap_or(u64::MAX));
    if let Some(record) = work.state.account(id).copied() {
        let actions_used = record.actions_used.saturating_sub(parts);
        work.state.put(Record::Account { id, record: AccountRecord { actions_used, ..record } });
    }
}
