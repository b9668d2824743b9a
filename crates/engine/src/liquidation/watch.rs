//! Finding the margin units whose level changed: exactly those that a look at everyone would find.
//!
//! Candidates are the accounts that changed, the units whose box a price has left, and the units that are being
//! liquidated. Each is margined; a level that got worse is recorded and announced at once, one that got better every
//! [`RECOVERY_INTERVAL_BLOCKS`] (so that an account at a threshold is not announced block after block). A unit's box ends where
//! its next worse level could begin.
//!
//! Why boxes are safe: a mark that moves against a position by `d` lowers `equity − c × maintenance` by at most
//! `lots × d × (1 + c × maintenance fraction)`; one that moves in its favour raises it, because `c × maintenance fraction < 1`.
//! Rounding costs at most [`ROUNDING_UNITS`] per price.

use super::forget;
use crate::{
    accounts::{asset_value_usd, exposure_at_rest, isolated_margin, margin},
    margin::{AccountMargin, Exposure, MAINTENANCE_DIVISOR},
    market_math::RATE_ONE,
    mutant::{Mutant, is_planted},
    oracle::is_fresh_index,
    state::{Bound, MarginUnit, PriceKey, Record, State},
    wide::{multiply_divide_ceil, multiply_divide_floor},
    work::Work,
};
use palisade_types::{
    address::AccountId,
    event::{Event, MarginLevel},
    ids::{MarketId, UniverseId},
    numbers::{Amount, Rate, Usd},
    rejection::Rejection,
};
use std::collections::BTreeSet;

/// Warnings begin below this multiple of the maintenance requirement.
pub const WARNED_BELOW: Rate = Rate::new(1_250_000);

/// The last warning comes below this multiple.
pub const CALLED_BELOW: Rate = Rate::new(1_100_000);

/// Blocks from one look at whether called units have recovered to the next.
pub const RECOVERY_INTERVAL_BLOCKS: u64 = 16;

/// Units of 1e-8 USD that rounding may cost per price between a box's middle and its edge.
const ROUNDING_UNITS: i128 = 8;

/// A box spans this part of what the unit could lose before its next level, so that small changes stay inside.
const BOX_SHARE: Rate = Rate::new(750_000);

/// What a margin unit has, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What it has.
    pub equity_usd: Usd,
    /// What it needs.
    pub maintenance_usd: Usd,
    /// Whether it holds any position.
    pub has_positions: bool,
}

impl Standing {
    fn of(margin: &AccountMargin, has_positions: bool) -> Result<Self, Rejection> {
        Ok(Self { equity_usd: margin.equity_usd()?, maintenance_usd: margin.maintenance_usd, has_positions })
    }

    /// The level by the numbers alone.
    pub(crate) fn level(&self) -> Result<MarginLevel, Rejection> {
        if self.equity_usd < self.maintenance_usd {
            return Ok(MarginLevel::Liquidatable);
        }
        Ok(if self.equity_usd < self.times(CALLED_BELOW)? {
            MarginLevel::Called
        } else if self.equity_usd < self.times(WARNED_BELOW)? {
            MarginLevel::Warned
        } else {
            MarginLevel::Healthy
        })
    }

    /// Equity per maintenance, in parts per million: smaller is worse. Without a requirement, the debt itself.
    pub(crate) fn ratio(&self) -> i128 {
        let needed = self.maintenance_usd.get().max(1);
        multiply_divide_floor(self.equity_usd.get(), RATE_ONE, needed).unwrap_or(i128::MIN)
    }

    /// Whether so little is left that the whole is handed over.
    pub(crate) fn is_far_below(&self) -> Result<bool, Rejection> {
        Ok(self.equity_usd < self.times(super::TAKEOVER_BELOW)?)
    }

    fn times(&self, factor: Rate) -> Result<Usd, Rejection> {
        multiply_divide_ceil(self.maintenance_usd.get(), i128::from(factor.get()), RATE_ONE)
            .map(Usd::new)
            .ok_or(Rejection::Overflow)
    }
}

/// Margins a unit.
pub(crate) fn standing(state: &State, unit: MarginUnit) -> Result<Standing, Rejection> {
    let (margin, has_positions) = margin_of(state, unit)?;
    Standing::of(&margin, has_positions)
}

fn margin_of(state: &State, unit: MarginUnit) -> Result<(AccountMargin, bool), Rejection> {
    let has_positions = !markets_of(state, &unit).is_empty();
    let margin = match unit.market {
        None => margin(state, unit.account, unit.universe)?,
        // A unit of a mode that was switched off, whose position is margined elsewhere now, or what a delivery left: the purse.
        Some(market) if !has_positions => {
            AccountMargin::default().with_balance(purse_of(state, unit.account, unit.universe, market))
        }
        Some(market) => {
            let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
            isolated_margin(state, unit.account, spec)?
        }
    };
    Ok((margin, has_positions))
}

/// The markets in which the unit holds a position.
pub(crate) fn markets_of(state: &State, unit: &MarginUnit) -> Vec<MarketId> {
    let held = state.standings_of(unit.account).iter().filter(|standing| !standing.position.is_empty());
    held.map(|standing| standing.market).filter(|market| is_of_unit(state, unit, *market)).collect()
}

/// Whether what the account does in a market is margined with the unit.
pub(crate) fn is_of_unit(state: &State, unit: &MarginUnit, market: MarketId) -> bool {
    let here = state.market(market).is_some_and(|spec| spec.universe == unit.universe);
    let is_isolated = state.standing(unit.account, market).is_isolated();
    match unit.market {
        Some(isolated) => here && is_isolated && isolated == market,
        None => here && !is_isolated,
    }
}

/// The margin units of an account that can owe anything, in order.
pub(crate) fn units_of(state: &State, account: AccountId) -> BTreeSet<MarginUnit> {
    let mut units = BTreeSet::new();
    for standing in state.standings_of(account) {
        let Some(spec) = state.market(standing.market) else { continue };
        let universe = spec.universe;
        if !standing.position.is_empty() {
            let market = standing.is_isolated().then_some(standing.market);
            units.insert(MarginUnit { account, universe, market });
        } else if standing.market.is_future() && purse_of(state, account, universe, standing.market) < Amount::ZERO {
            // What a delivery took beyond the purse of an isolated position is owed by the purse, not by its owner.
            units.insert(MarginUnit { account, universe, market: Some(standing.market) });
        }
    }
    // Only people's accounts owe as such: clearing accounts and purses may be below zero while positions are open.
    for (id, _) in state.balances_of(account).filter(|(_, amount)| amount.get() < 0) {
        let owes = state.universe(id.universe).is_some_and(|record| record.spec.collateral == id.asset);
        if owes && state.account(account).is_some() {
            units.insert(MarginUnit { account, universe: id.universe, market: None });
        }
    }
    units
}

/// What lies in the purse of an isolated position, whether or not there is one any more.
fn purse_of(state: &State, account: AccountId, universe: UniverseId, market: MarketId) -> Amount {
    let collateral = state.universe(universe).map(|record| record.spec.collateral);
    collateral.map_or(Amount::ZERO, |asset| state.balance(AccountId::isolated(account, market), universe, asset))
}

/// Whether the unit may be worked on: its universe runs and every index it depends on is fresh.
pub(crate) fn is_priced(work: &Work<'_>, unit: &MarginUnit) -> bool {
    let state = &*work.state;
    let runs = state.universe(unit.universe).is_some_and(|record| record.halted.is_none());
    let fresh = markets_of(state, unit).into_iter().all(|market| {
        let underlying = state.market(market).and_then(|spec| spec.linear()).map(|terms| terms.underlying);
        underlying.is_some_and(|asset| is_fresh_index(state, asset, work.time_ms)) && state.mark(market).is_some()
    });
    runs && fresh
}

/// Margins every candidate.
pub(super) fn run(work: &mut Work<'_>) {
    let mut candidates: BTreeSet<MarginUnit> = work.state.outside_boxes();
    // Rare: more of an asset than counts in full makes everyone's count less.
    candidates.extend(work.state.take_diluted());
    for account in work.state.take_touched() {
        candidates.extend(work.state.boxed_units_of(account));
        candidates.extend(units_of(work.state, account));
    }
    let is_recovery_due = work.state.height().get().checked_rem(RECOVERY_INTERVAL_BLOCKS) == Some(0);
    let called: Vec<(MarginUnit, MarginLevel)> = work.state.margin_calls().collect();
    for (unit, level) in called {
        if is_recovery_due || level == MarginLevel::Liquidatable {
            candidates.insert(unit);
        }
    }
    for unit in candidates {
        // What cannot be margined keeps its level and is tried again.
        if look_at(work, unit, is_recovery_due).is_err() {
            work.state.touch(unit.account);
        }
    }
}

/// Margins one unit: records and announces its level, and puts it into a box.
fn look_at(work: &mut Work<'_>, unit: MarginUnit, is_recovery_due: bool) -> Result<(), Rejection> {
    let (margin, has_positions) = margin_of(work.state, unit)?;
    let now = Standing::of(&margin, has_positions)?;
    let level = now.level()?;
    let recorded = work.state.margin_level(unit);
    if level > recorded || (is_recovery_due && level < recorded) {
        set_level(work, unit, &now)?;
    }
    let boxed_at = work.state.margin_level(unit).max(level);
    // A debt that other assets back can grow beyond them without any position.
    let can_fall = has_positions || margin.balance_usd < Usd::ZERO;
    if boxed_at == MarginLevel::Liquidatable || !can_fall {
        work.state.set_box(unit, Vec::new());
        return Ok(());
    }
    if !still_boxed(work.state, unit, &now, boxed_at)? {
        let bounds = new_box(work.state, unit, &now, boxed_at)?;
        work.state.set_box(unit, bounds);
    }
    Ok(())
}

/// Records a unit's level and announces it.
pub(super) fn set_level(work: &mut Work<'_>, unit: MarginUnit, now: &Standing) -> Result<(), Rejection> {
    let level = now.level()?;
    if level == MarginLevel::Healthy {
        forget(work, unit);
    } else {
        work.state.put(Record::MarginCall { id: unit, record: level });
    }
    // The box that belongs to the old level is no longer right.
    work.state.touch(unit.account);
    work.emit(Event::MarginCalled {
        account: unit.account,
        universe: unit.universe,
        market: unit.market,
        level,
        equity_usd: now.equity_usd,
        maintenance_usd: now.maintenance_usd,
    });
    Ok(())
}

/// The multiple of maintenance at which a unit of this level comes to the next worse one.
const fn next_threshold(level: MarginLevel) -> Rate {
    match level {
        MarginLevel::Healthy => WARNED_BELOW,
        MarginLevel::Warned => CALLED_BELOW,
        MarginLevel::Called | MarginLevel::Liquidatable => Rate::new(1_000_000),
    }
}

/// A price that can hurt a unit, and how much per 1e-8 USD of its movement.
struct Sensitivity {
    key: PriceKey,
    price: i64,
    /// What a move over the whole price would cost, threshold included, rounded up.
    whole_usd: i128,
}

fn sensitivities(state: &State, unit: MarginUnit, threshold: Rate) -> Result<Vec<Sensitivity>, Rejection> {
    let mut all = Vec::new();
    for market in markets_of(state, &unit) {
        let spec = state.market(market).ok_or(Rejection::UnknownMarket { market })?;
        let exposure: Exposure = exposure_at_rest(state, unit.account, spec)?;
        let is_long = exposure.position.position.get() > 0;
        let key = if is_long { PriceKey::MarkFalls(market) } else { PriceKey::MarkRises(market) };
        let divisor = i128::from(exposure.maximum_leverage)
            .checked_mul(MAINTENANCE_DIVISOR)
            .and_then(|divisor| divisor.checked_mul(RATE_ONE))
            .ok_or(Rejection::Overflow)?;
        let notional = exposure.notional_usd()?.get();
        let added = multiply_divide_ceil(notional, i128::from(threshold.get()), divisor).ok_or(Rejection::Overflow)?;
        let whole_usd = notional.checked_add(added).ok_or(Rejection::Overflow)?;
        all.push(Sensitivity { key, price: exposure.mark.get(), whole_usd });
    }
    if unit.market.is_none() {
        for &((_, asset), amount) in
            state.other_assets_of(unit.account).iter().filter(|((of, _), _)| *of == unit.universe)
        {
            let (Some(spec), Some(index)) = (state.asset(asset), state.index(asset)) else { continue };
            let Some(terms) = spec.collateral else { continue };
            let value = asset_value_usd(amount, spec.decimals, index.price)?.get();
            let weight = i128::from(terms.maintenance_weight.get());
            let whole_usd = multiply_divide_ceil(value, weight, RATE_ONE).ok_or(Rejection::Overflow)?;
            all.push(Sensitivity { key: PriceKey::IndexFalls(asset), price: index.price.get(), whole_usd });
        }
    }
    Ok(all)
}

/// What the unit may lose before its next level, rounding left aside.
fn slack(now: &Standing, threshold: Rate, prices: usize) -> Result<i128, Rejection> {
    let needed = now.times(threshold)?;
    let rounding = ROUNDING_UNITS.saturating_mul(i128::try_from(prices).unwrap_or(i128::MAX).saturating_add(1));
    Ok(now.equity_usd.checked_sub(needed).ok_or(Rejection::Overflow)?.get().saturating_sub(rounding))
}

/// The same relative move of every price, each against the unit, that uses up [`BOX_SHARE`] of its slack.
fn new_box(state: &State, unit: MarginUnit, now: &Standing, level: MarginLevel) -> Result<Vec<Bound>, Rejection> {
    let threshold = next_threshold(level);
    let all = sensitivities(state, unit, threshold)?;
    let slack = slack(now, threshold, all.len())?;
    let share = i128::from(BOX_SHARE.get());
    let used = multiply_divide_floor(slack.max(0), share, RATE_ONE).ok_or(Rejection::Overflow)?;
    let whole = all.iter().fold(0i128, |sum, one| sum.saturating_add(one.whole_usd)).max(1);
    let widened = if is_planted(Mutant::BoxTooWide) { used.saturating_mul(4) } else { used };
    all.iter()
        .map(|one| {
            let distance = multiply_divide_floor(i128::from(one.price), widened, whole).ok_or(Rejection::Overflow)?;
            let price = i128::from(one.price);
            let bound = match one.key {
                // At the edge of its level rounding alone may take it over: every price is outside.
                PriceKey::MarkRises(_) if slack <= 0 => 0,
                PriceKey::MarkFalls(_) | PriceKey::IndexFalls(_) if slack <= 0 => i128::from(i64::MAX),
                PriceKey::MarkRises(_) => price.saturating_add(distance),
                PriceKey::MarkFalls(_) | PriceKey::IndexFalls(_) => price.saturating_sub(distance),
            };
            Ok(Bound { key: one.key, price: i64::try_from(bound.max(0)).unwrap_or(i64::MAX) })
        })
        .collect()
}

/// Whether the box it has is still right: it bounds every price that can hurt, no price has left it, and with all prices
/// at its edges the unit would be at its level still.
fn still_boxed(state: &State, unit: MarginUnit, now: &Standing, level: MarginLevel) -> Result<bool, Rejection> {
    let Some(bounds) = state.box_of(&unit) else { return Ok(false) };
    let threshold = next_threshold(level);
    let all = sensitivities(state, unit, threshold)?;
    if all.len() != bounds.len() {
        return Ok(false);
    }
    let mut left = slack(now, threshold, all.len())?;
    for (one, bound) in all.iter().zip(bounds) {
        let distance = match one.key {
            PriceKey::MarkRises(_) => i128::from(bound.price).saturating_sub(i128::from(one.price)),
            PriceKey::MarkFalls(_) | PriceKey::IndexFalls(_) => {
                i128::from(one.price).saturating_sub(i128::from(bound.price))
            }
        };
        if one.key != bound.key || distance < 0 {
            return Ok(false);
        }
        let lost = multiply_divide_ceil(one.whole_usd, distance, i128::from(one.price.max(1)));
        left = left.saturating_sub(lost.ok_or(Rejection::Overflow)?);
    }
    Ok(left >= 0)
}

/// Every margin unit that is below maintenance, found by looking at everyone: what the watch must equal once the step of a block
/// has run. For auditors and tests; the engine never looks at everyone.
pub fn scan(state: &State) -> BTreeSet<MarginUnit> {
    let holders = state.positions().map(|(id, _)| id.account).chain(state.balances().map(|(id, _)| id.account));
    let accounts: BTreeSet<AccountId> = holders.chain(state.accounts().map(|(account, _)| account)).collect();
    let units = accounts.into_iter().flat_map(|account| units_of(state, account));
    units
        .filter(|unit| {
            let level = standing(state, *unit).and_then(|standing| standing.level());
            level == Ok(MarginLevel::Liquidatable)
        })
        .collect()
}
