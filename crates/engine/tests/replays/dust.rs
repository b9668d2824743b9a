//! Liquidations kept away by dust: very many accounts with nothing much in them, each with positions in every market, and floods
//! of actions while the price falls.

use super::{table::Table, verdict};
use crate::{
    books::{Books, Unit},
    say, size,
    step::Step,
    world::{BTC, CORE, DOLLAR, ETH, START_MS, Terms, USDC, World, account},
};
use palisade_engine::{
    Engine,
    liquidation::LIQUIDATIONS_PER_BLOCK_MAX,
    state::{AccountRecord, BalanceId, CustodyId, PortfolioModeId, PositionId, PositionRecord, Record, RecordKey},
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::MarketId,
    market::OptionKind,
    numbers::{Amount, FundingIndex, Position, Price, Usd},
    time::TimeMs,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Every linear market of the universe, with the lots that a dust account is long of each, and what a lot costs.
const LEGS: [(MarketId, i64, i128); 3] = [
    (MarketId::new(0), 3, 6 * DOLLAR),
    (MarketId::new(1), 1, 20 * DOLLAR),
    (MarketId::new(MarketId::FIRST_FUTURE), 3, 6 * DOLLAR),
];
/// Blocks of the large crowd.
const BLOCKS_AT_FULL_SIZE: u64 = 12;
/// Actions of somebody who wants to keep liquidations away, per block.
const FLOOD: usize = 100;

fn dust(number: u64) -> AccountId {
    AccountId::derived("dust", number)
}

/// From 2 to 2.80 USD for 56 USD of positions that need 1.63, no two the same: all due once prices are 3 % lower, bankrupt at 5 %.
fn cash_of(number: u64, count: u64) -> i128 {
    2 * DOLLAR + DOLLAR * 4 / 5 * i128::from(number) / i128::from(count) + i128::from(number % 7)
}

/// A venue with first prices.
fn priced(terms: &Terms) -> World {
    let mut world = World::new(terms);
    let prices =
        [(USDC, "1"), (BTC, "60000"), (ETH, "2000")].map(|(asset, price)| (asset, price.parse().expect("a price")));
    let first = world.sign(&Step { advance_ms: 1_000, prices: prices.into(), ..Step::default() });
    world.execute(&first).expect("the first prices");
    world
}

/// The venue with dust, made of records, as a start makes it: everyone has lots of each leg, which cost so much, and cash. `maker`
/// holds the other side.
fn with_dust(mut world: World, count: u64, legs: &[(MarketId, i64, i128)], cash_of: impl Fn(u64) -> i128) -> World {
    let custody = CustodyId { universe: CORE, asset: USDC };
    let mut paid_in = world.engine.state().custody(CORE, USDC).get();
    let mut values: Vec<Vec<u8>> = Vec::new();
    let others = world.engine.state().records().filter(|record| record.key() != RecordKey::Custody(custody));
    values.extend(others.map(|record| record.encode()));
    let mut put = |record: Record| values.push(record.encode());
    let position = |lots: i64, cost: i128| PositionRecord {
        position: Position::new(lots),
        entry_cost_usd: Usd::new(i128::from(lots) * cost),
        funding_index: FundingIndex::ZERO,
    };
    for number in 0..count {
        let (account, cash) = (dust(number), cash_of(number));
        paid_in += cash;
        let record = AccountRecord {
            created_at_ms: TimeMs::new(START_MS),
            actions_used: 0,
            volume_usd: Usd::ZERO,
            cancel_all_at_ms: None,
            hyperliquid_compatible: false,
        };
        put(Record::Account { id: account, record });
        put(Record::Balance { id: BalanceId { account, universe: CORE, asset: USDC }, record: Amount::new(cash) });
        for (market, lots, cost) in legs {
            put(Record::Position { id: PositionId { account, market: *market }, record: position(*lots, *cost) });
        }
    }
    let maker = account("maker");
    for (market, lots, cost) in legs {
        let record = position(-lots * i64::try_from(count).expect("not so many"), *cost);
        put(Record::Position { id: PositionId { account: maker, market: *market }, record });
    }
    put(Record::Custody { id: custody, record: Amount::new(paid_in) });
    let genesis = Arc::clone(world.engine.genesis());
    world.engine = Engine::from_records(genesis, values.into_iter()).expect("sound records");
    world
}

/// Dust with every linear leg.
fn linear_dust(count: u64) -> World {
    with_dust(priced(&terms(count)), count, &LEGS, |number| cash_of(number, count))
}

fn terms(count: u64) -> Terms {
    let mut terms = Terms { vault_share: 1_000_000, fees: [0, 0], expiry_ms: 80_000_000, ..Terms::default() };
    (terms.insurance, terms.vault) = ([count, 0], [count * 100, 0]);
    terms.funds.insert("maker".to_owned(), [count * 500, 0, 0]);
    terms
}

/// Whoever was worked on.
fn served(events: &[Event]) -> BTreeSet<AccountId> {
    let of_event = |event: &Event| match event {
        Event::Liquidated(liquidation) => Some(liquidation.account),
        Event::Deleveraged { bankrupt, .. } => Some(*bankrupt),
        Event::DeficitPaid { account, .. } => Some(*account),
        _ => None,
    };
    events.iter().filter_map(of_event).filter(|account| *account != AccountId::backstop(CORE)).collect()
}

/// Units below maintenance at the marks of a block that did this to `before`, by how far.
fn due(before: &Books, after: &Books) -> BTreeMap<AccountId, i128> {
    let mut books = before.clone();
    books.marks.clone_from(&after.marks);
    books.forwards.clone_from(&after.forwards);
    books.expiries.clone_from(&after.expiries);
    books.time_ms = after.time_ms;
    let ratio = |unit: Unit| {
        let worth = books.worth(unit)?;
        // Shorts of options are worth less than nothing: what must be there beside them is compared with what is.
        let netted = if books.portfolios.contains(&(unit.0, unit.1)) { 0 } else { worth.options };
        let (equity, maintenance) = (worth.equity - netted, worth.maintenance - netted);
        (equity < maintenance).then(|| (unit.0, (equity * 1_000_000).div_euclid(maintenance.max(1))))
    };
    books.units().into_iter().filter_map(ratio).filter(|(account, _)| *account != AccountId::backstop(CORE)).collect()
}

/// A bounded number of units, the worst of all that are due, and no block in which nothing is done.
fn check_block(events: &[Event], before: &Books, after: &Books) {
    let (served, due) = (served(events), due(before, after));
    assert!(served.len() <= LIQUIDATIONS_PER_BLOCK_MAX, "{} units in one block", served.len());
    assert_eq!(served.len(), due.len().min(LIQUIDATIONS_PER_BLOCK_MAX), "of {} that are due", due.len());
    let best_served = served.iter().filter_map(|account| due.get(account)).max();
    let worst_left = due.iter().filter(|(account, _)| !served.contains(account)).map(|(_, ratio)| ratio).min();
    if let (Some(served), Some(left)) = (best_served, worst_left) {
        assert!(served <= left, "one with {served} was served, one with {left} waits");
    }
}

/// A flood of somebody's actions.
fn flood(table: &Table) -> Vec<(String, palisade_types::action::Action)> {
    (0..FLOOD).map(|_| ("maker".to_owned(), table.action(&["cancel-all"]).0)).collect()
}

/// 22: dust with every leg there is, and floods of cancels while the price falls; all invariants after every block.
///
/// Here: a bounded number of units per block, the worst first, and progress in every block.
#[test]
fn liquidation_flood() {
    super::plant();
    let count = 1_000;
    let mut table = Table::with(&terms(count));
    table.run.adopt(linear_dust(count));
    table.begin();
    table.go_on("price BTC 60000 ETH 2000");
    let open =
        |table: &Table| (0..count).filter(|number| table.books().held_by(dust(*number)).next().is_some()).count();
    let opened = table.books().clone();
    table.set_prices(&["BTC", "57000", "ETH", "1900"]);
    let mut blocks = 0;
    while blocks == 0 || !table.books().liquidatable().is_empty() {
        assert!(blocks < 200, "{} are open after {blocks} blocks", open(&table));
        let before = table.books().clone();
        let step = Step { actions: flood(&table), ..table.priced(1_000) };
        let events = table.block(&step);
        check_block(&events, &before, table.books());
        blocks += 1;
    }
    assert!(due(&opened, table.books()).len() as u64 * 10 > count * 9 && blocks > 10, "nine of ten were due");
    say(&format!("scenario 22: {} of {count} dust accounts are open after {blocks} blocks", open(&table)));
    verdict("22 dust", (0..count).map(|number| table.profit_of(dust(number))).sum(), 0);
}

/// 22 at the size of its description, a million accounts, for as many blocks as its time allows; `PALISADE_FULL_SIZE=1`.
#[test]
#[allow(clippy::disallowed_types, reason = "says how long a block took")]
fn liquidation_flood_at_full_size() {
    let count = size(0, 1_000_000);
    if count == 0 {
        say("SKIPPED scenario 22 with a million accounts: set PALISADE_FULL_SIZE=1");
        return;
    }
    let mut world = linear_dust(count);
    let price = |text: &str| text.parse::<Price>().expect("a price");
    let mut before = Books::of(world.engine.state());
    for block in 0..BLOCKS_AT_FULL_SIZE {
        let (btc, eth) = if block == 0 { ("60000", "2000") } else { ("57000", "1900") };
        let prices = vec![(USDC, price("1")), (BTC, price(btc)), (ETH, price(eth))];
        let signed = world.sign(&Step { advance_ms: 1_000, prices, ..Step::default() });
        let start = std::time::Instant::now();
        let outcome = world.execute(&signed).expect("a valid block");
        let took = start.elapsed();
        let after = Books::of(world.engine.state());
        check_block(&outcome.events, &before, &after);
        say(&format!(
            "scenario 22: block {block}: {} of {} accounts that are due were served, {} ms",
            served(&outcome.events).len(),
            due(&before, &after).len(),
            took.as_millis()
        ));
        before = after;
    }
}

/// Every second one margins its options as a portfolio.
fn is_portfolio(number: u64) -> bool {
    number % 2 == 1
}

/// What dust of these legs must have beside them, one margined per expiry and one as a portfolio.
fn needs(world: &World, legs: &[(MarketId, i64, i128)]) -> [i128; 2] {
    let books = Books::of(with_dust(world.branch(), 2, legs, |_| 0).engine.state());
    let positions: Vec<(MarketId, i128)> = legs.iter().map(|(market, lots, _)| (*market, i128::from(*lots))).collect();
    let worth = books.worth((dust(0), CORE, None)).expect("marks");
    let (_, together) = books.together(&positions).expect("marks");
    [worth.maintenance - worth.options, together - worth.options]
}

/// 22 with options: dust that is short of every call there is, over both expiries, every second one a portfolio, which no box spares
/// a look; the price rises while somebody floods the venue with cancels.
///
/// Here: the same bounds. A bounded number per block, the worst of all first, and progress in every block.
#[test]
fn liquidation_flood_of_options() {
    super::plant();
    let count = 300;
    let terms = Terms { options: true, expiry_ms: 0, vault: [count * 4_000, 0], ..terms(count) };
    let mut world = priced(&terms);
    let listing = world.sign(&Step { advance_ms: 500, ..Step::default() });
    world.execute(&listing).expect("the block that fits the surface");
    let books = Books::of(world.engine.state());
    let calls = books.markets.values().filter(|market| {
        market.option().is_some_and(|contract| contract.right == OptionKind::Call)
            && books.marks.contains_key(&market.id)
    });
    let legs: Vec<(MarketId, i64, i128)> = calls.map(|market| (market.id, -1, 0)).collect();
    assert!(legs.len() >= 10, "calls of two expiries: {legs:?}");
    let needs = needs(&world, &legs);
    let cash_of = |number: u64| {
        let need = needs[usize::from(is_portfolio(number))];
        need + need * i128::from(number) / i128::from(count * 50) + i128::from(number % 7)
    };
    let mut world = with_dust(world, count, &legs, cash_of);
    world.put_records((0..count).filter(|number| is_portfolio(*number)).map(|number| Record::PortfolioMode {
        id: PortfolioModeId { account: dust(number), universe: CORE },
        record: TimeMs::new(START_MS),
    }));
    let mut table = Table::with(&terms);
    table.run.adopt(world);
    table.begin();
    let opened = table.books().clone();
    table.set_prices(&["BTC", "61500", "ETH", "2000"]);
    let mut blocks = 0;
    while blocks == 0 || !table.books().liquidatable().is_empty() {
        assert!(blocks < 200, "{} are due after {blocks} blocks", table.books().liquidatable().len());
        let before = table.books().clone();
        let step = Step { actions: flood(&table), ..table.priced(1_000) };
        let events = table.block(&step);
        check_block(&events, &before, table.books());
        blocks += 1;
    }
    let due = due(&opened, table.books()).len();
    assert!(due as u64 * 10 > count * 9, "{due} were due");
    say(&format!("scenario 22 options: {due} of {count} dust accounts short of {} calls, {blocks} blocks", legs.len()));
    verdict("22 dust options", (0..count).map(|number| table.profit_of(dust(number))).sum(), 0);
}
