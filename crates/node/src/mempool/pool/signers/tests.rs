use super::{NONCES_AHEAD_MAX, Signers, Turnstile, UsedNonces};
use palisade_types::{
    address::{AccountId, SignerId},
    hash::ActionId,
    ids::Nonce,
};
use std::collections::BTreeSet;

const ALICE: SignerId = SignerId::Address(AccountId([1; 20]));
const BOB: SignerId = SignerId::Address(AccountId([2; 20]));

fn action(nonce: u64) -> ActionId {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&nonce.to_be_bytes());
    ActionId(bytes)
}

/// Lines in which both signers wait with nonces 1 to 200.
fn lines() -> Signers {
    let mut signers = Signers::default();
    for nonce in 1..=200 {
        signers.insert(ALICE, Nonce::new(nonce), action(nonce));
        signers.insert(BOB, Nonce::new(nonce), action(1_000 + nonce));
    }
    signers
}

/// Asks for one after the other and takes what is let through.
fn pass(turnstile: &mut Turnstile<'_>, nonces: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let admitted = |nonce: &u64| {
        let admitted = turnstile.admits(ALICE, Nonce::new(*nonce), action(*nonce));
        if admitted {
            turnstile.take(ALICE, Nonce::new(*nonce), action(*nonce));
        }
        admitted
    };
    nonces.into_iter().filter(admitted).collect()
}

/// An older one may wait elsewhere.
#[test]
fn in_order_of_nonce_as_many_pass_as_leave_room_for_one_that_nobody_here_knows() {
    let (signers, used, branch) = (lines(), UsedNonces::new(), BTreeSet::new());
    let mut turnstile = Turnstile::new(&signers, &used, &branch);
    assert_eq!(pass(&mut turnstile, 1..=200), (1..=NONCES_AHEAD_MAX as u64).collect::<Vec<_>>());
    assert!(turnstile.admits(BOB, Nonce::new(1), action(1_001)), "another signer has a line of its own");
}

/// More than the engine's window of a signer's younger nonces went first, and the oldest was refused from then on.
#[test]
fn while_the_oldest_is_held_elsewhere_only_so_many_go_ahead() {
    let (signers, used, branch) = (lines(), UsedNonces::new(), BTreeSet::new());
    let mut turnstile = Turnstile::new(&signers, &used, &branch);
    let ahead = NONCES_AHEAD_MAX as u64;
    assert_eq!(pass(&mut turnstile, 2..=200), (2..ahead + 2).collect::<Vec<_>>());
    assert!(turnstile.admits(BOB, Nonce::new(200), action(1_200)), "another signer has a line of its own");
    assert!(pass(&mut turnstile, [1, 200]).is_empty(), "and so many are all that a block takes");
}

#[test]
fn the_oldest_itself_always_passes() {
    let used: UsedNonces = [(ALICE, (1_000..1_100).map(Nonce::new).collect())].into();
    let (signers, branch) = (lines(), BTreeSet::new());
    let mut turnstile = Turnstile::new(&signers, &used, &branch);
    assert_eq!(pass(&mut turnstile, [2, 1, 3, 2]), [1, 2], "and then the next is the oldest");
}

#[test]
fn what_the_finalized_state_and_the_branch_have_used_counts() {
    let signers = lines();
    let used: UsedNonces = [(ALICE, (1_000..1_030).map(Nonce::new).collect())].into();
    let branch: BTreeSet<ActionId> = (101..=130).map(action).collect();
    let mut turnstile = Turnstile::new(&signers, &used, &branch);
    let left = (NONCES_AHEAD_MAX - 60) as u64;
    assert_eq!(pass(&mut turnstile, 2..=100), (2..left + 2).collect::<Vec<_>>());
}

#[test]
fn what_the_branch_holds_holds_nobody_back() {
    let (signers, used) = (lines(), UsedNonces::new());
    let branch: BTreeSet<ActionId> = (1..=100).map(action).collect();
    let mut turnstile = Turnstile::new(&signers, &used, &branch);
    assert_eq!(pass(&mut turnstile, 101..=200).len(), NONCES_AHEAD_MAX);
}

#[test]
fn who_has_one_action_has_nothing_to_overtake() {
    let mut signers = lines();
    assert_eq!(signers.contested(), [(ALICE, Nonce::new(1)), (BOB, Nonce::new(1))]);
    for nonce in 2..=200 {
        signers.remove(ALICE, Nonce::new(nonce), action(nonce));
    }
    assert_eq!(signers.contested(), [(BOB, Nonce::new(1))]);
    signers.remove(ALICE, Nonce::new(1), action(1));
    assert!(!signers.lines.contains_key(&ALICE));
}
