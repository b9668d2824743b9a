//! Market-maker protection: quotes are withdrawn once their owner has traded too much as maker within a window. The rules,
//! and what the two buckets bound, are in `docs/rules/orders.md`.

use crate::{
    orders,
    state::{Freeze, MakerFilled, ProtectionId, ProtectionRecord, QuoteId, Record, RecordKey},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{CancelReason, Event},
    ids::MarketId,
    numbers::Size,
    order::Side,
    quote::ProtectionTerms,
    rejection::Rejection,
    time::TimeMs,
};

impl MakerFilled {
    fn with(self, side: Side, lots: Size) -> Self {
        let more = |size: Size| Size::new(size.get().saturating_add(lots.get()));
        match side {
            Side::Buy => Self { bought: more(self.bought), ..self },
            Side::Sell => Self { sold: more(self.sold), ..self },
        }
    }
}

impl ProtectionRecord {
    /// Nothing counted yet.
    pub(crate) const fn new(terms: ProtectionTerms) -> Self {
        let nothing = MakerFilled { bought: Size::ZERO, sold: Size::ZERO };
        Self { terms, bucket: 0, present: nothing, before: nothing, frozen: None }
    }

    /// Why a quote is refused at `now`, if it is.
    pub(crate) fn check_quotes(&self, market: MarketId, now: TimeMs) -> Result<(), Rejection> {
        match self.frozen {
            Some(Freeze::UntilReset) => Err(Rejection::QuotesFrozen { market, until_ms: None }),
            Some(Freeze::Until { time_ms }) if now < time_ms => {
                Err(Rejection::QuotesFrozen { market, until_ms: Some(time_ms) })
            }
            Some(Freeze::Until { .. }) | None => Ok(()),
        }
    }

    /// With a fill counted.
    fn counted(self, now: TimeMs, side: Side, lots: Size) -> Self {
        let bucket = now.get().checked_div(self.terms.window_ms).unwrap_or(u64::MAX);
        let (present, before) = if bucket == self.bucket {
            (self.present, self.before)
        } else if bucket == self.bucket.saturating_add(1) {
            (MakerFilled::default(), self.present)
        } else {
            (MakerFilled::default(), MakerFilled::default())
        };
        Self { bucket, present: present.with(side, lots), before, ..self }
    }

    /// Whether what was counted is beyond the bounds.
    fn is_exceeded(&self) -> bool {
        let lots = |size: Size| u128::from(size.get());
        let (bought, sold) = (lots(self.present.bought), lots(self.present.sold));
        let all_bought = bought.saturating_add(lots(self.before.bought));
        let all_sold = sold.saturating_add(lots(self.before.sold));
        let delta = all_bought.saturating_sub(sold).max(all_sold.saturating_sub(bought));
        all_bought.saturating_add(all_sold) > lots(self.terms.size_limit)
            || self.terms.delta_limit.is_some_and(|limit| delta > lots(limit))
    }
}

/// Counts a fill of an account's resting order, and withdraws its quotes if that was too much.
pub(crate) fn count(work: &mut Work<'_>, account: AccountId, market: MarketId, side: Side, lots: Size) {
    let Some(record) = work.state.protection(account, market).copied() else { return };
    if record.check_quotes(market, work.time_ms).is_err() {
        return;
    }
    let id = ProtectionId { account, market };
    let record = ProtectionRecord { frozen: None, ..record.counted(work.time_ms, side, lots) };
    if !record.is_exceeded() {
        work.state.put(Record::Protection { id, record });
        return;
    }
    let frozen = match record.terms.frozen_ms {
        0 => Freeze::UntilReset,
        milliseconds => Freeze::Until { time_ms: work.time_ms.saturating_add(milliseconds) },
    };
    let record = ProtectionRecord { frozen: Some(frozen), ..ProtectionRecord::new(record.terms) };
    work.state.put(Record::Protection { id, record });
    for side in [Side::Buy, Side::Sell] {
        withdraw(work, QuoteId { account, market, side }, CancelReason::MarketMakerProtection);
    }
    let until_ms = match frozen {
        Freeze::UntilReset => None,
        Freeze::Until { time_ms } => Some(time_ms),
    };
    work.emit(Event::ProtectionFrozen { account, market, frozen: true, until_ms });
}

/// Cancels a quote, if there is one.
pub(crate) fn withdraw(work: &mut Work<'_>, id: QuoteId, reason: CancelReason) {
    if let Some(order) = work.state.quote(id) {
        work.state.delete(RecordKey::Quote(id));
        orders::cancel(work, order, reason);
    }
}

#[cfg(test)]
#[path = "protection_tests.rs"]
mod tests;
