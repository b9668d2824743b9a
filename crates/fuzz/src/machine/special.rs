//! Orders beyond limit orders, chosen by a fuzzer.

use super::{
    actions::{market, middle, order},
    venue::TICK,
};
use arbitrary::{Result, Unstructured};
use palisade_engine::State;
use palisade_types::{
    action::Action,
    address::AccountId,
    ids::{ClientOrderId, MarketId, TwapId},
    numbers::{Price, Rate, Size},
    order::Side,
    quote::{Level, ProtectionTerms, Quote},
    time::TimeMs,
    trigger::{TriggerGrouping, TriggerPurpose, TriggerRequest},
    twap::TwapRequest,
};

const GROUPINGS: [TriggerGrouping; 4] =
    [TriggerGrouping::Single, TriggerGrouping::OneCancelsOther, TriggerGrouping::Attached, TriggerGrouping::Position];

pub fn action(choices: &mut Unstructured<'_>, state: &State, account: AccountId, now: TimeMs) -> Result<Action> {
    let market = market(choices)?;
    Ok(match choices.int_in_range(0..=9u8)? {
        0..=4 => triggers(choices, state, market, now)?,
        5 => Action::PlaceTwap {
            twap: TwapRequest {
                market,
                side: side(choices)?,
                size: size(choices)?,
                duration_minutes: choices.int_in_range(4..=8)?,
                randomize: choices.arbitrary()?,
                reduce_only: choices.ratio(1, 4)?,
            },
        },
        6 => {
            let running = state.twaps_of(account).next().map(|record| record.twap.id);
            Action::CancelTwap { twap: running.unwrap_or(TwapId::new(choices.arbitrary()?)) }
        }
        7 => Action::PlaceScale {
            market,
            side: side(choices)?,
            size: size(choices)?,
            price_from: price(choices, state, market)?,
            price_to: price(choices, state, market)?,
            orders: choices.int_in_range(0..=22)?,
            skew: Rate::new(if choices.ratio(1, 10)? {
                choices.arbitrary()?
            } else {
                choices.int_in_range(100_000..=5_000_000)?
            }),
            post_only: choices.arbitrary()?,
            reduce_only: choices.ratio(1, 6)?,
        },
        8 => protection(choices, market)?,
        _ => {
            let count = choices.int_in_range(1..=2)?;
            Action::MassQuote { quotes: (0..count).map(|_| quote(choices, state, market)).collect::<Result<_>>()? }
        }
    })
}

fn side(choices: &mut Unstructured<'_>) -> Result<Side> {
    Ok(if choices.arbitrary()? { Side::Buy } else { Side::Sell })
}

fn size(choices: &mut Unstructured<'_>) -> Result<Size> {
    Ok(Size::new(if choices.ratio(1, 30)? {
        choices.arbitrary()?
    } else {
        choices.int_in_range::<u64>(0..=80)? * 2_500
    }))
}

fn price(choices: &mut Unstructured<'_>, state: &State, market: MarketId) -> Result<Price> {
    if choices.ratio(1, 30)? {
        return Ok(Price::new(choices.arbitrary()?));
    }
    let middle = middle(state, market);
    let reach = *choices.choose(&[2, middle / 50, middle / 10])?;
    let away: i64 = choices.int_in_range(-reach..=reach)?;
    Ok(Price::new((middle + away).max(1) * TICK))
}

fn triggers(choices: &mut Unstructured<'_>, state: &State, market: MarketId, now: TimeMs) -> Result<Action> {
    let grouping = *choices.choose(&GROUPINGS)?;
    let parent = match grouping {
        TriggerGrouping::Attached => Some(order(choices, state, now)?),
        _ if choices.ratio(1, 30)? => Some(order(choices, state, now)?),
        _ => None,
    };
    let way = parent.map_or_else(|| side(choices), |parent| Ok(parent.side.opposite()))?;
    let of = parent.map_or(market, |parent| parent.market);
    let count = choices.int_in_range(1..=2usize)?;
    let purposes = [TriggerPurpose::TakeProfit, TriggerPurpose::StopLoss];
    let mut triggers = Vec::with_capacity(count);
    for purpose in purposes.into_iter().take(count) {
        triggers.push(TriggerRequest {
            market: if choices.ratio(1, 40)? { market } else { of },
            side: if choices.ratio(1, 40)? { way.opposite() } else { way },
            size: size(choices)?,
            trigger_price: price(choices, state, of)?,
            purpose: if choices.ratio(1, 20)? { TriggerPurpose::StopLoss } else { purpose },
            limit: if choices.ratio(1, 3)? { Some(price(choices, state, of)?) } else { None },
            reduce_only: choices.arbitrary()?,
            client_order_id: choices
                .ratio(1, 4)?
                .then(|| choices.int_in_range(0..=8u128))
                .transpose()?
                .map(|number| ClientOrderId(number.to_be_bytes())),
        });
    }
    Ok(Action::PlaceTriggers { parent, triggers, grouping })
}

fn protection(choices: &mut Unstructured<'_>, market: MarketId) -> Result<Action> {
    if choices.ratio(1, 3)? {
        return Ok(Action::ResetMarketMakerProtection { market });
    }
    let terms = ProtectionTerms {
        window_ms: choices.int_in_range(90..=5_000)?,
        frozen_ms: choices.int_in_range(0..=3_000)?,
        size_limit: size(choices)?,
        delta_limit: if choices.arbitrary()? { Some(size(choices)?) } else { None },
    };
    Ok(Action::SetMarketMakerProtection { market, terms: choices.ratio(9, 10)?.then_some(terms) })
}

fn quote(choices: &mut Unstructured<'_>, state: &State, market: MarketId) -> Result<Quote> {
    let level = |choices: &mut Unstructured<'_>| -> Result<Option<Level>> {
        if choices.ratio(1, 5)? {
            return Ok(None);
        }
        Ok(Some(Level { price: price(choices, state, market)?, size: size(choices)? }))
    };
    Ok(Quote { market, bid: level(choices)?, ask: level(choices)? })
}
