use super::{CLOCK_SKEW_MAX_MS, OraclePool, OracleVoteError, ROUNDS_KEPT, timely};
use crate::tests::exchange::{BTC, GENESIS_TIME, genesis, oracle_key, vote};
use palisade_types::{
    ids::{AssetId, Height, SeatId},
    numbers::Price,
    oracle::{OracleEntry, OracleVote, SignedOracleVote},
    time::TimeMs,
};

const NOW: TimeMs = GENESIS_TIME;

fn pool() -> OraclePool {
    OraclePool::new(&genesis())
}

/// A vote with something about it changed before it is signed.
fn changed(change: impl FnOnce(&mut OracleVote)) -> SignedOracleVote {
    let mut content = vote(0, NOW, 100).vote;
    change(&mut content);
    content.sign(&oracle_key(0))
}

#[test]
fn a_quorum_makes_a_bundle_in_order_of_seat() {
    let pool = pool();
    for seat in [2, 0] {
        pool.insert(vote(seat, NOW, 100), NOW).expect("a good vote");
    }
    assert!(pool.bundle().is_none() && !pool.has_work(), "two of four are no quorum");
    pool.insert(vote(3, NOW.saturating_add(5), 101), NOW).expect("a good vote");
    let bundle = pool.bundle().expect("three of four are a quorum");
    let seats: Vec<u32> = bundle.votes.iter().map(|signed| signed.vote.seat.get()).collect();
    assert_eq!(seats, [0, 2, 3]);
    assert!(pool.has_work());
}

#[test]
fn the_newest_round_with_a_quorum_counts() {
    let pool = pool();
    for seat in 0..3 {
        pool.insert(vote(seat, NOW, 100), NOW).expect("a good vote");
    }
    let next = NOW.saturating_add(1_000);
    pool.insert(vote(0, next, 110), next).expect("a good vote");
    let round = |pool: &OraclePool| pool.bundle().map(|bundle| bundle.votes[0].vote.round);
    assert_eq!(round(&pool), Some(NOW.get() / 1_000), "one seat alone does not hide the older quorum");
    for seat in 1..3 {
        pool.insert(vote(seat, next, 110), next).expect("a good vote");
    }
    assert_eq!(round(&pool), Some(next.get() / 1_000));
}

#[test]
fn what_a_block_holds_is_not_offered_again() {
    let pool = pool();
    for seat in 0..3 {
        pool.insert(vote(seat, NOW, 100), NOW).expect("a good vote");
    }
    let bundle = pool.bundle().expect("a quorum");
    pool.mark_in_flight(Height::new(7), &bundle);
    assert!(!pool.has_work(), "no leader hurries for what is in flight");
    pool.finalized(Height::new(7), None);
    assert!(pool.has_work(), "height 7 became final without it");
    pool.finalized(Height::new(8), Some(&bundle));
    assert!(!pool.has_work() && pool.bundle().is_none());
    let late = pool.insert(vote(3, NOW, 100), NOW);
    assert!(matches!(late, Err(OracleVoteError::Stale { .. })), "{late:?}");
}

#[test]
fn the_first_vote_of_a_seat_counts() {
    let pool = pool();
    pool.insert(vote(0, NOW, 100), NOW).expect("a good vote");
    let again = pool.insert(vote(0, NOW.saturating_add(1), 200), NOW);
    assert_eq!(again, Err(OracleVoteError::Repeated { seat: SeatId::new(0), round: NOW.get() / 1_000 }));
}

#[test]
fn old_rounds_are_forgotten() {
    let pool = pool();
    let mut now = NOW;
    for _ in 0..2 * ROUNDS_KEPT {
        pool.insert(vote(0, now, 100), now).expect("a good vote");
        now = now.saturating_add(1_000);
    }
    assert_eq!(pool.0.rounds.lock().votes.len(), ROUNDS_KEPT);
}

#[test]
fn wrong_votes_are_refused_and_say_whose_fault_it_is() {
    let wrong: Vec<(SignedOracleVote, &str, bool)> = vec![
        (changed(|vote| vote.chain_id = 1), "chain 1", true),
        (changed(|vote| vote.epoch = 1), "epoch 1", false),
        (changed(|vote| vote.seat = SeatId::new(4)), "no seat 4", true),
        (changed(|vote| vote.round += 1), "does not follow", true),
        (changed(|vote| vote.entries.clear()), "0 entries", true),
        (changed(|vote| vote.entries.push(vote.entries[0])), "2 entries", true),
        (changed(|vote| vote.entries[0].asset = AssetId::new(0)), "asset 0", true),
        (changed(|vote| vote.entries = vec![OracleEntry { asset: BTC, price: Price::ZERO }]), "not positive", true),
        (changed(|vote| vote.seat = SeatId::new(1)), "not that of the oracle key", true),
        (vote(0, NOW.saturating_add(CLOCK_SKEW_MAX_MS + 1_000), 100), "the clock says", false),
        (vote(0, NOW.saturating_sub(CLOCK_SKEW_MAX_MS + 1_000), 100), "the clock says", false),
    ];
    let pool = pool();
    for (vote, message, fault) in wrong {
        let error = pool.insert(vote, NOW).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.is_fault(), fault, "{error}");
    }
    assert!(pool.0.rounds.lock().votes.is_empty(), "nothing of it is kept");
}

#[test]
fn a_bundle_is_cut_to_what_a_block_of_that_time_may_carry() {
    let pool = pool();
    for seat in 0..4 {
        pool.insert(vote(seat, NOW.saturating_add(u64::from(seat) * 200), 100), NOW).expect("a good vote");
    }
    let bundle = pool.bundle().expect("a quorum");
    let block_time = NOW.saturating_sub(50);
    assert_eq!(timely(bundle.clone(), block_time, 4).map(|bundle| bundle.votes.len()), Some(3));
    assert_eq!(timely(bundle, NOW.saturating_sub(200), 4), None, "what is left is no quorum");
}
