//! What actions in Hyperliquid's format call assets, amounts, accounts and venues.
//!
//! Hyperliquid's venues are universes here: its main one, its spot balances and its dated futures (`fut`) are the core
//! universe, whose balances are one; see `docs/hyperliquid.md`.

use super::super::{Actor, Stop, transfer, transfer_sub_account};
use crate::{market_math::quote_amount, work::Work};
use palisade_types::{
    action::TransferDirection,
    address::AccountId,
    decimal::parse_scaled,
    ids::{AssetId, UniverseId},
    numbers::{Amount, Usd},
    receipt::Outcome,
    rejection::Rejection,
};

/// The universe that Hyperliquid's main clearing house, its spot balances and its dated futures stand for.
pub(super) const CORE: UniverseId = UniverseId::new(0);

/// `subAccountTransfer`: collateral to or from a sub-account.
pub(super) fn sub_account_transfer(
    work: &mut Work<'_>,
    actor: &Actor,
    sub_account: AccountId,
    is_deposit: bool,
    amount_usd: Usd,
) -> Result<Outcome, Stop> {
    let movement = transfer::Movement { universe: CORE, asset: collateral(work)?, amount: quote_amount(amount_usd) };
    transfer_sub_account::run(work, actor, sub_account, direction(is_deposit), &movement)
}

/// `subAccountSpotTransfer`: any asset to or from a sub-account.
pub(super) fn sub_account_spot_transfer(
    work: &mut Work<'_>,
    actor: &Actor,
    sub_account: AccountId,
    is_deposit: bool,
    (token, amount): (&str, &str),
) -> Result<Outcome, Stop> {
    let movement = movement(work, asset_named(work, token)?, amount)?;
    transfer_sub_account::run(work, actor, sub_account, direction(is_deposit), &movement)
}

const fn direction(is_deposit: bool) -> TransferDirection {
    if is_deposit { TransferDirection::Deposit } else { TransferDirection::Withdraw }
}

/// The account that a signer names to act for: its own, or a sub-account of it.
pub(super) fn acting_for(work: &Work<'_>, actor: &Actor, text: &str) -> Result<AccountId, Rejection> {
    let account = address(text, "subaccount")?;
    let is_own = work.state.sub_account(account).is_some_and(|record| record.master == actor.account);
    if account == actor.account || is_own {
        Ok(account)
    } else {
        Err(Rejection::NotYourSubAccount { sub_account: account })
    }
}

/// So much of an asset of the core universe.
pub(super) fn movement(work: &Work<'_>, asset: AssetId, amount: &str) -> Result<transfer::Movement, Rejection> {
    let decimals = work.state.asset(asset).ok_or(Rejection::UnknownAsset { asset })?.decimals;
    let amount = parse_scaled(amount, decimals).map(Amount::new).map_err(|_| invalid("amount"))?;
    Ok(transfer::Movement { universe: CORE, asset, amount })
}

/// The core universe's collateral.
pub(super) fn collateral(work: &Work<'_>) -> Result<AssetId, Rejection> {
    let core = work.state.universe(CORE).ok_or(Rejection::UnknownUniverse { universe: CORE })?;
    Ok(core.spec.collateral)
}

/// The asset of `NAME:0x…`; the name decides.
pub(super) fn asset_named(work: &Work<'_>, token: &str) -> Result<AssetId, Rejection> {
    let symbol = token.split(':').next().unwrap_or_default();
    let asset = work.state.assets().find(|asset| asset.symbol == symbol).map(|asset| asset.id);
    asset.ok_or_else(|| unsupported(format!("token {symbol}")))
}

pub(super) fn address(text: &str, field: &str) -> Result<AccountId, Rejection> {
    text.parse().map_err(|_| invalid(field))
}

pub(super) fn invalid(field: &str) -> Rejection {
    Rejection::InvalidNumber { field: field.to_owned() }
}

pub(super) fn unsupported(feature: String) -> Rejection {
    Rejection::Unsupported { feature }
}
