//! Random comings and goings on one vault with positions, at prices that jump between them: after every single action the value of
//! a share is no lower, the vault's money moved by what was posted, and holders hold what there is.

use crate::{
    action::{self, Actor},
    shares::{Pool, VIRTUAL_SHARES},
    state::{Record, State},
    testing::{CORE, USDC, Venue, account_of, cases, check},
    vaults::{VAULT_LOCK_MS, pay, pay_queues, unequal_shares, worth},
    work::Work,
};
use palisade_types::{
    action::Action,
    address::AccountId,
    event::Event,
    hash::ActionId,
    numbers::{Shares, Usd},
    time::TimeMs,
    vault::Redemption,
};
use proptest::prelude::*;

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const UNIT: i128 = 100_000_000;

#[derive(Clone, Debug)]
enum Step {
    Deposit {
        who: usize,
        amount: i128,
    },
    WithdrawValue {
        who: usize,
        amount: i128,
    },
    WithdrawPart {
        who: usize,
        percent: i128,
    },
    /// Money that the vault earns or loses.
    Result {
        amount: i128,
    },
    /// A step of a block later.
    Queues,
    Close,
}

fn steps() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    let amount = prop_oneof![1i128..1_000, 10 * UNIT..20 * UNIT, UNIT..30_000 * UNIT];
    prop_oneof![
        6 => (who.clone(), amount.clone()).prop_map(|(who, amount)| Step::Deposit { who, amount }),
        4 => (who.clone(), amount).prop_map(|(who, amount)| Step::WithdrawValue { who, amount }),
        4 => (who, 1i128..=100).prop_map(|(who, percent)| Step::WithdrawPart { who, percent }),
        3 => (-900 * UNIT..900 * UNIT).prop_map(|amount| Step::Result { amount }),
        3 => Just(Step::Queues),
        1 => Just(Step::Close),
    ]
}

/// A vault with a position, and with money of two.
fn venue() -> Venue {
    check(
        "
        index BTC 100
        alice open-vault carry 5000          -> created
        bob   deposit alice/carry 3000       -> done
        alice/carry buy BTC 300 @ 100 gtc    -> resting 300
        erin  sell BTC 300 @ 100 gtc         -> filled 300 for 30000
        skip 86400000 BTC 100
        ",
    )
}

fn pool(state: &State, vault: AccountId, now: TimeMs) -> Pool {
    let value_usd = worth(state, vault, CORE, now).expect("fresh prices").low_usd;
    Pool { shares: state.vault(vault).expect("a vault").shares, value_usd }
}

/// Whether a share is worth as much as before; the numbers here fit their products.
fn not_lower(before: &Pool, after: &Pool) -> bool {
    let counted = |pool: &Pool| (pool.value_usd.get().max(0) + 1, pool.shares.get() + VIRTUAL_SHARES);
    let ((value, shares), (value_after, shares_after)) = (counted(before), counted(after));
    value_after * (shares / 1_000) + value_after >= value * (shares_after / 1_000)
}

/// What flowed into the vault by the events since.
fn flow(events: &[Event], vault: AccountId) -> i128 {
    let of = |event: &Event| match event {
        Event::Transferred { to, amount, .. } if *to == vault => amount.get(),
        Event::Transferred { from, amount, .. } if *from == vault => -amount.get(),
        _ => 0,
    };
    events.iter().map(of).sum()
}

/// Time has passed: nobody is locked.
fn unlock(state: &mut State, vault: AccountId) {
    let holders: Vec<_> = state.vault_holders(vault).collect();
    for (account, holding) in holders {
        let locked_until_ms = holding.locked_until_ms.saturating_sub(VAULT_LOCK_MS);
        let record = crate::state::VaultShareRecord { locked_until_ms, ..holding };
        state.put(Record::VaultShare { id: crate::state::VaultShareId { vault, account }, record });
    }
}

fn act(work: &mut Work<'_>, who: usize, action: &Action) -> bool {
    let actor = Actor { account: account_of(PEOPLE[who]), action: ActionId::default() };
    work.attempt(|work| action::native(work, &actor, action).map_err(|stop| stop.rejection)).is_ok()
}

fn run(work: &mut Work<'_>, vault: AccountId, step: &Step) -> bool {
    match step {
        Step::Deposit { who, amount } => {
            act(work, *who, &Action::DepositVault { vault, amount_usd: Usd::new(*amount) })
        }
        Step::WithdrawValue { who, amount } => {
            let redemption = Redemption::Value { amount_usd: Usd::new(*amount) };
            act(work, *who, &Action::WithdrawVault { vault, redemption })
        }
        Step::WithdrawPart { who, percent } => {
            let holding = work.state.vault_share(vault, account_of(PEOPLE[*who]));
            let shares = Shares::new((holding.shares.get() - holding.waiting.get()) / 100 * percent);
            act(work, *who, &Action::WithdrawVault { vault, redemption: Redemption::Shares { shares } })
        }
        Step::Result { amount } => {
            let erin = account_of("erin");
            let (from, to) = if *amount > 0 { (erin, vault) } else { (vault, erin) };
            work.attempt(|work| pay(work, CORE, USDC, from, &[(to, Usd::new(amount.abs()))])).is_ok()
        }
        Step::Queues => {
            work.time_ms = work.time_ms.saturating_add(1_000);
            pay_queues(work);
            true
        }
        Step::Close => act(work, 0, &Action::CloseVault { vault }),
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn nobody_who_comes_or_goes_takes_from_who_stays(list in prop::collection::vec(steps(), 1..40)) {
        let mut venue = venue();
        let vault = venue.state().vaults_led_by(account_of("alice")).next().expect("a vault").0;
        let now = venue.engine.time_ms();
        let (state, genesis) = venue.engine.parts_mut();
        let start = state.checkpoint();
        let mut work = Work::new(state, genesis, now);
        for step in &list {
            unlock(work.state, vault);
            let before = pool(work.state, vault, now);
            let seen = work.events.len();
            let done = run(&mut work, vault, step);
            let after = pool(work.state, vault, now);
            prop_assert!(done || after == before, "a refusal changes nothing: {step:?}");
            prop_assert_eq!(after.value_usd.get() - before.value_usd.get(), flow(&work.events[seen..], vault));
            if !matches!(step, Step::Result { .. }) {
                prop_assert!(after.shares.is_zero() || not_lower(&before, &after), "{step:?}: {before:?} {after:?}");
            }
            prop_assert_eq!(unequal_shares(work.state), None);
            check_queue(work.state, vault);
        }
        work.state.revert_to(start);
    }
}

/// What waits is what the queue says, within what is held.
fn check_queue(state: &State, vault: AccountId) {
    let record = state.vault(vault).expect("a vault");
    let queued = (record.queue_first..record.queue_next).map(|number| {
        let waiting = state.vault_withdrawal(vault, number).expect("a number in the queue has a record");
        assert_eq!(state.vault_share(vault, waiting.account).waiting, waiting.shares);
        waiting.shares.get()
    });
    let queued: i128 = queued.sum();
    let waiting: i128 = state.vault_holders(vault).map(|(_, holding)| holding.waiting.get()).sum();
    assert_eq!(queued, waiting);
    assert!(state.vault_holders(vault).all(|(_, holding)| holding.waiting <= holding.shares));
}
