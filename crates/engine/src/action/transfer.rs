//! Move an asset to another account of the same universe: what no order locks and no position needs.

use super::{Actor, Stop};
use crate::{
    accounts::spendable,
    ledger::{Overdraft, Settlement, ensure_account},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{AssetId, UniverseId},
    numbers::Amount,
    receipt::Outcome,
    rejection::Rejection,
};

/// What goes where.
pub(super) struct Transfer {
    pub universe: UniverseId,
    pub to: AccountId,
    pub asset: AssetId,
    pub amount: Amount,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, transfer: &Transfer) -> Result<Outcome, Stop> {
    let Transfer { universe, to, asset, amount } = *transfer;
    let record = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe }.into());
    }
    work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount }.into());
    }
    if to == actor.account || to == AccountId::default() || work.state.is_system_account(to) {
        return Err(Rejection::InvalidRecipient { to }.into());
    }
    let available = spendable(work.state, actor.account, universe, asset)?;
    if amount > available {
        return Err(Rejection::InsufficientBalance { asset, required: amount, available }.into());
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(actor.account, to, asset, amount)?;
    settlement.apply(work.state).map_err(|rejection| Stop { universe: Some(universe), rejection })?;
    ensure_account(work.state, to, work.time_ms);
    work.emit(Event::Transferred { universe, from: actor.account, to, asset, amount });
    Ok(Outcome::Done)
}
