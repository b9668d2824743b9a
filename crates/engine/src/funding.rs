//! Funding of perpetuals: what the side that the price leans to pays the other. Rules: `docs/rules/funding.md`.
//!
//! - **Premium** = (max(0, impact bid − index) − max(0, index − impact ask)) / index.
//! - **Rate** per eight hours = mean premium + clamp(interest − mean premium, ± clamp); an eighth is due per hour, cut to the
//!   market's cap, and only for the time that was measured.
//! - **Index**: what one lot has paid since listing. It moves by `rate × index price × lot`; what the division leaves is
//!   carried, so no market is too cheap for funding.
//!
//! Rates, means and steps are rounded towards zero: neither side gains from rounding. Integers only; time is block time.

use crate::{
    mutant::{Mutant, is_planted},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    decimal::power_of_ten,
    numbers::{FundingRate, Price, Size},
    order::Side,
    rejection::Rejection,
};

/// One whole, as a [`FundingRate`].
pub const FUNDING_RATE_ONE: i128 = 1_000_000_000_000;
/// The span that a rate is paid for.
pub const FUNDING_INTERVAL_MS: u64 = 60 * 60 * 1_000;
/// The span in whose first block a sample is taken.
pub const SAMPLE_INTERVAL_MS: u64 = 5_000;
/// Most time that a sample is held for; what is beyond is not measured.
pub const SAMPLE_HELD_MAX_MS: u64 = 10_000;
/// Price levels of a side that an impact price may reach into.
pub const IMPACT_LEVELS_MAX: usize = 64;
/// Orders of a side that are looked at for an impact price, skipped ones included.
pub const IMPACT_ORDERS_MAX: usize = 256;
/// No sample counts as more than this, either way: the whole index.
pub const PREMIUM_MAX: FundingRate = FundingRate::new(1_000_000_000_000);
/// No hour costs more than this: 4 %.
pub const HOURLY_RATE_MAX: FundingRate = FundingRate::new(40_000_000_000);

/// Hours that the formula's rate is stated for.
const RATE_HOURS: i128 = 8;
/// The cap per eight hours is this many times the distance between initial and maintenance fraction.
const CAP_MARGIN_MULTIPLE: i128 = 6;

/// The constants of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingTerms {
    /// What funding comes to per eight hours where the price is near the index.
    pub interest: FundingRate,
    /// How far from the mean premium that holds.
    pub clamp: FundingRate,
    /// In how many parts the eight-hour rate is paid.
    pub parts: u32,
}

/// What every perpetual pays by: 0.01 % within ± 0.05 %, hourly.
pub const FUNDING_TERMS: FundingTerms =
    FundingTerms { interest: FundingRate::new(100_000_000), clamp: FundingRate::new(500_000_000), parts: 8 };

/// Lots at a price, as impact prices see an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Where.
    pub price: Price,
    /// How many of them count.
    pub lots: Size,
}

/// A move of a funding index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexStep {
    /// 1e-8 USD per lot.
    pub units: i64,
    /// What the division left, for the next step; of the sign of what was divided.
    pub carry: i128,
}

/// Samples of one hour, each weighed by the time that it was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasuredPremium {
    /// Σ premium × milliseconds.
    pub integral: i128,
    /// Σ milliseconds.
    pub measured_ms: u64,
}

impl MeasuredPremium {
    /// With a premium that was held for some time more.
    pub fn with(self, premium: FundingRate, held_ms: u64) -> Result<Self, Rejection> {
        let part = i128::from(premium.get()).checked_mul(i128::from(held_ms)).ok_or(Rejection::Overflow)?;
        Ok(Self {
            integral: self.integral.checked_add(part).ok_or(Rejection::Overflow)?,
            measured_ms: self.measured_ms.checked_add(held_ms).ok_or(Rejection::Overflow)?,
        })
    }

    /// The mean, rounded towards zero; none of nothing.
    pub fn mean(self) -> Option<FundingRate> {
        let mean = self.integral.checked_div(i128::from(self.measured_ms))?;
        i64::try_from(mean).ok().map(FundingRate::new)
    }
}

impl FundingTerms {
    /// The rate of one part at a mean premium, uncapped, rounded towards zero.
    pub fn rate(&self, mean_premium: FundingRate) -> Result<FundingRate, Rejection> {
        let mean = i128::from(mean_premium.get());
        let clamp = i128::from(self.clamp.get()).max(0);
        let towards_interest = i128::from(self.interest.get()).saturating_sub(mean);
        let whole = mean.saturating_add(towards_interest.clamp(clamp.saturating_neg(), clamp));
        rate_of(whole.checked_div(i128::from(self.parts)).ok_or(Rejection::Overflow)?)
    }
}

fn rate_of(units: i128) -> Result<FundingRate, Rejection> {
    i64::try_from(units).map(FundingRate::new).map_err(|_| Rejection::Overflow)
}

/// The most that an hour may cost in a market, rounded down: 4 %, and an eighth of six times what lies between initial
/// and maintenance margin at its maximum leverage.
pub fn hourly_cap(maximum_leverage: u32) -> FundingRate {
    // IM − MM = 1 / (2 × maximum leverage)
    let divisor = i128::from(maximum_leverage.max(1)).saturating_mul(2).saturating_mul(RATE_HOURS);
    let by_margin = FUNDING_RATE_ONE.saturating_mul(CAP_MARGIN_MULTIPLE).checked_div(divisor).unwrap_or(0);
    i64::try_from(by_margin).map_or(HOURLY_RATE_MAX, |units| HOURLY_RATE_MAX.min(FundingRate::new(units)))
}

/// What an hour costs: the formula's rate at the mean premium, cut to `cap`, for the time that was measured.
pub fn hour_rate(terms: &FundingTerms, measured: MeasuredPremium, cap: FundingRate) -> Result<FundingRate, Rejection> {
    if measured.measured_ms == 0 {
        return Ok(FundingRate::ZERO);
    }
    let mean = measured.mean().ok_or(Rejection::Overflow)?;
    let cap = cap.get().max(0);
    let hourly = i128::from(terms.rate(mean)?.get().clamp(cap.saturating_neg(), cap));
    let is_whole = is_planted(Mutant::FundUnmeasuredTime);
    let measured_ms = if is_whole { FUNDING_INTERVAL_MS } else { measured.measured_ms.min(FUNDING_INTERVAL_MS) };
    let measured_ms = i128::from(measured_ms);
    let rate = hourly
        .checked_mul(measured_ms)
        .and_then(|weighed| weighed.checked_div(i128::from(FUNDING_INTERVAL_MS)))
        .ok_or(Rejection::Overflow)?;
    rate_of(rate)
}

/// The premium of a book over the index, rounded towards zero and cut to [`PREMIUM_MAX`] either way. A side without impact
/// price contributes nothing.
pub fn premium(index: Price, impact_bid: Option<Price>, impact_ask: Option<Price>) -> FundingRate {
    let units = |price: Price| i128::from(price.get());
    let above = impact_bid.map_or(0, |bid| units(bid).saturating_sub(units(index)).max(0));
    let below = impact_ask.map_or(0, |ask| units(index).saturating_sub(units(ask)).max(0));
    let most = i128::from(PREMIUM_MAX.get());
    let part = above
        .saturating_sub(below)
        .checked_mul(FUNDING_RATE_ONE)
        .and_then(|scaled| scaled.checked_div(units(index)))
        .unwrap_or(0)
        .clamp(most.saturating_neg(), most);
    rate_of(part).unwrap_or_default()
}

/// The mean price of trading `notional` (1e-8 USD) into one side of a book, best first; none if it holds less. The last
/// order is taken in whole lots, rounded up. Bids are rounded down, asks up: away from the index, towards no premium.
pub fn impact_price(
    side: Side,
    depth: impl IntoIterator<Item = Depth>,
    notional: i128,
    size_decimals: u8,
) -> Result<Option<Price>, Rejection> {
    let scale = power_of_ten(size_decimals).ok_or(Rejection::Overflow)?;
    // Counted in price × lots, which no division has touched.
    let wanted = notional.checked_mul(scale).ok_or(Rejection::Overflow)?;
    let (mut taken, mut lots) = (0i128, 0i128);
    for level in depth {
        let price = i128::from(level.price.get());
        let missing = multiply_divide_ceil(wanted.saturating_sub(taken), 1, price).ok_or(Rejection::Overflow)?;
        let here = missing.min(i128::from(level.lots.get()));
        lots = lots.checked_add(here).ok_or(Rejection::Overflow)?;
        taken = price.checked_mul(here).and_then(|value| taken.checked_add(value)).ok_or(Rejection::Overflow)?;
        if taken >= wanted {
            break;
        }
    }
    if taken < wanted || lots == 0 {
        return Ok(None);
    }
    let mean = match side {
        Side::Buy => multiply_divide_floor(taken, 1, lots),
        Side::Sell => multiply_divide_ceil(taken, 1, lots),
    };
    let mean = mean.ok_or(Rejection::Overflow)?;
    i64::try_from(mean).map(|price| Some(Price::new(price))).map_err(|_| Rejection::Overflow)
}

/// How far an index moves at a rate, with what earlier steps left.
pub fn index_step(rate: FundingRate, index: Price, size_decimals: u8, carry: i128) -> Result<IndexStep, Rejection> {
    let divisor = step_divisor(size_decimals)?;
    let whole = i128::from(rate.get())
        .checked_mul(i128::from(index.get()))
        .and_then(|product| product.checked_add(carry))
        .ok_or(Rejection::Overflow)?;
    let units = whole.checked_div(divisor).ok_or(Rejection::Overflow)?;
    let carry = whole.checked_rem(divisor).ok_or(Rejection::Overflow)?;
    let units = i64::try_from(units).map_err(|_| Rejection::Overflow)?;
    Ok(IndexStep { units, carry })
}

/// The most that an index may move in one hour at this price, rounded up: a bound that is computed apart from the step.
pub fn largest_index_move(cap: FundingRate, index: Price, size_decimals: u8) -> Result<u64, Rejection> {
    let divisor = step_divisor(size_decimals)?;
    multiply_divide_ceil(i128::from(cap.get()), i128::from(index.get()), divisor)
        .and_then(|units| u64::try_from(units).ok())
        .ok_or(Rejection::Overflow)
}

fn step_divisor(size_decimals: u8) -> Result<i128, Rejection> {
    power_of_ten(size_decimals).and_then(|lots| lots.checked_mul(FUNDING_RATE_ONE)).ok_or(Rejection::Overflow)
}

#[cfg(test)]
#[path = "funding_tests.rs"]
mod tests;
