//! An incoming combo order against its own book and the books of its legs.
//!
//! Per step, while the first order in line of the own book or what the legs' books offer crosses:
//! 1. the taker's position caps cut the units; with no room it stops;
//! 2. the better of the two is met, the own book if they are equal;
//! 3. in the own book: an order of the same account group is cancelled, one whose net price no longer splits within the legs' bands
//!    too, and one whose owner may not trade a unit; open-interest caps cut the units; all legs trade if both sides afford the whole.
//!    An owner who has no room or cannot afford it loses every order on that side of the book in that one step, so that nobody keeps
//!    takers away with orders that cost nothing.
//!
//! After [`COMBO_STEPS_MAX`] steps what remains of the incoming order is cancelled, so a book never rests crossed.

use super::{
    end_order,
    implied::{self, Offer},
};
use crate::{
    legs::{self, MultiTrade, MultiVerdict, Party, Structure},
    net_price::NetTerms,
    state::{Record, RecordKey, State},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::OrderId,
    limits::COMBO_STEPS_MAX,
    multi_leg::{ComboOrder, ComboOrderEnd, ComboSide, ComboTrade, MakerFault},
    numbers::{Price, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// An order on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    /// What is traded.
    pub structure: &'a Structure,
    /// How net prices are made.
    pub terms: &'a NetTerms,
    /// The order with what remains of it.
    pub order: ComboOrder,
    /// The group of its account.
    pub group: AccountId,
}

impl Incoming<'_> {
    pub(super) const fn party(&self) -> Party {
        Party { account: self.order.account, order: self.order.id }
    }
}

/// What matching did for an incoming order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// Units filled.
    pub filled: Size,
    /// What the buyer paid for them.
    pub quote_usd: Usd,
    /// Why it stopped before the books did.
    pub stopped: Option<ComboOrderEnd>,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Units traded.
    Filled {
        /// How many.
        units: Size,
        /// What the buyer paid for them.
        quote_usd: Usd,
    },
    /// An order that was in the way is gone.
    Cleared,
    /// The legs' books offer less than it seemed, for a reason that stays.
    NothingImplied,
    /// The incoming order goes no further.
    Stopped(ComboOrderEnd),
}

/// Matches an incoming order as far as it goes; its `remaining` is left with what was not filled.
pub(super) fn run(work: &mut Work<'_>, incoming: &mut Incoming<'_>) -> Result<Matched, Rejection> {
    let mut matched = Matched::default();
    let mut steps: u32 = 0;
    let mut asks_legs = true;
    while !incoming.order.remaining.is_zero() {
        let ComboOrder { account, side, remaining, .. } = incoming.order;
        let (units, _) = incoming.structure.within_positions(work.state, account, side, remaining)?;
        let resting = first_crossing(work.state, &incoming.order).copied();
        let wanted = units.max(Size::new(1));
        let offer = if asks_legs { implied::offer(work.state, incoming, wanted, work.time_ms)? } else { None };
        let Some(met) = better(incoming, resting, offer)? else { break };
        if units.is_zero() {
            matched.stopped = Some(ComboOrderEnd::Cap);
            break;
        }
        if steps == COMBO_STEPS_MAX {
            matched.stopped = Some(ComboOrderEnd::StepLimit);
            break;
        }
        steps = steps.saturating_add(1);
        let step = match met {
            Met::Resting(maker) => meet(work, incoming, &maker, units)?,
            Met::Offer(offer) => implied::take(work, incoming, &offer)?,
        };
        match step {
            Step::Filled { units, quote_usd } => {
                incoming.order.remaining = remaining.checked_sub(units).ok_or(Rejection::Overflow)?;
                matched.filled = matched.filled.checked_add(units).ok_or(Rejection::Overflow)?;
                matched.quote_usd = matched.quote_usd.checked_add(quote_usd).ok_or(Rejection::Overflow)?;
            }
            Step::Cleared => {}
            Step::NothingImplied => asks_legs = false,
            Step::Stopped(reason) => {
                matched.stopped = Some(reason);
                break;
            }
        }
    }
    Ok(matched)
}

/// What an incoming order meets.
enum Met {
    Resting(ComboOrder),
    Offer(Offer),
}

/// The first order in line on the other side, if it crosses.
fn first_crossing<'a>(state: &'a State, order: &ComboOrder) -> Option<&'a ComboOrder> {
    let first = state.combo_book_side(order.combo, order.side.opposite()).next();
    first.filter(|resting| match order.side {
        Side::Buy => order.price >= resting.price,
        Side::Sell => order.price <= resting.price,
    })
}

/// The better of both for the incoming order; the own book if they are equal.
fn better(
    incoming: &Incoming<'_>,
    resting: Option<ComboOrder>,
    offer: Option<Offer>,
) -> Result<Option<Met>, Rejection> {
    Ok(match (resting, offer) {
        (None, None) => None,
        (Some(resting), None) => Some(Met::Resting(resting)),
        (None, Some(offer)) => Some(Met::Offer(offer)),
        (Some(resting), Some(offer)) => {
            let by_book = incoming.terms.quote_usd(resting.price, offer.units)?;
            let offer_is_better = match incoming.order.side {
                Side::Buy => offer.quote_usd < by_book,
                Side::Sell => offer.quote_usd > by_book,
            };
            Some(if offer_is_better { Met::Offer(offer) } else { Met::Resting(resting) })
        }
    })
}

/// Meets the first order in line of the own book.
fn meet(work: &mut Work<'_>, incoming: &Incoming<'_>, maker: &ComboOrder, units: Size) -> Result<Step, Rejection> {
    if work.state.group_of(maker.account) == incoming.group {
        return Ok(clear(work, maker, ComboOrderEnd::SelfTrade));
    }
    let structure = incoming.structure;
    let marks = structure.marks(work.state)?;
    let prices = match incoming.terms.split(structure, maker.price, &marks) {
        Ok(prices) => prices,
        Err(Rejection::LegOutsideBand { .. } | Rejection::Overflow) => {
            return Ok(clear(work, maker, ComboOrderEnd::OutsideBand));
        }
        Err(rejection) => return Err(rejection),
    };
    let units = units.min(maker.remaining);
    let (units, _) = structure.within_positions(work.state, maker.account, maker.side, units)?;
    if units.is_zero() {
        return Ok(clear_all(work, maker, ComboOrderEnd::Cap));
    }
    if legs::maker_fault(work.state, structure, maker.account, maker.side, units)? == Some(MakerFault::MustReduce) {
        return Ok(clear(work, maker, ComboOrderEnd::MustReduce));
    }
    let (buyer, seller) = match maker.side {
        Side::Buy => (maker.account, incoming.order.account),
        Side::Sell => (incoming.order.account, maker.account),
    };
    let (units, _) = structure.within_open_interest(work.state, buyer, seller, units)?;
    if units.is_zero() {
        return Ok(Step::Stopped(ComboOrderEnd::Cap));
    }
    trade(work, incoming, maker, &prices, units)
}

fn trade(
    work: &mut Work<'_>,
    incoming: &Incoming<'_>,
    maker: &ComboOrder,
    prices: &[Price],
    units: Size,
) -> Result<Step, Rejection> {
    let quote_usd = incoming.terms.quote_usd(maker.price, units)?;
    let side_of = |order: &ComboOrder| ComboSide { account: order.account, order: order.id };
    let announcement = Event::ComboTraded(ComboTrade {
        combo: maker.combo,
        taker_side: incoming.order.side,
        taker: side_of(&incoming.order),
        maker: Some(side_of(maker)),
        lots: units,
        quote_usd,
        first_trade: work.next_trade(),
        trades: u32::try_from(incoming.structure.legs.len()).unwrap_or(u32::MAX),
    });
    let both = MultiTrade {
        structure: incoming.structure,
        prices,
        units,
        taker_side: incoming.order.side,
        maker: Party { account: maker.account, order: maker.id },
        taker: incoming.party(),
    };
    match legs::trade(work, &both, announcement)? {
        MultiVerdict::Traded => {}
        MultiVerdict::MakerFails => return Ok(clear_all(work, maker, ComboOrderEnd::Margin)),
        MultiVerdict::TakerFails(_) => return Ok(Step::Stopped(ComboOrderEnd::Margin)),
    }
    let remaining = maker.remaining.checked_sub(units).ok_or(Rejection::Overflow)?;
    let record = ComboOrder { remaining, ..*maker };
    if remaining.is_zero() {
        work.state.delete(RecordKey::ComboOrder(maker.id));
        work.emit(Event::ComboOrderEnded { order: record, reason: ComboOrderEnd::Filled });
    } else {
        work.state.put(Record::ComboOrder { id: maker.id, record });
    }
    Ok(Step::Filled { units, quote_usd })
}

fn clear(work: &mut Work<'_>, maker: &ComboOrder, reason: ComboOrderEnd) -> Step {
    end_order(work, maker.id, reason);
    Step::Cleared
}

/// Ends every order that a maker has on its side of the book, by number: at most as many as an account may have open.
fn clear_all(work: &mut Work<'_>, maker: &ComboOrder, reason: ComboOrderEnd) -> Step {
    let is_like = |order: &&ComboOrder| (order.combo, order.side) == (maker.combo, maker.side);
    let orders: Vec<OrderId> =
        work.state.combo_orders_of(maker.account).filter(is_like).map(|order| order.id).collect();
    for order in orders {
        end_order(work, order, reason);
    }
    Step::Cleared
}
