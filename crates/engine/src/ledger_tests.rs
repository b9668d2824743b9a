//! Settlements that must be refused whole, and ones that must be applied whole.

use super::{Overdraft, Settlement};
use crate::testing::{BTC, CORE, USDC, Venue, account_of};
use palisade_types::{address::AccountId, numbers::Amount, rejection::Rejection};

const ONE: Amount = Amount::new(100_000_000);

#[test]
fn a_settlement_is_applied_whole() {
    let mut venue = Venue::new();
    let (alice, bob) = (account_of("alice"), account_of("bob"));
    let before = venue.state().balance(alice, CORE, USDC);
    let mut settlement = Settlement::new(CORE, Overdraft::Refused);
    settlement.transfer(alice, bob, BTC, ONE).expect("small");
    settlement.transfer(bob, alice, USDC, ONE).expect("small");
    settlement.apply(venue.engine.state_mut()).expect("both can pay");
    assert_eq!(venue.state().balance(alice, CORE, USDC), before.checked_add(ONE).expect("small"));
    assert_eq!(venue.state().balance(bob, CORE, BTC), Amount::new(1_001 * 100_000_000));
}

#[test]
fn a_settlement_with_one_payer_short_moves_nothing() {
    let mut venue = Venue::new();
    let before = venue.state().clone();
    let (alice, bob) = (account_of("alice"), account_of("bob"));
    let required = Amount::new(1_001 * 100_000_000);
    let mut settlement = Settlement::new(CORE, Overdraft::Refused);
    settlement.transfer(alice, bob, USDC, ONE).expect("small");
    settlement.transfer(bob, alice, BTC, required).expect("small");
    let available = Amount::new(1_000 * 100_000_000);
    let expected = Rejection::InsufficientBalance { asset: BTC, required, available };
    assert_eq!(settlement.apply(venue.engine.state_mut()), Err(expected));
    assert_eq!(*venue.state(), before);
}

#[test]
fn what_passes_through_an_account_is_netted() {
    let mut venue = Venue::new();
    let (alice, nobody, bob) = (account_of("alice"), account_of("nobody"), account_of("bob"));
    let mut settlement = Settlement::new(CORE, Overdraft::Refused);
    settlement.transfer(alice, nobody, USDC, ONE).expect("small");
    settlement.transfer(nobody, bob, USDC, ONE).expect("small");
    settlement.apply(venue.engine.state_mut()).expect("nobody pays nothing net");
    assert_eq!(venue.state().balance(nobody, CORE, USDC), Amount::ZERO);
}

#[test]
fn unbalanced_postings_are_a_violation() {
    let mut venue = Venue::new();
    let before = venue.state().clone();
    let mut settlement = Settlement::new(CORE, Overdraft::Allowed);
    settlement.post(account_of("alice"), USDC, ONE).expect("small");
    let result = settlement.apply(venue.engine.state_mut());
    assert!(matches!(result, Err(Rejection::InvariantViolated { .. })), "{result:?}");
    assert_eq!(*venue.state(), before);
}

#[test]
fn sums_beyond_the_range_are_rejected() {
    let mut venue = Venue::new();
    let before = venue.state().clone();
    let mut settlement = Settlement::new(CORE, Overdraft::Refused);
    settlement.deposit(account_of("alice"), USDC, Amount::MAX).expect("one fits");
    assert_eq!(settlement.deposit(account_of("alice"), USDC, ONE), Err(Rejection::Overflow));
    assert_eq!(settlement.apply(venue.engine.state_mut()), Err(Rejection::Overflow));
    assert_eq!(*venue.state(), before);
}

#[test]
fn only_a_perpetuals_settlement_may_leave_debt() {
    let mut venue = Venue::new();
    let clearing = AccountId::clearing(crate::testing::PERP);
    for (overdraft, allowed) in [(Overdraft::Refused, false), (Overdraft::Allowed, true)] {
        let mut settlement = Settlement::new(CORE, overdraft);
        settlement.transfer(clearing, account_of("bob"), USDC, ONE).expect("small");
        assert_eq!(settlement.apply(venue.engine.state_mut()).is_ok(), allowed);
    }
    assert_eq!(venue.state().balance(clearing, CORE, USDC), Amount::new(-100_000_000));
}
