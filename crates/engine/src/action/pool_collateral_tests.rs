//! Shares of pools as collateral: what they are worth to margin and to the watch, and who takes them for a debt.

use super::*;
use crate::{
    accounts,
    liquidation::watch::{scan, standing},
    liquidity::redeem_for_debt,
    state::{IndexRecord, MarginUnit, MarkRecord, PriceKey, State},
    testing::{FUNDED, bundle, parse_action},
};
use palisade_types::{
    market::CollateralTerms,
    numbers::{Price, Rate},
    time::TimeMs,
};

/// A venue in which BTC backs positions at 80 and 90 %, with what people have of dollars and coins.
fn backed(funds: &[(&str, i128, i128)], fund: i128, vault: i128) -> Venue {
    let mut genesis = genesis();
    genesis.assets[1].collateral = Some(CollateralTerms {
        initial_weight: Rate::new(800_000),
        maintenance_weight: Rate::new(900_000),
        full_weight_maximum_usd: usd("1000000"),
    });
    for balance in &mut genesis.balances {
        let name = FUNDED.iter().find(|name| account_of(name) == balance.account).expect("funded by name");
        if let Some((_, dollars, coins)) = funds.iter().find(|(who, ..)| who == name) {
            balance.amount = Amount::new(if balance.asset == USDC { *dollars } else { *coins } * DOLLAR);
        }
    }
    for (account, amount) in [(AccountId::insurance(CORE), fund), (AccountId::backstop(CORE), vault)] {
        if amount > 0 {
            let amount = Amount::new(amount * DOLLAR);
            genesis.balances.push(GenesisBalance { universe: CORE, account, asset: USDC, amount });
        }
    }
    Venue::with(genesis)
}

fn unit(name: &str) -> MarginUnit {
    MarginUnit { account: account_of(name), universe: CORE, market: None }
}

#[test]
fn shares_back_positions_at_the_weights_of_their_base() {
    let mut venue = backed(&[("alice", 2_100, 21)], 0, 0);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice open-pool BTC/USDC 20 2000 30         -> created
        // 100, 0.9 × 100 and 0.9 × 3996: a thousandth of 4000 stays with the pool
        alice equity 3786.4
        // 100, 0.8 × 100 and 0.8 × 3996 at 20x: 67536, less the fee
        alice buy BTC 676 @ 100 gtc                 -> rejected insufficient_margin
        alice buy BTC 660 @ 100 gtc                 -> resting 660
        bob   sell BTC 660 @ 100 gtc                -> filled 660 for 66000
        // of 93.4 in cash the position needs all but 70.2
        alice join-pool BTC/USDC 0.8 80             -> refused insufficient_balance
        // whoever moves the pool's price moves nobody's margin down
        bob   buy BTC/USDC 12 @ 900 ioc             -> filled 12 for 3012
        ",
    );
    let margin = accounts::margin(venue.state(), account_of("alice"), CORE).expect("in range");
    let cash = margin.balance_usd.get();
    // The pool grew by its fee, a little.
    let counted = margin.collateral_maintenance_usd.get();
    assert!((368_700_000_000..370_000_000_000).contains(&counted), "{counted}");
    assert_eq!(Usd::new(cash), usd("93.4"), "maker fee of 1 bp");
    // Cash counts more than shares do, so who has shares may always redeem them.
    scenario_on(&mut venue, "alice leave-pool BTC/USDC 19980000000       -> done");
    let after = accounts::margin(venue.state(), account_of("alice"), CORE).expect("in range");
    assert!(after.free_usd().expect("in range") > margin.free_usd().expect("in range"));
}

#[test]
fn what_margin_sees_of_shares_the_watch_sees_too() {
    let mut venue = backed(&[("alice", 2_100, 20)], 0, 0);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice open-pool BTC/USDC 18 1800 30         -> created
        alice buy BTC 300 @ 100 gtc                 -> resting 300
        bob   sell BTC 300 @ 100 gtc                -> filled 300 for 30000
        index BTC 97
        index BTC 97
        carol sell BTC/USDC 7 @ 50 ioc              -> filled 7 for 500.5
        ",
    );
    let whole = accounts::margin(venue.state(), account_of("alice"), CORE).expect("in range");
    let quick = standing(venue.state(), unit("alice")).expect("in range");
    assert_eq!((Ok(quick.equity_usd), quick.maintenance_usd), (whole.equity_usd(), whole.maintenance_usd));
    assert!(whole.collateral_maintenance_usd > usd("2000"), "{whole:?}");
    let question = crate::what_if::question(venue.state(), account_of("alice"), CORE).expect("in range");
    let answer = crate::what_if::answer(&question).expect("a real account is a valid question");
    assert_eq!(Ok(answer.equity_usd), whole.equity_usd());
    assert_eq!(answer.collateral_initial_usd, whole.collateral_initial_usd);
}

/// The state with every price of the unit's box at its bound.
fn at_the_edges(venue: &Venue, name: &str) -> State {
    let mut state = venue.state().clone();
    let number = state.watch_number(&unit(name)).expect("watched");
    let watched = state.watched(number).expect("watched").clone();
    assert!(watched.is_boxed, "{name}");
    for edge in &watched.edges {
        let price = Price::new(edge.bounds.price);
        match edge.key {
            PriceKey::IndexFalls(asset) => {
                let record = IndexRecord { price, ..*state.index(asset).expect("an index") };
                state.put(Record::Index { id: asset, record });
            }
            PriceKey::MarkFalls(market) | PriceKey::MarkRises(market) => {
                let record = MarkRecord { price, ..*state.mark(market).expect("marked") };
                state.put(Record::Mark { id: market, record });
            }
            PriceKey::ForwardRises(_) | PriceKey::FundingRises(_) | PriceKey::FundingFalls(_) => {}
        }
    }
    state
}

/// With coins and shares behind a position, and whatever others did to the pool since the box was set, the unit is at its level
/// still with every price at the box's edge.
#[test]
fn at_the_edges_of_its_box_a_holder_of_shares_is_at_its_level() {
    let mut venue = backed(&[("alice", 2_100, 22)], 0, 0);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice open-pool BTC/USDC 20 2000 30         -> created
        carol join-pool BTC/USDC 33 100000          -> done
        alice buy BTC 500 @ 100 gtc                 -> resting 500
        bob   sell BTC 500 @ 100 gtc                -> filled 500 for 50000
        ",
    );
    for (at, doing) in [
        ("100", "bob buy BTC/USDC 30 @ 900 ioc"),
        ("98", "bob sell BTC/USDC 60 @ 120 ioc"),
        ("94.5", "carol leave-pool BTC/USDC 31234567"),
        ("93.9", "carol join-pool BTC/USDC 3 100000"),
    ] {
        for _ in 0..8 {
            venue.set_index(BTC, price(at));
        }
        let before = per_pool(&venue);
        let words: Vec<&str> = doing.split_whitespace().collect();
        let action = parse_action(&venue, &words[1..]);
        venue.act(words[0], action);
        assert_ne!(per_pool(&venue), before, "{doing} did something");
        let edge = at_the_edges(&venue, "alice");
        let level = standing(&edge, unit("alice")).and_then(|standing| standing.level()).expect("in range");
        assert!(level <= edge.margin_level(unit("alice")), "at {at}: {level:?}");
    }
}

#[test]
fn a_bankrupt_holders_shares_are_redeemed_before_anybody_pays() {
    let mut venue = backed(&[("alice", 1_000, 10)], 1_000, 1_000);
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice open-pool BTC/USDC 9 900 30           -> created
        alice buy BTC 300 @ 100 gtc cloid 1         -> resting 300
        bob   sell BTC 300 @ 100 gtc                -> filled 300 for 30000
        ",
    );
    let events: Vec<Event> = (0..14)
        .flat_map(|_| {
            let time_ms = TimeMs::new(venue.engine.time_ms().get() + 1_000);
            let bundle = bundle(BTC, &[price("80"); 4], time_ms);
            venue.block_at(time_ms, &[], Some(&bundle)).expect("valid").events
        })
        .collect();
    let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted);
    let redeemed = place(|event| matches!(event, Event::PoolWithdrawn { forced: true, .. })).expect("redeemed");
    let sold = place(|event| matches!(event, Event::CollateralSold { .. })).expect("the coins were sold");
    let paid = place(|event| matches!(event, Event::DeficitPaid { .. })).expect("a gap beyond the collateral");
    assert!(redeemed < sold && sold < paid, "{redeemed} {sold} {paid}");
    let state = venue.state();
    assert_eq!(state.pool_shares(SPOT, account_of("alice")), Shares::ZERO);
    assert_eq!(state.balance(account_of("alice"), CORE, BTC), Amount::ZERO);
    assert!(state.position(account_of("alice"), PERP).is_none());
    assert!(scan(state).is_empty());
}

/// A debt without positions takes as many shares as it asks for, and one share less would not have done.
#[test]
fn a_debt_takes_no_more_shares_than_it_needs() {
    let mut venue = opened();
    let now = venue.engine.time_ms();
    let alice = account_of("alice");
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut work = Work::new(state, genesis, now);
    let cash = |work: &Work<'_>| work.state.balance(alice, CORE, USDC).get();
    let before = (cash(&work), work.state.pool_shares(SPOT, alice).get());
    redeem_for_debt(&mut work, alice, CORE, Some(Usd::new(12_345_678_901))).expect("there is enough");
    let brought = cash(&work) - before.0;
    let redeemed = before.1 - work.state.pool_shares(SPOT, alice).get();
    // A share is worth 10 of the quote's units.
    assert!((12_345_678_901..12_345_678_911).contains(&brought), "{brought}");
    assert_eq!(redeemed, 1_234_567_891);
    redeem_for_debt(&mut work, alice, CORE, Some(Usd::new(i128::from(u64::MAX)))).expect("all that there is");
    assert!(work.state.pool_shares(SPOT, alice).is_zero());
    work.state.revert_to(start);
}
