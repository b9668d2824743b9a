//! Block trades through the engine: asking, quoting, accepting; everything that refuses one and changes nothing.

use super::BLOCK_NOTIONAL_MINIMUM_USD;
use crate::{
    action::{self, Actor},
    state::{Record, UniverseRecord},
    testing::{
        BTC, CORE, PERP, SPOT, USDC, Venue, account_of,
        multi_leg::{EXPIRES_MS, FUTURE, NEXT, venue},
        price, scenario_on, usd,
    },
    work::Work,
};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    event::{Event, Trade},
    hash::ActionId,
    ids::{BlockQuoteId, BlockRequestId, MarketId},
    limits::{BLOCK_MAKERS_MAX, BLOCK_QUOTES_PER_REQUEST_MAX, BLOCK_REQUEST_MS_MAX, BLOCK_REQUESTS_PER_ACCOUNT_MAX},
    multi_leg::{BlockEnd, BlockPrice, BlockQuote, BlockQuoteTerms, BlockTerms, Leg, LegsFault, MakerFault},
    numbers::{Amount, Price, Size},
    order::Side,
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

fn leg(market: MarketId, side: Side, ratio: u32) -> Leg {
    Leg { market, side, ratio }
}

fn ahead(venue: &Venue, milliseconds: u64) -> TimeMs {
    venue.engine.time_ms().saturating_add(milliseconds)
}

/// Buy BTC, sell NEXT, 500 of each: 100,000 USD at marks of 100.
fn terms(venue: &Venue) -> BlockTerms {
    BlockTerms {
        legs: vec![leg(PERP, Side::Buy, 1), leg(NEXT, Side::Sell, 1)],
        side: None,
        lots: Size::new(500),
        makers: Vec::new(),
        expires_at_ms: ahead(venue, 60_000),
    }
}

fn request_refused(venue: &mut Venue, block: BlockTerms) -> Rejection {
    venue.refused("alice", account_of("alice"), Action::RequestBlock { block })
}

fn first_request(venue: &Venue, name: &str) -> BlockRequestId {
    venue.state().block_requests_of(account_of(name)).next().expect("a request").id
}

fn first_quote(venue: &Venue, name: &str) -> BlockQuoteId {
    venue.state().block_quotes_of(account_of(name)).next().expect("a quote").id
}

/// Alice accepts bob's first quote for her first request.
fn acceptance(venue: &Venue) -> Action {
    Action::AcceptBlock { request: first_request(venue, "alice"), quote: first_quote(venue, "bob") }
}

fn accept_refused(venue: &mut Venue) -> Rejection {
    let action = acceptance(venue);
    venue.refused("alice", account_of("alice"), action)
}

/// A venue at 100 in which alice asks for the spread and bob sells it to her at a net price of 1.
fn quoted() -> Venue {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice rfq buy BTC*1 sell NEXT*1 lots 500 makers bob,carol  -> requested
        bob offer alice 1 sell 500 net 1                           -> quoted
        ",
    );
    venue
}

#[test]
fn a_block_trades_all_legs_at_a_net_price_and_touches_no_book() {
    let mut venue = quoted();
    scenario_on(
        &mut venue,
        "
        dave offer alice 1 sell 500 net 0           -> refused not_asked
        carol offer alice 1 sell 500 at 101.5,99.5  -> quoted
        carol offer alice 1 buy 400 net -1          -> refused below_minimum_notional
        // better prices in the books are not met, and nobody who is there is passed over by anything but the block
        dave sell BTC 5 @ 100 gtc cloid 1           -> resting 5
        ",
    );
    let action = acceptance(&venue);
    let signed = venue.sign("alice", action);
    let outcome = venue.block(&[signed], None);
    let numbers: Vec<String> = outcome.events.iter().map(told).collect();
    assert_eq!(
        numbers,
        [
            "block 500 for 500",
            "trade 0 500@101 Buy",
            "trade 1 500@100 Sell",
            "quote ended Traded",
            "quote ended RequestEnded",
            "request ended Traded"
        ]
    );
    let [Event::BlockTraded(block), Event::Traded(first), Event::Traded(second), ..] = &outcome.events[..] else {
        panic!("a block and its legs");
    };
    assert_eq!((block.first_trade, block.trades), (first.id, 2));
    assert_eq!(second.id.get(), first.id.get() + 1);
    assert_eq!((block.taker, block.maker), (account_of("alice"), account_of("bob")));
    let numbers = |trade: &Trade| (trade.taker.order.get(), trade.maker.order.get());
    assert_eq!(numbers(first), (block.request.get(), block.quote.get()));
    for market in [PERP, NEXT] {
        assert_eq!(venue.state().market_state(market).last_price, None, "no last price is set");
    }
    assert_eq!(venue.state().block_requests().count(), 0);
    scenario_on(
        &mut venue,
        "
        alice position BTC 500 cost 50500
        alice position NEXT -500 cost -50000
        bob position BTC -500 cost -50500
        bob position NEXT 500 cost 50000
        // 3.5 bp of 100500 and 1 bp of it
        alice holds USDC 99964.825
        bob holds USDC 99989.95
        book BTC | 5@100
        ",
    );
    assert_eq!(venue.state().position_totals(PERP).long, 500);
    let volume = |name| venue.state().account(account_of(name)).map(|record| record.volume_usd);
    assert_eq!((volume("alice"), volume("bob")), (Some(usd("100500")), Some(usd("100500"))));
}

/// What an event says, in short.
fn told(event: &Event) -> String {
    match event {
        Event::BlockTraded(block) => format!("block {} for {}", block.lots, block.quote_usd),
        Event::Traded(trade) => format!("trade {} {}@{} {:?}", trade.market, trade.size, trade.price, trade.taker_side),
        Event::BlockQuoteEnded { reason, .. } => format!("quote ended {reason:?}"),
        Event::BlockRequestEnded { reason, .. } => format!("request ended {reason:?}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn prices_of_legs_and_the_other_side() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        // alice sells what she asks for: makers may only buy
        alice rfq buy BTC*1 buy FINE*200 lots 400 to sell     -> requested
        bob offer alice 1 sell 400 at 100,100                 -> refused wrong_quote_side
        bob offer alice 1 buy 400 at 100                      -> refused invalid_legs
        bob offer alice 1 buy 400 at 100.3,100                -> refused off_tick
        bob offer alice 1 buy 400 at 100,-100                 -> refused price_not_positive
        bob offer alice 1 buy 400 at 100,151                  -> refused leg_outside_band
        bob offer alice 1 buy 400 net 7.5                     -> refused off_tick
        bob offer alice 1 buy 401 at 100,100                  -> refused out_of_range
        bob offer alice 1 buy 0 at 100,100                    -> refused zero_size
        bob offer alice 2 buy 400 at 100,100                  -> refused block_request_not_open
        alice offer alice 1 buy 400 at 100,100                -> refused same_owner
        bob offer alice 1 buy 400 at 100,100 for 0            -> refused time_not_ahead
        // a part of the units, at less than the whole
        bob offer alice 1 buy 350 at 99,100.2                 -> quoted
        alice accept alice 1 bob 1                            -> done
        // 350 × 99 and 70000 × 100.2 / 100
        alice position BTC -350 cost -34650
        alice position FINE -70000 cost -70140
        bob position FINE 70000 cost 70140
        alice accept alice 1 bob 1                            -> refused block_request_not_open
        ",
    );
}

#[test]
fn requests_are_checked() {
    let mut venue = venue();
    let block = terms(&venue);
    assert_eq!(request_refused(&mut venue, block), Rejection::NoFreshPrice { market: PERP }, "no marks yet");
    scenario_on(&mut venue, "index BTC 100");
    let good = terms(&venue);
    let legs = |legs: Vec<Leg>| BlockTerms { legs, ..good.clone() };
    let too_small = Rejection::BelowMinimumNotional { notional: usd("99800"), minimum: BLOCK_NOTIONAL_MINIMUM_USD };
    let cases = [
        (
            legs(vec![leg(SPOT, Side::Buy, 1)]),
            Rejection::InvalidLegs { fault: LegsFault::NoDerivative { market: SPOT } },
        ),
        (BlockTerms { lots: Size::new(499), ..good.clone() }, too_small),
        (BlockTerms { lots: Size::ZERO, ..good.clone() }, Rejection::ZeroSize),
        (
            BlockTerms { lots: Size::new(u64::MAX), legs: vec![leg(PERP, Side::Buy, 2)], ..good.clone() },
            Rejection::Overflow,
        ),
        (
            BlockTerms { makers: vec![account_of("bob"); BLOCK_MAKERS_MAX + 1], ..good.clone() },
            Rejection::TooMany { what: "makers of a block request".to_owned(), limit: 16 },
        ),
        (
            BlockTerms { makers: vec![account_of("bob"), account_of("alice")], ..good.clone() },
            Rejection::SameOwner { account: account_of("alice") },
        ),
    ];
    for (block, expected) in cases {
        assert_eq!(request_refused(&mut venue, block), expected);
    }
    let now = venue.engine.time_ms().saturating_add(10);
    let not_ahead = Rejection::TimeNotAhead { time_ms: now, block_time_ms: now, minimum_ahead_ms: 1 };
    assert_eq!(request_refused(&mut venue, BlockTerms { expires_at_ms: now, ..good.clone() }), not_ahead);
    let latest = venue.engine.time_ms().saturating_add(BLOCK_REQUEST_MS_MAX);
    let late = BlockTerms { expires_at_ms: latest.saturating_add(1_000), ..good.clone() };
    assert!(
        matches!(request_refused(&mut venue, late), Rejection::OutOfRange { field, .. } if field == "expires_at_ms")
    );
    for _ in 0..BLOCK_REQUESTS_PER_ACCOUNT_MAX {
        venue.act("alice", Action::RequestBlock { block: good.clone() });
    }
    let limit = Rejection::TooMany { what: "open block requests of an account".to_owned(), limit: 10 };
    assert_eq!(request_refused(&mut venue, good), limit);
}

/// What can happen between a quote and its acceptance: each refuses it, and changes nothing.
#[test]
fn acceptances_are_checked_again() {
    // Prices that are too old.
    let mut venue = quoted();
    venue.advance(10_000);
    assert_eq!(accept_refused(&mut venue), Rejection::NoFreshPrice { market: PERP });
    // A mark that left a leg behind.
    let mut venue = quoted();
    scenario_on(&mut venue, "bob offer alice 1 sell 500 at 101,95 -> quoted\nindex BTC 120");
    assert_eq!(venue.state().block_quotes_of(account_of("bob")).count(), 1, "it took the former's place");
    assert!(matches!(accept_refused(&mut venue), Rejection::LegOutsideBand { market: NEXT, .. }));
    // Units that are worth less than a block now.
    let mut venue = quoted();
    scenario_on(&mut venue, "index BTC 99");
    assert!(matches!(accept_refused(&mut venue), Rejection::BelowMinimumNotional { .. }));
    // Somebody else's request, and a quote for another request.
    let mut venue = quoted();
    let (request, action) = (first_request(&venue, "alice"), acceptance(&venue));
    assert_eq!(venue.refused("carol", account_of("carol"), action), Rejection::BlockRequestNotOpen { request });
    scenario_on(&mut venue, "dave rfq buy BTC*1 sell NEXT*1 lots 500 -> requested");
    let quote = first_quote(&venue, "bob");
    let crossed = Action::AcceptBlock { request: first_request(&venue, "dave"), quote };
    assert_eq!(venue.refused("dave", account_of("dave"), crossed), Rejection::BlockQuoteNotOpen { quote });
}

/// A halt, and a gate, which opens by itself at the next block and so is closed inside one.
#[test]
fn nothing_trades_in_a_halted_or_gated_universe() {
    let mut venue = quoted();
    let acceptance = acceptance(&venue);
    let request = Action::RequestBlock { block: terms(&venue) };
    let cancel = Action::CancelBlockQuote { quote: first_quote(&venue, "bob") };
    let time_ms = venue.engine.time_ms();
    let actor = |name| Actor { account: account_of(name), action: ActionId::default() };
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    for gated in [false, true] {
        let before = state.universe(CORE).expect("it exists").clone();
        let halted = (!gated).then(|| "a test".to_owned());
        let gated_since_ms = gated.then_some(TimeMs::new(1));
        state.put(Record::Universe { id: CORE, record: UniverseRecord { halted, gated_since_ms, ..before } });
        let expected = if gated {
            Rejection::UniverseGated { universe: CORE }
        } else {
            Rejection::UniverseHalted { universe: CORE }
        };
        let mut work = Work::new(state, genesis, time_ms);
        for action in [&acceptance, &request] {
            let stop = action::native(&mut work, &actor("alice"), action).expect_err("closed");
            assert_eq!(stop.rejection, expected);
        }
        assert!(action::native(&mut work, &actor("bob"), &cancel).is_ok(), "what is open can always be taken back");
        state.revert_to(start);
    }
}

/// The first leg could trade every time; the last one cannot, or the whole cannot be afforded.
#[test]
fn one_failing_leg_fails_the_block() {
    let caps = "
        index BTC 100
        alice leverage NEXT 40        -> done
        dave leverage NEXT 40         -> done
        alice sell NEXT 2600 @ 100 gtc cloid 1 -> resting 2600
        ";
    // Alice's open order counts: 2600 and 500 are more than 3000.
    let mut venue = quoted();
    scenario_on(&mut venue, caps);
    assert_eq!(accept_refused(&mut venue), Rejection::PositionCap { cap: Size::new(3_000) });
    // Without it, all is well again: the quote is still there.
    scenario_on(&mut venue, "alice cancel NEXT 1 -> canceled 1\nalice accept alice 1 bob 1 -> done");
    // The maker's cap.
    let mut venue = quoted();
    scenario_on(&mut venue, "bob leverage NEXT 40 -> done\nbob buy NEXT 2600 @ 90 gtc -> resting 2600");
    let maker = account_of("bob");
    assert_eq!(accept_refused(&mut venue), Rejection::MakerFails { maker, fault: MakerFault::PositionCap });
    // Margin of the taker, then of the maker.
    for (poor, expected) in
        [("alice", None), ("bob", Some(Rejection::MakerFails { maker: account_of("bob"), fault: MakerFault::Margin }))]
    {
        let mut venue = quoted();
        // 5000 are needed for both legs at 20x, besides fees, and the price moves 500 from alice to bob; one leg alone would
        // be no problem.
        scenario_on(&mut venue, &format!("{poor} transfer carol USDC 95600 -> done"));
        let refused = accept_refused(&mut venue);
        match expected {
            Some(expected) => assert_eq!(refused, expected),
            None => assert!(matches!(refused, Rejection::InsufficientMargin { .. }), "{refused:?}"),
        }
        scenario_on(
            &mut venue,
            &format!("carol transfer {poor} USDC 1200 -> done\nalice accept alice 1 bob 1 -> done"),
        );
    }
}

#[test]
fn open_interest_caps_hold_for_every_leg() {
    let mut venue = quoted();
    scenario_on(
        &mut venue,
        "
        dave leverage NEXT 40         -> done
        erin leverage NEXT 40         -> done
        carol leverage NEXT 40        -> done
        dave buy NEXT 2600 @ 100 gtc  -> resting 2600
        erin sell NEXT 2600 @ 100 gtc -> filled 2600 for 260000
        carol buy NEXT 2000 @ 100 gtc -> resting 2000
        bob leverage NEXT 40          -> done
        bob sell NEXT 2000 @ 100 gtc  -> filled 2000 for 200000
        ",
    );
    // 4600 of 5000; bob, who is short 2000, buys 500 back and alice sells as many: nothing is added.
    scenario_on(&mut venue, "alice accept alice 1 bob 1 -> done");
    let mut venue = quoted();
    scenario_on(
        &mut venue,
        "
        dave leverage NEXT 40         -> done
        erin leverage NEXT 40         -> done
        carol leverage NEXT 40        -> done
        dave buy NEXT 2600 @ 100 gtc  -> resting 2600
        erin sell NEXT 2600 @ 100 gtc -> filled 2600 for 260000
        carol sell NEXT 2000 @ 100 gtc -> resting 2000
        dave buy NEXT 400 @ 100 gtc   -> filled 400 for 40000
        bob leverage NEXT 40          -> done
        bob buy NEXT 1600 @ 100 gtc   -> filled 1600 for 160000
        ",
    );
    let full = Rejection::OpenInterestCap { market: NEXT, cap: Size::new(5_000) };
    assert_eq!(accept_refused(&mut venue), full, "4600 and 500 are more than 5000");
}

#[test]
fn who_is_below_initial_margin_may_only_reduce_every_leg() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice rfq buy BTC*1 sell NEXT*1 lots 1000         -> requested
        bob offer alice 1 sell 1000 net 0                 -> quoted
        alice accept alice 1 bob 1                        -> done
        // 10000 are needed at 20x
        alice holds USDC 99930
        alice transfer carol USDC 89900                   -> done
        index BTC 112 for 16000
        alice rfq buy BTC*1 sell NEXT*1 lots 500          -> requested
        bob offer alice 1 sell 500 net 0                  -> quoted
        alice accept alice 1 bob 1                        -> refused insufficient_margin
        alice end-rfq alice 1                             -> done
        // one leg smaller, another new: a roll adds risk
        alice rfq sell BTC*1 buy FUTURE*1 lots 500        -> requested
        bob offer alice 1 sell 500 net 0                  -> quoted
        alice accept alice 1 bob 1                        -> refused insufficient_margin
        alice end-rfq alice 1                             -> done
        // both smaller, but at a price that makes her poorer at the mark
        alice rfq sell BTC*1 buy NEXT*1 lots 500          -> requested
        bob offer alice 1 sell 500 net 4                  -> quoted
        alice accept alice 1 bob 1                        -> refused insufficient_margin
        // 500 and fees of 39 are less than what 112000 less need of maintenance, 1400
        bob offer alice 1 sell 500 net 1                  -> quoted
        alice accept alice 1 bob 1                        -> done
        ",
    );
    let held = |market| venue.state().position(account_of("alice"), market).map(|record| record.position.get());
    assert_eq!((held(PERP), held(NEXT)), (Some(500), Some(-500)));
}

#[test]
fn isolated_legs_take_their_margin_from_the_owners_cash() {
    let mut venue = quoted();
    let isolated = Action::UpdateLeverage { market: NEXT, leverage: 5, margin_mode: MarginMode::Isolated };
    venue.act("alice", isolated);
    scenario_on(&mut venue, "alice transfer carol USDC 88000 -> done");
    // The purse of the isolated leg takes 10017.5, its fee included, the cross leg needs 2500, has lost 500 and paid 17.675.
    assert!(matches!(accept_refused(&mut venue), Rejection::InsufficientMargin { .. }));
    scenario_on(&mut venue, "carol transfer alice USDC 1100 -> done\nalice accept alice 1 bob 1 -> done");
    let purse = venue.state().balance(AccountId::isolated(account_of("alice"), NEXT), CORE, USDC);
    assert_eq!(purse, Amount::new(10_000 * 100_000_000));
    scenario_on(&mut venue, "alice holds USDC 3064.825");
}

#[test]
fn accounts_of_one_owner_do_not_trade_with_each_other() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice create-sub hedges                              -> created
        alice fund alice/hedges USDC 50000                   -> done
        alice rfq buy BTC*1 sell NEXT*1 lots 500             -> requested
        alice/hedges offer alice 1 sell 500 net 0            -> refused same_owner
        alice/hedges rfq buy BTC*1 sell NEXT*1 lots 500 makers alice -> refused same_owner
        bob offer alice 1 sell 500 net 0                     -> quoted
        alice accept alice 1 bob 1                           -> done
        ",
    );
}

#[test]
fn requests_and_quotes_end_by_themselves() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice rfq buy BTC*1 sell NEXT*1 lots 500 for 3000    -> requested
        bob offer alice 1 sell 500 net 0 for 1000            -> quoted
        carol offer alice 1 sell 500 net 0 for 9000          -> quoted
        ",
    );
    let ends = |venue: &mut Venue| -> Vec<String> {
        let time_ms = venue.engine.time_ms().saturating_add(1_000);
        venue.block_at(time_ms, &[], None).expect("an empty block is valid").events.iter().map(told).collect()
    };
    assert_eq!(ends(&mut venue), ["quote ended Expired"]);
    assert_eq!(ends(&mut venue), Vec::<String>::new());
    assert_eq!(ends(&mut venue), ["quote ended RequestEnded", "request ended Expired"]);
    assert_eq!(venue.state().block_quotes_of(account_of("carol")).count(), 0);
    assert_eq!(venue.state().next_timer(TimeMs::new(u64::MAX)), None, "no timer is left behind");
}

/// More timers are due than a block handles: what is over does not trade, though it is still there.
#[test]
fn what_is_over_does_not_trade_while_its_timer_waits() {
    let mut venue = quoted();
    let quote = venue.state().block_quote(first_quote(&venue, "bob")).expect("a quote").clone();
    let ends = |milliseconds| ahead(&venue, milliseconds);
    let (soon, at) = (ends(500), ends(1_000));
    let over = BlockQuoteTerms { expires_at_ms: soon, ..quote.terms.clone() };
    // As many others before it as a block handles.
    for number in 10_000..11_000 {
        let id = BlockQuoteId::new(number);
        let terms = BlockQuoteTerms { expires_at_ms: TimeMs::new(soon.get() - 1), ..quote.terms.clone() };
        let record = BlockQuote { id, account: account_of("carol"), terms, ..quote.clone() };
        venue.damage(Record::BlockQuote { id, record });
    }
    let record = BlockQuote { terms: over, ..quote };
    venue.damage(Record::BlockQuote { id: record.id, record });
    let action = acceptance(&venue);
    let signed = venue.sign("alice", action);
    let receipts = venue.block_at(at, &[signed], None).expect("valid").receipts;
    let Outcome::Rejected { rejection } = &receipts[0].outcome else { panic!("{receipts:?}") };
    assert!(matches!(rejection, Rejection::BlockQuoteNotOpen { .. }), "{rejection:?}");
    assert_eq!(venue.state().block_quotes_of(account_of("bob")).count(), 1, "its timer still waits");
}

#[test]
fn quotes_are_replaced_canceled_and_bounded() {
    let mut venue = quoted();
    let former = first_quote(&venue, "bob");
    scenario_on(
        &mut venue,
        "
        bob offer alice 1 buy 500 net -1        -> quoted
        bob offer alice 1 sell 500 net 0.5      -> quoted
        ",
    );
    let state = venue.state();
    assert!(state.block_quote(former).is_none());
    assert_eq!(state.block_quotes_of(account_of("bob")).count(), 2, "one for each side");
    scenario_on(
        &mut venue,
        "
        carol end-offer bob 1                   -> refused block_quote_not_open
        carol end-rfq alice 1                   -> refused block_request_not_open
        bob end-offer bob 1                     -> done
        bob end-offer bob 5                     -> refused block_quote_not_open
        bob cancel-all NEXT                     -> canceled 1
        bob offer alice 1 sell 500 net 0.5      -> quoted
        bob cancel-all BTC/USDC                 -> canceled 0
        bob schedule-cancel 6000                -> done
        advance 6000
        bob end-offer bob 1                     -> refused block_quote_not_open
        index BTC 100
        bob offer alice 1 sell 500 net 0.5      -> quoted
        alice end-rfq alice 1                   -> done
        bob end-offer bob 1                     -> refused block_quote_not_open
        dave rfq buy BTC*1 sell NEXT*1 lots 500 -> requested
        ",
    );
    let request = first_request(&venue, "dave");
    let terms = BlockQuoteTerms {
        request,
        side: Side::Sell,
        price: BlockPrice::Net { price: Price::ZERO },
        lots: Size::new(500),
        expires_at_ms: ahead(&venue, 50_000),
    };
    for number in 0..BLOCK_QUOTES_PER_REQUEST_MAX {
        let account = AccountId([u8::try_from(number).expect("few"); 20]);
        let id = BlockQuoteId::new(number as u64);
        let record = BlockQuote { id, account, terms: terms.clone(), placed_at_ms: venue.engine.time_ms() };
        venue.damage(Record::BlockQuote { id, record });
    }
    let full = Rejection::TooMany { what: "quotes for a block request".to_owned(), limit: 32 };
    assert_eq!(venue.refused("bob", account_of("bob"), Action::QuoteBlock { quote: terms }), full);
}

/// A quote that is taken back in the same block is not hit, whoever comes first in it.
#[test]
fn cancels_go_before_acceptances() {
    let mut venue = quoted();
    let quote = first_quote(&venue, "bob");
    let (accept, cancel) = (acceptance(&venue), Action::CancelBlockQuote { quote });
    let actions = [venue.sign("alice", accept), venue.sign("bob", cancel)];
    let outcome = venue.block(&actions, None);
    assert!(!outcome.events.iter().any(|event| matches!(event, Event::Traded(_))));
    assert!(
        outcome.events.iter().any(|event| matches!(event, Event::BlockQuoteEnded { reason: BlockEnd::Requested, .. }))
    );
}

#[test]
fn a_future_may_be_a_leg_until_it_expires() {
    let mut venue = venue();
    let time_ms = TimeMs::new(EXPIRES_MS.get() - 4_000);
    let bundle = crate::testing::bundle(BTC, &[price("100"); 4], time_ms);
    venue.block_at(time_ms, &[], Some(&bundle)).expect("valid");
    scenario_on(
        &mut venue,
        "
        alice rfq buy BTC*1 sell FUTURE*1 lots 500       -> requested
        bob offer alice 1 sell 500 net 0                 -> quoted
        carol offer alice 1 sell 500 net 0               -> quoted
        alice accept alice 1 carol 1                     -> done
        alice position FUTURE -500 cost -50000
        dave rfq buy BTC*1 sell FUTURE*1 lots 500        -> requested
        bob offer dave 1 sell 500 net 0                  -> quoted
        advance 5000
        dave accept dave 1 bob 1                         -> refused market_expired
        ",
    );
    let block = BlockTerms { legs: vec![leg(FUTURE, Side::Buy, 1)], lots: Size::new(1_000), ..terms(&venue) };
    let expired = Rejection::MarketExpired { market: FUTURE, expired_at_ms: EXPIRES_MS };
    assert_eq!(request_refused(&mut venue, block), expired);
}
