//! What happened, in numbers.

use crate::{
    audit::{Opened, backstop},
    market::{CAPITAL_KUSD, MARKETS, UNIVERSES},
    population::{PEOPLE, Person},
    replay::{DOLLAR, dollars},
    venue::Venue,
};
use palisade_types::{
    address::AccountId,
    event::{Event, LiquidationMethod, MarginLevel, Payer},
    ids::{AssetId, UniverseId},
    order::Side,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Sums of one universe.
#[derive(Default)]
pub struct UniverseTally {
    warned: BTreeSet<AccountId>,
    called: BTreeSet<AccountId>,
    liquidated: BTreeSet<AccountId>,
    by_method: BTreeMap<u8, (u64, i128)>,
    slippage: i128,
    fees: i128,
    fund: i128,
    earned: i128,
    haircut: i128,
    deleveraged: BTreeSet<AccountId>,
    gates: u64,
}

/// Sums of the run.
#[derive(Default)]
pub struct Tally {
    pub opened: usize,
    universes: Vec<UniverseTally>,
    blocks: u64,
    worst_block: usize,
}

impl Tally {
    pub fn follow(&mut self, events: &[Event]) {
        if self.universes.is_empty() {
            self.universes = UNIVERSES.iter().map(|_| UniverseTally::default()).collect();
        }
        self.blocks += 2;
        let mut here = 0;
        for event in events {
            match event {
                Event::MarginCalled { account, universe, level, .. } => {
                    let tally = &mut self.universes[universe.get() as usize];
                    match level {
                        MarginLevel::Warned => tally.warned.insert(*account),
                        MarginLevel::Called => tally.called.insert(*account),
                        MarginLevel::Liquidatable => tally.liquidated.insert(*account),
                        MarginLevel::Healthy => false,
                    };
                }
                Event::Liquidated(one) => {
                    here += 1;
                    let tally = &mut self.universes[one.universe.get() as usize];
                    let entry = tally.by_method.entry(one.method as u8).or_default();
                    entry.0 += 1;
                    entry.1 += one.quote_usd.get();
                    tally.fees += one.fee_usd.get();
                    if one.method == LiquidationMethod::Book {
                        let decimals = u32::from(MARKETS[one.market.get() as usize].size_decimals);
                        let at_mark = i128::from(one.mark.get()) * i128::from(one.size.get()) / 10i128.pow(decimals);
                        let worse = if one.side == Side::Sell {
                            at_mark - one.quote_usd.get()
                        } else {
                            one.quote_usd.get() - at_mark
                        };
                        tally.slippage += worse;
                    }
                }
                Event::DeficitPaid { universe, payer, amount_usd, .. } => {
                    let tally = &mut self.universes[universe.get() as usize];
                    match payer {
                        Payer::Insurance => tally.fund += amount_usd.get(),
                        Payer::Fees => tally.earned += amount_usd.get(),
                    }
                }
                Event::Deleveraged { market, account, haircut_usd, .. } => {
                    let universe = MARKETS[market.get() as usize].universe as usize;
                    self.universes[universe].haircut += haircut_usd.get();
                    self.universes[universe].deleveraged.insert(*account);
                }
                Event::GateChanged { universe, closed: true } => self.universes[universe.get() as usize].gates += 1,
                Event::UniverseHalted { invariant, .. } | Event::ChainHalted { invariant } => panic!("{invariant}"),
                _ => {}
            }
        }
        self.worst_block = self.worst_block.max(here);
    }
}

/// What accounts owe and nobody paid, by universe.
fn bad_debt(venue: &Venue, universe: UniverseId) -> i128 {
    let state = venue.engine().state();
    state
        .accounts()
        .filter_map(|(account, _)| palisade_engine::accounts::margin(state, account, universe).ok())
        .filter_map(|margin| margin.equity_usd().ok())
        .map(|equity| equity.get().min(0))
        .sum::<i128>()
}

pub fn write(venue: &Venue, people: &[Person], tally: &Tally, opened: &Opened, seed: u64) -> String {
    let mut text = String::new();
    let equity: i128 = people.iter().map(|person| person.equity_usd).sum();
    let _ = write!(
        text,
        "# 10 October 2025, replayed\n\n\
        `make crash` (seed {seed}) runs the engine over the real minute bars of 20:40 to 22:20 UTC and writes this page. The bars are not part of the\n\
        project; without them (`PALISADE_DATA`) nothing runs and this page stays as it is.\n\n\
        **Population.** {PEOPLE} accounts with {} USD, {} of which got a position: equity log-uniform from 100 to 50,000 USD, one in a hundred twenty times that;\n\
        leverage 2 to 5 (40 %), 5 to 10 (30 %), 10 to 20 (20 %), 20 to 40 (10 %), at most the market's, used to 85 %; 70 % long; every sixth isolated. 60 % in `core`\n\
        (BTC, ETH, SOL), 30 % in `alts` (AVAX, LINK, DOGE), 10 % in `memes` (WIF). One maker per market takes the other side and shows\n\
        20, 12, 6 and 1 million USD a side within 2 % of the index in calm times, less by the square of the last minute's move over half a per cent.\n\n\
        **Prices.** The index follows Gemini (BTC, ETH, SOL) and Coinbase (the others): open, high, low and close of each minute on straight lines, every 5 s.\n\n\
        After every step it was checked from the records that each universe's balances sum to what was paid into it (I1; nothing moved between\n\
        universes), that positions sum to zero (I2), and that the engine's own audit (I4 and more) halted nothing. I5 is the engine's check at every fill, I8 at every deleveraging;\n\
        I3 and I7 are looked at by the clearing tests (docs/reports/clearing.md), not here, and I6 has no rule yet.\n\n",
        dollars(equity * DOLLAR),
        tally.opened
    );
    let _ = writeln!(text, "| | {} |", UNIVERSES.join(" | "));
    let _ = writeln!(text, "| --- | {} |", UNIVERSES.map(|_| "---:").join(" | "));
    let mut row = |name: &str, value: &dyn Fn(usize, &UniverseTally) -> String| {
        let cells: Vec<String> = tally.universes.iter().enumerate().map(|(id, one)| value(id, one)).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    let state = venue.engine().state();
    let held = |id: usize, account: fn(UniverseId) -> AccountId| {
        let universe = UniverseId::new(id as u32);
        state.balance(account(universe), universe, AssetId::new(0)).get()
    };
    row("accounts warned (below 1.25 × maintenance)", &|_, one| one.warned.len().to_string());
    row("accounts called (below 1.1 ×)", &|_, one| one.called.len().to_string());
    row("accounts liquidated, wholly or in part", &|_, one| one.liquidated.len().to_string());
    for (method, name) in [(0, "the book"), (1, "the backstop vault"), (2, "deleveraging")] {
        row(&format!("closed by {name}: slices, USD"), &|_, one| {
            let (count, quote) = one.by_method.get(&method).copied().unwrap_or_default();
            format!("{count}, {}", dollars(quote))
        });
    }
    row("slippage of book slices against the mark, USD", &|_, one| dollars(one.slippage));
    row("liquidation fees to the fund, USD", &|_, one| dollars(one.fees));
    row("deficits paid by the insurance fund, USD", &|_, one| dollars(one.fund));
    row("deficits paid from fees earned, USD", &|_, one| dollars(one.earned));
    row("haircut of deleveraged winners, USD", &|_, one| dollars(one.haircut));
    row("accounts deleveraged", &|_, one| one.deleveraged.len().to_string());
    row("times the gate closed", &|_, one| one.gates.to_string());
    row("insurance fund before, after, USD", &|id, _| {
        format!("{}, {}", dollars(opened.capital[id].0), dollars(held(id, AccountId::insurance)))
    });
    row("backstop vault before, after (cash and purses), USD", &|id, _| {
        format!("{}, {}", dollars(opened.capital[id].1), dollars(backstop(venue, UniverseId::new(id as u32))))
    });
    row("bad debt left at the end, USD", &|id, _| dollars(bad_debt(venue, UniverseId::new(id as u32))));
    row("money of the universe before, after, USD", &|id, _| {
        let now = state.custody(UniverseId::new(id as u32), AssetId::new(0)).get();
        format!("{}, {}", dollars(opened.custody[id]), dollars(now))
    });
    let _ = writeln!(
        text,
        "\n{} blocks; at most {} slices in one step of two blocks. Capital per universe: fund {}, vault {} thousand USD.",
        tally.blocks,
        tally.worst_block,
        CAPITAL_KUSD.map(|(fund, _)| fund.to_string()).join(", "),
        CAPITAL_KUSD.map(|(_, vault)| vault.to_string()).join(", ")
    );
    let _ = writeln!(
        text,
        "\nWhat this does not show: people who add margin or close in time, other makers stepping in, funding (no hour passes with a premium of\n\
        note), and feedback of liquidations on the index, which comes from elsewhere."
    );
    text
}
