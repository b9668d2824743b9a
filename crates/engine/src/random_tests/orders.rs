//! Random triggers, TWAPs, scales, quotes and protection, and a naive model of them that knows events alone.

use super::Random;
use crate::{
    state::State,
    testing::{PERP, SPOT},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::{CancelReason, Event, Trade},
    ids::{ClientOrderId, OrderId, TwapId},
    numbers::{Price, Rate, Size},
    order::{OrderRequest, Side, TimeInForce},
    quote::{Level, ProtectionTerms, Quote},
    trigger::{TriggerGrouping, TriggerOrder, TriggerPurpose, TriggerRequest},
    twap::{Twap, TwapRequest},
};
use std::collections::{BTreeMap, BTreeSet};

const TICK: i64 = 50_000_000;

/// What the events tell of these orders.
#[derive(Default)]
pub(super) struct SpecialFollower {
    waiting: BTreeMap<OrderId, TriggerOrder>,
    /// Of each trigger that ever had one, its sibling.
    siblings: BTreeMap<OrderId, OrderId>,
    /// Triggers whose order was accepted.
    became_orders: BTreeSet<OrderId>,
    /// Orders that traded.
    traded: BTreeSet<OrderId>,
    twaps: BTreeMap<TwapId, Twap>,
    /// How often each thing happened.
    pub(super) seen: BTreeMap<&'static str, u64>,
}

impl SpecialFollower {
    pub(super) fn see(&mut self, event: &Event) {
        let name = match event {
            Event::TriggerPlaced { trigger } => {
                self.waiting.insert(trigger.id, *trigger);
                if let Some(sibling) = trigger.sibling() {
                    self.siblings.insert(trigger.id, sibling);
                }
                "placed"
            }
            Event::TriggerArmed { trigger } => {
                self.waiting.insert(trigger.id, *trigger);
                "armed"
            }
            Event::TriggerFired { trigger, mark } => {
                assert!(trigger.is_armed(), "{trigger:?} fired at {mark}");
                self.waiting.remove(&trigger.id).expect("only what waits fires");
                self.became_orders.insert(trigger.id);
                "fired"
            }
            Event::TriggerRejected { trigger, .. } => {
                self.became_orders.remove(&trigger.id);
                "rejected"
            }
            Event::TriggerCanceled { trigger, reason } => {
                self.waiting.remove(&trigger.id).expect("only what waits is cancelled");
                match reason {
                    CancelReason::SiblingFilled => "sibling filled",
                    CancelReason::ParentCanceled => "parent canceled",
                    CancelReason::PositionClosed => "position closed",
                    _ => "canceled",
                }
            }
            Event::Traded(trade) => {
                self.see_trade(trade);
                return;
            }
            Event::TwapStarted { twap } => {
                self.twaps.insert(twap.id, *twap);
                "twap started"
            }
            Event::TwapSlice { twap, size, .. } => {
                let request = &twap.request;
                let normal = request.size.get().div_ceil(u64::from(request.duration_minutes) * 2);
                assert!(size.get() <= 3 * normal && twap.filled <= request.size, "{twap:?}");
                self.twaps.insert(twap.id, *twap);
                "twap slice"
            }
            Event::TwapEnded { twap, .. } => {
                self.twaps.remove(&twap.id).expect("only what runs ends");
                "twap ended"
            }
            Event::ProtectionFrozen { frozen: true, .. } => "protection fired",
            Event::OrderCanceled { reason: CancelReason::QuoteReplaced, .. } => "quote replaced",
            _ => return,
        };
        *self.seen.entry(name).or_default() += 1;
    }

    /// Never do both of two siblings trade.
    fn see_trade(&mut self, trade: &Trade) {
        for order in [trade.maker.order, trade.taker.order] {
            self.traded.insert(order);
            if let Some(sibling) = self.siblings.get(&order) {
                assert!(!self.traded.contains(sibling), "siblings {order} and {sibling} both traded");
                assert!(!self.became_orders.contains(sibling), "siblings {order} and {sibling} both became orders");
                assert!(!self.waiting.contains_key(sibling), "{order} traded while {sibling} waits");
            }
        }
    }

    pub(super) fn compare(&self, state: &State) {
        let waiting: Vec<(OrderId, bool)> =
            state.triggers().map(|record| (record.trigger.id, record.trigger.is_armed())).collect();
        let expected: Vec<(OrderId, bool)> =
            self.waiting.values().map(|trigger| (trigger.id, trigger.is_armed())).collect();
        assert_eq!(waiting, expected);
        let owners: BTreeSet<AccountId> = self.twaps.values().map(|twap| twap.account).collect();
        let running = |owner: &AccountId| state.twaps_of(*owner).map(|record| record.twap).collect::<Vec<_>>();
        let mut found: Vec<Twap> = owners.iter().flat_map(running).collect();
        found.sort_by_key(|twap| twap.id);
        assert_eq!(found, self.twaps.values().copied().collect::<Vec<_>>());
    }
}

fn mark(state: &State) -> i64 {
    state.mark(PERP).map_or(10_000_000_000, |record| record.price.get())
}

/// A price up to `ticks` from the mark, mostly on the tick.
fn near(random: &mut Random, state: &State, ticks: i64) -> Price {
    let away = i64::try_from(random.below(u64::try_from(2 * ticks + 1).expect("positive"))).expect("small") - ticks;
    let stray = if random.chance(2) { 1 } else { 0 };
    Price::new((mark(state) / TICK + away) * TICK + stray)
}

fn side(random: &mut Random) -> Side {
    random.pick(&[Side::Buy, Side::Sell])
}

fn trigger(random: &mut Random, state: &State, side: Side, purpose: TriggerPurpose) -> TriggerRequest {
    let rising = (side == Side::Sell) == (purpose == TriggerPurpose::TakeProfit);
    let away = 1 + i64::try_from(random.below(10)).expect("small");
    let ticks = mark(state) / TICK + if rising { away } else { -away };
    TriggerRequest {
        market: if random.chance(3) { SPOT } else { PERP },
        side,
        size: Size::new(random.below(30)),
        trigger_price: if random.chance(10) { near(random, state, 10) } else { Price::new(ticks * TICK) },
        purpose,
        limit: random.chance(30).then(|| near(random, state, 8)),
        reduce_only: random.chance(50),
        client_order_id: random.chance(20).then(|| ClientOrderId(u128::from(random.below(6)).to_be_bytes())),
    }
}

fn triggers(random: &mut Random, state: &State, account: AccountId) -> Action {
    let held = state.position(account, PERP).map_or(0, |record| record.position.get());
    let closing = if held > 0 { Side::Sell } else { Side::Buy };
    let side = if random.chance(80) { closing } else { side(random) };
    let purposes = [TriggerPurpose::TakeProfit, TriggerPurpose::StopLoss];
    let mut pair: Vec<TriggerRequest> =
        purposes.into_iter().map(|purpose| trigger(random, state, side, purpose)).collect();
    let (parent, grouping) = match random.below(4) {
        0 => (None, TriggerGrouping::Single),
        1 => (None, TriggerGrouping::OneCancelsOther),
        2 => {
            let size = Size::new(10 + random.below(25));
            pair.iter_mut().for_each(|trigger| trigger.size = Size::new(trigger.size.get().min(size.get())));
            let order = OrderRequest {
                market: PERP,
                side: side.opposite(),
                price: near(random, state, 6),
                size,
                time_in_force: random.pick(&[TimeInForce::Gtc, TimeInForce::Ioc]),
                reduce_only: false,
                client_order_id: random.chance(20).then(|| ClientOrderId(u128::from(random.below(6)).to_be_bytes())),
            };
            (Some(order), TriggerGrouping::Attached)
        }
        _ => {
            if random.chance(50) {
                pair.iter_mut().for_each(|trigger| trigger.size = Size::ZERO);
            }
            (None, TriggerGrouping::Position)
        }
    };
    if grouping != TriggerGrouping::OneCancelsOther && random.chance(40) {
        pair.remove(usize::from(random.chance(50)));
    }
    Action::PlaceTriggers { parent, triggers: pair, grouping }
}

fn quote(random: &mut Random, state: &State) -> Quote {
    let middle = mark(state) / TICK;
    let mut level = |sign: i64| {
        let away = i64::try_from(random.below(6)).expect("small");
        let price = Price::new((middle + sign * away) * TICK);
        random.chance(80).then(|| Level { price, size: Size::new(random.below(20)) })
    };
    Quote { market: PERP, bid: level(-1), ask: level(1) }
}

pub(super) fn action(random: &mut Random, state: &State, account: AccountId) -> Action {
    match random.below(100) {
        0..50 => triggers(random, state, account),
        50..58 => Action::PlaceTwap {
            twap: TwapRequest {
                market: PERP,
                side: side(random),
                size: Size::new(random.below(2_000)),
                duration_minutes: 4 + u32::try_from(random.below(4)).expect("small"),
                randomize: random.chance(50),
                reduce_only: random.chance(20),
            },
        },
        58..61 => {
            let running = state.twaps_of(account).next().map_or(TwapId::new(3), |record| record.twap.id);
            Action::CancelTwap { twap: running }
        }
        61..70 => Action::PlaceScale {
            market: if random.chance(20) { SPOT } else { PERP },
            side: side(random),
            size: Size::new(random.below(100)),
            price_from: near(random, state, 10),
            price_to: near(random, state, 10),
            orders: u8::try_from(1 + random.below(6)).expect("small"),
            skew: Rate::new(i64::try_from(random.below(3_000_000)).expect("small")),
            post_only: random.chance(40),
            reduce_only: random.chance(10),
        },
        70..75 => Action::SetMarketMakerProtection {
            market: PERP,
            terms: random.chance(90).then(|| ProtectionTerms {
                window_ms: 100 + random.below(3_000),
                frozen_ms: random.below(3) * 1_000,
                size_limit: Size::new(1 + random.below(20)),
                delta_limit: random.chance(50).then(|| Size::new(1 + random.below(10))),
            }),
        },
        75..78 => Action::ResetMarketMakerProtection { market: PERP },
        _ => Action::MassQuote { quotes: vec![quote(random, state)] },
    }
}
