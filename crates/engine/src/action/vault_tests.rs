//! Users' vaults through the engine: what comes in and out, the queue, who may do what; and the attack replays on shares.

use crate::{
    shares::{Pool, VIRTUAL_SHARES},
    testing::{CORE, PERP, USDC, Venue, account_of, check, price, scenario_on, usd},
    vaults::{VAULT_LEADER_SHARES_MINIMUM, VAULT_QUEUE_MAX, VAULTS_PER_LEADER_MAX, worth},
};
use palisade_types::{
    action::{Action, MarginMode, TransferDirection},
    address::AccountId,
    agent::AgentScope,
    event::{CancelReason, Event},
    ids::{AssetId, UniverseId},
    numbers::{Amount, Shares, Usd},
    receipt::Outcome,
    rejection::{Inadmissible, Rejection},
    vault::Redemption,
};

const UNIT: i128 = 100_000_000;
const BTC: AssetId = AssetId::new(1);

fn vault_of(venue: &Venue, leader: &str) -> AccountId {
    venue.state().vaults_led_by(account_of(leader)).next().expect("a vault").0
}

fn pool(venue: &Venue, vault: AccountId) -> Pool {
    let value_usd = worth(venue.state(), vault, CORE, venue.engine.time_ms()).expect("fresh prices").low_usd;
    Pool { shares: venue.state().vault(vault).expect("a vault").shares, value_usd }
}

fn cash(venue: &Venue, account: AccountId) -> i128 {
    venue.state().balance(account, CORE, USDC).get()
}

fn deposit(vault: AccountId, amount: &str) -> Action {
    Action::DepositVault { vault, amount_usd: usd(amount) }
}

fn withdraw(vault: AccountId, redemption: Redemption) -> Action {
    Action::WithdrawVault { vault, redemption }
}

#[test]
fn holders_share_what_the_leader_earns_and_the_leader_gets_a_tenth() {
    check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 1000       -> done
        alice/carry holds USDC 2000
        bob   holds USDC 99000
        alice/carry buy BTC 100 @ 100 gtc    -> resting 100
        carol sell BTC 100 @ 100 gtc         -> filled 100 for 10000
        // maker fee of 1 bp
        alice/carry holds USDC 1999
        bob   owns alice/carry 999.5
        bob   withdraw alice/carry all       -> refused shares_locked
        skip 86400000 BTC 100
        alice/carry sell BTC 100 @ 102 gtc   -> resting 100
        dave  buy BTC 100 @ 102 gtc          -> filled 100 for 10200
        // 200 earned, fees of 1 and 1.02 and an hour of funding paid
        alice/carry holds USDC 2197.979653
        bob   owns alice/carry 1098.98982649
        bob   withdraw alice/carry all       -> done
        // a tenth of the profit of 98.9898 is alice's
        bob   holds USDC 100089.09084384
        alice holds USDC 99009.89898265
        alice/carry holds USDC 1098.98982651
        ",
    );
}

#[test]
fn a_loss_is_shared_and_pays_no_one() {
    check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 3000       -> done
        alice/carry buy BTC 100 @ 100 gtc    -> resting 100
        carol sell BTC 100 @ 100 gtc         -> filled 100 for 10000
        skip 86400000 BTC 100
        dave  buy BTC 100 @ 98 gtc           -> resting 100
        alice/carry sell BTC 100 @ 98 gtc    -> filled 100 for 9800
        // 4000 - 200 - 1 - 3.43 and an hour of funding
        alice/carry holds USDC 3795.569653
        bob   withdraw alice/carry all       -> done
        bob   holds USDC 99846.67723975
        alice holds USDC 99000
        ",
    );
}

#[test]
fn money_that_positions_need_is_waited_for_and_paid_at_the_value_of_then() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 3000       -> done
        carol deposit alice/carry 1000       -> done
        alice/carry buy BTC 800 @ 100 gtc    -> resting 800
        dave  sell BTC 800 @ 100 gtc         -> filled 800 for 80000
        // 80000 at 20x need 4000 of 4992
        skip 86400000 BTC 100
        bob   withdraw alice/carry all       -> done
        // what was free is paid at once in part, by the next block
        bob   holds USDC 97000
        carol withdraw alice/carry 100       -> done
        carol withdraw alice/carry 100       -> refused too_many
        // while anyone waits the vault only reduces
        alice/carry buy BTC 1 @ 100 gtc      -> rejected vault_must_reduce
        alice/carry sell BTC 801 @ 100 gtc   -> rejected vault_must_reduce
        ",
    );
    let vault = vault_of(&venue, "alice");
    let before = pool(&venue, vault);
    scenario_on(
        &mut venue,
        "
        alice/carry sell BTC 800 @ 100 gtc   -> resting 800
        erin  buy BTC 800 @ 100 gtc          -> filled 800 for 80000
        advance 2000
        ",
    );
    let record = venue.state().vault(vault).expect("a vault");
    assert!(!record.owes(), "all is paid: {record:?}");
    assert_eq!(venue.state().vault_share(vault, account_of("bob")), Default::default());
    let after = pool(&venue, vault);
    assert!(after.shares < before.shares);
    // 16 USD of fees are shared by all: bob gets less than the 2995.2 that he asked for.
    let bob = cash(&venue, account_of("bob")) - 97_000 * UNIT;
    assert!((2_985 * UNIT..2_996 * UNIT).contains(&bob), "{bob}");
    let carol = cash(&venue, account_of("carol")) - 99_000 * UNIT;
    assert!((99 * UNIT..100 * UNIT + 1).contains(&carol), "{carol}");
}

#[test]
fn a_withdrawal_frees_what_orders_reserve() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 1000       -> done
        skip 86400000 BTC 100
        alice/carry buy BTC 300 @ 100 gtc    -> resting 300
        ",
    );
    let vault = vault_of(&venue, "alice");
    let signed = venue.sign("bob", withdraw(vault, Redemption::All));
    let outcome = venue.block(&[signed], None);
    let canceled = outcome.events.iter().any(
        |event| matches!(event, Event::OrderCanceled { reason: CancelReason::VaultWithdrawal, order } if order.account == vault),
    );
    assert!(canceled, "{:?}", outcome.events);
    assert!(venue.state().vault_share(vault, account_of("bob")).shares.is_zero());
    assert_eq!(cash(&venue, account_of("bob")), 100_000 * UNIT);
}

#[test]
fn a_closed_vault_pays_everybody_and_keeps_nothing() {
    let venue = check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 777.77777777 -> done
        bob   close-vault alice/carry        -> refused not_your_vault
        alice withdraw alice/carry all       -> refused shares_locked
        alice close-vault alice/carry        -> done
        alice close-vault alice/carry        -> refused vault_closed
        carol deposit alice/carry 100        -> refused vault_closed
        alice/carry buy BTC 1 @ 100 gtc      -> rejected vault_must_reduce
        // nobody is locked in, the leader neither
        alice withdraw alice/carry all       -> done
        bob   withdraw alice/carry all       -> done
        alice/carry holds USDC 0
        alice holds USDC 100000
        bob   holds USDC 100000
        ",
    );
    let vault = vault_of(&venue, "alice");
    assert!(venue.state().vault(vault).expect("records stay").shares.is_zero());
    assert_eq!(cash(&venue, AccountId::fees(CORE)), 0, "nothing was earned, so nothing was rounded");
}

#[test]
fn a_leader_stays_in() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 100           -> created
        bob   deposit alice/carry 1900       -> done
        bob   deposit alice/carry 10         -> refused leader_share_too_small
        skip 86400000 BTC 100
        alice withdraw alice/carry 10        -> refused leader_share_too_small
        bob   withdraw alice/carry 1500      -> done
        alice withdraw alice/carry 10        -> refused leader_share_too_small
        alice deposit alice/carry 50         -> done
        skip 86400000 BTC 100
        alice withdraw alice/carry 50.1      -> refused leader_share_too_small
        alice withdraw alice/carry 49        -> done
        ",
    );
    let vault = vault_of(&venue, "alice");
    let all = venue.refused("alice", account_of("alice"), withdraw(vault, Redemption::All));
    assert!(matches!(all, Rejection::LeaderShareTooSmall { required, .. } if required == VAULT_LEADER_SHARES_MINIMUM));
}

#[test]
fn no_balance_reaches_the_end_of_the_range() {
    let mut venue = check("alice open-vault carry 100 -> created");
    let most = Action::DepositVault { vault: vault_of(&venue, "alice"), amount_usd: Usd::MAX };
    let (required, available) = (Amount::new(i128::MAX), Amount::new(100_000 * UNIT));
    let rejection = venue.refused("bob", account_of("bob"), most);
    assert_eq!(rejection, Rejection::InsufficientBalance { asset: USDC, required, available });
}

#[test]
fn bad_vault_actions_are_refused() {
    let mut venue =
        check("alice open-vault carry 100 -> created\nbob deposit alice/carry 20 -> done\nskip 86400000 BTC 100");
    let (alice, bob, vault) = (account_of("alice"), account_of("bob"), vault_of(&venue, "alice"));
    let create = |name: &str, description: &str, initial: &str| Action::CreateVault {
        name: name.to_owned(),
        description: description.to_owned(),
        initial_usd: usd(initial),
    };
    let below =
        |amount: &str, minimum: &str| Rejection::BelowMinimumDeposit { amount: usd(amount), minimum: usd(minimum) };
    let held = venue.state().vault_share(vault, bob).shares;
    let shares = |count: i128| withdraw(vault, Redemption::Shares { shares: Shares::new(count) });
    let short = |required: i128| Rejection::InsufficientShares { required: Shares::new(required), available: held };
    let value = |amount: &str| withdraw(vault, Redemption::Value { amount_usd: usd(amount) });
    let not_positive = |amount: &str| Rejection::AmountNotPositive { amount: Amount::new(usd(amount).get()) };
    let balance = |required: &str, available: i128| Rejection::InsufficientBalance {
        asset: USDC,
        required: Amount::new(usd(required).get()),
        available: Amount::new(available),
    };
    let cases = [
        ("alice", create("carry", "", "100"), Rejection::NameInUse { name: "carry".to_owned() }),
        ("alice", create("", "", "100"), Rejection::NameInUse { name: String::new() }),
        ("alice", create("tab\t", "", "100"), Rejection::InvalidName { limit_bytes: 64 }),
        ("alice", create("x", &"x".repeat(257), "100"), Rejection::InvalidName { limit_bytes: 256 }),
        ("alice", create("x", "", "99.99999999"), below("99.99999999", "100")),
        ("alice", create("x", "", "-100"), below("-100", "100")),
        ("alice", create("x", "", "100000"), balance("100000", 99_900 * UNIT)),
        ("bob", deposit(bob, "10"), Rejection::UnknownVault { vault: bob }),
        ("bob", deposit(vault, "9.99999999"), below("9.99999999", "10")),
        ("bob", deposit(vault, "0"), below("0", "10")),
        ("bob", deposit(vault, "100000"), balance("100000", 99_980 * UNIT)),
        ("bob", withdraw(bob, Redemption::All), Rejection::UnknownVault { vault: bob }),
        ("bob", shares(0), short(0)),
        ("bob", shares(-1), short(-1)),
        ("bob", shares(held.get() + 1), short(held.get() + 1)),
        ("bob", shares(i128::MAX), short(i128::MAX)),
        ("bob", value("0"), not_positive("0")),
        ("bob", value("-1"), not_positive("-1")),
        ("bob", Action::CloseVault { vault: bob }, Rejection::UnknownVault { vault: bob }),
        ("bob", Action::CloseVault { vault }, Rejection::NotYourVault { vault }),
    ];
    for (name, action, expected) in cases {
        assert_eq!(venue.refused(name, account_of(name), action), expected);
    }
    // More than the shares are worth.
    let above = venue.refused("bob", bob, value("20.00000001"));
    assert!(matches!(above, Rejection::InsufficientShares { available, .. } if available == held), "{above:?}");
    let none = Rejection::InsufficientShares { required: Shares::ZERO, available: Shares::ZERO };
    let carol = account_of("carol");
    assert_eq!(venue.refused("carol", carol, withdraw(vault, Redemption::All)), none);
    // Shares too few to be worth a unit.
    assert_eq!(venue.refused("bob", bob, shares(1)), Rejection::VaultInsolvent { vault });
    // A vault takes no gifts.
    let send = Action::Transfer { universe: CORE, to: vault, asset: USDC, amount: Amount::new(1) };
    assert_eq!(venue.refused("bob", bob, send), Rejection::InvalidRecipient { to: vault });
    // And has none of its own.
    let sub = match venue.act("alice", Action::CreateSubAccount { name: "a".to_owned() }).outcome {
        Outcome::AccountCreated { account } => account,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(venue.refused("alice", sub, create("x", "", "100")), Rejection::NotAMaster { account: sub });
    for number in 1..VAULTS_PER_LEADER_MAX {
        venue.act("alice", create(&number.to_string(), "", "100"));
    }
    let limit = VAULTS_PER_LEADER_MAX as u32;
    let full = Rejection::TooMany { what: "vaults of one leader".to_owned(), limit };
    assert_eq!(venue.refused("alice", alice, create("more", "", "100")), full);
}

#[test]
fn a_leader_trades_for_a_vault_and_takes_nothing_out() {
    let mut venue = check("alice open-vault carry 1000 -> created\nindex BTC 100");
    let (alice, vault) = (account_of("alice"), vault_of(&venue, "alice"));
    assert_eq!(venue.state().controller(vault), Some(alice));
    let agent = crate::testing::key_of("bob").signer_id();
    let owners: Vec<Action> = vec![
        Action::Transfer { universe: CORE, to: alice, asset: USDC, amount: Amount::new(1) },
        Action::MoveUniverse { from: CORE, to: UniverseId::new(1), asset: USDC, amount: Amount::new(1) },
        Action::CreateSubAccount { name: "x".to_owned() },
        Action::TransferSubAccount {
            sub_account: alice,
            universe: CORE,
            asset: USDC,
            amount: Amount::new(1),
            direction: TransferDirection::Deposit,
        },
        Action::ApproveAgent { agent, name: String::new(), scope: AgentScope::Trade, expires_at_ms: None },
        Action::ClaimFaucet { asset: USDC },
        Action::SetHyperliquidCompatibility { enabled: true },
        Action::CreateVault { name: "x".to_owned(), description: String::new(), initial_usd: usd("100") },
        deposit(vault, "100"),
        withdraw(vault, Redemption::All),
        Action::CloseVault { vault },
        Action::DepositBackstop {
            universe: CORE,
            tranche: palisade_types::vault::Tranche::Junior,
            amount_usd: usd("100"),
        },
    ];
    for action in owners {
        let kind = action.kind().to_owned();
        let signed = venue.sign_for("alice", vault, action);
        let verdict = venue.engine.admission(venue.engine.time_ms().saturating_add(10)).admit(&signed);
        let signer = crate::testing::key_of("alice").signer_id();
        assert_eq!(verdict, Err(Inadmissible::OutOfScope { signer, kind }));
    }
    // Its money is one balance and its linear positions.
    let isolated = Action::UpdateLeverage { market: PERP, leverage: 2, margin_mode: MarginMode::Isolated };
    let rejection = venue.refused("alice", vault, isolated);
    assert_eq!(rejection, Rejection::NotForVaults { what: "isolated margin".to_owned() });
    scenario_on(
        &mut venue,
        "
        alice/carry buy BTC/USDC 1 @ 100 gtc  -> rejected not_for_vaults
        alice/carry leverage BTC 5            -> done
        alice/carry sell BTC 10 @ 100 gtc     -> resting 10
        // a leader does not trade with the vault
        alice buy BTC 5 @ 100 gtc             -> resting 5
        book BTC 5@100 |
        ",
    );
}

/// Scenario 15 of the attack replays: however actions are nested in one block, what a vault is worth changes by what was posted.
#[test]
fn the_value_of_a_vault_changes_by_what_flows() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 5000          -> created
        bob   deposit alice/carry 1000       -> done
        carol deposit alice/carry 1000       -> done
        alice/carry buy BTC 50 @ 100 gtc     -> resting 50
        dave  sell BTC 50 @ 100 gtc          -> filled 50 for 5000
        skip 86400000 BTC 100
        ",
    );
    let vault = vault_of(&venue, "alice");
    for round in 0..20u32 {
        let before = pool(&venue, vault);
        let part = |amount: i128| Redemption::Value { amount_usd: Usd::new(amount * UNIT + i128::from(round)) };
        let actions = vec![
            venue.sign("bob", withdraw(vault, part(7))),
            venue.sign("dave", deposit(vault, "33.33333333")),
            venue.sign("carol", withdraw(vault, part(11))),
            venue.sign("dave", deposit(vault, "10.00000001")),
            venue.sign("erin", deposit(vault, "12.5")),
            venue.sign("bob", withdraw(vault, part(3))),
        ];
        let outcome = venue.block(&actions, None);
        let flow: i128 = outcome
            .events
            .iter()
            .map(|event| match event {
                Event::Transferred { to, amount, .. } if *to == vault => amount.get(),
                Event::Transferred { from, amount, .. } if *from == vault => -amount.get(),
                _ => 0,
            })
            .sum();
        let after = pool(&venue, vault);
        assert_eq!(after.value_usd.get() - before.value_usd.get(), flow, "round {round}");
        let counted = |pool: &Pool| (pool.value_usd.get() + 1, pool.shares.get() + VIRTUAL_SHARES);
        let ((old_value, old_shares), (new_value, new_shares)) = (counted(&before), counted(&after));
        assert!(new_value * old_shares >= old_value * new_shares, "a share is worth less after round {round}");
    }
}

/// Scenario 16 of the attack replays through the engine: odd amounts in and out of a closed loop of two accounts.
#[test]
fn coming_and_going_earns_nothing() {
    let mut venue = check("index BTC 100\nalice open-vault carry 100.00000007 -> created");
    let vault = vault_of(&venue, "alice");
    let start = cash(&venue, account_of("bob"));
    for round in 0..40u32 {
        let amount = format!("10.0000{:04}", round * 241 % 10_000);
        assert_eq!(venue.act("bob", deposit(vault, &amount)).outcome, Outcome::Done);
        venue.skip(86_400_000, BTC, price("100"));
        let half = venue.state().vault_share(vault, account_of("bob")).shares.get() / 2;
        let pieces = [Redemption::Shares { shares: Shares::new(half) }, Redemption::All];
        for piece in pieces {
            assert_eq!(venue.act("bob", withdraw(vault, piece)).outcome, Outcome::Done);
        }
    }
    let profit = cash(&venue, account_of("bob")) - start;
    println!("coming and going: 40 rounds, the attacker's profit is {profit} units");
    assert!((-120..=0).contains(&profit), "{profit}");
}

/// Scenario 17 of the attack replays through the engine: gifts are refused, and money that was at the address before there was a
/// vault is the leader's, not a trap for the next depositor.
#[test]
fn a_first_depositor_cannot_rob_the_second_through_the_engine() {
    let mut venue = Venue::new();
    venue.set_index(BTC, price("100"));
    let (alice, victim) = (account_of("alice"), account_of("bob"));
    let address = AccountId::vault(alice, 0);
    // Known before it exists: a gift of 50,000 USD to the address.
    let gift = Action::Transfer { universe: CORE, to: address, asset: USDC, amount: Amount::new(50_000 * UNIT) };
    assert_eq!(venue.act("alice", gift.clone()).outcome, Outcome::Done);
    scenario_on(&mut venue, "alice open-vault trap 100 -> created");
    assert_eq!(vault_of(&venue, "alice"), address);
    assert_eq!(venue.refused("alice", alice, gift), Rejection::InvalidRecipient { to: address });
    for amount in ["10", "10.00000001", "999.99999999"] {
        let before = cash(&venue, victim);
        assert_eq!(venue.act("bob", deposit(address, amount)).outcome, Outcome::Done);
        venue.skip(86_400_000, BTC, price("100"));
        assert_eq!(venue.act("bob", withdraw(address, Redemption::All)).outcome, Outcome::Done);
        let loss = before - cash(&venue, victim);
        println!("first depositor: {amount} paid, the victim loses {loss} units");
        assert!((0..=1).contains(&loss), "{loss}");
    }
    scenario_on(&mut venue, "alice close-vault alice/trap -> done\nalice withdraw alice/trap all -> done");
    let profit = cash(&venue, alice) - 100_000 * UNIT;
    println!("first depositor: the attacker's profit is {profit} units");
    assert!(profit <= 3, "{profit}");
}

/// Whoever moves the mark away from the index buys dear and sells cheap.
#[test]
fn deposits_pay_the_higher_price_and_withdrawals_get_the_lower() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 10000         -> created
        carol deposit alice/carry 1000       -> done
        alice/carry buy BTC 500 @ 100 gtc    -> resting 500
        dave  sell BTC 500 @ 100 gtc         -> filled 500 for 50000
        skip 86400000 BTC 100
        // the index jumps; the mark follows at its own pace
        index BTC 103
        ",
    );
    let vault = vault_of(&venue, "alice");
    let both = worth(venue.state(), vault, CORE, venue.engine.time_ms()).expect("fresh prices");
    assert!(both.high_usd > both.low_usd, "{both:?}");
    let before = cash(&venue, account_of("bob"));
    venue.act("bob", deposit(vault, "1000"));
    let shares = venue.state().vault_share(vault, account_of("bob")).shares;
    let worth_now = pool(&venue, vault).value_of(shares).expect("in range");
    assert!(worth_now < usd("1000"), "{worth_now}");
    venue.skip(86_400_000, BTC, price("103"));
    venue.act("bob", withdraw(vault, Redemption::All));
    assert!(cash(&venue, account_of("bob")) <= before);
    // Without a fresh index nothing is priced.
    venue.advance(11_000);
    let stale = venue.refused("bob", account_of("bob"), deposit(vault, "1000"));
    assert_eq!(stale, Rejection::NoFreshPrice { market: PERP });
}

/// An order that reduced when it was placed may find less to reduce when it is met.
#[test]
fn a_vault_that_must_reduce_does_not_turn_by_orders_that_rest() {
    check(
        "
        index BTC 100
        alice open-vault carry 1000              -> created
        alice/carry buy BTC 100 @ 100 gtc        -> resting 100
        bob   sell BTC 100 @ 100 gtc             -> filled 100 for 10000
        alice close-vault alice/carry            -> done
        alice/carry sell BTC 101 @ 105 gtc       -> rejected vault_must_reduce
        alice/carry sell BTC 100 @ 105 gtc       -> resting 100
        carol buy BTC 70 @ 100 gtc               -> resting 70
        alice/carry sell BTC 70 @ 100 ioc reduce -> filled 70 for 7000
        dave  buy BTC 100 @ 105 gtc              -> filled 30 for 3150 resting 70
        alice/carry position BTC 0
        book BTC 70@105 |
        ",
    );
}

/// A queue is bounded, and a full one refuses; on a state that says it is full.
#[test]
fn a_queue_has_an_end() {
    let mut venue = check("index BTC 100\nalice open-vault carry 100 -> created\nbob deposit alice/carry 100 -> done");
    let (vault, bob) = (vault_of(&venue, "alice"), account_of("bob"));
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut record = state.vault(vault).expect("a vault").clone();
    record.queue_next = VAULT_QUEUE_MAX as u64;
    state.put(crate::state::Record::Vault { id: vault, record });
    let mut work = crate::work::Work::new(state, genesis, now);
    let full = crate::vaults::enqueue(&mut work, vault, bob, Shares::new(1));
    let what = "waiting withdrawals of one vault".to_owned();
    assert_eq!(full, Err(Rejection::TooMany { what, limit: VAULT_QUEUE_MAX as u32 }));
    state.revert_to(start);
}

/// One share is worth less than a unit: it cannot be put in line, where it could never be paid.
#[test]
fn shares_that_are_worth_nothing_are_not_put_in_line() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 3000       -> done
        carol deposit alice/carry 1000       -> done
        alice/carry buy BTC 800 @ 100 gtc    -> resting 800
        dave  sell BTC 800 @ 100 gtc         -> filled 800 for 80000
        skip 86400000 BTC 100
        carol withdraw alice/carry all       -> done
        ",
    );
    let vault = vault_of(&venue, "alice");
    assert!(venue.state().vault(vault).expect("a vault").owes());
    let one = venue.act("bob", withdraw(vault, Redemption::Shares { shares: Shares::new(1) })).outcome;
    assert_eq!(one, Outcome::Rejected { rejection: Rejection::VaultInsolvent { vault } });
    assert_eq!(venue.state().vault_share(vault, account_of("bob")).waiting, Shares::ZERO);
}

/// Shares that have become worth nothing in line leave it unpaid when their turn comes, and are their holder's still: whoever is
/// behind them is paid in the same block.
#[test]
fn what_has_become_worth_nothing_does_not_block_the_queue() {
    let mut venue = check(
        "
        index BTC 100
        alice open-vault carry 1000          -> created
        bob   deposit alice/carry 300        -> done
        carol deposit alice/carry 500        -> done
        ",
    );
    let (vault, bob, carol) = (vault_of(&venue, "alice"), account_of("bob"), account_of("carol"));
    let (before, held) = (cash(&venue, carol), venue.state().vault_share(vault, bob).shares);
    let now = venue.engine.time_ms();
    let (state, genesis) = venue.engine.parts_mut();
    let start = state.checkpoint();
    let mut work = crate::work::Work::new(state, genesis, now);
    let all = work.state.vault_share(vault, carol).shares;
    crate::vaults::enqueue(&mut work, vault, bob, Shares::new(1)).expect("there is room");
    crate::vaults::enqueue(&mut work, vault, carol, all).expect("there is room");
    crate::vaults::pay_queues(&mut work);
    let dropped = Event::VaultWithdrawalDropped { vault, account: bob, shares: Shares::new(1) };
    assert!(work.events.contains(&dropped), "{:?}", work.events);
    let left = work.state.vault_share(vault, bob);
    assert_eq!((left.shares, left.waiting), (held, Shares::ZERO));
    assert!(!work.state.vault(vault).expect("a vault").owes(), "nobody waits");
    assert_eq!(work.state.balance(carol, CORE, USDC).get() - before, 500 * UNIT);
    assert_eq!(crate::vaults::unequal_shares(work.state), None);
    work.state.revert_to(start);
}
