//! Scenarios as text: one line per action or expectation.
//!
//! ```text
//! alice buy BTC/USDC 10 @ 100 gtc cloid 7      -> resting 10
//! bob sell BTC/USDC 4 @ 100 ioc                -> filled 4 for 400
//! bob sell BTC 4 @ 100 gtc reduce              -> rejected reduce_only_would_increase
//! alice cancel BTC/USDC 7                      -> canceled 1
//! alice modify 7 buy BTC/USDC 3 @ 100 gtc      -> resting 3
//! alice cancel-all                             -> canceled 2
//! alice leverage BTC 5                         -> done
//! alice transfer bob USDC 10                   -> done
//! alice create-sub hedges                      -> created
//! alice fund alice/hedges USDC 10              -> done
//! alice recall alice/hedges USDC 10            -> done
//! alice/hedges buy BTC 1 @ 100 gtc             -> resting 1
//! alice open-vault carry 100                   -> created
//! bob deposit alice/carry 50                   -> done
//! bob withdraw alice/carry 20                  -> done
//! bob withdraw alice/carry all                 -> done
//! bob owns alice/carry 30 waiting 10
//! alice close-vault alice/carry                -> done
//! bob back junior 100                          -> done
//! bob unback junior all                        -> done
//! tranches 100 0
//! skip 86400000 BTC 100
//! index BTC 100
//! index BTC 100 for 60000                      (voted again every 8 s)
//! advance 5000
//! book BTC/USDC 10@100 5@99 | 3@101
//! alice holds USDC 99000 locked 10
//! alice position BTC 4 cost 400
//! alice equity 99999.5
//! funding BTC rate 0.0000125 index 0.00125     (of the last hour; of one lot since listing)
//! ```
//!
//! Lines of triggers, TWAPs, scales and quotes are in [`orders`], those of liquidity pools in [`pools`], of block trades and combos in [`multi_leg`].
//!
//! Orders are named by client order id. Every action is a block of its own, except that lines which begin with `+`
//! go into the block of the line before. Sizes are lots, prices and amounts whole units with decimals.

mod multi_leg;
mod orders;
mod pools;

pub(crate) use multi_leg::combo_at;

use super::{CORE, Venue, account_of};
use crate::{backstop::current, shares::Pool, vaults::worth};
use palisade_types::{
    action::{Action, CancelRequest, MarginMode, ModifyRequest, TransferDirection},
    address::AccountId,
    decimal::{parse_scaled, scaled_to_string},
    ids::{AssetId, ClientOrderId, MarketId},
    numbers::{Amount, Size, Usd},
    order::{OrderReference, OrderRequest, Side, TimeInForce},
    receipt::{CancelResult, OrderResult, Outcome},
    time::TimeMs,
    vault::{Redemption, Tranche},
};

/// Runs a scenario on a fresh venue and returns the venue.
pub(crate) fn check(text: &str) -> Venue {
    let mut venue = Venue::new();
    continue_with(&mut venue, text);
    venue
}

/// An action line with what it should come to.
struct Pending {
    line: String,
    name: String,
    action: Action,
    expected: String,
}

/// Runs more of a scenario.
pub(crate) fn continue_with(venue: &mut Venue, text: &str) {
    let mut pending: Vec<Pending> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        let joins = line.strip_prefix('+').map(str::trim);
        if joins.is_none() {
            run_block(venue, std::mem::take(&mut pending));
        }
        let content = joins.unwrap_or(line);
        match content.split_once("->") {
            Some((action, expected)) => {
                let words: Vec<&str> = action.split_whitespace().collect();
                pending.push(Pending {
                    line: line.to_owned(),
                    name: words[0].to_owned(),
                    action: parse_action(venue, &words[1..]),
                    expected: expected.split_whitespace().collect::<Vec<_>>().join(" "),
                });
            }
            None => expect(venue, content),
        }
    }
    run_block(venue, pending);
}

fn run_block(venue: &mut Venue, pending: Vec<Pending>) {
    if pending.is_empty() {
        return;
    }
    let actions: Vec<_> = pending
        .iter()
        .map(|line| {
            let account = account_named(venue, &line.name);
            let signer = line.name.split('/').next().unwrap_or(&line.name);
            venue.sign_for(signer, account, line.action.clone())
        })
        .collect();
    let receipts = venue.block(&actions, None).receipts;
    for (line, action) in pending.iter().zip(&actions) {
        let receipt = receipts.iter().find(|receipt| receipt.action == action.id()).expect("a receipt per action");
        let shown = multi_leg::shown(venue, &receipt.outcome).unwrap_or_else(|| shown(&receipt.outcome));
        assert_eq!(shown, line.expected, "\nline: {}", line.line);
    }
}

/// A person's account, or by `alice/hedges` the account of that name that the person acts for.
fn account_named(venue: &Venue, name: &str) -> AccountId {
    let Some((person, own_name)) = name.split_once('/') else { return account_of(name) };
    let (state, person) = (venue.state(), account_of(person));
    let sub = state.sub_accounts_of(person).find(|(_, record)| record.name == own_name).map(|(account, _)| account);
    let vault = || state.vaults_led_by(person).find(|(_, record)| record.name == own_name).map(|(account, _)| account);
    sub.or_else(vault).unwrap_or_else(|| panic!("account {name}"))
}

fn whole_usd(text: &str) -> Usd {
    text.parse().expect("a decimal number")
}

fn redemption(text: &str) -> Redemption {
    match text {
        "all" => Redemption::All,
        value => Redemption::Value { amount_usd: whole_usd(value) },
    }
}

fn tranche(text: &str) -> Tranche {
    match text {
        "junior" => Tranche::Junior,
        "senior" => Tranche::Senior,
        _ => panic!("no such tranche: {text}"),
    }
}

fn market_named(venue: &Venue, symbol: &str) -> MarketId {
    let found = venue.state().markets().find(|market| market.symbol == symbol);
    found.unwrap_or_else(|| panic!("market {symbol}")).id
}

fn asset_named(venue: &Venue, symbol: &str) -> AssetId {
    venue.state().assets().find(|asset| asset.symbol == symbol).unwrap_or_else(|| panic!("asset {symbol}")).id
}

fn client_order_id(number: &str) -> ClientOrderId {
    ClientOrderId(number.parse::<u128>().expect("a client order id is a number").to_be_bytes())
}

fn amount(text: &str) -> Amount {
    Amount::new(parse_scaled(text, 8).expect("a decimal amount"))
}

/// An action by its words.
pub(crate) fn parse_action(venue: &Venue, words: &[&str]) -> Action {
    match words {
        ["buy" | "sell", ..] => Action::Place { orders: vec![parse_order(venue, words)] },
        ["cancel", market, order] => {
            let market = market_named(venue, market);
            Action::Cancel {
                cancels: vec![CancelRequest { market, order: OrderReference::Client(client_order_id(order)) }],
            }
        }
        ["modify", order, rest @ ..] => Action::Modify {
            modifies: vec![ModifyRequest {
                order: OrderReference::Client(client_order_id(order)),
                replacement: parse_order(venue, rest),
            }],
        },
        ["cancel-all"] => Action::CancelAll { market: None },
        ["cancel-all", market] => Action::CancelAll { market: Some(market_named(venue, market)) },
        ["schedule-cancel", "off"] => Action::ScheduleCancel { at_ms: None },
        ["schedule-cancel", ahead] => Action::ScheduleCancel { at_ms: Some(ahead_of(venue, ahead)) },
        ["leverage", market, leverage, mode @ ..] => Action::UpdateLeverage {
            market: market_named(venue, market),
            leverage: leverage.parse().expect("a leverage"),
            margin_mode: if mode == ["isolated"] { MarginMode::Isolated } else { MarginMode::Cross },
        },
        ["transfer", to, asset, quantity] => Action::Transfer {
            universe: CORE,
            to: account_named(venue, to),
            asset: asset_named(venue, asset),
            amount: amount(quantity),
        },
        ["open-vault", name, initial] => Action::CreateVault {
            name: (*name).to_owned(),
            description: String::new(),
            initial_usd: whole_usd(initial),
        },
        ["deposit", vault, value] => {
            Action::DepositVault { vault: account_named(venue, vault), amount_usd: whole_usd(value) }
        }
        ["withdraw", vault, value] => {
            Action::WithdrawVault { vault: account_named(venue, vault), redemption: redemption(value) }
        }
        ["close-vault", vault] => Action::CloseVault { vault: account_named(venue, vault) },
        ["back", class, value] => {
            Action::DepositBackstop { universe: CORE, tranche: tranche(class), amount_usd: whole_usd(value) }
        }
        ["unback", class, value] => {
            Action::WithdrawBackstop { universe: CORE, tranche: tranche(class), redemption: redemption(value) }
        }
        ["create-sub", name] => Action::CreateSubAccount { name: (*name).to_owned() },
        ["fund" | "recall", sub_account, asset, quantity] => Action::TransferSubAccount {
            sub_account: account_named(venue, sub_account),
            universe: CORE,
            asset: asset_named(venue, asset),
            amount: amount(quantity),
            direction: if words[0] == "fund" { TransferDirection::Deposit } else { TransferDirection::Withdraw },
        },
        ["open-pool" | "join-pool" | "leave-pool", ..] => pools::parse(venue, words),
        ["faucet", asset] => Action::ClaimFaucet { asset: asset_named(venue, asset) },
        ["rfq" | "offer" | "accept" | "end-rfq" | "end-offer" | "combo" | "spread" | "end-spread", ..] => {
            multi_leg::parse(venue, words)
        }
        _ => orders::parse(venue, words),
    }
}

fn ahead_of(venue: &Venue, milliseconds: &str) -> TimeMs {
    venue.engine.time_ms().saturating_add(milliseconds.parse().expect("milliseconds"))
}

fn parse_order(venue: &Venue, words: &[&str]) -> OrderRequest {
    let [side, market, size, "@", limit, time_in_force, options @ ..] = words else {
        panic!("no such order: {words:?}");
    };
    let time_in_force = match *time_in_force {
        "gtc" => TimeInForce::Gtc,
        "ioc" => TimeInForce::Ioc,
        "alo" => TimeInForce::Alo,
        "fok" => TimeInForce::Fok,
        other => {
            let ahead = other.strip_prefix("gtt+").unwrap_or_else(|| panic!("no such time in force: {other}"));
            TimeInForce::Gtt { expires_at_ms: ahead_of(venue, ahead) }
        }
    };
    let named = options.iter().position(|word| *word == "cloid").map(|place| client_order_id(options[place + 1]));
    OrderRequest {
        market: market_named(venue, market),
        side: if *side == "buy" { Side::Buy } else { Side::Sell },
        price: limit.parse().expect("a price"),
        size: size.parse::<u64>().map(Size::new).expect("lots"),
        time_in_force,
        reduce_only: options.contains(&"reduce"),
        client_order_id: named,
    }
}

/// The serde tag of a rejection or reason: its stable name.
fn code(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value).expect("it serialises") {
        serde_json::Value::String(text) => text,
        other => other["code"].as_str().expect("rejections are tagged").to_owned(),
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rejected { rejection } => format!("refused {}", code(rejection)),
        Outcome::Done => "done".to_owned(),
        Outcome::Twap { .. } => "runs".to_owned(),
        Outcome::Quotes { results } => results.iter().map(orders::shown_quote).collect::<Vec<_>>().join(", "),
        Outcome::AccountCreated { .. } => "created".to_owned(),
        Outcome::BlockRequested { .. }
        | Outcome::BlockQuoted { .. }
        | Outcome::Combo { .. }
        | Outcome::ComboOrder { .. } => panic!("shown by its own module"),
        Outcome::Orders { results } => results.iter().map(shown_order).collect::<Vec<_>>().join(", "),
        Outcome::Cancels { results } => {
            let canceled = results.iter().filter(|result| matches!(result, CancelResult::Canceled { .. })).count();
            let refused = results.iter().find_map(|result| match result {
                CancelResult::Rejected { rejection } => Some(code(rejection)),
                CancelResult::Canceled { .. } => None,
            });
            refused.map_or(format!("canceled {canceled}"), |code| format!("rejected {code}"))
        }
    }
}

fn shown_order(result: &OrderResult) -> String {
    match result {
        OrderResult::Rejected { rejection } => format!("rejected {}", code(rejection)),
        OrderResult::Waiting { armed: true, .. } => "waiting".to_owned(),
        OrderResult::Waiting { armed: false, .. } => "waiting for a fill".to_owned(),
        OrderResult::Accepted { filled, filled_quote_usd, resting, remainder_canceled, .. } => {
            let mut parts = Vec::new();
            if !filled.is_zero() {
                parts.push(format!("filled {filled} for {filled_quote_usd}"));
            }
            if !resting.is_zero() {
                parts.push(format!("resting {resting}"));
            }
            if let Some(reason) = remainder_canceled {
                parts.push(format!("canceled {}", code(reason)));
            }
            parts.join(" ")
        }
    }
}

/// What a holder's shares of a vault are worth, and what waits to be paid.
fn holding(venue: &Venue, name: &str, vault: &str) -> String {
    let vault_id = account_named(venue, vault);
    let record = venue.state().vault(vault_id).expect("a vault");
    let worth = worth(venue.state(), vault_id, CORE, venue.engine.time_ms()).expect("fresh prices");
    let pool = Pool { shares: record.shares, value_usd: worth.low_usd };
    let holding = venue.state().vault_share(vault_id, account_named(venue, name));
    let mut shown = format!("{name} owns {vault} {}", pool.value_of(holding.shares).expect("in range"));
    if !holding.waiting.is_zero() {
        shown.push_str(&format!(" waiting {}", pool.value_of(holding.waiting).expect("in range")));
    }
    shown
}

fn expect(venue: &mut Venue, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["index", asset, value] => {
            let asset = asset_named(venue, asset);
            venue.set_index(asset, value.parse().expect("a price"));
        }
        ["index", asset, value, "for", milliseconds] => {
            let (asset, price) = (asset_named(venue, asset), value.parse().expect("a price"));
            venue.keep_index(asset, price, milliseconds.parse().expect("milliseconds"));
        }
        ["funding", market, ..] => {
            let record = venue.state().funding(market_named(venue, market)).copied();
            let shown =
                record.map_or("none".to_owned(), |record| format!("rate {} index {}", record.last_rate, record.index));
            assert_eq!(format!("funding {market} {shown}"), words.join(" "), "\nline: {line}");
        }
        [name, "equity", _] => {
            let margin = crate::accounts::margin(venue.state(), account_of(name), CORE).expect("in range");
            let equity = margin.equity_usd().expect("in range");
            assert_eq!(format!("{name} equity {equity}"), words.join(" "), "\nline: {line}");
        }
        ["skip", milliseconds, asset, value] => {
            let asset = asset_named(venue, asset);
            venue.skip(milliseconds.parse().expect("milliseconds"), asset, value.parse().expect("a price"));
        }
        [name, "owns", vault, ..] => assert_eq!(holding(venue, name, vault), words.join(" "), "\nline: {line}"),
        ["tranches", ..] => {
            let (record, _) = current(venue.state(), CORE, venue.engine.time_ms()).expect("fresh prices");
            let (junior, senior) = (record.tranches.junior, record.tranches.senior);
            assert_eq!(
                format!("tranches {} {}", junior.value_usd, senior.value_usd),
                words.join(" "),
                "\nline: {line}"
            );
        }
        ["pool", ..] => pools::expect(venue, line, &words),
        ["advance", milliseconds] => venue.advance(milliseconds.parse().expect("milliseconds")),
        ["spreads", combo, ..] => {
            assert_eq!(multi_leg::book(venue, combo), words[2..].join(" "), "\nline: {line}");
        }
        ["book", market, ..] => {
            let shown = shown_book(venue, market_named(venue, market));
            assert_eq!(shown, words[2..].join(" "), "\nline: {line}");
        }
        [name, "holds", asset, ..] => {
            let asset = asset_named(venue, asset);
            let held = venue.state().held(account_named(venue, name), CORE, asset);
            let mut shown = format!(
                "{name} holds {} {}",
                words[2],
                coins(venue.state().balance(account_named(venue, name), CORE, asset))
            );
            if !held.is_zero() || words.contains(&"locked") {
                shown.push_str(&format!(" locked {}", coins(held)));
            }
            assert_eq!(shown, words.join(" "), "\nline: {line}");
        }
        [name, "position", market, ..] => {
            let market_id = market_named(venue, market);
            let shown =
                venue.state().position(account_named(venue, name), market_id).map_or("0".to_owned(), |record| {
                    format!("{} cost {}", record.position, Usd::new(record.entry_cost_usd.get()))
                });
            assert_eq!(format!("{name} position {market} {shown}"), words.join(" "), "\nline: {line}");
        }
        _ => orders::expect(venue, line, &words),
    }
}

fn coins(amount: Amount) -> String {
    scaled_to_string(amount.get(), 8)
}

fn shown_book(venue: &Venue, market: MarketId) -> String {
    let side = |side| {
        let orders = venue.state().book_side(market, side);
        orders.map(|record| format!("{}@{}", record.order.remaining, record.order.price)).collect::<Vec<_>>()
    };
    let mut parts = side(Side::Buy);
    parts.push("|".to_owned());
    parts.extend(side(Side::Sell));
    parts.join(" ")
}
