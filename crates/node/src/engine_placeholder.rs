//! Stands in for the engine until its crate lands: a ledger of seen actions with undo.

use palisade_types::{
    codec,
    envelope::SignedAction,
    event::Event,
    genesis::Genesis,
    hash::{ActionId, BlockDigest, sha256},
    ids::Height,
    oracle::OracleBundle,
    receipt::{Outcome, Receipt},
    rejection::Inadmissible,
    time::TimeMs,
};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug)]
pub struct VerifiedAction(pub SignedAction);

impl VerifiedAction {
    pub fn id(&self) -> ActionId {
        self.0.id()
    }
}

pub struct Rules;
impl Rules {
    pub fn at(version: u32) -> Option<Self> {
        (version == 1).then_some(Self)
    }
}

pub struct BlockInput<'a> {
    pub height: Height,
    pub time_ms: TimeMs,
    pub parent: BlockDigest,
    pub oracle_bundle: Option<&'a OracleBundle>,
    pub actions: &'a [VerifiedAction],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    #[error("action {index}: {reason}")]
    Inadmissible { index: usize, reason: Inadmissible },
}

pub struct Write {
    pub key: [u8; 32],
    pub value: Option<Vec<u8>>,
}

pub struct Undo(Vec<([u8; 32], Option<Vec<u8>>)>);

pub struct BlockOutcome {
    pub receipts: Vec<Receipt>,
    pub events: Vec<Event>,
    pub writes: Vec<Write>,
    pub undo: Undo,
}

pub struct Engine {
    genesis: Arc<Genesis>,
    records: BTreeMap<[u8; 32], Vec<u8>>,
}

impl Engine {
    pub fn new(genesis: Arc<Genesis>) -> Self {
        Self { genesis, records: BTreeMap::new() }
    }

    pub fn from_records(genesis: Arc<Genesis>, records: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, String> {
        let records = records
            .into_iter()
            .map(|value| codec::decode::<([u8; 32], Vec<u8>)>(&value, 1 << 20).map(|(key, _)| (key, value)))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        Ok(Self { genesis, records })
    }

    fn put(&mut self, undo: &mut Vec<([u8; 32], Option<Vec<u8>>)>, key: [u8; 32], content: Vec<u8>) {
        let value = codec::encode(&(key, content));
        undo.push((key, self.records.insert(key, value)));
    }

    pub fn execute(&mut self, _rules: &Rules, block: &BlockInput<'_>) -> Result<BlockOutcome, InvalidBlock> {
        for (index, action) in block.actions.iter().enumerate() {
            let twice = block.actions[..index].iter().any(|earlier| earlier.id() == action.id());
            if twice || self.records.contains_key(&sha256(&[b"action", action.id().as_bytes()])) {
                let nonce = action.0.envelope.nonce;
                return Err(InvalidBlock::Inadmissible { index, reason: Inadmissible::NonceUsed { nonce } });
            }
        }
        let mut undo = Vec::new();
        let mut events = Vec::new();
        if block.height == Height::new(1) {
            for balance in &self.genesis.balances.clone() {
                let key = sha256(&[b"balance", balance.account.as_bytes()]);
                self.put(&mut undo, key, codec::encode(balance));
                events.push(Event::Deposited {
                    universe: balance.universe,
                    account: balance.account,
                    asset: balance.asset,
                    amount: balance.amount,
                });
            }
        }
        self.put(&mut undo, sha256(&[b"tip"]), codec::encode(&(block.height, block.time_ms, block.parent)));
        let mut receipts = Vec::new();
        for action in block.actions {
            let key = sha256(&[b"action", action.id().as_bytes()]);
            self.put(&mut undo, key, block.height.get().to_le_bytes().to_vec());
            let envelope = &action.0.envelope;
            receipts.push(Receipt {
                action: action.id(),
                signer: envelope.signer,
                account: envelope.account,
                nonce: envelope.nonce,
                outcome: Outcome::Done,
            });
        }
        let keys: std::collections::BTreeSet<_> = undo.iter().map(|(key, _)| *key).collect();
        let writes = keys.into_iter().map(|key| Write { key, value: self.records.get(&key).cloned() }).collect();
        Ok(BlockOutcome { receipts, events, writes, undo: Undo(undo) })
    }

    pub fn revert(&mut self, undo: Undo) {
        for (key, old) in undo.0.into_iter().rev() {
            match old {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
    }
}
