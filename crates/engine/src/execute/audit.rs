//! The invariants that the engine checks about itself, in production.
//!
//! - **I1** per universe and asset: the sum of balances (fees and clearing included) is what custody holds.
//! - **I2** per derivative: positions sum to zero, and so do their costs and what they owe in funding with the clearing
//!   account's balance; of futures and options, with what was delivered. A funding index moves by no more than an hour may cost.
//! - **I2** per synthetic: all units are owed, or are in its shortfall; the collateral of a debt lies at its address.
//! - **I4** what a market's clearing account has paid and not received is held back from whoever was paid.
//! - **Standings** hold the very positions of the records: margin reads these, and would be wrong without anyone's sums being so.
//! - **Shares** of a vault or a tranche are those of its holders.
//! - **I9** shares of a liquidity pool are those of its holders, and it is never empty; that nothing lowers what a share has of its
//!   reserves is checked where they change ([`crate::liquidity`]).
//!
//! After every action and every block for what changed; in full, recomputed from the records, every
//! [`FULL_AUDIT_INTERVAL_BLOCKS`]. A violation inside an action reverts the action and halts its universe; one that the
//! block's own steps or a full audit finds halts the chain, which then accepts only cancels.

use crate::{
    clearing,
    funding::{hourly_cap, largest_index_move},
    liquidity,
    state::{Checkpoint, CustodyId, DebtId, PoolShareId, PositionId, Record, RecordKey, State, UniverseRecord},
    synthetics,
    vaults::unequal_shares,
    work::{Work, WorkCheckpoint},
};
use palisade_types::{
    address::AccountId,
    event::Event,
    ids::{AssetId, Height, MarketId, UniverseId},
    numbers::{Amount, FundingIndex, Price, Usd},
};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks from one full audit to the next.
pub const FULL_AUDIT_INTERVAL_BLOCKS: u64 = 100;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub universe: UniverseId,
    pub invariant: String,
}

/// The block's own audit.
pub(super) fn run(work: &mut Work<'_>, start: WorkCheckpoint, height: Height) {
    let is_full = height.get().checked_rem(FULL_AUDIT_INTERVAL_BLOCKS) == Some(0);
    let violation = if is_full { check_all(work.state) } else { check_changed(work.state, start.state()) };
    if let Some(Violation { invariant, .. }) = violation
        && work.state.chain().halted.is_none()
    {
        work.update_chain(|chain| chain.halted = Some(invariant.clone()));
        work.emit(Event::ChainHalted { invariant });
    }
}

/// Stops a universe: only cancels work in it from then on.
pub(crate) fn halt_universe(work: &mut Work<'_>, universe: UniverseId, invariant: &str) {
    if let Some(record) = work.state.universe(universe).filter(|record| record.halted.is_none()).cloned() {
        let record = UniverseRecord { halted: Some(invariant.to_owned()), ..record };
        work.state.put(Record::Universe { id: universe, record });
        work.emit(Event::UniverseHalted { universe, invariant: invariant.to_owned() });
    }
}

/// What changed that an invariant looks at.
#[derive(Default)]
struct Changed {
    custodies: BTreeSet<CustodyId>,
    markets: BTreeSet<MarketId>,
    /// Funding indices as they were.
    indices: BTreeMap<MarketId, FundingIndex>,
    debts: BTreeSet<DebtId>,
    synthetics: BTreeSet<AssetId>,
    pools: BTreeSet<MarketId>,
}

impl Changed {
    fn since(state: &State, since: Checkpoint) -> Self {
        let mut found = Self::default();
        for (key, before) in state.changes_since(since) {
            match key {
                RecordKey::Balance(id) => {
                    found.custodies.insert(CustodyId { universe: id.universe, asset: id.asset });
                }
                RecordKey::Custody(id) => {
                    found.custodies.insert(id);
                    found.synthetics.insert(id.asset);
                }
                RecordKey::Position(id) => {
                    found.markets.insert(id.market);
                }
                RecordKey::Settlement(market) | RecordKey::Unreceived(PositionId { market, .. }) => {
                    found.markets.insert(market);
                }
                RecordKey::Funding(market) => {
                    let before = match before {
                        Some(Record::Funding { record, .. }) => record.index,
                        _ => FundingIndex::ZERO,
                    };
                    found.indices.entry(market).or_insert(before);
                }
                RecordKey::Debt(id) => {
                    found.debts.insert(id);
                    found.synthetics.insert(id.asset);
                }
                RecordKey::Synthetic(asset) => {
                    found.synthetics.insert(asset);
                }
                RecordKey::LiquidityPool(market) | RecordKey::PoolShare(PoolShareId { market, .. }) => {
                    found.pools.insert(market);
                }
                _ => {}
            }
        }
        found
    }
}

/// Checks what changed since a moment, by the kept totals.
pub(super) fn check_changed(state: &State, since: Checkpoint) -> Option<Violation> {
    let Changed { custodies, markets, indices, debts, synthetics: minted, pools } = Changed::since(state, since);
    let unbalanced = custodies.into_iter().find_map(|id| {
        let total = state.balance_total(id.universe, id.asset);
        unequal_custody(id, total, state.custody(id.universe, id.asset))
    });
    let jumped = || indices.iter().find_map(|(market, before)| index_jump(state, *market, *before));
    let unowed = || {
        let sums = minted.iter().find_map(|asset| synthetics::violation(state, *asset));
        let found = sums.or_else(|| debts.iter().find_map(|id| synthetics::debt_violation(state, *id)));
        violation_of(found)
    };
    let pooled = || pools.iter().find_map(|market| violation_of(liquidity::violation(state, *market)));
    unbalanced.or_else(jumped).or_else(unowed).or_else(pooled).or_else(|| {
        markets.into_iter().find_map(|market| {
            let totals = state.position_totals(market);
            let universe = universe_of(state, market);
            let delivered = state.settlement(market).map_or(0, |record| record.delivered_lots);
            let held = i128::try_from(totals.long).ok().zip(i128::try_from(totals.short).ok());
            let sum = held.and_then(|(long, short)| long.checked_sub(short)?.checked_add(delivered));
            let unpaid = clearing::violation(state, market).map(|invariant| Violation { universe, invariant });
            unpaid.or_else(|| {
                (sum != Some(0)).then(|| Violation {
                    universe,
                    invariant: format!(
                        "I2: market {market} has {} lots long and {} short, {delivered} are delivered",
                        totals.long, totals.short
                    ),
                })
            })
        })
    })
}

fn violation_of(found: Option<(UniverseId, String)>) -> Option<Violation> {
    found.map(|(universe, invariant)| Violation { universe, invariant })
}

/// A funding index that moved by more than an hour may cost, or is gone.
fn index_jump(state: &State, market: MarketId, before: FundingIndex) -> Option<Violation> {
    let spec = state.market(market)?;
    let terms = spec.perpetual()?;
    let after = state.funding(market).map(|record| record.index);
    let price = state.index(terms.underlying).map_or(Price::ZERO, |index| index.price);
    let largest = largest_index_move(hourly_cap(terms.maximum_leverage), price, spec.size_decimals).unwrap_or(0);
    let moved = after.map(|after| after.get().abs_diff(before.get()));
    moved.is_none_or(|moved| moved > largest).then(|| Violation {
        universe: spec.universe,
        invariant: format!(
            "I2: the funding index of market {market} went from {before} to {after:?}, the most is {largest}"
        ),
    })
}

/// Checks everything, recomputed from the records.
pub(super) fn check_all(state: &State) -> Option<Violation> {
    check_all_balances(state)
        .or_else(|| check_all_positions(state))
        .or_else(|| check_all_standings(state))
        .or_else(|| check_all_clearing(state))
        .or_else(|| violation_of(unequal_shares(state)))
        .or_else(|| violation_of(synthetics::first_violation(state)))
        .or_else(|| violation_of(liquidity::any_violation(state)))
}

fn check_all_clearing(state: &State) -> Option<Violation> {
    state.markets().filter(|market| market.derivative().is_some()).find_map(|market| {
        let universe = market.universe;
        clearing::violation(state, market.id).map(|invariant| Violation { universe, invariant })
    })
}

fn check_all_standings(state: &State) -> Option<Violation> {
    let violation = |market: MarketId, invariant: String| Violation { universe: universe_of(state, market), invariant };
    let mut recorded: usize = 0;
    for (id, record) in state.positions() {
        recorded = recorded.saturating_add(1);
        if state.position(id.account, id.market) != Some(record) {
            let invariant = format!("the standing of {} in market {} is not its position", id.account, id.market);
            return Some(violation(id.market, invariant));
        }
    }
    let standing = state.standing_positions();
    (standing != recorded).then(|| {
        violation(MarketId::new(0), format!("{standing} positions stand in accounts, {recorded} are recorded"))
    })
}

fn check_all_balances(state: &State) -> Option<Violation> {
    let mut sums: BTreeMap<CustodyId, Amount> = state.custodies().map(|(id, _)| (id, Amount::ZERO)).collect();
    for (balance, amount) in state.balances() {
        let id = CustodyId { universe: balance.universe, asset: balance.asset };
        let sum = sums.entry(id).or_default();
        match sum.checked_add(amount) {
            Some(after) => *sum = after,
            None => {
                let invariant = format!("I1: balances of asset {} overflow", id.asset);
                return Some(Violation { universe: id.universe, invariant });
            }
        }
    }
    sums.into_iter().find_map(|(id, sum)| {
        let kept = state.balance_total(id.universe, id.asset);
        unequal_custody(id, sum, state.custody(id.universe, id.asset)).or_else(|| unequal_custody(id, sum, kept))
    })
}

fn check_all_positions(state: &State) -> Option<Violation> {
    // Every derivative, so that clearing is also checked where no position is left.
    let derivatives = state.markets().filter(|market| market.derivative().is_some());
    let mut sums: BTreeMap<MarketId, (i128, i128)> = derivatives.map(|market| (market.id, (0, 0))).collect();
    for (id, record) in state.positions() {
        let (lots, cost) = sums.entry(id.market).or_default();
        *lots = lots.saturating_add(i128::from(record.position.get()));
        let owed = record.funding_owed_usd(state.funding_index(id.market)).map_or(i128::MAX, Usd::get);
        *cost = cost.saturating_add(record.entry_cost_usd.get()).saturating_add(owed);
    }
    sums.into_iter().find_map(|(market, (lots, cost))| {
        let spec = state.market(market)?;
        let collateral = state.universe(spec.universe)?.spec.collateral;
        let clearing = state.balance(AccountId::clearing(market), spec.universe, collateral);
        let delivered =
            state.settlement(market).map_or((0, 0), |record| (record.delivered_lots, record.delivered_value_usd.get()));
        let lots = lots.saturating_add(delivered.0);
        let unsettled = cost.saturating_add(clearing.get()).saturating_add(delivered.1);
        (lots != 0 || unsettled != 0).then(|| Violation {
            universe: spec.universe,
            invariant: format!("I2: positions of market {market} sum to {lots} lots and {unsettled} beyond clearing"),
        })
    })
}

fn unequal_custody(id: CustodyId, sum: Amount, custody: Amount) -> Option<Violation> {
    (sum != custody).then(|| Violation {
        universe: id.universe,
        invariant: format!("I1: balances of asset {} sum to {sum}, custody is {custody}", id.asset),
    })
}

fn universe_of(state: &State, market: MarketId) -> UniverseId {
    state.market(market).map_or(UniverseId::new(0), |spec| spec.universe)
}
