//! Buy shares of a vault, at the higher of its values at mark and index (`docs/rules/vaults.md`, "Depositing").

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    listing::CORE,
    shares::Pool,
    vaults::{self, VAULT_DEPOSIT_MINIMUM_USD, cash, check_leader_stake, check_solvent, check_spendable, worth},
    work::Work,
};
use palisade_types::{address::AccountId, numbers::Usd, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, vault: AccountId, amount_usd: Usd) -> Result<Outcome, Stop> {
    let account = actor.account;
    check_open(work.state, CORE)?;
    let record = vaults::vault(work.state, vault)?.clone();
    if record.closed {
        return Err(Rejection::VaultClosed { vault }.into());
    }
    if amount_usd < VAULT_DEPOSIT_MINIMUM_USD {
        let minimum = VAULT_DEPOSIT_MINIMUM_USD;
        return Err(Rejection::BelowMinimumDeposit { amount: amount_usd, minimum }.into());
    }
    check_spendable(work.state, account, CORE, cash(work.state)?, amount_usd)?;
    let value_usd = worth(work.state, vault, CORE, work.time_ms)?.high_usd;
    let pool = Pool { shares: record.shares, value_usd };
    check_solvent(vault, &pool)?;
    let bought = vaults::issue(work, vault, account, &pool, amount_usd)?;
    if account != record.leader {
        let leader = work.state.vault_share(vault, record.leader);
        let stays = leader.shares.checked_sub(leader.waiting).ok_or(Rejection::Overflow)?;
        check_leader_stake(stays, record.shares.checked_add(bought).ok_or(Rejection::Overflow)?)?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
#[path = "vault_random_tests.rs"]
mod tests;
