//! Synthetics and liquidity pools: minted, burned, redeemed, backed more and less; opened, paid into and out of; and asked for badly:
//! beyond the ceiling, below the least, with too little collateral, of what is no synthetic, zero minimums' opposites, no amounts.

use super::{People, one_of};
use crate::venue::{BTC, CORE, ETH, PETH, SPOT_BTC, SPOT_PETH, USDC, WHOLE};
use palisade_engine::State;
use palisade_types::{
    action::Action,
    address::AccountId,
    ids::{AssetId, MarketId},
    numbers::{Amount, Shares, Usd},
    pool::PoolFee,
};
use rand::RngExt as _;

/// A market that cannot have a pool.
const PERPETUAL: MarketId = MarketId::new(0);

impl People {
    /// So many units' worth of collateral, times a ratio in thousandths.
    fn backing(&self, amount: i128, thousandths: i128) -> Usd {
        let price = i128::from(self.walk.price(ETH).get());
        Usd::new(amount * price / i128::from(WHOLE) * thousandths / 1_000)
    }

    /// Something that an account does with the synthetic.
    pub(super) fn synthetics(&mut self, state: &State, account: AccountId) -> Action {
        let held = state.balance(account, CORE, PETH).get();
        let owed = state.debt(PETH, account).map_or(0, |record| record.debt.get());
        let hundredth = i128::from(WHOLE) / 100;
        let part = self.random.random_range(1..=4i128);
        match self.random.random_range(0..100u8) {
            0..=39 => {
                let amount = self.random.random_range(60..1_500) * hundredth;
                let thousandths = self.random.random_range(1_280..1_500);
                let collateral_usd = self.backing(amount, thousandths);
                Action::MintSynthetic { asset: PETH, amount: Amount::new(amount), collateral_usd }
            }
            40..=49 => Action::BurnSynthetic { asset: PETH, amount: Amount::new(held.min(owed) / part) },
            50..=67 => {
                let minimum_usd = if self.random.random_bool(0.5) { Usd::ZERO } else { self.backing(held / part, 980) };
                Action::RedeemSynthetic { asset: PETH, amount: Amount::new(held / part), minimum_usd }
            }
            68..=74 => Action::AddDebtCollateral { asset: PETH, amount_usd: self.backing(owed, 100) },
            75..=84 => {
                let thousandths = self.random.random_range(5..150);
                Action::WithdrawDebtCollateral { asset: PETH, amount_usd: self.backing(owed, thousandths) }
            }
            _ => self.bad_synthetic(held, owed),
        }
    }

    fn bad_synthetic(&mut self, held: i128, owed: i128) -> Action {
        let mint = |asset: AssetId, amount: i128, collateral_usd: Usd| Action::MintSynthetic {
            asset,
            amount: Amount::new(amount),
            collateral_usd,
        };
        let whole = i128::from(WHOLE);
        match self.random.random_range(0..10u8) {
            // Above the ceiling, below the least, with nothing, of what is none, less than nothing.
            0 => mint(PETH, 10_000 * whole, self.backing(10_000 * whole, 1_500)),
            1 => mint(PETH, 1, Usd::new(whole)),
            2 => mint(PETH, 5 * whole, Usd::ZERO),
            3 => mint(BTC, whole, self.backing(20 * whole, 1_500)),
            4 => mint(PETH, -whole, self.backing(whole, 1_500)),
            5 => Action::BurnSynthetic { asset: PETH, amount: Amount::new(owed.max(held) + 1) },
            6 => Action::RedeemSynthetic {
                asset: PETH,
                amount: Amount::new(held.max(1)),
                minimum_usd: self.backing(held.max(1), 2_000),
            },
            7 => Action::RedeemSynthetic { asset: PETH, amount: Amount::new(held + whole), minimum_usd: Usd::ZERO },
            8 => Action::WithdrawDebtCollateral { asset: PETH, amount_usd: self.backing(owed.max(1), 1_200) },
            _ => Action::AddDebtCollateral { asset: USDC, amount_usd: Usd::new(whole) },
        }
    }

    /// Something that an account does with a pool; who finds none opens it.
    pub(super) fn pools(&mut self, state: &State, account: AccountId) -> Action {
        let (market, base_asset, index) = match self.random.random_bool(0.6) {
            true => (SPOT_BTC, BTC, self.walk.price(BTC)),
            false => (SPOT_PETH, PETH, self.walk.price(ETH)),
        };
        if self.random.random_bool(0.12) {
            return self.bad_pool(state, account, market);
        }
        let there = state.balance(account, CORE, base_asset).get();
        let base = there / self.random.random_range(4..40i128);
        let quote = base * i128::from(index.get()) / i128::from(WHOLE);
        if state.liquidity_pool(market).is_none() {
            let fee = one_of(&mut self.random, &PoolFee::ALL);
            return Action::CreatePool { market, base: Amount::new(base), quote: Amount::new(quote), fee };
        }
        let held = state.pool_shares(market, account).get();
        if held > 0 && self.random.random_bool(0.4) {
            let shares = Shares::new(held / self.random.random_range(1..=3i128));
            let (base_minimum, quote_minimum) = (Amount::ZERO, Amount::ZERO);
            return Action::WithdrawPool { market, shares, base_minimum, quote_minimum };
        }
        // A little more of the quote than the index asks for: the pool may be elsewhere.
        Action::DepositPool {
            market,
            base_maximum: Amount::new(base),
            quote_maximum: Amount::new(quote + quote / 50),
            shares_minimum: Shares::new(i128::from(self.random.random_bool(0.5))),
        }
    }

    fn bad_pool(&mut self, state: &State, account: AccountId, market: MarketId) -> Action {
        let whole = Amount::new(i128::from(WHOLE));
        let held = state.pool_shares(market, account).get();
        let withdraw = |shares: i128, least: Amount| Action::WithdrawPool {
            market,
            shares: Shares::new(shares),
            base_minimum: least,
            quote_minimum: least,
        };
        let fee = PoolFee::ThirtyBasisPoints;
        match self.random.random_range(0..7u8) {
            0 => Action::CreatePool { market, base: whole, quote: whole, fee },
            1 => Action::CreatePool { market: PERPETUAL, base: whole, quote: whole, fee },
            2 => withdraw(held + 1, Amount::ZERO),
            3 => withdraw(held.max(1), Amount::new(i128::MAX / 4)),
            4 => withdraw(0, Amount::ZERO),
            5 => Action::DepositPool {
                market,
                base_maximum: Amount::ZERO,
                quote_maximum: Amount::ZERO,
                shares_minimum: Shares::ZERO,
            },
            _ => Action::DepositPool {
                market,
                base_maximum: whole,
                quote_maximum: Amount::new(2_000 * i128::from(WHOLE)),
                shares_minimum: Shares::new(i128::MAX / 4),
            },
        }
    }
}
