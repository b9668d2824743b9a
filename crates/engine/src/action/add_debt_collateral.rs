//! Put collateral into one's own debt position (`docs/rules/synthetics.md`, "Collateral"): at any age of the index.

use super::{Actor, Stop};
use crate::{
    market_math::quote_amount,
    synthetics::{Terms, check_running},
    vaults::{check_spendable, pay},
    work::Work,
};
use palisade_types::{ids::AssetId, numbers::Usd, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, asset: AssetId, amount_usd: Usd) -> Result<Outcome, Stop> {
    let account = actor.account;
    let terms = Terms::of(work.state, asset)?;
    let universe = terms.spec.universe;
    check_running(work.state, universe)?;
    if amount_usd <= Usd::ZERO {
        return Err(Rejection::AmountNotPositive { amount: quote_amount(amount_usd) }.into());
    }
    let debt = work.state.debt(asset, account).ok_or(Rejection::NoDebt { asset })?.debt;
    check_spendable(work.state, account, universe, terms.collateral, amount_usd)?;
    pay(work, universe, terms.collateral, account, &[(terms.purse(account), amount_usd)])?;
    terms.put_debt(work.state, account, debt);
    Ok(Outcome::Done)
}
