use super::*;
use crate::{
    execute::BlockOutcome,
    options::portfolio::need,
    testing::{
        BTC, CORE, FUNDED, GENESIS_TIME, PERP, USDC, Venue, account_of, bundle, genesis, price, scenario_on, usd,
    },
};
use palisade_types::{
    action::Action,
    market::MarketKind,
    numbers::{Size, Usd},
    order::{OrderRequest, TimeInForce},
    rejection::Rejection,
};

const FUTURE: MarketId = MarketId::new(MarketId::FIRST_FUTURE);
const EXPIRES_MS: TimeMs = GENESIS_TIME.saturating_add(3 * 3_600_000);

/// The usual venue with a future on BTC in lots of a thousandth.
fn venue() -> Venue {
    let mut genesis = genesis();
    let kind = MarketKind::Future {
        underlying: BTC,
        expires_at_ms: EXPIRES_MS,
        maximum_leverage: 40,
        open_interest_maximum: Size::new(5_000_000),
        position_maximum: Size::new(3_000_000),
        risk: Default::default(),
    };
    let future = MarketSpec { id: FUTURE, symbol: "BTC-15NOV23".to_owned(), kind, ..genesis.markets[0].clone() };
    genesis.markets.push(MarketSpec { size_decimals: 3, minimum_notional_usd: Usd::ZERO, ..future });
    Venue::with(genesis)
}

/// A block a number of milliseconds before (or after) the expiry, with or without prices.
fn block_at(venue: &mut Venue, from_expiry_ms: i64, index: Option<&str>) -> BlockOutcome {
    let time_ms = TimeMs::new(EXPIRES_MS.get().checked_add_signed(from_expiry_ms).expect("in range"));
    let bundle = index.map(|index| bundle(BTC, &[price(index); 4], time_ms));
    venue.block_at(time_ms, &[], bundle.as_ref()).expect("the block is valid")
}

fn worth_of_all(state: &State) -> i128 {
    let balance = |account| state.balance(account, CORE, USDC).get();
    let people: i128 = FUNDED.iter().map(|name| balance(account_of(name))).sum();
    people + balance(AccountId::fees(CORE)) + balance(AccountId::insurance(CORE))
}

fn settlement(venue: &Venue) -> SettlementRecord {
    *venue.state().settlement(FUTURE).expect("the window has begun")
}

/// Half an hour at 100, half an hour later at 104: settled in between, everybody paid, the book gone.
#[test]
fn a_future_is_settled_on_the_mean_of_its_last_half_hour() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 2000 @ 100 gtc   -> filled 2000 for 200
        carol sell BTC-15NOV23 1000 @ 100 gtc   -> filled 1000 for 100
        dave  buy BTC-15NOV23 500 @ 98 gtc cloid 1 -> resting 500
        alice position BTC-15NOV23 3000 cost 300
        ",
    );
    block_at(&mut venue, -1_860_000, Some("100"));
    venue.keep_index(BTC, price("100"), 960_000);
    assert_eq!(venue.state().mark(FUTURE).expect("a mark").price, price("100"));
    // The mark follows by half: at 104, half of the outcome is known.
    venue.keep_index(BTC, price("104"), 16_000);
    let mark = venue.state().mark(FUTURE).expect("a mark").price;
    assert!(mark > price("101.9") && mark < price("102.1"), "{mark}");
    assert_eq!(settlement(&venue).free_mark, Some(price("104")));
    venue.keep_index(BTC, price("104"), 880_000);
    let mut events = block_at(&mut venue, 0, Some("104")).events;
    assert_eq!(venue.state().positions().count(), 3, "losses first: the next block delivers");
    events.extend(block_at(&mut venue, 10, None).events);
    let measured_ms = settlement(&venue).measured_ms;
    assert_eq!(measured_ms, 1_800_000);
    let settled = settlement(&venue).price.expect("it is over");
    // 892 s of the half hour were at 104: 100 + 4 × 892 / 1800.
    assert_eq!(settled, price("101.98222222"));
    let paid: Vec<(AccountId, i128)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delivered { account, price, payoff_usd, .. } => {
                assert_eq!(*price, settled);
                Some((*account, payoff_usd.get()))
            }
            _ => None,
        })
        .collect();
    let payoff_of = |name| paid.iter().find(|(who, _)| *who == account_of(name)).map(|(_, paid)| *paid);
    assert_eq!(payoff_of("alice"), Some(usd("5.94666666").get()));
    assert_eq!(payoff_of("bob"), Some(usd("-3.96444444").get()));
    assert_eq!(payoff_of("carol"), Some(usd("-1.98222222").get()));
    let order_of_events: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::SettlementPriceFixed { .. } => Some("fixed"),
            Event::OrderCanceled { reason: CancelReason::Delisted, .. } => Some("canceled"),
            Event::Delivered { .. } => Some("delivered"),
            Event::MarketSettled { .. } => Some("settled"),
            _ => None,
        })
        .collect();
    assert_eq!(order_of_events, ["fixed", "canceled", "delivered", "delivered", "delivered", "settled"]);
    scenario_on(
        &mut venue,
        "
        alice position BTC-15NOV23 0
        alice buy BTC-15NOV23 1 @ 100 gtc   -> rejected market_expired
        dave  cancel BTC-15NOV23 1          -> rejected order_not_open
        alice holds USDC 100005.91666666
        ",
    );
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
    assert_eq!(venue.state().live_futures().count(), 0);
    // And nothing happens any more.
    let events = venue.after_gap(BTC, price("300"), 60_000).events;
    assert!(!events.iter().any(|event| matches!(event, Event::MarkUpdated { market, .. } if *market == FUTURE)));
}

/// Trading ends with the first block at the expiry, whatever it brings; the actions of that block are too late.
#[test]
fn trading_ends_at_the_expiry() {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    block_at(&mut venue, -1_000, Some("100"));
    let buy = |venue: &mut Venue| {
        let request = OrderRequest {
            market: FUTURE,
            side: Side::Buy,
            price: price("100"),
            size: Size::new(1),
            time_in_force: TimeInForce::Gtc,
            reduce_only: false,
            client_order_id: None,
        };
        venue.sign("alice", Action::Place { orders: vec![request] })
    };
    let early = buy(&mut venue);
    let late = buy(&mut venue);
    let last = TimeMs::new(EXPIRES_MS.get() - 1);
    let outcome = venue.block_at(last, &[early], None).expect("valid");
    assert!(outcome.events.iter().any(|event| matches!(event, Event::OrderRested { .. })));
    let outcome = venue.block_at(EXPIRES_MS, &[late], None).expect("valid");
    let expired = Rejection::MarketExpired { market: FUTURE, expired_at_ms: EXPIRES_MS };
    assert!(
        outcome
            .events
            .iter()
            .any(|event| matches!(event, Event::OrderRejected { rejection, .. } if *rejection == expired))
    );
    assert!(
        outcome
            .events
            .iter()
            .any(|event| { matches!(event, Event::OrderCanceled { reason: CancelReason::Delisted, .. }) })
    );
    assert_eq!(expired.to_string(), format!("market 110000 expired at {EXPIRES_MS}: trade another expiry"));
}

/// A window that nobody saw: the market is closed, and waits for the first index after its expiry.
#[test]
fn settlement_waits_for_an_index_if_the_window_was_not_measured() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 3000 @ 100 gtc   -> filled 3000 for 300
        ",
    );
    block_at(&mut venue, -700, Some("107"));
    for from_expiry_ms in [300, 1_300, 2_300] {
        let events = block_at(&mut venue, from_expiry_ms, None).events;
        assert!(!events.iter().any(|event| matches!(event, Event::SettlementPriceFixed { .. })));
    }
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23 3000 @ 100 gtc reduce -> rejected market_expired
        alice position BTC-15NOV23 3000 cost 300
        ",
    );
    let events = block_at(&mut venue, 30_000, Some("93")).events;
    let fixed = events.iter().find_map(|event| match event {
        Event::SettlementPriceFixed { price, measured_ms, .. } => Some((*price, *measured_ms)),
        _ => None,
    });
    assert_eq!(fixed, Some((price("93"), 700)));
    let events = block_at(&mut venue, 30_010, None).events;
    assert!(events.iter().any(|event| matches!(event, Event::MarketSettled { dust_usd, .. } if dust_usd.is_zero())));
    // 3 × (93 − 100), less the maker's fee of 0.03
    scenario_on(&mut venue, "alice holds USDC 99978.97");
}

/// Scenario 20: a spike of 10 % in the last minute and a delayed last block move the payoff by a third of a percent.
#[test]
fn scenario_20_an_expiry_print_pays_little() {
    let mut paid = Vec::new();
    for (spiked, delay_ms) in [(false, 0), (true, 0), (true, 45_000)] {
        let mut venue = venue();
        scenario_on(
            &mut venue,
            "
            index BTC 100
            alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
            bob   sell BTC-15NOV23 3000 @ 100 gtc   -> filled 3000 for 300
            ",
        );
        block_at(&mut venue, -1_860_000, Some("100"));
        venue.keep_index(BTC, price("100"), 1_792_000);
        block_at(&mut venue, -60_000, Some(if spiked { "110" } else { "100" }));
        venue.keep_index(BTC, price(if spiked { "110" } else { "100" }), 56_000);
        block_at(&mut venue, delay_ms, Some("100"));
        block_at(&mut venue, delay_ms + 10, None);
        paid.push(venue.state().balance(account_of("alice"), CORE, USDC).get() - usd("99999.97").get());
        assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
    }
    // Three whole units, 100 each: at most 10 % × 60 / 1800 of 300.
    assert_eq!(paid[0], 0);
    assert_eq!(paid[1], usd("0.99999999").get());
    assert_eq!(paid[2], paid[1], "who delays the last block gains nothing");
}

/// 1,000 orders are all that one block cancels; what happens in between changes nobody's payoff.
#[test]
fn delivery_is_bounded_per_block_and_goes_on() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 2000 @ 100 gtc   -> filled 2000 for 200
        carol sell BTC-15NOV23 1000 @ 100 gtc   -> filled 1000 for 100
        ",
    );
    let order = OrderRequest {
        market: FUTURE,
        side: Side::Buy,
        price: price("99"),
        size: Size::new(1),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    for name in FUNDED {
        for _ in 0..5 {
            venue.act(name, Action::Place { orders: vec![order; 40] });
        }
    }
    assert_eq!(venue.state().open_order_count(), 1_000);
    block_at(&mut venue, -1_860_000, Some("100"));
    venue.keep_index(BTC, price("102"), 1_859_000);
    let fixed = block_at(&mut venue, 0, Some("102")).events;
    assert!(fixed.iter().any(|event| matches!(event, Event::SettlementPriceFixed { .. })));
    let settled = settlement(&venue).price.expect("fixed");
    assert_eq!((venue.state().open_order_count(), venue.state().positions().count()), (0, 3));
    assert_eq!(venue.state().mark(FUTURE).expect("a mark").price, settled, "valued at the settlement price");
    let events = block_at(&mut venue, 1_100, Some("50")).events;
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Delivered { .. })).count(), 3);
    assert!(events.iter().all(|event| !matches!(event, Event::Delivered { price, .. } if *price != settled)));
    assert_eq!(venue.state().live_futures().count(), 0);
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// While positions are delivered one by one, the audit follows to the unit.
#[test]
fn every_step_of_a_delivery_balances() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 1001 @ 100.5 gtc  -> resting 1001
        bob   sell BTC-15NOV23 334 @ 100 gtc    -> filled 334 for 33.567
        carol sell BTC-15NOV23 333 @ 100 gtc    -> filled 333 for 33.4665
        dave  sell BTC-15NOV23 334 @ 100 gtc    -> filled 334 for 33.567
        ",
    );
    let (state, genesis) = venue.engine.parts_mut();
    let mut work = Work::new(state, genesis, EXPIRES_MS);
    let index = *work.state.index(BTC).expect("an index");
    let odd = price("100.12345678");
    let record = SettlementRecord { price: Some(odd), ..SettlementRecord::first(&index, EXPIRES_MS, EXPIRES_MS) };
    work.state.put(Record::Settlement { id: FUTURE, record });
    let market = work.state.shared_market(FUTURE).expect("the future");
    let start = work.checkpoint();
    for left in (0..4).rev() {
        let mut steps = 1;
        settle(&mut work, &market, EXPIRES_MS, &mut steps).expect("in range");
        assert_eq!(work.state.position_totals(FUTURE).long + work.state.position_totals(FUTURE).short > 0, left > 0);
        assert_eq!(crate::execute::audit_for_tests(work.state), None);
        assert_eq!(crate::execute::audit::check_changed(work.state, start.state()), None);
    }
    let record = work.state.settlement(FUTURE).copied().expect("the record");
    assert!(record.is_settled);
    // Four positions, three of whose values were not whole: shorts pay up, the long gets what is rounded down.
    let dust = work.state.balance(AccountId::insurance(CORE), CORE, USDC).get();
    assert!((1..4).contains(&dust), "{dust}");
    assert_eq!(work.state.balance(AccountId::clearing(FUTURE), CORE, USDC), Amount::ZERO);
    assert_eq!(worth_of_all(work.state), 5 * usd("100000").get());
}

/// The audit sees a delivery that pays twice, or whose lots are forgotten.
#[test]
fn the_audit_sees_a_wrong_delivery() {
    for (name, damage) in [
        ("lots", (|record| SettlementRecord { delivered_lots: 1, ..record }) as fn(SettlementRecord) -> _),
        ("value", |record| SettlementRecord { delivered_value_usd: Usd::new(1), ..record }),
    ] {
        let mut venue = venue();
        scenario_on(&mut venue, "index BTC 100");
        let index = *venue.state().index(BTC).expect("an index");
        let record = damage(SettlementRecord::first(&index, EXPIRES_MS, EXPIRES_MS));
        venue.engine.state_mut().put(Record::Settlement { id: FUTURE, record });
        assert!(crate::execute::audit_for_tests(venue.state()).is_some(), "{name}");
    }
}

/// A future against the perpetual needs little in a portfolio, until its price is fixed: then the perpetual stands alone.
#[test]
fn a_future_that_is_fixed_hedges_nothing() {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    let need_of = |venue: &Venue, positions: &[(MarketId, i64)]| {
        need(venue.state(), CORE, positions.iter().copied()).expect("in range").maintenance_usd
    };
    let hedged = [(PERP, -10), (FUTURE, 10_000)];
    assert!(need_of(&venue, &hedged) < need_of(&venue, &hedged[..1]));
    block_at(&mut venue, 5_000, Some("104"));
    assert_eq!(settlement(&venue).price, Some(price("104")));
    assert_eq!(need_of(&venue, &hedged), need_of(&venue, &hedged[..1]));
}

/// An isolated position is paid into its purse, which is then returned.
#[test]
fn an_isolated_position_gives_its_purse_back() {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    let isolate = Action::UpdateLeverage {
        market: FUTURE,
        leverage: 10,
        margin_mode: palisade_types::action::MarginMode::Isolated,
    };
    venue.act("alice", isolate);
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 3000 @ 100 gtc   -> filled 3000 for 300
        ",
    );
    let purse = AccountId::isolated(account_of("alice"), FUTURE);
    assert!(venue.state().balance(purse, CORE, USDC) > Amount::ZERO);
    block_at(&mut venue, -1_860_000, Some("100"));
    venue.keep_index(BTC, price("102"), 1_859_000);
    block_at(&mut venue, 0, Some("102"));
    block_at(&mut venue, 10, None);
    assert_eq!(venue.state().balance(purse, CORE, USDC), Amount::ZERO);
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// Who cannot pay is dealt with before the winners are delivered: they bear the loss, at the settlement price, and nothing
/// is paid that nobody has.
#[test]
fn losses_come_before_deliveries() {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    let margin_mode = palisade_types::action::MarginMode::Isolated;
    venue.act("alice", Action::UpdateLeverage { market: FUTURE, leverage: 10, margin_mode });
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 2000 @ 100 gtc   -> filled 2000 for 200
        carol sell BTC-15NOV23 1000 @ 100 gtc   -> filled 1000 for 100
        ",
    );
    let purse = AccountId::isolated(account_of("alice"), FUTURE);
    let balance = |venue: &Venue, account| venue.state().balance(account, CORE, USDC).get();
    let (own, staked) = (balance(&venue, account_of("alice")), balance(&venue, purse));
    assert!(staked > usd("29").get() && staked < usd("31").get());
    let winners = balance(&venue, account_of("bob")) + balance(&venue, account_of("carol"));
    let fees = balance(&venue, AccountId::fees(CORE));
    // Nobody saw the window: the first index after it is the price, and alice owes five times what she staked.
    let events = block_at(&mut venue, 5_000, Some("50")).events;
    assert!(events.iter().any(|event| matches!(event, Event::Deleveraged { .. })), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Delivered { .. })));
    block_at(&mut venue, 5_010, None);
    assert!(settlement(&venue).is_settled);
    assert_eq!(balance(&venue, account_of("alice")), own, "her other funds are not touched");
    assert_eq!(balance(&venue, purse), 0);
    let won = balance(&venue, account_of("bob")) + balance(&venue, account_of("carol")) - winners;
    let kept = balance(&venue, AccountId::fees(CORE)) + balance(&venue, AccountId::insurance(CORE)) - fees;
    assert_eq!(won + kept, staked, "what was there and no more");
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// Below maintenance, but with enough to pay: delivery closes the position, no vault and no fee.
#[test]
fn a_market_that_is_over_liquidates_nobody_who_can_pay() {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    let margin_mode = palisade_types::action::MarginMode::Isolated;
    venue.act("alice", Action::UpdateLeverage { market: FUTURE, leverage: 40, margin_mode });
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 3000 @ 100 gtc   -> filled 3000 for 300
        ",
    );
    // A loss of 6 of a purse of 7.5.
    let events = block_at(&mut venue, 5_000, Some("98")).events;
    assert!(events.iter().any(|event| {
        matches!(event, Event::MarginCalled { level: MarginLevel::Liquidatable, market: Some(FUTURE), .. })
    }));
    let events = [events, block_at(&mut venue, 5_010, None).events].concat();
    assert!(!events.iter().any(|event| matches!(event, Event::Liquidated(_) | Event::Deleveraged { .. })));
    assert!(settlement(&venue).is_settled);
    // 100000 − the fee of 0.03 − 6
    scenario_on(&mut venue, "alice holds USDC 99993.97");
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// A halted universe's futures wait as they are.
#[test]
fn a_halted_universe_delivers_nothing() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice buy BTC-15NOV23 3000 @ 100 gtc    -> resting 3000
        bob   sell BTC-15NOV23 3000 @ 100 gtc   -> filled 3000 for 300
        ",
    );
    block_at(&mut venue, -1_000, Some("100"));
    let (state, genesis) = venue.engine.parts_mut();
    let mut work = Work::new(state, genesis, EXPIRES_MS.saturating_add(5_000));
    halt_universe(&mut work, CORE, "for a test");
    run(&mut work);
    assert_eq!(work.state.positions().count(), 2);
    assert!(work.state.settlement(FUTURE).is_some_and(|record| record.price.is_none()));
}

/// SplitMix64.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Random trades at random prices, a random way to the expiry: whatever is held is delivered, and nothing is lost.
#[test]
fn random_positions_are_delivered_zero_sum() {
    for seed in 1..=6u64 {
        let mut random = seed;
        let mut venue = venue();
        scenario_on(&mut venue, "index BTC 100");
        for _ in 0..60 {
            let name = FUNDED[usize::try_from(next(&mut random) % 5).expect("small")];
            let ticks = i64::try_from(next(&mut random) % 20).expect("small");
            let request = OrderRequest {
                market: FUTURE,
                side: if next(&mut random).is_multiple_of(2) { Side::Buy } else { Side::Sell },
                price: palisade_types::numbers::Price::new((190 + ticks) * 50_000_000),
                size: Size::new(1 + next(&mut random) % 5_000),
                time_in_force: TimeInForce::Gtc,
                reduce_only: false,
                client_order_id: None,
            };
            venue.act(name, Action::Place { orders: vec![request] });
        }
        assert!(venue.state().positions().count() > 1, "seed {seed}");
        let mut from_expiry_ms = -1_850_000;
        while from_expiry_ms < 0 {
            let index = format!("{}.{}", 95 + next(&mut random) % 10, next(&mut random) % 100_000_000);
            block_at(&mut venue, from_expiry_ms, Some(&index));
            from_expiry_ms += i64::try_from(1_000 + next(&mut random) % 60_000).expect("small");
        }
        block_at(&mut venue, 20_000, Some("100.00000007"));
        block_at(&mut venue, 20_010, None);
        assert!(settlement(&venue).is_settled, "seed {seed}");
        assert_eq!(venue.state().positions().count(), 0, "seed {seed}");
        assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get(), "seed {seed}");
    }
}

#[test]
fn triggers_and_twaps_end_with_their_market() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice bracket buy BTC-15NOV23 1000 @ 99 gtc tp 105 -> resting 1000, waiting for a fill
        alice sl sell BTC-15NOV23 1000 @ 90     -> waiting
        alice quote BTC-15NOV23 10@98 10@103    -> bid rests, ask rests
        bob   twap buy BTC-15NOV23 100000 1440  -> runs
        ",
    );
    block_at(&mut venue, -1_800_000, Some("100"));
    let outcome = block_at(&mut venue, 0, Some("80"));
    let reasons: Vec<CancelReason> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Event::TriggerCanceled { reason, .. } => Some(*reason),
            Event::TriggerFired { .. } => panic!("trading is over: {event:?}"),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [CancelReason::Delisted; 2]);
    assert_eq!(venue.state().quotes().count(), 0);
    assert!(outcome.events.iter().any(|event| matches!(event, Event::TwapEnded { .. })));
    scenario_on(
        &mut venue,
        "
        alice triggers BTC-15NOV23
        bob   twaps
        alice sl sell BTC-15NOV23 1000 @ 70     -> rejected market_expired
        alice twap buy BTC-15NOV23 100000 1440  -> refused market_expired
        alice quote BTC-15NOV23 10@98 -         -> bid rejected market_expired, no ask
        ",
    );
}
