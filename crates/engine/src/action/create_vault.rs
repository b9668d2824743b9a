//! Open a vault that this account trades for, with a first deposit (`docs/rules/vaults.md`, "A user's vault").

use super::{
    Actor, Stop,
    create_sub_account::{check_master, check_name},
    move_universe::check_open,
    too_many,
};
use crate::{
    ledger::ensure_account,
    listing::CORE,
    shares::Pool,
    state::{Record, VaultRecord},
    vaults::{VAULT_INITIAL_MINIMUM_USD, VAULTS_PER_LEADER_MAX, cash, check_spendable, issue},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    limits::DESCRIPTION_BYTES_MAX,
    numbers::{Shares, Usd},
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    name: &str,
    description: &str,
    initial_usd: Usd,
) -> Result<Outcome, Stop> {
    let leader = actor.account;
    check_open(work.state, CORE)?;
    check_master(work.state, leader)?;
    check_name(name)?;
    check_description(description)?;
    let count = work.state.vaults_led_by(leader).count();
    if count >= VAULTS_PER_LEADER_MAX {
        return Err(too_many("vaults of one leader", VAULTS_PER_LEADER_MAX).into());
    }
    if work.state.vaults_led_by(leader).any(|(_, other)| other.name == name) {
        return Err(Rejection::NameInUse { name: name.to_owned() }.into());
    }
    if initial_usd < VAULT_INITIAL_MINIMUM_USD {
        let minimum = VAULT_INITIAL_MINIMUM_USD;
        return Err(Rejection::BelowMinimumDeposit { amount: initial_usd, minimum }.into());
    }
    check_spendable(work.state, leader, CORE, cash(work.state)?, initial_usd)?;
    // Vaults are never removed, so their number is the next one's.
    let number = u64::try_from(count).map_err(|_| Rejection::Overflow)?;
    let vault = AccountId::vault(leader, number);
    let record = VaultRecord {
        leader,
        number,
        name: name.to_owned(),
        description: description.to_owned(),
        created_at_ms: work.time_ms,
        closed: false,
        shares: Shares::ZERO,
        queue_first: 0,
        queue_next: 0,
        retry_at_ms: TimeMs::new(0),
    };
    work.state.put(Record::Vault { id: vault, record });
    ensure_account(work.state, vault, work.time_ms);
    work.emit(Event::VaultCreated { vault, leader, name: name.to_owned() });
    // What somebody sent to the address before is the leader's: shares begin at their first price in any case.
    issue(work, vault, leader, &Pool::default(), initial_usd)?;
    Ok(Outcome::AccountCreated { account: vault })
}

fn check_description(description: &str) -> Result<(), Rejection> {
    let printable = description.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if description.len() > DESCRIPTION_BYTES_MAX || !printable {
        let limit_bytes = u32::try_from(DESCRIPTION_BYTES_MAX).unwrap_or(u32::MAX);
        return Err(Rejection::InvalidName { limit_bytes });
    }
    Ok(())
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
