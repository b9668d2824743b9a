//! Fees of a fill. In an option they are a part of what the lots control, the forward's value, and never more than a share of the
//! premium: a cheap option would otherwise cost more in fees than in premium. (Deribit: 0.03 % of the underlying, at most 12.5 %
//! of the premium.)

use crate::{
    market_math::{fee_usd, value_ceil_usd},
    state::State,
};
use palisade_types::{
    market::{MarketSpec, OptionContract},
    numbers::{Price, Rate, Size, Usd},
    rejection::Rejection,
};

/// What a fill of `lots` for `quote` costs at a rate, rounded up.
pub(crate) fn trade_fee_usd(
    state: &State,
    market: &MarketSpec,
    quote: Usd,
    lots: Size,
    rate: Rate,
) -> Result<Usd, Rejection> {
    let Some(contract) = market.option() else { return fee_usd(quote, rate) };
    let forward = state.forward_of(market.id).ok_or(Rejection::NoFreshPrice { market: market.id })?;
    option_fee_usd(&contract, forward, market.size_decimals, quote, lots, rate)
}

/// The same for an option whose forward is known.
pub(super) fn option_fee_usd(
    contract: &OptionContract,
    forward: Price,
    size_decimals: u8,
    quote: Usd,
    lots: Size,
    rate: Rate,
) -> Result<Usd, Rejection> {
    let notional = value_ceil_usd(forward, i128::from(lots.get()), size_decimals)?;
    Ok(fee_usd(notional, rate)?.min(fee_usd(quote, contract.fee_share_maximum)?))
}

#[cfg(test)]
#[path = "fees_tests.rs"]
mod tests;
