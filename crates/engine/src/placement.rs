//! Placing one order: the ladder of checks, then matching, then resting.
//!
//! The caller runs a placement under a checkpoint: a rejection, that of a fill-or-kill which was not filled whole
//! included, leaves no trace.

use crate::{
    accounts::{exposure, margin, margin_without, position, received_cash_usd, spendable},
    follow,
    market_math::{RATE_ONE, check_limit_price, quote_usd},
    matching,
    options::{self, margin::OrderInThought},
    orders,
    perpetual::{check_position_cap, check_reduce_only, only_reduces},
    state::State,
    vaults::check_order as check_vault_order,
    wide::multiply_divide_ceil,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    hash::ActionId,
    ids::OrderId,
    market::{DerivativeTerms, MarketSpec},
    numbers::{Price, Size, Usd},
    order::{OpenOrder, OrderRequest, Side, TimeInForce},
    receipt::OrderResult,
    rejection::Rejection,
    time::TimeMs,
};

/// The least time between a block and the end of a good-till-time order in it.
const GTT_AHEAD_MIN_MS: u64 = 1;

/// An order on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// Whose.
    pub account: AccountId,
    /// The action that asks for it.
    pub action: ActionId,
    /// What is asked.
    pub request: OrderRequest,
    /// The number it keeps if it replaces an order, which has left the book already.
    pub keeps_id: Option<OrderId>,
}

/// Checks, matches and rests an order.
pub(crate) fn place(work: &mut Work<'_>, placement: &Placement) -> Result<OrderResult, Rejection> {
    let request = &placement.request;
    let market = work.state.shared_market(request.market).ok_or(Rejection::UnknownMarket { market: request.market })?;
    check_shape(work.state, &market, request, work.time_ms)?;
    check_account(work.state, &market, placement)?;
    check_risk(work.state, &market, placement, work.time_ms)?;
    let place_in_queue = work.take_order_number()?;
    let mut order = OpenOrder {
        id: placement.keeps_id.unwrap_or(place_in_queue),
        account: placement.account,
        market: market.id,
        side: request.side,
        price: request.price,
        remaining: request.size,
        original: request.size,
        reduce_only: request.reduce_only,
        time_in_force: request.time_in_force,
        client_order_id: request.client_order_id,
        priority: place_in_queue.get(),
        placed_at_ms: work.time_ms,
    };
    check_against_book(work.state, &market, &order)?;
    let immediate_or_cancel = matches!(request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    work.emit(Event::OrderAccepted { order, action: placement.action, immediate_or_cancel });
    let matched = matching::run(work, &market, &mut order)?;
    if request.time_in_force == TimeInForce::Fok && !order.remaining.is_zero() {
        return Err(Rejection::NotFillable { wanted: request.size, available: matched.filled });
    }
    let remainder_canceled = finish(work, &market, &order, matched.stopped)?;
    follow::run(work);
    Ok(OrderResult::Accepted {
        order: order.id,
        client_order_id: order.client_order_id,
        filled: matched.filled,
        filled_quote_usd: matched.filled_quote_usd,
        resting: if remainder_canceled.is_none() { order.remaining } else { Size::ZERO },
        remainder_canceled,
    })
}

/// Rests what remains, or says why it cannot.
fn finish(
    work: &mut Work<'_>,
    market: &MarketSpec,
    order: &OpenOrder,
    stopped: Option<CancelReason>,
) -> Result<Option<CancelReason>, Rejection> {
    if order.remaining.is_zero() {
        work.emit(Event::OrderFilled { order: *order });
        return Ok(None);
    }
    let reason = match (stopped, order.time_in_force) {
        (Some(reason), _) => Some(reason),
        (None, TimeInForce::Ioc | TimeInForce::Fok) => Some(CancelReason::ImmediateOrCancel),
        (None, _) if !rests_covered(work, market, order)? => Some(CancelReason::Margin),
        (None, _) => None,
    };
    match reason {
        Some(reason) => work.emit(Event::OrderCanceled { order: *order, reason }),
        None => {
            orders::put(work.state, market, *order, order.remaining)?;
            work.emit(Event::OrderRested { order: *order });
        }
    }
    Ok(reason)
}

/// Whether what remains after fills can still be reserved for; without fills the first check holds.
fn rests_covered(work: &Work<'_>, market: &MarketSpec, order: &OpenOrder) -> Result<bool, Rejection> {
    if order.remaining == order.original {
        return Ok(true);
    }
    match check_reservation(work.state, market, order.account, order.side, order) {
        Ok(()) => Ok(true),
        Err(Rejection::InsufficientMargin { .. } | Rejection::InsufficientBalance { .. }) => Ok(false),
        Err(rejection) => Err(rejection),
    }
}

/// What can be said without looking at the account.
fn check_shape(state: &State, market: &MarketSpec, request: &OrderRequest, now: TimeMs) -> Result<(), Rejection> {
    if let Some(expired_at_ms) = market.expires_at_ms().filter(|expiry| *expiry <= now) {
        return Err(Rejection::MarketExpired { market: market.id, expired_at_ms });
    }
    check_limit_price(request.price, market.tick)?;
    if request.size.is_zero() {
        return Err(Rejection::ZeroSize);
    }
    let notional = quote_usd(request.price, request.size, market.size_decimals)?;
    if notional < market.minimum_notional_usd && !request.reduce_only {
        return Err(Rejection::BelowMinimumNotional { notional, minimum: market.minimum_notional_usd });
    }
    if notional > market.maximum_notional_usd {
        return Err(Rejection::AboveMaximumNotional { notional, maximum: market.maximum_notional_usd });
    }
    if let TimeInForce::Gtt { expires_at_ms } = request.time_in_force
        && expires_at_ms <= now
    {
        return Err(Rejection::TimeNotAhead {
            time_ms: expires_at_ms,
            block_time_ms: now,
            minimum_ahead_ms: GTT_AHEAD_MIN_MS,
        });
    }
    if request.reduce_only && market.spot().is_some() {
        return Err(Rejection::ReduceOnlyOnSpot { market: market.id });
    }
    check_price_band(state, market, request)
}

/// A limit may lie only so far on the aggressive side of the mark, or of the last trade where there is no mark: so large a part
/// of it, and in an option, which may be worth next to nothing, of the forward.
fn check_price_band(state: &State, market: &MarketSpec, request: &OrderRequest) -> Result<(), Rejection> {
    let mark = state.mark(market.id).map(|record| record.price);
    let Some(reference) = mark.or(state.market_state(market.id).last_price) else { return Ok(()) };
    let band_of = if market.option().is_some() { state.forward_of(market.id).unwrap_or(reference) } else { reference };
    let units = i128::from(reference.get());
    let limit = i128::from(request.price.get());
    let rate = i128::from(market.price_band.get());
    let band = multiply_divide_ceil(i128::from(band_of.get()), rate, RATE_ONE).ok_or(Rejection::Overflow)?;
    let outside = match request.side {
        Side::Buy => limit > units.checked_add(band).ok_or(Rejection::Overflow)?,
        Side::Sell => limit < units.checked_sub(band).ok_or(Rejection::Overflow)?,
    };
    if outside { Err(Rejection::OutsidePriceBand { price: request.price, reference }) } else { Ok(()) }
}

/// What the account's other open orders allow.
fn check_account(state: &State, market: &MarketSpec, placement: &Placement) -> Result<(), Rejection> {
    let universe = state.universe(market.universe).ok_or(Rejection::UnknownUniverse { universe: market.universe })?;
    if universe.halted.is_some() {
        return Err(Rejection::UniverseHalted { universe: market.universe });
    }
    let request = &placement.request;
    if let Some(client_order_id) = request.client_order_id
        && let Some(order) = state.named(placement.account, client_order_id)
    {
        return Err(Rejection::ClientOrderIdInUse { order });
    }
    let may_rest = !matches!(request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let open = state.open_totals(placement.account, market.id).orders;
    if may_rest && open >= market.open_orders_per_account_max {
        return Err(Rejection::TooManyOpenOrders { open, limit: market.open_orders_per_account_max });
    }
    Ok(())
}

/// What the account's money and the market's caps allow.
fn check_risk(state: &State, market: &MarketSpec, placement: &Placement, now: TimeMs) -> Result<(), Rejection> {
    let Placement { account, request, .. } = placement;
    let order = OpenOrder {
        id: OrderId::new(0),
        account: *account,
        market: market.id,
        side: request.side,
        price: request.price,
        remaining: request.size,
        original: request.size,
        reduce_only: request.reduce_only,
        time_in_force: request.time_in_force,
        client_order_id: None,
        priority: 0,
        placed_at_ms: now,
    };
    if let Some(terms) = market.derivative() {
        check_derivative(state, market, &terms, &order, now)?;
    } else {
        check_vault_order(state, *account, market, false)?;
    }
    check_reservation(state, market, *account, request.side, &order)
}

/// A derivative needs a mark for everything, and a fresh index, room and caps for new risk.
fn check_derivative(
    state: &State,
    market: &MarketSpec,
    terms: &DerivativeTerms,
    order: &OpenOrder,
    now: TimeMs,
) -> Result<(), Rejection> {
    let held = position(state, order.account, market.id);
    if order.reduce_only {
        check_reduce_only(held, order.side)?;
    }
    if state.mark(market.id).is_none() {
        return Err(Rejection::NoFreshPrice { market: market.id });
    }
    let totals = state.open_totals(order.account, market.id);
    let open_lots = match order.side {
        Side::Buy => totals.buy_size,
        Side::Sell => totals.sell_size,
    };
    let reduces = order.reduce_only || only_reduces(held, order.side, open_lots, order.remaining);
    check_vault_order(state, order.account, market, reduces)?;
    if reduces {
        return Ok(());
    }
    if !state.index(terms.underlying).is_some_and(|index| index.is_fresh(now)) {
        return Err(Rejection::NoFreshPrice { market: market.id });
    }
    check_position_cap(terms, held, order.side, open_lots, order.remaining)?;
    let reduces_some = !held.reducible(order.side, Size::MAX).is_zero();
    if !reduces_some && matching::open_interest(state, market) >= u128::from(terms.open_interest_maximum.get()) {
        return Err(Rejection::OpenInterestCap { market: market.id, cap: terms.open_interest_maximum });
    }
    Ok(())
}

/// Whether the account can reserve for the order: the exact amount and fee (spot), or margin (perpetuals).
fn check_reservation(
    state: &State,
    market: &MarketSpec,
    account: AccountId,
    side: Side,
    order: &OpenOrder,
) -> Result<(), Rejection> {
    let record = orders::with_reservation(state, market, *order)?;
    if let Some(hold) = record.hold {
        let available = spendable(state, account, hold.universe, hold.asset)?;
        if hold.amount > available {
            return Err(Rejection::InsufficientBalance { asset: hold.asset, required: hold.amount, available });
        }
        return Ok(());
    }
    if order.reduce_only {
        return Ok(());
    }
    if market.option().is_some() {
        return check_option_reservation(state, market, account, order, record.notional_usd);
    }
    let without_order = exposure(state, account, market)?;
    let mut with_order = without_order;
    let orders = match side {
        Side::Buy => &mut with_order.buys,
        Side::Sell => &mut with_order.sells,
    };
    *orders = orders.with(order.remaining, record.notional_usd)?;
    if state.is_portfolio(account, market.universe) {
        let before = margin(state, account, market.universe)?;
        return before.with_exposure_replaced(&without_order, &with_order)?.check_order(&before);
    }
    let elsewhere = margin_without(state, account, market.universe, Some(market.id))?;
    let before = elsewhere.with(&without_order.cross_margin()?)?;
    let after = elsewhere.with(&with_order.cross_margin()?)?;
    after.check_order(&before)
}

/// A buy of an option must have its premium in cash, a sell the margin of what it would add, all other orders of the account
/// considered.
fn check_option_reservation(
    state: &State,
    market: &MarketSpec,
    account: AccountId,
    order: &OpenOrder,
    notional_usd: Usd,
) -> Result<(), Rejection> {
    let universe = market.universe;
    options::margin::check_count(state, account, universe, Some(market.id))?;
    let in_thought = OrderInThought { market: market.id, side: order.side, lots: order.remaining, notional_usd };
    let before = margin(state, account, universe)?;
    let options = options::margin::of(state, account, universe, None)?;
    let with_order = options::margin::of(state, account, universe, Some(&in_thought))?;
    if order.side == Side::Buy {
        let available = received_cash_usd(state, account, universe)?;
        if notional_usd > available {
            return Err(Rejection::PremiumUncovered { required: notional_usd, available });
        }
    }
    before.with_options_replaced(&options, &with_order)?.check_order(&before)
}

/// What the book and the pool say to kinds of orders that must, or must not, match at once.
fn check_against_book(state: &State, market: &MarketSpec, order: &OpenOrder) -> Result<(), Rejection> {
    if matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtt { .. }) {
        return Ok(());
    }
    let crossing: Option<Price> = matching::first_price(state, market, order);
    match (order.time_in_force, crossing) {
        (TimeInForce::Alo, Some(best_opposite)) => Err(Rejection::WouldMatch { best_opposite }),
        (TimeInForce::Ioc, None) => Err(Rejection::NothingToMatch),
        (TimeInForce::Fok, None) => Err(Rejection::NotFillable { wanted: order.remaining, available: Size::ZERO }),
        _ => Ok(()),
    }
}
