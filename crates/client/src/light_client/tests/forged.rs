//! Forgeries, each refused for its own reason.

use super::world::*;
use crate::{
    light_client::{Part, VerifyError, verify},
    proof::{Certificate, HEADERS_MAX, ProofBundle, ProofRequest, consensus_namespace, from_hex, to_hex},
};
use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::{
    simplex::{scheme::ed25519::Scheme, types::Proposal},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Signer as _, certificate::Signers, sha256::Digest};
use commonware_parallel::Sequential;
use commonware_utils::{Participant, TestRng, ordered::Set};
use palisade_types::{
    address::Ed25519Key,
    block::Header,
    genesis::{EPOCH, Genesis},
    hash::{BlockDigest, GenesisHash, Root},
    ids::{AssetId, Height, OrderId, SeatId, UniverseId},
    state_key::{BalanceId, RecordError, Table},
};

fn refused(bundle: &ProofBundle) -> VerifyError {
    verify(&WORLD.genesis, bundle).expect_err("a forgery")
}

fn decode_certificate(bundle: &ProofBundle) -> Certificate {
    Certificate::decode_cfg(from_hex(&bundle.certificate).expect("hexadecimal"), &4).expect("a certificate")
}

fn with_certificate(bundle: &ProofBundle, certificate: &Certificate) -> ProofBundle {
    ProofBundle { certificate: to_hex(&certificate.encode()), ..bundle.clone() }
}

/// The bundle of one changed header, signed by the real committee: what a malicious quorum could do, or what a
/// forger does who relies on a check that is missing.
fn resigned(change: impl Fn(&mut Header)) -> ProofBundle {
    let mut header = WORLD.header(3).clone();
    change(&mut header);
    let certificate = certify(&WORLD.genesis, &header, 0..4, 0..4);
    let shown = WORLD.shown(3, &balance_of(5));
    let headers = std::slice::from_ref(&header);
    ProofBundle::new(shown.request.clone(), headers, &certificate, shown.value.as_deref(), &shown.proof)
}

#[test]
fn another_accounts_value() {
    let honest = WORLD.bundle(4, 5, &balance_of(5));
    let other = WORLD.bundle(4, 5, &balance_of(75));
    let id = |number| BalanceId { account: account(number), universe: UniverseId::new(0), asset: AssetId::new(0) };
    let expected = VerifyError::WrongBalance { expected: id(5), found: id(75) };
    assert_eq!(refused(&ProofBundle { value: other.value.clone(), ..honest.clone() }), expected);
    let whole = ProofBundle { request: balance_of(5), ..other.clone() };
    assert_eq!(refused(&whole), expected);
    let proof_only = ProofBundle { proof: other.proof, ..honest };
    assert!(matches!(refused(&proof_only), VerifyError::NotInState { .. }));
}

#[test]
fn an_older_state() {
    let (height, root) = (Height::new(5), WORLD.header(5).state_root);
    let old = WORLD.bundle(4, 5, &balance_of(5));
    let new = WORLD.bundle(5, 5, &balance_of(5));
    assert_ne!(old.value, new.value, "the balance changed in between");
    let stale = ProofBundle { value: old.value.clone(), proof: old.proof.clone(), ..new.clone() };
    assert_eq!(refused(&stale), VerifyError::NotInState { height, root });
    assert_eq!(refused(&ProofBundle { value: old.value, ..new.clone() }), VerifyError::NotInState { height, root });
    assert_eq!(refused(&ProofBundle { proof: old.proof, ..new }), VerifyError::NotInState { height, root });
    // Order 5 closes at height 5: its former presence proves nothing now.
    let open = WORLD.bundle(4, 5, &order_request(5));
    let closed = WORLD.bundle(5, 5, &order_request(5));
    let stale = ProofBundle { value: open.value, proof: open.proof, ..closed };
    assert_eq!(refused(&stale), VerifyError::NotInState { height, root });
}

#[test]
fn exclusion_for_inclusion_and_the_reverse() {
    let (height, root) = (Height::new(4), WORLD.header(4).state_root);
    let present = WORLD.bundle(4, 4, &balance_of(5));
    let absent = WORLD.bundle(4, 4, &balance_of(200));
    let hidden = ProofBundle { value: None, ..present.clone() };
    assert!(matches!(
        refused(&hidden),
        VerifyError::Undecodable { part: Part::Proof, .. } | VerifyError::NotAbsentFromState { .. }
    ));
    let hidden = ProofBundle { value: None, proof: absent.proof.clone(), ..present.clone() };
    assert_eq!(refused(&hidden), VerifyError::NotAbsentFromState { height, root });
    for other in state_requests() {
        let shown = WORLD.shown(4, &other);
        if shown.value.is_none() {
            let proof = to_hex(&proof_bytes(&shown.proof));
            let hidden = ProofBundle { value: None, proof, ..present.clone() };
            assert_eq!(refused(&hidden), VerifyError::NotAbsentFromState { height, root });
        }
    }
    let invented = ProofBundle { value: present.value.clone(), ..absent.clone() };
    assert!(matches!(refused(&invented), VerifyError::WrongBalance { .. }));
    // The empty state of height 1 proves every absence, at height 1 alone.
    let empty = WORLD.bundle(1, 1, &balance_of(5));
    let hidden = ProofBundle { value: None, proof: empty.proof, ..present };
    assert_eq!(refused(&hidden), VerifyError::NotAbsentFromState { height, root });
}

#[test]
fn records_of_other_tables_and_shapes() {
    let balance = WORLD.bundle(4, 4, &balance_of(5));
    let order = WORLD.bundle(4, 4, &order_request(1));
    let swapped = ProofBundle { value: order.value.clone(), proof: order.proof.clone(), ..balance.clone() };
    let error = RecordError::WrongTable { expected: Table::Balance, found: Table::Order };
    assert_eq!(refused(&swapped), VerifyError::WrongRecord { error });
    let swapped = ProofBundle { request: order_request(1), ..balance.clone() };
    let error = RecordError::WrongTable { expected: Table::Order, found: Table::Balance };
    assert_eq!(refused(&swapped), VerifyError::WrongRecord { error });
    let (expected, found) = (OrderId::new(120), OrderId::new(1));
    let swapped = ProofBundle { request: order_request(120), ..order.clone() };
    assert_eq!(refused(&swapped), VerifyError::WrongOrder { expected, found });
    // The key stands where the value was.
    let key = to_hex(&[&[1u8][..], &order_record(1).order.account.0].concat());
    let swapped = ProofBundle { value: Some(key), ..order.clone() };
    assert!(matches!(refused(&swapped), VerifyError::WrongRecord { .. }));
    let swapped =
        ProofBundle { value: Some(order.proof.clone()), proof: order.value.clone().expect("a value"), ..order };
    assert!(matches!(refused(&swapped), VerifyError::WrongRecord { .. }));
}

#[test]
fn receipts_of_others_and_missing_ones() {
    let honest = WORLD.bundle(4, 6, &receipt_request(4, 2));
    let neighbour = WORLD.bundle(4, 6, &receipt_request(4, 3));
    let stranger = ProofBundle { value: neighbour.value.clone(), ..honest.clone() };
    assert!(matches!(refused(&stranger), VerifyError::WrongReceipt { .. }));
    let (height, root) = (Height::new(4), WORLD.header(4).receipts_root);
    let displaced = ProofBundle { proof: neighbour.proof.clone(), ..honest.clone() };
    assert_eq!(refused(&displaced), VerifyError::NotInReceipts { height, index: 3, root });
    let earlier = WORLD.bundle(3, 6, &receipt_request(3, 2));
    let moved = ProofBundle { request: earlier.request, value: earlier.value, proof: earlier.proof, ..honest.clone() };
    assert_eq!(refused(&moved), VerifyError::NotInReceipts { height, index: 2, root });
    assert_eq!(refused(&ProofBundle { value: None, ..honest.clone() }), VerifyError::ReceiptMissing);
    let state = WORLD.bundle(4, 6, &balance_of(5));
    let record = ProofBundle { value: state.value, ..honest };
    assert!(matches!(refused(&record), VerifyError::NoReceipt { .. }));
}

#[test]
fn too_few_signers() {
    let honest = WORLD.bundle(4, 4, &balance_of(5));
    let full = decode_certificate(&honest);
    for kept in [vec![0], vec![0, 1], vec![1, 2]] {
        let mut certificate = full.clone();
        let signers = kept.iter().map(|signer| Participant::from_usize(*signer));
        certificate.certificate.signers = Signers::new(4, signers).expect("distinct signers");
        certificate.certificate.signatures =
            kept.iter().map(|signer| full.certificate.signatures[*signer].clone()).collect();
        let expected = VerifyError::NoQuorum { found: kept.len(), required: 3, seats: 4 };
        assert_eq!(refused(&with_certificate(&honest, &certificate)), expected);
    }
    // A bitmap that claims a quorum over too few signatures, and the reverse, do not decode.
    let mut certificate = full.clone();
    certificate.certificate.signatures.pop();
    let refusal = refused(&with_certificate(&honest, &certificate));
    assert!(matches!(refusal, VerifyError::Undecodable { part: Part::Certificate, .. }), "{refusal}");
    let mut certificate = full;
    let last = certificate.certificate.signatures[2].clone();
    certificate.certificate.signatures.push(last);
    let refusal = refused(&with_certificate(&honest, &certificate));
    assert!(matches!(refusal, VerifyError::Undecodable { part: Part::Certificate, .. }), "{refusal}");
}

#[test]
fn duplicate_and_foreign_signers() {
    let honest = WORLD.bundle(4, 4, &balance_of(5));
    let full = decode_certificate(&honest);
    // One seat's signature in the places of three.
    let mut certificate = full.clone();
    certificate.certificate.signatures = vec![full.certificate.signatures[0].clone(); 3];
    assert!(matches!(refused(&with_certificate(&honest, &certificate)), VerifyError::BadSignature { .. }));
    // Signatures in each other's places.
    let mut certificate = full.clone();
    certificate.certificate.signatures.swap(0, 1);
    assert!(matches!(refused(&with_certificate(&honest, &certificate)), VerifyError::BadSignature { .. }));
    // A committee of strangers, and one of which half are strangers, both of the right size.
    for keys in [10..14, 2..6] {
        let foreign = certify(&WORLD.genesis, WORLD.header(4), keys.clone(), keys);
        assert!(matches!(refused(&with_certificate(&honest, &foreign)), VerifyError::BadSignature { .. }));
    }
    // Committees of other sizes.
    let larger = certify(&WORLD.genesis, WORLD.header(4), 0..7, 0..5);
    let refusal = refused(&with_certificate(&honest, &larger));
    assert!(
        matches!(refusal, VerifyError::TooLarge { .. } | VerifyError::Undecodable { part: Part::Certificate, .. }),
        "{refusal}"
    );
    let smaller = certify(&WORLD.genesis, WORLD.header(4), 0..3, 0..3);
    let expected = VerifyError::CommitteeSize { expected: 4, found: 3 };
    assert_eq!(refused(&with_certificate(&honest, &smaller)), expected);
}

#[test]
fn certificates_of_other_blocks_rounds_and_chains() {
    let honest = WORLD.bundle(4, 4, &balance_of(5));
    let header = WORLD.header(4);
    let other = certify(&WORLD.genesis, WORLD.header(5), 0..4, 0..3);
    let (expected, found) = (header.digest(), WORLD.header(5).digest());
    let refusal = refused(&with_certificate(&honest, &other));
    assert_eq!(refusal, VerifyError::CertificateForAnotherBlock { expected, found });
    let namespace = consensus_namespace(&WORLD.genesis.hash());
    let in_round = |epoch, view, parent| {
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let proposal = Proposal::new(round, View::new(parent), Digest::from(header.digest().0));
        with_certificate(&honest, &certify_proposal(&namespace, proposal, 0..4, 0..3))
    };
    let (view, parent) = (header.context.view, header.context.parent_view);
    assert_eq!(refused(&in_round(1, view, parent)), VerifyError::CertificateEpoch { expected: EPOCH, found: 1 });
    let refusal = VerifyError::CertificateView { expected: view, found: view + 1 };
    assert_eq!(refused(&in_round(0, view + 1, parent)), refusal);
    let refusal = VerifyError::CertificateParentView { expected: parent, found: parent - 1 };
    assert_eq!(refused(&in_round(0, view, parent - 1)), refusal);
    // The same votes under the namespaces of another genesis and of no genesis.
    let foreign = genesis(CHAIN_ID + 1, 0..4).hash();
    for namespace in [consensus_namespace(&foreign), b"palisade/consensus/".to_vec(), Vec::new()] {
        let certificate = certify_proposal(&namespace, proposal(header), 0..4, 0..3);
        assert!(matches!(refused(&with_certificate(&honest, &certificate)), VerifyError::BadSignature { .. }));
    }
}

#[test]
fn a_notarization_is_no_finalization() {
    use commonware_consensus::simplex::types::{Notarization, Notarize};
    let honest = WORLD.bundle(4, 4, &balance_of(5));
    let namespace = consensus_namespace(&WORLD.genesis.hash());
    let committee = Set::from_iter_dedup((0..4).map(|key| vote_key(key).public_key()));
    let votes: Vec<_> = (0..3)
        .map(|key| Scheme::signer(&namespace, committee.clone(), vote_key(key)).expect("a seat"))
        .map(|scheme| Notarize::sign(&scheme, proposal(WORLD.header(4))).expect("a vote"))
        .collect();
    let scheme = Scheme::verifier(&namespace, committee);
    let notarization: Notarization<Scheme, Digest> =
        Notarization::from_owned_notarizes(&scheme, commonware_utils::non_empty![@votes], &Sequential)
            .expect("a quorum");
    assert!(notarization.verify(&mut TestRng::new(1), &scheme, &Sequential), "it is a true notarization");
    let forged = ProofBundle { certificate: to_hex(&notarization.encode()), ..honest };
    assert!(matches!(refused(&forged), VerifyError::BadSignature { .. }));
}

#[test]
fn another_genesis() {
    let honest = WORLD.bundle(4, 5, &balance_of(5));
    let against = |genesis: &Genesis| verify(genesis, &honest).expect_err("another genesis");
    let chain = VerifyError::WrongChain { height: Height::new(4), expected: CHAIN_ID + 1, found: CHAIN_ID };
    assert_eq!(against(&genesis(CHAIN_ID + 1, 0..4)), chain);
    let mut renamed = WORLD.genesis.clone();
    renamed.name.push('!');
    assert!(matches!(against(&renamed), VerifyError::BadSignature { .. }));
    assert!(matches!(against(&genesis(CHAIN_ID, 1..5)), VerifyError::BadSignature { .. }));
    assert!(matches!(against(&genesis(CHAIN_ID, 0..5)), VerifyError::CommitteeSize { expected: 5, found: 4 }));
    assert!(matches!(against(&genesis(CHAIN_ID, 0..0)), VerifyError::GenesisWithoutSeats));
    let mut twice = WORLD.genesis.clone();
    twice.seats[3].vote_key = twice.seats[0].vote_key;
    let (seat, key) = (SeatId::new(3), twice.seats[0].vote_key);
    assert_eq!(against(&twice), VerifyError::GenesisDuplicateVoteKey { seat, key });
    let mut no_key = WORLD.genesis.clone();
    let key = (0..=255u8)
        .map(|byte| Ed25519Key([byte; 32]))
        .find(|key| commonware_cryptography::ed25519::PublicKey::decode_cfg(key.0.to_vec(), &()).is_err());
    no_key.seats[2].vote_key = key.expect("half of all byte strings are no points");
    assert!(matches!(against(&no_key), VerifyError::GenesisVoteKey { .. }));
    // Block 1 names its genesis, and is refused before any signature is looked at.
    let first = WORLD.bundle(1, 1, &balance_of(5));
    let refusal = verify(&renamed, &first).expect_err("another genesis");
    let (expected, found) = (renamed.hash(), WORLD.genesis.hash());
    assert_eq!(refusal, VerifyError::WrongGenesis { height: Height::new(1), expected, found });
}

#[test]
fn cut_swapped_and_foreign_headers() {
    let honest = WORLD.bundle(3, 6, &balance_of(5));
    let with = |headers: &[usize]| {
        let headers = headers.iter().map(|index| honest.headers[*index].clone()).collect();
        refused(&ProofBundle { headers, ..honest.clone() })
    };
    assert_eq!(with(&[]), VerifyError::HeaderCount { found: 0, limit: HEADERS_MAX });
    let gap = |previous, found| VerifyError::HeightGap { previous: Height::new(previous), found: Height::new(found) };
    assert_eq!(with(&[0, 1, 3]), gap(3 + 1, 6));
    assert_eq!(with(&[0, 2, 3]), gap(3, 5));
    assert_eq!(with(&[0, 2, 1, 3]), gap(3, 5));
    assert_eq!(with(&[0, 0, 1, 2, 3]), gap(3, 3));
    let stated = VerifyError::WrongHeight { stated: Height::new(3), found: Height::new(4) };
    assert_eq!(with(&[1, 2, 3]), stated);
    let uncertified = |last: u64| VerifyError::CertificateForAnotherBlock {
        expected: WORLD.header(last).digest(),
        found: WORLD.header(6).digest(),
    };
    assert_eq!(with(&[0]), uncertified(3));
    assert_eq!(with(&[0, 1, 2]), uncertified(5));
    let many = ProofBundle { headers: vec![honest.headers[0].clone(); HEADERS_MAX + 1], ..honest.clone() };
    assert_eq!(refused(&many), VerifyError::HeaderCount { found: HEADERS_MAX + 1, limit: HEADERS_MAX });
    // A sibling of block 3 with a state of the forger's choice, under the real descendants.
    let mut sibling = WORLD.header(3).clone();
    sibling.state_root = Root([9; 32]);
    let mut headers = honest.headers.clone();
    headers[0] = to_hex(&sibling.encode());
    let refusal = refused(&ProofBundle { headers, ..honest.clone() });
    let (expected, found) = (sibling.digest(), WORLD.header(3).digest());
    assert_eq!(refusal, VerifyError::BrokenChain { height: Height::new(4), expected, found });
    let wrong_height = ProofBundle { height: Height::new(4), ..honest };
    assert_eq!(refused(&wrong_height), VerifyError::WrongHeight { stated: Height::new(4), found: Height::new(3) });
}

#[test]
fn headers_that_break_a_rule_though_signed() {
    assert!(verify(&WORLD.genesis, &resigned(|_| ())).is_ok());
    let height = Height::new(3);
    let refusal = refused(&resigned(|header| header.chain_id = 5));
    assert_eq!(refusal, VerifyError::WrongChain { height, expected: CHAIN_ID, found: 5 });
    let refusal = refused(&resigned(|header| header.context.epoch = 1));
    assert_eq!(refusal, VerifyError::WrongEpoch { height, expected: EPOCH, found: 1 });
    let refusal = refused(&resigned(|header| header.context.parent = BlockDigest([7; 32])));
    let (header, context) = (WORLD.header(3).parent, BlockDigest([7; 32]));
    assert_eq!(refusal, VerifyError::ContextParent { height, header, context });
    let refusal = refused(&resigned(|header| header.genesis_hash = WORLD.genesis.hash()));
    let (expected, found) = (GenesisHash::default(), WORLD.genesis.hash());
    assert_eq!(refusal, VerifyError::WrongGenesis { height, expected, found });
    let refusal = refused(&resigned(|header| header.beacon = vec![0; 5_000]));
    assert!(matches!(refusal, VerifyError::TooLarge { part: Part::Header { index: 0 }, .. }), "{refusal}");
    let shown = WORLD.shown(3, &balance_of(5));
    let mut late = WORLD.header(4).clone();
    late.time_ms = WORLD.header(3).time_ms;
    let certificate = certify(&WORLD.genesis, &late, 0..4, 0..3);
    let headers = [WORLD.header(3).clone(), late.clone()];
    let bundle = ProofBundle::new(shown.request.clone(), &headers, &certificate, shown.value.as_deref(), &shown.proof);
    let at_ms = late.time_ms.get();
    let expected = VerifyError::TimeBackwards { height: Height::new(4), parent_ms: at_ms, found_ms: at_ms };
    assert_eq!(refused(&bundle), expected);
}

#[test]
fn one_text_per_value() {
    let honest = WORLD.bundle(3, 4, &balance_of(5));
    let value = honest.value.clone().expect("a value");
    let spellings: [fn(&str) -> String; 5] = [
        |text| text.to_uppercase(),
        |text| format!("0x{}", text[2..].to_uppercase()),
        |text| text[2..].to_owned(),
        |text| format!("{text}0"),
        |text| format!(" {text}"),
    ];
    for spell in spellings {
        let mut headers = honest.headers.clone();
        headers[1] = spell(&headers[1]);
        let part = Part::Header { index: 1 };
        assert_eq!(refused(&ProofBundle { headers, ..honest.clone() }), VerifyError::NotHex { part });
        let certificate = spell(&honest.certificate);
        let refusal = refused(&ProofBundle { certificate, ..honest.clone() });
        assert_eq!(refusal, VerifyError::NotHex { part: Part::Certificate });
        let refusal = refused(&ProofBundle { value: Some(spell(&value)), ..honest.clone() });
        assert_eq!(refusal, VerifyError::NotHex { part: Part::Value });
        let refusal = refused(&ProofBundle { proof: spell(&honest.proof), ..honest.clone() });
        assert_eq!(refusal, VerifyError::NotHex { part: Part::Proof });
    }
    // Variable-length integers have longer spellings of the same number: the location that the proof begins with.
    let bytes = from_hex(&honest.proof).expect("hexadecimal");
    let ends = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a last byte");
    let mut longer = bytes.clone();
    longer[ends] |= 0x80;
    longer.insert(ends + 1, 0);
    let refusal = refused(&ProofBundle { proof: to_hex(&longer), ..honest });
    assert!(
        matches!(
            refusal,
            VerifyError::NotCanonical { part: Part::Proof } | VerifyError::Undecodable { part: Part::Proof, .. }
        ),
        "{refusal}"
    );
}

#[test]
fn oversize_parts_are_refused_by_size_alone() {
    let honest = WORLD.bundle(3, 4, &balance_of(5));
    let huge = format!("0x{}", "zz".repeat(200_000));
    let mut headers = honest.headers.clone();
    headers[0] = huge.clone();
    let bundles = [
        ProofBundle { headers, ..honest.clone() },
        ProofBundle { certificate: huge.clone(), ..honest.clone() },
        ProofBundle { value: Some(huge.clone()), ..honest.clone() },
        ProofBundle { proof: huge.clone(), ..honest.clone() },
        ProofBundle { proof: huge, ..WORLD.bundle(3, 4, &receipt_request(3, 1)) },
    ];
    for bundle in bundles {
        assert!(matches!(refused(&bundle), VerifyError::TooLarge { .. }));
    }
}

#[test]
fn unanswered_requests_stay_unanswered() {
    let absent = WORLD.bundle(4, 4, &balance_of(200));
    for request in [balance_of(5), balance_of(1), order_request(1), order_request(120)] {
        let hidden = ProofBundle { request, ..absent.clone() };
        assert!(matches!(refused(&hidden), VerifyError::NotAbsentFromState { .. }));
    }
    let hidden = ProofBundle { request: receipt_request(4, 1), ..absent.clone() };
    assert_eq!(refused(&hidden), VerifyError::ReceiptMissing);
    let ProofRequest::Balance { account, .. } = balance_of(5) else { unreachable!("a balance") };
    let elsewhere = [
        ProofRequest::Balance { universe: UniverseId::new(1), account, asset: AssetId::new(0) },
        ProofRequest::Balance { universe: UniverseId::new(0), account, asset: AssetId::new(1) },
    ];
    let present = WORLD.bundle(4, 4, &balance_of(5));
    for request in elsewhere {
        let moved = ProofBundle { request, ..present.clone() };
        assert!(matches!(refused(&moved), VerifyError::WrongBalance { .. }));
    }
}
