//! Oracle bundle → index → marks. The bundle was checked with the block.

use crate::{
    mark::{BookTop, is_due, next_mark},
    oracle::{bundle_round, indices},
    state::{Record, State},
    work::Work,
};
use palisade_types::{
    event::Event,
    ids::{AssetId, MarketId},
    market::MarketSpec,
    oracle::OracleBundle,
    order::Side,
};
use std::collections::BTreeSet;

/// Sets indices from the block's bundle, then the marks that are due.
pub(super) fn run(work: &mut Work<'_>, bundle: Option<&OracleBundle>) {
    let mut changed: BTreeSet<AssetId> = BTreeSet::new();
    if let Some(bundle) = bundle {
        let round = bundle_round(bundle);
        work.update_chain(|chain| chain.oracle_round = round);
        for (asset, record) in indices(bundle, work.genesis.seats.len()) {
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
    let perpetuals: Vec<(MarketId, AssetId)> = work.state.markets().filter_map(underlying).collect();
    for (market, asset) in perpetuals {
        update_mark(work, market, asset, changed.contains(&asset));
    }
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
    let book = book_top(work.state, market);
    if let Ok(record) = next_mark(previous.as_ref(), index.price, &book, work.time_ms) {
        work.state.put(Record::Mark { id: market, record });
        if previous.is_none_or(|previous| previous.price != record.price) {
            work.emit(Event::MarkUpdated { market, mark: record.price });
        }
    }
}

fn book_top(state: &State, market: MarketId) -> BookTop {
    let best = |side| state.best_order(market, side).map(|record| record.order.price);
    BookTop { best_bid: best(Side::Buy), best_ask: best(Side::Sell), last_trade: state.market_state(market).last_price }
}
