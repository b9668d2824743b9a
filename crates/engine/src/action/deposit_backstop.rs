//! Put capital into a universe's backstop vault (`docs/rules/vaults.md`, "The backstop vault").

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    backstop::{self, BACKSTOP_DEPOSIT_MINIMUM_USD},
    vaults::check_spendable,
    work::Work,
};
use palisade_types::{ids::UniverseId, numbers::Usd, receipt::Outcome, rejection::Rejection, vault::Tranche};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    universe: UniverseId,
    tranche: Tranche,
    amount_usd: Usd,
) -> Result<Outcome, Stop> {
    check_open(work.state, universe)?;
    let asset = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    if amount_usd < BACKSTOP_DEPOSIT_MINIMUM_USD {
        let minimum = BACKSTOP_DEPOSIT_MINIMUM_USD;
        return Err(Rejection::BelowMinimumDeposit { amount: amount_usd, minimum }.into());
    }
    check_spendable(work.state, actor.account, universe, asset, amount_usd)?;
    backstop::deposit(work, actor.account, universe, tranche, asset, amount_usd)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
#[path = "backstop_tests.rs"]
mod tests;
