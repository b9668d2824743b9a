//! Lines of scenarios about orders beyond limit orders.
//!
//! ```text
//! alice sl sell BTC 5 @ 90 reduce cloid 3            -> waiting
//! alice tp sell BTC 5 @ 110 limit 109                -> waiting
//! alice oco sell BTC 5 tp 110 sl 90                  -> waiting, waiting
//! alice bracket buy BTC 5 @ 99 gtc tp 110 sl 90      -> resting 5, waiting for a fill, waiting for a fill
//! alice close sell BTC 0 tp 110                      -> waiting
//! alice twap buy BTC 100 5 randomize                 -> runs
//! alice end-twap alice 1                             -> done
//! alice scale buy BTC 100 from 90 to 99 orders 4 skew 2 alo -> resting 16, …
//! alice protect BTC window 1000 frozen 5000 size 10 delta 5 -> done
//! alice unprotect BTC                                -> done
//! alice reset BTC                                    -> done
//! alice quote BTC 5@99 5@101                         -> bid rests, ask rests
//! alice quote BTC - 5@101                            -> no bid, ask rests
//! alice triggers BTC tp 5@110 sl 5@90 unarmed
//! alice twaps 37 of 100
//! ```
//!
//! `end-twap` names whose TWAP, counted from 1.

use super::{Venue, account_of, client_order_id, code, market_named, parse_order};
use palisade_types::{
    action::Action,
    ids::TwapId,
    numbers::{Price, Rate, Size},
    order::{OrderRequest, Side},
    quote::{Level, ProtectionTerms, Quote, QuoteResult, QuoteSideResult},
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
    twap::TwapRequest,
};

fn side(word: &str) -> Side {
    if word == "buy" { Side::Buy } else { Side::Sell }
}

fn lots(word: &str) -> Size {
    Size::new(word.parse().expect("lots"))
}

fn price(word: &str) -> Price {
    word.parse().expect("a price")
}

/// The word after another.
fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).map(|place| words[place + 1])
}

pub(super) fn parse(venue: &Venue, words: &[&str]) -> Action {
    match words {
        [purpose @ ("sl" | "tp"), way, market, size, "@", at, options @ ..] => Action::PlaceTriggers {
            parent: None,
            triggers: vec![TriggerRequest {
                market: market_named(venue, market),
                side: side(way),
                size: lots(size),
                trigger_price: price(at),
                purpose: purpose_of(purpose),
                limit: after(options, "limit").map(price),
                reduce_only: options.contains(&"reduce"),
                client_order_id: after(options, "cloid").map(client_order_id),
            }],
            grouping: TriggerGrouping::Single,
        },
        ["oco", rest @ ..] => grouped(venue, None, rest, TriggerGrouping::OneCancelsOther),
        ["close", rest @ ..] => grouped(venue, None, rest, TriggerGrouping::Position),
        ["bracket", rest @ ..] => bracket(venue, rest),
        ["twap", way, market, size, minutes, options @ ..] => Action::PlaceTwap {
            twap: TwapRequest {
                market: market_named(venue, market),
                side: side(way),
                size: lots(size),
                duration_minutes: minutes.parse().expect("minutes"),
                randomize: options.contains(&"randomize"),
                reduce_only: options.contains(&"reduce"),
            },
        },
        ["end-twap", owner, number] => end_twap(venue, owner, number),
        ["scale", way, market, size, options @ ..] => Action::PlaceScale {
            market: market_named(venue, market),
            side: side(way),
            size: lots(size),
            price_from: price(after(options, "from").expect("from")),
            price_to: price(after(options, "to").expect("to")),
            orders: after(options, "orders").expect("orders").parse().expect("a number"),
            skew: after(options, "skew").map_or(Rate::new(1_000_000), |skew| skew.parse().expect("a ratio")),
            post_only: options.contains(&"alo"),
            reduce_only: options.contains(&"reduce"),
        },
        ["protect", market, options @ ..] => {
            let number = |name| after(options, name).map(|word| word.parse::<u64>().expect("a number"));
            let terms = ProtectionTerms {
                window_ms: number("window").expect("window"),
                frozen_ms: number("frozen").expect("frozen"),
                size_limit: Size::new(number("size").expect("size")),
                delta_limit: number("delta").map(Size::new),
            };
            Action::SetMarketMakerProtection { market: market_named(venue, market), terms: Some(terms) }
        }
        ["unprotect", market] => Action::SetMarketMakerProtection { market: market_named(venue, market), terms: None },
        ["reset", market] => Action::ResetMarketMakerProtection { market: market_named(venue, market) },
        ["quote", market, bid, ask] => Action::MassQuote {
            quotes: vec![Quote { market: market_named(venue, market), bid: level(bid), ask: level(ask) }],
        },
        _ => panic!("no such action: {words:?}"),
    }
}

fn purpose_of(word: &str) -> TriggerPurpose {
    if word == "tp" { TriggerPurpose::TakeProfit } else { TriggerPurpose::StopLoss }
}

fn level(word: &str) -> Option<Level> {
    let (size, at) = word.split_once('@')?;
    Some(Level { price: price(at), size: lots(size) })
}

/// `side market size [tp price] [sl price] [reduce]`.
fn grouped(venue: &Venue, parent: Option<OrderRequest>, words: &[&str], grouping: TriggerGrouping) -> Action {
    let [way, market, size, rest @ ..] = words else { panic!("no such triggers: {words:?}") };
    let triggers = ["tp", "sl"]
        .into_iter()
        .filter_map(|purpose| {
            Some(TriggerRequest {
                market: market_named(venue, market),
                side: side(way),
                size: lots(size),
                trigger_price: price(after(rest, purpose)?),
                purpose: purpose_of(purpose),
                limit: after(rest, "limit").map(price),
                reduce_only: rest.contains(&"reduce"),
                client_order_id: None,
            })
        })
        .collect();
    Action::PlaceTriggers { parent, triggers, grouping }
}

/// An order, then its children: `tp price`, `sl price`, of the size of the order or `of size`.
fn bracket(venue: &Venue, words: &[&str]) -> Action {
    let end = words.iter().position(|word| matches!(*word, "tp" | "sl")).unwrap_or(words.len());
    let parent = parse_order(venue, &words[..end]);
    let way = if parent.side == Side::Buy { "sell" } else { "buy" };
    let children = &words[end..];
    let size = after(children, "of").unwrap_or(words[2]);
    let mut all = vec![way, words[1], size, "reduce"];
    all.extend_from_slice(children);
    grouped(venue, Some(parent), &all, TriggerGrouping::Attached)
}

fn end_twap(venue: &Venue, owner: &str, number: &str) -> Action {
    let number: usize = number.parse().expect("a number");
    let found = venue.state().twaps_of(account_of(owner)).nth(number - 1).map(|record| record.twap.id);
    Action::CancelTwap { twap: found.unwrap_or(TwapId::new(999)) }
}

pub(super) fn shown_quote(result: &QuoteResult) -> String {
    format!("{}, {}", shown_side("bid", &result.bid), shown_side("ask", &result.ask))
}

fn shown_side(side: &str, result: &QuoteSideResult) -> String {
    match result {
        QuoteSideResult::Nothing => format!("no {side}"),
        QuoteSideResult::Canceled { .. } => format!("{side} canceled"),
        QuoteSideResult::Resting { .. } => format!("{side} rests"),
        QuoteSideResult::Rejected { rejection } => format!("{side} rejected {}", code(rejection)),
    }
}

pub(super) fn expect(venue: &mut Venue, line: &str, words: &[&str]) {
    match words {
        [name, "triggers", market, ..] => {
            let market_id = market_named(venue, market);
            let mut shown = vec![(*name).to_owned(), "triggers".to_owned(), (*market).to_owned()];
            for record in venue.state().triggers_of_in(account_of(name), market_id) {
                let trigger = &record.trigger;
                let purpose = if trigger.purpose == TriggerPurpose::TakeProfit { "tp" } else { "sl" };
                shown.push(format!("{purpose} {}@{}", trigger.size, trigger.trigger_price));
                shown.extend((!trigger.is_armed()).then(|| "unarmed".to_owned()));
                shown.extend(record.due.then(|| "due".to_owned()));
            }
            assert_eq!(shown.join(" "), words.join(" "), "\nline: {line}");
        }
        [name, "twaps", ..] => {
            let mut shown = vec![(*name).to_owned(), "twaps".to_owned()];
            for record in venue.state().twaps_of(account_of(name)) {
                shown.push(format!("{} of {}", record.twap.filled, record.twap.request.size));
            }
            assert_eq!(shown.join(" "), words.join(" "), "\nline: {line}");
        }
        _ => panic!("no such expectation: {line}"),
    }
}
