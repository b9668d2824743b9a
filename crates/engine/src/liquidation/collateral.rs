//! Selling what a unit holds beside the quote, for what it owes: to the backstop vault, and if that lacks the cash, to the
//! fund and to the fees before they pay anything, so that nobody pays for an account that still has something.
//!
//! Shares of liquidity pools are redeemed before anything is sold; what they bring of the base is sold with the rest.
//!
//! The price is the index less [`BACKSTOP_DISCOUNT`]. A bankrupt unit sells everything that the buyer can pay; a debt
//! without positions only what it asks for. What fund and fees bought stays with them.

use super::{BACKSTOP_DISCOUNT, watch::standing};
use crate::{
    accounts::asset_value_usd,
    ledger::{Overdraft, Settlement},
    liquidity::redeem_for_debt,
    market_math::{RATE_ONE, quote_value_usd},
    state::MarginUnit,
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::AssetId,
    numbers::{Amount, Usd},
    rejection::Rejection,
};

/// Sells the unit's collateral to `buyer`, for cash that the buyer has.
pub(super) fn sell(work: &mut Work<'_>, unit: MarginUnit, buyer: AccountId) -> Result<(), Rejection> {
    let now = standing(work.state, unit)?;
    let universe = unit.universe;
    let quote = work.state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let owed = work.state.balance(unit.account, universe, quote).get().saturating_neg();
    let is_bankrupt = now.equity_usd < Usd::ZERO;
    if unit.market.is_some() || (!is_bankrupt && (now.has_positions || owed <= 0)) {
        return Ok(());
    }
    // Shares of pools first: they are redeemed from their pools, and what they bring needs no buyer.
    let is_bankrupt = if work.state.holds_pool_shares(unit.account) {
        redeem_for_debt(work, unit.account, universe, (!is_bankrupt).then_some(Usd::new(owed)))?;
        standing(work.state, unit)?.equity_usd < Usd::ZERO
    } else {
        is_bankrupt
    };
    let owed = work.state.balance(unit.account, universe, quote).get().saturating_neg();
    if !is_bankrupt && (now.has_positions || owed <= 0) {
        return Ok(());
    }
    let assets: Vec<(AssetId, Amount)> = work
        .state
        .other_assets_of(unit.account)
        .iter()
        .filter(|((of, _), _)| *of == universe)
        .map(|((_, asset), amount)| (*asset, *amount))
        .collect();
    let mut wanted = if is_bankrupt { i128::MAX } else { owed };
    for (asset, amount) in assets {
        let proceeds = sell_asset(work, unit, buyer, (quote, asset), amount, wanted)?;
        wanted = wanted.saturating_sub(proceeds);
    }
    Ok(())
}

/// Sells one asset for at most `wanted` of the quote; returns what it brought.
fn sell_asset(
    work: &mut Work<'_>,
    unit: MarginUnit,
    buyer: AccountId,
    (quote, asset): (AssetId, AssetId),
    amount: Amount,
    wanted: i128,
) -> Result<i128, Rejection> {
    let universe = unit.universe;
    let spec = work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.clone();
    let (Some(_), Some(index)) = (spec.collateral, work.state.index(asset).copied()) else { return Ok(0) };
    if wanted <= 0 || !index.is_fresh(work.time_ms) {
        return Ok(0);
    }
    let kept = RATE_ONE.saturating_sub(i128::from(BACKSTOP_DISCOUNT.get()));
    let worth = |amount: Amount| -> Result<i128, Rejection> {
        let value = asset_value_usd(amount, spec.decimals, index.price)?;
        multiply_divide_floor(value.get(), kept, RATE_ONE).ok_or(Rejection::Overflow)
    };
    let there = quote_value_usd(work.state.balance(buyer, universe, quote)).get();
    let payable = wanted.min(there).max(0);
    let whole = worth(amount)?;
    if whole <= 0 || payable == 0 {
        return Ok(0);
    }
    let sold = if whole <= payable {
        amount
    } else {
        Amount::new(multiply_divide_ceil(amount.get(), payable, whole).ok_or(Rejection::Overflow)?.min(amount.get()))
    };
    let proceeds = worth(sold)?.min(payable);
    let mut settlement = Settlement::new(universe, Overdraft::Allowed);
    settlement.transfer(unit.account, buyer, asset, sold)?;
    settlement.transfer(buyer, unit.account, quote, Amount::new(proceeds))?;
    settlement.apply(work.state)?;
    let proceeds_usd = Usd::new(proceeds);
    work.emit(Event::CollateralSold { universe, account: unit.account, buyer, asset, amount: sold, proceeds_usd });
    Ok(proceeds)
}
