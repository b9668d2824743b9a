//! Accept or refuse actions in Hyperliquid's format signed by the account's own key. A master's choice counts for its
//! sub-accounts, which have none of their own.

use super::{Actor, Stop, create_sub_account::check_master};
use crate::{
    state::{AccountRecord, Record},
    work::Work,
};
use palisade_types::{event::Event, receipt::Outcome};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, enabled: bool) -> Result<Outcome, Stop> {
    let account = actor.account;
    check_master(work.state, account)?;
    if let Some(record) = work.state.account(account).copied() {
        let record = AccountRecord { hyperliquid_compatible: enabled, ..record };
        work.state.put(Record::Account { id: account, record });
    }
    work.emit(Event::HyperliquidCompatibilitySet { account, enabled });
    Ok(Outcome::Done)
}
