//! Attacks as text tables: one step per line, what it must answer behind `->`. Every line that acts is a block, and after every
//! block all invariants of the clearing tests are checked.
//!
//! ```text
//! start NAME USD [SIDE-USD [MILLI-BTC]]    first lines: what accounts begin with
//! insurance USD [SIDE-USD]                 and the funds, vaults, bounds and fees
//! vault USD [SIDE-USD]        share PPM        fund-cap USD
//! crowd LOWER UPPER           fees MAKER TAKER (ppm)      add-ons
//! expiry MS                                the future BTC-15NOV23 ends so long after the start
//! options                                  on BTC are listed: BTC-15NOV23-60000-C and so on
//! price BTC 60000 [ETH 2000]               a block a second later with new prices
//! hold SECONDS                             blocks a second apart with the same prices
//! silence SECONDS                          blocks a second apart without prices
//! jump MS [BTC 60000 …]                    one block so much later, with the same prices or new ones
//! close ETH                                it has no price from now on, until it is given one
//! NAME buy|sell SIZE MARKET PRICE gtc|ioc|alo|fok [reduce] -> fills SIZE | rests SIZE | cancels REASON | rejected CODE
//! NAME leverage MARKET N [isolated] -> done
//! NAME margin MARKET USD -> done           into the purse of an isolated position, or out of it
//! NAME send WHO USD -> done                NAME move core|side USD -> done        out of that universe
//! NAME cancel-all -> done                  NAME portfolio on|off -> done          options with what they are on
//! ```

use crate::{
    books::{Books, scale},
    run::Run,
    step::Step,
    world::{BTC, CORE, DOLLAR, ETH, SIDE, Terms, USDC, account},
};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    decimal::{parse_scaled, scaled_to_string},
    event::{Event, LiquidationMethod},
    ids::{AssetId, MarketId, UniverseId},
    market::MarketSpec,
    numbers::{Amount, Price, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
};
use std::collections::BTreeMap;

pub struct Table {
    pub run: Run,
    pub events: Vec<Event>,
    prices: BTreeMap<AssetId, Price>,
    began: BTreeMap<AccountId, i128>,
}

fn usd(text: &str) -> i128 {
    text.parse::<Usd>().unwrap_or_else(|_| panic!("an amount: {text}")).get()
}

fn whole(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("a whole number: {text}"))
}

fn asset(symbol: &str) -> AssetId {
    match symbol {
        "USDC" => USDC,
        "BTC" => BTC,
        "ETH" => ETH,
        _ => panic!("an asset: {symbol}"),
    }
}

fn set_up(terms: &mut Terms, words: &[&str]) -> bool {
    match *words {
        ["start", who, ref amounts @ ..] => {
            let mut funds = [0; 3];
            amounts.iter().zip(&mut funds).for_each(|(text, place)| *place = whole(text));
            terms.funds.insert(who.to_owned(), funds);
        }
        ["insurance", core, ref side @ ..] => {
            terms.insurance = [whole(core), side.first().map_or(0, |text| whole(text))]
        }
        ["vault", core, ref side @ ..] => terms.vault = [whole(core), side.first().map_or(0, |text| whole(text))],
        ["share", ppm] => terms.vault_share = whole(ppm) as i64,
        ["fund-cap", cap] => terms.fund_cap = whole(cap),
        ["crowd", lower, upper] => terms.crowd = [whole(lower), whole(upper)],
        ["fees", maker, taker] => terms.fees = [whole(maker) as i64, whole(taker) as i64],
        ["expiry", after_ms] => terms.expiry_ms = whole(after_ms),
        ["add-ons"] => terms.add_ons = true,
        ["options"] => terms.options = true,
        _ => return false,
    }
    true
}

impl Table {
    /// Sets the venue up by the first lines and plays the rest.
    pub fn play(text: &str) -> Self {
        let mut terms = Terms::default();
        let mut rest = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or("").trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            if !words.is_empty() && !set_up(&mut terms, &words) {
                rest.push((number, line.to_owned()));
            }
        }
        let mut table = Self::with(&terms);
        for (number, line) in rest {
            table.line(&line, &format!("line {number}"));
        }
        table
    }

    pub fn with(terms: &Terms) -> Self {
        let run = Run::new(terms);
        let mut table = Self { run, events: Vec::new(), prices: BTreeMap::new(), began: BTreeMap::new() };
        table.begin();
        table
    }

    /// Profits count from now on.
    pub fn begin(&mut self) {
        let table = self;
        table.began = table.run.books.persons().iter().map(|who| (*who, table.worth_of(*who))).collect();
        for of in [CORE, SIDE] {
            for who in [AccountId::insurance(of), AccountId::backstop(of)] {
                table.began.insert(who, table.worth_of(who));
            }
        }
    }

    /// Plays further lines.
    pub fn go_on(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or("").trim();
            if !line.is_empty() {
                self.line(line, line);
            }
        }
    }

    fn line(&mut self, line: &str, place: &str) {
        let (command, expected) = line.split_once("->").unwrap_or((line, ""));
        let words: Vec<&str> = command.split_whitespace().collect();
        let answer = self.command(&words);
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        if expected != "any" {
            assert_eq!(answer, expected, "{place}: {}", words.join(" "));
        }
    }

    /// Executes a block; all invariants hold after it.
    pub fn block(&mut self, step: &Step) -> Vec<Event> {
        let wrong = self.run.step(step);
        if let Err(wrong) = wrong {
            panic!("{wrong}\nafter {}", step.to_text());
        }
        let events = self.run.events.clone();
        self.events.extend(events.iter().cloned());
        events
    }

    pub fn priced(&self, advance_ms: u64) -> Step {
        let prices = self.prices.iter().map(|(asset, price)| (*asset, *price)).collect();
        Step { advance_ms, prices, ..Step::default() }
    }

    pub fn set_prices(&mut self, pairs: &[&str]) {
        for pair in pairs.chunks(2) {
            self.prices.insert(asset(pair[0]), pair[1].parse().expect("a price"));
        }
    }

    fn command(&mut self, words: &[&str]) -> String {
        match *words {
            ["price", ref pairs @ ..] => {
                self.set_prices(pairs);
                let step = self.priced(1_000);
                self.block(&step);
            }
            ["hold", seconds] => {
                for _ in 0..whole(seconds) {
                    let step = self.priced(1_000);
                    self.block(&step);
                }
            }
            ["close", symbol] => {
                self.prices.insert(asset(symbol), Price::new(0));
            }
            ["silence", seconds] => {
                for _ in 0..whole(seconds) {
                    self.block(&Step { advance_ms: 1_000, ..Step::default() });
                }
            }
            ["jump", after_ms, ref pairs @ ..] => {
                self.set_prices(pairs);
                let step = self.priced(whole(after_ms));
                self.block(&step);
            }
            [who, ref rest @ ..] => return self.act(who, rest),
            [] => {}
        }
        String::new()
    }

    pub fn market(&self, symbol: &str) -> MarketSpec {
        let found = self.run.books.markets.values().find(|market| market.symbol == symbol);
        found.unwrap_or_else(|| panic!("a market: {symbol}")).clone()
    }

    /// The action that words stand for, and the market that its answer counts in.
    pub fn action(&self, words: &[&str]) -> (Action, Option<MarketSpec>) {
        match *words {
            [side @ ("buy" | "sell"), size, market, price, tif, ref more @ ..] => {
                let market = self.market(market);
                let lots = parse_scaled(size, market.size_decimals).expect("a size");
                let request = OrderRequest {
                    market: market.id,
                    side: if side == "buy" { Side::Buy } else { Side::Sell },
                    price: price.parse().expect("a price"),
                    size: Size::new(lots as u64),
                    time_in_force: match tif {
                        "gtc" => TimeInForce::Gtc,
                        "ioc" => TimeInForce::Ioc,
                        "alo" => TimeInForce::Alo,
                        "fok" => TimeInForce::Fok,
                        _ => panic!("a time in force: {tif}"),
                    },
                    reduce_only: more.contains(&"reduce"),
                    client_order_id: None,
                };
                (Action::Place { orders: vec![request] }, Some(market))
            }
            ["leverage", market, leverage, ref more @ ..] => {
                let margin_mode = if more.contains(&"isolated") { MarginMode::Isolated } else { MarginMode::Cross };
                let leverage = whole(leverage) as u32;
                (Action::UpdateLeverage { market: self.market(market).id, leverage, margin_mode }, None)
            }
            ["margin", market, amount] => {
                let amount_usd = Usd::new(usd(amount));
                (Action::UpdateIsolatedMargin { market: self.market(market).id, amount_usd }, None)
            }
            ["send", whom, amount] => {
                let amount = Amount::new(usd(amount));
                (Action::Transfer { universe: CORE, to: account(whom), asset: USDC, amount }, None)
            }
            ["move", from, amount] => {
                let (from, to) = if from == "core" { (CORE, SIDE) } else { (SIDE, CORE) };
                (Action::MoveUniverse { from, to, asset: USDC, amount: Amount::new(usd(amount)) }, None)
            }
            ["cancel-all"] => (Action::CancelAll { market: None }, None),
            ["portfolio", mode] => (Action::SetPortfolioMode { universe: CORE, enabled: mode == "on" }, None),
            _ => panic!("no such step: {words:?}"),
        }
    }

    fn act(&mut self, who: &str, words: &[&str]) -> String {
        let (action, market) = self.action(words);
        self.block(&Step { advance_ms: 100, actions: vec![(who.to_owned(), action)], ..Step::default() });
        let outcome = self.run.outcomes.first().cloned().expect("a receipt");
        match outcome {
            Outcome::Rejected { rejection } => format!("rejected {}", name_of(&rejection)),
            Outcome::Orders { results } => match results.first().expect("a result") {
                OrderResult::Rejected { rejection } => format!("rejected {}", name_of(rejection)),
                OrderResult::Accepted { filled, resting, remainder_canceled, .. } => {
                    let decimals = market.expect("orders have a market").size_decimals;
                    let mut parts = Vec::new();
                    for (verb, lots) in [("fills", filled), ("rests", resting)] {
                        if !lots.is_zero() {
                            parts.push(format!("{verb} {}", scaled_to_string(i128::from(lots.get()), decimals)));
                        }
                    }
                    parts.extend(remainder_canceled.map(|reason| format!("cancels {}", name_of(&reason))));
                    parts.join(" ")
                }
                OrderResult::Waiting { .. } => "waits".to_owned(),
            },
            _ => "done".to_owned(),
        }
    }

    /// All that an account has anywhere, positions at the mark and BTC at the index.
    pub fn worth_of(&self, who: AccountId) -> i128 {
        let books = &self.run.books;
        let purses: Vec<AccountId> =
            books.derivatives().map(|(market, _)| AccountId::isolated(who, market.id)).collect();
        let mut sum = 0;
        for (asset, amount) in purses.iter().chain([&who]).flat_map(|purse| books.assets_of(*purse)) {
            sum += if asset == USDC {
                amount
            } else {
                books.indices.get(&asset).map_or(0, |index| amount * i128::from(index.price.get()) / DOLLAR)
            };
        }
        for (market, held) in books.held_by(who) {
            sum += books.unrealised(market, &held).unwrap_or(0);
        }
        sum
    }

    pub fn worth(&self, who: &str) -> i128 {
        self.worth_of(account(who))
    }

    /// What accounts together have more than they began with.
    pub fn profit(&self, who: &[&str]) -> i128 {
        who.iter().map(|name| self.profit_of(account(name))).sum()
    }

    pub fn profit_of(&self, who: AccountId) -> i128 {
        self.worth_of(who) - self.began[&who]
    }

    pub fn insurance_loss(&self, universe: UniverseId) -> i128 {
        let fund = AccountId::insurance(universe);
        self.began[&fund] - self.worth_of(fund)
    }

    pub fn vault_loss(&self, universe: UniverseId) -> i128 {
        let vault = AccountId::backstop(universe);
        self.began[&vault] - self.worth_of(vault)
    }

    pub fn lots(&self, who: &str, market: &str) -> i128 {
        let id = self.market(market).id;
        self.run.books.positions.get(&(account(who), id)).map_or(0, |held| held.lots)
    }

    pub fn mark(&self, market: &str) -> Price {
        self.run.books.marks[&self.market(market).id].price
    }

    /// One side's open interest at the mark.
    pub fn open_interest(&self, market: &str) -> i128 {
        let spec = self.market(market);
        let of_market = self.run.books.positions.iter().filter(|((_, id), _)| *id == spec.id);
        let lots: i128 = of_market.map(|(_, held)| held.lots.max(0)).sum();
        lots * i128::from(self.mark(market).get()) / scale(&spec)
    }

    pub fn liquidations(&self) -> Vec<(AccountId, MarketId, LiquidationMethod, i128)> {
        let mut all = Vec::new();
        for event in &self.events {
            if let Event::Liquidated(liquidation) = event {
                let lots = i128::from(liquidation.size.get());
                all.push((liquidation.account, liquidation.market, liquidation.method, lots));
            }
        }
        all
    }

    pub fn books(&self) -> &Books {
        &self.run.books
    }
}

fn name_of(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Units as dollars.
pub fn dollars(units: i128) -> String {
    Usd::new(units).to_string()
}
