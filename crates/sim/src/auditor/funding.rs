//! Prices and funding: what the index and the marks are now, how the funding index moves, and who pays what of it.
//!
//! How long an hour was measured no event tells, so of the rate only its bound is checked: between nothing and what the whole
//! hour would cost at the premium that is announced.

use super::{Asset, Auditor, Market, Objection, ensure, ledger::clearing, numbers::ceil, who};
use palisade_types::event::Event;
use std::collections::BTreeMap;

/// How old an index may be.
pub(super) const FRESH_MS: u64 = 10_000;
/// One, in units of a funding rate.
const RATE_ONE: i128 = 1_000_000_000_000;
const HOUR_MS: u64 = 3_600_000;
/// 0.01 % and 0.05 %, in units of a funding rate.
const INTEREST: i128 = RATE_ONE / 10_000;
const CLAMP: i128 = RATE_ONE / 2_000;
/// How far a mark may be from the index, in parts per million.
const MARK_BAND: i128 = 30_000;

#[derive(Clone, Copy, Debug, Default)]
struct Funding {
    index: i128,
    carry: i128,
    /// The full hour that was paid for last.
    hour_ms: u64,
}

/// An index, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub price: i128,
    /// When the seats took it.
    pub taken_ms: u64,
    /// Block time of the block that set it.
    pub set_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Prices {
    /// Every index that ever was, oldest first.
    indices: BTreeMap<Asset, Vec<Index>>,
    marks: BTreeMap<Market, i128>,
    fundings: BTreeMap<Market, Funding>,
}

impl Auditor {
    pub(super) fn index_of(&self, asset: Asset) -> Option<Index> {
        self.prices.indices.get(&asset).and_then(|all| all.last()).copied()
    }

    pub(super) fn indices_of(&self, asset: Asset) -> &[Index] {
        self.prices.indices.get(&asset).map_or(&[], Vec::as_slice)
    }

    /// The highest index that there ever was; nothing without any.
    pub(super) fn highest_index(&self, asset: Asset) -> i128 {
        self.indices_of(asset).iter().map(|index| index.price).max().unwrap_or(0)
    }

    /// The index, if it may be acted on.
    pub(super) fn fresh_index(&self, asset: Asset) -> Option<Index> {
        self.index_of(asset).filter(|index| self.now_ms.saturating_sub(index.taken_ms) <= FRESH_MS)
    }

    pub(super) fn mark_of(&self, market: Market) -> Option<i128> {
        self.prices.marks.get(&market).copied()
    }

    pub(super) fn funding_index(&self, market: Market) -> i128 {
        self.prices.fundings.get(&market).map_or(0, |funding| funding.index)
    }

    pub(super) fn priced(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::IndexUpdated { asset, price, time_ms, .. } => {
                self.check_index(asset.get(), price.get())?;
                let index = Index { price: price.get().into(), taken_ms: time_ms.get(), set_ms: self.now_ms };
                self.prices.indices.entry(asset.get()).or_default().push(index);
                Ok(())
            }
            Event::MarkUpdated { market, mark } => self.marked(market.get(), mark.get().into()),
            Event::FundingRateSet { market, rate, premium, index, index_price, time_ms } => self.funding_step(&Step {
                market: market.get(),
                rate: rate.get().into(),
                premium: premium.get().into(),
                index: index.get().into(),
                index_price: index_price.get().into(),
                hour_ms: time_ms.get(),
            }),
            Event::FundingPaid { account, market, amount_usd, position, from_index, index } => {
                let (payer, place) = (who(*account), market.get());
                let held = self.positions.get(&(payer, place)).copied();
                let held = held.ok_or_else(|| format!("{account} pays funding for no position in {market}"))?;
                let told = (i128::from(position.get()), i128::from(from_index.get()), i128::from(index.get()));
                let own = (held.lots, held.index, self.funding_index(place));
                ensure(told == own, || {
                    format!("{account} pays funding for {told:?} in {market}, the position is {own:?}")
                })?;
                let due = held.lots * (self.funding_index(place) - held.index);
                ensure(amount_usd.get() == due && due != 0, || {
                    format!("{account} pays {amount_usd} funding in {market}, due are {due}")
                })?;
                let universe = self.market(place)?.universe;
                let pot = (universe, self.quote_of(universe)?);
                self.ledger.pay(self.pot_of(payer, place), clearing(place), pot, due);
                if let Some(held) = self.positions.get_mut(&(payer, place)) {
                    held.index = own.2;
                }
                Ok(())
            }
            Event::LossSettled { market, account, amount_usd } => {
                self.loss_settled(market.get(), who(*account), amount_usd.get())
            }
            Event::SurfaceUpdated { .. } => self.surface_updated(event),
            Event::OptionsFixed { .. } => self.options_fixed(event),
            _ => Ok(()),
        }
    }

    /// A loser pays in without closing, as far as clearing is short: what the position cost falls by as much, so what there is
    /// stays the same.
    fn loss_settled(&mut self, market: Market, account: [u8; 20], amount: i128) -> Result<(), Objection> {
        let universe = self.market(market)?.universe;
        let pot = (universe, self.quote_of(universe)?);
        let short = -self.ledger.balance(clearing(market), pot.0, pot.1);
        ensure(amount > 0 && amount <= short, || format!("{amount} are paid into market {market}, short of {short}"))?;
        let index = self.funding_index(market);
        let held = self.positions.get_mut(&(account, market)).ok_or("a loss is settled of no position")?;
        ensure(held.lots * (index - held.index) == 0, || "a loss is settled before funding".to_owned())?;
        held.index = index;
        held.cost -= amount;
        let held = *held;
        let left = self.unrealised(market, &held).ok_or("a loss is settled without a mark")?;
        ensure(left <= 0, || format!("{amount} were paid in, which makes a profit of {left}"))?;
        let payer = self.pot_of(account, market);
        self.ledger.pay(payer, clearing(market), pot, amount);
        let cash = self.ledger.balance(payer, pot.0, pot.1) - self.locked(payer, pot.0, pot.1);
        ensure(cash >= 0 || !self.is_divided(account), || format!("a loss was paid in beyond the cash: {cash}"))?;
        self.note("auditor: a loss paid in before closing");
        Ok(())
    }

    /// A mark is near its index; that of a future converges to what it will be settled at, and is checked there.
    fn marked(&mut self, market: Market, mark: i128) -> Result<(), Objection> {
        let terms = self.market(market)?;
        ensure(terms.contract.is_none(), || format!("option {market} has a mark of its own"))?;
        if let (None, Some(asset)) = (terms.expires_at_ms, terms.underlying) {
            let index = self.index_of(asset).ok_or_else(|| format!("market {market} is marked without an index"))?;
            let band = ceil(index.price * MARK_BAND, super::numbers::MILLION);
            ensure((mark - index.price).abs() <= band, || {
                format!("market {market} is marked at {mark}, the index is {}", index.price)
            })?;
        }
        self.prices.marks.insert(market, mark);
        Ok(())
    }

    fn funding_step(&mut self, step: &Step) -> Result<(), Objection> {
        let Step { market, rate, premium, index, index_price, hour_ms } = *step;
        let terms = self.market(market)?.clone();
        let before = self.prices.fundings.get(&market).copied().unwrap_or_default();
        ensure(hour_ms % HOUR_MS == 0 && hour_ms <= self.now_ms && hour_ms > before.hour_ms, || {
            format!("funding of market {market} for the hour that ended at {hour_ms}, after {}", before.hour_ms)
        })?;
        let asset = terms.underlying.ok_or_else(|| format!("market {market} has no funding"))?;
        ensure(terms.expires_at_ms.is_none(), || format!("market {market} is a future and has no funding"))?;
        let last = self.index_of(asset).map_or(0, |index| index.price);
        ensure(index_price == last, || format!("funding of market {market} at {index_price}, the index is {last}"))?;
        let of_hour = (premium + (INTEREST - premium).clamp(-CLAMP, CLAMP)) / 8;
        let cap = (RATE_ONE / 25).min(RATE_ONE * 6 / (16 * terms.maximum_leverage));
        let hourly = of_hour.clamp(-cap, cap);
        let bound = if self.fresh_index(asset).is_some() { hourly } else { 0 };
        ensure(rate >= bound.min(0) && rate <= bound.max(0), || {
            format!("a funding rate of {rate} in market {market}, the hour costs {bound}")
        })?;
        let whole = rate * index_price + before.carry;
        let divisor = RATE_ONE * terms.scale;
        let moved = before.index + whole / divisor;
        ensure(moved == index, || format!("the funding index of market {market} is {index}, due is {moved}"))?;
        self.prices.fundings.insert(market, Funding { index: moved, carry: whole % divisor, hour_ms });
        if rate != 0 {
            self.note("auditor: an hour that costs something");
        }
        Ok(())
    }
}

struct Step {
    market: Market,
    rate: i128,
    premium: i128,
    index: i128,
    index_price: i128,
    hour_ms: u64,
}
