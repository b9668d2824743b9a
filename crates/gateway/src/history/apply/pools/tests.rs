use super::*;
use crate::{
    config::HistoryLimits,
    history::{
        History,
        apply::tests::{MAKER, TAKER, block},
    },
};
use palisade_types::{
    ids::{AssetId, UniverseId},
    numbers::{Amount, Shares, Usd},
};

const VAULT: AccountId = AccountId([9; 20]);
const CORE: UniverseId = UniverseId::new(0);

fn transferred(from: AccountId, to: AccountId) -> Event {
    Event::Transferred { universe: CORE, from, to, asset: AssetId::new(0), amount: Amount::new(5) }
}

fn deltas(history: &History, account: AccountId) -> Vec<LedgerDelta> {
    history.ledger_newest_first(&account).map(|entry| entry.delta.clone()).collect()
}

/// The money moves by a transfer, of which the vault's own event says more.
#[test]
fn coming_into_a_vault_and_out_of_it_is_one_entry_each() {
    let mut history = History::new(HistoryLimits::standard());
    let (amount_usd, shares) = (Usd::new(5), Shares::new(7));
    let deposited = Event::VaultDeposited { vault: VAULT, account: MAKER, amount_usd, shares };
    let update = history.apply(&block(1, vec![transferred(MAKER, VAULT), transferred(MAKER, TAKER), deposited]));
    let expected = [
        LedgerDelta::VaultDeposited { vault: VAULT, amount_usd },
        LedgerDelta::Transfer { from: MAKER, to: TAKER, asset: AssetId::new(0), amount: Amount::new(5) },
    ];
    assert_eq!(deltas(&history, MAKER), expected);
    assert!(deltas(&history, VAULT).is_empty() && update.touched.contains(&VAULT));
    let (value_usd, leader_part_usd) = (Usd::new(6), Usd::new(1));
    let withdrawn = Event::VaultWithdrawn { vault: VAULT, account: MAKER, shares, value_usd, leader_part_usd };
    history.apply(&block(2, vec![transferred(VAULT, MAKER), transferred(VAULT, TAKER), withdrawn]));
    let newest = deltas(&history, MAKER).remove(0);
    assert_eq!(newest, LedgerDelta::VaultWithdrawn { vault: VAULT, account: MAKER, value_usd, leader_part_usd });
    assert_eq!(deltas(&history, TAKER).len(), 2, "a leader's part is a transfer");
}

#[test]
fn a_move_between_universes_is_one_entry_of_its_owner() {
    let mut history = History::new(HistoryLimits::standard());
    let opened = Event::UniverseOpened {
        universe: UniverseId::new(1),
        name: "alts".into(),
        collateral: AssetId::new(0),
        lister: TAKER,
    };
    let moved = Event::MovedBetweenUniverses {
        from_universe: CORE,
        to_universe: UniverseId::new(1),
        from: MAKER,
        to: MAKER,
        asset: AssetId::new(0),
        amount: Amount::new(5),
    };
    history.apply(&block(1, vec![opened, moved]));
    assert_eq!(deltas(&history, MAKER).len(), 1);
    assert_eq!((history.universe_name(UniverseId::new(1)), history.universe_name(CORE)), ("alts".into(), "0".into()));
}
