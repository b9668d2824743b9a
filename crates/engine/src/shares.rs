//! Shares of a pool: how many a deposit buys, what they are worth (`docs/rules/vaults.md`, "Shares").
//!
//! Rules:
//! - A pool counts [`VIRTUAL_SHARES`] shares and one unit (1e-8 USD) more than it has. They belong to nobody; they bound what a
//!   first depositor or a donor can do to the next one.
//! - Every rounding favours the pool.
//!
//! Invariants, for pools of any size:
//! - No deposit and no redemption lowers the value of a share.
//! - Whoever deposits and redeems at an unchanged value gets no more than was put in.
//! - A depositor loses at most the value of one share, rounded up.

use crate::wide::{multiply_divide_ceil, multiply_divide_floor};
use palisade_types::{
    numbers::{Shares, Usd},
    rejection::Rejection,
};

/// Shares that every pool counts and nobody holds: a unit buys as many of an empty pool.
pub const VIRTUAL_SHARES: i128 = 1_000_000;
/// Units that every pool counts and does not have.
const VIRTUAL_UNITS: i128 = 1;

/// What is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// All shares.
    pub shares: Shares,
    /// What they are worth together; less than nothing counts as nothing.
    pub value_usd: Usd,
}

impl Pool {
    fn counted(&self) -> Result<(i128, i128), Rejection> {
        let shares = self.shares.get().checked_add(VIRTUAL_SHARES).ok_or(Rejection::Overflow)?;
        let units = self.value_usd.get().max(0).checked_add(VIRTUAL_UNITS).ok_or(Rejection::Overflow)?;
        Ok((shares, units))
    }

    /// The shares that a deposit buys, rounded down.
    pub fn shares_for_deposit(&self, deposit: Usd) -> Result<Shares, Rejection> {
        let (shares, units) = self.counted()?;
        multiply_divide_floor(deposit.get(), shares, units).map(Shares::new).ok_or(Rejection::Overflow)
    }

    /// What shares are worth to who redeems them, rounded down.
    pub fn value_of(&self, part: Shares) -> Result<Usd, Rejection> {
        let (shares, units) = self.counted()?;
        multiply_divide_floor(part.get(), units, shares).map(Usd::new).ok_or(Rejection::Overflow)
    }

    /// The shares that must be redeemed for a value, rounded up.
    pub fn shares_for_value(&self, value: Usd) -> Result<Shares, Rejection> {
        let (shares, units) = self.counted()?;
        multiply_divide_ceil(value.get(), shares, units).map(Shares::new).ok_or(Rejection::Overflow)
    }

    /// The pool after a deposit that bought `part`.
    pub fn after_deposit(&self, deposit: Usd, part: Shares) -> Result<Self, Rejection> {
        Ok(Self {
            shares: self.shares.checked_add(part).ok_or(Rejection::Overflow)?,
            value_usd: self.value_usd.checked_add(deposit).ok_or(Rejection::Overflow)?,
        })
    }

    /// The pool after a redemption of `part` for `paid`.
    pub fn after_redemption(&self, paid: Usd, part: Shares) -> Result<Self, Rejection> {
        Ok(Self {
            shares: self.shares.checked_sub(part).ok_or(Rejection::Overflow)?,
            value_usd: self.value_usd.checked_sub(paid).ok_or(Rejection::Overflow)?,
        })
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
