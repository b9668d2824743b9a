//! The second step of a block: its oracle bundle makes the index, the index and the books make the marks.
//!
//! Rules:
//! - A bundle is verified before anything of the block is executed; a wrong one makes the block invalid.
//! - The book that a mark looks at is the one that earlier blocks left: no action of this block can move it.
//! - A mark whose arithmetic leaves its range keeps its last value: prices must not stop a block.

use crate::{
    mark::{self, BookTop},
    oracle::{self, BundleContext, BundleError},
    state::{Record, State},
    work::Work,
};
use palisade_types::{
    event::Event,
    genesis::Genesis,
    ids::{AssetId, MarketId},
    market::MarketSpec,
    oracle::OracleBundle,
    order::Side,
    time::TimeMs,
};
use std::collections::BTreeSet;

/// Checks a block's bundle against the parent's state.
pub(crate) fn verify_bundle(
    state: &State,
    genesis: &Genesis,
    bundle: &OracleBundle,
    epoch: u64,
    block_time_ms: TimeMs,
) -> Result<(), BundleError> {
    let context = BundleContext {
        chain_id: genesis.chain_id,
        epoch,
        block_time_ms,
        last_round: state.chain().oracle_round,
        seats: &genesis.seats,
        assets: &genesis.assets,
    };
    oracle::verify_bundle(bundle, &context)
}

/// Takes a verified bundle in and brings all marks up to date.
pub(crate) fn update(work: &mut Work<'_>, bundle: Option<&OracleBundle>) {
    let changed = bundle.map(|bundle| update_indices(work, bundle)).unwrap_or_default();
    let markets: Vec<(MarketId, AssetId)> = work.state.markets().filter_map(underlying).collect();
    for (market, asset) in markets {
        update_mark(work, market, asset, changed.contains(&asset));
    }
}

fn underlying(market: &MarketSpec) -> Option<(MarketId, AssetId)> {
    market.perpetual().map(|terms| (market.id, terms.underlying))
}

fn update_indices(work: &mut Work<'_>, bundle: &OracleBundle) -> BTreeSet<AssetId> {
    let round = oracle::bundle_round(bundle);
    work.update_chain(|chain| chain.oracle_round = round.or(chain.oracle_round));
    let indices = oracle::indices(bundle, work.genesis.seats.len());
    for (asset, index) in &indices {
        work.state.put(Record::Index { id: *asset, record: *index });
        work.emit(Event::IndexUpdated {
            asset: *asset,
            price: index.price,
            time_ms: index.time_ms,
            sources: index.sources,
        });
    }
    indices.into_keys().collect()
}

fn update_mark(work: &mut Work<'_>, market: MarketId, asset: AssetId, index_changed: bool) {
    let Some(index) = work.state.index(asset).copied() else { return };
    let previous = work.state.mark(market).copied();
    if !mark::is_due(previous.as_ref(), index_changed, work.time_ms) {
        return;
    }
    let book = book_top(work.state, market);
    let Ok(next) = mark::next_mark(previous.as_ref(), index.price, &book, work.time_ms) else { return };
    work.state.put(Record::Mark { id: market, record: next });
    if previous.is_none_or(|previous| previous.price != next.price) {
        work.emit(Event::MarkUpdated { market, mark: next.price });
    }
}

fn book_top(state: &State, market: MarketId) -> BookTop {
    let best = |side| state.best_order(market, side).map(|record| record.order.price);
    BookTop { best_bid: best(Side::Buy), best_ask: best(Side::Sell), last_trade: state.market_state(market).last_price }
}
