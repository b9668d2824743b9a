//! Options that are listed by rule. Rules: `docs/rules/options.md`, Series.
//!
//! Expiries are listed when they are due; strikes of listed expiries whenever the forward has left too few on a side. At most
//! [`STRIKES_PER_BLOCK`] strikes, a call and a put each, per block over all series; the rest follows in the next blocks.

use super::listing::LISTING_AHEAD_MS;
use crate::{
    options::{
        forward::BasisCurve,
        strikes::{self, Ladder},
        surface::expiries_of,
    },
    state::{OptionExpiryId, OptionExpiryRecord, OptionSeriesRecord, Record},
    work::Work,
};
use palisade_types::{
    calendar::expiries_after,
    event::Event,
    ids::MarketId,
    market::{OptionKind, OptionSeriesSpec},
    numbers::Price,
    rejection::Rejection,
    time::TimeMs,
};

/// Strikes listed in one block.
pub const STRIKES_PER_BLOCK: u32 = 32;

/// Lists what is due, in order of series, expiry and strike.
pub(super) fn run(work: &mut Work<'_>) {
    if work.state.chain().halted.is_some() {
        return;
    }
    let genesis = work.genesis;
    let mut left = STRIKES_PER_BLOCK;
    for (number, series) in (0u32..).zip(&genesis.option_series) {
        if work.state.universe(series.universe).is_none_or(|universe| universe.halted.is_some()) {
            continue;
        }
        // Out of range there is nothing to list.
        let _ = work.attempt(|work| list_expiries(work, number, series));
        let expiries: Vec<(OptionExpiryId, OptionExpiryRecord)> = expiries_of(work.state, series).collect();
        for (id, record) in expiries {
            if id.expires_at_ms > work.time_ms {
                list_strikes(work, series, id, record, &mut left);
            }
        }
    }
}

/// Puts the expiries of a series on record that are due, each with one strike next to its forward.
fn list_expiries(work: &mut Work<'_>, number: u32, series: &OptionSeriesSpec) -> Result<(), Rejection> {
    if work.state.option_series(number).is_some_and(|record| record.due_ms > work.time_ms) {
        return Ok(());
    }
    let (universe, underlying) = (series.universe, series.underlying);
    let Some(curve) = BasisCurve::of(work.state, universe, underlying, work.time_ms) else { return Ok(()) };
    let wanted = expiries_after(work.time_ms.saturating_add(LISTING_AHEAD_MS), series.expiries);
    for &expires_at_ms in &wanted {
        let id = OptionExpiryId { universe, underlying, expires_at_ms };
        if work.state.option_expiry(id).is_some() {
            continue;
        }
        let ahead_ms = expires_at_ms.since(work.time_ms);
        let forward = curve.forward(ahead_ms)?;
        let strike_step = strikes::step_of(forward, ahead_ms);
        let middle = strikes::wanted(forward, strike_step, 0);
        let record = OptionExpiryRecord {
            series: number,
            strike_step,
            strike_lowest: middle.lowest,
            strike_highest: middle.highest,
            forward,
            slow_forward: forward,
            slice: None,
            as_of_ms: work.time_ms,
            settlement: None,
        };
        list_pair(work, series, id, middle.lowest)?;
        work.state.put(Record::OptionExpiry { id, record: Box::new(record) });
    }
    let first = wanted.first().copied().unwrap_or(TimeMs::new(u64::MAX));
    let record = OptionSeriesRecord { due_ms: first.saturating_sub(LISTING_AHEAD_MS) };
    work.state.put(Record::OptionSeries { id: number, record });
    Ok(())
}

/// Lists strikes of an expiry until there are enough around its forward.
fn list_strikes(
    work: &mut Work<'_>,
    series: &OptionSeriesSpec,
    id: OptionExpiryId,
    record: OptionExpiryRecord,
    left: &mut u32,
) {
    let wanted = strikes::wanted(record.forward, record.strike_step, series.strikes_per_side);
    let mut ladder = Ladder { step: record.strike_step, lowest: record.strike_lowest, highest: record.strike_highest };
    while *left > 0 {
        let Some(next) = ladder.next(&wanted) else { return };
        let strike = if next.highest > ladder.highest { next.highest } else { next.lowest };
        *left = left.saturating_sub(1);
        let listed = work.attempt(|work| {
            list_pair(work, series, id, strike)?;
            let record = OptionExpiryRecord { strike_lowest: next.lowest, strike_highest: next.highest, ..record };
            work.state.put(Record::OptionExpiry { id, record: Box::new(record) });
            Ok(())
        });
        if listed.is_err() {
            return;
        }
        ladder = next;
    }
}

/// Lists the call and the put of a strike.
fn list_pair(
    work: &mut Work<'_>,
    series: &OptionSeriesSpec,
    expiry: OptionExpiryId,
    strike: Price,
) -> Result<(), Rejection> {
    let OptionExpiryId { universe, underlying, expires_at_ms } = expiry;
    let asset = work.state.asset(underlying).ok_or(Rejection::UnknownAsset { asset: underlying })?.symbol.clone();
    let name = strikes::name(&asset, expires_at_ms, strike).ok_or(Rejection::Overflow)?;
    for right in [OptionKind::Call, OptionKind::Put] {
        let number = work.state.chain().next_option;
        let market = MarketId::FIRST_OPTION.checked_add(number).map(MarketId::new).ok_or(Rejection::Overflow)?;
        let next_option = number.checked_add(1).ok_or(Rejection::Overflow)?;
        work.update_chain(|chain| chain.next_option = next_option);
        let symbol = format!("{name}-{}", right.letter());
        let record = series.market(market, symbol.clone(), expires_at_ms, strike, right);
        work.state.put(Record::Market { id: market, record: Box::new(record) });
        work.emit(Event::OptionListed { market, symbol, universe, underlying, expires_at_ms, strike, right });
    }
    Ok(())
}

#[cfg(test)]
#[path = "option_listing_tests.rs"]
mod tests;
