use super::{Candidate, Pool, PoolError, PoolLimits, Room, Selection, branches::BlockPlace, signers::UsedNonces};
use crate::tests::exchange::{PEOPLE, Signers, account_of, cancel, order};
use palisade_types::{
    action::Action,
    address::AccountId,
    hash::{ActionId, BlockDigest},
    ids::Height,
    order::Side,
    signing::VerifiedAction,
    time::TimeMs,
};
use proptest::prelude::*;
use std::sync::Arc;

const NOW: TimeMs = TimeMs::new(1_700_000_000_000);

const ROOM: Room = Room { bytes: 1 << 20, weight: 60_000, actions: 20_000 };

fn limits() -> PoolLimits {
    PoolLimits {
        actions_max: 8,
        bytes_max: 1 << 16,
        account_actions_max: 6,
        account_bytes_max: 1 << 14,
        wait_max_ms: 1_000,
    }
}

fn candidate(action: Arc<VerifiedAction>) -> Candidate {
    let envelope = action.envelope();
    Candidate {
        id: action.id(),
        account: envelope.account,
        signer: envelope.signer,
        nonce: envelope.nonce,
        expires_after_ms: envelope.expires_after_ms,
        cancels: action.request().is_cancel(),
        weight: action.request().weight(),
        encoded: action.signed().encode().into(),
        action,
    }
}

fn buy(signers: &mut Signers, name: &str) -> Candidate {
    candidate(signers.verified(name, order(Side::Buy, 100, 1, None)))
}

/// A selection on a parent of which nothing is known.
fn select(pool: &Pool, first: AccountId, room: Room) -> Vec<Arc<VerifiedAction>> {
    let (parent_height, parent) = (Height::new(0), BlockDigest::default());
    pool.select(Selection { parent_height, parent, first, room, used: &UsedNonces::new() })
}

/// What is offered for a block on top of another.
fn select_on(pool: &Pool, parent: BlockPlace) -> Vec<ActionId> {
    let (used, first) = (UsedNonces::new(), AccountId([0; 20]));
    let BlockPlace { height: parent_height, digest: parent, .. } = parent;
    names(&pool.select(Selection { parent_height, parent, first, room: ROOM, used: &used }))
}

/// The block `name` at `height` on the block `parent`.
fn place(height: u64, name: u8, parent: u8) -> BlockPlace {
    let [digest, parent] = [name, parent].map(|byte| BlockDigest([byte; 32]));
    BlockPlace { height: Height::new(height), digest, parent }
}

fn names(chosen: &[Arc<VerifiedAction>]) -> Vec<ActionId> {
    chosen.iter().map(|action| action.id()).collect()
}

#[test]
fn an_action_waits_once() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let first = buy(&mut signers, "alice");
    pool.insert(first.clone(), NOW, true).expect("there is room");
    assert_eq!(pool.insert(first.clone(), NOW, true), Err(PoolError::Known { action: first.id }));
    assert_eq!((pool.len(), pool.own(), pool.bytes()), (1, 1, first.encoded.len()));
    assert_eq!(pool.remove(&first.id).map(|candidate| candidate.id), Some(first.id));
    assert_eq!((pool.len(), pool.own(), pool.bytes()), (0, 0, 0));
    assert!(pool.accounts.is_empty() && pool.loads.is_empty() && pool.expiries.is_empty());
}

#[test]
fn an_account_has_its_share() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    for _ in 0..6 {
        pool.insert(buy(&mut signers, "alice"), NOW, true).expect("there is room");
    }
    let refused = pool.insert(buy(&mut signers, "alice"), NOW, true);
    assert_eq!(refused, Err(PoolError::AccountFull { pending: 6, limit: 6 }));
    pool.insert(buy(&mut signers, "bob"), NOW, true).expect("others have room");
}

#[test]
fn bytes_are_bounded_too() {
    let mut signers = Signers::default();
    let first = buy(&mut signers, "alice");
    let bytes = first.encoded.len();
    let mut pool = Pool::new(PoolLimits { account_bytes_max: 2 * bytes, ..limits() });
    pool.insert(first, NOW, true).expect("there is room");
    pool.insert(buy(&mut signers, "alice"), NOW, true).expect("there is room");
    let refused = pool.insert(buy(&mut signers, "alice"), NOW, true);
    assert_eq!(refused, Err(PoolError::AccountFull { pending: 2, limit: 6 }));
}

/// A full pool takes from the heaviest account and never from one with no more than the newcomer.
#[test]
fn a_flood_of_one_account_shuts_nobody_out() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let flood: Vec<Candidate> = (0..6).map(|_| buy(&mut signers, "alice")).collect();
    for candidate in &flood {
        pool.insert(candidate.clone(), NOW, true).expect("there is room");
    }
    for name in ["bob", "bob", "carol", "carol", "dave"] {
        pool.insert(buy(&mut signers, name), NOW, true).expect("the heaviest makes room");
    }
    assert_eq!(pool.len(), 8);
    assert_eq!(pool.of_account(&account_of("alice")).len(), 3);
    assert!(pool.contains(&flood[0].id) && !pool.contains(&flood[5].id), "the newest action goes first");
    let refused = pool.insert(buy(&mut signers, "carol"), NOW, true);
    assert_eq!(refused, Err(PoolError::Full { pending: 8, limit: 8 }), "alice has no more than carol would have");
}

#[test]
fn what_waited_too_long_is_dropped() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let patient = buy(&mut signers, "alice");
    let until = NOW.saturating_add(100);
    let action = signers.sign_until("bob", order(Side::Buy, 100, 1, None), Some(until));
    let hasty = candidate(Arc::new(palisade_types::signing::verify(action).expect("own signature")));
    pool.insert(patient.clone(), NOW, true).expect("there is room");
    pool.insert(hasty.clone(), NOW, true).expect("there is room");
    assert_eq!(pool.finalize(Height::new(1), until, []), 0, "a block at that time may still hold it");
    assert_eq!(pool.finalize(Height::new(2), until.saturating_add(1), []), 1);
    assert!(pool.contains(&patient.id) && !pool.contains(&hasty.id));
    assert_eq!(pool.finalize(Height::new(3), NOW.saturating_add(1_001), []), 1);
    assert!(pool.is_empty());
}

#[test]
fn accounts_take_turns_and_cancels_go_first() {
    let mut pool = Pool::new(PoolLimits { actions_max: 100, account_actions_max: 100, ..limits() });
    let mut signers = Signers::default();
    let alice: Vec<Candidate> = (0..4).map(|_| buy(&mut signers, "alice")).collect();
    let bob = buy(&mut signers, "bob");
    let carol = candidate(signers.verified("carol", cancel(1)));
    for candidate in alice.iter().rev().chain([&bob, &carol]) {
        pool.insert(candidate.clone(), NOW, true).expect("there is room");
    }
    let chosen = names(&select(&pool, AccountId([0; 20]), ROOM));
    assert_eq!(chosen.len(), 6);
    assert_eq!(chosen[0], carol.id, "a cancel goes first");
    assert!(chosen[1..3].contains(&bob.id) && chosen[1..3].contains(&alice[0].id), "then one of each account");
    let rest: Vec<ActionId> = alice[1..].iter().map(|candidate| candidate.id).collect();
    assert_eq!(chosen[3..], rest, "then the rest, in order of nonce");
    let from_bob = names(&select(&pool, account_of("bob"), ROOM));
    let expected = account_of("bob") <= account_of("alice") || from_bob[1] == bob.id;
    assert!(expected, "the first turn is where it is asked to be");
}

#[test]
fn a_selection_fits_its_room() {
    let mut pool = Pool::new(PoolLimits { actions_max: 100, account_actions_max: 100, ..limits() });
    let mut signers = Signers::default();
    for name in PEOPLE.iter().cycle().take(40) {
        pool.insert(buy(&mut signers, name), NOW, true).expect("there is room");
        pool.insert(candidate(signers.verified(name, cancel(2))), NOW, true).expect("there is room");
    }
    let room = Room { bytes: 4_000, weight: 50, actions: 12 };
    let chosen = select(&pool, AccountId([0; 20]), room);
    assert!(chosen.iter().map(|action| action.size_bytes()).sum::<usize>() <= room.bytes);
    assert!(chosen.iter().map(|action| action.request().weight()).sum::<u64>() <= room.weight);
    assert_eq!(chosen.len(), 12);
    assert_eq!(chosen.iter().filter(|action| action.request().is_cancel()).count(), 6, "cancels get half of the room");
}

#[test]
fn an_action_in_flight_is_offered_again_once_its_height_is_final_without_it() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let (first, second) = (buy(&mut signers, "alice"), buy(&mut signers, "bob"));
    pool.insert(first.clone(), NOW, true).expect("there is room");
    pool.insert(second.clone(), NOW, true).expect("there is room");
    let (block, child) = (place(5, 1, 0), place(6, 2, 1));
    pool.mark_in_flight(block, [first.id, second.id]);
    pool.mark_in_flight(child, []);
    for parent in [block, child] {
        assert!(!pool.has_work(parent.height, parent.digest));
        assert!(select_on(&pool, parent).is_empty());
    }
    pool.finalize(Height::new(5), NOW, [second.id]);
    assert_eq!(select_on(&pool, child), [first.id], "height 5 was final without it");
    pool.finalize(Height::new(6), NOW, [first.id]);
    assert!(pool.is_empty());
}

/// A validator was stopped under load and actions that it had taken never got a receipt: they were in a block of its that
/// died, and were held back while the next blocks used a hundred younger nonces.
#[test]
fn what_a_rival_holds_is_offered() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let (first, second) = (buy(&mut signers, "alice"), buy(&mut signers, "alice"));
    pool.insert(first.clone(), NOW, true).expect("there is room");
    pool.mark_in_flight(place(5, 1, 0), [first.id]);
    pool.insert(second.clone(), NOW, true).expect("there is room");
    let below = place(4, 0, 9);
    assert!(pool.has_work(below.height, below.digest));
    assert_eq!(
        select_on(&pool, below),
        [first.id, second.id],
        "the leader of a rival block need not know that block 1 is dead"
    );
    pool.mark_in_flight(place(5, 2, 0), [second.id]);
    assert_eq!(select_on(&pool, place(5, 2, 0)), [first.id]);
}

#[test]
fn a_quarantined_action_never_comes_back() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let poison = buy(&mut signers, "alice");
    pool.insert(poison.clone(), NOW, true).expect("there is room");
    pool.quarantine(poison.id);
    assert!(pool.is_empty());
    assert_eq!(pool.insert(poison.clone(), NOW, true), Err(PoolError::Quarantined { action: poison.id }));
}

#[test]
fn own_actions_are_sent_again_and_others_are_not() {
    let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
    let (own, foreign) = (buy(&mut signers, "alice"), buy(&mut signers, "bob"));
    pool.insert(own.clone(), NOW, true).expect("there is room");
    pool.insert(foreign, NOW, false).expect("there is room");
    assert!(pool.to_resend(NOW, NOW, 10).is_empty(), "it was sent when it came");
    let later = NOW.saturating_add(3_000);
    assert_eq!(pool.to_resend(NOW.saturating_add(1_000), later, 10), std::slice::from_ref(&own.encoded));
    assert!(pool.to_resend(NOW.saturating_add(1_000), later, 10).is_empty(), "once per interval");
}

#[derive(Clone, Debug)]
enum Step {
    Insert { person: usize, cancels: bool },
    Remove { place: usize },
    Flight { place: usize, height: u64, name: u8, parent: u8 },
    Finalize { height: u64, place: usize, later_ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..4, any::<bool>()).prop_map(|(person, cancels)| Step::Insert { person, cancels }),
        1 => (0usize..32).prop_map(|place| Step::Remove { place }),
        2 => (0usize..32, 1u64..9, 0u8..3, 0u8..3)
            .prop_map(|(place, height, name, parent)| Step::Flight { place, height, name, parent }),
        1 => (1u64..9, 0usize..32, 0u64..400).prop_map(|(height, place, later_ms)| Step::Finalize { height, place, later_ms }),
    ]
}

proptest! {
    /// Whatever happens, the pool's sums and indices are those of its entries, and its bounds hold.
    #[test]
    fn indices_always_agree(steps in prop::collection::vec(step(), 1..80)) {
        let (mut pool, mut signers) = (Pool::new(limits()), Signers::default());
        let mut known: Vec<ActionId> = Vec::new();
        let mut now = NOW;
        for step in steps {
            let pick = |place: usize| known.get(place % known.len().max(1)).copied().unwrap_or_default();
            match step {
                Step::Insert { person, cancels } => {
                    let action: Action = if cancels { cancel(1) } else { order(Side::Sell, 101, 1, None) };
                    let candidate = candidate(signers.verified(PEOPLE[person], action));
                    let id = candidate.id;
                    let _ = pool.insert(candidate, now, person % 2 == 0);
                    known.push(id);
                }
                Step::Remove { place } => {
                    let id = pick(place);
                    pool.remove(&id);
                }
                Step::Flight { place: action, height, name, parent } => {
                    let id = pick(action);
                    pool.mark_in_flight(place(height, name, parent), [id]);
                }
                Step::Finalize { height, place, later_ms } => {
                    now = now.saturating_add(later_ms);
                    let id = pick(place);
                    pool.finalize(Height::new(height), now, [id]);
                }
            }
            prop_assert!(pool.len() <= limits().actions_max && pool.bytes() <= limits().bytes_max);
            prop_assert_eq!(pool.own(), pool.entries.values().filter(|entry| entry.local).count());
            let bytes: usize = pool.entries.values().map(|entry| entry.candidate.encoded.len()).sum();
            prop_assert_eq!(pool.bytes(), bytes);
            let queued: usize = pool.accounts.values().map(super::Queues::len).sum();
            prop_assert_eq!(queued, pool.len());
            prop_assert_eq!(pool.loads.len(), pool.accounts.len());
            prop_assert_eq!(pool.expiries.len(), pool.len());
            prop_assert_eq!(select(&pool, AccountId([0; 20]), ROOM).len(), pool.len());
            for parent in (1..9).flat_map(|height| (0..3).map(move |name| place(height, name, 0))) {
                let on_branch = pool.branches.on_branch(parent.height, parent.digest);
                let free = pool.entries.keys().filter(|action| !on_branch.contains(action)).count();
                prop_assert_eq!(select_on(&pool, parent).len(), free, "what the branch lacks and nothing else");
                prop_assert_eq!(pool.has_work(parent.height, parent.digest), free > 0);
            }
        }
    }
}
