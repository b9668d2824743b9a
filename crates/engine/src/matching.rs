//! Price-time priority: an incoming order against the book.
//!
//! Per step the market's liquidity pool, if it has one that offers a better price than the first order in line
//! ([`crate::liquidity`]); else that order, if it crosses:
//! 1. its time is over: it is cancelled;
//! 2. it is of the same account group: it is cancelled (self-trade prevention), no fee;
//! 3. each side's position cuts the fill, the maker's first: reduce-only, and whatever a vault that must reduce has, to what reduces, else
//!    to what the position cap leaves room for; an order with nothing left to trade leaves;
//! 4. the open-interest cap cuts the fill; with no room left the incoming order stops;
//! 5. the fill is settled if both can afford it; a maker who cannot is cancelled, a taker who cannot stops.
//!
//! After [`MATCH_STEPS_MAX`] steps what remains of the incoming order is cancelled, whatever its kind, so a book never
//! rests crossed.

use crate::{
    accounts::position,
    fill::{self, Fill, Verdict},
    liquidity, orders,
    perpetual::{open_interest_cut, position_room, reduce_only_cut},
    pool_curve::PoolTrade,
    pool_fill,
    state::{PositionRecord, State},
    vaults,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::CancelReason,
    limits::MATCH_STEPS_MAX,
    market::MarketSpec,
    numbers::{Price, Size, Usd},
    order::{OpenOrder, Side, TimeInForce},
    rejection::Rejection,
    time::TimeMs,
};

/// What matching did for an incoming order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    /// Lots filled.
    pub filled: Size,
    /// Sum of `price × lots` of the fills.
    pub filled_quote_usd: Usd,
    /// Why it stopped before the book did.
    pub stopped: Option<CancelReason>,
}

/// What an incoming order meets next.
enum Next {
    Pool(PoolTrade),
    Order(OpenOrder),
}

/// What one step did.
enum Step {
    Filled { lots: Size, quote_usd: Usd },
    MakerCanceled,
    Stopped { reason: CancelReason },
}

/// Whether `limit` on `side` reaches `resting` on the other.
pub(crate) fn crosses(side: Side, limit: Price, resting: Price) -> bool {
    match side {
        Side::Buy => limit >= resting,
        Side::Sell => limit <= resting,
    }
}

/// The first resting order that an order would meet.
pub(crate) fn first_crossing<'a>(state: &'a State, order: &OpenOrder) -> Option<&'a OpenOrder> {
    state
        .best_order(order.market, order.side.opposite())
        .map(|record| &record.order)
        .filter(|resting| crosses(order.side, order.price, resting.price))
}

/// Whether a market has a pool to match against: asked once per order, and of spot markets alone.
fn has_pool(state: &State, market: &MarketSpec) -> bool {
    market.spot().is_some() && state.liquidity_pool(market.id).is_some()
}

/// The price that an order would trade at first, with a resting order or with the pool.
pub(crate) fn first_price(state: &State, market: &MarketSpec, order: &OpenOrder) -> Option<Price> {
    let resting = first_crossing(state, order).map(|resting| resting.price);
    if !has_pool(state, market) {
        return resting;
    }
    let one_lot = OpenOrder { remaining: Size::new(1), ..*order };
    liquidity::next_trade(state, market, &one_lot, resting).map(|trade| trade.price).or(resting)
}

/// Matches `taker` as far as it goes; `taker.remaining` is left with what was not filled.
pub(crate) fn run(work: &mut Work<'_>, market: &MarketSpec, taker: &mut OpenOrder) -> Result<Matched, Rejection> {
    run_until(work, market, taker, MATCH_STEPS_MAX, false)
}

/// The same for an account that is closed by force: it is not asked whether it affords its fills.
pub(crate) fn run_forced(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &mut OpenOrder,
    steps_max: u32,
) -> Result<Matched, Rejection> {
    run_until(work, market, taker, steps_max, true)
}

fn run_until(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &mut OpenOrder,
    steps_max: u32,
    is_forced: bool,
) -> Result<Matched, Rejection> {
    let mut matched = Matched::default();
    let mut steps: u32 = 0;
    let group = work.state.group_of(taker.account);
    let has_pool = has_pool(work.state, market);
    while !taker.remaining.is_zero() {
        let maker = first_crossing(work.state, taker).copied();
        let resting = maker.map(|maker| maker.price);
        let offer = if has_pool { liquidity::next_trade(work.state, market, taker, resting) } else { None };
        let next = match (offer, maker) {
            (Some(offer), _) => Next::Pool(offer),
            (None, Some(maker)) => Next::Order(maker),
            (None, None) => break,
        };
        if steps == steps_max {
            matched.stopped = Some(CancelReason::MatchStepLimit);
            break;
        }
        steps = steps.saturating_add(1);
        let done = match next {
            Next::Pool(offer) => pool_step(work, market, taker, &offer, is_forced)?,
            Next::Order(maker) => step(work, market, taker, &maker, (group, is_forced))?,
        };
        match done {
            Step::Filled { lots, quote_usd } => {
                taker.remaining = taker.remaining.checked_sub(lots).ok_or(Rejection::Overflow)?;
                matched.filled = matched.filled.checked_add(lots).ok_or(Rejection::Overflow)?;
                matched.filled_quote_usd =
                    matched.filled_quote_usd.checked_add(quote_usd).ok_or(Rejection::Overflow)?;
            }
            Step::MakerCanceled => {}
            Step::Stopped { reason } => {
                matched.stopped = Some(reason);
                break;
            }
        }
    }
    Ok(matched)
}

fn pool_step(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &OpenOrder,
    offer: &PoolTrade,
    is_forced: bool,
) -> Result<Step, Rejection> {
    Ok(match pool_fill::settle(work, market, taker, offer, is_forced)? {
        Verdict::Settled { quote_usd } => Step::Filled { lots: offer.lots, quote_usd },
        Verdict::MakerFails | Verdict::TakerFails => Step::Stopped { reason: CancelReason::Margin },
    })
}

/// `group` is the taker's.
fn step(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &OpenOrder,
    maker: &OpenOrder,
    (group, is_forced): (AccountId, bool),
) -> Result<Step, Rejection> {
    if is_over(maker.time_in_force, work.time_ms) {
        return Ok(cancel_maker(work, maker, CancelReason::Expired));
    }
    let maker_group = work.state.group_of(maker.account);
    if maker.account == taker.account || maker_group == group {
        return Ok(cancel_maker(work, maker, CancelReason::SelfTrade));
    }
    let mut lots = taker.remaining.min(maker.remaining);
    if let Some(terms) = market.derivative() {
        let held_by = |order: &OpenOrder| position(work.state, order.account, market.id);
        let (maker_held, taker_held) = (held_by(maker), held_by(taker));
        // A vault is of the group of its leader: whoever is a group by itself is none, and is not looked up.
        let must_reduce =
            |account: AccountId, group: AccountId| group != account && vaults::must_reduce(work.state, account);
        let cap = terms.position_maximum;
        let within = within_position(maker, must_reduce(maker.account, maker_group), maker_held, cap, lots);
        lots = match within {
            Ok(within) => within,
            Err(reason) => return Ok(cancel_maker(work, maker, reason)),
        };
        lots = match within_position(taker, must_reduce(taker.account, group), taker_held, cap, lots) {
            Ok(within) => within,
            Err(reason) => return Ok(Step::Stopped { reason }),
        };
        let (buyer, seller) = match taker.side {
            Side::Buy => (taker_held, maker_held),
            Side::Sell => (maker_held, taker_held),
        };
        lots = open_interest_cut(&terms, open_interest(work.state, market), buyer, seller, lots);
        if lots.is_zero() {
            return Ok(Step::Stopped { reason: CancelReason::Cap });
        }
    }
    Ok(match fill::settle(work, &Fill { market, maker, taker, lots, is_forced })? {
        Verdict::Settled { quote_usd } => Step::Filled { lots, quote_usd },
        Verdict::MakerFails => cancel_maker(work, maker, CancelReason::Margin),
        Verdict::TakerFails => Step::Stopped { reason: CancelReason::Margin },
    })
}

/// Whether an order's time has come; its timer may still wait in line.
pub(crate) fn is_over(time_in_force: TimeInForce, now: TimeMs) -> bool {
    matches!(time_in_force, TimeInForce::Gtt { expires_at_ms } if expires_at_ms <= now)
}

fn cancel_maker(work: &mut Work<'_>, maker: &OpenOrder, reason: CancelReason) -> Step {
    orders::cancel(work, maker.id, reason);
    Step::MakerCanceled
}

/// The lots of a perpetual's open interest.
pub(crate) fn open_interest(state: &State, market: &MarketSpec) -> u128 {
    state.position_totals(market.id).long
}

/// How many of `lots` an order may trade, `held` being its owner's position: none past zero if it may only reduce, else none that
/// take the position beyond the cap. Placing asked for both, of the position of then. The reason if it is none at all.
pub(crate) fn within_position(
    order: &OpenOrder,
    must_reduce: bool,
    held: PositionRecord,
    cap: Size,
    lots: Size,
) -> Result<Size, CancelReason> {
    let (most, reason) = if order.reduce_only || must_reduce {
        (reduce_only_cut(held, order.side, lots), CancelReason::ReduceOnly)
    } else {
        (position_room(cap, held.position, order.side), CancelReason::Cap)
    };
    if most.is_zero() { Err(reason) } else { Ok(lots.min(most)) }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "perpetual_scenarios.rs"]
mod perpetual_scenarios;
