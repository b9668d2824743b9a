//! The rules of synthetic assets in a genesis file.

use super::{
    Genesis, GenesisError,
    check::{FEE_MAX, WHOLE, asset, universe},
};
use crate::{
    address::AccountId,
    ids::AssetId,
    numbers::{Amount, Rate, Usd},
    synthetic::SyntheticSpec,
};
use std::collections::BTreeSet;

/// Synthetics that a chain may have: each is looked at in every block.
pub(super) const SYNTHETICS_MAX: usize = 32;
/// 50 %.
const PENALTY_MAX: Rate = Rate::new(500_000);
/// A hundred times the debt.
const RATIO_MAX: Rate = Rate::new(100_000_000);
/// Most that may be owed, in smallest units: products with prices and ratios stay far within their range.
const CEILING_MAX: Amount = Amount::new(10i128.pow(30));

pub(super) fn check(genesis: &Genesis) -> Result<(), GenesisError> {
    let found = genesis.synthetics.len();
    if found > SYNTHETICS_MAX {
        return Err(GenesisError::TooManyMarkets { what: "synthetics", found, limit: SYNTHETICS_MAX });
    }
    let minted: BTreeSet<AssetId> = genesis.synthetics.iter().map(|spec| spec.asset).collect();
    for (place, spec) in genesis.synthetics.iter().enumerate() {
        let twin = genesis.synthetics.iter().take(place).any(|other| other.asset == spec.asset);
        if twin {
            return Err(wrong(spec, "one synthetic per asset"));
        }
        check_assets(genesis, spec, &minted)?;
        check_market(genesis, spec)?;
        check_terms(spec)?;
    }
    Ok(())
}

fn wrong(spec: &SyntheticSpec, what: &'static str) -> GenesisError {
    GenesisError::Synthetic { asset: spec.asset, what }
}

/// What it is made of and what it follows; nobody may have any of it that nobody owes.
fn check_assets(genesis: &Genesis, spec: &SyntheticSpec, minted: &BTreeSet<AssetId>) -> Result<(), GenesisError> {
    let what = || format!("synthetic {}", spec.asset);
    asset(genesis, spec.asset, what)?;
    universe(genesis, spec.universe, what)?;
    if !asset(genesis, spec.tracks, what)?.has_index {
        return Err(wrong(spec, "tracks names an asset with an index"));
    }
    if minted.contains(&spec.tracks) {
        return Err(wrong(spec, "tracks names no synthetic"));
    }
    if genesis.universes.iter().any(|universe| universe.collateral == spec.asset) {
        return Err(wrong(spec, "asset is no universe's collateral"));
    }
    if genesis.balances.iter().any(|balance| balance.asset == spec.asset) {
        return Err(wrong(spec, "no balances of it: it is minted"));
    }
    if genesis.faucet.iter().any(|grant| grant.asset == spec.asset) {
        return Err(wrong(spec, "no faucet of it: it is minted"));
    }
    Ok(())
}

fn check_market(genesis: &Genesis, spec: &SyntheticSpec) -> Result<(), GenesisError> {
    let Some(id) = spec.market else { return Ok(()) };
    let collateral = universe(genesis, spec.universe, || format!("synthetic {}", spec.asset))?.collateral;
    let is_fit = genesis.markets.iter().any(|market| {
        let is_here = market.id == id && market.universe == spec.universe;
        is_here && market.spot().is_some_and(|spot| spot.base == spec.asset && spot.quote == collateral)
    });
    if is_fit { Ok(()) } else { Err(wrong(spec, "market is its spot market against its universe's collateral")) }
}

fn check_terms(spec: &SyntheticSpec) -> Result<(), GenesisError> {
    if spec.minimum_debt <= Amount::ZERO || spec.minimum_debt > spec.debt_ceiling || spec.debt_ceiling > CEILING_MAX {
        return Err(wrong(spec, "0 < minimum_debt <= debt_ceiling <= 10^30"));
    }
    if spec.liquidation_penalty < Rate::ZERO || spec.liquidation_penalty > PENALTY_MAX {
        return Err(wrong(spec, "0 <= liquidation_penalty <= 0.5"));
    }
    // Whoever is liquidated in time can pay the penalty.
    let with_penalty = WHOLE.checked_add(spec.liquidation_penalty).unwrap_or(Rate::MAX);
    if spec.maintenance_ratio <= with_penalty {
        return Err(wrong(spec, "1 + liquidation_penalty < maintenance_ratio"));
    }
    if spec.initial_ratio < spec.maintenance_ratio || spec.initial_ratio > RATIO_MAX {
        return Err(wrong(spec, "maintenance_ratio <= initial_ratio <= 100"));
    }
    for fee in [spec.mint_fee, spec.redemption_fee] {
        if fee < Rate::ZERO || fee > FEE_MAX {
            return Err(wrong(spec, "0 <= mint_fee, redemption_fee <= 0.1"));
        }
    }
    if spec.backstop_share < Rate::ZERO || spec.backstop_share > WHOLE {
        return Err(wrong(spec, "0 <= backstop_share <= 1"));
    }
    if spec.fund_claim_maximum_usd < Usd::ZERO {
        return Err(wrong(spec, "fund_claim_maximum_usd >= 0"));
    }
    Ok(())
}

/// Accounts of synthetics that no person has.
pub(super) fn system_accounts(genesis: &Genesis) -> impl Iterator<Item = AccountId> {
    genesis.synthetics.iter().flat_map(|spec| {
        let own = AccountId::synthetic(spec.asset);
        [own, AccountId::debt(own, spec.asset)]
    })
}
