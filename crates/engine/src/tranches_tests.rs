//! Allocation over tranches: conserved to the unit, in the order of losses, and the same however often it is looked at.

use super::{SENIOR_GAIN_SHARE, TrancheValue, Tranches, allocate};
use crate::testing::cases;
use palisade_types::numbers::{Shares, Usd};
use proptest::prelude::*;

fn tranches(junior: i128, senior: i128) -> Tranches {
    let value = |value| TrancheValue { value_usd: Usd::new(value), owed_usd: Usd::ZERO };
    Tranches { junior: value(junior), senior: value(senior) }
}

/// Values of junior and senior after a change.
fn after(before: &Tranches, change: i128) -> (Tranches, i128) {
    let allocation = allocate(before, true, true, Usd::new(change)).expect("in range");
    (allocation.tranches, allocation.unborne_usd.get())
}

fn values(tranches: &Tranches) -> (i128, i128) {
    (tranches.junior.value_usd.get(), tranches.senior.value_usd.get())
}

#[test]
fn junior_loses_first_and_is_made_whole_last() {
    let start = tranches(100, 300);
    let (worse, unborne) = after(&start, -60);
    assert_eq!((values(&worse), unborne), ((40, 300), 0));
    let (bad, unborne) = after(&worse, -90);
    assert_eq!((values(&bad), unborne), ((0, 250), 0));
    let (gone, unborne) = after(&bad, -300);
    assert_eq!((values(&gone), unborne), ((0, 0), 50), "the rest is the universe's");
    // Back up: senior first, to what it had; then junior; only then is anything shared.
    let (up, _) = after(&gone, 320);
    assert_eq!(values(&up), (20, 300));
    let (up, _) = after(&up, 80);
    assert_eq!(values(&up), (100, 300));
    let (up, _) = after(&up, 101);
    assert_eq!(values(&up), (171, 330), "30 % of 101, rounded down, is senior's");
}

#[test]
fn a_tranche_without_holders_gets_nothing_of_a_gain() {
    let start = tranches(0, 0);
    let allocated = |junior, senior| {
        let allocation = allocate(&start, junior, senior, Usd::new(10)).expect("in range");
        values(&allocation.tranches)
    };
    assert_eq!(allocated(true, false), (10, 0));
    assert_eq!(allocated(false, true), (0, 10));
    assert_eq!(allocated(true, true), (7, 3));
    assert_eq!(allocated(false, false), (10, 0), "it waits for the insurance fund");
}

#[test]
fn what_was_lost_goes_with_who_leaves() {
    let value = TrancheValue { value_usd: Usd::new(60), owed_usd: Usd::new(40) };
    let left = value.after_redemption(Usd::new(20), Shares::new(1), Shares::new(3)).expect("in range");
    assert_eq!(left, TrancheValue { value_usd: Usd::new(40), owed_usd: Usd::new(26) });
    // A holder of a worthless tranche leaves: the others are still owed theirs.
    let worthless = TrancheValue { value_usd: Usd::ZERO, owed_usd: Usd::new(90) };
    let left = worthless.after_redemption(Usd::ZERO, Shares::new(1), Shares::new(3)).expect("in range");
    assert_eq!(left.owed_usd, Usd::new(60));
}

/// The rule as a function of the equity and its highest value, with plain numbers.
fn naive(junior: i128, senior: i128, equities: &[i128]) -> (i128, i128) {
    let (mut top_junior, mut top_senior) = (junior, senior);
    let mut now = (junior, senior);
    for &equity in equities {
        let top = top_junior + top_senior;
        if equity > top {
            let extra = equity - top;
            let part = extra * i128::from(SENIOR_GAIN_SHARE.get()) / 1_000_000;
            top_senior += part;
            top_junior += extra - part;
        }
        let senior_now = top_senior.min(equity.max(0));
        now = ((equity.max(0) - senior_now).max(0), senior_now);
    }
    now
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn nothing_is_created_or_lost(
        junior in 0i128..1_000_000,
        senior in 0i128..1_000_000,
        changes in prop::collection::vec(-500_000i128..500_000, 1..20),
    ) {
        let mut now = tranches(junior, senior);
        for change in changes {
            let before = now.total_usd().expect("in range").get();
            let (next, unborne) = after(&now, change);
            prop_assert!(next.junior.value_usd >= Usd::ZERO && next.senior.value_usd >= Usd::ZERO);
            prop_assert!(next.junior.owed_usd >= Usd::ZERO && next.senior.owed_usd >= Usd::ZERO);
            prop_assert_eq!(next.total_usd().expect("in range").get(), before + change + unborne);
            prop_assert!(unborne == 0 || values(&next) == (0, 0), "a loss is left only where nothing is");
            if change < 0 {
                prop_assert!(next.senior == now.senior || next.junior.value_usd.is_zero(), "junior loses first");
            }
            now = next;
        }
    }

    /// Equities seen one after the other give what the last one and the highest one say.
    #[test]
    fn the_result_depends_on_the_equity_and_its_top_alone(
        junior in 0i128..1_000_000,
        senior in 0i128..1_000_000,
        equities in prop::collection::vec(0i128..3_000_000, 1..20),
    ) {
        let mut now = tranches(junior, senior);
        for equity in &equities {
            let change = equity - now.total_usd().expect("in range").get();
            now = after(&now, change).0;
        }
        prop_assert_eq!(values(&now), naive(junior, senior, &equities));
    }

    /// Nobody gains by making the vault look at every swing.
    #[test]
    fn looking_often_changes_nothing(
        junior in 0i128..1_000_000,
        senior in 0i128..1_000_000,
        swings in prop::collection::vec(1i128..400_000, 1..30),
    ) {
        let start = tranches(junior, senior);
        let mut now = start;
        for swing in swings {
            let loss = swing.min(now.total_usd().expect("in range").get());
            now = after(&now, -loss).0;
            now = after(&now, loss / 2).0;
            now = after(&now, loss - loss / 2).0;
        }
        prop_assert_eq!(now, start);
    }
}
