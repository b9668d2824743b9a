//! How fast the engine is on one core. Each figure stands beside a limit measured in the same run: the part of the work
//! that no engine with these books and this database could leave out.

mod clock;
mod flow;

use clock::ThreadTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
    measurement::Measurement,
};
use flow::{
    Block, Kind, Venue,
    book::{BookChange, Books, books, changes},
    check_refused, refused,
};
use palisade_engine::{
    Engine,
    matching_core::MatchingCore,
    state::{Record, RecordKey},
};
use palisade_types::{action::Action, address::AccountId};
use std::{collections::BTreeMap, hint::black_box, sync::Arc, time::Duration};

const CORE_OPERATIONS: usize = 10_000;
const BLOCKS: usize = 5;

/// Times `work` alone, not what puts things back afterwards.
fn time<T>(iterations: u64, mut work: impl FnMut() -> T, mut put_back: impl FnMut(T)) -> Duration {
    let timer = ThreadTime;
    (0..iterations).fold(timer.zero(), |total, _| {
        let start = timer.start();
        let made = black_box(work());
        let total = timer.add(&total, &timer.end(start));
        put_back(made);
        total
    })
}

fn group<'a>(criterion: &'a mut Criterion<ThreadTime>, name: &str, elements: usize) -> BenchmarkGroup<'a, ThreadTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    group
}

/// Operations of the flow, one by one, and what they do to the books.
fn operations(venue: &mut Venue, books: &mut Books) -> (Vec<(AccountId, Action)>, Vec<BookChange>) {
    let mut engine = venue.engine.clone();
    let mut core = MatchingCore::new(&mut engine);
    let mut operations = Vec::with_capacity(CORE_OPERATIONS);
    let mut counts = Vec::with_capacity(CORE_OPERATIONS);
    for _ in 0..CORE_OPERATIONS {
        let (account, action) = venue.next(core.state());
        let seen = core.events().len();
        counts.push(refused(&core.run(account, &action).expect("no invariant breaks")));
        venue.see(&core.events()[seen..]);
        operations.push((account, action));
    }
    venue.check_outliving(core.events(), core.state());
    check_refused(counts.into_iter());
    let changes = changes(core.events(), books);
    (operations, changes)
}

fn matching_core(criterion: &mut Criterion<ThreadTime>, name: &str, venue: &mut Venue) {
    let before = books(venue.engine.state());
    let (operations, changes) = operations(venue, &mut before.clone());
    let mut group = group(criterion, name, CORE_OPERATIONS);
    group.bench_function("palisade", |bencher| {
        bencher.iter_custom(|iterations| {
            let timer = ThreadTime;
            (0..iterations).fold(timer.zero(), |total, _| {
                let mut core = MatchingCore::new(&mut venue.engine);
                let start = timer.start();
                for (account, action) in &operations {
                    black_box(core.run(*account, action).is_ok());
                }
                timer.add(&total, &timer.end(start))
            })
        });
    });
    group.bench_function("limit: the books as bare ordered maps", |bencher| {
        bencher.iter_batched_ref(
            || before.clone(),
            |books| changes.iter().filter(|change| change.apply(books)).count(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What a block's execution cannot leave out: its changes of the books, and hashing and encoding what it writes.
fn unavoidable(venue: &mut Venue, blocks: &[Block], books: &mut Books) -> (Vec<BookChange>, Vec<Record>) {
    let mut all_changes = Vec::new();
    let mut records = Vec::new();
    let mut undos = Vec::new();
    for block in blocks {
        let outcome = venue.run(block);
        all_changes.extend(changes(&outcome.events, books));
        records.extend(outcome.writes.iter().filter_map(|write| venue.engine.state().record(&write.name)));
        undos.push(outcome.undo);
    }
    undos.into_iter().rev().for_each(|undo| venue.engine.revert(undo));
    (all_changes, records)
}

fn execute(criterion: &mut Criterion<ThreadTime>, name: &str, venue: &mut Venue, actions: usize, parts: usize) {
    let blocks = venue.blocks(BLOCKS, actions, parts);
    let before = books(venue.engine.state());
    let (changes, records) = unavoidable(venue, &blocks, &mut before.clone());
    let sum = |count: fn(&Block) -> usize| blocks.iter().map(count).sum::<usize>();
    let name = format!("{name}, {} orders in {} actions in {BLOCKS} blocks", sum(Block::parts), sum(Block::actions));
    let mut group = group(criterion, &name, sum(Block::parts));
    group.bench_function("palisade", |bencher| {
        bencher.iter_custom(|iterations| {
            let cell = std::cell::RefCell::new(&mut *venue);
            time(
                iterations,
                || blocks.iter().map(|block| cell.borrow_mut().run(block)).collect::<Vec<_>>(),
                |outcomes| {
                    outcomes.into_iter().rev().for_each(|outcome| cell.borrow_mut().engine.revert(outcome.undo));
                },
            )
        });
    });
    group.bench_function("limit: bare books, and key hash and encoding of each write", |bencher| {
        bencher.iter_batched_ref(
            || before.clone(),
            |books| {
                let changed = changes.iter().filter(|change| change.apply(books)).count();
                for record in &records {
                    black_box((record.key().database_key(), record.encode()));
                }
                changed
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn rebuild(criterion: &mut Criterion<ThreadTime>, venue: &Venue) {
    let values: Vec<Vec<u8>> = venue.engine.state().records().map(|record| record.encode()).collect();
    let orders = venue.engine.state().open_order_count();
    let name = format!("cold rebuild of {} records, {orders} of them open orders", values.len());
    let mut group = group(criterion, &name, values.len());
    group.bench_function("palisade", |bencher| {
        bencher.iter_batched(
            || values.clone(),
            |values| Engine::from_records(Arc::clone(venue.engine.genesis()), values.into_iter()).expect("own records"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("limit: decoding into one ordered map", |bencher| {
        bencher.iter_batched(
            || values.clone(),
            |values| -> BTreeMap<RecordKey, Record> {
                let records = values.iter().map(|value| Record::decode(value).expect("own records"));
                records.map(|record| (record.key(), record)).collect()
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn spot(criterion: &mut Criterion<ThreadTime>) {
    let mut venue = Venue::new(Kind::Spot);
    matching_core(criterion, "matching core, spot", &mut venue);
    execute(criterion, "execute, spot", &mut venue, 1_000, 1);
}

fn perpetuals(criterion: &mut Criterion<ThreadTime>) {
    let mut venue = Venue::new(Kind::Perpetual);
    matching_core(criterion, "matching core, perpetuals with margin", &mut venue);
    execute(criterion, "execute, perpetuals with margin", &mut venue, 1_000, 1);
    execute(criterion, "execute, perpetuals with margin, batches", &mut venue, 500, 10);
    rebuild(criterion, &venue);
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ThreadTime);
    targets = spot, perpetuals
}
criterion_main!(benches);
