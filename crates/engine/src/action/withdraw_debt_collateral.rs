//! Take collateral out of one's own debt position (`docs/rules/synthetics.md`, "Collateral"): what stays must do for new risk.

use super::{Actor, Stop, move_universe::check_open};
use crate::{
    market_math::quote_amount,
    synthetics::{Debt, Terms},
    vaults::pay,
    work::Work,
};
use palisade_types::{ids::AssetId, numbers::Usd, receipt::Outcome, rejection::Rejection};

pub(super) fn run(work: &mut Work<'_>, actor: &Actor, asset: AssetId, amount_usd: Usd) -> Result<Outcome, Stop> {
    let account = actor.account;
    let terms = Terms::of(work.state, asset)?;
    let universe = terms.spec.universe;
    check_open(work.state, universe)?;
    if amount_usd <= Usd::ZERO {
        return Err(Rejection::AmountNotPositive { amount: quote_amount(amount_usd) }.into());
    }
    if work.state.debt(asset, account).is_none() {
        return Err(Rejection::NoDebt { asset }.into());
    }
    let index = terms.fresh_index(work.state, work.time_ms)?;
    let before = terms.debt(work.state, account);
    let collateral_usd = before.collateral_usd.checked_sub(amount_usd).ok_or(Rejection::Overflow)?;
    terms.check_initial(&Debt { collateral_usd, ..before }, &index)?;
    pay(work, universe, terms.collateral, terms.purse(account), &[(account, amount_usd)])?;
    terms.put_debt(work.state, account, before.debt);
    Ok(Outcome::Done)
}
