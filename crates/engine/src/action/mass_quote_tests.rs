//! Quotes: one per market and side, replaced and withdrawn.

use crate::state::QuoteId;
use crate::testing::{PERP, Venue, account_of, check, price, scenario_on};
use palisade_types::{
    action::{Action, ExecutionClass},
    ids::MarketId,
    numbers::Size,
    order::Side,
    quote::{Level, Quote, QuoteSideResult},
    receipt::Outcome,
    rejection::Rejection,
};

#[test]
fn a_quote_takes_the_place_of_the_former() {
    check(
        "
        index BTC 100
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   quote BTC 7@99 7@101                 -> bid rests, ask rests
        book BTC 5@99 7@99 | 5@101 7@101
        // what stays keeps its place, what changes goes to the end of the line
        alice quote BTC 5@99 6@101                 -> bid rests, ask rests
        book BTC 5@99 7@99 | 7@101 6@101
        // a new bid may lie where the own old ask was
        alice quote BTC 5@100.5 5@102              -> bid rests, ask rests
        bob   quote BTC - 7@103                    -> bid canceled, ask rests
        alice quote BTC 5@101 5@104                -> bid rests, ask rests
        book BTC 5@101 | 7@103 5@104
        alice quote BTC - -                        -> bid canceled, ask canceled
        alice quote BTC - -                        -> no bid, no ask
        book BTC | 7@103
        ",
    );
}

#[test]
fn each_side_succeeds_or_fails_alone_and_the_former_is_gone_all_the_same() {
    check(
        "
        index BTC 100
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 101.5 gtc               -> resting 5
        alice quote BTC 5@102 5@103                -> bid rejected would_match, ask rests
        book BTC | 5@101.5 5@103
        alice quote BTC 0@99 5@100.2               -> bid rejected zero_size, ask rejected off_tick
        book BTC | 5@101.5
        // a bid that the ask would meet is refused, not crossed
        alice quote BTC 5@100 5@99                 -> bid rests, ask rejected would_match
        alice quote BTC/USDC 2000@99 5@101         -> bid rejected insufficient_balance, ask rests
        ",
    );
}

#[test]
fn quotes_are_orders_like_others() {
    let mut venue = check(
        "
        index BTC 100
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 3 @ 99 ioc                  -> filled 3 for 297
        // the same again is a new quote: two are left of the old
        alice quote BTC 5@99 5@101                 -> bid rests, ask rests
        bob   sell BTC 5 @ 99 ioc                  -> filled 5 for 495
        ",
    );
    let id = QuoteId { account: account_of("alice"), market: PERP, side: Side::Buy };
    assert_eq!(venue.state().quote(id), None, "a quote that was filled is forgotten");
    scenario_on(&mut venue, "alice cancel-all -> canceled 1");
    assert_eq!(venue.state().quotes().count(), 0);
    scenario_on(&mut venue, "alice quote BTC 5@99 5@101 -> bid rests, ask rests");
    assert_eq!(venue.state().quotes().count(), 2);
}

#[test]
fn a_market_that_does_not_exist_refuses_both_sides() {
    let mut venue = Venue::new();
    let market = MarketId::new(77);
    let level = Some(Level { price: price("1"), size: Size::new(1) });
    let quotes = vec![Quote { market, bid: level, ask: level }, Quote { market, bid: None, ask: level }];
    let outcome = venue.act("alice", Action::MassQuote { quotes }).outcome;
    let refused = QuoteSideResult::Rejected { rejection: Rejection::UnknownMarket { market } };
    let Outcome::Quotes { results } = outcome else { panic!("quotes have results") };
    assert!(results.iter().all(|result| result.ask == refused));
    assert_eq!(results[1].bid, QuoteSideResult::Nothing);
}

#[test]
fn quotes_are_lighter_than_cancels_and_orders_and_go_with_the_post_only_ones() {
    let level = Some(Level { price: price("1"), size: Size::new(1) });
    let action = Action::MassQuote { quotes: vec![Quote { market: PERP, bid: level, ask: level }; 10] };
    assert_eq!((action.weight(), action.part_count()), (31, 10));
    assert_eq!(action.execution_class(), ExecutionClass::B);
}
