//! The flow that all benchmarks share: 10 markets, 10,000 accounts, about 100,000 resting orders over 1,000 levels; on
//! perpetuals, every account has taken positions in three markets. Of the actions 45 % place, 45 % cancel or modify, 10 %
//! take. What is cancelled or modified is drawn uniformly from all resting orders; at least 80 % of the orders that came
//! to rest outlive their block; indices, and marks with them, move in every block. The last two are checked.

pub mod book;
mod random;
mod terms;

pub use terms::Kind;

use palisade_engine::{BlockInput, BlockOutcome, Engine, Rules, State};
use palisade_types::{
    action::{Action, CancelRequest, ModifyRequest},
    address::AccountId,
    envelope::{Envelope, Payload},
    event::Event,
    hash::{BlockDigest, sha256},
    ids::{AssetId, Height, Nonce, OrderId, SeatId},
    numbers::{Price, Size},
    oracle::{OracleBundle, OracleEntry, OracleVote},
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome},
    signing::{VerifiedAction, secp256k1::Secp256k1SecretKey, verify},
    time::TimeMs,
};
use random::Random;
use std::sync::Arc;
use terms::{CHAIN_ID, MARKETS, MIDDLE_USD, SEATS, START_MS, UNIT, genesis, oracle_key};

const ACCOUNTS: usize = 10_000;
const ACCOUNTS_PER_SETUP_BLOCK: usize = 1_000;
const ORDERS_PER_ACCOUNT: usize = 10;
const POSITIONS_PER_ACCOUNT: usize = 3;
/// Price levels on each side of each book.
const LEVELS: usize = 50;
const RESTING_LOTS_MAX: usize = 20;
const TAKEN_LOTS_MAX: usize = 3;
const BLOCK_MS: u64 = 1_000;
/// Refused parts tolerated, in percent: an order may have been filled before its cancel.
const REFUSED_PERCENT_MAX: usize = 5;
/// Of the orders that came to rest in a block, so many must be open after it, in percent.
const OUTLIVING_PERCENT_MIN: usize = 80;
/// An index differs from its last value by up to so many whole USD, and by at least one.
const INDEX_MOVE_USD_MAX: i64 = 4;

/// A block that can be executed again and again.
pub struct Block {
    height: Height,
    time_ms: TimeMs,
    bundle: OracleBundle,
    actions: Vec<Arc<VerifiedAction>>,
}

impl Block {
    /// Orders, cancels and modifies in it.
    pub fn parts(&self) -> usize {
        self.actions.iter().map(|action| action.request().part_count()).sum()
    }

    pub fn actions(&self) -> usize {
        self.actions.len()
    }
}

pub struct Venue {
    pub engine: Engine,
    kind: Kind,
    rules: Rules,
    people: Vec<(Secp256k1SecretKey, AccountId)>,
    random: Random,
    nonce: u64,
    /// Every resting order, and numbers that rested once: those are dropped when they are drawn.
    resting: Vec<OrderId>,
    /// Each asset's index, in whole USD from the middle.
    index_offsets_usd: Vec<i64>,
}

impl Venue {
    /// The venue with its resting orders and positions.
    pub fn new(kind: Kind) -> Self {
        let person = |place: usize| {
            let key = Secp256k1SecretKey::from_bytes(sha256(&[b"benchmark", &place.to_be_bytes()]))
                .expect("a hash is a valid key");
            let account = key.address();
            (key, account)
        };
        let people: Vec<_> = (0..ACCOUNTS).map(person).collect();
        let genesis = genesis(kind, people.iter().map(|(_, account)| *account));
        genesis.check().expect("a sound genesis");
        let mut venue = Self {
            engine: Engine::new(Arc::new(genesis)),
            kind,
            rules: Rules::at(1).expect("version 1 is known"),
            people,
            random: Random::new(1),
            nonce: START_MS,
            resting: Vec::new(),
            index_offsets_usd: vec![0; MARKETS as usize],
        };
        let first = venue.seal(Vec::new());
        venue.run(&first);
        venue.everyone(Self::rest, ORDERS_PER_ACCOUNT);
        venue.everyone(Self::take, POSITIONS_PER_ACCOUNT);
        venue.resting = venue.open_orders();
        venue
    }

    fn everyone(&mut self, act: fn(&mut Self, usize, usize) -> Action, parts: usize) {
        for start in (0..ACCOUNTS).step_by(ACCOUNTS_PER_SETUP_BLOCK) {
            let people = start..start + ACCOUNTS_PER_SETUP_BLOCK;
            let actions = people.map(|person| (person, act(self, person, parts))).collect();
            let block = self.seal(actions);
            check(&self.run(&block));
        }
    }

    /// The next `count` blocks of the flow, `parts` orders per action; the venue stays where it is.
    pub fn blocks(&mut self, count: usize, actions: usize, parts: usize) -> Vec<Block> {
        self.resting = self.open_orders();
        let mut outcomes = Vec::new();
        let mut blocks = Vec::new();
        for _ in 0..count {
            let state = self.engine.state().clone();
            let actions = (0..actions).map(|_| self.choose(&state, parts)).collect();
            let block = self.seal(actions);
            let outcome = self.run(&block);
            check(&outcome);
            self.check_outliving(&outcome.events, self.engine.state());
            if self.kind == Kind::Perpetual {
                check_marks(&outcome.events);
            }
            self.resting.extend(rested(&outcome.events));
            outcomes.push(outcome);
            blocks.push(block);
        }
        for outcome in outcomes.into_iter().rev() {
            self.engine.revert(outcome.undo);
        }
        blocks
    }

    /// An action of the flow, seen from `state`.
    pub fn next(&mut self, state: &State) -> (AccountId, Action) {
        let (person, action) = self.choose(state, 1);
        (self.people[person].1, action)
    }

    /// Takes note of orders that came to rest.
    pub fn see(&mut self, events: &[Event]) {
        self.resting.extend(rested(events));
    }

    /// Most orders that came to rest must be open afterwards: a flow of orders that vanish at once would be another one.
    pub fn check_outliving(&self, events: &[Event], after: &State) {
        let placed: Vec<OrderId> = rested(events).collect();
        let open = placed.iter().filter(|order| after.order(**order).is_some()).count();
        assert!(open * 100 >= placed.len() * OUTLIVING_PERCENT_MIN, "{open} of {} orders are left", placed.len());
    }

    fn open_orders(&self) -> Vec<OrderId> {
        let state = self.engine.state();
        let sides = state.markets().flat_map(|market| [Side::Buy, Side::Sell].map(|side| (market.id, side)));
        sides.flat_map(|(market, side)| state.book_side(market, side).map(|record| record.order.id)).collect()
    }

    /// Executes a block on its parent.
    pub fn run(&mut self, block: &Block) -> BlockOutcome {
        let input = BlockInput {
            height: block.height,
            time_ms: block.time_ms,
            parent: BlockDigest(sha256(&[&block.height.get().to_be_bytes()])),
            oracle_bundle: Some(&block.bundle),
            actions: &block.actions,
        };
        self.engine.execute(&self.rules, &input).expect("the flow's blocks are valid")
    }

    fn choose(&mut self, state: &State, parts: usize) -> (usize, Action) {
        let anyone = self.random.below(ACCOUNTS);
        match self.random.below(100) {
            0..45 => (anyone, self.rest(anyone, parts)),
            45..67 => {
                let (person, chosen) = self.draw(state, parts);
                let cancel =
                    |order: OpenOrder| CancelRequest { market: order.market, order: OrderReference::Id(order.id) };
                (person, Action::Cancel { cancels: chosen.into_iter().map(cancel).collect() })
            }
            67..90 => {
                let (person, chosen) = self.draw(state, parts);
                let modifies = chosen.into_iter().map(|order| self.moved(&order)).collect();
                (person, Action::Modify { modifies })
            }
            _ => (anyone, self.take(anyone, parts)),
        }
    }

    /// A resting order drawn from all of them, and, for an action of many parts, more of the same owner's; with the
    /// owner. What is drawn is not drawn again in the same block.
    fn draw(&mut self, state: &State, count: usize) -> (usize, Vec<OpenOrder>) {
        let first = loop {
            let place = self.random.below(self.resting.len());
            let id = self.resting.swap_remove(place);
            if let Some(record) = state.order(id) {
                break record.order;
            }
        };
        let others = state.orders_of(first.account).map(|record| record.order).filter(|order| order.id != first.id);
        let chosen = std::iter::once(first).chain(others.take(count - 1)).collect();
        let person = self.people.iter().position(|(_, account)| *account == first.account).expect("one of us");
        (person, chosen)
    }

    /// The order at another level.
    fn moved(&mut self, order: &OpenOrder) -> ModifyRequest {
        let price = self.resting_price(order.side);
        let replacement = OrderRequest {
            market: order.market,
            side: order.side,
            price,
            size: order.remaining,
            time_in_force: order.time_in_force,
            reduce_only: false,
            client_order_id: None,
        };
        ModifyRequest { order: OrderReference::Id(order.id), replacement }
    }

    fn resting_price(&mut self, side: Side) -> Price {
        let distance = i64::try_from(1 + self.random.below(LEVELS)).expect("few levels");
        usd_price(if side == Side::Buy { MIDDLE_USD - distance } else { MIDDLE_USD + distance })
    }

    fn side(&mut self) -> Side {
        if self.random.below(2) == 0 { Side::Buy } else { Side::Sell }
    }

    /// Orders that rest.
    fn rest(&mut self, _: usize, parts: usize) -> Action {
        let orders = (0..parts).map(|_| {
            let (market, side) = (self.random.below(MARKETS as usize), self.side());
            let lots = 1 + self.random.below(RESTING_LOTS_MAX);
            let price = self.resting_price(side);
            self.order(market, side, price, lots, TimeInForce::Gtc)
        });
        Action::Place { orders: orders.collect() }
    }

    /// Orders that take, each in another market.
    fn take(&mut self, person: usize, parts: usize) -> Action {
        let orders = (0..parts).map(|place| {
            let side = self.side();
            let beyond = i64::try_from(LEVELS).expect("few levels");
            let limit = usd_price(if side == Side::Buy { MIDDLE_USD + beyond } else { MIDDLE_USD - beyond });
            let lots = 1 + self.random.below(TAKEN_LOTS_MAX);
            self.order(person + place, side, limit, lots, TimeInForce::Ioc)
        });
        Action::Place { orders: orders.collect() }
    }

    fn order(&self, market: usize, side: Side, price: Price, lots: usize, time_in_force: TimeInForce) -> OrderRequest {
        let place = u32::try_from(market % MARKETS as usize).expect("few markets");
        OrderRequest {
            market: self.kind.market(place),
            side,
            price,
            size: Size::new(lots as u64),
            time_in_force,
            reduce_only: false,
            client_order_id: None,
        }
    }

    /// The next block, with signed actions and new prices.
    fn seal(&mut self, actions: Vec<(usize, Action)>) -> Block {
        let time_ms = self.engine.time_ms().saturating_add(BLOCK_MS);
        let actions = actions.into_iter().map(|(person, action)| self.sign(person, action)).collect();
        Block { height: self.engine.height().next(), time_ms, bundle: self.bundle(time_ms), actions }
    }

    fn sign(&mut self, person: usize, action: Action) -> Arc<VerifiedAction> {
        self.nonce += 1;
        let (key, account) = &self.people[person];
        let envelope = Envelope {
            chain_id: CHAIN_ID,
            signer: key.signer_id(),
            account: *account,
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action },
        };
        Arc::new(verify(key.sign(envelope)).expect("own signatures verify"))
    }

    fn bundle(&mut self, time_ms: TimeMs) -> OracleBundle {
        for offset in &mut self.index_offsets_usd {
            let step = 1 + i64::try_from(self.random.below(INDEX_MOVE_USD_MAX as usize)).expect("a few USD");
            *offset += if *offset > 0 { -step } else { step };
        }
        let prices = self.index_offsets_usd.iter().map(|offset| usd_price(MIDDLE_USD + offset));
        let entries: Vec<OracleEntry> =
            (1..=MARKETS).zip(prices).map(|(asset, price)| OracleEntry { asset: AssetId::new(asset), price }).collect();
        let vote = |seat: u32| OracleVote {
            chain_id: CHAIN_ID,
            epoch: 0,
            round: time_ms.get() / 1_000,
            seat: SeatId::new(seat),
            time_ms,
            entries: entries.clone(),
        };
        OracleBundle { votes: (0..SEATS).map(|seat| vote(seat).sign(&oracle_key(seat))).collect() }
    }
}

const fn usd_price(whole_usd: i64) -> Price {
    Price::new(whole_usd * UNIT)
}

/// How many parts an outcome has, and how many of them were refused.
pub fn refused(outcome: &Outcome) -> (usize, usize) {
    match outcome {
        Outcome::Rejected { .. } => (1, 1),
        Outcome::Done
        | Outcome::Twap { .. }
        | Outcome::AccountCreated { .. }
        | Outcome::BlockRequested { .. }
        | Outcome::BlockQuoted { .. }
        | Outcome::Combo { .. }
        | Outcome::ComboOrder { .. } => (1, 0),
        Outcome::Orders { results } => {
            let refused = results.iter().filter(|result| matches!(result, OrderResult::Rejected { .. }));
            (results.len(), refused.count())
        }
        Outcome::Cancels { results } => {
            let refused = results.iter().filter(|result| matches!(result, CancelResult::Rejected { .. }));
            (results.len(), refused.count())
        }
        Outcome::Quotes { results } => {
            let refused = results.iter().map(|result| result.rejections().count()).sum::<usize>();
            (results.len().saturating_mul(2), refused)
        }
    }
}

/// A benchmark of refusals would measure nothing.
pub fn check_refused(counts: impl Iterator<Item = (usize, usize)>) {
    let (parts, refused) = counts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    assert!(refused * 100 <= parts * REFUSED_PERCENT_MAX, "{refused} of {parts} orders were refused");
}

fn check(outcome: &BlockOutcome) {
    check_refused(outcome.receipts.iter().map(|receipt| refused(&receipt.outcome)));
}

/// Orders that came to rest, in order.
fn rested(events: &[Event]) -> impl Iterator<Item = OrderId> {
    events.iter().filter_map(|event| match event {
        Event::OrderRested { order } => Some(order.id),
        _ => None,
    })
}

/// Every perpetual's mark must have moved.
fn check_marks(events: &[Event]) {
    let moved = events.iter().filter(|event| matches!(event, Event::MarkUpdated { .. })).count();
    assert_eq!(moved, MARKETS as usize, "marks that moved in a block");
}
