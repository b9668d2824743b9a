//! Attacks on pools: shares that are inflated, rounded away, or redeemed in the middle of things.

use super::{
    table::{Table, dollars},
    verdict,
};
use crate::{
    step::Step,
    world::{CORE, DOLLAR},
};
use palisade_types::{
    action::Action,
    address::AccountId,
    numbers::{Shares, Usd},
    vault::Redemption,
};

pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

pub fn act(table: &mut Table, who: &str, action: Action) {
    table.block(&Step { advance_ms: 100, actions: vec![(who.to_owned(), action)], ..Step::default() });
}

fn vault_of(table: &Table) -> AccountId {
    *table.books().vaults.keys().next().expect("a vault")
}

pub fn open(table: &mut Table, leader: &str, usd: i128) -> AccountId {
    let initial_usd = Usd::new(usd * DOLLAR);
    act(table, leader, Action::CreateVault { name: "v".to_owned(), description: String::new(), initial_usd });
    vault_of(table)
}

/// The value of 10^18 shares, by the vault's cash and positions.
pub fn share_value(table: &Table, vault: AccountId) -> i128 {
    let shares = table.books().vaults[&vault].max(1);
    (table.worth_of(vault) + 1) * 1_000_000_000_000 / (shares + 1_000_000)
}

/// Vaults of other venues were robbed from inside their own hooks: shares redeemed while a trade was half settled.
///
/// Here: an action is one settlement. A block full of trades, deposits and redemptions changes the vault by the tokens that flow, and
/// no share is worth less for it.
#[test]
fn nested_actions() {
    super::plant();
    let mut table = Table::play(
        "
        start leader 50000
        start thief 50000
        start maker 500000
        fees 0 0
        price BTC 60000 ETH 2000
        ",
    );
    let vault = open(&mut table, "leader", 20_000);
    table.go_on("maker sell 1 BTC 60000 gtc -> rests 1\nmaker buy 1 BTC 59999 gtc -> rests 1");
    let trade = |table: &Table, words: &str| {
        let words: Vec<&str> = words.split_whitespace().collect();
        (format!("leader>{vault}"), table.action(&words).0)
    };
    let amount_usd = Usd::new(1_000 * DOLLAR + 1);
    for round in 0..20 {
        let before = share_value(&table, vault);
        let mut actions = vec![
            ("thief".to_owned(), Action::DepositVault { vault, amount_usd }),
            trade(&table, "buy 0.01 BTC 60000 ioc"),
            ("thief".to_owned(), Action::WithdrawVault { vault, redemption: Redemption::All }),
            (
                "thief".to_owned(),
                Action::WithdrawVault { vault, redemption: Redemption::Shares { shares: Shares::new(1) } },
            ),
        ];
        if round % 2 == 1 {
            actions.reverse();
        }
        table.block(&Step { advance_ms: 100, actions, ..Step::default() });
        table.go_on("maker cancel-all -> done\nmaker sell 1 BTC 60000 gtc -> rests 1");
        let after = share_value(&table, vault);
        assert!(after >= before, "round {round}: a share fell from {before} to {after}");
        let step = table.priced(DAY_MS + 1_000);
        table.block(&step);
        act(&mut table, "thief", Action::WithdrawVault { vault, redemption: Redemption::All });
    }
    verdict("15 nested actions", table.profit(&["thief"]), 0);
}

/// The first depositor of a pool inflates its shares by a gift, so that the second one's deposit rounds to nothing.
///
/// Here: a vault takes no gifts, opens with a hundred dollars, and shares begin at a millionth of a unit.
#[test]
fn first_depositor() {
    super::plant();
    let mut table = Table::play(
        "
        start leader 100000
        start victim 100000
        price BTC 60000 ETH 2000
        ",
    );
    let vault = open(&mut table, "leader", 100);
    let gift = Action::Transfer {
        universe: CORE,
        to: vault,
        asset: crate::world::USDC,
        amount: palisade_types::numbers::Amount::new(50_000 * DOLLAR),
    };
    act(&mut table, "leader", gift);
    assert_eq!(table.worth_of(vault), 100 * DOLLAR, "a vault takes no gifts");
    act(&mut table, "victim", Action::DepositVault { vault, amount_usd: Usd::new(1_000 * DOLLAR + 1) });
    let step = table.priced(DAY_MS + 1_000);
    table.block(&step);
    act(&mut table, "victim", Action::WithdrawVault { vault, redemption: Redemption::All });
    let lost = -table.profit(&["victim"]);
    crate::say(&format!("scenario 17: the victim lost {} USD", dollars(lost)));
    assert!(lost <= 1, "the victim lost {lost} units");
    let leader = table.profit(&["leader"]) + table.worth_of(vault);
    verdict("17 first depositor", leader, 1);
}
