//! What clients and reporters do: they hand in what [`crate::people`] ask for, and the prices of every seat.
//!
//! People hand in at any seat that is ready. What a seat accepts is no promise, so only the **careful client** is owed
//! anything: it stays within its budget and sends nothing while faults are active, so each of its actions must be
//! executed. Nobody may ever get an action with a broken signature accepted.

use crate::{
    Violation,
    coverage::Coverage,
    lie::Lie,
    people::{People, Signed, one_of},
    venue::{self, CHAIN_ID, CORE, MAKERS, USDC},
    world::World,
};
use palisade_client::api::{ApiError, NodeApi as _};
use palisade_types::{
    action::Action,
    hash::ActionId,
    ids::SeatId,
    numbers::{Amount, Price},
    oracle::{OracleEntry, OracleVote},
};
use rand::RngExt as _;

/// The person whose actions are owed a receipt.
const CAREFUL: usize = 0;
/// Time between two actions of the careful client.
const CAREFUL_EVERY_MS: u64 = 400;
/// Time between two rounds of prices.
const PRICE_EVERY_MS: u64 = 1_000;

/// All clients of a run.
pub struct Workload {
    people: People,
    last_price_ms: u64,
    last_careful_ms: u64,
    owed: Vec<ActionId>,
}

impl Workload {
    /// The clients of a seed.
    pub fn new(seed: u64) -> Self {
        Self { people: People::new(seed), last_price_ms: 0, last_careful_ms: 0, owed: Vec::new() }
    }

    /// Everybody does something, or not. `calm` is whether no fault is active.
    pub async fn step(&mut self, world: &World, calm: bool) -> Result<(), Violation> {
        let ready = world.ready();
        if ready.is_empty() {
            return Ok(());
        }
        let moved = self.report_prices(world).await;
        if calm {
            self.careful(world, &ready).await?;
        }
        for maker in MAKERS.filter(|_| moved) {
            let seat = one_of(&mut self.people.random, &ready);
            let quotes = {
                let history = world.history.lock();
                self.people.make(history.state(), world.now_ms())
            };
            if let Some(quotes) = quotes {
                let action = self.people.sign(world.now_ms(), maker, venue::account(maker), quotes, None);
                self.submit(world, seat, Signed::whole(action)).await?;
            }
        }
        for _ in 0..self.people.random.random_range(0..3u8) {
            let seat = one_of(&mut self.people.random, &ready);
            let signed = {
                let history = world.history.lock();
                self.people.anything(history.state(), world.now_ms())
            };
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
                self.people.keep(action);
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
        let signed = self.people.sign(world.now_ms(), CAREFUL, venue::account(CAREFUL), action, None);
        let honest: Vec<usize> = ready.iter().copied().filter(|seat| !world.lies(*seat)).collect();
        if honest.is_empty() {
            return Ok(());
        }
        let seat = honest[self.people.random.random_range(0..honest.len())];
        let Some(running) = world.running(seat) else { return Ok(()) };
        match running.api.submit(signed).await {
            Ok(id) => {
                self.owed.push(id);
                Ok(())
            }
            Err(error) => Err(Violation::new("careful clients are served", format!("seat {seat}: {error}"))),
        }
    }

    /// Once a second the prices move, and every seat tells them; whether they did.
    pub async fn report_prices(&mut self, world: &World) -> bool {
        let now_ms = world.now_ms();
        if now_ms.get() < self.last_price_ms + PRICE_EVERY_MS {
            return false;
        }
        self.last_price_ms = now_ms.get();
        self.people.move_prices();
        for seat in world.ready() {
            let Some(running) = world.running(seat) else { continue };
            let mut quotes = self.people.prices();
            if world.lie_of(seat) == Some(Lie::OracleLiar) {
                world.history.lock().coverage.note(Lie::OracleLiar.name());
                let up = self.people.random.random_bool(0.5);
                for (_, price) in &mut quotes {
                    *price = Price::new(if up { price.get() * 3 } else { price.get() / 3 });
                }
            }
            let vote = OracleVote {
                chain_id: CHAIN_ID,
                epoch: 0,
                round: now_ms.get() / 1_000,
                seat: SeatId::new(u32::try_from(seat).unwrap_or(u32::MAX)),
                time_ms: now_ms,
                entries: quotes.into_iter().map(|(asset, price)| OracleEntry { asset, price }).collect(),
            };
            let answer = running.api.submit_oracle_vote(vote.sign(&venue::oracle_key(seat))).await;
            world.history.lock().coverage.note(if answer.is_ok() {
                "oracle vote: taken"
            } else {
                "oracle vote: refused"
            });
        }
        true
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
