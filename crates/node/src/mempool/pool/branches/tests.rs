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

/// Of actions 1 to 9, those that are held.
fn held(branches: &Branches) -> Vec<u8> {
    (1..10).filter(|number| branches.holds(&action(*number))).collect()
}

#[test]
fn a_block_on_a_rival_kills_a_block_and_what_stands_on_it() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1)]);
    branches.insert(place(6, 2, 1), vec![action(2), action(3)]);
    branches.insert(place(5, 3, 0), vec![action(3), action(4)]);
    assert_eq!(held(&branches), [1, 2, 3, 4], "siblings live side by side until one is built on");
    branches.insert(place(6, 4, 3), vec![action(5)]);
    assert_eq!(held(&branches), [3, 4, 5], "block 1 is dead, and block 2 with it; action 3 is in block 3 too");
    branches.notarized(Height::new(6), digest(7));
    assert_eq!(held(&branches), [3, 4], "a rival that nobody has seen kills as well");
    branches.finalized(Height::new(5));
    assert_eq!(branches.held(), 0);
    assert!(branches.blocks.is_empty());
}

#[test]
fn a_branch_is_what_its_blocks_hold() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1)]);
    branches.insert(place(6, 2, 1), vec![action(2)]);
    branches.insert(place(6, 3, 1), vec![action(3)]);
    let of = |name| branches.on_branch(Height::new(6), digest(name)).into_iter().collect::<Vec<_>>();
    assert_eq!(of(2), [action(1), action(2)]);
    assert_eq!(of(3), [action(1), action(3)]);
    assert_eq!(of(9), [], "of an unknown block nothing is known");
}

#[test]
fn an_action_that_no_longer_waits_is_not_held_and_a_repeated_block_counts_once() {
    let mut branches = Branches::default();
    branches.insert(place(5, 1, 0), vec![action(1), action(2)]);
    branches.insert(place(5, 1, 0), vec![action(2)]);
    assert_eq!(held(&branches), [2]);
    branches.remove(&action(2));
    assert_eq!(branches.held(), 0);
    branches.finalized(Height::new(5));
    assert_eq!((branches.held(), branches.blocks.len()), (0, 0));
}

#[test]
fn blocks_are_bounded() {
    let mut branches = Branches::default();
    for name in 1..=u16::try_from(BLOCKS_MAX).expect("few") + 1 {
        branches.insert(place(5 + u64::from(name), name, name - 1), vec![action(if name == 1 { 1 } else { 2 })]);
    }
    assert_eq!(branches.blocks.len(), BLOCKS_MAX);
    assert_eq!(held(&branches), [2], "the lowest block is forgotten");
}
