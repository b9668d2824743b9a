//! Liquidity pools through the engine: opening, coming, going, and trading beside the book; what is refused.

use crate::{
    action::{Actor, native},
    liquidity::{Reserves, reserves},
    state::{Record, UniverseRecord},
    testing::{BTC, CORE, PERP, SPOT, SPOT_FINE, USDC, Venue, account_of, check, genesis, price, scenario_on, usd},
    work::Work,
};
use palisade_types::{
    action::{Action, ExecutionClass},
    address::AccountId,
    event::{CancelReason, Event},
    genesis::GenesisBalance,
    hash::ActionId,
    ids::{MarketId, OrderId},
    limits::{BATCH_MAX, MATCH_STEPS_MAX},
    numbers::{Amount, Shares, Size, Usd},
    order::{OrderRequest, Side, TimeInForce},
    pool::PoolFee,
    receipt::{OrderResult, Outcome},
    rejection::Rejection,
};

#[path = "pool_collateral_tests.rs"]
mod collateral;

const DOLLAR: i128 = 100_000_000;

/// A pool of 100 at 100 with a fee of 0.3 %: it bids 98.5 and asks 101.5.
fn opened() -> Venue {
    check("alice open-pool BTC/USDC 100 10000 30       -> created")
}

fn events_of(venue: &mut Venue, name: &str, action: Action) -> Vec<Event> {
    let signed = venue.sign(name, action);
    venue.block(&[signed], None).events
}

fn order(side: Side, size: u64, at: &str, time_in_force: TimeInForce) -> OrderRequest {
    let size = Size::new(size);
    OrderRequest {
        market: SPOT,
        side,
        price: price(at),
        size,
        time_in_force,
        reduce_only: false,
        client_order_id: None,
    }
}

fn per_pool(venue: &Venue) -> Reserves {
    let market = venue.state().market(SPOT).expect("a market");
    reserves(venue.state(), market, market.spot().expect("a spot market"))
}

#[test]
fn a_pool_trades_with_whoever_comes_and_keeps_its_fee() {
    check(
        "
        alice open-pool BTC/USDC 100 10000 30       -> created
        pool BTC/USDC holds 100 10000
        pool BTC/USDC quotes 98.5 101.5
        // √(10^10 × 10^12), less a thousandth
        pool BTC/USDC shares of alice 99900000000
        alice holds USDC 90000
        alice holds BTC 900
        bob   buy BTC/USDC 1 @ 101 ioc              -> rejected nothing_to_match
        // the third lot would be at 105.51: two at 20000 / 98 / 0.997 / 2 = 102.35, and the rest waits
        bob   buy BTC/USDC 5 @ 105 gtc              -> filled 2 for 205 resting 3
        bob   holds BTC 1002
        // the market's taker fee of 3.5 bp
        bob   holds USDC 99794.92825 locked 315.11025
        pool BTC/USDC holds 98 10205
        pool BTC/USDC quotes 102.5 106
        book BTC/USDC 3@105 |
        // the resting order is better than the pool, which takes the rest
        carol sell BTC/USDC 5 @ 100 ioc             -> filled 5 for 518
        carol holds USDC 100517.8187
        pool BTC/USDC holds 100 10002
        book BTC/USDC |
        ",
    );
}

#[test]
fn orders_and_pool_take_turns_by_price_and_the_order_is_first_among_equals() {
    check(
        "
        alice open-pool BTC/USDC 100 10000 30       -> created
        erin  sell BTC/USDC 1 @ 101.5 gtc           -> resting 1
        erin  sell BTC/USDC 2 @ 103 gtc             -> resting 2
        dave  sell BTC/USDC 1 @ 104 gtc             -> resting 1
        // erin at 101.5, the pool at 101.5, erin at 103, the pool at 103.5, dave at 104, the pool at 106
        bob   buy BTC/USDC 8 @ 106 ioc              -> filled 7 for 722.5 canceled immediate_or_cancel
        pool BTC/USDC holds 97 10311
        erin  holds BTC 997
        dave  holds BTC 999
        bob   holds BTC 1007
        book BTC/USDC |
        ",
    );
}

#[test]
fn every_time_in_force_meets_the_pool() {
    check(
        "
        alice open-pool BTC/USDC 100 10000 30       -> created
        bob   buy BTC/USDC 1 @ 101.5 alo            -> rejected would_match
        carol sell BTC/USDC 1 @ 98.5 alo            -> rejected would_match
        bob   buy BTC/USDC 1 @ 98 alo               -> resting 1
        carol sell BTC/USDC 1 @ 102 alo             -> resting 1
        dave  buy BTC/USDC 1 @ 101 ioc              -> rejected nothing_to_match
        dave  buy BTC/USDC 1 @ 101.5 ioc            -> filled 1 for 101.5
        dave  sell BTC/USDC 1 @ 99 ioc              -> filled 1 for 100.5
        pool BTC/USDC holds 100 10001
        // two of the pool at 102.5 would do, but carol's at 102 is between
        dave  buy BTC/USDC 40 @ 105 fok             -> rejected not_fillable
        pool BTC/USDC holds 100 10001
        book BTC/USDC 1@98 | 1@102
        dave  buy BTC/USDC 2 @ 102 fok              -> filled 2 for 203.5
        dave  sell BTC/USDC 1 @ 90 gtt+5000         -> filled 1 for 100.5
        ",
    );
}

#[test]
fn a_trade_is_told_with_the_pool_as_maker_and_what_it_holds_then() {
    let mut venue = opened();
    let orders = vec![order(Side::Buy, 2, "110", TimeInForce::Ioc)];
    let events = events_of(&mut venue, "bob", Action::Place { orders });
    let place = events.iter().position(|event| matches!(event, Event::Traded(_))).expect("a trade");
    let Event::Traded(trade) = &events[place] else { panic!("a trade") };
    let pool = AccountId::pool(SPOT);
    assert_eq!((trade.maker.account, trade.maker.order, trade.maker.fee_usd), (pool, OrderId::POOL, Usd::ZERO));
    assert_eq!((trade.price, trade.size, trade.quote_usd), (price("102.5"), Size::new(2), usd("205")));
    assert_eq!((trade.taker.account, trade.taker.fee_usd), (account_of("bob"), usd("0.07175")));
    let (base_reserve, quote_reserve) = (Amount::new(98 * DOLLAR), Amount::new(10_205 * DOLLAR));
    assert_eq!(events[place + 1], Event::PoolTraded { market: SPOT, trade: trade.id, base_reserve, quote_reserve });
    assert_eq!(venue.state().market_state(SPOT).last_price, Some(price("102.5")));
    assert_eq!(venue.state().account(account_of("bob")).expect("bob").volume_usd, usd("205"));
    assert_eq!(venue.state().balance(AccountId::fees(CORE), CORE, USDC), Amount::new(7_175_000));
    assert!(venue.state().orders_of(pool).next().is_none(), "a pool has no orders");
}

#[test]
fn coming_and_going_is_told_and_bounded_by_what_was_said() {
    let mut venue = opened();
    scenario_on(
        &mut venue,
        "
        // 10 and 1000 are a tenth of what there is
        bob   join-pool BTC/USDC 10 5000            -> done
        pool BTC/USDC holds 110 11000
        pool BTC/USDC shares of bob 10000000000
        bob   holds USDC 99000
        bob   holds BTC 990
        carol join-pool BTC/USDC 20 2000 least 20000000001 -> refused pool_shares_below_minimum
        carol join-pool BTC/USDC 20 2000 least 20000000000 -> done
        // somebody moves the price: a thirteenth is 8.46 and 1183.08 then
        dave  buy BTC/USDC 30 @ 140 ioc             -> filled 20 for 2380 canceled immediate_or_cancel
        pool BTC/USDC holds 110 15380
        bob   leave-pool BTC/USDC 10000000000 least 9 1000 -> refused pool_amount_below_minimum
        bob   leave-pool BTC/USDC 10000000000 least 8 1184 -> refused pool_amount_below_minimum
        bob   leave-pool BTC/USDC 10000000001       -> refused insufficient_shares
        bob   leave-pool BTC/USDC 10000000000 least 8 1183 -> done
        bob   holds BTC 998.46153846
        bob   holds USDC 100183.07692307
        pool BTC/USDC shares of bob 0
        bob   leave-pool BTC/USDC 1                 -> refused insufficient_shares
        ",
    );
}

#[test]
fn what_no_pool_can_be_is_refused_with_its_numbers() {
    let mut venue = check(
        "
        alice open-pool BTC 100 10000 30            -> refused not_a_spot_market
        alice join-pool BTC/USDC 1 100              -> refused unknown_pool
        alice leave-pool BTC/USDC 1                 -> refused unknown_pool
        alice open-pool BTC/USDC 1001 10000 30      -> refused insufficient_balance
        alice open-pool BTC/USDC 100 100001 30      -> refused insufficient_balance
        bob   buy BTC/USDC 1 @ 102 gtc cloid 1      -> resting 1
        alice open-pool BTC/USDC 100 10000 30       -> refused pool_crosses_book
        bob   cancel BTC/USDC 1                     -> canceled 1
        bob   sell BTC/USDC 1 @ 98 gtc cloid 1      -> resting 1
        alice open-pool BTC/USDC 100 10000 30       -> refused pool_crosses_book
        bob   cancel BTC/USDC 1                     -> canceled 1
        bob   buy BTC/USDC 1 @ 101 gtc cloid 1      -> resting 1
        bob   sell BTC/USDC 1 @ 102 gtc cloid 2     -> resting 1
        alice open-pool BTC/USDC 100 10000 30       -> created
        bob   open-pool BTC/USDC 100 10000 30       -> refused pool_exists
        bob   join-pool BTC/USDC 0 100              -> refused amount_not_positive
        bob   join-pool BTC/USDC 1 -1               -> refused amount_not_positive
        bob   join-pool BTC/USDC 0.09 100           -> refused below_minimum_deposit
        bob   join-pool BTC/USDC 1 0.00000001       -> refused pool_shares_below_minimum
        bob   leave-pool BTC/USDC 0                 -> refused insufficient_shares
        ",
    );
    let open = |base, quote| Action::CreatePool {
        market: SPOT_FINE,
        base: Amount::new(base),
        quote: Amount::new(quote),
        fee: PoolFee::OneBasisPoint,
    };
    let refused = |venue: &mut Venue, action| venue.refused("carol", account_of("carol"), action);
    let minimum = Amount::new(1_000_000);
    assert_eq!(
        refused(&mut venue, open(999_999, 100 * DOLLAR)),
        Rejection::BelowPoolMinimum { asset: BTC, amount: Amount::new(999_999), minimum }
    );
    let (amount, minimum) = (Amount::new(100 * DOLLAR - 1), Amount::new(100 * DOLLAR));
    assert_eq!(
        refused(&mut venue, open(1_000_000, amount.get())),
        Rejection::BelowPoolMinimum { asset: USDC, amount, minimum }
    );
    let limit = Amount::new(10i128.pow(28));
    assert_eq!(
        refused(&mut venue, open(limit.get() + 1, 100 * DOLLAR)),
        Rejection::PoolTooLarge { asset: BTC, amount: Amount::new(limit.get() + 1), limit }
    );
    let unknown = MarketId::new(10_099);
    let leave = Action::WithdrawPool {
        market: unknown,
        shares: Shares::new(1),
        base_minimum: Amount::ZERO,
        quote_minimum: Amount::ZERO,
    };
    assert_eq!(refused(&mut venue, leave), Rejection::UnknownMarket { market: unknown });
    // Nobody gives a pool anything, opened or not.
    for market in [SPOT, SPOT_FINE] {
        let to = AccountId::pool(market);
        let gift = Action::Transfer { universe: CORE, to, asset: USDC, amount: Amount::new(1) };
        assert_eq!(refused(&mut venue, gift), Rejection::InvalidRecipient { to });
    }
    assert!(venue.engine.state().is_system_account(AccountId::pool(SPOT)));
    assert!(!venue.engine.state().is_system_account(AccountId::pool(PERP)));
}

#[test]
fn a_genesis_gives_a_pool_nothing() {
    let mut genesis = genesis();
    let (universe, account, asset, amount) = (CORE, AccountId::pool(SPOT), USDC, Amount::new(1));
    genesis.balances.push(GenesisBalance { universe, account, asset, amount });
    assert!(genesis.check().is_err());
}

#[test]
fn a_halted_universe_stops_its_pools() {
    let mut venue = opened();
    let record = venue.state().universe(CORE).expect("a universe").clone();
    let halted = UniverseRecord { halted: Some("a test".to_owned()), ..record };
    venue.damage(Record::Universe { id: CORE, record: halted });
    scenario_on(
        &mut venue,
        "
        bob   open-pool BTCm/USDC 100 10000 30      -> refused universe_halted
        bob   join-pool BTC/USDC 10 1000            -> refused universe_halted
        alice leave-pool BTC/USDC 5                 -> refused universe_halted
        bob   buy BTC/USDC 1 @ 110 ioc              -> rejected universe_halted
        ",
    );
}

/// A gate keeps funds in their universe, and what goes into a pool or comes out of it stays there.
#[test]
fn a_gate_does_not_close_pools() {
    let mut venue = opened();
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let record = state.universe(CORE).expect("a universe").clone();
    state.put(Record::Universe { id: CORE, record: UniverseRecord { gated_since_ms: Some(now), ..record } });
    let mut work = Work::new(state, genesis, now);
    let (base_maximum, quote_maximum) = (Amount::new(10 * DOLLAR), Amount::new(1_000 * DOLLAR));
    let join = Action::DepositPool { market: SPOT, base_maximum, quote_maximum, shares_minimum: Shares::ZERO };
    let (base_minimum, quote_minimum) = (Amount::ZERO, Amount::ZERO);
    let leave = Action::WithdrawPool { market: SPOT, shares: Shares::new(1_000), base_minimum, quote_minimum };
    let trade = Action::Place { orders: vec![order(Side::Buy, 1, "110", TimeInForce::Ioc)] };
    let actor = Actor { account: account_of("bob"), action: ActionId::default() };
    for action in [join, leave, trade] {
        let outcome = native(&mut work, &actor, &action).map_err(|stop| stop.rejection);
        assert!(matches!(outcome, Ok(Outcome::Done | Outcome::Orders { .. })), "{action:?}: {outcome:?}");
    }
    assert!(work.events.iter().any(|event| matches!(event, Event::PoolTraded { .. })));
    work.state.revert_to(start);
}

/// Nothing that a pool does looks at an index.
#[test]
fn a_pool_needs_no_index() {
    check(
        "
        index BTC 100
        alice open-pool BTC/USDC 100 10000 30       -> created
        advance 20000
        bob   join-pool BTC/USDC 10 1000            -> done
        bob   buy BTC/USDC 1 @ 110 ioc              -> filled 1 for 101.5
        alice leave-pool BTC/USDC 5000              -> done
        ",
    );
}

#[test]
fn a_sub_account_may_hold_shares_and_a_pool_is_nobodys_group() {
    check(
        "
        alice create-sub lp                         -> created
        alice fund alice/lp USDC 20000              -> done
        alice fund alice/lp BTC 200                 -> done
        alice/lp open-pool BTC/USDC 100 10000 30    -> created
        pool BTC/USDC shares of alice/lp 99900000000
        // who has shares trades with the pool as anybody does
        alice buy BTC/USDC 1 @ 101.5 ioc            -> filled 1 for 101.5
        alice/lp buy BTC/USDC 1 @ 110 ioc           -> filled 1 for 103.5
        ",
    );
}

#[test]
fn a_vault_cannot_have_shares() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 1000                 -> created
        bob open-pool BTC/USDC 100 10000 30         -> created
        ",
    );
    let vault = venue.state().vaults_led_by(account_of("alice")).next().expect("a vault").0;
    let (base_maximum, quote_maximum) = (Amount::new(1), Amount::new(1));
    let join = Action::DepositPool { market: SPOT, base_maximum, quote_maximum, shares_minimum: Shares::ZERO };
    let signed = venue.sign_for("alice", vault, join);
    let time_ms = venue.engine.time_ms().saturating_add(10);
    assert!(venue.block_at(time_ms, &[signed], None).is_err(), "its money is not the leader's to move");
}

#[test]
fn steps_with_the_pool_count() {
    let mut venue = check("alice open-pool BTC/USDC 500 50000 1        -> created");
    let mut asks: Vec<OrderRequest> =
        (0..160).map(|place| order(Side::Sell, 1, &format!("{}", 101 + place), TimeInForce::Gtc)).collect();
    while !asks.is_empty() {
        let orders: Vec<OrderRequest> = asks.drain(..asks.len().min(BATCH_MAX)).collect();
        venue.act("erin", Action::Place { orders });
    }
    let signed = venue.sign("bob", Action::Place { orders: vec![order(Side::Buy, 333, "300", TimeInForce::Ioc)] });
    let outcome = venue.block(&[signed], None);
    let Outcome::Orders { results } = &outcome.receipts[0].outcome else { panic!("orders have results") };
    let OrderResult::Accepted { remainder_canceled, .. } = results[0] else { panic!("{results:?}") };
    assert_eq!(remainder_canceled, Some(CancelReason::MatchStepLimit));
    let trades: Vec<AccountId> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Traded(trade) => Some(trade.maker.account),
            _ => None,
        })
        .collect();
    assert_eq!(trades.len(), MATCH_STEPS_MAX as usize);
    let of_pool = trades.iter().filter(|maker| **maker == AccountId::pool(SPOT)).count();
    assert!((100..=156).contains(&of_pool), "they take turns: {of_pool}");
}

#[test]
fn who_comes_takes_turns_with_orders_and_who_goes_is_first() {
    let (market, base, quote) = (SPOT, Amount::new(1), Amount::new(1));
    let class = |action: Action| action.execution_class();
    assert_eq!(class(Action::CreatePool { market, base, quote, fee: PoolFee::OneBasisPoint }), ExecutionClass::C);
    let shares_minimum = Shares::ZERO;
    let join = Action::DepositPool { market, base_maximum: base, quote_maximum: quote, shares_minimum };
    assert_eq!(class(join), ExecutionClass::C);
    let leave = Action::WithdrawPool { market, shares: Shares::new(1), base_minimum: base, quote_minimum: quote };
    assert_eq!(class(leave), ExecutionClass::A);
}

/// Whoever comes, trades and goes, with the price moved far between coming and going, takes nothing from who stays.
#[test]
fn coming_and_going_around_own_trades_never_pays() {
    let fine = |side, size, at: &str| OrderRequest { market: SPOT_FINE, ..order(side, size, at, TimeInForce::Ioc) };
    for (side, there, back, buys_at, sells_at) in
        [(Side::Buy, "200", "70", "200", "70"), (Side::Sell, "40", "120", "115", "45")]
    {
        let mut venue = check("alice open-pool BTCm/USDC 100 10000 30 -> created");
        let funds = |venue: &Venue| {
            let of = |asset| venue.state().balance(account_of("bob"), CORE, asset).get();
            (of(BTC), of(USDC))
        };
        let before = funds(&venue);
        venue.act("bob", Action::Place { orders: vec![fine(side, 20_000, there)] });
        let moved = funds(&venue);
        assert_eq!((before.0 - moved.0).abs(), 20 * DOLLAR, "the first trade is filled whole");
        scenario_on(&mut venue, "bob join-pool BTCm/USDC 50 50000 -> done");
        venue.act("bob", Action::Place { orders: vec![fine(side.opposite(), 20_000, back)] });
        let shares = venue.state().pool_shares(SPOT_FINE, account_of("bob"));
        assert!(shares > Shares::ZERO);
        let (base_minimum, quote_minimum) = (Amount::ZERO, Amount::ZERO);
        venue.act("bob", Action::WithdrawPool { market: SPOT_FINE, shares, base_minimum, quote_minimum });
        // Back to as many coins as before, but for less than a lot.
        let lots = (before.0 - funds(&venue).0).div_euclid(DOLLAR / 1_000);
        let (last, at) = if lots > 0 { (Side::Buy, buys_at) } else { (Side::Sell, sells_at) };
        venue.act("bob", Action::Place { orders: vec![fine(last, lots.unsigned_abs() as u64, at)] });
        let after = funds(&venue);
        let missing = before.0 - after.0;
        assert!((0..DOLLAR / 1_000).contains(&missing), "{side:?}: {missing}");
        // The thousandth of a coin that is missing is worth no more than 20 cents here.
        assert!(after.1 - DOLLAR / 5 < before.1, "{side:?}: {before:?} {after:?}");
    }
}

/// A sandwich can only take what the victim's own limit gives away: a limit at the price that the victim saw leaves nothing.
#[test]
fn a_sandwich_takes_nothing_from_who_says_a_price() {
    let mut venue = opened();
    let usdc = |venue: &Venue, name: &str| venue.state().balance(account_of(name), CORE, USDC).get();
    let before = usdc(&venue, "bob");
    scenario_on(
        &mut venue,
        "
        bob   buy BTC/USDC 10 @ 150 ioc             -> filled 10 for 1115
        // carol saw two lots at 102.5
        carol buy BTC/USDC 2 @ 102.5 ioc            -> rejected nothing_to_match
        ",
    );
    venue.act("bob", Action::Place { orders: vec![order(Side::Sell, 10, "80", TimeInForce::Ioc)] });
    assert_eq!(venue.state().balance(account_of("bob"), CORE, BTC), Amount::new(1_000 * DOLLAR));
    assert!(usdc(&venue, "bob") < before);
    assert_eq!(usdc(&venue, "carol"), 100_000 * DOLLAR);
    let there = per_pool(&venue);
    assert!(there.base.get() * there.quote.get() > 100 * DOLLAR * 10_000 * DOLLAR, "the pool gained: {there:?}");
}
