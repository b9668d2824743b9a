use super::{BLOCKS_MAX, BlockPlace, Branches};
use palisade_types::{
    hash::{ActionId, BlockDigest},
    ids::Height,
};

fn digest(name: u16) -> BlockDigest {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&name.to_be_bytes());
    BlockDigest(bytes)
}

fn place(height: u64, name: u16, parent: u16) -> BlockPlace {
    BlockPlace { height: Height::new(height), digest: digest(name), parent: digest(parent) }
}

fn action(number: u8) -> ActionId {
    ActionId([number; 32])
}

fn on_branch(branches: &Branches, height: u64, name: u16) -> Vec<ActionId> {
    branches.on_branch(Height::new(height), digest(name)).into_iter().collect()
}

#[test]
fn a_branch_is_what_its_blocks_hold() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1)]);
    branches.insert(place(6, 2, 1), vec![action(2)]);
    branches.insert(place(6, 3, 1), vec![action(3)]);
    assert_eq!(on_branch(&branches, 6, 2), [action(1), action(2)]);
    assert_eq!(on_branch(&branches, 6, 3), [action(1), action(3)], "a rival's actions are not on it");
    assert_eq!(on_branch(&branches, 6, 9), [], "of an unknown block nothing is known");
}

#[test]
fn a_branch_ends_at_the_final_block() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1)]);
    branches.insert(place(5, 4, 0), vec![action(4)]);
    branches.insert(place(6, 2, 1), vec![action(2)]);
    branches.finalized(Height::new(5));
    assert_eq!(on_branch(&branches, 6, 2), [action(2)]);
    assert_eq!(on_branch(&branches, 5, 4), [], "a rival of the final block is forgotten with it");
}

#[test]
fn a_block_that_is_seen_again_counts_once() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1), action(2)]);
    branches.insert(place(5, 1, 0), vec![action(2)]);
    assert_eq!(on_branch(&branches, 5, 1), [action(2)]);
}

#[test]
fn blocks_are_bounded() {
    let mut branches = Branches::default();
    let last = u16::try_from(BLOCKS_MAX).expect("few") + 1;
    for name in 1..=last {
        branches.insert(place(5 + u64::from(name), name, name - 1), vec![action(if name == 1 { 1 } else { 2 })]);
    }
    assert_eq!(branches.0.len(), BLOCKS_MAX);
    assert_eq!(on_branch(&branches, 5 + u64::from(last), last), [action(2)], "the lowest block is forgotten");
}
