//! Values of synthetic assets.

use super::samples::{account, price};
use palisade_types::{
    action::Action,
    event::Event,
    ids::{AssetId, MarketId, UniverseId},
    numbers::{Amount, Rate, Usd},
    rejection::Rejection,
    synthetic::{DebtLiquidation, DebtLiquidationMethod, RedeemedDebt, SyntheticSpec},
};

pub const METHODS: [DebtLiquidationMethod; 3] =
    [DebtLiquidationMethod::Book, DebtLiquidationMethod::Backstop, DebtLiquidationMethod::WrittenOff];

const ASSET: AssetId = AssetId::new(4);

pub fn spec() -> SyntheticSpec {
    SyntheticSpec {
        asset: ASSET,
        tracks: AssetId::new(1),
        universe: UniverseId::new(0),
        market: Some(MarketId::new(10_002)),
        debt_ceiling: Amount::new(100_000_000_000),
        minimum_debt: Amount::new(100_000),
        initial_ratio: Rate::new(1_500_000),
        maintenance_ratio: Rate::new(1_250_000),
        liquidation_penalty: Rate::new(80_000),
        mint_fee: Rate::new(1_000),
        redemption_fee: Rate::new(5_000),
        backstop_share: Rate::new(100_000),
        fund_claim_maximum_usd: Usd::new(10_000_000_000_000),
    }
}

pub fn actions() -> Vec<Action> {
    vec![
        Action::MintSynthetic { asset: ASSET, amount: Amount::new(7), collateral_usd: Usd::new(8) },
        Action::BurnSynthetic { asset: ASSET, amount: Amount::new(7) },
        Action::AddDebtCollateral { asset: ASSET, amount_usd: Usd::new(8) },
        Action::WithdrawDebtCollateral { asset: ASSET, amount_usd: Usd::new(8) },
        Action::RedeemSynthetic { asset: ASSET, amount: Amount::new(7), minimum_usd: Usd::new(6) },
    ]
}

pub fn events() -> Vec<Event> {
    let (asset, amount) = (ASSET, Amount::new(7));
    let hit =
        RedeemedDebt { account: account(2), debt: Amount::new(5), paid_usd: Usd::new(6), returned_usd: Usd::new(1) };
    vec![
        Event::SyntheticMinted {
            asset,
            account: account(1),
            amount,
            collateral_usd: Usd::new(8),
            fee_usd: Usd::new(1),
        },
        Event::SyntheticBurned { asset, account: account(1), amount, debt: Amount::new(6), returned_usd: Usd::new(9) },
        Event::SyntheticRedeemed { asset, account: account(1), amount, paid_usd: Usd::new(6), debts: vec![hit] },
        Event::DebtLiquidated(DebtLiquidation {
            asset,
            account: account(2),
            method: DebtLiquidationMethod::Backstop,
            debt: Amount::new(5),
            collateral_usd: Usd::new(6),
            added_usd: Usd::new(8),
            returned_usd: Usd::new(7),
            index: price(),
        }),
        Event::ShortfallChanged { asset, shortfall: Amount::new(3), debt: Amount::new(4), collateral_usd: Usd::new(5) },
    ]
}

pub fn rejections() -> Vec<Rejection> {
    let asset = ASSET;
    vec![
        Rejection::NotASynthetic { asset },
        Rejection::NoDebt { asset },
        Rejection::DebtBelowMinimum { debt: Amount::new(1), minimum: Amount::new(2) },
        Rejection::DebtCeiling { asset, debt: Amount::new(3), ceiling: Amount::new(2) },
        Rejection::DebtCollateralNeeded { collateral_usd: Usd::new(-1), required_usd: Usd::new(2) },
        Rejection::StaleIndex { asset },
        Rejection::MoreThanOwed { required: Amount::new(3), owed: Amount::new(2) },
        Rejection::SyntheticShort { asset, shortfall: Amount::new(3) },
        Rejection::SyntheticLossPending { asset },
        Rejection::RedemptionBelowMinimum { paid_usd: Usd::new(1), minimum_usd: Usd::new(2) },
    ]
}
