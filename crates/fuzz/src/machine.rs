//! The engine as a state machine: a fuzzer's bytes choose blocks, reverts and forks.
//!
//! After every step, with code of its own over the engine's public tables:
//! - **I1** balances sum to custody per universe and asset; **I2** positions sum to zero and their costs to what the
//!   clearing account owes; **I5** whoever's position a single order grew meets the initial requirement.
//! - No universe and no chain is halted, no book is crossed, nobody holds less than what is locked of a spot asset.
//! - A state rebuilt from its records, and a reader that saw only write sets, equal the state.
//! - A revert gives back the very state before; the same block again gives the same writes; an invalid block leaves
//!   no trace.

mod actions;
mod capital;
mod special;

use crate::support;
use actions::Person;
use arbitrary::{Result, Unstructured};
use palisade_engine::{
    Engine, Rules, State, Undo, Write, accounts,
    execute::{BlockInput, BlockOutcome},
    state::{CustodyId, Record},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::Payload,
    event::Event,
    genesis::{Genesis, GenesisBalance},
    hash::{BlockDigest, sha256},
    ids::{AssetId, Height, MarketId, UniverseId},
    numbers::{Amount, Price},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    order::Side,
    signing::{VerifiedAction, ed25519::Ed25519SecretKey},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

/// Steps of one input: enough for books, positions and forks, few enough for hundreds of inputs per second.
const STEPS_MAX: usize = 40;
/// Deepest turn back.
const REVERTS_MAX: usize = 6;
const UNIVERSE: UniverseId = UniverseId::new(0);
const COLLATERAL: AssetId = AssetId::new(0);

/// The exchange that every input starts from: the types crate's genesis with people who can trade.
static START: LazyLock<(Arc<Genesis>, Engine)> = LazyLock::new(|| {
    let mut genesis = support::genesis::genesis();
    let fund = |person: &Person, asset: u32, amount: i128| GenesisBalance {
        universe: UNIVERSE,
        account: person.account(),
        asset: AssetId::new(asset),
        amount: Amount::new(amount),
    };
    let people = actions::people();
    genesis.balances = people
        .iter()
        .flat_map(|person| {
            [fund(person, 0, 10_000_000_000_000), fund(person, 1, 100_000_000_000), fund(person, 3, 1_000_000)]
        })
        .collect();
    genesis.hyperliquid_compatible = people.iter().take(2).map(Person::account).collect();
    genesis.check().expect("a genesis that keeps every rule");
    let genesis = Arc::new(genesis);
    (genesis.clone(), Engine::new(genesis))
});

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
}

/// Runs the steps that `bytes` choose.
pub fn run(bytes: &[u8]) {
    let _ = steps(bytes);
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
    let mut machine = Machine { engine: engine.clone(), reader: State::default(), rules, path: Vec::new(), nonce };
    machine.execute(machine.empty_block(), false);
    machine.execute(machine.priced_block([10_000_000_000, 500_000_000]), false);
    let mut choices = Unstructured::new(bytes);
    for _ in 0..STEPS_MAX {
        // Bytes that run out end the run: what was chosen has been checked.
        if choices.is_empty() || machine.step(&mut choices).is_err() {
            break;
        }
    }
    machine
}

impl Machine {
    fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15u8)? {
            0..=12 => {
                let block = self.block(choices)?;
                let is_single = block.actions.len() == 1 && block.bundle.is_none();
                self.execute(block, is_single);
            }
            _ => {
                let depth = choices.int_in_range(1..=REVERTS_MAX)?;
                let is_replayed = choices.arbitrary()?;
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

    fn priced_block(&self, prices: [i64; 2]) -> Block {
        let time_ms = self.engine.time_ms().saturating_add(1_000);
        Block { time_ms, bundle: Some(bundle(time_ms, prices)), ..self.empty_block() }
    }

    fn block(&mut self, choices: &mut Unstructured<'_>) -> Result<Block> {
        if choices.ratio(1, 6)? {
            let bitcoin = choices.int_in_range(9_000_000_000..=11_000_000_000)?;
            let ether = choices.int_in_range(450_000_000..=550_000_000)?;
            return Ok(self.priced_block([bitcoin, ether]));
        }
        let mut block = self.empty_block();
        if choices.ratio(1, 12)? {
            block.time_ms = block.time_ms.saturating_add(choices.int_in_range(0..=70_000)?);
        }
        for _ in 0..choices.int_in_range(1..=4u8)? {
            self.nonce = self.nonce.saturating_add(1);
            let action = actions::signed(choices, self.engine.state(), block.time_ms, self.nonce)?;
            block.actions.extend(action.map(Arc::new));
        }
        // A proposer filters; now and then it does not, and the whole block must fall.
        if !choices.ratio(1, 20)? {
            let mut admission = self.engine.admission(block.time_ms);
            block.actions.retain(|action| admission.admit(action).is_ok());
        }
        Ok(block)
    }

    fn execute(&mut self, block: Block, is_single: bool) {
        let before = self.engine.state().clone();
        match self.engine.execute(&self.rules, &block.input()) {
            Ok(outcome) => {
                self.check(&before, &block, &outcome, is_single);
                self.path.push(Executed { before, block, undo: outcome.undo, writes: outcome.writes });
            }
            Err(_) => assert_eq!(*self.engine.state(), before, "an invalid block left a trace"),
        }
    }

    fn check(&mut self, before: &State, block: &Block, outcome: &BlockOutcome, is_single: bool) {
        assert_eq!(outcome.receipts.len(), block.actions.len(), "one receipt per action");
        self.reader.apply_writes(&outcome.writes).expect("own writes decode");
        let state = self.engine.state();
        assert_eq!(self.reader, *state, "a reader of the writes sees another state");
        let values: Vec<Vec<u8>> = state.records().map(|record| record.encode()).collect();
        let cold = State::from_records(values.into_iter().rev()).expect("own records decode");
        assert_eq!(cold, *state, "a cold rebuild is another state");
        assert_eq!(state.chain().halted, None);
        assert!(state.universes().all(|universe| universe.halted.is_none()), "a universe is halted");
        check_balances(state);
        check_positions(state);
        check_books(state);
        if is_single && let Some(action) = block.actions.first() {
            check_initial_margin(before, state, action, &outcome.events);
        }
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
    }
}

/// The same prices of BTC and ETH, and one dollar for USDC, signed by every seat.
fn bundle(time_ms: TimeMs, [bitcoin, ether]: [i64; 2]) -> OracleBundle {
    let entry = |asset: u32, price: i64| OracleEntry { asset: AssetId::new(asset), price: Price::new(price) };
    let (genesis, _) = &*START;
    let votes = genesis.seats.iter().zip(100u8..).map(|(seat, key)| {
        let vote = OracleVote {
            chain_id: genesis.chain_id,
            epoch: 0,
            round: time_ms.get() / 1_000,
            seat: seat.id,
            time_ms,
            entries: vec![entry(0, 100_000_000), entry(1, bitcoin), entry(2, ether)],
        };
        vote.sign(&Ed25519SecretKey::from_bytes([key; 32]))
    });
    OracleBundle { votes: votes.collect() }
}

fn check_balances(state: &State) {
    let mut sums: BTreeMap<CustodyId, i128> = state.custodies().map(|(id, _)| (id, 0)).collect();
    for (id, amount) in state.balances() {
        *sums.entry(CustodyId { universe: id.universe, asset: id.asset }).or_default() += amount.get();
        if id.asset != COLLATERAL {
            let held = state.held(id.account, id.universe, id.asset);
            assert!(amount >= held, "{id:?} has {amount}, of which {held} are locked");
        }
    }
    for (id, sum) in sums {
        assert_eq!(state.custody(id.universe, id.asset).get(), sum, "I1: {id:?}");
    }
}

fn check_positions(state: &State) {
    let mut sums: BTreeMap<MarketId, (i128, i128)> = BTreeMap::new();
    for (id, record) in state.positions() {
        let (lots, cost) = sums.entry(id.market).or_default();
        *lots += i128::from(record.position.get());
        *cost += record.entry_cost_usd.get();
    }
    for market in state.markets().filter(|market| market.perpetual().is_some()) {
        let (lots, cost) = sums.get(&market.id).copied().unwrap_or_default();
        let clearing = state.balance(AccountId::clearing(market.id), UNIVERSE, COLLATERAL).get();
        assert_eq!((lots, cost + clearing), (0, 0), "I2: market {}", market.id);
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

/// I5 after one order: whoever holds more than before, or holds the other way, meets the initial requirement. Of one order's
/// fills each moves an account one way, so the last of them is the one that counts.
fn check_initial_margin(before: &State, after: &State, action: &VerifiedAction, events: &[Event]) {
    let is_one_order =
        matches!(&action.envelope().payload, Payload::Native { action: Action::Place { orders } } if orders.len() == 1);
    if !is_one_order {
        return;
    }
    let trades = events.iter().filter_map(|event| if let Event::Traded(trade) = event { Some(trade) } else { None });
    let traded: BTreeSet<(AccountId, MarketId)> = trades
        .filter(|trade| !trade.market.is_spot())
        .flat_map(|trade| [(trade.taker.account, trade.market), (trade.maker.account, trade.market)])
        .collect();
    for (account, market) in traded {
        let lots = |state: &State| state.position(account, market).map_or(0, |record| record.position.get());
        let (old, new) = (lots(before), lots(after));
        let has_grown = new.unsigned_abs() > old.unsigned_abs() || (old.signum() * new.signum()) < 0;
        if has_grown {
            let margin = accounts::margin(after, account, UNIVERSE).expect("small numbers");
            let equity = margin.equity_usd().expect("small numbers");
            assert!(equity >= margin.position_initial_usd, "I5: {account} in {market} went from {old} to {new}");
        }
    }
}
