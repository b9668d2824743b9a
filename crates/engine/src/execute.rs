//! A block, executed in the engine's order of work, which no proposer can choose:
//!
//! 1. the block is checked against its parent; nonces and budgets of its actions are charged;
//! 2. genesis (block 1), migration, oracle bundle → index → marks;
//! 3. timers in (time, id) order;
//! 4. funding; expiries: futures and options that are over are settled, the next are listed; then margin calls, liquidations and the
//!    allocation of losses, see [`crate::liquidation`]; then debts of synthetics that lack collateral; then losses that are paid in
//!    early; then withdrawals that wait for vaults' cash, which a loss that was just found keeps back; then triggers that the mark
//!    has reached;
//! 5. user actions, in classes, see [`order`];
//! 6. the audit.
//!
//! All checks come before the first change, so an invalid block leaves no trace.

mod audit;
mod expiry;
mod first_block;
mod funding;
mod listing;
mod loss_settlement;
mod migrate;
mod option_listing;
mod order;
mod prices;
mod surfaces;
mod timers;
mod triggers;
mod user_actions;

pub use audit::FULL_AUDIT_INTERVAL_BLOCKS;
pub(crate) use audit::halt_universe;
pub use timers::next_due;

use crate::{
    admission::{Admission, Charges},
    follow, liquidation,
    oracle::{BundleContext, BundleError, bundle_median_time, verify_bundle},
    rules::Rules,
    state::{State, Undo, Write},
    synthetics, vaults,
    work::Work,
};
use palisade_types::{
    event::Event,
    genesis::{EPOCH, Genesis},
    hash::BlockDigest,
    ids::Height,
    limits::{BLOCK_ACTIONS_MAX, BLOCK_TIME_STEP_MAX_MS, BLOCK_TIME_STEP_MIN_MS, BLOCK_WEIGHT_MAX},
    oracle::OracleBundle,
    receipt::Receipt,
    rejection::Inadmissible,
    signing::VerifiedAction,
    time::TimeMs,
};
use std::sync::Arc;

/// The rules of the first block.
const FIRST_PROTOCOL_VERSION: u32 = 1;

/// What is executed.
#[derive(Clone, Copy, Debug)]
pub struct BlockInput<'a> {
    /// The parent's height + 1.
    pub height: Height,
    /// Block time.
    pub time_ms: TimeMs,
    /// The parent's digest; seeds the order of accounts.
    pub parent: BlockDigest,
    /// Prices, if the block has any.
    pub oracle_bundle: Option<&'a OracleBundle>,
    /// Actions in the block's order.
    pub actions: &'a [Arc<VerifiedAction>],
}

/// What a block did.
#[derive(Debug)]
pub struct BlockOutcome {
    /// One per action, in order of execution.
    pub receipts: Vec<Receipt>,
    /// What changed, in order of the work.
    pub events: Vec<Event>,
    /// Net changes of the database, by ascending key.
    pub writes: Vec<Write>,
    /// Turns the block back.
    pub undo: Undo,
}

/// Why a block cannot be executed on this parent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// Not the next block.
    #[error("block {found} does not follow: expected height {expected}")]
    WrongHeight { expected: Height, found: Height },
    /// Other rules than the state asks for.
    #[error("protocol version {found}, the state asks for {expected}")]
    WrongVersion { expected: u32, found: u32 },
    /// Block time outside its bounds.
    #[error("block time {found} is not between {earliest} and {latest}")]
    WrongTime { found: TimeMs, earliest: TimeMs, latest: TimeMs },
    /// More actions than a block may have.
    #[error("{found} actions, the limit is {limit}")]
    TooManyActions { found: usize, limit: usize },
    /// More work than a block may have.
    #[error("weight {found}, the limit is {limit}")]
    TooHeavy { found: u64, limit: u64 },
    /// A bundle that breaks a rule.
    #[error("oracle bundle: {0}")]
    Bundle(#[from] BundleError),
    /// An action that may not be here.
    #[error("action {index}: {reason}")]
    Inadmissible {
        /// Its place in the block.
        index: usize,
        /// Why.
        reason: Inadmissible,
    },
}

/// The parent's time: before block 1, the genesis time.
pub(crate) fn parent_time(state: &State, genesis: &Genesis) -> TimeMs {
    if state.height() == Height::new(0) { genesis.time_ms } else { state.time_ms() }
}

/// The rules that the next block must be executed under.
pub(crate) fn next_protocol_version(state: &State) -> u32 {
    let chain = state.chain();
    match chain.scheduled_upgrade {
        Some(upgrade) if chain.height.next() >= upgrade.height => upgrade.version,
        _ => chain.protocol_version.max(FIRST_PROTOCOL_VERSION),
    }
}

/// Executes a block on the state of its parent.
pub(crate) fn execute(
    state: &mut State,
    genesis: &Genesis,
    rules: &Rules,
    block: &BlockInput<'_>,
) -> Result<BlockOutcome, InvalidBlock> {
    let charges = check(state, genesis, rules, block)?;
    // After this point the block succeeds.
    let mut work = Work::new(state, genesis, block.time_ms);
    let start = work.checkpoint();
    work.update_chain(|chain| {
        chain.height = block.height;
        chain.time_ms = block.time_ms;
        chain.protocol_version = rules.version();
    });
    if block.height == Height::new(1) {
        first_block::run(&mut work);
    }
    charges.apply(work.state, block.time_ms);
    migrate::run(&mut work, rules, block.height);
    prices::run(&mut work, block.oracle_bundle);
    timers::run(&mut work);
    funding::run(&mut work);
    expiry::run(&mut work);
    listing::run(&mut work);
    option_listing::run(&mut work);
    liquidation::run(&mut work);
    synthetics::liquidation::run(&mut work);
    loss_settlement::run(&mut work);
    vaults::pay_queues(&mut work);
    follow::run(&mut work);
    triggers::run(&mut work);
    let receipts = user_actions::run(&mut work, block);
    audit::run(&mut work, start, block.height);
    work.keep_numbers();
    let events = std::mem::take(&mut work.events);
    let (writes, undo) = work.state.finish_block();
    Ok(BlockOutcome { receipts, events, writes, undo })
}

/// Every rule that makes a block invalid.
fn check(state: &State, genesis: &Genesis, rules: &Rules, block: &BlockInput<'_>) -> Result<Charges, InvalidBlock> {
    let expected = state.height().next();
    if block.height != expected {
        return Err(InvalidBlock::WrongHeight { expected, found: block.height });
    }
    let expected = next_protocol_version(state);
    if rules.version() != expected {
        return Err(InvalidBlock::WrongVersion { expected, found: rules.version() });
    }
    check_size(block)?;
    check_time(state, genesis, block)?;
    if let Some(bundle) = block.oracle_bundle {
        let context = BundleContext {
            chain_id: genesis.chain_id,
            epoch: EPOCH,
            block_time_ms: block.time_ms,
            last_round: state.chain().oracle_round,
            seats: &genesis.seats,
            assets: &genesis.assets,
        };
        verify_bundle(bundle, &context)?;
    }
    let mut admission = Admission::new(state, genesis, block.time_ms);
    for (index, action) in block.actions.iter().enumerate() {
        admission.admit(action).map_err(|reason| InvalidBlock::Inadmissible { index, reason })?;
    }
    Ok(admission.into_charges())
}

fn check_size(block: &BlockInput<'_>) -> Result<(), InvalidBlock> {
    if block.actions.len() > BLOCK_ACTIONS_MAX {
        return Err(InvalidBlock::TooManyActions { found: block.actions.len(), limit: BLOCK_ACTIONS_MAX });
    }
    let weight = block.actions.iter().fold(0u64, |sum, action| sum.saturating_add(action.request().weight()));
    if weight > BLOCK_WEIGHT_MAX {
        return Err(InvalidBlock::TooHeavy { found: weight, limit: BLOCK_WEIGHT_MAX });
    }
    Ok(())
}

fn check_time(state: &State, genesis: &Genesis, block: &BlockInput<'_>) -> Result<(), InvalidBlock> {
    let parent = parent_time(state, genesis);
    let earliest = parent.saturating_add(BLOCK_TIME_STEP_MIN_MS);
    let anchor = block.oracle_bundle.and_then(bundle_median_time).map_or(parent, |median| median.max(parent));
    let latest = anchor.saturating_add(BLOCK_TIME_STEP_MAX_MS);
    if block.time_ms < earliest || block.time_ms > latest {
        return Err(InvalidBlock::WrongTime { found: block.time_ms, earliest, latest });
    }
    Ok(())
}

/// What a full audit finds.
#[cfg(test)]
pub(crate) fn audit_for_tests(state: &State) -> Option<String> {
    audit::check_all(state).map(|violation| violation.invariant)
}

#[cfg(test)]
#[path = "execute_tests.rs"]
mod tests;
