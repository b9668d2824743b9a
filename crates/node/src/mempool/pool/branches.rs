//! Blocks that are not final yet, and which of the waiting actions they hold.
//!
//! Rules:
//! - **A block dies** when a block is built on another one of its height, which therefore is notarized, or when the block
//!   below it dies. Its actions wait again at once. Were they held back until the height is final, younger actions of
//!   the same signers would be used meanwhile, and too many of those shut an older nonce out for ever.
//! - **Death is a guess that costs nothing.** Two blocks of a height may both be notarized, and the one that counts as dead
//!   may become final; then its actions are offered once more, and the parent's state refuses them.
//! - **Bounded.** Of too many blocks the lowest is forgotten first, as if it had died.

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
    /// The block below it, which is notarized or final.
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
pub struct Branches {
    blocks: BTreeMap<Key, Block>,
    holders: BTreeMap<ActionId, BTreeSet<Key>>,
}

impl Branches {
    /// How many actions are held.
    pub fn held(&self) -> usize {
        self.holders.len()
    }

    /// Whether a block holds the action.
    pub fn holds(&self, action: &ActionId) -> bool {
        self.holders.contains_key(action)
    }

    /// Notes what a block holds. Its parent is notarized, so the parent's rivals die.
    pub fn insert(&mut self, place: BlockPlace, actions: Vec<ActionId>) {
        if let Some(below) = place.height.get().checked_sub(1) {
            self.notarized(Height::new(below), place.parent);
        }
        let key = (place.height, place.digest);
        self.forget(key);
        while self.blocks.len() >= BLOCKS_MAX {
            let Some(lowest) = self.blocks.keys().next().copied() else { break };
            self.forget(lowest);
        }
        for action in &actions {
            self.holders.entry(*action).or_default().insert(key);
        }
        self.blocks.insert(key, Block { parent: place.parent, actions });
    }

    /// The block named is notarized: others of its height are dead, and whatever stands on them.
    pub fn notarized(&mut self, height: Height, digest: BlockDigest) {
        let mut dead: BTreeSet<BlockDigest> = BTreeSet::new();
        let above: Vec<Key> = self.blocks.range((height, BlockDigest::default())..).map(|(key, _)| *key).collect();
        for key in above {
            let rival = key.0 == height && key.1 != digest;
            let orphan = self.blocks.get(&key).is_some_and(|block| dead.contains(&block.parent));
            if rival || orphan {
                dead.insert(key.1);
                self.forget(key);
            }
        }
    }

    /// The height is final: nothing at or below it holds anything any more.
    pub fn finalized(&mut self, height: Height) {
        while let Some(lowest) = self.blocks.keys().next().copied().filter(|(lowest, _)| *lowest <= height) {
            self.forget(lowest);
        }
    }

    /// The action no longer waits.
    pub fn remove(&mut self, action: &ActionId) {
        self.holders.remove(action);
    }

    /// What the block named and those below it hold, as far as they are known.
    pub fn on_branch(&self, height: Height, digest: BlockDigest) -> BTreeSet<ActionId> {
        let (mut key, mut actions) = ((height, digest), BTreeSet::new());
        while let Some(block) = self.blocks.get(&key) {
            actions.extend(block.actions.iter().copied());
            let Some(below) = key.0.get().checked_sub(1) else { break };
            key = (Height::new(below), block.parent);
        }
        actions
    }

    fn forget(&mut self, key: Key) {
        let Some(block) = self.blocks.remove(&key) else { return };
        for action in block.actions {
            let Some(holders) = self.holders.get_mut(&action) else { continue };
            holders.remove(&key);
            if holders.is_empty() {
                self.holders.remove(&action);
            }
        }
    }
}

#[cfg(test)]
mod tests;
