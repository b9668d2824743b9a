//! Shares of pools: how many a deposit buys, what they bring, what they are worth as collateral; and the attacks on them.

use super::{
    POOL_LOCKED_DIVISOR, Reserves, check_grown, create, deposit, deposit_for, fair_value_usd, pool, redeem, reserves,
    violation,
};
use crate::{
    state::{BalanceId, LiquidityPoolRecord, Record, State},
    testing::{BTC, CORE, SPOT, USDC, Venue, account_of, cases},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    ids::MarketId,
    market::MarketSpec,
    numbers::{Amount, Price, Shares, Usd},
    pool::PoolFee,
    rejection::Rejection,
    time::TimeMs,
};
use proptest::prelude::*;
use std::sync::Arc;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

fn amounts(base: i128, quote: i128) -> Reserves {
    Reserves { base: Amount::new(base), quote: Amount::new(quote) }
}

fn market(state: &State) -> Arc<MarketSpec> {
    state.shared_market(SPOT).expect("a market")
}

fn there(state: &State) -> Reserves {
    let market = market(state);
    reserves(state, &market, market.spot().expect("a spot market"))
}

fn own(state: &State, name: &str) -> Reserves {
    let of = |asset| state.balance(account_of(name), CORE, asset);
    Reserves { base: of(BTC), quote: of(USDC) }
}

fn held(state: &State, name: &str) -> i128 {
    state.pool_shares(SPOT, account_of(name)).get()
}

fn open(work: &mut Work<'_>, base: i128, quote: i128) {
    let market = market(work.state);
    let record =
        LiquidityPoolRecord { fee: PoolFee::ThirtyBasisPoints, created_at_ms: TimeMs::new(1), shares: Shares::ZERO };
    create(work, &market, account_of("alice"), record, amounts(base, quote)).expect("alice has it");
}

fn join(work: &mut Work<'_>, name: &str, base: i128, quote: i128) -> Result<(Reserves, Shares), Rejection> {
    let (market, record) = (market(work.state), pool(work.state, SPOT)?);
    let (brought, shares) = deposit_for(&market, &record, there(work.state), amounts(base, quote))?;
    if shares > Shares::ZERO {
        deposit(work, &market, account_of(name), brought, shares)?;
    }
    Ok((brought, shares))
}

fn leave(work: &mut Work<'_>, name: &str, shares: i128) -> Result<Reserves, Rejection> {
    let market = market(work.state);
    work.attempt(|work| redeem(work, &market, account_of(name), Shares::new(shares), false))
}

/// Moves the pool's reserves as a trade would: `base` goes in (negative: comes out), and so much of the quote that the product
/// does not fall.
fn trade(work: &mut Work<'_>, base: i128) -> bool {
    let Reserves { base: x, quote: y } = there(work.state);
    let after_base = x.get() + base;
    if after_base <= 0 {
        return false;
    }
    let Some(after_quote) = crate::wide::multiply_divide_ceil(x.get(), y.get(), after_base) else { return false };
    for (asset, amount) in [(BTC, base), (USDC, after_quote - y.get())] {
        for (account, change) in [(AccountId::pool(SPOT), amount), (account_of("dave"), -amount)] {
            let id = BalanceId { account, universe: CORE, asset };
            let record = Amount::new(work.state.balance(account, CORE, asset).get() + change);
            work.state.put(Record::Balance { id, record });
        }
    }
    true
}

fn with_work(run: impl FnOnce(&mut Work<'_>)) {
    let mut venue = Venue::new();
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut work = Work::new(state, genesis, now);
    run(&mut work);
    work.state.revert_to(start);
}

#[test]
fn the_first_deposit_sets_the_price_and_leaves_a_thousandth() {
    with_work(|work| {
        open(work, 1_000_000_000, 400_000_000_000);
        // √(10^9 × 4 × 10^11) = 2 × 10^10.
        let record = *work.state.liquidity_pool(SPOT).expect("a pool");
        assert_eq!(record.shares, Shares::new(20_000_000_000));
        let locked = work.state.pool_shares(SPOT, AccountId::pool(SPOT)).get();
        assert_eq!((locked, held(work.state, "alice")), (20_000_000, 19_980_000_000));
        assert_eq!(locked * POOL_LOCKED_DIVISOR, record.shares.get());
        // Everything that can be redeemed is; a thousandth stays, at the same price.
        let all = held(work.state, "alice");
        assert_eq!(leave(work, "alice", all), Ok(amounts(999_000_000, 399_600_000_000)));
        assert_eq!(there(work.state), amounts(1_000_000, 400_000_000));
        assert_eq!(violation(work.state, SPOT), None);
        assert_eq!(
            leave(work, "alice", 1),
            Err(Rejection::InsufficientShares { required: Shares::new(1), available: Shares::ZERO })
        );
    });
}

#[test]
fn a_deposit_brings_both_in_proportion_and_never_more_than_said() {
    with_work(|work| {
        open(work, 1_000_000_000, 400_000_000_000);
        // A tenth of the base, and more of the quote than goes with it.
        let (brought, shares) = join(work, "bob", 100_000_000, 100_000_000_000).expect("bob has it");
        assert_eq!((brought, shares), (amounts(100_000_000, 40_000_000_000), Shares::new(2_000_000_000)));
        // And the other way round.
        let (brought, shares) = join(work, "carol", 900_000_000, 4_400_000_000).expect("carol has it");
        assert_eq!((brought, shares), (amounts(11_000_000, 4_400_000_000), Shares::new(220_000_000)));
        // Too little for a share.
        assert_eq!(join(work, "bob", 1, 1).expect("nothing happens").1, Shares::ZERO);
        let most = 10i128.pow(28);
        let refused = join(work, "bob", most, most * 400);
        assert!(matches!(refused, Err(Rejection::PoolTooLarge { asset: BTC, .. })), "{refused:?}");
    });
}

/// The attack on the first depositors of pools: own nearly nothing of a pool, make that dear by giving it money, and let the
/// next deposit be rounded to no shares.
#[test]
fn a_first_depositor_cannot_take_from_the_second() {
    with_work(|work| {
        open(work, 1_000_000, 10_000_000_000);
        let all = held(work.state, "alice");
        leave(work, "alice", all - 1).expect("all but one");
        // What is locked still has its thousandth, so a share is as cheap as before.
        let before = own(work.state, "bob");
        let (brought, shares) = join(work, "bob", 1_000_000, 10_000_000_000).expect("bob has it");
        let out = leave(work, "bob", shares.get()).expect("his own");
        let lost = amounts(brought.base.get() - out.base.get(), brought.quote.get() - out.quote.get());
        assert!(lost.base.get() <= 1 && lost.quote.get() <= 1, "{lost:?}");
        let after = own(work.state, "bob");
        assert!(before.base.get() - after.base.get() <= 1 && before.quote.get() - after.quote.get() <= 1);
    });
}

/// Nobody can send to a pool; if anything ever did, all holders would have their part of it, and the next deposit loses at most
/// a share's rounding.
#[test]
fn a_donation_is_shared_by_all_and_costs_the_next_depositor_nothing() {
    with_work(|work| {
        open(work, 1_000_000, 10_000_000_000);
        // A hundred times what the pool holds.
        for (asset, amount) in [(BTC, 100_000_000), (USDC, 1_000_000_000_000)] {
            let id = BalanceId { account: AccountId::pool(SPOT), universe: CORE, asset };
            let record = Amount::new(work.state.balance(AccountId::pool(SPOT), CORE, asset).get() + amount);
            work.state.put(Record::Balance { id, record });
        }
        let (brought, shares) = join(work, "bob", 10_000_000, 100_000_000_000).expect("bob has it");
        let out = leave(work, "bob", shares.get()).expect("his own");
        let lost = (brought.base.get() - out.base.get(), brought.quote.get() - out.quote.get());
        assert!(lost.0 <= 2 && lost.1 <= 20_000, "{lost:?}");
        // The donor owns 99.9 % of the shares and gets no more than that back.
        let all = held(work.state, "alice");
        let back = leave(work, "alice", all).expect("her own");
        assert!(back.base.get() < 101_000_000 && back.quote.get() < 1_010_000_000_000);
    });
}

#[test]
fn what_would_lower_a_share_is_an_invariant() {
    let market = MarketId::new(10_000);
    assert_eq!(check_grown(market, "x", (6, 4), (8, 3)), Ok(()));
    let big = i128::MAX;
    assert_eq!(check_grown(market, "x", (big, big - 1), (big - 1, big)), Ok(()));
    let refused = check_grown(market, "x", (big, big), (big, big - 1));
    assert!(matches!(refused, Err(Rejection::InvariantViolated { .. })), "{refused:?}");
}

/// `2 × √(k × p)`: the reserves at their own price are worth exactly that, and whatever the pool's price is moved to, no more.
#[test]
fn shares_are_worth_what_the_index_says_and_not_what_the_pool_does() {
    with_work(|work| {
        open(work, 1_000_000_000, 100_000_000_000);
        let market = market(work.state);
        let worth = |state: &State, shares: i128, price: i64| {
            fair_value_usd(state, &market, 8, Shares::new(shares), Price::new(price)).expect("in range")
        };
        let all = work.state.liquidity_pool(SPOT).expect("a pool").shares.get();
        // 10 at 100 and 1000: 2000.
        assert_eq!(worth(work.state, all, 10_000_000_000), Usd::new(200_000_000_000));
        assert_eq!(worth(work.state, all / 4, 10_000_000_000), Usd::new(50_000_000_000));
        // A quarter of the price: half the value, √ of it.
        assert_eq!(worth(work.state, all, 2_500_000_000), Usd::new(100_000_000_000));
        // Somebody moves the pool's price a hundred fold: what the reserves would fetch doubles and more, shares do not.
        assert!(trade(work, -900_000_000));
        assert_eq!(there(work.state), amounts(100_000_000, 1_000_000_000_000));
        assert_eq!(worth(work.state, all, 10_000_000_000), Usd::new(200_000_000_000));
        assert_eq!(worth(work.state, all, 0), Usd::ZERO);
    });
}

#[derive(Clone, Debug)]
enum Step {
    Join { who: usize, base: i128, quote: i128 },
    Leave { who: usize, millionths: i128 },
    Trade { base: i128 },
}

fn steps() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    let base = prop_oneof![1i128..1_000, 1i128..10_000_000_000];
    let quote = prop_oneof![1i128..100_000, 1i128..1_000_000_000_000];
    prop_oneof![
        3 => (who.clone(), base, quote).prop_map(|(who, base, quote)| Step::Join { who, base, quote }),
        3 => (who, 1i128..=1_000_000).prop_map(|(who, millionths)| Step::Leave { who, millionths }),
        2 => (-5_000_000_000i128..5_000_000_000).prop_map(|base| Step::Trade { base }),
    ]
}

/// `base × quote / shares²` as a pair of what is compared: numbers here are small enough for 1e-9 of it.
fn per_share(state: &State) -> (i128, i128) {
    let (Reserves { base, quote }, record) = (there(state), state.liquidity_pool(SPOT).expect("a pool"));
    (crate::wide::root_of_product_floor(base.get(), quote.get()).expect("in range"), record.shares.get())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn nobody_who_comes_goes_or_trades_takes_from_who_stays(
        (base, quote) in (1_000_000i128..10_000_000_000, 10_000_000_000i128..1_000_000_000_000),
        list in prop::collection::vec(steps(), 1..40),
    ) {
        let mut venue = Venue::new();
        let now = venue.engine.time_ms();
        let (state, genesis) = venue.engine.parts_mut();
        let start = state.checkpoint();
        let mut work = Work::new(state, genesis, now);
        open(&mut work, base, quote);
        let spec = market(work.state);
        let price = Price::new(7_777_777_777);
        for step in &list {
            let (root, shares) = per_share(work.state);
            let fair = fair_value_usd(work.state, &spec, 8, Shares::new(1_000_000), price).expect("in range");
            let before = there(work.state);
            match step {
                Step::Join { who, base, quote } => {
                    let (funds, held_before) = (own(work.state, PEOPLE[*who]), held(work.state, PEOPLE[*who]));
                    match join(&mut work, PEOPLE[*who], *base, *quote) {
                        Ok((brought, bought)) => {
                            prop_assert!(brought.base.get() <= *base && brought.quote.get() <= *quote);
                            prop_assert_eq!(held(work.state, PEOPLE[*who]), held_before + bought.get());
                        }
                        Err(Rejection::InsufficientBalance { .. }) => {
                            prop_assert_eq!(own(work.state, PEOPLE[*who]), funds);
                        }
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Step::Leave { who, millionths } => {
                    let shares = held(work.state, PEOPLE[*who]) / 1_000_000 * millionths;
                    if shares > 0 {
                        leave(&mut work, PEOPLE[*who], shares).expect("own shares");
                    }
                }
                Step::Trade { base } => {
                    trade(&mut work, *base);
                }
            }
            let (root_after, shares_after) = per_share(work.state);
            // root_after / shares_after >= root / shares; the floor of a root is less by at most one.
            prop_assert!((root_after + 1) * shares >= root * shares_after, "{step:?}: {before:?}");
            let fair_after = fair_value_usd(work.state, &spec, 8, Shares::new(1_000_000), price).expect("in range");
            prop_assert!(fair_after.get() + 1 >= fair.get(), "{step:?}: a box would not hold: {fair} {fair_after}");
            prop_assert_eq!(violation(work.state, SPOT), None);
        }
        // Whoever leaves for good leaves a pool behind that is not empty, and can come again.
        for name in PEOPLE {
            let shares = held(work.state, name);
            if shares > 0 {
                leave(&mut work, name, shares).expect("own shares");
            }
        }
        let rest = there(work.state);
        prop_assert!(rest.base.get() > 0 && rest.quote.get() > 0);
        prop_assert_eq!(violation(work.state, SPOT), None);
        work.state.revert_to(start);
    }
}
