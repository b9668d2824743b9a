//! What is final, over all seats that ever ran, and what it must be.
//!
//! Every seat tells of every block that it finalizes. The first telling of a height is executed once more by an
//! engine of our own, which has followed the chain from the genesis, never forked and never turned back; every other
//! telling must be the very same block. What seats have on disk and in memory is compared with that engine at the
//! same height, by a digest of all records, so it does not matter when a seat gets there.

use crate::{
    Violation,
    auditor::{Auditor, Followed},
    boxes,
    coverage::Coverage,
    lie::BlockLie,
};
use commonware_utils::sync::Mutex;
use palisade_engine::{BlockInput, Engine, Rules, State};
use palisade_node::{
    application::Observer, block::NodeBlock, engine_cache::Executed, entropy::Blinding, roots, source::FinalizedBlock,
    verified,
};
use palisade_types::{
    event::Event,
    genesis::Genesis,
    hash::{ActionId, BlockDigest, Root, sha256},
    ids::Height,
    receipt::Outcome,
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};

/// Blocks between two comparisons of the kept indices with recomputed ones, and of a seat's disk with memory.
pub const COLD_EVERY_BLOCKS: u64 = 50;

/// A digest of every record of a state, whatever order they came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateDigest([u8; 32]);

impl StateDigest {
    /// Of database values.
    pub fn of_values(mut values: Vec<Vec<u8>>) -> Self {
        values.sort_unstable();
        let parts: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let lengths: Vec<u8> = values.iter().flat_map(|value| value.len().to_be_bytes()).collect();
        Self(sha256(&[&sha256(&parts), &lengths]))
    }

    /// Of a state in memory.
    pub fn of_state(state: &State) -> Self {
        Self::of_values(state.records().map(|record| record.encode()).collect())
    }
}

/// What a seat has at a height, on disk or in memory.
#[derive(Clone, Copy, Debug)]
pub struct SeatState {
    /// Which seat.
    pub seat: usize,
    /// Where it was found.
    pub place: &'static str,
    /// Of which height.
    pub height: Height,
    /// All records, if they were looked at.
    pub records: Option<StateDigest>,
    /// The root of the database, if it was looked at.
    pub root: Option<Root>,
}

/// A finalized block, and what is known about it.
struct Seen {
    block: NodeBlock,
    executed: Option<Arc<Executed>>,
    /// Digest of the whole state after it; `None` until it was followed.
    records: Option<StateDigest>,
}

/// The record of all runs of one committee.
pub struct History {
    genesis: Arc<Genesis>,
    blinding: Blinding,
    engine: Engine,
    auditor: Auditor,
    genesis_digest: BlockDigest,
    seen: BTreeMap<Height, Seen>,
    to_compare: Vec<SeatState>,
    receipts: BTreeMap<ActionId, Height>,
    /// Blocks that a liar showed in place of its own.
    lies: BTreeMap<BlockDigest, BlockLie>,
    /// The first thing found wrong by an observer, which cannot return it.
    found: Option<Violation>,
    /// Counts of what was met.
    pub coverage: Coverage,
}

impl History {
    /// Nothing but the genesis.
    pub fn new(genesis: Arc<Genesis>, genesis_digest: BlockDigest, liar: Option<usize>) -> Self {
        Self {
            engine: Engine::new(genesis.clone()),
            auditor: Auditor::new(genesis.clone(), liar),
            genesis,
            blinding: Blinding::new([9; 32]),
            genesis_digest,
            seen: BTreeMap::new(),
            to_compare: Vec::new(),
            receipts: BTreeMap::new(),
            lies: BTreeMap::new(),
            found: None,
            coverage: Coverage::default(),
        }
    }

    /// What the chain started from.
    pub fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// The highest height that is final anywhere.
    pub fn tip(&self) -> Height {
        self.seen.last_key_value().map_or_else(Height::default, |(height, _)| *height)
    }

    /// Time of the final block at `height`.
    pub fn time_at(&self, height: Height) -> Option<TimeMs> {
        self.seen.get(&height).map(|seen| seen.block.header().time_ms)
    }

    /// The name of the final block at `height`.
    pub fn digest_at(&self, height: Height) -> Option<BlockDigest> {
        self.seen.get(&height).map(|seen| seen.block.block_digest())
    }

    /// Every receipt that a client can have been given, and where it is.
    pub fn receipts(&self) -> &BTreeMap<ActionId, Height> {
        &self.receipts
    }

    /// A liar shows this block in place of its own.
    pub fn lied(&mut self, digest: BlockDigest, lie: BlockLie) {
        self.lies.insert(digest, lie);
    }

    /// A seat tells what it finalized.
    fn tell(&mut self, seat: usize, block: &NodeBlock, executed: Option<&Arc<Executed>>) {
        let height = block.header().height;
        let Some(seen) = self.seen.get_mut(&height) else {
            let view_gap = self.view_gap(block);
            self.cover(block, executed, view_gap);
            self.seen.insert(height, Seen { block: block.clone(), executed: executed.cloned(), records: None });
            return;
        };
        if seen.block.block_digest() != block.block_digest() {
            let found = format!(
                "seat {seat} finalized {} at {height}, before it was {}",
                block.block_digest(),
                seen.block.block_digest()
            );
            self.found.get_or_insert(Violation::new("no fork", found));
            return;
        }
        match (&seen.executed, executed) {
            (Some(known), Some(told)) if known != told => {
                let found = format!("seat {seat} executed block {height} with other results");
                self.found.get_or_insert(Violation::new("equal results", found));
            }
            (None, Some(told)) => seen.executed = Some(told.clone()),
            _ => {}
        }
    }

    /// Takes in a block that no observer told of, because every node that finalized it was killed just then.
    pub fn learn(&mut self, seat: usize, block: &NodeBlock) {
        self.tell(seat, block, None);
    }

    fn view_gap(&self, block: &NodeBlock) -> u64 {
        let context = &block.header().context;
        context.view.saturating_sub(context.parent_view)
    }

    fn cover(&mut self, block: &NodeBlock, executed: Option<&Arc<Executed>>, view_gap: u64) {
        let coverage = &mut self.coverage;
        coverage.note(match block.body().actions.len() {
            0 => "block: empty",
            1..=9 => "block: 1-9 actions",
            _ => "block: 10 actions or more",
        });
        if block.body().oracle_bundle.is_some() {
            coverage.note("block: prices");
        }
        coverage.note(match view_gap {
            0..=1 => "views to the parent: 1",
            2..=4 => "views to the parent: 2-4",
            _ => "views to the parent: 5 or more",
        });
        let Some(executed) = executed else { return };
        for receipt in &executed.receipts {
            if let Outcome::Rejected { rejection } = &receipt.outcome {
                let debug = format!("{rejection:?}");
                let kind = debug.split([' ', '{', '(']).next().unwrap_or_default();
                coverage.note(format!("rejected: {kind}"));
            }
            coverage.note(match receipt.outcome {
                Outcome::Rejected { .. } => "receipt: rejected",
                Outcome::Done => "receipt: done",
                Outcome::Orders { .. } => "receipt: orders",
                Outcome::Cancels { .. } => "receipt: cancels",
                Outcome::Twap { .. } => "receipt: TWAP",
                Outcome::Quotes { .. } => "receipt: quotes",
                Outcome::AccountCreated { .. } => "receipt: account created",
                Outcome::BlockRequested { .. } => "receipt: block requested",
                Outcome::BlockQuoted { .. } => "receipt: block quoted",
                Outcome::Combo { .. } => "receipt: combo",
                Outcome::ComboOrder { .. } => "receipt: combo order",
            });
        }
        for event in &executed.events {
            coverage.note(event_name(event));
        }
    }

    /// The height that the engine needs next and that nobody told of, though a higher one is final.
    pub fn gap(&self) -> Option<Height> {
        let next = self.engine.height().next();
        (next <= self.tip() && !self.seen.contains_key(&next)).then_some(next)
    }

    /// Executes what is new and compares.
    pub fn follow(&mut self) -> Result<(), Violation> {
        if let Some(found) = self.found.take() {
            return Err(found);
        }
        while let Some(seen) = self.seen.get(&self.engine.height().next()) {
            let (block, told) = (seen.block.clone(), seen.executed.clone());
            self.follow_block(&block, told.as_deref())?;
        }
        self.compare()
    }

    fn follow_block(&mut self, block: &NodeBlock, told: Option<&Executed>) -> Result<(), Violation> {
        let header = block.header();
        let height = header.height;
        let wrong = |found: String| Violation::new("second execution", format!("block {height}: {found}"));
        let parent = match height.get() {
            1 => self.genesis_digest,
            _ => self
                .digest_at(Height::new(height.get() - 1))
                .ok_or_else(|| wrong("its parent is unknown".to_owned()))?,
        };
        if header.parent != parent {
            return Err(wrong(format!("its parent is {}, the final one is {parent}", header.parent)));
        }
        let content = verified::content(block, &self.blinding, |_| None).map_err(|error| wrong(error.to_string()))?;
        let rules = Rules::at(content.protocol_version).map_err(|error| wrong(error.to_string()))?;
        let input = BlockInput {
            height,
            time_ms: content.time_ms,
            parent,
            oracle_bundle: content.oracle_bundle.as_ref(),
            actions: &content.actions,
        };
        let outcome = self.engine.execute(&rules, &input).map_err(|error| wrong(error.to_string()))?;
        if roots::merkle_root(&outcome.receipts) != header.receipts_root {
            return Err(wrong("other receipts than its header commits to".to_owned()));
        }
        if roots::merkle_root(&outcome.events) != header.events_root {
            return Err(wrong("other events than its header commits to".to_owned()));
        }
        if told.is_some_and(|told| told.writes != outcome.writes) {
            return Err(wrong("other writes than the seats made".to_owned()));
        }
        for receipt in &outcome.receipts {
            if let Some(before) = self.receipts.insert(receipt.action, height) {
                return Err(wrong(format!("action {} was executed at {before} before", receipt.action)));
            }
        }
        let objection = |found: String| Violation::new("auditor", format!("block {height}: {found}"));
        let followed = Followed {
            time_ms: content.time_ms,
            parent,
            oracle_bundle: content.oracle_bundle.as_ref(),
            actions: &content.actions,
            receipts: &outcome.receipts,
            events: &outcome.events,
        };
        self.auditor.follow(&followed).and_then(|()| self.auditor.compare(self.engine.state())).map_err(objection)?;
        self.coverage.note("check: the auditor agrees");
        self.check_boxes(block)?;
        self.auditor.take_notes().into_iter().for_each(|note| self.coverage.note(note));
        self.check_lie(block)?;
        if height.get().is_multiple_of(COLD_EVERY_BLOCKS) {
            self.check_indices(height)?;
        }
        let records = StateDigest::of_state(self.engine.state());
        if let Some(seen) = self.seen.get_mut(&height) {
            seen.records = Some(records);
        }
        Ok(())
    }

    /// Who is found by boxes is who a look at everyone finds.
    fn check_boxes(&mut self, block: &NodeBlock) -> Result<(), Violation> {
        let height = block.header().height;
        let wrong = |found: String| Violation::new("liquidation boxes", format!("block {height}: {found}"));
        let has_actions = !block.body().actions.is_empty();
        let below = boxes::check(&self.engine, block.block_digest(), has_actions).map_err(wrong)?;
        self.coverage.note("check: liquidation boxes and a look at everyone");
        match below {
            Some(below) => self
                .auditor
                .compare_liquidatable(&below)
                .map_err(|found| Violation::new("auditor", format!("block {height}: {found}"))),
            None => Ok(()),
        }
    }

    /// The exchange after the highest block that was followed.
    pub fn state(&self) -> &State {
        self.engine.state()
    }

    /// No wrong block becomes final, whatever its proposer signs.
    fn check_lie(&mut self, block: &NodeBlock) -> Result<(), Violation> {
        match self.lies.get(&block.block_digest()) {
            Some(lie) if !lie.is_valid() => Err(Violation::new(
                "lies are refused",
                format!("block {} is final: {}", block.header().height, lie.name()),
            )),
            Some(_) => {
                self.coverage.note("block: a liar's, written oddly but valid");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A state rebuilt from its records equals the one that grew, indices included.
    fn check_indices(&mut self, height: Height) -> Result<(), Violation> {
        let wrong = |found: String| Violation::new("cold rebuild", format!("at {height}: {found}"));
        let values = self.engine.state().records().map(|record| record.encode());
        let cold = State::from_records(values).map_err(|error| wrong(error.to_string()))?;
        if cold != *self.engine.state() {
            return Err(wrong("the rebuilt state differs from the one that grew".to_owned()));
        }
        self.coverage.note("check: cold rebuild of tables and indices");
        Ok(())
    }

    /// Notes what a seat has; it is compared as soon as its height was followed.
    pub fn note_state(&mut self, state: SeatState) {
        self.to_compare.push(state);
    }

    fn compare(&mut self) -> Result<(), Violation> {
        let followed = self.engine.height();
        let due: Vec<SeatState> = self.to_compare.extract_if(.., |state| state.height <= followed).collect();
        for state in due {
            let Some(seen) = self.seen.get(&state.height) else { continue };
            let wrong = |what: &str| {
                let SeatState { seat, place, height, .. } = state;
                Violation::new("equal states", format!("seat {seat}, {place}, at {height}: other {what}"))
            };
            if seen.records.zip(state.records).is_some_and(|(due, found)| due != found) {
                return Err(wrong("records"));
            }
            if state.root.is_some_and(|root| root != seen.block.header().state_root) {
                return Err(wrong("state root"));
            }
            self.coverage.note(format!("check: {}", state.place));
        }
        Ok(())
    }

    /// States that were noted and never compared.
    pub fn uncompared(&self) -> usize {
        self.to_compare.len()
    }
}

fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Deposited { .. } => "event: deposited",
        Event::Transferred { .. } => "event: transferred",
        Event::OrderAccepted { .. } => "event: order accepted",
        Event::OrderRested { .. } => "event: order rested",
        Event::OrderCanceled { .. } => "event: order canceled",
        Event::OrderFilled { .. } => "event: order filled",
        Event::OrderRejected { .. } => "event: order rejected",
        Event::Traded(_) => "event: traded",
        Event::AgentApproved { .. } => "event: agent approved",
        Event::AgentRetired { .. } => "event: agent retired",
        Event::LeverageUpdated { .. } => "event: leverage updated",
        Event::CancelScheduled { .. } => "event: cancel scheduled",
        Event::IndexUpdated { .. } => "event: index updated",
        Event::MarkUpdated { .. } => "event: mark updated",
        Event::UniverseHalted { .. } => "event: universe halted",
        Event::ChainHalted { .. } => "event: chain halted",
        Event::HyperliquidCompatibilitySet { .. } => "event: Hyperliquid compatibility set",
        Event::IsolatedMarginMoved { .. } => "event: isolated margin moved",
        Event::MarginCalled { .. } => "event: margin called",
        Event::Liquidated(_) => "event: liquidated",
        Event::DeficitPaid { .. } => "event: deficit paid",
        Event::Deleveraged { .. } => "event: deleveraged",
        Event::GateChanged { .. } => "event: gate changed",
        Event::CollateralSold { .. } => "event: collateral sold",
        Event::LossSettled { .. } => "event: loss settled",
        Event::FundingRateSet { .. } => "event: funding rate set",
        Event::FundingPaid { .. } => "event: funding paid",
        Event::TriggerPlaced { .. } => "event: trigger placed",
        Event::TriggerArmed { .. } => "event: trigger armed",
        Event::TriggerFired { .. } => "event: trigger fired",
        Event::TriggerCanceled { .. } => "event: trigger canceled",
        Event::TriggerRejected { .. } => "event: trigger rejected",
        Event::TwapStarted { .. } => "event: TWAP started",
        Event::TwapSlice { .. } => "event: TWAP slice",
        Event::TwapEnded { .. } => "event: TWAP ended",
        Event::ProtectionSet { .. } => "event: protection set",
        Event::ProtectionFrozen { .. } => "event: protection frozen",
        Event::SubAccountCreated { .. } => "event: sub-account created",
        Event::MovedBetweenUniverses { .. } => "event: moved between universes",
        Event::UniverseOpened { .. } => "event: universe opened",
        Event::MarketListed { .. } => "event: market listed",
        Event::VaultCreated { .. } => "event: vault created",
        Event::VaultDeposited { .. } => "event: vault deposited",
        Event::VaultWithdrawn { .. } => "event: vault withdrawn",
        Event::VaultWithdrawalQueued { .. } => "event: vault withdrawal queued",
        Event::VaultWithdrawalDropped { .. } => "event: vault withdrawal dropped",
        Event::VaultClosed { .. } => "event: vault closed",
        Event::BackstopDeposited { .. } => "event: backstop deposited",
        Event::BackstopWithdrawn { .. } => "event: backstop withdrawn",
        Event::BackstopSynced { .. } => "event: backstop synced",
        Event::FutureListed { .. } => "event: future listed",
        Event::SettlementPriceFixed { .. } => "event: settlement price fixed",
        Event::Delivered { .. } => "event: delivered",
        Event::MarketSettled { .. } => "event: market settled",
        Event::OptionListed { .. } => "event: option listed",
        Event::SurfaceUpdated { .. } => "event: surface updated",
        Event::OptionsFixed { .. } => "event: options fixed",
        Event::PortfolioModeSet { .. } => "event: portfolio mode set",
        _ => product_event_name(event),
    }
}

/// Of synthetics, block trades, combos and liquidity pools.
fn product_event_name(event: &Event) -> &'static str {
    match event {
        Event::SyntheticMinted { .. } => "event: synthetic minted",
        Event::SyntheticBurned { .. } => "event: synthetic burned",
        Event::SyntheticRedeemed { .. } => "event: synthetic redeemed",
        Event::DebtLiquidated(_) => "event: debt liquidated",
        Event::ShortfallChanged { .. } => "event: shortfall changed",
        Event::BlockRequested { .. } => "event: block requested",
        Event::BlockRequestEnded { .. } => "event: block request ended",
        Event::BlockQuoted { .. } => "event: block quoted",
        Event::BlockQuoteEnded { .. } => "event: block quote ended",
        Event::BlockTraded(_) => "event: block traded",
        Event::ComboCreated { .. } => "event: combo created",
        Event::ComboOrderAccepted { .. } => "event: combo order accepted",
        Event::ComboOrderEnded { .. } => "event: combo order ended",
        Event::ComboTraded(_) => "event: combo traded",
        Event::ComboEnded { .. } => "event: combo ended",
        Event::PoolCreated { .. } => "event: pool created",
        Event::PoolDeposited { .. } => "event: pool deposited",
        Event::PoolWithdrawn { .. } => "event: pool withdrawn",
        Event::PoolTraded { .. } => "event: pool traded",
        _ => "event: of a kind that has no name here",
    }
}

/// A history that several seats tell.
pub type SharedHistory = Arc<Mutex<History>>;

/// One seat's telling.
pub struct Teller {
    seat: usize,
    history: SharedHistory,
}

impl Teller {
    /// Of `seat`, into `history`.
    pub const fn new(seat: usize, history: SharedHistory) -> Self {
        Self { seat, history }
    }
}

impl Observer for Teller {
    fn finalized(&self, block: &FinalizedBlock) {
        self.history.lock().tell(self.seat, &block.block, Some(&block.executed));
    }
}
