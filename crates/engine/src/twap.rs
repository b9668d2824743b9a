//! TWAPs: an order worked in slices over time. The rules are in `docs/rules/orders.md`.
//!
//! Invariants:
//! - No slice is larger than three times the normal one, and never are more lots filled than were asked for.
//! - A TWAP reserves nothing between slices; each slice is checked like any order.

use crate::{
    accounts::position,
    execute::halt_universe,
    market_math::{RATE_ONE, value_floor_usd},
    market_order::{check_running, mark_of, market_limit},
    perpetual::check_reduce_only,
    placement::{Placement, place},
    state::{Record, RecordKey, State, TwapRecord},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    hash::{ActionId, sha256},
    ids::TwapId,
    limits::{TWAP_INTERVAL_MS, TWAP_MINUTES, TWAPS_PER_ACCOUNT_MAX},
    numbers::{Rate, Size, Usd},
    order::{OrderRequest, TimeInForce},
    receipt::OrderResult,
    rejection::Rejection,
    time::TimeMs,
    twap::{Twap, TwapEnd, TwapRequest},
};

/// How far from the mark a slice may trade.
pub(crate) const TWAP_SLIPPAGE: Rate = Rate::new(30_000);
/// Slices per minute of a TWAP's duration.
const SLICES_PER_MINUTE: u32 = 2;
/// A slice that catches up is at most this many times the normal one.
const CATCH_UP_MAX: i128 = 3;
/// How far a randomised slice may be from its schedule, either way.
const RANDOM_SPREAD: Rate = Rate::new(200_000);

/// Starts a TWAP; its first slice is due in the next block.
pub(crate) fn start(
    work: &mut Work<'_>,
    account: AccountId,
    action: ActionId,
    request: &TwapRequest,
) -> Result<TwapId, Rejection> {
    check(work.state, account, request, work.time_ms)?;
    let id = TwapId::new(work.take_order_number()?.get());
    let twap = Twap {
        id,
        account,
        request: *request,
        action,
        started_at_ms: work.time_ms,
        filled: Size::ZERO,
        filled_quote_usd: Usd::ZERO,
    };
    work.state.put(Record::Twap { id, record: TwapRecord { twap, next_slice_ms: work.time_ms } });
    work.emit(Event::TwapStarted { twap });
    Ok(id)
}

fn check(state: &State, account: AccountId, request: &TwapRequest, now: TimeMs) -> Result<(), Rejection> {
    let market = state.market(request.market).ok_or(Rejection::UnknownMarket { market: request.market })?;
    let mark = mark_of(state, market)?;
    check_running(state, market, now)?;
    if !TWAP_MINUTES.contains(&request.duration_minutes) {
        return Err(Rejection::OutOfRange {
            field: "duration_minutes".to_owned(),
            value: i64::from(request.duration_minutes),
            minimum: i64::from(*TWAP_MINUTES.start()),
            maximum: i64::from(*TWAP_MINUTES.end()),
        });
    }
    if request.size.is_zero() {
        return Err(Rejection::ZeroSize);
    }
    if request.reduce_only {
        check_reduce_only(position(state, account, market.id), request.side)?;
    } else {
        let slice = i128::from(request.size.get()).checked_div(slices(request)).ok_or(Rejection::Overflow)?;
        let notional = value_floor_usd(mark, slice, market.size_decimals)?;
        if notional < market.minimum_notional_usd {
            return Err(Rejection::BelowMinimumNotional { notional, minimum: market.minimum_notional_usd });
        }
    }
    let running = state.twaps_of(account).count();
    if running >= TWAPS_PER_ACCOUNT_MAX {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        return Err(Rejection::TooManyTwaps { running: number(running), limit: number(TWAPS_PER_ACCOUNT_MAX) });
    }
    Ok(())
}

/// How many slices a TWAP has.
fn slices(request: &TwapRequest) -> i128 {
    i128::from(request.duration_minutes.saturating_mul(SLICES_PER_MINUTE))
}

/// Tries the slice that is due by block time. Earlier ones that no block was there for are caught up, not repeated.
pub(crate) fn run_slice(work: &mut Work<'_>, id: TwapId) {
    let Some(mut twap) = work.state.twap(id).map(|record| record.twap) else { return };
    let last = twap.request.duration_minutes.saturating_mul(SLICES_PER_MINUTE).saturating_sub(1);
    let passed = work.time_ms.since(twap.started_at_ms).checked_div(TWAP_INTERVAL_MS).unwrap_or(0);
    let slice = u32::try_from(passed).unwrap_or(u32::MAX).min(last);
    let runs = work.state.chain().halted.is_none();
    if let Some(size) = wanted(&twap, slice).filter(|size| runs && !size.is_zero()) {
        let result = work.attempt(|work| place_slice(work, &twap, size));
        let result = result.unwrap_or_else(|rejection| {
            halt_if_violated(work, &twap, &rejection);
            OrderResult::Rejected { rejection }
        });
        if let OrderResult::Accepted { filled, filled_quote_usd, .. } = &result {
            twap.filled = Size::new(twap.filled.get().saturating_add(filled.get()));
            twap.filled_quote_usd = Usd::new(twap.filled_quote_usd.get().saturating_add(filled_quote_usd.get()));
        }
        work.emit(Event::TwapSlice { twap, slice, size, result });
    }
    let next_slice_ms =
        twap.started_at_ms.saturating_add(u64::from(slice).saturating_add(1).saturating_mul(TWAP_INTERVAL_MS));
    work.state.put(Record::Twap { id, record: TwapRecord { twap, next_slice_ms } });
    if twap.filled >= twap.request.size {
        end(work, id, TwapEnd::Filled);
    } else if slice == last {
        end(work, id, TwapEnd::TimeOver);
    }
}

/// The lots that a slice is for; see `docs/rules/orders.md`. None if a number leaves its range.
fn wanted(twap: &Twap, slice: u32) -> Option<Size> {
    let slices = slices(&twap.request);
    let size = i128::from(twap.request.size.get());
    let filled = i128::from(twap.filled.get());
    let number = i128::from(slice).checked_add(1)?;
    let normal = multiply_divide_ceil(size, 1, slices)?;
    let behind = multiply_divide_floor(size, number, slices)?.checked_sub(filled)?.max(0);
    let varied = if twap.request.randomize && number < slices {
        multiply_divide_floor(behind, RATE_ONE.checked_add(random_part(twap.id, slice)?)?, RATE_ONE)?
    } else {
        behind
    };
    let most = normal.checked_mul(CATCH_UP_MAX)?.min(size.checked_sub(filled)?);
    u64::try_from(varied.min(most).max(0)).ok().map(Size::new)
}

/// From −[`RANDOM_SPREAD`] to +[`RANDOM_SPREAD`], the same on every node.
fn random_part(id: TwapId, slice: u32) -> Option<i128> {
    let digest = sha256(&[b"palisade/twap", &id.get().to_be_bytes(), &slice.to_be_bytes()]);
    let first = digest.first_chunk::<8>().copied().map(u64::from_be_bytes)?;
    let spread = i128::from(RANDOM_SPREAD.get());
    let values = spread.checked_mul(2)?.checked_add(1)?;
    i128::from(first).checked_rem(values)?.checked_sub(spread)
}

fn place_slice(work: &mut Work<'_>, twap: &Twap, size: Size) -> Result<OrderResult, Rejection> {
    let request = &twap.request;
    let market = work.state.shared_market(request.market).ok_or(Rejection::UnknownMarket { market: request.market })?;
    let mark = mark_of(work.state, &market)?;
    let request = OrderRequest {
        market: request.market,
        side: request.side,
        price: market_limit(&market, mark, request.side, TWAP_SLIPPAGE)?,
        size,
        time_in_force: TimeInForce::Ioc,
        reduce_only: request.reduce_only,
        client_order_id: None,
    };
    place(work, &Placement { account: twap.account, action: twap.action, request, keeps_id: None })
}

fn halt_if_violated(work: &mut Work<'_>, twap: &Twap, rejection: &Rejection) {
    if let Rejection::InvariantViolated { invariant } = rejection
        && let Some(universe) = work.state.market(twap.request.market).map(|market| market.universe)
    {
        halt_universe(work, universe, invariant);
    }
}

/// Ends a TWAP; what it filled stands.
pub(crate) fn end(work: &mut Work<'_>, id: TwapId, reason: TwapEnd) {
    if let Some(twap) = work.state.twap(id).map(|record| record.twap) {
        work.state.delete(RecordKey::Twap(id));
        work.emit(Event::TwapEnded { twap, reason });
    }
}

#[cfg(test)]
#[path = "twap_tests.rs"]
mod tests;
