//! Liquidity pools of spot markets: what they charge.

use crate::numbers::Rate;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a pool keeps of what its takers pay or would get: a closed set, chosen when the pool is opened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PoolFee {
    /// 0.01 %: two assets of one price.
    OneBasisPoint = 0,
    /// 0.05 %.
    FiveBasisPoints = 1,
    /// 0.3 %: most pairs.
    ThirtyBasisPoints = 2,
    /// 1 %: thin or wild pairs.
    HundredBasisPoints = 3,
}

impl PoolFee {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] =
        [Self::OneBasisPoint, Self::FiveBasisPoints, Self::ThirtyBasisPoints, Self::HundredBasisPoints];

    /// The fraction of the quote amount.
    pub const fn rate(self) -> Rate {
        Rate::new(match self {
            Self::OneBasisPoint => 100,
            Self::FiveBasisPoints => 500,
            Self::ThirtyBasisPoints => 3_000,
            Self::HundredBasisPoints => 10_000,
        })
    }
}
