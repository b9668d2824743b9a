//! The flow that all benchmarks share: 10 markets, 10,000 accounts, about 100,000 resting orders over 1,000 levels; on
//! perpetuals, every account has taken positions in three markets. Of the actions 45 % place, 45 % cancel or modify, 10 %
//! take. Prices move in every block.

pub mod book;
mod random;
mod terms;

pub use terms::Kind;

use palisade_engine::{BlockInput, BlockOutcome, Engine, Rules, State};
use palisade_types::{
    action::{Action, CancelRequest, ModifyRequest},
    address::AccountId,
    envelope::{Envelope, Payload},
    hash::{BlockDigest, sha256},
    ids::{AssetId, Height, Nonce, SeatId},
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
/// Coprime to the number of accounts, so that walking by it meets each once.
const STRIDE: usize = 7_919;
const BLOCK_MS: u64 = 1_000;
/// Refused parts tolerated, in percent: an order may have been filled before its cancel.
const REFUSED_PERCENT_MAX: usize = 5;

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
        };
        let first = venue.seal(Vec::new());
        venue.run(&first);
        venue.everyone(Self::rest, ORDERS_PER_ACCOUNT);
        venue.everyone(Self::take, POSITIONS_PER_ACCOUNT);
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

    /// The next `count` blocks of the flow, one action per account and `parts` orders per action; the venue stays where
    /// it is.
    pub fn blocks(&mut self, count: usize, actions: usize, parts: usize) -> Vec<Block> {
        let mut outcomes = Vec::new();
        let mut blocks = Vec::new();
        for _ in 0..count {
            let start = self.random.below(ACCOUNTS);
            let people = (0..actions).map(|step| (start + step * STRIDE) % ACCOUNTS);
            let actions = people.map(|person| (person, self.choose(None, person, parts))).collect();
            let block = self.seal(actions);
            let outcome = self.run(&block);
            check(&outcome);
            outcomes.push(outcome);
            blocks.push(block);
        }
        for outcome in outcomes.into_iter().rev() {
            self.engine.revert(outcome.undo);
        }
        blocks
    }

    /// An action of the flow by anyone, seen from `state`.
    pub fn next(&mut self, state: &State) -> (AccountId, Action) {
        let person = self.random.below(ACCOUNTS);
        let action = self.choose(Some(state), person, 1);
        (self.people[person].1, action)
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

    fn choose(&mut self, state: Option<&State>, person: usize, parts: usize) -> Action {
        let account = self.people[person].1;
        let state = state.unwrap_or(self.engine.state());
        let open: Vec<OpenOrder> = state.orders_of(account).map(|record| record.order).collect();
        match self.random.below(100) {
            45..67 if !open.is_empty() => Action::Cancel {
                cancels: self
                    .some(&open, parts)
                    .map(|order| CancelRequest { market: order.market, order: OrderReference::Id(order.id) })
                    .collect(),
            },
            67..90 if !open.is_empty() => {
                let chosen: Vec<OpenOrder> = self.some(&open, parts).collect();
                Action::Modify { modifies: chosen.into_iter().map(|order| self.moved(&order)).collect() }
            }
            90..100 => self.take(person, parts),
            _ => self.rest(person, parts),
        }
    }

    /// Up to `count` of the orders, from anywhere among them on.
    fn some<'a>(&mut self, open: &'a [OpenOrder], count: usize) -> impl Iterator<Item = OpenOrder> + use<'a> {
        let start = self.random.below(open.len());
        open.iter().cycle().skip(start).take(count.min(open.len())).copied()
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
        let entries: Vec<OracleEntry> = (1..=MARKETS)
            .map(|asset| {
                let move_usd = i64::try_from(self.random.below(9)).expect("below 9") - 4;
                OracleEntry { asset: AssetId::new(asset), price: usd_price(MIDDLE_USD + move_usd) }
            })
            .collect();
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
        Outcome::Done => (1, 0),
        Outcome::Orders { results } => {
            let refused = results.iter().filter(|result| matches!(result, OrderResult::Rejected { .. }));
            (results.len(), refused.count())
        }
        Outcome::Cancels { results } => {
            let refused = results.iter().filter(|result| matches!(result, CancelResult::Rejected { .. }));
            (results.len(), refused.count())
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
