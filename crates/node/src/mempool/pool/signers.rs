//! Waiting actions by signer, and how far younger ones may go ahead of older ones.
//!
//! The engine keeps the [`NONCES_KEPT`] highest nonces that a signer has used and takes none below the lowest of them. So an
//! action that waits while that many younger ones are used is shut out for ever, though its node has said that it took it.
//!
//! Rules:
//! - **At most [`NONCES_AHEAD_MAX`] nonces ahead.** A proposer counts the nonces above that of a signer's oldest waiting action
//!   that are used: in the finalized state, on the branch it builds on, and in what it has chosen. At the limit it chooses
//!   none of that signer's but the oldest.
//! - **At most [`NONCES_AHEAD_MAX`] in one block.** A proposer does not know what it has not heard of: were a block to use more
//!   nonces than the window has, a signer's action that only another node holds would be shut out by one block. So it takes
//!   two proposers in a row that have not heard of it.
//! - **What the branch holds does not wait**, as far as that branch goes: while nothing dies, nobody is held back.
//! - **What cannot be included for now does not hold others back**: its budget is spent, or the chain is halted. Else an
//!   account without a budget could not cancel.

use palisade_types::{address::SignerId, hash::ActionId, ids::Nonce, limits::NONCES_KEPT};
use std::{
    collections::{BTreeMap, BTreeSet, btree_set},
    iter::Peekable,
};

/// Most nonces above that of a signer's oldest waiting action that a proposer lets be used, and most of a signer's nonces in
/// one block. The rest of the window is for what other proposers include that this node has not heard of.
pub const NONCES_AHEAD_MAX: usize = NONCES_KEPT - 20;

/// Nonces that the finalized state has used, ascending: of each signer those above its oldest waiting action.
pub type UsedNonces = BTreeMap<SignerId, Vec<Nonce>>;

type Place = (Nonce, ActionId);

/// The actions that wait, by signer and in order of nonce.
#[derive(Debug, Default)]
pub struct Signers {
    lines: BTreeMap<SignerId, BTreeSet<Place>>,
}

impl Signers {
    /// Puts an action in line.
    pub fn insert(&mut self, signer: SignerId, nonce: Nonce, action: ActionId) {
        self.lines.entry(signer).or_default().insert((nonce, action));
    }

    /// Takes an action out of the line.
    pub fn remove(&mut self, signer: SignerId, nonce: Nonce, action: ActionId) {
        let Some(line) = self.lines.get_mut(&signer) else { return };
        line.remove(&(nonce, action));
        if line.is_empty() {
            self.lines.remove(&signer);
        }
    }

    /// Signers of more than one waiting action, each with its oldest nonce: nobody else has anything to overtake.
    pub fn contested(&self) -> Vec<(SignerId, Nonce)> {
        let contested = self.lines.iter().filter(|(_, line)| line.len() > 1);
        contested.filter_map(|(signer, line)| Some((*signer, line.first()?.0))).collect()
    }
}

/// What one selection may still take of each signer.
#[derive(Debug)]
pub struct Turnstile<'a> {
    signers: &'a Signers,
    used: &'a UsedNonces,
    on_branch: &'a BTreeSet<ActionId>,
    queues: BTreeMap<SignerId, Queue<'a>>,
}

/// A signer's line while a block is put together.
#[derive(Debug)]
struct Queue<'a> {
    /// From the oldest action that would still wait after the block.
    rest: Peekable<btree_set::Iter<'a, Place>>,
    /// What the branch or the block holds of the rest.
    taken: BTreeSet<Place>,
    /// How many the block holds.
    in_block: usize,
}

impl<'a> Turnstile<'a> {
    /// A selection for a block on a branch that holds `on_branch`.
    pub const fn new(signers: &'a Signers, used: &'a UsedNonces, on_branch: &'a BTreeSet<ActionId>) -> Self {
        Self { signers, used, on_branch, queues: BTreeMap::new() }
    }

    /// Whether the branch holds the action.
    pub fn is_on_branch(&self, action: &ActionId) -> bool {
        self.on_branch.contains(action)
    }

    /// Whether the action would leave nobody older too far behind, known or not.
    pub fn admits(&mut self, signer: SignerId, nonce: Nonce, action: ActionId) -> bool {
        let used = self.used;
        let Some(queue) = self.queue(signer) else { return true };
        if queue.in_block >= NONCES_AHEAD_MAX {
            return false;
        }
        let Some(&&oldest) = queue.rest.peek() else { return true };
        if (nonce, action) <= oldest {
            return true;
        }
        let used = used.get(&signer).map_or(&[][..], Vec::as_slice);
        let used_above = used.len().saturating_sub(used.partition_point(|used| *used <= oldest.0));
        used_above.saturating_add(queue.taken.len()) < NONCES_AHEAD_MAX
    }

    /// The block takes the action.
    pub fn take(&mut self, signer: SignerId, nonce: Nonce, action: ActionId) {
        let Some(queue) = self.queue(signer) else { return };
        queue.in_block = queue.in_block.saturating_add(1);
        queue.taken.insert((nonce, action));
        queue.advance();
    }

    fn queue(&mut self, signer: SignerId) -> Option<&mut Queue<'a>> {
        let line = self.signers.lines.get(&signer).filter(|line| line.len() > 1)?;
        let on_branch = self.on_branch;
        Some(self.queues.entry(signer).or_insert_with(|| {
            let taken = line.iter().filter(|(_, action)| on_branch.contains(action)).copied().collect();
            let mut queue = Queue { rest: line.iter().peekable(), taken, in_block: 0 };
            queue.advance();
            queue
        }))
    }
}

impl Queue<'_> {
    /// Moves on to the oldest action that nobody has taken.
    fn advance(&mut self) {
        while self.rest.next_if(|oldest| self.taken.contains(*oldest)).is_some() {}
        let oldest = self.rest.peek().copied();
        while self.taken.first() < oldest && self.taken.pop_first().is_some() {}
    }
}

#[cfg(test)]
mod tests;
