//! Whose turn it is among the units below maintenance (`docs/rules/liquidation.md`, "Whose turn it is").
//!
//! Anyone may open a universe and fill it with units for which nothing can be done, so none of them may stand in the way of others:
//!
//! - Universes take turns, a unit each; inside a universe the worst comes first. No universe is first in every block.
//! - A step that changes nothing does not count as one of the block's. There is a bound on these too, of which each universe has
//!   its share; the second half of the share begins at another place of the rest of its line in every block, so that hopeless
//!   units do not hide those behind them for ever either.
//! - Deleveragings are shared out among the universes in which somebody owes.

use super::{
    DELEVERAGES_PER_BLOCK_MAX, IDLE_STEPS_PER_BLOCK_MAX, LIQUIDATIONS_PER_BLOCK_MAX,
    watch::{Standing, is_priced},
};
use crate::{
    state::{MarginUnit, State},
    work::Work,
};
use palisade_types::{ids::UniverseId, numbers::Usd};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Steps that may change nothing which every universe has in a block, however many there are.
const IDLE_STEPS_OF_UNIVERSE_MIN: usize = 2;

/// A universe's line.
struct Line {
    /// Who is left in it, the worst first.
    units: VecDeque<MarginUnit>,
    /// Steps that may still change nothing.
    idle: usize,
    /// Deleveragings left.
    deleverages: usize,
}

/// See the module.
pub(super) struct Turns {
    /// Next is the first; the last is the one whose turn it is.
    lines: VecDeque<Line>,
    /// Steps that changed something.
    served: usize,
    /// Deleveragings left over all universes.
    deleverages: usize,
    /// Idle steps that a universe has left when it goes on elsewhere in its line.
    idle_elsewhere: usize,
    height: usize,
}

impl Turns {
    /// The turns of a block: those below maintenance, with what they have.
    pub(super) fn of(state: &State, below: &[(MarginUnit, Standing)]) -> Self {
        let mut waiting: BTreeMap<UniverseId, Vec<(i128, MarginUnit)>> = BTreeMap::new();
        let mut owing: BTreeSet<UniverseId> = BTreeSet::new();
        for (unit, standing) in below {
            waiting.entry(unit.universe).or_default().push((standing.ratio(), *unit));
            if standing.equity_usd <= Usd::ZERO {
                owing.insert(unit.universe);
            }
        }
        let share = |most: usize, among: usize| most.checked_div(among).unwrap_or(most);
        let idle = share(IDLE_STEPS_PER_BLOCK_MAX, waiting.len()).max(IDLE_STEPS_OF_UNIVERSE_MIN);
        let deleverages = share(DELEVERAGES_PER_BLOCK_MAX, owing.len()).max(1);
        let height = usize::try_from(state.height().get()).unwrap_or(0);
        let since_first = waiting.split_off(&first_universe(state, height));
        let lines = since_first.into_values().chain(waiting.into_values()).map(|mut units| {
            units.sort_unstable();
            Line { units: units.into_iter().map(|(_, unit)| unit).collect(), idle, deleverages }
        });
        Self {
            lines: lines.collect(),
            served: 0,
            deleverages: DELEVERAGES_PER_BLOCK_MAX,
            idle_elsewhere: idle >> 1,
            height,
        }
    }

    /// Whose turn is next; nobody's once the block has done what it may.
    pub(super) fn take(&mut self, work: &Work<'_>) -> Option<MarginUnit> {
        while self.served < LIQUIDATIONS_PER_BLOCK_MAX {
            let mut line = self.lines.pop_front()?;
            // A universe in which nobody is left that can be worked on has no more turns.
            if let Some(unit) = std::iter::from_fn(|| line.units.pop_front()).find(|unit| is_priced(work, unit)) {
                self.lines.push_back(line);
                return Some(unit);
            }
        }
        None
    }

    /// How many times whoever's turn it is may be closed against winners.
    pub(super) fn deleverages(&self) -> usize {
        self.lines.back().map_or(0, |line| line.deleverages.min(self.deleverages))
    }

    /// The turn is over; whether it changed anything, and how many times it looked for winners.
    pub(super) fn end(&mut self, has_changed: bool, deleveraged: usize) {
        self.deleverages = self.deleverages.saturating_sub(deleveraged);
        let Some(line) = self.lines.back_mut() else { return };
        line.deleverages = line.deleverages.saturating_sub(deleveraged);
        if has_changed {
            self.served = self.served.saturating_add(1);
            return;
        }
        line.idle = line.idle.saturating_sub(1);
        if line.idle == self.idle_elsewhere {
            let place = self.height.saturating_mul(self.idle_elsewhere);
            line.units.rotate_left(place.checked_rem(line.units.len()).unwrap_or(0));
        }
        if line.idle == 0 {
            self.lines.pop_back();
        }
    }
}

/// The universe that is first in a block, among all that there are: among those in line it would be up to whoever joins it or leaves.
fn first_universe(state: &State, height: usize) -> UniverseId {
    let place = height.checked_rem(state.universes().count());
    place.and_then(|place| state.universes().nth(place)).map_or(UniverseId::new(0), |record| record.spec.id)
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
