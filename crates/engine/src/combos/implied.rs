//! What the books of the legs offer for a combo, and taking it: all legs or none.
//!
//! Rules:
//! - As many units as the first orders in line of all legs hold, at one price; if one of them holds less than a unit needs, one unit
//!   over several orders, at most [`IMPLIED_ORDERS_MAX`] of a leg.
//! - A leg trades as an incoming order of the market would: with whoever is first in line, within the price band, under the market's
//!   rules for self-trades, reduce-only, caps and makers who cannot pay. The taker is judged once, on the whole.
//! - If a leg finds less than was offered, all is undone. Orders that matching found past their time, of the own group or
//!   unaffordable stay cancelled, and the books are asked again; if there are none, they are not asked again. An owner who had traded
//!   before in the attempt may afford the order without that trade, and keeps it.

use super::matching::{Incoming, Step};
use crate::{
    accounts::position,
    legs::{Judged, Structure, StructureLeg, leg_order},
    market_math::quote_usd,
    matching::{self, is_over, within_position},
    orders,
    state::State,
    vaults::must_reduce,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    ids::OrderId,
    multi_leg::{ComboOrderEnd, ComboSide, ComboTrade},
    numbers::{Price, Size, Usd},
    order::Side,
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeSet;

/// Orders of a leg's book that are looked at, and steps that a leg may take to trade its lots.
const IMPLIED_ORDERS_MAX: usize = 8;

/// What the books of the legs hold for a combo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Units.
    pub units: Size,
    /// What a buyer pays for them.
    pub quote_usd: Usd,
    /// The worst price of each leg, in their order.
    worst: Vec<Price>,
}

/// The orders of a leg's book that one unit needs: prices and lots, best first.
type Line = Vec<(Price, u64)>;

/// Who asks the books of the legs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    /// What is traded.
    pub structure: &'a Structure,
    /// As which side.
    pub side: Side,
    /// The group whose orders are passed over, if it is anybody's.
    pub group: Option<AccountId>,
}

/// What the books of the legs offer the incoming order within its limit.
pub(super) fn offer(
    state: &State,
    incoming: &Incoming<'_>,
    units: Size,
    now: TimeMs,
) -> Result<Option<Offer>, Rejection> {
    let Incoming { structure, order, group, .. } = *incoming;
    let asker = Asker { structure, side: order.side, group: Some(group) };
    match found(state, asker, units, now)? {
        Some(there) if is_within(incoming, there.quote_usd, there.units)? => Ok(Some(there)),
        _ => Ok(None),
    }
}

/// What the books of the legs offer for at most so many units, at whatever net price.
pub(super) fn found(state: &State, asker: Asker<'_>, units: Size, now: TimeMs) -> Result<Option<Offer>, Rejection> {
    let mut lines: Vec<(&StructureLeg, Line)> = Vec::with_capacity(asker.structure.legs.len());
    let mut whole = units.get();
    for leg in &asker.structure.legs {
        let line = line(state, asker, leg, now);
        let ratio = u64::from(leg.ratio);
        if line.iter().fold(0_u64, |sum, (_, lots)| sum.saturating_add(*lots)) < ratio {
            return Ok(None);
        }
        let first = line.first().map_or(0, |(_, lots)| *lots);
        whole = whole.min(first.checked_div(ratio).unwrap_or(0));
        lines.push((leg, line));
    }
    let units = Size::new(whole.max(1));
    let mut total = Usd::ZERO;
    let mut worst = Vec::with_capacity(lines.len());
    for (leg, line) in lines {
        let (quote, price) = cost(leg, &line, units)?;
        let marks = state.mark(leg.market.id).map(|record| record.price);
        let mark = marks.ok_or(Rejection::NoFreshPrice { market: leg.market.id })?;
        if !leg.allows(leg.side_for(asker.side), price, mark)? {
            return Ok(None);
        }
        total = match leg.side {
            Side::Buy => total.checked_add(quote),
            Side::Sell => total.checked_sub(quote),
        }
        .ok_or(Rejection::Overflow)?;
        worst.push(price);
    }
    Ok(Some(Offer { units, quote_usd: total, worst }))
}

/// Whether a buyer's payment for units is no worse than the incoming order's limit.
fn is_within(incoming: &Incoming<'_>, quote_usd: Usd, units: Size) -> Result<bool, Rejection> {
    let limit = incoming.terms.quote_usd(incoming.order.price, units)?;
    Ok(match incoming.order.side {
        Side::Buy => quote_usd <= limit,
        Side::Sell => quote_usd >= limit,
    })
}

/// The first orders of a leg's book that hold a unit's lots; those that matching would cancel are passed over.
fn line(state: &State, asker: Asker<'_>, leg: &StructureLeg, now: TimeMs) -> Line {
    let book_side = leg.side_for(asker.side).opposite();
    let mut line = Line::new();
    let Some(terms) = leg.market.derivative() else { return line };
    let mut missing = u64::from(leg.ratio);
    for record in state.book_side(leg.market.id, book_side).take(IMPLIED_ORDERS_MAX) {
        let order = &record.order;
        if is_over(order.time_in_force, now) || asker.group == Some(state.group_of(order.account)) {
            continue;
        }
        let (held, must_reduce) = (position(state, order.account, leg.market.id), must_reduce(state, order.account));
        let within = within_position(order, must_reduce, held, terms.position_maximum, order.remaining);
        let Ok(lots) = within else { continue };
        line.push((order.price, lots.get()));
        missing = missing.saturating_sub(lots.get());
        if missing == 0 {
            break;
        }
    }
    line
}

/// What a leg of so many units costs along its line, and the worst price of it.
fn cost(leg: &StructureLeg, line: &Line, units: Size) -> Result<(Usd, Price), Rejection> {
    let mut missing = leg.lots(units)?.get();
    let mut sum = Usd::ZERO;
    let mut worst = Price::ZERO;
    for (price, lots) in line {
        let taken = missing.min(*lots);
        if taken == 0 {
            break;
        }
        let quote = quote_usd(*price, Size::new(taken), leg.market.size_decimals)?;
        sum = sum.checked_add(quote).ok_or(Rejection::Overflow)?;
        worst = *price;
        missing = missing.saturating_sub(taken);
    }
    Ok((sum, worst))
}

/// Takes an offer: all legs trade, or nothing has happened but that orders which could not trade are gone.
pub(super) fn take(work: &mut Work<'_>, incoming: &Incoming<'_>, offer: &Offer) -> Result<Step, Rejection> {
    let judged = Judged::before(work.state, incoming.structure, incoming.order.account)?;
    let checkpoint = work.checkpoint();
    let first_event = work.events.len();
    let first_trade = work.next_trade();
    let quote_usd = trade_legs(work, incoming, offer)?;
    let whole = match quote_usd {
        Some(quote_usd) => is_within(incoming, quote_usd, offer.units)?.then_some(quote_usd),
        None => None,
    };
    let Some(quote_usd) = whole else {
        let unable = unable(work.events.get(first_event..).unwrap_or_default());
        work.revert_to(checkpoint);
        for (order, reason) in &unable {
            orders::cancel(work, *order, *reason);
        }
        return Ok(if unable.is_empty() { Step::NothingImplied } else { Step::Cleared });
    };
    if !judged.affords(work.state, incoming.structure)? {
        work.revert_to(checkpoint);
        return Ok(Step::Stopped(ComboOrderEnd::Margin));
    }
    let trades = work.next_trade().get().saturating_sub(first_trade.get());
    work.emit(Event::ComboTraded(ComboTrade {
        combo: incoming.order.combo,
        taker_side: incoming.order.side,
        taker: ComboSide { account: incoming.order.account, order: incoming.order.id },
        maker: None,
        lots: offer.units,
        quote_usd,
        first_trade,
        trades: u32::try_from(trades).unwrap_or(u32::MAX),
    }));
    Ok(Step::Filled { units: offer.units, quote_usd })
}

/// Trades every leg in its book; what a buyer pays for all, or nothing if a leg is not filled whole.
fn trade_legs(work: &mut Work<'_>, incoming: &Incoming<'_>, offer: &Offer) -> Result<Option<Usd>, Rejection> {
    let steps_max = u32::try_from(IMPLIED_ORDERS_MAX).unwrap_or(u32::MAX);
    let mut total = Usd::ZERO;
    for (leg, worst) in incoming.structure.legs.iter().zip(&offer.worst) {
        let side = leg.side_for(incoming.order.side);
        let terms = (side, *worst, leg.lots(offer.units)?);
        let mut taker = leg_order(incoming.party(), leg.market.id, terms, work.time_ms);
        let matched = matching::run_forced(work, &leg.market, &mut taker, steps_max)?;
        if !taker.remaining.is_zero() {
            return Ok(None);
        }
        total = match leg.side {
            Side::Buy => total.checked_add(matched.filled_quote_usd),
            Side::Sell => total.checked_sub(matched.filled_quote_usd),
        }
        .ok_or(Rejection::Overflow)?;
    }
    Ok(Some(total))
}

/// The orders that matching cancelled for what they are, not for what the trades before them did.
fn unable(events: &[Event]) -> Vec<(OrderId, CancelReason)> {
    let mut traded: BTreeSet<AccountId> = BTreeSet::new();
    let mut unable = Vec::new();
    for event in events {
        match event {
            Event::Traded(trade) => {
                traded.insert(trade.maker.account);
            }
            Event::OrderCanceled { order, reason: reason @ (CancelReason::Expired | CancelReason::SelfTrade) } => {
                unable.push((order.id, *reason));
            }
            Event::OrderCanceled { order, reason: reason @ CancelReason::Margin }
                if !traded.contains(&order.account) =>
            {
                unable.push((order.id, *reason));
            }
            _ => {}
        }
    }
    unable
}
