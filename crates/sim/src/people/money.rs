//! Money that moves by itself, and what gathers it: transfers, moves between universes, purses, sub-accounts, vaults, tranches of
//! the backstop, listings, agents.

use super::{People, one_of};
use crate::venue::{self, BTC, CORE, ETH, PEOPLE, SIDE, USDC, WHOLE};
use palisade_engine::State;
use palisade_types::{
    action::{Action, TransferDirection},
    address::AccountId,
    agent::AgentScope,
    ids::UniverseId,
    market::RiskTerms,
    numbers::{Amount, Price, Rate, Shares, Size, Usd},
    signing::ed25519::Ed25519SecretKey,
    time::TimeMs,
    vault::{PerpetualListing, Redemption, Tranche},
};
use rand::{Rng as _, RngExt as _};

/// A vault, a sub-account or a universe that is nobody's.
const NOBODY: AccountId = AccountId([0xee; 20]);

impl People {
    /// An amount: mostly good, sometimes nothing, less than nothing, or more than there is in the world.
    fn amount(&mut self, whole_most: i64) -> i128 {
        match self.random.random_range(0..12u8) {
            0 => i128::MAX / 2,
            1 => 0,
            2 => -i128::from(WHOLE),
            _ => i128::from(self.random.random_range(1..whole_most * WHOLE)),
        }
    }

    fn usd(&mut self, whole_most: i64) -> Usd {
        Usd::new(self.amount(whole_most))
    }

    /// Something that a person does with money.
    pub(super) fn banking(&mut self, state: &State, person: usize, now_ms: TimeMs) -> Option<Action> {
        let account = venue::account(person);
        Some(match self.random.random_range(0..100u8) {
            0..=24 => {
                let asset = if self.random.random_bool(0.7) { USDC } else { BTC };
                let to = venue::account(self.random.random_range(0..PEOPLE + 2));
                Action::Transfer { universe: self.universe(state), to, asset, amount: Amount::new(self.amount(100)) }
            }
            25..=34 => {
                let (from, to) = (self.universe(state), self.universe(state));
                let asset = if self.random.random_bool(0.8) { USDC } else { BTC };
                Action::MoveUniverse { from, to, asset, amount: Amount::new(self.amount(500)) }
            }
            35..=46 => {
                let isolated: Vec<_> = state
                    .positions_of(account)
                    .map(|(market, _)| market)
                    .filter(|market| state.standing(account, *market).is_isolated())
                    .collect();
                let market = isolated.first().copied().or_else(|| self.market(state).map(|market| market.id))?;
                let amount = self.amount(100);
                let sign = if self.random.random_bool(0.5) { 1 } else { -1 };
                Action::UpdateIsolatedMargin { market, amount_usd: Usd::new(amount * sign) }
            }
            47..=54 => self.sub_accounts(state, account),
            55..=71 => self.vaults(state, account),
            72..=83 => self.tranches(state),
            84..=86 => self.listing(state, account),
            87..=94 => self.approve(person, now_ms),
            _ => match self.agents.pop() {
                Some((_, seed)) => Action::RevokeAgent { agent: Ed25519SecretKey::from_bytes(seed).signer_id() },
                None => Action::CancelAll { market: None },
            },
        })
    }

    fn universe(&mut self, state: &State) -> UniverseId {
        match self.random.random_range(0..10u8) {
            0..=5 => CORE,
            6..=7 => SIDE,
            8 => state.universes().last().map_or(CORE, |record| record.spec.id),
            _ => UniverseId::new(99),
        }
    }

    fn sub_accounts(&mut self, state: &State, account: AccountId) -> Action {
        let own: Vec<AccountId> = state.sub_accounts_of(account).map(|(sub_account, _)| sub_account).collect();
        if own.len() < 2 {
            let name = one_of(&mut self.random, &["hedge", "carry", "hedge", ""]).to_owned();
            return Action::CreateSubAccount { name };
        }
        let sub_account = if self.random.random_bool(0.05) { NOBODY } else { one_of(&mut self.random, &own) };
        let direction = one_of(
            &mut self.random,
            &[TransferDirection::Deposit, TransferDirection::Deposit, TransferDirection::Withdraw],
        );
        let amount = Amount::new(self.amount(3_000));
        Action::TransferSubAccount { sub_account, universe: CORE, asset: USDC, amount, direction }
    }

    fn redemption(&mut self) -> Redemption {
        match self.random.random_range(0..3u8) {
            0 => Redemption::All,
            1 => Redemption::Shares { shares: Shares::new(self.amount(1_000).saturating_mul(1_000_000)) },
            _ => Redemption::Value { amount_usd: self.usd(500) },
        }
    }

    fn vaults(&mut self, state: &State, account: AccountId) -> Action {
        let all: Vec<AccountId> = state.vaults().map(|(vault, _)| vault).collect();
        if all.len() < 2 || self.random.random_bool(0.04) {
            self.names += 1;
            let name = format!("vault {}", self.names);
            return Action::CreateVault {
                name,
                description: "of a simulation".to_owned(),
                initial_usd: self.usd(3_000),
            };
        }
        let vault = if self.random.random_bool(0.03) { NOBODY } else { one_of(&mut self.random, &all) };
        let leads = state.vault(vault).is_some_and(|record| record.leader == account);
        match self.random.random_range(0..10u8) {
            0 if leads || self.random.random_bool(0.1) => Action::CloseVault { vault },
            0..=4 => Action::DepositVault { vault, amount_usd: self.usd(400) },
            _ => {
                let held = state.vaults_held_by(account).next().map(|(held, _)| held);
                Action::WithdrawVault { vault: held.unwrap_or(vault), redemption: self.redemption() }
            }
        }
    }

    fn tranches(&mut self, state: &State) -> Action {
        let universe = self.universe(state);
        let tranche = one_of(&mut self.random, &[Tranche::Junior, Tranche::Senior]);
        if self.random.random_bool(0.65) {
            return Action::DepositBackstop { universe, tranche, amount_usd: self.usd(1_000) };
        }
        Action::WithdrawBackstop { universe, tranche, redemption: self.redemption() }
    }

    fn listing(&mut self, state: &State, account: AccountId) -> Action {
        self.names += 1;
        let usd = |whole: i64| Usd::new(i128::from(whole) * i128::from(WHOLE));
        let market = PerpetualListing {
            symbol: format!("L{}", self.names),
            underlying: one_of(&mut self.random, &[BTC, ETH, USDC]),
            size_decimals: 2,
            tick: Price::new(WHOLE / 2),
            maker_fee: Rate::new(200),
            taker_fee: Rate::new(500),
            minimum_notional_usd: usd(10),
            maximum_notional_usd: usd(1_000_000),
            price_band: Rate::new(200_000),
            open_orders_per_account_max: 20,
            maximum_leverage: one_of(&mut self.random, &[5, 10, 10, 50]),
            open_interest_maximum: Size::new(1_000_000),
            position_maximum: Size::new(500_000),
            risk: RiskTerms {
                open_interest_lower_usd: usd(100_000),
                open_interest_upper_usd: usd(900_000),
                depth_minimum_usd: usd(10_000),
                impact_notional_usd: usd(1_000),
                ..RiskTerms::flat()
            },
        };
        let deposit_usd = one_of(&mut self.random, &[usd(10_000), usd(12_000), usd(9_999), Usd::ZERO]);
        let own = state
            .universes()
            .map(|record| record.spec.id)
            .find(|universe| state.listing(*universe).is_some_and(|listing| listing.lister == account));
        match own {
            Some(universe) => Action::ListMarket { universe, market, deposit_usd },
            None => {
                let name = format!("opened-{}", self.names);
                Action::OpenUniverse { name, collateral: USDC, market, deposit_usd }
            }
        }
    }

    fn approve(&mut self, person: usize, now_ms: TimeMs) -> Action {
        let mut seed = [0u8; 32];
        self.random.fill_bytes(&mut seed);
        self.agents.push((person, seed));
        Action::ApproveAgent {
            agent: Ed25519SecretKey::from_bytes(seed).signer_id(),
            name: format!("bot-{}", self.random.random_range(0..3u8)),
            scope: if self.random.random_bool(0.8) { AgentScope::Trade } else { AgentScope::CancelOnly },
            expires_at_ms: self.random.random_bool(0.5).then(|| now_ms.saturating_add(4_000)),
        }
    }
}
