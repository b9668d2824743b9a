//! Lines of scenarios about block trades and combos.
//!
//! ```text
//! alice rfq buy BTC*1 sell NEXT*2 lots 500 [to buy] [makers bob,carol] [for 5000] -> requested
//! bob offer alice 1 sell 500 net 1.5 [for 5000]      -> quoted
//! bob offer alice 1 sell 500 at 101,99.5             -> quoted
//! alice accept alice 1 bob 1                         -> done
//! alice end-rfq alice 1                              -> done
//! bob end-offer bob 1                                -> done
//! alice combo buy BTC*1 sell NEXT*1                  -> combo 1
//! alice combo sell BTC*1 buy NEXT*1                  -> mirrored combo 1
//! alice spread 1 buy 5 @ -1.5 gtc                    -> filled 2 for -3 resting 3
//! alice end-spread alice 1                           -> done
//! spreads 1 3@-1.5 | 2@0.5                           (the book of a combo)
//! ```
//!
//! Requests, quotes and combo orders are named by owner and place among the owner's open ones, combos by place, from 1. Requests and
//! quotes are for a minute unless the line says otherwise.

use super::{Venue, account_of, ahead_of, code, market_named};
use palisade_types::{
    action::Action,
    ids::{BlockQuoteId, BlockRequestId, ComboId, OrderId},
    multi_leg::{BlockPrice, BlockQuoteTerms, BlockTerms, ComboTimeInForce, Leg},
    numbers::{Price, Size},
    order::Side,
    receipt::Outcome,
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

fn place(word: &str) -> usize {
    word.parse::<usize>().expect("a place") - 1
}

/// The word after another.
fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).map(|place| words[place + 1])
}

/// `buy BTC*1 sell NEXT*2`, up to the first word that is neither.
fn legs(venue: &Venue, words: &[&str]) -> Vec<Leg> {
    let pairs = words.chunks(2).take_while(|pair| matches!(pair, ["buy" | "sell", _]));
    pairs
        .map(|pair| {
            let (market, ratio) = pair[1].split_once('*').expect("market*ratio");
            let market = market_named(venue, market);
            Leg { market, side: side(pair[0]), ratio: ratio.parse().expect("a ratio") }
        })
        .collect()
}

fn request_of(venue: &Venue, owner: &str, number: &str) -> BlockRequestId {
    let found = venue.state().block_requests_of(account_of(owner)).nth(place(number));
    found.map_or(BlockRequestId::new(999_999), |request| request.id)
}

fn quote_of(venue: &Venue, owner: &str, number: &str) -> BlockQuoteId {
    let found = venue.state().block_quotes_of(account_of(owner)).nth(place(number));
    found.map_or(BlockQuoteId::new(999_999), |quote| quote.id)
}

/// A combo by its place.
pub(crate) fn combo_at(venue: &Venue, number: &str) -> ComboId {
    venue.state().combos().nth(place(number)).map_or(ComboId::new(999_999), |combo| combo.id)
}

pub(super) fn parse(venue: &Venue, words: &[&str]) -> Action {
    let expires_at_ms = ahead_of(venue, after(words, "for").unwrap_or("60000"));
    match words {
        ["rfq", rest @ ..] => Action::RequestBlock {
            block: BlockTerms {
                legs: legs(venue, rest),
                side: after(words, "to").map(side),
                lots: lots(after(words, "lots").expect("lots")),
                makers: after(words, "makers").map_or(Vec::new(), |all| all.split(',').map(account_of).collect()),
                expires_at_ms,
            },
        },
        ["offer", owner, number, way, size, kind, at, ..] => Action::QuoteBlock {
            quote: BlockQuoteTerms {
                request: request_of(venue, owner, number),
                side: side(way),
                price: match *kind {
                    "net" => BlockPrice::Net { price: price(at) },
                    _ => BlockPrice::Legs { prices: at.split(',').map(price).collect() },
                },
                lots: lots(size),
                expires_at_ms,
            },
        },
        ["accept", owner, request, maker, quote] => {
            Action::AcceptBlock { request: request_of(venue, owner, request), quote: quote_of(venue, maker, quote) }
        }
        ["end-rfq", owner, number] => Action::CancelBlockRequest { request: request_of(venue, owner, number) },
        ["end-offer", owner, number] => Action::CancelBlockQuote { quote: quote_of(venue, owner, number) },
        ["combo", rest @ ..] => Action::CreateCombo { legs: legs(venue, rest) },
        ["spread", combo, way, size, "@", at, kind] => Action::PlaceCombo {
            combo: combo_at(venue, combo),
            side: side(way),
            price: price(at),
            lots: lots(size),
            time_in_force: match *kind {
                "gtc" => ComboTimeInForce::Gtc,
                "ioc" => ComboTimeInForce::Ioc,
                "fok" => ComboTimeInForce::Fok,
                other => panic!("no such time in force: {other}"),
            },
        },
        ["end-spread", owner, number] => {
            let found = venue.state().combo_orders_of(account_of(owner)).nth(place(number));
            Action::CancelCombo { order: found.map_or(OrderId::new(999_999), |order| order.id) }
        }
        _ => panic!("no such action: {words:?}"),
    }
}

pub(super) fn shown(venue: &Venue, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::BlockRequested { .. } => Some("requested".to_owned()),
        Outcome::BlockQuoted { .. } => Some("quoted".to_owned()),
        Outcome::Combo { combo, is_mirrored } => {
            let number = venue.state().combos().position(|one| one.id == *combo).expect("a registered combo") + 1;
            Some(format!("{}combo {number}", if *is_mirrored { "mirrored " } else { "" }))
        }
        Outcome::ComboOrder { filled, filled_quote_usd, resting, remainder_canceled, .. } => {
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
            Some(parts.join(" "))
        }
        _ => None,
    }
}

/// The book of a combo.
pub(super) fn book(venue: &Venue, number: &str) -> String {
    let combo = combo_at(venue, number);
    let side = |side| {
        let orders = venue.state().combo_book_side(combo, side);
        orders.map(|order| format!("{}@{}", order.remaining, order.price)).collect::<Vec<_>>()
    };
    let mut parts = side(Side::Buy);
    parts.push("|".to_owned());
    parts.extend(side(Side::Sell));
    parts.join(" ")
}
