//! The settlement of a trade with a market's liquidity pool (`docs/rules/pools.md`, "Trading").
//!
//! Rules:
//! - The taker pays or gets the trade's quote, and the market's taker fee as of any fill; the pool pays no fee and gets none: its
//!   own is in its price.
//! - Only the taker can be short of anything: a pool offers what it has.

use crate::{
    accounts::spendable,
    fill::{Verdict, count_volume},
    ledger::{Overdraft, Settlement},
    liquidity::{Reserves, check_grown, reserves, spot_of},
    market_math::{base_amount, fee_usd, quote_amount},
    pool_curve::PoolTrade,
    state::{MarketState, Record},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, Trade, TradeSide},
    ids::OrderId,
    market::MarketSpec,
    numbers::{Amount, Position, Usd},
    order::{OpenOrder, Side},
    rejection::Rejection,
};

/// Settles a trade if the taker can afford it.
pub(crate) fn settle(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &OpenOrder,
    trade: &PoolTrade,
    is_forced: bool,
) -> Result<Verdict, Rejection> {
    let (spot, universe, pool) = (spot_of(market)?, market.universe, AccountId::pool(market.id));
    let fee_usd = fee_usd(trade.quote_usd, market.taker_fee)?;
    let decimals = work.state.asset(spot.base).ok_or(Rejection::UnknownAsset { asset: spot.base })?.decimals;
    let base = base_amount(trade.lots, market.size_decimals, decimals)?;
    let (buyer, seller, paid) = match taker.side {
        Side::Buy => (taker.account, pool, spot.quote),
        Side::Sell => (pool, taker.account, spot.base),
    };
    let before = reserves(work.state, market, spot);
    let checkpoint = work.checkpoint();
    let mut settlement = Settlement::new(universe, Overdraft::Refused);
    settlement.transfer(buyer, seller, spot.quote, quote_amount(trade.quote_usd))?;
    settlement.transfer(seller, buyer, spot.base, base)?;
    settlement.transfer(taker.account, AccountId::fees(universe), spot.quote, quote_amount(fee_usd))?;
    match settlement.apply(work.state) {
        Ok(()) => {}
        Err(Rejection::InsufficientBalance { .. }) => return Ok(Verdict::TakerFails),
        Err(rejection) => return Err(rejection),
    }
    let after = reserves(work.state, market, spot);
    check_grown(market.id, "base times quote", pair(before), pair(after))?;
    if !is_forced && spendable(work.state, taker.account, universe, paid)? < Amount::ZERO {
        work.revert_to(checkpoint);
        return Ok(Verdict::TakerFails);
    }
    count_volume(work.state, market, taker.account, trade.quote_usd)?;
    work.state.put(Record::MarketState { id: market.id, record: MarketState { last_price: Some(trade.price) } });
    announce(work, market, taker, trade, fee_usd)?;
    Ok(Verdict::Settled { quote_usd: trade.quote_usd })
}

const fn pair(reserves: Reserves) -> (i128, i128) {
    (reserves.base.get(), reserves.quote.get())
}

fn announce(
    work: &mut Work<'_>,
    market: &MarketSpec,
    taker: &OpenOrder,
    trade: &PoolTrade,
    fee_usd: Usd,
) -> Result<(), Rejection> {
    let id = work.take_trade_number()?;
    let side = |account, order, client_order_id, fee_usd| TradeSide {
        account,
        order,
        client_order_id,
        fee_usd,
        start_position: Position::ZERO,
        closed_pnl_usd: Usd::ZERO,
    };
    work.emit(Event::Traded(Trade {
        id,
        market: market.id,
        price: trade.price,
        size: trade.lots,
        quote_usd: trade.quote_usd,
        taker_side: taker.side,
        maker: side(AccountId::pool(market.id), OrderId::POOL, None, Usd::ZERO),
        taker: side(taker.account, taker.id, taker.client_order_id, fee_usd),
    }));
    let Reserves { base, quote } = reserves(work.state, market, spot_of(market)?);
    work.emit(Event::PoolTraded { market: market.id, trade: id, base_reserve: base, quote_reserve: quote });
    Ok(())
}

#[cfg(test)]
#[path = "pool_fill_tests.rs"]
mod tests;
