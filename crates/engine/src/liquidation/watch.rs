//! Finding the margin units whose level changed: exactly those that a look at everyone would find.
//!
//! Candidates are the accounts that changed, the units whose box a price has left, and the units that are being
//! liquidated. Each is margined; a level that got worse is recorded and announced at once, one that got better every
//! [`RECOVERY_INTERVAL_BLOCKS`] (so that an account at a threshold is not announced block after block). A unit's box ends where
//! its next worse level could begin: see [`super::boxes`].
//!
//! A candidate whose account changed is margined from its records, any other from what was kept of them. Each is looked at
//! by itself, in any order; what changed is recorded and announced in order of the units.

use super::{
    boxes::{self, Boxing, Priced, holdings, price},
    forget,
};
use crate::{
    market_math::RATE_ONE,
    mutant::{Mutant, is_planted},
    oracle::is_fresh_index,
    state::{Bounds, MarginUnit, PriceKey, Record, State, WatchNumber, Watched},
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

/// What a margin unit has, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What it has.
    pub equity_usd: Usd,
    /// What it needs.
    pub maintenance_usd: Usd,
    /// The part of both that options meet by what they are worth: what is left must be there beside them. Negative where shorts
    /// outweigh longs: then it is their worth, which is a requirement like any other.
    pub netted_usd: Usd,
    /// Whether it holds any position.
    pub has_positions: bool,
}

impl Standing {
    /// What is left beside options that meet their requirement by what they are worth: without it, whoever holds nothing but
    /// options would be warned because these are all that is there.
    pub(super) fn net(&self) -> Result<Self, Rejection> {
        let less = |usd: Usd| usd.checked_sub(self.netted_usd).ok_or(Rejection::Overflow);
        let (equity_usd, maintenance_usd) = (less(self.equity_usd)?, less(self.maintenance_usd)?);
        Ok(Self { equity_usd, maintenance_usd, netted_usd: Usd::ZERO, ..*self })
    }

    /// The level by the numbers alone.
    pub(crate) fn level(&self) -> Result<MarginLevel, Rejection> {
        self.net()?.level_of_net()
    }

    fn level_of_net(&self) -> Result<MarginLevel, Rejection> {
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
        let Ok(net) = self.net() else { return i128::MIN };
        let needed = net.maintenance_usd.get().max(1);
        multiply_divide_floor(net.equity_usd.get(), RATE_ONE, needed).unwrap_or(i128::MIN)
    }

    /// Whether so little is left that the whole is handed over.
    pub(crate) fn is_far_below(&self) -> Result<bool, Rejection> {
        let net = self.net()?;
        Ok(net.equity_usd < net.times(super::TAKEOVER_BELOW)?)
    }

    pub(super) fn times(&self, factor: Rate) -> Result<Usd, Rejection> {
        multiply_divide_ceil(self.maintenance_usd.get(), i128::from(factor.get()), RATE_ONE)
            .map(Usd::new)
            .ok_or(Rejection::Overflow)
    }
}

/// Margins a unit, as far as maintenance goes.
pub(crate) fn standing(state: &State, unit: MarginUnit) -> Result<Standing, Rejection> {
    price(state, &holdings(state, unit)?, &mut Vec::new())
}

/// The same as if the unit held so many lots in a market, and so much more cash.
pub(super) fn standing_with_lots(
    state: &State,
    unit: MarginUnit,
    market: MarketId,
    lots: i64,
    cash_usd: Usd,
) -> Result<Standing, Rejection> {
    let mut watched = holdings(state, unit)?;
    watched.base_usd = watched.base_usd.checked_add(cash_usd).ok_or(Rejection::Overflow)?;
    let is_there = |key: PriceKey| key == PriceKey::MarkFalls(market) || key == PriceKey::MarkRises(market);
    for edge in watched.edges.iter_mut().filter(|edge| is_there(edge.key)) {
        edge.lots = lots;
    }
    price(state, &watched, &mut Vec::new())
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
        } else if standing.is_isolated() && purse_of(state, account, universe, standing.market) < Amount::ZERO {
            // What a delivery took beyond the purse of an isolated position is owed by the purse, not by its owner.
            units.insert(MarginUnit { account, universe, market: Some(standing.market) });
        }
    }
    // Only people and the vault owe as such: clearing accounts and purses may be below zero while positions are open, also if
    // somebody made an account of their address by sending something there before it was theirs.
    let is_person = state.account(account).is_some() && !state.is_system_account(account);
    for (id, _) in state.balances_of(account).filter(|(_, amount)| amount.get() < 0) {
        let owes = state.universe(id.universe).is_some_and(|record| record.spec.collateral == id.asset);
        if owes && (is_person || account == AccountId::backstop(id.universe)) {
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
        let underlying = state.market(market).and_then(|spec| spec.derivative()).map(|terms| terms.underlying);
        let is_fresh = |asset| is_fresh_index(state, asset, work.time_ms) || is_planted(Mutant::ActOnOldPrices);
        underlying.is_some_and(is_fresh) && state.mark(market).is_some()
    });
    runs && fresh
}

/// Margins every candidate; returns those that are being liquidated, with what they have.
pub(super) fn run(work: &mut Work<'_>) -> Vec<(MarginUnit, Standing)> {
    let is_recovery_due = work.state.height().get().checked_rem(RECOVERY_INTERVAL_BLOCKS) == Some(0);
    let candidates = candidates(work.state, is_recovery_due);
    let mut pass = Pass { is_recovery_due, ..Pass::default() };
    for unit in candidates.changed {
        pass.look_at_changed(work.state, unit);
    }
    for number in candidates.kept {
        pass.look_at_kept(work.state, number);
    }
    pass.moved.sort_unstable_by_key(|(unit, _)| *unit);
    for (unit, now) in &pass.moved {
        if set_level(work, *unit, now).is_err() {
            work.state.touch(unit.account);
        }
    }
    pass.below
}

/// Who must be looked at.
struct Candidates {
    /// Units whose records changed, or of which nothing is kept.
    changed: BTreeSet<MarginUnit>,
    /// The others; none twice.
    kept: Vec<WatchNumber>,
}

fn candidates(state: &mut State, is_recovery_due: bool) -> Candidates {
    let mut changed = BTreeSet::new();
    let mut kept = state.outside_boxes();
    for account in state.take_touched() {
        changed.extend(state.watched_units_of(account));
        changed.extend(units_of(state, account));
    }
    for (unit, level) in state.margin_calls() {
        if is_recovery_due || level == MarginLevel::Liquidatable {
            match state.watch_number(&unit) {
                Some(number) => kept.push(number),
                None => {
                    changed.insert(unit);
                }
            }
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept.retain(|number| {
        let Some(watched) = state.watched(*number) else { return false };
        // A change of a purse does not touch the account whose position it backs.
        if watched.unit.market.is_some() {
            changed.insert(watched.unit);
        }
        !changed.contains(&watched.unit)
    });
    Candidates { changed, kept }
}

/// One pass over the candidates of a block; the lists between are kept from one to the next.
#[derive(Default)]
struct Pass {
    is_recovery_due: bool,
    /// Units whose recorded level changes.
    moved: Vec<(MarginUnit, Standing)>,
    /// Units that are being liquidated.
    below: Vec<(MarginUnit, Standing)>,
    priced: Vec<Priced>,
    bounds: Vec<Bounds>,
}

impl Pass {
    /// Margins a unit by its records, and keeps what they say.
    fn look_at_changed(&mut self, state: &mut State, unit: MarginUnit) {
        let Ok(watched) = holdings(state, unit) else {
            state.touch(unit.account);
            return;
        };
        if watched.can_fall() {
            match state.watch(watched) {
                Some(number) => self.look_at_kept(state, number),
                None => state.touch(unit.account),
            }
            return;
        }
        if let Some(number) = state.watch_number(&unit) {
            state.unwatch(number);
        }
        if self.judge(state, &watched).is_err() {
            state.touch(unit.account);
        }
    }

    /// Margins a unit by what is kept of it, and puts it into a box.
    fn look_at_kept(&mut self, state: &mut State, number: WatchNumber) {
        let Some(watched) = state.watched(number) else { return };
        let account = watched.unit.account;
        let is_portfolio = boxes::is_portfolio(state, &watched.unit);
        if is_portfolio {
            match self.judge(state, watched) {
                Ok(_) => state.look_always(number),
                Err(_) => state.touch(account),
            }
            return;
        }
        let boxing = self.judge(state, watched).and_then(|(level, now)| {
            if level == MarginLevel::Liquidatable {
                return Ok(None);
            }
            boxes::fit(watched, &now, &self.priced, next_threshold(level), &mut self.bounds).map(Some)
        });
        match boxing {
            Ok(Some(Boxing::Stays)) => {}
            Ok(Some(Boxing::Begins)) => state.set_box(number, &self.bounds),
            Ok(None) => state.clear_box(number),
            // What cannot be margined keeps its level and is tried again.
            Err(_) => state.touch(account),
        }
    }

    /// Margins a unit and takes note of what its level means; returns the level that it must be boxed at.
    fn judge(&mut self, state: &State, watched: &Watched) -> Result<(MarginLevel, Standing), Rejection> {
        let now = price(state, watched, &mut self.priced)?;
        let level = now.level()?;
        let mut recorded = state.margin_level(watched.unit);
        if level > recorded || (self.is_recovery_due && level < recorded) {
            self.moved.push((watched.unit, now));
            recorded = level;
        }
        if recorded == MarginLevel::Liquidatable {
            self.below.push((watched.unit, now));
        }
        Ok((recorded.max(level), now))
    }
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
