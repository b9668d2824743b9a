//! The list of tables: the one place where a table has its tag, its key and its record.
//!
//! Rules:
//! - A tag is consensus: it is the first byte of what the database key is hashed from and of every value,
//!   and is never reused.
//! - `database key = SHA-256(tag ‖ canonical id)`; `value = version ‖ tag ‖ canonical id ‖ record`, so a scan in
//!   any order rebuilds every table.
//! - Records of a lower tag never refer to records of a higher one.

use super::{
    debts::{DebtId, DebtRecord, SyntheticRecord},
    indices::Indices,
    keyless::SubAccountRecord,
    linear_records::{FundingRecord, FutureSeriesRecord, SettlementRecord},
    liquidity::{LiquidityPoolRecord, PoolShareId},
    option_records::{OptionExpiryId, OptionExpiryRecord, OptionSeriesRecord, PortfolioModeId},
    pools::{
        BackstopRecord, BackstopShareId, BackstopShareRecord, ListingRecord, VaultRecord, VaultShareId,
        VaultShareRecord, VaultWithdrawalId, VaultWithdrawalRecord,
    },
    records::{
        AccountRecord, BalanceId, ChainRecord, CustodyId, FaucetClaimId, IndexRecord, MarginSetting, MarginSettingId,
        MarginUnit, MarkRecord, MarketState, NonceSet, OrderRecord, PositionId, PositionRecord, UniverseRecord,
    },
    special_orders::{ProtectionId, ProtectionRecord, QuoteId, TriggerRecord, TwapRecord},
};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    address::{AccountId, SignerId},
    agent::Agent,
    codec::{self, DecodeError},
    event::MarginLevel,
    hash::sha256,
    ids::{AssetId, BlockQuoteId, BlockRequestId, ComboId, MarketId, OrderId, TwapId, UniverseId},
    market::{AssetSpec, MarketSpec},
    multi_leg::{BlockQuote, BlockRequest, Combo, ComboOrder},
    numbers::{Amount, Shares, Usd},
    time::TimeMs,
};
use std::{
    borrow::BorrowMut,
    collections::{BTreeMap, btree_map::Entry},
};

/// Largest encoded record: a full nonce set with room to spare.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;

/// A record in its place in the tree.
type Inline<R> = R;
/// A record beside the tree. Orders are many, large, and come and go in any order: nodes of records would be moved about
/// for it and stay half empty.
type Boxed<R> = Box<R>;

/// How a table keeps its records.
trait Kept<R>: BorrowMut<R> {
    fn into_record(self) -> R;
}

impl<R> Kept<R> for R {
    fn into_record(self) -> R {
        self
    }
}

impl<R> Kept<R> for Box<R> {
    fn into_record(self) -> R {
        *self
    }
}

fn content<R, K: Kept<R>>(kept: &K) -> &R {
    kept.borrow()
}

macro_rules! tables {
    ($($(#[doc = $doc:literal])* $(@[$condition:meta])? $tag:literal $variant:ident $field:ident: $key:ty => $record:ty, $kept:ident;)*) => {
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
            $($(#[doc = $doc])* $(#[$condition])? pub(crate) $field: BTreeMap<$key, $kept<$record>>,)*
        }

        impl Tables {
            /// The record of that name.
            pub(super) fn get(&self, key: &RecordKey) -> Option<Record> {
                match key {
                    $($(#[$condition])? RecordKey::$variant(id) => self
                        .$field
                        .get(id)
                        .map(|kept| Record::$variant { id: id.clone(), record: content::<$record, _>(kept).clone() }),)*
                }
            }

            /// Removes and returns the record of that name, and what was derived from it.
            pub(super) fn take(&mut self, key: &RecordKey, indices: &mut Indices) -> Option<Record> {
                match key {
                    $($(#[$condition])? RecordKey::$variant(id) => {
                        self.$field.remove_entry(id).map(|(id, kept)| {
                            let record = Kept::<$record>::into_record(kept);
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
                            let kept: &mut $record = place.get_mut().borrow_mut();
                            indices.replace(&id, Some(&*kept), Some(&record));
                            Some(Record::$variant { id, record: std::mem::replace(kept, record) })
                        }
                        Entry::Vacant(place) => {
                            indices.replace(&id, None, Some(&record));
                            place.insert(record.into());
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
                        let after = self.$field.get(id).map(content::<$record, _>);
                        // The bytes of [`Record::encode`], without a copy of the record.
                        (after != before).then(|| after.map(|record| codec::encode(&($tag as u8, id, record))))
                    })*
                }
            }

            /// Every record, in order of name.
            pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
                let records = std::iter::empty();
                $($(#[$condition])? let records = records.chain(self.$field.iter().map(|(id, kept)| Record::$variant {
                    id: id.clone(),
                    record: content::<$record, _>(kept).clone(),
                }));)*
                records
            }
        }
    };
}

tables! {
    /// The chain's own standing; its only id is `()`.
    1 Chain chain: () => ChainRecord, Inline;
    /// Assets.
    2 Asset assets: AssetId => AssetSpec, Inline;
    /// Universes.
    3 Universe universes: UniverseId => UniverseRecord, Inline;
    /// Markets' terms.
    4 Market markets: MarketId => Box<MarketSpec>, Inline;
    /// What the market did last.
    5 MarketState market_states: MarketId => MarketState, Inline;
    /// Index prices.
    6 Index indices: AssetId => IndexRecord, Inline;
    /// Marks of perpetual markets.
    7 Mark marks: MarketId => MarkRecord, Inline;
    /// Accounts that ever held anything.
    8 Account accounts: AccountId => AccountRecord, Inline;
    /// Agents, past ones included.
    9 Agent agents: SignerId => Agent, Inline;
    /// Nonces that signers have used.
    10 Nonces nonces: SignerId => NonceSet, Inline;
    /// Who holds what; never zero.
    11 Balance balances: BalanceId => Amount, Inline;
    /// What was paid in and not out; never zero.
    12 Custody custody: CustodyId => Amount, Inline;
    /// Positions; never of zero size.
    13 Position positions: PositionId => PositionRecord, Inline;
    /// Leverage and margin mode that an account chose.
    14 MarginSetting margin_settings: MarginSettingId => MarginSetting, Inline;
    /// Open orders.
    15 Order orders: OrderId => OrderRecord, Boxed;
    /// When an account last drew from the faucet.
    16 FaucetClaim faucet_claims: FaucetClaimId => TimeMs, Inline;
    /// Triggers that wait.
    24 Trigger triggers: OrderId => Box<TriggerRecord>, Inline;
    /// TWAPs that run.
    25 Twap twaps: TwapId => TwapRecord, Inline;
    /// Market-maker protection.
    26 Protection protections: ProtectionId => ProtectionRecord, Inline;
    /// Which orders are quotes.
    27 Quote quotes: QuoteId => OrderId, Inline;
    /// Margin units that are not healthy.
    40 MarginCall margin_calls: MarginUnit => MarginLevel, Inline;
    /// What the insurance fund has paid for a market.
    41 FundClaim fund_claims: MarketId => Usd, Inline;
    /// What an account realised in a market while its clearing account was short, since it last was not; never zero.
    42 Unreceived unreceived: PositionId => Usd, Inline;
    /// Funding of perpetuals.
    20 Funding fundings: MarketId => FundingRecord, Inline;
    /// Sub-accounts.
    30 SubAccount sub_accounts: AccountId => SubAccountRecord, Inline;
    /// Users' vaults.
    31 Vault vaults: AccountId => VaultRecord, Inline;
    /// Who holds how many shares of a vault; never nothing.
    32 VaultShare vault_shares: VaultShareId => VaultShareRecord, Inline;
    /// Withdrawals that wait for a vault's cash, in order.
    33 VaultWithdrawal vault_withdrawals: VaultWithdrawalId => VaultWithdrawalRecord, Inline;
    /// Tranches of backstop vaults.
    34 Backstop backstops: UniverseId => BackstopRecord, Inline;
    /// Who holds how many shares of a backstop vault; never nothing.
    35 BackstopShare backstop_shares: BackstopShareId => BackstopShareRecord, Inline;
    /// Universes that somebody opened.
    36 Listing listings: UniverseId => ListingRecord, Inline;
    /// How far the settlement of a future is.
    21 Settlement settlements: MarketId => SettlementRecord, Inline;
    /// When a series of futures lists next.
    22 FutureSeries future_series: u32 => FutureSeriesRecord, Inline;
    /// Expiries of options.
    60 OptionExpiry option_expiries: OptionExpiryId => Box<OptionExpiryRecord>, Inline;
    /// When a series of options lists next.
    61 OptionSeries option_series: u32 => OptionSeriesRecord, Inline;
    /// Who margins options together with what they are on, and since when.
    62 PortfolioMode portfolio_modes: PortfolioModeId => TimeMs, Inline;
    /// Synthetic assets.
    55 Synthetic synthetics: AssetId => SyntheticRecord, Inline;
    /// Debt positions; never of nothing.
    56 Debt debts: DebtId => DebtRecord, Inline;
    /// Liquidity pools of spot markets; their reserves are balances.
    50 LiquidityPool liquidity_pools: MarketId => LiquidityPoolRecord, Inline;
    /// Who holds how many shares of a liquidity pool; never nothing.
    51 PoolShare pool_shares: PoolShareId => Shares, Inline;
    /// Requests for block trades.
    70 BlockRequest block_requests: BlockRequestId => BlockRequest, Inline;
    /// Quotes for block trades.
    71 BlockQuote block_quotes: BlockQuoteId => BlockQuote, Inline;
    /// Combos.
    72 Combo combos: ComboId => Combo, Inline;
    /// Open orders for combos.
    73 ComboOrder combo_orders: OrderId => ComboOrder, Inline;
    /// What the test of migrations moves.
    @[cfg(test)] 250 TestAccount test_accounts: AccountId => super::records::TestAccount, Inline;
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
