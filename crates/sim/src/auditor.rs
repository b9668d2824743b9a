//! A second opinion of every finalized block: a ledger and books with their own plain types, which know nothing but the
//! genesis, the blocks and their events, and grow from the first block on.
//!
//! - [`inputs`]: no nonce twice, no action past its expiry, a quorum of distinct seats behind every price, receipts in the order
//!   of work that no proposer can choose.
//! - [`ledger`]: balances, and what was paid in. [`trading`]: orders, trades, positions. [`special`]: triggers and TWAPs.
//! - [`funding`]: indices, marks, the funding index, who pays. [`futures`]: settlement and delivery.
//! - [`options`]: premiums, their fees, which marks are possible, the settlement of an expiry.
//! - [`liquidation`], [`deleveraging`]: calls, slices, takeovers, who pays what is missing, to the unit.
//! - [`pools`]: shares of vaults and of the backstop's tranches. [`liquidity`]: reserves and shares of pools of spot markets.
//! - [`synthetics`]: debts, units, who bears what a debt lacks. [`structures`]: blocks and combos, leg by leg. [`worth`]: equity and maintenance by the book.
//! - [`compare`]: after the block the chain's tables say what this ledger says, to the unit, and money is conserved.
//!
//! Rules: no code of the engine's is used but the records of its tables; maps, scans, and no arithmetic but sums, products and one
//! division. Where an event tells a number that can be computed, it is computed and compared; where it cannot, it is bounded.
//! Initial margin is not decided here.

mod compare;
mod deleveraging;
mod funding;
mod futures;
mod inputs;
mod ledger;
mod liquidation;
mod liquidity;
mod numbers;
mod options;
mod pools;
mod special;
mod structures;
mod synthetics;
mod terms;
mod trading;
mod worth;

pub use worth::Unit;

use palisade_types::{
    action::MarginMode, address::AccountId, event::Event, genesis::Genesis, hash::BlockDigest, oracle::OracleBundle,
    receipt::Receipt, signing::VerifiedAction, time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Who = [u8; 20];
type Asset = u32;
type Universe = u32;
type Market = u32;

/// A position: lots (long positive), what they cost, and the funding index up to which they have paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    lots: i128,
    cost: i128,
    index: i128,
}

/// What the auditor believes.
#[derive(Clone, Debug)]
pub struct Auditor {
    genesis: Arc<Genesis>,
    /// Time of the block that is followed.
    now_ms: u64,
    terms: terms::Terms,
    inputs: inputs::Inputs,
    ledger: ledger::Ledger,
    prices: funding::Prices,
    positions: BTreeMap<(Who, Market), Held>,
    /// Chosen leverage, and whether the position has collateral of its own.
    settings: BTreeMap<(Who, Market), (u32, bool)>,
    orders: BTreeMap<u64, trading::Resting>,
    /// The incoming order that traded last.
    incoming: Option<trading::Incoming>,
    volumes: BTreeMap<Who, i128>,
    /// Whom accounts without a key of their own belong to.
    groups: BTreeMap<Who, Who>,
    /// Universes that nothing may leave or enter.
    gated: BTreeSet<Universe>,
    special: special::Special,
    settlements: futures::Settlements,
    options: options::Options,
    liquidations: liquidation::Liquidations,
    pools: pools::Pools,
    liquidity: liquidity::Liquidity,
    synthetics: synthetics::Synthetics,
    structures: structures::Structures,
    notes: Vec<&'static str>,
}

/// A block as it is followed: what went in, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a> {
    /// Its time.
    pub time_ms: TimeMs,
    /// The digest of its parent.
    pub parent: BlockDigest,
    /// Its prices.
    pub oracle_bundle: Option<&'a OracleBundle>,
    /// Its actions, in any order.
    pub actions: &'a [Arc<VerifiedAction>],
    /// Its receipts.
    pub receipts: &'a [Receipt],
    /// Its events.
    pub events: &'a [Event],
}

/// Where the chain and the auditor disagree.
pub type Objection = String;

fn who(account: AccountId) -> Who {
    account.0
}

fn ensure(holds: bool, objection: impl FnOnce() -> String) -> Result<(), Objection> {
    if holds { Ok(()) } else { Err(objection()) }
}

impl Auditor {
    /// An auditor of a chain that has not begun.
    pub fn new(genesis: Arc<Genesis>, liar: Option<usize>) -> Self {
        Self {
            now_ms: genesis.time_ms.get(),
            terms: terms::Terms::of(&genesis),
            genesis,
            inputs: inputs::Inputs::new(liar),
            ledger: ledger::Ledger::default(),
            prices: funding::Prices::default(),
            positions: BTreeMap::new(),
            settings: BTreeMap::new(),
            orders: BTreeMap::new(),
            incoming: None,
            volumes: BTreeMap::new(),
            groups: BTreeMap::new(),
            gated: BTreeSet::new(),
            special: special::Special::default(),
            settlements: BTreeMap::new(),
            options: options::Options::default(),
            liquidations: liquidation::Liquidations::default(),
            pools: pools::Pools::default(),
            liquidity: liquidity::Liquidity::default(),
            synthetics: synthetics::Synthetics::default(),
            structures: structures::Structures::default(),
            notes: Vec::new(),
        }
    }

    /// Follows a finalized block.
    pub fn follow(&mut self, block: &Followed<'_>) -> Result<(), Objection> {
        self.now_ms = block.time_ms.get();
        self.incoming = None;
        self.ledger.forget_transfers();
        self.remember_vaults();
        self.inputs(block)?;
        inputs::check_receipts(block)?;
        for event in block.events {
            if Self::ends_closing(event) {
                self.end_closing()?;
            }
            self.event(event)?;
            if !matches!(event, Event::Transferred { .. }) {
                self.ledger.forget_transfers();
            }
        }
        self.end_closing()?;
        self.check_no_index_due()
    }

    /// What was checked in particular since the last call, for the report.
    pub fn take_notes(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.notes)
    }

    fn note(&mut self, what: &'static str) {
        self.notes.push(what);
    }

    /// Every kind of event is named, here or by [`Self::product_event`], so that a new one is not overlooked.
    fn event(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::Deposited { .. }
            | Event::Transferred { .. }
            | Event::MovedBetweenUniverses { .. }
            | Event::IsolatedMarginMoved { .. } => self.moved(event),
            Event::OrderRested { order } => {
                self.orders.insert(order.id.get(), trading::resting(order));
                Ok(())
            }
            Event::OrderCanceled { order, .. } => {
                self.orders.remove(&order.id.get());
                Ok(())
            }
            Event::OrderFilled { order } => self.filled(order),
            Event::Traded(trade) => self.trade(trade),
            Event::LeverageUpdated { account, market, leverage, margin_mode } => {
                self.margined(who(*account), market.get(), *leverage, *margin_mode == MarginMode::Isolated);
                Ok(())
            }
            Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => {
                Err(format!("the engine stopped itself: {invariant}"))
            }
            Event::IndexUpdated { .. }
            | Event::MarkUpdated { .. }
            | Event::FundingRateSet { .. }
            | Event::FundingPaid { .. }
            | Event::SurfaceUpdated { .. }
            | Event::OptionsFixed { .. }
            | Event::LossSettled { .. } => self.priced(event),
            Event::UniverseOpened { .. }
            | Event::MarketListed { .. }
            | Event::FutureListed { .. }
            | Event::OptionListed { .. } => self.listed(event),
            Event::SettlementPriceFixed { .. } | Event::Delivered { .. } | Event::MarketSettled { .. } => {
                self.settled(event)
            }
            Event::MarginCalled { .. }
            | Event::Liquidated(_)
            | Event::DeficitPaid { .. }
            | Event::CollateralSold { .. }
            | Event::PortfolioModeSet { .. }
            | Event::GateChanged { .. } => self.liquidation(event),
            Event::Deleveraged { .. } => self.deleveraged(event),
            Event::TriggerPlaced { .. }
            | Event::TriggerArmed { .. }
            | Event::TriggerFired { .. }
            | Event::TriggerCanceled { .. }
            | Event::TriggerRejected { .. }
            | Event::TwapStarted { .. }
            | Event::TwapSlice { .. }
            | Event::TwapEnded { .. } => self.waits(event),
            Event::VaultCreated { .. }
            | Event::VaultDeposited { .. }
            | Event::VaultWithdrawn { .. }
            | Event::VaultWithdrawalQueued { .. }
            | Event::VaultWithdrawalDropped { .. }
            | Event::VaultClosed { .. }
            | Event::BackstopDeposited { .. }
            | Event::BackstopWithdrawn { .. }
            | Event::BackstopSynced { .. } => self.pooled(event),
            Event::SubAccountCreated { master, sub_account, .. } => self.sub_account_created(*master, *sub_account),
            _ => self.product_event(event),
        }
    }

    /// Of synthetics, pools, block trades and combos, and what moves nothing. An event that is named nowhere is an objection.
    fn product_event(&mut self, event: &Event) -> Result<(), Objection> {
        match event {
            Event::SyntheticMinted { .. }
            | Event::SyntheticBurned { .. }
            | Event::SyntheticRedeemed { .. }
            | Event::DebtLiquidated(_)
            | Event::ShortfallChanged { .. } => self.synthetic(event),
            Event::BlockRequested { .. }
            | Event::BlockRequestEnded { .. }
            | Event::BlockQuoted { .. }
            | Event::BlockQuoteEnded { .. }
            | Event::BlockTraded(_) => self.of_blocks(event),
            Event::ComboCreated { .. }
            | Event::ComboOrderAccepted { .. }
            | Event::ComboOrderEnded { .. }
            | Event::ComboTraded(_)
            | Event::ComboEnded { .. } => self.of_combos(event),
            Event::PoolCreated { .. }
            | Event::PoolDeposited { .. }
            | Event::PoolWithdrawn { .. }
            | Event::PoolTraded { .. } => self.liquid(event),
            // They move nothing and promise nothing that is followed here.
            Event::OrderAccepted { .. }
            | Event::OrderRejected { .. }
            | Event::AgentApproved { .. }
            | Event::AgentRetired { .. }
            | Event::CancelScheduled { .. }
            | Event::HyperliquidCompatibilitySet { .. }
            | Event::ProtectionSet { .. }
            | Event::ProtectionFrozen { .. } => Ok(()),
            _ => Err(format!("no rule says what follows from {event:?}")),
        }
    }

    /// An order that is filled has nothing left.
    /// A switch of modes moves what margin asks for into a purse, or all of one back.
    fn margined(&mut self, account: Who, market: Market, leverage: u32, isolated: bool) {
        let before = self.settings.insert((account, market), (leverage, isolated));
        if isolated != before.is_some_and(|(_, isolated)| isolated) {
            self.ledger.open_purse(account, market);
            self.ledger.purse_moves(account);
        }
    }

    fn is_person(&self, account: Who) -> bool {
        let clears = |market: &Market| ledger::clearing(*market) == account;
        !self.ledger.is_purse(account) && !self.terms.markets.keys().any(clears)
    }
}
