//! Perpetuals through the whole engine: margin, positions, caps, reduce-only, stale prices.

use crate::testing::check;

#[test]
fn positions_open_reduce_turn_and_settle_against_clearing() {
    check(
        "
        index BTC 100
        alice buy BTC 10 @ 100 gtc        -> resting 10
        bob   sell BTC 4 @ 100 gtc        -> filled 4 for 400
        alice position BTC 4 cost 400
        bob   position BTC -4 cost -400
        carol sell BTC 6 @ 100 gtc        -> filled 6 for 600
        alice position BTC 10 cost 1000
        // maker 1 bp of 1000, taker 3.5 bp of 400
        alice holds USDC 99999.9
        bob   holds USDC 99999.86
        // alice sells 4 at 110 to bob, who closes with a loss of 40
        alice sell BTC 4 @ 110 gtc        -> resting 4
        bob   buy BTC 4 @ 110 gtc         -> filled 4 for 440
        bob   position BTC 0
        bob   holds USDC 99959.706
        alice position BTC 6 cost 600
        alice holds USDC 100039.856
        // carol turns from 6 short to 2 long
        dave  sell BTC 8 @ 90 gtc         -> resting 8
        carol buy BTC 8 @ 90 gtc          -> filled 8 for 720
        carol position BTC 2 cost 180
        dave  position BTC -8 cost -720
        ",
    );
}

#[test]
fn nothing_trades_without_a_mark_and_no_risk_is_added_on_an_old_index() {
    check(
        "
        alice buy BTC 1 @ 100 gtc         -> rejected no_fresh_price
        index BTC 100
        alice buy BTC 5 @ 100 gtc         -> resting 5
        bob   sell BTC 5 @ 100 gtc        -> filled 5 for 500
        advance 11000
        carol buy BTC 1 @ 100 gtc         -> rejected no_fresh_price
        alice buy BTC 1 @ 100 gtc         -> rejected no_fresh_price
        alice sell BTC 6 @ 100 gtc        -> rejected no_fresh_price
        // reducing is always possible
        alice sell BTC 2 @ 100 gtc        -> resting 2
        bob   buy BTC 2 @ 100 gtc reduce  -> filled 2 for 200
        index BTC 100
        carol buy BTC 1 @ 100 gtc         -> resting 1
        ",
    );
}

#[test]
fn a_reduce_only_order_never_adds_or_turns() {
    check(
        "
        index BTC 100
        alice buy BTC 5 @ 100 gtc reduce   -> rejected reduce_only_would_increase
        alice buy BTC 5 @ 100 gtc          -> resting 5
        bob   sell BTC 5 @ 100 gtc         -> filled 5 for 500
        alice buy BTC 5 @ 100 gtc reduce   -> rejected reduce_only_would_increase
        carol buy BTC 20 @ 100 gtc         -> resting 20
        // as a taker it stops at the position's end
        alice sell BTC 8 @ 100 gtc reduce  -> filled 5 for 500 canceled reduce_only
        alice position BTC 0
        book BTC 15@100 |
        // as a maker it fills at most the position, the rest leaves
        bob   buy BTC 9 @ 99 gtc reduce cloid 1   -> resting 9
        carol cancel-all                   -> canceled 1
        dave  sell BTC 9 @ 99 ioc          -> filled 5 for 495 canceled immediate_or_cancel
        bob   position BTC 0
        book BTC |
        // one that was left with nothing to reduce leaves when it is met
        carol sell BTC 5 @ 100 gtc reduce cloid 2 -> resting 5
        dave  buy BTC 5 @ 101 gtc          -> filled 5 for 500
        carol position BTC 0
        dave  position BTC 0
        book BTC |
        ",
    );
}

#[test]
fn orders_reserve_margin_for_the_worse_side_at_the_chosen_leverage() {
    check(
        "
        index BTC 100
        alice leverage BTC 0               -> refused leverage_out_of_range
        alice leverage BTC 41              -> refused leverage_out_of_range
        alice leverage BTC/USDC 2          -> refused no_leverage
        alice leverage BTC 1               -> done
        alice buy BTC 1001 @ 100 gtc       -> rejected insufficient_margin
        alice buy BTC 900 @ 100 gtc cloid 1 -> resting 900
        alice sell BTC 900 @ 101 gtc       -> resting 900
        alice buy BTC 100 @ 100 gtc        -> rejected insufficient_margin
        // what orders reserve cannot leave
        alice transfer bob USDC 20000      -> refused insufficient_balance
        alice leverage BTC 2               -> done
        alice transfer bob USDC 20000      -> done
        alice leverage BTC 1               -> refused insufficient_margin
        alice cancel BTC 1                 -> canceled 1
        alice leverage BTC 1               -> refused insufficient_margin
        alice cancel-all BTC               -> canceled 1
        alice leverage BTC 1               -> done
        // and neither can the spot side spend it
        alice buy BTC 700 @ 100 gtc        -> resting 700
        alice buy BTC/USDC 200 @ 100 gtc   -> rejected insufficient_balance
        alice buy BTC/USDC 90 @ 100 gtc    -> resting 90
        alice buy BTC 100 @ 100 gtc        -> rejected insufficient_margin
        ",
    );
}

#[test]
fn a_maker_who_cannot_pay_any_more_is_cancelled_and_the_taker_goes_on() {
    check(
        "
        index BTC 100
        dave  leverage BTC 1               -> done
        dave  sell BTC 400 @ 100 gtc       -> resting 400
        alice buy BTC 400 @ 100 gtc        -> filled 400 for 40000
        dave  sell BTC 400 @ 120 gtc       -> resting 400
        bob   sell BTC 50 @ 125 gtc        -> resting 50
        index BTC 110
        index BTC 120
        index BTC 130
        index BTC 140
        // 800 lots at 140 need more than what dave is worth
        carol buy BTC 400 @ 126 gtc        -> filled 50 for 6250 resting 350
        dave  position BTC -400 cost -40000
        book BTC 350@126 |
        ",
    );
}

#[test]
fn a_taker_who_may_close_but_not_turn_stops_where_margin_ends() {
    check(
        "
        index BTC 100
        dave  leverage BTC 1               -> done
        dave  sell BTC 400 @ 100 gtc       -> resting 400
        alice buy BTC 400 @ 100 gtc        -> filled 400 for 40000
        index BTC 300
        // dave is worth some 23600 now: not enough for 100 lots long at 291
        bob   sell BTC 390 @ 300 gtc       -> resting 390
        carol sell BTC 110 @ 301 gtc       -> resting 110
        dave  buy BTC 500 @ 301 gtc        -> filled 390 for 117000 canceled margin
        dave  position BTC -10 cost -1000
        book BTC | 110@301
        ",
    );
}

#[test]
fn what_fills_leave_over_rests_only_if_it_is_covered() {
    check(
        "
        index BTC 100
        dave  leverage BTC 1               -> done
        dave  sell BTC 400 @ 100 gtc       -> resting 400
        alice buy BTC 400 @ 100 gtc        -> filled 400 for 40000
        index BTC 300
        bob   sell BTC 400 @ 300 gtc       -> resting 400
        dave  buy BTC 480 @ 300 gtc        -> filled 400 for 120000 canceled margin
        dave  position BTC 0
        book BTC |
        dave  buy BTC 60 @ 300 gtc         -> resting 60
        ",
    );
}

#[test]
fn position_and_open_interest_have_caps() {
    check(
        "
        index BTC 100
        alice buy BTC 3001 @ 100 gtc        -> rejected position_cap
        alice buy BTC 3000 @ 100 gtc        -> resting 3000
        alice buy BTC 1 @ 100 gtc           -> rejected position_cap
        bob   sell BTC 3000 @ 100 gtc       -> filled 3000 for 300000
        carol buy BTC 3000 @ 100 gtc        -> resting 3000
        // open interest ends at 5000
        dave  sell BTC 2500 @ 100 gtc       -> filled 2000 for 200000 canceled cap
        erin  sell BTC 1 @ 101 gtc          -> rejected open_interest_cap
        // closing is always possible
        alice sell BTC 500 @ 100 gtc        -> filled 500 for 50000
        carol position BTC 2500 cost 250000
        ",
    );
}

#[test]
fn the_mark_follows_the_index_within_its_band_and_bounds_limits() {
    let venue = check(
        "
        index BTC 100
        alice buy BTC 1 @ 150 gtc          -> resting 1
        alice buy BTC 1 @ 150.5 gtc        -> rejected outside_price_band
        alice sell BTC 1 @ 49.5 gtc        -> rejected outside_price_band
        index BTC 200
        alice cancel-all                   -> canceled 1
        alice buy BTC 1 @ 250 gtc          -> resting 1
        ",
    );
    let mark = venue.state().mark(crate::testing::PERP).expect("there is a mark").price;
    assert_eq!(mark.to_string(), "194");
}

/// Reduce-only orders are in no sum that the cap is asked of: they bring a position nearer to where resting orders take it.
#[test]
fn a_fill_stops_at_the_position_cap_whatever_the_position_was_when_its_order_was_placed() {
    check(
        "
        index BTC 100
        alice leverage BTC 40                -> done
        alice buy BTC 1500 @ 100 gtc         -> resting 1500
        bob   sell BTC 1500 @ 100 gtc        -> filled 1500 for 150000
        // from 1500 to -3000
        alice sell BTC 4501 @ 105 gtc        -> rejected position_cap
        alice sell BTC 4500 @ 105 gtc        -> resting 4500
        carol buy BTC 1000 @ 100 gtc         -> resting 1000
        alice sell BTC 1000 @ 100 ioc reduce -> filled 1000 for 100000
        dave  buy BTC 3000 @ 105 gtc         -> filled 3000 for 315000
        alice position BTC -2500 cost -262500
        // of the 1500 lots that are left 500 are within the cap, and the rest can never be
        erin  buy BTC 1000 @ 105 gtc         -> filled 500 for 52500 resting 500
        alice position BTC -3000 cost -315000
        book BTC 500@105 |
        ",
    );
}

/// Who is below maintenance may close with what is left, and no deeper: what is missing others would pay.
#[test]
fn closing_does_not_leave_less_than_nothing() {
    check(
        "
        index BTC 100
        alice leverage BTC 40                -> done
        alice buy BTC 400 @ 100 gtc          -> resting 400
        dave  sell BTC 400 @ 100 gtc         -> filled 400 for 40000
        alice transfer carol USDC 98990      -> done
        alice holds USDC 1006
        // 206 are left, 490 are needed, and nobody is there to sell to
        index BTC 98 for 16000
        alice equity 206
        // health would rise by 490 and fall by 400 and a fee, but 208 would be missing
        bob   buy BTC 400 @ 97 alo           -> resting 400
        + alice sell BTC 400 @ 97 ioc        -> canceled margin
        alice position BTC 400 cost 40000
        bob   buy BTC 400 @ 98 alo           -> resting 400
        + alice sell BTC 400 @ 98 ioc        -> filled 400 for 39200
        alice position BTC 0
        alice holds USDC 192.28
        ",
    );
}
