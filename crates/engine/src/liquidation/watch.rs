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
    accounts::{Leg, asset_value_usd, collateral_value, leg},
    margin::MAINTENANCE_DIVISOR,
    market_math::{RATE_ONE, quote_value_usd},
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

/// Margins a unit, as far as maintenance goes.
pub(crate) fn standing(state: &State, unit: MarginUnit) -> Result<Standing, Rejection> {
    assess(state, unit).map(|assessed| assessed.standing)
}

/// A unit with its positions at the marks: one pass over the account, for its level and for its box.
struct Assessed {
    standing: Standing,
    legs: Vec<Leg>,
    /// Whether a price can take it to a worse level.
    can_fall: bool,
}

/// The same equity and maintenance that [`crate::accounts::margin`] and [`crate::accounts::isolated_margin`] find, which
/// look at initial margin too; a test compares them.
fn assess(state: &State, unit: MarginUnit) -> Result<Assessed, Rejection> {
    let universe = unit.universe;
    let collateral = state.universe(universe).ok_or(Rejection::UnknownUniverse { universe })?.spec.collateral;
    let standings = state.standings_of(unit.account);
    let mut legs = Vec::with_capacity(standings.len());
    let mut equity = Usd::ZERO;
    let mut maintenance = Usd::ZERO;
    for standing in standings.iter().filter(|standing| !standing.position.is_empty()) {
        let is_of_unit = match unit.market {
            Some(market) => standing.is_isolated() && standing.market == market,
            None => !standing.is_isolated(),
        };
        let Some(market) = state.market(standing.market).filter(|market| is_of_unit && market.universe == universe)
        else {
            continue;
        };
        let leg = leg(state, standing, market)?;
        equity = equity.checked_add(leg.at_rest.unrealised_usd).ok_or(Rejection::Overflow)?;
        maintenance = maintenance.checked_add(leg.at_rest.maintenance_usd).ok_or(Rejection::Overflow)?;
        legs.push(leg);
    }
    let has_positions = !legs.is_empty();
    let own = match unit.market {
        // Without a position, what a delivery left of the purse.
        Some(market) => quote_value_usd(state.balance(AccountId::isolated(unit.account, market), universe, collateral)),
        None => {
            let cash = quote_value_usd(state.balance(unit.account, universe, collateral));
            let held = quote_value_usd(state.held(unit.account, universe, collateral));
            let others = if state.other_assets_of(unit.account).is_empty() {
                Usd::ZERO
            } else {
                collateral_value(state, unit.account, universe)?.maintenance_usd
            };
            let free = cash.checked_sub(held).and_then(|free| free.checked_add(others));
            free.ok_or(Rejection::Overflow)?
        }
    };
    let equity_usd = equity.checked_add(own).ok_or(Rejection::Overflow)?;
    let cash = if unit.market.is_none() { state.balance(unit.account, universe, collateral) } else { Amount::ZERO };
    // A debt that other assets back can grow beyond them without any position.
    let can_fall = has_positions || cash < Amount::ZERO;
    Ok(Assessed { standing: Standing { equity_usd, maintenance_usd: maintenance, has_positions }, legs, can_fall })
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

/// Margins every candidate; returns those that are being liquidated, with what they have.
pub(super) fn run(work: &mut Work<'_>) -> Vec<(MarginUnit, Standing)> {
    let mut candidates: BTreeSet<MarginUnit> = work.state.outside_boxes();
    for account in work.state.take_touched() {
        candidates.extend(work.state.boxed_units_of(account));
        candidates.extend(units_of(work.state, account));
    }
    let is_recovery_due = work.state.height().get().checked_rem(RECOVERY_INTERVAL_BLOCKS) == Some(0);
    let called = work.state.margin_calls();
    candidates.extend(
        called.filter(|(_, level)| is_recovery_due || *level == MarginLevel::Liquidatable).map(|(unit, _)| unit),
    );
    let mut below = Vec::new();
    for unit in candidates {
        match look_at(work, unit, is_recovery_due) {
            Ok((MarginLevel::Liquidatable, standing)) => below.push((unit, standing)),
            Ok(_) => {}
            // What cannot be margined keeps its level and is tried again.
            Err(_) => work.state.touch(unit.account),
        }
    }
    below
}

/// Margins one unit: records and announces its level, and puts it into a box.
fn look_at(work: &mut Work<'_>, unit: MarginUnit, is_recovery_due: bool) -> Result<(MarginLevel, Standing), Rejection> {
    let assessed = assess(work.state, unit)?;
    let now = assessed.standing;
    let level = now.level()?;
    let mut recorded = work.state.margin_level(unit);
    if level > recorded || (is_recovery_due && level < recorded) {
        set_level(work, unit, &now)?;
        recorded = level;
    }
    let boxed_at = recorded.max(level);
    if boxed_at == MarginLevel::Liquidatable || !assessed.can_fall {
        work.state.set_box(unit, Vec::new());
        return Ok((recorded, now));
    }
    let threshold = next_threshold(boxed_at);
    let prices = sensitivities(work.state, unit, &assessed.legs, threshold)?;
    if !still_boxed(work.state, unit, &now, &prices, threshold)? {
        let bounds = new_box(&now, &prices, threshold)?;
        work.state.set_box(unit, bounds);
    }
    Ok((recorded, now))
}

/// Records a unit's level and announces it.
pub(super) fn set_level(work: &mut Work<'_>, unit: MarginUnit, now: &Standing) -> Result<(), Rejection> {
    let level = now.level()?;
    if level == MarginLevel::Healthy {
        forget(work, unit);
    } else {
        work.state.put(Record::MarginCall { id: unit, record: level });
    }
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

fn sensitivities(
    state: &State,
    unit: MarginUnit,
    legs: &[Leg],
    threshold: Rate,
) -> Result<Vec<Sensitivity>, Rejection> {
    let mut all = Vec::with_capacity(legs.len());
    for leg in legs {
        let key = if leg.is_long { PriceKey::MarkFalls(leg.market) } else { PriceKey::MarkRises(leg.market) };
        let divisor = i128::from(leg.maximum_leverage)
            .checked_mul(MAINTENANCE_DIVISOR)
            .and_then(|divisor| divisor.checked_mul(RATE_ONE))
            .ok_or(Rejection::Overflow)?;
        let notional = leg.at_rest.notional_usd.get();
        let added = multiply_divide_ceil(notional, i128::from(threshold.get()), divisor).ok_or(Rejection::Overflow)?;
        let whole_usd = notional.checked_add(added).ok_or(Rejection::Overflow)?;
        all.push(Sensitivity { key, price: leg.mark.get(), whole_usd });
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
fn new_box(now: &Standing, all: &[Sensitivity], threshold: Rate) -> Result<Vec<Bound>, Rejection> {
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
fn still_boxed(
    state: &State,
    unit: MarginUnit,
    now: &Standing,
    all: &[Sensitivity],
    threshold: Rate,
) -> Result<bool, Rejection> {
    let Some(bounds) = state.box_of(&unit) else { return Ok(false) };
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
