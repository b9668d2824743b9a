//! Buying a synthetic in its spot market with the collateral of a position that owes it, and burning what was bought.
//!
//! The position's own address is the buyer, so the ledger lets it spend its collateral and nothing else. It never pays more
//! for what it owes less than the collateral that backed it, so its ratio does not fall, whatever the book asks.

use super::{Debt, Terms};
use crate::{
    ledger::{Overdraft, Settlement},
    liquidation::BOOK_STEPS_MAX,
    market_math::{RATE_ONE, base_amount, whole_lots},
    matching,
    state::State,
    wide::{compare_products, multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    market::MarketSpec,
    numbers::{Amount, Price, Rate, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    rejection::Rejection,
};
use std::cmp::Ordering;

/// What was bought and burned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bought {
    /// Units.
    pub amount: Amount,
    /// What is owed less.
    pub debt: Amount,
    /// What they cost, fees included.
    pub spent_usd: Usd,
    /// What the owner got back, because nothing is owed any more.
    pub returned_usd: Usd,
}

/// Buys what lets an account owe up to `wanted` less, at no more than `bound` for what one unit of debt is; `None` if
/// nothing came of it.
pub(super) fn run(
    work: &mut Work<'_>,
    terms: &Terms,
    account: AccountId,
    wanted: Amount,
    bound: Price,
) -> Result<Option<Bought>, Rejection> {
    let Some(market) = terms.spec.market.and_then(|market| work.state.shared_market(market)) else { return Ok(None) };
    let before = terms.debt(work.state, account);
    let units = terms.units(work.state);
    let Some(limit) = limit_price(work.state, terms, &market, &before, bound)? else { return Ok(None) };
    let lots = lots(work.state, terms, &market, (wanted, before.debt))?;
    if lots.is_zero() {
        return Ok(None);
    }
    let purse = terms.purse(account);
    let mut order = order(work, purse, &market, limit, lots)?;
    let matched = matching::run_forced(work, &market, &mut order, BOOK_STEPS_MAX)?;
    if matched.filled.is_zero() {
        return Ok(None);
    }
    let decimals = asset_decimals(work.state, terms)?;
    let amount = base_amount(matched.filled, market.size_decimals, decimals)?;
    let debt = units.debt_of(amount)?.min(before.debt);
    let paid = terms.debt(work.state, account);
    let spent_usd = before.collateral_usd.checked_sub(paid.collateral_usd).ok_or(Rejection::Overflow)?;
    let left = before.debt.checked_sub(debt).ok_or(Rejection::Overflow)?;
    check_ratio(&before, &Debt { debt: left, ..paid })?;
    let mut settlement = Settlement::new(terms.spec.universe, Overdraft::Refused);
    settlement.withdraw(purse, terms.spec.asset, amount)?;
    let returned_usd = if left.is_zero() {
        terms.return_collateral(&mut settlement, account, paid.collateral_usd)?
    } else {
        Usd::ZERO
    };
    settlement.apply(work.state)?;
    terms.put_debt(work.state, account, left);
    terms.put_shortfall(work.state)?;
    Ok(Some(Bought { amount, debt, spent_usd, returned_usd }))
}

/// The highest price on the tick at which a fill, its fee included, costs no more than the bound and no more than the
/// collateral that backs what it lets the position owe less.
fn limit_price(
    state: &State,
    terms: &Terms,
    market: &MarketSpec,
    owed: &Debt,
    bound: Price,
) -> Result<Option<Price>, Rejection> {
    let overflow = || Rejection::Overflow;
    let own = multiply_divide_floor(owed.collateral_usd.get(), terms.scale, owed.debt.get()).ok_or_else(overflow)?;
    let of_debt = own.min(i128::from(bound.get()));
    let units = terms.units(state);
    let of_unit = multiply_divide_floor(of_debt, units.debt.get(), units.supply.get()).ok_or_else(overflow)?;
    let with_fee = RATE_ONE.checked_add(i128::from(market.taker_fee.get())).ok_or_else(overflow)?;
    let net = multiply_divide_floor(of_unit, RATE_ONE, with_fee).ok_or_else(overflow)?;
    let tick = i128::from(market.tick.get());
    let limit = multiply_divide_floor(net, 1, tick).and_then(|ticks| ticks.checked_mul(tick)).ok_or_else(overflow)?;
    let limit = i64::try_from(limit).map_err(|_| Rejection::Overflow)?;
    Ok((limit > 0).then(|| Price::new(limit)))
}

/// The fewest lots that stand for `wanted` of debt, but no more than stand for all of it.
fn lots(state: &State, terms: &Terms, market: &MarketSpec, (wanted, all): (Amount, Amount)) -> Result<Size, Rejection> {
    let units = terms.units(state);
    let decimals = asset_decimals(state, terms)?;
    let most = whole_lots(units.units_of(all)?, market.size_decimals, decimals)?;
    let lot = base_amount(Size::new(1), market.size_decimals, decimals)?;
    let fewest = multiply_divide_ceil(units.units_of(wanted)?.get(), 1, lot.get()).ok_or(Rejection::Overflow)?;
    Ok(Size::new(u64::try_from(fewest).unwrap_or(u64::MAX)).min(most))
}

fn asset_decimals(state: &State, terms: &Terms) -> Result<u8, Rejection> {
    let asset = terms.spec.asset;
    Ok(state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.decimals)
}

/// An order of the engine's own, which meets the book and never rests.
fn order(
    work: &mut Work<'_>,
    account: AccountId,
    market: &MarketSpec,
    price: Price,
    lots: Size,
) -> Result<OpenOrder, Rejection> {
    let id = work.take_order_number()?;
    Ok(OpenOrder {
        id,
        account,
        market: market.id,
        side: Side::Buy,
        price,
        remaining: lots,
        original: lots,
        reduce_only: false,
        time_in_force: TimeInForce::Ioc,
        client_order_id: None,
        priority: id.get(),
        placed_at_ms: work.time_ms,
    })
}

/// Fees are rounded up per fill: many tiny fills can cost more than the limit says, and are turned back then.
fn check_ratio(before: &Debt, after: &Debt) -> Result<(), Rejection> {
    let order = compare_products(
        (after.collateral_usd.get(), before.debt.get()),
        (before.collateral_usd.get(), after.debt.get()),
    );
    if !matches!(order, Some(Ordering::Equal | Ordering::Greater)) {
        let (collateral_usd, required_usd) = (after.collateral_usd, before.collateral_usd);
        return Err(Rejection::DebtCollateralNeeded { collateral_usd, required_usd });
    }
    Ok(())
}

/// A price and a part of it more, rounded down.
pub(super) fn above(price: Price, part: Rate) -> Result<Price, Rejection> {
    let factor = RATE_ONE.checked_add(i128::from(part.get())).ok_or(Rejection::Overflow)?;
    let above = multiply_divide_floor(i128::from(price.get()), factor, RATE_ONE).ok_or(Rejection::Overflow)?;
    i64::try_from(above).map(Price::new).map_err(|_| Rejection::Overflow)
}
