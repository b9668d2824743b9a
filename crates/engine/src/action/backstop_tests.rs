//! Shares of a backstop vault through the engine. What the vault earns and loses is liquidation's; here the money comes by
//! settlements of the test's own.

use crate::{
    action::{self, Actor},
    backstop::{BACKSTOP_LOCK_MS, current},
    state::{Record, State, UniverseRecord},
    testing::{CORE, USDC, Venue, account_of, check, price, scenario_on, usd},
    vaults::pay,
    work::Work,
};
use palisade_types::{
    action::Action,
    address::AccountId,
    hash::ActionId,
    ids::{AssetId, UniverseId},
    numbers::{Amount, Shares, Usd},
    receipt::Outcome,
    rejection::Rejection,
    time::TimeMs,
    vault::{Redemption, Tranche},
};

const UNIT: i128 = 100_000_000;
const BTC: AssetId = AssetId::new(1);

fn put_in(tranche: Tranche, amount: &str) -> Action {
    Action::DepositBackstop { universe: CORE, tranche, amount_usd: usd(amount) }
}

fn take_out(tranche: Tranche, redemption: Redemption) -> Action {
    Action::WithdrawBackstop { universe: CORE, tranche, redemption }
}

#[test]
fn capital_comes_in_and_goes_out_after_its_lock() {
    check(
        "
        index BTC 100
        alice back junior 1000         -> done
        bob   back senior 3000         -> done
        tranches 1000 3000
        alice unback junior 10         -> refused shares_locked
        skip 345600000 BTC 100
        carol unback junior all        -> refused insufficient_shares
        bob   unback junior all        -> refused insufficient_shares
        bob   unback senior 1000       -> done
        tranches 1000 2000
        alice unback junior all        -> done
        bob   unback senior all        -> done
        tranches 0 0
        alice holds USDC 100000
        bob   holds USDC 100000
        ",
    );
}

#[test]
fn what_nobody_holds_becomes_the_insurance_funds_before_the_next_deposit() {
    let mut venue = check("index BTC 100");
    let now = venue.engine.time_ms();
    with_result(&mut venue, 500 * UNIT + 7, |work| {
        assert_eq!(values(work.state, now), (500 * UNIT + 7, 0));
        assert_eq!(act(work, "alice", &put_in(Tranche::Junior, "100")), Ok(Outcome::Done));
        assert_eq!(values(work.state, now), (600 * UNIT + 7, 0));
        let record = work.state.backstop(CORE);
        let worth = |account| record.pool(Tranche::Junior).value_of(work.state.backstop_share(CORE, account).junior);
        assert_eq!(worth(AccountId::insurance(CORE)), Ok(Usd::new(500 * UNIT + 7)));
        assert_eq!(worth(account_of("alice")), Ok(usd("100")), "no more and no less than was paid");
    });
}

/// Moves money between the vault and somebody, as a liquidation would, inside one block's work that is turned back after `then`.
fn with_result(venue: &mut Venue, change: i128, then: impl FnOnce(&mut Work<'_>)) {
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut work = Work::new(state, genesis, now);
    post(&mut work, change);
    then(&mut work);
    state.revert_to(start);
}

fn post(work: &mut Work<'_>, change: i128) {
    let (vault, other) = (AccountId::backstop(CORE), account_of("erin"));
    let (from, to) = if change >= 0 { (other, vault) } else { (vault, other) };
    pay(work, CORE, USDC, from, &[(to, Usd::new(change.abs()))]).expect("there is as much");
}

fn act(work: &mut Work<'_>, name: &str, action: &Action) -> Result<Outcome, Rejection> {
    let actor = Actor { account: account_of(name), action: ActionId::default() };
    work.attempt(|work| action::native(work, &actor, action).map_err(|stop| stop.rejection))
}

fn values(state: &State, now: TimeMs) -> (i128, i128) {
    let (record, _) = current(state, CORE, now).expect("fresh prices");
    (record.tranches.junior.value_usd.get(), record.tranches.senior.value_usd.get())
}

fn funded() -> Venue {
    let mut venue = check("index BTC 100\nalice back junior 1000 -> done\nbob back senior 3000 -> done");
    venue.skip(BACKSTOP_LOCK_MS, BTC, price("100"));
    venue
}

#[test]
fn results_are_allocated_before_anybody_comes_or_goes() {
    let mut venue = funded();
    let now = venue.engine.time_ms();
    with_result(&mut venue, -400 * UNIT, |work| {
        assert_eq!(values(work.state, now), (600 * UNIT, 3_000 * UNIT));
        // Carol buys at the lowered price, and the senior tranche was not touched.
        assert_eq!(act(work, "carol", &put_in(Tranche::Junior, "600")), Ok(Outcome::Done));
        assert_eq!(values(work.state, now), (1_200 * UNIT, 3_000 * UNIT));
        // The next 400 are what junior lost before: all of it is junior's, half of it carol's now.
        post(work, 400 * UNIT);
        assert_eq!(values(work.state, now), (1_600 * UNIT, 3_000 * UNIT));
        // And of what comes then senior has its part.
        post(work, 100 * UNIT);
        assert_eq!(values(work.state, now), (1_670 * UNIT, 3_030 * UNIT));
        let before = work.state.balance(account_of("alice"), CORE, USDC);
        assert_eq!(act(work, "alice", &take_out(Tranche::Junior, Redemption::All)), Ok(Outcome::Done));
        let got = work.state.balance(account_of("alice"), CORE, USDC).get() - before.get();
        assert!((835 * UNIT - 2..=835 * UNIT).contains(&got), "{got}");
    });
    with_result(&mut venue, -4_000 * UNIT, |work| {
        assert_eq!(values(work.state, now), (0, 0));
        let vault = AccountId::backstop(CORE);
        for (name, tranche) in [("alice", Tranche::Junior), ("bob", Tranche::Senior)] {
            let out = act(work, name, &take_out(tranche, Redemption::All));
            assert_eq!(out, Err(Rejection::VaultInsolvent { vault }));
            let into = act(work, "carol", &put_in(tranche, "100"));
            assert_eq!(into, Err(Rejection::VaultInsolvent { vault }), "shares that cost nothing are not sold");
        }
    });
}

#[test]
fn nothing_comes_or_goes_through_a_closed_gate() {
    let mut venue = funded();
    let record = venue.state().universe(CORE).expect("it exists").clone();
    with_result(&mut venue, 0, |work| {
        let gated = UniverseRecord { gated_since_ms: Some(TimeMs::new(1)), ..record };
        work.state.put(Record::Universe { id: CORE, record: gated });
        let expected = Err(Rejection::UniverseGated { universe: CORE });
        assert_eq!(act(work, "alice", &take_out(Tranche::Junior, Redemption::All)), expected);
        assert_eq!(act(work, "alice", &put_in(Tranche::Junior, "100")), expected);
    });
}

#[test]
fn bad_backstop_actions_are_refused() {
    let mut venue = funded();
    let alice = account_of("alice");
    let universe = UniverseId::new(9);
    let elsewhere = Action::DepositBackstop { universe, tranche: Tranche::Junior, amount_usd: usd("100") };
    let from_there = Action::WithdrawBackstop { universe, tranche: Tranche::Junior, redemption: Redemption::All };
    let held = venue.state().backstop_share(CORE, alice).junior;
    let shares = |count: i128| take_out(Tranche::Junior, Redemption::Shares { shares: Shares::new(count) });
    let short = |required: i128| Rejection::InsufficientShares { required: Shares::new(required), available: held };
    let below = |amount: &str| Rejection::BelowMinimumDeposit { amount: usd(amount), minimum: usd("100") };
    let cases = [
        (elsewhere, Rejection::UnknownUniverse { universe }),
        (from_there, Rejection::UnknownUniverse { universe }),
        (put_in(Tranche::Junior, "99.99999999"), below("99.99999999")),
        (put_in(Tranche::Senior, "0"), below("0")),
        (put_in(Tranche::Senior, "-100"), below("-100")),
        (
            put_in(Tranche::Senior, "100000"),
            Rejection::InsufficientBalance {
                asset: USDC,
                required: Amount::new(100_000 * UNIT),
                available: Amount::new(99_000 * UNIT),
            },
        ),
        (
            Action::DepositBackstop { universe: CORE, tranche: Tranche::Senior, amount_usd: Usd::MAX },
            Rejection::InsufficientBalance {
                asset: USDC,
                required: Amount::new(i128::MAX),
                available: Amount::new(99_000 * UNIT),
            },
        ),
        (shares(i128::MAX), short(i128::MAX)),
        (shares(0), short(0)),
        (shares(-5), short(-5)),
        (shares(held.get() + 1), short(held.get() + 1)),
        (
            take_out(Tranche::Junior, Redemption::Value { amount_usd: Usd::ZERO }),
            Rejection::AmountNotPositive { amount: Amount::ZERO },
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(venue.refused("alice", alice, action), expected);
    }
}

/// Scenario 16 for tranches: odd amounts in and out.
#[test]
fn coming_and_going_earns_nothing() {
    let mut venue = check("index BTC 100\nalice back junior 100.00000007 -> done");
    let start = venue.state().balance(account_of("bob"), CORE, USDC).get();
    for round in 0..30u32 {
        let tranche = if round % 2 == 0 { Tranche::Junior } else { Tranche::Senior };
        let amount = format!("100.0000{:04}", round * 241 % 10_000);
        assert_eq!(venue.act("bob", put_in(tranche, &amount)).outcome, Outcome::Done);
        venue.skip(BACKSTOP_LOCK_MS, BTC, price("100"));
        assert_eq!(venue.act("bob", take_out(tranche, Redemption::All)).outcome, Outcome::Done);
    }
    let profit = venue.state().balance(account_of("bob"), CORE, USDC).get() - start;
    println!("tranches: 30 rounds, the attacker's profit is {profit} units");
    assert!((-60..=0).contains(&profit), "{profit}");
    scenario_on(&mut venue, "carol unback junior all -> refused insufficient_shares");
}
