//! From the finalized state to what a node answers: pure functions of one [`View`].
//!
//! Nothing is computed here that the engine computes elsewhere: margins come from the engine's own functions,
//! so that what an account is told and what the next block does agree.

use crate::final_view::View;
use palisade_client::api::{
    AccountInfo, BalanceInfo, Book, BookLevel, FundingInfo, MarginInfo, MarketInfo, OptionInfo, PoolStakeInfo,
    PositionInfo, SignerRole, SubAccountInfo, VaultInfo, VaultStakeInfo,
};
use palisade_engine::{
    State, accounts,
    admission::budget_caps,
    funding::{FUNDING_TERMS, hourly_cap},
    liquidity::{curve, redeemable},
    margin::AccountMargin,
    shares::Pool,
    state::{MarginUnit, OptionExpiryId, PositionRecord, SubAccountRecord, VaultShareRecord},
    vaults::worth,
};
use palisade_types::{
    action::MarginMode,
    address::{AccountId, SignerId},
    genesis::Genesis,
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    numbers::{FundingRate, Price, Shares, Size, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
    trigger::TriggerOrder,
    twap::Twap,
};

/// The universe in which vaults are.
const CORE: UniverseId = UniverseId::new(0);
/// Most price levels of a side that are shown.
pub const BOOK_LEVELS_MAX: usize = 1_000;

/// Every market with its prices.
pub fn markets(view: &View) -> Vec<MarketInfo> {
    view.state.markets().map(|spec| market(&view.state, spec)).collect()
}

fn market(state: &State, spec: &MarketSpec) -> MarketInfo {
    // A spot market has no mark, but what it trades may have an index, or track one: quotes are made around it.
    let tracked = |asset| state.synthetic(asset).map_or(asset, |synthetic| synthetic.spec.tracks);
    let followed = spec.derivative().map(|terms| terms.underlying).or(spec.spot().map(|terms| tracked(terms.base)));
    let index = followed.and_then(|asset| state.index(asset));
    let resting = |side| state.best_order(spec.id, side).map(|record| record.order.price);
    // A pool bids to those who sell and asks of those who buy.
    let pool = curve(state, spec);
    let quoted = |side: Side| pool.as_ref().and_then(|pool| pool.price(side.opposite()));
    let best = |side: Side| match (resting(side), quoted(side)) {
        (Some(order), Some(pool)) => Some(if side == Side::Buy { order.max(pool) } else { order.min(pool) }),
        (order, pool) => order.or(pool),
    };
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
        funding: funding(state, spec),
        option: option(state, spec),
        halted: universe_halted || state.chain().halted.is_some(),
    }
}

/// What an option's mark is made of; nothing once its payoff is fixed, when nothing moves it any more.
fn option(state: &State, spec: &MarketSpec) -> Option<OptionInfo> {
    let record = state.option_expiry(OptionExpiryId::of(spec)?)?;
    let slice = record.slice.filter(|_| record.settlement_price().is_none())?;
    let terms = record.terms(&spec.option()?, &slice);
    let volatility = slice.volatility(terms.log_strike().ok()?);
    Some(OptionInfo { forward: record.forward, volatility, greeks: terms.greeks(volatility).ok()? })
}

/// Funding as the running hour has it so far.
fn funding(state: &State, spec: &MarketSpec) -> Option<FundingInfo> {
    let record = state.funding(spec.id)?;
    let cap = hourly_cap(spec.perpetual()?.maximum_leverage).get().max(0);
    let mean = record.measured().mean().unwrap_or(record.premium);
    let hourly = FUNDING_TERMS.rate(mean).ok()?.get().clamp(cap.saturating_neg(), cap);
    Some(FundingInfo { rate: FundingRate::new(hourly), premium: record.premium, last_rate: record.last_rate })
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
    add_up(state.book_side(market, side).map(|record| (record.order.price, record.order.remaining)), depth)
}

/// Orders, best first, as at most `depth` levels.
pub(super) fn add_up(orders: impl Iterator<Item = (Price, Size)>, depth: usize) -> Vec<BookLevel> {
    let mut levels: Vec<BookLevel> = Vec::new();
    for (price, size) in orders {
        let complete = levels.len() >= depth;
        match levels.last_mut() {
            Some(level) if level.price == price => {
                level.size = Size::new(level.size.get().saturating_add(size.get()));
                level.orders = level.orders.saturating_add(1);
            }
            _ if complete => break,
            _ => levels.push(BookLevel { price, size, orders: 1 }),
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
        triggers: triggers(state, account),
        twaps: twaps(state, account),
        controller: state.controller(account),
        sub_accounts: sub_accounts(state, account),
        vault: vault(view, account)?,
        vault_stakes: vault_stakes(view, account)?,
        pool_stakes: pool_stakes(state, account)?,
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

fn triggers(state: &State, account: AccountId) -> Vec<TriggerOrder> {
    let mut triggers: Vec<TriggerOrder> = state.triggers_of(account).map(|record| record.trigger).collect();
    triggers.sort_unstable_by_key(|trigger| trigger.id);
    triggers
}

fn twaps(state: &State, account: AccountId) -> Vec<Twap> {
    let mut twaps: Vec<Twap> = state.twaps_of(account).map(|record| record.twap).collect();
    twaps.sort_unstable_by_key(|twap| twap.id);
    twaps
}

fn sub_accounts(state: &State, master: AccountId) -> Vec<SubAccountInfo> {
    let info =
        |(account, record): (AccountId, &SubAccountRecord)| SubAccountInfo { account, name: record.name.clone() };
    state.sub_accounts_of(master).map(info).collect()
}

/// Holders of a vault that are shown.
const HOLDERS_MAX: usize = 100;

fn vault(view: &View, account: AccountId) -> Result<Option<VaultInfo>, Rejection> {
    let state = &view.state;
    let Some(record) = state.vault(account) else { return Ok(None) };
    let pool = pool(view, account)?;
    let mut holders = Vec::new();
    for (holder, share) in state.vault_holders(account) {
        holders.push(stake(account, holder, &share, &pool)?);
    }
    holders.sort_by_key(|stake| std::cmp::Reverse(stake.value_usd));
    holders.truncate(HOLDERS_MAX);
    Ok(Some(VaultInfo {
        leader: record.leader,
        name: record.name.clone(),
        description: record.description.clone(),
        created_at_ms: record.created_at_ms,
        closed: record.closed,
        value_usd: pool.value_usd,
        holders,
    }))
}

fn vault_stakes(view: &View, account: AccountId) -> Result<Vec<VaultStakeInfo>, Rejection> {
    let held = view.state.vaults_held_by(account);
    held.map(|(vault, share)| stake(vault, account, &share, &pool(view, vault)?)).collect()
}

fn pool_stakes(state: &State, account: AccountId) -> Result<Vec<PoolStakeInfo>, Rejection> {
    let held = state.pool_shares_of(account);
    let stakes = held.map(|(market, shares)| {
        let part = redeemable(state, market, shares)?;
        Ok(PoolStakeInfo { market, shares, base: part.base, quote: part.quote })
    });
    stakes.collect()
}

/// A vault's shares and what they are worth: as for a redemption, or, while an index is stale, by its margin.
fn pool(view: &View, vault: AccountId) -> Result<Pool, Rejection> {
    let state = &view.state;
    let shares = state.vault(vault).map_or(Shares::ZERO, |record| record.shares);
    let value_usd = match worth(state, vault, CORE, view.tip.header.time_ms) {
        Ok(worth) => worth.low_usd,
        Err(_) => accounts::margin(state, vault, CORE)?.equity_usd()?,
    };
    Ok(Pool { shares, value_usd })
}

fn stake(
    vault: AccountId,
    account: AccountId,
    share: &VaultShareRecord,
    pool: &Pool,
) -> Result<VaultStakeInfo, Rejection> {
    Ok(VaultStakeInfo {
        vault,
        account,
        value_usd: pool.value_of(share.shares)?,
        cost_usd: share.cost_usd,
        locked_until_ms: share.locked_until_ms,
    })
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
        let figures = accounts::position_figures(state, account, spec)?;
        if !figures.is_isolated {
            let sum = positions_value_usd.checked_add(figures.value_usd);
            positions_value_usd = sum.ok_or(Rejection::Overflow)?;
        }
    }
    Ok(MarginInfo {
        universe,
        level: state.margin_level(MarginUnit { account, universe, market: None }),
        portfolio: state.is_portfolio(account, universe),
        equity_usd: margin.equity_usd()?,
        initial_margin_usd: margin.initial_usd,
        maintenance_margin_usd: margin.maintenance_usd,
        withdrawable_usd: accounts::withdrawable_usd(state, account, universe)?,
        positions_value_usd,
    })
}

fn held_in(
    state: &State,
    account: AccountId,
    universe: UniverseId,
) -> impl Iterator<Item = (&MarketSpec, PositionRecord)> {
    state
        .positions_of(account)
        .filter_map(|(market, record)| Some((state.market(market)?, *record)))
        .filter(move |(spec, _)| spec.universe == universe)
}

fn positions(state: &State, account: AccountId) -> Result<Vec<PositionInfo>, Rejection> {
    let mut positions = Vec::new();
    for universe in state.universes() {
        let cross = accounts::margin(state, account, universe.spec.id)?;
        for (spec, record) in held_in(state, account, universe.spec.id) {
            positions.push(position(state, account, spec, &record, &cross)?);
        }
    }
    positions.sort_unstable_by_key(|position| position.market);
    Ok(positions)
}

fn position(
    state: &State,
    account: AccountId,
    spec: &MarketSpec,
    record: &PositionRecord,
    cross: &AccountMargin,
) -> Result<PositionInfo, Rejection> {
    let figures = accounts::position_figures(state, account, spec)?;
    let isolated = if figures.is_isolated { Some(accounts::isolated_margin(state, account, spec)?) } else { None };
    Ok(PositionInfo {
        market: spec.id,
        size: record.position,
        cost_usd: record.entry_cost_usd,
        mark: Some(figures.mark),
        value_usd: figures.value_usd,
        unrealised_pnl_usd: figures.unrealised_usd,
        initial_margin_usd: figures.initial_usd,
        maintenance_margin_usd: figures.maintenance_usd,
        liquidation_price: figures.liquidation_price(isolated.as_ref().unwrap_or(cross)),
        leverage: figures.leverage,
        margin_mode: if isolated.is_some() { MarginMode::Isolated } else { MarginMode::Cross },
        collateral_usd: isolated.map_or(Usd::ZERO, |margin| margin.balance_usd),
        owed_funding_usd: record.funding_owed_usd(state.funding_index(spec.id))?,
    })
}

#[cfg(test)]
mod tests;
