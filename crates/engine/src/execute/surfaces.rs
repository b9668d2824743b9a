//! The surfaces of options, and so their marks: at every new index of the underlying, and otherwise once a second.
//! Rules: `docs/rules/options.md`.

use super::expiry;
use crate::{
    mark::MARK_INTERVAL_MS,
    options::surface::{expiries_of, refitted},
    state::{OptionExpiryRecord, Record},
    work::Work,
};
use palisade_pricing::Q57;
use palisade_types::{event::Event, ids::AssetId, market::OptionSeriesSpec, numbers::Rate};
use std::collections::BTreeSet;

/// Counts of a volatility in a part per million.
const VOLATILITY_PER_RATE: u64 = 1_000_000;

/// Makes the marks of every series that is due. A surface that cannot be computed stays as it is and grows old.
pub(super) fn run(work: &mut Work<'_>, changed: &BTreeSet<AssetId>) {
    let genesis = work.genesis;
    for series in &genesis.option_series {
        expiry::observe_options(work, series);
        if !is_due(work, series, changed.contains(&series.underlying)) {
            continue;
        }
        let Ok(records) = refitted(work.state, series, work.time_ms) else { continue };
        for (id, record) in records {
            work.state.put(Record::OptionExpiry { id, record: Box::new(record) });
            work.emit(Event::SurfaceUpdated {
                universe: id.universe,
                underlying: id.underlying,
                expires_at_ms: id.expires_at_ms,
                forward: record.forward,
                volatility: at_the_money(&record),
            });
        }
    }
}

fn is_due(work: &Work<'_>, series: &OptionSeriesSpec, index_changed: bool) -> bool {
    expiries_of(work.state, series).any(|(id, record)| {
        let is_old = work.time_ms.since(record.as_of_ms) >= MARK_INTERVAL_MS;
        id.expires_at_ms > work.time_ms && (index_changed || is_old || record.slice.is_none())
    })
}

/// The volatility at the forward, rounded down to parts per million.
fn at_the_money(record: &OptionExpiryRecord) -> Rate {
    let volatility = record.slice.map_or(0, |slice| slice.volatility(Q57::ZERO).get());
    Rate::new(i64::try_from(volatility.checked_div(VOLATILITY_PER_RATE).unwrap_or(0)).unwrap_or(i64::MAX))
}
