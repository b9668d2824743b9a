//! Which margin units must be looked at again, without looking at all of them: conservative boxes.
//!
//! A unit that was margined is put into a **box**: per price that can hurt it, the worst value at which, all prices at
//! their worst together, it is still certain to be at its level. While every price is inside, nothing need be computed.
//! A price that leaves a box, or any change of the account's balances, positions or settings, makes the unit a candidate.
//!
//! Rules:
//! - No part of the state: two states with equal records are equal whatever is watched, and nodes with different
//!   boxes find the same units, because a box is only ever a reason *not* to look.
//! - Off until the first block that margins anyone, so that readers pay nothing; switched on, everyone is a candidate.

use super::records::MarginUnit;
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId},
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// A price that margin depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PriceKey {
    /// The mark of a market: hurts longs when it falls.
    MarkFalls(MarketId),
    /// The mark of a market: hurts shorts when it rises.
    MarkRises(MarketId),
    /// The index of an asset that backs positions.
    IndexFalls(AssetId),
}

/// One side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Of which price.
    pub key: PriceKey,
    /// The worst price, in 1e-8 USD, at which the unit need not be looked at.
    pub price: i64,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    is_on: bool,
    touched: BTreeSet<AccountId>,
    boxes: BTreeMap<MarginUnit, Vec<Bound>>,
    bounds: BTreeMap<PriceKey, BTreeSet<(i64, MarginUnit)>>,
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
        if self.is_on {
            self.touched.insert(account);
        }
    }

    /// The accounts that changed since this was last asked.
    pub(super) fn take_touched(&mut self) -> BTreeSet<AccountId> {
        std::mem::take(&mut self.touched)
    }

    /// The prices that anyone's box depends on.
    pub(super) fn keys(&self) -> impl Iterator<Item = PriceKey> {
        self.bounds.keys().copied()
    }

    /// The units whose box the price has left.
    pub(super) fn outside(&self, key: PriceKey, price: i64) -> Vec<MarginUnit> {
        let Some(bounds) = self.bounds.get(&key) else { return Vec::new() };
        match key {
            // Bounds above the price were undercut.
            PriceKey::MarkFalls(_) | PriceKey::IndexFalls(_) => {
                bounds.iter().rev().take_while(|(bound, _)| *bound > price).map(|(_, unit)| *unit).collect()
            }
            PriceKey::MarkRises(_) => {
                bounds.iter().take_while(|(bound, _)| *bound < price).map(|(_, unit)| *unit).collect()
            }
        }
    }

    /// The unit's box.
    pub(super) fn box_of(&self, unit: &MarginUnit) -> Option<&[Bound]> {
        self.boxes.get(unit).map(Vec::as_slice)
    }

    /// The boxed units of an account.
    pub(super) fn units_of(&self, account: AccountId) -> Vec<MarginUnit> {
        let first = MarginUnit { account, universe: palisade_types::ids::UniverseId::new(0), market: None };
        self.boxes.range(first..).take_while(|(unit, _)| unit.account == account).map(|(unit, _)| *unit).collect()
    }

    /// Puts the unit into a box; an empty one takes it out.
    pub(super) fn set_box(&mut self, unit: MarginUnit, bounds: Vec<Bound>) {
        let old = match self.boxes.entry(unit) {
            Entry::Occupied(place) if bounds.is_empty() => place.remove(),
            Entry::Occupied(mut place) => std::mem::replace(place.get_mut(), bounds.clone()),
            Entry::Vacant(_) if bounds.is_empty() => return,
            Entry::Vacant(place) => {
                place.insert(bounds.clone());
                Vec::new()
            }
        };
        for bound in old {
            if let Some(sorted) = self.bounds.get_mut(&bound.key) {
                sorted.remove(&(bound.price, unit));
                if sorted.is_empty() {
                    self.bounds.remove(&bound.key);
                }
            }
        }
        for bound in bounds {
            self.bounds.entry(bound.key).or_default().insert((bound.price, unit));
        }
    }
}
