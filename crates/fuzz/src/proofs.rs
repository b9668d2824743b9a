//! Proof bundles: no change of an honest one verifies, unless it changes nothing that is verified.

use crate::memory::bounded;
use arbitrary::{Result, Unstructured};
use palisade_client::{
    light_client::{ProvenValue, Verified, verify},
    proof::{ProofBundle, from_hex, to_hex},
};
use palisade_types::genesis::Genesis;
use serde::Deserialize;
use std::sync::LazyLock;

/// Honest bundles of a small chain, made and compared by the client's own tests.
const FIXTURE: &str = include_str!("../../client/src/light_client/tests/honest_bundles.json");

/// A chain and what it proves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// What the bundles are verified against.
    pub genesis: Genesis,
    /// One bundle per kind of proof and number of headers.
    pub bundles: Vec<ProofBundle>,
}

/// The chain that every input is held against.
pub static HONEST: LazyLock<Fixture> = LazyLock::new(|| {
    let fixture: Fixture = serde_json::from_str(FIXTURE).expect("the project's own fixture");
    assert!(fixture.bundles.iter().all(|bundle| verify(&fixture.genesis, bundle).is_ok()), "honest bundles verify");
    fixture
});

/// Chooses an honest bundle and changes it: it is refused, or is the honest one still.
pub fn mutations(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let Ok((honest, changed)) = mutated(&mut choices) else { return };
    if changed != honest {
        assert_refused(&honest, &changed);
    }
}

/// A bundle as anyone may send it: JSON. It is refused, or is one of the honest ones.
pub fn bundle(bytes: &[u8]) {
    let Ok(bundle) = bounded(bytes, |bytes| serde_json::from_slice::<ProofBundle>(bytes)) else { return };
    let text = serde_json::to_vec(&bundle).expect("a bundle is JSON");
    assert_eq!(serde_json::from_slice::<ProofBundle>(&text).expect("its own JSON"), bundle);
    if let Ok(verified) = verify(&HONEST.genesis, &bundle) {
        assert!(is_known(&verified), "a forged bundle proves {verified:?}");
    }
}

/// The honest chain says the same. A proof of absence covers a gap between two keys and so holds for every name in it:
/// an absence is known unless an honest bundle shows that the record was there.
fn is_known(verified: &Verified) -> bool {
    let mut answers = HONEST.bundles.iter().filter_map(|bundle| verify(&HONEST.genesis, bundle).ok());
    if is_absence(verified) {
        let place = |answer: &Verified| (answer.request.clone(), answer.height);
        return answers.all(|answer| place(&answer) != place(verified) || answer.value == verified.value);
    }
    answers.any(|answer| answer == *verified)
}

const fn is_absence(verified: &Verified) -> bool {
    matches!(verified.value, ProvenValue::NoBalance | ProvenValue::OrderNotOpen)
}

/// A changed bundle may still hold only if a whole honest part took the place of another: the same
/// answer, proven by another set of headers.
fn assert_refused(honest: &ProofBundle, changed: &ProofBundle) {
    if let Ok(verified) = verify(&HONEST.genesis, changed) {
        assert!(is_known(&verified), "a change of {honest:?} proves {verified:?}: {changed:?}");
        let whole = HONEST.bundles.contains(changed) || is_absence(&verified);
        assert!(whole, "a change of {honest:?} verifies: {changed:?}");
    }
}

fn mutated(choices: &mut Unstructured<'_>) -> Result<(ProofBundle, ProofBundle)> {
    let honest = choices.choose(&HONEST.bundles)?.clone();
    let other = choices.choose(&HONEST.bundles)?.clone();
    let mut changed = honest.clone();
    for _ in 0..choices.int_in_range(1..=3)? {
        change(choices, &mut changed, &other)?;
    }
    Ok((honest, changed))
}

fn change(choices: &mut Unstructured<'_>, bundle: &mut ProofBundle, other: &ProofBundle) -> Result<()> {
    match choices.int_in_range(0..=9)? {
        0 => bundle.request = other.request.clone(),
        1 => bundle.value = if choices.arbitrary()? { other.value.clone() } else { None },
        2 => bundle.proof.clone_from(&other.proof),
        3 => bundle.certificate.clone_from(&other.certificate),
        4 => bundle.headers.clone_from(&other.headers),
        5 => {
            bundle.headers.pop();
        }
        6 => bundle.height = other.height,
        7 => bundle.headers.extend(other.headers.last().cloned()),
        _ => {
            let place = match choices.int_in_range(0..=3)? {
                0 => Some(&mut bundle.certificate),
                1 => Some(&mut bundle.proof),
                2 => bundle.value.as_mut(),
                _ => {
                    let index = choices.choose_index(bundle.headers.len().max(1))?;
                    bundle.headers.get_mut(index)
                }
            };
            if let Some(text) = place {
                *text = damaged(choices, text)?;
            }
        }
    }
    Ok(())
}

/// A text with other bytes behind it: changed, cut, longer, or with a run repeated.
fn damaged(choices: &mut Unstructured<'_>, text: &str) -> Result<String> {
    let mut bytes = from_hex(text).unwrap_or_default();
    let at = choices.choose_index(bytes.len().max(1))?;
    match choices.int_in_range(0..=3)? {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= choices.arbitrary::<u8>()?;
            }
        }
        1 => bytes.truncate(at),
        2 => bytes.insert(at.min(bytes.len()), choices.arbitrary()?),
        _ => {
            let run: Vec<u8> = bytes.iter().skip(at).take(32).copied().collect();
            bytes.splice(at..at, run);
        }
    }
    Ok(to_hex(&bytes))
}
