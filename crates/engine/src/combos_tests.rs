//! Combos through the engine: registering, the own book, the books of the legs, and what makes a fill impossible.

use super::{COMBO_FEE_USD, ImpliedOffer, implied_offer};
use crate::testing::{
    BTC, CORE, PERP, Venue, account_of, combo_at,
    multi_leg::{EXPIRES_MS, FUTURE, NEXT, venue},
    price, scenario_on, usd,
};
use palisade_types::{
    action::Action,
    event::{CancelReason, Event},
    ids::{ComboId, MarketId},
    limits::COMBO_ORDERS_PER_ACCOUNT_MAX,
    multi_leg::{ComboOrderEnd, ComboTimeInForce, Leg, LegsFault},
    numbers::{Price, Size},
    order::Side,
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
};

fn on(text: &str) -> Venue {
    let mut venue = venue();
    scenario_on(&mut venue, "index BTC 100");
    scenario_on(&mut venue, text);
    venue
}

/// Alice's order, in a block of its own: its outcome and the block's events.
fn place(venue: &mut Venue, side: Side, lots: u64, limit: &str, kind: ComboTimeInForce) -> (Outcome, Vec<Event>) {
    let combo = combo_at(venue, "1");
    let (price, lots) = (price(limit), Size::new(lots));
    let action = Action::PlaceCombo { combo, side, price, lots, time_in_force: kind };
    let signed = venue.sign("alice", action);
    let mut block = venue.block(&[signed], None);
    (block.receipts.remove(0).outcome, block.events)
}

fn trades(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Traded(_))).count()
}

fn ended(events: &[Event]) -> Vec<(palisade_types::address::AccountId, ComboOrderEnd)> {
    let ended = events.iter().filter_map(|event| match event {
        Event::ComboOrderEnded { order, reason } => Some((order.account, *reason)),
        _ => None,
    });
    ended.collect()
}

#[test]
fn a_structure_is_registered_once_however_it_is_written() {
    let mut venue = on("
        alice combo buy BTC*2 sell NEXT*2                  -> combo 1
        alice holds USDC 99990
        bob combo sell NEXT*3 buy BTC*3                    -> combo 1
        bob combo sell BTC*1 buy NEXT*1                    -> mirrored combo 1
        bob holds USDC 100000
        alice combo buy BTC*2 sell NEXT*3                  -> combo 2
        alice combo sell FUTURE*4 buy FINE*600 sell BTC*2  -> mirrored combo 3
        alice holds USDC 99970
        alice combo buy BTC*1                              -> refused invalid_legs
        alice combo buy BTC*1 sell BTC*1                   -> refused invalid_legs
        alice combo buy BTC*1 sell BTC/USDC*1              -> refused invalid_legs
        ");
    let state = venue.state();
    let combos: Vec<_> = state.combos().map(|combo| (combo.legs.clone(), combo.tick, combo.size_decimals)).collect();
    let leg = |market: MarketId, side, ratio| Leg { market, side, ratio };
    let fine = MarketId::new(2);
    assert_eq!(
        combos,
        [
            (vec![leg(PERP, Side::Buy, 1), leg(NEXT, Side::Sell, 1)], price("0.5"), 0),
            (vec![leg(PERP, Side::Buy, 2), leg(NEXT, Side::Sell, 3)], price("1"), 0),
            (vec![leg(PERP, Side::Buy, 1), leg(fine, Side::Sell, 300), leg(FUTURE, Side::Buy, 2)], price("50"), 2),
        ]
    );
    let five = vec![leg(PERP, Side::Buy, 1); 5];
    let fault = LegsFault::Count { found: 5, minimum: 2, maximum: 4 };
    let refused = venue.refused("bob", account_of("bob"), Action::CreateCombo { legs: five });
    assert_eq!(refused, Rejection::InvalidLegs { fault });
    // Who has not got the fee registers nothing.
    scenario_on(&mut venue, "carol transfer bob USDC 99991 -> done");
    let legs = vec![leg(PERP, Side::Buy, 7), leg(NEXT, Side::Sell, 1)];
    let refused = venue.refused("carol", account_of("carol"), Action::CreateCombo { legs });
    assert!(
        matches!(refused, Rejection::InsufficientBalance { required, .. } if required.get() == COMBO_FEE_USD.get())
    );
}

#[test]
fn the_own_book_goes_by_price_and_time() {
    on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        bob spread 1 sell 10 @ 1 gtc        -> resting 10
        carol spread 1 sell 5 @ 0.5 gtc     -> resting 5
        dave spread 1 sell 5 @ 0.5 gtc      -> resting 5
        spreads 1 | 5@0.5 5@0.5 10@1
        alice spread 1 buy 7 @ 0.5 gtc      -> filled 7 for 3.5
        carol position BTC -5 cost -502.5
        dave position BTC -2 cost -201
        alice spread 1 buy 5 @ 1 gtc        -> filled 5 for 3.5
        spreads 1 | 8@1
        // NEXT at its mark, BTC at what that leaves: 10 at 100.5 and 2 at 101
        alice position BTC 12 cost 1207
        alice position NEXT -12 cost -1200
        bob position NEXT 2 cost 200
        book BTC |
        book NEXT |
        alice spread 1 buy 20 @ 1 fok       -> refused not_fillable
        spreads 1 | 8@1
        alice spread 1 buy 20 @ 1 ioc       -> filled 8 for 8 canceled immediate_or_cancel
        alice spread 1 buy 4 @ 1 ioc        -> canceled immediate_or_cancel
        // net prices may be negative
        alice spread 1 sell 3 @ -2 gtc      -> resting 3
        bob spread 1 buy 2 @ 0 gtc          -> filled 2 for -4
        alice end-spread alice 2            -> refused order_not_open
        bob end-spread alice 1              -> refused order_not_open
        alice end-spread alice 1            -> done
        spreads 1 |
        ");
}

#[test]
fn orders_are_checked() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        alice spread 2 buy 1 @ 1 gtc        -> refused unknown_combo
        alice spread 1 buy 0 @ 1 gtc        -> refused zero_size
        alice spread 1 buy 1 @ 0.3 gtc      -> refused off_tick
        // BTC would trade at 150.5
        alice spread 1 buy 1 @ 50.5 gtc     -> refused leg_outside_band
        alice spread 1 buy 1 @ 50 gtc       -> resting 1
        alice spread 1 buy 100001 @ 1 gtc   -> refused above_maximum_notional
        alice end-spread alice 1            -> done
        index BTC 9.5
        alice spread 1 buy 1 @ 0 gtc        -> refused below_minimum_notional
        index BTC 100
        advance 10000
        alice spread 1 buy 1 @ 1 gtc        -> refused no_fresh_price
        index BTC 100
        ");
    for _ in 0..COMBO_ORDERS_PER_ACCOUNT_MAX {
        place(&mut venue, Side::Buy, 1, "-1", ComboTimeInForce::Gtc);
    }
    let combo = combo_at(&venue, "1");
    let more = |time_in_force| Action::PlaceCombo {
        combo,
        side: Side::Buy,
        price: Price::ZERO,
        lots: Size::new(1),
        time_in_force,
    };
    let full = Rejection::TooMany { what: "open combo orders of an account".to_owned(), limit: 50 };
    assert_eq!(venue.refused("alice", account_of("alice"), more(ComboTimeInForce::Gtc)), full);
    let (outcome, _) = place(&mut venue, Side::Buy, 1, "0", ComboTimeInForce::Ioc);
    assert!(matches!(outcome, Outcome::ComboOrder { .. }), "what does not rest is not counted");
    scenario_on(
        &mut venue,
        "
        alice cancel-all BTC/USDC           -> canceled 0
        alice cancel-all NEXT               -> canceled 50
        alice spread 1 buy 1 @ -1 gtc       -> resting 1
        alice cancel-all                    -> canceled 1
        alice spread 1 buy 1 @ -1 gtc       -> resting 1
        alice schedule-cancel 6000          -> done
        advance 6000
        spreads 1 |
        ",
    );
}

#[test]
fn a_maker_who_cannot_trade_loses_the_order_and_nobody_pays() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        // 5000 in each leg need 500: bob has 300, and resting asks nobody
        bob transfer dave USDC 99700        -> done
        bob spread 1 sell 50 @ 0 gtc        -> resting 50
        carol spread 1 sell 50 @ 0.5 gtc    -> resting 50
        alice spread 1 sell 1 @ 0.5 gtc     -> resting 1
        ");
    let (outcome, events) = place(&mut venue, Side::Buy, 50, "1", ComboTimeInForce::Gtc);
    let Outcome::ComboOrder { filled, resting, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled.get(), resting.get()), (50, 0));
    assert_eq!(
        ended(&events),
        [
            (account_of("bob"), ComboOrderEnd::Margin),
            (account_of("carol"), ComboOrderEnd::Filled),
            (account_of("alice"), ComboOrderEnd::Filled)
        ]
    );
    assert_eq!(trades(&events), 2, "bob's attempt left no trace");
    scenario_on(&mut venue, "bob holds USDC 300\nspreads 1 | 1@0.5");
    // Her own order is in the way next.
    let (_, events) = place(&mut venue, Side::Buy, 1, "1", ComboTimeInForce::Gtc);
    assert_eq!(ended(&events), [(account_of("alice"), ComboOrderEnd::SelfTrade)]);
    scenario_on(&mut venue, "spreads 1 1@1 |");
}

/// As many orders as two accounts may have are met in two steps once nothing backs them.
#[test]
fn orders_that_nothing_backs_do_not_keep_takers_away() {
    let mut venue = on("alice combo buy BTC*1 sell NEXT*1   -> combo 1");
    scenario_on(&mut venue, "bob spread 1 buy 1 @ -5 gtc -> resting 1");
    for _ in 1..COMBO_ORDERS_PER_ACCOUNT_MAX {
        scenario_on(&mut venue, "bob spread 1 sell 1 @ 0 gtc -> resting 1\ncarol spread 1 sell 1 @ 0 gtc -> resting 1");
    }
    scenario_on(
        &mut venue,
        "
        bob transfer dave USDC 100000       -> done
        carol transfer dave USDC 100000     -> done
        erin spread 1 sell 10 @ 0.5 gtc     -> resting 10
        ",
    );
    let (outcome, events) = place(&mut venue, Side::Buy, 10, "0.5", ComboTimeInForce::Gtc);
    let Outcome::ComboOrder { filled, remainder_canceled, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled.get(), remainder_canceled), (10, None));
    let each = COMBO_ORDERS_PER_ACCOUNT_MAX - 1;
    let mut expected = vec![(account_of("bob"), ComboOrderEnd::Margin); each];
    expected.extend(vec![(account_of("carol"), ComboOrderEnd::Margin); each]);
    expected.extend([(account_of("erin"), ComboOrderEnd::Filled), (account_of("alice"), ComboOrderEnd::Filled)]);
    assert_eq!(ended(&events), expected);
    // What bob bids is of the other side.
    scenario_on(&mut venue, "spreads 1 1@-5 |");
}

#[test]
fn a_taker_who_cannot_stops_and_the_maker_stays() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        bob spread 1 sell 10 @ 0 gtc        -> resting 10
        bob spread 1 sell 50 @ 0 gtc        -> resting 50
        alice transfer dave USDC 99690      -> done
        ");
    // 10 units need 100 and the next 50 need 500 more: 300 are there.
    let (outcome, events) = place(&mut venue, Side::Buy, 60, "0", ComboTimeInForce::Gtc);
    let Outcome::ComboOrder { filled, resting, remainder_canceled, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled.get(), resting.get(), remainder_canceled), (10, 0, Some(ComboOrderEnd::Margin)));
    assert_eq!(trades(&events), 2);
    scenario_on(&mut venue, "spreads 1 | 50@0\nalice position NEXT -10 cost -1000");
}

#[test]
fn caps_cut_units_whole() {
    let mut venue = on("
        alice combo buy BTC*900 sell NEXT*1    -> combo 1
        bob spread 1 sell 5 @ 89900 gtc        -> resting 5
        // 3000 lots are three units and a third
        alice spread 1 buy 5 @ 89900 gtc       -> filled 3 for 269700 canceled cap
        alice position BTC 2700 cost 270000
        // bob may hold no more either: his order goes, and carol's is met
        carol spread 1 sell 5 @ 89900 gtc      -> resting 5
        dave spread 1 buy 1 @ 89900 gtc        -> filled 1 for 89900
        carol position BTC -900 cost -90000
        spreads 1 | 4@89900
        ");
    // Open interest: 3600 of 5000; one unit more and no second.
    let text = "erin spread 1 buy 4 @ 89900 gtc -> filled 1 for 89900 canceled cap\nspreads 1 | 3@89900";
    scenario_on(&mut venue, text);
    assert_eq!(venue.state().position_totals(PERP).long, 4_500);
    // A leg's open orders count.
    scenario_on(
        &mut venue,
        "
        dave buy BTC 1300 @ 60 gtc             -> resting 1300
        dave spread 1 sell 5 @ 89900 gtc       -> resting 5
        dave spread 1 buy 1 @ 89900 gtc        -> canceled cap
        ",
    );
}

#[test]
fn net_prices_that_left_the_band_are_not_traded() {
    let mut venue = on("
        alice combo buy NEXT*1 sell FUTURE*1   -> combo 1
        // NEXT at 90.5, within 10 %
        bob spread 1 sell 5 @ -9.5 gtc         -> resting 5
        index BTC 90 for 32000
        ");
    // At 80.5 it is not, while her limit would be.
    let (_, events) = place(&mut venue, Side::Buy, 5, "-5", ComboTimeInForce::Ioc);
    assert_eq!(
        ended(&events),
        [(account_of("bob"), ComboOrderEnd::OutsideBand), (account_of("alice"), ComboOrderEnd::ImmediateOrCancel)]
    );
    assert_eq!(trades(&events), 0);
}

#[test]
fn the_books_of_the_legs_are_met_if_they_are_better() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*2   -> combo 1
        dave sell BTC 10 @ 101 gtc          -> resting 10
        dave buy NEXT 12 @ 99 gtc           -> resting 12
        alice spread 1 buy 1 @ -97.5 ioc    -> canceled immediate_or_cancel
        // 101 − 2 × 99
        alice spread 1 buy 4 @ -97 gtc      -> filled 4 for -388
        book BTC | 6@101
        book NEXT 4@99 |
        alice position NEXT -8 cost -792
        // one at the better price of the own book, one in the legs' books
        bob spread 1 sell 1 @ -97.5 gtc     -> resting 1
        alice spread 1 buy 2 @ -97 ioc      -> filled 2 for -194.5
        book BTC | 5@101
        // equal: the own book first
        carol spread 1 sell 1 @ -97 gtc     -> resting 1
        alice spread 1 buy 1 @ -97 ioc      -> filled 1 for -97
        book BTC | 5@101
        spreads 1 |
        // the other way round: bids of BTC, asks of NEXT
        bob buy BTC 3 @ 99 gtc              -> resting 3
        bob sell NEXT 4 @ 101 gtc           -> resting 4
        alice spread 1 sell 3 @ -102.5 gtc  -> resting 3
        spreads 1 | 3@-102.5
        alice spread 1 sell 3 @ -103 gtc    -> filled 2 for -206 resting 1
        book BTC 1@99 | 5@101
        book NEXT 2@99 |
        ");
    assert_eq!(venue.state().market_state(PERP).last_price, Some(price("99")), "trades of the book set its last price");
    // A unit over several orders of a leg.
    scenario_on(
        &mut venue,
        "
        alice cancel-all                    -> canceled 2
        carol buy NEXT 1 @ 99.5 gtc         -> resting 1
        // 101 − 99.5 − 99, then one lot of NEXT is left and no whole unit
        alice spread 1 buy 2 @ -97 gtc      -> filled 1 for -97.5 resting 1
        book BTC 1@99 | 4@101
        book NEXT 1@99 |
        ",
    );
}

/// What a reader is told is what the next order gets, to the unit, and a tick less gets nothing.
#[test]
fn readers_are_told_what_the_books_of_the_legs_offer() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*2   -> combo 1
        dave sell BTC 10 @ 101 gtc          -> resting 10
        dave buy NEXT 9 @ 99 gtc            -> resting 9
        ");
    let combo = combo_at(&venue, "1");
    let told =
        |venue: &Venue, side| implied_offer(venue.state(), combo, side, venue.engine.time_ms()).expect("a combo");
    let offer = |units, quote, net| ImpliedOffer { units: Size::new(units), quote_usd: usd(quote), price: price(net) };
    assert_eq!(told(&venue, Side::Buy), Some(offer(4, "-388", "-97")), "101 − 2 × 99");
    assert_eq!(told(&venue, Side::Sell), None, "nobody bids for BTC");
    scenario_on(
        &mut venue,
        "
        bob buy BTC 2 @ 99 gtc              -> resting 2
        carol sell NEXT 1 @ 101 gtc         -> resting 1
        carol sell NEXT 5 @ 102 gtc         -> resting 5
        ",
    );
    assert_eq!(told(&venue, Side::Sell), Some(offer(1, "-104", "-104")), "a unit over two orders of NEXT");
    let (_, events) = place(&mut venue, Side::Sell, 9, "-103.5", ComboTimeInForce::Ioc);
    assert_eq!(trades(&events), 0);
    let (outcome, _) = place(&mut venue, Side::Sell, 1, "-104", ComboTimeInForce::Ioc);
    assert!(
        matches!(outcome, Outcome::ComboOrder { filled, filled_quote_usd, .. } if filled.get() == 1 && filled_quote_usd == usd("-104")),
        "{outcome:?}"
    );
    let later = venue.engine.time_ms().saturating_add(60_000);
    assert_eq!(
        implied_offer(venue.state(), combo, Side::Buy, later),
        Ok(None),
        "without a fresh price it cannot trade"
    );
    let unknown = ComboId::new(u64::MAX);
    let refused = implied_offer(venue.state(), unknown, Side::Buy, later);
    assert_eq!(refused, Err(Rejection::UnknownCombo { combo: unknown }));
}

#[test]
fn events_of_both_kinds_of_fills_say_which_trades_they_are() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*2   -> combo 1
        dave sell BTC 10 @ 101 gtc          -> resting 10
        dave buy NEXT 1 @ 99 gtc            -> resting 1
        carol buy NEXT 3 @ 99 gtc           -> resting 3
        bob spread 1 sell 1 @ -97.5 gtc     -> resting 1
        ");
    let (_, events) = place(&mut venue, Side::Buy, 2, "-97", ComboTimeInForce::Ioc);
    let told: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::ComboTraded(trade) => Some(format!("combo {} with {}", trade.lots, trade.maker.is_some())),
            Event::Traded(trade) => Some(format!("{}@{}", trade.size, trade.price)),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["combo 1 with true", "1@102.5", "2@100", "1@101", "1@99", "1@99", "combo 1 with false"]);
    let ids: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::Traded(trade) = event { Some(trade.id.get()) } else { None })
        .collect();
    let combos: Vec<(u64, u32)> = events
        .iter()
        .filter_map(|event| match event {
            Event::ComboTraded(trade) => Some((trade.first_trade.get(), trade.trades)),
            _ => None,
        })
        .collect();
    assert_eq!(combos, [(ids[0], 2), (ids[2], 3)]);
}

/// The first leg trades; the maker of the second cannot pay. Nothing has happened but that this order is gone.
#[test]
fn a_leg_that_fails_undoes_the_others() {
    let mut venue = on("
        erin transfer carol USDC 99840      -> done
        erin buy BTC 20 @ 100 gtc           -> resting 20
        carol sell BTC 20 @ 100 gtc         -> filled 20 for 2000
        erin buy NEXT 10 @ 98 gtc           -> resting 10
        dave buy NEXT 10 @ 97 gtc           -> resting 10
        dave sell BTC 10 @ 101 gtc          -> resting 10
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        index BTC 96 for 16000
        ");
    let before = venue.state().market_state(PERP).last_price;
    let (outcome, events) = place(&mut venue, Side::Buy, 5, "3", ComboTimeInForce::Ioc);
    let Outcome::ComboOrder { filled, remainder_canceled, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled.get(), remainder_canceled), (0, Some(ComboOrderEnd::ImmediateOrCancel)));
    assert_eq!(trades(&events), 0);
    let canceled: Vec<CancelReason> = events
        .iter()
        .filter_map(|event| match event {
            Event::OrderCanceled { order, reason } if order.account == account_of("erin") => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(canceled, [CancelReason::Margin]);
    assert_eq!(venue.state().market_state(PERP).last_price, before);
    scenario_on(
        &mut venue,
        "
        book BTC | 10@101
        book NEXT 10@97 |
        alice position BTC 0
        alice holds USDC 99990
        // dave's bid is enough for a limit of 4
        alice spread 1 buy 5 @ 4 ioc        -> filled 5 for 20
        ",
    );
}

/// Erin can afford either order and not both: what the other leg's trade, which is undone, made unaffordable is not cancelled.
#[test]
fn an_order_that_its_owner_affords_by_itself_outlives_an_attempt() {
    let mut venue = on("
        erin transfer carol USDC 99755      -> done
        erin buy BTC 20 @ 100 gtc           -> resting 20
        carol sell BTC 20 @ 100 gtc         -> filled 20 for 2000
        erin buy BTC 10 @ 97 gtc            -> resting 10
        erin sell NEXT 10 @ 100 gtc         -> resting 10
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        index BTC 96 for 16000
        ");
    let (outcome, events) = place(&mut venue, Side::Sell, 10, "-3", ComboTimeInForce::Ioc);
    let Outcome::ComboOrder { filled, remainder_canceled, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled.get(), remainder_canceled), (0, Some(ComboOrderEnd::ImmediateOrCancel)));
    assert!(!events.iter().any(|event| matches!(event, Event::OrderCanceled { .. })), "{events:?}");
    scenario_on(
        &mut venue,
        "
        book BTC 10@97 |
        book NEXT | 10@100
        alice buy NEXT 10 @ 100 ioc         -> filled 10 for 1000
        ",
    );
}

#[test]
fn a_whole_that_the_taker_cannot_afford_undoes_the_legs() {
    let venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        dave sell BTC 50 @ 100 gtc          -> resting 50
        dave buy NEXT 50 @ 100 gtc          -> resting 50
        alice transfer dave USDC 99690      -> done
        // either leg alone would be affordable with 300
        alice spread 1 buy 50 @ 0 gtc       -> canceled margin
        alice position BTC 0
        book BTC | 50@100
        book NEXT 50@100 |
        alice spread 1 buy 50 @ 0 fok       -> refused not_fillable
        alice spread 1 buy 25 @ 0 gtc       -> filled 25 for 0
        ");
    assert_eq!(venue.state().combo_orders().count(), 0);
    // A cap in the second leg, which the first does not see: 4600 of 5000 are taken.
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        dave leverage NEXT 40               -> done
        erin leverage NEXT 40               -> done
        bob leverage NEXT 40                -> done
        carol leverage NEXT 40              -> done
        dave buy NEXT 2600 @ 100 gtc        -> resting 2600
        erin sell NEXT 2600 @ 100 gtc       -> filled 2600 for 260000
        carol sell NEXT 2000 @ 100 gtc      -> resting 2000
        bob buy NEXT 2000 @ 100 gtc         -> filled 2000 for 200000
        bob buy NEXT 500 @ 100 gtc          -> resting 500
        dave sell BTC 500 @ 100 gtc         -> resting 500
        alice spread 1 buy 500 @ 0 ioc      -> canceled immediate_or_cancel
        book BTC | 500@100
        book NEXT 500@100 |
        alice spread 1 buy 400 @ 0 ioc      -> filled 400 for 0
        ");
    assert_eq!(venue.state().position_totals(NEXT).long, 5_000);
    scenario_on(&mut venue, "alice position BTC 400 cost 40000");
}

#[test]
fn orders_that_matching_passes_over_do_not_hide_the_rest() {
    let mut venue = on("
        alice combo buy BTC*1 sell NEXT*1   -> combo 1
        alice buy NEXT 5 @ 99.5 gtc cloid 1 -> resting 5
        carol buy NEXT 5 @ 99 gtc           -> resting 5
        dave sell BTC 10 @ 101 gtc          -> resting 10
        // her own bid is in the way: it goes, and carol's is met
        alice spread 1 buy 2 @ 2 ioc        -> filled 2 for 4
        book NEXT 3@99 |
        // a reduce-only bid of somebody who has nothing to reduce any more
        erin sell NEXT 1 @ 99 gtc           -> filled 1 for 99
        erin buy NEXT 1 @ 99.5 gtc reduce   -> resting 1
        bob sell NEXT 1 @ 103 gtc           -> resting 1
        erin buy NEXT 1 @ 103 ioc           -> filled 1 for 103
        alice spread 1 buy 3 @ 2 ioc        -> filled 2 for 4 canceled immediate_or_cancel
        book NEXT |
        ");
    scenario_on(&mut venue, "book BTC | 6@101");
}

#[test]
fn a_combo_ends_with_its_first_leg() {
    let mut venue = venue();
    let time_ms = TimeMs::new(EXPIRES_MS.get() - 4_000);
    let bundle = crate::testing::bundle(BTC, &[price("100"); 4], time_ms);
    venue.block_at(time_ms, &[], Some(&bundle)).expect("valid");
    scenario_on(
        &mut venue,
        "
        alice combo buy BTC*1 sell FUTURE*1  -> combo 1
        alice combo buy BTC*1 sell NEXT*1    -> combo 2
        bob spread 1 sell 5 @ 0 gtc          -> resting 5
        carol spread 1 buy 5 @ -1 gtc        -> resting 5
        bob spread 2 sell 5 @ 0 gtc          -> resting 5
        ",
    );
    let time_ms = venue.engine.time_ms().saturating_add(4_500);
    let bundle = crate::testing::bundle(BTC, &[price("100"); 4], time_ms);
    let events = venue.block_at(time_ms, &[], Some(&bundle)).expect("valid").events;
    let who_ended: Vec<_> = ended(&events);
    assert_eq!(
        who_ended,
        [(account_of("carol"), ComboOrderEnd::Delisted), (account_of("bob"), ComboOrderEnd::Delisted)]
    );
    assert!(events.iter().any(|event| matches!(event, Event::ComboEnded { .. })));
    scenario_on(
        &mut venue,
        "
        // what is left is the other one
        spreads 1 | 5@0
        alice combo buy BTC*1 sell FUTURE*1  -> refused market_expired
        ",
    );
    assert_eq!(venue.state().combos().count(), 1);
    assert!(venue.state().universe(CORE).is_some_and(|universe| universe.halted.is_none()));
}

/// An order whose owner's position leaves it nothing to trade is gone when it is met, so it stands in nobody's way.
#[test]
fn orders_that_may_not_trade_are_passed_over_in_the_legs_books() {
    on("
        dave open-vault carry 1000               -> created
        dave/carry buy BTC 100 @ 100 gtc         -> resting 100
        bob sell BTC 100 @ 100 gtc               -> filled 100 for 10000
        dave close-vault dave/carry              -> done
        dave/carry sell BTC 100 @ 100.5 gtc      -> resting 100
        carol buy BTC 100 @ 100 gtc              -> resting 100
        dave/carry sell BTC 100 @ 100 ioc reduce -> filled 100 for 10000
        bob sell BTC 50 @ 101 gtc                -> resting 50
        carol buy NEXT 50 @ 100 gtc              -> resting 50
        alice combo buy BTC*1 sell NEXT*1        -> combo 1
        alice spread 1 buy 10 @ 1 ioc            -> filled 10 for 10
        book BTC | 40@101
        ");
}
