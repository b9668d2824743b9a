//! Books, trades and candles: `l2Book`, `recentTrades`, `candleSnapshot`, `fundingHistory`.

use super::{Answer, RequestError, coin_market, time_ms};
use crate::{
    context::Context,
    history::{FundingHour, Interval},
    hyperliquid::format,
    json::ValueExt,
};
use palisade_client::api::{Book, BookLevel};
use palisade_types::{
    hyperliquid::Value,
    numbers::{Price, Size},
};
use serde_json::json;

/// Levels a side in an answer.
pub const LEVELS_MAX: usize = 20;
/// Levels a side that are read to be put together into rounded ones.
const LEVELS_READ_MAX: u32 = 1_000;
const CANDLES_MAX: usize = 5_000;
const FUNDING_HOURS_MAX: usize = 500;
const RECENT_TRADES_MAX: usize = 100;

pub async fn answer(context: &Context, kind: &str, body: &Value) -> Answer {
    match kind {
        "l2Book" => {
            let spec = coin_market(context, body)?;
            let book = rounded_book(context, &spec, body).await?;
            Ok(format::book(&book, &context.feed.directory().coin(spec.id), spec.size_decimals, LEVELS_MAX))
        }
        "recentTrades" => {
            let spec = coin_market(context, body)?;
            let directory = context.feed.directory();
            let history = context.feed.history();
            let trades = history.trades_newest_first(spec.id).take(RECENT_TRADES_MAX);
            Ok(trades.map(|trade| format::trade(trade, &directory)).collect())
        }
        "candleSnapshot" => candles(context, body),
        _ => funding_history(context, body),
    }
}

/// The oldest full hours from `startTime` on, at most [`FUNDING_HOURS_MAX`].
fn funding_history(context: &Context, body: &Value) -> Answer {
    let spec = coin_market(context, body)?;
    let from_ms = time_ms(body, "startTime")?.ok_or_else(|| RequestError::shape("missing field `startTime`"))?;
    let to_ms = time_ms(body, "endTime")?.unwrap_or(u64::MAX);
    let coin = context.feed.directory().coin(spec.id);
    let history = context.feed.history();
    let hours = history.funding_hours(spec.id).filter(|hour| (from_ms..=to_ms).contains(&hour.time.get()));
    let shown = |hour: &FundingHour| {
        json!({
            "coin": coin,
            "fundingRate": hour.rate.to_string(),
            "premium": hour.premium.to_string(),
            "time": hour.time.get(),
        })
    };
    Ok(hours.take(FUNDING_HOURS_MAX).map(shown).collect())
}

fn candles(context: &Context, body: &Value) -> Answer {
    let request = body.field("req").ok_or_else(|| RequestError::shape("missing field `req`"))?;
    let spec = coin_market(context, request)?;
    let interval = interval_named(request)?;
    let from_ms = time_ms(request, "startTime")?.ok_or_else(|| RequestError::shape("missing field `startTime`"))?;
    let to_ms = time_ms(request, "endTime")?.unwrap_or(u64::MAX);
    let directory = context.feed.directory();
    let candles = context.feed.history().candles(spec.id, interval, from_ms, to_ms, CANDLES_MAX);
    Ok(candles.iter().map(|candle| format::candle(candle, &directory)).collect())
}

/// The interval of a candle request.
pub fn interval_named(body: &Value) -> Result<Interval, RequestError> {
    body.field("interval").and_then(ValueExt::text).and_then(Interval::parse).ok_or_else(|| {
        let names: Vec<_> = Interval::ALL.into_iter().map(Interval::name).collect();
        RequestError::shape(format!("`interval` must be one of {}", names.join(", ")))
    })
}

/// A market's book, its prices rounded to `nSigFigs` significant figures (and steps of `mantissa`) if asked.
pub async fn rounded_book(
    context: &Context,
    spec: &palisade_types::market::MarketSpec,
    body: &Value,
) -> Result<Book, RequestError> {
    let Some(figures) = significant_figures(body)? else {
        return Ok(context.node.book(spec.id, LEVELS_MAX as u32).await?);
    };
    let mantissa = mantissa(body, figures)?;
    let mut book = context.node.book(spec.id, LEVELS_READ_MAX).await?;
    book.bids = put_together(&book.bids, figures, mantissa, false);
    book.asks = put_together(&book.asks, figures, mantissa, true);
    Ok(book)
}

fn significant_figures(body: &Value) -> Result<Option<u32>, RequestError> {
    match body.field("nSigFigs").map(ValueExt::unsigned) {
        None => Ok(None),
        Some(Some(figures @ 2..=5)) => Ok(u32::try_from(figures).ok()),
        Some(_) => Err(RequestError::shape("`nSigFigs` must be 2, 3, 4, 5 or null")),
    }
}

fn mantissa(body: &Value, figures: u32) -> Result<i64, RequestError> {
    match body.field("mantissa").map(ValueExt::unsigned) {
        None | Some(Some(1)) => Ok(1),
        Some(Some(2)) if figures == 5 => Ok(2),
        Some(Some(5)) if figures == 5 => Ok(5),
        Some(_) => Err(RequestError::shape("`mantissa` must be 1, 2, 5 or null, and only with `nSigFigs` 5")),
    }
}

/// Puts levels together whose prices round to the same: bids down, asks up, so that no level looks better than it is.
fn put_together(levels: &[BookLevel], figures: u32, mantissa: i64, up: bool) -> Vec<BookLevel> {
    let mut joined: Vec<BookLevel> = Vec::new();
    for level in levels {
        let price = rounded(level.price, figures, mantissa, up);
        if let Some(last) = joined.last_mut()
            && last.price == price
        {
            last.size = last.size.checked_add(level.size).unwrap_or(Size::MAX);
            last.orders = last.orders.saturating_add(level.orders);
            continue;
        }
        if joined.len() == LEVELS_MAX {
            break;
        }
        joined.push(BookLevel { price, ..level.clone() });
    }
    joined
}

fn rounded(price: Price, figures: u32, mantissa: i64, up: bool) -> Price {
    let count = price.get();
    let digits = count.unsigned_abs().checked_ilog10().map_or(1, |exponent| exponent + 1);
    let step = 10i64.checked_pow(digits.saturating_sub(figures)).and_then(|step| step.checked_mul(mantissa));
    let Some(step) = step else { return price };
    let below = count - count.rem_euclid(step);
    if up && below != count { Price::new(below.saturating_add(step)) } else { Price::new(below) }
}

#[cfg(test)]
mod tests;
