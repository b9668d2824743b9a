//! In which order a block's actions are executed.
//!
//! Classes A, B, C one after the other. Within a class accounts are sorted by SHA-256(seed ‖ class ‖ account), so that
//! no account is always first and no proposer chooses; passes take one action per account, in (nonce, signer) order,
//! until none is left.

use crate::mutant::{Mutant, is_planted};
use palisade_types::{
    action::ExecutionClass,
    address::SignerId,
    hash::{BlockDigest, sha256},
    ids::Nonce,
    signing::VerifiedAction,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// An account's actions of a class, by (nonce, signer), and their places in the block.
type Queue = Vec<(Nonce, SignerId, usize)>;

/// The places of the block's actions, in order of execution.
pub(super) fn of(actions: &[Arc<VerifiedAction>], seed: BlockDigest) -> Vec<usize> {
    if is_planted(Mutant::LaneOrderByProposer) {
        return (0..actions.len()).collect();
    }
    let mut order = Vec::with_capacity(actions.len());
    for class in [ExecutionClass::A, ExecutionClass::B, ExecutionClass::C] {
        let mut accounts: BTreeMap<[u8; 32], Queue> = BTreeMap::new();
        for (index, action) in actions.iter().enumerate() {
            if action.request().execution_class() == class {
                let envelope = action.envelope();
                let rank = sha256(&[seed.as_bytes(), &[class_byte(class)], envelope.account.as_bytes()]);
                accounts.entry(rank).or_default().push((envelope.nonce, envelope.signer, index));
            }
        }
        let mut queues: VecDeque<_> = accounts
            .into_values()
            .map(|mut queue| {
                queue.sort_unstable();
                queue.into_iter()
            })
            .collect();
        while let Some(mut queue) = queues.pop_front() {
            if let Some((_, _, index)) = queue.next() {
                order.push(index);
                queues.push_back(queue);
            }
        }
    }
    order
}

const fn class_byte(class: ExecutionClass) -> u8 {
    match class {
        ExecutionClass::A => 0,
        ExecutionClass::B => 1,
        ExecutionClass::C => 2,
    }
}
