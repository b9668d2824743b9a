//! Attacks and disasters of many: sybils, cascades, runs.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    say,
    step::Step,
    world::{CORE, DOLLAR, SIDE, Terms, USDC, account},
};
use palisade_engine::liquidation::DELEVERAGES_PER_BLOCK_MAX;
use palisade_types::{
    action::Action,
    address::AccountId,
    event::{Event, MarginLevel},
    numbers::{Amount, Usd},
    receipt::Outcome,
    rejection::Rejection,
    vault::{Redemption, Tranche},
};
use std::collections::{BTreeMap, BTreeSet};

/// YFI on dYdX v3, 17 November 2023: a hundred accounts pyramided profit at five times leverage into one side of a thin market, and let
/// it crash by 30 %; the insurance fund paid 9 million.
///
/// Here: what a position needs rises with the open interest of the whole side, however many accounts share it.
#[test]
fn yfi_sybils() {
    super::plant();
    yfi("2 YFI", "");
}

/// The same by accounts that margin as portfolios, of whom the grid asks 18 % in any crowd.
#[test]
fn yfi_sybils_as_portfolios() {
    super::plant();
    yfi("2 YFI as portfolios", "portfolio on");
}

/// `before` is what everyone does first.
fn yfi(scenario: &str, before: &str) {
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
    let names: Vec<String> = (0..100).map(|number| format!("sybil{number}")).collect();
    for name in &names {
        text.push_str(&format!("start {name} 4000\n"));
    }
    text.push_str("price BTC 60000 ETH 2000\nmaker sell 1000 ETH 2000 gtc -> rests 1000\n");
    for name in &names {
        if !before.is_empty() {
            text.push_str(&format!("{name} {before} -> done\n"));
        }
        text.push_str(&format!("{name} leverage ETH 5 -> done\n{name} buy 9.9 ETH 2000 ioc -> any\n"));
    }
    let mut table = Table::play(&text);
    let open = table.open_interest("ETH");
    // At five times leverage a hundred accounts could hold 1.98 million. From 100,000 on the fraction rises from 0.1 to 1 at a
    // million: it is 0.2 at 200,000, and at most what everyone's 4000 dollars allow beyond.
    say(&format!("scenario {scenario}: open interest {} USD of 1,980,000 asked for", dollars(open)));
    assert!(open < 400_000 * DOLLAR, "the crowd was let in: {}", dollars(open));
    table.go_on("price ETH 1900\nhold 5\nprice ETH 1700\nhold 5\nprice ETH 1400\nhold 100");
    let sybils: Vec<&str> = names.iter().map(String::as_str).collect();
    let fund = table.insurance_loss(CORE);
    say(&format!(
        "scenario {scenario}: the fund lost {} USD, the vault {}",
        dollars(fund),
        dollars(table.vault_loss(CORE))
    ));
    assert!(fund <= 2_000 * DOLLAR, "the fund lost {}", dollars(fund));
    verdict(scenario, table.profit(&sybils), 0);
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
    // Somebody who was behind both sides comes out with what paid the losses: fund, vault, and what others had paid in fees.
    let both: Vec<&str> = longs.iter().chain(&shorts).map(String::as_str).collect();
    let people: BTreeSet<AccountId> = both.iter().map(|name| account(name)).collect();
    let sides = table.events.iter().filter_map(|event| match event {
        Event::Traded(trade) => Some([&trade.maker, &trade.taker]),
        _ => None,
    });
    let others = sides.flatten().filter(|side| !people.contains(&side.account));
    let fees: i128 = others.map(|side| side.fee_usd.get()).sum();
    verdict("12 cascade", table.profit(&both), table.insurance_loss(CORE) + table.vault_loss(CORE) + fees);
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

/// A run while losses are worked through: so many are bankrupt at once, and the fund may claim so little, that winners are closed
/// against them block after block.
///
/// Here: until the last loss is borne nothing leaves the universe or enters it, block after block, and inside it everything goes on.
/// Then whoever ran leaves with what whoever stayed has.
#[test]
fn bank_run_at_a_closed_gate() {
    super::plant();
    const LOSERS: usize = 24;
    let mut text = String::from(
        "
        start runner 100000 1000
        start stayer 100000 1000
        insurance 1000
        fund-cap 100
        fees 0 0
        price BTC 60000 ETH 2000
        runner sell 1.2 BTC 60000 gtc            -> rests 1.2
        stayer sell 1.2 BTC 60000 gtc            -> rests 1.2
        ",
    );
    for number in 0..LOSERS {
        let lines = [format!("start loser{number} 300"), format!("loser{number} leverage BTC 50 -> done")];
        text.push_str(&lines.join("\n"));
        text.push_str(&format!("\nloser{number} buy 0.1 BTC 60000 ioc -> fills 0.1\n"));
    }
    let outcome = |runs: bool| {
        let mut table = Table::play(&text);
        table.go_on("price BTC 50000");
        let closed = |table: &Table| table.books().universes[&CORE].2;
        let left =
            |table: &Table| (0..LOSERS).filter(|number| table.lots(&format!("loser{number}"), "BTC") != 0).count();
        assert!(closed(&table), "somebody owes");
        let mut before = left(&table);
        assert_eq!(before, LOSERS - DELEVERAGES_PER_BLOCK_MAX, "the rest waits");
        while before > DELEVERAGES_PER_BLOCK_MAX {
            if runs {
                try_to_leave(&mut table);
            } else {
                table.go_on("runner send stayer 1 -> done\nstayer send runner 1 -> done");
            }
            let now = left(&table);
            assert_eq!(now, before.saturating_sub(2 * DELEVERAGES_PER_BLOCK_MAX), "two blocks, and progress in each");
            before = now;
        }
        table.go_on("hold 2");
        assert!(!closed(&table) && left(&table) == 0, "every loss is borne");
        if runs {
            table.go_on("runner move core 50000 -> done");
        }
        assert_eq!(table.insurance_loss(CORE), 100 * DOLLAR, "the fund paid its cap");
        (table.profit(&["runner"]), table.profit(&["stayer"]))
    };
    let (ran, stayed) = (outcome(true), outcome(false));
    say(&format!("scenario 13, gate closed: who ran won {} USD, who stayed {}", dollars(ran.0), dollars(ran.1)));
    assert_eq!(ran, stayed, "running changed nothing");
    // A unit of rounding per loss that is shared out.
    verdict("13 run at a closed gate, beyond who stayed", (ran.0 - ran.1).abs(), LOSERS as i128);
}

/// Two blocks in which whatever could leave a gated universe, or enter it, is refused.
fn try_to_leave(table: &mut Table) {
    table.go_on("runner move core 1000 -> rejected UniverseGated");
    let amount_usd = Usd::new(200 * DOLLAR);
    let into = Action::MoveUniverse { from: SIDE, to: CORE, asset: USDC, amount: Amount::new(DOLLAR) };
    let tranche = Tranche::Junior;
    let actions = [
        into,
        Action::DepositBackstop { universe: CORE, tranche, amount_usd },
        Action::WithdrawBackstop { universe: CORE, tranche, redemption: Redemption::All },
        Action::CreateVault { name: "ark".to_owned(), description: String::new(), initial_usd: amount_usd },
    ];
    let actions = actions.map(|action| ("runner".to_owned(), action)).into();
    table.block(&Step { advance_ms: 100, actions, ..Step::default() });
    for outcome in &table.run.outcomes {
        assert_eq!(*outcome, Outcome::Rejected { rejection: Rejection::UniverseGated { universe: CORE } });
    }
}
