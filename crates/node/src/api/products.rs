//! From the finalized state to what a node answers of synthetics, combos, block trades and pools: pure functions of one
//! [`View`], whose figures are the engine's own, as in [`super::answers`].

use super::answers::{BOOK_LEVELS_MAX, add_up};
use crate::final_view::View;
use palisade_client::api::{
    BlockRequestInfo, BlockRequests, ComboBook, ComboInfo, Combos, DebtInfo, DebtNeeds, Debts, ImpliedLevel, PoolInfo,
    SyntheticInfo,
};
use palisade_engine::{
    State,
    combos::implied_offer,
    liquidity::{Reserves, curve, reserve_price, reserves},
    synthetics::debt_figures,
};
use palisade_types::{
    address::AccountId,
    ids::{ComboId, MarketId},
    multi_leg::BlockRequest,
    order::Side,
    rejection::Rejection,
};

/// Most requests that name an account which are shown. Anyone may name anyone, and a request binds nobody.
pub const NAMING_REQUESTS_MAX: usize = 100;

/// Every synthetic with its sums.
pub fn synthetics(view: &View) -> Vec<SyntheticInfo> {
    let state = &view.state;
    let info = |record: &palisade_engine::state::SyntheticRecord| {
        let totals = state.debt_totals(record.spec.asset);
        let index = state.index(record.spec.tracks);
        SyntheticInfo {
            spec: record.spec,
            supply: state.supply(record.spec.asset),
            debt: totals.debt,
            shortfall: record.shortfall,
            collateral_usd: totals.collateral_usd,
            fund_claimed_usd: record.fund_claimed_usd,
            index: index.map(|index| index.price),
            index_time_ms: index.map(|index| index.time_ms),
        }
    };
    state.synthetics().map(info).collect()
}

/// What an account owes of synthetics.
pub fn debts(view: &View, account: AccountId) -> Result<Debts, Rejection> {
    let state = &view.state;
    let owed = state.debts_of(account).map(|(asset, record)| {
        let figures = debt_figures(state, asset, record.debt)?;
        let needs = figures.map(|figures| DebtNeeds {
            value_usd: figures.value_usd,
            initial_usd: figures.initial_usd,
            maintenance_usd: figures.maintenance_usd,
        });
        Ok(DebtInfo { asset, debt: record.debt, collateral_usd: record.collateral_usd, needs })
    });
    let debts = owed.collect::<Result<_, Rejection>>()?;
    Ok(Debts { account, height: view.tip.header.height, time_ms: view.tip.header.time_ms, debts })
}

/// At most `limit` combos from a number on, with the best of their own books.
pub fn combos(view: &View, from: ComboId, limit: u32) -> Combos {
    let state = &view.state;
    let mut rest = state.combos_from(from);
    let best = |combo, side| state.combo_book_side(combo, side).next().map(|order| order.price);
    let shown = rest.by_ref().take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|combo| ComboInfo {
        combo: combo.clone(),
        best_bid: best(combo.id, Side::Buy),
        best_ask: best(combo.id, Side::Sell),
    });
    let combos = shown.collect();
    let next = rest.next().map(|combo| combo.id);
    Combos { height: view.tip.header.height, time_ms: view.tip.header.time_ms, combos, next }
}

/// A combo's own book, at most `depth` levels a side, and what the books of its legs offer.
pub fn combo_book(view: &View, combo: ComboId, depth: u32) -> Result<ComboBook, Rejection> {
    let state = &view.state;
    let record = state.combo(combo).ok_or(Rejection::UnknownCombo { combo })?;
    let depth = usize::try_from(depth).unwrap_or(usize::MAX).min(BOOK_LEVELS_MAX);
    let time_ms = view.tip.header.time_ms;
    let own = |side| add_up(state.combo_book_side(combo, side).map(|order| (order.price, order.remaining)), depth);
    // Who sells meets bids.
    let implied = |taker_side| -> Result<Option<ImpliedLevel>, Rejection> {
        let offer = implied_offer(state, combo, taker_side, time_ms)?;
        Ok(offer.map(|offer| ImpliedLevel { price: offer.price, size: offer.units, quote_usd: offer.quote_usd }))
    };
    Ok(ComboBook {
        combo: record.clone(),
        height: view.tip.header.height,
        time_ms,
        bids: own(Side::Buy),
        asks: own(Side::Sell),
        implied_bid: implied(Side::Sell)?,
        implied_ask: implied(Side::Buy)?,
    })
}

/// Open requests for block trades that an account made or that name it, with their quotes.
pub fn block_requests(view: &View, account: AccountId) -> BlockRequests {
    let state = &view.state;
    BlockRequests {
        account,
        height: view.tip.header.height,
        time_ms: view.tip.header.time_ms,
        made: state.block_requests_of(account).map(|request| quoted(state, request)).collect(),
        naming: state
            .block_requests_for(account)
            .take(NAMING_REQUESTS_MAX)
            .map(|request| quoted(state, request))
            .collect(),
    }
}

fn quoted(state: &State, request: &BlockRequest) -> BlockRequestInfo {
    BlockRequestInfo { request: request.clone(), quotes: state.block_quotes_for(request.id).cloned().collect() }
}

/// A spot market's liquidity pool, if it has one.
pub fn pool(view: &View, market: MarketId) -> Option<PoolInfo> {
    let state = &view.state;
    let (record, spec) = (state.liquidity_pool(market)?, state.market(market)?);
    let Reserves { base, quote } = reserves(state, spec, spec.spot()?);
    let curve = curve(state, spec);
    let first = |side| curve.as_ref().and_then(|curve| curve.price(side));
    Some(PoolInfo {
        market,
        height: view.tip.header.height,
        time_ms: view.tip.header.time_ms,
        fee: record.fee,
        created_at_ms: record.created_at_ms,
        base,
        quote,
        shares: record.shares,
        price: reserve_price(state, spec),
        bid: first(Side::Sell),
        ask: first(Side::Buy),
    })
}

#[cfg(test)]
mod tests;
