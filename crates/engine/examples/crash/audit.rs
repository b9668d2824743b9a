//! What must hold after every block, recomputed from the records with plain sums.

use crate::{market::UNIVERSES, venue::Venue};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, MarketId, UniverseId},
};
use std::collections::BTreeMap;

/// The books when everyone was in.
pub struct Opened {
    pub custody: Vec<i128>,
    pub capital: Vec<(i128, i128)>,
}

pub fn take(venue: &Venue) -> Opened {
    let each =
        |of: &dyn Fn(UniverseId) -> i128| (0..UNIVERSES.len() as u32).map(|id| of(UniverseId::new(id))).collect();
    let held = |universe, account| venue.engine().state().balance(account, universe, AssetId::new(0)).get();
    Opened {
        custody: each(&|universe| venue.engine().state().custody(universe, AssetId::new(0)).get()),
        capital: (0..UNIVERSES.len() as u32)
            .map(UniverseId::new)
            .map(|universe| (held(universe, AccountId::insurance(universe)), backstop(venue, universe)))
            .collect(),
    }
}

/// The vault's cash and purses.
pub fn backstop(venue: &Venue, universe: UniverseId) -> i128 {
    let state = venue.engine().state();
    let vault = AccountId::backstop(universe);
    let purses = state
        .markets()
        .filter(|market| market.universe == universe)
        .map(|market| state.balance(AccountId::isolated(vault, market.id), universe, AssetId::new(0)).get());
    state.balance(vault, universe, AssetId::new(0)).get() + purses.sum::<i128>()
}

/// I1, I2, and that no universe's money became another's.
pub fn check(venue: &Venue, opened: &Opened) {
    let state = venue.engine().state();
    let mut sums: BTreeMap<UniverseId, i128> = BTreeMap::new();
    for (id, amount) in state.balances() {
        *sums.entry(id.universe).or_default() += amount.get();
    }
    for (place, custody) in opened.custody.iter().enumerate() {
        let universe = UniverseId::new(place as u32);
        assert_eq!(sums.get(&universe).copied().unwrap_or(0), *custody, "I1: the money of {}", UNIVERSES[place]);
        assert_eq!(state.custody(universe, AssetId::new(0)).get(), *custody, "losses stay in their universe");
    }
    let mut lots: BTreeMap<MarketId, i128> = BTreeMap::new();
    for (id, record) in state.positions() {
        *lots.entry(id.market).or_default() += i128::from(record.position.get());
    }
    assert!(lots.values().all(|sum| *sum == 0), "I2: {lots:?}");
    assert_eq!(state.chain().halted, None);
    assert!(state.universes().all(|record| record.halted.is_none()), "no invariant of the engine's own broke");
}
