//! What checking an action's signature costs on one core, one by one and in batches, beside the bare curve operation
//! that it cannot do without.

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use ed25519_consensus::{Signature as Ed25519Signature, VerificationKey, VerificationKeyBytes, batch};
use palisade_types::{
    action::{Action, CancelRequest},
    address::{AccountId, Ed25519Key, SignerId},
    envelope::{Envelope, Payload, Signature, SignedAction},
    ids::{MarketId, Nonce, OrderId},
    order::OrderReference,
    signing::{ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey, signing_hash, verify, verify_batch},
};
use rand_core::{CryptoRng, RngCore};
use secp256k1::{
    Message,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::{hint::black_box, time::Duration};

const BATCH: usize = 256;

/// A generator for batches: not secret, which does not matter to honest signatures.
#[derive(Clone)]
struct Counter(u64);

impl RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Counter {}

fn envelope(account: AccountId, place: usize) -> Envelope {
    let cancel = CancelRequest { market: MarketId::new(0), order: OrderReference::Id(OrderId::new(place as u64 + 1)) };
    Envelope {
        chain_id: 4_242,
        signer: SignerId::Address(account),
        account,
        nonce: Nonce::new(1_700_000_000_000 + place as u64),
        expires_after_ms: None,
        payload: Payload::Native { action: Action::Cancel { cancels: vec![cancel] } },
    }
}

/// One action each of many agents.
fn by_agents() -> Vec<SignedAction> {
    (0..BATCH)
        .map(|place| {
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&(place as u64).to_be_bytes());
            Ed25519SecretKey::from_bytes(seed).sign(envelope(AccountId([1; 20]), place))
        })
        .collect()
}

fn ed25519_parts(signed: &SignedAction) -> (Ed25519Key, [u8; 64], [u8; 32]) {
    match (&signed.envelope.signer, &signed.signature) {
        (SignerId::Ed25519(key), Signature::Ed25519 { bytes }) => (*key, *bytes, signing_hash(&signed.envelope)),
        _ => panic!("signed by an agent"),
    }
}

fn group<'a>(criterion: &'a mut Criterion, name: &str, signatures: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(signatures as u64)).sample_size(20);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group
}

fn secp256k1_recovery(criterion: &mut Criterion) {
    let key = Secp256k1SecretKey::from_bytes([7; 32]).expect("below the order");
    let signed = key.sign(envelope(key.address(), 0));
    let hash = signing_hash(&signed.envelope);
    let Signature::Secp256k1 { compact, recovery_id } = signed.signature else { panic!("signed by a wallet") };
    let recovery_id = if recovery_id == 0 { RecoveryId::Zero } else { RecoveryId::One };
    let bare = RecoverableSignature::from_compact(&compact, recovery_id).expect("a signature");
    let mut group = group(criterion, "verify an action, secp256k1", 1);
    group.bench_function("palisade", |bencher| {
        bencher.iter_batched(|| signed.clone(), |signed| verify(signed).expect("it verifies"), BatchSize::SmallInput);
    });
    group.bench_function("limit: libsecp256k1 recover", |bencher| {
        bencher.iter(|| black_box(&bare).recover_ecdsa(Message::from_digest(hash)).expect("a key"));
    });
    group.finish();
}

fn ed25519_single(criterion: &mut Criterion) {
    let signed = by_agents().remove(0);
    let (key, bytes, hash) = ed25519_parts(&signed);
    let mut group = group(criterion, "verify an action, Ed25519, alone", 1);
    group.bench_function("palisade", |bencher| {
        bencher.iter_batched(|| signed.clone(), |signed| verify(signed).expect("it verifies"), BatchSize::SmallInput);
    });
    group.bench_function("limit: bare verification", |bencher| {
        bencher.iter(|| {
            let verifier = VerificationKey::try_from(*key.as_bytes()).expect("a key");
            verifier.verify(&Ed25519Signature::from(bytes), black_box(&hash)).expect("it verifies");
        });
    });
    group.finish();
}

fn ed25519_batch(criterion: &mut Criterion) {
    let signed = by_agents();
    let parts: Vec<_> = signed.iter().map(ed25519_parts).collect();
    let mut group = group(criterion, &format!("verify {BATCH} actions, Ed25519, in a batch"), BATCH);
    group.bench_function("palisade", |bencher| {
        bencher.iter_batched(
            || signed.clone(),
            |signed| {
                let verdicts = verify_batch(signed, Counter(1));
                assert!(verdicts.iter().all(Result::is_ok), "honest signatures verify");
                verdicts
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("limit: bare batch verification", |bencher| {
        bencher.iter(|| {
            let mut verifier = batch::Verifier::new();
            for (key, bytes, hash) in &parts {
                let key = VerificationKeyBytes::from(*key.as_bytes());
                verifier.queue((key, Ed25519Signature::from(*bytes), hash));
            }
            verifier.verify(Counter(1)).expect("honest signatures verify");
        });
    });
    group.finish();
}

criterion_group!(benches, secp256k1_recovery, ed25519_single, ed25519_batch);
criterion_main!(benches);
