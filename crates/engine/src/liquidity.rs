//! Liquidity pools of spot markets: their reserves, their shares, and what they trade (`docs/rules/pools.md`).
//!
//! Rules:
//! - The reserves are the balances of an address that no key has and that nobody can send to.
//! - Who comes brings both assets in the proportion of the reserves, rounded up; who goes gets the shares' part of both,
//!   rounded down.
//! - A part of the first deposit's shares stays with the pool for good, so that it is never empty; less than a lot of the base is
//!   not for sale.
//!
//! Invariants, each checked before an action ends:
//! - A trade never lowers `base × quote`; a deposit or a withdrawal never lowers either reserve per share. So `base × quote /
//!   shares²` never falls.
//! - A pool's shares are the sum of its holders'.

use crate::{
    accounts::{margin_to_leave, spendable},
    ledger::{Overdraft, Settlement},
    margin::{AccountMargin, CollateralValue},
    market_math::quote_amount,
    mutant::{Mutant, is_planted},
    pool_curve::{Curve, POOL_RESERVE_MAX, PoolTrade},
    risk::weighed_collateral,
    state::{LiquidityPoolRecord, PoolShareId, Record, RecordKey, State},
    wide::{compare_products, multiply_divide_ceil, multiply_divide_floor, root_of_product_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    decimal::power_of_ten,
    event::Event,
    ids::{AssetId, MarketId, UniverseId},
    market::{MarketSpec, SpotTerms},
    numbers::{Amount, Price, Shares, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
};
use std::cmp::Ordering;

/// The least of the quote that a pool begins with: 100 USD.
pub const POOL_INITIAL_QUOTE_MINIMUM: Amount = Amount::new(100 * 100_000_000);
/// The least of the base that a pool begins with: so many of its smallest units, so that the price of what stays for good is
/// exact to a thousandth.
pub const POOL_INITIAL_BASE_MINIMUM: Amount = Amount::new(1_000_000);
/// The least of the quote that a deposit brings: 10 USD.
pub const POOL_DEPOSIT_MINIMUM_USD: Usd = Usd::new(10 * 100_000_000);
/// The part of the first deposit's shares that stays for good: one in so many.
pub const POOL_LOCKED_DIVISOR: i128 = 1_000;
/// Parts of a unit of 1e-8 USD that the base is valued in before the root is taken: a square number.
const VALUE_PARTS: i128 = 1_000_000_000_000;
/// Its root.
const ROOT_PARTS: i128 = 1_000_000;

/// What a pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserves {
    /// Of the base.
    pub base: Amount,
    /// Of the quote.
    pub quote: Amount,
}

/// A spot market's assets, or the rejection that it is none.
pub(crate) fn spot_of(market: &MarketSpec) -> Result<SpotTerms, Rejection> {
    market.spot().ok_or(Rejection::NotASpotMarket { market: market.id })
}

/// A market's pool, or the rejection that there is none.
pub(crate) fn pool(state: &State, market: MarketId) -> Result<LiquidityPoolRecord, Rejection> {
    state.liquidity_pool(market).copied().ok_or(Rejection::UnknownPool { market })
}

/// What a market's pool holds; nothing if there is none.
pub fn reserves(state: &State, market: &MarketSpec, spot: SpotTerms) -> Reserves {
    let of = |asset| state.balance(AccountId::pool(market.id), market.universe, asset);
    Reserves { base: of(spot.base), quote: of(spot.quote) }
}

/// The curve of a market's pool; none without a pool.
pub fn curve(state: &State, market: &MarketSpec) -> Option<Curve> {
    let (spot, record) = (market.spot()?, state.liquidity_pool(market.id)?);
    let Reserves { base, quote } = reserves(state, market, spot);
    Curve::new(market, state.asset(spot.base)?.decimals, record.fee.rate(), base, quote)
}

/// Quote over base of a market's pool, as a price without a fee, rounded down; none without a pool, or beyond all prices.
pub fn reserve_price(state: &State, market: &MarketSpec) -> Option<Price> {
    let spot = market.spot()?;
    let Reserves { base, quote } = reserves(state, market, spot);
    let unit = power_of_ten(state.asset(spot.base)?.decimals)?;
    let price = multiply_divide_floor(quote.get(), unit, base.get())?;
    i64::try_from(price).ok().map(Price::new)
}

/// What the pool trades next with an incoming order, if it offers a better price than `resting`, the first order in line that
/// the incoming one crosses: at an equal price the order goes first.
pub(crate) fn next_trade(
    state: &State,
    market: &MarketSpec,
    taker: &OpenOrder,
    resting: Option<Price>,
) -> Option<PoolTrade> {
    let tick = market.tick.get();
    let bound = match (taker.side, resting) {
        (_, None) => taker.price,
        (Side::Buy, Some(price)) => Price::new(price.get().checked_sub(tick)?),
        (Side::Sell, Some(price)) => Price::new(price.get().checked_add(tick)?),
    };
    curve(state, market)?.trade(taker.side, bound, taker.remaining)
}

/// Refuses a trade or a share that would lower what a share has of the reserves.
pub(crate) fn check_grown(
    market: MarketId,
    what: &str,
    before: (i128, i128),
    after: (i128, i128),
) -> Result<(), Rejection> {
    if matches!(compare_products(after, before), Some(Ordering::Equal | Ordering::Greater)) {
        return Ok(());
    }
    let invariant = format!("I9: {what} of the pool of market {market} never falls: {before:?} became {after:?}");
    Err(Rejection::InvariantViolated { invariant })
}

/// Opens a pool with a first deposit, whose amounts are its price.
pub(crate) fn create(
    work: &mut Work<'_>,
    market: &MarketSpec,
    account: AccountId,
    record: LiquidityPoolRecord,
    brought: Reserves,
) -> Result<(), Rejection> {
    let (id, address) = (market.id, AccountId::pool(market.id));
    let root = root_of_product_floor(brought.base.get(), brought.quote.get()).ok_or(Rejection::Overflow)?;
    let locked = multiply_divide_ceil(root, 1, POOL_LOCKED_DIVISOR).map(Shares::new).ok_or(Rejection::Overflow)?;
    let shares = Shares::new(root);
    let own = shares.checked_sub(locked).filter(|own| *own > Shares::ZERO).ok_or(Rejection::Overflow)?;
    work.emit(Event::PoolCreated { market: id, pool: address, account, fee: record.fee, locked });
    bring(work, market, account, brought)?;
    work.state.put(Record::LiquidityPool { id, record: LiquidityPoolRecord { shares, ..record } });
    put_shares(work.state, id, address, locked);
    put_shares(work.state, id, account, own);
    let Reserves { base, quote } = brought;
    work.emit(Event::PoolDeposited { market: id, account, base, quote, shares: own });
    Ok(())
}

/// What a deposit of at most so much brings, and the shares that it buys.
pub(crate) fn deposit_for(
    market: &MarketSpec,
    record: &LiquidityPoolRecord,
    there: Reserves,
    most: Reserves,
) -> Result<(Reserves, Shares), Rejection> {
    let all = record.shares.get();
    let by =
        |most: Amount, there: Amount| multiply_divide_floor(most.get(), all, there.get()).ok_or(Rejection::Overflow);
    let shares = by(most.base, there.base)?.min(by(most.quote, there.quote)?);
    let part =
        |there: Amount| multiply_divide_ceil(there.get(), shares, all).map(Amount::new).ok_or(Rejection::Overflow);
    let brought = Reserves { base: part(there.base)?, quote: part(there.quote)? };
    check_room(market, there, brought)?;
    Ok((brought, Shares::new(shares)))
}

/// Refuses what a pool cannot hold.
pub(crate) fn check_room(market: &MarketSpec, there: Reserves, brought: Reserves) -> Result<(), Rejection> {
    let spot = spot_of(market)?;
    for (asset, there, more) in [(spot.base, there.base, brought.base), (spot.quote, there.quote, brought.quote)] {
        let amount = there.checked_add(more).ok_or(Rejection::Overflow)?;
        if amount > POOL_RESERVE_MAX {
            return Err(Rejection::PoolTooLarge { asset, amount, limit: POOL_RESERVE_MAX });
        }
    }
    Ok(())
}

/// Sells shares for what was checked.
pub(crate) fn deposit(
    work: &mut Work<'_>,
    market: &MarketSpec,
    account: AccountId,
    brought: Reserves,
    shares: Shares,
) -> Result<(), Rejection> {
    let (record, before) = (pool(work.state, market.id)?, reserves(work.state, market, spot_of(market)?));
    bring(work, market, account, brought)?;
    let after = LiquidityPoolRecord { shares: plus(record.shares, shares)?, ..record };
    work.state.put(Record::LiquidityPool { id: market.id, record: after });
    let held = plus(work.state.pool_shares(market.id, account), shares)?;
    put_shares(work.state, market.id, account, held);
    check_shares_kept(work.state, market, &before, record.shares)?;
    let Reserves { base, quote } = brought;
    work.emit(Event::PoolDeposited { market: market.id, account, base, quote, shares });
    Ok(())
}

/// The part of both reserves that shares have, rounded down.
pub(crate) fn part_of(there: Reserves, shares: Shares, all: Shares) -> Result<Reserves, Rejection> {
    let part = |there: Amount| {
        multiply_divide_floor(there.get(), shares.get(), all.get()).map(Amount::new).ok_or(Rejection::Overflow)
    };
    Ok(Reserves { base: part(there.base)?, quote: part(there.quote)? })
}

/// What shares of a market's pool would bring now.
pub fn redeemable(state: &State, market: MarketId, shares: Shares) -> Result<Reserves, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    part_of(reserves(state, spec, spot_of(spec)?), shares, pool(state, market)?.shares)
}

/// Redeems shares that the account has for their part of both reserves, which is returned.
pub(crate) fn redeem(
    work: &mut Work<'_>,
    market: &MarketSpec,
    account: AccountId,
    shares: Shares,
    forced: bool,
) -> Result<Reserves, Rejection> {
    let spot = spot_of(market)?;
    let (record, before) = (pool(work.state, market.id)?, reserves(work.state, market, spot));
    let available = work.state.pool_shares(market.id, account);
    if shares <= Shares::ZERO || shares > available {
        return Err(Rejection::InsufficientShares { required: shares, available });
    }
    let part = part_of(before, shares, record.shares)?;
    move_both(work, market, (AccountId::pool(market.id), account), part)?;
    let after = LiquidityPoolRecord { shares: minus(record.shares, shares)?, ..record };
    work.state.put(Record::LiquidityPool { id: market.id, record: after });
    put_shares(work.state, market.id, account, minus(available, shares)?);
    check_shares_kept(work.state, market, &before, record.shares)?;
    let Reserves { base, quote } = part;
    work.emit(Event::PoolWithdrawn { market: market.id, account, base, quote, shares, forced });
    Ok(part)
}

/// Refuses what the account cannot spend, and moves it into the pool.
fn bring(work: &mut Work<'_>, market: &MarketSpec, account: AccountId, brought: Reserves) -> Result<(), Rejection> {
    let spot = spot_of(market)?;
    for (asset, required) in [(spot.base, brought.base), (spot.quote, brought.quote)] {
        let available = spendable(work.state, account, market.universe, asset)?;
        if required > available {
            return Err(Rejection::InsufficientBalance { asset, required, available });
        }
    }
    move_both(work, market, (account, AccountId::pool(market.id)), brought)
}

fn move_both(
    work: &mut Work<'_>,
    market: &MarketSpec,
    (from, to): (AccountId, AccountId),
    amounts: Reserves,
) -> Result<(), Rejection> {
    let (spot, universe) = (spot_of(market)?, market.universe);
    let moves = [(spot.base, amounts.base), (spot.quote, amounts.quote)];
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    for (asset, amount) in moves {
        settlement.transfer(from, to, asset, amount)?;
    }
    settlement.apply(work.state)?;
    for (asset, amount) in moves.into_iter().filter(|(_, amount)| !amount.is_zero()) {
        work.emit(Event::Transferred { universe, from, to, asset, amount });
    }
    Ok(())
}

/// Each reserve per share is at least what it was.
fn check_shares_kept(state: &State, market: &MarketSpec, before: &Reserves, shares: Shares) -> Result<(), Rejection> {
    let after = reserves(state, market, spot_of(market)?);
    let shares_after = pool(state, market.id)?.shares.get();
    for (what, was, is) in [("base per share", before.base, after.base), ("quote per share", before.quote, after.quote)]
    {
        // is / shares_after >= was / shares
        check_grown(market.id, what, (was.get(), shares_after), (is.get(), shares.get()))?;
    }
    Ok(())
}

fn put_shares(state: &mut State, market: MarketId, account: AccountId, shares: Shares) {
    let id = PoolShareId { market, account };
    if shares.is_zero() {
        state.delete(RecordKey::PoolShare(id));
    } else {
        state.put(Record::PoolShare { id, record: shares });
    }
}

/// Refuses what left an account with less than its positions and orders need, unless it left it with no less than before.
pub(crate) fn check_margin_kept(
    state: &State,
    account: AccountId,
    universe: UniverseId,
    before: &AccountMargin,
) -> Result<(), Rejection> {
    let after = margin_to_leave(state, account, universe)?;
    let free = after.free_usd()?;
    if free >= Usd::ZERO || free >= before.free_usd()? {
        return Ok(());
    }
    let available = free.checked_add(after.initial_usd).ok_or(Rejection::Overflow)?;
    Err(Rejection::InsufficientMargin { required: after.initial_usd, available })
}

/// What shares of a pool are worth if the base has a price, whatever the pool's own price is now: `2 × √(base × price × quote)`
/// is what its reserves would be worth once it had traded to that price, and never more than what they are worth as they are.
/// Trades can only raise it. Rounded down.
pub fn fair_value_usd(
    state: &State,
    market: &MarketSpec,
    base_decimals: u8,
    shares: Shares,
    price: Price,
) -> Result<Usd, Rejection> {
    let (record, there) = (pool(state, market.id)?, reserves(state, market, spot_of(market)?));
    let scale = power_of_ten(base_decimals).ok_or(Rejection::Overflow)?;
    let parts = i128::from(price.get()).checked_mul(VALUE_PARTS).ok_or(Rejection::Overflow)?;
    // A value beyond the range counts as the largest in it: less than it is.
    let base_value = multiply_divide_floor(there.base.get(), parts, scale).unwrap_or(i128::MAX);
    let root = root_of_product_floor(base_value, there.quote.get()).ok_or(Rejection::Overflow)?;
    if is_planted(Mutant::SharesAtThePoolsPrice) {
        let base =
            multiply_divide_floor(there.base.get(), i128::from(price.get()), scale).ok_or(Rejection::Overflow)?;
        let both = base.checked_add(there.quote.get()).ok_or(Rejection::Overflow)?;
        let part = multiply_divide_floor(both, shares.get(), record.shares.get());
        return part.map(Usd::new).ok_or(Rejection::Overflow);
    }
    let all = record.shares.get().checked_mul(ROOT_PARTS).ok_or(Rejection::Overflow)?;
    let doubled = shares.get().checked_mul(2).ok_or(Rejection::Overflow)?;
    multiply_divide_floor(root, doubled, all).map(Usd::new).ok_or(Rejection::Overflow)
}

/// An account's shares of pools that back positions in a universe, with their base: the quote is the universe's collateral, and
/// the base has collateral terms.
pub(crate) fn backing_shares(
    state: &State,
    account: AccountId,
    universe: UniverseId,
) -> impl Iterator<Item = (MarketId, AssetId, Shares)> {
    let collateral = state.universe(universe).map(|record| record.spec.collateral);
    state.pool_shares_of(account).filter_map(move |(market, shares)| {
        let spot = state.market(market).filter(|spec| spec.universe == universe)?.spot()?;
        let backs = Some(spot.quote) == collateral && state.asset(spot.base)?.collateral.is_some();
        backs.then_some((market, spot.base, shares))
    })
}

/// What shares of a pool count for in their universe, as the base would that they are worth: by its weights, for initial margin at
/// the slow price if that is lower, and less of it once the universe holds much. Rounded down; nothing without an index.
pub(crate) fn collateral_value(state: &State, market: MarketId, shares: Shares) -> Result<CollateralValue, Rejection> {
    let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
    let base = spot_of(spec)?.base;
    let asset = state.asset(base).ok_or(Rejection::UnknownAsset { asset: base })?;
    let (Some(terms), Some(index)) = (asset.collateral, state.index(base)) else {
        return Ok(CollateralValue::default());
    };
    let worth = |price| fair_value_usd(state, spec, asset.decimals, shares, price);
    let total = state.balance_total(spec.universe, base);
    let total_usd = crate::accounts::asset_value_usd(total, asset.decimals, index.price)?;
    weighed_collateral(&terms, index, total_usd, worth)
}

/// Redeems an account's shares in a universe for what it owes: all of them, or as many as bring `wanted` of the quote.
pub(crate) fn redeem_for_debt(
    work: &mut Work<'_>,
    account: AccountId,
    universe: UniverseId,
    wanted: Option<Usd>,
) -> Result<(), Rejection> {
    let held: Vec<(MarketId, Shares)> = work.state.pool_shares_of(account).collect();
    let quote = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let mut left = wanted.map(quote_amount);
    for (id, shares) in held {
        let Some(market) = work.state.shared_market(id).filter(|market| market.universe == universe) else { continue };
        let spot = spot_of(&market)?;
        let redeemed = match left {
            None => shares,
            // Shares of other pools bring nothing that was asked for.
            Some(_) if spot.quote != quote => continue,
            Some(left) if left <= Amount::ZERO => break,
            Some(left) => {
                let there = reserves(work.state, &market, spot).quote.get().max(1);
                let all = pool(work.state, id)?.shares.get();
                let needed = multiply_divide_ceil(left.get(), all, there).ok_or(Rejection::Overflow)?;
                shares.min(Shares::new(needed))
            }
        };
        let part = redeem(work, &market, account, redeemed, true)?;
        left = left.and_then(|left| left.checked_sub(part.quote));
    }
    Ok(())
}

/// The first pool whose holders do not hold its shares or that is empty, among these markets, by the kept totals.
pub(crate) fn violation(state: &State, market: MarketId) -> Option<(UniverseId, String)> {
    let spec = state.market(market)?;
    let shares = state.liquidity_pool(market).map_or(Shares::ZERO, |record| record.shares);
    let held = state.pool_share_total(market);
    if held != shares {
        return Some((
            spec.universe,
            format!("I9: holders of the pool of market {market} hold {held} of {shares} shares"),
        ));
    }
    let there = reserves(state, spec, spec.spot()?);
    let is_empty = !shares.is_zero() && (there.base <= Amount::ZERO || there.quote <= Amount::ZERO);
    is_empty.then(|| (spec.universe, format!("I9: the pool of market {market} holds {there:?} for {shares} shares")))
}

/// The same for every pool, recomputed from the records.
pub(crate) fn any_violation(state: &State) -> Option<(UniverseId, String)> {
    state.liquidity_pools().find_map(|(market, record)| {
        let held = state.pool_holders(market).fold(0i128, |sum, (_, shares)| sum.saturating_add(shares.get()));
        let universe = state.market(market).map_or(UniverseId::new(0), |spec| spec.universe);
        let unequal = (held != record.shares.get())
            .then(|| (universe, format!("I9: holders of the pool of market {market} hold {held}: {record:?}")));
        unequal.or_else(|| violation(state, market))
    })
}

fn plus(left: Shares, right: Shares) -> Result<Shares, Rejection> {
    left.checked_add(right).ok_or(Rejection::Overflow)
}

fn minus(left: Shares, right: Shares) -> Result<Shares, Rejection> {
    left.checked_sub(right).filter(|left| *left >= Shares::ZERO).ok_or(Rejection::Overflow)
}

#[cfg(test)]
#[path = "liquidity_tests.rs"]
mod tests;
