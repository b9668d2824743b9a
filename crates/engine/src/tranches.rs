//! Who bears what of a backstop vault's result: the junior tranche loses first, and earns more
//! (`docs/rules/vaults.md`, "The backstop vault").
//!
//! Rules:
//! - A loss takes from junior, then from senior. A gain first refills what senior lost, then what junior lost, and only then is shared.
//! - [`SENIOR_GAIN_SHARE`] of a gain, rounded down, is senior's; junior gets the rest and with it the rounding.
//!
//! Invariants:
//! - What the tranches are worth changes by exactly what was allocated; only a loss beyond both is not borne here.
//! - The result depends on the equity and its highest value, not on how often it was looked at: splitting a fall or a rise
//!   back to where it began into parts changes nothing.

use crate::{market_math::RATE_ONE, wide::multiply_divide_floor};
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_types::{
    numbers::{Rate, Shares, Usd},
    rejection::Rejection,
};

/// What of a gain beyond past losses is senior's: 30 %.
pub const SENIOR_GAIN_SHARE: Rate = Rate::new(300_000);

/// What one tranche is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrancheValue {
    /// What its shares are worth together; never below zero.
    pub value_usd: Usd,
    /// What it lost and has not got back; never below zero.
    pub owed_usd: Usd,
}

/// Both tranches of a backstop vault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tranches {
    /// Loses first.
    pub junior: TrancheValue,
    /// Loses what junior cannot.
    pub senior: TrancheValue,
}

/// What came of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The tranches after it.
    pub tranches: Tranches,
    /// The part of a loss that neither tranche could bear: the universe's.
    pub unborne_usd: Usd,
}

impl TrancheValue {
    /// Takes as much of a loss as there is; returns what is left of it.
    fn lose(&mut self, loss: i128) -> Result<i128, Rejection> {
        let borne = loss.min(self.value_usd.get());
        self.value_usd = shifted(self.value_usd, borne.checked_neg().ok_or(Rejection::Overflow)?)?;
        self.owed_usd = shifted(self.owed_usd, borne)?;
        loss.checked_sub(borne).ok_or(Rejection::Overflow)
    }

    /// Takes as much of a gain as was lost before; returns what is left of it.
    fn refill(&mut self, gain: i128) -> Result<i128, Rejection> {
        let back = gain.min(self.owed_usd.get());
        self.value_usd = shifted(self.value_usd, back)?;
        self.owed_usd = shifted(self.owed_usd, back.checked_neg().ok_or(Rejection::Overflow)?)?;
        gain.checked_sub(back).ok_or(Rejection::Overflow)
    }

    /// After a redemption of `part` of `all` shares for `paid`: what was lost goes with it in proportion.
    pub fn after_redemption(&self, paid: Usd, part: Shares, all: Shares) -> Result<Self, Rejection> {
        let value_usd = self.value_usd.checked_sub(paid).ok_or(Rejection::Overflow)?;
        let kept = all.checked_sub(part).ok_or(Rejection::Overflow)?;
        // Rounded down: what is not owed any more is shared with senior.
        let owed = multiply_divide_floor(self.owed_usd.get(), kept.get(), all.get()).ok_or(Rejection::Overflow)?;
        Ok(Self { value_usd, owed_usd: Usd::new(owed) })
    }
}

impl Tranches {
    /// What both are worth.
    pub fn total_usd(&self) -> Result<Usd, Rejection> {
        self.junior.value_usd.checked_add(self.senior.value_usd).ok_or(Rejection::Overflow)
    }
}

/// Allocates a change of equity. `has_senior` and `has_junior` say whether anybody holds shares of them.
pub fn allocate(tranches: &Tranches, has_junior: bool, has_senior: bool, change: Usd) -> Result<Allocation, Rejection> {
    let mut after = *tranches;
    if change < Usd::ZERO {
        let loss = change.get().checked_neg().ok_or(Rejection::Overflow)?;
        let beyond_junior = after.junior.lose(loss)?;
        let unborne = after.senior.lose(beyond_junior)?;
        return Ok(Allocation { tranches: after, unborne_usd: Usd::new(unborne) });
    }
    let beyond_senior = if has_senior { after.senior.refill(change.get())? } else { change.get() };
    let left = if has_junior { after.junior.refill(beyond_senior)? } else { beyond_senior };
    let of_senior = match (has_junior, has_senior) {
        (true, true) => {
            let share = i128::from(SENIOR_GAIN_SHARE.get());
            multiply_divide_floor(left, share, RATE_ONE).ok_or(Rejection::Overflow)?
        }
        (false, true) => left,
        (_, false) => 0,
    };
    let of_junior = left.checked_sub(of_senior).ok_or(Rejection::Overflow)?;
    after.senior.value_usd = shifted(after.senior.value_usd, of_senior)?;
    after.junior.value_usd = shifted(after.junior.value_usd, of_junior)?;
    Ok(Allocation { tranches: after, unborne_usd: Usd::ZERO })
}

fn shifted(value: Usd, change: i128) -> Result<Usd, Rejection> {
    value.checked_add(Usd::new(change)).ok_or(Rejection::Overflow)
}

#[cfg(test)]
#[path = "tranches_tests.rs"]
mod tests;
