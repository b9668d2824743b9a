//! The run as a page.

use crate::{
    chains::SYMBOLS,
    people::{PEOPLE, Person, STYLES},
    replay::{DOLLAR, dollars, key},
    tally::{Tally, backstop, equity, styles},
    terms::{BACKSTOP_USD, CORE, FUND_USD, USDC, asset},
    venue::Venue,
};
use palisade_types::{address::AccountId, event::LiquidationMethod};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

pub fn write(venue: &Venue, people: &[Person], tally: &Tally, seed: u64) -> String {
    venue.audit().check(venue.engine());
    let mut text = head(people, seed);
    styles_table(&mut text, venue, people, tally);
    events_table(&mut text, venue, tally);
    settlements_table(&mut text, tally);
    text.push_str(
        "\nWhat this does not show: people who close, hedge or add margin in time, other makers stepping in, and feedback of liquidations on\n\
        the index, which comes from elsewhere. The volatility of the makers is that of chains seen over six days: the month is as wild as these days\n\
        were only within a day, and falls over four weeks by what the real index fell within one.\n",
    );
    text
}

fn head(people: &[Person], seed: u64) -> String {
    let paid_in: i128 = people.iter().map(|person| person.equity_usd).sum();
    format!(
        "# Options in February 2026, compressed\n\n\
        `make month` (seed {seed}) runs the engine over 28 daily expiries and writes this page. The option chains are not part of the project; without\n\
        them (`PALISADE_DATA`) nothing runs and this page stays as it is.\n\n\
        **Index.** 24 whole chains of Deribit, 3 to 8 February 2026, give the index of BTC and ETH about every six hours. The month meets each of these\n\
        values, stretched from five and three quarter days to 28; between two it is a seeded Brownian bridge with the volatility of that chain's options at the\n\
        money. A price every 15 minutes, every 5 s in the half hour before an expiry.\n\n\
        **Venue.** One universe, a perpetual and a series of options each (two daily and two weekly expiries, eleven strikes and more); one maker each, which\n\
        quotes every option at the volatility that the chain has for its strike and time, 3 % of the price and 0.02 % of the forward to each side, 2 million USD of the\n\
        underlying. Fund {} USD, backstop vault {} USD.\n\n\
        **Population.** {PEOPLE} accounts with {} USD, log-uniform from 1,000 to 100,000. Every day after the expiry each repeats what its style says with options\n\
        of the next: buyers pay 5 % of their equity; covered calls hold the perpetual for one to five times theirs; writers of single options, strangles, spreads\n\
        and straddles use 70 to 99 % of what they have as margin. Those in portfolio mode are margined by the grid. Nobody closes anything.\n\n\
        After every block, from the events: every delivery is the option's worth at the settlement price, rounded down; every settlement price is within 1 bp of\n\
        the mean of its half hour; what an option's holders paid others received, but for dust (I2). Every 20 blocks, from the records: balances sum to what was\n\
        paid in (I1), positions with deliveries to zero (I2). The engine's own audit (I1, I2, I4, standings and shares: docs/rules/ledger.md) halted nothing.\n\
        I5 is the engine's check at every fill, I8 at every deleveraging;\n\
        I3 and I7 are looked at by the clearing tests (docs/reports/clearing.md), not here, and I6 has no rule yet.\n\n",
        dollars(FUND_USD * DOLLAR),
        dollars(BACKSTOP_USD * DOLLAR),
        dollars(paid_in * DOLLAR),
    )
}

fn styles_table(text: &mut String, venue: &Venue, people: &[Person], tally: &Tally) {
    let by_account: BTreeMap<AccountId, &Person> =
        people.iter().map(|person| (key(&person.name()).address(), person)).collect();
    let liquidated = styles(tally, |account| by_account.get(&account).map(|person| person.style));
    text.push_str("| style | accounts | paid in, USD | at the end, USD | below maintenance once |\n| --- | ---: | ---: | ---: | ---: |\n");
    for (style, _, name) in STYLES {
        let of: Vec<&AccountId> =
            by_account.iter().filter(|(_, person)| person.style == style).map(|(account, _)| account).collect();
        let before: i128 = of.iter().map(|account| tally.before[*account]).sum();
        let after: i128 = of.iter().map(|account| equity(venue.state(), **account)).sum();
        let failed = liquidated.get(&style).copied().unwrap_or(0);
        let _ = writeln!(text, "| {name} | {} | {} | {} | {failed} |", of.len(), dollars(before), dollars(after));
    }
}

fn events_table(text: &mut String, venue: &Venue, tally: &Tally) {
    let state = venue.state();
    let audit = venue.audit();
    text.push_str("\n| | |\n| --- | ---: |\n");
    let mut row = |name: &str, value: &dyn Display| {
        let _ = writeln!(text, "| {name} | {value} |");
    };
    row("blocks", &tally.blocks);
    row("options listed", &tally.options_listed);
    row("fills of options; premiums, USD", &format!("{}; {}", tally.fills, dollars(tally.premiums)));
    let refused: Vec<String> = tally.orders_unfilled.iter().map(|(why, count)| format!("{count} {why}")).collect();
    row("orders of people that filled; that did not", &format!("{}; {}", tally.orders_filled, refused.join(", ")));
    row("fees, USD", &dollars(tally.fees));
    row("expiries settled", &audit.fixed);
    row(
        "furthest settlement price from the plain mean, parts per million",
        &format!("{:.2}", audit.furthest_e8 as f64 / 100.0),
    );
    row("positions delivered", &audit.deliveries);
    row("most dust of one option, 1e-8 USD", &audit.dust);
    row(
        "accounts warned (below 1.25 × maintenance), called (1.1 ×)",
        &format!("{}, {}", tally.warned.len(), tally.called.len()),
    );
    row("accounts below maintenance", &tally.liquidated.len());
    let methods = [
        (LiquidationMethod::Hedge, "hedged with the perpetual"),
        (LiquidationMethod::Book, "closed by the book"),
        (LiquidationMethod::Backstop, "closed by the backstop vault"),
        (LiquidationMethod::Deleverage, "closed by deleveraging"),
    ];
    for (method, name) in methods {
        let (count, quote) = tally.by_method.get(&(method as u8)).copied().unwrap_or_default();
        row(&format!("{name}: slices; USD paid"), &format!("{count}; {}", dollars(quote)));
    }
    row("most slices in a block", &tally.worst_block);
    row("prices after which somebody was below maintenance for a minute", &tally.unresolved);
    row("liquidation fees to the fund, USD", &dollars(tally.liquidation_fees));
    row(
        "deficits paid by the fund, from fees earned, USD",
        &format!("{}, {}", dollars(tally.fund_paid), dollars(tally.fees_paid)),
    );
    row(
        "accounts deleveraged; their haircut, USD",
        &format!("{}; {}", tally.deleveraged.len(), dollars(tally.haircut)),
    );
    row("times the gate closed", &tally.gates);
    let fund = state.balance(AccountId::insurance(CORE), CORE, USDC).get();
    row("fund at the end, USD", &dollars(fund));
    row("backstop vault at the end (cash and purses), USD", &dollars(backstop(state)));
    let owed: i128 = state.accounts().map(|(account, _)| equity(state, account).min(0)).sum();
    row("bad debt left at the end, USD", &dollars(owed));
    row(
        "money of the universe before, after, USD",
        &format!("{}, {}", dollars(audit.money), dollars(state.custody(CORE, USDC).get())),
    );
}

fn settlements_table(text: &mut String, tally: &Tally) {
    let mut days: BTreeMap<u64, [i64; 2]> = BTreeMap::new();
    for (underlying, expiry_ms, price) in &tally.settlements {
        let place = (0..SYMBOLS.len()).find(|place| asset(*place) == *underlying).expect("an underlying");
        days.entry(*expiry_ms).or_default()[place] = *price;
    }
    text.push_str("\nSettlement prices, BTC and ETH, in USD:\n\n");
    let cells: Vec<String> = days
        .values()
        .map(|[bitcoin, ether]| format!("{} / {}", dollars(i128::from(*bitcoin)), dollars(i128::from(*ether))))
        .collect();
    for week in cells.chunks(7) {
        let _ = writeln!(text, "- {}", week.join(", "));
    }
}
