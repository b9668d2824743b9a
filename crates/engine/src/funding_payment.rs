//! Who pays funding, and when: whatever changes a position first pays what it owes. Rules: `docs/rules/funding.md`.
//!
//! A position owes `lots × (index − its funding index)` to its market's clearing account. The lots of a market sum to
//! zero, so all that is owed does, to the unit, whenever each position pays.

use crate::{ledger::Settlement, market_math::quote_amount, state::PositionRecord, work::Work};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{AssetId, MarketId},
    numbers::{FundingIndex, Usd},
    rejection::Rejection,
};

/// What a position owes, on its way to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwedFunding {
    before: PositionRecord,
    index: FundingIndex,
    amount_usd: Usd,
}

impl PositionRecord {
    /// What the position owes (negative: is owed) at a funding index of its market. Whole units: no division, no rounding.
    pub fn funding_owed_usd(&self, index: FundingIndex) -> Result<Usd, Rejection> {
        let since = i128::from(index.get()).saturating_sub(i128::from(self.funding_index.get()));
        i128::from(self.position.get()).checked_mul(since).map(Usd::new).ok_or(Rejection::Overflow)
    }

    /// The position as margin sees it: what it owes is part of what it cost.
    pub fn with_owed_funding(self, index: FundingIndex) -> Result<Self, Rejection> {
        let owed_usd = self.funding_owed_usd(index)?;
        let entry_cost_usd = self.entry_cost_usd.checked_add(owed_usd).ok_or(Rejection::Overflow)?;
        Ok(Self { entry_cost_usd, funding_index: index, ..self })
    }
}

impl OwedFunding {
    /// What `position` owes at the market's `index`.
    pub(crate) fn of(position: PositionRecord, index: FundingIndex) -> Result<Self, Rejection> {
        Ok(Self { before: position, index, amount_usd: position.funding_owed_usd(index)? })
    }

    /// What is owed; negative: what is due.
    pub(crate) const fn amount_usd(&self) -> Usd {
        self.amount_usd
    }

    /// What clearing pays the holder in all who realises `realised_usd` besides; negative: what it is paid.
    pub(crate) fn received_usd(&self, realised_usd: Usd) -> Result<Usd, Rejection> {
        realised_usd.checked_sub(self.amount_usd).ok_or(Rejection::Overflow)
    }

    /// The position once it has paid; one that is empty starts here.
    pub(crate) const fn paid(&self) -> PositionRecord {
        PositionRecord { funding_index: self.index, ..self.before }
    }

    /// Posts the payment from `payer` to the market's clearing account.
    pub(crate) fn post(
        &self,
        settlement: &mut Settlement,
        payer: AccountId,
        market: MarketId,
        collateral: AssetId,
    ) -> Result<(), Rejection> {
        settlement.transfer(payer, AccountId::clearing(market), collateral, quote_amount(self.amount_usd))
    }

    /// Says that it was paid, if there was anything to pay.
    pub(crate) fn announce(&self, work: &mut Work<'_>, account: AccountId, market: MarketId) {
        if !self.amount_usd.is_zero() {
            work.emit(Event::FundingPaid {
                account,
                market,
                amount_usd: self.amount_usd,
                position: self.before.position,
                from_index: self.before.funding_index,
                index: self.index,
            });
        }
    }
}

#[cfg(test)]
#[path = "funding_payment_tests.rs"]
mod tests;
