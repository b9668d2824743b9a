//! Take capital out of a universe's backstop vault: unlocked shares, from what its positions leave free
//! (`docs/rules/vaults.md`, "The backstop vault").

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    backstop::{self, redeemable},
    vaults::shares_of,
    work::Work,
};
use palisade_types::{
    ids::UniverseId,
    numbers::Shares,
    receipt::Outcome,
    rejection::Rejection,
    vault::{Redemption, Tranche},
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    universe: UniverseId,
    tranche: Tranche,
    redemption: Redemption,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    check_open(work.state, universe)?;
    let asset = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let holding = work.state.backstop_share(universe, account);
    let available = redeemable(&holding, tranche)?;
    if available > Shares::ZERO && work.time_ms < holding.locked_until_ms {
        return Err(Rejection::SharesLocked { until_ms: holding.locked_until_ms }.into());
    }
    let (record, _) = backstop::sync(work, universe)?;
    let shares = shares_of(&record.pool(tranche), redemption, available)?;
    backstop::redeem(work, account, universe, tranche, asset, &record, shares)?;
    Ok(Outcome::Done)
}
