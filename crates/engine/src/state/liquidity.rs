//! Liquidity pools of spot markets and who holds their shares (`docs/rules/pools.md`).
//!
//! Invariants:
//! - A pool's shares are the sum of its holders'; those that it keeps for good are its own address's.
//! - Its reserves are the balances of that address, of the market's two assets.

use super::{
    State,
    indices::{Derived, Indices, both, toggle},
    standing::shift_i128,
};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{address::AccountId, ids::MarketId, numbers::Shares, pool::PoolFee, time::TimeMs};

/// A liquidity pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LiquidityPoolRecord {
    /// What it charges.
    pub fee: PoolFee,
    /// When it was opened.
    pub created_at_ms: TimeMs,
    /// All shares; never none.
    pub shares: Shares,
}

/// Names a holding of a liquidity pool's shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct PoolShareId {
    /// Of which market's pool; first, so that a pool's holders lie together.
    pub market: MarketId,
    /// Whose.
    pub account: AccountId,
}

impl Derived<MarketId> for LiquidityPoolRecord {}

impl Derived<PoolShareId> for Shares {
    fn derive(indices: &mut Indices, id: &PoolShareId, before: Option<&Self>, after: Option<&Self>) {
        let total = indices.pool_share_totals.entry(id.market).or_default();
        for (shares, change) in both(before, after) {
            *total = Self::new(shift_i128(total.get(), shares.get(), change));
            toggle(&mut indices.pools_by_holder, (id.account, id.market), change);
        }
        if total.is_zero() {
            indices.pool_share_totals.remove(&id.market);
        }
        // Shares back positions.
        indices.watch.touch(id.account);
    }
}

impl State {
    /// A spot market's pool.
    pub fn liquidity_pool(&self, market: MarketId) -> Option<&LiquidityPoolRecord> {
        self.tables.liquidity_pools.get(&market)
    }

    /// Every pool, in order of market.
    pub fn liquidity_pools(&self) -> impl Iterator<Item = (MarketId, &LiquidityPoolRecord)> {
        self.tables.liquidity_pools.iter().map(|(id, record)| (*id, record))
    }

    /// What an account holds of a pool's shares.
    pub fn pool_shares(&self, market: MarketId, account: AccountId) -> Shares {
        self.tables.pool_shares.get(&PoolShareId { market, account }).copied().unwrap_or_default()
    }

    /// A pool's holders, its own address among them, in order of address.
    pub fn pool_holders(&self, market: MarketId) -> impl Iterator<Item = (AccountId, Shares)> {
        let first = PoolShareId { market, account: AccountId::default() };
        let holdings = self.tables.pool_shares.range(first..).take_while(move |(id, _)| id.market == market);
        holdings.map(|(id, shares)| (id.account, *shares))
    }

    /// The pools of which an account holds shares, in order of market.
    pub fn pool_shares_of(&self, account: AccountId) -> impl Iterator<Item = (MarketId, Shares)> {
        let places = self.indices.pools_by_holder.range((account, MarketId::new(0))..);
        let held = places.take_while(move |(holder, _)| *holder == account);
        held.map(move |(_, market)| (*market, self.pool_shares(*market, account)))
    }

    /// Whether an account holds shares of any pool; asked by every margin, so it costs nothing where there are none.
    pub(crate) fn holds_pool_shares(&self, account: AccountId) -> bool {
        !self.indices.pools_by_holder.is_empty() && self.pool_shares_of(account).next().is_some()
    }

    /// The sum of all holders' shares of a pool.
    pub(crate) fn pool_share_total(&self, market: MarketId) -> Shares {
        self.indices.pool_share_totals.get(&market).copied().unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "liquidity_tests.rs"]
mod tests;
