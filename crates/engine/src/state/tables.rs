//! The list of tables: the one place where a table has its tag, its key and its record.
//!
//! Rules:
//! - A tag is consensus: it is the first byte of what the database key is hashed from and of every value,
//!   and is never reused.
//! - `database key = SHA-256(tag ‖ canonical id)`; `value = version ‖ tag ‖ canonical id ‖ record`, so a scan in
//!   any order rebuilds every table.
//! - Records of a lower tag never refer to records of a higher one.

use super::{
    indices::Indices,
    records::{
        AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, IndexRecord, LeverageId, MarkRecord,
        MarketState, NonceSet, OrderRecord, PositionId, PositionRecord, UniverseRecord,
    },
};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    address::{AccountId, SignerId},
    agent::Agent,
    codec::{self, DecodeError},
    hash::sha256,
    ids::{AssetId, MarketId, OrderId, UniverseId},
    market::{AssetSpec, MarketSpec},
    numbers::Amount,
    time::TimeMs,
};
use std::collections::{BTreeMap, btree_map::Entry};

/// Largest encoded record: a full nonce set with room to spare.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;

macro_rules! tables {
    ($($(#[doc = $doc:literal])* $(@[$condition:meta])? $tag:literal $variant:ident $field:ident: $key:ty => $record:ty;)*) => {
        /// The name of a record: its table and its id.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum RecordKey {
            $($(#[doc = $doc])* $(#[$condition])? $variant($key) = $tag,)*
        }

        /// A record with its full name: what the database holds as a value.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum Record {
            $($(#[doc = $doc])* $(#[$condition])? $variant {
                /// Its id in the table.
                id: $key,
                /// Its content.
                record: $record,
            } = $tag,)*
        }

        impl Record {
            /// Its name.
            pub fn key(&self) -> RecordKey {
                match self {
                    $($(#[$condition])? Self::$variant { id, .. } => RecordKey::$variant(id.clone()),)*
                }
            }
        }

        /// Every table, by id.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Tables {
            $($(#[doc = $doc])* $(#[$condition])? pub(crate) $field: BTreeMap<$key, $record>,)*
        }

        impl Tables {
            /// The record of that name.
            pub(super) fn get(&self, key: &RecordKey) -> Option<Record> {
                match key {
                    $($(#[$condition])? RecordKey::$variant(id) => self
                        .$field
                        .get(id)
                        .map(|record| Record::$variant { id: id.clone(), record: record.clone() }),)*
                }
            }

            /// Removes and returns the record of that name, and what was derived from it.
            pub(super) fn take(&mut self, key: &RecordKey, indices: &mut Indices) -> Option<Record> {
                match key {
                    $($(#[$condition])? RecordKey::$variant(id) => {
                        self.$field.remove_entry(id).map(|(id, record)| {
                            indices.replace(&id, Some(&record), None);
                            Record::$variant { id, record }
                        })
                    })*
                }
            }

            /// Puts a record in place of what has its name, which is returned; what is derived follows.
            pub(super) fn put(&mut self, record: Record, indices: &mut Indices) -> Option<Record> {
                match record {
                    $($(#[$condition])? Record::$variant { id, record } => match self.$field.entry(id.clone()) {
                        Entry::Occupied(mut place) => {
                            indices.replace(&id, Some(place.get()), Some(&record));
                            Some(Record::$variant { id, record: place.insert(record) })
                        }
                        Entry::Vacant(place) => {
                            indices.replace(&id, None, Some(&record));
                            place.insert(record);
                            None
                        }
                    },)*
                }
            }

            /// The database value of a record that is no longer what it was `before`: `None` if it still is,
            /// `Some(None)` if it is gone.
            pub(super) fn changed_value(&self, key: &RecordKey, before: Option<&Record>) -> Option<Option<Vec<u8>>> {
                match key {
                    $($(#[$condition])? RecordKey::$variant(id) => {
                        let before = match before {
                            Some(Record::$variant { record, .. }) => Some(record),
                            _ => None,
                        };
                        let after = self.$field.get(id);
                        // The bytes of [`Record::encode`], without a copy of the record.
                        (after != before).then(|| after.map(|record| codec::encode(&($tag as u8, id, record))))
                    })*
                }
            }

            /// Every record, in order of name.
            pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
                let records = std::iter::empty();
                $($(#[$condition])? let records = records.chain(self.$field.iter().map(|(id, record)| Record::$variant {
                    id: id.clone(),
                    record: record.clone(),
                }));)*
                records
            }
        }
    };
}

tables! {
    /// The chain's own standing; its only id is `()`.
    1 Chain chain: () => ChainRecord;
    /// Assets.
    2 Asset assets: AssetId => AssetSpec;
    /// Universes.
    3 Universe universes: UniverseId => UniverseRecord;
    /// Markets' terms.
    4 Market markets: MarketId => MarketSpec;
    /// What the market did last.
    5 MarketState market_states: MarketId => MarketState;
    /// Index prices.
    6 Index indices: AssetId => IndexRecord;
    /// Marks of perpetual markets.
    7 Mark marks: MarketId => MarkRecord;
    /// Accounts that ever held anything.
    8 Account accounts: AccountId => AccountRecord;
    /// Agents, past ones included.
    9 Agent agents: SignerId => Agent;
    /// Nonces that signers have used.
    10 Nonces nonces: SignerId => NonceSet;
    /// Who holds what; never zero.
    11 Balance balances: BalanceId => Amount;
    /// What was paid in and not out; never zero.
    12 Custody custody: CustodyId => Amount;
    /// Positions; never of zero size.
    13 Position positions: PositionId => PositionRecord;
    /// Leverage that an account chose.
    14 Leverage leverages: LeverageId => u32;
    /// Open orders.
    15 Order orders: OrderId => OrderRecord;
    /// When an account last drew from the faucet.
    16 FaucetClaim faucet_claims: FaucetClaimId => TimeMs;
    /// What the test of migrations moves.
    @[cfg(test)] 250 TestAccount test_accounts: AccountId => super::records::TestAccount;
}

impl RecordKey {
    /// The 32 bytes under which the database keeps the record.
    ///
    /// # Panics
    /// Never: an id encodes into memory.
    pub fn database_key(&self) -> [u8; 32] {
        sha256(&[&borsh::to_vec(self).expect("an id encodes into memory")])
    }
}

impl Record {
    /// The database value.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a database value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, RECORD_BYTES_MAX)
    }
}
