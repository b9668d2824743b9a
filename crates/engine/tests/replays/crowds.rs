//! Attacks and disasters of many: sybils, cascades, runs, dust.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    say,
    step::Step,
    world::{CORE, DOLLAR, Terms, account},
};
use palisade_engine::liquidation::LIQUIDATIONS_PER_BLOCK_MAX;
use palisade_types::event::{Event, MarginLevel};
use std::collections::BTreeMap;

/// YFI on dYdX v3, 17 November 2023: a hundred accounts pyramided profit at five times leverage into one side of a thin market, and let
/// it crash by 30 %; the insurance fund paid 9 million.
///
/// Here: what a position needs rises with the open interest of the whole side, however many accounts share it.
#[test]
fn yfi_sybils() {
    super::plant();
    let mut text = String::from(
        "
        start maker 3000000
        insurance 10000
        vault 20000
        share 100000
        fund-cap 2000
        crowd 100000 1000000
        fees 100 350
        ",
    );
    let names: Vec<String> = (0..60).map(|number| format!("sybil{number}")).collect();
    for name in &names {
        text.push_str(&format!("start {name} 4000\n"));
    }
    text.push_str("price BTC 60000 ETH 2000\nmaker sell 1000 ETH 2000 gtc -> rests 1000\n");
    for name in &names {
        text.push_str(&format!("{name} leverage ETH 5 -> done\n{name} buy 9.9 ETH 2000 ioc -> any\n"));
    }
    let mut table = Table::play(&text);
    let open = table.open_interest("ETH");
    // At five times leverage 60 accounts could hold 1.19 million. From 100,000 on the fraction rises from 0.1 to 1 at a
    // million: it is 0.2 at 200,000, and at most what everyone's 4000 dollars allow beyond.
    say(&format!("scenario 2 YFI: open interest {} USD of 1,188,000 asked for", dollars(open)));
    assert!(open < 400_000 * DOLLAR, "the crowd was let in: {}", dollars(open));
    table.go_on("price ETH 1900\nhold 5\nprice ETH 1700\nhold 5\nprice ETH 1400\nhold 100");
    let sybils: Vec<&str> = names.iter().map(String::as_str).collect();
    let fund = table.insurance_loss(CORE);
    say(&format!("scenario 2 YFI: the fund lost {} USD, the vault {}", dollars(fund), dollars(table.vault_loss(CORE))));
    assert!(fund <= 2_000 * DOLLAR, "the fund lost {}", dollars(fund));
    verdict("2 YFI", table.profit(&sybils), 0);
}

/// The actions of many in one block.
fn many(table: &mut Table, lines: &[(String, String)]) {
    let actions = lines.iter().map(|(name, words)| {
        let words: Vec<&str> = words.split_whitespace().collect();
        (name.clone(), table.action(&words).0)
    });
    let step = Step { advance_ms: 100, actions: actions.collect(), ..Step::default() };
    table.block(&step);
}

fn crowd(terms: &mut Terms, kind: &str, count: usize, usd: u64) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("{kind}{number}")).collect();
    for name in &names {
        terms.funds.insert(name.clone(), [usd, 0, 0]);
    }
    names
}

/// The tenth of October 2025, made worse: half of the price gone at once, a thousand accounts, some of them hedged, funds that do not
/// suffice. Multi-round insolvency: no invariant breaks, nobody solvent is made liquidatable, hedges are taken last.
#[test]
fn deleveraging_cascade() {
    super::plant();
    let mut terms = Terms { vault_share: 100_000, expiry_ms: 80_000_000, fees: [100, 350], ..Terms::default() };
    (terms.insurance, terms.vault) = ([20_000, 0], [50_000, 0]);
    let longs = crowd(&mut terms, "long", 300, 700);
    let shorts = crowd(&mut terms, "short", 400, 3_000);
    let hedged = crowd(&mut terms, "hedged", 100, 8_000);
    let idle = crowd(&mut terms, "idle", 200, 500);
    terms.funds.insert("maker".to_owned(), [5_000_000, 0, 0]);
    let mut table = Table::with(&terms);
    table.go_on("price BTC 60000 ETH 2000\nmaker buy 40 BTC 59900 gtc -> rests 40\nmaker sell 40 BTC-15NOV23 60000 gtc -> rests 40");
    let each = |names: &[String], words: &str| -> Vec<(String, String)> {
        names.iter().map(|name| (name.clone(), words.to_owned())).collect()
    };
    // Short the perpetual into the maker's bids; the hedged buy the future as well.
    many(&mut table, &each(&hedged, "sell 0.1 BTC 59900 ioc"));
    many(&mut table, &each(&hedged, "buy 0.1 BTC-15NOV23 60000 ioc"));
    many(&mut table, &each(&shorts, "sell 0.1 BTC 60000 gtc"));
    many(&mut table, &each(&longs, "buy 0.2 BTC 60000 ioc"));
    table.go_on("maker cancel-all -> done");
    let count = |table: &Table, names: &[String]| names.iter().filter(|name| table.lots(name, "BTC") != 0).count();
    say(&format!(
        "scenario 12: {} long, {} short, {} hedged",
        count(&table, &longs),
        count(&table, &shorts),
        count(&table, &hedged)
    ));
    table.go_on("price BTC 30000");
    let mut blocks = 1;
    while count(&table, &longs) > 0 && blocks < 200 {
        table.go_on("hold 1");
        blocks += 1;
    }
    let deleveraged: BTreeMap<_, i128> = table.events.iter().fold(BTreeMap::new(), |mut sums, event| {
        if let Event::Deleveraged { account, size, .. } = event {
            *sums.entry(*account).or_default() += i128::from(size.get());
        }
        sums
    });
    let taken = |names: &[String]| names.iter().filter(|name| deleveraged.contains_key(&account(name))).count();
    say(&format!(
        "scenario 12 cascade: {} longs closed within {blocks} blocks, {} of {} shorts and {} of {} hedged deleveraged, fund lost {}",
        longs.len() - count(&table, &longs),
        taken(&shorts),
        shorts.len(),
        taken(&hedged),
        hedged.len(),
        dollars(table.insurance_loss(CORE)),
    ));
    assert_eq!(count(&table, &longs), 0, "all were closed within {blocks} blocks");
    let all_shorts_taken = count(&table, &shorts) == 0;
    assert!(taken(&hedged) == 0 || all_shorts_taken, "hedges are taken last");
    let idlers: Vec<&str> = idle.iter().map(String::as_str).collect();
    assert_eq!(table.profit(&idlers), 0, "I3");
    let liquidatable = |event: &&Event| {
        matches!(event, Event::MarginCalled { level: MarginLevel::Liquidatable, account: who, .. }
            if !longs.iter().any(|name| account(name) == *who))
    };
    let others = table.events.iter().filter(liquidatable).count();
    assert_eq!(others, 0, "nobody who was solvent was made liquidatable");
}

/// A run at insolvency: whoever withdraws between the loss and its allocation leaves it to the others.
///
/// Here: losses are allocated before any action of the block, and while one is not, nothing leaves. A winner who ran and one who
/// stayed come out the same.
#[test]
fn bank_run() {
    super::plant();
    let outcome = |runs: bool| {
        let mut table = Table::play(
            "
            start loser 2500
            start runner 10000
            start stayer 10000
            insurance 100
            fees 0 0
            price BTC 60000 ETH 2000
            loser leverage BTC 50                    -> done
            runner sell 0.5 BTC 60000 gtc            -> rests 0.5
            stayer sell 0.5 BTC 60000 gtc            -> rests 0.5
            loser buy 1 BTC 60000 ioc                -> fills 1
            ",
        );
        if runs {
            table.go_on("runner move core 8000 -> done");
        }
        // The gap, with a request to leave in the very block.
        table.go_on("price BTC 50000");
        if runs {
            table.go_on("runner move core 100 -> any\nrunner buy 0.5 BTC 51000 ioc reduce -> any");
        }
        table.go_on("hold 20");
        assert_eq!(table.lots("loser", "BTC"), 0);
        assert_eq!(table.lots("runner", "BTC"), 0);
        (table.profit(&["runner"]), table.profit(&["stayer"]))
    };
    let (ran, stayed) = (outcome(true), outcome(false));
    say(&format!("scenario 13: who ran won {} USD, who stayed {}", dollars(ran.0), dollars(stayed.0)));
    assert!((ran.0 - ran.1).abs() <= 1, "who ran and who stayed: {ran:?}");
    assert!((ran.0 - stayed.0).abs() <= 1 && (ran.1 - stayed.1).abs() <= 1, "{ran:?} {stayed:?}");
    verdict("13 bank run, beyond who stayed", ran.0 - stayed.0, 1);
}

/// Liquidations kept away by dust: a million accounts with nothing in them, and floods of cancels while the price falls.
///
/// Here: a bounded number of units per block, the worst first, and progress in every block.
#[test]
fn liquidation_flood() {
    super::plant();
    let mut terms = Terms { vault_share: 1_000_000, fees: [0, 0], ..Terms::default() };
    (terms.insurance, terms.vault) = ([1_000, 0], [1_000_000, 0]);
    let dust = crowd(&mut terms, "dust", 360, 5);
    terms.funds.insert("large".to_owned(), [30_000, 0, 0]);
    terms.funds.insert("maker".to_owned(), [5_000_000, 0, 0]);
    let mut table = Table::with(&terms);
    let mut opening: Vec<(String, String)> = Vec::new();
    for name in &dust {
        opening.push((name.clone(), "leverage BTC 50".to_owned()));
        opening.push((name.clone(), "buy 0.004 BTC 60000 ioc".to_owned()));
    }
    table.go_on("price BTC 60000 ETH 2000\nmaker sell 30 BTC 60000 gtc -> rests 30");
    many(&mut table, &opening);
    table.go_on("large leverage BTC 50 -> done\nlarge buy 24 BTC 60000 ioc -> fills 24\nmaker cancel-all -> done");
    let open = |table: &Table| dust.iter().filter(|name| table.lots(name, "BTC") != 0).count();
    say(&format!("scenario 22: {} dust accounts hold positions", open(&table)));
    let flood: Vec<(String, String)> = (0..200).map(|_| ("maker".to_owned(), "cancel-all".to_owned())).collect();
    table.go_on("price BTC 58500");
    let mut blocks = 0;
    let mut before = open(&table) + 1;
    while open(&table) + usize::from(table.lots("large", "BTC") != 0) > 0 && blocks < 100 {
        let prices = table.priced(1_000);
        let actions = flood.iter().map(|(name, _)| (name.clone(), table.action(&["cancel-all"]).0)).collect();
        let events = table.block(&Step { actions, ..prices });
        let units: std::collections::BTreeSet<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Liquidated(liquidation) => Some(liquidation.account),
                _ => None,
            })
            .collect();
        assert!(units.len() <= LIQUIDATIONS_PER_BLOCK_MAX, "{} units in one block", units.len());
        blocks += 1;
        let now = open(&table);
        let due = table.books().liquidatable().len();
        assert!(
            now < before || due == 0 || units.contains(&account("large")),
            "no progress in block {blocks}: {now} of {before}"
        );
        before = now;
    }
    say(&format!("scenario 22: all closed within {blocks} blocks, {} left", open(&table)));
    assert_eq!(open(&table), 0);
    let mut all: Vec<&str> = dust.iter().map(String::as_str).collect();
    all.push("large");
    verdict("22 dust", table.profit(&all), 0);
}
