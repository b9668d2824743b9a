//! Orders that wait: triggers fire at a mark that has reached them, slices of a TWAP come when they are due and add up.

use super::{Auditor, Market, Objection, Who, ensure, who};
use palisade_engine::State;
use palisade_types::{
    event::Event,
    receipt::OrderResult,
    trigger::TriggerOrder,
    twap::{Twap, TwapEnd},
};
use std::collections::{BTreeMap, BTreeSet};

/// Between two slices of a TWAP.
const SLICE_MS: u64 = 30_000;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Working {
    account: Who,
    market: Market,
    lots: u64,
    filled: u64,
    quote: i128,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    triggers: BTreeMap<u64, (Who, Market)>,
    twaps: BTreeMap<u64, Working>,
}

fn named(trigger: &TriggerOrder) -> (Who, Market) {
    (who(trigger.account), trigger.market.get())
}

impl Auditor {
    pub(super) fn waits(&mut self, event: &Event) -> Result<(), Objection> {
        let triggers = &mut self.special.triggers;
        match event {
            Event::TriggerPlaced { trigger } => {
                let before = triggers.insert(trigger.id.get(), named(trigger));
                ensure(before.is_none(), || format!("trigger {} is placed twice", trigger.id))
            }
            Event::TriggerArmed { trigger } => {
                let waits = triggers.get(&trigger.id.get());
                ensure(waits == Some(&named(trigger)), || format!("trigger {} is armed and nowhere", trigger.id))
            }
            Event::TriggerFired { trigger, mark } => {
                let waited = triggers.remove(&trigger.id.get());
                ensure(waited == Some(named(trigger)), || format!("trigger {} fires and waits nowhere", trigger.id))?;
                let reached = trigger.direction().is_crossed(trigger.trigger_price, *mark) && trigger.is_armed();
                ensure(reached, || format!("trigger {} fires at {mark}: {trigger:?}", trigger.id))?;
                let own = self.mark_of(trigger.market.get());
                ensure(own == Some(mark.get().into()), || {
                    format!("trigger {} fires at {mark}, not {own:?}", trigger.id)
                })
            }
            Event::TriggerCanceled { trigger, .. } => {
                let waited = triggers.remove(&trigger.id.get());
                ensure(waited == Some(named(trigger)), || format!("trigger {} is canceled and nowhere", trigger.id))
            }
            Event::TriggerRejected { trigger, .. } => ensure(!triggers.contains_key(&trigger.id.get()), || {
                format!("trigger {} is refused, and waits", trigger.id)
            }),
            Event::TwapStarted { twap } => {
                let before = self.special.twaps.insert(twap.id.get(), working(twap));
                ensure(before.is_none(), || format!("TWAP {} is started twice", twap.id))
            }
            Event::TwapSlice { twap, slice, size, result } => self.slice_of_twap(twap, *slice, size.get(), result),
            Event::TwapEnded { twap, reason } => {
                let own = self.special.twaps.remove(&twap.id.get());
                ensure(own == Some(working(twap)), || format!("TWAP {} ends as {twap:?}, it was {own:?}", twap.id))?;
                let whole = twap.filled == twap.request.size;
                ensure(whole == (*reason == TwapEnd::Filled), || format!("TWAP {} ends {reason:?}", twap.id))
            }
            _ => Ok(()),
        }
    }

    fn slice_of_twap(&mut self, twap: &Twap, slice: u32, lots: u64, result: &OrderResult) -> Result<(), Objection> {
        let due_ms = twap.started_at_ms.get() + u64::from(slice) * SLICE_MS;
        ensure(due_ms <= self.now_ms, || format!("slice {slice} of TWAP {} comes before {due_ms}", twap.id))?;
        let (filled, quote) = match result {
            OrderResult::Accepted { order, filled, filled_quote_usd, .. } => {
                let told = (order.get(), i128::from(filled.get()), filled_quote_usd.get());
                let own = self.incoming.filter(|incoming| incoming.order == order.get());
                let own = own.map_or((order.get(), 0, 0), |incoming| (incoming.order, incoming.lots, incoming.quote));
                ensure(told == own, || format!("a slice says {told:?}, the fills {own:?}"))?;
                (filled.get(), filled_quote_usd.get())
            }
            _ => (0, 0),
        };
        let now = working(twap);
        let before = self.special.twaps.insert(twap.id.get(), now.clone());
        let due =
            before.map(|before| Working { filled: before.filled + filled, quote: before.quote + quote, ..before });
        ensure(due == Some(now.clone()), || format!("TWAP {} is {now:?} after a slice, due is {due:?}", twap.id))?;
        ensure(now.filled <= now.lots && filled <= lots, || format!("a slice of {lots} filled {filled}: {now:?}"))
    }

    pub(super) fn compare_special(&self, state: &State) -> Result<(), Objection> {
        let triggers: BTreeMap<u64, (Who, Market)> =
            state.triggers().map(|record| (record.trigger.id.get(), named(&record.trigger))).collect();
        ensure(triggers == self.special.triggers, || {
            super::compare::difference("waiting triggers", &triggers, &self.special.triggers)
        })?;
        let accounts: BTreeSet<_> = state.accounts().map(|(account, _)| account).collect();
        let twaps: BTreeMap<u64, Working> = accounts
            .into_iter()
            .flat_map(|account| state.twaps_of(account))
            .map(|record| (record.twap.id.get(), working(&record.twap)))
            .collect();
        ensure(twaps == self.special.twaps, || format!("TWAPs are {twaps:?}, the auditor has {:?}", self.special.twaps))
    }
}

fn working(twap: &Twap) -> Working {
    Working {
        account: who(twap.account),
        market: twap.request.market.get(),
        lots: twap.request.size.get(),
        filled: twap.filled.get(),
        quote: twap.filled_quote_usd.get(),
    }
}
