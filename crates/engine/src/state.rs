//! The exchange in memory: typed tables, what is derived from them, and the undo journal.
//!
//! Rules:
//! - Tables change only through [`State::put`] and [`State::delete`] (execution, journalled) and
//!   [`State::apply_writes`] (readers that follow finalized blocks, not journalled); all three keep the derived
//!   indices. There is no other way in.
//! - The state is a cache of the database: [`State::from_records`] of a scan, in any order, equals the state
//!   that wrote it, indices included.
//! - Revert is exact: the journal holds whole old records. Within a block it is undone backwards; a block is undone
//!   by its net changes, in any order, because what is derived depends on the records alone.

mod debts;
mod indices;
mod keyless;
mod linear_records;
mod liquidity;
mod multi_leg;
mod option_records;
mod option_risks;
mod pools;
mod read;
mod records;
mod special_orders;
mod standing;
mod tables;
mod watch;

pub use debts::{DebtId, DebtRecord, DebtTotals, SyntheticRecord};
pub use indices::{BookPlace, PositionTotals, Timer};
pub use keyless::SubAccountRecord;
pub use linear_records::{FundingRecord, FutureSeriesRecord, SettlementRecord};
pub use liquidity::{LiquidityPoolRecord, PoolShareId};
pub use option_records::{OptionExpiryId, OptionExpiryRecord, OptionSeriesRecord, PortfolioModeId};
pub use pools::{
    BackstopRecord, BackstopShareId, BackstopShareRecord, ListingRecord, VaultRecord, VaultShareId, VaultShareRecord,
    VaultWithdrawalId, VaultWithdrawalRecord,
};
#[cfg(test)]
pub(crate) use records::TestAccount;
pub use records::{
    AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, Hold, IndexRecord, MarginSetting, MarginSettingId,
    MarginUnit, MarkRecord, MarketState, MigrationProgress, NonceSet, OrderRecord, PositionId, PositionRecord,
    ScheduledUpgrade, UniverseRecord,
};
pub use special_orders::{
    FollowReasons, Freeze, MakerFilled, ProtectionId, ProtectionRecord, QuoteId, TriggerRecord, TwapRecord,
};
pub use standing::{MarketStanding, OpenTotals};
pub use tables::{RECORD_BYTES_MAX, Record, RecordKey};
pub(crate) use watch::{Bounds, Edge, PriceKey, WatchNumber, Watched};

use crate::mutant::{Mutant, is_planted};
use indices::Indices;
use palisade_types::{address::AccountId, codec::DecodeError, numbers::Price};
use tables::Tables;

/// The whole exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    tables: Tables,
    indices: Indices,
    /// Old records since the block began, oldest first; empty between blocks.
    journal: Vec<Change>,
}

/// What a change put an end to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// The record did not exist.
    Created(RecordKey),
    /// The record was this.
    Replaced(Record),
}

impl Change {
    fn name(&self) -> RecordKey {
        match self {
            Self::Created(key) => key.clone(),
            Self::Replaced(record) => record.key(),
        }
    }

    const fn before(&self) -> Option<&Record> {
        match self {
            Self::Created(_) => None,
            Self::Replaced(record) => Some(record),
        }
    }
}

/// A moment within a block to which the state can return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    journal_length: usize,
}

/// What turns a block back.
#[derive(Debug)]
pub struct Undo {
    changes: Vec<Change>,
}

/// A net change of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The database key.
    pub key: [u8; 32],
    /// The record that the key stands for.
    pub name: RecordKey,
    /// The database value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// Values that are no engine's state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A value does not decode.
    #[error("a state record does not decode: {source}")]
    Malformed {
        /// Why.
        source: DecodeError,
    },
    /// Two values have one name.
    #[error("two state records are named {key:?}")]
    Duplicate {
        /// The name.
        key: RecordKey,
    },
    /// A value is named differently than its write says.
    #[error("the value written as {expected:?} is a record of {found:?}")]
    Misnamed {
        /// What the write says.
        expected: RecordKey,
        /// What the value says.
        found: RecordKey,
    },
    /// Records without the chain's own: a scan that is not whole.
    #[error("state records without the chain record: the scan is not whole")]
    NoChainRecord,
}

impl State {
    /// Rebuilds the state from database values in any order. No values at all are the state before block 1.
    pub fn from_records(values: impl Iterator<Item = Vec<u8>>) -> Result<Self, StateError> {
        let mut state = Self::default();
        let mut found_any = false;
        for value in values {
            found_any = true;
            let record = Record::decode(&value).map_err(|source| StateError::Malformed { source })?;
            if let Some(twin) = state.tables.put(record, &mut state.indices) {
                return Err(StateError::Duplicate { key: twin.key() });
            }
        }
        if found_any && state.tables.chain.is_empty() {
            return Err(StateError::NoChainRecord);
        }
        Ok(state)
    }

    /// Advances a reader's state by one write of a finalized block.
    pub fn apply_record(&mut self, write: &Write) -> Result<(), StateError> {
        let record = match &write.value {
            Some(value) => Some(Record::decode(value).map_err(|source| StateError::Malformed { source })?),
            None => None,
        };
        if let Some(found) = record.as_ref().map(Record::key).filter(|found| *found != write.name) {
            return Err(StateError::Misnamed { expected: write.name.clone(), found });
        }
        match record {
            Some(record) => self.tables.put(record, &mut self.indices),
            None => self.tables.take(&write.name, &mut self.indices),
        };
        Ok(())
    }

    /// Advances a reader's state by all writes of a finalized block.
    pub fn apply_writes(&mut self, writes: &[Write]) -> Result<(), StateError> {
        writes.iter().try_for_each(|write| self.apply_record(write))
    }

    /// The database values of the whole state, in order of name.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.tables.records()
    }

    /// The record of that name.
    pub fn record(&self, key: &RecordKey) -> Option<Record> {
        self.tables.get(key)
    }

    /// Puts a record in place of whatever had its name.
    pub(crate) fn put(&mut self, record: Record) {
        let key = record.key();
        let change = match self.tables.put(record, &mut self.indices) {
            Some(before) => Change::Replaced(before),
            None => Change::Created(key),
        };
        self.journal.push(change);
    }

    /// Removes a record, if it is there.
    pub(crate) fn delete(&mut self, key: RecordKey) {
        if let Some(before) = self.tables.take(&key, &mut self.indices) {
            self.journal.push(Change::Replaced(before));
        }
    }

    /// The accounts that must be margined again because something of theirs changed, in order; at first, everyone.
    pub(crate) fn take_touched(&mut self) -> Vec<AccountId> {
        if !self.indices.watch.is_on() {
            let everyone = self.tables.balances.keys().map(|id| id.account);
            self.indices.watch.switch_on(everyone.chain(self.tables.positions.keys().map(|id| id.account)));
        }
        self.indices.watch.take_touched()
    }

    /// The account must be margined again though none of its own records changed.
    pub(crate) fn touch(&mut self, account: AccountId) {
        self.indices.watch.touch(account);
    }

    /// The watched margin units whose box a price has left, or that have none by their nature; with repetitions.
    pub(crate) fn outside_boxes(&self) -> Vec<WatchNumber> {
        let watch = &self.indices.watch;
        let mut found: Vec<WatchNumber> = watch.always().collect();
        for key in watch.keys() {
            if let Some(value) = self.value_of(key) {
                watch.outside(key, value, &mut found);
            }
        }
        found
    }

    /// The present value of what boxes have a bound on.
    fn value_of(&self, key: PriceKey) -> Option<i64> {
        match key {
            PriceKey::MarkFalls(market) | PriceKey::MarkRises(market) => {
                self.mark(market).map(|record| record.price.get())
            }
            PriceKey::ForwardRises(market) => self.forward_of(market).map(Price::get),
            PriceKey::IndexFalls(asset) => self.index(asset).map(|record| record.price.get()),
            PriceKey::FundingRises(market) | PriceKey::FundingFalls(market) => Some(self.funding_index(market).get()),
        }
    }

    /// What is kept of a margin unit.
    pub(crate) fn watched(&self, number: WatchNumber) -> Option<&Watched> {
        self.indices.watch.get(number)
    }

    /// The number of a margin unit that is watched.
    pub(crate) fn watch_number(&self, unit: &MarginUnit) -> Option<WatchNumber> {
        self.indices.watch.number_of(unit)
    }

    /// The watched margin units of an account.
    pub(crate) fn watched_units_of(&self, account: AccountId) -> impl Iterator<Item = MarginUnit> {
        let watch = &self.indices.watch;
        watch.numbers_of(account).filter_map(|number| watch.get(number).map(|watched| watched.unit))
    }

    /// Watches a margin unit, by what its records say now.
    pub(crate) fn watch(&mut self, watched: Watched) -> Option<WatchNumber> {
        self.indices.watch.keep(watched)
    }

    /// No longer watches a margin unit.
    pub(crate) fn unwatch(&mut self, number: WatchNumber) {
        self.indices.watch.forget(number);
    }

    /// Puts a watched unit into a box: bounds in order of its edges.
    pub(crate) fn set_box(&mut self, number: WatchNumber, bounds: &[Bounds]) {
        self.indices.watch.set_box(number, bounds);
    }

    /// Makes a watched unit a candidate in every block.
    pub(crate) fn look_always(&mut self, number: WatchNumber) {
        self.indices.watch.look_always(number);
    }

    /// Takes a watched unit out of its box.
    pub(crate) fn clear_box(&mut self, number: WatchNumber) {
        self.indices.watch.clear_box(number);
    }

    /// This moment.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { journal_length: self.journal.len() }
    }

    /// Undoes everything since a moment of this block.
    pub(crate) fn revert_to(&mut self, checkpoint: Checkpoint) {
        while self.journal.len() > checkpoint.journal_length {
            if let Some(change) = self.journal.pop() {
                self.undo(change);
            }
        }
    }

    /// Names of the records changed since a moment of this block with what they were before, once per change, in order
    /// of the changes.
    pub(crate) fn changes_since(&self, checkpoint: Checkpoint) -> impl Iterator<Item = (RecordKey, Option<&Record>)> {
        self.journal.iter().skip(checkpoint.journal_length).map(|change| (change.name(), change.before()))
    }

    /// Positions changed since a moment of this block, once per change.
    pub(crate) fn positions_since(&self, checkpoint: Checkpoint) -> impl Iterator<Item = PositionId> {
        self.journal.iter().skip(checkpoint.journal_length).filter_map(|change| match change {
            Change::Created(RecordKey::Position(id)) | Change::Replaced(Record::Position { id, .. }) => Some(*id),
            _ => None,
        })
    }

    /// Ends the block: its net changes by ascending database key, and what turns it back. Of a record that
    /// changed often, the undo keeps the oldest content alone, so hot records cost no more memory than cold ones.
    pub(crate) fn finish_block(&mut self) -> (Vec<Write>, Undo) {
        let journal = std::mem::take(&mut self.journal);
        let mut changes: Vec<(RecordKey, Change)> = journal.into_iter().map(|change| (change.name(), change)).collect();
        // Stable, so the oldest content of each record comes first and is the one kept.
        changes.sort_by(|(left, _), (right, _)| left.cmp(right));
        changes.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let mut writes: Vec<Write> = Vec::with_capacity(changes.len());
        let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
        for (name, change) in changes {
            if let Some(value) = self.tables.changed_value(&name, change.before()) {
                writes.push(Write { key: name.database_key(), name, value });
                kept.push(change);
            }
        }
        writes.sort_unstable_by_key(|write| write.key);
        (writes, Undo { changes: kept })
    }

    /// Turns the newest block back.
    pub(crate) fn revert_block(&mut self, undo: Undo) {
        let dropped = usize::from(is_planted(Mutant::DropUndoEntry));
        for change in undo.changes.into_iter().skip(dropped) {
            self.undo(change);
        }
    }

    /// The indices recomputed from the records: equal to the kept ones, which the audit checks.
    #[cfg(test)]
    pub(crate) fn rebuilt(&self) -> Self {
        Self::from_records(self.records().map(|record| record.encode())).expect("own records decode")
    }

    /// What is kept of margin units whose accounts did not change since they were looked at.
    #[cfg(test)]
    pub(crate) fn untouched_watched(&self) -> Vec<Watched> {
        self.indices.watch.untouched()
    }

    /// The tables themselves.
    #[cfg(test)]
    pub(crate) const fn tables_for_tests(&self) -> &Tables {
        &self.tables
    }

    fn undo(&mut self, change: Change) {
        match change {
            Change::Created(key) => self.tables.take(&key, &mut self.indices),
            Change::Replaced(record) => self.tables.put(record, &mut self.indices),
        };
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
