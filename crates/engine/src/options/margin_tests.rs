use super::*;
use crate::{
    accounts::margin,
    testing::{BTC, CORE, Venue, account_of, option_genesis, price, scenario_on, usd},
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
    // Ten more lots are offered: 15 more, less the premium that they bring, and the mark they will owe.
    let owed = value.checked_add(usd("14.03")).expect("in range");
    assert_eq!(alice.initial_usd.checked_sub(usd("15")), Some(owed));
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
