//! The people of a run, and what they ask for: some trade, some lever up what little they have, some quote everywhere; agents,
//! expiries, and bad input. What they see of the exchange is what is final.

mod money;
mod options;
mod orders;
mod products;
mod structures;
mod walk;

use crate::venue::{self, CHAIN_ID, GAMBLERS, PEOPLE};
use palisade_engine::State;
use palisade_types::{
    action::Action,
    address::{AccountId, SignerId},
    envelope::{Envelope, Payload, SignedAction},
    ids::{AssetId, Nonce},
    numbers::Price,
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Sets the people's choices apart from those of the plan.
const STREAM: u64 = 0x636c_6965_6e74;
/// Actions that are kept to be sent a second time.
const OLD_KEPT: usize = 64;

/// Everybody.
pub struct People {
    /// Decides everything that they do.
    pub random: StdRng,
    nonce: u64,
    walk: walk::Walk,
    old: Vec<SignedAction>,
    agents: Vec<(usize, [u8; 32])>,
    /// Names given so far to what must have a name of its own.
    names: u64,
}

/// Any of some choices.
pub fn one_of<T: Copy>(random: &mut StdRng, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())]
}

/// An action and whether its signature was broken on purpose.
pub struct Signed {
    /// The action.
    pub action: SignedAction,
    /// Whether nobody may accept it.
    pub broken: bool,
}

impl Signed {
    /// One that is whole.
    pub const fn whole(action: SignedAction) -> Self {
        Self { action, broken: false }
    }
}

impl People {
    /// The people of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed ^ STREAM),
            nonce: venue::GENESIS_TIME.get(),
            walk: walk::Walk::new(),
            old: Vec::new(),
            agents: Vec::new(),
            names: 0,
        }
    }

    /// A second passes for the prices.
    pub fn move_prices(&mut self) {
        self.walk.step(&mut self.random);
    }

    /// What one seat says that assets cost.
    pub fn prices(&mut self) -> Vec<(AssetId, Price)> {
        self.walk.quotes(&mut self.random)
    }

    /// Keeps an action that a seat has accepted, to be sent once more.
    pub fn keep(&mut self, action: SignedAction) {
        if self.old.len() < OLD_KEPT {
            self.old.push(action);
        } else {
            let index = self.random.random_range(0..OLD_KEPT);
            self.old[index] = action;
        }
    }

    /// Nonces count on, and keep up with the time.
    fn next_nonce(&mut self, now_ms: TimeMs) -> Nonce {
        self.nonce = (self.nonce + 1).max(now_ms.get());
        Nonce::new(self.nonce)
    }

    /// Signs an action with a person's key.
    pub fn sign(
        &mut self,
        now_ms: TimeMs,
        person: usize,
        account: AccountId,
        action: Action,
        expires_after_ms: Option<TimeMs>,
    ) -> SignedAction {
        let nonce = self.next_nonce(now_ms);
        let key = venue::person_key(person);
        key.sign(Envelope {
            chain_id: CHAIN_ID,
            signer: SignerId::Address(key.address()),
            account,
            nonce,
            expires_after_ms,
            payload: Payload::Native { action },
        })
    }

    /// One action of one person, good or bad.
    pub fn anything(&mut self, state: &State, now_ms: TimeMs) -> Signed {
        let person = self.random.random_range(1..PEOPLE);
        let account = venue::account(person);
        let nothing = Action::CancelAll { market: None };
        match self.random.random_range(0..100u8) {
            0..=1 => {
                let mut action = self.sign(now_ms, person, account, nothing, None);
                action.envelope.nonce = Nonce::new(action.envelope.nonce.get() + 1_000_000);
                Signed { action, broken: true }
            }
            2..=4 if !self.old.is_empty() => {
                Signed::whole(self.old[self.random.random_range(0..self.old.len())].clone())
            }
            5..=6 => {
                let mut envelope = self.sign(now_ms, person, account, nothing, None).envelope;
                envelope.chain_id += 1;
                Signed::whole(venue::person_key(person).sign(envelope))
            }
            7..=11 if !self.agents.is_empty() => Signed::whole(self.by_agent(state, now_ms)),
            12..=15 => {
                let expires = TimeMs::new((now_ms.get() + self.random.random_range(0..400)).saturating_sub(100));
                let action = self.place(state, now_ms).unwrap_or(nothing);
                Signed::whole(self.sign(now_ms, person, account, action, Some(expires)))
            }
            16..=17 => {
                // For an account of somebody else's.
                let other = venue::account((person + 1) % PEOPLE);
                Signed::whole(self.sign(now_ms, person, other, nothing, None))
            }
            _ => {
                let (account, action) = self.good(state, person, now_ms);
                Signed::whole(self.sign(now_ms, person, account, action.unwrap_or(nothing), None))
            }
        }
    }

    fn by_agent(&mut self, state: &State, now_ms: TimeMs) -> SignedAction {
        let (person, seed) = self.agents[self.random.random_range(0..self.agents.len())];
        let key = Ed25519SecretKey::from_bytes(seed);
        let action = self.place(state, now_ms).unwrap_or(Action::CancelAll { market: None });
        key.sign(Envelope {
            chain_id: CHAIN_ID,
            signer: key.signer_id(),
            account: venue::account(person),
            nonce: self.next_nonce(now_ms),
            expires_after_ms: None,
            payload: Payload::Native { action },
        })
    }

    /// For whom, and what: people act for themselves, their sub-accounts and the vaults that they lead.
    fn good(&mut self, state: &State, person: usize, now_ms: TimeMs) -> (AccountId, Option<Action>) {
        let owner = venue::account(person);
        let kind = self.random.random_range(0..100u8);
        if kind < 22 {
            return (owner, self.banking(state, person, now_ms));
        }
        let mut accounts: Vec<AccountId> = state.sub_accounts_of(owner).map(|(sub_account, _)| sub_account).collect();
        accounts.extend(state.vaults_led_by(owner).map(|(vault, _)| vault));
        let account = match accounts.is_empty() || self.random.random_bool(0.7) {
            true => owner,
            false => one_of(&mut self.random, &accounts),
        };
        let trades_options = venue::trades_options(person);
        match kind {
            22..=35 => {
                let acting = structures::Acting { account, now_ms, trades_options };
                return (account, self.structures(state, acting));
            }
            36..=43 => return (account, Some(self.synthetics(state, account))),
            44..=47 => return (account, Some(self.pools(state, account))),
            48..=72 if trades_options => return (account, self.options(state, account, now_ms)),
            _ => {}
        }
        let action = match (GAMBLERS.contains(&person) || account != owner, kind) {
            (true, ..=78) => self.lever_up(state, account),
            (true, 79..=81) => self.leverage(state),
            _ => self.trading(state, account, now_ms),
        };
        (account, action)
    }
}
