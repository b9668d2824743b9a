//! The end of options: one settlement price per expiry, then option by option as with futures. What is settled leaves the state.
//! Rules: `docs/rules/options.md`, After the expiry.

use super::{clear_orders, deliver_all, finish, halt_universe, waits_for_losses};
use crate::{
    future::is_observed,
    mutant::{Mutant, is_planted},
    options::{intrinsic, surface::expiries_of},
    state::{MarginSettingId, OptionExpiryId, OptionExpiryRecord, ProtectionId, Record, RecordKey, SettlementRecord},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::MarketId,
    market::{MarketSpec, OptionSeriesSpec},
    numbers::{Amount, Price},
    rejection::Rejection,
};

/// Counts the index that was held so far, for expiries whose window is near, before forwards are made of it.
pub(in crate::execute) fn observe(work: &mut Work<'_>, series: &OptionSeriesSpec) {
    let expiries: Vec<(OptionExpiryId, OptionExpiryRecord)> = expiries_of(work.state, series).collect();
    for (id, record) in expiries {
        if !is_observed(id.expires_at_ms, work.time_ms) || record.settlement_price().is_some() {
            continue;
        }
        if let Err(rejection) = work.attempt(|work| observe_one(work, id, record)) {
            halt_universe(
                work,
                id.universe,
                &format!("the settlement of options that expire at {}: {rejection}", id.expires_at_ms),
            );
        }
    }
}

fn observe_one(work: &mut Work<'_>, id: OptionExpiryId, before: OptionExpiryRecord) -> Result<(), Rejection> {
    let Some(index) = work.state.index(id.underlying) else { return Ok(()) };
    let settlement = match before.settlement {
        Some(settlement) => settlement.observed(index, id.expires_at_ms, work.time_ms)?,
        None => SettlementRecord::first(index, id.expires_at_ms, work.time_ms),
    };
    let record = OptionExpiryRecord { settlement: Some(settlement), ..before };
    if record != before {
        work.state.put(Record::OptionExpiry { id, record: Box::new(record) });
    }
    Ok(())
}

/// Settles the expiries that are over, in order of universe, underlying and time.
pub(in crate::execute) fn run(work: &mut Work<'_>, steps: &mut u32) {
    let all = work.state.option_expiries();
    let over: Vec<OptionExpiryId> = all.map(|(id, _)| id).filter(|id| id.expires_at_ms <= work.time_ms).collect();
    for id in over {
        if *steps == 0 {
            return;
        }
        if work.state.universe(id.universe).is_none_or(|universe| universe.halted.is_some()) {
            continue;
        }
        if let Err(rejection) = work.attempt(|work| settle(work, id, steps)) {
            halt_universe(
                work,
                id.universe,
                &format!("the settlement of options that expire at {}: {rejection}", id.expires_at_ms),
            );
        }
    }
}

fn settle(work: &mut Work<'_>, id: OptionExpiryId, steps: &mut u32) -> Result<(), Rejection> {
    let price = fix_price(work, id)?;
    let options: Vec<MarketId> = work.state.options_of(id).collect();
    for option in &options {
        let Some(market) = work.state.shared_market(*option) else { continue };
        if !clear_orders(work, &market, steps) {
            return Ok(());
        }
    }
    let Some((price, fixed_at_ms)) = price else { return Ok(()) };
    for option in options {
        let Some(market) = work.state.shared_market(option) else { continue };
        if *steps == 0 || waits_for_losses(work, option, fixed_at_ms) {
            return Ok(());
        }
        settle_option(work, &market, price, steps)?;
    }
    if work.state.options_of(id).next().is_none() {
        work.state.delete(RecordKey::OptionExpiry(id));
    }
    Ok(())
}

/// The settlement price and the block at which it was fixed; `None` while it is waited for.
fn fix_price(
    work: &mut Work<'_>,
    id: OptionExpiryId,
) -> Result<Option<(Price, palisade_types::time::TimeMs)>, Rejection> {
    let Some(record) = work.state.option_expiry(id).copied() else { return Ok(None) };
    let Some(settlement) = record.settlement else { return Ok(None) };
    if let Some(price) = settlement.price {
        return Ok(Some((price, settlement.fixed_at_ms)));
    }
    let index = work.state.index(id.underlying);
    let Some(price) = settlement.settlement_price(index, id.expires_at_ms, work.time_ms)? else { return Ok(None) };
    let measured = settlement.measured_to(id.expires_at_ms, work.time_ms)?;
    let settlement = SettlementRecord { price: Some(price), fixed_at_ms: work.time_ms, ..measured };
    let record = OptionExpiryRecord { settlement: Some(settlement), forward: price, as_of_ms: work.time_ms, ..record };
    work.state.put(Record::OptionExpiry { id, record: Box::new(record) });
    let OptionExpiryId { universe, underlying, expires_at_ms } = id;
    let measured_ms = settlement.measured_ms;
    work.emit(Event::OptionsFixed { universe, underlying, expires_at_ms, price, measured_ms });
    Ok(Some((price, work.time_ms)))
}

/// Delivers an option and takes it off the state, as far as the block's steps go and its vault's purse owes nothing; until then it
/// stays, and those after it are delivered.
fn settle_option(work: &mut Work<'_>, market: &MarketSpec, price: Price, steps: &mut u32) -> Result<(), Rejection> {
    let id = market.id;
    let contract = market.option().ok_or(Rejection::UnknownMarket { market: id })?;
    let paid = intrinsic(&contract, price);
    let paid = if is_planted(Mutant::SettleAboveIntrinsic) {
        paid.checked_add(Price::new(100_000_000)).ok_or(Rejection::Overflow)?
    } else {
        paid
    };
    if work.state.settlement(id).is_none() {
        work.state.put(Record::Settlement { id, record: SettlementRecord::of_option(paid, work.time_ms) });
    }
    if !deliver_all(work, market, paid, steps)? {
        return Ok(());
    }
    if owes_purse(work, market) {
        // It is looked at in every block until then.
        *steps = steps.saturating_sub(1);
        return Ok(());
    }
    if !forget_protections(work, id, steps) {
        return Ok(());
    }
    finish(work, market)?;
    // A listing, and its settlement, cost a step of their own.
    *steps = steps.saturating_sub(1);
    let vault = AccountId::backstop(market.universe);
    for key in [
        RecordKey::Settlement(id),
        RecordKey::FundClaim(id),
        RecordKey::MarketState(id),
        RecordKey::MarginSetting(MarginSettingId { account: vault, market: id }),
        RecordKey::Market(id),
    ] {
        work.state.delete(key);
    }
    Ok(())
}

/// Takes off the market-maker protections of an option, as far as the block's steps go; whether none is left.
fn forget_protections(work: &mut Work<'_>, market: MarketId, steps: &mut u32) -> bool {
    while let Some(account) = work.state.first_protected(market) {
        if *steps == 0 {
            return false;
        }
        *steps = steps.saturating_sub(1);
        work.state.delete(RecordKey::Protection(ProtectionId { account, market }));
    }
    true
}

/// Whether the vault's purse of the option is still below zero: a deficit that liquidation deals with first.
fn owes_purse(work: &Work<'_>, market: &MarketSpec) -> bool {
    let state = &*work.state;
    let vault = AccountId::isolated(AccountId::backstop(market.universe), market.id);
    let collateral = state.universe(market.universe).map(|record| record.spec.collateral);
    collateral.is_some_and(|asset| state.balance(vault, market.universe, asset) < Amount::ZERO)
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
