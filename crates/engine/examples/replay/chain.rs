//! An engine with four seats whose reporters agree, and people whose keys follow from their names.

use palisade_engine::{BlockInput, BlockOutcome, Engine, Rules};
use palisade_types::{
    action::Action,
    envelope::{Envelope, Payload},
    genesis::{Genesis, Seat},
    hash::{BlockDigest, sha256},
    ids::{AssetId, Nonce, SeatId},
    numbers::Price,
    oracle::{OracleBundle, OracleEntry, OracleVote},
    signing::{self, VerifiedAction, ed25519::Ed25519SecretKey, secp256k1::Secp256k1SecretKey},
    time::TimeMs,
};
use std::sync::Arc;

const SEATS: u32 = 4;

pub struct Chain {
    pub engine: Engine,
    chain_id: u64,
    nonce: u64,
    blocks: u64,
}

/// The key of whoever has the name.
pub fn key(name: &str) -> Secp256k1SecretKey {
    Secp256k1SecretKey::from_bytes(sha256(&[b"replay ", name.as_bytes()])).expect("a hash is a valid key")
}

fn oracle_key(seat: u32) -> Ed25519SecretKey {
    Ed25519SecretKey::from_bytes(sha256(&[b"replay oracle", &seat.to_be_bytes()]))
}

/// The seats of a genesis.
pub fn seats() -> Vec<Seat> {
    let seat = |id: u32| Seat {
        id: SeatId::new(id),
        name: format!("seat {id}"),
        vote_key: Ed25519SecretKey::from_bytes(sha256(&[b"replay vote", &id.to_be_bytes()])).public_key(),
        oracle_key: oracle_key(id).public_key(),
    };
    (0..SEATS).map(seat).collect()
}

impl Chain {
    pub fn new(genesis: Genesis) -> Self {
        genesis.check().expect("a sound genesis");
        let (chain_id, nonce) = (genesis.chain_id, genesis.time_ms.get());
        Self { engine: Engine::new(Arc::new(genesis)), chain_id, nonce, blocks: 0 }
    }

    pub fn time_ms(&self) -> u64 {
        self.engine.time_ms().get()
    }

    /// A block so long after the last one. Only one with prices may lie more than a second after it.
    pub fn block(
        &mut self,
        step_ms: u64,
        prices: Option<&[(AssetId, i64)]>,
        actions: &[Arc<VerifiedAction>],
    ) -> BlockOutcome {
        self.blocks += 1;
        let time_ms = TimeMs::new(self.time_ms() + step_ms);
        let bundle = prices.map(|prices| self.bundle(time_ms, prices));
        let input = BlockInput {
            height: self.engine.height().next(),
            time_ms,
            parent: BlockDigest(sha256(&[&self.blocks.to_be_bytes()])),
            oracle_bundle: bundle.as_ref(),
            actions,
        };
        let rules = Rules::at(self.engine.next_protocol_version()).expect("a known version");
        self.engine.execute(&rules, &input).expect("a valid block")
    }

    fn bundle(&self, time_ms: TimeMs, prices: &[(AssetId, i64)]) -> OracleBundle {
        let entries: Vec<OracleEntry> =
            prices.iter().map(|(asset, price)| OracleEntry { asset: *asset, price: Price::new(*price) }).collect();
        let vote = |seat: u32| OracleVote {
            chain_id: self.chain_id,
            epoch: 0,
            round: time_ms.get() / 1_000,
            seat: SeatId::new(seat),
            time_ms,
            entries: entries.clone(),
        };
        OracleBundle { votes: (0..SEATS).map(|seat| vote(seat).sign(&oracle_key(seat))).collect() }
    }

    pub fn sign(&mut self, name: &str, action: Action) -> Arc<VerifiedAction> {
        self.nonce = self.time_ms().max(self.nonce + 1);
        let key = key(name);
        let envelope = Envelope {
            chain_id: self.chain_id,
            signer: key.signer_id(),
            account: key.address(),
            nonce: Nonce::new(self.nonce),
            expires_after_ms: None,
            payload: Payload::Native { action },
        };
        Arc::new(signing::verify(key.sign(envelope)).expect("own signatures verify"))
    }
}
