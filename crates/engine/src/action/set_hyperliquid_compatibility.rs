//! Accept or refuse actions in Hyperliquid's format signed by the account's own key.

use super::{Actor, Stop};
use crate::{
    state::{AccountRecord, Record},
    work::Work,
};
use palisade_types::{event::Event, receipt::Outcome};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, enabled: bool) -> Result<Outcome, Stop> {
    let account = actor.account;
    if let Some(record) = work.state.account(account).copied() {
        let record = AccountRecord { hyperliquid_compatible: enabled, ..record };
        work.state.put(Record::Account { id: account, record });
    }
    work.emit(Event::HyperliquidCompatibilitySet { account, enabled });
    Ok(Outcome::Done)
}
