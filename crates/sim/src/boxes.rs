//! The engine finds who must be liquidated by boxes of prices, not by looking at everyone. Here everyone is looked at, after every
//! final block: what was found must be the same.
//!
//! Liquidation comes before the actions of a block, so a block with actions is followed by an empty one on a copy of the engine.

use crate::auditor::Unit;
use palisade_engine::{BlockInput, Engine, Rules, State, liquidation};
use palisade_types::{
    event::{Event, MarginLevel},
    hash::BlockDigest,
    time::TimeMs,
};
use std::collections::BTreeSet;

/// How old an index may be for liquidation to act on it.
const FRESH_MS: u64 = 10_000;

/// Compares what the engine has recorded with a look at everyone. `has_actions` says whether the newest block did. What is
/// returned is who is below maintenance right after the newest block, if that is what was looked at.
pub fn check(engine: &Engine, parent: BlockDigest, has_actions: bool) -> Result<Option<BTreeSet<Unit>>, String> {
    if !has_actions {
        return compare(engine.state()).map(Some);
    }
    let mut copy = engine.clone();
    let rules = Rules::at(copy.next_protocol_version()).map_err(|error| error.to_string())?;
    let input = BlockInput {
        height: copy.height().next(),
        time_ms: TimeMs::new(copy.time_ms().get() + 1),
        parent,
        oracle_bundle: None,
        actions: &[],
    };
    let outcome = copy.execute(&rules, &input).map_err(|error| format!("an empty block: {error}"))?;
    let halts = |event: &&Event| matches!(event, Event::UniverseHalted { .. } | Event::ChainHalted { .. });
    if let Some(halt) = outcome.events.iter().find(halts) {
        return Err(format!("an empty block halts: {halt:?}"));
    }
    compare(copy.state()).map(|_| None)
}

fn compare(state: &State) -> Result<BTreeSet<Unit>, String> {
    let unit = |unit: palisade_engine::state::MarginUnit| -> Unit {
        (unit.account.0, unit.universe.get(), unit.market.map(|market| market.get()))
    };
    let scanned: BTreeSet<Unit> = liquidation::scan(state).into_iter().map(unit).collect();
    let calls = state.margin_calls().filter(|(_, level)| *level == MarginLevel::Liquidatable);
    let recorded: BTreeSet<Unit> = calls.map(|(called, _)| unit(called)).collect();
    let missed: Vec<&Unit> = scanned.difference(&recorded).collect();
    if !missed.is_empty() {
        return Err(format!("below maintenance and not found: {missed:?}"));
    }
    // Where prices are old nothing is done, and whoever has recovered meanwhile is told so later.
    let wrong: Vec<&Unit> = recorded.difference(&scanned).filter(|unit| is_priced(state, unit)).collect();
    if wrong.is_empty() { Ok(scanned) } else { Err(format!("found and not below maintenance: {wrong:?}")) }
}

/// Whether every index that the unit's positions depend on is fresh.
fn is_priced(state: &State, unit: &Unit) -> bool {
    let of_unit = state.positions().filter(|(id, _)| {
        let isolated = state.standing(id.account, id.market).is_isolated().then_some(id.market.get());
        let universe = state.market(id.market).map(|market| market.universe.get());
        (id.account.0, universe, isolated) == (unit.0, Some(unit.1), unit.2)
    });
    let mut indices = of_unit.map(|(id, _)| {
        let underlying = state.market(id.market).and_then(|market| market.derivative()).map(|terms| terms.underlying);
        underlying.and_then(|asset| state.index(asset))
    });
    indices.all(|index| index.is_some_and(|index| state.time_ms().since(index.time_ms) <= FRESH_MS))
}
