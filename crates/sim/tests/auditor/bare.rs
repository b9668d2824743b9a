//! The people of a run on an engine alone: no nodes, no network, no faults, and so hours of trading in seconds. What the auditor and the
//! look at everyone find wrong here is found wrong under faults too; here it is found sooner.

use palisade_engine::{BlockInput, BlockOutcome, Engine, InvalidBlock, Rules, State};
use palisade_sim::{
    auditor::{Auditor, Followed},
    boxes,
    coverage::Coverage,
    people::{People, Signed},
    venue::{self, CHAIN_ID, MAKERS, SEATS},
};
use palisade_types::{
    event::Event,
    hash::{BlockDigest, sha256},
    ids::SeatId,
    oracle::{OracleBundle, OracleEntry, OracleVote},
    receipt::Receipt,
    signing::{VerifiedAction, verify},
    time::TimeMs,
};
use rand::RngExt as _;
use std::sync::Arc;

/// An engine, its people and its auditor.
pub struct Bare {
    people: People,
    engine: Engine,
    auditor: Auditor,
    parent: BlockDigest,
    now_ms: TimeMs,
    last_price_ms: u64,
    /// What was met.
    pub coverage: Coverage,
}

/// What one step was.
pub struct Step {
    draft: Draft,
    parent: BlockDigest,
    receipts: Vec<Receipt>,
    /// What the block told.
    pub events: Vec<Event>,
}

impl Step {
    /// The step with other events, as an auditor follows it.
    pub fn with<'a>(&'a self, events: &'a [Event]) -> Followed<'a> {
        Followed {
            time_ms: self.draft.time_ms,
            parent: self.parent,
            oracle_bundle: self.draft.bundle.as_ref(),
            actions: &self.draft.actions,
            receipts: &self.receipts,
            events,
        }
    }
}

/// A block that can be executed.
struct Draft {
    time_ms: TimeMs,
    bundle: Option<OracleBundle>,
    actions: Vec<Arc<VerifiedAction>>,
}

impl Bare {
    /// The exchange of a seed.
    pub fn new(seed: u64) -> Self {
        let genesis = Arc::new(venue::genesis(seed));
        Self {
            people: People::new(seed),
            engine: Engine::new(genesis.clone()),
            auditor: Auditor::new(genesis, None),
            parent: BlockDigest::default(),
            now_ms: venue::GENESIS_TIME,
            last_price_ms: 0,
            coverage: Coverage::default(),
        }
    }

    /// The exchange after the newest block.
    pub fn state(&self) -> &State {
        self.engine.state()
    }

    /// What the auditor believes.
    pub fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// Makes one block.
    pub fn make(&mut self) -> Result<Step, String> {
        let mut draft = self.draft();
        let outcome = loop {
            match self.execute(&draft) {
                Ok(outcome) => break outcome,
                Err(InvalidBlock::Inadmissible { index, .. }) => {
                    draft.actions.remove(index);
                }
                Err(error) => return Err(error.to_string()),
            }
        };
        for event in &outcome.events {
            let name = format!("{event:?}");
            self.coverage.note(name.split([' ', '(', '{']).next().unwrap_or_default());
        }
        let parent = self.parent;
        self.parent = BlockDigest(sha256(&[&parent.0, &draft.time_ms.get().to_be_bytes()]));
        Ok(Step { draft, parent, receipts: outcome.receipts, events: outcome.events })
    }

    /// Looks at a block from all sides.
    pub fn check(&mut self, step: &Step) -> Result<(), String> {
        self.auditor.follow(&step.with(&step.events))?;
        self.auditor.compare(self.engine.state())?;
        if let Some(below) = boxes::check(&self.engine, self.parent, !step.draft.actions.is_empty())? {
            self.auditor.compare_liquidatable(&below)?;
        }
        self.auditor.take_notes().into_iter().for_each(|note| self.coverage.note(note));
        Ok(())
    }

    fn execute(&mut self, draft: &Draft) -> Result<BlockOutcome, InvalidBlock> {
        let rules = Rules::at(self.engine.next_protocol_version()).expect("the rules of the first version");
        let input = BlockInput {
            height: self.engine.height().next(),
            time_ms: draft.time_ms,
            parent: self.parent,
            oracle_bundle: draft.bundle.as_ref(),
            actions: &draft.actions,
        };
        self.engine.execute(&rules, &input)
    }

    /// About a hundred milliseconds later, seldom after an outage, as long as which prices take.
    fn draft(&mut self) -> Draft {
        let random = &mut self.people.random;
        let outage_ms = match random.random_range(0..2_000u16) {
            0 => random.random_range(3_600_000..90_000_000),
            1..=2 => random.random_range(60_000..3_000_000),
            3..=9 => random.random_range(5_000..30_000),
            _ => random.random_range(50..250),
        };
        self.now_ms = self.now_ms.saturating_add(outage_ms);
        let moved = self.now_ms.get() >= self.last_price_ms + 1_000;
        let mut signed = Vec::new();
        if moved {
            self.last_price_ms = self.now_ms.get();
            self.people.move_prices();
            for maker in MAKERS {
                if let Some(quotes) = self.people.make(self.engine.state(), self.now_ms) {
                    let action = self.people.sign(self.now_ms, maker, venue::account(maker), quotes, None);
                    signed.push(Signed::whole(action));
                }
            }
        }
        for _ in 0..self.people.random.random_range(0..5u8) {
            signed.push(self.people.anything(self.engine.state(), self.now_ms));
        }
        let bundle = moved.then(|| self.bundle());
        let mut actions = Vec::new();
        for Signed { action, .. } in signed {
            if let Ok(verified) = verify(action.clone()) {
                self.people.keep(action);
                actions.push(Arc::new(verified));
            }
        }
        Draft { time_ms: self.now_ms, bundle, actions }
    }

    fn bundle(&mut self) -> OracleBundle {
        let mut votes = Vec::new();
        for seat in 0..SEATS {
            let prices = self.people.prices();
            let vote = OracleVote {
                chain_id: CHAIN_ID,
                epoch: 0,
                round: self.now_ms.get() / 1_000,
                seat: SeatId::new(u32::try_from(seat).unwrap_or(u32::MAX)),
                time_ms: self.now_ms,
                entries: prices.into_iter().map(|(asset, price)| OracleEntry { asset, price }).collect(),
            };
            votes.push(vote.sign(&venue::oracle_key(seat)));
        }
        OracleBundle { votes }
    }
}
