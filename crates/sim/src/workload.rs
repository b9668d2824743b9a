//! What clients and reporters do: orders of every kind, transfers, agents, expiries, and bad input.
//!
//! People hand in at any seat that is ready. What a seat accepts is no promise, so only the **careful client** is owed
//! anything: it stays within its budget and sends nothing while faults are active, so each of its actions must be
//! executed. Nobody may ever get an action with a broken signature accepted.

use crate::{
    Violation,
    coverage::Coverage,
    lie::Lie,
    venue::{self, BTC, CHAIN_ID, CORE, FIRST_PRICE_USD, PEOPLE, PERPETUAL, SPOT, USDC, WHOLE},
    world::World,
};
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::SignerId,
    agent::AgentScope,
    envelope::{Envelope, Payload, SignedAction},
    hash::ActionId,
    ids::{ClientOrderId, Nonce, SeatId},
    numbers::{Amount, Price, Size},
    oracle::{OracleEntry, OracleVote},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// Sets the clients' choices apart from those of the plan.
const STREAM: u64 = 0x636c_6965_6e74;
/// The person whose actions are owed a receipt.
const CAREFUL: usize = 0;
/// Time between two actions of the careful client.
const CAREFUL_EVERY_MS: u64 = 400;
/// Time between two rounds of prices.
const PRICE_EVERY_MS: u64 = 1_000;
/// Actions that are kept to be sent a second time.
const OLD_KEPT: usize = 64;

/// All clients of a run.
pub struct Workload {
    random: StdRng,
    nonce: u64,
    price: i64,
    last_price_ms: u64,
    last_careful_ms: u64,
    old: Vec<SignedAction>,
    owed: Vec<ActionId>,
    agents: Vec<(usize, [u8; 32])>,
}

impl Workload {
    /// The clients of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed ^ STREAM),
            nonce: venue::GENESIS_TIME.get(),
            price: FIRST_PRICE_USD * 2,
            last_price_ms: 0,
            last_careful_ms: 0,
            old: Vec::new(),
            owed: Vec::new(),
            agents: Vec::new(),
        }
    }

    /// Everybody does something, or not. `calm` is whether no fault is active.
    pub async fn step(&mut self, world: &World, calm: bool) -> Result<(), Violation> {
        let ready = world.ready();
        if ready.is_empty() {
            return Ok(());
        }
        self.report_prices(world).await;
        if calm {
            self.careful(world, &ready).await?;
        }
        for _ in 0..self.random.random_range(0..3u8) {
            let seat = ready[self.random.random_range(0..ready.len())];
            let signed = self.anything(world.now_ms());
            self.submit(world, seat, signed).await?;
        }
        Ok(())
    }

    /// Actions of the careful client that have no receipt yet.
    pub fn owed(&mut self, world: &World) -> usize {
        let history = world.history.lock();
        self.owed.retain(|action| !history.receipts().contains_key(action));
        self.owed.len()
    }

    async fn submit(&mut self, world: &World, seat: usize, signed: Signed) -> Result<(), Violation> {
        let Some(running) = world.running(seat) else { return Ok(()) };
        let Signed { action, broken } = signed;
        let answer = running.api.submit(action.clone()).await;
        note_answer(&mut world.history.lock().coverage, &answer);
        match answer {
            Ok(id) if broken => Err(Violation::new(
                "signatures are checked",
                format!("seat {seat} accepted {id} with a broken signature"),
            )),
            Ok(_) => {
                if self.old.len() < OLD_KEPT {
                    self.old.push(action);
                } else {
                    let index = self.random.random_range(0..OLD_KEPT);
                    self.old[index] = action;
                }
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    async fn careful(&mut self, world: &World, ready: &[usize]) -> Result<(), Violation> {
        let now_ms = world.now_ms().get();
        if now_ms < self.last_careful_ms + CAREFUL_EVERY_MS {
            return Ok(());
        }
        self.last_careful_ms = now_ms;
        let to = venue::account(1);
        let action = Action::Transfer { universe: CORE, to, asset: USDC, amount: Amount::new(1) };
        let signed = self.sign(CAREFUL, action, None);
        let honest: Vec<usize> = ready.iter().copied().filter(|seat| !world.lies(*seat)).collect();
        if honest.is_empty() {
            return Ok(());
        }
        let seat = honest[self.random.random_range(0..honest.len())];
        let Some(running) = world.running(seat) else { return Ok(()) };
        match running.api.submit(signed).await {
            Ok(id) => {
                self.owed.push(id);
                Ok(())
            }
            Err(error) => Err(Violation::new("careful clients are served", format!("seat {seat}: {error}"))),
        }
    }

    async fn report_prices(&mut self, world: &World) {
        let now_ms = world.now_ms();
        if now_ms.get() < self.last_price_ms + PRICE_EVERY_MS {
            return;
        }
        self.last_price_ms = now_ms.get();
        self.price = (self.price + self.random.random_range(-8..=8)).max(FIRST_PRICE_USD);
        for seat in world.ready() {
            let Some(running) = world.running(seat) else { continue };
            let mut price = Price::new((self.price / 2 + i64::from(self.random.random_bool(0.2))) * WHOLE);
            if world.lie_of(seat) == Some(Lie::OracleLiar) {
                world.history.lock().coverage.note(Lie::OracleLiar.name());
                price = Price::new(if self.random.random_bool(0.5) { price.get() * 3 } else { price.get() / 3 });
            }
            let vote = OracleVote {
                chain_id: CHAIN_ID,
                epoch: 0,
                round: now_ms.get() / 1_000,
                seat: SeatId::new(u32::try_from(seat).unwrap_or(u32::MAX)),
                time_ms: now_ms,
                entries: vec![OracleEntry { asset: BTC, price }],
            };
            let answer = running.api.submit_oracle_vote(vote.sign(&venue::oracle_key(seat))).await;
            world.history.lock().coverage.note(if answer.is_ok() {
                "oracle vote: taken"
            } else {
                "oracle vote: refused"
            });
        }
    }

    fn sign(&mut self, person: usize, action: Action, expires_after_ms: Option<TimeMs>) -> SignedAction {
        self.nonce += 1;
        let key = venue::person_key(person);
        key.sign(Envelope {
            chain_id: CHAIN_ID,
            signer: SignerId::Address(key.address()),
            account: key.address(),
            nonce: Nonce::new(self.nonce),
            expires_after_ms,
            payload: Payload::Native { action },
        })
    }

    /// One action of one person, good or bad.
    fn anything(&mut self, now_ms: TimeMs) -> Signed {
        let person = self.random.random_range(1..PEOPLE);
        match self.random.random_range(0..100u8) {
            0..=2 => {
                let mut action = self.sign(person, Action::CancelAll { market: None }, None);
                action.envelope.nonce = Nonce::new(action.envelope.nonce.get() + 1_000_000);
                Signed { action, broken: true }
            }
            3..=6 if !self.old.is_empty() => {
                Signed::whole(self.old[self.random.random_range(0..self.old.len())].clone())
            }
            7..=8 => {
                let mut envelope = self.sign(person, Action::CancelAll { market: None }, None).envelope;
                envelope.chain_id += 1;
                Signed::whole(venue::person_key(person).sign(envelope))
            }
            9..=14 if !self.agents.is_empty() => Signed::whole(self.by_agent(now_ms)),
            15..=20 => {
                let expires = TimeMs::new((now_ms.get() + self.random.random_range(0..400)).saturating_sub(100));
                let action = self.place(now_ms);
                Signed::whole(self.sign(person, action, Some(expires)))
            }
            _ => {
                let action = self.good(person, now_ms);
                Signed::whole(self.sign(person, action, None))
            }
        }
    }

    fn by_agent(&mut self, now_ms: TimeMs) -> SignedAction {
        let (person, seed) = self.agents[self.random.random_range(0..self.agents.len())];
        let key = Ed25519SecretKey::from_bytes(seed);
        let action = self.place(now_ms);
        self.nonce += 1;
        key.sign(Envelope {
            chain_id: CHAIN_ID,
            signer: key.signer_id(),
            account: venue::account(person),
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action },
        })
    }

    fn good(&mut self, person: usize, now_ms: TimeMs) -> Action {
        match self.random.random_range(0..100u8) {
            0..=54 => self.place(now_ms),
            55..=69 => {
                let market = self.market();
                let cancel = |order| CancelRequest { market, order };
                let count = self.random.random_range(1..4);
                Action::Cancel { cancels: (0..count).map(|_| cancel(self.order_name())).collect() }
            }
            70..=79 => {
                let replacement = self.order(now_ms);
                Action::Modify { modifies: vec![ModifyRequest { order: self.order_name(), replacement }] }
            }
            80..=81 => Action::CancelAll { market: self.random.random_bool(0.5).then(|| self.market()) },
            82..=83 => {
                let at = now_ms.saturating_add(self.random.random_range(3_000..8_000));
                Action::ScheduleCancel { at_ms: self.random.random_bool(0.7).then_some(at) }
            }
            84..=86 => Action::UpdateLeverage {
                market: self.market(),
                leverage: self.random.random_range(0..25),
                margin_mode: MarginMode::Cross,
            },
            87..=90 => self.approve(person, now_ms),
            91..=92 => match self.agents.pop() {
                Some((_, seed)) => Action::RevokeAgent { agent: Ed25519SecretKey::from_bytes(seed).signer_id() },
                None => Action::CancelAll { market: None },
            },
            _ => {
                let amount = match self.random.random_range(0..4u8) {
                    0 => i128::MAX / 2,
                    1 => 0,
                    _ => i128::from(self.random.random_range(1..100 * WHOLE)),
                };
                let asset = if self.random.random_bool(0.7) { USDC } else { BTC };
                let to = venue::account(self.random.random_range(0..PEOPLE + 2));
                Action::Transfer { universe: CORE, to, asset, amount: Amount::new(amount) }
            }
        }
    }

    fn approve(&mut self, person: usize, now_ms: TimeMs) -> Action {
        let mut seed = [0u8; 32];
        self.random.fill_bytes(&mut seed);
        self.agents.push((person, seed));
        Action::ApproveAgent {
            agent: Ed25519SecretKey::from_bytes(seed).signer_id(),
            name: format!("bot-{}", self.random.random_range(0..3u8)),
            scope: if self.random.random_bool(0.8) { AgentScope::Trade } else { AgentScope::CancelOnly },
            expires_at_ms: self.random.random_bool(0.5).then(|| now_ms.saturating_add(4_000)),
        }
    }

    fn market(&mut self) -> palisade_types::ids::MarketId {
        if self.random.random_bool(0.5) { SPOT } else { PERPETUAL }
    }

    /// One of few names, so that it often names an order.
    fn client_order_id(&mut self) -> ClientOrderId {
        ClientOrderId([self.random.random_range(0..24u8); 16])
    }

    fn order_name(&mut self) -> OrderReference {
        OrderReference::Client(self.client_order_id())
    }

    fn place(&mut self, now_ms: TimeMs) -> Action {
        let count = if self.random.random_bool(0.8) { 1 } else { self.random.random_range(0..6) };
        Action::Place { orders: (0..count).map(|_| self.order(now_ms)).collect() }
    }

    fn order(&mut self, now_ms: TimeMs) -> OrderRequest {
        let side = if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell };
        // In halves of a USD, which is the tick; now and then far off or between ticks.
        let half_usd = WHOLE / 2;
        let near = (self.price + self.random.random_range(-12..=12)) * half_usd;
        let price = match self.random.random_range(0..40u8) {
            0 => near * 3,
            1 => near + 1,
            2 => 0,
            _ => near,
        };
        let time_in_force = match self.random.random_range(0..10u8) {
            0..=4 => TimeInForce::Gtc,
            5 => TimeInForce::Ioc,
            6 => TimeInForce::Alo,
            7 => TimeInForce::Fok,
            _ => TimeInForce::Gtt { expires_at_ms: now_ms.saturating_add(self.random.random_range(0..2_000)) },
        };
        OrderRequest {
            market: self.market(),
            side,
            price: Price::new(price),
            size: Size::new(self.random.random_range(0..12)),
            time_in_force,
            reduce_only: self.random.random_bool(0.1),
            client_order_id: self.random.random_bool(0.6).then(|| self.client_order_id()),
        }
    }
}

/// An action and whether its signature was broken on purpose.
struct Signed {
    action: SignedAction,
    broken: bool,
}

impl Signed {
    const fn whole(action: SignedAction) -> Self {
        Self { action, broken: false }
    }
}

fn note_answer(coverage: &mut Coverage, answer: &Result<ActionId, ApiError>) {
    match answer {
        Ok(_) => coverage.note("handed in: accepted"),
        Err(ApiError::Inadmissible { reason }) => {
            let debug = format!("{reason:?}");
            let kind = debug.split([' ', '{', '(']).next().unwrap_or_default();
            coverage.note(format!("handed in: {kind}"));
        }
        Err(ApiError::InvalidRequest { .. }) => coverage.note("handed in: invalid request"),
        Err(_) => coverage.note("handed in: refused for now"),
    }
}
