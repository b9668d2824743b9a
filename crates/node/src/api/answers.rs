//! From the finalized state to what a node answers: pure functions of one [`View`].
//!
//! Nothing is computed here that the engine computes elsewhere: margins come from the engine's own functions,
//! so that what an account is told and what the next block does agree.

use crate::final_view::View;
use palisade_client::api::{
    AccountInfo, BalanceInfo, Book, BookLevel, MarginInfo, MarketInfo, PositionInfo, SignerRole,
};
use palisade_engine::{State, accounts, admission::budget_caps, margin::liquidation_price};
use palisade_types::{
    address::{AccountId, SignerId},
    genesis::Genesis,
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Price, Size, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
};

/// Most price levels of a side that are shown.
pub const BOOK_LEVELS_MAX: usize = 1_000;

/// Every market with its prices.
pub fn markets(view: &View) -> Vec<MarketInfo> {
    view.state.markets().map(|spec| market(&view.state, spec)).collect()
}

fn market(state: &State, spec: &MarketSpec) -> MarketInfo {
    // A spot market has no mark, but what it trades may have an index: quotes are made around it.
    let followed = spec.linear().map(|terms| terms.underlying).or(spec.spot().map(|terms| terms.base));
    let index = followed.and_then(|asset| state.index(asset));
    let best = |side| state.best_order(spec.id, side).map(|record| record.order.price);
    let universe_halted = state.universe(spec.universe).is_some_and(|universe| universe.halted.is_some());
    MarketInfo {
        spec: spec.clone(),
        index: index.map(|record| record.price),
        index_time_ms: index.map(|record| record.time_ms),
        mark: state.mark(spec.id).map(|record| record.price),
        last: state.market_state(spec.id).last_price,
        best_bid: best(Side::Buy),
        best_ask: best(Side::Sell),
        open_interest: Size::new(u64::try_from(state.position_totals(spec.id).long).unwrap_or(u64::MAX)),
        halted: universe_halted || state.chain().halted.is_some(),
    }
}

/// A book, at most `depth` levels a side; `None` if there is no such market.
pub fn book(view: &View, market: MarketId, depth: u32) -> Option<Book> {
    view.state.market(market)?;
    let depth = usize::try_from(depth).unwrap_or(usize::MAX).min(BOOK_LEVELS_MAX);
    Some(Book {
        market,
        height: view.tip.header.height,
        time_ms: view.tip.header.time_ms,
        bids: levels(&view.state, market, Side::Buy, depth),
        asks: levels(&view.state, market, Side::Sell, depth),
    })
}

fn levels(state: &State, market: MarketId, side: Side, depth: usize) -> Vec<BookLevel> {
    let mut levels: Vec<BookLevel> = Vec::new();
    for record in state.book_side(market, side) {
        let order = &record.order;
        let complete = levels.len() >= depth;
        match levels.last_mut() {
            Some(level) if level.price == order.price => {
                level.size = Size::new(level.size.get().saturating_add(order.remaining.get()));
                level.orders = level.orders.saturating_add(1);
            }
            _ if complete => break,
            _ => levels.push(BookLevel { price: order.price, size: order.remaining, orders: 1 }),
        }
    }
    levels
}

/// An account's open orders in order of number.
pub fn open_orders(view: &View, account: AccountId) -> Vec<OpenOrder> {
    let mut orders: Vec<OpenOrder> = view.state.orders_of(account).map(|record| record.order).collect();
    orders.sort_unstable_by_key(|order| order.id);
    orders
}

/// Who a key acts for.
pub fn signer_role(view: &View, signer: SignerId) -> SignerRole {
    if let Some(agent) = view.state.agent(signer) {
        let expired = agent.expires_at_ms.is_some_and(|expires_ms| expires_ms <= view.tip.header.time_ms);
        return if agent.retired || expired { SignerRole::Retired } else { SignerRole::Agent { agent: agent.clone() } };
    }
    match signer {
        SignerId::Address(account) => view.state.account(account).map_or(SignerRole::Unknown, |record| {
            SignerRole::Account { hyperliquid_compatible: record.hyperliquid_compatible }
        }),
        SignerId::Ed25519(_) => SignerRole::Unknown,
    }
}

/// Everything about an account but its orders.
pub fn account(view: &View, genesis: &Genesis, account: AccountId) -> Result<AccountInfo, Rejection> {
    let state = &view.state;
    let record = state.account(account);
    let caps = budget_caps(genesis, record, view.tip.header.time_ms);
    Ok(AccountInfo {
        account,
        height: view.tip.header.height,
        time_ms: view.tip.header.time_ms,
        exists: record.is_some(),
        balances: balances(state, account),
        positions: positions(state, account)?,
        margins: margins(state, account)?,
        agents: state.agents_of(account).map(|(signer, agent)| (signer, agent.clone())).collect(),
        leverages: leverages(state, account),
        hyperliquid_compatible: record.is_some_and(|record| record.hyperliquid_compatible),
        scheduled_cancel_ms: record.and_then(|record| record.cancel_all_at_ms),
        actions_used: record.map_or(0, |record| record.actions_used),
        actions_cap: caps.any,
        traded_usd: record.map_or(Usd::ZERO, |record| record.volume_usd),
    })
}

fn balances(state: &State, account: AccountId) -> Vec<BalanceInfo> {
    let info = |(id, total): (palisade_types::state_key::BalanceId, _)| BalanceInfo {
        universe: id.universe,
        asset: id.asset,
        total,
        hold: state.held(account, id.universe, id.asset),
    };
    state.balances_of(account).map(info).collect()
}

fn leverages(state: &State, account: AccountId) -> Vec<(MarketId, u32)> {
    let linear = state.markets().filter(|spec| spec.linear().is_some());
    linear.map(|spec| (spec.id, accounts::leverage(state, account, spec))).collect()
}

/// Margin in every universe in which the account holds anything or has orders.
fn margins(state: &State, account: AccountId) -> Result<Vec<MarginInfo>, Rejection> {
    let universes: Vec<UniverseId> = state.universes().map(|record| record.spec.id).collect();
    universes.into_iter().map(|universe| margin(state, account, universe)).collect()
}

fn margin(state: &State, account: AccountId, universe: UniverseId) -> Result<MarginInfo, Rejection> {
    let margin = accounts::margin(state, account, universe)?;
    let mut positions_value_usd = Usd::ZERO;
    for (spec, _) in held_in(state, account, universe) {
        let value = accounts::exposure(state, account, spec)?.notional_usd()?;
        positions_value_usd = positions_value_usd.checked_add(value).ok_or(Rejection::Overflow)?;
    }
    Ok(MarginInfo {
        universe,
        equity_usd: margin.equity_usd()?,
        initial_margin_usd: margin.initial_usd,
        maintenance_margin_usd: margin.maintenance_usd,
        withdrawable_usd: margin.withdrawable_usd()?,
        positions_value_usd,
    })
}

fn held_in(
    state: &State,
    account: AccountId,
    universe: UniverseId,
) -> impl Iterator<Item = (&MarketSpec, palisade_engine::state::PositionRecord)> {
    state
        .positions_of(account)
        .filter_map(|(market, record)| Some((state.market(market)?, *record)))
        .filter(move |(spec, _)| spec.universe == universe)
}

fn positions(state: &State, account: AccountId) -> Result<Vec<PositionInfo>, Rejection> {
    let mut positions = Vec::new();
    for universe in state.universes() {
        let margin = accounts::margin(state, account, universe.spec.id)?;
        for (spec, record) in held_in(state, account, universe.spec.id) {
            let exposure = accounts::exposure(state, account, spec)?;
            positions.push(PositionInfo {
                market: spec.id,
                size: record.position,
                cost_usd: record.entry_cost_usd,
                mark: Some(exposure.mark),
                value_usd: exposure.notional_usd()?,
                unrealised_pnl_usd: exposure.unrealised_usd()?,
                initial_margin_usd: exposure.position_initial_usd()?,
                maintenance_margin_usd: exposure.maintenance_usd()?,
                liquidation_price: liquidation_price(&margin, &exposure),
                leverage: exposure.leverage,
            });
        }
    }
    positions.sort_unstable_by_key(|position| position.market);
    Ok(positions)
}

#[cfg(test)]
mod tests;
