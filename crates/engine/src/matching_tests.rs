//! Matching, order kinds and reservations, as scenarios.

use crate::testing::{FUNDED, PERP, SPOT, SPOT_FINE, Venue, account_of, check, price};
use palisade_types::{
    action::Action,
    event::{CancelReason, Event},
    limits::TIMERS_PER_BLOCK_MAX,
    numbers::Size,
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
};

#[test]
fn spot_orders_match_by_price_then_time_at_the_makers_price() {
    check(
        "
        alice sell BTC/USDC 10 @ 101 gtc cloid 1  -> resting 10
        bob   sell BTC/USDC 5 @ 100 gtc cloid 2   -> resting 5
        carol sell BTC/USDC 5 @ 100 gtc cloid 3   -> resting 5
        book BTC/USDC | 5@100 5@100 10@101
        dave  buy BTC/USDC 7 @ 102 gtc            -> filled 7 for 700
        book BTC/USDC | 3@100 10@101
        // the taker paid 700 and 3.5 bp of it, the makers got theirs less 1 bp
        dave  holds USDC 99299.755
        dave  holds BTC 1007
        bob   holds USDC 100499.95
        carol holds USDC 100199.98
        carol holds BTC 998 locked 3
        dave  buy BTC/USDC 20 @ 101 gtc           -> filled 13 for 1310 resting 7
        book BTC/USDC 7@101 |
        ",
    );
}

#[test]
fn a_post_only_order_never_matches_not_even_its_owners() {
    check(
        "
        alice sell BTC/USDC 10 @ 101 alo -> resting 10
        bob   buy BTC/USDC 1 @ 101 alo   -> rejected would_match
        alice buy BTC/USDC 1 @ 101 alo   -> rejected would_match
        alice buy BTC/USDC 1 @ 100.5 alo -> resting 1
        book BTC/USDC 1@100.5 | 10@101
        ",
    );
}

#[test]
fn an_immediate_order_never_rests() {
    check(
        "
        bob   buy BTC/USDC 5 @ 100 ioc    -> rejected nothing_to_match
        alice sell BTC/USDC 3 @ 100 gtc   -> resting 3
        bob   buy BTC/USDC 5 @ 99.5 ioc   -> rejected nothing_to_match
        bob   buy BTC/USDC 5 @ 100 ioc    -> filled 3 for 300 canceled immediate_or_cancel
        book BTC/USDC |
        bob   holds USDC 99699.895
        ",
    );
}

#[test]
fn fill_or_kill_fills_whole_or_leaves_no_trace() {
    check(
        "
        carol sell BTC/USDC 2 @ 99 gtc   -> resting 2
        alice sell BTC/USDC 3 @ 100 gtc  -> resting 3
        // carol's own order would be cancelled on the way: it stays
        carol buy BTC/USDC 4 @ 100 fok   -> rejected not_fillable
        book BTC/USDC | 2@99 3@100
        bob   buy BTC/USDC 6 @ 100 fok   -> rejected not_fillable
        bob   buy BTC/USDC 5 @ 98 fok    -> rejected not_fillable
        book BTC/USDC | 2@99 3@100
        bob   holds USDC 100000
        bob   buy BTC/USDC 5 @ 100 fok   -> filled 5 for 498
        carol buy BTC/USDC 4 @ 100 fok   -> rejected not_fillable
        book BTC/USDC |
        ",
    );
}

#[test]
fn an_order_meeting_its_owners_cancels_the_maker_and_goes_on() {
    check(
        "
        alice sell BTC/USDC 2 @ 99 gtc    -> resting 2
        bob   sell BTC/USDC 3 @ 100 gtc   -> resting 3
        alice buy BTC/USDC 4 @ 100 gtc    -> filled 3 for 300 resting 1
        book BTC/USDC 1@100 |
        alice holds BTC 1003
        // no fee and no fill for the cancelled part
        alice holds USDC 99699.895 locked 100.035
        ",
    );
}

#[test]
fn a_good_till_time_order_ends_at_its_time_and_is_not_matched_after() {
    let mut venue = check(
        "
        alice sell BTC/USDC 2 @ 99 gtt+500  -> resting 2
        bob   sell BTC/USDC 2 @ 99 gtt+0    -> rejected time_not_ahead
        advance 400
        bob   buy BTC/USDC 1 @ 99 ioc       -> filled 1 for 99
        book BTC/USDC | 1@99
        alice holds BTC 999 locked 1
        advance 100
        book BTC/USDC |
        alice holds BTC 999
        ",
    );
    assert_eq!(crate::execute::next_due(venue.state()), None);
    venue.advance(10);
}

#[test]
fn a_modify_is_atomic_and_keeps_its_place_only_when_it_shrinks() {
    check(
        "
        alice buy BTC/USDC 10 @ 100 gtc cloid 1        -> resting 10
        bob   buy BTC/USDC 10 @ 100 gtc cloid 2        -> resting 10
        alice modify 1 buy BTC/USDC 4 @ 100 gtc        -> resting 4
        book BTC/USDC 4@100 10@100 |
        alice holds USDC 100000 locked 400.14
        alice modify 1 buy BTC/USDC 5 @ 100 gtc        -> resting 5
        book BTC/USDC 10@100 5@100 |
        bob   modify 2 buy BTC/USDC 10 @ 99 gtc        -> resting 10
        book BTC/USDC 5@100 10@99 |
        // a rejected replacement leaves the old order as it was
        alice modify 1 buy BTC/USDC 5 @ 100.3 gtc      -> rejected off_tick
        alice modify 1 sell BTC/USDC 5 @ 100 gtc       -> rejected modify_changes_market_or_side
        alice modify 1 buy BTCm/USDC 5 @ 100 gtc       -> rejected modify_changes_market_or_side
        alice modify 1 buy BTC/USDC 5000 @ 100 gtc     -> rejected insufficient_balance
        alice modify 1 buy BTC/USDC 0 @ 100 gtc        -> rejected zero_size
        alice modify 9 buy BTC/USDC 5 @ 100 gtc        -> rejected order_not_open
        bob   modify 1 buy BTC/USDC 5 @ 100 gtc        -> rejected order_not_open
        book BTC/USDC 5@100 10@99 |
        alice holds USDC 100000 locked 500.175
        // a replacement may match at once
        carol sell BTC/USDC 2 @ 103 gtc                -> resting 2
        alice modify 1 buy BTC/USDC 5 @ 103 gtc        -> filled 2 for 206 resting 3
        alice modify 1 buy BTC/USDC 3 @ 102 alo        -> resting 3
        dave  sell BTC/USDC 1 @ 104 gtc                -> resting 1
        alice modify 1 buy BTC/USDC 3 @ 104 alo        -> rejected would_match
        book BTC/USDC 3@102 10@99 | 1@104
        ",
    );
}

#[test]
fn a_modify_may_change_how_long_an_order_works() {
    check(
        "
        alice buy BTC/USDC 10 @ 100 gtc cloid 1      -> resting 10
        alice modify 1 buy BTC/USDC 10 @ 100 gtt+100 -> resting 10
        advance 110
        book BTC/USDC |
        ",
    );
}

#[test]
fn an_order_past_its_time_is_not_matched_even_while_its_timer_waits_in_line() {
    let mut venue = Venue::new();
    let expires_at_ms = venue.engine.time_ms().saturating_add(900);
    let gtt = |market| OrderRequest { market, ..order(Side::Buy, 1_000, "90", TimeInForce::Gtt { expires_at_ms }) };
    for name in FUNDED {
        for _ in 0..5 {
            let orders = vec![OrderRequest { size: Size::new(1), ..gtt(SPOT) }; 40];
            venue.act(name, Action::Place { orders });
        }
    }
    venue.act("alice", Action::Place { orders: vec![gtt(SPOT_FINE)] });
    let sell = OrderRequest { market: SPOT_FINE, ..order(Side::Sell, 1_000, "90", TimeInForce::Ioc) };
    let sell = venue.sign("bob", Action::Place { orders: vec![sell] });
    let outcome = venue.block_at(expires_at_ms, &[sell], None).expect("valid");
    let ends = |event: &&Event| matches!(event, Event::OrderCanceled { reason: CancelReason::Expired, .. });
    assert_eq!(outcome.events.iter().filter(ends).count(), TIMERS_PER_BLOCK_MAX + 1);
    let after_timers = &outcome.events[TIMERS_PER_BLOCK_MAX];
    assert!(matches!(after_timers, Event::OrderAccepted { .. }), "the last timer waits: {after_timers:?}");
    assert!(!outcome.events.iter().any(|event| matches!(event, Event::Traded(_))));
    assert_eq!(venue.state().open_order_count(), 0);
}

#[test]
fn spot_orders_lock_the_exact_amount_and_the_larger_fee() {
    check(
        "
        alice buy BTC/USDC 10 @ 100 gtc cloid 1   -> resting 10
        alice holds USDC 100000 locked 1000.35
        alice sell BTC/USDC 7 @ 101 gtc cloid 2   -> resting 7
        alice holds BTC 1000 locked 7
        bob   sell BTC/USDC 4 @ 100 ioc           -> filled 4 for 400
        // the maker paid 1 bp; what remains is locked at 3.5 bp
        alice holds USDC 99599.96 locked 600.21
        bob   holds USDC 100399.86
        alice cancel BTC/USDC 1                   -> canceled 1
        alice holds USDC 99599.96
        alice cancel-all                          -> canceled 1
        alice holds BTC 1004
        alice cancel BTC/USDC 1                   -> rejected order_not_open
        alice sell BTC/USDC 1005 @ 100 gtc        -> rejected insufficient_balance
        alice buy BTC/USDC 996 @ 100 gtc          -> rejected insufficient_balance
        alice buy BTC/USDC 995 @ 100 gtc cloid 3  -> resting 995
        alice transfer bob USDC 65.135            -> done
        alice transfer bob USDC 0.00000001        -> refused insufficient_balance
        alice holds USDC 99534.825 locked 99534.825
        bob   transfer alice BTC 996              -> done
        bob   transfer alice BTC 0.1              -> refused insufficient_balance
        // spent to the last unit, fee included
        carol sell BTC/USDC 995 @ 100 ioc         -> filled 995 for 99500
        alice holds USDC 24.875
        ",
    );
}

#[test]
fn malformed_orders_are_rejected_one_by_one() {
    check(
        "
        alice buy BTC/USDC 10 @ 100.25 gtc          -> rejected off_tick
        alice buy BTC/USDC 10 @ 0 gtc               -> rejected price_not_positive
        alice buy BTC/USDC 10 @ -1 gtc              -> rejected price_not_positive
        alice buy BTC/USDC 0 @ 100 gtc              -> rejected zero_size
        alice buy BTC/USDC 1 @ 9.5 gtc              -> rejected below_minimum_notional
        alice buy BTC/USDC 100001 @ 100 gtc         -> rejected above_maximum_notional
        alice buy BTC/USDC 18446744073709551615 @ 92233720368.5 gtc -> rejected above_maximum_notional
        alice buy BTC/USDC 1 @ 100 gtc reduce       -> rejected reduce_only_on_spot
        alice buy BTC/USDC 1 @ 100 gtc cloid 5      -> resting 1
        alice buy BTC/USDC 1 @ 100 gtc cloid 5      -> rejected client_order_id_in_use
        bob   buy BTC/USDC 1 @ 100 gtc cloid 5      -> resting 1
        alice cancel BTC/USDC 5                     -> canceled 1
        alice buy BTC/USDC 1 @ 100 gtc cloid 5      -> resting 1
        alice cancel BTCm/USDC 5                    -> rejected order_not_open
        carol cancel BTC/USDC 5                     -> rejected order_not_open
        // the band is half of the last trade's price, and only on the aggressive side
        carol sell BTC/USDC 1 @ 100 ioc             -> filled 1 for 100
        carol buy BTC/USDC 1 @ 150 alo              -> resting 1
        carol buy BTC/USDC 1 @ 150.5 gtc            -> rejected outside_price_band
        carol sell BTC/USDC 1 @ 49.5 gtc            -> rejected outside_price_band
        dave  sell BTC/USDC 1 @ 400 gtc             -> resting 1
        dave  buy BTC/USDC 1 @ 20 gtc               -> resting 1
        ",
    );
}

fn order(side: Side, size: u64, limit: &str, time_in_force: TimeInForce) -> OrderRequest {
    OrderRequest {
        market: SPOT,
        side,
        price: price(limit),
        size: Size::new(size),
        time_in_force,
        reduce_only: false,
        client_order_id: None,
    }
}

/// Fills a book with one-lot sells at 100.
fn fill_book(venue: &mut Venue, name: &str, count: usize) -> usize {
    let mut refused = 0;
    for chunk in vec![order(Side::Sell, 1, "100", TimeInForce::Gtc); count].chunks(40) {
        let receipt = venue.act(name, Action::Place { orders: chunk.to_vec() });
        let Outcome::Orders { results } = receipt.outcome else { panic!("orders have results") };
        refused += results.iter().filter(|result| matches!(result, OrderResult::Rejected { .. })).count();
    }
    refused
}

#[test]
fn an_account_has_a_bound_on_open_orders_of_a_market() {
    let mut venue = Venue::new();
    assert_eq!(fill_book(&mut venue, "alice", 205), 5);
    assert_eq!(venue.state().open_totals(account_of("alice"), SPOT).orders, 200);
    let immediate = venue.act("alice", Action::Place { orders: vec![order(Side::Sell, 1, "90", TimeInForce::Ioc)] });
    assert!(format!("{immediate:?}").contains("NothingToMatch"), "an order that cannot rest is not counted");
}

#[test]
fn a_match_ends_after_its_step_bound_and_the_remainder_is_cancelled() {
    let mut venue = Venue::new();
    assert_eq!(fill_book(&mut venue, "alice", 200), 0);
    assert_eq!(fill_book(&mut venue, "bob", 60), 0);
    let buy = order(Side::Buy, 300, "100", TimeInForce::Gtc);
    let receipt = venue.act("carol", Action::Place { orders: vec![buy] });
    let Outcome::Orders { results } = receipt.outcome else { panic!("orders have results") };
    let OrderResult::Accepted { filled, resting, remainder_canceled, .. } = &results[0] else {
        panic!("{results:?}");
    };
    assert_eq!((filled.get(), resting.get()), (256, 0));
    assert_eq!(*remainder_canceled, Some(CancelReason::MatchStepLimit));
    assert_eq!(venue.state().book_side(SPOT, Side::Sell).count(), 4);
}

#[test]
fn parts_of_a_batch_fail_alone() {
    let mut venue = Venue::new();
    let orders = vec![
        order(Side::Buy, 1, "100", TimeInForce::Gtc),
        order(Side::Buy, 1, "100.1", TimeInForce::Gtc),
        order(Side::Sell, 1, "100", TimeInForce::Fok),
        order(Side::Sell, 2, "101", TimeInForce::Gtc),
        OrderRequest { market: PERP, ..order(Side::Buy, 1, "100", TimeInForce::Gtc) },
        OrderRequest { market: palisade_types::ids::MarketId::new(77), ..order(Side::Buy, 1, "100", TimeInForce::Gtc) },
    ];
    let signed = venue.sign("alice", Action::Place { orders });
    let outcome = venue.block(&[signed], None);
    let Outcome::Orders { results } = &outcome.receipts[0].outcome else { panic!("orders have results") };
    let accepted: Vec<bool> = results.iter().map(|result| matches!(result, OrderResult::Accepted { .. })).collect();
    assert_eq!(accepted, [true, false, false, true, false, false]);
    let refusals = outcome.events.iter().filter(|event| matches!(event, Event::OrderRejected { .. })).count();
    assert_eq!(refusals, 4);
    assert_eq!(venue.state().orders_of(account_of("alice")).count(), 2);
}

#[test]
fn an_order_that_comes_and_goes_within_a_block_costs_no_write() {
    let mut venue = Venue::new();
    venue.act("bob", Action::Place { orders: vec![order(Side::Sell, 3, "100", TimeInForce::Gtc)] });
    let first = venue.sign("alice", Action::Place { orders: vec![order(Side::Buy, 1, "99", TimeInForce::Alo)] });
    let second = venue.sign("carol", Action::Place { orders: vec![order(Side::Sell, 1, "99", TimeInForce::Gtc)] });
    let outcome = venue.block(&[second, first], None);
    let orders = outcome.writes.iter().filter(|write| matches!(write.name, crate::state::RecordKey::Order(_)));
    assert_eq!(orders.count(), 0, "post-only orders come first, so the sell met the buy");
    assert!(outcome.events.iter().any(|event| matches!(event, Event::Traded(_))));
    assert!(outcome.writes.is_sorted_by_key(|write| write.key));
}
