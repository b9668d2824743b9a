//! Paying for what a unit owes beyond its means: first the insurance fund, up to the market's claim cap, then what the
//! universe has earned in fees. Each buys what collateral the unit still has before it pays.

use super::{collateral, first_market, watch::standing};
use crate::{
    ledger::{Overdraft, Settlement},
    market_math::{quote_amount, quote_value_usd},
    mutant::{Mutant, is_planted},
    state::{MarginUnit, Record},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, Payer},
    ids::MarketId,
    numbers::Usd,
    rejection::Rejection,
};

/// Pays as much of the unit's deficit as there is.
pub(super) fn pay(work: &mut Work<'_>, unit: MarginUnit) -> Result<(), Rejection> {
    let market = match unit.market {
        Some(market) => Some(market),
        None => first_market(work, unit)?,
    };
    let cap = fund_room(work, market);
    pay_from(work, unit, market, Payer::Insurance, cap)?;
    pay_from(work, unit, market, Payer::Fees, Usd::MAX)
}

/// What the fund may still pay for a market; without a market, everything.
fn fund_room(work: &Work<'_>, market: Option<MarketId>) -> Usd {
    let Some(terms) = market.and_then(|market| work.state.market(market)?.derivative().map(|terms| (market, terms)))
    else {
        return Usd::MAX;
    };
    let (market, terms) = terms;
    if is_planted(Mutant::FundUncapped) {
        return Usd::MAX;
    }
    terms.risk.fund_claim_maximum_usd.checked_sub(work.state.fund_claim(market)).unwrap_or(Usd::ZERO).max(Usd::ZERO)
}

fn pay_from(
    work: &mut Work<'_>,
    unit: MarginUnit,
    market: Option<MarketId>,
    payer: Payer,
    cap: Usd,
) -> Result<(), Rejection> {
    let universe = unit.universe;
    let quote = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let source = match payer {
        Payer::Insurance => AccountId::insurance(universe),
        Payer::Fees => AccountId::fees(universe),
    };
    collateral::sell(work, unit, source)?;
    let deficit = standing(work.state, unit)?.equity_usd.checked_neg().ok_or(Rejection::Overflow)?;
    let there = quote_value_usd(work.state.balance(source, universe, quote));
    let amount_usd = deficit.min(cap).min(there);
    if amount_usd <= Usd::ZERO {
        return Ok(());
    }
    let purse = unit.market.map_or(unit.account, |market| AccountId::isolated(unit.account, market));
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    settlement.transfer(source, purse, quote, quote_amount(amount_usd))?;
    settlement.apply(work.state)?;
    if let (Some(market), Payer::Insurance) = (market, payer) {
        let claimed = work.state.fund_claim(market).checked_add(amount_usd).ok_or(Rejection::Overflow)?;
        work.state.put(Record::FundClaim { id: market, record: claimed });
    }
    work.state.touch(unit.account);
    work.emit(Event::DeficitPaid { universe, account: unit.account, market, payer, amount_usd });
    Ok(())
}
