use super::*;
use crate::{
    execute::BlockOutcome,
    liquidation::{self, watch::standing},
    options::portfolio::need,
    state::{BalanceId, MarginUnit, State},
    testing::{BTC, CORE, FUNDED, PERP, USDC, Venue, account_of, bundle, option_genesis, price, scenario_on, usd},
};
use palisade_types::{
    action::Action,
    event::MarginLevel,
    numbers::{Size, Usd},
    quote::ProtectionTerms,
    receipt::Outcome,
    time::TimeMs,
};
use std::collections::BTreeSet;

const EXPIRES_MS: u64 = 1_700_035_200_000;

fn venue() -> Venue {
    let mut venue = Venue::with(option_genesis());
    venue.set_index(BTC, price("100"));
    venue.block(&[], None);
    venue
}

fn block_at(venue: &mut Venue, from_expiry_ms: i64, index: Option<&str>) -> BlockOutcome {
    let time_ms = TimeMs::new(EXPIRES_MS.checked_add_signed(from_expiry_ms).expect("in range"));
    let bundle = index.map(|index| bundle(BTC, &[price(index); 4], time_ms));
    venue.block_at(time_ms, &[], bundle.as_ref()).expect("the block is valid")
}

fn worth_of_all(state: &State) -> i128 {
    let balance = |account| state.balance(account, CORE, USDC).get();
    let people: i128 = FUNDED.iter().map(|name| balance(account_of(name))).sum();
    people + balance(AccountId::fees(CORE)) + balance(AccountId::insurance(CORE))
}

fn listed(venue: &Venue, day: &str) -> usize {
    venue.state().markets().filter(|market| market.symbol.contains(day)).count()
}

/// Half an hour at 103, bought calls of 100 and puts of 102: calls pay 3, puts nothing, and everything of the day is gone while
/// Friday's options stay and the next day's are there.
#[test]
fn options_pay_their_intrinsic_value_and_leave() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 25 @ 1 gtc     -> resting 25
        bob   buy BTC-15NOV23-100-C 25 @ 1 gtc      -> filled 25 for 2.5
        carol sell BTC-15NOV23-102-P 10 @ 2 gtc     -> resting 10
        bob   buy BTC-15NOV23-102-P 10 @ 2 gtc      -> filled 10 for 2
        dave  buy BTC-15NOV23-98-P 10 @ 0.1 gtc     -> resting 10
        ",
    );
    block_at(&mut venue, -1_860_000, Some("103"));
    venue.keep_index(BTC, price("103"), 1_855_000);
    assert_eq!(listed(&venue, "15NOV23"), 2 * 8, "98 to 105");
    let mut events = block_at(&mut venue, 0, Some("103")).events;
    assert_eq!(venue.state().positions().count(), 4, "losses first: the next block delivers");
    events.extend(block_at(&mut venue, 10, None).events);
    let settled = events.iter().find_map(|event| match event {
        Event::OptionsFixed { price, measured_ms, .. } => Some((*price, *measured_ms)),
        _ => None,
    });
    assert_eq!(settled, Some((price("103"), 1_800_000)));
    assert_eq!(listed(&venue, "15NOV23"), 0);
    assert_eq!(listed(&venue, "16NOV23"), 2 * 5);
    assert!(listed(&venue, "17NOV23") > 0);
    assert_eq!(venue.state().positions().count(), 0);
    // 2.5 less 0.075 of fees, and 2.5 calls pay 7.5.
    scenario_on(
        &mut venue,
        "
        alice holds USDC 99994.925
        bob holds USDC 100002.895
        carol holds USDC 100001.97
        alice buy BTC-17NOV23-100-C 1 @ 1 gtc -> resting 1
        ",
    );
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
    let canceled = events.iter().filter(|event| matches!(event, Event::OrderCanceled { .. })).count();
    assert_eq!(canceled, 1, "dave's order is gone");
}

/// Payoffs are rounded down for everyone; what that leaves is the fund's, and never negative.
#[test]
fn payoffs_sum_to_zero_but_for_dust() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 3 @ 1 gtc     -> resting 3
        bob   buy BTC-15NOV23-100-C 1 @ 1 gtc      -> filled 1 for 0.1
        carol buy BTC-15NOV23-100-C 1 @ 1 gtc      -> filled 1 for 0.1
        dave  buy BTC-15NOV23-100-C 1 @ 1 gtc      -> filled 1 for 0.1
        ",
    );
    block_at(&mut venue, -1_860_000, Some("100.00000009"));
    venue.keep_index(BTC, price("100.00000009"), 1_855_000);
    block_at(&mut venue, 0, Some("100.00000009"));
    let events = block_at(&mut venue, 10, None).events;
    let paid: Vec<i128> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delivered { payoff_usd, .. } => Some(payoff_usd.get()),
            _ => None,
        })
        .collect();
    // 0.9 of a unit each: 0 for each long, 2.7 rounded up owed by the short.
    assert_eq!(paid.iter().sum::<i128>(), -3, "{paid:?}");
    let dust: i128 = events
        .iter()
        .filter_map(|event| match event {
            Event::MarketSettled { dust_usd, .. } => Some(dust_usd.get()),
            _ => None,
        })
        .sum();
    assert_eq!(dust, 3);
    assert_eq!(worth_of_all(venue.state()), 5 * usd("100000").get());
}

/// An index that nobody published in the window: the price is the first one after the expiry.
#[test]
fn settlement_waits_for_an_index() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        "
        alice sell BTC-15NOV23-100-C 10 @ 1 gtc     -> resting 10
        bob   buy BTC-15NOV23-100-C 10 @ 1 gtc      -> filled 10 for 1
        ",
    );
    block_at(&mut venue, -1_860_000, Some("100"));
    block_at(&mut venue, 5_000, Some("104"));
    block_at(&mut venue, 5_010, None);
    scenario_on(&mut venue, "bob holds USDC 100002.97");
}

const FIRST: &str = "BTC-15NOV23-100-C";
const SECOND: &str = "BTC-15NOV23-102-C";

fn expiry() -> OptionExpiryId {
    OptionExpiryId { universe: CORE, underlying: BTC, expires_at_ms: TimeMs::new(EXPIRES_MS) }
}

fn option(venue: &Venue, name: &str) -> MarketId {
    venue.state().markets().find(|market| market.symbol == name).expect("it is listed").id
}

/// Everything is held at a price for the last half hour, which is then the settlement price.
fn fix_at(venue: &mut Venue, settled: &str) {
    block_at(venue, -1_860_000, Some(settled));
    venue.keep_index(BTC, price(settled), 1_855_000);
    let events = block_at(venue, 0, Some(settled)).events;
    assert!(events.iter().any(|event| matches!(event, Event::OptionsFixed { .. })));
}

/// A spread is delivered leg by leg when there is more to deliver than a block may: its other leg was then margined as a naked short,
/// nine percent of the forward, and an account liquidated that nothing could happen to any more. Whichever leg comes first, what
/// both come to is there, and so is the perpetual beside it.
#[test]
fn a_spread_that_is_half_delivered_is_as_healthy_as_before() {
    // What bob buys and sells, the settlement price, and what the legs pay him.
    for (bought, sold, settled, paid) in [(FIRST, SECOND, "102", "2000"), (SECOND, FIRST, "104", "-2000")] {
        let mut venue = venue();
        scenario_on(
            &mut venue,
            &format!(
                "
                alice sell {bought} 10000 @ 0.5 gtc -> resting 10000
                bob   buy {bought} 10000 @ 0.5 gtc  -> filled 10000 for 500
                alice buy {sold} 10000 @ 0.5 gtc    -> resting 10000
                bob   sell {sold} 10000 @ 0.5 gtc   -> filled 10000 for 500
                carol sell BTC 10 @ 100 gtc         -> resting 10
                bob   buy BTC 10 @ 100 gtc          -> filled 10 for 1000
                bob   transfer carol USDC 96000     -> done
                "
            ),
        );
        fix_at(&mut venue, settled);
        let (first, second) = (option(&venue, FIRST), option(&venue, SECOND));
        let bob = account_of("bob");
        let unit = MarginUnit { account: bob, universe: CORE, market: None };
        let (state, genesis) = venue.engine.parts_mut();
        let mut work = Work::new(state, genesis, TimeMs::new(EXPIRES_MS + 10));
        let before = standing(work.state, unit).expect("in range");
        let cash = |work: &Work<'_>| work.state.balance(bob, CORE, USDC).get();
        let had = cash(&work);
        assert_eq!(before.level(), Ok(MarginLevel::Healthy), "{before:?}");
        // Two holders, and the option itself.
        settle(&mut work, expiry(), &mut 3).expect("in range");
        assert!(work.state.market(first).is_none() && work.state.position(bob, second).is_some());
        assert_eq!(standing(work.state, unit), Ok(before), "delivered or not, it is the same");
        liquidation::run(&mut work);
        let touched = |event: &Event| matches!(event, Event::Liquidated(_) | Event::MarginCalled { .. });
        assert!(!work.events.iter().any(touched), "{:?}", work.events);
        assert_eq!(liquidation::scan(work.state), BTreeSet::new());
        settle(&mut work, expiry(), &mut 1_000).expect("in range");
        assert!(work.state.option_expiry(expiry()).is_none());
        assert_eq!(work.state.position(bob, PERP).map(|held| held.position.get()), Some(10));
        assert_eq!(cash(&work) - had, usd(paid).get());
    }
}

/// What is known to be paid cannot be moved by a price: it hedges no perpetual any more, whoever still holds it.
#[test]
fn what_is_fixed_hedges_nothing() {
    let mut venue = venue();
    let call = option(&venue, FIRST);
    let need_of = |venue: &Venue, positions: &[(MarketId, i64)]| {
        need(venue.state(), CORE, positions.iter().copied()).expect("in range").maintenance_usd
    };
    // A thousand lots of a tenth against a hundred of one.
    let hedged = [(PERP, -100), (call, 1_000)];
    let alone = need_of(&venue, &hedged[..1]);
    assert!(need_of(&venue, &hedged) < alone);
    fix_at(&mut venue, "103");
    assert_eq!(venue.state().mark(call).expect("a mark").price, price("3"), "the mark is what it pays");
    let alone = need_of(&venue, &hedged[..1]);
    assert_eq!(need_of(&venue, &hedged), alone);
    assert_eq!(need_of(&venue, &[(call, -1_000)]), Usd::ZERO);
}

/// An option whose vault's purse owes stays, and the others of its expiry do not wait for it.
#[test]
fn a_purse_that_owes_holds_up_its_own_option_alone() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        &format!(
            "
            alice sell {SECOND} 10 @ 0.3 gtc -> resting 10
            bob   buy {SECOND} 10 @ 0.3 gtc  -> filled 10 for 0.3
            "
        ),
    );
    fix_at(&mut venue, "103");
    let (first, second) = (option(&venue, FIRST), option(&venue, SECOND));
    let count = venue.state().options_of(expiry()).count();
    let (state, genesis) = venue.engine.parts_mut();
    let mut work = Work::new(state, genesis, TimeMs::new(EXPIRES_MS + 10));
    let purse = AccountId::isolated(AccountId::backstop(CORE), first);
    let id = BalanceId { account: purse, universe: CORE, asset: USDC };
    work.state.put(Record::Balance { id, record: Amount::new(-1) });
    // A step for the option that stays, one for each that leaves, two for deliveries: one too few, then enough.
    let mut steps = u32::try_from(count + 1).expect("few");
    settle(&mut work, expiry(), &mut steps).expect("in range");
    assert_eq!(steps, 0);
    assert_eq!(work.state.options_of(expiry()).count(), 2);
    settle(&mut work, expiry(), &mut 2).expect("in range");
    assert!(work.state.market(second).is_none() && work.state.market(first).is_some());
    assert!(work.state.option_expiry(expiry()).is_some());
    work.state.put(Record::Balance { id, record: Amount::ZERO });
    settle(&mut work, expiry(), &mut 1).expect("in range");
    assert!(work.state.option_expiry(expiry()).is_none());
}

/// Market-maker protection goes with its option, one step each; what an older chain left under the number of an option that is
/// gone can be taken off by its owner, once.
#[test]
fn protections_leave_with_their_option() {
    let mut venue = venue();
    scenario_on(
        &mut venue,
        &format!(
            "
            alice protect {FIRST} window 1000 frozen 0 size 5  -> done
            bob   protect {FIRST} window 1000 frozen 0 size 5  -> done
            bob   protect {SECOND} window 1000 frozen 0 size 5 -> done
            "
        ),
    );
    let (first, second) = (option(&venue, FIRST), option(&venue, SECOND));
    let (alice, bob) = (account_of("alice"), account_of("bob"));
    let kept = *venue.state().protection(alice, first).expect("it was set");
    let set = |terms| Action::SetMarketMakerProtection { market: first, terms };
    fix_at(&mut venue, "100");
    // One that is over gets no new one.
    let late = venue.sign("carol", set(Some(kept.terms)));
    let (state, genesis) = venue.engine.parts_mut();
    let mut work = Work::new(state, genesis, TimeMs::new(EXPIRES_MS + 10));
    let start = work.checkpoint();
    settle(&mut work, expiry(), &mut 1).expect("in range");
    assert!(work.state.protection(alice, first).is_none() != work.state.protection(bob, first).is_none());
    assert!(work.state.market(first).is_some(), "it stays until all are gone");
    work.revert_to(start);
    let outcome = venue.block(&[late], None).receipts.remove(0).outcome;
    assert_eq!(outcome, Outcome::Rejected { rejection: Rejection::UnknownMarket { market: first } });
    for (account, market) in [(alice, first), (bob, first), (bob, second)] {
        assert!(venue.state().protection(account, market).is_none());
    }
    assert!(!venue.state().follows_any());
    venue.damage(Record::Protection { id: ProtectionId { account: alice, market: first }, record: kept });
    assert_eq!(venue.act("alice", set(None)).outcome, Outcome::Done);
    assert!(venue.state().protection(alice, first).is_none());
    assert_eq!(venue.refused("alice", alice, set(None)), Rejection::UnknownMarket { market: first });
}

/// The block that fixes the price is the last in which the option is there: protection is refused like orders.
#[test]
fn an_option_that_is_over_gets_no_protection() {
    let mut venue = venue();
    let first = option(&venue, FIRST);
    let terms = ProtectionTerms { window_ms: 1_000, frozen_ms: 0, size_limit: Size::new(5), delta_limit: None };
    block_at(&mut venue, -1_860_000, Some("100"));
    venue.keep_index(BTC, price("100"), 1_855_000);
    let late = venue.sign("carol", Action::SetMarketMakerProtection { market: first, terms: Some(terms) });
    let time_ms = TimeMs::new(EXPIRES_MS);
    let bundle = bundle(BTC, &[price("100"); 4], time_ms);
    let receipt = venue.block_at(time_ms, &[late], Some(&bundle)).expect("the block is valid").receipts.remove(0);
    let rejection = Rejection::MarketExpired { market: first, expired_at_ms: time_ms };
    assert_eq!(receipt.outcome, Outcome::Rejected { rejection });
}
