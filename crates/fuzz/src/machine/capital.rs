//! Sub-accounts, moves between universes, listings, vaults and backstop shares, chosen by a fuzzer.

use super::actions::people;
use arbitrary::{Result, Unstructured};
use palisade_engine::State;
use palisade_types::{
    action::{Action, TransferDirection},
    address::AccountId,
    ids::{AssetId, UniverseId},
    market::RiskTerms,
    numbers::{Amount, Price, Rate, Shares, Size, Usd},
    vault::{PerpetualListing, Redemption, Tranche},
};

/// An account without a key that a person acts for, if there is one and the fuzzer wants it; else the person's own.
pub fn account_of(choices: &mut Unstructured<'_>, state: &State, person: AccountId) -> Result<AccountId> {
    if !choices.ratio(1, 5)? {
        return Ok(person);
    }
    let subs = state.sub_accounts_of(person).map(|(account, _)| account);
    let keyless: Vec<AccountId> = subs.chain(state.vaults_led_by(person).map(|(vault, _)| vault)).collect();
    Ok(if keyless.is_empty() { person } else { *choices.choose(&keyless)? })
}

fn usd(choices: &mut Unstructured<'_>) -> Result<Usd> {
    Ok(Usd::new(if choices.ratio(1, 10)? {
        choices.arbitrary()?
    } else {
        let most: i128 = *choices.choose(&[10_000_000_000, 50_000_000_000, 5_000_000_000_000])?;
        choices.int_in_range(0..=most)?
    }))
}

fn name(choices: &mut Unstructured<'_>) -> Result<String> {
    Ok(choices.choose(&["", "a", "b", "moon"])?.to_string())
}

fn redemption(choices: &mut Unstructured<'_>) -> Result<Redemption> {
    Ok(match choices.int_in_range(0..=2u8)? {
        0 => Redemption::All,
        1 => Redemption::Shares { shares: Shares::new(choices.arbitrary()?) },
        _ => Redemption::Value { amount_usd: usd(choices)? },
    })
}

/// A vault, or an address that is none.
fn vault(choices: &mut Unstructured<'_>, state: &State, account: AccountId) -> Result<AccountId> {
    let vaults: Vec<AccountId> = state.vaults().map(|(vault, _)| vault).collect();
    Ok(if vaults.is_empty() { account } else { *choices.choose(&vaults)? })
}

fn listing(choices: &mut Unstructured<'_>) -> Result<PerpetualListing> {
    Ok(PerpetualListing {
        symbol: choices.choose(&["MOON", "SUN", "BTC", "a/b"])?.to_string(),
        underlying: AssetId::new(choices.int_in_range(0..=3)?),
        size_decimals: choices.int_in_range(0..=3)?,
        tick: Price::new(choices.int_in_range(0..=2i64)?.saturating_mul(1_000_000)),
        maker_fee: Rate::new(choices.int_in_range(0..=12_000)?),
        taker_fee: Rate::new(choices.int_in_range(0..=12_000)?),
        minimum_notional_usd: Usd::new(0),
        maximum_notional_usd: Usd::new(100_000_000_000_000),
        price_band: Rate::new(choices.int_in_range(0..=220_000)?),
        open_orders_per_account_max: choices.int_in_range(0..=1_100)?,
        maximum_leverage: choices.int_in_range(0..=11)?,
        open_interest_maximum: Size::new(choices.int_in_range(0..=1_000_000)?),
        position_maximum: Size::new(choices.int_in_range(0..=1_000_000)?),
        risk: RiskTerms {
            open_interest_lower_usd: Usd::new(100_000_000_000),
            open_interest_upper_usd: Usd::new(choices.int_in_range(0..=200_000_000_000_000)?),
            ..RiskTerms::flat()
        },
    })
}

/// One of the actions that move capital.
pub fn action(choices: &mut Unstructured<'_>, state: &State, account: AccountId) -> Result<Action> {
    let universe = UniverseId::new(choices.int_in_range(0..=2)?);
    let tranche = *choices.choose(&[Tranche::Junior, Tranche::Senior])?;
    Ok(match choices.int_in_range(0..=10u8)? {
        0 => Action::CreateSubAccount { name: name(choices)? },
        1 => {
            let subs: Vec<AccountId> = state.sub_accounts_of(account).map(|(sub, _)| sub).collect();
            let stranger = choices.choose(people())?.account();
            let sub_account = if subs.is_empty() { stranger } else { *choices.choose(&subs)? };
            let (asset, amount) = (AssetId::new(choices.int_in_range(0..=2)?), Amount::new(usd(choices)?.get()));
            let direction = *choices.choose(&[TransferDirection::Deposit, TransferDirection::Withdraw])?;
            Action::TransferSubAccount { sub_account, universe, asset, amount, direction }
        }
        2 => {
            let to = UniverseId::new(choices.int_in_range(0..=2)?);
            let (asset, amount) = (AssetId::new(choices.int_in_range(0..=2)?), Amount::new(usd(choices)?.get()));
            Action::MoveUniverse { from: universe, to, asset, amount }
        }
        3 => {
            let (name, market, deposit_usd) = (name(choices)?, listing(choices)?, usd(choices)?);
            Action::OpenUniverse { name, collateral: AssetId::new(0), market, deposit_usd }
        }
        4 => Action::ListMarket { universe, market: listing(choices)?, deposit_usd: usd(choices)? },
        5 => Action::CreateVault { name: name(choices)?, description: String::new(), initial_usd: usd(choices)? },
        6 => Action::DepositVault { vault: vault(choices, state, account)?, amount_usd: usd(choices)? },
        7 => Action::WithdrawVault { vault: vault(choices, state, account)?, redemption: redemption(choices)? },
        8 => Action::CloseVault { vault: vault(choices, state, account)? },
        9 => Action::DepositBackstop { universe, tranche, amount_usd: usd(choices)? },
        _ => Action::WithdrawBackstop { universe, tranche, redemption: redemption(choices)? },
    })
}
