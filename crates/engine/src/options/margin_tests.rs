use super::*;
use crate::{
    accounts::{margin, margin_to_leave},
    state::{OptionExpiryId, PositionId, PositionRecord, Record},
    testing::{BTC, CORE, Venue, account_of, option_genesis, price, scenario_on, usd},
};
use palisade_types::{
    action::Action,
    market::CollateralTerms,
    numbers::{Position, Price, Rate},
    order::{OrderRequest, TimeInForce},
    receipt::{OrderResult, Outcome},
};

/// The venue with marks: a call and a put of 100 that expire in ten hours are worth 0.7998 each.
fn venue() -> Venue {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

fn market(venue: &Venue, name: &str) -> MarketId {
    venue.state().markets().find(|market| market.symbol == name).expect("it is listed").id
}

fn margin_of_person(venue: &Venue, name: &str) -> crate::margin::AccountMargin {
    margin(venue.state(), account_of(name), CORE).expect("in range")
}

/// The premium moves at once, both fees go to the universe, and nobody's position has a cost. A long needs what it is worth, so all
/// of its owner's cash stays free; a short needs 15 % of the forward beyond its mark.
#[test]
fn premiums_are_paid_when_options_are_traded() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 20 @ 1 gtc   -> resting 20
        bob   buy BTC-15NOV23-100-C 10 @ 1.5 gtc  -> filled 10 for 1
        alice position BTC-15NOV23-100-C -10 cost 0
        bob   position BTC-15NOV23-100-C 10 cost 0
        alice holds USDC 100000.97
        bob   holds USDC 99998.97
        ",
    );
    let mark = venue.state().mark(market(&venue, "BTC-15NOV23-100-C")).expect("a mark").price;
    let value = Usd::new(i128::from(mark.get()));
    let bob = margin_of_person(&venue, "bob");
    assert_eq!(bob.options_value_usd, value);
    assert_eq!((bob.initial_usd, bob.maintenance_usd, bob.netted_usd), (value, value, value));
    assert_eq!(bob.free_usd(), Ok(usd("99998.97")));
    let alice = margin_of_person(&venue, "alice");
    assert_eq!(alice.options_value_usd, value.checked_neg().expect("in range"));
    assert_eq!(alice.position_initial_usd, usd("15"));
    assert_eq!(alice.maintenance_usd, usd("9"));
    // Ten more lots are offered: 15 more and the fee; of the premium no more counts than the mark that they will owe.
    assert_eq!(alice.initial_usd.checked_sub(usd("15")), Some(usd("15.03")));
}

/// Odd lots are worth less than a whole unit of 1e-8 USD more or less, and longs need exactly what they are worth, to the unit: whoever
/// holds nothing else can never be liquidated.
#[test]
fn longs_need_exactly_what_they_are_worth() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 7 @ 0.8 gtc  -> resting 7
        alice sell BTC-15NOV23-101-C 3 @ 0.5 gtc  -> resting 3
        alice sell BTC-15NOV23-102-C 9 @ 0.3 gtc  -> resting 9
        bob   buy BTC-15NOV23-100-C 7 @ 0.8 gtc   -> filled 7 for 0.56
        bob   buy BTC-15NOV23-101-C 3 @ 0.5 gtc   -> filled 3 for 0.15
        bob   buy BTC-15NOV23-102-C 9 @ 0.3 gtc   -> filled 9 for 0.27
        ",
    );
    let marks = ["100", "101", "102"].map(|strike| {
        let option = market(&venue, &format!("BTC-15NOV23-{strike}-C"));
        venue.state().mark(option).expect("a mark").price.get()
    });
    assert!(marks.iter().any(|mark| mark % 10 != 0), "nothing is rounded: {marks:?}");
    let bob = margin_of_person(&venue, "bob");
    let worth = bob.options_value_usd;
    assert!(worth > Usd::ZERO);
    assert_eq!((bob.initial_usd, bob.maintenance_usd, bob.netted_usd), (worth, worth, worth));
}

/// A sell that nobody will ever take covers nothing for another: of a limit no more counts than the mark.
#[test]
fn a_limit_out_of_reach_covers_no_other_sell() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        // 13 % of 5000 units at 100; the limit would bring 950,000
        alice sell BTC-15NOV23-102-C 50000 @ 190 gtc -> resting 50000
        // 15 % of 3000
        alice sell BTC-15NOV23-100-C 30000 @ 1 gtc   -> rejected insufficient_margin
        alice sell BTC-15NOV23-100-C 20000 @ 1 gtc   -> resting 20000
        ",
    );
}

/// BTC backs positions at 80 %, and its holders have a thousand.
fn backed() -> Venue {
    let mut genesis = option_genesis();
    genesis.assets[1].collateral = Some(CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: usd("1000000"),
    });
    let mut venue = Venue::with(genesis);
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

/// Whoever sells a box or a spread is paid in advance for what it will cost. Its requirement is nothing, because its worth is all that it can
/// lose; what it owes keeps the collateral where it is, once the cash is gone.
#[test]
fn what_options_owe_keeps_their_writers_collateral() {
    let wings = "
        alice transfer carol USDC 99000                 -> done
        bob   sell BTC-15NOV23-102-C 20000 @ 0.2 gtc    -> resting 20000
        alice buy BTC-15NOV23-102-C 20000 @ 0.2 ioc     -> filled 20000 for 400
        bob   buy BTC-15NOV23-98-C 20000 @ 2.2 gtc      -> resting 20000
        alice sell BTC-15NOV23-98-C 20000 @ 2.2 ioc     -> filled 20000 for 4400
        ";
    let other_half = "
        bob   sell BTC-15NOV23-98-P 20000 @ 0.2 gtc     -> resting 20000
        alice buy BTC-15NOV23-98-P 20000 @ 0.2 ioc      -> filled 20000 for 400
        bob   buy BTC-15NOV23-102-P 20000 @ 2.2 gtc     -> resting 20000
        alice sell BTC-15NOV23-102-P 20000 @ 2.2 ioc    -> filled 20000 for 4400
        alice transfer dave USDC 8780                   -> done
        ";
    // Far in the money the spread is worth its width.
    let deep = "
        index BTC 150
        advance 1000
        alice transfer dave USDC 4890                   -> done
        ";
    for rest in [other_half, deep] {
        let mut venue = backed();
        scenario_on(&mut venue, wings);
        scenario_on(&mut venue, rest);
        let alice = margin_of_person(&venue, "alice");
        // 2,000 units times a distance of four.
        assert_eq!((alice.options_value_usd, alice.initial_usd), (usd("-8000"), Usd::ZERO), "{rest}");
        assert_eq!(alice.balance_usd, Usd::ZERO, "{rest}");
        // A coin counts 80 USD: a hundred must stay.
        scenario_on(
            &mut venue,
            "
            alice transfer dave BTC 1000               -> refused insufficient_balance
            alice transfer dave BTC 901                -> refused insufficient_balance
            alice transfer dave BTC 899                 -> done
            ",
        );
        assert!(margin_of_person(&venue, "alice").free_usd().expect("in range") >= Usd::ZERO);
    }
}

/// A spread can lose the distance of its strikes and no more; a lone short beside it has its own formula again.
#[test]
fn spreads_need_what_they_can_lose() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        carol sell BTC-15NOV23-102-C 100 @ 0.3 gtc -> resting 100
        carol buy BTC-15NOV23-100-C 100 @ 0.8 gtc  -> resting 100
        bob   buy BTC-15NOV23-102-C 100 @ 0.3 gtc  -> filled 100 for 3
        bob   sell BTC-15NOV23-100-C 100 @ 0.8 gtc -> filled 100 for 8
        ",
    );
    let margin = margin_of_person(&venue, "bob");
    let needed = margin.maintenance_usd.checked_sub(margin.options_value_usd).expect("in range");
    assert_eq!(needed, usd("20"), "ten units times the distance of two");
    let carol = margin_of_person(&venue, "carol");
    let needed = carol.maintenance_usd.checked_sub(carol.options_value_usd).expect("in range");
    assert!(needed <= Usd::ZERO, "the other side cannot lose more than it paid: {needed}");
}

/// Premiums are paid in cash that is there: unrealised profit pays none, and neither does what orders lock.
#[test]
fn premiums_need_cash() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 300000 @ 4 gtc  -> rejected insufficient_margin
        alice sell BTC-15NOV23-100-C 60000 @ 4 gtc   -> resting 60000
        bob   buy BTC 1000 @ 100 gtc                 -> resting 1000
        carol sell BTC 1000 @ 100 gtc                -> filled 1000 for 100000
        bob   buy BTC/USDC 900 @ 100 gtc             -> resting 900
        bob   buy BTC-15NOV23-100-C 30000 @ 4 gtc    -> rejected premium_uncovered
        bob   buy BTC-15NOV23-100-C 25000 @ 4 gtc    -> rejected premium_uncovered
        ",
    );
}

/// What positions in options never do: have a leverage, stand alone, be held by a vault.
#[test]
fn what_options_do_not_have_is_refused() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice leverage BTC-15NOV23-100-C 5                   -> refused no_leverage
        alice leverage BTC-15NOV23-100-C 5 isolated          -> refused no_leverage
        alice open-vault carry 100                           -> created
        alice/carry buy BTC-15NOV23-100-C 1 @ 1 gtc          -> rejected not_for_vaults
        alice buy BTC-15NOV23-100-C 1 @ 10.9 gtc             -> rejected outside_price_band
        alice buy BTC-15NOV23-100-C 1 @ 10.7 gtc             -> resting 1
        alice buy BTC-15NOV23-100-C 1 @ 1.005 gtc            -> rejected off_tick
        ",
    );
}

/// An option that nobody listed, limits that are no prices.
#[test]
fn orders_that_no_option_takes_are_refused() {
    let mut venue = venue();
    let call = market(&venue, "BTC-15NOV23-100-C");
    let order = |market, limit| OrderRequest {
        market,
        side: Side::Buy,
        price: price(limit),
        size: Size::new(1),
        time_in_force: TimeInForce::Gtc,
        reduce_only: false,
        client_order_id: None,
    };
    let unlisted = MarketId::new(MarketId::FIRST_OPTION + 999_999);
    let cases = [
        (order(unlisted, "1"), Rejection::UnknownMarket { market: unlisted }),
        (order(call, "0"), Rejection::PriceNotPositive { price: Price::ZERO }),
        (order(call, "-1"), Rejection::PriceNotPositive { price: price("-1") }),
    ];
    for (order, rejection) in cases {
        let outcome = venue.act("alice", Action::Place { orders: vec![order] }).outcome;
        assert_eq!(outcome, Outcome::Orders { results: vec![OrderResult::Rejected { rejection }] });
    }
}

/// From the block at the expiry on there is no order, also while the option is still there.
#[test]
fn orders_after_the_expiry_are_refused() {
    let mut venue = venue();
    let call = market(&venue, "BTC-15NOV23-100-C");
    let expired_at_ms = venue.state().market(call).and_then(MarketSpec::expires_at_ms).expect("options expire");
    // Nobody saw the window, so the option stays, its price unknown.
    venue.skip(expired_at_ms.since(venue.engine.time_ms()) - 1_000, BTC, price("100"));
    venue.advance(1_000);
    assert!(venue.state().market(call).is_some());
    scenario_on(
        &mut venue,
        "
        alice buy BTC-15NOV23-100-C 1 @ 1 gtc  -> rejected market_expired
        alice sell BTC-15NOV23-100-C 1 @ 1 ioc -> rejected market_expired
        ",
    );
}

/// Every margin of an account looks at each of its options, so there are only so many: an order or a trade of several legs in one more
/// is refused; orders in those that it has are not.
#[test]
fn an_account_has_so_many_options_at_most() {
    let mut venue = venue();
    let call = venue.state().market(market(&venue, "BTC-15NOV23-100-C")).expect("it is listed").clone();
    let first = MarketId::FIRST_OPTION + 1_000_000;
    let state = venue.engine.state_mut();
    for number in (first..).take(OPTIONS_PER_ACCOUNT_MAX) {
        let market = MarketId::new(number);
        let spec = MarketSpec { id: market, symbol: format!("C{number}"), ..call.clone() };
        state.put(Record::Market { id: market, record: Box::new(spec) });
        for (name, lots) in [("alice", 1), ("bob", -1)] {
            let id = PositionId { account: account_of(name), market };
            let record = PositionRecord { position: Position::new(lots), ..PositionRecord::default() };
            state.put(Record::Position { id, record });
        }
    }
    let chain = state.chain().clone();
    venue.damage(Record::Chain { id: (), record: chain });
    scenario_on(
        &mut venue,
        &format!(
            "
            alice buy BTC-15NOV23-100-C 1 @ 1 gtc         -> rejected too_many
            alice sell BTC-15NOV23-100-C 1 @ 1 gtc        -> rejected too_many
            alice buy C{first} 1 @ 1 gtc                  -> resting 1
            alice combo buy BTC-15NOV23-100-C*1 sell C{first}*1 -> combo 1
            carol spread 1 sell 5 @ 0.01 gtc              -> resting 5
            alice spread 1 buy 5 @ 0.01 gtc               -> canceled margin
            dave  spread 1 buy 2 @ 0.01 gtc               -> filled 2 for 0.002
            carol buy BTC-15NOV23-100-C 1 @ 0.5 gtc       -> resting 1
            "
        ),
    );
}

/// What alice's short and its slow forward say: 1,000 lots need 15 % of the forward, rounded up per unit, and the mark, in cash.
fn needed_at_slow(venue: &Venue) -> i128 {
    let option = market(venue, "BTC-15NOV23-100-C");
    let id = OptionExpiryId::of(venue.state().market(option).expect("it is listed")).expect("an option");
    let forward = venue.state().option_expiry(id).expect("it is listed").slow_forward;
    let mark = venue.state().mark(option).expect("a mark").slow_price;
    (i128::from(forward.get()) * 15 + 99) / 100 * 100 + i128::from(mark.get()) * 100
}

/// A wick back to the price at which a short was sold hides what it has lost, and nothing of what it needs may leave meanwhile, nor pay a
/// premium, nor fill a purse; orders are judged at the marks. A long needs nothing at any price, and its owner's cash stays free.
#[test]
fn a_wick_hides_no_loss_of_a_short() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 1000 @ 0.8 gtc -> resting 1000
        bob   buy BTC-15NOV23-100-C 1000 @ 0.8 gtc  -> filled 1000 for 80
        alice transfer carol USDC 97000             -> done
        alice leverage BTC 1 isolated               -> done
        carol sell BTC 50 @ 100 gtc                 -> resting 50
        carol sell BTC-15NOV23-98-P 5000 @ 1.2 gtc  -> resting 5000
        ",
    );
    let to_leave =
        |venue: &Venue, name: &str| margin_to_leave(venue.state(), account_of(name), CORE).expect("in range");
    let free = |margin: &crate::margin::AccountMargin| margin.free_usd().expect("in range").get();
    venue.keep_index(BTC, price("110"), 400_000);
    let known = to_leave(&venue, "alice");
    assert_eq!(known.unconfirmed_need_usd, Usd::ZERO, "the slow forward has caught up");
    venue.keep_index(BTC, price("100"), 16_000);
    let hidden = to_leave(&venue, "alice");
    assert!(hidden.options_value_usd > known.options_value_usd.checked_add(usd("900")).expect("in range"));
    let off = free(&hidden) - (known.balance_usd.get() - needed_at_slow(&venue));
    assert!(off.abs() <= 100, "free is what the slow forward leaves: {off}");
    assert!(free(&hidden) <= free(&known) + usd("100").get(), "but for what the wick took from the slow forward");
    let (most, at_marks) = (free(&hidden) / usd("1").get(), free(&margin_of_person(&venue, "alice")) / usd("1").get());
    assert!(most > 50 && at_marks > most + 900, "{most} {at_marks}");
    let bob = to_leave(&venue, "bob");
    assert_eq!(bob.free_usd(), Ok(bob.balance_usd), "what was paid for needs nothing");
    let lots = (most + 200) / 100;
    scenario_on(
        &mut venue,
        &format!(
            "
            alice transfer dave USDC {} -> refused insufficient_balance
            alice buy BTC {lots} @ 100 ioc -> canceled margin
            alice buy BTC-15NOV23-98-P 5000 @ 1.2 ioc -> canceled margin
            ",
            most + 50
        ),
    );
    venue.keep_index(BTC, price("100"), 400_000);
    assert_eq!(to_leave(&venue, "alice").unconfirmed_need_usd, Usd::ZERO, "it was no wick");
    scenario_on(
        &mut venue,
        &format!(
            "
            alice transfer dave USDC {} -> done
            alice buy BTC-15NOV23-98-P 2000 @ 1.2 ioc -> filled 2000 for 240
            ",
            most + 50
        ),
    );
    // Upwards the marks are worse, and count at once.
    let before = free(&to_leave(&venue, "alice"));
    venue.keep_index(BTC, price("110"), 16_000);
    let margin = to_leave(&venue, "alice");
    assert_eq!(margin.unconfirmed_need_usd, Usd::ZERO);
    assert!(free(&margin) < before - usd("900").get());
}

/// Whoever shares what a writer has (a backstop vault that took a short over; here the function is asked of a writer) leaves at the worse and comes in at the better of marks and
/// slow marks, so a wick neither pays who leaves in it nor cheapens a share.
#[test]
fn shares_are_valued_at_mark_and_at_slow_mark() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 1000 @ 0.8 gtc -> resting 1000
        bob   buy BTC-15NOV23-100-C 1000 @ 0.8 gtc  -> filled 1000 for 80
        ",
    );
    let option = market(&venue, "BTC-15NOV23-100-C");
    // What 1,000 lots of 0.1 cost alice at the mark and at the slow mark, and what her account is worth by both.
    let seen = |venue: &Venue| {
        let mark = venue.state().mark(option).expect("a mark");
        let cash = margin_of_person(venue, "alice").balance_usd.get();
        let by = |price: Price| cash - i128::from(price.get()) * 100;
        let worth = crate::vaults::worth(venue.state(), account_of("alice"), CORE, venue.engine.time_ms())
            .expect("prices are fresh");
        (worth, by(mark.price), by(mark.slow_price))
    };
    for (settled, wick) in [("110", "100"), ("100", "112")] {
        venue.keep_index(BTC, price(settled), 400_000);
        venue.keep_index(BTC, price(wick), 8_000);
        let (worth, at_mark, at_slow) = seen(&venue);
        assert!((at_mark - at_slow).abs() > usd("50").get(), "{wick}: {at_mark} {at_slow}");
        assert_eq!((worth.low_usd.get(), worth.high_usd.get()), (at_mark.min(at_slow), at_mark.max(at_slow)), "{wick}");
    }
}

/// A quote whose ask lies at or below its own bid: the bid stands, the ask is told; nothing trades with itself.
#[test]
fn premiums_that_cross_are_refused() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice quote BTC-15NOV23-100-C 5@0.9 5@0.8 -> bid rests, ask rejected would_match
        alice quote BTC-15NOV23-100-C 5@0.9 5@0.9 -> bid rests, ask rejected would_match
        book BTC-15NOV23-100-C 5@0.9 |
        ",
    );
}
