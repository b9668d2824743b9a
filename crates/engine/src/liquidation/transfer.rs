//! Moving a position, or a part of it, from one account to another for an agreed quote, outside the book.
//!
//! Both sides trade the same lots for the same quote, so positions keep summing to zero and costs keep summing to what
//! clearing holds; what either side realises is posted with the market's clearing account.

use crate::{
    accounts::{collateral_account, position},
    clearing,
    fill::put_position,
    funding_payment::OwedFunding,
    isolated,
    ledger::{Overdraft, Settlement},
    market_math::quote_amount,
    mutant::{Mutant, is_planted},
    perpetual::after_trade_in,
    work::Work,
};
use palisade_types::{
    address::AccountId,
    market::MarketSpec,
    numbers::{Position, Size, Usd},
    order::Side,
    rejection::Rejection,
};

/// What a transfer realised for the one who had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transferred {
    /// Profit of the one who gives.
    pub giver_pnl_usd: Usd,
    /// Profit of the one who takes.
    pub taker_pnl_usd: Usd,
    /// The giver's position before.
    pub start_position: Position,
}

/// `giver` trades `lots` on `side` with `taker` for `quote` in all.
pub(super) fn trade(
    work: &mut Work<'_>,
    market: &MarketSpec,
    (giver, taker): (AccountId, AccountId),
    side: Side,
    lots: Size,
    quote: Usd,
) -> Result<Transferred, Rejection> {
    let universe = market.universe;
    let collateral = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let (giver_before, taker_before) = (position(work.state, giver, market.id), position(work.state, taker, market.id));
    let index = work.state.funding_index(market.id);
    let giver_owed = OwedFunding::of(giver_before, index)?;
    let taker_owed = OwedFunding::of(taker_before, index)?;
    let giver_effect = after_trade_in(market, giver_owed.paid(), side, lots, quote)?;
    let taker_effect = after_trade_in(market, taker_owed.paid(), side.opposite(), lots, quote)?;
    let clearing_account = AccountId::clearing(market.id);
    let giver_purse = collateral_account(work.state, giver, market.id);
    let taker_purse = collateral_account(work.state, taker, market.id);
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    giver_owed.post(&mut settlement, giver_purse, market.id, collateral)?;
    taker_owed.post(&mut settlement, taker_purse, market.id, collateral)?;
    settlement.transfer(clearing_account, giver_purse, collateral, quote_amount(giver_effect.realised_usd))?;
    settlement.transfer(clearing_account, taker_purse, collateral, quote_amount(taker_effect.realised_usd))?;
    let parties = [
        (giver, giver_owed.received_usd(giver_effect.realised_usd)?),
        (taker, taker_owed.received_usd(taker_effect.realised_usd)?),
    ];
    clearing::apply(work.state, market, settlement, &parties)?;
    put_position(work.state, giver, market.id, giver_effect.after);
    if !is_planted(Mutant::LosePosition) {
        put_position(work.state, taker, market.id, taker_effect.after);
    }
    giver_owed.announce(work, giver, market.id);
    taker_owed.announce(work, taker, market.id);
    for (purse, account, before) in [(giver_purse, giver, giver_before), (taker_purse, taker, taker_before)] {
        if purse != account {
            isolated::settle_purse(work.state, account, market, before)?;
        }
    }
    Ok(Transferred {
        giver_pnl_usd: giver_effect.realised_usd,
        taker_pnl_usd: taker_effect.realised_usd,
        start_position: giver_before.position,
    })
}
