//! Synthetic assets: tokens that track an index, minted against collateral; rules in `docs/rules/synthetics.md`.

use crate::{
    address::AccountId,
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Amount, Price, Rate, Usd},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The terms of a synthetic asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticSpec {
    /// The asset that is minted and burned; nobody has any of it in the genesis.
    pub asset: AssetId,
    /// The asset whose index one unit is worth.
    pub tracks: AssetId,
    /// Where it is minted, and whose collateral backs it.
    pub universe: UniverseId,
    /// The spot market against the universe's collateral in which debts are bought back, if there is one.
    #[serde(default)]
    pub market: Option<MarketId>,
    /// Most that may be owed in all, in smallest units.
    pub debt_ceiling: Amount,
    /// Least that one position may owe, in smallest units.
    pub minimum_debt: Amount,
    /// Collateral over the value of the debt that minting and taking out collateral must leave.
    pub initial_ratio: Rate,
    /// Collateral over the value of the debt below which a position is liquidated.
    pub maintenance_ratio: Rate,
    /// What whoever takes a debt over is paid beyond its value, of it.
    pub liquidation_penalty: Rate,
    /// What minting costs, of the value minted, rounded up.
    pub mint_fee: Rate,
    /// What redeeming costs, of the value redeemed; it stays with the positions that pay.
    pub redemption_fee: Rate,
    /// The part of the backstop vault that this synthetic may use and lose.
    pub backstop_share: Rate,
    /// Most that the insurance fund pays for this synthetic.
    pub fund_claim_maximum_usd: Usd,
}

/// What a redemption took from one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct RedeemedDebt {
    /// Whose position.
    pub account: AccountId,
    /// What it owes less.
    pub debt: Amount,
    /// What its collateral paid.
    pub paid_usd: Usd,
    /// What its owner got back, because nothing is owed any more.
    pub returned_usd: Usd,
}

/// Who took over what a position owed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum DebtLiquidationMethod {
    /// Units were bought in the book and burned.
    Book = 0,
    /// The backstop vault owes it now.
    Backstop = 1,
    /// The synthetic itself owes what the collateral covers; the rest is a deficit.
    WrittenOff = 2,
}

/// A part of a debt position that was closed by force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DebtLiquidation {
    /// Of which synthetic.
    pub asset: AssetId,
    /// Whose.
    pub account: AccountId,
    /// Who took it over.
    pub method: DebtLiquidationMethod,
    /// What the position owes less.
    pub debt: Amount,
    /// Collateral that went with it.
    pub collateral_usd: Usd,
    /// What the vault that took it over added from its cash; nothing in the other ways.
    pub added_usd: Usd,
    /// What its owner got back, because nothing is owed any more.
    pub returned_usd: Usd,
    /// The tracked index, in 1e-8 USD.
    pub index: Price,
}
