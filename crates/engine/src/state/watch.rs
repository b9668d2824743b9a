//! Which margin units must be looked at again, without looking at all of them: conservative boxes.
//!
//! A unit that was margined is put into a **box**: per price that can hurt it, and per funding index that it pays by, the worst
//! value at which, all of them at their worst together, it is still certain to be at its level. While every one is inside,
//! nothing need be computed. One that leaves the box, or any change of the account's balances, positions or settings, makes the
//! unit a candidate.
//!
//! A price that moves takes thousands of units out of their boxes at once, so a unit has a **number**, and whatever is kept of it
//! lies in a list by number. Beside its box that is what margin needs of its records ([`Watched`]): as long as its account was
//! not touched, a candidate is margined from there, without a search by address in any table.
//!
//! Rules:
//! - No part of the state: two states with equal records are equal whatever is watched, and nodes with different
//!   boxes find the same units, because a box is only ever a reason *not* to look, and what is kept equals the records.
//! - Numbers depend on history. So nothing that a block does may depend on their order.
//! - Off until the first block that margins anyone, so that readers pay nothing; switched on, everyone is a candidate.

use super::records::MarginUnit;
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId},
    numbers::Usd,
};
use std::collections::{BTreeMap, BTreeSet};

/// The list of touched accounts has room for at least so many more after it was tidied up.
const TOUCHED_MIN: usize = 256;

/// A value that margin depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PriceKey {
    /// The mark of a market: hurts longs when it falls.
    MarkFalls(MarketId),
    /// The mark of a market: hurts shorts when it rises.
    MarkRises(MarketId),
    /// The forward of an option's expiry: hurts shorts of it when it rises, whose requirements are parts of it.
    ForwardRises(MarketId),
    /// The index of an asset that backs positions.
    IndexFalls(AssetId),
    /// The funding index of a market: longs pay when it rises.
    FundingRises(MarketId),
    /// The funding index of a market: shorts pay when it falls.
    FundingFalls(MarketId),
}

impl PriceKey {
    /// What a position that this mark hurts pays funding by; futures and options have none.
    pub(crate) const fn funding(self) -> Option<Self> {
        match self {
            Self::MarkFalls(market) if has_funding(market) => Some(Self::FundingRises(market)),
            Self::MarkRises(market) if has_funding(market) => Some(Self::FundingFalls(market)),
            _ => None,
        }
    }

    /// Whether it is a rise that hurts, of a price.
    pub(crate) const fn rises(self) -> bool {
        matches!(self, Self::MarkRises(_) | Self::ForwardRises(_))
    }

    /// Whether a value has left a box that ends at `bound`.
    pub(crate) const fn is_outside(self, value: i64, bound: i64) -> bool {
        match self {
            Self::MarkFalls(_) | Self::IndexFalls(_) | Self::FundingFalls(_) => value < bound,
            Self::MarkRises(_) | Self::ForwardRises(_) | Self::FundingRises(_) => value > bound,
        }
    }
}

const fn has_funding(market: MarketId) -> bool {
    !market.is_future() && !market.is_option()
}

/// Where a box ends on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The worst price, in 1e-8 USD, at which the unit need not be looked at.
    pub price: i64,
    /// The worst funding index.
    pub funding: i64,
}

/// Something that a price makes a unit gain or lose by: a position or an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// The price that can hurt.
    pub key: PriceKey,
    /// Lots held, long positive; none of an asset.
    pub lots: i64,
    /// Where the box ends, if there is one.
    pub bounds: Bounds,
}

/// What margin needs of a unit's records, and its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    pub unit: MarginUnit,
    /// Free collateral less what the positions cost, as if each had entered at a funding index of zero.
    pub base_usd: Usd,
    /// Positions by market, then assets other than the quote.
    pub edges: Vec<Edge>,
    /// Whether the collateral is owed, not owned.
    pub is_in_debt: bool,
    /// Whether the edges have bounds. A unit that is liquidatable has none: it is looked at in every block.
    pub is_boxed: bool,
}

impl Watched {
    /// Whether it holds any position.
    pub(crate) fn has_positions(&self) -> bool {
        self.edges.iter().any(|edge| edge.lots != 0)
    }

    /// Whether a price can take it to a worse level. A debt that other assets back can grow beyond them without any position.
    pub(crate) fn can_fall(&self) -> bool {
        self.is_in_debt || self.has_positions()
    }

    /// Takes over the box that it had before; whether it can.
    fn carry_box(&mut self, before: &Self) -> bool {
        let is_alike = self.edges.iter().map(|edge| edge.key).eq(before.edges.iter().map(|edge| edge.key));
        if is_alike {
            self.is_boxed = before.is_boxed;
            for (edge, old) in self.edges.iter_mut().zip(&before.edges) {
                edge.bounds = old.bounds;
            }
        }
        is_alike
    }
}

/// The number of a watched unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchNumber(u32);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    is_on: bool,
    /// With repetitions; taken in every block.
    touched: Vec<AccountId>,
    /// By number; `None` where a number is free.
    units: Vec<Option<Watched>>,
    free: Vec<WatchNumber>,
    numbers: BTreeSet<(AccountId, WatchNumber)>,
    bounds: BTreeMap<PriceKey, BTreeSet<(i64, WatchNumber)>>,
    /// Units that no box fits: portfolios.
    always: BTreeSet<WatchNumber>,
}

/// Watches are no part of the state that is compared.
impl PartialEq for Watch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Watch {}

impl Watch {
    /// Whether candidates are collected.
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Begins, with everyone as a candidate.
    pub(super) fn switch_on(&mut self, everyone: impl Iterator<Item = AccountId>) {
        self.is_on = true;
        self.touched.extend(everyone);
    }

    /// The account must be looked at again.
    pub(super) fn touch(&mut self, account: AccountId) {
        if !self.is_on || self.touched.last() == Some(&account) {
            return;
        }
        // Before the list grows, repetitions go; if few do, it doubles, so that this stays rare.
        if self.touched.len() == self.touched.capacity() {
            self.touched.sort_unstable();
            self.touched.dedup();
            self.touched.reserve(self.touched.len().max(TOUCHED_MIN));
        }
        self.touched.push(account);
    }

    /// The accounts that changed since this was last asked, in order.
    pub(super) fn take_touched(&mut self) -> Vec<AccountId> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The prices that anyone's box depends on.
    pub(super) fn keys(&self) -> impl Iterator<Item = PriceKey> {
        self.bounds.keys().copied()
    }

    /// The units that are candidates in every block.
    pub(super) fn always(&self) -> impl Iterator<Item = WatchNumber> {
        self.always.iter().copied()
    }

    /// Adds the units whose box the price has left.
    pub(super) fn outside(&self, key: PriceKey, value: i64, found: &mut Vec<WatchNumber>) {
        let Some(bounds) = self.bounds.get(&key) else { return };
        let is_outside = |(bound, _): &&(i64, WatchNumber)| key.is_outside(value, *bound);
        // The bounds that are left first lie at the end that the price comes from.
        match key {
            PriceKey::MarkFalls(_) | PriceKey::IndexFalls(_) | PriceKey::FundingFalls(_) => {
                found.extend(bounds.iter().rev().take_while(is_outside).map(|(_, number)| *number));
            }
            PriceKey::MarkRises(_) | PriceKey::ForwardRises(_) | PriceKey::FundingRises(_) => {
                found.extend(bounds.iter().take_while(is_outside).map(|(_, number)| *number));
            }
        }
    }

    /// What is kept of units whose accounts were not touched.
    #[cfg(test)]
    pub(super) fn untouched(&self) -> Vec<Watched> {
        let all = self.units.iter().flatten();
        all.filter(|watched| !self.touched.contains(&watched.unit.account)).cloned().collect()
    }

    /// What is kept of a unit.
    pub(super) fn get(&self, number: WatchNumber) -> Option<&Watched> {
        self.units.get(place(number))?.as_ref()
    }

    /// The number of a unit.
    pub(super) fn number_of(&self, unit: &MarginUnit) -> Option<WatchNumber> {
        self.numbers_of(unit.account).find(|number| self.get(*number).is_some_and(|one| one.unit == *unit))
    }

    /// The numbers of an account's units.
    pub(super) fn numbers_of(&self, account: AccountId) -> impl Iterator<Item = WatchNumber> {
        let range = (account, WatchNumber(0))..=(account, WatchNumber(u32::MAX));
        self.numbers.range(range).map(|(_, number)| *number)
    }

    /// Keeps what its records say of a unit now, in the box that it has if that is on the same prices still.
    pub(super) fn keep(&mut self, mut watched: Watched) -> Option<WatchNumber> {
        watched.edges.shrink_to_fit();
        if let Some(number) = self.number_of(&watched.unit) {
            if !self.get(number).is_some_and(|before| watched.carry_box(before)) {
                self.clear_box(number);
            }
            *self.units.get_mut(place(number))? = Some(watched);
            return Some(number);
        }
        let number = self.free.pop().or_else(|| u32::try_from(self.units.len()).ok().map(WatchNumber))?;
        if place(number) == self.units.len() {
            // By an eighth: a list that doubled could be half empty.
            if self.units.len() == self.units.capacity() {
                self.units.reserve_exact((self.units.len() >> 3).saturating_add(1));
            }
            self.units.push(None);
        }
        self.numbers.insert((watched.unit.account, number));
        *self.units.get_mut(place(number))? = Some(watched);
        Some(number)
    }

    /// Forgets a unit.
    pub(super) fn forget(&mut self, number: WatchNumber) {
        self.clear_box(number);
        if let Some(watched) = self.units.get_mut(place(number)).and_then(Option::take) {
            self.numbers.remove(&(watched.unit.account, number));
            self.free.push(number);
        }
    }

    /// Puts a unit into a box: bounds in order of its edges.
    pub(super) fn set_box(&mut self, number: WatchNumber, bounds: &[Bounds]) {
        let Some(watched) = self.units.get_mut(place(number)).and_then(Option::as_mut) else { return };
        let was_boxed = std::mem::replace(&mut watched.is_boxed, true);
        self.always.remove(&number);
        for (edge, next) in watched.edges.iter_mut().zip(bounds) {
            let before = std::mem::replace(&mut edge.bounds, *next);
            let before = was_boxed.then_some(before);
            replace_bound(&mut self.bounds, edge.key, number, before.map(|bounds| bounds.price), Some(next.price));
            if let Some(key) = edge.key.funding() {
                replace_bound(&mut self.bounds, key, number, before.map(|bounds| bounds.funding), Some(next.funding));
            }
        }
    }

    /// Makes a unit a candidate in every block, by what is kept of it.
    pub(super) fn look_always(&mut self, number: WatchNumber) {
        self.clear_box(number);
        self.always.insert(number);
    }

    /// Takes a unit out of its box, or from those that are looked at always.
    pub(super) fn clear_box(&mut self, number: WatchNumber) {
        self.always.remove(&number);
        let Some(watched) = self.units.get_mut(place(number)).and_then(Option::as_mut) else { return };
        if !std::mem::take(&mut watched.is_boxed) {
            return;
        }
        for edge in &watched.edges {
            replace_bound(&mut self.bounds, edge.key, number, Some(edge.bounds.price), None);
            if let Some(key) = edge.key.funding() {
                replace_bound(&mut self.bounds, key, number, Some(edge.bounds.funding), None);
            }
        }
    }
}

fn place(number: WatchNumber) -> usize {
    usize::try_from(number.0).unwrap_or(usize::MAX)
}

fn replace_bound(
    all: &mut BTreeMap<PriceKey, BTreeSet<(i64, WatchNumber)>>,
    key: PriceKey,
    number: WatchNumber,
    before: Option<i64>,
    after: Option<i64>,
) {
    if before == after {
        return;
    }
    let sorted = all.entry(key).or_default();
    if let Some(bound) = before {
        sorted.remove(&(bound, number));
    }
    if let Some(bound) = after {
        sorted.insert((bound, number));
    }
    if sorted.is_empty() {
        all.remove(&key);
    }
}
