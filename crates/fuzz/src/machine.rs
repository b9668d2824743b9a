//! The engine as a state machine: a fuzzer's bytes choose blocks, reverts and forks.
//!
//! After every step, with code of its own over the engine's public tables:
//! - what the engine's clearing tests check of a block ([`crate::clearing`]): I1 to I5 and I8, caps, fences, gates, funding, and
//!   that the units recorded as liquidatable are those that a look at everyone finds, once the step that looks has run.
//! - No universe and no chain is halted, no book is crossed, nobody holds less than what is locked of a spot asset.
//! - A state rebuilt from its records, and a reader that saw only write sets, equal the state (I7).
//! - A revert gives back the very state before; the same block again gives the same writes; an invalid block leaves
//!   no trace.

mod actions;
mod capital;
mod opening;
mod special;
mod venue;

use crate::clearing::{
    books::Books,
    checks::{self, Asked, Numbers},
};
use arbitrary::{Result, Unstructured};
use palisade_engine::{
    Engine, Rules, State, Undo, Write,
    execute::{BlockInput, BlockOutcome},
    state::Record,
};
use palisade_types::{
    envelope::Payload,
    event::{Event, LiquidationMethod},
    hash::{BlockDigest, sha256},
    ids::Height,
    oracle::OracleBundle,
    order::Side,
    signing::VerifiedAction,
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};
use venue::{COLLATERAL, Prices, START, bundle};

/// Steps of one input: enough for books, positions, gaps and forks.
const STEPS_MAX: usize = 60;
/// Deepest turn back.
const REVERTS_MAX: usize = 6;
/// How long the venue may be away, at most: several hours of funding.
const OUTAGE_MAX_MS: u64 = 10_000_000;

/// A block that can be executed again.
struct Block {
    height: Height,
    time_ms: TimeMs,
    parent: BlockDigest,
    bundle: Option<OracleBundle>,
    actions: Vec<Arc<VerifiedAction>>,
}

impl Block {
    fn input(&self) -> BlockInput<'_> {
        BlockInput {
            height: self.height,
            time_ms: self.time_ms,
            parent: self.parent,
            oracle_bundle: self.bundle.as_ref(),
            actions: &self.actions,
        }
    }
}

/// An executed block, with what turns it back and what must then be there.
struct Executed {
    before: State,
    block: Block,
    undo: Undo,
    writes: Vec<Write>,
}

struct Machine {
    engine: Engine,
    /// Advanced by write sets alone.
    reader: State,
    rules: Rules,
    path: Vec<Executed>,
    nonce: u64,
    prices: Prices,
    /// The state as the checks read it.
    books: Books,
    /// What happened, and how often.
    seen: BTreeMap<&'static str, u64>,
}

/// Runs the steps that `bytes` choose.
pub fn run(bytes: &[u8]) {
    let _ = steps(bytes);
}

/// What happened in the steps that `bytes` choose, of what a run should reach.
pub fn seen(bytes: &[u8]) -> BTreeMap<&'static str, u64> {
    steps(bytes).seen
}

fn name_of(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Liquidated(liquidation) => match liquidation.method {
            LiquidationMethod::Book => "liquidation into the book",
            LiquidationMethod::Backstop => "takeover by the vault",
            LiquidationMethod::Deleverage => "closing against winners",
            LiquidationMethod::Hedge => "hedge of a portfolio",
        },
        Event::DeficitPaid { .. } => "deficit paid",
        Event::CollateralSold { .. } => "collateral sold",
        Event::GateChanged { .. } => "gate",
        Event::FundingRateSet { .. } => "funding hour",
        Event::Delivered { .. } => "delivery",
        Event::TriggerFired { .. } => "trigger",
        Event::IsolatedMarginMoved { .. } => "isolated margin",
        Event::MovedBetweenUniverses { .. } => "move between universes",
        Event::MarketListed { .. } => "listing",
        Event::VaultWithdrawn { .. } => "redemption of a vault",
        Event::BackstopDeposited { .. } => "deposit into a tranche",
        _ => return None,
    })
}

/// Every kind of record that a few dozen steps leave.
pub fn sample_records() -> Vec<Record> {
    let machine = steps(&crate::seeds::of("engine")[3]);
    machine.engine.state().records().collect()
}

fn steps(bytes: &[u8]) -> Machine {
    let (_, engine) = &*START;
    let rules = Rules::at(1).expect("version 1 is known");
    let nonce = engine.time_ms().get();
    let mut machine = Machine {
        engine: engine.clone(),
        reader: State::default(),
        rules,
        path: Vec::new(),
        nonce,
        prices: Prices::default(),
        books: Books::default(),
        seen: BTreeMap::new(),
    };
    machine.execute(machine.empty_block());
    machine.execute(machine.priced_block(1_000));
    let mut choices = Unstructured::new(bytes);
    if machine.open(&mut choices).is_err() {
        return machine;
    }
    for _ in 0..STEPS_MAX {
        // Bytes that run out end the run: what was chosen has been checked.
        if choices.is_empty() || machine.step(&mut choices).is_err() {
            break;
        }
    }
    machine
}

impl Machine {
    /// Half of the inputs begin with positions.
    fn open(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if choices.arbitrary()? {
            for actions in opening::blocks(choices, self.engine.state(), &mut self.nonce)? {
                let actions = actions.into_iter().map(Arc::new).collect();
                self.execute(Block { actions, ..self.empty_block() });
            }
        }
        Ok(())
    }

    fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15u8)? {
            0..=13 => {
                let block = self.block(choices)?;
                self.execute(block);
            }
            _ => {
                let depth = choices.int_in_range(1..=REVERTS_MAX)?;
                let is_replayed = choices.arbitrary()?;
                *self.seen.entry(if is_replayed { "replay" } else { "fork" }).or_default() += 1;
                self.turn_back(depth, is_replayed);
            }
        }
        Ok(())
    }

    fn empty_block(&self) -> Block {
        let height = self.engine.height().next();
        let time_ms = self.engine.time_ms().saturating_add(10);
        let parent = BlockDigest(sha256(&[&height.get().to_be_bytes(), &self.nonce.to_be_bytes()]));
        Block { height, time_ms, parent, bundle: None, actions: Vec::new() }
    }

    fn priced_block(&self, after_ms: u64) -> Block {
        let time_ms = self.engine.time_ms().saturating_add(after_ms);
        Block { time_ms, bundle: Some(bundle(time_ms, &self.prices)), ..self.empty_block() }
    }

    fn block(&mut self, choices: &mut Unstructured<'_>) -> Result<Block> {
        if choices.ratio(1, 4)? {
            self.prices.step(choices)?;
            let after_ms = match choices.int_in_range(0..=15u8)? {
                0 => choices.int_in_range(1_000..=OUTAGE_MAX_MS)?,
                1 => choices.int_in_range(1_000..=70_000)?,
                _ => 1_000,
            };
            let mut block = self.priced_block(after_ms);
            if choices.arbitrary()? {
                self.fill(&mut block, choices)?;
            }
            return Ok(block);
        }
        let mut block = self.empty_block();
        if choices.ratio(1, 12)? {
            block.time_ms = block.time_ms.saturating_add(choices.int_in_range(0..=70_000)?);
        }
        self.fill(&mut block, choices)?;
        Ok(block)
    }

    fn fill(&mut self, block: &mut Block, choices: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..choices.int_in_range(1..=4u8)? {
            self.nonce = self.nonce.saturating_add(1).max(block.time_ms.get());
            let action = actions::signed(choices, self.engine.state(), block.time_ms, self.nonce)?;
            block.actions.extend(action.map(Arc::new));
        }
        // A proposer filters; now and then it does not, and the whole block must fall.
        if !choices.ratio(1, 20)? {
            let mut admission = self.engine.admission(block.time_ms);
            block.actions.retain(|action| admission.admit(action).is_ok());
        }
        Ok(())
    }

    fn execute(&mut self, block: Block) {
        let before = self.engine.state().clone();
        match self.engine.execute(&self.rules, &block.input()) {
            Ok(outcome) => {
                self.check(&block, &outcome);
                self.path.push(Executed { before, block, undo: outcome.undo, writes: outcome.writes });
            }
            Err(_) => assert_eq!(*self.engine.state(), before, "an invalid block left a trace"),
        }
    }

    fn check(&mut self, block: &Block, outcome: &BlockOutcome) {
        assert_eq!(outcome.receipts.len(), block.actions.len(), "one receipt per action");
        self.reader.apply_writes(&outcome.writes).expect("own writes decode");
        let state = self.engine.state();
        assert_eq!(self.reader, *state, "a reader of the writes sees another state");
        let values: Vec<Vec<u8>> = state.records().map(|record| record.encode()).collect();
        let cold = State::from_records(values.into_iter().rev()).expect("own records decode");
        assert_eq!(cold, *state, "a cold rebuild is another state");
        assert_eq!(state.chain().halted, None);
        assert!(state.universes().all(|universe| universe.halted.is_none()), "a universe is halted");
        for name in outcome.events.iter().filter_map(name_of) {
            *self.seen.entry(name).or_default() += 1;
        }
        check_holds(state);
        check_books(state);
        let after = Books::of(state);
        // The first block lays the foundations, which no event tells.
        if block.height > Height::new(1) {
            let (mut wrong, _) = checks::after_block(state, &self.books, &after, &asked(block), outcome);
            self.check_sets(block, &after, &mut wrong);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
        self.books = after;
    }

    /// The step that finds units below maintenance runs before actions, so a block with actions is followed by an empty one on a
    /// copy.
    fn check_sets(&self, block: &Block, after: &Books, wrong: &mut checks::Wrong) {
        if block.actions.is_empty() {
            checks::compare_sets(self.engine.state(), after, wrong);
            return;
        }
        let mut copy = self.engine.clone();
        let outcome = copy.execute(&self.rules, &self.empty_block().input()).expect("an empty block is valid");
        checks::halts(&outcome, Numbers::Any, wrong);
        checks::compare_sets(copy.state(), &Books::of(copy.state()), wrong);
    }

    /// Turns blocks back one by one, and either executes them again or goes on from there on another branch.
    fn turn_back(&mut self, depth: usize, is_replayed: bool) {
        let tip = self.engine.state().clone();
        let mut blocks = Vec::new();
        // The genesis block and the first prices stay.
        for _ in 0..depth.min(self.path.len().saturating_sub(2)) {
            let Some(Executed { before, block, undo, writes }) = self.path.pop() else { break };
            self.engine.revert(undo);
            assert_eq!(*self.engine.state(), before, "a revert is not exact");
            blocks.push((block, writes));
        }
        if is_replayed {
            for (block, writes) in blocks.into_iter().rev() {
                let before = self.engine.state().clone();
                let outcome = self.engine.execute(&self.rules, &block.input()).expect("it was valid");
                assert_eq!(outcome.writes, writes, "the same block on the same parent wrote otherwise");
                self.path.push(Executed { before, block, undo: outcome.undo, writes });
            }
            assert_eq!(*self.engine.state(), tip);
        }
        self.reader = self.engine.state().clone();
        self.books = Books::of(self.engine.state());
    }
}

/// Who acts in a block.
fn asked(block: &Block) -> Asked<'_> {
    let envelopes = block.actions.iter().map(|action| action.envelope());
    let single = match &block.actions[..] {
        [action] => match &action.envelope().payload {
            Payload::Native { action } => Some(action),
            Payload::HyperliquidL1 { .. } | Payload::HyperliquidUser { .. } => None,
        },
        _ => None,
    };
    Asked { acting: envelopes.map(|envelope| envelope.account).collect(), single, numbers: Numbers::Any }
}

fn check_holds(state: &State) {
    for (id, amount) in state.balances().filter(|(id, _)| id.asset != COLLATERAL) {
        let held = state.held(id.account, id.universe, id.asset);
        assert!(amount >= held, "{id:?} has {amount}, of which {held} are locked");
    }
}

fn check_books(state: &State) {
    for market in state.markets() {
        let best = |side| state.best_order(market.id, side).map(|record| record.order.price);
        if let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) {
            assert!(bid < ask, "the book of {} is crossed: {bid} {ask}", market.symbol);
        }
    }
}
