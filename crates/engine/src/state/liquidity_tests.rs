//! Records of liquidity pools: their bytes are consensus, and what is derived from them comes and goes with them.

use super::{LiquidityPoolRecord, PoolShareId};
use crate::{
    state::{Record, RecordKey, State},
    testing::assert_records_are_pinned,
};
use palisade_types::{address::AccountId, ids::MarketId, numbers::Shares, pool::PoolFee, time::TimeMs};

const MARKET: MarketId = MarketId::new(10_001);
const HOLDER: AccountId = AccountId([1; 20]);

fn records() -> Vec<Record> {
    let record =
        LiquidityPoolRecord { fee: PoolFee::ThirtyBasisPoints, created_at_ms: TimeMs::new(5), shares: Shares::new(10) };
    vec![
        Record::LiquidityPool { id: MARKET, record },
        Record::PoolShare { id: PoolShareId { market: MARKET, account: HOLDER }, record: Shares::new(9) },
        Record::PoolShare {
            id: PoolShareId { market: MARKET, account: AccountId::pool(MARKET) },
            record: Shares::new(1),
        },
    ]
}

/// Per record: the first bytes of the database key, and of SHA-256 of the value.
const PINNED: [(&str, &str); 3] = [
    ("e9834bdcf15055a5", "fd158380e42ed5ab"),
    ("ddbd285319e09f1e", "899058b866c0232c"),
    ("a1fc2b0acd887f97", "b6cc7f6f35ee2919"),
];

#[test]
fn keys_and_values_are_pinned() {
    assert_records_are_pinned(&records(), &PINNED);
}

#[test]
fn holders_and_totals_follow_the_records() {
    let mut state = State::default();
    let empty = state.clone();
    let start = state.checkpoint();
    for record in records() {
        state.put(record);
    }
    assert_eq!(state.pool_share_total(MARKET), Shares::new(10));
    assert_eq!(state.pool_shares_of(HOLDER).collect::<Vec<_>>(), [(MARKET, Shares::new(9))]);
    assert!(state.holds_pool_shares(HOLDER) && !state.holds_pool_shares(AccountId([2; 20])));
    assert_eq!(state.pool_holders(MARKET).map(|(_, shares)| shares.get()).sum::<i128>(), 10);
    let id = PoolShareId { market: MARKET, account: HOLDER };
    state.put(Record::PoolShare { id, record: Shares::new(4) });
    assert_eq!((state.pool_share_total(MARKET), state.pool_shares(MARKET, HOLDER)), (Shares::new(5), Shares::new(4)));
    state.delete(RecordKey::PoolShare(id));
    assert!(!state.holds_pool_shares(HOLDER));
    assert_eq!(state.pool_share_total(MARKET), Shares::new(1));
    state.revert_to(start);
    assert_eq!(state, empty);
}
