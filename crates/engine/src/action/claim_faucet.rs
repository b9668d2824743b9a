//! Draw test funds; only where the genesis says so.

use super::{Actor, Stop};
use crate::{
    ledger::deposit,
    state::{FaucetClaimId, Record},
    work::Work,
};
use palisade_types::{ids::AssetId, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, asset: AssetId) -> Result<Outcome, Stop> {
    let account = actor.account;
    let genesis = work.genesis;
    let grant = genesis.faucet.iter().find(|grant| grant.asset == asset).ok_or(Rejection::NoFaucet { asset })?;
    if let Some(last_ms) = work.state.faucet_claim(account, asset) {
        let next_ms = last_ms.saturating_add(grant.interval_ms);
        if work.time_ms < next_ms {
            return Err(Rejection::FaucetTooSoon { next_ms }.into());
        }
    }
    deposit(work, grant.universe, account, asset, grant.amount)?;
    work.state.put(Record::FaucetClaim { id: FaucetClaimId { account, asset }, record: work.time_ms });
    Ok(Outcome::Done)
}
