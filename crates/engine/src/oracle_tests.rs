use super::*;
use palisade_types::{
    address::Ed25519Key,
    oracle::{OracleEntry, SignedOracleVote},
    signing::ed25519::Ed25519SecretKey,
};
use proptest::prelude::*;

const CHAIN: u64 = 77;
const EPOCH: u64 = 3;
const BLOCK_TIME: u64 = 1_700_000_005_200;
const VOTE_TIME: u64 = 1_700_000_004_800;

fn key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes([seat as u8 + 1; 32])
}

fn committee(seats: u32) -> Vec<Seat> {
    (0..seats)
        .map(|seat| Seat {
            id: SeatId::new(seat),
            name: format!("seat {seat}"),
            vote_key: Ed25519Key::default(),
            oracle_key: key(seat).public_key(),
        })
        .collect()
}

fn assets() -> Vec<AssetSpec> {
    [("USDC", false), ("BTC", true), ("ETH", true), ("SOL", true)]
        .iter()
        .zip(0u32..)
        .map(|((symbol, has_index), id)| AssetSpec {
            id: AssetId::new(id),
            symbol: (*symbol).to_owned(),
            decimals: 8,
            has_index: *has_index,
            collateral: None,
        })
        .collect()
}

fn vote(seat: u32, entries: &[(u32, i64)]) -> OracleVote {
    OracleVote {
        chain_id: CHAIN,
        epoch: EPOCH,
        round: VOTE_TIME / 1_000,
        seat: SeatId::new(seat),
        time_ms: TimeMs::new(VOTE_TIME),
        entries: entries
            .iter()
            .map(|(asset, price)| OracleEntry { asset: AssetId::new(*asset), price: Price::new(*price) })
            .collect(),
    }
}

fn signed(vote: OracleVote) -> SignedOracleVote {
    let key = key(vote.seat.get());
    vote.sign(&key)
}

fn bundle(votes: impl IntoIterator<Item = OracleVote>) -> OracleBundle {
    OracleBundle { votes: votes.into_iter().map(signed).collect() }
}

fn check(bundle: &OracleBundle, seats: &[Seat], last_round: Option<u64>, block_time: u64) -> Result<(), BundleError> {
    let assets = assets();
    let context = BundleContext {
        chain_id: CHAIN,
        epoch: EPOCH,
        block_time_ms: TimeMs::new(block_time),
        last_round,
        seats,
        assets: &assets,
    };
    verify_bundle(bundle, &context)
}

fn good() -> Vec<OracleVote> {
    (0..4).map(|seat| vote(seat, &[(1, 100), (2, 50)])).collect()
}

#[test]
fn good_bundles() {
    let seats = committee(4);
    assert_eq!(check(&bundle(good()), &seats, None, BLOCK_TIME), Ok(()));
    assert_eq!(check(&bundle(good().into_iter().skip(1)), &seats, Some(VOTE_TIME / 1_000 - 1), BLOCK_TIME), Ok(()));
    assert_eq!(check(&bundle((1..4).map(|seat| vote(seat, &[]))), &seats, None, BLOCK_TIME), Ok(()), "all may abstain");
    assert_eq!(check(&bundle([vote(0, &[(1, 1)])]), &committee(1), None, BLOCK_TIME), Ok(()));
}

/// Each rule, broken alone in one vote of four.
#[test]
fn broken_bundles() {
    type Break = fn(&mut OracleVote);
    let seat = SeatId::new(2);
    let cases: [(Break, BundleError); 10] = [
        (|vote| vote.chain_id = 78, BundleError::WrongChain { seat, found: 78, expected: CHAIN }),
        (|vote| vote.epoch = 2, BundleError::WrongEpoch { seat, found: 2, expected: EPOCH }),
        (
            |vote| vote.round += 1,
            BundleError::MixedRounds { seat, found: VOTE_TIME / 1_000 + 1, expected: VOTE_TIME / 1_000 },
        ),
        (
            |vote| vote.time_ms = TimeMs::new(VOTE_TIME + 200),
            BundleError::RoundMismatch { seat, round: VOTE_TIME / 1_000, time_ms: TimeMs::new(VOTE_TIME + 200) },
        ),
        (
            |vote| vote.entries.swap(0, 1),
            BundleError::EntryOrder { seat, previous: AssetId::new(2), asset: AssetId::new(1) },
        ),
        (
            |vote| vote.entries[1] = vote.entries[0],
            BundleError::EntryOrder { seat, previous: AssetId::new(1), asset: AssetId::new(1) },
        ),
        (|vote| vote.entries[0].asset = AssetId::new(0), BundleError::NoIndex { seat, asset: AssetId::new(0) }),
        (|vote| vote.entries[1].asset = AssetId::new(9), BundleError::NoIndex { seat, asset: AssetId::new(9) }),
        (
            |vote| vote.entries[0].price = Price::ZERO,
            BundleError::PriceNotPositive { seat, asset: AssetId::new(1), price: Price::ZERO },
        ),
        (
            |vote| vote.entries = vec![vote.entries[0]; ORACLE_ENTRIES_MAX + 1],
            BundleError::TooManyEntries { seat, found: ORACLE_ENTRIES_MAX + 1, limit: ORACLE_ENTRIES_MAX },
        ),
    ];
    let seats = committee(4);
    for (break_it, expected) in cases {
        let mut votes = good();
        break_it(&mut votes[2]);
        assert_eq!(check(&bundle(votes), &seats, None, BLOCK_TIME), Err(expected));
    }
    // Times at the edges: 3 s before and 0.5 s after.
    for (block_time, expected) in [
        (VOTE_TIME + 3_000, Ok(())),
        (VOTE_TIME - 500, Ok(())),
        (VOTE_TIME + 3_001, Err(())),
        (VOTE_TIME - 501, Err(())),
    ] {
        let found = check(&bundle(good()), &seats, None, block_time);
        assert_eq!(found.clone().map_err(|_| ()), expected, "{block_time}: {found:?}");
    }
    let mut votes = good();
    for vote in &mut votes {
        vote.time_ms = TimeMs::new(VOTE_TIME - 4_000);
        vote.round = (VOTE_TIME - 4_000) / 1_000;
    }
    let old = check(&bundle(votes), &seats, None, BLOCK_TIME);
    let (seat, time_ms) = (SeatId::new(0), TimeMs::new(VOTE_TIME - 4_000));
    assert_eq!(old, Err(BundleError::OutOfTime { seat, time_ms, block_time_ms: TimeMs::new(BLOCK_TIME) }));
}

#[test]
fn bundles_of_the_wrong_voters() {
    let seats = committee(4);
    let round = VOTE_TIME / 1_000;
    let two = bundle(good().into_iter().take(2));
    assert_eq!(check(&two, &seats, None, BLOCK_TIME), Err(BundleError::BelowQuorum { found: 2, quorum: 3 }));
    let none = bundle([]);
    assert_eq!(check(&none, &[], None, BLOCK_TIME), Err(BundleError::BelowQuorum { found: 0, quorum: 0 }));
    let twice = bundle([0, 1, 1].map(|seat| vote(seat, &[])));
    let (one, two_) = (SeatId::new(1), SeatId::new(2));
    assert_eq!(check(&twice, &seats, None, BLOCK_TIME), Err(BundleError::SeatOrder { previous: one, seat: one }));
    let descending = bundle([0, 2, 1].map(|seat| vote(seat, &[])));
    assert_eq!(check(&descending, &seats, None, BLOCK_TIME), Err(BundleError::SeatOrder { previous: two_, seat: one }));
    let foreign = bundle([0, 1, 7].map(|seat| vote(seat, &[])));
    assert_eq!(check(&foreign, &seats, None, BLOCK_TIME), Err(BundleError::UnknownSeat { seat: SeatId::new(7) }));
    for last in [round, round + 1] {
        let repeated = check(&bundle(good()), &seats, Some(last), BLOCK_TIME);
        assert_eq!(repeated, Err(BundleError::OldRound { round, last }));
    }
}

#[test]
fn signatures_of_other_keys_or_contents() {
    let seats = committee(4);
    let refused = Err(BundleError::BadSignature { seat: SeatId::new(3) });
    let mut forged = bundle(good());
    forged.votes[3] = vote(3, &[(1, 100)]).sign(&key(2));
    assert_eq!(check(&forged, &seats, None, BLOCK_TIME), refused);
    let mut altered = bundle(good());
    altered.votes[3].vote.entries[0].price = Price::new(101);
    assert_eq!(check(&altered, &seats, None, BLOCK_TIME), refused);
    let mut flipped = bundle(good());
    flipped.votes[3].signature[0] ^= 1;
    assert_eq!(check(&flipped, &seats, None, BLOCK_TIME), refused);
}

/// Prices of one asset by seat (none: abstained), committee size · index and sources.
#[test]
fn lower_medians() {
    for (prices, expected) in [
        (vec![Some(10), Some(20), Some(30), Some(40)], Some((20, 4))),
        (vec![Some(40), Some(10), Some(30), None], Some((30, 3))),
        (vec![Some(40), Some(10), None, None], None),
        (vec![None, None, None, None], None),
        (vec![Some(7)], Some((7, 1))),
        (vec![Some(1), Some(i64::MAX), Some(5), Some(5), Some(5), Some(1), Some(1)], Some((5, 7))),
        (vec![Some(1), Some(i64::MAX), Some(5), Some(6), None, None, Some(1)], Some((5, 5))),
    ] {
        let votes = prices.iter().zip(0u32..).map(|(price, seat)| {
            let entries: Vec<(u32, i64)> = price.iter().map(|price| (1, *price)).collect();
            vote(seat, &entries)
        });
        let found = indices(
            &OracleBundle { votes: votes.map(|vote| SignedOracleVote { vote, signature: [0; 64] }).collect() },
            prices.len(),
        );
        let expected = expected.map(|(price, sources)| IndexRecord {
            price: Price::new(price),
            time_ms: TimeMs::new(VOTE_TIME),
            sources,
            slow_price: Price::new(price),
            variance: 0,
        });
        assert_eq!(found.get(&AssetId::new(1)).copied(), expected, "{prices:?}");
        assert_eq!(found.len(), usize::from(expected.is_some()));
    }
}

#[test]
fn times_are_lower_medians_too() {
    let mut votes = good();
    for (vote, late_ms) in votes.iter_mut().zip([100, 0, 150, 50]) {
        vote.time_ms = TimeMs::new(VOTE_TIME + late_ms);
    }
    let bundle = bundle(votes);
    assert_eq!(bundle_median_time(&bundle), Some(TimeMs::new(VOTE_TIME + 50)));
    let found = indices(&bundle, 4);
    assert!(found.values().all(|index| index.time_ms == TimeMs::new(VOTE_TIME + 50)));
    assert_eq!(bundle_round(&bundle), Some(VOTE_TIME / 1_000));
}

#[test]
fn freshness_is_elapsed_time() {
    let index = IndexRecord {
        price: Price::new(1),
        time_ms: TimeMs::new(50_000),
        sources: 3,
        slow_price: Price::new(1),
        variance: 0,
    };
    for (now, age_ms, fresh) in [(49_900, 0, true), (50_000, 0, true), (60_000, 10_000, true), (60_001, 10_001, false)]
    {
        assert_eq!(index.age_ms(TimeMs::new(now)), age_ms);
        assert_eq!(index.is_fresh(TimeMs::new(now)), fresh, "{now}");
    }
}

proptest! {
    /// With at most f liars among n = 3f + 1 seats and any quorum that a proposer picks, the index lies within what
    /// honest seats said.
    #[test]
    fn liars_cannot_move_the_index_out_of_the_honest_range(
        faulty in 1usize..5, honest in 1_000i64..2_000, lies in prop::collection::vec(1i64..i64::MAX, 4), skipped in 0usize..13, seed in any::<u64>(),
    ) {
        let seats = 3 * faulty + 1;
        let left_out = skipped % (faulty + 1);
        let mut prices: Vec<i64> = (0..seats)
            .map(|seat| if seat < faulty { lies[seat % lies.len()] } else { honest + (seat as i64 * 7 + seed as i64 % 5).rem_euclid(100) })
            .collect();
        let told: Vec<i64> = prices[faulty..].to_vec();
        // The proposer leaves out honest seats only: its worst choice.
        prices.truncate(seats - left_out);
        let votes = prices.iter().zip(0u32..).map(|(price, seat)| SignedOracleVote { vote: vote(seat, &[(1, *price)]), signature: [0; 64] });
        let found = indices(&OracleBundle { votes: votes.collect() }, seats);
        let index = found.get(&AssetId::new(1)).expect("a quorum spoke").price.get();
        let (low, high) = (told.iter().min().copied(), told.iter().max().copied());
        prop_assert!(low <= Some(index) && Some(index) <= high, "{index} outside {told:?}");
    }
}
