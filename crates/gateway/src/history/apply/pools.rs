//! What sub-accounts, universes, vaults and synthetics leave in history.

use super::{Applier, LedgerDelta};
use palisade_types::{address::AccountId, event::Event, synthetic::DebtLiquidation};
use std::collections::BTreeSet;

/// Who paid whom for shares of a vault in a block.
pub fn vault_payments(events: &[Event]) -> BTreeSet<(AccountId, AccountId)> {
    let payment = |event: &Event| match event {
        Event::VaultDeposited { vault, account, .. } => Some((*account, *vault)),
        Event::VaultWithdrawn { vault, account, .. } => Some((*vault, *account)),
        _ => None,
    };
    events.iter().filter_map(payment).collect()
}

impl Applier<'_> {
    pub(super) fn pools(&mut self, event: &Event) {
        match event {
            Event::SubAccountCreated { master, sub_account, .. } => {
                self.update.touched.extend([*master, *sub_account]);
            }
            Event::MovedBetweenUniverses { from_universe, to_universe, from, to, asset, amount } => {
                let (from_universe, to_universe) = (*from_universe, *to_universe);
                let (from, to, asset, amount) = (*from, *to, *asset, *amount);
                let delta = LedgerDelta::Move { from_universe, to_universe, from, to, asset, amount };
                self.ledger(from, delta.clone());
                if from != to {
                    self.ledger(to, delta);
                }
            }
            Event::UniverseOpened { universe, name, lister, .. } => {
                self.history.learn_universe(*universe, name.clone());
                self.update.touched.insert(*lister);
            }
            Event::MarketListed { lister: account, .. }
            | Event::BackstopDeposited { account, .. }
            | Event::BackstopWithdrawn { account, .. }
            | Event::VaultClosed { vault: account } => {
                self.update.touched.insert(*account);
            }
            // Its first deposit follows.
            Event::VaultCreated { vault, leader: account, .. }
            | Event::VaultWithdrawalQueued { vault, account, .. }
            | Event::VaultWithdrawalDropped { vault, account, .. } => {
                self.update.touched.extend([*vault, *account]);
            }
            Event::VaultDeposited { vault, account, amount_usd, .. } => {
                self.update.touched.insert(*vault);
                self.ledger(*account, LedgerDelta::VaultDeposited { vault: *vault, amount_usd: *amount_usd });
            }
            Event::VaultWithdrawn { vault, account, value_usd, leader_part_usd, .. } => {
                self.update.touched.insert(*vault);
                let (vault, account) = (*vault, *account);
                let (value_usd, leader_part_usd) = (*value_usd, *leader_part_usd);
                self.ledger(account, LedgerDelta::VaultWithdrawn { vault, account, value_usd, leader_part_usd });
            }
            Event::SyntheticMinted { account, .. }
            | Event::SyntheticBurned { account, .. }
            | Event::DebtLiquidated(DebtLiquidation { account, .. }) => {
                self.update.touched.insert(*account);
            }
            Event::SyntheticRedeemed { account, debts, .. } => {
                self.update.touched.insert(*account);
                self.update.touched.extend(debts.iter().map(|hit| hit.account));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
