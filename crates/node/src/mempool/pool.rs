//! The actions that wait for a block, in memory, without locks, clocks or networks.
//!
//! Rules:
//! - **Bounded three ways**: in all, per account, and in time. When the pool is full, an account with less
//!   waiting than the heaviest one gets a place at the expense of that one's newest action; so a flood of
//!   one account never shuts out another.
//! - **One entry per action id.** The signature is not part of the id, so a second signature over the same
//!   content is the same action.
//! - **In flight is not forgotten.** An action that an unfinalized block holds is not offered to that block's children, but to
//!   everybody else ([`branches`]). It stays until a block that holds it is final.
//! - **Nobody is overtaken for ever.** Younger actions of a signer go ahead of older ones that still wait only as far as the
//!   engine will still take the older ones ([`signers`]).
//! - **Quarantine.** An action on which the engine panicked is not accepted again.

use palisade_types::{
    address::{AccountId, SignerId},
    hash::{ActionId, BlockDigest},
    ids::{Height, Nonce},
    signing::VerifiedAction,
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::Arc,
};

pub mod branches;
pub mod signers;

use branches::{BlockPlace, Branches};
use signers::{Signers, Turnstile, UsedNonces};

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Actions in all.
    pub actions_max: usize,
    /// Encoded bytes in all.
    pub bytes_max: usize,
    /// Actions of one account.
    pub account_actions_max: usize,
    /// Encoded bytes of one account.
    pub account_bytes_max: usize,
    /// How long an action may wait, in block time, so that an outage forgets nothing.
    pub wait_max_ms: u64,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            actions_max: 50_000,
            bytes_max: 64 << 20,
            account_actions_max: 1_000,
            account_bytes_max: 2 << 20,
            wait_max_ms: 120_000,
        }
    }
}

/// Most actions that are kept from ever coming back.
const QUARANTINE_MAX: usize = 1_024;

/// Why an action found no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// It waits already.
    #[error("action {action} waits already")]
    Known {
        /// Which.
        action: ActionId,
    },
    /// The account has too much waiting.
    #[error("{pending} actions of this account wait, the limit is {limit}")]
    AccountFull {
        /// Actions of the account.
        pending: usize,
        /// How many may be.
        limit: usize,
    },
    /// Everything is full, and the account has its fair share.
    #[error("{pending} actions wait, the limit is {limit}")]
    Full {
        /// Actions in all.
        pending: usize,
        /// How many may be.
        limit: usize,
    },
    /// The engine panicked on it.
    #[error("action {action} is quarantined")]
    Quarantined {
        /// Which.
        action: ActionId,
    },
}

/// An action with what the pool needs to know of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub id: ActionId,
    /// Who pays for it.
    pub account: AccountId,
    /// Who signed.
    pub signer: SignerId,
    /// With which nonce.
    pub nonce: Nonce,
    /// The last block time at which it may be included.
    pub expires_after_ms: Option<TimeMs>,
    /// Whether it only cancels.
    pub cancels: bool,
    /// Its share of a block.
    pub weight: u64,
    /// Its canonical bytes.
    pub encoded: Arc<[u8]>,
    /// What goes into a block.
    pub action: Arc<VerifiedAction>,
}

#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    expires_ms: TimeMs,
    /// Handed in here and not by a peer: we see to it that the others have it.
    local: bool,
    /// Block time at which it was last sent to the peers.
    sent_ms: TimeMs,
}

/// An account's actions are served in this order.
type Turn = (Nonce, SignerId, ActionId);

#[derive(Debug, Default)]
struct Queues {
    cancels: BTreeSet<Turn>,
    others: BTreeSet<Turn>,
    bytes: usize,
}

impl Queues {
    fn len(&self) -> usize {
        self.cancels.len().saturating_add(self.others.len())
    }

    fn queue(&self, kind: Kind) -> &BTreeSet<Turn> {
        match kind {
            Kind::Cancel => &self.cancels,
            Kind::Other => &self.others,
        }
    }

    fn queue_mut(&mut self, kind: Kind) -> &mut BTreeSet<Turn> {
        match kind {
            Kind::Cancel => &mut self.cancels,
            Kind::Other => &mut self.others,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cancel,
    Other,
}

impl Kind {
    const fn of(candidate: &Candidate) -> Self {
        if candidate.cancels { Self::Cancel } else { Self::Other }
    }
}

/// Room in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Encoded bytes.
    pub bytes: usize,
    /// Weight.
    pub weight: u64,
    /// Actions.
    pub actions: usize,
}

impl Room {
    fn take(&mut self, bytes: usize, weight: u64) -> bool {
        let left = (self.bytes.checked_sub(bytes), self.weight.checked_sub(weight), self.actions.checked_sub(1));
        let (Some(bytes), Some(weight), Some(actions)) = left else { return false };
        *self = Self { bytes, weight, actions };
        true
    }
}

/// What a block is put together from, and for.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The height of the block below.
    pub parent_height: Height,
    /// Its name.
    pub parent: BlockDigest,
    /// Whose turn comes first.
    pub first: AccountId,
    /// Room in the block.
    pub room: Room,
    /// What the finalized state knows of the signers in [`Pool::contested`].
    pub used: &'a UsedNonces,
}

/// The actions that wait.
#[derive(Debug, Default)]
pub struct Pool {
    limits: PoolLimits,
    entries: BTreeMap<ActionId, Entry>,
    accounts: BTreeMap<AccountId, Queues>,
    /// Accounts by how many actions they have waiting.
    loads: BTreeSet<(usize, AccountId)>,
    expiries: BTreeSet<(TimeMs, ActionId)>,
    branches: Branches,
    /// All but those that the finalized state does not admit for now.
    signers: Signers,
    quarantine: VecDeque<ActionId>,
    bytes: usize,
    own: usize,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How many actions wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Their encoded bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many of them our own clients have handed in.
    pub const fn own(&self) -> usize {
        self.own
    }

    /// Whether an action waits that neither the block named nor one below it holds.
    pub fn has_work(&self, height: Height, digest: BlockDigest) -> bool {
        let on_branch = self.branches.on_branch(height, digest);
        self.entries.keys().any(|action| !on_branch.contains(action))
    }

    /// Whether the action waits.
    pub fn contains(&self, action: &ActionId) -> bool {
        self.entries.contains_key(action)
    }

    /// The action, if it waits.
    pub fn get(&self, action: &ActionId) -> Option<Arc<VerifiedAction>> {
        self.entries.get(action).map(|entry| entry.candidate.action.clone())
    }

    /// Whether there could be a place for an action of `account`; checked before its signature is.
    pub fn check(&self, action: &ActionId, account: &AccountId, bytes: usize) -> Result<(), PoolError> {
        if self.entries.contains_key(action) {
            return Err(PoolError::Known { action: *action });
        }
        if self.quarantine.contains(action) {
            return Err(PoolError::Quarantined { action: *action });
        }
        let (pending, account_bytes) = self.accounts.get(account).map_or((0, 0), |queues| (queues.len(), queues.bytes));
        let over_bytes = account_bytes.saturating_add(bytes) > self.limits.account_bytes_max;
        if pending >= self.limits.account_actions_max || over_bytes {
            return Err(PoolError::AccountFull { pending, limit: self.limits.account_actions_max });
        }
        let heaviest = self.loads.last().map_or(0, |(load, _)| *load);
        if self.is_full(bytes) && heaviest <= pending.saturating_add(1) {
            return Err(PoolError::Full { pending: self.entries.len(), limit: self.limits.actions_max });
        }
        Ok(())
    }

    /// Gives an action a place. `block_time_ms` is that of the newest finalized block.
    pub fn insert(&mut self, candidate: Candidate, block_time_ms: TimeMs, local: bool) -> Result<(), PoolError> {
        let bytes = candidate.encoded.len();
        self.check(&candidate.id, &candidate.account, bytes)?;
        while self.is_full(bytes) {
            let Some((_, heaviest)) = self.loads.last().copied() else { break };
            let Some(evicted) = self.newest_of(&heaviest) else { break };
            self.remove(&evicted);
        }
        let wait_over_ms = block_time_ms.saturating_add(self.limits.wait_max_ms);
        let expires_ms = candidate.expires_after_ms.map_or(wait_over_ms, |own| own.min(wait_over_ms));
        let (account, turn) = (candidate.account, turn_of(&candidate));
        let queues = self.accounts.entry(account).or_default();
        self.loads.remove(&(queues.len(), account));
        queues.queue_mut(Kind::of(&candidate)).insert(turn);
        queues.bytes = queues.bytes.saturating_add(bytes);
        self.loads.insert((queues.len(), account));
        self.bytes = self.bytes.saturating_add(bytes);
        self.own = self.own.saturating_add(usize::from(local));
        self.expiries.insert((expires_ms, candidate.id));
        self.signers.insert(candidate.signer, candidate.nonce, candidate.id);
        let entry = Entry { expires_ms, local, sent_ms: block_time_ms, candidate };
        self.entries.insert(entry.candidate.id, entry);
        Ok(())
    }

    /// Takes an action out.
    pub fn remove(&mut self, action: &ActionId) -> Option<Candidate> {
        let entry = self.entries.remove(action)?;
        let candidate = entry.candidate;
        self.own = self.own.saturating_sub(usize::from(entry.local));
        self.expiries.remove(&(entry.expires_ms, candidate.id));
        self.signers.remove(candidate.signer, candidate.nonce, candidate.id);
        let bytes = candidate.encoded.len();
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(queues) = self.accounts.get_mut(&candidate.account) {
            self.loads.remove(&(queues.len(), candidate.account));
            queues.queue_mut(Kind::of(&candidate)).remove(&turn_of(&candidate));
            queues.bytes = queues.bytes.saturating_sub(bytes);
            match queues.len() {
                0 => drop(self.accounts.remove(&candidate.account)),
                load => drop(self.loads.insert((load, candidate.account))),
            }
        }
        Some(candidate)
    }

    /// Takes an action out and never accepts it again.
    pub fn quarantine(&mut self, action: ActionId) {
        self.remove(&action);
        if self.quarantine.len() >= QUARANTINE_MAX {
            self.quarantine.pop_front();
        }
        self.quarantine.push_back(action);
    }

    /// Notes that an unfinalized block holds these actions.
    pub fn mark_in_flight(&mut self, place: BlockPlace, actions: impl IntoIterator<Item = ActionId>) {
        let waiting = actions.into_iter().filter(|action| self.entries.contains_key(action)).collect();
        self.branches.insert(place, waiting);
    }

    /// Notes whether the newest finalized state admits an action; one that it does not admit for now holds none of its
    /// signer's others back.
    pub fn note_admission(&mut self, action: &ActionId, admitted: bool) {
        let Some(Entry { candidate, .. }) = self.entries.get(action) else { return };
        if admitted {
            self.signers.insert(candidate.signer, candidate.nonce, candidate.id);
        } else {
            self.signers.remove(candidate.signer, candidate.nonce, candidate.id);
        }
    }

    /// Signers whose used nonces a selection must know, each with the nonce above which it must.
    pub fn contested(&self) -> Vec<(SignerId, Nonce)> {
        self.signers.contested()
    }

    /// Moves on to the finalized block at `height`: drops its actions, forgets what was in flight up to there,
    /// and drops what has waited too long. Returns how many expired.
    pub fn finalize(
        &mut self,
        height: Height,
        block_time_ms: TimeMs,
        included: impl IntoIterator<Item = ActionId>,
    ) -> usize {
        for action in included {
            self.remove(&action);
        }
        self.branches.finalized(height);
        let mut expired = 0usize;
        while let Some(&(expires_ms, action)) = self.expiries.first() {
            if expires_ms >= block_time_ms {
                break;
            }
            self.remove(&action);
            expired = expired.saturating_add(1);
        }
        expired
    }

    /// The actions of an account, in order of service.
    pub fn of_account(&self, account: &AccountId) -> Vec<Candidate> {
        let Some(queues) = self.accounts.get(account) else { return Vec::new() };
        let turns = queues.cancels.iter().chain(&queues.others);
        turns.filter_map(|(_, _, action)| self.entries.get(action)).map(|entry| entry.candidate.clone()).collect()
    }

    /// Actions of our own clients that were last sent to the peers before `sent_before_ms`, at most `limit`;
    /// they count as sent at `now_ms`.
    pub fn to_resend(&mut self, sent_before_ms: TimeMs, now_ms: TimeMs, limit: usize) -> Vec<Arc<[u8]>> {
        let due = self.entries.values_mut().filter(|entry| entry.local && entry.sent_ms < sent_before_ms);
        due.take(limit)
            .map(|entry| {
                entry.sent_ms = now_ms;
                entry.candidate.encoded.clone()
            })
            .collect()
    }

    /// What a child of the parent should hold: accounts take turns from `first` on, one action each, until the room is
    /// used. Cancels go first, in at most half of the room, so that nobody can be kept from reducing risk.
    pub fn select(&self, selection: Selection<'_>) -> Vec<Arc<VerifiedAction>> {
        let Selection { parent_height, parent, first, room, used } = selection;
        let on_branch = self.branches.on_branch(parent_height, parent);
        let mut turnstile = Turnstile::new(&self.signers, used, &on_branch);
        let mut chosen = Vec::new();
        let half = Room { bytes: room.bytes / 2, weight: room.weight / 2, actions: room.actions / 2 };
        let mut cancels_room = half;
        let cancels = self.turns(Kind::Cancel, first, &mut cancels_room, &mut turnstile);
        let mut room = Room {
            bytes: room.bytes.saturating_sub(half.bytes.saturating_sub(cancels_room.bytes)),
            weight: room.weight.saturating_sub(half.weight.saturating_sub(cancels_room.weight)),
            actions: room.actions.saturating_sub(half.actions.saturating_sub(cancels_room.actions)),
        };
        let others = self.turns(Kind::Other, first, &mut room, &mut turnstile);
        chosen.extend(cancels.into_iter().chain(others).map(|candidate| candidate.action.clone()));
        chosen
    }

    fn turns(&self, kind: Kind, first: AccountId, room: &mut Room, turnstile: &mut Turnstile<'_>) -> Vec<&Candidate> {
        let from_first = self.accounts.range(first..);
        let before_first = self.accounts.range((Bound::Unbounded, Bound::Excluded(first)));
        let mut waiting: VecDeque<_> = from_first
            .chain(before_first)
            .map(|(_, queues)| queues.queue(kind).iter())
            .filter(|queue| queue.len() > 0)
            .collect();
        let mut chosen = Vec::new();
        while let Some(mut queue) = waiting.pop_front() {
            let free = |&(nonce, signer, action): &Turn| {
                let entry = self.entries.get(&action).filter(|_| !turnstile.is_on_branch(&action))?;
                turnstile.admits(signer, nonce, action).then_some(&entry.candidate)
            };
            let Some(candidate) = queue.find_map(free) else { continue };
            if !room.take(candidate.encoded.len(), candidate.weight) {
                break;
            }
            turnstile.take(candidate.signer, candidate.nonce, candidate.id);
            chosen.push(candidate);
            waiting.push_back(queue);
        }
        chosen
    }

    fn is_full(&self, more_bytes: usize) -> bool {
        self.entries.len() >= self.limits.actions_max || self.bytes.saturating_add(more_bytes) > self.limits.bytes_max
    }

    fn newest_of(&self, account: &AccountId) -> Option<ActionId> {
        let queues = self.accounts.get(account)?;
        let newest = queues.others.last().or_else(|| queues.cancels.last())?;
        Some(newest.2)
    }
}

const fn turn_of(candidate: &Candidate) -> Turn {
    (candidate.nonce, candidate.signer, candidate.id)
}

#[cfg(test)]
mod tests;
