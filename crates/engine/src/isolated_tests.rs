//! Isolated positions: what moves into their purses and out of them, and what cannot.

use crate::testing::{CORE, PERP, USDC, Venue, account_of, price, scenario_on, usd};
use palisade_types::{
    action::{Action, MarginMode},
    address::AccountId,
    numbers::{Amount, Usd},
    receipt::Outcome,
    rejection::Rejection,
};

fn purse(venue: &Venue, name: &str) -> Amount {
    venue.state().balance(AccountId::isolated(account_of(name), PERP), CORE, USDC)
}

fn act(venue: &mut Venue, name: &str, action: Action) -> Outcome {
    let action = venue.sign(name, action);
    venue.block(&[action], None).receipts[0].outcome.clone()
}

fn isolated(leverage: u32) -> Action {
    Action::UpdateLeverage { market: PERP, leverage, margin_mode: MarginMode::Isolated }
}

/// Alice is long 10 at 100 with 5x isolated, bob short against her with cross.
fn long_ten() -> Venue {
    let mut venue = Venue::new();
    scenario_on(&mut venue, "index BTC 100");
    assert_eq!(act(&mut venue, "alice", isolated(5)), Outcome::Done);
    scenario_on(
        &mut venue,
        "
        alice buy BTC 10 @ 100 gtc cloid 1  -> resting 10
        bob sell BTC 10 @ 100 gtc           -> filled 10 for 1000
        alice position BTC 10 cost 1000
        ",
    );
    venue
}

#[test]
fn opening_takes_the_initial_requirement_and_closing_returns_everything() {
    let mut venue = long_ten();
    assert_eq!(purse(&venue, "alice"), Amount::new(200 * 100_000_000));
    scenario_on(
        &mut venue,
        "
        alice sell BTC 5 @ 100 gtc cloid 2  -> resting 5
        bob buy BTC 5 @ 100 gtc             -> filled 5 for 500
        ",
    );
    assert_eq!(purse(&venue, "alice"), Amount::new(100 * 100_000_000), "half of it");
    scenario_on(
        &mut venue,
        "
        alice sell BTC 5 @ 100 gtc cloid 3  -> resting 5
        bob buy BTC 5 @ 100 gtc             -> filled 5 for 500
        ",
    );
    assert_eq!(purse(&venue, "alice"), Amount::ZERO);
}

#[test]
fn a_turn_through_zero_margins_what_is_left() {
    let mut venue = long_ten();
    scenario_on(
        &mut venue,
        "
        alice sell BTC 14 @ 100 gtc cloid 2  -> resting 14
        bob buy BTC 14 @ 100 gtc             -> filled 14 for 1400
        alice position BTC -4 cost -400
        ",
    );
    assert_eq!(purse(&venue, "alice"), Amount::new(80 * 100_000_000));
}

#[test]
fn margin_is_added_and_taken_out_as_far_as_the_position_lets() {
    let mut venue = long_ten();
    let update = |amount: &str| Action::UpdateIsolatedMargin { market: PERP, amount_usd: usd(amount) };
    assert_eq!(act(&mut venue, "alice", update("50")), Outcome::Done);
    assert_eq!(purse(&venue, "alice"), Amount::new(250 * 100_000_000));
    assert_eq!(act(&mut venue, "alice", update("-50")), Outcome::Done);
    let short = Outcome::Rejected { rejection: Rejection::IsolatedMarginNeeded { market: PERP, short_usd: usd("-1") } };
    assert_eq!(act(&mut venue, "alice", update("-1")), short);
    let nothing = Outcome::Rejected { rejection: Rejection::AmountNotPositive { amount: Amount::ZERO } };
    assert_eq!(act(&mut venue, "alice", update("0")), nothing);
    let none = Outcome::Rejected { rejection: Rejection::NoIsolatedPosition { market: PERP } };
    assert_eq!(act(&mut venue, "bob", update("1")), none, "cross");
    let too_much = act(&mut venue, "alice", Action::UpdateIsolatedMargin { market: PERP, amount_usd: Usd::MAX });
    assert!(matches!(too_much, Outcome::Rejected { rejection: Rejection::InsufficientBalance { .. } }));
}

#[test]
fn profit_and_loss_stay_in_the_purse_until_it_closes() {
    let mut venue = long_ten();
    scenario_on(&mut venue, "index BTC 90");
    let spec = venue.state().market(PERP).expect("listed").clone();
    let mark = venue.state().mark(PERP).expect("marked").price;
    assert!(mark < price("100"));
    let margin = crate::accounts::isolated_margin(venue.state(), account_of("alice"), &spec).expect("in range");
    assert!(margin.unrealised_usd < Usd::ZERO);
    let cross = crate::accounts::margin(venue.state(), account_of("alice"), CORE).expect("in range");
    assert_eq!(cross.unrealised_usd, Usd::ZERO);
    assert_eq!(cross.position_initial_usd, Usd::ZERO);
}

/// What a purse has lost is missing to the cross margin that takes the position over.
#[test]
fn a_switch_to_a_cross_margin_that_cannot_carry_the_position_is_refused() {
    let mut venue = long_ten();
    let all = venue.state().balance(account_of("alice"), CORE, USDC);
    let send = Action::Transfer { universe: CORE, to: account_of("bob"), asset: USDC, amount: all };
    assert_eq!(act(&mut venue, "alice", send), Outcome::Done);
    scenario_on(&mut venue, "index BTC 90 for 60000");
    let before = purse(&venue, "alice");
    let cross = Action::UpdateLeverage { market: PERP, leverage: 5, margin_mode: MarginMode::Cross };
    let refused = act(&mut venue, "alice", cross);
    assert!(matches!(refused, Outcome::Rejected { rejection: Rejection::InsufficientMargin { .. } }), "{refused:?}");
    assert_eq!(purse(&venue, "alice"), before, "state unchanged");
    assert!(venue.state().standing(account_of("alice"), PERP).is_isolated());
}

#[test]
fn a_switch_moves_the_margin_and_must_leave_both_sides_healthy() {
    let mut venue = long_ten();
    let cross = Action::UpdateLeverage { market: PERP, leverage: 5, margin_mode: MarginMode::Cross };
    assert_eq!(act(&mut venue, "alice", cross), Outcome::Done);
    assert_eq!(purse(&venue, "alice"), Amount::ZERO);
    assert_eq!(act(&mut venue, "alice", isolated(4)), Outcome::Done);
    assert_eq!(purse(&venue, "alice"), Amount::new(250 * 100_000_000));
    let send = Action::Transfer {
        universe: CORE,
        to: account_of("bob"),
        asset: USDC,
        amount: Amount::new(99_700 * 100_000_000),
    };
    assert_eq!(act(&mut venue, "alice", send), Outcome::Done);
    let refused = act(&mut venue, "alice", isolated(1));
    assert!(matches!(refused, Outcome::Rejected { rejection: Rejection::InsufficientMargin { .. } }), "{refused:?}");
    assert_eq!(purse(&venue, "alice"), Amount::new(250 * 100_000_000), "state unchanged");
}

/// Profit at the mark backs a position, but a switch of modes pays none of it out: its owner has what there was.
#[test]
fn a_switch_pays_no_profit_that_is_not_realised() {
    for (one, other, at) in [("buy", "sell", "120"), ("sell", "buy", "80")] {
        let mut venue = Venue::new();
        scenario_on(
            &mut venue,
            &format!(
                "
                index BTC 100
                alice {one} BTC 10 @ 100 gtc cloid 1  -> resting 10
                bob {other} BTC 10 @ 100 gtc          -> filled 10 for 1000
                index BTC {at} for 600000
                "
            ),
        );
        let cash = |venue: &Venue| venue.state().balance(account_of("alice"), CORE, USDC);
        let before = cash(&venue);
        assert_eq!(act(&mut venue, "alice", isolated(20)), Outcome::Done);
        assert_eq!((purse(&venue, "alice"), cash(&venue)), (Amount::ZERO, before), "{one}: backed by its profit");
        let cross = Action::UpdateLeverage { market: PERP, leverage: 20, margin_mode: MarginMode::Cross };
        assert_eq!(act(&mut venue, "alice", cross), Outcome::Done);
        assert_eq!(cash(&venue), before);
    }
}

/// A position that turned at a price better than the mark gives back cash, not what it is up.
#[test]
fn a_turn_pays_no_profit_that_is_not_realised() {
    let mut venue = long_ten();
    scenario_on(
        &mut venue,
        "
        alice sell BTC 14 @ 115 gtc cloid 2  -> resting 14
        bob buy BTC 14 @ 115 gtc             -> filled 14 for 1610
        alice position BTC -4 cost -460
        ",
    );
    // 150 realised on what was closed; the rest needs 80 at the mark of 100, and is up 60, which stays out of it.
    assert_eq!(purse(&venue, "alice"), Amount::new(80 * 100_000_000));
}

#[test]
fn a_purse_that_owes_is_paid_by_a_switch_or_stays() {
    let mut venue = long_ten();
    let send = |to: AccountId| Action::Transfer { universe: CORE, to, asset: USDC, amount: Amount::new(1) };
    let to = AccountId::isolated(account_of("alice"), PERP);
    let refused = Outcome::Rejected { rejection: Rejection::InvalidRecipient { to } };
    assert_eq!(act(&mut venue, "bob", send(to)), refused, "a purse has no key, and is nobody's to pay into");
    let unused = AccountId::isolated(account_of("carol"), PERP);
    assert_eq!(act(&mut venue, "bob", send(unused)), Outcome::Done, "it is no purse yet");
    assert_eq!(act(&mut venue, "carol", isolated(5)), Outcome::Done);
    let before = venue.state().balance(account_of("carol"), CORE, USDC);
    let cross = Action::UpdateLeverage { market: PERP, leverage: 5, margin_mode: MarginMode::Cross };
    assert_eq!(act(&mut venue, "carol", cross), Outcome::Done);
    let after = venue.state().balance(account_of("carol"), CORE, USDC);
    assert_eq!(after.checked_sub(before), Some(Amount::new(1)), "what lay there is the owner's");
}

/// Whoever sells a part of it far below the mark cannot leave a hole in the purse, which others would fill, in the book nor in a block.
#[test]
fn a_part_is_not_sold_at_a_loss_that_the_purse_does_not_hold() {
    let mut venue = Venue::new();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice leverage BTC 20 isolated            -> done
        alice buy BTC 1200 @ 100 gtc              -> resting 1200
        bob sell BTC 1200 @ 100 gtc               -> filled 1200 for 120000
        carol buy BTC 1100 @ 90 alo               -> resting 1100
        alice sell BTC 1100 @ 90 ioc              -> canceled margin
        alice position BTC 1200 cost 120000
        carol cancel-all                          -> canceled 1
        alice rfq sell BTC*1 lots 1100            -> requested
        carol offer alice 1 sell 1100 at 90       -> quoted
        alice accept alice 1 carol 1              -> refused insufficient_margin
        alice position BTC 1200 cost 120000
        carol buy BTC 1100 @ 99 alo               -> resting 1100
        alice sell BTC 1100 @ 99 ioc              -> filled 1100 for 108900
        alice position BTC 100 cost 10000
        ",
    );
    assert!(purse(&venue, "alice") > Amount::ZERO);
}

/// A wick to the price that was paid hides a loss; a switch takes along what the position needs at the slow mark, so that what stays may
/// leave, and another isolated position takes nothing that the hidden loss needs.
#[test]
fn a_wick_moves_no_loss_out_of_reach() {
    let mut venue = Venue::new();
    scenario_on(
        &mut venue,
        "
        index BTC 100
        alice leverage BTC 20               -> done
        alice buy BTC 100 @ 100 gtc cloid 1 -> resting 100
        bob sell BTC 100 @ 100 gtc          -> filled 100 for 10000
        alice transfer dave USDC 98000      -> done
        ",
    );
    venue.keep_index(crate::testing::BTC, price("90"), 400_000);
    venue.keep_index(crate::testing::BTC, price("100"), 24_000);
    // 1,000 are lost at the slow mark, 500 are needed, 2,000 are there.
    let cross = Action::UpdateLeverage { market: PERP, leverage: 20, margin_mode: MarginMode::Cross };
    let send = "alice transfer dave USDC 700 -> refused insufficient_balance";
    scenario_on(&mut venue, send);
    for _ in 0..2 {
        assert_eq!(act(&mut venue, "alice", isolated(20)), Outcome::Done);
        let kept = purse(&venue, "alice");
        assert!(kept > Amount::new(1_400 * 100_000_000) && kept < Amount::new(1_500 * 100_000_000), "{kept}");
        scenario_on(&mut venue, send);
        assert_eq!(act(&mut venue, "alice", cross.clone()), Outcome::Done);
    }
    venue.keep_index(crate::testing::BTC, price("100"), 400_000);
    assert_eq!(act(&mut venue, "alice", isolated(20)), Outcome::Done);
    assert_eq!(purse(&venue, "alice"), Amount::new(500 * 100_000_000), "it was no wick");
    scenario_on(&mut venue, "alice transfer dave USDC 700 -> done");
}
