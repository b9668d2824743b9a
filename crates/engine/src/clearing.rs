//! What a market's clearing account has paid out before it was paid in (I4). Rules page: `docs/rules/margin.md`.
//!
//! Whoever closes with a profit has it at once, from the market's clearing account; whoever loses pays when they close. In
//! between clearing is **short**. What was realised while it was short is **unreceived**: it backs positions and pays losses
//! like all cash, but it leaves neither the account nor the universe.
//!
//! - Of an account, per market, `min(what it realised while clearing was short, what clearing is short now)` is held back.
//! - Once clearing is short no longer, all of a market is forgotten.
//! - Losers pay in without closing, a bounded number in every block, as long as clearing is short
//!   ([`crate::execute`], loss settlement).
//!
//! Invariant: what is held back of a market is at least what its clearing account is short of; the engine audits it.

use crate::{
    ledger::Settlement,
    market_math::quote_value_usd,
    mutant::{Mutant, is_planted},
    state::{PositionId, Record, RecordKey, State},
};
use palisade_types::{
    address::AccountId,
    ids::{MarketId, UniverseId},
    market::MarketSpec,
    numbers::Usd,
    rejection::Rejection,
};

/// What the market's clearing account has paid and not received.
pub(crate) fn shortfall_usd(state: &State, market: &MarketSpec) -> Usd {
    let Some(universe) = state.universe(market.universe) else { return Usd::ZERO };
    let clearing = state.balance(AccountId::clearing(market.id), market.universe, universe.spec.collateral);
    quote_value_usd(clearing).checked_neg().unwrap_or(Usd::MAX).max(Usd::ZERO)
}

/// Applies a settlement that moves money between clearing and `parties`, each with what clearing pays it (negative: is paid
/// by it), and holds back what clearing does not have.
pub(crate) fn apply(
    state: &mut State,
    market: &MarketSpec,
    settlement: Settlement,
    parties: &[(AccountId, Usd)],
) -> Result<(), Rejection> {
    let before = shortfall_usd(state, market);
    settlement.apply(state)?;
    let after = shortfall_usd(state, market);
    let mut grown = after.checked_sub(before).ok_or(Rejection::Overflow)?;
    for &(account, paid_usd) in parties {
        let part = paid_usd.min(grown);
        if part <= Usd::ZERO {
            continue;
        }
        let id = PositionId { account, market: market.id };
        let record = state.unreceived(id).checked_add(part).ok_or(Rejection::Overflow)?;
        state.put(Record::Unreceived { id, record });
        grown = grown.checked_sub(part).ok_or(Rejection::Overflow)?;
    }
    if after.is_zero() {
        forget(state, market.id);
    }
    Ok(())
}

fn forget(state: &mut State, market: MarketId) {
    let accounts: Vec<AccountId> =
        state.unreceived_of_market(market).into_iter().flat_map(|all| all.accounts.iter().copied()).collect();
    for account in accounts {
        state.delete(RecordKey::Unreceived(PositionId { account, market }));
    }
}

/// What of an account's cash in a universe may not leave it.
pub fn unreceived_usd(state: &State, account: AccountId, universe: UniverseId) -> Result<Usd, Rejection> {
    let mut sum = Usd::ZERO;
    if is_planted(Mutant::UnreceivedCanLeave) {
        return Ok(sum);
    }
    for (market, amount_usd) in state.unreceived_of(account) {
        let Some(market) = state.market(market).filter(|market| market.universe == universe) else { continue };
        let held_back = amount_usd.min(shortfall_usd(state, market));
        sum = sum.checked_add(held_back).ok_or(Rejection::Overflow)?;
    }
    Ok(sum)
}

/// Whether less is held back than clearing is short of, or anything though it is not.
pub(crate) fn violation(state: &State, market: MarketId) -> Option<String> {
    let short = shortfall_usd(state, state.market(market)?);
    let held_back = state.unreceived_of_market(market).map_or(Usd::ZERO, |all| all.total_usd);
    let holds = short <= held_back && (!short.is_zero() || held_back.is_zero());
    (!holds).then(|| format!("I4: clearing of market {market} is short of {short}, {held_back} are held back"))
}

#[cfg(test)]
#[path = "clearing_tests.rs"]
mod tests;
