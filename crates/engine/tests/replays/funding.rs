//! Attacks on the funding index: what it stands at decides what every position owes, so it may move by what an hour may cost at
//! most, whoever bids, however long nobody looked, and whatever a node starts from.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    say,
    step::{Again, Step},
    world::{CORE, DOLLAR, account},
};
use palisade_engine::{
    Engine,
    state::{FundingRecord, Record},
};
use palisade_types::{event::Event, ids::MarketId, numbers::FundingIndex};
use std::sync::Arc;

const PERPETUAL: MarketId = MarketId::new(0);
const HOUR_MS: u64 = 3_600_000;
/// Between blocks, so that all time is measured.
const CLOSE_MS: u64 = 9_000;
const RATE_ONE: i128 = 1_000_000_000_000;
/// What an hour may cost at 50 times leverage: six times a hundredth, an eighth of it.
const CAP: i128 = 7_500_000_000;
/// Lots of a BTC, and its price in 1e-8 USD.
const LOTS: i128 = 10_000;
const PRICE: i128 = 60_000 * DOLLAR;

/// A long and a short who hold a BTC, and somebody with the means to bid.
const OPENING: &str = "
    start pusher 500000
    start long 60000
    start short 60000
    fees 0 0
    price BTC 60000 ETH 2000
    short sell 1 BTC 60000 gtc               -> rests 1
    long buy 1 BTC 60000 ioc                 -> fills 1
    ";

fn funding(table: &Table) -> FundingRecord {
    *table.run.world.engine.state().funding(PERPETUAL).expect("a perpetual that was sampled has funding")
}

fn index(table: &Table) -> i128 {
    i128::from(funding(table).index.get())
}

fn is_step(event: &Event) -> bool {
    matches!(event, Event::FundingRateSet { market, .. } if *market == PERPETUAL)
}

/// Blocks close enough to measure, until the next full hour is nearer than one of them.
fn to_the_hour(table: &mut Table) {
    let end = (table.run.world.time_ms / HOUR_MS + 1) * HOUR_MS;
    while table.run.world.time_ms + CLOSE_MS < end {
        let step = table.priced(CLOSE_MS);
        table.block(&step);
    }
}

/// 18: somebody with half a million bids a fifth above the index, hour after hour, to jump the index by what the book says.
///
/// Here: an hour costs the cap and no more, and what longs owe is what shorts are owed.
#[test]
fn a_pushed_premium_moves_the_index_by_the_cap() {
    super::plant();
    let mut table = Table::play(OPENING);
    to_the_hour(&mut table);
    table.go_on(&format!("jump {CLOSE_MS}\npusher buy 1 BTC 71900 gtc -> rests 1"));
    let (first, worth) = (index(&table), table.worth("long"));
    let most = CAP * PRICE / LOTS / RATE_ONE;
    let mut moved = Vec::new();
    for _ in 0..3 {
        let before = index(&table);
        to_the_hour(&mut table);
        table.go_on(&format!("jump {CLOSE_MS}"));
        moved.push(index(&table) - before);
    }
    say(&format!("scenario 18: a premium of a fifth moved the index by {moved:?} an hour, the most is {most}"));
    assert_eq!(moved, [most; 3], "the premium asks for thrice the cap");
    let owed = |who: &str| {
        let held = table.run.books.positions[&(account(who), PERPETUAL)];
        table.run.books.owed_funding(PERPETUAL, &held)
    };
    assert_eq!(owed("long") + owed("short"), 0, "what the one owes the other is owed");
    let cost = worth - table.worth("long");
    assert_eq!(cost, (index(&table) - first) * LOTS, "the long pays for the hours");
    say(&format!("scenario 18: three hours cost the long {} USD of 60,000 at stake", dollars(cost)));
    verdict("18 pushed premium", table.profit(&["pusher"]), 0);
}

/// The rate of an hour by the rule, from what was measured of it: the mean premium, towards 0.01 % by 0.05 % at most, an eighth,
/// capped, for its time.
fn rate_by_rule(integral: i128, measured_ms: i128) -> i128 {
    let mean = integral / measured_ms.max(1);
    let eighth = (mean + (100_000_000 - mean).clamp(-500_000_000, 500_000_000)) / 8;
    eighth.clamp(-CAP, CAP) * measured_ms / i128::from(HOUR_MS)
}

/// 18: the chain stands still for eight hours and comes back 15 % lower; before it stopped somebody had bid the premium up.
///
/// Here: one step, for the minutes that were measured before the halt, at the price of the block that makes it. Hours that nobody
/// saw cost nothing, now or later.
#[test]
fn an_outage_is_not_paid_for() {
    super::plant();
    let mut table = Table::play(OPENING);
    to_the_hour(&mut table);
    table.go_on(&format!("jump {CLOSE_MS}\npusher buy 1 BTC 61000 gtc -> rests 1"));
    for _ in 0..100 {
        table.go_on(&format!("jump {CLOSE_MS}"));
    }
    let before = funding(&table);
    // The newest sample counts for ten seconds, whatever comes.
    let more = i128::from(before.sampled_at_ms.get() + 10_000 - before.measured_to_ms.get());
    let measured = i128::from(before.measured_ms) + more;
    let integral = before.integral + i128::from(before.premium.get()) * more;
    table.events.clear();
    table.go_on(&format!("jump {} BTC 51000", 8 * HOUR_MS));
    assert_eq!(table.events.iter().filter(|event| is_step(event)).count(), 1, "one step for all the time");
    let after = funding(&table);
    let whole = rate_by_rule(integral, measured) * 51_000 * DOLLAR + before.carry;
    let expected = whole / LOTS / RATE_ONE;
    say(&format!("scenario 18: {measured} ms were measured before an outage of 8 h, the index moved by {expected}"));
    assert!(expected > 0, "there is something to pay");
    assert_eq!(i128::from(after.index.get() - before.index.get()), expected, "for what was measured and no more");
    assert_eq!((after.hour - before.hour, after.measured_ms), (8, 0));
    table.go_on("hold 30");
    assert_eq!(funding(&table).index, after.index, "and nothing later");
    verdict("18 outage", table.profit(&["pusher"]), 0);
}

/// Goes on from the records, each as `keep` leaves it.
fn restart(table: &mut Table, keep: impl Fn(Record) -> Option<Record>) {
    let engine = &table.run.world.engine;
    let values = engine.state().records().filter_map(keep).map(|record| record.encode());
    let restarted = Engine::from_records(Arc::clone(engine.genesis()), values).expect("records that decode");
    table.run.world.engine = restarted;
}

/// 18: a node is started anew in the middle of an hour, and again right before its end; whatever keeps the index only in memory
/// begins at zero.
///
/// Here: the index is a record. A chain that went on from its records and one that never stopped have the same one.
#[test]
fn a_restart_keeps_the_index() {
    super::plant();
    let hours = |is_restarted: bool| {
        let mut table = Table::play(OPENING);
        let mut all = Vec::new();
        for _ in 0..3 {
            table.go_on("pusher buy 1 BTC 60500 gtc -> rests 1\nhold 3");
            if is_restarted {
                restart(&mut table, Some);
            }
            to_the_hour(&mut table);
            if is_restarted {
                restart(&mut table, Some);
            }
            // By an engine that is rebuilt for this block alone, too.
            let step = Step { again: Again::Cold, ..table.priced(CLOSE_MS) };
            table.block(&step);
            table.go_on("pusher cancel-all -> done");
            all.push(funding(&table));
        }
        (all, table.profit(&["pusher"]))
    };
    let ((through, _), (restarted, profit)) = (hours(false), hours(true));
    let indices: Vec<FundingIndex> = through.iter().map(|record| record.index).collect();
    assert!(FundingIndex::ZERO < indices[0] && indices[0] < indices[1] && indices[1] < indices[2], "{indices:?}");
    assert_eq!(through, restarted);
    verdict("18 restart", profit, 0);
}

/// What a damage makes of the funding of the perpetual.
type Damage = fn(FundingRecord) -> Option<FundingRecord>;

const DAMAGES: [(&str, Damage); 5] = [
    ("a carry beyond a unit", |record| Some(FundingRecord { carry: 10i128.pow(24), ..record })),
    ("more time than an hour has", |record| Some(FundingRecord { measured_ms: 3_700_000, ..record })),
    ("a sum that no samples make", |record| Some(FundingRecord { integral: i128::MAX, ..record })),
    ("an index at the end of its range", |record| Some(FundingRecord { index: FundingIndex::MAX, ..record })),
    ("no index at all", |_| None),
];

/// 18: records that were damaged, or written by a migration that went wrong, so that the next step would jump.
///
/// Here: a node compares the store that it loads with the finalized block's root, so no damage of a disk gets this far. What does,
/// because all nodes agree on it, makes no step: its universe stops, the others go on.
#[test]
fn a_damaged_record_moves_no_index() {
    super::plant();
    for (name, damage) in DAMAGES {
        let mut table = Table::play(OPENING);
        to_the_hour(&mut table);
        restart(&mut table, |record| match record {
            Record::Funding { id: PERPETUAL, record } => {
                damage(record).map(|record| Record::Funding { id: PERPETUAL, record })
            }
            record => Some(record),
        });
        let step = table.priced(CLOSE_MS);
        let world = &mut table.run.world;
        let before = world.engine.state().funding(PERPETUAL).map(|record| record.index);
        let signed = world.sign(&step);
        let outcome = world.execute(&signed).expect("the block is valid");
        let state = world.engine.state();
        let halted: Vec<_> = state.universes().filter(|record| record.halted.is_some()).collect();
        assert!(halted.len() == 1 && halted[0].spec.id == CORE, "{name}: {halted:?}");
        assert_eq!(state.chain().halted, None, "{name}");
        assert!(!outcome.events.iter().any(is_step), "{name}: a step was told");
        assert_eq!(state.funding(PERPETUAL).map(|record| record.index), before, "{name}: the index moved");
    }
}
