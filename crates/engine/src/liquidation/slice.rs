//! Closing a part of a position into the book: the smallest slice that restores the unit, at no worse a price than what
//! leaves the unit with nothing, and no more of the book than a share of its depth.

use super::{
    BOOK_STEPS_MAX, DEPTH_SHARE_MAX, LIQUIDATION_FEE, RESTORED_BUFFER, first_market,
    stake::Stake,
    watch::{Standing, standing},
};
use crate::{
    accounts::{collateral_account, position},
    ledger::{Overdraft, Settlement},
    market_math::{RATE_ONE, fee_usd, quote_amount, quote_value_usd, value_floor_usd},
    matching,
    options::fees::trade_fee_usd,
    perpetual::after_trade_in,
    risk::depth_of_side,
    state::{MarginUnit, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    decimal::power_of_ten,
    event::{Event, Liquidation, LiquidationMethod},
    ids::MarketId,
    market::MarketSpec,
    numbers::{Price, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    rejection::Rejection,
};

/// Closes a slice of the unit's riskiest position into the book; whether anything was closed.
pub(super) fn close_into_book(work: &mut Work<'_>, unit: MarginUnit) -> Result<bool, Rejection> {
    let Some(market) = first_market(work, unit)? else { return Ok(false) };
    let spec = work.state.shared_market(market).ok_or(Rejection::UnknownMarket { market })?;
    let stake = Stake::of(work.state, unit.account, &spec)?;
    let now = standing(work.state, unit)?;
    let side = stake.closing_side();
    let lots = slice_lots(work.state, &spec, &stake, &now)?.min(depth_lots(work.state, &spec, stake.mark, side)?);
    let Some(limit) = limit_price(work.state, &spec, &stake, &now)? else { return Ok(false) };
    if lots.is_zero() {
        return Ok(false);
    }
    let before = position(work.state, unit.account, market);
    let owned_before = quote_balance_usd(work.state, &spec, unit.account)?;
    let mut order = forced_order(work, unit.account, &spec, side, limit, lots)?;
    let matched = matching::run_forced(work, &spec, &mut order, BOOK_STEPS_MAX)?;
    if matched.filled.is_zero() {
        return Ok(false);
    }
    let returned_usd = quote_balance_usd(work.state, &spec, unit.account)?.checked_sub(owned_before);
    let payer = Payer::of(work.state, unit, market, returned_usd.ok_or(Rejection::Overflow)?)?;
    let fee_usd = charge(work, &spec, matched.filled_quote_usd, payer)?;
    let effect = after_trade_in(&spec, before, side, matched.filled, matched.filled_quote_usd)?;
    work.emit(Event::Liquidated(Liquidation {
        account: unit.account,
        universe: unit.universe,
        market,
        is_isolated: unit.market.is_some(),
        method: LiquidationMethod::Book,
        side,
        size: matched.filled,
        quote_usd: matched.filled_quote_usd,
        fee_usd,
        closed_pnl_usd: effect.realised_usd,
        mark: stake.mark,
        start_position: before.position,
    }));
    Ok(true)
}

/// An order of the engine's own, which meets the book, closes and never rests.
pub(super) fn forced_order(
    work: &mut Work<'_>,
    account: AccountId,
    market: &MarketSpec,
    side: Side,
    price: Price,
    lots: Size,
) -> Result<OpenOrder, Rejection> {
    Ok(OpenOrder { reduce_only: true, ..opening_order(work, account, market, side, price, lots)? })
}

/// The same without regard to what is held.
pub(super) fn opening_order(
    work: &mut Work<'_>,
    account: AccountId,
    market: &MarketSpec,
    side: Side,
    price: Price,
    lots: Size,
) -> Result<OpenOrder, Rejection> {
    let id = work.take_order_number()?;
    Ok(OpenOrder {
        id,
        account,
        market: market.id,
        side,
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

/// The fewest lots whose closing at the mark leaves `equity ≥ (1 + buffer) × maintenance`, fees paid; all of them if none do.
///
/// Closing a part `x` of a position that frees `m`, costs `c` and pays fees `f`: `E − (c + f) x ≥ (1 + b)(M − m x)`, so
/// `x ≥ ((1 + b) M − E) / ((1 + b) m − c − f)`, with `E` and `M` as levels look at them. A hedge that a long was, is found missing
/// in the next block.
fn slice_lots(state: &State, market: &MarketSpec, stake: &Stake, now: &Standing) -> Result<Size, Rejection> {
    let all = stake.position.position.size();
    let overflow = || Rejection::Overflow;
    let with_buffer = |usd: Usd| {
        let factor = RATE_ONE.saturating_add(i128::from(RESTORED_BUFFER.get()));
        multiply_divide_ceil(usd.get(), factor, RATE_ONE).ok_or_else(overflow)
    };
    let now = now.net()?;
    let fee = trade_fee_usd(state, market, stake.notional_usd, all, market.taker_fee)?;
    let fees = fee.checked_add(fee_usd(stake.notional_usd, LIQUIDATION_FEE)?).ok_or_else(overflow)?;
    let costs = stake.closing_cost_usd.checked_add(fees).ok_or_else(overflow)?;
    let gained = with_buffer(stake.freed_usd)?.checked_sub(costs.get()).ok_or_else(overflow)?;
    let lacking = with_buffer(now.maintenance_usd)?.checked_sub(now.equity_usd.get()).ok_or_else(overflow)?;
    if gained <= 0 || lacking >= gained {
        return Ok(all);
    }
    let lots = multiply_divide_ceil(i128::from(all.get()), lacking.max(0), gained).ok_or_else(overflow)?;
    let lots = Size::new(u64::try_from(lots).map_err(|_| Rejection::Overflow)?).max(Size::new(1)).min(all);
    // A rest that no order could close any more is closed with the slice.
    let rest = all.checked_sub(lots).ok_or_else(overflow)?;
    let rest_value = value_floor_usd(stake.mark, i128::from(rest.get()), market.size_decimals)?;
    Ok(if rest_value < market.minimum_notional_usd { all } else { lots })
}

/// What a trade may take of the book at most in one block.
pub(super) fn depth_lots(state: &State, market: &MarketSpec, mark: Price, side: Side) -> Result<Size, Rejection> {
    let depth = depth_of_side(state, market, side.opposite(), mark)?;
    let share = multiply_divide_ceil(depth.get(), i128::from(DEPTH_SHARE_MAX.get()), RATE_ONE);
    let scale = power_of_ten(market.size_decimals).ok_or(Rejection::Overflow)?;
    let lots = multiply_divide_ceil(share.ok_or(Rejection::Overflow)?, scale, i128::from(mark.get().max(1)));
    Ok(Size::new(u64::try_from(lots.ok_or(Rejection::Overflow)?).unwrap_or(u64::MAX)))
}

/// The price at which closing the whole position would use up the unit's equity, fees included, on the tick and rounded
/// in the unit's favour; `None` if it has nothing to lose.
pub(super) fn limit_price(
    state: &State,
    market: &MarketSpec,
    stake: &Stake,
    now: &Standing,
) -> Result<Option<Price>, Rejection> {
    let overflow = || Rejection::Overflow;
    // Twice the fee, because the price may be above the mark.
    let fee = trade_fee_usd(state, market, stake.notional_usd, stake.position.position.size(), market.taker_fee)?;
    let fees = fee.checked_add(fee);
    let own = now.equity_usd.checked_sub(fees.ok_or_else(overflow)?).ok_or_else(overflow)?;
    if own <= Usd::ZERO {
        return Ok(None);
    }
    let scale = power_of_ten(market.size_decimals).ok_or_else(overflow)?;
    let lots = i128::from(stake.position.position.size().get().max(1));
    let distance = multiply_divide_floor(own.get(), scale, lots).ok_or_else(overflow)?;
    let mark = i128::from(stake.mark.get());
    let tick = i128::from(market.tick.get());
    let units = match stake.closing_side() {
        Side::Sell => multiply_divide_ceil(mark.saturating_sub(distance).max(1), 1, tick),
        Side::Buy => multiply_divide_floor(mark.saturating_add(distance), 1, tick),
    };
    let price = units.and_then(|units| units.checked_mul(tick)).unwrap_or(i128::from(i64::MAX));
    let largest = i64::MAX.checked_rem(market.tick.get()).and_then(|rest| i64::MAX.checked_sub(rest));
    let price = i64::try_from(price).unwrap_or(largest.unwrap_or(i64::MAX)).max(market.tick.get());
    Ok(Some(Price::new(price)))
}

/// Who pays the fee for what was closed, and how much at most.
struct Payer {
    account: AccountId,
    able_usd: Usd,
}

impl Payer {
    /// The unit, as far as it has it; or if its position is gone and its purse with it, the owner, out of what came back from it.
    fn of(state: &State, unit: MarginUnit, market: MarketId, returned_usd: Usd) -> Result<Self, Rejection> {
        if unit.market.is_some() && state.position(unit.account, market).is_none() {
            return Ok(Self { account: unit.account, able_usd: returned_usd });
        }
        let account = collateral_account(state, unit.account, market);
        Ok(Self { account, able_usd: standing(state, unit)?.equity_usd })
    }
}

/// Posts the liquidation fee of a quote to the insurance fund, as far as the payer has it.
fn charge(work: &mut Work<'_>, market: &MarketSpec, quote: Usd, payer: Payer) -> Result<Usd, Rejection> {
    let fee = fee_usd(quote, LIQUIDATION_FEE)?.min(payer.able_usd).max(Usd::ZERO);
    if fee.is_zero() {
        return Ok(fee);
    }
    let universe = market.universe;
    let collateral = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    settlement.transfer(payer.account, AccountId::insurance(universe), collateral, quote_amount(fee))?;
    settlement.apply(work.state)?;
    Ok(fee)
}

/// The account's cash, in the market's universe.
fn quote_balance_usd(state: &State, market: &MarketSpec, account: AccountId) -> Result<Usd, Rejection> {
    let universe = market.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    Ok(quote_value_usd(state.balance(account, universe, collateral)))
}
