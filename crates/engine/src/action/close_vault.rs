//! Close a vault that this account leads: no deposits any more, only reducing orders, and nobody is locked in
//! (`docs/rules/vaults.md`, "Closing").

use super::{Actor, Stop};
use crate::{
    state::{Record, VaultRecord},
    vaults::{self, free_cash},
    work::Work,
};
use palisade_types::{address::AccountId, event::Event, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, vault: AccountId) -> Result<Outcome, Stop> {
    let record = vaults::vault(work.state, vault)?.clone();
    if record.leader != actor.account {
        return Err(Rejection::NotYourVault { vault }.into());
    }
    if record.closed {
        return Err(Rejection::VaultClosed { vault }.into());
    }
    work.state.put(Record::Vault { id: vault, record: VaultRecord { closed: true, ..record } });
    work.emit(Event::VaultClosed { vault });
    free_cash(work, vault);
    Ok(Outcome::Done)
}
