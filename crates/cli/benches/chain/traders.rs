//! Who trades: 10,000 accounts with positions in three of ten markets and about 100,000 resting orders over 1,000 levels. Of
//! the actions 45 % place, 45 % cancel or modify, 10 % take; what is cancelled or modified is drawn uniformly from the
//! orders that rest, as seat 0 has told of them.

use crate::{
    committee::now_ms,
    random::Random,
    terms::{CHAIN_ID, Kind, MARKETS, MIDDLE_USD, UNIT},
};
use palisade_types::{
    action::{Action, CancelRequest, ModifyRequest},
    address::{AccountId, SignerId},
    envelope::{Envelope, Payload, SignedAction},
    event::Event,
    hash::sha256,
    ids::{Nonce, OrderId},
    numbers::{Price, Size},
    order::{OpenOrder, OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome},
    signing::secp256k1::Secp256k1SecretKey,
};
use std::collections::HashMap;

pub const ACCOUNTS: usize = 10_000;
const KIND: Kind = Kind::Perpetual;
const ORDERS_PER_ACCOUNT: usize = 10;
const POSITIONS_PER_ACCOUNT: usize = 3;
/// Price levels on each side of each book.
const LEVELS: usize = 50;
const RESTING_LOTS_MAX: usize = 20;
const TAKEN_LOTS_MAX: usize = 3;

pub struct Traders {
    people: Vec<(Secp256k1SecretKey, AccountId)>,
    places: HashMap<AccountId, usize>,
    random: Random,
    nonce: u64,
    /// Orders that rest and that nobody is about to cancel or modify.
    open: HashMap<OrderId, OpenOrder>,
    /// Those, and numbers that rested once: dropped when they are drawn.
    drawn_from: Vec<OrderId>,
    /// The same by owner.
    of_person: Vec<Vec<OrderId>>,
}

impl Traders {
    pub fn new() -> Self {
        let person = |place: usize| {
            let secret = sha256(&[b"benchmark", &place.to_be_bytes()]);
            let key = Secp256k1SecretKey::from_bytes(secret).expect("a hash is a valid key");
            let account = key.address();
            (key, account)
        };
        let people: Vec<_> = (0..ACCOUNTS).map(person).collect();
        let places = people.iter().enumerate().map(|(place, (_, account))| (*account, place)).collect();
        Self {
            people,
            places,
            random: Random::new(1),
            nonce: now_ms(),
            open: HashMap::new(),
            drawn_from: Vec::new(),
            of_person: vec![Vec::new(); ACCOUNTS],
        }
    }

    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.people.iter().map(|(_, account)| *account)
    }

    pub fn resting(&self) -> usize {
        self.open.len()
    }

    /// Takes note of what became of orders.
    pub fn see(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::OrderRested { order } => {
                    self.open.insert(order.id, *order);
                    self.drawn_from.push(order.id);
                    self.of_person[self.places[&order.account]].push(order.id);
                }
                Event::OrderCanceled { order, .. } | Event::OrderFilled { order } => {
                    self.open.remove(&order.id);
                }
                _ => {}
            }
        }
    }

    /// What fills the books.
    pub fn resting_of(&mut self, person: usize) -> (usize, Action) {
        (person, self.rest(ORDERS_PER_ACCOUNT))
    }

    /// What gives everybody positions.
    pub fn positions_of(&mut self, person: usize) -> (usize, Action) {
        (person, self.take(person, POSITIONS_PER_ACCOUNT))
    }

    /// The next action of the flow.
    pub fn choose(&mut self, parts: usize) -> (usize, Action) {
        let anyone = self.random.below(ACCOUNTS);
        match self.random.below(100) {
            45..67 => {
                let (person, chosen) = self.draw(parts);
                let cancel =
                    |order: OpenOrder| CancelRequest { market: order.market, order: OrderReference::Id(order.id) };
                (person, Action::Cancel { cancels: chosen.into_iter().map(cancel).collect() })
            }
            67..90 => {
                let (person, chosen) = self.draw(parts);
                let modifies = chosen.into_iter().map(|order| self.moved(&order)).collect();
                (person, Action::Modify { modifies })
            }
            90..100 => (anyone, self.take(anyone, parts)),
            _ => (anyone, self.rest(parts)),
        }
    }

    pub fn sign(&mut self, person: usize, action: Action) -> SignedAction {
        self.nonce += 1;
        let (key, account) = &self.people[person];
        key.sign(Envelope {
            chain_id: CHAIN_ID,
            // The key would work it out anew each time; a client knows its own address.
            signer: SignerId::Address(*account),
            account: *account,
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action },
        })
    }

    /// A resting order drawn from all of them, and, for an action of many parts, more of the same owner's; with the
    /// owner.
    fn draw(&mut self, count: usize) -> (usize, Vec<OpenOrder>) {
        let first = loop {
            let place = self.random.below(self.drawn_from.len());
            let id = self.drawn_from.swap_remove(place);
            if let Some(order) = self.open.remove(&id) {
                break order;
            }
        };
        let person = self.places[&first.account];
        let mut chosen = vec![first];
        while let Some(id) = (chosen.len() < count).then(|| self.of_person[person].pop()).flatten() {
            chosen.extend(self.open.remove(&id));
        }
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
    fn rest(&mut self, parts: usize) -> Action {
        let orders = (0..parts).map(|_| {
            let (market, side) = (self.random.below(MARKETS as usize), self.side());
            let lots = 1 + self.random.below(RESTING_LOTS_MAX);
            let price = self.resting_price(side);
            order(market, side, price, lots, TimeInForce::Gtc)
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
            order(person + place, side, limit, lots, TimeInForce::Ioc)
        });
        Action::Place { orders: orders.collect() }
    }
}

fn order(market: usize, side: Side, price: Price, lots: usize, time_in_force: TimeInForce) -> OrderRequest {
    let place = u32::try_from(market % MARKETS as usize).expect("few markets");
    OrderRequest {
        market: KIND.market(place),
        side,
        price,
        size: Size::new(lots as u64),
        time_in_force,
        reduce_only: false,
        client_order_id: None,
    }
}

const fn usd_price(whole_usd: i64) -> Price {
    Price::new(whole_usd * UNIT)
}

/// How many parts an outcome has, and how many of them were refused.
pub fn parts(outcome: &Outcome) -> (u64, u64) {
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
            (results.len() as u64, refused.count() as u64)
        }
        Outcome::Cancels { results } => {
            let refused = results.iter().filter(|result| matches!(result, CancelResult::Rejected { .. }));
            (results.len() as u64, refused.count() as u64)
        }
        Outcome::Quotes { results } => {
            let refused = results.iter().map(|result| result.rejections().count()).sum::<usize>();
            (results.len().saturating_mul(2) as u64, refused as u64)
        }
    }
}
