//! Scenarios as text: one command per line, what it must answer behind `->` or `=`.
//!
//! ```text
//! fund WHO USD                          before anything else: what accounts begin with
//! fees MAKER TAKER                      before anything else; zero without it
//! insurance USD                         before anything else: what the insurance fund begins with
//! vault USD                             before anything else: what the backstop vault begins with
//! caps OPEN_INTEREST POSITION           before anything else, in lots
//! index ASSET PRICE                     a block with a bundle that sets the index; marks follow
//! wait MS                               empty blocks
//! place WHO SIDE SIZE MARKET PRICE TIF [reduce] [as LABEL] -> ANSWER
//! modify WHO LABEL SIZE PRICE TIF [reduce] -> ANSWER
//! cancel WHO LABEL -> ANSWER
//! leverage WHO MARKET N [isolated] -> ANSWER
//! transfer WHO WHOM USD -> ANSWER
//! position WHO MARKET = SIZE cost USD | none
//! cash WHO = USD            clearing MARKET = USD          fees-earned = USD          insured = USD
//! margin WHO = equity USD initial USD maintenance USD withdrawable USD
//! mark MARKET = PRICE       interest MARKET = SIZE         open WHO = N
//! canceled LABEL = REASON | no
//! ```
//!
//! An answer is `fills SIZE`, `rests SIZE`, `cancels REASON` in this order, `done`, or `rejected CODE`. TIF is gtc, ioc, alo, fok, or
//! gtt+MS. Each command is a block of its own, 100 ms after the last.

use crate::exchange::{CORE, Exchange, Setup, USDC, account};
use palisade_engine::accounts;
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest},
    address::AccountId,
    decimal::{parse_scaled, scaled_to_string},
    event::Event,
    ids::{AssetId, MarketId, OrderId},
    market::MarketSpec,
    numbers::{Amount, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome},
    rejection::Rejection,
    time::TimeMs,
};
use std::collections::BTreeMap;

struct Runner {
    exchange: Exchange,
    labels: BTreeMap<String, (MarketId, OrderId, Side)>,
    cancels: BTreeMap<OrderId, String>,
}

/// Runs a script; panics at the first line whose answer differs.
pub fn run(script: &str) {
    let lines: Vec<(usize, Vec<&str>, &str)> = script
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.split('#').next().unwrap_or("").trim(), number))
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, number)| {
            let (command, expected) = line.split_once("->").or_else(|| line.split_once('=')).unwrap_or((line, ""));
            (number, command.split_whitespace().collect(), expected.trim())
        })
        .collect();
    let mut setup = Setup::default();
    for (_, words, _) in &lines {
        match words[..] {
            ["fund", who, usd] => {
                setup.funds.insert(who.to_owned(), usd.parse().expect("an amount"));
            }
            ["fees", maker, taker] => {
                setup.fees = (maker.parse().expect("a rate"), taker.parse().expect("a rate"));
            }
            ["insurance", usd] => setup.insurance = usd.parse().expect("an amount"),
            ["vault", usd] => setup.vault = usd.parse().expect("an amount"),
            ["caps", open_interest, position] => {
                setup.caps = Some((open_interest.parse().expect("lots"), position.parse().expect("lots")));
            }
            _ => {}
        }
    }
    let mut exchange = Exchange::new(&setup);
    exchange.auditor.knows_spot(MarketId::new(10_000), AssetId::new(1), 1_000);
    let mut runner = Runner { exchange, labels: BTreeMap::new(), cancels: BTreeMap::new() };
    for (number, words, expected) in lines {
        let answer = runner.command(&words);
        let normal = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(answer, normal, "line {number}: {}", words.join(" "));
    }
}

fn name_of(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn rejected(rejection: &Rejection) -> String {
    format!("rejected {}", name_of(rejection))
}

fn size_text(lots: i128, market: &MarketSpec) -> String {
    scaled_to_string(lots, market.size_decimals)
}

impl Runner {
    fn command(&mut self, words: &[&str]) -> String {
        match *words {
            ["fund" | "fees" | "caps" | "insurance" | "vault", ..] => String::new(),
            ["index", asset, price] => self.index(asset, price),
            ["wait", milliseconds] => self.wait(milliseconds.parse().expect("milliseconds")),
            ["place", who, side, size, market, price, tif, ref more @ ..] => {
                self.place(who, &[side, size, market, price, tif], more)
            }
            ["modify", who, label, size, price, tif, ref more @ ..] => {
                self.modify(who, label, &[size, price, tif], more)
            }
            ["cancel", who, label] => self.cancel(who, label),
            ["leverage", who, market, leverage, ref more @ ..] => {
                let margin_mode = if more == ["isolated"] { MarginMode::Isolated } else { MarginMode::Cross };
                let market = self.exchange.market(market).id;
                let leverage = leverage.parse().expect("a leverage");
                self.act(who, Action::UpdateLeverage { market, leverage, margin_mode })
            }
            ["transfer", who, whom, usd] => {
                let amount = Amount::new(usd.parse::<Usd>().expect("an amount").get());
                self.act(who, Action::Transfer { universe: CORE, to: account(whom), asset: USDC, amount })
            }
            _ => self.question(words),
        }
    }

    fn question(&self, words: &[&str]) -> String {
        let state = self.exchange.engine.state();
        let cash = |account: AccountId| Usd::new(state.balance(account, CORE, USDC).get()).to_string();
        match *words {
            ["position", who, market] => {
                let market = self.exchange.market(market);
                state.position(account(who), market.id).map_or("none".to_owned(), |record| {
                    let size = size_text(i128::from(record.position.get()), &market);
                    format!("{size} cost {}", record.entry_cost_usd)
                })
            }
            ["cash", who] => cash(account(who)),
            ["clearing", market] => cash(AccountId::clearing(self.exchange.market(market).id)),
            ["fees-earned"] => cash(AccountId::fees(CORE)),
            ["insured"] => cash(AccountId::insurance(CORE)),
            ["margin", who] => {
                let margin = accounts::margin(state, account(who), CORE).expect("in range");
                let plain = self.exchange.auditor.standing(state, account(who));
                let equity = margin.equity_usd().expect("in range");
                assert_eq!((equity.get(), margin.initial_usd.get()), (plain.equity, plain.initial), "{who}");
                assert_eq!(margin.position_initial_usd.get(), plain.position_initial, "{who}");
                let withdrawable = margin.withdrawable_usd().expect("in range");
                let (initial, maintenance) = (margin.initial_usd, margin.maintenance_usd);
                format!("equity {equity} initial {initial} maintenance {maintenance} withdrawable {withdrawable}")
            }
            ["mark", market] => {
                let mark = state.mark(self.exchange.market(market).id);
                mark.map_or("none".to_owned(), |record| record.price.to_string())
            }
            ["interest", market] => {
                let market = self.exchange.market(market);
                size_text(state.position_totals(market.id).long as i128, &market)
            }
            ["open", who] => state.orders_of(account(who)).count().to_string(),
            ["canceled", label] => {
                let order = self.labels.get(label).expect("a label").1;
                self.cancels.get(&order).cloned().unwrap_or("no".to_owned())
            }
            _ => panic!("no such command: {words:?}"),
        }
    }

    fn act(&mut self, who: &str, action: Action) -> String {
        let (answer, _) = self.act_order(who, action, None);
        answer
    }

    fn act_order(&mut self, who: &str, action: Action, market: Option<&MarketSpec>) -> (String, Option<OrderId>) {
        let block = self.exchange.block(100, &[], &[(who.to_owned(), action)]).expect("a valid block");
        self.note(&block.events);
        let outcome = &block.receipts.first().expect("one receipt").outcome;
        match outcome {
            Outcome::Done
            | Outcome::Twap { .. }
            | Outcome::AccountCreated { .. }
            | Outcome::Quotes { .. }
            | Outcome::BlockRequested { .. }
            | Outcome::BlockQuoted { .. }
            | Outcome::Combo { .. }
            | Outcome::ComboOrder { .. } => ("done".to_owned(), None),
            Outcome::Rejected { rejection } => (rejected(rejection), None),
            Outcome::Cancels { results } => match results.first().expect("one result") {
                CancelResult::Canceled { .. } => ("done".to_owned(), None),
                CancelResult::Rejected { rejection } => (rejected(rejection), None),
            },
            Outcome::Orders { results } => match results.first().expect("one result") {
                OrderResult::Rejected { rejection } => (rejected(rejection), None),
                OrderResult::Waiting { order, .. } => ("waits".to_owned(), Some(*order)),
                OrderResult::Accepted { order, filled, resting, remainder_canceled, .. } => {
                    let market = market.expect("orders have a market");
                    let mut parts = Vec::new();
                    for (verb, lots) in [("fills", filled), ("rests", resting)] {
                        if !lots.is_zero() {
                            parts.push(format!("{verb} {}", size_text(i128::from(lots.get()), market)));
                        }
                    }
                    parts.extend(remainder_canceled.map(|reason| format!("cancels {}", name_of(&reason))));
                    (parts.join(" "), Some(*order))
                }
            },
        }
    }

    fn note(&mut self, events: &[Event]) {
        for event in events {
            if let Event::OrderCanceled { order, reason } = event {
                self.cancels.insert(order.id, name_of(reason));
            }
        }
    }

    fn request(
        &self,
        market: &MarketSpec,
        side: Side,
        size: &str,
        price: &str,
        tif: &str,
        more: &[&str],
    ) -> OrderRequest {
        let time_in_force = match tif {
            "gtc" => TimeInForce::Gtc,
            "ioc" => TimeInForce::Ioc,
            "alo" => TimeInForce::Alo,
            "fok" => TimeInForce::Fok,
            _ => {
                let ahead_ms: u64 = tif.strip_prefix("gtt+").and_then(|ms| ms.parse().ok()).expect("a time in force");
                TimeInForce::Gtt { expires_at_ms: TimeMs::new(self.exchange.time_ms + 100 + ahead_ms) }
            }
        };
        let lots = parse_scaled(size, market.size_decimals).expect("a size");
        OrderRequest {
            market: market.id,
            side,
            price: price.parse().expect("a price"),
            size: Size::new(lots as u64),
            time_in_force,
            reduce_only: more.contains(&"reduce"),
            client_order_id: None,
        }
    }

    fn place(&mut self, who: &str, order: &[&str; 5], more: &[&str]) -> String {
        let [side, size, market, price, tif] = *order;
        let side = if side == "buy" { Side::Buy } else { Side::Sell };
        let market = self.exchange.market(market);
        let request = self.request(&market, side, size, price, tif, more);
        let (answer, id) = self.act_order(who, Action::Place { orders: vec![request] }, Some(&market));
        let label = more.iter().skip_while(|word| **word != "as").nth(1);
        if let (Some(label), Some(id)) = (label, id) {
            self.labels.insert((*label).to_owned(), (market.id, id, side));
        }
        answer
    }

    fn modify(&mut self, who: &str, label: &str, order: &[&str; 3], more: &[&str]) -> String {
        let (market, id, side) = *self.labels.get(label).expect("a label");
        let market = self.exchange.engine.state().market(market).expect("a market").clone();
        let replacement = self.request(&market, side, order[0], order[1], order[2], more);
        let modify = ModifyRequest { order: OrderReference::Id(id), replacement };
        self.act_order(who, Action::Modify { modifies: vec![modify] }, Some(&market)).0
    }

    fn cancel(&mut self, who: &str, label: &str) -> String {
        let (market, id, _) = *self.labels.get(label).expect("a label");
        self.act(who, Action::Cancel { cancels: vec![CancelRequest { market, order: OrderReference::Id(id) }] })
    }

    fn index(&mut self, symbol: &str, price: &str) -> String {
        let asset = self.exchange.engine.state().assets().find(|asset| asset.symbol == symbol).expect("an asset").id;
        // A new round each time: the next block that begins a new second.
        let step_ms = 1_000;
        let prices = [(asset, price.parse().expect("a price"))];
        let block = self.exchange.block(step_ms, &prices, &[]).expect("a valid block");
        self.note(&block.events);
        String::new()
    }

    fn wait(&mut self, milliseconds: u64) -> String {
        let mut left = milliseconds;
        while left > 0 {
            let step = left.min(1_000);
            let block = self.exchange.block(step, &[], &[]).expect("a valid block");
            self.note(&block.events);
            left -= step;
        }
        String::new()
    }
}
