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

/// How much of what moves, and in which universe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movement {
    pub universe: UniverseId,
    pub asset: AssetId,
    pub amount: Amount,
}

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, to: AccountId, movement: &Movement) -> Result<Outcome, Stop> {
    check(work, movement)?;
    let takes_none = work.state.is_system_account(to) || work.state.vault(to).is_some();
    if to == actor.account || to == AccountId::default() || takes_none {
        return Err(Rejection::InvalidRecipient { to }.into());
    }
    send(work, actor.account, to, movement)
}

/// What is true of any movement, whoever pays whom.
pub(super) fn check(work: &Work<'_>, movement: &Movement) -> Result<(), Rejection> {
    let Movement { universe, asset, amount } = *movement;
    let record = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?;
    if record.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe });
    }
    work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?;
    if amount <= Amount::ZERO {
        return Err(Rejection::AmountNotPositive { amount });
    }
    Ok(())
}

/// Moves what was checked, if `from` may spend it.
pub(super) fn send(work: &mut Work<'_>, from: AccountId, to: AccountId, movement: &Movement) -> Result<Outcome, Stop> {
    let Movement { universe, asset, amount } = *movement;
    let available = spendable(work.state, from, universe, asset)?;
    if amount > available {
        return Err(Rejection::InsufficientBalance { asset, required: amount, available }.into());
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(from, to, asset, amount)?;
    settlement.apply(work.state).map_err(|rejection| Stop { universe: Some(universe), rejection })?;
    ensure_account(work.state, to, work.time_ms);
    work.emit(Event::Transferred { universe, from, to, asset, amount });
    Ok(Outcome::Done)
}
