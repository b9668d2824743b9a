//! Open a sub-account: an account that no key has and that this account acts for (`docs/rules/sub-accounts.md`).

use super::{Actor, Stop};
use crate::{
    ledger::ensure_account,
    state::{Record, State, SubAccountRecord},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    limits::{NAME_BYTES_MAX, SUB_ACCOUNTS_PER_MASTER_MAX},
    receipt::Outcome,
    rejection::Rejection,
};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, name: &str) -> Result<Outcome, Stop> {
    let master = actor.account;
    check_master(work.state, master)?;
    check_name(name)?;
    let count = work.state.sub_accounts_of(master).count();
    if count >= SUB_ACCOUNTS_PER_MASTER_MAX {
        return Err(too_many("sub-accounts of one account", SUB_ACCOUNTS_PER_MASTER_MAX).into());
    }
    if work.state.sub_accounts_of(master).any(|(_, other)| other.name == name) {
        return Err(Rejection::NameInUse { name: name.to_owned() }.into());
    }
    // Sub-accounts are never removed, so their number is the next one's.
    let number = u64::try_from(count).map_err(|_| Rejection::Overflow)?;
    let account = AccountId::sub_account(master, number);
    let record = SubAccountRecord { master, number, name: name.to_owned() };
    work.state.put(Record::SubAccount { id: account, record });
    ensure_account(work.state, account, work.time_ms);
    work.emit(Event::SubAccountCreated { master, sub_account: account, name: name.to_owned() });
    Ok(Outcome::AccountCreated { account })
}

/// What exceeds a bound.
pub(crate) fn too_many(what: &str, limit: usize) -> Rejection {
    Rejection::TooMany { what: what.to_owned(), limit: u32::try_from(limit).unwrap_or(u32::MAX) }
}

/// Refuses accounts that no key has: what belongs to them would have no owner.
pub(super) fn check_master(state: &State, account: AccountId) -> Result<(), Rejection> {
    if state.controller(account).is_some() { Err(Rejection::NotAMaster { account }) } else { Ok(()) }
}

/// Refuses names that nobody could read.
pub(super) fn check_name(name: &str) -> Result<(), Rejection> {
    if name.is_empty() {
        return Err(Rejection::NameInUse { name: String::new() });
    }
    let printable = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if name.len() > NAME_BYTES_MAX || !printable {
        let limit_bytes = u32::try_from(NAME_BYTES_MAX).unwrap_or(u32::MAX);
        return Err(Rejection::InvalidName { limit_bytes });
    }
    Ok(())
}
