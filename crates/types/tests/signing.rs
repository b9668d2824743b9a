//! Signatures over native actions: against an independent implementation, and against every way to cheat.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod support;

use palisade_types::{
    action::{Action, CancelRequest},
    address::{AccountId, SignerId},
    envelope::{Envelope, HyperliquidSource, HyperliquidUserAction, Payload, Signature, SignedAction},
    ids::{AssetId, MarketId, Nonce, OrderId, SeatId, UniverseId},
    limits::{ACTION_BYTES_MAX, BATCH_MAX},
    numbers::{Amount, Price},
    oracle::{OracleEntry, OracleVote},
    order::OrderReference,
    rejection::Inadmissible,
    signing::{
        ed25519::Ed25519SecretKey,
        secp256k1::{self, RecoverError, Secp256k1SecretKey},
        signing_hash, verify, verify_batch,
    },
    time::TimeMs,
};
use proptest::prelude::*;
use rand_core::{CryptoRng, RngCore};
use support::secret;

/// A generator for batches: not secret, which does not matter to honest test data.
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

fn wallet() -> Secp256k1SecretKey {
    "0x0123456789012345678901234567890123456789012345678901234567890123".parse().unwrap()
}

fn transfer() -> Action {
    Action::Transfer {
        universe: UniverseId::new(0),
        to: AccountId([0x22; 20]),
        asset: AssetId::new(0),
        amount: Amount::new(5_000_000),
    }
}

fn envelope(action: Action) -> Envelope {
    Envelope {
        chain_id: 7777,
        signer: SignerId::Address(AccountId([0x11; 20])),
        account: AccountId([0x11; 20]),
        nonce: Nonce::new(1_700_000_000_123),
        expires_after_ms: None,
        payload: Payload::Native { action },
    }
}

fn with_expiry(expires_after_ms: u64) -> Envelope {
    Envelope { expires_after_ms: Some(TimeMs::new(expires_after_ms)), ..envelope(transfer()) }
}

/// Hash and signature made by eth_account 0.13 (`encode_typed_data` with the types of the module's text).
#[test]
fn agrees_with_an_independent_wallet() {
    let cases = [
        (
            envelope(transfer()),
            "5d12b32dd70da3b5929cd80324cfa42df5eaeb9c746ab5c9e7a0a462ca624fe1",
            "817f5ce6e4d8a9bcc92bed2815ac2be65c261775be83a1848925ff1555068a28",
            "462b5d35eea131d4df7c8505e6d23f2a061f942724c859140259165ff61f6045",
            28,
        ),
        (
            with_expiry(1_700_000_009_999),
            "95750a355ddfebd441ea3d0fb5fba4c18ca3537af50c7f9eb6f548a5c539d72e",
            "6da1b6aa803efb75f59c32e0347929ec970eeefd62c59d3b88c513f37c515867",
            "39fac4f3775652da821a92559b32bb30e15afb5f1bbc28c91c35781a004fc397",
            28,
        ),
    ];
    for (envelope, hash, r, s, v) in cases {
        assert_eq!(hex::encode(signing_hash(&envelope)), hash);
        let signature = secp256k1::signature_from_rsv(r, s, v).unwrap();
        assert_eq!(wallet().sign(envelope.clone()).signature, signature);
        let signed = SignedAction { envelope: Envelope { signer: wallet().signer_id(), ..envelope }, signature };
        assert!(verify(signed).is_ok());
    }
}

#[test]
fn a_key_has_the_address_that_ethereum_gives_it() {
    assert_eq!(wallet().address().to_string().to_lowercase(), "0x14791697260e4c9a71f18484c9f997b308e59325");
}

#[test]
fn a_verified_action_states_its_name_and_size() {
    for signed in [wallet().sign(envelope(transfer())), agent(1).sign(envelope(transfer()))] {
        let verified = verify(signed.clone()).unwrap();
        assert_eq!(verified.id(), signed.id());
        assert_eq!(verified.size_bytes(), signed.encode().len());
        assert_eq!(verified.request().kind(), "transfer");
        assert_eq!(verified.signed(), &signed);
    }
}

fn agent(number: u8) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(secret(number))
}

/// Every field that a signature covers, changed.
fn changes(signed: &SignedAction) -> Vec<(&'static str, SignedAction)> {
    let change = |name, edit: fn(&mut Envelope)| {
        let mut changed = signed.clone();
        edit(&mut changed.envelope);
        (name, changed)
    };
    vec![
        change("chain_id", |envelope| envelope.chain_id += 1),
        change("signer", |envelope| envelope.signer = SignerId::Address(AccountId([9; 20]))),
        change("agent", |envelope| envelope.signer = agent(9).signer_id()),
        change("account", |envelope| envelope.account.0[19] ^= 1),
        change("nonce", |envelope| envelope.nonce = Nonce::new(envelope.nonce.get() + 1)),
        change("expiry", |envelope| envelope.expires_after_ms = Some(TimeMs::new(1))),
        change("action", |envelope| {
            envelope.payload = Payload::Native { action: Action::CancelAll { market: None } };
        }),
    ]
}

#[test]
fn no_field_can_be_changed_after_signing() {
    for signed in [wallet().sign(envelope(transfer())), agent(1).sign(envelope(transfer()))] {
        for (field, changed) in changes(&signed) {
            let signer = changed.envelope.signer;
            assert_eq!(verify(changed), Err(Inadmissible::BadSignature { signer }), "{field}");
        }
    }
}

#[test]
fn an_expiry_of_zero_is_refused_because_it_is_signed_like_none() {
    assert_eq!(signing_hash(&with_expiry(0)), signing_hash(&envelope(transfer())));
    assert!(matches!(verify(wallet().sign(with_expiry(0))), Err(Inadmissible::Malformed { .. })));
}

/// `n - s`, so that the signature stays valid in mathematics.
fn negated(compact: [u8; 64]) -> [u8; 64] {
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let mut twin = compact;
    let mut borrow = 0i16;
    for index in (0..32).rev() {
        let difference = i16::from(order[index]) - i16::from(compact[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        twin[32 + index] = difference.rem_euclid(256) as u8;
    }
    twin
}

#[test]
fn the_malleable_twin_of_a_signature_is_refused() {
    let signed = wallet().sign(envelope(transfer()));
    let Signature::Secp256k1 { compact, recovery_id } = signed.signature else { panic!("a wallet's signature") };
    let twin = Signature::Secp256k1 { compact: negated(compact), recovery_id: recovery_id ^ 1 };
    let hash = signing_hash(&signed.envelope);
    assert_eq!(secp256k1::recover(&hash, &twin), Err(RecoverError::HighS));
    for recovery_id in [2, 3, 255] {
        let signature = Signature::Secp256k1 { compact, recovery_id };
        assert_eq!(secp256k1::recover(&hash, &signature), Err(RecoverError::RecoveryId { found: recovery_id }));
    }
    for compact in [[0; 64], [0xff; 64]] {
        assert!(secp256k1::recover(&hash, &Signature::Secp256k1 { compact, recovery_id: 0 }).is_err());
    }
}

#[test]
fn signatures_are_read_as_clients_write_them() {
    let padded = secp256k1::signature_from_rsv("0x00ab", &"0".repeat(64), 27).unwrap();
    assert_eq!(padded, secp256k1::signature_from_rsv("ab", "0x0", 0).unwrap());
    assert_eq!(secp256k1::signature_from_rsv("", "1", 27), Err(RecoverError::Hex { field: "r" }));
    assert_eq!(secp256k1::signature_from_rsv("1", &"1".repeat(65), 27), Err(RecoverError::Hex { field: "s" }));
    assert_eq!(secp256k1::signature_from_rsv("1", "0xg", 27), Err(RecoverError::Hex { field: "s" }));
    assert_eq!(secp256k1::signature_from_rsv("1", "1", 29), Err(RecoverError::V { found: 29 }));
}

#[test]
fn a_scheme_that_does_not_fit_the_signer_is_refused() {
    let mut by_wallet = wallet().sign(envelope(transfer()));
    let by_agent = agent(1).sign(envelope(transfer()));
    by_wallet.signature = by_agent.signature;
    assert!(matches!(verify(by_wallet), Err(Inadmissible::BadSignature { .. })));
    let hyperliquid = Payload::HyperliquidUser {
        source: HyperliquidSource::Mainnet,
        signature_chain_id: 1,
        action: HyperliquidUserAction::UsdSend { destination: String::new(), amount: "1".into() },
    };
    let signed = agent(1).sign(Envelope { payload: hyperliquid, ..envelope(transfer()) });
    assert!(matches!(verify(signed), Err(Inadmissible::UnknownSigner { .. })));
}

#[test]
fn batches_and_sizes_are_bounded() {
    let cancels = |count| Action::Cancel {
        cancels: vec![CancelRequest { market: MarketId::new(0), order: OrderReference::Id(OrderId::new(1)) }; count],
    };
    let limit = BATCH_MAX as u32;
    assert!(verify(wallet().sign(envelope(cancels(BATCH_MAX)))).is_ok());
    for found in [0, BATCH_MAX + 1] {
        let expected = Inadmissible::BatchSize { found: found as u32, limit };
        assert_eq!(verify(wallet().sign(envelope(cancels(found)))), Err(expected));
    }
    let payload = Payload::HyperliquidL1 {
        source: HyperliquidSource::Mainnet,
        action_msgpack: vec![0; ACTION_BYTES_MAX],
        vault: None,
    };
    let signed = wallet().sign(Envelope { payload, ..envelope(transfer()) });
    assert!(matches!(verify(signed), Err(Inadmissible::TooLarge { .. })));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let secret_text = hex::encode(wallet().expose_bytes());
    let shown = format!("{:?} {:?}", wallet(), agent(0xab));
    assert!(!shown.contains(&secret_text[..16]) && !shown.contains("abababab"), "{shown}");
}

#[test]
fn generated_keys_sign() {
    let mut rng = Counter(1);
    let (wallet, agent) = (Secp256k1SecretKey::generate(&mut rng), Ed25519SecretKey::generate(&mut rng));
    assert!(verify(wallet.sign(envelope(transfer()))).is_ok());
    assert!(verify(agent.sign(envelope(transfer()))).is_ok());
    assert!(Secp256k1SecretKey::from_bytes([0; 32]).is_err());
    assert!(Secp256k1SecretKey::from_bytes([0xff; 32]).is_err());
}

#[test]
fn an_oracle_vote_verifies_under_its_key_only() {
    let vote = OracleVote {
        chain_id: 7777,
        epoch: 0,
        round: 1_700_000_000,
        seat: SeatId::new(2),
        time_ms: TimeMs::new(1_700_000_000_001),
        entries: vec![OracleEntry { asset: AssetId::new(1), price: Price::new(6_000_000_000_000) }],
    };
    let signed = vote.sign(&agent(3));
    assert_eq!(signed.verify(&agent(3).public_key()), Ok(()));
    assert!(signed.verify(&agent(4).public_key()).is_err());
    let mut changed = signed.clone();
    changed.vote.entries[0].price = Price::new(6_000_000_000_001);
    assert!(changed.verify(&agent(3).public_key()).is_err());
    // Signed without the domain, the same content is no vote.
    let bare = palisade_types::codec::encode(&signed.vote);
    let forged = palisade_types::oracle::SignedOracleVote { signature: agent(3).sign_message(&bare), ..signed };
    assert!(forged.verify(&agent(3).public_key()).is_err());
}

/// What a batch holds at one place.
#[derive(Clone, Copy, Debug)]
enum Item {
    Wallet,
    Agent(u8),
    ForgedWallet,
    ForgedAgent,
    NotAPoint,
    Malformed,
}

fn item(kind: Item, nonce: u64) -> SignedAction {
    let envelope = Envelope { nonce: Nonce::new(nonce), ..envelope(transfer()) };
    match kind {
        Item::Wallet => wallet().sign(envelope),
        Item::Agent(number) => agent(number).sign(envelope),
        Item::ForgedWallet => SignedAction { signature: wallet().sign_hash(&[7; 32]), ..wallet().sign(envelope) },
        Item::ForgedAgent => {
            let mut signed = agent(1).sign(envelope);
            signed.envelope.nonce = Nonce::new(nonce + 1);
            signed
        }
        Item::NotAPoint => {
            SignedAction { signature: Signature::Ed25519 { bytes: [0xee; 64] }, ..agent(1).sign(envelope) }
        }
        Item::Malformed => wallet().sign(Envelope { expires_after_ms: Some(TimeMs::new(0)), ..envelope }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A batch gives each action the verdict that it has alone, whatever its neighbours are.
    #[test]
    fn a_batch_judges_each_action_as_alone(
        kinds in prop::collection::vec(
            prop_oneof![
                2 => Just(Item::Wallet), 6 => (1u8..4).prop_map(Item::Agent), 1 => Just(Item::ForgedWallet),
                1 => Just(Item::ForgedAgent), 1 => Just(Item::NotAPoint), 1 => Just(Item::Malformed),
            ],
            0..12,
        ),
        seed in any::<u64>(),
    ) {
        let actions: Vec<_> = kinds.iter().zip(1000..).map(|(kind, nonce)| item(*kind, nonce)).collect();
        let alone: Vec<_> = actions.iter().cloned().map(verify).collect();
        for (kind, verdict) in kinds.iter().zip(&alone) {
            prop_assert_eq!(verdict.is_ok(), matches!(kind, Item::Wallet | Item::Agent(_)));
        }
        prop_assert_eq!(verify_batch(actions, Counter(seed)), alone);
    }
}
