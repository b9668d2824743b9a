//! Futures that are listed by rule. Rules: `docs/rules/futures.md`.

use crate::{
    state::{FutureSeriesRecord, Record},
    work::Work,
};
use palisade_types::{
    calendar::{expiries_after, expiry_name},
    event::Event,
    market::FutureSeriesSpec,
    time::TimeMs,
};

/// Markets listed in one block; the rest follows in the next.
pub const LISTINGS_PER_BLOCK: u32 = 4;
/// An expiry is listed as long as more than this is left.
pub const LISTING_AHEAD_MS: u64 = 60 * 60 * 1_000;

/// Lists what is due, in order of series and expiry.
pub(super) fn run(work: &mut Work<'_>) {
    if work.state.chain().halted.is_some() {
        return;
    }
    let genesis = work.genesis;
    let mut left = LISTINGS_PER_BLOCK;
    for (number, series) in (0u32..).zip(&genesis.future_series) {
        let is_due = work.state.future_series(number).is_none_or(|record| record.due_ms <= work.time_ms);
        if !is_due || work.state.universe(series.universe).is_none_or(|universe| universe.halted.is_some()) {
            continue;
        }
        let from = work.time_ms.saturating_add(LISTING_AHEAD_MS);
        let wanted = expiries_after(from, series.counts());
        if !list(work, series, &wanted, &mut left) {
            return;
        }
        let first = wanted.first().copied().unwrap_or(TimeMs::new(u64::MAX));
        let record = FutureSeriesRecord { due_ms: first.saturating_sub(LISTING_AHEAD_MS) };
        work.state.put(Record::FutureSeries { id: number, record });
    }
}

/// Whether all that is wanted is listed now.
fn list(work: &mut Work<'_>, series: &FutureSeriesSpec, wanted: &[TimeMs], left: &mut u32) -> bool {
    for &expires_at_ms in wanted {
        let asset = work.state.asset(series.underlying).map(|asset| asset.symbol.clone());
        let (Some(asset), Some(day)) = (asset, expiry_name(expires_at_ms)) else { continue };
        let symbol = format!("{asset}-{day}");
        if work.state.live_futures().any(|market| market.symbol == symbol) {
            continue;
        }
        let Some(id) = work.state.next_future().filter(|_| *left > 0) else { return false };
        *left = left.saturating_sub(1);
        let record = series.market(id, symbol.clone(), expires_at_ms);
        work.state.put(Record::Market { id, record: Box::new(record) });
        let (universe, underlying) = (series.universe, series.underlying);
        work.emit(Event::FutureListed { market: id, symbol, universe, underlying, expires_at_ms });
    }
    true
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
