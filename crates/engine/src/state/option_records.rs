//! What options keep: per expiry its forward, its slice of the surface and its settlement. Rules: `docs/rules/options.md`.
//!
//! An option has no mark of its own on record: its mark follows from its expiry's record and its strike, so a move of the
//! surface writes one record per expiry and not one per strike.

use super::{MarkRecord, SettlementRecord};
use crate::options::intrinsic;
use borsh::{BorshDeserialize, BorshSerialize};
use palisade_pricing::{OptionTerms, surface::Slice};
use palisade_types::{
    address::AccountId,
    ids::{AssetId, UniverseId},
    market::{MarketSpec, OptionContract},
    numbers::{Price, Rate, Usd},
    time::TimeMs,
};

/// Names what all options of an underlying have in common that expire at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct OptionExpiryId {
    /// In which universe.
    pub universe: UniverseId,
    /// On what.
    pub underlying: AssetId,
    /// When.
    pub expires_at_ms: TimeMs,
}

impl OptionExpiryId {
    /// The expiry that a market is of, if it is an option.
    pub fn of(market: &MarketSpec) -> Option<Self> {
        let OptionContract { underlying, expires_at_ms, .. } = market.option()?;
        Some(Self { universe: market.universe, underlying, expires_at_ms })
    }
}

/// An expiry of options; there from its listing until its last option is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OptionExpiryRecord {
    /// The series that listed it, by place in the genesis.
    pub series: u32,
    /// The distance between its strikes.
    pub strike_step: Price,
    /// The lowest strike listed.
    pub strike_lowest: Price,
    /// The highest strike listed.
    pub strike_highest: Price,
    /// The price for delivery at the expiry.
    pub forward: Price,
    /// The forward, followed at the pace of slow prices ([`crate::mark::SLOW_MOVE_PER_SECOND`]): where cash leaves, what options need
    /// counts as it has them if that is more.
    pub slow_forward: Price,
    /// Volatility by strike, as of the same moment; none before the block after the listing.
    pub slice: Option<Slice>,
    /// Block time at which forward and slice were computed.
    pub as_of_ms: TimeMs,
    /// How far the settlement is; there from shortly before its window on.
    pub settlement: Option<SettlementRecord>,
}

/// Names an account that margins options together with what they are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct PortfolioModeId {
    /// Who.
    pub account: AccountId,
    /// Where.
    pub universe: UniverseId,
}

/// A series of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OptionSeriesRecord {
    /// When it lists next.
    pub due_ms: TimeMs,
}

impl OptionExpiryRecord {
    /// The settlement price, once it is fixed.
    pub fn settlement_price(&self) -> Option<Price> {
        self.settlement.and_then(|settlement| settlement.price)
    }

    /// What a unit of an option of the expiry is worth, to the nearest 1e-8 USD: Black-76 on the forward with the slice's
    /// volatility; what it pays, once that is known. A price that cannot be computed is what exercising now would bring.
    pub fn mark_price(&self, contract: &OptionContract) -> Option<Price> {
        self.price_at(contract, self.forward)
    }

    /// The same on the slow forward, with the same volatility of the strike.
    pub fn slow_mark_price(&self, contract: &OptionContract) -> Option<Price> {
        self.price_at(contract, self.slow_forward)
    }

    fn price_at(&self, contract: &OptionContract, forward: Price) -> Option<Price> {
        if let Some(price) = self.settlement_price() {
            return Some(intrinsic(contract, price));
        }
        let slice = self.slice?;
        let terms = self.terms(contract, &slice);
        let volatility = terms.log_strike().map(|log_strike| slice.volatility(log_strike));
        let price =
            volatility.and_then(|at| OptionTerms { forward, ..terms }.price(at)).and_then(|price| price.to_price());
        Some(price.unwrap_or_else(|_| intrinsic(contract, forward)))
    }

    /// What an option is on, as pricing sees it.
    pub const fn terms(&self, contract: &OptionContract, slice: &Slice) -> OptionTerms {
        OptionTerms { kind: contract.right, forward: self.forward, strike: contract.strike, time_ms: slice.time_ms() }
    }

    /// Whether every option of the expiry has the same mark and the same risk with another record of it.
    pub(super) fn marks_as(&self, other: &Self) -> bool {
        let marked_by = |record: &Self| {
            (record.forward, record.slow_forward, record.slice, record.as_of_ms, record.settlement_price())
        };
        marked_by(self) == marked_by(other)
    }

    /// The mark of an option of the expiry, in the shape that all marks have.
    pub(super) fn mark(&self, contract: &OptionContract) -> Option<MarkRecord> {
        let price = self.mark_price(contract)?;
        // Mostly the slow forward has caught up, and half of the pricing is saved.
        let has_caught_up = self.slow_forward == self.forward;
        let slow_price = if has_caught_up { price } else { self.slow_mark_price(contract)? };
        Some(MarkRecord {
            price,
            time_ms: self.as_of_ms,
            basis_average: 0,
            slow_price,
            volatility_fraction: Rate::ZERO,
            market_fraction: Rate::ZERO,
            depeg_addition: Rate::ZERO,
            depth_usd: Usd::ZERO,
        })
    }
}
