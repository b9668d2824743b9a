//! Move an asset between an account and a sub-account of it, as any transfer does (`docs/rules/sub-accounts.md`).
//!
//! The master acts, whichever way the money goes: a sub-account never reaches into its master.

use super::{Actor, Stop, transfer};
use crate::work::Work;
use palisade_types::{action::TransferDirection, address::AccountId, receipt::Outcome, rejection::Rejection};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    sub_account: AccountId,
    direction: TransferDirection,
    movement: &transfer::Movement,
) -> Result<Outcome, Stop> {
    let master = actor.account;
    if work.state.sub_account(sub_account).is_none_or(|record| record.master != master) {
        return Err(Rejection::NotYourSubAccount { sub_account }.into());
    }
    transfer::check(work, movement)?;
    let (from, to) = match direction {
        TransferDirection::Deposit => (master, sub_account),
        TransferDirection::Withdraw => (sub_account, master),
    };
    transfer::send(work, from, to, movement)
}

#[cfg(test)]
#[path = "sub_account_tests.rs"]
mod tests;
