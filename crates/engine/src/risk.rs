//! What margin adds for markets that are crowded, thin or wild. Rules page: `docs/rules/margin.md`.
//!
//! - **Crowd**: the initial fraction rises with the market's open interest, from `1 / leverage` at the lower bound to one
//!   at the upper. It looks at a side as a whole, so many small accounts weigh as much as a large one.
//! - **Volatility**: `k × σ × √(margin period of risk)`, σ per second from an average of squared index returns that is
//!   weighed by elapsed time.
//! - **Size**: a position above the depth of the book pays for the slippage of closing it.
//! - **Profit**: of what is unrealised, only what the slow price confirms counts, and less of it the larger the position.
//!
//! All of it is for *initial* margin: new risk. Maintenance looks at the mark alone.

use crate::{
    margin::CollateralValue,
    mark::{WEIGHT_ONE, weight_of_past},
    market_math::{RATE_ONE, quote_usd, value_ceil_usd},
    state::{IndexRecord, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
};
use palisade_types::{
    market::{CollateralTerms, LinearTerms, MarketSpec},
    numbers::{Price, Rate, Usd},
    order::Side,
    rejection::Rejection,
};

/// The span that margin must survive: from a price moving to a position being closed. Constant until margin follows
/// the network's own pace.
pub const MARGIN_PERIOD_OF_RISK_MS: i128 = 30_000;

/// How far from the mark orders count as depth, as a part of it.
pub const DEPTH_BAND: Rate = Rate::new(20_000);

/// The same for options, whose books are wider.
pub const OPTION_DEPTH_BAND: Rate = Rate::new(250_000);

/// Orders of a side that are looked at for its depth.
pub const DEPTH_ORDERS_MAX: usize = 64;

/// What closing a position as large as the depth costs, as a part of it; twice the depth costs twice the part.
pub const CONCENTRATION_SLOPE: Rate = Rate::new(10_000);

/// The most that size adds to the initial fraction.
pub const CONCENTRATION_MAX: Rate = Rate::new(500_000);

/// Below this price of the quote asset requirements rise.
pub const PEG_FLOOR: Rate = Rate::new(990_000);

/// By how many times what is missing they rise.
const DEPEG_FACTOR: i128 = 4;

/// 1e-8 USD in a USD.
const USD_UNIT: i128 = 100_000_000;

/// The average of squared returns remembers four times as long as the basis average: 600 s.
const VARIANCE_SLOWER: u64 = 4;

/// No index is more volatile: 10 % within each second.
const VARIANCE_MAX: i128 = 10_000_000_000;

/// The average of squared returns after the index moved from `before` to `after` within `elapsed_ms`, in parts per
/// million squared per second, rounded up.
pub fn next_variance(variance: i64, before: Price, after: Price, elapsed_ms: u64) -> Result<i64, Rejection> {
    let overflow = || Rejection::Overflow;
    let elapsed = i128::from(elapsed_ms.max(1));
    let distance = i128::from(after.get()).checked_sub(i128::from(before.get())).ok_or_else(overflow)?;
    let change = multiply_divide_ceil(distance.abs(), RATE_ONE, i128::from(before.get())).ok_or_else(overflow)?;
    let sample = change
        .checked_mul(change)
        .and_then(|square| multiply_divide_ceil(square, 1_000, elapsed))
        .ok_or_else(overflow)?
        .min(VARIANCE_MAX);
    let past = i128::from(weight_of_past(elapsed_ms.checked_div(VARIANCE_SLOWER).unwrap_or(0)));
    let kept = i128::from(variance).checked_sub(sample).ok_or_else(overflow)?;
    let kept = multiply_divide_ceil(kept, past, i128::from(WEIGHT_ONE)).ok_or_else(overflow)?;
    let next = sample.checked_add(kept).ok_or_else(overflow)?.clamp(0, VARIANCE_MAX);
    i64::try_from(next).map_err(|_| Rejection::Overflow)
}

/// The initial fraction that volatility asks for: `k × √(variance × margin period of risk)`, rounded up, at most one.
pub fn volatility_fraction(terms: &LinearTerms, variance: i64) -> Rate {
    let over_period = i128::from(variance).max(0).saturating_mul(MARGIN_PERIOD_OF_RISK_MS).checked_div(1_000);
    let deviation =
        i128::try_from(over_period.unwrap_or(0).unsigned_abs().isqrt()).unwrap_or(RATE_ONE).saturating_add(1);
    let multiplier = i128::from(terms.risk.volatility_multiplier.get());
    if multiplier == 0 {
        return Rate::ZERO;
    }
    let fraction = multiply_divide_ceil(deviation, multiplier, RATE_ONE).unwrap_or(RATE_ONE).min(RATE_ONE);
    Rate::new(i64::try_from(fraction).unwrap_or(1_000_000))
}

/// The initial fraction that open interest asks for: none up to the lower bound, one from the upper, a line between
/// that starts at `1 / maximum leverage`; rounded up.
pub fn crowd_fraction(terms: &LinearTerms, open_interest_usd: Usd) -> Result<Rate, Rejection> {
    let (lower, upper) = (terms.risk.open_interest_lower_usd, terms.risk.open_interest_upper_usd);
    if open_interest_usd <= lower {
        return Ok(Rate::ZERO);
    }
    if open_interest_usd >= upper {
        return Ok(Rate::new(1_000_000));
    }
    let overflow = || Rejection::Overflow;
    let base = multiply_divide_ceil(RATE_ONE, 1, i128::from(terms.maximum_leverage)).ok_or_else(overflow)?;
    let above = open_interest_usd.checked_sub(lower).ok_or_else(overflow)?;
    let span = upper.checked_sub(lower).ok_or_else(overflow)?;
    let rest = RATE_ONE.checked_sub(base).ok_or_else(overflow)?;
    let rise = multiply_divide_ceil(above.get(), rest, span.get()).ok_or_else(overflow)?;
    let fraction = base.checked_add(rise).ok_or_else(overflow)?;
    i64::try_from(fraction).map(Rate::new).map_err(|_| Rejection::Overflow)
}

/// The initial fraction that the market asks of everyone now, whatever leverage they chose.
pub fn market_fraction(state: &State, market: &MarketSpec, terms: &LinearTerms) -> Result<Rate, Rejection> {
    let Some(mark) = state.mark(market.id) else { return Ok(Rate::ZERO) };
    let open_interest_usd = open_interest_usd(state, market, mark.price)?;
    Ok(crowd_fraction(terms, open_interest_usd)?.max(mark.volatility_fraction))
}

/// One side's open interest at a mark, rounded up.
pub fn open_interest_usd(state: &State, market: &MarketSpec, mark: Price) -> Result<Usd, Rejection> {
    let long = i128::try_from(state.position_totals(market.id).long).map_err(|_| Rejection::Overflow)?;
    value_ceil_usd(mark, long, market.size_decimals)
}

/// What initial requirements rise by while the quote asset, at the lower of its index and its slow price, is below
/// [`PEG_FLOOR`]: four times what is missing (Derive's portfolio margin; `docs/rules/margin.md`).
pub fn depeg_addition(quote: Option<&IndexRecord>) -> Rate {
    let Some(index) = quote else { return Rate::ZERO };
    let price = i128::from(index.price.min(index.slow_price).get());
    let rate = price.checked_mul(RATE_ONE).and_then(|scaled| scaled.checked_div(USD_UNIT)).unwrap_or(RATE_ONE);
    let missing = i128::from(PEG_FLOOR.get()).saturating_sub(rate).max(0);
    Rate::new(i64::try_from(missing.saturating_mul(DEPEG_FACTOR)).unwrap_or(i64::MAX))
}

/// What counts for new risk of an asset worth `worth_usd` once a universe holds `held_usd` of it, before its weight: all, and
/// above the bound in inverse proportion to what is held; rounded down once. Maintenance never asks: what others pay in must
/// not liquidate anybody.
fn counted_collateral_usd(terms: &CollateralTerms, worth_usd: Usd, held_usd: Usd) -> Result<Usd, Rejection> {
    let full = terms.full_weight_maximum_usd;
    if held_usd <= full {
        return Ok(worth_usd);
    }
    multiply_divide_floor(worth_usd.get(), full.get(), held_usd.get()).map(Usd::new).ok_or(Rejection::Overflow)
}

/// What something counts for that `worth` says the value of at a price, by the weights of an asset's terms
/// ([`weighed_worth`]).
pub(crate) fn weighed_collateral(
    terms: &CollateralTerms,
    index: &IndexRecord,
    held_usd: Usd,
    worth: impl Fn(Price) -> Result<Usd, Rejection>,
) -> Result<CollateralValue, Rejection> {
    weighed_worth(terms, worth(index.price)?, worth(index.price.min(index.slow_price))?, held_usd)
}

/// What something worth `worth_usd`, and `slow_usd` at the lower of index and slow price, counts for by the weights of an asset's
/// terms: for initial margin by the latter, and less of it once a universe holds `held_usd` of the asset. Rounded down.
pub(crate) fn weighed_worth(
    terms: &CollateralTerms,
    worth_usd: Usd,
    slow_usd: Usd,
    held_usd: Usd,
) -> Result<CollateralValue, Rejection> {
    let weighed = |worth_usd: Usd, weight: Rate| {
        let part = multiply_divide_floor(worth_usd.get(), i128::from(weight.get()), RATE_ONE);
        part.map(Usd::new).ok_or(Rejection::Overflow)
    };
    Ok(CollateralValue {
        initial_usd: weighed(counted_collateral_usd(terms, slow_usd, held_usd)?, terms.initial_weight)?,
        maintenance_usd: weighed(worth_usd, terms.maintenance_weight)?,
    })
}

/// What size adds to the requirement of a position worth `notional`, rounded up.
pub fn concentration_usd(notional: Usd, depth: Usd) -> Result<Usd, Rejection> {
    if notional <= depth {
        return Ok(Usd::ZERO);
    }
    let overflow = || Rejection::Overflow;
    let above = notional.checked_sub(depth).ok_or_else(overflow)?;
    let slope = i128::from(CONCENTRATION_SLOPE.get());
    let cap = i128::from(CONCENTRATION_MAX.get());
    let part = multiply_divide_ceil(above.get(), slope, depth.get().max(1)).unwrap_or(cap).min(cap);
    multiply_divide_ceil(notional.get(), part, RATE_ONE).map(Usd::new).ok_or_else(overflow)
}

/// What counts of an unrealised profit: what both the mark and the slow price confirm, in proportion to how much of the
/// position the book could take; rounded down. Losses count whole.
pub fn counted_profit_usd(at_mark: Usd, at_slow: Usd, notional: Usd, depth: Usd) -> Result<Usd, Rejection> {
    if at_mark <= Usd::ZERO {
        return Ok(at_mark);
    }
    let confirmed = at_mark.min(at_slow).max(Usd::ZERO);
    if notional <= depth {
        return Ok(confirmed);
    }
    multiply_divide_floor(confirmed.get(), depth.get().max(0), notional.get()).map(Usd::new).ok_or(Rejection::Overflow)
}

/// The depth to go by: never more than the book holds now, and rising towards it no faster than a quote held for 150 s
/// deserves; at least the market's minimum.
pub fn next_depth(terms: &LinearTerms, before: Usd, now: Usd, elapsed_ms: u64) -> Result<Usd, Rejection> {
    let next = if now <= before {
        now
    } else {
        let rise = now.checked_sub(before).ok_or(Rejection::Overflow)?;
        let kept = multiply_divide_ceil(rise.get(), i128::from(weight_of_past(elapsed_ms)), i128::from(WEIGHT_ONE))
            .ok_or(Rejection::Overflow)?;
        now.checked_sub(Usd::new(kept)).ok_or(Rejection::Overflow)?
    };
    Ok(next.max(terms.risk.depth_minimum_usd))
}

/// What the thinner side of the book offers within [`DEPTH_BAND`] of the mark.
pub fn depth_now(state: &State, market: &MarketSpec, mark: Price) -> Result<Usd, Rejection> {
    Ok(depth_of_side(state, market, Side::Buy, mark)?.min(depth_of_side(state, market, Side::Sell, mark)?))
}

/// What one side of the book offers within [`DEPTH_BAND`] of the mark, as far as [`DEPTH_ORDERS_MAX`] orders go. Orders that only
/// reduce are none of it: they reserve nothing, and a position of one lot lets them name any number.
pub fn depth_of_side(state: &State, market: &MarketSpec, side: Side, mark: Price) -> Result<Usd, Rejection> {
    let mark = i128::from(mark.get());
    let share = if market.option().is_some() { OPTION_DEPTH_BAND } else { DEPTH_BAND };
    let band = multiply_divide_floor(mark, i128::from(share.get()), RATE_ONE).ok_or(Rejection::Overflow)?;
    let mut sum = Usd::ZERO;
    for record in state.book_side(market.id, side).take(DEPTH_ORDERS_MAX) {
        let distance = i128::from(record.order.price.get()).saturating_sub(mark).abs();
        if distance > band {
            break;
        }
        if record.order.reduce_only {
            continue;
        }
        let notional = quote_usd(record.order.price, record.order.remaining, market.size_decimals)?;
        sum = sum.checked_add(notional).ok_or(Rejection::Overflow)?;
    }
    Ok(sum)
}

#[cfg(test)]
#[path = "risk_tests.rs"]
mod tests;
