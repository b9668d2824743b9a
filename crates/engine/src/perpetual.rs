//! Positions: what a fill does to them, what it realises, and how much may exist.
//!
//! A position is a number of lots and its **cost**: the USD paid for the lots still open (negative for a short, which
//! was paid). Its unrealised profit at a price is `value − cost`. A fill that closes lots moves profit from unrealised to
//! realised: the cash is posted between the account and the market's clearing account.
//!
//! For a fill with signed quote `q` (paid positive) that realises `r`: `cost' = cost + q + r`. Quotes of the two sides
//! cancel, so the costs of a market change by the sum of what was realised, and the clearing account by its opposite:
//!
//! - **Σ cost over accounts + balance of the clearing account = 0**, always, to the unit;
//! - **Σ lots over accounts = 0** (I2), and open interest is the sum of the positive ones.
//!
//! A position in an option has no cost: its premium is paid when it is traded, so what a fill realises is the premium itself, the
//! sum over both sides is zero, and so are both sums above ([`crate::options`]).
//!
//! Closing a part takes the cost's share pro rata, rounded up, so that what is realised is rounded down for the
//! account; the unit stays in the cost of the rest and is settled when that closes.

use crate::{
    market_math::{quote_usd, signed_lots},
    mutant::{Mutant, is_planted},
    state::PositionRecord,
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    market::{DerivativeTerms, MarketSpec},
    numbers::{Position, Price, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// What a fill makes of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillEffect {
    /// The position afterwards.
    pub after: PositionRecord,
    /// Profit (negative: loss) that the clearing account pays to the account, before fees.
    pub realised_usd: Usd,
}

impl PositionRecord {
    /// Whether nothing is held, so that the record need not be kept.
    pub const fn is_empty(&self) -> bool {
        self.position.is_zero()
    }

    /// The position after trading `lots` at `price`.
    pub fn after_fill(self, side: Side, price: Price, lots: Size, size_decimals: u8) -> Result<FillEffect, Rejection> {
        let closing_quote = quote_usd(price, self.reducible(side, lots), size_decimals)?;
        self.after_trade(side, lots, quote_usd(price, lots, size_decimals)?, closing_quote)
    }

    /// The position after trading `lots` of an option for `quote`: it costs nothing, because the premium is paid at once.
    pub fn after_premium(self, side: Side, lots: Size, quote: Usd) -> Result<FillEffect, Rejection> {
        let after = Self { position: shifted(self.position, side, lots)?, ..self };
        let realised_usd = match side {
            Side::Buy if is_planted(Mutant::PremiumUnpaid) => Usd::ZERO,
            Side::Buy => quote.checked_neg().ok_or(Rejection::Overflow)?,
            Side::Sell => quote,
        };
        Ok(FillEffect { after, realised_usd })
    }

    /// The position after trading `lots` for `quote`, whatever price that is: what closes takes its share of the
    /// quote, rounded down.
    pub fn after_quote(self, side: Side, lots: Size, quote: Usd) -> Result<FillEffect, Rejection> {
        let closing = i128::from(self.reducible(side, lots).get());
        let all = i128::from(lots.get().max(1));
        let closing_quote = multiply_divide_floor(quote.get(), closing, all).map(Usd::new);
        self.after_trade(side, lots, quote, closing_quote.ok_or(Rejection::Overflow)?)
    }

    fn after_trade(self, side: Side, lots: Size, quote: Usd, closing_quote: Usd) -> Result<FillEffect, Rejection> {
        let closing = self.reducible(side, lots);
        let opening = lots.checked_sub(closing).ok_or(Rejection::Overflow)?;
        let opening_quote = quote.checked_sub(closing_quote).ok_or(Rejection::Overflow)?;
        let closed = self.close(side, closing_quote, closing)?;
        let after = closed.after.open(side, opening_quote, opening)?;
        Ok(FillEffect { after, realised_usd: closed.realised_usd })
    }

    /// The part of `lots` that would close this position: none if `side` adds to it.
    pub fn reducible(self, side: Side, lots: Size) -> Size {
        let closes = match side {
            Side::Buy => self.position.get() < 0,
            Side::Sell => self.position.get() > 0,
        };
        if closes { lots.min(self.position.size()) } else { Size::ZERO }
    }

    fn close(self, side: Side, quote: Usd, closing: Size) -> Result<FillEffect, Rejection> {
        if closing.is_zero() {
            return Ok(FillEffect { after: self, realised_usd: Usd::ZERO });
        }
        let held = i128::from(self.position.size().get());
        let share = if is_planted(Mutant::RoundToTheAccount) { multiply_divide_floor } else { multiply_divide_ceil };
        let released = share(self.entry_cost_usd.get(), i128::from(closing.get()), held)
            .map(Usd::new)
            .ok_or(Rejection::Overflow)?;
        let received = match side {
            Side::Sell => quote,
            Side::Buy => quote.checked_neg().ok_or(Rejection::Overflow)?,
        };
        let after = Self {
            position: shifted(self.position, side, closing)?,
            entry_cost_usd: self.entry_cost_usd.checked_sub(released).ok_or(Rejection::Overflow)?,
            funding_index: self.funding_index,
        };
        let realised_usd = received.checked_sub(released).ok_or(Rejection::Overflow)?;
        Ok(FillEffect { after, realised_usd })
    }

    fn open(self, side: Side, quote: Usd, opening: Size) -> Result<Self, Rejection> {
        let cost_usd = match side {
            Side::Buy => self.entry_cost_usd.checked_add(quote),
            Side::Sell => self.entry_cost_usd.checked_sub(quote),
        };
        Ok(Self {
            position: shifted(self.position, side, opening)?,
            entry_cost_usd: cost_usd.ok_or(Rejection::Overflow)?,
            funding_index: self.funding_index,
        })
    }
}

fn shifted(position: Position, side: Side, lots: Size) -> Result<Position, Rejection> {
    i128::from(position.get())
        .checked_add(signed_lots(side, lots))
        .and_then(|sum| i64::try_from(sum).ok())
        .map(Position::new)
        .ok_or(Rejection::Overflow)
}

/// The position after trading `lots` in a market for `quote`.
pub(crate) fn after_trade_in(
    market: &MarketSpec,
    position: PositionRecord,
    side: Side,
    lots: Size,
    quote: Usd,
) -> Result<FillEffect, Rejection> {
    if market.option().is_some() {
        return position.after_premium(side, lots, quote);
    }
    position.after_quote(side, lots, quote)
}

/// How many of `lots` a reduce-only order may trade now: never past a position of zero.
pub fn reduce_only_cut(position: PositionRecord, side: Side, lots: Size) -> Size {
    position.reducible(side, lots)
}

/// Refuses a reduce-only order that has nothing to reduce.
pub fn check_reduce_only(position: PositionRecord, side: Side) -> Result<(), Rejection> {
    if position.reducible(side, Size::MAX).is_zero() {
        return Err(Rejection::ReduceOnlyWouldIncrease { position: position.position });
    }
    Ok(())
}

/// Whether an order of `lots`, filled whole after all of the account's `open_lots` on the same side, would still do
/// nothing but reduce the position.
pub fn only_reduces(position: PositionRecord, side: Side, open_lots: Size, lots: Size) -> bool {
    open_lots.checked_add(lots).is_some_and(|all| position.reducible(side, all) == all)
}

/// Whether a position became smaller and did not turn.
pub(crate) const fn reduces(before: Position, after: Position) -> bool {
    let same_side = after.is_zero() || (after.get() > 0) == (before.get() > 0);
    same_side && after.get().unsigned_abs() < before.get().unsigned_abs()
}

/// How many lots may be traded on `side` before the position is larger than `cap` or, if it is that already, than it is.
pub const fn position_room(cap: Size, position: Position, side: Side) -> Size {
    let held = position.get().unsigned_abs();
    let most = if cap.get() > held { cap.get() } else { held };
    let adds = match side {
        Side::Buy => position.get() > 0,
        Side::Sell => position.get() < 0,
    };
    Size::new(if adds { most.saturating_sub(held) } else { most.saturating_add(held) })
}

/// Refuses an order whose fill, after all of the account's `open_lots` on the same side, would exceed the position
/// cap. Reduce-only orders are in no such sum, and neither is what is closed by force: both can bring a position nearer to the far
/// cap than it was when an order was placed, so matching asks for [`position_room`] again.
pub fn check_position_cap(
    terms: &DerivativeTerms,
    position: PositionRecord,
    side: Side,
    open_lots: Size,
    lots: Size,
) -> Result<(), Rejection> {
    let all = open_lots.checked_add(lots).ok_or(Rejection::Overflow)?;
    if all > position_room(terms.position_maximum, position.position, side) {
        return Err(Rejection::PositionCap { cap: terms.position_maximum });
    }
    Ok(())
}

/// How many lots `buyer` and `seller` (their positions before) may trade before open interest passes its cap. Closing
/// trades are always allowed, even above a cap that was lowered.
///
/// Open interest changes by `[(b + q)⁺ − b⁺] − [s⁺ − (s − q)⁺]`, which is convex in `q` and has slope 1 once both
/// have nothing left to close; the largest `q` that stays within the room is therefore `room + (−b)⁺ + s⁺`.
pub fn open_interest_cut(
    terms: &DerivativeTerms,
    open_interest: u128,
    buyer: PositionRecord,
    seller: PositionRecord,
    lots: Size,
) -> Size {
    let used = u64::try_from(open_interest).unwrap_or(u64::MAX);
    let room = terms.open_interest_maximum.get().saturating_sub(used);
    let closing =
        buyer.reducible(Side::Buy, Size::MAX).get().saturating_add(seller.reducible(Side::Sell, Size::MAX).get());
    lots.min(Size::new(room.saturating_add(closing)))
}

#[cfg(test)]
#[path = "perpetual_tests.rs"]
mod tests;
