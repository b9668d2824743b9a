//! What fills and cancels bring about beyond themselves: children of an order are armed or cancelled, triggers of a position
//! that is gone leave, quotes that are gone are forgotten, market-maker protection counts.
//!
//! Rules:
//! - It follows events (fills, ends of orders) and changed positions, each exactly once: the place up to which all was
//!   followed is kept with the block's work, and turned back with it. So it may be run after any step, and is run
//!   after every order, every action and every step of the block that moves orders or positions.
//! - Only for followed accounts. While nothing is followed, nothing is looked at.

use crate::{
    protection,
    state::{FollowReasons, QuoteId, RecordKey},
    triggers,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event, Trade},
    ids::{MarketId, OrderId},
    numbers::Size,
    order::{OpenOrder, Side},
};
use std::collections::BTreeSet;

/// Something that happened to a followed account.
#[derive(Clone, Copy, Debug)]
enum Fact {
    /// An order with children was filled in part.
    ParentFilled { parent: OrderId, lots: Size },
    /// An order left the book.
    Left { order: OpenOrder, reasons: FollowReasons },
    /// Its resting order was filled.
    Made { account: AccountId, market: MarketId, side: Side, lots: Size },
}

/// Sees to what the events and changes since the last time bring about.
pub(crate) fn run(work: &mut Work<'_>) {
    let since = work.take_followed();
    if !work.state.follows_any() {
        return;
    }
    let mut facts = Vec::new();
    for event in work.events.iter().skip(since.event_count) {
        match event {
            Event::Traded(trade) => note_trade(work, trade, &mut facts),
            Event::OrderFilled { order } => note_end(work, order, &mut facts),
            Event::OrderCanceled { order, reason } if *reason != CancelReason::Modified => {
                note_end(work, order, &mut facts);
            }
            _ => {}
        }
    }
    let moved: BTreeSet<(AccountId, MarketId)> = work
        .state
        .positions_since(since.state)
        .filter(|id| work.state.follow_reasons(id.account, id.market).position_triggers > 0)
        .map(|id| (id.account, id.market))
        .collect();
    for fact in facts {
        match fact {
            Fact::ParentFilled { parent, lots } => triggers::parent_filled(work, parent, lots),
            Fact::Left { order, reasons } => leave(work, &order, reasons),
            Fact::Made { account, market, side, lots } => protection::count(work, account, market, side, lots),
        }
    }
    for (account, market) in moved {
        triggers::position_moved(work, account, market);
    }
}

fn note_trade(work: &Work<'_>, trade: &Trade, facts: &mut Vec<Fact>) {
    let (market, lots) = (trade.market, trade.size);
    for (side, is_maker) in [(&trade.maker, true), (&trade.taker, false)] {
        let reasons = work.state.follow_reasons(side.account, market);
        if reasons.children > 0 {
            facts.push(Fact::ParentFilled { parent: side.order, lots });
        }
        if is_maker && reasons.protections > 0 {
            facts.push(Fact::Made { account: side.account, market, side: trade.taker_side.opposite(), lots });
        }
    }
}

fn note_end(work: &Work<'_>, order: &OpenOrder, facts: &mut Vec<Fact>) {
    let reasons = work.state.follow_reasons(order.account, order.market);
    if reasons.children > 0 || reasons.quotes > 0 {
        facts.push(Fact::Left { order: *order, reasons });
    }
}

fn leave(work: &mut Work<'_>, order: &OpenOrder, reasons: FollowReasons) {
    if reasons.children > 0 {
        triggers::parent_left(work, order.id);
    }
    let id = QuoteId { account: order.account, market: order.market, side: order.side };
    if reasons.quotes > 0 && work.state.quote(id) == Some(order.id) {
        work.state.delete(RecordKey::Quote(id));
    }
}
