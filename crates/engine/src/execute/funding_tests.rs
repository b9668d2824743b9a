use crate::{
    Engine,
    state::{FundingRecord, Record, RecordKey, State},
    testing::{BTC, CORE, FUNDED, PERP, USDC, Venue, account_of, check, price, scenario_on, usd},
};
use palisade_types::{
    address::AccountId,
    event::Event,
    numbers::{FundingIndex, FundingRate, Usd},
};
use std::sync::Arc;

/// What everybody is worth, and what the clearing account holds: nothing comes or goes by funding.
fn worth_of_all(state: &State) -> i128 {
    let equity = |name: &str| {
        let margin = crate::accounts::margin(state, account_of(name), CORE).expect("in range");
        margin.equity_usd().expect("in range").get()
    };
    let people: i128 = FUNDED.iter().map(|name| equity(name)).sum();
    people + state.balance(AccountId::fees(CORE), CORE, USDC).get()
}

fn funding(venue: &Venue) -> FundingRecord {
    *venue.state().funding(PERP).expect("funding of the perpetual")
}

/// The bids stand 1 % above the index: F8 = 1 % − 0.05 %, an eighth of it an hour, of an index of 100.
#[test]
fn longs_pay_shorts_while_the_book_stands_above_the_index() {
    let venue = check(
        "
        // 2791.99 s of the hour are measured: 0.00125 % × 2791.99 / 3600
        index BTC 100 for 2800000
        funding BTC rate 0.000009694409 index 0.00096944
        alice buy BTC 3 @ 100 gtc          -> resting 3
        bob   sell BTC 3 @ 100 gtc         -> filled 3 for 300
        carol buy BTC 100 @ 101 gtc        -> resting 100
        alice equity 99999.97
        bob   equity 99999.895
        // the first 8.04 s still had an empty book: mean premium 0.997767 %
        index BTC 100 for 3600000
        funding BTC rate 0.001184708333 index 0.11944027
        // owed at once: 3 lots × 0.11847083; paid when the position is touched
        alice holds USDC 99999.97
        alice equity 99999.61458751
        bob   equity 100000.25041249
        dave  sell BTC 1 @ 101 gtc         -> filled 1 for 101
        alice sell BTC 1 @ 101 gtc         -> filled 1 for 101
        alice position BTC 2 cost 200
        alice holds USDC 100000.57923751
        bob   holds USDC 99999.895
        bob   buy BTC 3 @ 102 gtc          -> resting 3
        carol sell BTC 3 @ 102 gtc         -> filled 3 for 306
        bob   position BTC 0
        bob   holds USDC 99994.21981249
        ",
    );
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// What is owed is announced before the trade that made it due, once, and to the unit for both sides.
#[test]
fn payments_are_announced_and_sum_to_zero() {
    let mut venue = check(
        "
        index BTC 100 for 2800000
        alice buy BTC 3 @ 100 gtc          -> resting 3
        bob   sell BTC 2 @ 100 gtc         -> filled 2 for 200
        carol sell BTC 1 @ 100 gtc         -> filled 1 for 100
        index BTC 99.97 for 3600000
        funding BTC rate 0.0000125 index 0.00221906
        ",
    );
    let request = |side, lots| palisade_types::order::OrderRequest {
        market: PERP,
        side,
        price: price("99.5"),
        size: palisade_types::numbers::Size::new(lots),
        time_in_force: palisade_types::order::TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    let place = |side, lots| palisade_types::action::Action::Place { orders: vec![request(side, lots)] };
    let actions = [
        venue.sign("bob", place(palisade_types::order::Side::Buy, 3)),
        venue.sign("carol", place(palisade_types::order::Side::Buy, 1)),
    ];
    venue.block(&actions, None);
    let sells = venue.sign("alice", place(palisade_types::order::Side::Sell, 4));
    let events = venue.block(&[sells], None).events;
    let mut trades = 0;
    let paid: Vec<(AccountId, Usd)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Traded(_) => {
                trades += 1;
                None
            }
            Event::FundingPaid { account, market, amount_usd, position, from_index, index } => {
                assert_eq!(*market, PERP);
                let lots = i128::from(position.get());
                assert_eq!(amount_usd.get(), lots * i128::from(index.get() - from_index.get()));
                Some((*account, *amount_usd))
            }
            _ => None,
        })
        .collect();
    assert_eq!(trades, 2);
    assert_eq!(paid.len(), 3, "alice pays once, with her first fill: {paid:?}");
    assert_eq!(paid.iter().map(|(_, amount)| amount.get()).sum::<i128>(), 0);
    assert_eq!(paid.iter().find(|(who, _)| *who == account_of("alice")).map(|(_, paid)| paid.get()), Some(3 * 124_962));
    assert_eq!(venue.state().balance(AccountId::clearing(PERP), CORE, USDC).get() + cost_of_all(venue.state()), 0);
}

fn cost_of_all(state: &State) -> i128 {
    state.positions().map(|(_, record)| record.entry_cost_usd.get()).sum()
}

/// Nobody saw eight hours: what was measured before costs its part, the rest nothing, in one step.
#[test]
fn an_outage_costs_only_what_was_measured() {
    let mut venue = check(
        "
        index BTC 100 for 2800000
        alice buy BTC 3 @ 100 gtc          -> resting 3
        bob   sell BTC 3 @ 100 gtc         -> filled 3 for 300
        index BTC 100 for 1800000
        ",
    );
    let before = funding(&venue);
    // The newest sample counts for 10 s more: 1800.03 s of samples and 10 s.
    let events = venue.after_gap(BTC, price("80"), 8 * 3_600_000).events;
    let set: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::FundingRateSet { .. })).collect();
    let [Event::FundingRateSet { rate, index_price, .. }] = set[..] else { panic!("one step: {set:?}") };
    assert_eq!(*index_price, price("80"));
    assert_eq!(rate.get(), 12_500_000 * (1_800_030 + 10_000) / 3_600_000);
    let after = funding(&venue);
    assert_eq!(after.index.get() - before.index.get(), rate.get() * 80 / 10_000);
    assert_eq!((after.hour - before.hour, after.measured_ms), (8, 0));
}

/// Without a fresh index there is no sample, and an hour that ends then costs nothing.
#[test]
fn an_hour_that_ends_on_a_stale_index_costs_nothing() {
    check(
        "
        index BTC 100 for 2750000
        advance 60000
        funding BTC rate 0 index 0
        index BTC 100 for 3590000
        funding BTC rate 0.000012437465 index 0.00124374
        ",
    );
}

/// Scenario 19: quotes that nobody could trade with, or that their owners cannot pay for, move nothing.
#[test]
fn scenario_19_thin_and_uncollateralised_quotes_move_no_funding() {
    let venue = check(
        "
        index BTC 100 for 2800000
        alice buy BTC 100 @ 100 gtc        -> resting 100
        bob   sell BTC 100 @ 100 gtc       -> filled 100 for 10000
        // 99 lots are less than the impact notional, however far they stand
        carol buy BTC 66 @ 149 gtc         -> resting 66
        index BTC 100 for 3600000
        funding BTC rate 0.0000125 index 0.00221944
        carol cancel-all                   -> canceled 1
        // dave buys 2000 lots at 40x, bids far up for more, and keeps just enough for it
        alice sell BTC 2000 @ 100 gtc      -> resting 2000
        dave  leverage BTC 40              -> done
        dave  buy BTC 2000 @ 100 gtc       -> filled 2000 for 200000
        dave  transfer carol USDC 94500    -> done
        dave  buy BTC 110 @ 101 gtc        -> resting 110
        // 1 % down, and none of it is covered any more
        index BTC 99 for 3600000
        alice cancel-all                   -> canceled 0
        ",
    );
    let covered = crate::accounts::margin(venue.state(), account_of("dave"), CORE).expect("in range");
    assert!(covered.check_initial().is_err(), "dave is below his initial requirement");
    assert_eq!(funding(&venue).last_rate, FundingRate::new(12_500_000));
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// Scenario 19: a quote that is only there while samples are taken costs the crowd no more than the cap, and what is
/// paid sums to zero.
#[test]
fn scenario_19_a_quote_at_sample_times_is_capped() {
    let mut venue = check(
        "
        index BTC 100 for 2800000
        alice buy BTC 100 @ 100 gtc        -> resting 100
        bob   sell BTC 100 @ 100 gtc       -> filled 100 for 10000
        ",
    );
    for _ in 0..60 {
        // Just before the sample, and away just after it.
        scenario_on(&mut venue, "erin buy BTC 150 @ 150 gtc -> resting 150");
        venue.keep_index(BTC, price("100"), 5_000);
        scenario_on(&mut venue, "erin cancel-all -> canceled 1");
    }
    venue.keep_index(BTC, price("100"), 3_300_000);
    let last = funding(&venue);
    // 40x: the cap is 0.9375 % an hour, whatever the quote; 50 % for 5 of 60 minutes would come to 0.51 %.
    assert!(last.last_rate.get() > 5_000_000_000 && last.last_rate.get() <= 9_375_000_000, "{}", last.last_rate);
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// A chain at an hour with open positions, before the next full hour.
fn venue_with_positions() -> Venue {
    check(
        "
        index BTC 100 for 2800000
        alice buy BTC 100 @ 100 gtc        -> resting 100
        bob   sell BTC 100 @ 100 gtc       -> filled 100 for 10000
        index BTC 100 for 3595000
        ",
    )
}

/// Damages the funding record between two blocks and goes past the full hour, without the checks that every test makes.
fn hour_after(damage: impl FnOnce(&mut State)) -> (FundingIndex, Vec<Event>, State) {
    let mut venue = venue_with_positions();
    let before = funding(&venue).index;
    damage(venue.engine.state_mut());
    let time_ms = venue.engine.time_ms().saturating_add(6_000);
    let bundle = crate::testing::bundle(BTC, &[price("100"); 4], time_ms);
    let input = crate::BlockInput {
        height: venue.engine.height().next(),
        time_ms,
        parent: Default::default(),
        oracle_bundle: Some(&bundle),
        actions: &[],
    };
    let outcome = venue.engine.execute(&venue.rules, &input).expect("the block is valid");
    (before, outcome.events, venue.engine.state().clone())
}

fn put_funding(state: &mut State, change: impl FnOnce(FundingRecord) -> FundingRecord) {
    let record = change(*state.funding(PERP).expect("funding of the perpetual"));
    state.put(Record::Funding { id: PERP, record });
}

/// Scenario 18: a step that is larger than an hour may cost is not made, and the universe stops.
#[test]
fn scenario_18_an_index_that_would_jump_is_refused() {
    for (name, damage) in [
        (
            "a carry beyond a unit",
            (|record| FundingRecord { carry: 10i128.pow(24), ..record }) as fn(FundingRecord) -> _,
        ),
        ("more time than the hour has", |record| FundingRecord { measured_ms: 3_700_000, ..record }),
        ("a sum that no samples make", |record| FundingRecord { integral: i128::MAX, ..record }),
        ("an index at its end", |record| FundingRecord { index: FundingIndex::MAX, ..record }),
    ] {
        let (before, events, state) = hour_after(|state| put_funding(state, damage));
        let halted = |event: &Event| matches!(event, Event::UniverseHalted { universe, .. } if *universe == CORE);
        assert!(events.iter().any(halted), "{name}: {events:?}");
        let after = state.funding_index(PERP);
        assert!(after == before || after == FundingIndex::MAX, "{name}: the step is not made");
        assert!(!events.iter().any(|event| matches!(event, Event::FundingRateSet { .. })), "{name}");
    }
    // Undamaged, the hour is paid for.
    let (before, events, state) = hour_after(|_| {});
    assert_eq!(state.funding_index(PERP).get() - before.get(), 125_000);
    assert!(!events.iter().any(|event| matches!(event, Event::UniverseHalted { .. })));
}

/// Scenario 18: an index that is gone while positions are held.
#[test]
fn scenario_18_an_index_that_is_gone_stops_the_universe() {
    let (_, events, state) = hour_after(|state| state.delete(RecordKey::Funding(PERP)));
    let halted = |event: &Event| matches!(event, Event::UniverseHalted { .. });
    assert!(events.iter().any(halted), "{events:?}");
    assert!(state.funding(PERP).is_none());
}

/// Scenario 18: whatever sets an index within a block, a migration or an action, is seen by the audit.
#[test]
fn scenario_18_the_audit_sees_an_index_that_moved_too_far() {
    for (moved, found) in [(93_750_000, false), (93_750_001, true), (-93_750_001, true), (-93_750_000, false)] {
        let mut venue = venue_with_positions();
        let state = venue.engine.state_mut();
        let start = state.checkpoint();
        put_funding(state, |record| FundingRecord { index: FundingIndex::new(record.index.get() + moved), ..record });
        assert_eq!(crate::execute::audit::check_changed(state, start).is_some(), found, "{moved}");
        state.revert_to(start);
        assert_eq!(crate::execute::audit::check_changed(state, start), None);
    }
    let mut venue = venue_with_positions();
    let state = venue.engine.state_mut();
    let start = state.checkpoint();
    state.delete(RecordKey::Funding(PERP));
    assert!(crate::execute::audit::check_changed(state, start).is_some(), "an index that is gone");
}

/// Scenario 18: a restart keeps the index: the same next block makes the same writes.
#[test]
fn scenario_18_a_restart_keeps_the_index() {
    let mut venue = venue_with_positions();
    let values: Vec<Vec<u8>> = venue.state().records().map(|record| record.encode()).collect();
    let genesis = Arc::clone(venue.engine.genesis());
    let mut restarted = Engine::from_records(genesis, values.into_iter()).expect("own records");
    let time_ms = venue.engine.time_ms().saturating_add(6_000);
    let bundle = crate::testing::bundle(BTC, &[price("100"); 4], time_ms);
    let input = crate::BlockInput {
        height: venue.engine.height().next(),
        time_ms,
        parent: Default::default(),
        oracle_bundle: Some(&bundle),
        actions: &[],
    };
    let writes = venue.checked(&input).expect("the block is valid").writes;
    assert_eq!(restarted.execute(&venue.rules, &input).expect("the block is valid").writes, writes);
    assert_eq!(restarted.state().funding_index(PERP), funding(&venue).index);
}

/// A halted universe's funding stands still.
#[test]
fn a_halted_universe_pays_no_funding() {
    let (before, events, state) = hour_after(|state| {
        let record = state.universe(CORE).expect("the core universe").clone();
        let record = crate::state::UniverseRecord { halted: Some("for a test".to_owned()), ..record };
        state.put(Record::Universe { id: CORE, record });
    });
    assert_eq!(state.funding_index(PERP), before);
    assert!(!events.iter().any(|event| matches!(event, Event::FundingRateSet { .. })));
}
