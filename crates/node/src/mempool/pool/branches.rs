//! Blocks that are not final yet, and which of the waiting actions they hold.
//!
//! Rules:
//! - **Only the branch that a block is built on counts.** What a rival holds waits as if there were no rival. Were it held back
//!   until the rival is known to be dead, younger actions of the same signers would be used meanwhile, and too many of those
//!   shut an older nonce out for ever. If the rival becomes final after all, the block that holds its actions again dies.
//! - **Not knowing a block costs work and nothing else.** What it holds is offered once more, and the parent's state refuses it.
//! - **Bounded.** Of too many blocks the lowest is forgotten first.

use palisade_types::{
    hash::{ActionId, BlockDigest},
    ids::Height,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most blocks that are remembered: four at each height up to which a proposer builds without finality.
const BLOCKS_MAX: usize = 256;

/// A block and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// Its height.
    pub height: Height,
    /// Its name.
    pub digest: BlockDigest,
    /// The block below it.
    pub parent: BlockDigest,
}

type Key = (Height, BlockDigest);

#[derive(Debug)]
struct Block {
    parent: BlockDigest,
    actions: Vec<ActionId>,
}

/// Who holds what.
#[derive(Debug, Default)]
pub struct Branches(BTreeMap<Key, Block>);

impl Branches {
    /// Notes what a block holds.
    pub fn insert(&mut self, place: BlockPlace, actions: Vec<ActionId>) {
        self.0.insert((place.height, place.digest), Block { parent: place.parent, actions });
        if self.0.len() > BLOCKS_MAX {
            self.0.pop_first();
        }
    }

    /// The height is final: what blocks at or below it hold either no longer waits or waits again.
    pub fn finalized(&mut self, height: Height) {
        self.0 = self.0.split_off(&(height.next(), BlockDigest::default()));
    }

    /// What the block named and those below it hold, as far as they are known.
    pub fn on_branch(&self, height: Height, digest: BlockDigest) -> BTreeSet<ActionId> {
        let (mut key, mut actions) = ((height, digest), BTreeSet::new());
        while let Some(block) = self.0.get(&key) {
            actions.extend(block.actions.iter().copied());
            let Some(below) = key.0.get().checked_sub(1) else { break };
            key = (Height::new(below), block.parent);
        }
        actions
    }
}

#[cfg(test)]
mod tests;
