//! A venue for tests: a genesis, signers by name, blocks of really signed actions.
//!
//! Every block that a test executes is also turned back and executed again, compared with a rebuild from records,
//! audited in full, and followed by a reader's state, so that each test checks these too.

pub(crate) mod multi_leg;
mod scenario;

pub(crate) use scenario::{check, combo_at, continue_with as scenario_on, parse_action};

use crate::{
    Engine, Rules, State,
    execute::{BlockInput, BlockOutcome, InvalidBlock, audit_for_tests},
    liquidation::holdings,
    state::{Record, RecordKey, Watched},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    envelope::{Envelope, Payload},
    genesis::{ActionBudgetTerms, FaucetGrant, Genesis, GenesisBalance, Seat, StorageTerms},
    hash::{BlockDigest, sha256},
    ids::{AssetId, MarketId, Nonce, SeatId, UniverseId},
    market::{AssetSpec, ExpiryCounts, MarketKind, MarketSpec, OptionSeriesSpec, UniverseSpec},
    numbers::{Amount, Price, Rate, Size, Usd},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    order::Side,
    receipt::{Outcome, Receipt},
    rejection::Rejection,
    signing::{self, VerifiedAction, ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
    trigger::TriggerLink,
};
use proptest::test_runner::Config as ProptestConfig;
use std::sync::Arc;

pub(crate) const USDC: AssetId = AssetId::new(0);
pub(crate) const BTC: AssetId = AssetId::new(1);
pub(crate) const CORE: UniverseId = UniverseId::new(0);
/// The perpetual.
pub(crate) const PERP: MarketId = MarketId::new(0);
/// The spot market.
pub(crate) const SPOT: MarketId = MarketId::new(10_000);
/// A second spot market, with lots of 10^-3.
pub(crate) const SPOT_FINE: MarketId = MarketId::new(10_001);
/// The time of the genesis block.
pub(crate) const GENESIS_TIME: TimeMs = TimeMs::new(1_700_000_000_000);
pub(crate) const CHAIN_ID: u64 = 4_242;
/// People with funds in the genesis.
pub(crate) const FUNDED: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Accounts that the genesis opts into Hyperliquid's format.
pub(crate) const COMPATIBLE: &str = "erin";

/// How many random runs of the exchange a test makes: `usual`, or as many as `PALISADE_FUZZ_CASES` says.
pub(crate) fn runs(usual: u32) -> u32 {
    asked("PALISADE_FUZZ_CASES").unwrap_or(usual)
}

/// How many cases a property is tried on: `usual`, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    ProptestConfig::with_cases(asked("PROPTEST_CASES").unwrap_or(usual))
}

fn asked(name: &str) -> Option<u32> {
    let text = std::env::var_os(name)?;
    Some(text.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is not a number: {text:?}")))
}

/// The key of a person.
pub(crate) fn key_of(name: &str) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes(sha256(&[b"test key ", name.as_bytes()])).expect("a hash is a valid key")
}

/// The account of a person.
pub(crate) fn account_of(name: &str) -> AccountId {
    key_of(name).address()
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("a decimal number")
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().expect("a decimal number")
}

fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"oracle key ", &seat.to_be_bytes()]))
}

fn seat(id: u32) -> Seat {
    let vote_key = Ed25519SecretKey::from_bytes(sha256(&[b"vote key ", &id.to_be_bytes()])).public_key();
    let oracle_key = oracle_key(id).public_key();
    Seat { id: SeatId::new(id), name: format!("seat-{id}"), vote_key, oracle_key }
}

fn market(id: MarketId, symbol: &str, kind: MarketKind, size_decimals: u8) -> MarketSpec {
    MarketSpec {
        id,
        symbol: symbol.to_owned(),
        universe: CORE,
        kind,
        size_decimals,
        tick: price("0.5"),
        maker_fee: Rate::new(100),
        taker_fee: Rate::new(350),
        minimum_notional_usd: usd("10"),
        maximum_notional_usd: usd("10000000"),
        price_band: Rate::new(500_000),
        open_orders_per_account_max: 200,
    }
}

/// USDC and BTC, one perpetual and two spot markets; five people with 100000 USDC and 1000 BTC each.
pub(crate) fn genesis() -> Genesis {
    let asset = |id, symbol: &str, has_index| AssetSpec {
        id,
        symbol: symbol.to_owned(),
        decimals: 8,
        has_index,
        collateral: None,
    };
    let balance = |name: &str, asset, whole: i128| GenesisBalance {
        universe: CORE,
        account: account_of(name),
        asset,
        amount: Amount::new(whole * 100_000_000),
    };
    let perpetual = MarketKind::Perpetual {
        underlying: BTC,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000),
        position_maximum: Size::new(3_000),
        risk: Default::default(),
    };
    let spot = MarketKind::Spot { base: BTC, quote: USDC };
    Genesis {
        chain_id: CHAIN_ID,
        name: "test".to_owned(),
        time_ms: GENESIS_TIME,
        seats: (0..4).map(seat).collect(),
        assets: vec![asset(USDC, "USDC", false), asset(BTC, "BTC", true)],
        universes: vec![UniverseSpec { id: CORE, name: "core".to_owned(), collateral: USDC }],
        markets: vec![
            market(PERP, "BTC", perpetual, 0),
            market(SPOT, "BTC/USDC", spot.clone(), 0),
            market(SPOT_FINE, "BTCm/USDC", spot, 3),
        ],
        balances: FUNDED.iter().flat_map(|name| [balance(name, USDC, 100_000), balance(name, BTC, 1_000)]).collect(),
        hyperliquid_compatible: vec![account_of(COMPATIBLE)],
        faucet: vec![FaucetGrant {
            universe: CORE,
            asset: USDC,
            amount: Amount::new(1_000 * 100_000_000),
            interval_ms: 5_000,
        }],
        action_budget: ActionBudgetTerms {
            initial: 10_000,
            per_usd_traded: 1,
            refill_interval_ms: 10_000,
            cancel_allowance: 100_000,
        },
        storage: StorageTerms { layout: 1 },
        future_series: Vec::new(),
        option_series: Vec::new(),
        synthetics: Vec::new(),
    }
}

/// The usual genesis with options on BTC: the next day and the next Friday, two strikes on each side, in lots of a tenth.
pub(crate) fn option_genesis() -> Genesis {
    let mut genesis = genesis();
    genesis.option_series.push(OptionSeriesSpec {
        universe: CORE,
        underlying: BTC,
        expiries: ExpiryCounts { daily: 1, weekly: 1, monthly: 0, quarterly: 0 },
        strikes_per_side: 2,
        default_volatility: Rate::new(600_000),
        volatility_move_per_second: Rate::new(10_000),
        size_decimals: 1,
        tick: price("0.01"),
        maker_fee: Rate::new(300),
        taker_fee: Rate::new(300),
        fee_share_maximum: Rate::new(125_000),
        minimum_notional_usd: Usd::ZERO,
        maximum_notional_usd: usd("10000000"),
        price_band: Rate::new(100_000),
        open_orders_per_account_max: 200,
        open_interest_maximum: Size::new(500_000),
        position_maximum: Size::new(300_000),
        risk: Default::default(),
    });
    genesis
}

/// A chain under test.
pub(crate) struct Venue {
    pub(crate) engine: Engine,
    /// Advanced by write sets alone.
    reader: State,
    pub(crate) rules: Rules,
    next_nonce: u64,
    blocks: u64,
}

impl Venue {
    /// The venue after block 1.
    pub(crate) fn new() -> Self {
        Self::with(genesis())
    }

    pub(crate) fn with(genesis: Genesis) -> Self {
        genesis.check().expect("the test genesis is valid");
        let mut venue = Self::before_genesis(genesis);
        venue.block(&[], None);
        venue
    }

    pub(crate) fn before_genesis(genesis: Genesis) -> Self {
        let rules = Rules::at(1).expect("version 1 is known");
        let next_nonce = GENESIS_TIME.get();
        let engine = Engine::new(Arc::new(genesis));
        Self { engine, reader: State::default(), rules, next_nonce, blocks: 0 }
    }

    pub(crate) fn state(&self) -> &State {
        self.engine.state()
    }

    /// Puts a record that no rule would.
    pub(crate) fn damage(&mut self, record: Record) {
        self.engine.state_mut().put(record);
        let (writes, _) = self.engine.state_mut().finish_block();
        self.reader.apply_writes(&writes).expect("own writes decode");
    }

    /// A nonce that nobody used.
    pub(crate) fn nonce(&mut self) -> Nonce {
        self.next_nonce += 1;
        Nonce::new(self.next_nonce)
    }

    /// The person's own action on their own account.
    pub(crate) fn sign(&mut self, name: &str, action: Action) -> Arc<VerifiedAction> {
        let envelope = self.envelope(name, Payload::Native { action });
        Arc::new(signing::verify(key_of(name).sign(envelope)).expect("own signatures verify"))
    }

    /// The person's own action on an account that they act for.
    pub(crate) fn sign_for(&mut self, name: &str, account: AccountId, action: Action) -> Arc<VerifiedAction> {
        let envelope = Envelope { account, ..self.envelope(name, Payload::Native { action }) };
        Arc::new(signing::verify(key_of(name).sign(envelope)).expect("own signatures verify"))
    }

    /// Executes one action of a person on an account that they act for, in a block of its own.
    pub(crate) fn act_for(&mut self, name: &str, account: AccountId, action: Action) -> Receipt {
        let signed = self.sign_for(name, account, action);
        self.block(&[signed], None).receipts.remove(0)
    }

    /// Executes an action that must be refused, and checks that it cost nonce and budget and changed nothing else.
    pub(crate) fn refused(&mut self, name: &str, account: AccountId, action: Action) -> Rejection {
        let records = |state: &State| -> Vec<Record> {
            let changes_anyhow = |record: &Record| {
                matches!(record, Record::Chain { .. } | Record::Nonces { .. } | Record::Account { .. })
            };
            state.records().filter(|record| !changes_anyhow(record)).collect()
        };
        let before = records(self.state());
        match self.act_for(name, account, action).outcome {
            Outcome::Rejected { rejection } => {
                assert_eq!(records(self.state()), before, "a rejection changes nothing: {rejection:?}");
                rejection
            }
            outcome => panic!("it was not refused: {outcome:?}"),
        }
    }

    /// An envelope of the person on their own account.
    pub(crate) fn envelope(&mut self, name: &str, payload: Payload) -> Envelope {
        Envelope {
            chain_id: CHAIN_ID,
            signer: key_of(name).signer_id(),
            account: account_of(name),
            nonce: self.nonce(),
            expires_after_ms: None,
            payload,
        }
    }

    /// Executes a block 10 ms after the last one.
    pub(crate) fn block(&mut self, actions: &[Arc<VerifiedAction>], bundle: Option<&OracleBundle>) -> BlockOutcome {
        let time_ms = self.engine.time_ms().saturating_add(10);
        self.block_at(time_ms, actions, bundle).expect("the block is valid")
    }

    /// Executes one action in a block of its own.
    pub(crate) fn act(&mut self, name: &str, action: Action) -> Receipt {
        let signed = self.sign(name, action);
        self.block(&[signed], None).receipts.remove(0)
    }

    /// Executes a block at a time, with every check that tests make about any block.
    pub(crate) fn block_at(
        &mut self,
        time_ms: TimeMs,
        actions: &[Arc<VerifiedAction>],
        bundle: Option<&OracleBundle>,
    ) -> Result<BlockOutcome, InvalidBlock> {
        self.blocks += 1;
        let parent = BlockDigest(sha256(&[b"block", &self.blocks.to_be_bytes()]));
        let height = self.engine.height().next();
        self.checked(&BlockInput { height, time_ms, parent, oracle_bundle: bundle, actions })
    }

    /// Executes a block with every check.
    pub(crate) fn checked(&mut self, input: &BlockInput<'_>) -> Result<BlockOutcome, InvalidBlock> {
        let before = self.state().clone();
        let first = match self.engine.execute(&self.rules, input) {
            Ok(outcome) => outcome,
            Err(invalid) => {
                assert_eq!(*self.state(), before, "an invalid block leaves no trace");
                return Err(invalid);
            }
        };
        let after = self.state().clone();
        self.engine.revert(first.undo);
        assert_eq!(*self.state(), before, "a revert is exact");
        let second = self.engine.execute(&self.rules, input).expect("what was valid is valid again");
        assert_eq!(*self.state(), after, "execution is deterministic");
        assert_eq!((first.receipts, first.events, first.writes), {
            (second.receipts.clone(), second.events.clone(), second.writes.clone())
        });
        assert_eq!(second.receipts.len(), input.actions.len(), "one receipt per action");
        self.check_state(&second);
        Ok(second)
    }

    fn check_state(&mut self, outcome: &BlockOutcome) {
        assert_eq!(self.state().rebuilt(), *self.state(), "a rebuild from records is the state");
        self.reader.apply_writes(&outcome.writes).expect("own writes decode");
        assert_eq!(self.reader, *self.engine.state(), "a reader that follows the writes sees the state");
        for write in &outcome.writes {
            assert_eq!(write.key, write.name.database_key());
        }
        assert_eq!(audit_for_tests(self.state()), None, "the invariants hold");
        for spec in self.state().markets() {
            let best = |side| self.state().best_order(spec.id, side).map(|record| record.order.price);
            if let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) {
                assert!(bid < ask, "the book of {} is crossed: {bid} {ask}", spec.symbol);
            }
        }
        self.check_special_orders();
        check_watched(self.state());
        for (id, amount) in self.state().balances() {
            let held = self.state().held(id.account, id.universe, id.asset);
            let is_collateral = id.asset == USDC;
            assert!(is_collateral || amount >= held, "{id:?} holds {amount}, {held} are locked");
        }
    }

    /// Everything but what every action changes (budget, nonces) and what time does (marks), and the next order's number.
    pub(crate) fn comparable(&self) -> (Vec<Record>, u64) {
        let changes = |record: &Record| {
            let key = record.key();
            matches!(
                key,
                RecordKey::Account(_)
                    | RecordKey::Nonces(_)
                    | RecordKey::Mark(_)
                    | RecordKey::Index(_)
                    | RecordKey::Chain(())
            )
        };
        (self.state().records().filter(|record| !changes(record)).collect(), self.state().chain().next_order)
    }

    /// What hangs on something hangs on something that is there.
    fn check_special_orders(&self) {
        let state = self.state();
        for (id, order) in state.quotes() {
            let order = state.order(order).expect("a quote is an open order").order;
            assert_eq!((order.account, order.market, order.side), (id.account, id.market, id.side));
        }
        for trigger in state.triggers().map(|record| record.trigger) {
            match trigger.link {
                TriggerLink::Parent { parent, parent_open: true, .. } => {
                    assert!(state.order(parent).is_some(), "{trigger:?} waits for fills of an order that is gone");
                }
                TriggerLink::Parent { filled, .. } => assert!(!filled.is_zero(), "{trigger:?} can never fire"),
                TriggerLink::Position => {
                    let held = state.position(trigger.account, trigger.market).copied().unwrap_or_default();
                    assert!(!held.reducible(trigger.side, Size::MAX).is_zero(), "{trigger:?} closes nothing");
                }
                TriggerLink::Alone | TriggerLink::Sibling { .. } => {}
            }
        }
    }

    /// Lets block time pass without prices.
    pub(crate) fn advance(&mut self, milliseconds: u64) {
        let end = self.engine.time_ms().saturating_add(milliseconds);
        while self.engine.time_ms() < end {
            let step = end.since(self.engine.time_ms()).min(1_000);
            let time_ms = self.engine.time_ms().saturating_add(step);
            self.block_at(time_ms, &[], None).expect("an empty block is valid");
        }
    }

    /// The first block after an outage, whose votes have a time and no price yet: every index is as old as the outage.
    pub(crate) fn block_after(&mut self, milliseconds: u64) -> BlockOutcome {
        let time_ms = self.engine.time_ms().saturating_add(milliseconds);
        let bundle = bundle_of((0..4).map(|_| Vec::new()), time_ms);
        self.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid")
    }

    /// Lets time pass at once, as an outage would: a quorum's prices carry the block time over it.
    pub(crate) fn skip(&mut self, milliseconds: u64, asset: AssetId, price: Price) {
        let time_ms = self.engine.time_ms().saturating_add(milliseconds);
        let bundle = bundle(asset, &[price; 4], time_ms);
        self.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid");
        self.next_nonce = self.next_nonce.max(time_ms.get());
    }

    /// All seats sign the same price, in a block of its own, a second after the last round.
    pub(crate) fn set_index(&mut self, asset: AssetId, price: Price) {
        let time_ms = self.engine.time_ms().saturating_add(1_000);
        let bundle = bundle(asset, &[price; 4], time_ms);
        self.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid");
    }
}

impl Venue {
    /// All seats sign the same price every 8 s, for a span of block time.
    pub(crate) fn keep_index(&mut self, asset: AssetId, price: Price, milliseconds: u64) {
        let end = self.engine.time_ms().saturating_add(milliseconds);
        while self.engine.time_ms() < end {
            let step = end.since(self.engine.time_ms()).min(8_000);
            let time_ms = self.engine.time_ms().saturating_add(step);
            let bundle = bundle(asset, &[price; 4], time_ms);
            self.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid");
        }
    }

    /// A block after a gap of block time, which only a quorum's bundle allows.
    pub(crate) fn after_gap(&mut self, asset: AssetId, price: Price, milliseconds: u64) -> BlockOutcome {
        let time_ms = self.engine.time_ms().saturating_add(milliseconds);
        let bundle = bundle(asset, &[price; 4], time_ms);
        self.block_at(time_ms, &[], Some(&bundle)).expect("a quorum's bundle is valid")
    }
}

/// What is kept of margin units is what their records say, unless the account will be looked at anew.
fn check_watched(state: &State) {
    for watched in state.untouched_watched().into_iter().filter(|watched| watched.unit.market.is_none()) {
        let fresh = holdings(state, watched.unit).expect("in range");
        let held = |watched: &Watched| watched.edges.iter().map(|edge| (edge.key, edge.lots)).collect::<Vec<_>>();
        assert_eq!(
            (watched.base_usd, watched.is_in_debt, held(&watched)),
            (fresh.base_usd, fresh.is_in_debt, held(&fresh)),
            "{:?}",
            watched.unit
        );
    }
}

/// One vote per price, by the first seats.
pub(crate) fn bundle(asset: AssetId, prices: &[Price], time_ms: TimeMs) -> OracleBundle {
    bundle_of(prices.iter().map(|&price| vec![OracleEntry { asset, price }]), time_ms)
}

fn bundle_of(entries: impl Iterator<Item = Vec<OracleEntry>>, time_ms: TimeMs) -> OracleBundle {
    let votes = (0u32..)
        .zip(entries)
        .map(|(seat, entries)| {
            let vote = OracleVote {
                chain_id: CHAIN_ID,
                epoch: 0,
                round: time_ms.get() / 1_000,
                seat: SeatId::new(seat),
                time_ms,
                entries,
            };
            vote.sign(&oracle_key(seat))
        })
        .collect();
    OracleBundle { votes }
}

/// The records' keys and values are the pinned ones (the first bytes of the database key, and of SHA-256 of the value), and what
/// is cut short is no record.
pub(crate) fn assert_records_are_pinned(records: &[Record], pinned: &[(&str, &str)]) {
    let short = |bytes: &[u8]| bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    let found: Vec<(String, String)> = records
        .iter()
        .map(|record| (short(&record.key().database_key()), short(&sha256(&[&record.encode()]))))
        .collect();
    let pinned: Vec<(String, String)> = pinned.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    assert_eq!(found, pinned);
    for record in records {
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes).as_ref(), Ok(record));
        assert!((0..bytes.len()).all(|length| Record::decode(&bytes[..length]).is_err()), "no cut records");
    }
}
