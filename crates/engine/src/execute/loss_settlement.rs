//! Losses that are paid in before the position is closed, so that clearing can pay what winners have realised.
//!
//! While a market's clearing account is short ([`crate::clearing`]), some of its holders are looked at in every block, from
//! a place that moves with the height. One who has lost, at the mark and at the slow mark, pays what is owed: as
//! far as clearing is short and the cash is there. The cost of the position falls by as much, so equity, margin and the
//! price of liquidation stay as they are, to the unit. (Deribit realises the profits and losses of open positions once a day.)

use crate::{
    accounts::{collateral_account, exposure_at_rest},
    clearing::{self, shortfall_usd},
    fill::put_position,
    funding_payment::OwedFunding,
    ledger::{Overdraft, Settlement},
    margin::Exposure,
    market_math::{quote_amount, quote_value_usd},
    work::Work,
};
use palisade_types::{
    address::AccountId, event::Event, ids::MarketId, market::MarketSpec, numbers::Usd, rejection::Rejection,
};

/// Holders looked at in one block, over all markets.
pub const LOOKS_PER_BLOCK_MAX: usize = 512;

/// Losses settled in one block, over all markets.
pub const SETTLEMENTS_PER_BLOCK_MAX: usize = 128;

/// Spreads the heights over all addresses: 2^64 divided by the golden ratio.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The step of a block.
pub(super) fn run(work: &mut Work<'_>) {
    let place = work.state.height().get().wrapping_mul(STRIDE);
    let mut markets: Vec<MarketId> = work.state.short_markets().collect();
    let first = usize::try_from(place).unwrap_or(0).checked_rem(markets.len()).unwrap_or(0);
    markets.rotate_left(first);
    let (mut looks, mut settlements) = (LOOKS_PER_BLOCK_MAX, SETTLEMENTS_PER_BLOCK_MAX);
    for market in markets {
        let Some(spec) = work.state.shared_market(market) else { continue };
        if work.state.universe(spec.universe).is_none_or(|record| record.halted.is_some()) {
            continue;
        }
        for account in work.state.position_holders_from(market, account_at(place), looks) {
            looks = looks.saturating_sub(1);
            // What is out of range is left as it is.
            let settled = work.attempt(|work| settle(work, &spec, account)).unwrap_or(false);
            settlements = settlements.saturating_sub(usize::from(settled));
            if settlements == 0 {
                return;
            }
            if settled && shortfall_usd(work.state, &spec).is_zero() {
                break;
            }
        }
    }
}

/// The address whose first bytes are `place`.
fn account_at(place: u64) -> AccountId {
    let mut bytes = [0u8; 20];
    bytes.iter_mut().zip(place.to_be_bytes()).for_each(|(to, from)| *to = from);
    AccountId(bytes)
}

/// Lets one holder pay in what the position has lost; whether anything was paid.
fn settle(work: &mut Work<'_>, market: &MarketSpec, account: AccountId) -> Result<bool, Rejection> {
    let Some(position) = work.state.position(account, market.id).copied() else { return Ok(false) };
    let lost_usd = confirmed_loss_usd(&exposure_at_rest(work.state, account, market)?)?;
    if lost_usd <= Usd::ZERO {
        return Ok(false);
    }
    let universe = market.universe;
    let quote = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let purse = collateral_account(work.state, account, market.id);
    let held = work.state.held(purse, universe, quote);
    let cash = work.state.balance(purse, universe, quote).checked_sub(held).ok_or(Rejection::Overflow)?;
    let paid_usd = lost_usd.min(quote_value_usd(cash)).min(shortfall_usd(work.state, market));
    // Funding is a part of the loss, and is paid whole.
    let owed = OwedFunding::of(position, work.state.funding_index(market.id))?;
    let amount_usd = paid_usd.checked_sub(owed.amount_usd()).ok_or(Rejection::Overflow)?;
    if paid_usd <= Usd::ZERO || amount_usd <= Usd::ZERO {
        return Ok(false);
    }
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    owed.post(&mut settlement, purse, market.id, quote)?;
    settlement.transfer(purse, AccountId::clearing(market.id), quote, quote_amount(amount_usd))?;
    clearing::apply(work.state, market, settlement, &[])?;
    let mut after = owed.paid();
    after.entry_cost_usd = after.entry_cost_usd.checked_sub(amount_usd).ok_or(Rejection::Overflow)?;
    put_position(work.state, account, market.id, after);
    owed.announce(work, account, market.id);
    work.emit(Event::LossSettled { market: market.id, account, amount_usd });
    Ok(true)
}

/// What is lost at the mark and at the slow mark, whichever is less: a wick takes nothing in.
fn confirmed_loss_usd(exposure: &Exposure) -> Result<Usd, Rejection> {
    let at_slow = Exposure { mark: exposure.slow_mark, ..*exposure };
    let profit = exposure.unrealised_usd()?.max(at_slow.unrealised_usd()?);
    profit.checked_neg().ok_or(Rejection::Overflow)
}

#[cfg(test)]
#[path = "loss_settlement_tests.rs"]
mod tests;
