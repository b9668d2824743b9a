//! A run of a script, with every invariant checked after every block.

use super::{
    books::Books,
    checks::{self, Asked, Numbers, Wrong, expect},
    follow::Follower,
    step::{Again, Step},
    world::{CORE, Signed, Terms, World, account},
};
use palisade_engine::{BlockOutcome, Engine, InvalidBlock, State, state::Record};
use palisade_types::{
    address::AccountId,
    event::Event,
    receipt::{OrderResult, Outcome, Receipt},
};
use std::{collections::BTreeMap, io::Write as _, sync::Arc};

/// Past the test harness, which would keep it.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub struct Run {
    pub world: World,
    pub books: Books,
    reader: State,
    pub seen: BTreeMap<String, u64>,
    /// What the last block told, and what became of its actions.
    pub events: Vec<Event>,
    pub outcomes: Vec<Outcome>,
    /// Prints every event.
    pub is_loud: bool,
}

impl Run {
    pub fn new(terms: &Terms) -> Self {
        let world = World::new(terms);
        let books = Books::of(world.engine.state());
        let reader = world.engine.state().clone();
        Self { world, books, reader, seen: BTreeMap::new(), events: Vec::new(), outcomes: Vec::new(), is_loud: false }
    }

    /// Goes on from another chain.
    pub fn adopt(&mut self, world: World) {
        self.books = Books::of(world.engine.state());
        self.reader = world.engine.state().clone();
        self.world = world;
    }

    /// Executes a block and says what is wrong afterwards, if anything is. An action that may not be in a block is left out.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let mut step = step.clone();
        let before = self.world.engine.clone();
        let (signed, outcome) = loop {
            let signed = self.world.sign(&step);
            match self.world.execute(&signed) {
                Ok(outcome) => break (signed, outcome),
                Err(InvalidBlock::Inadmissible { index, .. }) => {
                    step.actions.remove(index);
                }
                Err(error) => return Err(format!("block: {error}")),
            }
        };
        let after = Books::of(self.world.engine.state());
        if self.is_loud {
            outcome.events.iter().for_each(|event| say(&format!("    {event:?}")));
        }
        let state = self.world.engine.state();
        let (mut wrong, follower) = checks::after_block(state, &self.books, &after, &asked(&step), &outcome);
        self.check_sets((&step, &outcome), &after, &signed, &mut wrong);
        self.check_rejections(&before, &signed, &outcome, &mut wrong);
        self.count(&outcome, &follower);
        self.events.clone_from(&outcome.events);
        self.outcomes = outcome.receipts.iter().map(|receipt| receipt.outcome.clone()).collect();
        self.check_engine(&before, &signed, step.again, outcome, &mut wrong);
        self.books = after;
        wrong.sort();
        wrong.dedup();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    fn count(&mut self, outcome: &BlockOutcome, follower: &Follower<'_>) {
        let mut add = |name: String, count: u64| {
            if count > 0 {
                *self.seen.entry(name).or_default() += count;
            }
        };
        add("blocks".to_owned(), 1);
        add("allocations checked".to_owned(), follower.allocations);
        for event in &outcome.events {
            let name = match event {
                Event::Liquidated(liquidation) if liquidation.market.is_option() => {
                    format!("option liquidated by {:?}", liquidation.method)
                }
                Event::Liquidated(liquidation) => format!("liquidated by {:?}", liquidation.method),
                Event::DeficitPaid { payer, .. } => format!("deficit paid by {payer:?}"),
                Event::GateChanged { closed, .. } => format!("gate closed: {closed}"),
                Event::MarginCalled { level, .. } => format!("level {level:?}"),
                Event::DebtLiquidated(done) => format!("debt taken by {:?}", done.method),
                Event::ComboTraded(trade) if trade.maker.is_none() => "combo traded in its legs' books".to_owned(),
                Event::ComboTraded(_) => "combo traded".to_owned(),
                Event::SyntheticBurned { account, .. } if *account == AccountId::backstop(CORE) => {
                    "synthetic bought back by the vault".to_owned()
                }
                Event::PoolWithdrawn { forced: true, .. } => "pool shares redeemed by force".to_owned(),
                Event::OrderRejected { .. } => continue,
                event => variant(event),
            };
            add(name, 1);
        }
        for receipt in &outcome.receipts {
            if let Outcome::Rejected { rejection } = &receipt.outcome {
                add(format!("rejected {}", variant(rejection)), 1);
            }
        }
    }

    /// The units that the engine recorded as liquidatable are those that a look at everyone finds, twice: the engine's own and
    /// this test's. The step that finds them runs before actions and before triggers, so a block with either is followed by an
    /// empty one on a copy; one in which another trigger fires is not judged.
    fn check_sets(&self, (step, outcome): (&Step, &BlockOutcome), after: &Books, signed: &Signed, wrong: &mut Wrong) {
        let has_fired =
            |outcome: &BlockOutcome| outcome.events.iter().any(|event| matches!(event, Event::TriggerFired { .. }));
        if step.actions.is_empty() && !has_fired(outcome) {
            checks::compare_sets(self.world.engine.state(), after, wrong);
            return;
        }
        let mut copy = self.world.engine.clone();
        let next = signed.empty_child();
        match next.execute(&mut copy) {
            Ok(outcome) => {
                let books = Books::of(copy.state());
                checks::halts(&outcome, Numbers::Sensible, wrong);
                if !has_fired(&outcome) {
                    checks::compare_sets(copy.state(), &books, wrong);
                }
            }
            Err(error) => wrong.push(format!("the empty block: {error}")),
        }
    }

    /// A block whose every action was rejected changes what it would without them, but for the nonces and the budgets that they cost.
    fn check_rejections(&self, before: &Engine, signed: &Signed, outcome: &BlockOutcome, wrong: &mut Wrong) {
        let rejected = |receipt: &Receipt| match &receipt.outcome {
            Outcome::Rejected { .. } => true,
            Outcome::Orders { results } => results.iter().all(|result| matches!(result, OrderResult::Rejected { .. })),
            _ => false,
        };
        if outcome.receipts.is_empty() || !outcome.receipts.iter().all(rejected) {
            return;
        }
        let mut copy = before.clone();
        if let Err(error) = signed.without_actions().execute(&mut copy) {
            wrong.push(format!("the block without its actions: {error}"));
            return;
        }
        let is_cost = |record: &Record| matches!(record, Record::Nonces { .. } | Record::Account { .. });
        let kept = |state: &State| state.records().filter(|record| !is_cost(record)).collect::<Vec<_>>();
        expect(wrong, kept(self.world.engine.state()) == kept(copy.state()), || {
            format!("rejection: {:?} left a trace", outcome.receipts.iter().map(|one| &one.outcome).collect::<Vec<_>>())
        });
    }

    /// The same block on the same parent does the same, with whatever boxes; undone, it leaves the parent; readers follow.
    fn check_engine(
        &mut self,
        before: &Engine,
        signed: &Signed,
        again: Again,
        outcome: BlockOutcome,
        wrong: &mut Wrong,
    ) {
        let state = self.world.engine.state();
        let followed = self.reader.apply_writes(&outcome.writes);
        expect(wrong, followed.is_ok() && self.reader == *state, || "I7 a reader does not follow".to_owned());
        let mut other = match again {
            Again::Once => return,
            Again::Twice => {
                let mut engine = self.world.engine.clone();
                engine.revert(outcome.undo);
                expect(wrong, engine.state() == before.state(), || "I7 a block turned back leaves a trace".to_owned());
                engine
            }
            Again::Cold => {
                let values = before.state().records().map(|record| record.encode());
                Engine::from_records(Arc::clone(before.genesis()), values).expect("own records")
            }
        };
        match signed.execute(&mut other) {
            Ok(second) => {
                let same = (second.events == outcome.events, second.receipts == outcome.receipts);
                expect(wrong, same == (true, true) && second.writes == outcome.writes, || {
                    format!("I7 executed again ({again:?}) a block does something else: {same:?}")
                });
                if again == Again::Twice {
                    self.world.engine = other;
                }
            }
            Err(error) => wrong.push(format!("I7 executed again: {error}")),
        }
    }
}

fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Who acts in a step.
fn asked(step: &Step) -> Asked<'_> {
    let acting = step.actions.iter().map(|(name, _)| account(name.split('>').next().unwrap_or(name))).collect();
    let single = match &step.actions[..] {
        [(_, action)] => Some(action),
        _ => None,
    };
    Asked { acting, single, numbers: Numbers::Sensible }
}
