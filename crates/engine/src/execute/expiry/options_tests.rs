use super::*;
use crate::{
    execute::BlockOutcome,
    state::State,
    testing::{BTC, CORE, FUNDED, USDC, Venue, account_of, bundle, option_genesis, price, scenario_on, usd},
};
use palisade_types::time::TimeMs;

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
