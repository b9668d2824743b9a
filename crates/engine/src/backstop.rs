//! The backstop vault of a universe as a pool of two tranches: who owns what of it (`docs/rules/vaults.md`, "The backstop
//! vault"). What it buys and sells is liquidation's.
//!
//! Rules:
//! - Before anybody comes or goes the change of its equity is allocated, at the lower of mark and index; deposits are priced at
//!   the higher.
//! - Nothing comes or goes while the universe is halted or gated.
//!
//! Invariants: the tranches are worth the equity of the last sync together, unless that was below zero; shares of a tranche are
//! never worth less because somebody came or went.

use crate::{
    accounts::spendable,
    market_math::quote_amount,
    shares::Pool,
    state::{BackstopRecord, BackstopShareId, BackstopShareRecord, Record, RecordKey, State},
    tranches::{TrancheValue, allocate},
    vaults::{check_solvent, pay, worth},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{AssetId, UniverseId},
    numbers::{Shares, Usd},
    rejection::Rejection,
    time::TimeMs,
    vault::Tranche,
};

/// The least deposit: 100 USD.
pub const BACKSTOP_DEPOSIT_MINIMUM_USD: Usd = Usd::new(100 * 100_000_000);
/// How long shares are locked after a deposit: four days.
pub const BACKSTOP_LOCK_MS: u64 = 4 * 24 * 60 * 60 * 1_000;

impl BackstopRecord {
    /// What a tranche is worth.
    pub const fn value(&self, tranche: Tranche) -> TrancheValue {
        match tranche {
            Tranche::Junior => self.tranches.junior,
            Tranche::Senior => self.tranches.senior,
        }
    }

    fn with(&self, tranche: Tranche, value: TrancheValue, shares: Shares) -> Self {
        let mut after = *self;
        match tranche {
            Tranche::Junior => (after.tranches.junior, after.junior_shares) = (value, shares),
            Tranche::Senior => (after.tranches.senior, after.senior_shares) = (value, shares),
        }
        after
    }

    /// With the change up to an equity allocated.
    pub fn at_equity(&self, equity: Usd) -> Result<Self, Rejection> {
        let change = equity.checked_sub(self.tranches.total_usd()?).ok_or(Rejection::Overflow)?;
        let (has_junior, has_senior) = (!self.junior_shares.is_zero(), !self.senior_shares.is_zero());
        Ok(Self { tranches: allocate(&self.tranches, has_junior, has_senior, change)?.tranches, ..*self })
    }

    /// A tranche as a pool of shares.
    pub const fn pool(&self, tranche: Tranche) -> Pool {
        Pool { shares: self.shares(tranche), value_usd: self.value(tranche).value_usd }
    }
}

/// The tranches as a sync would leave them at the lower and at the higher of mark and index.
pub fn current(
    state: &State,
    universe: UniverseId,
    now: TimeMs,
) -> Result<(BackstopRecord, BackstopRecord), Rejection> {
    let worth = worth(state, AccountId::backstop(universe), universe, now)?;
    let low = state.backstop(universe).at_equity(worth.low_usd)?;
    Ok((low, low.at_equity(worth.high_usd)?))
}

/// Allocates the change of the vault's equity since the last time. Returns the tranches, and what they are for deposits.
pub(crate) fn sync(work: &mut Work<'_>, universe: UniverseId) -> Result<(BackstopRecord, BackstopRecord), Rejection> {
    let (low, high) = current(work.state, universe, work.time_ms)?;
    if low != work.state.backstop(universe) {
        put(work, universe, low);
        let (junior_usd, senior_usd) = (low.tranches.junior.value_usd, low.tranches.senior.value_usd);
        work.emit(Event::BackstopSynced { universe, junior_usd, senior_usd });
    }
    Ok((low, high))
}

fn put(work: &mut Work<'_>, universe: UniverseId, record: BackstopRecord) {
    work.state.put(Record::Backstop { id: universe, record });
}

/// Sells shares of a tranche for cash that was checked.
pub(crate) fn deposit(
    work: &mut Work<'_>,
    account: AccountId,
    universe: UniverseId,
    tranche: Tranche,
    asset: AssetId,
    amount_usd: Usd,
) -> Result<(), Rejection> {
    let vault = AccountId::backstop(universe);
    sync(work, universe)?;
    adopt_orphans(work, universe, tranche)?;
    let (_, high) = sync(work, universe)?;
    pay(work, universe, asset, account, &[(vault, amount_usd)])?;
    issue(work, account, universe, tranche, &high.pool(tranche), amount_usd, Lock::ForAWhile)
}

/// A lister's junior shares, which never unlock; the caller moves the money.
pub(crate) fn deposit_for_good(
    work: &mut Work<'_>,
    account: AccountId,
    universe: UniverseId,
    amount_usd: Usd,
) -> Result<(), Rejection> {
    sync(work, universe)?;
    adopt_orphans(work, universe, Tranche::Junior)?;
    let (_, high) = sync(work, universe)?;
    issue(work, account, universe, Tranche::Junior, &high.pool(Tranche::Junior), amount_usd, Lock::ForGood)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    ForAWhile,
    ForGood,
}

fn issue(
    work: &mut Work<'_>,
    account: AccountId,
    universe: UniverseId,
    tranche: Tranche,
    pool: &Pool,
    amount_usd: Usd,
    lock: Lock,
) -> Result<(), Rejection> {
    check_solvent(AccountId::backstop(universe), pool)?;
    let shares = pool.shares_for_deposit(amount_usd)?;
    if shares <= Shares::ZERO {
        return Err(Rejection::InsufficientShares { required: Shares::new(1), available: shares });
    }
    let record = work.state.backstop(universe);
    let before = record.value(tranche);
    let value_usd = before.value_usd.checked_add(amount_usd).ok_or(Rejection::Overflow)?;
    let all = record.shares(tranche).checked_add(shares).ok_or(Rejection::Overflow)?;
    put(work, universe, record.with(tranche, TrancheValue { value_usd, ..before }, all));
    let mut holding = work.state.backstop_share(universe, account);
    let held = match tranche {
        Tranche::Junior => &mut holding.junior,
        Tranche::Senior => &mut holding.senior,
    };
    *held = held.checked_add(shares).ok_or(Rejection::Overflow)?;
    match lock {
        Lock::ForAWhile => holding.locked_until_ms = work.time_ms.saturating_add(BACKSTOP_LOCK_MS),
        Lock::ForGood => {
            holding.junior_for_good = holding.junior_for_good.checked_add(shares).ok_or(Rejection::Overflow)?;
        }
    }
    work.state.put(Record::BackstopShare { id: BackstopShareId { universe, account }, record: holding });
    work.emit(Event::BackstopDeposited { universe, account, tranche, amount_usd, shares });
    Ok(())
}

/// What a tranche is worth without anybody holding shares of it (a genesis's capital, a last unit of rounding) becomes the
/// insurance fund's, as shares at their first price, so that it raises nobody's price. The fund's shares are never redeemed.
fn adopt_orphans(work: &mut Work<'_>, universe: UniverseId, tranche: Tranche) -> Result<(), Rejection> {
    let record = work.state.backstop(universe);
    let amount_usd = record.value(tranche).value_usd;
    if !record.shares(tranche).is_zero() || amount_usd.is_zero() {
        return Ok(());
    }
    let nothing = TrancheValue { value_usd: Usd::ZERO, owed_usd: Usd::ZERO };
    put(work, universe, record.with(tranche, nothing, Shares::ZERO));
    issue(work, AccountId::insurance(universe), universe, tranche, &Pool::default(), amount_usd, Lock::ForAWhile)
}

/// Shares of a tranche that a holder may redeem.
pub(crate) fn redeemable(holding: &BackstopShareRecord, tranche: Tranche) -> Result<Shares, Rejection> {
    match tranche {
        Tranche::Junior => holding.junior.checked_sub(holding.junior_for_good).ok_or(Rejection::Overflow),
        Tranche::Senior => Ok(holding.senior),
    }
}

/// Pays out shares that the holder may redeem; `record` is the vault after a sync.
pub(crate) fn redeem(
    work: &mut Work<'_>,
    account: AccountId,
    universe: UniverseId,
    tranche: Tranche,
    asset: AssetId,
    record: &BackstopRecord,
    shares: Shares,
) -> Result<(), Rejection> {
    let vault = AccountId::backstop(universe);
    let value_usd = record.pool(tranche).value_of(shares)?;
    if value_usd <= Usd::ZERO {
        return Err(Rejection::VaultInsolvent { vault });
    }
    let (required, available) = (quote_amount(value_usd), spendable(work.state, vault, universe, asset)?);
    if required > available {
        return Err(Rejection::InsufficientBalance { asset, required, available });
    }
    let all = record.shares(tranche);
    let left = all.checked_sub(shares).ok_or(Rejection::Overflow)?;
    let value = record.value(tranche).after_redemption(value_usd, shares, all)?;
    pay(work, universe, asset, vault, &[(account, value_usd)])?;
    put(work, universe, record.with(tranche, value, left));
    let mut holding = work.state.backstop_share(universe, account);
    let held = match tranche {
        Tranche::Junior => &mut holding.junior,
        Tranche::Senior => &mut holding.senior,
    };
    *held = held.checked_sub(shares).ok_or(Rejection::Overflow)?;
    let id = BackstopShareId { universe, account };
    if holding.junior.is_zero() && holding.senior.is_zero() {
        work.state.delete(RecordKey::BackstopShare(id));
    } else {
        work.state.put(Record::BackstopShare { id, record: holding });
    }
    work.emit(Event::BackstopWithdrawn { universe, account, tranche, shares, value_usd });
    Ok(())
}
