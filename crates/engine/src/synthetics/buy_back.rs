//! Buying a synthetic in its spot market with the collateral of a position that owes it, and burning what was bought.
//!
//! The position's own address is the buyer, so the ledger lets it spend its collateral and nothing else. It never pays more
//! for what it owes less than the collateral that backed it, so its ratio does not fall, whatever the book asks. Nobody but the
//! system is left owing less than the minimum: all is bought, with a part of a lot beyond the debt that is the owner's, or as
//! many lots as leave the minimum.

use super::{Debt, Terms, Units};
use crate::{
    ledger::{Overdraft, Settlement},
    liquidation::BOOK_STEPS_MAX,
    market_math::{RATE_ONE, base_amount},
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
    /// Units burned.
    pub amount: Amount,
    /// What is owed less.
    pub debt: Amount,
    /// What all that was bought cost, fees included.
    pub spent_usd: Usd,
    /// What the owner got back, because nothing is owed any more.
    pub returned_usd: Usd,
    /// Units of the last lot that no debt was left for, which the owner got too.
    pub rest: Amount,
}

/// A position that buys.
struct Buyer<'a> {
    terms: &'a Terms,
    market: &'a MarketSpec,
    account: AccountId,
    /// What it has and owes.
    before: Debt,
    /// All units and debts before.
    units: Units,
    /// The highest price paid.
    limit: Price,
    /// Units of a lot.
    lot: Amount,
    /// The least debt that it may be left with, but for none.
    minimum: Amount,
}

/// Buys what lets an account owe up to `wanted` less, or all of its debt, at no more than `bound` for what one unit of debt is;
/// `None` if nothing came of it.
pub(super) fn run(
    work: &mut Work<'_>,
    terms: &Terms,
    account: AccountId,
    wanted: Amount,
    bound: Price,
) -> Result<Option<Bought>, Rejection> {
    let Some(market) = terms.spec.market.and_then(|market| work.state.shared_market(market)) else { return Ok(None) };
    let before = terms.debt(work.state, account);
    let Some(limit) = limit_price(work.state, terms, &market, &before, bound)? else { return Ok(None) };
    let is_systems = work.state.is_system_account(account) || account == terms.own();
    let minimum = if is_systems { Amount::ZERO } else { terms.spec.minimum_debt };
    let lot = base_amount(Size::new(1), market.size_decimals, asset_decimals(work.state, terms)?)?;
    let units = terms.units(work.state);
    let buyer = Buyer { terms, market: &market, account, before, units, limit, lot, minimum };
    let lots = buyer.lots(work.state, wanted)?;
    let fewer = lots.min(buyer.lots_above_minimum()?);
    // A book that holds less than it seemed would leave dust, and collateral may not do for a last lot: then less is bought.
    match work.attempt(|work| buyer.buy(work, lots)) {
        Ok(None) | Err(Rejection::DebtBelowMinimum { .. }) if fewer < lots => buyer.buy(work, fewer),
        done => done,
    }
}

impl Buyer<'_> {
    /// The fewest lots that stand for `wanted`, or for all if less than the minimum would be left, if the book may hold them;
    /// else as many of it as leave the minimum.
    fn lots(&self, state: &State, wanted: Amount) -> Result<Size, Rejection> {
        let fewest = self.fewest_lots(wanted)?;
        let enough = if self.is_dust(self.left(fewest)?) { self.fewest_lots(self.before.debt)? } else { fewest };
        let found = enough.min(self.offered(state));
        if self.is_dust(self.left(found)?) { Ok(found.min(self.lots_above_minimum()?)) } else { Ok(found) }
    }

    /// The fewest lots that stand for a debt. Of the system's, no more than stand for all of it.
    fn fewest_lots(&self, debt: Amount) -> Result<Size, Rejection> {
        let units = self.units.units_of(debt)?;
        let fewest = multiply_divide_ceil(units.get(), 1, self.lot.get()).ok_or(Rejection::Overflow)?;
        let fewest = Size::new(u64::try_from(fewest).unwrap_or(u64::MAX));
        if self.minimum.is_zero() { Ok(fewest.min(self.whole_lots(self.before.debt)?)) } else { Ok(fewest) }
    }

    /// The most lots that leave the minimum.
    fn lots_above_minimum(&self) -> Result<Size, Rejection> {
        let above = self.before.debt.checked_sub(self.minimum).ok_or(Rejection::Overflow)?;
        self.whole_lots(above.max(Amount::ZERO))
    }

    /// The most lots that stand for no more than a debt.
    fn whole_lots(&self, debt: Amount) -> Result<Size, Rejection> {
        let lots = self.units.units_of(debt)?.get().checked_div(self.lot.get()).ok_or(Rejection::Overflow)?;
        Ok(Size::new(u64::try_from(lots).unwrap_or(u64::MAX)))
    }

    /// No fewer lots than the book sells within the limit. What a pool sells is not known without trading.
    fn offered(&self, state: &State) -> Size {
        if state.liquidity_pool(self.market.id).is_some() {
            return Size::MAX;
        }
        let steps = usize::try_from(BOOK_STEPS_MAX).unwrap_or(usize::MAX);
        let line = state.book_side(self.market.id, Side::Sell).take(steps);
        let within = line.map(|record| record.order).take_while(|order| order.price <= self.limit);
        Size::new(within.fold(0, |sum: u64, order| sum.saturating_add(order.remaining.get())))
    }

    fn amount(&self, lots: Size) -> Result<Amount, Rejection> {
        self.lot.get().checked_mul(i128::from(lots.get())).map(Amount::new).ok_or(Rejection::Overflow)
    }

    /// What is owed once so many lots are burned.
    fn left(&self, lots: Size) -> Result<Amount, Rejection> {
        let debt = self.units.debt_of(self.amount(lots)?)?.min(self.before.debt);
        self.before.debt.checked_sub(debt).ok_or(Rejection::Overflow)
    }

    /// Whether a debt is less than may be left.
    fn is_dust(&self, left: Amount) -> bool {
        !left.is_zero() && left < self.minimum
    }

    /// Buys at most so many lots and burns what stands for debt of them, if no dust is left.
    fn buy(&self, work: &mut Work<'_>, lots: Size) -> Result<Option<Bought>, Rejection> {
        if lots.is_zero() {
            return Ok(None);
        }
        let Self { terms, market, account, before, .. } = *self;
        let purse = terms.purse(account);
        let mut order = order(work, purse, market, self.limit, lots)?;
        let matched = matching::run_forced(work, market, &mut order, BOOK_STEPS_MAX)?;
        if matched.filled.is_zero() {
            return Ok(None);
        }
        let left = self.left(matched.filled)?;
        if self.is_dust(left) {
            return Err(Rejection::DebtBelowMinimum { debt: left, minimum: self.minimum });
        }
        let debt = before.debt.checked_sub(left).ok_or(Rejection::Overflow)?;
        let paid = terms.debt(work.state, account);
        let spent_usd = before.collateral_usd.checked_sub(paid.collateral_usd).ok_or(Rejection::Overflow)?;
        check_ratio(&before, &Debt { debt: left, ..paid })?;
        let bought = self.amount(matched.filled)?;
        let amount = if left.is_zero() { self.units.units_of(debt)?.min(bought) } else { bought };
        let rest = bought.checked_sub(amount).ok_or(Rejection::Overflow)?;
        let mut settlement = Settlement::new(terms.spec.universe, Overdraft::Refused);
        settlement.withdraw(purse, terms.spec.asset, amount)?;
        if !rest.is_zero() {
            settlement.transfer(purse, account, terms.spec.asset, rest)?;
        }
        let returned_usd = if left.is_zero() {
            terms.return_collateral(&mut settlement, account, paid.collateral_usd)?
        } else {
            Usd::ZERO
        };
        settlement.apply(work.state)?;
        terms.put_debt(work.state, account, left);
        terms.put_shortfall(work.state)?;
        Ok(Some(Bought { amount, debt, spent_usd, returned_usd, rest }))
    }
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
