//! Every single-bit change of every part of a bundle is refused, and random damage never panics.

use super::world::*;
use crate::{
    light_client::verify,
    proof::{ProofBundle, ProofRequest, from_hex, to_hex},
};
use palisade_types::ids::Height;
use proptest::prelude::*;

/// One bundle of each kind, with one, two and three headers.
fn honest_bundles() -> Vec<ProofBundle> {
    let requests = [balance_of(5), balance_of(200), order_request(1), order_request(3), receipt_request(4, 2)];
    let mut bundles: Vec<ProofBundle> = requests.iter().map(|request| WORLD.bundle(4, 6, request)).collect();
    bundles.push(WORLD.bundle(1, 2, &balance_of(5)));
    bundles.push(WORLD.bundle(6, 6, &order_request(1)));
    bundles
}

/// A part of a bundle that is bytes.
type Place = (&'static str, fn(&mut ProofBundle) -> Option<&mut String>);

const PLACES: [Place; 6] = [
    ("first header", |bundle| bundle.headers.first_mut()),
    ("second header", |bundle| bundle.headers.get_mut(1)),
    ("last header", |bundle| bundle.headers.last_mut()),
    ("certificate", |bundle| Some(&mut bundle.certificate)),
    ("value", |bundle| bundle.value.as_mut()),
    ("proof", |bundle| Some(&mut bundle.proof)),
];

/// Applies `damage` to the bytes of a place; `None` if the bundle has no such place.
fn damaged(honest: &ProofBundle, place: &Place, damage: impl Fn(&mut Vec<u8>)) -> Option<ProofBundle> {
    let mut bundle = honest.clone();
    let text = place.1(&mut bundle)?;
    let mut bytes = from_hex(text).expect("honest bundles are hexadecimal");
    damage(&mut bytes);
    *text = to_hex(&bytes);
    Some(bundle)
}

fn length_of(honest: &ProofBundle, place: &Place) -> usize {
    place.1(&mut honest.clone()).map_or(0, |text| text.len() / 2 - 1)
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut refused = 0usize;
    for honest in honest_bundles() {
        assert!(verify(&WORLD.genesis, &honest).is_ok());
        for place in &PLACES {
            for byte in 0..length_of(&honest, place) {
                for bit in 0..8 {
                    let bundle = damaged(&honest, place, |bytes| bytes[byte] ^= 1 << bit).expect("a place with bytes");
                    let verdict = verify(&WORLD.genesis, &bundle);
                    assert!(verdict.is_err(), "{:?}: {} byte {byte} bit {bit}", honest.request, place.0);
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 10_000, "only {refused} mutations were tried");
}

#[test]
fn every_cut_and_every_extension_is_refused() {
    let mut refused = 0usize;
    for honest in honest_bundles() {
        for place in &PLACES {
            for length in 0..length_of(&honest, place) {
                let cut = damaged(&honest, place, |bytes| bytes.truncate(length)).expect("a place with bytes");
                assert!(verify(&WORLD.genesis, &cut).is_err(), "{:?}: {} cut to {length}", honest.request, place.0);
                refused += 1;
            }
            for extra in [0u8, 1, 0xff] {
                let Some(longer) = damaged(&honest, place, |bytes| bytes.push(extra)) else { continue };
                assert!(verify(&WORLD.genesis, &longer).is_err(), "{:?}: {} extended", honest.request, place.0);
                refused += 1;
            }
        }
    }
    assert!(refused > 5_000, "only {refused} mutations were tried");
}

/// Every part of one honest bundle put into another one, wherever that makes a difference.
#[test]
fn every_mixture_of_two_bundles_is_refused() {
    let mut requests = state_requests();
    requests.extend((0..5).map(|index| receipt_request(4, index)));
    let bundles: Vec<ProofBundle> = requests.iter().map(|request| WORLD.bundle(4, 5, request)).collect();
    let mut refused = 0usize;
    for ours in &bundles {
        for theirs in bundles.iter().filter(|theirs| theirs.request != ours.request) {
            let mixtures = [
                ProofBundle { request: theirs.request.clone(), ..ours.clone() },
                ProofBundle { value: theirs.value.clone(), ..ours.clone() },
                ProofBundle { proof: theirs.proof.clone(), ..ours.clone() },
                ProofBundle { value: theirs.value.clone(), proof: theirs.proof.clone(), ..ours.clone() },
            ];
            for mixture in mixtures.iter().filter(|mixture| !bundles.contains(mixture)) {
                // One proof may exclude two neighbouring keys: then both bundles say the truth.
                let excludes_both = ours.value.is_none() && mixture.value.is_none() && theirs.value.is_none();
                let verdict = verify(&WORLD.genesis, mixture);
                assert!(verdict.is_err() || excludes_both, "{:?} mixed with {:?}", ours.request, theirs.request);
                refused += usize::from(verdict.is_err());
            }
        }
    }
    assert!(refused > 1_000, "only {refused} mixtures were refused");
}

/// The same request at another height: parts of one do not prove the other where the state differs.
#[test]
fn no_height_lends_to_another() {
    let mut refused = 0usize;
    let requests: Vec<ProofRequest> = state_requests();
    for request in &requests {
        for ours in 1..=HEIGHTS {
            for theirs in (1..=HEIGHTS).filter(|theirs| *theirs != ours) {
                let (own, other) = (WORLD.bundle(ours, 6, request), WORLD.bundle(theirs, 6, request));
                let mixtures = [
                    ProofBundle { proof: other.proof.clone(), ..own.clone() },
                    ProofBundle { value: other.value.clone(), proof: other.proof.clone(), ..own.clone() },
                    ProofBundle { headers: other.headers.clone(), ..own.clone() },
                    ProofBundle { headers: other.headers.clone(), height: Height::new(theirs), ..own.clone() },
                ];
                for mixture in mixtures {
                    assert!(verify(&WORLD.genesis, &mixture).is_err(), "{request:?} of {theirs} at {ours}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused >= 200, "only {refused} mixtures were tried");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Overwriting any stretch of bytes with others is refused.
    #[test]
    fn overwritten_stretches_are_refused(
        which in 0usize..8,
        place in 0usize..PLACES.len(),
        start in any::<prop::sample::Index>(),
        stretch in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let bundles = honest_bundles();
        let (honest, place) = (&bundles[which % bundles.len()], &PLACES[place]);
        let length = length_of(honest, place);
        prop_assume!(length > 0);
        let start = start.index(length);
        let bundle = damaged(honest, place, |bytes| {
            for (byte, new) in bytes.iter_mut().skip(start).zip(&stretch) {
                *byte = *new;
            }
        });
        let bundle = bundle.expect("a place with bytes");
        prop_assume!(bundle != *honest);
        prop_assert!(verify(&WORLD.genesis, &bundle).is_err());
    }

    /// Bytes of nobody's making never panic the verifier.
    #[test]
    fn noise_is_refused(
        place in 0usize..PLACES.len(),
        noise in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let honest = WORLD.bundle(4, 6, &balance_of(5));
        let bundle = damaged(&honest, &PLACES[place], |bytes| *bytes = noise.clone()).expect("a place with bytes");
        prop_assert!(verify(&WORLD.genesis, &bundle).is_err());
    }
}
