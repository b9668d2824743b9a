//! How many bytes of memory an open order and an account take, by an allocator that counts: what is allocated for a
//! state with them, less what is allocated for the same state without them. Both are rebuilt from records in the order
//! of a database scan. The limit is the bare records, each kind in one list without spare room.
//!
//! Writes its figures as JSON into the file that it is given.

#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod flow;

use flow::{Kind, Venue};
use palisade_engine::{
    BlockInput, Engine, Rules,
    state::{AccountRecord, BalanceId, OrderRecord, PositionId, PositionRecord, Record},
};
use palisade_types::{address::AccountId, hash::BlockDigest, numbers::Amount, time::TimeMs};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::{alloc::System, collections::BTreeMap, hint::black_box, sync::Arc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated now. Reallocation is counted as one allocation and one freeing.
fn allocated_bytes() -> usize {
    let stats = COUNTING.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// The bytes of a state of the records that `kept` says yes to: those that dropping it frees.
fn state_bytes(venue: &Venue, kept: fn(&Record) -> bool) -> usize {
    engine_bytes(venue, kept, false)
}

/// The same, after a block that margins everyone if the state is to be watched.
fn engine_bytes(venue: &Venue, kept: fn(&Record) -> bool, is_watched: bool) -> usize {
    let records = venue.engine.state().records().filter(kept);
    let by_database_key: BTreeMap<[u8; 32], Vec<u8>> =
        records.map(|record| (record.key().database_key(), record.encode())).collect();
    let values = by_database_key.into_values();
    let mut engine = Engine::from_records(Arc::clone(venue.engine.genesis()), values).expect("own records");
    if is_watched {
        let block = BlockInput {
            height: engine.height().next(),
            time_ms: TimeMs::new(engine.time_ms().get() + 1),
            parent: BlockDigest([0; 32]),
            oracle_bundle: None,
            actions: &[],
        };
        engine.execute(&Rules::at(1).expect("version 1"), &block).expect("an empty block");
    }
    let with = allocated_bytes();
    drop(black_box(engine));
    with - allocated_bytes()
}

fn is_order(record: &Record) -> bool {
    matches!(record, Record::Order { .. })
}

fn is_nonces(record: &Record) -> bool {
    matches!(record, Record::Nonces { .. })
}

fn is_of_account(record: &Record) -> bool {
    matches!(
        record,
        Record::Account { .. } | Record::Balance { .. } | Record::Position { .. } | Record::MarginSetting { .. }
    )
}

/// The bytes per order and per account of bare records.
fn bare_bytes(venue: &Venue) -> (usize, usize) {
    let state = venue.engine.state();
    let accounts = state.accounts().count() * size_of::<(AccountId, AccountRecord)>()
        + state.balances().count() * size_of::<(BalanceId, Amount)>()
        + state.positions().count() * size_of::<(PositionId, PositionRecord)>();
    (size_of::<OrderRecord>(), accounts / state.accounts().count())
}

#[allow(clippy::print_stdout, reason = "a benchmark reports to whoever runs it")]
fn main() {
    let venue = Venue::new(Kind::Perpetual);
    let (orders, accounts) = (venue.engine.state().open_order_count(), venue.engine.state().accounts().count());
    let whole = state_bytes(&venue, |record| !is_nonces(record));
    let without_orders = state_bytes(&venue, |record| !is_nonces(record) && !is_order(record));
    let bare = state_bytes(&venue, |record| !is_nonces(record) && !is_order(record) && !is_of_account(record));
    let watched = engine_bytes(&venue, |record| !is_nonces(record) && !is_order(record), true);
    let (order_limit, account_limit) = bare_bytes(&venue);
    let figures = serde_json::json!([
        { "what": format!("memory per resting order, {orders} orders"),
          "bytes": (whole - without_orders) / orders, "limit_bytes": order_limit, "target_bytes": 300 },
        { "what": format!("memory per account with three positions, without nonces, {accounts} accounts"),
          "bytes": (without_orders - bare) / accounts, "limit_bytes": account_limit, "target_bytes": 1_024 },
        { "what": "the same with the boxes that watch its three positions",
          "bytes": (watched - bare) / accounts, "limit_bytes": account_limit, "target_bytes": 1_024 },
    ]);
    // Run without a file, as a test run does, it only measures.
    if let Some(file) = std::env::args().nth(1).filter(|argument| !argument.starts_with('-')) {
        std::fs::write(&file, figures.to_string()).expect("the file can be written");
    }
    println!("{figures}");
}
