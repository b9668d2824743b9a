//! What may be in a block: no nonce twice, no action past its expiry, prices that a quorum of seats stands for, receipts in the
//! order of work.

use super::{Asset, Auditor, Followed, Objection, ensure, who};
use crate::order_of_work::order_of_work;
use palisade_types::oracle::OracleBundle;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DueIndex {
    price: i64,
    honest_least: i64,
    honest_most: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    nonces: BTreeSet<(String, u64)>,
    pub parts_used: BTreeMap<[u8; 20], u64>,
    oracle_round: Option<u64>,
    /// The seat that may sign anything.
    liar: Option<usize>,
    /// Of this block's prices: what the index must become, and between which honest prices.
    due_indices: BTreeMap<Asset, DueIndex>,
}

impl Inputs {
    pub fn new(liar: Option<usize>) -> Self {
        Self { liar, ..Self::default() }
    }
}

impl Auditor {
    pub(super) fn inputs(&mut self, block: &Followed<'_>) -> Result<(), Objection> {
        for action in block.actions {
            let envelope = action.envelope();
            let fresh = self.inputs.nonces.insert((envelope.signer.to_string(), envelope.nonce.get()));
            ensure(fresh, || format!("nonce {} of {} was used before", envelope.nonce, envelope.signer))?;
            let late = envelope.expires_after_ms.is_some_and(|last| last < block.time_ms);
            ensure(!late, || format!("action {} is in a block after its expiry", action.id()))?;
            let used = self.inputs.parts_used.entry(who(envelope.account)).or_default();
            *used = used.saturating_add(action.request().part_count() as u64);
        }
        let Some(bundle) = block.oracle_bundle else { return Ok(()) };
        let seats: BTreeSet<u32> = bundle.votes.iter().map(|signed| signed.vote.seat.get()).collect();
        let needed = self.genesis.seats.len() * 2 / 3 + 1;
        ensure(seats.len() >= needed && seats.len() == bundle.votes.len(), || {
            format!("prices of {} seats, {needed} are needed", seats.len())
        })?;
        let round = bundle.votes.first().map(|signed| signed.vote.round);
        ensure(round > self.inputs.oracle_round, || format!("round {round:?} after {:?}", self.inputs.oracle_round))?;
        self.inputs.oracle_round = round;
        for asset in self.genesis.assets.iter().filter(|asset| asset.has_index) {
            if let Some(due) = self.due_index(bundle, asset.id.get(), needed) {
                self.inputs.due_indices.insert(asset.id.get(), due);
            }
        }
        Ok(())
    }

    /// What the votes make of an asset's index: the lower median, if there is a quorum of prices.
    fn due_index(&self, bundle: &OracleBundle, asset: Asset, needed: usize) -> Option<DueIndex> {
        let given =
            bundle.votes.iter().flat_map(|signed| signed.vote.entries.iter().map(|entry| (&signed.vote, entry)));
        let given: Vec<(usize, i64)> = given
            .filter(|(_, entry)| entry.asset.get() == asset)
            .map(|(vote, entry)| (vote.seat.get() as usize, entry.price.get()))
            .collect();
        let mut prices: Vec<i64> = given.iter().map(|(_, price)| *price).collect();
        prices.sort_unstable();
        let honest = || given.iter().filter(|(seat, _)| Some(*seat) != self.inputs.liar).map(|(_, price)| *price);
        let (honest_least, honest_most) = (honest().min()?, honest().max()?);
        (prices.len() >= needed).then(|| DueIndex { price: prices[(prices.len() - 1) / 2], honest_least, honest_most })
    }

    /// An index is what the votes make of it.
    pub(super) fn check_index(&mut self, asset: Asset, price: i64) -> Result<(), Objection> {
        let due = self.inputs.due_indices.remove(&asset);
        let due = due.ok_or_else(|| format!("an index of asset {asset} without votes"))?;
        ensure(price == due.price, || format!("an index of {price}, the votes say {due:?}"))?;
        ensure((due.honest_least..=due.honest_most).contains(&price), || {
            format!("an index of {price} that no honest seat stands for: {due:?}")
        })
    }

    /// Every price that the votes agreed on has become an index.
    pub(super) fn check_no_index_due(&self) -> Result<(), Objection> {
        let due = &self.inputs.due_indices;
        ensure(due.is_empty(), || format!("prices that made no index: {due:?}"))
    }
}

/// Receipts are in the order that the rules say and no proposer can choose.
pub(super) fn check_receipts(block: &Followed<'_>) -> Result<(), Objection> {
    let due = order_of_work(&block.parent.0, block.actions);
    let found: Vec<_> = block.receipts.iter().map(|receipt| receipt.action).collect();
    ensure(due == found, || "the receipts are not in the order of work".to_owned())
}
