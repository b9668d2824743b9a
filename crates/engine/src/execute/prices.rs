//! Oracle bundle → index → marks → surfaces of options. The bundle was checked with the block.

use super::{expiry, surfaces};
use crate::{
    mark::{BookTop, is_due, next_mark, next_slow_price},
    oracle::{bundle_round, indices},
    risk::{
        crowd_fraction, depeg_addition, depth_now, next_depth, next_variance, open_interest_usd, volatility_fraction,
    },
    state::{IndexRecord, MarkRecord, Record, State},
    work::Work,
};
use palisade_types::{
    event::Event,
    ids::{AssetId, MarketId},
    market::MarketSpec,
    oracle::OracleBundle,
    order::Side,
    rejection::Rejection,
};
use std::collections::BTreeSet;

/// Sets indices from the block's bundle, then the marks that are due.
pub(super) fn run(work: &mut Work<'_>, bundle: Option<&OracleBundle>) {
    let mut changed: BTreeSet<AssetId> = BTreeSet::new();
    if let Some(bundle) = bundle {
        let round = bundle_round(bundle);
        work.update_chain(|chain| chain.oracle_round = round);
        for (asset, record) in indices(bundle, work.genesis.seats.len()) {
            let record = with_history(work.state.index(asset), record);
            work.state.put(Record::Index { id: asset, record });
            work.emit(Event::IndexUpdated {
                asset,
                price: record.price,
                time_ms: record.time_ms,
                sources: record.sources,
            });
            changed.insert(asset);
        }
    }
    expiry::observe(work);
    let linear = work.state.perpetuals().chain(work.state.live_futures());
    let linear: Vec<(MarketId, AssetId)> = linear.filter_map(underlying).collect();
    for (market, asset) in linear {
        update_mark(work, market, asset, changed.contains(&asset));
    }
    surfaces::run(work, &changed);
}

fn underlying(market: &MarketSpec) -> Option<(MarketId, AssetId)> {
    market.linear().map(|terms| (market.id, terms.underlying))
}

/// A mark that cannot be computed stays as it is and grows old.
fn update_mark(work: &mut Work<'_>, market: MarketId, asset: AssetId, index_changed: bool) {
    let Some(index) = work.state.index(asset).copied() else { return };
    let previous = work.state.mark(market).copied();
    if !is_due(previous.as_ref(), index_changed, work.time_ms) {
        return;
    }
    let shown = previous.map(|previous| previous.price);
    let Some(previous) = expiry::free_mark(work.state, market, previous) else { return };
    let book = book_top(work.state, market);
    let elapsed_ms = previous.map_or(0, |previous| work.time_ms.since(previous.time_ms));
    // While no price comes none is confirmed.
    let confirmed = |record: MarkRecord| match previous {
        Some(previous) if !index.is_fresh(work.time_ms) => MarkRecord { slow_price: previous.slow_price, ..record },
        _ => record,
    };
    let marked = next_mark(previous.as_ref(), index.price, &book, work.time_ms)
        .map(confirmed)
        .and_then(|record| with_risk(work.state, market, record, index.variance, elapsed_ms))
        .and_then(|record| expiry::converge(work, market, record));
    if let Ok(record) = marked {
        work.state.put(Record::Mark { id: market, record });
        if shown != Some(record.price) {
            work.emit(Event::MarkUpdated { market, mark: record.price });
        }
    }
}

/// The new index with what it carries on from the last one. Out of range, the history begins anew.
fn with_history(before: Option<&IndexRecord>, record: IndexRecord) -> IndexRecord {
    let Some(before) = before else { return record };
    let elapsed_ms = record.time_ms.since(before.time_ms);
    IndexRecord {
        slow_price: next_slow_price(before.slow_price, record.price, elapsed_ms).unwrap_or(record.price),
        variance: next_variance(before.variance, before.price, record.price, elapsed_ms).unwrap_or(before.variance),
        ..record
    }
}

/// The new mark with what margin adds for volatility and size.
fn with_risk(
    state: &State,
    market: MarketId,
    record: MarkRecord,
    variance: i64,
    elapsed_ms: u64,
) -> Result<MarkRecord, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let terms = spec.linear().ok_or(Rejection::NoLeverage { market })?;
    let now = depth_now(state, spec, record.price)?;
    let quote = state.universe(spec.universe).and_then(|universe| state.index(universe.spec.collateral));
    let volatility_fraction = volatility_fraction(&terms, variance);
    let open_interest_usd = open_interest_usd(state, spec, record.price)?;
    Ok(MarkRecord {
        volatility_fraction,
        market_fraction: crowd_fraction(&terms, open_interest_usd)?.max(volatility_fraction),
        depeg_addition: depeg_addition(quote),
        depth_usd: next_depth(&terms, record.depth_usd, now, elapsed_ms)?,
        ..record
    })
}

fn book_top(state: &State, market: MarketId) -> BookTop {
    let best = |side| state.best_order(market, side).map(|record| record.order.price);
    BookTop { best_bid: best(Side::Buy), best_ask: best(Side::Sell), last_trade: state.market_state(market).last_price }
}
