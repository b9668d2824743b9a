//! Redeem shares of a vault at the lower of its values at mark and index: at once if it has the cash, else in line
//! (`docs/rules/vaults.md`, "Withdrawing").

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    listing::CORE,
    shares::Pool,
    state::VaultRecord,
    vaults::{self, check_leader_stake, enqueue, free_cash, payable, redeem, shares_of, worth},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    numbers::{Shares, Usd},
    receipt::Outcome,
    rejection::Rejection,
    vault::Redemption,
};

pub(super) fn run(
    work: &mut Work<'_>,
    actor: &Actor,
    vault: AccountId,
    redemption: Redemption,
) -> Result<Outcome, Stop> {
    let account = actor.account;
    check_open(work.state, CORE)?;
    let record = vaults::vault(work.state, vault)?.clone();
    let holding = work.state.vault_share(vault, account);
    let available = holding.shares.checked_sub(holding.waiting).ok_or(Rejection::Overflow)?;
    if available > Shares::ZERO && !record.closed && work.time_ms < holding.locked_until_ms {
        return Err(Rejection::SharesLocked { until_ms: holding.locked_until_ms }.into());
    }
    let value_usd = worth(work.state, vault, CORE, work.time_ms)?.low_usd;
    let pool = Pool { shares: record.shares, value_usd };
    let shares = shares_of(&pool, redemption, available)?;
    check_leader(&record, account, available, shares)?;
    let value = pool.value_of(shares)?;
    // In line it could never be paid, and would keep everybody behind it waiting.
    if value <= Usd::ZERO {
        return Err(Rejection::VaultInsolvent { vault }.into());
    }
    let short = |work: &Work<'_>| payable(work.state, vault).map(|free| value > free);
    if !record.owes() && short(work)? {
        free_cash(work, vault);
    }
    if record.owes() || short(work)? {
        enqueue(work, vault, account, shares)?;
    } else {
        redeem(work, vault, account, &pool, shares, false)?;
    }
    Ok(Outcome::Done)
}

/// A leader stays in until the vault is closed.
fn check_leader(record: &VaultRecord, account: AccountId, held: Shares, redeemed: Shares) -> Result<(), Rejection> {
    if account != record.leader || record.closed {
        return Ok(());
    }
    let left = held.checked_sub(redeemed).ok_or(Rejection::Overflow)?;
    check_leader_stake(left, record.shares.checked_sub(redeemed).ok_or(Rejection::Overflow)?)
}
