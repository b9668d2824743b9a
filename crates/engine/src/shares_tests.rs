//! Share arithmetic against exact rational numbers, and the attacks on it: each prints what the attacker made of it.

use super::{Pool, VIRTUAL_SHARES};
use crate::testing::cases;
use palisade_types::numbers::{Shares, Usd};
use proptest::prelude::*;

/// The value of a share as a fraction: units, shares.
fn price(pool: &Pool) -> (i128, i128) {
    (pool.value_usd.get().max(0) + 1, pool.shares.get() + VIRTUAL_SHARES)
}

/// Whether a share is worth at least as much in `after` as in `before`.
fn not_lower(before: &Pool, after: &Pool) -> bool {
    let ((value, shares), (value_after, shares_after)) = (price(before), price(after));
    product(value_after, shares) >= product(value, shares_after)
}

/// The product of two numbers that are not negative, as its upper and lower 128 bits.
fn product(left: i128, right: i128) -> (u128, u128) {
    let (left, right) = (left.unsigned_abs(), right.unsigned_abs());
    let (left_high, left_low, right_high, right_low) = (left >> 64, left & MASK, right >> 64, right & MASK);
    let low = left_low * right_low;
    let middle = left_high * right_low + (low >> 64);
    let cross = left_low * right_high + (middle & MASK);
    (left_high * right_high + (middle >> 64) + (cross >> 64), (cross << 64) | (low & MASK))
}

const MASK: u128 = u64::MAX as u128;

fn deposit(pool: &mut Pool, amount: i128) -> i128 {
    let part = pool.shares_for_deposit(Usd::new(amount)).expect("in range");
    let after = pool.after_deposit(Usd::new(amount), part).expect("in range");
    assert!(not_lower(pool, &after), "{pool:?} {after:?}");
    *pool = after;
    part.get()
}

fn redeem(pool: &mut Pool, part: i128) -> i128 {
    let paid = pool.value_of(Shares::new(part)).expect("in range");
    let after = pool.after_redemption(paid, Shares::new(part)).expect("in range");
    assert!(not_lower(pool, &after), "{pool:?} {after:?}");
    *pool = after;
    paid.get()
}

fn pools() -> impl Strategy<Value = Pool> {
    // Products of these fit i128, so that the naive model needs no wider numbers.
    let small = prop_oneof![0i128..10, 0i128..1_000_000, 0i128..1 << 60];
    let shares = prop_oneof![0i128..10, 0i128..1_000_000, 0i128..1 << 60];
    (small, shares).prop_map(|(value, shares)| Pool { shares: Shares::new(shares), value_usd: Usd::new(value) })
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// `floor` and `ceil` of the exact fractions.
    #[test]
    fn results_are_the_rounded_fractions(pool in pools(), amount in 0i128..1 << 60) {
        let (value, shares) = price(&pool);
        prop_assert_eq!(pool.shares_for_deposit(Usd::new(amount)).map(Shares::get), Ok(amount * shares / value));
        prop_assert_eq!(pool.value_of(Shares::new(amount)).map(Usd::get), Ok(amount * value / shares));
        let up = (amount * shares + value - 1) / value;
        prop_assert_eq!(pool.shares_for_value(Usd::new(amount)).map(Shares::get), Ok(up));
    }

    /// Nobody's coming or going lowers the value of a share, and nobody gains by both.
    #[test]
    fn the_value_of_a_share_is_never_lowered(pool in pools(), amount in 0i128..1 << 58, taken in 0u32..=100) {
        let mut pool = pool;
        let part = deposit(&mut pool, amount);
        let back = redeem(&mut pool, part * i128::from(taken) / 100);
        prop_assert!(back <= amount, "{amount} in, {back} out");
        let rest = redeem(&mut pool, part - part * i128::from(taken) / 100);
        prop_assert!(back + rest <= amount, "{amount} in, {back} and {rest} out");
    }

    /// A depositor loses at most the value of one share, rounded up, and another unit when the shares are paid out.
    #[test]
    fn a_depositor_loses_at_most_one_share(pool in pools(), amount in 0i128..1 << 58) {
        let (value, shares) = price(&pool);
        let mut after = pool;
        let part = deposit(&mut after, amount);
        let (value_after, shares_after) = price(&after);
        // What the bought shares are worth, not rounded: part x value_after / shares_after.
        let bound = (value + shares - 1) / shares;
        let kept = (amount - bound).max(0);
        prop_assert!(product(part, value_after) >= product(kept, shares_after), "{pool:?} {amount} {part}");
    }

    /// Redeeming for a value takes no more shares than needed, and pays at least that value.
    #[test]
    fn shares_for_a_value_are_worth_it(pool in pools(), amount in 1i128..1 << 58) {
        let part = pool.shares_for_value(Usd::new(amount)).expect("in range");
        prop_assert!(pool.value_of(part).expect("in range").get() >= amount);
        let less = Shares::new(part.get() - 1);
        prop_assert!(pool.value_of(less).expect("in range").get() < amount);
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let pool = Pool { shares: Shares::MAX, value_usd: Usd::new(1) };
    assert!(pool.shares_for_deposit(Usd::new(1)).is_err());
    let pool = Pool { shares: Shares::new(1 << 100), value_usd: Usd::ZERO };
    assert!(pool.shares_for_deposit(Usd::new(1 << 60)).is_err(), "more shares than there are numbers");
    let worthless = Pool { shares: Shares::new(1 << 60), value_usd: Usd::new(-5) };
    assert_eq!(worthless.value_of(Shares::new(1 << 60)), Ok(Usd::ZERO), "a debt is not shared");
}

/// Scenario 16 of the attack replays. 100,000 rounds of coming and going with odd amounts, the worst for rounding, while the pool
/// earns and loses now and then; what it earns is left out of the attacker's account by comparing with who just stays.
#[test]
fn rounding_cannot_be_ground() {
    let mut pool = Pool { shares: Shares::new(7_000_003), value_usd: Usd::new(13) };
    let (mut spent, mut got) = (0i128, 0i128);
    for round in 0..100_000i128 {
        let before = pool;
        let amount = 1 + (round * 7_919) % 10;
        let part = deposit(&mut pool, amount);
        spent += amount;
        for piece in [part / 3, part / 2, part - part / 3 - part / 2] {
            got += redeem(&mut pool, piece);
        }
        assert_eq!(pool.shares, before.shares, "all shares are redeemed again");
        assert!(not_lower(&before, &pool));
        if round % 1_000 == 0 {
            // Others' money comes and goes: results of trading.
            pool.value_usd = Usd::new(13 + round % 77);
        }
    }
    println!("rounding grind: 100000 rounds, the attacker's profit is {} units", got - spent);
    assert!(got <= spent, "{got} out, {spent} in");
}

/// Scenario 17 of the attack replays, without any minimum: who is first, with one unit, gives the pool a fortune and waits for a
/// victim whose deposit should buy next to nothing.
#[test]
fn a_first_depositor_cannot_rob_the_second() {
    println!("first depositor: donation -> the attacker's profit, the victim's loss (units of 1e-8 USD)");
    for donation in [0, 1, 1_000, 1_000_000, 10_000_000_000, 100_000_000_000_000i128] {
        for victim_pays in [1, 99, 1_000_000, 10_000_000_000i128] {
            let mut pool = Pool::default();
            let first = deposit(&mut pool, 1);
            pool.value_usd = Usd::new(pool.value_usd.get() + donation);
            let (value, shares) = price(&pool);
            let second = deposit(&mut pool, victim_pays);
            let attacker_gets = redeem(&mut pool, first);
            let victim_gets = redeem(&mut pool, second);
            let (profit, loss) = (attacker_gets - 1 - donation, victim_pays - victim_gets);
            println!("{donation:>16} {victim_pays:>12} -> {profit:>16} {loss:>12}");
            assert!(profit <= 0, "the attacker gains {profit}");
            let one_share = (value + shares - 1) / shares;
            assert!(loss <= one_share + 1, "the victim loses {loss}, a share is worth {one_share}");
        }
    }
}

/// The bound that the rules page states: with the least first deposit of a vault, 100 USD, a victim loses at most one unit unless
/// somebody gave away a million times that.
#[test]
fn a_victim_of_a_vault_loses_at_most_a_unit() {
    const INITIAL: i128 = 100 * 100_000_000;
    for donation in [0, 1, INITIAL, 1_000 * INITIAL, 999_999 * INITIAL] {
        for victim_pays in [10 * 100_000_000, 10 * 100_000_000 + 1, 123_456_789_012_345i128] {
            let mut pool = Pool::default();
            let first = deposit(&mut pool, INITIAL);
            pool.value_usd = Usd::new(pool.value_usd.get() + donation);
            let second = deposit(&mut pool, victim_pays);
            let loss = victim_pays - pool.value_of(Shares::new(second)).expect("in range").get();
            assert!(loss <= 1, "{donation} given away, {victim_pays} paid, {loss} lost");
            let profit = redeem(&mut pool, first) - INITIAL - donation;
            assert!(profit <= 0, "the attacker gains {profit}");
        }
    }
}
