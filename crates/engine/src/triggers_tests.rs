//! Triggers through the whole engine: when they fire, what hangs on what, and every refusal.

use crate::{
    execute::BlockOutcome,
    state::{ChainRecord, Record, UniverseRecord},
    testing::{BTC, CORE, PERP, SPOT, Venue, account_of, bundle, check, price, scenario_on},
};
use palisade_types::{
    action::Action,
    event::{CancelReason, Event},
    limits::{TRIGGERS_PER_ACCOUNT_MAX, TRIGGERS_PER_BLOCK_MAX},
    numbers::Size,
    order::{OrderRequest, Side, TimeInForce},
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
};

/// Alice is long ten lots from 100, where the mark is.
const LONG: &str = "
    index BTC 100
    alice buy BTC 10 @ 100 gtc                 -> resting 10
    bob   sell BTC 10 @ 100 gtc                -> filled 10 for 1000
";

fn long(text: &str) -> Venue {
    let mut venue = check(LONG);
    scenario_on(&mut venue, text);
    venue
}

#[test]
fn a_stop_fires_with_the_mark_and_sells_at_market() {
    long(
        "
        carol buy BTC 20 @ 95 gtc                  -> resting 20
        alice sl sell BTC 10 @ 98 reduce cloid 1   -> waiting
        alice triggers BTC sl 10@98
        index BTC 99
        alice triggers BTC sl 10@98
        // the mark falls to 92.7, three hundredths above the index
        index BTC 90
        alice triggers BTC
        alice position BTC 0
        book BTC 10@95 |
        ",
    );
}

#[test]
fn a_market_stop_reaches_a_tenth_below_the_mark_and_no_further() {
    // at a mark of 92.7 the limit is 83.43, on the tick 83.5
    long(
        "
        carol buy BTC 4 @ 83.5 gtc                 -> resting 4
        carol buy BTC 20 @ 83 gtc                  -> resting 20
        alice sl sell BTC 10 @ 98 reduce           -> waiting
        index BTC 90
        alice position BTC 6 cost 600
        alice triggers BTC
        book BTC 20@83 |
        ",
    );
}

#[test]
fn a_limit_trigger_rests_under_its_own_number_and_name() {
    let mut venue = long("alice tp sell BTC 10 @ 105 limit 108 reduce cloid 7 -> waiting");
    let id = venue.state().triggers_of(account_of("alice")).next().expect("it waits").trigger.id;
    scenario_on(
        &mut venue,
        "
        index BTC 110
        alice triggers BTC
        book BTC | 10@108
        ",
    );
    assert!(venue.state().order(id).is_some(), "the order has the trigger's number");
    scenario_on(&mut venue, "alice cancel BTC 7 -> canceled 1");
}

#[test]
fn all_four_kinds_wait_for_their_own_move() {
    long(
        "
        alice tp sell BTC 1 @ 105                  -> waiting
        alice sl buy BTC 1 @ 105                   -> waiting
        alice sl sell BTC 1 @ 95                   -> waiting
        alice tp buy BTC 1 @ 95                    -> waiting
        index BTC 110
        alice triggers BTC sl 1@95 tp 1@95
        index BTC 90
        alice triggers BTC
        ",
    );
}

#[test]
fn the_first_of_two_siblings_takes_the_other_with_it() {
    let mut venue = long(
        "
        carol buy BTC 30 @ 104 gtc                 -> resting 30
        alice oco sell BTC 10 tp 105 sl 95 reduce  -> waiting, waiting
        alice triggers BTC tp 10@105 sl 10@95
        ",
    );
    let outcome = block_with_index(&mut venue, "110");
    assert_eq!(canceled(&outcome), [CancelReason::SiblingFilled]);
    scenario_on(
        &mut venue,
        "
        alice triggers BTC
        alice position BTC 0
        book BTC 20@104 |
        ",
    );
}

#[test]
fn a_refused_firing_leaves_the_sibling() {
    long(
        "
        carol buy BTC 30 @ 90 gtc                  -> resting 30
        alice oco sell BTC 10 tp 105 sl 95 reduce  -> waiting, waiting
        // at 106.7 the limit is 96.5, and nobody bids that
        index BTC 110
        alice triggers BTC sl 10@95
        alice position BTC 10 cost 1000
        index BTC 85
        alice triggers BTC
        alice position BTC 0
        ",
    );
}

#[test]
fn a_sibling_cancelled_by_hand_leaves_the_other() {
    let mut venue = long("alice oco sell BTC 10 tp 105 sl 95 reduce -> waiting, waiting");
    let first = venue.state().triggers_of(account_of("alice")).next().expect("it waits").trigger.id;
    let cancel =
        palisade_types::action::CancelRequest { market: PERP, order: palisade_types::order::OrderReference::Id(first) };
    venue.act("alice", Action::Cancel { cancels: vec![cancel] });
    scenario_on(
        &mut venue,
        "
        alice triggers BTC sl 10@95
        carol buy BTC 30 @ 94 gtc                  -> resting 30
        index BTC 90
        alice position BTC 0
        ",
    );
}

#[test]
fn children_wait_for_fills_and_work_on_what_was_filled() {
    let mut venue = check(
        "
        index BTC 100
        alice bracket buy BTC 10 @ 99 gtc cloid 1 tp 105 sl 95 -> resting 10, waiting for a fill, waiting for a fill
        alice triggers BTC tp 10@105 unarmed sl 10@95 unarmed
        index BTC 110
        alice triggers BTC tp 10@105 unarmed sl 10@95 unarmed
        index BTC 100
        bob   sell BTC 4 @ 99 ioc                  -> filled 4 for 396
        alice triggers BTC tp 10@105 sl 10@95
        carol buy BTC 50 @ 97 gtc                  -> resting 50
        ",
    );
    let outcome = block_with_index(&mut venue, "110");
    assert_eq!(canceled(&outcome), [CancelReason::SiblingFilled]);
    scenario_on(
        &mut venue,
        "
        // the rest of the parent is gone, so the four lots went to carol
        alice position BTC 0
        alice triggers BTC
        book BTC 46@97 |
        ",
    );
}

#[test]
fn children_go_with_a_parent_that_leaves_unfilled_and_stay_with_one_that_was_filled() {
    check(
        "
        index BTC 100
        alice bracket buy BTC 10 @ 99 gtc cloid 1 tp 105 sl 95 -> resting 10, waiting for a fill, waiting for a fill
        alice cancel BTC 1                         -> canceled 1
        alice triggers BTC
        alice bracket buy BTC 10 @ 99 gtc cloid 1 tp 105 -> resting 10, waiting for a fill
        bob   sell BTC 4 @ 99 ioc                  -> filled 4 for 396
        alice cancel BTC 1                         -> canceled 1
        alice triggers BTC tp 10@105
        carol buy BTC 50 @ 97 gtc                  -> resting 50
        index BTC 110
        alice position BTC 0
        alice bracket buy BTC 10 @ 99 gtt+500 sl 95 -> resting 10, waiting for a fill
        advance 1000
        alice triggers BTC
        ",
    );
}

#[test]
fn a_modified_parent_keeps_its_children() {
    check(
        "
        index BTC 100
        alice bracket buy BTC 10 @ 99 gtc cloid 1 sl 95 -> resting 10, waiting for a fill
        bob   sell BTC 4 @ 99 ioc                  -> filled 4 for 396
        alice modify 1 buy BTC 6 @ 98 gtc          -> resting 6
        alice modify 1 buy BTC 5 @ 98 gtc          -> resting 5
        bob   sell BTC 5 @ 98 ioc                  -> filled 5 for 490
        alice position BTC 9 cost 886
        carol buy BTC 50 @ 90 gtc                  -> resting 50
        index BTC 90
        alice position BTC 0
        alice triggers BTC
        ",
    );
}

#[test]
fn children_of_an_order_that_trades_at_once_are_armed_at_once() {
    check(
        "
        index BTC 100
        alice bracket buy BTC 10 @ 101 ioc tp 105 sl 95 -> rejected nothing_to_match, rejected parent_not_open, rejected parent_not_open
        alice triggers BTC
        bob   sell BTC 6 @ 100 gtc                 -> resting 6
        alice bracket buy BTC 10 @ 101 ioc tp 105 sl 95 -> filled 6 for 600 canceled immediate_or_cancel, waiting, waiting
        alice triggers BTC tp 10@105 sl 10@95
        carol buy BTC 50 @ 90 gtc                  -> resting 50
        index BTC 90
        alice position BTC 0
        ",
    );
}

#[test]
fn children_are_judged_at_the_price_at_which_the_parent_would_trade() {
    check(
        "
        index BTC 100
        // below the mark, but above the parent
        alice bracket buy BTC 10 @ 90 gtc tp 98 sl 85 -> resting 10, waiting for a fill, waiting for a fill
        alice bracket buy BTC 10 @ 90 gtc tp 90 sl 85 -> refused trigger_would_fire
        alice bracket buy BTC 10 @ 90 gtc sl 95    -> refused trigger_would_fire
        // a parent at market trades at the mark, whatever its limit
        bob   sell BTC 6 @ 100 gtc                 -> resting 6
        carol bracket buy BTC 6 @ 110 ioc tp 104   -> filled 6 for 600, waiting
        alice bracket buy BTC 10 @ 90 gtc tp 98 of 11 -> refused wrong_trigger_side
        ",
    );
}

#[test]
fn triggers_of_a_position_close_what_there_is_and_leave_with_it() {
    let mut venue = long(
        "
        alice close sell BTC 0 tp 105 sl 95        -> waiting, waiting
        alice buy BTC 5 @ 100 gtc                  -> resting 5
        bob   sell BTC 5 @ 100 gtc                 -> filled 5 for 500
        alice triggers BTC tp 0@105 sl 0@95
        carol buy BTC 40 @ 104 gtc                 -> resting 40
        ",
    );
    let outcome = block_with_index(&mut venue, "110");
    assert_eq!(canceled(&outcome), [CancelReason::PositionClosed]);
    scenario_on(
        &mut venue,
        "
        alice position BTC 0
        alice triggers BTC
        book BTC 25@104 |
        ",
    );
}

#[test]
fn triggers_of_a_position_leave_when_it_closes_or_turns_by_other_means() {
    long(
        "
        // bob is short ten: a part of it may be asked for
        bob   close buy BTC 4 sl 105               -> waiting
        alice close sell BTC 0 tp 105 sl 95        -> waiting, waiting
        alice sell BTC 4 @ 100 gtc                 -> resting 4
        carol buy BTC 4 @ 100 gtc                  -> filled 4 for 400
        alice triggers BTC tp 0@105 sl 0@95
        alice sell BTC 8 @ 100 gtc                 -> resting 8
        carol buy BTC 8 @ 100 gtc                  -> filled 8 for 800
        alice triggers BTC
        bob   triggers BTC sl 4@105
        bob   buy BTC 10 @ 100 gtc                 -> resting 10
        carol sell BTC 10 @ 100 gtc                -> filled 10 for 1000
        bob   triggers BTC
        ",
    );
}

#[test]
fn nothing_fires_on_a_stale_index() {
    long(
        "
        // the average of the book's distance from the index carries the mark past 100.5 after half a minute
        carol buy BTC 20 @ 102 gtc                 -> resting 20
        dave  sell BTC 20 @ 103 gtc                -> resting 20
        alice tp sell BTC 10 @ 100.5 reduce        -> waiting
        advance 45000
        alice triggers BTC tp 10@100.5
        index BTC 100
        alice triggers BTC
        alice position BTC 0
        ",
    );
}

#[test]
fn nothing_fires_in_a_halted_universe_and_triggers_can_be_cancelled_there() {
    let mut venue = long("alice sl sell BTC 10 @ 98 reduce cloid 1 -> waiting");
    let record = venue.state().universe(CORE).expect("core").clone();
    let halted = UniverseRecord { halted: Some("a test".to_owned()), ..record };
    venue.damage(Record::Universe { id: CORE, record: halted });
    scenario_on(
        &mut venue,
        "
        index BTC 90
        alice triggers BTC sl 10@98
        alice sl sell BTC 10 @ 80                  -> rejected universe_halted
        alice cancel BTC 1                         -> canceled 1
        alice triggers BTC
        ",
    );
}

#[test]
fn nothing_fires_and_no_slice_trades_on_a_halted_chain() {
    let mut venue = long(
        "
        carol buy BTC 900 @ 95 gtc                 -> resting 900
        alice sl sell BTC 10 @ 98 reduce cloid 1   -> waiting
        bob   twap sell BTC 100 5                  -> runs
        ",
    );
    let halted = ChainRecord { halted: Some("a test".to_owned()), ..venue.state().chain().clone() };
    venue.damage(Record::Chain { id: (), record: halted });
    scenario_on(
        &mut venue,
        "
        index BTC 90
        alice triggers BTC sl 10@98
        bob   twaps 0 of 100
        book BTC 900@95 |
        alice cancel BTC 1                         -> canceled 1
        bob   end-twap bob 1                       -> done
        ",
    );
}

#[test]
fn cancels_find_triggers_and_names_are_shared_with_orders() {
    long(
        "
        alice sl sell BTC 1 @ 90 reduce cloid 5    -> waiting
        alice buy BTC 1 @ 99 gtc cloid 5           -> rejected client_order_id_in_use
        alice sl sell BTC 1 @ 91 cloid 5           -> rejected client_order_id_in_use
        alice modify 5 sell BTC 1 @ 91 gtc         -> rejected order_not_open
        bob   cancel BTC 5                         -> rejected order_not_open
        alice cancel BTC/USDC 5                    -> rejected order_not_open
        alice cancel BTC 5                         -> canceled 1
        alice cancel BTC 5                         -> rejected order_not_open
        alice sl sell BTC 1 @ 90 reduce            -> waiting
        alice buy BTC 1 @ 99 gtc cloid 5           -> resting 1
        alice sl sell BTC 1 @ 91 cloid 5           -> rejected client_order_id_in_use
        alice cancel-all BTC/USDC                  -> canceled 0
        alice cancel-all BTC                       -> canceled 2
        alice sl sell BTC 1 @ 90 reduce            -> waiting
        alice cancel-all                           -> canceled 1
        alice sl sell BTC 1 @ 90 reduce            -> waiting
        alice schedule-cancel 6000                 -> done
        advance 6100
        alice triggers BTC
        ",
    );
}

fn block_with_index(venue: &mut Venue, value: &str) -> BlockOutcome {
    let time_ms = venue.engine.time_ms().saturating_add(1_000);
    let prices = bundle(BTC, &[price(value); 4], time_ms);
    venue.block_at(time_ms, &[], Some(&prices)).expect("a valid block")
}

fn canceled(outcome: &BlockOutcome) -> Vec<CancelReason> {
    let reason = |event: &Event| match event {
        Event::TriggerCanceled { reason, .. } => Some(*reason),
        _ => None,
    };
    outcome.events.iter().filter_map(reason).collect()
}

fn fired(outcome: &BlockOutcome) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::TriggerFired { trigger, .. } => Some(trigger.id.get()),
        _ => None,
    };
    outcome.events.iter().filter_map(number).collect()
}

fn stop(size: u64, at: &str) -> TriggerRequest {
    TriggerRequest {
        market: PERP,
        side: Side::Sell,
        size: Size::new(size),
        trigger_price: price(at),
        purpose: TriggerPurpose::StopLoss,
        limit: None,
        reduce_only: false,
        client_order_id: None,
    }
}

fn single(triggers: Vec<TriggerRequest>) -> Action {
    Action::PlaceTriggers { parent: None, triggers, grouping: TriggerGrouping::Single }
}

#[test]
fn at_most_so_many_fire_per_block_in_order_of_number_and_what_is_due_stays_due() {
    let mut venue = check("index BTC 100");
    for name in ["alice", "bob", "carol"] {
        for _ in 0..2 {
            let outcome = venue.act(name, single(vec![stop(1, "95"); 40])).outcome;
            assert!(matches!(outcome, Outcome::Orders { results } if results.len() == 40));
        }
    }
    let first = block_with_index(&mut venue, "90");
    // The mark comes back; what was due fires all the same.
    let second = block_with_index(&mut venue, "110");
    let third = block_with_index(&mut venue, "110");
    let fired = [fired(&first), fired(&second), fired(&third)];
    assert_eq!(fired.each_ref().map(Vec::len), [TRIGGERS_PER_BLOCK_MAX, TRIGGERS_PER_BLOCK_MAX, 40]);
    assert!(fired.concat().is_sorted(), "in order of number");
    assert_eq!(venue.state().triggers().count(), 0);
}

#[test]
fn an_account_has_so_many_triggers_in_a_market() {
    let mut venue = check("index BTC 100");
    let mut results = Vec::new();
    for _ in 0..3 {
        let Outcome::Orders { results: more } = venue.act("alice", single(vec![stop(1, "95"); 40])).outcome else {
            panic!("orders have results");
        };
        results.extend(more);
    }
    let refused = OrderResult::Rejected { rejection: Rejection::TooManyTriggers { waiting: 100, limit: 100 } };
    assert_eq!(results.iter().filter(|result| **result == refused).count(), 20);
    assert_eq!(venue.state().triggers().count(), TRIGGERS_PER_ACCOUNT_MAX);
    assert_eq!(venue.act("alice", single(vec![stop(1, "95")])).outcome, Outcome::Orders { results: vec![refused] });
}

#[test]
fn refusals_change_nothing() {
    let mut venue = check("alice sl sell BTC 10 @ 98 -> rejected no_fresh_price");
    scenario_on(&mut venue, LONG);
    let before = venue.comparable();
    let refusals = "
        alice sl sell BTC/USDC 1 @ 90              -> rejected no_mark
        alice sl sell BTC 1 @ 100                  -> rejected trigger_would_fire
        alice sl sell BTC 1 @ 100.5                -> rejected trigger_would_fire
        alice tp sell BTC 1 @ 100                  -> rejected trigger_would_fire
        alice sl buy BTC 1 @ 99.5                  -> rejected trigger_would_fire
        alice tp buy BTC 1 @ 100.5                 -> rejected trigger_would_fire
        alice sl sell BTC 0 @ 90                   -> rejected zero_size
        alice sl sell BTC 1 @ 0                    -> rejected price_not_positive
        alice sl sell BTC 1 @ -5                   -> rejected price_not_positive
        alice sl sell BTC 1 @ 90.3                 -> rejected off_tick
        alice sl sell BTC 1 @ 90 limit 0           -> rejected price_not_positive
        alice sl sell BTC 1 @ 90 limit 90.2        -> rejected off_tick
        alice sl sell BTC 1 @ 9                    -> rejected below_minimum_notional
        alice sl sell BTC 200000 @ 90              -> rejected above_maximum_notional
        alice sl sell BTC 18446744073709551615 @ 90 -> rejected above_maximum_notional
        alice oco sell BTC 5 tp 110                -> refused wrong_trigger_group
        alice oco buy BTC 5 tp 95 sl 105           -> refused wrong_trigger_side
        alice oco sell BTC 5 tp 95 sl 90           -> refused trigger_would_fire
        alice oco sell BTC 5 tp 110 sl 105         -> refused trigger_would_fire
        alice oco sell BTC 0 tp 110 sl 90          -> refused zero_size
        alice oco sell BTC/USDC 5 tp 110 sl 90     -> refused no_mark
        alice close buy BTC 0 sl 105               -> refused reduce_only_would_increase
        carol close sell BTC 0 sl 95               -> refused reduce_only_would_increase
        alice close sell BTC 0 sl 105              -> refused trigger_would_fire
        alice close sell BTC/USDC 0 sl 105         -> refused no_mark
        alice bracket buy BTC 10 @ 99 gtc tp 99    -> refused trigger_would_fire
        alice bracket buy BTC/USDC 10 @ 99 gtc tp 199 -> refused no_mark
        alice bracket buy BTC 5000 @ 99 gtc tp 110 -> rejected position_cap, rejected parent_not_open
    ";
    scenario_on(&mut venue, refusals);
    assert_eq!(venue.comparable(), before);
}

#[test]
fn groups_have_their_own_parts_and_nothing_else() {
    let mut venue = check(LONG);
    let before = venue.comparable();
    let take = TriggerRequest { trigger_price: price("105"), purpose: TriggerPurpose::TakeProfit, ..stop(1, "95") };
    let order = OrderRequest {
        market: PERP,
        side: Side::Buy,
        price: price("99"),
        size: Size::new(10),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    let elsewhere = TriggerRequest { market: SPOT, ..take };
    let other_side = TriggerRequest { side: Side::Buy, ..take };
    let wrong = |grouping| Rejection::WrongTriggerGroup { grouping };
    let cases = [
        (Some(order), vec![take], TriggerGrouping::Single, wrong(TriggerGrouping::Single)),
        (
            Some(order),
            vec![take, stop(1, "95")],
            TriggerGrouping::OneCancelsOther,
            wrong(TriggerGrouping::OneCancelsOther),
        ),
        (None, vec![take, take], TriggerGrouping::OneCancelsOther, wrong(TriggerGrouping::OneCancelsOther)),
        (None, vec![take, stop(1, "95"), take], TriggerGrouping::Position, wrong(TriggerGrouping::Position)),
        (None, vec![take], TriggerGrouping::Attached, wrong(TriggerGrouping::Attached)),
        (Some(order), vec![], TriggerGrouping::Attached, wrong(TriggerGrouping::Attached)),
        (Some(order), vec![take, take], TriggerGrouping::Attached, wrong(TriggerGrouping::Attached)),
        (
            None,
            vec![stop(1, "95"), elsewhere],
            TriggerGrouping::OneCancelsOther,
            Rejection::WrongTriggerSide { market: SPOT, side: Side::Sell },
        ),
        (
            None,
            vec![stop(1, "95"), other_side],
            TriggerGrouping::OneCancelsOther,
            Rejection::WrongTriggerSide { market: PERP, side: Side::Buy },
        ),
        (
            Some(order),
            vec![other_side],
            TriggerGrouping::Attached,
            Rejection::WrongTriggerSide { market: PERP, side: Side::Buy },
        ),
    ];
    for (parent, triggers, grouping, rejection) in cases {
        let outcome = venue.act("alice", Action::PlaceTriggers { parent, triggers, grouping }).outcome;
        assert_eq!(outcome, Outcome::Rejected { rejection });
        assert_eq!(venue.comparable(), before);
    }
}

#[test]
fn a_position_beyond_the_largest_order_is_closed_as_far_as_one_order_goes() {
    let mut genesis = crate::testing::genesis();
    genesis.markets[0].maximum_notional_usd = crate::testing::usd("500");
    let mut venue = Venue::with(genesis);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC 5 @ 100 gtc                  -> resting 5
        bob   sell BTC 5 @ 100 gtc                 -> filled 5 for 500
        alice buy BTC 5 @ 100 gtc                  -> resting 5
        bob   sell BTC 5 @ 100 gtc                 -> filled 5 for 500
        carol buy BTC 5 @ 95 gtc                   -> resting 5
        carol buy BTC 5 @ 95 gtc                   -> resting 5
        alice close sell BTC 0 sl 98               -> waiting
        // at most 500 USD at the limit of 83.5: five lots
        index BTC 90
        alice position BTC 5 cost 500
        ",
    );
}
